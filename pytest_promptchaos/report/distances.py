"""What the distances of a pair are called, for somebody who never saw their keys."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

WORDS: Mapping[str, str] = {
    "semantic": "semantic distance",
    "token_edit": "token edit distance",
    "answer": "answer changed",
    "js": "JS at the prompt's end",
    "kl_center_to_neighbor": "KL at the prompt's end",
    "kl_neighbor_to_center": "KL back at the prompt's end",
    "top1_flip": "first token flipped",
    "hidden_last": "hidden state distance, last layer",
    "hidden_cosine": "hidden state cosine distance",
    "forced_js": "JS along the center's output",
    "forced_js_back": "JS along the neighbor's output",
    "forced_gap": "logit distance along the center's output",
    "forced_flips": "steps that would flip, center's output",
    "aligned_semantic": "semantic distance from the answer on",
    "aligned_token_edit": "token edit distance from the answer on",
    "aligned": "distances from the answer on",
    "all": "every distance",
}
"""Words by key; where a measurement over all pairs holds the same quantity, its name."""


def distance_words(key: str) -> str:
    """Return what a pair's distance is called; a key that is not known is its own name.

    >>> distance_words("token_edit"), distance_words("semantic@64"), distance_words("my_own")
    ('token edit distance', 'semantic distance at 64 tokens', 'my_own')
    """
    name, _, tokens = key.partition("@")
    if name not in WORDS:
        return key
    return f"{WORDS[name]} at {tokens} tokens" if tokens else WORDS[name]
