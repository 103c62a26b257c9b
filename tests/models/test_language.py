"""A real model, decoded greedily in fixed shapes: what the runs must be."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, LogitsProcessorList
from transformers.generation.logits_process import SuppressTokensLogitsProcessor

from pytest_promptchaos.errors import PinError, PromptError
from pytest_promptchaos.models.device import resolve_device
from pytest_promptchaos.models.language import LanguageModel
from pytest_promptchaos.models.pins import parse_pin
from pytest_promptchaos.models.pool import MemoryNotReleasedWarning, ModelPool, release
from pytest_promptchaos.neighborhoods.certify import certify, effective_n
from pytest_promptchaos.neighborhoods.ladder import as_prompt, neighborhood
from pytest_promptchaos.records import Message, Neighbor, Neighborhood, Prompt, Run

if TYPE_CHECKING:
    from pathlib import Path

TEXTS = ["What is the capital of France?", "Recommend a book like Dune.", "Hello there"]
PROMPTS = [as_prompt(text) for text in TEXTS]


@pytest.fixture(scope="module")
def runs(tiny_model: LanguageModel) -> list[Run]:
    """Three prompts and the first of them again, in one batch of eight."""
    requests = [*((p, 0) for p in PROMPTS), (PROMPTS[0], 1)]
    shape = tiny_model.shape(PROMPTS, 8)
    (batch,) = tiny_model.runs(requests, shape=shape, horizon=24)
    return batch


def copied(tiny_chat: Path, folder: Path, **files: str) -> LanguageModel:
    """The bundled model in another folder, with some of its files changed."""
    shutil.copytree(tiny_chat, folder)
    for name, text in files.items():
        (folder / name.replace("__", ".")).write_text(text)
    return LanguageModel(parse_pin(f"dir:{folder}"))


# -- decoding -------------------------------------------------------------------------------------


def test_a_run_is_what_transformers_generates_for_the_prompt_alone(
    tiny_chat: Path, runs: list[Run]
) -> None:
    network = AutoModelForCausalLM.from_pretrained(tiny_chat)
    tokenizer = AutoTokenizer.from_pretrained(tiny_chat)
    assert network.dtype == torch.float32
    for run, text in zip(runs, TEXTS, strict=False):
        ids = tokenizer.apply_chat_template(
            [{"role": "user", "content": text}],
            add_generation_prompt=True,
            return_tensors="pt",
            return_dict=True,
        )
        out = network.generate(**ids, max_new_tokens=24, do_sample=False)
        assert run.prompt_ids == tuple(ids["input_ids"][0].tolist())
        assert run.output_ids == tuple(out[0, ids["input_ids"].shape[1] :].tolist())


def test_the_identical_control_is_bit_identical_to_its_center(runs: list[Run]) -> None:
    center, control = runs[0], runs[3]
    assert control.key != center.key
    assert control.output_ids == center.output_ids
    assert control.steps == center.steps
    assert (control.prompt_logits == center.prompt_logits).all()
    assert (control.prompt_hidden == center.prompt_hidden).all()


def test_every_emitted_token_is_the_highest_raw_logit(runs: list[Run]) -> None:
    for run in runs:
        assert tuple(step.top1 for step in run.steps) == run.output_ids
        assert all(step.margin >= 0 for step in run.steps)
        assert int(run.prompt_logits.argmax()) == run.output_ids[0]


def test_the_pieces_read_as_the_text(runs: list[Run]) -> None:
    for run in runs:
        assert len(run.tokens) == len(run.output_ids)
        assert "".join(run.tokens).removesuffix("<end>") == run.text
        assert (run.tokens[-1] == "<end>") == (run.finish == "end")


def test_the_shape_is_fixed_and_recorded(tiny_model: LanguageModel, runs: list[Run]) -> None:
    assert {run.batch_shape for run in runs} == {(8, 16)}
    assert runs[0].prompt_hidden.shape == (5, 160)
    longer = as_prompt("word " * 30)
    assert tiny_model.shape([PROMPTS[0], longer], 8)[1] % 16 == 0


def test_a_prompt_does_not_depend_on_its_company(
    tiny_model: LanguageModel, runs: list[Run]
) -> None:
    (alone,) = tiny_model.runs([(PROMPTS[1], 0)], shape=(8, 16), horizon=24)
    assert alone[0].output_ids == runs[1].output_ids
    assert (alone[0].prompt_logits == runs[1].prompt_logits).all()


@pytest.mark.parametrize("change", ["shape", "horizon", "repeat", "prompt", "dtype"])
def test_an_address_covers_what_can_change_an_output(
    tiny_model: LanguageModel, change: str
) -> None:
    key = tiny_model.key(PROMPTS[0], (8, 16), 24, 0)
    other = {
        "shape": lambda: tiny_model.key(PROMPTS[0], (4, 16), 24, 0),
        "horizon": lambda: tiny_model.key(PROMPTS[0], (8, 16), 25, 0),
        "repeat": lambda: tiny_model.key(PROMPTS[0], (8, 16), 24, 1),
        "prompt": lambda: tiny_model.key(PROMPTS[1], (8, 16), 24, 0),
        "dtype": lambda: LanguageModel(parse_pin("bundled:tiny-chat?dtype=float64")).key(
            PROMPTS[0], (8, 16), 24, 0
        ),
    }[change]()
    assert other != key


# -- prompts --------------------------------------------------------------------------------------


def test_a_prompt_renders_to_ids_with_one_start_token(tiny_model: LanguageModel) -> None:
    ids = tiny_model.render(PROMPTS[0])
    assert ids.count(tiny_model.tokenizer.bos_token_id) == 1
    assert ids[0] == tiny_model.tokenizer.bos_token_id


def test_earlier_turns_are_rendered(tiny_model: LanguageModel) -> None:
    system = Message(role="system", content="Answer in one word.")
    asked = Prompt(id="p", text=TEXTS[0], before=(system,))
    assert len(tiny_model.render(asked)) > len(tiny_model.render(PROMPTS[0]))


def test_a_template_that_doubles_the_start_token_is_refused(
    tiny_chat: Path, tmp_path: Path
) -> None:
    template = (tiny_chat / "chat_template.jinja").read_text()
    model = copied(tiny_chat, tmp_path / "m", chat_template__jinja="{{ bos_token }}" + template)
    with pytest.raises(PromptError, match="2 start tokens"):
        model.render(PROMPTS[0])


def test_a_prompt_that_does_not_fit_says_by_how_much(tiny_model: LanguageModel) -> None:
    with pytest.raises(PromptError, match=r"has \d+ tokens and the horizon is 64.*1024 in all"):
        tiny_model.check_length(as_prompt("word " * 2000), 64)


def test_a_template_with_a_clock_is_refused(tiny_chat: Path, tmp_path: Path) -> None:
    template = (tiny_chat / "chat_template.jinja").read_text()
    clock = "{{ strftime_now('%f') }}"
    model = copied(tiny_chat, tmp_path / "m", chat_template__jinja=template + clock)
    with pytest.raises(PromptError, match="renders to other tokens the second time"):
        model.render(PROMPTS[0])


def test_without_a_generation_config_the_models_config_ends_the_answer(
    tiny_chat: Path, tmp_path: Path, tiny_model: LanguageModel
) -> None:
    model = copied(tiny_chat, tmp_path / "m")
    (tmp_path / "m" / "generation_config.json").unlink()
    config = json.loads((tmp_path / "m" / "config.json").read_text())
    (tmp_path / "m" / "config.json").write_text(json.dumps({**config, "eos_token_id": [7, 9]}))
    assert model.end_ids == (7, 9)
    assert model.network.generation_config.eos_token_id == [7, 9]


def test_logits_that_something_alters_are_no_greedy_decode(tiny_chat: Path) -> None:
    model = LanguageModel(parse_pin(f"dir:{tiny_chat}"))
    plain = model.network.generate

    def suppressing(*, logits_processor: LogitsProcessorList, **options: object) -> torch.Tensor:
        first = SuppressTokensLogitsProcessor([5, 6, 7], device="cpu")
        processors = LogitsProcessorList([first, *logits_processor])
        altered: torch.Tensor = plain(logits_processor=processors, **options)
        return altered

    model.network.generate = suppressing
    with pytest.raises(PromptError, match="something alters them"):
        next(model.runs([(PROMPTS[0], 0)], shape=(1, 16), horizon=4))


TRIMMED = "message['content'] | trim"


@pytest.mark.parametrize(("trims", "certification"), [(True, "erased"), (False, "effective")])
def test_a_trailing_space_is_erased_by_a_template_that_trims(
    tiny_chat: Path, tmp_path: Path, trims: bool, certification: str
) -> None:
    template = (tiny_chat / "chat_template.jinja").read_text()
    assert "message['content']" in template
    changed = template.replace("message['content']", TRIMMED) if trims else template
    model = copied(tiny_chat, tmp_path / "m", chat_template__jinja=changed)
    center = as_prompt("Recommend a book like Dune.")
    spaced = Neighbor(
        id="spaced",
        prompt=Prompt(id=center.id, text=center.text + " "),
        rung="format",
        kind="trailing space",
        edit="added 1 trailing space",
        origin="mechanical",
    )
    built = Neighborhood(center=center, neighbors=(spaced,), seed=0, ladder_version=1)
    certified = certify(built, model.render)
    assert certified.neighbors[0].certification == certification
    assert effective_n(certified) == (0 if trims else 1)


# -- settings of the checkpoint -------------------------------------------------------------------


def test_a_leaking_generation_config_is_cleared_and_told(tiny_chat: Path, tmp_path: Path) -> None:
    settings = json.loads((tiny_chat / "generation_config.json").read_text())
    leaking = {**settings, "repetition_penalty": 3.0, "no_repeat_ngram_size": 1}
    model = copied(tiny_chat, tmp_path / "m", generation_config__json=json.dumps(leaking))
    assert "repetition_penalty=3.0" in model.identity.notes[0]
    plain = LanguageModel(parse_pin("bundled:tiny-chat"))
    ours, reference = (
        next(m.runs([(PROMPTS[1], 0)], shape=(1, 16), horizon=24))[0] for m in (model, plain)
    )
    assert ours.output_ids == reference.output_ids
    # The setting is one that would have changed the answer, or clearing it proves nothing.
    network = AutoModelForCausalLM.from_pretrained(tmp_path / "m")
    ids = torch.tensor([plain.render(PROMPTS[1])])
    leaked = network.generate(ids, max_new_tokens=24, do_sample=False)
    assert tuple(leaked[0, ids.shape[1] :].tolist()) != reference.output_ids


def test_the_dtype_is_the_checkpoints_unless_asked_otherwise() -> None:
    assert LanguageModel(parse_pin("bundled:tiny-chat")).identity.dtype == "float32"
    asked = LanguageModel(parse_pin("bundled:tiny-chat?dtype=bfloat16"))
    assert asked.identity.dtype == "bfloat16"
    assert asked.network.dtype == torch.bfloat16


def test_a_directory_that_holds_no_model_is_a_pin_error(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"model_type": "nothing-known"}')
    with pytest.raises(PinError, match="could not read it"):
        _ = LanguageModel(parse_pin(f"dir:{tmp_path}")).identity


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a GPU")
def test_an_explicit_gpu_is_never_replaced_by_the_cpu() -> None:
    with pytest.raises(PinError, match=r"sees 0 CUDA devices here.*device=cpu"):
        resolve_device("cuda")
    assert resolve_device("auto").type == "cpu"


# -- memory ---------------------------------------------------------------------------------------


def test_a_model_is_reused_and_released_when_others_need_the_room() -> None:
    pool = ModelPool(keep=1)
    first = pool.get(parse_pin("bundled:tiny-chat"))
    assert first.network is pool.get(parse_pin("bundled:tiny-chat")).network
    second = pool.get(parse_pin("bundled:tiny-chat-robust"))
    assert not first.loaded
    assert second.network is not None
    (released,) = pool.releases
    assert released.freed == released.expected > 5_000_000


def test_a_network_that_is_still_held_is_told(tiny_chat: Path) -> None:
    model = LanguageModel(parse_pin(f"dir:{tiny_chat}"))
    held = model.network
    with pytest.warns(MemoryNotReleasedWarning, match="something still holds the network"):
        release(model)
    assert held is not None


def test_a_whole_neighborhood_is_measurable(tiny_model: LanguageModel) -> None:
    built = certify(neighborhood(TEXTS[1]), tiny_model.render)
    assert effective_n(built) >= 6
