"""Whether a URL of a virtual directory carries script.

One that does not proves nothing: afterwards attackers reset the
directory, or set the URL to nothing (NOR, 2021-march-exchange #100); the logs have it (proxylogon.hunt).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date

from playbooks.actions.exchange.asking import asked
from playbooks.actions.exchange.urls import COMMANDS, Url, gaps_of, urls_of
from playbooks.catalogue.catalogue import Catalogue
from playbooks.findings import Assessment, Coverage, Finding, Severity, UnknownFact, Verdict
from playbooks.observation import Observation, Observed
from playbooks.values import Record, Value, text_of

ACTION = "exchange.virtual_directories"
FACTS = ("scripted", "directories")
_BY_HAND = (
    "On this server, in the Exchange Management Shell, run each of these with -ADPropertiesOnly and look at the URLs; "
    "or let the session run as a virtual account (JEA), or the server act for the account. What was done before shows "
    "in proxylogon.hunt alone"
)
_NOTHING = "URLs without script prove nothing, for attackers set them back after use; see proxylogon.hunt"


def assess(observation: Observation, params: Mapping[str, Value], catalogue: Catalogue, today: date) -> Assessment:
    """Judges each URL by what stands in it, in whatever encoding; of what was not read it says so."""
    found = asked(ACTION, observation, params, FACTS, "an Edge server has no virtual directories of Exchange")
    return found if isinstance(found, Assessment) else _concluded(*found)


def _concluded(observed: Observed, since: date | None) -> Assessment:
    directories = tuple(observed.of_kind("VirtualDirectory"))
    urls = urls_of(observed)
    scripted = tuple(url for url in urls if url.carries_script)
    odd = tuple(url for url in urls if url.is_odd and not url.carries_script)
    new = tuple(each for each in directories if since and text_of(each, "Changed")[:10] >= since.isoformat())
    gaps = gaps_of(observed)
    findings = tuple(_findings(scripted, odd, new, gaps, urls, directories))
    verdict = Verdict.OK
    if scripted:
        verdict = Verdict.COMPROMISED
    elif odd:
        verdict = Verdict.SUSPICIOUS
    elif new:
        verdict = Verdict.ATTENTION
    if gaps:
        verdict = min(verdict, Verdict.UNKNOWN, key=lambda either: either.rank)
    why = f"not everything was read: {gaps[0]}" if gaps else ""
    return Assessment(
        verdict,
        _summary(scripted, odd, new, gaps, len(directories)),
        findings,
        {
            "scripted": UnknownFact(why) if gaps else tuple(dict.fromkeys(url.directory for url in scripted)),
            "directories": UnknownFact(why) if gaps else len(directories),
        },
        Coverage.NOT_KNOWABLE if gaps else Coverage.PROBED,
    )


def _findings(
    scripted: tuple[Url, ...],
    odd: tuple[Url, ...],
    new: tuple[Record, ...],
    gaps: tuple[str, ...],
    urls: tuple[Url, ...],
    directories: tuple[Record, ...],
) -> Iterator[Finding]:
    if scripted:
        yield Finding(
            f"{ACTION}.script",
            Severity.CRITICAL,
            "A URL of a virtual directory carries script, as CVE-2021-27065 leaves it",
            tuple(url.shown for url in scripted),
            "Take this server for compromised, and do not reset the directory, which would write the script into a "
            "page. Keep the URL as evidence, set it to what it was, and look for pages and for the command in logs",
            ("CVE-2021-27065",),
        )
    if gaps:
        yield Finding(
            f"{ACTION}.unread",
            Severity.HIGH,
            "Could not tell what the URLs of virtual directories are",
            (*gaps, f"to be run: {', '.join(COMMANDS)}"),
            _BY_HAND,
        )
    if odd:
        yield Finding(
            f"{ACTION}.odd",
            Severity.HIGH,
            "A URL of a virtual directory is none that leads to a server and a folder there alone",
            tuple(url.shown for url in odd),
            "Ask who set it, and look for the command in the event log MSExchange Management",
        )
    if new:
        yield Finding(
            f"{ACTION}.changed",
            Severity.MEDIUM,
            "Virtual directories were changed since the day that was asked for",
            tuple(f"{text_of(each, 'Name')}: changed {text_of(each, 'Changed')}" for each in new),
            "Ask who changed them; an attacker sets a URL back or to nothing after use",
        )
    if directories:
        yield Finding(
            f"{ACTION}.urls",
            Severity.INFO,
            "The URLs of this server's virtual directories as the directory has them now",
            tuple(url.shown for url in urls) or ("no virtual directory has a URL",),
            f"Compare with what you have set: {_NOTHING}",
        )


def _summary(
    scripted: tuple[Url, ...], odd: tuple[Url, ...], new: tuple[Record, ...], gaps: tuple[str, ...], count: int
) -> str:
    if scripted:
        said = f"{scripted[0].which} of {scripted[0].directory} carries script"
    elif gaps and not count:
        return f"could not tell: {gaps[0]}"
    elif odd:
        said = f"{odd[0].which} of {odd[0].directory} is no URL of a server and a folder alone"
    elif new:
        said = f"{text_of(new[0], 'Name')} was changed since the day that was asked for"
    else:
        said = f"no URL of {count} virtual directories carries script now, which proves nothing of what was"
    return f"{said}; could not tell of {len(gaps)} kinds" if gaps else said
