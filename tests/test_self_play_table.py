"""Conversations of models -> a table in the published columns."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from pytest_promptchaos import ScriptedModel, bridge_table, measure_collapse
from pytest_promptchaos.errors import ArgumentError
from pytest_promptchaos.measure.collapse import collapse
from pytest_promptchaos.records import Conversation, Prompt, Turn
from pytest_promptchaos.self_play_table import guards_of
from pytest_promptchaos.session import Session, activated
from pytest_promptchaos.settings import Settings
from pytest_promptchaos.turn_depth import features

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from numpy.typing import NDArray

    from pytest_promptchaos.measure.collapse import Collapse
    from pytest_promptchaos.measure.sameness import Judged
    from pytest_promptchaos.models.language import LanguageModel
    from pytest_promptchaos.records import Control
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


# -- what travels with a table --------------------------------------------------------------------


def test_the_knobs_that_the_cells_depend_on_are_settings(table: Table) -> None:
    told = {name: table.settings[name] for name in ("turns", "repeats", "horizon", "talk_seed")}
    assert told == {"turns": 6, "repeats": 2, "horizon": 16, "talk_seed": 0}
    assert {"temperature", "top_p", "rows", "drift", "embedder", "fingerprints"} <= set(
        table.settings
    )
    assert table.settings["tangents"] == 3
    assert table.settings["models"] == "bundled:tiny-chat, scripted:script"
    assert table.settings["prompts"] == "france, tea, mail"
    # Those are of the bridge, which has its own.
    assert not {"seed", "censor"} & set(table.settings)


def test_the_guards_of_every_condition_with_rows_come_along(table: Table) -> None:
    names = [one.name for one in table.controls]
    for condition in ("HOMO tiny-chat", "HETERO_ROT"):
        own = [name.partition(": ")[2] for name in names if name.startswith(f"{condition}: ")]
        assert {"context", "silent turns", "truncated turns"} <= set(own)
        assert "embedder between conversations, rate" in own
        assert len(own) == len(set(own))
    assert not [name for name in names if name.startswith("HOMO script")]
    assert {one.role for one in table.controls} <= {"gate", "note"}


def test_nobody_knows_how_often_the_detector_is_right_unless_labels_are_given(
    table: Table, tiny_model: LanguageModel, tmp_path: Path
) -> None:
    assert (table.controls[-1].name, table.controls[-1].state) == (
        "detector reliability",
        "absent",
    )
    labels = tmp_path / "anna.csv"
    labels.write_text(
        "condition,seed_id,repeat_index,label\nHOMO tiny-chat,tea,0,0\nHOMO tiny-chat,mail,0,0\n"
    )
    held = bridge_table([tiny_model], SEEDS, tangents=3, labels=labels, **TALK)  # type: ignore[arg-type]
    assert held.controls[-1].state == "held"
    assert "anna over 2" in held.controls[-1].words


@pytest.mark.usefixtures("session")
@pytest.mark.parametrize(
    ("knobs", "told"),
    [
        ({"turns": 4}, "turn 5 is the earliest"),
        ({"censor": "last"}, "pass censor to measure_bridge"),
    ],
)
def test_arguments_that_would_say_nothing_are_refused(
    tiny_model: LanguageModel, knobs: dict[str, object], told: str
) -> None:
    with pytest.raises(ArgumentError, match=told):
        bridge_table([tiny_model], SEEDS, **knobs)  # type: ignore[arg-type]


WORDS = ("moon", "bread", "bus", "poem", "iron", "tax", "falcon", "jazz", "soil", "oak", "ink")


def said(turns: int = 6, asked: int = 6) -> list[Conversation]:
    """Return conversations from four seed prompts in which no two turns share a word."""
    return [
        Conversation(
            condition="HOMO A",
            seed_prompt=Prompt(id=f"seed{seed}", text="Why?"),
            repeat=0,
            asked=asked,
            turns=tuple(
                Turn(
                    number=turn + 1,
                    speaker="a",
                    text=f"{WORDS[(seed * 3 + turn) % 11]}{seed}{turn}",
                    output_ids=(),
                    shown=1,
                    finish="end",
                    seed=0,
                )
                for turn in range(turns)
            ),
        )
        for seed in range(4)
    ]


def read(
    talks: list[Conversation], vectors: Mapping[str, NDArray[np.float64]]
) -> dict[Judged, Collapse]:
    return {
        "incidence": collapse(talks, vectors, of="incidence", shuffles=3),
        "rate": collapse(talks, vectors, of="rate", shuffles=3),
    }


def guards(talks: list[Conversation], vectors: Mapping[str, NDArray[np.float64]]) -> list[Control]:
    return list(guards_of("HOMO A", read(talks, vectors)))


def test_an_embedder_that_calls_everything_the_same_voids_the_table() -> None:
    talks = said()
    found = guards(talks, {one.id: np.ones((6, 2)) for one in talks})
    failed = [one for one in found if one.state == "failed"]
    assert [one.name for one in failed] == [
        "HOMO A: embedder between conversations, incidence",
        "HOMO A: embedder between conversations, rate",
    ]
    assert failed[1].role == "gate"
    assert "at least half of the rate of 0.333: what is called collapsed" in failed[1].words


def test_loops_that_differ_between_conversations_void_nothing() -> None:
    talks = said()
    # Each conversation stands still at a place of its own.
    found = guards(talks, {one.id: np.tile(np.eye(4)[n], (6, 1)) for n, one in enumerate(talks)})
    floors = [one for one in found if "embedder between" in one.name]
    assert [(one.role, one.state, one.value) for one in floors] == [("note", "held", 0.0)] * 2
    assert not [one for one in found if one.state == "failed"]


def test_a_condition_without_any_collapse_has_none_that_the_embedder_made() -> None:
    talks = said()
    found = guards(talks, {one.id: np.eye(6) for one in talks})
    assert not [one for one in found if one.state == "failed"]


def test_conversations_that_stopped_early_void_the_table() -> None:
    talks = said(turns=6, asked=8)
    found = guards(talks, {one.id: np.eye(6) for one in talks})
    (failed,) = [one for one in found if one.state == "failed"]
    assert (failed.name, failed.role) == ("HOMO A: context", "gate")
