"""`exrun rollback`: what it takes. What it does is loaded once its first line stands (apply_work.py)."""

from __future__ import annotations

import typer

from runner.cli.asked import AskedEvents
from runner.cli.asked_to_change import AskedToChange
from runner.cli.commands import of_file
from runner.cli.inventory_files import announced
from runner.cli.options import (
    STATE,
    AllowCleartextOption,
    AllowFullLanguageOption,
    AnchorOption,
    CatalogueOption,
    ConnectTimeoutOption,
    DetailsOption,
    EventsAuthOption,
    EventsCaOption,
    EventsFormatOption,
    EventsOption,
    Format,
    FormatOption,
    InventoryOption,
    NotifyOption,
    OfPlaybookOption,
    RunArgument,
    RunTimeoutOption,
    SearchOption,
    SelectionArgument,
    SignWithOption,
    SkipUnresolvedOption,
    StateOption,
    TakeOverOption,
    TimeoutOption,
)


def rollback(
    context: typer.Context,
    run: RunArgument,
    selection: SelectionArgument = None,
    inventory: InventoryOption = None,
    playbook: OfPlaybookOption = None,
    search: SearchOption = None,
    take_over: TakeOverOption = None,
    timeout: TimeoutOption = 900.0,
    connect_timeout: ConnectTimeoutOption = 30.0,
    run_timeout: RunTimeoutOption = None,
    form: FormatOption = Format.TEXT,
    details: DetailsOption = False,
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
) -> None:
    """Undo what a run changed, with the scripts that were approved with its plan; what was done last is undone first.

    \b
    A server is looked at before: where it is not as the change left it, nothing is undone there. What cannot be undone
    is named. The undo was approved with the plan, so no window and no further approval is asked for. Ctrl-C and
    exrun resume are as for exrun apply.
    Exit status: as exrun apply; 0 where everything is as it was before.

    \b
    Examples:
      exrun rollback last -i inventory.yml
      exrun rollback 2026-11-24t15 EX1 EX2 -i inventory.yml
    """
    asked = AskedToChange(
        of_file=of_file(context),
        inventory=announced(inventory),
        playbook=playbook,
        search=search,
        policy=None,
        digest=None,
        take_over=take_over,
        timeout=timeout,
        connect_timeout=connect_timeout,
        run_timeout=run_timeout,
        form=form,
        details=details,
        state=state,
        catalogue=catalogue,
        sign_with=sign_with,
        anchor=anchor,
        allow_cleartext=allow_cleartext,
        allow_full_language=allow_full_language,
        skip_unresolved=skip_unresolved,
        events=AskedEvents(tuple(events or ()), events_format, tuple(events_auth or ()), events_ca),
        notify=tuple(notify or ()),
    )
    from runner.cli import apply_work  # takes a moment, in which the first line is read
    from runner.cli.selecting import selected

    chosen = None if not selection else selected(context, selection, None)[0]

    raise typer.Exit(apply_work.rollback(asked, run, chosen))
