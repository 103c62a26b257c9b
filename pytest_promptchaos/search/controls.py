"""The positive controls of a search: requests for something else, which must move the answer."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from pytest_promptchaos.neighborhoods.compose import neighbor_of
from pytest_promptchaos.neighborhoods.edits import Edit
from pytest_promptchaos.neighborhoods.ledger import authored, check_authored
from pytest_promptchaos.neighborhoods.messages import place_of
from pytest_promptchaos.neighborhoods.unrelated import unrelated

if TYPE_CHECKING:
    from pytest_promptchaos.booking import Subject
    from pytest_promptchaos.neighborhoods.ledger import Texts
    from pytest_promptchaos.records import Neighbor, Prompt


def positive_controls(
    model: Subject, center: Prompt, given: Texts, *, seed: int, horizon: int
) -> list[Neighbor]:
    """Return the authored controls, all of them; without any, one built-in request that fits.

    They stand in the place of the last user message, whichever message is edited.

    Raises:
        PromptError: one is empty, or too long for the model.
        NeighborhoodError: one is no text, is the prompt itself, or is given twice.
    """
    texts = authored("positive_control", given)
    check_authored(center, {"positive_control": texts}, {"positive_control": place_of(center)})
    edits = [
        Edit("authored_request", "positive_control", f"{one.origin} request {number}", one.text)
        for number, one in enumerate(texts, start=1)
    ]
    made = [neighbor_of(center, edit) for edit in edits] or _built_in(model, center, seed, horizon)
    for one in made:
        named = replace(one.prompt, id=f"positive control of {center.id}")
        model.check_length(named, horizon)
    return made


def _built_in(model: Subject, center: Prompt, seed: int, horizon: int) -> list[Neighbor]:
    """Return the built-in request that shares the fewest words with the center, of those that fit.

    Where none fits, the first is returned all the same, so that the reason can be told.
    """
    every = [neighbor_of(center, edit) for edit in unrelated(center, seed, ())]
    room = None if model.context is None else model.context - horizon
    fitting = [one for one in every if room is None or len(model.render(one.prompt)) <= room]
    return [(fitting or every)[0]]
