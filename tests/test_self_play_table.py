"""Conversations of models -> a table in the published columns."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from pytest_promptchaos import ScriptedModel, bridge_table, measure_collapse
from pytest_promptchaos.errors import ArgumentError
from pytest_promptchaos.records import Prompt
from pytest_promptchaos.session import Session, activated
from pytest_promptchaos.settings import Settings
from pytest_promptchaos.turn_depth import features

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_promptchaos.models.language import LanguageModel
    from pytest_promptchaos.tables import Table

SEEDS = [
    Prompt(id="france", text="What is the capital of France?", bucket="factual_qa"),
    Prompt(id="tea", text="Compare tea and coffee.", bucket="argumentative"),
    Prompt(id="mail", text="Write an email to Clara about a trip on Saturday.", bucket="planning"),
]
TALK = {"turns": 6, "repeats": 2, "horizon": 16}


@pytest.fixture(scope="module")
def session() -> Iterator[Session]:
    with activated(Session(settings=Settings(), on_disk=False)) as active:
        yield active


@pytest.fixture(scope="module")
def table(session: Session, tiny_model: LanguageModel) -> Table:
    # A rotation with a script: where the script opens there is no depth, and it must be counted.
    script = ScriptedModel("script", lambda _: "I agree, that is a very good point.")
    return bridge_table([tiny_model, script], SEEDS, tangents=3, **TALK)  # type: ignore[arg-type]


def test_a_row_is_a_conversation_in_the_published_columns(table: Table) -> None:
    published = {"condition", "seed_id", "repeat_index", "lambda1_mean", "lambda1_std"}
    published |= {"lambda1_cv", "layerwise_variance_mean", "profile_slope_mean", "n_tangent_seeds"}
    published |= {"model_id", "seed_bucket", "total_turns", "max_turns", "collapsed_turns"}
    published |= {"collapse_rate", "first_collapse_turn", "early_stopped", "has_collapse"}
    assert set(table.columns) == published
    keys = zip(*(table.columns[k] for k in ("condition", "seed_id", "repeat_index")), strict=True)
    assert len(set(keys)) == table.rows == 12


def test_conversations_without_depth_are_left_out_and_counted(table: Table) -> None:
    assert set(table.columns["condition"]) == {"HOMO tiny-chat", "HETERO_ROT"}
    assert table.counts == (
        "HOMO tiny-chat: 6 of 6 conversations",
        "HOMO script: 0 of 6 conversations; 6 left out: scripted:script is a script and has no "
        "layers",
        "HETERO_ROT: 6 of 6 conversations",
    )


def test_it_reads_the_evidence_that_a_check_of_collapse_left(
    session: Session, table: Table, tiny_model: LanguageModel
) -> None:
    measured = session.counts.measured
    found = measure_collapse(tiny_model, SEEDS, **TALK)  # type: ignore[arg-type]
    assert session.counts.measured == measured
    rates = [line.rate for line in found.timelines]
    assert list(table.columns["collapse_rate"])[: len(rates)] == rates


def test_the_rotation_shares_its_depth_with_the_model_that_opens_it(table: Table) -> None:
    alone, rotating = np.split(np.array(table.columns["lambda1_mean"], dtype=float), 2)
    assert (alone == rotating).all()


def test_a_rotation_can_be_left_out(session: Session, tiny_model: LanguageModel) -> None:
    table = bridge_table([tiny_model], SEEDS, tangents=3, rotation=True, **TALK)  # type: ignore[arg-type]
    assert set(table.columns["condition"]) == {"HOMO tiny-chat"}


def test_the_features_are_those_of_each_tangents_own_profile() -> None:
    found = features(np.array([[0.0, 1.0, 2.0], [0.0, 3.0, 0.0]]))
    assert found["lambda1_mean"] == 1
    assert found["lambda1_std"] == 0
    assert found["lambda1_cv"] == 0
    assert found["layerwise_variance_mean"] == pytest.approx((2 / 3 + 2) / 2)
    assert found["profile_slope_mean"] == pytest.approx(0.5)


def test_a_mean_of_zero_has_no_coefficient_of_variation() -> None:
    assert features(np.array([[1.0, -1.0], [1.0, -1.0]]))["lambda1_cv"] is None


@pytest.mark.usefixtures("session")
def test_models_that_could_not_be_told_apart_are_refused(tiny_model: LanguageModel) -> None:
    with pytest.raises(ArgumentError, match="two models make the condition 'HOMO tiny-chat'"):
        bridge_table([tiny_model, tiny_model], SEEDS)
    with pytest.raises(ArgumentError, match="pass a list of models"):
        bridge_table([], SEEDS)


@pytest.mark.usefixtures("session")
def test_scripts_alone_have_no_depth_to_bridge() -> None:
    script = ScriptedModel("script", lambda _: "Yes.")
    with pytest.raises(ArgumentError, match="no conversation has a depth profile"):
        bridge_table([script], SEEDS, **TALK)  # type: ignore[arg-type]
