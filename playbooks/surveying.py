"""Which files of a folder are playbooks, which folders are actions, and what else lies there that is neither.

A file is told by the keys that it begins with, never by its name alone: a folder of playbooks has inventories,
policies and other tools' files beside them. A playbook with a misspelt key is still one.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from playbooks.cases import CASES
from playbooks.model import CONTRACT, Playbook
from texts.places import Location
from texts.problems import Problem
from texts.spelling import nearest
from texts.yaml_tree import Mapping, Rules, Scalar, Sequence, read_tree

__all__ = ["MOST_FILES", "Survey", "What", "survey", "what_is"]

MOST_FILES = 20_000  # that are looked at in one folder
_MOST_BYTES = 16 * 1024 * 1024
_RULES = Rules(
    begin="",
    where="here",
    instead_of_alias="",
    instead_of_anchor="",
    most_bytes=_MOST_BYTES,
    deepest=64,
    foreign=True,
)


class What(StrEnum):
    """What something is that lies in a folder."""

    PLAYBOOK = "a playbook"
    ACTION = "an action"
    CASES = "cases of actions"
    ANSIBLE_PLAYBOOK = "an Ansible playbook"
    INVENTORY = "an inventory"
    POLICY = "a policy"
    LAB_FLEET = "a fleet of the lab"
    LAB_STATE = "a server of the lab"
    NEITHER = "neither a playbook nor an action"


@dataclass(frozen=True, slots=True)
class Survey:
    """What lies in a folder and below it.

    Attributes:
        playbooks: files, by path.
        actions: folders that have an action.yml.
        cases: files of cases that lie beside no action.
        others: files of YAML that are none of these, with what they are.
        unreadable: what could not be looked into; nothing is known of it.
    """

    playbooks: tuple[Path, ...] = ()
    actions: tuple[Path, ...] = ()
    cases: tuple[Path, ...] = ()
    others: tuple[tuple[Path, What], ...] = ()
    unreadable: tuple[Problem, ...] = ()


def survey(folder: Path) -> Survey:
    """What lies in a folder, at any depth. Folders whose names begin with a dot are not looked into, links to folders
    are not followed.
    """
    playbooks: list[Path] = []
    actions: list[Path] = []
    cases: list[Path] = []
    others: list[tuple[Path, What]] = []
    unreadable: list[Problem] = []
    seen = 0

    def refused(error: OSError) -> None:
        what = f"cannot be looked into: {error.strerror or type(error).__name__}"
        unreadable.append(Problem(Location(str(error.filename or folder)), what, "check its rights"))

    for place, folders, files in os.walk(folder, onerror=refused):
        here = Path(place)
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        if CONTRACT in files:
            actions.append(here)
            folders[:] = [name for name in folders if name != CASES]  # they are the action's
        for name in sorted(files):
            if name == CONTRACT or not name.endswith((".yml", ".yaml")):
                continue
            seen += 1
            if seen > MOST_FILES:
                what = f"has more than {MOST_FILES} files of YAML, and the rest was not looked at"
                unreadable.append(Problem(Location(str(folder)), what, "name a folder in it"))
                return Survey(tuple(playbooks), tuple(actions), tuple(cases), tuple(others), tuple(unreadable))
            path = here / name
            match _file(path):
                case Problem() as problem:
                    unreadable.append(problem)
                case What.PLAYBOOK:
                    playbooks.append(path)
                case What.CASES:
                    cases.append(path)
                case what:
                    others.append((path, what))
    return Survey(tuple(playbooks), tuple(actions), tuple(cases), tuple(others), tuple(unreadable))


def _file(path: Path) -> What | Problem:
    try:
        data = path.read_bytes()
    except OSError as error:
        reason = error.strerror or type(error).__name__
        return Problem(Location(str(path)), f"cannot be read: {reason}", "check its rights")
    return what_is(data, str(path))


def what_is(data: bytes, file: str) -> What | Problem:
    """What a file of YAML is; a problem where it cannot be read, for it might be a playbook."""
    problems: list[Problem] = []
    tree = read_tree(data, file, _RULES, problems)
    if tree is None:
        [*_, problem] = problems
        if problem.what in ("is a list", "is a single value", "is a single text", "is empty"):
            return What.ANSIBLE_PLAYBOOK if b"hosts:" in data and problem.what == "is a list" else What.NEITHER
        return problem
    return _of_keys(tree)


def _of_keys(tree: Mapping) -> What:
    keys = set(tree.items)
    if "lab" in keys:
        return What.LAB_FLEET
    if isinstance(tree.items.get("cases"), Sequence):
        return What.CASES
    if "clients" in keys or _text(tree, "exrun").startswith("inventory/"):
        return What.INVENTORY
    if {"client", "approvers"} <= keys:
        return What.POLICY
    if "name" in keys and keys & {"registry", "services", "files", "os_version"} and not keys & {"title", "steps"}:
        return What.LAB_STATE
    return What.PLAYBOOK if len(set(_meant(keys))) >= 2 else What.NEITHER


def _meant(keys: set[str]) -> Iterator[str]:
    """The keys of a playbook that these are, or were meant to be."""
    for key in keys:
        known = nearest(key, list(Playbook.model_fields)) if key not in Playbook.model_fields else key
        if known:
            yield known


def _text(tree: Mapping, key: str) -> str:
    node = tree.items.get(key)
    return node.text or "" if isinstance(node, Scalar) else ""
