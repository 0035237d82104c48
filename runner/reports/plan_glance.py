"""A plan at a glance: equal changes of servers once, whom it reaches, and last what it comes to and what is next.

At most MOST_LINES, none wider than the terminal. What is left out is counted, and stands whole in `exrun show PLAN`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from runner.plan.records import Plan, PlannedHost, Standing
from runner.plan.sums import sums
from runner.reports.fitting import broken, names_in
from runner.reports.folding import HANG, folded
from runner.reports.plan import heading, host_lines, reach_lines, total_lines
from runner.terminal import visible
from texts.counting import counted

__all__ = ["MOST_LINES", "plan_screen"]

MOST_LINES = 60
_REACH_LINES = 14  # of whom it reaches
_VALUE = " " * 8  # what begins with these is a value alone, which stands in `exrun show PLAN --diff`
_BLOCK_LINES = 12  # of what is changed on one server, where there are many
_LEAST_BLOCKS = 10
_DAGS = "  DAGs:"
_OPEN = (Standing.UNKNOWN, Standing.DEFERRED)


@dataclass(frozen=True, slots=True)
class _Block:
    """Servers of which a plan says the same."""

    hosts: tuple[PlannedHost, ...]
    told: tuple[str, ...]

    @property
    def changes(self) -> int:
        return sum(len(step.changes) for host in self.hosts for step in host.steps)

    @property
    def irreversible(self) -> int:
        return sum(change.rollback is None for host in self.hosts for step in host.steps for change in step.changes)

    @property
    def open_ends(self) -> int:
        """Servers of which something is open, or all."""
        return sum(bool(host.refused) or any(step.standing in _OPEN for step in host.steps) for host in self.hosts)

    @property
    def rank(self) -> tuple[bool, bool, int]:
        """What cannot be undone stands first, then the changes that reach most, then what is not known."""
        return not self.irreversible, not self.changes, -len(self.hosts)


def plan_screen(plan: Plan, digest: str, width: int, shown_by: str, last: Sequence[str]) -> Iterator[str]:
    """The lines of a plan.

    Args:
        digest: SHA-256 of its file.
        shown_by: the command that shows all of it.
        last: lines that stand at the end: where it lies, and the next command.
    """
    found = sums(plan)
    head = list(folded(heading(plan, digest), width))
    *reached, order, approval = [*reach_lines(plan, found)] or ["", "", ""]
    told = list(folded(_dags_last(reached), width))
    alone = len(told) > _REACH_LINES and told[_REACH_LINES - 2] == _DAGS  # a heading with nothing below it
    reach = [*_at_most(_REACH_LINES - alone, told, shown_by, width)]
    reach += folded(filter(None, (order, approval)), width)
    ends = list(folded([*total_lines(found), *last], width))
    room = max(MOST_LINES - len(head) - len(reach) - len(ends), _LEAST_BLOCKS)
    yield from head
    yield from _blocks(_blocks_of(plan), width, room, shown_by)
    yield from reach
    yield from ends


def _dags_last(lines: Sequence[str]) -> Iterator[str]:
    """DAGs are many, and what is disturbed and cannot be undone is to be seen before them."""
    found = [line for line in lines if line == _DAGS or line.startswith("    ")]
    yield from (line for line in lines if line and line not in found)
    yield from found


def _blocks_of(plan: Plan) -> Sequence[_Block]:
    actions = {step.id: step.action for step in plan.steps}
    found: dict[tuple[str, ...], list[PlannedHost]] = {}
    for host in plan.hosts:
        refused = [f"  not planned: {visible(host.refused, 300)}"] if host.refused else []
        told = tuple(refused or (line for line in host_lines(plan, host, actions) if not line.startswith(_VALUE)))
        if told:
            found.setdefault(told, []).append(host)
    return sorted((_Block(tuple(hosts), told) for told, hosts in found.items()), key=lambda block: block.rank)


def _blocks(blocks: Sequence[_Block], width: int, room: int, shown_by: str) -> Iterator[str]:
    """As many as have room, at least one; the rest counted."""
    used, most = 0, max(_BLOCK_LINES, room // max(len(blocks), 1) - 4)
    for number, block in enumerate(blocks):
        lines = [*_block(block, most, width, shown_by), ""]
        rest = 0 if number == len(blocks) - 1 else 3
        if number and used + len(lines) + rest > room:
            yield from folded([_rest(blocks[number:], shown_by)], width)
            yield ""
            return
        used += len(lines)
        yield from lines


def _block(block: _Block, most: int, width: int, shown_by: str) -> Iterator[str]:
    names = [visible(host.host) for host in block.hosts]
    if len(names) == 1:
        [host] = block.hosts
        yield from broken(f"{names[0]}  {visible(host.address)}:{host.port}", width, HANG)
    else:
        yield f"{len(names)} servers"
        yield from (f"  {line}" for line in names_in(names, width - 2, 2))
    yield from _at_most(most, list(folded(block.told, width)), shown_by, width)


def _at_most(most: int, lines: Sequence[str], shown_by: str, width: int) -> Iterator[str]:
    """So many of these lines, and how many are left out."""
    yield from lines if len(lines) <= most else lines[: most - 1]
    if len(lines) > most:
        yield from folded([f"  and {len(lines) - most + 1} further lines of that: {shown_by}"], width)


def _rest(blocks: Sequence[_Block], shown_by: str) -> str:
    servers = sum(len(block.hosts) for block in blocks)
    changes = sum(block.changes for block in blocks)
    said = [counted(changes, "change")] if changes else []
    if lost := sum(block.irreversible for block in blocks):
        said.append(f"{lost} of them cannot be undone (!)")
    if left := sum(block.open_ends for block in blocks):
        said.append(f"{counted(left, 'server')} not planned or not known in full")
    return f"and {counted(servers, 'further server')}: {', '.join(said)}: {shown_by}"
