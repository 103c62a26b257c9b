"""The page on exponents prints the numbers that stand on it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

PAGE = (Path(__file__).parents[1] / "docs" / "exponents.md").read_text()


def read(line: str) -> tuple[str, list[float]]:
    """The words of a line, and the numbers after them."""
    words, *numbers = re.split(r"\s{2,}|(?<=\d) (?=-?\d+\.)", line.strip())
    return words, [float(number) for number in numbers]


def test_its_numbers_are_what_its_code_prints(capsys: pytest.CaptureFixture[str]) -> None:
    (code,) = re.findall(r"```python\n(.*?)```", PAGE, flags=re.DOTALL)
    (shown,) = re.findall(r"```text\n(.*?)```", PAGE, flags=re.DOTALL)
    exec(code, {})
    printed = capsys.readouterr().out
    told, found = ([read(line) for line in text.splitlines()] for text in (shown, printed))
    assert [words for words, _ in told] == [words for words, _ in found]
    for (words, theirs), (_, ours) in zip(told, found, strict=True):
        assert theirs == pytest.approx(ours, abs=0.011), words
