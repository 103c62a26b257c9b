"""Runs and depth profiles -> what the store holds of them, and back."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from pytest_promptchaos.records import Run, Step

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from pytest_promptchaos.dynamics.growth import Growth
    from pytest_promptchaos.records import ModelIdentity, Prompt
    from pytest_promptchaos.store import Evidence


def run_to_evidence(run: Run) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    """Return a run's plain values and its arrays."""
    plain = {
        "prompt_text": run.prompt.text,
        "model": asdict(run.model),
        "tokens": run.tokens,
        "text": run.text,
        "finish": run.finish,
        "horizon": run.horizon,
        "batch_shape": run.batch_shape,
        "repeat": run.repeat,
        "seconds": run.seconds,
    }
    arrays = {
        "prompt_ids": np.asarray(run.prompt_ids, dtype=np.int32),
        "output_ids": np.asarray(run.output_ids, dtype=np.int32),
        "top_ids": np.asarray([(s.top1, s.top2) for s in run.steps], dtype=np.int32),
        "top_logits": np.asarray([(s.logit1, s.logit2) for s in run.steps], dtype=np.float32),
        "prompt_logits": run.prompt_logits,
        "prompt_hidden": run.prompt_hidden,
    }
    return plain, arrays


def run_from_evidence(evidence: Evidence, *, key: str, prompt: Prompt, model: ModelIdentity) -> Run:
    """Return the run that the store holds, for the prompt and pin that ask for it now."""
    plain: dict[str, Any] = dict(evidence.plain)
    arrays: dict[str, NDArray[Any]] = dict(evidence.arrays)
    steps = tuple(
        Step(top1=i[0], top2=i[1], logit1=t[0], logit2=t[1])
        for i, t in zip(arrays["top_ids"].tolist(), arrays["top_logits"].tolist(), strict=True)
    )
    rows, width = plain["batch_shape"]
    return Run(
        key=key,
        prompt=prompt,
        prompt_ids=tuple(arrays["prompt_ids"].tolist()),
        output_ids=tuple(arrays["output_ids"].tolist()),
        tokens=tuple(plain["tokens"]),
        text=plain["text"],
        steps=steps,
        finish=plain["finish"],
        horizon=plain["horizon"],
        batch_shape=(rows, width),
        repeat=plain["repeat"],
        model=model,
        seconds=plain["seconds"],
        prompt_logits=arrays["prompt_logits"],
        prompt_hidden=arrays["prompt_hidden"],
        cached=True,
    )


@dataclass(frozen=True, kw_only=True, eq=False)
class DepthProfile:
    """A prompt's depth profile as the store holds it.

    ``profile`` has shape (tangents, layers), nats per layer; ``relative_profile`` is the same
    beyond the growth of the hidden state itself; ``parity`` is the largest relative
    gap between the replayed layers and the model's own forward; ``notes`` say what was switched.
    """

    profile: NDArray[np.float64]
    relative_profile: NDArray[np.float64]
    parity: float
    notes: tuple[str, ...]

    @classmethod
    def of(cls, growth: Growth) -> DepthProfile:
        """Return what is kept of a growth."""
        return cls(
            profile=growth.profile,
            relative_profile=growth.relative_profile,
            parity=growth.parity,
            notes=growth.notes,
        )


def depth_to_evidence(profile: DepthProfile) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    """Return a depth profile's plain values and its arrays."""
    plain = {"parity": profile.parity, "notes": list(profile.notes)}
    arrays = {"profile": profile.profile, "relative_profile": profile.relative_profile}
    return plain, arrays


def depth_from_evidence(
    plain: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]
) -> DepthProfile:
    """Return the depth profile that the store holds."""
    return DepthProfile(
        profile=arrays["profile"],
        relative_profile=arrays["relative_profile"],
        parity=float(plain["parity"]),
        notes=tuple(plain["notes"]),
    )
