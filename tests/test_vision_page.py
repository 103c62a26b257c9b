"""The page on images asked twice prints what stands on it, and its suite is real."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from pytest_promptchaos.session import Session, activated
from pytest_promptchaos.settings import Settings
from pytest_promptchaos.suite import ConsistentAnswersCheck, load_suite

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "vision.md").read_text()


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE, flags=re.DOTALL)


CODE, SHOWN = blocks("python"), blocks("text")


def test_all_of_its_code_has_an_output() -> None:
    assert len(CODE) == len(SHOWN) == 5


@pytest.mark.parametrize(
    ("code", "shown"),
    list(zip(CODE, SHOWN, strict=True)),
    ids=["polarity", "quadrants", "focus", "depth", "intervention"],
)
def test_its_code_prints_what_it_says(
    code: str, shown: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)  # its images are named from there
    with activated(Session(settings=Settings(), on_disk=False)) as session:
        exec(code, {})
        session.close()
    assert capsys.readouterr().out == shown


def test_its_suite_can_be_loaded(tmp_path: Path) -> None:
    (written,) = blocks("yaml")
    tmp_path.joinpath("xray").symlink_to(ROOT / "suites" / "xray")
    path = tmp_path / "page.chaos.yaml"
    path.write_text(written)
    (check,) = load_suite(path).checks
    assert isinstance(check, ConsistentAnswersCheck)
    (asked,) = (one.proposition() for one in check.propositions)
    assert [one.polarity for one in asked.phrasings] == [1, 1, -1, -1, -1, -1]
    assert len(check.images or ()) == 24


def test_every_page_that_it_links_to_is_there() -> None:
    linked = re.findall(r"\]\((\w[\w./]*\.md)\)", PAGE)
    assert linked
    assert [name for name in linked if not (ROOT / "docs" / name).is_file()] == []
