"""Whose signature is taken, and that no other is: by fixtures of our own, and side by side with ssh-keygen."""

from __future__ import annotations

import base64
import contextlib
import shutil
import subprocess
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runner.signatures.allowed_signers import AllowedSigners, read_allowed_signers
from runner.signatures.errors import AllowedSignersError, NotASignatureError, NotTrustedError, SignatureError
from runner.signatures.keys import PublicKey
from runner.signatures.signing import sign
from runner.signatures.sshsig import key_of, read, signed_data
from runner.signatures.wire import string
from tests.runner.signatures.keyring import KINDS, UNTOUCHED, Key, ed25519, rsa_key, token_ed25519

NAMESPACE = "exrun-catalogue"
MESSAGE = b'{"schema": "exrun.catalogue/1"}\n'
NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)
KEY = ed25519()
SIGNED = KEY.sign(MESSAGE, NAMESPACE)


def local(naive: datetime) -> datetime:
    """A machine two hours east of Greenwich."""
    return naive.replace(tzinfo=timezone(timedelta(hours=2))).astimezone(UTC)


def signers(*lines: str) -> AllowedSigners:
    return read_allowed_signers("\n".join(lines), "allowed_signers", local=local)


def why_refused(*lines: str, principal: str | None = None, now: datetime = NOW) -> str:
    with pytest.raises(NotTrustedError) as refused:
        signers(*lines).signer_of(MESSAGE, SIGNED, NAMESPACE, now=now, principal=principal)
    return refused.value.what


@pytest.fixture(scope="session")
def ssh_keygen() -> str:
    found = shutil.which("ssh-keygen")
    if found is None:
        pytest.skip("NO SSH-KEYGEN: install OpenSSH's client; signatures are not compared with its own")
    return found


def openssh_takes(program: str, folder: Path, lines: str, signature: bytes, principal: str, *more: str) -> bool:
    (folder / "allowed").write_text(lines + "\n")
    (folder / "message.sig").write_bytes(signature)
    command = [program, "-Y", "verify", "-f", str(folder / "allowed"), "-I", principal, "-n", NAMESPACE]
    done = subprocess.run(
        [*command, *more, "-s", str(folder / "message.sig")], input=MESSAGE, capture_output=True, check=False
    )
    return done.returncode == 0


@pytest.mark.parametrize("kind", KINDS)
def test_a_signature_of_every_kind_of_key_is_that_of_its_signer(kind: str) -> None:
    key = KINDS[kind]()
    for hash_name in ("sha256", "sha512"):
        signed = key.sign(MESSAGE, NAMESPACE, hash_name)
        found = signers(f"ops@alpha.example {key.line} a comment").signer_of(MESSAGE, signed, NAMESPACE, now=NOW)
        assert (found.principals, found.key.fingerprint) == ("ops@alpha.example", key.public.fingerprint)


@pytest.mark.parametrize("kind", KINDS)
def test_openssh_takes_the_same_signatures(kind: str, ssh_keygen: str, tmp_path: Path) -> None:
    key = KINDS[kind]()
    signed = key.sign(MESSAGE, NAMESPACE)
    assert openssh_takes(ssh_keygen, tmp_path, f"ops {key.line}", signed, "ops")
    (tmp_path / "key.pub").write_text(f"{key.line}\n")
    shown = subprocess.run([ssh_keygen, "-lf", str(tmp_path / "key.pub")], capture_output=True, check=True, text=True)
    assert key.public.fingerprint in shown.stdout


@pytest.mark.parametrize("kind", ["ed25519", "rsa", "ecdsa"])
def test_what_ssh_keygen_signs_is_taken(kind: str, ssh_keygen: str, tmp_path: Path) -> None:
    path = tmp_path / "id"
    subprocess.run([ssh_keygen, "-q", "-t", kind, "-N", "", "-f", str(path)], check=True)
    (tmp_path / "message").write_bytes(MESSAGE)
    signed = sign(tmp_path / "message", path, NAMESPACE)
    public = (tmp_path / "id.pub").read_text()
    assert signers(f"ops {public}").signer_of(MESSAGE, signed, NAMESPACE, now=NOW).line == 1
    with pytest.raises(NotTrustedError, match="not of what stands there now"):
        key_of(MESSAGE + b" ", signed, NAMESPACE)


# Tampering


@given(st.data())
@settings(max_examples=300)
def test_no_byte_of_a_signature_can_change(data: st.DataObject) -> None:
    place = data.draw(st.integers(min_value=0, max_value=len(SIGNED) - 1))
    changed = bytearray(SIGNED)
    changed[place] ^= data.draw(st.integers(min_value=1, max_value=255))
    with pytest.raises(SignatureError):
        key_of(MESSAGE, bytes(changed), NAMESPACE)


@pytest.mark.parametrize("kind", KINDS)
def test_no_byte_of_the_content_of_a_signature_can_change(kind: str) -> None:
    key = KINDS[kind]()
    good = read(key.sign(MESSAGE, NAMESPACE))
    for place in range(len(good.value)):
        changed = bytearray(good.value)
        changed[place] ^= 1
        with contextlib.suppress(NotASignatureError):
            assert not key.public.made(bytes(changed), signed_data(MESSAGE, NAMESPACE, "sha512"))


@given(st.binary(max_size=200), st.integers(min_value=0, max_value=len(MESSAGE)))
@settings(max_examples=100)
def test_no_other_message_has_this_signature(more: bytes, at: int) -> None:
    other = MESSAGE[:at] + more
    if other != MESSAGE:
        with pytest.raises(NotTrustedError):
            key_of(other, SIGNED, NAMESPACE)


@given(st.binary(max_size=600))
def test_any_bytes_are_no_signature_and_no_crash(data: bytes) -> None:
    with pytest.raises(NotASignatureError):
        read(data)
    with pytest.raises(NotASignatureError):
        read(b"-----BEGIN SSH SIGNATURE-----\n" + data + b"\n-----END SSH SIGNATURE-----\n")


def enarmored(blob: bytes) -> bytes:
    return b"-----BEGIN SSH SIGNATURE-----\n" + base64.b64encode(blob) + b"\n-----END SSH SIGNATURE-----\n"


def parts(
    reserved: bytes = b"", after: bytes = b"", key: bytes = b"", value: bytes = b"", name: str = NAMESPACE
) -> bytes:
    """A signature of MESSAGE with something more in one of its places."""
    signed = KEY.value(signed_data(MESSAGE, name, "sha512"))
    fields = (KEY.public.blob + key, name.encode(), reserved, b"sha512", signed + value)
    return b"SSHSIG\x00\x00\x00\x01" + b"".join(string(field) for field in fields) + after


def test_of_one_signature_there_is_one_form() -> None:
    assert key_of(MESSAGE, enarmored(parts()), NAMESPACE) == KEY.public
    for more in ({"reserved": b"x"}, {"after": b"x"}, {"key": b"x"}, {"value": b"x"}):
        with pytest.raises(NotASignatureError):
            key_of(MESSAGE, enarmored(parts(**more)), NAMESPACE)


def test_bits_of_the_last_character_that_mean_nothing_must_be_as_they_are_written() -> None:
    name = next(name for name in ("a", "aa", "aaa") if len(parts(name=name)) % 3 == 1)
    good = enarmored(parts(name=name))
    assert key_of(MESSAGE, good, name) == KEY.public
    last = good.index(b"==") - 1
    other = good[:last] + bytes([good[last] + 1]) + good[last + 1 :]
    assert base64.b64decode(good.split(b"\n")[1]) == base64.b64decode(other.split(b"\n")[1])
    with pytest.raises(NotASignatureError):
        key_of(MESSAGE, other, name)


def test_a_signature_file_with_the_line_ends_of_windows_is_taken() -> None:
    assert key_of(MESSAGE, SIGNED.replace(b"\n", b"\r\n"), NAMESPACE) == KEY.public
    assert key_of(MESSAGE, SIGNED.rstrip(b"\n"), NAMESPACE) == KEY.public


def test_a_signature_for_another_purpose_is_refused() -> None:
    signed = KEY.sign(MESSAGE, "git")
    with pytest.raises(NotTrustedError, match=r"made for 'git', not for 'exrun-catalogue'"):
        signers(f"ops {KEY.line}").signer_of(MESSAGE, signed, NAMESPACE, now=NOW)


@pytest.mark.parametrize(
    ("key", "said"),
    [
        (rsa_key(1024), "less than 2048 bits"),
        (rsa_key(algorithm=b"ssh-rsa"), "not over SHA-2"),
        (token_ed25519(UNTOUCHED), "not touched"),
    ],
    ids=["short rsa", "sha-1", "no touch"],
)
def test_weak_keys_and_tokens_that_nobody_touched_are_refused(key: Key, said: str) -> None:
    with pytest.raises(NotASignatureError, match=said):
        key_of(MESSAGE, key.sign(MESSAGE, NAMESPACE), NAMESPACE)


@pytest.mark.parametrize(
    ("kind", "said"),
    [(b"ssh-dss", "not taken: 'ssh-dss'"), (b"ssh-ed25519-cert-v01@openssh.com", "with a certificate")],
)
def test_other_kinds_of_keys_are_named(kind: bytes, said: str) -> None:
    with pytest.raises(NotASignatureError, match=said):
        PublicKey(string(kind) + string(b"x")).made(b"", b"")


# Who may sign


def test_the_key_of_somebody_else_is_refused() -> None:
    said = why_refused(f"ops {ed25519().line}")
    assert said == f"it was made with the key {KEY.public.fingerprint}, which allowed_signers does not have"


@pytest.mark.parametrize(
    ("options", "principal", "said"),
    [
        ('namespaces="git,file"', None, "allowed_signers:1: it may sign for git,file, not for exrun-catalogue"),
        ('namespaces="exrun-*,!exrun-catalogue"', None, "it may sign for exrun-*,!exrun-catalogue"),
        ('valid-before="20261127"', None, "it might sign only until 2026-11-26 22:00 UTC"),
        ('valid-after="20261128143000"', None, "it may sign only from 2026-11-28 12:30 UTC on"),
        ('valid-after="202611281201Z"', None, "it may sign only from 2026-11-28 12:01 UTC on"),
        ("cert-authority", None, "certificates are not taken"),
        ('namespaces="exrun-catalogue"', "eve@alpha.example", "the key of ops@alpha.example, not of eve@alpha.example"),
    ],
)
def test_a_key_that_may_not_sign_this_now_is_refused(options: str, principal: str | None, said: str) -> None:
    assert said in why_refused(f"ops@alpha.example {options} {KEY.line}", principal=principal)


@pytest.mark.parametrize(
    ("line", "principal"),
    [
        ("ops@alpha.example {key}", None),
        ("ops@alpha.example {key}", "ops@alpha.example"),
        ("*@alpha.example,!eve@alpha.example {key}", "ops@alpha.example"),
        ('"ops@alpha.example,Second Name" {key} comment', "Second Name"),
        ('ops namespaces="exrun-*" {key}', "ops"),
        ('ops NAMESPACES="a,exrun-catalogue",valid-after="20200101",valid-before="20300101Z" {key}', "ops"),
        ('ops\tvalid-before="20261128150000"\t{key}', "ops"),
    ],
)
def test_a_key_that_may_sign_is_taken(line: str, principal: str | None) -> None:
    found = signers("# ours", "", line.format(key=KEY.line) + "\r")
    assert found.signer_of(MESSAGE, SIGNED, NAMESPACE, now=NOW, principal=principal).line == 3


def test_one_of_several_lines_of_a_key_is_enough() -> None:
    found = signers(f'old valid-before="20200101" {KEY.line}', f"new {KEY.line}")
    assert found.signer_of(MESSAGE, SIGNED, NAMESPACE, now=NOW).principals == "new"


PRINCIPALS = st.sampled_from(["ops", "o*", "*", "!ops", "*,!ops", "o?s", "eve", "ops,eve", "!eve,*"])
NAMESPACES = st.sampled_from(["", 'namespaces="exrun-catalogue"', 'namespaces="git"', 'namespaces="e*,!exrun-cat*"'])
LIMITS = st.sampled_from(["", 'valid-before="20260101Z"', 'valid-before="20280101Z"', 'valid-after="20270101Z"'])


@given(PRINCIPALS, NAMESPACES, LIMITS)
@settings(max_examples=60)
def test_openssh_decides_the_same_of_every_line(
    ssh_keygen: str, tmp_path_factory: pytest.TempPathFactory, principals: str, namespaces: str, limits: str
) -> None:
    options = ",".join(part for part in (namespaces, limits) if part)
    line = f"{principals} {f'{options} ' if options else ''}{KEY.line}"
    try:
        ours = bool(signers(line).signer_of(MESSAGE, SIGNED, NAMESPACE, now=NOW, principal="ops"))
    except NotTrustedError:
        ours = False
    folder = tmp_path_factory.mktemp("openssh")
    theirs = openssh_takes(ssh_keygen, folder, line, SIGNED, "ops", "-Overify-time=20261128120000Z")
    assert ours == theirs


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("ops", "allowed_signers:1: has no principal, or no key"),
        ("ops ssh-ed25519 ???", "allowed_signers:1: has a key that is not in base64"),
        ("ops ssh-rsa {blob}", "allowed_signers:1: has a key of another kind than it says"),
        ("ops ssh-dss AAAA", "allowed_signers:1: has neither an option nor a key of a kind that is taken here"),
        ('ops namespace="x" {key}', "allowed_signers:1: has an option that is not known: namespace"),
        ('ops valid-before="2027-01-01" {key}', "allowed_signers:1: has a time that is none: '2027-01-01'"),
        ('ops valid-before="20270101",valid-before="20280101" {key}', "has the option valid-before twice"),
        ('ops valid-after="20270101",valid-before="20270101" {key}', "that is not after its valid-after"),
        ('"ops {key}', "allowed_signers:1: opens a quote and does not close it"),
        ("# nobody", "allowed_signers allows nobody to sign"),
    ],
)
def test_a_line_that_cannot_be_read_is_named(line: str, said: str) -> None:
    with pytest.raises(AllowedSignersError) as raised:
        signers(line.format(key=KEY.line, blob=KEY.line.split()[1]))
    assert said in raised.value.what
    assert "ops@alpha.example" in raised.value.next


@given(st.text(max_size=120))
def test_any_text_is_a_list_or_an_error_with_its_place(text: str) -> None:
    said = "allowed_signers"
    try:
        signers(text)
    except AllowedSignersError as error:
        said = error.what
    assert said.startswith("allowed_signers")
