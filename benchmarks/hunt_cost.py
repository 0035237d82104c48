"""What a hunt through logs costs the server, beside a plain Select-String over the same files on the same engine.

Logs of HttpProxy of the given size, in files of 10 MB as Exchange cuts them, with a probe now and then, one session and
one line of 10 MB, lie on a server of the lab's engine `pwsh`. proxylogon.hunt's own script reads them, and so does
`Get-ChildItem | Select-String -SimpleMatch`, by turns; of each the turn that another load disturbed least counts. What
the hunt came to is judged as well, and the line of 10 MB has to be told. Memory is the largest of the PowerShell
process, of a hunt through a tenth of the logs and of all.
Limits: at most 2 times Select-String's time; at most 100 MB more for all logs than for a tenth.

    python -m benchmarks.hunt_cost [--megabytes 2000] [--turns 2]
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import time
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from playbooks.actions.proxylogon.hunt.assess import assess
from playbooks.catalogue.catalogue import Catalogue
from playbooks.findings import Verdict
from runner.lab.engines.pwsh import PwshEngine
from tests.runner.lab.engines import logs
from tests.runner.lab.engines.client import Client, Said
from tests.runner.lab.engines.judging import SCRIPTS, observation
from tests.runner.lab.engines.states import WHOLE, binaries, server

ACTION = "proxylogon.hunt"
FOLDER = "Program Files/Microsoft/Exchange Server/V15/Logging/HttpProxy/Ecp"
SHOWN = f"C:\\{FOLDER}".replace("/", "\\")
PLAIN = (
    f"@(Get-ChildItem -LiteralPath '{SHOWN}' -Filter '*.log' -File | ForEach-Object {{"
    " Select-String -LiteralPath $_.FullName -SimpleMatch -Pattern 'ServerInfo~' }).Count"
)
FILE = 10_000_000
LIMIT = 2.0
LIMIT_MEMORY = 100_000_000
LONG_LINE = 10_000_000
EVERY = 20_000  # lines from one probe to the next


@dataclass(frozen=True, slots=True)
class Turn:
    """One hunt, or one Select-String.

    Attributes:
        memory: the largest resident size of the PowerShell that it ran in, in bytes.
    """

    said: Said
    seconds: float
    memory: int


def write_logs(folder: Path, size: int) -> None:
    """As many files as make up the size; the same bytes each time."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    agent = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML  like Gecko) Chrome/118.0.0.0"
    ordinary = logs.row(
        "someone@example.org", UserAgent=agent, RequestId="9" * 36, BackEndStatus="200", TargetServer="EX1" * 60
    )
    probe = logs.row(logs.AUTODISCOVER, "401")
    block = "".join(f"{ordinary}\r\n" for _ in range(EVERY)) + f"{probe}\r\n"
    for number in range(max(1, size // FILE)):
        with (folder / f"HttpProxy_{number:010}-1.LOG").open("w", encoding="utf-8", newline="") as file:
            file.write(f"{logs.FIELDS}\r\n")
            if number == 0:
                long = logs.row("someone@example.org", UserAgent="y" * LONG_LINE + "ServerInfo~")
                file.write(f"{logs.row(logs.SESSION, '241')}\r\n{long}\r\n")
            while file.tell() < FILE:
                file.write(block[: FILE - file.tell() + len(ordinary)].rpartition("\n")[0] + "\n")


def turn(powershell: Path, size: int, script: str) -> Turn:
    """In a PowerShell of its own."""
    engine = PwshEngine(powershell)
    try:
        with Client(engine, server(WHOLE, {**binaries("15.02.1544.036"), **logs.quiet()})) as client:
            [root] = [each for each in engine.root.iterdir() if (each / "drives").is_dir()]
            write_logs(root / "drives" / "C" / FOLDER, size)
            before = time.perf_counter()
            said = client.run(script)
            seconds = time.perf_counter() - before
            memory = max((_peak(pid) for pid in _children()), default=0)
    finally:
        engine.close()
    assert (said.problem, said.errors) == (None, []), said
    return Turn(said, seconds, memory)


def _children() -> list[int]:
    return [
        int(entry.name)
        for entry in Path("/proc").iterdir()
        if entry.name.isdigit() and f"\nPPid:\t{os.getpid()}\n" in _status(int(entry.name))
    ]


def _peak(pid: int) -> int:
    found = [line.split()[1] for line in _status(pid).splitlines() if line.startswith("VmHWM:")]
    return int(found[0]) * 1024 if found else 0


def _status(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    except OSError:
        return ""


def main() -> int:
    """Prints what was measured; 1 where a limit was not held."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--megabytes", type=int, default=2000, help="of logs (2000)")
    options.add_argument("--turns", type=int, default=2, help="of each (2)")
    options.add_argument("--powershell", type=Path, default=os.environ.get("EXRUN_PWSH") or shutil.which("pwsh"))
    asked = options.parse_args()
    if asked.powershell is None:
        print("SKIPPED: no PowerShell 7.4 or later: set EXRUN_PWSH")
        return 0
    size = asked.megabytes * 1_000_000
    small = turn(asked.powershell, size // 10, SCRIPTS[ACTION])
    hunts, plains = [], []
    for _ in range(asked.turns):
        hunts.append(turn(asked.powershell, size, SCRIPTS[ACTION]))
        plains.append(turn(asked.powershell, size, PLAIN))
    hunt, plain = (min(each, key=lambda one: one.seconds) for each in (hunts, plains))
    judged = assess(observation(ACTION, hunt.said), {}, Catalogue.load(), date.today())  # noqa: DTZ011
    print(f"{asked.megabytes} MB: hunt {hunt.seconds:.1f} s, {asked.megabytes / hunt.seconds:.0f} MB/s; "
          f"Select-String {plain.seconds:.1f} s; {len(hunt.said.output)} records sent")  # fmt: skip
    held = True
    ratio = hunt.seconds / plain.seconds
    held &= _said(ratio <= LIMIT, f"{ratio:.2f} times Select-String's time, at most {LIMIT}")
    more = (hunt.memory - small.memory) / 1e6
    what = f"{hunt.memory / 1e6:.0f} MB of memory, {more:.0f} MB more than for a tenth of the logs"
    held &= _said(hunt.memory - small.memory <= LIMIT_MEMORY, f"{what}, at most {LIMIT_MEMORY / 1e6:.0f}")
    told = any("too long to be sent whole" in line for each in judged.findings for line in each.evidence)
    right = judged.verdict is Verdict.COMPROMISED and told
    held &= _said(right, "the session was found, and the line of 10 MB is told as one that does not decide")
    return 0 if held else 1


def _said(held: bool, what: str) -> bool:
    print(f"{'PASS' if held else 'FAIL'}: {what}", flush=True)
    return held


if __name__ == "__main__":
    sys.exit(main())
