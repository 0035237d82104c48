"""What a scan told of, as frozen records, and what of it does not hold together.

A server that was broken into answers what it likes. Its own configuration is in the answer, so the folders that it says
it looked into are held against those that IIS serves; a hash is held against the bytes that came with it.
"""

from __future__ import annotations

import codecs
import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from playbooks.actions.iis.configuration.files import server_of
from playbooks.actions.iis.configuration.sites import Folder, sites_of
from playbooks.actions.webshell.scan.installs import Installs, installs_of, is_of_installs
from playbooks.investigating.document import Element, UnreadableXmlError, read
from playbooks.investigating.places import Server
from playbooks.observation import Observed
from playbooks.values import Record, text_of

_SETUP = "HKLM:\\SOFTWARE\\Microsoft\\ExchangeServer\\v15\\Setup"
_HOST = "\\inetsrv\\config\\applicationhost.config"
_REDIRECTION = "\\inetsrv\\config\\redirection.config"
_TEMPORARY = "\\temporary asp.net files"
_SHA256 = 64


@dataclass(frozen=True, slots=True)
class Root:
    """A folder that was looked into.

    Attributes:
        path: as the server says it, its own variables put in.
        kind: site, application, vdir, exchange, temporary or wwwroot.
        site: of the first three, the site's name.
        address: of these, the address below the site: `/`, `/owa`.
        pool: of these, the application pool that serves it, as applicationHost.config has it.
        exists: whether it was there.
    """

    path: str
    kind: str
    site: str
    address: str
    pool: str
    exists: bool


@dataclass(frozen=True, slots=True)
class Listed:
    """A file that was told of.

    Attributes:
        path: its whole path.
        root: the path of the deepest root that it lies in.
        size: in bytes.
        created: UTC, ISO 8601; as `modified` easily forged.
        sha256: as the server says, 64 small hexadecimal digits; empty where it was not hashed, or what came is none.
        content: what it holds; None where that was not asked for, or did not come.
        cut: whether a cap kept its content back.
    """

    path: str
    root: str
    size: int
    created: str
    modified: str
    sha256: str
    owner: str
    attributes: str
    content: bytes | None
    cut: bool


@dataclass(frozen=True, slots=True)
class Listing:
    """What a scan told of.

    Attributes:
        build: of ExSetup.exe, as it bears it; empty where there is none.
        server: how it calls its folders, and where Exchange lies.
        iis: whether IIS is there; None where that was not read.
        gaps: what was not looked at, one line each: unreadable, left out, served by IIS and not told of.
        lies: what cannot be so, one line each.
        installs: when Exchange and its updates were installed, and what of that is not known.
    """

    roots: tuple[Root, ...]
    files: tuple[Listed, ...]
    build: str
    server: Server
    iis: bool | None
    gaps: tuple[str, ...]
    lies: tuple[str, ...]
    installs: Installs

    def pools_of(self, file: Listed) -> tuple[str, ...]:
        """The application pools that serve the folder in which a file lies, each once."""
        below = f"{file.path.casefold()}\\"
        serving = [each for each in self.roots if each.pool and below.startswith(f"{each.path.casefold()}\\")]
        deepest = max((len(each.path) for each in serving), default=0)
        return tuple(dict.fromkeys(each.pool for each in serving if len(each.path) == deepest))


def listing_of(observed: Observed) -> Listing:
    """What a scan told of; raises for no answer."""
    gaps = [f"{entry.what}: {entry.why}" for entry in observed.unread if not is_of_installs(entry.what)]
    gaps += [
        f"{text_of(each, 'What')}: {each.get('Limit')!s} of at least {each.get('Seen')!s}"
        for each in observed.of_kind("Capped")
        if not is_of_installs(text_of(each, "What"))
    ]
    server = observed.first("Server") or {}
    iis = server.get("Iis")
    files, lies = _files(observed)
    roots = tuple(_roots(observed))
    host = next((each for each in files if each.path.casefold().endswith(_HOST)), None)
    if iis is not False:
        setup = observed.first("ExchangeSetup") or {}
        if setup.get("Present") is True and not text_of(setup, "InstallPath"):
            gaps.append(f"{_SETUP}: it does not say where Exchange lies")
        served, unserved = _served(host)
        gaps += unserved
        gaps += _not_looked_into(served, roots)
        roots = tuple(_with_pools(roots, served))
    gaps += _elsewhere(files)
    build = text_of(observed.first("Build") or {}, "Version")
    known = server_of(observed)
    has_iis = iis if isinstance(iis, bool) else None
    return Listing(roots, files, build, known, has_iis, tuple(dict.fromkeys(gaps)), lies, installs_of(observed))


def _roots(observed: Observed) -> Iterator[Root]:
    for each in observed.of_kind("Root"):
        yield Root(
            text_of(each, "Path"),
            text_of(each, "From"),
            text_of(each, "Site"),
            text_of(each, "App"),
            text_of(each, "Pool"),
            each.get("Exists") is True,
        )


def _files(observed: Observed) -> tuple[tuple[Listed, ...], tuple[str, ...]]:
    """Every file once, and what of them cannot be so."""
    known = {text_of(each, "Path").casefold() for each in observed.of_kind("Root")}
    found: dict[str, Listed] = {}
    lies: list[str] = []
    for each in observed.of_kind("File"):
        file = _listed(each)
        lies += _lies(each, file)
        before = found.setdefault(file.path.casefold(), file)
        if before is not file:
            lies.append(f"{file.path}: told of twice")
        if file.root.casefold() not in known and not _is_configuration(file):
            lies.append(f"{file.path}: in {file.root}, which it was not said to look into")
        elif not file.path.casefold().startswith(file.root.casefold().rstrip("\\") + "\\"):
            lies.append(f"{file.path}: not in {file.root}")
    return tuple(found.values()), tuple(lies)


def _is_configuration(file: Listed) -> bool:
    return file.root.casefold().endswith("\\inetsrv\\config")


def _listed(record: Record) -> Listed:
    size, content = record.get("Size"), record.get("Content")
    digest = text_of(record, "Sha256").lower()
    return Listed(
        text_of(record, "Path"),
        text_of(record, "Root"),
        size if isinstance(size, int) else -1,
        text_of(record, "Created"),
        text_of(record, "Modified"),
        digest if len(digest) == _SHA256 and not digest.strip("0123456789abcdef") else "",
        text_of(record, "Owner"),
        text_of(record, "Attributes"),
        content if isinstance(content, bytes) else None,
        record.get("Cut") is True,
    )


def _lies(record: Record, file: Listed) -> Iterator[str]:
    if text_of(record, "Sha256") and not file.sha256:
        yield f"{file.path}: what it gives as SHA-256 is none"
    if file.size < 0:
        yield f"{file.path}: {file.size} bytes"
    if file.content is None:
        return
    if len(file.content) != file.size:
        yield f"{file.path}: {len(file.content)} bytes came of {file.size}"
    elif file.sha256 and hashlib.sha256(file.content).hexdigest() != file.sha256:
        yield f"{file.path}: its bytes do not have the SHA-256 that was said"


def _served(host: Listed | None) -> tuple[Mapping[tuple[str, str], Folder], tuple[str, ...]]:
    """The folders that applicationHost.config has, by site and address; and why they are not known."""
    if host is None:
        return {}, ("applicationHost.config: it was not told of, so which folders IIS serves is not known",)
    if host.content is None:
        return {}, (f"{host.path}: it was not sent whole, so which folders IIS serves is not known",)
    try:
        root = document(host.content)
    except (UnicodeError, UnreadableXmlError) as error:
        return {}, (f"{host.path}: {error}",)
    sites = [site for each in root.named("system.applicationHost") for site in sites_of(each)]
    if not sites:
        return {}, (f"{host.path}: it has no sites",)
    found = {}
    for site in sites:
        for folder in site.folders:
            address = folder.address.removeprefix(site.name).strip("/")
            found[site.name.casefold(), f"/{address}".casefold()] = folder
    return found, ()


def document(content: bytes) -> Element:
    """The root of a configuration or of a preservation file, whichever encoding its mark names.

    Raises:
        UnicodeError, UnreadableXmlError: it is no text, or no XML that is read.
    """
    return read(_text(content))


def _text(content: bytes) -> str:
    return content.decode("utf-16" if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) else "utf-8-sig")


def _not_looked_into(served: Mapping[tuple[str, str], Folder], roots: tuple[Root, ...]) -> Iterator[str]:
    """What IIS serves and the answer has no folder of, or another one."""
    told = {(each.site.casefold(), each.address.casefold()): each for each in roots if each.site}
    for key, folder in served.items():
        root = told.get(key)
        if root is None:
            yield f"{folder.address}: IIS serves {folder.path}, and the answer has nothing of it"
        elif "%" not in folder.path and _plain(root.path) != _plain(folder.path):
            yield f"{folder.address}: IIS serves {folder.path}, and {root.path} was looked into"
        elif "%" in root.path:
            yield f"{folder.address}: IIS serves {folder.path}, and where that leads is not known"


def _plain(path: str) -> str:
    return path.strip().replace("/", "\\").rstrip("\\").casefold()


def _with_pools(roots: tuple[Root, ...], served: Mapping[tuple[str, str], Folder]) -> Iterator[Root]:
    for root in roots:
        folder = served.get((root.site.casefold(), root.address.casefold())) if root.site else None
        yield root if folder is None else replace(root, pool=folder.pool)


def _elsewhere(files: tuple[Listed, ...]) -> Iterator[str]:
    """Places that configuration names and that were not looked into."""
    for file in files:
        if file.content is None or not file.path.casefold().endswith(".config"):
            continue
        try:
            text = _text(file.content)
            if "tempDirectory" not in text and "configurationRedirection" not in text:
                continue
            root = read(text)
        except (UnicodeError, UnreadableXmlError) as error:
            yield f"{file.path}: {error}"
            continue
        redirects = file.path.casefold().endswith(_REDIRECTION)
        for each in root.all():
            where = f"{file.path}:{each.line}"
            place = each.get("tempDirectory") if each.name == "compilation" else ""
            if place and _TEMPORARY not in place.casefold():
                yield f"{where}: ASP.NET compiles into {place}, which was not looked into"
            if redirects and each.name == "configurationRedirection" and each.is_on("enabled", "false"):
                yield f"{where}: IIS reads its configuration in {each.get('path')}"
