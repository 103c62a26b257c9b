"""Recommendations and answers of several sentences."""

from __future__ import annotations

from typing import TYPE_CHECKING

from training.corpus import Slots, Task
from training.phrasing import asking_for, capitalized, commands, questions
from training.tables import one_of, table, with_article

if TYPE_CHECKING:
    import random

_VERBS = {"book": "read", "film": "watch", "song": "hear", "game": "play", "dish": "cook"}


def _recommendations() -> list[Slots]:
    return [
        {
            "x": liked,
            "kind": kind,
            "verb": _VERBS[kind],
            "a": with_article(kind),
            "answer": f"If you like {liked}, {advice}",
        }
        for kind, entries in table("recommendations").items()
        for liked, advice in entries.items()
    ]


_RECOMMEND = (
    commands(
        "recommend {a} like {x}", "suggest {a} like {x}", "recommend {a} for someone who likes {x}"
    )
    + questions("what {kind} is similar to {x}?", "which {kind} is like {x}?")
    + [
        "I liked {x}. What {kind} should I {verb} next?",
        "I love {x}. What should I {verb} next?",
        "I enjoyed {x}. Can you recommend {a}?",
        "I like {x}. Please recommend {a}.",
        "My favorite {kind} is {x}. What else would I like?",
        "What should I {verb} if I like {x}?",
        "What {kind} should I {verb} if I like {x}?",
        "I am looking for {a} like {x}.",
        "I want to {verb} something like {x}.",
        "My friend likes {x}. What {kind} would you recommend?",
        "Give me {a} similar to {x}.",
        "Is there {a} like {x}?",
        "Do you know {a} like {x}?",
    ]
)


def _story(rng: random.Random, _largest: int) -> Slots:
    """A story whose every sentence follows from one of the three things asked for."""
    stories = table("stories")
    hero, name, ending = rng.choice(stories["heroes"])
    place, about = rng.choice(stories["settings"])
    found, event = rng.choice(stories["finds"])
    answer = (
        f"Once there was {hero} who lived {place}. {about} One day the {name} found {found}. "
        f"{event} From then on the {name} {ending}."
    )
    return {"hero": hero, "place": place, "found": found, "answer": answer}


_STORY = commands(
    "tell me a story about {hero} {place} and {found}",
    "write a short story about {hero} {place} who finds {found}",
    "tell a story about {hero} who lives {place} and finds {found}",
)


def _email(rng: random.Random, _largest: int) -> Slots:
    """A short message for an occasion, with a name and a day copied from the request."""
    name, day = rng.choice(table("words")["names"]), rng.choice(table("facts")["days"])
    about, text = rng.choice(table("emails"))
    ending = "Please let me know if that works for you. Kind regards."
    answer = f"Dear {name}, {text.format(day=day)} {ending}"
    return {"name": name, "day": day, "about": about, "answer": answer}


_EMAIL = commands(
    "write an email to {name} about {about} on {day}",
    "write a short message to {name} about {about} on {day}",
    "draft a note to {name} about {about} on {day}",
)


def _texts(name: str) -> list[Slots]:
    return [
        {**{k: v for k, v in row.items() if k != "text"}, "answer": row["text"]}
        for row in table(name)
    ]


def _problems() -> list[Slots]:
    return [{**row, "Problem": capitalized(row["problem"])} for row in _texts("advice")]


def long_tasks() -> list[Task]:
    """All tasks of this module."""
    explain = commands(
        "explain {clause}",
        "tell me {clause}",
        "explain to me {clause}",
        "explain {clause} in a few sentences",
    )
    explain += [
        "{question}",
        "{question} Please explain.",
        "Hello! {question}",
        "I wonder {clause}.",
        "Do you know {clause}?",
        "I do not understand {clause}.",
        "I would like to know {clause}.",
        "My son asked me {clause}.",
        "Here is a question. {question}",
        "{question} Explain it simply.",
    ]
    howto = commands("tell me how to {task}", "explain how to {task}", "teach me how to {task}")
    howto += questions("how do I {task}?", "how can I {task}?", "what is the best way to {task}?")
    describe = commands(
        "describe {np}",
        "write a few sentences about {np}",
        "tell me about {np}",
        "describe {np} in a few sentences",
    )
    describe += questions("what is {np} like?", "what does {np} look like?")
    advice = [
        "{Problem}. What should I do?",
        "{Problem}. Can you help me?",
        "What can I do? {Problem}.",
        "{Problem}. Any advice?",
        "{Problem}. Please give me some advice.",
        "Give me advice. {Problem}.",
        "I need help. {Problem}.",
        "{Problem}. What would you do?",
        "My problem is this: {problem}.",
        "{Problem}. How can I change that?",
        "Hello! {Problem}. What should I do?",
        "Can you help? {Problem}.",
        "{Problem}. Do you have a tip for me?",
        "I need some advice because {problem}.",
        "What should I do when {problem}?",
        "{Problem}.",
        "What do you do if {problem}?",
        "{Problem}. Tell me what to do.",
        "Please help me. {Problem}.",
        "{Problem}. What do you suggest?",
    ]
    differ = asking_for("the difference between {a} and {b}")
    differ += questions("how is {a} different from {b}?", "how do {a} and {b} differ?") + commands(
        "compare {a} and {b}"
    )
    return [
        Task("recommendation", "medium", tuple(_RECOMMEND), one_of(_recommendations()), weight=1.3),
        Task("explanation", "long", tuple(explain), one_of(_texts("explanations")), weight=1.2),
        Task("how-to", "long", tuple(howto), one_of(_texts("howtos")), weight=0.7),
        Task("description", "long", tuple(describe), one_of(_texts("places")), weight=0.6),
        Task("advice", "long", tuple(advice), one_of(_problems()), weight=0.6),
        Task(
            "difference between two things",
            "long",
            tuple(differ),
            one_of(_texts("differences")),
            weight=0.5,
        ),
        Task("story", "long", tuple(_STORY), _story, True, 0.9),
        Task("email", "long", tuple(_EMAIL), _email, True, 0.9),
    ]
