"""The audit as a page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from playbooks.findings import Verdict
from runner.comparing import Comparison
from runner.reports import merging, typed_next
from runner.reports.brand import Brand
from runner.reports.commands import commands
from runner.reports.diff import unlike_text
from runner.reports.history import History, changed, counts, trend
from runner.reports.page import page
from runner.reports.picture import BY, picture, tiles
from runner.reports.provenance import Provenance
from runner.reports.typed_next import Begun
from runner.reports.wording import CLEAN, headline, in_a_cell, meaning, probed, tables, tone
from runner.results import FleetResult, HostFinding, HostResult, to_rotate
from texts.counting import counted

CELL = 300  # characters of one cell of a table: the server's own part has all up to the page's LIMIT


@dataclass(frozen=True, slots=True)
class HtmlReport:
    """One file, light and dark, for screen and paper.

    Attributes:
        source: where the audit is from; None where its journal is not at hand.
        brand: whose page it is; None for nobody's.
        history: the audits before it; None where nobody looked for them.
        state: where the runs lie, as the commands of the page name it; empty for the usual place.
    """

    source: Provenance | None = None
    brand: Brand | None = None
    history: History | None = None
    state: str = ""

    def render(self, audit: FleetResult) -> str:
        """See Report."""
        clients = sorted({host.client for host in audit.hosts})
        against = None if self.history is None else self.history.comparison
        shared = merging.alike(audit.hosts)
        begun = Begun(state=self.state) if self.source is None else typed_next.begun(self.source.started, self.state)
        return page(
            "audit.html.j2",
            servers=len(audit.hosts),
            brand=self.brand,
            audit=audit,
            run=audit.run,
            headline=headline(audit),
            tiles=tiles(audit.hosts),
            pictures=picture(audit.hosts),
            probed=probed(audit.summary.coverage),
            tables=tables(audit.terms),
            meaning=[(verdict, meaning(verdict, audit)) for verdict in Verdict if audit.summary.verdicts[verdict]],
            tone={verdict: tone(verdict) for verdict in Verdict},
            clean=any(host.clean_since for host in audit.hosts) and CLEAN,
            in_a_cell=in_a_cell,
            rotate=to_rotate(audit.hosts),
            clients=clients,
            fine=[host for host in audit.hosts if host.verdict is Verdict.OK],
            shared=shared,
            named=lambda host: merging.called(host, several=len(clients) > 1),
            own=[any(merging.key(each) not in shared for each in host.findings) for host in audit.hosts],
            also=[_also(host.findings, shared) for host in audit.hosts],
            key=merging.key,
            common=lambda each: sum(not line.hosts for line in each.evidence),
            differing=lambda each: sum(bool(line.hosts) for line in each.evidence),
            places=[_place(host) for host in audit.hosts],
            commands=[commands(audit.run, host, begun) for host in audit.hosts],
            history=self.history,
            rest=_rest(against, begun),
            changed=() if against is None else changed(against),
            became={} if against is None else counts(against),
            unlike=() if against is None else [unlike_text(each) for each in against.unlike],
            trend=None if self.history is None else trend(self.history.past),
            at={host.name: number for number, host in enumerate(audit.hosts, start=1)},
            short=_short,
            cell=CELL,
            counted=counted,
            source=self.source,
        )


def _rest(against: Comparison | None, begun: Begun) -> str:
    """The command that says all that changed."""
    if against is None:
        return ""
    return typed_next.diff(against.after, against.before, begun, client=against.client)


def _place(host: HostResult) -> str:
    """`site HQ, dag DAG1`: what the inventory says of it; tainted no less than any text of somebody else's."""
    labels = host.labels
    return ", ".join(f"{label} {' and '.join(labels[label])}" for label in BY if labels.get(label))


def _also(findings: Sequence[HostFinding], shared: Mapping[merging.Key, merging.Alike]) -> str:
    """`F1, F3`: what of this server stands in the part on several."""
    numbers = {shared[merging.key(each)].number for each in findings if merging.key(each) in shared}
    return ", ".join(f"F{number}" for number in sorted(numbers))


def _short(text: str) -> str:
    return text if len(text) <= CELL else f"{text[: CELL - 1]}…"
