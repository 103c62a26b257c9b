"""Prompts -> depth evidence: what tangents do in a model, measured, or known to the store."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import asdict, dataclass
from functools import cache, cached_property
from typing import TYPE_CHECKING, Literal, TypeAlias, cast

import numpy as np

from pytest_promptchaos.dynamics.depth import depth_growth
from pytest_promptchaos.dynamics.initialization import random_initializations
from pytest_promptchaos.dynamics.memory import BudgetError, chunk_within
from pytest_promptchaos.dynamics.sighted import sighted
from pytest_promptchaos.errors import ArgumentError, PromptError
from pytest_promptchaos.stored import DepthProfile, depth_from_evidence, depth_to_evidence

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray
    from torch import Tensor
    from transformers import PreTrainedModel

    from pytest_promptchaos.dynamics.modes import Mode
    from pytest_promptchaos.models.language import LanguageModel
    from pytest_promptchaos.models.vision import VisionModel
    from pytest_promptchaos.records import Prompt
    from pytest_promptchaos.session import Arrays, Plain, Session

Flags: TypeAlias = "Sequence[bool] | NDArray[np.bool_]"
Positions: TypeAlias = Literal["prompt", "last", "assistant"] | Flags | Mapping[str, Flags]
"""Tokens that are perturbed: by name, or flags over a prompt's tokens, or those by prompt id."""

NAMED = ("prompt", "last", "assistant")


@dataclass(frozen=True, kw_only=True)
class DepthKnobs:
    """What depth evidence depends on, beside model, prompt and positions.

    ``cadence`` counts the layers between two renormalizations; no number depends on it.
    ``memory`` is the budget of the tangents in MiB, 0 for none: it changes rounding only.
    """

    tangents: int
    seed: int
    mode: Mode = "independent"
    cadence: int = 4
    memory: int = 0

    @property
    def budget(self) -> int | None:
        """The budget in bytes; ``None`` for none."""
        return self.memory * 2**20 or None

    def chunk(self, state: Tensor) -> int | None:
        """Return how many tangents may travel at once within the budget; ``None``: all of them."""
        with self.within_budget():
            return self.budget and chunk_within(self.budget, state, self.tangents)

    @contextmanager
    def within_budget(self) -> Iterator[None]:
        """Name the option where the budget holds no single tangent."""
        try:
            yield
        except BudgetError as error:
            raise ArgumentError(
                f"--promptchaos-tangent-memory={self.memory} MiB is too little: {error}"
            ) from error


@dataclass(frozen=True, kw_only=True, eq=False)
class Place:
    """One prompt of one model, with the tokens that are perturbed.

    ``ids`` are the tokens the model is shown: the prompt, and behind it the model's own greedy
    answer where that is perturbed. ``flags`` marks the perturbed ones, both of length T.
    """

    session: Session
    model: LanguageModel
    prompt: Prompt
    ids: tuple[int, ...]
    flags: tuple[bool, ...]

    @property
    def tensor(self) -> Tensor:
        """The tokens on the model's device, shape (1, T)."""
        return self.model.row(self.ids)

    @cached_property
    def mask(self) -> NDArray[np.bool_]:
        """The perturbed tokens, shape (T,)."""
        return np.array(self.flags)

    @contextmanager
    def seen_by(self, network: PreTrainedModel) -> Iterator[None]:
        """Show the network the prompt's image, where it has one, in every forward meanwhile."""
        if self.prompt.image is None:
            yield
            return
        model = cast("VisionModel", self.model)  # no other renders a prompt with an image
        answer = self.ids[len(model.render(self.prompt)) :]
        with sighted(network, model.inputs(self.prompt, answer)):
            yield

    def recall(
        self,
        kind: str,
        parts: Mapping[str, object],
        measure: Callable[[], tuple[Plain, Arrays]],
    ) -> tuple[Plain, Arrays]:
        """Return evidence on this place from the store, measuring it when there is none."""
        marked = "".join("1" if flag else "0" for flag in self.flags)
        shown = {"ids": self.ids, "positions": marked}
        address = self.model.key_parts(self.prompt) | shown | dict(parts)
        return self.session.recall(kind, address, measure)

    def progress(self, what: str) -> Callable[[int, int], None]:
        """Return what tells how far a measurement of this place has come."""
        label = f"{self.model.pin.name} {what} of {self.prompt.id}"
        return lambda done, total: self.session.progress(label, done, total)


def place_of(session: Session, model: LanguageModel, prompt: Prompt, positions: Positions) -> Place:
    """Return the prompt as it is shown to the model, with the tokens that are perturbed.

    Raises ``PromptError`` for a prompt that is too long, or an answer that is empty, and
    ``ArgumentError`` for flags that do not fit the prompt.
    """
    ids = model.render(prompt)
    answered = isinstance(positions, str) and positions == "assistant"
    horizon = session.settings.horizon if answered else 0
    model.check_length(prompt, horizon)
    if answered:
        answer = _answer(session, model, prompt)
        flags = (False,) * len(ids) + (True,) * len(answer)
        ids = (*ids, *answer)
    else:
        flags = _flags(positions, prompt, len(ids))
    return Place(session=session, model=model, prompt=prompt, ids=ids, flags=flags)


def _answer(session: Session, model: LanguageModel, prompt: Prompt) -> tuple[int, ...]:
    """Return the tokens of the model's own greedy answer, without the one that ends it."""
    shape, horizon = model.shape([prompt], 1), session.settings.horizon
    label = f"{model.pin.name} {prompt.id}"
    (run,) = session.runs(model, [prompt], shape=shape, horizon=horizon, label=label)
    answer = tuple(token for token in run.output_ids if token not in model.end_ids)
    if not answer:
        raise PromptError(
            f"the answer to prompt {prompt.id!r} of {model.pin.text} is empty, so it has no "
            "assistant tokens to perturb: take positions='prompt' or another prompt"
        )
    return answer


def _flags(positions: Positions, prompt: Prompt, length: int) -> tuple[bool, ...]:
    """Return which of a prompt's tokens are perturbed."""
    if isinstance(positions, str):
        return tuple(positions == "prompt" or place == length - 1 for place in range(length))
    given = positions.get(prompt.id) if isinstance(positions, Mapping) else positions
    if given is None:
        raise ArgumentError(
            f"positions names no flags for prompt {prompt.id!r}: give them for each prompt"
        )
    try:
        flags = np.asarray(given)
    except ValueError as error:
        raise ArgumentError(f"positions of prompt {prompt.id!r} are no flags: {error}") from error
    if flags.dtype != np.bool_ or flags.shape != (length,) or not flags.any():
        raise ArgumentError(
            f"positions of prompt {prompt.id!r} have type {flags.dtype} and shape {flags.shape}, "
            f"{int(np.count_nonzero(flags))} set: they are flags, one for each of its {length} "
            "tokens as rendered, at least one of them true"
        )
    return tuple(flags.tolist())


def depth_profile(place: Place, knobs: DepthKnobs) -> DepthProfile:
    """Return the depth profile of a place, from the evidence store where it was measured."""
    return _profile(place, knobs, {}, lambda: place.model.network)


def null_profiles(
    places: Mapping[str, Place], knobs: DepthKnobs, count: int
) -> list[dict[str, DepthProfile]]:
    """Return the profiles of ``count`` random initializations at the same places.

    Initialization i is drawn from ``knobs.seed + i``; its weights are made only where the store
    does not know what they give.
    """
    return [_initialized(places, knobs, knobs.seed + index) for index in range(count)]


def _initialized(
    places: Mapping[str, Place], knobs: DepthKnobs, seed: int
) -> dict[str, DepthProfile]:
    model, made = next(iter(places.values())).model, ExitStack()

    @cache
    def fresh() -> PreTrainedModel:
        # Closing the iterator frees the weights that it yielded.
        return next(
            made.enter_context(closing(random_initializations(model.network, 1, seed=seed)))
        )

    parts = {"initialization": seed}
    with made:
        return {name: _profile(place, knobs, parts, fresh) for name, place in places.items()}


def _profile(
    place: Place,
    knobs: DepthKnobs,
    parts: Mapping[str, object],
    network: Callable[[], PreTrainedModel],
) -> DepthProfile:
    what = "depth of a random initialization" if parts else "depth"

    def measure() -> tuple[Plain, Arrays]:
        place.progress(what)(0, 1)
        with knobs.within_budget(), place.seen_by(network()):
            growth = depth_growth(
                network(),
                place.tensor,
                tangents=knobs.tangents,
                seed=knobs.seed,
                mode=knobs.mode,
                cadence=knobs.cadence,
                positions=place.mask,
                memory=knobs.budget,
                progress=place.progress(what),
            )
        return depth_to_evidence(DepthProfile.of(growth))

    return depth_from_evidence(*place.recall("depth", asdict(knobs) | dict(parts), measure))
