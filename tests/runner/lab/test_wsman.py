"""WS-Management framing: what a client says is read as it meant it, and what is wrong is refused as a fault."""

from __future__ import annotations

import base64
import contextlib
import uuid
import xml.etree.ElementTree as ET
from xml.sax.saxutils import escape, quoteattr

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pypsrp.wsman import NAMESPACES, OptionSet, SelectorSet, WSMan

from runner.lab import wsman
from runner.lab.engines.interface import Signal
from runner.lab.wsman import Action, MalformedError, Request, ShellFacts, Writer, parse

TEXT = st.text(
    st.characters(exclude_categories=("Cs",), exclude_characters="\r\ufffe\uffff").filter(lambda c: c >= " ")
)
IDS = st.uuids()


def envelope(
    action: str,
    body: str = "",
    *,
    message_id: str = "uuid:1",
    shell: str | None = None,
    header: str = "",
    prefixes: tuple[str, str, str, str] = ("s", "a", "w", "rsp"),
) -> bytes:
    s, a, w, r = prefixes
    selectors = (
        ""
        if shell is None
        else f'<{w}:SelectorSet><{w}:Selector Name="ShellId">{shell}</{w}:Selector></{w}:SelectorSet>'
    )
    return (
        f'<{s}:Envelope xmlns:{s}="{wsman.SOAP}" xmlns:{a}="{wsman.ADDRESSING}" xmlns:{w}="{wsman.WSMAN}" '
        f'xmlns:{r}="{wsman.SHELL}"><{s}:Header><{a}:Action>{action}</{a}:Action>'
        f"<{a}:MessageID>{escape(message_id)}</{a}:MessageID>{header}{selectors}</{s}:Header>"
        f"<{s}:Body>{body}</{s}:Body></{s}:Envelope>"
    ).encode()


@given(IDS, IDS, st.binary(max_size=2000), st.sampled_from([("s", "a", "w", "rsp"), ("E", "x1", "_", "shell")]))
def test_fragments_and_identifiers_of_a_command_arrive_as_they_are(
    shell: uuid.UUID, pipeline: uuid.UUID, data: bytes, prefixes: tuple[str, str, str, str]
) -> None:
    r = prefixes[3]
    argument = base64.b64encode(data).decode()
    inner = f"<{r}:Command/><{r}:Arguments>{argument}</{r}:Arguments>"
    body = f'<{r}:CommandLine CommandId="{pipeline}">{inner}</{r}:CommandLine>'
    request = parse(envelope(Action.COMMAND, body, shell=str(shell).upper(), prefixes=prefixes))
    assert (request.action, request.shell, request.pipeline, request.fragments) == (
        Action.COMMAND,
        shell,
        pipeline,
        data,
    )


@given(st.lists(st.binary(max_size=100), min_size=1, max_size=5), st.none() | IDS)
def test_the_streams_of_a_send_are_one_after_the_other(parts: list[bytes], pipeline: uuid.UUID | None) -> None:
    mark = "" if pipeline is None else f' CommandId="{pipeline}"'
    streams = "".join(
        f'<rsp:Stream Name="stdin"{mark}>{base64.b64encode(part).decode()}</rsp:Stream>' for part in parts
    )
    request = parse(envelope(Action.SEND, f"<rsp:Send>{streams}</rsp:Send>"))
    assert (request.pipeline, request.fragments) == (pipeline, b"".join(parts))


@pytest.mark.parametrize(
    ("code", "signal"),
    [
        ("powershell/signal/crtl_c", Signal.STOP),
        ("powershell/signal/ctrl_c", Signal.STOP),
        (f"{wsman.SHELL}/signal/ctrl_c", Signal.STOP),
        (f"{wsman.SHELL}/signal/terminate", Signal.TERMINATE),
        (f"{wsman.SHELL}/signal/Terminate", Signal.TERMINATE),
    ],
)
def test_signals_have_several_spellings(code: str, signal: Signal) -> None:
    body = f'<rsp:Signal CommandId="{uuid.UUID(int=7)}"><rsp:Code>{code}</rsp:Code></rsp:Signal>'
    assert parse(envelope(Action.SIGNAL, body)).signal is signal


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("PT20S", 20), ("PT0.5S", 0.5), ("PT1H2M3S", 3723), ("P1DT1S", 86401), ("P0DT0H0M9.250S", 9.25)],
)
def test_times_are_durations_of_xml_schema(text: str, seconds: float) -> None:
    header = f"<w:OperationTimeout>{text}</w:OperationTimeout>"
    body = "<rsp:Receive><rsp:DesiredStream>stdout</rsp:DesiredStream></rsp:Receive>"
    assert parse(envelope(Action.RECEIVE, body, header=header)).seconds == seconds


SIGNAL = '<rsp:Signal CommandId="00000000-0000-0000-0000-000000000001"><rsp:Code>{}</rsp:Code></rsp:Signal>'


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "not well-formed"),
        (b"\x00\x01", "not UTF-8"),
        ("<a/>".encode("utf-16"), "not UTF-8"),
        (b'<?xml version="1.0" encoding="utf-7"?><a/>', "encoding other than UTF-8"),
        (b'<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>', "document type declaration"),
        (b"<a>&nbsp;</a>", "not well-formed"),
        (b"<a/>", "no SOAP 1.2 envelope"),
        (f'<s:Envelope xmlns:s="{wsman.SOAP}"><s:Body/></s:Envelope>'.encode(), "no header"),
        (envelope(Action.COMMAND), "lacks CommandLine"),
        (envelope(Action.RECEIVE), "lacks"),
        (envelope(Action.SEND, "<rsp:Send/>"), "needs streams"),
        (envelope(Action.SEND, '<rsp:Send><rsp:Stream Name="stdin">!</rsp:Stream></rsp:Send>'), "not base64"),
        (envelope(Action.SIGNAL, SIGNAL.format("powershell/signal/none")), "signal is unknown"),
        (envelope(Action.SIGNAL, '<rsp:Signal CommandId="x"/>'), "no GUID"),
        (envelope(Action.CREATE, "<rsp:Shell><rsp:IdleTimeOut>1 h</rsp:IdleTimeOut></rsp:Shell>"), "xs:duration"),
        (envelope("http://example.invalid/Do"), "action is not supported"),
        (envelope(Action.DELETE, shell="x"), "shell was not found"),
    ],
)
def test_a_request_that_makes_no_sense_is_refused_as_a_fault(data: bytes, why: str) -> None:
    with pytest.raises(MalformedError, match=why) as refused:
        parse(data)
    ET.fromstring(Writer("EX1").fault(refused.value.fault, refused.value.message_id, uuid.UUID(int=1)))


@given(st.binary(max_size=300) | st.text(max_size=300).map(lambda text: text.encode("utf-8", "replace")))
def test_bytes_of_any_kind_are_a_request_or_malformed(data: bytes) -> None:
    for attempt in (data, envelope(Action.SEND).replace(b"uuid:1", data)):
        with contextlib.suppress(MalformedError):
            assert isinstance(parse(attempt), Request)


@given(TEXT, TEXT, IDS)
def test_nothing_that_came_from_outside_leaves_its_place_in_a_reply(
    message_id: str, name: str, shell: uuid.UUID
) -> None:
    writer = Writer(name)
    facts = ShellFacts(shell, name, name, name, name, 1.0, 2.0, 3.0, False)
    created = ET.fromstring(writer.created(Request(Action.CREATE, message_id=message_id), facts, name, shell))
    assert (created.findtext("s:Header/wsa:RelatesTo", namespaces=NAMESPACES) or "") == message_id
    assert (created.findtext("s:Body/rsp:Shell/rsp:Name", namespaces=NAMESPACES) or "") == name
    fault = WSMan._parse_wsman_fault(writer.fault(wsman.no_such_shell(name), message_id, shell).decode())
    assert (fault.code, fault.machine) == (wsman.NO_SUCH_SHELL, name)
    assert fault.reason is not None
    assert fault.reason.startswith(f"The request for the Windows Remote Shell with ShellId {name[:100]}".strip())
    assert quoteattr(name)


@given(st.lists(st.binary(min_size=1, max_size=300), max_size=6), st.none() | IDS, st.booleans())
def test_what_is_received_is_what_was_sent(chunks: list[bytes], pipeline: uuid.UUID | None, done: bool) -> None:
    request = Request(Action.RECEIVE, message_id="uuid:1", pipeline=pipeline)
    reply = ET.fromstring(Writer("EX1").received(request, chunks, uuid.UUID(int=1), done=done))
    streams = reply.findall("s:Body/rsp:ReceiveResponse/rsp:Stream", NAMESPACES)
    assert [base64.b64decode(stream.text or "") for stream in streams] == chunks
    wanted = None if pipeline is None else str(pipeline).upper()
    assert {stream.get("CommandId") for stream in streams} <= {wanted}
    state = reply.find("s:Body/rsp:ReceiveResponse/rsp:CommandState", NAMESPACES)
    assert (state is not None and (state.get("State") or "").endswith("/Done")) is done


@given(st.integers(10, 100_000), st.integers(8_000, 10_000_000), IDS)
def test_the_header_of_stock_pypsrp_is_understood(seconds: int, largest: int, shell: uuid.UUID) -> None:
    client = WSMan("127.0.0.1", max_envelope_size=largest, operation_timeout=seconds)
    selectors, options = SelectorSet(), OptionSet()
    selectors.add_option("ShellId", str(shell))
    options.add_option("protocolversion", "2.3", {"MustComply": "true"})
    message_id, header = client._create_header(Action.DELETE, "http://resource", options, selectors)
    text = f'<s:Envelope xmlns:s="{wsman.SOAP}">{ET.tostring(header, encoding="unicode")}<s:Body/></s:Envelope>'
    assert parse(text.encode()) == Request(
        Action.DELETE, "http://resource", f"uuid:{message_id}", shell, float(seconds), largest
    )
