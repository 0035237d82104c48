"""Valid CLIXML and valid fragments, spoilt in every way there is: a value or a refusal, never another error.

Each fuzz counts what it reached, and fails when it reached too little: one that only ever saw noise tests nothing.
"""

from __future__ import annotations

import random
from collections import Counter

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from runner.secrets.interface import Secret
from runner.transport import winrm
from runner.transport.fragments import Assembler, Message
from tests.runner.transport.mutating import (
    CAPS,
    DOCUMENTS,
    GARBAGE,
    KINDS,
    framed,
    spoilt_document,
    spoilt_fragments,
    try_document,
    try_stream,
)
from tests.runner.transport.test_clixml import as_powershell, values, written
from tests.runner.transport.test_lab import ACCOUNT, SCRIPTS, Serve, connector, inventory_host, serve

__all__ = ["serve"]  # a fixture
Account = tuple[str, str]
EXAMPLES = 1500
NO_SHRINKING = [Phase.explicit, Phase.reuse, Phase.generate]
FUZZ = settings(
    max_examples=EXAMPLES, phases=NO_SHRINKING, deadline=None, suppress_health_check=list(HealthCheck), database=None
)


@pytest.fixture
def heard(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> bytes:
    """What the lab sends for scripts of every kind: PSRP as it came out of its Receives."""
    streams: list[bytes] = []

    class Listening(Assembler):
        def feed(self, data):  # type: ignore[no-untyped-def]
            streams.append(data)
            return super().feed(data)

    monkeypatch.setattr(winrm, "Assembler", Listening)
    made = connector()
    transport = made.transport(inventory_host(serve()), Secret(ACCOUNT.password))
    transport.open()
    opening = len(streams)
    transport.observe([*SCRIPTS[:8], SCRIPTS[10], SCRIPTS[12]])
    transport.close()
    assert 0 < opening < len(streams)
    return b"".join(streams[opening:])


def messages_of(stream: bytes) -> list[bytes]:
    return [each.xml for each in Assembler(2**20).feed(stream) if isinstance(each, Message) and each.xml]


def test_spoilt_documents_are_values_or_refused_and_every_kind_of_refusal_is_met(heard: bytes) -> None:
    recorded = messages_of(heard)
    assert len(recorded) > 20
    seen: Counter[str] = Counter()

    # Twice as often one of ours, in which the caps are, however many were heard.
    documents = st.sampled_from([True, True, False]).flatmap(
        lambda ours: st.sampled_from(DOCUMENTS if ours else recorded)
    )

    @FUZZ
    @given(st.integers(0, 2**64), values, documents, st.sampled_from([0, 1, 1, 1, 1, 2]))
    def fuzz(seed: int, wanted: object, document: bytes, how: int) -> None:
        chance = random.Random(seed)
        if how == 2:
            document = written(as_powershell(wanted))  # type: ignore[arg-type]
        try_document(document if how == 0 else spoilt_document(document, chance), seen)

    fuzz()
    missed = [kind for kind in (*KINDS, *CAPS) if not seen[kind]]
    assert missed == []
    assert seen["value"] >= EXAMPLES // 4
    assert sum(seen[kind] for kind in KINDS) >= EXAMPLES // 5
    assert sum(seen[cap] for cap in CAPS) >= EXAMPLES // 30
    assert set(seen) <= {*KINDS, *CAPS, "value", "max_xml_bytes"}


def test_spoilt_streams_give_what_came_before_and_every_kind_of_garbage_is_met(heard: bytes) -> None:
    recorded, odd = messages_of(heard), (b"", b"\xef\xbb\xbf<S/>", b"x" * 1200)
    seen: Counter[str] = Counter()

    @FUZZ
    @given(
        st.integers(0, 2**64),
        st.lists(st.sampled_from([*DOCUMENTS, *recorded, *odd]), min_size=1, max_size=6),
        st.lists(st.integers(0, 4_000), max_size=6),
    )
    def fuzz(seed: int, documents: list[bytes], splits: list[int]) -> None:
        chance = random.Random(seed)
        fragments = framed(documents, chance)
        whole = list(Assembler(900).feed(b"".join(fragments)))
        assert len(whole) == len(documents)
        stream, sound = spoilt_fragments(fragments, chance)
        said = try_stream(stream, splits, seen)
        before = list(Assembler(900).feed(stream[:sound]))
        assert said[: len(before)] == before == whole[: len(before)]

    fuzz()
    missed = [kind for kind in (*GARBAGE, "whole", "unfinished", "oversize") if not seen[kind]]
    assert missed == []
    assert seen["messages"] >= EXAMPLES
    assert sum(seen[kind] for kind in GARBAGE) >= EXAMPLES // 4
    assert set(seen) == {*GARBAGE, "whole", "unfinished", "oversize", "messages"}
