"""A lab in a process of its own, so that what it costs is not counted to the client under test.

As a program it serves hosts and talks JSON, a line a message: their ports when they are ready, then on each line of
standard input what it counted; it ends with its standard input.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.checks import answers, scripts
from runner.lab.engines.sim.engine import SimEngine
from runner.lab.faults import Act, Fault, Step
from runner.lab.fleet import Account, Fleet, LabHost
from runner.lab.server import start
from runner.lab.state import HostState

ROOT = Path(__file__).resolve().parent.parent
USER = "BENCH\\svc-exrun"
PASSWORD = "Lab-only-7b1d"
CLIENT = "bench"


@dataclass(frozen=True, slots=True)
class Counts:
    """What the lab counted since it began. `memory` is the largest resident size of its process in bytes."""

    requests: int
    scripts: int
    cpu_seconds: float
    memory: int


class RunningLab:
    """A served lab: `ports` by host name, and how long it took to start."""

    def __init__(self, process: subprocess.Popen[str], ports: dict[str, int], seconds: float) -> None:
        self.ports = ports
        self.seconds = seconds
        self._process = process

    def counts(self) -> Counts:
        """Ask it."""
        assert self._process.stdin is not None
        self._process.stdin.write("counts\n")
        self._process.stdin.flush()
        return Counts(**self._next(self._process))

    @staticmethod
    def _next(process: subprocess.Popen[str]) -> Any:
        assert process.stdout is not None
        line = process.stdout.readline()
        if not line:
            raise RuntimeError(f"the lab's process ended with {process.wait()}")
        return json.loads(line)


@contextmanager
def lab(hosts: int, latency_ms: float, playbook: Path) -> Iterator[RunningLab]:
    """A lab of so many hosts, each answering the scripts of `playbook`; every request waits `latency_ms`."""
    command = [sys.executable, "-m", "benchmarks.lab_process", str(hosts), str(latency_ms), str(playbook)]
    before = time.perf_counter()
    process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        ports = RunningLab._next(process)
        yield RunningLab(process, ports, time.perf_counter() - before)
    finally:
        assert process.stdin is not None
        process.stdin.close()
        process.wait(60)


def _fleet(hosts: int, latency_ms: float, playbook: Path) -> Fleet:
    said = answers(scripts(playbook))
    account = Account(USER, PASSWORD)
    faults = (
        Fault(Act.LATENCY, Step.AUTHENTICATE, milliseconds=latency_ms),
        Fault(Act.LATENCY, Step.MESSAGE, milliseconds=latency_ms),
    )
    return Fleet(
        tuple(
            LabHost(CLIENT, name, HostState(name=name, answers=said), account, faults=faults if latency_ms else ())
            for name in (f"EX{number:04d}" for number in range(hosts))
        )
    )


def main() -> None:
    """Serve until standard input ends."""
    parser = argparse.ArgumentParser()
    parser.add_argument("hosts", type=int)
    parser.add_argument("latency", type=float)
    parser.add_argument("playbook", type=Path)
    given = parser.parse_args()
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard if soft < hard else soft, hard))
    with start(_fleet(given.hosts, given.latency, given.playbook), {"sim": SimEngine()}) as served:
        print(json.dumps({host.host.name: host.port for host in served.hosts.values()}), flush=True)
        for _ in sys.stdin:
            usage = resource.getrusage(resource.RUSAGE_SELF)
            counted = {
                "requests": served.ledger.requests,
                "scripts": len(served.ledger.scripts()),
                "cpu_seconds": usage.ru_utime + usage.ru_stime,
                "memory": usage.ru_maxrss * 1024,
            }
            print(json.dumps(counted), flush=True)


if __name__ == "__main__":
    main()
