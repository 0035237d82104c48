"""Processor time of `exrun audit` beside that of an older version of itself, in one run, by turns.

Each version runs from a checkout of its own against a lab of its own, both with the libraries of this environment; what
the lab costs is not counted.

    python -m benchmarks.since REV [--hosts 200] [--rounds 3] [--at-most 0.35]
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
from pathlib import Path

from benchmarks.checkouts import ROOT, environment, older

# Runs in either checkout, so it uses only what both have.
ONE_AUDIT = """
import json, sys, tempfile
from pathlib import Path
from benchmarks import checks, exrun_audit
from benchmarks.lab_process import lab
hosts, latency = int(sys.argv[1]), float(sys.argv[2])
with tempfile.TemporaryDirectory() as name:
    playbook = checks.write_playbook(Path(name))
    with lab(hosts, latency, playbook) as served:
        before = served.counts()
        measured = exrun_audit.audit(served.ports, playbook, Path(name))
        after = served.counts()
print(json.dumps({
    "cpu_ms": 1000 * measured.cpu_seconds / hosts,
    "seconds": measured.seconds,
    "requests": (after.requests - before.requests) / hosts,
    "lab_ms": 1000 * (after.cpu_seconds - before.cpu_seconds) / hosts,
}))
"""


def audit(checkout: Path, hosts: int, latency: float) -> dict[str, float]:
    """One audit by the exrun of a checkout."""
    command = [sys.executable, "-c", ONE_AUDIT, str(hosts), str(latency)]
    ended = subprocess.run(command, cwd=checkout, env=environment(), capture_output=True, text=True, check=False)
    if ended.returncode != 0:
        raise RuntimeError(f"the audit of {checkout} ended with {ended.returncode}:\n{ended.stderr[-2000:]}")
    figures: dict[str, float] = json.loads(ended.stdout)
    return figures


def main() -> int:
    """Prints the figures of each round and their medians; 1 when the limit is passed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("rev", help="a commit of this repository")
    parser.add_argument("--hosts", type=int, default=200)
    parser.add_argument("--latency", type=float, default=20.0, help="milliseconds a request")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--at-most", type=float, default=0.35, help="of the older version's processor time")
    given = parser.parse_args()
    ratios: dict[str, list[float]] = {"cpu_ms": [], "lab_ms": []}
    with older(given.rev) as before_it:
        for checkout in (before_it, ROOT):
            audit(checkout, 1, 0.0)  # compiles what was not
        for number in range(1, given.rounds + 1):
            before, now = (audit(checkout, given.hosts, given.latency) for checkout in (before_it, ROOT))
            for what, found in ratios.items():
                found.append(now[what] / before[what])
            print(
                f"  round {number}: client {before['cpu_ms']:.1f}, here {now['cpu_ms']:.1f} CPU-ms/host:"
                f" {ratios['cpu_ms'][-1]:.2f}; lab {before['lab_ms']:.1f}, here {now['lab_ms']:.1f} CPU-ms/host:"
                f" {ratios['lab_ms'][-1]:.2f}; {now['requests']:.1f} requests/host,"
                f" {given.hosts / before['seconds']:.1f} and {given.hosts / now['seconds']:.1f} hosts/s",
                flush=True,
            )
    client, lab = (statistics.median(found) for found in ratios.values())
    held = client <= given.at_most
    print(
        f"{'PASS' if held else 'FAIL'}: {client:.2f} of {given.rev}'s client CPU (at most {given.at_most}),"
        f" {lab:.2f} of its lab's"
    )
    return 0 if held else 1


if __name__ == "__main__":
    sys.exit(main())
