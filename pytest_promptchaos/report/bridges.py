"""Bridges from depth to later behavior: what each association is worth, pooled beside within."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from pytest_promptchaos.report.legible import interval_words, number, one_line, plural

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from pytest_promptchaos.records import (
        Association,
        Bridge,
        Measurement,
        Record,
        Standing,
        Verdict,
    )

STANDINGS: Mapping[Standing, str] = {
    "between-model only": "the association is large over all rows and absent inside the models or "
    "conditions: it says that they differ, not that depth goes with behavior",
    "sign conflict": "the association has one sign over all rows and the other inside the models "
    "or conditions: the pooled number misleads",
    "undecided": "the pooled rule holds, and what was measured inside the models or conditions "
    "leaves open whether the association is there too",
    "weak": "the pooled rule does not hold: too small, or not told from chance",
    "supported": "the pooled rule holds, and an association of the same sign holds inside the "
    "models or conditions",
    "invalid": "the table cannot tell: the reason stands beside it",
}
"""What each standing means, those that a reader must not miss first."""
SUPPORTED: Standing = "supported"
SHADES = 8


@dataclass(frozen=True, kw_only=True)
class BridgeCell:
    """One hypothesis in the heatmap; shades are 0 to 8 behind a sign, as in ``"s3"`` and ``"n3"``.

    ``s`` is a positive association, ``n`` a negative one.
    """

    association: Association
    pooled: str
    within: str


@dataclass(frozen=True, kw_only=True)
class BridgeRow:
    """A column of depth features with a cell per outcome; absent where nothing was said of it."""

    predictor: str
    cells: tuple[BridgeCell | None, ...]


@dataclass(frozen=True, kw_only=True)
class BridgeView:
    """One bridge as the page shows it."""

    bridge: Bridge
    outcomes: tuple[str, ...]
    rows: tuple[BridgeRow, ...]
    facts: str
    tally: str


def judged_bridges(records: Sequence[Record]) -> tuple[Bridge, ...]:
    """Return the bridges that verdicts rest on, each once with its whole family.

    A verdict of a family may hold its own association alone: those that rest on the same rows
    and the same plan are put together again, in the order of the verdicts.
    """
    found: dict[Bridge, dict[Association, None]] = {}
    for record in records:
        for verdict in record.verdicts:
            if verdict.bridge is not None:
                family = found.setdefault(replace(verdict.bridge, associations=()), {})
                family.update(dict.fromkeys(verdict.bridge.associations))
    return tuple(replace(bridge, associations=tuple(family)) for bridge, family in found.items())


def session_bridges(records: Sequence[Record]) -> tuple[Bridge, ...]:
    """Return the bridges of whole sessions, in their order."""
    return tuple(dict.fromkeys(bridge for record in records for bridge in record.bridges))


def association_of(verdict: Verdict) -> Association | None:
    """Return the association that a verdict judges, or nothing where it judges none.

    Verdicts of one family share a bridge: the hypothesis is named in the verdict's own words.
    """
    if verdict.bridge is None:
        return None
    told = (str(verdict.settings.get("hypothesis", "")), verdict.id, verdict.measurement.name)
    found = verdict.bridge.associations
    for words in told:
        named = [one for one in found if one.hypothesis.name in words]
        if named:
            return max(named, key=lambda one: len(one.hypothesis.name))
    return found[0] if len(found) == 1 else None


def standing(verdict: Verdict) -> Standing | None:
    """Return what the verdict's association is worth; nothing where it judges none."""
    found = association_of(verdict)
    return None if found is None else found.standing


def standing_meaning(name: Standing | None) -> str:
    """Return what a standing means; empty where there is none."""
    return "" if name is None else STANDINGS[name]


def standing_line(name: Standing | None) -> str:
    """Return the standing with its meaning in one line; empty where there is none."""
    return "" if name is None else f"{name}: {STANDINGS[name]}"


def bridge_view(bridge: Bridge) -> BridgeView:
    """Return the bridge's heatmap, a row per predictor and a column per outcome."""
    found = {(one.hypothesis.predictor, one.hypothesis.outcome): one for one in bridge.associations}
    outcomes = tuple(dict.fromkeys(outcome for _, outcome in found))
    rows = tuple(
        BridgeRow(predictor=name, cells=tuple(_cell(found.get((name, one))) for one in outcomes))
        for name in dict.fromkeys(predictor for predictor, _ in found)
    )
    return BridgeView(
        bridge=bridge,
        outcomes=outcomes,
        rows=rows,
        facts=facts_words(bridge),
        tally=standings_words(bridge),
    )


def _cell(one: Association | None) -> BridgeCell | None:
    if one is None:
        return None
    return BridgeCell(association=one, pooled=_shade(one.pooled), within=_shade(one.within))


def _shade(one: Measurement) -> str:
    """Return the sign and strength of a correlation as a shade, none where it was not measured."""
    if one.value is None:
        return "none"
    sign = "n" if one.value < 0 else "s"
    return f"{sign}{min(SHADES, round(SHADES * abs(one.value)))}"


def facts_words(bridge: Bridge) -> str:
    """Return what a bridge rests on, the number of unique predictor rows among it."""
    told = [
        f"{bridge.rows} of {plural(bridge.given, 'row')}",
        f"{plural(bridge.unique, 'unique predictor row')}",
    ]
    if bridge.clusters:
        told.append(plural(bridge.clusters, "cluster"))
    if bridge.strata:
        told.append(f"{len(bridge.strata)} strata" if len(bridge.strata) > 1 else "1 stratum")
    return ", ".join(told)


def standings_words(bridge: Bridge) -> str:
    """Return how many associations are worth what, such as ``"1 supported, 3 weak"``."""
    counts = Counter(one.standing for one in bridge.associations)
    order = (SUPPORTED, *(name for name in STANDINGS if name != SUPPORTED))
    return ", ".join(f"{counts[name]} {name}" for name in order if counts[name])


def family_lines(bridge: Bridge) -> Iterator[str]:
    """Yield a bridge as lines of text: what it rests on, every association, what was changed."""
    if bridge.reason:
        yield one_line(bridge.reason)
    for one in bridge.associations:
        yield one_line(f"{one.hypothesis.name}: {one.standing}; {_both(one)}")
    yield from basis_lines(bridge)


def basis_lines(bridge: Bridge) -> Iterator[str]:
    """Yield what a bridge rests on, what it was bound to beforehand, and what was changed since."""
    yield one_line(f"{bridge.name}: {facts_words(bridge)}")
    yield from map(one_line, bridge.counts)
    if bridge.preregistration:
        yield one_line(f"preregistered: sha256 {bridge.preregistration}")
    for deviation in bridge.deviations:
        yield one_line(f"deviation: {deviation}")


def _both(one: Association) -> str:
    mark = "holds" if one.as_published else "does not hold"
    pooled, within = _rho(one.pooled), _rho(one.within)
    return f"pooled rho {pooled} (published rule {mark}), within the strata {within}"


def _rho(one: Measurement) -> str:
    if one.value is None:
        return f"not measured ({one.reason})"
    return f"{number(one.value)} {interval_words(one)}".rstrip()


def summary_words(bridge: Bridge) -> str:
    """Return a session's bridge in one line: its standings, or why there are none."""
    told = bridge.reason or f"{standings_words(bridge)}; {facts_words(bridge)}"
    return one_line(f"depth and behavior, {bridge.name}: {told}")
