"""YAML text as plain data that still knows its lines.

Plain words are read by the YAML 1.2 core schema, as editors read them: ``true`` is a boolean,
``12`` a number and ``null`` nothing, while ``No``, ``on``, ``12:30`` and ``2024-01-01`` are text,
because in a prompt they are. Mappings become dictionaries, lists become tuples.
"""

from __future__ import annotations

import os
import re
from bisect import bisect_right
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import yaml

from pytest_promptchaos.errors import SuiteError
from pytest_promptchaos.suite.problems import NO_VALUE, Problem, shorten, suite_error

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pytest_promptchaos.suite.problems import Keys

REPEATED_AT_MOST: Final = 100_000
"""Values that the aliases of one file may add; a suite repeats a handful, a bomb billions."""

_TAG = "tag:yaml.org,2002:"
_STRUCTURE = {_TAG + "map", _TAG + "seq", _TAG + "str"}


# The Python parser, not the three times faster C one: that one overflows the stack, and takes
# pytest down with it, on a file of 100,000 opening brackets.
class _CoreLoader(yaml.SafeLoader):
    """Resolves plain words by the YAML 1.2 core schema."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012


for _name, _pattern, _first in (
    ("null", r"(?:~|null|Null|NULL|)$", ["~", "n", "N", ""]),
    ("bool", r"(?:true|True|TRUE|false|False|FALSE)$", list("tTfF")),
    ("int", r"(?:[-+]?[0-9]{1,400}|0o[0-7]{1,400}|0x[0-9a-fA-F]{1,400})$", list("-+0123456789")),
    ("float", r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?$", list("-+.0123456789")),
    ("float", r"(?:[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))$", list("-+.")),
    ("merge", r"<<$", ["<"]),
):
    _CoreLoader.add_implicit_resolver(_TAG + _name, re.compile(_pattern), _first)


def _integer(text: str) -> int:
    return int(text, 0) if text[:2] in {"0o", "0x"} else int(text)


def _floating(text: str) -> float:
    return float(text.lower().replace(".inf", "inf").replace(".nan", "nan"))


_SCALARS: dict[str, Callable[[str], object]] = {
    _TAG + "null": lambda _: None,
    _TAG + "bool": lambda text: text.lower() == "true",
    _TAG + "int": _integer,
    _TAG + "float": _floating,
}


class _Unreadable(Exception):  # noqa: N818 - words on their way into SuiteError, never seen
    """Nothing can be read past this: (line, words)."""


_SUITE = "a suite has version, prompts and checks"


class _Lines:
    """Counts lines as editors do; YAML also takes U+2028 and U+0085 for line breaks."""

    def __init__(self, text: str) -> None:
        self._breaks = [found.end() for found in re.finditer(r"\r\n|\r|\n", text)]

    def at(self, position: int) -> int:
        return 1 + bisect_right(self._breaks, position)


class Source:
    """A suite file: its plain ``data``, and the line of everything in it.

    ``problems`` hold what YAML itself would pass over in silence: a key written twice, a key
    that is no text, a tag. ``absent`` holds the keys without a value.
    """

    def __init__(self, file: str, text: str, lines: _Lines, holds: str = _SUITE) -> None:
        """Read ``text``; ``file`` is the name under which problems report it."""
        self.file = file
        self.problems: list[Problem] = []
        self.absent: list[Problem] = []
        self._lines = lines
        loader = _CoreLoader(text)
        root = loader.get_single_node()
        if root is None or root.tag == _TAG + "null":
            raise _Unreadable(1, f"the file is empty; {holds}")
        self._root: yaml.Node = root
        self._refuse_alias_bomb()
        self._note_silent_problems(root, (), set())
        # A merge (<<) is resolved only now: before it, the same key twice is a mistake.
        self.data = _plain(root, loader, {})

    def line(self, keys: Keys) -> int:
        """Return the line of the value at ``keys``, or of what surrounds it if it is absent."""
        return self._line(self._nodes(keys)[-1][1])

    def key_line(self, keys: Keys) -> int:
        """Return the line of the key itself; for an entry of a list, of the entry."""
        return self._line(self._nodes(keys)[-1][0])

    def written(self, keys: Keys) -> str:
        """Return the value at ``keys`` as it stands in the file, shortened; empty if no scalar."""
        node = self._nodes(keys)[-1][1]
        return shorten(node.value) if isinstance(node, yaml.ScalarNode) else ""

    def holds(self, keys: Keys) -> bool:
        """Return whether there is anything at ``keys``."""
        return len(self._nodes(keys)) > len(keys)

    def _nodes(self, keys: Keys) -> list[tuple[yaml.Node, yaml.Node]]:
        """Return (key, value) nodes from the root down, as far as ``keys`` exist."""
        nodes = [(self._root, self._root)]
        for key in keys:
            entry = _entry(nodes[-1][1], key)
            if entry is None:
                break
            nodes.append(entry)
        return nodes

    def _line(self, node: yaml.Node) -> int:
        return self._lines.at(node.start_mark.index)

    def _note(self, node: yaml.Node, keys: Keys, words: str) -> None:
        self.problems.append(Problem(line=self._line(node), keys=keys, words=words))

    def _refuse_alias_bomb(self) -> None:
        sizes: dict[int, int] = {}
        repeated = self._written_out(self._root, sizes) - len(sizes)
        if repeated > REPEATED_AT_MOST:
            raise _Unreadable(
                1,
                f"the aliases (*name) repeat more than {REPEATED_AT_MOST:,} values; "
                "write the suite without nesting aliases in aliases",
            )

    def _written_out(self, node: yaml.Node, sizes: dict[int, int]) -> int:
        """Return how many values ``node`` holds once its aliases are written out."""
        if id(node) not in sizes:
            sizes[id(node)] = 0  # being counted: met again below itself, it is a circle
            sizes[id(node)] = 1 + sum(self._written_out(below, sizes) for below in _below(node))
        if not sizes[id(node)]:
            raise _Unreadable(self._line(node), "an alias (*name) lies inside what it names")
        return sizes[id(node)]

    def _note_silent_problems(self, node: yaml.Node, keys: Keys, seen: set[int]) -> None:
        if id(node) in seen:
            return
        seen.add(id(node))
        if node.tag not in _STRUCTURE and node.tag not in _SCALARS and node.tag != _TAG + "merge":
            tag = shorten(node.tag.replace(_TAG, "!!"))
            self._note(node, keys, f"{tag} is a YAML tag, not text; quote a text that starts so")
        if isinstance(node, yaml.MappingNode):
            self._note_keys(node, keys)
        for key, value in _entries(node):
            self._note_silent_problems(value, (*keys, key), seen)

    def _note_keys(self, node: yaml.MappingNode, keys: Keys) -> None:
        first: dict[str, int] = {}
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode):
                self._note(key, keys, "a key is one word; quote a text that starts with { or [")
                continue
            where = (*keys, key.value)
            if key.value in first:
                words = f"written twice, first on line {first[key.value]}; remove one of the two"
                self._note(key, where, words)
            elif value.tag == _TAG + "null":
                self.absent.append(Problem(line=self._line(key), keys=where, words=NO_VALUE))
            first.setdefault(key.value, self._line(key))


def _below(node: yaml.Node) -> Iterator[yaml.Node]:
    if isinstance(node, yaml.MappingNode):
        for pair in node.value:
            yield from pair
    elif isinstance(node, yaml.SequenceNode):
        yield from node.value


def _entries(node: yaml.Node) -> Iterator[tuple[str | int, yaml.Node]]:
    if isinstance(node, yaml.MappingNode):
        yield from ((key.value, value) for key, value in node.value if _is_text(key))
    elif isinstance(node, yaml.SequenceNode):
        yield from enumerate(node.value)


def _is_text(key: yaml.Node) -> bool:
    return isinstance(key, yaml.ScalarNode)


def _entry(node: yaml.Node, key: str | int) -> tuple[yaml.Node, yaml.Node] | None:
    if isinstance(node, yaml.SequenceNode) and isinstance(key, int):
        return (node.value[key], node.value[key]) if key < len(node.value) else None
    pairs = node.value if isinstance(node, yaml.MappingNode) else []
    # The last one counts: merged keys stand before the mapping's own.
    return next((pair for pair in reversed(pairs) if pair[0].value == key), None)


def _plain(node: yaml.Node, loader: Any, done: dict[int, object]) -> object:
    """Return ``node`` as dictionaries, tuples and scalars; an aliased node becomes one object."""
    if id(node) not in done:
        if isinstance(node, yaml.MappingNode):
            loader.flatten_mapping(node)
        if isinstance(node, yaml.ScalarNode):
            done[id(node)] = _scalar(node)
        elif isinstance(node, yaml.SequenceNode):
            done[id(node)] = tuple(_plain(value, loader, done) for value in node.value)
        else:
            done[id(node)] = {key: _plain(value, loader, done) for key, value in _entries(node)}
    return done[id(node)]


def _scalar(node: yaml.ScalarNode) -> object:
    try:
        return _SCALARS.get(node.tag, str)(node.value)
    except ValueError:  # only an explicit tag gets here, as in `!!int many`
        return str(node.value)


def read_source(path: str | os.PathLike[str], holds: str = _SUITE) -> Source:
    """Return the file at ``path`` as :class:`Source`; raises ``SuiteError`` if it is no YAML.

    ``holds`` says what should be there, for a file that is empty.
    """
    file = os.fspath(path)
    try:
        return _parse(file, _text(file), holds)
    except _Unreadable as unreadable:
        line, words = unreadable.args
    raise suite_error(file, [Problem(line=line, words=words)])


def _text(file: str) -> str:
    try:
        data = Path(file).read_bytes()
        return data.decode("utf-8-sig")
    except OSError as error:
        raise SuiteError(f"{file}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        line = 1 + data.count(b"\n", 0, error.start)
        words = f"byte 0x{data[error.start]:02x} is not UTF-8; save the file as UTF-8"
        raise _Unreadable(line, words) from error


def _parse(file: str, text: str, holds: str) -> Source:
    lines = _Lines(text)
    try:
        return Source(file, text, lines, holds)
    except yaml.MarkedYAMLError as error:
        raise _Unreadable(*_syntax(error, lines)) from error
    except yaml.reader.ReaderError as error:
        words = f"the character {chr(error.character)!r} may not stand in YAML; remove it"
        raise _Unreadable(lines.at(error.position), words) from error
    except RecursionError as error:
        raise _Unreadable(1, "nested too deeply; a suite has five levels") from error


_ADVICE = (
    ("mapping values are not allowed", "text that holds ': ' needs quotes"),
    ("cannot start any token", "quote text that starts so, and indent with spaces, not with tabs"),
    ("alias", "text that starts with * needs quotes"),
    ("anchor", "text that starts with & needs quotes"),
    ("while parsing a flow", "between brackets, quote text that holds one of , ? : [ ] { }"),
    ("another document", "a suite file holds one suite: remove the line ---"),
    ("", "look at quotes, brackets and indentation here and on the line before"),
)


def _syntax(error: yaml.MarkedYAMLError, lines: _Lines) -> tuple[int, str]:
    began, found = (
        lines.at(mark.index) if mark else 1 for mark in (error.context_mark, error.problem_mark)
    )
    context = f"{error.context}, " if error.context else ""
    if error.context_mark and began < found:
        context = f"{error.context} from line {began}, "
    problem = f"{context}{error.problem}"
    advice = next(advice for part, advice in _ADVICE if part in problem)
    return found, f"not valid YAML: {problem}; {advice}"
