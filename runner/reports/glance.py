"""A fleet at a glance: a line a server, equal causes together, the worst in full, and last what comes next. Pure.

    FleetResult, width -> Painted lines -> text

However large a fleet is, this is read without scrolling far: at most MOST_LINES, of which no line is wider than the
terminal. Nothing is lost by it: whatever is grouped, folded or cut here is counted, the screen names the commands that
show all of it, and a fold of what is well holds nothing else.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from playbooks.findings import Severity, Verdict
from playbooks.investigating.standing import WELL
from runner.reports import typed_next
from runner.reports.fitting import broken, cells, shortened
from runner.reports.folding import Command
from runner.reports.grouping import Entry, Painted, entries_of, limited, plain, rows
from runner.reports.typed_next import PLAIN, USUAL, Begun
from runner.reports.wording import probed, tables, tone, totals
from runner.results import STEP_BY_STEP, FleetResult, HostResult, Outcome, to_rotate
from runner.terminal import visible
from texts.counting import counted

__all__ = ["MOST_LINES", "GlanceReport", "Whereabouts", "screen"]

MOST_LINES = 60  # of a screen, but for a run of which more than usual is to be said
_DETAILS, _LEAST_DETAILS = 10, 4  # lines about the worst
_TITLES = 3  # findings of one server
_CELL = 400  # characters of a server's words that are looked at
_TIED = "\N{NO-BREAK SPACE}"
_GAP = "  "
_HEADING = ("VERDICT", "SERVER", "WHY")


@dataclass(frozen=True, slots=True)
class Whereabouts:
    """Where what this run left lies.

    Attributes:
        journals: their paths, one a client.
        pages: the reports that were written.
        begun: what the run was begun with.
    """

    journals: tuple[str, ...] = ()
    pages: tuple[str, ...] = ()
    begun: Begun = USUAL


@dataclass(frozen=True, slots=True)
class GlanceReport:
    """See the top of this file; a Report.

    Attributes:
        width: columns of the terminal, at least 40.
        colour: whether to write colours; the words alone tell too.
        where: where what the run left lies.
    """

    width: int = 80
    colour: bool = False
    where: Whereabouts = Whereabouts()

    def render(self, audit: FleetResult) -> str:
        """See Report. Without `colour` the text holds no escape sequence at all."""
        lines = screen(audit, self.width, self.where)
        return "".join(f"{line.with_colour() if self.colour else line.text}\n" for line in lines)


def screen(audit: FleetResult, width: int, where: Whereabouts = Whereabouts()) -> tuple[Painted, ...]:
    """The lines, none wider than `width` cells; the totals, the next command and where the journal lies stand last."""
    naming = _Naming(len({host.client for host in audit.hosts}) > 1)
    foot = tuple(_foot(audit, width))
    ends = _ends(audit, width, where, naming)
    room = MOST_LINES - len(foot) - len(ends) - 2  # two lines are empty
    servers = _servers(audit, naming, width, room - len(_worst(audit, naming, width, _DETAILS)))
    worst = _worst(audit, naming, width, min(max(room - len(servers), _LEAST_DETAILS), _DETAILS))
    blank = (Painted(""),)
    return (*servers, *((*blank, *worst) if worst else ()), *(blank if servers else ()), *foot, *ends)


@dataclass(frozen=True, slots=True)
class _Naming:
    """What servers are called here: with their client where there are several."""

    several: bool

    def __call__(self, host: HostResult) -> str:
        return visible(f"{host.client}/{host.name}" if self.several else host.name)


def _servers(audit: FleetResult, naming: _Naming, width: int, room: int) -> tuple[Painted, ...]:
    shown = entries_of(
        (str(host.verdict), tone(host.verdict), naming(host), _why(host), _severity(host))
        for host in audit.hosts
        if not _is_folded(host)
    )
    return rows(shown, tuple(_folds(audit.hosts, naming)), width, room, _HEADING)


def _is_folded(host: HostResult) -> bool:
    """Whether there is nothing to see to: well, known in full, and without a finding that asks for anything."""
    return host.verdict in WELL and host.outcome is Outcome.COMPLIANT


def _folds(hosts: Sequence[HostResult], naming: _Naming) -> Iterator[Entry]:
    """Those that are well, by verdict and by whether they are called clean."""
    well = [(place, host) for place, host in enumerate(hosts) if _is_folded(host)]
    for verdict in Verdict:
        for clean in (True, False):
            of_it = [
                (place, host)
                for place, host in well
                if host.verdict is verdict and (host.clean_since is not None) is clean
            ]
            if not of_it:
                continue
            days = sorted(host.clean_since for _, host in of_it if host.clean_since is not None)
            since = f"clean since {days[0]}" if days else ""
            if days and days[0] != days[-1]:
                since += f" to {days[-1]}, each its own day"
            names = tuple((place, naming(host)) for place, host in of_it)
            yield Entry(str(verdict), tone(verdict), names, since if len(of_it) > 1 else _why(of_it[0][1]), 0)


def _severity(host: HostResult) -> int:
    return min((found.finding.severity.rank for found in host.findings), default=len(Severity))


def _why(host: HostResult) -> str:
    """The reason in one line, with what the verdict alone does not say."""
    since = f"clean since {host.clean_since}; " if host.clean_since is not None else ""
    if host.verdict in WELL and host.outcome is Outcome.UNKNOWN:
        since = f"not known in full; {since}"
    # What keeps a server that is well from being a count, such as a mitigation that is no patch, comes before the rest.
    told = f"{visible(host.findings[0].finding.title, _CELL)}; " if host.verdict in WELL and host.findings else ""
    return f"{since}{told}{visible(host.why, _CELL)}"


def _worst(audit: FleetResult, naming: _Naming, width: int, room: int) -> tuple[Painted, ...]:
    """What the worst servers have: the titles of what was found, and the next step. Nothing where all is well.

    Of one server, whatever the room; of further ones as many as have room.
    """
    lines: list[Painted] = []
    told: set[str] = set()
    nexts: set[str] = set()
    for host in audit.hosts:
        if host.verdict is not audit.hosts[0].verdict or _is_folded(host):
            break
        if _why(host) in told:
            continue
        told.add(_why(host))
        about = tuple(_about(host, naming, width, "as above" if host.next in nexts else visible(host.next, _CELL)))
        if lines and len(lines) + len(about) > room:
            break
        lines += about
        nexts.add(host.next)
    return tuple(lines)


def _about(host: HostResult, naming: _Naming, width: int, then: str) -> Iterator[Painted]:
    head = f"{shortened(naming(host), width)}"
    product = visible(host.product, 80)
    yield Painted(head if not product or cells(f"{head}{_GAP}{product}") > width else f"{head}{_GAP}{product}")
    because = {(each.step, each.finding) for each in host.because}
    deciding = [found for found in host.findings if (found.step, found.finding.id) in because] or host.findings
    for found in deciding[:_TITLES]:
        title = f"[{found.finding.severity}] {visible(found.finding.title, _CELL)}"
        yield from limited(title, width, 2, 2)
    if not deciding:
        yield from limited(_why(host), width, 2, 2)
    if (rest := len(host.findings) - min(len(deciding), _TITLES)) > 0:
        yield Painted(f"  and {counted(rest, 'further finding')}")
    if then:
        yield from limited(f"next: {then}", width, 2, 3)


def _foot(audit: FleetResult, width: int) -> Iterator[Painted]:
    """What is to be known of the run before anybody relies on a row."""
    for finding in audit.terms.findings:
        kind = "" if finding.severity is Severity.INFO else "open"
        told = f"{finding.severity}: {visible(finding.title, _CELL)}. {visible(finding.next, _CELL)}"
        for line in broken(told, width, 2):
            yield Painted(line, kind, len(line))
    if rotate := to_rotate(audit.hosts):
        told = (
            f"once the compromised servers are clean, {len(rotate)} kinds of secrets are to be rotated, in order: "
            "`exrun show` and the HTML and JSON reports list them"
        )
        for line in broken(told, width, 2):
            yield Painted(line, "open", len(line))


def _ends(audit: FleetResult, width: int, where: Whereabouts, naming: _Naming) -> tuple[Painted, ...]:
    """Totals, where all of it is, and the next command."""
    counts = re.sub(r"(\d) ", rf"\1{_TIED}", totals(audit.summary))  # a number stays with what it counts
    last = (counts, *_last(audit, where, naming))
    return tuple(Painted(line.text.replace(_TIED, " ")) for line in plain(last, width))


def _is_for_a_doctor(host: HostResult) -> bool:
    """Whether its next step is to look at the way to it."""
    plain = PLAIN.fullmatch(host.name) is not None and PLAIN.fullmatch(host.client) is not None
    return plain and host.next.endswith(STEP_BY_STEP)


def _last(audit: FleetResult, where: Whereabouts, naming: _Naming) -> Iterator[str]:
    yield f"catalogue {tables(audit.terms)}; {probed(audit.summary.coverage)}"
    run, to = visible(audit.run, _CELL), where.begun
    for page in where.pages:
        yield f"report: {visible(page)}"
    if len(where.journals) > 1:
        yield f"run {run}, {len(where.journals)} journals, the first: {visible(where.journals[0])}"
    else:
        yield f"run {run}" + (f", journal: {visible(where.journals[0])}" if where.journals else "")
    if not audit.hosts:
        return
    if every := typed_next.show(audit.run, to):
        yield Command("all of it", every)
    if then := _next(audit.run, audit.hosts[0], to, several=naming.several):
        yield Command("next", then)


def _next(run: str, worst: HostResult, to: Begun, *, several: bool) -> str:
    """Empty where no shell takes the names of the worst as they are."""
    client = worst.client if several else ""
    if _is_folded(worst):
        return typed_next.report(run, to, client=client, page="report.html")
    if _is_for_a_doctor(worst):
        return typed_next.doctor([f"{worst.client}/{worst.name}" if several else worst.name], to)
    return typed_next.show(run, to, client=client, host=worst.name)
