"""exchange.oab_url: one URL of a virtual directory, as it is now, and as evidence of what it was."""

from __future__ import annotations

import codecs
from collections.abc import Mapping

from playbooks.values import Value, text_of
from runner.lab.engines.sim.answers.records import record
from runner.lab.engines.sim.machine import NO_SNAPIN, Machine, UnreadableError
from runner.lab.engines.sim.streams import Failed, Items, Problem, error_thrown
from runner.lab.state import VirtualDirectory


def evidence(machine: Machine, values: Mapping[str, Value]) -> Items:
    """The objects of the script that reads what is kept."""
    found = url_now(machine, values)
    if isinstance(found, Problem):
        yield Failed(found)
        return
    if codes(found[1]) != text_of(values, "was_codes"):
        yield Failed(error_thrown(f"{text_of(values, 'which')} is another one than was approved."))
        return
    data = codecs.BOM_UTF16_LE + found[1].encode("utf-16-le")
    yield record("Evidence", Size=len(data), Sha256=text_of(values, "digest"))
    yield record("Piece", Number=0, Bytes=data)


def url_now(machine: Machine, values: Mapping[str, Value]) -> tuple[VirtualDirectory, str] | Problem:
    """The virtual directory and its URL as the part of these scripts reads them, or the error in which it ends."""
    which = text_of(values, "which")
    try:
        machine.add_exchange_commands()
        known = machine.ask_directory().virtual_directories
    except UnreadableError as error:
        if str(error) == NO_SNAPIN:
            return Problem(NO_SNAPIN, "AddPSSnapInRead,Add-PSSnapin", "InvalidArgument")
        return Problem(str(error), str(error), "OperationStopped")
    guid = text_of(values, "guid").casefold()
    found = [each for each in known if each.guid.casefold() == guid]
    if len(found) != 1:
        return error_thrown(
            f"{which} cannot be read: its virtual directory is not there any more. Nothing was changed."
        )
    return found[0], (found[0].internal if which == "InternalUrl" else found[0].external) or ""


def codes(text: str) -> str:
    """`$codes` of the part: its characters as numbers, as .NET has them."""
    units = text.encode("utf-16-le")
    return " ".join(str(units[at] + 256 * units[at + 1]) for at in range(0, len(units), 2))
