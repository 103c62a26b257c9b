"""What is judged of a search, what its failure says, and why the answer parts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pytest_promptchaos.errors import ArgumentError, NeighborhoodError, PromptError, VerdictError
from pytest_promptchaos.models.scripted import ScriptedModel
from pytest_promptchaos.neighborhoods.ledger import Authored
from pytest_promptchaos.records import Outcome, Verdict
from pytest_promptchaos.search.find import (
    assert_worst_neighbor,
    find_worst,
    measure_worst_neighbor,
)
from pytest_promptchaos.session import Session, activated
from search.planted import BOIL, ELSE, FRY, PLANTED, RICE, both, nothing, swapped, weak

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_promptchaos.models.language import LanguageModel


def graded(text: str) -> str:
    """Answer the more at length, the more of the prompt is doubled, once a word was swapped."""
    if "rice" not in text:
        return ELSE
    return FRY + " Stir." * text.count("  ") if swapped(text) else BOIL


def deaf_but_for(flips: Callable[[str], bool]) -> ScriptedModel:
    """Return a model that answers every other request alike, but flips."""
    return ScriptedModel("deaf", lambda text: FRY if flips(text) else BOIL)


def failed(model: ScriptedModel, **knobs: object) -> Verdict:
    with pytest.raises(VerdictError) as raised:
        assert_worst_neighbor(model, RICE, at_most=0.2, **knobs)  # type: ignore[arg-type]
    return raised.value.verdict


# -- what is judged -----------------------------------------------------------------------------


def test_the_assertion_passes_a_robust_model() -> None:
    verdict = assert_worst_neighbor(weak(nothing), RICE, at_most=0.2)
    assert verdict.outcome is Outcome.PASSED
    assert "a maximum, no interval: a longer search may find more" in verdict.measurement.interval
    assert verdict.cards == ()


def test_a_failure_tells_the_worst_neighbor_and_the_smallest_that_fails() -> None:
    verdict = failed(ScriptedModel("graded", graded))
    worst, smallest = verdict.pairs
    assert verdict.outcome is Outcome.FAILED
    assert verdict.measurement.name == "worst token edit distance"
    assert verdict.measurement.value == worst.distances["token_edit"]
    assert smallest.distances["token_edit"] < worst.distances["token_edit"]
    assert smallest.edit == f"smallest that fails: {PLANTED[swapped]}"
    assert verdict.worst == worst.neighbor_id


def test_the_words_of_a_failure_name_both_numbers() -> None:
    verdict = failed(ScriptedModel("graded", graded))
    worst, smallest = (pair.distances["token_edit"] for pair in verdict.pairs)
    interval = verdict.measurement.interval
    assert interval.startswith(f"the largest of {verdict.measurement.effective_n} neighbors tried")
    assert " (a mixture of " in interval
    assert f"still fails moves it by {smallest:.3f}: {PLANTED[swapped]}" in interval
    assert f"worst token edit distance {worst:.3f}" in verdict.sentence
    assert interval in verdict.explanation


def test_a_worst_neighbor_that_is_the_smallest_is_told_once() -> None:
    verdict = failed(weak(swapped), rungs=["synonym"])
    (pair,) = verdict.pairs
    assert pair.edit == f"smallest that fails: {PLANTED[swapped]}"
    assert "moves it by" not in verdict.measurement.interval
    assert f"worst neighbor: synonym: {pair.edit}" in verdict.explanation


def test_a_replay_says_that_it_is_no_maximum_of_many(session: Session) -> None:
    failed(ScriptedModel("graded", graded))
    with activated(Session(settings=session.settings, root=session.root)):
        verdict = failed(ScriptedModel("graded", graded))
    told = verdict.measurement.interval
    assert told.startswith("tried first: what failed in an earlier search (a mixture of ")
    assert "neighbors tried" not in told


# -- the positive control -------------------------------------------------------------------


def test_a_collapsed_model_is_no_evidence() -> None:
    collapsed = ScriptedModel("collapsed", lambda _: BOIL)
    with pytest.raises(VerdictError, match="positive control") as raised:
        assert_worst_neighbor(collapsed, RICE, at_most=0.2)
    assert raised.value.verdict.outcome is Outcome.INVALID


def test_a_search_that_saw_nothing_of_a_collapsed_model_says_so() -> None:
    told = str(find_worst(ScriptedModel("collapsed", lambda _: BOIL), RICE))
    assert "no failure beyond at_most=0" in told.splitlines()[0]
    assert "no evidence, because the positive control" in told.splitlines()[0]
    assert "moved nothing" in told.splitlines()[0]
    assert "no evidence" not in str(find_worst(weak(nothing), RICE))


def test_a_limit_that_the_control_does_not_exceed_could_not_fail() -> None:
    worst = find_worst(weak(nothing), RICE, at_most=0.95)
    assert f"moved it by no more than {worst.contrast:.3f}" in worst.words


def test_a_failure_that_was_seen_twice_needs_no_positive_control() -> None:
    verdict = failed(deaf_but_for(swapped))
    assert verdict.outcome is Outcome.FAILED
    (control,) = (one for one in verdict.controls if one.name == "positive control")
    assert (control.role, control.state) == ("note", "held")
    assert "a failure was seen twice" in control.words


def test_an_authored_positive_control_takes_the_place_of_the_built_in_one() -> None:
    def answer(text: str) -> str:
        return ELSE if "winter" in text else BOIL

    deaf = ScriptedModel("only winter", answer)
    found = find_worst(deaf, RICE, positive_control="Describe the winter.")
    assert (found.control, found.blind) == ("authored request 1", "")
    written = Authored("Describe the winter.", origin="generated", reviewer="me")
    verdict = assert_worst_neighbor(deaf, RICE, at_most=0.2, positive_control=[written])
    (control,) = (one for one in verdict.controls if one.name == "positive control")
    assert control.words == "generated request 1 moves the answer by 0.857"


def test_of_several_positive_controls_the_weakest_counts() -> None:
    texts = ["Describe the winter.", "Describe the summer."]
    model = ScriptedModel("only winter", lambda text: ELSE if "winter" in text else BOIL)
    worst = find_worst(model, RICE, budget=25, positive_control=texts)
    assert (worst.control, worst.contrast) == ("authored request 2", 0.0)
    assert worst.calls == model.calls <= 25


def test_a_control_does_not_take_the_beginning_that_the_edits_share(
    tiny_model: LanguageModel, session: Session
) -> None:
    long = f"{'I like simple food and have one pot, one pan and a little oil. ' * 3}{RICE}"
    worst = find_worst(
        tiny_model, long, budget=24, horizon=8, rungs=["synonym"], positive_control="Name a color."
    )
    shared = measure_worst_neighbor(
        tiny_model, long, at_most=0.9, budget=24, horizon=8, positive_control="Name a color."
    )
    assert worst.contrast > 0.5
    assert shared.controls[1].value == pytest.approx(worst.contrast)


def test_positive_controls_that_control_nothing_are_refused() -> None:
    model = weak(swapped)
    with pytest.raises(NeighborhoodError, match="is the prompt itself"):
        find_worst(model, RICE, positive_control=RICE)
    with pytest.raises(NeighborhoodError, match="given 2 times"):
        find_worst(model, RICE, positive_control=["Why?", "Why?"])
    with pytest.raises(NeighborhoodError, match="pass a string or"):
        find_worst(model, RICE, positive_control=[3])  # type: ignore[list-item]
    with pytest.raises(PromptError, match="an authored positive_control text is ' '"):
        find_worst(model, RICE, positive_control=[" "])
    with pytest.raises(ArgumentError, match=r"budget is 24, .* at least 25"):
        find_worst(model, RICE, budget=24, positive_control=["Why?", "When?"])
    small = ScriptedModel("small", lambda text: text, context=len(RICE) + 4)
    with pytest.raises(PromptError, match="positive control of what-is"):
        find_worst(small, RICE, horizon=4, positive_control="w" * 40)
    assert model.calls == 0


# -- why it parts -------------------------------------------------------------------------------


def test_the_smallest_failing_edit_gets_a_card_on_top_of_the_budget() -> None:
    model = ScriptedModel("graded", graded)
    verdict = failed(model, budget=60)
    (card,) = verdict.cards
    assert card.neighbor_id == verdict.pairs[-1].neighbor_id
    assert card.edit == PLANTED[swapped]
    assert card.branch == verdict.pairs[-1].branch
    assert card.branch.token_b == "Fry"
    assert "branch of 'what-is-a-quick-way-76db'" in verdict.explanation
    assert verdict.runs_measured == model.calls


def test_no_card_is_made_where_none_is_asked_for() -> None:
    verdict = failed(weak(both), branch_cards="off")
    assert verdict.cards == ()
    with pytest.raises(ArgumentError, match="branch_cards is 'of': did you mean 'off'"):
        failed(weak(both), branch_cards="of")
    with pytest.raises(ArgumentError, match="argument is 'budgets': did you mean 'budget'"):
        failed(weak(both), budgets=60)


def test_a_real_failure_is_replayed_from_its_branch(tiny_model: LanguageModel) -> None:
    findings = measure_worst_neighbor(
        tiny_model,
        "What is the capital of France?",
        at_most=0.3,
        budget=40,
        horizon=8,
        rungs=["format"],
    )
    (card,) = findings.cards
    smallest = findings.pairs[-1]
    assert card.neighbor_id == smallest.neighbor_id
    assert len(card.futures) == 4
    assert len(card.js) == card.branch.step + 1
    assert "forced_js" in smallest.distances
