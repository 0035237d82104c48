"""What a host costs the lab itself: its processor time for one audited host, beside that of an older checkout.

The same client audits both, that of the older checkout, so that both labs are sent the same; a process each. Rounds
alternate, and the median of their ratios counts: what else runs on the machine then hits both.

Limit: 0.3 of the older lab.

    python -m benchmarks.lab_cost [--rev f2a7642] [--hosts 300] [--rounds 5]
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.lab_process import ROOT, served

LIMIT = 0.3
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
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--parallel", type=int, default=4, help="hosts at a time")
    given = parser.parse_args()
    ratios: list[float] = []
    with _checkout(given.rev) as older:
        for number in range(given.rounds):
            trees = {"then": older, "now": ROOT}
            order = list(trees) if number % 2 == 0 else list(trees)[::-1]
            costs = {name: _cost(trees[name], older, given.hosts, given.parallel) for name in order}
            ratios.append(costs["now"].milliseconds / costs["then"].milliseconds)
            print(
                f"  lab of {given.rev}: {costs['then'].milliseconds:5.2f} CPU-ms/host,"
                f" now: {costs['now'].milliseconds:5.2f}, {ratios[-1]:.3f} times;"
                f" {costs['then'].requests:.1f} and {costs['now'].requests:.1f} requests/host",
                flush=True,
            )
    ratio = statistics.median(ratios)
    held = ratio <= LIMIT
    print(f"{'PASS' if held else 'FAIL'}: {ratio:.3f} of the lab of {given.rev} a host, at most {LIMIT}")
    return 0 if held else 1


def _cost(tree: Path, client: Path, hosts: int, parallel: int) -> Cost:
    """One audit by the client of one checkout against the lab of another."""
    with tempfile.TemporaryDirectory() as folder:
        said = json.loads(_python(client, _SAID, folder))
        with served(hosts, 0, said, tree) as lab:
            before = lab.counts()
            _python(client, _AUDIT, folder, json.dumps(lab.ports), str(parallel))
            after = lab.counts()
    if after.scripts - before.scripts < hosts * len(said) / 2:  # each script has two forms
        raise RuntimeError(f"the lab ran {after.scripts - before.scripts} scripts on {hosts} hosts")
    milliseconds = 1000 * (after.cpu_seconds - before.cpu_seconds) / hosts
    return Cost(milliseconds, (after.requests - before.requests) / hosts)


def _python(tree: Path, program: str, *arguments: str) -> str:
    environment = {**os.environ, "PYTHONPATH": str(tree)}
    command = [sys.executable, "-P", "-c", program, *arguments]
    return subprocess.run(command, cwd=tree, env=environment, stdout=subprocess.PIPE, text=True, check=True).stdout


@contextmanager
def _checkout(revision: str) -> Iterator[Path]:
    """The project as it was, in a folder that goes at the end."""
    with tempfile.TemporaryDirectory() as name:
        tree = Path(name) / "then"
        git = ["git", "-C", str(ROOT), "worktree"]
        subprocess.run([*git, "add", "--quiet", "--detach", str(tree), revision], check=True)
        try:
            yield tree
        finally:
            subprocess.run([*git, "remove", "--force", str(tree)], check=True)


if __name__ == "__main__":
    sys.exit(main())
