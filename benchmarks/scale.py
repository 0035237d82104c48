"""How cost grows with the fleet: processor time and memory of one `exrun audit`, and of the lab beside it.

Limits: a further host costs the same on the way to the largest fleet as on the way there from 100 (within a fifth), and
at most 0.05 MB of the client; up to 2,000 hosts client and lab each stay under 1 GiB; 500 simulated hosts start in
under 10 s. What starting costs is not in a difference. Beside the replaying endpoint (replaying.py) the lab is not
what is measured.

    python -m benchmarks.scale [--hosts 10 100 500 2000 10000] [--replaying]
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from itertools import pairwise
from pathlib import Path

from benchmarks import checks, exrun_audit
from benchmarks.lab_process import lab
from benchmarks.measured import Measured

GIB = 1024**3
LIMIT_GROWTH = 1.2
FLAT_FROM = 100  # hosts
LIMIT_FURTHER_MB = 0.05
LIMIT_MEMORY_UP_TO = 2000  # hosts
LIMIT_START_SECONDS = 10.0


def main() -> int:
    """Prints the figures; 1 when a limit is passed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hosts", type=int, nargs="+", default=[10, 100, 500, 2000, 10_000])
    parser.add_argument("--latency", type=float, default=20.0, help="milliseconds a request")
    parser.add_argument("--parallel", type=int, help="hosts at a time; the default of exrun without it")
    parser.add_argument("--replaying", action="store_true", help="beside the replaying endpoint in place of the lab")
    given = parser.parse_args()
    limits: list[tuple[bool, str]] = []
    measured: dict[int, Measured] = {}
    for hosts in sorted(given.hosts):
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            playbook = checks.write_playbook(folder)
            with lab(hosts, given.latency, playbook, replaying=given.replaying) as served:
                before = served.counts()
                client = measured[hosts] = exrun_audit.audit(served.ports, playbook, folder, given.parallel)
                after = served.counts()
        served_ms = 1000 * (after.cpu_seconds - before.cpu_seconds) / hosts
        print(
            f"  {hosts:5d} hosts: {1000 * client.cpu_seconds:8.0f} client CPU-ms in all,"
            f" {hosts / client.seconds:5.1f} hosts/s, client {client.memory / 2**20:5.0f} MiB,"
            f" {(after.requests - before.requests) / hosts:4.1f} requests/host;"
            f" lab {served_ms:5.1f} CPU-ms/host, {after.memory / 2**20:5.0f} MiB, up in {served.seconds:4.1f} s",
            flush=True,
        )
        if hosts <= LIMIT_MEMORY_UP_TO:
            memory = max(client.memory, after.memory)
            limits.append((memory < GIB, f"{hosts} hosts: client and lab under 1 GiB each: {memory / 2**20:.0f} MiB"))
        if hosts <= 500:
            well = served.seconds < LIMIT_START_SECONDS
            limits.append((well, f"{hosts} hosts up in {served.seconds:.1f} s, at most {LIMIT_START_SECONDS:.0f} s"))
    for fewer, more in pairwise(measured):
        print(f"  a further host between {fewer} and {more}: {_further(measured, fewer, more)[0]:.1f} client CPU-ms")
    sizes = [hosts for hosts in measured if hosts >= FLAT_FROM]
    if len(sizes) > 2:
        # From the smallest to the one before the largest, and from there on.
        early, late = _further(measured, sizes[0], sizes[-2])[0], _further(measured, sizes[-2], sizes[-1])[0]
        said = f"a further host from {sizes[-2]} to {sizes[-1]}: {late / early:.2f} times one from {sizes[0]} on"
        limits.append((late / early <= LIMIT_GROWTH, f"{said}, at most {LIMIT_GROWTH}"))
    if len(sizes) > 1:
        megabytes = _further(measured, sizes[0], sizes[-1])[1]
        said = f"a further host from {sizes[0]} to {sizes[-1]}: {megabytes:.4f} MB of the client"
        limits.append((megabytes <= LIMIT_FURTHER_MB, f"{said}, at most {LIMIT_FURTHER_MB}"))
    for well, said in limits:
        print(f"{'PASS' if well else 'FAIL'}: {said}")
    return 0 if all(well for well, _ in limits) else 1


def _further(measured: dict[int, Measured], fewer: int, more: int) -> tuple[float, float]:
    """What one host more costs the client between two sizes: milliseconds of processor time, and megabytes."""
    first, second = measured[fewer], measured[more]
    seconds = (second.cpu_seconds - first.cpu_seconds) / (more - fewer)
    return 1000 * seconds, (second.memory - first.memory) / 1e6 / (more - fewer)


if __name__ == "__main__":
    sys.exit(main())
