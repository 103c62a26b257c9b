"""CSV files -> tables: one file, or a file of depth features merged with one of collapses.

A merge keeps the rows that both files have and says in words how many those are and how many it
left, with their keys. Cells stay text until a measure reads them as numbers.
"""

from __future__ import annotations

import csv
import hashlib
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from pytest_promptchaos.errors import TableError
from pytest_promptchaos.measure.tables import KEY, Cells, column_named, columns_of

if TYPE_CHECKING:
    from pytest_promptchaos.records import Control, Scalar

    Key: TypeAlias = tuple[str, ...]

PAIR = ("depth", "collapse")
"""What the tables of a pair are called that bring no name."""
SEPARATORS = {";": "';'", "\t": "tabs", "|": "'|'"}
SHOWN = 3
"""Keys without a partner that a count shows."""


@dataclass(frozen=True, kw_only=True)
class Table:
    """Columns of one length with where they come from, and in ``counts`` what a merge did.

    ``settings`` are the knobs that the cells depend on, ``controls`` the guards of what they hold:
    where one failed, the cells are no evidence. A file of somebody else's has neither.
    """

    name: str
    columns: Mapping[str, Cells]
    counts: tuple[str, ...] = ()
    settings: Mapping[str, Scalar] = field(default_factory=dict)
    controls: tuple[Control, ...] = ()

    @property
    def rows(self) -> int:
        """How many rows there are."""
        return len(next(iter(self.columns.values()), ()))

    @property
    def fingerprint(self) -> str:
        """The sha256 of all columns, by name, each cell as it is written."""
        written = {name: [str(cell) for cell in cells] for name, cells in self.columns.items()}
        return hashlib.sha256(json.dumps(written, sort_keys=True).encode()).hexdigest()


def table_of(table: object) -> Table:
    """Return the table itself, the one that a path or a pair names, or its columns.

    A pair is the table of depth features, then that of collapses, merged as by :func:`read_pair`;
    each may be a path, a data frame, a structured array or a mapping of columns.
    """
    if isinstance(table, list | tuple) and table and all(map(_is_whole, table)):
        if len(table) != 2:
            raise TableError(
                f"{len(table)} tables were given: pass one, or two, the depth features first and "
                "the collapses second"
            )
        depth, collapse = (_named(name, one) for name, one in zip(PAIR, table, strict=True))
        return merged(depth, collapse)
    return _named("table", table)


def _named(name: str, table: object) -> Table:
    """Return a table that brings no name of its own under this one."""
    if isinstance(table, Table):
        return table
    if isinstance(table, str | Path):
        return read_table(table)
    return Table(name=name, columns=columns_of(table))


def _is_whole(part: Any) -> bool:
    """Return whether a part of a sequence is a table of its own, and not a row."""
    if isinstance(part, Table | str | Path):
        return True
    if isinstance(part, Mapping):
        return all(map(_is_column, part.values()))
    names = getattr(part, "columns", None)
    names = getattr(getattr(part, "dtype", None), "names", None) if names is None else names
    return names is not None and _is_column(part)


def _is_column(cells: Any) -> bool:
    several = hasattr(cells, "__len__") and getattr(cells, "ndim", 1) > 0
    return several and not isinstance(cells, str)


def read_pair(depth_csv: str | Path, collapse_csv: str | Path) -> Table:
    """Return a file of depth features and one of collapses, merged on their key.

    The key is ``condition``, ``seed_id`` and ``repeat_index``, as in the published files, which
    load as they are. Raises ``TableError`` as :func:`read_table` and :func:`merged` do.
    """
    return merged(read_table(depth_csv), read_table(collapse_csv))


def read_table(path: str | Path) -> Table:
    """Return a CSV file as columns of text, named after the file.

    Raises ``TableError`` for a file that is not there, is no UTF-8 text, has no header or no
    rows, names a column twice, or has a row with another number of cells than the header.
    """
    file = Path(path)
    try:
        with file.open(newline="", encoding="utf-8-sig") as opened:
            reader = csv.reader(opened, strict=True)
            lines = [(reader.line_num, row) for row in reader if row]
    except UnicodeDecodeError as error:
        raise TableError(
            f"{path} cannot be read as a CSV file: it is no UTF-8 text ({error.reason} at byte "
            f"{error.start}): save it as UTF-8, which spreadsheets offer as 'CSV UTF-8'"
        ) from error
    except (OSError, csv.Error) as error:
        why = getattr(error, "strerror", None) or error
        raise TableError(f"{path} cannot be read as a CSV file: {why}") from error
    if len(lines) < 2:
        raise TableError(f"{path} has no rows: it takes a header and one line per conversation")
    (_, header), *rows = lines
    names = [name.strip() for name in header]
    _check_separator(path, names)
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise TableError(f"{path} names the column {twice[0]!r} twice: give each a name of its own")
    for number, row in rows:
        if len(row) != len(names):
            raise TableError(
                f"{path}, line {number}: {len(row)} cells under a header of {len(names)}: quote "
                "cells that hold a comma, and leave empty cells empty"
            )
    columns = {name: [row[place] for _, row in rows] for place, name in enumerate(names)}
    return Table(name=file.stem, columns=columns)


def _check_separator(path: str | Path, names: Sequence[str]) -> None:
    """Raise ``TableError`` for a header that holds together what something else separates."""
    found = [told for sign, told in SEPARATORS.items() if len(names) == 1 and sign in names[0]]
    if found:
        raise TableError(
            f"{path} looks separated by {found[0]}: its header is one cell ({names[0]!r:.40}...); "
            "save it with commas between the cells"
        )


def check_once(table: Table) -> None:
    """Raise ``TableError`` where a table has the columns of a key, and two rows of one key.

    Rows that are there twice would count twice as evidence.
    """
    if set(KEY) <= set(table.columns):
        _keyed(table, KEY)


def merged(first: Table, second: Table, on: Sequence[str] = KEY) -> Table:
    """Return two tables side by side: the rows whose key both have, in the order of the first.

    A column of both is kept once where it agrees, else twice, with its table's name in front.
    The same goes for settings; the controls of both are kept. ``counts`` say how many rows went
    in, came out and found no partner. Raises ``TableError`` for a table that lacks a column of the
    key or has a key twice, and where no key is in both.
    """
    left, right = _keyed(first, on), _keyed(second, on)
    both = [key for key in left if key in right]
    if not both:
        raise TableError(
            f"no row of {first.name} and {second.name} has the same {', '.join(on)}: "
            f"{_written(next(iter(left)))} is in the first and {_written(next(iter(right)))} in "
            "the second; were they made from the same conversations?"
        )
    columns = {name: [cells[left[key]] for key in both] for name, cells in first.columns.items()}
    counts = [_merge_words(first, second, left, right, on)]
    for name, cells in second.columns.items():
        if name in on:
            continue
        kept = [cells[right[key]] for key in both]
        if name in columns and columns[name] != kept:
            columns[f"{first.name}:{name}"] = columns.pop(name)
            columns[f"{second.name}:{name}"] = kept
            counts.append(f"column {name!r} differs between the two, so each keeps its own")
        else:
            columns[name] = kept
    return Table(
        name=f"{first.name}+{second.name}",
        columns=columns,
        counts=(*first.counts, *second.counts, *counts),
        settings=_settings(first, second),
        controls=(*first.controls, *second.controls),
    )


def _settings(first: Table, second: Table) -> dict[str, Scalar]:
    """Return the settings of both, one that differs twice, with its table's name in front."""
    unlike = {
        name
        for name, value in first.settings.items()
        if name in second.settings and second.settings[name] != value
    }
    return {
        f"{table.name}:{name}" if name in unlike else name: value
        for table in (first, second)
        for name, value in table.settings.items()
    }


def _keyed(table: Table, on: Sequence[str]) -> dict[Key, int]:
    """Return the row of every key; raise ``TableError`` for a key that is there twice."""
    try:
        cells = [table.columns[column_named(table.columns, name)] for name in on]
    except TableError as error:
        raise TableError(f"{table.name} cannot be merged on {', '.join(on)}: {error}") from error
    found: dict[Key, int] = {}
    for place, row in enumerate(zip(*cells, strict=True)):
        key = tuple(_part(cell) for cell in row)
        if key in found:
            raise TableError(
                f"{table.name} has {_written(key)} twice, in rows {found[key] + 1} and "
                f"{place + 1}: a conversation counts once; take one of the two out"
            )
        found[key] = place
    return found


def _part(cell: object) -> str:
    """Return a cell of a key as text, a whole number without its point: 3, 3.0 and '3' are one."""
    text = str(cell).strip()
    whole = text.removesuffix(".0")
    return whole if whole.isdecimal() else text


def _written(key: Key) -> str:
    return " / ".join(key)


def _merge_words(
    first: Table,
    second: Table,
    left: Mapping[Key, int],
    right: Mapping[Key, int],
    on: Sequence[str],
) -> str:
    both = sum(key in right for key in left)
    told = (
        f"{len(left):,} rows of {first.name} and {len(right):,} of {second.name} merge into "
        f"{both:,} on {', '.join(on)}"
    )
    alone = [
        f"{len(keys):,} of {name} without a partner ({_some(keys)})"
        for name, keys in (
            (first.name, [key for key in left if key not in right]),
            (second.name, [key for key in right if key not in left]),
        )
        if keys
    ]
    return f"{told}; {', '.join(alone) or 'none is without a partner'}"


def _some(keys: Sequence[Key]) -> str:
    more = f" and {len(keys) - SHOWN:,} more" if len(keys) > SHOWN else ""
    return ", ".join(map(_written, keys[:SHOWN])) + more
