"""Samples with their focus -> the pictures of a report: where two phrasings looked."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_promptchaos.models.pictures import thumbnail
from pytest_promptchaos.records import Overlay

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from pytest_promptchaos.asking import Inquiry
    from pytest_promptchaos.focus_evidence import Key, Looked
    from pytest_promptchaos.measure.focus import FocusMap
    from pytest_promptchaos.measure.focus_similarity import Similarity
    from pytest_promptchaos.records import Answer, Sample


def overlays(
    inquiry: Inquiry,
    samples: Sequence[Sample],
    seen: Looked,
    alike: Mapping[Key, Similarity],
    most: int,
) -> tuple[Overlay, ...]:
    """Return at most ``most`` pictures, one per sample: first those whose answers contradict.

    Beside the base phrasing stands the one that contradicts it most surely, by its margin; where
    none does, the one whose focus is least like the base's. Images take turns.
    """
    pairs = sorted(_pairs(samples, alike), key=lambda pair: not _flipped(pair[1], pair[2]))
    images = {one.id: one.image for one in inquiry.shown}
    found: list[Overlay] = []
    used: set[str] = set()
    for again in (False, True):
        for sample, base, other in pairs:
            image = images[sample.shown]
            maps = seen.maps[sample.id, base.phrasing], seen.maps[sample.id, other.phrasing]
            if len(found) == most or image is None or maps[0].grid is None:
                continue
            if (sample.shown in used) is again and not any(o.sample == sample.id for o in found):
                used.add(sample.shown)
                similarity = alike[sample.id, other.phrasing]
                found.append(_overlay(sample, (base, other), maps, similarity, thumbnail(image)))
    return tuple(found)


def _pairs(
    samples: Sequence[Sample], alike: Mapping[Key, Similarity]
) -> Iterator[tuple[Sample, Answer, Answer]]:
    """Yield every sample that has maps with its base answer and the one to hold beside it."""
    for sample in samples:
        base, *others = sample.as_is
        mapped = [one for one in others if (sample.id, one.phrasing) in alike]
        flipping = [one for one in mapped if _flipped(base, one)]
        if flipping:
            yield sample, base, max(flipping, key=lambda one: abs(one.margin or 0.0))
        elif mapped:
            least = min(mapped, key=lambda one: alike[sample.id, one.phrasing].cosine)
            yield sample, base, least


def _flipped(base: Answer, other: Answer) -> bool:
    return None not in (base.affirms, other.affirms) and base.affirms is not other.affirms


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
        flipped=None if unclear else _flipped(base, other),
        picture=picture,
        grid=maps[0].grid or (0, 0),
        focus_a=tuple(map(float, maps[0].values)),
        focus_b=tuple(map(float, maps[1].values)),
        similarity=alike.named,
        provenance=maps[0].provenance.words,
    )
