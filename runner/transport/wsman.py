"""WS-Management as one host's session needs it: what is sent is filled in, what is answered is read.

Each kind of envelope is the one that pypsrp writes (a test compares them for random values), which builds a tree for it
anew and writes that out: a quarter of a host's instructions, and pypsrp.wsman brings an HTTP client that is not used.
Replies are read as pypsrp reads them; those of the shape that WinRM sends, without a tree (replies.py).
Faults alone are still read by pypsrp. Facts: MS-WSMV 3.1.4, MS-PSRP 3.1.5.3.
"""

from __future__ import annotations

import base64
import os
import uuid
import xml.etree.ElementTree as ET
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from html import escape
from typing import Protocol

from pypsrp.exceptions import WinRMError, WinRMTransportError, WSManFaultError

from runner.transport.replies import ADDRESSING, PENDING, SHELL, SOAP, TRANSFER, WSMAN, Created, Plain

MAX_PAYLOAD = 113_951  # bytes whose Base64 fits an envelope of 150 KB, as pypsrp counts; the smallest default there is
_REPLY_ENVELOPE = 500 * 1024  # the default since Windows Server 2012; fewer and larger Receives
_WSMV = "http://schemas.microsoft.com/wbem/wsman/1/wsman.xsd"
_RESOURCE = "http://schemas.microsoft.com/powershell/Microsoft.PowerShell"
_CONFIG = "http://schemas.microsoft.com/wbem/wsman/1/config"
_CREATION = "http://schemas.microsoft.com/powershell"
_IDLE_SECONDS = 180  # the host removes a pool that nobody has asked for so long: what a killed controller leaves behind
_NAMES = {"s": SOAP, "wsa": ADDRESSING, "rsp": SHELL, "wsman": WSMAN, "wst": TRANSFER}
_IN_ATTRIBUTES = str.maketrans({'"': "&quot;", "\r": "&#13;", "\n": "&#10;", "\t": "&#09;"})
_VERSION = '<wsman:Option MustComply="true" Name="protocolversion">2.3</wsman:Option>'
_KEEP_ALIVE = '<wsman:Option Name="WSMAN_CMDSHELL_OPTION_KEEPALIVE">True</wsman:Option>'
_PREFIX = 63  # bytes, by 3, in which a fragment differs from that of another host: its header of 21, PSRP's of 40
_SKIP_CMD = '<wsman:Option Name="WINRS_SKIP_CMD_SHELL">False</wsman:Option>'


class Channel(Protocol):
    """What envelopes travel through."""

    @property
    def endpoint(self) -> str:
        """The URL that they are sent to."""

    @property
    def plain(self) -> Plain | None:
        """What the last answer says, where it was of the known shape."""

    def send(self, message: bytes) -> bytes:
        """The answer to an envelope.

        Raises:
            WinRMTransportError: it is of another HTTP status than 200.
        """


@dataclass(slots=True)
class Shell:
    """A runspace pool on the host, by the names that the host gave it.

    Attributes:
        resource_uri, selector_set: the names as envelopes have them.
    """

    selectors: Sequence[tuple[str, str]]
    resource: str = _RESOURCE
    opened: bool = False
    resource_uri: str = field(init=False, repr=False)
    selector_set: str = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self.named_by(self.resource, self.selectors)

    def named_by(self, resource: str, selectors: Sequence[tuple[str, str]]) -> None:
        """From here on it has these names."""
        self.resource, self.selectors = resource, selectors
        self.resource_uri = _text(resource)
        each = (f'<wsman:Selector Name="{_attribute(name)}">{_text(of)}</wsman:Selector>' for name, of in selectors)
        self.selector_set = f"<wsman:SelectorSet>{''.join(each)}</wsman:SelectorSet>"

    @classmethod
    def named(cls, name: str) -> Shell:
        """Until the server has answered with its own selectors, a pool is known by the name we gave it."""
        return cls([("ShellId", name)])


class WSMan:
    """One host's envelopes.

    Every operation raises what `Channel.send` does, WSManFaultError where the host answers with a fault, and what
    ElementTree and Base64 raise where its answer is not what it should be.

    Attributes:
        seconds: that the host has for an operation (OperationTimeout).
    """

    def __init__(self, channel: Channel) -> None:
        self.seconds: float = 20
        self._channel = channel
        self._session = _new_id()
        self._to = _text(channel.endpoint)

    def create(self, shell: Shell, name: str, first: bytes) -> None:
        """Opens the pool `name` with the fragments of its first messages."""
        body = (
            f'<rsp:Shell ShellId="{_attribute(name)}"><rsp:InputStreams>stdin pr</rsp:InputStreams>'
            f"<rsp:OutputStreams>stdout</rsp:OutputStreams><rsp:IdleTimeOut>PT{_IDLE_SECONDS}S</rsp:IdleTimeOut>"
            f'<creationXml xmlns="{_CREATION}">{base64.b64encode(first).decode()}</creationXml></rsp:Shell>'
        )
        answer = self._answer(f"{TRANSFER}/Create", shell, body, _VERSION, opens=True)
        found = answer.created if isinstance(answer, Plain) else created(answer)
        shell.named_by(
            shell.resource if found.resource is None else found.resource,
            shell.selectors if found.selectors is None else found.selectors,
        )
        shell.opened = True

    def receive(self, shell: Shell, command: str | None) -> tuple[str, bytes]:
        """The state of a command, and what it, or the pool, has written since the last time."""
        of_command = "" if command is None else f' CommandId="{_attribute(command)}"'
        body = f"<rsp:Receive><rsp:DesiredStream{of_command}>stdout</rsp:DesiredStream></rsp:Receive>"
        answer = self._answer(f"{SHELL}/Receive", shell, body, _KEEP_ALIVE)
        return (answer.state or PENDING, answer.data) if isinstance(answer, Plain) else received(answer)

    def command(self, shell: Shell, name: str, first: bytes) -> str | None:
        """Begins a pipeline with its first fragment; the host's name for it, where it gives one."""
        body = (
            f'<rsp:CommandLine CommandId="{_attribute(name)}"><rsp:Command />'
            f"<rsp:Arguments>{in_base64(first)}</rsp:Arguments></rsp:CommandLine>"
        )
        answer = self._answer(f"{SHELL}/Command", shell, body, _SKIP_CMD)
        return answer.command if isinstance(answer, Plain) else commanded(answer)

    def send(self, shell: Shell, command: str, fragment: bytes) -> None:
        """A further fragment of a pipeline."""
        body = (
            f'<rsp:Send><rsp:Stream Name="stdin" CommandId="{_attribute(command)}">'
            f"{in_base64(fragment)}</rsp:Stream></rsp:Send>"
        )
        self._answer(f"{SHELL}/Send", shell, body)

    def signal(self, shell: Shell, command: str, code: str) -> None:
        """A signal to a pipeline."""
        body = f'<rsp:Signal CommandId="{_attribute(command)}"><rsp:Code>{_text(code)}</rsp:Code></rsp:Signal>'
        self._answer(f"{SHELL}/Signal", shell, body)

    def delete(self, shell: Shell) -> None:
        """Removes the pool."""
        self._answer(f"{TRANSFER}/Delete", shell, "")
        shell.opened = False

    def configuration(self) -> Mapping[str, str]:
        """WinRM's own settings, which administrators alone may read (`winrm get winrm/config`): see `configured`."""
        answer = self._answer(f"{TRANSFER}/Get", Shell((), _CONFIG), "", opens=True)
        return {} if isinstance(answer, Plain) else configured(answer)

    def _answer(
        self,
        action: str,
        shell: Shell,
        body: str,
        options: str = "",
        *,
        opens: bool = False,
    ) -> ET.Element | Plain | None:
        """The body of an answer; None where it has none. A shell that is not open yet is not selected."""
        message_id = f"uuid:{_new_id()}"
        set_of = f'<wsman:OptionSet s:mustUnderstand="true">{options}</wsman:OptionSet>' if options else ""
        if not opens:
            set_of += shell.selector_set
        envelope = (
            f'<s:Envelope xmlns:rsp="{SHELL}" xmlns:s="{SOAP}" xmlns:wsa="{ADDRESSING}" xmlns:wsman="{WSMAN}" '
            f'xmlns:wsmv="{_WSMV}"><s:Header><wsa:Action s:mustUnderstand="true">{action}</wsa:Action>'
            '<wsmv:DataLocale s:mustUnderstand="false" xml:lang="en-US" />'
            '<wsman:Locale s:mustUnderstand="false" xml:lang="en-US" />'
            f'<wsman:MaxEnvelopeSize s:mustUnderstand="true">{_REPLY_ENVELOPE}</wsman:MaxEnvelopeSize>'
            f"<wsa:MessageID>{message_id}</wsa:MessageID>"
            f"<wsman:OperationTimeout>PT{self.seconds}S</wsman:OperationTimeout>"
            f'<wsa:ReplyTo><wsa:Address s:mustUnderstand="true">{ADDRESSING}/role/anonymous</wsa:Address></wsa:ReplyTo>'
            f'<wsman:ResourceURI s:mustUnderstand="true">{shell.resource_uri}</wsman:ResourceURI>'
            f'<wsmv:SessionId s:mustUnderstand="false">uuid:{self._session}</wsmv:SessionId>'
            f"<wsa:To>{self._to}</wsa:To>{set_of}</s:Header><s:Body>{body}</s:Body></s:Envelope>"
        ).encode("utf-8", "xmlcharrefreplace")
        try:
            reply = self._channel.send(envelope)
        except WinRMTransportError as error:
            found = _fault(error)
            if found is None:
                raise
            raise found from error
        known = self._channel.plain
        if known is not None:
            _check_related(message_id, known.relates_to)
            return known
        root = ET.fromstring(reply)  # noqa: S314  # no declarations, and within caps (http.py)
        _check_related(message_id, root.findtext("s:Header/wsa:RelatesTo", "", _NAMES))
        return root.find("s:Body", _NAMES)


def in_base64(fragment: bytes) -> str:
    """A fragment of a pipeline in Base64, of which what is the same for all hosts is worked out once."""
    return base64.b64encode(fragment[:_PREFIX]).decode() + _common(fragment[_PREFIX:])


@lru_cache(maxsize=16)
def _common(rest: bytes) -> str:
    return base64.b64encode(rest).decode()


def created(body: ET.Element | None) -> Created:
    """What the body of the answer to a Create says of the pool, read with care.

    Raises:
        WinRMError: it is none.
        KeyError: a selector without its name.
    """
    if body is None:
        raise WinRMError("the answer has no body")
    resource = body.find("rsp:Shell/rsp:ResourceUri", _NAMES)
    found = body.find("wst:ResourceCreated/wsa:ReferenceParameters/wsman:SelectorSet", _NAMES)
    selectors = None if found is None else tuple((each.attrib["Name"], each.text or "") for each in found)
    return Created(None if resource is None else resource.text or "", selectors)


def received(body: ET.Element | None) -> tuple[str, bytes]:
    """What the body of a ReceiveResponse says, read with care.

    Raises:
        WinRMError: it is none.
        KeyError: a stream or a state without its name, or a stream that was not asked for.
        ValueError: what should be Base64 or a number is not.
    """
    if body is None:
        raise WinRMError("the answer has no body")
    found = body.find("rsp:ReceiveResponse/rsp:CommandState", _NAMES)
    state = PENDING if found is None else found.attrib["State"]
    code = body.find("rsp:ReceiveResponse/rsp:CommandState/rsp:ExitCode", _NAMES)
    if code is not None:
        int(code.text or "0")
    data = b""
    for stream in body.findall("rsp:ReceiveResponse/rsp:Stream", _NAMES):
        if stream.text is None:
            continue
        part = base64.b64decode(stream.text.encode())
        if stream.attrib["Name"] != "stdout":
            raise KeyError(stream.attrib["Name"])
        data += part
    return state, data


def commanded(body: ET.Element | None) -> str | None:
    """The host's name for a pipeline in the body of a CommandResponse, read with care; None where it gives none.

    Raises:
        WinRMError: it is none.
    """
    if body is None:
        raise WinRMError("the answer has no body")
    return body.findtext("rsp:CommandResponse/rsp:CommandId", None, _NAMES)


def configured(body: ET.Element | None) -> dict[str, str]:
    """The settings in the body of an answer, by the path of their names, such as `Winrs/MaxShellsPerUser`.

    Raises:
        WinRMError: it has none.
    """
    root = None if body is None else body.find(f"{{{_CONFIG}}}Config")
    if root is None:
        raise WinRMError("the answer has no configuration")
    found: dict[str, str] = {}
    below = [("", root)]
    while below:
        path, element = below.pop()
        for each in element:
            name = f"{path}{each.tag.rpartition('}')[2]}"
            if len(each):
                below.append((f"{name}/", each))
            else:
                found[name] = each.text or ""
    return found


def _fault(error: WinRMTransportError) -> WSManFaultError | None:
    """The fault that an answer holds; None where it is no XML."""
    from pypsrp.wsman import WSMan as Reader  # with it comes an HTTP client: not before it is needed

    try:
        return Reader._parse_wsman_fault(error.response_text)
    except ET.ParseError:
        return None


def _check_related(sent: str, received: str) -> None:
    """Raises WinRMError when an answer is to another message."""
    if sent != received:
        raise WinRMError(f"Received related id does not match: Sent: {sent}, Received: {received}")


def _new_id() -> str:
    """A random UUID (RFC 9562, version 4) in capitals."""
    return str(uuid.UUID(bytes=os.urandom(16), version=4)).upper()


def _text(said: str) -> str:
    return escape(said, quote=False)


def _attribute(said: str) -> str:
    return escape(said, quote=False).translate(_IN_ATTRIBUTES)
