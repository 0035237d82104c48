"""Ansible's YAML form: groups with `hosts`, `vars` and `children`
(https://docs.ansible.com/ansible/latest/collections/ansible/builtin/yaml_inventory.html)."""

from __future__ import annotations

from inventory.sources.accounts import advice_on_line
from inventory.sources.ansible.model import AnsibleInventory, Variable, variable
from inventory.sources.ansible.patterns import RangeError, names_of
from inventory.sources.reading import MOST_BYTES
from texts.places import Location
from texts.problems import Problem
from texts.yaml_tree import Mapping, Node, Rules, Scalar, Sequence

RULES = Rules(
    begin="write `hosts`, `vars` and `children` below the names of groups",
    where="in an inventory",
    instead_of_alias="repeat the text",
    instead_of_anchor="remove it",
    most_bytes=MOST_BYTES,
    deepest=32,
    foreign=True,
    closer=advice_on_line,
)
_PARTS = frozenset({"hosts", "vars", "children"})
_MOST_GROUPS = 10_000


def is_ansible(root: Mapping) -> bool:
    """Whether a document of YAML is an inventory of Ansible: groups at the top, and nothing of exrun's."""
    if "exrun" in root.items or "clients" in root.items or not root.items:
        return False
    return all(isinstance(group, Mapping | Scalar) for group in root.items.values()) and any(
        isinstance(group, Mapping) and group.items and group.items.keys() <= _PARTS for group in root.items.values()
    )


def read_yml(root: Mapping, problems: list[Problem]) -> AnsibleInventory:
    """The inventory; what is wrong is added to `problems`.

    Read in the order in which it is written, children with all below them, on which depends what holds for a host that
    is written twice.
    """
    found = AnsibleInventory()
    stack: list[tuple[str, Location, Node, bool]] = [
        (name, root.keys[name], node, False) for name, node in reversed(root.items.items())
    ]
    seen = 0
    while stack:
        name, at, node, is_hosts = stack.pop()
        if is_hosts:
            assert isinstance(node, Mapping)
            _hosts(found, name, node, problems)
            continue
        seen += 1
        if seen > _MOST_GROUPS:
            problems.append(Problem(at, f"there are more than {_MOST_GROUPS} groups", "is this the right file?"))
            break
        group = found.group(name, at)
        below: list[tuple[str, Location, Node, bool]] = []
        for part, inner in _parts(node, problems).items():
            if part == "vars":
                group.variables.update(_variables(inner))
            elif part == "hosts":
                below.append((name, at, inner, True))
            else:
                below += [(child, inner.keys[child], value, False) for child, value in inner.items.items()]
                group.children.update((child, inner.keys[child]) for child in inner.items)
        stack += reversed(below)
    return found


def _parts(node: Node, problems: list[Problem]) -> dict[str, Mapping]:
    """`vars`, `children` and `hosts` of a group, those that it has."""
    if isinstance(node, Scalar) and node.text is None:
        return {}
    if not isinstance(node, Mapping):
        problems.append(Problem(node.at, "must be a mapping", "write `hosts`, `vars` and `children` below it"))
        return {}
    parts: dict[str, Mapping] = {}
    for part, below in node.items.items():
        if part not in _PARTS:
            problems.append(Problem(node.keys[part], "unknown key", "known here: hosts, vars, children"))
        elif isinstance(below, Mapping):
            parts[part] = below
        elif not (isinstance(below, Scalar) and below.text is None):
            problems.append(Problem(below.at, "must be a mapping", "write names, each with a colon, below it"))
    return parts


def _hosts(found: AnsibleInventory, group: str, hosts: Mapping, problems: list[Problem]) -> None:
    for pattern, node in hosts.items.items():
        at = hosts.keys[pattern]
        variables = _variables(node) if isinstance(node, Mapping) else {}
        try:
            for name, port in names_of(pattern, len(found.hosts)):
                found.place(name, group, at, port, variables)
        except RangeError as error:
            problems.append(Problem(at, str(error), "correct it"))


def _variables(node: Mapping) -> dict[str, Variable]:
    return {key: _variable(value) for key, value in node.items.items()}


def _variable(node: Node) -> Variable:
    match node:
        case Scalar(tag=tag, text=text, at=at):
            found = variable(text or "", at, vault=tag is not None and "vault" in tag)
            return found if text or found.why_not else Variable(text, at, "is empty")
        case Sequence(items=items, at=at):
            texts = [item.text for item in items if isinstance(item, Scalar) and item.text]
            return Variable(",".join(texts), at) if len(texts) == len(items) else Variable(None, at, "is a list")
        case Mapping(at=at):
            return Variable(None, at, "is a mapping")
