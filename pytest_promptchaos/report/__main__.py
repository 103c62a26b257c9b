"""Rebuild the documents of a run from its evidence store: no torch, no GPU, no tests.

python -m pytest_promptchaos.report [FOLDER] [--session NAME] [--list]
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_promptchaos.errors import PromptChaosError, StoreError
from pytest_promptchaos.report.documents import write_documents
from pytest_promptchaos.store import Store

if TYPE_CHECKING:
    from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the documents of one session and return the exit code."""
    asked = _parser().parse_args(arguments)
    try:
        store = _store(asked.folder)
        sessions = store.sessions()
        if asked.list:
            sys.stdout.write("".join(f"{name}\n" for name in sessions))
            return 0
        written, failed = write_documents(
            store.records(_chosen(sessions, asked.session)), asked.folder
        )
    except PromptChaosError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    sys.stdout.write("".join(f"{name}: {path}\n" for name, path in written.items()))
    sys.stderr.write("".join(f"{words}\n" for words in failed))
    return 1 if failed else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m pytest_promptchaos.report", description=__doc__
    )
    parser.add_argument("folder", nargs="?", type=Path, default=Path(".promptchaos"))
    parser.add_argument("--session", help="which run; the last one by default")
    parser.add_argument("--list", action="store_true", help="list the runs that left records")
    return parser


def _store(folder: Path) -> Store:
    path = folder / "evidence.sqlite"
    if not path.is_file():
        raise StoreError(f"there is no evidence store at {path}: name the folder of a run")
    return Store(path)


def _chosen(sessions: Sequence[str], asked: str | None) -> str:
    if not sessions:
        raise StoreError("the store holds evidence, but no run has left a record in it yet")
    if asked is None:
        return sessions[-1]
    if asked not in sessions:
        raise StoreError(f"no run is called {asked!r}; --list shows the {len(sessions)} there are")
    return asked


if __name__ == "__main__":
    sys.exit(main())
