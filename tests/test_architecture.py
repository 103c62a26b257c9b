"""The tree says: prompt -> neighborhood -> runs -> measurement -> verdict -> report."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

PACKAGE = Path(__file__).parents[1] / "pytest_promptchaos"
STAGES = ("neighborhoods", "models", "dynamics", "measure", "verdict", "report")
NOUNS = {"records", "errors"}
ENTRY_POINTS = {"report/__main__.py": {"store"}}
"""``python -m pytest_promptchaos.report`` joins the store with the report; no stage imports it."""
TORCH_HOMES = {"models", "dynamics"}
HEAVY = {"torch", "transformers", "sentence_transformers", "numpy", "scipy", "pydantic"}
FILES = sorted(PACKAGE.rglob("*.py"))
LIGHT = ["__init__", "__main__", "plugin", "chaos_run", "session", "settings", "errors", "command"]
LIGHT += [f"records/{path.stem}" for path in FILES if path.parent.name == "records"]


def imports(path: Path, *, top_only: bool = False) -> Iterator[str]:
    """Yield the modules that a file imports at run time, those for type checking left out."""
    tree = ast.parse(path.read_text())
    typing_only = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test)
        for inner in ast.walk(node)
    }
    nodes = tree.body if top_only else list(ast.walk(tree))
    for node in nodes:
        if id(node) in typing_only:
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module


def name_of(path: Path) -> str:
    return path.relative_to(PACKAGE).as_posix()


@pytest.mark.parametrize("path", [p for p in FILES if p.parent.name in STAGES], ids=name_of)
def test_a_stage_imports_only_nouns_and_siblings(path: Path) -> None:
    allowed = NOUNS | {path.parent.name} | ENTRY_POINTS.get(name_of(path), set())
    ours = [m.split(".")[1] for m in imports(path) if m.startswith("pytest_promptchaos.")]
    assert set(ours) <= allowed


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_torch_and_transformers_have_two_homes(path: Path) -> None:
    heavy = {m.split(".")[0] for m in imports(path)} & {"torch", "transformers"}
    assert not heavy or path.parent.name in TORCH_HOMES


@pytest.mark.parametrize("name", LIGHT)
def test_a_light_module_imports_nothing_heavy_at_its_top(name: str) -> None:
    top = {m.split(".")[0] for m in imports(PACKAGE / f"{name}.py", top_only=True)}
    assert not top & HEAVY


def test_the_public_names_are_the_ones_that_load() -> None:
    import pytest_promptchaos

    for name in pytest_promptchaos.__all__:
        assert getattr(pytest_promptchaos, name) is not None
    assert set(pytest_promptchaos.__all__) == set(pytest_promptchaos._HOME)
    with pytest.raises(AttributeError, match="no attribute 'assert_nothing'"):
        _ = pytest_promptchaos.assert_nothing


def test_collecting_an_empty_directory_imports_nothing_heavy(tmp_path: Path) -> None:
    code = (
        "import sys, pytest\n"
        "code = pytest.main(['--collect-only', '-q', '-p', 'no:cacheprovider'])\n"
        "assert code == 5, code\n"
        "assert 'pytest_promptchaos.plugin' in sys.modules, 'the plugin is not installed'\n"
        f"found = sorted({HEAVY!r} & set(sys.modules))\n"
        "print('HEAVY', found)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert "HEAVY []" in done.stdout, done.stdout + done.stderr
