"""How cost grows with the fleet: processor time a host and memory of one `exrun audit`, and of the lab beside it.

Limits: a host costs the same at 2,000 as at 10 hosts (within a third, the start of Python taken off), the client and
the lab each stay under 1 GiB, and 500 simulated hosts start in under 10 s.

    python -m benchmarks.scale [--hosts 10 100 500 2000]
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from benchmarks import checks, exrun_audit
from benchmarks.lab_process import ROOT, lab
from benchmarks.measured import run

GIB = 1024**3
LIMIT_GROWTH = 1.33
LIMIT_START_SECONDS = 10.0


def main() -> int:
    """Prints the figures; 1 when a limit is passed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hosts", type=int, nargs="+", default=[10, 100, 500, 2000])
    parser.add_argument("--latency", type=float, default=20.0, help="milliseconds a request")
    parser.add_argument("--parallel", type=int, default=50, help="hosts at a time")
    given = parser.parse_args()
    start = run([sys.executable, "-m", "runner.cli.main", "audit", "--help"], ROOT, {})
    print(f"starting the program takes {1000 * start.cpu_seconds:.0f} CPU-ms; taken off below")
    held = True
    per_host: dict[int, float] = {}
    for hosts in given.hosts:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            playbook = checks.write_playbook(folder)
            with lab(hosts, given.latency, playbook) as served:
                before = served.counts()
                measured = exrun_audit.audit(served.ports, playbook, folder, given.parallel)
                after = served.counts()
        per_host[hosts] = 1000 * (measured.cpu_seconds - start.cpu_seconds) / hosts
        served_ms = 1000 * (after.cpu_seconds - before.cpu_seconds) / hosts
        print(
            f"  {hosts:5d} hosts: {per_host[hosts]:6.1f} client CPU-ms/host, {hosts / measured.seconds:6.1f} hosts/s,"
            f" client {measured.memory / 2**20:5.0f} MiB,"
            f" {(after.requests - before.requests) / hosts:4.1f} requests/host;"
            f" lab {served_ms:5.1f} CPU-ms/host, {after.memory / 2**20:5.0f} MiB, up in {served.seconds:4.1f} s",
            flush=True,
        )
        held = held and measured.memory < GIB and after.memory < GIB
        held = held and (hosts > 500 or served.seconds < LIMIT_START_SECONDS)
    fewest, most = min(per_host), max(per_host)
    growth = per_host[most] / per_host[fewest]
    print(f"client CPU per host at {most} over that at {fewest}: {growth:.2f}")
    held = held and growth < LIMIT_GROWTH
    print(
        f"{'PASS' if held else 'FAIL'}: flat within {LIMIT_GROWTH}, client and lab under 1 GiB, 500 hosts up in"
        f" {LIMIT_START_SECONDS:.0f} s"
    )
    return 0 if held else 1


if __name__ == "__main__":
    sys.exit(main())
