"""Prompt -> the token ids that a model sees, chat template applied."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_promptchaos.errors import PromptError

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

    from pytest_promptchaos.records import Prompt

    Ids = tuple[int, ...]


def rendered(
    tokenizer: PreTrainedTokenizerBase, prompt: Prompt, *, thinking: str, ends: Ids, pin: str
) -> Ids:
    """Return the token ids of ``prompt`` under a tokenizer's chat template, if it has one.

    The template renders to ids directly: rendering to text and tokenizing that again doubles
    the start token. ``thinking`` is ``"on"``, ``"off"`` or ``"default"``; ``ends`` are the ids
    that end a turn.

    Raises:
        PromptError: no token, more than one start token, or other tokens the second time.
    """
    ids = _ids(tokenizer, prompt, thinking)
    if _ids(tokenizer, prompt, thinking) != ids:
        raise PromptError(
            f"prompt {prompt.id!r} renders to other tokens the second time for {pin}: its chat "
            "template depends on the moment (a clock?), so no edit can be told from it; pin the "
            "template or pass the date yourself"
        )
    check_start(ids, tokenizer, prompt, ends=ends, pin=pin)
    return ids


def opening(tokenizer: PreTrainedTokenizerBase, *, thinking: str) -> str:
    """Return the text that an answer follows, of some prompt; empty without a chat template."""
    if not getattr(tokenizer, "chat_template", None):
        return ""
    text: str = tokenizer.apply_chat_template(
        [{"role": "user", "content": "?"}],
        add_generation_prompt=True,
        tokenize=False,
        **thinking_option(thinking),
    )
    return text


def thinking_option(thinking: str) -> dict[str, bool]:
    """Return what a chat template is told about thinking."""
    return {} if thinking == "default" else {"enable_thinking": thinking == "on"}


def _ids(tokenizer: PreTrainedTokenizerBase, prompt: Prompt, thinking: str) -> Ids:
    if not getattr(tokenizer, "chat_template", None):
        parts = [m.content for m in prompt.messages]
        return tuple(tokenizer("\n".join(parts), verbose=False)["input_ids"])
    messages = [{"role": m.role, "content": m.content} for m in prompt.messages]
    encoded = tokenizer.apply_chat_template(
        messages,
        add_generation_prompt=True,
        tokenize=True,
        return_dict=True,
        **thinking_option(thinking),
    )
    return tuple(encoded["input_ids"])


def check_start(
    ids: Ids, tokenizer: PreTrainedTokenizerBase, prompt: Prompt, *, ends: Ids, pin: str
) -> None:
    """Raise ``PromptError`` for no token, and for more than one start token."""
    start = tokenizer.bos_token_id
    if not ids:
        raise PromptError(f"prompt {prompt.id!r} renders to no tokens: write some text")
    # Where one token both starts and ends a turn, a conversation holds many of it.
    if start is not None and start not in ends and ids.count(start) > 1:
        raise PromptError(
            f"prompt {prompt.id!r} renders with {ids.count(start)} start tokens "
            f"({tokenizer.bos_token!r}) for {pin}: the chat template or the prompt's own text "
            "adds one too many; remove it there"
        )
