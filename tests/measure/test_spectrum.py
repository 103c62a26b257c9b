"""The spectrum of exponents, on systems whose exponents are known."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_promptchaos.measure.intervals import MIN_CLUSTERS
from pytest_promptchaos.measure.spectrum import exponents, kaplan_yorke_dimension, spectrum

LORENZ = np.array([[0.9056], [0.0], [-14.5723]])
"""The published exponents of the Lorenz system, J. C. Sprott (2003), one layer of time one."""


def test_the_lorenz_attractor_has_its_published_dimension() -> None:
    assert kaplan_yorke_dimension(exponents(LORENZ)) == pytest.approx(2.0621, abs=1e-4)


def test_the_henon_attractor_has_its_published_dimension() -> None:
    henon = np.array([0.41922, math.log(0.3) - 0.41922])
    assert kaplan_yorke_dimension(henon) == pytest.approx(1.2583, abs=1e-3)


def test_a_spectrum_holds_its_exponents_sum_and_dimension() -> None:
    measured = spectrum({"lorenz": LORENZ})
    assert [one.name for one in measured.exponents] == ["lambda_1", "lambda_2", "lambda_3"]
    assert [one.value for one in measured.exponents] == LORENZ[:, 0].tolist()
    assert measured.total.value == pytest.approx(-13.6667)
    assert measured.dimension.value == pytest.approx(2.0621, abs=1e-4)
    assert measured.curve.y == tuple(LORENZ[:, 0])
    assert measured.curve.x == (1.0, 2.0, 3.0)


def test_exponents_are_told_largest_first() -> None:
    assert exponents(np.array([[0.0, 0.0], [1.0, 3.0]])).tolist() == [2.0, 0.0]


def test_a_contraction_has_no_dimension_and_says_why() -> None:
    dimension = spectrum({"p": np.array([[-0.1], [-0.5]])}).dimension
    assert dimension.value is None
    assert "no exponent is above 0" in str(dimension.reason)


def test_exponents_that_do_not_add_up_below_zero_have_no_dimension_and_say_why() -> None:
    dimension = spectrum({"p": np.array([[0.5], [-0.1]])}).dimension
    assert dimension.value is None
    assert "above 2; take more tangents" in str(dimension.reason)


def test_one_prompts_exponents_are_no_samples_of_one_number() -> None:
    measured = spectrum({"lorenz": LORENZ})
    assert all(one.low is None for one in (*measured.exponents, measured.total))
    assert measured.curve.low == ()


def test_enough_prompts_give_every_exponent_an_interval() -> None:
    growths = {f"p{i}": LORENZ + 0.01 * i for i in range(MIN_CLUSTERS)}
    first = spectrum(growths).exponents[0]
    assert first.value == pytest.approx(0.9056 + 0.02)
    assert first.interval == "95% t over 5 prompts"
    assert first.low is not None
    assert first.low < 0.9056 + 0.02


@given(values=st.lists(st.floats(-3, 3, allow_subnormal=False), min_size=2, max_size=6))
@settings(deadline=None)
def test_the_dimension_lies_between_one_and_the_number_of_exponents(values: list[float]) -> None:
    rates = exponents(np.array(values)[:, np.newaxis])
    if rates[0] > 0 > rates.sum():
        assert 1 <= kaplan_yorke_dimension(rates) <= len(values)
    else:
        dimension = spectrum({"p": np.array(values)[:, np.newaxis]}).dimension
        assert dimension.value is None or dimension.value <= len(values)
