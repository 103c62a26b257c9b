"""Files of human or model raters -> labels of conversations, or of single turns."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from pytest_promptchaos.errors import TableError
from pytest_promptchaos.tables import read_table

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    Row: TypeAlias = Mapping[str, object]

Thing: TypeAlias = tuple[str, str, int, int | None]
"""What is labeled: condition, seed id, repeat, and the turn from 1, ``None`` for all of them."""

COLLAPSED = {"1", "1.0", "true", "yes", "collapse", "collapsed"}
NOT_COLLAPSED = {"0", "0.0", "false", "no", "none", "not collapsed"}
SHOWN = 3
"""Things without a partner, or labels that cannot be read, that the words show."""


@dataclass(frozen=True, kw_only=True)
class Label:
    """What one rater says of one conversation, or of one turn of it, counted from 1."""

    condition: str
    seed_id: str
    repeat: int
    turn: int | None
    rater: str
    collapsed: bool

    @property
    def thing(self) -> Thing:
        """What was labeled, whoever did it."""
        return (self.condition, self.seed_id, self.repeat, self.turn)


@dataclass(frozen=True, kw_only=True)
class Labels:
    """All labels of some files.

    ``unreadable`` names those that say neither yes nor no, ``read`` counts the rows.
    """

    labels: tuple[Label, ...]
    unreadable: tuple[str, ...] = ()
    read: int = 0

    @property
    def words(self) -> str:
        """How many rows carried a label, and which did not."""
        told = f"{len(self.labels):,} of {self.read:,} rows carry a label"
        if not self.unreadable:
            return told
        return f"{told}; {len(self.unreadable):,} cannot be read ({some(self.unreadable)})"


def read_labels(*paths: str | Path) -> Labels:
    """Return the labels of one or several CSV or JSONL files.

    Columns: ``condition``, ``seed_id``, ``repeat_index`` (or ``tuple_key``, the three joined by
    ``|``, as published), ``label`` and optionally ``turn`` and ``rater``; without ``rater`` the
    file's name, less its ending, is the rater's. A label is 1, true, yes or collapse, or 0, false,
    no or none; what is neither is counted and named in ``unreadable``.

    Raises:
        TableError: for a file that cannot be read or is given twice, two files of one name whose
            raters no column tells apart, a missing column, a repeat or turn that is no number, a
            thing that one rater labels twice, and files without a readable label.
    """
    found: dict[tuple[str, Thing], tuple[Label, str]] = {}
    unreadable, read = [], 0
    unnamed: dict[str, Path] = {}
    for path in _once(paths):
        for number, row in enumerate(_rows(path), start=1):
            where, read = f"{path}, row {number}", read + 1
            if _blank(row.get("rater")):
                _apart(path, unnamed.setdefault(path.stem, path))
            said = _said(_cell(row, "label", where))
            if said is None:
                unreadable.append(f"{where}: {row['label']!r}")
                continue
            label = _label(row, said, path.stem, where)
            before = found.setdefault((label.rater, label.thing), (label, where))
            if before[1] != where:
                raise TableError(
                    f"{label.rater} labels {written(label.thing)} twice, in {before[1]} and in "
                    f"{where}: keep one of the two, or name the raters in a column 'rater'"
                )
    if not found:
        raise TableError(
            f"{', '.join(map(str, paths)) or 'no file'}: none of {read} labels says yes or no"
            f"{f' ({some(unreadable)})' if unreadable else ''}: write 1 for a collapse, 0 for none"
        )
    labels = tuple(label for label, _ in found.values())
    return Labels(labels=labels, unreadable=tuple(unreadable), read=read)


def _once(paths: Sequence[str | Path]) -> Iterator[Path]:
    """Yield the paths as they were given, none of them twice."""
    seen: set[Path] = set()
    for path in map(Path, paths):
        if path.resolve() in seen:
            raise TableError(f"{path} is given twice: its labels would count twice, name it once")
        seen.add(path.resolve())
        yield path


def _apart(path: Path, before: Path) -> None:
    """Raise ``TableError`` where two files name their raters by one name of theirs."""
    if path != before:
        raise TableError(
            f"{before} and {path} both name their rater {path.stem!r}, by the name of the file: "
            "rename one of them, or name the raters in a column 'rater'"
        )


def _rows(path: Path) -> Iterator[Row]:
    """Yield the rows of a file, by the name of its kind."""
    if path.suffix.lower() == ".jsonl":
        yield from _json_rows(path)
    elif path.suffix.lower() == ".csv":
        columns = read_table(path).columns
        for cells in zip(*columns.values(), strict=True):
            yield dict(zip(columns, cells, strict=True))
    else:
        raise TableError(f"{path} is no file of labels: name a .csv or a .jsonl file")


def _json_rows(path: Path) -> Iterator[Row]:
    try:
        lines = [line for line in path.read_text(encoding="utf-8-sig").splitlines() if line.strip()]
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or error
        raise TableError(f"{path} cannot be read as JSONL: {why}") from error
    for number, line in enumerate(lines, start=1):
        try:
            row = json.loads(line)
        except json.JSONDecodeError as error:
            raise TableError(f"{path}, row {number} is no JSON: {error}") from error
        if not isinstance(row, dict):
            raise TableError(
                f"{path}, row {number} is {line[:60]!r}: every line holds one object with "
                "'condition', 'seed_id', 'repeat_index' and 'label'"
            )
        yield row


def _cell(row: Row, name: str, where: str) -> object:
    if name not in row:
        raise TableError(
            f"{where}: there is no column {name!r}, only {', '.join(map(repr, row))}: labels have "
            "'condition', 'seed_id', 'repeat_index' (or 'tuple_key') and 'label'"
        )
    return row[name]


def _said(cell: object) -> bool | None:
    """Return what a label says, ``None`` where it is neither yes nor no."""
    text = "" if cell is None else str(cell).strip().lower()
    return True if text in COLLAPSED else False if text in NOT_COLLAPSED else None


def _label(row: Row, said: bool, stem: str, where: str) -> Label:
    condition, seed_id, repeat = _conversation(row, where)
    rater, turn = row.get("rater"), row.get("turn")
    return Label(
        condition=condition,
        seed_id=seed_id,
        repeat=_count("repeat_index", repeat, 0, where),
        turn=None if _blank(turn) else _count("turn", turn, 1, where),
        rater=stem if _blank(rater) else str(rater).strip(),
        collapsed=said,
    )


def _blank(cell: object) -> bool:
    return cell is None or not str(cell).strip()


def _conversation(row: Row, where: str) -> tuple[str, str, object]:
    """Return condition, seed id and repeat as they are written."""
    if "tuple_key" in row and "condition" not in row:
        parts = str(row["tuple_key"]).split("|")
        if len(parts) != 3:
            raise TableError(
                f"{where}: tuple_key is {row['tuple_key']!r}: it joins condition, seed id and "
                "repeat by '|'"
            )
        return parts[0].strip(), parts[1].strip(), parts[2]
    condition, seed_id = (str(_cell(row, name, where)).strip() for name in ("condition", "seed_id"))
    return condition, seed_id, _cell(row, "repeat_index", where)


def _count(name: str, cell: object, least: int, where: str) -> int:
    """Return a whole number of at least ``least``; data frames write 3 as 3.0."""
    text = str(cell).strip().removesuffix(".0")
    if not text.isdecimal() or int(text) < least:
        raise TableError(f"{where}: {name} is {cell!r}: write a whole number from {least} on")
    return int(text)


def written(thing: Thing) -> str:
    """Return what is labeled in words.

    >>> written(("HOMO_A", "planning_0", 2, 7))
    'HOMO_A / planning_0 / 2, turn 7'
    """
    condition, seed_id, repeat, turn = thing
    return f"{condition} / {seed_id} / {repeat}" + ("" if turn is None else f", turn {turn}")


def some(told: Sequence[str]) -> str:
    """Return the first few of what is told, and how many more there are.

    >>> some(["a", "b", "c", "d"])
    'a, b, c and 1 more'
    """
    more = f" and {len(told) - SHOWN:,} more" if len(told) > SHOWN else ""
    return ", ".join(told[:SHOWN]) + more
