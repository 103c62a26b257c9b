"""The command ``promptchaos``: freeze a plan, record a deviation, run a bridge, rebuild a report.

Exit codes: 0 done (for a bridge: a hypothesis is supported), 1 none is, 2 something to mend.
What a subcommand needs is imported when it runs, so that ``--help`` answers at once.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_promptchaos.errors import PromptChaosError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pytest_promptchaos.records import BridgePlan, Hypothesis

    Asked = argparse.Namespace
    Run = Callable[[Asked, Sequence[str]], int]

PLAN_KEYS = (
    "clusters",
    "strata",
    "threshold",
    "alpha",
    "censor",
    "resamples",
    "permutations",
    "seed",
)
LISTS = {"hypotheses": ";", "clusters": ",", "strata": ","}
"""Keys of a plan that hold several values -> what parts them after ``--set``."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit code."""
    parser = _parser()
    asked, rest = parser.parse_known_args(arguments)
    if rest and asked.run is not _report:
        parser.error(f"unrecognized arguments: {' '.join(rest)}")
    try:
        run: Run = asked.run
        return run(asked, rest)
    except PromptChaosError as error:
        sys.stderr.write(f"promptchaos: {error}\n")
        return 2


def _show(text: str) -> None:
    sys.stdout.write(text if text.endswith("\n") else f"{text}\n")


# -- subcommands ----------------------------------------------------------------------------------


def _preregister(asked: Asked, _rest: Sequence[str]) -> int:
    from pytest_promptchaos.bridge_plan import PUBLISHED
    from pytest_promptchaos.preregistration import freeze
    from pytest_promptchaos.records import BridgePlan
    from pytest_promptchaos.written_plan import changed_plan, hypothesis_text

    hypotheses: tuple[Hypothesis, ...] = tuple(getattr(asked, "hypotheses", PUBLISHED))
    plan = changed_plan(BridgePlan(hypotheses=hypotheses), _given(asked))
    frozen = freeze(plan, asked.file, title=asked.title)
    told = "\n".join(f"  {hypothesis_text(one)}" for one in plan.hypotheses)
    _show(
        f"{asked.file} holds the plan, sha256 {frozen.sha256}\n{told}\n"
        f"commit it before the data are read, then: "
        f"promptchaos bridge DEPTH.csv COLLAPSE.csv --preregistration {asked.file}"
    )
    return 0


def _deviate(asked: Asked, _rest: Sequence[str]) -> int:
    from pytest_promptchaos.preregistration import record_deviation, thaw

    plan = _replaced(thaw(asked.file).plan, asked.replaced)
    frozen = record_deviation(asked.file, _set(plan, asked.changes), asked.reason)
    _show(f"{asked.file}: {frozen.deviations[-1]}")
    return 0


def _bridge(asked: Asked, _rest: Sequence[str]) -> int:
    from pytest_promptchaos.bridge_checks import measure_bridge
    from pytest_promptchaos.bridge_text import bridge_text

    knobs: dict[str, Any] = _given(asked)
    if asked.preregistration is not None:
        knobs["preregistration"] = asked.preregistration
    if asked.excluded:
        knobs["exclusions"] = {name: name for name in asked.excluded}
    files = (asked.depth,) if asked.collapse is None else (asked.depth, asked.collapse)
    table = files if len(files) > 1 else asked.depth
    bridge = measure_bridge(table, getattr(asked, "hypotheses", None), **knobs).bridge
    assert bridge is not None
    _show(bridge_text(bridge))
    return 0 if any(one.standing == "supported" for one in bridge.associations) else 1


def _report(_asked: Asked, rest: Sequence[str]) -> int:
    from pytest_promptchaos.report.__main__ import main as report

    return report(rest)


def _given(asked: Asked) -> dict[str, Any]:
    """Return the keys of the plan that the command line names, and no defaults."""
    return {key: getattr(asked, key) for key in PLAN_KEYS if hasattr(asked, key)}


def _replaced(plan: BridgePlan, pairs: Sequence[Sequence[Hypothesis]]) -> BridgePlan:
    """Return the plan with some hypotheses in the place of others."""
    from dataclasses import replace

    from pytest_promptchaos.errors import PreregistrationError

    for old, new in pairs:
        names = [one.name for one in plan.hypotheses]
        if old.name not in names:
            raise PreregistrationError(
                f"{old.name} is no hypothesis of the plan: it has {', '.join(names)}"
            )
        places = tuple(new if one.name == old.name else one for one in plan.hypotheses)
        plan = replace(plan, hypotheses=places)
    return plan


def _set(plan: BridgePlan, changes: Sequence[tuple[str, str]]) -> BridgePlan:
    """Return the plan with keys set as text."""
    from pytest_promptchaos.written_plan import changed_plan

    wanted: dict[str, object] = {}
    for key, text in changes:
        parts = [part.strip() for part in text.split(LISTS.get(key, ";"))]
        wanted[key] = [part for part in parts if part] if key in LISTS else text
    return changed_plan(plan, wanted)


# -- arguments ------------------------------------------------------------------------------------


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="promptchaos",
        description="Freeze a plan, record a deviation, run a bridge, rebuild a report.",
        epilog="Tests themselves run with pytest: pytest --help, the group 'promptchaos'.",
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for add in (_add_preregister, _add_deviate, _add_bridge):
        add(commands)
    report = commands.add_parser(
        "report", add_help=False, help="rebuild the documents of a run (report --help)"
    )
    report.set_defaults(run=_report)
    return parser


def _add_preregister(commands: Any) -> None:
    parser = commands.add_parser(
        "preregister",
        parents=[_plan_options()],
        help="freeze hypotheses and plan in a new file",
        description="Freeze hypotheses and plan in a new file, with their sha256. Without "
        "--hypothesis the six published ones are frozen.",
    )
    parser.add_argument("file", type=Path, metavar="FILE", help="the file to write (YAML)")
    parser.add_argument("--title", default="Depth and collapse", help="what is planned, in words")
    parser.set_defaults(run=_preregister)


def _add_deviate(commands: Any) -> None:
    parser = commands.add_parser(
        "deviate",
        help="record a change of a frozen plan, with its reason",
        description="Record a change of a frozen plan, with its reason. Keys are hypotheses "
        "(parted by ';'), clusters and strata (parted by ','), threshold, alpha, censor, "
        "resamples, permutations and seed.",
    )
    parser.add_argument("file", type=Path, metavar="FILE", help="the file of the plan")
    parser.add_argument(
        "--set",
        dest="changes",
        action="append",
        type=_key_and_value,
        default=[],
        metavar="KEY=VALUE",
        help="what is changed, as in --set censor=after; may be repeated",
    )
    parser.add_argument(
        "--replace",
        dest="replaced",
        action="append",
        nargs=2,
        type=_hypothesis,
        default=[],
        metavar=("OLD", "NEW"),
        help="one hypothesis in the place of another",
    )
    parser.add_argument("--reason", required=True, metavar="TEXT", help="why, in words")
    parser.set_defaults(run=_deviate)


def _add_bridge(commands: Any) -> None:
    parser = commands.add_parser(
        "bridge",
        parents=[_plan_options()],
        help="test whether depth features go with collapse, between models and inside them",
        description="Test whether depth features go with collapse, between models and inside "
        "them. Exit code 0 where a hypothesis is supported, 1 where none is.",
    )
    parser.add_argument("depth", type=Path, metavar="DEPTH.csv", help="depth features")
    parser.add_argument(
        "collapse",
        type=Path,
        nargs="?",
        metavar="COLLAPSE.csv",
        help="collapses, merged on condition, seed_id and repeat_index; left out where the first "
        "file holds both",
    )
    parser.add_argument(
        "--preregistration", type=Path, metavar="FILE", help="the frozen plan; another is refused"
    )
    parser.add_argument(
        "--exclude",
        dest="excluded",
        action="append",
        default=[],
        metavar="COLUMN",
        help="flags of rows to leave out in a sensitivity analysis; may be repeated",
    )
    parser.set_defaults(run=_bridge)


def _plan_options() -> argparse.ArgumentParser:
    """Return the options of a plan; those that are not given are not there."""
    parser = argparse.ArgumentParser(add_help=False, argument_default=argparse.SUPPRESS)
    parser.add_argument(
        "--hypothesis",
        dest="hypotheses",
        action="append",
        type=_hypothesis,
        metavar="'X ~ Y'",
        help="a depth feature and an outcome, '(+)' or '(-)' behind where the sign is said "
        "beforehand; may be repeated",
    )
    for name, what in (("clusters", "share a predictor"), ("strata", "are compared inside")):
        parser.add_argument(
            f"--{name}", action="append", metavar="COLUMN", help=f"rows equal in it {what}"
        )
    parser.add_argument("--threshold", type=float, help="least |rho| that counts (0.40)")
    parser.add_argument("--alpha", type=float, help="error rate of the family (0.05)")
    parser.add_argument(
        "--censor",
        choices=("after", "last", "exclude"),
        help="first turn of a conversation that never collapses (after)",
    )
    for name, default in (("resamples", "10,000"), ("permutations", "9,999"), ("seed", "42")):
        parser.add_argument(f"--{name}", type=int, metavar="N", help=f"({default})")
    return parser


def _hypothesis(text: str) -> Hypothesis:
    from pytest_promptchaos.written_plan import hypothesis_of

    try:
        return hypothesis_of(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def _key_and_value(text: str) -> tuple[str, str]:
    key, equals, value = text.partition("=")
    if not equals or not key.strip():
        raise argparse.ArgumentTypeError(f"{text!r} is no KEY=VALUE, as in censor=after")
    return key.strip(), value.strip()
