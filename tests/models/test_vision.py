"""Pinned vision-language models: what they are shown, and that they are decoded like any other."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from transformers import AutoModelForImageTextToText, AutoProcessor

from benchmarks.tiny_vision_models import picture, saved
from pytest_promptchaos.errors import ArgumentError, PictureError, PinError, PromptError
from pytest_promptchaos.models import looked
from pytest_promptchaos.models.language import LanguageModel
from pytest_promptchaos.models.pictures import image_sha256, open_picture
from pytest_promptchaos.models.pins import parse_pin
from pytest_promptchaos.models.pool import ModelPool
from pytest_promptchaos.models.sampling import draws
from pytest_promptchaos.models.vision import VisionModel
from pytest_promptchaos.records import Image, Message, Prompt, Run

if TYPE_CHECKING:
    from PIL.Image import Image as Picture

ASKED = ("Is there a round shape?", "Can you rule out a round shape, by any chance?")
SHOWN = Path(__file__).parents[2] / "suites" / "xray"
CHANGE = "shift 4 % right"


def pinned(folder: Path, seed: int, width: int = 48, height: int = 48) -> Image:
    path = folder / f"{seed}-{width}x{height}.png"
    picture(seed, width, height).save(path)
    return Image(path=str(path), sha256=image_sha256(path))


def asked(text: str, image: Image | None = None) -> Prompt:
    return Prompt(id=f"{text} {image}", text=text, image=image)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("vision")


@pytest.fixture(scope="module")
def images(folder: Path) -> list[Image]:
    return [pinned(folder, seed) for seed in range(2)]


@pytest.fixture(scope="module")
def llava(folder: Path) -> VisionModel:
    return seeing(saved("llava", folder / "llava"))


@pytest.fixture(scope="module")
def qwen(folder: Path) -> VisionModel:
    return seeing(saved("qwen2_vl", folder / "qwen2_vl"))


def seeing(path: Path | str, options: str = "") -> VisionModel:
    return seeing_pin(f"dir:{path}{options}")


def seeing_pin(pin: str) -> VisionModel:
    model = ModelPool().get(parse_pin(pin))
    assert isinstance(model, VisionModel)
    return model


def copied(llava: VisionModel, to: Path, **files: str | None) -> VisionModel:
    """The same model elsewhere, with files rewritten or, where there is no text, left out."""
    shutil.copytree(llava.pin.source, to)
    for name, text in files.items():
        path = to / name.replace("__", ".")
        path.unlink() if text is None else path.write_text(text)
    return seeing(to)


def decoded(model: VisionModel, prompts: list[Prompt], horizon: int = 5) -> list[Run]:
    found: dict[int, Run] = {}
    for places in model.together(prompts):
        batch = [prompts[place] for place in places]
        shape = model.shape(batch, model.rows(batch, horizon))
        (runs,) = model.runs([(one, 0) for one in batch], shape=shape, horizon=horizon)
        found |= dict(zip(places, runs, strict=True))
    return [found[place] for place in range(len(prompts))]


@pytest.fixture(scope="module")
def prompts(images: list[Image]) -> list[Prompt]:
    changed = replace(images[0], change=CHANGE)
    return [asked(text, image) for text in ASKED for image in (*images, changed, None)]


@pytest.fixture(scope="module")
def runs(llava: VisionModel, prompts: list[Prompt]) -> list[Run]:
    return decoded(llava, prompts)


# -- which model ----------------------------------------------------------------------------------


def test_the_pool_tells_a_model_that_sees_from_one_that_does_not(
    llava: VisionModel, tiny_model: LanguageModel
) -> None:
    text = ModelPool().get(parse_pin("bundled:tiny-chat"))
    assert type(text) is LanguageModel
    assert (llava.sees, text.sees) == (True, False)
    assert text.identity == tiny_model.identity


def test_a_pin_that_cannot_be_read_says_so_when_it_is_needed(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    model = ModelPool().get(parse_pin(f"dir:{tmp_path}"))
    with pytest.raises(PinError, match="could not read it"):
        _ = model.config


def test_the_identity_names_what_pictures_go_through(llava: VisionModel) -> None:
    who = llava.identity
    assert dict(who.versions)["pillow"] == version("pillow")
    assert "pictures go through LlavaProcessor and CLIPImageProcessor" in " ".join(who.notes)
    assert len(who.template) == 64


def test_random_weights_are_another_model_of_the_same_eyes(
    llava: VisionModel, images: list[Image]
) -> None:
    fresh = [seeing(llava.pin.source, f"?initialization={seed}") for seed in (0, 0, 1)]
    prompt = asked(ASKED[0], images[0])
    first, again, other = (decoded(one, [prompt])[0].prompt_logits for one in fresh)
    assert (first == again).all()
    assert (first != other).any()
    assert fresh[0].render(prompt) == llava.render(prompt)
    assert fresh[0].key(prompt, (1, 32), 4, 0) != llava.key(prompt, (1, 32), 4, 0)


# -- what it is shown -----------------------------------------------------------------------------


def test_it_is_shown_what_its_own_processor_makes(llava: VisionModel, images: list[Image]) -> None:
    prompt = asked(ASKED[0], images[0])
    processor = AutoProcessor.from_pretrained(llava.pin.source)
    parts = [{"type": "image", "image": open_picture(images[0])}]
    expected = processor.apply_chat_template(
        [{"role": "user", "content": [*parts, {"type": "text", "text": ASKED[0]}]}],
        add_generation_prompt=True,
        tokenize=True,
        return_dict=True,
        return_tensors="pt",
    )
    inputs = llava.inputs(prompt)
    assert set(inputs) == set(expected)
    assert all(torch.equal(inputs[name], expected[name]) for name in inputs)
    assert llava.render(prompt) == tuple(expected["input_ids"][0].tolist())


def test_image_and_question_have_their_tokens(llava: VisionModel, images: list[Image]) -> None:
    prompt = asked(ASKED[1], images[0])
    ids = np.array(llava.render(prompt))
    image, question = llava.image_positions(prompt), llava.question_positions(prompt)
    assert image.sum() == 16
    assert llava.tokenizer.decode(ids[question]) == ASKED[1]
    assert not (image & question).any()
    assert (ids == llava.tokenizer.bos_token_id).sum() == 1
    assert llava.grid(prompt) == (4, 4)
    assert llava.grid_reason(prompt) == ""


def test_without_its_image_a_prompt_keeps_all_but_the_image(
    llava: VisionModel, images: list[Image]
) -> None:
    shown, bare = asked(ASKED[0], images[0]), asked(ASKED[0])
    kept = np.array(llava.render(shown))[~llava.image_positions(shown)]
    assert llava.render(bare) == tuple(kept.tolist())
    assert set(llava.inputs(bare)) == {"input_ids", "attention_mask"}
    assert not llava.image_positions(bare).any()
    assert llava.grid_reason(bare) == "the prompt shows no image"


def test_the_question_is_the_last_message(llava: VisionModel) -> None:
    before = (Message(role="user", content=ASKED[0]), Message(role="assistant", content="Yes"))
    prompt = Prompt(id="again", text=ASKED[0], before=before)
    flags = llava.question_positions(prompt)
    assert flags.sum() == llava.question_positions(asked(ASKED[0])).sum()
    assert flags[-6:].any()


def test_a_grid_needs_the_whole_image(llava: VisionModel, qwen: VisionModel, folder: Path) -> None:
    wide = asked(ASKED[0], pinned(folder, 3, width=64))
    assert llava.grid(wide) is None
    assert "cuts off its edges" in llava.grid_reason(wide)
    assert qwen.grid(wide) == (3, 4)
    assert qwen.image_positions(wide).sum() == 12


def test_inputs_may_hold_an_answer(qwen: VisionModel, images: list[Image]) -> None:
    prompt = asked(ASKED[0], images[0])
    (run,) = decoded(qwen, [prompt])
    with torch.inference_mode():
        logits = qwen.network(**qwen.inputs(prompt, run.output_ids[:-1])).logits[0]
    followed = logits[len(run.prompt_ids) - 1 :].argmax(-1)
    assert tuple(followed.tolist()) == run.output_ids


def test_pixels_are_of_the_dtype_of_the_weights(llava: VisionModel, images: list[Image]) -> None:
    model = seeing(llava.pin.source, "?dtype=float64")
    prompt = asked(ASKED[0], images[0])
    assert model.inputs(prompt)["pixel_values"].dtype == torch.float64
    (run,) = decoded(model, [prompt])
    assert run.prompt_logits == pytest.approx(decoded(llava, [prompt])[0].prompt_logits, abs=1e-4)


def test_a_prompt_is_processed_once(
    llava: VisionModel, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = seeing(llava.pin.source)
    calls: list[Image] = []
    prompt = asked(ASKED[0], pinned(folder, 7))

    def counted(image: Image) -> Picture:
        calls.append(image)
        return open_picture(image)

    monkeypatch.setattr(looked, "open_picture", counted)
    for _ in range(3):
        model.render(prompt)
        model.inputs(prompt)
        model.key(prompt, (1, 32), 4, 0)
    assert len(calls) == 1


def test_forgotten_pixels_are_read_again_from_the_pinned_file(
    llava: VisionModel, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(looked, "PIXELS_KEPT", 1)
    model = seeing(llava.pin.source)
    first, second = (asked(ASKED[0], pinned(folder, seed)) for seed in (8, 9))
    before = model.inputs(first)["pixel_values"]
    model.inputs(second)
    assert torch.equal(model.inputs(first)["pixel_values"], before)
    model.inputs(second)
    picture(10, 48, 48).save(first.image.path)  # type: ignore[union-attr]
    with pytest.raises(PictureError, match="not the one that was pinned"):
        model.inputs(first)


# -- runs -----------------------------------------------------------------------------------------


def test_a_run_is_what_transformers_generates_for_the_prompt_alone(
    llava: VisionModel, runs: list[Run]
) -> None:
    network = AutoModelForImageTextToText.from_pretrained(llava.pin.source)
    for run in runs:
        inputs = llava.inputs(run.prompt)
        out = network.generate(**inputs, max_new_tokens=5, do_sample=False)
        logits = network(**inputs).logits[0, -1].detach().numpy()
        assert run.output_ids == tuple(out[0, len(run.prompt_ids) :].tolist())
        assert run.prompt_logits == pytest.approx(logits, abs=1e-4)


def test_an_image_its_change_and_its_absence_are_all_seen(runs: list[Run]) -> None:
    first = [run.prompt_logits for run in runs[:4]]
    gaps = [np.abs(a - b).max() for i, a in enumerate(first) for b in first[:i]]
    assert min(gaps) > 1e-3


@pytest.mark.parametrize("kind", ["llava", "qwen"])
def test_a_prompt_does_not_depend_on_its_company(
    kind: str, request: pytest.FixtureRequest, prompts: list[Prompt]
) -> None:
    model: VisionModel = request.getfixturevalue(kind)
    together = [(prompt, 0) for prompt in prompts if prompt.image is not None]
    shape = model.shape([prompt for prompt, _ in together], 8)
    (batch,) = model.runs(together, shape=shape, horizon=3)
    for run in batch[::3]:
        ((alone,),) = model.runs([(run.prompt, 0)], shape=shape, horizon=3)
        assert alone.output_ids == run.output_ids
        assert alone.prompt_logits == pytest.approx(run.prompt_logits, abs=1e-4)


def test_no_batch_mixes_images_of_two_forms(
    llava: VisionModel, qwen: VisionModel, prompts: list[Prompt], folder: Path
) -> None:
    mixed = [*prompts, asked(ASKED[0], pinned(folder, 4, height=40))]
    for model, groups in ((llava, 2), (qwen, 3)):
        places = model.together(mixed)
        assert sorted(place for group in places for place in group) == list(range(len(mixed)))
        assert len(places) == groups
    shape = qwen.shape(mixed, 16)
    batches = list(qwen.runs([(one, 0) for one in mixed], shape=shape, horizon=1))
    assert [run.prompt for batch in batches for run in batch] == mixed
    assert all(len({run.prompt.image is None for run in batch}) == 1 for batch in batches)
    with pytest.raises(PromptError, match="split them as together"):
        llava.shown(mixed, rows=16, width=shape[1])


def test_no_beginning_is_computed_apart_from_the_image(
    llava: VisionModel, images: list[Image]
) -> None:
    system = Message(role="system", content="Answer with care. " * 30)
    alike = [
        Prompt(id=text, text=text, before=(system,), image=image)
        for text in ASKED
        for image in (images[0], None)
    ]
    assert len(llava.shape(alike, 4)) == 2


@pytest.mark.parametrize("other", ["image", "change", "no image", "text"])
def test_an_address_covers_what_is_shown(
    llava: VisionModel, images: list[Image], other: str
) -> None:
    prompt = asked(ASKED[0], images[0])
    another = {
        "image": asked(ASKED[0], images[1]),
        "change": asked(ASKED[0], replace(images[0], change=CHANGE)),
        "no image": asked(ASKED[0]),
        "text": asked(ASKED[1], images[0]),
    }[other]
    assert llava.key(prompt, (1, 32), 4, 0) != llava.key(another, (1, 32), 4, 0)


def test_an_address_knows_the_bytes_and_not_the_place(
    llava: VisionModel, images: list[Image], folder: Path
) -> None:
    shutil.copy(images[0].path, folder / "elsewhere.png")
    moved = replace(images[0], path=str(folder / "elsewhere.png"))
    keys = [llava.key(asked(ASKED[0], one), (1, 32), 4, 0) for one in (images[0], moved)]
    assert keys[0] == keys[1]


@pytest.mark.parametrize("kind", ["llava", "qwen"])
def test_forced_along_its_own_answer_a_model_has_the_margins_of_its_run(
    kind: str, request: pytest.FixtureRequest, images: list[Image]
) -> None:
    model: VisionModel = request.getfixturevalue(kind)
    center, other = decoded(model, [asked(text, images[0]) for text in ASKED])
    ((along_center, along_other),) = model.forced(center, [other], 2, (0, 0))
    for along, run in ((along_center.margin_a, center), (along_other.margin_b, other)):
        assert along == pytest.approx([step.margin for step in run.steps], abs=1e-4)


def test_it_can_be_sampled(llava: VisionModel, images: list[Image]) -> None:
    prompt = asked(ASKED[0], images[0])
    cold = draws(llava, prompt, n=2, temperature=1e-4, rows=2, horizon=5)
    (greedy,) = decoded(llava, [prompt])
    assert {draw.output_ids for draw in cold} == {greedy.output_ids}


def test_answers_are_read_from_single_tokens(llava: VisionModel) -> None:
    yes = llava.answer_tokens(["Yes", " Yes"])
    assert [llava.tokenizer.decode([token]) for token in yes] == ["Yes", " Yes"]
    with pytest.raises(ArgumentError, match="no single token"):
        llava.answer_tokens(["Absolutely not"])


def test_the_bundled_model_sees_what_its_pictures_show() -> None:
    model = seeing_pin("bundled:tiny-xray")
    listed = json.loads((SHOWN / "pictures.json").read_text())
    truths = [one["truth"]["cardiomegaly"] for one in listed]
    prompts = [
        asked(
            "Is there an enlarged heart?",
            Image(path=str(SHOWN / one["file"]), sha256=one["sha256"]),
        )
        for one in listed
    ]
    said = [run.text for run in decoded(model, prompts, horizon=2)]
    assert {*said} == {"Yes.", "No."}
    right = [(answer == "Yes.") is truth for answer, truth in zip(said, truths, strict=True)]
    assert np.mean(right) >= 0.75
    assert model.grid(prompts[0]) is not None


# -- what is refused ------------------------------------------------------------------------------


def test_a_text_only_model_refuses_an_image(tiny_model: LanguageModel, images: list[Image]) -> None:
    with pytest.raises(PromptError, match="text-only model: ask a vision-language model"):
        tiny_model.render(asked(ASKED[0], images[0]))


def test_a_missing_or_changed_image_is_refused_before_anything_is_decoded(
    llava: VisionModel, folder: Path
) -> None:
    gone = Image(path=str(folder / "gone.png"), sha256="0" * 64)
    with pytest.raises(PictureError, match="cannot be read"):
        llava.check_length(asked(ASKED[0], gone), 4)
    other = replace(pinned(folder, 11), sha256="0" * 64)
    with pytest.raises(PictureError, match="not the one that was pinned"):
        llava.check_length(asked(ASKED[0], other), 4)


def test_a_processor_without_a_chat_template_is_refused(llava: VisionModel, tmp_path: Path) -> None:
    model = copied(llava, tmp_path / "m", chat_template__jinja=None)
    with pytest.raises(PinError, match="LlavaProcessor has no chat template"):
        model.render(asked(ASKED[0]))


def test_a_model_saved_without_its_processor_is_refused(llava: VisionModel, tmp_path: Path) -> None:
    model = copied(llava, tmp_path / "m", processor_config__json=None)
    with pytest.raises(PinError, match="image processor"):
        model.render(asked(ASKED[0]))


def test_the_text_must_get_through_the_template(
    llava: VisionModel, images: list[Image], tmp_path: Path
) -> None:
    plain = "{{ bos_token }}{% for m in messages %}{{ m['content'] }}{% endfor %}"
    model = copied(llava, tmp_path / "m", chat_template__jinja=plain)
    assert model.tokenizer.decode(model.render(asked(ASKED[0]))).endswith(ASKED[0])
    with pytest.raises(PromptError, match="does not get through the chat template"):
        model.render(asked(ASKED[0], images[0]))


def test_the_image_must_have_a_place_in_the_template(
    llava: VisionModel, images: list[Image], tmp_path: Path
) -> None:
    blind = str(llava.template).replace("{{- '<image>' -}}", "")
    assert blind != llava.template
    model = copied(llava, tmp_path / "m", chat_template__jinja=blind)
    with pytest.raises(PromptError, match="has no place for it"):
        model.render(asked(ASKED[0], images[0]))


def test_a_template_that_doubles_the_start_token_is_refused(
    llava: VisionModel, tmp_path: Path
) -> None:
    model = copied(llava, tmp_path / "m", chat_template__jinja="{{ bos_token }}" + llava.template)
    with pytest.raises(PromptError, match="2 start tokens"):
        model.render(asked(ASKED[0]))


def test_a_template_that_reads_the_clock_is_refused(llava: VisionModel, tmp_path: Path) -> None:
    clock = llava.template.replace("{{- bos_token -}}", "{{- bos_token -}}{{ strftime_now('%f') }}")
    assert clock != llava.template
    model = copied(llava, tmp_path / "m", chat_template__jinja=clock)
    with pytest.raises(PromptError, match="another text the second time"):
        model.render(asked(ASKED[0]))


def test_the_token_of_images_cannot_be_smuggled_in(llava: VisionModel) -> None:
    with pytest.raises(PromptError, match="'<image>', which is where"):
        llava.render(asked("What is on <image>?"))


def test_an_encoder_decoder_is_refused(tmp_path: Path) -> None:
    config = {"model_type": "florence2", "is_encoder_decoder": True}
    (tmp_path / "config.json").write_text(json.dumps(config))
    model = ModelPool().get(parse_pin(f"dir:{tmp_path}"))
    with pytest.raises(PinError, match="encoder-decoder"):
        model.render(asked(ASKED[0]))


def test_a_processor_that_insists_on_an_image_is_asked_without_one_all_the_same(
    folder: Path, images: list[Image]
) -> None:
    model = seeing(saved("paligemma", folder / "paligemma"))
    shown, bare = asked(ASKED[0], images[0]), asked(ASKED[0])
    kept = np.array(model.render(shown))[~model.image_positions(shown)]
    assert model.render(bare) == tuple(kept.tolist())
    with_image, without = decoded(model, [shown, bare])
    assert np.abs(with_image.prompt_logits - without.prompt_logits).max() > 1e-3
