"""An inventory of Ansible as it is written: groups, hosts and variables, nothing inherited."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from inventory.model import Location

MOST_HOSTS = 50_000
OUTERMOST = "all"
UNGROUPED = "ungrouped"


@dataclass(frozen=True, slots=True)
class Variable:
    """A variable's text; None where it has none that could be used, and then why not."""

    text: str | None
    at: Location
    why_not: str = ""


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


class RangeError(ValueError):
    """A range in the name of hosts cannot be used; the message says why."""


def expanded(pattern: str) -> Iterator[str]:
    """The names that a pattern stands for: `ex[01:04].x`, `ex[a:c]`, `ex[1:9:2]`, several ranges in one name.

    Both ends count. A first number with leading zeros gives the width of all. As Ansible reads them
    (https://docs.ansible.com/ansible/latest/inventory_guide/intro_inventory.html#adding-ranges-of-hosts).

    Raises:
        RangeError: not a range, or more than MOST_HOSTS names.
    """
    before, bracket, rest = pattern.partition("[")
    if not bracket:
        yield pattern
        return
    written, bracket, after = rest.partition("]")
    if not bracket:
        raise RangeError("a range has no `]`")
    values = _values(written)
    for value in values:
        for tail in expanded(after):
            yield f"{before}{value}{tail}"


def _values(written: str) -> list[str]:
    parts = written.split(":")
    if len(parts) not in (2, 3) or not parts[1]:
        raise RangeError("a range is written `[first:last]` or `[first:last:step]`")
    first, last = parts[0] or "0", parts[1]
    step = parts[2] if len(parts) == 3 else "1"
    if not (step.isascii() and step.isdecimal() and int(step[:9]) > 0 and len(step) < 9):
        raise RangeError("the step of a range is a number from 1")
    if first.isascii() and last.isascii() and first.isdecimal() and last.isdecimal() and len(last) < 10:
        width = len(first) if first.startswith("0") and len(first) > 1 else 0
        if width and len(last) != width:
            raise RangeError("both ends of a range with leading zeros have as many digits")
        numbers = range(int(first), int(last) + 1, int(step))
        if len(numbers) > MOST_HOSTS:
            raise RangeError(f"a range has more than {MOST_HOSTS} hosts")
        values = [str(number).zfill(width) for number in numbers]
    elif len(first) == len(last) == 1 and first.isascii() and last.isascii() and first.isalpha() and last.isalpha():
        letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
        values = list(letters[letters.index(first) : letters.index(last) + 1 : int(step)])
    else:
        raise RangeError("the ends of a range are two numbers or two letters")
    if not values:
        raise RangeError("the first end of a range comes after the last")
    return values
