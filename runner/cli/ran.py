"""What is known of runs, by their journals, the plans beside these, and whether a process writes them."""

from __future__ import annotations

from collections.abc import Iterator

from runner.disk import SystemDisk
from runner.events import UnreadableEventError
from runner.journal.chain import Broken
from runner.journal.errors import JournalError
from runner.journal.writer import is_written
from runner.plan.keeping import PLAN, NotKeptError, kept_plan
from runner.plan.waves import waves_of
from runner.replay import replay_applied
from runner.reports.status import Ran
from runner.runs import ClientRun, Run, RunNotFoundError, read_run
from runner.state import ContradictionError


def ran(run: Run) -> Iterator[Ran]:
    """Each client's part of a run; what cannot be read says why."""
    for journal in run.journals:
        client = journal.parents[2].name
        try:
            parts = read_run(Run(run.id, (journal,)))
        except RunNotFoundError:
            yield Ran(run.id, client, None, alive=False, planned=False, why="nothing can be read of it")
        except (JournalError, ContradictionError, UnreadableEventError) as error:
            yield Ran(run.id, client, None, alive=False, planned=False, why=str(error))
        else:
            yield from (of_client(part) for part in parts)


def of_client(part: ClientRun) -> Ran:
    """One client's part of a run, as its journal has it."""
    state, directory, disk = part.state, part.journal.parent, SystemDisk()
    if isinstance(part.verified, Broken) and not part.torn:
        why = f"line {part.verified.line} does not verify: {part.verified.why}"
        return Ran(state.run, state.client, None, alive=False, planned=False, why=why)
    alive = is_written(directory, disk)
    if state.plan is None:
        return Ran(state.run, state.client, state, alive, planned=(directory / PLAN).exists())
    try:
        plan = kept_plan(directory, state.plan.plan, disk)
    except NotKeptError as error:
        return Ran(state.run, state.client, None, alive, planned=False, why=error.what)
    return Ran(
        state.run,
        state.client,
        state,
        alive,
        planned=False,
        applied=replay_applied(state, plan),
        waves=len(waves_of(plan)),
        params=plan.params,
    )
