"""What is said about mistakes in checks of consistent answers and in lists of images."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pytest_promptchaos.errors import SuiteError
from pytest_promptchaos.neighborhoods.phrasings import FORMS
from pytest_promptchaos.suite import load_suite
from suite.mistakes import said_about
from suite.texts import HEART, LUNG, PIN

if TYPE_CHECKING:
    from pathlib import Path

SHOWN = f"""version: 1
checks:
  - check: consistent_answers
    flips_at_most: 0.1
    images:
      - {{file: heart.png, sha256: {PIN[HEART]}, truth: {{large: true}}}}
      - {{file: lung.png, sha256: {PIN[LUNG]}}}
    propositions:
      - {{finding: an enlarged heart, id: large}}
"""
WAYS = (
    SHOWN.replace("{finding: an enlarged heart,", "finding: an enlarged heart\n       ").replace(
        "large}\n", "large\n"
    )
    + """        phrasings:
          - {text: 'Can you exclude {x}?', polarity: yes denies}
          - {text: 'Do you see {x}?', polarity: yes affirms}
"""
)
DOOR = """version: 1
checks:
  - check: consistent_answers
    flips_at_most: 0.1
    passages:
      - {text: The door is shut., id: shut}
    propositions: [{finding: a door}]
"""
FROM = (
    SHOWN.partition("    images:")[0]
    + """    images_from: list.json
    propositions: [{finding: an enlarged heart, id: large}]
"""
)
KINDS = ", ".join(FORMS)
OTHER = "f" * 64

ONE_MISTAKE = {
    "no limit": (
        SHOWN.replace("flips_at_most: 0.1", "swaps: 1"),
        "3: checks[0]: no limit; write ideal_at_least or flips_at_most",
    ),
    "limit on flips that nothing breaks": (
        SHOWN.replace("0.1", "1"),
        "4: checks[0].flips_at_most: must be below 1, not 1",
    ),
    "share of ideal that everything has": (
        SHOWN.replace("flips_at_most: 0.1", "ideal_at_least: 0"),
        "4: checks[0].ideal_at_least: must be above 0, not 0",
    ),
    "share of ideal in percent": (
        SHOWN.replace("flips_at_most: 0.1", "ideal_at_least: 90"),
        "4: checks[0].ideal_at_least: must be at most 1, not 90",
    ),
    "nothing shown": (
        DOOR.replace("passages:\n      - {text: The door is shut., id: shut}", "swaps: 1"),
        "3: checks[0]: nothing is shown; write images, images_from or passages",
    ),
    "images and passages": (
        SHOWN + "    passages: [{text: The door is shut., id: shut}]\n",
        "10: checks[0].passages: stands beside images; remove one of the two",
    ),
    "focus on a passage": (
        DOOR + "    focus: 'off'\n",
        "8: checks[0].focus: is of images, and passages are shown; remove it",
    ),
    "image that is not there": (
        SHOWN.replace("heart.png", "hart.png"),
        "6: checks[0].images[0].file: there is no file 'hart.png', seen from the suite's folder; "
        "mend the path",
    ),
    "image without its hash": (
        SHOWN.replace(f"lung.png, sha256: {PIN[LUNG]}", "lung.png"),
        "7: checks[0].images[1].sha256: missing: The sha256 of the file's bytes, in hexadecimal.",
    ),
    "image that was changed": (
        SHOWN.replace(PIN[LUNG], OTHER),
        f"7: checks[0].images[1].sha256: is not that of lung.png, which has {PIN[LUNG]}: bring "
        "back the image that was pinned, or pin this",
    ),
    "half a hash": (
        SHOWN.replace(PIN[LUNG], "'0123'"),
        "7: checks[0].images[1].sha256: a sha256 has 64 hexadecimal digits, 0 to 9 and a to f",
    ),
    "one image twice": (
        SHOWN.replace("lung.png", "again.png").replace(PIN[LUNG], PIN[HEART]),
        f"7: checks[0].images[1].sha256: '{PIN[HEART][:59]}…' is already the sha256 of an image, "
        "on line 6",
    ),
    "two images of one name": (
        SHOWN.replace("lung.png,", "lung.png, id: heart,"),
        "7: checks[0].images[1].id: 'heart' is already an id, on line 6",
    ),
    "truth that is no boolean": (
        SHOWN.replace("large: true", "large: yes"),
        "6: checks[0].images[0].truth.large: true or false is meant, not the text 'yes'",
    ),
    "truth of another proposition": (
        SHOWN.replace("large: true", "lagre: true"),
        "6: checks[0].images[0].truth.lagre: unknown proposition 'lagre'; did you mean 'large'? "
        "allowed propositions: large",
    ),
    "no propositions": (
        DOOR.replace("[{finding: a door}]", "[]"),
        "7: checks[0].propositions: an empty list; write at least one entry, or remove the key",
    ),
    "two propositions of one name": (
        SHOWN + "      - {finding: a shadow, id: large}\n",
        "10: checks[0].propositions[1].id: 'large' is already an id, on line 9",
    ),
    "form that is not known": (
        SHOWN.replace("id: large", "id: large, kinds: [presnce, absent]"),
        "9: checks[0].propositions[0].kinds[0]: unknown kind 'presnce'; did you mean 'presence'? "
        f"allowed kinds: {KINDS}",
    ),
    "phrasing without polarity": (
        WAYS.replace(", polarity: yes denies", ""),
        "12: checks[0].propositions[0].phrasings[0].polarity: missing: What a yes says of the "
        "finding: yes affirms, or 1, that it is there; yes denies, or -1, that it is not.",
    ),
    "phrasing with an empty polarity": (
        WAYS.replace("polarity: yes denies", "polarity:"),
        "12: checks[0].propositions[0].phrasings[0].polarity: has no value; write one, or remove "
        "the key",
    ),
    "phrasing that is a bare question": (
        WAYS.replace("- {text: 'Can you exclude {x}?', polarity: yes denies}", "- Excluded?"),
        "12: checks[0].propositions[0].phrasings[0]: a question without its polarity; write text: "
        "with the question, and polarity: yes affirms or yes denies",
    ),
    "polarity that is none": (
        WAYS.replace("yes denies", "negative"),
        "12: checks[0].propositions[0].phrasings[0].polarity: must be yes affirms, or 1, or yes "
        "denies, or -1, not 'negative'",
    ),
    "polarity that is a boolean": (
        WAYS.replace("yes denies", "true"),
        "12: checks[0].propositions[0].phrasings[0].polarity: must be yes affirms, or 1, or yes "
        "denies, or -1, not True",
    ),
    "slip in a key of images": (
        SHOWN.replace("images:", "imges:"),
        "5: checks[0].imges: unknown key 'imges'; did you mean 'images'? allowed keys: check, id, "
        "expect, seed, models, images, images_from, passages, propositions, ideal_at_least, "
        "flips_at_most, reliance, yes, no, horizon, swaps, ...",
    ),
    "change that nothing makes": (
        SHOWN + "    perturbations: [brigthness +20 %]\n",
        "10: checks[0].perturbations[0]: the image change 'brigthness +20 %' is not known: there "
        "are 'brightness +20 %', 'brightness -20 %', 'shift 2 % right', 'JPEG quality 60', "
        "'crop 4 %', also with other numbers",
    ),
    "layer that is a word": (
        SHOWN + "    focus_layers: last\n",
        "10: checks[0].focus_layers: unknown value 'last'; allowed values: all",
    ),
    "layer before the first": (
        SHOWN + "    focus_layers: [-1]\n",
        "10: checks[0].focus_layers[0]: must be at least 0, not -1",
    ),
    "scaling of nobody knows which layers": (
        SHOWN + "    scaling: {factors: [0.5]}\n",
        "10: checks[0].scaling: nothing tells which layers expand; write depth: with how many "
        "pairs of phrasings are followed, or name the layers",
    ),
    "scaling that makes larger": (
        SHOWN + "    scaling: {layers: all, factors: [1.5]}\n",
        "10: checks[0].scaling.factors[0]: must be at most 1, not 1.5",
    ),
    "list of images that is not there": (
        FROM.replace("list.json", "lists.json"),
        "5: checks[0].images_from: there is no file 'lists.json', seen from the suite's folder; "
        "mend the path",
    ),
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with two images and a list of them."""
    tmp_path.joinpath("heart.png").write_text(HEART)
    tmp_path.joinpath("again.png").write_text(HEART)
    tmp_path.joinpath("lung.png").write_text(LUNG)
    return tmp_path


@pytest.mark.parametrize(("content", "said"), ONE_MISTAKE.values(), ids=ONE_MISTAKE.keys())
def test_one_sentence_per_mistake(folder: Path, content: str, said: str) -> None:
    assert said_about(folder / "s.chaos.yaml", content) == [said]


def test_a_question_asked_twice_is_told_with_its_proposition(folder: Path) -> None:
    content = WAYS.replace("Do you see", "Can you exclude")
    (said,) = said_about(folder / "s.chaos.yaml", content)
    assert said.startswith("9: checks[0].propositions[0]: ")
    assert "Can you exclude an enlarged heart?" in said


def test_one_way_to_ask_is_not_enough(folder: Path) -> None:
    content = SHOWN.replace("id: large", "id: large, kinds: [presence]")
    (said,) = said_about(folder / "s.chaos.yaml", content)
    assert said.startswith("9: checks[0].propositions[0]: ")


LISTED = f"""[
  {{"file": "heart.png", "sha256": "{PIN[HEART]}", "truth": {{"large": true}}}},
  {{"file": "lung.png", "sha256": "{PIN[LUNG]}"}}
]
"""
IN_A_LIST = {
    "image without its hash": (
        LISTED.replace(f', "sha256": "{PIN[LUNG]}"', ""),
        "3: [1].sha256: missing: The sha256 of the file's bytes, in hexadecimal.",
    ),
    "image that was changed": (
        LISTED.replace(PIN[HEART], OTHER),
        f"2: [0].sha256: is not that of heart.png, which has {PIN[HEART]}: bring back the image "
        "that was pinned, or pin this",
    ),
    "image that is not there": (
        LISTED.replace("lung.png", "lungs.png"),
        "3: [1].file: there is no file 'lungs.png', seen from the folder of list.json; "
        "mend the path",
    ),
    "two images of one name": (
        LISTED.replace('"lung.png"', '"lung.png", "id": "heart"'),
        "3: [1].id: 'heart' is already an id, on line 2",
    ),
    "slip in a key": (
        LISTED.replace('"truth"', '"truht"'),
        "2: [0].truht: unknown key 'truht'; did you mean 'truth'? allowed keys: file, sha256, id, "
        "truth",
    ),
    "a mapping": ("{}", "1: a list is meant, not a mapping"),
    "no images": ("[]", "1: an empty list; write at least one entry, or remove the key"),
    "empty file": (
        "",
        "1: the file is empty; a list of images is meant, each with file and sha256",
    ),
}


@pytest.mark.parametrize(("content", "said"), IN_A_LIST.values(), ids=IN_A_LIST.keys())
def test_a_mistake_in_a_list_of_images_names_that_file(
    folder: Path, content: str, said: str
) -> None:
    listed, suite = folder / "list.json", folder / "s.chaos.yaml"
    listed.write_text(content)
    suite.write_text(FROM)
    with pytest.raises(SuiteError) as error:
        load_suite(suite)
    assert str(error.value) == f"{listed}:{said}"


def test_a_proposition_that_a_list_calls_by_another_name_is_told(folder: Path) -> None:
    folder.joinpath("list.json").write_text(LISTED)
    (said,) = said_about(folder / "s.chaos.yaml", FROM.replace("id: large", "id: lagre"))
    assert said == (
        "6: checks[0].propositions[0].id: no image of list.json says whether 'lagre' holds; did "
        "you mean 'large'? it says it of large: write such an id:"
    )


def test_a_list_may_say_more_than_a_check_asks(folder: Path) -> None:
    more = LISTED.replace('"large": true', '"large": true, "shadow": false')
    folder.joinpath("list.json").write_text(more)
    folder.joinpath("s.chaos.yaml").write_text(FROM)
    (check,) = load_suite(folder / "s.chaos.yaml").checks
    assert check.check == "consistent_answers"
