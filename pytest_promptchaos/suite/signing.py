"""The authored texts of a suite as a list to sign off: who wrote each, who read it, its hash.

Needs no model, so certification is missing here; the report's ledger has it, per model.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_promptchaos.neighborhoods.ladder import neighborhood
from pytest_promptchaos.neighborhoods.ledger import ledger, ledger_hash
from pytest_promptchaos.suite.problems import shorten

if TYPE_CHECKING:
    from pytest_promptchaos.neighborhoods.ledger import Entry
    from pytest_promptchaos.records import Neighborhood, Rung
    from pytest_promptchaos.suite.schema import Suite, SuitePrompt

_HEAD = ("prompt", "rung", "origin", "reviewer", "decides", "sha256", "text")


def ledger_text(suite: Suite) -> str:
    """Return the table of authored texts, and the hash that all of them have together.

    ``decides`` is ``no`` for generated text that nobody reviewed: it is run and shown.
    """
    built = [_authored_only(prompt) for prompt in suite.prompts]
    entries = ledger(around for around in built if around is not None)
    said = {n.id: _said(around, n.id) for around in built if around for n in around.neighbors}
    rows = [_HEAD, *(_row(entry, said[entry.neighbor_id]) for entry in entries)]
    widths = [max(len(row[place]) for row in rows) for place in range(len(_HEAD))]
    lines = ["  ".join(map(str.ljust, row, widths)).rstrip() for row in rows]
    waiting = _waiting(sum(not entry.gates for entry in entries))
    ending = f"{_counted(len(entries))}{waiting}; ledger {ledger_hash(entries)}"
    return "\n".join([*lines, ending])


def _counted(texts: int) -> str:
    return f"{texts} authored text{'' if texts == 1 else 's'}"


def _waiting(texts: int) -> str:
    """Return how many texts are run and not judged, as the end of a sentence that counts all."""
    one = ", 1 that decides nothing until it is reviewed"
    many = f", {texts} that decide nothing until they are reviewed"
    return {0: "", 1: one}.get(texts, many)


def _authored_only(prompt: SuitePrompt) -> Neighborhood | None:
    texts = prompt.authored()
    rungs: list[Rung] = [rung for rung, listed in texts.items() if listed]
    if not rungs:
        return None
    return neighborhood(
        prompt.prompt(),
        rungs=rungs,
        target=prompt.target,
        paraphrases=texts["paraphrase"],
        small_semantic=texts["small_semantic"],
        positive_control=texts["positive_control"],
    )


def _said(around: Neighborhood, name: str) -> str:
    """Return the one message in which the neighbor differs from its center."""
    edited = next(one for one in around.neighbors if one.id == name)
    turns = zip(around.center.messages, edited.prompt.messages, strict=True)
    return next(there.content for here, there in turns if here != there)


def _row(entry: Entry, said: str) -> tuple[str, ...]:
    decides = "yes" if entry.gates else "no"
    reviewer = entry.reviewer or "-"
    place = (entry.prompt_id, entry.rung, entry.origin, reviewer, decides)
    return (*place, entry.sha256[:12], shorten(said))
