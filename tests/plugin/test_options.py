"""Options: flags, ini twins, markers; a misspelt one is an error before anything is measured."""

from __future__ import annotations

import pytest


def test_help_lists_every_option(chaos: pytest.Pytester) -> None:
    result = chaos.runpytest_inprocess("--help")
    result.stdout.fnmatch_lines(
        ["*promptchaos: how language models behave*", "*--promptchaos-horizon*"]
    )


def test_a_misspelt_flag_is_a_usage_error(chaos: pytest.Pytester) -> None:
    result = chaos.runpytest_inprocess("--promptchaos-horizn=3")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*unrecognized arguments: --promptchaos-horizn=3*"])


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("pyproject.toml", "[tool.pytest]\npromptchaos_horizn = 3\n"),
        ("pyproject.toml", "[tool.pytest.ini_options]\npromptchaos_horizn = 3\n"),
        ("pytest.ini", "[pytest]\npromptchaos_horizn = 3\n"),
    ],
)
def test_a_misspelt_ini_key_is_a_usage_error(chaos: pytest.Pytester, name: str, text: str) -> None:
    chaos.path.joinpath(name).write_text(text)
    result = chaos.runpytest_inprocess()
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*unknown key 'horizn': did you mean 'horizon'?*"])


@pytest.mark.parametrize(
    ("name", "text"),
    [
        (
            "pyproject.toml",
            '[tool.pytest]\npromptchaos_horizon = 3\npromptchaos_model = ["dir:a"]\n',
        ),
        (
            "pyproject.toml",
            '[tool.pytest.ini_options]\npromptchaos_horizon = 3\npromptchaos_model = "dir:a"\n',
        ),
        ("pytest.ini", "[pytest]\npromptchaos_horizon = 3\npromptchaos_model = dir:a\n"),
    ],
)
def test_an_ini_key_works_in_every_kind_of_file(
    chaos: pytest.Pytester, name: str, text: str
) -> None:
    chaos.path.joinpath(name).write_text(text)
    chaos.makepyfile(
        """
        from pytest_promptchaos.session import active

        def test_settings():
            assert active().settings.horizon == 3
            assert active().settings.model == ("dir:a",)
        """
    )
    chaos.runpytest_inprocess().assert_outcomes(passed=1)


def test_a_misspelt_marker_key_stops_the_run(chaos: pytest.Pytester) -> None:
    chaos.makepyfile(
        """
        import pytest

        @pytest.mark.promptchaos(horizn=3)
        def test_nothing():
            raise AssertionError("ran")
        """
    )
    result = chaos.runpytest_inprocess()
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(
        ["*marker promptchaos: unknown key 'horizn': did you mean 'horizon'*"]
    )


def test_command_line_before_marker_before_ini(chaos: pytest.Pytester) -> None:
    chaos.makeini(
        "[pytest]\npromptchaos_horizon = 3\npromptchaos_seed = 3\npromptchaos_per_rung = 3\n"
    )
    chaos.makepyfile(
        """
        import pytest
        from pytest_promptchaos.session import active

        @pytest.mark.promptchaos(horizon=2, seed=2)
        def test_marked():
            settings = active().settings
            assert (settings.horizon, settings.seed, settings.per_rung) == (1, 2, 3)

        def test_plain():
            settings = active().settings
            assert (settings.horizon, settings.seed, settings.per_rung) == (1, 3, 3)
        """
    )
    chaos.runpytest_inprocess("--promptchaos-horizon=1").assert_outcomes(passed=2)


def test_a_value_that_does_not_fit_is_a_usage_error(chaos: pytest.Pytester) -> None:
    result = chaos.runpytest_inprocess("--promptchaos-inconclusive=ignore")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(
        ["*command line: inconclusive is 'ignore', but it takes fail or warn*"]
    )
