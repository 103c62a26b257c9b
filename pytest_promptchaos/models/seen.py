"""What goes with the tokens of prompts that show an image: batched, and laid out as a grid."""

from __future__ import annotations

import re
from math import isqrt, prod
from typing import TYPE_CHECKING, Any

import torch

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from torch import Tensor

    Form = tuple[tuple[str, tuple[int, ...]], ...]

IDS, MASK = "input_ids", "attention_mask"
MIXED = re.compile("perceiver|resampler|qformer|query", re.IGNORECASE)
"""In the name of a setting: image features are queries that look everywhere, not places."""


def per_token(made: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return what has one entry per token, such as token types: integers, (1, tokens, ...)."""
    tokens = made[IDS].shape
    return {
        name: values
        for name, values in made.items()
        if values.shape[:2] == tokens and not values.is_floating_point()
    }


def per_image(made: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the rest: pixels, sizes and what else belongs to the image."""
    tokens = per_token(made)
    return {name: values for name, values in made.items() if name not in tokens}


def batched(rows: Sequence[Mapping[str, Tensor]], *, width: int, after: int) -> dict[str, Tensor]:
    """Return the rows' tensors as those of one batch, ids and mask left out.

    What has one entry per token is filled with zeros on the left up to ``width``, and its last
    entry repeated for ``after`` tokens behind. The rest must have the same shapes in all rows.

    >>> row = {"input_ids": torch.ones(1, 2, dtype=torch.long)}
    >>> row["token_type_ids"] = torch.tensor([[3, 4]])
    >>> batched([row, row], width=3, after=1)["token_type_ids"].tolist()
    [[0, 3, 4, 4], [0, 3, 4, 4]]
    """
    tokens = [per_token(row) for row in rows]
    whole = [
        {**row, **{name: _filled(one[name], width, after) for name in one}}
        for row, one in zip(rows, tokens, strict=True)
    ]
    return {
        name: torch.cat([row[name] for row in whole])
        for name in whole[0]
        if name not in {IDS, MASK}
    }


def _filled(values: Tensor, width: int, after: int) -> Tensor:
    left = values.new_zeros((1, width - values.shape[1], *values.shape[2:]))
    return torch.cat([left, values, *[values[:, -1:]] * after], dim=1)


def shapes_of(made: Mapping[str, Tensor]) -> Form:
    """Return names and shapes of what belongs to the image: rows of one batch have the same."""
    return tuple(sorted((name, tuple(values.shape)) for name, values in per_image(made).items()))


def numbers_of(form: Form) -> int:
    """Return how many numbers belong to an image of this form."""
    return sum(prod(shape) for _, shape in form)


def nbytes_of(values: Iterable[Tensor]) -> int:
    """Return the bytes of tensors."""
    return sum(one.nbytes for one in values)


def grid_of(
    made: Mapping[str, Tensor], tokens: int, size: tuple[int, int], config: Any, images: Any
) -> tuple[tuple[int, int] | None, str]:
    """Return rows and columns of the image tokens, read row by row, or ``None`` and the reason.

    ``made`` is what the processor made of one image of ``size`` (width, height) in pixels;
    ``tokens`` counts its image tokens; ``config`` and ``images`` are the model's configuration and
    image processor. The grid covers the whole image, or there is none.
    """
    if (reason := _no_places(made, tokens, config)) is not None:
        return None, reason
    if "image_grid_thw" in made:
        return _merged(made["image_grid_thw"], tokens, config, images)
    height, width = _shown(made, made["pixel_values"])
    if (lost := _lost(images, size, (width, height))) is not None:
        return None, lost
    return _fitting(tokens, height, width)


def _no_places(made: Mapping[str, Tensor], tokens: int, config: Any) -> str | None:
    """Return why image tokens are no places of the image; ``None`` where they may be."""
    if tokens <= 1:
        return "no image tokens stand among the others: the model looks at it by itself"
    if any(MIXED.search(name) for name in config.to_dict()):
        return "the image tokens are queries that look everywhere, not places of the image"
    if "image_grid_thw" in made:
        return None
    pixels = made.get("pixel_values")
    if pixels is None or pixels.ndim < 4:
        return "the image is given to the model in a form whose places are not known"
    tiles = prod(pixels.shape[:-3])
    return f"the image is cut into {tiles} tiles, which do not form one grid" if tiles > 1 else None


def _merged(
    counts: Tensor, tokens: int, config: Any, images: Any
) -> tuple[tuple[int, int] | None, str]:
    """Return the grid of patches that are merged by so many in both directions."""
    merged = int(
        getattr(images, "merge_size", 0) or getattr(config.vision_config, "spatial_merge_size", 1)
    )
    times, rows, columns = (int(one) for one in counts[0])
    rows, columns = rows // merged, columns // merged
    if times == 1 and len(counts) == 1 and rows * columns == tokens:
        return (rows, columns), ""
    return None, f"{tokens} image tokens are not the {times} x {rows} x {columns} of its patches"


def _shown(made: Mapping[str, Tensor], pixels: Tensor) -> tuple[int, int]:
    """Return height and width of the pixels that hold the image, without what fills them up."""
    sizes = made.get("image_sizes")
    inside = sizes is not None and sizes.shape[-1] == 2 and "pixel_attention_mask" not in made
    if sizes is not None and inside:
        height, width = (int(one) for one in sizes.reshape(-1, 2)[0])
        if height <= pixels.shape[-2] and width <= pixels.shape[-1]:
            return height, width
    return int(pixels.shape[-2]), int(pixels.shape[-1])


def _lost(images: Any, size: tuple[int, int], shown: tuple[int, int]) -> str | None:
    """Return why what is shown is not the whole image and nothing else; ``None`` where it is."""
    if abs(size[0] * shown[1] - size[1] * shown[0]) <= max(*size, *shown):
        return None
    done = {"do_center_crop": "cuts off its edges", "do_pad": "puts a border around it"}
    for setting, what in done.items():
        if getattr(images, setting, None):
            return (
                f"the processor shows an image of {size[0]} x {size[1]} pixels as {shown[0]} x "
                f"{shown[1]} and {what}, so places among the tokens are not places of the file"
            )
    return None


def _fitting(tokens: int, height: int, width: int) -> tuple[tuple[int, int] | None, str]:
    """Return the one grid of so many tokens whose cells are square in an image of this size."""
    rows = isqrt(tokens * height // width)
    if rows and rows * rows * width == tokens * height and tokens % rows == 0:
        return (rows, tokens // rows), ""
    return None, f"{tokens} image tokens do not form a grid over {height} x {width} pixels"
