"""The last part of `exrun lab demo`: March 2021 on six servers of one client, from the first audit to the report.

Each command is the one that a user would run, in a process of its own. What it says of each server is held against the
servers' files, and what the servers are in the end against what they were and what was planned.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from playbooks.findings import Verdict
from runner.cli.demo_approval import KEY, policy_of
from runner.exit_status import ExitStatus
from runner.lab.demo.expectations import Expected, differences
from runner.lab.demo.planting import PAGE, SERVER
from runner.lab.server import Lab
from runner.lab.state import HostState
from runner.replay import replay
from runner.results import HostResult
from runner.runs import LAST, ClientRun, find_run, read_run

CLIENT = "northwind"
INVESTIGATE = "exchange-investigate"
RESPOND = "exchange-proxylogon-respond"
REPORT = "investigation.html"
AFTERWARDS = "afterwards.html"
# Isolated and confirmed; isolated in vain, for it lets nobody in any more from where it is managed; and only exposed.
ISOLATED, REVERTED, EXPOSED = SERVER, f"{CLIENT}/MAIL2", f"{CLIENT}/MAIL3"
_SHELL = "webshell.scan.malicious"
_RULE = "X-BEResource"


@dataclass
class March:
    """The story of one client.

    Attributes:
        folder: inventory, state and reports.
        pace: options of every command.
        judged: the option that judges as on the fleet's day.
        known: options that every command takes: what lies on clean servers.
        run: runs `exrun` with these arguments, and gives its exit status.
        say: prints a line.
        wrong: a line for each thing that is not as it has to be.
    """

    lab: Lab
    folder: Path
    pace: Sequence[str]
    judged: Sequence[str]
    known: Sequence[str]
    run: Callable[[Sequence[str]], int]
    say: Callable[[str], None]
    wrong: list[str] = field(default_factory=list)

    def go(self, expected: Mapping[str, Expected]) -> None:
        """All of it.

        Args:
            expected: what the investigation says of each server.
        """
        self.say("\nMarch 2021. Which servers are exposed?")
        self._audit([], ExitStatus.FINDINGS)
        self.say("\nWas somebody inside?")
        self._investigate(REPORT)
        self.wrong += differences(replay([part.state for part in self._last()]), expected)
        before = self._states()
        self._respond()
        self._compare(before, self._states())
        self.say("\nAnd now? A mitigation is no patch, and removing a web shell makes no password secret again.")
        self._investigate(AFTERWARDS)
        self._judge_again()

    def _respond(self) -> None:
        self.say("\nCut off where somebody was inside, clean, and hold the door: planned first.")
        policy = policy_of(self.folder, CLIENT, self.say)
        plan, common = str(self.folder / "respond.json"), (*self._inventory, *self.known)
        names = " or ".join(key.partition("/")[2] for key in (ISOLATED, REVERTED, EXPOSED))
        asked = ["plan", RESPOND, names, "-o", plan, "--param", "domain_controllers=10.20.0.10"]
        self._exrun([*asked, *common, *self._state, *policy, *self.pace], ExitStatus.FINDINGS)
        if policy:
            self._exrun(["approve", plan, "--key", str(self.folder / KEY), *policy], ExitStatus.WELL)
        self.say("\nThe clock of these servers runs fast, so that nobody waits long for a deadline.")
        applied = ["apply", plan, *common, *policy, *self._state, *self.pace[:2]]
        self._exrun(applied, ExitStatus.NOT_ALL_JUDGED)

    def _compare(self, before: Mapping[str, HostState], after: Mapping[str, HostState]) -> None:
        """What the servers are once the plan was run."""
        if not _is_cut_off(after[ISOLATED]):
            self.wrong.append(f"{ISOLATED} is not isolated")
        if PAGE in after[ISOLATED].files:
            self.wrong.append(f"{ISOLATED} has the web shell still")
        if {each.stands for each in after[ISOLATED].guards.values()} != {"confirmed"}:
            self.wrong.append(f"{ISOLATED} was not confirmed")
        if after[REVERTED].firewall != before[REVERTED].firewall or _is_cut_off(after[REVERTED]):
            self.wrong.append(f"{REVERTED} is isolated, and nobody can reach it")
        for key in (ISOLATED, EXPOSED):
            if not any(_RULE in (each.content or "") for each in after[key].files.values()):
                self.wrong.append(f"{key} has no rule before the hole")
        self.wrong += [
            f"{key} is not as it was, and no plan was about it"
            for key in before.keys() - {ISOLATED, REVERTED, EXPOSED}
            if before[key] != after[key]
        ]

    def _judge_again(self) -> None:
        rows = {f"{row.client}/{row.name}": row for row in replay([part.state for part in self._last()]).hosts}
        if _SHELL in _found(rows[ISOLATED]):
            self.wrong.append(f"{ISOLATED} has a web shell still, as the investigation has it")
        for key, verdict in ((ISOLATED, Verdict.COMPROMISED), (EXPOSED, Verdict.VULNERABLE)):
            if rows[key].verdict is not verdict:
                self.wrong.append(f"{key} is {rows[key].verdict} afterwards, expected {verdict}")

    def _investigate(self, page: str) -> None:
        self._audit(["--playbook", INVESTIGATE, "--html", str(self.folder / page)], ExitStatus.NOT_ALL_JUDGED)

    def _audit(self, options: Sequence[str], well: ExitStatus) -> None:
        self._exrun(["audit", *self._inventory, *self._state, *options, *self.judged, *self.known, *self.pace], well)

    def _last(self) -> Sequence[ClientRun]:
        return read_run(find_run(self.folder / "state", LAST))

    def _states(self) -> Mapping[str, HostState]:
        return {f"{client}/{name}": state for client, name, state in self.lab.states()}

    @property
    def _inventory(self) -> tuple[str, str]:
        return "-i", str(self.folder / "inventory.yml")

    @property
    def _state(self) -> tuple[str, str]:
        return "--state", str(self.folder / "state")

    def _exrun(self, arguments: Sequence[str], *well: int) -> None:
        self.say(f"\n$ exrun {shlex.join(arguments)}\n")
        status = self.run(arguments)
        if status not in well:
            self.wrong.append(f"exrun {arguments[0]} ended with status {status}")


def _is_cut_off(state: HostState) -> bool:
    actions = {state.firewall.profile("ActiveStore", "Domain").default_inbound}
    return actions == {"Block"} and state.firewall.profile("ActiveStore", "Domain").default_outbound == "Block"


def _found(row: HostResult) -> frozenset[str]:
    return frozenset(found.finding.id for found in row.findings)
