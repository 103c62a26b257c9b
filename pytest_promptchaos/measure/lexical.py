"""Words of the turns of a conversation -> which turns are collapsed: a second detector.

It knows nothing of embeddings, so that the two can be held against each other: an embedder may
hold different sentences for one, and words may repeat where the meaning does not.
"""

from __future__ import annotations

import re
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_promptchaos.measure.detector import FIRST_COMPARED, sustained

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

LAGS = (1, 2)
"""The turns that a turn is held against, as many before: a two-cycle repeats the second."""
WORD = re.compile(r"\w+")
WINDOW = 32_768
"""Bytes that DEFLATE looks back."""


@dataclass(frozen=True, kw_only=True)
class Wording:
    """What the lexical detector calls a repeated turn.

    ``share`` is the least share of its ``words``-grams that the earlier turn also holds, ``ratio``
    the most that is left of its compressed size when the earlier turn is known; either will do,
    because word pairs and triples mean little where words are not parted by spaces, and a
    compressed size little where a turn is one word. Where a fifth of the words of a text of 15 to
    250 words is replaced, half of its triples and a third of its size are left; of 22,000 pairs of
    neighboring paragraphs in software documentation, 95 % share at most 8 % of their triples and
    leave at least 0.74 of the size, and the 1 % that pass either threshold are boilerplate.
    """

    words: int = 3
    share: float = 0.5
    ratio: float = 0.4


def repeated_share(text: str, earlier: str, *, words: int = 3) -> float:
    """Return the share of the word n-grams of ``text`` that ``earlier`` holds too, in [0, 1].

    Case and punctuation do not count; a text with fewer than ``words`` words is one n-gram. 0 for
    a text without words.

    >>> repeated_share("The cat sat down.", "the cat sat up")
    0.5
    """
    said = WORD.findall(text.lower())
    size = min(words, len(said))
    grams, known = _grams(said, size), set(_grams(WORD.findall(earlier.lower()), size))
    return sum(gram in known for gram in grams) / len(grams) if grams else 0.0


def _grams(said: Sequence[str], size: int) -> list[tuple[str, ...]]:
    return [tuple(said[at : at + size]) for at in range(len(said) - size + 1)] if size else []


def compression_ratio(text: str, earlier: str) -> float:
    """Return how much of the compressed size of ``text`` is left once ``earlier`` is known.

    About 1 where they have nothing in common, near 0 where a long text is said again. Formula:
    |DEFLATE(text | earlier)| / |DEFLATE(text)|, level 9, without headers, ``earlier`` as the
    preset dictionary (its last 32 kB). 1 for an empty text, which has nothing to repeat. Source:
    the conditional form of the distance of R. Cilibrasi and P. Vitanyi, IEEE Trans. Inf. Theory
    51 (2005) 1523-1545, doi:10.1109/TIT.2005.844059.

    >>> compression_ratio("We could try another way. " * 3, "We could try another way. " * 3) < 0.2
    True
    """
    said, known = text.encode(errors="replace"), earlier.encode(errors="replace")[-WINDOW:]
    return min(_size(said, known) / _size(said, b""), 1.0) if said and known else 1.0


def _size(said: bytes, known: bytes) -> int:
    settings = (zlib.DEFLATED, -zlib.MAX_WBITS, 9, zlib.Z_DEFAULT_STRATEGY)
    packer = zlib.compressobj(9, *settings, known) if known else zlib.compressobj(9, *settings)
    return len(packer.compress(said) + packer.flush())


def repeats(text: str, earlier: str, wording: Wording) -> bool:
    """Return whether a turn repeats an earlier one: by its words, or by its compressed size.

    Equal texts repeat each other, silence among them.

    >>> repeats("", "", Wording()), repeats("Yes.", "yes", Wording()), repeats("No", "", Wording())
    (True, True, False)
    """
    return (
        text.strip() == earlier.strip()
        or repeated_share(text, earlier, words=wording.words) >= wording.share
        or compression_ratio(text, earlier) <= wording.ratio
    )


def lexical_labels(
    texts: Sequence[str], wording: Wording | None = None, *, in_a_row: int = 3
) -> NDArray[np.bool_]:
    """Return which turns are collapsed by their words, shape (T,), turn 1 first.

    A turn from 3 on is repeated where it repeats the turn one or two before (:func:`repeats`),
    and labelled where it ends a row of at least ``in_a_row`` repeated turns, so that turn 5 is
    the earliest, as for embeddings. A loop of more than two turns is not looked for.

    >>> lexical_labels(["I see your point.", "Thanks a lot!"] * 3).tolist()
    [False, False, False, False, True, True]
    """
    bounds = wording or Wording()
    hits = [
        turn >= FIRST_COMPARED - 1 and any(repeats(text, texts[turn - lag], bounds) for lag in LAGS)
        for turn, text in enumerate(texts)
    ]
    return sustained(hits, in_a_row)
