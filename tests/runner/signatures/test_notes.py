"""Signed notes as others write and read them, and every way in which one is not what it says."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner.signatures.errors import NotASignatureError, NotTrustedError
from runner.signatures.notes import NoteSigner, NoteVerifier, read_signer, read_verifier, sign, verify

# From the documentation of golang.org/x/mod/sumdb/note: a text, its signatures and the keys of those who made them.
PETER = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
NOTE = (
    "If you think cryptography is the answer to your problem,\n"
    "then you don't know what your problem is.\n"
    "\n"
    "\u2014 PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
)
SIGNER = NoteSigner("exrun/test", b"\x07" * 32)
LINES = st.lists(st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1, max_size=20), min_size=1, max_size=5)


def test_a_note_of_somebody_elses_program_is_read() -> None:
    signed = verify(NOTE, [read_verifier(PETER)])
    assert signed.by == ("PeterNeumann",)
    assert signed.text.startswith("If you think")


def test_keys_are_written_and_read_as_others_write_them() -> None:
    assert str(read_verifier(PETER)) == PETER
    made = NoteSigner.new("ops.example/journal")
    assert read_signer(made.reveal() + "\n") == made
    assert read_verifier(str(made.verifier)) == made.verifier
    assert made.reveal() not in repr(made)
    assert NoteSigner.new("ops.example/journal") != made
    for name in ("", "a b", "a+b", "a\n"):
        with pytest.raises(ValueError, match="name"):
            NoteSigner.new(name)


@given(LINES, st.integers(0), st.integers(1, 255))
def test_no_byte_of_a_note_can_be_changed(lines: list[str], at: int, by: int) -> None:
    note = sign("\n".join(lines) + "\n", SIGNER)
    assert verify(note, [SIGNER.verifier]).text == "\n".join(lines) + "\n"
    spoilt = bytearray(note.encode())
    spoilt[at % len(spoilt)] ^= by
    try:
        text = spoilt.decode()
    except UnicodeDecodeError:
        return
    with pytest.raises((NotASignatureError, NotTrustedError)):
        verify(text, [SIGNER.verifier])


def test_a_further_signature_is_passed_over_and_a_wrong_one_of_a_known_key_is_not() -> None:
    other = NoteSigner("other", b"\x08" * 32)
    both = sign("text\n", SIGNER) + sign("text\n", other).partition("\n\n")[2]
    assert verify(both, [SIGNER.verifier]).by == ("exrun/test",)
    assert verify(both, [other.verifier, SIGNER.verifier]).by == ("exrun/test", "other")
    of_another_text = sign("text\n", SIGNER) + sign("texts\n", other).partition("\n\n")[2]
    with pytest.raises(NotTrustedError, match="other is not of this text"):
        verify(of_another_text, [other.verifier, SIGNER.verifier])
    with pytest.raises(NotTrustedError, match="by none of these keys"):
        verify(both, [NoteVerifier("exrun/test", other.verifier.public)])


@pytest.mark.parametrize(
    "note",
    ["", "\n", "text\n", "text\n\n", "text\n\n\u2014 a\n", "text\n\n\u2014 a AAAA\n", "text\n\n- a AAAAAAAA\n",
     "te\x1bxt\n\n\u2014 a AAAAAAAA\n", NOTE.rstrip("\n"), NOTE + "\n", "\u2014 a AAAAAAAA\n", "x" * 2_000_000],
)  # fmt: skip
def test_what_is_no_note_is_said_to_be_none(note: str) -> None:
    with pytest.raises(NotASignatureError):
        verify(note, [read_verifier(PETER)])


@pytest.mark.parametrize(
    "key",
    [PETER[:-1], PETER[1:], PETER.replace("c74f", "c74e"), "", "a+b+c",
     "a+00000000+" + base64.b64encode(b"\x02" + b"0" * 32).decode()],
)  # fmt: skip
def test_what_is_no_key_is_said_to_be_none(key: str) -> None:
    with pytest.raises(NotASignatureError):
        read_verifier(key)
    with pytest.raises(NotASignatureError) as told:
        read_signer("PRIVATE+KEY+" + key)
    assert not key or key not in str(told.value)


@pytest.mark.parametrize("text", ["", "no line feed", "tab\t\n", "escape\x1b\n"])
def test_what_cannot_be_the_text_of_a_note_is_not_signed(text: str) -> None:
    with pytest.raises(ValueError, match="line feed"):
        sign(text, SIGNER)
