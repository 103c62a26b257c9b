"""The options of one pytest run: one table, from which flags, ini keys and the docs are made.

Imports nothing heavy, because pytest reads it at every start.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from difflib import get_close_matches
from typing import TYPE_CHECKING, Literal

from pytest_promptchaos.errors import PromptChaosError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


@dataclass(frozen=True, kw_only=True)
class Option:
    """One option: its name without prefix, what it takes, its default and its help."""

    name: str
    kind: Literal["text", "list", "integer", "switch"]
    default: str
    help: str
    choices: tuple[str, ...] = ()
    least: int = 0
    marker: bool = True

    @property
    def flag(self) -> str:
        """The command line flag."""
        return f"--promptchaos-{self.name.replace('_', '-')}"

    @property
    def ini(self) -> str:
        """The key in ``[tool.pytest]`` or any other ini file of pytest."""
        return f"promptchaos_{self.name}"


OPTIONS: tuple[Option, ...] = (
    Option(
        name="model",
        kind="list",
        default="bundled:tiny-chat",
        help="model pin; repeat it to run every test on several models",
    ),
    Option(
        name="device",
        kind="text",
        default="auto",
        help="auto, cpu, cuda, cuda:N or mps; a device that is not there is an error",
        marker=False,
    ),
    Option(
        name="dtype",
        kind="text",
        default="auto",
        help="dtype of the computation; auto is what the checkpoint names",
        choices=("auto", "float64", "float32", "bfloat16", "float16"),
        marker=False,
    ),
    Option(
        name="embedder",
        kind="text",
        default="auto",
        help="embedder pin, or none; auto is offline:all-MiniLM-L6-v2 where it is installed",
        marker=False,
    ),
    Option(
        name="horizon",
        kind="integer",
        least=1,
        default="64",
        help="tokens decoded per run, at most",
    ),
    Option(name="per_rung", kind="integer", least=1, default="4", help="neighbors drawn per rung"),
    Option(name="seed", kind="integer", default="0", help="seed of neighborhoods and tangents"),
    Option(
        name="min_effective",
        kind="integer",
        least=1,
        default="6",
        help="fewest effective neighbors on which a verdict is given",
    ),
    Option(
        name="inconclusive",
        kind="text",
        default="fail",
        help="what an inconclusive verdict does to the test",
        choices=("fail", "warn"),
    ),
    Option(
        name="null",
        kind="integer",
        default="0",
        help="random initializations shown beside every depth profile",
    ),
    Option(
        name="tangent_memory",
        kind="integer",
        default="0",
        help="MiB that the tangents of one layer may take at a time; 0: all at once",
        marker=False,
    ),
    Option(
        name="batch_rows",
        kind="integer",
        default="0",
        help="rows of the fixed batch shape, part of what a result depends on; "
        "0: a whole neighborhood, as far as the free memory allows",
        marker=False,
    ),
    Option(
        name="threads",
        kind="integer",
        least=1,
        default="1",
        help="CPU threads of every process; part of what a result depends on",
        marker=False,
    ),
    Option(
        name="models_kept",
        kind="integer",
        least=1,
        default="2",
        help="models whose weights stay in memory at the same time",
        marker=False,
    ),
    Option(
        name="dir",
        kind="text",
        default=".promptchaos",
        help="folder of the evidence store and the reports, relative to the root directory",
        marker=False,
    ),
    Option(
        name="fresh",
        kind="switch",
        default="false",
        help="measure again instead of reading the evidence store, which keeps what was first",
        marker=False,
    ),
    Option(
        name="no_report",
        kind="switch",
        default="false",
        help="write no records, JUnit and HTML files at the end",
        marker=False,
    ),
    Option(
        name="allow_unpinned",
        kind="switch",
        default="false",
        help="accept a hub pin without a full commit",
        marker=False,
    ),
)
BY_NAME = {option.name: option for option in OPTIONS}
MARKER_KEYS = tuple(option.name for option in OPTIONS if option.marker)


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The resolved options. Field names are those of :data:`OPTIONS`."""

    model: tuple[str, ...] = ("bundled:tiny-chat",)
    device: str = "auto"
    dtype: str = "auto"
    embedder: str = "auto"
    horizon: int = 64
    per_rung: int = 4
    seed: int = 0
    min_effective: int = 6
    inconclusive: str = "fail"
    null: int = 0
    tangent_memory: int = 0
    batch_rows: int = 0
    threads: int = 1
    models_kept: int = 2
    dir: str = ".promptchaos"
    fresh: bool = False
    no_report: bool = False
    allow_unpinned: bool = False


def resolve(*layers: tuple[str, Mapping[str, object]]) -> Settings:
    """Return the settings of several layers, the first that sets a value wins.

    A layer is (where it comes from, its values); a ``None`` value is not set. Raises
    ``PromptChaosError`` for a misspelt key or a value that the option does not take.
    """
    values: dict[str, object] = {}
    for where, layer in layers:
        for key, value in layer.items():
            if value is not None and key not in values:
                values[key] = convert(option_named(key, where), value, where)
    return Settings(**values)  # type: ignore[arg-type]  # convert() made the declared types


def option_named(key: str, where: str, allowed: Iterable[str] = tuple(BY_NAME)) -> Option:
    """Return the option called ``key``; raises ``PromptChaosError`` with the nearest name."""
    names = tuple(allowed)
    if key in names:
        return BY_NAME[key]
    near = get_close_matches(key, names, n=1)
    hint = f"did you mean {near[0]!r}? " if near else ""
    raise PromptChaosError(f"{where}: unknown key {key!r}: {hint}there are {', '.join(names)}")


def convert(option: Option, value: object, where: str) -> object:
    """Return ``value`` in the option's type; raises ``PromptChaosError`` when it does not fit."""
    converted = _CONVERTERS[option.kind](value)
    small = isinstance(converted, int) and converted < option.least
    if converted is None or small or (option.choices and converted not in option.choices):
        wanted = " or ".join(option.choices) or _WANTED[option.kind].format(option.least)
        raise PromptChaosError(f"{where}: {option.name} is {value!r}, but it takes {wanted}")
    return converted


def _integer(value: object) -> int | None:
    text = str(value).strip()
    whole = not isinstance(value, bool) and text.isdecimal()
    return int(text) if whole else None


def _switch(value: object) -> bool | None:
    return {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}.get(
        str(value).strip().lower()
    )


def _list(value: object) -> tuple[str, ...] | None:
    parts = value.splitlines() if isinstance(value, str) else value
    if not isinstance(parts, list | tuple):
        return None
    found = tuple(str(part).strip() for part in parts if str(part).strip())
    # A model that is named twice would be counted twice.
    return found if found and len(set(found)) == len(found) else None


def _text(value: object) -> str | None:
    return value.strip() or None if isinstance(value, str) else None


_CONVERTERS = {"integer": _integer, "switch": _switch, "list": _list, "text": _text}
_WANTED = {
    "integer": "a whole number of at least {}",
    "switch": "true or false",
    "list": "a pin or a list of different pins",
    "text": "some text",
}
assert {f.name for f in fields(Settings)} == set(BY_NAME)
