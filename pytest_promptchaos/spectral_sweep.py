"""Samples under an intervention: the same questions, with chosen layers' spectral norms scaled."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from pytest_promptchaos.answer_knobs import EXPANDING
from pytest_promptchaos.asking import ask
from pytest_promptchaos.dynamics.spectral import language_layer_names, scaled
from pytest_promptchaos.errors import ArgumentError
from pytest_promptchaos.measure.flips import flips
from pytest_promptchaos.measure.quadrants import quadrants, shares
from pytest_promptchaos.models.language import LanguageModel
from pytest_promptchaos.records import Control, Curve

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pytest_promptchaos.answer_knobs import AnswersAsked, Scaling
    from pytest_promptchaos.asking import Inquiry
    from pytest_promptchaos.records import Measurement, Sample

SERIES = {
    "flip_rate": "flip rate",
    "accuracy": "accuracy",
    "text_only_agreement": "text-only agreement",
    "ideal_share": "ideal share",
}


@dataclass(frozen=True, kw_only=True)
class Sweep:
    """What the intervention changes: each quantity over the factors, and as measurements."""

    measurements: tuple[Measurement, ...]
    curves: tuple[Curve, ...]
    controls: tuple[Control, ...]


NO_SWEEP = Sweep(measurements=(), curves=(), controls=())


def layers_scaled(
    names: Sequence[str], chosen: Scaling, growth: Mapping[str, float] | str
) -> tuple[str, ...] | str:
    """Return which of the language layers are scaled, by name, or why none is.

    ``growth`` holds the mean growth of the divergence of two phrasings by layer, where there is
    one, or says why it is not known.
    """
    if chosen.layers == EXPANDING:
        return _expanding(names, growth)
    if isinstance(chosen.layers, str):
        return tuple(names)
    if max(chosen.layers) >= len(names):
        raise ArgumentError(
            f"scaling names layer {max(chosen.layers)}, but there are {len(names)}, from 0"
        )
    return tuple(names[place] for place in chosen.layers)


def _expanding(names: Sequence[str], growth: Mapping[str, float] | str) -> tuple[str, ...] | str:
    """Return the layers in which phrasings part on the mean, or why there are none."""
    if isinstance(growth, str):
        return f"which layers expand is not known, so none was scaled: {growth}"
    known = [name for name in names if name in growth]
    found = tuple(name for name in known if growth[name] > 0)
    return found or f"none of the {len(known)} layers with a growth expands, so none was scaled"


def sweep(
    inquiry: Inquiry,
    asked: AnswersAsked,
    growth: Mapping[str, float] | str,
    before: Sequence[Sample],
) -> Sweep:
    """Return flips, accuracy, text-only agreement and the share of ideal, before and after.

    At every factor all questions are asked anew of the model whose chosen layers' matrices have
    their spectral norm multiplied by it; the weights are put back afterwards. Factor 1 is the
    model as it is.
    """
    if asked.scaling is None:
        return NO_SWEEP
    model = inquiry.model
    if not isinstance(model, LanguageModel):
        return replace(NO_SWEEP, controls=(_note("absent", "a script has no weights to scale"),))
    chosen = layers_scaled(language_layer_names(model.network), asked.scaling, growth)
    if isinstance(chosen, str):
        return replace(NO_SWEEP, controls=(_note("absent", chosen),))
    found: dict[float, Sequence[Sample]] = {1.0: before}
    for factor in asked.scaling.factors:
        label = f"{model.pin.name} answers at spectral factor {factor:g}"
        with scaled(model.network, chosen, factor):
            found[factor] = quadrants(ask(inquiry, label), reliance=asked.reliance)
    return _sweep(found, chosen, inquiry.noun)


def _sweep(found: Mapping[float, Sequence[Sample]], chosen: Sequence[str], images: str) -> Sweep:
    """Return what the samples at each factor say, over what ``images`` names."""
    quantities = {factor: _quantities(one, images) for factor, one in sorted(found.items())}
    after = tuple(
        replace(one, name=f"{one.name} at spectral factor {factor:g}", breakdown=())
        for factor, all_of_one in quantities.items()
        if factor != 1.0
        for one in all_of_one.values()
    )
    words = f"spectral norms of {', '.join(chosen)} scaled; the weights are back as they were"
    return Sweep(
        measurements=after,
        curves=tuple(filter(None, (_curve(name, quantities) for name in SERIES))),
        controls=(_note("held", words),),
    )


def _quantities(samples: Sequence[Sample], images: str) -> dict[str, Measurement]:
    told, flipped = shares(samples, images=images), flips(samples, images=images)
    every = (flipped.flip_rate, told.accuracy, told.text_only_agreement, told.ideal)
    return {one.name: one for one in every}


def _curve(name: str, quantities: Mapping[float, Mapping[str, Measurement]]) -> Curve | None:
    points = {
        factor: one
        for factor, all_of_one in quantities.items()
        if (one := all_of_one[name]).value is not None
    }
    if not points:
        return None
    bounded = all(one.low is not None and one.high is not None for one in points.values())
    return Curve(
        name="spectral scaling",
        x_label="factor on the spectral norms",
        y_label="share",
        series=SERIES[name],
        x=tuple(points),
        y=tuple(one.value or 0.0 for one in points.values()),
        low=tuple(one.low or 0.0 for one in points.values()) if bounded else (),
        high=tuple(one.high or 0.0 for one in points.values()) if bounded else (),
    )


def _note(state: str, words: str) -> Control:
    return Control(name="spectral scaling", role="note", state=state, words=words)  # type: ignore[arg-type]
