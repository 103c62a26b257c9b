"""The way from a picture to the numbers, for every class that docs/vision_architectures.md names.

Tiny random models of transformers' own classes, each with its own processor.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
import torch
import transformers
from transformers import AutoModelForImageTextToText, AutoProcessor, logging

from benchmarks.tiny_vision_models import KINDS, saved, tiny_vision_model
from benchmarks.vision_architectures import survey
from benchmarks.vision_table import BAR, PAGE, row

if TYPE_CHECKING:
    from collections.abc import Iterator

    from benchmarks.vision_table import VisionReport

REFUSED = {
    "blip-2": "has no chat template",
    "florence2": "is an encoder-decoder",
    "mistral3": "requires the Torchvision library",
}
MEASURED = [kind for kind in KINDS if kind not in REFUSED]
CROSS = ["mllama"]
ATTENDING = {"mllama": "1 layer, cross-attention", "qwen3_5": "1 layer, self-attention"}
"""Where not all three layers do: one attends to image states, two are linear."""
GRIDS = {
    "llava": "4 x 4",
    "vipllava": "4 x 4",
    "paligemma": "4 x 4",
    "gemma3": "2 x 2",
    "qwen2_vl": "3 x 3; 4 x 2",
    "qwen2_5_vl": "3 x 3; 4 x 2",
    "qwen3_vl": "3 x 3; 4 x 2",
    "qwen3_5": "3 x 3; 4 x 2",
}
"""Of the square picture, and of the tall one where it is another."""


@pytest.fixture(scope="module", autouse=True)
def _quiet() -> Iterator[None]:
    verbosity, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    yield
    logging.set_verbosity(verbosity)
    if bars:
        logging.enable_progress_bar()


@pytest.fixture(scope="module", params=MEASURED)
def report(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> VisionReport:
    """What holds for one class."""
    return survey(request.param, tmp_path_factory.mktemp(request.param))


def test_the_page_names_every_class_and_at_least_eight_are_measured() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert set(re.findall(r"^\| `\w+` \| `([^`]+)`", page, flags=re.MULTILINE)) == set(KINDS)
    assert int(re.findall(r"^(\d+) of \d+ classes", page, flags=re.MULTILINE)[0]) >= 8


def test_it_answers_together_as_alone_and_by_the_picture(report: VisionReport) -> None:
    assert report.answers.holds, report.answers


def test_its_image_tokens_form_a_grid_or_it_is_said_why_not(report: VisionReport) -> None:
    if report.kind in GRIDS:
        assert report.grid.holds, report.grid
        assert report.grid.words.startswith(GRIDS[report.kind])
    else:
        assert not report.grid.holds
        assert report.grid.words


def test_attention_to_the_picture_is_had_from_the_layers_that_attend(report: VisionReport) -> None:
    assert report.focus.holds, report.focus
    assert report.focus.words == ATTENDING.get(report.kind, "3 layers, self-attention")


def test_tower_projector_and_language_part_are_found(report: VisionReport) -> None:
    assert report.depth.holds, report.depth


def test_tangents_grow_from_image_and_text_tokens_as_differences_do(report: VisionReport) -> None:
    assert report.from_text.words == "finite, 3 layers"
    assert report.from_image.words == (
        "none to perturb" if report.kind in CROSS else "finite, 3 layers"
    )
    assert report.worst is not None
    assert 0.0 < report.worst <= BAR


def test_scaled_layers_answer_otherwise_and_are_restored(report: VisionReport) -> None:
    assert report.scaling.words == "3 layers, restored"


def test_the_page_says_so(report: VisionReport) -> None:
    page = PAGE.read_text(encoding="utf-8")
    if f"transformers {transformers.__version__}" not in page:
        pytest.skip("the page was written with another version of transformers")
    assert row(report) in page


@pytest.mark.parametrize("kind", REFUSED)
def test_a_class_that_cannot_be_asked_is_refused_with_the_reason(
    kind: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    report = survey(kind, tmp_path_factory.mktemp(kind))
    assert not report.answers.holds
    assert REFUSED[kind] in report.answers.words


@pytest.mark.parametrize("kind", ["llava", "gemma3", "mllama"])
def test_a_saved_folder_reads_back_as_it_was(
    kind: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = saved(kind, tmp_path_factory.mktemp(kind))
    network, processor = tiny_vision_model(kind)
    read = AutoModelForImageTextToText.from_pretrained(folder)
    assert type(AutoProcessor.from_pretrained(folder)) is type(processor)
    weights = read.state_dict()
    assert all(torch.equal(weights[name], one) for name, one in network.state_dict().items())
