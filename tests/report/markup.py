"""A page as a tree of elements, as strict HTML5, and how to find one's way in it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import html5lib

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

HTML = "{http://www.w3.org/1999/xhtml}"


def parsed(text: str) -> Element:
    tree: Element = html5lib.HTMLParser(strict=True).parse(text)
    return tree


def words(element: Element) -> str:
    return " ".join(" ".join(element.itertext()).split())


def with_class(tree: Element, tag: str, name: str) -> list[Element]:
    return [one for one in tree.iter(HTML + tag) if name in one.get("class", "").split()]


def section(tree: Element, name: str) -> Element:
    (found,) = [one for one in tree.iter(f"{HTML}section") if one.get("id") == name]
    return found
