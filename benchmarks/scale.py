"""How cost grows with the fleet: processor time and memory of one `exrun audit`, and of the lab beside it.

Limits: a further host costs the same on the way to 2,000 as on the way from 10 to 100 (within a third), the client and
the lab each stay under 1 GiB, and 500 simulated hosts start in under 10 s. What starting costs is not in a difference.

    python -m benchmarks.scale [--hosts 10 100 500 2000]
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from itertools import pairwise
from pathlib import Path

from benchmarks import checks, exrun_audit
from benchmarks.lab_process import lab

GIB = 1024**3
LIMIT_GROWTH = 1.33
LIMIT_START_SECONDS = 10.0


def main() -> int:
    """Prints the figures; 1 when a limit is passed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hosts", type=int, nargs="+", default=[10, 100, 500, 2000])
    parser.add_argument("--latency", type=float, default=20.0, help="milliseconds a request")
    parser.add_argument("--parallel", type=int, help="hosts at a time; the default of exrun without it")
    given = parser.parse_args()
    held = True
    cpu: dict[int, float] = {}
    for hosts in given.hosts:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            playbook = checks.write_playbook(folder)
            with lab(hosts, given.latency, playbook) as served:
                before = served.counts()
                measured = exrun_audit.audit(served.ports, playbook, folder, given.parallel)
                after = served.counts()
        cpu[hosts] = 1000 * measured.cpu_seconds
        served_ms = 1000 * (after.cpu_seconds - before.cpu_seconds) / hosts
        print(
            f"  {hosts:5d} hosts: {cpu[hosts]:8.0f} client CPU-ms in all, {hosts / measured.seconds:5.1f} hosts/s,"
            f" client {measured.memory / 2**20:5.0f} MiB,"
            f" {(after.requests - before.requests) / hosts:4.1f} requests/host;"
            f" lab {served_ms:5.1f} CPU-ms/host, {after.memory / 2**20:5.0f} MiB, up in {served.seconds:4.1f} s",
            flush=True,
        )
        held = held and measured.memory < GIB and after.memory < GIB
        held = held and (hosts > 500 or served.seconds < LIMIT_START_SECONDS)
    sizes = sorted(cpu)
    further = [(cpu[more] - cpu[fewer]) / (more - fewer) for fewer, more in pairwise(sizes)]
    for (fewer, more), cost in zip(pairwise(sizes), further, strict=True):
        print(f"a further host between {fewer} and {more} costs {cost:.1f} client CPU-ms")
    growth = further[-1] / further[0]
    print(f"the last over the first: {growth:.2f}")
    held = held and growth < LIMIT_GROWTH
    print(
        f"{'PASS' if held else 'FAIL'}: flat within {LIMIT_GROWTH}, client and lab under 1 GiB, 500 hosts up in"
        f" {LIMIT_START_SECONDS:.0f} s"
    )
    return 0 if held else 1


if __name__ == "__main__":
    sys.exit(main())
