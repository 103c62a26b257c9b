"""What checks of conversations say: what is written, documented defaults, what is expected."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from pytest_promptchaos.bridge_checks import PUBLISHED, hypotheses_of
from pytest_promptchaos.errors import ArgumentError, SuiteError
from pytest_promptchaos.measure.detector import labels, similarities
from pytest_promptchaos.suite import BridgeCheck, NoCollapseCheck, Suite
from pytest_promptchaos.suite.conversation_kinds import FEWEST_TURNS, OUTCOMES, PREDICTORS
from pytest_promptchaos.talks import check_judgeable
from suite.texts import SHORT, VALID

if TYPE_CHECKING:
    from collections.abc import Callable

ALONE = SHORT.replace("ftle", "no_collapse").replace("at_most: 1", "at_most: 0.5")
BRIDGE = SHORT.replace("ftle", "bridge").replace("at_most: 1", "models: ['bundled:a', 'bundled:b']")
LISTED = "    hypotheses:\n      - lambda1_mean ~ collapse_rate\n      - {}\n"


def collapse_of(suite: Suite) -> NoCollapseCheck:
    (check,) = (one for one in suite.checks if isinstance(one, NoCollapseCheck))
    return check


def bridge_of(suite: Suite) -> BridgeCheck:
    (check,) = (one for one in suite.checks if isinstance(one, BridgeCheck))
    return check


def test_a_check_of_collapse_holds_what_is_written(load: Callable[[str], Suite]) -> None:
    check = collapse_of(load(VALID))
    assert (check.models, check.condition) == (("bundled:a", "bundled:b"), "ROUND")
    assert (check.turns, check.repeats, check.drift, check.of) == (8, 2, "both", "rate")
    assert (check.labels, check.depth_turns, check.at_most) == ("labels.csv", (1, 8), 0.4)


def test_a_conversation_is_the_published_one_unless_written(load: Callable[[str], Suite]) -> None:
    check = collapse_of(load(ALONE))
    assert (check.turns, check.repeats, check.temperature, check.top_p) == (40, 5, 0.7, 0.95)
    assert (check.drift, check.of, check.horizon) == ("matching", "incidence", None)
    assert (check.models, check.condition, check.labels, check.depth_turns) == (
        None,
        None,
        None,
        (),
    )


def test_a_bridge_holds_what_is_written(load: Callable[[str], Suite]) -> None:
    check = bridge_of(load(VALID))
    assert (check.models, check.rotation) == (("bundled:a", "bundled:b"), False)
    assert check.family == ("lambda1_mean ~ collapse_rate",)
    assert (check.threshold, check.alpha, check.censor) == (0.3, 0.1, "last")
    assert check.preregistration == "plan.yaml"


def test_a_bridge_leaves_the_plan_to_what_was_frozen_or_published(
    load: Callable[[str], Suite],
) -> None:
    check = bridge_of(load(BRIDGE))
    assert (check.family, check.threshold, check.alpha, check.censor) == (None, None, None, None)
    assert (check.rotation, check.tangents, check.turns, check.repeats) == (True, 10, 40, 5)


def test_every_hypothesis_has_its_own_standing_or_that_of_the_check(
    load: Callable[[str], Suite],
) -> None:
    own = LISTED.format("{hypothesis: lambda1_mean ~ has_collapse, standing: sign conflict}")
    check = bridge_of(load(f"{BRIDGE}    standing: weak\n{own}"))
    assert [check.standing_of(place) for place in (0, 1)] == ["weak", "sign conflict"]
    assert check.family == ("lambda1_mean ~ collapse_rate", "lambda1_mean ~ has_collapse")
    everywhere = bridge_of(load(f"{BRIDGE}    standing: between-model only"))
    assert [everywhere.standing_of(place) for place in range(6)] == ["between-model only"] * 6


@pytest.mark.parametrize(
    ("written", "outcomes"),
    [
        ("", ("passed",) * 6),
        ("    expect: failed\n", ("failed",) * 6),
        ("    standing: supported\n", ("passed",) * 6),
        ("    standing: between-model only\n", ("failed",) * 6),
        (
            LISTED.format("{hypothesis: lambda1_cv ~ has_collapse, standing: weak}"),
            ("passed", "failed"),
        ),
        (
            "    standing: weak\n"
            + LISTED.format("{hypothesis: lambda1_cv ~ has_collapse, standing: supported}"),
            ("failed", "passed"),
        ),
        ("    standing: masked", ("failed",) * 6),
    ],
)
def test_a_standing_says_which_outcome_is_expected_of_each_hypothesis(
    load: Callable[[str], Suite], written: str, outcomes: tuple[str, ...]
) -> None:
    assert bridge_of(load(BRIDGE + written)).expected(len(outcomes)) == outcomes


def test_a_check_of_collapse_asks_one_model_or_several_in_turn(
    load: Callable[[str], Suite],
) -> None:
    assert collapse_of(load(ALONE)).models_asked == "one"
    assert collapse_of(load(VALID)).models_asked == "several"
    assert bridge_of(load(VALID)).models_asked == "several"


def test_the_fewest_turns_are_those_of_the_detector() -> None:
    assert any(labels(*similarities(np.ones((FEWEST_TURNS, 2)))))
    assert not any(labels(*similarities(np.ones((FEWEST_TURNS - 1, 2)))))


def test_the_columns_of_the_published_hypotheses_can_be_written(
    load: Callable[[str], Suite],
) -> None:
    assert {one.predictor for one in PUBLISHED} <= set(PREDICTORS)
    assert {one.outcome for one in PUBLISHED} <= set(OUTCOMES)
    texts = [f"{one.predictor} ~ {one.outcome}" for one in PUBLISHED]
    written = bridge_of(load(f"{BRIDGE}    hypotheses: [{', '.join(texts)}]")).family
    assert written is not None
    assert hypotheses_of(written) == PUBLISHED


def test_each_model_talks_with_itself_before_all_talk_in_turn(pytester: pytest.Pytester) -> None:
    together = "  - {check: no_collapse, at_most: 0.5, models: [bundled:a, bundled:b]}\n"
    alone = ALONE.partition("checks:\n")[2]
    bridge = BRIDGE.partition("checks:\n")[2]
    text = f"{ALONE.partition('  - check')[0]}{bridge}{together}{alone}"
    pytester.path.joinpath("s.chaos.yaml").write_text(text)
    pins = [f"--promptchaos-model=bundled:{name}" for name in ("tiny-chat", "tiny-chat-robust")]
    result = pytester.runpytest_inprocess("--collect-only", "-q", *pins)
    result.stdout.fnmatch_lines(
        [
            "s.chaos.yaml::no_collapse-3[[]bundled:tiny-chat]",
            "s.chaos.yaml::no_collapse-3[[]bundled:tiny-chat-robust]",
            "s.chaos.yaml::bridge-1",
            "s.chaos.yaml::no_collapse-2",
        ],
        consecutive=True,
    )


@pytest.mark.parametrize("turns", [5, 8, 40])
def test_a_limit_is_refused_where_the_functions_refuse_it(
    turns: int, load: Callable[[str], Suite]
) -> None:
    most = (turns - FEWEST_TURNS + 1) / turns
    for limit in (most - 0.001, most, most + 0.001):
        text = ALONE.replace("0.5", repr(limit)) + f"    turns: {turns}\n    of: rate\n"
        if limit < most:
            check_judgeable("rate", turns, at_most=limit)
            assert collapse_of(load(text)).at_most == limit
            continue
        with pytest.raises(ArgumentError):
            check_judgeable("rate", turns, at_most=limit)
        with pytest.raises(SuiteError):
            load(text)
