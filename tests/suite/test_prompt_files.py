"""Files of prompts: what suites and Python take from them, and what is said about mistakes."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import yaml

from pytest_promptchaos.errors import SuiteError
from pytest_promptchaos.records import Prompt
from pytest_promptchaos.suite import load_prompts, load_suite
from suite.texts import SHORT

if TYPE_CHECKING:
    from pytest_promptchaos.suite import Suite

SEEDS = Path(__file__).parents[2] / "suites" / "seed_prompts.yaml"
BUCKETS = (
    "argumentative",
    "creative_rewrite",
    "factual_qa",
    "instruction_following",
    "paraphrase",
    "planning",
)
RAIN = "- id: rain\n  bucket: weather\n  text: Why does it rain?\n"
SNOW = (
    "- id: snow\n  text: Why does it snow?\n  system: Be brief.\n  paraphrases: ['Whence snow?']\n"
)


def borrowing(folder: Path, suite: str, prompts: str = RAIN + SNOW) -> Suite:
    """Return a suite that takes prompts from a file in another folder."""
    folder.joinpath("seeds").mkdir()
    folder.joinpath("seeds", "more.yaml").write_text(prompts, encoding="utf-8")
    path = folder / "s.chaos.yaml"
    path.write_text(suite.replace("checks:", "prompts_from: seeds/more.yaml\nchecks:"))
    return load_suite(path)


def test_prompts_of_the_file_come_after_those_of_the_suite(tmp_path: Path) -> None:
    suite = borrowing(tmp_path, SHORT)
    assert [prompt.id for prompt in suite.prompts] == ["dune", "rain", "snow"]
    assert suite.prompts[1].prompt() == Prompt(
        id="rain", text="Why does it rain?", bucket="weather"
    )
    assert [one.text for one in suite.prompts[2].authored()["paraphrase"]] == ["Whence snow?"]


def test_prompts_of_the_file_are_enough(tmp_path: Path) -> None:
    alone = "version: 1\n" + SHORT.partition("Recommend a book.\n")[2]
    suite = borrowing(tmp_path, alone + "    prompts: [snow]")
    assert [prompt.id for prompt in suite.prompts] == ["rain", "snow"]
    assert [prompt.id for prompt in suite.prompts_of(suite.checks[0])] == ["snow"]  # type: ignore[arg-type]


def test_python_takes_prompts_from_the_same_file(tmp_path: Path) -> None:
    path = tmp_path / "more.yaml"
    path.write_text(RAIN)
    assert load_prompts(path) == (Prompt(id="rain", text="Why does it rain?", bucket="weather"),)


ONE_MISTAKE = {
    "empty file": (
        "",
        "1: the file is empty; a list of prompts is meant, each with an id and a text",
    ),
    "a mapping": ("prompts: []", "1: a list is meant, not a mapping"),
    "a text": ("rain", "1: a list is meant, not the text 'rain'; write [rain]"),
    "no prompts": ("[]", "1: an empty list; write at least one entry, or remove the key"),
    "slip in a key": (
        RAIN.replace("bucket", "buckt"),
        "2: [0].buckt: unknown key 'buckt'; did you mean 'bucket'? allowed keys: id, bucket, text, "
        "system, messages, target, paraphrases, small_semantic, positive_control",
    ),
    "no text": (
        RAIN.replace("  text", "  # text"),
        "1: [0].text: missing: The user's message, kept to the character.",
    ),
    "no value": (
        RAIN.replace("weather", ""),
        "2: [0].bucket: has no value; write one, or remove the key",
    ),
    "id taken": (RAIN + RAIN, "4: [1].id: 'rain' is already an id, on line 1"),
    "neighbor like the prompt": (
        SNOW.replace("Whence", "Why does it"),
        "4: [0].paraphrases[0]: is the prompt itself; a neighbor must differ from it",
    ),
    "no YAML": (
        "- id: rain: snow",
        "1: not valid YAML: mapping values are not allowed here; text that holds ': ' needs quotes",
    ),
}


@pytest.mark.parametrize(("content", "said"), ONE_MISTAKE.values(), ids=ONE_MISTAKE.keys())
def test_one_sentence_per_mistake_names_the_file_of_the_prompts(
    tmp_path: Path, content: str, said: str
) -> None:
    with pytest.raises(SuiteError) as of_the_suite:
        borrowing(tmp_path, SHORT, content)
    path = tmp_path / "seeds" / "more.yaml"
    with pytest.raises(SuiteError) as of_the_file:
        load_prompts(path)
    assert str(of_the_suite.value) == str(of_the_file.value) == f"{path}:{said}"


def test_six_seed_prompts_of_six_buckets_ship() -> None:
    prompts = load_prompts(SEEDS)
    assert Counter(prompt.bucket for prompt in prompts) == dict.fromkeys(BUCKETS, 6)
    assert [prompt.id for prompt in prompts] == [f"{one}_{n}" for one in BUCKETS for n in range(6)]
    assert len({prompt.text for prompt in prompts}) == 36


def test_seed_prompts_can_be_read_without_this_package() -> None:
    listed = yaml.safe_load(SEEDS.read_text(encoding="utf-8"))
    assert {key for one in listed for key in one} == {"id", "bucket", "text"}
    assert tuple(Prompt(**one) for one in listed) == load_prompts(SEEDS)
