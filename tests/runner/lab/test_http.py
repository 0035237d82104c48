"""HTTP read and written directly is what h11 reads and writes, or it is left to h11."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from hypothesis import given
from hypothesis import strategies as st

from runner.lab.http import Conversation, GoOn, Incoming, Trouble, Unanswerable

LARGEST = 400
PLAIN = (
    b"POST /wsman HTTP/1.1\r\nHost: 127.0.0.1:5985\r\nUser-Agent: Python WinRM client\r\nAccept-Encoding: identity\r\n"
    b"Connection: Keep-Alive\r\nContent-Type: application/soap+xml;charset=UTF-8\r\nContent-Length: %d\r\n"
    b"Authorization: Negotiate TlRMTVNTUAABAAAA\r\n\r\n%s"
)
SEALED = b'multipart/encrypted;protocol="application/HTTP-SPNEGO-session-encrypted";boundary="Encrypted Boundary"'


def plain(body: bytes) -> bytes:
    return PLAIN % (len(body), body)


@dataclass(frozen=True)
class Answered:
    """How each request is answered."""

    status: int = 200
    body: bytes = b"<s:Envelope/>"
    fields: Sequence[tuple[str, str]] = (("Server", "Microsoft-HTTPAPI/2.0"), ("Content-Type", "text/xml"))
    chunked: bool = False


@dataclass
class Side:
    """One conversation and all that it came to."""

    talk: Conversation
    answer: Answered
    heard: list[object] = field(default_factory=list)
    said: bytes = b""

    def feed(self, data: bytes) -> None:
        """What the lab's connection does with bytes."""
        if self.heard and isinstance(self.heard[-1], Trouble | str):
            return
        self.talk.receive(data)
        while (found := self.talk.next()) is not None:
            self.heard.append(found)
            if isinstance(found, GoOn):
                self.said += found.data
                continue
            refused = isinstance(found, Trouble)
            if found is Trouble.CLOSED:
                return
            fields = [*self.answer.fields, ("Connection", "close")] if refused else self.answer.fields
            try:
                self.said += self.talk.reply(
                    self.answer.status, fields, self.answer.body, chunked=self.answer.chunked and not refused
                )
            except Unanswerable:
                self.heard.append("closed")
                return
            if refused or self.talk.over:
                self.heard.append("closed")
                return


def both(pieces: Iterable[bytes], answer: Answered) -> Side:
    """The direct side, after it was compared with h11's alone."""
    direct, careful = Side(Conversation(LARGEST), answer), Side(Conversation(LARGEST, direct=False), answer)
    for piece in filter(None, pieces):  # no bytes would be the end of the stream
        direct.feed(piece)
        careful.feed(piece)
        assert direct.said == careful.said
        assert direct.heard == careful.heard
    return direct


ANSWERS = st.builds(
    Answered,
    st.sampled_from([200, 401, 404, 500, 503]),
    st.binary(max_size=40),
    st.sampled_from(
        [
            (),
            (("Server", "x"), ("WWW-Authenticate", "Negotiate")),
            (("Content-Type", SEALED.decode()), ("Connection", "close")),
        ]
    ),
    st.booleans(),
)


@given(st.lists(st.binary(max_size=LARGEST), min_size=1, max_size=3), st.lists(st.integers(1, 300)), ANSWERS)
def test_plain_requests_are_read_and_answered_as_h11_does_however_they_are_cut(
    bodies: list[bytes], cuts: list[int], answer: Answered
) -> None:
    stream = b"".join(map(plain, bodies))
    pieces = []
    for cut in [*cuts, len(stream)]:
        pieces.append(stream[:cut])
        stream = stream[cut:]
    side = both(pieces, answer)
    closes = any(name == "Connection" for name, _ in answer.fields)
    wanted = bodies[:1] if closes else bodies
    assert [each.body for each in side.heard if isinstance(each, Incoming)] == wanted
    assert side.talk.direct != (closes or answer.chunked)


WORDS = (
    b"Transfer-Encoding: chunked\r\n",
    b"Expect: 100-continue\r\n",
    b"Connection: close\r\n",
    b"Connection: upgrade\r\n",
    b"Content-Length: 3\r\n",
    b"Content-Length: 0\r\n",
    b"Content-Length: 99999999999\r\n",
    b"Host: b\r\n",
    b"X: y\r\n",
    b" folded\r\n",
    b"\r\n",
    b"\n",
    b"GET",
    b"HTTP/1.0",
    b"\x00",
    b"\t",
    b"\xe4",
)


def test_whatever_is_odd_in_a_request_is_read_as_h11_does() -> None:
    """Of 3,000 that were changed in up to three places some are still plain and some are not: both must have come."""
    chance = random.Random(20261125)
    read, left, troubles = 0, 0, 0
    for _ in range(3000):
        data = bytearray(plain(b"x" * chance.randrange(12)) + plain(b"<e/>"))
        for _ in range(chance.randrange(1, 4)):
            at = chance.randrange(len(data))
            match chance.randrange(4):
                case 0:
                    data[at] = chance.randrange(256)
                case 1:
                    del data[at : at + chance.randrange(1, 30)]
                case 2:
                    data[at:at] = chance.choice(WORDS)
                case _:
                    line = data.find(b"\r\n", at)
                    data[line + 2 : line + 2] = chance.choice(WORDS)
        cut = chance.randrange(len(data))
        side = both([bytes(data[:cut]), bytes(data[cut:])], Answered())
        read += side.talk.direct
        left += not side.talk.direct
        troubles += any(isinstance(each, Trouble) for each in side.heard)
    assert min(read, left, troubles) > 100


def test_a_body_is_refused_as_soon_as_it_is_too_large() -> None:
    whole = plain(b"x" * (LARGEST + 1))
    side = both([whole[:-1], whole[-1:]], Answered(413, b""))
    assert side.heard == [Trouble.TOO_LARGE, "closed"]


def test_a_head_that_does_not_end_is_refused() -> None:
    side = both([PLAIN[:100], *[b"a" * 1000 for _ in range(100)]], Answered(400, b""))
    assert side.heard == [Trouble.MALFORMED, "closed"]
