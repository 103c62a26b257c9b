"""What a suite's author asks for on the command line.

``python -m pytest_promptchaos.suite > FILE`` writes the JSON Schema of suite files, and
``python -m pytest_promptchaos.suite ledger FILE`` the authored texts of a suite to sign off.
"""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

from pytest_promptchaos.errors import PromptChaosError
from pytest_promptchaos.suite.load import load_suite
from pytest_promptchaos.suite.schema import json_schema
from pytest_promptchaos.suite.signing import ledger_text

if TYPE_CHECKING:
    from collections.abc import Sequence

_USAGE = "usage: python -m pytest_promptchaos.suite [ledger FILE]"


def answered(words: Sequence[str]) -> str:
    """Return what the command line asks for; raises ``SystemExit`` with what is wrong."""
    match list(words):
        case []:
            return json.dumps(json_schema(), indent=2)
        case ["ledger", file]:
            try:
                return ledger_text(load_suite(file))
            except PromptChaosError as error:
                raise SystemExit(str(error)) from error
        case _:
            raise SystemExit(_USAGE)


if __name__ == "__main__":
    sys.stdout.write(answered(sys.argv[1:]) + "\n")
