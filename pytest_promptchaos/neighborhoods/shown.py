"""What questions are about: images pinned by their bytes, and passages of text."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_promptchaos.errors import ArgumentError, PictureError, PromptError
from pytest_promptchaos.records import Image, Prompt, Shown

if TYPE_CHECKING:
    from pytest_promptchaos.records import Phrasing

_SHA256 = re.compile(r"[0-9a-f]{64}")


def picture(
    path: str | Path,
    *,
    id: str | None = None,
    sha256: str | None = None,
    truth: Mapping[str, bool] | None = None,
    root: str | Path | None = None,
) -> Shown:
    """Return an image to ask about, pinned by the bytes that its file holds now.

    Args:
        path: the image's file; a relative one is taken from ``root`` where that is given.
        id: what tables call it, by default the name of the file without its ending.
        sha256: the pin, 64 hexadecimal digits; the file must hold these very bytes. Left out, it
            is taken from the file.
        truth: of propositions, by id, whether they hold here.
        root: the folder that ``path`` is relative to.

    Raises:
        PictureError: no file there, one that cannot be read, other bytes than the pinned ones, or
            a pin that is no sha256.
        ArgumentError: a truth that is neither true nor false.
    """
    file = Path(path) if root is None else Path(root) / path
    if sha256 is not None and not _SHA256.fullmatch(str(sha256)):
        raise PictureError(
            f"the sha256 of the image {str(path)!r} is {sha256!r:.80}: write 64 hexadecimal "
            "digits in lower case, as sha256sum prints them"
        )
    found = _sha256_of(file)
    if sha256 not in {None, found}:
        raise PictureError(
            f"the image {str(file)!r} has changed: its sha256 is {found}, and {sha256} was "
            "pinned. Restore the file, or pin what it holds now"
        )
    return Shown(
        id=_id(id, file.stem), image=Image(path=str(file), sha256=found), truth=_truth(truth)
    )


def passage(text: str, *, id: str | None = None, truth: Mapping[str, bool] | None = None) -> Shown:
    """Return a passage of text to ask about, where a model sees no images.

    ``id`` is by default a short hash of the text; ``truth`` is that of :func:`picture`. Raises
    ``PromptError`` for a passage without any text.

    >>> passage("The heart is enlarged.", id="report", truth={"cardiomegaly": True}).passage
    'The heart is enlarged.'
    """
    if not isinstance(text, str) or not text.strip():
        raise PromptError(f"a passage is {text!r:.80}: write what the questions are about")
    digest = hashlib.sha256(text.encode()).hexdigest()[:12]
    return Shown(id=_id(id, digest), passage=text, truth=_truth(truth))


def question_prompt(
    shown: Shown,
    phrasing: Phrasing,
    *,
    id: str,
    proposition: str | None = None,
    removed: bool = False,
) -> Prompt:
    r"""Return the question about what is shown, or, where it is ``removed``, the question alone.

    A passage stands before the question, an empty line between them; an image is that of
    ``shown``, with its change.

    >>> from pytest_promptchaos.records import Phrasing
    >>> asked = Phrasing(id="presence", text="Is there rain?", polarity=1, kind="presence")
    >>> question_prompt(passage("It pours."), asked, id="q").text
    'It pours.\n\nIs there rain?'
    >>> question_prompt(passage("It pours."), asked, id="q", removed=True).text
    'Is there rain?'
    """
    before = f"{shown.passage}\n\n" if shown.passage and not removed else ""
    return Prompt(
        id=id,
        text=before + phrasing.text,
        image=None if removed else shown.image,
        polarity=phrasing.polarity,
        proposition=proposition,
    )


def _sha256_of(file: Path) -> str:
    try:
        return hashlib.sha256(file.read_bytes()).hexdigest()
    except FileNotFoundError as error:
        raise PictureError(
            f"there is no image {str(file)!r}: check the path, and what it is relative to "
            f"({str(file.parent)!r} {'exists' if file.parent.is_dir() else 'does not exist'})"
        ) from error
    except OSError as error:
        raise PictureError(
            f"the image {str(file)!r} cannot be read ({error.strerror}): name a file that can"
        ) from error


def _id(given: str | None, default: str) -> str:
    if given is None:
        return default
    if not isinstance(given, str) or not given.strip():
        raise ArgumentError(f"an id is {given!r}: write a short name, or leave it out")
    return given


def _truth(given: Mapping[str, bool] | None) -> dict[str, bool]:
    """Return truths by proposition; raise ``ArgumentError`` for one that is neither."""
    if given is not None and not isinstance(given, Mapping):
        raise ArgumentError(
            f"truth is {given!r:.80}: say of propositions by id whether they hold, as in "
            "{'cardiomegaly': True}"
        )
    for name, holds in (given or {}).items():
        if not isinstance(holds, bool):
            raise ArgumentError(
                f"the truth of {name!r} is {holds!r:.40}: write true or false, or leave out what "
                "is not known"
            )
    return dict(given or {})
