"""What the intruder of the demo's story left: a page with the marks of a web shell that does nothing.

It is put together here, of pieces, when the demo runs: no scanner of files finds it in this program, and none of its
parts takes a command. It looks like an offline address book that Exchange wrote out as a page, with script in a URL
(CVE-2021-27065; Microsoft, 2021-03-02).
"""

from __future__ import annotations

from dataclasses import replace

from runner.lab.fleet import Fleet
from runner.lab.state import FileState

__all__ = ["PAGE", "SERVER", "planted"]

SERVER = "northwind/MAIL1"
PAGE = "C:\\inetpub\\wwwroot\\aspnet_client\\system_web\\supp0rt.aspx"
_WRITTEN = "2021-03-03T04:05:11.0000000Z"
_SCRIPT = "".join(("<scr", "ipt lan", 'guage="JS', 'cript" run', 'at="ser', 'ver">', "/* nothing */", "</scr", "ipt>"))
_LINES = (
    "Name                            : OAB (Default Web Site)",
    "PollInterval                    : 480",
    "OfflineAddressBooks             :",
    "RequireSSL                      : True",
    "BasicAuthentication             : False",
    "WindowsAuthentication           : True",
    "MetabasePath                    : IIS://MAIL1.northwind.example/W3SVC/1/ROOT/OAB",
    "Path                            : C:\\Program Files\\Microsoft\\Exchange Server\\V15\\FrontEnd\\HttpProxy\\OAB",
    "ExtendedProtectionTokenChecking : None",
    "Server                          : MAIL1",
    "InternalUrl                     : https://mail1.northwind.example/OAB",
    "InternalAuthenticationMethods   : WindowsIntegrated",
    f"ExternalUrl                     : http://f/{_SCRIPT}",
    "ExternalAuthenticationMethods   : WindowsIntegrated",
)


def planted(fleet: Fleet) -> Fleet:
    """The fleet with the page on the server on which it was written."""
    page = FileState(content="\r\n".join((*_LINES, "")), created=_WRITTEN, modified=_WRITTEN)
    return replace(
        fleet,
        hosts=tuple(
            replace(host, state=host.state.model_copy(update={"files": {**host.state.files, PAGE: page}}))
            if host.key == SERVER
            else host
            for host in fleet.hosts
        ),
    )
