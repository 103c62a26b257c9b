from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pytest_promptchaos.suite import load_suite
from suite.texts import BESIDE

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pytest_promptchaos.suite import Suite


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("suites")
    for name, content in BESIDE.items():
        folder.joinpath(name).parent.mkdir(exist_ok=True)
        folder.joinpath(name).write_text(content)
    return folder / "s.chaos.yaml"


@pytest.fixture
def load(file: Path) -> Callable[[str], Suite]:
    def load(text: str) -> Suite:
        file.write_text(text, encoding="utf-8", newline="")
        return load_suite(file)

    return load
