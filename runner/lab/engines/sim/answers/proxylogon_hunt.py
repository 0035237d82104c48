"""proxylogon.hunt: requests that name another server, and what came of them."""

from __future__ import annotations

import re
from collections.abc import Mapping

from playbooks.values import Value
from runner.lab.engines.sim import file_system
from runner.lab.engines.sim.answers.hunting import Logs, Marks, hunted, listed
from runner.lab.engines.sim.answers.records import record, unread
from runner.lab.engines.sim.machine import Machine, UnreadableError
from runner.lab.engines.sim.streams import Items
from runner.lab.state import FileState

_ENTRIES, _GIVEN = 20_000, 100
_ANY, _OF_LSASS = r"\.(dmp|7z|zip|rar)$", r"^lsass.*\.dmp$|\.(7z|zip|rar)$"
_LEFT = (
    ("C:\\root", 2, _ANY),
    ("C:\\Windows\\Temp", 1, _OF_LSASS),
    ("C:\\inetpub\\wwwroot", 4, _ANY),
    ("C:\\ProgramData", 2, _OF_LSASS),
)
_WRITTEN = "Download failed and temporary file"
_CAST = "InvalidCastException"
_LOGS = Logs(
    Marks("ServerInfo~", "ServerInfo~", r"proxyLogon\.ecp|VirtualDirectory|emsmdb"),
    tuple(
        f"HttpProxy\\{name}"
        for name in ("Ecp", "Autodiscover", "Eas", "Ews", "Mapi", "Oab", "Owa", "OwaCalendar", "PowerShell", "RpcHttp")
    ),
    {
        "ECP\\Server": Marks("VirtualDirectory", "Set-", "<|%3c"),
        "OABGeneratorLog": Marks(_WRITTEN, _WRITTEN, r"^(?!.*ClientAccess\\OAB\\)", headed=False),
    },
    {
        "MSExchange Management": ("", Marks("", r"Set-\w+VirtualDirectory", "<|%3c")),
        "Application": ("MSExchange Unified Messaging", Marks("", _CAST, _CAST)),
    },
    Marks(
        r"POST /(ecp|owa)/|DDIService\.svc/SetObject",
        r"POST /(ecp|owa)/\S*\.(js|css|flt|gif|png|jpe?g|ico|svg|eot|ttf|woff2?|html?|axd|crx|manifest|mp3|wav|msi|bin"
        r"|dat|exe|mui|xap|skin)\s|schema=Reset\w*VirtualDirectory",
        r"\s241\s|schema=Reset",
    ),
)


def answer(machine: Machine, _: Mapping[str, Value]) -> Items:
    """The script's objects."""
    files = machine.state.files
    for root, deep, named in _LEFT:
        yield from _left(files, root, deep, re.compile(named, re.IGNORECASE))
    yield from hunted(machine, _LOGS)


def _left(files: Mapping[str, FileState], root: str, deep: int, named: re.Pattern[str]) -> Items:
    level, entries, given, seen, whole = [root], 0, 0, 0, True
    for _ in range(deep + 1):
        below: list[str] = []
        for place in level:
            if not whole:
                break
            try:
                found = file_system.at(files, place)
                if found is None or not found.folder:
                    continue
                for name in file_system.names_in(files, place):
                    entries += 1
                    path = f"{place}\\{name}"
                    file = listed(files, path)
                    assert file is not None
                    attributes = file_system.attributes(file).lower()
                    if "directory" in attributes or file.folder:
                        if "reparsepoint" not in attributes:
                            below.append(path)
                    elif named.search(name):
                        seen += 1
                        if given < _GIVEN:
                            given += 1
                            yield record(
                                "Left",
                                Root=root,
                                Path=path,
                                Size=file.length,
                                Created=file.created,
                                Modified=file.modified,
                            )
            except UnreadableError as error:
                yield unread(place, error)
            whole = entries <= _ENTRIES
        level = below
    yield record("LeftPlace", Root=root, Entries=entries, Whole=whole, Given=given, Seen=seen)
