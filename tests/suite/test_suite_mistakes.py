"""What is said about each kind of mistake in a suite file: the exact line and sentence."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pytest_promptchaos.errors import SuiteError
from pytest_promptchaos.suite import load_suite
from suite.mistakes import said_about
from suite.texts import SHORT

if TYPE_CHECKING:
    from pathlib import Path

ONE_MISTAKE = {
    "empty file": ("", "1: the file is empty; a suite has version, prompts and checks"),
    "only comments": ("# soon\n", "1: the file is empty; a suite has version, prompts and checks"),
    "list at the top": ("- a", "1: a mapping of keys to values is meant, not a list"),
    "newer version": (
        "\nversion: 2\nnew: 1",
        "2: version: the suite is of version 2, this pytest-promptchaos reads up to 1; "
        "upgrade pytest-promptchaos",
    ),
    "no version": (
        SHORT.replace("version: 1", "# none"),
        "2: version: missing: Version of this format: write 1.",
    ),
    "version as text": (
        SHORT.replace("version: 1", "version: '1'"),
        "1: version: a whole number is meant, not the text '1'",
    ),
    "version before the first": (
        SHORT.replace("version: 1", "version: 0"),
        "1: version: must be at least 1, not 0",
    ),
    "unknown check": (
        SHORT.replace("ftle", "ftel"),
        "6: checks[0].check: unknown value 'ftel'; did you mean 'ftle'? "
        "allowed values: bridge, consistent_answers, depth_profile, drift, ftle, no_collapse, "
        "responsive, stable_neighborhood, stable_sampling, system, worst_neighbor",
    ),
    "no kind of check": (
        SHORT.replace("check: ftle", "seed: 1"),
        "6: checks[0].check: missing; write one of: bridge, consistent_answers, depth_profile, "
        "drift, ftle, no_collapse, responsive, stable_neighborhood, stable_sampling, system, "
        "worst_neighbor",
    ),
    "kind of check under its own name": (
        SHORT.replace("check: ftle", "kind: ftle"),
        "6: checks[0].kind: unknown key 'kind'; did you mean 'check'?",
    ),
    "kind of check under another name": (
        SHORT.replace("check: ftle", "measure: ftle"),
        "6: checks[0].measure: unknown key 'measure'; did you mean 'check'?",
    ),
    "type of check that is none": (
        SHORT.replace("check: ftle", "type: lyapunov"),
        "6: checks[0].type: unknown key 'type'; did you mean 'check'?",
    ),
    "no limit": (
        SHORT.replace("at_most", "seed"),
        "6: checks[0]: no limit; write at_most or at_least",
    ),
    "key of another check": (
        SHORT + "    rungs: [format]",
        "8: checks[0].rungs: unknown key 'rungs'; allowed keys: check, id, expect, seed, prompts, "
        "at_most, at_least, tangents, positions, beside, null",
    ),
    "limit not a number": (
        SHORT.replace("at_most: 1", "at_most: .nan"),
        "7: checks[0].at_most: must be a finite number, not .nan",
    ),
    "infinite limit": (
        SHORT.replace("at_most: 1", "at_most: 1e999"),
        "7: checks[0].at_most: must be a finite number, not 1e999",
    ),
    "limit in quotes": (
        SHORT.replace("at_most: 1", "at_most: '1'"),
        "7: checks[0].at_most: a number is meant, not the text '1'",
    ),
    "boolean limit": (
        SHORT.replace("at_most: 1", "at_most: true"),
        "7: checks[0].at_most: a number is meant, not the boolean true",
    ),
    "limit in percent": (
        SHORT.replace("ftle", "stable_neighborhood").replace("at_most: 1", "at_most: 15"),
        "7: checks[0].at_most: must be below 2, not 15",
    ),
    "limit that no token edit distance can break": (
        SHORT.replace("ftle", "stable_neighborhood") + "    metric: token_edit",
        "7: checks[0].at_most: must be below 1, not 1: a token edit distance is a share",
    ),
    "fraction of a tangent": (
        SHORT + "    tangents: 2.5",
        "8: checks[0].tangents: a whole number is meant, not the number 2.5",
    ),
    "one tangent has no interval": (
        SHORT + "    tangents: 1",
        "8: checks[0].tangents: must be at least 2, not 1",
    ),
    "unknown value": (
        SHORT + "    expect: fail",
        "8: checks[0].expect: unknown value 'fail'; did you mean 'failed'? "
        "allowed values: passed, failed",
    ),
    "unknown prompt": (
        SHORT + "    prompts:\n      - dun",
        "9: checks[0].prompts[0]: unknown prompt 'dun'; did you mean 'dune'? allowed prompts: dune",
    ),
    "prompt listed twice": (
        SHORT + "    prompts:\n      - dune\n      - dune",
        "10: checks[0].prompts[1]: 'dune' is already listed on line 9",
    ),
    "prompt id taken": (
        SHORT.replace("checks:", "  - id: dune\n    text: Hi.\nchecks:"),
        "5: prompts[1].id: 'dune' is already an id, on line 3",
    ),
    "check id taken": (
        SHORT.replace("- check", "- id: x\n    check") + "  - {check: ftle, at_most: 2, id: x}",
        "9: checks[1].id: 'x' is already an id, on line 6",
    ),
    "check id taken by a check without id": (
        SHORT + "  - {check: ftle, at_most: 2, id: ftle-1}",
        "8: checks[1].id: 'ftle-1' is already an id, on line 6",
    ),
    "id with a space": (
        SHORT.replace("id: dune", "id: du ne"),
        "3: prompts[0].id: an id has no spaces, colons or brackets, because it becomes part of a "
        "test's name",
    ),
    "empty prompt": (
        SHORT.replace("Recommend a book.", "''"),
        "4: prompts[0].text: empty; write a text",
    ),
    "blank prompt": (
        SHORT.replace("Recommend a book.", '" \\t\\n"'),
        "4: prompts[0].text: empty; write a text",
    ),
    "prompt without a value": (
        SHORT.replace("Recommend a book.", ""),
        "4: prompts[0].text: has no value; write one, or remove the key",
    ),
    "settings without a value": (
        SHORT + "settings:\n",
        "8: settings: has no value; write one, or remove the key",
    ),
    "number for text": (
        SHORT.replace("Recommend a book.", "42"),
        '4: prompts[0].text: text is meant, not the number 42; quote it: "42"',
    ),
    "boolean for text": (
        SHORT.replace("Recommend a book.", "True"),
        '4: prompts[0].text: text is meant, not the boolean True; quote it: "True"',
    ),
    "half a character": (
        SHORT.replace("Recommend a book.", '"\\ud800"'),
        "4: prompts[0].text: holds half a character (a lone surrogate); write the character itself",
    ),
    "colon in a text": (
        SHORT.replace("checks:", "    paraphrases:\n      - Tell me: which?\nchecks:"),
        "6: prompts[0].paraphrases[0]: text is meant, not a mapping; "
        "text that holds ': ' needs quotes",
    ),
    "text for a list": (
        SHORT + "models: bundled:tiny-chat",
        "8: models: a list is meant, not the text 'bundled:tiny-chat'; write [bundled:tiny-chat]",
    ),
    "empty list": (
        SHORT.replace("checks:\n  - check: ftle\n    at_most: 1\n", "checks: []"),
        "5: checks: an empty list; write at least one entry, or remove the key",
    ),
    "entry that is no mapping": (
        SHORT + "  - ftle",
        "8: checks[1]: a mapping of keys to values is meant, not the text 'ftle'",
    ),
    "neighbor like the prompt": (
        SHORT.replace("checks:", "    paraphrases: [Recommend a book.]\nchecks:"),
        "5: prompts[0].paraphrases[0]: is the prompt itself; a neighbor must differ from it",
    ),
    "neighbor written twice": (
        SHORT.replace("checks:", "    paraphrases: [a]\n    small_semantic: [a]\nchecks:"),
        "6: prompts[0].small_semantic[0]: 'a' is already a neighbor on line 5",
    ),
    "system beside messages": (
        SHORT.replace(
            "checks:", "    messages: [{role: user, content: a}]\n    system: b\nchecks:"
        ),
        "6: prompts[0].system: stands beside messages; make it the first of the messages",
    ),
    "key written twice": (
        SHORT.replace("checks:", "    text: Another.\nchecks:"),
        "5: prompts[0].text: written twice, first on line 4; remove one of the two",
    ),
    "key that is no word": (
        SHORT + "{a}: 1",
        "8: a key is one word; quote a text that starts with { or [",
    ),
    "key that is a number": (
        SHORT + "1: 1",
        "8: ['1']: unknown key '1'; allowed keys: version, title, models, settings, prompts, "
        "prompts_from, checks",
    ),
    "tag": (
        SHORT + "title: !important now",
        "8: title: !important is a YAML tag, not text; quote a text that starts so",
    ),
    "line separator inside a text": (
        SHORT.replace("Recommend a book.", '"a\u2028b"') + "title: ''",
        "8: title: empty; write a text",
    ),
    "not UTF-8": (
        SHORT.encode() + b"title: caf\xe9",
        "8: byte 0xe9 is not UTF-8; save the file as UTF-8",
    ),
    "control character": (
        SHORT + "title: a\x07",
        "8: the character '\\x07' may not stand in YAML; remove it",
    ),
    "tab": (
        SHORT + "settings:\n\tseed: 1",
        "9: not valid YAML: while scanning for the next token, found character '\\t' that cannot "
        "start any token; quote text that starts so, and indent with spaces, not with tabs",
    ),
    "unclosed quote": (
        SHORT + 'title: "a\n',
        "9: not valid YAML: while scanning a quoted scalar from line 8, found unexpected end of "
        "stream; look at quotes, brackets and indentation here and on the line before",
    ),
    "colon in an unquoted text": (
        SHORT + "title: Dune: a study",
        "8: not valid YAML: mapping values are not allowed here; text that holds ': ' needs quotes",
    ),
    "question in a list between brackets": (
        SHORT.replace("checks:", "    paraphrases: [Which book?]\nchecks:"),
        "5: not valid YAML: while parsing a flow sequence, expected ',' or ']', but got '?'; "
        "between brackets, quote text that holds one of , ? : [ ] { }",
    ),
    "star before a text": (
        SHORT + "title: *new",
        "8: not valid YAML: found undefined alias 'new'; text that starts with * needs quotes",
    ),
    "two suites in a file": (
        SHORT + "---\n" + SHORT,
        "8: not valid YAML: expected a single document in the stream from line 1, but found "
        "another document; a suite file holds one suite: remove the line ---",
    ),
    "alias in a circle": (
        SHORT + "title: &a [*a]",
        "8: an alias (*name) lies inside what it names",
    ),
    "alias bomb": (
        "a0: &a0 [1]\n"
        + "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 60)),
        "1: the aliases (*name) repeat more than 100,000 values; "
        "write the suite without nesting aliases in aliases",
    ),
    "endless nesting": ("[" * 1_000, "1: nested too deeply; a suite has five levels"),
}


@pytest.mark.parametrize(("content", "said"), ONE_MISTAKE.values(), ids=ONE_MISTAKE.keys())
def test_one_sentence_per_mistake(tmp_path: Path, content: str | bytes, said: str) -> None:
    assert said_about(tmp_path / "s.chaos.yaml", content) == [said]


def test_all_mistakes_of_a_file_are_told_at_once_in_order(tmp_path: Path) -> None:
    content = SHORT.replace("at_most: 1", "at_most: one\n    prompts: [dun, 3]") + "titel:\n"
    assert [said.partition(": ")[0] for said in said_about(tmp_path / "s.chaos.yaml", content)] == [
        "7",
        "8",
        "8",
        "9",
    ]


def test_after_fifty_problems_the_rest_is_counted(tmp_path: Path) -> None:
    content = SHORT + "  - check: ftle\n" * 60
    told = said_about(tmp_path / "s.chaos.yaml", content)
    assert len(told) == 51
    assert told[-1] == " and 10 more problems after these"


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(SuiteError, match=r"none\.chaos\.yaml: cannot be read: No such file"):
        load_suite(tmp_path / "none.chaos.yaml")
