"""What several servers have alike is said once: equal findings over servers, and equal lines of their evidence. Pure.

    HostResults -> Alike, each with a number, worst first

Everything in it that a server said is tainted.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from playbooks.findings import Finding
from runner.results import HostFinding, HostResult

__all__ = ["Alike", "Key", "Line", "alike", "called", "key"]

Key = tuple[str, str, Finding]


@dataclass(frozen=True, slots=True)
class Line:
    """A line of evidence. `hosts` are those that have it; empty where all do that have the finding."""

    text: str
    hosts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Alike:
    """One finding that several servers have.

    Attributes:
        number: from 1, by which the page refers to it.
        finding: without its evidence.
        hosts: each that has it, in the order of the rows.
        evidence: each line once.
        beside: by server, the lines that it has and not all of them have.
    """

    number: int
    step: str
    action: str
    finding: Finding
    hosts: tuple[str, ...]
    evidence: tuple[Line, ...]
    beside: Mapping[str, tuple[str, ...]]


def key(found: HostFinding) -> Key:
    """What makes two findings one: all of it but the evidence."""
    return found.step, found.action, _bare(found.finding)


def called(host: HostResult, *, several: bool) -> str:
    """How a server is named where servers of several clients may stand beside each other."""
    return f"{host.client}/{host.name}" if several else host.name


def alike(hosts: Sequence[HostResult]) -> Mapping[Key, Alike]:
    """The findings that more than one of these servers has, by their key: the worst first, then the commonest."""
    several = len({host.client for host in hosts}) > 1
    having: dict[Key, dict[str, list[Finding]]] = {}
    for host in hosts:
        for found in host.findings:
            having.setdefault(key(found), {}).setdefault(called(host, several=several), []).append(found.finding)
    shared = [(each, by) for each, by in having.items() if len(by) > 1]
    shared.sort(key=lambda each: (each[0][2].severity.rank, -len(each[1])))
    return {each: _alike(number, each, by) for number, (each, by) in enumerate(shared, start=1)}


def _alike(number: int, of: Key, by: Mapping[str, Sequence[Finding]]) -> Alike:
    lines = _lines(by)
    beside: dict[str, list[str]] = {}
    for line in lines:
        for host in line.hosts:
            beside.setdefault(host, []).append(line.text)
    return Alike(number, *of, tuple(by), lines, {host: tuple(texts) for host, texts in beside.items()})


def _bare(finding: Finding) -> Finding:
    return replace(finding, evidence=())


def _lines(by: Mapping[str, Sequence[Finding]]) -> tuple[Line, ...]:
    having: dict[str, dict[str, None]] = {}
    for host, findings in by.items():
        for finding in findings:
            for line in finding.evidence:
                having.setdefault(line, {})[host] = None
    lines = [Line(text, () if len(hosts) == len(by) else tuple(hosts)) for text, hosts in having.items()]
    return tuple(sorted(lines, key=lambda line: bool(line.hosts)))
