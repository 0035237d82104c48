"""What one line of a log says of ProxyLogon.

The sequence and the marks are public: Microsoft's Test-ProxyLogon.ps1 (CSS-Exchange, Security/src) for what is looked
for in which log, and the Norwegian record of the attacks of March 2021 (repository 2021-march-exchange, #100) for what
each request is there for: autodiscover tells where a mailbox is, mapi/emsmdb the SID of its owner, proxyLogon.ecp
answers 241 where it opens a session for that SID, DDIService sets a virtual directory's URL, and resetting the
directory writes that into a file.

A line is the attacker's in part: client-request-id, path and user agent. So a line whose columns do not come out as its
header says is searched as it stands, and what was not read of it is never taken for harmless.
"""

from __future__ import annotations

import csv
import ntpath
import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from urllib.parse import unquote

ANCHOR = "ServerInfo~"
_NOT_READ = "not read"
_SHOWN = 200  # characters of a column

# An entry of the server itself; what is put before `]` or `@` is the attacker's choice.
_OWN = re.compile(r"localhost[^/\]@]*/", re.IGNORECASE)
_ANYWHERE = re.compile(r'(?:^|[,"\s])(ServerInfo~[^,"]*)', re.IGNORECASE)
_RESET = re.compile(r"reset\w*virtualdirectory")
_URL_WITH_TAG = re.compile(r"Set-\w*VirtualDirectory.*?Url.*?(?:<|%3c)\s*[a-z%!/?]", re.IGNORECASE)
_OAB = re.compile(r"Download failed and temporary file\s+'?(.*?)'?\s+needs to be removed", re.IGNORECASE)


class Grade(Enum):
    """How far it came, from what is least; the values are those of the fact `grade`."""

    NOTHING = "nothing"
    PROBED = "probed"
    LEAKED = "sid-leaked"
    SESSION = "session-obtained"
    WRITTEN = "written"

    @property
    def rank(self) -> int:
        """0 for nothing."""
        return list(Grade).index(self)


@dataclass(frozen=True, slots=True)
class Line:
    """One line as the server sent it, with the header in force.

    Attributes:
        place: file below Logging and number of the line.
        cut: only its beginning was sent.
    """

    place: str
    folder: str
    text: str
    header: str | None
    cut: bool


@dataclass(frozen=True, slots=True)
class Trace:
    """What a line comes to, and how it is shown as evidence."""

    grade: Grade
    evidence: str


@dataclass(frozen=True, slots=True)
class Unclear:
    """A line that cannot be judged, and why."""

    why: str


def judge(line: Line, install: str) -> Trace | Unclear | None:
    """What a line says; None where it is harmless.

    Args:
        install: the folder that Exchange is installed in, without a backslash at its end.
    """
    match line.folder.casefold():
        case "oabgeneratorlog":
            found = _oab(line, install)
        case "ecp\\server":
            found = _url(line)
        case _:
            found = _request(line)
    if found is None and line.cut:
        return Unclear(f"{line.place}: too long to be sent whole, and its beginning does not decide")
    return found


def _oab(line: Line, install: str) -> Trace | Unclear | None:
    named = _OAB.search(line.text)
    if named is None:
        return Unclear(f"{line.place}: names no file that can be read: {_short(line.text)}")
    path = ntpath.normpath(named[1].strip(" '\"")).casefold()
    if path.startswith(f"{ntpath.normpath(install)}\\clientaccess\\oab\\".casefold()):
        return None
    return Trace(Grade.WRITTEN, f"{_short(line.text)} ({line.place})")


def _url(line: Line) -> Trace | None:
    found = _URL_WITH_TAG.search(line.text)
    return Trace(Grade.WRITTEN, f"{_short(line.text)} ({line.place})") if found else None


def _request(line: Line) -> Trace | None:
    columns = _columns(line)
    anchor = columns.get("anchormailbox")
    if anchor is None or not anchor.casefold().startswith(ANCHOR.casefold()):
        return None
    target = anchor[len(ANCHOR) :]
    if "/" not in target or _OWN.match(target):
        return None
    status = columns.get("httpstatus")
    return Trace(_grade(target.partition("/")[2], status), _shown(line, columns))


def _grade(path: str, status: str | None) -> Grade:
    """By what was asked for and what came of it; a status that was not read may have been the worst."""
    asked = unquote(unquote(path)).casefold()
    if "ddiservice.svc/setobject" in asked or _RESET.search(asked):
        return Grade.WRITTEN if status in (None, "200") else Grade.LEAKED
    if "proxylogon.ecp" in asked:
        return Grade.SESSION if status in (None, "241") else Grade.LEAKED
    if "ddiservice.svc" in asked:
        return Grade.SESSION if status in (None, "200") else Grade.LEAKED
    return Grade.PROBED if asked.startswith("autodiscover") else Grade.LEAKED


def _columns(line: Line) -> Mapping[str, str]:
    """The columns by their names in lower case; only the anchor where they do not fit the header."""
    row = _row(line.text)
    names = [] if line.header is None else _names(line.header)
    columns = {name: value.strip() for name, value in reversed(list(zip(names, row, strict=False)))}
    fits = len(row) == len(names) or (line.cut and len(row) < len(names))
    if fits and "anchormailbox" in columns:
        return columns
    if columns.get("anchormailbox", "").casefold().startswith(ANCHOR.casefold()):
        # The columns up to here came out right; those behind may not have.
        return {name: columns[name] for name in names[: names.index("anchormailbox") + 1] if name in columns}
    anywhere = _ANYWHERE.search(line.text)
    return {} if anywhere is None else {"anchormailbox": anywhere[1]}


def _names(header: str) -> list[str]:
    fields = header.lstrip("\ufeff")
    if fields.casefold().startswith("#fields:"):
        fields = fields[len("#fields:") :]
    return [name.strip().casefold() for name in _row(fields)]


def _row(text: str) -> list[str]:
    try:
        return next(csv.reader([text]), [])
    except csv.Error:
        return text.split(",")


def _shown(line: Line, columns: Mapping[str, str]) -> str:
    when, client, agent, status = (
        _short(columns.get(name, _NOT_READ)) for name in ("datetime", "clientipaddress", "useragent", "httpstatus")
    )
    anchor = _short(columns["anchormailbox"])
    return f"{when} from {client}, user agent {agent or 'none'}, status {status or 'none'}: {anchor} ({line.place})"


def _short(text: str) -> str:
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."
