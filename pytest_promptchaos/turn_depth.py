"""Turns of conversations -> the depth profiles of the tokens that were said."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from pytest_promptchaos.depth_evidence import Place, depth_profile
from pytest_promptchaos.models.language import LanguageModel
from pytest_promptchaos.models.quantization import INT8
from pytest_promptchaos.models.selfplay import seen_by_speaker

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from pytest_promptchaos.booking import Subject
    from pytest_promptchaos.depth_evidence import DepthKnobs
    from pytest_promptchaos.records import Conversation
    from pytest_promptchaos.session import Session


def turn_profile(
    session: Session,
    speakers: Sequence[Subject],
    conversation: Conversation,
    number: int,
    knobs: DepthKnobs,
) -> NDArray[np.float64] | str:
    """Return the depth profile (tangents, layers) of turn ``number``, or why it has none.

    Perturbed are the tokens that the speaker said in that turn, behind everything it was shown;
    growth is in nats per layer. Turns count from 1.
    """
    if number > len(conversation.turns):
        return "the conversation stopped before this turn"
    speaker = speakers[(number - 1) % len(speakers)]
    if not isinstance(speaker, LanguageModel):
        return f"{speaker.pin.text} is a script and has no layers"
    if speaker.identity.quantization == INT8:
        return f"{speaker.pin.text} runs in int8, and rounding has no derivative"
    said = conversation.turns[number - 1].output_ids
    answer = tuple(token for token in said if token not in speaker.end_ids)
    if not answer:
        return "nothing was said"
    before = [turn.text for turn in conversation.turns[: number - 1]]
    prompt = seen_by_speaker(conversation.seed_prompt, before)
    ids = speaker.render(prompt)
    flags = (False,) * len(ids) + (True,) * len(answer)
    place = Place(session=session, model=speaker, prompt=prompt, ids=(*ids, *answer), flags=flags)
    return depth_profile(place, knobs).profile


def growth_by_turn(
    session: Session,
    speakers: Sequence[Subject],
    conversations: Sequence[Conversation],
    turns: Sequence[int],
    knobs: DepthKnobs,
) -> tuple[dict[str, tuple[tuple[int, float], ...]], dict[str, int]]:
    """Return (turn, lambda_1) by conversation id, and how many turns have none, by the reason.

    lambda_1 is the mean growth over tangents and layers, in nats per layer.
    """
    found: dict[str, tuple[tuple[int, float], ...]] = {}
    missing: dict[str, int] = {}
    label, total = f"depth of {len(turns)} turns each", len(turns) * len(conversations)
    for place, conversation in enumerate(conversations):
        rates = []
        for number in turns:
            profile = turn_profile(session, speakers, conversation, number, knobs)
            if isinstance(profile, str):
                missing[profile] = missing.get(profile, 0) + 1
            else:
                rates.append((number, float(profile.mean())))
        found[conversation.id] = tuple(rates)
        session.progress(label, (place + 1) * len(turns), total)
    return found, missing


def features(profile: NDArray[np.float64]) -> Mapping[str, float | None]:
    """Return what the published files hold of a depth profile (tangents, layers).

    Mean, standard deviation (ddof 1) and coefficient of variation of lambda_1 over tangents; the
    variance over layers (ddof 0) and the least-squares slope over the layer index of each
    tangent's own profile, averaged over tangents. Of a mean of 0 there is no coefficient.

    >>> features(np.array([[0.0, 1.0], [0.0, 3.0]]))["lambda1_mean"]
    1.0
    """
    rates = profile.mean(axis=1)
    layers = np.arange(profile.shape[1])
    slopes = np.polyfit(layers, profile.T, 1)[0] if len(layers) > 1 else np.zeros(len(rates))
    mean, spread = float(rates.mean()), float(rates.std(ddof=1))
    return {
        "lambda1_mean": mean,
        "lambda1_std": spread,
        "lambda1_cv": spread / abs(mean) if mean else None,
        "layerwise_variance_mean": float(profile.var(axis=1).mean()),
        "profile_slope_mean": float(slopes.mean()),
    }
