"""The generated corpus: always the same, nothing held out leaks, the answers are right."""

from __future__ import annotations

import itertools
import random
import re
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
pytest.importorskip("transformers")

from training.corpus import BRIEF_PROMPTS, Task, evaluation_dialogues, exchange, training_dialogues
from training.curriculum import all_tasks
from training.noise import NOISES, noised
from training.tables import table

TASKS = all_tasks()
BY_NAME = {task.name: task for task in TASKS}
KNOWN_WORDS = set(table("words")["words"])
each_task = pytest.mark.parametrize("task", TASKS, ids=lambda task: task.name)


def drawn(name: str, count: int = 200) -> list[tuple[str, str, str | None]]:
    """Prompts, answers and one-word answers of one task, from trained and held-out parts."""
    rng = random.Random(3)
    parts = ("trained", "held-out templates")
    found = [exchange(BY_NAME[name], rng, part) for part in parts for _ in range(count)]
    return [(one.prompt, one.answer, one.brief) for one in found]


def test_the_stream_is_a_function_of_its_seed() -> None:
    first, again, other = (
        list(itertools.islice(training_dialogues(TASKS, seed), 300)) for seed in (5, 5, 6)
    )
    assert first == again
    assert first != other


def test_the_stream_does_not_change_unnoticed() -> None:
    one = next(iter(evaluation_dialogues(BY_NAME["capital"], "held-out templates", "plain", 1, 1)))
    same = next(iter(evaluation_dialogues(BY_NAME["capital"], "held-out templates", "plain", 1, 1)))
    assert one == same


@each_task
def test_templates_are_many_and_different(task: Task) -> None:
    assert len(task.templates) >= 10
    assert len(set(task.templates)) == len(task.templates)


@each_task
def test_held_out_templates_are_whole_and_disjoint(task: Task) -> None:
    held_out, trained = set(task.held_out_templates), set(task.trained_templates)
    assert held_out
    assert not held_out & trained
    assert held_out | trained == set(task.templates)
    assert 0.1 <= len(held_out) / len(task.templates) <= 0.3
    rng = random.Random(1)
    assert {exchange(task, rng, "trained").template for _ in range(300)} <= trained
    assert {exchange(task, rng, "held-out templates").template for _ in range(100)} <= held_out


@each_task
def test_held_out_prompts_never_occur_in_training(task: Task) -> None:
    rng = random.Random(2)
    shown = {exchange(task, rng, "trained").prompt for _ in range(1000)}
    for part in ("held-out instances", "held-out templates"):
        asked = {
            one.prompt[-1]["content"] for one in evaluation_dialogues(task, part, "plain", 60, 1)
        }
        assert asked
        assert not asked & shown


@each_task
def test_prompts_are_filled_in_and_start_with_a_capital(task: Task) -> None:
    rng = random.Random(4)
    for _ in range(100):
        one = exchange(task, rng, "trained")
        assert not re.search(r"[{}]", one.prompt + one.answer)
        assert one.prompt[0] == one.prompt[0].upper()
        assert "  " not in one.prompt
        assert one.prompt == one.prompt.strip()


@pytest.mark.parametrize("name", [task.name for task in TASKS if task.fresh_content])
def test_fresh_content_is_held_out_in_every_phrasing(name: str) -> None:
    rng = random.Random(6)
    for _ in range(100):
        template, slots = rng.choice(BY_NAME[name].trained_templates), BY_NAME[name].draw(rng, 4)
        others = rng.sample(BY_NAME[name].trained_templates, 5)
        kept = BY_NAME[name].is_held_out(template, slots)
        assert {BY_NAME[name].is_held_out(other, slots) for other in others} == {kept}


def test_sums_and_differences_are_right() -> None:
    for prompt, answer, brief in drawn("sum"):
        a, b, c = map(int, re.findall(r"\d+", answer))
        assert a + b == c
        assert str(c) == brief
        assert sorted(map(int, re.findall(r"\d+", prompt))) == sorted((a, b))
    for _, answer, brief in drawn("difference"):
        a, b, c = map(int, re.findall(r"\d+", answer))
        assert a - b == c >= 0
        assert str(c) == brief


@pytest.mark.parametrize("name", ["scene", "scene negated", "scene ruled out"])
def test_scene_answers_say_what_is_there(name: str) -> None:
    for prompt, answer, brief in drawn(name):
        said = re.match(r"(Yes|No), there is (a|an|no) (\w+) ", answer)
        assert said
        word, kind, thing = said.groups()
        assert word == brief
        assert (kind != "no") == (word == "Yes" if name == "scene" else word == "No")
        named = len(re.findall(rf"\b{thing}\b", prompt, re.IGNORECASE))
        assert named == (1 if kind == "no" else 2)


def test_word_lists_are_read_right() -> None:
    for name, wanted in (("first word", 0), ("last word", -1)):
        for prompt, answer, _ in drawn(name):
            lists = [found.split(", ") for found in re.findall(r"\w+(?:, \w+)+", prompt)]
            words = next(one for one in lists if set(one) <= KNOWN_WORDS)
            assert answer == f"The {name} is {words[wanted]}."


def test_long_answers_have_several_sentences() -> None:
    for task in TASKS:
        if task.length == "long":
            for _, answer, _ in drawn(task.name, 30):
                assert answer.count(". ") + answer.count("? ") >= 1
                assert 25 <= len(answer.split()) <= 75


def test_different_topics_have_clearly_different_answers() -> None:
    for name in ("explanation", "how-to", "description", "advice"):
        answers = {answer for _, answer, _ in drawn(name, 400)}
        starts = {" ".join(answer.split()[:6]) for answer in answers}
        assert len(starts) == len(answers) >= 12


def test_brief_styles_ask_for_one_word() -> None:
    asked = evaluation_dialogues(BY_NAME["capital"], "held-out templates", "brief prompt", 40, 1)
    wrappers = [one.replace("{p}", "") for one in BRIEF_PROMPTS]
    for one in asked:
        assert any(words.strip() in one.prompt[-1]["content"] for words in wrappers)
        assert len(one.answer.split()) <= 3


def test_noise_keeps_letters_and_answer() -> None:
    rng = random.Random(8)
    for one in itertools.islice(training_dialogues(TASKS, 9), 300):
        other = noised(one, rng)
        assert other.answer == one.answer
        assert other.messages[:-2] == one.messages[:-2]
        before, after = (
            re.sub(r"[\s?!.:;]", "", text.messages[-2]["content"]).lower() for text in (one, other)
        )
        assert before == after


def test_every_noise_changes_some_request() -> None:
    rng = random.Random(10)
    for noise in NOISES:
        assert any(
            noise("What is the capital of France?", rng) != "What is the capital of France?"
            for _ in range(20)
        )
