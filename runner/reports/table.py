"""The verdict table for people at a terminal."""

from __future__ import annotations

import io
from dataclasses import dataclass

from rich.console import Console
from rich.table import Table
from rich.text import Text

from playbooks.findings import Severity
from runner.reports.wording import in_a_cell, probed, tables, tone, totals
from runner.results import FleetResult, to_rotate
from runner.terminal import visible

CELL = 300  # characters of one cell: a server's words must not push the other rows off the screen
_STYLES = {"grave": "bold red", "open": "yellow", "well": "green"}


@dataclass(frozen=True, slots=True)
class TableReport:
    """Server, product, verdict, why and next step, worst first; then totals, and what is to be known of the run.

    Attributes:
        width: columns of the terminal.
        colour: whether to write colours; the caller knows of NO_COLOR and whether a terminal reads this.
    """

    width: int = 120
    colour: bool = False

    def render(self, audit: FleetResult) -> str:
        """See Report. Without `colour` the text holds no escape sequence at all."""
        written = io.StringIO()
        console = Console(
            file=written,
            width=self.width,
            height=100,
            force_terminal=self.colour,
            color_system="standard" if self.colour else None,
            no_color=not self.colour,
            legacy_windows=False,
            markup=False,
            emoji=False,
            highlight=False,
            _environ={},  # what the caller decided must not change with COLUMNS, TERM or FORCE_COLOR
        )
        if audit.hosts:
            console.print(_table(audit))
        console.print(Text(totals(audit.summary)))
        console.print(Text(f"catalogue {tables(audit.terms)}; {probed(audit.summary.coverage)}"))
        for finding in audit.terms.findings:
            told = f"{finding.severity}: {visible(finding.title, CELL)}. {visible(finding.next, CELL)}"
            console.print(Text(told, style="" if finding.severity is Severity.INFO else _STYLES["open"]))
        if rotate := to_rotate(audit.hosts):
            told = f"once the compromised servers are clean, {len(rotate)} kinds of secrets are to be rotated, in order"
            console.print(Text(f"{told}: `exrun show` and the HTML and JSON reports list them", style=_STYLES["open"]))
        console.print(Text(f"run {visible(audit.run, CELL)}"))
        # Cells are padded to their column: nothing of it is wanted at the end of a line.
        return "".join(f"{line.rstrip()}\n" for line in written.getvalue().splitlines())


def _table(audit: FleetResult) -> Table:
    table = Table(box=None, pad_edge=False, show_edge=False, padding=(0, 2, 0, 0))
    for heading in ("SERVER", "PRODUCT", "VERDICT", "WHY", "NEXT STEP"):
        table.add_column(heading, overflow="fold")
    several = len({host.client for host in audit.hosts}) > 1
    for host in audit.hosts:
        table.add_row(
            _text(f"{host.client}/{host.name}" if several else host.name),
            _text(host.product or "-"),
            Text(in_a_cell(host.verdict, host.clean_since), style=_STYLES[tone(host.verdict)]),
            _text(host.why),
            _text(host.next or "-"),
        )
    return table


def _text(tainted: str) -> Text:
    return Text(visible(tainted, CELL))
