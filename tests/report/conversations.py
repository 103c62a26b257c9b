"""Records of self-play, as real ones look: conditions that collapse, escape, and stop early."""

from __future__ import annotations

import random
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING

from pytest_promptchaos.records import (
    Agreement,
    Curve,
    Limit,
    Measurement,
    Outcome,
    Timeline,
)
from report.conftest import HOSTILE, record, verdict

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_promptchaos.records import Record, Verdict

BUCKETS = (
    "argumentative",
    "creative rewrite",
    "factual QA",
    "instruction following",
    "paraphrase",
    "planning",
)
CONDITIONS = {
    "HOMO_A": (0.05, 0.06),
    "HOMO_B": (0.16, 0.02),
    "HOMO_C": (0.02, 0.25),
    "HETERO_ROT": (0.03, 0.15),
}
"""The chance per turn to collapse, and to escape again."""
OVERFLOW = "turn {} would need 1,0{} tokens, the context of bundled:small holds 1,024"
SHARE = "share, 0 to 1"


def timeline(condition: str, seed: int, repeat: int, *, turns: int = 40, per: int = 6) -> Timeline:
    """Return one conversation; the first of ``per`` seeds of a bucket may stop early."""
    draw = random.Random(f"{condition} {seed} {repeat}")
    enter, leave = CONDITIONS.get(condition, (0.05, 0.1))
    short = condition == "HOMO_A" and seed % 12 == 5
    spoken = turns - draw.randrange(2, turns // 2) if short else turns
    labels = [False] * min(4, spoken)
    while len(labels) < spoken:
        labels.append(draw.random() >= leave if labels[-1] else draw.random() < enter)
    bucket = BUCKETS[seed // per % len(BUCKETS)]
    return Timeline(
        condition=condition,
        seed_id=f"{bucket.replace(' ', '_')}_{seed % per}",
        bucket=bucket,
        repeat=repeat,
        asked=turns,
        collapsed=tuple(labels),
        otherwise=tuple(one and draw.random() < 0.7 for one in labels),
        lexical=tuple(draw.random() < (0.6 if one else 0.03) for one in labels),
        s1=(None, *(round(0.9 + 0.09 * one, 3) for one in labels[1:])),
        s2=(None, None, *(round(0.8 + 0.15 * one, 3) for one in labels[2:])),
        stopped=OVERFLOW.format(spoken + 1, 24 + spoken) if short else "",
    )


def in_full(one: Timeline, *, hostile: bool = False) -> Timeline:
    """Return the conversation with its texts, its speakers, and its growth at every fourth turn."""
    said = [
        "Thank you, and goodbye!" if flag else f"Let us think about part {place + 1} of the plan."
        for place, flag in enumerate(one.collapsed)
    ]
    if hostile:
        said[0] = HOSTILE
    growth = tuple(
        (turn, 0.21 - 0.06 * one.collapsed[turn - 1] + 0.01 * (turn % 3))
        for turn in range(1, one.turns + 1, 4)
    )
    return replace(one, texts=tuple(said), speakers=("bundled:small",) * one.turns, growth=growth)


@cache
def timelines(
    condition: str, seeds: int = 36, repeats: int = 5, turns: int = 40
) -> tuple[Timeline, ...]:
    """Return the conversations of a condition, those that collapse most in full."""
    per = max(1, seeds // len(BUCKETS))
    made = [
        timeline(condition, seed, repeat, turns=turns, per=per)
        for seed in range(seeds)
        for repeat in range(repeats)
    ]
    shown = sorted(made, key=lambda one: -one.rate)[:4]
    return tuple(in_full(one, hostile=one is shown[0]) if one in shown else one for one in made)


def share(name: str, value: float, n: int, unit: str = SHARE) -> Measurement:
    """Return a share with an interval."""
    reach = 1.0 / (n**0.5)
    return Measurement(
        name=name,
        unit=unit,
        value=value,
        low=max(0.0, value - reach),
        high=min(1.0, value + reach),
        interval=f"bootstrap over {n} seed prompts",
        n=n,
        effective_n=n,
    )


def beside(found: Sequence[Timeline]) -> tuple[Measurement, ...]:
    """Return what a check of self-play measures, the incidence first."""
    n = len(found)
    first = [one.first for one in found if one.first]
    named = {
        "collapse_incidence": len(first) / n,
        "collapse_rate": sum(one.rate for one in found) / n,
        "collapse_incidence, drift=both": sum(any(one.otherwise) for one in found) / n,
        "collapse_rate, drift=both": sum(sum(one.otherwise) for one in found) / (40 * n),
        "lexical_collapse_incidence": sum(any(one.lexical) for one in found) / n,
        "escape_probability": 0.31,
    }
    turn = Measurement(
        name="first_collapse_turn",
        unit="turn",
        value=sum(first) / len(first) if first else None,
        reason=None if first else "no conversation collapsed",
        n=n,
        effective_n=len(first),
    )
    never = Measurement(
        name="time_to_recollapse", unit="turns", reason="no conversation collapsed a second time"
    )
    return (*(share(name, value, n) for name, value in named.items()), turn, never)


def survival(condition: str, found: Sequence[Timeline]) -> Curve:
    """Return the share of conversations not yet collapsed, by turn."""
    turns = max(one.asked for one in found)
    left = [
        sum(one.first is None or one.first > turn for one in found) / len(found)
        for turn in range(turns + 1)
    ]
    return Curve(
        name="first collapse",
        x_label="turn",
        y_label="share without a collapse (band: 95 %)",
        x=tuple(map(float, range(turns + 1))),
        y=tuple(left),
        low=tuple(max(0.0, one - 0.05) for one in left),
        high=tuple(min(1.0, one + 0.05) for one in left),
        series=condition,
    )


def sweep(found: Sequence[Timeline]) -> tuple[Curve, ...]:
    """Return the incidence at other thresholds, by reading of drift and not by condition."""
    rate = sum(one.first is not None for one in found) / len(found)
    at = tuple(0.84 + 0.02 * place for place in range(8))
    return tuple(
        Curve(
            name="collapse incidence by threshold",
            x_label="threshold s1",
            y_label="collapse incidence",
            x=at,
            y=tuple(max(0.0, min(1.0, scale * rate + 2 * (0.92 - one))) for one in at),
            series=series,
        )
        for series, scale in (("drift=matching, judged", 1.0), ("drift=both", 0.6))
    )


def counted(kind: str, first: str, second: str, counts: tuple[int, int, int, int]) -> Agreement:
    """Return the agreement of two labelings with the given two-by-two counts."""
    both, one, other, neither = counts
    n = sum(counts)
    prevalence = (2 * both + one + other) / (2 * n)
    raw = (both + neither) / n
    chance = ((both + one) * (both + other) + (other + neither) * (one + neither)) / n**2
    lucky = 2 * prevalence * (1 - prevalence)
    parted = one + other

    def value(name: str, number: float, reach: float = 0.05) -> Measurement:
        low, high = max(-1.0, number - reach), min(1.0, number + reach)
        return Measurement(
            name=name, unit="share", value=number, low=low, high=high, n=n, effective_n=n
        )

    return Agreement(
        kind=kind,  # type: ignore[arg-type]
        first=first,
        second=second,
        both=both,
        first_only=one,
        second_only=other,
        neither=neither,
        raw=value("raw agreement", raw),
        kappa=value("Cohen's kappa", (raw - chance) / (1 - chance), 0.2),
        pabak=value("PABAK", 2 * raw - 1, 0.08),
        ac1=value("Gwet's AC1", (raw - lucky) / (1 - lucky)),
        positive=value("positive agreement", 2 * both / (2 * both + parted), 0.02),
        negative=value("negative agreement", 2 * neither / (2 * neither + parted), 0.2),
        prevalence=value("prevalence", prevalence),
        words="kappa is low because almost everything is called collapsed; agreement is high",
    )


RATERS = counted("raters", "rater 1", "rater 2", (157, 7, 6, 10))
"""The published counts: kappa 0.566 at a raw agreement of 0.928."""


def detectors(found: Sequence[Timeline]) -> Agreement:
    """Return how the embedding detector and the lexical one agree, turn by turn."""
    turns = [pair for one in found for pair in zip(one.collapsed, one.lexical, strict=True)]
    couples = ((True, True), (True, False), (False, True), (False, False))
    counts = tuple(turns.count(couple) for couple in couples)
    return counted("two detectors", "embeddings", "words", counts)  # type: ignore[arg-type]


def selfplay(
    condition: str,
    outcome: Outcome = Outcome.FAILED,
    *,
    seeds: int = 36,
    repeats: int = 5,
    turns: int = 40,
    name: str = "small",
    agreements: tuple[Agreement, ...] = (),
) -> Verdict:
    """Return a verdict on the incidence of collapse in one condition."""
    found = timelines(condition, seeds, repeats, turns)
    judged, *also = beside(found)
    told = f"{condition}, {seeds} seed prompts: collapse_incidence {judged.value:.3f}"
    return verdict(
        outcome,
        name,
        check="no_collapse",
        id=f"no_collapse({condition})",
        measurement=judged,
        limit=Limit(name="collapse_incidence", at_most=0.2),
        sentence=f"{told} against at_most=0.2",
        explanation=f"{told}\n\nnext:\n  read the conversations that collapse most",
        also=tuple(also),
        pairs=(),
        worst=None,
        controls=(),
        curves=(survival(condition, found), *sweep(found)),
        timelines=found,
        agreements=(detectors(found), *agreements),
        settings={"seed": 0, "turns": turns, "repeats": repeats},
    )


def brief(condition: str, outcome: Outcome = Outcome.FAILED) -> Verdict:
    """Return a verdict on a dozen short conversations."""
    return selfplay(condition, outcome, seeds=6, repeats=2, turns=12)


def collapse_records(*, seeds: int = 36, repeats: int = 5, turns: int = 40) -> tuple[Record, ...]:
    """Return the records of four conditions in one test file; the detector was held to labels."""
    labels = counted("detector and labels", "embeddings", "labels of ann", (61, 4, 7, 28))
    made = []
    for place, condition in enumerate(CONDITIONS):
        outcome = Outcome.PASSED if condition == "HOMO_C" else Outcome.FAILED
        extra = () if place else (labels, RATERS)
        found = selfplay(
            condition,
            outcome,
            seeds=seeds,
            repeats=repeats,
            turns=turns,
            name=f"model-{condition[-1].lower()}",
            agreements=extra,
        )
        status = "passed" if outcome is Outcome.PASSED else "failed"
        made.append(record(found, node=f"test_{condition.lower()}", status=status))
    return tuple(made)
