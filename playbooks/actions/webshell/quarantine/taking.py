"""Which files of a scan are to be taken out of the way, with what is needed to put each back; and which cannot be."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from playbooks.actions.file.quarantine.moving import Found, why_not_restorable
from playbooks.actions.file.quarantine.paths import QUARANTINE, why_not_takable
from playbooks.actions.iis.configuration.files import server_of
from playbooks.actions.iis.configuration.served import NotKnownError, Served, folders_of
from playbooks.actions.webshell.quarantine.addresses import health_pages, origins_of, page_addresses
from playbooks.actions.webshell.scan.judgement import Judged, Standing
from playbooks.actions.webshell.scan.listing import Listed, Listing, document
from playbooks.investigating.document import Element, UnreadableXmlError
from playbooks.observation import Observed
from playbooks.values import text_of

__all__ = ["Left", "Taken", "Taking", "taking"]

_HOST = "\\inetsrv\\config\\applicationhost.config"
_REDIRECTION = "\\inetsrv\\config\\redirection.config"
_OF_IIS = "\\inetsrv\\config\\"


@dataclass(frozen=True, slots=True)
class Taken:
    """A file that is to be taken away.

    What was compiled of a page goes first: ASP.NET removes it by itself when a page that is gone is asked for, and it
    is evidence. Undone in turn, the page is back before it.

    Attributes:
        reasons: why, one sentence each.
        malicious: whether it is, or was compiled of one that is.
        copy_of: the page of which ASP.NET has compiled it; empty where it is a page itself.
        pools: the application pools that serve it, and begin anew; none of a copy.
        page: its address on loopback, and one that there never was; None of a copy, and where it has none.
    """

    file: Found
    reasons: tuple[str, ...]
    malicious: bool
    copy_of: str = ""
    pools: tuple[str, ...] = ()
    page: tuple[str, str] | None = None
    is_configuration: bool = False


@dataclass(frozen=True, slots=True)
class Left:
    """A file that was to be taken away and stays, and why."""

    path: str
    why: str


@dataclass(frozen=True, slots=True)
class Taking:
    """What is to be taken away: of each page what was compiled of it, and then the page.

    Attributes:
        mended: malicious configurations that nobody named: what they configure would stop without them.
        health: addresses of Exchange's health pages on loopback.
        missing: what was named to be included and is not there, or is known to be Microsoft's own.
    """

    taken: tuple[Taken, ...]
    left: tuple[Left, ...]
    mended: tuple[Judged, ...]
    health: tuple[str, ...]
    missing: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Known:
    """What is known of the server beside what each file comes to."""

    listing: Listing
    access: Mapping[str, str]
    streams: Mapping[str, tuple[str, ...]]
    served: tuple[Served, ...]
    why_not_served: str
    origins: dict[str, str] = field(default_factory=dict)


def taking(observed: Observed, listing: Listing, files: tuple[Judged, ...], include: frozenset[str]) -> Taking:
    """Of every file what is to be done with it.

    Args:
        files: of the listing, with what each comes to.
        include: SHA-256 and whole paths in lower case, of files that are to be taken though they are not malicious.
    """
    known = _known(observed, listing)
    by_path = {each.file.path.casefold(): each.file for each in files}
    wanted = [each for each in files if _is_wanted(each, include)]
    mended = tuple(each for each in wanted if each.is_configuration and not _is_named(each, include))
    named = [each for each in wanted if each not in mended]
    own = {each.file.path.casefold() for each in named}
    taken: list[Taken] = []
    left: list[Left] = []
    done = set(own)
    for each in named:
        found = _found(each.file, known)
        if isinstance(found, Left):
            left.append(found)
            continue
        malicious = each.standing is Standing.MALICIOUS
        # A library before what says that it is the page's: undone in turn, it is known as that when it is back.
        for path in reversed(each.copies):
            if path.casefold() in done:
                continue
            done.add(path.casefold())
            copy = _found(by_path[path.casefold()], known)
            if isinstance(copy, Left):
                left.append(copy)
            else:
                taken.append(Taken(copy, (f"compiled by ASP.NET of {each.file.path}",), malicious, each.file.path))
        # IIS shows no configuration, whether there is one or not: to ask for it proves nothing.
        page = None if each.is_configuration else page_addresses(found.path, listing.roots, known.origins)
        pools = _pools(found.path, listing)
        taken.append(Taken(found, each.reasons, malicious, "", pools, page, each.is_configuration))
    there = {each.file.sha256 for each in named} | own
    health = health_pages(listing.roots, known.origins)
    return Taking(tuple(taken), tuple(left), mended, health, tuple(sorted(include - there)))


def _is_wanted(each: Judged, include: frozenset[str]) -> bool:
    return each.standing is Standing.MALICIOUS or (_is_named(each, include) and each.standing is not Standing.BASELINE)


def _is_named(each: Judged, include: frozenset[str]) -> bool:
    return each.file.sha256 in include or each.file.path.casefold() in include


def _known(observed: Observed, listing: Listing) -> _Known:
    access = {
        str(path).casefold(): text_of(each, "Sddl")
        for each in observed.of_kind("Access")
        for path in _texts(each.get("Paths"))
    }
    streams: dict[str, tuple[str, ...]] = {}
    for each in observed.of_kind("Stream"):
        key = text_of(each, "Path").casefold()
        streams[key] = (*streams.get(key, ()), f"{text_of(each, 'Name')} ({each.get('Size')!s} bytes)")
    try:
        host = _document(_HOST, listing, observed)
        served = folders_of(host, _document(_REDIRECTION, listing, observed), server_of(observed))
    except NotKnownError as error:
        return _Known(listing, access, streams, (), str(error))
    return _Known(listing, access, streams, served, "", {} if host is None else origins_of(host))


def _texts(value: object) -> tuple[object, ...]:
    return tuple(value) if isinstance(value, tuple | list) else ()


def _document(ending: str, listing: Listing, observed: Observed) -> Element | None:
    if why := next((each.why for each in observed.unread if each.what.casefold().endswith(ending)), ""):
        raise NotKnownError(why)
    file = next((each for each in listing.files if each.path.casefold().endswith(ending)), None)
    if file is None:
        if listing.iis is not False and ending == _HOST:
            raise NotKnownError("applicationHost.config was not told of")
        return None
    if file.content is None:
        raise NotKnownError(f"{file.path} was not sent whole")
    try:
        return document(file.content)
    except (UnicodeError, UnreadableXmlError) as error:
        raise NotKnownError(f"{file.path}: {error}") from error


def _found(file: Listed, known: _Known) -> Found | Left:
    """The file with all that is needed to put it back, or why it stays."""
    found = Found(
        file.path,
        file.sha256,
        file.size,
        file.created,
        file.modified,
        file.attributes,
        file.owner,
        known.access.get(file.path.casefold(), ""),
        known.streams.get(file.path.casefold(), ()),
    )
    why = next(_why_left(found, known), None)
    return found if why is None else Left(file.path, why)


def _why_left(found: Found, known: _Known) -> Iterator[str]:
    if why := why_not_takable(found.path):
        yield f"its path {why}"
    if _OF_IIS in found.path.casefold():
        yield "it configures IIS itself, which would not start without it"
    if not found.sha256:
        yield "its bytes are not known: it was not hashed"
    if "ReparsePoint" in found.attributes:
        yield f"it is a link or another reparse point ({found.attributes})"
    if found.path[3:].casefold().startswith(QUARANTINE):
        yield "it lies in a quarantine already"
    if not found.sddl:
        yield "its owner and access list were not read"
    if (lost := why_not_restorable(found)) is not None:
        yield f"{lost[0]} cannot be put back: {lost[1]!r:.80}"
    if known.why_not_served:
        yield f"which folders IIS serves is not known: {known.why_not_served}"
    folder = f"{found.path[:2]}\\{QUARANTINE}"
    if (reaching := next((each for each in known.served if each.may_reach(folder)), None)) is not None:
        yield f"IIS serves {reaching.written!r:.300}, and a quarantine on {found.path[:2]} would lie in it, or may"


def _pools(path: str, listing: Listing) -> tuple[str, ...]:
    """Every pool that serves a folder in which the file lies, however deep."""
    below = path.casefold()
    serving = [
        each for each in listing.roots if each.pool and below.startswith(f"{each.path.casefold().rstrip(chr(92))}\\")
    ]
    return tuple(dict.fromkeys(each.pool for each in serving))
