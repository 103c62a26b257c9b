"""CSV files and their merge: what both have, with every row that finds no partner counted."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from pytest_promptchaos.errors import TableError
from pytest_promptchaos.records import Control
from pytest_promptchaos.tables import Table, merged, read_pair, read_table, table_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

DEPTH = """condition,seed_id,repeat_index,lambda1_mean,model_id
HOMO_A,plan_0,0,0.10,tiny
HOMO_A,plan_0,1,0.10,tiny
HOMO_A,plan_1,0,0.20,tiny
"""
COLLAPSE = """run_id,condition,seed_id,repeat_index,collapse_rate,first_collapse_turn,has_collapse
a,HOMO_A,plan_1,0,0.5,7,true
b,HOMO_A,plan_0,0,0.0,,false
c,HOMO_B,plan_0,0,0.0,,false
"""


@pytest.fixture
def pair(tmp_path: Path) -> tuple[Path, Path]:
    depth, collapse = tmp_path / "depth.csv", tmp_path / "collapse.csv"
    depth.write_text(DEPTH)
    collapse.write_text(COLLAPSE)
    return depth, collapse


def test_a_pair_is_merged_on_its_key_in_the_order_of_the_first(pair: tuple[Path, Path]) -> None:
    table = read_pair(*pair)
    assert (table.name, table.rows) == ("depth+collapse", 2)
    assert table.columns["seed_id"] == ["plan_0", "plan_1"]
    assert table.columns["lambda1_mean"] == ["0.10", "0.20"]
    assert table.columns["run_id"] == ["b", "a"]


def test_a_merge_counts_what_went_in_came_out_and_found_no_partner(
    pair: tuple[Path, Path],
) -> None:
    assert read_pair(*pair).counts == (
        "3 rows of depth and 3 of collapse merge into 2 on condition, seed_id, repeat_index; 1 of "
        "depth without a partner (HOMO_A / plan_0 / 1), 1 of collapse without a partner (HOMO_B / "
        "plan_0 / 0)",
    )


def test_a_full_merge_says_so() -> None:
    table = Table(name="one", columns={"k": ["1", "2"]})
    assert merged(table, table, ["k"]).counts == (
        "2 rows of one and 2 of one merge into 2 on k; none is without a partner",
    )


def test_a_key_that_is_there_twice_is_an_error(pair: tuple[Path, Path]) -> None:
    pair[0].write_text(DEPTH + "HOMO_A,plan_0,1.0,0.3,tiny\n")
    with pytest.raises(TableError) as caught:
        read_pair(*pair)
    assert str(caught.value) == (
        "depth has HOMO_A / plan_0 / 1 twice, in rows 2 and 4: a conversation counts once; "
        "take one of the two out"
    )


def test_a_table_without_its_key_cannot_be_merged(pair: tuple[Path, Path]) -> None:
    pair[1].write_text(COLLAPSE.replace("seed_id", "seed_ids"))
    with pytest.raises(TableError, match=r"collapse cannot be merged on .*mean 'seed_ids'\?"):
        read_pair(*pair)


def test_files_of_other_conversations_have_nothing_to_merge(pair: tuple[Path, Path]) -> None:
    pair[1].write_text(COLLAPSE.replace("plan", "story"))
    with pytest.raises(TableError, match="HOMO_A / plan_0 / 0 is in the first and HOMO_A / story"):
        read_pair(*pair)


def test_a_column_of_both_is_kept_once_where_it_agrees_and_twice_where_not() -> None:
    left = Table(name="left", columns={"k": [1, 2], "same": ["a", "b"], "other": [1, 2]})
    right = Table(name="right", columns={"k": [1.0, 2.0], "same": ["a", "b"], "other": [1, 3]})
    both = merged(left, right, ["k"])
    assert set(both.columns) == {"k", "same", "left:other", "right:other"}
    assert both.columns["right:other"] == [1, 3]
    assert both.counts[-1] == "column 'other' differs between the two, so each keeps its own"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "has no rows"),
        ("a,b\n", "has no rows"),
        ("a,a\n1,2\n", "names the column 'a' twice"),
        ("a,b\n1,2\n1,2,3\n", "line 3: 3 cells under a header of 2"),
        ('a,b\n"1,2\n', "cannot be read as a CSV file"),
    ],
)
def test_a_file_that_is_no_table_is_an_error(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "t.csv").write_text(text)
    with pytest.raises(TableError, match=said):
        read_table(tmp_path / "t.csv")


def test_a_file_that_is_not_there_or_is_no_text_says_so(tmp_path: Path) -> None:
    with pytest.raises(TableError, match="No such file"):
        read_table(tmp_path / "none.csv")
    (tmp_path / "t.csv").write_bytes(b"a,b\n\xff\xfe,1\n")
    with pytest.raises(TableError, match="cannot be read as a CSV file"):
        read_table(tmp_path / "t.csv")


@pytest.mark.parametrize(("sign", "told"), [(";", "';'"), ("\t", "tabs"), ("|", r"'\|'")])
def test_another_separator_is_named(pair: tuple[Path, Path], sign: str, told: str) -> None:
    pair[0].write_text(DEPTH.replace(",", sign))
    with pytest.raises(TableError, match=f"looks separated by {told}: .* save it with commas"):
        read_table(pair[0])


def test_a_file_of_another_encoding_says_what_to_do(pair: tuple[Path, Path]) -> None:
    pair[0].write_text(DEPTH.replace("tiny", "größe"), encoding="latin-1")
    with pytest.raises(TableError, match=r"it is no UTF-8 text .*: save it as UTF-8"):
        read_table(pair[0])


def test_a_pair_is_merged_whatever_its_tables_are_made_of(pair: tuple[Path, Path]) -> None:
    depth, collapse = (read_table(path) for path in pair)
    whole = read_pair(*pair)
    assert table_of((depth.columns, collapse.columns)).columns == whole.columns
    assert table_of([depth.columns, pair[1]]).counts[0].startswith("3 rows of depth and 3 of coll")
    frames = [Frame(one.columns) for one in (depth, collapse)]
    assert table_of(tuple(frames)) == whole
    rows = [{"x": np.array(1.0), "y": "a"}, {"x": np.array(2.0), "y": "b"}]
    assert table_of(rows).columns["y"] == ["a", "b"]


class Frame:
    """What a data frame is to a table: columns by name."""

    def __init__(self, cells: Mapping[str, Sequence[object]]) -> None:
        self.columns, self.cells = list(cells), cells

    def __len__(self) -> int:
        return len(next(iter(self.cells.values())))

    def __getitem__(self, name: str) -> Sequence[object]:
        return self.cells[name]


def test_a_table_is_whatever_names_one(pair: tuple[Path, Path]) -> None:
    table = read_pair(*pair)
    assert table_of(table) is table
    assert table_of(pair) == table_of([str(path) for path in pair]) == table
    assert table_of(pair[0]).name == "depth"
    assert table_of({"x": [1]}).name == "table"
    with pytest.raises(TableError, match="3 tables were given"):
        table_of([*pair, pair[0]])


def test_the_fingerprint_is_that_of_the_cells() -> None:
    table = Table(name="a", columns={"x": [1, 2], "y": [3, 4]})
    turned = Table(name="b", columns={"y": [3, 4], "x": [1, 2]})
    assert table.fingerprint == turned.fingerprint
    assert table.fingerprint != Table(name="a", columns={"x": [2, 1], "y": [3, 4]}).fingerprint


def test_a_merge_keeps_settings_and_controls_of_both() -> None:
    guards = [Control(name=n, role="gate", state="held", words="") for n in ("one", "two")]
    left = Table(
        name="left", columns={"k": [1]}, settings={"seed": 1, "turns": 5}, controls=(guards[0],)
    )
    right = Table(
        name="right", columns={"k": [1]}, settings={"seed": 2, "turns": 5}, controls=(guards[1],)
    )
    both = merged(left, right, ["k"])
    assert both.settings == {"left:seed": 1, "turns": 5, "right:seed": 2}
    assert both.controls == tuple(guards)


def test_a_file_has_neither_settings_nor_controls(pair: tuple[Path, Path]) -> None:
    table = read_pair(*pair)
    assert (table.settings, table.controls) == ({}, ())
