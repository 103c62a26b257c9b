"""Which pairs of phrasings are drawn with where they looked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pytest_promptchaos.measure.focus_similarity import Similarity
from pytest_promptchaos.overlays import _interleaved, _pairs
from pytest_promptchaos.records import Answer, Sample

if TYPE_CHECKING:
    from collections.abc import Sequence

Word = Literal["yes", "no"]


def answer(name: str, said: Word, margin: float) -> Answer:
    return Answer(
        phrasing=name,
        kind=name,
        question=name,
        polarity=1,
        condition="as is",
        said=said,
        rule="",
        text=said,
        margin=margin,
    )


def sample(name: str, *said: Word) -> Sample:
    answers = [answer(f"q{place}", word, 5.0 - place) for place, word in enumerate(said)]
    return Sample(id=name, shown=name, proposition="x", truth=None, answers=tuple(answers))


def alike(samples: Sequence[Sample]) -> dict[tuple[str, str], Similarity]:
    return {
        (one.id, other.phrasing): Similarity(cosine=1 - place / 10, js=0.0)
        for one in samples
        for place, other in enumerate(one.as_is)
    }


def chosen(samples: Sequence[Sample]) -> list[tuple[str, str, bool]]:
    pairs = [list(_pairs(samples, alike(samples), flipping=flag)) for flag in (True, False)]
    return [(s.id, other.phrasing, other in s.flips) for s, _, other in _interleaved(*pairs)]


def test_every_third_picture_agrees_also_where_every_sample_flips() -> None:
    samples = [sample(name, "yes", "no", "yes") for name in "abcdef"]
    assert [flips for *_, flips in chosen(samples)][:6] == [True, True, False] * 2


def test_every_sample_is_drawn_once() -> None:
    names = [name for name, *_ in chosen([sample(name, "yes", "no", "yes") for name in "abcde"])]
    assert sorted(names) == list("abcde")


def test_the_surest_flip_and_the_least_alike_agreement_are_drawn() -> None:
    flips = sample("a", "yes", "no", "no")
    agrees = sample("b", "yes", "yes", "yes")
    assert chosen([flips, agrees]) == [("a", "q1", True), ("b", "q2", False)]


def test_where_nothing_flips_only_agreements_are_drawn() -> None:
    assert chosen([sample("a", "yes", "yes"), sample("b", "no", "no")]) == [
        ("a", "q1", False),
        ("b", "q1", False),
    ]
