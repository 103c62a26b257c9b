from __future__ import annotations

from dataclasses import replace

from pytest_promptchaos.records import Outcome, Verdict
from pytest_promptchaos.report.ledger import DIGITS, Entry, Ledger, ledger
from pytest_promptchaos.report.overview import judged
from report.conftest import pairs, record, verdict
from report.neighborhoods import in_depth, neighbors


def of(*verdicts: Verdict) -> Ledger:
    found = ledger(judged([record(*verdicts)]))
    assert found is not None
    return found


def entry(found: Ledger, edit: str) -> Entry:
    (only,) = [one for one in found.entries if one.edit == edit]
    return only


def test_a_run_without_neighbors_has_no_ledger() -> None:
    assert ledger(judged([record(verdict(pairs=()))])) is None


def test_every_neighbor_has_its_origin_reviewer_and_hash() -> None:
    found = of(in_depth())
    assert len(found.entries) == len(neighbors(0))
    assert entry(found, "asked in other words") == Entry(
        prompt_id="dune",
        edit="asked in other words",
        rung="paraphrase",
        target="",
        origin="authored",
        certified="effective",
        reviewer="R. Reader",
        counts="yes",
        sha256="07c407c407c4",
    )
    assert {len(one.sha256) for one in found.entries} == {DIGITS}


def test_what_does_not_count_comes_first() -> None:
    first = [(one.edit, one.counts) for one in of(in_depth()).entries[:4]]
    assert first == [
        ("asked what else to read", "never: nobody reviewed it"),
        ("added a space at the end", "no"),
        ("added a newline at the end", "no"),
        ("doubled the space after 'book'", "yes"),
    ]


def test_a_neighbor_that_several_checks_and_models_share_stands_once() -> None:
    both = of(in_depth(), in_depth(id="again"), in_depth(Outcome.PASSED, seed=1))
    assert both.entries == of(in_depth()).entries
    assert len(both.counts) == 2 * len(of(in_depth()).counts)


def test_models_that_see_another_prompt_are_named() -> None:
    first = pairs(1.0)[0]
    lost = replace(first, certification="erased", distances={}, branch=None)
    found = of(verdict(pairs=(first,)), verdict(name="large", pairs=(lost,)))
    (only,) = found.entries
    assert only.certified == "effective for small; erased for large"
    assert only.counts == "for some models"


def test_a_systems_own_certification_stands_before_that_of_its_reference() -> None:
    first = pairs(1.0)[0]
    lost = replace(first, certification="erased", distances={}, branch=None)
    compared = verdict(check="no_drift", pairs=(first,))
    for order in ((compared, verdict(pairs=(lost,))), (verdict(pairs=(lost,)), compared)):
        assert of(*order).entries[0].certified == "erased"


def test_a_control_counts_as_a_control() -> None:
    same = replace(pairs(1.0)[0], rung="identical", certification="identical", sha256="c4" * 32)
    assert of(verdict(pairs=(same,))).entries[0].counts == "as a control"


def test_a_prompt_as_it_was_asked_is_no_edit() -> None:
    asked = replace(pairs(1.0)[0], rung="identical", certification="identical")
    compared = verdict(check="no_drift", pairs=(asked, pairs(1.0)[1]))
    assert [one.edit for one in of(compared).entries] == ["added a newline at the end"]


def test_the_effective_n_drops_by_what_is_erased_twin_or_unreviewed() -> None:
    counts = {one.rung: one for one in of(in_depth()).counts}
    assert list(counts) == ["format", "punctuation", "synonym", "paraphrase", "positive_control"]
    of_format, of_paraphrase = counts["format"], counts["paraphrase"]
    assert (of_format.neighbors, of_format.effective) == (5, 3)
    assert (of_format.erased, of_format.duplicates) == (1, 1)
    assert (of_paraphrase.neighbors, of_paraphrase.effective) == (2, 1)
    assert of_paraphrase.unreviewed == 1
    for one in counts.values():
        lost = one.erased + one.duplicates + one.unreviewed
        assert one.effective == one.neighbors - lost
