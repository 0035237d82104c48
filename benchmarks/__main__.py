"""Every benchmark that has a limit, one after the other, and a summary of what held: `make bench`.

With --busy it runs them as often again beside stress-ng, which takes every core once.

    python -m benchmarks [--times 1] [--busy] [--only scale lab_cost]
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext

from benchmarks.checkouts import ROOT, environment

# What section of the README each is in says its own --help; f2a7642 and cd1909b are of before sessions were locked.
ALL = {
    "instructions": ("instructions",),
    "first_line": ("first_line",),
    "since": ("since", "cd1909b", "--at-most", "0.35"),
    "lab_cost": ("lab_cost",),
    "against_ansible": ("against_ansible",),
    "scale": ("scale", "--replaying"),
    "show_cost": ("show_cost",),
    "plan_cost": ("plan_cost",),
    "journal_cost": ("journal_cost",),
    "applied_cost": ("applied_cost",),
    "scan_cost": ("scan_cost",),
    "inventory_load": ("inventory_load",),
    "page_cost": ("page_cost",),
    "hunt_cost": ("hunt_cost", "--megabytes", "500"),
}
VERDICTS = ("PASS", "FAIL", "SKIPPED")


@contextmanager
def load() -> Iterator[None]:
    """Another load on the machine: one busy process for each core."""
    command = ["stress-ng", "--cpu", str(os.cpu_count() or 1), "--quiet"]
    with subprocess.Popen(command) as other:
        try:
            yield
        finally:
            other.terminate()


def measured(name: str) -> list[str]:
    """The verdicts of one benchmark, whose lines are shown as they come."""
    print(f"{name}, load {os.getloadavg()[0]:.1f}", flush=True)
    began = time.monotonic()
    command = [sys.executable, "-m", f"benchmarks.{ALL[name][0]}", *ALL[name][1:]]
    verdicts = []
    with subprocess.Popen(command, cwd=ROOT, env=environment(), stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            print(f"  {line}", end="", flush=True)
            if line.startswith(VERDICTS):
                verdicts.append(line.strip())
    if process.returncode != 0 and not any(each.startswith("FAIL") for each in verdicts):
        verdicts.append(f"FAIL: it ended with {process.returncode}")
    print(f"  ({time.monotonic() - began:.0f} s)\n", flush=True)
    return verdicts


def main() -> int:
    """Prints all that they print, then each limit with how it fared in each run; 1 when one did not hold."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--times", type=int, default=1, help="runs of each")
    parser.add_argument("--busy", action="store_true", help="as many runs again beside stress-ng")
    parser.add_argument("--only", nargs="+", choices=list(ALL), default=list(ALL), help="these")
    given = parser.parse_args()
    if given.busy and shutil.which("stress-ng") is None:
        parser.error("stress-ng is not here: apt-get install stress-ng")
    found: list[tuple[str, str, list[str]]] = []
    for busy in (False, True)[: 1 + given.busy]:
        for number in range(1, given.times + 1):
            run = f"run {number}{' beside stress-ng' if busy else ''}"
            print(f"== {run} ==\n", flush=True)
            with load() if busy else nullcontext():
                found += [(name, run, measured(name)) for name in given.only]
    print("== Summary ==")
    for name in given.only:
        print(name)
        for _, run, verdicts in (each for each in found if each[0] == name):
            for verdict in verdicts:
                print(f"  {run}: {verdict}")
    failed = sum(verdict.startswith("FAIL") for _, _, verdicts in found for verdict in verdicts)
    print(f"{sum(len(verdicts) for *_, verdicts in found)} limits looked at, {failed} not held")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
