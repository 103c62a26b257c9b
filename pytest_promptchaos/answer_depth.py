"""Pairs of phrasings in depth -> findings: where they part, what grows, and what goes with it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, cast

import numpy as np

from pytest_promptchaos.errors import DepthError
from pytest_promptchaos.measure.layer_association import (
    NAME,
    UNIT,
    association_measurement,
    association_points,
)
from pytest_promptchaos.measure.lyapunov import growth_rate
from pytest_promptchaos.measure.parting import (
    Parted,
    growth_measurements,
    growths,
    part_growths,
    parting_curves,
)
from pytest_promptchaos.models.scripted import ScriptedModel
from pytest_promptchaos.phrasing_depth import followed, growth_apart, pairings
from pytest_promptchaos.records import Control, Curve, Measurement

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from pytest_promptchaos.answer_knobs import AnswersAsked
    from pytest_promptchaos.asking import Inquiry
    from pytest_promptchaos.focus_evidence import Looked
    from pytest_promptchaos.models.vision import VisionModel
    from pytest_promptchaos.phrasing_depth import Apart, Followed, Pairing
    from pytest_promptchaos.records import Sample

LANGUAGE = "language"
PERTURBED = "image perturbed"
NO_GROWTH = "no language layer has a growth: both phrasings enter each of them in the same state"
REACH = "relative change of the answering token per relative change of these"


@dataclass(frozen=True, kw_only=True)
class InDepth:
    """What was found through depth.

    ``growth`` is the mean growth of each language layer that has one, or why it is not known.
    """

    measurements: tuple[Measurement, ...] = ()
    curves: tuple[Curve, ...] = ()
    controls: tuple[Control, ...] = ()
    growth: Mapping[str, float] | str = "depth was not asked for"


def depth_findings(
    inquiry: Inquiry, samples: Sequence[Sample], seen: Looked, asked: AnswersAsked
) -> InDepth:
    """Return where in depth pairs of phrasings part, and what that goes with.

    Nothing where no pairs were asked for; why not, where the model has no depth to follow.
    """
    if not asked.depth:
        return InDepth()
    if isinstance(inquiry.model, ScriptedModel) or not inquiry.model.sees:
        return _absent("it is no vision-language model: no image goes through its depth")
    model = cast("VisionModel", inquiry.model)
    pairs = pairings(samples, inquiry.questions, asked.depth)
    if not pairs:
        return _absent("every proposition is asked in one phrasing only")
    try:
        found = followed(inquiry.session, model, pairs)
        prompts = {pair.sample: pair.first for pair in pairs}
        apart = growth_apart(inquiry.session, model, tuple(prompts.values()), asked)
    except DepthError as error:
        return _absent(str(error))
    return _told(found, apart, seen)


def _absent(why: str) -> InDepth:
    return InDepth(controls=(_note("absent", why),), growth=why)


def _note(state: str, words: str) -> Control:
    return Control(name="depth of two phrasings", role="note", state=state, words=words)  # type: ignore[arg-type]


def _told(
    found: Sequence[Followed],
    apart: Mapping[str, Apart],
    seen: Looked,
) -> InDepth:
    parted = [
        Parted(image=one.pairing.image, series=one.pairing.contrast, divergence=one.divergence)
        for one in found
    ]
    names = found[0].layers(LANGUAGE)
    phrased = [one for one in found if one.pairing.contrast != PERTURBED]
    grown = np.stack([_growth(one) for one in phrased])
    along, points = _association(phrased, grown, names, seen)
    notes = sorted({note for one in found for note in one.notes})
    words = f"{len(phrased)} pairs of phrasings, {len(found) - len(phrased)} perturbed images"
    known = _by_layer(grown, names)
    told = filter(None, (words, _entered_alike(grown) if known else NO_GROWTH, *notes))
    return InDepth(
        measurements=(*growth_measurements(parted), along, *_apart(apart)),
        curves=(*parting_curves(parted), *points),
        controls=(_note("held", "; ".join(told)),),
        growth=known or NO_GROWTH,
    )


def _entered_alike(grown: NDArray[np.float64]) -> str:
    """Return in words which first layers have a growth in no pair of phrasings, or nothing."""
    first = int(np.flatnonzero(~np.isnan(grown).all(axis=0))[0])
    if not first:
        return ""
    layers = "language layer 0 has" if first == 1 else f"language layers 0 to {first - 1} have"
    which = "it" if first == 1 else "they"
    return (
        f"{layers} no growth, because the answering token enters the same in both phrasings: "
        f"{which} can neither turn nor be called expanding"
    )


def _growth(one: Followed) -> NDArray[np.float64]:
    """Return the growth of each language layer, NaN where it has none."""
    return part_growths(growths(one.divergence), one.divergence, LANGUAGE)


def _by_layer(grown: NDArray[np.float64], names: Sequence[str]) -> dict[str, float]:
    """Return the mean growth by layer, of those layers that have one."""
    known = ~np.isnan(grown)
    return {
        name: float(grown[known[:, place], place].mean())
        for place, name in enumerate(names)
        if known[:, place].any()
    }


def _association(
    pairs: Sequence[Followed],
    grown: NDArray[np.float64],
    names: Sequence[str],
    seen: Looked,
) -> tuple[Measurement, tuple[Curve, ...]]:
    """Return whether growth goes with attention to the image over layers, and a point per layer."""
    reason = seen.reason
    if seen.crossed:
        reason = "the model looks at its image by cross-attention, all of whose attention is on it"
    shared = [name for name in names if name in seen.layers]
    if not reason and len(shared) < len(names):
        reason = f"only {len(shared)} of {len(names)} layers attend to the image"
    if reason:
        return Measurement(name=NAME, unit=UNIT, reason=reason, n=len(pairs)), ()
    mass = np.stack([_mass(one.pairing, names, seen) for one in pairs])
    found, points = association_measurement(grown, mass), association_points(grown, mass, names)
    # A cloud of two layers looks like a line, and is none.
    return found, (points,) if points and found.value is not None else ()


def _mass(pair: Pairing, names: Sequence[str], seen: Looked) -> NDArray[np.float64]:
    """Return the attention to the image by layer, of the phrasing that is not the base."""
    mass = seen.mass[pair.sample, pair.phrasing]
    return np.array([mass[seen.layers.index(name)] for name in names], dtype=np.float64)


def _apart(apart: Mapping[str, Apart]) -> list[Measurement]:
    """Return how far perturbations of image tokens and of text tokens grow, and reach."""
    found = []
    for kind, one in apart.items():
        if one.profiles:
            found.append(growth_rate(one.profiles, name=f"lambda_1 from {kind}"))
        else:
            reason = "the model looks at its image by cross-attention: its tokens hold none of it"
            unit = "nats per layer"
            found.append(Measurement(name=f"lambda_1 from {kind}", unit=unit, reason=reason))
        found.append(growth_rate(one.reach, name=f"reach of {kind}", unit=REACH))
    return [replace(one, breakdown=()) for one in found]
