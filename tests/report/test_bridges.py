"""Bridges: which association a verdict judges, how the heatmap shades, what the lines say."""

from __future__ import annotations

from dataclasses import replace
from typing import get_args

import pytest

from pytest_promptchaos.records import Bridge, Measurement, Standing
from pytest_promptchaos.report.bridges import (
    STANDINGS,
    association_of,
    bridge_view,
    counted,
    facts_words,
    family_lines,
    judged_bridges,
    session_bridges,
    shown,
    shown_limit,
    shown_value,
    standing,
    standing_line,
    standing_meaning,
    standings_words,
    summary_words,
)
from report.bridges import (
    FAMILY,
    MEAN,
    RATE,
    SLOPE,
    VARIANCE,
    bridge,
    bridge_records,
    bridge_verdicts,
    rho,
)
from report.bridges import session_bridges as made_bridges
from report.conftest import record, verdict


def test_every_standing_has_a_meaning() -> None:
    assert set(STANDINGS) == set(get_args(Standing))
    assert all(standing_line(name).startswith(f"{name}: ") for name in STANDINGS)
    assert standing_meaning(None) == standing_line(None) == ""


def test_a_family_of_verdicts_is_one_bridge_again() -> None:
    assert [len(one.bridge.associations) for one in bridge_verdicts() if one.bridge] == [1] * 6
    assert judged_bridges(bridge_records()) == (bridge(),)
    assert session_bridges(bridge_records()) == made_bridges()


def test_bridges_on_other_rows_stay_apart() -> None:
    other = replace(bridge(count=0), rows=500)
    records = [record(*bridge_verdicts(bridge(count=0))), record(*bridge_verdicts(other))]
    assert judged_bridges(records) == (bridge(count=0), other)


def test_a_verdict_judges_the_hypothesis_that_it_names() -> None:
    found = [standing(one) for one in bridge_verdicts()]
    assert found == [one[4] for one in FAMILY]


def test_a_hypothesis_may_be_named_in_the_id_or_the_measurement() -> None:
    name = f"{SLOPE} x {RATE}"
    told = Measurement(name=f"|rho| of {name}", unit="", value=0.5)
    for one in (
        verdict(bridge=bridge(count=0), id=f"bridge({name})"),
        verdict(bridge=bridge(count=0), measurement=told),
    ):
        found = association_of(one)
        assert found is not None
        assert found.hypothesis.name == name


def test_a_longer_name_is_not_taken_for_a_shorter_one() -> None:
    short, long = bridge(count=0).associations[:2]
    longer = replace(long, hypothesis=replace(long.hypothesis, outcome=f"{RATE}_late"))
    both = replace(bridge(count=0), associations=(short, longer))
    one = verdict(bridge=both, id=f"bridge({MEAN} x {RATE}_late)")
    assert association_of(one) == longer


def test_a_verdict_that_names_none_judges_none_unless_there_is_one() -> None:
    assert association_of(verdict()) is None
    assert association_of(verdict(bridge=bridge(count=0))) is None
    alone = replace(bridge(count=0), associations=bridge(count=0).associations[:1])
    assert association_of(verdict(bridge=alone)) == alone.associations[0]


def test_the_heatmap_has_a_row_per_predictor_and_a_column_per_outcome() -> None:
    view = bridge_view(bridge(count=0))
    assert view.outcomes == ("collapse_rate", "first_collapse_turn", "has_collapse")
    assert [row.predictor for row in view.rows] == [MEAN, VARIANCE, SLOPE]
    assert [[cell is None for cell in row.cells] for row in view.rows] == [
        [False, False, False],
        [False, True, True],
        [False, False, True],
    ]


def test_a_shade_tells_sign_and_strength_pooled_and_within() -> None:
    cell = bridge_view(bridge(count=0)).rows[2].cells[0]
    assert cell is not None
    assert (cell.pooled, cell.within) == ("n4", "s1")
    absent = replace(
        cell.association,
        pooled=rho("pooled", -1.0),
        within=Measurement(name="within", unit="", reason="one stratum"),
    )
    (row,) = bridge_view(Bridge(name="a", associations=(absent,))).rows
    assert row.cells[0] is not None
    assert (row.cells[0].pooled, row.cells[0].within) == ("n8", "none")


def test_unique_predictor_rows_are_always_told() -> None:
    assert facts_words(bridge(count=0)) == (
        "720 of 724 rows, 108 unique predictor rows, 108 clusters, 4 strata"
    )
    assert facts_words(Bridge(name="a", given=1, rows=1, unique=1, strata=("x",))) == (
        "1 of 1 row, 1 unique predictor row, 1 stratum"
    )


def test_standings_are_counted_what_is_supported_first() -> None:
    assert standings_words(bridge(count=0)) == (
        "1 supported, 1 between-model only, 1 sign conflict, 3 weak"
    )
    assert standings_words(Bridge(name="a")) == ""


def test_a_family_reads_line_by_line_pooled_beside_within() -> None:
    lines = list(family_lines(bridge(count=0)))
    assert lines[3] == (
        f"{VARIANCE} x {RATE}: between-model only; pooled rho 0.511 [0.441, 0.581] "
        "(published rule holds), within the strata 0.012 [-0.088, 0.112]"
    )
    assert lines[6].startswith("published pair: 720 of 724 rows, 108 unique")
    assert lines[-2] == "preregistered: sha256 " + "9f" * 32
    assert lines[-1].startswith("deviation: censor: last instead of after")


def test_too_few_predictors_are_told_in_place_of_a_number() -> None:
    pooled, few = made_bridges()
    assert summary_words(few) == (
        "depth and behavior, small: 4 prompts with depth of their own, 10 are needed: 6 are missing"
    )
    assert next(family_lines(few)) == few.reason
    assert summary_words(pooled).startswith(
        "depth and behavior, pooled over 3 models: 1 between-model only, 1 sign conflict; 36 of 36"
    )


def test_rho_is_shown_with_its_sign_though_it_is_judged_without() -> None:
    found = bridge_verdicts()[4]
    one = shown(found)
    assert (shown_value(found), shown_limit(found)) == ("-0.536", "|rho| at least 0.4")
    assert (one.low, one.high) == pytest.approx((-0.696, -0.376))
    assert one.name == f"rho of {SLOPE} x {RATE}"
    assert counted(found) == "108 unique of 720 rows"


def test_what_is_no_association_is_shown_as_it_was_judged() -> None:
    plain = verdict()
    assert (shown(plain), shown_limit(plain)) == (plain.measurement, "at most 0.15")
    assert counted(plain) == ""


def voided() -> Bridge:
    one = bridge(count=0).associations[0]
    absent = Measurement(name="pooled", unit="", reason="constant")
    told = replace(one, standing="invalid", words="collapse_rate is constant", pooled=absent)
    return replace(bridge(count=0), associations=(told,))


def test_what_the_table_cannot_tell_comes_with_its_reason_and_no_mark() -> None:
    line = next(family_lines(voided()))
    assert line == f"{MEAN} x {RATE}: invalid; collapse_rate is constant"
    assert summary_words(voided()).endswith("; invalid: collapse_rate is constant")


def test_over_one_stratum_rho_is_told_once_with_what_is_open() -> None:
    single = replace(bridge(count=0), strata=("HOMO_A",))
    line = list(family_lines(single))[3]
    assert "within the strata" not in line.partition(" (published rule holds)")[0]
    assert line.startswith(
        f"{VARIANCE} x {RATE}: between-model only; rho 0.511 [0.441, 0.581] "
        "(published rule holds); pooled +0.511"
    )
