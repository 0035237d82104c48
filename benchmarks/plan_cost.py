"""A plan of 5,000 hosts x 20 steps: made beside the network, shown, and written as a page.

Made: from rows that are judged, by the plan's own code, to the bytes of the file and what the terminal gets; every step
is `exchange.services`, and on every fourth one service has to be started. Shown: `exrun show` as a process, from the
start of Python to its end, with every check of the file. Beside it Python's own `json.loads` of the same bytes, which
checks nothing. The limits are of processor time, of which each has one thread: what else the machine does moves seconds
more. Both are printed.

    python -m benchmarks.plan_cost [--hosts 5000] [--rounds 3]
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TypeVar

from benchmarks.measured import run
from playbooks.actions.exchange.services.needed import needed
from playbooks.actions.exchange.services.required import Product, Role
from playbooks.catalogue.catalogue import Catalogue
from playbooks.loading import load_playbook
from playbooks.model import ReadyPlaybook
from playbooks.observation import Observed
from playbooks.values import Record
from runner.plan import file
from runner.plan.planning import Made, Seen, make_plan
from runner.plan.records import From, Going, Plan
from runner.reports.plan import lines
from runner.results import StepResult, judged

STEPS = 20
WRONG = 4  # every so many steps of a host
MADE_SECONDS, SHOWN_SECONDS, PAGE_SECONDS = 10.0, 2.0, 10.0
OF_LOADS = 12.0  # times what json.loads of the same bytes takes, in processor time
DAY = date(2026, 11, 28)
COMMANDS = {
    "show": ("show", "plan.json"),
    "show of one server with scripts": ("show", "plan.json", "--host", "EX00042", "--diff", "--script"),
    "report as a page": ("report", "plan.json", "--html", "-o", "plan.html"),
}
LIMITS = {"report as a page": PAGE_SECONDS}
ROLES = ("MailboxRole", "CafeRole", "FrontendTransportRole", "EdgeTransportRole")
Found = TypeVar("Found")


def playbook(folder: Path) -> ReadyPlaybook:
    """Twenty steps of one action."""
    steps = "".join(f"  - {{id: services{number:02}, action: exchange.services}}\n" for number in range(STEPS))
    path = folder / "repair.yml"
    path.write_text(f"name: repair\ntitle: Repair\nsteps:\n{steps}", encoding="utf-8")
    return load_playbook(str(path), {}, Catalogue.load())


def answer(stopped: str | None) -> Observed:
    """What a Mailbox server of 2019 says, on which one service does not run."""
    names = [each.name for each in needed(frozenset({Role.MAILBOX, Role.CLIENT_ACCESS}), Product.V2019).values()]
    records: list[Record] = [{"Kind": "ExchangeSetup", "Present": True, "MsiProductMajor": 15, "MsiProductMinor": 2}]
    for role in ROLES:
        records.append({"Kind": "ExchangeRole", "Name": role, "Present": role != "EdgeTransportRole"})
    for name in names:
        state = "Stopped" if name == stopped else "Running"
        records.append({"Kind": "Service", "Name": name, "StartMode": "Auto", "State": state})
    return Observed(tuple(records))


def rows(ready: ReadyPlaybook, hosts: int) -> list[Seen]:
    """The hosts of a client as an observation leaves them."""
    tables = Catalogue.load()
    names = sorted(each.name for each in needed(frozenset({Role.MAILBOX}), Product.V2019).values() if each.always)
    well = ready.steps[0].action.assess(answer(None), ready.steps[0].params, tables, DAY)
    wrong = [
        ready.action.assess(answer(names[number % len(names)]), ready.params, tables, DAY)
        for number, ready in enumerate(ready.steps)
    ]
    if well.changes or not all(each.changes for each in wrong):
        raise RuntimeError("the answers are not judged as they are meant to be")
    found: list[Seen] = []
    for host in range(hosts):
        steps = [
            StepResult(each.step.id, each.action.id, wrong[number] if (host + number) % WRONG == 0 else well)
            for number, each in enumerate(ready.steps)
        ]
        name = f"EX{host:05}"
        observed = {each.step.id: f"{host:032x}{number:032x}" for number, each in enumerate(ready.steps)}
        labels = {"dag": (f"DAG{host // 4}",), "site": (f"S{host % 7}",)}
        row = judged(name, "contoso", steps, 7, 0.1)
        found.append(Seen(f"{name.lower()}.contoso.example", 5986, row, observed, frozenset(), labels))
    return found


def plan(ready: ReadyPlaybook, seen: Sequence[Seen]) -> Plan:
    """As `exrun plan` makes it."""
    at = datetime(2026, 11, 28, 2, 40, tzinfo=UTC)
    made = Made(
        id="0123456789ab",
        token="0" * 32,
        client="contoso",
        made=at,
        expires=at + timedelta(hours=72),
        run="r1",
        planner="ops@controller",
        exrun="0.1",
        inventory=(From("inventory.yml", "ab" * 32),),
        params={},
        policy=None,
        catalogue="cd" * 32,
        selection="",
        going=Going(8, ("1", "10%", "rest"), 60, {"dag": 1}, "5%"),
    )
    return make_plan(made, ready, seen, lambda text: text)


def timed(work: Callable[[], Found]) -> tuple[float, float, Found]:
    """Seconds of the wall and of the processor, and what came of it."""
    gc.collect()
    before, processor = time.perf_counter(), time.process_time()
    found = work()
    return time.perf_counter() - before, time.process_time() - processor, found


def main() -> int:
    """Prints each round; 1 where a limit is passed at the best of them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hosts", type=int, default=5000)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    best: dict[str, float] = {}
    ratios: list[float] = []
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        ready = playbook(folder)
        seen = rows(ready, given.hosts)

        def make() -> bytes:
            made = plan(ready, seen)
            data = file.write(made)
            "".join(f"{line}\n" for line in lines(made, file.digest(data)))
            return data

        for number in range(1, given.rounds + 1):
            print(f"  round {number}, load {os.getloadavg()[0]:.1f}", flush=True)
            seconds, processor, data = timed(make)
            best["made"] = min(best.get("made", processor), processor)
            told = f"{seconds:6.2f} s, {processor:6.2f} CPU-s, {len(data) / 1e6:.1f} MB"
            print(f"    {'made':32} {told}", flush=True)
            (folder / "plan.json").write_bytes(data)
            before = time.process_time()
            json.loads(data)
            loads = time.process_time() - before
            for name, command in COMMANDS.items():
                took = run([sys.executable, "-m", "runner.cli.main", *command], folder, {"COLUMNS": "160"})
                if took.status != 0:
                    raise RuntimeError(f"exrun {' '.join(command)} ended with {took.status}:\n{took.errors[-2000:]}")
                best[name] = min(best.get(name, took.cpu_seconds), took.cpu_seconds)
                if name == "show":
                    ratios.append(took.cpu_seconds / loads)
                told = f"{took.seconds:6.2f} s, {took.cpu_seconds:6.2f} CPU-s, {took.memory / 2**20:5.0f} MiB"
                print(f"    {name:32} {told}", flush=True)
    passed = True
    for name, seconds in best.items():
        limit = MADE_SECONDS if name == "made" else LIMITS.get(name, SHOWN_SECONDS)
        passed = passed and seconds <= limit
        print(f"{'PASS' if seconds <= limit else 'FAIL'}: {name}: {seconds:.2f} CPU-s, at most {limit:g}")
    ratio = min(ratios)
    passed = passed and ratio <= OF_LOADS
    told = f"{ratio:.1f} times the processor time of json.loads, at most {OF_LOADS:g}"
    print(f"{'PASS' if ratio <= OF_LOADS else 'FAIL'}: show: {told}")
    return 0 if passed else 1


if __name__ == "__main__":
    sys.exit(main())
