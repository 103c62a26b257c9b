"""Test how a language model behaves around a prompt, not at it.

The public names are loaded when first used, so that importing the package, and with it starting
a pytest that has the plugin installed, imports neither torch nor numpy.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pytest_promptchaos.answer_checks import assert_consistent_answers, measure_answers
    from pytest_promptchaos.booking import load_model
    from pytest_promptchaos.bridge_checks import assert_bridge, measure_bridge
    from pytest_promptchaos.checks import (
        assert_responsive,
        assert_stable_neighborhood,
        measure_neighborhood,
    )
    from pytest_promptchaos.collapse_checks import assert_no_collapse, measure_collapse
    from pytest_promptchaos.depth_checks import assert_depth_profile, assert_ftle, measure_ftle
    from pytest_promptchaos.errors import PromptChaosError, VerdictError
    from pytest_promptchaos.judging import InconclusiveWarning
    from pytest_promptchaos.models.scripted import Script, ScriptedModel
    from pytest_promptchaos.neighborhoods.ladder import neighborhood
    from pytest_promptchaos.neighborhoods.ledger import Authored
    from pytest_promptchaos.neighborhoods.phrasings import proposition
    from pytest_promptchaos.neighborhoods.shown import passage, picture
    from pytest_promptchaos.neighborhoods.strategies import neighbors
    from pytest_promptchaos.records import (
        RUNGS,
        SMALL_RUNGS,
        BridgePlan,
        Findings,
        Hypothesis,
        Image,
        Message,
        Neighborhood,
        Outcome,
        Phrasing,
        Prompt,
        Proposition,
        Shown,
        Verdict,
    )
    from pytest_promptchaos.sampling_checks import assert_stable_sampling, measure_sampling
    from pytest_promptchaos.search.find import (
        assert_worst_neighbor,
        find_worst,
        measure_worst_neighbor,
    )
    from pytest_promptchaos.search.worst import Worst
    from pytest_promptchaos.self_play_table import bridge_table
    from pytest_promptchaos.system_checks import assert_no_drift, measure_drift

__version__ = "0.1.0"

_HOMES = {
    "answer_checks": ("assert_consistent_answers", "measure_answers"),
    "booking": ("load_model",),
    "bridge_checks": ("assert_bridge", "measure_bridge"),
    "self_play_table": ("bridge_table",),
    "checks": ("assert_responsive", "assert_stable_neighborhood", "measure_neighborhood"),
    "collapse_checks": ("assert_no_collapse", "measure_collapse"),
    "depth_checks": ("assert_depth_profile", "assert_ftle", "measure_ftle"),
    "errors": ("PromptChaosError", "VerdictError"),
    "judging": ("InconclusiveWarning",),
    "models.scripted": ("Script", "ScriptedModel"),
    "neighborhoods.ladder": ("neighborhood",),
    "neighborhoods.ledger": ("Authored",),
    "neighborhoods.phrasings": ("proposition",),
    "neighborhoods.shown": ("passage", "picture"),
    "neighborhoods.strategies": ("neighbors",),
    "records": (
        "RUNGS",
        "SMALL_RUNGS",
        "BridgePlan",
        "Findings",
        "Hypothesis",
        "Image",
        "Message",
        "Neighborhood",
        "Outcome",
        "Phrasing",
        "Prompt",
        "Proposition",
        "Shown",
        "Verdict",
    ),
    "sampling_checks": ("assert_stable_sampling", "measure_sampling"),
    "search.find": ("assert_worst_neighbor", "find_worst", "measure_worst_neighbor"),
    "search.worst": ("Worst",),
    "system_checks": ("assert_no_drift", "measure_drift"),
}
_HOME = {name: module for module, names in _HOMES.items() for name in names}

__all__ = [
    "RUNGS",
    "SMALL_RUNGS",
    "Authored",
    "BridgePlan",
    "Findings",
    "Hypothesis",
    "Image",
    "InconclusiveWarning",
    "Message",
    "Neighborhood",
    "Outcome",
    "Phrasing",
    "Prompt",
    "PromptChaosError",
    "Proposition",
    "Script",
    "ScriptedModel",
    "Shown",
    "Verdict",
    "VerdictError",
    "Worst",
    "assert_bridge",
    "assert_consistent_answers",
    "assert_depth_profile",
    "assert_ftle",
    "assert_no_collapse",
    "assert_no_drift",
    "assert_responsive",
    "assert_stable_neighborhood",
    "assert_stable_sampling",
    "assert_worst_neighbor",
    "bridge_table",
    "find_worst",
    "load_model",
    "measure_answers",
    "measure_bridge",
    "measure_collapse",
    "measure_drift",
    "measure_ftle",
    "measure_neighborhood",
    "measure_sampling",
    "measure_worst_neighbor",
    "neighborhood",
    "neighbors",
    "passage",
    "picture",
    "proposition",
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
