"""What is wrong in a suite file: one plain sentence per problem, with its line and its keys.

pydantic reports against its models; here each report is led back to the keys as they stand in
the file, and worded for the person who typed them.
"""

from __future__ import annotations

from dataclasses import dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from pytest_promptchaos.errors import SuiteError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from pydantic import ValidationError
    from pydantic_core import ErrorDetails

    from pytest_promptchaos.suite.source import Source

Keys: TypeAlias = tuple[str | int, ...]
"""Where a value stands: ``("checks", 0, "at_most")``."""

Schema: TypeAlias = "Mapping[str, Any]"
"""A JSON Schema, or the part of one that describes a place."""

NO_VALUE: Final = "has no value; write one, or remove the key"

SHOWN_AT_MOST: Final = 50
"""Problems listed in one error; the rest is counted."""


@dataclass(frozen=True, kw_only=True)
class Problem:
    """One thing to mend: the line, the keys that lead there, and what is wrong in words."""

    line: int
    keys: Keys = ()
    words: str


def suite_error(file: str, problems: Iterable[Problem]) -> SuiteError:
    """Return one error that lists the problems by line, as ``file:line: path.of.keys: words``."""
    ordered = sorted(problems, key=lambda problem: problem.line)
    lines = [_sentence(file, problem) for problem in ordered[:SHOWN_AT_MOST]]
    if len(ordered) > SHOWN_AT_MOST:
        lines.append(f"{file}: and {len(ordered) - SHOWN_AT_MOST} more problems after these")
    return SuiteError("\n".join(lines))


def _sentence(file: str, problem: Problem) -> str:
    where = f"{dotted(problem.keys)}: " if problem.keys else ""
    return f"{file}:{problem.line}: {where}{problem.words}"


def dotted(keys: Keys) -> str:
    """Return the keys as a person writes them.

    >>> dotted(("checks", 0, "at_most"))
    'checks[0].at_most'
    """
    return "".join(_step(key) for key in keys).removeprefix(".")


def _step(key: str | int) -> str:
    if isinstance(key, int):
        return f"[{key}]"
    return f".{key}" if key.isidentifier() and len(key) <= 60 else f"[{shorten(key)!r}]"


def shorten(text: str) -> str:
    """Return ``text`` on one line of at most 60 characters."""
    line = " ".join(text.split())
    return line if len(line) <= 60 else line[:59] + "…"


def nearest(word: str, known: Iterable[str]) -> str | None:
    """Return the known word that resembles ``word`` most, if any does.

    >>> nearest("at_mots", ["at_most", "metric"])
    'at_most'
    """
    names = {name.lower(): name for name in known}
    # Swapped letters first: `horizosn` shares a longer part with `horizon` than with `horizons`.
    near = [name for name in names if sorted(name) == sorted(word.lower())]
    # 0.5 still finds a letter too many in a word of two: `idd` for `id`.
    near += get_close_matches(word.lower(), names, n=1, cutoff=0.5)
    return names[near[0]] if near else None


def unknown(kind: str, word: str, known: Sequence[str]) -> str:
    """Return the sentence about a word that is not among the known ones.

    >>> unknown("prompt", "dun", ["dune", "capital"])
    "unknown prompt 'dun'; did you mean 'dune'? allowed prompts: dune, capital"
    """
    near = nearest(word, known)
    guess = f"; did you mean {near!r}?" if near else ";"
    listed = ", ".join(known[:16]) + (", ..." if len(known) > 16 else "")
    return f"unknown {kind} {shorten(word)!r}{guess} allowed {kind}s: {listed}"


def problems_of(error: ValidationError, source: Source, schema: Schema) -> list[Problem]:
    """Return pydantic's ``error`` as problems; ``schema`` is the JSON Schema of the same models.

    A required key that is only misspelt is reported once, where it stands.
    """
    details = error.errors(include_url=False)
    reports = [report for each in details for report in _reports(each, source, schema)]
    misspelt = {report.meant for report in reports}
    return [report.problem for report in reports if report.problem.keys not in misspelt]


@dataclass(frozen=True, kw_only=True)
class _Report:
    """A problem; ``meant`` holds the absent keys that a misspelt key stands for."""

    problem: Problem
    meant: Keys | None = None


@dataclass(frozen=True, kw_only=True)
class _Place:
    """What pydantic points at: its keys in the file, its schema, and the schema around it."""

    keys: Keys
    schema: Schema
    around: Schema


def _place(root: Schema, location: Keys) -> _Place:
    keys: Keys = ()
    here = around = root
    for part in location:
        variants = _variants(here, root)
        if part in variants:  # pydantic names the variant there; the file has no such key
            here = variants[str(part)]
            continue
        keys, around = (*keys, part), here
        of_key = here.get("properties", {}).get(part, {})
        here = _resolved(here.get("items", {}) if isinstance(part, int) else of_key, root)
    return _Place(keys=keys, schema=here, around=around)


def _variants(schema: Schema, root: Schema) -> dict[str, Schema]:
    if "discriminator" in schema:
        kinds = schema["discriminator"]["mapping"]
        return {kind: _resolved({"$ref": reference}, root) for kind, reference in kinds.items()}
    # The others are told apart by the type of the value, and their tags are the types' names.
    either = [_resolved(one, root) for one in schema.get("oneOf", ())]
    return {one["type"]: one for one in either}


def _resolved(schema: Schema, root: Schema) -> Schema:
    name = schema.get("$ref", "").rpartition("/")[2]
    return {**root["$defs"][name], **schema} if name else schema


def _reports(details: ErrorDetails, source: Source, root: Schema) -> Iterator[_Report]:
    place, value = _place(root, details["loc"]), details["input"]
    if details["type"] == "union_tag_not_found":
        yield from _without_kind(place, value, source, root)
    elif details["type"] == "union_tag_invalid":
        keys = (*place.keys, place.schema["discriminator"]["propertyName"])
        words = _unlisted(value[keys[-1]], list(_variants(place.schema, root)), source, keys)
        yield _report(source, keys, words)
    elif details["type"] == "extra_forbidden":
        yield _unknown_key(place.keys, list(place.around["properties"]), source)
    elif details["type"] == "literal_error":
        allowed = place.schema.get("enum") or [place.schema["const"]]
        yield _report(source, place.keys, _unlisted(value, allowed, source, place.keys))
    elif details["type"] != "too_short" or not value:  # also sent for a list of wrong entries
        yield _report(source, place.keys, _words(details, place, source.written(place.keys)))


def _report(source: Source, keys: Keys, words: str) -> _Report:
    return _Report(problem=Problem(line=source.line(keys), keys=keys, words=words))


_CALLED: Final = ("kind", "type", "assert")
"""What the kind of a check might be called, and is not."""


def _is_another_word(key: str, value: object, name: str, kinds: Iterable[str]) -> bool:
    """Return whether a key stands for ``name``: by what it says, or by the kind behind it."""
    named = isinstance(value, str) and value in kinds
    return key in _CALLED or (named and not nearest(key, [name]))


def _without_kind(
    place: _Place, entry: Mapping[str, object], source: Source, root: Schema
) -> Iterator[_Report]:
    variants = _variants(place.schema, root)
    name = place.schema["discriminator"]["propertyName"]
    known = list(dict.fromkeys(key for kind in variants.values() for key in kind["properties"]))
    for key, value in entry.items():
        keys = (*place.keys, key)
        if _is_another_word(str(key), value, name, variants):
            words = f"unknown key {shorten(str(key))!r}; did you mean {name!r}?"
            problem = Problem(line=source.key_line(keys), keys=keys, words=words)
            yield _Report(problem=problem, meant=(*place.keys, name))
        elif key not in known:
            yield _unknown_key(keys, known, source)
    yield _report(source, (*place.keys, name), f"missing; write one of: {', '.join(variants)}")


def _unknown_key(keys: Keys, known: Sequence[str], source: Source) -> _Report:
    word = str(keys[-1])
    near = nearest(word, known)
    meant = (*keys[:-1], near) if near else None
    return _Report(
        problem=Problem(line=source.key_line(keys), keys=keys, words=unknown("key", word, known)),
        meant=meant if meant and not source.holds(meant) else None,
    )


def _unlisted(value: object, allowed: Sequence[str], source: Source, keys: Keys) -> str:
    written = source.written(keys)
    if isinstance(value, str | int | float):
        return unknown("value", written, allowed)
    return _mismatch("text", value, written)


_MEANT = {
    "string_type": "text",
    "bool_type": "true or false",
    "int_type": "a whole number",
    "float_type": "a number",
    "tuple_type": "a list",
    "dict_type": "a mapping of keys to values",
    "model_type": "a mapping of keys to values",
    "model_attributes_type": "a mapping of keys to values",
}


_SENTENCES = {
    "missing": "missing: {description}",
    "string_pattern_mismatch": "{patternErrorMessage}",
    "string_unicode": "holds half a character (a lone surrogate); write the character itself",
    "too_short": "an empty list; write at least one entry, or remove the key",
    "finite_number": "must be a finite number, not {written}",
    "greater_than": "must be above {gt}, not {written}",
    "greater_than_equal": "must be at least {ge}, not {written}",
    "less_than_equal": "must be at most {le}, not {written}",
    "less_than": "must be below {lt}, not {written}",
}
"""What to say for pydantic's kind of error, filled from its limits and the JSON Schema."""


def _words(details: ErrorDetails, place: _Place, written: str) -> str:
    kind = details["type"]
    if kind in _MEANT:
        return _mismatch(_MEANT[kind], details["input"], written)
    if kind not in _SENTENCES:
        return details["msg"]
    bounds = {name: _plain_number(bound) for name, bound in details.get("ctx", {}).items()}
    filling = {**place.schema, **bounds, "written": written}
    return _SENTENCES[kind].format_map(filling)


def _plain_number(bound: object) -> object:
    return int(bound) if isinstance(bound, float) and bound.is_integer() else bound


_FOUND: dict[type, str] = {
    bool: "the boolean {}",
    int: "the number {}",
    float: "the number {}",
    str: "the text '{}'",
    dict: "a mapping",
    tuple: "a list",
}

_REMEDIES: dict[tuple[str, type], str] = {
    ("text", bool): '; quote it: "{}"',
    ("text", int): '; quote it: "{}"',
    ("text", float): '; quote it: "{}"',
    ("text", dict): "; text that holds ': ' needs quotes",
    ("a list", str): "; write [{}]",
}


def _mismatch(meant: str, value: object, written: str) -> str:
    if value is None:
        return NO_VALUE
    remedy = _REMEDIES.get((meant, type(value)), "")
    return f"{meant} is meant, not {_FOUND[type(value)]}{remedy}".replace("{}", written)
