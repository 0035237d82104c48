"""One host over WinRM: one runspace pool, scripts in batches, and an end to every wait.

What is sent is what pypsrp writes, filled in: envelopes (wsman.py), PSRP messages (statements.py) and their fragments.
What comes back is read by replies.py, fragments.py, clixml.py and batch.py, because a server that is presumed to be
compromised wrote it. A whole host costs Create, Receive, Command, Receive and Delete beside authentication.

Why pypsrp's RunspacePool and PowerShell classes do not stand here: docs/decisions/0005-session-over-pypsrp.md.
"""

from __future__ import annotations

import contextlib
import uuid
import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import count
from typing import TypeVar

from pypsrp.exceptions import WinRMError, WinRMTransportError, WSManFaultError

from runner.transport import fragments
from runner.transport.asking import Asking
from runner.transport.batch import Batch, Kind, check_pool_state
from runner.transport.classifying import classify, fault_meaning
from runner.transport.clixml import CapExceeded, Malformed, cost_of_parsing, parsed, text
from runner.transport.failures import (
    AmbiguousLoss,
    Cause,
    Failure,
    ScriptRefused,
    TransportError,
    failure,
    in_words,
    quoted,
)
from runner.transport.fault_codes import OPERATION_TIMED_OUT, SHELL_GONE
from runner.transport.fragments import Assembler, Garbage, Message, Oversize
from runner.transport.gate import Gate
from runner.transport.http import HttpTransport
from runner.transport.interface import (
    Ambiguous,
    Capped,
    ChangeResult,
    Completed,
    Deadlines,
    Limits,
    Notice,
    NotRun,
    NotStarted,
    Replaced,
    Script,
    ScriptResult,
    Terminated,
    TimedOut,
)
from runner.transport.memory import Share, What
from runner.transport.records import properties
from runner.transport.replies import DONE, RUNNING, Plain
from runner.transport.retry import RetryBudget
from runner.transport.statements import OPENING
from runner.transport.wire import Cancellation
from runner.transport.wsman import MAX_PAYLOAD, Shell, WSMan

_STOP = "powershell/signal/crtl_c"  # so spelt in MS-PSRP 3.1.5.3.9 and in Windows, to which ctrl_c is a close
_LONGEST_RECEIVE = 20.0  # seconds; a dead connection is noticed this and Deadlines.reply after its last word
_SHORTEST_RECEIVE = 0.5  # seconds; WinRM takes no shorter OperationTimeout
_MAX_OPENING_BYTES = 1024 * 1024
_MAX_EMPTY = 20  # Receives without a word, beyond one a second
_REFUSALS = frozenset({Cause.AUTHENTICATION, Cause.CREDENTIAL, Cause.LOCKOUT_GUARD})
_REPEATABLE_CAUSES = frozenset({Cause.CONNECTION_LOST, Cause.TIMEOUT})
# Faults with one of these answer a Command in place of taking it.
_REFUSED_COMMANDS = frozenset(
    {Cause.ACCESS_DENIED, Cause.AUTHENTICATION, Cause.ENDPOINT_MISSING, Cause.ENVELOPE_SIZE, Cause.QUOTA}
)

# What reading an answer lets out when it is not what it should be; pypsrp reads faults.
_MISREAD = (
    WinRMError,
    ET.ParseError,
    ArithmeticError,
    AttributeError,
    LookupError,
    RecursionError,
    TypeError,
    ValueError,
)

_Answer = TypeVar("_Answer")


class _CannotStop(Exception):  # noqa: N818  # an outcome
    """The host took the Signal, and its pipeline goes on."""


@dataclass(slots=True)
class _Session:
    """What is known of the session of one pool.

    Attributes:
        locked: whether it is the kind that is locked; None while nothing was sent to it.
        proven: it said that it is locked.
        unimported: modules that it could not import, and why.
    """

    locked: bool | None = None
    proven: bool = False
    unimported: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class _Connected:
    """What the transports over one HTTP connection share.

    Attributes:
        kept: bytes of memory of what earlier pipelines answered.
        refused: the account is; to send more would be one more attempt.
    """

    kept: int = 0
    refused: bool = False


class _Channel:
    """HttpTransport with the timeout that this module sets.

    Attributes:
        answered: whether something has come to be read that the host wrote.
        once: the message that follows leaves at most once.
    """

    def __init__(self, http: HttpTransport) -> None:
        self.endpoint = http.endpoint
        self.seconds = 30.0
        self.answered = False
        self.once = False
        self._http = http

    @property
    def plain(self) -> Plain | None:
        """See Channel."""
        return self._http.plain

    def send(self, message: bytes) -> bytes:
        try:
            answer = self._http.send(message, timeout=self.seconds, once=self.once)
        except WinRMTransportError:
            self.answered = True  # the fault in it is read
            raise
        self.answered = True
        return answer

    def close(self) -> None:
        self._http.close()


class WinRmTransport:
    """A Transport (interface.py). `open`, `observe`, `change` and `close` belong to one thread, `cancel` to any.

    Args:
        http: to the host; no other transport uses it but those that `another` gives.
        gate: the texts that may be sent.
        limits: on what one script may send back.
        deadlines: for this host and its scripts.
        clock: monotonic seconds.
        cancellation: the one that the wires beneath `http` look at.
        budget: of attempts to open a pool.
        share: of the run's memory, the one that `http` holds replies in.
        notify: is told what the journal should know.
        ending: pools that `open` ends before it opens its own.
        connected: of the transport that `http` belongs to, and that closes it; None where that is this one.
    """

    def __init__(
        self,
        http: HttpTransport,
        gate: Gate,
        *,
        limits: Limits,
        deadlines: Deadlines,
        clock: Callable[[], float],
        cancellation: Cancellation,
        budget: RetryBudget,
        share: Share,
        notify: Callable[[Notice], None],
        ending: Sequence[str] = (),
        connected: _Connected | None = None,
    ) -> None:
        self._http = http
        self._owns_http = connected is None
        self._connected = connected or _Connected()
        self._to_be_ended = list(ending)
        self._gate = gate
        self._limits = limits
        self._deadlines = deadlines
        self._clock = clock
        self._cancellation = cancellation
        self._budget = budget
        self._share = share
        self._came_back_once = False
        self._notify = notify
        self._channel = _Channel(http)
        self._wsman = WSMan(self._channel)
        self._objects = count(1)
        self._shell: Shell | None = None
        self._pool = uuid.UUID(int=0)
        self._left_behind: list[Shell] = []  # may still be on the host
        self._session = _Session()
        self._lost: Failure | None = None
        self._expires = float("inf")

    def another(self, gate: Gate, deadlines: Deadlines, ending: Sequence[str] = ()) -> WinRmTransport:
        """A transport with a pool of its own over the same HTTP connection; see Connect (interface.py)."""
        return WinRmTransport(
            self._http,
            gate,
            limits=self._limits,
            deadlines=deadlines,
            clock=self._clock,
            cancellation=self._cancellation,
            budget=self._budget.another(),
            share=self._share,
            notify=self._notify,
            ending=ending,
            connected=self._connected,
        )

    @property
    def requests(self) -> int:
        return self._http.requests

    @property
    def pool(self) -> str:
        return "" if self._shell is None else _named(self._shell)

    @property
    def address(self) -> str:
        return self._http.address

    def open(self) -> None:
        self._expires = self._clock() + self._deadlines.host
        self._budget.spend(self._open_pool)

    def observe(self, scripts: Sequence[Script]) -> tuple[ScriptResult, ...]:
        for script in scripts:
            self._gate.check_repeatable(script)
            self._gate.check(script)
            self._gate.check(self._gate.marker(script))
        if not all(map(self._gate.is_full, scripts)):
            for statement in self._gate.opening:
                self._gate.check(statement)
        asking = Asking(scripts, apart=self._gate.is_full)
        while group := asking.group():
            batch = self._batch(asking.scripts(group))
            try:
                shell = self._usable(batch)
                for notice in asking.repeated(group):
                    self._notify(notice)
                self._converse(shell, batch, once=False)
            except _CannotStop:
                asking.take(group, batch, _unheard(batch), alone=True)
                try:
                    self._replace(batch.current or batch.scripts[0])
                except TransportError as error:
                    asking.give_up(error.failure)
            except ScriptRefused:
                raise
            except TransportError as error:
                asking.take(group, batch, error.failure, alone=False)
                if not (asking.group() and self._came_back(error)):
                    self._lost = self._lost or error.failure
                    asking.give_up(self._lost)
            else:
                asking.take(group, batch, _unheard(batch), alone=True)
        return asking.results

    def change(self, script: Script) -> ChangeResult:
        self._gate.check(script)
        batch = self._batch([script])
        try:
            ended = self._converse(self._usable(batch), batch, once=True)
        except _CannotStop:
            ended = False
            self._abandon(delete=True)
        except ScriptRefused:
            raise
        except TransportError as error:
            self._lost = self._lost or error.failure
            return (Ambiguous if batch.sent else NotStarted)(script, error.failure)
        match batch.results[0]:
            case Completed() | Terminated() | TimedOut() | Capped() as result if ended:
                return result
            case NotRun(failure=why):
                # Words that are not CLIXML; or of the language mode, which a script can end in after its first half.
                self._lost = why
            case _:
                self._lost = failure(Cause.TIMEOUT, "the script did not end when it was stopped")
        return Ambiguous(script, self._lost)

    def configuration(self) -> Mapping[str, str]:
        """WinRM's settings, as WSMan.configuration has them; needs no pool. Changes nothing.

        Raises:
            TransportError: Cause.ACCESS_DENIED where the account is no administrator of the host.
        """
        self._cancellation.check()
        return self._call(self._deadlines.connect, self._wsman.configuration)

    def cancel(self) -> None:
        self._cancellation.set()

    def close(self) -> None:
        with self._cancellation.closing():
            if self._owns_http:
                self._share.release()
            self._expires = self._clock() + self._deadlines.close
            shells = [*self._left_behind, *([self._shell] if self._shell is not None else [])]
            self._shell, self._left_behind = None, []
            if self._connected.refused:
                shells = []  # to close them would be one more attempt with an account that is refused
            for shell in shells:
                # Even from a defect of ours: what was learnt is not lost to the closing. Its idle timeout removes the
                # pool.
                with contextlib.suppress(Exception):
                    self._delete(shell)
            if self._owns_http:
                self._http.close()
                self._share.release()

    # opening

    def _open_pool(self) -> None:
        """Create, and Receive until the pool is open. Raises TransportError."""
        self._cancellation.check()
        while self._to_be_ended:
            self._end(self._to_be_ended[0])
            del self._to_be_ended[0]
        ends = min(self._clock() + self._deadlines.connect, self._expires)
        pool = uuid.uuid4()
        name = str(pool).upper()
        shell = Shell.named(name)
        first = b"".join(
            fragment
            for number, (kind, body) in enumerate(OPENING, start=1)
            for fragment in fragments.split(number, fragments.header(kind, pool) + body, MAX_PAYLOAD)
        )
        try:
            self._call(self._deadlines.connect, lambda: self._wsman.create(shell, name, first))
            self._await_pool(shell, ends)
        except TransportError as error:
            if shell.opened or isinstance(error, AmbiguousLoss) or error.failure.cause is Cause.INTERRUPTED:
                self._left_behind.append(shell)
            raise
        self._shell, self._pool, self._objects = shell, pool, count(len(OPENING) + 1)
        self._session = _Session()

    def _end(self, pool: str) -> None:
        """Ends a pool of an earlier connection, and with it a script that still runs there.

        Raises:
            TransportError: it is not known whether it is ended.
        """
        try:
            self._call(self._deadlines.connect, lambda: self._wsman.delete(Shell.named(pool)))
        except TransportError as error:
            if _is_fault(error, SHELL_GONE):
                return
            if not (isinstance(error, AmbiguousLoss) or _is_fault(error)):
                raise  # the host did not come to hear of it
            why = "the runspace pool in which a script was lost could not be ended, so the script may run still"
            raise type(error)(replace(error.failure, message=f"{why}: {error.failure.message}")) from error

    def _await_pool(self, shell: Shell, ends: float) -> None:
        assembler = Assembler(self._limits.max_xml_bytes)
        received = empty = 0
        began = self._clock()
        while True:
            _, data = self._receive(shell, None, ends)
            received += len(data)
            empty = self._counted_empty(data, empty, began)
            if received > _MAX_OPENING_BYTES:
                raise TransportError(failure(Cause.PROTOCOL, "the host says too much while it opens a runspace pool"))
            for message in self._messages(assembler, data):
                if self._take_opening(message):
                    return
            if self._clock() >= ends:
                raise TransportError(
                    Failure(
                        Cause.TIMEOUT,
                        "the host did not open a runspace pool in time",
                        "Check the host's load; raise the deadline if it is only slow.",
                        retryable=True,
                    )
                )

    def _take_opening(self, message: Message | Oversize) -> bool:
        if not isinstance(message, Message):
            raise TransportError(failure(Cause.PROTOCOL, "the host says too much while it opens a runspace pool"))
        try:
            if message.kind == Kind.SESSION_CAPABILITY:
                stated = properties(message.xml, self._limits)
                version = (
                    text(parsed(message.xml, self._limits), self._limits, "protocolversion")
                    if stated is None
                    else stated.get("protocolversion", "")
                )
                if version not in ("2.2", "2.3") and not version.startswith("2.3"):
                    raise TransportError(
                        Failure(
                            Cause.PROTOCOL,
                            f"the endpoint speaks PSRP {quoted(version) or '(none)'}, which is not 2.2 or 2.3",
                            "Use an endpoint of Windows PowerShell 3.0 or later.",
                        )
                    )
            if message.kind == Kind.RUNSPACEPOOL_STATE:
                return check_pool_state(message, self._limits)
        except (CapExceeded, Malformed) as error:
            raise TransportError(failure(Cause.PROTOCOL, f"the host's first words: {quoted(error)}")) from error
        return False

    # running

    def _batch(self, scripts: Sequence[Script]) -> Batch:
        full = self._gate.is_full(scripts[0])
        seconds = [self._deadlines.per_script.get(script.name, self._deadlines.script) for script in scripts]
        opening = not full and not (self._session.locked and self._session.proven)
        return Batch(scripts, self._gate.token, self._limits, seconds, locked=not full, opening=opening)

    def _usable(self, batch: Batch) -> Shell:
        """The open pool, in which only batches of its kind ran. Raises TransportError when there is none to be used."""
        if self._lost is not None:
            raise TransportError(self._lost)
        if self._shell is None:
            raise TransportError(failure(Cause.PROTOCOL, "no runspace pool is open"))
        self._cancellation.check()
        if self._session.locked is not None and self._session.locked != batch.locked:
            self._abandon(delete=True)
            self._reopen()
        self._session.locked = batch.locked
        batch.unimported = self._session.unimported
        return self._shell

    def _replace(self, script: Script) -> None:
        """A script that ignores its stop holds the pool's one runspace; only the pool's end ends it."""
        self._notify(Replaced(script))
        self._abandon(delete=True)
        self._reopen()

    def _converse(self, shell: Shell, batch: Batch, *, once: bool) -> bool:
        """Runs one pipeline to its end; whether the host said that it ended.

        Args:
            once: what makes it run leaves at most once.

        Raises:
            TransportError: the pool cannot be used any more.
            _CannotStop
        """
        session = self._session
        try:
            return self._listen(shell, batch, self._send(shell, batch, once=once))
        finally:
            session.proven = session.proven or (batch.locked and batch.proven)
            self._connected.kept += batch.kept
            for what, size in ((What.FRAGMENTS, 0), (What.PARSING, 0), (What.VALUES, self._connected.kept)):
                with contextlib.suppress(TransportError):  # it was refused once, and what is less is not
                    self._share.hold(what, size, self._clock())

    def _listen(self, shell: Shell, batch: Batch, command: str) -> bool:
        assembler = Assembler(self._limits.max_xml_bytes)
        began = self._clock()
        empty = 0
        ends: float | None = None  # of the time that the host has for stopping
        while not batch.ended:
            now = self._clock()
            if ends is None and now >= batch.deadline:
                batch.time_out()
            if ends is None and batch.must_stop:
                ends = now + self._deadlines.reply
                self._stop(shell, command)
            if ends is not None and now >= ends:
                raise _CannotStop
            try:
                state, data = self._receive(shell, command, batch.deadline if ends is None else ends)
            except TransportError as error:
                if ends is not None and _is_fault(error) and not _is_fault(error, SHELL_GONE):
                    return False  # nothing is left of a pipeline that was stopped, as far as can be told
                raise
            now = self._clock()
            empty = self._counted_empty(data, empty, began)
            for message in self._messages(assembler, data):
                batch.feed(message, now)
                self._share.hold(What.VALUES, self._connected.kept + batch.kept, self._expires)
            if state == DONE and not batch.ended:
                if batch.must_stop:
                    return True
                raise TransportError(failure(Cause.PROTOCOL, "the host ended a pipeline without its final state"))
        return True

    def _send(self, shell: Shell, batch: Batch, *, once: bool) -> str:
        """Sends the pipeline and returns the host's name for it."""
        statements: list[Script] = list(self._gate.opening) if batch.opening else []
        for script in batch.scripts:
            statements += [self._gate.marker(script), script] if batch.marked else [script]
        name = str(batch.pipeline).upper()
        body = self._gate.message(statements)
        # The gate, on the very bytes that are about to leave: what they make the host run, not what was meant.
        self._gate.check_message(body)
        first, *others = self._fragments(body, batch.pipeline)
        command = self._leave(
            batch,
            lambda: self._wsman.command(shell, name, first),
            last=not others,
            once=once,
        )
        command = command or name
        for number, fragment in enumerate(others, start=1):
            self._leave(
                batch,
                partial(self._wsman.send, shell, command, fragment),
                last=number == len(others),
                once=once,
            )
        batch.begin(self._clock())
        return command

    def _leave(self, batch: Batch, operation: Callable[[], _Answer], *, last: bool, once: bool) -> _Answer:
        """One part of a pipeline; the host can begin when it has the last one."""
        self._channel.once = once
        try:
            answer = self._call(self._deadlines.connect, operation)
        except TransportError as error:
            batch.sent = last and not _surely_not_taken(error)
            raise
        finally:
            self._channel.once = False
        batch.sent = last
        return answer

    def _fragments(self, body: bytes, pipeline: uuid.UUID) -> list[bytes]:
        """CREATE_PIPELINE in as many fragments as the smallest envelope of a server asks for (MS-PSRP 2.2.1, 2.2.4)."""
        message = fragments.header(fragments.CREATE_PIPELINE, self._pool, pipeline) + body
        return fragments.split(next(self._objects), message, MAX_PAYLOAD)

    def _stop(self, shell: Shell, command: str) -> None:
        try:
            self._call(self._deadlines.reply, lambda: self._wsman.signal(shell, command, _STOP))
        except TransportError as error:
            if not _is_fault(error):
                raise
            # A fault means that there is nothing (any more) to stop; the Receive that follows says what there is.

    def _came_back(self, error: TransportError) -> bool:
        """Whether a new pool stands after a loss, in which scripts that only read may go on; it is made once."""
        if self._came_back_once or self._lost is not None or error.failure.cause not in _REPEATABLE_CAUSES:
            return False
        if self._clock() >= self._expires:
            return False
        self._came_back_once = True
        self._abandon(delete=False)
        try:
            self._reopen()
        except TransportError as again:
            # What keeps it from coming back is what there is to be done about; the loss is how it came to that.
            why = f"{again.failure.message} (in connecting again after {in_words(error.failure)})"
            self._lost = replace(again.failure, message=why)
            return False
        return True

    def _abandon(self, *, delete: bool) -> None:
        """Gives the pool up: deletes it now, or when this transport is closed."""
        shell, self._shell = self._shell, None
        if shell is None:
            return
        if not delete:
            self._left_behind.append(shell)
            return
        try:
            self._delete(shell)
        except TransportError:
            self._left_behind.append(shell)

    def _reopen(self) -> None:
        try:
            self._budget.spend(self._open_pool)
        except TransportError as error:
            self._lost = error.failure
            raise

    # talking

    def _receive(self, shell: Shell, command: str | None, ends: float) -> tuple[str, bytes]:
        """What the host has to say until `ends`; nothing when it has nothing."""
        left = min(ends, self._expires) - self._clock()
        seconds = min(max(left, _SHORTEST_RECEIVE), _LONGEST_RECEIVE)
        try:
            return self._call(seconds, lambda: self._wsman.receive(shell, command))
        except TransportError as error:
            if _is_fault(error, OPERATION_TIMED_OUT):
                return RUNNING, b""
            raise

    def _counted_empty(self, data: bytes, empty: int, began: float) -> int:
        """How many Receives in a row had nothing to say. A host that waits as it was asked to comes nowhere near."""
        empty = 0 if data else empty + 1
        if empty > _MAX_EMPTY + self._clock() - began:
            raise TransportError(failure(Cause.PROTOCOL, "the host answers at once and says nothing, many times"))
        return empty

    def _messages(self, assembler: Assembler, data: bytes) -> Iterator[Message | Oversize]:
        """The messages that `data` completes, each once this host may hold what it takes to read it."""
        hold, until = self._share.hold, self._expires
        hold(What.FRAGMENTS, 2 * (assembler.held + len(data)), until)
        # Where there is room for the tree of all of it, there is for each; not so if one of them began earlier.
        roomy = not assembler.held and self._share.hold_unasked(What.PARSING, cost_of_parsing(data))
        try:
            for message in assembler.feed(data):
                if not roomy:
                    hold(What.PARSING, cost_of_parsing(message.xml) if isinstance(message, Message) else 0, until)
                yield message
        except Garbage as error:
            raise TransportError(failure(Cause.PROTOCOL, f"the host sent no PSRP: {quoted(error)}")) from error
        hold(What.PARSING, 0, until)
        hold(What.FRAGMENTS, 2 * assembler.held, until)

    def _delete(self, shell: Shell) -> None:
        self._call(self._deadlines.close, lambda: self._wsman.delete(shell))

    def _call(self, seconds: float, operation: Callable[[], _Answer]) -> _Answer:
        """One request that the host has `seconds` for. Whatever goes wrong with the host is a TransportError."""
        self._channel.answered = False
        self._http.expires = self._expires
        self._wsman.seconds = round(seconds, 3)
        self._channel.seconds = seconds + self._deadlines.reply
        try:
            return operation()
        except TransportError as error:
            self._connected.refused = self._connected.refused or error.failure.cause in _REFUSALS
            if self._clock() >= self._expires and error.failure.cause is Cause.TIMEOUT:
                raise type(error)(
                    failure(Cause.TIMEOUT, f"the deadline of {self._deadlines.host:g} s for this host has passed")
                ) from error
            raise
        except WSManFaultError as error:
            known = fault_meaning(error)
            if known is not None and known.interrupted:
                raise AmbiguousLoss(classify(error)) from error
            raise TransportError(classify(error)) from error
        except WinRMTransportError as error:
            raise TransportError(classify(error)) from error
        except _MISREAD as error:
            if not self._channel.answered:
                raise  # nothing of the host's was read: this is a defect of ours
            unread = f"the host's answer cannot be read: {type(error).__name__}: {quoted(error)}"
            raise AmbiguousLoss(failure(Cause.PROTOCOL, unread)) from error


def _named(shell: Shell) -> str:
    """A pool's name as the host has it. A host that gives it another than a UUID is not quoted in a later request."""
    name = dict(shell.selectors).get("ShellId", "")
    try:
        return str(uuid.UUID(name)).upper()
    except ValueError:
        return ""


def _unheard(batch: Batch) -> Failure:
    """Why a script of a pipeline that ended may have run without an answer."""
    if batch.doubtful:
        return failure(Cause.PROTOCOL, "what the scripts of one pipeline said could not be told apart")
    return failure(Cause.PROTOCOL, "the pipeline ended before this script was heard")


def _surely_not_taken(error: TransportError) -> bool:
    """Whether the host has not begun what it answered so, or did not answer. In doubt it may have."""
    if isinstance(error, AmbiguousLoss) or error.failure.cause is Cause.INTERRUPTED:
        return False
    match error.__cause__:
        case WSManFaultError() as fault:
            known = fault_meaning(fault)
            refused = known is not None and not known.vague and known.cause in _REFUSED_COMMANDS
            return refused or fault.code == SHELL_GONE
        case WinRMTransportError() as status:
            return bool(
                status.code < 500
            )  # what stands between may answer so for a host that it has passed the request to
        case _:
            return True


def _is_fault(error: TransportError, code: int | None = None) -> bool:
    """Whether the host answered with a fault of WS-Management, and with this code."""
    fault = error.__cause__
    return isinstance(fault, WSManFaultError) and code in (None, fault.code)
