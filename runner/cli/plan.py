"""`exrun plan`: what it takes. What it does is loaded once its first line stands (plan_work.py)."""

from __future__ import annotations

from collections.abc import Sequence
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
    SkipUnresolvedOption,
    StateOption,
    TimeoutOption,
)
from runner.reports.formats import AuditFormat


def plan(
    context: typer.Context,
    playbook: Annotated[str, typer.Argument(envvar="EXRUN_PLAYBOOK", help="A playbook's name or file.")],
    selection: SelectionArgument = None,
    inventory: InventoryOption = None,
    out: Annotated[
        Path,
        typer.Option(
            "-o", "--out", envvar="EXRUN_OUT", help="The plan's file; with several clients a folder for them."
        ),
    ] = ...,  # type: ignore[assignment]
    policy: Annotated[
        list[Path] | None,
        typer.Option("--policy", envvar="EXRUN_POLICY", help="A client's policy: who approves, and when. Repeatable."),
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", envvar="EXRUN_FORCE", help="Write over a plan that is there.")
    ] = False,
    limit: LimitOption = None,
    expect: ExpectOption = None,
    param: ParamOption = None,
    include: Annotated[
        list[str] | None,
        typer.Option(
            "--include",
            envvar="EXRUN_INCLUDE",
            metavar="SHA256|PATH",
            help="A file that webshell.quarantine is to take though it is not known to be malicious: the playbook's "
            "parameter `include`. Repeatable.",
        ),
    ] = None,
    search: SearchOption = None,
    parallel: Annotated[
        int | None,
        typer.Option(
            "--parallel",
            envvar="EXRUN_PARALLEL",
            min=1,
            max=1000,
            help="Servers at a time, now and when the plan is run.",
            show_default="the playbook's",
        ),
    ] = None,
    timeout: TimeoutOption = 300.0,
    connect_timeout: ConnectTimeoutOption = 30.0,
    run_timeout: RunTimeoutOption = None,
    details: DetailsOption = False,
    state: StateOption = STATE,
    catalogue: CatalogueOption = None,
    events: EventsOption = None,
    events_format: EventsFormatOption = None,
    events_auth: EventsAuthOption = None,
    events_ca: EventsCaOption = None,
    notify: NotifyOption = None,
    allow_cleartext: AllowCleartextOption = False,
    allow_full_language: AllowFullLanguageOption = False,
    skip_unresolved: SkipUnresolvedOption = False,
) -> None:
    """Decide what would be changed on which server, and write it down to be approved. Reads only.

    \b
    Sends what an audit sends, and nothing else. The plan holds every script that would make or undo a change, for each
    server; one file a client. Nothing is changed, now or later, that does not stand in it.
    Exit status: 0 nothing to change, 1 changes pending, 2 input wrong and nothing sent, 3 servers not planned, or not
    known in full, 6 the journal cannot be written, 130 interrupted; the highest that applies.

    \b
    Examples:
      exrun plan exchange-audit -i inventory.yml -o plan.json
      exrun plan ./repair.yml EX1 EX2 -o plan.json --policy policy.yml
      exrun plan ./repair.yml -i alpha.yml -i beta.yml -o plans
      exrun plan remove-web-shells EX1 -o plan.json --include C:\\inetpub\\wwwroot\\x.aspx
    """
    asked = Asked(
        sign_with=None,
        anchor=None,
        context=context,
        of_file=of_file(context),
        inventory=announced(inventory),
        selection=selection,
        playbook=playbook,
        limit=limit,
        expect=expect,
        param=[*(param or ()), *_included(include)] or None,
        search=search,
        parallel=parallel,
        timeout=timeout,
        connect_timeout=connect_timeout,
        run_timeout=run_timeout,
        form=AuditFormat.TEXT,
        details=details,
        html=None,
        state=state,
        catalogue=catalogue,
        allow_cleartext=allow_cleartext,
        allow_full_language=allow_full_language,
        skip_unresolved=skip_unresolved,
        as_of=None,
        strict=False,
        events=AskedEvents(tuple(events or ()), events_format, tuple(events_auth or ()), events_ca),
        notify=tuple(notify or ()),
    )
    from runner.cli import plan_work  # takes a moment, in which the first line is read

    raise typer.Exit(plan_work.plan(asked, out, tuple(policy or ()), force=force))


def _included(files: Sequence[str] | None) -> list[str]:
    """The files as the playbook's parameter `include`, which is a list with commas between."""
    if not files:
        return []
    if comma := next((each for each in files if "," in each), None):
        raise typer.BadParameter(f"{comma} has a comma: name the file by its SHA-256", param_hint="'--include'")
    return [f"include={','.join(files)}"]
