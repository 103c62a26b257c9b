"""The session answers from the store where it can, and says how often."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pytest_promptchaos.neighborhoods.ladder import as_prompt
from pytest_promptchaos.session import Session, activated, active
from pytest_promptchaos.settings import Settings

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_promptchaos.models.language import LanguageModel

FRANCE = as_prompt("What is the capital of France?")


@pytest.fixture
def session(tmp_path: Path) -> Session:
    return Session(settings=Settings(embedder="none"), root=tmp_path)


def test_the_same_prompt_twice_is_decoded_twice(
    session: Session, tiny_model: LanguageModel
) -> None:
    first, again = session.runs(tiny_model, [FRANCE, FRANCE], shape=(2, 16), horizon=4)
    assert (first.repeat, again.repeat) == (0, 1)
    assert first.key != again.key
    assert session.counts.measured == 2


def test_what_is_stored_is_not_decoded_again(session: Session, tiny_model: LanguageModel) -> None:
    (measured,) = session.runs(tiny_model, [FRANCE], shape=(2, 16), horizon=4)
    (read,) = session.runs(tiny_model, [FRANCE], shape=(2, 16), horizon=4)
    assert (measured.cached, read.cached) == (False, True)
    assert (session.counts.measured, session.counts.reused) == (1, 1)
    assert (read.output_ids, read.steps, read.tokens) == (
        measured.output_ids,
        measured.steps,
        measured.tokens,
    )
    assert (read.prompt_logits == measured.prompt_logits).all()
    assert (read.prompt_hidden == measured.prompt_hidden).all()


def test_settings_hold_for_a_while(session: Session) -> None:
    with session.using(Settings(horizon=3)):
        assert session.settings.horizon == 3
    assert session.settings.horizon == 64


def test_the_innermost_session_is_active(session: Session) -> None:
    with activated(session), activated(Session(on_disk=False)) as inner:
        assert active() is inner


def test_an_unknown_embedder_is_told_in_words(session: Session) -> None:
    assert session.embedder is None
    assert session.embedder_words == "no embedder, as asked (embedder=none)"
