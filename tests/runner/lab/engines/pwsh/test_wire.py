"""What the engine understands of PowerShell's lines and fragments, without a PowerShell."""

from __future__ import annotations

import struct
import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner.lab.engines.pwsh import elements
from runner.lab.engines.pwsh.final_state import PipelineWatch

PIPELINE = uuid.UUID("0b9fbd4f-7a1c-4b1c-8d1c-0a1b2c3d4e5f")


def message(kind: int, data: bytes, number: int, size: int) -> list[bytes]:
    """A message's fragments, each with at most `size` bytes of it."""
    blob = struct.pack("<II16s16s", 1, kind, bytes(16), PIPELINE.bytes_le) + data
    parts = [blob[at : at + size] for at in range(0, len(blob), size)]
    return [
        struct.pack(">QQBI", number, at, (at == 0) | (at == len(parts) - 1) << 1, len(part)) + part
        for at, part in enumerate(parts)
    ]


def state(value: int) -> bytes:
    """PIPELINE_STATE's data (MS-PSRP 2.2.2.21), with an error record behind the state that is long."""
    return b'\xef\xbb\xbf<Obj RefId="0"><MS><I32 N="PipelineState">%d</I32>%s</MS></Obj>' % (value, b"<S>x</S>" * 50)


@given(st.sampled_from([3, 4, 5]), st.integers(110, 700), st.lists(st.integers(1, 90)))
def test_a_pipeline_is_done_with_the_last_byte_of_its_final_state_however_the_bytes_are_cut(
    final: int, size: int, cuts: list[int]
) -> None:
    looks_alike = message(0x00041004, state(4), 1, size)  # an output that holds the same text
    last = message(0x00041006, state(final), 3, size)
    stream = b"".join([*looks_alike, *message(0x00041006, state(2), 2, size), *last])
    watch = PipelineWatch()
    at = 0
    for cut in [*cuts, len(stream)]:
        piece = stream[at : at + cut]
        at += len(piece)
        assert watch.feed(piece) == watch.done == (at == len(stream))


@pytest.mark.parametrize(
    ("line", "element"),
    [
        (elements.data(PIPELINE, b"\x00ab"), elements.Data(PIPELINE, b"\x00ab")),
        (f"<Data Stream='Default' PSGuid='{elements.POOL}'></Data>", elements.Data(elements.POOL, b"")),
        (f"<DataAck PSGuid='{PIPELINE}' />", elements.Ack("Data", PIPELINE)),
        (f"<CommandAck PSGuid='{PIPELINE}' />\r\n", elements.Ack("Command", PIPELINE)),
        (f"<SignalAck PSGuid='{str(PIPELINE).upper()}' />", elements.Ack("Signal", PIPELINE)),
        (f"<CloseAck PSGuid='{PIPELINE}' />", elements.Ack("Close", PIPELINE)),
        ("Remote transport error: no", None),
        ("", None),
        (f"<Data Stream='Default' PSGuid='{PIPELINE}'>a</Data>", None),
        (f"<Data Stream='Default' PSGuid='{PIPELINE}'>YQ==</Data><x/>", None),
        ("<DataAck PSGuid='------------------------------------' />", None),
    ],
)
def test_a_line_is_an_element_or_text(line: str, element: elements.Data | elements.Ack | None) -> None:
    assert elements.parse(line) == element


@given(st.text())
def test_no_line_makes_the_reader_fail(line: str) -> None:
    elements.parse(line)
