"""Prompt and picture -> what a vision-language model takes, through its processor's chat template.

Prompts with and without an image go the same way, their messages as lists of parts: an answer
that changes when the image is removed must not have changed with the form of the question.
"""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

from jinja2 import TemplateError
from PIL import Image as Pillow

from pytest_promptchaos.errors import PromptError
from pytest_promptchaos.models.rendering import check_start, thinking_option
from pytest_promptchaos.models.seen import per_image, per_token

if TYPE_CHECKING:
    from collections.abc import Mapping

    from PIL.Image import Image as Picture
    from torch import Tensor

    from pytest_promptchaos.records import Prompt

    Ids = tuple[int, ...]
    Messages = list[dict[str, Any]]

QUIRKS = (ValueError, TypeError, KeyError, IndexError, AttributeError)
"""What processors raise over text and images that do not go together."""
BLANK = (64, 64)
"""Pixels of what is shown, and taken out again, where a processor insists on an image."""


def processed(
    processor: Any,
    prompt: Prompt,
    picture: Picture | None,
    *,
    thinking: str,
    ends: Ids,
    image_id: int,
    pin: str,
) -> dict[str, Tensor]:
    """Return all tensors that a processor makes of one prompt, one row each.

    ``input_ids`` has shape (1, tokens), with as many image tokens as the model puts image
    features in, whose id is ``image_id``. ``thinking`` and ``ends`` are as :func:`rendered` takes
    them.

    Raises:
        PromptError: the template loses the text or depends on the moment, the text holds the
            token for images, the processor refuses the two together, no token, or more than one
            start token.
    """
    _check_text(processor, prompt, pin)
    options: dict[str, Any] = {"add_generation_prompt": True, **thinking_option(thinking)}
    messages = _messages(processor, prompt, picture, options, pin)
    try:
        made = _tensors(processor, messages, options)
    except QUIRKS as error:
        if picture is not None:
            blind = _text(processor, messages, options) == _blind_text(processor, prompt, options)
            said = _no_place(prompt, pin) if blind else _refused(processor, prompt, pin, error)
            raise PromptError(said) from error
        made = _as_if_shown(processor, prompt, options, image_id, pin)
    ids = tuple(made["input_ids"][0].tolist())
    check_start(ids, processor.tokenizer, prompt, ends=ends, pin=pin)
    if picture is not None and (image_id not in ids or not per_image(made)):
        raise PromptError(_no_place(prompt, pin))
    return made


def _blind_text(processor: Any, prompt: Prompt, options: Mapping[str, Any]) -> str:
    return _text(processor, _in_parts(prompt, None), options)


def _no_place(prompt: Prompt, pin: str) -> str:
    return (
        f"prompt {prompt.id!r} shows an image, but the chat template of {pin} has no place for it: "
        "mend chat_template.jinja, or take the processor's own"
    )


def _tensors(processor: Any, messages: Messages, options: Mapping[str, Any]) -> dict[str, Tensor]:
    with warnings.catch_warnings():
        # Between transformers and numpy; nothing that a user could mend.
        warnings.simplefilter("ignore", DeprecationWarning)
        made = processor.apply_chat_template(
            messages, tokenize=True, return_dict=True, return_tensors="pt", **options
        )
    return dict(made)


def _as_if_shown(
    processor: Any, prompt: Prompt, options: Mapping[str, Any], image_id: int, pin: str
) -> dict[str, Tensor]:
    """Return a prompt without image for a processor that insists on one: its tokens taken out."""
    messages = _messages(processor, prompt, Pillow.new("RGB", BLANK), options, pin)
    try:
        made = _tensors(processor, messages, options)
    except QUIRKS as error:
        raise PromptError(_refused(processor, prompt, pin, error)) from error
    kept = made["input_ids"][0] != image_id
    return {name: values[:, kept] for name, values in per_token(made).items()}


def _refused(processor: Any, prompt: Prompt, pin: str, error: Exception) -> str:
    shown = "no image" if prompt.image is None else "its image"
    return (
        f"prompt {prompt.id!r} with {shown} is refused by the {type(processor).__name__} of {pin}: "
        f"{type(error).__name__}: {error}; see what its chat template makes of it"
    )


def chat_text(processor: Any, prompt: Prompt, *, thinking: str, pin: str, image: bool) -> str:
    """Return the text that the chat template makes of a prompt, an image as its one placeholder.

    Raises ``PromptError`` as :func:`processed` does.
    """
    options: dict[str, Any] = {"add_generation_prompt": True, **thinking_option(thinking)}
    # A template looks at the kind of a part, never at the picture itself.
    messages = _messages(processor, prompt, ... if image else None, options, pin)
    return _text(processor, messages, options)


def question_span(processor: Any, prompt: Prompt, ids: Ids, *, thinking: str, pin: str) -> slice:
    """Return where the rendered ``ids`` of a prompt hold its text.

    Found by the tokens of the chat text that overlap with it, which stand behind the image and so
    the last time they occur. Raises ``PromptError`` where they do not occur.
    """
    shown = prompt.image is not None
    text = chat_text(processor, prompt, thinking=thinking, pin=pin, image=shown)
    own = _overlapping(processor.tokenizer, text, prompt.text.strip())
    for start in range(len(ids) - len(own), -1, -1):
        if own and ids[start : start + len(own)] == own:
            return slice(start, start + len(own))
    raise PromptError(
        f"prompt {prompt.id!r}: {pin} does not keep the tokens of its text as they are, so they "
        "cannot be told from those of the template"
    )


def _overlapping(tokenizer: Any, text: str, part: str) -> Ids:
    """Return the tokens of ``text`` that hold any of its last ``part``."""
    start = text.rfind(part)
    read = tokenizer(text, add_special_tokens=False, return_offsets_mapping=True, verbose=False)
    return tuple(
        token
        for token, (a, b) in zip(read["input_ids"], read["offset_mapping"], strict=True)
        if a < start + len(part) and b > start
    )


def _messages(
    processor: Any, prompt: Prompt, picture: Any, options: Mapping[str, Any], pin: str
) -> Messages:
    """Return the messages in the form that the chat template keeps: parts, else plain strings."""
    forms = [_in_parts(prompt, picture)]
    if picture is None:
        forms.append([{"role": m.role, "content": m.content} for m in prompt.messages])
    refused: Exception | None = None
    for messages in forms:
        try:
            text = _text(processor, messages, options)
        except (TemplateError, *QUIRKS) as error:
            refused = error
            continue
        if _kept(text, prompt):
            if _text(processor, messages, options) != text:
                raise PromptError(
                    f"prompt {prompt.id!r} renders to another text the second time for {pin}: its "
                    "chat template depends on the moment (a clock?); pin the template or pass the "
                    "date yourself"
                )
            return messages
    said = f" ({type(refused).__name__}: {refused})" if refused else ""
    raise PromptError(
        f"prompt {prompt.id!r} does not get through the chat template of {pin}{said}: its text is "
        "not in what the template makes of it; mend chat_template.jinja, whose messages hold parts "
        "of type image and text"
    )


def _in_parts(prompt: Prompt, picture: Any) -> Messages:
    messages: Messages = [
        {"role": message.role, "content": [{"type": "text", "text": message.content}]}
        for message in prompt.messages
    ]
    if picture is not None:
        messages[-1]["content"].insert(0, {"type": "image", "image": picture})
    return messages


def _text(processor: Any, messages: Messages, options: Mapping[str, Any]) -> str:
    text: str = processor.apply_chat_template(messages, tokenize=False, **options)
    return text


def _kept(text: str, prompt: Prompt) -> bool:
    """Return whether a rendered text holds the question, and not a list printed as Python does."""
    printed = "{'type'"
    own = "".join(message.content for message in prompt.messages)
    return prompt.text.strip() in text and (printed not in text or printed in own)


def _check_text(processor: Any, prompt: Prompt, pin: str) -> None:
    token = getattr(processor, "image_token", None)
    token = getattr(token, "content", token)
    if token and any(token in message.content for message in prompt.messages):
        raise PromptError(
            f"prompt {prompt.id!r} holds {token!r}, which is where {pin} puts an image: take it "
            "out of the text, and pass the image as the prompt's image"
        )
