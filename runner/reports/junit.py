"""The audit as JUnit XML, for what collects results of tests: a suite a client, a case a server, and one each step.

    failure    something is to be done
    error      it is not known: unreachable, no credential, not asked, or a step that could not be judged
    skipped    the step does not concern this server
    passed     nothing is to be done

A server has a case of its own beside those of its steps, so that one without any is there too. A suite has failures or
errors exactly where the exit status of its servers is not 0, and errors where that is 3.

The form is the one that Jenkins, GitLab and Azure DevOps read; XML's own reader refuses control characters, so they
are spelt out.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from xml.etree import ElementTree
from xml.etree.ElementTree import Element, SubElement

from playbooks.findings import Assessment, Severity, Verdict
from playbooks.investigating.standing import WELL
from runner.reports.wording import tables
from runner.results import FleetResult, HostResult, Judged, Outcome, StepResult, is_open
from runner.terminal import visible

LIMIT = 4000  # characters of one text; JSON has all
SERVER = "server"  # the name of a server's own case
_BESIDE = frozenset({Verdict.NOT_APPLICABLE, Verdict.NOT_EXCHANGE})
_NO_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")  # XML 1.0, 2.2 Characters


@dataclass(frozen=True, slots=True)
class JunitReport:
    """One document, whatever the number of clients."""

    def render(self, audit: FleetResult) -> str:
        """See Report."""
        root = Element("testsuites", name=text(f"exrun {audit.run}"))
        for client in dict.fromkeys(host.client for host in audit.hosts):
            _suite(SubElement(root, "testsuite"), client, audit)
        count(root)
        return written(root)


def written(root: Element) -> str:
    """The whole document."""
    ElementTree.indent(root)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{ElementTree.tostring(root, encoding="unicode")}\n'


def _suite(suite: Element, client: str, audit: FleetResult) -> None:
    hosts = [host for host in audit.hosts if host.client == client]
    suite.set("name", text(client) or "-")
    terms = audit.terms
    properties(
        suite,
        [
            ("run", audit.run),
            ("catalogue", tables(terms)),
            ("judged_on", str(terms.today)),
            ("end", terms.end.how.value),
            *(("finding", f"{found.severity}: {found.title}. {found.next}") for found in terms.findings),
        ],
    )
    for host in hosts:
        _server(suite, host)
        for step in host.steps if isinstance(host, Judged) else ():
            _step(suite, host, step)
    count(suite)


def _server(suite: Element, host: HostResult) -> None:
    case = case_of(suite, host.client, host.name, SERVER, host.seconds)
    properties(
        case,
        [
            ("verdict", host.verdict.value),
            ("outcome", host.outcome.value),
            ("address", f"{host.address}:{host.listed.port}" if host.address else ""),
            ("product", host.product),
            ("build", host.build),
            ("clean_since", str(host.clean_since or "")),
            ("logs_since", str(host.logs_since or "")),
            *(("group", group) for group in host.listed.groups),
            *((f"label {name}", ", ".join(values)) for name, values in host.labels.items()),
        ],
    )
    match host.outcome:
        case Outcome.COMPLIANT:
            pass
        case Outcome.FINDINGS:
            came(case, "failure", host.verdict.value, host.why, [host.next])
        case Outcome.UNKNOWN | Outcome.UNREACHABLE | Outcome.FAILED:
            came(case, "error", host.verdict.value, host.why, [host.next])


def _step(suite: Element, host: HostResult, step: StepResult) -> None:
    said = step.assessment
    case = case_of(suite, host.client, host.name, step.step, 0.0)
    cves = dict.fromkeys(cve for found in said.findings for cve in found.cves)
    kbs = dict.fromkeys(kb for found in said.findings for kb in found.kbs)
    properties(
        case,
        [
            ("action", step.action),
            ("verdict", said.verdict.value),
            ("coverage", said.coverage.value),
            *(("finding", found.id) for found in said.findings),
            *(("cve", cve) for cve in cves),
            *(("kb", kb) for kb in kbs),
        ],
    )
    kind = _kind(said)
    if kind:
        came(case, kind, said.verdict.value, said.summary, _told(said))
    elif told := "\n".join(map(text, _told(said))):
        SubElement(case, "system-out").text = told


def _kind(said: Assessment) -> str:
    """What a step comes to, as its server's outcome counts it (runner/results.py)."""
    if is_open(said):
        return "error"
    if said.verdict in _BESIDE and not said.findings:
        return "skipped"
    if said.verdict in WELL and all(found.severity is Severity.INFO for found in said.findings):
        return ""
    return "failure"


def _told(said: Assessment) -> Iterator[str]:
    for found in said.findings:
        yield f"[{found.severity}] {found.id}: {found.title}"
        yield from (f"  {line}" for line in found.evidence)
        if found.next:
            yield f"  next: {found.next}"


def case_of(suite: Element, client: str, host: str, name: str, seconds: float) -> Element:
    """A case of a server; `name` is tainted as well."""
    names = {"classname": f"{client}/{host}", "name": name}
    return SubElement(
        suite, "testcase", {key: text(value) for key, value in names.items()} | {"time": f"{seconds:.3f}"}
    )


def came(case: Element, kind: str, what: str, why: str, told: Iterable[str]) -> None:
    """How a case came out: `failure`, `error` or `skipped`; by a word of ours, why, and what is to be known."""
    element = SubElement(case, kind, type=what, message=text(why))
    element.text = "\n".join(text(line) for line in told if line)


def properties(of: Element, named: Iterable[tuple[str, str]]) -> None:
    """Names and values, tainted; what has no value is left out."""
    found = [(name, value) for name, value in named if value]
    if found:
        inside = SubElement(of, "properties")
        for name, value in found:
            SubElement(inside, "property", name=text(name), value=text(value))


def count(of: Element) -> None:
    """Says of a suite, or of all, how many cases stand in it, and how they came out."""
    found = list(of.iter("testcase"))
    of.set("tests", str(len(found)))
    for name, kind in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
        of.set(name, str(sum(case.find(kind) is not None for case in found)))
    of.set("time", f"{sum(float(case.get('time', 0)) for case in found):.3f}")


def text(tainted: str) -> str:
    """A text that XML may hold."""
    return _NO_XML.sub("\ufffd", visible(tainted, LIMIT))
