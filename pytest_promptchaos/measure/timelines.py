"""A conversation and the embeddings of its turns -> its timeline, as the detectors see it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from pytest_promptchaos.measure.detector import Thresholds, labels, similarities
from pytest_promptchaos.measure.lexical import Wording, lexical_labels
from pytest_promptchaos.records import Timeline

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    from pytest_promptchaos.measure.detector import Booleans, Drift
    from pytest_promptchaos.records import Conversation


@dataclass(frozen=True, kw_only=True)
class Detectors:
    """Both detectors with their settings, and the judged reading of the drift clause."""

    drift: Drift = "matching"
    thresholds: Thresholds = field(default_factory=Thresholds)
    wording: Wording = field(default_factory=Wording)

    @property
    def other(self) -> Drift:
        """The reading of the drift clause that is not judged."""
        return "both" if self.drift == "matching" else "matching"

    def by_meaning(self, embeddings: NDArray[np.floating]) -> Booleans:
        """Return which turns the judged detector calls collapsed, shape (T,)."""
        return labels(*similarities(embeddings), drift=self.drift, thresholds=self.thresholds)

    def by_words(self, texts: Sequence[str]) -> Booleans:
        """Return which turns the lexical detector calls collapsed, shape (T,)."""
        return lexical_labels(texts, self.wording, in_a_row=self.thresholds.sustained)

    def timeline(
        self,
        conversation: Conversation,
        embeddings: NDArray[np.floating],
        growth: tuple[tuple[int, float], ...] = (),
    ) -> Timeline:
        """Return a conversation as the detectors see it; ``embeddings`` hold a row per turn."""
        # A conversation that stopped before its first turn has embeddings of no width.
        s1, s2 = similarities(embeddings if len(embeddings) else embeddings.reshape(0, 0))
        judged = labels(s1, s2, drift=self.drift, thresholds=self.thresholds)
        otherwise = labels(s1, s2, drift=self.other, thresholds=self.thresholds)
        return Timeline(
            condition=conversation.condition,
            seed_id=conversation.seed_prompt.id,
            bucket=conversation.seed_prompt.bucket,
            repeat=conversation.repeat,
            asked=conversation.asked,
            collapsed=tuple(judged.tolist()),
            otherwise=tuple(otherwise.tolist()),
            lexical=tuple(self.by_words([turn.text for turn in conversation.turns]).tolist()),
            s1=tuple(s1.tolist()),
            s2=tuple(s2.tolist()),
            growth=growth,
            stopped=conversation.stopped,
        )


def with_texts(
    timelines: Sequence[Timeline], conversations: Sequence[Conversation], shown: int
) -> tuple[Timeline, ...]:
    """Return the timelines, ``shown`` of them with what was said: the most collapsed first."""
    order = sorted(
        range(len(timelines)),
        key=lambda i: (-timelines[i].rate, timelines[i].first or 0, conversations[i].id),
    )
    most = set(order[: max(shown, 0)])
    return tuple(
        replace(
            line,
            texts=tuple(turn.text for turn in conversation.turns),
            speakers=tuple(turn.speaker for turn in conversation.turns),
        )
        if i in most
        else line
        for i, (line, conversation) in enumerate(zip(timelines, conversations, strict=True))
    )


def both_detectors(
    timelines: Sequence[Timeline], earliest: int | None = None
) -> tuple[list[bool], list[bool]]:
    """Return the labels of every turn by the judged and by the lexical detector, in one order.

    From the earliest turn on that can be labelled: the turns before are free for both by
    definition, and to agree on them is no agreement.
    """
    first = (earliest or Thresholds().earliest) - 1
    judged = [label for one in timelines for label in one.collapsed[first:]]
    return judged, [label for one in timelines for label in one.lexical[first:]]
