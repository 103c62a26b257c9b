"""What a set of records says at a glance: how each verdict stands, and which come first."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING

from pytest_promptchaos.records import Outcome
from pytest_promptchaos.report.labels import key_of, labels_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pytest_promptchaos.records import ModelIdentity, Record, Verdict


class Standing(StrEnum):
    """An outcome held against what was expected; in the order in which a reader needs them."""

    FAILED = "failed"
    UNEXPECTED = "unexpected pass"
    INVALID = "invalid"
    INCONCLUSIVE = "inconclusive"
    EXPECTED = "expected failure"
    CAUGHT = "caught by the test"
    PASSED = "passed"


GREEN = (Standing.EXPECTED, Standing.CAUGHT, Standing.PASSED)
"""The standings that ask nothing of the reader."""

SYSTEMS = "known systems"
"""What stands in the place of a model where a system with a known answer was followed."""

COMPARISONS = ("drift", "no_drift")
"""The checks that hold systems against a reference."""

MOST = 2
"""Prompts that are named in a row; more would fill it."""

_ORDER = tuple(Standing)


@dataclass(frozen=True, kw_only=True)
class Judged:
    """A verdict with the record that holds it, how it stands, and the label of its model.

    ``prompts`` are named where another verdict on the model is called alike.
    """

    record: Record
    verdict: Verdict
    standing: Standing
    model: str
    prompts: str = ""

    @property
    def green(self) -> bool:
        """Whether nothing is asked of the reader."""
        return self.standing in GREEN


def standing_of(verdict: Verdict, *, test_passed: bool = False) -> Standing:
    """Return how the verdict stands, an expected failure told from a failure.

    A verdict that is not green in a test that is was caught there, as ``pytest.raises`` does.
    """
    if test_passed and verdict.outcome in {Outcome.FAILED, Outcome.INVALID}:
        expected = verdict.expect == "failed" and verdict.outcome is Outcome.FAILED
        return Standing.EXPECTED if expected else Standing.CAUGHT
    if verdict.expect == "failed" and verdict.outcome is Outcome.FAILED:
        return Standing.EXPECTED
    if verdict.expect == "failed" and verdict.outcome is Outcome.PASSED:
        return Standing.UNEXPECTED
    return Standing(verdict.outcome.value)


def verdict_name(verdict: Verdict) -> str:
    """Return the verdict's id, behind the name of its check where the id does not tell it.

    A depth profile and answers leave a verdict per limit, so there the measurement is named.
    """
    told = verdict.id if verdict.check in verdict.id else f"{verdict.check}: {verdict.id}"
    name = verdict.measurement.name
    several = verdict.check == "depth_profile" or bool(verdict.samples)
    return f"{told}, {name}" if several and name not in told else told


def node_parts(node_id: str) -> tuple[str, str]:
    """Return where a test lies and what it is called, with its parameters.

    >>> node_parts("tests/test_a.py::TestB::test_c[x::y]")
    ('tests/test_a.py::TestB', 'test_c[x::y]')
    """
    # A parameter may itself hold "::", so only the part ahead of the bracket is taken apart.
    head, bracket, parameters = node_id.partition("[")
    place, _, test = head.rpartition("::")
    return place, f"{test}{bracket}{parameters}"


def name_of_test(one: Judged) -> str:
    """Return what the verdict's test is called, without the model as its only parameter."""
    _, test = node_parts(one.record.node_id)
    name, bracket, parameter = test.partition("[")
    # A pin may have options behind a question mark, and the record's pin may have them too.
    given, pin = parameter.removesuffix("]"), one.verdict.model.pin
    pinned = bracket and pin in {given, given.partition("?")[0]}
    return name if pinned else test


def in_order(records: Sequence[Record]) -> list[Record]:
    """Return the records by node id, that of the whole session last.

    Workers that run side by side hand in theirs as they finish: the order of a document is not
    to depend on which was first.
    """
    return sorted(records, key=lambda record: (bool(record.bridges), record.node_id))


def judged(records: Sequence[Record]) -> tuple[Judged, ...]:
    """Return every verdict of the records, those that need a reader first, else by node id."""
    labels = labels_of(_asked(records))
    found = [
        Judged(
            record=record,
            verdict=verdict,
            standing=standing_of(verdict, test_passed=record.status == "passed"),
            model=SYSTEMS if is_system(verdict) else labels[key_of(verdict.model)],
        )
        for record in in_order(records)
        for verdict in record.verdicts
    ]
    return tuple(sorted(_named_apart(found), key=lambda one: _ORDER.index(one.standing)))


def _named_apart(found: Sequence[Judged]) -> Iterator[Judged]:
    """Yield the verdicts, with their prompts where only those tell them from another one."""
    asked: dict[tuple[str, ...], set[str]] = {}
    for one in found:
        asked.setdefault(_called(one), set()).add(prompts_words(one.verdict))
    for one in found:
        alike = len(asked[_called(one)]) > 1
        yield replace(one, prompts=prompts_words(one.verdict)) if alike else one


def _called(one: Judged) -> tuple[str, ...]:
    return one.model, name_of_test(one), verdict_name(one.verdict)


def prompts_words(verdict: Verdict) -> str:
    """Return the ids of the prompts that were asked, the first two of many."""
    names = str(verdict.settings.get("prompts") or "").split(", ")
    told = ", ".join(names[:MOST])
    return f"{told} and {len(names) - MOST} more" if len(names) > MOST else told


def tally(verdicts: Sequence[Judged]) -> dict[Standing, int]:
    """Return how many verdicts stand how, in reading order, without zeros."""
    counts = Counter(one.standing for one in verdicts)
    return {standing: counts[standing] for standing in Standing if counts[standing]}


def tally_words(verdicts: Sequence[Judged]) -> str:
    """Return the tally in words, such as ``"1 failed, 2 passed"``."""
    return ", ".join(
        f"{count} {_count_word(standing, count)}" for standing, count in tally(verdicts).items()
    )


def _count_word(standing: Standing, count: int) -> str:
    if count == 1:
        return standing.value
    plurals = {Standing.EXPECTED: "expected failures", Standing.UNEXPECTED: "unexpected passes"}
    return plurals.get(standing, standing.value)


def broken(records: Sequence[Record]) -> tuple[Record, ...]:
    """Return the records whose trouble no verdict tells: errors, interruptions, bare failures."""
    return tuple(
        record
        for record in in_order(records)
        if record.status in {"error", "interrupted"}
        or (record.status == "failed" and all(map(_stands_green, record.verdicts)))
    )


def _stands_green(verdict: Verdict) -> bool:
    return standing_of(verdict) in GREEN


def is_system(verdict: Verdict) -> bool:
    """Return whether a system with a known answer was followed, and no model asked."""
    return verdict.check == "system"


def is_comparison(verdict: Verdict) -> bool:
    """Return whether a system was held against another one, its outputs beside the reference's."""
    return verdict.check in COMPARISONS


def side_names(verdict: Verdict) -> tuple[str, str]:
    """Return what stands side by side: a center and its neighbor, or a reference and a system."""
    if not is_comparison(verdict):
        return "Center", "Neighbor"
    told = verdict.settings
    return f"Reference: {told.get('reference', '')}", f"System: {told.get('system', '')}"


def models(records: Sequence[Record]) -> dict[str, ModelIdentity]:
    """Return the models that were asked, by label, in order of appearance by node id."""
    asked = _asked(records)
    labels = labels_of(asked)
    return {labels[key_of(verdict.model)]: verdict.model for verdict in asked}


def _asked(records: Sequence[Record]) -> list[Verdict]:
    verdicts = (verdict for record in in_order(records) for verdict in record.verdicts)
    return [verdict for verdict in verdicts if not is_system(verdict)]
