"""Branch events: where two greedy outputs part, how, and how often."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from pytest_promptchaos.measure.distances import branch_step
from pytest_promptchaos.measure.foresight import median_lead
from pytest_promptchaos.measure.intervals import clustered_mean
from pytest_promptchaos.records import Branch, Candidate, Measurement

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from numpy.typing import NDArray

    from pytest_promptchaos.records import BranchKind, Forced, Pair, Run

    Floats = NDArray[np.float64]

LOW_MARGIN = 0.75
HIGH_MARGIN = 2.0
FEW_BRANCHES = 3.0
PERSISTENT_SEMANTIC = 0.05
PERSISTENT_TOKENS = 0.10
SILENT_FLOOR = 1e-3
HORIZON = "<horizon>"
KINDS: tuple[BranchKind, ...] = (
    "immediate",
    "low margin",
    "high-confidence switch",
    "silent",
    "delayed",
)


def js_threshold(identical_js: Sequence[float] | Floats) -> float:
    """Return the Jensen-Shannon divergence above which two next-token distributions are apart.

    In nats. Formula: max(10 q, 1e-3), q the 99.9 % quantile of ``identical_js``, the divergences
    per step that identical prompts showed. Without any the bound of 1e-3 stands alone. Raises
    ``ValueError`` for values that are not finite.

    >>> js_threshold([]), js_threshold([0.0, 1e-9]), js_threshold([0.02])
    (0.001, 0.001, 0.2)
    """
    values = np.asarray(identical_js, dtype=np.float64)
    if not np.isfinite(values).all():
        raise ValueError("the identical controls' divergences are not all finite")
    return (
        max(10 * float(np.quantile(values, 0.999)), SILENT_FLOOR) if values.size else SILENT_FLOOR
    )


def first_above(values: Floats, threshold: float) -> int | None:
    """Return the first index whose value is above the threshold, or ``None``.

    >>> import numpy as np
    >>> first_above(np.array([0.0, 0.1, 0.3, 0.2]), 0.1)
    2
    """
    above = np.flatnonzero(values > threshold)
    return int(above[0]) if above.size else None


# -- one pair -----------------------------------------------------------------------------------


def branch_event(
    a: Run,
    b: Run,
    forced: tuple[Forced, Forced] | None,
    *,
    js_floor: float,
    semantic: float | None,
    token_edit: float,
) -> Branch | None:
    """Return where two outputs part, with what each could have said there, or ``None``.

    The end of an output counts as a token. ``kinds`` are all that apply: ``immediate`` at step 0;
    ``low margin`` when the smaller of the two margins is at most 0.75 logits; ``high-confidence
    switch`` when both are at least 2 and neither run's branching factor exp(entropy) is above 3
    (never without entropies); ``silent`` when the Jensen-Shannon divergence along the center's
    output was above ``js_floor`` at a step strictly before; ``delayed`` when none of these.
    ``persistent`` says that the outputs ended apart: semantic distance of at least 0.05 or token
    edit distance of at least 0.10. ``forced`` is what teacher forcing gave along the center's and
    along the neighbor's output; without it no branch is called silent.
    """
    step = branch_step(a.output_ids, b.output_ids)
    if step is None:
        return None
    silent_at = None if forced is None else first_above(forced[0].js[:step], js_floor)
    return Branch(
        step=step,
        token_a=_token(a, step),
        token_b=_token(b, step),
        margin_a=_margin(a, step),
        margin_b=_margin(b, step),
        candidates_a=_candidates(a, step),
        candidates_b=_candidates(b, step),
        kinds=_kinds(a, b, step, silent_at),
        silent_at=silent_at,
        persistent=token_edit >= PERSISTENT_TOKENS
        or (semantic is not None and semantic >= PERSISTENT_SEMANTIC),
    )


def _kinds(a: Run, b: Run, step: int, silent_at: int | None) -> tuple[BranchKind, ...]:
    # Both end in the horizon or in an end token, so only a horizon can cut one short here.
    chosen = [run.steps[step] for run in (a, b) if step < len(run.steps)]
    smallest = min(one.margin for one in chosen)
    factors = [one.branching for one in chosen]
    narrow = all(factor is not None and factor <= FEW_BRANCHES for factor in factors)
    holds = {
        "immediate": step == 0,
        "low margin": smallest <= LOW_MARGIN,
        "high-confidence switch": smallest >= HIGH_MARGIN and narrow,
        "silent": silent_at is not None,
    }
    return tuple(kind for kind in KINDS if holds.get(kind)) or ("delayed",)


def _token(run: Run, step: int) -> str:
    if step >= len(run.steps):
        return HORIZON
    return run.tokens[step] or _piece(run, run.output_ids[step])


def _margin(run: Run, step: int) -> float:
    return run.steps[step].margin if step < len(run.steps) else 0.0


def _candidates(run: Run, step: int) -> tuple[Candidate, ...]:
    if step >= len(run.steps):
        return ()
    at = run.steps[step]
    logits = ((at.top1, at.logit1), (at.top2, at.logit2), *at.further)
    return tuple(Candidate(token=_piece(run, token), logit=logit) for token, logit in logits)


def _piece(run: Run, token: int) -> str:
    return run.pieces.get(token) or f"<token {token}>"


# -- all pairs: how often -----------------------------------------------------------------------


def branch_counts(
    pairs: Sequence[Pair], *, followed: Collection[str] | None = None
) -> tuple[Measurement, ...]:
    """Return the share of outputs that branch, with a share per kind, and the median lead.

    All shares are of the effective neighbors that were run, as means over prompts with intervals
    clustered by prompt; one branch may be of several kinds. ``followed`` names the neighbors along
    whose outputs the Jensen-Shannon divergence is known (``None``: all): only those can be called
    silent, and only they count there. The lead is how many steps a silent divergence came before
    its visible branch.
    """
    run = [p for p in pairs if p.certification == "effective" and p.distances]
    seen = [p for p in run if followed is None or p.neighbor_id in followed]
    parts = [
        _share("none", run, lambda p: p.branch is None),
        *(_share(kind, seen if kind == "silent" else run, _has(kind)) for kind in KINDS),
        _share("persistent", run, lambda p: p.branch is not None and p.branch.persistent),
    ]
    whole = _share("share of outputs that branch", run, lambda p: p.branch is not None)
    return replace(whole, breakdown=tuple(parts)), median_lead(seen)


def _has(kind: BranchKind) -> Callable[[Pair], bool]:
    return lambda pair: pair.branch is not None and kind in pair.branch.kinds


def _share(name: str, pairs: Sequence[Pair], holds: Callable[[Pair], bool]) -> Measurement:
    unit = "share, 0 to 1"
    if not pairs:
        reason = "teacher-forced logits are not known" if name == "silent" else "no effective pair"
        return Measurement(name=name, unit=unit, reason=reason)
    by_prompt: dict[str, list[float]] = {}
    for pair in pairs:
        by_prompt.setdefault(pair.prompt_id, []).append(float(holds(pair)))
    found = clustered_mean([np.array(group) for group in by_prompt.values()], largest=1.0)
    return Measurement(
        name=name,
        unit=unit,
        value=found.value,
        low=None if found.low is None else max(found.low, 0.0),
        high=None if found.high is None else min(found.high, 1.0),
        interval=found.words,
        resampled=found.unit,
        resampled_n=found.count,
        n=len(pairs),
        effective_n=len(pairs),
    )
