"""Columns of a table, whatever it is made of: numbers, flags, first turns, and groups of rows.

A cell is what its table held: a number, a boolean, a text, or nothing. Nothing is guessed and
nothing is left out: a text among numbers is an error that names column, row and value, and an
empty cell becomes a number that is not there (NaN), counted by :func:`missing`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from numbers import Real
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

import numpy as np

from pytest_promptchaos.errors import TableError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from pytest_promptchaos.records import Censor

Cells: TypeAlias = Sequence[object]
Columns: TypeAlias = Mapping[str, Cells]
Label = TypeVar("Label", str, tuple[str, ...])

KEY = ("condition", "seed_id", "repeat_index")
"""The columns that together name one conversation."""
PUBLISHED_NAMES = {
    "lambda1_var": "layerwise_variance_mean",
    "lambda1_slope": "profile_slope_mean",
    "collapse_incidence": "has_collapse",
}
"""The names in which the study preregistered three quantities -> the columns of its files."""
EMPTY = {"", "nan", "na", "n/a", "null", "none", "<na>", "nat"}
"""Texts that say that there is nothing, as files and data frames write it."""
FLAGS = {"true": 1.0, "false": 0.0}


def columns_of(table: object) -> dict[str, list[object]]:
    """Return the table's columns by name, as lists of one length.

    ``table`` is a mapping from names to sequences or arrays, a data frame (anything with
    ``columns`` that gives one by its name), a numpy structured array, or a sequence of rows, each
    a mapping with the same keys. Raises ``TableError`` for anything else, names that are no text
    or given twice, columns of different lengths, and a table without rows.

    >>> columns_of([{"x": 1, "y": "a"}, {"x": 2, "y": "b"}])
    {'x': [1, 2], 'y': ['a', 'b']}
    """
    columns = dict(_named(table))
    lengths = {name: len(cells) for name, cells in columns.items()}
    if len(set(lengths.values())) > 1:
        told = ", ".join(f"{name!r} {length}" for name, length in lengths.items())
        raise TableError(f"the columns have different lengths ({told}): one cell per row in each")
    if not any(lengths.values()):
        raise TableError("the table has no rows: pass columns with one cell per conversation")
    return columns


def _named(table: Any) -> Iterable[tuple[str, list[object]]]:
    """Return names and cells of whatever kind of table it is."""
    if isinstance(table, Mapping):
        return [(_name(name), _listed(name, cells)) for name, cells in table.items()]
    names = getattr(getattr(table, "dtype", None), "names", None)
    if names is None and hasattr(table, "columns"):
        names = list(table.columns)
    if names is not None:
        _check_once([_name(name) for name in names])
        return [(name, _listed(name, table[name])) for name in names]
    if isinstance(table, Sequence) and table and all(isinstance(row, Mapping) for row in table):
        return _by_column(table)
    raise TableError(
        f"the table is {table!r:.80}, of type {type(table).__name__}: pass columns by name "
        "({'lambda1_mean': [...], ...}), a data frame, a structured array, a list of rows, or the "
        "paths of the two CSV files"
    )


def _name(name: object) -> str:
    if not isinstance(name, str):
        raise TableError(f"a column is named {name!r}: a hypothesis names columns by text")
    return name


def _check_once(names: Sequence[str]) -> None:
    for name in names:
        if names.count(name) > 1:
            raise TableError(f"two columns are named {name!r}: give each a name of its own")


def _listed(name: object, cells: Any) -> list[object]:
    """Return the cells of a column, one value each, as plain Python where numpy holds them."""
    shape = getattr(cells, "shape", None)
    if isinstance(cells, str | bytes) or not hasattr(cells, "__len__") or len(shape or (0,)) != 1:
        found = f"of shape {shape}" if shape else f"{cells!r:.60}"
        raise TableError(f"column {name!r} is {found}: it takes one cell per row")
    return list(cells.tolist() if isinstance(cells, np.ndarray) else cells)


def _by_column(rows: Sequence[Mapping[str, object]]) -> list[tuple[str, list[object]]]:
    names = [_name(name) for name in rows[0]]
    for place, row in enumerate(rows, start=1):
        odd = sorted(map(str, set(row) ^ set(names)))
        if odd:
            raise TableError(
                f"row {place} and row 1 do not have the same columns ({', '.join(odd)}): give "
                "every row a cell of each, None where there is nothing"
            )
    return [(name, [row[name] for row in rows]) for name in names]


def column_named(columns: Columns, name: str) -> str:
    """Return the name of the column that ``name`` asks for: its own, or the published one.

    Raises ``TableError`` where there is neither, naming the nearest.

    >>> column_named({"layerwise_variance_mean": [0.1]}, "lambda1_var")
    'layerwise_variance_mean'
    """
    if name in columns:
        return name
    published = PUBLISHED_NAMES.get(name, "")
    if published in columns:
        return published
    near = get_close_matches(name, columns, n=1, cutoff=0.5)
    hint = f"did you mean {near[0]!r}? " if near else ""
    also = f" (nor {published!r}, which the published files call it)" if published else ""
    raise TableError(
        f"there is no column {name!r}{also}: {hint}the table has {', '.join(map(repr, columns))}"
    )


def row_named(columns: Columns, place: int) -> str:
    """Return a row in words: its number from 1, and its key where the table has one.

    >>> row_named({"condition": ["A"], "seed_id": ["s"], "repeat_index": [0], "x": [1.0]}, 0)
    'row 1 (condition A, seed_id s, repeat_index 0)'
    """
    key = [f"{name} {columns[name][place]}" for name in KEY if name in columns]
    return f"row {place + 1} ({', '.join(key)})" if key else f"row {place + 1}"


def numbers(columns: Columns, name: str) -> NDArray[np.float64]:
    """Return a column as numbers, shape (n,); an empty cell is NaN, true is 1 and false is 0.

    Raises ``TableError`` for text, and for true or false beside other numbers than 0 and 1, with
    column, row and value.

    >>> numbers({"has_collapse": ["true", "false", ""]}, "has_collapse")
    array([ 1.,  0., nan])
    """
    cells = columns[name]
    values = np.array([_number(columns, name, place) for place in range(len(cells))])
    flagged = [place for place, cell in enumerate(cells) if _is_flag(cell)]
    odd = np.flatnonzero(~np.isin(values, (0.0, 1.0)) & ~np.isnan(values))
    if flagged and len(odd):
        raise TableError(
            f"column {name!r}, {row_named(columns, int(odd[0]))}: {cells[odd[0]]!r} stands in a "
            f"column of true and false ({row_named(columns, flagged[0])}: {cells[flagged[0]]!r}); "
            "write one kind of value in it"
        )
    return values


def _number(columns: Columns, name: str, place: int) -> float:
    cell = columns[name][place]
    if isinstance(cell, bool | np.bool_ | Real):
        return float(cell)
    text = str(cell).strip().lower()
    if cell is None or text in EMPTY:
        return float("nan")
    try:
        # Python would read 1_000 as a thousand; no table means that.
        return FLAGS[text] if text in FLAGS else float(text.replace("_", "?"))
    except ValueError:
        raise TableError(
            f"column {name!r}, {row_named(columns, place)}: {cell!r} is no number: correct the "
            "cell, or leave it empty where nothing was measured"
        ) from None


def _is_flag(cell: object) -> bool:
    return isinstance(cell, bool | np.bool_) or str(cell).strip().lower() in FLAGS


def missing(columns: Columns, name: str, values: NDArray[np.float64]) -> str:
    """Return in words how many rows of a column hold no finite number; empty where all do.

    >>> missing({"x": [1.0, None]}, "x", np.array([1.0, np.nan]))
    "column 'x' holds no finite number in 1 of 2 rows, first in row 2"
    """
    bad = np.flatnonzero(~np.isfinite(values))
    if not len(bad):
        return ""
    first = row_named(columns, int(bad[0]))
    told = f"{len(bad):,} of {len(values):,} rows"
    return f"column {name!r} holds no finite number in {told}, first in {first}"


def last_turns(columns: Columns) -> tuple[NDArray[np.float64], str]:
    """Return every conversation's last turn, shape (n,), and the name of the column that says it.

    That is ``total_turns``, or ``max_turns`` where there is no such column. Raises ``TableError``
    where there is neither, or where a cell of it is empty or not positive.

    >>> last_turns({"max_turns": [40, 40]})
    (array([40., 40.]), 'max_turns')
    """
    name = next((one for one in ("total_turns", "max_turns") if one in columns), None)
    if name is None:
        raise TableError(
            "a conversation that never collapsed has no first turn, and the table does not say how "
            "long it was: add a column 'total_turns' or 'max_turns', or leave such conversations "
            "out with censor='exclude'"
        )
    turns = numbers(columns, name)
    bad = np.flatnonzero(~(np.isfinite(turns) & (turns >= 1)))
    if len(bad):
        raise TableError(
            f"column {name!r}, {row_named(columns, int(bad[0]))}: {columns[name][bad[0]]!r} is no "
            "number of turns"
        )
    return turns, name


def first_turns(
    first: NDArray[np.float64], last: NDArray[np.float64], censor: Censor
) -> NDArray[np.float64]:
    """Return first turns (n,) with something in the place of none (NaN), which never came.

    ``after`` puts the turn after the last one, which no collapse can have; ``last`` puts the last
    one, as published, where it meets a collapse at the very end; ``exclude`` leaves NaN.

    >>> first_turns(np.array([5.0, np.nan]), np.array([40.0, 40.0]), "after")
    array([ 5., 41.])
    """
    if censor == "exclude":
        return first
    beyond = 1 if censor == "after" else 0
    return np.where(np.isnan(first), last + beyond, first)


def groups(columns: Columns, names: Sequence[str]) -> tuple[NDArray[np.int64], tuple[str, ...]]:
    """Return the group of every row, shape (n,), from 0 in the order of their names, and the names.

    Rows are of one group when their cells in all of ``names`` are written alike. Raises
    ``TableError`` for an empty cell, because such a row belongs nowhere.

    >>> groups({"condition": ["B", "A", "B"]}, ["condition"])
    (array([1, 0, 1]), ('A', 'B'))
    """
    for name in names:
        for place, cell in enumerate(columns[name]):
            if cell is None or str(cell).strip().lower() in EMPTY:
                raise TableError(
                    f"column {name!r}, {row_named(columns, place)}: the cell is empty, so the row "
                    "belongs to no group: name one, or leave the row out"
                )
    rows = zip(*(columns[name] for name in names), strict=True)
    places, known = labelled([tuple(str(cell).strip() for cell in row) for row in rows])
    return places, tuple(" / ".join(one) for one in known)


def labelled(labels: Sequence[Label]) -> tuple[NDArray[np.int64], tuple[Label, ...]]:
    """Return the place of every label among the distinct ones, shape (n,), and those in order.

    >>> labelled(["b", "a", "b"])
    (array([1, 0, 1]), ('a', 'b'))
    """
    known = tuple(sorted(set(labels)))
    place = {label: number for number, label in enumerate(known)}
    return np.array([place[label] for label in labels], dtype=np.int64), known


def equal_rows(values: Sequence[NDArray[np.float64]]) -> NDArray[np.int64]:
    """Return which rows have equal values in all columns, shape (n,): one number per distinct row.

    The numbers run from 0 in the order of the values, whatever the order of the rows.

    >>> equal_rows([np.array([2.0, 1.0, 2.0]), np.array([0.0, 0.0, 0.0])])
    array([1, 0, 1])
    """
    _, places = np.unique(np.stack(values, axis=1), axis=0, return_inverse=True)
    return np.asarray(places, dtype=np.int64).reshape(-1)
