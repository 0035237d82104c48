"""`exrun audit`: what it takes. What it does is loaded once its first line stands (audit_work.py)."""

from __future__ import annotations

import gc
from pathlib import Path
from typing import Annotated

import typer

from runner.cli.asked import Asked, AskedEvents
from runner.cli.commands import of_file
from runner.cli.inventory_files import announced
from runner.cli.options import (
    STATE,
    AllowCleartextOption,
    AllowFullLanguageOption,
    AnchorOption,
    AsOfOption,
    AuditFormatOption,
    BrandOption,
    CatalogueOption,
    ConnectTimeoutOption,
    DetailsOption,
    EventsAuthOption,
    EventsCaOption,
    EventsFormatOption,
    EventsOption,
    ExpectOption,
    InventoryOption,
    LimitOption,
    NotifyOption,
    ParamOption,
    RunTimeoutOption,
    SearchOption,
    SelectionArgument,
    SignWithOption,
    SkipUnresolvedOption,
    StateOption,
    TimeoutOption,
)
from runner.reports.formats import AuditFormat

PLAYBOOK = "exchange-audit"


def audit(
    context: typer.Context,
    selection: SelectionArgument = None,
    inventory: InventoryOption = None,
    playbook: Annotated[
        str, typer.Option("-p", "--playbook", envvar="EXRUN_PLAYBOOK", help="A playbook's name or file.")
    ] = PLAYBOOK,
    limit: LimitOption = None,
    expect: ExpectOption = None,
    param: ParamOption = None,
    search: SearchOption = None,
    parallel: Annotated[
        int | None,
        typer.Option(
            "--parallel",
            envvar="EXRUN_PARALLEL",
            min=1,
            max=1000,
            help="Servers at a time.",
            show_default="the playbook's",
        ),
    ] = None,
    timeout: TimeoutOption = 300.0,
    connect_timeout: ConnectTimeoutOption = 30.0,
    run_timeout: RunTimeoutOption = None,
    form: AuditFormatOption = AuditFormat.TEXT,
    details: DetailsOption = False,
    html: Annotated[
        Path | None,
        typer.Option("--html", envvar="EXRUN_HTML", help="Also write a report to this file; one a client."),
    ] = None,
    brand: BrandOption = None,
    state: StateOption = STATE,
    catalogue: CatalogueOption = None,
    sign_with: SignWithOption = None,
    anchor: AnchorOption = None,
    events: EventsOption = None,
    events_format: EventsFormatOption = None,
    events_auth: EventsAuthOption = None,
    events_ca: EventsCaOption = None,
    notify: NotifyOption = None,
    allow_cleartext: AllowCleartextOption = False,
    allow_full_language: AllowFullLanguageOption = False,
    skip_unresolved: SkipUnresolvedOption = False,
    as_of: AsOfOption = None,
    strict: Annotated[
        bool,
        typer.Option(
            "--strict",
            envvar="EXRUN_STRICT",
            help="Exit status 1 at least where the catalogue is past its age, or the clock before it.",
        ),
    ] = False,
) -> None:
    """Find out what state servers are in. Reads only: no other script can leave this machine.

    \b
    Prints a verdict for every selected server, worst first, equal causes together; unreachable ones are rows too. A
    whole row for every server comes with --details. What was sent and answered is recorded: see exrun show and exrun
    report.
    Exit status: 0 all well, 1 findings, 2 input wrong and nothing sent, 3 servers unreachable, unknown or not asked,
    6 the journal cannot be written or --anchor does not keep a checkpoint, 130 interrupted; the highest that applies.

    \b
    Examples:
      exrun audit -i inventory.yml
      exrun audit EX1 EX2
      exrun audit "client:alpha and not group:lab" -i alpha.yml -i beta.yml --expect 12
      exrun audit -i inventory.yml --playbook exchange-audit --param campaign=proxylogon
      exrun audit -i inventory.yml --details
      exrun audit -i inventory.yml --format json > audit.json
      exrun audit -i inventory.yml --format sarif > audit.sarif
      exrun audit -i inventory.yml --html audit.html --parallel 8
      exrun audit -i inventory.yml --catalogue our-rows
      exrun audit -i inventory.yml --sign-with journal.key --anchor /mnt/worm/checkpoints
    """
    asked = Asked(
        context=context,
        of_file=of_file(context),
        inventory=announced(inventory),
        selection=selection,
        playbook=playbook,
        limit=limit,
        expect=expect,
        param=param,
        search=search,
        parallel=parallel,
        timeout=timeout,
        connect_timeout=connect_timeout,
        run_timeout=run_timeout,
        form=form,
        details=details,
        html=html,
        brand=brand,
        state=state,
        catalogue=catalogue,
        sign_with=sign_with,
        anchor=anchor,
        allow_cleartext=allow_cleartext,
        allow_full_language=allow_full_language,
        skip_unresolved=skip_unresolved,
        events=AskedEvents(tuple(events or ()), events_format, tuple(events_auth or ()), events_ca),
        notify=tuple(notify or ()),
        as_of=as_of,
        strict=strict,
    )
    gc.disable()  # what is loaded stays: to look through it for garbage while it grows costs a twentieth of the start
    try:
        from runner.cli import audit_work  # takes a moment, in which the first line is read
    finally:
        gc.freeze()  # nor while the audit runs, nor at its end
        gc.enable()

    raise typer.Exit(audit_work.audit(asked))
