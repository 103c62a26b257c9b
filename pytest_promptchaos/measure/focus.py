"""Where a model looks: attention from the asking tokens to the image tokens, as a typed map.

A map says where it comes from and what was taken out of it. A constant map is no focus: it would
be perfectly similar to every other constant map, so it is an error and never a number. Attention
is what the layers weigh, and no proof of what decided the answer.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

import numpy as np

from pytest_promptchaos.errors import ArgumentError, FocusError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Values: TypeAlias = NDArray[np.float64]
    Grid: TypeAlias = tuple[int, int]

Heads = Literal["mean", "max"]
Rows = Literal["mean", "last"]

CONSTANT = 1e-6
"""A map whose values differ by less than this share of the largest is constant up to rounding."""
OVERFULL = 1e-2
"""A softmax in bfloat16 sums to 1 within about this."""


@dataclass(frozen=True, kw_only=True)
class SinkRule:
    """Which image tokens are sinks: those with more than ``times`` the median token's attention.

    At most ``most`` of them, the largest. A sink draws attention whatever is asked or shown; taken
    from one map alone, the rule would also remove a focus on one spot, so it is meant for the mean
    over many images (:func:`find_sinks`), and below ``fewest`` of them removes none.
    """

    times: float = 10.0
    most: int = 4
    fewest: int = 3

    def __post_init__(self) -> None:
        """Refuse a rule by which an ordinary token, or none, could be a sink."""
        if not 1 < self.times < np.inf or self.most < 1 or self.fewest < 1:
            raise ArgumentError(
                f"sinks by times={self.times}, most={self.most} and fewest={self.fewest}: times "
                "must be finite and above 1, most and fewest at least 1; to keep all tokens pass "
                "no rule"
            )


@dataclass(frozen=True, kw_only=True)
class Sinks:
    """The image tokens that draw attention whatever is shown, and how they were found.

    ``beyond`` counts tokens that exceed the rule too and stay, because it takes ``most`` at most;
    ``maps`` counts the maps whose mean decided, one of each image.
    """

    tokens: tuple[int, ...]
    words: str
    beyond: int = 0
    maps: int = 1


@dataclass(frozen=True, kw_only=True)
class Provenance:
    """Where a map comes from.

    ``source`` is the model's own ``attention``, or ``given`` by the caller. ``query`` names the
    asking tokens, ``rows`` counts them; ``layers`` are indices and ``heads`` how heads were joined.
    ``mass`` is the mean share of attention that all image tokens drew, ``kept`` that of those that
    are not sinks. The last five are empty for a given map.
    """

    source: Literal["attention", "given"]
    query: str
    sinks: Sinks
    layers: tuple[int, ...] = ()
    heads: Heads | None = None
    rows: int = 0
    mass: float | None = None
    kept: float | None = None

    @property
    def words(self) -> str:
        """The provenance as one sentence."""
        if self.source == "given":
            return f"a given map of {self.query}; {self.sinks.words}"
        told = f"attention of {self.query}, {self.heads} over heads, mean over {_layers(self)}"
        shares = f"{self.mass:.1%} of it on the image"
        shares += f", {self.kept:.1%} without sinks" if self.sinks.tokens else ""
        return f"{told}; {shares}; {self.sinks.words}"


@dataclass(frozen=True, kw_only=True, eq=False)
class FocusMap:
    """A focus over the image tokens: at least 0, summing to 1, and nowhere constant.

    ``values`` (tokens,) are 0 at the sinks. ``grid`` holds rows and columns where the tokens form
    one, read row by row. Raises :class:`FocusError` for an empty, negative, infinite or constant
    map, and ``ValueError`` for a grid of another size.
    """

    values: Values
    provenance: Provenance
    grid: Grid | None = None

    def __post_init__(self) -> None:
        """Refuse what is no map."""
        refuse_no_focus(self.values[self.kept], f"the focus of {self.provenance.query}")
        if self.grid and self.grid[0] * self.grid[1] != len(self.values):
            raise ValueError(f"a grid of {self.grid} for {len(self.values)} image tokens")

    @property
    def kept(self) -> NDArray[np.bool_]:
        """Which tokens are no sinks, shape (tokens,)."""
        keep = np.ones(len(self.values), dtype=np.bool_)
        keep[list(self.provenance.sinks.tokens)] = False
        return keep


def image_mass(
    weights: NDArray[np.floating],
    *,
    layers: Literal["all"] | Sequence[int] = "all",
    heads: Heads = "mean",
    rows: Rows = "mean",
) -> Values:
    """Return the attention that each image token draws, shape (tokens,), each in [0, 1].

    ``weights`` (layers, heads, rows, tokens) are attention probabilities, of which rows sum to at
    most 1: the rest is on text. ``layers`` are averaged over, ``heads`` averaged or their maximum
    taken, of the asking ``rows`` the mean or the last one taken. Heads and layers that look at the
    image more weigh more. Raises :class:`FocusError` for weights that are empty, negative, not
    finite, or no probabilities, and :class:`ArgumentError` for a layer that is not there.

    >>> image_mass(np.array([[[[0.1, 0.3]], [[0.5, 0.1]]]]), heads="max").tolist()
    [0.5, 0.3]
    """
    chosen = _probabilities(weights)[list(_indices(layers, len(weights)))]
    asking = chosen[:, :, -1:] if rows == "last" else chosen
    joined = asking.max(axis=1) if heads == "max" else asking.mean(axis=1)
    return np.asarray(joined.mean(axis=(0, 1)), dtype=np.float64)


def find_sinks(maps: NDArray[np.floating], rule: SinkRule | None = SinkRule()) -> Sinks:
    """Return the tokens whose mean over ``maps`` (maps, tokens) exceeds the rule; none without one.

    Sinks of one model are found over one map each of many different images with equally many
    tokens, of which each sums to anything; what lies at one spot in all of these images is taken
    for a sink. No token is one below the rule's fewest maps, or where the median token draws
    nothing, and two always stay.

    >>> find_sinks(np.array([[0.2, 0.1, 5.0, 0.1]] * 3)).tokens
    (2,)
    """
    if rule is None:
        return Sinks(tokens=(), words="sinks kept")
    mean = np.atleast_2d(np.asarray(maps, dtype=np.float64)).mean(axis=0)
    median, count = float(np.median(mean)), len(np.atleast_2d(maps))
    images = f"{count} image{'s' if count > 1 else ''}"
    if count < rule.fewest:
        words = f"sinks kept: {images}, and below {rule.fewest} none is told from what is shown"
        return Sinks(tokens=(), words=words, maps=count)
    over = f"the median token's attention over {images}"
    if not median > 0:
        return Sinks(tokens=(), words=f"no sinks: {over} is 0", maps=count)
    exceeding = np.flatnonzero(mean > rule.times * median)
    largest = exceeding[np.argsort(-mean[exceeding], kind="stable")]
    taken = sorted(int(token) for token in largest[: min(rule.most, max(len(mean) - 2, 0))])
    beyond = len(exceeding) - len(taken)
    if not taken and not beyond:
        return Sinks(
            tokens=(), words=f"no sinks: no token has {rule.times:g} times {over}", maps=count
        )
    told = f"{len(taken)} sinks removed (tokens {taken}): above {rule.times:g} times {over}"
    told += f"; {beyond} more exceed it and stay" if beyond else ""
    return Sinks(tokens=tuple(taken), words=told, beyond=beyond, maps=count)


def focus(
    weights: NDArray[np.floating],
    *,
    layers: Literal["all"] | Sequence[int] = "all",
    heads: Heads = "mean",
    rows: Rows = "mean",
    sinks: Sinks | SinkRule | None,
    grid: Grid | None = None,
    query: str = "the answering token",
) -> FocusMap:
    """Return the focus of attention weights (layers, heads, rows, image tokens).

    Formula: f_i = m_i / sum_j m_j over tokens that are no sinks, m that of :func:`image_mass`.
    ``sinks`` are those found over many maps, a rule for this map alone, or ``None`` for none;
    ``grid`` is the rows and columns of the image tokens, ``query`` names the asking tokens. Raises
    :class:`FocusError` as :func:`image_mass`, and for a constant map.

    >>> focus(np.array([[[[0.1, 0.3]]]]), sinks=None).values.round(2).tolist()
    [0.25, 0.75]
    """
    drawn = image_mass(weights, layers=layers, heads=heads, rows=rows)
    share = image_mass(weights, layers=layers, rows=rows)
    found = sinks if isinstance(sinks, Sinks) else find_sinks(drawn, sinks)
    values = _without(drawn, found)
    return FocusMap(
        values=values / values.sum() if values.sum() > 0 else values,
        grid=grid,
        provenance=Provenance(
            source="attention",
            query=query,
            sinks=found,
            layers=_indices(layers, len(weights)),
            heads=heads,
            rows=1 if rows == "last" else weights.shape[2],
            mass=float(share.sum()),
            kept=float(_without(share, found).sum()),
        ),
    )


def given(
    values: Sequence[float] | NDArray[np.floating],
    *,
    grid: Grid | None = None,
    query: str = "unnamed tokens",
) -> FocusMap:
    """Return a map from elsewhere (tokens,), scaled to sum to 1; it says that it was given.

    >>> given([1.0, 3.0]).provenance.source
    'given'
    """
    numbers = np.asarray(values, dtype=np.float64).ravel()
    refuse_no_focus(numbers, f"the focus of {query}")
    no_sinks = Sinks(tokens=(), words="sinks kept")
    origin = Provenance(source="given", query=query, sinks=no_sinks)
    return FocusMap(values=numbers / numbers.sum(), grid=grid, provenance=origin)


# -- what is refused -----------------------------------------------------------------------------


def refuse_no_focus(values: Values, what: str) -> None:
    """Raise :class:`FocusError`, whose message begins with ``what``, where values are no focus."""
    if not values.size:
        raise FocusError(f"{what} has no image token: ask about an image, or turn the focus off")
    if not np.isfinite(values).all():
        raise FocusError(
            f"{what} holds {np.sum(~np.isfinite(values))} values that are not finite: attention of "
            "fully masked rows is no focus; take asking tokens that attend to something"
        )
    if values.min() < 0:
        raise FocusError(
            f"{what} holds {values.min():g}: attention is at least 0; pass probabilities, no scores"
        )
    if np.ptp(values) <= CONSTANT * values.max():
        raise FocusError(
            f"{what} is {values.max():g} at each of {values.size} image tokens: a constant map "
            "looks nowhere and resembles every other; it is a fallback, or the model ignores where "
            "things are; turn the focus off, or choose other layers"
        )


def _probabilities(weights: NDArray[np.floating]) -> Values:
    """Return weights (layers, heads, rows, tokens) in float64; raise for what is no attention."""
    if weights.ndim != 4:
        raise ValueError(f"weights of shape {weights.shape}: give (layers, heads, rows, tokens)")
    numbers = np.asarray(weights, dtype=np.float64)
    if not numbers.size:
        raise FocusError(f"attention of shape {weights.shape} holds nothing: no focus to measure")
    if not np.isfinite(numbers).all() or numbers.min() < 0:
        wrong = int(np.sum(~np.isfinite(numbers) | (numbers < 0)))
        raise FocusError(
            f"{wrong} of {numbers.size} attention weights are negative or not finite: pass the "
            "probabilities after the softmax, of rows that are not masked"
        )
    if numbers.sum(axis=-1).max() > 1 + OVERFULL:
        raise FocusError(
            f"a row of attention sums to {numbers.sum(axis=-1).max():g} over the image tokens, "
            "more than all attention there is: pass the probabilities after the softmax"
        )
    return numbers


def _indices(layers: Literal["all"] | Sequence[int], count: int) -> tuple[int, ...]:
    if layers == "all":
        return tuple(range(count))
    missing = [layer for layer in layers if not -count <= layer < count]
    if missing or not layers:
        raise ArgumentError(
            f"focus over layers {list(layers)}: {missing or 'nothing'} is not among the {count} "
            f"layers with attention to the image, 0 to {count - 1}"
        )
    return tuple(layer % count for layer in layers)


def _without(values: Values, sinks: Sinks) -> Values:
    kept = values.copy()
    kept[list(sinks.tokens)] = 0.0
    return kept


def _layers(provenance: Provenance) -> str:
    count = len(provenance.layers)
    return f"{count} layers" if count > 1 else f"layer {provenance.layers[0]}"
