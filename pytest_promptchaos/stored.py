"""Runs and depth profiles -> what the store holds of them, and back."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING, Any

import numpy as np

from pytest_promptchaos.records import Forced, Run, Step

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
        "pieces": {str(token): piece for token, piece in run.pieces.items()},
    }
    arrays = {
        "prompt_ids": np.asarray(run.prompt_ids, dtype=np.int32),
        "output_ids": np.asarray(run.output_ids, dtype=np.int32),
        "top_ids": np.asarray([_ids(s) for s in run.steps], dtype=np.int32),
        "top_logits": np.asarray([_logits(s) for s in run.steps], dtype=np.float32),
        "entropy": np.asarray([_known(s.entropy) for s in run.steps], dtype=np.float32),
        "prompt_logits": run.prompt_logits,
        "prompt_hidden": run.prompt_hidden,
    }
    return plain, arrays


def run_from_evidence(evidence: Evidence, *, key: str, prompt: Prompt, model: ModelIdentity) -> Run:
    """Return the run that the store holds, for the prompt and pin that ask for it now."""
    plain: dict[str, Any] = dict(evidence.plain)
    arrays: dict[str, NDArray[Any]] = dict(evidence.arrays)
    return Run(
        key=key,
        prompt=prompt,
        prompt_ids=tuple(arrays["prompt_ids"].tolist()),
        output_ids=tuple(arrays["output_ids"].tolist()),
        tokens=tuple(plain["tokens"]),
        text=plain["text"],
        steps=_steps(arrays),
        finish=plain["finish"],
        horizon=plain["horizon"],
        batch_shape=tuple(plain["batch_shape"]),
        repeat=plain["repeat"],
        model=model,
        seconds=plain["seconds"],
        prompt_logits=arrays["prompt_logits"],
        prompt_hidden=arrays["prompt_hidden"],
        pieces={int(token): piece for token, piece in plain["pieces"].items()},
        cached=True,
    )


RECORDED = 5
"""Places for the highest logits of a step; those that a model does not fill hold token -1."""


def _ids(step: Step) -> list[int]:
    ids = [step.top1, step.top2, *(token for token, _ in step.further)]
    return [*ids, *[-1] * (RECORDED - len(ids))]


def _logits(step: Step) -> list[float]:
    logits = [step.logit1, step.logit2, *(logit for _, logit in step.further)]
    return [*logits, *[0.0] * (RECORDED - len(logits))]


def _known(entropy: float | None) -> float:
    """Return the entropy, or -1 where it was not recorded: no entropy is negative."""
    return -1.0 if entropy is None else entropy


def _steps(arrays: Mapping[str, NDArray[Any]]) -> tuple[Step, ...]:
    columns = (arrays[name].tolist() for name in ("top_ids", "top_logits", "entropy"))
    return tuple(
        Step(
            top1=i[0],
            top2=i[1],
            logit1=x[0],
            logit2=x[1],
            further=tuple((t, v) for t, v in zip(i[2:], x[2:], strict=True) if t >= 0),
            entropy=entropy if entropy >= 0 else None,
        )
        for i, x, entropy in zip(*columns, strict=True)
    )


def forced_to_evidence(
    along: tuple[Forced, Forced],
) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    """Return a pair's comparison along the center's output (a) and the neighbor's (b)."""
    both = zip(("along_a", "along_b"), along, strict=True)
    arrays = {
        f"{name}.{part.name}": getattr(one, part.name) for name, one in both for part in fields(one)
    }
    return {}, arrays


def forced_from_evidence(arrays: Mapping[str, NDArray[Any]]) -> tuple[Forced, Forced]:
    """Return the comparison that the store holds."""

    def one(name: str) -> Forced:
        return Forced(**{part.name: arrays[f"{name}.{part.name}"] for part in fields(Forced)})

    return one("along_a"), one("along_b")


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
