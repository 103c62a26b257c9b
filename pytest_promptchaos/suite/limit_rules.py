"""Limits of a suite's checks that could not be broken, or not be met: those would decide nothing.

Like the other rules, they read the plain data of the file.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pytest_promptchaos.suite.conversation_kinds import FEWEST_TURNS, NoCollapseCheck

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from pytest_promptchaos.suite.problems import Keys

SHARES: Final = {"token_edit": "a token edit distance", "answer": "what an answer metric says"}
"""The metrics that run from 0 to 1."""


def idle_limits(checks: Iterable[tuple[Keys, Mapping[str, object]]]) -> Iterator[tuple[Keys, str]]:
    """Yield place and words of every limit that decides nothing, of checks and their places."""
    for keys, check in checks:
        told = _rates(check) if check.get("check") == "no_collapse" else _shares(check)
        yield from (((*keys, name), words) for name, words in told)


def _shares(check: Mapping[str, object]) -> Iterator[tuple[str, str]]:
    default = "token_edit" if check.get("check") == "worst_neighbor" else "semantic"
    metric = check.get("metric", default)
    if not isinstance(metric, str) or metric not in SHARES:
        return
    for name in ("at_most", "at_least"):
        limit = check.get(name)
        if isinstance(limit, int | float) and 1 <= limit < 2:
            yield name, f"must be below 1, not {limit}: {SHARES[metric]} is a share"


def _rates(check: Mapping[str, object]) -> Iterator[tuple[str, str]]:
    """Yield what a rate of so many turns cannot exceed, or reach: the first have no label."""
    turns = check.get("turns", NoCollapseCheck.model_fields["turns"].default)
    if check.get("of") != "rate" or type(turns) is not int or turns < FEWEST_TURNS:
        return
    labelled = turns - FEWEST_TURNS + 1
    most = labelled / turns
    so = f"of {turns} turns {labelled} can be called collapsed at most"
    upper, lower = check.get("at_most"), check.get("at_least")
    if isinstance(upper, int | float) and most <= upper < 1:
        yield "at_most", f"must be below {most:.3g}, not {upper:g}: {so}, so everything would pass"
    if isinstance(lower, int | float) and most < lower <= 1:
        yield "at_least", f"must be at most {most:.3g}, not {lower:g}: {so}, so nothing could pass"
