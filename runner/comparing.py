"""What is otherwise between two audits of one client. Pure: two audits in, what became of each server out.

    Audited, Audited -> Comparison

Verdicts are compared by their rank, as rows are ordered; within one verdict it is findings that came or went. Only what
was seen both times is compared: where less is known than before nothing got better, whatever the verdict says, and
where more is known nothing got worse by that. Such a server is `changed`: which of the two it is cannot be said. By
tables that are older than those before nothing got better either: they know of less to find.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from enum import StrEnum
from types import MappingProxyType

from playbooks.findings import Coverage, Finding, Severity, Verdict
from playbooks.investigating.standing import WELL
from runner.events import RunStarted, StepDue
from runner.results import FleetResult, HostFinding, HostResult, Judged, StepResult
from runner.terms import Ending, Terms

__all__ = [
    "Altered",
    "Audited",
    "Became",
    "Comparison",
    "ServerChange",
    "Side",
    "Unlike",
    "UnlikeIn",
    "compare",
    "in_order_of_time",
]

# Verdicts of which nothing follows: the server may be in any state.
_NOT_KNOWN = frozenset({Verdict.UNKNOWN, Verdict.UNREACHABLE, Verdict.NO_CREDENTIAL, Verdict.NOT_ASKED})
# A server that is none for Exchange now is not a better one: what was judged is not there, or hides.
_NOTHING_JUDGED = frozenset({Verdict.NOT_EXCHANGE, Verdict.NOT_APPLICABLE})


class Became(StrEnum):
    """What became of a server, what asks for a look first."""

    WORSE = "worse"
    CHANGED = "changed"  # it is not as it was, and whether that is better or worse cannot be said
    NEW = "new"  # the earlier audit did not have it
    GONE = "gone"  # the later audit did not have it
    BETTER = "better"
    SAME = "same"  # the same verdict, and nothing that is to be done came or went


class UnlikeIn(StrEnum):
    """In what two audits differ that makes their rows less comparable."""

    PLAYBOOK = "playbook"  # another name, or other bytes under the same
    STEPS = "steps"  # ids of those that the other audit lacks, or has with another action, parameter or condition
    SELECTION = "selection"  # other servers were asked for; None where it is not recorded
    CATALOGUE = "catalogue"  # the day of the tables
    OWN_ROWS = "own-rows"  # how many rows of the user's own judged too
    EXRUN = "exrun"  # the version
    OVERRIDES = "overrides"  # safety defaults that were switched off
    ENDING = "ending"  # one of the two did not come to its end
    NEWER = "newer"  # lines of a journal are of a newer exrun: what they say is not here


@dataclass(frozen=True, slots=True)
class Audited:
    """One audit of one client, as it was asked for and what came of it.

    Attributes:
        began: when, UTC.
        started: how its journal begins.
        audit: holds servers of this client alone.
    """

    client: str
    began: datetime
    started: RunStarted
    audit: FleetResult


@dataclass(frozen=True, slots=True)
class Unlike:
    """One thing in which the audits differ; empty where there is nothing on that side."""

    what: UnlikeIn
    before: tuple[str, ...]
    after: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Altered:
    """A finding that was there both times and says something else now. Both quote the server."""

    before: HostFinding
    after: HostFinding

    @property
    def evidence_gained(self) -> tuple[str, ...]:
        """Lines of evidence that were not there before."""
        return _beyond(self.after.finding, self.before.finding)

    @property
    def evidence_lost(self) -> tuple[str, ...]:
        """Lines of evidence that are not there any more."""
        return _beyond(self.before.finding, self.after.finding)


@dataclass(frozen=True, slots=True)
class Side:
    """A server in one of the audits.

    Attributes:
        why, next: as its row has them; may quote the server.
        product: product, cumulative update and update; empty where that is not known.
        build: empty where that is not known.
        known: steps of the playbook that were answered and could be judged on this server.
        unknown: the others that the playbook has.
    """

    verdict: Verdict
    why: str
    next: str
    product: str
    build: str
    clean_since: date | None
    known: tuple[str, ...]
    unknown: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ServerChange:
    """What became of one server. What findings say may quote it.

    Attributes:
        name: as the later audit has it, or the earlier where that alone does.
        before, after: None where that audit did not have the server.
        appeared: findings of the later audit alone, worst first, those of steps that nobody asked before among them.
        disappeared: findings of the earlier audit alone whose step was answered later, and no longer says them.
        unseen: findings of the earlier audit alone of which nothing is known now: their step was not answered, or is
            not in the later playbook.
        altered: findings of both that do not say the same.
    """

    name: str
    became: Became
    before: Side | None
    after: Side | None
    appeared: tuple[HostFinding, ...] = ()
    disappeared: tuple[HostFinding, ...] = ()
    unseen: tuple[HostFinding, ...] = ()
    altered: tuple[Altered, ...] = ()

    @property
    def differs(self) -> bool:
        """Whether there is anything to be told of it: also of a server that is the same there may be."""
        return (
            self.became is not Became.SAME
            or bool(self.appeared or self.disappeared or self.unseen or self.altered)
            or (self.before is not None and self.after is not None and _told(self.before) != _told(self.after))
        )

    @property
    def may_be_worse(self) -> bool:
        """Whether nobody can say that the later audit knows of nothing worse of it than the earlier did."""
        if self.became is Became.NEW:
            return self.after is not None and self.after.verdict not in WELL
        return self.became in (Became.WORSE, Became.CHANGED)


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two audits of one client.

    Attributes:
        before, after: ids of the runs.
        unlike: in what the audits differ besides their rows.
        servers: each that either has, once: what asks for a look first.
    """

    client: str
    before: str
    after: str
    before_began: datetime
    after_began: datetime
    unlike: tuple[Unlike, ...]
    servers: tuple[ServerChange, ...]

    @property
    def counts(self) -> Mapping[Became, int]:
        """How many servers became what, zero included."""
        found = Counter(each.became for each in self.servers)
        return MappingProxyType({became: found[became] for became in Became})

    @property
    def may_be_worse(self) -> bool:
        """Whether any server is worse, or nobody can say that it is not."""
        return any(each.may_be_worse for each in self.servers)


def in_order_of_time(one: Audited, other: Audited) -> tuple[Audited, Audited]:
    """The earlier, then the later; of two that began together the second one stands first, as an audit before `one`."""
    return (one, other) if one.began < other.began else (other, one)


def compare(before: Audited, after: Audited) -> Comparison:
    """What became of each server from one audit to the other.

    Raises:
        ValueError: they are of two clients, or one holds a server of another.
    """
    clients = {before.client, after.client} | {host.client for each in (before, after) for host in each.audit.hosts}
    if len(clients) > 1:
        raise ValueError("two audits of one client are needed, of one client only")
    was, now = _due(before.started), _due(after.started)
    changes = [_pair(old, new, was, now) for old, new in _pairs(before.audit.hosts, after.audit.hosts)]
    if _knows_less(after.audit.terms, before.audit.terms):
        changes = [replace(each, became=Became.CHANGED) if each.became is Became.BETTER else each for each in changes]
    return Comparison(
        client=after.client,
        before=before.audit.run,
        after=after.audit.run,
        before_began=before.began,
        after_began=after.began,
        unlike=tuple(_unlike(before, after)),
        servers=tuple(sorted(changes, key=_first_to_look_at)),
    )


def _knows_less(terms: Terms, than: Terms) -> bool:
    """Whether the tables are older, or lack rows: what they do not find may be there as before."""
    rows, others = (0 if each.own_rows is None else each.own_rows.count for each in (terms, than))
    return terms.as_of < than.as_of or rows < others


def _first_to_look_at(change: ServerChange) -> tuple[int, int, str, str]:
    rank = min(side.verdict.rank for side in (change.after, change.before) if side is not None)
    if change.after is not None:
        rank = change.after.verdict.rank
    return list(Became).index(change.became), rank, change.name.casefold(), change.name


def _pairs(
    before: Sequence[HostResult], after: Sequence[HostResult]
) -> Iterable[tuple[HostResult | None, HostResult | None]]:
    """Each server once, by its name in any case, as Windows has it; where that makes one of two, as it is spelt."""
    folded = all(len({host.name.casefold() for host in side}) == len(side) for side in (before, after))

    def key(host: HostResult) -> str:
        return host.name.casefold() if folded else host.name

    old, new = ({key(host): host for host in side} for side in (before, after))
    return [(old.get(name), new.get(name)) for name in {**old, **new}]


_Step = tuple[str, str]  # id and action: under one id another action is another step


def _due(started: RunStarted) -> tuple[_Step, ...]:
    return tuple((step.id, step.action) for step in started.steps)


def _known(host: HostResult) -> frozenset[_Step]:
    """The steps that were answered and could be judged."""
    steps = host.steps if isinstance(host, Judged) else ()
    return frozenset((step.step, step.action) for step in steps if not _is_open(step))


def _is_open(step: StepResult) -> bool:
    return step.assessment.verdict in _NOT_KNOWN or step.assessment.coverage is Coverage.NOT_KNOWABLE


def _side(host: HostResult, due: Sequence[_Step]) -> Side:
    known = _known(host)
    return Side(
        verdict=host.verdict,
        why=host.why,
        next=host.next,
        product=host.product,
        build=host.build,
        clean_since=host.clean_since,
        known=tuple(step for step, action in due if (step, action) in known),
        unknown=tuple(step for step, action in due if (step, action) not in known),
    )


def _told(side: Side) -> tuple[object, ...]:
    return side.verdict, side.product, side.build, side.clean_since, side.known, side.unknown


def _pair(old: HostResult | None, new: HostResult | None, was: Sequence[_Step], now: Sequence[_Step]) -> ServerChange:
    if old is not None and new is not None:
        return _change(old, new, was, now)
    if old is not None:
        return ServerChange(old.name, Became.GONE, _side(old, was), None, unseen=old.findings)
    assert new is not None  # one of the two audits has it
    return ServerChange(new.name, Became.NEW, None, _side(new, now), appeared=new.findings)


def _change(before: HostResult, after: HostResult, was: Sequence[_Step], now: Sequence[_Step]) -> ServerChange:
    gained, lost, altered = _findings(before.findings, after.findings)
    known = _known(after)
    return ServerChange(
        name=after.name,
        became=_became(before, after, frozenset(was) & frozenset(now), (gained, lost, altered)),
        before=_side(before, was),
        after=_side(after, now),
        appeared=gained,
        disappeared=tuple(each for each in lost if _step(each) in known),
        unseen=tuple(each for each in lost if _step(each) not in known),
        altered=altered,
    )


_Findings = tuple[tuple[HostFinding, ...], tuple[HostFinding, ...], tuple[Altered, ...]]


def _became(before: HostResult, after: HostResult, shared: frozenset[_Step], findings: _Findings) -> Became:
    """What two rows of one server come to. Swapped, better is worse and worse is better, and the rest is as it is."""
    gained, lost, altered = findings
    may_be_better = after.verdict not in _NOT_KNOWN and _spoke(before) | {*map(_step, lost)} <= _known(after)
    may_be_worse = before.verdict not in _NOT_KNOWN and _spoke(after) | {*map(_step, gained)} <= _known(before)
    if before.verdict is after.verdict:
        signs = {*_by_findings(gained, lost, altered), *_by_reach(before, after, shared)}
    elif {before.verdict, after.verdict} & _NOTHING_JUDGED:
        signs = {Became.CHANGED}
    else:
        signs = {Became.BETTER if after.verdict.rank > before.verdict.rank else Became.WORSE}
    if not signs:
        return Became.SAME
    if signs == {Became.BETTER} and may_be_better:
        return Became.BETTER
    return Became.WORSE if signs == {Became.WORSE} and may_be_worse else Became.CHANGED


def _spoke(host: HostResult) -> frozenset[_Step]:
    """The steps that were answered, and those that say something is wrong without having learnt all."""
    steps = host.steps if isinstance(host, Judged) else ()
    said = {(step.step, step.action) for step in steps if step.assessment.verdict not in _NOT_KNOWN | WELL}
    return _known(host) | said


def _by_findings(
    gained: Iterable[HostFinding], lost: Iterable[HostFinding], altered: Iterable[Altered]
) -> Iterable[Became]:
    """What findings say within one verdict; those that ask for nothing say nothing."""
    if any(_counts(each.finding) for each in gained):
        yield Became.WORSE
    if any(_counts(each.finding) for each in lost):
        yield Became.BETTER
    for each in altered:
        old, new = each.before.finding, each.after.finding
        if new.severity is not old.severity:
            yield Became.WORSE if new.severity.rank < old.severity.rank else Became.BETTER
        elif _counts(new) and sorted(_seen(new)) != sorted(_seen(old)):
            yield Became.CHANGED


def _by_reach(before: HostResult, after: HostResult, shared: frozenset[_Step]) -> Iterable[Became]:
    """What the steps that both playbooks have say by being answered or not, and being called clean or not any more."""
    was, now = _known(before) & shared, _known(after) & shared
    if was - now:
        yield Became.WORSE
    if now - was:
        yield Became.BETTER
    if (before.clean_since is None) != (after.clean_since is None):
        yield Became.WORSE if after.clean_since is None else Became.BETTER


def _counts(finding: Finding) -> bool:
    return finding.severity is not Severity.INFO


def _step(found: HostFinding) -> _Step:
    return found.step, found.action


def _findings(before: Iterable[HostFinding], after: Iterable[HostFinding]) -> _Findings:
    """Those that are gained, lost, and of both but not the same. Of one step and id there may be several."""
    old, new = _by_identity(before), _by_identity(after)
    gained: list[HostFinding] = []
    lost: list[HostFinding] = []
    altered: list[Altered] = []
    for each in {**new, **old}:
        was, now = _without(old.get(each, ()), new.get(each, ())), _without(new.get(each, ()), old.get(each, ()))
        altered += [Altered(one, other) for one, other in zip(was, now, strict=False)]
        lost += was[len(now) :]
        gained += now[len(was) :]
    return (
        tuple(sorted(gained, key=_in_full)),
        tuple(sorted(lost, key=_in_full)),
        tuple(sorted(altered, key=lambda each: (_in_full(each.after), _in_full(each.before)))),
    )


def _by_identity(findings: Iterable[HostFinding]) -> Mapping[tuple[str, str, str], list[HostFinding]]:
    found: dict[tuple[str, str, str], list[HostFinding]] = {}
    for each in findings:
        found.setdefault((each.step, each.action, each.finding.id), []).append(each)
    return found


def _without(these: Iterable[HostFinding], those: Iterable[HostFinding]) -> list[HostFinding]:
    """These, less each of those once, in an order of their own."""
    left = Counter(map(_says, those))
    kept = []
    for each in sorted(these, key=_in_full):
        if left[_says(each)]:
            left[_says(each)] -= 1
        else:
            kept.append(each)
    return kept


def _says(found: HostFinding) -> tuple[int, tuple[str, ...]]:
    """What makes a finding another one: a title may count days, and a next step be worded anew."""
    return found.finding.severity.rank, tuple(sorted(_seen(found.finding)))


def _seen(finding: Finding) -> tuple[str, ...]:
    """The evidence, but for the day of the tables, which is no evidence: what differs by it alone is the same."""
    return tuple(_TABLES.sub("", line) for line in finding.evidence)


_TABLES = re.compile(r"(?<=\bcatalogue )(?:as )?of \d{4}-\d{2}-\d{2}")


def _in_full(found: HostFinding) -> tuple[object, ...]:
    finding = found.finding
    return finding.severity.rank, found.step, found.action, finding.id, finding.title, finding.evidence, finding.next


def _beyond(this: Finding, that: Finding) -> tuple[str, ...]:
    """The lines of evidence that only one has."""
    left = Counter(_seen(that))
    found = []
    for line, seen in zip(this.evidence, _seen(this), strict=True):
        if left[seen]:
            left[seen] -= 1
        else:
            found.append(line)
    return tuple(found)


def _unlike(before: Audited, after: Audited) -> Iterable[Unlike]:
    was, now = _terms(before, after), _terms(after, before)
    for what in UnlikeIn:
        shared = was[what] == now[what]
        # That neither came to its end, or can be read whole, makes them no more comparable than one that did not.
        if not shared or (what is UnlikeIn.ENDING and was[what] != _COMPLETE) or (what is UnlikeIn.NEWER and was[what]):
            yield Unlike(what, was[what], now[what])


_COMPLETE = (Ending.COMPLETE.value,)


def _terms(audited: Audited, other: Audited) -> Mapping[UnlikeIn, tuple[str, ...]]:
    started, terms = audited.started, audited.audit.terms
    others = {step.id: _asks(step) for step in other.started.steps}
    playbook = started.playbook
    return {
        UnlikeIn.PLAYBOOK: (playbook.name, playbook.sha256),
        UnlikeIn.STEPS: tuple(step.id for step in started.steps if others.get(step.id) != _asks(step)),
        UnlikeIn.SELECTION: () if started.selection is None else (started.selection,),
        UnlikeIn.CATALOGUE: (terms.as_of.isoformat(),),
        UnlikeIn.OWN_ROWS: () if terms.own_rows is None else (str(terms.own_rows.count),),
        UnlikeIn.EXRUN: (started.exrun,),
        UnlikeIn.OVERRIDES: tuple(sorted(map(str, terms.overrides))),
        UnlikeIn.ENDING: (terms.end.how.value,),
        UnlikeIn.NEWER: (str(terms.newer),) if terms.newer else (),
    }


def _asks(step: StepDue) -> tuple[object, ...]:
    """What a step is, but for the text that is sent for it, which is another with each version of exrun."""
    return step.action, dict(step.params), step.when
