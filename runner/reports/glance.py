"""A fleet at a glance: a line a server, equal causes together, the worst in full, and last what comes next. Pure.

    FleetResult, width -> Screen -> text

However large a fleet is, this is read without scrolling far: at most MOST_LINES, of which no line is wider than the
terminal. Nothing is lost by it: whatever is grouped, folded or cut here is counted, the screen names the commands that
show all of it, and a fold of what is well holds nothing else.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from playbooks.findings import Severity, Verdict
from playbooks.investigating.standing import WELL
from runner.reports.fitting import broken, cells, fitted, names_in, padded, shortened
from runner.reports.wording import probed, tables, tone, totals
from runner.results import FleetResult, HostResult, Outcome, to_rotate
from runner.terminal import visible
from texts.counting import counted

__all__ = ["MOST_LINES", "GlanceReport", "Painted", "Whereabouts", "screen"]

MOST_LINES = 60  # of a screen, but for a run of which more than usual is to be said
_NAMES_LINES = (2, 1)  # of the names of one group; the second where there are too many groups
_DETAILS, _LEAST_DETAILS = 10, 4  # lines about the worst
_TITLES = 3  # findings of one server
_CELL = 400  # characters of a server's words that are looked at
_WIDEST_VERDICT = 14  # cells of their column; a longer one pushes its own line to the right
_TIED = "\N{NO-BREAK SPACE}"
_GAP = "  "
_LEAST_WORDS = 16  # cells: with fewer behind it a name has its reason on the next line
_STYLES: Mapping[str, str] = MappingProxyType({"grave": "1;31", "open": "33", "well": "32"})


@dataclass(frozen=True, slots=True)
class Painted:
    """One line, and of it what is coloured: see `tone`; nothing where that is empty."""

    text: str
    tone: str = ""
    coloured: int = 0  # characters from its beginning

    def with_colour(self) -> str:
        """As a terminal takes it (ECMA-48, SGR)."""
        if not self.tone or not self.coloured:
            return self.text
        head, rest = self.text[: self.coloured], self.text[self.coloured :]
        return f"\x1b[{_STYLES[self.tone]}m{head}\x1b[0m{rest}"


@dataclass(frozen=True, slots=True)
class Whereabouts:
    """Where what this run left lies.

    Attributes:
        journals: their paths, one a client.
        pages: the reports that were written.
        state: what every command that is named takes besides, such as ` --state DIR`; empty for the usual place.
    """

    journals: tuple[str, ...] = ()
    pages: tuple[str, ...] = ()
    state: str = ""


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


@dataclass(frozen=True, slots=True)
class _Entry:
    """Servers of one verdict that are shown together, worst first; of one server its row."""

    verdict: Verdict
    hosts: tuple[HostResult, ...]
    why: str  # made fit to be shown
    causes: int = 1


def screen(audit: FleetResult, width: int, where: Whereabouts = Whereabouts()) -> tuple[Painted, ...]:
    """The lines, none wider than `width` cells; the totals, the next command and where the journal lies stand last."""
    naming = _Naming(len({host.client for host in audit.hosts}) > 1)
    foot = tuple(_foot(audit, width))
    ends = _ends(audit, width, where, naming)
    room = MOST_LINES - len(foot) - len(ends) - 2  # two lines are empty
    rows = _rows(audit, naming, width, room - len(_worst(audit, naming, width, _DETAILS)))
    worst = _worst(audit, naming, width, min(max(room - len(rows), _LEAST_DETAILS), _DETAILS))
    blank = (Painted(""),)
    return (*rows, *((*blank, *worst) if worst else ()), *(blank if rows else ()), *foot, *ends)


@dataclass(frozen=True, slots=True)
class _Naming:
    """What servers are called here: with their client where there are several."""

    several: bool

    def __call__(self, host: HostResult) -> str:
        return visible(f"{host.client}/{host.name}" if self.several else host.name)


def _rows(audit: FleetResult, naming: _Naming, width: int, room: int) -> tuple[Painted, ...]:
    if not audit.hosts:
        return ()
    folds = tuple(_folds(audit.hosts))
    lines: tuple[Painted, ...] = ()
    for most in _NAMES_LINES:
        entries = _entries(audit.hosts, _Layout(naming, width, most), room - 1 - 2 * len(folds))
        columns = _Columns.of(entries, folds, naming, width)
        head = Painted(f"{padded('VERDICT', columns.verdict)}{_GAP}{padded('SERVER', columns.who)}{_GAP}WHY")
        shown = [line for entry in entries for line in _entry(entry, naming, columns, most)]
        shown += [line for fold in folds for line in _entry(fold, naming, columns, 1)]
        lines = (head, *shown)
        if len(lines) <= room:
            break
    return lines


@dataclass(frozen=True, slots=True)
class _Layout:
    """What says how many lines an entry takes at most."""

    naming: _Naming
    width: int
    names_lines: int

    def height(self, entries: Sequence[_Entry]) -> int:
        return sum(self._one(each) for each in entries)

    def _one(self, entry: _Entry) -> int:
        if len(entry.hosts) > 1:
            return 1 + self.names_lines
        beside = max(map(len, Verdict)) + 2 * len(_GAP) + _LEAST_WORDS
        return 1 if cells(self.naming(entry.hosts[0])) + beside <= self.width else 2


def _is_folded(host: HostResult) -> bool:
    """Whether there is nothing to see to: well, known in full, and without a finding that asks for anything."""
    return host.verdict in WELL and host.outcome is Outcome.COMPLIANT


def _folds(hosts: Sequence[HostResult]) -> Iterator[_Entry]:
    """Those that are well, by verdict and by whether they are called clean."""
    for verdict in Verdict:
        for clean in (True, False):
            of_it = tuple(
                host
                for host in hosts
                if host.verdict is verdict and _is_folded(host) and (host.clean_since is not None) is clean
            )
            if not of_it:
                continue
            days = sorted(host.clean_since for host in of_it if host.clean_since is not None)
            since = f"clean since {days[0]}" if days else ""
            if days and days[0] != days[-1]:
                since += f" to {days[-1]}, each its own day"
            yield _Entry(verdict, of_it, since if len(of_it) > 1 else _why(of_it[0]), 0)


def _entries(hosts: Sequence[HostResult], layout: _Layout, room: int) -> tuple[_Entry, ...]:
    """What is not well, in at most so many lines: by cause; where that is too long, the rest of a verdict together.

    The room beyond what every verdict needs at least goes to the worst.
    """
    by_verdict: dict[Verdict, list[_Entry]] = {}
    grouped: dict[tuple[Verdict, str], list[HostResult]] = {}
    place = {id(host): number for number, host in enumerate(hosts)}
    for host in hosts:
        if not _is_folded(host):
            grouped.setdefault((host.verdict, _why(host)), []).append(host)
    for (verdict, why), of_it in grouped.items():
        by_verdict.setdefault(verdict, []).append(_Entry(verdict, tuple(of_it), why))
    for entries in by_verdict.values():
        entries.sort(key=lambda each: (_severity(each.hosts[0]), -len(each.hosts), place[id(each.hosts[0])]))
    least = {verdict: min(layout.height(each), 1 + layout.names_lines) for verdict, each in by_verdict.items()}
    spare = max(room - sum(least.values()), 0)
    found: list[_Entry] = []
    for verdict in sorted(by_verdict, key=lambda each: each.rank):
        shown = _within(by_verdict[verdict], layout, least[verdict] + spare, place)
        spare = max(spare + least[verdict] - layout.height(shown), 0)
        found += shown
    return tuple(found)


def _within(entries: Sequence[_Entry], layout: _Layout, room: int, place: Mapping[int, int]) -> Sequence[_Entry]:
    """As many as have room, worst first; the rest as one."""
    if layout.height(entries) <= room:
        return entries
    shown: list[_Entry] = []
    for entry in entries:
        if layout.height([*shown, entry]) + 1 + layout.names_lines > room:
            break
        shown.append(entry)
    rest = entries[len(shown) :]
    together = sorted((host for each in rest for host in each.hosts), key=lambda host: place[id(host)])
    first = next(each for each in rest if each.hosts[0] is together[0])
    return [*shown, _Entry(first.verdict, tuple(together), first.why, len(rest))]


def _severity(host: HostResult) -> int:
    return min((found.finding.severity.rank for found in host.findings), default=len(Severity))


def _why(host: HostResult) -> str:
    """The reason in one line, with what the verdict alone does not say."""
    since = f"clean since {host.clean_since}; " if host.clean_since is not None else ""
    if host.verdict in WELL and host.outcome is Outcome.UNKNOWN:
        since = f"not known in full; {since}"
    return f"{since}{visible(host.why, _CELL)}"


@dataclass(frozen=True, slots=True)
class _Columns:
    """Cells of the columns, and of the whole line."""

    verdict: int
    who: int
    width: int

    @classmethod
    def of(cls, entries: Sequence[_Entry], folds: Sequence[_Entry], naming: _Naming, width: int) -> _Columns:
        both = (*entries, *folds)
        verdict = max([*(wide for each in both if (wide := len(each.verdict)) <= _WIDEST_VERDICT), len("VERDICT")])
        most = max((width - verdict) // 2 - len(_GAP), len("SERVER"))
        fitting = [wide for each in both if (wide := cells(_who(each, naming))) <= most]
        return cls(verdict, max([*fitting, len("SERVER")]), width)

    @property
    def names(self) -> int:
        """Where names of a group begin."""
        return self.verdict + len(_GAP)


def _who(entry: _Entry, naming: _Naming) -> str:
    return naming(entry.hosts[0]) if len(entry.hosts) == 1 else counted(len(entry.hosts), "server")


def _entry(entry: _Entry, naming: _Naming, columns: _Columns, names_lines: int) -> Iterator[Painted]:
    kind, word = tone(entry.verdict), str(entry.verdict)
    verdict, indent = padded(word, columns.verdict), " " * columns.names
    who, why, width = _who(entry, naming), entry.why, columns.width
    if entry.causes > 1:
        why = f"{entry.causes} reasons, the first: {why}"
    if len(entry.hosts) > 1 and not entry.causes:  # a fold: its names stand where others have their reason
        lead = f"{verdict}{_GAP}{padded(who, columns.who)}{_GAP}"
        names = [naming(host) for host in entry.hosts]
        room = width - cells(lead)
        said = fitted(why, room) if why else names_in(names, room, 1)[0]
        yield Painted(f"{lead}{said}".rstrip(), kind, len(word))
        if why:
            for line in names_in(names, width - len(indent), 1):
                yield Painted(f"{indent}{line}")
        return
    lead = f"{verdict}{_GAP}{padded(who, columns.who)}{_GAP}"
    room = width - cells(lead)
    if room >= min(_LEAST_WORDS, cells(why)) and cells(lead.rstrip()) <= width:
        yield Painted(f"{lead}{fitted(why, room)}".rstrip(), kind, len(word))
    elif cells(f"{verdict}{_GAP}{who}") <= width:
        yield Painted(f"{verdict}{_GAP}{who}", kind, len(word))
        yield Painted(f"{indent}{_GAP}{fitted(why, width - len(indent) - len(_GAP))}".rstrip())
    else:  # the name alone takes the line
        yield Painted(f"{verdict}{_GAP}{fitted(why, width - cells(verdict) - len(_GAP))}".rstrip(), kind, len(word))
        yield Painted(f"{_GAP}{shortened(who, width - len(_GAP))}")
    if len(entry.hosts) > 1:
        names = [naming(host) for host in entry.hosts]
        lead = indent if cells(names[0]) + len(indent) + len(" and 9999 more") <= width else _GAP
        for line in names_in(names, width - len(lead), names_lines):
            yield Painted(f"{lead}{line}")


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
        yield from _folded(title, width, 2, lines=2)
    if not deciding:
        yield from _folded(_why(host), width, 2, lines=2)
    if (rest := len(host.findings) - min(len(deciding), _TITLES)) > 0:
        yield Painted(f"  and {counted(rest, 'further finding')}")
    if then:
        yield from _folded(f"next: {then}", width, 2, lines=3)


def _folded(text: str, width: int, lead: int, *, lines: int) -> Iterator[Painted]:
    """A text in at most so many lines; where it is longer, the last ends in `...`."""
    whole = list(broken(f"{' ' * lead}{text}", width, lead + 2))
    for line in whole[: lines - 1]:
        yield Painted(line)
    if len(whole) == lines:
        yield Painted(whole[-1])
    elif len(whole) > lines:
        yield Painted(fitted(f"{whole[lines - 1]} {whole[lines].strip()} ...", width))


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
    return tuple(Painted(line.replace(_TIED, " ")) for text in last for line in broken(text, width, 2))


def _last(audit: FleetResult, where: Whereabouts, naming: _Naming) -> Iterator[str]:
    yield f"catalogue {tables(audit.terms)}; {probed(audit.summary.coverage)}"
    run = visible(audit.run, _CELL)
    for page in where.pages:
        yield f"report: {visible(page)}"
    if len(where.journals) > 1:
        yield f"run {run}, {len(where.journals)} journals, the first: {visible(where.journals[0])}"
    else:
        yield f"run {run}" + (f", journal: {visible(where.journals[0])}" if where.journals else "")
    if not audit.hosts:
        return
    yield f"all of it: exrun show {run}{where.state}"
    worst = audit.hosts[0]
    if _is_folded(worst):
        client = f" --client {shlex.quote(worst.client)}" if naming.several else ""
        yield f"next: exrun report {run} -f html -o report.html{client}{where.state}"
    elif worst.name.isprintable() and worst.client.isprintable():
        client = f" --client {shlex.quote(worst.client)}" if naming.several else ""
        yield f"next: exrun show {run} --host {shlex.quote(worst.name)}{client}{where.state}"
