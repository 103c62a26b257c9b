"""The command ``promptchaos``: what it prints, what it refuses, and how it exits."""

from __future__ import annotations

import csv
import subprocess
import sys
import tomllib
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from pytest_promptchaos.bridge_text import WIDTH, bridge_text
from pytest_promptchaos.command import main
from pytest_promptchaos.preregistration import thaw
from pytest_promptchaos.records import Association, Bridge, Hypothesis, Measurement

if TYPE_CHECKING:
    from collections.abc import Sequence

ROOT = Path(__file__).parents[1]
DEPTH = (
    "condition,seed_id,repeat_index,lambda1_mean,lambda1_std,lambda1_cv,layerwise_variance_mean,"
    "profile_slope_mean,n_tangent_seeds,n_valid,nan_count,renorm_cadence,model_id,compute_time_s"
)
COLLAPSE = (
    "run_id,condition,seed_id,seed_bucket,repeat_index,total_turns,max_turns,collapsed_turns,"
    "collapse_rate,first_collapse_turn,early_stopped,has_collapse,seed_version,embedding_model,"
    "started_at,ended_at,filename"
)
FAST = ("--resamples", "200", "--permutations", "199")
SLOPE = ("--hypothesis", "profile_slope_mean ~ collapse_rate")


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    """A pair of files in the published format, simulated: 4 conditions, 24 prompts, 2 repeats.

    Inside every condition the slope goes with the collapse rate, and the variance does not; the
    variance differs between conditions, as the rate does.
    """
    rng, depth, collapse = np.random.default_rng(0), [], []
    for number, condition in enumerate(("HOMO_A", "HOMO_B", "HOMO_C", "HETERO_ROT")):
        for seed in range(24):
            slope, variance = rng.normal(), number + 0.1 * rng.normal()
            for repeat in range(2):
                key = [condition, f"planning_{seed}", repeat]
                depth.append([*key, 0.1, 0.01, 0.1, variance, slope, 10, 10, 0, 4, "m", 1.0])
                turns = int(np.clip(10 + 5 * number + 5 * slope + rng.normal(), 0, 36))
                first = 41 - turns if turns else ""
                said = [turns, turns / 40, first, "false", str(turns > 0).lower()]
                rest = ["V", "e", "", "", "f.json"]
                collapse.append(["r", *key[:2], "planning", repeat, 40, 40, *said, *rest])
    folder = tmp_path_factory.mktemp("study")
    return written(folder / "depth.csv", DEPTH, depth), written(
        folder / "collapse.csv", COLLAPSE, collapse
    )


def written(path: Path, header: str, rows: Sequence[Sequence[object]]) -> str:
    with path.open("w", newline="", encoding="utf-8") as opened:
        csv.writer(opened).writerows([header.split(","), *rows])
    return str(path)


def text_of(shown: str) -> str:
    """Return what was shown as one line, however it was wrapped."""
    return " ".join(shown.split())


# -- starting -------------------------------------------------------------------------------------


def test_help_answers_without_loading_what_a_subcommand_needs() -> None:
    code = (
        "import sys\n"
        "from pytest_promptchaos.command import main\n"
        "for asked in (['--help'], ['bridge', '--help'], ['deviate', '--help']):\n"
        "    try:\n"
        "        main(asked)\n"
        "    except SystemExit as done:\n"
        "        assert done.code == 0, done.code\n"
        "heavy = {'numpy', 'scipy', 'pydantic', 'torch', 'yaml', 'pytest', 'transformers'}\n"
        "print('HEAVY', sorted(heavy & set(sys.modules)))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "preregister" in done.stdout
    assert "HEAVY []" in done.stdout


def test_the_package_itself_runs_as_the_command() -> None:
    asked = [sys.executable, "-m", "pytest_promptchaos", "bridge", "none.csv"]
    done = subprocess.run(asked, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr == (
        "promptchaos: none.csv cannot be read as a CSV file: No such file or directory\n"
    )


def test_the_installed_script_is_this_command() -> None:
    scripts = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"]
    module, name = scripts["promptchaos"].split(":")
    assert getattr(import_module(module), name) is main


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ([], "the following arguments are required: COMMAND"),
        (["bridge", "a.csv", "b.csv", "c.csv"], "unrecognized arguments: c.csv"),
        (["bridge", "a.csv", "--hypothesis", "x"], "'x' is no hypothesis: write"),
        (["deviate", "p.yaml", "--reason", "y", "--set", "censor"], "'censor' is no KEY=VALUE"),
        (["deviate", "p.yaml", "--set", "censor=after"], "required: --reason"),
    ],
)
def test_a_command_line_that_cannot_be_meant_is_refused(
    capsys: pytest.CaptureFixture[str], asked: list[str], words: str
) -> None:
    with pytest.raises(SystemExit) as refused:
        main(asked)
    assert refused.value.code == 2
    assert words in capsys.readouterr().err


# -- preregister and deviate ----------------------------------------------------------------------


def test_a_plan_is_frozen_with_what_was_given(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "plan.yaml"
    asked = ["preregister", str(file), "--hypothesis", "slope ~ rate (-)", "--censor", "last"]
    assert main([*asked, "--strata", "condition", "--title", "One"]) == 0
    frozen = thaw(file)
    assert frozen.plan.hypotheses == (Hypothesis(predictor="slope", outcome="rate", sign=-1),)
    assert (frozen.plan.censor, frozen.plan.strata, frozen.title) == ("last", ("condition",), "One")
    shown = capsys.readouterr().out
    assert f"{file} holds the plan, sha256 {frozen.sha256}\n  slope ~ rate (-)\n" in shown


def test_the_published_hypotheses_are_frozen_where_none_is_given(tmp_path: Path) -> None:
    file = tmp_path / "plan.yaml"
    assert main(["preregister", str(file)]) == 0
    assert len(thaw(file).plan.hypotheses) == 6


def test_a_plan_is_not_frozen_twice(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "plan.yaml"
    assert [main(["preregister", str(file)]) for _ in range(2)] == [0, 2]
    assert "a frozen plan is never overwritten" in capsys.readouterr().err


def test_a_deviation_is_recorded_and_shown(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "plan.yaml"
    main(["preregister", str(file), "--hypothesis", "lambda1_std ~ rate", "--hypothesis", "x ~ y"])
    changes = ["--set", "threshold=0.3", "--set", "strata=condition, bucket"]
    swapped = ["--replace", "lambda1_std ~ rate", "variance ~ rate"]
    asked = ["deviate", str(file), *changes, *swapped]
    assert main([*asked, "--reason", "the wrong column"]) == 0
    plan = thaw(file).plan
    assert [one.name for one in plan.hypotheses] == ["variance x rate", "x x y"]
    assert (plan.threshold, plan.strata) == (0.3, ("condition", "bucket"))
    assert "because: the wrong column" in capsys.readouterr().out
    assert main(["deviate", str(file), "--set", "hypotheses=a ~ b; c ~ d", "--reason", "new"]) == 0
    assert [one.name for one in thaw(file).plan.hypotheses] == ["a x b", "c x d"]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ([], "there is no deviation to record"),
        (["--set", "thresold=1"], "a plan has no key 'thresold': did you mean threshold?"),
        (["--set", "alpha=much"], "alpha is 'much'"),
        (["--replace", "a ~ b", "c ~ d"], "a x b is no hypothesis of the plan: it has x x y"),
    ],
)
def test_a_deviation_that_changes_nothing_that_is_there_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], changes: list[str], words: str
) -> None:
    file = tmp_path / "plan.yaml"
    main(["preregister", str(file), "--hypothesis", "x ~ y"])
    assert main(["deviate", str(file), *changes, "--reason", "why"]) == 2
    assert words in capsys.readouterr().err


# -- bridge ---------------------------------------------------------------------------------------


def test_a_study_is_shown_as_a_table_with_what_it_rests_on(
    study: tuple[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    variance = ("--hypothesis", "layerwise_variance_mean ~ collapse_rate")
    assert main(["bridge", *study, *SLOPE, *variance, *FAST]) == 0
    shown = capsys.readouterr().out
    assert max(map(len, shown.splitlines())) <= 80
    rows = shown.splitlines()
    slope = next(row for row in rows if row.startswith("profile_slope_mean "))
    assert slope.split()[-1] == "supported"
    told = text_of(shown)
    assert "rows: 192 of 192 entered" in told
    assert "unique predictors: 96, in 96 clusters" in told
    assert "strata: 4 (HETERO_ROT, HOMO_A, HOMO_B, HOMO_C)" in told
    assert "192 rows of depth and 192 of collapse merge into 192" in told
    assert "collinear: " in told
    assert rows[3].split("  ")[-1].strip() == "[of clusters]"
    assert "in brackets: 95 % intervals; of the pooled rho with rows resampled" in told
    *_, beside = told.partition(" layerwise_variance_mean x collapse_rate over all rows, clusters ")
    for title in (
        "resampled: +",
        "least squares, strata as covariates: ",
        "by stratum, clusters resampled: HETERO_ROT ",
        "handled otherwise: one row per cluster, its means (96) ",
        "seed prompts moved as one",
    ):
        assert title in beside
    assert "preregistration: none: the hypotheses were not frozen" in told


def test_a_difference_between_models_is_flagged_and_no_success(
    study: tuple[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    variance = ("--hypothesis", "layerwise_variance_mean ~ collapse_rate")
    assert main(["bridge", *study, *variance, *FAST]) == 1
    told = text_of(capsys.readouterr().out)
    assert "between-model only: layerwise_variance_mean x collapse_rate: rho" in told


def test_a_frozen_plan_runs_as_it_is_and_another_is_refused(
    study: tuple[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = str(tmp_path / "plan.yaml")
    main(["preregister", file, *SLOPE, "--strata", "condition", *FAST])
    assert main(["bridge", *study, "--preregistration", file]) == 0
    sha256 = thaw(file).sha256
    assert f"preregistration: sha256 {sha256} deviation: none" in text_of(capsys.readouterr().out)
    assert main(["bridge", *study, "--preregistration", file, "--threshold", "0.2"]) == 2
    refused = capsys.readouterr()
    assert (refused.out, "threshold: 0.4 -> 0.2" in refused.err) == ("", True)
    main(["deviate", file, "--set", "threshold=0.2", "--reason", "fewer prompts"])
    capsys.readouterr()
    assert main(["bridge", *study, "--preregistration", file, "--threshold", "0.2"]) == 0
    told = text_of(capsys.readouterr().out)
    assert f"preregistration: sha256 {sha256}" in told
    assert "threshold: 0.4 -> 0.2, because: fewer prompts" in told


def test_a_plan_that_was_edited_is_not_run(
    study: tuple[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "plan.yaml"
    main(["preregister", str(file), *SLOPE, *FAST])
    file.write_text(file.read_text().replace("threshold: 0.4", "threshold: 0.1"))
    assert main(["bridge", *study, "--preregistration", str(file)]) == 2
    assert "was edited by hand" in capsys.readouterr().err


def test_rows_can_be_left_out_by_a_column_of_flags(
    study: tuple[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    main(["bridge", *study, *SLOPE, *FAST, "--exclude", "early_stopped"])
    shown = capsys.readouterr()
    assert (shown.err, "without early_stopped " in text_of(shown.out)) == ("", True)
    assert main(["bridge", *study, *SLOPE, *FAST, "--exclude", "none"]) == 2
    assert "none" in capsys.readouterr().err


def test_what_voids_all_hypotheses_alike_is_said_once_with_what_to_do(
    study: tuple[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    variance = ("--hypothesis", "layerwise_variance_mean ~ collapse_rate")
    alone = ("--strata", "early_stopped")
    assert main(["bridge", *study, *SLOPE, *variance, *alone, *FAST]) == 1
    told = text_of(capsys.readouterr().out)
    assert told.count("all 192 rows are of one stratum") == 1
    assert (
        "invalid: profile_slope_mean x collapse_rate, layerwise_variance_mean x collapse_rate: all "
        "192 rows are of one stratum, and to tell inside from between takes 2: add the rows of "
        "another model, or take strata that part the prompts of this one"
    ) in told


def test_a_file_without_the_other_half_asks_for_it(
    study: tuple[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    depth, collapse = study
    for alone, lacks in ((depth, "outcomes"), (collapse, "depth features")):
        assert main(["bridge", alone, *SLOPE, *FAST]) == 2
        told = text_of(capsys.readouterr().err)
        assert f"it has none of the {lacks}: where they are in a second file, name the" in told
    assert main(["bridge", *study, "--hypothesis", "slop ~ collapse_rate", *FAST]) == 2
    assert "second file" in capsys.readouterr().err
    mixed = (*SLOPE, "--hypothesis", "slop ~ collapse_rate")
    assert main(["bridge", *study, *mixed, *FAST]) == 2
    assert "second file" not in capsys.readouterr().err


def test_a_missing_column_is_an_error_without_a_traceback(
    study: tuple[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["bridge", *study, "--hypothesis", "slop ~ collapse_rate", *FAST]) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.startswith("promptchaos: there is no column 'slop'")
    assert "Traceback" not in shown.err


# -- report ---------------------------------------------------------------------------------------


def test_report_takes_the_arguments_of_its_own_module(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["report", str(tmp_path), "--list"]) == 2
    assert "there is no evidence store" in capsys.readouterr().err
    with pytest.raises(SystemExit) as done:
        main(["report", "--help"])
    assert done.value.code == 0
    assert "list the runs that left records" in capsys.readouterr().out


# -- the table itself ------------------------------------------------------------------------------


def rho(value: float | None, low: float = -0.5, high: float = 0.5) -> Measurement:
    if value is None:
        return Measurement(name="rho", unit="rho", reason="constant")
    return Measurement(name="rho", unit="rho", value=value, low=low, high=high)


def bridge_with(**parts: object) -> Bridge:
    one = Association(
        hypothesis=Hypothesis(
            predictor="a_predictor_with_a_name_far_longer_than_its_column", outcome="rate"
        ),
        standing="between-model only",
        words="words " * 30,
        pooled=rho(-1.0, -1.0, -1.0),
        clustered=rho(None),
        within=rho(None),
        adjusted=rho(None),
        holm=2.9e-100,
    )
    return Bridge(name="any", associations=(one,), collinear=(rho(None),), **parts)  # type: ignore[arg-type]


def test_no_line_is_wider_than_the_terminal_and_nothing_is_cut() -> None:
    shown = bridge_text(bridge_with(counts=("count " * 30,), deviations=("d " * 90,)))
    assert max(map(len, shown.splitlines())) <= WIDTH
    name = "".join(line[:23].strip() for line in shown.splitlines()[5:8])
    assert name == "a_predictor_with_a_name_far_longer_than_its_column"
    assert text_of(shown).count("count") >= 30


def test_what_is_absent_is_called_absent_and_a_tiny_p_keeps_its_size() -> None:
    shown = bridge_text(bridge_with())
    assert "3e-100" in shown
    assert "absent" in shown.splitlines()[5]
    assert "collinear: rho: absent (constant)" in shown


def test_a_bridge_without_associations_says_why() -> None:
    shown = bridge_text(Bridge(name="session", reason="7 more unique predictors are needed"))
    assert "no association: 7 more unique predictors are needed" in shown
    assert "hypothesis" not in shown.splitlines()[2]
