"""One name per system, the same in every document: as short as it stays unique."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from pytest_promptchaos.records import ModelIdentity, Verdict

FURTHER = ("quantization", "device", "attention", "thinking", "fingerprint")
"""What tells systems apart whose names, numbers and pins are the same, in this order."""


class Key(NamedTuple):
    """What makes a model another one; versions and notes describe a run of the same."""

    name: str
    pin: str
    dtype: str
    quantization: str
    device: str
    attention: str
    thinking: str
    fingerprint: str


def key_of(model: ModelIdentity) -> Key:
    """Return what tells the model from others; its quantization without commas."""
    return Key(
        name=model.name,
        pin=model.pin,
        dtype=model.dtype,
        quantization=model.quantization.replace(",", ""),
        device=model.device,
        attention=model.attention,
        thinking=f"thinking {model.thinking}",
        fingerprint=model.fingerprint[:12],
    )


def labels_of(verdicts: Sequence[Verdict]) -> dict[Key, str]:
    """Return the label of every model, in order of appearance.

    It is the model's name. Where dtype or quantization differ between models of one name, they
    stand behind it, as in "tiny float32" and "tiny float32 int8"; so they do where a comparison of
    the same run calls a system so, and then in its spelling. What is still alike has its pin in
    place of its name, and then the first of :data:`FURTHER` that differ.
    """
    keys = list(dict.fromkeys(key_of(verdict.model) for verdict in verdicts))
    named = {name for verdict in verdicts for name in compared_systems(verdict)}
    labels: dict[Key, str] = {}
    for name in dict.fromkeys(key.name for key in keys):
        labels |= _told_apart([key for key in keys if key.name == name], named)
    return labels if _unique(labels) else {key: " ".join(key) for key in keys}


def compared_systems(verdict: Verdict) -> tuple[str, ...]:
    """Return the names of the systems that a comparison held side by side; else nothing."""
    return tuple(filter(None, str(verdict.settings.get("systems", "")).split("; ")))


def _told_apart(keys: Sequence[Key], named: Collection[str]) -> dict[Key, str]:
    numbered = {key: _numbered(key.name, key, named) for key in keys}
    differ = len({(key.dtype, key.quantization) for key in keys}) > 1
    told = differ or any(label in named for label in numbered.values())
    labels = numbered if told else {key: key.name for key in keys}
    if not _unique(labels) and len({key.pin for key in keys}) > 1:
        labels = {key: _numbered(key.pin, key, named) if told else key.pin for key in keys}
    for field in FURTHER:
        if not _unique(labels) and len({getattr(key, field) for key in keys}) > 1:
            labels = {key: f"{label} {getattr(key, field)}" for key, label in labels.items()}
    return labels


def _numbered(start: str, key: Key, named: Collection[str]) -> str:
    """Return the numbers that a system computes in behind its name: its dtype, what it is cut to.

    A comparison may leave the dtype out, which is that of what was left unquantized.
    """
    short = "" if key.quantization == "none" else key.quantization.partition(" ")[0]
    whole, cut = (
        " ".join(filter(None, (start, *words))) for words in ((key.dtype, short), (short,))
    )
    return cut if short and cut in named and whole not in named else whole


def _unique(labels: Mapping[Key, str]) -> bool:
    values: Iterable[str] = labels.values()
    return len(set(values)) == len(labels)
