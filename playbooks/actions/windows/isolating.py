"""What an isolation records of a server, so that exactly that comes back; and what its scripts are told.

The record stands in the plan, in the scripts, and in a file on the server, from which a release of its own is planned.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields

from playbooks.actions.windows.allowing import Allowed, is_spelt
from playbooks.actions.windows.overruling import PROFILES, SET
from playbooks.changes import ChangeValue
from playbooks.values import Record, text_of

__all__ = ["GROUP", "RECOVERY", "Profile", "RecordError", "Recorded", "can_be_named", "described", "read", "values_of"]

GROUP = "exrun-isolation"
# Managed Availability: what acts on what it finds first.
RECOVERY = ("MSExchangeHMRecovery", "MSExchangeHM")
_ACTIONS = frozenset({"Allow", "Block", "NotConfigured"})
_SWITCHES = frozenset({"True", "False", "NotConfigured"})
# What Windows does where nothing is set.
_STANDS_FOR = {"enabled": "True", "inbound": "Block", "outbound": "Allow"}
_WILDCARDS = frozenset("*?[]`")
_VERSION = 1
_MOST = 2500  # of a list


class RecordError(ValueError):
    """A record that cannot be read; the text says what is wrong with it."""


@dataclass(frozen=True, slots=True)
class Profile:
    """What was set on the server of one profile."""

    enabled: str
    inbound: str
    outbound: str

    @staticmethod
    def of(found: Record) -> Profile:
        """From a record of a profile in the store PersistentStore."""
        return Profile(*(text_of(found, each) for each in SET))

    @property
    def shown(self) -> str:
        """For people."""
        on = {"True": "on", "False": "off"}.get(self.enabled, "not set")
        return f"{on}, in {self.inbound}, out {self.outbound}"


@dataclass(frozen=True, slots=True)
class Recorded:
    """What a server was like before it was isolated, and what it may still talk to.

    Attributes:
        rules: that allowed something, by InstanceID, sorted.
        automatic: services of Managed Availability that started by themselves.
        running: those of them that ran.
        open_ports: of mail and web, to which it listened.
    """

    profiles: Mapping[str, Profile]
    rules: tuple[str, ...]
    automatic: tuple[str, ...]
    running: tuple[str, ...]
    open_ports: tuple[str, ...]
    allowed: Allowed

    @property
    def text(self) -> str:
        """As it stands in the file."""
        let_through = asdict(self.allowed)
        del let_through["left_out"]
        return json.dumps(
            {
                "exrun-isolation": _VERSION,
                "profiles": {name: asdict(each) for name, each in self.profiles.items()},
                "rules": self.rules,
                "automatic": self.automatic,
                "running": self.running,
                "open_ports": self.open_ports,
                "allowed": let_through,
            }
        )


def read(text: str) -> Recorded:
    """A record from its file. Somebody may have written another: only what such a record can have is taken.

    Raises:
        RecordError: it is none.
    """
    try:
        said = json.loads(text.removeprefix("\ufeff"))
    except (ValueError, RecursionError):
        raise RecordError("it is no JSON") from None
    if not isinstance(said, dict) or said.get("exrun-isolation") != _VERSION:
        raise RecordError("it is no record of an isolation that this version knows")
    let_through = said.get("allowed")
    if not isinstance(let_through, dict):
        raise RecordError("what was let through is not in it")
    profiles = {name: _profile(said, name) for name in PROFILES}
    lists = {name: _texts(said, name) for name in ("rules", "automatic", "running", "open_ports")}
    for name in ("automatic", "running"):
        if not set(lists[name]) <= set(RECOVERY):
            raise RecordError(f"{name} names other services than those of Managed Availability")
    if any(not can_be_named(name) for name in lists["rules"]):
        raise RecordError("it has rules whose names stand for others as well")
    if any(not port.isascii() or not port.isdecimal() for port in lists["open_ports"]):
        raise RecordError("its ports are no numbers")
    allowed = Allowed(**{name: _texts(let_through, name) for name in _LET_THROUGH})
    if not allowed.management or not allowed.winrm_ports:
        raise RecordError("nobody was let in")
    for name in _LET_THROUGH:
        for each in getattr(allowed, name):
            if name in ("winrm_ports", "neighbours"):
                fine = each.isascii() and each.isdecimal() and len(each) <= 5
            else:
                fine = is_spelt(each)
            if not fine:
                raise RecordError(f"{name}: {each!r:.80} is nothing that a rule could name")
    return Recorded(profiles, lists["rules"], lists["automatic"], lists["running"], lists["open_ports"], allowed)


_LET_THROUGH = tuple(each.name for each in fields(Allowed) if each.name != "left_out")


def _profile(said: Mapping[str, object], name: str) -> Profile:
    of_all = said.get("profiles")
    found = of_all.get(name) if isinstance(of_all, dict) else None
    if not isinstance(found, dict):
        raise RecordError(f"the profile {name} is not in it")
    profile = Profile(*(str(found.get(each.name)) for each in fields(Profile)))
    if profile.enabled not in _SWITCHES or not {profile.inbound, profile.outbound} <= _ACTIONS:
        raise RecordError(f"the profile {name} is set to what no profile can be")
    return profile


def _texts(said: Mapping[str, object], name: str) -> tuple[str, ...]:
    found = said.get(name)
    if not isinstance(found, list) or len(found) > _MOST or any(not isinstance(each, str) for each in found):
        raise RecordError(f"{name} is no list of texts, or too long")
    return tuple(found)


def can_be_named(name: str) -> bool:
    """Whether a script can name this rule, and no other by it."""
    return bool(name) and name.strip() == name and name.isprintable() and not _WILDCARDS & set(name)


def values_of(recorded: Recorded) -> dict[str, ChangeValue]:
    """What the scripts that isolate and release are told, beside the parameters and the plan."""
    let_through = recorded.allowed
    told: dict[str, ChangeValue] = {
        "rules": recorded.rules,
        "recovery_auto": recorded.automatic,
        "recovery_running": recorded.running,
        "managers": let_through.management,
        "name_servers": let_through.name_servers,
        "directory": let_through.directory,
        "time": let_through.time,
        "agents": let_through.agents,
        "collectors": let_through.collectors,
        "neighbours": let_through.neighbours,
        "leases": let_through.leases,
        "record": recorded.text,
    }
    for name in PROFILES:
        found = recorded.profiles[name]
        for setting, value in asdict(found).items():
            told[f"{name.lower()}_{setting}"] = value
            told[f"{name.lower()}_{setting}_or"] = _STANDS_FOR[setting] if value == "NotConfigured" else value
    return told


def described(let_through: Allowed, recorded: Recorded) -> dict[str, ChangeValue]:
    """What is so once it is isolated, for people; nothing is left out."""
    return {
        "default actions": "Block, in and out",
        "rules switched off": recorded.rules,
        "WinRM from": let_through.management,
        "WinRM ports": let_through.winrm_ports,
        "domain controllers": let_through.directory,
        "name servers": let_through.name_servers,
        "time sources": let_through.time,
        "endpoint detection": let_through.agents,
        "evidence": let_through.collectors,
        "leases of addresses from": let_through.leases,
        "services stopped": recorded.running,
    }
