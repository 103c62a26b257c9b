"""The page on neighborhoods prints what stands on it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_promptchaos.session import Session, activated
from pytest_promptchaos.settings import Settings

if TYPE_CHECKING:
    import pytest

PAGE = (Path(__file__).parents[1] / "docs" / "neighborhoods.md").read_text()


def test_its_code_prints_what_it_says(capsys: pytest.CaptureFixture[str]) -> None:
    (code,) = re.findall(r"```python\n(.*?)```", PAGE, flags=re.DOTALL)
    (shown,) = re.findall(r"```text\n(.*?)```", PAGE, flags=re.DOTALL)
    with activated(Session(settings=Settings(embedder="none"), on_disk=False)):
        exec(code, {})
    assert capsys.readouterr().out == shown
