"""The pinned embedder: exact, deterministic, and honest about what it cannot see."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from pytest_promptchaos.errors import PinError
from pytest_promptchaos.measure.distances import cosine_distance
from pytest_promptchaos.models import embedder as module
from pytest_promptchaos.models.embedder import OFFLINE, Embedder, offline_available

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.skipif(not offline_available(), reason="needs the extra [offline]")


@pytest.fixture(scope="module")
def embedder() -> Embedder:
    return Embedder(OFFLINE)


def test_vectors_have_norm_one_and_do_not_depend_on_their_company(embedder: Embedder) -> None:
    texts = ["Try Hyperion.", "a much longer text " * 20, "Paris"]
    together, _ = embedder.embed(texts)
    alone, _ = embedder.embed(texts[:1])
    assert np.linalg.norm(together, axis=1) == pytest.approx(1.0, abs=1e-5)
    assert (together[0] == alone[0]).all()


def test_a_text_longer_than_it_reads_is_flagged(embedder: Embedder) -> None:
    _, truncated = embedder.embed(["short", "word " * 300])
    assert truncated == [False, True]


def test_a_negation_hardly_moves_it_which_is_why_the_positive_control_decides(
    embedder: Embedder,
) -> None:
    (yes, no, book), _ = embedder.embed(
        ["Yes, there is a cup.", "No, there is no cup.", "Try Hyperion by Dan Simmons."]
    )
    assert cosine_distance(yes, no) < 0.2
    assert cosine_distance(yes, book) > 0.7


def test_weights_that_are_not_the_published_ones_are_not_loaded(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "OFFLINE_SHA256", "0" * 64)
    with pytest.raises(PinError, match="the installed weights have sha256 53aa5117"):
        Embedder(OFFLINE)


def test_a_directory_can_be_an_embedder(embedder: Embedder, tmp_path: Path) -> None:
    embedder.network.save(str(tmp_path / "mine"))
    mine = Embedder(f"dir:{tmp_path / 'mine'}")
    assert mine.identity != embedder.identity
    assert (mine.embed(["Paris"])[0] == embedder.embed(["Paris"])[0]).all()
