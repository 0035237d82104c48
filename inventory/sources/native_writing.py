"""The native format written: what `exrun inventory import` makes of another source."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import cast

from inventory.model import LabelValues, label_text, label_values
from inventory.sources.document import FILES, SETTINGS, VERSION
from inventory.sources.inheritance import Settings
from inventory.sources.reading import ClientPart, HostPart

_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_.\\/@-]*")
# Words that YAML 1.1 takes for something else than text; other tools than exrun read these files too.
_NOT_TEXT = frozenset({"y", "n", "yes", "no", "on", "off", "true", "false", "null", "inf", "nan"})

Tree = Mapping[str, "Tree"] | tuple[str, ...] | str
STEP = 2  # spaces of one level


def native_text(part: ClientPart, folder: Path) -> str:
    """A native file of this client, that loads to what it says. `folder` is where its relative paths begin."""
    lines = [f"exrun: {VERSION}", "clients:", *block_lines({part.name: client_tree(part, folder)}, STEP)]
    return "\n".join(lines) + "\n"


def client_tree(part: ClientPart, folder: Path) -> Tree:
    """A client with its settings, groups and hosts."""
    groups = {
        group.name: {**parents_tree(tuple(name for name, _ in group.parents)), **settings_tree(group.settings, folder)}
        for group in part.groups
    }
    hosts = {host.name: host_tree(host, folder) for host in part.hosts}
    return {**settings_tree(part.settings, folder), **({"groups": groups} if groups else {}), "hosts": hosts}


def host_tree(host: HostPart, folder: Path) -> Mapping[str, Tree]:
    """A host with its own settings; its address is left out where it is its name."""
    settings = {
        key: setting for key, setting in host.settings.items() if key != "address" or setting.value != host.name
    }
    return {**parents_tree(tuple(name for name, _ in host.groups)), **settings_tree(settings, folder)}


def parents_tree(names: tuple[str, ...]) -> Mapping[str, Tree]:
    """`groups`, where there are any."""
    return {"groups": names} if names else {}


def settings_tree(settings: Settings, folder: Path) -> Mapping[str, Tree]:
    """Settings by their keys, labels below `labels`. Paths are made absolute: a file may come to lie elsewhere."""
    tree = {name: _tree(name, settings[name].value, folder) for name in SETTINGS if name in settings}
    labels: dict[str, Tree] = {
        key.removeprefix("labels."): label_tree(cast(LabelValues, setting.value))
        for key, setting in settings.items()
        if key.startswith("labels.")
    }
    return {**tree, **({"labels": labels} if labels else {})}


def _tree(name: str, value: object, folder: Path) -> Tree:
    if isinstance(value, list | tuple):
        return tuple(map(str, value))
    return str((folder / str(value)).resolve()) if name in FILES else str(value)


def label_tree(values: LabelValues) -> Tree:
    """One text where commas divide it into these values, else a list."""
    text = label_text(values)
    return text if label_values(text) == values else values


def block_lines(tree: Mapping[str, Tree], indent: int, step: int = STEP) -> Iterator[str]:
    """A mapping as lines, one key a line."""
    for key, value in tree.items():
        start = f"{' ' * indent}{scalar(key)}:"
        if isinstance(value, Mapping):
            yield start
            yield from block_lines(value, indent + step, step)
        else:
            yield f"{start} {flow_text(value)}"


def flow_text(tree: Tree) -> str:
    """A value on one line."""
    match tree:
        case str():
            return scalar(tree)
        case tuple():
            return "[" + ", ".join(map(scalar, tree)) + "]"
        case _:
            return "{" + ", ".join(f"{scalar(key)}: {flow_text(value)}" for key, value in tree.items()) + "}"


def scalar(text: str) -> str:
    """A text that is read as it is, quoted where it must be."""
    if text.isdecimal() and text.isascii() and not text.startswith("0"):
        return text
    if _PLAIN.fullmatch(text) and text.casefold() not in _NOT_TEXT:
        return text
    return json.dumps(text, ensure_ascii=False)
