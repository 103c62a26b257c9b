"""What a model computes with that tangents cannot follow, switched while they pass through."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

from pytest_promptchaos.errors import DepthError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from transformers import PreTrainedModel

_REASON = "forward-mode AD follows only plain operations"
_FOLLOWABLE_ATTENTION = ("sdpa", "eager")


@contextmanager
def followable(network: PreTrainedModel) -> Iterator[tuple[str, ...]]:
    """Switch what forward-mode AD cannot follow, say in words what was switched, and undo it.

    Raises ``DepthError`` for a model whose layers' code was replaced by kernels for good.
    """
    if getattr(network, "use_kernels", False):
        raise DepthError(
            f"{type(network).__name__} was loaded with use_kernels=True: those kernels cannot be "
            f"taken out again, and {_REASON}; load it without"
        )
    config, notes = network.config, []
    with ExitStack() as undo:
        attention = config._attn_implementation
        if attention not in _FOLLOWABLE_ATTENTION:
            wanted = "sdpa" if getattr(network, "_supports_sdpa", False) else "eager"
            undo.callback(network.set_attn_implementation, attention)
            network.set_attn_implementation(wanted)
            notes.append(f"attention {attention!r} was replayed as {wanted!r}: {_REASON}")
        experts = getattr(config, "_experts_implementation", None)
        if experts not in (None, "eager"):
            undo.callback(network.set_experts_implementation, experts)
            network.set_experts_implementation("eager")
            notes.append(f"experts {experts!r} were replayed as 'eager': {_REASON}")
        yield tuple(notes)


def kernel_notes(network: PreTrainedModel) -> tuple[str, ...]:
    """Return what is said of the attention kernel: eager attention has only one."""
    if network.config._attn_implementation == "eager":
        return ()
    return (f"sdpa attention was replayed with its math kernel: {_REASON}",)
