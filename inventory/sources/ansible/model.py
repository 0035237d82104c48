"""An inventory of Ansible as it is written: groups, hosts and variables, nothing inherited."""

from __future__ import annotations

from dataclasses import dataclass, field

from texts.places import Location

OUTERMOST = "all"
UNGROUPED = "ungrouped"


@dataclass(frozen=True, slots=True)
class Variable:
    """A variable's text; None where it has none that could be used, and then why not."""

    text: str | None
    at: Location
    why_not: str = ""


def variable(text: str, at: Location, *, vault: bool) -> Variable:
    """A variable as it is written; `vault` says that its form marks it as encrypted, whatever its text."""
    if vault or "$ANSIBLE_VAULT" in text:
        return Variable(None, at, "is encrypted with Ansible Vault")
    if "{{" in text or "{%" in text:
        return Variable(None, at, "is a template")
    return Variable(text, at)


@dataclass(slots=True)
class AnsibleGroup:
    """A group, with its variables, the names of its hosts and those of its children with their places."""

    name: str
    at: Location
    variables: dict[str, Variable] = field(default_factory=dict)
    hosts: dict[str, None] = field(default_factory=dict)
    children: dict[str, Location] = field(default_factory=dict)


@dataclass(slots=True)
class AnsibleHost:
    """A host with its own variables."""

    name: str
    at: Location
    variables: dict[str, Variable] = field(default_factory=dict)


@dataclass(slots=True)
class AnsibleInventory:
    """Groups and hosts by name, in the order in which they are first named."""

    groups: dict[str, AnsibleGroup] = field(default_factory=dict)
    hosts: dict[str, AnsibleHost] = field(default_factory=dict)

    def group(self, name: str, at: Location) -> AnsibleGroup:
        """The group of this name, made where it is new."""
        return self.groups.setdefault(name, AnsibleGroup(name, at))

    def host(self, name: str, at: Location) -> AnsibleHost:
        """The host of this name, made where it is new."""
        return self.hosts.setdefault(name, AnsibleHost(name, at))

    def place(self, name: str, group: str, at: Location, port: str, variables: dict[str, Variable]) -> None:
        """Puts a host into a group. A port counts where the host is new, as with Ansible."""
        if name not in self.hosts and port:
            self.host(name, at).variables["ansible_port"] = Variable(port, at)
        self.host(name, at).variables.update(variables)
        self.group(group, at).hosts[name] = None
