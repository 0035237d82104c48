"""`exrun lab`: simulated Exchange servers on this machine. With demo.py the only part of exrun that imports the lab."""

from __future__ import annotations

import asyncio
import contextlib
import shlex
import signal
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, TextIO

import typer

from playbooks.errors import DocumentError, PlaybookError
from runner.cli.commands import Commands
from runner.cli.demo import lab_demo
from runner.cli.lab_capture import lab_capture
from runner.exit_status import ExitStatus
from runner.lab.certificates import Authority
from runner.lab.engines.choosing import engines_for
from runner.lab.errors import LabError
from runner.lab.fleet_file import load_fleet
from runner.lab.ledger import Ledger
from runner.lab.publishing import inventory_text, password_variables
from runner.lab.saving import save as saved
from runner.lab.server import Lab, alone
from runner.terminal import visible
from texts.places import Location
from texts.problems import Problem

group = Commands(help="Simulated Exchange servers on 127.0.0.0/8, for rehearsals and tests; answers of real ones.")


@group.command("up")
def lab_up(
    fleet: Annotated[Path, typer.Argument(envvar="EXRUN_FLEET", help="The fleet file (docs/reference/lab.md).")],
    inventory_out: Annotated[
        Path | None,
        typer.Option("--inventory-out", envvar="EXRUN_INVENTORY_OUT", help="Write an inventory that fits the fleet."),
    ] = None,
    ledger: Annotated[
        Path | None,
        typer.Option("--ledger", envvar="EXRUN_LEDGER", help="Write every script executed, as JSON lines."),
    ] = None,
    ca_out: Annotated[
        Path | None,
        typer.Option("--ca-out", envvar="EXRUN_CA_OUT", help="Write the CA of the HTTPS hosts, as PEM."),
    ] = None,
    engine: Annotated[
        str | None,
        typer.Option("--engine", envvar="EXRUN_ENGINE", help="sim or pwsh for all hosts, whatever the files say."),
    ] = None,
    save: Annotated[
        Path | None,
        typer.Option(
            "--save", envvar="EXRUN_SAVE", help="Write in the end what each server has become, CLIENT/NAME.yml."
        ),
    ] = None,
) -> None:
    """Serve a fleet of simulated servers until Ctrl-C.

    \b
    Exit status: 0 after Ctrl-C; 2 where the fleet file is wrong or cannot be served.

    \b
    Examples:
      exrun lab up fleet.yml --inventory-out inventory.yml
      exrun lab up fleet.yml --ledger ledger.jsonl --ca-out lab-ca.pem
      exrun lab up fleet.yml --save states-after
    """
    loaded = load_fleet(fleet, engine=engine)
    with ExitStack() as stack:
        try:
            engines = engines_for(loaded)
            for one in engines.values():
                stack.callback(one.close)
            file = None if ledger is None else stack.enter_context(ledger.open("w", encoding="utf-8"))
        except (LabError, OSError) as error:
            raise _unusable(fleet, error) from None
        served = Lab(loaded, engines, _ledger(file), Authority(datetime.now(UTC)))
        try:
            asyncio.run(_serve(served, inventory_out, ca_out))
            if save is not None:  # while the engines still have them
                typer.echo(visible(f"states: {saved(served.states(), save)} in {save}"))
        except (LabError, OSError) as error:
            raise _unusable(fleet, error) from None
    raise typer.Exit(ExitStatus.WELL)


group.command("demo")(lab_demo)
group.command("capture")(lab_capture)


def _ledger(file: TextIO | None) -> Ledger:
    return Ledger(lambda: datetime.now(UTC), file)


def _unusable(fleet: Path, error: Exception) -> PlaybookError:
    what = str(error) if isinstance(error, LabError) else f"{error.__class__.__name__}: {error}"
    return DocumentError([Problem(Location(str(fleet)), what)])


async def _serve(served: Lab, inventory_out: Path | None, ca_out: Path | None) -> None:
    enough = asyncio.Event()
    with _on_interrupt(enough):
        try:
            await served.begin()
            alone()
            for line in _published(served, inventory_out, ca_out):
                typer.echo(visible(line))
            await enough.wait()
        finally:
            await served.end()


@contextlib.contextmanager
def _on_interrupt(enough: asyncio.Event) -> Iterator[None]:
    """Ctrl-C and SIGTERM end the lab in order."""
    loop = asyncio.get_running_loop()
    before = {}

    def end(number: int, frame: object) -> None:
        loop.call_soon_threadsafe(enough.set)

    for number in (signal.SIGINT, signal.SIGTERM):
        before[number] = signal.signal(number, end)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _published(served: Lab, inventory_out: Path | None, ca_out: Path | None) -> Iterator[str]:
    """Writes the files that were asked for; yields what there is to say."""
    hosts = served.hosts.values()
    if ca_out is None and inventory_out is not None and any(one.host.scheme == "https" for one in hosts):
        ca_out = inventory_out.with_name("lab-ca.pem")
    certificates: dict[str, tuple[Path, Path]] = {}
    if ca_out is not None:
        ca_out.write_bytes(served.ca_pem)
        for one in hosts:
            if one.host.authentication == "certificate" and one.host.client not in certificates:
                certificates[one.host.client] = _certificate(served, one.host.client, ca_out.parent)
    rows = [(one.host.key, one.url, one.host.engine, _faults(one.host.faults)) for one in hosts]
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    for row in rows:
        yield "  ".join((*(text.ljust(width) for text, width in zip(row, widths, strict=False)), row[3])).rstrip()
    yield ""
    names = password_variables(served.fleet)
    told = set()
    for host in served.fleet.hosts:
        if host.client not in told:
            told.add(host.client)
            yield f"export {names[host.client]}={shlex.quote(host.account.password)}  # {host.account.user}"
    if inventory_out is not None:
        ca_file = None if ca_out is None else ca_out.resolve()
        inventory_out.write_text(inventory_text(served, ca_file, certificates), encoding="utf-8")
        yield f"inventory: {inventory_out}"
    if ca_out is not None:
        yield f"CA: {ca_out}"
    if served.fleet.day is not None:
        yield f"to be judged as on its own day: exrun audit --as-of {served.fleet.day}"
    yield f"{len(rows)} servers are up. Ctrl-C ends them."


def _certificate(served: Lab, client: str, folder: Path) -> tuple[Path, Path]:
    """Writes an account's certificate and key; returns where."""
    account = next(host.account for host in served.fleet.hosts if host.client == client)
    issued = served.client_certificate(account)
    certificate, key = folder / f"{client}-client.pem", folder / f"{client}-client-key.pem"
    certificate.write_bytes(issued.certificate_pem)
    key.touch(mode=0o600)
    key.write_bytes(issued.key_pem)
    return certificate.resolve(), key.resolve()


def _faults(faults: tuple[object, ...]) -> str:
    return f"{len(faults)} faults" if len(faults) > 1 else "1 fault" if faults else ""
