"""Pieces of depth evidence as the store holds them, and numbers of them as measurements."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, replace
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from pytest_promptchaos.records import Measurement

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from pytest_promptchaos.records import Curve
    from pytest_promptchaos.session import Arrays, Plain

Evidence: TypeAlias = "tuple[Plain, Arrays]"
Pieces: TypeAlias = Mapping[str, tuple[Mapping[str, Any], Mapping[str, "NDArray[Any]"]]]
"""Evidence by prompt: plain values, and arrays."""
Shown: TypeAlias = "tuple[tuple[Measurement, ...], tuple[Curve, ...]]"


def arrays_of(found: object) -> Evidence:
    """Return the numbers of a result as evidence: arrays by themselves, the rest plain."""
    values = {f.name: getattr(found, f.name) for f in fields(found)}  # type: ignore[arg-type]
    arrays = {name: value for name, value in values.items() if isinstance(value, np.ndarray)}
    return {name: value for name, value in values.items() if name not in arrays}, arrays


def one_per_prompt(measurement: Measurement, words: str = "") -> Measurement:
    """Return a measurement of one number per prompt, which below five prompts has no spread."""
    spread = measurement.interval if measurement.low is not None else "one number per prompt"
    return replace(measurement, interval="; ".join(filter(None, (spread, words))))


def with_layers(whole: Measurement, by_layer: NDArray[np.float64]) -> Measurement:
    """Return a measurement whose breakdown holds each layer's own value."""
    layers = tuple(
        Measurement(name=f"layer {place}", unit=whole.unit, value=float(value))
        for place, value in enumerate(by_layer)
    )
    return replace(whole, breakdown=layers)
