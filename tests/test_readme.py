"""The README's code runs, and its tables are what the code says."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from plugin.conftest import QUICK

README = (Path(__file__).parents[1] / "README.md").read_text()
CODE = re.findall(r"```python\n(.*?)```", README, flags=re.DOTALL)


def test_the_ten_lines_run(pytester: pytest.Pytester) -> None:
    code, *_ = CODE
    assert len([line for line in code.splitlines() if line.strip()]) <= 10
    pytester.makepyfile(test_readme=code)
    result = pytester.runpytest_subprocess(*QUICK, "-p", "network_guard", "--promptchaos-no-report")
    # Whatever the verdicts are, both checks ran and said one.
    assert result.ret in {pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED}
    result.stdout.fnmatch_lines(["tiny-chat: *"])
    result.stdout.no_fnmatch_line("*ImportError*")


def test_the_neighborhoods_section_runs(pytester: pytest.Pytester) -> None:
    _, code, *_ = CODE
    pytester.makepyfile(test_neighborhoods_readme=code)
    result = pytester.runpytest_subprocess(*QUICK, "-p", "network_guard", "--promptchaos-no-report")
    assert result.ret in {pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED}
    for mistake in ("ImportError", "TypeError", "ArgumentError"):
        result.stdout.no_fnmatch_line(f"*{mistake}*")
    assert sum(result.parseoutcomes().values()) == 4


def test_the_depth_section_runs(pytester: pytest.Pytester) -> None:
    _, _, code, *_ = CODE
    pytester.makeconftest(
        """
        import pytest, torch

        @pytest.fixture
        def my_input():
            return torch.linspace(-1, 1, 6)

        @pytest.fixture
        def my_stack():
            torch.manual_seed(0)
            return torch.nn.Sequential(torch.nn.Linear(6, 6), torch.nn.Tanh())
        """
    )
    pytester.makepyfile(test_depth_readme=code)
    result = pytester.runpytest_subprocess(*QUICK, "-p", "network_guard", "--promptchaos-no-report")
    result.assert_outcomes(passed=2)


def test_the_self_play_section_runs(pytester: pytest.Pytester) -> None:
    _, _, _, code, _ = CODE
    pytester.makepyfile(test_self_play_readme=code)
    result = pytester.runpytest_subprocess(*QUICK, "-p", "network_guard", "--promptchaos-no-report")
    assert result.ret in {pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED}
    for mistake in ("ImportError", "TypeError", "ArgumentError", "TableError"):
        result.stdout.no_fnmatch_line(f"*{mistake}*")
    assert sum(result.parseoutcomes().values()) == 2


def test_the_images_section_runs(pytester: pytest.Pytester) -> None:
    *_, code = CODE
    suites = Path(__file__).parents[1] / "suites"
    pytester.makepyfile(test_images_readme=code.replace('"suites/', f'"{suites}/'))
    result = pytester.runpytest_subprocess("-p", "network_guard", "--promptchaos-no-report")
    # "Is there no X?" was never trained: it contradicts the others, as the section says.
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*flip_rate*is outside flips_at_most=0.15*"])


def test_the_options_table_is_up_to_date() -> None:
    root = Path(__file__).parents[1]
    done = subprocess.run([sys.executable, root / "docs/build.py", "--check"], check=False)
    assert done.returncode == 0, "run `make docs`"


def test_the_two_commands_stand_first() -> None:
    first = README.index("```")
    assert README[first:].splitlines()[1].startswith("$ make demo")
    assert README[first:].splitlines()[2].startswith("$ make test")
