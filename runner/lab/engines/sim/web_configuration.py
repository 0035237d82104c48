"""WebAdministration on the text of applicationHost.config: an element is added, set or taken away, and all the rest of
the text stays as it is.

As windows/WebAdministration.ps1 of the engine `pwsh` has it. What is added stands on lines of its own, as far in as
its neighbours; what is taken away goes with the line that it stood on, and what is empty then is written `<name />`.
So what is added and taken away again leaves the text that was there before.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from xml.sax.saxutils import escape, unescape

__all__ = ["ConfigurationError", "add", "clear", "names", "set_attribute"]

_TOKEN = re.compile(
    r"<!--.*?-->|<\?.*?\?>|<!\[CDATA\[.*?\]\]>|<[^>\"']*(?:(?:\"[^\"]*\"|'[^']*')[^>\"']*)*>", re.DOTALL
)
_INDENT = "    "
_NAME = re.compile(r"[^\s/>]+")
_ATTRIBUTE = re.compile(r"\s+([^\s=\"'<>/]+)\s*=\s*(\"[^\"]*\"|'[^']*')")
_STEP = re.compile(r"([A-Za-z.]+)(?:\[@name='([^']*)'\])?")
_ESCAPES, _QUOTES = {'"': "&quot;"}, {"&quot;": '"', "&apos;": "'"}
# Of the collections that rules of URL Rewrite are made of; of any other collection an element is called `add`.
_ELEMENTS = {"rules": "rule", "outboundRules": "rule", "preConditions": "preCondition"}
# The order in which attributes are written; the rest by name.
_ORDER = ("name", "preCondition", "enabled", "patternSyntax", "stopProcessing", "logicalGrouping", "input", "pattern")


class ConfigurationError(Exception):
    """What WebAdministration says of what it cannot do."""


@dataclass(slots=True)
class _Element:
    """An element of a text: where its tag begins and ends, and where it ends as a whole."""

    name: str
    begin: int
    opened: int
    attributes: dict[str, tuple[str, int, int]]  # as written between the quotes, and where the quoted value stands
    closes: int = 0  # where its end tag begins, or its own tag ends
    end: int = 0
    children: list[_Element] = field(default_factory=list)

    def step(self, name: str, of: str | None = None) -> _Element | None:
        """The first child of this name; with `of`, that bears this name in turn."""
        return next((each for each in self.children if each.name == name and of in (None, each.called)), None)

    @property
    def called(self) -> str:
        """What its attribute `name` says."""
        return unescape(self.attributes["name"][0], _QUOTES) if "name" in self.attributes else ""


def add(text: str, location: str | None, way: str, attributes: Mapping[str, str], *, first: bool) -> str:
    """With an element more in a collection.

    Args:
        location: None for what holds for the whole server.
        way: names from the root, with `/` between: system.webServer/rewrite/rules.
        first: before the others of the collection.

    Raises:
        ConfigurationError: there is one of that name.
    """
    text = _ensured(text, location, way)
    collection = _chain(text, location, way)[-1]
    kind = _ELEMENTS.get(collection.name, "add")
    name = attributes.get("name")
    if name is not None and collection.step(kind, name) is not None:
        raise ConfigurationError(
            f"Filename: \r\nError: Cannot add duplicate collection entry of type '{kind}' with unique key attribute "
            f"'name' set to '{name}'\r\n\r\n"
        )
    ordered = [each for each in _ORDER if each in attributes]
    ordered += sorted(each for each in attributes if each not in _ORDER)
    written = "".join(f' {each}="{escape(attributes[each], _ESCAPES)}"' for each in ordered)
    other = collection.step(kind) if first else None
    return _inserted(text, collection, (f"<{kind}{written} />",), other)


def set_attribute(text: str, location: str | None, way: str, attribute: str, value: str) -> str:
    """With an attribute of an element set to this value; sections and elements without a name are made."""
    text = _ensured(text, location, way)
    element = _chain(text, location, way)[-1]
    if attribute in element.attributes:
        _, begin, end = element.attributes[attribute]
        quote = '"' if "'" in value else text[begin]
        return text[:begin] + quote + escape(value, _ESCAPES) + quote + text[end:]
    at = max((end for _, _, end in element.attributes.values()), default=element.begin + 1 + len(element.name))
    return text[:at] + f' {attribute}="{escape(value, _ESCAPES)}"' + text[at:]


def clear(text: str, location: str | None, way: str) -> str:
    """Without an element, or without an attribute where the way ends in `/@name`; what is not there stays away.

    Of a section, what held nothing else goes with it.
    """
    above, is_attribute, attribute = way.rpartition("/@")
    chain = _chain(text, location, above if is_attribute else way)
    if not chain:
        return text
    if is_attribute:
        if attribute not in chain[-1].attributes:
            return text
        _, begin, end = chain[-1].attributes[attribute]
        return text[: len(text[: text.rindex(attribute, 0, begin)].rstrip())] + text[end:]
    top = len(chain) - 1
    if not way.endswith("]"):
        while top > 1 and _is_all(text, chain[top - 1], chain[top]) and not set(chain[top - 1].attributes) - {"path"}:
            top -= 1
    over, gone = chain[top - 1], chain[top]
    if _is_all(text, over, gone):
        return text[: over.opened - 1].rstrip() + " />" + text[over.end :]
    return text[: len(text[: gone.begin].rstrip())] + text[gone.end :]


def names(text: str, location: str | None, way: str) -> list[str]:
    """The names of the elements at the end of a way: system.webServer/rewrite/rules/rule."""
    above, _, last = way.rpartition("/")
    chain = _chain(text, location, above)
    return [each.called for each in chain[-1].children if each.name == last] if chain else []


def _is_all(text: str, over: _Element, one: _Element) -> bool:
    """Whether an element has nothing in it but this one."""
    return not (text[over.opened : one.begin] + text[one.end : over.closes]).strip()


def _read(text: str) -> _Element:
    """The root, with everything below it."""
    around: list[_Element] = [_Element("", 0, 0, {})]
    for token in _TOKEN.finditer(text):
        tag = token[0]
        if tag.startswith(("<!", "<?")):
            continue
        if tag.startswith("</"):
            if len(around) < 2 or around[-1].name != tag[2:-1].strip():
                raise ConfigurationError("Configuration file is not well-formed XML")
            around[-1].closes, around[-1].end = token.start(), token.end()
            around.pop()
            continue
        name = _NAME.match(tag, 1)
        if name is None:
            raise ConfigurationError("Configuration file is not well-formed XML")
        attributes = {
            found[1]: (found[2][1:-1], token.start() + found.start(2), token.start() + found.end(2))
            for found in _ATTRIBUTE.finditer(tag, name.end())
        }
        element = _Element(name[0], token.start(), token.end(), attributes, token.end(), token.end())
        around[-1].children.append(element)
        if not tag.endswith("/>"):
            around.append(element)
    roots = around[0].children
    if len(around) > 1 or len(roots) != 1:
        raise ConfigurationError("Configuration file is not well-formed XML")
    return roots[0]


def _deepest(text: str, location: str | None, way: str) -> tuple[list[_Element], list[tuple[str, str | None]]]:
    """The elements on a way from the root, as far as they are there, and the steps that are left."""
    root = _read(text)
    steps = [(found[1], found[2]) for found in _STEP.finditer(way)]
    begins = [[root]]
    if location is not None:
        begins = [
            [root, each]
            for each in root.children
            if each.name == "location" and set(each.attributes) == {"path"} and _path(each) == location.casefold()
        ]
    best: tuple[list[_Element], list[tuple[str, str | None]]] = ([root], [("location", location), *steps])
    for begin in begins:
        chain, left = list(begin), list(steps)
        while left and (found := chain[-1].step(*left[0])) is not None:
            chain.append(found)
            left.pop(0)
        if len(left) < len(best[1]):
            best = chain, left
    return best


def _path(location: _Element) -> str:
    return unescape(location.attributes["path"][0], _QUOTES).casefold()


def _chain(text: str, location: str | None, way: str) -> list[_Element]:
    """The elements on a way from the root to its end; none where it is not all there."""
    chain, left = _deepest(text, location, way)
    return [] if left else chain


def _ensured(text: str, location: str | None, way: str) -> str:
    """With all of a way there: sections, and elements without a name, are made."""
    chain, left = _deepest(text, location, way)
    if not left:
        return text
    if any(name is not None for step, name in left if step != "location"):
        raise ConfigurationError(f"The configuration section '{way}' cannot be read because it is missing")
    lines: list[str] = []
    for depth, (step, name) in enumerate(left):
        of = f' path="{escape(name or "", _ESCAPES)}"' if step == "location" else ""
        end = " />" if depth + 1 == len(left) else ">"
        lines.append(f"{_INDENT * depth}<{step}{of}{end}")
    lines += [f"{_INDENT * depth}</{left[depth][0]}>" for depth in range(len(left) - 2, -1, -1)]
    return _inserted(text, chain[-1], lines, None)


def _inserted(text: str, into: _Element, lines: Sequence[str], before: _Element | None) -> str:
    """With an element more, before another one or behind all of them."""
    neighbour = before or (into.children[-1] if into.children else None)
    if neighbour is not None:
        space = text[len(text[: neighbour.begin].rstrip()) : neighbour.begin]
        at = neighbour.begin if before else neighbour.end
        written = space.join(lines)
        return text[:at] + (written + space if before else space + written) + text[at:]
    end = "\r\n" if "\r\n" in text else "\n"
    line = text[text.rfind("\n", 0, into.begin) + 1 : into.begin]
    own = "" if line.strip() else line
    space = end + own + _INDENT
    written = space.join(lines)
    held = text[into.opened : into.closes].rstrip()
    if held:
        at = into.opened + len(held)
        return text[:at] + space + written + text[at:]
    opening = text[into.begin : into.opened]
    opening = opening.removesuffix(">").removesuffix("/").rstrip() + ">"
    return f"{text[: into.begin]}{opening}{space}{written}{end}{own}</{into.name}>{text[into.end :]}"
