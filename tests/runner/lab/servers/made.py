"""Servers from servers.yml: a base and what is different, as states of the lab.

The shape is that of recorded servers: Windows' own keys and services beside Exchange's, entries of other products.
A server of servers.yml has

    name, what        what it is, in a sentence
    of                a base: product, roles and services
    build             of every file, as a version resource has it
    path              the install folder; Exchange's default without it
    files             short name -> version, or null where there is none
    entries           of programs: name of the key -> display name, or a table of values
    updates           setup's own keys: `Exchange 2019` -> KBs
    registry          path below HKLM:\\SOFTWARE\\Microsoft -> values; null takes a key away, `closed` closes it
    services          name -> {state, start_mode}, or null where there is none
    more_services     so many of other products
    day               on which it is judged; the file's own without it
    expect            action -> verdict; whatever is not named is `ok`
    findings          all of them, where it matters
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from playbooks.actions.exchange.services.required import Product, Role, required
from playbooks.findings import Verdict
from runner.lab.state import FileState, HostState
from tests.runner.lab.engines import agents
from tests.runner.lab.engines.directories import DIRECTORY
from tests.runner.lab.engines.logs import quiet
from tests.runner.lab.engines.planted import USUAL, USUAL_FILES
from tests.runner.lab.engines.states import MANAGED

HERE = Path(__file__).resolve().parent
MICROSOFT = "HKLM:\\SOFTWARE\\Microsoft"
PRODUCT = f"{MICROSOFT}\\ExchangeServer\\v15"
UNINSTALL = f"{MICROSOFT}\\Windows\\CurrentVersion\\Uninstall"
DEFAULT = "C:\\Program Files\\Microsoft\\Exchange Server\\V15\\"
FILES = {
    "ExSetup": "Bin\\ExSetup.exe",
    "Data": "Bin\\Microsoft.Exchange.Data.dll",
    "RpcClientAccess": "Bin\\Microsoft.Exchange.RpcClientAccess.Service.exe",
    "ControlPanel": "ClientAccess\\ecp\\bin\\Microsoft.Exchange.Management.ControlPanel.dll",
    "Owa2": "ClientAccess\\Owa\\bin\\Microsoft.Exchange.Clients.Owa2.Server.dll",
}
WITHOUT_WEB = ("ExSetup", "Data")
SAID = frozenset(
    {"name", "what", "of", "build", "path", "files", "entries", "updates", "registry", "services", "more_services",
     "firewall", "day", "expect", "findings"}
)  # fmt: skip
ROLE_OF = {
    "MailboxRole": Role.MAILBOX,
    "CafeRole": Role.CLIENT_ACCESS,
    "FrontendTransportRole": Role.CLIENT_ACCESS,
    "EdgeTransportRole": Role.EDGE,
}
# What every Windows server has, whatever runs on it.
WINDOWS: Mapping[str, Mapping[str, Any]] = {
    f"{MICROSOFT}\\Windows NT\\CurrentVersion": {
        "ProductName": "Windows Server 2022 Standard",
        "CurrentBuildNumber": "20348",
    },
    f"{MICROSOFT}\\NET Framework Setup\\NDP\\v4\\Full": {"Release": 528449, "Version": "4.8.04161"},
    f"{UNINSTALL}\\{{6D8D64BE-F500-55B6-705D-DFD08AFE0624}}": {
        "DisplayName": "Microsoft Visual C++ 2013 x64 Additional Runtime - 12.0.40664",
        "Publisher": "Microsoft Corporation",
    },
    f"{UNINSTALL}\\WIC": {},
    f"{UNINSTALL}\\{{92FB6C44-E685-45AD-9B20-CADF4CABA132}}.KB4486153": {
        "DisplayName": "Microsoft .NET Framework 4.8 (KB4486153)",
        "Publisher": "Microsoft Corporation",
    },
    f"{MICROSOFT}\\Updates\\Microsoft .NET Framework 4.8\\KB4486153": {"PackageName": "KB4486153"},
    "HKLM:\\SYSTEM\\CurrentControlSet\\Control\\Session Manager": {"BootExecute": ["autocheck autochk *"]},
    "HKLM:\\SYSTEM\\CurrentControlSet\\Control\\Session Manager\\Memory Management": {"PagingFiles": ["?:\\x"]},
    **{path: each.model_dump()["values"] for path, each in USUAL.items()},
}


@dataclass(frozen=True)
class Server:
    """One server, and what an audit of it must come to."""

    name: str
    what: str
    state: HostState
    day: date
    expect: Mapping[str, Verdict]
    findings: tuple[str, ...] | None


def servers() -> Iterator[Server]:
    """Every server of servers.yml."""
    document = YAML(typ="safe", pure=True).load(HERE / "servers.yml")
    for spec in document["servers"]:
        assert set(spec) <= SAID, set(spec) - SAID  # a key that nobody reads would change nothing
        base = document["bases"][spec["of"]]
        day = date.fromisoformat(str(spec.get("day", document["day"])))
        yield Server(
            name=spec["name"],
            what=spec["what"],
            state=_state(base | spec, day),
            day=day,
            expect={action: Verdict(verdict) for action, verdict in spec.get("expect", {}).items()},
            findings=tuple(spec["findings"]) if "findings" in spec else None,
        )


def _state(spec: Mapping[str, Any], day: date) -> HostState:
    roles: list[str] = spec.get("roles", [])
    registry = {path: {"values": values} for path, values in _registry(spec, roles)}
    for path, values in spec.get("registry", {}).items():
        full = path if path.startswith("HKLM:") else f"{MICROSOFT}\\{path}"
        if values is None:
            registry = {each: kept for each, kept in registry.items() if not (each + "\\").startswith(full + "\\")}
        else:
            registry[full] = {"denied": True} if values == "closed" else {"values": values}
    return HostState.model_validate(
        {
            "name": spec["name"],
            "registry": registry,
            "files": {**dict(_files(spec, roles)), **_logs(spec, roles, day), **USUAL_FILES, **_agents(spec, roles)},
            "services": dict(_services(spec, roles)),
            "firewall": spec.get("firewall", MANAGED),
            "directory": DIRECTORY,
        }
    )


def _registry(spec: Mapping[str, Any], roles: list[str]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    yield from WINDOWS.items()
    if "build" not in spec:
        return
    major, minor, build, _ = (int(part) for part in spec["build"].split("."))
    yield (
        f"{PRODUCT}\\Setup",
        {
            "MsiInstallPath": spec.get("path", DEFAULT),
            "MsiProductMajor": major,
            "MsiProductMinor": minor,
            "MsiBuildMajor": build,
            "MsiBuildMinor": 1,
        },
    )
    yield f"{UNINSTALL}\\Microsoft Exchange v15", {"DisplayName": spec["title"], "Publisher": "Microsoft Corporation"}
    for role in (*roles, "AdminTools"):
        yield f"{PRODUCT}\\{role}", {"ConfiguredVersion": f"{major}.{minor}.{build}.1"}
    for key, entry in spec.get("entries", {}).items():
        values = entry if isinstance(entry, dict) else {"DisplayName": entry, "Publisher": "Microsoft Corporation"}
        yield f"{UNINSTALL}\\{key}", values
    for product, kbs in spec.get("updates", {}).items():
        for kb in kbs:
            values = {"PackageName": f"Security Update ({kb})", "InstalledDate": "2/11/2026"}
            yield f"{MICROSOFT}\\Updates\\{product}\\{kb}", values


def _files(spec: Mapping[str, Any], roles: list[str]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    if "build" not in spec:
        return
    mailbox = "MailboxRole" in roles
    versions = {name: spec["build"] for name in FILES if mailbox or name in WITHOUT_WEB} | spec.get("files", {})
    root = spec.get("path", DEFAULT).rstrip("\\")
    for name, version in versions.items():
        if version is not None:
            yield f"{root}\\{FILES[name]}", {"version": version, "size": 38408}


def _logs(spec: Mapping[str, Any], roles: list[str], day: date) -> Mapping[str, FileState]:
    """What was written on the day before that on which the server is judged."""
    front_end = bool({"CafeRole", "FrontendTransportRole"} & set(roles))
    found = quiet(spec.get("path", DEFAULT), front_end=front_end, mailbox="MailboxRole" in roles)
    modified = f"{day - timedelta(days=1)}T10:00:00.0000000Z"
    return {path: file.model_copy(update={"modified": modified}) for path, file in found.items()}


def _agents(spec: Mapping[str, Any], roles: list[str]) -> Mapping[str, FileState]:
    hub, front_end = {"HubTransportRole", "EdgeTransportRole"}, {"FrontendTransportRole", "CafeRole"}
    return agents.usual(spec.get("path", DEFAULT), roles=(bool(hub & set(roles)), bool(front_end & set(roles))))


def _services(spec: Mapping[str, Any], roles: list[str]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for number in range(spec.get("more_services", 8)):
        yield f"Vendor{number:03}Svc", {"display_name": f"Dienst {number}", "state": "Stopped", "start_mode": "Manual"}
    needed: dict[str, Mapping[str, Any]] = {"Winmgmt": {}, "EventLog": {}, "WinRM": {}}
    if "build" in spec:
        product = Product(int(spec["build"].split(".")[1]))
        of_roles = frozenset(ROLE_OF[role] for role in roles if role in ROLE_OF)
        needed |= {each.name: {} for each in required(of_roles, product).values()}
    for name, service in (needed | spec.get("services", {})).items():
        if service is not None:
            yield name, {"display_name": f"Dienst {name}"} | service
