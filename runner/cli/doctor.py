"""`exrun doctor`: what it takes. What it does is loaded once its options are read (doctor_work.py)."""

from __future__ import annotations

from typing import Annotated

import typer

from runner.cli.asked import Asked
from runner.cli.commands import of_file
from runner.cli.inventory_files import announced
from runner.cli.options import (
    STATE,
    AllowCleartextOption,
    ConnectTimeoutOption,
    ExpectOption,
    Format,
    FormatOption,
    InventoryOption,
    LimitOption,
    RunTimeoutOption,
    SelectionArgument,
    StateOption,
    TimeoutOption,
)
from runner.reports.formats import AuditFormat

PLAYBOOK = "doctor"


def doctor(
    context: typer.Context,
    selection: SelectionArgument = None,
    inventory: InventoryOption = None,
    limit: LimitOption = None,
    expect: ExpectOption = None,
    parallel: Annotated[
        int, typer.Option("--parallel", envvar="EXRUN_PARALLEL", min=1, max=1000, help="Servers at a time.")
    ] = 16,
    timeout: TimeoutOption = 120.0,
    connect_timeout: ConnectTimeoutOption = 15.0,
    run_timeout: RunTimeoutOption = None,
    form: FormatOption = Format.TEXT,
    state: StateOption = STATE,
    allow_cleartext: AllowCleartextOption = False,
) -> None:
    """Find out why servers cannot be reached, and what to do. Changes nothing.

    \b
    Checks, in this order: password, name, port, TLS, what the server offers, one log-on, encryption, quotas,
    session, language, PowerShell, rights, clock, time for one command. Each that fails is told with its cause and what
    to do. A log-on is tried once a server, and no more with an account that three servers refused.
    Exit status: 0 every check passes, 1 a check failed or tells neither, 2 input wrong and nothing sent,
    6 the journal cannot be written, 130 interrupted.

    \b
    Examples:
      exrun doctor -i inventory.yml
      exrun doctor EX1
      exrun doctor "group:dag1 and not EX3" -i inventory.yml --timeout 60
      exrun doctor -i inventory.yml --format json > doctor.json
    """
    asked = Asked(
        context=context,
        of_file=of_file(context),
        inventory=announced(inventory),
        selection=selection,
        playbook=PLAYBOOK,
        limit=limit,
        expect=expect,
        param=None,
        search=None,
        parallel=parallel,
        timeout=timeout,
        connect_timeout=connect_timeout,
        run_timeout=run_timeout,
        form=AuditFormat(form.value),
        html=None,
        state=state,
        catalogue=None,
        sign_with=None,
        anchor=None,
        allow_cleartext=allow_cleartext,
        allow_full_language=False,
        skip_unresolved=True,
        as_of=None,
        strict=False,
        details=False,
    )
    from runner.cli import doctor_work

    raise typer.Exit(doctor_work.doctor(asked))
