"""What iis/files.ps1.j2 says: the server's own names of folders, and the text of each file of IIS's configuration."""

from __future__ import annotations

from playbooks.investigating.places import Server, on_a_drive
from playbooks.observation import Observed
from playbooks.values import Record, Value, text_of

__all__ = ["HOST", "REDIRECTION", "NotWholeError", "server_of", "whole_text"]

# How the places of the two files end, in lower case.
HOST = "\\applicationhost.config"
REDIRECTION = "\\redirection.config"


class NotWholeError(ValueError):
    """A file's text is not all there; the text says why."""


def server_of(observed: Observed) -> Server:
    """The environment of the server, and Exchange's folder where the answer has that."""
    said = observed.first("Server") or {}
    names = ("SystemRoot", "SystemDrive", "ProgramFiles", "ProgramData", "Public")
    variables = {name.casefold(): text_of(said, name) for name in names if text_of(said, name)}
    variables |= {"windir": variables.get("systemroot", ""), "allusersprofile": variables.get("programdata", "")}
    setup = observed.first("ExchangeSetup") or {}
    exchange = text_of(setup, "InstallPath").replace("/", "\\").strip(' "').rstrip("\\")
    if exchange and on_a_drive(exchange):
        variables["exchangeinstallpath"] = f"{exchange}\\"
    known = {name: value for name, value in variables.items() if value}
    # A whole drive as Exchange's folder would make every place on it usual.
    return Server(known, exchange if on_a_drive(exchange) and len(exchange) > len("C:\\") else "")


def whole_text(file: Record, observed: Observed) -> str:
    """The text of one file, put together of its pieces.

    Raises:
        NotWholeError: not all of it came.
    """
    count = file.get("Lines")
    if not isinstance(count, int):
        raise NotWholeError(f"{file.get('Size')!s} bytes, and of more than 2 MB no line is read")
    where = text_of(file, "Place")
    pieces = [each for each in observed.of_kind("ConfigPiece") if text_of(each, "Place") == where]
    if [each.get("Number") for each in pieces] != list(range(len(pieces))):
        raise NotWholeError("its pieces did not come in their order")
    lines = [str(line) for each in pieces for line in _listed(each.get("Lines"))]
    if len(lines) != count:
        raise NotWholeError(f"{len(lines)} of its {count} lines came")
    return "\n".join(lines).removeprefix("\ufeff")


def _listed(value: Value) -> tuple[Value, ...]:
    return tuple(value) if isinstance(value, tuple | list) else ()
