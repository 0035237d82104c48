"""What exrun costs in user instructions, which repeat to a tenth of a percent whatever else the machine does.

Counted by valgrind's cachegrind (Linux; `apt-get install valgrind`), with the bytecode of every module compiled before:

    --help              from the start of Python to its end
    an audit's start    the same for an audit, but for what each host costs
    a further host      the difference of two audits, for each host that one has more

`make test` counts a further host of a few, and the start (`--kept`), so that no change makes them dearer unseen. The
start is held to what it costs, not to what it should.

    python -m benchmarks.instructions [--hosts 8 40] [--kept]
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from benchmarks import checks, exrun_audit
from benchmarks.checkouts import ROOT
from benchmarks.lab_process import lab
from benchmarks.measured import counted, counting, run

MILLION = 1_000_000
LIMIT_HELP = 400
LIMIT_START = 2200
START_KEPT = 3150  # 2,996 when this was written: not worse, until it is brought below LIMIT_START
LIMIT_HOST = 20
KEPT_HOSTS = (4, 12)


def help_cost() -> float:
    """Of `exrun --help`."""
    command = [sys.executable, "-c", "import sys; from runner.cli.entry import main; sys.exit(main())", "--help"]
    run(command, ROOT, {})  # compiles what was not
    measured = run([*counting(), *command], ROOT, {})
    if measured.status != 0 or "audit" not in measured.output:
        raise RuntimeError(f"exrun --help ended with {measured.status}:\n{measured.errors[-2000:]}")
    return counted(measured.errors) / MILLION


def audited(hosts: int, before: Sequence[str]) -> str:
    """What an audit of so many hosts, eight scripts each, said on standard error, run by the command `before`."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        playbook = checks.write_playbook(folder)
        with lab(hosts, 0.0, playbook) as served:
            return exrun_audit.audit(served.ports, playbook, folder, before=before).errors


def main() -> int:
    """Prints the figures; 1 when a limit is passed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hosts", type=int, nargs=2, default=[8, 40], metavar=("FEWER", "MORE"))
    parser.add_argument(
        "--kept", action="store_true", help="a further host of few, and a start no dearer than now: for CI"
    )
    given = parser.parse_args()
    if shutil.which("valgrind") is None:
        print("SKIPPED: what a host costs was not counted: valgrind is not here (apt-get install valgrind)")
        return 0
    fewer, more = KEPT_HOSTS if given.kept else given.hosts
    audited(1, ())  # compiles what was not
    costs = {hosts: counted(audited(hosts, counting())) / MILLION for hosts in (fewer, more)}
    a_host = (costs[more] - costs[fewer]) / (more - fewer)
    limits = {
        "a further host": (a_host, LIMIT_HOST),
        "an audit's start": (costs[fewer] - fewer * a_host, START_KEPT if given.kept else LIMIT_START),
    }
    if not given.kept:
        limits["--help"] = (help_cost(), LIMIT_HELP)
    for what, (cost, limit) in limits.items():
        word = "PASS" if cost <= limit else "FAIL"
        print(f"{word}: {what}: {cost:.1f} million instructions, at most {limit}", flush=True)
    return 0 if all(cost <= limit for cost, limit in limits.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
