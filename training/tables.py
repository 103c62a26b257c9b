"""Reads the word and fact tables beside this module, and draws and words their entries."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from training.corpus import Draw, Slots

_FOLDER = Path(__file__).resolve().parent / "tables"


@cache
def table(name: str) -> Any:
    """The parsed table `tables/<name>.json`."""
    return json.loads((_FOLDER / f"{name}.json").read_text(encoding="utf-8"))


def one_of(rows: Sequence[Slots]) -> Draw:
    """A source of contents that picks one of the given rows."""
    return lambda rng, _largest: dict(rng.choice(rows))


def with_article(noun: str) -> str:
    """Return the noun with its article: a cup, an apple."""
    return f"{'an' if noun[0] in 'aeiou' else 'a'} {noun}"


def listed(items: Sequence[str]) -> str:
    """Join with commas and a final "and"."""
    return items[0] if len(items) == 1 else f"{', '.join(items[:-1])} and {items[-1]}"


def sentence(text: str) -> str:
    """The text with an upper-case first letter and a full stop."""
    return f"{text[:1].upper()}{text[1:]}."
