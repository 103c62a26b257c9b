"""Several systems on the same texts: drift, sensitivity, and only the neighbors common to all."""

from __future__ import annotations

import shutil
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from pytest_promptchaos.errors import ArgumentError, VerdictError
from pytest_promptchaos.measure.compared import labels_of
from pytest_promptchaos.models.language import LanguageModel
from pytest_promptchaos.models.pins import parse_pin
from pytest_promptchaos.models.scripted import ScriptedModel
from pytest_promptchaos.neighborhoods.ladder import neighborhood
from pytest_promptchaos.records import Outcome
from pytest_promptchaos.session import Session, activated
from pytest_promptchaos.settings import Settings
from pytest_promptchaos.system_checks import assert_no_drift, measure_drift

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from pytest_promptchaos.records import (
        Control,
        Findings,
        Measurement,
        ModelIdentity,
        Neighborhood,
    )

CONTROL = "Something else entirely?"
FOUR = "one two three four"
"""Five tokens, the end counted: one other word is a token edit distance of 0.2."""


@pytest.fixture(autouse=True)
def session() -> Iterator[Session]:
    with activated(Session(settings=Settings(embedder="none"), on_disk=False)) as active:
        yield active


def scripted(name: str, said: Callable[[str], str] = lambda _: FOUR) -> ScriptedModel:
    """A model that says ``said`` of a text, and something else of the positive control."""
    return ScriptedModel(name, lambda text: "red green" if CONTROL in text else said(text))


def asked(count: int = 1) -> list[Neighborhood]:
    texts = [f"Tell me about the planet with the number {n}, please." for n in range(count)]
    return [neighborhood(text, positive_control=[CONTROL]) for text in texts]


def measured(*models: ScriptedModel, count: int = 1) -> tuple[Findings, ...]:
    return measure_drift(models, asked(count), metric="token_edit")


def beside(findings: Findings, name: str) -> Measurement:
    return next(one for one in findings.also if one.name == name)


def control(findings: Findings, name: str) -> Control:
    return next(one for one in findings.controls if one.name == name)


def test_two_identical_systems_have_exactly_no_drift() -> None:
    first = scripted("first", lambda text: FOUR if "  " in text else "one two")
    second = scripted("second", lambda text: FOUR if "  " in text else "one two")
    (found,) = measured(first, second)
    assert found.measurement.value == 0.0
    assert {d for p in found.pairs for d in p.distances.values()} == {0.0}
    sensitivities = [beside(found, f"sensitivity of {name}").value for name in ("first", "second")]
    assert sensitivities[0] == sensitivities[1] != 0.0
    assert beside(found, "difference in sensitivity").value == 0.0
    assert beside(found, "p of the difference").value == 1.0


def test_one_other_word_everywhere_is_a_drift_of_a_fifth_and_no_sensitivity() -> None:
    (found,) = measured(scripted("old"), scripted("new", lambda _: "one two three five"))
    assert found.measurement.name == "token edit drift"
    assert found.measurement.value == pytest.approx(0.2)
    assert beside(found, "sensitivity of old").value == 0.0
    assert beside(found, "sensitivity of new").value == 0.0
    assert {part.name for part in found.measurement.breakdown} >= {"identical", "format"}


def test_sensitivity_is_not_drift() -> None:
    """The new system moves with the last character, and starts from the old one's answer."""
    new = scripted("new", lambda text: FOUR if text.endswith(".") else "one two three five")
    (found,) = measured(scripted("old"), new, count=2)
    assert beside(found, "sensitivity of old").value == 0.0
    assert 0 < (beside(found, "sensitivity of new").value or 0.0) < 0.2
    assert 0 < (found.measurement.value or 0.0) < 0.2
    asked_plainly = next(p for p in found.measurement.breakdown if p.name == "identical")
    assert asked_plainly.value == 0.0


def test_systems_that_differ_on_ten_prompts_stand_in_two_groups() -> None:
    def moved(text: str) -> str:
        return FOUR if text.endswith("please.") and "  " not in text else "five six"

    jumpy, calm, also_calm = scripted("jumpy", moved), scripted("calm"), scripted("also calm")
    found = measured(calm, jumpy, also_calm, count=10)
    told = control(found[0], "sensitivity groups").words
    assert told == "not told apart: [calm, also calm], [jumpy]; n = 10 prompts; no ranking"
    assert beside(found[0], "p of the difference").value == pytest.approx(2 / 2**10)
    assert beside(found[0], "p of the difference, Holm").value == pytest.approx(3 * 2 / 2**10)
    assert beside(found[1], "p of the difference, Holm").value == 1.0
    assert [f.settings["system"] for f in found] == ["jumpy", "also calm"]


def test_every_system_is_a_cloud_of_one_point_per_prompt() -> None:
    other = scripted("new", lambda _: "one two three five")
    (found,) = measured(scripted("old"), other, count=3)
    clouds = {curve.series: curve for curve in found.curves}
    assert list(clouds) == ["old (reference)", "new"]
    assert clouds["old (reference)"].y == (0.0, 0.0, 0.0)
    assert clouds["new"].y == pytest.approx((0.2, 0.2, 0.2))
    assert {curve.mark for curve in found.curves} == {"points"}
    assert len(set(clouds["new"].labels)) == 3


def test_the_reference_is_the_first_or_the_one_named() -> None:
    old, new = scripted("old"), scripted("new", lambda _: "one two three five")
    (found,) = measured(old, new)
    assert (found.settings["reference"], found.model.name) == ("old", "new")
    (turned,) = measure_drift([old, new], asked(), metric="token_edit", reference=new)
    assert (turned.settings["reference"], turned.model.name) == ("new", "old")


def test_what_was_decoded_is_booked_once(session: Session) -> None:
    found = measured(scripted("a"), scripted("b"), scripted("c"))
    assert sum(one.runs_measured for one in found) == session.counts.measured
    assert found[0].runs_measured == 2 * found[1].runs_measured


def test_a_drift_within_the_limit_passes_and_one_beyond_it_shows_both_outputs() -> None:
    old, new = scripted("old"), scripted("new", lambda _: "one two three five")
    verdicts = assert_no_drift([old, new], asked(2), at_most=0.4, metric="token_edit")
    assert [v.outcome for v in verdicts] == [Outcome.PASSED]
    with pytest.raises(VerdictError, match=r"token edit drift 0\.200 .* outside at_most=0.05") as e:
        assert_no_drift([old, new], asked(2), at_most=0.05, metric="token_edit")
    assert ">> four<<" in str(e.value)
    assert ">> five<<" in str(e.value)


def test_every_pair_that_parts_knows_its_branching_token() -> None:
    old, new = scripted("old"), scripted("new", lambda _: "one two three five")
    (found,) = measured(old, new)
    parted = [p for p in found.pairs if p.output_a != p.output_b]
    assert parted
    branches = {(p.branch.step, p.branch.token_a, p.branch.token_b) for p in parted if p.branch}
    assert branches == {(3, " four", " five")}
    assert all(p.branch is not None for p in parted)


def test_two_prompts_have_no_interval_and_no_bound_leaves_its_scale() -> None:
    new = scripted("new", lambda text: FOUR if text.endswith(".") else "five six seven eight nine")
    (two,) = measured(scripted("old"), new, count=2)
    difference = beside(two, "difference in sensitivity")
    assert (difference.low, difference.high) == (None, None)
    assert "it takes 3 or more" in difference.interval
    (three,) = measured(scripted("old"), new, count=3)
    every = [three.measurement, *three.measurement.breakdown, *three.also]
    bounds = [bound for m in every for bound in (m.low, m.high) if bound is not None]
    assert bounds
    assert -1.0 <= min(bounds) <= max(bounds) <= 1.0


def test_a_metric_that_sees_no_changed_meaning_in_one_system_is_no_evidence() -> None:
    blind = ScriptedModel("blind", lambda _: FOUR)
    with pytest.raises(VerdictError, match="positive control, blind"):
        assert_no_drift([scripted("old"), blind], asked(), at_most=0.1, metric="token_edit")


def test_a_system_that_answers_otherwise_each_time_is_no_evidence() -> None:
    noisy = ScriptedModel(
        "noisy", lambda text, repeat: "red" if CONTROL in text else f"one two {repeat}"
    )
    with pytest.raises(VerdictError, match="noise alone would fail it"):
        assert_no_drift([scripted("old"), noisy], asked(), at_most=0.1, metric="token_edit")


def test_without_an_embedder_a_semantic_drift_is_absent_and_nothing_is_decoded() -> None:
    old, new = scripted("old"), scripted("new")
    (found,) = measure_drift([old, new], asked())
    assert found.measurement.value is None
    assert control(found, "embedder").state == "failed"
    assert (old.calls, new.calls) == (0, 0)


@pytest.mark.parametrize(
    ("models", "knobs", "words"),
    [
        (["bundled:tiny-chat"], {}, "pass two or more pins"),
        ("bundled:tiny-chat", {}, "pass two or more pins"),
        (None, {}, "models is None, a NoneType, but drift is that of one system from"),
        (
            {"bundled:a", "bundled:b"},
            {},
            "a set, but drift is that of one system from another: pass two",
        ),
        (["bundled:tiny-chat", 3], {}, r"models\[1\] is 3, a int, which answers no prompt"),
        (["bundled:tiny-chat"] * 2, {"reference": "bundled:tiny"}, "none of the models"),
        (["bundled:tiny-chat"] * 2, {"reference": 3}, "reference is 3, which is none of the"),
        (["bundled:tiny-chat"] * 2, {"metric": "semantics"}, "did you mean 'semantic'"),
        (["bundled:tiny-chat"] * 2, {"horizont": 3}, "did you mean 'horizon'"),
    ],
)
def test_what_makes_no_comparison_is_refused(
    models: object, knobs: dict[str, object], words: str
) -> None:
    with pytest.raises(ArgumentError, match=words):
        measure_drift(models, "Why?", **knobs)  # type: ignore[arg-type]


def test_token_edits_across_tokenizers_are_refused(tiny_model: LanguageModel) -> None:
    with pytest.raises(ArgumentError, match="different tokenizers"):
        measure_drift([scripted("old"), tiny_model], asked(), metric="token_edit")


def identity(**told: str) -> ModelIdentity:
    return replace(scripted("m").identity, **told)  # type: ignore[arg-type]


def test_systems_are_named_by_what_tells_them_apart() -> None:
    plain, short = identity(), identity(dtype="bfloat16")
    rounded = identity(quantization="int8 dynamic (weights per channel), head kept")
    other = identity(name="other", dtype="bfloat16")
    assert labels_of([plain, short, rounded]) == ["m float32", "m bfloat16", "m int8"]
    both = replace(rounded, dtype="bfloat16")
    assert labels_of([rounded, both]) == ["m float32 int8", "m bfloat16 int8"]
    assert labels_of([plain, rounded]) == ["m float32", "m int8"]
    assert labels_of([plain, other]) == ["m", "other"]
    assert labels_of([plain, plain]) == ["m", "m (2)"]


# -- templates ----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def trimming(tmp_path_factory: pytest.TempPathFactory, tiny_chat: Path) -> LanguageModel:
    """The bundled model with a chat template that strips every message."""
    folder = tmp_path_factory.mktemp("models") / "trimming"
    shutil.copytree(tiny_chat, folder)
    template = folder / "chat_template.jinja"
    plain = template.read_text()
    trimmed = plain.replace("message['content']", "(message['content'] | trim)")
    assert trimmed != plain
    template.write_text(trimmed)
    return LanguageModel(parse_pin(f"dir:{folder}"))


def test_templates_that_erase_are_compared_only_where_nothing_is_erased(
    tiny_model: LanguageModel, trimming: LanguageModel
) -> None:
    built = neighborhood("Recommend a book like Dune.", per_rung=12)
    (found,) = measure_drift([tiny_model, trimming], built, metric="token_edit", horizon=8)
    small = [n for n in built.neighbors if n.rung in {"format", "punctuation", "synonym"}]
    edges = [n for n in small if n.prompt.text.strip() == built.center.text]
    assert 0 < len(edges) < len(small)
    left_out = [p for p in found.pairs if p.missing and p.neighbor_id in {n.id for n in small}]
    assert {p.neighbor_id for p in left_out} == {n.id for n in edges}
    assert all(p.missing[0][1] == "not common to all: erased for trimming" for p in left_out)
    count = control(found, "common neighbors")
    assert count.value == len(small) - len(edges)
    assert f"{len(small) - len(edges)} of {len(small)} neighbors are effective" in count.words
    assert f"{len(edges)} erased for trimming" in count.words
    # The prompt itself and the common neighbors: same weights, same ids, so the same answers.
    assert found.measurement.effective_n == 1 + len(small) - len(edges)
    assert found.measurement.value == 0.0


def test_too_few_common_neighbors_are_no_evidence(
    tiny_model: LanguageModel, trimming: LanguageModel
) -> None:
    built = neighborhood("Recommend a book like Dune.", per_rung=12)
    edges = [n for n in built.neighbors if n.prompt.text.strip() == built.center.text]
    kept = [n for n in built.neighbors if n.rung == "positive_control"]
    few = replace(built, neighbors=(*edges, *kept))
    (found,) = measure_drift([tiny_model, trimming], few, metric="token_edit", horizon=8)
    assert control(found, "common neighbors").state == "failed"
    assert found.measurement.value is None
    assert found.measurement.reason == "no neighbor is common to all systems"


def test_a_shared_preamble_does_not_hide_that_two_systems_disagree() -> None:
    preamble = " ".join(f"step{number}" for number in range(60))
    first, second = (
        ScriptedModel(
            name, lambda text, said=said: f"{preamble} {'no' if CONTROL in text else said}"
        )
        for name, said in (("one", "yes it is a food"), ("two", "nope that is wrong entirely"))
    )
    with pytest.raises(VerdictError) as raised:
        assert_no_drift([first, second], asked(6), at_most=0.15, metric="token_edit", horizon=128)
    verdict = raised.value.verdict
    assert verdict.outcome is Outcome.INVALID
    failed = {control.name for control in verdict.controls if control.state == "failed"}
    assert any(name.startswith("scaffold, ") for name in failed)
    (aligned,) = [one for one in verdict.also if one.name.endswith("from the answer on")]
    assert aligned.value is not None
    assert aligned.value > 0.5


def test_two_collapsed_systems_do_not_agree() -> None:
    both = [ScriptedModel(name, lambda _text: FOUR) for name in ("one", "two")]
    with pytest.raises(VerdictError) as raised:
        assert_no_drift(both, asked(6), at_most=0.3, metric="token_edit")
    failed = {c.name for c in raised.value.verdict.controls if c.state == "failed"}
    assert {"collapse, one", "collapse, two"} <= failed
