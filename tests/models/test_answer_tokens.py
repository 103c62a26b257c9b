"""Words whose logits are read must be single tokens where an answer begins."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast

from pytest_promptchaos.errors import ArgumentError
from pytest_promptchaos.models.answer_tokens import single_tokens

if TYPE_CHECKING:
    from pytest_promptchaos.models.language import LanguageModel

WORDS = ["<unk>", "Y", "e", "s", "es", "Yes", "N", "o", "No", ":", "A", "A:", "▁", "▁Yes"]
WORDS += [":Y", ":Yes"]
MERGES = [("e", "s"), ("Y", "es"), ("▁", "Yes"), ("N", "o"), (":", "Yes")]


@pytest.fixture(scope="module")
def tokenizer() -> PreTrainedTokenizerFast:
    """Spaces become a mark in front of a word, and a colon sticks to the "Yes" behind it."""
    vocabulary = {word: place for place, word in enumerate(WORDS)}
    made = Tokenizer(models.BPE(vocabulary, MERGES, unk_token="<unk>"))
    made.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="never", split=False)
    return PreTrainedTokenizerFast(tokenizer_object=made, unk_token="<unk>")


def ids(*words: str) -> tuple[int, ...]:
    return tuple(map(WORDS.index, words))


def test_a_word_is_read_behind_the_template(tokenizer: PreTrainedTokenizerFast) -> None:
    assert single_tokens(tokenizer, ["Yes", " Yes", "No"], "A", pin="p") == ids("Yes", "▁Yes", "No")


def test_a_word_that_would_change_the_template_is_read_by_itself(
    tokenizer: PreTrainedTokenizerFast,
) -> None:
    assert tokenizer("A:Yes")["input_ids"] == list(ids("A", ":Yes"))
    assert single_tokens(tokenizer, ["Yes"], "A:", pin="p") == ids("Yes")


def test_an_id_is_named_once(tokenizer: PreTrainedTokenizerFast) -> None:
    assert single_tokens(tokenizer, ["No", "Yes", "No"], "", pin="p") == ids("No", "Yes")


def test_a_word_of_several_tokens_is_refused_with_its_pieces(
    tokenizer: PreTrainedTokenizerFast,
) -> None:
    with pytest.raises(ArgumentError, match=r"' No' is no single token for p, but .* \+ 'No'"):
        single_tokens(tokenizer, ["Yes", " No"], "A", pin="p")


@pytest.mark.parametrize("words", [[], "Yes"])
def test_a_list_of_words_is_asked_for(tokenizer: PreTrainedTokenizerFast, words: list[str]) -> None:
    with pytest.raises(ArgumentError, match="give a list of words"):
        single_tokens(tokenizer, words, "", pin="p")


def test_an_empty_word_is_no_token(tokenizer: PreTrainedTokenizerFast) -> None:
    with pytest.raises(ArgumentError, match="but nothing"):
        single_tokens(tokenizer, [""], "A", pin="p")


def test_a_text_only_model_has_them_too(tiny_model: LanguageModel) -> None:
    (token,) = tiny_model.answer_tokens(["I"])
    assert tiny_model.tokenizer.decode([token]) == "I"
    with pytest.raises(ArgumentError, match="no single token for bundled:tiny-chat"):
        tiny_model.answer_tokens(["antidisestablishmentarianism"])
