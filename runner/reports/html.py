"""The audit as a page."""

from __future__ import annotations

from dataclasses import dataclass

from playbooks.findings import Verdict
from runner.reports.page import page
from runner.reports.wording import CLEAN, headline, in_a_cell, meaning, probed, tables, tone, totals
from runner.results import FleetResult, to_rotate


@dataclass(frozen=True, slots=True)
class HtmlReport:
    """One file, light and dark, printable, without scripts."""

    def render(self, audit: FleetResult) -> str:
        """See Report."""
        return page(
            "audit.html.j2",
            audit=audit,
            headline=headline(audit),
            totals=totals(audit.summary),
            probed=probed(audit.summary.coverage),
            tables=tables(audit.terms),
            meaning=[(verdict, meaning(verdict, audit)) for verdict in Verdict if audit.summary.verdicts[verdict]],
            tone={verdict: tone(verdict) for verdict in Verdict},
            clean=any(host.clean_since for host in audit.hosts) and CLEAN,
            in_a_cell=in_a_cell,
            rotate=to_rotate(audit.hosts),
            clients=sorted({host.client for host in audit.hosts}),
        )
