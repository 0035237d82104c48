"""What one line of a log, or one event, says of ProxyNotShell, OWASSRF and of rights that everybody was given.

ProxyNotShell reaches PowerShell through Autodiscover's path as somebody who can log on; OWASSRF through the address of
another mailbox behind /owa/, which the rewrite rule against ProxyNotShell does not see (CrowdStrike, "OWASSRF",
December 2022, and its Rps_Http-IOC.ps1: clients of PowerShell other than Windows's own and Exchange's probes). What
came after CVE-2026-42897 gave `Default`, which is everybody, the right Owner on folders of mailboxes.
"""

from __future__ import annotations

import re

from playbooks.actions.exchange.confusion import Target, hidden, target, worked
from playbooks.actions.exchange.hunting import Aside, Event, Grade, Sign, Trace, of_event
from playbooks.actions.exchange.lines import Line, columns, plain, request, short

# What Windows's own client and Exchange call themselves.
OWN_CLIENTS = frozenset({"", "microsoft winrm client", "exchange backend probes"})
RIGHTS, ATTACHMENT = "CVE-2026-42897", "CVE-2026-45504"
OWASSRF, PROXYNOTSHELL = "PowerShell, through OWA (OWASSRF)", "PowerShell, through Autodiscover (ProxyNotShell)"
# The hole through which PowerShell is reached. What is run there goes through CVE-2022-41082, and no such log has that.
_WAYS = {OWASSRF: ("CVE-2022-41080",), PROXYNOTSHELL: ("CVE-2022-41040",)}
_THROUGH_OWA = re.compile(r"/owa/[^/?\s,]*@[^/?\s,]*/powershell")
_EVERYBODY = re.compile(r"-user\W+(default|anonymous)\b")
_OWNER = re.compile(r"\bowner\b")


def judge(line: Line, _: str) -> Sign:
    """What a line says; None where it is harmless."""
    if line.folder.casefold().startswith("cmdletinfra\\"):
        return _client(line)
    if "getwopitarget" in plain(line.text):
        return _attachment(line)
    asked = request(line)
    way = _way(asked.url)
    if way is None:
        way = _way(plain(line.text)) if _THROUGH_OWA.search(plain(line.text)) or hidden(line.text) else None
        return None if way is None else Trace(Grade.PROBED, f"{way}: {asked.shown(line.place)}", _WAYS[way])
    return Trace(Grade.SESSION if worked(asked) else Grade.PROBED, f"{way}: {asked.shown(line.place)}", _WAYS[way])


def event(each: Event) -> Sign:
    """A command that set who may open a folder."""
    told = " ".join(each.texts).casefold()
    if "mailboxfolderpermission" not in told or not _EVERYBODY.search(told):
        return None
    return Trace(Grade.SUSPICIOUS, of_event(each), (RIGHTS,)) if _OWNER.search(told) else Aside(of_event(each))


def _attachment(line: Line) -> Sign:
    """CVE-2026-45504 has EWS read what an attachment's provider names, also a file of the server."""
    if "file:" not in plain(line.text):
        return None
    return Trace(
        Grade.SUSPICIOUS,
        f"EWS was asked for a file ({ATTACHMENT}): {short(line.text)} ({line.place})",
        (ATTACHMENT,),
    )


def _way(url: str) -> str | None:
    if _THROUGH_OWA.search(url):
        return OWASSRF
    if target(url) in (Target.OWN_IDENTITY, Target.POWERSHELL):
        return PROXYNOTSHELL
    return None


def _client(line: Line) -> Sign:
    named, fits = columns(line)
    if not fits or "clientinfo" not in named:
        return Trace(Grade.SUSPICIOUS, f"a client that cannot be read: {short(line.text)} ({line.place})")
    client = named["clientinfo"]
    if client.casefold() in OWN_CLIENTS:
        return None
    status = named.get("httpstatus")
    said = (
        f"{named.get('datetime', '')} from {short(named.get('clientipaddress', ''))}, as "
        f"{short(named.get('authenticateduser', '')) or 'nobody'}, status {short(status or 'not read')}: client "
        f"{short(client)} ({line.place})"
    )
    return Trace(Grade.SUSPICIOUS if status in (None, "200") else Grade.PROBED, said)
