"""What may stand beside the growth rate: each a piece of depth evidence, and its measurements.

Each is asked for by name and kept in the evidence store by itself. One that a model cannot give
is absent with the reason; the growth rate does not depend on it.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from pytest_promptchaos.depth_evidence import depth_profile
from pytest_promptchaos.depth_parts import show_blocks, show_residual, take_blocks, take_residual
from pytest_promptchaos.dynamics.amplitude import separations
from pytest_promptchaos.dynamics.depth import decoder_depth
from pytest_promptchaos.dynamics.leading import leading_growth
from pytest_promptchaos.dynamics.mohammad import mohammad_2026
from pytest_promptchaos.dynamics.positions import position_mask
from pytest_promptchaos.dynamics.readout import readout
from pytest_promptchaos.errors import DepthError
from pytest_promptchaos.measure.amplitude import amplitude, finite_growth, two_trajectories
from pytest_promptchaos.measure.lyapunov import growth_rate
from pytest_promptchaos.measure.spectrum import spectrum
from pytest_promptchaos.pieces import arrays_of, one_per_prompt
from pytest_promptchaos.records import Measurement

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from pytest_promptchaos.depth_evidence import DepthKnobs, Place
    from pytest_promptchaos.pieces import Evidence, Pieces, Shown


@dataclass(frozen=True, kw_only=True)
class Beside:
    """One measure: how its evidence is taken at a place, and what that of all prompts shows."""

    take: Callable[[Place, DepthKnobs], Evidence]
    show: Callable[[Pieces], Shown]


def beside(names: Sequence[str], places: Mapping[str, Place], knobs: DepthKnobs) -> Shown:
    """Return the measurements and curves of the measures named, in that order."""
    shown = [_one(name, places, knobs) for name in dict.fromkeys(names)]
    return (
        tuple(one for measurements, _ in shown for one in measurements),
        tuple(one for _, curves in shown for one in curves),
    )


def _one(name: str, places: Mapping[str, Place], knobs: DepthKnobs) -> Shown:
    measure = BESIDE[name]
    try:
        pieces = {
            prompt: place.recall(
                f"depth_{name}",
                {} if name in FIXED else asdict(knobs),
                partial(_taken, measure, place, knobs),
            )
            for prompt, place in places.items()
        }
        return measure.show(pieces)
    except (DepthError, ValueError) as error:
        return (Measurement(name=name, unit="", reason=str(error)),), ()


def _taken(measure: Beside, place: Place, knobs: DepthKnobs) -> Evidence:
    """Return what is measured of a place, its image shown where it has one."""
    with place.seen_by(place.model.network):
        return measure.take(place, knobs)


# -- spectrum -----------------------------------------------------------------------------------


def _take_spectrum(place: Place, knobs: DepthKnobs) -> Evidence:
    profile = depth_profile(place, replace(knobs, mode="orthogonal"))
    return {}, {"profile": profile.profile}


def _show_spectrum(pieces: Pieces) -> Shown:
    found = spectrum({prompt: arrays["profile"] for prompt, (_, arrays) in pieces.items()})
    singles = tuple(map(one_per_prompt, found.exponents))
    total = one_per_prompt(replace(found.total, breakdown=singles))
    return (total, found.dimension), (found.curve,)


# -- the leading direction ----------------------------------------------------------------------


def _take_leading(place: Place, knobs: DepthKnobs) -> Evidence:
    depth = decoder_depth(place.model.network, place.tensor)
    mask = position_mask(place.mask, len(place.ids)).to(depth.state.device)
    return arrays_of(leading_growth(depth.steps, depth.state, mask=mask, seed=knobs.seed))


def _show_leading(pieces: Pieces) -> Shown:
    rates = {prompt: np.array([plain["rate"]]) for prompt, (plain, _) in pieces.items()}
    rate = growth_rate(rates, name="leading growth, log sigma_1 / L")
    rough = [prompt for prompt, (plain, _) in pieces.items() if not plain["converged"]]
    steps = max(plain["iterations"] for plain, _ in pieces.values())
    words = f"power iteration, {steps} rounds at most"
    if rough:
        words += f"; a lower bound at {', '.join(rough)}, where it had not converged"
    return (one_per_prompt(rate, words),), ()


# -- the logits ---------------------------------------------------------------------------------


def _take_readout(place: Place, knobs: DepthKnobs) -> Evidence:
    network, ids = place.model.network, place.tensor
    depth = decoder_depth(network, ids)
    return arrays_of(
        readout(
            network,
            ids,
            depth,
            tangents=knobs.tangents,
            seed=knobs.seed,
            positions=place.mask,
            chunk=knobs.chunk(depth.state),
        )
    )


_READ = {
    "growth": "growth from the last layer into the logits",
    "total": "growth from the embeddings into the logits",
    "relative_total": "relative change of the logits per relative change of the embeddings",
}


def _show_readout(pieces: Pieces) -> Shown:
    return tuple(
        growth_rate(
            {prompt: arrays[field] for prompt, (_, arrays) in pieces.items()},
            name=words,
            unit="nats",
        )
        for field, words in _READ.items()
    ), ()


# -- finite amplitudes --------------------------------------------------------------------------


def _take_amplitudes(place: Place, knobs: DepthKnobs) -> Evidence:
    network, ids = place.model.network, place.tensor
    found = separations(
        network,
        ids,
        decoder_depth(network, ids),
        tangents=knobs.tangents,
        seed=knobs.seed,
        positions=place.mask,
    )
    plain, arrays = arrays_of(found)
    # The tangents of the same directions, to compare with.
    profile = depth_profile(place, replace(knobs, mode="independent"))
    return (
        {**plain, "epsilons": list(found.epsilons)},
        {**arrays, "profile": profile.profile},
    )


def _show_amplitudes(pieces: Pieces) -> Shown:
    first = next(iter(pieces.values()))[0]
    separation = {prompt: arrays["separation"] for prompt, (_, arrays) in pieces.items()}
    found = amplitude(
        {prompt: finite_growth(apart) for prompt, apart in separation.items()},
        {prompt: arrays["profile"] for prompt, (_, arrays) in pieces.items()},
        first["epsilons"],
    )
    smallest = {prompt: apart[0] for prompt, apart in separation.items()}
    sizes = {prompt: arrays["sizes"] for prompt, (_, arrays) in pieces.items()}
    twins = two_trajectories(smallest, sizes, precision=first["precision"])
    return (found.window, twins), found.curves


# -- the published protocol ---------------------------------------------------------------------


def _take_mohammad(place: Place, knobs: DepthKnobs) -> Evidence:
    # The protocol fixes all knobs, and its tokens: those of the prompt, whatever is perturbed.
    depth = decoder_depth(place.model.network, place.model.tensor(place.prompt))
    return arrays_of(mohammad_2026(depth, chunk=knobs.chunk(depth.state)))


_COLUMNS = {
    "lambda1_mean": "nats per layer",
    "lambda1_std": "nats per layer",
    "layerwise_variance_mean": "nats squared",
    "profile_slope_mean": "nats per layer, per layer",
}


def _show_mohammad(pieces: Pieces) -> Shown:
    return tuple(
        one_per_prompt(
            growth_rate(
                {prompt: np.array([plain[column]]) for prompt, (plain, _) in pieces.items()},
                name=f"mohammad-2026 {column}",
                unit=unit,
            )
        )
        for column, unit in _COLUMNS.items()
    ), ()


FIXED = ("mohammad-2026", "residual")
"""Measures that no knob of the tangents changes."""

BESIDE: dict[str, Beside] = {
    "readout": Beside(take=_take_readout, show=_show_readout),
    "spectrum": Beside(take=_take_spectrum, show=_show_spectrum),
    "leading": Beside(take=_take_leading, show=_show_leading),
    "amplitudes": Beside(take=_take_amplitudes, show=_show_amplitudes),
    "blocks": Beside(take=take_blocks, show=show_blocks),
    "residual": Beside(take=take_residual, show=show_residual),
    "mohammad-2026": Beside(take=_take_mohammad, show=_show_mohammad),
}
"""The measures by name."""
