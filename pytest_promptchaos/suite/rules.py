"""What a suite must hold beyond the shape of its keys: ids that exist, once; texts that differ.

The rules read the plain data, so that they also speak where another key of the file is wrong.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pytest_promptchaos.suite.problems import Problem, nearest, shorten, unknown

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from pytest_promptchaos.suite.problems import Keys
    from pytest_promptchaos.suite.source import Source

AUTHORED: Final = ("paraphrases", "small_semantic", "positive_control")
"""The keys of a prompt that hold authored neighbors."""

ASKS_A_MODEL: Final = ("depth_profile", "ftle", "stable_neighborhood")
"""The kinds of check that need prompts."""


def broken_rules(source: Source) -> list[Problem]:
    """Return every rule that the suite breaks, each with its place."""
    return [
        *_repeated_ids(source),
        *_repeated_entries(source),
        *_checks_without_prompts(source),
        *_unknown_prompts(source),
        *_messages_beside_system(source),
        *_neighbors_like_the_prompt(source),
        *_limits_that_cannot_fail(source),
    ]


def check_id(check: Mapping[str, object], place: int) -> str:
    """Return the check's id; without one, its kind and its place in the file from 1."""
    return str(check.get("id") or f"{check.get('check')}-{place}")


def _problem(source: Source, keys: Keys, words: str) -> Problem:
    return Problem(line=source.line(keys), keys=keys, words=words)


def _entries(source: Source, key: str) -> Iterator[tuple[Keys, dict[str, object]]]:
    """Yield place and content of each mapping in the list at a key of the file."""
    listed = source.data.get(key) if isinstance(source.data, dict) else None
    for index, entry in enumerate(listed if isinstance(listed, tuple) else ()):
        if isinstance(entry, dict):
            yield (key, index), entry


def _texts(entry: Mapping[str, object], key: str, keys: Keys) -> Iterator[tuple[Keys, str]]:
    listed = entry.get(key)
    for index, text in enumerate(listed if isinstance(listed, tuple) else ()):
        if isinstance(text, str):
            yield (*keys, key, index), text


def _repeats(source: Source, words: str, placed: Iterable[tuple[Keys, str]]) -> Iterator[Problem]:
    first: dict[str, Keys] = {}
    for keys, text in placed:
        if first.setdefault(text, keys) != keys:
            line = source.line(first[text])
            yield _problem(source, keys, f"{shorten(text)!r} {words} on line {line}")


def _repeated_ids(source: Source) -> Iterator[Problem]:
    prompts = ((keys, prompt.get("id")) for keys, prompt in _entries(source, "prompts"))
    checks = (
        (keys, check_id(check, place))
        for place, (keys, check) in enumerate(_entries(source, "checks"), start=1)
    )
    for placed in (prompts, checks):
        named = (((*keys, "id"), name) for keys, name in placed if isinstance(name, str))
        yield from _repeats(source, "is already an id,", named)


def _repeated_entries(source: Source) -> Iterator[Problem]:
    whole = source.data if isinstance(source.data, dict) else {}
    lists = [_texts(whole, "models", ())]
    for keys, check in _entries(source, "checks"):
        lists += [_texts(check, "prompts", keys), _texts(check, "rungs", keys)]
    for placed in lists:
        yield from _repeats(source, "is already listed", placed)


def _checks_without_prompts(source: Source) -> Iterator[Problem]:
    whole = source.data if isinstance(source.data, dict) else {}
    if nearest("prompts", map(str, whole)):  # written, or misspelt: that problem comes first
        return
    for keys, check in _entries(source, "checks"):
        if (kind := check.get("check")) in ASKS_A_MODEL:
            words = f"{kind} asks a model, and the file has no prompts; write prompts: with an id "
            yield _problem(source, (*keys, "check"), f"{words}and a text each")


def _unknown_prompts(source: Source) -> Iterator[Problem]:
    ids = [prompt.get("id") for _, prompt in _entries(source, "prompts")]
    names = {name: None for name in ids if isinstance(name, str)}
    # With an id missing or misspelt, the reference may well be right: that problem comes first.
    if not all(isinstance(name, str) for name in ids) or not names:
        return
    for keys, check in _entries(source, "checks"):
        for at, name in _texts(check, "prompts", keys):
            if name not in names:
                yield _problem(source, at, unknown("prompt", name, list(names)))


def _messages_beside_system(source: Source) -> Iterator[Problem]:
    for keys, prompt in _entries(source, "prompts"):
        if "system" in prompt and "messages" in prompt:
            words = "stands beside messages; make it the first of the messages"
            yield _problem(source, (*keys, "system"), words)


def _neighbors_like_the_prompt(source: Source) -> Iterator[Problem]:
    for keys, prompt in _entries(source, "prompts"):
        authored = [placed for key in AUTHORED for placed in _texts(prompt, key, keys)]
        yield from _repeats(source, "is already a neighbor", authored)
        for at, text in authored:
            if text == prompt.get("text"):
                yield _problem(source, at, "is the prompt itself; a neighbor must differ from it")


def _limits_that_cannot_fail(source: Source) -> Iterator[Problem]:
    for keys, check in _entries(source, "checks"):
        limit = check.get("at_most")
        if (
            check.get("metric") == "token_edit"
            and isinstance(limit, int | float)
            and 1 <= limit < 2
        ):
            words = f"must be below 1, not {limit}: a token edit distance is a share"
            yield _problem(source, (*keys, "at_most"), words)
