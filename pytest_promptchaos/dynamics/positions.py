"""Which tokens a perturbation may start from, as a mask over the hidden states."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, TypeAlias

import numpy as np
import torch

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor

Positions: TypeAlias = "Literal['prompt', 'last'] | NDArray[np.bool_]"


def position_mask(positions: Positions, tokens: int) -> Tensor:
    """Return the positions that a tangent may start from, shape (tokens, 1), boolean."""
    if isinstance(positions, str):
        if positions not in ("prompt", "last"):
            raise ValueError(f"positions {positions!r}: choose 'prompt', 'last' or a boolean mask")
        first = 0 if positions == "prompt" else tokens - 1
        return (torch.arange(tokens) >= first).unsqueeze(-1)
    mask = np.asarray(positions)
    if mask.dtype != np.bool_ or mask.shape != (tokens,):
        raise ValueError(
            f"positions of dtype {mask.dtype} and shape {mask.shape}: a mask is boolean, one "
            f"value per token, shape ({tokens},)"
        )
    return torch.from_numpy(mask).unsqueeze(-1)
