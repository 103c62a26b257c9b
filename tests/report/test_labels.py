from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_promptchaos.report.labels import compared_systems, key_of, labels_of
from report.conftest import model, verdict

if TYPE_CHECKING:
    from pytest_promptchaos.records import ModelIdentity, Verdict

PLAIN = model("tiny")
HALF = model("tiny", dtype="bfloat16")
CUT = model("tiny", quantization="int8 dynamic (weights per channel, activations per token), head")
NONE: dict[str, str] = {}


def asked(*models: ModelIdentity, compared: str = "") -> list[Verdict]:
    """Return a verdict per model, the last of a comparison of the systems named so."""
    told = [NONE] * (len(models) - 1) + [{"systems": compared}]
    return [
        verdict(model=one, settings=knobs, pairs=(), curves=())
        for one, knobs in zip(models, told, strict=True)
    ]


def labels(*models: ModelIdentity, compared: str = "") -> list[str]:
    return list(labels_of(asked(*models, compared=compared)).values())


def test_a_model_is_called_by_its_name_until_two_share_it() -> None:
    assert labels(PLAIN) == ["tiny"]
    assert labels(PLAIN, model("large")) == ["tiny", "large"]
    assert labels(PLAIN, replace(PLAIN, pin="dir:./tiny")) == ["bundled:tiny", "dir:./tiny"]


def test_systems_of_one_checkpoint_are_told_by_the_numbers_they_compute_in() -> None:
    assert labels(PLAIN, HALF) == ["tiny float32", "tiny bfloat16"]
    assert labels(PLAIN, CUT) == ["tiny float32", "tiny float32 int8"]
    assert labels(PLAIN, HALF, CUT) == ["tiny float32", "tiny bfloat16", "tiny float32 int8"]


def test_a_comparison_of_the_run_names_its_systems_alike() -> None:
    named = "tiny float32; tiny bfloat16; tiny float32 int8"
    assert labels(PLAIN, HALF, CUT, compared=named) == named.split("; ")
    short = "tiny float32; tiny int8"
    assert labels(PLAIN, CUT, compared=short) == short.split("; ")


def test_a_system_that_is_compared_and_never_asked_itself_still_tells_it_apart() -> None:
    assert labels(HALF, compared="tiny float32; tiny bfloat16") == ["tiny bfloat16"]
    assert labels(HALF, compared="large; small") == ["tiny"]


def test_only_models_of_one_name_are_told_apart() -> None:
    assert labels(PLAIN, HALF, model("large")) == ["tiny float32", "tiny bfloat16", "large"]


def test_two_ways_of_cutting_are_told_in_full_and_without_a_comma() -> None:
    other = replace(CUT, quantization="int8 dynamic (weights per tensor)")
    first, second = labels(CUT, other)
    assert first.startswith("tiny float32 int8")
    assert ("per channel" in first, "per tensor" in second) == (True, True)
    assert "," not in first + second


def test_models_that_differ_in_their_files_alone_are_told_by_their_fingerprint() -> None:
    assert labels(PLAIN, replace(PLAIN, fingerprint="0" * 64)) == [
        "tiny 3f9a6b1d3f9a",
        "tiny 000000000000",
    ]


def test_notes_and_versions_make_no_second_model() -> None:
    assert labels(PLAIN, replace(PLAIN, notes=("another",), versions=())) == ["tiny"]


def test_a_verdict_that_compares_nothing_names_no_systems() -> None:
    assert compared_systems(verdict(settings={})) == ()
    assert compared_systems(verdict(settings={"systems": "a; b"})) == ("a", "b")


@given(
    st.lists(
        st.builds(
            model,
            st.sampled_from(["tiny", "tiny float32", "large"]),
            pin=st.sampled_from(["a", "b"]),
            dtype=st.sampled_from(["float32", "bfloat16"]),
            quantization=st.sampled_from(["none", "int8 one way", "int8 another", "int4"]),
            device=st.sampled_from(["cpu", "cuda"]),
            fingerprint=st.sampled_from(["1" * 64, "2" * 64]),
        ),
        min_size=1,
        max_size=12,
    )
)
@settings(deadline=None)
def test_every_system_has_a_label_of_its_own(models: list[ModelIdentity]) -> None:
    found = labels_of(asked(*models))
    assert set(found) == set(map(key_of, models))
    assert len(set(found.values())) == len(found)
