"""Replies of the shape that WinRM sends, read from their bytes. Any other shape is for the careful reader.

A reply is taken only when every byte of it fits the pattern: ASCII, no declarations, no comments, no entities, a
fixed nesting, the prefixes that Windows uses. So it is well-formed, and within any cap of envelopes.py that leaves
room for that nesting.
"""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass
from functools import lru_cache

from runner.transport.envelopes import EnvelopeCaps

SOAP = "http://www.w3.org/2003/05/soap-envelope"
ADDRESSING = "http://schemas.xmlsoap.org/ws/2004/08/addressing"
SHELL = "http://schemas.microsoft.com/wbem/wsman/1/windows/shell"
PENDING = f"{SHELL}/CommandState/Pending"
DONE = f"{SHELL}/CommandState/Done"
RUNNING = f"{SHELL}/CommandState/Running"

_LONGEST = 300  # characters of a value in an attribute
_MOST_STREAMS = 500
_MOST_OTHERS = 20  # elements beside streams
_MOST_DECLARED = 8
_DEPTH = 5  # Envelope, Body, ReceiveResponse, CommandState, ExitCode
_SAID = rb"[ !#-%(-;=?-~]{0,300}+"  # nothing that XML reads in its own way: no & < > and no quotes
_ID = rb"[0-9A-Za-z:.-]{1,80}+"
_URI = rb"[0-9A-Za-z:/._-]{1,300}+"
_DECLARED = re.compile(rb' xmlns:((?!xml)[a-z]{1,8}+)="(' + _URI + rb')"')
_FIELD = rb"(?:<a:Action>%s</a:Action>|<a:MessageID>%s</a:MessageID>|<a:To>%s</a:To>)" % (_SAID, _SAID, _SAID)
_COMMAND_ID = rb'(?: CommandId="%s")?+' % _ID
_STREAM = rb'<rsp:Stream Name="stdout"%s>([A-Za-z0-9+/]*+={0,2}+)</rsp:Stream>' % _COMMAND_ID
_STATE = (
    rb'<rsp:CommandState%s State="(?P<state>%s)"(?:/>|><rsp:ExitCode>[0-9]{1,9}+</rsp:ExitCode></rsp:CommandState>)'
    % (
        _COMMAND_ID,
        _URI,
    )
)
_BODY = rb"|".join(
    (
        rb"<rsp:ReceiveResponse>(?P<streams>(?:%s){0,%d})(?:%s)?</rsp:ReceiveResponse>"
        % (_STREAM.replace(b"([A", b"(?:[A"), _MOST_STREAMS, _STATE),
        rb"<rsp:CommandResponse><rsp:CommandId>(?P<command>%s)</rsp:CommandId></rsp:CommandResponse>" % _ID,
        rb"<rsp:(?:Signal|Send)Response/>",
        rb"",
    )
)
_STREAMS = re.compile(_STREAM)
_REPLY = re.compile(
    rb'<s:Envelope(?: xml:lang="[A-Za-z-]{1,20}+")?(?P<declared>(?: xmlns:[a-z]{1,8}+="%s"){3,%d}+)>'
    rb"<s:Header>(?:%s){0,4}<a:RelatesTo>(?P<relates>%s)</a:RelatesTo>(?:%s){0,4}</s:Header>"
    rb"<s:Body>(?:%s)</s:Body></s:Envelope>" % (_URI, _MOST_DECLARED, _FIELD, _ID, _FIELD, _BODY)
)
_NEEDED = {b"s": SOAP.encode(), b"a": ADDRESSING.encode(), b"rsp": SHELL.encode()}
_RESERVED = frozenset({b"http://www.w3.org/XML/1998/namespace", b"http://www.w3.org/2000/xmlns/"})


@dataclass(frozen=True, slots=True)
class Plain:
    """What a reply says: the message that it answers, and of a command its state, its output, its name."""

    relates_to: str
    state: str | None
    data: bytes
    command: str | None


def is_plain(reply: bytes, caps: EnvelopeCaps) -> bool:
    """Whether a reply is of the known shape and, by that, within these caps."""
    roomy = (
        caps.depth >= _DEPTH
        and caps.attributes > _MOST_DECLARED
        and caps.namespaces >= _MOST_DECLARED
        and caps.name >= _LONGEST
        and caps.elements >= _MOST_OTHERS + _MOST_STREAMS
        and caps.text >= len(reply)
    )
    return roomy and _shape(reply) is not None


def plain(reply: bytes) -> Plain | None:
    """What a reply of the known shape says; None for any other.

    Raises:
        ValueError: its output is not Base64 (binascii.Error), as when it is read with care.
    """
    found = _shape(reply)
    if found is None:
        return None
    state, command = found["state"], found["command"]
    data = b"".join(base64.b64decode(each) for each in _STREAMS.findall(found["streams"] or b""))
    return Plain(
        found["relates"].decode(),
        None if state is None else state.decode(),
        data,
        None if command is None else command.decode(),
    )


def _shape(reply: bytes) -> re.Match[bytes] | None:
    found = _REPLY.fullmatch(reply)
    return found if found is not None and _is_known(found["declared"]) else None


@lru_cache(maxsize=16)
def _is_known(declared: bytes) -> bool:
    """Whether these declarations bind the prefixes to what they should be, and none of them twice."""
    pairs = _DECLARED.findall(declared)
    names = dict(pairs)
    return (
        len(names) == len(pairs) == declared.count(b"=")
        and names.items() >= _NEEDED.items()
        and _RESERVED.isdisjoint(names.values())
    )
