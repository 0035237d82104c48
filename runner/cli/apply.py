"""`exrun apply`: what it takes. What it does is loaded once its first line stands (apply_work.py)."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

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
    RunTimeoutOption,
    SearchOption,
    SignWithOption,
    SkipUnresolvedOption,
    StateOption,
    TakeOverOption,
    TimeoutOption,
)


def apply(
    context: typer.Context,
    plan: Annotated[Path, typer.Argument(envvar="EXRUN_PLAN", help="The plan's file; its signatures lie beside it.")],
    inventory: InventoryOption = None,
    playbook: OfPlaybookOption = None,
    policy: PolicyOption = None,
    digest: Annotated[
        str | None,
        typer.Option("--digest", envvar="EXRUN_DIGEST", help="Run it only if this is the SHA-256 of its file."),
    ] = None,
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
    """Run a plan: only what stands in it, only on its servers, only once.

    \b
    Before anything is sent the plan is held against what there is: approvals, window, inventory, playbook, policy,
    catalogue. On each server its steps are looked at again first; where something else would be done now than was
    approved, nothing is. Ctrl-C finishes the servers in work, a second one lets go of them; either way exrun resume
    goes on.
    Exit status: 0 all done, 1 steps are deferred, 2 input wrong and nothing sent, 3 servers failed, are unreachable or
    unknown, 4 refused, 5 the failure budget is spent, 6 the journal cannot be written, 130 interrupted; the highest
    that applies.

    \b
    Examples:
      exrun apply plan.json -i inventory.yml
      exrun apply plan.json -i inventory.yml --policy policy.yml --sign-with journal.key
      exrun apply plan.json -i inventory.yml --playbook ./repair.yml --format json
    """
    asked = AskedToChange(
        of_file=of_file(context),
        inventory=announced(inventory),
        playbook=playbook,
        search=search,
        policy=policy,
        digest=digest,
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

    raise typer.Exit(apply_work.apply(asked, plan))
