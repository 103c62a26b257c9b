"""Files of raters: what is read, what cannot be, and who agrees with whom."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_promptchaos.errors import TableError
from pytest_promptchaos.label_files import Label, Labels, read_labels
from pytest_promptchaos.raters import agreements_of, consensus
from pytest_promptchaos.records import Timeline

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_promptchaos.label_files import Thing

HEADER = "condition,seed_id,repeat_index,label\n"


def file_of(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def label(
    said: bool, seed: int = 0, *, rater: str = "anna", turn: int | None = None, repeat: int = 0
) -> Label:
    return Label(
        condition="HOMO_A",
        seed_id=f"planning_{seed}",
        repeat=repeat,
        turn=turn,
        rater=rater,
        collapsed=said,
    )


def timeline(*collapsed: bool, seed: int = 0, repeat: int = 0) -> Timeline:
    return Timeline(
        condition="HOMO_A",
        seed_id=f"planning_{seed}",
        bucket="planning",
        repeat=repeat,
        asked=len(collapsed),
        collapsed=collapsed,
    )


# -- reading --------------------------------------------------------------------------------------


def test_a_file_of_conversations_names_its_rater(tmp_path: Path) -> None:
    path = file_of(tmp_path, "anna.csv", f"{HEADER}HOMO_A,planning_0,0,1\nHOMO_A,planning_1,0,0\n")
    assert read_labels(path).labels == (label(True), label(False, 1))


def test_a_file_may_hold_several_raters_and_single_turns(tmp_path: Path) -> None:
    path = file_of(
        tmp_path,
        "all.csv",
        "condition,seed_id,repeat_index,turn,rater,label\n"
        "HOMO_A,planning_0,0,7,anna,yes\nHOMO_A,planning_0,0,7,ben,no\nHOMO_A,planning_0,0,,ben,1\n",
    )
    assert read_labels(path).labels == (
        label(True, turn=7),
        label(False, turn=7, rater="ben"),
        label(True, rater="ben"),
    )


def test_lines_of_json_are_read_as_published(tmp_path: Path) -> None:
    rows = [
        {"sample_id": "S001", "tuple_key": "HOMO_A|planning_0|0", "label": 1},
        {"sample_id": "S002", "tuple_key": "HOMO_A|planning_1|0", "label": 0},
    ]
    path = file_of(tmp_path, "anna.jsonl", "\n".join(map(json.dumps, rows)) + "\n\n")
    assert read_labels(path).labels == (label(True), label(False, 1))


@pytest.mark.parametrize(
    ("written", "said"),
    [(word, True) for word in ("1", "true", "Yes", "collapse", " COLLAPSED ", "1.0")]
    + [(word, False) for word in ("0", "False", "no", "none", "not collapsed", "0.0")],
)
def test_yes_and_no_have_several_spellings(tmp_path: Path, written: str, said: bool) -> None:
    path = file_of(tmp_path, "anna.csv", f"{HEADER}HOMO_A,planning_0,0,{written}\n")
    assert read_labels(path).labels == (label(said),)


def test_a_label_that_says_neither_is_counted_and_named(tmp_path: Path) -> None:
    path = file_of(
        tmp_path,
        "anna.csv",
        f"{HEADER}HOMO_A,planning_0,0,1\nHOMO_A,planning_1,0,maybe\nHOMO_A,planning_2,0,\n",
    )
    found = read_labels(path)
    assert found.unreadable == (f"{path}, row 2: 'maybe'", f"{path}, row 3: ''")
    told = f"{path}, row 2: 'maybe', {path}, row 3: ''"
    assert found.words == f"1 of 3 rows carry a label; 2 cannot be read ({told})"


def test_several_files_are_one_set_of_labels(tmp_path: Path) -> None:
    one = file_of(tmp_path, "anna.csv", f"{HEADER}HOMO_A,planning_0,0,1\n")
    other = file_of(tmp_path, "ben.jsonl", '{"tuple_key": "HOMO_A|planning_0|0", "label": false}\n')
    found = read_labels(one, other)
    assert found.labels == (label(True), label(False, rater="ben"))
    assert found.words == "2 of 2 rows carry a label"


def test_two_files_of_one_name_are_two_raters_only_where_a_column_says_so(tmp_path: Path) -> None:
    for rater in ("anna", "ben"):
        (tmp_path / rater).mkdir()
    paths = [
        file_of(tmp_path / rater, "labels.csv", f"{HEADER}HOMO_A,planning_0,0,{said}\n")
        for rater, said in (("anna", 1), ("ben", 0))
    ]
    with pytest.raises(TableError) as refused:
        read_labels(*paths)
    assert str(refused.value) == (
        f"{paths[0]} and {paths[1]} both name their rater 'labels', by the name of the file: "
        "rename one of them, or name the raters in a column 'rater'"
    )
    header = HEADER.replace("label", "rater,label")
    for rater in ("anna", "ben"):
        told = f"{header}HOMO_A,planning_0,0,{rater},{int(rater == 'anna')}\n"
        file_of(tmp_path / rater, "labels.csv", told)
    assert read_labels(*paths).labels == (label(True), label(False, rater="ben"))


def test_one_thing_labeled_twice_is_named_with_both_files(tmp_path: Path) -> None:
    header = HEADER.replace("label", "rater,label")
    paths = []
    for folder in ("one", "other"):
        (tmp_path / folder).mkdir()
        told = f"{header}HOMO_A,planning_0,0,anna,1\n"
        paths.append(file_of(tmp_path / folder, "labels.csv", told))
    with pytest.raises(TableError) as refused:
        read_labels(*paths)
    words = f"anna labels HOMO_A / planning_0 / 0 twice, in {paths[0]}, row 1 and in {paths[1]}"
    assert words in str(refused.value)


def test_a_file_given_twice_is_refused(tmp_path: Path) -> None:
    path = file_of(tmp_path, "anna.csv", f"{HEADER}HOMO_A,planning_0,0,1\n")
    with pytest.raises(TableError, match="is given twice: its labels would count twice"):
        read_labels(path, str(path))


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("a.txt", "", "is no file of labels: name a .csv or a .jsonl file"),
        ("a.csv", "condition,seed_id,label\nA,s,1\n", "there is no column 'repeat_index'"),
        ("a.csv", "condition,seed_id,repeat_index\nA,s,0\n", "there is no column 'label'"),
        ("a.csv", f"{HEADER}A,s,first,1\n", "repeat_index is 'first': write a whole number"),
        ("a.csv", f"{HEADER}A,s,0,maybe\n", "none of 1 labels says yes or no"),
        ("a.csv", f"{HEADER}A,s,0,1\nA,s,0,0\n", "a.csv, row 2: keep one of the two"),
        ("a.jsonl", "{", "row 1 is no JSON"),
        ("a.jsonl", "[1]", "every line holds one object"),
        ("a.jsonl", '{"tuple_key": "A|s", "label": 1}', "tuple_key is 'A|s': it joins"),
        (
            "a.jsonl",
            '{"tuple_key": "A|s|0", "turn": 0, "label": 1}',
            "turn is 0: write a whole number from 1 on",
        ),
    ],
)
def test_a_file_that_cannot_be_meant_is_refused(
    tmp_path: Path, name: str, text: str, words: str
) -> None:
    with pytest.raises(TableError) as refused:
        read_labels(file_of(tmp_path, name, text))
    assert words in str(refused.value)


@pytest.mark.parametrize("name", ["none.csv", "none.jsonl"])
def test_a_file_that_is_not_there_is_named(tmp_path: Path, name: str) -> None:
    with pytest.raises(TableError, match=f"{name} cannot be read"):
        read_labels(tmp_path / name)


# -- agreement ------------------------------------------------------------------------------------


def test_a_detector_is_held_against_a_rater_by_conversation() -> None:
    timelines = [timeline(False, True), timeline(False, seed=1), timeline(True, seed=2)]
    (found,) = agreements_of(
        Labels(labels=(label(True), label(False, 1), label(False, 2))), timelines
    )
    assert (found.kind, found.first, found.second) == ("detector and labels", "detector", "anna")
    assert (found.both, found.first_only, found.second_only, found.neither) == (1, 1, 0, 1)


def test_turns_are_held_against_turns_and_not_against_conversations() -> None:
    labels = Labels(labels=(label(True, turn=2), label(True, turn=1), label(True)))
    by_conversation, by_turn = agreements_of(labels, [timeline(False, True)])
    assert (by_conversation.both, by_conversation.n) == (1, 1)
    assert (by_turn.both, by_turn.second_only, by_turn.n) == (1, 1, 2)


def test_raters_among_themselves_are_of_a_kind_of_their_own() -> None:
    said = (label(True), label(True, rater="ben"), label(True, 1), label(False, 1, rater="ben"))
    found = agreements_of(Labels(labels=said), [timeline(True), timeline(True, seed=1)])
    assert [(one.kind, one.first, one.second) for one in found] == [
        ("detector and labels", "detector", "anna"),
        ("detector and labels", "detector", "ben"),
        ("detector and labels", "detector", "consensus of raters"),
        ("raters", "anna", "ben"),
    ]
    _, _, with_most, among = found
    assert (with_most.both, with_most.n) == (1, 1)
    assert "1 conversations are left out, the raters being split (HOMO_A / planning_1 / 0)." in (
        with_most.words
    )
    assert (among.both, among.first_only, among.n) == (1, 1, 2)


def test_raters_agree_on_what_no_detector_saw() -> None:
    said = (label(True, 9), label(True, 9, rater="ben"))
    *_, among = agreements_of(Labels(labels=said), [])
    assert (among.kind, among.both) == ("raters", 1)


def test_what_has_no_partner_and_what_cannot_be_read_is_counted_in_words() -> None:
    labels = Labels(
        labels=(label(True), label(True, 8)), unreadable=("anna.csv, row 4: 'maybe'",), read=3
    )
    (found,) = agreements_of(labels, [timeline(True), timeline(True, seed=5)])
    assert found.n == 1
    assert (
        "1 of 2 conversations of anna have no label of detector (HOMO_A / planning_8 / 0)."
        in found.words
    )
    assert "1 of 2 conversations of detector have no label of anna" in found.words
    assert "1 labels cannot be read (anna.csv, row 4: 'maybe')." in found.words


def test_a_conversation_without_turns_is_not_called_free_of_collapse() -> None:
    (found,) = agreements_of(Labels(labels=(label(False),)), [timeline()])
    assert found.n == 0
    assert found.raw.reason == "no conversations carry both labels"


def test_two_timelines_of_one_conversation_are_refused() -> None:
    with pytest.raises(TableError, match="two timelines are of HOMO_A / planning_0 / 0"):
        agreements_of(Labels(labels=(label(True),)), [timeline(True), timeline(False)])


def test_intervals_are_clustered_by_seed_prompt() -> None:
    rows = [(seed, repeat) for seed in range(6) for repeat in range(5)]
    labels = Labels(labels=tuple(label(seed % 2 == 0, seed, repeat=r) for seed, r in rows))
    timelines = [timeline(seed % 3 == 0, seed=seed, repeat=r) for seed, r in rows]
    (found,) = agreements_of(labels, timelines)
    assert (found.raw.resampled, found.raw.resampled_n) == ("seed prompts", 6)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.lists(st.booleans(), min_size=4, max_size=4), min_size=1, max_size=5))
def test_every_thing_of_two_raters_is_agreed_on_or_split(votes: list[list[bool]]) -> None:
    said: dict[str, dict[Thing, bool]] = {
        str(rater): {("A", "s", number, None): vote for number, vote in enumerate(cast)}
        for rater, cast in enumerate(votes)
    }
    agreed, ties = consensus(said)
    assert len(agreed) + len(ties) == (4 if len(votes) > 1 else 0)
    for thing, collapsed in agreed.items():
        assert 2 * sum(own[thing] is collapsed for own in said.values()) > len(votes)
