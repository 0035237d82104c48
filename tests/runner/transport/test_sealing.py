"""Frames of sealed messages are pypsrp's, and are taken apart as pypsrp does, or are left to it."""

import random
import struct
from collections import Counter

from hypothesis import given
from hypothesis import strategies as st
from pypsrp.encryption import WinRMEncryption

from runner.transport.sealing import BOUNDARY, _taken_apart, opened, sealed
from tests.runner.transport.mutating import spoilt_bytes


class Reversing:
    """A context that seals by turning around, and tells what it was given to open."""

    def __init__(self, header: bytes = b"s" * 16, padding: int = 0) -> None:
        self.given: list[tuple[bytes, bytes]] = []
        self._header, self._padding = header, padding

    def wrap_winrm(self, data: bytes) -> tuple[bytes, bytes, int]:
        return self._header, data[::-1] + b"p" * self._padding, self._padding

    def unwrap_winrm(self, header: bytes, data: bytes) -> bytes:
        self.given.append((header, data))
        return data[::-1]


def _told(read, body: bytes) -> object:  # type: ignore[no-untyped-def]
    context = Reversing()
    try:
        return read(context, body), context.given
    except Exception:  # failures are all one to the connection, which is dropped
        return "fails"


def _by_pypsrp(context: Reversing, body: bytes) -> bytes:
    return WinRMEncryption(context, WinRMEncryption.SPNEGO).unwrap_message(body, BOUNDARY)


@given(st.binary(max_size=200), st.binary(max_size=70), st.integers(0, 20), st.booleans())
def test_a_sealed_request_is_the_one_that_pypsrp_writes(
    message: bytes, header: bytes, padding: int, kerberos: bool
) -> None:
    protocol = WinRMEncryption.KERBEROS if kerberos else WinRMEncryption.SPNEGO
    _, theirs = WinRMEncryption(Reversing(header, padding), protocol).wrap_message(message)
    assert sealed(Reversing(header, padding), protocol, message) == theirs  # type: ignore[arg-type]


def test_a_frame_that_is_spoilt_is_opened_as_pypsrp_opens_it_or_left_to_it() -> None:
    chance, met = random.Random(5), Counter[str]()
    odd = (b"--Encrypted Boundary\r\n", b"-- Encrypted Boundary--\r\n", b"\tContent-Type: application/octet-stream\r\n")
    for number in range(6_000):
        message = chance.randbytes(chance.choice([0, 1, 40]))
        if number % 5 == 0:
            message += chance.choice(odd)[::-1] + message
        body = sealed(Reversing(), WinRMEncryption.SPNEGO, message)  # type: ignore[arg-type]
        if number % 3 == 0:
            body = body.replace(struct.pack("<i", 16), struct.pack("<i", chance.choice([-1, 0, 3, 90])))
        elif number % 3 == 1:
            body = spoilt_bytes(body, chance)
        direct = _taken_apart(body) is not None
        met["direct" if direct else "pypsrp"] += 1
        assert _told(opened, body) == _told(_by_pypsrp, body), body
    assert min(met["direct"], met["pypsrp"]) > 1_000, met
