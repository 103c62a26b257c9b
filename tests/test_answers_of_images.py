"""Answers about images, through a real tiny vision-language model: focus, depth, intervention."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from benchmarks.tiny_vision_models import picture as drawn
from benchmarks.tiny_vision_models import saved
from pytest_promptchaos import measure_answers, measure_ftle, picture, proposition
from pytest_promptchaos.errors import ArgumentError, PictureError, PromptError
from pytest_promptchaos.records import Prompt
from pytest_promptchaos.session import Session, activated

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pytest_promptchaos.models.language import LanguageModel
    from pytest_promptchaos.records import Findings, Measurement, Shown

KINDS = ("presence", "evidence", "rule out")
SMALL: dict[str, Any] = {
    "swaps": 1,
    "perturbations": ["brightness +20 %"],
    "horizon": 3,
    "tangents": 2,
}
PHRASED = {
    "flip, same word",
    "agree, same word",
    "agree, other word",
    "flip, other word",
    "answered unclearly",
}


@pytest.fixture(scope="module")
def session() -> Iterator[Session]:
    with activated(Session(on_disk=False)) as one:
        yield one


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("seeing")


@pytest.fixture(scope="module")
def llava(session: Session, folder: Path) -> LanguageModel:
    return session.model(f"dir:{saved('llava', folder / 'llava')}")


@pytest.fixture(scope="module")
def shown(folder: Path) -> list[Shown]:
    files = [folder / f"{number}.png" for number in range(3)]
    for number, file in enumerate(files):
        drawn(number, 48, 48).save(file)
    return [picture(file, truth={"nodule": n % 2 == 0}) for n, file in enumerate(files)]


@pytest.fixture(scope="module")
def found(llava: LanguageModel, shown: list[Shown]) -> Findings:
    asked = [proposition("nodule", kinds=KINDS)]
    scaling = {"layers": "all", "factors": [0.5]}
    return measure_answers(
        llava, shown, asked, depth=2, scaling=scaling, overlays=2, yes=["Yes"], no=["No"], **SMALL
    )


def named(findings: Findings, name: str) -> Measurement:
    return next(one for one in (findings.measurement, *findings.also) if one.name == name)


def words(findings: Findings, name: str) -> str:
    return next(one.words for one in findings.controls if one.name == name)


# -- answers ------------------------------------------------------------------------------------


def test_every_answer_has_its_margin_and_the_weight_of_its_tokens(found: Findings) -> None:
    every = [answer for sample in found.samples for answer in sample.answers]
    assert len(every) == 3 * (3 + 3 + 1 + 1 + 1)
    assert all(answer.margin is not None for answer in every)
    assert all(0 < (answer.mass or 0.0) < 1 for answer in every)


def test_another_image_and_none_are_other_prompts(found: Findings) -> None:
    base = found.samples[0].answers[0]
    for condition in ("removed", "swapped", "perturbed"):
        other = next(a for a in found.samples[0].answers if a.condition == condition)
        assert other.margin != base.margin
    again = next(a for a in found.samples[0].answers if a.condition == "again")
    assert again.margin == base.margin


# -- focus --------------------------------------------------------------------------------------


def test_an_overlay_shows_both_maps_over_their_grid(found: Findings) -> None:
    assert len(found.overlays) == 2
    assert len({one.sample for one in found.overlays}) == 2
    for one in found.overlays:
        rows, columns = one.grid
        assert len(one.focus_a) == len(one.focus_b) == rows * columns
        assert sum(one.focus_a) == pytest.approx(1)
        assert one.picture.startswith("data:image/png;base64,")
        assert "answering token" in one.provenance


def test_similarity_stands_beside_its_nulls(found: Findings) -> None:
    similarity = named(found, "focus similarity")
    parts = {part.name: part.value for part in similarity.breakdown}
    identical = next(value for name, value in parts.items() if "again" in name)
    other = next(value for name, value in parts.items() if "other" in name)
    assert identical == pytest.approx(1)
    assert other is not None
    assert other < 1


def test_the_question_looks_elsewhere_than_the_answer(
    llava: LanguageModel, shown: list[Shown], found: Findings
) -> None:
    asked = [proposition("nodule", kinds=KINDS)]
    question = measure_answers(llava, shown, asked, focus="question", overlays=1, **SMALL)
    assert "question" in question.overlays[0].provenance
    first = next(one for one in found.overlays if one.sample == question.overlays[0].sample)
    assert question.overlays[0].focus_a != first.focus_a


def test_a_layer_that_is_not_there_is_refused(llava: LanguageModel, shown: list[Shown]) -> None:
    with pytest.raises(ArgumentError, match="names layer 9"):
        measure_answers(llava, shown, [proposition("nodule")], focus_layers=[9], **SMALL)


@pytest.mark.parametrize(
    ("images", "told"), [(1, "sinks kept: 1 image, and below 3"), (3, "over 3 images")]
)
def test_sinks_are_found_over_images_whatever_is_asked_of_them(
    llava: LanguageModel, shown: list[Shown], images: int, told: str
) -> None:
    asked = [proposition(name, kinds=KINDS[:2]) for name in ("nodule", "effusion", "mass")]
    shown = [replace(one, truth={}) for one in shown[:images]]
    answers = measure_answers(llava, shown, asked, overlays=1, **SMALL)
    assert told in answers.overlays[0].provenance


# -- depth --------------------------------------------------------------------------------------


def test_two_phrasings_are_one_image_up_to_the_language_model(found: Findings) -> None:
    curves = [one for one in found.curves if one.name == "divergence of two phrasings"]
    assert {one.series for one in curves} <= PHRASED | {"image perturbed"}
    for curve in curves:
        apart = dict.fromkeys(curve.labels, 0.0)
        for part, value in zip(curve.labels, curve.y, strict=True):
            apart[part] = max(apart[part], value)
        assert list(apart) == ["vision tower", "projector", "language"]
        seen = apart["vision tower"], apart["projector"]
        assert (max(seen) == 0) is (curve.series in PHRASED)
        assert apart["language"] > 0


def test_growth_is_told_apart_by_what_is_perturbed(found: Findings) -> None:
    for name in ("lambda_1 from image tokens", "lambda_1 from text tokens"):
        assert named(found, name).value is not None
    assert (named(found, "reach of image tokens").value or 0) > 0
    association = named(found, "growth and attention to the image over layers")
    assert association.value is None or abs(association.value) <= 1


def test_the_exponent_of_an_image_prompt_follows_the_image(
    llava: LanguageModel, shown: list[Shown]
) -> None:
    text = "Is there a nodule?"
    rates = {
        place: measure_ftle(llava, Prompt(id=str(place), text=text, image=image), tangents=2)
        for place, image in enumerate([shown[0].image, shown[1].image, None])
    }
    values = [rates[place].measurement.value for place in rates]
    assert len(set(values)) == 3


# -- intervention -------------------------------------------------------------------------------


def test_scaling_is_swept_and_the_weights_are_back(llava: LanguageModel, found: Findings) -> None:
    assert llava.edits == ""
    curves = {one.series: one for one in found.curves if one.name == "spectral scaling"}
    assert all(curve.x == (0.5, 1.0) for curve in curves.values())
    assert "the weights are back" in words(found, "spectral scaling")
    assert named(found, "text_only_agreement at spectral factor 0.5").n == 3


def test_another_run_of_the_same_sweep_measures_nothing(
    llava: LanguageModel, shown: list[Shown], found: Findings
) -> None:
    asked = [proposition("nodule", kinds=KINDS)]
    scaling = {"layers": "all", "factors": [0.5]}
    again = measure_answers(
        llava, shown, asked, depth=2, scaling=scaling, overlays=2, yes=["Yes"], no=["No"], **SMALL
    )
    assert again.runs_measured == 0
    assert again.samples == found.samples
    assert np.allclose(again.curves[0].y, found.curves[0].y)


# -- what is refused ----------------------------------------------------------------------------


def test_a_text_only_model_is_shown_no_image(tiny_model: LanguageModel, shown: list[Shown]) -> None:
    with pytest.raises(PromptError, match="image"):
        measure_answers(tiny_model, shown, [proposition("nodule", kinds=KINDS)])


def test_an_image_that_changed_is_refused(llava: LanguageModel, folder: Path) -> None:
    file = folder / "changing.png"
    drawn(5, 48, 48).save(file)
    shown = picture(file)
    drawn(6, 48, 48).save(file)
    with pytest.raises(PictureError, match=r"changed|sha256"):
        measure_answers(llava, [shown], [proposition("nodule", kinds=KINDS)])


def test_an_answer_word_of_several_tokens_is_refused(
    llava: LanguageModel, shown: list[Shown]
) -> None:
    with pytest.raises(ArgumentError, match="Absolutely"):
        measure_answers(llava, shown, [proposition("nodule", kinds=KINDS)], yes=["Absolutely so"])
    with pytest.raises(ArgumentError, match="both a yes and a no"):
        measure_answers(llava, shown, [proposition("nodule", kinds=KINDS)], yes=["Yes"], no=["Yes"])
