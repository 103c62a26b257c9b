"""Records of neighborhoods in depth: three systems, branch cards, clouds, answers, a ledger."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

from pytest_promptchaos.records import (
    Branch,
    BranchCard,
    Candidate,
    Future,
    Measurement,
    Outcome,
    RescueMap,
)
from report.conftest import CENTER, OTHER, pairs, record, verdict
from report.scatter import drift, pictures, system

if TYPE_CHECKING:
    from pytest_promptchaos.records import Diagnosis, Pair, Record, Verdict

LAYERS = tuple(f"layer {place}" for place in range(8))
PLACES = ("edit boundary", "prompt", "last prompt token", "generated prefix")


def branch(**changes: object) -> Branch:
    """Return a branch at the sixth token, silently prepared from the third on."""
    found = Branch(
        step=5,
        token_a=".",
        token_b=",",
        margin_a=0.31,
        margin_b=1.2,
        candidates_a=tuple(map(_candidate, (".", ",", " and", "!"), (9.4, 9.09, 6.2, 3.1))),
        candidates_b=tuple(map(_candidate, (",", ".", " who", " and"), (10.1, 8.9, 7.7, 5.0))),
        kinds=("low margin", "silent"),
        silent_at=2,
        persistent=True,
    )
    return replace(found, **changes)  # type: ignore[arg-type]


def _candidate(token: str, logit: float) -> Candidate:
    return Candidate(token=token, logit=logit)


def futures() -> tuple[Future, ...]:
    """Return four futures: whichever prompt takes a token goes on as that token's output."""

    def future(
        prompt: str, tokens: tuple[str, ...], forced: bool, to: tuple[float, float]
    ) -> Future:
        return Future(
            prompt=prompt,  # type: ignore[arg-type]
            token=tokens[5],
            forced=forced,
            text="".join(tokens[:-1]),
            tokens=tokens,
            to_a=to[0],
            to_b=to[1],
        )

    return (
        future("center", CENTER, False, (0.0, 0.62)),
        future("neighbor", OTHER, False, (0.62, 0.0)),
        future("center", OTHER, True, (0.62, 0.05)),
        future("neighbor", CENTER, True, (0.1, 0.55)),
    )


def rescue_map(direction: str = "center into neighbor") -> RescueMap:
    """Return a map whose cause lies at layer 3, at the edit's boundary."""
    rows = tuple(
        tuple(
            round(0.93 * math.exp(-0.9 * abs(layer - 3) - 0.8 * place) - 0.02, 3)
            for place in range(len(PLACES))
        )
        for layer in range(len(LAYERS))
    )
    return RescueMap(
        direction=direction,  # type: ignore[arg-type]
        layers=LAYERS,
        places=PLACES,
        rescue=rows,
        null=tuple(0.01 * place for place in range(20)),
        threshold=0.21,
    )


def card(pair: Pair, **changes: object) -> BranchCard:
    """Return a card that has everything a card may have."""
    absent = RescueMap(
        direction="neighbor into center",
        reason="the center's margin at the branch is 0.02 logits: the ratio would say nothing",
    )
    found = BranchCard(
        prompt_id=pair.prompt_id,
        neighbor_id=pair.neighbor_id,
        edit=pair.edit,
        branch=branch(),
        smallest="doubled one space",
        smallest_text="Recommend a book  like Dune.",
        tried=3,
        futures=futures(),
        margins_a=(3.1, 4.0, 2.2, 1.4, 0.9, 0.31),
        margins_b=(3.0, 3.9, 2.0, 1.1, 0.4, 1.2),
        js=(1e-6, 4e-6, 2e-3, 6e-3, 0.02, 0.31),
        rescue=(rescue_map(), absent),
        notes=("the edit was cut into 3 parts; 2 of them change nothing",),
    )
    return replace(found, **changes)  # type: ignore[arg-type]


def neighbors(seed: int) -> tuple[Pair, ...]:
    """Return pairs with answers, a duplicate, an unreviewed paraphrase and hashes."""
    found = []
    for place, one in enumerate(pairs(0.8 + 0.1 * seed)):
        changed = place % 3 == 0 and one.certification == "effective"
        found.append(
            replace(
                one,
                branch=branch() if one.branch else None,
                sha256=f"{place:02x}c4" * 16,
                answer_a="Hyperion",
                answer_b="Solaris" if changed else "Hyperion",
                reviewer="R. Reader" if one.origin == "authored" else "",
            )
        )
    twin = replace(
        found[1], neighbor_id="twin", certification="duplicate", distances={}, branch=None
    )
    draft = replace(
        found[6],
        neighbor_id="draft",
        rung="paraphrase",
        kind="generated",
        edit="asked what else to read",
        origin="generated",
        reviewer="",
        gates=False,
        target="user message 1 of 2",
    )
    return (*found, twin, draft)


def at_length(name: str, tokens: int, value: float) -> Measurement:
    """Return a measurement of the first tokens only."""
    return Measurement(
        name=f"{name} at {tokens} tokens",
        unit="1 - cosine, 0 to 2",
        value=value,
        low=0.8 * value,
        high=1.2 * value,
        n=24,
        effective_n=24,
    )


def responsiveness(value: float) -> Measurement:
    """Return how far a changed meaning moves the answers."""
    unit = "1 - cosine, 0 to 2"
    low, high = 0.8 * value, 1.1 * value
    return Measurement(
        name="responsiveness", unit=unit, value=value, low=low, high=high, n=24, effective_n=24
    )


def in_depth(
    outcome: Outcome = Outcome.FAILED,
    diagnosis: Diagnosis = "sensitive",
    seed: int = 0,
    **changes: object,
) -> Verdict:
    """Return a stability verdict with everything that this report shows of one."""
    found = neighbors(seed)
    worst = next(pair for pair in found if pair.branch)
    aligned = at_length("answer-aligned semantic distance", 64, 0.19)
    drawn = verdict(
        outcome,
        "tiny-chat",
        pairs=found,
        worst=worst.neighbor_id,
        cards=tuple(card(pair) for pair in found if pair.branch)[:3],
        diagnosis=diagnosis,
        also=(
            responsiveness(0.41),
            at_length("semantic distance", 16, 0.08),
            at_length("semantic distance", 32, 0.14),
            aligned,
        ),
        curves=pictures(seed),
    )
    identity = system(drawn.model, seed)
    return replace(drawn, model=identity, **changes)  # type: ignore[arg-type]


def neighborhood_records() -> tuple[Record, ...]:
    """Return a run on three systems: every diagnosis, branch cards, clouds and drift."""
    invalid: tuple[Diagnosis, ...] = ("collapsed", "scaffold-masked", "blind", "noise")
    others = tuple(
        in_depth(Outcome.INVALID, name, id=f"stable_neighborhood({name})", cards=(), curves=())
        for name in invalid
    )
    passed = in_depth(Outcome.PASSED, "robust", seed=1)
    undecided = in_depth(Outcome.INCONCLUSIVE, "undecided", seed=2)
    return (
        record(in_depth(), node="test_nearby"),
        record(passed, node="test_nearby", status="passed"),
        record(undecided, node="test_nearby"),
        *(record(one, node=f"test_{one.diagnosis}") for one in others),
        replace(record(*drift(), status="passed"), node_id="tests/test_books.py::test_drift"),
    )
