"""What is read by its shape is what `wsman.parse` reads."""

from __future__ import annotations

import random
import uuid
from collections.abc import Callable

import pytest

from runner.lab.server import Lab
from runner.lab.shapes import Shapes
from runner.lab.wsman import MalformedError, Request, WSManFault, parse
from tests.runner.lab.conftest import lab_host
from tests.runner.lab.walking import Walker

Serve = Callable[..., Lab]


class Recorded(Shapes):
    """Remembers what was sent, and compares how it was read."""

    def __init__(self) -> None:
        super().__init__()
        self.sent: list[bytes] = []

    def parse(self, data: bytes) -> Request:
        self.sent.append(data)
        request = super().parse(data)
        assert request == parse(data)
        return request


@pytest.fixture
def sent(serve: Serve) -> list[bytes]:
    """The envelopes of two clients, exrun's HTTP below pypsrp, that walk through every step on two hosts."""
    lab = serve(lab_host("EX1"), lab_host("EX2"))
    recorded = Recorded()
    for served in lab.hosts.values():
        served.shapes = recorded
        Walker(served).walk()
    assert recorded.hits > 10  # all of the second client, and what the first said twice
    return recorded.sent


def read(reader: Callable[[bytes], Request], data: bytes) -> Request | tuple[WSManFault, str]:
    try:
        return reader(data)
    except MalformedError as error:
        return error.fault, error.message_id


PIECES = (
    b"<",
    b">",
    b"&",
    b"&amp;",
    b" ",
    b"\n",
    b"-",
    b"=",
    b"{",
    b"\x00",
    b"\xff",
    b"<!DOCTYPE x>",
    b"<!-- -->",
    b"uuid:",
    b"0" * 36,
    b"QUJD" * 30,
)


def test_whatever_is_changed_in_an_envelope_it_is_read_as_it_stands(sent: list[bytes]) -> None:
    """Of 4,000 that were changed in one place some keep their shape, some are other requests, some are none."""
    chance = random.Random(20261126)
    shapes = Shapes(in_all=2 * len(sent))
    for data in sent:
        shapes.parse(data)
    hits, refused, others = shapes.hits, 0, 0
    for _ in range(4000):
        data = bytearray(chance.choice(sent))
        at = chance.randrange(len(data))
        match chance.randrange(5):
            case 0:
                data[at] = chance.randrange(256)
            case 1:
                del data[at : at + chance.randrange(1, 40)]
            case 2:
                data[at:at] = chance.choice(PIECES)
            case 3:
                data[at : at + 36] = str(uuid.UUID(int=chance.getrandbits(128))).encode()
            case _:
                data = bytearray(_renamed(bytes(data), chance))
        wanted = read(parse, bytes(data))
        assert read(shapes.parse, bytes(data)) == wanted
        refused += not isinstance(wanted, Request)
        others += isinstance(wanted, Request)
    assert min(shapes.hits - hits, refused, others) > 500


def _renamed(data: bytes, chance: random.Random) -> bytes:
    """The same envelope with other identifiers."""
    request = parse(data)
    for name in (request.shell, request.pipeline, request.new_shell):
        if name is not None:
            other = str(uuid.UUID(int=chance.getrandbits(128)))
            data = data.replace(str(name).upper().encode(), other.upper().encode())
            data = data.replace(str(name).encode(), other.encode())
    return data


def test_a_client_of_which_nothing_can_be_learnt_is_read_all_the_same(sent: list[bytes]) -> None:
    shapes = Shapes(in_all=3)
    for number in range(50):
        data = sent[1].replace(b"</", b"<!--%d--></" % number, 1)
        assert shapes.parse(data) == parse(data)
    assert shapes.hits == 0
