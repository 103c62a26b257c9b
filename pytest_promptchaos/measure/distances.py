"""Distances between two outputs of greedy decoding: array functions, numpy in, numbers out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np
from rapidfuzz.distance import Levenshtein
from scipy.special import log_softmax, rel_entr, softmax

if TYPE_CHECKING:
    from collections.abc import Hashable, Mapping, Sequence

    from numpy.typing import NDArray

Metric = Literal["semantic", "token_edit", "answer"]
NAMES: Mapping[Metric, str] = {
    "semantic": "semantic distance",
    "token_edit": "token edit distance",
    "answer": "share of answers changed",
}
OF_OUTPUTS: tuple[Metric, ...] = ("semantic", "token_edit")
"""Metrics of whole outputs, which need no extractor."""
FROM_THE_ANSWER = "from the answer on"
"""How the name of a distance ends that leaves out what comes before the answers."""
UNITS: Mapping[Metric, str] = {
    "semantic": "1 - cosine, 0 to 2",
    "token_edit": "share of tokens, 0 to 1",
    "answer": "share of pairs, 0 to 1",
}
JS_FLOOR = 1e-9
"""Below this a Jensen-Shannon divergence of float32 logits is rounding (measures.md)."""


def token_edit(a: Sequence[Hashable], b: Sequence[Hashable]) -> float:
    """Return the token edit distance Levenshtein(a, b) / max(len), in [0, 1].

    Two empty outputs are at distance 0.

    >>> token_edit([1, 2, 3, 4], [1, 2, 9, 4])
    0.25
    """
    longest = max(len(a), len(b))
    return Levenshtein.distance(list(a), list(b)) / longest if longest else 0.0


def branch_step(a: Sequence[int], b: Sequence[int]) -> int | None:
    """Return the first index at which the outputs differ, or ``None`` when they are equal.

    The end token is part of an output, so a strict prefix differs where it ends.

    >>> branch_step([5, 6, 7], [5, 6, 8])
    2
    >>> branch_step([5, 6], [5, 6]) is None
    True
    """
    for index, (x, y) in enumerate(zip(a, b, strict=False)):
        if x != y:
            return index
    return None if len(a) == len(b) else min(len(a), len(b))


def cosine_distance(a: NDArray[np.floating], b: NDArray[np.floating]) -> float:
    """Return 1 - cos(a, b) in float64, in [0, 2]; equal vectors are at exactly 0.

    >>> import numpy as np
    >>> cosine_distance(np.array([1.0, 0.0]), np.array([0.0, 2.0]))
    1.0
    """
    if np.array_equal(a, b):
        return 0.0
    x, y = a.astype(np.float64), b.astype(np.float64)
    norm = float(np.linalg.norm(x) * np.linalg.norm(y))
    if norm == 0.0:
        return 1.0
    return float(np.clip(1.0 - x @ y / norm, 0.0, 2.0))


def js_divergence(a: NDArray[np.floating], b: NDArray[np.floating]) -> float:
    """Return the Jensen-Shannon divergence of softmax(a) and softmax(b), nats, in [0, ln 2].

    Formula: (KL(p|m) + KL(q|m)) / 2 with m = (p + q) / 2, in float64; not its square root.

    >>> import numpy as np
    >>> js_divergence(np.array([0.0, 1.0]), np.array([0.0, 1.0]))
    0.0
    """
    p, q = softmax(a.astype(np.float64)), softmax(b.astype(np.float64))
    middle = (p + q) / 2
    return float(max((rel_entr(p, middle).sum() + rel_entr(q, middle).sum()) / 2, 0.0))


def kl_divergence(a: NDArray[np.floating], b: NDArray[np.floating]) -> float:
    """Return KL(softmax(a) | softmax(b)) in nats, at least 0, computed in float64 from logits.

    >>> import numpy as np
    >>> round(kl_divergence(np.log([0.5, 0.5]), np.log([0.25, 0.75])), 6)
    0.143841
    """
    log_p, log_q = log_softmax(a.astype(np.float64)), log_softmax(b.astype(np.float64))
    # A token that is impossible under p adds nothing, also where it is impossible under q.
    possible = np.isfinite(log_p)
    terms = np.exp(log_p[possible]) * (log_p[possible] - log_q[possible])
    return float(max(terms.sum(), 0.0))


def hidden_distance(a: NDArray[np.floating], b: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return ||a - b|| / (0.5 (||a|| + ||b||)) per layer, in [0, 2], shape (layers,).

    ``a`` and ``b`` have shape (layers, width): the last prompt token's hidden states.

    >>> import numpy as np
    >>> hidden_distance(np.ones((1, 2)), np.zeros((1, 2)))
    array([2.])
    """
    x, y = a.astype(np.float64), b.astype(np.float64)
    scale = (np.linalg.norm(x, axis=-1) + np.linalg.norm(y, axis=-1)) / 2
    gap = np.linalg.norm(x - y, axis=-1)
    relative: NDArray[np.float64] = np.divide(gap, scale, out=np.zeros_like(gap), where=scale > 0)
    return relative
