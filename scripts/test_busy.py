"""Runs a command a number of times beside stress-ng, as on a machine that has other work; says how each run ended.

    python scripts/test_busy.py 5 make test

stress-ng (Debian and Ubuntu: apt-get install stress-ng) keeps two processes busy for each core until the last run has
ended. The exit status is 0 when every run's was.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time


def main(arguments: list[str]) -> int:
    """The exit status."""
    count, command = int(arguments[0]), arguments[1:]
    stress = shutil.which("stress-ng")
    if stress is None:
        sys.stderr.write("stress-ng is not on PATH. Install it: apt-get install stress-ng\n")
        return 2
    busy = 2 * (os.cpu_count() or 1)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))  # not without ending stress-ng
    load = subprocess.Popen([stress, "--cpu", str(busy), "--quiet"])
    ended: list[str] = []
    failed = 0
    try:
        for number in range(1, count + 1):
            began = time.monotonic()
            status = subprocess.run(command, check=False).returncode
            failed += status != 0
            ended.append(f"run {number}: status {status}, {(time.monotonic() - began) / 60:.1f} minutes")
            sys.stdout.write(f"{ended[-1]}\n")
            sys.stdout.flush()
    finally:
        load.terminate()
        load.wait()
    lines = [f"{count - failed} of {count} runs passed beside stress-ng --cpu {busy}", *ended]
    sys.stdout.write("\n".join(lines) + "\n")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
