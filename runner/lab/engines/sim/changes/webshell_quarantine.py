"""webshell.quarantine: one file is moved away, pools begin anew, and the server asks itself what it answers now."""

from __future__ import annotations

from collections.abc import Mapping

from playbooks.values import Value, text_of
from runner.lab.engines.sim.answers.records import record
from runner.lab.engines.sim.changes import file_quarantine
from runner.lab.engines.sim.machine import NO_POOL, folded
from runner.lab.engines.sim.streams import Failed, Items, Output, Problem, Warned, error_thrown
from runner.lab.state import LiveState
from runner.lab.web import recycled, status

rollback = file_quarantine.rollback

CERTIFICATE = "5A" * 20  # SHA-1, as Windows names a certificate; no TLS is spoken here
_NOBODY = "Connection refused"


def apply(live: LiveState, values: Mapping[str, Value]) -> Items:
    """What the apply script does."""
    health = _texts(values, "health")
    before = {address: status(live.now, address) or 0 for address in health}
    for item in file_quarantine.apply(live, values):
        yield item
        if isinstance(item, Failed):
            return
    for name in _texts(values, "pools"):
        known = next((each for each in live.now.pools if folded(each) == folded(name)), None)
        if known is None:
            yield Failed(_no_pool(name))
            return
        if live.now.pools[known] == "Stopped":
            continue
        live.become(recycled(live.now, known))
    if "page" in values:
        page, absent = (status(live.now, text_of(values, name)) or 0 for name in ("page", "absent"))
        yield from (_answer(text_of(values, name), code) for name, code in (("page", page), ("absent", absent)))
        if page != absent or 200 <= page < 300:
            what = (
                "The file is in quarantine, and its address answers otherwise than one of a page that there never was"
            )
            yield Failed(error_thrown(f"{what}: {page}"))
            return
        if page == 0:
            where = text_of(values, "page")
            yield Warned(f"Nobody answered at {where}, so that the page is gone was not seen: {_NOBODY}")
        elif page != 404:
            shown = f"{text_of(values, 'page')} answers {page}, as one does that there never was"
            yield Warned(f"{shown}: that the page is gone is not shown by it")
    for address in health:
        now = status(live.now, address) or 0
        if now != before[address]:
            what = "The file is in quarantine, and a health page answers otherwise than before"
            yield Failed(error_thrown(f"{what}: {address} {now}"))
            return


def _answer(address: str, code: int) -> Output:
    certificate = CERTIFICATE if code and address.startswith("https:") else ""
    why = "" if code else _NOBODY
    return record("Answer", Address=address, Status=code, Certificate=certificate, Why=why)


def _texts(values: Mapping[str, Value], name: str) -> tuple[str, ...]:
    given = values.get(name)
    return tuple(str(each) for each in given) if isinstance(given, tuple | list) else ()


def _no_pool(name: str) -> Problem:
    what = NO_POOL.format(name)
    return Problem(what, what, "ObjectNotFound", "System.Management.Automation.ItemNotFoundException")
