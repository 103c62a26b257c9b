"""Several systems' runs on the same texts: how far each moves, and how far it is from another."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from pytest_promptchaos.measure.alignment import aligned, shared_preamble, without_end
from pytest_promptchaos.measure.branching import branch_event
from pytest_promptchaos.measure.controls import noise_floor
from pytest_promptchaos.measure.distances import token_edit
from pytest_promptchaos.measure.pairs import Lens, Semantics, edited_texts
from pytest_promptchaos.records import Pair

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from pytest_promptchaos.measure.alignment import Alignment
    from pytest_promptchaos.measure.energy import OutputMetric
    from pytest_promptchaos.measure.pairs import Embed, Observed
    from pytest_promptchaos.records import ModelIdentity, Neighbor, Run, Rung

    Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class System:
    """One system by the name it is shown under, and what it answered to every prompt."""

    label: str
    observed: Sequence[Observed]


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """Several systems on the same prompts in the same order, the reference first.

    ``common`` holds for each prompt the ids of the neighbors that are effective for every system.
    ``same_tokens`` says that their token ids mean the same, so that outputs can be aligned.
    """

    systems: Sequence[System]
    common: Sequence[frozenset[str]]
    metric: OutputMetric
    rungs: tuple[Rung, ...]
    same_tokens: bool


@dataclass(frozen=True, kw_only=True)
class Asked:
    """One text that every system was asked: a prompt itself (no neighbor) or a common neighbor."""

    prompt: int
    neighbor: Neighbor | None

    @property
    def rung(self) -> Rung:
        """The rung; the prompt itself is its own identical edit."""
        return "identical" if self.neighbor is None else self.neighbor.rung

    def run(self, system: System) -> Run:
        """Return what a system answered."""
        observed = system.observed[self.prompt]
        return observed.center if self.neighbor is None else observed.runs[self.neighbor.id]


class Compared:
    """Every distance of a comparison, each text embedded once."""

    def __init__(self, comparison: Comparison, embed: Embed | None) -> None:
        self.comparison = comparison
        self.systems = comparison.systems
        self.reference = comparison.systems[0]
        self._alignments = self._align()
        texts = [r.text for s in self.systems for o in s.observed for r in _runs(o)]
        texts += [t for a in self._alignments.values() for t in (a.text_a, a.text_b)]
        self.semantics = Semantics(texts, embed) if embed else None
        lens = Lens(semantics=self.semantics)
        found = [noise_floor(s.observed, comparison.metric, lens) for s in self.systems]
        self.arms = [arms for arms, _ in found]
        self.floors = [floors for _, floors in found]

    def neighbors(self, prompt: int) -> list[Neighbor]:
        """Return the neighbors of a prompt on the judged rungs, whatever became of them."""
        built = self.reference.observed[prompt].neighborhood
        return [n for n in built.neighbors if n.rung in self.comparison.rungs and n.gates]

    def judged(self, prompt: int) -> list[Neighbor]:
        """Return those of them on which all systems are compared."""
        common = self.comparison.common[prompt]
        return [n for n in self.neighbors(prompt) if n.id in common]

    @cached_property
    def prompts(self) -> list[int]:
        """The places of the prompts that have a common neighbor."""
        return [p for p in range(len(self.comparison.common)) if self.judged(p)]

    def id(self, prompt: int) -> str:
        """Return the id of the prompt at a place."""
        return self.reference.observed[prompt].center.prompt.id

    def distance(self, a: Run, b: Run) -> float:
        """Return the distance of two outputs under the metric that is judged."""
        if self.comparison.metric == "token_edit" or self.semantics is None:
            return token_edit(a.output_ids, b.output_ids)
        return self.semantics.distance(a.text, b.text)

    def sensitivity(self, place: int, rung: Rung | None = None) -> list[Floats]:
        """Return one array per prompt: how far each common neighbor moved this system's output."""
        found = []
        for prompt in self.prompts:
            observed = self.systems[place].observed[prompt]
            chosen = [n for n in self.judged(prompt) if rung in {None, n.rung}]
            moved = [self.distance(observed.center, observed.runs[n.id]) for n in chosen]
            found.append(np.array(moved) - self.floors[place][self.id(prompt)])
        return [values for values in found if len(values)]

    def drifted(self, place: int, rung: Rung | None = None) -> list[Floats]:
        """Return one array per prompt: how far this system's outputs are from the reference's.

        The prompt itself comes first; with a ``rung`` there are only that rung's.
        """
        found = []
        for prompt in self.prompts:
            noise = max(floors[self.id(prompt)] for floors in (self.floors[0], self.floors[place]))
            texts = [one for one in self._asked(prompt) if rung in {None, one.rung}]
            apart = [self._apart(one, place) for one in texts]
            found.append(np.array(apart) - noise)
        return [values for values in found if len(values)]

    def drifted_from_the_answer(self, place: int) -> list[Floats]:
        """Return the same from the start of both answers on, of the texts that can be aligned."""
        found = []
        for prompt in self.prompts:
            pairs = [self._alignments[place, one] for one in self._asked(prompt)]
            found.append(np.array([self._between(pair) for pair in pairs if pair.usable]))
        return [values for values in found if len(values)]

    def _between(self, pair: Alignment) -> float:
        if self.comparison.metric == "token_edit" or self.semantics is None:
            return token_edit(pair.tokens_a, pair.tokens_b)
        return self.semantics.distance(pair.text_a, pair.text_b)

    def _align(self) -> dict[tuple[int, Asked], Alignment]:
        """Return every text's two outputs from the answer on, by system and text.

        What both systems write whatever they are asked is scaffold.
        """
        preambles = [[_preamble(o) for o in system.observed] for system in self.systems]
        return {
            (place, one): aligned(
                one.run(self.reference).tokens,
                one.run(system).tokens,
                preamble=min(preambles[0][prompt], preambles[place][prompt]),
            )
            for place, system in enumerate(self.systems)
            for prompt in self.prompts
            for one in self._asked(prompt)
        }

    def means(self) -> Floats:
        """Return the mean sensitivity per prompt, shape (systems, prompts)."""
        rows = [[g.mean() for g in self.sensitivity(place)] for place in range(len(self.systems))]
        return np.array(rows)

    def pairs(self, place: int) -> list[Pair]:
        """Return the reference's beside this system's output for every text, worst first."""
        found = [
            p for prompt in range(len(self.comparison.common)) for p in self._of(prompt, place)
        ]
        key = self.comparison.metric
        return sorted(
            found, key=lambda p: (not p.distances, -p.distances.get(key, 0.0), p.neighbor_id)
        )

    def _asked(self, prompt: int) -> list[Asked]:
        common = [Asked(prompt=prompt, neighbor=n) for n in self.judged(prompt)]
        return [Asked(prompt=prompt, neighbor=None), *common]

    def _apart(self, asked: Asked, place: int) -> float:
        return self.distance(asked.run(self.reference), asked.run(self.systems[place]))

    def _of(self, prompt: int, place: int) -> Iterator[Pair]:
        yield self._pair(Asked(prompt=prompt, neighbor=None), place)
        for neighbor in self.reference.observed[prompt].neighborhood.neighbors:
            if neighbor.id in self.comparison.common[prompt]:
                yield self._pair(Asked(prompt=prompt, neighbor=neighbor), place)
            elif neighbor.rung != "identical":
                yield self._left_out(prompt, neighbor)

    def _pair(self, asked: Asked, place: int) -> Pair:
        a, b = asked.run(self.reference), asked.run(self.systems[place])
        edits = token_edit(a.output_ids, b.output_ids) if self.comparison.same_tokens else None
        distances = {} if edits is None else {"token_edit": edits}
        if self.semantics is not None:
            distances["semantic"] = self.semantics.distance(a.text, b.text)
        event = None
        if edits is not None:
            near = distances.get("semantic")
            event = branch_event(a, b, None, js_floor=0.0, semantic=near, token_edit=edits)
        return self._shown(
            asked.prompt,
            asked.neighbor,
            outputs=(a, b),
            distances=distances,
            branch=event,
            truncated=self.semantics is not None and self.semantics.truncated(a.text, b.text),
            cached=a.cached and b.cached,
        )

    def _left_out(self, prompt: int, neighbor: Neighbor) -> Pair:
        """Return the pair of a neighbor that some system does not get as a prompt of its own."""
        told = "; ".join(f"{words} for {label}" for label, words in self.lost(prompt, neighbor))
        return self._shown(
            prompt, neighbor, distances={}, missing=(("all", f"not common to all: {told}"),)
        )

    def lost(self, prompt: int, neighbor: Neighbor) -> Iterator[tuple[str, str]]:
        """Yield (system, certification) wherever a neighbor is not effective."""
        for system in self.systems:
            for one in system.observed[prompt].neighborhood.neighbors:
                if one.id == neighbor.id and one.certification != "effective":
                    yield system.label, one.certification

    def _shown(
        self,
        prompt: int,
        neighbor: Neighbor | None,
        *,
        outputs: tuple[Run, Run] | None = None,
        **measured: Any,
    ) -> Pair:
        center = self.reference.observed[prompt].center.prompt
        # Both systems were asked the same: the message that was edited, as it then stood.
        text = center.text if neighbor is None else edited_texts(center, neighbor.prompt)[1]
        a, b = outputs or (None, None)
        return Pair(
            prompt_id=center.id,
            neighbor_id=f"{center.id}/as-asked" if neighbor is None else neighbor.id,
            rung="identical" if neighbor is None else neighbor.rung,
            kind="as asked" if neighbor is None else neighbor.kind,
            edit="the prompt as asked" if neighbor is None else neighbor.edit,
            origin="mechanical" if neighbor is None else neighbor.origin,
            certification="identical" if neighbor is None else neighbor.certification,
            token_delta=0 if neighbor is None else neighbor.token_delta,
            center_text=text,
            neighbor_text=text,
            output_a=a.text if a else "",
            output_b=b.text if b else "",
            tokens_a=a.tokens if a else (),
            tokens_b=b.tokens if b else (),
            reviewer="" if neighbor is None else neighbor.reviewer,
            target="" if neighbor is None else neighbor.target,
            gates=neighbor is None or neighbor.gates,
            sha256="" if neighbor is None else neighbor.sha256,
            **measured,
        )


def _runs(observed: Observed) -> Iterator[Run]:
    yield from (observed.center, *observed.alone, observed.unpadded, *observed.runs.values())


def labels_of(identities: Sequence[ModelIdentity]) -> list[str]:
    """Return a name per system: the model's, and as much more as tells it from the others.

    A quantized system is told by that, as in "tiny int8": its dtype, which is that of what was
    left unquantized, stands beside it only where two such systems differ in nothing else.
    """
    told = [_told(identity, identities) for identity in identities]
    names = [identity.name for identity in identities]
    for key in told[0]:
        split = {
            name: len({one[key] for one, of in zip(told, names, strict=True) if of == name}) > 1
            for name in names
        }
        names = [
            f"{name} {one[key]}" if split[name] and one[key] else name
            for one, name in zip(told, names, strict=True)
        ]
    numbers = [names[: place + 1].count(name) for place, name in enumerate(names)]
    return [
        f"{name} ({number})" if number > 1 else name
        for name, number in zip(names, numbers, strict=True)
    ]


def _told(identity: ModelIdentity, among: Sequence[ModelIdentity]) -> dict[str, str]:
    return {
        "revision": identity.revision[:7],
        "numbers": _numbers(identity, among),
        "thinking": f"thinking {identity.thinking}",
        "attention": identity.attention,
        "device": identity.device,
        "template": f"template {identity.template[:7]}",
    }


def _numbers(identity: ModelIdentity, among: Sequence[ModelIdentity]) -> str:
    """Return the numbers that a system computes in: its dtype, or what it is quantized to."""
    if identity.quantization == "none":
        return identity.dtype
    word = identity.quantization.split()[0]
    alike = [
        one
        for one in among
        if (one.name, one.quantization) == (identity.name, identity.quantization)
    ]
    return word if len({one.dtype for one in alike}) == 1 else f"{identity.dtype} {word}"


def _preamble(observed: Observed) -> int:
    """Return how many tokens the answers to different requests begin with in common."""
    other = [
        without_end(observed.runs[n.id].tokens)
        for n in observed.neighborhood.neighbors
        if n.rung == "positive_control" and n.id in observed.runs
    ]
    return shared_preamble([without_end(observed.center.tokens), *other])
