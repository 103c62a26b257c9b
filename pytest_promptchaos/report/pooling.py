"""Which curves share a picture: those of one model, and those that only say something together.

Systems that are compared, conditions of self-play in one test file, and one test's depth profiles
of several models are drawn side by side in one panel, a series each. Conditions whose curves are
more than there are colours have a panel per reading of the drift clause, the judged one first.
"""

from __future__ import annotations

from dataclasses import replace
from statistics import fmean
from typing import TYPE_CHECKING, TypeAlias

from pytest_promptchaos.report.drawing import SERIES, is_cloud
from pytest_promptchaos.report.legible import one_line, plural
from pytest_promptchaos.report.overview import is_comparison, name_of_test, node_parts
from pytest_promptchaos.report.turns import GROWTH, MIDDLE, condition_words, growth_curve

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from pytest_promptchaos.records import Curve
    from pytest_promptchaos.report.overview import Judged

PROFILE = "finite-time growth by layer"
"""The curve of depth profiles; models are compared by its first series."""
SIDE_BY_SIDE = f"{PROFILE}, models side by side"

Kind: TypeAlias = tuple[str, str, str]
"""A curve's name and its axes: one name over other axes (another metric) is another figure."""
Picture: TypeAlias = "tuple[str, tuple[Curve, ...]]"
Told: TypeAlias = "tuple[str, Curve]"
"""A curve of conversations and the condition that it is of."""
JUDGED = "judged"
"""A word in the series of the curves under the reading that the verdict judged by."""


def pictures_by_kind(verdicts: Sequence[Judged]) -> dict[Kind, tuple[Picture, ...]]:
    """Return title and curves of every picture, those that are drawn on one scale together."""
    kinds = dict.fromkeys(kind_of(c) for one in verdicts for c in one.verdict.curves if c.x)
    found: dict[Kind, tuple[Picture, ...]] = {kind: _pictures(kind, verdicts) for kind in kinds}
    for title, curves in (*_profiles(verdicts), *_growths(verdicts)):
        kind = kind_of(curves[0])
        found[kind] = (*found.get(kind, ()), (title, curves))
    return found


def kind_of(curve: Curve) -> Kind:
    """Return what a curve shares with those that are drawn on its scale."""
    return curve.name, curve.y_label, curve.x_label


def selfplay_kinds(verdicts: Sequence[Judged]) -> set[Kind]:
    """Return the kinds of curves that belong to conversations."""
    played = (one.verdict for one in verdicts if one.verdict.timelines)
    return {kind_of(curve) for verdict in played for curve in verdict.curves} | {GROWTH}


def _pictures(kind: Kind, verdicts: Sequence[Judged]) -> tuple[Picture, ...]:
    """Return title and curves of every picture; curves of one model that are alike make one."""
    found: dict[tuple[str, tuple[Curve, ...]], list[str]] = {}
    compared, played = _compared(kind, verdicts), _played(kind, verdicts)
    for one in verdicts:
        if pooled := compared.get(one.record.node_id):
            own = {(name_of_test(one), pooled): "systems side by side"}
        elif one.verdict.timelines:
            own = {(_file(one), curves): words for words, curves in played[_file(one)]}
        else:
            name = name_of_test(one) if one.verdict.samples else one.verdict.id
            own = {(one.model, _of_kind(one, kind)): name}
        for owner, name in own.items():
            found.setdefault(owner, []).append(name)
    return tuple(
        (_title(owner, list(dict.fromkeys(names))), curves)
        for (owner, curves), names in found.items()
        if curves
    )


def _compared(kind: Kind, verdicts: Sequence[Judged]) -> dict[str, tuple[Curve, ...]]:
    """Return the clouds that compare systems, by test: they say something only side by side."""
    found: dict[str, dict[Curve, None]] = {}
    for one in verdicts:
        curves = _of_kind(one, kind)
        if is_comparison(one.verdict) and any(map(is_cloud, curves)):
            found.setdefault(one.record.node_id, {}).update(dict.fromkeys(curves))
    return {node_id: tuple(curves) for node_id, curves in found.items()}


def _played(kind: Kind, verdicts: Sequence[Judged]) -> dict[str, tuple[Picture, ...]]:
    """Return the pictures of conversations by test file, every condition in each of them.

    Conditions stand by name; where they are more than there are colours, those that collapse most
    come first.
    """
    found: dict[str, dict[Told, float]] = {}
    played = [one for one in verdicts if one.verdict.timelines]
    for one in sorted(played, key=lambda one: condition_words(one.verdict)):
        told = {told: _collapsed(one) for told in _told(one, kind)}
        found.setdefault(_file(one), {}).update(told)
    return {file: _by_reading(shares) for file, shares in found.items()}


def _told(one: Judged, kind: Kind) -> tuple[Told, ...]:
    condition = condition_words(one.verdict)
    return tuple((condition, curve) for curve in _of_kind(one, kind))


def _collapsed(one: Judged) -> float:
    return fmean(found.first is not None for found in one.verdict.timelines)


def _by_reading(shares: Mapping[Told, float]) -> tuple[Picture, ...]:
    """Return one picture of all curves, or, where colours do not suffice, one per reading."""
    together = "conditions side by side"
    whole = tuple(dict.fromkeys(_conditioned(curve, name) for name, curve in shares))
    if len({curve.series for curve in whole}) <= len(SERIES):
        return ((together, whole),)
    if len({name for name, _ in shares}) > len(SERIES):
        shares = dict(sorted(shares.items(), key=lambda item: -item[1]))
    readings: dict[bool, list[Told]] = {}
    for name, curve in shares:
        readings.setdefault(JUDGED not in curve.series, []).append((name, curve))
    return tuple(_reading(together, readings[other]) for other in sorted(readings))


def _reading(words: str, told: Sequence[Told]) -> Picture:
    """Return the curves under one reading: its name is told once, and not in every series."""
    names = {_without(curve.series, condition) for condition, curve in told}
    alike = {name for name in names if name}
    if len(alike) != 1:
        return words, tuple(dict.fromkeys(_conditioned(curve, name) for name, curve in told))
    curves = (replace(curve, series=condition) for condition, curve in told)
    return f"{words}, {alike.pop()}", tuple(dict.fromkeys(curves))


def _without(series: str, condition: str) -> str:
    return series.replace(condition, "").strip(", ")


def _conditioned(curve: Curve, condition: str) -> Curve:
    if condition in curve.series or (curve.series and curve.series in condition.split(", ")):
        return curve
    return replace(curve, series=", ".join(filter(None, (condition, curve.series))))


def _growths(verdicts: Sequence[Judged]) -> tuple[Picture, ...]:
    """Return a picture per test file of the growth by turn, a line and a band per condition."""
    found: dict[str, dict[Curve, int]] = {}
    played = [one for one in verdicts if one.verdict.timelines]
    for one in sorted(played, key=lambda one: condition_words(one.verdict)):
        timelines = one.verdict.timelines
        curve = growth_curve(condition_words(one.verdict), timelines)
        if curve is not None:
            followed = sum(bool(found.growth) for found in timelines)
            found.setdefault(_file(one), {})[curve] = followed
    return tuple((_followed(file, counts), tuple(counts)) for file, counts in found.items())


def _followed(file: str, counts: Mapping[Curve, int]) -> str:
    fewest, most = min(counts.values()), max(counts.values())
    each = plural(most, "conversation") if fewest == most else f"{fewest} to {most} conversations"
    per = f"{each} of each condition" if len(counts) > 1 else each
    return one_line(f"{file}: mean of {per}, band: the middle {MIDDLE:.0%} of them")


def _profiles(verdicts: Sequence[Judged]) -> tuple[Picture, ...]:
    """Return the depth profiles that one test took of several models, a series per model."""
    found: dict[str, dict[str, Curve]] = {}
    for one in verdicts:
        curve = next((c for c in one.verdict.curves if c.name == PROFILE and c.x), None)
        if curve is not None:
            told = replace(curve, name=SIDE_BY_SIDE, series=one.model)
            found.setdefault(name_of_test(one), {}).setdefault(one.model, told)
    compared = {test: tuple(models.values()) for test, models in found.items() if len(models) > 1}
    return tuple(part for test, models in compared.items() for part in _in_colours(test, models))


def _in_colours(test: str, models: Sequence[Curve]) -> Iterator[Picture]:
    """Yield all models in one picture, or in several figures where colours do not suffice."""
    title, most = one_line(f"{test}: {plural(len(models), 'model')}"), len(SERIES)
    if len(models) <= most:
        yield title, tuple(models)
        return
    for start in range(0, len(models), most):
        part = models[start : start + most]
        name = f"{SIDE_BY_SIDE} ({start + 1} to {start + len(part)})"
        yield title, tuple(replace(curve, name=name) for curve in part)


def _file(one: Judged) -> str:
    place, _ = node_parts(one.record.node_id)
    return place


def _title(owner: str, names: Sequence[str]) -> str:
    more = f" and {plural(len(names) - 1, 'more verdict')}" if len(names) > 1 else ""
    return one_line(f"{owner}: {names[0]}{more}")


def _of_kind(one: Judged, kind: Kind) -> tuple[Curve, ...]:
    return tuple(curve for curve in one.verdict.curves if kind_of(curve) == kind and curve.x)
