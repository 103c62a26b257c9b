"""What a search asks next: earlier failures, single edits, mixtures, then parts of what fails."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import islice
from typing import TYPE_CHECKING

from pytest_promptchaos.errors import NeighborhoodError
from pytest_promptchaos.neighborhoods.compose import joined, part_of, small_edits
from pytest_promptchaos.neighborhoods.draw import drawn
from pytest_promptchaos.neighborhoods.mix import MOST_PARTS, Mixer
from pytest_promptchaos.neighborhoods.shrink import Asked, delta_debug
from pytest_promptchaos.search.failing_edits import FailingEdit, failing_edits, remember
from pytest_promptchaos.search.trials import ROUND, TO_SEE_AGAIN

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_promptchaos.neighborhoods.compose import Part
    from pytest_promptchaos.neighborhoods.edits import Edit
    from pytest_promptchaos.records import Neighbor, Rung
    from pytest_promptchaos.search.trials import Trial, Trials

POOL = 128
"""Single edits that mixtures are drawn from; of a longer prompt's, a draw."""
SINGLES_SHARE = 0.2
"""Of the budget, at most, for single edits: one of every kind."""
SHRINK_SHARE = 0.35
"""Of the budget, kept for shrinking as soon as something fails."""
LAST_SHARE = 0.12
"""Of the budget, kept for shrinking while nothing fails."""
IDLE = 8
"""Batches of mixtures in a row without a new one, after which none is expected."""


@dataclass(frozen=True, kw_only=True)
class Found:
    """What a hunt ended with; ``smallest`` is ``None`` where nothing failed twice.

    ``parts`` counts the single edits in the smallest, ``worst_parts`` those in the worst.
    """

    worst: Trial | None
    worst_parts: int = 0
    smallest: Trial | None = None
    parts: int = 0
    minimal: bool = False
    replayed: bool = False


class Hunt:
    """One search around one prompt; the same seed asks the same.

    Args:
        trials: what the model is asked through.
        rungs: where edits come from.
        seed: of the mixtures, and of the draw of edits from a long prompt.

    ``edits`` counts the single edits of the prompt, ``pool`` holds those that take part.

    Raises:
        NeighborhoodError: an authored rung, or a prompt without a place to edit.
    """

    def __init__(self, trials: Trials, rungs: Sequence[Rung], seed: int) -> None:
        self.trials, self.rungs, self.seed = trials, tuple(rungs), seed
        self._text = trials.place.text
        every = small_edits(self._text, rungs)
        if not every:
            raise NeighborhoodError(
                f"{trials.place.named} of prompt {trials.center.id!r} has no place for an edit on "
                f"{', '.join(rungs)}: allow more rungs"
            )
        order = drawn(every, trials.center, seed)
        self.edits = len(every)
        self.pool = list(islice(filter(trials.reaches, order), POOL))
        self._mixer = Mixer(self._text, self.pool, seed)
        self._parts: dict[str, tuple[Part, ...]] = {}
        self._parts |= {part.edit.text: (part,) for part in self._mixer.parts}

    def found(self, controls: Sequence[Neighbor]) -> Found:
        """Return what the search finds; ``controls`` are requests for something else."""
        earlier = failing_edits(self.trials, self.rungs)
        known = [self._composed(edits) for one in earlier for edits in (one.smallest, one.worst)]
        singles = self._singles()
        self.trials.fit([*known, *self.pool, *self._longest()])
        self.trials.open(controls, known or singles)
        replayed = self._replayed(earlier)
        if replayed is not None:
            return replayed
        self._try(singles)
        self._mix()
        return self._concluded()

    # -- what to ask --------------------------------------------------------------------------

    def _singles(self) -> list[Edit]:
        """Return the first drawn edit of every kind, as far as their share of the budget goes."""
        firsts: dict[str, Edit] = {}
        for edit in self.pool:
            firsts.setdefault(edit.kind, edit)
        return list(firsts.values())[: int(SINGLES_SHARE * self.trials.budget)]

    def _longest(self) -> list[Edit]:
        """Return about the longest mixture, which the batch must hold; none of no edits."""
        longest = [max(site.parts, key=_growth) for site in self._mixer.sites]
        chosen: list[Part] = []
        for part in sorted(longest, key=_growth, reverse=True):
            if len(chosen) < MOST_PARTS and self._mixer.fits(part, chosen):
                chosen.append(part)
        return [joined(self._text, chosen)] if chosen else []

    def _try(self, edits: Sequence[Edit]) -> None:
        """Run edits, and learn from what they moved."""
        for edit, trial in zip(edits, self.trials.observe(edits), strict=True):
            if trial is not None:
                self._mixer.learn(self._parts[edit.text], trial.moved)

    def _mix(self) -> None:
        """Run mixtures, a batch at a time, until only the budget for shrinking is left."""
        idle = 0
        while self.pool and idle < IDLE and self._room() > 0:
            before = self.trials.spent
            size = min(self._room(), ROUND)
            self._try([self._built(self._mixer.draw()) for _ in range(size)])
            idle = idle + 1 if self.trials.spent == before else 0

    def _room(self) -> int:
        share = SHRINK_SHARE if self.trials.failing else LAST_SHARE
        kept = max(int(share * self.trials.budget), 2 * TO_SEE_AGAIN)
        return self.trials.left - kept

    def _composed(self, edits: Sequence[Edit]) -> Edit:
        return self._built([part_of(self._text, edit) for edit in edits])

    def _built(self, parts: Sequence[Part]) -> Edit:
        edit = joined(self._text, parts)
        self._parts[edit.text] = tuple(parts)
        return edit

    # -- what fails ---------------------------------------------------------------------------

    def _certain(self, trial: Trial) -> bool:
        return self.trials.fails(trial) and self.trials.seen_again(trial)

    def _concluded(self) -> Found:
        """Return the worst failure that repeats, shrunk; else the worst neighbor."""
        while self.trials.failing and self.trials.left >= TO_SEE_AGAIN:
            # Of two as bad, the one with fewer edits is the one that is easier to shrink.
            worst = min(self.trials.failing, key=lambda t: (-t.distance, len(self._of(t))))
            if self.trials.seen_again(worst):
                return self._shrunk(worst)
        most = self.trials.worst
        return Found(worst=most, worst_parts=len(self._of(most)) if most else 0)

    def _replayed(self, earlier: Sequence[FailingEdit]) -> Found | None:
        """Return what earlier runs found, if it still fails; of several, what moves most."""
        seen: list[tuple[Trial, Trial, bool]] = []
        for one in earlier:
            edits = [self._composed(one.worst), self._composed(one.smallest)]
            worst, smallest = self.trials.observe(edits)
            if smallest is not None:
                largest = max(filter(None, (worst, smallest)), key=lambda t: t.distance)
                seen.append((largest, smallest, one.minimal))
        # Not in the order in which they were kept: that is the order of workers.
        seen.sort(key=lambda one: (-one[0].distance, len(self._of(one[1])), one[1].edit.text))
        for large, small, minimal in seen:
            if self._certain(small):
                return replace(self._ended(large, small, minimal=minimal), replayed=True)
        return None

    def _ended(self, worst: Trial, smallest: Trial, *, minimal: bool) -> Found:
        return Found(
            worst=worst,
            worst_parts=len(self._of(worst)),
            smallest=smallest,
            parts=len(self._of(smallest)),
            minimal=minimal,
        )

    def _shrunk(self, worst: Trial) -> Found:
        """Return the smallest edit that still fails, seen again too, and keep it."""
        parts, minimal = self._smallest(self._of(worst))
        (smallest,) = self.trials.observe([self._built(parts)])
        if smallest is None or (smallest is not worst and not self._certain(smallest)):
            smallest, parts, minimal = worst, self._of(worst), False
        of_worst = tuple(part.edit for part in self._of(worst))
        of_smallest = tuple(part.edit for part in parts)
        remember(self.trials, FailingEdit(of_worst, of_smallest, minimal))
        return self._ended(worst, smallest, minimal=minimal)

    def _of(self, trial: Trial) -> tuple[Part, ...]:
        return self._parts[trial.edit.text]

    def _smallest(self, parts: tuple[Part, ...]) -> tuple[tuple[Part, ...], bool]:
        """Return the parts that are left when none can be left out or made smaller."""
        trials = self.trials
        known = {trial.edit.text: trials.fails(trial) for trial in trials.tried.values()}
        asked = Asked(
            self._fail,
            budget=trials.left - TO_SEE_AGAIN,
            known={**known, self._text: False},
        )
        while True:
            ordered = sorted(parts, key=lambda part: part.size)
            shrunk = delta_debug(ordered, lambda some: self._built(some).text, asked)
            smaller = self._smaller(shrunk.items, asked)
            if smaller == shrunk.items:
                return shrunk.items, shrunk.minimal
            parts = smaller

    def _fail(self, texts: Sequence[str]) -> list[bool]:
        edits = [joined(self._text, self._parts[text]) for text in texts]
        return [self.trials.fails(trial) for trial in self.trials.observe(edits)]

    def _smaller(self, parts: tuple[Part, ...], asked: Asked) -> tuple[Part, ...]:
        """Return the parts with each in its smallest variant that still fails."""
        kept = list(parts)
        for index, part in enumerate(parts):
            variants = self._mixer.smaller(part)
            lists = [[*kept[:index], variant, *kept[index + 1 :]] for variant in variants]
            answers = asked([self._built(some).text for some in lists])
            kept = next((some for some, fails in zip(lists, answers, strict=True) if fails), kept)
        return tuple(kept)


def _growth(part: Part) -> int:
    return len(part.text) - (part.end - part.start)
