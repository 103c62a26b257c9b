"""Values by image -> a share: an image is one cluster, in words of images."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_promptchaos.measure.by_image import share_by_image


def test_values_that_could_not_be_taken_count_in_n_alone() -> None:
    values = [("a", 1.0), ("a", None), ("b", 0.5), ("c", None)]
    found = share_by_image("s", values, absent="", left_out="nobody answered")
    assert (found.value, found.n, found.effective_n) == (0.75, 4, 2)
    assert found.interval.endswith("; 2 of 4 samples left out: nobody answered")


def test_nothing_is_absent_with_its_reason() -> None:
    found = share_by_image("s", [("a", None)], absent="nobody answered")
    assert (found.value, found.reason, found.n) == (None, "nobody answered", 1)


def test_whole_answers_one_per_image_have_a_wilson_interval() -> None:
    found = share_by_image("s", [("a", 1.0), ("b", 0.0)], absent="", images="passages")
    assert found.interval == "95 % Wilson over 2 passages"
    assert (found.resampled, found.resampled_n) == ("passages", 2)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ([("a", 0.5)], "a single sample: no interval"),
        ([("a", 1.0), ("a", 1.0)], "all 2 samples equal; up to 78% of others may still differ"),
        ([("a", 1.0), ("a", 0.0), ("a", 0.5)], "3 samples within 1 image, not over images"),
        ([(f"{p}", p / 8) for p in range(6)], "over 6 images"),
    ],
)
def test_words_speak_of_images_and_samples(
    values: list[tuple[str, float | None]], words: str
) -> None:
    found = share_by_image("s", values, absent="")
    assert words in found.interval
    assert "prompt" not in found.interval + found.resampled
    assert "neighbor" not in found.interval + found.resampled


@settings(max_examples=40, deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from("abcdefg"), st.none() | st.floats(0, 1)), min_size=1, max_size=12
    ),
    st.randoms(),
)
def test_a_share_lies_in_its_interval_whatever_the_order(
    values: list[tuple[str, float | None]], shuffle: object
) -> None:
    found = share_by_image("s", values, absent="none")
    mixed = list(values)
    shuffle.shuffle(mixed)  # type: ignore[attr-defined]
    assert share_by_image("s", mixed, absent="none") == found
    if found.value is not None and found.low is not None and found.high is not None:
        assert 0.0 <= found.low <= found.value <= found.high <= 1.0
