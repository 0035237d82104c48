"""Replies of the shape that WinRM sends, read from their bytes. Any other shape is for the careful reader.

A reply is taken only when every byte of it fits the pattern: ASCII, no declarations, no comments, no entities, a
fixed nesting, the prefixes that Windows uses. So it is well-formed, and within any cap of envelopes.py that leaves
room for that nesting.
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType

from runner.transport.envelopes import EnvelopeCaps

SOAP = "http://www.w3.org/2003/05/soap-envelope"
ADDRESSING = "http://schemas.xmlsoap.org/ws/2004/08/addressing"
WSMAN = "http://schemas.dmtf.org/wbem/wsman/1/wsman.xsd"
TRANSFER = "http://schemas.xmlsoap.org/ws/2004/09/transfer"
SHELL = "http://schemas.microsoft.com/wbem/wsman/1/windows/shell"
PENDING = f"{SHELL}/CommandState/Pending"
DONE = f"{SHELL}/CommandState/Done"
RUNNING = f"{SHELL}/CommandState/Running"

_LONGEST = 300  # characters of a value in an attribute
_MOST_STREAMS = 500
_MOST_OTHERS = 20  # elements beside streams, or beside the fields of a shell
_MOST_FIELDS = 40
_MOST_SELECTORS = 4
_MOST_DECLARED = 8
_DEPTH = 6  # Envelope, Body, ResourceCreated, ReferenceParameters, SelectorSet, Selector
_SAID = rb"[ !#-%(-;=?-~]{0,300}+"  # nothing that XML reads in its own way: no & < > and no quotes
_ID = rb"[0-9A-Za-z:.-]{1,80}+"
_URI = rb"[0-9A-Za-z:/._-]{1,300}+"
_DECLARED = re.compile(rb' xmlns:((?!xml)[a-z]{1,8}+)="(' + _URI + rb')"')
_FIELD = rb"(?:<a:Action>%s</a:Action>|<a:MessageID>%s</a:MessageID>|<a:To>%s</a:To>)" % (_SAID, _SAID, _SAID)
_COMMAND_ID = rb'(?: CommandId="%s")?+' % _ID
_STATE = (
    rb'<rsp:CommandState%s State="(?P<state>%s)"(?:/>|><rsp:ExitCode>[0-9]{1,9}+</rsp:ExitCode></rsp:CommandState>)'
    % (
        _COMMAND_ID,
        _URI,
    )
)
_FRONT = re.compile(
    rb'<s:Envelope(?: xml:lang="[A-Za-z-]{1,20}+")?(?P<declared>(?: xmlns:[a-z]{1,8}+="%s"){3,%d}+)>'
    rb"<s:Header>(?:%s){0,4}<a:RelatesTo>(?P<relates>%s)</a:RelatesTo>(?:%s){0,4}</s:Header><s:Body>"
    % (_URI, _MOST_DECLARED, _FIELD, _ID, _FIELD)
)
_RECEIVED = b"<rsp:ReceiveResponse>"
_STREAM = re.compile(rb'<rsp:Stream Name="stdout"%s>' % _COMMAND_ID)
_STREAM_ENDS = b"</rsp:Stream>"
_BACK_OF_RECEIVED = re.compile(rb"(?:%s)?</rsp:ReceiveResponse></s:Body></s:Envelope>" % _STATE)
_BACK = re.compile(
    rb"(?:<rsp:CommandResponse><rsp:CommandId>(?P<command>%s)</rsp:CommandId></rsp:CommandResponse>"
    rb"|<rsp:(?:Signal|Send)Response/>)?</s:Body></s:Envelope>" % _ID
)
_CREATED = re.compile(
    rb'<x:ResourceCreated(?P<own> xmlns:x="%s")?><a:Address>%s</a:Address><a:ReferenceParameters>'
    rb"<w:ResourceURI>%s</w:ResourceURI><w:SelectorSet>"
    rb'(?P<selectors>(?:<w:Selector Name="%s">%s</w:Selector>){1,%d}+)</w:SelectorSet></a:ReferenceParameters>'
    rb"</x:ResourceCreated>"
    rb"<rsp:Shell>(?P<fields>(?:<rsp:(?P<field>[A-Za-z]{1,40}+)>%s</rsp:(?P=field)>){0,%d}+)</rsp:Shell>"
    rb"</s:Body></s:Envelope>"
    % (re.escape(TRANSFER.encode()), _SAID, _SAID, _ID, _SAID, _MOST_SELECTORS, _SAID, _MOST_FIELDS)
)
_CREATED_BEGINS = b"<x:ResourceCreated"
_SELECTOR = re.compile(rb'<w:Selector Name="([^"]*)">([^<]*)<')
_RESOURCE = re.compile(rb"<rsp:ResourceUri>([^<]*)<")
_NEEDED = {b"s": SOAP.encode(), b"a": ADDRESSING.encode(), b"rsp": SHELL.encode()}
_RESERVED = frozenset({b"http://www.w3.org/XML/1998/namespace", b"http://www.w3.org/2000/xmlns/"})


@dataclass(frozen=True, slots=True)
class Created:
    """What a reply says of a pool: its resource, the selectors by which the host knows it; None where it does not."""

    resource: str | None = None
    selectors: tuple[tuple[str, str], ...] | None = None


_NOTHING_CREATED = Created()


@dataclass(frozen=True, slots=True)
class Plain:
    """What a reply says: the message that it answers, of a command its state, its output, its name, and of a pool."""

    relates_to: str
    state: str | None
    data: bytes
    command: str | None
    created: Created = _NOTHING_CREATED


def plain(reply: bytes, caps: EnvelopeCaps) -> Plain | None:
    """What a reply of the known shape says, which is by that within these caps; None for any other."""
    roomy = (
        caps.depth >= _DEPTH
        and caps.attributes > _MOST_DECLARED
        and caps.namespaces > _MOST_DECLARED
        and caps.name >= _LONGEST
        and caps.elements >= _MOST_OTHERS + _MOST_STREAMS
        and caps.text >= len(reply)
    )
    front = _FRONT.match(reply) if roomy else None
    declared = None if front is None else _names(front["declared"])
    if front is None or declared is None:
        return None
    relates_to, at = front["relates"].decode(), front.end()
    if reply.startswith(_CREATED_BEGINS, at):
        made = _made(reply, at, declared)
        return None if made is None else Plain(relates_to, None, b"", None, made)
    if not reply.startswith(_RECEIVED, at):
        back = _BACK.fullmatch(reply, at)
        if back is None:
            return None
        command = back["command"]
        return Plain(relates_to, None, b"", None if command is None else command.decode())
    at += len(_RECEIVED)
    ends = reply.rfind(_STREAM_ENDS, at)
    data = b"" if ends < 0 else _streamed(reply[at:ends])
    back = _BACK_OF_RECEIVED.fullmatch(reply, at if ends < 0 else ends + len(_STREAM_ENDS))
    if data is None or back is None:
        return None
    state = back["state"]
    return Plain(relates_to, None if state is None else state.decode(), data, None)


def _streamed(streams: bytes) -> bytes | None:
    """What streams hold, of which the last one's end is left out; None where one is not of the known shape."""
    each = streams.split(_STREAM_ENDS, _MOST_STREAMS)
    first = _STREAM.match(each[0])
    if first is None or len(each) > _MOST_STREAMS:
        return None
    opening = first[0]
    data = []
    try:
        for said in each:
            if said.startswith(opening):
                text = said[len(opening) :]
            else:
                own = _STREAM.match(said)
                if own is None:
                    return None
                text = said[own.end() :]
            data.append(binascii.a2b_base64(text, strict_mode=True))
    except binascii.Error:
        return None
    return b"".join(data)


def _made(reply: bytes, at: int, declared: Mapping[bytes, bytes]) -> Created | None:
    """What a reply says of a pool from `at` on; None where it is not of the known shape."""
    found = _CREATED.fullmatch(reply, at)
    if found is None or declared.get(b"w") != WSMAN.encode():
        return None
    if found["own"] is None and declared.get(b"x") != TRANSFER.encode():
        return None
    resource = _RESOURCE.search(found["fields"])
    selectors = tuple((name.decode(), of.decode()) for name, of in _SELECTOR.findall(found["selectors"]))
    return Created(None if resource is None else resource[1].decode(), selectors)


@lru_cache(maxsize=16)
def _names(declared: bytes) -> Mapping[bytes, bytes] | None:
    """What these declarations bind prefixes to; None where not to what they should be, or one of them twice."""
    pairs = _DECLARED.findall(declared)
    names = dict(pairs)
    known = (
        len(names) == len(pairs) == declared.count(b"=")
        and names.items() >= _NEEDED.items()
        and _RESERVED.isdisjoint(names.values())
    )
    return MappingProxyType(names) if known else None
