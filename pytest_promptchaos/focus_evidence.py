"""Samples -> where each phrasing looked: attention from the answer or question to the image."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, TypeAlias, cast

import numpy as np

from pytest_promptchaos.dynamics.image_attention import image_attention
from pytest_promptchaos.errors import ArgumentError, DepthError, FocusError
from pytest_promptchaos.measure.focus import Sinks, find_sinks, focus, image_mass
from pytest_promptchaos.measure.focus_lift import Compared, focus_measurements
from pytest_promptchaos.measure.focus_similarity import (
    identical_null,
    other_image_null,
    similarity,
)
from pytest_promptchaos.models.scripted import ScriptedModel
from pytest_promptchaos.records import Control, Measurement, contradict

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from pytest_promptchaos.answer_knobs import AnswersAsked
    from pytest_promptchaos.asking import Question
    from pytest_promptchaos.booking import Subject
    from pytest_promptchaos.measure.focus import FocusMap
    from pytest_promptchaos.measure.focus_similarity import Null, Similarity
    from pytest_promptchaos.models.vision import VisionModel
    from pytest_promptchaos.records import Condition, Image, Prompt, Sample
    from pytest_promptchaos.session import Arrays, Plain, Session

Key: TypeAlias = tuple[str, str]
"""A sample's id and a phrasing's."""
SIMILARITY = "focus similarity"
QUERIES = {"answering": "the answering token", "question": "the question's tokens"}
SCRIPTED = "it is a script: nothing attends to anything"
TEXT = "it is a text-only model: there is no image to attend to"


@dataclass(frozen=True, kw_only=True, eq=False)
class Attended:
    """What one prompt attended to: weights (layers, heads, image tokens), over the asking tokens.

    ``mass`` (layers,) is the share of attention that went to the image, averaged over heads.
    """

    weights: NDArray[np.float32]
    mass: NDArray[np.float32]
    grid: tuple[int, int] | None
    layers: tuple[str, ...]
    crossed: bool


@dataclass(frozen=True, kw_only=True, eq=False)
class Looked:
    """Where every phrasing of every sample looked, by (sample, phrasing), and what that is worth.

    ``mass`` (layers,) is the share of attention that goes to the image, by language layer;
    ``crossed`` says that the model looks at its image by cross-attention, where that share is 1 and
    says nothing. ``again`` are the base phrasings' maps a second time. Where there is no focus,
    ``reason`` says why, and there are no maps; ``refused`` say why single ones are none.
    """

    maps: Mapping[Key, FocusMap] = field(default_factory=dict)
    again: Mapping[Key, FocusMap] = field(default_factory=dict)
    mass: Mapping[Key, NDArray[np.float32]] = field(default_factory=dict)
    layers: tuple[str, ...] = ()
    crossed: bool = False
    refused: tuple[str, ...] = ()
    reason: str = ""


def looked(
    session: Session, model: Subject, questions: Sequence[Question], asked: AnswersAsked
) -> Looked:
    """Return where the questions' phrasings looked, or why that cannot be known.

    ``questions`` are those as they are and again. Sinks are found once, over one map of each image:
    the mean over the base phrasings of its propositions. A constant map is refused, and counted: it
    says nothing about where a model looks.
    """
    if asked.focus == "off":
        return Looked(reason="focus was not asked for")
    if isinstance(model, ScriptedModel):
        return Looked(reason=SCRIPTED)
    if not model.sees:
        return Looked(reason=TEXT)
    seeing = cast("VisionModel", model)
    found: dict[tuple[Condition, Key], Attended] = {}
    label = f"{model.pin.name} attention to the image"
    for done, question in enumerate(questions, start=1):
        key = (question.sample, question.phrasing.id)
        try:
            found[question.condition, key] = attended(session, seeing, question, asked)
        except (DepthError, FocusError) as error:
            return Looked(reason=str(error))
        session.progress(label, done, len(questions))
    return _looked(found, _sinks(questions, found, asked), asked)


def _looked(
    found: Mapping[tuple[Condition, Key], Attended], sinks: Mapping[int, Sinks], asked: AnswersAsked
) -> Looked:
    maps: dict[tuple[Condition, Key], FocusMap] = {}
    refused = []
    for key, one in found.items():
        try:
            maps[key] = _map(one, asked, sinks[one.weights.shape[-1]])
        except FocusError as error:
            refused.append(str(error))
    first = next(iter(found.values()))
    return Looked(
        maps={key: one for (condition, key), one in maps.items() if condition == "as is"},
        again={key: one for (condition, key), one in maps.items() if condition == "again"},
        mass={key: one.mass for (condition, key), one in found.items() if condition == "as is"},
        layers=first.layers,
        crossed=first.crossed,
        refused=tuple(refused),
        reason="" if maps else refused[0],
    )


def _sinks(
    questions: Sequence[Question],
    found: Mapping[tuple[Condition, Key], Attended],
    asked: AnswersAsked,
) -> dict[int, Sinks]:
    """Return the tokens that draw attention whatever is shown, by the number of image tokens."""
    images = {one.sample: one.prompt.image for one in questions}
    first: dict[str, Attended] = {}
    for (_, (sample, _)), one in found.items():
        first.setdefault(sample, one)
    drawn: dict[tuple[int, Image | None], list[NDArray[np.float64]]] = {}
    for sample, one in first.items():
        mass = image_mass(_weights(one), layers=_layers(one, asked), heads=asked.focus_heads)
        drawn.setdefault((len(mass), images[sample]), []).append(mass)
    # Propositions of one image are asked of the same tokens: its map counts once.
    by_tokens: dict[int, list[NDArray[np.float64]]] = {}
    for (tokens, _), maps in drawn.items():
        by_tokens.setdefault(tokens, []).append(np.mean(maps, axis=0))
    return {tokens: find_sinks(np.stack(maps)) for tokens, maps in by_tokens.items()}


def attended(
    session: Session, model: VisionModel, question: Question, asked: AnswersAsked
) -> Attended:
    """Return what a question attended to in its image, from the store where it was measured."""
    prompt = question.prompt

    def measure() -> tuple[Plain, Arrays]:
        columns = model.image_positions(prompt)
        rows = _rows(model, prompt, asked)
        seen = image_attention(model.network, model.inputs(prompt), rows, columns)
        plain = {"layers": list(seen.layers), "crossed": seen.kind == "cross"}
        return plain | {"grid": _grid(model.grid(prompt), seen.weights.shape[-1])}, {
            "weights": seen.weights.mean(axis=2).astype(np.float32),
            "mass": seen.mass.mean(axis=(1, 2)).astype(np.float32),
        }

    own = {"focus": asked.focus, "again": question.condition == "again"}
    parts = model.key_parts(prompt) | own
    plain, arrays = session.recall("attention", parts, measure)
    grid = plain["grid"]
    return Attended(
        weights=arrays["weights"].astype(np.float32),
        mass=arrays["mass"].astype(np.float32),
        grid=None if grid is None else (int(grid[0]), int(grid[1])),  # type: ignore[index]
        layers=tuple(map(str, plain["layers"])),  # type: ignore[call-overload]
        crossed=bool(plain["crossed"]),
    )


def _grid(grid: tuple[int, int] | None, tokens: int) -> tuple[int, int] | None:
    """Return the grid, unless it is that of something else than what was attended to."""
    return grid if grid is not None and grid[0] * grid[1] == tokens else None


def _rows(model: VisionModel, prompt: Prompt, asked: AnswersAsked) -> NDArray[np.bool_]:
    """Return the tokens that look: the one that answers, or those of the question."""
    if asked.focus == "question":
        return model.question_positions(prompt)
    rows = np.zeros(len(model.render(prompt)), dtype=np.bool_)
    rows[-1] = True
    return rows


def _map(one: Attended, asked: AnswersAsked, sinks: Sinks) -> FocusMap:
    return focus(
        _weights(one),
        layers=_layers(one, asked),
        heads=asked.focus_heads,
        sinks=sinks,
        query=QUERIES[asked.focus],
        grid=one.grid,
    )


def _weights(one: Attended) -> NDArray[np.float32]:
    return one.weights[:, :, None, :]


def _layers(one: Attended, asked: AnswersAsked) -> Literal["all"] | list[int]:
    layers = asked.focus_layers
    if isinstance(layers, str):
        return "all"
    if max(layers) >= len(one.weights):
        raise ArgumentError(
            f"focus_layers names layer {max(layers)}, but {len(one.weights)} layers attend to the "
            "image; they count from 0"
        )
    return list(layers)


# -- how alike ----------------------------------------------------------------------------------


def focus_findings(
    samples: Sequence[Sample], seen: Looked, asked: AnswersAsked
) -> tuple[tuple[Measurement, ...], dict[Key, Similarity]]:
    """Return the similarity of focus between phrasings with its nulls and lift, and every pair's.

    Pairs are a base phrasing and another of its sample, by (sample, other phrasing).
    """
    alike: dict[Key, Similarity] = {}
    compared = []
    for sample in samples:
        base, *others = sample.as_is
        for other in others:
            found = _alike(seen, (sample.id, base.phrasing), (sample.id, other.phrasing))
            if found is not None:
                alike[sample.id, other.phrasing] = found
            unclear = base.affirms is None or other.affirms is None
            flipped = None if unclear else contradict(base, other)
            compared.append(Compared(image=sample.shown, flipped=flipped, similarity=found))
    if seen.reason:
        absent = Measurement(name=SIMILARITY, unit="cosine, 0 to 1", reason=seen.reason)
        return (absent,), alike
    others_null, again = _others(samples, seen), _again(seen)
    return focus_measurements(compared, others_null, again, stable_at=asked.stable_at), alike


def _alike(seen: Looked, one: Key, other: Key) -> Similarity | None:
    """Return how alike two maps are; ``None`` where one is none, with sinks or without."""
    if one not in seen.maps or other not in seen.maps:
        return None
    try:
        return similarity(seen.maps[one], seen.maps[other])
    except FocusError:
        return None


def focus_control(seen: Looked) -> Control:
    """Return what was seen of where the model looks, or why nothing was."""
    if seen.reason:
        return Control(name="focus", role="note", state="absent", words=seen.reason)
    first = next(iter(seen.maps.values()))
    words = f"{len(seen.maps)} maps: {first.provenance.query}"
    if seen.refused:
        words += f"; {len(seen.refused)} are none, as: {seen.refused[0]}"
    return Control(name="focus", role="note", state="held", words=words)


def _others(samples: Sequence[Sample], seen: Looked) -> Null:
    """Return how alike maps of one question on different images are."""
    return other_image_null(
        {
            (sample.shown, f"{sample.proposition}/{answer.phrasing}"): seen.maps[key]
            for sample in samples
            for answer in sample.as_is
            if (key := (sample.id, answer.phrasing)) in seen.maps
        }
    )


def _again(seen: Looked) -> Null:
    """Return how alike the maps of one prompt asked twice are."""
    return identical_null(
        [(seen.maps[key], one) for key, one in seen.again.items() if key in seen.maps]
    )
