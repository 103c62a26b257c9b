"""Two phrasings through depth, joined: layers and what is between them, and what expands."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pytest
import torch
from transformers import AutoModelForImageTextToText

from benchmarks.tiny_vision_models import SPREAD, saved, tiny_vision_model
from benchmarks.tiny_vision_models import picture as drawn
from pytest_promptchaos import measure_answers, passage, picture, proposition
from pytest_promptchaos.answer_knobs import Scaling
from pytest_promptchaos.asking import Question
from pytest_promptchaos.phrasing_depth import CONTRASTS, pairings
from pytest_promptchaos.records import Answer, Phrasing, Prompt, Sample
from pytest_promptchaos.session import Session, activated
from pytest_promptchaos.spectral_sweep import layers_scaled

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pytest_promptchaos.models.language import LanguageModel
    from pytest_promptchaos.records import Curve, Findings, Measurement, Shown

KINDS = ("presence", "evidence", "rule out")
ASKED = [proposition("nodule", kinds=KINDS)]
SMALL: dict[str, Any] = {
    **{"swaps": 1, "perturbations": ["brightness +20 %"], "horizon": 2, "tangents": 2},
    **{"overlays": 0, "yes": ["Yes"], "no": ["No"]},
}
EXPANDING = {"layers": "expanding", "factors": [0.5]}
ASSOCIATION = "growth and attention to the image over layers"


@pytest.fixture(scope="module")
def session() -> Iterator[Session]:
    with activated(Session(on_disk=False)) as one:
        yield one


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("deep")


@pytest.fixture(scope="module")
def shown(folder: Path) -> list[Shown]:
    files = [folder / f"{number}.png" for number in range(3)]
    for number, file in enumerate(files):
        drawn(number, 48, 48).save(file)
    return [picture(file) for file in files]


@pytest.fixture(scope="module")
def qwen(session: Session, folder: Path) -> LanguageModel:
    """A model that adds features of the image between its language layers."""
    return session.model(f"dir:{saved('qwen3_vl', folder / 'qwen3_vl')}")


@pytest.fixture(scope="module")
def stacked(qwen: LanguageModel, shown: list[Shown]) -> Findings:
    return measure_answers(qwen, shown, ASKED, depth=4, scaling=EXPANDING, **SMALL)


def deep(folder: Path, layers: int) -> Path:
    """A LLaVA of so many language layers."""
    network, processor = tiny_vision_model("llava")
    config = network.config
    config.text_config.num_hidden_layers = layers
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(0)
        larger = AutoModelForImageTextToText.from_config(config).eval()
        for weights in larger.parameters():
            if weights.dim() > 1:
                weights.normal_(0.0, SPREAD)
    larger.save_pretrained(folder)
    processor.save_pretrained(folder)
    return folder


def named(findings: Findings, name: str) -> Measurement:
    return next(one for one in (findings.measurement, *findings.also) if one.name == name)


def words(findings: Findings, name: str) -> str:
    return next(one.words for one in findings.controls if one.name == name)


def phrased(findings: Findings) -> Curve:
    """The divergence of two phrasings, where no image is perturbed."""
    curves = [one for one in findings.curves if one.name == "divergence of two phrasings"]
    return next(one for one in curves if one.series != "image perturbed")


# -- growth and attention over layers -----------------------------------------------------------


@pytest.mark.parametrize("layers", [5, 6])
def test_with_enough_layers_growth_is_held_against_attention(
    session: Session, folder: Path, shown: list[Shown], layers: int
) -> None:
    model = session.model(f"dir:{deep(folder / f'llava{layers}', layers)}")
    found = named(measure_answers(model, shown, ASKED, depth=4, **SMALL), ASSOCIATION)
    assert found.value is not None
    assert -1 <= found.value <= 1
    # Both phrasings enter layer 0 at the same token, so that all others are what is permuted.
    orders = {5: "all 24 orders of 4 layers", 6: "all 120 orders of 5 layers"}[layers]
    assert orders in found.interval
    assert found.interval.startswith("p = ")
    (straight,) = found.breakdown
    assert straight.name == "without the line over depth"
    if layers == 5:
        assert straight.reason == "4 layers: a line taken out leaves too few"
    else:
        assert straight.interval.startswith("p = ")
        assert -1 <= (straight.value or 0) <= 1


def test_three_language_layers_are_too_few_and_it_is_said_why(stacked: Findings) -> None:
    assert named(stacked, ASSOCIATION).reason == (
        "no more than 2 of 3 layers have a growth in any of 4 samples, and an association over "
        "layers needs 3: a layer that both phrasings enter in the same state has none"
    )


# -- what is added between layers ---------------------------------------------------------------


def test_what_is_added_between_language_layers_is_no_layer_that_grows(stacked: Findings) -> None:
    turn = named(stacked, f"turn to growth in the language layers, {phrased(stacked).series}")
    # The model has three: what is counted is layers, and no places.
    assert turn.value is None or turn.value <= 2
    for part in ("growth", "turn to growth"):
        absent = named(stacked, f"{part} in the projector, image perturbed")
        assert absent.reason == (
            "3 places, not known to be a chain: nothing there grows from layer to layer"
        )


def test_the_mean_growth_is_that_of_the_layers_alone(
    qwen: LanguageModel, shown: list[Shown]
) -> None:
    found = measure_answers(qwen, shown, ASKED, depth=1, **SMALL)
    curve = phrased(found)
    # Language places: 0 (in), 0, 1 (in), 1, 2 (in), 2. The last token does not move on "(in)".
    language = curve.y[-6:]
    assert curve.labels[-6:] == ("language",) * 6
    assert (language[2], language[4]) == (language[1], language[3])
    growth = named(found, f"growth in the language layers, {curve.series}")
    assert growth.value == pytest.approx(np.log(language[5] / language[1]) / 2)


def test_the_first_layer_can_neither_turn_nor_be_called_expanding(stacked: Findings) -> None:
    assert words(stacked, "depth of two phrasings").endswith(
        "language layer 0 has no growth, because the answering token enters the same in both "
        "phrasings: it can neither turn nor be called expanding"
    )
    assert "layers.0" not in words(stacked, "spectral scaling")


# -- what expands -------------------------------------------------------------------------------


def test_where_depth_is_refused_no_layer_is_said_not_to_expand(tiny_model: LanguageModel) -> None:
    shown = [passage(f"Report {i}: a nodule.", id=f"r{i}") for i in range(2)]
    with activated(Session(on_disk=False)):
        found = measure_answers(
            tiny_model, shown, ASKED, depth=2, scaling=EXPANDING, horizon=2, focus="off"
        )
    assert words(found, "spectral scaling") == (
        "which layers expand is not known, so none was scaled: it is no vision-language model: no "
        "image goes through its depth"
    )


def test_layers_expand_by_their_growth_and_none_without_one() -> None:
    chosen = Scaling(layers="expanding")
    assert layers_scaled("abc", chosen, {"b": 0.1, "c": -0.1}) == ("b",)
    assert layers_scaled("abc", chosen, {"b": -0.1, "c": 0.0}) == (
        "none of the 2 layers with a growth expands, so none was scaled"
    )
    unknown = layers_scaled("abc", chosen, "depth was not asked for")
    assert unknown == (
        "which layers expand is not known, so none was scaled: depth was not asked for"
    )
    assert layers_scaled("abc", Scaling(layers="all"), "depth was not asked for") == ("a", "b", "c")


def test_a_sweep_over_passages_speaks_of_passages(tiny_model: LanguageModel) -> None:
    shown = [
        passage(f"Report {i}: {'a' if i else 'no'} nodule.", id=f"r{i}", truth={"nodule": i > 0})
        for i in range(3)
    ]
    scaling = {"layers": "all", "factors": [0.5]}
    with activated(Session(on_disk=False)):
        found = measure_answers(tiny_model, shown, ASKED, scaling=scaling, horizon=2, focus="off")
    after = [one for one in found.also if "spectral factor" in one.name]
    assert {one.resampled for one in after} <= {"passages", ""}
    assert any(one.resampled == "passages" for one in after)
    assert not any(" images" in f"{one.interval} {one.reason}" for one in after)


def test_pairs_are_followed_by_what_they_say_and_by_their_words_in_turn() -> None:
    """A flip between polarities says one word twice: it is held against agreements that do so."""
    said: list[tuple[str, Literal[1, -1], Literal["yes", "no"]]] = [
        ("base", 1, "yes"),
        ("again", 1, "yes"),
        ("absent", -1, "no"),
        ("rule out", -1, "yes"),
        ("shows", 1, "no"),
    ]
    answers = tuple(
        Answer(
            phrasing=name,
            kind=name,
            question=name,
            polarity=polarity,
            condition="as is",
            said=word,
            rule="",
            text="",
        )
        for name, polarity, word in said
    )
    sample = Sample(id="p/x", shown="p", proposition="x", truth=None, answers=answers)
    questions = [
        Question(
            sample="p/x",
            words="x",
            phrasing=Phrasing(id=name, text=name, polarity=polarity, kind=name),
            condition="as is",
            change="",
            prompt=Prompt(id=name, text=name),
        )
        for name, polarity, _ in said
    ]
    found = pairings([sample], questions, 4)
    assert {pair.phrasing: pair.contrast for pair in found} == {
        "rule out": "flip, same word",
        "again": "agree, same word",
        "absent": "agree, other word",
        "shows": "flip, other word",
    }
    assert [pair.contrast for pair in pairings([sample], questions, 2)] == list(CONTRASTS[:2])
