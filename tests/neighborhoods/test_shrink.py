"""Shrinking: exactly the part that matters is left, within the budget."""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_promptchaos.neighborhoods.hunks import applied, hunks
from pytest_promptchaos.neighborhoods.shrink import Asked, delta_debug, smallest_sub_edit

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

RICE = "What is a quick way to cook rice?"
EDITED = "  what is\na fast way to  cook the rice!    "


class Counting:
    """A test of texts that keeps the batches it was given."""

    def __init__(self, fails: Callable[[str], bool]) -> None:
        self.batches: list[list[str]] = []
        self._fails = fails

    def __call__(self, texts: Sequence[str]) -> list[bool]:
        self.batches.append(list(texts))
        return [self._fails(text) for text in texts]

    @property
    def texts(self) -> list[str]:
        return [text for batch in self.batches for text in batch]


@pytest.mark.parametrize(
    ("fails", "words"),
    [
        (lambda text: "fast" in text, "replaced 'quick' by 'fast'"),
        (lambda text: text.endswith("  "), "added 2 trailing spaces"),
        (
            lambda text: text.endswith("  ") and not text.endswith("   "),
            "added 2 trailing spaces",
        ),
        (
            lambda text: "fast" in text and text.endswith("  "),
            "replaced 'quick' by 'fast' and added 2 trailing spaces",
        ),
        (
            lambda text: "what" in text and "\n" in text and "!" in text,
            "replaced 'What' by 'what', replaced 1 space after 'is' by 1 newline and replaced "
            "'?' by '!'",
        ),
    ],
)
def test_what_matters_is_left(fails: Callable[[str], bool], words: str) -> None:
    edited = EDITED.rstrip() + "  "
    assert fails(edited)
    counting = Counting(fails)
    found = smallest_sub_edit(RICE, edited, counting, budget=200)
    assert (found.words, found.minimal) == (words, True)
    assert fails(found.text)
    assert found.tried == len(counting.texts) == len(set(counting.texts))


def test_an_edit_of_one_piece_is_not_tried() -> None:
    counting = Counting(lambda _text: True)
    found = smallest_sub_edit("a", "b", counting, budget=10)
    assert (found.text, found.tried, found.parts, found.minimal) == ("b", 0, 1, True)
    assert not counting.batches


def test_candidates_come_in_batches() -> None:
    counting = Counting(lambda text: "fast" in text and "!" in text)
    found = smallest_sub_edit(RICE, EDITED, counting, budget=200)
    assert found.parts == 2
    assert len(counting.batches) < found.tried / 2


def test_neither_the_center_nor_the_whole_edit_is_tried_again() -> None:
    counting = Counting(lambda text: "fast" in text)
    smallest_sub_edit(RICE, EDITED, counting, budget=200)
    assert not {RICE, EDITED} & set(counting.texts)


@pytest.mark.parametrize("budget", range(12))
def test_a_small_budget_is_kept_and_told(budget: int) -> None:
    counting = Counting(lambda text: "fast" in text and text.endswith("  "))
    found = smallest_sub_edit(RICE, EDITED, counting, budget=budget)
    assert found.tried <= budget
    assert "fast" in found.text
    assert not found.minimal


def test_equal_texts_have_nothing_to_shrink() -> None:
    with pytest.raises(ValueError, match="nothing to shrink"):
        smallest_sub_edit("a", "a", lambda texts: [True] * len(texts), budget=1)


@given(st.sets(st.integers(0, 11), min_size=1, max_size=4), st.integers(2, 12))
@settings(deadline=None)
def test_a_planted_set_is_found_exactly(planted: set[int], count: int) -> None:
    needed = {number % count for number in planted}

    def fails(texts: Sequence[str]) -> list[bool]:
        return [needed <= set(map(int, text.split())) for text in texts]

    asked = Asked(fails, budget=500, known={"": False})
    found = delta_debug(range(count), lambda some: " ".join(map(str, some)), asked)
    assert (set(found.items), found.minimal) == (needed, True)


@given(st.randoms(use_true_random=False))
@settings(deadline=None, max_examples=60)
def test_what_is_called_minimal_is(random: object) -> None:
    whole = hunks(RICE, EDITED)
    verdicts: dict[str, bool] = {RICE: False, EDITED: True}

    def fails(texts: Sequence[str]) -> list[bool]:
        return [verdicts.setdefault(text, getattr(random, "random")() < 0.3) for text in texts]  # noqa: B009

    found = smallest_sub_edit(RICE, EDITED, fails, budget=400)
    assert verdicts[found.text]
    assert found.minimal
    kept = next(
        some for some in combinations(whole, found.parts) if applied(RICE, some) == found.text
    )
    for smaller in combinations(kept, found.parts - 1):
        assert not verdicts[applied(RICE, smaller)]
