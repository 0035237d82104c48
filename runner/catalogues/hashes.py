"""What the catalogue's lists of hashes say of files that somebody names, for people at a terminal. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping

from playbooks.catalogue.catalogue import Catalogue, KnownBad
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


def lines(catalogue: Catalogue, found: Mapping[str, KnownBad | None]) -> Iterator[str]:
    """A line for each hash, and with one that is known what its licence asks to be shown."""
    listed = f"{counted(len(catalogue.tables.known_bad), 'file')}, catalogue of {catalogue.as_of}"
    for sha256, bad in found.items():
        if bad is None:
            yield f"{sha256}  in no list ({listed}), which proves nothing of it"
            continue
        yield f"{sha256}  KNOWN BAD: {bad.what}"
        yield f"  source   {bad.source}"
        yield f"  licence  {bad.licence}"
        if bad.author:
            yield f"  author   {bad.author}"
        if bad.url:
            yield f"  url      {bad.url}"
