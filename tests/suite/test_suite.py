"""What a suite file says, what editors learn about it, and that any slip in a key is found."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_promptchaos.errors import SuiteError
from pytest_promptchaos.records import SMALL_RUNGS, Message, Prompt
from pytest_promptchaos.settings import resolve
from pytest_promptchaos.suite import Suite, SuiteSettings, json_schema, load_suite

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

LINES = [  # every key that a suite can hold, each beside its path
    ("version: 1", "version"),
    ("title: Quickstart", "title"),
    ("models: ['bundled:tiny-chat']", "models"),
    ("settings:", "settings"),
    ("  horizon: 64", "settings.horizon"),
    ("  seed: 7", "settings.seed"),
    ("  per_rung: 5", "settings.per_rung"),
    ("  embedder: bundled:small", "settings.embedder"),
    ("  dtype: float32", "settings.dtype"),
    ("  device: cpu", "settings.device"),
    ("  min_effective: 4", "settings.min_effective"),
    ("  inconclusive: warn", "settings.inconclusive"),
    ("prompts:", "prompts"),
    ("  - id: dune", "prompts[0].id"),
    ("    text: Recommend a book like Dune.", "prompts[0].text"),
    ("    system: Answer in one line.", "prompts[0].system"),
    ("    paraphrases: ['Which book is like Dune?']", "prompts[0].paraphrases"),
    ("    small_semantic: [Recommend a film like Dune.]", "prompts[0].small_semantic"),
    ("    positive_control: ['How do I boil an egg?']", "prompts[0].positive_control"),
    ("  - id: capital", "prompts[1].id"),
    ("    messages:", "prompts[1].messages"),
    ("      - role: assistant", "prompts[1].messages[0].role"),
    ("        content: Ask me.", "prompts[1].messages[0].content"),
    ("    text: No", "prompts[1].text"),
    ("checks:", "checks"),
    ("  - check: stable_neighborhood", "checks[0].check"),
    ("    id: steady", "checks[0].id"),
    ("    prompts: [capital]", "checks[0].prompts"),
    ("    at_most: 0.15", "checks[0].at_most"),
    ("    metric: token_edit", "checks[0].metric"),
    ("    rungs: [format, paraphrase]", "checks[0].rungs"),
    ("    horizon: 8", "checks[0].horizon"),
    ("    per_rung: 2", "checks[0].per_rung"),
    ("    expect: failed", "checks[0].expect"),
    ("  - at_most: 1e-3", "checks[1].at_most"),
    ("    check: ftle", "checks[1].check"),
    ("    seed: 1", "checks[1].seed"),
    ("    tangents: 4", "checks[1].tangents"),
    ("    positions: last", "checks[1].positions"),
]
VALID = "\n".join(line for line, _ in LINES)
SHORT = """version: 1
prompts:
  - id: dune
    text: Recommend a book.
checks:
  - check: ftle
    at_most: 1
"""


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("suites") / "s.chaos.yaml"


@pytest.fixture
def load(file: Path) -> Callable[[str], Suite]:
    def load(text: str) -> Suite:
        file.write_text(text, encoding="utf-8", newline="")
        return load_suite(file)

    return load


def test_prompts_become_the_nouns_of_the_stages(load: Callable[[str], Suite]) -> None:
    dune, capital = (prompt.prompt() for prompt in load(VALID).prompts)
    assert dune == Prompt(
        id="dune",
        text="Recommend a book like Dune.",
        before=(Message(role="system", content="Answer in one line."),),
    )
    assert capital.before == (Message(role="assistant", content="Ask me."),)


def test_authored_neighbors_stand_beside_their_prompt(load: Callable[[str], Suite]) -> None:
    dune, capital = load(VALID).prompts
    assert dune.paraphrases == ("Which book is like Dune?",)
    assert dune.small_semantic == ("Recommend a film like Dune.",)
    assert dune.positive_control == ("How do I boil an egg?",)
    assert capital.paraphrases == capital.small_semantic == capital.positive_control == ()


def test_checks_hold_what_is_written_and_documented_defaults(load: Callable[[str], Suite]) -> None:
    steady, depth = load(VALID).checks
    assert (steady.check, steady.at_most, steady.expect) == ("stable_neighborhood", 0.15, "failed")
    assert (depth.check, depth.at_most, depth.expect) == ("ftle", 0.001, "passed")
    bare = load(SHORT.replace("ftle", "stable_neighborhood")).checks[0]
    assert bare.check == "stable_neighborhood"
    assert bare.metric == "semantic"
    assert bare.rungs == SMALL_RUNGS


def test_a_check_without_id_is_named_by_kind_and_place(load: Callable[[str], Suite]) -> None:
    assert [check.id for check in load(VALID).checks] == ["steady", "ftle-2"]


def test_a_check_covers_the_prompts_it_names_or_all(load: Callable[[str], Suite]) -> None:
    suite = load(VALID)
    named, rest = ([prompt.id for prompt in suite.prompts_of(check)] for check in suite.checks)
    assert (named, rest) == (["capital"], ["dune", "capital"])


def test_a_check_lays_its_settings_over_those_of_the_suite(load: Callable[[str], Suite]) -> None:
    suite = load(VALID)
    steady, depth = (suite.settings_of(check) for check in suite.checks)
    assert (steady.horizon, steady.seed, steady.per_rung) == (8, 7, 2)
    assert (depth.horizon, depth.seed, depth.per_rung) == (64, 1, 5)


def test_settings_are_options_of_the_run(load: Callable[[str], Suite]) -> None:
    given = load(VALID).settings.model_dump(exclude_none=True)
    resolved = resolve(("suite settings", given))
    assert {key: getattr(resolved, key) for key in given} == given
    assert set(given) == set(SuiteSettings.model_fields)
    assert load(SHORT).settings.model_dump(exclude_none=True) == {}


def test_a_check_knows_its_line(load: Callable[[str], Suite]) -> None:
    suite = load(VALID)
    assert [suite.line_of(check) for check in suite.checks] == [26, 35]


@pytest.mark.parametrize("word", ["No", "yes", "on", "12:30", "2024-01-01", "'1'", "1.2.3"])
def test_words_that_older_yaml_takes_for_values_are_text(
    load: Callable[[str], Suite], word: str
) -> None:
    assert load(SHORT + f"title: {word}").title == word.strip("'")


@pytest.mark.parametrize(
    ("number", "value"), [("1e-3", 0.001), (".5", 0.5), ("-2", -2.0), ("0x10", 16.0), ("007", 7.0)]
)
def test_numbers_in_all_their_spellings(
    load: Callable[[str], Suite], number: str, value: float
) -> None:
    assert load(SHORT.replace("at_most: 1", f"at_most: {number}")).checks[0].at_most == value


def test_anchors_aliases_and_merges_are_written_out(load: Callable[[str], Suite]) -> None:
    suite = load(
        SHORT.replace("- check", "- &first\n    check")
        + "  - <<: *first\n    at_most: 2\n    seed: 3\n"
    )
    assert [(check.check, check.at_most) for check in suite.checks] == [("ftle", 1), ("ftle", 2)]


@pytest.mark.parametrize("before", ["", "\ufeff", "# yaml-language-server: $schema=a.json\n"])
@pytest.mark.parametrize("line_break", ["\n", "\r\n", "\r"])
def test_lines_are_those_that_an_editor_shows(
    load: Callable[[str], Suite], before: str, line_break: str
) -> None:
    suite = load(
        (before + SHORT.replace("Recommend a book.", "'\u2028-'")).replace("\n", line_break)
    )
    assert suite.line_of(suite.checks[0]) == 6 + before.count("\n")


def test_a_long_file_is_read_to_its_last_line(load: Callable[[str], Suite]) -> None:
    suite = load(SHORT + "  - check: ftle\n    at_most: 2\n" * 500)
    assert suite.line_of(suite.checks[-1]) == 1006


# Slips


def slips(word: str) -> list[str]:
    """Return the word with one letter left out, doubled, or swapped with the next."""
    places = range(len(word))
    found = {word[:i] + word[i + 1 :] for i in places}
    found |= {word[: i + 1] + word[i:] for i in places}
    found |= {word[:i] + word[i + 1 : i + 2] + word[i] + word[i + 2 :] for i in places}
    return sorted(found - {word})


@settings(deadline=None)
@given(data=st.data(), place=st.integers(0, len(LINES) - 1))
def test_a_slip_in_any_key_is_named_with_line_path_and_the_right_key(
    file: Path, data: st.DataObject, place: int
) -> None:
    path = LINES[place][1]
    key = path.rpartition(".")[2]
    slip = data.draw(st.sampled_from(slips(key)))
    lines = [line for line, _ in LINES]
    lines[place] = lines[place].replace(f"{key}:", f"{slip}:", 1)
    file.write_text("\n".join(lines), encoding="utf-8")
    with pytest.raises(SuiteError) as error:
        load_suite(file)
    wrong = path.removesuffix(key) + slip
    said = f"{file}:{place + 1}: {wrong}: unknown key '{slip}'; did you mean '{key}'? allowed keys"
    assert str(error.value).startswith(said)
    assert "\n" not in str(error.value)


@settings(deadline=None)
@given(text=st.text().filter(str.strip))
def test_any_text_in_quotes_reaches_the_prompt_as_it_is(file: Path, text: str) -> None:
    quoted = "".join(f"\\U{ord(character):08x}" for character in text)
    file.write_text(SHORT.replace("Recommend a book.", f'"{quoted}"'), encoding="utf-8")
    assert load_suite(file).prompts[0].prompt().text == text


@settings(deadline=None)
@given(content=st.binary() | st.text(alphabet="ab:-[]{}&*!|>'\"#%@ \n").map(str.encode))
def test_any_other_content_is_refused_with_file_and_line(file: Path, content: bytes) -> None:
    file.write_bytes(content)
    with pytest.raises(SuiteError, match=r"s\.chaos\.yaml:\d+: "):
        load_suite(file)


VALUES = ["", "true", "-1", "1.5", ".nan", "'1 2'", "''", "[]", "[[x]]", "{}", "{a: 1}", "[{a: 1}]"]


@settings(deadline=None)
@given(place=st.integers(0, len(LINES) - 1), value=st.sampled_from(VALUES))
def test_any_value_at_any_place_is_taken_or_refused_with_its_line(
    file: Path, place: int, value: str
) -> None:
    key, path = LINES[place][0].partition(":")[0], LINES[place][1]
    below = sum(1 for _, other in LINES if other.startswith((f"{path}.", f"{path}[")))
    lines = [line for line, _ in LINES]
    lines[place : place + below + 1] = [f"{key}: {value}"]
    file.write_text("\n".join(lines), encoding="utf-8")
    try:
        load_suite(file)
    except SuiteError as error:
        assert f"{file}:{place + 1}: {path}" in str(error)  # noqa: PT017


# Editors


def test_every_key_is_described_for_editors() -> None:
    schema = json_schema()
    mappings = [schema, *schema["$defs"].values()]
    described = [key for found in mappings for key in found["properties"].items()]
    assert {key for key, _ in described} == {path.rpartition(".")[2] for _, path in LINES}
    assert [key for key, value in described if not value.get("description")] == []


def test_editors_accept_what_is_accepted_here() -> None:
    jsonschema = pytest.importorskip("jsonschema")
    validator = jsonschema.Draft202012Validator(json_schema())
    assert validator.is_valid(yaml.safe_load(VALID.replace(": No", ": 'No'").replace("1e-3", "1")))
    assert not validator.is_valid(yaml.safe_load(VALID))  # `No` without quotes, as of YAML 1.1


def test_the_schema_is_written_by_a_command() -> None:
    command = [sys.executable, "-m", "pytest_promptchaos.suite"]
    written = subprocess.run(command, capture_output=True, check=True).stdout
    assert json.loads(written) == json_schema()
