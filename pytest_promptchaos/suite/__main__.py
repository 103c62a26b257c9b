"""Writes the JSON Schema of suite files: ``python -m pytest_promptchaos.suite > FILE``."""

import json
import sys

from pytest_promptchaos.suite.schema import json_schema

if __name__ == "__main__":
    sys.stdout.write(json.dumps(json_schema(), indent=2) + "\n")
