"""Growth turn by turn against collapse: at the turn, before it, and what is only time."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from pytest_promptchaos.measure.longitudinal import growth_and_collapse, points
from pytest_promptchaos.records import Timeline

if TYPE_CHECKING:
    from collections.abc import Callable

TURNS = 20


def line(onset: int, growths: dict[int, float], seed_id: str = "p0") -> Timeline:
    """Return a conversation that is collapsed from ``onset`` to its end."""
    return Timeline(
        condition="HOMO",
        seed_id=seed_id,
        bucket="",
        repeat=0,
        asked=TURNS,
        collapsed=tuple(turn >= onset for turn in range(1, TURNS + 1)),
        growth=tuple(growths.items()),
    )


ONSETS = (7, 9, 11, 13, 15, 17, 8, 12)


def lines(rule: str, noise: float = 0.3) -> list[Timeline]:
    """Return conversations whose growth follows a rule, with noise and a level of each its own."""
    rng = np.random.default_rng(1)
    rules: dict[str, Callable[[int, int], float]] = {
        "collapsed": lambda turn, onset: float(turn >= onset),
        "one before": lambda turn, onset: float(turn == onset - 1),
        "time": lambda turn, _: turn / 4,
        "nothing": lambda *_: 0.0,
    }
    return [
        line(
            onset,
            {
                turn: 10.0 * number + rules[rule](turn, onset) + noise * float(rng.normal())
                for turn in range(1, TURNS + 1)
            },
            f"p{number}",
        )
        for number, onset in enumerate(ONSETS)
    ]


# -- known answers ------------------------------------------------------------------------------


def test_the_points_told_by_hand() -> None:
    one = line(8, dict.fromkeys(range(1, TURNS + 1), 0.5))
    at = points(one, ahead=0, earliest=5)
    # From turn 5 on, the earliest that can be labelled.
    assert [p.turn for p in at] == list(range(5, 21))
    assert [p.turn for p in at if p.collapsed] == list(range(8, 21))
    after = points(one, ahead=1, earliest=5)
    # Turns 4 to 7: the next is 5 to 8; from turn 8 on it is collapsed already.
    assert [(p.turn, p.collapsed) for p in after] == [(4, False), (5, False), (6, False), (7, True)]
    assert [(p.turn, p.collapsed) for p in points(one, ahead=3, earliest=5)] == [
        (2, False),
        (3, False),
        (4, False),
        (5, True),
    ]


def test_growth_in_step_with_collapse_goes_with_it() -> None:
    whole = growth_and_collapse(lines("collapsed", noise=0.0))
    assert whole.name == "growth and collapse at the turn"
    assert whole.value == pytest.approx(1.0)
    assert (whole.n, whole.effective_n, whole.resampled) == (8, 8, "seed prompts")
    (removed,) = whole.breakdown
    assert removed.low is not None
    assert removed.low > 0.3


def test_growth_that_differs_between_all_turns_reaches_less_than_one() -> None:
    # 12 of the 16 turns from 5 on are collapsed, p = 3/4, and all of the larger growth.
    said = [line(9, {turn: float(turn) for turn in range(1, 21)}, f"p{i}") for i in range(5)]
    expected = np.sqrt(3 * 0.75 * 0.25 / (1 - 1 / 16**2))
    assert growth_and_collapse(said).value == pytest.approx(expected)


def test_growth_before_a_collapse_is_another_question() -> None:
    said = lines("one before", noise=0.05)
    before, at = growth_and_collapse(said, ahead=1), growth_and_collapse(said)
    assert before.name == "growth and collapse 1 turn later"
    assert before.low is not None
    assert before.low > 0.4
    assert at.low is not None
    assert at.low < 0


def test_a_difference_between_conversations_is_no_association() -> None:
    # Each conversation has a level of its own, 10 apart, that goes with how late it collapses.
    found = growth_and_collapse(lines("nothing"))
    assert found.low is not None
    assert found.high is not None
    assert found.low < 0 < found.high


def test_what_is_only_time_vanishes_without_the_turn_means() -> None:
    found = growth_and_collapse(lines("time"))
    assert found.low is not None
    assert found.low > 0.5
    (removed,) = found.breakdown
    assert removed.low is not None
    assert removed.high is not None
    assert removed.low < 0 < removed.high


def test_conversations_in_which_nothing_varies_are_counted() -> None:
    said = lines("collapsed")
    found = growth_and_collapse([*said, line(99, {5: 1.0, 6: 2.0}, "p9"), line(5, {}, "p8")])
    assert (found.n, found.effective_n) == (10, 8)
    assert found.interval.endswith("without 2 of 10 conversations in which not both vary")


def test_too_few_conversations_are_absent_with_a_reason() -> None:
    found = growth_and_collapse(lines("collapsed")[:4])
    assert found.reason == (
        "4 of 4 conversations have 5 turns in which growth and collapse both vary: 5 are needed"
    )
    assert growth_and_collapse([]).value is None


def test_a_label_behind_is_refused() -> None:
    with pytest.raises(ValueError, match="ahead is -1"):
        growth_and_collapse(lines("nothing"), ahead=-1)


# -- properties ---------------------------------------------------------------------------------


@pytest.mark.parametrize("ahead", [0, 1, 3])
def test_a_level_and_a_scale_of_each_conversation_change_nothing(ahead: int) -> None:
    said = lines("collapsed")
    moved = [
        replace(one, growth=tuple((turn, 3.0 * g - 7.0 * i) for turn, g in one.growth))
        for i, one in enumerate(said)
    ]
    first, second = (growth_and_collapse(group, ahead=ahead) for group in (said, moved))
    assert first.value == pytest.approx(second.value)
    assert replace(first, breakdown=()) == replace(second, breakdown=())
