"""The evidence store: append-only, content-addressed, and never silently wrong."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import numpy as np
import pytest

from pytest_promptchaos.errors import StoreError
from pytest_promptchaos.records import Record
from pytest_promptchaos.store import STORE_VERSION, Store

if TYPE_CHECKING:
    from pathlib import Path

ARRAYS = {"logits": np.arange(6, dtype=np.float32).reshape(2, 3)}


def test_what_is_put_comes_back(tmp_path: Path) -> None:
    store = Store(tmp_path / "evidence.sqlite")
    store.put("a", "run", {"text": "Try Hyperion."}, ARRAYS)
    store.close()
    found = Store(tmp_path / "evidence.sqlite").get("a")
    assert found is not None
    assert found.plain == {"text": "Try Hyperion."}
    np.testing.assert_array_equal(found.arrays["logits"], ARRAYS["logits"])
    assert found.arrays["logits"].dtype == np.float32


def test_an_unknown_address_holds_nothing() -> None:
    assert Store(None).get("b") is None


def test_the_first_measurement_under_an_address_stays() -> None:
    store = Store(None)
    store.put("a", "run", {"text": "first"}, {})
    store.put("a", "run", {"text": "second"}, {})
    found = store.get("a")
    assert found is not None
    assert found.plain == {"text": "first"}
    assert store.count("run") == 1


def test_nan_is_refused_in_plain_values() -> None:
    with pytest.raises(ValueError, match="Out of range"):
        Store(None).put("a", "run", {"value": float("nan")}, {})


def test_records_come_back_by_session_in_order() -> None:
    store = Store(None)
    for name in ("one", "two"):
        store.add_record(
            "first", Record(node_id=name, status="passed", verdicts=(), environment={})
        )
    store.add_record("second", Record(node_id="x", status="error", verdicts=(), environment={}))
    assert store.sessions() == ("first", "second")
    assert [record.node_id for record in store.records("first")] == ["one", "two"]


def test_a_truncated_store_is_an_error_and_stays_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "evidence.sqlite"
    store = Store(path)
    for number in range(50):
        store.put(str(number), "run", {}, {"a": np.zeros(500)})
    store.close()
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(StoreError, match=r"truncated.*move the file away"):
        Store(path)
    assert path.read_bytes() == whole[: len(whole) // 2]


@pytest.mark.parametrize("content", [b"not a database at all, only some text" * 40, b"SQLite"])
def test_a_file_that_is_no_database_is_an_error(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "evidence.sqlite"
    path.write_bytes(content)
    with pytest.raises(StoreError, match=r"evidence\.sqlite cannot be opened"):
        Store(path)


def test_a_database_of_something_else_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "evidence.sqlite"
    with sqlite3.connect(path) as other:
        other.execute("CREATE TABLE customers (name TEXT)")
    other.close()
    with pytest.raises(StoreError, match="a database of something else"):
        Store(path)


def test_a_store_from_a_newer_version_says_to_upgrade(tmp_path: Path) -> None:
    path = tmp_path / "evidence.sqlite"
    Store(path).close()
    with sqlite3.connect(path) as newer:
        newer.execute("UPDATE meta SET value = ? WHERE name = 'version'", (STORE_VERSION + 1,))
    newer.close()
    with pytest.raises(StoreError, match=r"newer version.*upgrade"):
        Store(path)


def test_a_locked_store_says_who_to_wait_for(tmp_path: Path) -> None:
    path = tmp_path / "evidence.sqlite"
    store = Store(path, patience=0.1)
    holder = sqlite3.connect(path)
    holder.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreError, match=r"locked; another process held it for more than 0\.1 s"):
        store.put("a", "run", {}, {})
    holder.rollback()
    holder.close()
    store.put("a", "run", {}, {})
    assert store.get("a") is not None


WRITER = """
import sys
from pathlib import Path
from pytest_promptchaos.store import Store
store = Store(Path(sys.argv[1]))
for number in range(40):
    store.put(f"{sys.argv[2]}-{number}", "run", {}, {})
"""


def test_processes_that_start_at_once_share_a_new_store(tmp_path: Path) -> None:
    path = tmp_path / "evidence.sqlite"
    writers = [
        subprocess.Popen([sys.executable, "-c", WRITER, str(path), str(name)]) for name in range(4)
    ]
    assert [writer.wait(timeout=60) for writer in writers] == [0, 0, 0, 0]
    assert Store(path).count("run") == 160


def test_a_folder_that_cannot_be_made_is_an_error_with_advice(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file stands where the folder should be")
    with pytest.raises(StoreError, match=r"cannot be opened.*make the folder writable"):
        Store(tmp_path / "taken" / "evidence.sqlite")


def test_threads_of_one_test_share_a_store(tmp_path: Path) -> None:
    store = Store(tmp_path / "evidence.sqlite")
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(lambda n: store.put(str(n), "run", {}, {}), range(40)))
    assert store.count("run") == 40
