"""What each file of a scan comes to, with the reasons, and what belongs to it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from playbooks.actions.webshell.scan.compiled import of_pages
from playbooks.actions.webshell.scan.listing import Listed, Listing, document
from playbooks.catalogue.build import Build
from playbooks.catalogue.catalogue import Catalogue
from playbooks.investigating.document import Element, UnreadableXmlError
from playbooks.investigating.verdicts import Grade as Standing
from playbooks.investigating.verdicts import Reason
from playbooks.investigating.webshells import judge

__all__ = ["Judged", "Standing", "judged"]

# Endings of what a mapping may name and that is no page: a program is judged as one.
_PROGRAMS = frozenset({"dll", "exe"})
_PATH = re.compile(r"(?:\\\\\?\\)?[A-Za-z]:\\[^:]*")
_ENDING = re.compile(r"[a-z0-9_-]{1,20}")
# Handlers that send a file as it is, or refuse it.
_HARMLESS = ("staticfilemodule", "httpforbiddenhandler", "httpnotfoundhandler", "staticfilehandler")


@dataclass(frozen=True, slots=True)
class Judged:
    """A file with what it comes to.

    Attributes:
        file: with the SHA-256 that counts: of its bytes where they came whole, else as the server says.
        reasons: one sentence each, those that decide first, with source and licence where others' words are taken.
        unreadable: whether it is a configuration whose structure could not be judged.
        copies: paths of what ASP.NET has compiled of it.
        pools: the application pools that serve it.
    """

    file: Listed
    standing: Standing
    reasons: tuple[str, ...]
    copies: tuple[str, ...]
    pools: tuple[str, ...]
    unreadable: bool = False

    @property
    def is_configuration(self) -> bool:
        """Whether it configures what runs, and is judged by its structure."""
        return self.file.path.casefold().endswith(".config")

    @property
    def in_order(self) -> bool:
        """Whether it is a configuration that was read whole and in whose structure nothing speaks against it.

        Setup writes another one on every server, so no list knows its bytes: it is not unknown by that.
        """
        whole = self.file.content is not None and not self.file.cut and not self.unreadable
        return self.standing is Standing.UNKNOWN and whole and self.is_configuration


def judged(listing: Listing, catalogue: Catalogue) -> tuple[Judged, ...]:
    """Every file of a scan, in its order.

    Raises:
        CatalogueError: the catalogue's lists of hashes are no sound tables.
    """
    compiled = of_pages(listing)
    verdicts = judge(
        listing.files,
        listing.roots,
        _build(listing.build),
        catalogue,
        listing.server,
        mapped=frozenset(_mapped(listing)),
        unseen=tuple(_unseen(listing)),
        installed=listing.installs.days,
    )
    return tuple(
        Judged(
            replace(file, sha256=verdict.sha256),
            verdict.verdict,
            tuple(map(_said, verdict.reasons)),
            compiled.get(file.path.casefold(), ()),
            listing.pools_of(file),
            any(reason.id == "config.unreadable" for reason in verdict.reasons),
        )
        for file, verdict in zip(listing.files, verdicts, strict=True)
    )


def _unseen(listing: Listing) -> Iterator[str]:
    """Folders of which not all was told: a page that is missing there may be there.

    A gap that begins with no path, such as a limit, can be anywhere.
    """
    for gap in listing.gaps:
        if found := _PATH.match(gap):
            yield found[0]
        else:
            yield from (root.path for root in listing.roots)


def _said(reason: Reason) -> str:
    by = ", ".join(each for each in (reason.source, reason.licence) if each and each not in reason.text)
    return f"{reason.text} [{reason.id}{f': {by}' if by else ''}]"


def _build(text: str) -> Build | None:
    try:
        return Build.parse(text)
    except ValueError:
        return None


def _mapped(listing: Listing) -> Iterator[str]:
    """Endings that some configuration of this server has IIS or ASP.NET run, in lower case, without the dot."""
    for file in listing.files:
        if file.content is None or not file.path.casefold().endswith(".config"):
            continue
        try:
            root = document(file.content)
        except (UnicodeError, UnreadableXmlError):
            continue  # said by whoever lists what was not seen
        for section in root.all():
            if section.name in ("handlers", "httpHandlers"):
                for handler in section.named("add"):
                    yield from _endings(handler)


def _endings(handler: Element) -> Iterator[str]:
    runs = f"{handler.get('type')} {handler.get('modules')}".casefold()
    if any(each in runs for each in _HARMLESS):
        return
    for path in handler.get("path").split(","):
        star, _, written = path.strip().rpartition("*.")
        ending = written.casefold()
        if not star and ending not in _PROGRAMS and _ENDING.fullmatch(ending):
            yield ending
