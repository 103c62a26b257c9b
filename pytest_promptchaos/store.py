"""The evidence store: every run is written as it finishes, under the address of its inputs.

One SQLite file, append-only and content-addressed: an address that is already there is never
overwritten, so a stored result is what was measured first. Cache, resume and re-judging read it.
"""

from __future__ import annotations

import io
import json
import sqlite3
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from pytest_promptchaos.errors import StoreError
from pytest_promptchaos.records import from_plain, to_plain

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from numpy.typing import NDArray

    from pytest_promptchaos.records import Record

STORE_VERSION = 1
PATIENCE = 30.0
"""Seconds to wait for another process that is writing."""

SCHEMA = """
CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS evidence (
    address TEXT PRIMARY KEY, kind TEXT NOT NULL, plain TEXT NOT NULL, arrays BLOB NOT NULL,
    created TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP);
CREATE TABLE IF NOT EXISTS records (
    id INTEGER PRIMARY KEY, session TEXT NOT NULL, node_id TEXT NOT NULL, plain TEXT NOT NULL,
    created TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP);
"""


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """What an address holds: plain values, and arrays by name."""

    plain: Mapping[str, object]
    arrays: Mapping[str, NDArray[np.generic]]


class Store:
    """An evidence store on disk; ``path=None`` keeps it in memory.

    Opening raises ``StoreError`` for a file that is locked, damaged, no evidence store, or
    written by a newer version; nothing of such a file is changed.
    """

    def __init__(self, path: Path | None, *, patience: float | None = None) -> None:
        self.path = path
        self._patience = PATIENCE if patience is None else patience
        # Checks may run in threads of one test; one connection, one statement at a time.
        self._lock = threading.RLock()
        with self._explained("opened"):
            if path is not None:
                path.parent.mkdir(parents=True, exist_ok=True)
            if path is not None and path.exists():
                self._check_size()
            self._connection = sqlite3.connect(
                path or ":memory:", timeout=self._patience, check_same_thread=False
            )
            self._prepare()

    def _prepare(self) -> None:
        found = self._version()
        if found is not None and found > STORE_VERSION:
            raise StoreError(
                f"evidence store {self.path}: written by a newer version (format {found}, this "
                f"one reads up to {STORE_VERSION}): upgrade pytest-promptchaos, or name another "
                "folder with --promptchaos-dir"
            )
        if found is None:
            self._switch_to_wal()
            self._connection.executescript(SCHEMA)
            self._connection.execute(
                "INSERT OR IGNORE INTO meta VALUES ('version', ?)", (str(STORE_VERSION),)
            )
            self._connection.commit()
        self._connection.execute("PRAGMA synchronous=NORMAL")

    def _switch_to_wal(self) -> None:
        """Let workers read while one writes.

        SQLite answers "locked" at once, without waiting, when two processes switch a new file
        at the same moment; so the waiting is done here.
        """
        deadline = time.monotonic() + self._patience
        while True:
            try:
                self._connection.execute("PRAGMA journal_mode=WAL")
                return
            except sqlite3.OperationalError as error:
                if "locked" not in str(error) or time.monotonic() > deadline:
                    raise
                time.sleep(0.05)

    def _check_size(self) -> None:
        """Refuse a truncated file, which SQLite may open and answer from for a while."""
        if self.path is None or self.path.with_name(f"{self.path.name}-wal").exists():
            return  # Someone has it open: its pages are partly in the log beside it.
        with self.path.open("rb") as file:
            header = file.read(100)
        page, pages = int.from_bytes(header[16:18]), int.from_bytes(header[28:32])
        # A page size of 65,536 does not fit into two bytes and is written as 1.
        if self.path.stat().st_size < pages * (65536 if page == 1 else page):
            raise sqlite3.DatabaseError("the file is shorter than it says: it was truncated")

    def _version(self) -> int | None:
        tables = self._connection.execute("SELECT name FROM sqlite_master").fetchall()
        if not tables:
            return None
        if ("meta",) not in tables:
            raise sqlite3.DatabaseError("it is a database of something else")
        row = self._connection.execute("SELECT value FROM meta WHERE name='version'").fetchone()
        return None if row is None else int(row[0])

    def put(
        self,
        address: str,
        kind: str,
        plain: Mapping[str, object],
        arrays: Mapping[str, NDArray[np.generic]],
    ) -> None:
        """Write one piece of evidence; an address that is already there stays as it is."""
        text = json.dumps(plain, allow_nan=False, sort_keys=True)
        with self._explained("written"), self._connection:
            self._connection.execute(
                "INSERT OR IGNORE INTO evidence (address, kind, plain, arrays) VALUES (?, ?, ?, ?)",
                (address, kind, text, _packed(arrays)),
            )

    def get(self, address: str) -> Evidence | None:
        """Return what lies under ``address``, or ``None``."""
        with self._explained("read"):
            row = self._connection.execute(
                "SELECT plain, arrays FROM evidence WHERE address = ?", (address,)
            ).fetchone()
        return None if row is None else Evidence(plain=json.loads(row[0]), arrays=_unpacked(row[1]))

    def count(self, kind: str) -> int:
        """Return how many pieces of evidence of ``kind`` there are."""
        with self._explained("read"):
            row = self._connection.execute(
                "SELECT COUNT(*) FROM evidence WHERE kind = ?", (kind,)
            ).fetchone()
        return int(row[0])

    def add_record(self, session: str, record: Record) -> None:
        """Append one record of the pytest run called ``session``."""
        text = json.dumps(to_plain(record), allow_nan=False)
        with self._explained("written"), self._connection:
            self._connection.execute(
                "INSERT INTO records (session, node_id, plain) VALUES (?, ?, ?)",
                (session, record.node_id, text),
            )

    def sessions(self) -> tuple[str, ...]:
        """Return the pytest runs that left records, oldest first."""
        with self._explained("read"):
            rows = self._connection.execute(
                "SELECT session FROM records GROUP BY session ORDER BY MIN(id)"
            ).fetchall()
        return tuple(row[0] for row in rows)

    def records(self, session: str) -> tuple[Record, ...]:
        """Return the records of one pytest run, in the order in which they were made."""
        with self._explained("read"):
            rows = self._connection.execute(
                "SELECT plain FROM records WHERE session = ? ORDER BY id", (session,)
            ).fetchall()
        return tuple(from_plain(json.loads(row[0])) for row in rows)

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    @contextmanager
    def _explained(self, verb: str) -> Iterator[None]:
        try:
            with self._lock:
                yield
        except (sqlite3.Error, OSError) as error:
            raise StoreError(
                f"evidence store {self.path or 'in memory'} cannot be {verb}: {error}; "
                f"{_advice(error, self._patience)}"
            ) from error


def _advice(error: Exception, patience: float) -> str:
    if "locked" in str(error):
        return (
            f"another process held it for more than {patience:g} s: wait for it to end, or name "
            "another folder with --promptchaos-dir"
        )
    if isinstance(error, OSError):
        return "make the folder writable, or name another one with --promptchaos-dir"
    return "move the file away to start a new one, or name another folder with --promptchaos-dir"


def _packed(arrays: Mapping[str, NDArray[np.generic]]) -> bytes:
    stream = io.BytesIO()
    np.savez(stream, allow_pickle=False, **arrays)
    return stream.getvalue()


def _unpacked(packed: bytes) -> dict[str, NDArray[np.generic]]:
    with np.load(io.BytesIO(packed), allow_pickle=False) as arrays:
        return dict(arrays)
