"""What the catalogue's lists of hashes say of files that somebody names, for people at a terminal. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from playbooks.catalogue.catalogue import Catalogue
from texts.counting import counted

__all__ = ["asked_for", "lines"]

_SHA256 = re.compile(r"[0-9A-Fa-f]{64}", re.ASCII)


def asked_for(hashes: Iterable[str]) -> tuple[str, ...]:
    """The hashes in small letters, each once.

    Raises:
        ValueError: one is no SHA-256; its text says which.
    """
    asked: dict[str, None] = {}
    for each in hashes:
        if not _SHA256.fullmatch(each):
            raise ValueError(f"{each!r:.80} is no SHA-256")
        asked[each.lower()] = None
    return tuple(asked)


def lines(catalogue: Catalogue, asked: Iterable[str]) -> Iterator[str]:
    """A line for each hash, and with one that is known where it stands and what its licence asks to be shown.

    Args:
        asked: as `asked_for` gives them.
    """
    bad, good = len(catalogue.tables.known_bad), len(catalogue.tables.known_good)
    listed = f"{counted(bad, 'bad file')}, {counted(good, 'page')} of Exchange, catalogue of {catalogue.as_of}"
    for sha256 in asked:
        known = catalogue.known_bad(sha256)
        pages = catalogue.known_good(sha256)
        if known is not None:
            yield f"{sha256}  KNOWN BAD: {known.what}"
            yield f"  source   {known.source}"
            yield f"  licence  {known.licence}"
            if known.author:
                yield f"  author   {known.author}"
            if known.url:
                yield f"  url      {known.url}"
        elif pages:
            yield f"{sha256}  a page of Exchange, at these places of these builds alone"
            yield from (f"  page     {page.path}, builds {page.first} to {page.last}" for page in pages)
            for source, licence in dict.fromkeys((page.source, page.licence) for page in pages):
                yield f"  source   {source}"
                yield f"  licence  {licence}"
        else:
            yield f"{sha256}  in no list ({listed}), which proves nothing of it"
