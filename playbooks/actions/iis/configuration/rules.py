"""Rules of URL Rewrite, and which of them are known mitigations: by what they do, never by what they are called.

A pattern of a server is compared as text and never run: who writes it decides how long that takes. Forms are those of
CSS-Exchange (EOMTv2.ps1, ExchangeMitigations.ps1) and of the Exchange Emergency Mitigation service.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

from playbooks.investigating.document import Element

_KINDS = {"globalRules": "global", "rules": "inbound", "outboundRules": "outbound"}
_FINAL_INPUT, _FINAL_PATTERN = "{urldecode:{request_uri}}", "(?=.*autodiscover)(?=.*powershell)"
_COOKIES = ("x-anonresource-backend", "x-beresource")


class Form(Enum):
    """How a rule that is a known mitigation stands; the value says it."""

    CURRENT = "in its current form"
    OUTDATED = "in a form that requests get past"
    OFF = "not in force"


@dataclass(frozen=True, slots=True)
class Condition:
    """What else a request must be."""

    input: str
    pattern: str
    negate: bool


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
    def mitigates(self) -> str:
        """The attack that it is known to hold off; empty where it is no known mitigation."""
        if self.kind == "outbound":
            of_policy = self.variable.casefold() == "response_content_security_policy"
            return "CVE-2026-42897" if of_policy and "script-src-attr 'none'" in self.value.casefold() else ""
        for each in self.conditions:
            pattern, read = each.pattern.casefold(), each.input.casefold()
            if "request_uri" in read and "autodiscover" in pattern and "powershell" in pattern:
                return "CVE-2022-41040"
            if "http_cookie" in read and any(cookie in pattern for cookie in _COOKIES):
                return "CVE-2021-26855"
        return ""

    @property
    def form(self) -> Form:
        """How it stands, of one that mitigates something."""
        if not self.enabled or self.negate or self.syntax.casefold() == "wildcard":
            return Form.OFF
        if any(each.negate for each in self.conditions):
            return Form.OFF
        if self.kind == "outbound":
            return Form.CURRENT if self.url == "(.*)" and self.action.casefold() == "rewrite" else Form.OFF
        if self.url != ".*" or self.action.casefold() != "abortrequest":
            return Form.OFF
        if self.mitigates != "CVE-2022-41040":
            return Form.CURRENT
        current = any(
            each.input.casefold() == _FINAL_INPUT and each.pattern.casefold() == _FINAL_PATTERN
            for each in self.conditions
        )
        return Form.CURRENT if current and self.stop and len(self.conditions) == 1 else Form.OUTDATED

    @property
    def breaks(self) -> bool:
        """Whether every request ends in an error: `*` is no regular expression."""
        return self.enabled and self.url == "*" and self.syntax.casefold() not in ("wildcard", "exactmatch")


def rules_of(root: Element, file: str) -> Iterator[Rule]:
    """Every rule of a file, those of its locations among them."""
    for where, section in sections(root, file, "rewrite"):
        for part in section.named(*_KINDS):
            for rule in part.named("rule"):
                yield _rule(rule, where, _KINDS[part.name])


def sections(root: Element, file: str, *names: str) -> Iterator[tuple[str, Element]]:
    """The sections of these names below system.webServer, each with where it holds."""
    yield from ((file, each) for group in root.named("system.webServer") for each in group.named(*names))
    for location in root.named("location"):
        where = location.get("path") or file
        for group in location.named("system.webServer"):
            yield from ((where, each) for each in group.named(*names))


def _rule(rule: Element, where: str, kind: str) -> Rule:
    match = next(rule.named("match"), None)
    action = next(rule.named("action"), None)
    held = [(each, one) for each in rule.named("conditions") for one in each.named("add")]
    conditions = tuple(Condition(one.get("input"), one.get("pattern"), one.is_on("negate", "false")) for _, one in held)
    return Rule(
        where=where,
        kind=kind,
        name=rule.get("name"),
        enabled=rule.is_on("enabled"),
        syntax=rule.get("patternSyntax", "ECMAScript"),
        url="" if match is None else match.get("pattern" if kind == "outbound" else "url"),
        negate=match is not None and match.is_on("negate", "false"),
        variable="" if match is None else match.get("serverVariable"),
        conditions=conditions,
        action="None" if action is None else action.get("type", "None"),
        value="" if action is None else action.get("value") or action.get("url"),
        stop=rule.is_on("stopProcessing", "false"),
    )
