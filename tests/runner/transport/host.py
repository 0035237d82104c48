"""A Windows host in memory behind a Peer: WS-Management and PSRP (psrpcore's server); what scripts do is Python.

A script is a generator function over `Writer`: it writes to streams, yields seconds to let time pass, and raises Throw
to end in a terminating error. Time passes only in Receives, on the peer's clock.
"""

from __future__ import annotations

import base64
import re
import struct
import uuid
import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from psrpcore import PSRPPayload, ServerPipeline, ServerRunspacePool, StreamType
from psrpcore.types import (
    ErrorCategory,
    ErrorCategoryInfo,
    ErrorRecord,
    HostMethodIdentifier,
    NETException,
    PSCustomObject,
    PSInvocationState,
)

from runner.transport.gate import LOCK, LOCKED_LANGUAGE, imported, marked
from tests.runner.transport.peer import Clock

NAMESPACES = {
    "s": "http://www.w3.org/2003/05/soap-envelope",
    "a": "http://schemas.xmlsoap.org/ws/2004/08/addressing",
    "w": "http://schemas.dmtf.org/wbem/wsman/1/wsman.xsd",
    "rsp": "http://schemas.microsoft.com/wbem/wsman/1/windows/shell",
    "x": "http://schemas.xmlsoap.org/ws/2004/09/transfer",
    "f": "http://schemas.microsoft.com/wbem/wsman/1/wsmanfault",
    "p": "http://schemas.microsoft.com/powershell",
}
FOREVER = 1e9
TIMED_OUT = 2150858793
SHELL_GONE = 2150858843


class Throw(Exception):  # noqa: N818
    """A terminating error of a script."""

    def __init__(self, message: str, error_id: str = "RuntimeException") -> None:
        super().__init__(message)
        self.error_id = error_id


@dataclass
class Writer:
    """The streams of the pipeline in which a script runs."""

    host: Host
    pipeline: ServerPipeline

    def output(self, value: object) -> None:
        self.pipeline.write_output(PSCustomObject(**value) if isinstance(value, Mapping) else value)

    def error(self, message: str) -> None:
        self.pipeline.write_error(
            NETException(Message=message),
            category_info=ErrorCategoryInfo(Category=ErrorCategory.ObjectNotFound),
            fully_qualified_error_id="NotThere",
        )

    def warning(self, message: str) -> None:
        self.pipeline.write_warning(message)

    def verbose(self, message: str) -> None:
        self.pipeline.write_verbose(message)

    def information(self, message: str) -> None:
        self.pipeline.write_information(message, "test")

    def host_call(self, method: HostMethodIdentifier) -> None:
        self.pipeline.host_call(method, [])

    def raw(self, data: bytes) -> None:
        """Bytes into the stream as they are."""
        self.host.drain()
        self.host.buffer += data

    def message(self, kind: int, xml: bytes | str, *, pipeline: uuid.UUID | None = None) -> None:
        """A message whose text psrpcore would not write."""
        self.raw(fragment(kind, xml, self.pipeline.pipeline_id if pipeline is None else pipeline))


Script = Callable[[Writer], Iterator[float]]
_counter = iter(range(10**9, 2 * 10**9))


def fragment(kind: int, xml: bytes | str, pipeline: uuid.UUID, *, destination: int = 1) -> bytes:
    """A message in one fragment."""
    body = xml.encode() if isinstance(xml, str) else xml
    data = struct.pack("<II16s16s", destination, kind, bytes(16), pipeline.bytes_le) + body
    return struct.pack(">QQBI", next(_counter), 0, 3, len(data)) + data


@dataclass
class Host:
    """`answer` is what a Peer needs.

    Attributes:
        scripts: what each text does; a text that is not here ends in a terminating error.
        unstoppable: texts that take no notice of a stop.
        one_fragment: a Receive gives out one fragment.
        piece: bytes of a fragment.
        late_state: the final state comes in a reply of its own.
        empty_answers: Receives are answered at once with nothing.
        version: of PSRP, as the host says it.
        locks_to: the language that a pool is in once the lock statement ran.
        says_markers: whether a marker statement writes anything.
        unimported: what the import statement says of modules that are not there.
        fail_before_markers: a pipeline that has markers fails before the first.
        faults: a fault's code for the next request of an action (Create, Receive, Command, Signal, Delete).
        ran: texts of the statements that were run, those of the gate not included.
        pipelines: for each pipeline, its statements as they came.
        shells: names of the pools that stand.
    """

    clock: Clock
    scripts: dict[str, Script] = field(default_factory=dict)
    unstoppable: frozenset[str] = frozenset()
    one_fragment: bool = False
    piece: int = 32768
    late_state: bool = False
    fail_before_markers: bool = False
    empty_answers: bool = False
    version: str = "2.3"
    locks_to: str = LOCKED_LANGUAGE
    language: str = "FullLanguage"
    unimported: dict[str, str] = field(default_factory=dict)
    says_markers: bool = True
    faults: dict[str, int] = field(default_factory=dict)
    ran: list[str] = field(default_factory=list)
    pipelines: list[list[str]] = field(default_factory=list)
    scopes: set[bool | None] = field(default_factory=set)
    actions: list[str] = field(default_factory=list)
    timeouts: list[float] = field(default_factory=list)
    shells: dict[str, ServerRunspacePool] = field(default_factory=dict)
    buffer: bytes = b""
    running: Iterator[float] | None = None
    pipeline: ServerPipeline | None = None
    current: str = ""
    due: float = 0.0
    before_state: bytes = b""

    def answer(self, plain: bytes) -> tuple[int, bytes]:
        envelope = ET.fromstring(plain)
        header = envelope.find("s:Header", NAMESPACES)
        body = envelope.find("s:Body", NAMESPACES)
        assert header is not None
        assert body is not None
        action = (header.findtext("a:Action", "", NAMESPACES)).rpartition("/")[2]
        message = header.findtext("a:MessageID", "", NAMESPACES)
        timeout = float(header.findtext("w:OperationTimeout", "", NAMESPACES)[2:-1])
        selector = header.find("w:SelectorSet/w:Selector", NAMESPACES)
        self.actions.append(action)
        self.timeouts.append(timeout)
        code = self.faults.pop(action, None)
        if code is None and action != "Create" and (selector is None or selector.text not in self.shells):
            code = SHELL_GONE
        if code is None:
            reply = getattr(self, f"_{action.lower()}")(body, timeout, "" if selector is None else selector.text)
            if isinstance(reply, str):
                return 200, _envelope(f"{action}Response", message, reply)
            code = reply
        fault = (
            "<s:Fault><s:Code><s:Value>s:Receiver</s:Value></s:Code><s:Reason><s:Text>no</s:Text></s:Reason>"
            f'<s:Detail><f:WSManFault Code="{code}" Machine="ex1"><f:Message>fault {code}</f:Message></f:WSManFault>'
            "</s:Detail></s:Fault>"
        )
        return 500, _envelope("Fault", message, fault)

    def drain(self) -> None:
        """What psrpcore has to say, into the buffer."""
        pool = next(reversed(self.shells.values()))
        said = [self.buffer]
        while (payload := pool.data_to_send(self.piece)) is not None:
            said.append(payload.data)
        self.buffer = b"".join(said)

    def _create(self, body: ET.Element, timeout: float, shell: str) -> str | int:
        pool = ServerRunspacePool()
        creation = body.findtext(".//p:creationXml", "", NAMESPACES)
        pool.receive_data(PSRPPayload(base64.b64decode(creation), StreamType.default, None))
        while pool.next_event() is not None:
            pass
        name = next(each for each in body.iterfind("rsp:Shell", NAMESPACES)).get("ShellId", "")
        self.shells[name] = pool
        self.language = "FullLanguage"
        self.running, self.pipeline, self.buffer = None, None, b""
        if self.version != "2.3":
            self.drain()
            self.buffer = self.buffer.replace(b">2.3<", f">{self.version}<".encode())
        return (
            f"<rsp:Shell><rsp:ShellId>{name}</rsp:ShellId></rsp:Shell><x:ResourceCreated><a:ReferenceParameters>"
            f'<w:SelectorSet><w:Selector Name="ShellId">{name}</w:Selector></w:SelectorSet>'
            "</a:ReferenceParameters></x:ResourceCreated>"
        )

    def _command(self, body: ET.Element, timeout: float, shell: str) -> str | int:
        pool = self.shells[shell]
        data = base64.b64decode(body.findtext(".//rsp:Arguments", "", NAMESPACES))
        command = body.findall("rsp:CommandLine", NAMESPACES)[0].get("CommandId", "")
        ServerPipeline(pool, uuid.UUID(command))
        pool.receive_data(PSRPPayload(data, StreamType.default, None))
        return self._begin(pool, command)

    def _send(self, body: ET.Element, timeout: float, shell: str) -> str | int:
        pool = self.shells[shell]
        pool.receive_data(
            PSRPPayload(base64.b64decode(body.findtext(".//rsp:Stream", "", NAMESPACES)), StreamType.default, None)
        )
        self._begin(pool, "")
        return "<rsp:SendResponse/>"

    def _begin(self, pool: ServerRunspacePool, command: str) -> str:
        while pool.next_event() is not None:
            pass
        started = [
            each
            for each in pool.pipeline_table.values()
            if each.state is PSInvocationState.NotStarted and hasattr(each.metadata, "commands")
        ]
        if started:
            self.pipeline = started[-1]
            statements: list[str] = []
            for each in self.pipeline.metadata.commands:
                statements.append(each.command_text)
                self.scopes.add(each.use_local_scope)
            self.pipelines.append(statements)
            self.pipeline.start()
            self.running, self.due = self._statements(self.pipeline, statements), self.clock.now
        return f"<rsp:CommandResponse><rsp:CommandId>{command}</rsp:CommandId></rsp:CommandResponse>"

    def _statements(self, pipeline: ServerPipeline, statements: list[str]) -> Iterator[float]:
        writer = Writer(self, pipeline)
        for text in statements:
            if text == LOCK.text:
                self.language = self.locks_to
                continue
            if imported(text) is not None:
                for name, why in self.unimported.items():
                    writer.output({"Kind": "exrun.import", "Module": name, "Why": why})
                continue
            fields = marked(text, self.language)
            if fields is not None and self.fail_before_markers:
                record = ErrorRecord(Exception=NETException(Message="no"), CategoryInfo=ErrorCategoryInfo())
                pipeline._change_state(PSInvocationState.Failed, error=record)
                return
            if fields is not None:
                if self.says_markers:
                    writer.output(fields)
                continue
            self.ran.append(text)
            self.current = text
            try:
                if text not in self.scripts:
                    raise Throw(f"unknown script {text!r}", "UnknownScript")
                yield from self.scripts[text](writer)
            except Throw as error:
                record = ErrorRecord(
                    Exception=NETException(Message=str(error)),
                    CategoryInfo=ErrorCategoryInfo(Category=ErrorCategory.OperationStopped),
                    FullyQualifiedErrorId=error.error_id,
                )
                self._before_state()
                pipeline._change_state(PSInvocationState.Failed, error=record)
                return
        self._before_state()
        pipeline.complete()

    def _before_state(self) -> None:
        if self.late_state:
            self.drain()
            self.before_state, self.buffer = self.buffer, b""

    def _receive(self, body: ET.Element, timeout: float, shell: str) -> str | int:
        stream = body.find(".//rsp:DesiredStream", NAMESPACES)
        assert stream is not None
        command = stream.get("CommandId")
        if self.empty_answers:
            return _received(b"", command, done=False)
        until = self.clock.now + timeout
        self.drain()
        while self.running is not None and command is not None and (not self.buffer or self.due <= self.clock.now):
            if self.due > until:
                self.clock.now = until
                return TIMED_OUT
            self.clock.now = max(self.clock.now, self.due)
            wait = next(self.running, None)
            if wait is None:
                self.running = None
            else:
                self.due = self.clock.now + wait
            self.drain()
        if not self.buffer and not self.before_state:
            self.clock.now = until
            return TIMED_OUT
        data = self._portion()
        done = self.running is None and not self.buffer and command is not None and not self.before_state
        return _received(data, command, done=done)

    def _portion(self) -> bytes:
        if self.before_state:
            data, self.before_state = self.before_state, b""
            return data
        data, self.buffer = self.buffer, b""
        if self.one_fragment:
            length = 21 + struct.unpack(">I", data[17:21])[0]
            data, self.buffer = data[:length], data[length:]
        return data

    def _signal(self, body: ET.Element, timeout: float, shell: str) -> str | int:
        code = body.findtext(".//rsp:Code", "", NAMESPACES)
        if code == "powershell/signal/crtl_c" and self.running is not None and self.current not in self.unstoppable:
            self.running = None
            assert self.pipeline is not None
            self.pipeline.begin_stop()
            self.pipeline.stop()
        return "<rsp:SignalResponse/>"

    def _delete(self, body: ET.Element, timeout: float, shell: str) -> str | int:
        del self.shells[shell]
        self.running = None
        return ""


def _received(data: bytes, command: str | None, *, done: bool) -> str:
    of = "" if command is None else f' CommandId="{command}"'
    state = (
        f'<rsp:CommandState{of} State="{NAMESPACES["rsp"]}/CommandState/{"Done" if done else "Running"}"/>'
        if command
        else ""
    )
    stream = f'<rsp:Stream Name="stdout"{of}>{base64.b64encode(data).decode()}</rsp:Stream>' if data else ""
    return f"<rsp:ReceiveResponse>{stream}{state}</rsp:ReceiveResponse>"


def _envelope(action: str, relates_to: str, body: str) -> bytes:
    names = " ".join(f'xmlns:{prefix}="{name}"' for prefix, name in NAMESPACES.items())
    assert not re.search(r"[<&]", relates_to)
    return (
        f"<s:Envelope {names}><s:Header><a:Action>{action}</a:Action><a:RelatesTo>{relates_to}</a:RelatesTo>"
        f"</s:Header><s:Body>{body}</s:Body></s:Envelope>"
    ).encode()
