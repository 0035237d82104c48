"""Pages and configurations as honest sites have them, varied: names, languages, encodings, ways of writing.

`benign.yml` has the forms, some with `{thing}` and others that are put in here, some as they are.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from ruamel.yaml import YAML

_NAMES = ("thing", "key", "table", "label", "more", "title")
_THINGS: tuple[tuple[str, ...], ...] = (
    ("Product", "ProductId", "dbo.Products", "Name", "Price", "Products"),
    ("Kunde", "KundeNr", "Kunden", "Straße", "Größe", "Kundenübersicht"),
    ("Booking", "id", "[Booking]", "Room", "Until", "Rooms & Requests"),
    ("Artículo", "codigo", "articulos", "Descripción", "Año", "Catálogo"),
    ("Process", "pid", "Processes", "Command", "Started", "Evaluation"),
    ("記事", "no", "Articles", "題名", "本文", "お知らせ"),
    ("Shellfish", "sku", "t_eval", "Exec", "cmd", "Execute an order"),
)
_ENCODED: Mapping[str, Callable[[str], bytes]] = {
    "plain": lambda text: text.encode(),
    "marked": lambda text: b"\xef\xbb\xbf" + text.replace("\n", "\r\n").encode(),
    "wide": lambda text: b"\xff\xfe" + text.encode("utf-16-le"),
    "old": lambda text: text.encode("cp1252", "replace"),
    "small": lambda text: re.sub(r"\n\s*", "\n", text).encode(),
}


@dataclass(frozen=True, slots=True)
class Benign:
    """A page or configuration of an honest site."""

    name: str
    path: str
    content: bytes


def pages() -> Iterator[Benign]:
    """Each form with what is put in, in changing encodings; each that stands alone once."""
    for at, form in enumerate(YAML(typ="safe").load(Path(__file__).with_suffix(".yml"))):
        text, varied = form["content"], "{thing}" in form["content"] or "{key}" in form["content"]
        for number, things in enumerate(_THINGS if varied else _THINGS[:1]):
            written = text
            for name, word in zip(_NAMES, things, strict=True) if varied else ():
                written = written.replace(f"{{{name}}}", word)
            encoding = tuple(_ENCODED)[(at + number) % len(_ENCODED)] if varied else "plain"
            path = form["path"].replace("{n}", str(number))
            yield Benign(f"{form['name']} {number} {encoding}", path, _ENCODED[encoding](written))
