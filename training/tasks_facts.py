"""Short tasks answered from memory: facts from small tables, kinds, sizes, the calendar."""

from __future__ import annotations

from typing import TYPE_CHECKING

from training.corpus import Slots, Task
from training.phrasing import asking_for, questions
from training.tables import one_of, sentence, table, with_article

if TYPE_CHECKING:
    import random

_FACTS = table("facts")


def _fact(name: str, templates: list[str], found: list[Slots], weight: float = 1.0) -> Task:
    return Task(name, "short", tuple(templates), one_of(found), weight=weight)


_COUNTRIES = [
    dict(zip(("country", "city", "continent", "language"), row, strict=True))
    for row in _FACTS["countries"]
]


def _worded(asked: str, answer: str, brief: str) -> list[Slots]:
    """One content per country: what is asked about, the answer's pattern, the one-word answer."""
    return [
        {"x": one[asked], "answer": answer.format(**one), "brief": one[brief]} for one in _COUNTRIES
    ]


def geography() -> list[Task]:
    """Capitals both ways round, continents, languages."""
    capital = asking_for("the capital of {x}", "the capital city of {x}", "{x}'s capital")
    capital += questions(
        "which city is the capital of {x}?", "which city is the capital city of {x}?"
    )
    country = asking_for("the country whose capital is {x}", "the country with the capital {x}")
    country += questions(
        "which country has {x} as its capital?", "{x} is the capital of which country?"
    )
    continent = questions(
        "where is {x}?", "which continent is {x} in?", "on which continent is {x}?"
    )
    continent += asking_for("the continent of {x}", "the continent where you find {x}")
    language = questions("which language do people speak in {x}?", "what do they speak in {x}?")
    language += asking_for("the language of {x}", "the language people speak in {x}")
    return [
        _fact(
            "capital", capital, _worded("country", "The capital of {country} is {city}.", "city")
        ),
        _fact(
            "country of a capital",
            country,
            _worded("city", "{city} is the capital of {country}.", "country"),
        ),
        _fact(
            "continent", continent, _worded("country", "{country} is in {continent}.", "continent")
        ),
        _fact(
            "language",
            language,
            _worded("country", "People in {country} speak {language}.", "language"),
        ),
    ]


def _opposites() -> list[Slots]:
    both = [*_FACTS["opposites"], *[[b, a] for a, b in _FACTS["opposites"]]]
    return [
        {"x": a, "answer": f"The opposite of {a} is {b}.", "brief": sentence(b)[:-1]}
        for a, b in both
    ]


def everyday() -> list[Task]:
    """Opposites, young animals and their sounds, colors, jobs."""
    opposite = asking_for("the opposite of {x}", "the opposite of the word {x}")
    opposite += questions("which word means the opposite of {x}?")
    young = asking_for("the name for a young {x}", "the word for a baby {x}")
    young += questions("what do you call a young {x}?", "what is a baby {x} called?")
    sound = questions("what sound does a {x} make?", "what does a {x} say?") + asking_for(
        "the sound a {x} makes"
    )
    color = questions("what color is {x}?", "which color does {x} have?") + asking_for(
        "the color of {x}"
    )
    job = questions("what does a {x} do?", "what is the job of a {x}?") + asking_for(
        "the work of a {x}"
    )
    animals, jobs = _FACTS["animals"], _FACTS["jobs"]
    return [
        _fact("opposite", opposite, _opposites()),
        _fact(
            "young animal",
            young,
            [_row(a, f"A young {a} is called {y}", y.split()[-1]) for a, y, _ in animals],
            0.7,
        ),
        _fact("animal sound", sound, [_row(a, f"A {a} {s}", s) for a, _, s in animals], 0.7),
        _fact(
            "color",
            color,
            [_row(x, f"The color of {x} is {c}", c) for x, c in _FACTS["colors"]],
            0.7,
        ),
        _fact("job", job, [{"x": j, "answer": f"A {j} {does}."} for j, does in jobs], 0.7),
    ]


def _row(asked: str, answer: str, brief: str) -> Slots:
    return {"x": asked, "answer": sentence(answer), "brief": sentence(brief)[:-1]}


def _kinds() -> list[tuple[str, str]]:
    return [(item, kind) for kind, items in _FACTS["categories"].items() for item in items]


def _kind(rng: random.Random, _largest: int) -> Slots:
    item, kind = rng.choice(_kinds())
    return {
        "x": with_article(item),
        "answer": sentence(f"{with_article(item)} is {with_article(kind)}"),
    }


def _kind_yes_no(rng: random.Random, _largest: int) -> Slots:
    item, kind = rng.choice(_kinds())
    asked = (
        kind if rng.random() < 0.5 else rng.choice([k for k in _FACTS["categories"] if k != kind])
    )
    word = "Yes" if asked == kind else "No"
    answer = f"{word}, {with_article(item)} is {with_article(kind)}."
    return {"x": with_article(item), "kind": with_article(asked), "answer": answer, "brief": word}


def _size(rng: random.Random, _largest: int) -> Slots:
    sizes = _FACTS["sizes"]
    first, second = rng.sample(range(len(sizes)), 2)
    cmp = rng.choice(("bigger", "smaller"))
    won, lost = (first, second) if (first > second) == (cmp == "bigger") else (second, first)
    answer = sentence(f"{with_article(sizes[won])} is {cmp} than {with_article(sizes[lost])}")
    return {
        "a": with_article(sizes[first]),
        "b": with_article(sizes[second]),
        "cmp": cmp,
        "answer": answer,
        "brief": sentence(sizes[won])[:-1],
    }


def judging() -> list[Task]:
    """Kinds of things and sizes of animals."""
    kind = asking_for("the kind of thing {x} is") + questions(
        "what kind of thing is {x}?", "what is {x}?"
    )
    yes_no = questions(
        "is {x} {kind}?", "would you call {x} {kind}?", "is it true that {x} is {kind}?"
    )
    size = questions(
        "which is {cmp}, {a} or {b}?",
        "which one is {cmp}, {a} or {b}?",
        "what is {cmp}: {a} or {b}?",
    )
    size += questions("of {a} and {b}, which is {cmp}?", "which animal is {cmp}, {a} or {b}?")
    return [
        Task("kind", "short", tuple(kind), _kind, weight=0.7),
        Task(
            "kind yes or no", "short", tuple(yes_no), _kind_yes_no, fresh_content=True, weight=1.2
        ),
        Task("size", "short", tuple(size), _size, fresh_content=True, weight=1.5),
    ]


def _calendar() -> list[Slots]:
    found = []
    for unit, names in (("day", _FACTS["days"]), ("month", _FACTS["months"])):
        for here, name in enumerate(names):
            for side, step in (("after", 1), ("before", -1)):
                other = names[(here + step) % len(names)]
                answer = f"The {unit} {side} {name} is {other}."
                found.append(
                    {"x": name, "unit": unit, "side": side, "answer": answer, "brief": other}
                )
    return found


def calendar() -> list[Task]:
    """The day or month before or after another."""
    templates = asking_for("the {unit} {side} {x}") + questions("which {unit} is right {side} {x}?")
    templates += questions("which {unit} comes {side} {x}?", "what {unit} comes just {side} {x}?")
    return [_fact("calendar", templates, _calendar())]


def fact_tasks() -> list[Task]:
    """All tasks of this module."""
    return [*geography(), *everyday(), *judging(), *calendar()]
