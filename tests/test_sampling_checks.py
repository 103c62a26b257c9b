"""Sampled answers are a check of their own: its cost told, its draws stored, never greedy."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from pytest_promptchaos.errors import ArgumentError, VerdictError
from pytest_promptchaos.judging import judge_findings
from pytest_promptchaos.models.scripted import ScriptedModel
from pytest_promptchaos.neighborhoods.ladder import neighborhood
from pytest_promptchaos.records import Limit, Outcome, Record, from_plain, to_plain
from pytest_promptchaos.report.html import page
from pytest_promptchaos.sampling_checks import ROWS, assert_stable_sampling, measure_sampling
from pytest_promptchaos.session import Session, activated
from pytest_promptchaos.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import TypedDict

    from pytest_promptchaos.measure.energy import OutputMetric
    from pytest_promptchaos.models.language import LanguageModel
    from pytest_promptchaos.records import Findings

    class Knobs(TypedDict):
        metric: OutputMetric
        horizon: int
        draws: int


DUNE = neighborhood("Recommend a book like Dune.", per_rung=3)
KNOBS: Knobs = {"metric": "token_edit", "horizon": 12, "draws": 8}
MORE: Knobs = {**KNOBS, "draws": 16}


class Told:
    """The progress that was shown."""

    def __init__(self) -> None:
        self.lines: list[tuple[str, int, int]] = []

    def __call__(self, label: str, done: int, total: int) -> None:
        self.lines.append((label, done, total))


@pytest.fixture(scope="module")
def told() -> Told:
    return Told()


@pytest.fixture(scope="module", autouse=True)
def session(told: Told) -> Iterator[Session]:
    settings = Settings(embedder="none", batch_rows=8)
    with activated(Session(settings=settings, on_disk=False, progress=told)) as active:
        yield active


@pytest.fixture(scope="module")
def findings(tiny_model: LanguageModel, session: Session, told: Told) -> Findings:
    return measure_sampling(tiny_model, DUNE, **KNOBS)


def test_its_name_says_that_it_is_sampled_and_its_settings_how(findings: Findings) -> None:
    assert findings.measurement.name == "sampled token edit excess"
    assert findings.settings["temperature"] == 0.7
    assert findings.settings["top_p"] == 1.0
    assert findings.settings["draws"] == 8
    assert findings.settings["seed"] == 0
    assert "metric" not in findings.settings, "pairs of draws hold no greedy distance"
    assert not {"semantic", "token_edit"} & {k for p in findings.pairs for k in p.distances}


def test_the_cost_is_told_before_the_first_draw(findings: Findings, told: Told) -> None:
    effective = sum(1 for p in findings.pairs if p.distances)
    label, done, total = told.lines[0]
    assert (done, total) == (0, (effective + 2) * 8)
    assert label == f"tiny-chat: sampling {effective + 2} x 8 answers of up to 12 tokens"
    assert told.lines[-1][1:] == (total, total)


def test_the_bundled_model_is_told_from_a_changed_meaning_and_not_from_itself(
    findings: Findings,
) -> None:
    states = {control.name: control.state for control in findings.controls}
    assert states["positive control"] == states["second draws"] == "held"


def test_draws_are_read_from_the_store_the_second_time(
    findings: Findings, tiny_model: LanguageModel, session: Session
) -> None:
    again = measure_sampling(tiny_model, DUNE, **KNOBS)
    assert findings.runs_measured == again.runs_reused > 0
    assert (findings.runs_reused, again.runs_measured) == (0, 0)
    assert again.measurement == findings.measurement
    assert again.pairs == findings.pairs


def test_more_draws_keep_the_ones_that_were_made(
    findings: Findings, tiny_model: LanguageModel, session: Session
) -> None:
    more = measure_sampling(tiny_model, DUNE, **MORE)
    # Those of every neighbor, and of the center all: its second set goes on from the first.
    assert more.runs_reused == findings.runs_measured


def test_more_draws_go_on_from_fewer_where_the_rows_are_left_to_us(
    tiny_model: LanguageModel, session: Session
) -> None:
    with session.using(replace(session.settings, batch_rows=0)):
        few = measure_sampling(tiny_model, DUNE, metric="token_edit", horizon=6, draws=5)
        more = measure_sampling(tiny_model, DUNE, metric="token_edit", horizon=6, draws=16)
    groups = few.runs_measured / ROWS
    assert groups == sum(1 for p in few.pairs if p.distances) + 2, "batches are kept whole"
    assert few.settings["rows"] == more.settings["rows"] == ROWS
    assert (more.runs_measured, more.runs_reused) == (0, groups * ROWS)


def test_greedy_runs_and_draws_have_addresses_of_their_own(
    tiny_model: LanguageModel, session: Session
) -> None:
    before = session.counts.reused
    session.runs(tiny_model, [DUNE.center], shape=(8, 16), horizon=12)
    assert session.counts.reused == before


def test_the_excess_is_judged(findings: Findings, tiny_model: LanguageModel) -> None:
    value = findings.measurement.high or 0.0
    verdict = assert_stable_sampling(tiny_model, DUNE, at_most=value + 0.01, **KNOBS)
    assert verdict.outcome is Outcome.PASSED
    assert verdict.check == "stable_sampling"
    with pytest.raises(VerdictError, match=r"sampled token edit excess .* straddles at_most=0.01"):
        assert_stable_sampling(tiny_model, DUNE, at_most=0.01, **KNOBS)


def test_the_verdict_travels_and_the_page_shows_it(findings: Findings) -> None:
    limit = Limit(name=findings.measurement.name, at_most=0.5)
    verdict = judge_findings("stable_sampling", findings, limit)
    record = Record(node_id="t", status="passed", verdicts=(verdict,), environment={})
    assert from_plain(to_plain(record)) == record
    assert "sampled token edit excess" in page([record])


def test_without_an_embedder_nothing_is_drawn(tiny_model: LanguageModel, session: Session) -> None:
    before = session.counts.measured
    found = measure_sampling(tiny_model, "Why is the sea salt?")
    assert found.measurement.value is None
    assert session.counts.measured == before
    assert [c.state for c in found.controls if c.name == "embedder"] == ["failed"]


def test_a_script_has_nothing_to_draw_from() -> None:
    with pytest.raises(ArgumentError, match="no distribution to draw from"):
        measure_sampling(ScriptedModel("plain", lambda _: "yes"), "Why?")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("knobs", "words"),
    [
        ({"draws": 3}, "draws is 3"),
        ({"draws": 2.5}, "draws is 2.5"),
        ({"draws": None}, "draws is None"),
        ({"temperature": 0.0}, "temperature is 0.0"),
        ({"temperature": "a"}, "temperature is 'a', but it takes a finite number above 0"),
        ({"temperature": None}, "temperature is None"),
        ({"top_p": "a"}, "top_p is 'a', but it takes a share above 0"),
        ({"top_p": None}, "top_p is None"),
        ({"seed": "a"}, "seed is 'a', but it takes a whole number"),
        ({"seed": -1}, "seed is -1"),
        ({"top_p": 2.0}, "top_p is 2.0"),
        ({"metric": "answer"}, "metric is 'answer'"),
        ({"horizon": 0}, "horizon is 0"),
    ],
)
def test_what_cannot_be_drawn_is_refused(
    tiny_model: LanguageModel, knobs: dict[str, object], words: str
) -> None:
    with pytest.raises(ArgumentError, match=words):
        measure_sampling(tiny_model, DUNE, **knobs)  # type: ignore[arg-type]
