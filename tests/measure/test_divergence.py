"""Runs -> findings, on scripted runs whose answers are known."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from measure.scripted_runs import MODEL
from pytest_promptchaos.measure.divergence import divergence
from pytest_promptchaos.measure.pairs import Observed, horizons, prefix
from pytest_promptchaos.neighborhoods.certify import certify
from pytest_promptchaos.neighborhoods.ladder import neighborhood
from pytest_promptchaos.records import Findings, Neighborhood, Prompt, Run, Step

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

TEXT = "Recommend a good book like Dune."


def run(prompt: Prompt, output: str, horizon: int = 16) -> Run:
    """A run that emits one token per word; logits follow the first word."""
    words = (*tuple(f"{word} " for word in output.split()), "<end>")
    ids = tuple(sum(word.encode()) for word in words)
    logits = np.zeros(4, dtype=np.float32)
    logits[ids[0] % 4] = 5.0
    return Run(
        key=f"{prompt.text}:{output}",
        prompt=prompt,
        prompt_ids=tuple(prompt.text.encode()),
        output_ids=ids,
        tokens=words,
        text=output,
        steps=tuple(Step(top1=i, top2=0, logit1=2.0, logit2=1.5) for i in ids),
        finish="end",
        horizon=horizon,
        batch_shape=(4, 16),
        repeat=0,
        model=MODEL,
        seconds=0.0,
        prompt_logits=logits,
        prompt_hidden=np.ones((3, 2), dtype=np.float32),
    )


def words_as_vectors(texts: Sequence[str]) -> tuple[NDArray[np.float32], list[bool]]:
    """Embed a text as the direction of its first word: equal first words are at distance 0."""
    known = {"Try": [1.0, 0.0, 0.0], "Read": [0.0, 1.0, 0.0]}
    rows = [known.get(text.split(" ")[0], [0.0, 0.0, 1.0]) for text in texts]
    return np.array(rows, dtype=np.float32), [len(text) > 60 for text in texts]


def observed(answers: dict[str, str], *, text: str = TEXT, erased: Sequence[str] = ()) -> Observed:
    """A neighborhood whose rungs answer as told; the center and the rest answer "Try Emma"."""
    built = neighborhood(Prompt(id=text, text=text), per_rung=4)
    gone = {n.id for n in built.neighbors if n.kind in erased}
    ids = {n.prompt: n.prompt.text for n in built.neighbors}

    def render(prompt: Prompt) -> tuple[int, ...]:
        lost = any(n.prompt == prompt and n.id in gone for n in built.neighbors)
        return tuple((text if lost else ids.get(prompt, prompt.text)).encode())

    certified: Neighborhood = certify(built, render)
    center = run(certified.center, "Try Emma")
    runs = {
        n.id: run(n.prompt, answers.get(n.rung, "Try Emma"))
        for n in certified.neighbors
        if n.certification in {"effective", "identical"}
    }
    return Observed(
        neighborhood=certified, center=center, runs=runs, alone=(center, center), unpadded=center
    )


def found(*several: Observed, embedded: bool = True) -> Findings:
    return divergence(
        several,
        metric="semantic",
        rungs=("format", "punctuation", "synonym"),
        min_effective=3,
        embed=words_as_vectors if embedded else None,
        embedder_words="scripted" if embedded else "no embedder is installed",
    )


def control(findings: Findings, name: str) -> tuple[str, float | None]:
    (one,) = [c for c in findings.controls if c.name == name]
    return one.state, one.value


def test_answers_that_do_not_move_are_at_exactly_zero() -> None:
    findings = found(observed({"positive_control": "Boil an egg"}))
    assert findings.measurement.value == findings.measurement.low == 0.0
    assert findings.measurement.high is not None
    assert findings.measurement.high > 0.1
    assert control(findings, "identical control") == ("held", 0.0)
    assert control(findings, "positive control") == ("held", 1.0)


def test_a_rung_that_moves_enters_in_its_share() -> None:
    findings = found(observed({"format": "Read Ubik", "positive_control": "Boil an egg"}))
    by_rung = {part.name: part.value for part in findings.measurement.breakdown}
    assert by_rung["format"] == 1.0
    assert by_rung["punctuation"] == 0.0
    small = [p for p in findings.pairs if p.rung in {"format", "punctuation", "synonym"}]
    share = sum(p.rung == "format" for p in small) / len(small)
    assert findings.measurement.value == pytest.approx(share)
    assert findings.pairs[0].rung == "format"


def test_erased_edits_are_shown_and_not_averaged_in() -> None:
    moved = {"format": "Read Ubik", "positive_control": "Boil an egg"}
    whole = observed(moved)
    kinds = {n.kind for n in whole.neighborhood.neighbors if n.rung == "format"}
    findings = found(observed(moved, erased=sorted(kinds)))
    assert findings.measurement.value == 0.0
    erased = [p for p in findings.pairs if p.certification == "erased"]
    assert len(erased) == 4
    assert all(not p.distances and p.missing for p in erased)
    assert findings.measurement.effective_n == findings.measurement.n - 4
    assert "4 erased" in next(c.words for c in findings.controls if c.name == "minimum effective n")


def test_a_positive_control_that_is_not_seen_fails() -> None:
    assert control(found(observed({})), "positive control") == ("failed", 0.0)


def test_noise_is_subtracted_and_shown() -> None:
    one = observed({"format": "Read Ubik", "positive_control": "Boil an egg"})
    noisy = replace(one, alone=(run(one.center.prompt, "Read Ubik"), one.center))
    findings = found(noisy)
    assert control(findings, "run to run") == ("held", 1.0)
    assert control(findings, "batch shape") == ("held", 1.0)
    assert findings.measurement.value == 0.0
    assert "in excess of each prompt's noise floor (at most 1)" in findings.measurement.interval


def test_noise_by_padding_alone_is_seen() -> None:
    one = observed({"positive_control": "Boil an egg"})
    findings = found(replace(one, unpadded=run(one.center.prompt, "Read Ubik")))
    assert control(findings, "padding") == ("held", 1.0)
    assert control(findings, "run to run") == ("held", 0.0)


def test_one_noisy_prompt_buys_no_slack_for_the_others() -> None:
    moved = {"format": "Read Ubik", "positive_control": "Boil an egg"}
    calm, noisy = observed(moved), observed(moved, text="Recommend a big book like Emma.")
    noisy = replace(noisy, alone=(run(noisy.center.prompt, "Read Ubik"), noisy.center))
    alone, both = found(calm).measurement.value, found(calm, noisy).measurement.value
    assert alone is not None
    assert both == pytest.approx(max(alone / 2 + (alone - 1) / 2, 0.0), abs=0.05)
    assert control(found(calm, noisy), "run to run")[1] == 1.0


def test_the_positive_control_is_held_to_the_same_excess_as_the_number() -> None:
    one = observed({"format": "Read Ubik", "positive_control": "Boil an egg"})
    noisy = replace(one, alone=(run(one.center.prompt, "Read Ubik"), one.center))
    assert control(found(noisy), "positive control") == ("failed", 0.0)


@pytest.mark.parametrize(
    ("rung", "name"), [("identical", "identical control"), ("positive_control", "positive control")]
)
def test_every_prompt_needs_its_own_controls(rung: str, name: str) -> None:
    moved = {"positive_control": "Boil an egg"}
    whole, bare = observed(moved), observed(moved, text="Recommend a big book like Emma.")
    kept = tuple(n for n in bare.neighborhood.neighbors if n.rung != rung)
    bare = replace(bare, neighborhood=replace(bare.neighborhood, neighbors=kept))
    findings = found(whole, bare)
    assert control(findings, name)[0] == "failed"
    assert "Recommend a big book" in next(c.words for c in findings.controls if c.name == name)


def test_without_an_embedder_the_semantic_distance_is_absent_and_the_tokens_remain() -> None:
    findings = found(observed({"positive_control": "Boil an egg"}), embedded=False)
    assert findings.measurement.value is None
    assert findings.measurement.reason == "no embedder is installed"
    tokens = next(m for m in findings.also if m.name == "token edit distance")
    assert tokens.value == 0.0
    assert control(findings, "embedder")[0] == "failed"


def test_truncated_comparisons_are_counted() -> None:
    long = "Read " + "word " * 30
    findings = found(observed({"format": long, "positive_control": "Boil an egg"}))
    pairs = [p for p in findings.pairs if p.rung == "format" and p.distances]
    assert pairs
    assert all(p.truncated for p in pairs)
    share = control(findings, "embedder")[1]
    assert share is not None
    assert 0 < share < 1


def test_divergence_by_horizon_ends_at_the_whole_output() -> None:
    findings = found(observed({"format": "Read Ubik", "positive_control": "Boil an egg"}))
    curve = next(c for c in findings.curves if c.series == "judged edits" and "horizon" in c.name)
    assert curve.x == (8.0, 16.0)
    assert curve.y[-1] == pytest.approx(findings.measurement.value)


def test_a_prefix_is_cut_at_tokens() -> None:
    one = run(Prompt(id="p", text=TEXT), "Try Emma now")
    assert prefix(one, 2) == "Try Emma "
    assert prefix(one, 99) == "Try Emma now"
    assert horizons(10) == (8, 10)
