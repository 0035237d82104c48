"""The native format: YAML that begins `exrun: inventory/1`. What may stand in it is in `document.py`."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping as Keyed
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from inventory.errors import SourceError
from inventory.model import Inventory
from inventory.sources.accounts import SHOWN_IN_QUOTES, advice_on_line, in_single_quotes, mangled
from inventory.sources.document import (
    CREDENTIAL_ADVICE,
    SETTINGS,
    TOP_SETTINGS,
    VERSION,
    ClientDocument,
    GroupDocument,
    HostDocument,
    InventoryDocument,
    Settings,
    given_settings,
    holds_a_secret,
)
from inventory.sources.inheritance import GroupDraft, Setting
from inventory.sources.joining import joined
from inventory.sources.reading import MOST_BYTES, ClientPart, HostPart, Reading
from texts.models import Words, problems_of
from texts.places import Location
from texts.problems import Problem
from texts.yaml_tree import ESCAPE, Mapping, Node, Rules, Scalar, Sequence, plain, read_tree, step

RULES = Rules(
    begin=f"begin with `exrun: {VERSION}` and `clients:`",
    where="in an inventory",
    instead_of_alias="repeat the text, or use a group for what hosts share",
    instead_of_anchor="remove it; use a group for what hosts share",
    most_bytes=MOST_BYTES,
    deepest=32,
    closer=advice_on_line,
)
_NO_PASSWORD = "a password does not stand in an inventory (it is not shown)", f"as `credential`, {CREDENTIAL_ADVICE}"


def _first(details: ErrorDetails, node: Node | None, tree: Mapping) -> tuple[str, str] | None:
    name = str(details["loc"][-1]) if details["loc"] else ""
    if details["type"] == "dict_type" and name == "hosts" and isinstance(node, Scalar) and node.text is None:
        return "is empty", "write servers below it, such as `EX1: {address: ex1.example.com}`; a line after # is none"
    if details["type"] == "extra_forbidden":
        return _NO_PASSWORD if holds_a_secret(name) else None
    if name in SHOWN_IN_QUOTES and isinstance(node, Scalar) and mangled(node.written):
        return ESCAPE, in_single_quotes(name, node.written)
    return None


_WORDS = Words("docs/reference/inventory.md", first=_first)
_LABEL = re.compile(r"[^\W\d_][\w.-]*")
_OPERATORS = frozenset({"and", "or", "not"})


@dataclass(frozen=True, slots=True)
class NativeSource:
    """`exrun: inventory/1`."""

    def read(self, data: bytes, path: Path) -> Reading:
        """See `Source`."""
        return _reading(data, file=str(path), folder=path.parent)


def read_native(data: bytes, *, file: str, folder: Path) -> Inventory:
    """The inventory in the bytes of one native file.

    Args:
        file: what it is called in messages.
        folder: where the files that it names are looked for.

    Raises:
        SourceError: with all problems that were found, each with line, column and path in the document.
    """
    return joined([_reading(data, file=file, folder=folder)])


def _reading(data: bytes, *, file: str, folder: Path) -> Reading:
    problems: list[Problem] = []
    root = read_tree(data, file, RULES, problems)
    if root is None:
        raise SourceError(problems)
    _check_version(root, problems)
    validated = _Validated(root, problems)
    clients = [_client(name, client, validated, problems) for name, client in validated.document.clients.items()]
    return Reading(file, hashlib.sha256(data).hexdigest(), folder, tuple(clients), tuple(problems))


def _check_version(root: Mapping, problems: list[Problem]) -> None:
    """Another version has other rules, so nothing else is judged by these."""
    match root.items.get("exrun"):
        case None:
            what, at = "does not say what it is", root.at
        case Scalar(text=text) if text == VERSION:
            return
        case node:
            what, at = "is not a kind of file that this version reads", node.at
    raise SourceError([*problems, Problem(at, what, f"begin with `exrun: {VERSION}`")])


@dataclass(slots=True)
class _Validated:
    """The document without what is wrong in it, so that the rest can be checked too."""

    root: Mapping
    problems: list[Problem]
    document: InventoryDocument = field(init=False)
    wrong: set[str] = field(init=False)  # paths that were reported, and all above them
    _reported: set[str] = field(init=False)

    def __post_init__(self) -> None:
        self._reported = {problem.location.path for problem in self.problems}
        self.wrong = set()
        for path in self._reported:
            self._mark(path)
        self._check_accounts()
        data = plain(self.root)
        try:
            self.document = InventoryDocument.model_validate(data)
        except ValidationError as error:
            for problem in problems_of(error, self.root, InventoryDocument, _WORDS, self._reported):
                self._mark(problem.location.path)
                self.problems.append(problem)
            for details in error.errors(include_url=False, include_context=False, include_input=False):
                _prune(data, details["loc"])
            try:
                self.document = InventoryDocument.model_validate(data)
            except ValidationError:
                raise SourceError(self.problems) from None

    def _check_accounts(self) -> None:
        """Accounts whose backslash YAML took for the beginning of an escape, which is not always an error of YAML."""
        clients = self.root.items.get("clients")
        for client in _inner(clients):
            for holder in (client, *_inner(client.items.get("groups")), *_inner(client.items.get("hosts"))):
                user = holder.items.get("user")
                if isinstance(user, Scalar) and mangled(user.written):
                    self.problems.append(Problem(user.at, ESCAPE, in_single_quotes("user", user.written)))
                    self._reported.add(user.at.path)
                    self._mark(user.at.path)

    def is_wrong(self, path: str) -> bool:
        """Whether anything at or below `path` was reported."""
        return path in self.wrong

    def _mark(self, path: str) -> None:
        self.wrong.add(path)
        self.wrong.update(path[: mark.start()] for mark in re.finditer(r"[.\[]", path))


def _inner(node: Node | None) -> list[Mapping]:
    return [value for value in node.items.values() if isinstance(value, Mapping)] if isinstance(node, Mapping) else []


def _prune(data: Any, loc: tuple[int | str, ...]) -> None:
    """Takes out what `loc` names; of a list, the whole list."""
    for part in loc[:-1]:
        if isinstance(data, dict) and isinstance(data.get(part), dict):
            data = data[part]
        else:
            if isinstance(data, dict):
                data.pop(part, None)
            return
    if isinstance(data, dict):
        data.pop(loc[-1], None)


def _client(name: str, document: ClientDocument, validated: _Validated, problems: list[Problem]) -> ClientPart:
    of_clients = validated.root.items["clients"]
    assert isinstance(of_clients, Mapping)
    at = of_clients.keys[name]
    tree = of_clients.items[name]
    assert isinstance(tree, Mapping)
    own = {**_top_settings(validated), **_settings(document, tree, None, problems)}
    wrong_here = any(validated.is_wrong(step(at.path, setting)) for setting in (*SETTINGS, "labels", "groups"))
    group_trees, host_trees = _named(tree, "groups"), _named(tree, "hosts")
    groups = tuple(
        GroupDraft(
            group,
            group_trees.keys[group],
            _settings(written, group_trees.items[group], group, problems),
            _references(written, group_trees.items[group]),
        )
        for group, written in document.groups.items()
    )
    hosts = []
    for host, written in document.hosts.items():
        host_at, host_tree = host_trees.keys[host], host_trees.items[host]
        before = len(problems)
        settings = _settings(written, host_tree, None, problems)
        sound = len(problems) == before and not validated.is_wrong(host_at.path)
        hosts.append(HostPart(host, host_at, settings, _references(written, host_tree), sound))
    return ClientPart(name, at, own, groups, tuple(hosts), not wrong_here)


def _top_settings(validated: _Validated) -> Keyed[str, Setting]:
    """What holds for all clients."""
    return {
        name: Setting(getattr(validated.document, name), validated.root.items[name].at)
        for name in validated.document.model_fields_set.intersection(TOP_SETTINGS)
    }


def _named(tree: Mapping, key: str) -> Mapping:
    found = tree.items.get(key)
    return found if isinstance(found, Mapping) else Mapping(tree.at)


def _settings(document: Settings | None, tree: Node, group: str | None, problems: list[Problem]) -> Keyed[str, Setting]:
    """What was written here, without defaults; labels as `labels.NAME`."""
    if document is None or not isinstance(tree, Mapping):
        return {}
    found: dict[str, Setting] = {}
    for name, value in given_settings(document).items():
        found[name] = Setting(value, tree.items[name].at, group)
    labels = tree.items.get("labels")
    if isinstance(labels, Mapping):
        for label, values in document.labels.items():
            at = labels.keys[label]
            if holds_a_secret(label):
                problems.append(Problem(at, *_NO_PASSWORD))
            elif not _LABEL.fullmatch(label) or label.casefold() in _OPERATORS:
                problems.append(
                    Problem(
                        at,
                        "cannot be the name of a label",
                        "begin with a letter; use letters, digits, `_`, `-`, `.`; not and, or, not",
                    )
                )
            else:
                found[f"labels.{label}"] = Setting(values, labels.items[label].at, group)
    return found


def _references(document: GroupDocument | HostDocument | None, tree: Node) -> tuple[tuple[str, Location], ...]:
    if document is None or not isinstance(tree, Mapping):
        return ()
    listed = tree.items.get("groups")
    if not isinstance(listed, Sequence):
        return ()
    return tuple((name, item.at) for name, item in zip(document.groups, listed.items, strict=False))
