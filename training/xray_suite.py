"""Writes the pictures and phrasings that the suite asks about."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from training.xray_bundle import write_json
from training.xray_pictures import picture
from training.xray_questions import listing

if TYPE_CHECKING:
    from pathlib import Path

SUITE_SEED = 2400
"""Shared with no training or measuring; of its first 24 pictures, three show each of the eight
combinations of findings."""
PICTURES = 24


def write_suite(folder: Path) -> None:
    """Write p01.png ... p24.png, pictures.json and phrasings.json."""
    folder.mkdir(parents=True, exist_ok=True)
    entries = []
    for number in range(PICTURES):
        one = picture(SUITE_SEED, number)
        path = folder / f"p{number + 1:02}.png"
        one.image.save(path, optimize=True)
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        entries.append({"file": path.name, "sha256": digest, "truth": one.chest.truth})
    write_json(folder / "pictures.json", entries)
    write_json(folder / "phrasings.json", listing())
