"""windows.session: what a session is, and the group policy for scripts in files."""

from __future__ import annotations

from collections.abc import Mapping

from playbooks.values import Value
from runner.lab.engines.sim.answers.records import record, shown, unread
from runner.lab.engines.sim.machine import Machine, UnreadableError
from runner.lab.engines.sim.streams import Items

_POLICY_KEY = "HKLM:\\SOFTWARE\\Policies\\Microsoft\\Windows\\PowerShell"


def answer(machine: Machine, _: Mapping[str, Value]) -> Items:
    """The script's objects."""
    build = machine.state.os_version.rpartition(".")[2]
    yield record("Session", Version=f"5.1.{build}.1", Edition="Desktop")
    try:
        values = machine.values(_POLICY_KEY)
        enabled, policy = shown(values["EnableScripts"]), shown(values["ExecutionPolicy"])
        yield record("ExecutionPolicy", Enabled=enabled, Policy=policy)
    except UnreadableError as error:
        yield unread(_POLICY_KEY, error)
