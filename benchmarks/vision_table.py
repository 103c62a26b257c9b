"""The survey of vision-language classes as a page of the documentation."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import torch
import transformers
from PIL import __version__ as pillow

if TYPE_CHECKING:
    from collections.abc import Sequence

PAGE = Path(__file__).parent.parent / "docs" / "vision_architectures.md"
BAR = 1e-6
"""Largest relative difference between a tangent and a central difference, in float64."""

_TEXT = """\
# Vision-language classes that can be measured

{summary}.

Written by `python -m benchmarks.vision_architectures --write` with transformers {transformers},
torch {torch} and Pillow {pillow}, without torchvision. Each class is built tiny with random
weights: a tower of four layers, a language part of three, a tokenizer trained on a few questions,
its own processor around a picture processor that needs Pillow alone. It is saved as a folder and
read back as `dir:` pin. A random model's answers mean nothing; what is checked is that the whole
way from a picture to the numbers works for its class, or says why not.

- *Answers*: three questions of different lengths about two square pictures and a tall one are
  decoded together, left padded; pictures of another form make a batch of their own. The logits
  where the answer begins are those of each prompt alone (largest difference below {batched:.0e}),
  and change with the picture. Where a question without a picture cannot be asked, the reason is
  given: the control "image removed" is then missing.
- *Image tokens*: their number for a picture of 48 x 48 pixels, among the tokens of the question or
  apart, where layers of their own attend to them. *Grid*: rows and columns of the square picture
  and, where they are others, of the tall one (30 x 70 pixels), or why there is none. Without a grid
  there is no overlay, and focus is compared token by token.
- *Focus*: how many layers gave attention weights from the answering token to the picture.
- *Depth*: how many places of the vision tower, the projector and the language part were found, by
  watching one forward.
- *Growth*: tangents on the image tokens, and on the text tokens, grow by finite amounts in every
  language layer, and the tangent of the whole depth agrees with a central difference through the
  model's own forward, in float64 (relative, bar {bar:.0e}). A model with cross-attention holds no
  image tokens in its language part to perturb.
- *Scaling*: the spectral norms of all language layers are halved, other logits come out, and
  behind the context every weight is the same object with the same bits.

| class | model type | answers | image tokens | grid | focus | depth | growth from image tokens | \
growth from text tokens | scaling |
|---|---|---|---|---|---|---|---|---|---|
{rows}

Classes whose processors also want a part for videos (Qwen-VL, InternVL, LLaVA-OneVision) are read
without it where torchvision is missing, because every such part needs torchvision; their picture
processors do not.
"""
BATCHED = 1e-3
"""Largest absolute difference in logits between a prompt in a batch and alone."""


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What was found, or why there is ``otherwise``."""

    holds: bool
    words: str
    otherwise: str = "no"

    def __str__(self) -> str:
        """The cell of the table."""
        said = self.words if self.holds else f"{self.otherwise}: {self.words}"
        return said.replace("|", "\\|")


MISSING = Outcome(holds=False, words="it does not answer")


@dataclass(frozen=True, kw_only=True)
class VisionReport:
    """What holds for one class.

    ``worst`` is the largest relative difference of a tangent from a central difference.
    """

    model: str
    kind: str
    answers: Outcome
    images: Outcome = MISSING
    grid: Outcome = MISSING
    focus: Outcome = MISSING
    depth: Outcome = MISSING
    from_image: Outcome = MISSING
    from_text: Outcome = MISSING
    scaling: Outcome = MISSING
    worst: float | None = None

    @property
    def measured(self) -> bool:
        """Whether it answers, and focus, depth, growth and scaling hold."""
        return all(
            one.holds
            for one in (self.answers, self.focus, self.depth, self.from_text, self.scaling)
        )


def summary(reports: Sequence[VisionReport]) -> str:
    """Return how many classes are measured, of how many."""
    measured = sum(report.measured for report in reports)
    refused = sum(not report.answers.holds for report in reports)
    return (
        f"{measured} of {len(reports)} classes that were tried answer about pictures and give "
        f"focus, depth, growth and spectral scaling; {refused} are refused with the reason"
    )


def page(reports: Sequence[VisionReport]) -> str:
    """Return the page: what is measured first, then by model type."""
    ordered = sorted(reports, key=lambda report: (not report.measured, report.kind))
    return _TEXT.format(
        summary=summary(reports),
        transformers=transformers.__version__,
        torch=torch.__version__.partition("+")[0],
        pillow=pillow,
        bar=BAR,
        batched=BATCHED,
        rows="\n".join(map(row, ordered)),
    )


def row(report: VisionReport) -> str:
    """Return one row of the table; a class that does not answer has nothing behind the reason."""
    found = (
        report.images,
        report.grid,
        report.focus,
        report.depth,
        report.from_image,
        report.from_text,
        report.scaling,
    )
    cells = ["" if one is MISSING else str(one) for one in found]
    return f"| `{report.model}` | `{report.kind}` | {report.answers} | {' | '.join(cells)} |"
