"""Bridges from depth to later behavior: what each association is worth, pooled beside within."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from pytest_promptchaos.report.legible import (
    interval_words,
    limit_words,
    number,
    one_line,
    plural,
    value_words,
)
from pytest_promptchaos.report.overview import in_order

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
    "masked": "an association of at least the threshold holds inside the models or conditions, and "
    "differences between them hide it over all rows: read it inside them",
    "undecided": "the pooled rule holds, and what was measured inside the models or conditions "
    "leaves open whether the association is there too",
    "weak": "the pooled rule does not hold: too small, or not told from chance",
    "supported": "the pooled rule holds, and an association of the same sign holds inside the "
    "models or conditions",
    "invalid": "the table cannot tell, for the reason that is told with it",
}
"""What each standing means, those that a reader must not miss first."""
SUPPORTED: Standing = "supported"
INVALID: Standing = "invalid"
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
    for record in in_order(records):
        for verdict in record.verdicts:
            if verdict.bridge is not None:
                family = found.setdefault(replace(verdict.bridge, associations=()), {})
                family.update(dict.fromkeys(verdict.bridge.associations))
    return tuple(replace(bridge, associations=tuple(family)) for bridge, family in found.items())


def session_bridges(records: Sequence[Record]) -> tuple[Bridge, ...]:
    """Return the bridges of whole sessions, in their order."""
    return tuple(dict.fromkeys(bridge for record in in_order(records) for bridge in record.bridges))


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
        yield one_line(f"{one.hypothesis.name}: {one.standing}; {_both(one, bridge)}")
    yield from basis_lines(bridge)


def basis_lines(bridge: Bridge) -> Iterator[str]:
    """Yield what a bridge rests on, what it was bound to beforehand, and what was changed since."""
    yield one_line(f"{bridge.name}: {facts_words(bridge)}")
    yield from map(one_line, bridge.counts)
    if bridge.preregistration:
        yield one_line(f"preregistered: sha256 {bridge.preregistration}")
    for deviation in bridge.deviations:
        yield one_line(f"deviation: {deviation}")


def _both(one: Association, bridge: Bridge) -> str:
    if one.standing == INVALID or one.pooled.value is None:
        return one.words or one.pooled.reason or "no reason was recorded"
    mark = "holds" if one.as_published else "does not hold"
    pooled = f"rho {_rho(one.pooled)} (published rule {mark})"
    if alone(bridge):
        return f"{pooled}; {one.words}"
    return f"pooled {pooled}, within the strata {_rho(one.within)}"


def alone(bridge: Bridge) -> bool:
    """Return whether there is one stratum at most, so that pooled and within are one number."""
    return len(bridge.strata) <= 1


def _rho(one: Measurement) -> str:
    if one.value is None:
        return f"not measured ({one.reason})"
    return f"{number(one.value)} {interval_words(one)}".rstrip()


def summary_words(bridge: Bridge) -> str:
    """Return a session's bridge in one line: its standings, or why there are none.

    What cannot be told comes with its reasons.
    """
    told = bridge.reason or f"{standings_words(bridge)}; {facts_words(bridge)}"
    return one_line("; ".join([f"depth and behavior, {bridge.name}: {told}", *_voided(bridge)]))


def _voided(bridge: Bridge) -> Iterator[str]:
    reasons = dict.fromkeys(one.words for one in bridge.associations if one.standing == INVALID)
    yield from (f"invalid: {words}" for words in reasons if words)


# -- a verdict on one association ---------------------------------------------------------------


def shown(verdict: Verdict) -> Measurement:
    """Return the number that a reader is shown: what is judged, or rho with its sign.

    An association is judged by |rho|, which does not say which way it goes.
    """
    found = association_of(verdict)
    if found is None or found.pooled.value is None:
        return verdict.measurement
    around = found.clustered
    return replace(
        verdict.measurement,
        name=f"rho of {found.hypothesis.name}",
        unit="rank correlation over all rows, -1 to 1",
        value=found.pooled.value,
        low=around.low,
        high=around.high,
        level=around.level,
        interval=around.interval or around.reason or "",
    )


def shown_value(verdict: Verdict) -> str:
    """Return the shown number in digits, told apart from the limit that it is held against."""
    return value_words(shown(verdict), verdict.limit)


def shown_limit(verdict: Verdict) -> str:
    """Return the limit in words, with what it bounds where that is not the number shown."""
    of = "|rho| " if association_of(verdict) else ""
    return f"{of}{limit_words(verdict.limit)}"


def counted(verdict: Verdict) -> str:
    """Return how much an association rests on, such as ``"108 unique of 720 rows"``; else ``""``.

    Rows with equal predictors are one measurement of depth, repeated.
    """
    if verdict.bridge is None or association_of(verdict) is None:
        return ""
    return f"{verdict.bridge.unique} unique of {plural(verdict.bridge.rows, 'row')}"
