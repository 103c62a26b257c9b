"""The JUnit file: one testsuite per model, one testcase per verdict, for any CI viewer.

The document is valid against the ``xunit2`` schema (junit-10.xsd). Test cases carry no
properties, because strict consumers reject them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from xml.etree import ElementTree

from pytest_promptchaos.report.bridges import (
    association_of,
    basis_lines,
    counted,
    family_lines,
    shown,
    shown_limit,
    shown_value,
    standing_line,
)
from pytest_promptchaos.report.diagnosis import (
    diagnosis,
    diagnosis_line,
    explained,
    unexpected,
)
from pytest_promptchaos.report.evidence import put_in_place
from pytest_promptchaos.report.legible import interval_words, legible, one_line
from pytest_promptchaos.report.overview import (
    Standing,
    broken,
    in_order,
    judged,
    node_parts,
    verdict_name,
)

if TYPE_CHECKING:
    import os
    from collections.abc import Sequence

    from pytest_promptchaos.records import Bridge, Record, Verdict
    from pytest_promptchaos.report.overview import Judged

EXPECTED = "expected to fail, and it passed: "
NO_MODEL = "promptchaos"
"""The testsuite of what lies outside a verdict: what went wrong, and what a session adds up to."""


@dataclass(frozen=True, kw_only=True)
class Case:
    """One testcase. ``element`` is its child (``failure``, ``error``, ``skipped``) or none."""

    suite: str
    node_id: str
    title: str
    seconds: float
    started: str
    element: str = ""
    kind: str = ""
    message: str = ""
    text: str = ""


def junit_xml(records: Sequence[Record]) -> str:
    """Return the JUnit document: suites by need of a reader, and cases in them likewise.

    ``failed`` is a failure, ``invalid`` an error, ``inconclusive`` a failure of that type, or
    skipped where the test passed because the option relaxed it. An expected failure passes. A
    session's bridges between depth and behavior are told and never fail.
    """
    own = [
        _bridge_case(record, bridge) for record in in_order(records) for bridge in record.bridges
    ]
    cases = [*map(_verdict_case, judged(records)), *map(_broken_case, broken(records)), *own]
    root = ElementTree.Element("testsuites", _counts("promptchaos", cases))
    for name in dict.fromkeys(case.suite for case in cases):
        root.append(_suite(name, [case for case in cases if case.suite == name]))
    ElementTree.indent(root)
    body = ElementTree.tostring(root, encoding="unicode")
    return f'<?xml version="1.0" encoding="utf-8"?>\n{body}\n'


def write_junit(records: Sequence[Record], path: str | os.PathLike[str]) -> None:
    """Write :func:`junit_xml` of the records to ``path``."""
    put_in_place(junit_xml(records), path)


def _verdict_case(one: Judged) -> Case:
    record, verdict, standing = one.record, one.verdict, one.standing
    green = standing in {Standing.EXPECTED, Standing.CAUGHT}
    return Case(
        suite=one.model,
        node_id=record.node_id,
        title=", ".join(filter(None, (verdict_name(verdict), one.prompts))),
        seconds=verdict.seconds,
        started=record.started,
        element=_element(standing, relaxed=record.status == "passed"),
        kind=standing.value,
        message=_message(verdict),
        text=_text(verdict, standing.value if green else ""),
    )


def _message(verdict: Verdict) -> str:
    return f"{EXPECTED}{verdict.sentence}" if unexpected(verdict) else verdict.sentence


def _text(verdict: Verdict, stands: str) -> str:
    """Return the explanation, behind how a green verdict stands; ahead of it what it is called."""
    stands = f"{stands}: " if stands else EXPECTED if unexpected(verdict) else ""
    parts = [f"{stands}{explained(verdict)}"]
    if found := association_of(verdict):
        parts.insert(0, f"standing: {standing_line(found.standing)}\n{_rho_line(verdict)}")
    if named := diagnosis_line(diagnosis(verdict)):
        parts.insert(0, f"diagnosis: {named}")
    if verdict.bridge is not None:
        basis = basis_lines(verdict.bridge)
        parts.append("\n".join(line for line in basis if line not in verdict.explanation))
    return "\n\n".join(parts)


def _rho_line(verdict: Verdict) -> str:
    """Return rho with its sign, which the limit has not, and how much it rests on."""
    one = shown(verdict)
    number = f"{one.name} {shown_value(verdict)} {interval_words(one, verdict.limit)}".rstrip()
    return f"{number}, limit {shown_limit(verdict)}, n {counted(verdict)}"


def _element(standing: Standing, *, relaxed: bool) -> str:
    if standing is Standing.INCONCLUSIVE:
        return "skipped" if relaxed else "failure"
    if standing is Standing.INVALID:
        return "error"
    return "failure" if standing in {Standing.FAILED, Standing.UNEXPECTED} else ""


def _broken_case(record: Record) -> Case:
    return Case(
        suite=NO_MODEL,
        node_id=record.node_id,
        title=record.status,
        seconds=record.seconds,
        started=record.started,
        element="failure" if record.status == "failed" else "error",
        kind=record.status,
        message=record.message.partition("\n")[0] or f"the test ended as {record.status}",
        text=record.message,
    )


def _bridge_case(record: Record, bridge: Bridge) -> Case:
    return Case(
        suite=NO_MODEL,
        node_id=record.node_id,
        title=f"depth and behavior, {bridge.name}",
        seconds=0.0,
        started=record.started,
        text="\n".join(family_lines(bridge)),
    )


def _suite(name: str, cases: Sequence[Case]) -> ElementTree.Element:
    suite = ElementTree.Element("testsuite", _counts(name, cases))
    suite.set("skipped", str(_count(cases, "skipped")))
    if started := min((case.started for case in cases if case.started), default=""):
        suite.set("timestamp", legible(started))
    suite.extend(map(_testcase, cases))
    return suite


def _counts(name: str, cases: Sequence[Case]) -> dict[str, str]:
    return {
        "name": one_line(name),
        "tests": str(len(cases)),
        "failures": str(_count(cases, "failure")),
        "errors": str(_count(cases, "error")),
        "time": _time(sum(case.seconds for case in cases)),
    }


def _count(cases: Sequence[Case], element: str) -> int:
    return sum(case.element == element for case in cases)


def _testcase(case: Case) -> ElementTree.Element:
    classname, test = _classname(case.node_id)
    attributes = {
        "classname": one_line(classname),
        "name": one_line(f"{test}: {case.title}"),
        "time": _time(case.seconds),
    }
    testcase = ElementTree.Element("testcase", attributes)
    if case.element:
        reason = {"message": one_line(case.message), "type": case.kind}
        child = ElementTree.SubElement(testcase, case.element, reason)
    else:
        child = ElementTree.SubElement(testcase, "system-out")
    child.text = legible(case.text)
    return testcase


def _classname(node_id: str) -> tuple[str, str]:
    place, test = node_parts(node_id)
    dotted = place.replace(".py", "").replace("/", ".").replace("::", ".")
    return dotted or NO_MODEL, test


def _time(seconds: float) -> str:
    # The schema's pattern allows at most three decimals and no exponent.
    return f"{seconds:.3f}"
