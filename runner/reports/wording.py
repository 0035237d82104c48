"""What verdicts, outcomes and totals are called before people; programs get the values of the enumerations."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from types import MappingProxyType
from typing import Literal

from playbooks.findings import Verdict
from playbooks.investigating.standing import WELL
from runner.results import CoverageCount, FleetResult, Outcome, Summary
from runner.terminal import visible
from runner.terms import Ending, Terms
from texts.counting import counted

MEANING: Mapping[Verdict, str] = MappingProxyType(
    {
        Verdict.COMPROMISED: "Somebody was inside: what was read shows it. Act tonight, patched or not.",
        Verdict.SUSPICIOUS: "Something was found that no clean server has. Find out tonight whether somebody was "
        "inside; until then act as if.",
        Verdict.VULNERABLE: "A fix exists for what this server runs, and it is not installed.",
        Verdict.NEEDS_CU: "The catalogue lists no fix for its cumulative update: a newer one must be installed first.",
        Verdict.HALF_INSTALLED: "The places that show whether the fix is in disagree: count it as not fixed.",
        Verdict.UNREACHABLE: "The audit tried and could not speak with it. It may be in any state.",
        Verdict.NO_CREDENTIAL: "There was no password or ticket to log on with, so nothing was tried. "
        "It may be in any state.",
        Verdict.NOT_ASKED: "The audit did not ask it: the run ended before, or left it out. It may be in any state.",
        Verdict.UNKNOWN: "It was asked, but something that the judgement needs could not be read.",
        Verdict.PROBED: "Somebody tried an attack here, and nothing that was read shows that it came further.",
        Verdict.OUT_OF_SUPPORT: "Microsoft no longer makes security updates for it.",
        Verdict.BEHIND: "Nothing worse was found, but a newer update than its own is out and not installed.",
        Verdict.NOT_CURRENT: "Nothing was found, but by tables so old that updates and attacks since then are missing "
        "from them: nobody can call it current.",
        Verdict.ATTENTION: "It works, but something wants doing.",
        Verdict.NEWER_THAN_CATALOGUE: "Newer than this audit's tables: neither good nor bad is known of it.",
        Verdict.OK: "Nothing was found by what was asked. Of attacks and updates it says no more than the catalogue "
        "of {day} knows.",
        Verdict.NOT_EXCHANGE: "No Exchange Server is installed there.",
        Verdict.NOT_APPLICABLE: "What was asked does not concern it.",
    }
)


CLEAN = (
    "Nothing of an intruder was found by any step, and the logs reach back to that day. Nothing is known of the days "
    "before it, of what no step looks for, or of an intruder who changed the logs."
)
_GRAVE = frozenset(
    {Verdict.COMPROMISED, Verdict.SUSPICIOUS, Verdict.VULNERABLE, Verdict.NEEDS_CU, Verdict.HALF_INSTALLED}
)


def tone(verdict: Verdict) -> Literal["grave", "open", "well"]:
    """How a verdict is coloured: act tonight, look into it, or nothing to do."""
    if verdict in _GRAVE:
        return "grave"
    return "well" if verdict in WELL else "open"


def in_a_cell(verdict: Verdict, clean_since: date | None) -> str:
    """`clean since 2026-10-28`, `behind, clean since 2026-10-28`; the verdict alone where that is not said."""
    if clean_since is None:
        return verdict.value
    clean = f"clean since {clean_since}"
    return clean if verdict is Verdict.OK else f"{verdict}, {clean}"


def totals(summary: Summary) -> str:
    """`12 servers: 3 vulnerable, 1 unreachable, 8 ok`, worst first; verdicts that no server has are left out."""
    found = ", ".join(f"{count} {verdict}" for verdict, count in summary.verdicts.items() if count)
    return f"{counted(summary.hosts, 'server')}: {found}" if found else "no servers"


def tables(terms: Terms) -> str:
    """Which tables judged: `as of 2026-11-27`, and with how many rows of the user's own."""
    own = terms.own_rows
    beside = "" if own is None else f", with {counted(own.count, 'own row')} of {visible(own.folder, 80)}"
    return f"as of {terms.as_of.isoformat()}{beside}"


def probed(coverage: CoverageCount) -> str:
    """How much of what was to be asked is known from the servers themselves."""
    if not coverage.steps:
        return "nothing was to be probed"
    share = 100 * coverage.probed // coverage.steps  # rounded down: 100 % means all
    rest = [
        f"{count} {name}"
        for count, name in ((coverage.predicted, "predicted"), (coverage.not_knowable, "not knowable"))
        if count
    ]
    return f"{coverage.probed} of {counted(coverage.steps, 'check')} probed ({share} %)" + "".join(
        f", {part}" for part in rest
    )


def meaning(verdict: Verdict, audit: FleetResult) -> str:
    """What a verdict says, and with `ok` by the catalogue of which day."""
    return MEANING[verdict].format(day=audit.terms.as_of)


def headline(audit: FleetResult) -> str:
    """The few sentences that a manager reads."""
    summary = audit.summary
    if not summary.hosts:
        return "No server was audited."
    hosts = counted(summary.hosts, "server")
    unasked = summary.verdicts[Verdict.NOT_ASKED] + summary.verdicts[Verdict.NO_CREDENTIAL]
    judged = summary.outcomes[Outcome.COMPLIANT] + summary.outcomes[Outcome.FINDINGS]
    wanting = summary.outcomes[Outcome.FINDINGS]
    sentences = []
    if audit.terms.end.how is not Ending.COMPLETE:
        sentences.append("The run did not come to its end.")
    inside = summary.verdicts[Verdict.COMPROMISED]
    clean = sum(host.clean_since is not None for host in audit.hosts)
    if inside:
        sentences.append(f"Somebody was inside {inside} of {hosts}.")
    if wanting:
        sentences.append(f"{wanting} of {hosts} {'needs' if wanting == 1 else 'need'} something done.")
    if unasked:
        sentences.append(f"{unasked} of {hosts} {'was' if unasked == 1 else 'were'} not asked.")
    if judged + unasked < summary.hosts:
        sentences.append(f"{summary.hosts - judged - unasked} of {hosts} could not be judged completely.")
    if clean:
        sentences.append(f"On {clean} of {hosts} nothing of an intruder was found, since the day in the row.")
    if not wanting and judged == summary.hosts:
        sentences.append(f"Nothing was found on {hosts} by the catalogue of {audit.terms.as_of}.")
    if any(finding.id.startswith("run.catalogue") for finding in audit.terms.findings):
        sentences.append(f"The catalogue that judged is {audit.terms.days} days old.")
    return " ".join(sentences)
