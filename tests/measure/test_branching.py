"""Branch events: where two outputs part, what each chose there, and what the branch is called."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from measure.scripted_runs import run
from pytest_promptchaos.measure.branching import (
    branch_counts,
    branch_event,
    first_above,
    js_threshold,
)
from pytest_promptchaos.records import Branch, Candidate, Forced, Pair, Prompt, Run, Step

if TYPE_CHECKING:
    from collections.abc import Sequence

ASKED = Prompt(id="asked", text="asked?")


def event(a: Run, b: Run, js: Sequence[float] | None = None, **options: Any) -> Branch | None:
    forced = None if js is None else (along(js), along([9.0] * len(js)))
    given: dict[str, Any] = {"js_floor": 1e-3, "semantic": None, "token_edit": 0.5}
    return branch_event(a, b, forced, **(given | options))


def along(js: Sequence[float]) -> Forced:
    """What teacher forcing gave along one output, of which only JS is looked at here."""
    zeros, ranks = np.zeros(len(js)), np.zeros(len(js), dtype=np.int64)
    return Forced(
        js=np.array(js), gap=zeros, rank_a=ranks, rank_b=ranks, margin_a=zeros, margin_b=zeros
    )


def kinds(margin_a: float, margin_b: float, entropy: float | None, output: str = "Try") -> set[str]:
    """The kinds of a branch behind ``output``, with these margins there."""
    step = len(output.split())

    def chosen(word: str, margin: float) -> Run:
        told = run(ASKED, f"{output} {word}", margins=[5.0] * step + [margin])
        return replace(told, steps=tuple(replace(s, entropy=entropy) for s in told.steps))

    found = event(chosen("Emma", margin_a), chosen("Ubik", margin_b))
    assert found is not None
    return set(found.kinds)


# -- where and what -------------------------------------------------------------------------------


def test_equal_outputs_have_no_branch() -> None:
    assert event(run(ASKED, "Try Emma"), run(ASKED, "Try Emma")) is None


def test_the_first_token_that_differs_is_the_branch() -> None:
    found = event(run(ASKED, "Try Emma now"), run(ASKED, "Try Ubik now", margins=[1.0, 0.25]))
    assert found is not None
    assert (found.step, found.token_a, found.token_b) == (1, "Emma ", "Ubik ")
    assert (found.margin_a, found.margin_b) == (1.0, 0.25)


def test_an_end_where_the_other_goes_on_is_a_branch() -> None:
    found = event(run(ASKED, "Try"), run(ASKED, "Try Emma"))
    assert found is not None
    assert (found.step, found.token_a, found.token_b) == (1, "<end>", "Emma ")


def test_an_output_cut_by_its_horizon_chose_nothing() -> None:
    found = event(run(ASKED, "Try", horizon=1), run(ASKED, "Try Emma", margins=[1.0, 3.0]))
    assert found is not None
    assert (found.token_a, found.margin_a, found.candidates_a) == ("<horizon>", 0.0, ())
    # What was never chosen has no margin that could be low.
    assert found.kinds == ("delayed",)


def test_both_candidate_lists_are_told_with_their_pieces() -> None:
    center = run(ASKED, "Emma")
    steps = (Step(top1=7, top2=8, logit1=3.0, logit2=2.5, further=((9, 1.0),)), *center.steps[1:])
    center = replace(center, steps=steps, pieces={7: "Emma ", 8: "Ubik "})
    found = event(center, run(ASKED, "Ubik"))
    assert found is not None
    assert found.candidates_a == (
        Candidate(token="Emma ", logit=3.0),
        Candidate(token="Ubik ", logit=2.5),
        Candidate(token="<token 9>", logit=1.0),
    )


# -- kinds ----------------------------------------------------------------------------------------


def test_a_branch_at_the_first_token_is_immediate() -> None:
    assert kinds(1.0, 1.0, 1.0, output="") == {"immediate"}


@pytest.mark.parametrize(("margin", "low"), [(0.0, True), (0.75, True), (0.76, False)])
def test_a_margin_up_to_three_quarters_of_a_logit_is_low(margin: float, low: bool) -> None:
    assert (
        kinds(5.0, margin, 1.0) == kinds(margin, 5.0, 1.0) == ({"low margin"} if low else DELAYED)
    )


DELAYED = {"delayed"}
SWITCH = {"high-confidence switch"}


@pytest.mark.parametrize(
    ("margin", "entropy", "named"),
    [
        (2.0, np.log(3.0) - 1e-9, SWITCH),
        (2.0, np.log(3.0) + 1e-9, DELAYED),
        (1.99, 0.1, DELAYED),
        (2.0, None, DELAYED),
    ],
)
def test_a_switch_of_high_confidence_has_wide_margins_and_few_branches(
    margin: float, entropy: float | None, named: set[str]
) -> None:
    assert kinds(margin, 4.0, entropy) == kinds(4.0, margin, entropy) == named


def test_divergence_before_the_branch_is_silent_and_leads_it() -> None:
    found = event(run(ASKED, "Try it Emma"), run(ASKED, "Try it Ubik"), js=[0.0, 0.2, 0.6, 0.6])
    assert found is not None
    assert found.kinds == ("silent",)
    assert (found.silent_at, found.lead) == (1, 1)


def test_divergence_at_the_branch_itself_is_not_silent() -> None:
    found = event(run(ASKED, "Try it Emma"), run(ASKED, "Try it Ubik"), js=[0.0, 1e-3, 0.6, 0.6])
    assert found is not None
    assert (found.kinds, found.silent_at, found.lead) == (("delayed",), None, None)


def test_a_first_branch_can_be_of_several_kinds() -> None:
    assert kinds(0.1, 4.0, None, output="") == {"immediate", "low margin"}


@pytest.mark.parametrize(
    ("semantic", "token_edit", "persistent"),
    [(0.05, 0.0, True), (0.049, 0.099, False), (None, 0.1, True), (None, 0.099, False)],
)
def test_outputs_that_end_apart_are_persistent(
    semantic: float | None, token_edit: float, persistent: bool
) -> None:
    found = event(run(ASKED, "a"), run(ASKED, "b"), semantic=semantic, token_edit=token_edit)
    assert found is not None
    assert found.persistent is persistent


def test_the_threshold_is_ten_times_the_identical_controls_and_at_least_a_thousandth() -> None:
    assert js_threshold([0.0] * 50) == 1e-3
    assert js_threshold(np.linspace(0.0, 1.0, 1001)) == pytest.approx(9.99)
    with pytest.raises(ValueError, match="not all finite"):
        js_threshold([float("nan")])


WORDS = st.lists(st.sampled_from("abc"), max_size=6)
MARGINS = st.lists(st.floats(0, 9), min_size=8, max_size=8)


@settings(deadline=None)
@given(WORDS, WORDS, MARGINS, st.lists(st.floats(0, 0.6), min_size=8, max_size=8))
def test_every_branch_has_a_kind_and_looks_the_same_from_both_sides(
    a: list[str], b: list[str], margins: list[float], js: list[float]
) -> None:
    one, two = (run(ASKED, " ".join(words), margins=margins) for words in (a, b))
    found, mirrored = event(one, two, js), event(two, one, js)
    assert (found is None) == (a == b) == (mirrored is None)
    if found is None or mirrored is None:
        return
    assert found.kinds
    assert (found.kinds, found.step) == (mirrored.kinds, mirrored.step)
    assert (found.token_a, found.margin_a) == (mirrored.token_b, mirrored.margin_b)
    assert ("immediate" in found.kinds) == (found.step == 0)
    assert ("delayed" in found.kinds) == (found.kinds == ("delayed",))
    assert found.silent_at is None or 0 <= found.silent_at < found.step
    assert first_above(np.array(js[: found.step]), 1e-3) == found.silent_at


# -- how often ------------------------------------------------------------------------------------


def pair(prompt: str, branch: Branch | None, number: int = 0) -> Pair:
    return Pair(
        prompt_id=prompt,
        neighbor_id=f"{prompt}/{number}",
        rung="format",
        kind="told",
        edit="edited",
        origin="mechanical",
        certification="effective",
        token_delta=1,
        center_text="",
        neighbor_text="",
        output_a="",
        output_b="",
        tokens_a=(),
        tokens_b=(),
        distances={"token_edit": 0.0},
        branch=branch,
    )


PLAIN = Branch(step=9, token_a="a", token_b="b", margin_a=1.0, margin_b=1.0, kinds=("delayed",))
SILENT = replace(PLAIN, kinds=("low margin", "silent"), silent_at=4, persistent=True)


def test_shares_are_means_over_prompts() -> None:
    several = [pair("a", PLAIN), pair("a", None, 1), pair("b", SILENT)]
    branched, lead = branch_counts(several)
    shares = {part.name: part.value for part in branched.breakdown}
    assert branched.value == 0.75
    assert shares == {
        "none": 0.25,
        "immediate": 0.0,
        "low margin": 0.5,
        "high-confidence switch": 0.0,
        "silent": 0.5,
        "delayed": 0.25,
        "persistent": 0.5,
    }
    assert all(part.n == 3 for part in branched.breakdown)
    assert (lead.value, lead.n, lead.effective_n) == (5.0, 2, 1)


def test_shares_have_intervals_that_stay_shares() -> None:
    several = [pair(str(n), PLAIN if n % 3 else None) for n in range(12)]
    branched, _ = branch_counts(several)
    for part in (branched, *branched.breakdown):
        assert part.low is not None
        assert part.high is not None
        assert 0.0 <= part.low <= (part.value or 0.0) <= part.high <= 1.0


def test_only_outputs_that_were_followed_count_as_silent_or_not() -> None:
    several = [pair("a", SILENT), pair("b", None)]
    branched, lead = branch_counts(several, followed={"a/0"})
    (silent,) = [part for part in branched.breakdown if part.name == "silent"]
    assert (silent.value, silent.n) == (1.0, 1)
    branched, lead = branch_counts(several, followed=())
    (silent,) = [part for part in branched.breakdown if part.name == "silent"]
    assert (silent.value, silent.reason) == (None, "teacher-forced logits are not known")
    assert lead.reason == "no branch was silent before it was visible"


def test_dropped_neighbors_are_not_counted() -> None:
    erased = replace(pair("a", None, 1), certification="erased", distances={})
    branched, _ = branch_counts([pair("a", PLAIN), erased])
    assert (branched.value, branched.n) == (1.0, 1)
    assert branch_counts([erased])[0].reason == "no effective pair"
