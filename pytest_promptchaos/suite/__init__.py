"""Suites of checks in YAML: ``*.chaos.yaml`` files as typed objects.

A suite names prompts, authored neighbors and checks; :func:`load_suite` returns it, or says for
every mistake in the file the line, the path of keys, and what to write instead.

An editor completes and checks the keys while you type, once it has the JSON Schema::

    python -m pytest_promptchaos.suite > chaos.schema.json

and the suite's first line reads ``# yaml-language-server: $schema=chaos.schema.json``.
"""

from pytest_promptchaos.suite.load import load_suite
from pytest_promptchaos.suite.schema import (
    Check,
    FtleCheck,
    StableNeighborhoodCheck,
    Suite,
    SuiteMessage,
    SuitePrompt,
    SuiteSettings,
    json_schema,
)

__all__ = [
    "Check",
    "FtleCheck",
    "StableNeighborhoodCheck",
    "Suite",
    "SuiteMessage",
    "SuitePrompt",
    "SuiteSettings",
    "json_schema",
    "load_suite",
]
