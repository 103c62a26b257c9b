"""Runs -> scaffold: what is the same whatever is asked, and how much of the output it takes."""

from __future__ import annotations

import pytest

from measure.scripted_runs import observed
from pytest_promptchaos.measure.scaffold import MASKING_SHARE, scaffold
from pytest_promptchaos.records import SMALL_RUNGS, Rung

PREAMBLE = " ".join(f"step{n}" for n in range(60))
CHANGED: dict[Rung, list[str]] = {"positive_control": ["Rome is an old city"]}


def test_sixty_identical_tokens_at_horizon_64_mask_the_answer() -> None:
    found = scaffold(
        [
            observed(
                "cat",
                f"{PREAMBLE} a cat is a small animal",
                {
                    "format": [f"{PREAMBLE} a dog is a large animal"],
                    "positive_control": [f"{PREAMBLE} Rome is an old city"],
                },
            )
        ],
        SMALL_RUNGS,
    )
    assert found.control.state == "failed"
    assert found.control.value == 60 / 64
    assert "94% of the output is the same whatever is asked" in found.control.words
    assert "4 tokens of answer before the horizon; 8 needed" in found.control.words
    assert "scaffold-masked" in found.control.words
    assert found.usable.value == 0.0
    assert found.scaffold.value == pytest.approx(60 / 64)


@pytest.mark.parametrize(
    "answer",
    [
        "The final result of the sum that you asked for is {}",
        '{{ "task" : "sum" , "source" : "user" , "confident" : true , "answer" : {} }}',
    ],
)
def test_answers_of_a_fixed_format_are_compared_and_not_voided(answer: str) -> None:
    found = scaffold(
        [
            observed(
                "sum",
                answer.format("nine"),
                {
                    "format": [answer.format("seven")],
                    "positive_control": [answer.format("four")],
                },
            )
        ],
        SMALL_RUNGS,
    )
    assert found.control.state == "held"
    assert (found.control.value or 0.0) > MASKING_SHARE
    assert "more than 50%, which dilutes the distance of whole outputs" in found.control.words
    assert "the one from the answer on counts; 1 of 1 pairs can be" in found.control.words
    (pair,) = found.alignments.values()
    assert (pair.text_a[:4], pair.text_b[:5]) == ("nine", "seven")


def test_empty_outputs_are_no_scaffold() -> None:
    found = scaffold([observed("cat", "a cat", {"format": [""] * 3, **CHANGED})], SMALL_RUNGS)
    assert found.control.state == "held"
    assert "3 of 3 pairs can be compared" in found.control.words
    assert found.usable.value == 1.0


def test_at_a_longer_horizon_the_same_model_can_be_judged() -> None:
    tail = " ".join(["word"] * 200)
    asked = observed(
        "cat",
        f"{PREAMBLE} cat {tail}",
        {
            "format": [f"{PREAMBLE} dog {tail}"],
            "positive_control": [f"{PREAMBLE} Rome {tail}"],
        },
        horizon=256,
    )
    long, short = (scaffold([asked], SMALL_RUNGS, horizon=h) for h in (256, 64))
    assert (long.control.state, short.control.state) == ("held", "failed")
    (pair,) = long.alignments.values()
    assert (pair.by, pair.start_a, pair.text_a[:8]) == ("preamble", 60, "cat word")


def test_a_model_without_a_preamble_is_compared_whole() -> None:
    found = scaffold([observed("cat", "a cat", {"format": ["the cat"], **CHANGED})], SMALL_RUNGS)
    assert found.control.state == "held"
    assert (found.usable.value, found.scaffold.value) == (1.0, 0.0)


def test_thoughts_of_their_own_are_no_shared_preamble() -> None:
    thought = "<think> {} is what they ask for and I know it </think> {}"
    found = scaffold(
        [
            observed(
                "cat",
                thought.format("cat", "a cat"),
                {
                    "format": [thought.format("cats", "a cat")],
                    "positive_control": [thought.format("Rome", "a city")],
                },
            )
        ],
        SMALL_RUNGS,
    )
    assert found.control.state == "held"
    (pair,) = found.alignments.values()
    assert (pair.by, pair.text_a, pair.text_b) == ("marker", "a cat ", "a cat ")
    assert found.scaffold.value == pytest.approx(24 / 28)


def test_too_few_usable_pairs_are_no_neighborhood() -> None:
    endless = "<think> and so on"
    found = scaffold(
        [observed("cat", "<think> so </think> a cat", {"format": [endless] * 3, **CHANGED})],
        SMALL_RUNGS,
    )
    assert found.control.state == "failed"
    assert "3x the neighbor never ends its thought" in found.control.words
    absent = found.mean("semantic distance, aligned", "1 - cosine, 0 to 2", {})
    assert (absent.value, absent.reason, absent.n) == (None, "no pair is usable", 3)


def test_a_model_that_answers_everything_alike_shows_no_preamble() -> None:
    found = scaffold(
        [observed("cat", "yes", {"format": ["yes"], "positive_control": ["yes"]})], SMALL_RUNGS
    )
    assert found.control.state == "absent"
    assert "no two different requests have different outputs" in found.control.words


def test_a_manner_of_speaking_is_no_scaffold() -> None:
    found = scaffold(
        [
            observed(
                "sum",
                "the answer is four",
                {"format": ["the answer is 4"], "positive_control": ["the answer is Rome"]},
            )
        ],
        SMALL_RUNGS,
    )
    assert (found.control.state, found.control.value) == ("held", 0.0)
    (pair,) = found.alignments.values()
    assert (pair.text_a, pair.text_b) == ("four ", "4 ")


def test_without_a_meaning_changing_edit_the_other_prompts_are_different_requests() -> None:
    opening = "well then let me tell you all about it"
    several = [
        observed(name, f"{opening} {name}", {"format": [f"{opening} {name}"]})
        for name in ("cat", "dog")
    ]
    found = scaffold(several, SMALL_RUNGS)
    assert found.control.state == "held"
    assert found.control.value == pytest.approx(9 / 10)


def test_aligned_distances_are_averaged_over_usable_pairs_by_prompt() -> None:
    endless = "<think> and so on"
    found = scaffold(
        [
            observed("cat", "cat", {"format": ["cat", "dog", endless], **CHANGED}),
            observed("sun", "sun", {"format": ["sun"], **CHANGED}),
        ],
        SMALL_RUNGS,
    )
    distances = {"cat/format/0": 0.0, "cat/format/1": 0.6, "sun/format/0": 0.1}
    mean = found.mean("distance, aligned", "0 to 1", distances)
    assert mean.value == pytest.approx((0.3 + 0.1) / 2)
    assert (mean.n, mean.effective_n) == (4, 3)
