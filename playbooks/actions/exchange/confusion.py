"""Requests that reach another part of the back end through Autodiscover's path.

ProxyShell (CVE-2021-34473) and ProxyNotShell (CVE-2022-41040) name `autodiscover.json` and an address, and between
them what is meant, as `/autodiscover/autodiscover.json?@x.example/mapi/nspi/?&Email=autodiscover/autodiscover.json%3F
@x.example`, also in another order and percent-encoded twice (SigmaHQ; Neo23x0/signature-base, expl_proxyshell.yar;
Microsoft's rule `(?=.*autodiscover)(?=.*powershell)`). Outlook asks for `autodiscover.json` as well, with `Email=` and
`Protocol=` alone.
"""

from __future__ import annotations

import re
from enum import Enum

from playbooks.actions.exchange.lines import Request, plain

_NAMED = "autodiscover"
_ADDRESS = re.compile(r"[?/]@|autodiscover/[^/?]*@[^/?]*/|[?&]email=/?autodiscover/")
_PARTS = re.compile(r"/(mapi|ews|owa|ecp|rpc|oab|api|nspi|emsmdb|microsoft-server-activesync)(/|$)")


class Target(Enum):
    """What is meant; the text is that of evidence."""

    OWN_IDENTITY = "PowerShell, with a token of the caller's own making"
    POWERSHELL = "PowerShell"
    MAIL = "mail or the directory, as Exchange itself"
    UNNAMED = "nothing that can be read from it"


def target(url: str) -> Target | None:
    """What a URL, as `Request.url` has it, reaches through Autodiscover; None of any other request."""
    if _NAMED not in url or ".json" not in url:
        return None
    if "x-rps-cat" in url:
        return Target.OWN_IDENTITY
    # As part of a path: Outlook may name PowerShell as the protocol that it asks for, and PowerShell itself as agent.
    if "/powershell" in url:
        return Target.POWERSHELL
    if _PARTS.search(url):
        return Target.MAIL
    return Target.UNNAMED if _ADDRESS.search(url) else None


def hidden(text: str) -> Target | None:
    """What a line reaches whose columns may lie: only what no ordinary line has anywhere."""
    found = target(plain(text))
    return found if found in (Target.OWN_IDENTITY, Target.POWERSHELL) else None


def worked(request: Request) -> bool:
    """Whether it was answered with what was asked for, or nobody can tell: status 200 to 302, not 401, 403 or 404."""
    status = request.status
    return status is None or status in ("200", "201", "202", "204", "241", "302")
