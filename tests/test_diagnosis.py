"""Low movement means something else in each of these models: what the verdict calls it."""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING

import pytest

from pytest_promptchaos import Authored, ScriptedModel, VerdictError
from pytest_promptchaos.checks import (
    assert_responsive,
    assert_stable_neighborhood,
    measure_neighborhood,
)
from pytest_promptchaos.records import Outcome
from pytest_promptchaos.session import Session, activated
from pytest_promptchaos.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pytest_promptchaos.records import Findings, Verdict

TEXT = "Tell me a quick story about a fox."
OTHERS = {
    "small_semantic": ["Tell me a quick story about a king."],
    "positive_control": ["Name three rivers in Europe."],
}
STORY = "Once there was a fox who lived at the edge of the wood and never slept."
RIVERS = "Three of them are the Rhine, the Danube and the Loire, as far as I know."
KING = "A king sat on his hill and counted sheep until the morning came at last."


@pytest.fixture(autouse=True)
def session() -> Iterator[Session]:
    with activated(
        Session(settings=Settings(horizon=64, per_rung=8, embedder="none"), on_disk=False)
    ) as made:
        yield made


def about(text: str) -> str:
    """Answer what is asked, however it is typed."""
    return KING if "king" in text else RIVERS if "rivers" in text else STORY


def judged(answer: Callable[[str], str], at_most: float = 0.2) -> Verdict:
    """The verdict on a model that answers so, passed or not."""
    model = ScriptedModel("known", answer)
    try:
        return assert_stable_neighborhood(
            model,
            TEXT,
            at_most=at_most,
            metric="token_edit",
            small_semantic=OTHERS["small_semantic"],
            positive_control=OTHERS["positive_control"],
        )
    except VerdictError as error:
        return error.verdict


def failed_controls(verdict: Verdict) -> set[str]:
    return {control.name for control in verdict.controls if control.state == "failed"}


def test_a_model_that_answers_what_is_asked_however_it_is_typed_is_robust() -> None:
    verdict = judged(about)
    assert verdict.outcome is Outcome.PASSED
    assert verdict.diagnosis == "robust"
    assert not failed_controls(verdict)


def test_a_model_that_a_trailing_space_turns_around_is_sensitive() -> None:
    verdict = judged(lambda text: about(text) if text == TEXT else about(text)[::-1], at_most=0.1)
    assert verdict.outcome is Outcome.FAILED
    assert verdict.diagnosis == "sensitive"


def test_a_changed_meaning_is_neither_robust_nor_sensitive() -> None:
    with pytest.raises(VerdictError) as raised:
        assert_stable_neighborhood(
            ScriptedModel("known", about),
            TEXT,
            at_most=0.1,
            metric="token_edit",
            rungs=["small_semantic"],
            small_semantic=[*OTHERS["small_semantic"], "Tell me about a king."],
            positive_control=OTHERS["positive_control"],
        )
    assert raised.value.verdict.diagnosis is None


def test_a_constant_model_is_collapsed_and_its_stability_is_no_evidence() -> None:
    verdict = judged(lambda _text: STORY)
    assert verdict.outcome is Outcome.INVALID
    assert verdict.diagnosis == "collapsed"
    assert "collapse" in failed_controls(verdict)


def test_a_model_that_repeats_itself_is_collapsed() -> None:
    verdict = judged(lambda text: f"{about(text)[:8]} {'the ' * 50}")
    assert verdict.outcome is Outcome.INVALID
    assert verdict.diagnosis == "collapsed"


def test_sixty_tokens_that_are_always_the_same_mask_the_answer() -> None:
    preamble = " ".join(f"step{number}" for number in range(60))
    verdict = judged(lambda text: f"{preamble} {about(text)}")
    assert verdict.outcome is Outcome.INVALID
    assert verdict.diagnosis == "scaffold-masked"
    assert "scaffold" in failed_controls(verdict)
    assert verdict.measurement.value == 0.0


def test_outputs_of_noise_fail_the_floor() -> None:
    drawn = count()
    verdict = judged(lambda _text: " ".join(f"w{next(drawn)}" for _ in range(20)))
    assert verdict.outcome is Outcome.INVALID
    assert verdict.diagnosis == "noise"
    assert "run to run" in failed_controls(verdict)


def test_an_answer_that_the_metric_hardly_sees_is_blindness() -> None:
    verdict = judged(lambda text: f"{'Rhine' if 'rivers' in text else 'Fox'}, {STORY}")
    assert verdict.outcome is Outcome.INVALID
    assert verdict.diagnosis == "blind"


def test_a_sentence_that_restates_the_question_is_no_scaffold() -> None:
    """The answers share most of their words, and from the answer on nothing moves either."""
    result = "The final result of the sum that you asked me for is"
    verdict = judged(lambda text: f"{result} {'seven' if 'rivers' in text else 'nine'}", 0.05)
    assert verdict.outcome is Outcome.PASSED
    assert verdict.diagnosis == "robust"


def test_a_preamble_that_hides_a_changed_answer_masks_it() -> None:
    preamble = " ".join(f"step{number}" for number in range(30))

    def answer(text: str) -> str:
        return f"{preamble} {about(text) if text == TEXT or 'rivers' in text else KING}"

    verdict = judged(answer, at_most=0.4)
    assert verdict.outcome is Outcome.INVALID
    assert verdict.diagnosis == "scaffold-masked"
    (aligned,) = [one for one in verdict.also if one.name.endswith("from the answer on")]
    assert aligned.value is not None
    assert aligned.value > 0.4 > (verdict.measurement.value or 0.0)


def test_text_that_nobody_reviewed_decides_nothing() -> None:
    def answer(text: str) -> str:
        return RIVERS if "Could" in text else about(text)

    model = ScriptedModel("known", answer)
    with_it, without = (
        measure_neighborhood(
            model,
            TEXT,
            metric="token_edit",
            rungs=["format", "paraphrase"],
            paraphrases=[Authored("Could you tell a quick fox story?", origin="generated")][:many],
            positive_control=OTHERS["positive_control"],
        )
        for many in (1, 0)
    )
    assert with_it.measurement.value == without.measurement.value == 0.0
    assert with_it.measurement.high == without.measurement.high
    assert any(pair.rung == "paraphrase" and not pair.gates for pair in with_it.pairs)


# -- the second axis ------------------------------------------------------------------------------


def responding(answer: Callable[[str], str]) -> Verdict:
    try:
        return assert_responsive(
            ScriptedModel("known", answer),
            TEXT,
            at_least=0.3,
            metric="token_edit",
            small_semantic=[*OTHERS["small_semantic"], "Tell me a quick story about a king's dog."],
            positive_control=[*OTHERS["positive_control"], "Name two rivers in Asia."],
        )
    except VerdictError as error:
        return error.verdict


def test_a_model_that_answers_what_is_asked_is_responsive() -> None:
    verdict = responding(about)
    assert verdict.outcome is Outcome.PASSED
    assert verdict.measurement.name == "response to a changed meaning"


def test_a_constant_model_fails_and_is_not_merely_invalid() -> None:
    assert responding(lambda _text: STORY).outcome is not Outcome.PASSED
    assert responding(lambda _text: STORY).measurement.value == 0.0


def test_noise_is_no_response() -> None:
    drawn = count()
    verdict = responding(lambda _text: " ".join(f"w{next(drawn)}" for _ in range(20)))
    assert verdict.outcome is Outcome.INVALID


# -- the user's own functions ---------------------------------------------------------------------


def measured(**knobs: object) -> Findings:
    model = ScriptedModel("sums", lambda text: "It is 7." if text == TEXT else "It is 8.")
    return measure_neighborhood(model, TEXT, metric="token_edit", **knobs)  # type: ignore[arg-type]


def test_an_extracted_answer_is_judged_by_itself() -> None:
    model = ScriptedModel("sums", lambda text: f"It is {8 if 'rivers' in text else 7}, I {text}")
    verdict = assert_stable_neighborhood(
        model,
        TEXT,
        at_most=0.6,
        metric="answer",
        extract="number",
        positive_control=OTHERS["positive_control"],
    )
    assert verdict.outcome is Outcome.PASSED
    assert verdict.measurement.name == "share of answers changed"
    assert verdict.measurement.value == 0.0
    shown = next(p for p in verdict.pairs if p.rung == "positive_control")
    assert (shown.answer_a, shown.answer_b) == ("7", "8")


def test_an_answer_that_vanishes_has_changed() -> None:
    model = ScriptedModel("sums", lambda text: "It is 7." if text == TEXT else "It depends.")
    findings = measure_neighborhood(model, TEXT, metric="answer", extract="number")
    assert findings.measurement.value == 1.0


def test_noise_is_taken_off_at_every_length() -> None:
    """A repeat that says another third word: so far apart are neighbors that move no further."""
    model = ScriptedModel(
        "noisy", lambda _text, repeat: f"one two {'three' if repeat else 'x'} four"
    )
    findings = measure_neighborhood(model, TEXT, metric="token_edit", horizon=(3, 16))
    short = next(m for m in findings.also if m.name == "token edit distance at 3 tokens")
    (curve,) = [c for c in findings.curves if c.series == "judged edits" and "horizon" in c.name]
    assert short.value == findings.measurement.value == 0.0
    assert set(curve.y) == {0.0}


def test_a_validator_that_raises_voids_the_verdict_and_the_run_goes_on() -> None:
    def validate(text: str) -> bool:
        if "8" in text:
            raise RuntimeError("no such key")
        return True

    findings = measured(validate=validate)
    (control,) = [c for c in findings.controls if c.name == "validator"]
    assert control.state == "failed"
    assert "no such key" in control.words
    assert str(findings.settings["prompts"]) in control.words
    assert findings.measurement.value is not None
    assert all(pair.distances for pair in findings.pairs)


def test_several_horizons_come_from_one_generation() -> None:
    model = ScriptedModel("late", lambda text: f"{STORY} {'x' if text == TEXT else 'y'}")
    findings = measure_neighborhood(model, TEXT, metric="token_edit", horizon=(8, 20, 32))
    short, longer = (
        next(m for m in findings.also if m.name == f"token edit distance at {length} tokens")
        for length in (8, 20)
    )
    assert short.value == 0.0
    assert longer.value is not None
    assert longer.value > 0
    assert findings.measurement.value is not None
    assert findings.settings["horizon"] == 32
    assert model.calls == len([p for p in findings.pairs if p.distances]) + 1 + 3
