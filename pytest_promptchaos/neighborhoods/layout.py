"""The 12 kinds of layout edit: whitespace added or exchanged, every other character kept."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_promptchaos.neighborhoods.prose import MARKS, Change

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from pytest_promptchaos.neighborhoods.prose import Gap, Prose

EDGE_KINDS = frozenset(
    {
        "trailing_space",
        "leading_space",
        "trailing_newline",
        "leading_newline",
        "crlf_suffix",
        "tab_indent",
    }
)
"""Kinds that change only the prompt's edges, which many chat templates strip."""


def _counted(number: int, what: str) -> str:
    return f"added {number} {what}{'s' if number > 1 else ''}"


def _trailing_space(prose: Prose) -> Iterator[Change]:
    end = len(prose.text)
    for count in range(1, 5):
        yield Change(_counted(count, "trailing space"), end, end, " " * count)


def _leading_space(prose: Prose) -> Iterator[Change]:
    if prose.may_be_indented:
        for count in range(1, 5):
            yield Change(_counted(count, "leading space"), 0, 0, " " * count)


def _trailing_newline(prose: Prose) -> Iterator[Change]:
    end = len(prose.text)
    for count in range(1, 4):
        yield Change(_counted(count, "trailing newline"), end, end, "\n" * count)


def _leading_newline(_prose: Prose) -> Iterator[Change]:
    for count in range(1, 3):
        yield Change(_counted(count, "leading newline"), 0, 0, "\n" * count)


def _crlf_suffix(prose: Prose) -> Iterator[Change]:
    end = len(prose.text)
    yield Change("added a trailing carriage return and newline", end, end, "\r\n")


def _tab_indent(prose: Prose) -> Iterator[Change]:
    if prose.may_be_indented:
        yield Change("indented the prompt with a tab", 0, 0, "\t")


def _anywhere(_prose: Prose, _gap: Gap) -> bool:
    return True


def _not_behind_mark(prose: Prose, gap: Gap) -> bool:
    """Whether the gap is layout alone; behind a mark the same edit is a ``space_after_mark``."""
    return prose.text[gap.start - 1] not in MARKS


def _wraps(_prose: Prose, gap: Gap) -> bool:
    return gap.wraps


def _in_gaps(
    new: str, words: str, fits: Callable[[Prose, Gap], bool] = _anywhere
) -> Callable[[Prose], Iterator[Change]]:
    """Return the kind that puts ``new`` in the place of a single space between two words."""

    def changes(prose: Prose) -> Iterator[Change]:
        for gap in prose.gaps:
            if fits(prose, gap):
                yield Change(words.format(gap.after.name), gap.start, gap.start + 1, new)

    return changes


FORMAT: Mapping[str, Callable[[Prose], Iterator[Change]]] = {
    "trailing_space": _trailing_space,
    "leading_space": _leading_space,
    "trailing_newline": _trailing_newline,
    "leading_newline": _leading_newline,
    "crlf_suffix": _crlf_suffix,
    "tab_indent": _tab_indent,
    "doubled_space": _in_gaps("  ", "doubled the space after {}", _not_behind_mark),
    "tripled_space": _in_gaps("   ", "tripled the space after {}"),
    "line_wrap": _in_gaps("\n", "broke the line after {}", _wraps),
    "blank_line_wrap": _in_gaps("\n\n", "put a blank line after {}", _wraps),
    "tab_after_space": _in_gaps(" \t", "added a tab behind the space after {}"),
    "no_break_space": _in_gaps("\u00a0", "made the space after {} a no-break space"),
}
