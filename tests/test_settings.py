"""One table of options; the strongest layer that sets a value wins."""

from __future__ import annotations

import pytest

from pytest_promptchaos.errors import PromptChaosError
from pytest_promptchaos.settings import BY_NAME, OPTIONS, Settings, option_named, resolve


def test_the_defaults_of_the_table_are_those_of_the_settings() -> None:
    from_table = resolve(("table", {option.name: option.default for option in OPTIONS}))
    assert from_table == Settings()


def test_the_first_layer_that_sets_a_value_wins() -> None:
    resolved = resolve(
        ("command line", {"horizon": None, "seed": "7"}),
        ("marker", {"horizon": 32, "seed": 1}),
        ("ini", {"horizon": 128, "per_rung": 2}),
    )
    assert (resolved.horizon, resolved.seed, resolved.per_rung) == (32, 7, 2)


@pytest.mark.parametrize(
    ("key", "value", "wanted"),
    [
        ("horizon", "many", "a whole number"),
        ("horizon", -1, "a whole number"),
        ("horizon", True, "a whole number"),
        ("horizon", 0, "a whole number of at least 1"),
        ("per_rung", 0, "a whole number of at least 1"),
        ("model", ["dir:a", "dir:a"], "a pin or a list of different pins"),
        ("inconclusive", "ignore", "fail or warn"),
        ("dtype", "float8", "auto or float64"),
        ("fresh", "perhaps", "true or false"),
        ("model", 3, "a pin"),
        ("embedder", 3, "some text"),
    ],
)
def test_a_value_that_does_not_fit_says_what_would(key: str, value: object, wanted: str) -> None:
    with pytest.raises(PromptChaosError, match=rf"ini file: {key} is .* takes {wanted}"):
        resolve(("ini file", {key: value}))


def test_a_misspelt_key_names_the_nearest_one() -> None:
    with pytest.raises(PromptChaosError, match="marker: unknown key 'horizn': did you mean 'hor"):
        option_named("horizn", "marker")


def test_every_option_has_a_flag_and_an_ini_twin() -> None:
    assert BY_NAME["per_rung"].flag == "--promptchaos-per-rung"
    assert BY_NAME["per_rung"].ini == "promptchaos_per_rung"
    assert all(option.help for option in OPTIONS)
