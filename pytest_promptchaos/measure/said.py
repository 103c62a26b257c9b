"""An answer in words -> yes, no or unclear, with the rule that decided; logits -> a margin.

What is read is the answer to the question, which polarity then turns to the proposition. Sentences
about the finding itself ("no evidence of ...") answer a question of either polarity, each in its
own way; where they and a "yes" or "no" contradict each other, the answer is unclear. So is all
that is not understood for certain, because a wrong reading would be a made-up flip.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import logsumexp

from pytest_promptchaos.errors import ArgumentError
from pytest_promptchaos.measure.stated import (
    AFTER_NO,
    IMAGE,
    NORMALITY,
    against,
    bare,
    clauses,
    readings,
    stated,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from pytest_promptchaos.records import Polarity, Said


def say(
    text: str, *, question: str = "", polarity: Polarity = 1, words: str = ""
) -> tuple[Said, str]:
    """Return what a text answers, ``"yes"``, ``"no"`` or ``"unclear"``, and the rule in words.

    ``question`` is what was asked, ``polarity`` its own, and ``words`` name the finding, as in
    ``"a pleural effusion"``; without them a text is read as the answer to "Is there X?". Looked
    for in this order:

    1. thinking between marks, what is asked back, and ways of speaking ("no doubt") are passed
       over; thinking that does not end is unclear;
    2. a refusal or a doubt ("cannot tell", "no image attached", "possibly" where it touches the
       answer, and "cannot be ruled out" where ruling out was not the question) is unclear,
       whatever stands before it;
    3. a yes or no that stands as an answer: it opens the text, follows a mark, or is the whole of
       it. "No effusion" is none. Both are unclear;
    4. clauses that name the finding: denying it answers "Is there X?" with no and "Can you rule
       out X?" with yes. Where they contradict a yes or no of 3, or each other, it is unclear. What
       is said of other findings is passed over.

    >>> say("Yes."), say("I see no evidence of it.")
    (('yes', "begins with 'Yes'"), ('no', "says 'no evidence of it'"))
    >>> say("No effusion.", question="Can you rule out effusion?", polarity=-1, words="effusion")
    ('yes', "says 'No effusion'")
    >>> say("I cannot rule out an effusion.", question="Can you rule out an effusion?", polarity=-1)
    ('no', "says 'cannot rule out an effusion'")
    >>> say("I cannot rule out an effusion.")
    ('unclear', "says 'cannot rule out an effusion'")
    """
    thought = _thought(text.replace("\u2019", "'"))
    if thought is None:
        return "unclear", "still thinking"
    asked_back = _ASKED_BACK.sub(" ", thought)
    kept = _SPEAKING.sub(" ", asked_back).strip()
    if not kept:
        return "unclear", "only asks back" if thought.strip() else "says nothing"
    if doubt := _REFUSES.search(kept) or _hedge(kept, words):
        return "unclear", f"says {_quoted(doubt[0])}"
    spoken = list(_spoken(kept, question, polarity))
    rest = _OPENS.sub(" ", kept, count=1) if _OPENS.match(kept) else kept
    found = list(stated(rest, polarity, question, words))
    if left_open := next((told for _, told, open_ in found if open_), ""):
        return "unclear", f"says {_quoted(left_open)}"
    return _decided(spoken, found, rest, polarity)


def margin(logits: NDArray[np.floating], yes: Sequence[int], no: Sequence[int]) -> float:
    """Return the logit of yes minus that of no, positive where yes is likelier.

    ``logits`` (V,) are those where the answer begins, ``yes`` and ``no`` the declared token ids.
    Formula: log sum_yes exp(z) - log sum_no exp(z), so it is the log odds of yes against no, in
    nats, whatever else the model might say. Raises ``ArgumentError`` for token sets that are
    empty, overlap, or are not in the vocabulary, and ``ValueError`` where the margin is not finite.

    >>> margin(np.array([2.0, 0.5, 9.0]), [0], [1])
    1.5
    """
    if both := sorted(set(yes) & set(no)):
        raise ArgumentError(
            f"answer token {both[0]} is declared for yes and for no: it tells neither apart"
        )
    told, untold = _over(logits, yes), _over(logits, no)
    if not (np.isfinite(told) and np.isfinite(untold)):
        raise ValueError("the margin is not finite: the logits of the declared tokens are not")
    return told - untold


def mass(logits: NDArray[np.floating], tokens: Sequence[int]) -> float:
    """Return the probability on the declared tokens, those of yes and of no together, 0 to 1.

    Where it is small, the margin speaks of what the model would hardly say. ``logits`` (V,) and
    errors are those of :func:`margin`.

    >>> round(mass(np.zeros(8), [0, 1]), 6)
    0.25
    """
    share = _over(logits, tokens) - float(logsumexp(np.asarray(logits, dtype=np.float64)))
    if not np.isfinite(share):
        raise ValueError("the mass is not finite: the logits of the declared tokens are not")
    # Rounding may take the sum of all probabilities above 1.
    return min(float(np.exp(share)), 1.0)


# -- what is no answer ----------------------------------------------------------------------------

_THINKING = (r"<(?:think|thinking|thought)>", r"</(?:think|thinking|thought)>")
_THINKING_MARKS = (_THINKING, ("\u25c1think\u25b7", "\u25c1/think\u25b7"))
_SPEAKING = re.compile(
    r"\b(?:(?:there is )?(?:no|without(?: an?y?)?) (?:problem|doubt|worries|question|wonder|matter"
    r"|trouble)(?: about (?:it|that)| that)?|whether or no)\b\W*",
    re.I,
)
_ASKED_BACK = re.compile(r"[^.!?\n]*\?")
_UNABLE = (
    r"(?:can ?not|can't|could not|couldn't|unable to|not able to|impossible to"
    r"|not possible to|no way to|(?:difficult|hard) to)"
)
_MISSING = (
    rf"(?:{IMAGE}|files?|attachments?|(?:image )?data|context|information|details"
    r"|access|abilit(?:y|ies)|means)"
)
_REFUSES = re.compile(
    rf"\b(?:{_UNABLE} (?:\w+ )?(?:be )?(?:tell|say|see (?:the|your|an?|any) {_MISSING}|see anything"
    r"|determin\w+|assess\w*|answer\w*|know\w*|provid\w+|interpret\w*|diagnos\w+|analy[sz]\w+|view"
    r"|confirm\w*|help|assist\w*|conclu\w+|giv\w+|comment|evaluat\w+|access|process|read|open)"
    r"|(?:no|not|n't|without)(?: (?:see|have|find|receive|get|contain|include|any|an?|the|your"
    r"|enough|sufficient|direct|medical|actual|access to))*"
    rf" {_MISSING}(?! (?:evidence|signs?|findings?|features?|abnormalit\w+|indications?)\b)"
    r"|insufficient (?:information|data|context|evidence)|not enough\b(?! to (?:rule|exclude))"
    r"|(?:please|kindly) (?:\w+ )?(?:provide|upload|share|attach|send|describe)"
    r"|(?:can|could|happy to|glad to|here to|able to) (?:help|assist)|more (?:information|context)"
    r"|(?:it )?depends|either way|only (?:an? )?(?:\w+ )?(?:doctor|physician|radiologist|expert)"
    r"|unable to (?!rule|exclude|\w+ly (?:rule|exclude)|see)|unclear|unsure"
    r"|not (?:sure|certain|clear)|not possible(?! to (?:\w+ly )?(?:rule|exclude))|uncertain"
    r"|indeterminate|inconclusive|(?:do not|don't) know|no idea|hard to (?:say|tell)"
    r"|sorry|apologi[sz]e|as an ai)(?![\w-])",
    re.I,
)
_HEDGE = re.compile(
    r"\b(?:maybe|perhaps|(?<!not )possibl[ey]|possibility|probabl[ey]|might|may|likely|unlikely"
    r"|potential(?:ly)?|suspect(?:ed)?|suspicio(?:n|us for)|concern(?:ing)? for"
    r"|questionable|borderline|(?:could|would) (?:be|have|need|require|indicate|suggest|represent)"
    r"|if|whether|unless)\b"
    r"(?! (?:be )?(?:due|secondary|related|caused|because)\b)",
    re.I,
)
_FEW = 3


def _thought(text: str) -> str | None:
    """Return a text without its thinking, or nothing where the thinking has not ended."""
    for opens, closes in _THINKING_MARKS:
        text = re.sub(rf"(?is){opens}.*?{closes}", " ", text)
        # A prompt may hold the opening mark, so that the text begins within the thinking.
        text = re.sub(rf"(?is)^.*{closes}", " ", text)
        if re.search(opens, text, re.I):
            return None
    return text


def _hedge(text: str, words: str) -> re.Match[str] | None:
    """Return a doubt that touches the answer: beside yes, no or the finding, or alone."""
    names = readings(bare(words), True).names
    for clause in (part for one in clauses(text) for part in one.split(",")):
        found = _HEDGE.search(clause)
        if found and (
            len(clause.split()) <= _FEW
            or not words
            or names.search(clause)
            or re.search(r"\b(?:yes|no|not)\b", clause, re.I)
        ):
            return found
    return None


# -- words that answer ----------------------------------------------------------------------------

_MARK = r"(?=\s*(?:[^\w\s'%-]|-(?:\s|$)|$))"
_NO = rf"no(?!\.? ?\d)(?:{_MARK}|(?=\s+{AFTER_NO}))"
_OPENS = re.compile(
    r"[\W_]*(?:(?P<yes>(?:yes|yeah|yep|yup)\b|(?:correct|true|affirmative)"
    rf"{_MARK})|(?P<no>(?:nope|nah)\b|{_NO}|(?:incorrect|false){_MARK}"
    r"|not (?:at all|really|in the least)(?= *[^\w ]|$)|by no means\b"
    r"|(?:certainly|absolutely|definitely|surely|of course) not\b)"
    r"|(?P<sure>(?:certainly|definitely|absolutely|indeed|of course)\W*$))",
    re.I,
)
"""What opens an answer. "Certainly!" before more words is a way of speaking."""
_STANDS = re.compile(
    r"(?:(?<=[^\w\s'-])|(?<=[^\w\s'-]\s)|\n|\b(?:answer|response|conclusion)"
    r"(?: is| would be)?:? |(?<!not )(?<!n't )\b(?:say|says|said|and|or|but):? )"
    rf"[\s\"'*_(]*\b(?:(?P<yes>yes|yeah|yep|yup)|(?P<no>(?:nope|nah)\b|{_NO}))"
    r"(?!\w)(?!-\w)",
    re.I,
)
_TOLD = re.compile(
    r"(?:[:)>\"'({*]|\b(?:answer|response|conclusion)(?: is| would be)?|\bsays?)\s*$", re.I
)
_ALONE = re.compile(r"\W*(?:(?P<yes>positive)|(?P<no>negative|none|nothing))\W*", re.I)
_ABLE = re.compile(
    r"\W*(?:(?:i|we|you|one|it|that|this) )?(?:(?P<no>can ?not|can't)|(?P<yes>can))(?: be)?"
    r"\s*(?=[^\w\s'])",
    re.I,
)
"""What answers "Can you ...?" before a mark; without one, "I cannot" may be cut short."""


def _spoken(text: str, question: str, polarity: Polarity) -> Iterator[tuple[Said, str]]:
    """Yield every yes and no that stands as an answer, with its rule."""
    opening = _OPENS.match(text)
    if opening:
        yield _which(opening), f"begins with {_quoted(opening[0])}"
    for found in _STANDS.finditer(text, opening.end() if opening else 0):
        if found["no"] and not opening and _may_go_on(text, found.start("no")):
            continue
        yield _which(found), f"says {_quoted(found['yes'] or found['no'])}"
    # "Negative" to "Can you rule out X?" may be said of X or of the question.
    may_mean_both = polarity == -1 or NORMALITY.search(question)
    if not may_mean_both and (alone := _ALONE.fullmatch(text)):
        yield _which(alone), f"says {_quoted(alone[0])}"
    able = _ABLE.match(text, opening.end() if opening else 0)
    if able and question.lower().startswith("can "):
        yield _which(able), f"says {_quoted(able[0])}"


def _may_go_on(text: str, start: int) -> bool:
    """Return whether a "no" is the last word of a text that may have been cut short behind it."""
    return bool(re.fullmatch(r"no\s*", text[start:], re.I)) and not _TOLD.search(text[:start])


def _which(found: re.Match[str]) -> Said:
    return "no" if found["no"] else "yes"


def _decided(
    spoken: Sequence[tuple[Said, str]],
    found: Sequence[tuple[Said, str, bool]],
    text: str,
    polarity: Polarity,
) -> tuple[Said, str]:
    """Return the answer that all words agree on, or that they do not."""
    if len({answer for answer, _ in spoken}) > 1:
        return "unclear", "says both 'yes' and 'no'"
    told = [(answer, f"says {_quoted(quote)}") for answer, quote, _ in found]
    firsts = [*spoken, *told][:1]
    if not firsts:
        doubt = _HEDGE.search(text)
        return "unclear", f"says {_quoted(doubt[0])}" if doubt else "says neither yes nor no"
    (first, rule) = firsts[0]
    contrary = next((other for answer, other in told if answer != first), "")
    if spoken and not told and (quote := against(text, (first == "yes") is (polarity == 1))):
        contrary = f"says {_quoted(quote)}"
    return ("unclear", f"{rule} but {contrary}") if contrary else (first, rule)


def _quoted(text: str) -> str:
    return repr(" ".join(text.strip(" \t\n*_#>\"'([`.,:").split()))


# -- logits ---------------------------------------------------------------------------------------


def _over(logits: NDArray[np.floating], tokens: Sequence[int]) -> float:
    """Return the log of the summed exponentials over the tokens, each counted once."""
    values = np.asarray(logits, dtype=np.float64)
    if not len(tokens):
        raise ArgumentError(
            "a set of answer tokens is empty: declare at least one word for yes and one for no"
        )
    for token in tokens:
        if not 0 <= token < len(values):
            raise ArgumentError(
                f"answer token {token} is not in the vocabulary of {len(values)}: declare words "
                "of this model's tokenizer"
            )
    return float(logsumexp(values[sorted(set(tokens))]))
