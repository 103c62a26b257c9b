"""Frozen plans: what is written, what refuses an edit, and how a change is recorded."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from datetime import date
from typing import TYPE_CHECKING

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_promptchaos.errors import PreregistrationError
from pytest_promptchaos.preregistration import (
    check_plan,
    freeze,
    record_deviation,
    thaw,
)
from pytest_promptchaos.records import BridgePlan, Hypothesis
from pytest_promptchaos.written_plan import changed_plan, fingerprint, hypothesis_of, written

if TYPE_CHECKING:
    from pathlib import Path

RATE = Hypothesis(predictor="profile_slope_mean", outcome="collapse_rate", sign=-1)
FIRST = Hypothesis(predictor="profile_slope_mean", outcome="first_collapse_turn")
PLAN = BridgePlan(hypotheses=(RATE, FIRST), strata=("condition",), censor="last")
BEFORE = date(2026, 2, 1)
LATER = date(2026, 2, 19)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A file that holds the plan."""
    file = tmp_path / "plan.yaml"
    freeze(PLAN, file, title="Depth and collapse", when=BEFORE)
    return file


# -- freezing -------------------------------------------------------------------------------------


def test_a_frozen_plan_comes_back_as_it_was(path: Path) -> None:
    frozen = thaw(path)
    assert frozen.plan == PLAN
    assert (frozen.title, frozen.date, frozen.deviations) == (
        "Depth and collapse",
        "2026-02-01",
        (),
    )
    assert frozen.latest == frozen.sha256


def test_the_hash_is_that_of_the_plan_as_json_and_can_be_had_without_us(path: Path) -> None:
    plan = yaml.safe_load(path.read_text())["plan"]
    canonical = json.dumps(plan, sort_keys=True, separators=(",", ":"))
    assert thaw(path).sha256 == hashlib.sha256(canonical.encode()).hexdigest()


def test_a_person_reads_the_file(path: Path) -> None:
    text = path.read_text()
    assert "promptchaos deviate plan.yaml --set KEY=VALUE --reason TEXT" in text
    assert "- profile_slope_mean ~ collapse_rate (-)\n" in text
    assert "  censor: last\n" in text


def test_two_plans_have_one_hash_only_where_they_are_equal(tmp_path: Path) -> None:
    other = freeze(replace(PLAN, seed=43), tmp_path / "other.yaml", title="x")
    same = freeze(PLAN, tmp_path / "same.yaml", title="another title")
    first = freeze(PLAN, tmp_path / "first.yaml", title="x")
    assert first.sha256 == same.sha256 != other.sha256


def test_a_frozen_plan_is_never_overwritten(path: Path) -> None:
    before = path.read_text()
    with pytest.raises(
        PreregistrationError, match="exists, and a frozen plan is never overwritten"
    ):
        freeze(PLAN, path, title="again")
    assert path.read_text() == before


@pytest.mark.parametrize(
    ("plan", "words"),
    [
        (replace(PLAN, hypotheses=()), "hypotheses is"),
        (replace(PLAN, hypotheses=(RATE, replace(RATE, sign=0))), "is there twice: state it once"),
        (replace(PLAN, threshold=1.4), "threshold is 1.4"),
        (replace(PLAN, alpha=0.0), "alpha is 0.0"),
        (replace(PLAN, resamples=1), "resamples is 1"),
        (replace(PLAN, seed=-1), "seed is -1"),
        (replace(PLAN, strata=("a\x85b",)), "holds a character that cannot be printed"),
    ],
)
def test_a_plan_that_cannot_be_run_is_not_frozen(
    tmp_path: Path, plan: BridgePlan, words: str
) -> None:
    with pytest.raises(PreregistrationError) as refused:
        freeze(plan, tmp_path / "plan.yaml", title="x")
    assert words in str(refused.value)
    assert not (tmp_path / "plan.yaml").exists()


def test_a_plan_has_a_title_and_a_folder(tmp_path: Path) -> None:
    with pytest.raises(PreregistrationError, match="the title is empty"):
        freeze(PLAN, tmp_path / "plan.yaml", title=" ")
    with pytest.raises(PreregistrationError, match="cannot be written: No such file"):
        freeze(PLAN, tmp_path / "none" / "plan.yaml", title="x")


# -- editing by hand ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("threshold: 0.4", "threshold: 0.3"),
        ("- profile_slope_mean ~ first_collapse_turn\n", ""),
        ("censor: last", "censor: after"),
        ("strata:\n  - condition", "strata: []"),
        ("seed: 42", "seed: 42\n  more: 1"),
        ("title: Depth and collapse", "title: Another study"),
        ("'2026-02-01'", "'2025-02-01'"),
        ("'2026-02-01'", "2025-02-01"),
        ("reason: no turn is lost", "reason: no reason"),
        ("new: after", "new: exclude"),
        ("old: last", "old: exclude"),
        ("'2026-02-19'", "'2026-02-02'"),
    ],
)
def test_a_file_that_was_edited_is_refused_with_what_to_do(path: Path, old: str, new: str) -> None:
    record_deviation(path, replace(PLAN, censor="after"), "no turn is lost", when=LATER)
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    with pytest.raises(PreregistrationError) as refused:
        thaw(path)
    assert str(path) in str(refused.value)
    assert "promptchaos" in str(refused.value)


def test_an_edit_names_the_way_back(path: Path) -> None:
    path.write_text(path.read_text().replace("alpha: 0.05", "alpha: 0.5"))
    with pytest.raises(PreregistrationError) as refused:
        thaw(path)
    assert f"git checkout -- {path}" in str(refused.value)
    assert f"promptchaos deviate {path} --set KEY=VALUE --reason TEXT" in str(refused.value)


def test_a_deviation_that_is_taken_out_is_missed(path: Path) -> None:
    record_deviation(path, replace(PLAN, censor="after"), "no turn is lost")
    content = yaml.safe_load(path.read_text())
    content["deviations"] = []
    path.write_text(yaml.safe_dump(content))
    with pytest.raises(PreregistrationError, match="its seal does not match"):
        thaw(path)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "it has no 'plan'"),
        ("[1]", "it has no 'plan'"),
        ("plan: {}\nformat: 9", "its format is 9"),
        ("plan: {}\nformat: 1", "it lacks 'sha256'"),
        ("plan: {a: .nan}\nformat: 1\nsha256: x", "it holds what is never written there"),
        ("a: [", "cannot be read"),
    ],
)
def test_a_file_that_holds_no_plan_is_refused(tmp_path: Path, text: str, words: str) -> None:
    file = tmp_path / "plan.yaml"
    file.write_text(text)
    with pytest.raises(PreregistrationError) as refused:
        thaw(file)
    assert words in str(refused.value)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(PreregistrationError, match=r"none\.yaml cannot be read: No such file"):
        thaw(tmp_path / "none.yaml")


# -- deviations -----------------------------------------------------------------------------------


def test_a_deviation_says_when_what_and_why(path: Path) -> None:
    after = replace(PLAN, censor="after", strata=())
    frozen = record_deviation(path, after, "a collapse at the last turn is one", when=LATER)
    (deviation,) = frozen.deviations
    assert frozen.plan == after
    assert deviation.sha256 == frozen.latest == fingerprint(written(after))
    assert str(deviation) == (
        "2026-02-19: strata: condition -> none named; censor: last -> after, because: a collapse "
        f"at the last turn is one ({deviation.sha256[:12]})"
    )


def test_the_first_hash_stays_and_deviations_follow_one_another(path: Path) -> None:
    first = thaw(path).sha256
    record_deviation(path, replace(PLAN, censor="after"), "one")
    frozen = record_deviation(path, replace(PLAN, censor="after", seed=1), "two")
    assert frozen.sha256 == first
    assert [one.changed for one in frozen.deviations] == [
        ("censor: last -> after",),
        ("seed: 42 -> 1",),
    ]


def test_hypotheses_are_named_one_by_one(path: Path) -> None:
    swapped = replace(FIRST, predictor="lambda1_mean")
    frozen = record_deviation(path, replace(PLAN, hypotheses=(RATE, swapped)), "wrong column")
    assert frozen.deviations[0].changed == (
        "hypotheses: without profile_slope_mean ~ first_collapse_turn, with lambda1_mean ~ "
        "first_collapse_turn",
    )
    again = record_deviation(path, replace(PLAN, hypotheses=(swapped, RATE)), "order")
    assert again.deviations[1].changed == ("hypotheses: in another order",)


def test_nothing_changed_and_no_reason_are_no_deviation(path: Path) -> None:
    before = path.read_text()
    with pytest.raises(PreregistrationError, match="no deviation to record"):
        record_deviation(path, PLAN, "because")
    with pytest.raises(PreregistrationError, match="the reason is empty"):
        record_deviation(path, replace(PLAN, seed=1), "")
    assert path.read_text() == before


# -- running --------------------------------------------------------------------------------------


def test_the_plan_as_frozen_may_run(path: Path) -> None:
    check_plan(thaw(path), PLAN)


def test_another_plan_is_refused_and_every_difference_named(path: Path) -> None:
    other = replace(PLAN, hypotheses=(RATE,), threshold=0.3)
    with pytest.raises(PreregistrationError) as refused:
        check_plan(thaw(path), other)
    words = str(refused.value)
    assert "hypotheses: without profile_slope_mean ~ first_collapse_turn" in words
    assert "threshold: 0.4 -> 0.3" in words
    assert f"promptchaos deviate {path} --set" in words


def test_a_recorded_change_may_run_and_the_first_plan_no_longer(path: Path) -> None:
    after = replace(PLAN, censor="after")
    frozen = record_deviation(path, after, "no turn is lost", when=LATER)
    check_plan(frozen, after)
    with pytest.raises(PreregistrationError, match="not the plan of 2026-02-19"):
        check_plan(frozen, PLAN)


# -- as it is written ------------------------------------------------------------------------------


def test_a_key_is_changed_as_it_is_written() -> None:
    changed = changed_plan(PLAN, {"threshold": "0.3", "hypotheses": ["x ~ y (+)"]})
    assert changed.threshold == 0.3
    assert changed.hypotheses == (Hypothesis(predictor="x", outcome="y", sign=1),)


@pytest.mark.parametrize("wanted", [{"threshold": "high"}, {"hypotheses": ["x"]}])
def test_a_key_that_cannot_be_is_named(wanted: dict[str, object]) -> None:
    with pytest.raises(PreregistrationError, match=f"cannot be frozen: {next(iter(wanted))}"):
        changed_plan(PLAN, wanted)


def test_a_key_that_a_plan_has_not_is_told_with_those_it_has() -> None:
    with pytest.raises(PreregistrationError) as refused:
        changed_plan(PLAN, {"thresold": 0.3})
    assert str(refused.value) == (
        "a plan has no key 'thresold': did you mean threshold? its keys are hypotheses, clusters, "
        "strata, threshold, alpha, censor, resamples, permutations, seed"
    )


def test_a_column_against_itself_is_no_hypothesis() -> None:
    for text in ("x ~ x", "x ~ x (-)"):
        with pytest.raises(ValueError, match="holds a column against itself"):
            hypothesis_of(text)
    with pytest.raises(PreregistrationError, match="holds a column against itself"):
        changed_plan(PLAN, {"hypotheses": ["x ~ x"]})


@pytest.mark.parametrize("text", ["x", "x ~", "~ y", "x ~ y ~ z"])
def test_a_hypothesis_joins_two_columns(text: str) -> None:
    with pytest.raises(ValueError, match="is no hypothesis"):
        hypothesis_of(text)


characters = st.characters(categories=("L", "N", "P", "S"), exclude_characters="~()")
names = st.text(characters, min_size=1, max_size=9)
plans = st.builds(
    BridgePlan,
    hypotheses=st.lists(
        st.builds(
            Hypothesis,
            predictor=names,
            outcome=names,
            sign=st.sampled_from((-1, 0, 1)),
        ).filter(lambda one: one.predictor != one.outcome),
        min_size=1,
        max_size=4,
        unique_by=lambda one: one.name,
    ).map(tuple),
    clusters=st.lists(names, max_size=2).map(tuple),
    strata=st.lists(names, max_size=2).map(tuple),
    threshold=st.floats(0.001, 0.999),
    alpha=st.floats(0.001, 0.999),
    censor=st.sampled_from(("after", "last", "exclude")),
    resamples=st.integers(100, 10**6),
    permutations=st.integers(99, 10**6),
    seed=st.integers(0, 2**63),
)


@settings(max_examples=40, deadline=None)
@given(plans, plans)
def test_every_plan_survives_the_file_and_every_change_is_told(
    tmp_path_factory: pytest.TempPathFactory, plan: BridgePlan, other: BridgePlan
) -> None:
    file = tmp_path_factory.mktemp("plan") / "plan.yaml"
    assert freeze(plan, file, title="any").plan == plan
    if plan != other:
        with pytest.raises(PreregistrationError, match="this is not the plan"):
            check_plan(thaw(file), other)
        assert record_deviation(file, other, "any").plan == other
