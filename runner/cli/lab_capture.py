"""`exrun lab capture`: what it takes. What it does is in lab_capture_work.py."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from runner.cli.asked import asked_of_one
from runner.cli.audit import PLAYBOOK
from runner.cli.options import (
    STATE,
    AllowCleartextOption,
    AllowFullLanguageOption,
    AsOfOption,
    CatalogueOption,
    ConnectTimeoutOption,
    Format,
    FormatOption,
    InventoryOption,
    ParamOption,
    SearchOption,
    StateOption,
    TimeoutOption,
)


def lab_capture(
    context: typer.Context,
    host: Annotated[str, typer.Argument(metavar="HOST", help="The server whose answers are recorded.")],
    output: Annotated[
        Path, typer.Option("-o", "--output", envvar="EXRUN_OUTPUT", help="The file to write; it may not be there.")
    ],
    inventory: InventoryOption = None,
    playbook: Annotated[
        str, typer.Option("-p", "--playbook", envvar="EXRUN_PLAYBOOK", help="A playbook's name or file.")
    ] = PLAYBOOK,
    step: Annotated[
        list[str] | None,
        typer.Option(
            "--step", envvar="EXRUN_STEP", metavar="STEP", help="Write down this step alone; all are asked. Repeatable."
        ),
    ] = None,
    replace: Annotated[
        list[str] | None,
        typer.Option(
            "--replace", envvar="EXRUN_REPLACE", metavar="NAME", help="Replace this name as well. Repeatable."
        ),
    ] = None,
    param: ParamOption = None,
    search: SearchOption = None,
    timeout: TimeoutOption = 300.0,
    connect_timeout: ConnectTimeoutOption = 30.0,
    form: FormatOption = Format.TEXT,
    state: StateOption = STATE,
    catalogue: CatalogueOption = None,
    allow_cleartext: AllowCleartextOption = False,
    allow_full_language: AllowFullLanguageOption = False,
    as_of: AsOfOption = None,
) -> None:
    """Record what a real server answers to a playbook's collect scripts, names replaced: a bug report is a file.

    \b
    Reads only, as exrun audit does, and is a run like that. What is written is a file of cases that exrun playbook
    test runs anywhere. Names, addresses, SIDs and GUIDs become placeholders, each always the same; passwords of this
    tool are taken out. What could not be told for a name is still in it: READ THE FILE before you send it.
    Exit status: 0 written, 1 what is written is judged otherwise than the server's own answers, 2 input wrong and
    nothing sent, or the file cannot be written, 3 the server was not reached, an answer is missing, or nothing could
    be written of it; the highest that applies.

    \b
    Examples:
      exrun lab capture EX1 -i inventory.yml -o bug-report.yml
      exrun lab capture EX1 -i inventory.yml -p exchange-investigate -o bug-report.yml --replace "Contoso Ltd"
      exrun playbook test bug-report.yml
    """
    from runner.cli.lab_capture_work import captured  # what works through a run: help needs none of it

    asked = asked_of_one(
        context,
        host,
        inventory=inventory,
        playbook=playbook,
        timeout=timeout,
        connect_timeout=connect_timeout,
        state=state,
        catalogue=catalogue,
        allow_cleartext=allow_cleartext,
        allow_full_language=allow_full_language,
        param=param,
        search=search,
        as_of=as_of,
    )
    raise typer.Exit(captured(asked, output, tuple(step or ()), tuple(replace or ()), form))
