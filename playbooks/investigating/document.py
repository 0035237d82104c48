"""XML of a configuration file as a tree of frozen elements, read without trusting it.

A server that was broken into writes what it likes: a document type (and with it every entity), a depth or a number of
elements that no configuration has, and what is not well-formed are refused with the place. Comments, texts and
processing instructions are left out; what stands in a comment is not there, as it is not for IIS.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from xml.parsers import expat

MOST_ELEMENTS = (
    50_000  # an applicationHost.config of Exchange 2019 has some 2,000 (CSS-Exchange, HealthChecker's tests)
)
MOST_DEPTH = 32
# In which every byte of ASCII is that character, and the two of which a byte-order mark tells. In any other, such as
# UTF-7, IIS may read another text than the lines that came.
_ENCODINGS = re.compile(r"utf-8|utf-16(?:le|be)?|ucs-2|us-ascii|iso-8859-[0-9]{1,2}|windows-125[0-8]", re.IGNORECASE)


class UnreadableXmlError(ValueError):
    """It is not read, or not to its end; the text says why, and the place as line:column."""


@dataclass(frozen=True, slots=True)
class Element:
    """An element with the line on which it begins; names without their prefix, in the letters of the file."""

    name: str
    attributes: Mapping[str, str]
    children: tuple[Element, ...]
    line: int

    def get(self, name: str, default: str = "") -> str:
        """An attribute."""
        return self.attributes.get(name, default)

    def is_on(self, name: str, default: str = "true") -> bool:
        """Whether a boolean attribute is true; IIS takes it in any case."""
        return self.get(name, default).strip().casefold() not in ("false", "0")

    def named(self, *names: str) -> Iterator[Element]:
        """The children that have one of these names."""
        return (each for each in self.children if each.name in names)

    def at(self, *names: str) -> Iterator[Element]:
        """The elements at the end of a way of names, however often each step stands there."""
        found: list[Element] = [self]
        for name in names:
            found = [child for each in found for child in each.named(name)]
        return iter(found)

    def all(self) -> Iterator[Element]:
        """This one and everything below it."""
        left = [self]
        while left:
            here = left.pop()
            yield here
            left.extend(reversed(here.children))


@dataclass(slots=True)
class _Open:
    name: str
    attributes: dict[str, str]
    children: list[Element]
    line: int


def read(text: str) -> Element:
    """The root of a document.

    Raises:
        UnreadableXmlError: it is not well-formed, has a document type, or is larger than any configuration.
    """
    if "\0" in text:
        # Two bytes a character, and no mark that says so: lines were parted where none end. Expat would guess.
        raise UnreadableXmlError("1:1: it has NUL among its characters")
    # A text is always handed over as UTF-8, whatever encoding its declaration names.
    parser = expat.ParserCreate()
    parser.SetParamEntityParsing(expat.XML_PARAM_ENTITY_PARSING_NEVER)
    opened: list[_Open] = []
    roots: list[Element] = []
    count = 0

    def refuse(why: str) -> UnreadableXmlError:
        return UnreadableXmlError(f"{parser.CurrentLineNumber}:{parser.CurrentColumnNumber + 1}: {why}")

    def document_type(*_: object) -> None:
        raise refuse("it has a document type, which no configuration of IIS has")

    def declared(version: str, encoding: str | None, standalone: int) -> None:
        if encoding is not None and not _ENCODINGS.fullmatch(encoding):
            raise refuse(f"it is declared to be in {encoding[:40]}")

    def start(name: str, attributes: dict[str, str]) -> None:
        nonlocal count
        count += 1
        if count > MOST_ELEMENTS:
            raise refuse(f"more than {MOST_ELEMENTS} elements")
        if len(opened) >= MOST_DEPTH:
            raise refuse(f"elements are nested deeper than {MOST_DEPTH}")
        opened.append(_Open(name.rpartition(":")[2], attributes, [], parser.CurrentLineNumber))

    def end(_: str) -> None:
        done = opened.pop()
        element = Element(done.name, MappingProxyType(done.attributes), tuple(done.children), done.line)
        (opened[-1].children if opened else roots).append(element)

    parser.XmlDeclHandler = declared
    parser.StartDoctypeDeclHandler = document_type
    parser.EntityDeclHandler = document_type
    parser.StartElementHandler = start
    parser.EndElementHandler = end
    try:
        parser.Parse(text, True)
    except expat.ExpatError as error:
        raise UnreadableXmlError(
            f"{error.lineno}:{error.offset + 1}: not well-formed XML ({expat.ErrorString(error.code)})"
        ) from error
    except UnicodeError as error:
        raise UnreadableXmlError("it has half of a character") from error
    return roots[0]
