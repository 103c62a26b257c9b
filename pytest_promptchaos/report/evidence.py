"""The evidence file: every record as JSON, from which all other documents can be made again."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_promptchaos.errors import StoreError
from pytest_promptchaos.records import SCHEMA_VERSION, from_plain, to_plain

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_promptchaos.records import Record

FORMAT = "promptchaos-records"
LONE_SURROGATE = re.compile("[\ud800-\udfff]")


def write_records(records: Sequence[Record], path: str | os.PathLike[str]) -> None:
    """Write the records as one JSON document, one record per line.

    The same records always give the same bytes. A lone surrogate, which no UTF-8 file can hold,
    becomes U+FFFD.
    """
    lines = ",\n".join(_line(to_plain(record)) for record in records)
    head = _line({"format": FORMAT, "schema_version": SCHEMA_VERSION}).removesuffix("}")
    put_in_place(f'{head}, "records": [\n{lines}\n]}}\n', path)


def _line(plain: dict[str, object]) -> str:
    text = json.dumps(plain, allow_nan=False, ensure_ascii=False)
    return LONE_SURROGATE.sub("\ufffd", text)


def read_records(path: str | os.PathLike[str]) -> tuple[Record, ...]:
    """Return the records that :func:`write_records` wrote.

    Raises ``StoreError`` with the file and the record that cannot be read.
    """
    found = _document(Path(path)).get("records")
    if not isinstance(found, list):
        raise StoreError(f"{path} holds no list of records: write it again from the run's store")
    return tuple(_record(plain, position, path) for position, plain in enumerate(found))


def _document(path: Path) -> dict[str, object]:
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise StoreError(
            f"{path} cannot be read as an evidence file ({error}): name the "
            f"{FORMAT}.json of a finished run"
        ) from error
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise StoreError(
            f"{path} is JSON, but not an evidence file (its 'format' is not {FORMAT!r}): name "
            f"the {FORMAT}.json of a finished run"
        )
    return document


def _record(plain: object, position: int, path: str | os.PathLike[str]) -> Record:
    try:
        return from_plain(plain)
    except ValueError as error:
        raise StoreError(f"{path}, record {position}: {error}") from error


def put_in_place(text: str, path: str | os.PathLike[str]) -> None:
    """Write the text as UTF-8 so that a reader sees the old file or the new, never half of it.

    Folders on the way are made. Newlines are written as they are on every system.
    """
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    draft = target.with_name(f".{target.name}.{os.getpid()}.draft")
    try:
        draft.write_bytes(text.encode("utf-8"))
        draft.replace(target)
    finally:
        draft.unlink(missing_ok=True)
