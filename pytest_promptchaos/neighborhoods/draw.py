"""Drawing is sorting: edits are ordered by a sha256 of the seed, the prompt and the edit.

No random generator is involved, so neither the Python version nor the platform can change a draw,
and whoever draws more only adds to the edits of a smaller draw.
"""

from __future__ import annotations

import json
from collections import Counter
from hashlib import sha256
from typing import TYPE_CHECKING

from pytest_promptchaos.neighborhoods.layout import EDGE_KINDS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from pytest_promptchaos.neighborhoods.edits import Edit
    from pytest_promptchaos.records import Prompt


def drawn(edits: Iterable[Edit], center: Prompt, seed: int) -> list[Edit]:
    """Return the edits in the order in which they are drawn.

    One of each kind comes before a second of any. Edits of the prompt's edges and edits inside it
    alternate, so that a template that strips edges leaves every rung with neighbors.
    """
    order = sorted(edits, key=lambda edit: sort_key(seed, center, edit))
    by_kind = _ranks(order, lambda edit: edit.kind)
    order.sort(key=lambda edit: by_kind[edit])
    by_place = _ranks(order, lambda edit: edit.kind in EDGE_KINDS)
    order.sort(key=lambda edit: by_place[edit])
    return order


def _ranks(edits: Sequence[Edit], group: Callable[[Edit], object]) -> dict[Edit, int]:
    """Return for each edit how many of its group come before it."""
    seen: Counter[object] = Counter()
    ranks = {}
    for edit in edits:
        ranks[edit] = seen[group(edit)]
        seen[group(edit)] += 1
    return ranks


def sort_key(seed: int, center: Prompt, edit: Edit) -> str:
    """Return the place of an edit in the order of drawing."""
    return digest(seed, center.id, center.text, edit.kind, edit.text)


def digest(*parts: str | int) -> str:
    """Return the sha256 of the parts as JSON, which keeps them apart and escapes to ASCII."""
    return sha256(json.dumps(parts).encode()).hexdigest()
