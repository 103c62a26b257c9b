"""What a search for the worst neighbor found, how a person reads it, and how it is judged."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from pytest_promptchaos.measure.distances import NAMES, UNITS
from pytest_promptchaos.records import Control, Findings, Measurement
from pytest_promptchaos.verdict.explain import digits, marked

if TYPE_CHECKING:
    from pytest_promptchaos.measure.distances import Metric
    from pytest_promptchaos.records import ModelIdentity, Pair, Prompt, Rung


@dataclass(frozen=True, kw_only=True)
class Worst:
    """The worst neighbor that a search found, and the smallest edit that still fails.

    ``worst`` is the pair with the largest distance, ``None`` where no neighbor reached the model
    as a prompt of its own; ``worst_parts`` counts the single edits in it. ``smallest`` is the pair
    of the smallest edit that was found to fail; ``parts`` counts the single edits in it and
    ``minimal`` says that none of them can be left out. ``floor`` is the largest distance between
    two runs of one prompt: a neighbor fails when its distance exceeds ``floor + at_most``.
    ``fails`` holds only for a failure that was seen again; ``unrepeated`` names the edits whose
    failure was not. ``contrast`` is the distance to the positive control that moved the answer
    least, and ``control`` says which that was.

    ``calls`` counts the prompts that were decoded, for whatever end; ``reused`` those that the
    evidence store answered; both count against ``budget``. ``tried`` counts the distinct
    neighbors among them. ``erased``, ``duplicates`` and ``unfit`` count candidates that were
    never run: their tokens were those of the center, or of another neighbor, or did not fit the
    batch or the context. ``drawn_from`` of ``edits`` single edits took part. ``trace`` holds
    (prompts asked so far, largest distance) at every improvement. ``replayed`` says that the
    failing edit of an earlier run was tried first and still fails.
    """

    prompt: Prompt
    model: ModelIdentity
    metric: Metric
    at_most: float
    worst: Pair | None
    smallest: Pair | None
    floor: float
    contrast: float
    control: str
    worst_parts: int
    parts: int
    minimal: bool
    replayed: bool
    unrepeated: tuple[str, ...]
    calls: int
    reused: int
    budget: int
    tried: int
    erased: int
    duplicates: int
    unfit: int
    edits: int
    drawn_from: int
    trace: tuple[tuple[int, float], ...]
    rungs: tuple[Rung, ...]
    horizon: int
    seed: int
    embedder: str
    seconds: float

    @property
    def fails(self) -> bool:
        """Whether a neighbor fails, seen twice."""
        return self.smallest is not None

    @property
    def distance(self) -> float | None:
        """The distance of the worst neighbor."""
        return None if self.worst is None else self.worst.distances[self.metric]

    @property
    def excess(self) -> float | None:
        """The distance of the worst neighbor beyond the noise floor, at least 0."""
        return None if self.distance is None else max(self.distance - self.floor, 0.0)

    @property
    def blind(self) -> str:
        """Why finding nothing says nothing; empty where something failed, or could have."""
        seen = self.contrast - self.floor
        if self.fails or seen > self.at_most:
            return ""
        moved = f"moved it by no more than {digits(seen)}" if seen > 0 else "moved nothing"
        return (
            f"no evidence, because the positive control ({self.control}) {moved}: the model "
            "answers everything alike, or the metric is blind here"
        )

    @property
    def words(self) -> str:
        """One sentence: what was found, and how large it is."""
        about, limit = f"{self.model.pin} around {self.prompt.id}", f"at_most={self.at_most:g}"
        if self.worst is None or self.distance is None:
            return f"{about}: no neighbor reached the model as a prompt of its own"
        told = f"{NAMES[self.metric]} {digits(self.distance)}"
        if self.smallest is None:
            blind = f"; {self.blind}" if self.blind else ""
            none = f"no failure beyond {limit}; worst of {self.tried} neighbors {told}"
            return f"{about}: {none}{blind}"
        small = digits(self.smallest.distances[self.metric])
        return (
            f"{about}: {self.smallest.edit} moves the answer by {small}, which is beyond {limit} "
            f"(worst {told})"
        )

    @property
    def effort(self) -> str:
        """What the search cost and what it left out, in words."""
        counted = {
            "erased by the template": self.erased,
            "with the tokens of another": self.duplicates,
            "too long for the batch": self.unfit,
        }
        left_out = [f"{number} {name}" for name, number in counted.items() if number]
        parts = (
            f"{self.calls} prompts decoded and {self.reused} from the store, of {self.budget}",
            f"{self.tried} neighbors tried, from {self.drawn_from} of {self.edits} edits",
            f"not run: {', '.join(left_out)}" if left_out else "",
            "what failed in an earlier search was tried first" if self.replayed else "",
            f"seed {self.seed}",
        )
        return "; ".join(filter(None, parts))

    def __str__(self) -> str:
        """Return what a person reads of it."""
        lines = [self.words]
        if self.smallest is not None and self.worst is not None:
            whole = self.smallest.neighbor_id == self.worst.neighbor_id
            lines += [] if whole else [f"  worst     {self.worst.edit}"]
            left = "" if self.minimal else " (the budget ended before it was shown to be minimal)"
            lines += [f"  smallest  {self.smallest.edit}{left}", *_texts(self.smallest)]
        lines += [f"  noise     {told}" for told in self._noise()]
        return "\n".join([*lines, f"  search    {self.effort}"])

    def _noise(self) -> list[str]:
        told = [f"{digits(self.floor)} between runs of one prompt"] if self.floor else []
        return [*told, *(f"did not fail again: {edit}" for edit in self.unrepeated)]


def _texts(pair: Pair) -> list[str]:
    step = pair.branch.step if pair.branch else len(pair.tokens_a)
    return [
        f"  center    {pair.center_text!r}",
        f"  neighbor  {pair.neighbor_text!r}",
        f"  - {marked(pair.tokens_a, step)}",
        f"  + {marked(pair.tokens_b, step)}",
    ]


SMALLEST = "smallest that fails: "
"""How the edit of the smallest failing neighbor begins among the pairs."""


def findings_of(worst: Worst) -> Findings:
    """Return a search as findings: the worst excess, its controls, the worst pair, the smallest.

    The value is a maximum over what was tried. It has no interval, so both ends are the value: a
    longer search can only find a larger one.
    """
    return Findings(
        model=worst.model,
        measurement=_measured(worst),
        controls=_controls(worst),
        pairs=_worst_first(worst),
        settings={
            "metric": worst.metric,
            "rungs": ", ".join(worst.rungs),
            "horizon": worst.horizon,
            "budget": worst.budget,
            "seed": worst.seed,
            "embedder": worst.embedder,
            "prompts": worst.prompt.id,
        },
        runs_measured=worst.calls,
        runs_reused=worst.reused,
        seconds=worst.seconds,
    )


def _worst_first(worst: Worst) -> tuple[Pair, ...]:
    """Return the worst pair and the smallest that fails; one, where they are the same."""
    pairs = {pair.neighbor_id: pair for pair in (worst.worst, worst.smallest) if pair}
    if worst.smallest:
        named = replace(worst.smallest, edit=f"{SMALLEST}{worst.smallest.edit}")
        pairs[worst.smallest.neighbor_id] = named
    return tuple(pairs.values())


def _measured(worst: Worst) -> Measurement:
    name, unit = f"worst {NAMES[worst.metric]}", UNITS[worst.metric]
    excess, n = worst.excess, worst.tried + worst.erased + worst.duplicates + worst.unfit
    unsure = excess is not None and excess > worst.at_most and not worst.fails
    if excess is None or unsure:
        seen = "a failure was found, and the budget ended before it could be seen again"
        none = f"no neighbor reached the model as a prompt of its own ({worst.effort})"
        reason = seen if unsure else none
        return Measurement(name=name, unit=unit, reason=reason, n=n, effective_n=worst.tried)
    return Measurement(
        name=name,
        unit=unit,
        value=excess,
        low=excess,
        high=excess,
        interval="; ".join(filter(None, (_maximum(worst), _smallest(worst)))),
        n=n,
        effective_n=worst.tried,
    )


def _maximum(worst: Worst) -> str:
    """Return in words what the value is the largest of, and why it has no interval."""
    of = f" (a mixture of {worst.worst_parts} edits)" if worst.worst_parts > 1 else ""
    if worst.replayed:
        return f"tried first: what failed in an earlier search{of}; a maximum, no interval"
    tried = f"the largest of {worst.tried} neighbors tried{of}"
    return f"{tried}; a maximum, no interval: a longer search may find more"


def _smallest(worst: Worst) -> str:
    """Return in words what the smallest edit that fails does; it is not the value."""
    if worst.smallest is None or worst.worst is None:
        return ""
    if worst.smallest.neighbor_id == worst.worst.neighbor_id:
        return "no smaller edit was found to fail" if worst.parts > 1 else ""
    moved = digits(worst.smallest.distances[worst.metric] - worst.floor)
    return f"the smallest edit that still fails moves it by {moved}: {worst.smallest.edit}"


def _controls(worst: Worst) -> tuple[Control, ...]:
    unrepeated = ", ".join(worst.unrepeated) or "every failure that was looked at again repeated"
    return (
        Control(
            name="noise floor",
            role="floor",
            state="held",
            words=f"the same prompt decoded again: largest {digits(worst.floor)}",
            value=worst.floor,
        ),
        _positive_control(worst),
        Control(name="seen again", role="note", state="held", words=unrepeated),
        Control(name="search", role="note", state="held", words=worst.effort),
    )


def _positive_control(worst: Worst) -> Control:
    """Return the positive control; a failure that was seen twice needs none, so it is a note."""
    seen = worst.contrast - worst.floor
    told = f"{worst.control} moves the answer by {digits(worst.contrast)}"
    not_needed = "; a failure was seen twice, so the metric is not blind here"
    return Control(
        name="positive control",
        role="note" if worst.fails else "detection",
        state="held" if worst.fails or seen > 0 else "failed",
        words=f"{told}{not_needed}" if worst.fails and seen <= worst.at_most else told,
        value=seen,
    )
