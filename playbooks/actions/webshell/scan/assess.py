"""What IIS could run on this server, and what of it is a web shell.

Nothing is called clean that was not seen: a folder that could not be read, a file that was left out or not hashed, a
link that was not followed, a file that nobody knows: each makes the verdict `unknown` at least. What the answer says of
itself and cannot be so makes it `suspicious`, as a file does that does not belong where it lies.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

from playbooks.actions.webshell.scan.judgement import Judged, Standing, judged
from playbooks.actions.webshell.scan.listing import Listing, listing_of
from playbooks.catalogue.catalogue import Catalogue
from playbooks.findings import Assessment, Coverage, Finding, Severity, UnknownFact, Verdict
from playbooks.investigating.ages import is_aged
from playbooks.investigating.standing import CLEAR_OF
from playbooks.observation import Observation, Observed
from playbooks.unknowns import not_observed
from playbooks.values import Value

ACTION = "webshell.scan"
FACTS = (
    "compromised",
    "malicious",
    "suspicious",
    "unknown",
    "baseline",
    "malicious_files",
    "suspicious_files",
    CLEAR_OF,
)
_CLEAR = ("web shells",)
SHOWN = 30  # lines of evidence of one finding
MOST = 500  # texts of one fact
_LONGEST = 400  # characters of a path in a line

_SAID = {
    Standing.MALICIOUS: (
        Severity.CRITICAL,
        "A web shell, or another file that is known to be malicious, lies where IIS can run it",
        "Take this server for compromised: cut it off, keep the file as evidence, and see what was done through it",
    ),
    Standing.SUSPICIOUS: (
        Severity.HIGH,
        "Files that do not belong where they lie, or that look like web shells",
        "Look at each file by hand; what is a web shell is evidence, so keep a copy before anything removes it",
    ),
    Standing.UNKNOWN: (
        Severity.MEDIUM,
        "Files that IIS could run, and that nobody has said to be Microsoft's own or malicious",
        "Compare each with the same file of a server of this build that is known to be clean, or with its vendor's",
    ),
}


def assess(observation: Observation, params: Mapping[str, Value], catalogue: Catalogue, today: date) -> Assessment:
    """Judges every file that was told of, and says of what nothing can be said."""
    if not isinstance(observation, Observed):
        return not_observed(ACTION, observation, FACTS)
    listing = listing_of(observation)
    if listing.iis is False and not listing.files and not listing.gaps and not listing.lies:
        summary = "IIS is not on this server, and none of the folders in which web shells lie"
        none: dict[str, Value] = dict.fromkeys(FACTS, 0)
        facts = {**none, "compromised": False, "malicious_files": (), "suspicious_files": (), CLEAR_OF: _CLEAR}
        return Assessment(Verdict.NOT_APPLICABLE, summary, facts=facts)
    files = judged(listing, catalogue)
    found = {
        standing: tuple(each for each in files if each.standing is standing and not each.in_order)
        for standing in Standing
    }
    return _concluded(listing, found)


def _concluded(listing: Listing, found: Mapping[Standing, tuple[Judged, ...]]) -> Assessment:
    doubts = (*listing.lies, *listing.gaps)
    if found[Standing.MALICIOUS]:
        verdict = Verdict.COMPROMISED
    elif found[Standing.SUSPICIOUS] or listing.lies:
        verdict = Verdict.SUSPICIOUS
    else:
        verdict = Verdict.UNKNOWN if doubts or found[Standing.UNKNOWN] else Verdict.OK
    return Assessment(
        verdict,
        _summary(listing, found),
        tuple(sorted(_findings(listing, found), key=lambda each: each.severity.rank)),
        _facts(found, doubts),
        Coverage.NOT_KNOWABLE if verdict is Verdict.UNKNOWN else Coverage.PROBED,
    )


def _facts(found: Mapping[Standing, tuple[Judged, ...]], doubts: tuple[str, ...]) -> Mapping[str, Value | UnknownFact]:
    """Counts are at least what was found; where something was not seen, that there is none is not known."""
    unseen = UnknownFact(doubts[0]) if doubts else None
    facts: dict[str, Value | UnknownFact] = {}
    for standing in Standing:
        count = len(found[standing])
        facts[standing.value] = count if count or unseen is None else unseen
    for standing in (Standing.MALICIOUS, Standing.SUSPICIOUS):
        listed = tuple(f"{each.file.sha256 or 'not hashed'} {each.file.path}" for each in found[standing][:MOST])
        facts[f"{standing.value}_files"] = listed if listed or unseen is None else unseen
    doubtful = (*found[Standing.SUSPICIOUS], *found[Standing.UNKNOWN])
    if found[Standing.MALICIOUS]:
        facts["compromised"] = True
    elif unseen is not None:
        facts["compromised"] = unseen
    else:
        facts["compromised"] = UnknownFact(f"{len(doubtful)} files are not known to be clean") if doubtful else False
    facts[CLEAR_OF] = _CLEAR if facts["compromised"] is False else ()
    return facts


def _summary(listing: Listing, found: Mapping[Standing, tuple[Judged, ...]]) -> str:
    whole = not listing.lies and not listing.gaps
    in_order = len(listing.files) - sum(map(len, found.values()))
    configured = f"{_counted(in_order, 'configuration')} in order by structure"
    if whole and listing.files and len(found[Standing.BASELINE]) + in_order == len(listing.files):
        programs = len(listing.files) - in_order
        known = f"every one of {programs} files that IIS could run is known for this build"
        said = known if programs else "no page or program that IIS could run"
        return f"{said}; {configured}" if in_order else said
    counted = [f"{len(each)} {standing.value}" for standing, each in found.items() if each]
    counted += [configured] if in_order else []
    said = f"{_counted(len(listing.files), 'file')} that IIS could run: {', '.join(counted)}"
    parts = [said if counted else "no file that IIS could run"]
    if listing.lies:
        parts.append(f"{_counted(len(listing.lies), 'thing')} in the answer cannot be so")
    if listing.gaps:
        parts.append(f"{_counted(len(listing.gaps), 'part')} not seen")
    return "; ".join(parts)


def _id(standing: Standing) -> str:
    # `.unknown` is what every action says where there is no answer.
    return "unknown-files" if standing is Standing.UNKNOWN else standing.value


def _counted(count: int, what: str) -> str:
    return f"{count} {what}{'' if count == 1 else 's'}"


def _findings(listing: Listing, found: Mapping[Standing, tuple[Judged, ...]]) -> tuple[Finding, ...]:
    findings = [
        Finding(f"{ACTION}.{_id(standing)}", severity, title, _first(tuple(map(_line, found[standing]))), then)
        for standing, (severity, title, then) in _SAID.items()
        if found[standing]
    ]
    if listing.lies:
        findings.append(
            Finding(
                f"{ACTION}.contradicted",
                Severity.HIGH,
                "What this server says of its files cannot be so",
                _first(listing.lies),
                "Scan again, for a file may have been written to meanwhile; where it says so twice, no honest server "
                "does: look at its disk from outside",
            )
        )
    if listing.gaps:
        findings.append(
            Finding(
                f"{ACTION}.unread",
                Severity.HIGH,
                "Places in which a web shell could lie were not seen",
                _first(listing.gaps),
                "Look at them by hand; what was left out for being too much can be asked for with larger limits",
            )
        )
    if undated := _undated(listing, found):
        findings.append(
            Finding(
                f"{ACTION}.install-days",
                Severity.LOW,
                "On which days Exchange and its updates were installed is not wholly known",
                _first(undated),
                "Age was held against what is known, and against neighbours; hold the times of the pages against the "
                "days on which you know that updates were installed",
            )
        )
    return tuple(findings)


def _undated(listing: Listing, found: Mapping[Standing, tuple[Judged, ...]]) -> tuple[str, ...]:
    """What is not known of days of installs, where that could have said more of a page.

    Age never makes a file better, and one that is known is not judged by it: this makes no server unknown.
    """
    doubtful = (each for standing in (Standing.SUSPICIOUS, Standing.UNKNOWN) for each in found[standing])
    if not any(is_aged(each.file.path, each.standing, listing.server) for each in doubtful):
        return ()
    if listing.installs.days:
        return listing.installs.unknown
    return (*listing.installs.unknown, "no day of an install is known")


def _line(judged_: Judged) -> str:
    file = judged_.file
    parts = [
        f"{_cut(file.path)}: {'; '.join(judged_.reasons)}",
        f"SHA-256 {file.sha256 or 'not known'}",
        f"{file.size} bytes",
    ]
    if file.modified:
        parts.append(f"written {file.modified}")
    if file.owner:
        parts.append(f"owner {_cut(file.owner)}")
    if judged_.pools:
        parts.append(f"served by {', '.join(map(_cut, judged_.pools))}")
    if judged_.copies:
        parts.append(f"compiled to {', '.join(map(_cut, judged_.copies))}")
    return ", ".join(parts)


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."


def _first(lines: tuple[str, ...]) -> tuple[str, ...]:
    more = len(lines) - SHOWN
    shown = tuple(each if len(each) <= 3000 else f"{each[:3000]}..." for each in lines[:SHOWN])
    return (*shown, f"and {more} more") if more > 0 else shown
