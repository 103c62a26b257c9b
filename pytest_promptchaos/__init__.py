"""Test how a language model behaves around a prompt, not at it.

The public names are loaded when first used, so that importing the package, and with it starting
a pytest that has the plugin installed, imports neither torch nor numpy.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pytest_promptchaos.booking import load_model
    from pytest_promptchaos.checks import assert_stable_neighborhood, measure_neighborhood
    from pytest_promptchaos.depth_checks import assert_depth_profile, assert_ftle, measure_ftle
    from pytest_promptchaos.errors import PromptChaosError, VerdictError
    from pytest_promptchaos.judging import InconclusiveWarning
    from pytest_promptchaos.neighborhoods.ladder import neighborhood
    from pytest_promptchaos.records import (
        RUNGS,
        SMALL_RUNGS,
        Findings,
        Message,
        Neighborhood,
        Outcome,
        Prompt,
        Verdict,
    )

__version__ = "0.1.0"

_HOMES = {
    "booking": ("load_model",),
    "checks": ("assert_stable_neighborhood", "measure_neighborhood"),
    "depth_checks": ("assert_depth_profile", "assert_ftle", "measure_ftle"),
    "errors": ("PromptChaosError", "VerdictError"),
    "judging": ("InconclusiveWarning",),
    "neighborhoods.ladder": ("neighborhood",),
    "records": (
        "RUNGS",
        "SMALL_RUNGS",
        "Findings",
        "Message",
        "Neighborhood",
        "Outcome",
        "Prompt",
        "Verdict",
    ),
}
_HOME = {name: module for module, names in _HOMES.items() for name in names}

__all__ = [
    "RUNGS",
    "SMALL_RUNGS",
    "Findings",
    "InconclusiveWarning",
    "Message",
    "Neighborhood",
    "Outcome",
    "Prompt",
    "PromptChaosError",
    "Verdict",
    "VerdictError",
    "assert_depth_profile",
    "assert_ftle",
    "assert_stable_neighborhood",
    "load_model",
    "measure_ftle",
    "measure_neighborhood",
    "neighborhood",
]


def __getattr__(name: str) -> object:
    """Load a public name from its module on first use (PEP 562)."""
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value: object = getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """List the public names, loaded or not."""
    return sorted({*globals(), *__all__})
