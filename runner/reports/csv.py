"""The audit as a table for spreadsheets: one line a server, comma-separated, UTF-8.

A spreadsheet takes a cell for a formula that begins with one of `= + - @`, and one whose separator is another splits a
line elsewhere. So what a server says begins no cell so, in whatever place a reader splits; nor does it begin a line.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable
from dataclasses import dataclass

from runner.reports.json import as_text
from runner.results import FleetResult, HostResult
from runner.terminal import visible

COLUMNS = (
    "client",
    "server",
    "product",
    "verdict",
    "clean_since",
    "logs_since",
    "outcome",
    "why",
    "next",
    "because",
    "findings",
    "address",
    "port",
    "build",
    "groups",
    "labels",
    "cves",
    "kbs",
)
LIMIT = 4000  # characters of a cell; JSON has all
# Also the full-width forms, which some spreadsheets take for the same.
_FORMULA = re.compile(r'((?:^|[;,|])[ "]*)(?=[=+\-@\uff1d\uff0b\uff0d\uff20])')


@dataclass(frozen=True, slots=True)
class CsvReport:
    """One line a server, worst first, under the names of `COLUMNS`."""

    def render(self, audit: FleetResult) -> str:
        """See Report."""
        written = io.StringIO()
        writer = csv.writer(written, quoting=csv.QUOTE_ALL, lineterminator="\r\n")
        writer.writerow(COLUMNS)
        writer.writerows(map(_row, audit.hosts))
        return written.getvalue()


def _row(host: HostResult) -> list[str]:
    cells = (
        host.client,
        host.name,
        host.product,
        host.verdict.value,
        str(host.clean_since or ""),
        str(host.logs_since or ""),
        host.outcome.value,
        host.why,
        host.next,
        " ".join(each.finding or each.step for each in host.because),
        " ".join(found.finding.id for found in host.findings),
        host.address,
        str(host.listed.port or ""),
        host.build,
        ", ".join(host.listed.groups),
        "; ".join(f"{name}: {', '.join(values)}" for name, values in host.labels.items()),
        " ".join(_once(cve for found in host.findings for cve in found.finding.cves)),
        " ".join(_once(kb for found in host.findings for kb in found.finding.kbs)),
    )
    return [_cell(each) for each in cells]


def _once(words: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(words))


def _cell(tainted: str) -> str:
    """Text that no spreadsheet runs: an apostrophe stands before what could begin a formula."""
    return _FORMULA.sub(r"\1'", visible(as_text(tainted), LIMIT))
