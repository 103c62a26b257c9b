"""The checks of depth dynamics: what they measure, what the store answers, what they refuse."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch

from pytest_promptchaos import (
    VerdictError,
    assert_depth_profile,
    assert_ftle,
    load_model,
    measure_ftle,
)
from pytest_promptchaos.depth_checks import judge_depth_profile
from pytest_promptchaos.errors import ArgumentError, PromptError
from pytest_promptchaos.records import Outcome
from pytest_promptchaos.session import Session, activated
from pytest_promptchaos.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pytest_promptchaos.models.language import LanguageModel
    from pytest_promptchaos.records import Curve, Findings, Measurement

DUNE = "Recommend a book like Dune."
FRANCE = "What is the capital of France?"


@pytest.fixture(scope="module", autouse=True)
def session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Session]:
    root: Path = tmp_path_factory.mktemp("evidence")
    held = Session(settings=Settings(embedder="none", horizon=8), root=root)
    with activated(held):
        yield held
    held.close()


def beside(findings: Findings, name: str) -> Measurement:
    return next(one for one in findings.also if one.name == name)


def curve(findings: Findings, series: str) -> Curve:
    return next(one for one in findings.curves if one.series == series)


# -- what is measured ---------------------------------------------------------------------------


def test_the_rate_is_the_mean_of_the_profile(tiny_model: LanguageModel) -> None:
    findings = measure_ftle(tiny_model, DUNE)
    profile = curve(findings, "perturbation")
    assert findings.measurement.value == pytest.approx(np.mean(profile.y), rel=1e-12)
    assert len(profile.y) == tiny_model.config.num_hidden_layers
    layers = beside(findings, "expanding_layers").breakdown
    assert [layer.value for layer in layers] == pytest.approx(profile.y, rel=1e-12)


def test_flags_name_the_perturbed_tokens(tiny_model: LanguageModel) -> None:
    length = len(tiny_model.tensor(_prompt(DUNE))[0])
    last = [place == length - 1 for place in range(length)]
    named, flagged = (measure_ftle(tiny_model, DUNE, positions=p) for p in ("last", last))
    assert named.measurement.value == flagged.measurement.value
    assert flagged.runs_measured == 0, "the same tokens have one address"
    whole = measure_ftle(tiny_model, DUNE)
    assert whole.measurement.value != named.measurement.value


def test_the_assistants_tokens_are_those_of_its_own_answer(
    tiny_model: LanguageModel, session: Session
) -> None:
    seen: list[tuple[int, ...]] = []

    def shapes(_: object, __: object, named: dict[str, Any]) -> None:
        seen.append(tuple(named["input_ids"].shape))

    hook = tiny_model.network.register_forward_pre_hook(shapes, with_kwargs=True)
    try:
        findings = measure_ftle(tiny_model, DUNE, positions="assistant", beside=())
    finally:
        hook.remove()
    prompt, answer = len(tiny_model.render(_prompt(DUNE))), session.settings.horizon
    assert seen[-1] == (1, prompt + answer), "the answer stands behind the prompt"
    assert findings.settings["positions"] == "assistant"


def test_flags_may_be_an_array(tiny_model: LanguageModel) -> None:
    length = len(tiny_model.render(_prompt(DUNE)))
    flagged = measure_ftle(tiny_model, DUNE, positions=np.ones(length, dtype=bool))
    assert flagged.measurement.value == measure_ftle(tiny_model, DUNE).measurement.value


def test_the_published_protocol_keeps_to_the_prompt(tiny_model: LanguageModel) -> None:
    by_positions = [
        beside(
            measure_ftle(tiny_model, DUNE, positions=positions, beside=["mohammad-2026"]),
            "mohammad-2026 lambda1_mean",
        ).value
        for positions in ("prompt", "assistant")
    ]
    assert by_positions[0] == by_positions[1]


def test_weights_changed_in_place_have_an_address_of_their_own(tmp_path: Path) -> None:
    with activated(Session(settings=Settings(embedder="none"), root=tmp_path)) as own:
        model = own.model("bundled:tiny-chat")
        before = measure_ftle(model, DUNE, beside=())
        with torch.no_grad():
            for weight in model.network.model.layers[2].parameters():
                weight.mul_(3)
        after = measure_ftle(model, DUNE, beside=())
        own.close()
    assert after.runs_reused == 0
    assert after.measurement.value != before.measurement.value


def test_a_budget_of_memory_changes_rounding_only(tmp_path: Path) -> None:
    settings = Settings(embedder="none", tangent_memory=3)
    with activated(Session(settings=settings, root=tmp_path)) as tight:
        model = tight.model("bundled:tiny-chat")
        bounded = measure_ftle(model, DUNE, beside=("readout", "blocks"))
        tight.close()
    free = measure_ftle(load_model("bundled:tiny-chat"), DUNE, beside=("readout", "blocks"))
    ours, theirs = ([one.value for one in found.also] for found in (bounded, free))
    assert ours == pytest.approx(theirs, abs=1e-5)


def test_a_budget_that_holds_no_tangent_is_refused(tmp_path: Path) -> None:
    settings = Settings(embedder="none", tangent_memory=1)
    with (
        activated(Session(settings=settings, root=tmp_path)) as tight,
        pytest.raises(ArgumentError, match="tangent-memory=1 MiB is too little"),
    ):
        measure_ftle(tight.model("bundled:tiny-chat"), DUNE * 40)


def test_a_null_stands_beside_the_profile(tiny_model: LanguageModel) -> None:
    findings = measure_ftle(tiny_model, DUNE, null=3)
    fresh = curve(findings, "random initialization")
    assert len(fresh.y) == len(fresh.low) == tiny_model.config.num_hidden_layers
    difference = beside(findings, "lambda_1 beyond random initializations")
    value, other = (
        findings.measurement.value,
        beside(findings, "lambda_1 of random initializations").value,
    )
    assert value is not None
    assert other is not None
    assert difference.value == pytest.approx(value - other, abs=1e-12)
    assert len(beside(findings, "null_expanding_layers").breakdown) == len(fresh.y)


def test_every_measure_may_stand_beside(tiny_model: LanguageModel) -> None:
    from pytest_promptchaos.beside import BESIDE

    findings = measure_ftle(tiny_model, [DUNE, FRANCE], tangents=3, beside=list(BESIDE))
    absent = [(one.name, one.reason) for one in findings.also if one.value is None]
    # Three expanding directions span no volume that keeps its size: the one honest absence.
    assert [name for name, _ in absent] == ["kaplan_yorke_dimension"]
    spectrum = beside(findings, "exponent_sum").breakdown
    assert [one.value for one in spectrum] == sorted((one.value for one in spectrum), reverse=True)  # type: ignore[type-var]
    leading = beside(findings, "leading growth, log sigma_1 / L").value
    assert leading is not None
    assert spectrum[0].value is not None
    assert leading > spectrum[0].value, "the worst direction grows more than a typical one"


def test_two_floats_and_doubles_see_the_same_profile(tiny_model: LanguageModel) -> None:
    wide = load_model("bundled:tiny-chat?dtype=float64")
    ours, theirs = (
        np.array(curve(measure_ftle(m, DUNE, beside=()), "perturbation").y)
        for m in (tiny_model, wide)
    )
    assert np.corrcoef(ours, theirs)[0, 1] > 0.999
    assert ours == pytest.approx(theirs, abs=1e-4)


@pytest.mark.parametrize("cadence", [1, 2, 100])
def test_no_number_depends_on_the_cadence(tiny_model: LanguageModel, cadence: int) -> None:
    usual, other = (
        measure_ftle(tiny_model, FRANCE, beside=(), cadence=every) for every in (4, cadence)
    )
    numbers = [
        [one.value for one in (findings.measurement, *findings.also)] for findings in (usual, other)
    ]
    assert numbers[1] == pytest.approx(numbers[0], rel=1e-9, abs=1e-12)


# -- what the store answers ---------------------------------------------------------------------


def test_a_study_needs_one_profile_per_model_and_prompt(tmp_path: Path) -> None:
    # The published study in small: 4 conditions on 3 models (two share one), 3 prompts, 5 repeats.
    models = [load_model(f"bundled:{name}") for name in ("tiny-chat", "tiny-chat-robust")]
    conditions = [models[0], models[1], load_model("bundled:tiny-chat?dtype=float64"), models[0]]
    prompts, forwards = [DUNE, FRANCE, "How do I make tea?"], []
    hooks = [
        model.network.register_forward_hook(lambda *_: forwards.append(1))
        for model in set(conditions)
    ]
    with activated(Session(settings=Settings(embedder="none"), root=tmp_path)) as fresh:
        first = [
            measure_ftle(model, prompt, beside=())
            for model, prompt in itertools.product(set(conditions), prompts)
        ]
        needed = len(forwards)
        study = [
            measure_ftle(model, prompt, beside=())
            for model, prompt, _ in itertools.product(conditions, prompts, range(5))
        ]
        fresh.close()
    for hook in hooks:
        hook.remove()
    assert len(study) == 60
    assert needed > 0
    assert len(forwards) == needed, "none of the 60 calls ran a model again"
    assert sum(one.runs_measured for one in first) == 9
    assert sum(one.runs_measured for one in study) == 0
    assert {one.measurement.value for one in study} == {one.measurement.value for one in first}


# -- verdicts -----------------------------------------------------------------------------------


def test_a_rate_is_held_between_two_limits(tiny_model: LanguageModel) -> None:
    value = measure_ftle(tiny_model, DUNE).measurement.value
    assert value is not None
    verdict = assert_ftle(tiny_model, DUNE, at_least=value - 1, at_most=value + 1)
    assert verdict.outcome is Outcome.PASSED
    with pytest.raises(VerdictError, match="at_least"):
        assert_ftle(tiny_model, DUNE, at_least=value + 1)


def test_a_profile_has_a_verdict_for_each_limit(tiny_model: LanguageModel) -> None:
    verdicts = assert_depth_profile(
        tiny_model, DUNE, variance_at_most=100.0, slope_between=(-10.0, 10.0), no_layer_above=10.0
    )
    assert [one.limit.name for one in verdicts] == [
        "profile_variance",
        "profile_slope",
        "largest_layer_growth",
    ]
    assert all(one.outcome is Outcome.PASSED for one in verdicts)
    assert all(one.measurement.name == one.limit.name for one in verdicts)


def test_a_layer_above_the_limit_fails_and_is_named(tiny_model: LanguageModel) -> None:
    with pytest.raises(VerdictError, match="layer 0 grows most") as caught:
        assert_depth_profile(tiny_model, DUNE, no_layer_above=0.5, variance_at_most=100.0)
    assert "also: " in str(caught.value), "the other limit is told, too"


def test_a_limit_inside_the_interval_is_inconclusive(tiny_model: LanguageModel) -> None:
    value = beside(measure_ftle(tiny_model, DUNE), "profile_variance").value
    (verdict,) = judge_depth_profile(tiny_model, DUNE, variance_at_most=value)
    assert verdict.outcome is Outcome.INCONCLUSIVE


def test_two_tangents_are_few_and_still_give_an_interval(tiny_model: LanguageModel) -> None:
    (verdict,) = judge_depth_profile(tiny_model, DUNE, slope_between=(-90.0, 90.0), tangents=2)
    assert verdict.measurement.low is not None


# -- any other system ---------------------------------------------------------------------------


def test_a_users_own_stack_is_measured_alike() -> None:
    torch.manual_seed(0)
    layers = [torch.nn.Linear(8, 8, bias=False, dtype=torch.float64) for _ in range(3)]
    for layer in layers:
        torch.nn.init.orthogonal_(layer.weight)
    stack = torch.nn.Sequential(*layers)
    verdict = assert_ftle(stack, torch.ones(8, dtype=torch.float64), at_most=1e-9, at_least=-1e-9)
    assert verdict.measurement.value == pytest.approx(0.0, abs=1e-12)


# -- what is refused ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("knobs", "words"),
    [
        ({"tangents": 1}, "tangents is 1"),
        ({"tangent": 3}, "did you mean 'tangents'"),
        ({"positions": "assistent"}, "did you mean 'assistant'"),
        ({"positions": [True]}, "one for each of its"),
        ({"positions": {"other": [True]}}, "names no flags for prompt"),
        ({"beside": ["leding"]}, "did you mean 'leading'"),
        ({"beside": "leading"}, "pass a list of names"),
        ({"null": -1}, "null is -1"),
        ({"null": 1.5}, "whole number"),
        ({"tangents": 10.0}, "whole number"),
        ({"cadence": 1.5}, "whole number"),
        ({"seed": "a"}, "whole number"),
        ({"beside": None}, "pass a list of names"),
        ({"steps": 3}, "argument is 'steps'"),
    ],
)
def test_arguments_that_make_no_sense_are_refused(
    tiny_model: LanguageModel, knobs: dict[str, Any], words: str
) -> None:
    with pytest.raises(ArgumentError, match=words):
        measure_ftle(tiny_model, DUNE, **knobs)


@pytest.mark.parametrize(
    ("limits", "words"),
    [
        ({}, "no limit was given"),
        ({"slope_between": (1.0, 0.0)}, "is not below"),
        ({"slope_between": (1.0, 2.0, 3.0)}, "two numbers"),
        ({"no_layer_above": (9, 10)}, "finite number"),
        ({"variance_at_most": float("nan")}, "finite number"),
        ({"no_layer_above": "much"}, "finite number"),
    ],
)
def test_limits_that_say_nothing_are_refused(
    tiny_model: LanguageModel, limits: dict[str, Any], words: str
) -> None:
    with pytest.raises(ArgumentError, match=words):
        assert_depth_profile(tiny_model, DUNE, **limits)


def test_a_rate_needs_a_limit(tiny_model: LanguageModel) -> None:
    with pytest.raises(ArgumentError, match="pass at_most or at_least"):
        assert_ftle(tiny_model, DUNE)


def test_a_bare_network_is_told_how_to_be_pinned(tiny_model: LanguageModel) -> None:
    with pytest.raises(ArgumentError, match=r"save_pretrained\(\)"):
        measure_ftle(tiny_model.network, DUNE)


@pytest.mark.parametrize("prompt", [3, [{"role": "user", "content": "x"}], None])
def test_a_prompt_of_another_kind_is_refused(tiny_model: LanguageModel, prompt: Any) -> None:
    with pytest.raises(PromptError, match="pass a text"):
        measure_ftle(tiny_model, prompt)


def test_the_same_state_twice_is_no_sample() -> None:
    with pytest.raises(ArgumentError, match="given twice"):
        measure_ftle(torch.tanh, [torch.ones(3)] * 6, steps=4)


def test_a_profile_needs_layers_and_independent_tangents() -> None:
    knobs: dict[str, Any] = {"steps": 4, "mode": "orthogonal"}
    with pytest.raises(ArgumentError, match="has no largest_layer_growth"):
        judge_depth_profile(torch.tanh, torch.ones(3), no_layer_above=1.0, **knobs)  # type: ignore[arg-type]


def test_the_same_prompt_twice_is_refused(tiny_model: LanguageModel) -> None:
    with pytest.raises(PromptError, match="more than once"):
        measure_ftle(tiny_model, [DUNE, DUNE])


def _prompt(text: str) -> Any:
    from pytest_promptchaos.neighborhoods.ladder import as_prompt

    return as_prompt(text)
