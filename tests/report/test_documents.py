from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_promptchaos.report.documents import write_documents
from pytest_promptchaos.report.evidence import read_records
from pytest_promptchaos.report.html import page
from pytest_promptchaos.report.junit import junit_xml
from pytest_promptchaos.report.overview import in_order
from report.conftest import run_records

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_promptchaos.records import Record


def test_all_documents_of_a_run_lie_side_by_side(
    records: tuple[Record, ...], tmp_path: Path
) -> None:
    written, failed = write_documents(records, tmp_path / "new")
    assert not failed
    assert list(written) == ["report", "junit", "evidence"]
    assert read_records(written["evidence"]) == tuple(in_order(records))
    assert written["junit"].read_text("utf-8") == junit_xml(records)
    assert written["report"].read_text("utf-8") == page(records)
    assert written["evidence"].name in page(records)


def test_documents_made_again_from_the_evidence_are_the_same(
    records: tuple[Record, ...], tmp_path: Path
) -> None:
    first, _ = write_documents(records, tmp_path / "first")
    again, _ = write_documents(read_records(first["evidence"]), tmp_path / "again")
    assert [path.read_bytes() for path in first.values()] == [
        path.read_bytes() for path in again.values()
    ]


def test_a_document_that_cannot_be_written_does_not_keep_the_others(
    records: tuple[Record, ...], tmp_path: Path
) -> None:
    (tmp_path / "promptchaos-report.html").mkdir()
    written, failed = write_documents(records, tmp_path)
    assert list(written) == ["junit", "evidence"]
    (words,) = failed
    assert "promptchaos-report.html could not be written" in words
    assert "python -m pytest_promptchaos.report" in words


def test_documents_are_the_same_in_whatever_order_workers_finish(tmp_path: Path) -> None:
    records = run_records()
    write_documents(records, tmp_path / "one")
    write_documents(records[::-1], tmp_path / "other")
    for path in (tmp_path / "one").iterdir():
        assert path.read_bytes() == (tmp_path / "other" / path.name).read_bytes(), path.name
