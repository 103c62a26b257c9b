"""Curves as pictures, and what is seen in them."""

from __future__ import annotations

from xml.etree import ElementTree

from pytest_promptchaos.records import Curve, Verdict
from pytest_promptchaos.report.charts import Figure, figures
from pytest_promptchaos.report.drawing import chart, picture
from pytest_promptchaos.report.overview import judged
from report.conftest import record

LINE = Curve(name="profile", x_label="layer", y_label="nats", x=(0, 1, 2), y=(0.5, -0.25, 0.125))


def drawn(*lines: Curve) -> ElementTree.Element:
    series = tuple(dict.fromkeys(line.series for line in lines))
    specification = chart(lines, series=series).to_dict()
    return ElementTree.fromstring(picture(specification, lines, series=series, label="a profile"))


def titles(svg: ElementTree.Element) -> list[str]:
    return [element.text or "" for element in svg.iter() if element.tag.endswith("title")]


def shown(*verdicts: Verdict, panels: int = 12) -> tuple[Figure, ...]:
    return figures(judged([record(*verdicts)]), panels=panels)


def vertical(*lines: Curve) -> tuple[list[float], bool]:
    """Return the ends of the y axis, and whether a line is drawn at zero."""
    made = chart(lines, series=("",)).to_dict()
    (domain,) = {tuple(one["encoding"]["y"]["scale"]["domain"]) for one in made["layer"]}
    return list(domain), any(one["mark"]["type"] == "rule" for one in made["layer"])
