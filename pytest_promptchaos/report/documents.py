"""All documents of a run, side by side in one folder."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from pytest_promptchaos.report.evidence import write_records
from pytest_promptchaos.report.html import EVIDENCE_NAME, write_page
from pytest_promptchaos.report.junit import write_junit
from pytest_promptchaos.report.overview import in_order

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Sequence

    from pytest_promptchaos.records import Record

    Writer = Callable[[Sequence[Record], Path], None]

REPORT_NAME = "promptchaos-report.html"
JUNIT_NAME = "promptchaos-junit.xml"


def write_documents(
    records: Sequence[Record], folder: str | os.PathLike[str]
) -> tuple[dict[str, Path], list[str]]:
    """Write page, JUnit and evidence file; return where each lies, and what could not be written.

    The records stand by node id in all three. The evidence is written first, because the other two
    can be made from it again. One that fails does not keep the others from being written.
    """
    records = in_order(records)
    failed: list[str] = []
    evidence, junit, report = (
        Path(folder) / name for name in (EVIDENCE_NAME, JUNIT_NAME, REPORT_NAME)
    )
    steps: dict[str, tuple[Writer, Path]] = {
        "evidence": (write_records, evidence),
        "junit": (write_junit, junit),
        "report": (write_page, report),
    }
    written: dict[str, Path] = {}
    for name, (write, path) in steps.items():
        try:
            write(records, path)
        except OSError as error:
            failed.append(
                f"{path} could not be written ({error.strerror or error}): free the place, then "
                "make it again with python -m pytest_promptchaos.report"
            )
        else:
            written[name] = path
    return dict(reversed(written.items())), failed
