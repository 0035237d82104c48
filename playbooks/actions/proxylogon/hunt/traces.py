"""What one line of a log, or one event, says of ProxyLogon.

The sequence and the marks are public: Microsoft's Test-ProxyLogon.ps1 (CSS-Exchange, Security/src) for what is looked
for in which log, and the Norwegian record of the attacks of March 2021 (repository 2021-march-exchange, #100) for what
each request is there for: autodiscover tells where a mailbox is, mapi/emsmdb the SID of its owner, proxyLogon.ecp
answers 241 where it opens a session for that SID, DDIService sets a virtual directory's URL, and resetting the
directory writes that into a file. IIS's logs do not have where a request was sent on to; there the mark is a POST to a
file that takes none (Volexity, "Operation Exchange Marauder", March 2021).

A line is the attacker's in part: client-request-id, path and user agent. So a line whose columns do not come out as its
header says is searched as it stands, and what was not read of it is never taken for harmless.
"""

from __future__ import annotations

import ntpath
import re
from collections.abc import Mapping

from playbooks.actions.exchange import cmdlets
from playbooks.actions.exchange.hunting import COMPROMISED, Aside, Event, Grade, Sign, Trace, Unclear, of_event
from playbooks.actions.exchange.lines import NOT_READ, Line, Request, columns, plain, request, short

ANCHOR = "ServerInfo~"

# What nmap's script asks for (CSS-Exchange, #306), and no name that only begins so: that may be anybody's. Where a
# session is asked for, or what comes after one, it counts whoever is named.
_OWN = re.compile(r"localhost(?:[:~]\d+)*/", re.IGNORECASE)
_ANYWHERE = re.compile(r'(?:^|[,"\s])(ServerInfo~[^,"]*)', re.IGNORECASE)
_RESET = re.compile(r"reset\w*virtualdirectory")
_SET = re.compile(r"ddiservice\.svc/setobject.*schema=reset\w*virtualdirectory")
_URL_WITH_TAG = re.compile(r"Set-\w*VirtualDirectory.*?Url.*?(?:<|%3c)\s*[a-z%!/?]", re.IGNORECASE)
_OAB = re.compile(r"Download failed and temporary file\s+'?(.*?)'?\s+needs to be removed", re.IGNORECASE)


def judge(line: Line, install: str) -> Sign:
    """What a line says; None where it is harmless.

    Args:
        install: the folder that Exchange is installed in, without a backslash at its end.
    """
    if line.of_iis:
        return _of_iis(line)
    match line.folder.casefold():
        case "oabgeneratorlog":
            return _oab(line, install)
        case "ecp\\server":
            return _url(line)
        case _:
            return _request(line)


def event(each: Event) -> Sign:
    """What an event says: a virtual directory's URL that was set, or what CVE-2021-26857 leaves.

    Unified Messaging that takes apart what it was sent and finds an object of another kind may have been attacked, or
    be broken: Microsoft names the event as a sign, and it is no proof.
    """
    if each.log.casefold() == "msexchange management":
        return cmdlets.event(each)
    return (
        Trace(Grade.SUSPICIOUS, of_event(each)) if "invalidcastexception" in " ".join(each.texts).casefold() else None
    )


def _oab(line: Line, install: str) -> Sign:
    named = _OAB.search(line.text)
    if named is None:
        return Unclear(f"{line.place}: names no file that can be read: {short(line.text)}")
    path = ntpath.normpath(named[1].strip(" '\"")).casefold()
    if path.startswith(f"{ntpath.normpath(install)}\\clientaccess\\oab\\".casefold()):
        return None
    return Trace(Grade.WRITTEN, f"{short(line.text)} ({line.place})")


def _url(line: Line) -> Sign:
    found = _URL_WITH_TAG.search(line.text)
    return Trace(Grade.WRITTEN, f"{short(line.text)} ({line.place})") if found else None


def _of_iis(line: Line) -> Sign:
    asked = request(line)
    if _SET.search(asked.url):
        return _reset(line, asked)
    if asked.fits and (asked.method or "").upper() != "POST":
        return None
    grade = Grade.SESSION if asked.status == "241" else Grade.PROBED
    return Trace(grade, f"a file that takes no request: {asked.shown(line.place)}")


def _reset(line: Line, asked: Request) -> Sign:
    """A directory that was reset: by the server itself, which does not do so, it is what writes the file.

    Source: SigmaHQ, web_cve_2021_26858_iis_rce. Administrators are named by their names there.
    """
    evidence = f"a virtual directory was reset: {asked.shown(line.place)}"
    if asked.fits and not (asked.user or "").endswith("$"):
        return Aside(evidence)
    return Trace(Grade.WRITTEN if asked.status in (None, "200") else Grade.LEAKED, evidence)


def _request(line: Line) -> Sign:
    named = _columns(line)
    anchor = named.get("anchormailbox")
    if anchor is None or not anchor.casefold().startswith(ANCHOR.casefold()):
        return None
    target = anchor[len(ANCHOR) :]
    path = target.partition("/")[2]
    grade = _grade(path, named.get("httpstatus"))
    harmless = grade not in COMPROMISED and "emsmdb" not in plain(path)
    if "/" not in target or (_OWN.match(target) and harmless):
        return None
    return Trace(grade, _shown(line, named))


def _grade(path: str, status: str | None) -> Grade:
    """By what was asked for and what came of it; a status that was not read may have been the worst."""
    asked = plain(path)
    if "ddiservice.svc/setobject" in asked or _RESET.search(asked):
        return Grade.WRITTEN if status in (None, "200") else Grade.LEAKED
    if "proxylogon.ecp" in asked:
        return Grade.SESSION if status in (None, "241") else Grade.LEAKED
    if "ddiservice.svc" in asked:
        return Grade.SESSION if status in (None, "200") else Grade.LEAKED
    return Grade.PROBED if asked.startswith("autodiscover") else Grade.LEAKED


def _columns(line: Line) -> Mapping[str, str]:
    """The columns by their names in lower case; only the anchor where they do not fit the header."""
    named, fits = columns(line)
    if fits and "anchormailbox" in named:
        return named
    if named.get("anchormailbox", "").casefold().startswith(ANCHOR.casefold()):
        # The columns up to here came out right; those behind may not have.
        names = list(named)
        return {name: named[name] for name in names[: names.index("anchormailbox") + 1]}
    anywhere = _ANYWHERE.search(line.text)
    return {} if anywhere is None else {"anchormailbox": anywhere[1]}


def _shown(line: Line, named: Mapping[str, str]) -> str:
    when, client, agent, status = (
        short(named.get(name, NOT_READ)) for name in ("datetime", "clientipaddress", "useragent", "httpstatus")
    )
    anchor = short(named["anchormailbox"])
    return f"{when} from {client}, user agent {agent or 'none'}, status {status or 'none'}: {anchor} ({line.place})"
