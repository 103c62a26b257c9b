"""Self-play and bridges on the page: what a reader finds, and where."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from pytest_promptchaos.records import Measurement, Outcome
from pytest_promptchaos.report.html import page
from pytest_promptchaos.report.reliability import UNLABELED
from report.bridges import bridge, bridge_records, bridge_verdicts, session_record
from report.conftest import HOSTILE, record, verdict
from report.conversations import brief, collapse_records, counted, in_full, timeline
from report.markup import HTML, parsed, section, with_class, words

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element


@pytest.fixture(scope="module")
def tree() -> Element:
    return parsed(page((*collapse_records(seeds=12, repeats=2, turns=20), *bridge_records())))


def rows_of(table: Element) -> list[str]:
    return [words(row) for row in table.iter(f"{HTML}tr")]


# -- order -----------------------------------------------------------------------------------------


def test_failures_come_first_then_self_play_bridges_and_the_session(tree: Element) -> None:
    found = [one.get("id") for one in tree.iter(f"{HTML}section")]
    assert found[:5] == ["attention", "others", "selfplay", "bridges", "session"]
    links = [one.get("href") for one in next(tree.iter(f"{HTML}nav")).iter(f"{HTML}a")]
    assert links == [f"#{name}" for name in found]


def test_a_page_without_conversations_and_bridges_has_none_of_it() -> None:
    ids = {one.get("id") for one in parsed(page([record(verdict(curves=()))])).iter()}
    assert not ids & {"selfplay", "bridges", "session"}


# -- self-play -------------------------------------------------------------------------------------


def test_conditions_stand_side_by_side_with_their_intervals(tree: Element) -> None:
    (table,) = with_class(section(tree, "selfplay"), "table", "sticky")
    head, first, *_ = rows_of(table)
    assert head.split()[1::3] == ["HETERO_ROT", "HOMO_A", "HOMO_B", "HOMO_C"]
    assert first.startswith("collapse incidence share of conversations with a collapsed turn")
    assert first.count("[") == 4 + 2
    assert first.count("drift=both:") == 4
    assert first.count("drift=both: the same") == 2
    assert "not measured: no conversation collapsed a second time" in words(table)


def test_every_picture_has_a_table_beside_it(tree: Element) -> None:
    figures = list(section(tree, "selfplay").iter(f"{HTML}figure"))
    assert len(figures) == 1 + 2 + 1 + 4
    for figure in figures:
        (folded, *_) = figure.iter(f"{HTML}details")
        assert list(folded.iter(f"{HTML}td"))


def test_a_stopped_conversation_is_counted_with_its_reason(tree: Element) -> None:
    seen = words(section(tree, "selfplay"))
    assert "2 conversations stopped early, such as turn" in seen


def test_the_most_collapsed_conversations_are_folded_with_their_turns_marked(tree: Element) -> None:
    (first, *_) = with_class(section(tree, "selfplay"), "details", "transcript")
    assert first.get("open") is None
    turns = list(first.iter(f"{HTML}li"))
    marked = [one for one in turns if one.get("class") == "collapsed"]
    assert marked
    assert all("collapsed" in words(one) and "s1 0.990" in words(one) for one in marked)


def test_reliability_keeps_labels_raters_and_detectors_apart(tree: Element) -> None:
    panels = with_class(section(tree, "selfplay"), "div", "agreement")
    assert len(panels) == 1 + 1 + 4
    counts = with_class(panels[1], "table", "counts")[0]
    assert words(counts).startswith("180 things, by what both say rater 2: collapsed not rater 1:")
    heads = [words(one) for one in with_class(section(tree, "selfplay"), "h5", "labeled")]
    assert heads[1] == "HOMO_A · 180 things labeled by both"
    (numbers,) = with_class(panels[1], "table", "statistics")
    assert rows_of(numbers)[1].startswith("Cohen's kappa")
    assert "0.566" in rows_of(numbers)[1]
    assert len(rows_of(numbers)) == 7


def test_an_absent_statistic_wraps_and_an_absent_interval_is_explained() -> None:
    one = counted("raters", "ann", "bob", (5, 1, 1, 5))
    told = "no interval: all 12 turns are of one seed prompt and depend on each other"
    bare = replace(
        one,
        kappa=replace(one.kappa, low=None, high=None, interval=told),
        negative=Measurement(name="negative", unit="", reason="neither calls anything collapsed"),
    )
    tree = parsed(page([record(replace(brief("HOMO_A"), agreements=(bare,)))]))
    (numbers,) = with_class(tree, "table", "statistics")
    assert told in rows_of(numbers)[1]
    (absent,) = with_class(numbers, "td", "wide")
    assert words(absent) == "not measured: neither calls anything collapsed"
    (head,) = with_class(tree, "h5", "labeled")
    assert words(head) == "HOMO_A · 12 turns labeled by both"


def test_where_there_are_no_labels_the_page_says_so(tree: Element) -> None:
    assert UNLABELED not in words(section(tree, "selfplay"))
    bare = parsed(page([record(replace(brief("HOMO_A"), curves=()))]))
    assert UNLABELED in words(section(bare, "selfplay"))


def test_a_verdict_leads_to_its_conversations(tree: Element) -> None:
    cards = with_class(section(tree, "attention"), "article", "card")
    card = next(one for one in cards if "no_collapse" in words(one))
    assert "24 conversations; timelines, curves, transcripts" in words(card)
    assert "#selfplay" in {one.get("href") for one in card.iter(f"{HTML}a")}


def test_hostile_conversations_are_only_text() -> None:
    said = replace(
        in_full(timeline("HOMO_A", 0, 0)),
        condition=HOSTILE,
        seed_id=HOSTILE,
        bucket=HOSTILE,
        stopped=HOSTILE,
        texts=(HOSTILE,) * 3,
        speakers=("a", HOSTILE, "b"),
    )
    made = parsed(page([record(replace(brief("HOMO_A"), timelines=(said,)))]))
    tags = {str(one.tag).rpartition("}")[2] for one in made.iter()}
    assert not tags & {"script", "img", "iframe", "object", "embed", "form"}
    (told,) = with_class(made, "details", "transcript")
    assert words(told).count("</script><img src=x onerror=") >= 3


# -- bridges ---------------------------------------------------------------------------------------


def test_between_model_only_jumps_to_the_eye(tree: Element) -> None:
    (table, *_) = with_class(section(tree, "bridges"), "table", "bridge")
    (cell,) = with_class(table, "td", "between-model-only")
    assert words(cell) == ("pooled 0.511 ✓ published rule within strata 0.012 between-model only")
    (chip,) = with_class(cell, "span", "chip")
    assert chip.get("title", "").startswith("the association is large over all rows and absent")
    pooled, within = with_class(cell, "p", "rho")
    assert (pooled.get("class"), within.get("class")) == ("rho s4", "rho s0")


def test_a_bridge_says_what_it_rests_on_and_what_was_changed(tree: Element) -> None:
    seen = words(section(tree, "bridges"))
    assert "720 of 724 rows, 108 unique predictor rows, 108 clusters, 4 strata" in seen
    assert "724 rows of depth and 720 of collapse: 720 merged, 4 and 0 without a partner" in seen
    assert "Preregistered: sha256 " + "9f" * 32 in seen
    assert "Changed after it was preregistered censor: last instead of after" in seen
    assert "layerwise_variance_mean and profile_slope_mean -0.910" in seen


def test_a_plan_that_was_kept_says_so() -> None:
    kept = tuple(
        replace(one, bridge=replace(one.bridge, deviations=()))
        for one in bridge_verdicts()
        if one.bridge is not None
    )
    assert "Nothing was changed since." in words(section(parsed(page([record(*kept)])), "bridges"))


def test_all_numbers_of_a_hypothesis_stand_in_its_table(tree: Element) -> None:
    tables = [
        table
        for table in section(tree, "bridges").iter(f"{HTML}table")
        if words(table).startswith("How Value and interval")
    ]
    assert len(tables) == 6
    seen = rows_of(tables[3])
    assert seen[1].startswith("pooled, rows resampled 0.511 [0.441, 0.581]")
    assert seen[3].startswith("within strata, permuted inside them 0.012")
    assert len(seen) == 1 + 4 + 4 + 2


def test_a_verdict_of_a_bridge_wears_its_standing(tree: Element) -> None:
    cards = with_class(section(tree, "attention"), "article", "card")
    (card,) = [one for one in cards if "layerwise_variance_mean" in words(next(iter(one)))]
    assert words(with_class(card, "span", "chip")[0]) == "between-model only"
    (told, *_) = with_class(card, "p", "diagnosis")
    assert words(told).startswith("standing between-model only : the association is large")
    assert "720 of 724 rows, 108 unique predictor rows" in words(card)


def test_the_session_says_how_many_predictors_are_missing(tree: Element) -> None:
    seen = words(section(tree, "session"))
    assert "pooled over 3 models 36 of 36 rows" in seen
    assert "small 4 prompts with depth of their own, 10 are needed: 6 are missing" in seen
    assert "nothing here fails a test" in seen


def test_a_session_alone_is_no_failure() -> None:
    made = parsed(page([session_record()]))
    assert words(next(made.iter(f"{HTML}h1"))) == "No verdicts"
    assert len(with_class(section(made, "session"), "table", "bridge")) == 1


def test_a_bridge_without_a_picture_has_no_heading_for_it_and_says_how_many() -> None:
    many = tuple(bridge(f"bridge {place}", count=2) for place in range(4))
    made = section(parsed(page([replace(session_record(), bridges=many)])), "session")
    heads = [words(one) for one in made.iter(f"{HTML}h4")]
    assert heads.count("Every row, by stratum, with a line inside each") == 3
    assert "6 scatters of this bridge, with 48 curves, are in promptchaos-records.json" in words(
        made
    )


def test_over_one_stratum_a_cell_holds_one_number() -> None:
    single = replace(bridge(count=0), strata=("HOMO_A",))
    made = section(parsed(page([replace(session_record(), bridges=(single,))])), "session")
    (cell,) = with_class(made, "td", "between-model-only")
    assert words(cell) == "one stratum 0.511 ✓ published rule between-model only"
    assert "whether it holds for other models or conditions is open" in words(made)


def test_what_the_table_cannot_tell_is_told_and_has_no_mark() -> None:
    one = bridge(count=0).associations[0]
    absent = Measurement(name="pooled", unit="", reason="constant")
    told = replace(
        one, standing="invalid", words="collapse_rate is constant", pooled=absent, within=absent
    )
    voided = replace(bridge(count=0), associations=(told,))
    made = section(parsed(page([replace(session_record(), bridges=(voided,))])), "session")
    (cell,) = with_class(made, "td", "invalid")
    assert "published rule" not in words(cell)
    (notes,) = with_class(made, "dl", "meanings")
    assert "collapse_rate is constant" in words(notes)


def test_a_card_of_a_bridge_shows_the_sign_and_the_unique_predictors(tree: Element) -> None:
    cards = with_class(section(tree, "attention"), "article", "card")
    (card,) = [one for one in cards if "profile_slope_mean x coll" in words(next(iter(one)))]
    assert "rho of profile_slope_mean x collapse_rate -0.536" in words(card)
    assert "limit |rho| at least 0.4 n 108 unique of 720 rows" in words(card)
    assert "Without its sign, |rho|:" in words(card)


def test_a_card_says_that_a_failure_was_expected_and_what_to_do() -> None:
    passed = replace(
        brief("HOMO_A", Outcome.PASSED),
        expect="failed",
        explanation="It holds.\n\nnext:\n  nothing; the margin above says how much room is left",
    )
    made = section(parsed(page([record(passed)])), "attention")
    assert "expected to fail , and it passed" in words(made)
    (told,) = with_class(made, "p", "next")
    assert words(told) == "the limit no longer shows a failure: move it, or drop expect: failed"
    assert "nothing; the margin" not in words(made)
