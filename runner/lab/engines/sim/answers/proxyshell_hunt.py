"""proxyshell.hunt: requests that go another way through Autodiscover, and commands that write files."""

from __future__ import annotations

from collections.abc import Mapping

from playbooks.values import Value
from runner.lab.engines.sim.answers.hunting import Logs, Marks, hunted
from runner.lab.engines.sim.machine import Machine
from runner.lab.engines.sim.streams import Items

_REQUEST = Marks(
    r"(\.|2e)(j|%[\du%]*[46]a)(s|%[\du%]*[57]3)(o|%[\du%]*[46]f)(n|%[\du%]*[46]e)"
    r"|InboxRules\.svc/NewObject|SecurityToken=",
    r"/ecp/.*(InboxRules\.svc/NewObject.*(,false,|\s500\s)|SecurityToken=)|"
    r"powershell|/(mapi|ews|owa|ecp|rpc|oab|api)/|email=autodiscover|json\s@|\?@"
    r"|%(u|25|2f|5c|3f|[46][1-9a-f]|[57][0-9a])",
    r"powershell|rps-cat|%(u|25|[46][1-9a-f]|[57][0-9a])",
)
_COMMAND = (
    r"(New|Remove)-MailboxExportRequest|New-ManagementRoleAssignment|New-ExchangeCertificate|Set-\w+VirtualDirectory"
    r"|Install-TransportAgent"
)
_PAGE = r"\.as[hpcma]|\.svc|\.soap|\.cshtml|inetpub|HttpProxy|<|%3c"
_NAMES = "MailboxExportRequest|ManagementRoleAssignment|ExchangeCertificate|VirtualDirectory|TransportAgent"

_LOGS = Logs(
    _REQUEST,
    tuple(
        f"HttpProxy\\{name}"
        for name in ("Autodiscover", "Eas", "Ecp", "Ews", "Mapi", "Oab", "Owa", "OwaCalendar", "PowerShell", "RpcHttp")
    ),
    {"CmdletInfra\\Powershell-Proxy\\Cmdlet": Marks(_NAMES, _COMMAND, _PAGE)},
    {"MSExchange Management": ("", Marks("", _COMMAND, _PAGE))},
    _REQUEST,
)


def answer(machine: Machine, _: Mapping[str, Value]) -> Items:
    """The script's objects."""
    return hunted(machine, _LOGS)
