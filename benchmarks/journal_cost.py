"""What a line of the journal costs in processor time, to write and to verify, beside an older checkout.

Both checkouts write the same lines (of an audit's mix: intent, answer and judgement of each script) and verify them,
turn by turn, so that another load on the machine falls on both alike; of each the turn that it disturbed least counts.
The ratio is the measure, seconds are not.
Limits: at most half of the older one's time for each, and 130,000 lines (5,000 hosts) verified in 5 s.

    python -m benchmarks.journal_cost [--rev f2a7642]
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path

LIMIT = 0.5
HOSTS_LINES = 130_000
LIMIT_SECONDS = 5.0
SCRIPT = "5c" * 32
ANSWER = {
    "outcome": "completed",
    "seconds": 0.113,
    "objects": 3,
    "output": [
        {"Kind": "exchange.build", "Name": f"ExSetup{number}.exe", "Version": "15.2.1544.9"} for number in range(3)
    ],
    "errors": [],
    "error_count": 0,
    "warnings": [],
    "warning_count": 0,
}
JUDGEMENT = {
    "action": "exchange.version",
    "verdict": "ok",
    "summary": "Exchange Server 2019 CU14 with the update of November 2026 (15.2.1544.9)",
    "coverage": "full",
    "findings": [],
    "facts": {name: {"value": name} for name in ("product", "cu", "build", "update", "role", "installed")},
}
STARTED = {"address": "192.0.2.7", "port": 5985}
# Of each script three lines, and of each eight scripts two of the host.
TURN: Sequence[tuple[str, str, str | None, Mapping[str, object], bool]] = (
    ("connect", "host-started", None, STARTED, False),
    *(
        line
        for step in range(8)
        for line in (
            ("collect", "script-sending", f"step-{step}", {"steps": [f"step-{step}"]}, step == 0),
            ("collect", "script-answered", f"step-{step}", ANSWER, False),
            ("assess", "step-assessed", f"step-{step}", JUDGEMENT, False),
        )
    ),
    ("collect", "host-ended", None, {"outcome": "compliant", "verdict": "ok", "requests": 9, "seconds": 1.2}, False),
)


@dataclass(frozen=True, slots=True)
class Cost:
    """Microseconds of processor time a line."""

    write: float
    verify: float


def main() -> int:
    """Prints the figures; 1 when a limit is passed."""
    from benchmarks.checkouts import ROOT, older  # not above: `report` runs where the older checkout is imported

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rev", default="f2a7642", help="the older checkout")
    parser.add_argument("--lines", type=int, default=26_000)
    parser.add_argument("--turns", type=int, default=5)
    given = parser.parse_args()
    before: list[Cost] = []
    newer: list[Cost] = []
    with older(given.rev) as tree:
        for _ in range(given.turns):
            before.append(_measured(tree, given.lines))
            newer.append(_measured(ROOT, given.lines))
    held = True
    for name in ("write", "verify"):
        was, now = (min(getattr(cost, name) for cost in each) for each in (before, newer))
        held = held and now / was <= LIMIT
        print(
            f"{name:7s}: {1e6 / was:7.0f} lines a CPU-second before, {1e6 / now:7.0f} now: {now / was:.2f} of the time"
        )
    whole = min(cost.verify for cost in newer) * HOSTS_LINES / 1e6
    held = held and whole <= LIMIT_SECONDS
    print(f"{HOSTS_LINES} lines are verified in {whole:.1f} CPU-seconds")
    print(f"{'PASS' if held else 'FAIL'}: at most {LIMIT} of the time each, and {LIMIT_SECONDS:.0f} s for 5,000 hosts")
    return 0 if held else 1


def _measured(checkout: Path, lines: int) -> Cost:
    """In a process of its own, which imports that checkout's journal."""
    from benchmarks.checkouts import environment

    code = f"import runpy; runpy.run_path({str(Path(__file__))!r})['report']({lines})"
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=checkout,
        env=environment(PYTHONPATH=str(checkout)),
        capture_output=True,
        text=True,
        check=True,
    )
    return Cost(**json.loads(done.stdout))


def report(lines: int) -> None:
    """Writes and verifies so many lines with the journal that is importable, and prints the cost as JSON."""
    from runner.journal.verification import verify
    from runner.journal.writer import Clock, open_journal
    from runner.redaction import Redactor

    word: Callable[[str], str] = str
    of_phase: Callable[[str], str] = str
    with suppress(ImportError):  # the journal once knew our words
        words = import_module("runner.journal.record")
        word, of_phase = words.Event, words.Phase
    turn = [(of_phase(phase), word(event), step, data, durable) for phase, event, step, data, durable in TURN]
    redactor = Redactor()
    redactor.register("a password of the benchmark")
    with tempfile.TemporaryDirectory() as state:
        clock = Clock(lambda: datetime.now(UTC), time.monotonic)
        journal = open_journal(Path(state), run="r1", client="alpha", actor="ops@desk", redactor=redactor, clock=clock)
        begun = time.process_time()
        for number in range(lines // len(TURN)):
            for phase, event, step, data, durable in turn:
                script = None if step is None else SCRIPT
                host = f"EX{number}"
                journal.record(phase, event, host=host, step=step, script_hash=script, data=data, durable=durable)
        journal.close()
        written = time.process_time()
        found = verify(journal.path)
        verified = time.process_time()
    count = lines // len(TURN) * len(TURN)
    if getattr(found, "count", None) != count:
        raise SystemExit(f"the journal does not verify: {found}")
    print(json.dumps({"write": 1e6 * (written - begun) / count, "verify": 1e6 * (verified - written) / count}))


if __name__ == "__main__":
    sys.exit(main())
