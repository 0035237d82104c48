"""Secrets are found by reference, never shown, and known to the redactor before anybody holds them."""

from __future__ import annotations

import contextlib
import pickle
import shlex
import socket
import sys

import pytest

from inventory.model import CredentialKind, CredentialReference
from runner.redaction import PLACEHOLDERS, Redactor
from runner.secrets.command import CommandSecrets
from runner.secrets.env import EnvironmentSecrets
from runner.secrets.interface import Secret, SecretUnavailableError
from runner.secrets.keyring import KeyringSecrets
from runner.secrets.resolving import RedactedSecrets, system_stores
from tests.waiting import HANG_SECONDS

PASSWORD = "not-a-real-Password-1"  # made up here and used nowhere else


def env(name: str) -> CredentialReference:
    return CredentialReference(CredentialKind.ENV, name)


def ring(target: str) -> CredentialReference:
    return CredentialReference(CredentialKind.KEYRING, target)


def python(code: str) -> CredentialReference:
    return CredentialReference(CredentialKind.COMMAND, shlex.join([sys.executable, "-c", code]))


def test_a_secret_shows_itself_only_when_revealed() -> None:
    secret = Secret(PASSWORD)
    shown = [repr(secret), str(secret), f"{secret}", f"{secret:>40}", f"{secret!r}", repr([secret]), "%s" % secret]  # noqa: UP031
    assert not any(PASSWORD in text for text in shown)
    assert secret.reveal() == PASSWORD
    with pytest.raises(TypeError):
        pickle.dumps(secret)


def test_a_variable_gives_its_value_unchanged() -> None:
    assert EnvironmentSecrets({"P": f" {PASSWORD} "}).resolve(env("P")).reveal() == f" {PASSWORD} "


@pytest.mark.parametrize(("environment", "state"), [({}, "not set"), ({"EX_PW": ""}, "empty")])
def test_a_variable_that_is_unset_or_empty_is_named_with_what_to_set(environment: dict[str, str], state: str) -> None:
    with pytest.raises(SecretUnavailableError, match=f"EX_PW is {state}.*Set EX_PW"):
        EnvironmentSecrets(environment).resolve(env("EX_PW"))


def test_the_keyring_is_asked_for_the_user_after_the_last_slash() -> None:
    asked = []

    def get_password(service: str, user: str) -> str:
        asked.append((service, user))
        return PASSWORD

    assert KeyringSecrets(get_password).resolve(ring("exchange/alpha/ops@alpha.example")).reveal() == PASSWORD
    assert asked == [("exchange/alpha", "ops@alpha.example")]


def test_a_password_that_the_keyring_lacks_is_named_with_the_command_that_stores_it() -> None:
    with pytest.raises(SecretUnavailableError, match="keyring set 'exchange' 'ops'"):
        KeyringSecrets(lambda _service, _user: None).resolve(ring("exchange/ops"))


@pytest.mark.parametrize("target", ["exchange", "exchange/", "/ops", ""])
def test_a_keyring_reference_without_service_or_user_is_refused(target: str) -> None:
    with pytest.raises(SecretUnavailableError, match="SERVICE/USER"):
        KeyringSecrets(lambda _service, _user: PASSWORD).resolve(ring(target))


def test_what_a_keyring_backend_says_in_its_error_is_not_repeated() -> None:
    def get_password(_service: str, _user: str) -> str:
        raise RuntimeError(f"could not decrypt {PASSWORD}")

    with pytest.raises(SecretUnavailableError, match="RuntimeError") as raised:
        KeyringSecrets(get_password).resolve(ring("exchange/ops"))
    assert PASSWORD not in str(raised.value)
    assert raised.value.__suppress_context__


def test_a_command_gives_the_first_line_of_its_output() -> None:
    code = f"import sys; sys.stdout.buffer.write('{PASSWORD} é\\r\\nsecond\\n'.encode())"
    assert CommandSecrets().resolve(python(code)).reveal() == f"{PASSWORD} é"


def test_a_command_is_run_without_a_shell() -> None:
    line = shlex.join([sys.executable, "-c", "import sys; print(sys.argv[1:])"]) + " $HOME ; echo '`id`' > /dev/null"
    printed = CommandSecrets().resolve(CredentialReference(CredentialKind.COMMAND, line)).reveal()
    assert printed == "['$HOME', ';', 'echo', '`id`', '>', '/dev/null']"


@pytest.mark.parametrize(
    ("code", "why"),
    [
        (f"import sys; print('{PASSWORD}'); print('{PASSWORD}', file=sys.stderr); sys.exit(3)", "ended with status 3"),
        ("print()", "empty"),
        ("pass", "empty"),
        ("import sys; sys.stdout.buffer.write(b'\\xff\\xfe\\n')", "not UTF-8"),
        ("import sys; sys.exit(0 if sys.stdin.read() else 9)", "ended with status 9"),
    ],
)
def test_a_command_that_fails_is_explained_without_what_it_printed(
    code: str, why: str, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SecretUnavailableError, match=why) as raised:
        CommandSecrets().resolve(python(code))
    assert "Run the command yourself" in raised.value.next
    assert PASSWORD not in raised.value.why
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("line", "why"), [("exrun-no-such-program --x", "cannot be started"), ("'open", "quotes"), ("  ", "empty")]
)
def test_a_command_that_cannot_be_started_is_explained(line: str, why: str) -> None:
    with pytest.raises(SecretUnavailableError, match=why):
        CommandSecrets().resolve(CredentialReference(CredentialKind.COMMAND, line))


def test_a_command_that_hangs_ends_at_the_timeout_with_all_that_it_started() -> None:
    """What it started holds the door of a listener: when that closes, it is gone."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        child = f"import socket; socket.create_connection({listener.getsockname()}).recv(1)"
        code = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {child!r}])"
        listener.settimeout(0.0)
        for seconds in (0.5, 2, 8, 32):  # the first that is enough for both to have begun
            with pytest.raises(SecretUnavailableError, match=rf"within {seconds:g} s"):
                CommandSecrets(timeout_seconds=seconds).resolve(python(code))
            with contextlib.suppress(BlockingIOError):
                held, _ = listener.accept()
                break
        with held:
            held.settimeout(HANG_SECONDS)
            assert held.recv(1) == b""


def test_the_redactor_knows_a_secret_as_soon_as_it_is_resolved() -> None:
    redactor = Redactor()
    store = RedactedSecrets(system_stores({"P": PASSWORD}), redactor)
    assert redactor.redact_text(PASSWORD) == PASSWORD
    store.resolve(env("P"))
    assert redactor.redact_text(f"said {PASSWORD}") == f"said {PLACEHOLDERS[0]}"


def test_each_reference_is_asked_for_once_and_a_failure_is_asked_for_again() -> None:
    environment: dict[str, str] = {}
    store = RedactedSecrets(system_stores(environment), Redactor())
    with pytest.raises(SecretUnavailableError):
        store.resolve(env("P"))
    environment["P"] = PASSWORD
    first = store.resolve(env("P"))
    environment["P"] = "changed-since"
    assert store.resolve(env("P")) is first


def test_a_kind_without_a_store_is_named_with_those_that_there_are() -> None:
    store = RedactedSecrets({CredentialKind.ENV: EnvironmentSecrets({})}, Redactor())
    with pytest.raises(SecretUnavailableError, match="Use one of: env"):
        store.resolve(ring("exchange/ops"))
