"""What goes with tokens is filled like them; image tokens form a grid, or there is a reason."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
import torch

from pytest_promptchaos.models.seen import batched, grid_of, per_image, per_token, shapes_of

WIDE = {
    "input_ids": torch.arange(6).unsqueeze(0),
    "attention_mask": torch.ones(1, 6, dtype=torch.long),
    "token_type_ids": torch.tensor([[0, 1, 1, 0, 0, 2]]),
    "cross_attention_mask": torch.ones(1, 6, 1, 4, dtype=torch.long),
    "pixel_values": torch.rand(1, 3, 8, 8),
    "image_sizes": torch.tensor([[8, 8]]),
}
SHORT = {
    name: values[:, :4] if name in per_token(WIDE) else values for name, values in WIDE.items()
}
NO_SETTINGS = SimpleNamespace(to_dict=dict)


def test_what_has_an_entry_per_token_is_told_from_what_belongs_to_the_image() -> None:
    assert set(per_image(WIDE)) == {"pixel_values", "image_sizes"}
    assert shapes_of(WIDE) == shapes_of(SHORT)
    assert shapes_of({"input_ids": WIDE["input_ids"]}) == ()


def test_rows_of_several_lengths_are_filled_on_the_left() -> None:
    batch = batched([WIDE, SHORT], width=8, after=0)
    assert batch["token_type_ids"].tolist() == [[0, 0, 0, 1, 1, 0, 0, 2], [0, 0, 0, 0, 0, 1, 1, 0]]
    assert batch["cross_attention_mask"].shape == (2, 8, 1, 4)
    assert batch["cross_attention_mask"][1, :4].sum() == 0
    assert batch["pixel_values"].shape == (2, 3, 8, 8)
    assert not {"input_ids", "attention_mask"} & set(batch)


def test_tokens_behind_are_as_the_last_one() -> None:
    behind = batched([WIDE], width=6, after=2)["token_type_ids"]
    assert behind.tolist() == [[0, 1, 1, 0, 0, 2, 2, 2]]


def grid(
    tokens: int,
    pixels: tuple[int, ...] = (1, 3, 32, 32),
    size: tuple[int, int] = (64, 64),
    config: Any = NO_SETTINGS,
    images: Any = None,
    **more: torch.Tensor,
) -> tuple[tuple[int, int] | None, str]:
    made = {"pixel_values": torch.zeros(pixels), **more}
    return grid_of(made, tokens, size, config, images)


@pytest.mark.parametrize(
    ("tokens", "height", "width", "expected"),
    [(16, 32, 32, (4, 4)), (6, 16, 24, (2, 3)), (6, 24, 16, (3, 2)), (576, 336, 336, (24, 24))],
)
def test_square_cells_over_the_pixels(
    tokens: int, height: int, width: int, expected: tuple[int, int]
) -> None:
    assert grid(tokens, (1, 3, height, width), (width, height)) == (expected, "")


def test_patches_are_merged_by_so_many() -> None:
    counts = torch.tensor([[1, 6, 4]])
    merging = SimpleNamespace(merge_size=2)
    assert grid(6, (24, 100), images=merging, image_grid_thw=counts) == ((3, 2), "")
    nothing, reason = grid(7, (24, 100), images=merging, image_grid_thw=counts)
    assert nothing is None
    assert "7 image tokens" in reason


def test_of_a_filled_up_image_only_its_own_pixels_count() -> None:
    sizes = torch.tensor([[16, 24]])
    assert grid(6, (1, 3, 32, 32), (24, 16), image_sizes=sizes) == ((2, 3), "")


@pytest.mark.parametrize(
    ("what", "said"),
    [
        ({"tokens": 1}, "no image tokens stand among the others"),
        ({"tokens": 17}, "do not form a grid"),
        ({"tokens": 20, "pixels": (1, 5, 3, 32, 32)}, "cut into 5 tiles"),
        ({"tokens": 20, "pixels": (64, 100)}, "places are not known"),
        (
            {"tokens": 16, "config": SimpleNamespace(to_dict=lambda: {"perceiver_config": {}})},
            "queries that look everywhere",
        ),
        (
            {"tokens": 16, "size": (64, 48), "images": SimpleNamespace(do_center_crop=True)},
            "64 x 48 pixels as 32 x 32 and cuts off its edges",
        ),
        (
            {"tokens": 16, "size": (48, 64), "images": SimpleNamespace(do_pad=True)},
            "puts a border around it",
        ),
    ],
)
def test_there_is_a_reason_where_there_is_no_grid(what: dict[str, Any], said: str) -> None:
    nothing, reason = grid(**what)
    assert nothing is None
    assert said in reason


def test_a_stretched_image_keeps_its_places() -> None:
    stretching = SimpleNamespace(do_center_crop=False, do_pad=None)
    assert grid(16, size=(64, 40), images=stretching) == ((4, 4), "")
