"""What group policy takes out of a server's own hands in Windows Firewall.

The store ActiveStore is what is in force: group policy, local settings and what Windows adds together. RSOP is what
group policy says alone, where `NotConfigured` is what it leaves to the server; PersistentStore is what was set here
(Windows PowerShell, NetSecurity: Get-NetFirewallProfile, parameter PolicyStore). Local rules do not count in a profile
where AllowLocalFirewallRules is False, no inbound rule counts where AllowInboundRules is False, and where policy sets
whether a profile is on, or a default action, what is set here does not count. A server is isolated by local default
actions and local rules: where any of these is so, or policy has an enabled rule that allows traffic, it cannot be.
"""

from __future__ import annotations

from collections.abc import Iterator

from playbooks.observation import Observed
from playbooks.values import Record, text_of

__all__ = [
    "ACTIVE",
    "COUNTS",
    "LOCAL",
    "POLICY",
    "PROFILES",
    "SET",
    "count",
    "is_whole",
    "overrides",
    "profile",
    "rules",
]

PROFILES = ("Domain", "Private", "Public")
ACTIVE, LOCAL, POLICY = "ActiveStore", "PersistentStore", "RSOP"
SET = ("Enabled", "DefaultInboundAction", "DefaultOutboundAction")
# By the setting that is False: what does not count then.
COUNTS = {"AllowLocalFirewallRules": "local rules do not count", "AllowInboundRules": "no inbound rule counts"}
WORDS = frozenset({"True", "False"})
SHOWN = 10  # policies that a line names


def profile(observed: Observed, store: str, name: str) -> Record:
    """A profile in a store; empty where there is none."""
    for each in observed.of_kind("FirewallProfile"):
        if each.get("Store") == store and text_of(each, "Name") == name:
            return each
    return {}


def count(observed: Observed, store: str, which: str) -> int:
    """A number of rules of a store whose rules are known."""
    for each in observed.of_kind("FirewallRules"):
        value = each.get(which)
        if each.get("Store") == store and isinstance(value, int):
            return value
    return 0


def rules(observed: Observed, store: str) -> Iterator[Record]:
    """The rules of a store that were listed."""
    return (each for each in observed.of_kind("FirewallRule") if each.get("Store") == store)


def is_whole(found: Record, store: str) -> bool:
    """Whether it says what is judged. In force is one thing or the other; the other stores may leave it open."""
    if store == ACTIVE:
        return all(text_of(found, each) in WORDS for each in ("Enabled", *COUNTS))
    return all(text_of(found, each) for each in (*SET, *COUNTS))


def overrides(observed: Observed) -> Iterator[str]:
    """A line for each reason for which local rules and default actions would not isolate this server."""
    for name in PROFILES:
        policy, active = profile(observed, POLICY, name), profile(observed, ACTIVE, name)
        for setting, means in COUNTS.items():
            if text_of(policy, setting) == "False":
                yield f"{name}: group policy sets {setting} to False: {means} ({POLICY})"
            elif text_of(active, setting) == "False":
                local = text_of(profile(observed, LOCAL, name), setting) == "False"
                where = f"set on this server, {LOCAL}" if local else ACTIVE
                yield f"{name}: {setting} is False: {means} ({where})"
        for setting in SET:
            if (value := text_of(policy, setting)) not in ("", "NotConfigured"):
                yield f"{name}: group policy sets {setting} to {value} ({POLICY})"
    if allow := count(observed, POLICY, "Allow"):
        sources = {source for each in rules(observed, POLICY) if (source := text_of(each, "Source"))} - {POLICY}
        named = f", from {', '.join(sorted(sources)[:SHOWN])}" if sources else ""
        yield f"{allow} enabled rules of group policy allow traffic, whatever is set on this server ({POLICY}{named})"
