"""`exrun show`, `exrun report` and `exrun journal verify` of a run of many hosts, beside an older version, in one run.

Each version audits a few hosts of a lab, so that the journal is one that it wrote; then the lines of these hosts are
written again under further names, as one chain. Both read a journal of their own with the same hosts and steps.

    python -m benchmarks.show_cost [--rev f2a7642] [--hosts 5000] [--rounds 3]
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from benchmarks.checkouts import ROOT, environment, older
from benchmarks.lab_process import CLIENT
from benchmarks.measured import Measured, run

AUDITED = 10  # hosts of the lab
OLDER = "f2a7642"
AT_MOST_SECONDS = 5.0
UNLIMITED = "report"  # half of it is the layout of a table by rich
COMMANDS = {
    "show": ("show", "last"),
    "show --format json": ("show", "last", "--format", "json"),
    "report": ("report", "last"),
    "journal verify": ("journal", "verify"),
}
# Runs in either checkout, so it uses only what both have.
ONE_AUDIT = """
import sys
from pathlib import Path
from benchmarks import checks, exrun_audit
from benchmarks.lab_process import lab
folder = Path(sys.argv[1])
playbook = checks.write_playbook(folder)
with lab(int(sys.argv[2]), 0.0, playbook) as served:
    exrun_audit.audit(served.ports, playbook, folder)
"""


def audited(checkout: Path, folder: Path) -> Path:
    """The journal of an audit of a few hosts by the exrun of a checkout."""
    command = [sys.executable, "-c", ONE_AUDIT, str(folder), str(AUDITED)]
    subprocess.run(command, cwd=checkout, env=environment(), check=True, capture_output=True)
    [journal] = folder.glob("state/*/runs/*/journal.jsonl")
    return journal


def multiply(journal: Path, hosts: int) -> None:
    """Gives the journal so many hosts, with lines as a writer of the same version makes them."""
    lines = [json.loads(line) for line in journal.read_bytes().splitlines()]
    by_host: dict[str, list[dict[str, Any]]] = {}
    for line in lines:
        if line["host"] is not None:
            by_host.setdefault(line["host"], []).append(line)
    kinds = list(by_host.values())
    names = [f"EX{number:05}" for number in range(hosts)]
    lines[0]["data"]["hosts"] = names
    run_lines = [line for line in lines if line["host"] is None]

    def all_lines() -> Iterator[dict[str, Any]]:
        yield from run_lines[:-1]
        for number, name in enumerate(names):
            for line in kinds[number % len(kinds)]:
                yield {**line, "host": name}
        yield run_lines[-1]

    previous, count = "0" * 64, 0
    with journal.open("wb") as file:
        for count, line in enumerate(all_lines(), start=1):
            members = {**line, "sequence": count, "previous": previous}
            del members["sha256"]
            members["sha256"] = hashlib.sha256(_canonical(members)).hexdigest()
            written = _canonical(members)
            previous = hashlib.sha256(written).hexdigest()
            file.write(written + b"\n")
    head = {"closed": True, "sequence": count, "sha256": previous}
    (journal.parent / "head").write_bytes(_canonical(head) + b"\n")


def _canonical(members: dict[str, Any]) -> bytes:
    return json.dumps(members, ensure_ascii=True, separators=(",", ":"), sort_keys=True).encode()


def read(checkout: Path, journal: Path, name: str) -> Measured:
    """One command of a checkout's exrun over a journal."""
    state = journal.parents[3]
    command = [sys.executable, "-m", "runner.cli.main", *COMMANDS[name]]
    command += [str(journal)] if name == "journal verify" else ["--state", str(state), "--client", CLIENT]
    measured = run(command, checkout, {"COLUMNS": "160"})
    if measured.status != 0:
        raise RuntimeError(f"exrun {name} of {checkout} ended with {measured.status}:\n{measured.errors[-2000:]}")
    return measured


def main() -> int:
    """Prints each round; 1 where a command of this version takes longer than it may at the best of its rounds."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rev", default=OLDER, help="a commit of this repository; empty for none")
    parser.add_argument("--hosts", type=int, default=5000)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    best = dict.fromkeys(COMMANDS, float("inf"))
    ratios: dict[str, list[float]] = {name: [] for name in COMMANDS}
    with tempfile.TemporaryDirectory() as place, older(given.rev) if given.rev else nullcontext(ROOT) as before_it:
        folder = Path(place)
        checkouts = {**({given.rev: before_it} if given.rev else {}), "here": ROOT}
        journals: dict[str, Path] = {}
        for label, checkout in checkouts.items():
            (folder / f"of-{label}").mkdir()
            journals[label] = audited(checkout, folder / f"of-{label}")
            multiply(journals[label], given.hosts)
            lines = journals[label].read_bytes().count(b"\n")
            megabytes = journals[label].stat().st_size / 1e6
            print(f"journal of {given.hosts} hosts by {label}: {lines} lines, {megabytes:.1f} MB", flush=True)
        for number in range(1, given.rounds + 1):
            print(f"  round {number}, load {os.getloadavg()[0]:.1f}")
            for name in COMMANDS:
                found = {label: read(checkouts[label], journals[label], name) for label in checkouts}
                here = found["here"]
                best[name] = min(best[name], here.seconds)
                told = f"    {name:20} here {here.seconds:6.2f} s, {here.cpu_seconds:6.2f} CPU-s"
                told += f", {here.memory / 2**20:5.0f} MiB"
                if given.rev:
                    before = found[given.rev]
                    ratios[name].append(here.cpu_seconds / before.cpu_seconds)
                    told += f"; {given.rev} {before.seconds:6.2f} s, {before.cpu_seconds:6.2f} CPU-s"
                    told += f", {before.memory / 2**20:5.0f} MiB; {ratios[name][-1]:.3f} of its CPU"
                print(told, flush=True)
    passed = True
    for name, seconds in best.items():
        well = seconds <= AT_MOST_SECONDS or name == UNLIMITED
        passed = passed and well
        limit = "no limit" if name == UNLIMITED else f"at most {AT_MOST_SECONDS:g}"
        beside = f", {statistics.median(ratios[name]):.3f} of the CPU of {given.rev}" if given.rev else ""
        print(f"{'PASS' if well else 'FAIL'}: {name}: {seconds:.2f} s, {limit}{beside}")
    return 0 if passed else 1


if __name__ == "__main__":
    sys.exit(main())
