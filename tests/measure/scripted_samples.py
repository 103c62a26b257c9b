"""Samples whose answers are told by a rule, for flips and quadrants whose values are known."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, TypeAlias

from hypothesis import strategies as st

from pytest_promptchaos.records import Answer, Condition, Polarity, Said, Sample

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

KINDS: tuple[tuple[str, Polarity], ...] = (
    ("presence", 1),
    ("present", 1),
    ("evidence", 1),
    ("shows", 1),
    ("free", -1),
    ("absent", -1),
    ("rule out", -1),
)
CHANGES = ("brightness +20 %", "brightness -20 %", "shift 2 % right", "JPEG quality 60", "crop 4 %")
Speaker: TypeAlias = "Callable[[Polarity, Condition, bool, str, int], Said]"
"""What is said to a polarity, under a condition, where this truth is shown, by image and turn."""


def answer(
    kind: str,
    polarity: Polarity,
    said: Said,
    condition: Condition = "as is",
    *,
    change: str = "",
    margin: float | None = None,
    mass: float | None = None,
) -> Answer:
    """One answer to one kind of phrasing."""
    return Answer(
        phrasing=kind,
        kind=kind,
        question=f"{kind}?",
        polarity=polarity,
        condition=condition,
        said=said,
        rule=f"begins with {said!r}",
        text=said,
        change=change,
        margin=margin,
        mass=mass,
    )


def in_words(affirms: bool, polarity: Polarity) -> Said:
    """What one says who affirms a proposition, or denies it, to a phrasing of this polarity."""
    return "yes" if affirms is (polarity == 1) else "no"


def sample(
    speaker: Speaker,
    *,
    image: str = "p1",
    proposition: str = "cardiomegaly",
    truth: bool = True,
    kinds: Sequence[tuple[str, Polarity]] = KINDS,
    swaps: int = 2,
) -> Sample:
    """One proposition asked of one image under every condition; swaps hold the opposite."""
    base, polarity = kinds[0]
    asked: list[tuple[str, Polarity, Condition, bool, str]] = [
        *((kind, sign, "as is", truth, "") for kind, sign in kinds),
        *((kind, sign, "removed", truth, "") for kind, sign in kinds),
        *((base, polarity, "swapped", not truth, f"q{n}") for n in range(swaps)),
        *((base, polarity, "perturbed", truth, change) for change in CHANGES),
        (base, polarity, "again", truth, ""),
    ]
    return Sample(
        id=f"{image}/{proposition}",
        shown=image,
        proposition=proposition,
        truth=truth,
        answers=tuple(
            answer(
                kind, sign, speaker(sign, condition, there, image, turn), condition, change=change
            )
            for turn, (kind, sign, condition, there, change) in enumerate(asked)
        ),
    )


def samples(
    speaker: Speaker, images: int = 12, kinds: Sequence[tuple[str, Polarity]] = KINDS
) -> list[Sample]:
    """Two propositions asked of every image, of which one holds."""
    return [
        sample(speaker, image=f"p{number:02}", proposition=name, truth=truth, kinds=kinds)
        for number in range(images)
        for name, truth in (("cardiomegaly", number % 2 == 0), ("effusion", number % 2 == 1))
    ]


def yes_to_everything(
    polarity: Polarity, condition: Condition, there: bool, image: str, turn: int
) -> Said:
    return "yes"


def by_proposition(
    polarity: Polarity, condition: Condition, there: bool, image: str, turn: int
) -> Said:
    """Sees what is there; without the image it affirms nothing."""
    return in_words(there and condition != "removed", polarity)


def without_looking(
    polarity: Polarity, condition: Condition, there: bool, image: str, turn: int
) -> Said:
    """Affirms everything of every image, in whatever words it is asked."""
    return in_words(True, polarity)


_SIGNS: tuple[Polarity, ...] = (1, -1)
_SAIDS: tuple[Said, ...] = ("yes", "no", "unclear")
_OTHERS: tuple[Condition, ...] = ("swapped", "perturbed", "removed", "again")
polarities, saids = st.sampled_from(_SIGNS), st.sampled_from(_SAIDS)


@st.composite
def any_samples(draw: st.DrawFn) -> list[Sample]:
    """Up to eight samples of up to four images, answered anyhow under every condition."""
    made = []
    for number in range(draw(st.integers(1, 8))):
        asked = draw(st.lists(st.tuples(polarities, saids), min_size=1, max_size=5))
        kind_of = draw(st.lists(st.sampled_from("abc"), min_size=5, max_size=5))
        base = asked[0][0]
        answers = [
            _named(answer(kind_of[place], sign, said), place)
            for place, (sign, said) in enumerate(asked)
        ]
        for condition in _OTHERS:
            for said in draw(st.lists(saids, max_size=1 if condition == "removed" else 3)):
                answers.append(_named(answer(kind_of[0], base, said, condition), 0))
        made.append(
            Sample(
                id=f"s{number}",
                shown=f"p{draw(st.integers(0, 3))}",
                proposition=draw(st.sampled_from(["x", "y"])),
                truth=draw(st.sampled_from([True, False, None])),
                answers=tuple(answers),
            )
        )
    return made


def _named(one: Answer, place: int) -> Answer:
    return replace(one, phrasing=f"{one.kind} {place}")
