r"""Where a command of Exchange writes a file to: a mailbox that is exported, the request of a certificate.

ProxyShell (CVE-2021-31207) writes a page by an export: New-MailboxExportRequest -FilePath
\\127.0.0.1\c$\inetpub\wwwroot\aspnet_client\name.aspx, because Exchange takes a UNC path alone, and any extension until
the updates of May 2021 (SigmaHQ, rules/windows/builtin/msexchange; Neo23x0/signature-base, expl_proxyshell.yar;
rapid7/metasploit-framework #15561). A path that ends in .pst is the usual one, whatever lies there.
"""

from __future__ import annotations

import re
from enum import Enum
from ipaddress import ip_address

# A dot at the end of a name is none on the disk: page.aspx. is page.aspx.
_PAGE = re.compile(r"\.(aspx|ashx|asmx|ascx|asax|asp|asa|svc|soap|cshtml|master|config)(?!\.*\w)")
# Also by their short names: ASPNET~1, HTTPPR~1, CLIENT~1.
_SERVED = re.compile(
    r"\\(inetpub|aspnet_client|aspnet~\d|frontend\\httpproxy|frontend\\httppr~\d|clientaccess|client~\d)(\\|$)"
)
_OWN_DISK = re.compile(
    r"\\\\(localhost|127(\.\d+){1,3}|2130706433|0x7f000001|::1|\[::1\]|0--1\.ipv6-literal\.net|\.)\\[a-z]\$", re.ASCII
)
_HOST = re.compile(r"\\\\(?:\?\\unc\\)?([^\\]*)(?=\\|$)")


class Destination(Enum):
    """What a place is, worst first."""

    PAGE = "a page that IIS runs"
    SERVED = "a folder that IIS serves"
    OWN_DISK = "the disk of the server that writes it, by an administrative share"
    ELSEWHERE = "another place"


def destination_of(told: str) -> Destination:
    """What a path is, or the worst that a text names: a command with its parameters."""
    place = plain(told)
    if _PAGE.search(place):
        return Destination.PAGE
    if _SERVED.search(place):
        return Destination.SERVED
    return Destination.OWN_DISK if _OWN_DISK.search(place) else Destination.ELSEWHERE


def plain(path: str) -> str:
    r"""As Windows compares it: in lower case, with backslashes, without what goes before a name (\\?\UNC\)."""
    place = path.casefold().replace("/", "\\")
    return place.replace("\\\\?\\unc\\", "\\\\")


def host_of(path: str) -> str:
    """The server whose share a UNC path names, in lower case; empty where it names none, or that which writes it."""
    place = plain(path).strip()
    found = _HOST.match(place)
    if found is None or _OWN_DISK.match(f"\\\\{found[1]}\\c$"):
        return ""
    return found[1]


def is_outside(host: str) -> bool:
    """Whether a UNC path with this host leads out of the network: a public address, or by HTTP (WebDAV)."""
    if "@" in host:  # server@SSL, server@8080
        return True
    name = host.strip("[]").removesuffix(".ipv6-literal.net")
    if name != host.strip("[]"):
        name = name.replace("-", ":").partition("s")[0]
    try:
        return ip_address(name).is_global
    except ValueError:
        return False
