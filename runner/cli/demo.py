"""`exrun lab demo`: the main job from end to end, on simulated servers whose state everybody can read.

The lab is served by this process. The audit is the command that a user would run, in a process of its own; its result
is read back from its journals and compared with what each server's file says it must be.
"""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from enum import StrEnum
from importlib import resources
from pathlib import Path
from typing import Annotated

import typer

from playbooks.errors import DocumentError
from runner.cli.demo_changes import Changes
from runner.cli.demo_march import AFTERWARDS, REPORT, March
from runner.cli.options import DEBUG
from runner.exit_status import ExitStatus
from runner.lab.demo.daily import daily
from runner.lab.demo.expectations import FLEET, MARCH, differences, expectations
from runner.lab.demo.planting import planted
from runner.lab.engines.choosing import engines_for
from runner.lab.engines.interface import Engine
from runner.lab.engines.sim.engine import SimEngine, running_loop
from runner.lab.engines.sim.pipeline import Timer
from runner.lab.errors import LabError
from runner.lab.fleet import Fleet
from runner.lab.fleet_file import load_fleet
from runner.lab.ledger import Statement
from runner.lab.publishing import inventory_text, password_variables
from runner.lab.server import Lab, start
from runner.replay import replay
from runner.results import FleetResult
from runner.runs import LAST, find_run, read_run
from runner.terminal import visible
from runner.transport.gate import is_own, marked
from texts.places import Location
from texts.problems import Problem

HOST_SECONDS = 80
MINUTE = 60.0
HASTE = 20  # so many times as fast go the clocks of servers that wait for a deadline; with `pwsh` as fast as ever


class EngineName(StrEnum):
    """What answers for the simulated servers."""

    SIM = "sim"
    PWSH = "pwsh"

    @property
    def pace(self) -> tuple[str, ...]:
        """Options of the audit. The hanging server is given up after three times the connect timeout; a real PowerShell
        takes a second or more of a processor to start, and waits for its turn."""
        match self:
            case EngineName.SIM:
                return ("--connect-timeout", "6")
            case EngineName.PWSH:
                return ("--connect-timeout", "20", "--parallel", "3")


def lab_demo(
    engine: Annotated[
        EngineName,
        typer.Option(envvar="EXRUN_ENGINE", help="sim, or pwsh: a real PowerShell from EXRUN_PWSH or PATH."),
    ] = EngineName.SIM,
    folder: Annotated[
        Path | None,
        typer.Option(
            "--folder",
            envvar="EXRUN_DEMO_FOLDER",
            help="Where inventory, journals and reports go.",
            show_default="a temporary one",
        ),
    ] = None,
) -> None:
    """Work through a simulated fleet of two clients from end to end, and compare all that comes of it.

    \b
    Serves sixteen servers on 127.0.0.1 (patched, vulnerable, half installed, out of support, unreachable, ...), runs
    exrun audit against them, and checks verdicts, findings, and that only collect scripts ran. Then disabled services
    are mended: plan, approval by a second key, apply, another audit, rollback; every script that ran and every server
    is compared. Last comes March 2021 on six servers of another client: who is exposed, was somebody inside; then
    plan, approval, isolation that holds and one that takes itself back, quarantine, mitigation, and the investigation
    again. Needs no network.
    Exit status: 0 when all agrees, 1 when something differs, else that of the audit.

    \b
    Examples:
      exrun lab demo
      exrun lab demo --engine pwsh --folder demo
    """
    began = time.monotonic()
    place = _made(folder)
    with ExitStack() as stack:
        data = stack.enter_context(resources.as_file(resources.files("runner.lab.demo")))
        lab = _served(load_fleet(data / FLEET, engine=engine), stack)
        inventory, report, state = _inventory(lab, place), place / "report.html", place / "state"
        _say(f"Lab: {len(lab.hosts)} simulated servers are up on 127.0.0.1; engine {engine}.")
        arguments = ["audit", "-i", str(inventory), "--state", str(state), "--html", str(report)]
        arguments += ["--timeout", str(HOST_SECONDS), *engine.pace, *as_of(lab.fleet)]
        _say(f"$ exrun {shlex.join(arguments)}\n")
        status = _audited(arguments, lab)
        if status not in (ExitStatus.WELL, ExitStatus.FINDINGS, ExitStatus.NOT_ALL_JUDGED):
            _say(f"The audit ended with status {status}.")
            raise typer.Exit(status)
        parts = read_run(find_run(state, LAST))
        audit = replay([part.state for part in parts])
        named = frozenset(digest for part in parts for digest in part.state.script_texts)
        executed = lab.ledger.scripts()
        wrong = [*differences(audit, expectations()), *unnamed(executed, named)]
        _conclude(audit, wrong, executed)
        changes = Changes(lab, place, engine.pace, as_of(lab.fleet), lambda asked: _audited(asked, lab), _say)
        changes.go(expectations())
        wrong += changes.wrong
    _conclude_changes(changes, place)
    march = _march(engine, place / "march-2021")
    wrong += march.wrong
    _conclude_march(march, time.monotonic() - began)
    raise typer.Exit(ExitStatus.FINDINGS if wrong else ExitStatus.WELL)


def as_of(fleet: Fleet) -> tuple[str, ...]:
    """The option of `exrun audit` that judges a fleet as on its own day; none where it has none."""
    return () if fleet.day is None else ("--as-of", fleet.day.isoformat())


def unnamed(executed: Iterable[Statement], named: frozenset[str]) -> tuple[str, ...]:
    """A line for each thing that ran on a server and is neither a script that the journal names nor a marker."""
    return tuple(
        f"a server ran what the journal does not name: {statement.text[:60]!r} (SHA-256 {statement.sha256})"
        for statement in executed
        if not statement.script or (statement.sha256 not in named and marked(statement.text) is None)
    )


def collects(executed: Iterable[Statement]) -> tuple[Statement, ...]:
    """Of what ran, the collect scripts: neither what opens a locked session nor what marks a script."""
    return tuple(statement for statement in executed if not is_own(statement.text))


def _made(folder: Path | None) -> Path:
    if folder is None:
        return Path(tempfile.mkdtemp(prefix="exrun-demo-"))
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _inventory(lab: Lab, place: Path) -> Path:
    """The lab's inventory, written to a folder."""
    (place / "lab-ca.pem").write_bytes(lab.ca_pem)
    inventory = place / "inventory.yml"
    inventory.write_text(inventory_text(lab, Path("lab-ca.pem"), {}), encoding="utf-8")
    return inventory


def _march(engine: EngineName, place: Path) -> March:
    with ExitStack() as stack:
        data = stack.enter_context(resources.as_file(resources.files("runner.lab.demo")))
        fleet = daily(planted(load_fleet(data.joinpath(*MARCH.split("/")), engine=engine)))
        lab = _served(fleet, stack, {"sim": SimEngine(_hurried, _hurrying(datetime.now(UTC)))})
        _inventory(lab, _made(place))
        known = ("--catalogue", str(data / "march" / "baseline"))
        march = March(lab, place, engine.pace, as_of(fleet), known, lambda asked: _audited(asked, lab), _say)
        march.go(expectations(MARCH))
    return march


def _hurried(seconds: float, call: Callable[[], None]) -> Timer:
    """A deadline of a server whose clock runs fast; what takes seconds takes them as ever."""
    return running_loop(seconds if seconds < MINUTE else seconds / HASTE, call)


def _hurrying(began: datetime) -> Callable[[], datetime]:
    """The clock of such a server."""
    return lambda: began + (datetime.now(UTC) - began) * HASTE


def _served(fleet: Fleet, stack: ExitStack, made: Mapping[str, Engine] | None = None) -> Lab:
    """A lab of the demo, served until the stack is closed; by these engines where they are what the fleet needs."""
    try:
        needed = {host.engine for host in fleet.hosts}
        engines = made if made is not None and needed <= made.keys() else engines_for(fleet)
        for each in engines.values():
            stack.callback(each.close)
        return stack.enter_context(start(fleet, engines))
    except (LabError, OSError) as error:
        raise DocumentError([Problem(Location(FLEET), str(error))]) from None


def _audited(arguments: Sequence[str], lab: Lab) -> int:
    """Runs `exrun` with the lab's passwords in its environment; its exit status."""
    names = password_variables(lab.fleet)
    passwords = {names[host.client]: host.account.password for host in lab.fleet.hosts}
    # Options that the user set for audits of their own, such as EXRUN_LIMIT, are not meant for this one.
    inherited = {key: value for key, value in os.environ.items() if not key.startswith("EXRUN_") or key == DEBUG}
    # No file of defaults of the folder in which the demo is run.
    environment: Mapping[str, str] = {**inherited, **passwords, "EXRUN_CONFIG": ""}
    sys.stdout.flush()
    # Our own program and nothing from outside: no shell, and no package `runner` of the current folder (-P).
    command = [sys.executable, "-P", "-m", "runner.cli.main", *arguments]
    with subprocess.Popen(command, env=environment) as child:  # noqa: S603
        while True:
            try:
                return child.wait()
            except KeyboardInterrupt:  # the terminal sent it to the audit too, which ends in order and says so
                continue


def _conclude(audit: FleetResult, wrong: Sequence[str], executed: Sequence[Statement]) -> None:
    _say("")
    if wrong:
        for line in wrong:
            _say(f"DIFFERS: {line}")
    else:
        _say(
            f"All {len(audit.hosts)} verdicts are those of the servers' files. The servers ran"
            f" {len(collects(executed))} collect scripts, every one named in the journal, and nothing else."
        )


def _conclude_changes(changes: Changes, place: Path) -> None:
    _say("")
    for line in changes.wrong:
        _say(f"DIFFERS: {line}")
    if not changes.wrong:
        _say(
            f"The servers came out as planned: {changes.scripts} scripts that change something ran, each once and "
            "where its plan has it, and a rollback brought back what was, byte for byte."
        )
    _say(f"Plans, signatures and journals: {place}")


def _conclude_march(march: March, seconds: float) -> None:
    _say("")
    for line in march.wrong:
        _say(f"DIFFERS: {line}")
    if not march.wrong:
        _say(
            "Every server of March 2021 is what its file says: compromised, exposed, probed, not to be told, or clean."
        )
        _say("One is cut off and has no web shell any more; one took its isolation back, for nobody could confirm it.")
    _say(f"Reports: {march.folder / REPORT}, and behind it {march.folder / AFTERWARDS}")
    _say(f"{seconds:.1f} s in all.")


def _say(text: str) -> None:
    for line in text.split("\n"):
        typer.echo(visible(line))
