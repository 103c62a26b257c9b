"""How well a branch is detected where it happens, how well foreseen, and how long before."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from pytest_promptchaos.measure.boundary import effective
from pytest_promptchaos.measure.distances import branch_step
from pytest_promptchaos.measure.intervals import LEVEL, MIN_CLUSTERS
from pytest_promptchaos.records import Measurement

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from pytest_promptchaos.measure.pairs import Observed
    from pytest_promptchaos.records import Pair, Rung

    Floats = NDArray[np.float64]

RESAMPLES = 2000


def wins(cases: Floats, controls: Floats) -> Floats:
    """Return 1 where a case scores above a control, 1/2 for a tie, 0 below; NaN where unknown.

    ``cases`` and ``controls`` broadcast to (cases, controls); a NaN in either says that the two
    cannot be compared. The mean of the known entries is the AUROC: the chance that a case scores
    above a control, which 0.5 says it does no more often than below.

    >>> import numpy as np
    >>> wins(np.array([[2.0]]), np.array([[1.0, 2.0, 3.0]]))
    array([[1. , 0.5, 0. ]])
    """
    known = np.isfinite(cases) & np.isfinite(controls)
    return np.where(known, (cases > controls) + 0.5 * (cases == controls), np.nan)


def median_lead(pairs: Sequence[Pair]) -> Measurement:
    """Return the median of how many steps a silent divergence came before its visible branch."""
    empty = Measurement(
        name="median lead of silent divergence",
        unit="steps before the visible branch",
        reason="no branch was silent before it was visible",
        n=sum(p.branch is not None for p in pairs),
    )
    found = [(p.prompt_id, p.branch.lead) for p in pairs if p.branch and p.branch.lead is not None]
    if not found:
        return empty
    prompts = [prompt for prompt, _ in found]
    leads = np.array([lead for _, lead in found], dtype=np.float64)
    draws = [float(np.median(leads[rows])) for rows in _resampled(prompts)]
    whole = replace(empty, effective_n=len(found))
    return _bounded(whole, float(np.median(leads)), draws, prompts)


@dataclass(frozen=True, kw_only=True, eq=False)
class Trace:
    """What was seen along one pair's common output: scores per step, high = about to part.

    ``step`` is where they part, ``None`` if they never do; ``score`` has shape (steps,), up to
    and with the branch.
    """

    prompt_id: str
    step: int | None
    score: Floats

    def at(self, step: int) -> float:
        """Return the score at a step; NaN where the output was shorter."""
        return float(self.score[step]) if step < len(self.score) else np.nan

    def before(self, step: int) -> float:
        """Return the highest score strictly before a step; NaN without one, or where shorter."""
        return float(self.score[:step].max()) if 0 < step <= len(self.score) else np.nan


def branch_scores(observed: Sequence[Observed], rungs: Sequence[Rung]) -> tuple[Measurement, ...]:
    """Return how well margin and divergence detect a branch, and how well they predict one.

    Two targets under two names, never mixed. *Detects* reads the score at the very step of the
    branch; *predicts* reads only the steps strictly before it (the smallest margin, the largest
    Jensen-Shannon divergence). A pair that branches at step s is compared with every pair that
    does not, read at the same step or over the same s steps: AUROC in [0, 1], ties 1/2, 0.5 =
    chance. The margin is the smaller of the two runs' own; the interval is a percentile bootstrap
    clustered by prompt. A branch at step 0 has nothing before it, so it cannot be predicted and is
    left out there.
    """
    scores: Mapping[str, list[Trace]] = {
        "margin": list(_traces(observed, rungs, _margins)),
        "JS": list(_traces(observed, rungs, _divergences)),
    }
    return tuple(
        _auroc(f"{score} {where}, AUROC", traces, read)
        for where, read in (
            ("at the branch: detects", Trace.at),
            ("strictly before the branch: predicts", Trace.before),
        )
        for score, traces in scores.items()
    )


def _traces(
    observed: Sequence[Observed],
    rungs: Sequence[Rung],
    score: Callable[[Observed, str, int], Floats | None],
) -> Iterator[Trace]:
    for o in observed:
        for neighbor, run in effective(o, rungs):
            step = branch_step(o.center.output_ids, run.output_ids)
            common = min(len(o.center.steps), len(run.output_ids)) if step is None else step + 1
            values = score(o, neighbor.id, common)
            if values is not None:
                yield Trace(prompt_id=o.center.prompt.id, step=step, score=values)


def _margins(observed: Observed, neighbor: str, steps: int) -> Floats:
    pairs = zip(observed.center.steps[:steps], observed.runs[neighbor].steps[:steps], strict=False)
    return np.array([-min(a.margin, b.margin) for a, b in pairs], dtype=np.float64)


def _divergences(observed: Observed, neighbor: str, steps: int) -> Floats | None:
    forced = observed.forced.get(neighbor)
    return None if forced is None else forced[0].js[:steps]


def _auroc(name: str, traces: Sequence[Trace], read: Callable[[Trace, int], float]) -> Measurement:
    cases = [t for t in traces if t.step is not None and np.isfinite(read(t, t.step))]
    controls = [t for t in traces if t.step is None]
    empty = Measurement(
        name=name,
        unit="AUROC, 0 to 1, 0.5 is chance",
        reason=_one_class(traces, cases, controls),
        n=len(traces),
        effective_n=len(cases) + len(controls),
    )
    if not cases or not controls:
        return empty
    won = wins(
        np.array([[read(t, t.step or 0)] for t in cases]),
        np.array([[read(t, case.step or 0) for t in controls] for case in cases]),
    )
    if not np.isfinite(won).any():
        return replace(empty, reason="no pair that does not branch is as long as one that does")
    prompts = [t.prompt_id for t in (*cases, *controls)]
    draws = [_mean_of(won, rows) for rows in _resampled(prompts)]
    return _bounded(empty, float(np.nanmean(won)), draws, prompts)


def _one_class(traces: Sequence[Trace], cases: Sequence[Trace], controls: Sequence[Trace]) -> str:
    if not traces:
        return "not measured along any output"
    if not cases:
        branched = len(traces) - len(controls)
        return f"nothing to tell apart: of {branched} branches none can be read there"
    return f"nothing to tell apart: all {len(traces)} pairs branch"


def _mean_of(won: Floats, rows: NDArray[np.int64]) -> float:
    """Return the AUROC of a resample; NaN when it holds no comparable case and control."""
    count = np.bincount(rows, minlength=sum(won.shape)).astype(np.float64)
    weight = np.outer(count[: len(won)], count[len(won) :]) * np.isfinite(won)
    return float((weight * np.nan_to_num(won)).sum() / weight.sum()) if weight.any() else np.nan


# -- intervals ----------------------------------------------------------------------------------


def _resampled(prompts: Sequence[str]) -> Iterator[NDArray[np.int64]]:
    """Yield resampled row numbers: whole prompts, or, with few of them, rows within each."""
    random = np.random.default_rng(0)
    names = np.array(prompts)
    groups = [np.flatnonzero(names == prompt) for prompt in dict.fromkeys(prompts)]
    for _ in range(RESAMPLES):
        if len(groups) >= MIN_CLUSTERS:
            drawn = [groups[index] for index in random.integers(len(groups), size=len(groups))]
        else:
            drawn = [random.choice(group, size=len(group)) for group in groups]
        yield np.concatenate(drawn)


def _bounded(
    empty: Measurement, value: float, draws: Sequence[float], prompts: Sequence[str]
) -> Measurement:
    """Return the measurement with the percentile bounds of its draws, where they have a width."""
    known = np.array(draws)[np.isfinite(draws)]
    clusters = len(set(prompts))
    over = clusters >= MIN_CLUSTERS
    told = f"{clusters} prompts" if over else f"{len(prompts)} pairs within {clusters} prompts"
    valued = replace(
        empty,
        reason=None,
        value=value,
        resampled="prompts" if over else "pairs",
        resampled_n=clusters if over else len(prompts),
    )
    if not known.size or np.ptp(known) == 0.0:
        return replace(valued, interval=f"no interval: every resample of {told} gives this value")
    low, high = np.quantile(known, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return replace(
        valued, low=float(low), high=float(high), interval=f"95 % percentile bootstrap over {told}"
    )
