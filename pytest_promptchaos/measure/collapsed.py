"""Timelines -> measurements: how often, how early, how deep, and whether a conversation gets out.

Each is a mean over seed prompts of the mean over the conversations from each, because repeats of
one seed prompt resemble each other. ``n`` counts the conversations asked, ``effective_n`` those
that entered the value.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeAlias

from pytest_promptchaos.measure.clustered import (
    by_prompt,
    mean_measurement,
    share_measurement,
    wilson_measurement,
)
from pytest_promptchaos.measure.detector import Thresholds
from pytest_promptchaos.measure.episodes import entrenchment, escapes, first_turn, recollapses
from pytest_promptchaos.measure.few_prompts import of_few
from pytest_promptchaos.measure.intervals import MIN_CLUSTERS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from pytest_promptchaos.records import Censor, Measurement, Timeline

    Measured: TypeAlias = Callable[[Sequence[Timeline]], Measurement]

INCIDENCE = "collapse_incidence"
RATE = "collapse_rate"
FIRST_TURN = "first_collapse_turn"
DEPTH = "entrenchment_depth"
ESCAPE = "escape_probability"
RECOLLAPSE = "time_to_recollapse"
UNITS = {"prompts": "seed prompts", "neighbors": "conversations"}


@dataclass(frozen=True, kw_only=True)
class Tally:
    """How conversations are counted: from which turn on one can collapse, and what censoring is."""

    earliest: int = Thresholds().earliest
    censor: Censor = "after"

    def measurable(self, timelines: Sequence[Timeline]) -> list[Timeline]:
        """Return the conversations that are long enough to collapse at all."""
        return [one for one in timelines if one.turns >= self.earliest]

    def incidence(self, timelines: Sequence[Timeline]) -> Measurement:
        """Return the share of conversations with a collapsed turn, 0 to 1.

        Its interval is Wilson's where every seed prompt has one conversation, else clustered by
        seed prompt. Conversations too short to collapse are left out and counted.
        """
        kept = self.measurable(timelines)
        hits = [(one.seed_id, one.first is not None) for one in kept]
        groups = {seed: [bool(hit) for hit in of_seed] for seed, of_seed in by_prompt(hits).items()}
        if kept and len(groups) == len(kept):
            found = wilson_measurement(
                INCIDENCE, sum(hit for _, hit in hits), len(kept), absent=self._short(timelines)
            )
            # One conversation of each seed prompt: the share over either is the same.
            found = replace(found, resampled="prompts", n=len(timelines))
            return in_conversations(
                replace(found, interval=found.interval.replace("neighbors", "prompts"))
            )
        absent, asked = self._short(timelines), len(timelines)
        found = share_measurement(INCIDENCE, groups, asked=asked, absent=absent)
        return _of_collapse(of_few(in_conversations(found), groups, least=0.0, most=1.0))

    def rate(self, timelines: Sequence[Timeline]) -> Measurement:
        """Return the share of a conversation's turns that are collapsed, over all of its turns.

        The first turns cannot be labelled, so that it ends below 1: at 36/40 for 40 turns. So
        does its interval; where no turn of n seed prompts is collapsed it reaches up to
        (1 - 0.05^(1/n)) of that end, as a share of so many other prompts may still collapse.
        """
        kept = self.measurable(timelines)
        most = max((self._most(one.turns) for one in kept), default=1.0)
        groups = by_prompt((one.seed_id, one.rate) for one in kept)
        found = mean_measurement(
            RATE,
            f"share of turns, 0 to {most:.3g}",
            groups,
            asked=len(timelines),
            absent=self._short(timelines),
            largest=most,
        )
        told = in_conversations(bounded(found, 0.0, most))
        return _of_collapse(of_few(told, groups, least=0.0, most=most))

    def first(self, timelines: Sequence[Timeline]) -> Measurement:
        """Return the first collapsed turn, from 1; a conversation without one is censored.

        See :func:`~pytest_promptchaos.measure.episodes.first_turn`; the interval says how many
        are. The mean of censored turns depends on how many turns were asked: the Kaplan-Meier
        curve beside it does not.
        """
        kept = self.measurable(timelines)
        turns = [(one.seed_id, first_turn(one.collapsed, censor=self.censor)) for one in kept]
        dated = [(seed, float(turn)) for seed, turn in turns if turn is not None]
        never = sum(one.first is None for one in kept)
        handled = {
            "after": "count as the turn after their last",
            "last": "count as their last turn",
            "exclude": "are left out",
        }[self.censor]
        ends = float(self.earliest), float(self._longest(kept) + (self.censor == "after"))
        groups = by_prompt(dated)
        found = mean_measurement(
            FIRST_TURN,
            "turn, from 1",
            groups,
            asked=len(timelines),
            absent=_none(kept) if kept else self._short(timelines),
            largest=ends[1],
            smallest=ends[0],
        )
        told = of_few(in_conversations(bounded(found, *ends)), groups, least=ends[0], most=ends[1])
        return noted(told, f"{never} of {len(kept)} never collapse and {handled}")

    def depth(self, timelines: Sequence[Timeline]) -> Measurement:
        """Return how many turns the longest episode of a collapsed conversation lasts.

        A conversation that never collapses has no depth. Where the longest episode runs to the
        last turn the depth is at least what is counted; the interval says for how many. Its ends
        are 1 and the turns from the earliest that can be labelled to the last.
        """
        kept = self.measurable(timelines)
        found = [(one.seed_id, entrenchment(one.collapsed)) for one in kept]
        most = float(self._longest(kept) - self.earliest + 1)
        deep = [(seed, episode) for seed, episode in found if episode is not None]
        groups = by_prompt((seed, float(episode.length)) for seed, episode in deep)
        measured = mean_measurement(
            DEPTH,
            "turns of the longest episode",
            groups,
            asked=len(timelines),
            absent=_none(kept) if kept else self._short(timelines),
            largest=most,
            smallest=1.0,
        )
        measured = bounded(in_conversations(measured), 1.0, most)
        open_ended = sum(episode.escape is None for _, episode in deep)
        told = f"{open_ended} of {len(deep)} run to the last turn and may be deeper"
        return noted(of_few(measured, groups, least=1.0, most=most), told)

    def escape(self, timelines: Sequence[Timeline]) -> Measurement:
        """Return the probability that the turn after a collapsed one is not collapsed, 0 to 1.

        Over the collapsed turns that have a next one; those at the last turn are censored, and
        the interval counts them. Turns of one conversation depend on each other, so that only
        seed prompts are resampled.
        """
        kept = self.measurable(timelines)
        groups: dict[str, list[bool]] = {}
        for one in kept:
            groups.setdefault(one.seed_id, []).extend(escapes(one.collapsed))
        groups = {seed: turns for seed, turns in groups.items() if turns}
        none = f"no collapsed turn of {counted(len(kept), 'conversation')} has a next one"
        absent = none if kept else self._short(timelines)
        found = share_measurement(ESCAPE, groups, asked=len(timelines), absent=absent)
        at_risk, last = found.effective_n, sum(one.collapsed[-1] for one in kept)
        found = replace(found, effective_n=sum(bool(escapes(one.collapsed)) for one in kept))
        told = (
            f"{counted(at_risk, 'collapsed turn')} with a next one, {last} without, as the last of "
            "the conversation"
        )
        return noted(_only_over_prompts(in_conversations(found), len(groups)), told)

    def recollapse(self, timelines: Sequence[Timeline]) -> Measurement:
        """Return how many turns lie between an escape and the next collapse, where one follows.

        Escapes that last to the end of the conversation are censored and not in the mean, which
        is short by them; the interval counts them, and the Kaplan-Meier curve holds them. Its ends
        are 1 and the turns from the earliest escape that is possible to the last turn.
        """
        kept = self.measurable(timelines)
        most = float(self._longest(kept) - self.earliest - 1)
        free = [(one, recollapses(one.collapsed)) for one in kept]
        seen = [(one.seed_id, float(t)) for one, found in free for t, again in found if again]
        escaped = sum(len(found) for _, found in free)
        groups = by_prompt(seen)
        none = f"none of {escaped} escapes is followed by another collapse"
        found = mean_measurement(
            RECOLLAPSE,
            "turns from escape to onset",
            groups,
            asked=len(timelines),
            absent=none if kept else self._short(timelines),
            largest=most,
            smallest=1.0,
        )
        entered = sum(any(again for _, again in of_one) for _, of_one in free)
        found = _only_over_prompts(
            in_conversations(replace(found, effective_n=entered)), len(groups)
        )
        told = f"{escaped - len(seen)} of {escaped} escapes last to the end"
        return noted(bounded(found, 1.0, most), told)

    def every(self, timelines: Sequence[Timeline]) -> tuple[Measurement, ...]:
        """Return all six, incidence and rate with a part per bucket of seed prompts."""
        shares = (self.incidence, self.rate)
        return (
            *(_by_bucket(measured, timelines) for measured in shares),
            *(m(timelines) for m in (self.first, self.depth, self.escape, self.recollapse)),
        )

    def _most(self, turns: int) -> float:
        return (turns - self.earliest + 1) / turns

    def _longest(self, timelines: Sequence[Timeline]) -> int:
        return max((one.turns for one in timelines), default=0)

    def _short(self, timelines: Sequence[Timeline]) -> str:
        count = len(timelines)
        which = "the only conversation" if count == 1 else f"the longest of {count} conversations"
        return (
            f"{which} has {self._longest(timelines)} turns, and turn {self.earliest} is the "
            "earliest that can be called collapsed: ask for more turns"
        )


def _by_bucket(measured: Measured, timelines: Sequence[Timeline]) -> Measurement:
    """Return a measurement with a part for every bucket, where seed prompts are in buckets."""
    buckets = dict.fromkeys(one.bucket for one in timelines)
    parts = (
        replace(
            measured([one for one in timelines if one.bucket == name]), name=name or "no bucket"
        )
        for name in buckets
    )
    named = any(buckets)
    return replace(measured(timelines), breakdown=tuple(parts) if named else ())


def in_conversations(found: Measurement) -> Measurement:
    """Return a measurement whose words name conversations and their seed prompts."""
    words = re.sub(r"(?<!seed )\bprompt", "seed prompt", found.interval)
    words = words.replace("neighbor", "conversation").replace("may still move", "may still differ")
    words = re.sub(r"\b1 (seed prompt|conversation)s\b", r"1 \1", words)
    return replace(found, interval=words, resampled=UNITS.get(found.resampled, ""))


def bounded(found: Measurement, least: float, most: float) -> Measurement:
    """Return a measurement whose bounds are possible: Student's t knows none."""
    low = None if found.low is None else max(found.low, least)
    return replace(found, low=low, high=None if found.high is None else min(found.high, most))


def _of_collapse(found: Measurement) -> Measurement:
    """Return a share of what is collapsed; where none is, what others may still do is collapse."""
    if found.value != 0:
        return found
    return replace(found, interval=found.interval.replace("still differ", "still collapse"))


def counted(count: int, thing: str) -> str:
    """Return a number with the thing it counts.

    >>> counted(1, "conversation"), counted(2, "conversation")
    ('1 conversation', '2 conversations')
    """
    return f"{count} {thing}{'' if count == 1 else 's'}"


def _none(timelines: Sequence[Timeline]) -> str:
    count = len(timelines)
    return (
        f"none of {count} conversations collapses" if count > 1 else "the only conversation is free"
    )


def noted(found: Measurement, words: str) -> Measurement:
    """Return a measurement that says of what it is the mean, where it has a value."""
    if found.value is None:
        return found
    return replace(found, interval="; ".join(filter(None, (found.interval, words))))


def _only_over_prompts(found: Measurement, prompts: int) -> Measurement:
    """Return a measurement of turns with an interval only where seed prompts were resampled."""
    if found.value is None or prompts >= MIN_CLUSTERS:
        return found
    few = "one seed prompt is" if prompts == 1 else f"{prompts} seed prompts are"
    few = f"no interval: turns depend on each other, and {few} too few"
    return replace(found, low=None, high=None, interval=few, resampled="", resampled_n=0)


def named(measurements: Sequence[Measurement], words: str) -> Iterator[Measurement]:
    """Yield the measurements with ``words`` after their names.

    >>> from pytest_promptchaos.records import Measurement
    >>> [one.name for one in named([Measurement(name="m", unit="u", value=1.0)], ", drift=both")]
    ['m, drift=both']
    """
    return (replace(one, name=f"{one.name}{words}") for one in measurements)
