"""What one server needs of its services: by the defaults of its roles, or by a snapshot of it."""

from __future__ import annotations

from dataclasses import dataclass, replace

from playbooks.actions.exchange.services.required import (
    MANUAL,
    MAY_STAND_STILL,
    NOTIFICATIONS,
    ON_DEMAND,
    OTHERS,
    POP_AND_IMAP,
    UNIFIED_MESSAGING,
    Product,
    Role,
    required,
)
from playbooks.actions.exchange.services.snapshot import Snapshot, StartType

__all__ = ["Needed", "needed"]

# Automatic, and stopped where all is well: one stops without subscriptions, the other waits for a trigger.
_STOP_BY_THEMSELVES = frozenset({NOTIFICATIONS, "RemoteRegistry"})
_OTHERS = frozenset(name.casefold() for name in OTHERS)


@dataclass(frozen=True, slots=True)
class Needed:
    """One service that the server needs.

    Attributes:
        name: as the table or the snapshot spells it; never as the server does.
        always: a server without it is not whole.
        starts: its start type where it has to be given one.
        manual_will_do: Manual is no fault.
        may_stand_still: stopped is no fault.
        delayed: it has to start later than the others; where it has not, it may.
        may_be_held_off: where it is disabled, that may be a mitigation, which nothing undoes that was not told to.
    """

    name: str
    always: bool
    starts: StartType
    manual_will_do: bool
    may_stand_still: bool
    delayed: bool = False
    may_be_held_off: bool = False


def needed(
    roles: frozenset[Role],
    product: Product | None,
    snapshot: Snapshot | None = None,
    *,
    unified_messaging: bool = False,
) -> dict[str, Needed]:
    """What the server needs, by the names in lower case.

    A snapshot counts more than the roles: what it has as Disabled was switched off by somebody and is not needed, and
    what it has as Automatic or Manual is needed to start so, optional or not. POP3 and IMAP4 are left as they are.

    Args:
        unified_messaging: its services are to start even where they are disabled, which may be a mitigation.
    """
    found = {
        key: Needed(
            each.name,
            each.always,
            StartType.MANUAL if each.name in MANUAL else StartType.AUTOMATIC,
            each.name in ON_DEMAND,
            each.name in MAY_STAND_STILL,
        )
        for key, each in required(roles, product).items()
    }
    for key, (name, mode) in (snapshot.services if snapshot else {}).items():
        if mode is StartType.DISABLED:
            found.pop(key, None)
        elif _is_read(key) and key not in _LEFT:
            found[key] = _as_it_was(
                found.get(key), name, mode, delayed=snapshot is not None and key in snapshot.delayed
            )
    held_off = frozenset() if unified_messaging else _HELD_OFF
    return {key: replace(each, may_be_held_off=key in held_off) for key, each in found.items()}


_LEFT = frozenset(name.casefold() for name in POP_AND_IMAP)
_HELD_OFF = frozenset(name.casefold() for name in UNIFIED_MESSAGING)
_STILL = frozenset(name.casefold() for name in _STOP_BY_THEMSELVES | MAY_STAND_STILL)
_ASKED = frozenset(name.casefold() for name in ON_DEMAND)


def _is_read(key: str) -> bool:
    """Whether the collect script looks for it: of other services nothing is known."""
    return key.startswith("msexchange") or key in _OTHERS


def _as_it_was(role: Needed | None, name: str, mode: StartType, *, delayed: bool) -> Needed:
    """Of those that are Manual only what a role needs in any case, such as WAS, has to run."""
    key, manual = name.casefold(), mode is StartType.MANUAL
    still = key in _STILL or (manual and not (role is not None and key in _ASKED))
    return Needed(role.name if role else name, True, mode, manual or key in _ASKED, still, delayed)
