from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING
from unicodedata import combining

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_promptchaos.records import Outcome
from pytest_promptchaos.report.legible import legible
from pytest_promptchaos.report.terminal import ROWS_PER_MODEL, WIDEST, summary_lines
from report.answers import answer_records
from report.bridges import bridge_records
from report.conftest import pair, record, run_records, verdict
from report.dynamics import dynamics_records, system
from report.neighborhoods import neighborhood_records

if TYPE_CHECKING:
    from pytest_promptchaos.records import Record, Verdict

TABLE = """\
small: 1 failed, 1 inconclusive, 1 expected failure, 1 passed
  outcome           check                                 value                 limit         n
  FAILED            test_dune: stable_neighborhood(dune)  0.214 [0.151, 0.283]  at most 0.15  6 of 9
                    worst: doubled the space after 'book'
  INCONCLUSIVE      test_close: stable_neighborhood(d...  0.139 [0.092, 0.187]  at most 0.15  6 of 9
                    worst: doubled the space after 'book'
  expected failure  test_demo: stable_neighborhood: demo  0.214 [0.151, 0.283]  at most 0.15  6 of 9
  passed            test_dune: ftle(dune)                 0.120 [0.100, 0.140]  at most 0.25  10
large: 1 invalid, 2 passed
  outcome  check                                      value                 limit         n
  INVALID  test_collapsed: stable_neighborhood(dune)  0 [0, 0]              at most 0.15  6 of 9
           control failed: positive control
  passed   test_depth: ftle(dune)                     0.048 [0.028, 0.068]  at most 0.25  10
  passed   test_large: stable_neighborhood(dune)      0.041 [0.021, 0.069]  at most 0.15  6 of 9
n: how many entered the value, of all that were tried
ERROR tests/test_books.py::test_worker: worker 'gw1' crashed
63 runs measured, 21 reused from the evidence store
report: /tmp/report.html"""


def text(*records: Record, width: int = 100) -> str:
    return "\n".join(line.text for line in summary_lines(records, width=width))


def test_a_whole_run_reads_as_a_table_per_model(records: tuple[Record, ...]) -> None:
    lines = summary_lines(records, written={"report": "/tmp/report.html"})
    assert "\n".join(line.text for line in lines) == TABLE


DYNAMICS = """\
small: 1 failed, 2 passed
  outcome  check                                   value                    limit         n
  FAILED   test_depth: ftle(dune)                  0.281 [0.261, 0.301]     at most 0.25  10
  passed   shape: depth_profile, profile_variance  0.420 [0.390, 0.450]     at most 1     10
  passed   shape: depth_profile, profile_slope     -0.190 [-0.200, -0.180]  -0.5 to 0     10
deep: 1 passed
  outcome  check                  value                      limit         n
  passed   test_deep: ftle(dune)  -9.62e-05 [-0.020, 0.020]  at most 0.25  10
known systems: 1 failed, 2 passed
  outcome  check               value                 limit           n
  FAILED   henon: system       0.904 [0.896, 0.912]  0.886 to 0.926  20
  passed   lorenz: system      0.904 [0.896, 0.912]  0.886 to 0.926  20
  passed   tanh_sweep: system  0.904 [0.896, 0.912]  0.886 to 0.926  20
36 runs measured, 12 reused from the evidence store"""


def test_limits_of_a_profile_and_known_systems_have_their_rows() -> None:
    assert text(*dynamics_records()) == DYNAMICS


DIAGNOSED = """\
tiny-chat float32: 1 failed
  outcome  check                                   value                 limit         n
  FAILED   test_nearby: stable_neighborhood(dune)  0.214 [0.151, 0.283]  at most 0.15  6 of 9
           sensitive; worst: doubled the space after 'book'
tiny-chat bfloat16: 1 passed
  outcome         check                                   value                 limit         n
  passed, robust  test_nearby: stable_neighborhood(dune)  0.041 [0.021, 0.069]  at most 0.15  6 of 9
sensitive: small edits that change no meaning move the answers
n: how many entered the value, of all that were tried
18 runs measured, 6 reused from the evidence store"""


def test_a_diagnosis_is_named_at_its_verdict_and_explained_once() -> None:
    assert text(*neighborhood_records()[:2]) == DIAGNOSED


def test_a_diagnosis_is_told_in_a_narrow_terminal_too() -> None:
    seen = text(neighborhood_records()[0], width=60)
    assert "    sensitive; worst: doubled the space after 'book'" in seen.splitlines()


BRIDGED = """\
between-model only: the association is large over all rows and absent inside the models or
  conditions: it says that they differ, not that depth goes with behavior
sign conflict: the association has one sign over all rows and the other inside the models or
  conditions: the pooled number misleads
weak: the pooled rule does not hold: too small, or not told from chance
published pair: 720 of 724 rows, 108 unique predictor rows, 108 clusters, 4 strata
724 rows of depth and 720 of collapse: 720 merged, 4 and 0 without a partner
preregistered: sha256 9f9f9f9f9f9f9f9f9f9f9f9f9f9f9f9f9f9f9f9f9f9f9f9f9f9f9f9f9f9f9f9f
deviation: censor: last instead of after, because the published protocol does so
depth and behavior, pooled over 3 models: 1 between-model only, 1 sign conflict; 36 of 36 rows, 36
  unique predictor rows, 36 clusters, 3 strata
depth and behavior, small: 4 prompts with depth of their own, 10 are needed: 6 are missing
54 runs measured, 18 reused from the evidence store"""


def test_bridges_are_explained_once_with_what_they_rest_on() -> None:
    assert text(*bridge_records()).endswith(BRIDGED)


def test_a_hypothesis_and_its_standing_are_told_in_full_beneath_its_verdict() -> None:
    lines = text(*bridge_records()).splitlines()
    told, rests = " ".join(" ".join(lines).split()), "n 108 unique of 720 rows"
    assert f" layerwise_variance_mean x collapse_rate: between-model only; {rests} " in told
    assert f" profile_slope_mean x first_collapse_turn: supported; {rests} " in told
    assert [line.split()[:2] for line in lines if "supported  " in line] == [
        ["passed,", "supported"]
    ]


def searched(prompt: str) -> Verdict:
    return verdict(id="worst-4", settings={"prompts": prompt})


@pytest.mark.parametrize("width", [60, 84, 120])
def test_rows_of_one_name_are_told_by_their_prompts_first(width: int) -> None:
    seen = text(record(searched("fr"), searched("wall"), node="worst-4"), width=width)
    assert "worst-4, fr: stable_ne" in seen
    assert "worst-4, wall: stable_ne" in seen


def test_one_row_of_a_name_needs_no_prompts() -> None:
    assert "worst-4: stable_neighborhood" in text(record(searched("fr"), node="worst-4"))


def test_a_count_is_explained_only_where_it_leaves_something_out() -> None:
    whole = replace(verdict().measurement, n=6, effective_n=6)
    assert "n: how many" in text(record(verdict()))
    assert "n: how many" not in text(record(verdict(measurement=whole)))


def test_an_invalid_verdict_names_its_control_in_place_of_an_open_diagnosis() -> None:
    failed = replace(verdict().controls[2], state="failed")
    voided = verdict(Outcome.INVALID, diagnosis="undecided", controls=(failed,))
    seen = text(record(voided))
    assert "control failed: positive control" in seen
    assert "undecided" not in seen
    assert "undecided" in text(record(verdict(Outcome.INCONCLUSIVE, diagnosis="undecided")))


def test_where_no_model_was_asked_no_runs_are_counted() -> None:
    assert text(record(system())).splitlines()[0] == "known systems: 1 passed"
    assert "runs measured" not in text(record(system()))


def test_colour_follows_the_outcome_and_never_stands_alone() -> None:
    lines = {line.text.split()[0]: line.markup for line in summary_lines(run_records())}
    assert (lines["FAILED"], lines["passed"]) == ({"red": True}, {"green": True})
    assert (lines["INCONCLUSIVE"], lines["INVALID"]) == ({"yellow": True}, {"purple": True})


def test_nothing_measured_is_nothing_to_say() -> None:
    assert summary_lines([]) == []


def test_an_absent_value_shows_its_reason() -> None:
    absent = replace(verdict().measurement, value=None, low=None, high=None, reason="no embedder")
    invalid = verdict(Outcome.INVALID, measurement=absent, worst=None)
    assert "not measured" in text(record(invalid))
    assert "no embedder" in text(record(invalid))


def test_many_verdicts_are_cut_with_their_count() -> None:
    passed = [verdict(Outcome.PASSED, id=str(n)) for n in range(ROWS_PER_MODEL + 5)]
    seen = text(record(verdict(), *passed))
    assert "and 6 more: 6 passed" in seen
    assert "FAILED" in seen


@pytest.mark.parametrize("width", [40, 60, 83, 84, 100, 120, 400])
def test_no_line_is_wider_than_the_terminal(width: int) -> None:
    lines = summary_lines(run_records(), width=width)
    assert max(len(line.text) for line in lines) <= min(width, WIDEST)


@given(st.text(), st.integers(40, 120))
@settings(deadline=None)
def test_any_text_stays_on_its_line(words: str, width: int) -> None:
    told = pair(("format", "odd", words, "a"), 0.5)
    said = verdict(id=words, pairs=(told,), worst=told.neighbor_id)
    for line in summary_lines([replace(record(said), message=words)], width=width):
        # A combining mark takes no column of its own.
        assert sum(not combining(letter) for letter in line.text) <= width
        assert legible(line.text) == line.text
        assert not {"\n", "\t"} & set(line.text)


def test_wide_characters_count_as_two_columns() -> None:
    told = verdict(id="文" * 200)
    line = summary_lines([record(told)], width=100)[2].text
    assert len(line) + line.count("文") <= 100


def test_a_place_is_never_cut() -> None:
    place = "/very/long/" + "x" * 200 + "/report.html"
    lines = summary_lines(run_records(), width=60, written={"report": place})
    assert lines[-1].text == f"report: {place}"


def test_a_table_that_was_read_is_no_run() -> None:
    read = verdict(runs_measured=0, runs_reused=0)
    assert "runs measured" not in text(record(read))


def test_an_unexpected_pass_says_that_a_failure_was_expected() -> None:
    seen = text(record(verdict(Outcome.PASSED, expect="failed", worst=None)))
    assert "UNEXPECTED PASS" in seen
    told = "expected to fail: the limit no longer shows a failure: move it, or drop expect: failed"
    assert told in " ".join(seen.split())


@pytest.mark.parametrize("width", [40, 80])
def test_an_interruption_is_told_to_its_end(width: int) -> None:
    message = "interrupted after 3 of 24 conversations; they are kept, the next run goes on from"
    stopped = replace(record(status="interrupted"), message=f"{message} there")
    assert f"{message} there" in " ".join(text(stopped, width=width).split())


def test_rho_has_its_sign_and_n_counts_unique_predictors() -> None:
    lines = text(*bridge_records()).splitlines()
    (row,) = [place for place, line in enumerate(lines) if "-0.536 [-0.696, -0.376]" in line]
    assert "|rho| at least 0.4  108 unique" in lines[row]
    assert lines[row + 1].strip() == (
        "profile_slope_mean x collapse_rate: sign conflict; n 108 unique of 720 rows"
    )


def test_the_summary_is_the_same_in_whatever_order_workers_finish() -> None:
    records = run_records()
    assert text(*records) == text(*reversed(records))


def test_the_worst_contradiction_stands_beneath_a_failure() -> None:
    told = "\n".join(line.text for line in summary_lines(answer_records(), width=120))
    assert "test_answers: consistent_answers(cardiomegaly, pleural effusion)" in told
    assert (
        "worst: p03.png, pleural effusion: yes to 'Is there pleural effusion?' and yes to" in told
    )
    assert max(map(len, told.splitlines())) <= 120
