"""The audit as Markdown, for a ticket or a chat: what is worst, how many, what next; then every finding and server.

Written for CommonMark with the tables of GitHub, which GitLab, Azure DevOps, Jira's new editor and others read. What
comes from outside stands in code spans alone: in these no reader makes links, images, HTML, mentions or emphasis of
it. A vertical bar, which would end the cell of a table even there, is shown as a broken one.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from playbooks.findings import Finding, Severity
from runner.reports.wording import headline, in_a_cell, meaning, probed, tables
from runner.results import FleetResult, HostResult, Outcome, to_rotate
from runner.terminal import visible

LIMIT = 300  # characters of one text of a server; JSON has all
# What findings are equal in: severity, id, title, CVEs, KBs.
_What = tuple[Severity, str, str, tuple[str, ...], tuple[str, ...]]
_TICKS = re.compile("`+")


@dataclass(frozen=True, slots=True)
class MarkdownReport:
    """Headings, and a table under each."""

    def render(self, audit: FleetResult) -> str:
        """See Report."""
        return "".join(f"{line}\n" for line in _lines(audit))


def code(tainted: str) -> str:
    """A text from outside as a code span that nothing in it ends, nor the cell of a table that it stands in."""
    shown = visible(tainted, LIMIT).replace("|", "\u00a6")
    if not shown.strip():
        return "-"
    fence = "`" * (max((len(run) for run in _TICKS.findall(shown)), default=0) + 1)
    # A blank at both ends is taken away by a reader, and a backtick at an end would belong to the fence.
    pad = " " if shown[0] in " `" or shown[-1] in " `" else ""
    return f"{fence}{pad}{shown}{pad}{fence}"


def _lines(audit: FleetResult) -> Iterator[str]:
    several = len({host.client for host in audit.hosts}) > 1
    yield f"# Audit {code(audit.run)}"
    yield ""
    yield headline(audit)
    yield ""
    judged_by = f"Judged on {audit.terms.today} by the catalogue {_plain(tables(audit.terms))}"
    yield f"{judged_by}; {probed(audit.summary.coverage)}."
    for found in audit.terms.findings:
        yield ""
        yield f"- **{found.severity}**: {code(found.title)}{_then(found.next)}"
    if not audit.hosts:
        return
    yield from table(
        "How many",
        ("servers", "verdict", "what it says"),
        (
            (str(count), f"**{verdict}**", meaning(verdict, audit))
            for verdict, count in audit.summary.verdicts.items()
            if count
        ),
    )
    wanting = [host for host in audit.hosts if host.outcome is not Outcome.COMPLIANT]
    yield from table(
        "What to do, worst first",
        ("server", "product and build", "verdict", "why", "next"),
        (
            (
                _name(host, several),
                _product(host),
                f"**{in_a_cell(host.verdict, host.clean_since)}**",
                code(host.why),
                code(host.next),
            )
            for host in wanting
        ),
    )
    yield from table(
        "Findings",
        ("severity", "finding", "what", "about", "servers"),
        (
            (f"**{severity}**", code(name), code(title), _about(cves, kbs), _names(hosts, several))
            for (severity, name, title, cves, kbs), hosts in _by_finding(audit.hosts).items()
        ),
    )
    yield from _rotation(audit)
    yield from table(
        "Nothing to do",
        ("server", "product and build", "verdict", "why"),
        (
            (_name(host, several), _product(host), in_a_cell(host.verdict, host.clean_since), code(host.why))
            for host in audit.hosts
            if host.outcome is Outcome.COMPLIANT
        ),
    )
    yield ""
    yield f"All evidence, step by step: {code(f'exrun show {audit.run}')}"


def table(title: str, heads: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """A heading and a table below it; nothing without rows. Cells are code, or words of ours without a bar."""
    found = [f"| {' | '.join(cells)} |" for cells in rows]
    if found:
        yield from ("", f"## {title}", "", f"| {' | '.join(heads)} |", f"|{' --- |' * len(heads)}", *found)


def _rotation(audit: FleetResult) -> Iterator[str]:
    if not (due := to_rotate(audit.hosts)):
        return
    yield from ("", "## Once the compromised servers are clean, rotate in this order", "")
    for number, each in enumerate(due, start=1):
        urgent = "".join(f" Urgent: {code(line)}." for line in each.seen)
        yield f"{number}. {code(each.what)}: {code(each.how)}.{urgent}"


def _by_finding(hosts: Iterable[HostResult]) -> dict[_What, list[HostResult]]:
    """Equal findings once, worst first, each with the servers that have it in the order of the report."""
    grouped: dict[_What, list[HostResult]] = {}
    for host in hosts:
        for found in dict.fromkeys(_what(each.finding) for each in host.findings):
            grouped.setdefault(found, []).append(host)
    return dict(sorted(grouped.items(), key=lambda item: item[0][0].rank))


def _what(found: Finding) -> _What:
    return found.severity, found.id, found.title, found.cves, found.kbs


def _about(cves: Sequence[str], kbs: Sequence[str]) -> str:
    return ", ".join(code(each) for each in (*cves, *kbs)) or "-"


def _names(hosts: Sequence[HostResult], several: bool) -> str:
    return f"{len(hosts)}: {', '.join(_name(host, several) for host in hosts)}"


def _name(host: HostResult, several: bool) -> str:
    return code(f"{host.client}/{host.name}" if several else host.name)


def _product(host: HostResult) -> str:
    return code(f"{host.product} ({host.build})" if host.product and host.build else host.product or host.build)


def _then(what: str) -> str:
    return f". {code(what)}" if what else ""


def _plain(said: str) -> str:
    """Words of ours, and behind them what may be a user's."""
    ours, with_own, own = said.partition(", with ")
    return f"{ours}{with_own}{code(own)}" if own else ours
