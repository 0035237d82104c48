"""What ASP.NET has compiled of which page.

A page `x.aspx` leaves `x.aspx.<8 hex>.compiled`, an XML whose `virtualPath` is its address and whose `assembly` the
library beside it (ASP.NET's PreservationFileWriter, System.Web/Compilation of the reference source). One library can
hold several pages of a folder. ASP.NET deletes both when the page is asked for again and is gone: that there is none
proves nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from playbooks.actions.webshell.scan.listing import Listing, document
from playbooks.investigating.document import UnreadableXmlError

ENDING = ".compiled"
_MOST = 20  # copies of one page; more are of an application that was set up anew again and again


@dataclass(frozen=True, slots=True)
class Copy:
    """A page that was compiled.

    Attributes:
        file: the path of its `.compiled`.
        library: the path of the library beside it that holds it, if that was told of; empty otherwise.
        address: the page's address below its site, as `/owa/auth/x.aspx`.
        pages: where the page would lie, one path for each site that has the address.
    """

    file: str
    library: str
    address: str
    pages: tuple[str, ...]


def copies(listing: Listing) -> Iterator[Copy]:
    """Every page of which there is a compiled copy; what cannot be read as one is left to who judges files."""
    there = {each.path.casefold(): each.path for each in listing.files}
    for file in listing.files:
        if file.content is None or not file.path.casefold().endswith(ENDING):
            continue
        try:
            root = document(file.content)
        except (UnicodeError, UnreadableXmlError):
            continue
        address = root.get("virtualPath")
        if root.name != "preserve" or not address.startswith("/"):
            continue
        folder = file.path.rpartition("\\")[0]
        name = root.get("assembly").partition(",")[0].strip()
        library = there.get(f"{folder}\\{name}.dll".casefold(), "") if name else ""
        yield Copy(file.path, library, address, tuple(_pages(address, listing)))


def of_pages(listing: Listing) -> Mapping[str, tuple[str, ...]]:
    """The paths of compiled copies by the lower-case path of their page, for pages that are there."""
    there = {each.path.casefold() for each in listing.files}
    found: dict[str, tuple[str, ...]] = {}
    for copy in copies(listing):
        for page in copy.pages:
            if page.casefold() in there:
                more = (*found.get(page.casefold(), ()), copy.file, *((copy.library,) if copy.library else ()))
                found[page.casefold()] = tuple(dict.fromkeys(more))[:_MOST]
    return found


def _pages(address: str, listing: Listing) -> Iterator[str]:
    """Where a page lies: below the folder of the longest address that it begins with, on each site."""
    deepest: dict[str, tuple[int, str]] = {}
    folded = f"{address.casefold()}/"
    for root in listing.roots:
        below = root.address.rstrip("/")
        if root.site and folded.startswith(f"{below.casefold()}/") and len(below) >= deepest.get(root.site, (0, ""))[0]:
            deepest[root.site] = len(below), f"{root.path}{address[len(below) :].replace('/', chr(92))}"
    yield from dict.fromkeys(path for _, path in deepest.values())
