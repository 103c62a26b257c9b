"""The nouns are frozen, finite, and survive JSON."""

from __future__ import annotations

import json
from dataclasses import FrozenInstanceError

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_promptchaos.records import (
    SCHEMA_VERSION,
    Measurement,
    Message,
    Prompt,
    Record,
    address,
    from_plain,
    to_plain,
)


def test_a_prompt_is_a_conversation_that_ends_with_its_text() -> None:
    prompt = Prompt(id="p", text="And now?", before=(Message(role="system", content="Be brief."),))
    assert [message.role for message in prompt.messages] == ["system", "user"]
    with pytest.raises(FrozenInstanceError):
        prompt.text = "else"  # type: ignore[misc]


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_measurement_is_finite(value: float) -> None:
    with pytest.raises(ValueError, match="finite, or it is absent with a reason"):
        Measurement(name="m", unit="nats", value=value)


def test_a_measurement_without_value_says_why() -> None:
    with pytest.raises(ValueError, match="neither a value nor a reason"):
        Measurement(name="m", unit="nats")
    assert Measurement(name="m", unit="nats", reason="no embedder").value is None


def test_a_record_survives_json() -> None:
    record = Record(node_id="t::a", status="error", verdicts=(), environment={"python": "3.11"})
    assert from_plain(json.loads(json.dumps(to_plain(record)))) == record


@pytest.mark.parametrize("version", [SCHEMA_VERSION + 1, "1", None])
def test_a_record_of_a_newer_schema_is_refused(version: object) -> None:
    plain = to_plain(Record(node_id="t", status="passed", verdicts=(), environment={}))
    with pytest.raises(ValueError, match="upgrade it to read"):
        from_plain({**plain, "schema_version": version})


@given(st.dictionaries(st.text(), st.integers() | st.text() | st.lists(st.integers())))
def test_an_address_depends_on_every_part_and_on_no_order(parts: dict[str, object]) -> None:
    turned = dict(reversed(parts.items()))
    assert address("run", parts=parts) == address("run", parts=turned)
    assert address("run", parts=parts) != address("growth", parts=parts)
    assert address("run", parts=parts) != address("run", parts={**parts, "one more": 1})
