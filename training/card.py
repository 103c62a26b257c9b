"""The model card: every number comes from the run that wrote the weights."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

if TYPE_CHECKING:
    from collections.abc import Sequence

    from training.measuring import Score

Card = dict[str, Any]

PARTS = ("held-out instances", "held-out templates")
_TEMPLATES = Environment(
    loader=FileSystemLoader(Path(__file__).parent),
    undefined=StrictUndefined,
    autoescape=False,
    keep_trailing_newline=True,
)


def score_entry(score: Score) -> Card:
    """Return a score as the card stores it."""
    low, high = (round(bound, 4) for bound in score.interval)
    share = round(score.share, 4)
    return {"right": score.right, "n": score.n, "share": share, "low": low, "high": high}


def _percent(entry: Card) -> str:
    if not entry["n"]:
        return "-"
    share, low, high = (100 * entry[name] for name in ("share", "low", "high"))
    return f"{share:.1f} % ({low:.0f}-{high:.0f})"


def _table(head: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    rule = ["---"] * len(head)
    return "\n".join("| " + " | ".join(line) + " |" for line in (head, rule, *lines))


def _accuracy(first: str, entries: dict[str, Card], more: Sequence[str] = ()) -> str:
    head = [first, *(name for name, _ in map(_titled, more)), PARTS[0], "n", PARTS[1], "n"]
    lines = []
    for name, entry in entries.items():
        both = [text for part in PARTS for text in (_percent(entry[part]), str(entry[part]["n"]))]
        lines.append([name, *(str(entry[key]) for _, key in map(_titled, more)), *both])
    return _table(head, lines)


def _titled(key: str) -> tuple[str, str]:
    return key.replace("_", " "), key


def _sensitivity(card: Card) -> str:
    lines = []
    for rung, found in card["sensitivity"].items():
        kinds = {
            **found["kinds"],
            "**all**": found["overall"],
            "identical prompt": found["identical"],
        }
        lines += [[rung, kind, _percent(one), str(one["n"])] for kind, one in kinds.items()]
    lower = card["bfloat16"]
    lines.append(["control", "computed in bfloat16", _percent(lower), str(lower["n"])])
    return _table(["Rung", "Edit of the request", "answers changed", "n"], lines)


def _paired(card: Card) -> str:
    head = ["Rung", "kinds", "`tiny-chat` changes", "`tiny-chat-robust` changes", "p", "prompts"]
    lines = []
    for one in card["paired"]:
        shares = [f"{100 * one[name]:.1f} %" for name in ("tiny-chat", "tiny-chat-robust")]
        lines.append([one["rung"], one["kinds"], *shares, f"{one['p']:.4f}", str(one["prompts"])])
    return _table(head, lines)


def readme(card: Card) -> str:
    """Return the card as a page."""
    accuracy = card["accuracy"]
    tables = {
        "groups": _accuracy("Group", accuracy["groups"]),
        "tasks": _accuracy("Task", accuracy["tasks"], ("length", "held_out")),
        "styles": _accuracy("Style", accuracy["styles"]),
        "sensitivity": _sensitivity(card),
        "paired": _paired(card),
    }
    return _TEMPLATES.get_template("card.md.jinja").render(**card, tables=tables)


def checkpoint_card(step: int, of: int) -> str:
    """The card of a model that was kept on the way of its training."""
    return f"""# tiny-chat-step{step}

`tiny-chat` after {step} of the {of:,} steps of its training: the same architecture, tokenizer, seed
and order of data, made by `python training/tiny_chat.py --only checkpoints`. The learning rate had
not come down yet. It is a family in studies that compare models, such as
`suites/depth_dynamics.chaos.yaml`, and no model to ask anything.
"""
