"""The synonym rung: one word swapped for another that means the same where it stands.

``lexicon.tsv`` is curated by hand for prompts. A row pairs two words form by form (``begins`` with
``starts``), names their part of speech, and holds a rule and a note on when the swap is safe.

A rule is made of clauses joined by ``;``. ``after`` and ``before`` list what must stand beside
the word, ``not after`` and ``not before`` what must not. Beside words in lower case they know:
``^`` the start of a sentence, ``$`` its end, ``,`` another mark, ``#`` a number in digits,
``a_list`` two words in a row, and the groups ``REQUEST`` (where an imperative or an infinitive
stands), ``DETERMINER`` and ``NUMBER``.
"""

from __future__ import annotations

import csv
import re
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Literal, get_args

from pytest_promptchaos.neighborhoods.edits import Edit
from pytest_promptchaos.neighborhoods.prose import Change, read, spread

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pytest_promptchaos.neighborhoods.prose import Prose, Word

PartOfSpeech = Literal[
    "verb",
    "noun",
    "adjective",
    "adverb",
    "auxiliary",
    "conjunction",
    "preposition",
    "determiner",
    "pronoun",
    "interjection",
]
PARTS_OF_SPEECH: tuple[PartOfSpeech, ...] = get_args(PartOfSpeech)

GROUPS: Mapping[str, str] = {
    "REQUEST": "^ please to you then just kindly",
    "DETERMINER": "the a an this that these those my your our his her its their some any each",
    "NUMBER": "# two three four five six seven eight nine ten twelve",
}

_CLAUSES = ("after", "before", "not after", "not before")
_SENTENCE_END = ".?!:"
_OTHER = "`"
_ABOUT_WORDS = re.compile(
    r"\b(?:the (?:words?|letter)|letters|syllables?|rhym\w+|spell\w*|synonyms?|antonyms?"
    r"|pronounc\w+|translat\w+|anagrams?|verbatim|proofread\w*)\b",
    re.IGNORECASE,
)
_CONSONANT_SOUND = re.compile(r"uni|us[eu]|util|one|eu", re.IGNORECASE)
_VOWEL_SOUND = re.compile(r"[aeiou]|hon[eo]|hour|heir", re.IGNORECASE)


@dataclass(frozen=True)
class Entry:
    """A pair of words that may stand for each other, and where."""

    words: tuple[str, ...]
    synonyms: tuple[str, ...]
    part_of_speech: str
    both_ways: bool
    rule: Mapping[str, frozenset[str]]
    note: str


def synonym_edits(text: str) -> tuple[Edit, ...]:
    """Return every single-word swap that the lexicon allows in a prompt, by position.

    Capitals are kept. A swap that would break ``a``/``an`` before it is left out, and so are
    capitalized words inside a sentence (names), quoted text and code. A prompt about words or
    wording (rhymes, spelling, translation) gets none, because there the word is the question.

    >>> [edit.text for edit in synonym_edits("Recommend a book like Dune.")]
    ['Suggest a book like Dune.']
    """
    if _ABOUT_WORDS.search(text):
        return ()
    prose = read(text)
    swaps = tuple(_swaps(prose))
    return tuple(
        Edit(f"synonym_{part}", "synonym", words, text[:start] + new + text[end:])
        for part, (words, start, end, new) in spread(swaps, len(text))
    )


@cache
def entries() -> tuple[Entry, ...]:
    """Return the rows of ``lexicon.tsv``, in their order; raises ``ValueError`` on a bad rule."""
    table = files("pytest_promptchaos.neighborhoods") / "lexicon.tsv"
    lines = table.read_text(encoding="utf-8").splitlines()
    rows = csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE)
    return tuple(_entry(row) for row in rows)


def parse_rule(rule: str) -> Mapping[str, frozenset[str]]:
    """Return the contexts of each clause of a rule, groups spelled out.

    >>> parse_rule("after ^ please; not before of")["not before"]
    frozenset({'of'})
    """
    parsed: dict[str, frozenset[str]] = {}
    for clause in filter(None, map(str.strip, rule.split(";"))):
        name = next((name for name in _CLAUSES if clause.startswith(name + " ")), None)
        if name is None or name in parsed:
            raise ValueError(
                f"lexicon rule {rule!r}: clause {clause!r} is not one of {', '.join(_CLAUSES)}, "
                "each at most once; mend the rule in lexicon.tsv"
            )
        contexts = clause.removeprefix(name).split()
        spelled_out = " ".join(GROUPS.get(context, context.lower()) for context in contexts)
        parsed[name] = frozenset(spelled_out.split())
    return parsed


def _entry(row: Mapping[str, str]) -> Entry:
    return Entry(
        words=tuple(row["word"].split()),
        synonyms=tuple(row["synonym"].split()),
        part_of_speech=row["part_of_speech"],
        both_ways=row["direction"] == "both",
        rule=parse_rule(row["rule"]),
        note=row["note"],
    )


@cache
def _by_form() -> Mapping[str, tuple[tuple[str, Entry], ...]]:
    """Return for each word form what may replace it."""
    table: dict[str, tuple[tuple[str, Entry], ...]] = {}
    for entry in entries():
        for word, synonym in zip(entry.words, entry.synonyms, strict=True):
            table[word] = (*table.get(word, ()), (synonym, entry))
            if entry.both_ways:
                table[synonym] = (*table.get(synonym, ()), (word, entry))
    return table


def _swaps(prose: Prose) -> Iterator[tuple[str, Change]]:
    table = _by_form()
    has_lower = prose.text != prose.text.upper()
    for index, word in enumerate(prose.words):
        for synonym, entry in table.get(word.text.lower(), ()) if word.free else ():
            if _fits(prose, index, synonym, entry):
                new = _in_case_of(word.text, synonym)
                shouts = word.text.isupper() and len(word.text) > 1
                if new and not (shouts and has_lower):
                    words = f"replaced {word.name} by '{new}'"
                    yield entry.part_of_speech, Change(words, word.start, word.end, new)


def _fits(prose: Prose, index: int, synonym: str, entry: Entry) -> bool:
    word = prose.words[index]
    before, after = _context_before(prose, index), _context_after(prose, index)
    rule = entry.rule
    return (
        ("after" not in rule or not rule["after"].isdisjoint(before))
        and ("before" not in rule or not rule["before"].isdisjoint(after))
        and rule.get("not after", frozenset()).isdisjoint(before)
        and rule.get("not before", frozenset()).isdisjoint(after)
        and not _is_name(prose, index, entry)
        and (before[0] not in {"a", "an"} or _sound(word.text) == _sound(synonym))
    )


def _is_name(prose: Prose, index: int, entry: Entry) -> bool:
    """Whether the word may be part of a name: a capital that the sentence does not explain."""
    word = prose.words[index]
    if not word.text[0].isupper() or prose.text == prose.text.upper():
        return False
    if _context_before(prose, index)[0] != "^":
        return True
    following = prose.words[index + 1].text if index + 1 < len(prose.words) else ""
    return entry.part_of_speech in {"noun", "adjective"} and following[:1].isupper()


def _context_before(prose: Prose, index: int) -> tuple[str, ...]:
    """Return what stands before a word, nearest first: one context, or one and two words."""
    word = prose.words[index]
    if word.token_start != word.start:
        return (",",)
    if index == 0 or _opens_sentence(prose, index):
        return ("^",)
    previous = prose.words[index - 1]
    tail = prose.text[previous.end : previous.token_end]
    if tail or not previous.text[0].isalnum():
        return (",",)
    near = _spoken(previous)
    if index > 1 and not _opens_sentence(prose, index - 1):
        earlier = prose.words[index - 2]
        if earlier.end == earlier.token_end:
            return near, f"{_spoken(earlier)}_{near}"
    return (near,)


def _context_after(prose: Prose, index: int) -> tuple[str, ...]:
    """Return what stands after a word, nearest first: one context, or one and two words."""
    word = prose.words[index]
    tail = prose.text[word.end : word.token_end]
    if tail:
        return ("$",) if tail[0] in _SENTENCE_END else (",",)
    if index + 1 == len(prose.words) or _opens_sentence(prose, index + 1):
        return ("$",)
    following = prose.words[index + 1]
    if following.token_start != following.start or not following.text[0].isalnum():
        return (",",)
    near = _spoken(following)
    closed = following.token_end != following.end
    if closed or index + 2 == len(prose.words) or _opens_sentence(prose, index + 2):
        return (near,)
    return near, f"{near}_{_spoken(prose.words[index + 2])}"


def _opens_sentence(prose: Prose, index: int) -> bool:
    """Whether a sentence starts at a word: after its end, a list marker, or a paragraph break."""
    if index == 0:
        return True
    word, previous = prose.words[index], prose.words[index - 1]
    tail = prose.text[previous.end : previous.token_end]
    marker = previous.opens_line and not previous.text[0].isalnum()
    if marker or tail[-1:] in tuple(_SENTENCE_END):
        return True
    between = prose.text[previous.token_end : word.token_start]
    return "\n\n" in between or (word.opens_line and word.text[0].isupper())


def _spoken(word: Word) -> str:
    if not word.free:
        return _OTHER
    return "#" if word.text[0].isdigit() else word.text.lower()


def _in_case_of(word: str, synonym: str) -> str:
    """Return the synonym with the capitals of the word, or nothing where they are mixed."""
    if word.islower():
        return synonym
    if word == word.capitalize():
        return synonym[0].upper() + synonym[1:]
    return synonym.upper() if word.isupper() else ""


def _sound(word: str) -> bool:
    """Whether a word asks for ``an``."""
    return _VOWEL_SOUND.match(word) is not None and _CONSONANT_SOUND.match(word) is None
