"""WS-Management as Windows speaks it for shells, without a socket: bytes -> request -> bytes.

Facts: MS-WSMV (actions, elements), DSP0226 (WS-Management), wsmerror.h (codes and texts of faults). Requests are parsed
defensively: UTF-8 only, no document type declarations. Replies are written by hand; everything in them that came from
outside is escaped.
"""

from __future__ import annotations

import base64
import binascii
import re
import uuid
import xml.etree.ElementTree as ET
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from xml.sax.saxutils import escape, quoteattr

from runner.lab.engines.interface import Signal

SOAP = "http://www.w3.org/2003/05/soap-envelope"
ADDRESSING = "http://schemas.xmlsoap.org/ws/2004/08/addressing"
WSMAN = "http://schemas.dmtf.org/wbem/wsman/1/wsman.xsd"
WSMV = "http://schemas.microsoft.com/wbem/wsman/1/wsman.xsd"
TRANSFER = "http://schemas.xmlsoap.org/ws/2004/09/transfer"
ENUMERATION = "http://schemas.xmlsoap.org/ws/2004/09/enumeration"
SHELL = "http://schemas.microsoft.com/wbem/wsman/1/windows/shell"
FAULT = "http://schemas.microsoft.com/wbem/wsman/1/wsmanfault"
IDENTITY = "http://schemas.dmtf.org/wbem/wsman/identity/1/wsmanidentity.xsd"
POWERSHELL = "http://schemas.microsoft.com/powershell"
CONFIG = "http://schemas.microsoft.com/wbem/wsman/1/config"
_ANONYMOUS = f"{ADDRESSING}/role/anonymous"

OPERATION_ABORTED = 995  # ERROR_OPERATION_ABORTED, winerror.h: the shell or command of a waiting Receive is closed
ACCESS_DENIED = 5
TIMED_OUT = 2150858793  # ERROR_WSMAN_OPERATION_TIMEDOUT
MALFORMED = 2150858758  # ERROR_WSMAN_INVALID_SOAP... schema validation of the packet
NO_SUCH_ACTION = 2150858754  # ERROR_WSMAN_INVALID_ACTIONURI... action not supported for the resource
NO_SUCH_RESOURCE = 2150858811  # ERROR_WSMAN_INVALID_RESOURCE_URI
NO_SUCH_SHELL = 2150858843  # ERROR_WSMAN_UNEXPECTED_SELECTORS: Windows uses it for unknown shells and commands
TOO_MANY_SHELLS = 2150859173  # ERROR_WSMAN_QUOTA_MAX_SHELLS
TOO_MANY_OPERATIONS = 2150859174  # ERROR_WSMAN_QUOTA_MAX_OPERATIONS
SHELL_DISCONNECTED = 2150859204  # ERROR_WINRS_SHELL_DISCONNECTED
STREAM_DISCONNECTED = 2150859230  # ERROR_WSMAN_SERVICE_STREAM_DISCONNECTED


class Action(StrEnum):
    """The action URIs that the lab knows."""

    IDENTIFY = ""  # Identify has no header
    CREATE = f"{TRANSFER}/Create"
    DELETE = f"{TRANSFER}/Delete"
    GET = f"{TRANSFER}/Get"
    ENUMERATE = f"{ENUMERATION}/Enumerate"
    COMMAND = f"{SHELL}/Command"
    RECEIVE = f"{SHELL}/Receive"
    SEND = f"{SHELL}/Send"
    SIGNAL = f"{SHELL}/Signal"
    DISCONNECT = f"{SHELL}/Disconnect"
    RECONNECT = f"{SHELL}/Reconnect"
    CONNECT = f"{SHELL}/Connect"


_ACTIONS = {action.value: action for action in Action}


@dataclass(frozen=True, slots=True)
class WSManFault:
    """A fault as an answer. `subcode` is SOAP's, with the prefix `w` or `a`; `sender` says whose mistake it is."""

    code: int
    reason: str
    subcode: str = "w:InternalError"
    sender: bool = False


class MalformedError(Exception):
    """The request is not what it should be; `fault` is the answer, `message_id` what it relates to."""

    def __init__(self, fault: WSManFault, message_id: str = "") -> None:
        super().__init__(fault.reason)
        self.fault = fault
        self.message_id = message_id


@dataclass(frozen=True, slots=True)
class Request:
    """One request.

    Attributes:
        action, resource, message_id: from the header; the id is echoed as it came.
        shell: the selector ShellId.
        seconds: OperationTimeout.
        max_envelope: what the client takes, in bytes.
        pipeline: CommandId of Command, Receive, Send, Signal, Connect.
        fragments: PSRP fragments of Create, Command, Send, Connect.
        signal: of Signal.
        idle_seconds: of Create, Disconnect and Connect, where the client asks for one.
        new_shell: ShellId that a Create asks for.
        name: of Create.
    """

    action: Action
    resource: str = ""
    message_id: str = ""
    shell: uuid.UUID | None = None
    seconds: float = 60.0
    max_envelope: int = 153_600
    pipeline: uuid.UUID | None = None
    fragments: bytes = b""
    signal: Signal | None = None
    idle_seconds: float | None = None
    new_shell: uuid.UUID | None = None
    name: str = ""


_S, _A, _W, _R, _P = (f"{{{uri}}}" for uri in (SOAP, ADDRESSING, WSMAN, SHELL, POWERSHELL))
_ACTION, _RESOURCE, _SELECTORS = f"{_A}Action", f"{_W}ResourceURI", f"{_W}SelectorSet"
_SELECTOR, _TIMEOUT, _LARGEST = f"{_W}Selector", f"{_W}OperationTimeout", f"{_W}MaxEnvelopeSize"
_ENVELOPE, _HEADER, _BODY, _MESSAGE_ID = f"{_S}Envelope", f"{_S}Header", f"{_S}Body", f"{_A}MessageID"
_IDENTIFY = f"{{{IDENTITY}}}Identify"
_ENCODING = re.compile(rb"""(?:\xef\xbb\xbf)?\s*<\?xml[^>]{0,200}?encoding\s*=\s*["']([^"']*)["']""")
_SIZE = re.compile(r"[0-9]{1,10}")
_DURATION = re.compile(r"P(?:(\d{1,9})D)?(?:T(?:(\d{1,9})H)?(?:(\d{1,9})M)?(?:(\d{1,9}(?:\.\d{1,9})?)S)?)?")
_SIGNALS = {
    "powershell/signal/crtl_c": Signal.STOP,  # as Windows PowerShell spells it
    "powershell/signal/ctrl_c": Signal.STOP,
    f"{SHELL}/signal/ctrl_c": Signal.STOP,
    f"{SHELL}/signal/ctrl_break": Signal.STOP,
    f"{SHELL}/signal/terminate": Signal.TERMINATE,
}


def parse(data: bytes) -> Request:
    """Reads one envelope.

    Raises:
        MalformedError: it is not UTF-8 XML, has a document type declaration, or lacks what its action needs.
    """
    declared = _ENCODING.match(data)
    if b"\x00" in data[:4] or data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        raise _malformed("the request is not UTF-8")
    if declared is not None and declared[1].lower() not in (b"utf-8", b"us-ascii"):
        raise _malformed("the request declares an encoding other than UTF-8")
    if b"<!DOCTYPE" in data or b"<!ENTITY" in data:
        raise _malformed("the request has a document type declaration")
    try:
        envelope = ET.fromstring(data)  # noqa: S314  # no declarations, so no entities; expat bounds the rest
    except (ET.ParseError, ValueError) as error:
        raise _malformed(f"the request is not well-formed XML: {error}") from error
    parts = _first(envelope)
    body = parts.get(_BODY)
    if envelope.tag != _ENVELOPE or body is None:
        raise _malformed("the request is no SOAP 1.2 envelope with a body")
    if any(child.tag == _IDENTIFY for child in body):
        return Request(Action.IDENTIFY)
    header = parts.get(_HEADER)
    if header is None:
        raise _malformed("the request has no header")
    fields = _first(header)
    message_id = _text(fields.get(_MESSAGE_ID)) or ""
    try:
        return _request(header, fields, body, message_id)
    except MalformedError as error:
        error.message_id = message_id
        raise


def _request(header: ET.Element, fields: Mapping[str, ET.Element], body: ET.Element, message_id: str) -> Request:
    uri = _text(fields.get(_ACTION)) or ""
    action = _ACTIONS.get(uri.strip()) if uri else None
    if action is None:
        raise MalformedError(
            WSManFault(
                NO_SUCH_ACTION,
                "The WS-Management service cannot process the request. "
                f"The requested action is not supported: {uri[:200]}",
                "a:ActionNotSupported",
                sender=True,
            )
        )
    resource = (_text(fields.get(_RESOURCE)) or "").strip()
    shell = None
    for selectors in header:
        if selectors.tag == _SELECTORS:
            for selector in selectors:
                if selector.tag == _SELECTOR and selector.get("Name") == "ShellId":
                    shell = _identifier(selector.text, NO_SUCH_SHELL)
    timeout = _text(fields.get(_TIMEOUT))
    seconds = 60.0 if timeout is None else _seconds(timeout)
    largest = _text(fields.get(_LARGEST))
    max_envelope = int(largest) if largest is not None and _SIZE.fullmatch(largest.strip()) else 153_600
    pipeline = signal = idle = new_shell = None
    fragments, name = b"", ""
    match action:
        case Action.CREATE:
            content = _child(body, f"{_R}Shell")
            new_shell = _optional_identifier(content.get("ShellId"))
            idle = _optional_seconds(content.findtext(f"{_R}IdleTimeOut"))
            name = content.findtext(f"{_R}Name") or ""
            creation = content.find(f"{_P}creationXml")
            fragments = b"" if creation is None else _decoded(creation.text)
        case Action.COMMAND:
            content = _child(body, f"{_R}CommandLine")
            pipeline = _optional_identifier(content.get("CommandId"))
            fragments = b"".join(_decoded(argument.text) for argument in content.iterfind(f"{_R}Arguments"))
        case Action.RECEIVE:
            pipeline = _optional_identifier(_child(body, f"{_R}Receive/{_R}DesiredStream").get("CommandId"))
        case Action.SEND:
            streams = _child(body, f"{_R}Send").findall(f"{_R}Stream")
            if not streams or len({stream.get("CommandId") for stream in streams}) != 1:
                raise _malformed("a Send needs streams of one command or of the shell")
            pipeline = _optional_identifier(streams[0].get("CommandId"))
            fragments = b"".join(_decoded(stream.text) for stream in streams)
        case Action.SIGNAL:
            content = _child(body, f"{_R}Signal")
            pipeline = _optional_identifier(content.get("CommandId"))
            code = (content.findtext(f"{_R}Code") or "").strip().lower()
            signal = _SIGNALS.get(code)
            if signal is None:
                raise _malformed(f"the signal is unknown: {code[:200]}")
        case Action.DISCONNECT:
            content = _child(body, f"{_R}Disconnect")
            idle = _optional_seconds(content.findtext(f"{_R}IdleTimeOut"))
        case Action.CONNECT:
            content = _child(body, f"{_R}Connect")
            pipeline = _optional_identifier(content.get("CommandId"))
            connection = content.find(f"{_P}connectXml")
            fragments = b"" if connection is None else _decoded(connection.text)
        case Action.ENUMERATE:
            for selector in body.iter(f"{_W}Selector"):
                if selector.get("Name") == "ShellId":
                    shell = _identifier(selector.text, NO_SUCH_SHELL)
        case _:
            pass
    return Request(
        action,
        resource,
        message_id,
        shell,
        seconds,
        max_envelope,
        pipeline,
        fragments,
        signal,
        idle,
        new_shell,
        name,
    )


def _first(parent: ET.Element) -> dict[str, ET.Element]:
    """The first child of each tag."""
    found: dict[str, ET.Element] = {}
    for child in parent:
        found.setdefault(child.tag, child)
    return found


def _text(element: ET.Element | None) -> str | None:
    """The text of an element, empty where it has none; None where there is no such element."""
    return None if element is None else element.text or ""


def _malformed(why: str) -> MalformedError:
    return MalformedError(
        WSManFault(
            MALFORMED,
            f"The WS-Management service cannot process the request: {why}.",
            "w:SchemaValidationError",
            sender=True,
        )
    )


def _child(parent: ET.Element, path: str) -> ET.Element:
    found = parent.find(path)
    if found is None:
        raise _malformed(f"the body lacks {path.rpartition('}')[2]}")
    return found


def _decoded(text: str | None) -> bytes:
    try:
        # Without line breaks first, as clients write it.
        return binascii.a2b_base64(text or "", strict_mode=True)
    except (binascii.Error, ValueError):
        pass
    try:
        return base64.b64decode("".join((text or "").split()), validate=True)
    except (binascii.Error, ValueError) as error:
        raise _malformed("a stream is not base64") from error


def _identifier(text: str | None, code: int = MALFORMED) -> uuid.UUID:
    try:
        return uuid.UUID((text or "").strip().removeprefix("uuid:"))
    except ValueError as error:
        if code == NO_SUCH_SHELL:
            raise MalformedError(no_such_shell(text or "")) from error
        raise _malformed("an identifier is no GUID") from error


def _optional_identifier(text: str | None) -> uuid.UUID | None:
    return None if text is None else _identifier(text)


@lru_cache(64)
def _seconds(text: str) -> float:
    found = _DURATION.fullmatch(text.strip())
    if found is None or not any(found.groups()):
        raise _malformed("a time is no xs:duration of days, hours, minutes and seconds")
    days, hours, minutes, seconds = (float(part or 0) for part in found.groups())
    return ((days * 24 + hours) * 60 + minutes) * 60 + seconds


def _optional_seconds(text: str | None) -> float | None:
    return None if text is None else _seconds(text)


def no_such_shell(shell: str) -> WSManFault:
    """For a shell that the host does not have, or no longer."""
    return WSManFault(
        NO_SUCH_SHELL,
        f"The request for the Windows Remote Shell with ShellId {shell[:100]} failed because the shell was not found "
        "on the server. Possible causes are: the specified ShellId is incorrect or the shell no longer exists on the "
        "server. Provide the correct ShellId or create a new shell and retry the operation.",
        "w:InvalidSelectors",
        sender=True,
    )


def no_such_command() -> WSManFault:
    """For a command that the shell does not have, or no longer."""
    return WSManFault(
        NO_SUCH_SHELL,
        "The Windows Remote Shell received a request to perform an operation on a command identifier that does not "
        "exist. Either the command has completed execution or the client specified an invalid command identifier.",
        "w:InvalidSelectors",
        sender=True,
    )


KNOWN_FAULTS: dict[int, WSManFault] = {
    fault.code: fault
    for fault in (
        WSManFault(ACCESS_DENIED, "Access is denied.", "w:AccessDenied", sender=True),
        WSManFault(
            OPERATION_ABORTED,
            "The I/O operation has been aborted because of either a thread exit or an application request.",
        ),
        WSManFault(
            TIMED_OUT,
            "The WS-Management service cannot complete the operation within the time specified in OperationTimeout.",
            "w:TimedOut",
        ),
        WSManFault(
            TOO_MANY_SHELLS,
            "The WS-Management service cannot process the request. The maximum number of concurrent shells for this "
            "user has been exceeded. Close existing shells or raise the quota for this user.",
            "w:QuotaLimit",
        ),
        WSManFault(
            TOO_MANY_OPERATIONS,
            "The WS-Management service cannot process the request. The maximum number of concurrent operations for "
            "this user has been exceeded. Close existing operations for this user, or raise the quota for this user.",
            "w:QuotaLimit",
        ),
        WSManFault(SHELL_DISCONNECTED, "The shell is disconnected.", "w:InternalError"),
        WSManFault(STREAM_DISCONNECTED, "The service disconnected the stream.", "w:InternalError"),
        WSManFault(
            NO_SUCH_RESOURCE,
            "The WS-Management service cannot process the request. The resource URI is missing or it has an incorrect "
            "format. Check the documentation or use the following command for information on how to construct a "
            'resource URI: "winrm help uris".',
            "a:DestinationUnreachable",
            sender=True,
        ),
    )
}


def fault_of(code: int) -> WSManFault:
    """The fault of a code, with Windows' text where the lab knows it."""
    return KNOWN_FAULTS.get(code) or WSManFault(code, f"The WS-Management service reports error {code}.")


@dataclass(frozen=True, slots=True)
class Writer:
    """How replies are written. Prefixes and the case of identifiers mean nothing, and clients must not care.

    Attributes:
        s, a, w, r, p: prefixes of SOAP, addressing, WS-Management, shell and PowerShell.
        machine: the host's name in faults.
    """

    machine: str
    s: str = "s"
    a: str = "a"
    w: str = "w"
    r: str = "rsp"
    p: str = "p"
    lower: bool = False

    def identifier(self, value: uuid.UUID) -> str:
        """A GUID as Windows writes it, or in lower case."""
        return str(value) if self.lower else str(value).upper()

    def envelope(self, action: str, relates_to: str, body: str, message_id: uuid.UUID) -> bytes:
        """An envelope around a body that is XML already."""
        s, a = self.s, self.a
        return (
            f'<{s}:Envelope xml:lang="en-US" xmlns:{s}="{SOAP}" xmlns:{a}="{ADDRESSING}" xmlns:{self.w}="{WSMAN}" '
            f'xmlns:{self.r}="{SHELL}" xmlns:{self.p}="{WSMV}">'
            f"<{s}:Header><{a}:Action>{action}</{a}:Action>"
            f"<{a}:MessageID>uuid:{self.identifier(message_id)}</{a}:MessageID><{a}:To>{_ANONYMOUS}</{a}:To>"
            f"<{a}:RelatesTo>{escape(relates_to)}</{a}:RelatesTo></{s}:Header>"
            f"<{s}:Body>{body}</{s}:Body></{s}:Envelope>"
        ).encode()

    def fault(self, fault: WSManFault, relates_to: str, message_id: uuid.UUID) -> bytes:
        """A fault; it travels with HTTP status 500."""
        s = self.s
        prefix, _, subcode = fault.subcode.partition(":")
        reason = escape(fault.reason)
        body = (
            f"<{s}:Fault><{s}:Code><{s}:Value>{s}:{'Sender' if fault.sender else 'Receiver'}</{s}:Value>"
            f"<{s}:Subcode><{s}:Value>{self.a if prefix == 'a' else self.w}:{subcode}</{s}:Value></{s}:Subcode>"
            f'</{s}:Code><{s}:Reason><{s}:Text xml:lang="en-US">{reason}</{s}:Text></{s}:Reason>'
            f'<{s}:Detail><f:WSManFault xmlns:f="{FAULT}" Code="{fault.code}" Machine={quoteattr(self.machine)}>'
            f"<f:Message>{reason}</f:Message></f:WSManFault></{s}:Detail></{s}:Fault>"
        )
        return self.envelope("http://schemas.dmtf.org/wbem/wsman/1/wsman/fault", relates_to, body, message_id)

    def identified(self, version: str) -> bytes:
        """The answer to Identify; `version` is the operating system's, such as 10.0.17763."""
        s = self.s
        return (
            f'<{s}:Envelope xml:lang="en-US" xmlns:{s}="{SOAP}"><{s}:Header/><{s}:Body>'
            f'<wsmid:IdentifyResponse xmlns:wsmid="{IDENTITY}">'
            f"<wsmid:ProtocolVersion>{WSMAN}</wsmid:ProtocolVersion>"
            "<wsmid:ProductVendor>Microsoft Corporation</wsmid:ProductVendor>"
            f"<wsmid:ProductVersion>OS: {escape(version)} SP: 0.0 Stack: 3.0</wsmid:ProductVersion>"
            f"</wsmid:IdentifyResponse></{s}:Body></{s}:Envelope>"
        ).encode()

    def shell(self, about: ShellFacts) -> str:
        """The Shell element of Create, Get and Enumerate."""
        r = self.r
        return (
            f"<{r}:Shell><{r}:ShellId>{self.identifier(about.shell)}</{r}:ShellId>"
            f"<{r}:Name>{escape(about.name)}</{r}:Name>"
            f"<{r}:ResourceUri>{escape(about.resource)}</{r}:ResourceUri><{r}:Owner>{escape(about.owner)}</{r}:Owner>"
            f"<{r}:ClientIP>{escape(about.client_address)}</{r}:ClientIP>"
            f"<{r}:IdleTimeOut>PT{about.idle_seconds:.3f}S</{r}:IdleTimeOut>"
            f"<{r}:InputStreams>stdin pr</{r}:InputStreams><{r}:OutputStreams>stdout</{r}:OutputStreams>"
            f"<{r}:State>{'Disconnected' if about.disconnected else 'Connected'}</{r}:State>"
            f"<{r}:ShellRunTime>P0DT0H0M{about.age_seconds:.0f}S</{r}:ShellRunTime>"
            f"<{r}:ShellInactivity>P0DT0H0M{about.quiet_seconds:.0f}S</{r}:ShellInactivity></{r}:Shell>"
        )

    def created(self, request: Request, about: ShellFacts, endpoint: str, message_id: uuid.UUID) -> bytes:
        """The answer to Create."""
        a, w = self.a, self.w
        body = (
            f'<x:ResourceCreated xmlns:x="{TRANSFER}"><{a}:Address>{escape(endpoint)}</{a}:Address>'
            f"<{a}:ReferenceParameters><{w}:ResourceURI>{escape(about.resource)}</{w}:ResourceURI><{w}:SelectorSet>"
            f'<{w}:Selector Name="ShellId">{self.identifier(about.shell)}</{w}:Selector></{w}:SelectorSet>'
            f"</{a}:ReferenceParameters></x:ResourceCreated>{self.shell(about)}"
        )
        return self.envelope(f"{TRANSFER}/CreateResponse", request.message_id, body, message_id)

    def commanded(self, request: Request, pipeline: uuid.UUID, message_id: uuid.UUID) -> bytes:
        """The answer to Command."""
        r = self.r
        body = f"<{r}:CommandResponse><{r}:CommandId>{self.identifier(pipeline)}</{r}:CommandId></{r}:CommandResponse>"
        return self.envelope(f"{SHELL}/CommandResponse", request.message_id, body, message_id)

    def received(
        self,
        request: Request,
        chunks: Sequence[bytes],
        message_id: uuid.UUID,
        *,
        done: bool,
    ) -> bytes:
        """The answer to Receive: a Stream for each chunk, and the state of a command."""
        r = self.r
        mark = "" if request.pipeline is None else f' CommandId="{self.identifier(request.pipeline)}"'
        body = f"<{r}:ReceiveResponse>" + "".join(
            f'<{r}:Stream Name="stdout"{mark}>{base64.b64encode(chunk).decode()}</{r}:Stream>' for chunk in chunks
        )
        if done:
            state = f'{mark} State="{SHELL}/CommandState/Done"'
            body += f"<{r}:CommandState{state}><{r}:ExitCode>0</{r}:ExitCode></{r}:CommandState>"
        elif request.pipeline is not None:
            body += f'<{r}:CommandState{mark} State="{SHELL}/CommandState/Running"/>'
        return self.envelope(
            f"{SHELL}/ReceiveResponse", request.message_id, body + f"</{r}:ReceiveResponse>", message_id
        )

    def acknowledged(self, request: Request, message_id: uuid.UUID) -> bytes:
        """The answers to Send, Signal, Delete, Disconnect and Reconnect, which say only that it is done."""
        r = self.r
        match request.action:
            case Action.DELETE:
                body = ""
            case Action.SIGNAL:
                body = f"<{r}:SignalResponse/>"
            case Action.SEND:
                body = f"<{r}:SendResponse/>"
            case Action.DISCONNECT:
                body = f"<{r}:DisconnectResponse/>"
            case _:
                body = f"<{r}:ReconnectResponse/>"
        return self.envelope(f"{request.action}Response", request.message_id, body, message_id)

    def connected(self, request: Request, fragments: bytes, message_id: uuid.UUID) -> bytes:
        """The answer to Connect, of a shell (with fragments) or of a command."""
        r = self.r
        inner = ""
        if request.pipeline is None:
            text = base64.b64encode(fragments).decode()
            inner = f'<pwsh:connectResponseXml xmlns:pwsh="{POWERSHELL}">{text}</pwsh:connectResponseXml>'
        body = f"<{r}:ConnectResponse>{inner}</{r}:ConnectResponse>"
        return self.envelope(f"{SHELL}/ConnectResponse", request.message_id, body, message_id)

    def got(self, request: Request, body: str, message_id: uuid.UUID) -> bytes:
        """The answer to Get, around an element that is XML already."""
        return self.envelope(f"{TRANSFER}/GetResponse", request.message_id, body, message_id)

    def configuration(self, max_envelope_kb: int, max_shells_per_user: int, idle_seconds: float) -> str:
        """The part of winrm/config that clients ask for."""
        return (
            f'<cfg:Config xmlns:cfg="{CONFIG}"><cfg:MaxEnvelopeSizekb>{max_envelope_kb}</cfg:MaxEnvelopeSizekb>'
            "<cfg:MaxTimeoutms>60000</cfg:MaxTimeoutms><cfg:Winrs>"
            "<cfg:AllowRemoteShellAccess>true</cfg:AllowRemoteShellAccess>"
            f"<cfg:IdleTimeout>{idle_seconds * 1000:.0f}</cfg:IdleTimeout>"
            "<cfg:MaxMemoryPerShellMB>1024</cfg:MaxMemoryPerShellMB>"
            f"<cfg:MaxShellsPerUser>{max_shells_per_user}</cfg:MaxShellsPerUser></cfg:Winrs></cfg:Config>"
        )

    def enumerated(self, request: Request, items: Sequence[str], message_id: uuid.UUID) -> bytes:
        """The answer to Enumerate, all at once."""
        w = self.w
        body = (
            f'<n:EnumerateResponse xmlns:n="{ENUMERATION}"><n:EnumerationContext/>'
            f"<{w}:Items>{''.join(items)}</{w}:Items><{w}:EndOfSequence/></n:EnumerateResponse>"
        )
        return self.envelope(f"{ENUMERATION}/EnumerateResponse", request.message_id, body, message_id)

    def command(self, shell: uuid.UUID, pipeline: uuid.UUID, *, disconnected: bool) -> str:
        """The Command element of Enumerate."""
        r = self.r
        return (
            f"<{r}:Command><{r}:ShellId>{self.identifier(shell)}</{r}:ShellId>"
            f"<{r}:CommandId>{self.identifier(pipeline)}</{r}:CommandId>"
            f"<{r}:State>{'Disconnected' if disconnected else 'Connected'}</{r}:State></{r}:Command>"
        )


@dataclass(frozen=True, slots=True)
class ShellFacts:
    """What Create, Get and Enumerate say of a shell."""

    shell: uuid.UUID
    name: str
    resource: str
    owner: str
    client_address: str
    idle_seconds: float
    age_seconds: float
    quiet_seconds: float
    disconnected: bool
