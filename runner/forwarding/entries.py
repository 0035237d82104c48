"""What a line of a journal says to a log that holds events of many programs: short, classified, and capped.

The words are those of the Elastic Common Schema (https://www.elastic.co/docs/reference/ecs/ecs-event); the other
formats are made of the same. Outputs and texts of scripts stay in the journal; the entry names its line by the SHA-256.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from itertools import islice

from runner.journal.lines import Json, Line
from runner.terminal import visible
from texts.counting import counted

MOST_CHARACTERS = 500  # of one text of a server; a cut ends in `…`
MOST_FINDINGS = 20
MOST_BYTES = 16_000  # of the findings of one event: the whole of it is to fit into a datagram, whatever a server says


class Outcome(StrEnum):
    """Whether what the event is about went well; ECS has these three."""

    SUCCESS = "success"
    FAILURE = "failure"
    UNKNOWN = "unknown"


class Level(StrEnum):
    """How much an event matters, least first."""

    INFO = "info"
    NOTICE = "notice"
    WARNING = "warning"
    ERROR = "error"
    ALERT = "alert"


@dataclass(frozen=True, slots=True)
class Entry:
    """One event.

    Attributes:
        sequence: of its line; with run and client the key by which a reader knows what came twice.
        sha256: of its line, as the next line has it.
        kind, category, type: as ECS has them.
        outcome: None for what is neither well nor ill.
        message: one line, fit to be shown.
        host: the server that it is about; None where it is about the run.
        script: SHA-256 of the script that it is about.
        details: texts, numbers and lists of texts; fit to be shown and capped.
    """

    sequence: int
    sha256: str
    time: datetime
    run: str
    client: str
    actor: str
    phase: str
    event: str
    kind: str
    category: tuple[str, ...]
    type: tuple[str, ...]
    outcome: Outcome | None
    level: Level
    message: str
    host: str | None
    step: str | None
    script: str | None
    details: Mapping[str, str | int | tuple[str, ...]]

    @property
    def id(self) -> str:
        """Unique over all runs and clients, and the same whenever the event is sent again."""
        return f"{self.run}/{self.client}/{self.sequence}"


@dataclass(frozen=True, slots=True)
class _Said:
    message: str
    level: Level = Level.INFO
    outcome: Outcome | None = None
    details: Mapping[str, str | int | tuple[str, ...]] | None = None
    kind: str = "event"
    category: tuple[str, ...] = ()  # where another than its event's


Data = Mapping[str, Json]
_Says = Callable[[Line], _Said]


@dataclass(frozen=True, slots=True)
class Meaning:
    """What ECS calls an event of this name."""

    category: tuple[str, ...]
    type: tuple[str, ...]
    says: _Says


def entry_of(line: Line, sha256: str) -> Entry:
    """The entry of a line; one whose event is not known here is told by its name alone.

    Args:
        sha256: of the line, without its end.
    """
    meaning = MEANINGS.get(line.event, _OTHER)
    said = meaning.says(line)
    host = None if line.host is None else _shown(line.host)
    step = None if line.step is None else _shown(line.step)
    where = [each for each in (host, step and f"step {step}") if each]
    return Entry(
        sequence=line.sequence,
        sha256=sha256,
        time=line.time,
        run=visible(line.run),
        client=visible(line.client),
        actor=_shown(line.actor),
        phase=visible(line.phase, 100),
        event=visible(line.event, 100),
        kind=said.kind,
        category=said.category or meaning.category,
        type=meaning.type,
        outcome=said.outcome,
        level=said.level,
        message=f"{', '.join(where)}: {said.message}" if where else said.message,
        host=host,
        step=step,
        script=None if line.script_hash is None else visible(line.script_hash, 100),
        details=said.details or {},
    )


def _text(data: Json, *names: str) -> str:
    """What stands there, fit to be shown; empty where there is no text or number."""
    for name in names:
        data = data.get(name) if isinstance(data, Mapping) else None
    if isinstance(data, bool) or not isinstance(data, str | int | float):
        return ""
    return _shown(str(data))


def _shown(text: str) -> str:
    """Fit to be shown, and capped behind that: what is spelt out is longer than what was said."""
    shown = visible(text, MOST_CHARACTERS)
    return shown if len(shown) <= MOST_CHARACTERS else f"{shown[: MOST_CHARACTERS - 1]}…"


def _first(texts: Iterable[str]) -> tuple[str, ...]:
    """As many as an event may hold."""
    found: list[str] = []
    left = MOST_BYTES
    for text in islice(texts, MOST_FINDINGS):
        left -= len(text.encode())
        if left < 0:
            break
        found.append(text)
    return tuple(found)


def _number(data: Json, name: str) -> int | None:
    value = data.get(name) if isinstance(data, Mapping) else None
    return value if isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**53 else None


def _many(data: Json, name: str) -> list[Json]:
    value = data.get(name) if isinstance(data, Mapping) else None
    return value if isinstance(value, list) else []


def _some(**details: str | int | tuple[str, ...] | None) -> dict[str, str | int | tuple[str, ...]]:
    return {name: value for name, value in details.items() if value not in (None, "", ())}


def _counts(data: Json) -> tuple[str, ...]:
    outcomes = data.get("outcomes") if isinstance(data, Mapping) else None
    members = outcomes.items() if isinstance(outcomes, Mapping) else ()
    return tuple(f"{visible(str(name), 100)}: {visible(str(count), 100)}" for name, count in members)


def _plainly(message: str, level: Level = Level.INFO, outcome: Outcome | None = None) -> _Says:
    return lambda _line: _Said(message, level, outcome)


def _run_started(line: Line) -> _Said:
    hosts, name = len(_many(line.data, "hosts")), _text(line.data, "playbook", "name")
    details = _some(playbook=name, hosts_count=hosts, version=_text(line.data, "exrun"))
    return _Said(f"run of {name} on {counted(hosts, 'server')} began", details=details)


def _run_over(line: Line) -> _Said:
    status, counts = _number(line.data, "status"), _counts(line.data)
    why = _text(line.data, "message")
    details = _some(status=status, outcomes=counts, why=why, hosts_count=_number(line.data, "hosts"))
    well = not why and status in (0, 1)  # findings are no failure of the run
    told = f" ({', '.join(counts)})" if counts else ""
    if why:
        return _Said(f"run broke off: {why}{told}", Level.ERROR, Outcome.FAILURE, details)
    return _Said(
        f"run ended with status {status}{told}",
        Level.NOTICE if well else Level.WARNING,
        Outcome.SUCCESS if well else Outcome.FAILURE,
        details,
    )


def _plan_taken(line: Line) -> _Said:
    by = tuple(_text(each, "by") for each in _many(line.data, "approvals")[:MOST_FINDINGS])
    details = _some(
        plan=_text(line.data, "id"),
        plan_sha256=_text(line.data, "plan"),
        planner=_text(line.data, "planner"),
        approved=by,
    )
    told = f"approved by {', '.join(by)}" if by else "which nobody was asked to approve"
    return _Said(
        f"plan {_text(line.data, 'id')} of {_text(line.data, 'planner')} is run, {told}", Level.NOTICE, None, details
    )


def _taken_over(line: Line) -> _Said:
    return _Said(
        f"{_text(line.data, 'host')} was taken from run {_text(line.data, 'owner')}",
        Level.WARNING,
        None,
        _some(owner=_text(line.data, "owner")),
    )


def _wave(what: str) -> _Says:
    return lambda line: _Said(
        f"wave {_number(line.data, 'number')} {what}", details=_some(wave=_number(line.data, "number"))
    )


def _overridden(line: Line) -> _Said:
    option, value = _text(line.data, "option"), _text(line.data, "value")
    hosts = tuple(visible(str(each), 100) for each in _many(line.data, "hosts")[:MOST_FINDINGS])
    count = len(_many(line.data, "hosts"))
    return _Said(
        f"a safety default was switched off for {counted(count, 'server')}: {option} {value}".rstrip(),
        Level.WARNING,
        None,
        _some(option=option, value=value, hosts=hosts, hosts_count=count),
    )


def _rollback_asked(line: Line) -> _Said:
    count = len(_many(line.data, "hosts"))
    return _Said(
        f"asked to undo what was changed on {counted(count, 'server')}", Level.NOTICE, None, _some(hosts_count=count)
    )


def _connected(what: str) -> _Says:
    def says(line: Line) -> _Said:
        address, port = _text(line.data, "address"), _number(line.data, "port")
        return _Said(f"{what} at {address} port {port}", details=_some(address=address, port=port))

    return says


def _retried(line: Line) -> _Said:
    why = _text(line.data, "failure", "message")
    return _Said(f"connection failed and is tried again: {why}", Level.NOTICE, Outcome.FAILURE, _some(why=why))


def _sending(line: Line) -> _Said:
    purpose = _text(line.data, "purpose")
    scripts = tuple(_text(each, "script") for each in _many(line.data, "scripts")[:MOST_FINDINGS])
    count = len(_many(line.data, "scripts"))
    changes = purpose in ("apply", "rollback", "confirm")
    return _Said(
        f"{counted(count, 'script')} sent to {purpose}",
        Level.NOTICE if changes else Level.INFO,
        None,
        _some(purpose=purpose, scripts=scripts, scripts_count=count),
    )


def _answered(line: Line) -> _Said:
    how, purpose = _text(line.data, "answer", "outcome"), _text(line.data, "purpose")
    why = _text(line.data, "answer", "error", "message") or _text(line.data, "answer", "failure", "message")
    well = how == "completed"
    return _Said(
        f"script to {purpose}: {how}" + (f": {why}" if why else ""),
        Level.INFO if well else Level.WARNING,
        Outcome.SUCCESS if well else Outcome.UNKNOWN if how == "not-run" else Outcome.FAILURE,
        _some(purpose=purpose, answer=how, why=why),
    )


_ALERTS = ("compromised", "suspicious")
_HOLES = ("vulnerable", "needs-cu", "half-installed")
_UNSEEN = ("unknown", "unreachable", "no-credential", "not-asked")


def _level_of(verdict: str) -> Level:
    if verdict in _ALERTS:
        return Level.ALERT
    return Level.WARNING if verdict in (*_HOLES, *_UNSEEN) else Level.INFO


def _assessed(line: Line) -> _Said:
    assessment = line.data.get("assessment")
    verdict, summary = _text(assessment, "verdict"), _text(assessment, "summary")
    every = _many(assessment, "findings")
    titles = _first(f"{_text(each, 'severity')}: {_text(each, 'title')} [{_text(each, 'id')}]" for each in every)
    purpose, action = _text(line.data, "purpose"), _text(line.data, "action")
    return _Said(
        f"{verdict}: {summary}",
        _level_of(verdict),
        Outcome.UNKNOWN if verdict in _UNSEEN else Outcome.SUCCESS,
        _some(
            verdict=verdict,
            action=action,
            purpose=purpose,
            coverage=_text(assessment, "coverage"),
            findings=titles,
            findings_count=len(every),
        ),
        kind="alert" if verdict in _ALERTS else "event",
        category=("intrusion_detection",) if verdict in _ALERTS else ("vulnerability",) if verdict in _HOLES else (),
    )


def _host_ended(line: Line) -> _Said:
    outcome, verdict = _text(line.data, "outcome"), _text(line.data, "verdict")
    why = _text(line.data, "failure", "message")
    return _Said(
        f"{outcome}, {verdict}" + (f": {why}" if why else ""),
        _level_of(verdict),
        Outcome.SUCCESS if outcome in ("compliant", "findings") else Outcome.FAILURE,
        _some(result=outcome, verdict=verdict, why=why),
        kind="alert" if verdict in _ALERTS else "event",
    )


def _host_applied(line: Line) -> _Said:
    counts, why = _counts(line.data), _text(line.data, "failure", "message")
    words = {each.rpartition(": ")[2] for each in counts}
    well = not why and words <= {"compliant", "changed", "rolled-back", "skipped"}
    return _Said(
        f"{'; '.join(counts)}" + (f": {why}" if why else ""),
        Level.NOTICE if well else Level.ERROR,
        Outcome.SUCCESS if well else Outcome.FAILURE,
        _some(outcomes=counts, why=why),
    )


def _settled(line: Line) -> _Said:
    purpose, became, why = (_text(line.data, each) for each in ("purpose", "settlement", "why"))
    done = became == "done"
    return _Said(
        f"{purpose}: {became}" + (f": {why}" if why else ""),
        Level.NOTICE if done else Level.ERROR,
        Outcome.SUCCESS if done else Outcome.FAILURE,
        _some(purpose=purpose, settlement=became, why=why),
    )


def _drifted(line: Line) -> _Said:
    every = _many(line.data, "differences")
    first = _first(_shown(str(each)) for each in every)
    return _Said(
        "is not as it was approved, so nothing is changed",
        Level.ERROR,
        Outcome.FAILURE,
        _some(differences=first, differences_count=len(every)),
    )


def _when(line: Line) -> _Said:
    holds, why = line.data.get("holds"), _text(line.data, "why")
    said = {True: "its condition holds", False: "its condition does not hold"}.get(holds is True)
    return _Said(
        f"{said if isinstance(holds, bool) else 'whether its condition holds is not known'}"
        + (f": {why}" if why else "")
    )


def _health(line: Line) -> _Said:
    well, why = line.data.get("well") is True, _text(line.data, "why")
    return _Said(
        "is well" if well else f"is not well: {why}",
        Level.INFO if well else Level.ERROR,
        Outcome.SUCCESS if well else Outcome.FAILURE,
        _some(why=why),
    )


def _kept(line: Line) -> _Said:
    size, sha256 = _number(line.data, "bytes"), _text(line.data, "sha256")
    return _Said(f"evidence of {size} bytes was kept", Level.NOTICE, Outcome.SUCCESS, _some(evidence_sha256=sha256))


def _missed(line: Line) -> _Said:
    why = _text(line.data, "why")
    return _Said(f"evidence could not be kept: {why}", Level.ERROR, Outcome.FAILURE, _some(why=why))


def _detached(line: Line) -> _Said:
    state, error = _text(line.data, "state"), _text(line.data, "error")
    return _Said(f"script that runs as a task: {state}" + (f": {error}" if error else ""), details=_some(state=state))


def _named(line: Line) -> _Said:
    return _Said("a script that this run may send, with its text in the journal", details={})


def _other(line: Line) -> _Said:
    return _Said(f"{visible(line.event, 100)}: an event that this version does not know")


_RUN = ("process",)
_OTHER = Meaning(("configuration",), ("info",), _other)
MEANINGS: Mapping[str, Meaning] = {
    "run-started": Meaning(_RUN, ("start",), _run_started),
    "run-resumed": Meaning(_RUN, ("start",), _plainly("run goes on", Level.NOTICE)),
    "run-interrupted": Meaning(_RUN, ("end",), _run_over),
    "run-ended": Meaning(_RUN, ("end",), _run_over),
    "plan-taken": Meaning(("configuration",), ("info",), _plan_taken),
    "plan-spent": Meaning(("configuration",), ("info",), _plainly("the plan's token is spent: it runs once")),
    "taken-over": Meaning(("configuration",), ("change",), _taken_over),
    "wave-started": Meaning(_RUN, ("info",), _wave("began")),
    "wave-ended": Meaning(_RUN, ("info",), _wave("ended")),
    "rollback-asked": Meaning(("configuration",), ("info",), _rollback_asked),
    "override": Meaning(("configuration",), ("change",), _overridden),
    "script-named": Meaning(("configuration",), ("info",), _named),
    "host-started": Meaning(("session",), ("start",), _connected("session begins")),
    "host-ended": Meaning(("session",), ("end",), _host_ended),
    "connection-retried": Meaning(("network",), ("connection",), _retried),
    "pool-replaced": Meaning(("session",), ("info",), _plainly("a script could not be stopped: a new pool follows")),
    "script-sending": Meaning(("process",), ("start",), _sending),
    "script-answered": Meaning(("process",), ("end",), _answered),
    "step-assessed": Meaning(("configuration",), ("info",), _assessed),
    "settled": Meaning(("configuration",), ("change",), _settled),
    "drifted": Meaning(("configuration",), ("info",), _drifted),
    "when-decided": Meaning(("configuration",), ("info",), _when),
    "boot-seen": Meaning(("host",), ("start",), _plainly("the server was started anew")),
    "detached-seen": Meaning(("process",), ("info",), _detached),
    "host-applied": Meaning(("session",), ("end",), _host_applied),
    "health-asked": Meaning(("host",), ("info",), _connected("asked whether it is well")),
    "health-answered": Meaning(("host",), ("info",), _health),
    "evidence-kept": Meaning(("file",), ("creation",), _kept),
    "evidence-missed": Meaning(("file",), ("info",), _missed),
    "tail-dropped": Meaning(
        ("file",), ("change",), _plainly("half a line that a crash had left was cut off", Level.WARNING)
    ),
}
