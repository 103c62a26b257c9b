"""The checks of self-play: converse, embed, detect, judge.

Each ``assert_*`` is its ``measure_*`` plus a judgement; a ``measure_*`` never raises because of
what it found. This file joins the stages; none of them knows another.
"""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Unpack

from pytest_promptchaos.booking import booked
from pytest_promptchaos.conversing import Talk
from pytest_promptchaos.depth_evidence import DepthKnobs
from pytest_promptchaos.errors import ArgumentError
from pytest_promptchaos.judging import enforce, judge_findings
from pytest_promptchaos.knobs import check_limit
from pytest_promptchaos.measure.collapse import SHOWN
from pytest_promptchaos.measure.longitudinal import growth_and_collapse
from pytest_promptchaos.prompt_digests import DIGESTS, prompt_digests
from pytest_promptchaos.records import Control, Findings, Limit, Measurement, Verdict
from pytest_promptchaos.reliability import labels_of, reliability_of
from pytest_promptchaos.session import active
from pytest_promptchaos.surround import check_choice, check_count
from pytest_promptchaos.talks import (
    JUDGED,
    TalkKnobs,
    cast_of,
    check_judgeable,
    edits_of,
    held,
    identity_of,
    read,
    seeds_of,
    talk_asked,
)
from pytest_promptchaos.turn_depth import growth_by_turn

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pytest_promptchaos.booking import Subject
    from pytest_promptchaos.conversing import Cast
    from pytest_promptchaos.label_files import Labels
    from pytest_promptchaos.measure.collapse import Collapse, Growth
    from pytest_promptchaos.measure.sameness import Judged
    from pytest_promptchaos.records import Conversation, Prompt, Scalar
    from pytest_promptchaos.reliability import LabelsAsked
    from pytest_promptchaos.session import Session
    from pytest_promptchaos.surround import Asked
    from pytest_promptchaos.talks import TalkAsked

AHEAD = (0, 1, 3)
"""Turns between a growth and the collapse it is held against: 0 detects, only more predicts; a
label comes two turns after its loop begins, so 3 is the first that asks before it."""


class CollapseKnobs(TalkKnobs, total=False):
    """The further arguments of :func:`measure_collapse`, where they are told."""

    of: Judged
    condition: str | None
    labels: LabelsAsked
    depth_turns: Sequence[int]
    tangents: int
    transcripts: int


def assert_no_collapse(
    model: Subject | str | Sequence[Subject | str],
    seed_prompts: Asked | Sequence[Asked],
    *,
    at_most: float,
    **knobs: Unpack[CollapseKnobs],
) -> Verdict:
    """Return the verdict that at most a share ``at_most`` of conversations, or turns, collapses.

    Judged is the incidence (``of="incidence"``, the share of conversations with a collapsed turn)
    or the rate (``of="rate"``, the share of collapsed turns), with its 95 % interval over seed
    prompts: it passes when the whole interval is within the limit. Raises ``VerdictError`` (an
    ``AssertionError``) otherwise, and where a control says that there is no evidence: the context
    was full before the last turn, nothing was said. Raises ``ArgumentError`` for a limit that so
    many turns cannot break: turn 5 is the earliest that can be called collapsed, so that a rate
    ends at 36/40 for 40 turns. Model, seed prompts and the other arguments are those of
    :func:`measure_collapse`.
    """
    __tracebackhide__ = True
    of = knobs.get("of", "incidence")
    check_limit("at_most", at_most, f"a collapse {of}")
    check_judgeable(of, knobs.get("turns", Talk.turns), at_most=at_most)
    findings = measure_collapse(model, seed_prompts, **knobs)
    limit = Limit(name=findings.measurement.name, at_most=at_most)
    return enforce(judge_findings("no_collapse", findings, limit))


def measure_collapse(
    model: Subject | str | Sequence[Subject | str],
    seed_prompts: Asked | Sequence[Asked],
    *,
    claimed: bool = False,
    **knobs: Unpack[CollapseKnobs],
) -> Findings:
    """Return how conversations of a model with itself, or of several in rotation, collapse.

    ``model`` is one model (loaded, or its pin), or several that take turns; ``seed_prompts`` are
    texts or prompts with ids of their own. From each, ``repeats`` (5) conversations of ``turns``
    (40) begin; a speaker is shown everything said so far and draws at most ``horizon`` (256)
    tokens at ``temperature`` (0.7) and ``top_p`` (0.95). ``seed`` is what every turn's own seed is
    made from, ``rows`` the conversations in one batch. Further arguments:

    - ``drift``: which reading of the detector's drift clause is judged, ``"matching"`` or
      ``"both"``; the other stands beside it.
    - ``of``: ``"incidence"`` or ``"rate"``, the number in front.
    - ``censor``: the first collapsed turn of a conversation without one: ``"after"`` its last,
      its ``"last"`` (as published), or ``"exclude"``.
    - ``condition``: what this is called in tables; ``HOMO <model>`` or ``HETERO_ROT`` by default.
    - ``labels``: a file of human labels (CSV or JSONL) or several, one or more raters in each,
      against which the detector is held.
    - ``depth_turns``: turns whose depth is followed with ``tangents`` (10) directions, so that
      growth can be held against collapse turn by turn.
    - ``transcripts``: how many conversations keep their texts in ``timelines``, the most collapsed
      first (3); all of them are needed for people who label.
    - ``claimed``: says that collapse is what is to be shown, so that sameness of all conversations
      voids the evidence.

    Raises:
        ArgumentError: for arguments that make no sense.
        PromptError: for a seed prompt that is empty, given twice, or too long for one turn.
        TableError: for labels that cannot be read.
    """
    for name in knobs:
        check_choice("argument", name, CollapseKnobs.__annotations__)  # those of the talk included
    talk: TalkKnobs = {k: v for k, v in knobs.items() if k in TalkKnobs.__annotations__}  # type: ignore[assignment]
    own = _Own(**{k: v for k, v in knobs.items() if k not in talk}, claimed=claimed)  # type: ignore[arg-type]
    cast, prompts = cast_of(model, own.condition), seeds_of(seed_prompts)
    return _measured(cast, prompts, talk_asked(active(), talk), own)


def _measured(cast: Cast, prompts: Sequence[Prompt], asked: TalkAsked, own: _Own) -> Findings:
    started, session = time.perf_counter(), active()
    own.check(asked.talk.turns)
    labels = labels_of(own.labels)  # before anything is spoken
    before = replace(session.counts)
    conversations, talk = held(session, cast, prompts, asked)
    growth, missing = _growth(session, cast, conversations, own, talk.seed)
    if session.embedder is None:
        found = _unread(cast, own.of, len(conversations), session.embedder_words)
    else:
        said = read(
            session,
            conversations,
            asked,
            of=own.of,
            growth=growth,
            claimed=own.claimed,
            shown=own.transcripts,
        )
        found = _found(cast, said, labels, own)
    found = replace(found, controls=(*found.controls, *_depth_notes(missing)))
    told: dict[str, Scalar] = {
        **asdict(talk),
        **_words(asked, own),
        "condition": cast.condition,
        "embedder": session.embedder_words,
        "prompts": ", ".join(prompt.id for prompt in prompts),
        DIGESTS: prompt_digests(prompts),
        **edits_of(cast),
    }
    return booked(found, session, before, started, told)


@dataclass(frozen=True, kw_only=True)
class _Own:
    """The arguments of a collapse that are none of the talk's."""

    of: Judged = "incidence"
    condition: str | None = None
    labels: LabelsAsked = None
    depth_turns: Sequence[int] = ()
    tangents: int = 10
    transcripts: int = SHOWN
    claimed: bool = False

    def check(self, turns: int) -> None:
        """Raise ``ArgumentError`` for what makes no sense."""
        check_choice("of", self.of, JUDGED)
        check_count("tangents", self.tangents, least=2)
        check_count("transcripts", self.transcripts, least=0)
        for turn in self.depth_turns:
            check_count("a turn of depth_turns", turn, least=1)
            if turn > turns:
                raise ArgumentError(
                    f"a turn of depth_turns is {turn}, but the conversations have {turns}"
                )


def _growth(
    session: Session,
    cast: Cast,
    conversations: Sequence[Conversation],
    own: _Own,
    seed: int,
) -> tuple[Growth, Mapping[str, int]]:
    turns = sorted(set(own.depth_turns))
    if not turns:
        return {}, {}
    knobs = DepthKnobs(tangents=own.tangents, seed=seed, memory=session.settings.tangent_memory)
    return growth_by_turn(session, cast.speakers, conversations, turns, knobs)


def _unread(cast: Cast, of: Judged, count: int, why: str) -> Findings:
    """Return that there are conversations and nothing that reads them."""
    absent = Measurement(
        name=f"collapse_{of}", unit="share, 0 to 1", reason=f"no embedder: {why}", n=count
    )
    return Findings(model=identity_of(cast), measurement=absent)


def _found(cast: Cast, said: Collapse, labels: Labels | None, own: _Own) -> Findings:
    along = (
        tuple(growth_and_collapse(said.timelines, ahead=ahead) for ahead in AHEAD)
        if own.depth_turns
        else ()
    )
    agreements, reliability = reliability_of(said.timelines, labels)
    return Findings(
        model=identity_of(cast),
        measurement=said.measurement,
        also=(*said.also, *along),
        controls=(*said.controls, reliability),
        curves=said.curves,
        timelines=said.timelines,
        agreements=agreements,
    )


def _depth_notes(missing: Mapping[str, int]) -> tuple[Control, ...]:
    return tuple(
        Control(
            name="depth of turns", role="note", state="absent", words=f"{count} turns: {reason}"
        )
        for reason, count in missing.items()
    )


def _words(asked: TalkAsked, own: _Own) -> dict[str, Scalar]:
    return {
        "drift": asked.drift,
        "censor": asked.censor,
        "of": own.of,
        "depth_turns": ", ".join(map(str, own.depth_turns)),
        "tangents": own.tangents,
    }
