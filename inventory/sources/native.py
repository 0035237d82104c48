"""The native format: YAML that begins `exrun: inventory/1`. What may stand in it is in `document.py`."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping as Keyed
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from inventory.errors import Problem, SourceError, suggestion
from inventory.model import Authentication, Inventory, Location, Scheme
from inventory.sources.accounts import ESCAPE, SHOWN_IN_QUOTES, in_single_quotes, mangled
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
from inventory.sources.reading import ClientPart, HostPart, Reading
from inventory.sources.yaml_tree import Mapping, Node, Scalar, Sequence, plain, read_tree, step

_LABEL = re.compile(r"[^\W\d_][\w.-]*")
_OPERATORS = frozenset({"and", "or", "not"})
_CHOICES = {"scheme": Scheme, "authentication": Authentication}


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
    root = read_tree(data, file, problems)
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
            for details in error.errors(include_url=False, include_context=True, include_input=False):
                self._report(details)
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

    def _report(self, details: ErrorDetails) -> None:
        loc = details["loc"]
        unknown = details["type"] == "extra_forbidden"
        at, node = _locate(self.root, loc, key=unknown)
        if isinstance(node, Scalar) and node.text is None:  # nothing has no place of its own
            at, _ = _locate(self.root, loc, key=True)
        self._mark(at.path)
        if at.path in self._reported:
            return  # an alias or a tag stands here and is reported
        what, advice = _unknown_key(loc) if unknown else _explain(details, node)
        self.problems.append(Problem(at, what, advice))


def _inner(node: Node | None) -> list[Mapping]:
    return [value for value in node.items.values() if isinstance(value, Mapping)] if isinstance(node, Mapping) else []


def _locate(root: Mapping, loc: tuple[int | str, ...], *, key: bool) -> tuple[Location, Node | None]:
    node: Node | None = root
    at = root.at
    for part in loc:
        match node:
            case Mapping() if isinstance(part, str) and part in node.items:
                at, node = (node.keys[part] if key else node.items[part].at), node.items[part]
            case Sequence(items=items) if isinstance(part, int) and part < len(items):
                at, node = items[part].at, items[part]
            case _:
                path = step(at.path, part)
                return Location(at.file, at.line, at.column, path), None
    return at, node


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


def _unknown_key(loc: tuple[int | str, ...]) -> tuple[str, str]:
    key = str(loc[-1])
    if holds_a_secret(key):
        return "a password does not stand in an inventory (it is not shown)", f"as `credential`, {CREDENTIAL_ADVICE}"
    model: type[BaseModel]
    match loc:
        case (_,):
            model = InventoryDocument
        case (_, _, _):
            model = ClientDocument
        case (_, _, "groups", *_):
            model = GroupDocument
        case _:
            model = HostDocument
    known = tuple(model.model_fields)
    return "unknown key", suggestion(key, known, otherwise="known here: " + ", ".join(known))


def _explain(details: ErrorDetails, node: Node | None) -> tuple[str, str]:
    field_name = str(details["loc"][-1])
    if isinstance(node, Scalar) and node.text is None:
        return "is empty", "give it a value, or remove the key"
    if field_name in SHOWN_IN_QUOTES and isinstance(node, Scalar) and mangled(node.written):
        return ESCAPE, in_single_quotes(field_name, node.written)
    match details["type"]:
        case "missing":
            return "is missing", "add it"
        case "enum":
            choices = [str(choice.value) for choice in _CHOICES[field_name]]
            written = node.text if isinstance(node, Scalar) and node.text else ""
            return "is not one of " + ", ".join(choices), suggestion(written, choices)
        case "value_error":
            what, _, advice = str(details["ctx"]["error"]).partition("; ")
            return what, advice
        case "too_short":
            return "has nothing in it", "add at least one"
        case "string_too_long":
            return "is longer than 1000 characters", "shorten it"
        case "dict_type" | "model_type" | "model_attributes_type":
            return "must be a mapping", "write `key: value` lines, indented below it"
        case "list_type":
            return "must be a list", "write `[first, second]`"
        case _:
            return "must be a single text", "write one value, not a list or a mapping"


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
                problems.append(
                    Problem(
                        at,
                        "a password does not stand in an inventory (it is not shown)",
                        f"as `credential`, {CREDENTIAL_ADVICE}",
                    )
                )
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
