"""The exceptions of the package. Every message says what, why, and what to do."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pytest_promptchaos.records import Verdict


class PromptChaosError(Exception):
    """Something the user can mend: a pin, a prompt, a suite file, a store, an option."""


class PinError(PromptChaosError):
    """A model or embedder pin that does not name one exact model, or names none that exists."""


class PromptError(PromptChaosError):
    """A prompt that cannot be measured: empty, too long for the model, or rendered wrongly."""


class ArgumentError(PromptChaosError):
    """An argument of a public function that it does not take, found before anything is measured."""


class NeighborhoodError(PromptChaosError):
    """A neighborhood that cannot be built as asked: an unknown rung, an edit that edits nothing."""


class SuiteError(PromptChaosError):
    """A suite file that does not say what it must; names file, line and path of keys."""


class StoreError(PromptChaosError):
    """An evidence store that is locked, damaged, or written by a newer version."""


class DepthError(PromptChaosError):
    """A model whose depth cannot be followed by forward-mode AD; names the operation."""


class PictureError(PromptChaosError):
    """An image that is missing, changed since it was pinned, unreadable, or too large."""


class FocusError(PromptChaosError):
    """A focus that is none: a constant map, or attention weights that cannot be had."""


class TableError(PromptChaosError):
    """A table that cannot be read, merged or believed; names file, column, row and value."""


class PreregistrationError(PromptChaosError):
    """A frozen plan that was edited, overwritten, or left without a recorded deviation."""


class VerdictError(AssertionError):
    """A check that is not green. ``verdict`` holds the evidence, ``str()`` what to read."""

    def __init__(self, verdict: Verdict) -> None:
        super().__init__(verdict.explanation)
        self.verdict = verdict


# Shown where the user imports them from, so that a one-line summary has room for the sentence.
for _public in (PromptChaosError, VerdictError):
    _public.__module__ = "pytest_promptchaos"
