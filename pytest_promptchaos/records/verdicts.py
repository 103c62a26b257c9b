"""What was found, how it was judged, and what one pytest item left behind."""

from __future__ import annotations

import json
from collections.abc import Mapping  # noqa: TC003 - pydantic reads the annotations
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Literal, TypeAlias

from pytest_promptchaos.records.answers import Overlay, Sample  # noqa: TC001
from pytest_promptchaos.records.branches import BranchCard, Pair  # noqa: TC001
from pytest_promptchaos.records.bridges import Bridge  # noqa: TC001
from pytest_promptchaos.records.conversations import Agreement, Timeline  # noqa: TC001
from pytest_promptchaos.records.measurements import (  # noqa: TC001 - pydantic reads them
    Control,
    Curve,
    Limit,
    Measurement,
    Scalar,
)
from pytest_promptchaos.records.runs import ModelIdentity  # noqa: TC001

SCHEMA_VERSION = 1

Diagnosis: TypeAlias = Literal[
    "robust", "sensitive", "collapsed", "scaffold-masked", "blind", "noise", "undecided"
]


@dataclass(frozen=True, kw_only=True)
class Findings:
    """What a ``measure_*`` returns: the measurement to judge, and everything taken beside it.

    ``pairs`` hold every neighbor that was run or dropped, worst first; ``timelines`` every
    conversation, ``agreements`` how far their labels can be relied on, ``bridge`` an association
    with later behavior; ``samples`` are propositions asked in several phrasings, ``overlays`` where
    two phrasings looked. ``settings`` are the knobs that the numbers depend on.
    """

    model: ModelIdentity
    measurement: Measurement
    also: tuple[Measurement, ...] = ()
    controls: tuple[Control, ...] = ()
    pairs: tuple[Pair, ...] = ()
    curves: tuple[Curve, ...] = ()
    cards: tuple[BranchCard, ...] = ()
    timelines: tuple[Timeline, ...] = ()
    agreements: tuple[Agreement, ...] = ()
    bridge: Bridge | None = None
    samples: tuple[Sample, ...] = ()
    overlays: tuple[Overlay, ...] = ()
    diagnosis: Diagnosis | None = None
    settings: Mapping[str, Scalar] = field(default_factory=dict)
    runs_measured: int = 0
    runs_reused: int = 0
    seconds: float = 0.0


class Outcome(StrEnum):
    """The four verdicts. Only ``passed`` is green."""

    PASSED = "passed"
    FAILED = "failed"
    INCONCLUSIVE = "inconclusive"
    INVALID = "invalid"


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """A measurement held against a limit, with everything needed to show why.

    ``measurement`` is the one that was judged, ``also`` the others taken beside it.
    ``pairs`` hold every neighbor that was run or dropped, worst first; ``worst`` is the id of
    the neighbor that shows the number best. ``explanation`` is the text a user reads.
    """

    check: str
    id: str
    model: ModelIdentity
    outcome: Outcome
    measurement: Measurement
    limit: Limit
    explanation: str
    sentence: str
    seed: int
    also: tuple[Measurement, ...] = ()
    controls: tuple[Control, ...] = ()
    pairs: tuple[Pair, ...] = ()
    worst: str | None = None
    curves: tuple[Curve, ...] = ()
    cards: tuple[BranchCard, ...] = ()
    timelines: tuple[Timeline, ...] = ()
    agreements: tuple[Agreement, ...] = ()
    bridge: Bridge | None = None
    samples: tuple[Sample, ...] = ()
    overlays: tuple[Overlay, ...] = ()
    diagnosis: Diagnosis | None = None
    settings: Mapping[str, Scalar] = field(default_factory=dict)
    runs_measured: int = 0
    runs_reused: int = 0
    expect: Literal["passed", "failed"] = "passed"
    seconds: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Record:
    """What one pytest item left behind: the unit of the JSON evidence file.

    ``bridges`` are those of a whole session, pooled and per model, in a record of their own.
    """

    node_id: str
    status: Literal["passed", "failed", "error", "interrupted"]
    verdicts: tuple[Verdict, ...]
    environment: Mapping[str, str]
    bridges: tuple[Bridge, ...] = ()
    message: str = ""
    started: str = ""
    seconds: float = 0.0
    worker: str = "main"
    schema_version: int = SCHEMA_VERSION


def to_plain(record: Record) -> dict[str, object]:
    """Return the record as dictionaries, lists and scalars of the plainest types.

    Through JSON and back, because xdist carries no subclass of them: no enumeration, no numpy
    scalar. Raises ``ValueError`` for a number that is not finite.
    """
    plain: dict[str, object] = json.loads(json.dumps(asdict(record), allow_nan=False))
    return plain


def from_plain(plain: object) -> Record:
    """Return the record that :func:`to_plain` wrote; raises ``ValueError`` with what is wrong.

    A record of a newer schema is refused, because its fields cannot be trusted to mean the same.
    """
    # Imported here: reading happens once at the end of a run, and pytest must start without it.
    from pydantic import TypeAdapter

    version = plain.get("schema_version") if isinstance(plain, dict) else None
    if not isinstance(version, int) or version > SCHEMA_VERSION:
        raise ValueError(
            f"record has schema version {version!r}; this version of pytest-promptchaos reads up "
            f"to {SCHEMA_VERSION}: upgrade it to read this file"
        )
    return TypeAdapter(Record).validate_python(plain)
