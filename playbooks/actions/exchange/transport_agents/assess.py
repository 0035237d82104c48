"""Whether somebody else's library is in Exchange's transport.

An agent sees each message, can change or drop it, and runs as the transport does. LightNeuron (ESET, May 2019) was one
that had the name of Exchange's Connection Filtering Agent and lay in TransportRoles\\agents\\Hygiene, in Exchange's own
folder: so neither name, class nor folder speaks for an agent, and what does is a valid signature of Microsoft's.

The files and their form are Microsoft's: "Agents configuration file elements for Exchange 2013" (agent: name, baseType,
classFactory, assemblyPath, enabled), agents.config for the transport service and fetagents.config for the front end.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date

from playbooks.actions.exchange.setup import Installation, installed
from playbooks.actions.iis.configuration.files import NotWholeError, server_of, whole_text
from playbooks.catalogue.catalogue import Catalogue
from playbooks.findings import Assessment, Coverage, Finding, Severity, UnknownFact, Verdict
from playbooks.investigating.commands import Folders, Reason, against
from playbooks.investigating.document import Element, UnreadableXmlError, read
from playbooks.investigating.standing import CLEAR_OF
from playbooks.observation import Observation, Observed
from playbooks.unknowns import not_applicable, unknown
from playbooks.values import Record, Value, text_of

ACTION = "exchange.transport_agents"
FACTS = ("agents", "foreign", CLEAR_OF)
_CLEAR = ("transport agents",)
SHOWN = 20  # lines of evidence of a finding

HUB, FRONT_END = "agents.config", "fetagents.config"
# The roles of which a server has each file (agents.config also of Edge).
_FILES: Mapping[str, tuple[str, ...]] = {
    HUB: ("HubTransportRole", "EdgeTransportRole"),
    FRONT_END: ("FrontendTransportRole", "CafeRole"),
}
# EOMT of CSS-Exchange asks the same of what it downloads.
_QUOTED = re.compile(r'"[^"]*"')  # of a name, that may hold anything
_MICROSOFT = re.compile(r"(?:^|,\s*)O=Microsoft Corporation(?:,|$)")
UNSIGNED = Reason("unsigned", Severity.HIGH, "its library has no valid signature")
IMITATES = Reason(
    "imitates",
    Severity.HIGH,
    "its library lies in Exchange's folder and is not signed by Microsoft, as all of Exchange's own are",
)
OTHERS = Reason("others", Severity.MEDIUM, "its library is another maker's")
OUTSIDE = Reason("outside", Severity.MEDIUM, "its library lies outside Exchange's folder")
MISSING = Reason("missing", Severity.MEDIUM, "its library is not there")
REMOTE = Reason("remote", Severity.HIGH, "its library is on no drive of this server")


@dataclass(frozen=True, slots=True)
class _Agent:
    """An agent as a file names it."""

    file: str
    name: str
    factory: str
    library: str
    enabled: bool

    @property
    def shown(self) -> str:
        state = "" if self.enabled else ", disabled"
        what = f"{self.factory or 'no class'} in {self.library or 'no library'}"
        return f"{self.name or 'an agent without a name'} ({self.file}{state}), {what}"


def assess(observation: Observation, params: Mapping[str, Value], catalogue: Catalogue, today: date) -> Assessment:
    """Judges the library of each agent that either file names."""
    found = installed(ACTION, observation, FACTS)
    if isinstance(found, Assessment):
        return found
    observed, installation = found
    if installation is not Installation.SERVER:
        return not_applicable(installation.value, FACTS)
    asked = _asked(observed)
    if not asked:
        absent = not_applicable("no role that moves mail is on this server", FACTS)
        return replace(absent, facts={**absent.facts, CLEAR_OF: _CLEAR})
    if not server_of(observed).exchange:
        return unknown(ACTION, "the agents", "the setup key names no install folder (MsiInstallPath)", FACTS)
    agents, gaps = _agents(observed, asked)
    return _concluded(observed, agents, gaps)


def _asked(observed: Observed) -> tuple[str, ...]:
    """The files that a server of these roles has; a role that was not read may be there."""
    said = {text_of(role, "Name"): role.get("Present") for role in observed.of_kind("ExchangeRole")}
    return tuple(file for file, roles in _FILES.items() if any(said.get(role) is not False for role in roles))


def _agents(observed: Observed, asked: tuple[str, ...]) -> tuple[tuple[_Agent, ...], tuple[str, ...]]:
    agents: list[_Agent] = []
    gaps = [
        f"{entry.what}: {entry.why}" for entry in observed.unread if "\\" in entry.what and "\\v15" not in entry.what
    ]
    gaps += [
        f"{text_of(each, 'What')}: {each.get('Limit')!s} of {each.get('Seen')!s} were looked at"
        for each in observed.of_kind("Capped")
    ]
    for name in (HUB, FRONT_END):
        file = _file(observed, name)
        closed = any(entry.what.casefold().endswith(f"\\{name}") for entry in observed.unread)
        if file is None or file.get("Present") is not True:
            if name in asked and not closed:
                gaps.append(f"{name}: it is not there, and a server of this role has it")
            continue
        try:
            agents += _named(name, read(whole_text(file, observed)))
        except (NotWholeError, UnreadableXmlError) as error:
            gaps.append(f"{name}: {error}")
    return tuple(agents), tuple(gaps)


def _file(observed: Observed, name: str) -> Record | None:
    found = (each for each in observed.of_kind("ConfigFile") if text_of(each, "Place").casefold().endswith(f"\\{name}"))
    return next(found, None)


def _named(file: str, root: Element) -> Iterator[_Agent]:
    """Every agent, wherever it stands: Exchange reads those of the list, and who wrote another had a reason."""
    for each in root.all():
        if each.name.casefold() == "agent":
            said = {name.casefold(): value for name, value in each.attributes.items()}
            library = said.get("assemblypath", "")
            on = said.get("enabled", "true").strip().casefold() not in ("false", "0")
            yield _Agent(file, said.get("name", ""), said.get("classfactory", ""), library, on)


def _concluded(observed: Observed, agents: tuple[_Agent, ...], gaps: tuple[str, ...]) -> Assessment:
    server = server_of(observed)
    libraries = {text_of(each, "Path").casefold(): each for each in observed.of_kind("Library")}
    judged = [(agent, _reasons(agent, libraries.get(agent.library.casefold()), server.exchange)) for agent in agents]
    more = [
        f"{agent.name}: its library {agent.library} was not looked at"
        for agent, reasons in judged
        if reasons is None and not any(agent.library.casefold() in gap.casefold() for gap in gaps)
    ]
    gaps = (*gaps, *more)
    foreign = [(agent, reasons) for agent, reasons in judged if reasons]
    worst = min((_severity(*each) for each in foreign), key=lambda each: each.rank, default=Severity.INFO)
    verdict = Verdict.SUSPICIOUS if worst.rank <= Severity.HIGH.rank else Verdict.ATTENTION if foreign else Verdict.OK
    if gaps:
        verdict = min(verdict, Verdict.UNKNOWN, key=lambda either: either.rank)
    why = f"not everything was read: {gaps[0]}" if gaps else ""
    return Assessment(
        verdict,
        _summary(agents, foreign, gaps),
        tuple(sorted(_findings(agents, libraries, foreign, worst, gaps), key=lambda each: each.severity.rank)),
        {
            "agents": UnknownFact(why) if gaps else tuple(agent.name for agent in agents),
            "foreign": UnknownFact(why) if gaps else tuple(agent.name for agent, _ in foreign),
            CLEAR_OF: UnknownFact(why) if gaps else () if verdict is Verdict.SUSPICIOUS else _CLEAR,
        },
        Coverage.NOT_KNOWABLE if gaps else Coverage.PROBED,
    )


def _reasons(agent: _Agent, library: Record | None, exchange: str) -> tuple[Reason, ...] | None:
    """What is against an agent; None where its library was not looked at."""
    path = agent.library.replace("/", "\\")
    if not re.match(r"[a-z]:\\", path, re.IGNORECASE):
        return (REMOTE,)
    if library is None:
        return None
    own = _is_below(path, exchange)
    reasons = [*against(path, Folders())]
    if library.get("Exists") is not True:
        return (*reasons, MISSING)
    valid = text_of(library, "Signature").casefold() == "valid"
    microsoft = valid and _MICROSOFT.search(_QUOTED.sub("", text_of(library, "Signer"))) is not None
    if own and not microsoft:
        reasons.append(IMITATES if not valid else OTHERS)
    if not own:
        reasons += [OUTSIDE] if valid else [UNSIGNED, OUTSIDE]
        reasons += [OTHERS] if valid and not microsoft else []
    return tuple(reasons)


def _is_below(path: str, folder: str) -> bool:
    """Not where it climbs out again, or names what Windows spells otherwise."""
    parts = path.casefold().split("\\")
    spelt = not any(part in (".", "..") or "~" in part or part != part.strip(" .") for part in parts)
    return spelt and path.casefold().startswith(f"{folder.casefold()}\\")


def _severity(agent: _Agent, reasons: tuple[Reason, ...]) -> Severity:
    return min((reason.severity for reason in reasons), key=lambda each: each.rank)


def _findings(
    agents: tuple[_Agent, ...],
    libraries: Mapping[str, Record],
    foreign: list[tuple[_Agent, tuple[Reason, ...]]],
    worst: Severity,
    gaps: tuple[str, ...],
) -> Iterator[Finding]:
    if foreign:
        yield Finding(
            f"{ACTION}.foreign",
            worst,
            "Agents in Exchange's transport are not Exchange's own, as far as can be seen",
            _first(
                tuple(
                    f"{agent.shown}: {'; '.join(reason.says for reason in reasons)}{_known(libraries, agent)}"
                    for agent, reasons in foreign
                )
            ),
            "Ask which product each belongs to, and compare its hash with the maker's; of one that nobody knows keep "
            "the library, take this server for compromised, and remove it with Uninstall-TransportAgent",
        )
    if gaps:
        yield Finding(
            f"{ACTION}.unread",
            Severity.HIGH,
            "Not all agents and their libraries could be read",
            _first(gaps),
            "Look at the files and libraries by hand; a server that moves mail has both",
        )
    if agents:
        yield Finding(
            f"{ACTION}.agents",
            Severity.INFO,
            "The agents that Exchange loads into its transport",
            _first(tuple(f"{agent.shown}{_known(libraries, agent)}" for agent in agents)),
            "Compare with another server of this build: a signature says who made a library, not that it belongs here, "
            "and who is an administrator can make this server trust any signer",
        )


def _known(libraries: Mapping[str, Record], agent: _Agent) -> str:
    found = libraries.get(agent.library.casefold())
    if found is None or found.get("Exists") is not True:
        return ""
    signer = text_of(found, "Signer") or "no signer"
    return (
        f"; version {text_of(found, 'Version') or 'none'}, modified {text_of(found, 'Modified')[:10]}, "
        f"signature {text_of(found, 'Signature')} ({signer}), SHA-256 {text_of(found, 'Sha256')}"
    )


def _summary(
    agents: tuple[_Agent, ...], foreign: list[tuple[_Agent, tuple[Reason, ...]]], gaps: tuple[str, ...]
) -> str:
    if foreign:
        agent, reasons = min(foreign, key=lambda each: _severity(*each).rank)
        said = (
            f"{len(foreign)} of {len(agents)} transport agents may be somebody else's: {agent.name}, {reasons[0].says}"
        )
    else:
        said = f"the libraries of {len(agents)} transport agents are signed by Microsoft and lie in Exchange's folder"
    return f"{said}; {len(gaps)} could not be read" if gaps else said


def _first(lines: tuple[str, ...]) -> tuple[str, ...]:
    more = len(lines) - SHOWN
    return (*lines[:SHOWN], f"and {more} more") if more > 0 else lines
