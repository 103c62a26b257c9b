"""The way from a picture to the numbers, for vision-language classes on tiny random models.

python -m benchmarks.vision_architectures [--only MODEL_TYPE ...] [--write]
"""

from __future__ import annotations

import argparse
import re
import sys
import tempfile
import time
from contextlib import contextmanager
from dataclasses import replace
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
import transformers
from transformers.models.auto.modeling_auto import MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING_NAMES

from benchmarks.architectures import in_float64
from benchmarks.tiny_vision_models import KINDS, picture, saved
from benchmarks.vision_recipes import QUESTIONS
from benchmarks.vision_table import BAR, BATCHED, PAGE, Outcome, VisionReport, page, summary
from pytest_promptchaos.dynamics.chain import chain_of, watch
from pytest_promptchaos.dynamics.depth import decoder_depth, depth_growth
from pytest_promptchaos.dynamics.image_attention import image_attention
from pytest_promptchaos.dynamics.linearize import linearize
from pytest_promptchaos.dynamics.positions import position_mask
from pytest_promptchaos.dynamics.sighted import sighted
from pytest_promptchaos.dynamics.spectral import language_layer_names, scaled
from pytest_promptchaos.dynamics.tangent import draw_tangents
from pytest_promptchaos.dynamics.trajectory import trajectory
from pytest_promptchaos.errors import PromptChaosError
from pytest_promptchaos.models.pictures import image_sha256
from pytest_promptchaos.models.pins import parse_pin
from pytest_promptchaos.models.pool import ModelPool
from pytest_promptchaos.models.vision import VisionModel
from pytest_promptchaos.records import Image, Prompt

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from numpy.typing import NDArray
    from torch import Tensor
    from transformers import PreTrainedModel

    from pytest_promptchaos.records import Run

HORIZON = 3
SIZES = ((48, 48), (48, 48), (30, 70))  # of the pictures, width and height
STEP = 1e-7  # of a central difference, relative to the state: curvature costs its square


def survey(kind: str, folder: Path) -> VisionReport:
    """Return what holds for one model type, built in ``folder``, and why the rest does not."""
    named = MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING_NAMES[kind]
    try:
        model = _loaded(kind, folder)
        prompts = _prompts(folder)
        report = VisionReport(model=named, kind=kind, answers=_answers(model, prompts))
    except (PromptChaosError, ImportError) as error:
        return VisionReport(model=named, kind=kind, answers=_refused(error))
    count = int(model.image_positions(prompts[0]).sum())
    images = Outcome(holds=True, words=f"{count} among the others")
    report = replace(report, images=images, grid=_grid(model, prompts[0], prompts[2]))
    for stage in (_focus, _depth, _growth, _scaling):
        report = replace(report, **stage(model, prompts[0]))
    return report


def _refused(error: Exception) -> Outcome:
    """Return a refusal with the first sentence of its reason, in which no folder is named."""
    words = " ".join(str(error).split()).partition(". ")[0]
    words = re.sub(r"^dir:\S+: ", "", words)
    words = re.sub(r"dir:\S+?(?=[:,;]?(\s|$))", "the model", words)
    return Outcome(holds=False, words=words)


def _loaded(kind: str, folder: Path) -> VisionModel:
    model = ModelPool().get(parse_pin(f"dir:{saved(kind, folder / kind)}"))
    assert isinstance(model, VisionModel), f"{type(model).__name__} does not see"
    return model


def _prompts(folder: Path) -> list[Prompt]:
    """Return three questions, about two square pictures and a tall one, and one about none."""
    images: list[Image | None] = []
    for number, (width, height) in enumerate(SIZES):
        path = folder / f"p{number}.png"
        picture(number, width, height).save(path)
        images.append(Image(path=str(path), sha256=image_sha256(path)))
    asked = zip((*QUESTIONS, QUESTIONS[0]), (*images, None), strict=True)
    return [Prompt(id=f"q{n}", text=text, image=image) for n, (text, image) in enumerate(asked)]


# -- what is found ---------------------------------------------------------------------------------


def _answers(model: VisionModel, prompts: Sequence[Prompt]) -> Outcome:
    """Return whether prompts answer together as alone, and whether the picture matters."""
    *seeing, blind = prompts
    alone = [_asked(model, [prompt])[0] for prompt in seeing]
    pairs = zip(_asked(model, seeing), alone, strict=True)
    if (apart := max(_distance(*pair) for pair in pairs)) >= BATCHED:
        return Outcome(holds=False, words=f"logits in a batch are {apart:.0e} from those alone")
    other = _asked(model, [replace(seeing[0], image=seeing[1].image)])[0]
    if _distance(other, alone[0]) <= BATCHED:
        return Outcome(holds=False, words="another picture leaves the logits as they are")
    try:
        _asked(model, [blind])
    except PromptChaosError as error:
        return Outcome(holds=True, words=f"yes; not without a picture: {_refused(error).words}")
    return Outcome(holds=True, words="yes")


def _distance(one: Run, other: Run) -> float:
    """Return the largest difference in logits where the answer begins."""
    return float(np.abs(one.prompt_logits - other.prompt_logits).max())


def _asked(model: VisionModel, prompts: Sequence[Prompt]) -> list[Run]:
    shape = model.shape(prompts, len(prompts))
    requests = [(prompt, 0) for prompt in prompts]
    return [run for runs in model.runs(requests, shape=shape, horizon=HORIZON) for run in runs]


def _grid(model: VisionModel, square: Prompt, tall: Prompt) -> Outcome:
    """Return the grids of a square and a tall picture, or why there is none."""
    found = [(model.grid(prompt), model.grid_reason(prompt)) for prompt in (square, tall)]
    words = [reason if grid is None else f"{grid[0]} x {grid[1]}" for grid, reason in found]
    if found[0][0] is None:
        return Outcome(holds=False, words=words[0], otherwise="none")
    return Outcome(holds=True, words="; ".join(dict.fromkeys(words)))


def _focus(model: VisionModel, prompt: Prompt) -> dict[str, Outcome]:
    """Return whether the answering token's attention to the picture can be had."""
    columns = model.image_positions(prompt)
    rows = [len(model.render(prompt)) - 1]
    try:
        seen = image_attention(model.network, model.inputs(prompt), rows, columns)
    except PromptChaosError as error:
        return {"focus": _refused(error)}
    finite = bool(np.isfinite(seen.weights).all())
    words = f"{len(seen.layers)} layers" if len(seen.layers) > 1 else "1 layer"
    found = {"focus": Outcome(holds=finite, words=f"{words}, {seen.kind}-attention")}
    if seen.kind == "cross":
        words = f"{seen.weights.shape[-1]} image states by cross-attention"
        found["images"] = Outcome(holds=True, words=words)
    return found


def _depth(model: VisionModel, prompt: Prompt) -> dict[str, Outcome]:
    """Return how many places were found in which part."""
    try:
        found = trajectory(model.network, model.inputs(prompt))
    except PromptChaosError as error:
        return {"depth": _refused(error)}
    finite = all(bool(np.isfinite(state).all()) for state in found.states)
    places = [f"{part} {len(list(group))}" for part, group in groupby(found.parts)]
    words = "; ".join((", ".join(places), *found.notes))
    return {"depth": Outcome(holds=finite and len(places) == 3, words=words)}


# -- growth ----------------------------------------------------------------------------------------


def _growth(model: VisionModel, prompt: Prompt) -> dict[str, Any]:
    """Return whether tangents on image and on text tokens grow by finite, true amounts."""
    columns = model.image_positions(prompt)
    found: dict[str, Any] = {"worst": 0.0}
    for name, mask in (("from_image", columns), ("from_text", ~columns)):
        try:
            outcome, apart = _grown(model, prompt, mask)
        except PromptChaosError as error:
            outcome, apart = _refused(error), 0.0
        found |= {name: outcome, "worst": max(found["worst"], apart)}
    return found


def _grown(model: VisionModel, prompt: Prompt, mask: NDArray[np.bool_]) -> tuple[Outcome, float]:
    """Return what holds of tangents on the masked tokens, and how far they are from differences."""
    if mask.sum() <= 1:
        return Outcome(holds=True, words="none to perturb"), 0.0
    inputs = model.inputs(prompt)
    with sighted(model.network, inputs):
        ids = inputs["input_ids"]
        growth = depth_growth(model.network, ids, tangents=3, positions=mask)
    apart = difference(model.network, inputs, mask)
    if not np.isfinite(growth.profile).all():
        return Outcome(holds=False, words="the growth is not finite"), apart
    if not apart <= BAR:
        return Outcome(holds=False, words=f"{apart:.0e} from a finite difference"), apart
    return Outcome(holds=True, words=f"finite, {growth.profile.shape[1]} layers"), apart


def difference(
    network: PreTrainedModel, inputs: Mapping[str, Tensor], mask: NDArray[np.bool_]
) -> float:
    """Return how far the tangent of the whole depth is from a central difference, relative.

    The difference runs through the model's own forward with its picture, in float64, from the
    entry of the first language layer to the end of the last.
    """
    wide = {n: v.double() if v.is_floating_point() else v for n, v in inputs.items()}
    with _narrow_again(network), in_float64(network), sighted(network, wide), torch.no_grad():
        ids = wide["input_ids"]
        depth, places = decoder_depth(network, ids), position_mask(mask, ids.shape[1])
        tangent = draw_tangents(depth.state.shape, 1, seed=5, mask=places)[0].to(depth.state)
        state, moved = depth.state, tangent.unsqueeze(0)
        for step in depth.steps:
            state, moved = linearize(step, state, moved)
        shifted, size = _own_forward(network, ids), STEP * float(depth.state.norm())
        central = (shifted(size * tangent) - shifted(-size * tangent)) / (2 * size)
        return float((central - moved[0]).norm() / central.norm())


def _own_forward(network: PreTrainedModel, ids: Tensor) -> Callable[[Tensor], Tensor]:
    """Return the model's own forward, from a shift of the first state to the last state."""
    calls = chain_of(network, watch(network, ids))
    first, last, layout = calls[0].place, calls[-1].place, calls[0].layout

    def shifted(shift: Tensor) -> Tensor:
        moved = watch(network, ids, {first: lambda state: state + layout.hidden(shift)})
        return layout.rows(next(call.leaving for call in moved if call.place == last))

    return shifted


@contextmanager
def _narrow_again(network: PreTrainedModel) -> Iterator[None]:
    """Have the network in float32 again behind the ``with``, every weight bit for bit."""
    before = {name: value.clone() for name, value in _tensors(network).items()}
    try:
        yield
    finally:
        network.float()
        for name, value in _tensors(network).items():
            value.copy_(before[name])


def _tensors(network: PreTrainedModel) -> dict[str, Tensor]:
    """Return every weight and buffer, those that are not saved among them."""
    weights = {name: weight.data for name, weight in network.named_parameters()}
    return weights | dict(network.named_buffers())


# -- scaling ---------------------------------------------------------------------------------------


def _scaling(model: VisionModel, prompt: Prompt) -> dict[str, Outcome]:
    """Return whether scaled layers answer otherwise, and whether the weights are back."""
    network = model.network
    before = {n: (w, w._version, w.detach().clone()) for n, w in network.named_parameters()}
    names = language_layer_names(network)
    plain = _logits(model, prompt)
    with scaled(network, names, 0.5):
        inside = _logits(model, prompt)
    after = dict(network.named_parameters())
    back = all(
        after[name] is weight and weight._version == version and torch.equal(weight, bits)
        for name, (weight, version, bits) in before.items()
    )
    acts = not torch.equal(plain, inside) and torch.equal(plain, _logits(model, prompt))
    words = f"{len(names)} layers, restored" if back and acts else "the weights are not back"
    return {"scaling": Outcome(holds=back and acts, words=words)}


def _logits(model: VisionModel, prompt: Prompt) -> Tensor:
    with torch.no_grad():
        found: Tensor = model.network(**model.inputs(prompt), use_cache=False).logits
    return found


def main() -> None:
    """Print the table, or write it to the documentation."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", nargs="+", metavar="MODEL_TYPE", default=list(KINDS))
    parser.add_argument("--write", action="store_true", help=f"write {PAGE.name}")
    options = parser.parse_args()
    torch.set_num_threads(1)
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        reports = [survey(kind, Path(folder)) for kind in options.only]
    print(f"{summary(reports)} ({time.monotonic() - started:.0f} s)", file=sys.stderr)
    if options.write:
        PAGE.write_text(page(reports), encoding="utf-8")
    else:
        print(page(reports))


if __name__ == "__main__":
    main()
