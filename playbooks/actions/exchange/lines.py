"""Lines of the logs of Exchange and IIS as a server sent them, and their columns by the header in force.

Exchange's are comma separated, with a header as first line or behind `#Fields:`; which columns it has differs from 2013
RTM to Subscription Edition, so a column is only ever found by its name. IIS's are W3C extended logs: blanks between the
columns, `-` for none, `+` for a blank inside one (Microsoft, "W3C Logging" in IIS's documentation).

A line is the attacker's in part: path, query and user agent. So of one whose columns do not come out as its header says
no column is believed: `Request.fits` is False, and what is looked for is looked for in all of the line.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import unquote

NOT_READ = "not read"
SHOWN = 200  # characters of a column

# The columns of which a log that lacks one holds no trace; those of HttpProxy are each hunt's own. IIS writes the
# fields that its configuration names (logExtFileFlags).
_NEEDED: Mapping[str, tuple[str, ...]] = {
    "iis": ("cs-method", "cs-uri-stem", "cs-uri-query", "sc-status"),
    "cmdletinfra\\powershell-proxy\\http": ("ClientInfo",),
    "cmdletinfra\\powershell-proxy\\cmdlet": ("Cmdlet", "Parameters"),
    "ecp\\server": ("EventData",),
}
_DECODED = 5  # times at most
_PERCENT_U = re.compile("%u((?!d[89a-f])[0-9a-f]{4})", re.IGNORECASE)  # halves of a pair are no text
_ON_A_DRIVE = re.compile(r"[A-Za-z]:\\")


@dataclass(frozen=True, slots=True)
class Line:
    """One line as the server sent it, with the header in force.

    Attributes:
        place: file and number of the line; the file below Logging, or its whole path where it is one of IIS's.
        folder: of the file, likewise.
        cut: only its beginning was sent.
    """

    place: str
    folder: str
    text: str
    header: str | None
    cut: bool

    @property
    def of_iis(self) -> bool:
        """Whether it is of a log of IIS."""
        return _ON_A_DRIVE.match(self.folder) is not None


@dataclass(frozen=True, slots=True)
class Request:
    """What a line says of a request; None where the column is not there or was not read.

    Attributes:
        fits: its columns came out as the header says; without it there is the text alone.
        url: path and query, `%XX` decoded, in lower case, with `/` for each backslash; of a line that does not
            fit all of it.
    """

    fits: bool
    url: str
    columns: Mapping[str, str]
    when: str | None = None
    client: str | None = None
    agent: str | None = None
    method: str | None = None
    status: str | None = None
    user: str | None = None

    def shown(self, place: str) -> str:
        """As a line of evidence."""
        said = [self.when or NOT_READ, f"from {short(self.client or NOT_READ)}"]
        if self.user:
            said.append(f"as {short(self.user)}")
        said.append(f"user agent {short(NOT_READ if self.agent is None else self.agent or 'none')}")
        said.append(f"status {short(NOT_READ if self.status is None else self.status or 'none')}")
        return f"{said[0]} {', '.join(said[1:])}: {self.method or ''} {short(self.url)} ({place})".replace(":  ", ": ")


def columns(line: Line) -> tuple[Mapping[str, str], bool]:
    """The columns by their names in lower case, and whether as many came out as the header names."""
    fields = _fields(line.header)
    names = [name.strip().casefold() for name in (fields.split() if line.of_iis else _row(fields))]
    row = line.text.split(" ") if line.of_iis else _row(line.text)
    # In the header's order; of two columns of one name the first counts.
    first = {name: value.strip() for name, value in reversed(list(zip(names, row, strict=False)))}
    named = {name: first[name] for name in names if name in first}
    return named, bool(names) and (len(row) == len(names) or (line.cut and len(row) < len(names)))


def lacking(place: str, header: str, of_requests: tuple[str, ...]) -> str:
    """What a header lacks of that by which lines of its log are judged, as a sentence; empty where it has all.

    Args:
        place: of the header, as that of a line.
        of_requests: the columns of HttpProxy that are looked at.
    """
    folder = place.rpartition("\\")[0]
    line = Line(place, folder, "", header, cut=False)
    fields = _fields(header)
    names = {name.strip().casefold() for name in (fields.split() if line.of_iis else _row(fields))}
    below = folder.casefold()
    needed = of_requests if below.startswith("httpproxy\\") else _NEEDED.get("iis" if line.of_iis else below, ())
    wanting = [name for name in needed if name.casefold() not in names]
    return f"{place}: its lines have no column {', '.join(wanting)}" if wanting else ""


def request(line: Line) -> Request:
    """What a line of HttpProxy, of Rps_Http or of IIS says of its request."""
    named, fits = columns(line)
    stem = named.get("cs-uri-stem" if line.of_iis else "urlstem")
    if not fits or stem is None:
        return Request(False, plain(line.text), {})
    query = named.get("cs-uri-query" if line.of_iis else "urlquery") or ""
    url = plain(stem if query in ("", "-") else f"{stem}?{query.removeprefix('?')}")
    if line.of_iis:
        when, client, agent = f"{named.get('date', '')} {named.get('time', '')}".strip(), "c-ip", "cs(user-agent)"
        method, status, user = "cs-method", "sc-status", "cs-username"
    else:
        when, client, agent = named.get("datetime", ""), "clientipaddress", "useragent"
        method, status, user = "method", "httpstatus", "authenticateduser"
    return Request(
        True,
        url,
        named,
        when or None,
        *(_said(named.get(name)) for name in (client, agent, method, status, user)),
    )


def plain(text: str) -> str:
    """In lower case, with `/` for each backslash, and `%XX` and `%uXXXX`, which http.sys takes as well, decoded until
    nothing is left of them."""
    for _ in range(_DECODED):
        decoded = unquote(_PERCENT_U.sub(lambda found: chr(int(found[1], 16)), text))
        if decoded == text:
            break
        text = decoded
    return text.casefold().replace("\\", "/")


def short(text: str) -> str:
    """What is shown of a text."""
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}..."


def _said(value: str | None) -> str | None:
    return "" if value == "-" else value


def _fields(header: str | None) -> str:
    text = (header or "").lstrip("\ufeff")
    return text[len("#fields:") :] if text.casefold().startswith("#fields:") else text


def _row(text: str) -> list[str]:
    try:
        return next(csv.reader([text]), [])
    except csv.Error:
        return text.split(",")
