"""The MIME frame of WinRM's sealed messages (MS-WSMV 2.2.9.1) around what a security context seals and opens.

What is sent is what pypsrp writes (a test compares them). A frame of the one shape that WinRM sends is taken apart by
its lengths; any other is for pypsrp, which compiles a pattern for each message and searches all of it. Sealing itself,
and the proof of who sealed, are the context's.
"""

from __future__ import annotations

import re
import struct

import spnego
from pypsrp.encryption import WinRMEncryption
from pypsrp.exceptions import WinRMError

BOUNDARY = "Encrypted Boundary"
_DASHED = b"--Encrypted Boundary"
_OCTETS = b"\tContent-Type: application/octet-stream\r\n"
_LAST = _DASHED + b"--\r\n"
_FRONT = re.compile(
    rb"--Encrypted Boundary\r\n\tContent-Type: [A-Za-z/-]{1,80}+\r\n"
    rb"\tOriginalContent: type=application/soap\+xml;charset=UTF-8;Length=([0-9]{1,9}+)\r\n"
    rb"--Encrypted Boundary\r\n" + _OCTETS
)


def sealed(context: spnego.ContextProxy, protocol: str, message: bytes) -> bytes:
    """The body of a request that holds this message.

    Args:
        protocol: one of pypsrp's names of them.
    """
    header, data, padding = context.wrap_winrm(message)
    length = len(message) + padding
    front = (
        f"--{BOUNDARY}\r\n\tContent-Type: {protocol}\r\n"
        f"\tOriginalContent: type=application/soap+xml;charset=UTF-8;Length={length}\r\n--{BOUNDARY}\r\n"
    ).encode()
    return b"".join((front, _OCTETS, struct.pack("<i", len(header)), header, data, _LAST))


def opened(context: spnego.ContextProxy, body: bytes) -> bytes:
    """The message in the body of a reply.

    Raises:
        WinRMError: its length is not the one that the frame says.
        SpnegoError, ArithmeticError, LookupError, ValueError, struct.error: it cannot be opened.
    """
    parts = _taken_apart(body)
    if parts is None:
        return WinRMEncryption(context, WinRMEncryption.SPNEGO).unwrap_message(body, BOUNDARY)
    length, header, data = parts
    message = context.unwrap_winrm(header, data)
    if len(message) != length:
        raise WinRMError(f"the sealed message has {len(message)} bytes and not the {length} that it says")
    return message


def _taken_apart(body: bytes) -> tuple[int, bytes, bytes] | None:
    """The length that is said, the signature and the sealed bytes; None where the frame is not of the one shape."""
    front = _FRONT.match(body)
    if front is None or not body.endswith(_LAST):
        return None
    # Sealed bytes that look like a boundary or a header: pypsrp has its way with them.
    if body.count(BOUNDARY.encode()) != 3 or body.count(_OCTETS) != 1:
        return None
    at, ends = front.end() + 4, len(body) - len(_LAST)
    size = int.from_bytes(body[at - 4 : at], "little", signed=True)
    if not 0 <= size <= ends - at:
        return None
    return int(front[1]), body[at : at + size], body[at + size : ends]
