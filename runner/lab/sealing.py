"""WinRM's message encryption on the wire: one MIME part that describes, one that holds (MS-WSMV 2.2.9.1)."""

from __future__ import annotations

import re
import struct

CONTENT_TYPE = 'multipart/encrypted;protocol="application/HTTP-SPNEGO-session-encrypted";boundary="Encrypted Boundary"'

# Some clients put a space after the dashes of a boundary.
_HEAD = re.compile(
    rb"--\s?Encrypted Boundary\r\n"
    rb"\s*Content-Type:\s*application/HTTP-(?:SPNEGO|Kerberos)-session-encrypted\r\n"
    rb"\s*OriginalContent:\s*type=application/soap\+xml;\s*charset=UTF-8;\s*Length=(\d{1,9})\r\n"
    rb"--\s?Encrypted Boundary\r\n"
    rb"\s*Content-Type:\s*application/octet-stream\r\n",
    re.IGNORECASE,
)
_TAIL = re.compile(rb"--\s?Encrypted Boundary--(?:\r\n)?\Z")


class SealError(Exception):
    """What came is not a sealed message."""


def is_sealed(content_type: str) -> bool:
    """Whether a Content-Type says that the body is sealed."""
    return content_type.lower().startswith("multipart/encrypted")


def split(body: bytes) -> tuple[bytes, bytes, int]:
    """The signature, the sealed bytes, and the length that they must open to.

    Raises:
        SealError: the parts are not where they should be.
    """
    head = _HEAD.match(body)
    tail = _TAIL.search(body, max(len(body) - 32, 0))
    if head is None or tail is None or tail.start() < head.end() + 4:
        raise SealError("the body is not one sealed message")
    start = head.end()
    size = struct.unpack_from("<I", body, start)[0]
    if not 0 < size <= tail.start() - start - 4:
        raise SealError("the signature is longer than the message")
    return body[start + 4 : start + 4 + size], body[start + 4 + size : tail.start()], int(head[1])


def join(signature: bytes, sealed: bytes, length: int) -> bytes:
    """The body for a signature and sealed bytes that open to `length` bytes."""
    return b"".join(
        (
            b"--Encrypted Boundary\r\n\tContent-Type: application/HTTP-SPNEGO-session-encrypted\r\n"
            b"\tOriginalContent: type=application/soap+xml;charset=UTF-8;Length=%d\r\n" % length,
            b"--Encrypted Boundary\r\n\tContent-Type: application/octet-stream\r\n",
            struct.pack("<I", len(signature)),
            signature,
            sealed,
            b"--Encrypted Boundary--\r\n",
        )
    )
