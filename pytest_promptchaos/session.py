"""What one pytest run holds: settings, model pool, embedder, evidence store, verdicts.

It answers for the checks: runs, embeddings and depth profiles come from the evidence store where
they were measured before, else from the model, and are written as they finish. No pytest here.
"""

from __future__ import annotations

from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol
from uuid import uuid4

from pytest_promptchaos.errors import StoreError
from pytest_promptchaos.records import address
from pytest_promptchaos.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from pytest_promptchaos.booking import Subject
    from pytest_promptchaos.models.embedder import Embedder
    from pytest_promptchaos.models.language import LanguageModel
    from pytest_promptchaos.models.pool import ModelPool
    from pytest_promptchaos.records import Forced, Prompt, Run, Verdict
    from pytest_promptchaos.store import Store

    Plain = Mapping[str, object]
    Arrays = Mapping[str, NDArray[np.generic]]


LARGEST_LOGITS = 1 << 27
"""Numbers. Logits of one teacher-forced batch: rows x tokens x vocabulary, half a gigabyte."""


class Progress(Protocol):
    """Told what is under way: a label, how much is done of how much."""

    def __call__(self, label: str, done: int, total: int) -> None:
        """Show that ``done`` of ``total`` are finished."""


def silent(label: str, done: int, total: int) -> None:
    """Show nothing: the progress of a plain script."""


@dataclass(kw_only=True)
class Counts:
    """How many pieces of evidence were measured here, and how many reused from the store."""

    measured: int = 0
    reused: int = 0


@dataclass
class Session:
    """The shared state of one run. ``root`` is where relative pins and folders start.

    ``unstored`` holds why evidence could not be written: it is used and reported all the same.
    """

    settings: Settings = field(default_factory=Settings)
    root: Path = field(default_factory=Path.cwd)
    on_disk: bool = True
    progress: Progress = silent
    verdicts: list[Verdict] = field(default_factory=list)
    counts: Counts = field(default_factory=Counts)
    id: str = field(
        default_factory=lambda: f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}-{uuid4().hex[:6]}"
    )
    unstored: list[str] = field(default_factory=list)
    _embedders: dict[str, Embedder] = field(default_factory=dict)

    @property
    def directory(self) -> Path:
        """The folder of the evidence store and the reports."""
        return self.root / self.settings.dir

    @cached_property
    def store(self) -> Store:
        """The evidence store, opened on first use."""
        # Imported here, like the other heavy parts: pytest must start without numpy and torch.
        from pytest_promptchaos.store import Store

        return Store(self.directory / "evidence.sqlite" if self.on_disk else None)

    @cached_property
    def pool(self) -> ModelPool:
        """The models in memory."""
        from pytest_promptchaos.models.pool import ModelPool

        self.use_threads()
        return ModelPool(keep=self.settings.models_kept)

    def use_threads(self) -> None:
        """Compute on as many CPU threads as the option says."""
        from pytest_promptchaos.models.device import set_threads

        set_threads(self.settings.threads)

    @property
    def embedder(self) -> Embedder | None:
        """The pinned embedder, or ``None`` when there is none; ``embedder_words`` say why."""
        from pytest_promptchaos.models.embedder import OFFLINE, Embedder, offline_available

        asked = self.settings.embedder
        if asked == "none" or (asked == "auto" and not offline_available()):
            return None
        pin = OFFLINE if asked == "auto" else asked
        if pin not in self._embedders:
            allow = self.settings.allow_unpinned
            self._embedders[pin] = Embedder(pin, allow_unpinned=allow)
        return self._embedders[pin]

    @property
    def embedder_words(self) -> str:
        """The embedder's pin, or why there is none and what to do."""
        from pytest_promptchaos.models.embedder import INSTALL

        if self.embedder is not None:
            return self.embedder.pin
        if self.settings.embedder == "none":
            return "no embedder, as asked (embedder=none)"
        return f"no embedder is installed: {INSTALL}, or name one with --promptchaos-embedder"

    def model(self, pin: str) -> LanguageModel:
        """Return the model of ``pin``; its weights load on first use."""
        from pytest_promptchaos.models.pins import parse_pin

        chosen = self.settings
        parsed = parse_pin(pin, allow_unpinned=chosen.allow_unpinned, base=self.root)
        return self.pool.get(parsed, dtype=chosen.dtype, device=chosen.device)

    def runs(
        self,
        model: Subject,
        prompts: Sequence[Prompt],
        *,
        shape: tuple[int, ...],
        horizon: int,
        label: str = "decoding",
    ) -> list[Run]:
        """Return one greedy run per prompt, in order; the missing ones are decoded and written.

        Prompts that render alike get repeat indices 0, 1, ...: each is decoded by itself, because
        a control that read its own center's run from the store would measure nothing.
        """
        requests = _with_repeats(model, prompts)
        found = [self._stored_run(model, p, r, shape, horizon) for p, r in requests]
        missing = [q for q, run in zip(requests, found, strict=True) if run is None]
        fresh: list[Run] = []
        for batch in model.runs(missing, shape=shape, horizon=horizon):
            for run in batch:
                self._keep_run(run)
            fresh += batch
            self.progress(label, len(prompts) - len(missing) + len(fresh), len(prompts))
        arriving = iter(fresh)
        return [run if run is not None else next(arriving) for run in found]

    def forced(
        self, model: Subject, center: Run, others: Sequence[Run]
    ) -> list[tuple[Forced, Forced]]:
        """Return each other run compared with the center's along both outputs, in order.

        Empty for a model that has no logits. A comparison is addressed by the two runs.
        """
        from pytest_promptchaos.stored import forced_from_evidence

        keys = [address("forced/1", center=center.key, other=run.key) for run in others]
        stored = [None if self.settings.fresh else self.store.get(key) for key in keys]
        missing = [k for k, one in zip(keys, stored, strict=True) if one is None]
        fresh = self._force(model, center, dict(zip(keys, others, strict=True)), missing)
        if missing and not fresh:
            return []
        return [
            forced_from_evidence(one.arrays) if one is not None else fresh[key]
            for key, one in zip(keys, stored, strict=True)
        ]

    def embed(self, texts: Sequence[str]) -> tuple[NDArray[np.float32], list[bool]]:
        """Return the texts' unit vectors and which were truncated; the embedder must be there."""
        import numpy as np

        embedder = self.embedder
        if embedder is None:
            raise ValueError(self.embedder_words)
        distinct = list(dict.fromkeys(texts))
        known: dict[str, tuple[NDArray[Any], bool]] = {}
        for done, text in enumerate(distinct, start=1):
            known[text] = self._vector(text, embedder)
            self.progress("embedding answers", done, len(distinct))
        vectors = np.stack([known[text][0] for text in texts])
        return vectors, [known[text][1] for text in texts]

    def recall(
        self,
        kind: str,
        parts: Mapping[str, object],
        measure: Callable[[], tuple[Plain, Arrays]],
    ) -> tuple[Plain, Arrays]:
        """Return the evidence that ``parts`` address, measuring it when the store has none.

        ``parts`` are everything that the evidence depends on.
        """
        key = address(f"{kind}/1", **parts)
        stored = None if self.settings.fresh else self.store.get(key)
        if stored is not None:
            self.counts.reused += 1
            return stored.plain, stored.arrays
        plain, arrays = measure()
        self._put(key, kind, plain, arrays)
        return plain, arrays

    @contextmanager
    def using(self, settings: Settings) -> Iterator[None]:
        """Use other settings for a while: those of one marked test or one suite."""
        before, self.settings = self.settings, settings
        try:
            yield
        finally:
            self.settings = before

    def record(self, verdict: Verdict) -> None:
        """Keep a verdict until the running test is over."""
        self.verdicts.append(verdict)

    def drain(self) -> tuple[Verdict, ...]:
        """Return the verdicts kept so far and forget them."""
        drained = tuple(self.verdicts)
        self.verdicts.clear()
        return drained

    def close(self) -> None:
        """Release the models and close the store."""
        if "pool" in self.__dict__:
            self.pool.release_all()
        if "store" in self.__dict__:
            self.store.close()

    # -- evidence ----------------------------------------------------------------------------

    def _stored_run(
        self,
        model: Subject,
        prompt: Prompt,
        repeat: int,
        shape: tuple[int, ...],
        horizon: int,
    ) -> Run | None:
        from pytest_promptchaos.stored import run_from_evidence

        key = model.key(prompt, shape, horizon, repeat)
        stored = None if self.settings.fresh else self.store.get(key)
        if stored is None:
            return None
        self.counts.reused += 1
        return run_from_evidence(stored, key=key, prompt=prompt, model=model.identity)

    def _keep_run(self, run: Run) -> None:
        from pytest_promptchaos.stored import run_to_evidence

        plain, arrays = run_to_evidence(run)
        self._put(run.key, "run", plain, arrays)

    def _force(
        self, model: Subject, center: Run, others: Mapping[str, Run], missing: Sequence[str]
    ) -> dict[str, tuple[Forced, Forced]]:
        """Return the comparisons of the store's missing keys, measured and written."""
        from pytest_promptchaos.stored import forced_to_evidence

        if not missing:
            return {}
        # One shape whatever is missing, so that a resumed run rounds like a whole one.
        runs = (center, *others.values())
        whole = (
            max(len(run.prompt_ids) for run in runs),
            max(len(run.output_ids) for run in runs),
        )
        logits = max(center.horizon * len(center.prompt_logits), 1)
        rows = max(2, min(center.batch_shape[0], LARGEST_LOGITS // logits))
        measured = model.forced(center, [others[key] for key in missing], rows, whole)
        found = dict(zip(missing, measured, strict=True)) if measured else {}
        for key, along in found.items():
            self._put(key, "forced", *forced_to_evidence(along))
        return found

    def _vector(self, text: str, embedder: Embedder) -> tuple[NDArray[Any], bool]:
        key = address("embedding/1", embedder=embedder.identity, text=text)
        stored = None if self.settings.fresh else self.store.get(key)
        if stored is not None:
            return stored.arrays["vector"], bool(stored.plain["truncated"])
        vectors, truncated = embedder.embed([text])
        self._put(key, "embedding", {"truncated": truncated[0]}, {"vector": vectors[0]})
        return vectors[0], truncated[0]

    def _put(self, key: str, kind: str, plain: Plain, arrays: Arrays) -> None:
        """Write evidence; when the store fails, go on with what was measured, and count it."""
        if kind not in {"embedding", "forced"}:
            self.counts.measured += 1
        try:
            self.store.put(key, kind, plain, arrays)
        except StoreError as error:
            self.unstored.append(str(error))


_active: list[Session] = []


@contextmanager
def activated(session: Session) -> Iterator[Session]:
    """Make ``session`` the one that the assertions use."""
    _active.append(session)
    try:
        yield session
    finally:
        _active.remove(session)


def active() -> Session:
    """Return the session in use; outside pytest a first call makes one that stores nothing."""
    if not _active:
        _active.append(Session(on_disk=False))
    return _active[-1]


def _with_repeats(model: Subject, prompts: Sequence[Prompt]) -> list[tuple[Prompt, int]]:
    """Return each prompt with how many before it rendered to the same ids, of the same image."""
    seen: Counter[object] = Counter()
    requests = []
    for prompt in prompts:
        content = (model.render(prompt), prompt.image)
        requests.append((prompt, seen[content]))
        seen[content] += 1
    return requests
