from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from pytest_promptchaos.records import Outcome
from pytest_promptchaos.report.diagnosis import diagnosis_line, explained
from pytest_promptchaos.report.junit import junit_xml, write_junit
from pytest_promptchaos.report.legible import legible
from report.answers import answer_records
from report.bridges import bridge_records, bridge_verdicts, session_record
from report.conftest import HOSTILE, record, run_records, verdict
from report.dynamics import dynamics_records
from report.neighborhoods import neighborhood_records

if TYPE_CHECKING:
    from pytest_promptchaos.records import Record

SCHEMA = etree.XMLSchema(etree.parse(Path(__file__).with_name("xunit2.xsd")))


def only_case(one: Record) -> ElementTree.Element:
    found = ElementTree.fromstring(junit_xml([one])).find("testsuite/testcase")
    assert found is not None
    return found


def test_a_whole_run_is_valid(records: tuple[Record, ...]) -> None:
    SCHEMA.assertValid(etree.fromstring(junit_xml(records).encode()))
    SCHEMA.assertValid(etree.fromstring(junit_xml(()).encode()))


def test_depth_and_systems_are_valid_and_no_two_cases_share_a_name() -> None:
    document = junit_xml(dynamics_records())
    SCHEMA.assertValid(etree.fromstring(document.encode()))
    root = ElementTree.fromstring(document)
    assert [suite.get("name") for suite in root] == ["known systems", "small", "deep"]
    names = [(case.get("classname"), case.get("name")) for case in root.iter("testcase")]
    assert len(names) == len(set(names)) == 7


@pytest.mark.parametrize(
    "spoil",
    [
        ("<testcase ", '<testcase file="a.py" '),
        ("</testcase>", "<properties/></testcase>"),
        ('tests="', 'tests="-'),
        ("failure ", 'failure lang="en" '),
    ],
)
def test_the_schema_refuses_what_consumers_reject(
    records: tuple[Record, ...], spoil: tuple[str, str]
) -> None:
    spoilt = junit_xml(records).replace(*spoil)
    assert not SCHEMA.validate(etree.fromstring(spoilt.encode()))


def test_a_suite_per_model_and_a_case_per_verdict(records: tuple[Record, ...]) -> None:
    root = ElementTree.fromstring(junit_xml(records))
    counts = {suite.get("name"): len(suite.findall("testcase")) for suite in root}
    assert counts == {"small": 4, "large": 3, "promptchaos": 1}
    assert {suite.get("name"): suite.get("tests") for suite in root} == {
        name: str(count) for name, count in counts.items()
    }
    totals = {key: sum(int(suite.get(key, "")) for suite in root) for key in ("failures", "errors")}
    assert {key: str(count) for key, count in totals.items()} == {
        key: root.get(key) for key in totals
    }


@pytest.mark.parametrize(
    ("outcome", "expect", "status", "element", "kind"),
    [
        (Outcome.PASSED, "passed", "passed", "system-out", None),
        (Outcome.FAILED, "passed", "failed", "failure", "failed"),
        (Outcome.INVALID, "passed", "failed", "error", "invalid"),
        (Outcome.INCONCLUSIVE, "passed", "failed", "failure", "inconclusive"),
        (Outcome.INCONCLUSIVE, "passed", "passed", "skipped", "inconclusive"),
        (Outcome.FAILED, "failed", "passed", "system-out", None),
        (Outcome.PASSED, "failed", "failed", "failure", "unexpected pass"),
    ],
)
def test_each_outcome_has_its_element(
    outcome: Outcome, expect: str, status: str, element: str, kind: str | None
) -> None:
    judged = verdict(outcome, expect=expect)
    (child,) = only_case(record(judged, status=status))
    assert (child.tag, child.get("type")) == (element, kind)
    told = "expected to fail, and it passed: " if kind == "unexpected pass" else ""
    assert child.get("message") == (None if kind is None else f"{told}{judged.sentence}")
    assert explained(judged) in (child.text or "")


def test_an_expected_failure_says_so() -> None:
    case = only_case(record(verdict(expect="failed"), status="passed"))
    assert (case.findtext("system-out") or "").startswith("expected failure: ")


@pytest.mark.parametrize(
    ("outcome", "status", "element"),
    [(Outcome.INVALID, "failed", "error"), (Outcome.PASSED, "passed", "system-out")],
)
def test_a_diagnosis_is_the_first_line_of_the_text(
    outcome: Outcome, status: str, element: str
) -> None:
    said = verdict(outcome, diagnosis="collapsed")
    text = only_case(record(said, status=status)).findtext(element) or ""
    assert text.splitlines()[0] == f"diagnosis: {diagnosis_line('collapsed')}"
    assert said.explanation in text


def test_a_diagnosis_that_a_failed_control_leaves_open_is_not_told() -> None:
    said = verdict(Outcome.INVALID, diagnosis="undecided")
    assert only_case(record(said)).findtext("error") == said.explanation


def test_cases_of_one_name_are_told_by_their_prompts() -> None:
    told = [verdict(id="worst", settings={"prompts": one}) for one in ("dune", "emma")]
    names = [
        case.get("name")
        for case in ElementTree.fromstring(junit_xml([record(*told)])).iter("testcase")
    ]
    assert names == [
        "test_dune[bundled:small]: stable_neighborhood: worst, dune",
        "test_dune[bundled:small]: stable_neighborhood: worst, emma",
    ]


def test_neighborhoods_in_depth_are_valid_and_their_systems_have_suites() -> None:
    document = junit_xml(neighborhood_records())
    SCHEMA.assertValid(etree.fromstring(document.encode()))
    names = {suite.get("name") for suite in ElementTree.fromstring(document)}
    assert names == {"tiny-chat float32", "tiny-chat float32 int8", "tiny-chat bfloat16"}


@pytest.mark.parametrize(
    ("status", "element"), [("error", "error"), ("interrupted", "error"), ("failed", "failure")]
)
def test_a_test_that_broke_off_is_a_case(status: str, element: str) -> None:
    (child,) = only_case(replace(record(status=status), message="gw1 crashed\nin full"))
    assert (child.tag, child.get("message")) == (element, "gw1 crashed")
    assert child.text == "gw1 crashed\nin full"


def test_a_test_without_verdicts_that_passed_is_no_case() -> None:
    assert len(ElementTree.fromstring(junit_xml([record(status="passed")]))) == 0


@pytest.mark.parametrize(
    ("node_id", "classname", "name"),
    [
        ("tests/test_a.py::TestB::test_c[x]", "tests.test_a.TestB", "test_c[x]"),
        ("tests/test_a.py::test_c[dir::x/y.py]", "tests.test_a", "test_c[dir::x/y.py]"),
        ("suites/books.chaos.yaml::dune", "suites.books.chaos.yaml", "dune"),
        ("odd", "promptchaos", "odd"),
    ],
)
def test_a_case_is_found_by_its_node(node_id: str, classname: str, name: str) -> None:
    case = only_case(replace(record(verdict()), node_id=node_id))
    assert case.get("classname") == classname
    assert case.get("name") == f"{name}: stable_neighborhood(dune)"


def test_a_session_bridge_is_a_case_that_never_fails() -> None:
    document = junit_xml([session_record()])
    SCHEMA.assertValid(etree.fromstring(document.encode()))
    (suite,) = ElementTree.fromstring(document)
    assert (suite.get("name"), suite.get("failures"), suite.get("errors")) == (
        "promptchaos",
        "0",
        "0",
    )
    cases = {case.get("name"): case.findtext("system-out") or "" for case in suite}
    assert list(cases) == [
        "session-bridge: depth and behavior, pooled over 3 models",
        "session-bridge: depth and behavior, small",
    ]
    pooled, few = cases.values()
    assert "layerwise_variance_mean x collapse_rate: between-model only; pooled rho" in pooled
    assert few.startswith("4 prompts with depth of their own, 10 are needed: 6 are missing")


def test_a_bridge_tells_its_standing_first_and_what_it_was_bound_to_last() -> None:
    judged_one = bridge_verdicts()[3]
    text = only_case(record(judged_one)).findtext("failure") or ""
    assert text.startswith("standing: between-model only: the association is large over all rows")
    assert judged_one.explanation in text
    assert text.splitlines()[-2:] == [
        "preregistered: sha256 " + "9f" * 32,
        "deviation: censor: last instead of after, because the published protocol does so",
    ]


def test_bridges_are_valid_and_no_two_cases_share_a_name() -> None:
    document = junit_xml(bridge_records())
    SCHEMA.assertValid(etree.fromstring(document.encode()))
    cases = ElementTree.fromstring(document).iter("testcase")
    names = [(case.get("classname"), case.get("name")) for case in cases]
    assert len(names) == len(set(names)) == 8


def test_answers_are_valid_and_told_with_their_explanation() -> None:
    document = junit_xml(answer_records())
    SCHEMA.assertValid(etree.fromstring(document.encode()))
    cases = list(ElementTree.fromstring(document).iter("testcase"))
    assert len({(case.get("classname"), case.get("name")) for case in cases}) == len(cases) == 3
    assert (cases[0].findtext("failure") or "").startswith("bundled:tiny-blind asked about")


def test_hostile_text_is_only_text() -> None:
    said = verdict(explanation=HOSTILE, sentence=HOSTILE)
    document = junit_xml([record(said)])
    SCHEMA.assertValid(etree.fromstring(document.encode()))
    (failure,) = only_case(record(said))
    assert failure.text == legible(HOSTILE)
    assert "\\x00\\x1b[31m \\u202egnp.exe \\ufffe" in document


@given(st.text(st.characters()), st.floats(0, 1e9))
@settings(deadline=None)
def test_any_text_and_time_are_valid(text: str, seconds: float) -> None:
    said = verdict(explanation=text, sentence=text, id=text, seconds=seconds)
    document = junit_xml([replace(record(said), node_id=text, started=text)])
    SCHEMA.assertValid(etree.fromstring(document.encode()))


def test_the_file_is_the_document(records: tuple[Record, ...], tmp_path: Path) -> None:
    write_junit(records, tmp_path / "junit.xml")
    assert (tmp_path / "junit.xml").read_text(encoding="utf-8") == junit_xml(records)


def test_an_unexpected_pass_says_that_a_failure_was_expected() -> None:
    explanation = "It holds.\n\nnext:\n  nothing; the margin above says how much room is left"
    passed = verdict(Outcome.PASSED, expect="failed", sentence="It holds.", explanation=explanation)
    (failure,) = ElementTree.fromstring(junit_xml([record(passed)])).iter("failure")
    assert failure.get("message") == "expected to fail, and it passed: It holds."
    assert failure.text == (
        "expected to fail, and it passed: It holds.\n\nnext:\n"
        "  the limit no longer shows a failure: move it, or drop expect: failed"
    )


def test_rho_stands_with_its_sign_and_its_unique_predictors() -> None:
    assert (
        "rho of profile_slope_mean x collapse_rate -0.536 [-0.696, -0.376], "
        "limit |rho| at least 0.4, n 108 unique of 720 rows"
    ) in junit_xml(bridge_records())


def test_cases_are_the_same_in_whatever_order_workers_finish() -> None:
    records = [*run_records(), *bridge_records()]
    assert junit_xml(records) == junit_xml(records[::-1])
