"""What a host costs the lab itself, beside an older checkout: instructions for one more audited host, and CPU time.

Each lab is audited by the client of its own checkout, since what opens a session and marks a script has changed; the
number of requests, which is printed, is to be the same. A process each. The instructions are those of the lab's own
process as valgrind counts them, which no load on the machine changes; they are what the limit is for. CPU time is
measured in rounds that alternate; the median of their ratios is shown beside it, and counts where there is no valgrind.

Limit: 0.3 of the older lab.

    python -m benchmarks.lab_cost [--rev f2a7642] [--hosts 300] [--rounds 3]
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.checkouts import ROOT, environment, older
from benchmarks.lab_process import Counts, served
from benchmarks.measured import counted, counting

LIMIT = 0.3
_SIZES = (10, 50)  # hosts; what starting costs is not in their difference
_SAID = """
import json, sys
from pathlib import Path
from benchmarks import checks
playbook = checks.write_playbook(Path(sys.argv[1]))
print(json.dumps([said.model_dump() for said in checks.answers(checks.scripts(playbook))]))
"""
_AUDIT = """
import json, sys
from pathlib import Path
from benchmarks import checks, exrun_audit
folder = Path(sys.argv[1])
exrun_audit.audit(json.loads(sys.argv[2]), folder / checks.PLAYBOOK, folder, int(sys.argv[3]))
"""


@dataclass(frozen=True, slots=True)
class Cost:
    """Of one audit: the lab's processor time and the requests, a host."""

    milliseconds: float
    requests: float


def main() -> int:
    """Prints the figures; 1 when the limit is passed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rev", default="f2a7642", help="the older checkout")
    parser.add_argument("--hosts", type=int, default=300)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--parallel", type=int, default=4, help="hosts at a time")
    given = parser.parse_args()
    ratios: list[float] = []
    with older(given.rev) as then_tree:
        for number in range(given.rounds):
            trees = {"then": then_tree, "now": ROOT}
            order = list(trees) if number % 2 == 0 else list(trees)[::-1]
            costs = {name: _cost(trees[name], given.hosts, given.parallel) for name in order}
            ratios.append(costs["now"].milliseconds / costs["then"].milliseconds)
            print(
                f"  lab of {given.rev}: {costs['then'].milliseconds:5.2f} CPU-ms/host,"
                f" now: {costs['now'].milliseconds:5.2f}, {ratios[-1]:.3f} times;"
                f" {costs['then'].requests:.1f} and {costs['now'].requests:.1f} requests/host",
                flush=True,
            )
        median = statistics.median(ratios)
        print(f"  CPU time: {median:.3f} of the lab of {given.rev}")
        ratio = median
        if shutil.which("valgrind") is not None:
            then, now = (_instructions(tree, given.parallel) for tree in (then_tree, ROOT))
            ratio = now / then
            print(f"  instructions for a further host: {then / 1e6:.2f} million, now: {now / 1e6:.2f} million")
    held = ratio <= LIMIT
    print(f"{'PASS' if held else 'FAIL'}: {ratio:.3f} of the lab of {given.rev} a host, at most {LIMIT}")
    return 0 if held else 1


def _instructions(tree: Path, parallel: int) -> float:
    """What the lab of a checkout executes for one host more."""
    fewer, more = _SIZES
    costs = []
    for hosts in _SIZES:
        with tempfile.TemporaryDirectory() as folder:
            log = Path(folder) / "valgrind.log"
            _audited(tree, hosts, parallel, Path(folder), counting(log))
            costs.append(counted(log.read_text(encoding="utf-8")))
    return (costs[1] - costs[0]) / (more - fewer)


def _cost(tree: Path, hosts: int, parallel: int) -> Cost:
    """One audit of the lab of a checkout by its own client."""
    with tempfile.TemporaryDirectory() as folder:
        before, after = _audited(tree, hosts, parallel, Path(folder))
    milliseconds = 1000 * (after.cpu_seconds - before.cpu_seconds) / hosts
    return Cost(milliseconds, (after.requests - before.requests) / hosts)


def _audited(tree: Path, hosts: int, parallel: int, folder: Path, under: Sequence[str] = ()) -> tuple[Counts, Counts]:
    """What the lab counted before and after; the process has ended."""
    said = json.loads(_python(tree, _SAID, str(folder)))
    with served(hosts, 0, said, tree, under) as lab:
        before = lab.counts()
        _python(tree, _AUDIT, str(folder), json.dumps(lab.ports), str(parallel))
        after = lab.counts()
    if after.scripts - before.scripts < hosts * len(said) / 2:  # each script has two forms
        raise RuntimeError(f"the lab ran {after.scripts - before.scripts} scripts on {hosts} hosts")
    return before, after


def _python(tree: Path, program: str, *arguments: str) -> str:
    command = [sys.executable, "-P", "-c", program, *arguments]
    variables = environment(PYTHONPATH=str(tree))
    return subprocess.run(command, cwd=tree, env=variables, stdout=subprocess.PIPE, text=True, check=True).stdout


if __name__ == "__main__":
    sys.exit(main())
