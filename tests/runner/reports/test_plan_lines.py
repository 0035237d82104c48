"""The lines of a plan: what becomes what, and what is only recorded or only comes is no pair."""

from __future__ import annotations

from dataclasses import replace

from playbooks.changes import Change
from runner.plan.records import Plan, PlannedHost
from runner.reports.plan import lines
from tests.runner.plan.plans import one_change, sha


def _with(change: Change) -> Plan:
    plan = one_change()
    [host], [step] = plan.hosts, plan.hosts[0].steps
    planned = replace(step.changes[0], change=change)
    return replace(plan, hosts=(replace(host, steps=(replace(step, changes=(planned,)),)),))


def test_what_users_notice_of_as_many_servers_and_in_the_same_words_is_told_once() -> None:
    plan = one_change()
    [host], [step] = plan.hosts, plan.hosts[0].steps
    told = ("W3SVC takes up its work", "IIS takes up its work", "mail waits", "work", "MSX takes up its work")
    changes = tuple(
        replace(step.changes[0], change=Change(f"c{number}", "Start it", {}, disturbs=each))
        for number, each in enumerate(told)
    )

    def host_with(name: str, count: int) -> PlannedHost:
        return replace(host, host=name, steps=(replace(step, changes=changes[:count]),))

    shown = lines(replace(plan, hosts=(host_with("EX1", 5), host_with("EX2", 2))), sha("x"))
    assert [line.strip() for line in shown if "noticed on" in line] == [
        "noticed on 2 servers each: W3SVC, IIS: takes up its work",
        "noticed on 1 server: mail waits",
        "noticed on 1 server: work",
        "noticed on 1 server: MSX takes up its work",
    ]


def test_a_value_on_both_sides_is_a_pair_and_one_on_one_side_says_on_which() -> None:
    """`ports: 25, 443 -> nothing` would say that they are closed for good."""
    change = Change(
        "isolation",
        "Cut it off",
        {},
        before={"start": "Auto", "ports": ("25", "443")},
        after={"start": "Off", "out": ()},
    )
    text = "\n".join(lines(_with(change), sha("x")))
    assert "Cut it off  (start: Auto -> Off)\n        after: out: nothing\n        before: ports: 25, 443\n" in text
    assert "-> nothing" not in text
