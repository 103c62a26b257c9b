"""Turns of different conversations put together: own loops, stock phrases, a blind embedder."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from measure.talks import talk, vectors_of
from pytest_promptchaos.measure.collapse import collapse
from pytest_promptchaos.measure.sameness import OTHERS, RESOLUTION, mix, mixed_turns
from pytest_promptchaos.measure.timelines import Detectors
from pytest_promptchaos.records import Limit, Outcome
from pytest_promptchaos.verdict.judge import judge, settle

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from pytest_promptchaos.measure.collapse import Collapse
    from pytest_promptchaos.records import Control, Conversation

OWN = [talk(letter * 10, f"p{i}") for i, letter in enumerate("abcdefghijkl")]
"""Every conversation loops on a phrase of its own."""
STOCK = [talk("z" * 10, f"p{i}") for i in range(12)]
"""All conversations say the same phrase from the first turn on."""
NEW = [talk("abcdefghijklmnopqrstuv"[i : i + 10], f"p{i}") for i in range(12)]
"""No conversation says anything twice."""


def blind(said: Sequence[Conversation]) -> dict[str, NDArray[np.float64]]:
    """Return vectors of an embedder that hardly tells texts apart."""
    rng = np.random.default_rng(0)
    return {one.id: 1 + 0.1 * rng.normal(size=(len(one.turns), 64)) for one in said}


def control(found: Collapse, name: str) -> Control:
    return next(one for one in found.controls if one.name == name)


def outcome(found: Collapse, limit: Limit) -> Outcome:
    return judge(found.measurement, limit, settle(found.controls, limit))


FEW = Limit(name="collapse_incidence", at_most=0.3)
MANY = Limit(name="collapse_incidence", at_least=0.5)


# -- known answers ------------------------------------------------------------------------------


def test_loops_of_their_own_vanish_among_the_turns_of_others() -> None:
    found = collapse(OWN, vectors_of(OWN))
    assert found.measurement.value == 1.0
    assert control(found, OTHERS).value == 0.0 == control(found, RESOLUTION).value
    assert control(found, OTHERS).words == (
        "turns taken from different conversations and put in a row collapse in 0.000 of rows; the "
        "real conversations in 1.000"
    )
    assert control(found, RESOLUTION).words == (
        "in 0.000 of rows of turns taken from different conversations turns are called collapsed "
        "although their words do not repeat"
    )
    assert outcome(found, FEW) is Outcome.FAILED
    assert outcome(collapse(OWN, vectors_of(OWN), claimed=True), MANY) is Outcome.PASSED


def test_one_stock_phrase_everywhere_fails_and_never_passes() -> None:
    found = collapse(STOCK, vectors_of(STOCK))
    assert found.measurement.value == 1.0 == control(found, OTHERS).value
    assert control(found, OTHERS).role == "note"
    assert "sameness of all conversations, not a loop of one" in control(found, OTHERS).words
    assert control(found, RESOLUTION).value == 0.0
    assert outcome(found, FEW) is Outcome.FAILED


def test_one_stock_phrase_is_no_evidence_of_loops_where_loops_are_claimed() -> None:
    found = collapse(STOCK, vectors_of(STOCK), claimed=True)
    assert control(found, OTHERS).role == "floor"
    assert outcome(found, MANY) is Outcome.INVALID


@pytest.mark.parametrize("limit", [FEW, MANY])
def test_an_embedder_that_tells_nothing_apart_is_no_evidence(limit: Limit) -> None:
    found = collapse(NEW, blind(NEW), claimed=limit is MANY)
    assert found.measurement.value == 1.0 == control(found, RESOLUTION).value
    assert outcome(found, limit) is Outcome.INVALID


def test_a_rate_is_held_against_a_rate() -> None:
    found = collapse(STOCK, vectors_of(STOCK), of="rate")
    assert found.measurement.value == pytest.approx(0.6) == control(found, OTHERS).value
    assert control(found, RESOLUTION).value == 0.0
    assert control(found, OTHERS).words.startswith(
        "of turns taken from different conversations and put in a row, 0.600 are collapsed; of "
        "those of the real conversations, 0.600"
    )
    assert control(found, RESOLUTION).words == (
        "of rows of turns taken from different conversations, 0.000 of the turns are called "
        "collapsed although their words do not repeat"
    )


def test_conversations_that_say_nothing_twice_pass() -> None:
    found = collapse(NEW, vectors_of(NEW))
    assert found.measurement.value == 0.0
    assert outcome(found, FEW) is Outcome.PASSED


def test_two_seed_prompts_are_too_few_to_mix() -> None:
    said = [*STOCK[:2], *(talk("z" * 10, f"p{i}", condition="ROT") for i in range(3))]
    mixed = mix(said, vectors_of(said), Detectors())
    assert mixed.left_out == ("HOMO",)
    assert (mixed.sequences, mixed.incidence) == (3, 1.0)
    found = collapse(STOCK[:2], vectors_of(STOCK[:2]))
    assert control(found, OTHERS).state == "absent" == control(found, RESOLUTION).state
    assert "fewer than 3 seed prompts in HOMO" in control(found, OTHERS).words


def test_the_same_seed_mixes_the_same() -> None:
    said = [talk("aab" * 4, f"p{i % 4}", i // 4) for i in range(8)]
    first, second = (mix(said, vectors_of(said), Detectors(), seed=3) for _ in range(2))
    assert first == second


# -- properties ---------------------------------------------------------------------------------


@settings(deadline=None)
@given(st.lists(st.integers(1, 4), min_size=3, max_size=6), st.integers(0, 12), st.integers(0, 99))
def test_no_turn_stands_within_two_of_one_of_its_own_seed_prompt(
    sizes: list[int], turns: int, seed: int
) -> None:
    group = [number for number, size in enumerate(sizes) for _ in range(size)]
    members = [[i for i, of in enumerate(group) if of == number] for number in range(len(sizes))]
    rows = mixed_turns(members, turns, np.random.default_rng(seed))
    assert [len(row) for row in rows] == [turns] * sum(sizes)
    for row in rows:
        own = [group[i] for i in row]
        assert all(own[t] not in own[max(t - 2, 0) : t] for t in range(turns))


@settings(deadline=None)
@given(st.integers(3, 6), st.integers(1, 4), st.integers(0, 12), st.integers(0, 99))
def test_groups_of_one_size_are_shuffled_turn_by_turn(
    groups: int, size: int, turns: int, seed: int
) -> None:
    members = np.arange(groups * size).reshape(groups, size).tolist()
    rows = mixed_turns(members, turns, np.random.default_rng(seed))
    for turn in range(turns):
        assert sorted(row[turn] for row in rows) == list(range(groups * size))
