"""The search finds planted weaknesses, and believes none that does not repeat."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING
from zlib import crc32

import pytest

from pytest_promptchaos.errors import (
    ArgumentError,
    NeighborhoodError,
    PromptError,
    StoreError,
    VerdictError,
)
from pytest_promptchaos.models.scripted import ScriptedModel
from pytest_promptchaos.records import Message, Outcome, Prompt
from pytest_promptchaos.search.find import assert_worst_neighbor, find_worst
from pytest_promptchaos.session import Session, activated
from pytest_promptchaos.settings import Settings
from search.planted import (
    BOIL,
    ELSE,
    FRY,
    PLANTED,
    RICE,
    answers,
    both,
    nothing,
    swapped,
    two_spaces,
    weak,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pytest_promptchaos.models.language import LanguageModel
    from pytest_promptchaos.search.worst import Worst

# -- what is planted is found ---------------------------------------------------------------


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("flips", PLANTED, ids=lambda flips: flips.__name__)
def test_a_planted_weakness_is_found_and_shrunk(flips: Callable[[str], bool], seed: int) -> None:
    model = weak(flips)
    worst = find_worst(model, RICE, budget=200, seed=seed)
    assert worst.fails
    assert worst.smallest is not None
    assert worst.smallest.edit == PLANTED[flips]
    assert worst.minimal
    assert worst.calls == model.calls <= 200
    assert worst.calls + worst.reused <= 200


@pytest.mark.parametrize("seed", [0, 5])
def test_the_same_seed_gives_the_same(seed: int, tmp_path: Path) -> None:
    results: list[Worst] = []
    for folder in ("one", "other"):
        fresh = Session(settings=Settings(embedder="none"), root=tmp_path / folder)
        with activated(fresh):
            results.append(find_worst(weak(both), RICE, seed=seed))
    one, other = results
    assert replace(one, seconds=0.0) == replace(other, seconds=0.0)


def test_the_same_seed_gives_the_same_from_a_warm_store(session: Session) -> None:
    robust = weak(nothing)
    cold = find_worst(robust, RICE, seed=3)
    warm = find_worst(robust, RICE, seed=3)
    assert (cold.reused, warm.calls, warm.reused) == (0, 0, cold.calls)
    assert cold.worst is not None
    assert warm.worst is not None
    assert replace(cold.worst, cached=True) == warm.worst
    told = {"calls": 0, "reused": cold.calls, "seconds": warm.seconds, "worst": warm.worst}
    assert replace(cold, **told) == warm  # type: ignore[arg-type]


# -- what is believed -----------------------------------------------------------------------


def test_a_robust_model_has_no_worst() -> None:
    robust = weak(nothing)
    worst = find_worst(robust, RICE)
    assert (worst.fails, worst.distance, worst.smallest, worst.trace) == (False, 0.0, None, ())
    assert worst.calls == robust.calls <= 200
    assert "no failure beyond at_most=0" in worst.words


def test_a_failure_that_does_not_repeat_is_noise() -> None:
    def answer(text: str, repeat: int) -> str:
        if "rice" not in text:
            return ELSE
        return FRY if two_spaces(text) and repeat == 0 else BOIL

    worst = find_worst(ScriptedModel("flaky", answer), RICE)
    assert not worst.fails
    assert worst.smallest is None
    assert worst.floor > 0
    assert any("2 trailing spaces" in edit for edit in worst.unrepeated)
    assert "did not fail again" in str(worst)


def test_a_noisy_model_is_reported_as_noise() -> None:
    def answer(text: str, repeat: int) -> str:
        return f"{FRY} {crc32(f'{text}{repeat}'.encode()) % 97}" if repeat else BOIL

    worst = find_worst(ScriptedModel("noisy", answer), RICE)
    assert not worst.fails
    assert worst.floor > 0.5
    with pytest.raises(VerdictError, match="noise alone would fail it") as raised:
        assert_worst_neighbor(ScriptedModel("noisy", answer), RICE, at_most=0.1)
    assert raised.value.verdict.outcome is Outcome.INVALID


def test_a_distance_within_the_limit_is_no_failure() -> None:
    worst = find_worst(weak(swapped), RICE, at_most=0.9)
    assert worst.distance is not None
    assert 0 < worst.distance <= 0.9
    assert not worst.fails


def test_a_trimming_template_erases_edits_and_costs_nothing() -> None:
    model = ScriptedModel("trims", answers(two_spaces), template=lambda asked: asked.text.strip())
    worst = find_worst(model, RICE)
    assert not worst.fails
    # Leading and trailing layout: 4 + 4 spaces, 3 + 2 newlines, carriage return, tab.
    assert worst.erased >= 15
    assert worst.drawn_from == worst.edits - 15
    assert "15 erased by the template" in worst.effort


def test_what_no_edit_reaches_is_no_evidence() -> None:
    deaf = ScriptedModel("deaf", lambda _: BOIL, template=lambda _: "always the same")
    assert find_worst(deaf, RICE).worst is None
    with pytest.raises(VerdictError, match="no neighbor reached the model"):
        assert_worst_neighbor(deaf, RICE, at_most=0.5)


# -- what it costs ----------------------------------------------------------------------------


@pytest.mark.parametrize("budget", [24, 25, 31, 48, 90])
def test_no_budget_is_exceeded(budget: int) -> None:
    model = weak(lambda text: text != RICE)
    worst = find_worst(model, RICE, budget=budget)
    assert worst.calls == model.calls
    assert worst.calls + worst.reused <= budget
    assert worst.fails


def test_it_asks_in_batches_of_the_sessions_rows(session: Session) -> None:
    model = weak(swapped)
    with session.using(replace(session.settings, batch_rows=5)):
        find_worst(model, RICE)
    assert session.store.count("run") == model.calls


def test_a_context_too_small_for_long_mixtures_leaves_them_out() -> None:
    model = ScriptedModel("small", answers(swapped), context=len(RICE) + 6)
    worst = find_worst(model, RICE, horizon=4)
    assert worst.unfit > 0
    assert worst.smallest is not None
    assert worst.smallest.edit == PLANTED[swapped]


def test_evidence_that_cannot_be_kept_is_told(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise StoreError("the disk is full")

    monkeypatch.setattr(session.store, "put", refuse)
    assert find_worst(weak(swapped), RICE).fails
    assert "the disk is full" in session.unstored


# -- what is said -----------------------------------------------------------------------------


def test_it_reads_as_a_failure_message() -> None:
    told = str(find_worst(weak(both), RICE))
    assert told.splitlines()[0].startswith(
        "scripted:weak around what-is-a-quick-way-76db: replaced 'quick' by 'fast' and added 2 "
        "trailing spaces moves the answer by "
    )
    assert "  neighbor  'What is a fast way to cook rice?  '" in told
    assert "  - >>Boil<< it in plenty" in told
    assert "  + >>Fry<< it with garlic" in told
    assert "of 200; " in told


def test_the_trace_grows() -> None:
    worst = find_worst(weak(both), RICE)
    asked, found = zip(*worst.trace, strict=True)
    assert list(asked) == sorted(asked)
    assert list(found) == sorted(set(found))
    assert found[-1] == worst.distance


def test_a_system_message_can_be_searched() -> None:
    chat = Prompt(id="c", text="Why?", before=(Message(role="system", content=RICE),))
    model = ScriptedModel(
        "chat",
        lambda text: ELSE if "Why?" not in text else FRY if "fast" in text else BOIL,
        template=lambda prompt: "\n".join(message.content for message in prompt.messages),
    )
    worst = find_worst(model, chat, target="system")
    assert worst.smallest is not None
    assert worst.smallest.edit.startswith(PLANTED[swapped])
    assert worst.smallest.target == "system message"


# -- what is refused --------------------------------------------------------------------------


def test_bad_input_is_told() -> None:
    model = weak(swapped)
    with pytest.raises(ArgumentError, match="budget is 23"):
        find_worst(model, RICE, budget=23)
    with pytest.raises(ArgumentError, match="did you mean 'semantic'"):
        find_worst(model, RICE, metric="semantik")  # type: ignore[arg-type]
    with pytest.raises(ArgumentError, match="no embedder, as asked"):
        find_worst(model, RICE, metric="semantic")
    with pytest.raises(ArgumentError, match="at_most is nan"):
        find_worst(model, RICE, at_most=float("nan"))
    with pytest.raises(ArgumentError, match=r"at_most is -0\.1, .* at least 0"):
        find_worst(model, RICE, at_most=-0.1)
    with pytest.raises(ArgumentError, match=r"at_most is -1, .* at least 0"):
        assert_worst_neighbor(model, RICE, at_most=-1)
    with pytest.raises(NeighborhoodError, match="cannot be drawn from"):
        find_worst(model, RICE, rungs=["paraphrase"])
    with pytest.raises(NeighborhoodError, match=r"name some of format, punctuation, synonym$"):
        find_worst(model, RICE, rungs=[])
    with pytest.raises(NeighborhoodError, match="no place for an edit on synonym"):
        find_worst(model, "Zyx?", rungs=["synonym"])
    with pytest.raises(PromptError):
        find_worst(model, "  ")
    for seed in ("a", 2.0, True):
        with pytest.raises(NeighborhoodError, match=f"seed is {seed!r}, but it takes a whole"):
            find_worst(model, RICE, seed=seed)  # type: ignore[arg-type]
    small = ScriptedModel("small", lambda text: text, context=20)
    with pytest.raises(PromptError, match="shorten the prompt"):
        find_worst(small, RICE)
    assert model.calls == 0


# -- a real model -----------------------------------------------------------------------------


def test_a_real_model_is_searched(tiny_model: LanguageModel) -> None:
    worst = find_worst(tiny_model, "What is the capital of France?", budget=40, horizon=8)
    assert worst.calls + worst.reused <= 40
    assert worst.floor == 0.0
    assert worst.fails
    assert worst.smallest is not None
    assert worst.smallest.output_a != worst.smallest.output_b
