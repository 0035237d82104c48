"""`exrun catalogue`: the tables that judge, their age and where they are from; taking a newer set, and making one."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from runner.cli.commands import Commands
from runner.cli.options import (
    STATE,
    AllowCleartextOption,
    CatalogueOption,
    ConnectTimeoutOption,
    Format,
    FormatOption,
    InventoryOption,
    StateOption,
    TimeoutOption,
)
from runner.cli.output import UsageError, emit
from runner.exit_status import ExitStatus
from runner.terminal import visible

# What these commands work with is imported by them: no other command is to wait for it.

group = Commands(help="The tables that judge: how old they are, where they are from, a newer set.")


@group.command("info")
def catalogue_info(
    state: StateOption = STATE, catalogue: CatalogueOption = None, form: FormatOption = Format.TEXT
) -> None:
    """Say how old the catalogue is, where its rows are from, and what they know.

    \b
    Newest builds, campaigns with their CVEs, and ends of support. The newer of the set that this version ships and
    the one that exrun catalogue update took is in use.
    Exit status: 0; 2 where a table is wrong or the installed set does not verify.

    \b
    Examples:
      exrun catalogue info
      exrun catalogue info --catalogue our-rows
      exrun catalogue info --format json
    """
    from runner.catalogues import info
    from runner.catalogues.store import in_use

    found = info.document(in_use(state, catalogue), _now().date())
    if form is Format.JSON:
        emit(info.json_text(found))
    else:
        emit("".join(f"{visible(line)}\n" for line in info.lines(found)))


@group.command("find")
def catalogue_find(
    hashes: Annotated[list[str], typer.Argument(metavar="SHA256...", help="64 hexadecimal digits each.")],
    state: StateOption = STATE,
    catalogue: CatalogueOption = None,
) -> None:
    """Say whether files are known to be bad, or pages of Exchange, by the SHA-256 of their bytes.

    \b
    With what each is, who says so, and under which licence. A file that no list has is not known to be harmless.
    Exit status: 0 none of them is known-bad, 1 at least one is, 2 one is no SHA-256 or a table is wrong.

    \b
    Examples:
      exrun catalogue find b75f163ca9b9240bf4b37ad92bc7556b40a17e27c2b8ed5c8991385fe07d17d0
    """
    from runner.catalogues.hashes import asked_for, lines
    from runner.catalogues.store import in_use

    try:
        asked = asked_for(hashes)
    except ValueError as error:
        raise UsageError(str(error), "Give the SHA-256 of a file's bytes: 64 hexadecimal digits.") from None
    used = in_use(state, catalogue).catalogue
    emit("".join(f"{visible(line)}\n" for line in lines(used, asked)))
    if any(used.known_bad(sha256) for sha256 in asked):
        raise typer.Exit(ExitStatus.FINDINGS)


@group.command("import")
def catalogue_import(
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="Lists that others publish.")],
    output: Annotated[
        Path, typer.Option("-o", "--output", envvar="EXRUN_OUTPUT", help="The folder of own rows to add them to.")
    ],
    source: Annotated[
        str, typer.Option("--source", envvar="EXRUN_SOURCE", help="Who says it, where the list does not.")
    ] = "",
    licence: Annotated[
        str,
        typer.Option(
            "--licence", envvar="EXRUN_LICENCE", help="Who may have it, where the list does not say: TLP:GREEN."
        ),
    ] = "",
    what: Annotated[
        str, typer.Option("--what", envvar="EXRUN_WHAT", help="What the files are, where the list does not say.")
    ] = "",
    good: Annotated[
        bool, typer.Option("--good", envvar="EXRUN_GOOD", help="The lists are of files that are Exchange's own.")
    ] = False,
    reviewed_by: Annotated[
        str, typer.Option("--reviewed-by", envvar="EXRUN_REVIEWED_BY", help="With --good: who has looked at them.")
    ] = "",
    state: StateOption = STATE,
) -> None:
    """Add lists of known-bad files, or with --good of Exchange's own, to a folder of own rows.

    \b
    Reads STIX 2.1 and 2.0 (indicators for a file's SHA-256), CSV with a column for the hash, and a hash a line as
    sha256sum writes it; with --good what exrun catalogue capture wrote, and Microsoft's baselines (SHA256,build,path).
    Rows are added, and none that is there is changed. To take them back, remove their lines.
    Exit status: 0; 2 where one of the files is no such list or names no SHA-256, and nothing was added.

    \b
    Examples:
      exrun catalogue import cert-bundle.json -o our-rows
      exrun catalogue import hashes.txt -o our-rows --source "CERT Bund" --what "web shells" --licence TLP:GREEN
      exrun catalogue import ex01.csv -o our-rows --good --reviewed-by "A. Reader"
      exrun audit -i inventory.yml --catalogue our-rows
    """
    from runner.catalogues.baselines import read_baseline
    from runner.catalogues.importing import BAD, GOOD, ListError, add, complete, reviewed
    from runner.catalogues.lists import UnreadListError, read_list
    from runner.catalogues.store import in_use
    from texts.counting import counted

    said: list[str] = []
    try:
        tables = in_use(state).tables
        if good:
            pages = []
            for path in files:
                found = read_baseline(_bytes_of(path), str(path))
                pages += reviewed(found, reviewed_by, source=source, licence=licence)
                said.append(f"{path}: {counted(len(found), 'page')} of Exchange, by somebody's word")
            added = add(GOOD, pages, output, tables)
        else:
            rows = []
            for path in files:
                read = read_list(_bytes_of(path), str(path))
                rows += complete(read.rows, source, what, licence)
                said.append(f"{path}: {read.form}, {counted(len(read.rows), 'file')}")
                said += [f"  left out: {count} {why}" for why, count in read.left_out.items()]
            added = add(BAD, rows, output, tables)
    except UnreadListError as error:
        advice = error.problem.advice
        raise UsageError(
            f"{error.problem.location}: {error.problem.what}", f"{advice[:1].upper()}{advice[1:]}."
        ) from None
    except ListError as error:
        raise UsageError(error.what, error.next) from None
    there = f", {added.there} were there" if added.there else ""
    known = f", {added.known} of them the catalogue has too" if added.known else ""
    said += [f"{added.file}: {added.rows} added{there}{known}", f"Read them with --catalogue {output}"]
    for line in said:
        typer.echo(visible(line))


@group.command("capture")
def catalogue_capture(
    context: typer.Context,
    host: Annotated[str, typer.Argument(metavar="HOST", help="A server that is known to be clean.")],
    output: Annotated[
        Path, typer.Option("-o", "--output", envvar="EXRUN_OUTPUT", help="The file to write; it may not be there.")
    ],
    inventory: InventoryOption = None,
    licence: Annotated[
        str, typer.Option("--licence", envvar="EXRUN_LICENCE", help="Who may have the list.")
    ] = "for own use",
    timeout: TimeoutOption = 3600.0,
    connect_timeout: ConnectTimeoutOption = 30.0,
    state: StateOption = STATE,
    catalogue: CatalogueOption = None,
    allow_cleartext: AllowCleartextOption = False,
) -> None:
    """Write down the files of Exchange on a clean server, for other servers of its build to be held against.

    \b
    Scans it as playbook exchange-webshells does, which reads only. Refused where the scan finds anything, or where not
    all is seen. What is written counts for nothing yet: compare it, for instance with what a second clean server gives,
    and add it to your own rows with your name.
    Exit status: 0; 2 where it is refused, or no answer came.

    \b
    Examples:
      exrun catalogue capture EX1 -i inventory.yml -o ex1.csv
      exrun catalogue import ex1.csv -o our-rows --good --reviewed-by "A. Reader"
    """
    from runner.cli.asked import asked_of_one
    from runner.cli.capture_work import PLAYBOOK, capture

    asked = asked_of_one(
        context,
        host,
        inventory=inventory,
        playbook=PLAYBOOK,
        timeout=timeout,
        connect_timeout=connect_timeout,
        state=state,
        catalogue=catalogue,
        allow_cleartext=allow_cleartext,
    )
    found = capture(asked, output, licence)
    typer.echo(visible(f"{output}: {found.pages} files of Exchange {found.build}, not reviewed"))
    for why, count in found.left_out.items():
        typer.echo(visible(f"  left out: {count} {why}"))
    typer.echo(visible(f'When somebody has: exrun catalogue import {output} -o our-rows --good --reviewed-by "NAME"'))


@group.command("update")
def catalogue_update(
    folder: Annotated[Path, typer.Argument(envvar="EXRUN_SET", help="A set that exrun catalogue pack made.")],
    signers: Annotated[
        Path, typer.Option("--signers", envvar="EXRUN_SIGNERS", help="Whom you trust: OpenSSH's allowed_signers.")
    ],
    signer: Annotated[
        str | None, typer.Option("--signer", envvar="EXRUN_SIGNER", help="Whose signature it must be, of these.")
    ] = None,
    allow_older: Annotated[
        bool, typer.Option("--allow-older", envvar="EXRUN_ALLOW_OLDER", help="Take a set that is not newer, too.")
    ] = False,
    state: StateOption = STATE,
) -> None:
    """Take a newer set of tables from a folder, for machines without internet.

    \b
    It is taken only whole, sound, newer than the one in use, and signed by somebody of --signers. Every later
    command verifies it again. exrun catalogue reset goes back.
    Exit status: 0 it is in use, 2 it was not taken.

    \b
    Examples:
      exrun catalogue update /media/usb/exrun-2026-12-14 --signers allowed_signers
      exrun catalogue update exrun-2026-12-14 --signers allowed_signers --signer ops@alpha.example
    """
    from runner.catalogues.store import install
    from runner.signatures.allowed_signers import read_allowed_signers

    with _explained(str(folder)):
        known = read_allowed_signers(_text_of(signers), str(signers), local=_local)
        taken = install(folder, state, known, now=_now(), principal=signer, allow_older=allow_older)
    signed = taken.signed
    typer.echo(f"catalogue as of {taken.as_of} is in use, signed by {visible(signed.by)} ({signed.key})")


@group.command("reset")
def catalogue_reset(state: StateOption = STATE) -> None:
    """Go back to the set of tables that this version ships.

    \b
    Exit status: 0; 2 where the state directory cannot be written.

    \b
    Examples:
      exrun catalogue reset
      exrun catalogue reset --state /srv/exrun
    """
    from runner.catalogues.store import reset

    with _explained(str(state)):
        was = reset(state)
    typer.echo("the shipped catalogue is in use" if was else "the shipped catalogue was in use already")


@group.command("pack")
def catalogue_pack(
    out: Annotated[Path, typer.Argument(envvar="EXRUN_OUT", help="The folder to make.")],
    as_of: Annotated[
        datetime,
        typer.Option(
            "--as-of", envvar="EXRUN_AS_OF", formats=["%Y-%m-%d"], help="The day up to which the tables were kept."
        ),
    ],
    source: Annotated[
        Path | None,
        typer.Option("--from", envvar="EXRUN_FROM", help="A folder with all tables.", show_default="the set in use"),
    ] = None,
    key: Annotated[
        Path | None,
        typer.Option("--sign", envvar="EXRUN_SIGN", help="Sign it with this SSH key; a public one: with the agent."),
    ] = None,
    state: StateOption = STATE,
) -> None:
    """Make a set of tables that others take with exrun catalogue update.

    \b
    The tables are checked row by row, and named in a manifest by their SHA-256. ssh-keygen signs it, with keys in
    files, agents or FIDO tokens.
    Exit status: 0 it is made, 2 it is not.

    \b
    Examples:
      exrun catalogue pack exrun-2026-12-14 --from tables --as-of 2026-12-14 --sign ~/.ssh/id_ed25519
    """
    from playbooks.catalogue.manifest import MANIFEST
    from playbooks.catalogue.sets import SHIPPED, folder_files, shipped_files
    from runner.catalogues.packing import pack
    from runner.catalogues.store import NAMESPACE, SIGNATURE, in_use

    if source is not None:
        tables, where = folder_files(source, also=(SIGNATURE,), without=(MANIFEST, SIGNATURE)), str(source)
    elif (used := in_use(state).folder) is not None:
        tables, where = folder_files(used, also=(SIGNATURE,)), str(used)
    else:
        tables, where = shipped_files(), SHIPPED
    tables = {name: data for name, data in tables.items() if name not in (MANIFEST, SIGNATURE)}
    with _explained(str(out)):
        manifest, signer = pack(tables, where, out, as_of=as_of.date(), today=_now().date(), key=key)
    rows = sum(entry.rows for entry in manifest.tables.values())
    typer.echo(f"{visible(str(out))}: {rows} rows as of {manifest.as_of}")
    if signer is not None:
        typer.echo(f"signed with {signer.fingerprint}")
    else:
        typer.echo(f"not signed: ssh-keygen -Y sign -n {NAMESPACE} -f KEY {visible(str(out / MANIFEST))}")


@contextlib.contextmanager
def _explained(what: str) -> Iterator[None]:
    """Signatures and refusals as the command line tells them."""
    from runner.catalogues.store import RefusedError
    from runner.signatures.errors import AllowedSignersError, SignatureError, SigningError

    try:
        yield
    except RefusedError as error:
        raise UsageError(error.what, error.next) from error
    except (AllowedSignersError, SigningError) as error:
        raise UsageError(error.what, error.next) from error
    except SignatureError as error:
        raise UsageError(f"{what}: its signature is refused: {error.what}", error.next) from error


def _text_of(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = (error.strerror if isinstance(error, OSError) else None) or "it is not UTF-8"
        raise UsageError(
            f"{path}: cannot be read: {reason}", "Name a list in OpenSSH's form of allowed_signers."
        ) from None


def _bytes_of(path: Path) -> bytes:
    from runner.catalogues.lists import MOST_BYTES

    try:
        with path.open("rb") as file:
            return file.read(MOST_BYTES + 1)
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {error.strerror}", "Name a file that is there.") from None


def _local(naive: datetime) -> datetime:
    return naive.astimezone(UTC)


def _now() -> datetime:
    return datetime.now(UTC)
