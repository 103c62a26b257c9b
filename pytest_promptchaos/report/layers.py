"""A verdict's layers as rows of a table: growth, a bar around zero, the null, which way it goes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_promptchaos.report.legible import interval_words, one_line, value_words

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pytest_promptchaos.records import Measurement, Verdict

LAYERS = "expanding_layers"
"""The measurement beside a verdict whose parts are the growths of the single layers.

The null's has this name in its own, as in ``null_expanding_layers``.
"""
COUNTED = "layers: "
"""How the line of an explanation begins that says which layers expand."""
FOLDED = 24
"""A table of more layers than this opens on demand."""
SIGNS = {"expands": "\u25b2", "contracts": "\u25bd", "undecided": "\u00b7"}
"""Before a layer's name, so that the eye finds what expands without reading or colour."""


@dataclass(frozen=True, kw_only=True)
class Span:
    """A place on the bar of a layer, in per cent: where it begins, and how wide it is."""

    start: float
    width: float


@dataclass(frozen=True, kw_only=True)
class LayerRow:
    """One layer: its growth, its place on the bar, the same of the null, and its mark."""

    name: str
    growth: str
    interval: str
    null: str
    null_interval: str
    outside: bool
    mark: str
    bar: Span | None
    reach: Span | None
    null_reach: Span | None


@dataclass(frozen=True, kw_only=True)
class LayerTable:
    """All layers of a verdict; ``zero`` is the place of no growth, in per cent of every bar."""

    rows: tuple[LayerRow, ...]
    zero: float
    unit: str
    null: bool
    folded: bool


def layer_table(verdict: Verdict) -> LayerTable | None:
    """Return the verdict's layers, or nothing where none were measured one by one."""
    layers = [part for one in verdict.also if one.name == LAYERS for part in one.breakdown]
    if not layers:
        return None
    null = {part.name: part for one in verdict.also if is_null(one) for part in one.breakdown}
    shown = [*layers, *(null[part.name] for part in layers if part.name in null)]
    scale = _Scale.of(shown)
    return LayerTable(
        rows=tuple(_row(part, null.get(part.name), scale) for part in layers),
        zero=scale.place(0.0),
        unit=layers[0].unit,
        null=bool(null),
        folded=len(layers) > FOLDED,
    )


def is_null(one: Measurement) -> bool:
    """Return whether the measurement holds the layers of random initializations."""
    return LAYERS in one.name and one.name != LAYERS


@dataclass(frozen=True, kw_only=True)
class _Scale:
    """From the smallest to the largest number of a table, zero included."""

    start: float
    end: float

    @classmethod
    def of(cls, parts: Iterable[Measurement]) -> _Scale:
        known = [n for one in parts for n in (one.value, one.low, one.high) if n is not None]
        return cls(start=min([0.0, *known]), end=max([0.0, *known]))

    def place(self, number: float) -> float:
        return round(100 * (number - self.start) / ((self.end - self.start) or 1.0), 1)

    def span(self, one: float | None, other: float | None) -> Span | None:
        if one is None or other is None:
            return None
        start, end = sorted((self.place(one), self.place(other)))
        return Span(start=start, width=round(end - start, 1))


def _row(layer: Measurement, null: Measurement | None, scale: _Scale) -> LayerRow:
    return LayerRow(
        name=one_line(layer.name),
        growth=value_words(layer),
        interval=interval_words(layer),
        null=value_words(null) if null else "",
        null_interval=interval_words(null) if null else "",
        outside=null is not None and _outside(layer, null),
        mark=mark(layer),
        bar=scale.span(0.0, layer.value),
        reach=scale.span(layer.low, layer.high),
        null_reach=scale.span(null.low, null.high) if null else None,
    )


def mark(layer: Measurement) -> str:
    """Return which way a layer goes: ``expands``, ``contracts``, or ``undecided``."""
    if layer.low is not None and layer.low > 0:
        return "expands"
    return "contracts" if layer.high is not None and layer.high < 0 else "undecided"


def _outside(layer: Measurement, null: Measurement) -> bool:
    if layer.value is None or null.low is None or null.high is None:
        return False
    return not null.low <= layer.value <= null.high


def layers_line(verdict: Verdict) -> str:
    """Return which layers expand, as the explanation says it; empty where it does not."""
    lines = (line.strip() for line in verdict.explanation.splitlines())
    told = next((line for line in lines if line.startswith(COUNTED)), "")
    return told.removeprefix(COUNTED)
