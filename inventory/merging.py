"""An import into an inventory that is there already: what is new is added, what differs is set at the host, and all
else, also what exrun knows nothing of, stays as it was written."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from inventory.errors import SourceError
from inventory.model import Authentication, Host, Inventory, Scheme
from inventory.names import canonical_address, folded
from inventory.sources.assembly import PORTS, ClientDraft
from inventory.sources.document import FILES
from inventory.sources.inheritance import Setting, Settings
from inventory.sources.joining import resolved
from inventory.sources.native import RULES, read_native
from inventory.sources.native_editing import Edits
from inventory.sources.native_writing import Tree, client_tree, host_tree, parents_tree, settings_tree
from inventory.sources.reading import MOST_BYTES, ClientPart
from texts.encoding import decode
from texts.places import Location
from texts.problems import Problem
from texts.yaml_tree import Mapping as MappingNode
from texts.yaml_tree import read_tree

_ACCOUNT = ("user", "credential")


@dataclass(frozen=True, slots=True)
class Change:
    """A setting that differs: `port`, `labels.site`, `groups`; `before` is empty where it was not set."""

    key: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Merged:
    """What came of it. `changed` has the changes of each host; `left_alone` are the client's hosts that the import does
    not speak of. All by the names that they have in the file."""

    text: str
    client: str
    added: tuple[str, ...]
    changed: Mapping[str, tuple[Change, ...]]
    unchanged: tuple[str, ...]
    left_alone: tuple[str, ...]


def merge(data: bytes, part: ClientPart, *, file: str, folder: Path, imported_from: Path) -> Merged:
    """Puts a client into the inventory with these bytes.

    A host is the same where its name is, in any case, or else its address and port. What a client of that name, its
    groups and its other hosts say is not touched: what an imported host has otherwise is written with the host.

    Args:
        file: named in messages.
        folder: where the inventory's relative paths begin.
        imported_from: where those of `part` begin.

    Raises:
        SourceError: the inventory is not in order, or would not be.
    """
    before = read_native(data, file=file, folder=folder)
    text = decode(data, file, [], most_bytes=MOST_BYTES)
    assert text is not None  # it was read
    wanted = resolved(part)
    client = next((each for each in before.clients if folded(each.name) == folded(part.name)), None)
    if client is None:
        edits = Edits(text)
        root = _root(text, file)
        clients = root.items["clients"]
        assert isinstance(clients, MappingNode)
        edits.put(clients, {part.name: client_tree(part, imported_from)})
        after = _loaded(edits.done(), file, folder)
        _nothing_else_changed(before, after, part.name, frozenset(), file)
        return Merged(edits.done(), part.name, tuple(host.name for host in part.hosts), {}, (), ())
    part = replace(part, name=client.name)
    names = _same_hosts(client.hosts, wanted)
    text = _with_new(text, file, part, names, {host.name: host for host in client.hosts}, imported_from)
    now = {host.name: host for host in _client_of(_loaded(text, file, folder), client.name)}
    text = _with_differences(text, file, part, wanted, names, now, imported_from)
    after = _loaded(text, file, folder)
    _nothing_else_changed(before, after, client.name, frozenset(names.values()), file)
    old = {host.name: host for host in client.hosts}
    imported = frozenset(names.values())
    new = {host.name: host for host in _client_of(after, client.name)}
    for draft in wanted.hosts:
        host = new[names[draft.name]]
        if _differences(draft.settings, host, imported_from) or not draft.groups <= host.groups:
            raise SourceError([Problem(draft.at, f"cannot be merged into `{host.name}`", "correct it by hand")])
    changed = {name: _changes(old[name], new[name]) for name in names.values() if name in old}
    return Merged(
        text,
        client.name,
        tuple(name for name in names.values() if name not in old),
        {name: changes for name, changes in changed.items() if changes},
        tuple(name for name, changes in changed.items() if not changes),
        tuple(name for name in old if name not in imported),
    )


def _root(text: str, file: str) -> MappingNode:
    root = read_tree(text.encode(), file, RULES, [])
    assert root is not None
    return root


def _below(node: MappingNode, *keys: str) -> MappingNode | None:
    found: object = node
    for key in keys:
        found = found.items.get(key) if isinstance(found, MappingNode) else None
    return found if isinstance(found, MappingNode) else None


def _loaded(text: str, file: str, folder: Path) -> Inventory:
    """What a changed text loads to; that it does not is told of the import, since nothing was written yet."""
    try:
        return read_native(text.encode(), file=file, folder=folder)
    except SourceError as error:
        raise SourceError(
            replace(problem, what=f"with the import, {problem.what}") for problem in error.problems
        ) from None


def _client_of(inventory: Inventory, name: str) -> tuple[Host, ...]:
    return next((client.hosts for client in inventory.clients if client.name == name), ())


def _same_hosts(hosts: Iterable[Host], wanted: ClientDraft) -> dict[str, str]:
    """Of each imported host the name that it has, or is to have, in the inventory."""
    by_name = {folded(host.name): host.name for host in hosts}
    by_address = {(canonical_address(host.address), host.port): host.name for host in hosts}
    names: dict[str, str] = {}
    taken: set[str] = set()
    for draft in wanted.hosts:
        name = by_name.get(folded(draft.name))
        if name is None:
            address = str(draft.settings["address"].value) if "address" in draft.settings else draft.name
            port = draft.settings.get("port")
            scheme = Scheme(str(draft.settings["scheme"].value)) if "scheme" in draft.settings else Scheme.HTTP
            key = (canonical_address(address), int(str(port.value)) if port else PORTS[scheme])
            name = by_address.get(key)
        names[draft.name] = draft.name if name is None or name in taken else name
        taken.add(names[draft.name])
    return names


def _with_new(
    text: str, file: str, part: ClientPart, names: Mapping[str, str], old: Mapping[str, Host], imported_from: Path
) -> str:
    """The text with the groups and hosts that it lacks, and the groups of its hosts that they lack."""
    edits = Edits(text)
    tree = _below(_root(text, file), "clients", part.name)
    if tree is None:  # a client of nothing
        clients = _below(_root(text, file), "clients")
        assert clients is not None
        edits.put(clients, {part.name: client_tree(part, imported_from)})
        return edits.done()
    entries: dict[str, Tree] = {}
    there = _below(tree, "groups")
    known = {folded(name): name for name in (there.items if there else {})}
    called = {group.name: known.get(folded(group.name), group.name) for group in part.groups}
    groups = {
        group.name: {
            **parents_tree(tuple(called[name] for name, _ in group.parents)),
            **settings_tree(group.settings, imported_from),
        }
        for group in part.groups
        if folded(group.name) not in known
    }
    hosts = {
        host.name: host_tree(replace(host, groups=tuple((called[name], at) for name, at in host.groups)), imported_from)
        for host in part.hosts
        if names[host.name] not in old
    }
    if old.keys() <= set(names.values()):  # what holds for all hosts can stand once
        for key, value in settings_tree(part.settings, imported_from).items():
            told = {key: part.settings[key]} if key in part.settings else {}
            missing = not old or any(_differences(told, host, imported_from) for host in old.values())
            if key not in tree.items and missing:
                entries[key] = value
    if groups:
        entries["groups"] = groups
    if hosts:
        entries["hosts"] = hosts
    if entries:
        edits.put(tree, entries)
    of_hosts = _below(tree, "hosts")
    for host in part.hosts:
        name = names[host.name]
        if name not in old or of_hosts is None:
            continue
        lacked = tuple(called[group] for group, _ in host.groups if called[group] not in old[name].groups)
        if lacked:
            node = of_hosts.items[name]
            if isinstance(node, MappingNode) and node.items:
                edits.add_items(node, "groups", lacked)
            else:
                edits.put(of_hosts, {name: {"groups": lacked}})
    return edits.done()


def _with_differences(
    text: str,
    file: str,
    part: ClientPart,
    wanted: ClientDraft,
    names: Mapping[str, str],
    now: Mapping[str, Host],
    imported_from: Path,
) -> str:
    edits = Edits(text)
    of_hosts = _below(_root(text, file), "clients", part.name, "hosts")
    assert of_hosts is not None
    for draft in wanted.hosts:
        host = now[names[draft.name]]
        different = _differences(draft.settings, host, imported_from)
        if different:
            tree = settings_tree(different, imported_from)
            node = of_hosts.items[host.name]
            if isinstance(node, MappingNode) and node.items:
                edits.put(node, tree)
            else:
                edits.put(of_hosts, {host.name: tree})
    return edits.done()


def _differences(settings: Settings, host: Host, imported_from: Path) -> dict[str, Setting]:
    by_certificate = settings.get("authentication")
    certificate = (by_certificate.value if by_certificate else host.authentication.value) == Authentication.CERTIFICATE
    different: dict[str, Setting] = {}
    for key, setting in settings.items():
        if (certificate and key in _ACCOUNT) or (not certificate and key in ("certificate", "certificate_key")):
            continue
        value: object = tuple(setting.value) if isinstance(setting.value, list) else setting.value
        if key in FILES:
            value = str((imported_from / str(value)).resolve())
        if value != _value(host, key):
            different[key] = setting
    return different


def _value(host: Host, key: str) -> object:
    if key.startswith("labels."):
        return host.labels.get(key.removeprefix("labels."))
    value = getattr(host, key)
    if key in FILES:
        return None if value is None else str(Path(value).resolve())
    if key == "credential":
        return None if value is None else str(value)
    return getattr(value, "value", value)


def _changes(old: Host, new: Host) -> tuple[Change, ...]:
    keys = ["address", "port", "scheme", "authentication", "user", "credential", *FILES, "allow_public"]
    keys += [f"labels.{label}" for label in sorted(old.labels.keys() | new.labels.keys())]
    changes = [
        Change(key, _shown(_value(old, key)), _shown(_value(new, key)))
        for key in keys
        if _value(old, key) != _value(new, key)
    ]
    if old.groups != new.groups:
        changes.append(Change("groups", ", ".join(sorted(old.groups)), ", ".join(sorted(new.groups))))
    return tuple(changes)


def _shown(value: object) -> str:
    return ", ".join(value) if isinstance(value, tuple) else "" if value is None else str(value)


def _nothing_else_changed(before: Inventory, after: Inventory, client: str, hosts: frozenset[str], file: str) -> None:
    """A host that the import does not speak of is what it was, or nothing is written."""
    now = {host.key: host for host in after.hosts}
    for host in before.hosts:
        if host.client == client and host.name in hosts:
            continue
        if host.key not in now or replace(now[host.key], origin=host.origin) != host:
            raise SourceError(
                [Problem(Location(file, 1, 1), f"the import would change `{host.key}` too", "add the hosts by hand")]
            )
