"""What a run did, from its journals: which script ran where, what was answered and what was judged.

For the person who has to answer for the run, so all of it is here: evidence, facts and, when asked for, the texts. Its
JSON Schema is published in docs/reference/schemas/run.json.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime
from typing import Annotated, Any, Literal, cast

from pydantic import BaseModel, ConfigDict, Field

from playbooks.findings import Coverage, Severity, Verdict
from runner import events
from runner.events import Answer, ScriptNamed
from runner.journal.chain import Verified
from runner.journal.lines import Json
from runner.replay import client_rows, terms
from runner.reports.folding import Verbatim
from runner.reports.json import BecauseMember, RotateMember, RunFindingMember, because, labels, rotate, run_finding
from runner.reports.wording import in_a_cell
from runner.results import HostResult, Judged, Outcome, to_rotate, worst_first
from runner.runs import ClientRun
from runner.state import HostProgress, RunPhase, RunState
from runner.terminal import visible
from texts.counting import counted

SCHEMA: Literal["exrun.run/1"] = "exrun.run/1"
LIMIT = 2000  # characters of one text on a terminal
SHORT_HASH = 12
OPENS = "(opens a locked session)"  # what no step sends, see runner/runlog.py
Sha256 = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]


class _Member(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ScriptMember(_Member):
    """One script that the run could send."""

    sha256: Sha256
    steps: list[str]
    text: str | None = Field(description="only with --scripts")


class StepFindingMember(_Member):
    """One thing that somebody should know or do."""

    id: str
    severity: Severity
    title: str
    evidence: list[str] = Field(description="what was seen; text of the server, never to be trusted")
    next: str
    cves: list[str] = Field(description="vulnerabilities that it is about, such as CVE-2021-26855; empty for none")
    kbs: list[str] = Field(
        description="updates that it is about, such as KB5000871; of several one may be the one for this server"
    )


class StepMember(_Member):
    """One step on one server."""

    step: str
    action: str
    verdict: Verdict
    summary: str
    coverage: Coverage
    script: Sha256 | None = Field(description="what was sent for this step; null where nothing was")
    sent_at: datetime | None = Field(description="UTC; when intent or answer was recorded last")
    answer: dict[str, Any] | None = Field(description="as the journal has it; null where nobody knows whether it ran")
    facts: dict[str, Any] = Field(description='each {"value": ...} or {"unknown": why}')
    findings: list[StepFindingMember]


class HostMember(_Member):
    """One server."""

    name: str
    outcome: Outcome
    verdict: Verdict
    product: str
    why: str
    next: str
    logs_since: date | None = Field(
        description="day to which all the logs that were read reach back; null where none was read or one cannot say"
    )
    clean_since: date | None = Field(
        description="the same day, where nothing of an intruder was found; null where something was, or is not known"
    )
    because: list[BecauseMember] = Field(description="what decided the verdict, worst first")
    started_at: datetime | None = Field(description="UTC; null where the run never came to it")
    ended: bool = Field(description="whether the end of the work with it is recorded; if not, the next two are 0")
    requests: int
    seconds: float
    steps: list[StepMember]
    address: str = Field(description="name or address by which it is reached; empty where the journal has none")
    port: int = Field(description="0 where the journal has none")
    groups: list[str] = Field(description="of the inventory, that hold it directly or through others, by name")
    labels: dict[str, list[str]] = Field(description="of the inventory, own and inherited: the values of each")
    build: str = Field(description="of ExSetup.exe, such as 15.2.1748.10; empty where unknown")


class ClientMember(_Member):
    """One client's part of the run."""

    client: str
    journal: str = Field(description="path of its journal")
    verified: bool = Field(description="whether the journal is as it was written; if not, see exrun journal verify")
    phase: RunPhase
    started_at: datetime
    last_at: datetime
    started: dict[str, Any] = Field(description="data of run-started: versions, digests, steps and hosts")
    ended: dict[str, Any] | None = Field(description="data of run-ended or run-interrupted")
    newer: int = Field(description="lines of which this version of exrun does not know all; they are not shown")
    overrides: list[dict[str, Any]]
    findings: list[RunFindingMember] = Field(description="of the run itself, worst first")
    scripts: list[ScriptMember]
    hosts: list[HostMember] = Field(description="worst first")
    rotate: list[RotateMember] = Field(
        description="in order, once the compromised servers are clean; empty where none is compromised"
    )


class RunDocument(_Member):
    """The result of `exrun show --format json`. A member is only ever added within one number of `schema`."""

    model_config = ConfigDict(extra="forbid", frozen=True, serialize_by_alias=True)

    schema_: Literal["exrun.run/1"] = Field(alias="schema")
    run: str
    clients: list[ClientMember]


def document(
    parts: Sequence[ClientRun], *, texts: bool, hosts: frozenset[str] | None = None, whole: bool = True
) -> RunDocument:
    """A run as the published schema has it.

    Args:
        texts: whether the scripts' texts are wanted.
        whole: whether facts are wanted, and of answers more than their outcome: `lines` shows neither.
        hosts: only these, by name in lower case, and only clients that have one; None for all.
    """
    clients = [_client(part, texts, hosts, whole) for part in parts]
    if hosts is not None:
        clients = [client for client in clients if client.hosts]
    return RunDocument(schema=SCHEMA, run=parts[0].state.run, clients=clients)


def json_text(found: RunDocument) -> str:
    """One object, indented, ASCII only."""
    return found.model_dump_json(indent=2, ensure_ascii=True) + "\n"


def schema_text() -> str:
    """The schema as docs/reference/schemas/run.json has it."""
    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **RunDocument.model_json_schema(mode="serialization"),
    }
    return json.dumps(schema, indent=2, sort_keys=True) + "\n"


def lines(found: RunDocument) -> Iterator[str]:
    """The same for people at a terminal."""
    for number, part in enumerate(found.clients):
        if number:
            yield ""
        yield from _client_lines(found.run, part)


def _client(part: ClientRun, texts: bool, hosts: frozenset[str] | None, whole: bool) -> ClientMember:
    state = part.state
    rows = [row for row in worst_first(client_rows(state)) if hosts is None or row.name.casefold() in hosts]
    return ClientMember(
        client=state.client,
        journal=str(part.journal),
        verified=isinstance(part.verified, Verified),
        phase=state.phase,
        started_at=state.started_at,
        last_at=state.last_at,
        started=dict(events.data_of(state.started)),
        ended=None if state.ended is None else dict(events.data_of(state.ended)),
        newer=state.newer,
        overrides=[dict(events.data_of(override)) for override in state.overrides],
        findings=[run_finding(finding) for finding in terms([state]).findings],
        scripts=[_script(named, texts) for named in state.script_texts.values()],
        hosts=[_host(row, state, whole) for row in rows],
        rotate=[rotate(each) for each in to_rotate(rows)],
    )


def _script(named: ScriptNamed, texts: bool) -> ScriptMember:
    return ScriptMember(sha256=named.script, steps=list(named.steps), text=_text(named.text) if texts else None)


def _host(row: HostResult, state: RunState, whole: bool) -> HostMember:
    progress = state.hosts.get(row.name)
    return HostMember(
        name=row.name,
        outcome=row.outcome,
        verdict=row.verdict,
        product=_text(row.product),
        why=_text(row.why),
        next=_text(row.next),
        logs_since=row.logs_since,
        clean_since=row.clean_since,
        because=because(row),
        started_at=None if progress is None else progress.started_at,
        ended=progress is not None and progress.ended is not None,
        requests=row.requests,
        seconds=row.seconds,
        steps=list(_steps(row, progress, whole)) if isinstance(row, Judged) else [],
        address=_text(row.address),
        port=row.listed.port,
        groups=[_text(group) for group in row.listed.groups],
        labels=labels(row),
        build=_text(row.build),
    )


def _steps(row: Judged, progress: HostProgress | None, whole: bool) -> Iterator[StepMember]:
    for result in row.steps:
        assessed = None if progress is None else progress.assessed.get(result.step)
        script = None if assessed is None else assessed.script
        # What was sent for a step that was judged is named by its judgement; of any other the intent says it.
        attempt = None if progress is None else progress.attempt_for(result.step, script)
        if assessed is not None and script is None:
            attempt = None
        yield StepMember(
            step=result.step,
            action=result.action,
            verdict=result.assessment.verdict,
            summary=_text(result.assessment.summary),
            coverage=result.assessment.coverage,
            script=None if attempt is None else attempt.script,
            sent_at=None if attempt is None else attempt.at,
            answer=None if attempt is None or attempt.answer is None else _answer(attempt.answer, whole),
            facts={} if assessed is None or not whole else _plain(events.facts_data(assessed.assessment)),
            findings=[
                StepFindingMember(
                    id=finding.id,
                    severity=finding.severity,
                    title=_text(finding.title),
                    evidence=[_text(line) for line in finding.evidence],
                    next=_text(finding.next),
                    cves=[_text(each) for each in finding.cves],
                    kbs=[_text(each) for each in finding.kbs],
                )
                for finding in result.assessment.findings
            ],
        )


def _answer(answer: Answer, whole: bool) -> dict[str, Any]:
    return _plain(events.answer_data(answer)) if whole else {"outcome": events.outcome_of(answer)}


def _plain(data: Mapping[str, Json]) -> dict[str, Any]:
    return {_text(key): _json(value) for key, value in data.items()}


def _json(value: Json) -> Any:
    kind = type(value)
    if kind is str:
        return _text(cast(str, value))
    if kind is dict:
        return _plain(cast(dict[str, Json], value))
    if kind is list or kind is tuple:
        return [_json(member) for member in cast(list[Json], value)]
    return value


def _text(tainted: str) -> str:
    if tainted.isascii():
        return tainted
    # PSRP can carry half a surrogate pair, which neither UTF-8 nor strict JSON readers take.
    return tainted.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def _client_lines(run: str, part: ClientMember) -> Iterator[str]:
    playbook, catalogue = part.started.get("playbook"), part.started.get("catalogue")
    name = playbook.get("name", "?") if isinstance(playbook, dict) else "?"
    yield f"run {_shown(run)}, client {_shown(part.client)}: {_shown(name)} on {counted(len(part.hosts), 'server')}"
    yield f"  {_how(part)}"
    yield f"  by exrun {_shown(part.started.get('exrun', '?'))}, catalogue {_tables(catalogue)}"
    yield f"  journal {_shown(part.journal)}{'' if part.verified else ' DOES NOT VERIFY'}"
    for override in part.overrides:
        yield f"  override {_shown(override.get('option', '?'))} {_shown(override.get('value', ''))}".rstrip()
    for found in part.findings:
        yield f"  [{found.severity}] {_shown(found.title)}. {_shown(found.next)}"
    for host in part.hosts:
        yield ""
        yield from _host_lines(host)
    if part.rotate:
        yield ""
        yield "once the compromised servers are clean, rotate in this order"
        for number, each in enumerate(part.rotate, start=1):
            yield f"  {number}. {each.what}"
            yield f"     why: {each.why} ({each.source})"
            yield f"     how: {each.how}"
            if each.unknown:
                yield f"     not known: {each.unknown}"
            yield from (f"     urgent: {_shown(line)}" for line in each.seen)
            yield from (f"     {_shown(line)}" for line in each.unless)
    if part.scripts:
        yield ""
        yield "scripts that this run could send"
        for script in part.scripts:
            yield f"  {script.sha256}  {_shown(', '.join(script.steps)) or OPENS}"
            if script.text is not None:
                yield from (Verbatim(f"    | {_shown(line, None)}") for line in script.text.splitlines())
                yield ""


def _tables(catalogue: Json) -> str:
    if not isinstance(catalogue, dict):
        return "?"
    text = f"as of {_shown(catalogue.get('as_of', '?'))}"
    match catalogue.get("signed"):
        case {"by": by, "key": key}:
            text += f", signed by {_shown(by)} ({_shown(key)})"
    match catalogue.get("own"):
        case {"folder": folder, "rows": {**rows}}:
            count = sum(number for number in rows.values() if isinstance(number, int))
            text += f", with {counted(count, 'own row')} of {_shown(folder)}"
    return text


def _how(part: ClientMember) -> str:
    begun = f"started {part.started_at:%Y-%m-%d %H:%M:%S} UTC"
    match part.phase:
        case RunPhase.ENDED:
            return f"{begun}, ended {part.last_at:%H:%M:%S}"
        case RunPhase.INTERRUPTED:
            why = part.ended.get("message", "interrupted") if part.ended else "interrupted"
            return f"{begun}, not finished: {_shown(why)}"
        case RunPhase.RUNNING:
            return f"{begun}, last heard of {part.last_at:%H:%M:%S}: still running, or killed"


def _host_lines(host: HostMember) -> Iterator[str]:
    product = f"  {_shown(host.product)}" if host.product else ""
    yield f"{_shown(host.name)}  {in_a_cell(host.verdict, host.clean_since)}{product}"
    if host.ended:
        yield f"  {counted(host.requests, 'request')}, {host.seconds:.1f} s"
    elif host.started_at is not None:
        yield "  no end of the work with it is recorded, nor how many requests were sent"
    yield f"  why: {_shown(host.why)}"
    if host.next:
        yield f"  next: {_shown(host.next)}"
    for step in host.steps:
        sent = f"script {step.script[:SHORT_HASH]}" if step.script else "nothing sent for it"
        answered = f", {step.answer.get('outcome', '?')}" if step.answer else ", no answer" if step.script else ""
        yield f"  {_shown(step.step)} ({_shown(step.action)}): {step.verdict}, {step.coverage}; {sent}{answered}"
        yield f"    {_shown(step.summary)}"
        for finding in step.findings:
            yield f"    [{finding.severity}] {_shown(finding.title)}"
            yield from (f"      {_shown(line)}" for line in finding.evidence)
            if finding.next:
                yield f"      next: {_shown(finding.next)}"


def _shown(tainted: object, limit: int | None = LIMIT) -> str:
    return visible(str(tainted), limit)
