"""Records of propositions asked about images: models that see, that contradict themselves, or not.

The pictures are drawn here, a thorax with a heart of one of two widths, as grey PNG.
"""

from __future__ import annotations

import base64
import math
import random
import struct
import zlib
from functools import cache
from typing import TYPE_CHECKING

from pytest_promptchaos.records import (
    Answer,
    Control,
    Curve,
    Limit,
    Measurement,
    Outcome,
    Overlay,
    Sample,
)
from report.conftest import record, verdict

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pytest_promptchaos.records import Condition, Polarity, Quadrant, Record, Verdict

FORMS: tuple[tuple[str, str, Polarity], ...] = (
    ("presence", "Is there {}?", 1),
    ("evidence", "Is there evidence of {}?", 1),
    ("shows", "Does the image show {}?", 1),
    ("absent", "Is {} absent?", -1),
    ("free", "Is the image free of {}?", -1),
    ("rule out", "Can you rule out {}?", -1),
)
FINDINGS = ("cardiomegaly", "pleural effusion")
PICTURES = 12
TRAINED = 4
"""How many of the forms a model that reads only common phrasings gets right."""

PARTS = ("vision tower",) * 7 + ("projector",) * 2 + ("language",) * 8


def holds(picture: int, finding: str) -> bool:
    """Return the truth of a finding on a picture."""
    return (picture + FINDINGS.index(finding)) % 2 == 0


def answer(form: int, finding: str, *, affirms: bool | None, sure: float, **other: str) -> Answer:
    """Return an answer that affirms or denies the finding, or leaves it open."""
    kind, template, polarity = FORMS[form]
    said = None if affirms is None else affirms is (polarity == 1)
    words = {True: "Yes", False: "No", None: "It depends on the clinical"}[said]
    return Answer(
        phrasing=f"{finding} {kind}",
        kind=kind,
        question=template.format(finding),
        polarity=polarity,
        condition=other.get("condition", "as is"),  # type: ignore[arg-type]
        change=other.get("change", ""),
        said={True: "yes", False: "no", None: "unclear"}[said],  # type: ignore[arg-type]
        rule="neither yes nor no" if said is None else f"begins with {words!r}",
        text=words,
        margin=sure if said else -sure,
        mass=0.98,
    )


def controls_of(finding: str, *, base: bool, sees: bool, sure: float) -> tuple[Answer, ...]:
    """Return the answers to the first phrasing under every other condition."""

    def under(condition: Condition, affirms: bool, change: str = "") -> Answer:
        return answer(0, finding, affirms=affirms, sure=sure, condition=condition, change=change)

    return (
        under("again", base),
        under("removed", base and not sees),
        under("swapped", base is not sees, "p07.png"),
        under("swapped", base is not sees, "p08.png"),
        under("perturbed", base, "brightness +20 %"),
        under("perturbed", base, "JPEG quality 60"),
        under("perturbed", not base if sure > 4.5 else base, "crop 4 %"),
    )


def sample(
    picture: int, finding: str, flips: Sequence[int], *, sees: bool, vague: bool = False
) -> Sample:
    """Return a sample whose forms in ``flips`` contradict the first."""
    draw = random.Random(f"{picture} {finding}")
    truth = holds(picture, finding)
    base = truth if sees else True
    as_is = tuple(
        answer(
            form,
            finding,
            affirms=None if vague and form == 2 else base is not (form in flips),
            sure=round(draw.uniform(1.2, 5.0), 2),
        )
        for form in range(len(FORMS))
    )
    others = controls_of(finding, base=base, sees=sees, sure=round(draw.uniform(2, 5), 2))
    return Sample(
        id=f"p{picture:02} {finding}",
        shown=f"p{picture:02}.png",
        proposition=finding,
        truth=truth,
        answers=as_is + others,
        quadrant=quadrant(consistent=not flips and not vague, reliant=sees),
    )


def quadrant(*, consistent: bool, reliant: bool) -> Quadrant:
    """Return the quadrant of the two answers."""
    if consistent:
        return "ideal" if reliant else "dangerous"
    return "fragile" if reliant else "worst"


@cache
def samples(
    *, reads: int = TRAINED, sees: bool = True, pictures: int = PICTURES
) -> tuple[Sample, ...]:
    """Return the samples of a model that gets the first ``reads`` forms right and others seldom."""
    made = []
    for picture in range(1, pictures + 1):
        for place, finding in enumerate(FINDINGS):
            seldom = [
                form for form in range(reads, len(FORMS)) if (picture * form + place) % 3 == 1
            ]
            vague = reads < len(FORMS) and picture == 5 and not place
            made.append(sample(picture, finding, seldom, sees=sees, vague=vague))
    return tuple(made)


def png(width: int, height: int, grey: Callable[[float, float], float]) -> str:
    """Return a grey picture as a data URI; ``grey`` gives 0 to 1 at places from -1 to 1."""
    rows = b"".join(
        b"\0"
        + bytes(
            round(255 * max(0.0, min(1.0, grey(2 * x / width - 1, 2 * y / height - 1))))
            for x in range(width)
        )
        for y in range(height)
    )
    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    chunks = ((b"IHDR", head), (b"IDAT", zlib.compress(rows, 9)), (b"IEND", b""))
    data = b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
        for name, body in chunks
    )
    return f"data:image/png;base64,{base64.b64encode(data).decode()}"


@cache
def chest(heart: float, *, width: int = 96, height: int = 96) -> str:
    """Return a chest picture whose heart is ``heart`` wide, the thorax 0.8 to each side."""

    def grey(x: float, y: float) -> float:
        thorax = 0.55 * math.exp(-((x / 0.85) ** 6 + (y / 0.92) ** 6))
        lungs = sum(
            0.35 * math.exp(-((((x - side) / 0.3) ** 2 + ((y + 0.1) / 0.6) ** 2) ** 2))
            for side in (-0.42, 0.42)
        )
        middle = 0.45 * math.exp(-((((x - 0.1) / heart) ** 2 + ((y - 0.35) / 0.38) ** 2) ** 3))
        ribs = 0.05 * math.sin(16 * (y + 0.25 * x * x))
        return 0.08 + thorax - lungs + middle + ribs * thorax

    return png(width, height, grey)


def focus(rows: int, columns: int, at: tuple[float, float], spread: float) -> tuple[float, ...]:
    """Return a focus around a place, which sums to 1."""
    weights = [
        0.12 + math.exp(-((row - at[0]) ** 2 + (column - at[1]) ** 2) / spread)
        for row in range(rows)
        for column in range(columns)
    ]
    return tuple(one / sum(weights) for one in weights)


def overlay(
    one: Sample, form: int, *, grid: tuple[int, int] = (6, 6), picture: str = ""
) -> Overlay:
    """Return where the first phrasing and another one looked."""
    base, other = one.as_is[0], one.as_is[form]
    return Overlay(
        sample=one.id,
        question_a=base.question,
        question_b=other.question,
        said_a=base.said,
        said_b=other.said,
        margin_a=base.margin,
        margin_b=other.margin,
        flipped=None if other.affirms is None else other.affirms != base.affirms,
        picture=picture or chest(0.5 if one.truth else 0.28),
        grid=grid,
        focus_a=focus(*grid, (3.6, 2.9), 2.6),
        focus_b=focus(*grid, (3.3, 3.2), 3.4),
        similarity={"cosine": 0.961, "JS (nats)": 0.0123, "SSIM": 0.874},
        provenance="attention from the token that answers, mean over 4 heads of 3 layers; "
        "1 sink (patch 0) removed; 0.31 of the attention lies on the picture",
    )


def measured(
    name: str, value: float, n: int = 24, parts: tuple[Measurement, ...] = ()
) -> Measurement:
    """Return a share with an interval, clustered by image."""
    reach = 0.9 * math.sqrt(max(0.02, value * (1 - value)) / n) * 2
    return Measurement(
        name=name,
        unit="share, 0 to 1",
        value=value,
        low=max(0.0, value - reach),
        high=min(1.0, value + reach),
        interval="clustered by image, 12 images",
        resampled="images",
        resampled_n=PICTURES,
        n=n,
        effective_n=n,
        breakdown=parts,
    )


def flip_share(found: Sequence[Sample], form: int | None = None) -> float:
    """Return the share of phrasings, or of one, that contradict the first."""
    pairs = [
        (one.as_is[0].affirms, other.affirms)
        for one in found
        for place, other in enumerate(one.as_is)
        if place and form in (None, place)
    ]
    known = [pair for pair in pairs if None not in pair]
    return sum(one != other for one, other in known) / max(1, len(known))


def contradicting(one: Sample) -> list[Answer]:
    """Return the answers that affirm what the first denies, or the other way round."""
    known = [other for other in one.as_is if other.affirms is not None]
    return [other for other in known if other.affirms != one.as_is[0].affirms]


def beside(found: Sequence[Sample]) -> tuple[Measurement, ...]:
    """Return what a check of answers measures, the share of ideal samples first."""
    shares = {
        name: sum(one.quadrant == name for one in found) / len(found)
        for name in ("ideal", "fragile", "dangerous", "worst")
    }
    kinds = tuple(
        measured(FORMS[form][0], flip_share(found, form), 24) for form in range(1, len(FORMS))
    )
    lift = Measurement(
        name="stable-focus lift", unit="ratio", reason="no pair of phrasings flips", n=0
    )
    return (
        *(measured(f"{name}_share", share) for name, share in shares.items()),
        measured("flip_rate", flip_share(found), 120, kinds),
        measured("pairwise_flip_rate", 0.4 * flip_share(found), 360),
        measured("inconsistent_samples", shares["fragile"] + shares["worst"]),
        measured("parse_rate", 0.993, 144),
        measured("text_only_agreement", shares["dangerous"] + shares["worst"] or 0.46),
        measured("accuracy", 0.97 if shares["ideal"] else 0.5, 144),
        lift,
        measured("growth in the projector", 0.1, 6),
    )


def through_depth() -> tuple[Curve, ...]:
    """Return how far two phrasings lie apart in tower, projector and language layers."""

    def line(series: str, rate: float, tower: float) -> Curve:
        y = tuple(
            tower if part != "language" else rate * (1 - math.exp(-0.5 * (place - 8)))
            for place, part in enumerate(PARTS)
        )
        return Curve(
            name="divergence of two phrasings",
            x_label="place in the model",
            y_label="relative distance (band: 95 %)",
            x=tuple(map(float, range(len(PARTS)))),
            y=y,
            low=tuple(0.8 * one for one in y),
            high=tuple(1.2 * one for one in y),
            series=series,
            labels=PARTS,
        )

    return (
        line("phrasings that flip", 0.62, 0.0),
        line("phrasings that agree", 0.41, 0.0),
        line("image perturbed", 0.12, 0.05),
    )


def scaling() -> tuple[Curve, ...]:
    """Return a sweep of spectral scaling."""
    factors = (0.5, 0.7, 0.85, 1.0, 1.15, 1.3)
    values = {
        "flip rate": (0.48, 0.33, 0.25, 0.22, 0.26, 0.37),
        "accuracy": (0.52, 0.74, 0.93, 0.97, 0.91, 0.7),
        "text-only agreement": (0.9, 0.66, 0.5, 0.46, 0.47, 0.55),
        "ideal share": (0.04, 0.21, 0.31, 0.33, 0.29, 0.17),
    }
    return tuple(
        Curve(
            name="spectral scaling",
            x_label="factor on the largest singular value",
            y_label="share",
            x=factors,
            y=y,
            series=series,
        )
        for series, y in values.items()
    )


def asked(
    outcome: Outcome = Outcome.FAILED,
    name: str = "tiny-xray",
    *,
    judged: str = "ideal_share",
    found: tuple[Sample, ...] | None = None,
    overlays: tuple[Overlay, ...] | None = None,
    **changes: object,
) -> Verdict:
    """Return a verdict on answers."""
    found = samples() if found is None else found
    taken = {one.name: one for one in beside(found)}
    one = taken.pop(judged)
    limit = (
        Limit(name=judged, at_least=0.8)
        if judged == "ideal_share"
        else Limit(name=judged, at_most=0.1)
    )
    typed = "ideal_at_least=0.8" if judged == "ideal_share" else "flips_at_most=0.1"
    number = f"{judged} {one.value:.3f} against {typed}"
    told = f"bundled:{name} asked about {', '.join(FINDINGS)}: {number}"
    if overlays is None:
        flipping = [each for each in found if each.as_is[5] in contradicting(each)][:2]
        calm = [each for each in found if each.quadrant == "ideal"][:1]
        overlays = (*(overlay(each, 1) for each in calm), *(overlay(each, 5) for each in flipping))
    whole: dict[str, object] = {
        "check": "consistent_answers",
        "id": f"consistent_answers({', '.join(FINDINGS)})",
        "measurement": one,
        "limit": limit,
        "sentence": told,
        "explanation": f"{told}\n\nnext:\n  read the flips by phrasing kind in the report",
        "also": tuple(taken.values()),
        "pairs": (),
        "worst": None,
        "controls": (
            Control(
                name="image reliance",
                role="gate",
                state="held",
                words="24 of 24 answers change when the image is swapped, 0 when it is perturbed",
            ),
            Control(name="positive control", role="gate", state="held", words="another finding"),
        ),
        "curves": (*through_depth(), *scaling()),
        "samples": found,
        "overlays": overlays,
        "settings": {"prompts": ", ".join(FINDINGS), "reliance": "swapped", "seed": 0},
    }
    return verdict(outcome, name, **(whole | changes))


def answer_records() -> tuple[Record, ...]:
    """Return the records of a model that reads common phrasings, and of one that sees nothing."""
    blind = samples(reads=len(FORMS), sees=False)
    return (
        record(asked(), asked(judged="flip_rate"), node="test_answers"),
        record(
            asked(name="tiny-blind", found=blind, overlays=(), curves=scaling()),
            node="test_answers",
        ),
    )
