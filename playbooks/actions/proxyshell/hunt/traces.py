"""What one line of a log says of ProxyShell, and of ProxyToken.

ProxyToken (CVE-2021-33766) sets rules of mailboxes through the control panel as nobody: a cookie or a query
SecurityToken makes the front end leave it to the back end who asks, which does not ask either. Error 500 gives the
canary that the next request needs (SigmaHQ, web_cve_2021_33766_msexchange_proxytoken; Zero Day Initiative, 2021-08-30).
"""

from __future__ import annotations

import re

from playbooks.actions.exchange import cmdlets
from playbooks.actions.exchange.confusion import Target, hidden, target, worked
from playbooks.actions.exchange.hunting import Grade, Sign, Trace
from playbooks.actions.exchange.lines import Line, Request, request

FRONT_END, OWN_TOKEN, TOKEN = "CVE-2021-34473", "CVE-2021-34523", "CVE-2021-33766"
_TOKEN = re.compile(r"/ecp/.*(?:inboxrules\.svc/newobject|securitytoken=)")


def judge(line: Line, _: str) -> Sign:
    """What a line says; None where it is harmless."""
    if line.folder.casefold().startswith("cmdletinfra\\"):
        return cmdlets.line(line)
    asked = request(line)
    if _TOKEN.search(asked.url):
        return _token(line, asked)
    meant = target(asked.url)
    if meant is None:
        meant = hidden(line.text)
        return None if meant is None else Trace(Grade.PROBED, f"{meant.value}: {asked.shown(line.place)}", _cves(meant))
    evidence = f"{meant.value}: {asked.shown(line.place)}"
    return Trace(_grade(meant, answered=worked(asked)), evidence, _cves(meant))


def _token(line: Line, asked: Request) -> Sign:
    """A rule that was made by nobody, or the error that comes before it; users who are logged on make rules as well."""
    evidence = f"ProxyToken, a rule of a mailbox: {asked.shown(line.place)}"
    if "securitytoken=" in asked.url or asked.status == "500":
        return Trace(Grade.PROBED, evidence, (TOKEN,))
    if not asked.fits:
        return Trace(Grade.ANSWERED, evidence, (TOKEN,))
    # Who is logged on stands in HttpProxy's own logs; in IIS's it may be the server's account.
    nobody = not line.of_iis and "authenticateduser" in asked.columns and not asked.user
    return Trace(Grade.ANSWERED if worked(asked) else Grade.PROBED, evidence, (TOKEN,)) if nobody else None


def _cves(meant: Target) -> tuple[str, ...]:
    """The hole in the front end; and where the caller says who it is, the one behind it in PowerShell's own."""
    return (FRONT_END, OWN_TOKEN) if meant is Target.OWN_IDENTITY else (FRONT_END,)


def _grade(meant: Target, *, answered: bool) -> Grade:
    match meant:
        case _ if not answered:
            return Grade.PROBED
        case Target.OWN_IDENTITY | Target.POWERSHELL:
            return Grade.SESSION
        case Target.MAIL:
            return Grade.ANSWERED
        case Target.UNNAMED:
            return Grade.PROBED
