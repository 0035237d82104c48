"""What a host costs the lab itself, beside an older checkout: instructions for one more audited host, and CPU time.

The same client audits both, that of the older checkout, so that both labs are sent the same; a process each. The
instructions are those of the lab's own process as valgrind counts them, which no load on the machine changes; they are
what the limit is for. CPU time is measured in rounds that alternate; the median of their ratios is shown beside it, and
counts where there is no valgrind.

Limit: 0.3 of the older lab.

    python -m benchmarks.lab_cost [--rev f2a7642] [--hosts 300] [--rounds 3]
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.lab_process import ROOT, Counts, served

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
        median = statistics.median(ratios)
        print(f"  CPU time: {median:.3f} of the lab of {given.rev}")
        ratio = median
        if shutil.which("valgrind") is not None:
            then, now = (_instructions(tree, older, given.parallel) for tree in (older, ROOT))
            ratio = now / then
            print(f"  instructions for a further host: {then / 1e6:.2f} million, now: {now / 1e6:.2f} million")
    held = ratio <= LIMIT
    print(f"{'PASS' if held else 'FAIL'}: {ratio:.3f} of the lab of {given.rev} a host, at most {LIMIT}")
    return 0 if held else 1


def _instructions(tree: Path, client: Path, parallel: int) -> float:
    """What the lab of a checkout executes for one host more."""
    fewer, more = _SIZES
    counted = []
    for hosts in _SIZES:
        with tempfile.TemporaryDirectory() as folder:
            log = Path(folder) / "valgrind.log"
            valgrind = ["valgrind", "--tool=cachegrind", "--cache-sim=no", "--cachegrind-out-file=/dev/null"]
            _audited(tree, client, hosts, parallel, Path(folder), [*valgrind, f"--log-file={log}"])
            found = re.search(r"I +refs: +([0-9,]+)", log.read_text(encoding="utf-8"))
        if found is None:
            raise RuntimeError("valgrind says no number of instructions")
        counted.append(int(found[1].replace(",", "")))
    return (counted[1] - counted[0]) / (more - fewer)


def _cost(tree: Path, client: Path, hosts: int, parallel: int) -> Cost:
    """One audit by the client of one checkout against the lab of another."""
    with tempfile.TemporaryDirectory() as folder:
        before, after = _audited(tree, client, hosts, parallel, Path(folder))
    milliseconds = 1000 * (after.cpu_seconds - before.cpu_seconds) / hosts
    return Cost(milliseconds, (after.requests - before.requests) / hosts)


def _audited(
    tree: Path, client: Path, hosts: int, parallel: int, folder: Path, under: Sequence[str] = ()
) -> tuple[Counts, Counts]:
    """What the lab counted before and after; the process has ended."""
    said = json.loads(_python(client, _SAID, str(folder)))
    with served(hosts, 0, said, tree, under) as lab:
        before = lab.counts()
        _python(client, _AUDIT, str(folder), json.dumps(lab.ports), str(parallel))
        after = lab.counts()
    if after.scripts - before.scripts < hosts * len(said) / 2:  # each script has two forms
        raise RuntimeError(f"the lab ran {after.scripts - before.scripts} scripts on {hosts} hosts")
    return before, after


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
