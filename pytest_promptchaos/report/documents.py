"""All documents of a run, side by side in one folder."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from pytest_promptchaos.report.evidence import write_records
from pytest_promptchaos.report.html import EVIDENCE_NAME, write_page
from pytest_promptchaos.report.junit import write_junit

if TYPE_CHECKING:
    import os
    from collections.abc import Sequence

    from pytest_promptchaos.records import Record

REPORT_NAME = "promptchaos-report.html"
JUNIT_NAME = "promptchaos-junit.xml"


def write_documents(records: Sequence[Record], folder: str | os.PathLike[str]) -> dict[str, Path]:
    """Write page, JUnit and evidence file into the folder and return where each lies, by name.

    The evidence is written first, because the other two can be made from it again.
    """
    evidence, junit, report = (
        Path(folder) / name for name in (EVIDENCE_NAME, JUNIT_NAME, REPORT_NAME)
    )
    write_records(records, evidence)
    write_junit(records, junit)
    write_page(records, report)
    return {"report": report, "junit": junit, "evidence": evidence}
