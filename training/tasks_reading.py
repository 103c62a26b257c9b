"""Short tasks answered from the prompt itself: scenes, owners, reviews."""

from __future__ import annotations

from typing import TYPE_CHECKING

from training.corpus import Draw, Slots, Task
from training.phrasing import capitalized, questions
from training.tables import listed, sentence, table, with_article

if TYPE_CHECKING:
    import random

_WORDS = table("words")

_SCENES = (
    "There is {list} {place}.",
    "{Place} there is {list}.",
    "{Place}: {list}.",
    "{List} can be found {place}.",
    "{Place} you can see {list}.",
    "I see {list} {place}.",
    "I put {list} {place}.",
    "Somebody left {list} {place}.",
)
_ORDERS = (
    "{scene} {q}",
    "{q} {scene}",
    "{scene}\n{q}",
    "Read this: {scene} {q}",
    "{scene} Now tell me: {q}",
)

_ASKED = {
    "scene": (
        "Is there {a} {place}?",
        "Is {a} {place}?",
        "Can you see {a} {place}?",
        "Is it true that there is {a} {place}?",
        "Do we have {a} {place}?",
        "Would I find {a} {place}?",
    ),
    "scene negated": (
        "Is there no {x} {place}?",
        "Is it true that there is no {x} {place}?",
        "Is {a} missing {place}?",
        "So there is no {x} {place}?",
        "Is it right that no {x} is {place}?",
        "There is no {x} {place}, is that true?",
    ),
    "scene ruled out": (
        "Can you rule out that there is {a} {place}?",
        "Can you rule out {a} {place}?",
        "Could you rule out that {a} is {place}?",
        "Can we exclude that there is {a} {place}?",
        "Is it safe to rule out {a} {place}?",
        "Can I be sure that there is no {x} {place}?",
    ),
}


def _scene_draw(affirms: bool) -> Draw:
    def draw(rng: random.Random, largest: int) -> Slots:
        seen = rng.sample(_WORDS["objects"], rng.randint(1, largest))
        present = rng.random() < 0.5
        asked = rng.choice(
            seen if present else [one for one in _WORDS["objects"] if one not in seen]
        )
        place = rng.choice(_WORDS["places"])
        word = "Yes" if present == affirms else "No"
        there = with_article(asked) if present else f"no {asked}"
        return {
            "list": listed([with_article(one) for one in seen]),
            "List": capitalized(listed([with_article(one) for one in seen])),
            "x": asked,
            "a": with_article(asked),
            "place": place,
            "Place": capitalized(place),
            "answer": f"{word}, there is {there} {place}.",
            "brief": word,
        }

    return draw


def _scene_templates(asked: tuple[str, ...]) -> list[str]:
    return [
        o.replace("{scene}", s).replace("{q}", q) for o in _ORDERS for s in _SCENES for q in asked
    ]


def scene_tasks() -> list[Task]:
    """Yes/no questions about a short scene: plain, negated, and "can you rule out"."""
    return [
        Task(name, "short", tuple(_scene_templates(asked)), _scene_draw(name == "scene"), True, 3.0)
        for name, asked in _ASKED.items()
    ]


def _owners(rng: random.Random, largest: int) -> tuple[list[str], list[str], str]:
    count = rng.randint(1, max(2, largest - 1))
    names, things = rng.sample(_WORDS["names"], count), rng.sample(_WORDS["objects"], count)
    facts = listed([f"{n} has {with_article(t)}" for n, t in zip(names, things, strict=True)])
    return names, things, sentence(facts)


def _owner(rng: random.Random, largest: int) -> Slots:
    names, things, facts = _owners(rng, largest)
    name, thing = rng.choice(list(zip(names, things, strict=True)))
    return {"facts": facts, "x": thing, "answer": f"{name} has the {thing}.", "brief": name}


def _owned(rng: random.Random, largest: int) -> Slots:
    names, things, facts = _owners(rng, largest)
    name, thing = rng.choice(list(zip(names, things, strict=True)))
    return {"facts": facts, "x": name, "answer": f"{name} has {with_article(thing)}."}


def _around(asked: list[str]) -> tuple[str, ...]:
    return tuple(
        order.format(facts="{facts}", q=q)
        for order in ("{facts} {q}", "{q} {facts}", "{facts}\n{q}")
        for q in asked
    )


def owner_tasks() -> list[Task]:
    """Who has what, looked up in the prompt."""
    who = questions("who has the {x}?", "who owns the {x}?")
    what = questions("what does {x} have?", "what does {x} own?")
    return [
        Task("owner", "short", _around(who), _owner, True, 2.0),
        Task("owned thing", "short", _around(what), _owned, True, 2.0),
    ]


def _review(rng: random.Random, _largest: int) -> Slots:
    word = rng.choice(("positive", "negative"))
    subject, verdict = rng.choice(_WORDS["review_subjects"]), rng.choice(_WORDS[word])
    review = f"{subject} was {verdict}."
    return {"r": review, "answer": f"The review is {word}.", "brief": word.capitalize()}


def review_tasks() -> list[Task]:
    """Whether a one-sentence review is positive or negative."""
    asked = (
        "Is this review positive or negative? {r}",
        "{r} Is this review positive or negative?",
        "Positive or negative? {r}",
        "{r} Positive or negative?",
        "Is the following review positive or negative? {r}",
        "Tell me if this review is positive or negative: {r}",
        "What is the sentiment of this review? {r}",
        "Decide if the review is positive or negative. {r}",
        "Classify the review as positive or negative: {r}",
        "Classify this review: {r}",
        "Review: {r} Is it positive or negative?",
        "Review: {r}\nSentiment?",
        "A guest wrote: {r} Is that positive or negative?",
        "Please classify this text as positive or negative. {r}",
        "Here is a review: {r} Is it good or bad?",
        "Would you call this review positive or negative? {r}",
        "Judge this review. {r}",
        "{r} What is the sentiment?",
        "Give me the sentiment of this text: {r}",
        "Can you tell me if this review is positive or negative? {r}",
    )
    return [Task("review", "short", asked, _review, True, 1.0)]


def reading_tasks() -> list[Task]:
    """All tasks of this module."""
    return [*scene_tasks(), *owner_tasks(), *review_tasks()]
