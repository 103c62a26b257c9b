"""Numbers with their intervals, lines, limits, and the guards beside them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, TypeAlias

Scalar: TypeAlias = str | int | float | bool | None


@dataclass(frozen=True, kw_only=True)
class Measurement:
    """A number with its interval, or its absence with a reason.

    ``low`` and ``high`` bound the ``level`` interval; ``interval`` says in words over what it
    was taken; ``resampled`` names the units that would narrow it and ``resampled_n`` counts those
    it rests on. ``n`` counts what was measured, ``effective_n`` what entered the value.
    ``breakdown`` holds the same quantity per part (a rung, a layer, a prompt).
    """

    name: str
    unit: str
    value: float | None = None
    reason: str | None = None
    low: float | None = None
    high: float | None = None
    level: float = 0.95
    interval: str = ""
    resampled: str = ""
    resampled_n: int = 0
    n: int = 0
    effective_n: int = 0
    breakdown: tuple[Measurement, ...] = ()

    def __post_init__(self) -> None:
        """Refuse a value that is neither finite nor absent with a reason."""
        for bound in (self.value, self.low, self.high):
            if bound is not None and not math.isfinite(bound):
                raise ValueError(
                    f"measurement {self.name!r} holds {bound!r}: a value is finite, "
                    "or it is absent with a reason"
                )
        if self.value is None and not self.reason:
            raise ValueError(f"measurement {self.name!r} has neither a value nor a reason")


@dataclass(frozen=True, kw_only=True)
class Curve:
    """A measured line with an optional band, or, as ``points``, a cloud with optional labels.

    All sequences have the length of ``x``.
    """

    name: str
    x_label: str
    y_label: str
    x: tuple[float, ...]
    y: tuple[float, ...]
    low: tuple[float, ...] = ()
    high: tuple[float, ...] = ()
    series: str = ""
    mark: Literal["line", "points"] = "line"
    labels: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Refuse a band or a line that does not cover ``x``."""
        for name in ("y", "low", "high", "labels"):
            length = len(getattr(self, name))
            if length != len(self.x) and (name == "y" or length):
                raise ValueError(f"curve {self.name!r}: {length} values of {name}, {len(self.x)} x")


@dataclass(frozen=True, kw_only=True)
class Limit:
    """What a measurement is held against. At least one bound is set."""

    name: str
    at_most: float | None = None
    at_least: float | None = None
    relative: bool = False

    def __post_init__(self) -> None:
        """Refuse a limit without a finite bound: nothing could ever fail it."""
        bounds = [bound for bound in (self.at_most, self.at_least) if bound is not None]
        if not bounds or not all(math.isfinite(bound) for bound in bounds):
            raise ValueError(f"limit {self.name!r} needs a finite at_most or at_least: {bounds}")


@dataclass(frozen=True, kw_only=True)
class Control:
    """A guard of the measurement. ``state`` is ``failed`` when it voids the evidence.

    ``absent`` means that it could not be run; ``words`` say why, or what was seen. The ``role``
    says how a limit meets the value: a ``floor`` must not be above the limit (noise would decide
    the verdict), a ``detection`` must be above it (else the metric is blind), a ``gate`` stands
    by itself and a ``note`` is only shown.
    """

    name: str
    role: Literal["floor", "detection", "gate", "note"]
    state: Literal["held", "failed", "absent"]
    words: str
    value: float | None = None
