"""Ansible's INI form, and lists of hosts, which are the same without sections.

It is not the INI of configparser: a section is a list of hosts, of `key=value` pairs (`:vars`) or of groups
(`:children`), and a host's line is words as a shell divides them
(https://docs.ansible.com/ansible/latest/collections/ansible/builtin/ini_inventory.html).
"""

from __future__ import annotations

import re
import shlex

from inventory.sources.ansible.model import UNGROUPED, AnsibleInventory, Variable, variable
from inventory.sources.ansible.patterns import RangeError, address_in_brackets, names_of
from inventory.sources.inheritance import shown
from texts.places import Location
from texts.problems import Problem

SECTION = re.compile(r"\[(?P<name>[^:\]]+)(?::(?P<kind>\w+))?\]\s*(?:[#;].*)?")
_KEY = re.compile(r"[A-Za-z_][\w.-]*")
_LIKE_ANSIBLE = re.compile(r"(?m)^\s*\[[^\]\n]+:(?:vars|children)\]|\bansible_\w+\s*=|^\[[^\]\n:=]+\]\s*(?:[#;].*)?$")


def is_ini(text: str) -> bool:
    """Whether a text has what only Ansible's INI form has: sections, or its variables."""
    return _LIKE_ANSIBLE.search(text) is not None


def read_ini(text: str, file: str, problems: list[Problem]) -> AnsibleInventory:
    """The inventory; what is wrong is added to `problems`."""
    found = AnsibleInventory()
    group, kind = UNGROUPED, "hosts"
    referred: dict[str, Location] = {}
    defined = {"all", UNGROUPED}
    for number, raw in enumerate(text.splitlines(), 1):
        line = raw.strip("\x1a \t\xa0")
        at = Location(file, number, len(raw) - len(raw.lstrip()) + 1)
        if not line or line[0] in "#;":
            continue
        section = SECTION.fullmatch(line)
        if section is not None and address_in_brackets(line) is None:
            group, kind = section["name"].strip(), section["kind"] or "hosts"
            if kind not in ("hosts", "vars", "children"):
                problems.append(Problem(at, "a section is of hosts, of `:vars` or of `:children`", "correct it"))
                kind = "unknown"
            elif kind == "hosts" or kind == "children":
                found.group(group, at)
                defined.add(group)
            else:
                referred.setdefault(group, at)
        elif kind == "vars":
            _variable(found, group, line, at, problems)
        elif kind == "children":
            name = line.split()[0]
            found.group(group, at).children[name] = at
            referred.setdefault(name, at)
        elif kind == "hosts":
            _hosts(found, group, line, at, problems)
    for name, at in referred.items():
        if name not in defined:
            problems.append(Problem(at, f"there is no section {shown(f'[{name}]')}", "add it, or remove this"))
    return found


def _variable(found: AnsibleInventory, group: str, line: str, at: Location, problems: list[Problem]) -> None:
    key, equals, value = (part.strip() for part in line.partition("="))
    if not equals or not _KEY.fullmatch(key):
        problems.append(Problem(at, "is not `name=value` (the text is not shown)", "correct it"))
        return
    text = value
    if len(text) > 1 and text[0] == text[-1] and text[0] in "\"'":
        text = text[1:-1]
    elif " #" in text and re.fullmatch(r"[\w.:/-]+", text.split(" #")[0].strip()):
        text = text.split(" #")[0].strip()
    # Where only variables of a group are written, the group itself may come later, or be `all`.
    found.group(group, at).variables[key] = _text(text, at)


def _hosts(found: AnsibleInventory, group: str, line: str, at: Location, problems: list[Problem]) -> None:
    try:
        words = shlex.split(line, comments=True)
    except ValueError:
        problems.append(Problem(at, "a quote is opened and never closed (the text is not shown)", "close it"))
        return
    if not words:
        return
    variables: dict[str, Variable] = {}
    for word in words[1:]:
        key, equals, value = word.partition("=")
        if not equals or not _KEY.fullmatch(key):
            problems.append(
                Problem(at, "has more than a name and `name=value` (the text is not shown)", "write one host a line")
            )
            return
        variables[key] = _text(_with_backslash(line, key, value), at)
    try:
        for name, port in names_of(words[0], len(found.hosts)):
            found.place(name, group, at, port, variables)
    except RangeError as error:
        problems.append(Problem(at, str(error), "correct it"))


def _with_backslash(line: str, key: str, value: str) -> str:
    """`ansible_user=ALPHA\\svc` without quotes, from which a shell's rules take the backslash that was meant."""
    plain = re.search(rf"(?:^|\s){re.escape(key)}=([\w.-]+\\[\w.$-]+)(?:\s|$)", line)
    return plain[1] if plain and plain[1].replace("\\", "") == value else value


def _text(text: str, at: Location) -> Variable:
    return variable(text, at, vault=text.startswith("!vault"))
