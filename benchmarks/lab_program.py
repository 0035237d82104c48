"""Serves hosts and talks JSON, a line a message: their ports when they are ready, then on each line of standard input
what it counted; it ends with its standard input.

It imports the lab and nothing else of the project, so that it can serve the lab of another checkout.
"""

from __future__ import annotations

import argparse
import json
import resource
import sys
from pathlib import Path

from runner.lab import server
from runner.lab.engines.sim.engine import SimEngine
from runner.lab.faults import Act, Fault, Step
from runner.lab.fleet import Account, Fleet, LabHost
from runner.lab.server import start
from runner.lab.state import HostState, ScriptedAnswer

USER = "BENCH\\svc-exrun"
PASSWORD = "Lab-only-7b1d"
CLIENT = "bench"


def fleet(hosts: int, latency_ms: float, said: list[ScriptedAnswer]) -> Fleet:
    """So many hosts that each answer this; every request waits `latency_ms`."""
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
    parser.add_argument("answers", type=Path, help="JSON: what each host answers")
    parser.add_argument("--replaying", action="store_true", help="says again what it said: replaying.py")
    given = parser.parse_args()
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard if soft < hard else soft, hard))
    said = [ScriptedAnswer(**each) for each in json.loads(given.answers.read_text(encoding="utf-8"))]
    if given.replaying:
        from benchmarks import replaying  # not above: a lab of before knows nothing of it

        replaying.instead_of_the_lab(PASSWORD)
    with start(fleet(given.hosts, given.latency, said), {"sim": SimEngine()}) as served:
        getattr(server, "alone", lambda: None)()  # as `exrun lab up`; a lab of before has no such thing
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
