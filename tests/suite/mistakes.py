"""What is said about a suite that holds a mistake."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pytest_promptchaos.errors import SuiteError
from pytest_promptchaos.suite import load_suite

if TYPE_CHECKING:
    from pathlib import Path


def said_about(file: Path, content: str | bytes) -> list[str]:
    """Return what is said about a file, each line without the file's name: `3: title: ...`."""
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(SuiteError) as error:
        load_suite(file)
    lines = str(error.value).split("\n")
    assert [line for line in lines if not line.startswith(f"{file}:")] == []
    return [line.removeprefix(f"{file}:") for line in lines]
