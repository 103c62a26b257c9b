"""Sentences about a finding -> whether they affirm it, deny it, or answer what was asked about it.

A sentence counts only where it names the finding: reports name others on the way ("There is no
pneumothorax"), and a denial of those answers nothing. What stands between a verb and the finding
must be a known word ("a small", "any obvious"), so that an unforeseen turn is left unread.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_promptchaos.records import Polarity, Said

NORMALITY = re.compile(r"normal", re.I)
RULES_OUT = re.compile(r"\b(?:rul(?:e|ed|ing)\b.*\bout|exclud(?:e|ed|ing))\b", re.I)
IMAGE = (
    r"(?:(?:chest|medical) )?(?:images?|pictures?|photos?|x-?rays?|radiographs?|scans?|films?"
    r"|stud(?:y|ies)|exam(?:ination)?|views?|chest)"
)
_NOUN = r"(?:evidence|signs?|indications?|suggestions?|findings?|features?|abnormalit(?:y|ies))"
_MARKS_OF = (
    r"(?:of|for|to suggest|to indicate|suggesting|indicating|suggestive of|indicative of"
    r"|consistent with|in keeping with)"
)
_SIZE = (
    r"(?:an?|the|any|some|such|there|clear|obvious|definite|significant|visible|apparent|evident"
    r"|noticeable|convincing|conclusive|radiographic|radiological|imaging|x-ray|image|overt|frank"
    r"|discernible|detectable|gross|acute|small|large|tiny|huge|mild|moderate|severe|marked|massive"
    r"|minimal|slight|subtle|left|right|left-sided|right-sided|bilateral|unilateral|single"
    r"|multiple|to|-)"
)
_SEEN = r"(?:present|seen|visible|evident|identified|found|detected|noted|observed|apparent|there)"
_IN_GENERAL = r"(?! (?:when|if|as|in (?:many|most|some|all|other|patients|people|cases))\b)"
_SHOW = r"(?:show|demonstrate|reveal|display|depict|exhibit|contain)"
_SEE = r"(?:see|find|observe|identify|notice|detect)"
_ADVERBS = r"(?:(?:\w+ly|at all|also|quite|very|all|indeed|to be) ){0,4}"
_IS = r"(?:is|are|was|were|appears?|looks?|seems?|remains?)"
_NOT = r"(?: not|n't)"
_IS_NOT = rf"(?:(?:is|are|was|were){_NOT}|(?:do|does){_NOT} (?:appear|look|seem)|not)"
_UNABLE = (
    r"(?:no way to|can(?: ?not|'t)|could(?: not|n't)|unable to|not able to|impossible to"
    r"|not possible to|not (?:sufficient|enough) to|insufficient to|(?:difficult|hard) to)"
)
_RULED_OUT = r"(?:ruled out|excluded)"
NEGATION = re.compile(
    r"\b(?:no|not|never|neither|nor|none|nothing|without|lack(?:s|ing)?|cannot|can't|hardly|barely"
    r"|fails?|false|untrue|absen(?:t|ce)|free of|clear of|negative|den(?:y|ies)|resolved"
    r"|excluded?|ruled? out)\b|n't\b",
    re.I,
)
_PARTLY = re.compile(
    r"\b(?:left|right|upper|lower|lobes?|apex|apices|bases?|side|than|except|apart|besides|yet"
    r"|other|further|additional|previous|prior)\b",
    re.I,
)
"""Words that narrow a denial to a part of the image, a size or a time."""
_OTHER_NAME = (
    r"(?!(?:in|of|for|from|about|with|to|on|at|that|and|other|longer|change|increase|decrease"
    r"|improvement|worsening|resolution|absence|lack|doubt|question)\b)[\w-]+"
)
_NAMES = rf"{_OTHER_NAME}(?: {_OTHER_NAME}){{0,2}}"
_LISTED = rf"(?:{_NAMES}(?:, {_NAMES}){{0,8}},? (?:or|nor) )?"
_ENDS = rf"(?=\W*$| (?:{_IS}|here|based|{_SEEN}|(?:in|on|within) (?:the|this|that|your) {IMAGE})\b)"
_CLAUSES = re.compile(
    r"[.!?;:\n\u3002\u2013\u2014]+|, (?=(?:and|but|so|which|with|it|there|the|this|i|we|he|she|no"
    r"|not|yes|however|because|since|as|although|though|while)\b)"
    r"|\b(?:but|however|although|though|whereas|while|because|since|which)\b"
    r"|\band (?=(?:the|there|it|i|this|we|no)\b)|\bwith (?=no\b)|(?<!not )(?<!n't )(?=\bwithout\b)",
    re.I,
)
_BUT = re.compile(r"\b(?:but|however|although|though|except)\b", re.I)
_FILLER = re.compile(
    r"^\W*(?:and|so|then|the|an?|this|that|these|your|patient's|overall|i)\b", re.I
)


class Readings(NamedTuple):
    """What denies a finding, affirms it, rules it out, leaves it open, or merely names it."""

    denies: re.Pattern[str]
    affirms: re.Pattern[str]
    rules_out: re.Pattern[str]
    leaves_open: re.Pattern[str]
    names: re.Pattern[str]


def clauses(text: str) -> list[str]:
    """Return the clauses of a text in order, without the conjunctions that part them.

    >>> clauses("The heart is enlarged, but no effusion is seen. It is mild.")
    ['The heart is enlarged', 'no effusion is seen', 'It is mild']
    """
    return [part for raw in _CLAUSES.split(text) if re.search(r"\w", part := raw.strip())]


def stated(
    text: str, polarity: Polarity, question: str, words: str
) -> Iterator[tuple[Said, str, bool]]:
    """Yield what clauses about the finding answer, the words that do, and whether it is left open.

    ``words`` name the finding; without them any "no ..." denies it. A pronoun stands for it in the
    first clause only: later ones may speak of something else.
    """
    asks_to_rule_out = bool(RULES_OUT.search(question))
    denied: Said = "no" if polarity == 1 else "yes"
    affirmed: Said = "yes" if polarity == 1 else "no"
    # "It is normal but ..." goes on to what is not; asked whether it is, the first half answers.
    calm = bool(NORMALITY.search(question)) or not _BUT.search(text)
    for place, clause in enumerate(clauses(text)):
        read = readings(bare(words), place == 0)
        if found := read.leaves_open.search(clause):
            yield "no", found[0], not asks_to_rule_out
        elif found := _alone(read.rules_out, clause):
            yield "yes" if asks_to_rule_out else denied, found[0], False
        elif found := _alone(read.denies, clause, whole=True) or (
            _normal(clause, question, words) if calm else None
        ):
            yield denied, found[0], False
        elif found := _alone(read.affirms, clause) or _abnormal(clause, question, words):
            yield affirmed, found[0], False
        elif echo := _echo(clause, question):
            yield echo, clause, False


def against(text: str, denies: bool) -> str:
    """Return the words by which the first clause calls anything normal, or not; else none.

    A yes to "Is there X?" before "the heart is normal" contradicts itself whatever X is.
    """
    first = (clauses(text) or [""])[0]
    found = (_ANY_DENIAL if denies else _ANY_ABNORMAL).search(first)
    if found is None or (denies and (_PARTLY.search(first) or _ANY_ABNORMAL.search(first))):
        return ""
    return found[0]


@lru_cache(maxsize=64)
def readings(words: str, first: bool) -> Readings:
    """Return the patterns of a finding called ``words``; ``first`` where a pronoun may mean it."""
    sizes = rf"(?:{_SIZE} ){{0,5}}"
    it = (
        r"(?:it|that|this|these|those|they|any)(?=\W*$| (?:(?:is|are|was|were|do|does)(?:n't)?"
        r"|cannot|can(?:'t)?|should|out|based|from|here|appears?|looks?|seems?)\b"
        r"| (?:in|on) (?:the|this|that) )"
    )
    named = re.escape(words) + "s?" if words else "(?!)"
    # What has no effusion has no pleural effusion, so the last word is enough to deny.
    denied = rf"(?:{named}|{re.escape(words.rsplit(maxsplit=1)[-1])}s?)" if words else _ANY_WORD
    object_, denied_object = (named, denied) if words else (_ANY_WORD, _ANY_WORD)
    pronoun = rf"|{it}" if first else ""
    thing, nothing = rf"{sizes}(?:{named}{pronoun})", rf"{sizes}(?:{denied}{pronoun})"
    some = rf"(?:{sizes}{_NOUN} {_MARKS_OF} {thing}|{thing})"
    if not words:
        some = rf"{sizes}{_NOUN}"
    none = rf"(?:{sizes}{_NOUN}(?: of)?{_ENDS}|(?:{sizes}{_NOUN} {_MARKS_OF} )?{_LISTED}{nothing})"
    ruled, open_ = rf"{sizes}(?:{denied_object}{pronoun})", rf"{sizes}(?:{object_}{pronoun})"
    return Readings(
        denies=_denials(nothing, none, first),
        affirms=_affirmations(thing, some, first),
        rules_out=_any(
            rf"\b(?:I|we|you|one) can {_ADVERBS}{_rule(ruled)}",
            rf"(?:^\W*|\b{ruled} )(?:(?:can be|is|are|was|has been|have been) )?{_ADVERBS}"
            rf"{_RULED_OUT}\b",
            rf"\b(?:rules out|excludes) {ruled}",
        ),
        leaves_open=_any(
            rf"\b{_UNABLE} (?:\w+ly )*{_rule(open_)}",
            rf"(?:^\W*|\b{open_} )(?:(?:{_UNABLE} be|(?:is|are|was|has|have|should){_NOT}"
            rf"(?: been| be)?|not)) {_ADVERBS}{_RULED_OUT}\b",
        ),
        names=re.compile(rf"\b(?:{denied if words else '(?!)'}|it|this|that|there)\b", re.I),
    )


def _denials(nothing: str, none: str, first: bool) -> re.Pattern[str]:
    """Return the pattern of clauses that deny a finding, or evidence of it."""
    return _any(
        rf"\b(?:no|not any|without|lacks?|nor|neither) {none}"
        rf"(?: (?:(?:is|are|was|were|can be) )?{_ADVERBS}{_SEEN})?",
        rf"\bthere (?:is|are){_NOT} {none}|\bthere's not {none}",
        rf"\bthere (?:do|does){_NOT} (?:appear|seem) to be {none}",
        rf"\b(?:do|does|did){_NOT} {_ADVERBS}(?:appear to |seem to )?"
        rf"(?:{_SHOW}|{_SEE}|have) {none}",
        rf"\bcan(?: ?not|'t) see {none}",
        rf"\b(?:{nothing}|{none}) {_IS_NOT} {_ADVERBS}{_SEEN}",
        rf"\b{nothing} {_IS} {_ADVERBS}absent",
        rf"^\W*(?:not {_ADVERBS}{_SEEN}|absent)\W*$" if first else "(?!)",
        rf"\b(?<!not )(?:free|clear|free and clear) of {none}|\bnegative for {none}",
        rf"\bnot {_ADVERBS}(?:consistent with|positive for|diagnostic of|indicative of"
        rf"|suggestive of|compatible with) {nothing}",
    )


def _affirmations(thing: str, some: str, first: bool) -> re.Pattern[str]:
    """Return the pattern of clauses that affirm a finding, or evidence of it."""
    return _any(
        rf"\bthere(?: is| are|'s) (?:also )?{some}",
        rf"\bthere (?:appears?|seems?) to be {some}",
        rf"\b(?:{_SHOW}s?|has|have) {some}",
        rf"\b(?:I|we|you) (?:can |do )?{_ADVERBS}{_SEE} {some}",
        rf"\b{some} (?:(?:is|are|was|were)|can be) {_ADVERBS}{_SEEN}{_IN_GENERAL}",
        rf"\b(?:positive for|consistent with|diagnostic of|indicative of) {thing}",
        rf"(?:\bnot|n't) {_ADVERBS}(?:free of|clear of|negative for) {thing}",
        rf"\b{thing} {_IS_NOT} {_ADVERBS}absent",
        r"^\W*(?:present|seen|visible|not absent)\W*$" if first else "(?!)",
    )


AFTER_NO = (
    r"(?:it|there|i|the|this|that|these|you|we|he|she|they|not|can|cannot|is|are|based|from"
    r"|because|as|since|but|and|or)\b"
)
"""Words that follow a "no" which answers; any other word is what there is none of."""
_ANY_WORD = rf"(?!{AFTER_NO})[\w-]+"
_NORMAL = r"(?:normal|unremarkable|within normal limits)"
_IS_NORMAL = re.compile(
    rf"^(?P<of>.*?)(?:\b(?:{_IS}|falls?|lies)|'s) {_ADVERBS}{_NORMAL}\b|^\W*{_NORMAL}\W*$"
    rf"|^\W*nothing (?:abnormal|wrong|unusual)(?: {_IS} {_ADVERBS}{_SEEN})?\W*$"
    rf"|^(?P<no>.*?)\b{_IS_NOT} {_ADVERBS}abnormal\b",
    re.I,
)
_IS_ABNORMAL = re.compile(
    rf"^(?P<of>.*?)\b(?:{_IS_NOT} {_ADVERBS}{_NORMAL}|{_IS} {_ADVERBS}abnormal)\b"
    r"|^\W*(?:abnormal|not normal)\W*$",
    re.I,
)
_ANY_DENIAL = re.compile(
    rf"\b{_IS} {_ADVERBS}{_NORMAL}\b|\b(?:no|without) (?!other|further|additional|longer)\w+"
    rf"|\bwithin normal limits\b|\bnot {_ADVERBS}abnormal\b",
    re.I,
)
_ANY_ABNORMAL = re.compile(
    rf"\b{_IS_NOT} {_ADVERBS}{_NORMAL}\b|(?<!not )(?<!n't )(?<!nothing )(?<!no )\babnormal\b", re.I
)


def _any(*patterns: str) -> re.Pattern[str]:
    return re.compile("|".join(f"(?:{one})(?![\\w-])" for one in patterns), re.I)


def _rule(thing: str) -> str:
    """Return the pattern of ruling a thing out, or of ruling out where no thing is named."""
    ends = rf"(?=\W*$| (?:based|from|alone|(?:in|on) (?:the|this|that) {IMAGE}))"
    return rf"(?:(?:rule out|exclude)(?: {thing}|{ends})|rule {thing} out)"


def _alone(pattern: re.Pattern[str], clause: str, *, whole: bool = False) -> re.Match[str] | None:
    """Return the match in a clause that negates nothing else, and is not ``whole`` but partly."""
    found = pattern.search(clause)
    if found is None or (whole and _PARTLY.search(clause)):
        return None
    rest = f"{clause[: found.start()]} {clause[found.end() :]}"
    return None if NEGATION.search(rest) else found


def _normal(clause: str, question: str, words: str) -> re.Match[str] | None:
    """Return where a clause calls normal what was asked about, or the whole image."""
    found = _IS_NORMAL.search(clause)
    if found is None or _PARTLY.search(clause) or NEGATION.search(found["of"] or ""):
        return None
    return found if _asked_about(found["of"] or found["no"] or "", question, words) else None


def _abnormal(clause: str, question: str, words: str) -> re.Match[str] | None:
    """Return where a clause denies that it is normal; elsewhere that names no finding."""
    if not NORMALITY.search(f"{question} {words}"):
        return None
    found = _IS_ABNORMAL.search(clause)
    if found is None or NEGATION.search(found["of"] or ""):
        return None
    # An image may be abnormal for another reason; the one that is normal is so for none.
    subject = found["of"] or ""
    whole = re.search(rf"\b(?:{IMAGE}|everything|all)\b", subject, re.I)
    return found if not whole and _asked_about(subject, question, words) else None


def _asked_about(subject: str, question: str, words: str) -> bool:
    """Return whether every word of a subject is one of the question, or it is the whole image."""
    while filler := _FILLER.match(subject):
        subject = subject[filler.end() :]
    if re.fullmatch(rf"\W*(?:{IMAGE}|it|everything|all)?\W*", subject, re.I) or not words:
        return True
    asked = re.findall(r"\w{4,}", f"{question} {words}".lower())
    return all(
        any(word.startswith(one) or one.startswith(word) for one in asked)
        for word in re.findall(r"\w+", subject.lower())
    )


def _echo(clause: str, question: str) -> Said | None:
    """Return what a clause answers that is the question itself, said or negated."""
    verb, *asked = re.findall(r"\w+", question.lower()) or [""]
    told = re.findall(r"\w+", re.sub(r"n't\b| ?\bnot\b|(?<=can)not\b", " not", clause.lower()))
    negated = "not" in told
    kept = [word for word in told if word != "not"]
    if len(asked) < 2 or verb not in kept or told.count("not") > 1:
        return None
    kept.remove(verb)
    return ("no" if negated else "yes") if kept == asked else None


def bare(words: str) -> str:
    """Return the words of a finding without their article."""
    return re.sub(r"^(?:an?|the) ", "", " ".join(words.split()), flags=re.I)
