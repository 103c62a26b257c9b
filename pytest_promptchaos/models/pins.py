"""Model pins: the text that names one exact model, and the fingerprint of its files.

``bundled:NAME``, ``dir:PATH`` and ``hub:ORG/NAME@<40-hex commit>``, with options after ``?`` as in
``dir:./model?dtype=bfloat16&device=cuda:0&thinking=off``. ``quantization=int8`` rounds the weights
to int8 as they load and the activations per token as they pass. ``initialization=SEED`` leaves the
weights unread and draws random ones: the same architecture before any training, another model.
Nothing here imports torch.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

from pytest_promptchaos.errors import PinError

if TYPE_CHECKING:
    from collections.abc import Mapping

BUNDLED = Path(__file__).parent / "bundled"
CHOICES = {
    "dtype": ("auto", "float64", "float32", "bfloat16", "float16"),
    "thinking": ("default", "on", "off"),
    "attention": ("auto", "eager", "sdpa", "flash_attention_2"),
    "quantization": ("none", "int8"),
}
OPTIONS = (*CHOICES, "device", "initialization")
COMMIT = re.compile(r"[0-9a-f]{40}")
DEVICE = re.compile(r"auto|cpu|cuda(:\d+)?|mps")
SEED = re.compile(r"0|[1-9][0-9]{0,17}")
"""Written in one way only, and below 2^63, which every generator takes."""
FORMS = "bundled:NAME, dir:PATH or hub:ORG/NAME@<40-hex commit>"


@dataclass(frozen=True, kw_only=True)
class Pin:
    """One exact model. ``source`` is a directory, or the hub's ORG/NAME.

    ``text`` is the canonical pin without options, but for ``initialization``, which makes another
    model of the same files; ``options`` hold dtype, device, thinking, attention, quantization and
    initialization where the pin sets them.
    """

    text: str
    scheme: str
    source: str
    revision: str = ""
    options: Mapping[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The short name that tables show."""
        name = Path(self.source).name if self.scheme != "hub" else self.source
        seed = self.initialization
        return name if seed is None else f"{name} (initialization {seed})"

    @property
    def initialization(self) -> int | None:
        """The seed of its random weights; ``None`` for the weights of its files."""
        seed = self.options.get("initialization")
        return None if seed is None else int(seed)


def bundled_names() -> tuple[str, ...]:
    """Return the names of the models that ship inside the package, sorted."""
    return tuple(sorted(p.name for p in BUNDLED.iterdir() if (p / "config.json").is_file()))


def parse_pin(text: str, *, allow_unpinned: bool = False, base: Path | None = None) -> Pin:
    """Return the pin that ``text`` names; a relative ``dir:`` is taken from ``base``.

    Raises ``PinError`` for an unknown scheme or option, a missing directory or bundled model, and
    a hub pin without a full commit unless ``allow_unpinned``.
    """
    head, _, query = text.partition("?")
    scheme, colon, rest = head.partition(":")
    if not colon or scheme not in _SCHEMES or not rest:
        raise PinError(f"model pin {text!r} is not one of {FORMS}")
    source, revision = _SCHEMES[scheme](rest, text, allow_unpinned, base or Path.cwd())
    options = _options(query, text)
    seed = options.get("initialization")
    canonical = head if seed is None else f"{head}?initialization={seed}"
    return Pin(text=canonical, scheme=scheme, source=source, revision=revision, options=options)


def _bundled(rest: str, text: str, _allow: bool, _base: Path) -> tuple[str, str]:
    names = bundled_names()
    if rest not in names:
        near = get_close_matches(rest, names, n=1)
        hint = f"; did you mean 'bundled:{near[0]}'?" if near else ""
        raise PinError(
            f"model pin {text!r} names no bundled model{hint} There are: {', '.join(names)}"
        )
    return str(BUNDLED / rest), ""


def _directory(rest: str, text: str, _allow: bool, base: Path) -> tuple[str, str]:
    path = (base / Path(rest).expanduser()).resolve()
    if not path.is_dir():
        raise PinError(
            f"model pin {text!r}: there is no directory {str(path)!r}; write the path of a folder "
            "that save_pretrained() made, absolute or relative to where pytest was started"
        )
    if not (path / "config.json").is_file():
        raise PinError(
            f"model pin {text!r}: {str(path)!r} holds no config.json, so it is no saved model; "
            "save model and tokenizer there with save_pretrained()"
        )
    return str(path), ""


def _hub(rest: str, text: str, allow: bool, _base: Path) -> tuple[str, str]:
    name, _, revision = rest.partition("@")
    if name.count("/") != 1:
        raise PinError(f"model pin {text!r} does not name a hub model as hub:ORG/NAME@<commit>")
    if not COMMIT.fullmatch(revision) and not allow:
        said = f"has the revision {revision!r}" if revision else "has no revision"
        raise PinError(
            f"model pin {text!r} {said}, which can change under you: write the full 40-hex commit "
            f"from the model's 'Files and versions' page, as in hub:{name}@<commit>, or pass "
            "--promptchaos-allow-unpinned to accept whatever it is today"
        )
    return name, revision


_SCHEMES = {"bundled": _bundled, "dir": _directory, "hub": _hub}


def _options(query: str, text: str) -> dict[str, str]:
    options = dict(parse_qsl(query, keep_blank_values=True))
    for key, value in options.items():
        if key not in OPTIONS:
            near = get_close_matches(key, OPTIONS, n=1)
            hint = f"did you mean {near[0]!r}? " if near else ""
            raise PinError(
                f"model pin {text!r} has the unknown option {key!r}: {hint}"
                f"there are {', '.join(OPTIONS)}"
            )
        check_option(key, value, where=f"model pin {text!r}")
    return options


def check_option(key: str, value: str, *, where: str) -> None:
    """Raise ``PinError`` unless ``value`` is one that the option ``key`` can take."""
    if key == "device" and not DEVICE.fullmatch(value):
        raise PinError(f"{where}: device {value!r} is not one of auto, cpu, cuda, cuda:N, mps")
    if key == "initialization" and not SEED.fullmatch(value):
        raise PinError(
            f"{where}: initialization {value!r} is not the seed of random weights: a whole number "
            "of 0 or more with at most 18 digits, as in initialization=0"
        )
    if key in CHOICES and value not in CHOICES[key]:
        raise PinError(f"{where}: {key} {value!r} is not one of {', '.join(CHOICES[key])}")


def fingerprint(pin: Pin) -> str:
    """Return the sha256 that tells this model's files from all others.

    For a directory it covers every file in it and below, by name and content, except its cards; a
    hub commit is a content address already, so it is hashed as it stands. Random weights add their
    seed to it.
    """
    files = (
        hashlib.sha256(f"{pin.source}@{pin.revision}".encode()).hexdigest()
        if pin.scheme == "hub"
        else directory_sha256(Path(pin.source))
    )
    if pin.initialization is None:
        return files
    return hashlib.sha256(f"{files}?initialization={pin.initialization}".encode()).hexdigest()


CARDS = {"README.md", "card.json", ".gitattributes"}


def directory_sha256(folder: Path) -> str:
    """Return the sha256 over names and contents of all files below ``folder``, cards left out."""
    digest = hashlib.sha256()
    for path in sorted(p for p in folder.rglob("*") if p.is_file() and p.name not in CARDS):
        if ".git" not in path.parts and "__pycache__" not in path.parts:
            digest.update(path.relative_to(folder).as_posix().encode() + b"\0")
            digest.update(file_sha256(path).encode())
    return digest.hexdigest()


def file_sha256(path: Path) -> str:
    """Return the sha256 of a file's bytes, in hex."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
