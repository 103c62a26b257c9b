"""What must hold of the images and propositions of a check: ids given once, pictures unchanged.

The rules read the plain data, so that they also speak where another key of the file is wrong.
"""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_promptchaos.neighborhoods.phrasings import proposition
from pytest_promptchaos.suite.answer_kinds import EXPANDING, OF_IMAGES, SOURCES
from pytest_promptchaos.suite.problems import nearest, shorten, unknown
from pytest_promptchaos.suite.propositions import SHA256, SuiteProposition
from pytest_promptchaos.suite.rules import entries, missing_file, problem_at, repeats

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from pytest_promptchaos.suite.problems import Keys, Problem
    from pytest_promptchaos.suite.source import Source

KIND = "consistent_answers"


def broken_answer_rules(source: Source, listed: Mapping[str, Iterable[str]]) -> Iterator[Problem]:
    """Yield what is wrong with the images, passages and propositions of the suite's checks.

    ``listed`` holds for every file that lists images the ids of which these say a truth.
    """
    asked = _asked_anywhere(source)
    for keys, check in _checks(source):
        yield from _keys_that_exclude_each_other(source, keys, check)
        yield from broken_pictures(source, (*keys, "images"), check.get("images"))
        yield from _broken_passages(source, (*keys, "passages"), check.get("passages"))
        ids = ((at, name) for at, name in _proposed(check, keys))
        yield from repeats(source, "is already an id,", ids)
        for name in ("images", "passages"):
            yield from _unknown_truths(source, (*keys, name), check.get(name), asked)
        from_file = listed.get(str(check.get("images_from")), ())
        yield from _truths_of_other_names(source, keys, check, from_file)


def _keys_that_exclude_each_other(
    source: Source, keys: Keys, check: Mapping[str, object]
) -> Iterator[Problem]:
    first, *further = [name for name in SOURCES if name in check] or [""]
    for name in further:
        words = f"stands beside {first}; remove one of the two"
        yield problem_at(source, (*keys, name), words)
    if first == "passages":
        for name in (name for name in OF_IMAGES if name in check):
            yield problem_at(
                source, (*keys, name), "is of images, and passages are shown; remove it"
            )
    scaling, depth = check.get("scaling"), check.get("depth", 0)
    # With the key misspelt, the depth may well be there: that problem comes first.
    found = depth != 0 or ("depth" not in check and nearest("depth", map(str, check)))
    if isinstance(scaling, dict) and scaling.get("layers", EXPANDING) == EXPANDING and not found:
        words = "nothing tells which layers expand; write depth: with how many pairs of phrasings"
        yield problem_at(source, (*keys, "scaling"), f"{words} are followed, or name the layers")


def broken_pictures(source: Source, above: Keys, listed: object) -> Iterator[Problem]:
    """Yield the images that are listed twice, are not there, or are not what was pinned."""
    images = list(_mappings(above, listed))
    yield from repeats(source, "is already an id,", _named(images))
    hashes = (
        ((*keys, "sha256"), str(one["sha256"])) for keys, one in images if _text(one, "sha256")
    )
    yield from repeats(source, "is already the sha256 of an image,", hashes)
    for keys, one in images:
        if _text(one, "file") and str(one["file"]).strip():
            missing = list(missing_file(source, (*keys, "file"), str(one["file"])))
            yield from missing or _changed_file(source, keys, one)


def _changed_file(source: Source, keys: Keys, image: Mapping[str, object]) -> Iterator[Problem]:
    """Yield the problem that the file holds other bytes than were pinned, if it does."""
    pinned = image.get("sha256")
    if not isinstance(pinned, str) or not re.fullmatch(SHA256, pinned):
        return
    try:
        found = hashlib.sha256((Path(source.file).parent / str(image["file"])).read_bytes())
    except OSError as error:
        yield problem_at(source, (*keys, "file"), f"cannot be read: {error.strerror}")
        return
    if found.hexdigest() != pinned:
        words = f"is not that of {image['file']}, which has {found.hexdigest()}: bring back the"
        yield problem_at(source, (*keys, "sha256"), f"{words} image that was pinned, or pin this")


def _broken_passages(source: Source, above: Keys, listed: object) -> Iterator[Problem]:
    passages = list(_mappings(above, listed))
    for name, words in (("id", "is already an id,"), ("text", "is already a passage,")):
        placed = (((*keys, name), str(one[name])) for keys, one in passages if _text(one, name))
        yield from repeats(source, words, placed)


def _unknown_truths(
    source: Source, above: Keys, listed: object, asked: list[str]
) -> Iterator[Problem]:
    for keys, one in _mappings(above, listed):
        truth = one.get("truth")
        for name in truth if isinstance(truth, dict) else ():
            if asked and name not in asked:
                words = unknown("proposition", name, list(dict.fromkeys(asked)))
                yield problem_at(source, (*keys, "truth", name), words)


def _truths_of_other_names(
    source: Source, keys: Keys, check: Mapping[str, object], said: Iterable[str]
) -> Iterator[Problem]:
    """Yield the propositions that a list of images seems to call by another id.

    A list may say more than a check asks, and less; but not nothing, and not nearly the same.
    """
    ids, known = _ids(check), list(said)
    others = [name for name in known if name not in ids]
    for at, name in _proposed(check, keys):
        near = nearest(name, others)
        if name not in known and others and (near or not set(ids) & set(known)):
            guess = f"did you mean {near!r}? it" if near else "it"
            words = f"no image of {check['images_from']} says whether {shorten(name)!r} holds; "
            listed = ", ".join(known)
            yield problem_at(source, at, f"{words}{guess} says it of {listed}: write such an id:")


def _checks(source: Source) -> Iterator[tuple[Keys, dict[str, object]]]:
    return (placed for placed in entries(source, "checks") if placed[1].get("check") == KIND)


def _proposed(check: Mapping[str, object], keys: Keys) -> Iterator[tuple[Keys, str]]:
    """Yield the place and the id of each proposition, as far as they can be read."""
    for at, one in _mappings((*keys, "propositions"), check.get("propositions")):
        if _text(one, "id"):
            yield (*at, "id"), str(one["id"])
        elif _text(one, "finding") and str(one["finding"]).strip():
            yield (*at, "finding"), proposition(str(one["finding"])).id


def _asked_anywhere(source: Source) -> list[str]:
    """Return the ids of all propositions; none where one of them may hide behind a mistake."""
    found: list[str] = []
    for keys, check in _checks(source):
        proposed = [one for _, one in _mappings(keys, check.get("propositions"))]
        if not proposed or any(one.keys() - SuiteProposition.model_fields for one in proposed):
            return []
        found += _ids(check)
    return found


def _ids(check: Mapping[str, object]) -> list[str]:
    return [name for _, name in _proposed(check, ())]


def _named(images: Iterable[tuple[Keys, dict[str, object]]]) -> Iterator[tuple[Keys, str]]:
    for keys, one in images:
        if _text(one, "id"):
            yield (*keys, "id"), str(one["id"])
        elif _text(one, "file"):
            yield (*keys, "file"), Path(str(one["file"])).stem


def _mappings(above: Keys, listed: object) -> Iterator[tuple[Keys, dict[str, object]]]:
    for place, one in enumerate(listed if isinstance(listed, tuple) else ()):
        if isinstance(one, dict):
            yield (*above, place), one


def _text(entry: Mapping[str, object], key: str) -> bool:
    return isinstance(entry.get(key), str)
