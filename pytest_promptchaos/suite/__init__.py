"""Suites of checks in YAML: ``*.chaos.yaml`` files as typed objects.

A suite names checks, and for those of models prompts and authored neighbors;
:func:`load_suite` returns it, or says for every mistake in the file the line, the path of keys,
and what to write instead.

An editor completes and checks the keys while you type, once it has the JSON Schema::

    python -m pytest_promptchaos.suite > chaos.schema.json

and the suite's first line reads ``# yaml-language-server: $schema=chaos.schema.json``.
"""

from pytest_promptchaos.suite.kinds import (
    Check,
    DepthProfileCheck,
    FtleCheck,
    ModelCheck,
    StableNeighborhoodCheck,
    SystemCheck,
)
from pytest_promptchaos.suite.load import load_suite
from pytest_promptchaos.suite.schema import (
    Suite,
    SuiteMessage,
    SuitePrompt,
    SuiteSettings,
    json_schema,
)

__all__ = [
    "Check",
    "DepthProfileCheck",
    "FtleCheck",
    "ModelCheck",
    "StableNeighborhoodCheck",
    "Suite",
    "SuiteMessage",
    "SuitePrompt",
    "SuiteSettings",
    "SystemCheck",
    "json_schema",
    "load_suite",
]
