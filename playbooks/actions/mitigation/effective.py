"""Which rules of URL Rewrite hold for an application, and which that stand somewhere above it do not come so far.

What is inherited, in its order: the whole server in applicationHost.config, the site's location there, the web.config
of the site's folder, the application's location in the one and in the other, its own web.config. At any of these a
`<clear/>` or `<remove>` drops what came before, and the module that runs the rules may be taken away. So it may in a
folder below the application, for requests to what is there: then the rule does not hold where it may be needed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from playbooks.actions.iis.configuration.rules import Condition, Rule, conditions_of, rule_of
from playbooks.investigating.document import Element

__all__ = ["MODULE", "Configs", "Effective", "Ours", "effective", "is_installed"]

MODULE = "rewritemodule"
_KINDS = {"globalRules": "global", "rules": "inbound", "outboundRules": "outbound"}
# What the whole server's rules are called in evidence.
_HOST = "applicationHost.config"


@dataclass(frozen=True, slots=True)
class Ours:
    """A rule as it would stand: before the others of its section, in a location of applicationHost.config."""

    location: str
    rule: Rule
    preconditions: tuple[Condition, ...] = ()


@dataclass(frozen=True, slots=True)
class Configs:
    """The roots of web.configs.

    Attributes:
        of: by application in lower case; that of the site by the empty text.
        below: by application in lower case: those of the folders below it, each with where it lies.
    """

    of: Mapping[str, Element] = field(default_factory=dict)
    below: Mapping[str, tuple[tuple[str, Element], ...]] = field(default_factory=dict)


@dataclass(slots=True)
class Effective:
    """What holds for one application.

    Attributes:
        rules: in the order in which they are tried.
        dropped: rules that stand above it and do not come so far, each with what drops it.
        preconditions: of outbound rules, by name.
        runs: whether the module is there that runs them.
        without: where it is taken away; empty where it runs.
    """

    rules: list[Rule] = field(default_factory=list)
    dropped: list[tuple[Rule, str]] = field(default_factory=list)
    preconditions: dict[str, tuple[Condition, ...]] = field(default_factory=dict)
    runs: bool = False
    without: str = ""

    def undoing(self, rule: Rule) -> Iterator[tuple[Rule, str]]:
        """The rules that may keep one from its work, and how: whether they do depends on the request."""
        is_before = True
        for each in self.rules:
            if each is rule:
                is_before = False
                continue
            if not each.enabled or (each.kind == "outbound") is not (rule.kind == "outbound"):
                continue
            if rule.kind == "outbound" and each.variable.casefold() == rule.variable.casefold():
                value = each.value.casefold()
                # The first directive of a name counts; what begins with the value that was there adds to it.
                weaker = "script-src-attr" in value if is_before else not value.startswith("{r:1}")
                if each.value != rule.value and weaker:
                    yield each, "which writes the same header"
            # The one that sends the bare address of a site elsewhere ends nothing but that.
            elif is_before and each.stop and each.url != "^$" and not _aborts(each):
                yield each, "which may end the trying of rules"
            elif is_before and each.sets:
                yield each, f"which sets {each.sets[0]}"

    def precondition(self, rule: Rule) -> tuple[Condition, ...] | None:
        """The conditions of a rule's precondition; None where it has none. One that is missing is none that holds."""
        if not rule.precondition:
            return None
        return self.preconditions.get(rule.precondition, (Condition("", "", negate=True),))


@dataclass(frozen=True, slots=True)
class _Level:
    where: str
    groups: tuple[Element, ...]
    location: str = ""


def is_installed(host: Element) -> bool:
    """Whether URL Rewrite is: IIS knows its module."""
    modules = host.at("system.webServer", "globalModules", "add")
    return any(each.get("name").casefold() == MODULE for each in modules)


def effective(host: Element, configs: Configs, site: str, application: str, ours: Ours | None = None) -> Effective:
    """What holds for an application of a site.

    Args:
        host: the root of applicationHost.config.
        configs: the web.configs on the way there, and below it.
        application: its path without slashes around it; empty for the site itself.
        ours: as if this rule stood there too.
    """
    found = Effective()
    for level in _levels(host, configs, site, application):
        _modules(level, found)
        sections = [each for group in level.groups for each in group.named("rewrite")]
        pending = ours if ours is not None and level.location.casefold() == ours.location.casefold() else None
        for kind in _KINDS:
            of_kind = [each for section in sections for each in section.named(kind)]
            mine = pending if pending is not None and pending.rule.kind == _KINDS[kind] else None
            if mine is not None and not of_kind:
                _put(mine, found)
            for number, section in enumerate(of_kind):
                _section(section, kind, level, found, mine if number == 0 else None)
    for where, group in _below(host, configs, site, application):
        for section in (each for of in group.named("rewrite") for kind in _KINDS for each in of.named(kind)):
            for each in section.named("clear", "remove"):
                name = each.get("name") if each.name == "remove" else None
                _drop(found, section.name, f"<{each.name}> in {where}", name)
        ran, without = found.runs, found.without
        _modules(_Level(where, (group,)), found)
        if not ran:  # and nothing further down gives it back to the rest
            found.runs, found.without = ran, without
    return found


def _below(host: Element, configs: Configs, site: str, application: str) -> Iterator[tuple[str, Element]]:
    """What holds for a page or folder of an application alone: a rule that is dropped there is where it is needed."""
    for lies, config in configs.below.get(application.casefold(), ()):
        holders = (config, *config.named("location"))
        yield from ((lies, each) for holder in holders for each in holder.named("system.webServer"))
    of_application = configs.of.get(application.casefold()) if application else None
    for where, root, above in (
        (_HOST, host, f"{site}/{application}".strip("/")),
        ("the site's web.config", configs.of.get(""), application),
        (f"{application}\\web.config", of_application, ""),
    ):
        for location in () if root is None else root.named("location"):
            path = location.get("path").strip("/").casefold()
            if path not in ("", ".") and path.startswith(f"{above.casefold()}/" if above else ""):
                yield from ((f"{where}, {location.get('path')}", each) for each in location.named("system.webServer"))


def _levels(host: Element, configs: Configs, site: str, application: str) -> Iterator[_Level]:
    own = configs.of.get("")
    yield _Level(_HOST, (*host.named("system.webServer"), *_located(host, "", inherited=True)))
    inherited = bool(application)
    yield _Level(f"{_HOST}, {site}", tuple(_located(host, site, inherited=inherited)), site)
    if own is not None:
        groups = (*own.named("system.webServer"), *_located(own, "", inherited=inherited))
        yield _Level("the site's web.config", groups)
    if application:
        place = f"{site}/{application}"
        yield _Level(f"{_HOST}, {place}", tuple(_located(host, place, inherited=False)), place)
        if own is not None:
            groups = tuple(_located(own, application, inherited=False))
            yield _Level(f"the site's web.config, {application}", groups)
        if (config := configs.of.get(application.casefold())) is not None:
            groups = (*config.named("system.webServer"), *_located(config, "", inherited=False))
            yield _Level(f"{application}\\web.config", groups)


def _located(root: Element, path: str, *, inherited: bool) -> Iterator[Element]:
    """What the locations of a path hold; `inherited`: where it comes to what is below."""
    for location in root.named("location"):
        here = location.get("path").strip("/").casefold()
        is_here = ("" if here == "." else here) == path.strip("/").casefold()
        if is_here and (not inherited or location.is_on("inheritInChildApplications")):
            yield from location.named("system.webServer")


def _modules(level: _Level, found: Effective) -> None:
    for group in level.groups:
        for section in group.named("modules"):
            for each in section.children:
                is_it = each.get("name").casefold() == MODULE
                if each.name == "add" and is_it:
                    # What it asks for else may not be so in the pools of Exchange.
                    found.runs = each.get("preCondition").casefold() in ("", "bitness64")
                    found.without = "" if found.runs else f"{each.get('preCondition')} in {level.where}"
                elif each.name == "clear" or (each.name == "remove" and is_it):
                    found.runs, found.without = False, level.where


def _section(section: Element, kind: str, level: _Level, found: Effective, ours: Ours | None) -> None:
    for each in section.children:
        match each.name:
            case "rule":
                if ours is not None:
                    _put(ours, found)
                    ours = None
                found.rules.append(rule_of(each, level.where, _KINDS[kind]))
            case "clear":
                _drop(found, kind, f"<clear/> in {level.where}", None)
            case "remove":
                _drop(found, kind, f"<remove> in {level.where}", each.get("name"))
            case "preConditions":
                for one in each.children:
                    if one.name == "clear":
                        found.preconditions.clear()
                    elif one.name == "remove":
                        found.preconditions.pop(one.get("name"), None)
                    elif one.name == "preCondition":
                        found.preconditions[one.get("name")] = _precondition(one)
            case _:
                pass
    if ours is not None:
        _put(ours, found)


def _precondition(one: Element) -> tuple[Condition, ...]:
    conditions = conditions_of(one)
    if one.get("logicalGrouping").casefold() == "matchany" and len(conditions) > 1:
        return ()  # any of them lets an answer through: it holds more often, not less
    plain = one.get("patternSyntax").casefold() in ("wildcard", "exactmatch")
    return tuple(replace(each, negate=each.negate or plain) for each in conditions)


def _put(ours: Ours, found: Effective) -> None:
    found.rules.append(ours.rule)
    if ours.rule.precondition:
        found.preconditions[ours.rule.precondition] = ours.preconditions


def _drop(found: Effective, kind: str, why: str, name: str | None) -> None:
    of_kind = _KINDS[kind]
    gone = [each for each in found.rules if each.kind == of_kind and name in (None, each.name)]
    found.dropped += [(each, why) for each in gone]
    found.rules = [each for each in found.rules if not any(each is one for one in gone)]


def _aborts(rule: Rule) -> bool:
    return rule.action.casefold() == "abortrequest"
