"""webshell.scan of a web root of 20,000 files, 1,000 of which IIS could run.

On a server of the lab's engine `pwsh`: the script beside `Get-ChildItem -Recurse` with `Get-FileHash` of every file, in
the same PowerShell, by turns: processor time and time by the clock. On the controller: the memory of `exrun audit` with
that answer beside one of a server without files, both of the engine `sim`.

    EXRUN_PWSH=pwsh python -m benchmarks.scan_cost [--files 20000] [--pages 1000] [--rounds 2]
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks.checkouts import ROOT
from benchmarks.exrun_audit import ENVIRONMENT, command
from benchmarks.lab_program import CLIENT, PASSWORD, USER
from benchmarks.measured import run
from playbooks.rendering import render
from runner.lab.engines.pwsh import PwshEngine
from runner.lab.engines.sim.engine import SimEngine, built_in_templates
from runner.lab.fleet import Account, Fleet, LabHost
from runner.lab.server import start
from runner.lab.state import FileState, HostState
from tests.runner.lab.engines.client import Client
from tests.runner.lab.engines.judging import LIMITS

LIMIT_SECONDS = 20.0  # of processor time on the host
LIMIT_RATIO = 1.0  # of the peer's processor time
LIMIT_MEMORY = 64.0  # MB on the controller

WWWROOT = "C:\\inetpub\\wwwroot"
HOST_CONFIG = "C:\\Windows\\System32\\inetsrv\\config\\applicationHost.config"
SITES = (
    '<configuration><system.applicationHost><sites><site name="Default Web Site"><application path="/" '
    'applicationPool="DefaultAppPool"><virtualDirectory path="/" physicalPath="C:\\inetpub\\wwwroot" /></application>'
    "</site></sites></system.applicationHost></configuration>"
)
PAGE = '<%@ Page Language="C#" %>\n' + "<p>Nothing that runs, as long as pages of Exchange are.</p>\n" * 60
PLAIN = f"""(Get-ChildItem -LiteralPath '{WWWROOT}' -Recurse -File -Force |
    ForEach-Object -Process {{ Get-FileHash -LiteralPath $_.FullName -Algorithm SHA256 }} | Measure-Object).Count"""
SPENT = "[System.Diagnostics.Process]::GetCurrentProcess().TotalProcessorTime.TotalSeconds"
PLAYBOOK = "name: scan\ntitle: Web shells\nsteps:\n  - {id: webshells, action: webshell.scan}\n"


def files(count: int, pages: int) -> Iterator[tuple[str, bytes]]:
    """Paths below the web root with `/`, and what each holds: pages between pictures and scripts, 100 to a folder."""
    for number in range(count):
        runs = number * pages // count != (number + 1) * pages // count
        name = f"f{number // 100:03}/a{number:05}.{'aspx' if runs else ('png', 'js', 'css', 'gif')[number % 4]}"
        yield name, f"{PAGE}{number}".encode() if runs else b"x" * 3000


def on_the_host(powershell: Path, count: int, pages: int, rounds: int) -> bool:
    """Prints what the script and its peer take; whether the limits held."""
    engine = PwshEngine(powershell)
    script = render(built_in_templates()["webshell.scan"], LIMITS)
    taken: dict[str, list[tuple[float, float]]] = {"scan": [], "plain": []}
    try:
        with Client(engine, HostState(name="EX1", files={HOST_CONFIG: FileState(content=SITES)})) as client:
            (drive,) = engine.root.glob("*/drives/C")
            for name, held in files(count, pages):
                path = drive / "inetpub" / "wwwroot" / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(held)
            for _ in range(rounds):
                for name, text in (("scan", script), ("plain", PLAIN)):
                    before, began = float(client.run(SPENT).output[0]), time.perf_counter()
                    said = client.run(text)
                    seconds = time.perf_counter() - began
                    taken[name].append((float(client.run(SPENT).output[0]) - before, seconds))
                    assert (said.problem, said.errors) == (None, [])
                    if name == "scan":
                        told = [each["Path"] for each in said.output if each["Kind"] == "File"]
                        assert len(told) == pages + 1, len(told)
                    else:
                        assert said.output == [count]
    finally:
        engine.close()
    for name, each in taken.items():
        print(f"  {name:5}: " + ", ".join(f"{cpu:.1f} CPU-s in {seconds:.1f} s" for cpu, seconds in each))
    scan, plain = (min(cpu for cpu, _ in taken[name]) for name in ("scan", "plain"))
    quick = scan <= LIMIT_SECONDS
    print(f"{'PASS' if quick else 'FAIL'}: {scan:.1f} CPU-s on the host, at most {LIMIT_SECONDS:.0f}")
    fits = scan / plain <= LIMIT_RATIO
    print(
        f"{'PASS' if fits else 'FAIL'}: {scan / plain:.2f} times Get-ChildItem and Get-FileHash, at most {LIMIT_RATIO}"
    )
    return quick and fits


def on_the_controller(count: int, pages: int) -> bool:
    """Prints the memory that `exrun audit` takes for the answer; whether the limit held."""
    took = [_memory({}), _memory({f"{WWWROOT}\\{name}".replace("/", "\\"): held for name, held in files(count, pages)})]
    more = (took[1] - took[0]) / 1e6
    print(f"  exrun audit: {took[0] / 1e6:.0f} MB of a server without files, {took[1] / 1e6:.0f} MB of this one")
    held = more <= LIMIT_MEMORY
    print(f"{'PASS' if held else 'FAIL'}: {more:.0f} MB on the controller, at most {LIMIT_MEMORY:.0f}")
    return held


def _memory(held: dict[str, bytes]) -> int:
    state = HostState(
        name="EX1",
        files={
            HOST_CONFIG: FileState(content=SITES),
            **{path: FileState(content=each.decode()) for path, each in held.items()},
        },
    )
    host = LabHost(CLIENT, "EX1", state, Account(USER, PASSWORD))
    with tempfile.TemporaryDirectory() as folder, start(Fleet((host,)), {"sim": SimEngine()}) as lab:
        playbook = Path(folder, "scan.yml")
        playbook.write_text(PLAYBOOK, encoding="utf-8")
        ports = {each.host.name: each.port for each in lab.hosts.values()}
        measured = run(command(ports, playbook, Path(folder)), ROOT, ENVIRONMENT)
        assert measured.status in (0, 1, 3), measured.errors[-2000:]
        assert ("files that IIS could run" in measured.output) == bool(held), measured.output[-2000:]
    return measured.memory


def main() -> int:
    """Prints the figures; 1 when a limit is passed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=int, default=20_000)
    parser.add_argument("--pages", type=int, default=1_000)
    parser.add_argument("--rounds", type=int, default=2)
    given = parser.parse_args()
    print(f"webshell.scan of {given.files} files, {given.pages} pages among them")
    held = on_the_controller(given.files, given.pages)
    named = os.environ.get("EXRUN_PWSH") or shutil.which("pwsh")
    if named is None:
        print("SKIPPED: on the host: set EXRUN_PWSH or put pwsh on PATH")
        return 0 if held else 1
    return 0 if on_the_host(Path(named), given.files, given.pages, given.rounds) and held else 1


if __name__ == "__main__":
    sys.exit(main())
