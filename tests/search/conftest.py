from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pytest_promptchaos.session import Session, activated
from pytest_promptchaos.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(autouse=True)
def session(tmp_path: Path) -> Iterator[Session]:
    """The run that is going on, without an embedder."""
    made = Session(settings=Settings(embedder="none"), root=tmp_path)
    with activated(made):
        yield made
    made.close()
