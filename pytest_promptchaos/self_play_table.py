"""Models and seed prompts -> the table of a bridge: depth features beside what was said later.

The columns are those of the published files, so that a table made here and one that was published
go the same way. A row is one conversation; its depth is that of its first speaker in turn 1.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Unpack

from pytest_promptchaos.booking import model_of
from pytest_promptchaos.depth_evidence import DepthKnobs
from pytest_promptchaos.errors import ArgumentError
from pytest_promptchaos.session import active
from pytest_promptchaos.surround import check_count
from pytest_promptchaos.tables import Table
from pytest_promptchaos.talks import (
    ROTATION,
    TalkKnobs,
    cast_of,
    check_embedder,
    held,
    homo,
    read,
    seeds_of,
    talk_asked,
)
from pytest_promptchaos.turn_depth import features, turn_profile

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pytest_promptchaos.booking import Subject
    from pytest_promptchaos.conversing import Cast, Talk
    from pytest_promptchaos.records import Prompt, Scalar, Timeline
    from pytest_promptchaos.session import Session
    from pytest_promptchaos.surround import Asked
    from pytest_promptchaos.talks import TalkAsked


def bridge_table(
    models: Sequence[Subject | str],
    seed_prompts: Asked | Sequence[Asked],
    *,
    rotation: bool = True,
    tangents: int = 10,
    **knobs: Unpack[TalkKnobs],
) -> Table:
    """Return a row per conversation: how deep sensitivity goes at its beginning, how it ended.

    Every model talks to itself (a condition each), and with ``rotation`` all of them take turns
    (``HETERO_ROT``). Depth is followed with ``tangents`` directions through the first turn, at
    the tokens that were said; its features are those of :func:`features`. Conversations without
    depth are left out and counted in ``counts``. The talk's arguments are those of
    :func:`measure_collapse`; with the same ones both read the same evidence.

    Raises ``ArgumentError`` for fewer models than one, or two of one condition, and where there
    is no embedder.
    """
    session = active()
    check_count("tangents", tangents, least=2)
    check_embedder(session)
    casts, prompts = _casts(models, rotation=rotation), seeds_of(seed_prompts)
    asked = talk_asked(session, knobs)
    rows: list[dict[str, Scalar]] = []
    counts: list[str] = []
    for cast in casts:
        found, told = _rows(session, cast, prompts, asked, tangents)
        rows += found
        counts.append(told)
    if not rows:
        raise ArgumentError(f"no conversation has a depth profile: {'; '.join(counts)}")
    columns = {name: [row[name] for row in rows] for name in rows[0]}
    return Table(name="self-play", columns=columns, counts=tuple(counts))


def _casts(models: Sequence[Subject | str], *, rotation: bool) -> list[Cast]:
    if isinstance(models, str) or not models:
        raise ArgumentError(f"models is {models!r}: pass a list of models, or of their pins")
    speakers = [model_of(one) for one in models]
    names = Counter(map(homo, speakers))
    if twice := [name for name, count in names.items() if count > 1]:
        raise ArgumentError(
            f"two models make the condition {twice[0]!r}, so their conversations could not be "
            "told apart: pass each once"
        )
    alone = [cast_of(one, None) for one in speakers]
    return [*alone, cast_of(speakers, ROTATION)] if rotation and len(speakers) > 1 else alone


def _rows(
    session: Session, cast: Cast, prompts: Sequence[Prompt], asked: TalkAsked, tangents: int
) -> tuple[list[dict[str, Scalar]], str]:
    """Return the rows of one condition, and in words how many of its conversations they are."""
    conversations, talk = held(session, cast, prompts, asked)
    said = read(session, conversations, asked)
    knobs = DepthKnobs(tangents=tangents, seed=talk.seed, memory=session.settings.tangent_memory)
    rows, missing = [], Counter[str]()
    label = f"{cast.condition}: depth of the first turn"
    for place, (one, line) in enumerate(zip(conversations, said.timelines, strict=True)):
        depth = turn_profile(session, cast.speakers, one, 1, knobs)
        session.progress(label, place + 1, len(conversations))
        if isinstance(depth, str):
            missing[depth] += 1
            continue
        rows.append(_row(cast, line, features(depth), talk, tangents))
    lost = "".join(f"; {count:,} left out: {why}" for why, count in missing.items())
    return rows, f"{cast.condition}: {len(rows):,} of {len(conversations):,} conversations{lost}"


def _row(
    cast: Cast,
    timeline: Timeline,
    depth: Mapping[str, float | None],
    talk: Talk,
    tangents: int,
) -> dict[str, Scalar]:
    return {
        "condition": cast.condition,
        "seed_id": timeline.seed_id,
        "seed_bucket": timeline.bucket,
        "repeat_index": timeline.repeat,
        "model_id": cast.speakers[0].pin.text,
        **depth,
        "n_tangent_seeds": tangents,
        "total_turns": timeline.turns,
        "max_turns": talk.turns,
        "collapsed_turns": sum(timeline.collapsed),
        "collapse_rate": timeline.rate,
        "first_collapse_turn": timeline.first,
        "has_collapse": timeline.first is not None,
        "early_stopped": bool(timeline.stopped),
    }
