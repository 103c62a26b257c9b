"""What a set of records says at a glance: how each verdict stands, and which come first."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from pytest_promptchaos.records import Outcome

if TYPE_CHECKING:
    from collections.abc import Sequence

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

_ORDER = tuple(Standing)


@dataclass(frozen=True, kw_only=True)
class Judged:
    """A verdict with the record that holds it, how it stands, and the label of its model."""

    record: Record
    verdict: Verdict
    standing: Standing
    model: str

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

    A depth profile leaves a verdict per limit, so there the measurement is named.
    """
    told = verdict.id if verdict.check in verdict.id else f"{verdict.check}: {verdict.id}"
    name = verdict.measurement.name
    return f"{told}, {name}" if verdict.check == "depth_profile" and name not in told else told


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
    pinned = bracket and parameter.removesuffix("]").partition("?")[0] == one.verdict.model.pin
    return name if pinned else test


def judged(records: Sequence[Record]) -> tuple[Judged, ...]:
    """Return every verdict of the records, those that need a reader first, else in order."""
    labels = _labels(records)
    found = (
        Judged(
            record=record,
            verdict=verdict,
            standing=standing_of(verdict, test_passed=record.status == "passed"),
            model=SYSTEMS if is_system(verdict) else labels[_key(verdict.model)],
        )
        for record in records
        for verdict in record.verdicts
    )
    return tuple(sorted(found, key=lambda one: _ORDER.index(one.standing)))


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
        for record in records
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
    """Return the models that were asked, by label, in order of appearance.

    The label is the model's name; where names collide the pin, and where pins collide (the same
    weights under two dtypes) the name with what the models ran as, as far as that differs.
    """
    labels = _labels(records)
    return {labels[_key(model)]: model for model in _asked(records)}


def _asked(records: Sequence[Record]) -> list[ModelIdentity]:
    verdicts = (verdict for record in records for verdict in record.verdicts)
    return [verdict.model for verdict in verdicts if not is_system(verdict)]


def _labels(records: Sequence[Record]) -> dict[tuple[str, ...], str]:
    keys = list(dict.fromkeys(map(_key, _asked(records))))
    labels: dict[tuple[str, ...], str] = {}
    for name in dict.fromkeys(key[0] for key in keys):
        labels |= _told_apart([key for key in keys if key[0] == name])
    unique = len(set(labels.values())) == len(keys)
    return labels if unique else {key: ", ".join(key[1:]) for key in keys}


def _told_apart(keys: Sequence[tuple[str, ...]]) -> dict[tuple[str, ...], str]:
    """Return labels of models of one name: the name or the pins, and the first fields that differ.

    So three systems of one checkpoint are "tiny, float32", "tiny, bfloat16", "tiny, float32, int8".
    """
    start = 1 if len({key[1] for key in keys}) > 1 else 0
    labels = {key: key[start] for key in keys}
    for field in range(2, len(keys[0])):
        if len(set(labels.values())) == len(keys):
            break
        if len({key[field] for key in keys}) > 1:
            labels = {key: _joined(label, key[field]) for key, label in labels.items()}
    return labels


def _joined(label: str, value: str) -> str:
    # What stands in brackets explains, as in "int8 dynamic (weights per channel)".
    return label if value == "none" else f"{label}, {value.partition(' (')[0]}"


def _key(model: ModelIdentity) -> tuple[str, ...]:
    # Versions and notes are left out: they describe a run of the model, not another model.
    return (
        model.name,
        model.pin,
        model.dtype,
        model.quantization,
        model.device,
        model.attention,
        f"thinking {model.thinking}",
        model.fingerprint[:12],
    )
