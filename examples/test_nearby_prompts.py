"""The outputs around a prompt must not move more than you can accept."""

from dataclasses import replace

from hypothesis import assume, given, settings

from pytest_promptchaos import (
    assert_responsive,
    assert_stable_neighborhood,
    find_worst,
    measure_neighborhood,
    neighborhood,
    neighbors,
)

CAPITAL = "What is the capital of France?"


def test_capital_stays_the_capital(chaos_model):
    assert_stable_neighborhood(chaos_model, CAPITAL, at_most=0.8)


def test_a_paraphrase_may_move_it_a_little_more(chaos_model):
    assert_stable_neighborhood(
        chaos_model,
        CAPITAL,
        at_most=0.7,
        rungs=["format", "punctuation", "paraphrase"],
        paraphrases=["Name the capital of France.", "Tell me the capital of France."],
        positive_control=["Recommend a book like Dune."],
    )


def test_the_neighborhood_can_be_looked_at_first(chaos_model):
    around = neighborhood(CAPITAL, per_rung=6, seed=3)
    assert {"format", "punctuation"} <= {neighbor.rung for neighbor in around.neighbors}
    assert_stable_neighborhood(chaos_model, around, at_most=0.7)


def test_another_question_gets_another_answer(chaos_model):
    # The second axis: a model that always says the same is perfectly stable.
    assert_responsive(
        chaos_model,
        CAPITAL,
        at_least=0.3,
        small_semantic=["What is the capital of Japan?", "What is the capital of Peru?"],
        positive_control=["Explain why it rains.", "How do I make tea?"],
    )


def test_the_answer_alone_is_compared(chaos_model):
    # Parentheses around a word may change the sentence, as long as it ends with the same city.
    assert_stable_neighborhood(
        chaos_model,
        CAPITAL,
        at_most=0.7,
        per_rung=8,
        metric="answer",
        extract=r"regex:(\w+)\.$",
        small_semantic=["What is the capital of Japan?"],
    )


def test_the_worst_edit_is_searched_and_shrunk(chaos_model):
    worst = find_worst(
        chaos_model,
        "How can I paint a wall?",
        at_most=0.3,
        budget=60,
        metric="token_edit",
        horizon=24,
    )
    # A weak place of this model; the next run tries it first. `print(worst)` tells all.
    assert worst.fails
    assert worst.smallest.edit == "added 1 trailing space"


@settings(max_examples=10, deadline=None)
@given(neighbor=neighbors(CAPITAL, rungs=["punctuation"], most=1))
def test_paris_survives_any_other_mark(chaos_model, neighbor):
    # Parentheses around a word do change what this model answers.
    assume(neighbor.kind != "parenthesized_word")
    alone = replace(neighborhood(CAPITAL), neighbors=(neighbor,))
    (pair,) = measure_neighborhood(chaos_model, alone, branch_cards="off").pairs
    assert "Paris" in pair.output_b
