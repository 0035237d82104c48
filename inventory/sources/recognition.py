"""What a file is: by how it begins, by its suffix, and by what only one format has."""

from __future__ import annotations

import json
import re
import shlex
from enum import StrEnum
from pathlib import PurePath

from inventory.names import is_address
from inventory.sources.reading import ANSI, MOST_BYTES
from texts.encoding import decode
from texts.places import Location
from texts.problems import Problem
from texts.yaml_tree import read_tree


class Form(StrEnum):
    """A format that is known here. What is nothing else is native, whose errors say what is missing."""

    NATIVE = "an inventory of exrun"
    CSV = "CSV"
    ANSIBLE_INI = "an Ansible inventory (INI)"
    ANSIBLE_YAML = "an Ansible inventory (YAML)"
    HOST_LIST = "a list of hosts"
    ANSIBLE_JSON = "an Ansible inventory (JSON)"
    ANSIBLE_PLAYBOOK = "an Ansible playbook, not an inventory"
    VAULT = "encrypted with Ansible Vault"
    EXCEL = "an Excel workbook"
    OPEN_DOCUMENT = "an OpenDocument spreadsheet"
    JSON = "JSON"
    CLIXML = "CliXML of PowerShell"
    XML = "XML or HTML"
    ARCHIVE = "an archive or a document"


IMPORTED = frozenset({Form.CSV, Form.ANSIBLE_INI, Form.ANSIBLE_YAML, Form.HOST_LIST})
_YAML = frozenset({".yml", ".yaml"})
_ZIPPED = {".xlsx": Form.EXCEL, ".xlsm": Form.EXCEL, ".ods": Form.OPEN_DOCUMENT}
_BEGINNING = 64 * 1024


def form_of(data: bytes, name: str) -> Form:
    """The format of a file with these bytes; `name` is its name or path."""
    suffix = PurePath(name).suffix.casefold()
    container = _container(data, suffix)
    if container is not None:
        return container
    if len(data) > MOST_BYTES:
        return Form.NATIVE
    text = _text(data)
    if text is None:
        return Form.CSV if suffix == ".csv" else Form.NATIVE
    start = text.lstrip("\ufeff \t\r\n")
    if start.startswith("$ANSIBLE_VAULT;"):
        return Form.VAULT
    if start.startswith(("<?xml", "<!DOCTYPE", "<html", "<Objs")):
        return Form.CLIXML if "<Objs " in start[:2000] else Form.XML
    if start[:1] in ("{", "["):
        json_form = _json(start)
        if json_form is not None:
            return json_form
    if re.search(r"(?m)^(?:exrun|clients)[ \t]*:", text):
        return Form.NATIVE
    if suffix in _YAML:
        return _yaml(data)
    if _has_header(text):
        return Form.CSV
    if suffix == ".csv":
        return Form.HOST_LIST if _lists_hosts(text) and "." in start.split()[0] else Form.CSV
    if _is_ini(text):
        return Form.ANSIBLE_INI
    if _lists_hosts(text):
        return Form.HOST_LIST
    return _yaml(data) if re.search(r"(?m)^(?:---|\w[\w-]*:)\s*$", text) else Form.NATIVE


def not_loaded(form: Form, path: str) -> Problem:
    """What is wrong with a file of another format given as an inventory, with the command that makes one of it."""
    file = shlex.quote(path)
    stem = PurePath(path).stem
    output = "inventory.yml" if PurePath(path).name != "inventory.yml" else "exrun-inventory.yml"
    csv, yml = shlex.quote(f"{stem}.csv"), shlex.quote(f"{stem}.yml")
    imported = f"exrun inventory import {{}} --client NAME -o {output}"
    match form:
        case Form.CSV | Form.ANSIBLE_INI | Form.ANSIBLE_YAML | Form.HOST_LIST:
            advice = f"make an inventory of it with `{imported.format(file)}`"
        case Form.EXCEL | Form.OPEN_DOCUMENT:
            advice = (
                f"save it as CSV (in Excel: Save As, CSV UTF-8; else `soffice --headless --convert-to csv {file}`), "
                f"then `{imported.format(csv)}`"
            )
        case Form.JSON:
            advice = (
                f"in PowerShell `(Get-Content {file} -Raw | ConvertFrom-Json) | Export-Csv -NoTypeInformation {csv}`, "
                f"then `{imported.format(csv)}`"
            )
        case Form.CLIXML:
            advice = (
                f"in PowerShell `Import-Clixml {file} | Export-Csv -NoTypeInformation {csv}`, "
                f"then `{imported.format(csv)}`"
            )
        case Form.ANSIBLE_JSON:
            advice = f"have Ansible write YAML (`ansible-inventory --list --yaml`), then `{imported.format(yml)}`"
        case Form.VAULT:
            advice = (
                f"write it open with `ansible-vault view {file} > {yml}`, then `{imported.format(yml)}`; "
                "passwords in it are not imported, so delete that file after"
            )
        case Form.ANSIBLE_PLAYBOOK:
            advice = "name the inventory that it is run with"
        case _:
            advice = "write `exrun: inventory/1` and `clients:`, or name a CSV file"
    return Problem(Location(path, 1, 1), f"is {form}", advice)


def _container(data: bytes, suffix: str) -> Form | None:
    if data.startswith(b"PK\x03\x04"):
        if b"mimetypeapplication/vnd.oasis.opendocument.spreadsheet" in data[:200]:
            return Form.OPEN_DOCUMENT
        return Form.EXCEL if b"xl/" in data else _ZIPPED.get(suffix, Form.ARCHIVE)
    if data.startswith(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"):
        return Form.EXCEL
    if data.startswith((b"%PDF", b"\x1f\x8b", b"7z\xbc\xaf", b"Rar!")):
        return Form.ARCHIVE
    return None


def _text(data: bytes) -> str | None:
    return decode(data, "", [], most_bytes=MOST_BYTES, ansi=ANSI)


def _json(start: str) -> Form | None:
    try:
        value = json.loads(start)
    except (ValueError, RecursionError):
        return None
    if isinstance(value, dict):
        if "exrun" in value or "clients" in value:
            return Form.NATIVE  # YAML holds JSON
        if "_meta" in value or any(
            isinstance(each, dict) and each.keys() & {"hosts", "children"} for each in value.values()
        ):
            return Form.ANSIBLE_JSON
    return Form.JSON


def _is_ini(text: str) -> bool:
    from inventory.sources.ansible.ini import is_ini  # what only other formats need is loaded for them alone

    return is_ini(text)


def _yaml(data: bytes) -> Form:
    from inventory.sources.ansible.yml import RULES, is_ansible

    root = read_tree(data, "", RULES, [])
    if root is None:
        return Form.ANSIBLE_PLAYBOOK if re.search(rb"(?m)^- (?:hosts|name|import_playbook):", data) else Form.NATIVE
    return Form.ANSIBLE_YAML if is_ansible(root) else Form.NATIVE


def _has_header(text: str) -> bool:
    """Whether one of the first lines has the columns that Get-ExchangeServer gives."""
    from inventory.sources.csv import REQUIRED

    for line in text[:_BEGINNING].splitlines()[:10]:
        cells = {cell.strip(' "').casefold() for cell in re.split(r"[,;\t|]", line)}
        if {name.casefold() for name in REQUIRED} <= cells:
            return True
    return text.startswith("#TYPE")


def _lists_hosts(text: str) -> bool:
    lines = [line.split("#")[0].split(";")[0].strip("\x1a \t\xa0") for line in text.splitlines()]
    names = [line for line in lines if line]
    return bool(names) and all(_like_a_host(name) for name in names)


def _like_a_host(name: str) -> bool:
    from inventory.sources.ansible.patterns import address_in_brackets

    if address_in_brackets(name) is not None:
        return True
    bare = re.sub(r"\[[\w:]+\]", "1", name)
    bare = re.sub(r"(?<!:):\d{1,5}$", "", bare) if bare.count(":") == 1 else bare
    return is_address(bare.strip("[]"))
