"""The journal of a run that changes a fleet: how fast it takes its lines, and how soon it reads back as rows.

The lines are those of an apply. They are written in groups, of which the disk has each before the next begins; and, for
comparison, by hosts side by side, each of which waits for the disk before every script. Then the run is read as `exrun
show` reads it: verified, decoded, folded, and made into the rows of its plan. Seconds are of the processor, and those
in which the disk was waited for; of several rounds the one counts that another load disturbed least.
Limits: at least 20,000 lines a second in groups, and 2,000 hosts of 8 steps are rows again in 5 s.

    python -m benchmarks.applied_cost [--hosts 2000] [--steps 8] [--group 64] [--side-by-side 32] [--rounds 3]
"""

from __future__ import annotations

import argparse
import hashlib
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from pathlib import Path

from playbooks.catalogue.origin import SetKind
from playbooks.changes import Change
from playbooks.findings import Assessment, Coverage, Verdict
from playbooks.model import OnFailure
from runner import events
from runner.disk import SystemDisk
from runner.events import Intent, Purpose, RunEvent, Settlement, StepDue, Would
from runner.journal.writer import Clock, JournalWriter, open_journal
from runner.moves import Outcome
from runner.plan.records import From, Going, Plan, PlannedChange, PlannedHost, PlannedStep, Standing, StepPlan
from runner.redaction import Redactor
from runner.replay import replay_applied
from runner.runs import find_run, read_run, uncollected

LINES_A_SECOND = 20_000
READ_SECONDS = 5.0
ANSWER = events.Completed(0, [], (), 0, (), 0, 0.113)
SEEN = events.Completed(
    3,
    [{"Kind": "Service", "Name": f"MSExchange{number}", "State": "Running"} for number in range(3)],
    (),
    0,
    (),
    0,
    0.2,
)
DAY = datetime(2026, 11, 28, tzinfo=UTC)


def sha(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def made_plan(hosts: int, steps: int) -> Plan:
    """A plan of one change a step, the same on every host."""
    changes = [
        PlannedChange(
            Change(f"start-type.service{number}", f"Set service {number} to start by itself", {"service": number}),
            sha(f"apply {number}"),
            sha(f"undo {number}"),
        )
        for number in range(steps)
    ]
    planned = tuple(
        PlannedStep(
            f"step{number}",
            Standing.PLANNED,
            Verdict.ATTENTION,
            "1 service is disabled",
            Coverage.PROBED,
            sha("seen"),
            (change,),
        )
        for number, change in enumerate(changes)
    )
    return Plan(
        id="0123456789ab",
        token="0" * 32,
        client="alpha",
        made=DAY,
        expires=DAY,
        run="r0",
        planner="ops@desk",
        exrun="1",
        inventory=(),
        playbook=From("repair.yml", sha("repair")),
        params={},
        policy=None,
        catalogue=sha("catalogue"),
        selection="",
        going=Going(64, (), 0, {}, None),
        steps=tuple(
            StepPlan(
                each.step, "exchange.services", sha(f"collect {number}"), str(OnFailure.STOP), None, sha("contract")
            )
            for number, each in enumerate(planned)
        ),
        hosts=tuple(PlannedHost(f"EX{number:04d}", "192.0.2.7", 5985, planned) for number in range(hosts)),
        texts={},
    )


def started(plan: Plan) -> RunEvent:
    """The first line of its run."""
    return events.RunStarted(
        exrun="1",
        inventory=events.InventoryUsed("inventory.yml", sha("inventory"), (), 1),
        selection=None,
        hosts=tuple(host.host for host in plan.hosts),
        playbook=events.PlaybookUsed("repair", "Repair", "repair.yml", sha("repair")),
        steps=tuple(StepDue(each.id, each.action, each.collect, None, {}) for each in plan.steps),
        catalogue=events.TablesUsed(date(2026, 11, 1), 27, sha("tables"), SetKind.SHIPPED, sha("manifest"), None, None),
        today=date(2026, 11, 28),
        marker_token="0" * 32,
        parallel=64,
        host_seconds=300.0,
        run_seconds=None,
    )


def of_host(plan: Plan, host: PlannedHost) -> Iterator[tuple[events.HostEvent, bool]]:
    """What applying it to a host writes, without a fault, each in its own time; whether each waits for the disk."""
    name = host.host
    place = int(name.removeprefix("EX"))
    seen, answer = (replace(each, seconds=round(each.seconds + place / 1000, 3)) for each in (SEEN, ANSWER))
    yield events.HostStarted(name, host.address, host.port), False
    for number, step in enumerate(host.steps):
        collect, (change,) = plan.steps[number].collect, step.changes
        would = (Would(change.change.id, change.apply, change.rollback),)
        found = Assessment(
            Verdict.ATTENTION, "1 service is disabled", facts={"complete": False}, changes=(change.change,)
        )
        right = Assessment(Verdict.OK, "every service runs", facts={"complete": True})
        for purpose, assessment, named in ((Purpose.RECHECK, found, would), (Purpose.VERIFY, right, ())):
            yield events.ScriptSending(name, purpose, (Intent(collect, (step.step,), 1),), None), True
            judged = "exchange.services", purpose, 1, seen, assessment, named
            yield events.StepAssessed(name, step.step, collect, *judged), False
            if purpose is Purpose.RECHECK:
                sent = (Intent(change.apply, (step.step,), 1),)
                yield events.ScriptSending(name, Purpose.APPLY, sent, None, "pool"), True
                yield events.ScriptAnswered(name, step.step, change.apply, Purpose.APPLY, 1, answer), False
        why = "the change is not named any more"
        yield events.Settled(name, step.step, Purpose.APPLY, 1, Settlement.DONE, why), False
    outcomes = dict.fromkeys((step.step for step in host.steps), "changed")
    yield events.HostApplied(name, outcomes, 44, 2.5, None), False


@dataclass(frozen=True, slots=True)
class Figures:
    """Lines, and seconds to write them in groups, side by side, and to read them."""

    lines: int
    grouped: float
    waited: float  # of these, for the disk
    beside: float
    read: float


class Waits(SystemDisk):
    """The disk, and the seconds in which it was waited for."""

    seconds = 0.0

    def fsync(self, descriptor: int) -> None:
        began = time.perf_counter()
        super().fsync(descriptor)
        self.seconds += time.perf_counter() - began


Told = Sequence[tuple[events.HostEvent, bool]]


def measured(plan: Plan, group: int, side_by_side: int) -> Figures:
    """Writes a run in two ways, and reads the first back."""
    lists = [[each for host in plan.hosts[at::side_by_side] for each in of_host(plan, host)]
             for at in range(side_by_side)]  # fmt: skip
    _, beside, _ = _written(plan, lambda journal: _side_by_side(journal, lists))
    with tempfile.TemporaryDirectory() as folder:
        told = [event for host in plan.hosts for event, _ in of_host(plan, host)]
        lines, grouped, waited = _written(plan, lambda journal: _in_groups(journal, told, group), Path(folder))
        begun = time.process_time()
        with uncollected():
            (part,) = read_run(find_run(Path(folder), "r1"))
            result = replay_applied(part.state, plan)
        read = time.process_time() - begun
    if result.counts != {Outcome.CHANGED.value: len(plan.hosts)}:
        raise SystemExit(f"the run does not read back: {result.counts}")
    return Figures(lines, grouped, waited, beside, read)


def _written(plan: Plan, write: Callable[[JournalWriter], None], state: Path | None = None) -> tuple[int, float, float]:
    """How many lines, the seconds in which they were written, and how many of these the disk was waited for."""
    if state is None:
        with tempfile.TemporaryDirectory() as folder:
            return _written(plan, write, Path(folder))
    redactor, disk = Redactor(), Waits()
    redactor.register("a password of the benchmark")
    clock = Clock(lambda: datetime.now(UTC), time.monotonic)
    journal = open_journal(state, run="r1", client="alpha", actor="ops@desk", redactor=redactor, clock=clock, disk=disk)
    events.put(journal, started(plan))
    begun, disk.seconds = time.process_time(), 0.0
    write(journal)
    waited = disk.seconds
    seconds = time.process_time() - begun + waited
    events.put(journal, events.RunEnded(len(plan.hosts), {"changed": len(plan.hosts)}, 0), durable=True)
    lines = journal.head.sequence
    journal.close()
    return lines, seconds, waited


def _in_groups(journal: JournalWriter, told: Sequence[events.HostEvent], group: int) -> None:
    for number, event in enumerate(told, start=1):
        events.put(journal, event, durable=number % group == 0)


def _side_by_side(journal: JournalWriter, lists: Sequence[Told]) -> None:
    def work(mine: Told) -> None:
        for event, durable in mine:
            events.put(journal, event, durable=durable)

    threads = [threading.Thread(target=work, args=(mine,)) for mine in lists]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def main() -> int:
    """Prints the figures; 1 when a limit is passed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hosts", type=int, default=2000)
    parser.add_argument("--steps", type=int, default=8)
    parser.add_argument("--group", type=int, default=64)
    parser.add_argument("--side-by-side", type=int, default=32)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    plan = made_plan(given.hosts, given.steps)
    rounds = [measured(plan, given.group, given.side_by_side) for _ in range(given.rounds)]
    lines = rounds[0].lines
    best = min(rounds, key=lambda each: each.grouped)
    rate, alone = lines / best.grouped, lines / (best.grouped - best.waited)
    beside = lines / min(each.beside for each in rounds)
    read = min(each.read for each in rounds)
    print(f"{given.hosts} hosts x {given.steps} steps: {lines} lines")
    print(f"write: {rate:.0f} lines a second in groups of {given.group}, {alone:.0f} without the disk's part")
    print(f"       {beside:.0f} by {given.side_by_side} threads, each of which waits for the disk before a script")
    print(f"read back as rows: {read:.2f} s, {lines / read:.0f} lines a second")
    held = rate >= LINES_A_SECOND and read <= READ_SECONDS
    print(
        f"{'PASS' if held else 'FAIL'}: at least {LINES_A_SECOND} lines a second written, and at most "
        f"{READ_SECONDS:.0f} s to read them"
    )
    return 0 if held else 1


if __name__ == "__main__":
    sys.exit(main())
