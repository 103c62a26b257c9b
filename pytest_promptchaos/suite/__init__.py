"""Suites of checks in YAML: ``*.chaos.yaml`` files as typed objects.

A suite names checks, and for those of models prompts and authored neighbors, or images and what is
asked of them;
:func:`load_suite` returns it, or says for every mistake in the file the line, the path of keys,
and what to write instead. :func:`load_prompts` returns the prompts of a file that holds nothing
else, as a suite takes them with ``prompts_from``, and :func:`load_images` the images of a list, as
one takes them with ``images_from``.

An editor completes and checks the keys while you type, once it has the JSON Schema::

    python -m pytest_promptchaos.suite > chaos.schema.json

and the suite's first line reads ``# yaml-language-server: $schema=chaos.schema.json``.

``python -m pytest_promptchaos.suite ledger FILE`` lists the authored texts for who signs them off.
"""

from pytest_promptchaos.suite.image_files import load_images
from pytest_promptchaos.suite.keys import SuiteAuthored
from pytest_promptchaos.suite.kinds import (
    BridgeCheck,
    Check,
    ConsistentAnswersCheck,
    DepthProfileCheck,
    DriftCheck,
    FtleCheck,
    ModelCheck,
    NoCollapseCheck,
    ResponsiveCheck,
    StableNeighborhoodCheck,
    StableSamplingCheck,
    SystemCheck,
    WorstNeighborCheck,
)
from pytest_promptchaos.suite.load import load_suite
from pytest_promptchaos.suite.prompt_files import load_prompts
from pytest_promptchaos.suite.schema import (
    Suite,
    SuiteMessage,
    SuitePrompt,
    SuiteSettings,
    json_schema,
)

__all__ = [
    "BridgeCheck",
    "Check",
    "ConsistentAnswersCheck",
    "DepthProfileCheck",
    "DriftCheck",
    "FtleCheck",
    "ModelCheck",
    "NoCollapseCheck",
    "ResponsiveCheck",
    "StableNeighborhoodCheck",
    "StableSamplingCheck",
    "Suite",
    "SuiteAuthored",
    "SuiteMessage",
    "SuitePrompt",
    "SuiteSettings",
    "SystemCheck",
    "WorstNeighborCheck",
    "json_schema",
    "load_images",
    "load_prompts",
    "load_suite",
]
