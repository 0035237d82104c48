"""The second half of `exrun lab demo`: plan, approval by a second key, apply in waves, audit again, and the way back.

Each command is the one that a user would run, in a process of its own. What the servers ran is held against the plans,
and what they are in the end against what they were.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from runner.cli.demo_approval import KEY, policy_of
from runner.exit_status import ExitStatus
from runner.lab.demo.expectations import Expected, differences
from runner.lab.ledger import Executed
from runner.lab.saving import state_text
from runner.lab.server import Lab
from runner.plan import file
from runner.plan.records import Plan
from runner.replay import replay
from runner.results import fleet_result
from runner.runs import find_run, newest_first, read_run
from runner.transport.gate import LOCK, is_own

PLAYBOOK = "exchange-services"
# Of each client: which servers are planned, on which of them services are disabled, and how the plan ends: of MBX3
# nothing can be judged.
ASKED: Mapping[str, tuple[str, tuple[str, ...], ExitStatus]] = {
    "contoso": ("client:contoso", ("EX04", "EX06"), ExitStatus.FINDINGS),
    "fabrikam": ("MBX1 or MBX2 or MBX3", ("MBX2",), ExitStatus.NOT_ALL_JUDGED),
}
MENDED = "exchange.services.disabled"  # the finding that is gone afterwards


@dataclass
class Changes:
    """The second half of one demo.

    Attributes:
        run: runs `exrun` with these arguments, and gives its exit status.
        say: prints a line.
        wrong: a line for each thing that is not as it has to be.
    """

    lab: Lab
    folder: Path
    pace: Sequence[str]
    judged: Sequence[str]
    run: Callable[[Sequence[str]], int]
    say: Callable[[str], None]
    wrong: list[str] = field(default_factory=list)
    scripts: int = 0

    def go(self, expected: Mapping[str, Expected]) -> None:
        """All of it.

        Args:
            expected: what an audit says of each server before.
        """
        before = self._states()
        for client, (selection, _, status) in ASKED.items():
            self._apply(client, selection, status)
        self._audit(expected)
        if self._states() == before:
            self.wrong.append("no server is another than before")
        for client in ASKED:
            self._exrun(["rollback", self._run_of(client), "-i", self._path("inventory.yml"), *self._state], 0)
        after = self._states()
        self.wrong += [f"{key} is not as it was before" for key in before if before[key] != after[key]]

    @property
    def _state(self) -> tuple[str, str]:
        return "--state", self._path("state")

    def _path(self, name: str) -> str:
        return str(self.folder / name)

    def _apply(self, client: str, selection: str, status: ExitStatus) -> None:
        plan, inventory = self._path(f"plan.{client}.json"), self._path("inventory.yml")
        policy = policy_of(self.folder, client, self.say)
        with self._ledger() as ran:
            asked = ["plan", PLAYBOOK, selection, "-i", inventory, "-o", plan, *policy, *self._state, *self.pace]
            self._exrun(asked, status)
            self.wrong += [f"a plan ran a script that no collect is on {key}" for key in _unlocked(ran())]
        if policy:
            self._exrun(["approve", plan, "--key", self._path(KEY), *policy], 0)
        with self._ledger() as ran:
            self._exrun(["apply", plan, "-i", inventory, *policy, *self._state, *self.pace[:2]], 0)
            made = file.read(Path(plan).read_bytes())
            self.wrong += self._unplanned(client, made, ran())

    def _audit(self, expected: Mapping[str, Expected]) -> None:
        """What an audit says of the servers that were mended: the same as before, without what was mended."""
        keys = [f"{client}/{name}" for client, (_, names, _) in ASKED.items() for name in names]
        names = [key.partition("/")[2] for key in keys]
        asked = ["audit", *names, "-i", self._path("inventory.yml"), *self._state, *self.judged, *self.pace]
        self._exrun(asked, ExitStatus.FINDINGS, ExitStatus.WELL, ExitStatus.NOT_ALL_JUDGED)
        newest = newest_first(Path(self._path("state")))[0]
        rows = replay([part.state for part in read_run(newest)])
        for key in keys:
            was = expected[key]
            left = tuple(each for each in was.findings if each != MENDED)
            row = next(row for row in rows.hosts if f"{row.client}/{row.name}" == key)
            mended = {"findings": left} | ({} if left else {"verdict": "ok", "outcome": "compliant"})
            now = Expected.model_validate({**was.model_dump(mode="json"), **mended})
            self.wrong += differences(fleet_result(newest.id, rows.terms, [row]), {key: now})

    def _run_of(self, client: str) -> str:
        """The newest run that ran a plan of this client."""
        for run in newest_first(Path(self._path("state"))):
            [part, *_] = read_run(find_run(Path(self._path("state")), run.id))
            if part.state.client == client and part.state.plan is not None:
                return run.id
        raise LookupError(f"no run ran a plan of {client}")

    def _exrun(self, arguments: Sequence[str], *well: int) -> None:
        self.say(f"\n$ exrun {shlex.join(arguments)}\n")
        status = self.run(arguments)
        if status not in well:
            self.wrong.append(f"exrun {arguments[0]} ended with status {status}")

    def _ledger(self) -> _Since:
        return _Since(self.lab)

    def _unplanned(self, client: str, plan: Plan, ran: Mapping[str, Sequence[Executed]]) -> Iterator[str]:
        """What ran on each server outside locked sessions and is not, once each, what the plan makes there."""
        due = {f"{client}/{host.host}": [change.apply for _, change in host.changes] for host in plan.hosts}
        for key, executed in ran.items():
            changed = [each.sha256 for done in _outside(executed) for each in done.statements if not is_own(each.text)]
            self.scripts += len(changed)
            wanted = due.get(key, [])
            if changed != wanted:
                yield f"{key} ran {len(changed)} scripts that change something, and the plan has {len(wanted)}"

    def _states(self) -> Mapping[str, str]:
        return {f"{client}/{name}": state_text(state) for client, name, state in self.lab.states()}


class _Since:
    """What servers run from here on."""

    def __init__(self, lab: Lab) -> None:
        self._lab = lab
        self._before = {key: len(lab.ledger.executed(key)) for key in lab.hosts}

    def __enter__(self) -> Callable[[], Mapping[str, Sequence[Executed]]]:
        return lambda: {key: self._lab.ledger.executed(key)[self._before[key] :] for key in self._lab.hosts}

    def __exit__(self, *_: object) -> None:
        """There is nothing to end."""


def _outside(executed: Sequence[Executed]) -> Iterator[Executed]:
    """What ran in sessions that were never locked."""
    locked = {done.shell for done in executed for each in done.statements if each.text == LOCK.text}
    return (done for done in executed if done.shell not in locked)


def _unlocked(ran: Mapping[str, Sequence[Executed]]) -> list[str]:
    return [key for key, executed in ran.items() if any(True for _ in _outside(executed))]
