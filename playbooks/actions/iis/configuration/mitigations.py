"""Which rules of URL Rewrite mitigate an attack: by what they do, never by what they are called.

Forms are those of CSS-Exchange (ExchangeMitigations.ps1, EOMTv2.ps1, EOMT) and of the Exchange Emergency Mitigation
service. A form that is none of them is not taken for a mitigation that holds, whatever it may do: patterns are compared
as text. None of them is a patch.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from enum import Enum

from playbooks.actions.iis.configuration.rules import Condition, Rule

__all__ = ["ALL", "COOKIES", "CSP", "POWERSHELL", "Form", "Inbound", "Outbound", "Wanted", "concerns", "form"]

# What lets every request through to the conditions.
_EVERY = frozenset({".*", "(.*)", "^.*$", "^(.*)$"})
_REGULAR = frozenset({"", "ecmascript", "regular expressions"})


class Form(Enum):
    """How a rule that is a known mitigation stands; the value says it."""

    CURRENT = "in its current form"
    OUTDATED = "in a form that requests get past"
    OFF = "not in force"
    OTHER = "in a form that is not known to hold"


@dataclass(frozen=True, slots=True)
class Inbound:
    """A rule that aborts requests of which one condition holds.

    Attributes:
        mark: what its pattern has in any form, in lower case.
        outdated: (input, pattern) of forms that were published before, in lower case.
    """

    cve: str
    input: str
    pattern: str
    mark: tuple[str, ...]
    outdated: frozenset[tuple[str, str]] = frozenset()


@dataclass(frozen=True, slots=True)
class Outbound:
    """A rule that rewrites a server variable of the answer, where its precondition holds."""

    cve: str
    variable: str
    value: str
    mark: str
    preconditions: tuple[tuple[str, str], ...]


Wanted = Inbound | Outbound

COOKIES = (
    Inbound("CVE-2021-26855", "{HTTP_COOKIE}", "(.*)X-AnonResource-Backend(.*)", ("x-anonresource-backend",)),
    Inbound("CVE-2021-26855", "{HTTP_COOKIE}", "(.*)X-BEResource=(.+)/(.+)~(.+)", ("x-beresource",)),
)
POWERSHELL = Inbound(
    "CVE-2022-41040",
    "{UrlDecode:{REQUEST_URI}}",
    "(?=.*autodiscover)(?=.*powershell)",
    ("autodiscover", "powershell"),
    frozenset(
        {
            ("{request_uri}", ".*autodiscover\\.json.*\\@.*powershell.*"),
            ("{request_uri}", ".*autodiscover\\.json.*powershell.*"),
            ("{urldecode: {request_uri}}", ".*autodiscover\\.json.*powershell.*"),
            ("{urldecode:{request_uri}}", ".*autodiscover\\.json.*powershell.*"),
            ("{request_uri}", "(?=.*autodiscover\\.json)(?=.*powershell)"),
            ("{urldecode:{request_uri}}", "(?=.*autodiscover\\.json)(?=.*powershell)"),
            ("{urldecode: {request_uri}}", "(?=.*autodiscover)(?=.*powershell)"),
        }
    ),
)
CSP = Outbound(
    "CVE-2026-42897",
    "RESPONSE_Content_Security_Policy",
    "{R:1}; script-src-attr 'none'",
    "script-src-attr 'none'",
    (
        ("{RESPONSE_CONTENT_TYPE}", "^text/html"),
        ("{REQUEST_URI}", r"^/owa/?($|\?|default\.aspx|projection\.aspx|readingPane\.aspx|popout\.aspx)"),
    ),
)
ALL: tuple[Wanted, ...] = (*COOKIES, POWERSHELL, CSP)


def concerns(rule: Rule, wanted: Wanted) -> bool:
    """Whether a rule is about this attack, in any form."""
    match wanted:
        case Inbound():
            return rule.kind != "outbound" and any(_is_about(each, wanted) for each in rule.conditions)
        case Outbound():
            return (
                rule.kind == "outbound"
                and rule.variable.casefold() == wanted.variable.casefold()
                and wanted.mark in rule.value.casefold()
            )


def form(rule: Rule, wanted: Wanted, preconditions: Collection[Condition] | None = None) -> Form:
    """How a rule stands that is about this attack.

    Args:
        preconditions: those of the rule's precondition; None where they are not known, or it has none: it holds more
            often then, never less.
    """
    if not rule.enabled or rule.negate or rule.syntax.casefold() not in _REGULAR:
        return Form.OFF
    match wanted:
        case Inbound():
            return _inbound(rule, wanted)
        case Outbound():
            return _outbound(rule, wanted, preconditions)


def _is_about(condition: Condition, wanted: Inbound) -> bool:
    pattern, read = condition.pattern.casefold(), condition.input.casefold()
    inner = wanted.input.casefold().replace("{urldecode:", "").replace("}}", "}")
    return inner.strip("{}") in read and all(mark in pattern for mark in wanted.mark)


def _inbound(rule: Rule, wanted: Inbound) -> Form:
    if rule.url not in _EVERY or rule.action.casefold() != "abortrequest":
        return Form.OFF
    about = [each for each in rule.conditions if _is_about(each, wanted)]
    if len(rule.conditions) > len(about) and not rule.any_condition:
        return Form.OTHER  # what else it asks for may not hold
    forms = [_of_condition(each, wanted) for each in about]
    order = (Form.CURRENT, Form.OUTDATED, Form.OTHER, Form.OFF)
    return (min if rule.any_condition else max)(forms, key=order.index)


def _of_condition(condition: Condition, wanted: Inbound) -> Form:
    if condition.negate or condition.kind.casefold() not in ("pattern", "0"):
        return Form.OFF
    read, pattern = condition.input.casefold(), condition.pattern.casefold()
    if not condition.ignores_case:
        return Form.OUTDATED  # small letters get past
    if (read, pattern) == (wanted.input.casefold(), wanted.pattern.casefold()):
        return Form.CURRENT
    return Form.OUTDATED if (read, pattern) in wanted.outdated else Form.OTHER


def _outbound(rule: Rule, wanted: Outbound, preconditions: Collection[Condition] | None) -> Form:
    if rule.url not in _EVERY or rule.action.casefold() != "rewrite":
        return Form.OFF
    if rule.conditions or rule.value.casefold() != wanted.value.casefold():
        return Form.OTHER
    if preconditions is None:
        return Form.CURRENT
    held = {(each.input.casefold(), each.pattern.casefold()) for each in preconditions if not each.negate}
    known = {(read.casefold(), pattern.casefold()) for read, pattern in wanted.preconditions}
    if any(each.negate for each in preconditions):
        return Form.OTHER
    if held <= known:
        return Form.CURRENT
    # Without the panes that a message is opened in: the form of before.
    before = {(read, pattern.replace(r"|readingpane\.aspx|popout\.aspx", "")) for read, pattern in known}
    return Form.OUTDATED if held <= before | known else Form.OTHER
