"""What matplotlib writes as SVG, made smaller, and fit to stand beside others in one page."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from xml.etree import ElementTree

from minidl_core.pictures.colours import ON_A_PAGE

if TYPE_CHECKING:
    from minidl_core.pictures.picture import Picture

Element = ElementTree.Element

NAMESPACE = "http://www.w3.org/2000/svg"
FONTS = "'DejaVu Sans', Verdana, Helvetica, sans-serif"
_LONG_NUMBER = re.compile(r"(\.\d\d)\d+")
_REFERENCE = re.compile(r"#([\w-]+)")
_FAMILY = re.compile(r"font-family: [^;]*;? ?")
_COLOUR = re.compile(r"#[0-9a-f]{6}\b")
_NO_TURN = re.compile(r"rotate\(-?0 [^)]*\)")


def for_a_page(drawn: str, picture: Picture) -> str:
    """An element for an HTML page, whose text and axes have the colour of the page's text."""
    root = _tidied(drawn, picture.name)
    for element in root.iter():
        if style := element.get("style"):
            element.set("style", _COLOUR.sub(lambda found: ON_A_PAGE.get(found[0], found[0]), style))
    root.set("style", f"min-width: min({root.get('width')}, 30rem)")  # where a page is narrower, this is scrolled
    root.set("aria-label", f"{picture.heading}. {picture.caption}")
    return ElementTree.tostring(root, encoding="unicode")


def for_a_file(drawn: str, picture: Picture) -> str:
    """A file of its own, on white."""
    root = _tidied(drawn, picture.name)
    root.set("xmlns", NAMESPACE)
    root.set("font-family", FONTS)
    root.insert(0, Element("rect", width="100%", height="100%", fill="#ffffff"))
    title = Element("title")
    title.text = f"{picture.heading}. {picture.caption}"
    root.insert(0, title)
    return f'<?xml version="1.0" encoding="utf-8"?>\n{ElementTree.tostring(root, encoding="unicode")}\n'


def _tidied(drawn: str, name: str) -> Element:
    """The picture, without what nobody sees, and with marks that no other picture has."""
    root = ElementTree.fromstring(drawn)
    for element in root.iter():
        element.tag = _local(element.tag)
        for key in list(element.attrib):
            if _local(key) != key:  # xlink:href, which is href today
                element.set(_local(key), element.attrib.pop(key))
    for child in list(root):
        if child.tag == "metadata" or child.find("style") is not None:
            root.remove(child)
    root.set("role", "img")
    root.set("stroke-linejoin", "round")
    _mark(root, name)
    _shorten(root)
    return root


def _local(name: str) -> str:
    return name.rpartition("}")[2]


def _mark(root: Element, name: str) -> None:
    """Leave the marks that are referred to, under names of this picture's own."""
    marks: dict[str, str] = {}
    for element in root.iter():
        for key in "href", "clip-path":
            value = element.get(key, "")
            if found := (None if value.startswith("data:") else _REFERENCE.search(value)):
                mark = marks.setdefault(found[1], f"{name}-{len(marks)}")
                element.set(key, value.replace(found[0], f"#{mark}"))
    for element in root.iter():
        if (mine := element.attrib.pop("id", None)) in marks:
            element.set("id", marks[mine])


def _shorten(root: Element) -> None:
    """Numbers of two decimals, a hundredth of a point; and what all points of a series have in common said once."""
    for element in root.iter():
        element.tail = None
        if element.tag != "text":
            element.text = None
        for key in "x", "y", "d":
            if key in element.attrib:
                element.set(key, " ".join(_LONG_NUMBER.sub(r"\1", element.attrib[key]).split()))
        if style := element.get("style"):
            element.set("style", _FAMILY.sub("", style).strip())
        if _NO_TURN.fullmatch(element.get("transform", "")):
            del element.attrib["transform"]
        styles = {child.get("style") for child in element if child.tag == "use"}
        if len(element) > 1 and len(styles) == 1 and all(child.tag in ("use", "defs") for child in element):
            element.set("style", styles.pop() or "")
            for child in element:
                child.attrib.pop("style", None)
