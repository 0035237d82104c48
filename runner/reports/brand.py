"""Whose page it is: a client's name, colour and logo, from a file that its consultant keeps.

Nothing of it can run or load: the colour is six digits, and the logo a PNG or JPEG, put into the page as it is.
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated

from pydantic import Field, StringConstraints

from texts import schemas
from texts.models import Document, Words, Written, WrittenError, read_whole
from texts.problems import Problem
from texts.yaml_tree import strict

__all__ = ["MOST_LOGO", "Brand", "BrandError", "contrast", "read_brand", "schema_text"]

MOST_LOGO = 256 * 1024  # bytes
ENOUGH = 4.5  # WCAG 2.2, 1.4.3: contrast of text that is not large
_COLOUR = r"^#[0-9a-fA-F]{6}$"
_NAME = r"^[^\x00-\x1f\x7f]{1,80}$"
_INKS = ("#ffffff", "#000000")  # one of the two reaches 4.58 on any colour
_KINDS = {b"\x89PNG\r\n\x1a\n": "image/png", b"\xff\xd8\xff": "image/jpeg"}
_RULES = strict("begin with `name:`", "in a brand file", deepest=4)
_WORDS = Words(
    "docs/reference/brand.md",
    {
        _COLOUR: ("is not a colour", 'write "#005a9c": six hexadecimal digits, in quotes'),
        _NAME: ("is not a name", "write 1 to 80 characters in one line"),
    },
)


class BrandError(WrittenError):
    """Raised for a brand file that cannot be used."""


Colour = Annotated[str, StringConstraints(pattern=_COLOUR)]


class BrandDocument(Written):
    """Whose page it is."""

    name: Annotated[str, StringConstraints(pattern=_NAME)] = Field(description="The name above the page.")
    colour: Colour = Field(description='Behind the name: "#005a9c".')
    ink: Colour | None = Field(default=None, description="The name itself; without it white or black, what reads best.")
    logo: Annotated[str, StringConstraints(min_length=1)] | None = Field(
        default=None, description="A PNG or JPEG file, beside this one or by its path."
    )


@dataclass(frozen=True, slots=True)
class Brand:
    """What was read. `logo` is a data: URL of a picture; empty for none."""

    name: str
    colour: str
    ink: str
    logo: str = ""

    @property
    def style(self) -> str:
        """The rule that colours the band; of nothing but twelve hexadecimal digits."""
        return f".brand {{ background: {self.colour}; color: {self.ink}; }}\n"


def read_brand(data: bytes, file: str, fetch: Callable[[str], bytes]) -> Brand:
    """The brand that a file describes.

    Args:
        file: what it is called in messages.
        fetch: the bytes of the logo by its name, MOST_LOGO and one at most; raises OSError.

    Raises:
        BrandError: with all problems that were found.
    """
    document = read_whole(data, file, BrandDocument, _RULES, _WORDS, BrandError)
    problems: list[Problem] = []
    ink = _ink(document, problems)
    logo = _logo(document, fetch, problems)
    if problems:
        raise BrandError(problems)
    return Brand(document.model.name, document.model.colour.lower(), ink, logo)


def schema_text() -> str:
    """The JSON Schema (2020-12) of a brand file, for editors, as the bytes that are published. Looser than reading: it
    looks at no picture and no contrast."""
    return schemas.text_of(schemas.of_model("brand", BrandDocument))


def contrast(one: str, other: str) -> float:
    """The contrast ratio of two colours `#rrggbb`, 1 to 21 (WCAG 2.2, relative luminance)."""
    low, high = sorted((_luminance(one), _luminance(other)))
    return (high + 0.05) / (low + 0.05)


def _luminance(colour: str) -> float:
    channels = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (each / 12.92 if each <= 0.04045 else ((each + 0.055) / 1.055) ** 2.4 for each in channels)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _ink(document: Document[BrandDocument], problems: list[Problem]) -> str:
    brand = document.model
    if brand.ink is None:
        return max(_INKS, key=lambda ink: contrast(ink, brand.colour))
    ratio = contrast(brand.ink, brand.colour)
    if ratio < ENOUGH:
        shown = int(ratio * 100) / 100  # rounded down: 4.499 is not 4.5
        what = f"cannot be read on {brand.colour}: their contrast is {shown:.2f}, and {ENOUGH} is the least"
        problems.append(Problem(document.at("ink"), what, "take a darker or lighter one, or leave `ink` away"))
    return brand.ink.lower()


def _logo(document: Document[BrandDocument], fetch: Callable[[str], bytes], problems: list[Problem]) -> str:
    name = document.model.logo
    if name is None:
        return ""
    try:
        content = fetch(name)
    except OSError as error:
        problems.append(Problem(document.at("logo"), f"cannot be read: {error.strerror}", "name a file that is there"))
        return ""
    kind = next((kind for begin, kind in _KINDS.items() if content.startswith(begin)), None)
    if kind is None:
        what = "is neither PNG nor JPEG" + (" but SVG, which can carry script" if b"<svg" in content[:4096] else "")
        problems.append(Problem(document.at("logo"), what, "save it as PNG"))
        return ""
    if len(content) > MOST_LOGO:
        what = f"is larger than {MOST_LOGO // 1024} KB, and every page would carry it"
        problems.append(Problem(document.at("logo"), what, "save it smaller: 400 pixels are wide enough"))
        return ""
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"
