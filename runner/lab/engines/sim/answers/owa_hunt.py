"""owa.hunt: requests that reach PowerShell through OWA and Autodiscover, and its clients."""

from __future__ import annotations

from collections.abc import Mapping

from playbooks.values import Value
from runner.lab.engines.sim.answers.hunting import Logs, Marks, hunted
from runner.lab.engines.sim.machine import Machine
from runner.lab.engines.sim.streams import Items

_REQUEST = Marks(
    "power|shell",
    r"json|/owa/[^\s,?]*(@|%40|%2540)",
    r"/owa/[^\s,?]*(@|%40|%2540)[^\s,?]*/[^\s,?]*shell|powershell",
)
_LOGS = Logs(
    _REQUEST,
    tuple(
        f"HttpProxy\\{name}"
        for name in ("Owa", "Autodiscover", "Eas", "Ecp", "Ews", "Mapi", "Oab", "OwaCalendar", "PowerShell", "RpcHttp")
    ),
    {
        "CmdletInfra\\Powershell-Proxy\\Http": Marks(
            r"[A-Za-z][\w-]*/\d", r"^(?!.*(Microsoft WinRM Client|Exchange BackEnd Probes)).*[A-Za-z][\w-]*/\d", ",200,"
        )
    },
    {"MSExchange Management": ("", Marks("", r"(Add|Set)-MailboxFolderPermission", "Owner"))},
    _REQUEST,
)


def answer(machine: Machine, _: Mapping[str, Value]) -> Items:
    """The script's objects."""
    return hunted(machine, _LOGS)
