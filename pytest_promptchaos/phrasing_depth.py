"""Samples -> where in depth two phrasings part, and how far perturbations of either kind grow."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal, TypeAlias

import numpy as np

from pytest_promptchaos.dynamics.origins import growth_from, reach_of_picture
from pytest_promptchaos.dynamics.trajectory import trajectory
from pytest_promptchaos.measure.parting import Divergence, aligned, divergence
from pytest_promptchaos.records import contradict

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from numpy.typing import NDArray

    from pytest_promptchaos.answer_knobs import AnswersAsked
    from pytest_promptchaos.asking import Question
    from pytest_promptchaos.dynamics.trajectory import Trajectory
    from pytest_promptchaos.models.vision import VisionModel
    from pytest_promptchaos.records import Answer, Prompt, Sample
    from pytest_promptchaos.session import Arrays, Plain, Session

Contrast: TypeAlias = Literal[
    "flip, same word",
    "agree, same word",
    "agree, other word",
    "flip, other word",
    "answered unclearly",
    "image perturbed",
]
CONTRASTS: tuple[Contrast, ...] = (
    "flip, same word",
    "agree, same word",
    "agree, other word",
    "flip, other word",
)
"""Whether two answers contradict each other, and whether they say the same word.

Where polarities differ, a flip is the same word twice and agreement two words; the word alone sets
the answering tokens' states apart, so flips are held against agreements of the same kind of words.
"""


@dataclass(frozen=True, kw_only=True)
class Pairing:
    """Two prompts that are followed through depth, and what is different between them."""

    sample: str
    image: str
    phrasing: str
    contrast: Contrast
    first: Prompt
    second: Prompt


@dataclass(frozen=True, kw_only=True, eq=False)
class Followed:
    """How far apart two prompts are at every place of the depth; ``names`` say which module."""

    pairing: Pairing
    names: tuple[str, ...]
    divergence: Divergence
    notes: tuple[str, ...] = ()

    def layers(self, part: str) -> tuple[str, ...]:
        """Return the names of a part's layers: of its places that one of them leads to."""
        apart = self.divergence
        places = zip(self.names, apart.parts, apart.steps, strict=True)
        return tuple(name for name, own, step in places if step and own == part)


def pairings(samples: Sequence[Sample], questions: Sequence[Question], most: int) -> list[Pairing]:
    """Return at most ``most`` pairs of phrasings, flips and agreements by their words in turn.

    Pairs with an unclear answer come last, where there are not enough others. Images take turns,
    so that no single one is what is shown. Behind them, for every sample of a pair, its perturbed
    image beside the same question.
    """
    asked = {
        (one.sample, one.phrasing.id): one.prompt for one in questions if one.condition == "as is"
    }
    clear = _in_turn([_pairs(samples, asked, contrast) for contrast in CONTRASTS])
    chosen = [*clear, *_pairs(samples, asked, "answered unclearly")][:most]
    return chosen + _perturbed({pair.sample: pair for pair in chosen}, questions)


def _perturbed(pairs: Mapping[str, Pairing], questions: Sequence[Question]) -> list[Pairing]:
    """Return each pair's base prompt beside the same with its image perturbed, once per sample."""
    changed: dict[str, Prompt] = {}
    for one in questions:
        if one.condition == "perturbed":
            changed.setdefault(one.sample, one.prompt)
    return [
        replace(pair, contrast="image perturbed", second=changed[sample])
        for sample, pair in pairs.items()
        if sample in changed
    ]


def _pairs(
    samples: Sequence[Sample], asked: Mapping[tuple[str, str], Prompt], contrast: Contrast
) -> list[Pairing]:
    """Return the pairs of base and other phrasing of one contrast, images taking turns."""
    found: dict[str, list[Pairing]] = {}
    for sample in samples:
        base, *others = sample.as_is
        for other in others:
            if _contrast(base, other) == contrast:
                one = Pairing(
                    sample=sample.id,
                    image=sample.shown,
                    phrasing=other.phrasing,
                    contrast=contrast,
                    first=asked[sample.id, base.phrasing],
                    second=asked[sample.id, other.phrasing],
                )
                found.setdefault(sample.shown, []).append(one)
    return list(_in_turn(found.values()))


def _contrast(base: Answer, other: Answer) -> Contrast:
    if base.affirms is None or other.affirms is None:
        return "answered unclearly"
    same = base.said == other.said
    if contradict(base, other):
        return "flip, same word" if same else "flip, other word"
    return "agree, same word" if same else "agree, other word"


def _in_turn(rows: Iterable[Sequence[Pairing]]) -> Iterable[Pairing]:
    """Yield the first of every row, then the second of each, and so on."""
    rows = list(rows)
    for place in range(max(map(len, rows), default=0)):
        yield from (row[place] for row in rows if place < len(row))


def followed(session: Session, model: VisionModel, pairs: Sequence[Pairing]) -> list[Followed]:
    """Return the divergence of every pair, from the store where it was measured.

    The vision tower and the projector are compared over all their tokens. In the language model
    two phrasings have different lengths, so the token that answers is compared; of a perturbed
    image its tokens are, where the model takes them in among the others.
    """
    found = []
    for done, pair in enumerate(pairs, start=1):
        found.append(_pair(session, model, pair))
        session.progress(f"{model.pin.name} depth of two phrasings", done, len(pairs))
    return found


def _pair(session: Session, model: VisionModel, pair: Pairing) -> Followed:
    def measure() -> tuple[Plain, Arrays]:
        first, second = _states(model, pair.first), _states(model, pair.second)
        tokens = _compared(model, pair)
        found = divergence(
            aligned(first.states, first.parts, tokens=tokens),
            aligned(second.states, second.parts, tokens=tokens),
            first.parts,
            steps=first.steps,
        )
        told = {"parts": first.parts, "names": first.names, "notes": first.notes}
        plain = {name: list(words) for name, words in told.items()}
        return {**plain, "steps": list(found.steps)}, {
            "raw": found.raw,
            "relative": found.relative,
            "cosine": found.cosine,
        }

    parts: dict[str, object] = {
        "first": model.key_parts(pair.first),
        "second": model.key_parts(pair.second),
        "tokens": "image" if pair.contrast == "image perturbed" else "last",
    }
    plain, arrays = session.recall("depth of two phrasings", parts, measure)
    return Followed(
        pairing=pair,
        names=tuple(map(str, plain["names"])),  # type: ignore[call-overload]
        notes=tuple(map(str, plain["notes"])),  # type: ignore[call-overload]
        divergence=Divergence(
            raw=arrays["raw"].astype(np.float64),
            relative=arrays["relative"].astype(np.float64),
            cosine=arrays["cosine"].astype(np.float64),
            parts=tuple(map(str, plain["parts"])),  # type: ignore[call-overload]
            steps=tuple(map(bool, plain["steps"])),  # type: ignore[call-overload]
        ),
    )


def _states(model: VisionModel, prompt: Prompt) -> Trajectory:
    return trajectory(model.network, model.inputs(prompt))


def _compared(model: VisionModel, pair: Pairing) -> Literal["last"] | NDArray[np.bool_]:
    """Return which tokens of the language model are compared."""
    if pair.contrast != "image perturbed":
        return "last"
    columns = model.image_positions(pair.first)
    return columns if columns.sum() > 1 else "last"


# -- growth by what is perturbed ----------------------------------------------------------------


IMAGE, TEXT = "image tokens", "text tokens"


@dataclass(frozen=True, kw_only=True, eq=False)
class Apart:
    """What random perturbations of one kind of token do, by prompt.

    ``profiles`` (tangents, layers) are log growths in nats; ``reach`` (tangents,) is what the
    answering token feels, relative change over relative change.
    """

    profiles: dict[str, NDArray[np.float64]] = field(default_factory=dict)
    reach: dict[str, NDArray[np.float64]] = field(default_factory=dict)


def growth_apart(
    session: Session, model: VisionModel, prompts: Sequence[Prompt], asked: AnswersAsked
) -> dict[str, Apart]:
    """Return how perturbations of image tokens and of text tokens grow, and how far they reach.

    Both are perturbed apart in the language model, each by the same number of random tangents.
    Where a model looks at its image by cross-attention its projected image is perturbed instead:
    that has a reach, and no profile over the language layers.
    """
    found = {IMAGE: Apart(), TEXT: Apart()}
    for done, prompt in enumerate(prompts, start=1):
        columns = model.image_positions(prompt)
        if columns.sum() > 1:
            _add(found[IMAGE], prompt, _grown(session, model, prompt, asked, columns))
        else:
            found[IMAGE].reach[prompt.id] = _reached(session, model, prompt, asked)
        _add(found[TEXT], prompt, _grown(session, model, prompt, asked, ~columns))
        session.progress(f"{model.pin.name} growth from image and text", done, len(prompts))
    return found


def _add(
    one: Apart, prompt: Prompt, grown: tuple[NDArray[np.float64], NDArray[np.float64]]
) -> None:
    one.profiles[prompt.id], one.reach[prompt.id] = grown


def _grown(
    session: Session,
    model: VisionModel,
    prompt: Prompt,
    asked: AnswersAsked,
    flags: NDArray[np.bool_],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return profile and reach of tangents that start at the flagged tokens."""

    def measure() -> tuple[Plain, Arrays]:
        inputs = model.inputs(prompt)
        growth = growth_from(model.network, inputs, flags, tangents=asked.tangents, seed=asked.seed)
        return {}, {"profile": growth.profile, "reach": growth.reach}

    parts = _parts(model, prompt, asked) | {"from": "".join("1" if flag else "0" for flag in flags)}
    _, arrays = session.recall("origin", parts, measure)
    return arrays["profile"].astype(np.float64), arrays["reach"].astype(np.float64)


def _reached(
    session: Session, model: VisionModel, prompt: Prompt, asked: AnswersAsked
) -> NDArray[np.float64]:
    """Return the reach of tangents that start at the projected image."""

    def measure() -> tuple[Plain, Arrays]:
        inputs = model.inputs(prompt)
        how = {"tangents": asked.tangents, "seed": asked.seed}
        return {}, {"reach": reach_of_picture(model.network, inputs, **how)}

    _, arrays = session.recall("origin", _parts(model, prompt, asked) | {"from": "image"}, measure)
    return arrays["reach"].astype(np.float64)


def _parts(model: VisionModel, prompt: Prompt, asked: AnswersAsked) -> dict[str, object]:
    return model.key_parts(prompt) | {"tangents": asked.tangents, "seed": asked.seed}
