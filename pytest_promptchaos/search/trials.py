"""A center and candidate edits under a budget of prompts: asked, compared, seen again.

This is what a search does with the model; ``hunt`` decides what to ask next.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pytest_promptchaos.measure.distances import cosine_distance, js_divergence, token_edit
from pytest_promptchaos.neighborhoods.compose import neighbor_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pytest_promptchaos.booking import Subject
    from pytest_promptchaos.measure.distances import Metric
    from pytest_promptchaos.neighborhoods.edits import Edit
    from pytest_promptchaos.neighborhoods.messages import Place
    from pytest_promptchaos.records import Neighbor, Prompt, Run
    from pytest_promptchaos.session import Session

    Ids = tuple[int, ...]

ROUND = 16
"""Neighbors that are run between one look at the results and the next."""
TO_SEE_AGAIN = 5
"""Prompts that seeing a failure again asks for: three centers and two of the neighbor."""


@dataclass(frozen=True, eq=False)
class Trial:
    """A neighbor that was run. ``distance`` is judged, ``moved`` guides: it adds JS in nats.

    An output that stays the same while its distribution moves is nearer to a flip than one whose
    distribution does not.
    """

    edit: Edit
    neighbor: Neighbor
    run: Run
    distance: float
    moved: float


@dataclass(kw_only=True)
class Trials:
    """The trials of one search.

    ``spent`` counts the prompts asked for, ``calls`` those of them that were decoded and
    ``reused`` those that the store answered. ``floor`` is the largest distance seen between two
    runs of one prompt. ``left_out`` counts distinct candidates that were not run, by reason.
    ``again_run`` is the center's second run, ``control_runs`` those of the positive controls.
    """

    session: Session
    model: Subject
    center: Prompt
    place: Place
    metric: Metric
    horizon: int
    budget: int
    at_most: float
    shape: tuple[int, ...] = (1, 0)
    floor: float = 0.0
    center_run: Run = field(init=False)
    again_run: Run = field(init=False)
    control_runs: list[tuple[Neighbor, Run]] = field(default_factory=list)
    spent: int = 0
    calls: int = 0
    reused: int = 0
    left_out: Counter[str] = field(default_factory=Counter)
    trace: list[tuple[int, float]] = field(default_factory=list)
    tried: dict[Ids, Trial] = field(default_factory=dict)
    refuted: list[Trial] = field(default_factory=list)
    _ids: dict[str, Ids] = field(default_factory=dict)

    @property
    def left(self) -> int:
        """How many more prompts may be asked for."""
        return self.budget - self.spent

    def reaches(self, edit: Edit) -> bool:
        """Return whether the model can tell an edit from the center; counts those it cannot."""
        ids = self.model.render(self._neighbor(edit).prompt)
        erased = ids == self.model.render(self.center)
        if erased and edit.text not in self._ids:
            self.left_out["erased"] += 1
            self._ids[edit.text] = ids
        return not erased

    def fit(self, edits: Iterable[Edit]) -> None:
        """Choose the one batch shape that holds the center and these edits, where they fit."""
        prompts = [self.center, *(self._neighbor(edit).prompt for edit in edits)]
        within = [p for p in prompts if p is self.center or self._in_context(p)]
        longest = max(within, key=lambda prompt: len(self.model.render(prompt)))
        free = self.model.rows([longest] * ROUND, self.horizon)
        self.shape = self.model.shape(within, self.session.settings.batch_rows or free)

    def open(self, controls: Sequence[Neighbor], edits: Sequence[Edit]) -> None:
        """Run the center, the positive controls and the first edits.

        The center is run a second time, as far from the first as it can be: the noise floor. A
        control that does not begin as the edits do, or is longer, gets a batch of its own.
        """
        fresh = self._fresh(edits)
        beside = [one for one in controls if self._in_shape(one.prompt)]
        prompts = [self.center, *(n.prompt for n in beside), *(n.prompt for _, n in fresh)]
        self.center_run, *runs, self.again_run = self._ask([*prompts, self.center])
        self.floor = self.distance(self.center_run, self.again_run)
        self.control_runs = list(zip(beside, runs, strict=False))
        for one in (one for one in controls if one not in beside):
            shape = self.model.shape([one.prompt], self.shape[0])
            self.control_runs.append((one, self._ask([one.prompt], shape)[0]))
        self._note(fresh, runs[len(beside) :])

    @property
    def weakest_control(self) -> tuple[Neighbor, float]:
        """The positive control that moved the answer least, and how far it did."""
        moved = [(one, self.distance(self.center_run, run)) for one, run in self.control_runs]
        return min(moved, key=lambda both: both[1])

    def observe(self, edits: Sequence[Edit]) -> list[Trial | None]:
        """Return what the edits do, in order; ``None`` for those that cannot be run."""
        fresh = self._fresh(edits)[: self.left]
        if fresh:
            self._note(fresh, self._ask([n.prompt for _, n in fresh]))
        return [self.tried.get(self._ids.get(edit.text, ())) for edit in edits]

    def fails(self, trial: Trial | None) -> bool:
        """Return whether a neighbor moved beyond noise floor and limit, and was not refuted."""
        if trial is None or trial in self.refuted:
            return False
        return trial.distance - self.floor > self.at_most

    @property
    def failing(self) -> list[Trial]:
        """The neighbors that fail, the worst first; of two alike the one that was tried first."""
        return sorted(filter(self.fails, self.tried.values()), key=lambda t: -t.distance)

    @property
    def worst(self) -> Trial | None:
        """The neighbor that moved most, those that were refuted left out."""
        kept = [t for t in self.tried.values() if t not in self.refuted]
        return max(kept, key=lambda t: t.distance, default=None)

    def seen_again(self, trial: Trial) -> bool:
        """Return whether a failure repeats when center and neighbor are decoded again.

        Raises the noise floor to what the repeats show. Without the budget for it, no.
        """
        if self.left < TO_SEE_AGAIN:
            return False
        moved = trial.neighbor.prompt
        a, b, c, first, again = self._ask([self.center, self.center, self.center, moved, moved])
        noise = [self.distance(a, b), self.distance(a, c), self.distance(first, again)]
        self.floor = max(self.floor, *noise)
        apart = min(self.distance(a, first), self.distance(a, again), self.distance(c, again))
        if apart - self.floor > self.at_most:
            return True
        self.refuted.append(trial)
        return False

    def distance(self, a: Run, b: Run) -> float:
        """Return how far two outputs are apart in the metric that is judged."""
        if self.metric == "token_edit":
            return token_edit(a.output_ids, b.output_ids)
        vectors, _ = self.session.embed([a.text, b.text])
        return cosine_distance(vectors[0], vectors[1])

    # -- asking ------------------------------------------------------------------------------

    def _ask(self, prompts: Sequence[Prompt], shape: tuple[int, ...] | None = None) -> list[Run]:
        runs = self.session.runs(
            self.model,
            prompts,
            shape=shape or self.shape,
            horizon=self.horizon,
            label=f"{self.model.pin.name} {self.center.id} search",
        )
        self.spent += len(runs)
        self.reused += sum(run.cached for run in runs)
        self.calls += sum(not run.cached for run in runs)
        return runs

    def _fresh(self, edits: Sequence[Edit]) -> list[tuple[Edit, Neighbor]]:
        """Return the edits that must be run; those that need not are noted for good."""
        fresh: dict[Ids, tuple[Edit, Neighbor]] = {}
        center = self.model.render(self.center)
        for edit in edits:
            if edit.text in self._ids:
                continue
            neighbor = self._neighbor(edit)
            ids = self.model.render(neighbor.prompt)
            reason = self._reason(neighbor.prompt, center, fresh)
            if reason:
                self.left_out[reason] += 1
                self._ids[edit.text] = ids
            else:
                fresh[ids] = (edit, neighbor)
        return list(fresh.values())

    def _reason(self, prompt: Prompt, center: Ids, fresh: Iterable[Ids]) -> str:
        ids = self.model.render(prompt)
        if ids == center:
            return "erased"
        if ids in self.tried or ids in fresh:
            return "duplicate"
        return "" if self._in_shape(prompt) and self._in_context(prompt) else "unfit"

    def _in_shape(self, prompt: Prompt) -> bool:
        """Return whether the batch holds a prompt, and what it computes once is its beginning."""
        ids, center = self.model.render(prompt), self.model.render(self.center)
        _, width, *shared = self.shape
        return len(ids) <= width and ids[: sum(shared)] == center[: sum(shared)]

    def _note(self, fresh: Sequence[tuple[Edit, Neighbor]], runs: Sequence[Run]) -> None:
        center = self.center_run
        for (edit, neighbor), run in zip(fresh, runs, strict=True):
            distance = self.distance(center, run)
            moved = distance + js_divergence(center.prompt_logits, run.prompt_logits)
            self.tried[run.prompt_ids] = Trial(edit, neighbor, run, distance, moved)
            self._ids[edit.text] = run.prompt_ids
        largest = max((t.distance for t in self.tried.values()), default=0.0)
        if largest > (self.trace[-1][1] if self.trace else 0.0):
            self.trace.append((self.spent, largest))

    def _neighbor(self, edit: Edit) -> Neighbor:
        return neighbor_of(self.center, edit, self.place)

    def _in_context(self, prompt: Prompt) -> bool:
        bound = self.model.context
        return bound is None or len(self.model.render(prompt)) + self.horizon <= bound
