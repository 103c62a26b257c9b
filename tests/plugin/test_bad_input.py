"""Bad input gets a clear error: what, why, and what to do."""

from __future__ import annotations

import pytest

from plugin.conftest import TOKENS


def check(
    chaos: pytest.Pytester, prompt: str = "'Hello there'", **options: str
) -> pytest.RunResult:
    chaos.makepyfile(
        f"""
        from pytest_promptchaos import assert_stable_neighborhood

        def test_it(chaos_model):
            assert_stable_neighborhood(chaos_model, {prompt}, at_most=0.5, metric="token_edit")
        """
    )
    flags = [f"--promptchaos-{name}={value}" for name, value in options.items()]
    return chaos.runpytest_inprocess(*TOKENS, *flags)


@pytest.mark.parametrize(
    ("pin", "told"),
    [
        ("dir:nowhere", "*there is no directory '*nowhere'; write the path*"),
        (
            "hub:org/model",
            "*has no revision*write the full 40-hex commit*--promptchaos-allow-unpinned*",
        ),
        ("hub:org/model@main", "*has the revision 'main', which can change under you*"),
        ("bundled:tiny-chit", "*names no bundled model; did you mean 'bundled:tiny-chat'*"),
        ("tiny-chat", "*is not one of bundled:NAME, dir:PATH or hub:ORG/NAME@*"),
        ("bundled:tiny-chat?dtipe=float32", "*unknown option 'dtipe': did you mean 'dtype'*"),
        ("bundled:tiny-chat?dtype=float8", "*dtype 'float8' is not one of*"),
        ("bundled:tiny-chat?device=cuda:7", "*device 'cuda:7' was asked for, but torch*sees*"),
    ],
)
def test_a_pin_that_names_no_one_model(chaos: pytest.Pytester, pin: str, told: str) -> None:
    result = check(chaos, model=pin)
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines([told])


@pytest.mark.parametrize("prompt", ["''", "'  \\n'", "[]"])
def test_an_empty_prompt(chaos: pytest.Pytester, prompt: str) -> None:
    result = check(chaos, prompt)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*PromptError: *"])


def test_a_prompt_longer_than_the_context(chaos: pytest.Pytester) -> None:
    result = check(chaos, "'word ' * 3000")
    result.stdout.fnmatch_lines(["*has * tokens and the horizon is 16, but*takes 1024*shorten*"])


def test_the_same_prompt_twice(chaos: pytest.Pytester) -> None:
    result = check(chaos, "['Hello there', 'Hello there']")
    result.stdout.fnmatch_lines(["*given more than once: it would count twice*"])


@pytest.mark.parametrize(
    ("embedder", "told"),
    [
        ("dir:nowhere", "*there is no directory*nowhere*"),
        ("offline:other", "*embedder 'offline:other' is not one of offline:all-MiniLM-L6-v2*"),
        ("hub:org/embedder", "*has no revision*"),
    ],
)
def test_an_embedder_that_cannot_be_found(chaos: pytest.Pytester, embedder: str, told: str) -> None:
    result = check(chaos, embedder=embedder)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines([told])


@pytest.mark.parametrize(
    ("call", "told"),
    [
        ("at_most=float('nan')", "*at_most is nan, but it takes a finite number*"),
        ("at_most=None", "*at_most is None, but it takes a finite number*"),
        ("at_most='0.1'", "*at_most is '0.1', but it takes a finite number*"),
        ("at_most=0.1, metric='semantc'", "*metric is 'semantc': did you mean 'semantic'?*"),
        ("at_most=0.1, horizon=0", "*horizon is 0, but it takes a whole number of at least 1*"),
        ("at_most=-1", "*at_most is -1, but it takes a finite number of at least 0*"),
        ("at_most=2", "*at_most is 2, but semantic distance lies between 0 and 2: everything*"),
        ("at_most=1, metric='token_edit'", "*token edit distance lies between 0 and 1*"),
        ("at_most=0.1, metric='answer'", "*nothing reads one: pass extract=*"),
        ("at_most=0.1, extract='numbr'", "*numbr*number*"),
        ("at_most=0.1, horizon='64'", "*horizon is '64', but it takes a whole number*"),
        ("at_most=0.1, horizon=()", "*horizon is empty: pass a number of tokens, or several*"),
        ("at_most=0.1, horizon=(16, 2000)", "*the horizon is 2000*lower the horizon to at most*"),
        ("at_most=0.1, rungs=[]", "*rungs*empty*"),
        ("at_most=0.1, rungs=['positive_control']", "*a control: it is run with every*"),
        ("at_most=0.1, rungs=['paraphrase']", "*no neighbor on paraphrase*author some*"),
        ("at_most=0.1, target='system'", "*system*"),
        ("at_most=0.1, branch_cards='all'", "*branch_cards is 'all'*off or replay or patch*"),
        ("at_most=0.1, paraphrases=['Hello there']", "*is the prompt itself*"),
        ("at_most=0.1, rungs=['formt']", "*there is no rung 'formt': did you mean 'format'*"),
    ],
)
def test_an_argument_that_makes_no_sense_is_found_before_measuring(
    chaos: pytest.Pytester, call: str, told: str
) -> None:
    chaos.makepyfile(
        f"""
        from pytest_promptchaos import assert_stable_neighborhood

        def test_it(chaos_model):
            assert_stable_neighborhood(chaos_model, "Hello there", {call})
        """
    )
    result = chaos.runpytest_inprocess(*TOKENS)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines([told])
    # The error is a sentence and the line of the test, not pages of our own code.
    result.stdout.no_fnmatch_line("*surround.py*")


def test_a_function_is_no_model(chaos: pytest.Pytester) -> None:
    chaos.makepyfile(
        """
        from pytest_promptchaos import assert_stable_neighborhood

        def test_it():
            assert_stable_neighborhood(str.upper, "Hello there", at_most=0.1)
        """
    )
    result = chaos.runpytest_inprocess(*TOKENS)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*neither a model nor a pin: wrap the function: ScriptedModel*"])
    # The short summary shows what is wrong, not where.
    result.stdout.fnmatch_lines(["FAILED *- ArgumentError: the model is*"])
