"""The bridge that every session builds of its own measurements: joined, counted, never raising."""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import TYPE_CHECKING, cast

import numpy as np
import pytest
from scipy.stats import spearmanr

from pytest_promptchaos.prompt_digests import prompt_digests
from pytest_promptchaos.records import (
    Limit,
    Measurement,
    Message,
    ModelIdentity,
    Outcome,
    Pair,
    Prompt,
    Record,
    Timeline,
    Verdict,
)
from pytest_promptchaos.session_bridge import FEWEST, session_bridges
from pytest_promptchaos.session_evidence import FEATURES

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pytest_promptchaos.records import Scalar

PROMPTS = [f"prompt_{number}" for number in range(14)]


def identity(name: str) -> ModelIdentity:
    return ModelIdentity(
        pin=f"bundled:{name}",
        name=name,
        revision="none",
        fingerprint=name * 8,
        template="none",
        dtype="float32",
        device="cpu",
        attention="sdpa",
    )


def value(name: str, number: float, parts: Sequence[Measurement] = ()) -> Measurement:
    return Measurement(name=name, unit="u", value=number, breakdown=tuple(parts))


def verdict(check: str, model: str, settings: Mapping[str, Scalar], **kept: object) -> Verdict:
    measurement = cast("Measurement", kept.pop("measurement", value("m", 0.0)))
    return Verdict(
        check=check,
        id=check,
        model=identity(model),
        outcome=Outcome.PASSED,
        measurement=measurement,
        limit=Limit(name=measurement.name, at_most=1.0),
        explanation="",
        sentence="",
        seed=0,
        settings=settings,
        **kept,  # type: ignore[arg-type]
    )


def depth(
    model: str, features: Mapping[str, Sequence[float]], positions: str = "prompt"
) -> Verdict:
    """Return a check of depth over several prompts, whose own values are its parts."""
    measured = [
        value(name, 0.0, [value(prompt, of[place]) for prompt, of in features.items()])
        if len(features) > 1
        else value(name, next(iter(features.values()))[place])
        for place, name in enumerate(FEATURES)
    ]
    settings: dict[str, Scalar] = {"positions": positions, "prompts": ", ".join(features)}
    return verdict("ftle", model, settings, measurement=measured[0], also=tuple(measured[1:]))


def pair(prompt: str, distance: float, **other: object) -> Pair:
    made = Pair(
        prompt_id=prompt,
        neighbor_id="n",
        rung="format",
        kind="space",
        edit="a space",
        origin="mechanical",
        certification="effective",
        token_delta=1,
        center_text="a",
        neighbor_text="b",
        output_a="",
        output_b="",
        tokens_a=(),
        tokens_b=(),
        distances={"semantic": distance},
    )
    return replace(made, **other)  # type: ignore[arg-type]


def neighborhood(model: str, distances: Mapping[str, float]) -> Verdict:
    """Return a check of neighborhoods, two judged neighbors of each prompt and one that is not."""
    pairs = tuple(
        one
        for prompt, distance in distances.items()
        for one in (
            pair(prompt, distance - 0.01),
            pair(prompt, distance + 0.01),
            pair(prompt, 1.0, rung="positive_control"),
            pair(prompt, 1.0, certification="erased"),
            pair(prompt, 1.0, gates=False),
        )
    )
    settings: dict[str, Scalar] = {"metric": "semantic", "horizon": 64, "rungs": "format, synonym"}
    return verdict("stable_neighborhood", model, settings, pairs=pairs)


def conversations(model: str, shares: Mapping[str, int]) -> Verdict:
    """Return a check of self-play: of ten turns, how many collapsed at the end, two repeats."""
    lines = tuple(
        Timeline(
            condition=f"HOMO {model}",
            seed_id=prompt,
            bucket="",
            repeat=repeat,
            asked=10,
            collapsed=tuple(turn >= 10 - collapsed * repeat for turn in range(10)),
        )
        for prompt, collapsed in shares.items()
        for repeat in (0, 1)
    )
    return verdict("no_collapse", model, {"drift": "matching", "turns": 10}, timelines=lines)


def record(*verdicts: Verdict) -> Record:
    return Record(node_id="t", status="passed", verdicts=verdicts, environment={})


def profiles(seed: int, level: float = 0.0) -> dict[str, tuple[float, float, float]]:
    draw = np.random.default_rng(seed)
    return {
        prompt: (level + float(draw.normal()), float(draw.normal()), float(draw.normal()))
        for prompt in PROMPTS
    }


# -- what is joined -----------------------------------------------------------------------------


def test_a_session_that_measured_neither_has_no_bridge() -> None:
    assert session_bridges([]) == ()
    assert session_bridges([record(verdict("responsive", "a", {}))]) == ()


def test_depth_against_neighborhoods_is_joined_by_model_and_prompt() -> None:
    features = profiles(1)
    distances = {prompt: 0.2 + 0.01 * of[2] for prompt, of in features.items()}
    (bridge,) = session_bridges(
        [record(depth("a", features)), record(neighborhood("a", distances))]
    )
    assert bridge.name == "bundled:a: neighborhood divergence"
    assert (bridge.rows, bridge.unique, bridge.reason) == (14, 14, "")
    found = {one.hypothesis.name: one for one in bridge.associations}
    assert set(found) == {f"{name} x neighborhood_divergence" for name in FEATURES}
    assert found["profile_slope x neighborhood_divergence"].pooled.value == pytest.approx(1.0)


def test_one_model_shows_no_more_than_itself() -> None:
    features = profiles(1)
    draw = np.random.default_rng(5)
    distances = {p: 0.2 + 0.01 * (of[2] + 0.2 * draw.normal()) for p, of in features.items()}
    (bridge,) = session_bridges([record(depth("a", features), neighborhood("a", distances))])
    one = bridge.associations[FEATURES.index("profile_slope")]
    assert one.as_published
    assert one.standing == "undecided"
    assert "all of one stratum: it holds with clusters moved too (Holm p " in one.words
    assert one.words.endswith("in one model, which says nothing of others")


def test_one_model_without_enough_prompts_says_what_is_open() -> None:
    features = profiles(1)
    draw = np.random.default_rng(21)
    distances = {p: 0.2 + 0.01 * (of[2] + 0.7 * draw.normal()) for p, of in features.items()}
    (bridge,) = session_bridges([record(depth("a", features), neighborhood("a", distances))])
    one = bridge.associations[FEATURES.index("profile_slope")]
    assert (one.as_published, one.standing) == (True, "undecided")
    assert "inside the strata" not in one.words
    assert "all of one stratum: with clusters moved in the place of rows Holm p is " in one.words


def test_several_models_are_pooled_with_the_models_as_strata() -> None:
    records = []
    for place, model in enumerate("abc"):
        features = profiles(place, level=10.0 * place)
        draw = np.random.default_rng(50 + place)
        distances = {prompt: 0.2 * place + 0.02 * draw.random() + 0.02 for prompt in features}
        records += [record(depth(model, features)), record(neighborhood(model, distances))]
    pooled, *own = session_bridges(records)
    assert pooled.name == "pooled over 3 models: neighborhood divergence"
    assert (pooled.rows, pooled.unique, pooled.clusters) == (42, 42, 14)
    assert pooled.strata == ("bundled:a", "bundled:b", "bundled:c")
    assert pooled.associations[0].standing == "between-model only"
    assert [one.name.partition(": ")[0] for one in own] == ["bundled:a", "bundled:b", "bundled:c"]


def test_collapse_is_a_family_of_its_own() -> None:
    features = profiles(1)
    shares = {prompt: place % 5 for place, prompt in enumerate(PROMPTS)}
    distances = dict.fromkeys(PROMPTS[:3], 0.1)
    near, far = session_bridges(
        [
            record(depth("a", features)),
            record(neighborhood("a", distances), conversations("a", shares)),
        ]
    )
    assert near.reason.startswith("3 unique depth profiles have neighborhood divergence")
    assert far.name == "bundled:a: collapse"
    outcomes = {one.hypothesis.outcome for one in far.associations}
    assert outcomes == {"collapse_rate", "collapse_incidence"}
    (points,) = [c for c in far.associations[0].curves if c.mark == "points"]
    assert sorted(set(points.y)) == pytest.approx([0.0, 0.05, 0.1, 0.15, 0.2])


def test_a_single_prompt_is_named_by_the_settings() -> None:
    features = profiles(1)
    singles = [depth("a", {prompt: of}) for prompt, of in features.items()]
    distances = dict.fromkeys(PROMPTS, 0.1) | {PROMPTS[0]: 0.3}
    (bridge,) = session_bridges([record(*singles, neighborhood("a", distances))])
    assert bridge.rows == 14
    assert bridge.counts == (
        "14 depth profiles and 14 of neighborhood divergence, by model and prompt: 14 joined, 0 "
        "and 0 without a partner",
    )


# -- what is missing or left out ----------------------------------------------------------------


def test_below_enough_unique_predictors_it_says_how_many_are_missing() -> None:
    features = dict.fromkeys(PROMPTS, (1.0, 2.0, 3.0))
    features |= {"prompt_0": (0.0, 2.0, 3.0)}
    (bridge,) = session_bridges(
        [record(depth("a", features), neighborhood("a", dict.fromkeys(PROMPTS, 0.1)))]
    )
    assert bridge.associations == ()
    assert bridge.reason == (
        "2 unique depth profiles have neighborhood divergence beside them, and 10 are needed: 8 "
        "are missing; measure both at more prompts"
    )


def test_depth_without_behavior_says_what_is_missing() -> None:
    (bridge,) = session_bridges([record(depth("a", profiles(1)))])
    assert bridge.reason == (
        "depth profiles of 14 prompts, and no neighborhood and no conversation beside them: 10 "
        "prompts with both are needed, 10 are missing"
    )
    (bridge,) = session_bridges([record(neighborhood("a", dict.fromkeys(PROMPTS, 0.1)))])
    assert bridge.reason.startswith("neighborhood divergence of 14 prompts, and no depth profile")


def test_what_finds_no_partner_is_counted() -> None:
    here = profiles(1)
    distances = dict.fromkeys([*PROMPTS[2:], "elsewhere"], 0.1)
    bridges = session_bridges([record(depth("a", here), neighborhood("a", distances))])
    assert (
        "14 depth profiles and 13 of neighborhood divergence, by model and prompt: 12 joined, 2 "
        "and 1 without a partner" in bridges[0].counts
    )


def test_another_dtype_is_another_model() -> None:
    other = neighborhood("a", dict.fromkeys(PROMPTS, 0.1))
    other = replace(other, model=replace(other.model, dtype="bfloat16"))
    (bridge,) = session_bridges([record(depth("a", profiles(1)), other)])
    assert bridge.name == "pooled: neighborhood divergence"
    assert bridge.reason.startswith("0 unique depth profiles")


@pytest.mark.parametrize("other", [{"thinking": "on"}, {"template": "b" * 64}])
def test_another_template_or_thinking_is_another_model(other: dict[str, str]) -> None:
    first, second = depth("a", profiles(1)), depth("a", profiles(2))
    second = replace(second, model=replace(second.model, **other))  # type: ignore[arg-type]
    distances = dict(zip(PROMPTS, np.linspace(0.1, 0.2, 14), strict=True))
    near = neighborhood("a", distances)
    bridges = session_bridges([record(first, second, near, replace(near, model=second.model))])
    assert bridges[0].name == "pooled over 2 models: neighborhood divergence"
    assert bridges[0].rows == 28
    (name,) = other
    shown = "b" * 8 if name == "template" else "on"
    before = "none" if name == "template" else "default"
    assert set(bridges[0].strata) == {
        f"bundled:a ({name} {before})",
        f"bundled:a ({name} {shown})",
    }


def test_weights_that_were_changed_in_place_are_another_model() -> None:
    near = neighborhood("a", dict.fromkeys(PROMPTS, 0.1))
    near = replace(near, settings={**near.settings, "edits": "c" * 64})
    (bridge,) = session_bridges([record(depth("a", profiles(1)), near)])
    assert bridge.reason.startswith("0 unique depth profiles")


def digested(one: Verdict, texts: Mapping[str, str]) -> Verdict:
    """Return a verdict whose settings tell the words of its prompts."""
    told = prompt_digests([Prompt(id=name, text=text) for name, text in texts.items()])
    names = ", ".join(texts)
    return replace(one, settings={**one.settings, "prompts": names, "prompt_digests": told})


def worded(verdict: Verdict, text: str) -> Verdict:
    """Return a check of neighborhoods with the unchanged prompts beside their neighbors."""
    same = [pair(name, 0.0, rung="identical", center_text=text) for name in PROMPTS]
    return replace(verdict, pairs=(*verdict.pairs, *same))


WHY, HOW = dict.fromkeys(PROMPTS, "Why?"), dict.fromkeys(PROMPTS, "How?")


def test_two_prompts_of_one_id_are_not_joined() -> None:
    near = worded(neighborhood("a", dict.fromkeys(PROMPTS, 0.1)), "How?")
    (bridge,) = session_bridges([record(digested(depth("a", profiles(1)), WHY), near)])
    assert bridge.reason.startswith("0 unique depth profiles")
    assert any("0 joined, 14 and 14 without a partner" in told for told in bridge.counts)


def test_each_of_two_prompts_of_one_id_finds_its_own() -> None:
    why, how = digested(depth("a", profiles(1)), WHY), digested(depth("a", profiles(2)), HOW)
    distances = {name: 0.1 + 0.01 * place for place, name in enumerate(PROMPTS)}
    near = worded(neighborhood("a", distances), "How?")
    (bridge,) = session_bridges([record(why, how, near)])
    assert bridge.rows == 14
    second = profiles(2)
    ranks = spearmanr([second[name][0] for name in PROMPTS], list(distances.values()))
    assert bridge.associations[0].pooled.value == pytest.approx(ranks.statistic)


def test_a_verdict_that_does_not_say_which_of_two_prompts_is_left_out_and_counted() -> None:
    near = worded(neighborhood("a", dict.fromkeys(PROMPTS, 0.1)), "How?")
    far = digested(conversations("a", dict.fromkeys(PROMPTS, 3)), WHY)
    (bridge,) = session_bridges([record(depth("a", profiles(1)), near, far)])
    assert bridge.counts == (
        "14 depth profiles left out: their prompts' ids stand for several prompts, and the "
        "verdicts do not say which",
    )


def test_words_that_are_the_same_or_told_by_nobody_are_joined() -> None:
    near = worded(neighborhood("a", dict.fromkeys(PROMPTS, 0.1)), "Why?")
    told, bare = digested(depth("a", profiles(1)), WHY), depth("a", profiles(1))
    assert session_bridges([record(told, near)])[0].rows == 14
    assert session_bridges([record(bare, near)])[0].rows == 14


def test_prompts_that_end_alike_after_other_messages_are_not_one() -> None:
    before = Message(role="system", content="Be brief.")
    told = prompt_digests([Prompt(id=name, text="Why?", before=(before,)) for name in PROMPTS])
    far = conversations("a", dict.fromkeys(PROMPTS, 3))
    names = ", ".join(PROMPTS)
    far = replace(far, settings={**far.settings, "prompts": names, "prompt_digests": told})
    (bridge,) = session_bridges([record(digested(depth("a", profiles(1)), WHY), far)])
    assert bridge.reason.startswith("0 unique depth profiles")


def test_repeated_and_unlike_measurements_are_counted_not_mixed() -> None:
    first, again = profiles(1), profiles(2)
    (bridge,) = session_bridges(
        [
            record(depth("a", first), depth("a", first), depth("a", again)),
            record(depth("a", profiles(3), positions="last")),
            record(neighborhood("a", {p: 0.1 + of[0] for p, of in first.items()})),
        ]
    )
    assert "1 of 4 depth verdicts without positions prompt left out" in bridge.counts
    assert "14 repeated depth profiles with other values left out: the first counts" in (
        bridge.counts
    )
    assert bridge.associations[0].pooled.value == pytest.approx(1.0)


def test_growth_of_a_system_is_no_models_depth() -> None:
    lorenz = verdict("ftle", "a", {"steps": 10}, measurement=value("lambda_1", 0.9))
    assert session_bridges([record(lorenz)]) == ()


def test_it_never_raises() -> None:
    broken = replace(depth("a", profiles(1)), also=cast("tuple[Measurement, ...]", (None,)))
    (bridge,) = session_bridges([record(broken)])
    assert bridge.associations == ()
    assert bridge.reason.startswith("the session's measurements do not fit together: Attribute")


def test_a_session_with_too_little_loads_no_statistics() -> None:
    import subprocess

    code = (
        "import sys\n"
        "from pytest_promptchaos.session_bridge import session_bridges\n"
        "session_bridges([])\n"
        "assert not {'numpy', 'scipy', 'torch', 'pydantic'} & set(sys.modules), sys.modules\n"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_the_least_number_is_where_a_rho_of_seven_tenths_leaves_out_zero() -> None:
    from pytest_promptchaos.measure.correlation import rank_bounds

    assert rank_bounds(0.7, FEWEST)[0] > 0 > rank_bounds(0.7, FEWEST - 1)[0]
