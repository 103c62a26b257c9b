"""The plugin's own layout and punctuation edits, as the measurement of both models uses them."""

from __future__ import annotations

import random

from pytest_promptchaos.neighborhoods.edits import format_edits, punctuation_edits

KINDS_NOT_TRAINED = {
    "format": ("crlf_suffix", "tab_indent", "tab_after_space", "no_break_space"),
    "punctuation": (
        "parenthesized_word",
        "doubled_word",
        "quote_style",
        "final_mark_swapped",
        "space_after_mark",
    ),
}
_RUNGS = {"format": format_edits, "punctuation": punctuation_edits}
RUNGS = tuple(_RUNGS)


def product_edits(prompt: str, rung: str) -> dict[str, str]:
    """One edit of every kind that fits the prompt, its place drawn from the prompt itself."""
    found: dict[str, list[str]] = {}
    for edit in _RUNGS[rung](prompt):
        found.setdefault(edit.kind, []).append(edit.text)
    return {kind: random.Random(f"{kind} {prompt}").choice(texts) for kind, texts in found.items()}
