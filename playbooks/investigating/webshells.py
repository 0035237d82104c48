"""Which of the files that IIS could run are web shells, and why. Pure: records in, verdicts out.

In this order: bytes that somebody has published as malicious; what a file holds; bytes that are Exchange's own for this
build; where it lies; what is configured by it; what was compiled of pages that are gone; its age. Nothing is trusted by
name: BASELINE is a file whose bytes, path and build are those that Microsoft published, and no other.

What is not known is said and never filled in: a file whose content did not come has a reason that says so.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import date

from playbooks.catalogue.build import Build
from playbooks.catalogue.catalogue import Catalogue
from playbooks.investigating.ages import aged
from playbooks.investigating.code import includes
from playbooks.investigating.content import Looked, look
from playbooks.investigating.decoding import decoded
from playbooks.investigating.document import UnreadableXmlError, read
from playbooks.investigating.handlers import foreign_handlers
from playbooks.investigating.leftovers import of_pages_gone
from playbooks.investigating.locations import PAGES, Surroundings, ending_of, name_of, of_exchange, spoken_against
from playbooks.investigating.places import Server, comparable
from playbooks.investigating.verdicts import FileVerdict, Grade, Reason, Root, WebFile, WebRoot, Written, worst
from playbooks.investigating.webconfig import configured

__all__ = ["FileVerdict", "Grade", "Reason", "WebFile", "WebRoot", "judge"]

# A program is looked into where its bytes came; it does not become a page by that.
_NOT_RUN = Looked((), runs=False, inert=True)
_TAKE_IN = PAGES | {"inc"}
_NAMED = 3  # of what is taken in and did not come
_LOOKED_FOR = 100  # of what one page takes in; the others are told as not seen


def judge(
    files: Sequence[Written],
    roots: Sequence[Root],
    build: Build | None,
    catalogue: Catalogue,
    server: Server,
    *,
    mapped: Collection[str] = (),
    unseen: Collection[str] = (),
    installed: Collection[date] = (),
) -> tuple[FileVerdict, ...]:
    """What each file comes to, in their order.

    Args:
        roots: the folders that were looked into.
        build: Exchange's, from ExSetup.exe; None where it is not known, and then no file is BASELINE.
        server: where Exchange lies, and the server's own names for folders.
        mapped: further endings, in lower case without the dot, that IIS runs as pages here; those that a web.config
            among the files maps are added.
        unseen: folders of which not all was told: what is missing there may be there.
        installed: the days on which Exchange and its updates were installed, as far as they are known.

    Raises:
        CatalogueError: the catalogue's lists of hashes are no sound tables.
    """
    applications = frozenset(
        folder
        for each in files
        if name_of(each.path) == "global.asax" or ending_of(each.path) == "dll"
        for folder in (comparable(each.path).rpartition("\\")[0].removesuffix("\\bin"),)
    )
    around = Surroundings(server, build, catalogue, tuple(roots), applications)
    runnable = PAGES | {ending.casefold().lstrip(".") for ending in mapped} | set(_mapped(files, server))
    alone = tuple(_judged(each, around, runnable) for each in files)
    more = of_pages_gone(files, alone, roots, unseen)
    taken_in = _taken_in(files, alone)
    told = tuple(_with(each, (*more.get(at, ()), *taken_in.get(at, ()))) for at, each in enumerate(alone))
    return aged(told, files, installed, server)


def _taken_in(files: Sequence[Written], alone: Sequence[FileVerdict]) -> Mapping[int, tuple[Reason, ...]]:
    """Of pages, by their place among the files, what they take in that did not come: code may stand in it."""
    came = {comparable(each.path) for each in files if each.content is not None and not each.cut}
    found: dict[int, tuple[Reason, ...]] = {}
    for at, (each, verdict) in enumerate(zip(files, alone, strict=True)):
        if verdict.verdict is Grade.BASELINE or each.content is None:
            continue
        if b"#" not in each.content or ending_of(each.path) not in _TAKE_IN:
            continue
        named = includes(decoded(each.content).text)
        missing = [target for target in named[:_LOOKED_FOR] if not _came(each.path, target, came)]
        missing += named[_LOOKED_FOR:]
        if missing:
            text = f"it takes in {', '.join(missing[:_NAMED])[:160]}, which did not come: what that does is not known"
            found[at] = (Reason("not-seen.include", Grade.UNKNOWN, text),)
    return found


def _came(path: str, target: str, came: Collection[str]) -> bool:
    """A file that is meant from the page's own folder on, or from the root of its site, which is one above it."""
    folders = comparable(path).split("\\")[:-1]
    name = target.replace("/", "\\").lstrip("\\")
    rooted = target.startswith(("/", "\\"))
    starts = range(len(folders), 0, -1) if rooted else (len(folders),)
    return any(comparable("\\".join((*folders[:length], name))) in came for length in starts)


def _mapped(files: Sequence[Written], server: Server) -> Iterator[str]:
    """Endings that a configuration among the files has run as pages."""
    for each in files:
        if each.content is not None and ending_of(each.path) == "config":
            with suppress(UnreadableXmlError):
                root = read(decoded(each.content).text)
                for found in foreign_handlers(root, each.path, server):
                    yield from found.endings


def _with(verdict: FileVerdict, more: Sequence[Reason]) -> FileVerdict:
    if not more:
        return verdict
    reasons = sorted((*verdict.reasons, *more), key=lambda each: each.grade.rank)
    known = [each for each in reasons if each.id != "not-known"]
    grade = min(verdict.verdict, worst(more), key=lambda each: each.rank)
    return replace(verdict, verdict=grade, reasons=tuple(known))


def _judged(file: Written, around: Surroundings, runnable: frozenset[str] | set[str]) -> FileVerdict:
    digest, whole = _digest(file)
    reasons = list(_contradictions(file))
    hashes = dict.fromkeys(each for each in (digest, file.sha256.lower()) if each)
    for each in hashes:
        bad = around.catalogue.known_bad(each)
        if bad is not None:
            text = f"its bytes are published as malicious: {bad.said}"
            reasons.append(Reason("known-bad", Grade.MALICIOUS, text, bad.source, bad.licence))
    own = tuple(_exchange_s_own(file, digest, whole, around)) if digest else ()
    settled = whole and not reasons and any(each.grade is Grade.BASELINE for each in own)
    ending = ending_of(file.path)
    looked = _NOT_RUN
    if file.content is not None and not settled:
        looked = look(file.content, ending, mapped=ending in runnable)
        reasons += looked.reasons
    runs = ending in runnable or (looked.runs and ending not in ("config", "dll", "js"))
    reasons += own
    if file.content is not None and ending == "config":
        reasons += configured(
            decoded(file.content).text, name_of(file.path), around.server, _is_microsoft_s(file, around)
        )
    if not settled:
        reasons += spoken_against(file.path, runs, looked.inert and file.content is not None and not file.cut, around)
        reasons += _not_seen(file, digest, runs)
    return _verdict(file, digest, reasons)


def _is_microsoft_s(file: Written, around: Surroundings) -> bool:
    """Whether a configuration lies where Exchange's or IIS's own are."""
    path, server = comparable(file.path), around.server
    wwwroot = f"{server.system_drive or 'c:'}\\inetpub\\wwwroot"
    at_site = path.rpartition("\\")[0] == wwwroot and wwwroot not in around.applications
    return of_exchange(file.path, server) is not None or at_site or "\\aspnet_client\\" in path


def _verdict(file: Written, digest: str, reasons: Sequence[Reason]) -> FileVerdict:
    against = [each for each in reasons if each.grade in (Grade.MALICIOUS, Grade.SUSPICIOUS)]
    own = any(each.grade is Grade.BASELINE for each in reasons)
    grade = worst(against) if against else Grade.BASELINE if own else Grade.UNKNOWN
    told = tuple(dict.fromkeys(sorted(reasons, key=lambda each: each.grade.rank)))
    if not told:
        told = (
            Reason(
                "not-known",
                Grade.UNKNOWN,
                "no list knows its bytes, and nothing in it or of its place speaks against it",
            ),
        )
    return FileVerdict(file.path, digest, file.size, grade, told)


def _digest(file: Written) -> tuple[str, bool]:
    """The SHA-256 that counts, and whether it was taken here of all of its bytes."""
    if file.content is not None and not file.cut and len(file.content) == file.size:
        return hashlib.sha256(file.content).hexdigest(), True
    return file.sha256.lower(), False


def _contradictions(file: Written) -> Iterator[Reason]:
    if file.content is None:
        return
    source = "held against the bytes that came"
    if file.cut:
        if len(file.content) > file.size >= 0:
            text = f"{len(file.content)} bytes came of a file that is said to have {file.size}"
            yield Reason("contradicted.size", Grade.SUSPICIOUS, text, source)
        return
    if len(file.content) != file.size:
        text = f"{len(file.content)} bytes came of a file that is said to have {file.size}, and nothing was cut"
        yield Reason("contradicted.size", Grade.SUSPICIOUS, text, source)
    elif file.sha256 and hashlib.sha256(file.content).hexdigest() != file.sha256.lower():
        text = (
            "the bytes that came do not have the SHA-256 that the server said: it lies, or the file changed meanwhile"
        )
        yield Reason("contradicted.hash", Grade.SUSPICIOUS, text, source)


def _exchange_s_own(file: Written, digest: str, whole: bool, around: Surroundings) -> Iterator[Reason]:
    """Whether its bytes are those of a page of Exchange, at its place and for this build."""
    catalogue, build = around.catalogue, around.build
    rows = catalogue.known_good(digest)
    below = of_exchange(file.path, around.server)
    here = [row for row in rows if below is not None and row.path.casefold() == below]
    if here:
        # A row spans builds of other products, and updates of which nothing is listed: only a listed build is meant.
        listed_build = build is not None and build in catalogue.builds_of_pages
        fits = next((row for row in here if build is not None and listed_build and row.is_of(build)), None)
        if fits is not None:
            word = "its bytes are" if whole else "by the server's own word its bytes are"
            yield Reason("known-good", Grade.BASELINE, f"{word} {fits.said}", fits.source, fits.licence)
        else:
            of = "no build is known of this server" if build is None else f"this server's is {build}"
            text = f"its bytes are {here[0].said}; {of}"
            yield Reason("known-good.other-build", Grade.UNKNOWN, text, here[0].source, here[0].licence)
    elif rows:
        text = f"its bytes are those of a page of Exchange that lies elsewhere: {rows[0].said}"
        yield Reason("known-good.elsewhere", Grade.UNKNOWN, text, rows[0].source, rows[0].licence)
    elif below is not None and build is not None and build in catalogue.builds_of_pages:
        listed = next((row for row in catalogue.pages_at(below) if row.is_of(build)), None)
        if listed is not None:
            text = f"Microsoft published other bytes of this page for build {build}: changed, or of another build"
            yield Reason("known-good.altered", Grade.UNKNOWN, text, listed.source, listed.licence)


def _not_seen(file: Written, digest: str, runs: bool) -> Iterator[Reason]:
    if not digest:
        yield Reason("not-seen.hash", Grade.UNKNOWN, "its SHA-256 is not known, so no list could be asked")
    if not runs:
        return
    if file.cut:
        yield Reason("not-seen.cut", Grade.UNKNOWN, "not all of it came, so what stands in the rest is not known")
    elif file.content is None:
        yield Reason(
            "not-seen.content", Grade.UNKNOWN, "what it holds did not come, so only its hash and place were judged"
        )
