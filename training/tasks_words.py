"""Short tasks on numbers and on lists of words, and the small talk."""

from __future__ import annotations

from typing import TYPE_CHECKING

from training.corpus import Draw, Slots, Task
from training.phrasing import asking_for, commands, questions
from training.tables import one_of, table

if TYPE_CHECKING:
    import random
    from collections.abc import Callable

_WORDS = table("words")
_COUNTS = ("zero", "one", "two", "three", "four", "five", "six")


def _sum(rng: random.Random, _largest: int) -> Slots:
    a, b = rng.randint(0, 12), rng.randint(0, 12)
    return {"a": str(a), "b": str(b), "answer": f"{a} plus {b} is {a + b}.", "brief": str(a + b)}


def _difference(rng: random.Random, _largest: int) -> Slots:
    b, c = rng.randint(0, 12), rng.randint(0, 12)
    return {"a": str(b + c), "b": str(b), "answer": f"{b + c} minus {b} is {c}.", "brief": str(c)}


def _larger(rng: random.Random, _largest: int) -> Slots:
    a, b = rng.sample(range(30), 2)
    word = rng.choice(("larger", "smaller"))
    won, lost = (max(a, b), min(a, b)) if word == "larger" else (min(a, b), max(a, b))
    return {
        "a": str(a),
        "b": str(b),
        "cmp": word,
        "answer": f"{won} is {word} than {lost}.",
        "brief": str(won),
    }


def number_tasks() -> list[Task]:
    """Sums, differences and comparisons of small numbers."""
    plus = asking_for("{a} plus {b}", "the sum of {a} and {b}", "{a} + {b}")
    plus += commands("add {a} and {b}", "add {b} to {a}") + questions(
        "how much is {a} plus {b}?", "{a} + {b} = ?"
    )
    minus = asking_for("{a} minus {b}", "{a} - {b}") + commands(
        "subtract {b} from {a}", "take {b} away from {a}"
    )
    minus += questions("how much is {a} minus {b}?", "{a} - {b} = ?")
    larger = questions(
        "which is {cmp}, {a} or {b}?",
        "which number is {cmp}, {a} or {b}?",
        "what is {cmp}: {a} or {b}?",
    )
    larger += asking_for("the {cmp} number of {a} and {b}")
    return [
        Task("sum", "short", tuple(plus), _sum, True, 3.0),
        Task("difference", "short", tuple(minus), _difference, True, 3.0),
        Task("larger number", "short", tuple(larger), _larger, True, 1.5),
    ]


def _list_draw(answered: Callable[[list[str]], str]) -> Draw:
    def draw(rng: random.Random, largest: int) -> Slots:
        words = rng.sample(_WORDS["words"], rng.randint(2, max(2, largest)))
        return {"words": ", ".join(words), "answer": answered(words)}

    return draw


def list_tasks() -> list[Task]:
    """Repeating, joining and counting words; the first and the last of a list."""
    repeat = commands(
        "repeat these words: {words}", "repeat this list: {words}", "say these words again: {words}"
    )
    join = commands("join these words with and: {words}", "write these words with and: {words}")
    count = questions(
        "how many words are in this list? {words}.", "how many words are there? {words}."
    )
    count += commands("count these words: {words}", "count the words in this list: {words}")
    first = asking_for("the first word in this list: {words}", "the first word of {words}")
    last = asking_for("the last word in this list: {words}", "the last word of {words}")
    made: list[tuple[str, list[str], Draw]] = [
        ("repeat words", repeat, _list_draw(lambda words: f"The words are {', '.join(words)}.")),
        ("join words", join, _list_draw(lambda words: f"The words are {' and '.join(words)}.")),
        ("count words", count, _list_draw(lambda words: f"There are {_COUNTS[len(words)]} words.")),
        ("first word", first, _list_draw(lambda words: f"The first word is {words[0]}.")),
        ("last word", last, _list_draw(lambda words: f"The last word is {words[-1]}.")),
    ]
    return [Task(name, "short", tuple(said), draw, True, 1.2) for name, said, draw in made]


def warm_up_task() -> Task:
    """Copying random sequences of words, shown alone at the very start of training."""

    def draw(rng: random.Random, _largest: int) -> Slots:
        pool = _WORDS["words"] + _WORDS["objects"] + _WORDS["names"]
        words = " ".join(rng.choices(pool, k=rng.randint(3, 12)))
        return {"words": words, "answer": words}

    return Task(
        "warm-up copying",
        "warm-up",
        ("Copy: {words}", "Say: {words}", "Write: {words}"),
        draw,
        True,
    )


_TALK = {
    "Hello! How can I help you?": (
        "Hello!",
        "Hi!",
        "Good morning!",
        "Hello there.",
        "Hi there!",
        "Good day!",
        "Hey!",
    ),
    "You are welcome. Is there anything else?": (
        "Thank you!",
        "Thanks!",
        "Thank you very much.",
        "Many thanks!",
        "Thanks a lot.",
        "That helped, thank you.",
    ),
    "Goodbye! It was nice to talk with you.": (
        "Goodbye!",
        "Bye!",
        "See you later.",
        "I have to go now.",
        "Good night!",
    ),
    "I am Tiny Chat, a very small language model.": (
        "Who are you?",
        "What is your name?",
        "What are you?",
        "Tell me who you are.",
        "Are you a person?",
        "Introduce yourself.",
    ),
    "I am fine, thank you. How are you?": (
        "How are you?",
        "How are you today?",
        "How do you do?",
        "Are you well?",
    ),
    "I can answer small questions, tell stories and explain simple things.": (
        "What can you do?",
        "How can you help me?",
        "What can I ask you?",
        "Tell me what you can do.",
        "Help!",
    ),
}
_TALK_FRAMES = (
    "{x}",
    "Hey, {x}",
    "{x} :)",
    "Dear assistant, {x}",
    "Oh, {x}",
    "Well, {x}",
    "So, {x}",
    "{x} Please answer.",
    "Okay. {x}",
    "All right, {x}",
)


def talk_tasks() -> list[Task]:
    """Greetings, thanks and questions about the model itself."""
    said = [{"x": x, "answer": answer} for answer, ways in _TALK.items() for x in ways]
    return [Task("small talk", "short", _TALK_FRAMES, one_of(said), weight=0.7)]


def word_tasks() -> list[Task]:
    """All tasks of this module that are evaluated."""
    return [*number_tasks(), *list_tasks(), *talk_tasks()]
