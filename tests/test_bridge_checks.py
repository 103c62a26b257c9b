"""Bridges over tables whose answer is known: what is between models only must not pass."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from scipy.stats import spearmanr

from pytest_promptchaos.bridge_checks import assert_bridge, judge_bridge, measure_bridge
from pytest_promptchaos.bridge_plan import PUBLISHED, hypotheses_of
from pytest_promptchaos.bridge_text import bridge_text
from pytest_promptchaos.errors import (
    ArgumentError,
    PreregistrationError,
    TableError,
    VerdictError,
)
from pytest_promptchaos.measure.tables import columns_of
from pytest_promptchaos.preregistration import freeze, record_deviation
from pytest_promptchaos.records import BridgePlan, Control, Hypothesis, Outcome, to_plain
from pytest_promptchaos.records import Record as Evidence
from pytest_promptchaos.session import Session, activated
from pytest_promptchaos.tables import Table

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    from pytest_promptchaos.bridge_plan import BridgeKnobs, Hypotheses

SLOPE = "profile_slope_mean ~ collapse_rate"
MODELS, PROMPTS, REPEATS = 3, 24, 3
Cells = dict[str, "NDArray[Any]"]


@pytest.fixture(autouse=True)
def session() -> Iterator[Session]:
    with activated(Session(on_disk=False)) as active:
        yield active


def study(*, between: float, within: float, seed: int = 1) -> Cells:
    """Return three models, 24 prompts of each, three conversations from each prompt.

    An outcome is ``between`` times its model's level plus ``within`` times its prompt's own part
    of the predictor, plus noise.
    """
    draw = np.random.default_rng(seed)
    model = np.repeat(np.arange(MODELS), PROMPTS * REPEATS)
    prompt = np.tile(np.repeat(np.arange(PROMPTS), REPEATS), MODELS)
    own = draw.normal(size=(MODELS, PROMPTS))[model, prompt]
    noise = draw.normal(size=len(model))
    return {
        "condition": np.array(["HOMO_A", "HOMO_B", "HOMO_C"])[model],
        "seed_id": np.array([f"plan_{number}" for number in range(PROMPTS)])[prompt],
        "repeat_index": np.tile(np.arange(REPEATS), MODELS * PROMPTS),
        "profile_slope_mean": 6.0 * model + own,
        "collapse_rate": between * model + within * own + noise,
    }


def fast(**knobs: object) -> BridgeKnobs:
    return {"resamples": 400, "permutations": 399, **knobs}  # type: ignore[typeddict-item]


# -- known answers ------------------------------------------------------------------------------


def test_what_is_between_models_only_is_large_and_does_not_pass() -> None:
    (found,) = judge_bridge(measure_bridge(study(between=4.0, within=0.0), SLOPE, **fast()))
    assert found.bridge is not None
    (one,) = found.bridge.associations
    assert one.standing == "between-model only"
    assert one.as_published
    assert one.pooled.value is not None
    assert one.pooled.value > 0.8
    assert found.outcome is Outcome.FAILED


def test_what_is_reversed_inside_the_models_is_a_sign_conflict() -> None:
    (found,) = judge_bridge(measure_bridge(study(between=6.0, within=-2.0), SLOPE, **fast()))
    assert found.bridge is not None
    assert found.bridge.associations[0].standing == "sign conflict"
    assert found.outcome is Outcome.FAILED
    assert "reversed inside" in found.sentence


def test_what_holds_inside_the_models_too_passes() -> None:
    (found,) = assert_bridge(study(between=2.0, within=2.0), SLOPE, **fast())
    assert found.outcome is Outcome.PASSED
    assert found.bridge is not None
    assert found.bridge.associations[0].standing == "supported"


def test_what_is_nowhere_is_weak() -> None:
    with pytest.raises(VerdictError, match="weak") as caught:
        assert_bridge(study(between=0.0, within=0.0), SLOPE, **fast())
    assert caught.value.verdict.outcome is Outcome.FAILED


def test_the_pooled_number_is_scipys() -> None:
    table = study(between=2.0, within=1.0)
    bridge = measure_bridge(table, SLOPE, **fast()).bridge
    assert bridge is not None
    known = spearmanr(table["profile_slope_mean"], table["collapse_rate"])
    (one,) = bridge.associations
    assert one.pooled.value == pytest.approx(known.statistic, abs=1e-12)
    assert one.p == pytest.approx(known.pvalue, rel=1e-9)


def test_rows_that_share_a_predictor_are_counted_once() -> None:
    columns = published()
    findings = measure_bridge(columns, [SLOPE], **fast())
    assert findings.bridge is not None
    assert (findings.bridge.rows, findings.bridge.unique) == (720, 108)
    (verdict,) = judge_bridge(findings)
    assert "unique predictors: 108 of 720 rows" in verdict.explanation


def test_a_predictor_of_every_row_leaves_the_others_their_clusters() -> None:
    columns = published()
    columns["jitter"] = list(np.random.default_rng(2).normal(size=720))
    depth = np.array(columns["lambda1_mean"], dtype=float)
    columns["shaken"] = list(depth + np.random.default_rng(3).uniform(-1e-12, 1e-12, 720))
    pairs = [f"{name} ~ collapse_rate" for name in ("lambda1_mean", "jitter", "shaken")]
    findings = measure_bridge(columns, pairs, **fast())
    assert findings.bridge is not None
    assert (findings.bridge.unique, findings.bridge.clusters) == (720, 108)
    own, jitter, shaken = findings.bridge.associations
    assert [one.clustered.resampled_n for one in (own, jitter, shaken)] == [108, 720, 108]
    alone = measure_bridge(columns, pairs[0], **fast()).bridge
    assert alone is not None
    assert own.p_within == alone.associations[0].p_within
    verdicts = judge_bridge(findings)
    assert "(108 clusters in 4 strata)" in verdicts[0].explanation
    assert "lambda1_mean has 108 unique values in 720 rows" in verdicts[0].explanation
    assert "(720 clusters in 4 strata)" in verdicts[1].explanation
    # The report puts verdicts of one family together by what they share.
    assert len({replace(one.bridge, associations=()) for one in verdicts if one.bridge}) == 1


@pytest.mark.parametrize("cell", ["", "  ", "nan", None, float("nan")])
def test_a_row_without_a_seed_prompt_is_an_error(cell: object) -> None:
    columns = published()
    columns["seed_id"][7] = cell
    with pytest.raises(TableError, match=r"column 'seed_id', row 8 .*: the cell is empty"):
        measure_bridge(columns, SLOPE, **fast())


def published() -> dict[str, list[object]]:
    """Return the shape of the published table: four conditions of three models, 36 x 5 rows."""
    draw = np.random.default_rng(7)
    depth = draw.normal(size=(3, 36, 3))
    rows = [
        {
            "condition": condition,
            "seed_id": f"plan_{prompt}",
            "repeat_index": repeat,
            "lambda1_mean": depth[model, prompt, 0],
            "layerwise_variance_mean": depth[model, prompt, 1],
            "profile_slope_mean": depth[model, prompt, 2],
            "max_turns": 40,
            "first_collapse_turn": turn if turn <= 40 else "",
            "has_collapse": "true" if turn <= 40 else "false",
            "collapse_rate": max(41 - turn, 0) / 40,
        }
        for condition, model in (("HOMO_A", 0), ("HOMO_B", 1), ("HOMO_C", 2), ("HETERO_ROT", 0))
        for prompt in range(36)
        for repeat in range(5)
        for turn in [int(draw.integers(5, 55))]
    ]
    return {name: [row[name] for row in rows] for name in rows[0]}


# -- what a verdict holds -----------------------------------------------------------------------


def test_each_verdict_holds_its_own_association_and_the_counts_of_the_family(
    session: Session,
) -> None:
    verdicts = judge_bridge(measure_bridge(published(), **fast(censor="last")))
    assert [one.bridge.associations[0].hypothesis for one in verdicts if one.bridge] == [*PUBLISHED]
    assert [one.id for one in verdicts][:1] == ["bridge(lambda1_mean x collapse_rate)"]
    for one in verdicts:
        assert one.bridge is not None
        assert len(one.bridge.associations) == 1
        assert "never collapsed: first_collapse_turn is counted as the last turn (max_turns), " in (
            one.explanation
        )
        assert one.limit.at_least == 0.4
        assert one.model.pin == "table:table"
        assert one.settings["hypothesis"] == one.bridge.associations[0].hypothesis.name
    assert session.drain() == verdicts


def test_a_verdict_is_evidence_that_json_holds() -> None:
    verdicts = judge_bridge(measure_bridge(study(between=4.0, within=0.0), SLOPE, **fast()))
    record = Evidence(node_id="t", status="failed", verdicts=verdicts, environment={})
    assert "between-model only" in str(to_plain(record))


def test_the_first_red_verdict_is_raised_and_the_others_are_named() -> None:
    table = study(between=4.0, within=0.0)
    table["lambda1_mean"] = np.random.default_rng(3).permutation(table["profile_slope_mean"])
    with pytest.raises(VerdictError) as caught:
        assert_bridge(table, [SLOPE, "lambda1_mean ~ collapse_rate"], **fast())
    assert "also: lambda1_mean x collapse_rate in table: |rho|" in str(caught.value)


def test_a_suite_names_its_verdicts_and_may_expect_a_failure() -> None:
    findings = measure_bridge(study(between=4.0, within=0.0), SLOPE, **fast())
    (verdict,) = judge_bridge(findings, expect="failed", name="between")
    assert verdict.id == "between:profile_slope_mean x collapse_rate"
    assert verdict.expect == "failed"


def test_preregistered_names_are_read_from_the_published_columns_and_said() -> None:
    findings = measure_bridge(published(), ["lambda1_slope ~ collapse_incidence"], **fast())
    assert findings.bridge is not None
    assert findings.bridge.associations[0].hypothesis.name == "lambda1_slope x collapse_incidence"
    assert (
        "'lambda1_slope' is read from the column 'profile_slope_mean', as the published files "
        "call it" in findings.bridge.counts
    )


# -- strata, clusters, exclusions, censoring ----------------------------------------------------


def test_without_strata_nothing_is_measured_and_the_error_says_why() -> None:
    table = study(between=4.0, within=0.0)
    del table["condition"]
    with pytest.raises(ArgumentError, match="cannot be told from one inside them; pass strata="):
        measure_bridge(table, SLOPE, **fast())


def test_strata_and_clusters_are_columns_or_labels() -> None:
    table = study(between=4.0, within=0.0)
    by_name = measure_bridge(table, SLOPE, **fast(strata="condition", clusters="seed_id")).bridge
    labels = fast(strata=table["condition"], clusters=table["seed_id"])
    by_label = measure_bridge(table, SLOPE, **labels).bridge
    assert by_name is not None
    assert by_name == by_label
    assert (by_name.clusters, by_name.strata) == (24, ("HOMO_A", "HOMO_B", "HOMO_C"))


def test_labels_are_told_and_are_part_of_what_was_measured() -> None:
    table = study(between=4.0, within=0.0)
    seeds, models = table["seed_id"], table["condition"]
    plain = measure_bridge(table, SLOPE, **fast())
    given = [
        measure_bridge(table, SLOPE, **fast(**labels))
        for labels in ({"clusters": seeds}, {"strata": models}, {"clusters": models[::-1]})
    ]
    assert [(one.settings["clusters"], one.settings["strata"]) for one in (plain, *given)] == [
        ("rows with an equal predictor, by hypothesis", "condition"),
        ("labels given", "condition"),
        ("rows with an equal predictor, by hypothesis", "labels given"),
        ("labels given", "condition"),
    ]
    assert len({one.model.fingerprint for one in (plain, *given)}) == 4
    again = measure_bridge(table, SLOPE, **fast(clusters=list(range(216)), strata=models))
    assert again.model.fingerprint != given[0].model.fingerprint


def test_labels_that_do_not_fit_the_rows_are_refused() -> None:
    table = study(between=1.0, within=1.0)
    with pytest.raises(ArgumentError, match="strata holds 2 labels for 216 rows: pass one per row"):
        measure_bridge(table, SLOPE, **fast(strata=np.array(["a", "b"])))
    with pytest.raises(
        TableError, match=r"no column 'a': .*pass one per row: 2 were given for 216"
    ):
        measure_bridge(table, SLOPE, **fast(strata=["a", "b"]))


@pytest.mark.parametrize("kind", [list, tuple, np.array])
def test_labels_may_be_any_sequence_as_long_as_the_table(kind: Any) -> None:
    table = study(between=4.0, within=0.0)
    models, seeds = table["condition"].tolist(), table["seed_id"].tolist()
    given = measure_bridge(table, SLOPE, **fast(strata=kind(models), clusters=kind(seeds)))
    assert (given.settings["strata"], given.settings["clusters"]) == ("labels given",) * 2
    named = measure_bridge(table, SLOPE, **fast(strata=["condition"], clusters="seed_id"))
    assert given.bridge == named.bridge


@pytest.mark.parametrize("strata", [["HOMO"] * 216, "all"])
def test_a_single_stratum_is_invalid(strata: object) -> None:
    table = study(between=1.0, within=1.0)
    table["all"] = np.array(["one"] * 216)
    given = np.array(strata) if isinstance(strata, list) else strata
    (found,) = judge_bridge(measure_bridge(table, SLOPE, **fast(strata=given)))
    assert found.outcome is Outcome.INVALID
    assert "of one stratum" in found.sentence


def test_exclusions_stand_beside_the_pooled_number() -> None:
    table = study(between=4.0, within=0.0)
    keep = table["condition"] != "HOMO_A"
    given = fast(exclusions={"HOMO_A, by hand": ~keep})
    bridge = measure_bridge(table, SLOPE, **given).bridge
    assert bridge is not None
    names = {one.name: one for one in bridge.associations[0].sensitivity}
    known = spearmanr(table["profile_slope_mean"][keep], table["collapse_rate"][keep]).statistic
    assert names["without HOMO_A, by hand"].value == pytest.approx(known, abs=1e-12)
    table["pilot"] = ~keep
    for named in (["pilot"], ("pilot",), "pilot"):
        found = measure_bridge(table, SLOPE, **fast(exclusions=named))
        assert found.settings["exclusions"] == "pilot"
        assert found.bridge is not None
        without = {one.name: one for one in found.bridge.associations[0].sensitivity}
        assert without["without pilot"].value == names["without HOMO_A, by hand"].value
    with pytest.raises(
        ArgumentError, match=r"exclusions is .*: pass the names of columns of flags"
    ):
        measure_bridge(table, SLOPE, **fast(exclusions=[True, False]))
    with pytest.raises(ArgumentError, match="other values than true and false"):
        measure_bridge(table, SLOPE, **fast(exclusions={"odd": np.arange(216)}))


@pytest.mark.parametrize(("censor", "turn"), [("after", 41.0), ("last", 40.0)])
def test_a_collapse_that_never_came_has_the_turn_of_the_plan(censor: str, turn: float) -> None:
    columns = published()
    bridge = measure_bridge(
        columns, "lambda1_mean ~ first_collapse_turn", **fast(censor=censor)
    ).bridge
    assert bridge is not None
    turns = [turn if one == "" else float(str(one)) for one in columns["first_collapse_turn"]]
    known = spearmanr(np.array(columns["lambda1_mean"], dtype=float), turns).statistic
    (one,) = bridge.associations
    assert one.pooled.value == pytest.approx(known, abs=1e-12)
    assert {
        "no collapse counted as the last turn",
        "conversations without a collapse left out",
    } <= {other.name for other in one.sensitivity}


def test_conversations_without_a_collapse_can_be_left_out_and_are_counted() -> None:
    columns = published()
    del columns["max_turns"]
    collapsed = sum(one != "" for one in columns["first_collapse_turn"])
    bridge = measure_bridge(
        columns, "lambda1_mean ~ first_collapse_turn", **fast(censor="exclude")
    ).bridge
    assert bridge is not None
    assert bridge.associations[0].pooled.effective_n == collapsed
    assert f"{720 - collapsed} of 720 conversations never collapsed" in bridge.counts[-2]
    assert bridge.rows == collapsed
    assert bridge.counts[-1] == (
        f"lambda1_mean x first_collapse_turn rests on {collapsed} of 720 rows"
    )


def test_each_association_counts_its_own_rows() -> None:
    columns = published()
    collapsed = sum(one != "" for one in columns["first_collapse_turn"])
    pairs = ["lambda1_mean ~ collapse_rate", "lambda1_mean ~ first_collapse_turn"]
    whole, part = judge_bridge(measure_bridge(columns, pairs, **fast(censor="exclude")))
    assert "  720 of 720 rows entered\n" in whole.explanation
    left = f"{collapsed} of 720 rows entered; {720 - collapsed} were left out, as the plan says"
    assert left in part.explanation
    assert whole.bridge is not None
    shown = " ".join(bridge_text(whole.bridge).split())
    assert "rests on: lambda1_mean x collapse_rate: 720 of 720 rows entered" in shown
    assert f"{pairs[1].replace('~', 'x')} rests on {collapsed} of 720 rows" in shown
    # Words name the strata that reverse it, whatever it is worth.
    assert "weak: lambda1_mean x collapse_rate: rho " in shown


def stopped() -> dict[str, list[object]]:
    """Return the published shape with 40 turns asked, of which every fifth made 30."""
    columns = published()
    columns["total_turns"] = [30 if row % 5 == 0 else 40 for row in range(720)]
    for row, first in enumerate(columns["first_collapse_turn"]):
        if row % 5 == 0 and first != "" and int(str(first)) > 30:
            columns["first_collapse_turn"][row], columns["has_collapse"][row] = "", "false"
            columns["collapse_rate"][row] = 0.0
    return columns


def test_conversations_that_stopped_early_are_counted_and_left_out_once() -> None:
    columns = stopped()
    findings = measure_bridge(columns, "lambda1_mean ~ collapse_rate", **fast())
    assert findings.bridge is not None
    assert (
        "144 of 720 conversations stopped early, before max_turns: rho without them stands among "
        "the other handlings" in findings.bridge.counts
    )
    lines = {one.name: one for one in findings.bridge.associations[0].sensitivity}
    keep = np.arange(720) % 5 != 0
    x, y = (np.array(columns[n], dtype=float)[keep] for n in ("lambda1_mean", "collapse_rate"))
    left = lines["without conversations that stopped early"]
    assert left.value == pytest.approx(spearmanr(x, y).statistic, abs=1e-12)
    assert left.effective_n == 576
    # It is no argument of the caller's.
    assert findings.settings["exclusions"] == ""


def test_a_table_brings_its_settings_and_controls() -> None:
    note = Control(name="HOMO_A: floor", role="floor", state="held", words="0.1")
    table = Table(
        name="self-play",
        columns=columns_of(study(between=2.0, within=2.0)),
        settings={"turns": 40, "seed": 7},
        controls=(note,),
    )
    findings = measure_bridge(table, SLOPE, **fast())
    assert (findings.settings["turns"], findings.settings["seed"]) == (40, 42)
    assert findings.controls[-1] == note
    (found,) = judge_bridge(findings)
    assert found.outcome is Outcome.PASSED
    assert "controls:\n  ok     HOMO_A: floor: 0.1" in found.explanation


def test_a_control_that_failed_leaves_no_evidence() -> None:
    failed = Control(
        name="HOMO_A: detector", role="gate", state="failed", words="blind to a planted loop"
    )
    table = Table(
        name="self-play", columns=columns_of(study(between=2.0, within=2.0)), controls=(failed,)
    )
    findings = measure_bridge(table, [SLOPE, "repeat_index ~ collapse_rate"], **fast())
    verdicts = judge_bridge(findings)
    for found in verdicts:
        assert found.outcome is Outcome.INVALID
        assert "(HOMO_A: detector: blind to a planted loop)" in found.sentence
        assert "FAILED HOMO_A: detector: blind to a planted loop" in found.explanation
        assert [one.name for one in found.controls if one.state == "failed"] == [failed.name]
    assert "without that it would be supported: rho" in verdicts[0].sentence
    with pytest.raises(VerdictError, match="HOMO_A: detector"):
        assert_bridge(table, SLOPE, **fast())


# -- bad input ----------------------------------------------------------------------------------


def test_a_length_is_needed_where_a_conversation_never_collapsed() -> None:
    columns = published()
    del columns["max_turns"]
    with pytest.raises(TableError, match="add a column 'total_turns' or 'max_turns'"):
        measure_bridge(columns, **fast())


def test_columns_that_contradict_each_other_are_an_error() -> None:
    columns = published()
    place = columns["has_collapse"].index("true")
    columns["first_collapse_turn"][place] = ""
    with pytest.raises(TableError, match=r"has_collapse is 'true' and first_collapse_turn is ''"):
        measure_bridge(columns, **fast())


@pytest.mark.parametrize(
    ("column", "cell", "told"),
    [
        ("first_collapse_turn", 41, "first_collapse_turn is 41 and max_turns is 40, in 1 of 720"),
        ("total_turns", 3, "first_collapse_turn is 25 and total_turns is 3, in 1 of 720"),
        ("collapse_rate", 0.0, "has_collapse is 'true' and collapse_rate is 0.0, in 1 of 720"),
        ("has_collapse", "false", "has_collapse is 'false' and first_collapse_turn is 25, in 1"),
    ],
)
def test_what_cannot_be_said_of_one_conversation_is_an_error(
    column: str, cell: object, told: str
) -> None:
    columns = published()
    place = columns["first_collapse_turn"].index(25)
    if column == "total_turns":
        columns[column] = [40] * 720
    columns[column][place] = cell
    with pytest.raises(TableError, match=told):
        measure_bridge(columns, **fast())


def test_a_rate_without_a_collapse_is_an_error_whatever_is_asked_of_it() -> None:
    columns = published()
    place = columns["has_collapse"].index("false")
    columns["collapse_rate"][place] = 0.25
    with pytest.raises(TableError, match=r"has_collapse is 'false' and collapse_rate is 0\.25"):
        measure_bridge(columns, "lambda1_mean ~ collapse_rate", **fast())


@pytest.mark.parametrize("turn", [0, -1, float("inf")])
def test_a_first_turn_that_is_no_turn_is_an_error(turn: float) -> None:
    columns = published()
    columns["first_collapse_turn"][3] = turn
    with pytest.raises(TableError, match="turns count from 1"):
        measure_bridge(columns, **fast())


def test_a_missing_column_and_text_among_numbers_are_errors() -> None:
    table = study(between=1.0, within=1.0)
    with pytest.raises(TableError, match="did you mean 'profile_slope_mean'"):
        measure_bridge(table, "profile_slope ~ collapse_rate", **fast())
    table["collapse_rate"] = table["collapse_rate"].astype("U9")
    table["collapse_rate"][4] = "high"
    with pytest.raises(TableError, match=r"column 'collapse_rate', row 5 \(.*\): 'high' is no num"):
        measure_bridge(table, SLOPE, **fast())


@pytest.mark.parametrize("broken", ["constant", "missing"])
def test_a_predictor_that_says_nothing_is_invalid_and_says_why(broken: str) -> None:
    table = study(between=1.0, within=1.0)
    if broken == "constant":
        table["profile_slope_mean"] = np.zeros(216)
    else:
        table["profile_slope_mean"][10] = np.nan
    findings = measure_bridge(table, SLOPE, **fast())
    assert findings.measurement.value is None
    (found,) = judge_bridge(findings)
    assert found.outcome is Outcome.INVALID
    told = {
        "constant": "profile_slope_mean is the same in all 216 rows",
        "missing": "column 'profile_slope_mean' holds no finite number in 1 of 216 rows, first in "
        "row 11",
    }[broken]
    assert told in found.sentence
    assert found.controls[0].state == "failed"


def test_a_missing_number_is_counted_with_its_row() -> None:
    table = study(between=1.0, within=1.0)
    table["collapse_rate"][10] = np.nan
    bridge = measure_bridge(table, SLOPE, **fast()).bridge
    assert bridge is not None
    assert bridge.counts == (
        "column 'collapse_rate' holds no finite number in 1 of 216 rows, first in row 11 "
        "(condition HOMO_A, seed_id plan_3, repeat_index 1)",
    )


def test_too_few_clusters_are_invalid_and_the_missing_are_counted() -> None:
    table = study(between=4.0, within=1.0)
    few = {
        name: cells[np.isin(table["seed_id"], ["plan_0", "plan_1"])]
        for name, cells in table.items()
    }
    (found,) = judge_bridge(measure_bridge(few, SLOPE, **fast()))
    assert found.outcome is Outcome.INVALID
    assert "missing" in found.sentence


def test_a_row_that_is_there_twice_is_an_error() -> None:
    table = {
        name: np.concatenate([cells, cells[:2]])
        for name, cells in study(between=1, within=1).items()
    }
    with pytest.raises(TableError, match="table has HOMO_A / plan_0 / 0 twice, in rows 1 and 217"):
        measure_bridge(table, SLOPE, **fast())


@pytest.mark.parametrize(
    ("knobs", "said"),
    [
        ({"threshhold": 0.5}, "did you mean 'threshold'"),
        ({"threshold": 1.5}, "threshold is 1.5, but it lies between 0 and 1"),
        ({"alpha": "small"}, "alpha is 'small'"),
        ({"censor": "first"}, "censor is 'first'"),
        ({"resamples": 3}, "at least 100"),
        ({"permutations": 9}, "at least 99"),
        ({"strata": 3}, "strata is 3: pass the name of a column"),
        ({"strata": "model"}, "there is no column 'model'"),
    ],
)
def test_arguments_that_make_no_sense_are_refused(knobs: dict[str, object], said: str) -> None:
    with pytest.raises((ArgumentError, TableError), match=said):
        measure_bridge(study(between=1.0, within=1.0), SLOPE, **knobs)  # type: ignore[arg-type]


def test_a_hypothesis_is_an_object_a_pair_or_a_text() -> None:
    given: Hypotheses = [Hypothesis(predictor="a", outcome="b"), ("a", "c"), "a ~ d (-)"]
    assert [(one.name, one.sign) for one in hypotheses_of(given)] == [
        ("a x b", 0),
        ("a x c", 0),
        ("a x d", -1),
    ]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ([], "pass a list of one or more"),
        (["a"], "hypotheses: "),
        ([("a",)], "a hypothesis is"),
        (["a ~ b", ("a", "b")], "'a x b' is there twice"),
        (["a ~ a"], "hypotheses: 'a ~ a' holds a column against itself"),
        ([("a", "a")], "'a x a' holds a column against itself"),
        ([Hypothesis(predictor="a", outcome="a")], "holds a column against itself"),
    ],
)
def test_what_is_no_hypothesis_is_refused(given: list[str], said: str) -> None:
    with pytest.raises(ArgumentError, match=said):
        hypotheses_of(given)


def test_two_names_of_one_column_are_that_column() -> None:
    table = {**study(between=1.0, within=1.0), "has_collapse": np.ones(216)}
    with pytest.raises(ArgumentError, match="both are the column 'has_collapse'"):
        measure_bridge(table, "collapse_incidence ~ has_collapse", **fast())


def test_what_varies_in_no_row_of_a_part_is_named_by_its_column() -> None:
    table = study(between=4.0, within=0.0)
    table["collapse_rate"] = np.where(table["condition"] == "HOMO_B", 0.0, table["collapse_rate"])
    bridge = measure_bridge(
        table, SLOPE, **fast(exclusions={"the rest": np.arange(216) > 0})
    ).bridge
    assert bridge is not None
    (one,) = bridge.associations
    known = {part.name: part.reason for part in (*one.by_stratum, *one.sensitivity)}
    assert known["HOMO_B"] == "collapse_rate is the same in all 72 rows"
    assert known["without the rest"] == ("1 of 216 rows are left: a rank correlation needs more")


def test_what_differs_between_models_can_hide_what_is_inside_them() -> None:
    (found,) = judge_bridge(measure_bridge(study(between=-3.0, within=4.0), SLOPE, **fast()))
    assert found.bridge is not None
    assert found.bridge.associations[0].standing == "masked"
    assert found.outcome is Outcome.FAILED
    assert "  look inside the models" in found.explanation


# -- preregistration ----------------------------------------------------------------------------


def test_a_frozen_plan_fills_in_what_is_left_out_and_refuses_what_differs(tmp_path: Path) -> None:
    path = tmp_path / "plan.yaml"
    plan = BridgePlan(hypotheses=hypotheses_of(SLOPE), resamples=400, permutations=399)
    frozen = freeze(plan, path, title="slope and collapse")
    table = study(between=4.0, within=0.0)
    bridge = measure_bridge(table, preregistration=path).bridge
    assert bridge is not None
    assert [one.hypothesis.name for one in bridge.associations] == [
        "profile_slope_mean x collapse_rate"
    ]
    assert (bridge.preregistration, bridge.deviations) == (frozen.sha256, ())
    with pytest.raises(PreregistrationError, match="threshold"):
        measure_bridge(table, preregistration=path, threshold=0.3)
    with pytest.raises(ArgumentError, match="the frozen plan names columns"):
        measure_bridge(table, preregistration=path, strata=table["condition"])


def test_numbers_of_an_array_library_are_numbers_of_a_plan(tmp_path: Path) -> None:
    path = tmp_path / "plan.yaml"
    plan = BridgePlan(hypotheses=hypotheses_of(SLOPE), resamples=400, permutations=399)
    frozen = freeze(replace(plan, seed=np.int64(42)), path, title="slope and collapse")  # type: ignore[arg-type]
    table = study(between=4.0, within=0.0)
    said = {"seed": np.int64(42), "threshold": np.float32(0.4), "alpha": np.float64(0.05)}
    findings = measure_bridge(table, **fast(**said, preregistration=path))
    assert findings.bridge is not None
    assert findings.bridge.preregistration == frozen.sha256
    assert [type(findings.settings[name]) for name in said] == [int, float, float]
    with pytest.raises(PreregistrationError, match="seed: 42 -> 43"):
        measure_bridge(table, preregistration=path, seed=np.int64(43))  # type: ignore[arg-type]


def test_a_recorded_deviation_is_run_and_printed(tmp_path: Path) -> None:
    path = tmp_path / "plan.yaml"
    plan = BridgePlan(hypotheses=hypotheses_of(SLOPE), resamples=400, permutations=399)
    freeze(plan, path, title="slope and collapse")
    changed = BridgePlan(hypotheses=plan.hypotheses, threshold=0.3, resamples=400, permutations=399)
    record_deviation(path, changed, "0.4 was a slip of the pen")
    findings = measure_bridge(study(between=4.0, within=0.0), preregistration=path)
    assert findings.bridge is not None
    assert findings.bridge.threshold == 0.3
    (verdict,) = judge_bridge(findings)
    assert "0.4 was a slip of the pen" in verdict.explanation
