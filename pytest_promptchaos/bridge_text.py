"""A bridge as plain text of 80 columns: the family as a table, and below it what it rests on."""

from __future__ import annotations

from itertools import zip_longest
from textwrap import wrap
from typing import TYPE_CHECKING

from pytest_promptchaos.verdict.bridges import clusters_told, entered

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pytest_promptchaos.records import Association, Bridge, Measurement

WIDTH = 80
FIRST = (23, 14, 7, 6, 7, 13)
"""Widths of the columns, two spaces between them: 80 in all."""
FURTHER = (23, 14, 7, 15, 13)
"""Below, the interval within the strata has the column of its p to itself."""
HEAD = ("hypothesis", "pooled rho", "Holm p", "within", "perm. p", "standing")
DRAWN = ("", "[of rows]", "", "[of clusters]", "")
"""What is resampled for the interval in each pair of brackets."""
ABSENT = "absent"
BRACKETS = (
    "95 % intervals; of the pooled rho with rows resampled, as published; of the one within the "
    "strata with clusters resampled"
)


def bridge_text(bridge: Bridge) -> str:
    """Return the bridge as text for a terminal, no line wider than 80 columns.

    Each hypothesis has the pooled rho above its interval, Holm's p of it, the rho within the
    strata above its own interval, the p of its permutation test, and the standing. Below stands
    what each rests on, and further down what else was made of it.
    """
    lines = [*_paragraph("bridge", bridge.name), ""]
    if bridge.associations:
        lines += [_line(HEAD, FIRST), _line(DRAWN, FURTHER), "-" * WIDTH]
        lines += [line for one in bridge.associations for line in _row(one)]
        lines += ["", *_paragraph("in brackets", BRACKETS)]
    for title, words in _below(bridge):
        lines += _paragraph(title, words)
    for one in bridge.associations:
        lines += _beside(one)
    return "\n".join(lines) + "\n"


def _row(one: Association) -> Iterator[str]:
    """Yield the lines of one hypothesis."""
    name, *names = wrap(one.hypothesis.predictor, FIRST[0])
    names += [f"  {line}" for line in wrap(f"x {one.hypothesis.outcome}", FIRST[0] - 2)]
    standing, *more = wrap(one.standing, FIRST[-1], break_on_hyphens=False)
    pooled, within = _value(one.pooled), _value(one.within)
    yield _line((name, pooled, _p(one.holm), within, _p(one.p_within), standing), FIRST)
    columns = (names, [_interval(one.pooled)], [""], [_interval(one.within)], more)
    for cells in zip_longest(*columns, fillvalue=""):
        yield _line(cells, FURTHER)


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    padded = (f"{cell:<{width}}" for cell, width in zip(cells, widths, strict=True))
    return "  ".join(padded).rstrip()


def _value(one: Measurement) -> str:
    return ABSENT if one.value is None else f"{one.value:+.3f}"


def _interval(one: Measurement) -> str:
    if one.low is None or one.high is None:
        return ""
    return f"[{one.low:+.2f}, {one.high:+.2f}]"


def _p(p: float | None) -> str:
    """Return p in at most seven characters.

    >>> _p(0.0412), _p(4.28e-11), _p(2.9e-100), _p(None)
    ('0.041', '4.3e-11', '3e-100', '')
    """
    if p is None:
        return ""
    told = f"{p:.3f}" if p >= 0.001 or p == 0 else f"{p:.1e}"
    return told if len(told) <= FIRST[2] else f"{p:.0e}"


def _below(bridge: Bridge) -> Iterator[tuple[str, str]]:
    """Yield what the table rests on, each with its title."""
    if bridge.reason:
        yield "no association", bridge.reason
    yield "rows", f"{bridge.rows:,} of {bridge.given:,} entered"
    yield from _rests_on(bridge)
    yield "unique predictors", f"{bridge.unique:,}, in {clusters_told(bridge.clusters)}"
    yield "strata", f"{len(bridge.strata)} ({', '.join(bridge.strata) or 'none'})"
    for words in bridge.counts:
        yield "counted", words
    yield from _standings(bridge)
    for correlation in bridge.collinear:
        yield "collinear", _correlation(correlation)
    yield from _bound(bridge)


def _standings(bridge: Bridge) -> Iterator[tuple[str, str]]:
    """Yield every standing with its reason, those that share one together."""
    found: dict[tuple[str, str], list[str]] = {}
    for one in bridge.associations:
        found.setdefault((one.standing, one.words), []).append(one.hypothesis.name)
    for (standing, words), names in found.items():
        yield standing, f"{', '.join(names)}: {words}"


def _beside(one: Association) -> Iterator[str]:
    """Yield what else was made of one hypothesis, under its name; nothing where there is no rho."""
    if one.pooled.value is None:
        return
    yield ""
    yield from wrap(one.hypothesis.name, WIDTH, subsequent_indent="  ", break_on_hyphens=False)
    for title, words in (
        ("over all rows, clusters resampled", _told(one.clustered)),
        ("least squares, strata as covariates", _told(one.adjusted)),
        ("by stratum, clusters resampled", "; ".join(map(_named, one.by_stratum))),
        ("handled otherwise", "; ".join(map(_otherwise, one.sensitivity))),
    ):
        if words:
            yield from wrap(
                f"{title}: {words}",
                WIDTH,
                initial_indent="  ",
                subsequent_indent="    ",
                break_on_hyphens=False,
            )


def _told(one: Measurement) -> str:
    """Return value and interval, or why there is none."""
    if one.value is None:
        return f"{ABSENT} ({one.reason})"
    return f"{_value(one)} {_interval(one)}".rstrip()


def _named(one: Measurement) -> str:
    return f"{one.name} {_told(one)}"


def _otherwise(one: Measurement) -> str:
    """Return a rho under another handling, with that within the strata, or with its p."""
    within = [f"within {_value(inner)}" for inner in one.breakdown if inner.value is not None]
    test = [one.interval.partition(" of ")[0]] if one.interval.startswith("p ") else []
    return ", ".join([_named(one), *within, *test])


def _rests_on(bridge: Bridge) -> Iterator[tuple[str, str]]:
    """Yield what each association rests on, those that rest on the same together."""
    found: dict[str, list[str]] = {}
    for one in bridge.associations:
        if one.clustered.value is not None:
            told = f"{entered(one)}, {one.clustered.interval}"
            found.setdefault(told, []).append(one.hypothesis.name)
    for told, names in found.items():
        yield "rests on", f"{', '.join(names)}: {told}"


def _correlation(one: Measurement) -> str:
    told = f"absent ({one.reason})" if one.value is None else f"{one.value:+.3f}"
    return f"{one.name}: {told}"


def _bound(bridge: Bridge) -> Iterator[tuple[str, str]]:
    """Yield what the bridge was bound to beforehand, and every deviation from it."""
    if not bridge.preregistration:
        yield "preregistration", "none: the hypotheses were not frozen before the data were read"
        return
    yield "preregistration", f"sha256 {bridge.preregistration}"
    for deviation in bridge.deviations or ("none",):
        yield "deviation", deviation


def _paragraph(title: str, words: str) -> list[str]:
    return wrap(f"{title}: {words}", WIDTH, subsequent_indent="  ", break_on_hyphens=False)
