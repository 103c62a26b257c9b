"""What a template erases is reported as erased, and never counted."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_promptchaos.errors import NeighborhoodError, PromptError
from pytest_promptchaos.neighborhoods.certify import (
    certify,
    common,
    effective_by_rung,
    effective_n,
    token_delta_kind,
)
from pytest_promptchaos.neighborhoods.ladder import neighborhood
from pytest_promptchaos.records import RUNGS, Neighbor, Neighborhood, Prompt

if TYPE_CHECKING:
    from pytest_promptchaos.records import Rung

CENTER = Prompt(id="dune", text="Recommend a book.")


def trimming(prompt: Prompt) -> list[int]:
    """Render as a template that strips the message: one token per byte."""
    return list(prompt.text.strip().encode())


def keeping(prompt: Prompt) -> list[int]:
    return list(prompt.text.encode())


def around(*texts: tuple[str, Rung, str]) -> Neighborhood:
    """Return a neighborhood of ``(id, rung, text)`` around the center."""
    return Neighborhood(
        center=CENTER,
        neighbors=tuple(
            Neighbor(
                id=name,
                prompt=replace(CENTER, text=text),
                rung=rung,
                kind="by_hand",
                edit="edited by hand",
                origin="authored",
            )
            for name, rung, text in texts
        ),
        seed=0,
        ladder_version=1,
    )


def certifications(built: Neighborhood) -> dict[str, str]:
    return {neighbor.id: neighbor.certification for neighbor in built.neighbors}


def test_a_trailing_space_is_erased_by_a_trimming_template_only() -> None:
    built = around(("space", "format", CENTER.text + " "))
    assert certifications(certify(built, trimming)) == {"space": "erased"}
    assert certifications(certify(built, keeping)) == {"space": "effective"}


def test_an_erased_neighbor_does_not_count() -> None:
    built = around(
        ("space", "format", CENTER.text + " "),
        ("inner", "format", "Recommend a  book."),
        ("mark", "punctuation", "Recommend a book!"),
    )
    assert effective_n(certify(built, trimming)) == 2
    assert effective_n(certify(built, keeping)) == 3
    assert effective_n(certify(built, keeping), ["punctuation"]) == 1


def test_the_token_delta_counts_token_edits() -> None:
    built = around(
        ("same", "identical", CENTER.text),
        ("mark", "punctuation", "Recommend a book!"),
        ("lead", "format", "\n\n" + CENTER.text),
    )
    deltas = {n.id: n.token_delta for n in certify(built, keeping).neighbors}
    assert deltas == {"same": 0, "mark": 1, "lead": 2}


def test_the_identical_control_is_certified_as_such() -> None:
    certified = certify(around(("same", "identical", CENTER.text)), trimming)
    assert certifications(certified) == {"same": "identical"}
    assert effective_n(certified, RUNGS) == 0


def test_a_render_that_changes_between_two_calls_is_refused() -> None:
    calls = iter(range(10))
    with pytest.raises(PromptError, match="the template is not deterministic"):
        certify(around(("same", "identical", CENTER.text)), lambda _prompt: [next(calls)])


def test_two_neighbors_that_render_alike_count_once() -> None:
    built = around(
        ("b", "format", "Recommend a book. Now."),
        ("a", "format", " Recommend a book. Now. "),
        ("0", "paraphrase", "Recommend a book. Now.  "),
    )
    certified = certify(built, trimming)
    assert certifications(certified) == {"b": "duplicate", "a": "effective", "0": "duplicate"}
    assert effective_n(certified, RUNGS) == 1


def test_certifying_for_another_model_replaces_what_was_there() -> None:
    built = neighborhood(CENTER)
    assert certify(certify(built, trimming), keeping) == certify(built, keeping)


def test_counting_an_uncertified_neighborhood_is_refused() -> None:
    with pytest.raises(NeighborhoodError, match=r"'dune' is not certified.*certify\(\) first"):
        effective_n(around(("space", "format", CENTER.text + " ")))


def test_a_trimming_template_loses_exactly_its_erased_edits_rung_by_rung() -> None:
    built = neighborhood(CENTER, per_rung=99, rungs=["identical", "format", "punctuation"])
    kept = effective_by_rung(certify(built, keeping))
    trimmed = effective_by_rung(certify(built, trimming))
    edges = sum(n.prompt.text.strip() == CENTER.text for n in built.neighbors) - 1
    assert edges == 4 + 4 + 3 + 2 + 1 + 1
    assert kept["identical"] == trimmed["identical"] == (0, 0, 0, 1)
    assert kept["punctuation"] == trimmed["punctuation"]
    asked = kept["format"].asked
    assert kept["format"] == (asked, 0, 0, asked)
    assert trimmed["format"] == (asked - edges, edges, 0, asked)


def test_neighbors_that_render_alike_are_counted_as_duplicates() -> None:
    built = around(
        ("a", "format", "Recommend a  book."),
        ("b", "format", " Recommend a  book."),
        ("c", "paraphrase", "Recommend a  book. "),
    )
    assert effective_by_rung(certify(built, trimming)) == {
        "format": (1, 0, 1, 2),
        "paraphrase": (0, 0, 1, 1),
    }


def test_a_rung_that_was_asked_for_in_vain_counts_none_of_none() -> None:
    certified = certify(neighborhood("Sing!", rungs=["synonym", "format"]), keeping)
    assert effective_by_rung(certified) == {"format": (4, 0, 0, 4), "synonym": (0, 0, 0, 0)}


def test_two_models_are_compared_on_what_both_are_shown() -> None:
    built = around(
        ("space", "format", CENTER.text + " "),
        ("inner", "format", "Recommend a  book."),
        ("mark", "punctuation", "Recommend a book!"),
        ("same", "identical", CENTER.text),
    )
    assert common(certify(built, keeping)) == {"space", "inner", "mark"}
    assert common(certify(built, keeping), certify(built, trimming)) == {"inner", "mark"}

    def blind_to_marks(prompt: Prompt) -> list[int]:
        return list(prompt.text.replace("!", ".").encode())

    certified = [certify(built, render) for render in (keeping, trimming, blind_to_marks)]
    assert common(*certified) == common(*certified[::-1]) == {"inner"}


def test_what_is_common_to_a_trimming_and_a_keeping_template_is_the_trimming_ones() -> None:
    built = neighborhood(CENTER, per_rung=99)
    kept, trimmed = certify(built, keeping), certify(built, trimming)
    assert common(kept, trimmed) == {
        n.id for n in trimmed.neighbors if n.certification == "effective"
    }
    assert (
        len(common(kept)) - len(common(kept, trimmed))
        == effective_by_rung(trimmed)["format"].erased
    )


def test_only_one_prompt_certified_for_each_model_has_something_in_common() -> None:
    here = certify(neighborhood(CENTER), keeping)
    with pytest.raises(NeighborhoodError, match=r"prompts 'dune' and 'film'.*of one prompt"):
        common(here, certify(neighborhood(Prompt(id="film", text="Name a film.")), keeping))
    with pytest.raises(NeighborhoodError, match=r"certify\(\) first"):
        common(here, neighborhood(CENTER))
    with pytest.raises(NeighborhoodError, match="no neighborhood: pass one prompt's"):
        common()
    with pytest.raises(NeighborhoodError, match=r"certify\(\) first"):
        effective_by_rung(neighborhood(CENTER))


@pytest.mark.parametrize(
    ("delta", "kind"),
    [(0, "identical"), (1, "one edit"), (2, "2-3 tokens"), (3, "2-3 tokens"), (4, "more")],
)
def test_token_delta_kind(delta: int, kind: str) -> None:
    assert token_delta_kind(delta) == kind


def test_a_negative_token_delta_is_refused() -> None:
    with pytest.raises(ValueError, match="got -1"):
        token_delta_kind(-1)


@given(modulus=st.integers(1, 300), seed=st.integers(0, 20), trims=st.booleans())
@settings(deadline=None)
def test_whatever_the_tokenizer_the_effective_ones_are_all_that_differs(
    modulus: int, seed: int, trims: bool
) -> None:
    def render(prompt: Prompt) -> list[int]:
        ids = trimming(prompt) if trims else keeping(prompt)
        return [token % modulus for token in ids]

    certified = certify(neighborhood(CENTER, seed=seed), render)
    center = render(CENTER)
    effective = [render(n.prompt) for n in certified.neighbors if n.certification == "effective"]
    for neighbor in certified.neighbors:
        ids = render(neighbor.prompt)
        if neighbor.certification in {"erased", "identical"}:
            assert ids == center
            assert neighbor.token_delta == 0
        else:
            assert ids != center
            assert effective.count(ids) == 1


ALIKE = around(
    ("b", "format", CENTER.text + " "),
    ("c", "punctuation", "Recommend a book!"),
    ("d", "punctuation", "Recommend a book! "),
    ("a", "paraphrase", " Recommend a book!"),
)


@given(order=st.permutations(ALIKE.neighbors))
@settings(deadline=None)
def test_the_order_of_the_neighbors_changes_no_certification(order: list[Neighbor]) -> None:
    shuffled = certify(replace(ALIKE, neighbors=tuple(order)), trimming)
    assert certifications(shuffled) == {
        "a": "duplicate",
        "b": "erased",
        "c": "effective",
        "d": "duplicate",
    }
