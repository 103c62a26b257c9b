"""A pin names one exact model, or says what it lacks."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_promptchaos.errors import PinError
from pytest_promptchaos.models.pins import CHOICES, bundled_names, fingerprint, parse_pin

if TYPE_CHECKING:
    from pathlib import Path

COMMIT = "0123456789abcdef0123456789abcdef01234567"


def saved(folder: Path, weights: bytes = b"weights") -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "config.json").write_text("{}")
    (folder / "model.safetensors").write_bytes(weights)
    return folder


def test_a_bundled_model_is_named_without_a_revision() -> None:
    pin = parse_pin("bundled:tiny-chat")
    assert (pin.scheme, pin.name, pin.revision) == ("bundled", "tiny-chat", "")
    assert set(bundled_names()) >= {"tiny-chat", "tiny-chat-robust"}


def test_a_directory_is_taken_from_where_pytest_was_started(tmp_path: Path) -> None:
    saved(tmp_path / "mine")
    assert parse_pin("dir:mine", base=tmp_path).source == str(tmp_path / "mine")


def test_a_hub_pin_carries_its_commit() -> None:
    pin = parse_pin(f"hub:org/model@{COMMIT}?dtype=bfloat16&device=cuda:0&thinking=off")
    assert (pin.source, pin.revision) == ("org/model", COMMIT)
    assert pin.options == {"dtype": "bfloat16", "device": "cuda:0", "thinking": "off"}
    assert pin.text == f"hub:org/model@{COMMIT}"


@pytest.mark.parametrize(
    "revision", ["", "@", "@main", "@0123abc", f"@{COMMIT.upper()}", f"@{COMMIT}0"]
)
def test_a_hub_pin_without_a_full_commit_is_refused_unless_allowed(revision: str) -> None:
    with pytest.raises(PinError, match="--promptchaos-allow-unpinned"):
        parse_pin(f"hub:org/model{revision}")
    assert parse_pin(f"hub:org/model{revision}", allow_unpinned=True).source == "org/model"


@given(st.sampled_from(sorted(CHOICES)), st.text(min_size=1, max_size=9))
def test_an_option_takes_what_it_lists_and_nothing_else(key: str, value: str) -> None:
    from urllib.parse import quote

    text = f"bundled:tiny-chat?{key}={quote(value)}"
    if value in CHOICES[key]:
        assert parse_pin(text).options == {key: value}
    else:
        with pytest.raises(PinError, match=f"{key} .* is not one of"):
            parse_pin(text)


def test_int8_is_an_option_of_a_pin_and_other_sizes_are_refused_by_name() -> None:
    assert parse_pin("bundled:tiny-chat?quantization=int8").options == {"quantization": "int8"}
    both = parse_pin("bundled:tiny-chat?dtype=bfloat16&quantization=int8")
    assert both.options == {"dtype": "bfloat16", "quantization": "int8"}
    with pytest.raises(PinError, match="quantization 'int4' is not one of none, int8"):
        parse_pin("bundled:tiny-chat?quantization=int4")
    with pytest.raises(PinError, match="did you mean 'quantization'"):
        parse_pin("bundled:tiny-chat?quantisation=int8")


def test_the_fingerprint_follows_every_file_that_matters(tmp_path: Path) -> None:
    one, two = saved(tmp_path / "one"), saved(tmp_path / "two")
    assert fingerprint(parse_pin(f"dir:{one}")) == fingerprint(parse_pin(f"dir:{two}"))
    (two / "README.md").write_text("a card changes no output")
    assert fingerprint(parse_pin(f"dir:{one}")) == fingerprint(parse_pin(f"dir:{two}"))
    (two / "1_Pooling").mkdir()
    for name in (
        "model.safetensors",
        "config.json",
        "chat_template.jinja",
        "tokenizer.json",
        "1_Pooling/config.json",
    ):
        before = fingerprint(parse_pin(f"dir:{two}"))
        (two / name).write_text(f"other {name}")
        assert fingerprint(parse_pin(f"dir:{two}")) != before


@given(st.integers(0, 10**18 - 1))
def test_an_initialization_is_another_model_of_the_same_files(seed: int) -> None:
    pin = parse_pin(f"bundled:tiny-chat?initialization={seed}&dtype=float64")
    assert pin.initialization == seed
    assert pin.text == f"bundled:tiny-chat?initialization={seed}"
    assert pin.name == f"tiny-chat (initialization {seed})"
    assert parse_pin(pin.text) == parse_pin(f"bundled:tiny-chat?initialization={seed}")


@pytest.mark.parametrize("seed", ["", "-1", "00", "01", "1.0", "none", "1e3", "٣", " 1", "1" * 19])
def test_an_initialization_without_a_plain_seed_is_refused(seed: str) -> None:
    with pytest.raises(PinError, match="is not the seed of random weights"):
        parse_pin(f"bundled:tiny-chat?initialization={seed}")


def test_the_fingerprint_of_an_initialization_is_its_own(tmp_path: Path) -> None:
    one, two = saved(tmp_path / "one"), saved(tmp_path / "two", b"other weights")
    pins = [f"dir:{one}", f"dir:{one}?initialization=0", f"dir:{one}?initialization=1"]
    pins += [f"dir:{two}?initialization=0", f"hub:org/model@{COMMIT}"]
    pins += [f"hub:org/model@{COMMIT}?initialization=0"]
    assert len({fingerprint(parse_pin(pin)) for pin in pins}) == len(pins)
