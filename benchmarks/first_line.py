"""How long an audit is silent: seconds from its start to its first line on standard error.

Limit: 0.5 s on an idle machine, at the best of its rounds; all are printed, with the machine's load.

    python -m benchmarks.first_line [--rounds 7]
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks import checks, exrun_audit
from benchmarks.checkouts import ROOT, environment
from benchmarks.lab_process import lab

LIMIT_SECONDS = 0.5


def first_line(command: list[str]) -> float:
    """Seconds to its first line; it has ended.

    Raises:
        RuntimeError: it said nothing, or failed.
    """
    began = time.perf_counter()
    with subprocess.Popen(
        command,
        cwd=ROOT,
        env=environment(**exrun_audit.ENVIRONMENT),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stderr is not None
        line = process.stderr.readline()
        seconds = time.perf_counter() - began
        rest = process.stderr.read()
    if not line or process.returncode != 0:
        raise RuntimeError(f"exrun audit ended with {process.returncode}:\n{line}{rest[-2000:]}")
    return seconds


def main() -> int:
    """Prints the figures; 1 when the limit is passed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        playbook = checks.write_playbook(folder)
        with lab(1, 0.0, playbook) as served:
            command = exrun_audit.command(served.ports, playbook, folder)
            first_line(command)  # compiles what was not
            found = [first_line(command) for _ in range(given.rounds)]
    print(f"  first line after {', '.join(f'{each:.2f}' for each in found)} s, load {os.getloadavg()[0]:.1f}")
    held = min(found) <= LIMIT_SECONDS
    print(f"{'PASS' if held else 'FAIL'}: an audit's first line after {min(found):.2f} s, at most {LIMIT_SECONDS} s")
    return 0 if held else 1


if __name__ == "__main__":
    sys.exit(main())
