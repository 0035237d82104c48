"""Which script of a pipeline said what: messages in, one result a script out. Sans-IO.

The streams of one pipeline arrive in the order in which they were written, so what comes after a marker belongs to the
script that the marker names, until the next marker. Only the marker of the next script, with the gate's token, moves
on. A marker that names any other script means that attribution cannot be trusted: the whole batch is given up
(`doubtful`), and each of its scripts may have run. Alone, a script needs no marker.

In a locked session every marker has to say the locked language, and the first pipeline of its pool has one before a
single script too: without that proof nothing that came is an answer.

A batch ends with the pipeline's final state. It must be stopped (`must_stop`) when a script overran a cap, asks for
input, or sent what is no CLIXML; what the other scripts wrote before stays good.
"""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from enum import IntEnum
from types import MappingProxyType

from playbooks.values import Value
from runner.transport.clixml import (
    CapExceeded,
    Malformed,
    Spent,
    embedded,
    error_text,
    number,
    parsed,
    text,
)
from runner.transport.failures import Cause, Failure, TransportError, failure, quoted, speaks_of_language_mode
from runner.transport.fault_codes import meaning
from runner.transport.fragments import Message, Oversize
from runner.transport.gate import IMPORT_KIND, LOCKED_LANGUAGE, MARKER_KIND
from runner.transport.interface import (
    Capped,
    Completed,
    ErrorText,
    Limits,
    NotRun,
    Script,
    ScriptResult,
    Streams,
    Terminated,
    TimedOut,
)
from runner.transport.records import read, state


class Kind(IntEnum):
    """PSRP message types that a client may get (MS-PSRP 2.2.1)."""

    SESSION_CAPABILITY = 0x00010002
    ENCRYPTED_SESSION_KEY = 0x00010006
    PUBLIC_KEY_REQUEST = 0x00010007
    RUNSPACEPOOL_INIT_DATA = 0x0002100B
    RUNSPACE_AVAILABILITY = 0x00021004
    RUNSPACEPOOL_STATE = 0x00021005
    USER_EVENT = 0x00021008
    APPLICATION_PRIVATE_DATA = 0x00021009
    RUNSPACEPOOL_HOST_CALL = 0x00021100
    PIPELINE_OUTPUT = 0x00041004
    ERROR_RECORD = 0x00041005
    PIPELINE_STATE = 0x00041006
    DEBUG_RECORD = 0x00041007
    VERBOSE_RECORD = 0x00041008
    WARNING_RECORD = 0x00041009
    PROGRESS_RECORD = 0x00041010
    INFORMATION_RECORD = 0x00041011
    PIPELINE_HOST_CALL = 0x00041100


_KINDS = {int(kind): kind for kind in Kind}


class PoolState(IntEnum):
    """RunspacePoolState (MS-PSRP 2.2.3.4)."""

    OPENED = 2
    CLOSED = 3
    CLOSING = 4
    BROKEN = 5


class _PipelineState(IntEnum):
    """PSInvocationState (MS-PSRP 2.2.3.5); the others are not final and tell nothing."""

    STOPPED = 3
    COMPLETED = 4
    FAILED = 5


_FINAL = frozenset(_PipelineState)
# Methods of the host that return nothing (MS-PSRP 2.2.3.17): nobody waits for an answer to them.
_VOID_HOST_CALLS = frozenset({*range(6, 11), *range(13, 23), 28, 30, 32, 34, 36, 38, 40, 42, 47, 48, 49, 51, 52, 53})
_VALUE_BYTES = 100  # of one value or object beside its text; measured 10 to 80 (tracemalloc, Python 3.11)
_LARGEST_MARKER = 8 * 1024  # bytes of the message
_RECORDS = frozenset({Kind.WARNING_RECORD, Kind.VERBOSE_RECORD, Kind.DEBUG_RECORD, Kind.INFORMATION_RECORD})


@dataclass(slots=True)
class _Written:
    output: list[Value] = field(default_factory=list)
    errors: list[ErrorText] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    verbose: list[str] = field(default_factory=list)
    information: list[str] = field(default_factory=list)
    cost: int = 0  # bytes of memory, roughly

    def streams(self) -> Streams:
        return Streams(
            tuple(self.output), tuple(self.errors), tuple(self.warnings), tuple(self.verbose), tuple(self.information)
        )


class Batch:
    """One pipeline of one or more scripts.

    Args:
        scripts: in the order of the pipeline.
        token: of the gate's markers.
        limits: per script.
        seconds: the deadline of each script.

    Attributes:
        results: one a script, in order; None while there is none, and for good where it gave no answer.
        sent: the host has the whole pipeline, or may have it; set by the caller.
        ended: the final state has come.
        must_stop: the pipeline has to be stopped.
        doubtful: a marker came that should not have: `results` are all None.
        locked: the session has to be in the locked language.
        opening: it begins with what locks the session, so that it is not known to be locked yet.
        proven: a marker came, and said the language that it has to be.
        unimported: modules that the session could not import, and why; the session's, and added to.
        began: when the current script began, on the caller's clock.
    """

    def __init__(
        self,
        scripts: Sequence[Script],
        token: str,
        limits: Limits,
        seconds: Sequence[float],
        *,
        locked: bool = False,
        opening: bool = False,
    ) -> None:
        self.pipeline = uuid.uuid4()
        self.scripts = tuple(scripts)
        self.results: list[ScriptResult | None] = [None] * len(scripts)
        self.sent = False
        self.ended = False
        self.must_stop = False
        self.doubtful = False
        self.proven = False
        self.began = 0.0
        self._now = 0.0
        self._taken = False
        self._token = token
        self._limits = limits
        self._seconds = tuple(seconds)
        self._hashes = tuple(script.sha256 for script in scripts)
        self.locked = locked
        self.opening = opening
        self.unimported: dict[str, str] = {}
        self._marked = len(scripts) > 1 or opening
        self._current = -1 if self._marked else 0
        self._reached = self._current  # the last script whose marker came, to be answered for or not
        self._final: _PipelineState | None = None
        self._written = _Written()
        self._spent = Spent()
        self._overran = False
        self._costs: dict[int, int] = {}  # of what results hold, by the script's place

    @property
    def kept(self) -> int:
        """Bytes of memory that what was written takes, roughly: of the results, and of the script that runs."""
        current = 0 if self._current in self._costs else self._written.cost
        return sum(self._costs.values()) + current

    @property
    def marked(self) -> bool:
        """Whether markers stand before the scripts; one that runs alone in a session known to be locked needs none."""
        return self._marked

    @property
    def current(self) -> Script | None:
        """The script that is running, as far as is known; None before the first marker."""
        return self.scripts[self._current] if self._current >= 0 else None

    @property
    def deadline(self) -> float:
        """When the script that is running must have ended, on the caller's clock."""
        return self.began + self._seconds[max(self._current, 0)]

    def started(self, index: int) -> bool | None:
        """Whether a script has begun; None where that is not known.

        What was written comes in order, so when a pipeline failed or was stopped, the scripts whose markers had not
        come by then had not begun. That holds only where a marker came at all.
        """
        if not self.sent:
            return False
        if self.doubtful or not self._taken:
            return None
        if index <= self._reached:
            return True
        cut_off = self._final in (_PipelineState.FAILED, _PipelineState.STOPPED)
        return False if cut_off and self._reached >= 0 else None

    def begin(self, now: float) -> None:
        """The host has taken the pipeline."""
        self.began = now
        self._taken = True

    def time_out(self) -> None:
        """The running script is over its deadline; it keeps what it writes until it has stopped."""
        self._current = max(self._current, 0)
        self.must_stop = self._overran = True
        self._set_timed_out()

    def feed(self, message: Message | Oversize, now: float) -> None:
        """One message of this pipeline's stream.

        Raises:
            TransportError: the pool is gone, or the message has no place here; the rest cannot be trusted.
        """
        if self.ended:
            return
        self._now = now
        if self.must_stop and not self._overran and not self._is_state(message):
            self._look_for_marker(message)
            return
        before = self._spent.values + self._spent.objects
        try:
            self._account(message)
            if isinstance(message, Message):
                self._take(message, now)
                values = max(self._spent.values + self._spent.objects - before, 0)
                self._written.cost += message.size + _VALUE_BYTES * values
        except CapExceeded as error:
            self._spoil(Capped(self._blamed(), error.cap, error.limit))
        except Malformed as error:
            self._spoil(NotRun(self._blamed(), _malformed(error), started=True))

    def _look_for_marker(self, message: Message | Oversize) -> None:
        """Of what comes while the pipeline is being stopped nothing is kept but which scripts have begun."""
        if (
            not isinstance(message, Message)
            or (message.kind, message.pipeline) != (Kind.PIPELINE_OUTPUT, self.pipeline)
            or len(message.xml) > _LARGEST_MARKER
            or MARKER_KIND.encode() not in message.xml
        ):
            return
        with contextlib.suppress(CapExceeded, Malformed):
            self._reach(self._marker(read(message.xml, self._limits, Spent())))

    def _reach(self, named: str | None) -> None:
        if self._marked and named in self._hashes:
            self._reached = max(self._reached, self._hashes.index(named))

    def _is_state(self, message: Message | Oversize) -> bool:
        return (
            isinstance(message, Message) and message.kind == Kind.PIPELINE_STATE and message.pipeline == self.pipeline
        )

    def _account(self, message: Message | Oversize) -> None:
        if self._is_state(message):
            return  # the end of a pipeline is heard even when it has said too much
        self._spent.bytes += message.size
        if self._spent.bytes > self._limits.max_bytes:
            raise CapExceeded("max_bytes", self._limits.max_bytes)
        if isinstance(message, Oversize):
            raise CapExceeded("max_xml_bytes", self._limits.max_xml_bytes)

    def _take(self, message: Message, now: float) -> None:
        kind = _KINDS.get(message.kind)
        if kind is None:
            raise TransportError(failure(Cause.PROTOCOL, f"the host sent a PSRP message of type {message.kind:#x}"))
        if message.pipeline is None:
            self._take_of_pool(kind, message)
        elif message.pipeline == self.pipeline:
            self._take_of_pipeline(kind, message, now)
        # What belongs to another pipeline was counted and is dropped: a late word of one that was stopped.

    def _take_of_pool(self, kind: Kind, message: Message) -> None:
        match kind:
            case Kind.RUNSPACEPOOL_STATE:
                check_pool_state(message, self._limits)
            case Kind.PUBLIC_KEY_REQUEST:
                self._refuse("it wants to send a secure string, and exrun takes none", "ExrunSecureString")
            case Kind.RUNSPACEPOOL_HOST_CALL:
                self._host_call(message)
            case _:
                return

    def _take_of_pipeline(self, kind: Kind, message: Message, now: float) -> None:
        if kind is Kind.PIPELINE_STATE:
            self._take_state(message, now)
            return
        match kind:
            case Kind.PIPELINE_OUTPUT:
                self._take_output(message, now)
            case Kind.ERROR_RECORD:
                self._count_record()
                self._written.errors.append(error_text(parsed(message.xml, self._limits), self._limits))
            case Kind.PIPELINE_HOST_CALL:
                self._host_call(message)
            case Kind.PROGRESS_RECORD:
                self._count_record()
            case _ if kind in _RECORDS:
                self._count_record()
                self._take_record(kind, message)
            case _:
                raise TransportError(failure(Cause.PROTOCOL, f"the host sent {kind.name} for a pipeline"))

    def _take_output(self, message: Message, now: float) -> None:
        limits = self._limits
        spent = Spent(self._spent.bytes, self._spent.objects, self._spent.values)
        # PowerShell writes a null to the output as a message without a text.
        found = read(message.xml, limits, spent) if message.xml else None
        if self.opening and self._current < 0 and self._take_unimported(found):
            return
        named = self._marker(found)
        self._reach(named)
        alone = len(self.scripts) == 1 and self._current == 0
        if named is None or not self._marked or (alone and not self._overran):
            if not isinstance(found, MappingProxyType | tuple):
                spent.objects += 1
            if spent.objects > limits.max_objects:
                raise CapExceeded("max_objects", limits.max_objects)
            self._spent = spent
            self._written.output.append(found)
        elif not self._speaks_locked(found):
            self._give_up(f"a marker says that the session's language is {self._language(found)}")
        elif self._overran:
            # The script that overran has ended after all, and the next began to run, unheard.
            self._set_timed_out()
            self._written, self._overran = _Written(), False
        elif self._current + 1 < len(self.scripts) and named == self._hashes[self._current + 1]:
            self._complete(now)
            self.proven = True
            self._current += 1
            self.began = now
            self._written = _Written()
            self._spent = Spent()
        else:
            self.doubtful = self.must_stop = True
            self.results = [None] * len(self.scripts)
            self._costs, self._written = {}, _Written()

    def _marker(self, found: Value) -> str | None:
        """The hash that a marker of this run names; None for any other object."""
        if not isinstance(found, MappingProxyType) or found.get("Kind") != MARKER_KIND:
            return None
        named = found.get("Script")
        if found.get("Token", "") != self._token or not isinstance(named, str):
            return None
        return named

    def _speaks_locked(self, found: Value) -> bool:
        if not self.locked:
            return True
        return isinstance(found, MappingProxyType) and found.get("Language") == LOCKED_LANGUAGE

    def _language(self, found: Value) -> str:
        language = found.get("Language") if isinstance(found, MappingProxyType) else None
        return quoted(language) if isinstance(language, str) and language else "not told"

    def _take_unimported(self, found: Value) -> bool:
        """Whether this says that a module was not imported; for what it says the scripts' errors are not enough."""
        if not isinstance(found, MappingProxyType) or found.get("Kind") != IMPORT_KIND:
            return False
        self._count_record()
        self.unimported[str(found.get("Module", ""))] = str(found.get("Why", ""))
        return True

    def _explained(self, script: Script, error: ErrorText) -> ErrorText:
        """An error of a script, with the modules that it needs and has not: what it misses is likely one of theirs."""
        missing = [name for name in script.modules if name in self.unimported]
        if not missing:
            return error
        whys = "; ".join(f"module {name} could not be imported: {quoted(self.unimported[name])}" for name in missing)
        return replace(error, message=f"{error.message} ({whys})")

    def _give_up(self, why: str) -> None:
        """Nothing that this pipeline said is an answer, and the session is not to be used any more."""
        self.results = [None] * len(self.scripts)
        raise TransportError(failure(Cause.NOT_LOCKED, why))

    def _take_record(self, kind: Kind, message: Message) -> None:
        element, limits = parsed(message.xml, self._limits), self._limits
        match kind:
            case Kind.WARNING_RECORD:
                self._written.warnings.append(text(element, limits, "InformationalRecord_Message"))
            case Kind.VERBOSE_RECORD:
                self._written.verbose.append(text(element, limits, "InformationalRecord_Message"))
            case Kind.INFORMATION_RECORD:
                self._written.information.append(text(element, limits, "MessageData"))
            case _:
                return  # debug records are for authors

    def _count_record(self) -> None:
        self._spent.objects += 1
        if self._spent.objects > self._limits.max_objects:
            raise CapExceeded("max_objects", self._limits.max_objects)

    def _host_call(self, message: Message) -> None:
        method = number(parsed(message.xml, self._limits), self._limits, "mi")
        if method not in _VOID_HOST_CALLS:
            self._refuse(
                f"it waits for an answer from a person (host call {method}), and nobody is there", "ExrunPrompt"
            )

    def _refuse(self, why: str, error_id: str) -> None:
        error = ErrorText(f"the script was stopped: {why}", error_id, "OperationStopped")
        self._spoil(Terminated(self._blamed(), error, self._written.streams(), self._now - self.began))

    def _take_state(self, message: Message, now: float) -> None:
        element = None
        stated = state(message.xml, self._limits, "PipelineState")
        if stated is None:
            element = parsed(message.xml, self._limits)
            stated = number(element, self._limits, "PipelineState")
        if stated not in _FINAL:
            return
        self.ended, self._final = True, _PipelineState(stated)
        if self.must_stop:
            if self._overran:
                self._set_timed_out()
            return
        record = None if element is None else embedded(element, "ExceptionAsErrorRecord")
        said = ErrorText("") if record is None else error_text(record, self._limits)
        match self._final:
            case _PipelineState.COMPLETED:
                self._complete(now)
            case _PipelineState.FAILED:
                self._terminate(said if said.message else ErrorText("the host gave no reason"), now)
            case _PipelineState.STOPPED:
                self._terminate(ErrorText(said.message or "the host stopped the pipeline", "PipelineStopped"), now)

    def _terminate(self, error: ErrorText, now: float) -> None:
        nothing_ran = self._current < 0 or "ScriptsNotAllowed" in error.error_id
        opening = self.opening and self._current < 0
        if nothing_ran and speaks_of_language_mode(f"{error.message} {error.error_id}"):
            stopped = failure(Cause.LANGUAGE_MODE, quoted(error.message))
            self.results = [NotRun(script, stopped, started=False) for script in self.scripts]
        elif opening:
            unlocked = failure(Cause.NOT_LOCKED, f"the session could not be locked: {quoted(error.message)}")
            self.results = [NotRun(script, unlocked, started=False) for script in self.scripts]
        elif self._current >= 0:
            script = self.scripts[self._current]
            explained = self._explained(script, error)
            self.results[self._current] = Terminated(script, explained, self._written.streams(), now - self.began)
            self._costs[self._current] = self._written.cost

    def _complete(self, now: float) -> None:
        if self.opening and self._current < 0 and self.ended:
            self._give_up("no marker said in which language the session is")
        if self._current >= 0:
            script = self.scripts[self._current]
            self._written.errors = [self._explained(script, error) for error in self._written.errors]
            self.results[self._current] = Completed(script, self._written.streams(), now - self.began)
            self._costs[self._current] = self._written.cost

    def _set_timed_out(self) -> None:
        script, limit = self.scripts[self._current], self._seconds[self._current]
        self.results[self._current] = TimedOut(script, limit, self._written.streams())
        self._costs[self._current] = self._written.cost

    def _blamed(self) -> Script:
        """The running script; before any marker came, the first."""
        return self.scripts[max(self._current, 0)]

    def _spoil(self, result: ScriptResult) -> None:
        """The pipeline is to be stopped with this result for the running script, unless it is being stopped already."""
        if not self.must_stop:
            self._current = max(self._current, 0)
            self.results[self._current] = result
            self.must_stop = True
        self._written, self._overran = _Written(), False


def check_pool_state(message: Message, limits: Limits) -> bool:
    """Whether a RUNSPACEPOOL_STATE message says that the pool is open.

    Raises:
        TransportError: the pool is closed or broken.
        CapExceeded, Malformed: as clixml.parsed.
    """
    if state(message.xml, limits, "RunspaceState") == PoolState.OPENED:
        return True
    element = parsed(message.xml, limits)
    stated = number(element, limits, "RunspaceState")
    if stated in (PoolState.CLOSED, PoolState.CLOSING, PoolState.BROKEN):
        record = embedded(element, "ExceptionAsErrorRecord")
        why = "it gave no reason" if record is None else error_text(record, limits).message
        raise TransportError(_closed(why))
    return stated == PoolState.OPENED


def _closed(why: str) -> Failure:
    message = f"the host closed the runspace pool: {quoted(why)}"
    if speaks_of_language_mode(why):
        return failure(Cause.LANGUAGE_MODE, message)
    known = meaning(None, (why,))
    if known is None:
        return failure(Cause.CONNECTION_LOST, message)
    return failure(known.cause, f"{message}: {known.words}", then=known.next)


def _malformed(error: Malformed) -> Failure:
    return failure(Cause.PROTOCOL, f"the host sent what is not CLIXML: {quoted(error)}")
