"""Names of hosts as Ansible writes them: with ranges, and with a port."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator

MOST_HOSTS = 50_000


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


def names_of(pattern: str, already: int) -> Iterator[tuple[str, str]]:
    """Each host that a pattern stands for, with the port that it names, or nothing.

    Args:
        already: how many hosts there are without these.

    Raises:
        RangeError: as `expanded`, or there are too many in all.
    """
    pattern, port = port_apart(pattern)
    names = [pattern] if is_ipv6(pattern) else expanded(pattern)
    for count, name in enumerate(names, already + 1):
        if count > MOST_HOSTS:
            raise RangeError(f"there are more than {MOST_HOSTS} hosts")
        yield name, port


def port_apart(word: str) -> tuple[str, str]:
    """The pattern and its port: `ex1:5986`, `[2001:db8::1]:5986`; the port is nothing where there is none."""
    bracketed = address_in_brackets(word)
    if bracketed is not None:
        return bracketed
    name, colon, port = word.rpartition(":")
    if colon and port.isdecimal() and "]" not in port and not is_ipv6(word) and name.count("[") == name.count("]"):
        return name, port
    return word, ""


def address_in_brackets(word: str) -> tuple[str, str] | None:
    """The IPv6 address and the port, or nothing, of `[2001:db8::1]:5986`; None where it is none."""
    found = re.fullmatch(r"\[([0-9A-Fa-f:.]+(?:%\w+)?)\](?::(\d+))?", "".join(word.split()[:1]))
    if found is None or not is_ipv6(found[1]):
        return None
    return found[1], found[2] or ""


def is_ipv6(text: str) -> bool:
    """Whether it is an IPv6 address."""
    try:
        return ipaddress.ip_address(text).version == 6
    except ValueError:
        return False
