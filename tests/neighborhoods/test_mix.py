"""Mixtures: every pair has its turn, what moved comes back, the same seed draws the same."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from pytest_promptchaos.errors import NeighborhoodError
from pytest_promptchaos.neighborhoods.compose import Part, conflict, joined, small_edits
from pytest_promptchaos.neighborhoods.mix import MOST_PARTS, Mixer
from pytest_promptchaos.records import SMALL_RUNGS

RICE = "What is a quick way to cook rice?"
EDITS = small_edits(RICE, SMALL_RUNGS)


def test_the_same_seed_draws_the_same() -> None:
    one, same, other = (Mixer(RICE, EDITS, seed) for seed in (3, 3, 4))
    assert [one.draw() for _ in range(9)] == [same.draw() for _ in range(9)]
    assert one.draw() != other.draw()


def test_a_seed_is_a_whole_number_of_either_sign() -> None:
    assert Mixer(RICE, EDITS, seed=np.int64(-3)).draw() == Mixer(RICE, EDITS, seed=-3).draw()  # type: ignore[arg-type]
    for seed in ("a", 1.0, True, None):
        with pytest.raises(NeighborhoodError, match=f"seed is {seed!r}, but it takes a whole"):
            Mixer(RICE, EDITS, seed=seed)  # type: ignore[arg-type]


def test_mixtures_never_hold_edits_that_exclude_each_other() -> None:
    mixer = Mixer(RICE, EDITS, seed=0)
    for _ in range(60):
        parts = mixer.draw()
        assert 1 <= len(parts) <= MOST_PARTS
        assert not any(conflict(RICE, a, b) for a, b in combinations(parts, 2))
        assert joined(RICE, parts).text != RICE


@pytest.mark.parametrize("seed", range(3))
def test_every_pair_of_edits_has_its_turn_soon(seed: int) -> None:
    mixer = Mixer(RICE, EDITS, seed)
    possible = {
        frozenset((a, b)) for a, b in combinations(mixer.parts, 2) if not conflict(RICE, a, b)
    }
    met: set[frozenset[Part]] = set()
    for _ in range(120):
        met |= {frozenset(pair) for pair in combinations(mixer.draw(), 2)}
    assert met <= possible
    assert len(met) >= 0.97 * len(possible)


def test_what_moved_the_model_comes_back() -> None:
    def share(learned: bool) -> float:
        mixer = Mixer(RICE, EDITS, seed=1)
        wanted = next(p for p in mixer.parts if p.edit.words == "added 2 trailing spaces")
        for part in mixer.parts if learned else ():
            mixer.learn([part], 1.0 if part == wanted else 0.0)
        return sum(wanted in mixer.draw() for _ in range(200)) / 200

    assert share(learned=True) > 1.5 * share(learned=False)


def test_smaller_variants_are_of_one_kind_and_place() -> None:
    mixer = Mixer(RICE, EDITS, seed=0)
    four = next(p for p in mixer.parts if p.edit.words == "added 4 trailing spaces")
    assert [part.edit.words for part in mixer.smaller(four)] == [
        "added 1 trailing space",
        "added 2 trailing spaces",
        "added 3 trailing spaces",
    ]


def test_a_single_edit_is_drawn_alone() -> None:
    mixer = Mixer(RICE, EDITS[:1], seed=0)
    assert [part.edit for part in mixer.draw()] == [EDITS[0]]
