"""The screens that docs/explanation/what-you-see.md shows, made by what makes them for users, of fleets of any size.

`python -m tests.runner.reports.screens` writes them into the page; test_screens.py fails when they are no longer true.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import date
from pathlib import Path

from rich.console import Console

from playbooks.findings import Assessment, Coverage, Finding, Severity, Verdict
from runner.applied import AppliedHost, AppliedStep
from runner.cli.apply_work import APPLYING
from runner.cli.live_progress import LiveProgress
from runner.cli.progress import AUDITING, Words
from runner.moves import Outcome
from runner.plan.records import Plan, StepPlan
from runner.reports.applied import AppliedRun, document
from runner.reports.applied_glance import applied_text
from runner.reports.glance import GlanceReport, Whereabouts
from runner.reports.plan_glance import plan_screen
from runner.reports.typed_next import Begun, approve, resume
from runner.results import FleetResult, HostResult, NotReached, StepResult, fleet_result, judged
from runner.terms import End, Ending, Terms
from runner.transport.failures import Cause, Failure
from tests.runner.changeable import Applied
from tests.runner.fleets import host as named
from tests.runner.reports.board import board_plan

PAGE = Path(__file__).resolve().parents[3] / "docs" / "explanation" / "what-you-see.md"
BLOCK = re.compile(r"<!-- screen: (?P<name>[\w-]+) -->\n\n(?P<text>(?:(?:    [^\n]*)?\n)*?)(?=[^ \n]|\Z)")
RUN = "2026-11-28t012323z-df68"
DAY = date(2026, 10, 1)
INVENTORY = Begun(("inventory.yml",))
ALPHA = Whereabouts((f".exrun/alpha/runs/{RUN}/journal.jsonl",), (), INVENTORY)
SHELL = "C:\\inetpub\\wwwroot\\aspnet_client\\supp0rt.aspx"
INSTALL = "Install Sep26SU (15.2.1544.46, KB5121610)"


def _judged(
    name: str, update: str, verdict: Verdict, summary: str, title: str = "", then: str = "", *, grave: bool = True
) -> HostResult:
    severity = Severity.CRITICAL if grave else Severity.MEDIUM
    found = (Finding(f"example.{verdict}", severity, title, (summary,), then),) if title else ()
    facts = {"product": "2019", "cu": "CU14", "update": update}
    said = Assessment(verdict, summary, found, facts, Coverage.PROBED)
    return judged(name, "alpha", [StepResult("patch", "exchange.patch", said)], 8, 1.5)


def server(number: int) -> HostResult:
    """The same server for the same number; of a hundred one is compromised, nine vulnerable, some silent, most well."""
    name = f"EX{number:04}" if number % 25 else f"mbx-{number:04}.frankfurt.contoso.example"
    match number % 100:
        case 7:
            return _judged(
                name, "Mar24SU", Verdict.COMPROMISED, f"1 web shell: {SHELL}",
                f"A web shell that runs what it is sent: {SHELL}",
                "Isolate the server, keep the file, and find out since when it is there",
            )  # fmt: skip
        case 1 | 11 | 21 | 31 | 41 | 51 | 61:
            why = "aug-2026: 15.2.1544.9 is below 15.2.1544.44; 13 updates and 30 months behind Sep26SU"
            return _judged(name, "Mar24SU", Verdict.VULNERABLE, why, "Vulnerable to aug-2026", INSTALL)
        case 71 | 81:
            why = "aug-2026, hybrid-2025-53786: 15.2.1544.25 is below 15.2.1544.44; 6 updates behind Sep26SU"
            return _judged(name, "May25SU", Verdict.VULNERABLE, why, "Vulnerable to aug-2026", INSTALL)
        case 5 | 55:
            why = Failure(Cause.TIMEOUT, "no answer in 30 s", "Check the firewall, and that WinRM listens")
            return NotReached(name, "alpha", why, 1, 1, 30.0)
        case 25:
            why = Failure(Cause.AUTHENTICATION, "the host refused the log-on", "Check the account of its credential")
            return NotReached(name, "alpha", why, 1, 2, 0.4)
        case 13 | 33 | 53:
            pending = "a restart is pending: ComponentBasedServicing, WindowsUpdate"
            return _judged(
                name, "Sep26SU", Verdict.ATTENTION, pending, "A restart is pending", "Restart it", grave=False
            )
        case 17:
            said = f"services needed: 1 disabled (MSExchangeTransport), since {number} days"
            return _judged(name, "Sep26SU", Verdict.ATTENTION, said, "A service is disabled", "Enable it", grave=False)
        case _:
            return _judged(name, "Sep26SU", Verdict.OK, "every campaign of the catalogue of 2026-10-01 is fixed")


def fleet(count: int) -> FleetResult:
    """So many servers of one client."""
    return fleet_result(RUN, Terms(DAY, DAY), [server(number) for number in range(1, count + 1)])


def audit_screen(count: int, width: int) -> str:
    return GlanceReport(width, where=ALPHA).render(fleet(count))


def plan(count: int) -> Plan:
    """A plan of so many servers: most have one of two services disabled, some a web shell, some no answer."""
    board = board_plan()
    two, shell_too, _, predicted, unknown, refused, _ = board.hosts
    hosts = []
    for number in range(1, count + 1):
        match number % 20:
            case 3:
                host = shell_too
            case 7:
                host = refused
            case 11:
                host = unknown
            case 13:
                host = predicted
            case 1 | 2 | 5 | 6 | 9:
                host = two
            case _:
                continue
        hosts.append(replace(host, host=f"EX{number:04}", address=f"ex{number:04}.contoso.example"))
    return replace(board, hosts=tuple(hosts))


def plan_screen_of(count: int, width: int) -> str:
    last = (
        "Written to plan.json.",
        "all of it: exrun show plan.json --diff --scripts",
        f"next: {approve('plan.json', Begun(policy='policy.yml'))}",
    )
    return "\n".join(plan_screen(plan(count), "ab" * 32, width, "exrun show plan.json", last))


def applied_screen_of(count: int, width: int) -> str:
    """Of every ten servers one is lost while it is changed, one refuses; a tenth was never begun."""
    fates = {4: "breaks", 7: "lost-before"}
    each = [Applied(steps=2, name=f"EX{number:04}") for number in range(1, count + 1)]
    begun = each[: -(count // 10) or None]
    for number, one in enumerate(begun):
        one.server.fate = [fates[number % 25]] if number % 25 in fates else []  # type: ignore[list-item]
    rows = [one.session() for one in begun]
    spent = End(Ending.BUDGET, "the failure budget is spent: 10% of the servers failed", "See to them")
    end = spent if len(begun) < count else End()
    steps = tuple(StepPlan(name, "test.change", "c" * 64, each[0].on_failure, None, "k" * 64) for name in ("s0", "s1"))
    made = replace(board_plan(), policy=None, hosts=tuple(one.plan for one in each), steps=steps)
    states = [state for one in begun if (state := one.state()) is not None]
    progress = {name: found for state in states for name, found in state.hosts.items()}
    waves = [
        [one.name for one in each[:1]],
        [one.name for one in each[1 : count // 2]],
        [one.name for one in each[count // 2 :]],
    ]
    found = document(AppliedRun(RUN, made, "ab" * 32, rows, progress, end, waves))
    return applied_text(found, width, "" if end == End() else resume(RUN, INVENTORY), INVENTORY, colour=False)


def during(words: Words, count: int, width: int, height: int) -> str:
    """The lines while a run goes on, of a clock that stands: three fifths have ended, and 32 are in work."""
    now = 0.0
    console = Console(file=io.StringIO(), force_terminal=True, width=width, height=height, color_system=None)
    live = LiveProgress(console, count, words, clock=lambda: now)
    hosts = [named(row.name) for row in fleet(count).hosts]
    hosts.sort(key=lambda host: host.name)
    done = count * 3 // 5
    if words is not AUDITING:
        live.wave_begins(3, 3, [host.name for host in hosts])
        live.waits("EX0190 and 8 more waits for dag DAG2")
    rows = {row.name: row for row in fleet(count).hosts}
    outcomes = {host.name: fated(host.name, number) for number, host in enumerate(hosts)}
    for host in hosts[:done]:
        live.started(host)
        live.ended(rows[host.name] if words is AUDITING else outcomes[host.name])
    doing = ("connect", "log on", "collect version and 3 more") if words is AUDITING else (
        "reboot", "apply services", "verify services"
    )  # fmt: skip
    for number, host in enumerate(hosts[done : done + min(32, count - done)]):
        now = 60.0 + 2 * number
        live.started(host)
        live.doing(host, doing[number % len(doing)])
    now = 125.0
    return "\n".join(line.plain for line in live.__rich_console__(console, console.options))


def fated(name: str, number: int) -> AppliedHost:
    outcome = Outcome.FAILED if number % 25 == 4 else Outcome.CHANGED
    return AppliedHost(name, "alpha", (AppliedStep("services", outcome, ""),), None, 8, 1.0)


SCREENS: Mapping[str, Callable[[], str]] = {
    "audit-8-80": lambda: audit_screen(8, 80),
    "audit-200-80": lambda: audit_screen(200, 80),
    "audit-2000-120": lambda: audit_screen(2000, 120),
    "during-audit-8-80": lambda: during(AUDITING, 8, 80, 24),
    "during-audit-2000-120": lambda: during(AUDITING, 2000, 120, 40),
    "during-apply-200-80": lambda: during(APPLYING, 200, 80, 24),
    "plan-200-80": lambda: plan_screen_of(200, 80),
    "plan-2000-200": lambda: plan_screen_of(2000, 200),
    "apply-8-80": lambda: applied_screen_of(8, 80),
    "apply-200-80": lambda: applied_screen_of(200, 80),
}


def indented(text: str) -> str:
    """As a block of Markdown."""
    return "".join(f"    {line}".rstrip() + "\n" for line in text.splitlines())


def written(page: str) -> str:
    """The page with every screen as it is now."""
    return BLOCK.sub(lambda found: f"<!-- screen: {found['name']} -->\n\n{indented(SCREENS[found['name']]())}\n", page)


if __name__ == "__main__":
    PAGE.write_text(written(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
