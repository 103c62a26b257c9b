from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pytest_promptchaos.errors import StoreError
from pytest_promptchaos.report.evidence import put_in_place, read_records, write_records
from pytest_promptchaos.report.html import page
from report.answers import answer_records
from report.conftest import pairs, record, verdict
from report.neighborhoods import card, neighborhood_records, rescue_map

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_promptchaos.records import Record


def test_what_is_written_is_read_back_equal(records: tuple[Record, ...], tmp_path: Path) -> None:
    write_records(records, tmp_path / "new" / "records.json")
    assert read_records(tmp_path / "new" / "records.json") == records


def test_no_records_are_a_valid_file(tmp_path: Path) -> None:
    write_records((), tmp_path / "records.json")
    assert read_records(tmp_path / "records.json") == ()


def test_the_same_records_give_the_same_bytes(records: tuple[Record, ...], tmp_path: Path) -> None:
    write_records(records, tmp_path / "first.json")
    write_records(read_records(tmp_path / "first.json"), tmp_path / "second.json")
    first = (tmp_path / "first.json").read_bytes()
    assert first == (tmp_path / "second.json").read_bytes()
    assert first.count(b"\n") == len(records) + 2


def test_neighborhoods_in_depth_come_back_whole(tmp_path: Path) -> None:
    written = neighborhood_records()
    write_records(written, tmp_path / "records.json")
    read = read_records(tmp_path / "records.json")
    assert read == written
    (found,) = read[0].verdicts
    (first, *_) = found.cards
    assert first == card(found.pairs[0])
    assert first.branch.lead == 3
    assert first.rescue[0].rescue[3][0] == rescue_map().rescue[3][0]
    assert found.diagnosis == "sensitive"
    assert {one.mark for one in found.curves} == {"line", "points"}
    assert {pair.gates for pair in found.pairs} == {True, False}


def test_answers_and_overlays_come_back_whole(tmp_path: Path) -> None:
    written = answer_records()
    write_records(written, tmp_path / "records.json")
    read = read_records(tmp_path / "records.json")
    assert read == written
    found = read[0].verdicts[0]
    assert found.samples[0].as_is[0].affirms is False
    assert found.overlays[0].similarity["cosine"] == 0.961
    assert page(read) == page(written)


@given(st.text())
@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_output_survives(tmp_path: Path, output: str) -> None:
    said = record(verdict(pairs=(replace(pairs(1.0)[0], output_b=output),)))
    write_records([said], tmp_path / "records.json")
    assert read_records(tmp_path / "records.json") == (said,)


def test_a_lone_surrogate_becomes_the_replacement_character(tmp_path: Path) -> None:
    write_records([record(verdict(sentence="a\ud800b"))], tmp_path / "records.json")
    (read,) = read_records(tmp_path / "records.json")
    assert read.verdicts[0].sentence == "a\ufffdb"


def test_a_refused_record_leaves_the_old_file(records: tuple[Record, ...], tmp_path: Path) -> None:
    path = tmp_path / "records.json"
    write_records(records, path)
    spoilt = replace(pairs(1.0)[0], distances={"semantic": float("nan")})
    with pytest.raises(ValueError, match="JSON"):
        write_records([record(verdict(pairs=(spoilt,)))], path)
    assert read_records(path) == records


def test_a_failed_write_leaves_the_old_file_and_no_draft(tmp_path: Path) -> None:
    put_in_place("old", tmp_path / "a.txt")
    with pytest.raises(UnicodeEncodeError):
        put_in_place("new \ud800", tmp_path / "a.txt")
    assert [path.name for path in tmp_path.iterdir()] == ["a.txt"]
    assert (tmp_path / "a.txt").read_text() == "old"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "cannot be read as an evidence file"),
        ("[]", "not an evidence file"),
        ('{"format": "other"}', "not an evidence file"),
        ('{"format": "promptchaos-records"}', "holds no list of records"),
        ('{"format": "promptchaos-records", "records": [{}]}', "record 0: record has schema"),
    ],
)
def test_a_file_that_is_no_evidence_is_refused_by_name(
    tmp_path: Path, text: str, words: str
) -> None:
    path = tmp_path / "records.json"
    path.write_text(text)
    with pytest.raises(StoreError, match=words) as error:
        read_records(path)
    assert str(path) in str(error.value)


def test_a_missing_file_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"absent\.json cannot be read"):
        read_records(tmp_path / "absent.json")


def test_a_newer_schema_is_refused_with_the_record(
    records: tuple[Record, ...], tmp_path: Path
) -> None:
    path = tmp_path / "records.json"
    write_records(records, path)
    document = json.loads(path.read_text())
    document["records"][1]["schema_version"] = 99
    path.write_text(json.dumps(document))
    with pytest.raises(StoreError, match=r"record 1: .*schema version 99.*upgrade"):
        read_records(path)
