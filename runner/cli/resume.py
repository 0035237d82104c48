"""`exrun resume`: what it takes. What it does is loaded once its first line stands (apply_work.py)."""

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
    PolicyOption,
    RunArgument,
    RunTimeoutOption,
    SearchOption,
    SignWithOption,
    SkipUnresolvedOption,
    StateOption,
    TakeOverOption,
    TimeoutOption,
)


def resume(
    context: typer.Context,
    run: RunArgument,
    inventory: InventoryOption = None,
    playbook: OfPlaybookOption = None,
    policy: PolicyOption = None,
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
    """Go on with a run that changes servers, after Ctrl-C, a lost controller, or whatever else broke it off.

    \b
    Works from the run's journal and from the plan beside it alone. Where it is not known whether a script ran, the
    server is looked at before anything else is sent there; what was done is not done again. The same approvals and
    windows count as before. Servers that failed or were refused stay as they are: plan them again.
    Exit status: as exrun apply.

    \b
    Examples:
      exrun resume last -i inventory.yml
      exrun resume 2026-11-24t15 -i inventory.yml --policy policy.yml
      exrun resume last -i inventory.yml --take-over EX3
    """
    asked = AskedToChange(
        of_file=of_file(context),
        inventory=announced(inventory),
        playbook=playbook,
        search=search,
        policy=policy,
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

    raise typer.Exit(apply_work.resume(asked, run))
