"""The curated table row by row, and the swaps that it allows."""

from __future__ import annotations

from collections import Counter, defaultdict

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_promptchaos.neighborhoods.lexicon import (
    PARTS_OF_SPEECH,
    Entry,
    entries,
    parse_rule,
    synonym_edits,
)

OPPOSITES = [
    ("big", "small"),
    ("large", "little"),
    ("huge", "small"),
    ("fast", "calm"),
    ("easy", "hard"),
    ("simple", "difficult"),
    ("simplest", "hard"),
    ("happy", "sad"),
    ("rich", "cheap"),
    ("cheap", "expensive"),
    ("right", "wrong"),
    ("correct", "incorrect"),
    ("common", "unusual"),
    ("normal", "strange"),
    ("first", "last"),
    ("brief", "detailed"),
    ("begin", "end"),
    ("start", "finish"),
    ("add", "remove"),
    ("increase", "reduce"),
    ("combine", "split"),
    ("show", "delete"),
    ("benefit", "drawback"),
    ("beginning", "outcome"),
    ("always", "often"),
    ("almost", "completely"),
    ("only", "also"),
    ("inside", "under"),
    ("because", "although"),
    ("everyone", "someone"),
]


def swaps(text: str) -> list[str]:
    return [edit.text for edit in synonym_edits(text)]


def row_name(entry: Entry) -> str:
    return f"{entry.words[0]}-{entry.synonyms[0]}"


def test_there_are_at_least_150_pairs_and_none_twice() -> None:
    pairs = Counter(
        (frozenset((entry.words[0], entry.synonyms[0])), entry.part_of_speech)
        for entry in entries()
    )
    assert len(pairs) >= 150
    assert [pair for pair, count in pairs.items() if count > 1] == []


def test_every_row_has_a_known_part_of_speech_and_a_note() -> None:
    assert {entry.part_of_speech for entry in entries()} == set(PARTS_OF_SPEECH)
    assert [row_name(entry) for entry in entries() if len(entry.note.split()) < 2] == []


def test_every_row_pairs_as_many_forms_and_repeats_none() -> None:
    for entry in entries():
        assert len(entry.words) == len(entry.synonyms) > 0, row_name(entry)
        forms = [*entry.words, *entry.synonyms]
        assert len(set(forms)) == len(forms), row_name(entry)
        plain = (form.replace("-", "").isalpha() and form.islower() for form in forms)
        assert all(plain), row_name(entry)


def test_only_a_few_pairs_are_safe_anywhere() -> None:
    free = [row_name(entry) for entry in entries() if not entry.rule]
    assert free == ["maybe-perhaps", "everyone-everybody", "someone-somebody", "anyone-anybody"]


@pytest.mark.parametrize(("word", "opposite"), OPPOSITES)
def test_no_chain_of_swaps_leads_to_the_opposite(word: str, opposite: str) -> None:
    linked = defaultdict(set)
    for entry in entries():
        for one, other in zip(entry.words, entry.synonyms, strict=True):
            linked[entry.part_of_speech, one].add(other)
            linked[entry.part_of_speech, other].add(one)
    for part in PARTS_OF_SPEECH:
        reached, frontier = {word}, [word]
        while frontier:
            new = linked[part, frontier.pop()] - reached
            reached |= new
            frontier += new
        assert opposite not in reached


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Recommend a book like Dune.", ["Suggest a book like Dune."]),
        ("What is the biggest planet?", ["What is the largest planet?"]),
        ("How often should I water a cactus?", ["How frequently should I water a cactus?"]),
        ("list three fruits", ["enumerate three fruits", "name three fruits"]),
        ("LIST THREE FRUITS", ["ENUMERATE THREE FRUITS", "NAME THREE FRUITS"]),
        ("Sing. Hi, Ann.", ["Sing. Hello, Ann.", "Sing. Hey, Ann."]),
        ("1. Show the result.", ["1. Display the result."]),
        ("- Show the result.", ["- Display the result."]),
        ("I begin with a cat.", ["I start with a cat."]),
        ("The story begins with a cat.", ["The story starts with a cat."]),
        ("Is it hard to find, maybe?", ["Is it hard to find, perhaps?"]),
        ("It is hard to find.", ["It is difficult to find."]),
        ("Check if it rains.", ["Verify if it rains.", "Check whether it rains."]),
        ("I like it because I am old.", ["I like it since I am old."]),
    ],
)
def test_a_swap_changes_one_word_in_its_own_case(text: str, expected: list[str]) -> None:
    assert swaps(text) == expected


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("A list of fruits.", "the noun"),
        ("List of fruits:", "the noun at the start of a line"),
        ("Show me a cat.", "'display me' is not English"),
        ("She worked hard to learn.", "the adverb"),
        ("A large language model reads.", "a term"),
        ("Recount how Big Ben rings.", "a name"),
        ("Sing about a Quick Response code.", "a name"),
        ("Explain that HELP to me.", "an acronym for all we know"),
        ('Say "maybe" loudly.', "quoted"),
        ("Run `maybe` now.", "code"),
        ("Which letters does maybe have?", "the word is the question"),
        ("Translate: maybe I will come.", "the word is the question"),
        ("I have an easy recipe.", "'an simple' is not English"),
        ("Do it quick-ish.", "part of a compound"),
        ("mAybe not.", "capitals that no rule explains"),
        ("", "nothing there"),
    ],
)
def test_a_word_that_only_looks_like_an_entry_stays(text: str, why: str) -> None:
    assert swaps(text) == [], why


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("I saw a useful tip.", "I saw a helpful tip."),
        ("I saw an unusual pet.", "I saw an uncommon pet."),
    ],
)
def test_an_article_that_still_agrees_allows_the_swap(text: str, kept: str) -> None:
    assert swaps(text) == [kept]


def test_a_swap_is_told_in_words_and_named_by_part_of_speech() -> None:
    edit = synonym_edits("Maybe she knows, maybe not.")[1]
    assert (edit.kind, edit.rung) == ("synonym_adverb", "synonym")
    assert edit.words == "replaced 'maybe' by 'perhaps'"


@pytest.mark.parametrize("rule", ["beside a", "after", "after a; after the", "not a"])
def test_a_rule_that_says_nothing_known_is_refused(rule: str) -> None:
    with pytest.raises(ValueError, match=r"lexicon rule .* mend the rule"):
        parse_rule(rule)


def test_groups_are_spelled_out_in_a_rule() -> None:
    rule = parse_rule("after REQUEST; not before of_the I")
    assert "please" in rule["after"]
    assert rule["not before"] == {"of_the", "i"}


WORDS = sorted({form for entry in entries() for form in (*entry.words, *entry.synonyms)})


@given(st.lists(st.sampled_from([*WORDS, "the", "a", "an", "I", "to", "with", "me", "."])))
@settings(deadline=None)
def test_every_swap_replaces_one_word_and_leaves_the_others(words: list[str]) -> None:
    text = " ".join(words)
    for swapped in swaps(text):
        assert sum(a != b for a, b in zip(words, swapped.split(" "), strict=True)) == 1
