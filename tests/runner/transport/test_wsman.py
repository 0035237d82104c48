"""Envelopes are those that pypsrp writes, and replies say what pypsrp reads in them, by whichever way they are read."""

import base64
import random
import uuid
import xml.etree.ElementTree as ET
from collections import Counter
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pypsrp.complex_objects import ApartmentState, HostInfo, PSThreadOptions
from pypsrp.exceptions import WinRMError
from pypsrp.messages import InitRunspacePool, SessionCapability
from pypsrp.powershell import PROTOCOL_VERSION, PS_VERSION, SERIALIZATION_VERSION, Fragmenter
from pypsrp.serializer import Serializer
from pypsrp.shell import WinRS
from pypsrp.wsman import OptionSet, SelectorSet
from pypsrp.wsman import WSMan as Theirs

from runner.transport import fragments, replies
from runner.transport.envelopes import EnvelopeCaps, check_envelope
from runner.transport.failures import TransportError
from runner.transport.http import _refuse_declarations
from runner.transport.statements import OPENING
from runner.transport.wsman import MAX_PAYLOAD, Shell, WSMan, commanded, configured, created, in_base64, received
from tests.runner.transport.mutating import spoilt_bytes

CONFIG = "http://schemas.microsoft.com/wbem/wsman/1/config"
ENDPOINT = "http://[fe80::1]:5985/ws&man"
VALUES = st.text(
    st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"], exclude_characters="\ufffe\uffff"), max_size=30
)
IDS = st.uuids().map(lambda each: str(each).upper())


class _Stop(Exception):  # noqa: N818
    pass


class Tap:
    """A channel that keeps what is sent and answers what it is told."""

    endpoint = ENDPOINT

    def __init__(self, answer: bytes | None = None) -> None:
        self.sent = b""
        self.plain: replies.Plain | None = None
        self._answer = answer

    def send(self, message: bytes, **_: object) -> bytes:
        self.sent = message
        if self._answer is None:
            raise _Stop
        answer = self._answer.replace(b"RELATES", _message_id(message))
        self.plain = replies.plain(answer, EnvelopeCaps())
        return answer

    def close(self) -> None:
        pass


def _message_id(message: bytes) -> bytes:
    found = ET.fromstring(message).findtext(".//{*}MessageID")
    assert found is not None
    return found.encode()


def _theirs(tap: Tap, selectors: list[tuple[str, str]], resource: str, seconds: float) -> WinRS:
    wsman = Theirs("localhost", max_envelope_size=150 * 1024)
    wsman.transport = tap  # type: ignore[assignment]
    wsman.max_envelope_size = 500 * 1024
    wsman.operation_timeout = seconds  # type: ignore[assignment]
    shell = WinRS(wsman, resource_uri=resource, input_streams="stdin pr", output_streams="stdout", idle_time_out=180)
    shell._selector_set = SelectorSet()
    for name, value in selectors:
        shell._selector_set.add_option(name, value)
    return shell


def _open(shell: WinRS, name: str, data: str) -> None:
    shell.id = name
    content = ET.Element("creationXml", xmlns="http://schemas.microsoft.com/powershell")
    content.text = data
    options = OptionSet()
    options.add_option("protocolversion", PROTOCOL_VERSION, {"MustComply": "true"})
    shell.open(options, content)


def _delete(shell: WinRS) -> None:
    shell.opened = True
    shell.close()


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()


KINDS: dict[str, tuple[Callable[..., object], Callable[..., object]]] = {
    "create": (lambda w, s, n, d: w.create(s, n, d), lambda s, n, d: _open(s, n, _base64(d))),
    "receive": (lambda w, s, n, d: w.receive(s, n), lambda s, n, d: s.receive("stdout", command_id=n)),
    "open": (lambda w, s, n, d: w.receive(s, None), lambda s, n, d: s.receive("stdout", command_id=None)),
    "command": (
        lambda w, s, n, d: w.command(s, n, d),
        lambda s, n, d: s.command("", arguments=[_base64(d)], command_id=n),
    ),
    "send": (lambda w, s, n, d: w.send(s, n, d), lambda s, n, d: s.send("stdin", d, command_id=n)),
    "signal": (lambda w, s, n, d: w.signal(s, n, "x/<&"), lambda s, n, d: s.signal("x/<&", n)),
    "delete": (lambda w, s, n, d: w.delete(s), lambda s, n, d: _delete(s)),
}


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=30)
@given(
    name=VALUES,
    resource=VALUES,
    selectors=st.lists(st.tuples(VALUES, VALUES), max_size=3),
    data=st.binary(min_size=1, max_size=50),
    seconds=st.floats(0.5, 100).map(lambda each: round(each, 3)),
)
def test_each_kind_is_the_envelope_that_pypsrp_writes(
    kind: str, name: str, resource: str, selectors: list[tuple[str, str]], data: bytes, seconds: float
) -> None:
    ours, theirs = Tap(), Tap()
    wsman = WSMan(ours)
    wsman.seconds = seconds
    shell = _theirs(theirs, selectors, resource, seconds)
    # An answer to a Create tells the resource; ours asks for PowerShell's own until then.
    with pytest.raises(_Stop):
        KINDS[kind][0](wsman, Shell(selectors, resource), name, data)
    with pytest.raises(_Stop):
        KINDS[kind][1](shell, name, data)
    assert _canonical(ours.sent) == _canonical(theirs.sent)


def test_settings_are_asked_for_in_the_envelope_that_pypsrp_writes() -> None:
    ours, theirs = Tap(), Tap()
    wsman, reader = WSMan(ours), Theirs("localhost", max_envelope_size=150 * 1024)
    reader.transport = theirs  # type: ignore[assignment]
    reader.max_envelope_size, reader.operation_timeout, wsman.seconds = 500 * 1024, 20, 20
    with pytest.raises(_Stop):
        wsman.configuration()
    with pytest.raises(_Stop):
        reader.get(CONFIG)
    assert _canonical(ours.sent) == _canonical(theirs.sent)


def _configured(text: str) -> dict[str, str]:
    return configured(ET.fromstring(f'<Body><c:Config xmlns:c="{CONFIG}">{text}</c:Config></Body>'))


def test_settings_are_told_by_their_path() -> None:
    said = _configured(
        "<c:A>1</c:A><c:Winrs><c:B>2</c:B><c:C/></c:Winrs><c:Service><c:Auth><c:D>x</c:D></c:Auth></c:Service>"
    )
    assert said == {"A": "1", "Winrs/B": "2", "Winrs/C": "", "Service/Auth/D": "x"}


@pytest.mark.parametrize("body", [None, ET.fromstring("<Body/>"), ET.fromstring("<Body><Config/></Body>")])
def test_what_has_no_settings_is_not_taken_for_some(body: ET.Element | None) -> None:
    with pytest.raises(WinRMError):
        configured(body)


def _canonical(message: bytes) -> str:
    tree = ET.fromstring(message)
    for field in ("MessageID", "SessionId"):
        found = tree.find(f".//{{*}}{field}")
        assert found is not None
        assert uuid.UUID((found.text or "").removeprefix("uuid:"))
        found.text = ""
    return ET.canonicalize(ET.tostring(tree).decode())


def test_payloads_are_as_large_as_pypsrp_makes_them() -> None:
    assert Theirs("localhost", max_envelope_size=150 * 1024).max_payload_size == MAX_PAYLOAD


def test_a_pool_is_opened_with_the_words_of_pypsrp() -> None:
    pool = uuid.uuid4()
    theirs = Fragmenter(MAX_PAYLOAD, Serializer()).fragment_multiple(
        [
            SessionCapability(PROTOCOL_VERSION, PS_VERSION, SERIALIZATION_VERSION),
            InitRunspacePool(
                1, 1, PSThreadOptions(value=PSThreadOptions.DEFAULT), ApartmentState(value=2), HostInfo(host=None)
            ),
        ],
        str(pool).upper(),
    )
    ours = [
        fragment
        for number, (kind, body) in enumerate(OPENING, start=1)
        for fragment in fragments.split(number, fragments.header(kind, pool) + body, MAX_PAYLOAD)
    ]
    assert b"".join(ours) == b"".join(theirs)


_NAMES = (
    'xmlns:s="http://www.w3.org/2003/05/soap-envelope" xmlns:a="http://schemas.xmlsoap.org/ws/2004/08/addressing" '
    'xmlns:w="http://schemas.dmtf.org/wbem/wsman/1/wsman.xsd" '
    'xmlns:rsp="http://schemas.microsoft.com/wbem/wsman/1/windows/shell"'
)
_ID = "0F1E2D3C-0000-0000-0000-00000000000B"


def _reply(body: str) -> bytes:
    return (
        f'<s:Envelope xml:lang="en-US" {_NAMES}><s:Header><a:Action>http://x/Response</a:Action>'
        f"<a:MessageID>uuid:{_ID}</a:MessageID><a:To>http://y/anonymous</a:To><a:RelatesTo>RELATES</a:RelatesTo>"
        f"</s:Header><s:Body>{body}</s:Body></s:Envelope>"
    ).encode()


def _received(*parts: str, state: str = "") -> bytes:
    streams = "".join(f'<rsp:Stream Name="stdout" CommandId="{_ID}">{part}</rsp:Stream>' for part in parts)
    return _reply(f"<rsp:ReceiveResponse>{streams}{state}</rsp:ReceiveResponse>")


_DONE = f'<rsp:CommandState CommandId="{_ID}" State="{replies.DONE}"><rsp:ExitCode>0</rsp:ExitCode></rsp:CommandState>'
_RUNNING = f'<rsp:CommandState CommandId="{_ID}" State="{replies.RUNNING}"/>'
_X = "http://schemas.xmlsoap.org/ws/2004/09/transfer"


def _created(fields: str = "", selectors: str = f'<w:Selector Name="ShellId">{_ID}</w:Selector>') -> bytes:
    return _reply(
        f'<x:ResourceCreated xmlns:x="{_X}"><a:Address>http://h:5985/wsman</a:Address><a:ReferenceParameters>'
        f"<w:ResourceURI>http://r</w:ResourceURI><w:SelectorSet>{selectors}</w:SelectorSet></a:ReferenceParameters>"
        f"</x:ResourceCreated><rsp:Shell><rsp:ShellId>{_ID}</rsp:ShellId>{fields}</rsp:Shell>"
    )


_RESOURCE = "<rsp:ResourceUri>http://schemas.microsoft.com/powershell/Microsoft.PowerShell</rsp:ResourceUri>"
PLAIN = (
    _created(f"<rsp:Owner>BENCH\\svc</rsp:Owner>{_RESOURCE}<rsp:State>Connected</rsp:State>"),
    _created(),
    _created("<rsp:ResourceUri></rsp:ResourceUri>" + _RESOURCE, '<w:Selector Name="A"></w:Selector>' * 2),
    _created(_RESOURCE)
    .replace(f'<x:ResourceCreated xmlns:x="{_X}">'.encode(), b"<x:ResourceCreated>")
    .replace(b' xmlns:w="', f' xmlns:x="{_X}" xmlns:w="'.encode()),
    _received("QUJD", "", "REVGRw==", state=_DONE),
    _received("QUJD", state=_RUNNING),
    _received(),
    _received("QUJD" * 200, "QUJE").replace(f' CommandId="{_ID}"'.encode(), b"", 1),
    _reply(f"<rsp:CommandResponse><rsp:CommandId>{_ID}</rsp:CommandId></rsp:CommandResponse>"),
    _reply(""),
    _reply("<rsp:SendResponse/>"),
    _reply("<rsp:SignalResponse/>"),
)
ODD = (
    _created(_RESOURCE).replace(f' xmlns:x="{_X}"'.encode(), b""),
    _created(_RESOURCE).replace(_X.encode(), b"http://x"),
    _created(_RESOURCE).replace(b"http://schemas.dmtf.org/wbem/wsman/1/wsman.xsd", b"http://w"),
    _created(_RESOURCE).replace(b'Name="ShellId"', b'Other="ShellId"'),
    _created(_RESOURCE + "<rsp:Inner><rsp:ResourceUri>x</rsp:ResourceUri></rsp:Inner>"),
    _created("<rsp:ResourceUri>a&amp;b</rsp:ResourceUri>"),
    _created("<rsp:ResourceUri>a</rsp:ResourceUrl>"),
    _created("<rsp:ResourceUri>a<!-- --></rsp:ResourceUri>"),
    _created(selectors=""),
    _created(selectors='<w:Selector Name="A" Name="B">x</w:Selector>'),
    _received("QUJD", state=_RUNNING).replace(b"rsp:", b"r:").replace(b":rsp", b":r"),
    _received("QUJD", state=_RUNNING).replace(b"\x22", b"'"),
    _received("QU\r\nJD", "&#81;UJD", state=_RUNNING.replace("/>", "></rsp:CommandState>")),
    _received("A"),
    _received("QUJ"),
    _received("QUI=", "=QUI", "QQ==QQ=="),
    _received("QUJD<!-- x -->QUJD"),
    _received("<![CDATA[QUJD]]>"),
    _received("QUJD").replace(b'"stdout"', b'"stderr"'),
    _received("QUJD").replace(b' Name="stdout"', b""),
    _received("QUJD", state=_RUNNING + _DONE),
    _received("QUJD", state=_DONE.replace("0<", "x<")),
    _received("QUJD").replace(b"<a:RelatesTo>", b"<a:RelatesTo>uuid:1</a:RelatesTo><a:RelatesTo>"),
    _received("QUJD").replace(b' xmlns:w="', b' xmlns:s="'),
    _received("QUJD").replace(b"http://schemas.dmtf.org/wbem/wsman/1/wsman.xsd", b"http://www.w3.org/2000/xmlns/"),
    _received("QUJD").replace(b"shell\x22>", b"shel\x22>"),
    _received("QUJD").replace(b' xmlns:w="', b' xmlns:xmlns="'),
    b'<?xml version="1.0" encoding="utf-8"?>' + _received("QUJD"),
    b'<?xml version="1.0" encoding="utf-16"?>' + _received("QUJD"),
    b"<!DOCTYPE s>" + _received("QUJD"),
    _received("QUJD") + b"\n",
    _received("QUJD").decode().encode("utf-16"),
)


def _told(read: Callable[[], object]) -> object:
    """What a reading gives, or that it fails: failures are all one to the session."""
    try:
        return read()
    except (LookupError, ValueError, ET.ParseError, AttributeError, WinRMError):
        return "fails"


def _with_care(reply: bytes) -> tuple[str, object, object, object]:
    root = ET.fromstring(reply)
    body = root.find("{http://www.w3.org/2003/05/soap-envelope}Body")
    header = (
        "{http://www.w3.org/2003/05/soap-envelope}Header/{http://schemas.xmlsoap.org/ws/2004/08/addressing}RelatesTo"
    )
    return root.findtext(header, ""), received(body), commanded(body), created(body)


def _directly(reply: bytes) -> tuple[str, object, object, object] | None:
    found = replies.plain(reply, EnvelopeCaps())
    if found is None:
        return None
    return found.relates_to, (found.state or replies.PENDING, found.data), found.command, found.created


@pytest.mark.parametrize("reply", PLAIN)
def test_what_winrm_sends_is_read_directly_and_says_what_care_reads_in_it(reply: bytes) -> None:
    assert replies.plain(reply, EnvelopeCaps()) is not None
    assert _told(lambda: _directly(reply)) == _told(lambda: _with_care(reply))


@pytest.mark.parametrize("reply", ODD)
def test_what_is_odd_is_left_to_care(reply: bytes) -> None:
    assert replies.plain(reply, EnvelopeCaps()) is None


def test_a_reply_that_is_spoilt_says_the_same_either_way_or_is_left_to_care() -> None:
    chance, met = random.Random(9), Counter[str]()
    caps = EnvelopeCaps()
    for number in range(6_000):
        reply = spoilt_bytes(chance.choice(PLAIN), chance)
        if number % 3 == 0:  # one that stays plain more often: an ASCII letter or digit for another
            at = chance.randrange(len(reply) or 1)
            reply = reply[:at] + bytes([chance.choice(b"abcXYZ019+/=-:.")]) + reply[at + 1 :]
        if replies.plain(reply, caps) is None:
            met["care"] += 1
            continue
        met["direct"] += 1
        _refuse_declarations(reply)
        check_envelope(reply, caps)
        assert _told(lambda reply=reply: _directly(reply)) == _told(lambda reply=reply: _with_care(reply))  # type: ignore[misc]
    assert met["direct"] > 300, met
    assert met["care"] > 1_000, met


@settings(max_examples=200)
@given(
    caps=st.builds(
        EnvelopeCaps,
        elements=st.integers(1, 1_200),
        depth=st.integers(1, 8),
        attributes=st.integers(1, 12),
        namespaces=st.integers(1, 12),
        name=st.integers(1, 600),
        text=st.integers(1, 20_000),
    ),
    parts=st.lists(st.sampled_from(["QUJD" * 100, "QUJD", ""]), max_size=600),
)
def test_nothing_is_read_directly_that_a_cap_refuses(caps: EnvelopeCaps, parts: list[str]) -> None:
    for reply in (_received(*parts, state=_DONE), _created(_RESOURCE)):
        try:
            check_envelope(reply, caps)
        except TransportError:
            assert replies.plain(reply, caps) is None


@given(st.binary(max_size=300))
def test_a_fragment_is_encoded_as_base64_has_it(fragment: bytes) -> None:
    assert in_base64(fragment) == in_base64(fragment) == _base64(fragment)


@pytest.mark.parametrize("reply", [*PLAIN, *ODD])
def test_a_receive_gives_what_pypsrp_gives(reply: bytes) -> None:
    ours = _told(lambda: WSMan(Tap(reply)).receive(Shell.named(_ID), _ID))

    def theirs() -> object:
        state, _, buffers = _theirs(Tap(reply), [], "x", 1).receive("stdout", command_id=_ID)
        return state, buffers["stdout"]

    assert ours == _told(theirs)
