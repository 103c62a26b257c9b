"""Flips with a stable focus beside agreements with one: a contrast, or none."""

from __future__ import annotations

from itertools import cycle, islice

import numpy as np
import pytest

from pytest_promptchaos.measure.focus_lift import (
    Compared,
    Lift,
    focus_measurements,
    stable_focus_lift,
)
from pytest_promptchaos.measure.focus_similarity import Null, Similarity

NO_NULL = Null(name="the same prompt again (0 pairs)", pairs=())


def alike(cosine: float) -> Similarity:
    return Similarity(cosine=cosine, js=(1 - cosine) / 2, reason="no SSIM: the image tokens ...")


def null(*cosines: float) -> Null:
    return Null(name="same question, another image", pairs=tuple(alike(c) for c in cosines))


def counted(stable_flips: int, flips: int, stable_rest: int, rest: int, images: int) -> Lift:
    """A lift from counts, spread evenly over images."""
    similar = [1.0] * stable_flips + [0.0] * (flips - stable_flips)
    similar += [1.0] * stable_rest + [0.0] * (rest - stable_rest)
    names = list(islice(cycle(range(images)), flips + rest))
    return stable_focus_lift(similar, [True] * flips + [False] * rest, names, stable_at=0.5)


# -- known answers --------------------------------------------------------------------------------


def test_the_published_figures_are_no_contrast() -> None:
    found = counted(871, 1000, 879, 1000, 200)
    assert found.given_flip.value == 0.871
    assert found.given_agreement.value == 0.879
    assert found.ratio.value == pytest.approx(0.9909, abs=1e-4)
    assert found.ratio.low is not None
    assert found.ratio.high is not None
    assert 0.95 < found.ratio.low < 1 < found.ratio.high < 1.03
    assert found.difference.value == pytest.approx(-0.008)
    assert found.words.startswith("no contrast: ")
    assert found.ratio.interval.endswith(found.words)


def test_a_planted_lift_is_found() -> None:
    found = counted(90, 100, 120, 200, 24)
    assert found.ratio.value == pytest.approx(1.5)
    assert found.ratio.low is not None
    assert found.ratio.low > 1.2
    assert found.difference.low is not None
    assert found.difference.low > 0.15
    assert found.words == "focus is more often stable where answers flip than where they agree"


def test_a_focus_that_moves_with_the_flip_has_a_lift_below_one() -> None:
    found = counted(20, 100, 180, 200, 24)
    assert found.ratio.high is not None
    assert found.ratio.high < 0.5
    assert found.words == "focus is less often stable where answers flip than where they agree"


def test_nine_in_ten_flips_with_a_stable_focus_alone_say_nothing() -> None:
    found = counted(9, 10, 0, 0, 5)
    assert found.given_flip.value == 0.9
    assert (found.ratio.value, found.difference.value) == (None, None)
    assert found.given_agreement.reason == "no pair of phrasings agrees"
    assert found.words == "no contrast can be told: no pair of phrasings agrees: no contrast"


def test_without_flips_there_is_no_lift() -> None:
    found = counted(0, 0, 8, 10, 5)
    assert found.given_flip.reason == "no pair of phrasings flips"
    assert found.ratio.reason == "no pair of phrasings flips: no contrast"


def test_no_pairs_at_all_are_an_absence_too() -> None:
    found = stable_focus_lift([], [], [], stable_at=0.9)
    assert [one.value for one in found.measurements] == [None] * 4


def test_where_no_agreement_is_stable_there_is_a_difference_and_no_ratio() -> None:
    found = counted(8, 10, 0, 30, 10)
    assert found.ratio.value is None
    assert found.ratio.reason is not None
    assert "a ratio to 0; see the difference" in found.ratio.reason
    assert found.difference.value == pytest.approx(0.8)


def test_one_image_has_values_and_no_interval() -> None:
    found = counted(3, 4, 5, 6, 1)
    assert found.ratio.value == pytest.approx(0.9)
    assert (found.ratio.low, found.given_flip.low) == (None, None)
    assert found.difference.interval == "no interval: a share rests on one image"
    assert found.words == "no contrast can be told from one image"


def test_pairs_of_one_image_are_no_evidence_of_their_own() -> None:
    def width(images: int) -> float:
        stable = np.repeat([1.0, 1.0, 0.0, 1.0] * (images // 4), 120 // images)
        flipped = np.tile([True, False], 60)
        names = np.repeat(np.arange(images), 120 // images).tolist()
        found = stable_focus_lift(stable.tolist(), flipped.tolist(), names, stable_at=0.5)
        assert found.difference.high is not None
        assert found.given_flip.high is not None
        assert found.given_flip.low is not None
        return found.given_flip.high - found.given_flip.low

    assert width(8) > 1.5 * width(60)


def test_stable_is_at_least_the_limit() -> None:
    found = stable_focus_lift([0.8, 0.79], [True, False], ["a", "b"], stable_at=0.8)
    assert (found.given_flip.value, found.given_agreement.value) == (1.0, 0.0)
    assert found.given_flip.interval.endswith("stable: a likeness of at least 0.8")


def test_lists_of_different_lengths_are_refused() -> None:
    with pytest.raises(ValueError, match="2 similarities, 1 flips, 2 images"):
        stable_focus_lift([0.1, 0.2], [True], ["a", "b"], stable_at=0.5)


# -- with nulls -----------------------------------------------------------------------------------


def compared(count: int = 24) -> list[Compared]:
    """Three pairs on each image: one flips, all have a focus far more alike than other images'."""
    return [
        Compared(image=f"p{image}", flipped=pair == 0, similarity=alike(0.95 + 0.001 * pair))
        for image in range(count)
        for pair in range(3)
    ]


def test_stable_is_what_another_image_reaches_in_one_of_twenty() -> None:
    others = null(*np.linspace(0.0, 0.98, 99))
    _, given_flip, *_ = focus_measurements(compared(), others, NO_NULL)
    assert given_flip.interval.endswith("stable: a likeness of at least 0.931")
    assert given_flip.value == 1.0
    stricter = focus_measurements(compared(), others, NO_NULL, stable_at=0.9505)
    assert (stricter[1].value, stricter[2].value) == (0.0, 1.0)


def test_similarity_stands_beside_flips_agreements_and_both_nulls() -> None:
    again = Null(name="the same prompt again", pairs=(alike(1.0),) * 2)
    mean, *_ = focus_measurements(compared(), null(0.8, 0.9), again)
    assert mean.value == pytest.approx(0.951)
    parts = {part.name: part.value for part in mean.breakdown}
    assert list(parts) == [
        "phrasings that flip",
        "phrasings that agree",
        "same question, another image",
        "the same prompt again",
    ]
    assert list(parts.values())[:2] == pytest.approx([0.95, 0.9515])
    assert mean.breakdown[2].value == pytest.approx(0.85)
    assert "no interval of the mean" in mean.breakdown[2].interval
    assert mean.unit == "cosine, 0 to 1"
    assert "prompt" not in mean.interval


def test_pairs_without_a_map_or_with_an_unclear_answer_are_counted() -> None:
    pairs = [
        *compared(2),
        Compared(image="p9", flipped=True, similarity=None),
        Compared(image="p9", flipped=None, similarity=alike(0.5)),
    ]
    mean, given_flip, given_agreement, *_ = focus_measurements(pairs, null(0.9), NO_NULL)
    assert (mean.n, mean.effective_n) == (8, 7)
    assert (given_flip.n, given_flip.effective_n, given_agreement.effective_n) == (8, 2, 4)
    assert [p.effective_n for p in mean.breakdown if p.name == "an unclear answer"] == [1]


def test_without_a_null_nothing_is_called_stable_unless_a_limit_is_given() -> None:
    mean, *lift = focus_measurements(compared(), NO_NULL, NO_NULL)
    assert mean.value is not None
    assert len(lift) == 4
    for one in lift:
        assert one.reason is not None
        assert one.reason.endswith("pass stable_at")
    assert focus_measurements(compared(), NO_NULL, NO_NULL, stable_at=0.9)[1].value == 1.0


def test_js_is_turned_into_a_likeness() -> None:
    mean, *_ = focus_measurements(compared(), null(0.5), NO_NULL, metric="js")
    assert mean.unit == "1 - JS / ln 2, 0 to 1"
    assert mean.value == pytest.approx(1 - 0.0245 / np.log(2))


def test_a_likeness_that_no_pair_has_is_absent_with_its_reason() -> None:
    mean, *lift = focus_measurements(compared(), null(0.5), NO_NULL, metric="ssim", stable_at=0.5)
    assert mean.reason == "no pair of phrasings has a ssim of two maps"
    assert [one.value for one in lift] == [None] * 4
