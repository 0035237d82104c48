"""Exchange's own commands, with which files are written where IIS runs them.

A mailbox that is exported to a path that ends in .aspx, and the request of a certificate that is, are how ProxyShell
(CVE-2021-31207) writes: the page stands in a message's attachment or in the certificate's subject. Event 1 of the log
MSExchange Management is a command that succeeded, event 6 one that failed; the Rps_Cmdlet logs have the same (SigmaHQ,
rules/windows/builtin/msexchange; Neo23x0/signature-base, expl_proxyshell.yar).
"""

from __future__ import annotations

import re

from playbooks.actions.exchange.destinations import Destination, destination_of
from playbooks.actions.exchange.hunting import Aside, Event, Grade, Sign, Trace, of_event
from playbooks.actions.exchange.lines import Line, columns, short

FAILED = 6  # of the log MSExchange Management: a command that ended in an error
_TAG = re.compile(r"url\b.*?(?:<|%3c)\s*[a-z%!/?]")
_VIRTUAL_DIRECTORY = re.compile(r"set-\w*virtualdirectory")


def event(each: Event) -> Sign:
    """What an event of the log MSExchange Management says: the command first, then its parameters."""
    name, *rest = each.texts
    return _judged(name, " ".join(rest), of_event(each), failed=each.number == FAILED)


def line(each: Line) -> Sign:
    """What a line of Rps_Cmdlet says."""
    named, fits = columns(each)
    evidence = f"{short(each.text)} ({each.place})"
    if fits and "cmdlet" in named:
        when, user = named.get("datetime", ""), named.get("authenticateduser", "")
        evidence = (
            f"{when} {user or 'nobody named'}: {named['cmdlet']} {short(named.get('parameters', ''))} ({each.place})"
        )
        return _judged(named["cmdlet"], each.text, evidence, failed=bool(named.get("genericerrors")))
    return _judged(each.text, each.text, evidence, failed=False)


def _judged(name: str, given: str, evidence: str, *, failed: bool) -> Sign:
    command, told = name.casefold(), given.casefold().replace("/", "\\")
    if "new-mailboxexportrequest" in command or "new-exchangecertificate" in command:
        if "new-exchangecertificate" in command and "requestfile" not in told:
            return None
        match destination_of(given):
            case Destination.PAGE | Destination.SERVED:
                # Whoever ran it had a session, whatever came of it.
                return Trace(Grade.SESSION if failed else Grade.WRITTEN, evidence)
            case Destination.OWN_DISK:
                return Trace(Grade.SUSPICIOUS, evidence)
            case _:
                return None
    if "new-managementroleassignment" in command:
        return Trace(Grade.SUSPICIOUS, evidence) if "mailbox import export" in told else None
    if _VIRTUAL_DIRECTORY.search(command):
        return Trace(Grade.SESSION if failed else Grade.WRITTEN, evidence) if _TAG.search(told) else None
    if "install-transportagent" in command:
        return Trace(Grade.SUSPICIOUS, evidence)
    return Aside(evidence) if "remove-mailboxexportrequest" in command else None
