"""An answer in words -> yes, no or unclear, with the rule that decided; logits -> a margin.

What is read is the answer to the question, which polarity then turns to the proposition. Words
about the finding itself ("no evidence of ...") answer a question of either polarity, each in its
own way; where they and a "yes" or "no" contradict each other, the answer is unclear. Doubt wins
over everything, because a hedge read as an answer would be a made-up flip.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import logsumexp

from pytest_promptchaos.errors import ArgumentError

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

    1. what is asked back is no answer, and ways of speaking ("no doubt") are passed over;
    2. a refusal or a doubt ("cannot tell", "I'm sorry", and "cannot be ruled out" where ruling
       out was not the question) is unclear, whatever stands before it;
    3. a yes or no that stands as an answer: it opens the text or a mark follows it. "No effusion"
       is none. Both are unclear;
    4. words about the finding: denying it answers "Is there X?" with no and "Can you rule out X?"
       with yes. Where they contradict a yes or no of 3, or each other, it is unclear.

    >>> say("Yes."), say("I see no evidence of it.")
    (('yes', "begins with 'Yes'"), ('no', "says 'no evidence'"))
    >>> say("No effusion.", question="Can you rule out effusion?", polarity=-1, words="effusion")
    ('yes', "says 'No effusion'")
    >>> say("I cannot rule out an effusion.", question="Can you rule out an effusion?", polarity=-1)
    ('no', "says 'cannot rule out'")
    >>> say("I cannot rule out an effusion.")
    ('unclear', "says 'cannot rule out'")
    """
    kept = _SPEAKING.sub(" ", _ASKED_BACK.sub(" ", text.replace("\u2019", "'")))
    if not kept.strip():
        return "unclear", "only asks back" if text.strip() else "says nothing"
    asks_to_rule_out = bool(_RULES_OUT.search(question))
    doubt = _DOUBT.search(kept) or (None if asks_to_rule_out else _CANNOT_RULE_OUT.search(kept))
    if doubt:
        return "unclear", f"says {_quoted(doubt)}"
    spoken = list(_spoken(kept))
    stated = list(_stated(kept, polarity, asks_to_rule_out, words))
    return _decided(spoken, stated, kept)


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


# -- words that answer ----------------------------------------------------------------------------

_EVIDENCE = r"(?:evidence|signs?|indications?|suggestion|findings?|features?|abnormalit(?:y|ies))"
_SPEAKING = re.compile(
    r"\b(?:no (?:problem|doubt|worries|question|wonder|matter|trouble)|whether or no)\b\W*", re.I
)
_ASKED_BACK = re.compile(r"[^.!?\n]*\?")
_RULES_OUT = re.compile(r"\b(?:rul(?:e|ed|ing)\b.*\bout|exclud(?:e|ed|ing))\b", re.I)
_NOT_ABLE = r"(?:can ?not|can't|could not|couldn't|unable to|not able to|impossible to)"
_CANNOT_RULE_OUT = re.compile(
    rf"\b(?:{_NOT_ABLE}(?: \w+){{0,3}}? (?:rule|exclude|ruled|excluded)(?: \w+){{0,3}}?(?: out)?"
    r"|not (?:be |been )?(?:\w+ly )?(?:ruled out|excluded))\b",
    re.I,
)
_CAN_RULE_OUT = re.compile(
    r"\b(?:can(?: \w+){0,3}? (?:rule|exclude|ruled|excluded)(?: out)?"
    r"|(?:is|are|was|been) (?:\w+ly )?(?:ruled out|excluded))\b",
    re.I,
)
_DOUBT = re.compile(
    rf"\b(?:{_NOT_ABLE} (?:\w+ )?(?:be )?(?:tell|say|see the|determin\w+|assess\w*|answer\w*"
    r"|know\w*|provid\w+|interpret\w*|diagnos\w+|analy[sz]\w+|view|confirm\w*|help|assist\w*|conclu\w+"
    r"|giv\w+|comment|evaluat\w+)"
    r"|unable to (?!rule|exclude)|unclear|unsure|not (?:sure|certain|clear|possible)|uncertain"
    r"|indeterminate|inconclusive|(?:do not|don't) know|no (?:idea|image)|hard to (?:say|tell)"
    r"|sorry|apologi[sz]e|as an ai)\b",
    re.I,
)
_WEAK_DOUBT = re.compile(r"\b(?:maybe|perhaps|possibl[ey]|probably|might|may|likely)\b", re.I)
_AFTER_NO = (
    r"(?:it|there|i|the|this|that|these|you|we|he|she|they|not|can|cannot|is|are|based|from"
    r"|because|as|since|but|and|or)\b"
)
"""Words that follow a "no" which answers; any other word is what there is none of."""
_MARK = r"(?=\s*(?:[^\w\s'%-]|-\s|$))"
_OPENS = re.compile(
    rf"[\W_]*(?:(?P<yes>(?:yes|yeah|yep|yup)\b|(?:correct|true|indeed|affirmative|certainly"
    rf"|definitely|absolutely|of course){_MARK})"
    rf"|(?P<no>(?:nope|nah)\b|no(?:{_MARK}|\s+{_AFTER_NO})|(?:incorrect|false){_MARK}"
    r"|not (?:at all|really|in the least)\b|by no means\b"
    r"|(?:certainly|absolutely|definitely|surely|of course) not\b))",
    re.I,
)
_STANDS = re.compile(
    rf"\b(?:(?P<yes>yes|yeah|yep|yup)|(?P<no>(?:nope|nah)|no{_MARK}))\b(?!-)", re.I
)


def _spoken(text: str) -> Iterator[tuple[Said, str]]:
    """Yield every yes and no that stands as an answer, with its rule."""
    opening = _OPENS.match(text)
    if opening:
        # The word behind an opening "no" shows that it answers, and is not part of it.
        word = "No" if opening["no"] and opening["no"].lower().startswith("no ") else opening[0]
        yield _which(opening), f"begins with {_quoted_text(word)}"
    for found in _STANDS.finditer(text, opening.end() if opening else 0):
        yield _which(found), f"says {_quoted(found)}"


def _which(found: re.Match[str]) -> Said:
    return "yes" if found["yes"] else "no"


# -- words about the finding ----------------------------------------------------------------------


def _stated(
    text: str, polarity: Polarity, asks_to_rule_out: bool, words: str
) -> Iterator[tuple[Said, str]]:
    """Yield what words about the finding answer a question of this polarity, with the rule."""
    cannot = list(_CANNOT_RULE_OUT.finditer(text))
    for found in cannot:
        yield "no", f"says {_quoted(found)}"
    rest = _CANNOT_RULE_OUT.sub(" ", text)
    for found in _CAN_RULE_OUT.finditer(rest):
        yield "yes" if asks_to_rule_out or polarity == -1 else "no", f"says {_quoted(found)}"
    for found in _about(_bare(words)).finditer(_CAN_RULE_OUT.sub(" ", rest)):
        affirms = found["affirms"] is not None
        yield "yes" if affirms is (polarity == 1) else "no", f"says {_quoted(found)}"


@lru_cache(maxsize=64)
def _about(words: str) -> re.Pattern[str]:
    """Return the pattern of what denies a finding or affirms it, called ``words``."""
    finding = rf"(?:{_EVIDENCE}|{re.escape(words)})" if words else _EVIDENCE
    seen = r"(?:present|seen|visible|evident|identified|found)"
    absent = r"(?:absent|free of|clear of|normal|unremarkable|negative for)"
    return re.compile(
        rf"\b(?:(?P<denies>(?:no|not any|without|lacks?)(?: (?!not\b)\w+){{0,3}}? {finding}"
        rf"|no (?!{_AFTER_NO})\w+"
        r"|there (?:is|are)(?: not|n't)|there's not"
        rf"|(?:is|are)(?: not|n't) (?:\w+ly )?{seen}|not {seen}"
        rf"|(?:do|does)(?: not|n't) (?:see|show|find|reveal|demonstrate|have)"
        rf"|(?:is|are|appears?|looks?) (?!not\b)(?:\w+ly )?{absent}|within normal limits"
        r"|free of|negative for)"
        rf"|(?P<affirms>not (?:\w+ly )?{absent}|abnormal|positive for|consistent with"
        rf"|there (?:is|are)(?: (?!no\b|not\b)\w+){{0,2}}? {finding}|there's (?:a |an )?{finding}"
        rf"|(?:is|are) (?!not\b)(?:\w+ly )?{seen}))\b",
        re.I,
    )


def _bare(words: str) -> str:
    return re.sub(r"^(?:an?|the) ", "", words.strip(), flags=re.I)


# -- decision -------------------------------------------------------------------------------------


def _decided(
    spoken: Sequence[tuple[Said, str]], stated: Sequence[tuple[Said, str]], text: str
) -> tuple[Said, str]:
    """Return the answer that all words agree on, or that they do not."""
    if len({answer for answer, _ in spoken}) > 1:
        return "unclear", "says both 'yes' and 'no'"
    firsts = [found[0] for found in (spoken, stated) if found]
    against = next((rule for answer, rule in stated if answer != firsts[0][0]), "")
    if against:
        return "unclear", f"{firsts[0][1]} but {against}"
    if firsts:
        return firsts[0]
    doubt = _WEAK_DOUBT.search(text)
    return "unclear", f"says {_quoted(doubt)}" if doubt else "says neither yes nor no"


def _quoted(found: re.Match[str]) -> str:
    return _quoted_text(found[0])


def _quoted_text(text: str) -> str:
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
