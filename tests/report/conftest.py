"""Records as a real run leaves them: two models, every outcome, and hostile model output."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TypeAlias

import pytest

from pytest_promptchaos.records import (
    SMALL_RUNGS,
    Branch,
    Control,
    Curve,
    Limit,
    Measurement,
    ModelIdentity,
    Outcome,
    Pair,
    Record,
    Rung,
    Verdict,
)

HOSTILE = (
    "</script><img src=x onerror=\"console.error('owned')\"><style>*{display:none}</style>"
    "{{ 7 * 7 }} <!-- ]]> \x00\x1b[31m \u202egnp.exe \ufffe"
)
"""Markup, template syntax, a comment, CDATA's end, control characters and a direction override."""

Edit: TypeAlias = tuple[Rung, str, str, str]
"""Rung, kind, the edit in words, and the prompt that it made."""

EDITS: tuple[tuple[Rung, str, str, str, float], ...] = (
    ("format", "doubled inner space", "doubled the space after 'book'", "book  like", 0.31),
    ("format", "trailing newline", "added a newline at the end", "Dune.\n", 0.24),
    ("format", "tab indent", "indented with a tab", "\tRecommend", 0.12),
    ("punctuation", "final punctuation dropped", "dropped the final full stop", "Dune", 0.21),
    ("punctuation", "quotes style", "set 'Dune' in curly quotes", "\u201cDune\u201d", 0.08),
    ("synonym", "synonym", "replaced 'Recommend' by 'Suggest'", "Suggest", 0.17),
    ("paraphrase", "authored", "asked in other words", "What should I read after Dune?", 0.36),
    ("positive_control", "authored", "asked for a recipe instead", "Give me a recipe.", 0.93),
)

CENTER = ("Try", " Hyperion", " by", " Dan", " Simmons", ".", " It", " is", " long", ".", "<end>")
OTHER = (*CENTER[:5], ",", " which", " has", " depth", ",", "\n", "then", " more", ".", "<end>")


def model(name: str, **changes: object) -> ModelIdentity:
    """Return a model's identity, told from others by its name."""
    identity = ModelIdentity(
        pin=f"bundled:{name}",
        name=name,
        revision="shipped with the package",
        fingerprint="3f9a6b1d" * 8,
        template="77c0aa12" * 8,
        dtype="float32",
        device="cpu",
        attention="eager",
        versions=(("torch", "2.13.0"), ("transformers", "5.23.0")),
        notes=("cleared repetition_penalty=1.1",),
    )
    return replace(identity, **changes)  # type: ignore[arg-type]


def pair(edit: Edit, distance: float, tokens: tuple[str, ...] = OTHER) -> Pair:
    """Return a measured pair whose outputs part at step 5."""
    rung, kind, words, text = edit
    return Pair(
        prompt_id="dune",
        neighbor_id=f"{rung}-{kind}",
        rung=rung,
        kind=kind,
        edit=words,
        origin="authored" if kind == "authored" else "mechanical",
        certification="effective",
        token_delta=1,
        center_text="Recommend a book like Dune.",
        neighbor_text=f"Recommend a {text}" if text.startswith("book") else text,
        output_a="".join(CENTER[:-1]),
        output_b="".join(tokens[:-1]),
        tokens_a=CENTER,
        tokens_b=tokens,
        distances={"semantic": distance, "token_edit": min(1.0, 2 * distance), "js": 1.2e-4},
        branch=Branch(step=5, token_a=".", token_b=tokens[5], margin_a=0.31, margin_b=1.2),
    )


def erased(edit: Edit) -> Pair:
    """Return a pair whose edit the chat template removed: it has no second output."""
    return replace(
        pair(edit, 0.0),
        certification="erased",
        token_delta=0,
        output_b="",
        tokens_b=(),
        distances={},
        branch=None,
        missing=(("all", "not run: erased"),),
    )


def pairs(scale: float) -> tuple[Pair, ...]:
    """Return the neighbors of one prompt, judged ones first; the worst has a hostile output."""
    measured = [pair(edit[:4], min(1.0, edit[4] * scale)) for edit in EDITS]
    tokens = (*CENTER[:5], HOSTILE, " and", " more", "<end>")
    measured[0] = pair(EDITS[0][:4], 0.31 * scale, tokens)
    same = replace(measured[4], tokens_b=CENTER, output_b=measured[4].output_a, branch=None)
    measured[4] = replace(same, distances={"semantic": 0.0, "token_edit": 0.0, "js": 1e-9})
    ranked = sorted(measured, key=lambda p: (p.rung not in SMALL_RUNGS, -p.distances["semantic"]))
    trailing: Edit = ("format", "trailing space", "added a space at the end", "Recommend a book. ")
    return (*ranked, erased(trailing))


def stability(value: float, low: float, high: float, scale: float) -> Measurement:
    """Return a semantic distance with its rungs."""

    def part(rung: str, share: float, n: int) -> Measurement:
        return Measurement(
            name=rung,
            unit="1 - cosine, 0 to 2",
            value=share * scale,
            low=0.7 * share * scale,
            high=1.3 * share * scale,
            n=n + 1,
            effective_n=n,
        )

    absent = Measurement(
        name="small_semantic", unit="", reason="none of 2 neighbors differs for the model", n=2
    )
    rungs = [part("format", 0.22, 3), part("punctuation", 0.15, 2), part("synonym", 0.17, 1)]
    rungs += [part("paraphrase", 0.36, 1), absent, part("positive_control", 0.93, 1)]
    return Measurement(
        name="semantic distance",
        unit="1 - cosine, 0 to 2",
        value=value,
        low=low,
        high=high,
        interval="bootstrap over 6 neighbors of one prompt",
        n=9,
        effective_n=6,
        breakdown=tuple(rungs),
    )


def curves(scale: float) -> tuple[Curve, ...]:
    """Return divergence by horizon and hidden state distance, each with a band."""

    def curve(name: str, labels: tuple[str, str], x: range, rate: float, series: str) -> Curve:
        y = tuple(scale * rate * math.log1p(step) for step in x)
        return Curve(
            name=name,
            x_label=labels[0],
            y_label=labels[1],
            x=tuple(map(float, x)),
            y=y,
            low=tuple(0.8 * one for one in y),
            high=tuple(1.2 * one for one in y),
            series=series,
        )

    horizon = ("output tokens compared", "semantic distance")
    return (
        curve("divergence by horizon", horizon, range(8, 65, 8), 0.05, "judged edits"),
        curve("divergence by horizon", horizon, range(8, 65, 8), 0.2, "positive control"),
        curve("hidden state distance", ("layer", "relative distance"), range(9), 0.03, ""),
    )


CONTROLS = (
    Control(name="run to run", role="floor", state="held", words="2 runs agree", value=0.0),
    Control(name="batch shape", role="floor", state="held", words="1 row and 8 rows agree"),
    Control(
        name="positive control",
        role="detection",
        state="held",
        words="a recipe instead of a book is detected",
        value=0.93,
    ),
    Control(name="rung not run", role="note", state="absent", words="small_semantic: no text"),
)


def verdict(outcome: Outcome = Outcome.FAILED, name: str = "small", **changes: object) -> Verdict:
    """Return a stability verdict around one prompt on the model ``name``."""
    value, low, high, scale = {
        Outcome.FAILED: (0.2137, 0.1512, 0.2831, 1.0),
        Outcome.PASSED: (0.0412, 0.0205, 0.0688, 0.2),
        Outcome.INCONCLUSIVE: (0.1391, 0.0924, 0.1873, 0.65),
        Outcome.INVALID: (0.0, 0.0, 0.0, 0.0),
    }[outcome]
    measured = pairs(scale)
    sentence = f"bundled:{name} around dune: semantic distance {value:.3f} [{low:.3f}, {high:.3f}]"
    steps = "next:\n  read the outputs side by side: is the moved answer still right?"
    found = Verdict(
        check="stable_neighborhood",
        id="stable_neighborhood(dune)",
        model=model(name),
        outcome=outcome,
        measurement=stability(value, low, high, scale),
        limit=Limit(name="semantic distance", at_most=0.15),
        sentence=f"{sentence} against at_most=0.15",
        explanation=f"{sentence} against at_most=0.15\n\ncontrols:\n  ok\n\n{steps}",
        seed=0,
        controls=CONTROLS,
        pairs=measured,
        worst=measured[0].neighbor_id,
        curves=curves(scale),
        settings={"metric": "semantic", "horizon": 64, "seed": 0},
        runs_measured=9,
        runs_reused=3,
        seconds=1.25,
    )
    return replace(found, **changes)  # type: ignore[arg-type]


def depth(outcome: Outcome, name: str, scale: float) -> Verdict:
    """Return an ftle verdict with a depth profile, without neighbors."""
    layers = tuple(map(float, range(8)))
    growth = tuple(scale * (0.4 - 0.08 * layer) for layer in range(8))
    exponent = sum(growth) / 8
    found = verdict(outcome, name)
    return replace(
        found,
        check="ftle",
        id="ftle(dune)",
        measurement=Measurement(
            name="lambda_1",
            unit="nats per layer",
            value=exponent,
            low=exponent - 0.02,
            high=exponent + 0.02,
            n=10,
            effective_n=10,
        ),
        limit=Limit(name="lambda_1", at_most=0.25),
        sentence=f"bundled:{name} around dune: lambda_1 {exponent:.3f} against at_most=0.25",
        pairs=(),
        worst=None,
        curves=(
            Curve(
                name="depth profile",
                x_label="layer",
                y_label="growth, nats per layer",
                x=layers,
                y=growth,
                low=tuple(one - 0.03 for one in growth),
                high=tuple(one + 0.03 for one in growth),
            ),
        ),
    )


def record(*verdicts: Verdict, node: str = "test_dune", status: str = "failed") -> Record:
    """Return the record of one test, named with its model as pytest does."""
    parameter = "".join(f"[{one.model.pin}]" for one in verdicts[:1])
    return Record(
        node_id=f"tests/test_books.py::{node}{parameter}",
        status=status,  # type: ignore[arg-type]
        verdicts=verdicts,
        environment={"python": "3.11.9", "platform": "Linux", "torch": "2.13.0"},
        started="2026-03-01T10:00:00Z",
        seconds=2.5,
    )


def run_records() -> tuple[Record, ...]:
    """Return the records of a whole run."""
    invalid = verdict(
        Outcome.INVALID,
        "large",
        controls=(
            replace(
                CONTROLS[2],
                state="failed",
                words="not above the limit 0.15: the model answers everything alike",
                value=0.02,
            ),
            *CONTROLS[:2],
        ),
        worst=None,
    )
    return (
        record(verdict(Outcome.PASSED, "large"), node="test_large", status="passed"),
        record(verdict(), depth(Outcome.PASSED, "small", 1.0)),
        record(depth(Outcome.PASSED, "large", 0.4), node="test_depth", status="passed"),
        record(verdict(Outcome.INCONCLUSIVE), node="test_close"),
        record(invalid, node="test_collapsed"),
        record(verdict(id="demo", expect="failed"), node="test_demo", status="passed"),
        replace(record(node="test_worker", status="error"), message="worker 'gw1' crashed\nBye"),
    )


@pytest.fixture
def records() -> tuple[Record, ...]:
    """A whole run: two models, every outcome, an expected failure, and a crashed test."""
    return run_records()
