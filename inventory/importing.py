"""Another tool's list of servers as one client of an inventory, with what was left out of it and why."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from inventory.errors import SourceError
from inventory.sources.ansible.client import client_of, files_beside
from inventory.sources.ansible.ini import read_ini
from inventory.sources.ansible.model import AnsibleInventory
from inventory.sources.ansible.yml import RULES, read_yml
from inventory.sources.csv import ExchangeCsvSource
from inventory.sources.document import Settings, given_settings
from inventory.sources.joining import joined
from inventory.sources.reading import ANSI, MOST_BYTES, ClientPart, Reading, bytes_of
from inventory.sources.recognition import IMPORTED, Form, form_of, not_loaded
from texts.encoding import decode, encoding_of
from texts.places import Location
from texts.problems import Problem
from texts.yaml_tree import read_tree


@dataclass(frozen=True, slots=True)
class Imported:
    """One client, which is in order. `left_out` says of each thing that was not taken over where it stands and why."""

    form: Form
    client: ClientPart
    left_out: tuple[Problem, ...]


def read_foreign(path: Path, *, client: str, settings: Settings) -> Imported:
    """Reads a CSV file of Get-ExchangeServer, an Ansible inventory (INI, YAML) or a list of hosts.

    Args:
        client: whose servers these are.
        settings: hold for all of them, whatever the file says.

    Raises:
        SourceError: with all problems that were found, or what the file is and how to convert it.
    """
    data = bytes_of(path)
    file = str(path)
    form = form_of(data, file)
    if form is Form.NATIVE:
        raise SourceError([_native(data, file)])
    if form not in IMPORTED:
        raise SourceError([not_loaded(form, file)])
    left_out: list[Problem] = []
    if form is Form.CSV:
        reading = ExchangeCsvSource(client, settings).read(data, path)
        joined([reading])
        [part] = reading.clients
    else:
        problems: list[Problem] = []
        found = _ansible(form, data, file, problems)
        if not found.hosts and not problems:
            problems.append(Problem(Location(file, 1, 1), "has no hosts", "is this the right file?"))
        if problems:
            raise SourceError(problems)
        part, left_out = client_of(found, client, file=file, folder=path.parent, given=given_settings(settings))
        joined([Reading(file, hashlib.sha256(data).hexdigest(), path.parent, (part,))])
        left_out += [
            Problem(Location(str(folder), 1, 1), "was not read", "connection variables in it are missing here")
            for folder in files_beside(path.parent)
        ]
    if encoding_of(data) == "utf-8" and not _is_utf8(data):
        left_out.append(Problem(Location(file, 1, 1), f"is not UTF-8 and was read as {ANSI}", "check its umlauts"))
    order = {problem: (problem.location.line, problem.location.column) for problem in left_out}
    return Imported(form, part, tuple(sorted(order, key=order.__getitem__)))


def _ansible(form: Form, data: bytes, file: str, problems: list[Problem]) -> AnsibleInventory:
    if form is Form.ANSIBLE_YAML:
        root = read_tree(data, file, RULES, problems)
        return AnsibleInventory() if root is None else read_yml(root, problems)
    text = decode(data, file, problems, most_bytes=MOST_BYTES, ansi=ANSI)
    return AnsibleInventory() if text is None else read_ini(text, file, problems)


def _native(data: bytes, file: str) -> Problem:
    at = Location(file, 1, 1)
    if b"exrun" in data[:4096]:
        return Problem(at, "is an inventory of exrun", f"name it with `-i {file}`; there is nothing to import")
    return Problem(
        at,
        "is neither CSV with the columns Name and Fqdn, nor an Ansible inventory, nor a list of hosts",
        "write it with `Get-ExchangeServer | Export-Csv -NoTypeInformation servers.csv`, or one host a line",
    )


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True
