"""The outputs around a prompt must not move more than you can accept."""

from pytest_promptchaos import assert_stable_neighborhood, neighborhood


def test_capital_stays_the_capital(chaos_model):
    assert_stable_neighborhood(chaos_model, "What is the capital of France?", at_most=0.7)


def test_a_paraphrase_may_move_it_a_little_more(chaos_model):
    assert_stable_neighborhood(
        chaos_model,
        "What is the capital of France?",
        at_most=0.6,
        rungs=["format", "punctuation", "paraphrase"],
        paraphrases=["Name the capital of France.", "Tell me the capital of France."],
        positive_control=["Recommend a book like Dune."],
    )


def test_the_neighborhood_can_be_looked_at_first(chaos_model):
    around = neighborhood("What is the capital of France?", per_rung=6, seed=3)
    assert {"format", "punctuation"} <= {neighbor.rung for neighbor in around.neighbors}
    assert_stable_neighborhood(chaos_model, around, at_most=0.7)
