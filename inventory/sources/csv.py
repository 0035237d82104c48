"""CSV as `Get-ExchangeServer | Export-Csv` writes it.

Windows PowerShell 5.1 puts a `#TYPE` line first unless told not to, and writes ASCII, UTF-8 with a BOM or UTF-16 as
its `-Encoding` says; PowerShell 7 writes UTF-8; `-UseCulture` divides with `;` in much of Europe. Excel may save it
again: in Windows' code page (1252 in western Europe), after a line `sep=;`, with rows of nothing but `;`. All are read.

A file has the servers of one client and says nothing about how to log on: both are given to the source.
Columns become labels: Site -> `site` (its last part), ServerRole -> `role`, Edition -> `edition`,
AdminDisplayVersion -> `admin_display_version`. The last shows the cumulative update and no security update, so it
is for selecting only, never for judging.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from inventory.errors import SourceError
from inventory.model import label_values
from inventory.names import folded, is_address, why_not_a_name
from inventory.sources.document import Settings, given_settings
from inventory.sources.inheritance import Setting, shown
from inventory.sources.reading import ANSI, MOST_BYTES, ClientPart, HostPart, Reading
from texts.delimited import Cell, rows, table_text
from texts.places import Location
from texts.problems import Problem
from texts.spelling import suggestion

REQUIRED = ("Name", "Fqdn")
LABELS = {
    "Site": "site",
    "ServerRole": "role",
    "Edition": "edition",
    "AdminDisplayVersion": "admin_display_version",
}
_EXPORT_AGAIN = "export again with `-Encoding UTF8`"


@dataclass(frozen=True, slots=True)
class ExchangeCsvSource:
    """Servers of `client`; `settings` hold for each of them, save the address, which is its Fqdn."""

    client: str
    settings: Settings = field(default_factory=Settings)

    def read(self, data: bytes, path: Path) -> Reading:
        """See `Source`."""
        return _reading(data, file=str(path), folder=path.parent, client=self.client, settings=self.settings)


def _reading(data: bytes, *, file: str, folder: Path, client: str, settings: Settings) -> Reading:
    start = Location(file, 1, 1)
    problems: list[Problem] = []
    text = table_text(data, file, problems, most_bytes=MOST_BYTES, ansi=ANSI, advice=_EXPORT_AGAIN)
    if text is None:
        raise SourceError(problems)
    lines = rows(text, file, problems, is_comment=_is_comment)
    header = next(lines, None)
    if header is None:
        empty = Problem(start, "is empty", "write it with `Get-ExchangeServer | Export-Csv`")
        raise SourceError(problems or [empty])
    columns = _columns(header, start, problems)
    hosts = list(_hosts(lines, len(header), columns, start, problems))
    if not hosts and not problems:
        problems.append(Problem(start, "has no servers", "write it with `Get-ExchangeServer | Export-Csv`"))
    given = {key: Setting(value, start) for key, value in given_settings(settings).items()}
    labels = {f"labels.{label}": Setting(values, start) for label, values in settings.labels.items()}
    part = ClientPart(client, start, {**given, **labels}, (), tuple(hosts))
    return Reading(file, hashlib.sha256(data).hexdigest(), folder, (part,), tuple(problems))


def _is_comment(line: str, begun: bool) -> bool:
    """The line that Export-Csv puts first, quoted where Excel has saved it again."""
    return not begun and line.startswith(("#TYPE", '"#TYPE'))


def _columns(header: list[Cell], start: Location, problems: list[Problem]) -> dict[str, int]:
    """Where the columns stand that are read; PowerShell takes their names in any case."""
    places: dict[str, int] = {}
    wanted = {name.casefold(): name for name in (*REQUIRED, *LABELS)}
    for index, cell in enumerate(header):
        name = wanted.get(cell.text.strip().casefold())
        if name is None:
            continue
        if name in places:
            problems.append(
                Problem(
                    Location(start.file, cell.line, cell.column, name), "this column stands here twice", "remove one"
                )
            )
        places.setdefault(name, index)
    missing = [name for name in REQUIRED if name not in places]
    if missing:
        unread = [cell.text for cell in header if cell.text.strip().casefold() not in wanted]
        at = Location(start.file, header[0].line, 1)
        raise SourceError(
            [
                *problems,
                *(
                    Problem(
                        at,
                        f"there is no column `{name}`",
                        suggestion(name, unread, otherwise="export all properties, or Select-Object it"),
                    )
                    for name in missing
                ),
            ]
        )
    return places


def _hosts(
    lines: Iterator[list[Cell]],
    width: int,
    columns: dict[str, int],
    start: Location,
    problems: list[Problem],
) -> Iterator[HostPart]:
    seen: dict[str, int] = {}
    for row in lines:
        while len(row) > width and not row[-1].text.strip():  # cells beyond the table that Excel counts as used
            row.pop()
        if len(row) != width:
            problems.append(
                Problem(
                    Location(start.file, row[0].line, 1),
                    f"has {len(row)} cells, and the header has {width}",
                    "is a quote or a comma missing?",
                )
            )
            continue
        name = row[columns["Name"]].text.strip()
        at = _place(start, row[columns["Name"]], "Name")
        fqdn = row[columns["Fqdn"]].text.strip()
        fqdn_at = _place(start, row[columns["Fqdn"]], "Fqdn")
        usable = not why_not_a_name(name)
        if usable and folded(name) in seen:
            problems.append(
                Problem(
                    at, f"{shown(name)} stands here a second time, first in line {seen[folded(name)]}", "remove one"
                )
            )
            continue
        seen.setdefault(folded(name), at.line)
        if not is_address(fqdn):
            problems.append(Problem(fqdn_at, "is not a host name or an IP address", "write the server's full name"))
        labels: dict[str, Setting] = {}
        for column, label in LABELS.items():
            if column not in columns:
                continue
            cell = row[columns[column]]
            text = cell.text.strip()
            if column == "Site":  # alpha.example/Configuration/Sites/HQ
                text = text.rpartition("/")[2]
            if not text.isprintable():
                problems.append(Problem(_place(start, cell, column), "has control characters", "remove them"))
            elif text:
                labels[f"labels.{label}"] = Setting(label_values(text), _place(start, cell, column))
        address = {"address": Setting(fqdn, fqdn_at)}
        yield HostPart(name, at, {**address, **labels}, sound=usable and is_address(fqdn))


def _place(start: Location, cell: Cell, column: str) -> Location:
    return Location(start.file, cell.line, cell.column, column)
