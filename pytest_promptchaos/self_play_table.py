"""Models and seed prompts -> the table of a bridge: depth features beside what was said later.

The columns are those of the published files, so that a table made here and one that was published
go the same way. A row is one conversation; its depth is that of its first speaker in turn 1.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Unpack

from pytest_promptchaos.booking import model_of
from pytest_promptchaos.depth_evidence import DepthKnobs
from pytest_promptchaos.errors import ArgumentError
from pytest_promptchaos.measure.sameness import OTHERS
from pytest_promptchaos.prompt_digests import DIGESTS, prompt_digests
from pytest_promptchaos.reliability import labels_of, reliability_of
from pytest_promptchaos.session import active
from pytest_promptchaos.surround import check_count
from pytest_promptchaos.tables import Table
from pytest_promptchaos.talks import (
    ROTATION,
    TalkKnobs,
    cast_of,
    check_embedder,
    check_judgeable,
    edits_of,
    held,
    homo,
    read_both,
    seeds_of,
    talk_asked,
)
from pytest_promptchaos.turn_depth import features, turn_profile

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from pytest_promptchaos.booking import Subject
    from pytest_promptchaos.conversing import Cast, Talk
    from pytest_promptchaos.measure.collapse import Collapse
    from pytest_promptchaos.measure.sameness import Judged
    from pytest_promptchaos.records import Control, Prompt, Scalar, Timeline
    from pytest_promptchaos.reliability import LabelsAsked
    from pytest_promptchaos.session import Session
    from pytest_promptchaos.surround import Asked
    from pytest_promptchaos.talks import TalkAsked

HALF = 0.5
"""Share of a condition's collapse from which on a floor voids it."""


def bridge_table(
    models: Sequence[Subject | str],
    seed_prompts: Asked | Sequence[Asked],
    *,
    rotation: bool = True,
    tangents: int = 10,
    labels: LabelsAsked = None,
    **knobs: Unpack[TalkKnobs],
) -> Table:
    """Return a row per conversation: how deep sensitivity goes at its beginning, how it ended.

    Every model talks to itself (a condition each), and with ``rotation`` all of them take turns
    (``HETERO_ROT``). Depth is followed with ``tangents`` directions through the first turn, at
    the tokens that were said; its features are those of :func:`features`. Conversations without
    depth are left out and counted in ``counts``. ``labels`` and the talk's arguments are those of
    :func:`measure_collapse`; with the same ones both read the same evidence. Only ``censor`` is
    said to :func:`measure_bridge`: the table holds which conversations never collapsed.

    ``controls`` are the guards of every condition's collapse, with its name in front, and how far
    the detector is known to be right; where one failed, no bridge on the table is evidence.
    ``settings`` are what the table depends on.

    Raises ``ArgumentError`` for fewer models than one, or two of one condition, for turns too few
    to collapse in, and where there is no embedder; ``TableError`` for labels that cannot be read.
    """
    session = active()
    casts, prompts = _casts(models, rotation=rotation), seeds_of(seed_prompts)
    asked, said = _asked(session, knobs), labels_of(labels)
    depth = _depth(session, tangents, asked.talk.seed)
    parts = [_part(session, cast, prompts, asked, depth) for cast in casts]
    rows, counts = [row for part in parts for row in part.rows], [part.count for part in parts]
    if not rows:
        raise ArgumentError(f"no conversation has a depth profile: {'; '.join(counts)}")
    _, reliability = reliability_of([line for part in parts for line in part.timelines], said)
    return Table(
        name="self-play",
        columns={name: [row[name] for row in rows] for name in rows[0]},
        counts=tuple(counts),
        settings=_settings(casts, parts, asked, depth) | _read_from(session, prompts),
        controls=(*(one for part in parts for one in part.controls), reliability),
    )


def _asked(session: Session, knobs: TalkKnobs) -> TalkAsked:
    """Return the talk; raise ``ArgumentError`` where no table could come of it."""
    check_embedder(session)
    if "censor" in knobs:
        raise ArgumentError(
            f"censor is {knobs['censor']!r}, but the table leaves first_collapse_turn of a "
            "conversation without collapse empty: pass censor to measure_bridge"
        )
    asked = talk_asked(session, knobs)
    check_judgeable("rate", asked.talk.turns)
    return asked


def _depth(session: Session, tangents: int, seed: int) -> DepthKnobs:
    check_count("tangents", tangents, least=2)
    return DepthKnobs(tangents=tangents, seed=seed, memory=session.settings.tangent_memory)


def _read_from(session: Session, prompts: Sequence[Prompt]) -> dict[str, Scalar]:
    return {
        "embedder": session.embedder_words,
        "prompts": ", ".join(prompt.id for prompt in prompts),
        DIGESTS: prompt_digests(prompts),
    }


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


@dataclass(frozen=True, kw_only=True)
class _Part:
    """One condition: its rows, and in ``count`` how many of its conversations they are."""

    rows: Sequence[Mapping[str, Scalar]]
    count: str
    timelines: Sequence[Timeline]
    controls: Sequence[Control]
    batch: int


def _part(
    session: Session,
    cast: Cast,
    prompts: Sequence[Prompt],
    asked: TalkAsked,
    knobs: DepthKnobs,
) -> _Part:
    conversations, talk = held(session, cast, prompts, asked)
    said = read_both(session, conversations, asked)
    timelines = said["rate"].timelines
    rows, missing = [], Counter[str]()
    label = f"{cast.condition}: depth of the first turn"
    for place, (one, line) in enumerate(zip(conversations, timelines, strict=True)):
        depth = turn_profile(session, cast.speakers, one, 1, knobs)
        session.progress(label, place + 1, len(conversations))
        if isinstance(depth, str):
            missing[depth] += 1
            continue
        rows.append(_row(cast, line, features(depth), talk, knobs.tangents))
    lost = "".join(f"; {count:,} left out: {why}" for why, count in missing.items())
    return _Part(
        rows=rows,
        count=f"{cast.condition}: {len(rows):,} of {len(conversations):,} conversations{lost}",
        timelines=timelines,
        # A script's conversations have no rows, so that their guards say nothing of the table.
        controls=tuple(guards_of(cast.condition, said)) if rows else (),
        batch=int(talk.rows or 0),
    )


def guards_of(condition: str, said: Mapping[Judged, Collapse]) -> Iterator[Control]:
    """Yield the controls of a condition's collapse under its name, floors as gates or notes.

    A floor is settled against a limit on collapse, and a bridge has none. What it must stay below
    here is the condition's own collapse: from half of it on, most of what is called collapsed is
    what would be called so anywhere, and goes with no conversation's depth. Incidence and rate
    are both outcomes of a bridge, so that both floors are held.
    """
    for of, collapse in said.items():
        for one in collapse.controls:
            if one.role == "floor":
                settled = _floor(one, collapse.measurement.value, of)
                yield replace(settled, name=f"{condition}: {one.name}, {of}")
            elif one.name == OTHERS:
                yield replace(one, name=f"{condition}: {one.name}, {of}")
            elif of == "rate":
                # The others are the same for both.
                yield replace(one, name=f"{condition}: {one.name}")


def _floor(floor: Control, observed: float | None, of: Judged) -> Control:
    """Return a floor as a failed gate where it is half of what was observed, else as a note."""
    if floor.value is None or not observed or floor.value < HALF * observed:
        return replace(floor, role="note")
    told = (
        f"at least half of the {of} of {observed:.3f}: what is called collapsed here is the "
        "embedder's doing, or that of texts after one pattern"
    )
    return replace(floor, role="gate", state="failed", words=f"{floor.words}; {told}")


def _settings(
    casts: Sequence[Cast], parts: Sequence[_Part], asked: TalkAsked, depth: DepthKnobs
) -> dict[str, Scalar]:
    """Return the knobs that the cells depend on; ``rows`` are the conversations of a batch."""
    talk = asdict(asked.talk)
    # A bridge has a seed of its own, that of its resamples.
    talk["talk_seed"] = talk.pop("seed")
    batches = list(dict.fromkeys(part.batch for part in parts))
    told = (f"{cast.condition} {part.batch}" for cast, part in zip(casts, parts, strict=True))
    talk["rows"] = batches[0] if len(batches) == 1 else ", ".join(told)
    followed = {name: value for name, value in asdict(depth).items() if name != "seed"}
    speakers = dict.fromkeys(speaker for cast in casts for speaker in cast.speakers)
    edits = {name: value for cast in casts for name, value in edits_of(cast).items()}
    return {
        **talk,
        **followed,
        **edits,
        "drift": asked.drift,
        "models": ", ".join(one.pin.text for one in speakers),
        "fingerprints": ", ".join(one.identity.fingerprint for one in speakers),
        "conditions": ", ".join(cast.condition for cast in casts),
    }


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
