"""The public checks of a bridge: read a table, associate, judge.

Each ``assert_*`` is its ``measure_*`` plus a judgement; a ``measure_*`` never raises because of
what it found, only for a table or an argument that cannot be what was meant.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, Unpack

from pytest_promptchaos.bridge_plan import (
    PUBLISHED,
    BridgeKnobs,
    hypotheses_of,
    plan_asked,
    told_apart,
)
from pytest_promptchaos.bridge_rows import bridge_of, columns_asked, rows_of
from pytest_promptchaos.judging import enforce_all
from pytest_promptchaos.records import (
    Bridge,
    BridgePlan,
    Control,
    Findings,
    Limit,
    ModelIdentity,
    Verdict,
)
from pytest_promptchaos.session import active
from pytest_promptchaos.tables import table_of
from pytest_promptchaos.verdict.bridges import (
    OUTCOMES,
    bridge_explanation,
    bridge_sentence,
    clusters_told,
    judged_rho,
    strata_told,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_promptchaos.bridge_plan import Hypotheses, PlanAsked
    from pytest_promptchaos.bridge_rows import Grouping
    from pytest_promptchaos.records import Association, Scalar
    from pytest_promptchaos.tables import Table

    Expected: TypeAlias = Literal["passed", "failed"]

__all__ = [
    "PUBLISHED",
    "BridgeKnobs",
    "assert_bridge",
    "hypotheses_of",
    "judge_bridge",
    "measure_bridge",
]

LABELS = "labels given"
"""What a plan says of strata that are an array and no column."""


def assert_bridge(
    table: object, hypotheses: Hypotheses | None = None, **knobs: Unpack[BridgeKnobs]
) -> tuple[Verdict, ...]:
    """Return the verdicts that every hypothesis is supported by the table, one for each.

    One passes when |rho| over all rows is at least ``threshold``, with a Holm-adjusted p below
    ``alpha`` and an interval without 0, and when the association inside the strata has the same
    sign, a Holm-adjusted p of its permutation test below ``alpha`` and an interval that reaches
    ``threshold``, when the interval of resampled clusters is without 0, and when no stratum has it
    reversed. A large rho that is there between the strata only fails, and so does one that is
    reversed inside them, or that is inside them and hidden over all rows; one that is small there,
    that some of them reverse or that they leave open is inconclusive. Where a control of the table
    failed, nothing is evidence. Raises ``VerdictError`` (an ``AssertionError``) for the first that
    is not green, naming the others. The arguments are those of :func:`measure_bridge`.
    """
    __tracebackhide__ = True
    return enforce_all(judge_bridge(measure_bridge(table, hypotheses, **knobs)))


def judge_bridge(
    findings: Findings, *, expect: Sequence[Expected] | Expected = "passed", name: str = ""
) -> tuple[Verdict, ...]:
    """Return the verdicts on the findings of :func:`measure_bridge`, and keep them; never raises.

    ``expect`` and ``name`` are those of a check in a suite; ``expect`` may differ by hypothesis.
    """
    assert findings.bridge is not None
    family = findings.bridge.associations
    expected = [expect] * len(family) if isinstance(expect, str) else expect
    verdicts = tuple(
        _verdict(findings, findings.bridge, one, outcome, name)
        for one, outcome in zip(family, expected, strict=True)
    )
    for verdict in verdicts:
        active().record(verdict)
    return verdicts


def measure_bridge(
    table: object, hypotheses: Hypotheses | None = None, **knobs: Unpack[BridgeKnobs]
) -> Findings:
    """Return whether columns of depth features go with columns of outcomes, in ``.bridge``.

    ``table`` is a mapping of arrays or lists, a data frame, a structured array, a list of rows,
    the path of a CSV file, or a pair of any of these: depth features and collapses, merged on
    condition, seed_id and repeat_index, as published. ``hypotheses`` are ``Hypothesis`` objects,
    pairs of columns, or texts as in ``"lambda1_mean ~ collapse_rate"``, with ``(+)`` or ``(-)``
    behind where a direction is said beforehand; the six published ones when left out. Every pair
    gets Spearman's rho over all rows with its bootstrap interval and Holm's p over the family, and
    beside it what tells models from prompts. Further arguments:

    - ``strata``: the column (or columns, or one label per row) inside which an association must
      hold; ``condition`` where there is such a column.
    - ``clusters``: the column (or columns, or one label per row) of what shares a predictor and is
      resampled and permuted together; when left out, each hypothesis has its own: rows in which its
      predictor is equal to about 9 significant digits.
    - ``threshold`` (0.40), ``alpha`` (0.05): what passes.
    - ``censor``: ``first_collapse_turn`` of a conversation that never collapsed: ``"after"`` its
      last turn (the default), its ``"last"`` (as published), or ``"exclude"``.
    - ``resamples`` (10,000), ``permutations`` (9,999), ``seed`` (42).
    - ``exclusions``: flags of rows (or a column of flags) by name, or a list of such columns; each
      is shown beside the pooled rho as if these rows were left out. Conversations that stopped
      early are one by themselves, where the table has ``total_turns`` and ``max_turns``.
    - ``preregistration``: a file that ``promptchaos preregister`` wrote. What is left out here is
      as frozen there, and anything else must be, or have its deviation recorded.

    Raises:
        TableError: for columns that are missing or contradict each other, text among numbers, an
            empty ``seed_id``, keys that are there twice, and files that cannot be read.
        ArgumentError: for arguments that make no sense, and a table without strata.
        PreregistrationError: for another plan than the one frozen, and a file that was edited.
    """
    started = time.perf_counter()
    read = table_of(table)
    told = told_apart(read, knobs)
    findings = _measured(read, plan_asked(read, hypotheses, told), told)
    return replace(findings, seconds=time.perf_counter() - started)


# -- findings and verdicts ----------------------------------------------------------------------


def _measured(table: Table, asked: PlanAsked, knobs: BridgeKnobs) -> Findings:
    clusters, strata = _labels(knobs.get("clusters")), _labels(knobs.get("strata"))
    left_out = knobs.get("exclusions")
    assert left_out is None or isinstance(left_out, Mapping), "told apart before"
    plan = asked.plan if strata is None else replace(asked.plan, strata=(LABELS,))
    plan = plan if clusters is None else replace(plan, clusters=(LABELS,))
    rows = rows_of(table, plan, clusters=clusters, strata=strata, exclusions=left_out)
    bridge = replace(
        _voided(bridge_of(table.name, rows, plan), table.controls),
        preregistration=asked.preregistration,
        deviations=asked.deviations,
    )
    judged = [judged_rho(one) for one in bridge.associations]
    return Findings(
        model=_identity(table, clusters=clusters, strata=strata),
        measurement=judged[0],
        also=tuple(judged[1:]),
        controls=(*_controls(bridge), *table.controls),
        bridge=bridge,
        settings={**table.settings, **_settings(plan, knobs)},
    )


def _voided(bridge: Bridge, controls: Sequence[Control]) -> Bridge:
    """Return a bridge that is no evidence where a control of its table failed."""
    failed = "; ".join(f"{one.name}: {one.words}" for one in controls if one.state == "failed")
    if not failed:
        return bridge
    return replace(
        bridge,
        associations=tuple(
            replace(
                one,
                standing="invalid",
                words=f"a control of the table failed ({failed}); without that it would be "
                f"{one.standing}: {one.words}",
            )
            for one in bridge.associations
        ),
    )


def _labels(given: Grouping) -> Grouping:
    """Return what was given where it is no name of columns, which the plan holds."""
    return None if given is None or columns_asked("labels", given) else given


def _identity(table: Table, **labels: Any) -> ModelIdentity:
    """Return a table as that which was asked; labels given beside it are part of what it is."""
    given = {name: [str(one) for one in of] for name, of in labels.items() if of is not None}
    whole = json.dumps([table.fingerprint, given], sort_keys=True).encode()
    return ModelIdentity(
        pin=f"table:{table.name}",
        name=table.name,
        revision="none",
        fingerprint=hashlib.sha256(whole).hexdigest() if given else table.fingerprint,
        template="none",
        dtype="",
        device="none",
        attention="none",
    )


def _settings(plan: BridgePlan, knobs: BridgeKnobs) -> dict[str, Scalar]:
    """Return the knobs that the numbers depend on."""
    return {
        "hypotheses": "; ".join(one.name for one in plan.hypotheses),
        "clusters": ", ".join(plan.clusters) or "rows with an equal predictor, by hypothesis",
        "strata": ", ".join(plan.strata),
        "threshold": plan.threshold,
        "alpha": plan.alpha,
        "censor": plan.censor,
        "resamples": plan.resamples,
        "permutations": plan.permutations,
        "seed": plan.seed,
        "exclusions": "; ".join(knobs.get("exclusions") or ()),
    }


def _controls(bridge: Bridge) -> tuple[Control, ...]:
    """Return what the family rests on, as notes."""
    told = {
        "unique predictors": f"{bridge.unique:,} of {bridge.given:,} rows have predictors of their "
        f"own, in {clusters_told(bridge.clusters)} and {strata_told(bridge)}",
        "rows": "; ".join((f"{bridge.rows:,} of {bridge.given:,} rows entered", *bridge.counts)),
        "preregistration": f"frozen as sha256 {bridge.preregistration}; deviations: "
        f"{'; '.join(bridge.deviations) or 'none'}"
        if bridge.preregistration
        else "",
    }
    return tuple(
        Control(name=name, role="note", state="held", words=words)
        for name, words in told.items()
        if words
    )


def _verdict(
    findings: Findings,
    family: Bridge,
    one: Association,
    expect: Expected,
    name: str,
) -> Verdict:
    """Return the verdict on one association of the family."""
    bridge = replace(family, associations=(one,))
    measurement = judged_rho(one)
    limit = Limit(name=measurement.name, at_least=bridge.threshold)
    told = bridge_sentence(one, bridge, limit)
    pair = one.hypothesis.name
    void = one.standing == "invalid" and all(it.state != "failed" for it in findings.controls)
    broken = Control(name="the table", role="gate", state="failed", words=one.words)
    controls = (*([broken] if void else []), *findings.controls)
    beside = (one.pooled, one.clustered, one.within, one.adjusted)
    settings = {**findings.settings, "hypothesis": pair}
    return Verdict(
        check="bridge",
        id=f"{name}:{pair}" if name else f"bridge({pair})",
        outcome=OUTCOMES[one.standing],
        limit=limit,
        sentence=told,
        explanation=bridge_explanation(told, one, bridge, controls),
        seed=int(findings.settings["seed"] or 0),
        expect=expect,
        **{
            **vars(findings),
            "measurement": measurement,
            "also": beside,
            "controls": controls,
            "bridge": bridge,
            "settings": settings,
        },
    )
