"""A scripted model stands where a language model stands, and says what was written."""

from __future__ import annotations

from math import exp

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_promptchaos.errors import ArgumentError, PromptError
from pytest_promptchaos.models.scripted import END_ID, Script, ScriptedModel, token_id, words
from pytest_promptchaos.records import Message, Prompt, Run

ASKED = Prompt(id="rice", text="How do I cook rice?")


def answered(model: ScriptedModel, *texts: str, horizon: int = 8) -> list[Run]:
    prompts = [Prompt(id=text, text=text) for text in texts]
    batches = model.runs([(p, 0) for p in prompts], shape=(2, 16), horizon=horizon)
    return [run for batch in batches for run in batch]


def test_it_answers_in_words_and_ends() -> None:
    (run,) = answered(ScriptedModel("rice", lambda _: "Boil it."), "How?")
    assert run.tokens == ("Boil", " it.", "<end>")
    assert run.text == "Boil it."
    assert (run.finish, run.output_ids[-1]) == ("end", END_ID)


def test_the_horizon_cuts_an_answer() -> None:
    (run,) = answered(ScriptedModel("rice", lambda _: "Boil it well."), "How?", horizon=2)
    assert (run.tokens, run.finish, run.text) == (("Boil", " it"), "horizon", "Boil it")
    assert len(run.steps) == len(run.output_ids) == 2


def test_nothing_to_say_is_an_end() -> None:
    (run,) = answered(ScriptedModel("silent", lambda _: ""), "How?")
    assert (run.tokens, run.text, run.finish) == (("<end>",), "", "end")


def test_margins_are_planted_per_step() -> None:
    model = ScriptedModel("unsure", lambda _: Script("Boil it.", (3.0, 0.25)))
    (run,) = answered(model, "How?")
    assert [step.margin for step in run.steps] == [3.0, 0.25, 0.25]
    assert run.pieces[run.steps[1].top1] == " it."
    assert run.pieces[run.steps[1].top2] == "<rival>"


def test_the_entropy_is_that_of_two_tokens() -> None:
    (tie, sure) = answered(
        ScriptedModel("unsure", lambda text: Script("Yes", (0.0 if text == "tie" else 4.0,))),
        "tie",
        "sure",
    )
    p = 1 / (1 + exp(-4.0))
    expected = -p * np.log(p) - (1 - p) * np.log(1 - p)
    assert tie.steps[0].branching == pytest.approx(2.0)
    assert sure.steps[0].entropy == pytest.approx(expected)


@pytest.mark.parametrize("margins", [(), (-1.0,), (float("inf"),), (float("nan"),), 3.0, ("a",)])
def test_impossible_margins_are_refused(margins: object) -> None:
    with pytest.raises(ArgumentError, match="each finite and 0 or more"):
        Script("Yes", margins)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("name", "answer", "template", "said"),
    [
        (None, str, None, "the name of a scripted model is None, but its pin is scripted:NAME"),
        ("", str, None, "the name of a scripted model is ''"),
        ("s", None, None, "the answer of 's' is None, a NoneType: pass a function"),
        ("s", "Yes.", None, "the answer of 's' is 'Yes.', a str: pass a function"),
        ("s", str, "chatml", "the template of 's' is 'chatml': pass a function from a Prompt"),
    ],
)
def test_what_is_no_script_is_refused(
    name: object, answer: object, template: object, said: str
) -> None:
    with pytest.raises(ArgumentError, match=said):
        ScriptedModel(name, answer, template=template)  # type: ignore[arg-type]


@pytest.mark.parametrize("said", [None, 3, b"Yes"])
def test_what_is_no_answer_is_refused_with_prompt_and_model(said: object) -> None:
    model = ScriptedModel("mute", lambda _: said)  # type: ignore[arg-type]
    words = rf"script of scripted:mute returned {said!r}, a \w+, at prompt 'How\?': an answer is"
    with pytest.raises(PromptError, match=words):
        answered(model, "How?")


def test_a_script_that_raises_is_told_with_prompt_model_and_its_own_words() -> None:
    model = ScriptedModel("table", lambda text: {"Why?": "Because."}[text])
    words = r"script of scripted:table raised KeyError\(.*'How\?'.*\) at prompt 'How\?': mend"
    with pytest.raises(PromptError, match=words) as error:
        answered(model, "How?")
    assert isinstance(error.value.__cause__, KeyError)


def test_a_template_that_returns_no_text_is_told_with_its_prompt() -> None:
    model = ScriptedModel("list", lambda text: text, template=lambda p: [p.text])  # type: ignore[arg-type, return-value]
    with pytest.raises(
        PromptError, match=r"template of scripted:list returned .* for prompt 'rice'"
    ):
        model.render(ASKED)


def test_a_script_without_text_is_refused() -> None:
    with pytest.raises(ArgumentError, match="the text of a script is None, a NoneType"):
        Script(None)  # type: ignore[arg-type]


def test_an_answer_may_depend_on_the_repeat() -> None:
    model = ScriptedModel("noisy", lambda text, repeat: f"{text} {repeat}")
    ((first, again),) = model.runs([(ASKED, 0), (ASKED, 1)], shape=(2, 32), horizon=8)
    assert first.text != again.text
    assert first.key != again.key


def test_the_template_decides_what_is_seen() -> None:
    trimmed = ScriptedModel("trim", lambda text: text, template=lambda p: p.text.strip())
    spaced = Prompt(id="rice", text=f" {ASKED.text}  ")
    assert trimmed.render(spaced) == trimmed.render(ASKED)
    plain = ScriptedModel("trim", lambda text: text)
    assert plain.render(spaced) != plain.render(ASKED)
    assert plain.identity.template == "none" != trimmed.identity.template


def test_a_template_may_read_the_whole_conversation() -> None:
    model = ScriptedModel(
        "chat", lambda text: text, template=lambda p: " | ".join(m.content for m in p.messages)
    )
    brief = Prompt(id="q", text="Why?", before=(Message(role="system", content="Be brief."),))
    ((run,),) = model.runs([(brief, 0)], shape=(1, 32), horizon=8)
    assert run.text == "Be brief. | Why?"


def test_a_prompt_without_tokens_is_refused() -> None:
    with pytest.raises(PromptError, match="renders to no tokens"):
        ScriptedModel("empty", lambda text: text, template=lambda _: "").render(ASKED)


def test_a_prompt_longer_than_the_context_is_refused() -> None:
    model = ScriptedModel("small", lambda text: text, context=20)
    model.check_length(ASKED, 1)
    with pytest.raises(PromptError, match="shorten the prompt to 18 tokens"):
        model.check_length(ASKED, 2)


def test_it_counts_what_it_decodes() -> None:
    model = ScriptedModel("rice", lambda text: text)
    batches = list(model.runs([(ASKED, r) for r in range(5)], shape=(2, 32), horizon=4))
    assert [len(batch) for batch in batches] == [2, 2, 1]
    assert model.calls == 5


def test_shapes_hold_the_longest_prompt() -> None:
    model = ScriptedModel("rice", lambda text: text)
    assert model.shape([ASKED, Prompt(id="x", text="x" * 40)], 4) == (4, 48)
    assert (model.rows([ASKED] * 9, 8), model.rows([ASKED] * 900, 8)) == (16, 64)
    assert model.together([ASKED] * 3) == [[0, 1, 2]]


def test_other_scripts_have_other_addresses() -> None:
    one, other, newer = (
        ScriptedModel(name, lambda text: text, version=version)
        for name, version in (("a", "1"), ("b", "1"), ("a", "2"))
    )
    keys = {model.key(ASKED, (1, 16), 8, 0) for model in (one, other, newer)}
    assert len(keys) == 3
    assert one.identity.pin == newer.identity.pin == "scripted:a"


def test_answers_that_begin_otherwise_have_other_logits() -> None:
    first, same, other = answered(
        ScriptedModel("echo", lambda text: text), "Boil it", "Boil that", "Fry it"
    )
    assert (first.prompt_logits == same.prompt_logits).all()
    assert (first.prompt_logits != other.prompt_logits).any()
    assert (first.prompt_hidden[-1] != other.prompt_hidden[-1]).any()
    assert first.prompt_logits.dtype == first.prompt_hidden.dtype == np.float32


def test_there_is_nothing_to_force() -> None:
    model = ScriptedModel("echo", lambda text: text)
    center, other = answered(model, "a", "b")
    assert model.forced(center, [other]) is None


@given(st.text(max_size=60))
@settings(deadline=None)
def test_words_join_to_the_text(text: str) -> None:
    assert "".join(words(text)) == text
    assert all(END_ID <= token_id(word) < 2**31 for word in words(text))
