"""What checks of consistent answers say: what is written, documented defaults, who is asked."""

from __future__ import annotations

from pathlib import PurePath
from typing import TYPE_CHECKING, get_args

import pytest

from pytest_promptchaos.answer_knobs import AnswerKnobs, Focus, Heads, Scaling, asked_of
from pytest_promptchaos.measure.quadrants import Reliance
from pytest_promptchaos.neighborhoods.phrasings import FORMS
from pytest_promptchaos.suite import ConsistentAnswersCheck, Suite
from pytest_promptchaos.suite.answer_kinds import SuiteScaling
from pytest_promptchaos.suite.run_answers import KNOBS, shown_by
from suite.texts import HEART, LUNG, PIN, VALID

if TYPE_CHECKING:
    from collections.abc import Callable

DOOR = """version: 1
checks:
  - check: consistent_answers
    flips_at_most: 0.1
    passages:
      - {text: The door is shut., id: shut, truth: {door: true}}
    propositions:
      - finding: a door
"""


def answers_of(suite: Suite) -> tuple[ConsistentAnswersCheck, ...]:
    return tuple(one for one in suite.checks if isinstance(one, ConsistentAnswersCheck))


def test_a_check_of_answers_holds_what_is_written(load: Callable[[str], Suite]) -> None:
    check, _, _ = answers_of(load(VALID))
    assert (check.ideal_at_least, check.flips_at_most, check.reliance) == (0.8, 0.1, "both")
    assert (check.yes, check.no, check.horizon, check.swaps) == (("Yes",), ("No",), 4, 1)
    assert (check.perturbations, check.again) == (("brightness +30 %",), False)
    assert (check.focus, check.focus_layers, check.focus_heads) == ("question", (0, 2), "max")
    assert (check.stable_at, check.depth, check.tangents, check.overlays) == (0.9, 3, 2, 1)
    assert check.scaling == SuiteScaling(layers="expanding", factors=(0.5,))


def test_a_proposition_has_the_forms_that_are_named_and_the_phrasings_that_are_written(
    load: Callable[[str], Suite],
) -> None:
    check, _, _ = answers_of(load(VALID))
    (enlarged,) = (one.proposition() for one in check.propositions)
    assert (enlarged.id, enlarged.words) == ("enlarged", "an enlarged heart")
    assert [(one.kind, one.text, one.polarity) for one in enlarged.phrasings] == [
        ("presence", "Is there an enlarged heart?", 1),
        ("normal", "Is the heart normal?", -1),
        ("exclude", "Would you exclude an enlarged heart?", -1),
    ]


def test_a_proposition_is_asked_in_all_forms_unless_some_are_named(
    load: Callable[[str], Suite],
) -> None:
    (check,) = answers_of(load(DOOR))
    (door,) = (one.proposition() for one in check.propositions)
    assert [one.kind for one in door.phrasings] == [kind for kind in FORMS if kind != "normal"]


@pytest.mark.parametrize(
    ("written", "polarity"), [("yes affirms", 1), ("yes denies", -1), ("1", 1), ("-1", -1)]
)
def test_a_polarity_is_written_in_words_or_as_a_number(
    load: Callable[[str], Suite], written: str, polarity: int
) -> None:
    way = f"[{{text: 'Is it shut?', polarity: {written}}}, {{text: 'Open?', polarity: 1}}]"
    (check,) = answers_of(load(f"{DOOR}        phrasings: {way}\n"))
    assert check.propositions[0].proposition().phrasings[0].polarity == polarity


def test_what_is_left_out_is_the_default_of_the_functions(load: Callable[[str], Suite]) -> None:
    (check,) = answers_of(load(DOOR))
    default = asked_of({}, 0)
    for name in KNOBS:
        if name != "perturbations":  # its default is a list that the functions hold
            assert getattr(check, name) == getattr(default, name), name
    written, asked = SuiteScaling(), Scaling()
    assert (written.layers, written.factors) == (asked.layers, asked.factors)


def test_every_argument_of_the_functions_is_a_key() -> None:
    knobs = set(AnswerKnobs.__annotations__)
    assert knobs == {*KNOBS, "horizon", "seed"}
    assert knobs <= set(ConsistentAnswersCheck.model_fields)
    for name, choices in (("reliance", Reliance), ("focus", Focus), ("focus_heads", Heads)):
        field = ConsistentAnswersCheck.model_fields[name]
        assert get_args(field.annotation) == get_args(choices), name


def test_images_lie_beside_the_file_that_lists_them(load: Callable[[str], Suite]) -> None:
    suite = load(VALID)
    written, listed, _ = answers_of(suite)
    (heart,), (lung,) = shown_by(suite, written), shown_by(suite, listed)
    assert heart.image is not None
    assert lung.image is not None
    assert (heart.id, heart.image.sha256, heart.truth) == ("h1", PIN[HEART], {"enlarged": True})
    assert (lung.id, lung.image.sha256, lung.truth) == ("lung", PIN[LUNG], {})
    assert PurePath(lung.image.path).parts[-2:] == ("lungs", "lung.png")


def test_passages_are_shown_with_the_truths_that_are_asked(load: Callable[[str], Suite]) -> None:
    more = "      - {finding: a key, id: key}\n"
    suite = load(DOOR.replace("{door: true}", "{key: false}") + more)
    (check,) = answers_of(suite)
    (shown,) = shown_by(suite, check)
    assert (shown.id, shown.image, shown.passage) == ("shut", None, "The door is shut.")
    assert shown.truth == {"key": False}
    alone = check.model_copy(update={"propositions": check.propositions[:1]})
    assert shown_by(suite, alone)[0].truth == {}


def test_a_check_asks_its_own_models_or_those_of_the_run(pytester: pytest.Pytester) -> None:
    own = DOOR.partition("checks:\n")[2]
    text = f"{DOOR}{own}    models: ['bundled:tiny-chat-robust']\n"
    pytester.path.joinpath("s.chaos.yaml").write_text(text)
    result = pytester.runpytest_inprocess(
        "--collect-only", "-q", "--promptchaos-model=bundled:tiny-chat"
    )
    result.stdout.fnmatch_lines(
        [
            "s.chaos.yaml::consistent_answers-1[[]bundled:tiny-chat]",
            "s.chaos.yaml::consistent_answers-2[[]bundled:tiny-chat-robust]",
        ],
        consecutive=True,
    )
