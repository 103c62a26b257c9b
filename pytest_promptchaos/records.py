"""The nouns that travel from stage to stage, and the one versioned ``Record``.

``prompt -> neighborhood -> runs -> measurement -> verdict -> report``: a stage takes the
previous noun and returns the next. All nouns are frozen and keyword-only. A number in them is
finite, or it is absent (``None``) with a ``reason``; there is no NaN anywhere.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping  # noqa: TC003 - pydantic reads the annotations
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Literal, TypeAlias

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

SCHEMA_VERSION = 1

Rung: TypeAlias = Literal[
    "identical",
    "format",
    "punctuation",
    "synonym",
    "paraphrase",
    "small_semantic",
    "positive_control",
]
Origin: TypeAlias = Literal["mechanical", "lexicon", "authored", "generated"]
Certification: TypeAlias = Literal["uncertified", "effective", "erased", "duplicate", "identical"]
Role: TypeAlias = Literal["system", "user", "assistant"]
BranchKind: TypeAlias = Literal[
    "immediate", "low margin", "high-confidence switch", "silent", "delayed"
]
Diagnosis: TypeAlias = Literal[
    "robust", "sensitive", "collapsed", "scaffold-masked", "blind", "noise", "undecided"
]
Scalar: TypeAlias = str | int | float | bool | None

RUNGS: tuple[Rung, ...] = (
    "identical",
    "format",
    "punctuation",
    "synonym",
    "paraphrase",
    "small_semantic",
    "positive_control",
)
"""The ladder, in order of size."""

SMALL_RUNGS: tuple[Rung, ...] = ("format", "punctuation", "synonym")
"""Edits that a reader would not notice: the default unit of a stability verdict."""


@dataclass(frozen=True, kw_only=True)
class Message:
    """One chat message."""

    role: Role
    content: str


@dataclass(frozen=True, kw_only=True)
class Image:
    """A reference to an image: where it lies and the sha256 of its bytes."""

    path: str
    sha256: str


@dataclass(frozen=True, kw_only=True)
class Prompt:
    """What is asked. ``text`` is the last user message; ``before`` holds the turns ahead of it."""

    id: str
    text: str
    before: tuple[Message, ...] = ()
    image: Image | None = None
    polarity: Literal[1, -1] | None = None
    proposition: str | None = None

    @property
    def messages(self) -> tuple[Message, ...]:
        """The whole conversation, ending with ``text`` as the user's message."""
        return (*self.before, Message(role="user", content=self.text))


@dataclass(frozen=True, kw_only=True)
class Neighbor:
    """An edited prompt. ``edit`` says in words what was changed; ``kind`` names the edit.

    ``token_delta`` counts the token edits (insert, delete, substitute) between the rendered
    center and the rendered neighbor; ``None`` until certified. ``reviewer`` names who found that
    an authored or generated text asks what it should; ``target`` names the edited message, and is
    empty for the last one.
    """

    id: str
    prompt: Prompt
    rung: Rung
    kind: str
    edit: str
    origin: Origin
    certification: Certification = "uncertified"
    token_delta: int | None = None
    reviewer: str = ""
    target: str = ""

    @property
    def gates(self) -> bool:
        """Whether a verdict may rest on it: generated text that nobody reviewed is only shown."""
        authored_rung = self.rung in {"paraphrase", "small_semantic"}
        return not (self.origin == "generated" and authored_rung and not self.reviewer)

    @property
    def sha256(self) -> str:
        """The sha256 of the whole edited conversation, as the ledger lists it."""
        turns = [[message.role, message.content] for message in self.prompt.messages]
        return hashlib.sha256(json.dumps(turns).encode()).hexdigest()


@dataclass(frozen=True, kw_only=True)
class Neighborhood:
    """A center and its neighbors. Ids do not depend on the order in which neighbors were made.

    ``unavailable`` says for every rung that was asked for but has no neighbor, why.
    """

    center: Prompt
    neighbors: tuple[Neighbor, ...]
    seed: int
    ladder_version: int
    unavailable: tuple[tuple[Rung, str], ...] = ()


@dataclass(frozen=True, kw_only=True)
class ModelIdentity:
    """Which model answered, exactly enough to tell two answers apart.

    ``fingerprint`` is the sha256 over configuration, tokenizer and weights; ``template`` the
    sha256 of the chat template (``"none"`` for a model without one). ``hardware`` names the kind
    of processor, because two kinds may round differently. ``notes`` hold what was switched or
    cleared, in words.
    """

    pin: str
    name: str
    revision: str
    fingerprint: str
    template: str
    dtype: str
    device: str
    attention: str
    hardware: str = ""
    quantization: str = "none"
    thinking: str = "default"
    versions: tuple[tuple[str, str], ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Step:
    """One greedy step: the two highest raw logits and the tokens that carry them.

    ``further`` holds the next few (token id, logit), highest first; ``entropy`` is that of the
    whole next-token distribution at temperature 1, in nats, ``None`` where it was not recorded.
    """

    top1: int
    top2: int
    logit1: float
    logit2: float
    further: tuple[tuple[int, float], ...] = ()
    entropy: float | None = None

    @property
    def margin(self) -> float:
        """Top-1 logit minus top-2 logit, in logits; 0 is a tie."""
        return self.logit1 - self.logit2

    @property
    def branching(self) -> float | None:
        """The effective branching factor exp(entropy): 1 where one token takes all."""
        return None if self.entropy is None else math.exp(self.entropy)


@dataclass(frozen=True, kw_only=True, eq=False)
class Run:
    """One greedy generation. The only noun that may hold arrays.

    ``output_ids`` ends with the end-of-sequence token where the model emitted one, so that a
    strict prefix still differs from its continuation. ``tokens`` are the printable pieces of
    ``output_ids``. ``prompt_logits`` has shape (vocabulary,), float32: the raw logits at the
    prompt's end. ``prompt_hidden`` has shape (layers + 1, width), float32: the hidden state of
    the prompt's last token entering layer 0, 1, ... and, last, after the final norm.
    ``batch_shape`` is (rows, padded prompt length[, shared prefix]). ``pieces`` are the printable
    pieces of the tokens that ``steps`` name. ``key`` is the address in the evidence store;
    ``cached`` says that it was read from there.
    """

    key: str
    prompt: Prompt
    prompt_ids: tuple[int, ...]
    output_ids: tuple[int, ...]
    tokens: tuple[str, ...]
    text: str
    steps: tuple[Step, ...]
    finish: Literal["end", "horizon"]
    horizon: int
    batch_shape: tuple[int, ...]
    repeat: int
    model: ModelIdentity
    seconds: float
    prompt_logits: NDArray[np.float32]
    prompt_hidden: NDArray[np.float32]
    pieces: Mapping[int, str] = field(default_factory=dict)
    cached: bool = False


@dataclass(frozen=True, kw_only=True, eq=False)
class Forced:
    """A center's and a neighbor's prompt, teacher-forced along one and the same output.

    Step t compares the next-token logits after (center, output[:t]) with those after (neighbor,
    output[:t]). All arrays have shape (steps,), steps = tokens of that output. ``js`` is the
    Jensen-Shannon divergence in nats; ``gap`` the root mean square difference of the centered
    logits, in logits; ``rank_a`` the rank (0 = highest) of the center's winner among the
    neighbor's logits, ``rank_b`` the other way round; ``margin_a`` and ``margin_b`` top-1 minus
    top-2, in logits.
    """

    js: NDArray[np.float64]
    gap: NDArray[np.float64]
    rank_a: NDArray[np.int64]
    rank_b: NDArray[np.int64]
    margin_a: NDArray[np.float64]
    margin_b: NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Measurement:
    """A number with its interval, or its absence with a reason.

    ``low`` and ``high`` bound the ``level`` interval; ``interval`` says in words over what it
    was taken; ``resampled`` names the units that would narrow it and ``resampled_n`` counts those
    it rests on. ``n`` counts what was measured, ``effective_n`` what entered the value.
    ``breakdown`` holds the same quantity per part (a rung, a layer, a prompt).
    """

    name: str
    unit: str
    value: float | None = None
    reason: str | None = None
    low: float | None = None
    high: float | None = None
    level: float = 0.95
    interval: str = ""
    resampled: str = ""
    resampled_n: int = 0
    n: int = 0
    effective_n: int = 0
    breakdown: tuple[Measurement, ...] = ()

    def __post_init__(self) -> None:
        """Refuse a value that is neither finite nor absent with a reason."""
        for bound in (self.value, self.low, self.high):
            if bound is not None and not math.isfinite(bound):
                raise ValueError(
                    f"measurement {self.name!r} holds {bound!r}: a value is finite, "
                    "or it is absent with a reason"
                )
        if self.value is None and not self.reason:
            raise ValueError(f"measurement {self.name!r} has neither a value nor a reason")


@dataclass(frozen=True, kw_only=True)
class Curve:
    """A measured line with an optional band, or, as ``points``, a cloud with optional labels.

    All sequences have the length of ``x``.
    """

    name: str
    x_label: str
    y_label: str
    x: tuple[float, ...]
    y: tuple[float, ...]
    low: tuple[float, ...] = ()
    high: tuple[float, ...] = ()
    series: str = ""
    mark: Literal["line", "points"] = "line"
    labels: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Refuse a band or a line that does not cover ``x``."""
        for name in ("y", "low", "high", "labels"):
            length = len(getattr(self, name))
            if length != len(self.x) and (name == "y" or length):
                raise ValueError(f"curve {self.name!r}: {length} values of {name}, {len(self.x)} x")


@dataclass(frozen=True, kw_only=True)
class Limit:
    """What a measurement is held against. At least one bound is set."""

    name: str
    at_most: float | None = None
    at_least: float | None = None
    relative: bool = False

    def __post_init__(self) -> None:
        """Refuse a limit without a finite bound: nothing could ever fail it."""
        bounds = [bound for bound in (self.at_most, self.at_least) if bound is not None]
        if not bounds or not all(math.isfinite(bound) for bound in bounds):
            raise ValueError(f"limit {self.name!r} needs a finite at_most or at_least: {bounds}")


@dataclass(frozen=True, kw_only=True)
class Control:
    """A guard of the measurement. ``state`` is ``failed`` when it voids the evidence.

    ``absent`` means that it could not be run; ``words`` say why, or what was seen. The ``role``
    says how a limit meets the value: a ``floor`` must not be above the limit (noise would decide
    the verdict), a ``detection`` must be above it (else the metric is blind), a ``gate`` stands
    by itself and a ``note`` is only shown.
    """

    name: str
    role: Literal["floor", "detection", "gate", "note"]
    state: Literal["held", "failed", "absent"]
    words: str
    value: float | None = None


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """A token that could have come next, with its raw logit."""

    token: str
    logit: float


@dataclass(frozen=True, kw_only=True)
class Branch:
    """The first step at which two greedy outputs differ, and what each chose there.

    ``margin_a`` and ``margin_b`` are top-1 minus top-2 logits at that step, in logits.
    ``candidates_a`` and ``candidates_b`` are the highest logits there. ``kinds`` are what the
    branch is called, ``silent_at`` the first step before it at which the two distributions were
    already apart, though no visible token was; ``persistent`` says that the outputs stayed apart.
    """

    step: int
    token_a: str
    token_b: str
    margin_a: float
    margin_b: float
    candidates_a: tuple[Candidate, ...] = ()
    candidates_b: tuple[Candidate, ...] = ()
    kinds: tuple[BranchKind, ...] = ()
    silent_at: int | None = None
    persistent: bool = False

    @property
    def lead(self) -> int | None:
        """How many steps the silent divergence came before the visible branch."""
        return None if self.silent_at is None else self.step - self.silent_at


@dataclass(frozen=True, kw_only=True)
class Future:
    """One replay from a branch: a prompt, the token it was made to take there, and what follows.

    ``prompt`` is whose prompt and prefix it is; ``token`` the piece taken at the branch,
    ``forced`` whether it was put in the place of its own choice. ``to_a`` and ``to_b`` are the
    token edit distances of the whole output to the center's and to the neighbor's own.
    """

    prompt: Literal["center", "neighbor"]
    token: str
    forced: bool
    text: str
    tokens: tuple[str, ...]
    to_a: float
    to_b: float


@dataclass(frozen=True, kw_only=True)
class RescueMap:
    """Residual patching at a branch: what putting one run's state into the other restores.

    ``rescue`` has one row per layer and one column per place in ``places``; a value is
    (m_patched - m_into) / (m_from - m_into), m the logit of the center's token minus that of the
    neighbor's at the branch: 1 restores the other run's choice fully, 0 does nothing. ``null`` is
    the largest value of the same map for each of ``donors`` random donors; ``threshold`` its
    95 % quantile. ``reason`` says why there is no map.
    """

    direction: Literal["center into neighbor", "neighbor into center"]
    layers: tuple[str, ...] = ()
    places: tuple[str, ...] = ()
    rescue: tuple[tuple[float, ...], ...] = ()
    null: tuple[float, ...] = ()
    threshold: float | None = None
    reason: str = ""


@dataclass(frozen=True, kw_only=True)
class BranchCard:
    """Why one neighbor's output parts from the center's: what a person wants from a failure.

    ``smallest`` is the smallest part of the edit, in words, that still parts them, and
    ``smallest_text`` the prompt with only that part; both are empty where the edit has no parts.
    ``margins_a``, ``margins_b`` and ``js`` run along the common prefix up to and with the branch.
    ``notes`` say what could not be done, and why.
    """

    prompt_id: str
    neighbor_id: str
    edit: str
    branch: Branch
    smallest: str = ""
    smallest_text: str = ""
    tried: int = 0
    futures: tuple[Future, ...] = ()
    margins_a: tuple[float, ...] = ()
    margins_b: tuple[float, ...] = ()
    js: tuple[float, ...] = ()
    rescue: tuple[RescueMap, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Pair:
    """The center's run beside one neighbor's run, with their distances.

    ``distances`` maps a measure's name to its value; what could not be measured is left out of
    it and named in ``missing``. ``tokens_a`` and ``tokens_b`` are the printable output tokens,
    ``answer_a`` and ``answer_b`` what the answer extractor read from the outputs. ``gates`` is
    false for a neighbor that is shown and never judged. ``sha256`` is that of the neighbor's
    conversation, for the validity ledger.
    """

    prompt_id: str
    neighbor_id: str
    rung: Rung
    kind: str
    edit: str
    origin: Origin
    certification: Certification
    token_delta: int | None
    center_text: str
    neighbor_text: str
    output_a: str
    output_b: str
    tokens_a: tuple[str, ...]
    tokens_b: tuple[str, ...]
    distances: Mapping[str, float]
    missing: tuple[tuple[str, str], ...] = ()
    branch: Branch | None = None
    truncated: bool = False
    cached: bool = False
    answer_a: str | None = None
    answer_b: str | None = None
    reviewer: str = ""
    target: str = ""
    gates: bool = True
    sha256: str = ""


@dataclass(frozen=True, kw_only=True)
class Findings:
    """What a ``measure_*`` returns: the measurement to judge, and everything taken beside it.

    ``pairs`` hold every neighbor that was run or dropped, worst first. ``settings`` are the
    knobs that the numbers depend on.
    """

    model: ModelIdentity
    measurement: Measurement
    also: tuple[Measurement, ...] = ()
    controls: tuple[Control, ...] = ()
    pairs: tuple[Pair, ...] = ()
    curves: tuple[Curve, ...] = ()
    cards: tuple[BranchCard, ...] = ()
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
    diagnosis: Diagnosis | None = None
    settings: Mapping[str, Scalar] = field(default_factory=dict)
    runs_measured: int = 0
    runs_reused: int = 0
    expect: Literal["passed", "failed"] = "passed"
    seconds: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Record:
    """What one pytest item left behind: the unit of the JSON evidence file."""

    node_id: str
    status: Literal["passed", "failed", "error", "interrupted"]
    verdicts: tuple[Verdict, ...]
    environment: Mapping[str, str]
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


def address(kind: str, **parts: object) -> str:
    """Return the content address of a piece of evidence: 64 hex digits.

    It is the sha256 of the canonical JSON of ``kind`` and ``parts``, so two pieces share an
    address exactly when everything that is said of them is equal.
    """
    canonical = json.dumps([kind, parts], sort_keys=True, ensure_ascii=True, allow_nan=False)
    return hashlib.sha256(canonical.encode()).hexdigest()
