"""exchange.transport_agents: the agents that Exchange loads into its transport, and their libraries."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from playbooks.values import Value
from runner.lab.engines.sim import file_system
from runner.lab.engines.sim.answers.iis_files import configuration_file, server
from runner.lab.engines.sim.answers.records import (
    ROLES,
    SETUP_KEY,
    folder,
    on_a_drive,
    record,
    roles_present,
    text,
    unread,
)
from runner.lab.engines.sim.machine import Machine, UnreadableError
from runner.lab.engines.sim.streams import Items

_LIBRARY = re.compile(r"assemblyPath\s*=\s*[\"']([^\"']+)[\"']", re.IGNORECASE)
_MOST, _LIBRARIES = 2_097_152, 100


def answer(machine: Machine, _: Mapping[str, Value]) -> Items:
    """The script's objects."""
    yield server()
    path = ""
    try:
        present = machine.key_exists(SETUP_KEY)
        install = machine.values(SETUP_KEY)["MsiInstallPath"]
        path = folder(install)
        yield record("ExchangeSetup", Present=present, InstallPath=text(install))
    except UnreadableError as error:
        yield unread(SETUP_KEY, error)
    yield from roles_present(machine, ROLES)
    shared = f"{path}\\TransportRoles\\Shared"
    if on_a_drive(path):
        yield from _agents(machine, shared)
    elif path:
        yield record("Unread", What=shared, Why="MsiInstallPath is not on a drive of this server")


def _agents(machine: Machine, shared: str) -> Items:
    libraries: dict[str, str] = {}
    for name in ("agents.config", "fetagents.config"):
        file = f"{shared}\\{name}"
        yield from configuration_file(machine, file)
        try:
            for library in _named(machine, file):
                libraries.setdefault(library.casefold(), library)
        except UnreadableError as error:
            yield unread(f"the libraries of {file}", error)
    if len(libraries) > _LIBRARIES:
        yield record("Capped", What="libraries of agents", Limit=_LIBRARIES, Seen=len(libraries))
    for library in list(libraries.values())[:_LIBRARIES]:
        if not on_a_drive(library):
            yield record("Unread", What=library, Why="not on a drive of this server")
            continue
        try:
            yield from _library(machine, library)
        except UnreadableError as error:
            yield unread(library, error)


def _named(machine: Machine, file: str) -> Iterator[str]:
    found = file_system.at(machine.state.files, file)
    if found is not None and not found.folder and found.length <= _MOST:
        yield from _LIBRARY.findall(found.data.decode("utf-8-sig"))


def _library(machine: Machine, path: str) -> Items:
    found = file_system.at(machine.state.files, path)
    if found is None or found.folder:
        none = dict.fromkeys(("Version", "Sha256", "Created", "Modified", "Signature", "Signer"))
        yield record("Library", Path=path, Exists=False, **none)
        return
    yield record(
        "Library",
        Path=path,
        Exists=True,
        Version=found.version,
        Sha256=file_system.sha256(found),
        Created=found.created,
        Modified=found.modified,
        Signature="Valid" if found.signer else "NotSigned",
        Signer=found.signer,
    )
