"""Conversations -> collapse: what is judged, what stands beside it, and what voids it."""

from __future__ import annotations

import numpy as np
import pytest

from measure.talks import talk, vectors_of
from pytest_promptchaos.measure.collapse import Collapse, collapse, context_control
from pytest_promptchaos.records import Control, Limit, Outcome
from pytest_promptchaos.verdict.judge import judge, settle

LOOPS = [talk("abcdeeeeeeee", f"p{i}", bucket="planning") for i in range(3)]
GOES_ON = [talk("mnopqrstuvwx", f"p{i}", bucket="factual QA") for i in range(3, 6)]
PAIRS = [talk("ABABABABABAB", "p6", bucket="planning")]
SAID = [*LOOPS, *GOES_ON, *PAIRS]


@pytest.fixture(scope="module")
def found() -> Collapse:
    return collapse(SAID, vectors_of(SAID))


def control(found: Collapse, name: str) -> Control:
    return next(one for one in found.controls if one.name == name)


def test_incidence_is_judged_and_everything_else_stands_beside_it(found: Collapse) -> None:
    assert found.measurement.name == "collapse_incidence"
    assert found.measurement.value == pytest.approx(4 / 7)
    assert [one.name for one in found.also] == [
        "collapse_rate",
        "first_collapse_turn",
        "entrenchment_depth",
        "escape_probability",
        "time_to_recollapse",
        "collapse_incidence, drift=both",
        "collapse_rate, drift=both",
        "first_collapse_turn, drift=both",
        "entrenchment_depth, drift=both",
        "escape_probability, drift=both",
        "time_to_recollapse, drift=both",
        "lexical_collapse_incidence",
        "lexical_collapse_rate",
    ]
    beside = {one.name: one.value for one in found.also}
    # The two-cycle is no collapse where both lags must drift little; to words it is one.
    assert beside["collapse_incidence, drift=both"] == pytest.approx(3 / 7)
    assert beside["lexical_collapse_incidence"] == pytest.approx(4 / 7)
    # Loops are labelled from turn 8 on, the pair from turn 5 on; three never: turn 13.
    assert beside["first_collapse_turn"] == pytest.approx((3 * 8 + 3 * 13 + 5) / 7)
    assert beside["collapse_rate"] == pytest.approx((3 * 5 / 12 + 8 / 12) / 7)
    assert found.measurement.breakdown[0].name == "planning"


def test_the_rate_is_judged_where_it_is_asked_for() -> None:
    found = collapse(SAID, vectors_of(SAID), of="rate", drift="both", shuffles=1)
    assert found.measurement.name == "collapse_rate"
    assert found.measurement.value == pytest.approx((3 * 5 / 12) / 7)
    assert found.also[0].name == "collapse_incidence"
    assert "collapse_rate, drift=matching" in [one.name for one in found.also]


def test_there_is_a_timeline_per_conversation_in_the_order_given(found: Collapse) -> None:
    assert [one.seed_id for one in found.timelines] == [f"p{i}" for i in range(7)]
    assert [one.first for one in found.timelines] == [8, 8, 8, None, None, None, 5]
    assert [bool(one.texts) for one in found.timelines] == [True] * 2 + [False] * 4 + [True]


def test_there_are_curves_over_turns_and_over_thresholds(found: Collapse) -> None:
    assert [(one.name, one.series) for one in found.curves] == [
        ("first collapse", "HOMO"),
        ("collapse incidence by threshold", "drift=matching, judged"),
        ("collapse rate by threshold", "drift=matching, judged"),
        ("collapse incidence by threshold", "drift=both"),
        ("collapse rate by threshold", "drift=both"),
    ]


def test_growth_is_put_into_the_timelines() -> None:
    growth = {"HOMO/p0/0": ((1, 0.25), (2, 0.5))}
    found = collapse(SAID, vectors_of(SAID), growth=growth, shuffles=1)
    assert [one.growth for one in found.timelines] == [growth["HOMO/p0/0"], *[()] * 6]


# -- guards -------------------------------------------------------------------------------------

LIMIT = Limit(name="collapse_incidence", at_most=1.0)


def outcome(found: Collapse) -> Outcome:
    return judge(found.measurement, LIMIT, settle(found.controls, LIMIT))


def test_with_everything_in_order_nothing_voids_the_evidence(found: Collapse) -> None:
    assert [one.name for one in found.controls] == [
        "context",
        "turns of other conversations",
        "embedder between conversations",
        "silent turns",
        "truncated turns",
    ]
    assert control(found, "context").words == "all 7 conversations have the turns that were asked"
    assert outcome(found) is Outcome.PASSED


def test_conversations_that_stopped_early_void_the_evidence() -> None:
    full = "turn 9 would need 1,030 tokens, the context of bundled:tiny-chat holds 1,024"
    said = [*SAID, talk("abcdefgh", "p7", asked=12, stopped=full), talk("abc", "p8", asked=12)]
    found = collapse(said, vectors_of(said), shuffles=1)
    context = control(found, "context")
    assert (context.role, context.state, context.value) == ("gate", "failed", 2 / 9)
    assert context.words == (
        f"2 of 9 conversations stopped early, the first of them, HOMO/p7/0: {full}; "
        "every conversation has 3 turns or more"
    )
    alone = context_control(said[-2:-1])
    assert alone.words.startswith("the only conversation stopped early, HOMO/p7/0: turn 9")
    assert context_control(SAID[:1]).words == "the only conversation has the turns that were asked"
    assert outcome(found) is Outcome.INVALID


def test_four_turns_are_too_few_for_the_detector() -> None:
    said = [talk("aaaa", f"p{i}") for i in range(4)]
    found = collapse(said, vectors_of(said), shuffles=1)
    assert found.measurement.value is None
    assert outcome(found) is Outcome.INVALID


@pytest.mark.parametrize(
    ("letters", "state", "role", "words"),
    [
        ("a  bcdef", "held", "note", "8 of 32 turns are empty"),
        ("a      b", "failed", "gate", "24 of 32 turns are empty: what is measured is silence"),
    ],
)
def test_silence_is_counted_and_voids_the_evidence_where_it_is_most(
    letters: str, state: str, role: str, words: str
) -> None:
    said = [talk(letters, f"p{i}") for i in range(4)]
    silent = control(collapse(said, vectors_of(said), shuffles=1), "silent turns")
    assert (silent.state, silent.role, silent.words) == (state, role, words)


def test_turns_that_the_embedder_cut_are_counted(found: Collapse) -> None:
    assert control(found, "truncated turns").state == "absent"
    flags = {one.id: [number == 0 for number in range(12)] for one in SAID}
    cut = control(collapse(SAID, vectors_of(SAID), truncated=flags, shuffles=1), "truncated turns")
    assert cut.words == "7 of 84 turns are longer than the embedder reads"
    assert cut.value == 1 / 12


def test_what_does_not_fit_together_is_refused() -> None:
    with pytest.raises(ValueError, match="no conversation"):
        collapse([], {})
    with pytest.raises(ValueError, match="two conversations have the id 'HOMO/p0/0'"):
        collapse([LOOPS[0], LOOPS[0]], vectors_of(LOOPS))
    with pytest.raises(ValueError, match="12 turns and no embeddings"):
        collapse(LOOPS, {})
    with pytest.raises(ValueError, match="12 turns and 3 embeddings"):
        collapse(LOOPS[:1], {"HOMO/p0/0": np.eye(3)})
