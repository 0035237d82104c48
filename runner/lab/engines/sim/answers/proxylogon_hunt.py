"""proxylogon.hunt: requests that name another server, and what came of them."""

from __future__ import annotations

from collections.abc import Mapping

from playbooks.values import Value
from runner.lab.engines.sim.answers.hunting import Logs, Marks, hunted
from runner.lab.engines.sim.machine import Machine
from runner.lab.engines.sim.streams import Items

_WRITTEN = "Download failed and temporary file"
_CAST = "InvalidCastException"
_LOGS = Logs(
    Marks(("ServerInfo~",), "ServerInfo~", r"proxyLogon\.ecp|VirtualDirectory|emsmdb"),
    tuple(
        f"HttpProxy\\{name}"
        for name in ("Ecp", "Autodiscover", "Eas", "Ews", "Mapi", "Oab", "Owa", "OwaCalendar", "PowerShell", "RpcHttp")
    ),
    {
        "ECP\\Server": Marks(("VirtualDirectory",), "Set-", "<|%3c"),
        "OABGeneratorLog": Marks((_WRITTEN,), _WRITTEN, r"^(?!.*ClientAccess\\OAB\\)"),
    },
    {
        "MSExchange Management": ("", Marks((), r"Set-\w+VirtualDirectory", "<|%3c")),
        "Application": ("MSExchange Unified Messaging", Marks((), _CAST, _CAST)),
    },
    Marks(
        ("POST /ecp/", "POST /owa/auth/"),
        r"POST /(ecp|owa/auth)/\S*\.(js|css|flt|gif|png|jpg|ico|svg|eot|ttf|woff)\s",
        r"\s241\s",
    ),
)


def answer(machine: Machine, _: Mapping[str, Value]) -> Items:
    """The script's objects."""
    return hunted(machine, _LOGS)
