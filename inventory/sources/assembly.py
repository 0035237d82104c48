"""From what a source read to an Inventory: defaults, and the checks that every source shares."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import cast

from inventory.model import Authentication, Client, Host, Inventory, LabelValues, Scheme, SourceFile
from inventory.names import canonical_address, drawn, folded, is_address, why_not_a_name
from inventory.sources.accounts import domain_advice, is_bare
from inventory.sources.document import CREDENTIAL_ADVICE, credential_reference
from inventory.sources.inheritance import Setting, Settings, shown
from texts.places import Location
from texts.problems import Problem

PORTS = {Scheme.HTTP: 5985, Scheme.HTTPS: 5986}


@dataclass(frozen=True, slots=True)
class HostDraft:
    """A host with everything it inherits. `sound` is false when something about it was already reported."""

    name: str
    at: Location
    settings: Settings
    groups: frozenset[str]
    sound: bool = True


@dataclass(frozen=True, slots=True)
class ClientDraft:
    """A client as read. `groups` are the names of its groups, each with its place."""

    name: str
    at: Location
    groups: tuple[tuple[str, Location], ...]
    hosts: tuple[HostDraft, ...]


def assemble(
    clients: Iterable[ClientDraft],
    *,
    files: tuple[SourceFile, ...],
    folders: Mapping[str, Path],
    problems: list[Problem],
) -> Inventory:
    """The inventory. Adds to `problems`; when there are any, what comes back is not to be used.

    `folders` says of each file where the relative paths of certificate files that it names begin.
    """
    drafts = tuple(clients)
    _check_names(drafts, problems)
    certificates = _Files(folders, problems)
    built = tuple(
        Client(
            name=client.name,
            hosts=_hosts(client, certificates, problems),
            groups=frozenset(name for name, _ in client.groups),
        )
        for client in drafts
    )
    return Inventory(clients=built, files=files)


def elsewhere(at: Location, seen_from: Location) -> str:
    """Where something stands, as told at another place: `in line 4`, with the file where that is another."""
    return f"in line {at.line}" + (f" of {at.file}" if at.file != seen_from.file else "")


def _within(inner: Location, outer: Location) -> bool:
    """Whether a place was written as part of another rather than inherited by it."""
    return inner.path.startswith(outer.path + ".")


def _check_names(clients: tuple[ClientDraft, ...], problems: list[Problem]) -> None:
    of_clients = _LookAlikes("client", problems)
    of_hosts = _LookAlikes("host", problems)
    of_labels = _LookAlikes("label", problems)
    labels: set[str] = set()
    for client in clients:
        of_clients.add(client.name, client.at)
        of_groups = _LookAlikes("group", problems)
        for group, at in client.groups:
            of_groups.add(group, at)
        for host in client.hosts:
            of_hosts.add(host.name, host.at)
            for key, setting in host.settings.items():
                if key.startswith("labels.") and key not in labels:
                    labels.add(key)
                    of_labels.compare(key.removeprefix("labels."), setting.at)


class _LookAlikes:
    """Finds names that differ in bytes and not to a reader. Equal names are the callers' business: two clients may
    each have an EX1."""

    def __init__(self, kind: str, problems: list[Problem]) -> None:
        self._kind = kind
        self._problems = problems
        self._seen: dict[str, tuple[str, Location]] = {}

    def add(self, name: str, at: Location) -> None:
        why = why_not_a_name(name)
        if why:
            self._problems.append(Problem(at, f"cannot be the name of a {self._kind}: {why}", "rename it"))
        else:
            self.compare(name, at)

    def compare(self, name: str, at: Location) -> None:
        for key in (folded(name), drawn(name)):
            first, first_at = self._seen.setdefault(key, (name, at))
            if first != name:
                only = "only in case or Unicode form" if key == folded(name) == folded(first) else _letters(first, name)
                self._problems.append(
                    Problem(
                        at,
                        f"looks like the {self._kind} {shown(first)} {elsewhere(first_at, at)} and differs {only}",
                        "write both the same way if they are the same, or rename one",
                    )
                )
                return


def _letters(first: str, name: str) -> str:
    foreign = sorted({ord(letter) for letter in first + name if not letter.isascii()})
    return "in letters that are drawn alike (" + ", ".join(f"U+{point:04X}" for point in foreign) + ")"


class _Files:
    """Paths of certificate files, each looked for once."""

    def __init__(self, folders: Mapping[str, Path], problems: list[Problem]) -> None:
        self._folders = folders
        self._problems = problems
        self._found: dict[tuple[str, str], Path] = {}

    def path(self, setting: Setting | None) -> Path | None:
        if setting is None:
            return None
        text = cast(str, setting.value)
        key = (setting.at.file, text)
        if key not in self._found:
            written = Path(text)
            self._found[key] = written if written.is_absolute() else self._folders[setting.at.file] / written
            if not self._found[key].is_file():
                self._problems.append(
                    Problem(setting.at, "there is no such file", "write a path from the inventory's folder")
                )
        return self._found[key]


def _hosts(client: ClientDraft, files: _Files, problems: list[Problem]) -> tuple[Host, ...]:
    taken: dict[tuple[str, int], Host] = {}
    hosts: list[Host] = []
    for draft in client.hosts:
        if not draft.sound:
            continue
        address_at = draft.settings["address"].at if "address" in draft.settings else draft.at
        if "address" not in draft.settings and not is_address(draft.name):
            problems.append(Problem(draft.at, "has no address, and its name cannot be one", "give it an `address`"))
            continue
        host = _host(client.name, draft, files, problems)
        hosts.append(host)
        first = taken.setdefault((canonical_address(host.address), host.port), host)
        if first is not host:
            problems.append(
                Problem(
                    address_at if address_at.line == draft.at.line or _within(address_at, draft.at) else draft.at,
                    f"has the address and port of {shown(first.name)} {elsewhere(first.origin, draft.at)}",
                    "remove one of them, or correct its address or port",
                )
            )
    return tuple(hosts)


def _host(client: str, draft: HostDraft, files: _Files, problems: list[Problem]) -> Host:
    def text(name: str) -> str | None:
        return cast(str, draft.settings[name].value) if name in draft.settings else None

    scheme = Scheme(text("scheme") or Scheme.HTTP)
    authentication = Authentication(text("authentication") or Authentication.NEGOTIATE)
    port = draft.settings.get("port")
    by_certificate = authentication is Authentication.CERTIFICATE
    problems.extend(_logon_problems(draft, scheme, authentication))
    reference = text("credential")
    return Host(
        client=client,
        name=draft.name,
        address=text("address") or draft.name,
        port=cast(int, port.value) if port else PORTS[scheme],
        scheme=scheme,
        authentication=authentication,
        origin=draft.at,
        user=None if by_certificate else text("user"),
        credential=None if by_certificate or reference is None else credential_reference(reference),
        ca_file=files.path(draft.settings.get("ca_file")),
        certificate=files.path(draft.settings.get("certificate")) if by_certificate else None,
        certificate_key=files.path(draft.settings.get("certificate_key")) if by_certificate else None,
        allow_public=tuple(cast(Sequence[str], draft.settings["allow_public"].value))
        if "allow_public" in draft.settings
        else (),
        labels=MappingProxyType(
            {
                key.removeprefix("labels."): cast(LabelValues, setting.value)
                for key, setting in draft.settings.items()
                if key.startswith("labels.")
            }
        ),
        groups=draft.groups,
    )


def _logon_problems(draft: HostDraft, scheme: Scheme, authentication: Authentication) -> Iterable[Problem]:
    """Reported where the setting was written, so that one mistake in a group is one problem."""
    settings = draft.settings
    at = settings["authentication"].at if "authentication" in settings else draft.at
    if authentication is Authentication.CERTIFICATE:
        if scheme is not Scheme.HTTPS:
            yield Problem(at, "logs on with a certificate, which needs TLS", "set `scheme: https`")
        missing = [f"`{name}`" for name in ("certificate", "certificate_key") if name not in settings]
        if missing:
            yield Problem(
                at, f"logs on with a certificate and has no {' and no '.join(missing)}", "set what is missing"
            )
        return
    if "user" in settings and "credential" not in settings:
        yield Problem(settings["user"].at, "has a user and no credential", f"set `credential`: {CREDENTIAL_ADVICE}")
    if "credential" in settings and "user" not in settings:
        yield Problem(settings["credential"].at, "has a credential and no user", "set `user`")
    if authentication is Authentication.NTLM and "user" not in settings and "credential" not in settings:
        yield Problem(at, "logs on with ntlm and has no user and no credential", "set `user` and `credential`")
    if authentication is Authentication.NTLM and "user" in settings and is_bare(cast(str, settings["user"].value)):
        yield Problem(
            settings["user"].at,
            "is a bare name, and ntlm must know whose account it is",
            domain_advice(cast(str, settings["user"].value)),
        )
    if authentication is Authentication.KERBEROS and _is_ip(draft):
        yield Problem(
            settings["address"].at if "address" in settings else draft.at,
            "is an IP address, and Kerberos knows servers by name",
            "write the server's full name, or set `authentication: negotiate`",
        )


def _is_ip(draft: HostDraft) -> bool:
    try:
        ipaddress.ip_address(cast(str, draft.settings["address"].value) if "address" in draft.settings else draft.name)
    except ValueError:
        return False
    return True
