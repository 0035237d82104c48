"""One inventory of what several files say. A client that stands in two of them is one client, as if it stood in one:
what either sets holds for all its hosts, so they must not set one thing differently."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import groupby

from inventory.errors import SourceError
from inventory.model import Inventory, SourceFile
from inventory.names import folded
from inventory.sources.assembly import ClientDraft, HostDraft, assemble, elsewhere
from inventory.sources.inheritance import GroupDraft, Groups, Setting, Settings, shown
from inventory.sources.reading import ClientPart, HostPart, Reading
from texts.places import Location
from texts.problems import Problem


def joined(readings: Sequence[Reading]) -> Inventory:
    """The inventory of all files, clients in the order in which they are first named.

    Raises:
        SourceError: with all problems of all files, those of the first first.
    """
    problems = [problem for reading in readings for problem in reading.problems]
    parts: dict[str, list[ClientPart]] = {}
    for reading in readings:
        for client in reading.clients:
            parts.setdefault(client.name, []).append(client)
    inventory = assemble(
        [_client(each, problems) for each in parts.values()],
        files=tuple(
            SourceFile(reading.file, reading.sha256, frozenset(client.name for client in reading.clients))
            for reading in readings
        ),
        folders={reading.file: reading.folder for reading in readings},
        problems=problems,
    )
    if problems:
        raise SourceError(problems)
    return inventory


def resolved(part: ClientPart) -> ClientDraft:
    """A client of one file, each host with what it inherits; that it is in order was found out before."""
    return _client([part], [])


def _client(parts: Sequence[ClientPart], problems: list[Problem]) -> ClientDraft:
    first = parts[0]
    before = len(problems)
    settings = _union([part.settings for part in parts], f"the client {shown(first.name)}", problems)
    drafts = _groups([group for part in parts for group in part.groups], problems)
    sound = all(part.sound for part in parts) and len(problems) == before
    groups = Groups(drafts, problems)
    hosts = [_host(host, settings, groups, problems, sound=sound) for host in _once([p.hosts for p in parts], problems)]
    return ClientDraft(first.name, first.at, tuple((group.name, group.at) for group in drafts), tuple(hosts))


def _host(host: HostPart, of_client: Settings, groups: Groups, problems: list[Problem], *, sound: bool) -> HostDraft:
    before = len(problems)
    inside = groups.known(host.groups)
    inherited = {**of_client, **groups.inherited(inside, host.settings, host.at)}
    holding = groups.holding(inside)
    sound = sound and host.sound and len(problems) == before and not holding & groups.broken
    return HostDraft(host.name, host.at, inherited, holding, sound)


def _once(parts: Iterable[Sequence[HostPart]], problems: list[Problem]) -> list[HostPart]:
    """The hosts of all files; a name that stands in two of them is a problem."""
    first: dict[str, HostPart] = {}
    hosts: list[HostPart] = []
    for of_file in parts:
        seen = dict(first)
        for host in of_file:
            other = seen.get(folded(host.name))
            if other is not None:
                problems.append(
                    Problem(
                        host.at,
                        f"the host {shown(host.name)} of this client stands {elsewhere(other.at, host.at)} too",
                        "remove it from one of the files",
                    )
                )
                continue
            first.setdefault(folded(host.name), host)
            hosts.append(host)
    return hosts


def _groups(drafts: Iterable[GroupDraft], problems: list[Problem]) -> tuple[GroupDraft, ...]:
    by_name: dict[str, list[GroupDraft]] = {}
    for draft in drafts:
        by_name.setdefault(draft.name, []).append(draft)
    return tuple(
        GroupDraft(
            name,
            same[0].at,
            _union([draft.settings for draft in same], f"the group {shown(name)}", problems),
            same[0].parents if len(same) == 1 else _parents(same),
        )
        for name, same in by_name.items()
    )


def _parents(drafts: Iterable[GroupDraft]) -> tuple[tuple[str, Location], ...]:
    """Those that any of the files lists; one that a single file lists twice stays twice, which is a problem."""
    parents: list[tuple[str, Location]] = []
    for _, of_file in groupby(drafts, key=lambda draft: draft.at.file):
        known = {name for name, _ in parents}
        parents += [(name, at) for draft in of_file for name, at in draft.parents if name not in known]
    return tuple(parents)


def _union(each: Sequence[Settings], whose: str, problems: list[Problem]) -> Settings:
    """What any of the files sets; one that two set differently is a problem that names both places."""
    if len(each) == 1:
        return each[0]
    union: dict[str, Setting] = {}
    for settings in each:
        for key, setting in settings.items():
            held = union.setdefault(key, setting)
            if held.value != setting.value:
                problems.append(
                    Problem(
                        setting.at,
                        f"{whose} has another `{key}` {elsewhere(held.at, setting.at)}",
                        "write the same in both files, or in one alone, or give the hosts their own",
                    )
                )
    return union
