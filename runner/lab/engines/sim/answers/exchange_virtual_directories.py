"""exchange.virtual_directories: the URLs of this server's virtual directories, as the directory has them."""

from __future__ import annotations

from collections.abc import Mapping

from playbooks.values import Value
from runner.lab.engines.sim.answers.exchange_commands import cut, exchange_asked, seconds
from runner.lab.engines.sim.answers.records import record, unread
from runner.lab.engines.sim.machine import Machine, UnreadableError
from runner.lab.engines.sim.streams import Items

_KINDS = ("Oab", "Ecp", "Owa", "WebServices", "ActiveSync", "Mapi", "PowerShell", "Autodiscover")
_MOST = 100


def answer(machine: Machine, _: Mapping[str, Value]) -> Items:
    """The script's objects."""
    if (yield from exchange_asked(machine)):
        for kind in _KINDS:
            yield from _directories(machine, kind)


def _directories(machine: Machine, kind: str) -> Items:
    command = f"Get-{kind}VirtualDirectory"
    try:
        found = [each for each in machine.ask_directory().virtual_directories if each.kind == kind][:_MOST]
    except UnreadableError as error:
        yield unread(command, error)
        return
    yield record("Answered", Command=command, Count=len(found))
    for each in found:
        yield record(
            "VirtualDirectory",
            Command=command,
            Name=each.name,
            Guid=cut(each.guid),
            Internal=cut(each.internal),
            External=cut(each.external),
            Changed=seconds(each.changed),
        )
