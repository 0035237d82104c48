"""Rules of URL Rewrite as they are written. What they are worth says mitigations.py.

A pattern of a server is compared as text and never run: who writes it decides how long that takes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from playbooks.investigating.document import Element

_KINDS = {"globalRules": "global", "rules": "inbound", "outboundRules": "outbound"}


@dataclass(frozen=True, slots=True)
class Condition:
    """What else a request must be."""

    input: str
    pattern: str
    negate: bool
    ignores_case: bool = True
    kind: str = "Pattern"


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule as it is written; `where` is the file's or the location's own words."""

    where: str
    kind: str
    name: str
    enabled: bool
    syntax: str
    url: str
    negate: bool
    variable: str
    conditions: tuple[Condition, ...]
    action: str
    value: str
    stop: bool
    ignores_case: bool = True
    any_condition: bool = False
    precondition: str = ""
    sets: tuple[str, ...] = ()

    def __str__(self) -> str:
        """One line: name, pattern, condition, action, enabled."""
        on = f"{self.variable} " if self.variable else ""
        met = "".join(
            f" and {each.input} {'is not' if each.negate else 'is'} {each.pattern}" for each in self.conditions
        )
        value = f" {self.value}" if self.value else ""
        state = "enabled" if self.enabled else "disabled"
        matches = "is not" if self.negate else "is"
        return f"{self.where}: {self.name} ({self.kind}, {state}): {on}{matches} {self.url}{met}: {self.action}{value}"

    @property
    def breaks(self) -> bool:
        """Whether every request ends in an error: `*` is no regular expression."""
        return self.enabled and self.url == "*" and self.syntax.casefold() not in ("wildcard", "exactmatch")


def rules_of(root: Element, file: str) -> Iterator[Rule]:
    """Every rule of a file, those of its locations among them."""
    for where, section in sections(root, file, "rewrite"):
        for part in section.named(*_KINDS):
            for rule in part.named("rule"):
                yield rule_of(rule, where, _KINDS[part.name])


def sections(root: Element, file: str, *names: str) -> Iterator[tuple[str, Element]]:
    """The sections of these names below system.webServer, each with where it holds."""
    yield from ((file, each) for group in root.named("system.webServer") for each in group.named(*names))
    for location in root.named("location"):
        where = location.get("path") or file
        for group in location.named("system.webServer"):
            yield from ((where, each) for each in group.named(*names))


def conditions_of(held: Element) -> tuple[Condition, ...]:
    """The conditions that an element holds: `conditions` of a rule, or a `preCondition`."""
    return tuple(
        Condition(
            one.get("input"),
            one.get("pattern"),
            one.is_on("negate", "false"),
            one.is_on("ignoreCase"),
            one.get("matchType", "Pattern"),
        )
        for one in held.named("add")
    )


def rule_of(rule: Element, where: str, kind: str) -> Rule:
    """A rule of a section. `kind`: global, inbound or outbound."""
    match = next(rule.named("match"), None)
    action = next(rule.named("action"), None)
    held = list(rule.named("conditions"))
    return Rule(
        where=where,
        kind=kind,
        name=rule.get("name"),
        enabled=rule.is_on("enabled"),
        syntax=rule.get("patternSyntax", "ECMAScript"),
        url="" if match is None else match.get("pattern" if kind == "outbound" else "url"),
        negate=match is not None and match.is_on("negate", "false"),
        variable="" if match is None else match.get("serverVariable"),
        conditions=tuple(one for each in held for one in conditions_of(each)),
        action="None" if action is None else action.get("type", "None"),
        value="" if action is None else action.get("value") or action.get("url"),
        stop=rule.is_on("stopProcessing", "false"),
        ignores_case=match is None or match.is_on("ignoreCase"),
        any_condition=any(each.get("logicalGrouping").casefold() == "matchany" for each in held),
        precondition=rule.get("preCondition"),
        sets=tuple(each.get("name") for each in rule.at("serverVariables", "set")),
    )
