"""The examination of one host, on a fleet's thread: each step of a connection by itself, one log-on, one script.

The row and the lines in the journal are those of an audit of one playbook (decision 0053), whose one judgement waits
for the checks that come after its answer: no row of a server with a check that does not pass says that all is well.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, MutableMapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from inventory.model import Authentication, Host, Scheme
from runner import events
from runner.doctor import judging
from runner.doctor.checks import Check, Checked, Diagnoses, Diagnosis, Standing, complete
from runner.doctor.judging import with_checks
from runner.observe import Observing
from runner.results import FleetResult, NotReached, Outcome, StepResult
from runner.secrets.interface import SecretUnavailableError
from runner.steps import Sending, Witness, observe_steps
from runner.transport.connecting import HostConnections
from runner.transport.failures import SPEAKS_TLS, Cause, Failure, TransportError, failure, in_words, quoted
from runner.transport.http import not_offered
from runner.transport.interface import Completed, Connect, NotRun, Script, ScriptResult, Transport
from runner.transport.probing import Presented, Probe
from runner.transport.winrm import WinRmTransport

Found = MutableMapping[Check, Checked]

NOT_EXAMINED = "the examination did not come to it"
RUN_AGAIN = "Run exrun doctor again for this server."


@dataclass(slots=True, kw_only=True)
class Examining(Observing):
    """The work with one host: see `Observing`, whose one session it holds behind what leads there.

    Attributes:
        now: UTC, for dates of certificates and the server's clock.
        found: the checks, as they are made.
        cleartext: messages over HTTP are not encrypted.
    """

    now: Callable[[], datetime]
    found: Found
    cleartext: bool = False

    def _without_secret(self, why: SecretUnavailableError) -> Failure:
        """The way to the host needs no account, and is looked at all the same."""
        self._note(judging.secret_of(self.host, why))
        connections = self.reach(self.host, None, self.lines.noticed)
        self.connections = connections
        broken = self._way(_of_winrm(connections))
        if broken is not None and broken.cause is Cause.INTERRUPTED:
            return broken
        return Failure(Cause.CREDENTIAL, f"{why.reference}: {why.why}", why.next)

    def _worked(self, connections: Connect) -> Failure | None:
        self._note(judging.secret_of(self.host, self.secret))
        way = _of_winrm(connections)
        broken = self._way(way)
        if broken is not None:
            return self.brake.outweighed(broken)
        transport = way(self.gate, self.deadlines)
        heard = _Heard(self.witness, self.monotonic)
        settings: Mapping[str, str] | Failure | None = None
        try:
            self._refuse_when_stopped()
            result = observe_steps(self.playbook, self.collects, transport, self.judgement, heard)
            # Never where a connection was lost: it would be one more log-on.
            if result.cause is Cause.QUOTA if isinstance(result, Failure) else not isinstance(heard.answer, NotRun):
                settings = self._settings(transport)
        finally:
            transport.close()
        if isinstance(result, Failure):
            self._no_session(result, settings, accepted=way.accepted)
            return self.brake.outweighed(result)
        self._session_held(heard, result)
        if settings is not None:
            self._settings_read(settings, opened=True)
        heard.conclude(self.found)
        return None

    def _settings(self, transport: Transport) -> Mapping[str, str] | Failure | None:
        """WinRM's settings, over the same connection; why not, or None where it was cancelled."""
        self._refuse_when_stopped()
        if not isinstance(transport, WinRmTransport):
            raise TypeError("only WinRM has settings of its own")
        try:
            return transport.configuration()
        except TransportError as error:
            return None if error.failure.cause is Cause.INTERRUPTED else error.failure

    def _settings_read(self, settings: Mapping[str, str] | Failure, *, opened: bool) -> None:
        why = settings if isinstance(settings, Failure) else None
        self._note(judging.rights_of(self.host, why))
        if not opened:
            return  # what is wrong with the quotas is known
        if isinstance(settings, Failure):
            said = "a session opened; what more is allowed is told to administrators alone"
            if settings.cause is Cause.ACCESS_DENIED:
                self._note(judging.skipped(Check.QUOTAS, said))
            else:
                said = f"a session opened; what more is allowed is not known: {quoted(settings.message)}"
                self._note(Checked(Check.QUOTAS, Standing.UNKNOWN, said, str(settings.cause), settings.next))
        else:
            self._note(judging.quotas_of(settings))

    def _note(self, checked: Checked) -> bool:
        """Whether it passes. It is kept as the journal would have it: a server may say a secret back."""
        clean = events.redacted(self.lines.journal, Failure(Cause.PROTOCOL, checked.said, checked.next))
        self.found[checked.check] = replace(checked, said=clean.message, next=clean.next)
        return checked.standing is not Standing.FAIL

    def _way(self, connections: HostConnections) -> Failure | None:
        """What leads to the host, up to what it offers. What broke it; None where nothing did."""
        probe = connections.probe(self.deadlines.connect)
        for step in (self._name, self._port, self._tls, self._offer):
            self._refuse_when_stopped()
            try:
                checked = step(probe)
            except TransportError as error:
                return error.failure  # it was cancelled
            if not self._note(checked):
                return Failure(_cause(checked), checked.said, checked.next)
        return None

    def _name(self, probe: Probe) -> Checked:
        try:
            return judging.name_of(self.host, probe.addresses())
        except TransportError as error:
            return judging.failed(Check.NAME, _unless_interrupted(error))

    def _port(self, probe: Probe) -> Checked:
        try:
            return judging.passed(Check.PORT, f"{probe.connect()} takes connections at port {self.host.port}")
        except TransportError as error:
            return judging.port_failed(self.host, _unless_interrupted(error))

    def _tls(self, probe: Probe) -> Checked:
        if self.host.scheme is not Scheme.HTTPS:
            return judging.skipped(Check.TLS, "none is spoken, for the scheme is http")
        try:
            probe.load()
        except TransportError as error:
            return judging.failed(Check.TLS, _unless_interrupted(error))
        try:
            return judging.tls_of(probe.secure(), self.now())
        except TransportError as error:
            why = _unless_interrupted(error)
            return judging.tls_failed(self.host, why, _looked(probe), self.now())

    def _offer(self, probe: Probe) -> Checked:
        try:
            asked = probe.ask()
        except TransportError as error:
            why = _unless_interrupted(error)
            silent = why.cause is Cause.CONNECTION_LOST and self.host.scheme is Scheme.HTTP
            if silent and (presented := _looked(probe)) is not None:  # many say nothing to who speaks HTTP to them
                said = f"this port speaks {presented.version}, and closes without a word where HTTP is spoken to it"
                why = failure(Cause.TLS, said, then=SPEAKS_TLS)
            return judging.failed(Check.OFFER, why)
        self._note(judging.clock_of(asked.header("date"), self.now()))
        kerberos = self.host.authentication is Authentication.KERBEROS
        return judging.offer_of(self.host, asked, not_offered(asked.reply, kerberos=kerberos))

    def _no_session(self, why: Failure, settings: Mapping[str, str] | Failure | None, *, accepted: bool) -> None:
        """What failed of the log-on and of opening a session."""
        if why.cause is Cause.INTERRUPTED:
            return
        check = judging.failing(why, accepted=accepted)
        self._note(judging.log_on_of(self.host, check, why))
        if check is Check.QUOTAS:
            known = settings if isinstance(settings, Mapping) else {}
            self._note(judging.quota_failed(why, known))
            self._note(judging.encryption_of(self.host, cleartext=self.cleartext))
            if settings is not None:
                self._settings_read(settings, opened=False)
        elif check is not Check.LOG_ON:
            self._note(judging.failed(check, why))

    def _session_held(self, heard: _Heard, results: Sequence[StepResult]) -> None:
        """What a session and its one script tell."""
        [result] = results
        answer = heard.answer
        self._note(judging.log_on_of(self.host, Check.SESSION, None))
        self._note(judging.encryption_of(self.host, cleartext=self.cleartext))
        if isinstance(answer, NotRun):
            if answer.failure.cause is not Cause.INTERRUPTED:
                self._note(judging.failed(judging.failing(answer.failure, accepted=True), answer.failure))
            return
        if not isinstance(answer, Completed):
            why = failure(Cause.PROTOCOL, result.assessment.summary)
            self._note(judging.failed(Check.SESSION, why, then=_next_of(result)))
            return
        self._note(judging.passed(Check.SESSION, "a session opened, and a script ran in it"))
        self._note(judging.passed(Check.LANGUAGE, "locked: the server's own engine holds scripts to reading"))
        self._note(judging.powershell_of(result.assessment))
        self._note(judging.passed(Check.TIME, f"{round(heard.seconds * 1000)} ms for one command and its answer"))


@dataclass(slots=True)
class _Heard:
    """A witness that hands everything on, and keeps the one answer and how long it took.

    The judgement of a script that ran to its end waits for `conclude`.
    """

    witness: Witness
    monotonic: Callable[[], float]
    answer: ScriptResult | None = None
    seconds: float = 0.0
    _sent: float = field(default=0.0, init=False)
    _judged: tuple[StepResult, Script | None] | None = field(default=None, init=False)

    def sending(self, batch: Sequence[Sending]) -> None:
        self.witness.sending(batch)
        self._sent = self.monotonic()

    def answered(self, result: ScriptResult) -> None:
        self.seconds = self.monotonic() - self._sent
        self.answer = result
        self.witness.answered(result)

    def assessed(self, result: StepResult, script: Script | None) -> StepResult:
        if not isinstance(self.answer, Completed):
            return self.witness.assessed(result, script)
        self._judged = result, script
        return result

    def conclude(self, found: Mapping[Check, Checked]) -> None:
        """Hands on the judgement that waits, with every check that does not pass in it."""
        if self._judged is not None:
            result, script = self._judged
            checks = complete(found, NOT_EXAMINED, RUN_AGAIN)
            self.witness.assessed(replace(result, assessment=with_checks(result.assessment, checks)), script)

    def defect(self, step: str, error: Exception) -> None:
        self.witness.defect(step, error)


def diagnoses(
    audit: FleetResult, hosts: Sequence[Host], found: Mapping[str, Mapping[Check, Checked]], why: Failure | None
) -> Diagnoses:
    """What an examination comes to: all checks of each host, in the order of the inventory.

    Args:
        audit: its rows.
        found: by host key, the checks that were made.
        why: why the run did not come to its end; None where it did.
    """
    rows = {(row.client, row.name): row for row in audit.hosts}
    told = []
    for host in hosts:
        row = rows[host.client, host.name]
        said, then = (NOT_EXAMINED, RUN_AGAIN) if why is None else (quoted(why.message), why.next)
        if isinstance(row, NotReached) and row.outcome is Outcome.FAILED:
            said, then = in_words(row.failure), row.failure.next  # a fault of ours, or it was cut short
        checks = complete(found.get(host.key, {}), said, then)
        told.append(Diagnosis(host.name, host.client, host.address, checks, row.requests, row.seconds))
    end = ("", "") if why is None else (why.message, why.next)
    return Diagnoses(audit.run, tuple(told), *end)


def _of_winrm(connections: Connect) -> HostConnections:
    if not isinstance(connections, HostConnections):
        raise TypeError("only connections of WinRM have steps that can be made by themselves")
    return connections


def _unless_interrupted(error: TransportError) -> Failure:
    if error.failure.cause is Cause.INTERRUPTED:
        raise error
    return error.failure


def _looked(probe: Probe) -> Presented | None:
    """What is presented to who verifies nothing; None where not even that came about."""
    try:
        return probe.look()
    except TransportError as error:
        _unless_interrupted(error)
        return None


def _cause(checked: Checked) -> Cause:
    return Cause(checked.cause)


def _next_of(result: StepResult) -> str:
    return next((finding.next for finding in result.assessment.findings if finding.next), RUN_AGAIN)
