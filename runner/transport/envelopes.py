"""Whether a SOAP envelope is one that a WinRM service could have sent, before a tree of elements is made of it.

A tree takes many times the memory of its text, and what reads it visits every element. So the text is first streamed
through expat, which keeps nothing, and this ends at the first cap that is overrun. What is not well-formed is not
judged here: the tree's own parser ends where this one did.
"""

from __future__ import annotations

from dataclasses import dataclass
from xml.parsers import expat

from runner.transport.failures import Cause, TransportError, failure


@dataclass(frozen=True, slots=True)
class EnvelopeCaps:
    """What one envelope may have. A reply to Receive has an element for each fragment; replies seen have depth 8.

    Attributes:
        elements: in all.
        depth: of nesting, the envelope itself being 1.
        attributes: of one element, declarations of namespaces among them.
        namespaces: declarations in all.
        name: characters in one name or in one attribute's value.
        text: characters between two tags.
    """

    elements: int = 4_000
    depth: int = 32
    attributes: int = 64
    namespaces: int = 1_000
    name: int = 8 * 1024
    text: int = 1024 * 1024


class _Over(Exception):  # noqa: N818  # an outcome
    def __init__(self, cap: str, limit: int) -> None:
        super().__init__(cap)
        self.cap = cap
        self.limit = limit


_WORDS = {
    "elements": "elements",
    "depth": "levels of nesting",
    "attributes": "attributes on one element",
    "namespaces": "declarations of namespaces",
    "name": "characters in one name or attribute",
    "text": "characters of text in one element",
}
_LOOK = "No WinRM service answers so: look at this host by hand, and check that no proxy stands between."


class _Counter:
    """Counts while expat walks."""

    def __init__(self, caps: EnvelopeCaps) -> None:
        self.caps = caps
        self.elements = self.depth = self.namespaces = 0
        self.said = 0  # characters since the last tag
        self.parser = expat.ParserCreate()
        self.parser.ordered_attributes = True
        self.parser.buffer_text = True
        self.parser.buffer_size = 64 * 1024
        self.parser.CharacterDataHandler = self.text
        self.parser.StartElementHandler = self.start
        self.parser.EndElementHandler = self.end

    def start(self, name: str, attributes: list[str]) -> None:
        caps = self.caps
        self.elements += 1
        self.depth += 1
        if self.elements > caps.elements:
            raise _Over("elements", caps.elements)
        if self.depth > caps.depth:
            raise _Over("depth", caps.depth)
        self.said = 0
        if len(name) > caps.name:
            raise _Over("name", caps.name)
        if not attributes:
            return
        if len(attributes) > 2 * caps.attributes:
            raise _Over("attributes", caps.attributes)
        if max(map(len, attributes)) > caps.name:
            raise _Over("name", caps.name)
        self.namespaces += sum(each == "xmlns" or each.startswith("xmlns:") for each in attributes[::2])
        if self.namespaces > caps.namespaces:
            raise _Over("namespaces", caps.namespaces)

    def end(self, name: str) -> None:
        self.depth -= 1
        self.said = 0

    def text(self, data: str) -> None:
        self.said += len(data)
        if self.said > self.caps.text:
            raise _Over("text", self.caps.text)


def check_envelope(body: bytes, caps: EnvelopeCaps) -> int:
    """How many elements an envelope has; those up to where it stops being XML.

    Raises:
        TransportError: Cause.PROTOCOL, a cap is overrun.
    """
    counter = _Counter(caps)
    try:
        if body.count(b"<") > 2 * caps.elements:  # an element has one or two; a service writes no comments
            raise _Over("elements", caps.elements)
        counter.parser.Parse(body, True)
    except expat.ExpatError:
        return counter.elements
    except _Over as over:
        message = f"the reply has more than {over.limit} {_WORDS[over.cap]}"
        raise TransportError(failure(Cause.PROTOCOL, message, then=_LOOK)) from over
    return counter.elements
