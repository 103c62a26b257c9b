"""Two outputs side by side: pairs, where they part, and why."""

from __future__ import annotations

from collections.abc import Mapping  # noqa: TC003 - pydantic reads the annotations
from dataclasses import dataclass
from typing import Literal, TypeAlias

from pytest_promptchaos.records.prompts import (  # noqa: TC001 - pydantic reads them
    Certification,
    Origin,
    Rung,
)

BranchKind: TypeAlias = Literal[
    "immediate", "low margin", "high-confidence switch", "silent", "delayed"
]


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
