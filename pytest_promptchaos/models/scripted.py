"""A model whose answers are written down: for known answers, in our tests and in yours.

It stands where a ``LanguageModel`` stands, and needs neither weights nor torch. What it is asked
renders to UTF-8 bytes; what it answers is cut into words that keep their space.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from math import exp, log1p
from numbers import Real
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from pytest_promptchaos.errors import ArgumentError, PromptError
from pytest_promptchaos.models.passed import check_script, positional
from pytest_promptchaos.models.pins import Pin
from pytest_promptchaos.records import ModelIdentity, Run, Step, address

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from pytest_promptchaos.records import Forced, Prompt

END = "<end>"
END_ID = 256
"""Just behind the 256 bytes that prompts render to."""
RIVAL = "<rival>"
"""The piece that stands second at every step."""
MARGIN = 8.0
"""Logits between the written word and its rival where a script says nothing else."""
_TOP_LOGIT = 10.0
_WIDTH_MULTIPLE, _ROWS_MULTIPLE, _MOST_ROWS = 16, 8, 64
_VOCABULARY, _LAYERS, _WIDTH = 64, 3, 16
_WORD = re.compile(r"\s*\S+|\s+\Z")


@dataclass(frozen=True)
class Script:
    """An answer with the margin of its steps, in logits; the last one holds for all that follow."""

    text: str
    margins: tuple[float, ...] = (MARGIN,)

    def __post_init__(self) -> None:
        """Refuse what is no text, and margins that no greedy step can have."""
        if not isinstance(self.text, str):
            raise ArgumentError(
                f"the text of a script is {self.text!r:.80}, a {type(self.text).__name__}: pass "
                "what the model says, '' where it says nothing"
            )
        margins = self.margins if isinstance(self.margins, tuple | list) else ()
        if not margins or not all(_is_margin(margin) for margin in margins):
            raise ArgumentError(
                f"the margins of a script are {self.margins!r:.80}: give at least one, as in "
                "(3.0, 0.25), each finite and 0 or more, because the written word is the highest"
            )


def _is_margin(margin: object) -> bool:
    return isinstance(margin, Real) and 0 <= float(margin) < float("inf")


Answered: TypeAlias = str | Script
Answer: TypeAlias = Callable[[str], Answered] | Callable[[str, int], Answered]


class ScriptedModel:
    """A model that says what ``answer`` returns.

    Args:
        name: what the model is called; its pin is ``scripted:NAME``.
        answer: takes the rendered text of a prompt, and where it takes a second argument the
            repeat index of the run, so that a script can be noisy. It returns a text, or a
            ``Script`` to plant margins.
        template: what the model sees of a prompt. By default its last message; one that trims
            erases edits of the edges.
        version: a part of the fingerprint. Raise it when ``answer`` changes, else runs that an
            evidence store holds are taken for this model's.
        context: the longest prompt with its answer, in tokens; ``None`` for no bound.

    ``calls`` counts the prompts that were decoded. What ``answer`` raises comes as a
    ``PromptError`` that names the prompt, and so does what it returns that is no answer.

    >>> model = ScriptedModel("polite", lambda text: "Gladly." if "please" in text else "No.")
    >>> model.identity.pin, model.calls
    ('scripted:polite', 0)
    """

    edits = ""
    pad_id = 0
    end_ids = (END_ID,)

    def __init__(
        self,
        name: str,
        answer: Answer,
        *,
        template: Callable[[Prompt], str] | None = None,
        version: str = "1",
        context: int | None = None,
    ) -> None:
        check_script(name, answer, template)
        self.pin = Pin(text=f"scripted:{name}", scheme="scripted", source=name)
        self.context = context
        self.calls = 0
        self._answer: Callable[..., Answered] = answer
        self._takes_repeat = positional(answer) > 1
        self._template = template or _last_message
        self.identity = ModelIdentity(
            pin=self.pin.text,
            name=name,
            revision=version,
            fingerprint=address("scripted/1", name=name, version=version),
            template="none" if template is None else sha256(_named(template).encode()).hexdigest(),
            dtype="float32",
            device="cpu",
            attention="none",
        )

    def render(self, prompt: Prompt) -> tuple[int, ...]:
        """Return what the model sees of ``prompt``: the UTF-8 bytes behind the template.

        No tokens are refused, but for the empty turn of another speaker in a conversation.
        """
        seen = self._template(prompt)
        if not isinstance(seen, str):
            raise PromptError(
                f"the template of {self.pin.text} returned {seen!r:.80}, a {type(seen).__name__}, "
                f"for prompt {prompt.id!r}: it returns the text that the model sees"
            )
        ids = tuple(seen.encode())
        if not ids and not (prompt.before and not prompt.text):
            raise PromptError(f"prompt {prompt.id!r} renders to no tokens: write some text")
        return ids

    def check_length(self, prompt: Prompt, horizon: int) -> None:
        """Raise ``PromptError`` unless prompt and horizon fit into the context."""
        length = len(self.render(prompt))
        if self.context is not None and length + horizon > self.context:
            raise PromptError(
                f"prompt {prompt.id!r} has {length} tokens and the horizon is {horizon}, but "
                f"{self.pin.text} takes {self.context} in all: shorten the prompt to "
                f"{max(self.context - horizon, 0)} tokens or lower the horizon"
            )

    def shape(self, prompts: Sequence[Prompt], rows: int) -> tuple[int, ...]:
        """Return the batch shape for ``prompts``: (rows, padded prompt length)."""
        longest = max(len(self.render(prompt)) for prompt in prompts)
        return rows, -(-longest // _WIDTH_MULTIPLE) * _WIDTH_MULTIPLE

    def rows(self, prompts: Sequence[Prompt], horizon: int) -> int:  # noqa: ARG002
        """Return how many rows a batch of these prompts has: a multiple of 8, at most 64."""
        return min(-(-len(prompts) // _ROWS_MULTIPLE) * _ROWS_MULTIPLE, _MOST_ROWS)

    def together(self, prompts: Sequence[Prompt]) -> list[list[int]]:
        """Return which prompts, by place, are answered together: all of them."""
        return [list(range(len(prompts)))]

    def key_parts(self, prompt: Prompt) -> dict[str, object]:
        """Return what any evidence about ``prompt`` depends on: the script and the token ids."""
        who, image = self.identity, prompt.image
        shown: dict[str, object] = {} if image is None else {"image": [image.sha256, image.change]}
        return shown | {
            "model": [who.fingerprint, who.template, who.dtype, who.device, who.hardware],
            "prompt_ids": self.render(prompt),
        }

    def key(self, prompt: Prompt, shape: tuple[int, ...], horizon: int, repeat: int) -> str:
        """Return the address of a run."""
        generation = {"horizon": horizon, "end_ids": self.end_ids, "repeat": repeat}
        return address("run/2", **self.key_parts(prompt), batch_shape=shape, **generation)

    def runs(
        self,
        requests: Sequence[tuple[Prompt, int]],
        *,
        shape: tuple[int, ...],
        horizon: int,
    ) -> Iterator[list[Run]]:
        """Yield the runs of (prompt, repeat index) pairs, a batch at a time, in order."""
        for start in range(0, len(requests), shape[0]):
            batch = requests[start : start + shape[0]]
            yield [self._run(prompt, repeat, shape, horizon) for prompt, repeat in batch]

    def forced(
        self,
        center: Run,  # noqa: ARG002
        others: Sequence[Run],  # noqa: ARG002
        rows: int = 2,  # noqa: ARG002
        whole: tuple[int, int] = (0, 0),  # noqa: ARG002
    ) -> list[tuple[Forced, Forced]] | None:
        """Return ``None``: a script has no next-token distribution to force."""
        return None

    def _run(self, prompt: Prompt, repeat: int, shape: tuple[int, ...], horizon: int) -> Run:
        self.calls += 1
        ids = self.render(prompt)
        script = self._say(prompt, bytes(ids).decode(), repeat)
        tokens = (*words(script.text), END)[:horizon]
        margins = (*script.margins, *[script.margins[-1]] * len(tokens))
        steps = tuple(_step(token, margin) for token, margin in zip(tokens, margins, strict=False))
        ended = tokens[-1:] == (END,)
        return Run(
            key=self.key(prompt, shape, horizon, repeat),
            prompt=prompt,
            prompt_ids=ids,
            output_ids=tuple(token_id(token) for token in tokens),
            tokens=tokens,
            text="".join(tokens[:-1] if ended else tokens),
            steps=steps,
            finish="end" if ended else "horizon",
            horizon=horizon,
            batch_shape=shape,
            repeat=repeat,
            model=self.identity,
            seconds=0.0,
            prompt_logits=_numbers(tokens[0], _VOCABULARY),
            prompt_hidden=_numbers(tokens[0], _LAYERS * _WIDTH).reshape(_LAYERS, _WIDTH),
            pieces={token_id(piece): piece for piece in (*tokens, RIVAL)},
        )

    def _say(self, prompt: Prompt, text: str, repeat: int) -> Script:
        try:
            said = self._answer(text, repeat) if self._takes_repeat else self._answer(text)
        except Exception as error:
            raise PromptError(
                f"the script of {self.pin.text} raised {type(error).__name__}({str(error)!r}) at "
                f"prompt {prompt.id!r}: mend the function that was passed as answer"
            ) from error
        if not isinstance(said, str | Script):
            raise PromptError(
                f"the script of {self.pin.text} returned {said!r:.80}, a {type(said).__name__}, at "
                f"prompt {prompt.id!r}: an answer is a text or a Script; return one for every "
                "prompt, '' where there is nothing to say"
            )
        return said if isinstance(said, Script) else Script(said)


def words(text: str) -> tuple[str, ...]:
    """Return the words of a text, each with the space before it; joined, they are the text.

    >>> words("Boil it, then wait. ")
    ('Boil', ' it,', ' then', ' wait.', ' ')
    """
    return tuple(_WORD.findall(text))


def token_id(piece: str) -> int:
    """Return the id of an output token: the same one in every process, below 2^31.

    >>> token_id("<end>")
    256
    """
    if piece == END:
        return END_ID
    number = int.from_bytes(sha256(piece.encode()).digest()[:4], "big")
    return END_ID + 1 + number % (2**31 - END_ID - 1)


def _step(token: str, margin: float) -> Step:
    """Return a step between two tokens: the written one, and a rival ``margin`` logits below."""
    second = exp(-margin)
    entropy = log1p(second) + margin * second / (1 + second)
    return Step(
        top1=token_id(token),
        top2=token_id(RIVAL),
        logit1=_TOP_LOGIT,
        logit2=_TOP_LOGIT - margin,
        entropy=entropy,
    )


def _numbers(piece: str, count: int) -> NDArray[np.float32]:
    """Return numbers in [-8, 8) that depend on ``piece`` and nothing else, shape (count,)."""
    drawn = b"".join(sha256(f"{piece}/{part}".encode()).digest() for part in range(-(-count // 32)))
    numbers: NDArray[np.float32] = np.frombuffer(drawn, dtype=np.uint8, count=count).astype("f4")
    return (numbers - np.float32(128)) / np.float32(16)


def _last_message(prompt: Prompt) -> str:
    return prompt.text


def _named(template: Callable[..., object]) -> str:
    return str(getattr(template, "__qualname__", type(template).__qualname__))
