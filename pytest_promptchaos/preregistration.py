"""Plans of a bridge, frozen in a file before anything is looked at, and what was changed since.

The file is YAML that a person reads: the plan, its sha256, and every deviation with its date,
what it changed, why, and the sha256 of the plan that it led to. A hash tells an edit by mistake
from none at all; whoever wants to forge one can. So commit the file, or publish its hash, first.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import yaml

from pytest_promptchaos.errors import PreregistrationError
from pytest_promptchaos.written_plan import change_words, changes, checked, fingerprint, written

if TYPE_CHECKING:
    from datetime import date

    from pytest_promptchaos.records import BridgePlan
    from pytest_promptchaos.written_plan import Written

FORMAT = 1
_HEAD = """\
# A plan that was frozen before the data were looked at. Do not edit it by hand: the hashes below
# would no longer match, and it would be refused. What must change is recorded with its reason:
#   promptchaos deviate {name} --set KEY=VALUE --reason TEXT
# sha256 is that of the plan as JSON with sorted keys and without spaces; seal is that of the file.
"""


@dataclass(frozen=True, kw_only=True)
class Deviation:
    """One recorded change of a frozen plan; ``sha256`` is that of the plan it led to."""

    date: str
    changed: tuple[str, ...]
    reason: str
    sha256: str

    def __str__(self) -> str:
        """All of it in one line."""
        return f"{self.date}: {'; '.join(self.changed)}, because: {self.reason} ({self.sha256:.12})"


@dataclass(frozen=True, kw_only=True)
class Frozen:
    """A preregistration. ``plan`` is the last one recorded, ``sha256`` that of the first."""

    path: Path
    title: str
    date: str
    plan: BridgePlan
    sha256: str
    deviations: tuple[Deviation, ...] = ()

    @property
    def latest(self) -> str:
        """The sha256 of ``plan``."""
        return self.deviations[-1].sha256 if self.deviations else self.sha256


def freeze(plan: BridgePlan, path: str | Path, *, title: str, when: date | None = None) -> Frozen:
    """Return the plan as it was just written to ``path``, a new file.

    ``title`` says in words what is planned, ``when`` is the day, today (UTC) where left out.
    Raises ``PreregistrationError`` where the file exists, cannot be written, or would freeze a
    plan without hypotheses or with a number out of range.
    """
    file = Path(path)
    plain = written(checked(written(plan)))
    content: Written = {
        "format": FORMAT,
        "title": _worded("title", title),
        "frozen": _day(when),
        "plan": plain,
        "sha256": fingerprint(plain),
        "deviations": [],
    }
    try:
        with file.open("x", encoding="utf-8") as opened:
            opened.write(_text(content, file))
    except FileExistsError:
        raise PreregistrationError(
            f"{path} exists, and a frozen plan is never overwritten: record what changes with "
            f"promptchaos deviate {path} --set KEY=VALUE --reason TEXT, or name another file"
        ) from None
    except OSError as error:
        raise PreregistrationError(f"{path} cannot be written: {error.strerror}") from error
    return thaw(file)


def thaw(path: str | Path) -> Frozen:
    """Return the preregistration that a file holds, with the plan after its last deviation.

    Raises ``PreregistrationError`` for a file that cannot be read or holds no preregistration, and
    for one whose content does not match its hashes: it was edited by hand.
    """
    file = Path(path)
    content = _loaded(file)
    try:
        return _frozen(file, content)
    except KeyError as error:
        raise _no_plan(file, f"it lacks {error}") from error
    except (TypeError, ValueError, AttributeError) as error:
        raise _no_plan(file, f"it holds what is never written there ({error})") from error


def _frozen(file: Path, content: Written) -> Frozen:
    """Return what a file holds once every hash in it is found to be right."""
    plain = content["plan"]
    _same(file, "plan", fingerprint(plain), content["sha256"])
    for number, entry in enumerate(content["deviations"], start=1):
        plain = _applied(file, number, plain, entry)
    unsealed = {key: value for key, value in content.items() if key != "seal"}
    _same(file, "seal", fingerprint(unsealed), content["seal"])
    return Frozen(
        path=file,
        title=content["title"],
        date=content["frozen"],
        plan=checked(plain),
        sha256=content["sha256"],
        deviations=tuple(map(_deviation, content["deviations"])),
    )


def _deviation(entry: Written) -> Deviation:
    return Deviation(
        date=entry["date"],
        changed=tuple(change_words(entry["changed"])),
        reason=entry["reason"],
        sha256=entry["sha256"],
    )


def record_deviation(
    path: str | Path, plan: BridgePlan, reason: str, *, when: date | None = None
) -> Frozen:
    """Return the preregistration with one more deviation, which leads to ``plan``.

    Raises ``PreregistrationError`` where ``plan`` is the last recorded one, and without a reason.
    """
    frozen = thaw(path)
    before, after = written(frozen.plan), written(checked(written(plan)))
    changed = changes(before, after)
    if not changed:
        raise PreregistrationError(
            f"nothing differs from the plan in {path}, so there is no deviation to record"
        )
    content = _loaded(frozen.path)
    content["deviations"].append(
        {
            "date": _day(when),
            "changed": changed,
            "reason": _worded("reason", reason),
            "sha256": fingerprint(after),
        }
    )
    beside = frozen.path.with_name(f"{frozen.path.name}.new")
    beside.write_text(_text(content, frozen.path), encoding="utf-8")
    beside.replace(frozen.path)
    return thaw(path)


def check_plan(frozen: Frozen, plan: BridgePlan) -> None:
    """Raise ``PreregistrationError`` where ``plan`` is not the last recorded one, naming what is.

    A result of another plan was not preregistered, however good the reason is to change it.
    """
    changed = changes(written(frozen.plan), written(plan))
    if changed:
        last = f"of {frozen.deviations[-1].date}" if frozen.deviations else f"of {frozen.date}"
        raise PreregistrationError(
            f"this is not the plan {last} in {frozen.path} ({frozen.latest:.12}): "
            f"{'; '.join(change_words(changed))}. Run it as frozen, or record the change and its "
            f"reason: promptchaos deviate {frozen.path} --set {next(iter(changed))}=VALUE "
            "--reason TEXT"
        )


# -- the file -------------------------------------------------------------------------------------


def _text(content: Written, file: Path) -> str:
    """Return the file's text, sealed."""
    unsealed = {key: value for key, value in content.items() if key != "seal"}
    sealed = {**unsealed, "seal": fingerprint(unsealed)}
    body = yaml.safe_dump(sealed, sort_keys=False, allow_unicode=True, width=90)
    return _HEAD.format(name=file.name) + body


def _loaded(file: Path) -> Written:
    try:
        content = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        why = getattr(error, "strerror", None) or " ".join(str(error).split())
        raise PreregistrationError(
            f"{file} cannot be read: {why}. It is a file that promptchaos preregister wrote"
        ) from error
    if not isinstance(content, Mapping) or "plan" not in content:
        raise _no_plan(file, "it has no 'plan'")
    if content.get("format") != FORMAT:
        raise _no_plan(file, f"its format is {content.get('format')!r}, and this reads {FORMAT}")
    return dict(content)


def _no_plan(file: Path, why: str) -> PreregistrationError:
    return PreregistrationError(
        f"{file} is no preregistration: {why}; write one with promptchaos preregister FILE "
        "--hypothesis 'PREDICTOR ~ OUTCOME'"
    )


def _applied(file: Path, number: int, plain: Written, entry: Written) -> Written:
    """Return the plan after a deviation; refuse one that starts elsewhere than the last ended."""
    changed = entry["changed"]
    before = {key: change["old"] for key, change in changed.items()}
    _same(file, f"deviation {number}", {key: plain.get(key) for key in before}, before)
    after = plain | {key: change["new"] for key, change in changed.items()}
    _same(file, f"deviation {number}", fingerprint(after), entry["sha256"])
    return after


def _same(file: Path, what: str, found: object, said: object) -> None:
    if found != said:
        raise PreregistrationError(
            f"{file} was edited by hand: its {what} does not match ({found!s:.40} is not "
            f"{said!s:.40}). Restore the file (git checkout -- {file}), then record what must "
            f"change: promptchaos deviate {file} --set KEY=VALUE --reason TEXT"
        )


def _worded(name: str, text: str) -> str:
    told = " ".join(text.split())
    if not told or not told.isprintable():
        what = "holds a character that cannot be printed" if told else "is empty"
        raise PreregistrationError(f"the {name} {what}: say in words what a reader must know")
    return told


def _day(when: date | None) -> str:
    return (when or datetime.now(UTC).date()).isoformat()
