"""Answers to propositions: scripted models with known answers, and what is refused."""

from __future__ import annotations

from dataclasses import replace
from hashlib import sha256
from typing import TYPE_CHECKING

import pytest

from pytest_promptchaos import (
    Image,
    ScriptedModel,
    Shown,
    VerdictError,
    assert_consistent_answers,
    measure_answers,
    passage,
    proposition,
)
from pytest_promptchaos.answer_checks import judge_answers
from pytest_promptchaos.errors import ArgumentError
from pytest_promptchaos.records import Outcome
from pytest_promptchaos.session import Session, activated

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pytest_promptchaos.records import Findings, Measurement, Prompt, Verdict

IMAGES = 30
SHOWN = [
    Shown(
        id=f"p{i}",
        image=Image(path=f"p{i}.png", sha256=sha256(f"p{i}".encode()).hexdigest()),
        truth={"effusion": i % 2 == 0, "nodule": i % 3 == 0},
    )
    for i in range(IMAGES)
]
KINDS = ("presence", "evidence", "free", "rule out")
PROPOSITIONS = [proposition("effusion", kinds=KINDS), proposition("nodule", kinds=KINDS)]


@pytest.fixture(autouse=True, scope="module")
def _session() -> Iterator[None]:
    with activated(Session(on_disk=False)):
        yield


# -- models with known answers ------------------------------------------------------------------


def seen(prompt: Prompt) -> str:
    """What a scripted model is shown: the image, its change, the proposition and the question."""
    image = prompt.image
    told = f"{image.path}|{image.change}" if image else "nothing|"
    return f"{told}|{prompt.proposition}|{prompt.polarity}|{prompt.text}"


def by_proposition(text: str) -> str:
    image, _, name, polarity, _ = text.split("|")
    if image == "nothing":
        return "I see no image, so I cannot tell."
    number = int(image[1:-4])
    holds = {"effusion": number % 2 == 0, "nodule": number % 3 == 0}[name]
    return "Yes." if holds is (polarity == "1") else "No."


def at_random(text: str) -> str:
    return ("Yes.", "No.")[sha256(text.encode()).digest()[0] % 2]


def ignoring_the_image(text: str) -> str:
    return "Yes." if text.split("|")[3] == "1" else "No."


def ignoring_the_question(text: str) -> str:
    image, _, _, polarity, _ = text.split("|")
    bright = image != "nothing" and int(image[1:-4]) % 2 == 0
    return "Yes." if bright is (polarity == "1") else "No."


def unclear_half_of_the_time(text: str) -> str:
    return "It depends." if sha256(text.encode()).digest()[1] % 2 else by_proposition(text)


def model(answer: Callable[[str], str]) -> ScriptedModel:
    return ScriptedModel(answer.__name__, answer, template=seen)


def always_yes(text: str) -> str:
    return "Yes."


def named(findings: Findings | Verdict, name: str) -> Measurement:
    return next(one for one in (findings.measurement, *findings.also) if one.name == name)


def outcomes(answer: Callable[[str], str]) -> tuple[Outcome, Outcome]:
    ideal, flips = judge_answers(
        model(answer), SHOWN, PROPOSITIONS, ideal_at_least=0.7, flips_at_most=0.2
    )
    return ideal.outcome, flips.outcome


def test_a_model_that_answers_the_proposition_is_ideal() -> None:
    found = measure_answers(model(by_proposition), SHOWN, PROPOSITIONS)
    assert found.measurement.name == "ideal_share"
    assert found.measurement.value == 1.0
    assert named(found, "flip_rate").value == 0.0
    assert named(found, "accuracy").value == 1.0
    assert named(found, "text_only_agreement").value == 0.0
    assert {one.quadrant for one in found.samples} == {"ideal"}
    assert outcomes(by_proposition) == (Outcome.PASSED, Outcome.PASSED)


def test_yes_to_everything_flips_on_negated_phrasings_and_is_dangerous() -> None:
    found = measure_answers(model(always_yes), SHOWN, PROPOSITIONS)
    negated = sum(one.polarity == -1 for one in PROPOSITIONS[0].phrasings)
    others = len(PROPOSITIONS[0].phrasings) - 1
    assert named(found, "flip_rate").value == pytest.approx(negated / others)
    assert named(found, "inconsistent_samples").value == 1.0
    assert named(found, "dangerous_share").value == 1.0
    assert outcomes(always_yes) == (Outcome.FAILED, Outcome.FAILED)


def test_ignoring_the_image_is_dangerous_and_fails_with_a_flip_rate_of_zero() -> None:
    found = measure_answers(model(ignoring_the_image), SHOWN, PROPOSITIONS)
    assert named(found, "flip_rate").value == 0.0
    assert named(found, "dangerous_share").value == 1.0
    assert named(found, "text_only_agreement").value == 1.0
    ideal, flips = outcomes(ignoring_the_image)
    assert ideal is Outcome.FAILED
    assert flips is Outcome.INVALID  # a flip rate of 0 that says nothing


def test_ignoring_which_finding_is_asked_voids_what_looks_ideal() -> None:
    shown = [
        Shown(id=one.id, image=one.image, truth={"effusion": i % 2 == 0, "nodule": i % 2 == 1})
        for i, one in enumerate(SHOWN)
    ]
    ideal, flips = judge_answers(
        model(ignoring_the_question), shown, PROPOSITIONS, ideal_at_least=0.5, flips_at_most=0.2
    )
    assert ideal.measurement.value == 1.0
    assert {ideal.outcome, flips.outcome} == {Outcome.INVALID}
    assert [c.name for c in ideal.controls if c.state == "failed"] == ["positive control"]


def test_random_answers_are_mostly_worst() -> None:
    found = measure_answers(model(at_random), SHOWN, PROPOSITIONS)
    worst, ideal = (named(found, name).value or 0.0 for name in ("worst_share", "ideal_share"))
    assert worst > 0.6
    assert ideal < 0.1
    assert outcomes(at_random) == (Outcome.FAILED, Outcome.FAILED)


def test_unclear_answers_are_bounded_both_ways() -> None:
    found = measure_answers(model(unclear_half_of_the_time), SHOWN, PROPOSITIONS)
    parse = named(found, "parse_rate").value
    assert parse is not None
    assert 0.4 < parse < 0.6
    assert named(found, "flip_rate, unclear counted as agreeing").value == 0.0
    most = named(found, "flip_rate, unclear counted as flipping").value
    assert most is not None
    assert most > 0.5
    assert outcomes(unclear_half_of_the_time)[1] is Outcome.INVALID


def test_where_unclear_answers_decide_there_is_no_verdict() -> None:
    def sometimes(text: str) -> str:
        return "It depends." if sha256(text.encode()).digest()[1] % 4 == 0 else by_proposition(text)

    (flips,) = judge_answers(model(sometimes), SHOWN, PROPOSITIONS, flips_at_most=0.13)
    assert named(flips, "flip_rate").value == 0.0
    assert flips.outcome is Outcome.INVALID
    assert "decides between pass and fail" in flips.explanation


# -- flips are of propositions ------------------------------------------------------------------


@pytest.mark.parametrize(("second", "flip"), [("Yes.", 1.0), ("No.", 0.0)])
def test_the_same_word_to_opposite_polarities_is_a_flip(second: str, flip: float) -> None:
    ruled = proposition("effusion", kinds=["presence", "rule out"])

    def answer(text: str) -> str:
        return second if "rule out" in text else "Yes."

    scripted = ScriptedModel(f"second {second}", answer, template=seen)
    found = measure_answers(scripted, SHOWN, [ruled])
    assert named(found, "flip_rate").value == flip


def test_a_passage_stands_in_for_an_image() -> None:
    reports = [
        passage(
            f"Report {i}: {'an' if i % 2 else 'no'} effusion.",
            id=f"r{i}",
            truth={"effusion": i % 2 == 1},
        )
        for i in range(20)
    ]

    def reading(text: str) -> str:
        told, _, question = text.rpartition("\n\n")
        if not told:
            return "There is no report."
        holds = "an effusion" in told
        denies = any(word in question for word in ("rule", "free", "absent", "excluded", "no "))
        return "Yes." if holds is not denies else "No."

    found = measure_answers(
        ScriptedModel("reader", reading), reports, [proposition("effusion", kinds=KINDS)]
    )
    assert found.measurement.value == 1.0
    assert not any(a.condition == "perturbed" for s in found.samples for a in s.answers)


# -- what was asked -----------------------------------------------------------------------------


def test_swapped_in_is_an_image_for_which_the_truth_is_another() -> None:
    found = measure_answers(model(by_proposition), SHOWN, PROPOSITIONS, swaps=3)
    truths = {one.id: one.truth for one in SHOWN}
    for sample in found.samples:
        swapped = [one for one in sample.answers if one.condition == "swapped"]
        assert len(swapped) == 3
        assert {truths[one.change][sample.proposition] for one in swapped} == {not sample.truth}


def test_a_question_without_its_image_is_asked_once_for_all_images() -> None:
    asked = ScriptedModel("counting", by_proposition, template=seen)
    measure_answers(asked, SHOWN, PROPOSITIONS, swaps=0, perturbations=(), again=False)
    phrasings = sum(len(one.phrasings) for one in PROPOSITIONS)
    assert asked.calls == IMAGES * phrasings + phrasings


def test_a_second_time_nothing_is_asked_anew() -> None:
    first = measure_answers(model(by_proposition), SHOWN[:6], PROPOSITIONS, seed=7, horizon=5)
    second = measure_answers(model(by_proposition), SHOWN[:6], PROPOSITIONS, seed=7, horizon=5)
    assert first.runs_measured > 0
    assert (second.runs_measured, second.samples) == (0, first.samples)


def test_a_failure_shows_the_sample_and_both_phrasings() -> None:
    with pytest.raises(VerdictError) as raised:
        assert_consistent_answers(model(always_yes), SHOWN, PROPOSITIONS, flips_at_most=0.2)
    told = str(raised.value)
    assert "flip_rate" in told
    assert "'Is there effusion?'" in told
    assert "'Is the image free of effusion?'" in told or "'Can you rule out effusion?'" in told


@pytest.mark.parametrize(
    ("knobs", "words"),
    [
        ({}, "no limit was given"),
        ({"ideal_at_least": 0.0}, "everything would pass"),
        ({"flips_at_most": 1.0}, "everything would pass"),
        ({"flips_at_most": 0.1, "horizons": 3}, "horizons"),
        ({"flips_at_most": 0.1, "reliance": "swap"}, "swapped"),
        ({"flips_at_most": 0.1, "perturbations": ["sharpness +20 %"]}, "sharpness"),
        ({"flips_at_most": 0.1, "scaling": {"factors": [0.5]}}, "depth=N"),
        ({"flips_at_most": 0.1, "scaling": {"layers": "all", "factors": [1.5]}}, "at most 1"),
    ],
)
def test_arguments_that_make_no_sense_are_refused(knobs: dict[str, object], words: str) -> None:
    with pytest.raises(Exception, match=words) as raised:
        assert_consistent_answers(model(always_yes), SHOWN, PROPOSITIONS, **knobs)  # type: ignore[arg-type]
    assert isinstance(raised.value, ArgumentError) or "sharpness" in words


def test_what_is_shown_and_asked_is_named_once() -> None:
    with pytest.raises(ArgumentError, match="'p0' twice"):
        measure_answers(model(always_yes), [SHOWN[0], SHOWN[0]], PROPOSITIONS)
    with pytest.raises(ArgumentError, match="propositions is empty"):
        measure_answers(model(always_yes), SHOWN, [])
    with pytest.raises(ArgumentError, match="name them alike"):
        measure_answers(model(always_yes), SHOWN, [proposition("fracture")])
    misspelled = [replace(one, truth={"nodul": True}) for one in SHOWN]
    with pytest.raises(ArgumentError, match="did you mean 'nodule'"):
        measure_answers(model(always_yes), misspelled, PROPOSITIONS)


def test_one_image_under_two_ids_counts_once_and_is_refused() -> None:
    twin = replace(SHOWN[0], id="twin")
    with pytest.raises(ArgumentError, match="'p0' and 'twin' are the same image"):
        measure_answers(model(always_yes), [*SHOWN, twin], PROPOSITIONS)
    told = [passage("The heart is large.", id=name) for name in ("a", "b")]
    with pytest.raises(ArgumentError, match="same passage"):
        measure_answers(model(always_yes), told, PROPOSITIONS)


def test_ids_that_run_together_are_refused_before_anything_is_asked() -> None:
    asked = ScriptedModel("never", always_yes)
    shown = [replace(SHOWN[0], id="a", truth={}), replace(SHOWN[1], id="a/b", truth={})]
    pair = [proposition("effusion", id="b/c"), proposition("nodule", id="c")]
    with pytest.raises(ArgumentError, match="'a/b/c'"):
        measure_answers(asked, shown, pair)
    assert asked.calls == 0


def test_what_is_swapped_in_does_not_depend_on_the_order_of_the_images() -> None:
    def swapped(found: Findings) -> dict[str, set[str]]:
        return {
            sample.id: {one.change for one in sample.answers if one.condition == "swapped"}
            for sample in found.samples
        }

    forth = swapped(measure_answers(model(by_proposition), SHOWN, PROPOSITIONS))
    back = swapped(measure_answers(model(by_proposition), SHOWN[::-1], PROPOSITIONS))
    assert forth == back


def test_a_model_that_contradicts_itself_fails_also_where_it_hardly_hears_the_question() -> None:
    def seldom(text: str) -> str:
        image, _, name, *_ = text.split("|")
        if name == "nodule" and image == "p9.png":
            return by_proposition(text)
        return "Yes."

    (flips,) = judge_answers(model(seldom), SHOWN, PROPOSITIONS, flips_at_most=0.2)
    assert flips.outcome is Outcome.FAILED


def test_what_is_no_list_of_images_or_propositions_is_refused_in_words() -> None:
    with pytest.raises(ArgumentError, match="pass what picture"):
        measure_answers(model(always_yes), ["a.png"], PROPOSITIONS)  # type: ignore[list-item]
    with pytest.raises(ArgumentError, match="pass what proposition"):
        measure_answers(model(always_yes), SHOWN, ["effusion"])  # type: ignore[list-item]
    with pytest.raises(ArgumentError, match="pass a list of what proposition"):
        measure_answers(model(always_yes), SHOWN, PROPOSITIONS[0])  # type: ignore[arg-type]
