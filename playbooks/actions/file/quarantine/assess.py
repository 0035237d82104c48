"""Whether a file that was named by path and bytes is still there, and the one change that takes it out of the way.

What an investigation names is a file at a place, with a hash. Only where all of it is as it was named is the change
named: a file of other bytes, behind a link or with a doubtful path is somebody's to look at by hand, never to be moved
on a guess. That is `unknown`, so that no plan and no report takes it for something that is in order.

How it was when it was found (times, access list, owner, attributes, streams) is in the change's values, so that undoing
it is decided, and approved, before anything is moved. Its last access is not: reading it changes that.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import date

from playbooks.actions.file.quarantine.moving import Found, change_of, item_of, seen, told, why_not_restorable
from playbooks.actions.file.quarantine.paths import QUARANTINE, why_not_below, why_not_plain
from playbooks.actions.iis.configuration.served import NotKnownError, Served, served
from playbooks.catalogue.catalogue import Catalogue, KnownBad
from playbooks.changes import Barred, Change, ChangeValue
from playbooks.findings import Assessment, Coverage, Finding, Severity, UnknownFact, Verdict
from playbooks.observation import NotObserved, Observation, Observed
from playbooks.unknowns import not_observed, unknown
from playbooks.values import Record, Value, text_of

ACTION = "file.quarantine"
FACTS = ("present", "quarantined")

_SHA256 = re.compile(r"[0-9A-Fa-f]{64}")
_LEFT_ALONE = "A file that was to be quarantined is left alone"
_IN_NO_LIST = "its hash is in no list of known-bad files of the catalogue, which proves nothing of it"
_SUSPICION = "Treat this server with suspicion: its answer is not of the kind that the script gives; look by hand"


def assess(observation: Observation, params: Mapping[str, Value], catalogue: Catalogue, today: date) -> Assessment:
    """Compares what is there with what was named."""
    if isinstance(observation, NotObserved):
        return not_observed(ACTION, observation, FACTS)
    path, sha256 = str(params.get("path")), str(params.get("sha256"))
    if not _SHA256.fullmatch(sha256):
        return _refused(f"{sha256!r:.80} is no SHA-256", "Give the SHA-256 of the file: 64 hexadecimal digits")
    if why := why_not_plain(path) or why_not_below(path, _roots(params)):
        then = "Give the file's whole path as Windows shows it, and the folder that it may be taken from in `roots`"
        return _refused(f"{path!r:.300} {why}", then)
    for place in observation.of_kind("Way"):
        if "ReparsePoint" in text_of(place, "Attributes"):
            why = f"{text_of(place, 'Place')} is a link or another reparse point ({text_of(place, 'Attributes')})"
            then = "Find out where it leads, and name the file by the path that has no link in it"
            return _refused(why, then, path, {text_of(place, "Place"): text_of(place, "Attributes")})
    if unread := observation.why_unread(*_way(path)):
        return unknown(ACTION, path, unread, FACTS)
    places = tuple(observation.of_kind("Way"))
    for place in places:
        if place.get("Present") is False:
            return _not_there(path, text_of(place, "Place"), observation)
    if not places or text_of(places[-1], "Place") != path:
        return unknown(ACTION, path, "the answer does not say whether it is there", FACTS)
    if places[-1].get("Folder") is not False:
        folder = {"attributes": text_of(places[-1], "Attributes")}
        return _refused(f"{path} is a folder", "Name a file: a folder is not quarantined", path, folder)
    file = observation.first("File")
    if file is None:
        return unknown(ACTION, path, "the answer has nothing of the file itself", FACTS)
    found = text_of(file, "Sha256")
    if not _SHA256.fullmatch(found):
        return unknown(ACTION, f"the bytes of {path}", "the answer has no SHA-256 of them", FACTS)
    if found.casefold() != sha256.casefold():
        return _refused(
            f"{path} has other bytes than the file that was named: SHA-256 {found.lower()}",
            "Look at this file by hand, and name its own SHA-256 where it is to go as well",
            path,
            _before(path, found.lower(), places[-1], file, _streams(observation)),
            catalogue.known_bad(found),
        )
    try:
        folders = served(observation)
    except NotKnownError as error:
        return unknown(ACTION, "which folders IIS serves", str(error), FACTS)
    if reaching := next((each for each in folders if each.may_reach(f"{path[:2]}\\{QUARANTINE}")), None):
        return _served(path, reaching)
    return _there(path, sha256.lower(), places[-1], file, observation, catalogue)


def _roots(params: Mapping[str, Value]) -> tuple[str, ...]:
    given = params.get("roots")
    return tuple(str(root) for root in given) if isinstance(given, tuple | list) else ()


def _way(path: str) -> Iterator[str]:
    """The file and the folders on the way to it."""
    parts = path.split("\\")
    return ("\\".join(parts[:count]) for count in range(len(parts), 1, -1))


def _served(path: str, folder: Served) -> Assessment:
    """Left alone, for IIS would serve the quarantine, or may."""
    drive = path[:2]
    if folder.path:
        why = f"IIS serves {folder.written}, and a quarantine on {drive} would lie in it"
        then = "Take the file out of the way by hand, to where no web site is"
    else:
        why = f"IIS serves {folder.written!r:.300}, and it is not known whether a quarantine on {drive} would lie in it"
        then = "Find out where that leads, and take the file out of the way by hand, to where no web site is"
    return _refused(why, then, path, {"served by IIS": folder.written})


def _refused(
    why: str,
    then: str,
    path: str = "",
    present: Mapping[str, ChangeValue] | None = None,
    bad: KnownBad | None = None,
) -> Assessment:
    """Left alone; where what is there is known, what it is that stands where a file was named."""
    severity = Severity.HIGH if bad is None else Severity.CRITICAL
    evidence = (why,) if bad is None else (why, _known_bad(bad))
    return Assessment(
        verdict=Verdict.UNKNOWN,
        summary=f"left alone: {why}",
        findings=(Finding(f"{ACTION}.refused", severity, _LEFT_ALONE, evidence, then),),
        facts={name: UnknownFact(why) for name in FACTS},
        coverage=Coverage.NOT_KNOWABLE,
        barred=() if present is None else (Barred(change_of(path), present),),
    )


def _before(path: str, sha256: str, place: Record, file: Record, streams: Sequence[str]) -> dict[str, ChangeValue]:
    """What is seen of a file that stands at the place."""
    size = file.get("Size")
    return {
        "place": path,
        "sha256": sha256,
        "size": size if isinstance(size, int) else None,
        "created": text_of(file, "Created"),
        "changed": text_of(file, "Modified"),
        "attributes": text_of(place, "Attributes"),
        "owner": text_of(file, "Owner"),
        "streams": tuple(streams),
    }


def _not_there(path: str, missing: str, observed: Observed) -> Assessment:
    """Nothing to do; what is said of it differs."""
    kept = f"{item_of(path)}.quarantined"
    held = [
        text_of(each, "Folder") for each in observed.of_kind("Quarantined") if text_of(each, "Name").casefold() == kept
    ]
    facts: dict[str, Value | UnknownFact] = {"present": False, "quarantined": bool(held)}
    gone = "not there" if missing == path else f"not there, nor is the folder {missing}"
    if held:
        plans = " and ".join(folder.removeprefix(QUARANTINE) for folder in held)
        summary = f"{gone}: it is in quarantine, by plan {plans}"
    elif why := observed.why_unread(f"{path[:3]}{QUARANTINE}"):
        summary = f"{gone}; whether a quarantine has it could not be read ({why})"
        facts["quarantined"] = UnknownFact(why)
    else:
        summary = f"{gone}, and in no quarantine: who removed it, or whether it ever was here, is not known"
    return Assessment(Verdict.OK, summary, facts=facts)


def _known_bad(bad: KnownBad) -> str:
    return f"known-bad file, {bad.said}"


def _there(path: str, sha256: str, place: Record, file: Record, observed: Observed, catalogue: Catalogue) -> Assessment:
    size, streams = file.get("Size"), _streams(observed)
    if not isinstance(size, int):
        return unknown(ACTION, f"the size of {path}", "the answer does not have it", FACTS)
    found = Found(
        path,
        sha256,
        size,
        text_of(file, "Created"),
        text_of(file, "Modified"),
        text_of(place, "Attributes"),
        text_of(file, "Owner"),
        text_of(file, "Sddl"),
        tuple(streams),
    )
    before, after = seen(found)
    if (lost := why_not_restorable(found)) is not None:
        what, given = lost
        return _refused(f"{path}: {what} cannot be put back: {given!r:.80}", _SUSPICION, path, {**before, what: given})
    line = f"{path}: {size} bytes, made {found.created}, changed {found.modified}, owner {found.owner}"
    bad = catalogue.known_bad(sha256)
    known = _IN_NO_LIST if bad is None else _known_bad(bad)
    return Assessment(
        verdict=Verdict.ATTENTION,
        summary="the file that was named is there" + ("" if bad is None else ", and is a known-bad one"),
        findings=(
            Finding(
                f"{ACTION}.present",
                Severity.HIGH if bad is None else Severity.CRITICAL,
                "A file that was named for quarantine is there",
                (line, known, *(f"alternate stream {each}" for each in streams)),
                "Quarantine it, and find out how it came here and what it was used for",
            ),
        ),
        facts={"present": True, "quarantined": False},
        changes=(
            Change(
                id=change_of(path),
                title=f"Quarantine {path}",
                values=told(found),
                before=before,
                after=after,
                disturbs="what runs or reads this file gets an error in its place",
            ),
        ),
        then={"present": False, "quarantined": True},
    )


def _streams(observed: Observed) -> list[str]:
    """Alternate streams, each with its size; the unnamed one is the file itself."""
    return [
        f"{text_of(each, 'Name')} ({each.get('Size')!s} bytes)"
        for each in observed.of_kind("Stream")
        if text_of(each, "Name") != ":$DATA"
    ]
