"""Timelines -> measurements: values told by hand, what is censored, and what it rests on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_promptchaos.measure.collapsed import Tally
from pytest_promptchaos.measure.intervals import share
from pytest_promptchaos.records import Timeline

if TYPE_CHECKING:
    from collections.abc import Sequence


def line(marks: str, seed_id: str = "p0", repeat: int = 0, bucket: str = "") -> Timeline:
    """Return a timeline from marks: ``#`` is a collapsed turn."""
    return Timeline(
        condition="HOMO",
        seed_id=seed_id,
        bucket=bucket,
        repeat=repeat,
        asked=len(marks),
        collapsed=tuple(mark == "#" for mark in marks),
    )


def one_each(*marks: str) -> list[Timeline]:
    return [line(mark, f"p{i}") for i, mark in enumerate(marks)]


NEVER, LATE, STUCK, BACK = ".........." + "", ".........#", "....######", "....##...#"
FOUR = one_each(NEVER, LATE, STUCK, BACK)
TALLY = Tally()


# -- known answers ------------------------------------------------------------------------------


def test_incidence_of_one_conversation_per_seed_prompt_has_a_wilson_interval() -> None:
    found, wilson = TALLY.incidence(FOUR), share(3, 4)
    assert (found.value, found.low, found.high) == (0.75, wilson.low, wilson.high)
    assert found.interval == "95 % Wilson over 4 seed prompts"
    assert (found.resampled, found.resampled_n, found.n, found.effective_n) == (
        "seed prompts",
        4,
        4,
        4,
    )


def test_incidence_of_repeats_is_clustered_by_seed_prompt() -> None:
    # Seed prompts collapse in 2, 1, 1, 0 and 0 of two repeats: mean of 1, 0.5, 0.5, 0 and 0.
    said = [(STUCK, STUCK), (STUCK, NEVER), (NEVER, STUCK), (NEVER, NEVER), (NEVER, NEVER)]
    lines = [line(m, f"p{i}", r) for i, pair in enumerate(said) for r, m in enumerate(pair)]
    found = TALLY.incidence(lines)
    assert found.value == pytest.approx(0.4)
    assert "over 5 seed prompts" in found.interval
    assert (found.resampled, found.n, found.effective_n) == ("seed prompts", 10, 10)


def test_few_seed_prompts_say_that_only_their_conversations_were_resampled() -> None:
    lines = [line(m, f"p{i}", r) for i in range(2) for r, m in enumerate([NEVER, STUCK, STUCK])]
    found = TALLY.incidence(lines)
    assert "6 conversations within 2 seed prompts, not over seed prompts" in found.interval
    assert found.resampled == "conversations"


def repeated(*marks: Sequence[str]) -> list[Timeline]:
    """Return the conversations of seed prompts, one after the other."""
    return [line(m, f"p{i}", r) for i, of_seed in enumerate(marks) for r, m in enumerate(of_seed)]


@pytest.mark.parametrize("repeats", [2, 50])
@pytest.mark.parametrize("seeds", [1, 3, 4])
def test_repeats_that_end_alike_say_no_more_than_their_seed_prompts(
    seeds: int, repeats: int
) -> None:
    unseen = 1 - 0.05 ** (1 / seeds)
    never = TALLY.incidence(repeated(*[[NEVER] * repeats] * seeds))
    assert [never.value, never.low, never.high] == pytest.approx([0.0, 0.0, unseen])
    assert (never.resampled, never.resampled_n) == ("seed prompts", seeds)
    only = "this one seed prompt only" if seeds == 1 else f"these {seeds} seed prompts only"
    assert never.interval == (
        f"all {seeds * repeats} conversations equal, from {only}; up to {unseen:.0%} of others "
        "may still collapse (95 %)"
    )
    always = TALLY.incidence(repeated(*[[STUCK] * repeats] * seeds))
    assert [always.low, always.high] == pytest.approx([1 - unseen, 1.0])
    assert "others may still differ" in always.interval


def test_so_it_is_for_rates_first_turns_and_depths_each_between_its_ends() -> None:
    lines, unseen = repeated(*[[STUCK] * 50] * 3), 1 - 0.05 ** (1 / 3)
    _, rate, first, depth, *_ = TALLY.every(lines)
    assert [rate.value, rate.low, rate.high] == pytest.approx([0.6, 0.6 * (1 - unseen), 0.6])
    assert [first.value, first.low, first.high] == pytest.approx([5.0, 5.0, 5 + 6 * unseen])
    assert [depth.value, depth.low, depth.high] == pytest.approx([6.0, 6 - 5 * unseen, 6.0])
    assert {one.resampled_n for one in (rate, first, depth)} == {3}


def test_one_collapse_in_many_conversations_does_not_make_a_few_seed_prompts_certain() -> None:
    none = TALLY.incidence(repeated(*[[NEVER] * 50] * 3))
    one = TALLY.incidence(repeated([STUCK, *[NEVER] * 49], *[[NEVER] * 50] * 2))
    assert one.low is not None
    assert none.high is not None
    assert one.high is not None
    assert one.low <= 1 / 150 < none.high < one.high
    assert one.interval.endswith(
        "not over seed prompts: of these 3 seed prompts only; wider, because most are equal and "
        "others may still differ"
    )


def test_a_spread_inside_few_seed_prompts_speaks_of_these_only() -> None:
    found = TALLY.incidence(repeated([NEVER, STUCK], [NEVER, STUCK], [STUCK, NEVER]))
    assert found.interval.endswith("not over seed prompts: of these 3 seed prompts only")


def test_a_single_one_is_not_told_in_the_plural() -> None:
    alone = [line(STUCK)]
    assert TALLY.incidence(alone).interval == "95 % Wilson over 1 seed prompt"
    assert TALLY.escape(alone).interval.startswith(
        "no interval: turns depend on each other, and one seed prompt is too few"
    )
    assert TALLY.depth([line(NEVER)]).reason == "the only conversation is free"


def test_rate_is_the_share_of_all_turns() -> None:
    found = TALLY.rate(FOUR)
    assert found.value == pytest.approx((0 + 0.1 + 0.6 + 0.3) / 4)
    assert found.unit == "share of turns, 0 to 0.6"
    assert found.high is not None
    assert found.high <= 0.6


def test_a_rate_of_none_reaches_as_far_as_a_share_of_conversations_would_take_it() -> None:
    # 1 - 0.05^(1/12) of other seed prompts may collapse, each in at most 16 of 20 turns.
    found = TALLY.rate([line("." * 20, f"p{i}") for i in range(12)])
    assert (found.value, found.low) == (0.0, 0.0)
    assert found.high == pytest.approx((1 - 0.05 ** (1 / 12)) * 16 / 20)


@pytest.mark.parametrize(
    ("censor", "value", "kept", "words"),
    [
        ("after", (11 + 10 + 5 + 5) / 4, 4, "count as the turn after their last"),
        ("last", (10 + 10 + 5 + 5) / 4, 4, "count as their last turn"),
        ("exclude", (10 + 5 + 5) / 3, 3, "are left out"),
    ],
)
def test_the_first_turn_says_how_it_is_censored(
    censor: str, value: float, kept: int, words: str
) -> None:
    found = Tally(censor=censor).first(FOUR)  # type: ignore[arg-type]
    assert found.value == pytest.approx(value)
    assert (found.n, found.effective_n) == (4, kept)
    assert found.interval.endswith(f"1 of 4 never collapse and {words}")


def test_the_depth_is_that_of_the_collapsed_and_counts_those_that_run_on() -> None:
    # LATE lasts 1 turn and STUCK 6, both to the end; the longest of BACK lasts 2.
    found = TALLY.depth(FOUR)
    assert found.value == pytest.approx((1 + 6 + 2) / 3)
    assert (found.n, found.effective_n) == (4, 3)
    assert found.interval.endswith("2 of 3 run to the last turn and may be deeper")


def test_no_interval_of_turns_ends_beyond_what_is_possible() -> None:
    # Of 12 turns, 5 to 12 can be labelled: no depth above 8. Two deep and one shallow seed prompt
    # would take Student's t below 1 and above 8.
    depth = TALLY.depth(one_each("." * 4 + "#" * 8, "." * 4 + "#" * 8, "." * 11 + "#"))
    assert (depth.low, depth.high) == (1.0, 8.0)
    # An escape at turn 6 at the earliest is followed by turn 12 at most 6 turns later.
    marks = ("....#.....##", "....#.#.....", "....#.#.....", "....#......#", "....#......#")
    again = TALLY.recollapse(one_each(*marks))
    assert again.value == pytest.approx((5 + 1 + 1 + 6 + 6) / 5)
    assert again.low is not None
    assert (again.low, again.high) == (1.0, 6.0)


def test_the_escape_probability_is_per_turn_that_has_a_next_one() -> None:
    # LATE has no next turn. STUCK stays 5 times; BACK stays once and escapes once.
    found = TALLY.escape(FOUR)
    assert found.value == pytest.approx((0 / 5 + 1 / 2) / 2)
    assert (found.n, found.effective_n) == (4, 2)
    assert found.interval == (
        "no interval: turns depend on each other, and 2 seed prompts are too few; "
        "7 collapsed turns with a next one, 3 without, as the last of the conversation"
    )
    assert found.low is None


def test_the_time_to_recollapse_counts_the_escapes_that_last() -> None:
    # BACK is free at turns 7, 8, 9; the other is free from 7 to 9 and then to the end.
    found = TALLY.recollapse([*FOUR, line("....##....", "p4")])
    assert found.value == 3.0
    assert (found.n, found.effective_n) == (5, 1)
    assert found.interval.endswith("1 of 2 escapes last to the end")


def test_turns_are_resampled_by_seed_prompt_where_there_are_enough() -> None:
    found = TALLY.escape([line("....##.###" if i % 2 else BACK, f"p{i}") for i in range(6)])
    assert found.resampled == "seed prompts"
    assert found.low is not None


def test_without_a_collapse_what_follows_it_is_absent_with_a_reason() -> None:
    lines = one_each(NEVER, NEVER, NEVER)
    absent = {m.name: m.reason for m in TALLY.every(lines) if m.value is None}
    assert absent == {
        "entrenchment_depth": "none of 3 conversations collapses",
        "escape_probability": "no collapsed turn of 3 conversations has a next one",
        "time_to_recollapse": "none of 0 escapes is followed by another collapse",
    }
    excluded = Tally(censor="exclude").first(lines)
    assert excluded.reason == "none of 3 conversations collapses"


def test_too_few_turns_are_no_evidence_of_anything() -> None:
    for found in TALLY.every(one_each("....", "...")):
        assert found.value is None
    assert TALLY.incidence(one_each("....", "...")).reason == (
        "the longest of 2 conversations has 4 turns, and turn 5 is the earliest that can be called "
        "collapsed: ask for more turns"
    )


def test_one_conversation_that_is_too_short_is_counted_as_one() -> None:
    why = (
        "the only conversation has 4 turns, and turn 5 is the earliest that can be called "
        "collapsed: ask for more turns"
    )
    assert {found.reason for found in TALLY.every(one_each("...."))} == {why}


def test_a_conversation_that_is_too_short_is_counted_and_not_called_free() -> None:
    found = TALLY.incidence([*one_each(STUCK, NEVER), line("..", "p2")])
    assert (found.value, found.n, found.effective_n) == (0.5, 3, 2)
    first = TALLY.first([*one_each(STUCK, NEVER), line("..", "p2")])
    assert (first.value, first.n, first.effective_n) == (8.0, 3, 2)
    assert first.interval.endswith("1 of 2 never collapse and count as the turn after their last")


def test_incidence_and_rate_have_a_part_per_bucket() -> None:
    lines = [
        line(mark, f"p{i}", bucket=bucket)
        for i, (mark, bucket) in enumerate(
            [(STUCK, "planning"), (NEVER, "planning"), (BACK, "factual QA")]
        )
    ]
    incidence, rate, *rest = TALLY.every(lines)
    assert [(m.name, m.value, m.n) for m in incidence.breakdown] == [
        ("planning", 0.5, 2),
        ("factual QA", 1.0, 1),
    ]
    assert [m.value for m in rate.breakdown] == [pytest.approx(0.3), pytest.approx(0.3)]
    assert not any(m.breakdown for m in rest)
    assert TALLY.incidence(FOUR).breakdown == ()


# -- properties ---------------------------------------------------------------------------------


@st.composite
def spoken(draw: st.DrawFn) -> list[Timeline]:
    """Return conversations whose labels are possible: none before turn 5."""
    turns, seeds = draw(st.integers(5, 12)), draw(st.integers(1, 6))
    marks = st.text("#.", min_size=turns - 4, max_size=turns - 4)
    repeats = draw(st.integers(1, 2))
    return [
        line("...." + draw(marks), f"p{seed}", repeat)
        for seed in range(seeds)
        for repeat in range(repeats)
    ]


@settings(deadline=None, max_examples=40)
@given(spoken(), st.sampled_from(["after", "last", "exclude"]))
def test_every_number_lies_within_its_interval_and_its_interval_is_possible(
    lines: Sequence[Timeline], censor: str
) -> None:
    turns = lines[0].turns
    ends = {
        "collapse_incidence": (0.0, 1.0),
        "collapse_rate": (0.0, 1 - 4 / turns),
        "first_collapse_turn": (5.0, turns + 1.0),
        "entrenchment_depth": (1.0, turns - 4.0),
        "time_to_recollapse": (1.0, turns - 6.0),
        "escape_probability": (0.0, 1.0),
    }
    for found in Tally(censor=censor).every(lines):  # type: ignore[arg-type]
        least, most = ends[found.name]
        assert found.n == len(lines) >= found.effective_n
        if found.value is not None and found.low is not None and found.high is not None:
            assert least - 1e-9 <= found.low <= found.value + 1e-9
            assert found.value - 1e-9 <= found.high <= most + 1e-9
