"""The web shells of a server, each with the change that takes it away, and what ASP.NET has compiled of it.

What a file comes to is webshell.scan's judgement. Malicious ones are taken; others only where they are named. This does
not say that a server is clean: what was not seen, and what nobody knows, is told and left.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import date

from playbooks.actions.file.quarantine.moving import change_of, seen, told
from playbooks.actions.file.quarantine.paths import why_not_plain
from playbooks.actions.webshell.quarantine.taking import Left, Taken, Taking, taking
from playbooks.actions.webshell.scan.judgement import Judged, Standing, judged
from playbooks.actions.webshell.scan.listing import Listing, listing_of
from playbooks.catalogue.catalogue import Catalogue
from playbooks.changes import Barred, Change, ChangeValue
from playbooks.findings import Assessment, Coverage, Finding, Severity, UnknownFact, Verdict
from playbooks.observation import Observation, Observed
from playbooks.unknowns import not_observed
from playbooks.values import Value, text_of

ACTION = "webshell.quarantine"
FACTS = ("malicious", "quarantined", "left")
_MISSING = "See that nothing is misspelt; on other servers of a fleet it may be there"
_MEND = (
    "Keep a copy as evidence, take out of it what is told here, and compare the rest with the same file of a server of "
    "this build that is known to be clean; one that no application needs is taken where it is named in `include`"
)
MOST = 200  # files of one plan, where nobody says otherwise
SHOWN = 30  # lines of evidence of one finding

_SHA256 = re.compile(r"[0-9A-Fa-f]{64}")


def assess(observation: Observation, params: Mapping[str, Value], catalogue: Catalogue, today: date) -> Assessment:
    """Judges every file that was told of, and names a change for each that is to go."""
    if not isinstance(observation, Observed):
        return not_observed(ACTION, observation, FACTS)
    include = _included(params)
    if wrong := next((each for each in include if not _SHA256.fullmatch(each) and why_not_plain(each)), None):
        why = f"include has {wrong!r:.300}, which is no SHA-256 and no whole path"
        title = "What was to be taken besides is not named so that it can be found"
        then = "Give the SHA-256 of the file, 64 hexadecimal digits, or its whole path as Windows shows it"
        finding = Finding(f"{ACTION}.include", Severity.HIGH, title, (why,), then)
        facts = {name: UnknownFact(why) for name in FACTS}
        return Assessment(Verdict.UNKNOWN, why, (finding,), facts, Coverage.NOT_KNOWABLE)
    listing = listing_of(observation)
    if listing.iis is False and not listing.files and not listing.gaps and not listing.lies:
        none: dict[str, Value] = dict.fromkeys(FACTS, 0)
        return Assessment(Verdict.NOT_APPLICABLE, "IIS is not on this server, and none of its folders", facts=none)
    files = judged(listing, catalogue)
    found = taking(observation, listing, files, include)
    most = params.get("most")
    return _concluded(observation, listing, files, found, most if isinstance(most, int) else MOST)


def _included(params: Mapping[str, Value]) -> frozenset[str]:
    given = params.get("include")
    return frozenset(str(each).strip().casefold() for each in given) if isinstance(given, tuple | list) else frozenset()


def _concluded(observed: Observed, listing: Listing, files: tuple[Judged, ...], found: Taking, most: int) -> Assessment:
    many = found.taken if len(found.taken) > most else ()
    if many:
        found = replace(found, taken=())
    counted = Counter(each.standing for each in files)
    malicious = counted[Standing.MALICIOUS]
    in_quarantine = sum(
        text_of(each, "Name").casefold().endswith(".quarantined") for each in observed.of_kind("Quarantined")
    )
    going = {each.file.path.casefold() for each in found.taken}
    doubtful = [
        each
        for each in files
        if each.standing in (Standing.SUSPICIOUS, Standing.UNKNOWN)
        and not each.in_order
        and each.file.path.casefold() not in going
    ]
    if many:
        verdict = Verdict.UNKNOWN  # no plan is to read that nothing is to be changed
    elif malicious:
        verdict = Verdict.COMPROMISED
    elif listing.lies:
        verdict = Verdict.UNKNOWN
    elif found.taken or found.left or found.mended or doubtful or listing.gaps:
        verdict = Verdict.ATTENTION
    else:
        verdict = Verdict.OK
    facts: dict[str, Value | UnknownFact] = {
        "malicious": malicious if malicious or not listing.gaps else UnknownFact(listing.gaps[0]),
        "quarantined": in_quarantine,
        "left": len(found.left) + len(found.mended) + len(many),
    }
    stays = sum(each.standing is Standing.MALICIOUS and each.file.path.casefold() not in going for each in files)
    then: dict[str, Value | UnknownFact] | None = None
    if found.taken and not listing.gaps:
        then = {"malicious": stays, "quarantined": in_quarantine + len(found.taken), "left": facts["left"]}
    return Assessment(
        verdict,
        _summary(found, len(many), files, doubtful, in_quarantine, listing),
        (*_too_many(many, most), *_findings(found, doubtful, listing)),
        facts,
        Coverage.NOT_KNOWABLE if verdict is Verdict.UNKNOWN else Coverage.PROBED,
        changes=() if verdict is Verdict.UNKNOWN else tuple(_change(each, found) for each in found.taken),
        then=then,
        besides=tuple(_besides(files, going)),
    )


def _too_many(many: tuple[Taken, ...], most: int) -> Iterator[Finding]:
    """Why none is taken: a plan of thousands takes longer than anybody reads it, and mends no such server."""
    if not many:
        return
    severity = Severity.CRITICAL if any(each.malicious for each in many) else Severity.HIGH
    title = "More files are to be taken out of the way than one plan takes, so none is"
    lines = (
        f"{len(many)} files, and {most} at most",
        *(f"{each.file.path}: {'; '.join(each.reasons)}" for each in many),
    )
    then = (
        "Cut this server off, and set it up anew rather than mend it; to take them all the same, plan again with a "
        "larger `most`"
    )
    yield Finding(f"{ACTION}.many", severity, title, _first(lines), then)


def _summary(
    found: Taking, many: int, files: tuple[Judged, ...], doubtful: list[Judged], in_quarantine: int, listing: Listing
) -> str:
    copies = sum(bool(each.copy_of) for each in found.taken)
    pages = len(found.taken) - copies
    in_order = [each for each in files if each.in_order]
    of_iis = any(each.file.path.casefold().endswith("\\applicationhost.config") for each in in_order)
    parts = []
    if found.taken:
        parts.append(
            f"{_counted(pages, 'file')} to take away, with {_counted(copies, 'compiled copy', 'compiled copies')}"
        )
    elif many:
        parts.append(f"{many} files to take away, more than one plan takes: none is taken")
    elif not any(each.standing is Standing.MALICIOUS for each in files):
        parts.append("nothing among what was seen is a web shell that is known")
    if found.left:
        parts.append(f"{len(found.left)} left alone")
    if found.mended:
        parts.append(f"{_counted(len(found.mended), 'malicious configuration')} to be mended by hand")
    if doubtful:
        parts.append(f"{_counted(len(doubtful), 'file')} suspicious, or known to nobody")
    if len(in_order) > of_iis:
        parts.append(f"{_counted(len(in_order) - of_iis, 'configuration')} in order by structure")
    if of_iis:
        parts.append("which modules applicationHost.config loads into IIS is iis.configuration's to judge")
    if listing.lies:
        parts.append(f"{_counted(len(listing.lies), 'thing')} in the answer cannot be so")
    if listing.gaps:
        parts.append(f"{_counted(len(listing.gaps), 'part')} not seen")
    if in_quarantine:
        parts.append(f"{in_quarantine} in quarantine")
    return "; ".join(parts)


def _counted(count: int, one: str, several: str = "") -> str:
    return f"{count} {one if count == 1 else several or f'{one}s'}"


def _findings(found: Taking, doubtful: list[Judged], listing: Listing) -> Iterator[Finding]:
    if found.taken:
        lines = tuple(
            f"{each.file.path}: {'; '.join(each.reasons)}, SHA-256 {each.file.sha256}" for each in found.taken
        )
        severity = Severity.CRITICAL if any(each.malicious for each in found.taken) else Severity.HIGH
        title = "Files that are to be taken out of the way lie where IIS can run them"
        yield Finding(
            f"{ACTION}.present",
            severity,
            title,
            _first(lines),
            "Quarantine them, and find out what was done through them",
        )
    if found.left:
        title = "Files that were to be taken out of the way are left alone"
        then = "Take each away by hand; keep a copy as evidence first"
        yield Finding(f"{ACTION}.left", Severity.HIGH, title, _first(tuple(_line(each) for each in found.left)), then)
    if found.mended:
        title = "A configuration is malicious, and is not taken: what it configures would stop without it"
        lines = tuple(
            f"{each.file.path}: {'; '.join(each.reasons)}, SHA-256 {each.file.sha256}" for each in found.mended
        )
        yield Finding(f"{ACTION}.configuration", Severity.CRITICAL, title, _first(lines), _MEND)
    if listing.lies:
        title = "What this server says of its files cannot be so"
        then = "Treat this server with suspicion: an honest one gives no such answer; look at its disk from outside"
        yield Finding(f"{ACTION}.contradicted", Severity.HIGH, title, _first(listing.lies), then)
    if listing.gaps:
        title = "Places in which a web shell could lie were not seen"
        yield Finding(f"{ACTION}.unread", Severity.HIGH, title, _first(listing.gaps), "Look at them by hand")
    others = tuple(
        f"{each.file.path}: {'; '.join(each.reasons)}, SHA-256 {each.file.sha256 or 'not known'}" for each in doubtful
    )
    if others:
        title = "Files that are suspicious, or that nobody knows, are not taken: they were not named"
        then = "Look at each by hand; name those that are to go, by SHA-256, in `include`"
        yield Finding(f"{ACTION}.not_named", Severity.MEDIUM, title, _first(others), then)
    if found.missing:
        title = "What was named to be taken besides is not there, or is Microsoft's own"
        yield Finding(f"{ACTION}.missing", Severity.INFO, title, _first(found.missing), _MISSING)


def _line(left: Left) -> str:
    return f"{left.path}: {left.why}"


def _first(lines: tuple[str, ...]) -> tuple[str, ...]:
    more = len(lines) - SHOWN
    shown = tuple(each if len(each) <= 3000 else f"{each[:3000]}..." for each in lines[:SHOWN])
    return (*shown, f"and {more} more") if more > 0 else shown


def _change(each: Taken, found: Taking) -> Change:
    before, after = seen(each.file)
    recycled = f", and recycle {', '.join(each.pools)}" if each.pools else ""
    what = f"what ASP.NET has compiled of {each.copy_of}: " if each.copy_of else ""
    disturbs = "what runs or reads this file gets an error in its place"
    if each.copy_of:
        disturbs = "pages that were compiled into the same file are compiled again when they are asked for next"
    elif each.is_configuration:
        disturbs = "what this file configures runs otherwise without it, or answers with errors"
    if each.pools:
        disturbs += f"; {', '.join(each.pools)} begins anew: who uses it waits for some seconds"
    page, absent = each.page or (None, None)
    return Change(
        id=change_of(each.file.path),
        title=f"Quarantine {what}{each.file.path}{recycled}",
        values={
            **told(each.file),
            "path": each.file.path,
            "sha256": each.file.sha256,
            "pools": each.pools,
            "page": page,
            "absent": absent,
            "health": found.health if each.pools else (),
        },
        before=before,
        after=after,
        disturbs=disturbs,
    )


def _besides(files: tuple[Judged, ...], going: set[str]) -> Iterator[Barred]:
    """What stands where a change could be named: a file that was approved to go may have been exchanged for it."""
    for each in files:
        if each.file.path.casefold() not in going:
            file = each.file
            present: dict[str, ChangeValue] = {"place": file.path, "sha256": file.sha256, "size": file.size}
            yield Barred(change_of(file.path), {**present, "changed": file.modified})
