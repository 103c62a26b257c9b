"""Samples with their focus -> the pictures of a report: where two phrasings looked."""

from __future__ import annotations

from itertools import zip_longest
from typing import TYPE_CHECKING, TypeAlias

from pytest_promptchaos.models.pictures import thumbnail
from pytest_promptchaos.records import Overlay, contradict

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from pytest_promptchaos.asking import Inquiry
    from pytest_promptchaos.focus_evidence import Key, Looked
    from pytest_promptchaos.measure.focus import FocusMap
    from pytest_promptchaos.measure.focus_similarity import Similarity
    from pytest_promptchaos.records import Answer, Sample

    Pair: TypeAlias = tuple[Sample, Answer, Answer]


def overlays(
    inquiry: Inquiry,
    samples: Sequence[Sample],
    seen: Looked,
    alike: Mapping[Key, Similarity],
    most: int,
) -> tuple[Overlay, ...]:
    """Return at most ``most`` pictures, one per sample: two that flip, then one that agrees.

    A stable focus in a flip means something only beside pairs that agree, so these take every
    third place, where there are both. Beside the base phrasing stands the one that contradicts it
    most surely, by its margin; in a pair that agrees, the one whose focus is least like the base's.
    Images take turns.
    """
    images = {one.id: one.image for one in inquiry.shown}
    drawn = [
        sample
        for sample in samples
        if images[sample.shown] is not None
        and (first := seen.maps.get((sample.id, sample.as_is[0].phrasing))) is not None
        and first.grid is not None
    ]
    flipping = _in_turn(list(_pairs(drawn, alike, flipping=True)))
    agreeing = _in_turn(list(_pairs(drawn, alike, flipping=False)))
    return tuple(
        _overlay(
            sample,
            (base, other),
            (seen.maps[sample.id, base.phrasing], seen.maps[sample.id, other.phrasing]),
            alike[sample.id, other.phrasing],
            thumbnail(image),
        )
        for sample, base, other in _interleaved(flipping, agreeing)[:most]
        if (image := images[sample.shown]) is not None
    )


def _interleaved(flipping: Sequence[Pair], agreeing: Sequence[Pair]) -> list[Pair]:
    """Return two pairs that flip, one that agrees, and so on; every sample once."""
    found: list[Pair] = []
    left = [list(flipping), list(flipping), list(agreeing)]
    while any(left):
        for pairs in left:
            used = {sample.id for sample, *_ in found}
            pairs[:] = [pair for pair in pairs if pair[0].id not in used]
            found += pairs[:1]
    return found


def _in_turn(pairs: Sequence[Pair]) -> list[Pair]:
    """Return the pairs, one of every image before the second of any, of other propositions."""
    by_image: dict[str, list[Pair]] = {}
    for pair in pairs:
        by_image.setdefault(pair[0].shown, []).append(pair)
    turned = [
        own[place % len(own) :] + own[: place % len(own)]
        for place, own in enumerate(by_image.values())
    ]
    return [pair for row in zip_longest(*turned) for pair in row if pair is not None]


def _pairs(
    samples: Sequence[Sample], alike: Mapping[Key, Similarity], *, flipping: bool
) -> Iterator[Pair]:
    """Yield every sample with its base answer and the one to hold beside it, if it has one."""
    for sample in samples:
        base, *others = sample.as_is
        mapped = [
            one
            for one in others
            if (sample.id, one.phrasing) in alike and contradict(base, one) is flipping
        ]
        if mapped and flipping:
            yield sample, base, max(mapped, key=lambda one: abs(one.margin or 0.0))
        elif mapped:
            least = min(mapped, key=lambda one: alike[sample.id, one.phrasing].cosine)
            yield sample, base, least


def _overlay(
    sample: Sample,
    pair: tuple[Answer, Answer],
    maps: tuple[FocusMap, FocusMap],
    alike: Similarity,
    picture: str,
) -> Overlay:
    base, other = pair
    unclear = base.affirms is None or other.affirms is None
    return Overlay(
        sample=sample.id,
        question_a=base.question,
        question_b=other.question,
        said_a=base.said,
        said_b=other.said,
        margin_a=base.margin,
        margin_b=other.margin,
        flipped=None if unclear else contradict(base, other),
        picture=picture,
        grid=maps[0].grid or (0, 0),
        focus_a=tuple(map(float, maps[0].values)),
        focus_b=tuple(map(float, maps[1].values)),
        similarity=alike.named,
        provenance=maps[0].provenance.words,
    )
