"""Files that list images with their hashes: JSON, or YAML, that the checks of a suite name."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Annotated

from pydantic import Field, TypeAdapter

from pytest_promptchaos.neighborhoods.shown import picture
from pytest_promptchaos.suite.answer_kinds import ConsistentAnswersCheck
from pytest_promptchaos.suite.answer_rules import broken_pictures
from pytest_promptchaos.suite.listed import listed
from pytest_promptchaos.suite.propositions import SuiteImage
from pytest_promptchaos.suite.rules import entries, missing_file
from pytest_promptchaos.suite.source import read_source

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping

    from pytest_promptchaos.records import Shown
    from pytest_promptchaos.suite.kinds import Check
    from pytest_promptchaos.suite.problems import Problem
    from pytest_promptchaos.suite.source import Source

_LISTED = TypeAdapter[tuple[SuiteImage, ...]](
    Annotated[tuple[SuiteImage, ...], Field(min_length=1)]
)


@dataclass(frozen=True, kw_only=True)
class Listed:
    """The images of every file that a check names, their places seen from the suite's folder."""

    images: Mapping[str, tuple[SuiteImage, ...]] = field(default_factory=dict)
    problems: tuple[Problem, ...] = ()

    @property
    def truths(self) -> dict[str, tuple[str, ...]]:
        """The ids of the propositions that each file says a truth of, in their order."""
        return {
            name: tuple(dict.fromkeys(said for image in images for said in image.truth))
            for name, images in self.images.items()
        }

    def shown(self, check: Check) -> Check:
        """Return the check with the images of the file that it names, if it names one."""
        if not isinstance(check, ConsistentAnswersCheck) or check.images_from is None:
            return check
        return check.model_copy(update={"images": self.images[check.images_from]})


def listed_images(source: Source) -> Listed:
    """Return what the checks' keys ``images_from`` name; raises ``SuiteError`` of such a file."""
    images: dict[str, tuple[SuiteImage, ...]] = {}
    problems: list[Problem] = []
    for keys, check in entries(source, "checks"):
        written = check.get("images_from")
        if not isinstance(written, str) or not written.strip() or written in images:
            continue
        if missing := list(missing_file(source, (*keys, "images_from"), written)):
            problems += missing
        else:
            images[written] = _read(Path(source.file).parent, written)
    return Listed(images=images, problems=tuple(problems))


def load_images(path: str | os.PathLike[str]) -> tuple[Shown, ...]:
    """Return the images that the file at ``path`` lists, in its order, for use from Python.

    The file is a list of mappings, JSON or YAML, each with ``file`` (relative to it), ``sha256``,
    and if wanted ``id`` and ``truth``.

    Raises:
        SuiteError: with one line per problem, ``file:line: [0].sha256: what is wrong``: also for
            an image that is not there, or whose bytes are not those that were pinned.
    """
    listed = Path(path)
    return tuple(
        picture(listed.parent / one.file, id=one.id, sha256=one.sha256, truth=one.truth)
        for one in _read(listed.parent, listed.name)
    )


def _read(folder: Path, written: str) -> tuple[SuiteImage, ...]:
    source = read_source(folder / written, "a list of images is meant, each with file and sha256")
    problems = [*source.problems, *broken_pictures(source, (), source.data)]
    images = listed(source, _LISTED, problems)
    beside = PurePath(written).parent
    return tuple(image.model_copy(update={"file": str(beside / image.file)}) for image in images)
