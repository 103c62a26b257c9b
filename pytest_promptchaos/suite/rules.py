"""What a suite must hold beyond the shape of its keys: ids that exist, once; texts that differ.

The rules read the plain data, so that they also speak where another key of the file is wrong.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final, get_args

from pytest_promptchaos.records import Role
from pytest_promptchaos.suite.keys import LEAST_BUDGET
from pytest_promptchaos.suite.limit_rules import idle_limits
from pytest_promptchaos.suite.problems import Problem, nearest, shorten, unknown

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from pytest_promptchaos.suite.problems import Keys
    from pytest_promptchaos.suite.source import Source

AUTHORED: Final = ("paraphrases", "small_semantic", "positive_control")
"""The keys of a prompt that hold authored neighbors."""

ASKS_A_MODEL: Final = (
    "bridge",
    "depth_profile",
    "drift",
    "ftle",
    "no_collapse",
    "responsive",
    "stable_neighborhood",
    "stable_sampling",
    "worst_neighbor",
)
"""The kinds of check that need prompts."""

READS_ANSWERS: Final = ("responsive", "stable_neighborhood")
"""The kinds of check that can compare what an extractor reads."""


PROMPTS: Final = ("prompts", "prompts_from")
"""The keys of a suite that hold prompts."""

FILES: Final = ("labels", "preregistration")
"""The keys of a check that name a file beside the suite."""


def broken_rules(source: Source, borrowed: Mapping[str, str] | None) -> list[Problem]:
    """Return every rule that the suite, or a file of prompts, breaks, each with its place.

    ``borrowed`` are the ids of prompts from another file, each with its place there; ``None``
    where that file could not be read.
    """
    return [
        *_repeated_ids(source),
        *_ids_of_the_other_file(source, borrowed or {}),
        *_repeated_entries(source),
        *_checks_without_prompts(source),
        *(() if borrowed is None else _unknown_prompts(source, borrowed)),
        *_files_that_are_not_there(source),
        *_standing_beside_expect(source),
        *_unknown_references(source),
        *_messages_beside_system(source),
        *_horizon_beside_horizons(source),
        *_targets_that_are_not_there(source),
        *_neighbors_like_the_prompt(source),
        *_answers_that_nothing_reads(source),
        *(problem_at(source, *told) for told in idle_limits(entries(source, "checks"))),
        *_budgets_below_the_controls(source),
    ]


def check_id(check: Mapping[str, object], place: int) -> str:
    """Return the check's id; without one, its kind and its place in the file from 1."""
    return str(check.get("id") or f"{check.get('check')}-{place}")


def problem_at(source: Source, keys: Keys, words: str) -> Problem:
    """Return the problem that ``words`` say about the value at ``keys``."""
    return Problem(line=source.line(keys), keys=keys, words=words)


def entries(source: Source, key: str) -> Iterator[tuple[Keys, dict[str, object]]]:
    """Yield place and content of each mapping in the list at a key of the file.

    A file that is a list holds prompts and nothing else.
    """
    above: Keys = (key,)
    listed = source.data.get(key) if isinstance(source.data, dict) else None
    if key == "prompts" and isinstance(source.data, tuple):
        above, listed = (), source.data
    for index, entry in enumerate(listed if isinstance(listed, tuple) else ()):
        if isinstance(entry, dict):
            yield (*above, index), entry


def _texts(entry: Mapping[str, object], key: str, keys: Keys) -> Iterator[tuple[Keys, str]]:
    """Yield place and text of each entry in a list; a mapping counts by its text."""
    listed = entry.get(key)
    for index, one in enumerate(listed if isinstance(listed, tuple) else ()):
        text = one.get("text") if isinstance(one, dict) else one
        if isinstance(text, str):
            yield (*keys, key, index), text


def repeats(source: Source, words: str, placed: Iterable[tuple[Keys, str]]) -> Iterator[Problem]:
    """Yield a problem for every text that stood at an earlier place, with the line of the first."""
    first: dict[str, Keys] = {}
    for keys, text in placed:
        if first.setdefault(text, keys) != keys:
            line = source.line(first[text])
            yield problem_at(source, keys, f"{shorten(text)!r} {words} on line {line}")


def _repeated_ids(source: Source) -> Iterator[Problem]:
    prompts = ((keys, prompt.get("id")) for keys, prompt in entries(source, "prompts"))
    checks = (
        (keys, check_id(check, place))
        for place, (keys, check) in enumerate(entries(source, "checks"), start=1)
    )
    for placed in (prompts, checks):
        named = (((*keys, "id"), name) for keys, name in placed if isinstance(name, str))
        yield from repeats(source, "is already an id,", named)


def _ids_of_the_other_file(source: Source, borrowed: Mapping[str, str]) -> Iterator[Problem]:
    for keys, prompt in entries(source, "prompts"):
        name = prompt.get("id")
        if isinstance(name, str) and name in borrowed:
            words = f"{shorten(name)!r} is already an id, {borrowed[name]}"
            yield problem_at(source, (*keys, "id"), words)


def _repeated_entries(source: Source) -> Iterator[Problem]:
    whole = source.data if isinstance(source.data, dict) else {}
    lists = [_texts(whole, "models", ())]
    for keys, check in entries(source, "checks"):
        lists += [_texts(check, key, keys) for key in ("prompts", "rungs", "models")]
    for placed in lists:
        yield from repeats(source, "is already listed", placed)


def _checks_without_prompts(source: Source) -> Iterator[Problem]:
    whole = source.data if isinstance(source.data, dict) else {}
    if nearest("prompts", map(str, whole)):  # written, or misspelt: that problem comes first
        return
    for keys, check in entries(source, "checks"):
        if (kind := check.get("check")) in ASKS_A_MODEL:
            words = f"{kind} asks a model, and the file has no prompts; write prompts: with an id "
            yield problem_at(source, (*keys, "check"), f"{words}and a text each")


def _unknown_prompts(source: Source, borrowed: Iterable[str]) -> Iterator[Problem]:
    ids = [*(prompt.get("id") for _, prompt in entries(source, "prompts")), *borrowed]
    names = {name: None for name in ids if isinstance(name, str)}
    # With an id missing or a key misspelt, the reference may be right: that problem comes first.
    if not all(isinstance(name, str) for name in ids) or not names or _misspelt_prompts(source):
        return
    for keys, check in entries(source, "checks"):
        for at, name in _texts(check, "prompts", keys):
            if name not in names:
                yield problem_at(source, at, unknown("prompt", name, list(names)))


def _misspelt_prompts(source: Source) -> bool:
    """Return whether a key of the file looks as if it were to hold prompts, and does not."""
    whole = source.data if isinstance(source.data, dict) else {}
    return any(nearest(str(key), PROMPTS) for key in whole if key not in PROMPTS)


def _unknown_references(source: Source) -> Iterator[Problem]:
    for keys, check in entries(source, "checks"):
        pins = [pin for _, pin in _texts(check, "models", keys)]
        reference = check.get("reference")
        if isinstance(reference, str) and pins and reference not in pins:
            yield problem_at(source, (*keys, "reference"), unknown("model", reference, pins))


def _files_that_are_not_there(source: Source) -> Iterator[Problem]:
    """Yield the files that a check names in vain: told here, not after hours of conversation."""
    for keys, check in entries(source, "checks"):
        for name in FILES:
            written = check.get(name)
            if isinstance(written, str) and written.strip():
                yield from missing_file(source, (*keys, name), written)


def missing_file(source: Source, keys: Keys, written: str) -> Iterator[Problem]:
    """Yield the problem that no file lies where the suite says, unless one does."""
    if "\0" in written or not (Path(source.file).parent / written).is_file():
        name = Path(source.file).name
        where = "the suite's folder" if name.endswith(".chaos.yaml") else f"the folder of {name}"
        words = f"there is no file {shorten(written)!r}, seen from {where}; mend the path"
        yield problem_at(source, keys, words)


def _standing_beside_expect(source: Source) -> Iterator[Problem]:
    for keys, check in entries(source, "checks"):
        if "standing" in check and "expect" in check:
            words = "stands beside expect, which says less; remove one of the two"
            yield problem_at(source, (*keys, "standing"), words)


def _messages_beside_system(source: Source) -> Iterator[Problem]:
    for keys, prompt in entries(source, "prompts"):
        if "system" in prompt and "messages" in prompt:
            words = "stands beside messages; make it the first of the messages"
            yield problem_at(source, (*keys, "system"), words)


def _horizon_beside_horizons(source: Source) -> Iterator[Problem]:
    for keys, check in entries(source, "checks"):
        if "horizon" in check and "horizons" in check:
            words = "stands beside horizons, the longest of which is it; remove one of the two"
            yield problem_at(source, (*keys, "horizon"), words)


def _targets_that_are_not_there(source: Source) -> Iterator[Problem]:
    for keys, prompt in entries(source, "prompts"):
        roles, target = _roles(prompt), prompt.get("target")
        last = len(roles) - 1
        # With a key misspelt, the message may well be there: that problem comes first.
        if any(key not in prompt and nearest(key, prompt) for key in ("system", "messages")):
            continue
        if isinstance(target, str) and target in get_args(Role) and target not in roles:
            words = f"no message of the {target} in this prompt; it has {', '.join(roles)}"
            yield problem_at(source, (*keys, "target"), words)
        # A boolean is no number here, and that mistake is told by itself.
        elif type(target) is int and not -last - 1 <= target <= last:
            words = f"no message {target} in this prompt; the last is {last}, counted from 0"
            yield problem_at(source, (*keys, "target"), words)


def _roles(prompt: Mapping[str, object]) -> list[str]:
    """Return the roles of the prompt's conversation, as far as they can be read."""
    listed = prompt.get("messages")
    turns = [
        one.get("role")
        for one in (listed if isinstance(listed, tuple) else ())
        if isinstance(one, dict)
    ]
    first = ["system"] if "system" in prompt else []
    return [*first, *map(str, turns), "user"]


def _neighbors_like_the_prompt(source: Source) -> Iterator[Problem]:
    for keys, prompt in entries(source, "prompts"):
        authored = [placed for key in AUTHORED for placed in _texts(prompt, key, keys)]
        yield from repeats(source, "is already a neighbor", authored)
        for at, text in authored:
            # Beside a target, paraphrases replace that message, and the prompt's text is none.
            aimed = "target" in prompt and at[-2] != "positive_control"
            if text == prompt.get("text") and not aimed:
                yield problem_at(source, at, "is the prompt itself; a neighbor must differ from it")


def _answers_that_nothing_reads(source: Source) -> Iterator[Problem]:
    for keys, check in entries(source, "checks"):
        reads = check.get("check") in READS_ANSWERS
        if reads and check.get("metric") == "answer" and "extract" not in check:
            words = "compares what is read out of outputs; write extract: with what reads it"
            yield problem_at(source, (*keys, "metric"), words)


def _budgets_below_the_controls(source: Source) -> Iterator[Problem]:
    """Yield the searches that could not ask all authored controls of a prompt and then search."""
    controls = {
        str(prompt.get("id")): len(list(_texts(prompt, "positive_control", keys)))
        for keys, prompt in entries(source, "prompts")
    }
    for keys, check in entries(source, "checks"):
        budget = check.get("budget")
        if check.get("check") != "worst_neighbor" or type(budget) is not int:
            continue
        asked = [name for _, name in _texts(check, "prompts", keys)] or controls
        most = max((controls.get(name, 0) for name in asked), default=0)
        least = LEAST_BUDGET + max(most - 1, 0)
        if LEAST_BUDGET <= budget < least:
            words = f"must be at least {least}, not {budget}: a prompt has {most} positive controls"
            yield problem_at(source, (*keys, "budget"), f"{words}, and each is asked")
