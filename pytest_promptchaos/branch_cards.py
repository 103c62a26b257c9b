"""Pairs -> branch cards: why the worst outputs part, replayed, bisected and patched.

Everything decoded or patched for a card goes through the session's store, so that a second run of
the same check measures nothing.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, cast

from pytest_promptchaos.measure.distances import branch_step, token_edit
from pytest_promptchaos.neighborhoods.messages import place_of, rewritten
from pytest_promptchaos.neighborhoods.shrink import smallest_sub_edit
from pytest_promptchaos.records import BranchCard, Future, RescueMap

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pytest_promptchaos.booking import Subject
    from pytest_promptchaos.measure.pairs import Observed
    from pytest_promptchaos.models.language import LanguageModel
    from pytest_promptchaos.neighborhoods.messages import Place
    from pytest_promptchaos.records import Branch, Pair, Prompt, Run
    from pytest_promptchaos.session import Arrays, Plain, Session

How: TypeAlias = Literal["off", "replay", "patch"]
Direction: TypeAlias = Literal["center into neighbor", "neighbor into center"]

BUDGET = 32
"""Candidates that the bisect of one edit may decode."""
DIRECTIONS: tuple[Direction, Direction] = ("center into neighbor", "neighbor into center")
UNJUDGED = {"identical", "positive_control"}


def branch_cards(
    session: Session,
    model: Subject,
    observed: Sequence[Observed],
    pairs: Sequence[Pair],
    *,
    how: How = "replay",
    most: int = 3,
) -> tuple[BranchCard, ...]:
    """Return cards for the first ``most`` of ``pairs`` that have a branch and may be judged.

    ``pairs`` come worst first; ``observed`` holds the runs behind them. ``how`` is ``"off"`` for
    no cards, ``"replay"`` for futures, bisect and traces, ``"patch"`` for rescue maps as well. A
    model without a network, such as a scripted one, gets cards whose notes say what is missing.
    """
    if how == "off":
        return ()
    known = {o.center.prompt.id: o for o in observed}
    shown = [p for p in pairs if _may_be_shown(p) and p.neighbor_id in known[p.prompt_id].runs]
    cards = []
    for done, pair in enumerate(shown[:most]):
        session.progress(f"branch of {pair.prompt_id}", done, min(most, len(shown)))
        cards.append(_Parting(session, model, known[pair.prompt_id], pair).card(how))
    return tuple(cards)


def _may_be_shown(pair: Pair) -> bool:
    judged = pair.gates and pair.certification == "effective" and pair.rung not in UNJUDGED
    return judged and pair.branch is not None


@dataclass
class _Parting:
    """One center beside one neighbor whose outputs part."""

    session: Session
    model: Subject
    observed: Observed
    pair: Pair
    notes: list[str] = field(default_factory=list)
    _unfit: int = 0

    @property
    def center(self) -> Run:
        return self.observed.center

    @property
    def run(self) -> Run:
        return self.observed.runs[self.pair.neighbor_id]

    @property
    def branch(self) -> Branch:
        assert self.pair.branch is not None
        return self.pair.branch

    @property
    def tokens(self) -> tuple[int, int] | None:
        """The ids that the two runs chose at the branch; ``None`` where one had none left."""
        step = self.branch.step
        whole = step < min(len(self.center.output_ids), len(self.run.output_ids))
        return (self.center.output_ids[step], self.run.output_ids[step]) if whole else None

    @property
    def networked(self) -> LanguageModel | None:
        """The model, where it has a network; asked of its class: asking it would load weights."""
        return cast("LanguageModel", self.model) if hasattr(type(self.model), "network") else None

    def card(self, how: How) -> BranchCard:
        last = self.branch.step + 1
        smallest, text, tried = self._bisected()
        return BranchCard(
            prompt_id=self.pair.prompt_id,
            neighbor_id=self.pair.neighbor_id,
            edit=self.pair.edit,
            branch=self.branch,
            smallest=smallest,
            smallest_text=text,
            tried=tried,
            futures=self._futures(),
            margins_a=tuple(step.margin for step in self.center.steps[:last]),
            margins_b=tuple(step.margin for step in self.run.steps[:last]),
            js=self._divergence(last),
            rescue=self._rescue() if how == "patch" else (),
            notes=tuple(self.notes),
        )

    def _divergence(self, last: int) -> tuple[float, ...]:
        forced = self.observed.forced.get(self.pair.neighbor_id)
        if forced is None:
            self.notes.append("no JS along the prefix: the model gives no teacher-forced logits")
            return ()
        return tuple(float(value) for value in forced[0].js[:last])

    def _parts(self) -> dict[str, object]:
        """Return what a replay or a patch of this branch depends on."""
        return self.model.key_parts(self.center.prompt) | {
            "neighbor_ids": self.run.prompt_ids,
            "prefix": self.center.output_ids[: self.branch.step],
            "tokens": self.tokens,
        }

    # -- the edit's smallest part ---------------------------------------------------------------

    def _bisected(self) -> tuple[str, str, int]:
        """Return the smallest part of the edit that still parts the outputs: words, text, tries."""
        place = edited_place(self.center.prompt, self.run.prompt)
        if place is None:
            self.notes.append("not bisected: the edit is not within one message")
            return "", "", 0
        whole = self.run.prompt.messages[place.index].content

        def fails(texts: Sequence[str]) -> list[bool]:
            return self._still_part([_rewritten(self.center.prompt, place, t) for t in texts])

        found = smallest_sub_edit(place.text, whole, fails, budget=BUDGET)
        if self._unfit:
            self.notes.append(f"{self._unfit} parts of the edit need a wider batch: not tried")
        if found.of == 1:
            return "", "", found.tried
        if found.text == whole:
            sure = "no part of it" if found.minimal else "none of the parts within the budget"
            self.notes.append(f"the whole edit is needed: {sure} parts the outputs")
        if not found.minimal:
            self.notes.append(f"bisected {found.tried} times, so a smaller part may do as well")
        return found.words, found.text, found.tried

    def _still_part(self, prompts: Sequence[Prompt | None]) -> list[bool]:
        """Return whether the output for each prompt parts from the center's; ``None`` does not."""
        rendered = [() if prompt is None else self.model.render(prompt) for prompt in prompts]
        known = {(): False, self.center.prompt_ids: False, self.run.prompt_ids: True}
        new = {
            ids: prompt
            for ids, prompt in zip(rendered, prompts, strict=True)
            if prompt is not None and ids not in known
        }
        asked = {ids: prompt for ids, prompt in new.items() if self._fits(ids)}
        self._unfit += len(new) - len(asked)
        runs = self.session.runs(
            self.model,
            list(asked.values()),
            shape=self.center.batch_shape,
            horizon=self.center.horizon,
            label=f"bisecting an edit of {self.pair.prompt_id}",
        )
        for ids, run in zip(asked, runs, strict=True):
            known[ids] = run.output_ids != self.center.output_ids
        return [known.get(ids, False) for ids in rendered]

    def _fits(self, ids: tuple[int, ...]) -> bool:
        """Say whether a prompt can be decoded in the very batch shape of the center."""
        _, width, shared = (*self.center.batch_shape, 0)[:3]
        return len(ids) <= width and ids[:shared] == self.center.prompt_ids[:shared]

    # -- four futures ---------------------------------------------------------------------------

    def _futures(self) -> tuple[Future, ...]:
        problem = self._no_network()
        if problem:
            self.notes.append(f"no futures: {problem}")
            return ()
        parts = self._parts() | {
            "batch_shapes": [self.center.batch_shape, self.run.batch_shape],
            "horizons": [self.center.horizon, self.run.horizon],
            "outputs": [self.center.output_ids, self.run.output_ids],
        }
        plain, _ = self.session.recall("replay", parts, self._replay)
        stored: Any = plain["outputs"]
        futures = tuple(self._future(one) for one in stored)
        self._note_parting("center", self.center, stored[0]["output_ids"])
        self._note_parting("neighbor", self.run, stored[1]["output_ids"])
        return futures

    def _no_network(self) -> str:
        if self.tokens is None:
            return "one output was cut off before the branch, so it chose no token there"
        if self.networked is None:
            return f"{self.model.pin.text} has no network to force a token in"
        return ""

    def _replay(self) -> tuple[Plain, Arrays]:
        # Imported here: a scripted model's cards need no torch.
        from pytest_promptchaos.models.replay import replayed

        assert self.networked is not None
        found = replayed(self.networked, self.center, self.run, self.branch.step)
        return {"outputs": [asdict(one) for one in found]}, {}

    def _future(self, one: Mapping[str, Any]) -> Future:
        ids, step = one["output_ids"], self.branch.step
        tokens = tuple(one["tokens"])
        return Future(
            prompt=one["prompt"],
            token=tokens[step] if step < len(tokens) else "",
            forced=one["forced"],
            text=one["text"],
            tokens=tokens,
            to_a=token_edit(ids, self.center.output_ids),
            to_b=token_edit(ids, self.run.output_ids),
        )

    def _note_parting(self, name: str, run: Run, ids: Sequence[int]) -> None:
        """Note where a free replay is not the run it replays."""
        horizon = min(self.center.horizon, self.run.horizon)
        step = branch_step(ids, run.output_ids[:horizon])
        if step is not None:
            self.notes.append(
                f"replayed in a batch of four rows, the {name}'s output parts from itself at token "
                f"{step + 1}: another batch shape rounds differently, so its futures may too"
            )

    # -- residual patching ----------------------------------------------------------------------

    def _rescue(self) -> tuple[RescueMap, ...]:
        problem = self._no_network()
        if problem:
            return tuple(RescueMap(direction=each, reason=problem) for each in DIRECTIONS)
        return tuple(self._map(each) for each in DIRECTIONS)

    def _map(self, direction: Direction) -> RescueMap:
        def patch() -> tuple[Plain, Arrays]:
            # Imported here: a scripted model's cards need no torch.
            from pytest_promptchaos.dynamics.patching import rescue_map

            assert self.networked is not None
            assert self.tokens is not None
            runs = (self.center, self.run)
            giving, into = runs if direction == DIRECTIONS[0] else runs[::-1]
            found = rescue_map(
                self.networked.network,
                giving.prompt_ids,
                into.prompt_ids,
                self.center.output_ids[: self.branch.step],
                self.tokens,
                direction=direction,
            )
            return asdict(found), {}

        parts = self._parts() | {"direction": direction}
        return _map_of(self.session.recall("patch", parts, patch)[0])


def _map_of(plain: Mapping[str, Any]) -> RescueMap:
    """Return the map that the store holds."""
    return RescueMap(
        direction=plain["direction"],
        layers=tuple(plain["layers"]),
        places=tuple(plain["places"]),
        rescue=tuple(tuple(row) for row in plain["rescue"]),
        null=tuple(plain["null"]),
        threshold=plain["threshold"],
        reason=plain["reason"],
    )


def edited_place(center: Prompt, neighbor: Prompt) -> Place | None:
    """Return the one message of the center that the neighbor says otherwise, if it is one."""
    pairs = list(zip(center.messages, neighbor.messages, strict=False))
    differ = [index for index, (a, b) in enumerate(pairs) if a.content != b.content]
    same_turns = [m.role for m in center.messages] == [m.role for m in neighbor.messages]
    return place_of(center, differ[0]) if same_turns and len(differ) == 1 else None


def _rewritten(center: Prompt, place: Place, text: str) -> Prompt | None:
    """Return the center with another message at a place; ``None`` where nothing is left there."""
    return rewritten(center, place, text) if text.strip() else None
