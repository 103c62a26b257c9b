"""The growth of perturbations turn by turn, beside what the detector says of those turns."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_promptchaos.records import Curve
from pytest_promptchaos.report.legible import one_line, plural

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pytest_promptchaos.records import Timeline, Verdict
    from pytest_promptchaos.report.overview import Judged

GROWTH = ("growth of perturbations by turn", "lambda_1 (nats per layer)", "turn")
"""Name and axes, y ahead of x, of the curves that are made of timelines."""
LINES = 24
"""Conversations whose growth is drawn; more lines could not be told apart."""
FOLLOWED, MARKED = "conversation", "collapsed turn"
ZERO = "y = 0, no growth"


def condition_words(verdict: Verdict) -> str:
    """Return who talked with whom, such as ``"HOMO_A"``; several conditions with commas."""
    return one_line(", ".join(dict.fromkeys(one.condition for one in verdict.timelines)))


def growth_pictures(verdicts: Sequence[Judged]) -> Iterator[tuple[str, tuple[Curve, ...]]]:
    """Yield title and curves of a picture per condition whose depth was followed turn by turn."""
    seen: set[tuple[Timeline, ...]] = set()
    for one in verdicts:
        followed = tuple(found for found in one.verdict.timelines if found.growth)
        if followed and followed not in seen:
            seen.add(followed)
            yield _title(one.verdict, len(followed)), growth_curves(followed[:LINES])


def growth_curves(followed: Sequence[Timeline]) -> tuple[Curve, ...]:
    """Return a line per conversation, a point at every collapsed turn, and the line of no growth.

    >>> from pytest_promptchaos.records import Timeline
    >>> found = Timeline(condition="A", seed_id="plan", bucket="", repeat=0, asked=2,
    ...                  collapsed=(False, True), growth=((1, 0.2), (2, 0.1)))
    >>> [(one.series, one.x, one.y) for one in growth_curves([found])][:2]
    [('conversation', (1.0, 2.0), (0.2, 0.1)), ('collapsed turn', (2.0,), (0.1,))]
    """
    lines = [_curve(found.growth, FOLLOWED) for found in followed]
    collapsed = [(found, *at) for found in followed for at in found.growth if _in(found, at[0])]
    turns = sorted({turn for found in followed for turn, _ in found.growth})
    zero = [_curve([(turns[0], 0.0), (turns[-1], 0.0)], ZERO)]
    if not collapsed:
        return (*lines, *zero)
    name, y_label, x_label = GROWTH
    cloud = Curve(
        name=name,
        x_label=x_label,
        y_label=y_label,
        x=tuple(float(turn) for _, turn, _ in collapsed),
        y=tuple(rate for _, _, rate in collapsed),
        series=MARKED,
        mark="points",
        labels=tuple(f"{found.seed_id}, repeat {found.repeat}" for found, _, _ in collapsed),
    )
    return (*lines, cloud, *zero)


def _in(found: Timeline, turn: int) -> bool:
    return 1 <= turn <= found.turns and found.collapsed[turn - 1]


def _curve(places: Sequence[tuple[int, float]], series: str) -> Curve:
    name, y_label, x_label = GROWTH
    x, y = tuple(float(turn) for turn, _ in places), tuple(rate for _, rate in places)
    return Curve(name=name, x_label=x_label, y_label=y_label, x=x, y=y, series=series)


def _title(verdict: Verdict, count: int) -> str:
    shown = f"{LINES} of {count} conversations" if count > LINES else plural(count, "conversation")
    return f"{condition_words(verdict)}: {shown}"
