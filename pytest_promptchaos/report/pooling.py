"""Which curves share a picture: those of one model, and those that only say something together.

Systems that are compared, conditions of self-play in one test file, and one test's depth profiles
of several models are drawn side by side in one panel, a series each.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, TypeAlias

from pytest_promptchaos.report.drawing import SERIES, is_cloud
from pytest_promptchaos.report.legible import one_line, plural
from pytest_promptchaos.report.overview import is_comparison, name_of_test, node_parts
from pytest_promptchaos.report.turns import GROWTH, condition_words, growth_pictures

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_promptchaos.records import Curve
    from pytest_promptchaos.report.overview import Judged

PROFILE = "finite-time growth by layer"
"""The curve of depth profiles; models are compared by its first series."""
SIDE_BY_SIDE = f"{PROFILE}, models side by side"

Kind: TypeAlias = tuple[str, str, str]
"""A curve's name and its axes: one name over other axes (another metric) is another figure."""
Picture: TypeAlias = "tuple[str, tuple[Curve, ...]]"


def pictures_by_kind(verdicts: Sequence[Judged]) -> dict[Kind, tuple[Picture, ...]]:
    """Return title and curves of every picture, those that are drawn on one scale together."""
    kinds = dict.fromkeys(kind_of(c) for one in verdicts for c in one.verdict.curves if c.x)
    found: dict[Kind, tuple[Picture, ...]] = {kind: _pictures(kind, verdicts) for kind in kinds}
    for title, curves in (*_profiles(verdicts), *growth_pictures(verdicts)):
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
            owner, name = (name_of_test(one), pooled), "systems side by side"
        elif one.verdict.timelines and (pooled := played.get(_file(one))):
            owner, name = (_file(one), pooled), "conditions side by side"
        else:
            owner, name = (one.model, _of_kind(one, kind)), one.verdict.id
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


def _played(kind: Kind, verdicts: Sequence[Judged]) -> dict[str, tuple[Curve, ...]]:
    """Return the curves of conversations by test file, each series with its condition.

    Those of a file with more series than there are colours are not put together.
    """
    found: dict[str, dict[Curve, None]] = {}
    played = [one for one in verdicts if one.verdict.timelines]
    for one in sorted(played, key=lambda one: condition_words(one.verdict)):
        condition = condition_words(one.verdict)
        told = (_conditioned(curve, condition) for curve in _of_kind(one, kind))
        found.setdefault(_file(one), {}).update(dict.fromkeys(told))
    return {
        file: tuple(curves)
        for file, curves in found.items()
        if len({curve.series for curve in curves}) <= len(SERIES)
    }


def _conditioned(curve: Curve, condition: str) -> Curve:
    if condition in curve.series:
        return curve
    return replace(curve, series=", ".join(filter(None, (condition, curve.series))))


def _profiles(verdicts: Sequence[Judged]) -> tuple[Picture, ...]:
    """Return the depth profiles that one test took of several models, a series per model."""
    found: dict[str, dict[str, Curve]] = {}
    for one in verdicts:
        curve = next((c for c in one.verdict.curves if c.name == PROFILE and c.x), None)
        if curve is not None:
            told = replace(curve, name=SIDE_BY_SIDE, series=one.model)
            found.setdefault(name_of_test(one), {}).setdefault(one.model, told)
    return tuple(
        (one_line(f"{test}: {plural(len(models), 'model')}"), tuple(models.values()))
        for test, models in found.items()
        if len(models) > 1
    )


def _file(one: Judged) -> str:
    place, _ = node_parts(one.record.node_id)
    return place


def _title(owner: str, names: Sequence[str]) -> str:
    more = f" and {plural(len(names) - 1, 'more verdict')}" if len(names) > 1 else ""
    return one_line(f"{owner}: {names[0]}{more}")


def _of_kind(one: Judged, kind: Kind) -> tuple[Curve, ...]:
    return tuple(curve for curve in one.verdict.curves if kind_of(curve) == kind and curve.x)
