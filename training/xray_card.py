"""The card of tiny-xray: every number comes from the shipped weights and the run that made them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from training.bundle import WEIGHTS, fingerprint
from training.xray_bundle import load, write_json
from training.xray_measuring import (
    fresh_pictures,
    margins,
    phrasing_entry,
    right_answers,
    share,
)
from training.xray_pictures import FINDINGS, RATIOS
from training.xray_questions import COMMON, HELD_OUT, NAMES, PHRASINGS, RARE, questions

if TYPE_CHECKING:
    from collections.abc import Sequence

    from training.xray_measuring import Card, Margins
    from training.xray_pictures import Picture

_TEMPLATES = Environment(
    loader=FileSystemLoader(Path(__file__).parent),
    undefined=StrictUndefined,
    autoescape=False,
    keep_trailing_newline=True,
)


def measured(folder: Path, training: Card, count: int) -> Card:
    """Return the card of the shipped folder, measured on `count` fresh pictures."""
    model, processor = load(folder)
    pictures = fresh_pictures(count)
    found = margins(model, processor, pictures)
    entries = [phrasing_entry(one, found) for one in PHRASINGS]
    return {
        "name": folder.name,
        "parameters": sum(one.numel() for one in model.parameters()),
        "weights": {"bytes": (folder / WEIGHTS).stat().st_size, "sha256": fingerprint(folder)},
        "architecture": _architecture(model, processor),
        "training": training,
        "names": {finding: list(names) for finding, names in NAMES.items()},
        "gap": [RATIOS[False][1], RATIOS[True][0]],
        "pictures": count,
        "phrasings": entries,
        "shares": {name: _together(name, entries) for name in (COMMON, RARE, HELD_OUT)},
        "text_only": _text_only(found),
        "neither": found.other,
        "chat": _chat(model, processor, pictures),
    }


def _architecture(model: Any, processor: Any) -> Card:
    vision, text = model.config.vision_config, model.config.text_config
    return {
        "class": type(model).__name__,
        "side": vision.image_size,
        "patch": vision.patch_size,
        "vision_layers": vision.num_hidden_layers,
        "layers": text.num_hidden_layers,
        "width": text.hidden_size,
        "feed_forward": text.intermediate_size,
        "heads": text.num_attention_heads,
        "vocabulary": text.vocab_size,
        "context": text.max_position_embeddings,
        "processor": type(processor.image_processor).__name__,
    }


def _together(name: str, entries: Sequence[Card]) -> Card:
    """Return figures over all phrasings of one share, each question counting once."""
    chosen = [one for one in entries if one["share"] == name]
    total = sum(one["n"] for one in chosen)
    return {
        figure: round(sum(one[figure] * one["n"] for one in chosen) / total, 4)
        for figure in ("accuracy", "flips", "blind_accuracy", "blind_agreement")
    }


def _text_only(found: Margins) -> Card:
    blind = found.blind > 0
    return {
        "accuracy": share(blind == found.truth),
        "agreement": share(blind == (found.seen > 0)),
        "questions": len(found.asked),
        "yes": int(blind.sum()),
        "margin": round(float(abs(found.blind).mean()), 2),
        "seen_margin": round(float(abs(found.seen).mean()), 2),
    }


def _chat(model: Any, processor: Any, pictures: Sequence[Picture]) -> Card:
    """Return how many whole answers are right where the chat template renders the question."""
    common = [
        one for phrasing in PHRASINGS if phrasing.share == COMMON for one in questions(phrasing)
    ]
    asked = [(shown, common[number % len(common)]) for number, shown in enumerate(pictures[:100])]
    return {"right": right_answers(model, processor, asked), "n": len(asked)}


def _percent(value: float) -> str:
    return f"{100 * value:.1f} %"


def _row(entry: Card) -> str:
    by_finding = [entry["by_finding"].get(name) for name in FINDINGS]
    cells = [
        entry["text"],
        "+1" if entry["polarity"] > 0 else "-1",
        entry["share"],
        *("-" if one is None else _percent(one) for one in by_finding),
        _percent(entry["flips"]),
        *(
            "-" if entry[name] is None else f"{entry[name]:.1f}"
            for name in ("right_margin", "wrong_margin")
        ),
        str(entry["n"]),
    ]
    return "| " + " | ".join(cells) + " |"


def _rare_times(training: Card) -> int:
    """Return how many questions one rare phrasing had, as its share makes expect."""
    answering = training["answering"]
    steps = answering["steps"] - answering["plain"]
    times = steps * answering["questions"] * training["rare_share"]
    return int(times + 0.5)


def write_card(folder: Path, card: Card) -> None:
    """Write card.json and README.md beside the weights."""
    write_json(folder / "card.json", card)
    page = _TEMPLATES.get_template("xray_card.md.jinja").render(
        **card,
        rows=[_row(one) for one in card["phrasings"]],
        percent=_percent,
        rare_times=_rare_times(card["training"]),
    )
    (folder / "README.md").write_text(page, encoding="utf-8")
