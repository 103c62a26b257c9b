"""A failing edit is tried first on the next run, by the system it was found on, and not before."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from pytest_promptchaos.models.scripted import ScriptedModel
from pytest_promptchaos.search.find import find_worst
from pytest_promptchaos.session import Session, activated
from search.planted import BOIL, ELSE, FRY, PLANTED, RICE, both, nothing, swapped, two_spaces, weak

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_promptchaos.search.worst import Worst


def after(session: Session, **changed: Any) -> Session:
    """Return a later session on the same evidence store."""
    return Session(settings=session.settings, root=session.root, **changed)


def system(flips: Callable[[str], bool], **identity: str) -> ScriptedModel:
    """Return the model in other numbers, or with another attention, and what flips it then."""
    model = weak(flips)
    model.identity = replace(model.identity, **identity)  # type: ignore[arg-type]
    return model


def told(worst: Worst) -> tuple[object, ...]:
    """Return what a search says, without what the store spared it."""
    small = worst.smallest and worst.smallest.edit
    return worst.words, worst.distance, small, worst.tried, worst.replayed, worst.trace


@pytest.mark.parametrize("flips", PLANTED, ids=lambda flips: flips.__name__)
def test_it_is_replayed_first_on_the_next_run(
    flips: Callable[[str], bool], session: Session
) -> None:
    find_worst(weak(flips), RICE, seed=0)
    with activated(replace(after(session), settings=replace(session.settings, fresh=True))):
        model = weak(flips)
        replayed = find_worst(model, RICE, seed=1)
    assert replayed.replayed
    assert replayed.minimal
    assert replayed.smallest is not None
    assert replayed.smallest.edit == PLANTED[flips]
    # Two centers, one control, the smallest and the worst edit; five to see the failure again.
    assert replayed.calls == model.calls <= 10
    assert "an earlier search was tried first" in str(replayed)


def test_a_replay_is_answered_from_the_store(session: Session) -> None:
    model = weak(swapped)
    find_worst(model, RICE)
    before = model.calls
    with activated(after(session)):
        assert find_worst(model, RICE).replayed
    assert model.calls - before <= 1


def test_a_mended_model_is_tried_on_the_old_failure(session: Session) -> None:
    find_worst(weak(swapped), RICE)
    mended = weak(nothing, version="mended")
    with activated(after(session)):
        worst = find_worst(mended, RICE)
    assert not worst.fails
    assert not worst.replayed
    assert worst.distance == 0.0
    assert mended.calls > 100


def test_another_failure_is_remembered_beside_the_first(session: Session) -> None:
    find_worst(weak(swapped), RICE)
    moved = weak(two_spaces, version="2")
    with activated(after(session)):
        found = find_worst(moved, RICE)
    assert (found.replayed, found.smallest and found.smallest.edit) == (
        False,
        "added 2 trailing spaces",
    )
    with activated(after(session)):
        assert find_worst(moved, RICE).replayed
        assert find_worst(weak(swapped), RICE).replayed


def test_of_two_that_still_fail_the_larger_is_told_whichever_came_first(session: Session) -> None:
    def answer(text: str) -> str:
        if "rice" not in text:
            return ELSE
        return FRY if swapped(text) else f"{BOIL} Then wait." if two_spaces(text) else BOIL

    for rungs in (["synonym"], ["format"]):
        find_worst(ScriptedModel("weak", answer), RICE, rungs=rungs)  # type: ignore[arg-type]
    with activated(after(session)):
        replayed = find_worst(ScriptedModel("weak", answer), RICE)
    assert replayed.replayed
    assert replayed.smallest is not None
    assert replayed.smallest.edit == PLANTED[swapped]


def test_a_failure_on_another_rung_is_not_replayed(session: Session) -> None:
    find_worst(weak(both), RICE)
    with activated(after(session)):
        worst = find_worst(weak(both), RICE, rungs=["format"])
    assert (worst.replayed, worst.fails) == (False, False)


# -- one search does not depend on another ---------------------------------------------------


def test_the_same_search_twice_in_one_run_gives_the_same() -> None:
    first, second = (find_worst(weak(both), RICE) for _ in range(2))
    assert told(first) == told(second)
    assert not second.replayed


def test_a_worker_does_not_replay_what_another_found(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTEST_XDIST_TESTRUNUID", "one run")
    monkeypatch.setenv("PYTEST_XDIST_WORKER", "gw0")
    first = find_worst(weak(both), RICE)
    monkeypatch.setenv("PYTEST_XDIST_WORKER", "gw1")
    with activated(after(session)):
        assert told(find_worst(weak(both), RICE)) == told(first)
    monkeypatch.setenv("PYTEST_XDIST_TESTRUNUID", "the next run")
    with activated(after(session)):
        assert find_worst(weak(both), RICE).replayed


def test_what_was_found_after_a_run_began_is_not_for_that_run(session: Session) -> None:
    find_worst(weak(swapped), RICE)
    with activated(after(session, id="2001-01-01T00:00:00Z-abcdef")):
        assert not find_worst(weak(swapped), RICE).replayed


@pytest.mark.parametrize(
    "other",
    [
        {"dtype": "bfloat16"},
        {"quantization": "int8"},
        {"thinking": "off"},
        {"attention": "eager"},
        {"device": "cuda"},
    ],
    ids=lambda other: next(iter(other)),
)
def test_systems_of_one_model_have_their_own_failures(
    other: dict[str, str], session: Session
) -> None:
    find_worst(system(swapped), RICE, rungs=["synonym"])
    with activated(after(session)):
        assert not find_worst(system(swapped, **other), RICE, rungs=["synonym"]).replayed
    with activated(after(session)):
        assert find_worst(system(swapped, **other), RICE, rungs=["synonym"]).replayed


def test_two_systems_in_one_run_are_as_each_alone(session: Session) -> None:
    systems = [system(swapped), system(both, dtype="bfloat16")]
    separate: list[Worst] = []
    for number, model in enumerate(systems):
        alone = Session(settings=session.settings, root=session.root / str(number))
        with activated(alone):
            separate.append(find_worst(model, RICE))
    serial = [find_worst(model, RICE) for model in systems]
    assert list(map(told, serial)) == list(map(told, separate))
    small = [found.smallest and found.smallest.edit for found in serial]
    assert small == [PLANTED[swapped], PLANTED[both]]


def test_two_workers_that_find_at_once_both_keep_theirs(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    other, put = after(session), session.store.put

    def other_first(*evidence: Any) -> None:
        if evidence[1] == "failing_edit" and "store" not in vars(other):
            with activated(other):
                find_worst(weak(two_spaces, version="2"), RICE, rungs=["format"])
        put(*evidence)

    monkeypatch.setattr(session.store, "put", other_first)
    find_worst(weak(swapped), RICE)
    assert session.store.count("failing_edit") == 2
    with activated(after(session)):
        assert find_worst(weak(swapped), RICE).replayed
        assert find_worst(weak(two_spaces, version="2"), RICE).replayed
