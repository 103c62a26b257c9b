"""Words -> the single tokens whose logits are read where an answer begins."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_promptchaos.errors import ArgumentError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from transformers import PreTrainedTokenizerBase


def single_tokens(
    tokenizer: PreTrainedTokenizerBase, words: Sequence[str], opening: str, *, pin: str
) -> tuple[int, ...]:
    """Return the ids of ``words`` as they are written behind ``opening``, in order, each once.

    Where a word would change the tokens in front of it, it is read by itself: a model cannot take
    back what the template wrote.

    Raises:
        ArgumentError: no words, or one that is several tokens or none; names it and its pieces.
    """
    if isinstance(words, str) or not words:
        raise ArgumentError(f"answer tokens are {words!r}: give a list of words, as in ['Yes']")
    found = []
    for word in words:
        ids = _behind(tokenizer, word, opening)
        if len(ids) != 1:
            pieces = " + ".join(repr(tokenizer.decode([one])) for one in ids) or "nothing"
            raise ArgumentError(
                f"the answer token {word!r} is no single token for {pin}, but {pieces}: its logit "
                "would be that of its first piece, which other answers share; take words that are "
                "one token each"
            )
        found.append(ids[0])
    return tuple(dict.fromkeys(found))


def _behind(tokenizer: PreTrainedTokenizerBase, word: str, opening: str) -> list[int]:
    before, whole = _plain(tokenizer, opening), _plain(tokenizer, opening + word)
    kept = bool(opening) and whole[: len(before)] == before
    return whole[len(before) :] if kept else _plain(tokenizer, word)


def _plain(tokenizer: PreTrainedTokenizerBase, text: str) -> list[int]:
    return list(tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"])
