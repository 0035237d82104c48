"""What goes wrong on request, and what is legal but unusual: which, at which step of the protocol, and how often.

A `Fault` is data; a `FaultPlan` counts its occurrences on one host. How a fault is carried out is connection.py's.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from texts.problems import MistakeError


class Step(StrEnum):
    """Where a fault strikes. `receive-open` is a Receive of the pool, `receive` one of a pipeline."""

    CONNECT = "connect"
    AUTHENTICATE = "authenticate"
    IDENTIFY = "identify"
    CREATE = "create"
    RECEIVE_OPEN = "receive-open"
    COMMAND = "command"
    RECEIVE = "receive"
    SEND = "send"
    SIGNAL = "signal"
    DELETE = "delete"
    DISCONNECT = "disconnect"
    RECONNECT = "reconnect"
    ATTACH = "attach"  # WS-Management's Connect: another client takes over a disconnected shell
    QUERY = "query"  # Get and Enumerate
    MESSAGE = "message"  # every step from identify to query


class InSession(StrEnum):
    """In which sessions a fault strikes: collects run in locked ones, changes in full language."""

    LOCKED = "locked"
    FULL = "full"


class Act(StrEnum):
    """What happens.

    Before the host acts on the request: refuse, reset, hang, status, fault, challenge, shells-end, restart.
    To the answer, after it has acted: reset-after, hang-after, drip, truncate, http-garbage, xml-garbage, xml-depth,
    xml-elements, xml-bytes, psrp-garbage.
    Legal: latency, chunked, close, one-fragment, state-apart, prefixes, lower-case.
    """

    REFUSE = "refuse"  # connect: nothing listens; authenticate: 401; else: fault 5, access denied
    RESET = "reset"  # the connection is reset
    HANG = "hang"  # no answer ever
    STATUS = "status"  # the HTTP status `status` without a WS-Management fault
    FAULT = "fault"  # HTTP 500 with the WS-Management fault `code`
    CHALLENGE = "challenge"  # 401 with a fresh challenge, though the connection was authenticated
    SHELLS_END = "shells-end"  # every shell of the host ends, with what runs in it; the connections stay
    RESTART = "restart"  # the same, every connection is reset, and nobody is let in for `milliseconds`
    RESET_AFTER = "reset-after"
    HANG_AFTER = "hang-after"
    DRIP = "drip"  # one byte every `milliseconds`
    TRUNCATE = "truncate"  # half an answer, then the connection closes
    HTTP_GARBAGE = "http-garbage"  # bytes that are no HTTP
    XML_GARBAGE = "xml-garbage"  # an answer that is no XML
    XML_DEPTH = "xml-depth"  # an answer of 280,000 elements, each within the one before: 2 MB
    XML_ELEMENTS = "xml-elements"  # the answer, and 280,000 elements more in its body
    XML_BYTES = "xml-bytes"  # the answer, and 8 MB of text more in its body, few enough elements for any reader
    PSRP_GARBAGE = "psrp-garbage"  # a Receive whose fragments are noise
    LATENCY = "latency"  # `milliseconds` pass before the host acts
    CHUNKED = "chunked"  # the answer comes in HTTP chunks
    CLOSE = "close"  # the connection is closed after each answer
    ONE_FRAGMENT = "one-fragment"  # a Receive gives one PSRP fragment
    STATE_APART = "state-apart"  # a pipeline's CommandState Done comes in an answer without output
    PREFIXES = "prefixes"  # other namespace prefixes
    LOWER_CASE = "lower-case"  # identifiers in lower case


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault of one host.

    Attributes:
        first: the occurrence of the step, from 1, at which it begins.
        times: for how many occurrences; None for ever.
        milliseconds: for latency, drip and restart.
        status: for status.
        code: for fault; see wsmerror.h.
        session: strikes and counts in these alone; None for all. Only where a pipeline is at work.
    """

    act: Act
    at: Step = Step.MESSAGE
    first: int = 1
    times: int | None = None
    milliseconds: float = 0.0
    status: int = 503
    code: int = 5
    session: InSession | None = None

    def __post_init__(self) -> None:
        if self.session is not None and self.at not in _OF_PIPELINES:
            steps = ", ".join(sorted(_OF_PIPELINES))
            raise MistakeError(f"session goes with the steps of a pipeline, not with {self.at}", f"they are {steps}")
        allowed = _STEPS.get(self.act, _MESSAGES)
        if self.at not in allowed:
            steps = ", ".join(sorted(step.value for step in allowed))
            raise MistakeError(f"{self.act} cannot happen at {self.at}", f"it can at {steps}")


class FaultPlan:
    """One host's faults and how often each step came. `replace` may be called from any thread while the lab runs."""

    def __init__(self, faults: Iterable[Fault] = ()) -> None:
        self._live: list[tuple[Fault, list[int]]] = []
        self._struck: set[Fault] = set()
        self.replace(faults)

    @property
    def faults(self) -> tuple[Fault, ...]:
        """The faults in force, spent ones included."""
        return tuple(fault for fault, _ in self._live)

    def replace(self, faults: Iterable[Fault]) -> None:
        """Put other faults in force; their counts begin anew, and none of them has struck."""
        self._live = [(fault, [0]) for fault in faults]
        self._struck = set()

    @property
    def struck(self) -> frozenset[Fault]:
        """Those of them that have struck."""
        return frozenset(self._struck)

    @property
    def by_session(self) -> bool:
        """Whether any of them asks in which session it would strike."""
        return any(fault.session is not None for fault, _ in self._live)

    def strike(self, step: Step, session: InSession | None = None) -> tuple[Fault, ...]:
        """The faults for this occurrence of `step`, which is counted.

        Args:
            session: in which it is, where it is in one that is known.
        """
        live = self._live
        if not live:
            return ()
        struck = []
        for fault, seen in live:
            if fault.at is not step and (fault.at is not Step.MESSAGE or step in _NO_MESSAGE):
                continue
            if fault.session is not None and fault.session is not session:
                continue
            seen[0] += 1
            if seen[0] >= fault.first and (fault.times is None or seen[0] < fault.first + fault.times):
                struck.append(fault)
                self._struck.add(fault)
        return tuple(struck)


_OF_PIPELINES = frozenset({Step.COMMAND, Step.RECEIVE, Step.SEND, Step.SIGNAL})
_NO_MESSAGE = frozenset({Step.CONNECT, Step.AUTHENTICATE})
_MESSAGES = frozenset(Step) - _NO_MESSAGE
_REPLIES = _MESSAGES | {Step.AUTHENTICATE}
_RECEIVES = frozenset({Step.RECEIVE, Step.RECEIVE_OPEN, Step.MESSAGE})
_STEPS: dict[Act, frozenset[Step]] = {
    **dict.fromkeys((Act.REFUSE, Act.RESET, Act.HANG, Act.LATENCY, Act.HTTP_GARBAGE), frozenset(Step)),
    **dict.fromkeys((Act.STATUS, Act.RESET_AFTER, Act.HANG_AFTER, Act.DRIP, Act.TRUNCATE), _REPLIES),
    **dict.fromkeys((Act.CHUNKED, Act.CLOSE), _REPLIES),
    **dict.fromkeys((Act.PSRP_GARBAGE, Act.ONE_FRAGMENT), _RECEIVES),
    Act.STATE_APART: frozenset({Step.RECEIVE, Step.MESSAGE}),
}
