"""URLs of virtual directories that carry script, each with the change that sets it to a clean one.

What a URL is, exchange.virtual_directories judges alike (playbooks/actions/exchange/urls.py). A URL for which nothing
was named is left, for what it was before nobody knows: Exchange keeps no history of it.

Undoing a change puts back what was there, and that is the backdoor. So it does not, unless whoever made the plan asked
for it, and those who approved it could see that (docs/decisions/0041).
"""

from __future__ import annotations

import codecs
import hashlib
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date

from playbooks.actions.exchange.asking import asked
from playbooks.actions.exchange.urls import COMMANDS, KINDS, Url, gaps_of, urls_of
from playbooks.catalogue.catalogue import Catalogue
from playbooks.changes import Change
from playbooks.findings import Assessment, Coverage, Finding, Severity, UnknownFact, Verdict
from playbooks.observation import Observation, Observed
from playbooks.values import Value

ACTION = "exchange.oab_url"
FACTS = ("scripted", "left")
CVES = ("CVE-2021-27065",)
SETTABLE = tuple(kind for kind in KINDS if kind != "Autodiscover")  # which has no URLs since Exchange 2013
WHICH = ("InternalUrl", "ExternalUrl")
_GUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_HOST = re.compile(r"[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?", re.ASCII)
_CLEAN = re.compile(r"https://([^/:]+)(?::([0-9]{1,5}))?((?:/[A-Za-z0-9._~-]+)*/?)", re.ASCII | re.IGNORECASE)
_FORM = "Give it as Oab.ExternalUrl=https://mail.contoso.com/OAB, or Oab.ExternalUrl=none"
_BY_HAND = (
    "Let the session run as a virtual account (JEA), or the server act for the account; or set the URL on the server, "
    "in the Exchange Management Shell, and keep the old one as evidence"
)


class _RefusedError(Exception):
    """What was named for a URL is none that may be set."""


@dataclass(frozen=True, slots=True)
class _Left:
    url: Url
    why: str


def assess(observation: Observation, params: Mapping[str, Value], catalogue: Catalogue, today: date) -> Assessment:
    """Judges each URL, and names a change for each that carries script and for which a clean one is named."""
    found = asked(ACTION, observation, params, FACTS, "an Edge server has no virtual directories of Exchange")
    if isinstance(found, Assessment):
        return found
    try:
        wanted = _wanted(params)
    except _RefusedError as error:
        title = "What a URL is to be set to is none that is set"
        facts = {name: UnknownFact(str(error)) for name in FACTS}
        refused = Finding(f"{ACTION}.refused", Severity.HIGH, title, (str(error),), _FORM)
        return Assessment(Verdict.UNKNOWN, f"left alone: {error}", (refused,), facts, Coverage.NOT_KNOWABLE)
    return _concluded(found[0], wanted, put_back=params.get("put_back") is True)


def _wanted(params: Mapping[str, Value]) -> Mapping[tuple[str, str], str | None]:
    """By kind and which URL of it, what it is to be; None for none.

    Raises:
        _RefusedError: an entry says nothing that can be, or two say different things.
    """
    given = params.get("urls")
    wanted: dict[tuple[str, str], str | None] = {}
    for each in given if isinstance(given, tuple | list) else ():
        name, _, text = str(each).partition("=")
        kind, _, which = name.strip().casefold().partition(".")
        key = next(((a, b) for a in SETTABLE for b in WHICH if (a.casefold(), b.casefold()) == (kind, which)), None)
        if key is None:
            raise _RefusedError(f"{str(each)!r:.300} names no URL of a virtual directory")
        value = None if text.strip().casefold() == "none" else _clean(text.strip())
        if key in wanted and wanted[key] != value:
            raise _RefusedError(f"{key[0]}.{key[1]} is to be set to two different URLs")
        wanted[key] = value
    return wanted


def _clean(text: str) -> str:
    """A URL as Exchange gives it back: with its server in lower case, a folder, and no port that https has anyway.

    Raises:
        _RefusedError: it is no plain https URL of a server and a folder.
    """
    found = _CLEAN.fullmatch(text)
    host = found[1].casefold() if found else ""
    if found is None or len(text) > 1000 or not _HOST.fullmatch(host) or ".." in host:
        raise _RefusedError(f"{text!r:.300} is no https URL of a server and a folder alone")
    port = int(found[2] or 443)
    if not 0 < port < 65536 or any(part in (".", "..") for part in found[3].split("/")):
        raise _RefusedError(f"{text!r:.300} is no https URL of a server and a folder alone")
    return f"https://{host}{'' if port == 443 else f':{port}'}{found[3] or '/'}"


def _concluded(observed: Observed, wanted: Mapping[tuple[str, str], str | None], *, put_back: bool) -> Assessment:
    urls = urls_of(observed)
    scripted = tuple(url for url in urls if url.carries_script)
    commands = tuple(f"Get-{kind}VirtualDirectory" for kind in KINDS if any(kind == of for of, _ in wanted))
    gaps = gaps_of(observed, commands or COMMANDS)
    guids = Counter((url.guid, url.which) for url in urls)
    left = tuple(_Left(url, why) for url in scripted if (why := _why_left(url, wanted, guids)))
    stays = {id(each.url) for each in left}
    going = tuple(url for url in scripted if id(url) not in stays)
    verdict = Verdict.COMPROMISED if scripted else Verdict.UNKNOWN if gaps else Verdict.OK
    why_not = UnknownFact(f"not everything was read: {gaps[0]}") if gaps else None
    then: dict[str, Value | UnknownFact] = {
        "scripted": tuple(dict.fromkeys(each.url.directory for each in left)),
        "left": len(left),
    }
    return Assessment(
        verdict,
        _summary(going, left, gaps),
        tuple(_findings(going, left, gaps, urls)),
        {
            "scripted": why_not or tuple(dict.fromkeys(url.directory for url in scripted)),
            "left": len(left) if why_not is None else why_not,
        },
        Coverage.NOT_KNOWABLE if verdict is Verdict.UNKNOWN else Coverage.PROBED,
        # Whether it is in order afterwards could not be seen where not everything answers.
        changes=() if gaps else tuple(_change(url, wanted[url.kind, url.which], put_back) for url in going),
        then=then if going and not gaps else None,
    )


def _why_left(url: Url, wanted: Mapping[tuple[str, str], str | None], guids: Mapping[tuple[str, str], int]) -> str:
    """Why a URL that carries script is left as it is; empty where it is set."""
    if (url.kind, url.which) not in wanted:
        return f"nothing is named for {url.kind or 'it'}.{url.which}"
    if not _GUID.fullmatch(url.guid):
        return f"its virtual directory is said to have the GUID {url.guid!r:.80}"
    if guids[url.guid, url.which] > 1:
        return "two virtual directories are said to have its GUID"
    return "" if url.is_whole else "it is longer than what was sent, so it could neither be kept nor compared"


def _change(url: Url, planned: str | None, put_back: bool) -> Change:
    data = codecs.BOM_UTF16_LE + url.text.encode("utf-16-le", "surrogatepass")
    units = data[2:]
    codes = " ".join(str(units[at] + 256 * units[at + 1]) for at in range(0, len(units), 2))
    undone = (
        "undoing it writes the script into the directory again" if put_back else "undoing it leaves it as it is set"
    )
    return Change(
        id=f"url.{url.kind.casefold()}.{url.which.casefold()}.{url.guid}",
        title=f"Set {url.which} of {url.directory:.100} to {planned or 'nothing'}",
        values={
            "kind": url.kind,
            "which": url.which,
            "guid": url.guid,
            "planned": planned,
            "planned_text": planned or "",
            "was": url.text,
            "was_codes": codes,
            "place": f"{url.which} of {url.directory:.100}",
            "digest": hashlib.sha256(data).hexdigest(),
        },
        before={"directory": url.directory, url.which: url.text},
        after={"directory": url.directory, url.which: planned or ""},
        disturbs=f"clients that ask Autodiscover are told the new URL; {undone}",
    )


def _findings(
    going: tuple[Url, ...], left: tuple[_Left, ...], gaps: tuple[str, ...], urls: tuple[Url, ...]
) -> Iterator[Finding]:
    if going:
        yield Finding(
            f"{ACTION}.script",
            Severity.CRITICAL,
            "A URL of a virtual directory carries script, as CVE-2021-27065 leaves it, and is to be set to a clean one",
            tuple(url.shown for url in going),
            "Take this server for compromised, and do not reset the directory, which would write the script into a "
            "page. Set the URL, which keeps the old one as evidence, and look for pages and for the command in logs",
            CVES,
        )
    if left:
        yield Finding(
            f"{ACTION}.left",
            Severity.CRITICAL,
            "A URL of a virtual directory carries script and is left as it is",
            tuple(f"{each.url.shown}: {each.why}" for each in left),
            "Take this server for compromised. Name in `urls` what the URL is to be, or set it by hand and keep the "
            "old one as evidence",
            CVES,
        )
    if gaps:
        yield Finding(
            f"{ACTION}.unread",
            Severity.HIGH,
            "Could not tell what the URLs of virtual directories are, so none is set",
            gaps,
            _BY_HAND,
        )
    if odd := tuple(url.shown for url in urls if url.is_odd and not url.carries_script):
        yield Finding(
            f"{ACTION}.odd",
            Severity.MEDIUM,
            "A URL of a virtual directory is none that leads to a server and a folder there alone, and is left",
            odd,
            "Ask who set it, and look for the command in the event log MSExchange Management",
        )


def _summary(going: tuple[Url, ...], left: tuple[_Left, ...], gaps: tuple[str, ...]) -> str:
    parts = []
    if going:
        parts.append(f"{going[0].which} of {going[0].directory} carries script" + _more(len(going)))
    if left:
        parts.append(f"{left[0].url.which} of {left[0].url.directory} carries script and is left: {left[0].why}")
    if gaps:
        parts.append(f"could not tell: {gaps[0]}")
    return "; ".join(parts) or "no URL of a virtual directory carries script now, which proves nothing of what was"


def _more(count: int) -> str:
    return f", and {count - 1} more" if count > 1 else ""
