"""`exrun inventory`: what is in an inventory, whether it is in order, and how to make one."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Annotated

import typer
from pydantic import ValidationError

from inventory import loading
from inventory.errors import SourceError
from inventory.importing import Imported, read_foreign
from inventory.merging import merge
from inventory.model import Host, label_text
from inventory.selection import check_count, select
from inventory.sources.document import Settings
from inventory.sources.native_writing import native_text
from inventory.sources.reading import bytes_of
from runner.cli.commands import Commands
from runner.cli.inventory_files import inventory_files, names_of
from runner.cli.options import ExpectOption, Format, FormatOption, InventoryOption, LimitOption, SelectionArgument
from runner.cli.output import UsageError, emit, problem_document, table_width, tell, write_file
from runner.cli.selecting import selected
from runner.exit_status import ExitStatus
from runner.reports.hosts import host_lines
from runner.terminal import visible
from texts.counting import counted
from texts.encoding import encoded
from texts.problems import SHOWN, MistakeError

group = Commands(help="Check, list and import the servers to work with. Connects to nothing.")


@group.command("check")
def inventory_check(inventory: InventoryOption = None, form: FormatOption = Format.TEXT) -> None:
    """Say everything that is wrong with an inventory: file:line:column, where in the document, what to write.

    \b
    Exit status: 0 it is in order, 2 it is not.

    \b
    Examples:
      exrun inventory check -i inventory.yml
      exrun inventory check -i inventory.yml --format json
    """
    files = inventory_files(inventory)
    try:
        loaded = loading.load(*files)
    except SourceError as error:
        if form is not Format.JSON:
            raise
        problems = [problem_document(problem) for problem in error.problems]
        _json({"schema": "exrun.inventory-check/1", "valid": False, "clients": 0, "hosts": 0, "problems": problems})
        raise typer.Exit(ExitStatus.USAGE) from None
    clients, hosts = len(loaded.clients), len(loaded.hosts)
    if form is Format.JSON:
        _json({"schema": "exrun.inventory-check/1", "valid": True, "clients": clients, "hosts": hosts, "problems": []})
    else:
        total = f"{counted(clients, 'client')}, {counted(hosts, 'server')}"
        typer.echo(f"{names_of(files)}: {total}; nothing is wrong")


@group.command("list")
def inventory_list(
    context: typer.Context,
    selection: SelectionArgument = None,
    inventory: InventoryOption = None,
    limit: LimitOption = None,
    expect: ExpectOption = None,
    form: FormatOption = Format.TEXT,
) -> None:
    """List the servers that a selection selects, with the settings that hold for each and where each is written.

    \b
    A selection: names, globs (EX*), client/name, group:NAME, client:NAME, label=value, and, or, not, ( ).
    Exit status: 0; 2 where the inventory or the selection is wrong, nothing fits, or --expect differs.

    \b
    Examples:
      exrun inventory list -i inventory.yml
      exrun inventory list -i inventory.yml "client:alpha and not role=edge" --expect 4
      exrun inventory list -i inventory.yml "group:dag*" --format json
    """
    hosts = select(loading.load(*inventory_files(inventory)), selected(context, selection, limit)[0])
    check_count(hosts, expect)
    if form is Format.JSON:
        _json({"schema": "exrun.inventory-list/1", "hosts": [_host(host) for host in hosts]})
        return
    emit("".join(f"{line}\n" for line in host_lines(hosts, table_width())))
    typer.echo(counted(len(hosts), "server"))


@group.command("import")
def inventory_import(
    file: Annotated[
        Path, typer.Argument(envvar="EXRUN_IMPORT", help="CSV of Get-ExchangeServer, Ansible's INI or YAML, a list.")
    ],
    client: Annotated[str, typer.Option("--client", envvar="EXRUN_CLIENT", help="Whose servers these are.")],
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", envvar="EXRUN_OUTPUT", help="File to write, or to merge into; standard output."),
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", envvar="EXRUN_FORCE", help="Replace the file, rather than merge into it.")
    ] = False,
    user: Annotated[
        str | None, typer.Option("--user", envvar="EXRUN_USER", help="DOMAIN\\name or name@domain.")
    ] = None,
    credential: Annotated[
        str | None,
        typer.Option(
            "--credential",
            envvar="EXRUN_CREDENTIAL",
            help="Where the password is: env:NAME, keyring:..., vault:..., command:...",
        ),
    ] = None,
    scheme: Annotated[str | None, typer.Option("--scheme", envvar="EXRUN_SCHEME", help="http or https.")] = None,
    authentication: Annotated[
        str | None,
        typer.Option(
            "--authentication", envvar="EXRUN_AUTHENTICATION", help="negotiate, kerberos, ntlm or certificate."
        ),
    ] = None,
    port: Annotated[str | None, typer.Option("--port", envvar="EXRUN_PORT", help="WinRM's port.")] = None,
    ca_file: Annotated[
        str | None, typer.Option("--ca-file", envvar="EXRUN_CA_FILE", help="PEM file of the issuing authority.")
    ] = None,
) -> None:
    """Make an inventory of another list of servers, or merge them into one that is there.

    \b
    FILE is a CSV file (on an Exchange server: Get-ExchangeServer | Export-Csv -NoTypeInformation servers.csv), an
    Ansible inventory in INI or YAML, or a list with one host a line. What is left out, such as every password, is
    said. Into a file that is there hosts are merged: new ones are added, settings that differ are set at their
    hosts, and all else stays as it is written, comments too.
    Exit status: 0; 2 where something is wrong, and then nothing is written.

    \b
    Examples:
      exrun inventory import servers.csv --client alpha
      exrun inventory import servers.csv --client alpha --user "ALPHA\\ops" --credential env:ALPHA_PW -o inventory.yml
      exrun inventory import hosts.ini --client beta -o inventory.yml
    """
    given = {
        "user": user,
        "credential": credential,
        "scheme": scheme,
        "authentication": authentication,
        "port": port,
        "ca_file": ca_file,
    }
    settings = settings_given({name: text for name, text in given.items() if text is not None})
    imported = read_foreign(file, client=client, settings=settings)
    for line in [str(problem) for problem in imported.left_out[:SHOWN]]:
        tell(line)
    if len(imported.left_out) > SHOWN:
        tell(f"and {len(imported.left_out) - SHOWN} more")
    if output is not None and not force and output.exists() and (there := bytes_of(output)).strip():
        _merge(output, there, imported, file.parent)
        return
    text = native_text(imported.client, file.parent)
    if output is None:
        typer.echo(text, nl=False)
        return
    write_file(output, text)
    tell(f"wrote {output}")


def _merge(output: Path, there: bytes, imported: Imported, imported_from: Path) -> None:
    """Puts what was imported into a file, and says what that changed."""
    merged = merge(there, imported.client, file=str(output), folder=output.parent, imported_from=imported_from)
    shown = visible(str(output))
    for name in merged.added:
        typer.echo(f"added       {visible(f'{merged.client}/{name}')}")
    for name, changes in merged.changed.items():
        said = "; ".join(f"{each.key}: {each.before or 'nothing'} -> {each.after or 'nothing'}" for each in changes)
        typer.echo(f"changed     {visible(f'{merged.client}/{name}: {said}')}")
    for kind, names in (("unchanged", merged.unchanged), ("left alone", merged.left_alone)):
        for name in names:
            typer.echo(f"{kind:<11} {visible(f'{merged.client}/{name}')}")
    typer.echo(
        f"{shown}: {len(merged.added)} added, {len(merged.changed)} changed, {len(merged.unchanged)} unchanged, "
        f"{len(merged.left_alone)} left alone"
    )
    data = encoded(merged.text, there)
    if data == there:
        tell(f"{shown} is as it was")
        return
    if bytes_of(output) != there:
        raise UsageError(f"{output} was changed by somebody else meanwhile", "Run it again.")
    write_file(output, data)
    tell(f"wrote {shown}")


def settings_given(given: dict[str, str]) -> Settings:
    """The settings of a host that options give.

    Raises:
        UsageError: one is not written as it is meant.
    """
    try:
        return Settings.model_validate(given)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        option = "--" + str(first["loc"][0]).replace("_", "-")
        mistake = first.get("ctx", {}).get("error")
        what = str(mistake) if isinstance(mistake, MistakeError) else first["msg"]
        what = re.sub(r"`user: '?([^`']+)'?`", r'`--user "\1"`', what)  # double quotes, which every shell takes
        raise UsageError(f"{option}: {what}", "Correct it and run it again.") from None


def _host(host: Host) -> dict[str, object]:
    files = {"ca_file": host.ca_file, "certificate": host.certificate, "certificate_key": host.certificate_key}
    return {
        "client": host.client,
        "name": host.name,
        "address": host.address,
        "port": host.port,
        "scheme": host.scheme.value,
        "authentication": host.authentication.value,
        "user": host.user,
        "credential": None if host.credential is None else str(host.credential),
        **{name: None if path is None else str(path) for name, path in files.items()},
        "allow_public": list(host.allow_public),
        "labels": {label: label_text(values) for label, values in host.labels.items()},
        "label_values": {label: list(values) for label, values in host.labels.items()},
        "groups": sorted(host.groups),
        "origin": {"file": host.origin.file, "line": host.origin.line, "column": host.origin.column},
    }


def _json(members: dict[str, object]) -> None:
    typer.echo(json.dumps(members, indent=2, ensure_ascii=True))
