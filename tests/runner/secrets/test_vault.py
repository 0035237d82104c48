"""References to Vault against what may answer at VAULT_ADDR: its API as documented, and what is no Vault at all.

A real server answers in tests/peers/test_vault.py.
"""

from __future__ import annotations

import http.server
import json
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import pytest

from inventory.model import CredentialKind, CredentialReference
from inventory.sources.document import credential_reference
from runner.secrets.interface import SecretUnavailableError
from runner.secrets.vault import VaultSecrets, why_not_asked
from texts.problems import MistakeError

PASSWORD = "not-a-real-Password-1"
TOKEN = "not-a-real-token"
MOUNT = "/v1/sys/internal/ui/mounts/secret/alpha"
V2 = {"data": {"path": "secret/", "type": "kv", "options": {"version": "2"}}}

Answers = Mapping[str, tuple[int, object]]


class _Served:
    def __init__(self, answers: Answers) -> None:
        self.asked: list[tuple[str, str]] = []
        served = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def _answer(self) -> None:
                served.asked.append((self.path, self.headers.get("X-Vault-Token", "")))
                self.rfile.read(int(self.headers.get("Content-Length", 0)))
                status, body = answers.get(self.path, (404, {"errors": []}))
                data = body if isinstance(body, bytes) else json.dumps(body).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(data)))
                if 300 <= status < 400:
                    self.send_header("Location", "http://127.0.0.1:9/elsewhere")
                self.end_headers()
                self.wfile.write(data)

            do_GET = do_POST = _answer  # noqa: N815

            def log_message(self, *_arguments: object) -> None:
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self.server.server_address[1]}"


@contextmanager
def vault(answers: Answers) -> Iterator[_Served]:
    served = _Served(answers)
    thread = threading.Thread(target=served.server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield served
    finally:
        served.server.shutdown()
        thread.join()
        served.server.server_close()


def reference(target: str = "secret/alpha#password") -> CredentialReference:
    return CredentialReference(CredentialKind.VAULT, target)


def refused(answers: Answers, target: str = "secret/alpha#password") -> SecretUnavailableError:
    with vault(answers) as served, pytest.raises(SecretUnavailableError) as raised:
        VaultSecrets({"VAULT_ADDR": served.address, "VAULT_TOKEN": TOKEN}).resolve(reference(target))
    assert PASSWORD not in str(raised.value)
    assert TOKEN not in str(raised.value)
    assert raised.value.__suppress_context__ or raised.value.__context__ is None
    return raised.value


def test_the_newest_version_of_a_secret_of_version_2_is_read_by_the_token_alone() -> None:
    kept = {"data": {"data": {"password": PASSWORD}, "metadata": {}}}
    with vault({MOUNT: (200, V2), "/v1/secret/data/alpha": (200, kept)}) as served:
        secret = VaultSecrets({"VAULT_ADDR": served.address, "VAULT_TOKEN": TOKEN}).resolve(reference())
    assert secret.reveal() == PASSWORD
    assert served.asked == [(MOUNT, TOKEN), ("/v1/secret/data/alpha", TOKEN)]


def test_an_engine_of_version_1_is_read_where_it_lies() -> None:
    first = {"data": {"path": "secret/", "type": "kv", "options": None}}
    with vault({MOUNT: (200, first), "/v1/secret/alpha": (200, {"data": {"password": PASSWORD}})}) as served:
        secret = VaultSecrets({"VAULT_ADDR": served.address, "VAULT_TOKEN": TOKEN}).resolve(reference())
    assert secret.reveal() == PASSWORD


LOOKUP = "/v1/auth/token/lookup-self"


@pytest.mark.parametrize(
    ("answers", "why"),
    [
        ({MOUNT: (503, {"errors": [f"Vault is sealed {PASSWORD}"]})}, "sealed"),
        ({MOUNT: (403, {"errors": ["permission denied"]}), LOOKUP: (200, {"data": {}})}, "denies the token to read"),
        ({MOUNT: (403, {"errors": ["permission denied"]}), LOOKUP: (403, {"errors": []})}, "expired, revoked or wrong"),
        ({MOUNT: (200, V2)}, "nothing at that path"),
        ({MOUNT: (200, V2), "/v1/secret/data/alpha": (200, {"data": {"data": {"other": PASSWORD}}})}, "no such field"),
        ({MOUNT: (200, V2), "/v1/secret/data/alpha": (200, {"data": {"data": {"password": ""}}})}, "field is empty"),
        ({MOUNT: (200, V2), "/v1/secret/data/alpha": (200, {"data": {"data": {"password": 7}}})}, "field is no text"),
        ({MOUNT: (200, V2), "/v1/secret/data/alpha": (200, {"data": PASSWORD})}, "does not speak as Vault"),
        ({MOUNT: (200, f"<p>{PASSWORD}</p>".encode())}, "does not speak as Vault"),
        ({MOUNT: (200, {"data": {"path": "pki/", "type": "pki"}})}, "no KV engine"),
        ({MOUNT: (200, {"data": {"path": "secret/", "type": "transit"}})}, "no KV engine"),
        ({MOUNT: (307, {})}, "not followed"),
        ({MOUNT: (400, {"errors": [PASSWORD]})}, "refused the request"),
        ({MOUNT: (429, {"errors": []})}, "limits how often"),
        ({MOUNT: (500, {"errors": [PASSWORD]})}, "could not answer"),
        ({MOUNT: (501, {"errors": []})}, "not initialized"),
    ],
)
def test_whatever_vault_answers_is_told_in_words_of_our_own(answers: Answers, why: str) -> None:
    assert why in refused(answers).why


def test_nobody_at_the_address_is_told() -> None:
    with vault({}) as served:
        address = served.address
    with pytest.raises(SecretUnavailableError, match="could not be reached"):
        VaultSecrets({"VAULT_ADDR": address, "VAULT_TOKEN": TOKEN}).resolve(reference())


def test_an_approle_logs_on_once_for_all_secrets() -> None:
    answers: Answers = {
        "/v1/auth/approle/login": (200, {"auth": {"client_token": TOKEN}}),
        MOUNT: (200, V2),
        "/v1/secret/data/alpha": (200, {"data": {"data": {"password": PASSWORD, "other": "second"}}}),
    }
    with vault(answers) as served:
        secrets = VaultSecrets({"VAULT_ADDR": served.address, "VAULT_ROLE_ID": "role", "VAULT_SECRET_ID": "id"})
        assert secrets.resolve(reference()).reveal() == PASSWORD
        assert secrets.resolve(reference("secret/alpha#other")).reveal() == "second"
    assert [path for path, _ in served.asked].count("/v1/auth/approle/login") == 1
    assert {token for path, token in served.asked if "approle" not in path} == {TOKEN}


def test_a_refused_log_on_is_not_tried_again() -> None:
    with vault({"/v1/auth/approle/login": (400, {"errors": [f"invalid secret id {PASSWORD}"]})}) as served:
        secrets = VaultSecrets({"VAULT_ADDR": served.address, "VAULT_ROLE_ID": "role", "VAULT_SECRET_ID": PASSWORD})
        for _ in range(3):
            with pytest.raises(SecretUnavailableError, match="refused to log on the AppRole") as raised:
                secrets.resolve(reference())
            assert PASSWORD not in str(raised.value)
    assert len(served.asked) == 1


def test_who_has_nothing_to_log_on_with_is_told_what_to_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("VAULT_TOKEN", raising=False)
    monkeypatch.setenv("HOME", "/nonexistent")
    with pytest.raises(SecretUnavailableError, match="Set VAULT_TOKEN, or VAULT_ROLE_ID"):
        VaultSecrets({"VAULT_ADDR": "https://127.0.0.1:9"}).resolve(reference())


@pytest.mark.parametrize(
    ("address", "why"),
    [
        ("", "not set"),
        ("http://vault.example.com:8200", "readable"),
        ("http://127.0.0.1.example.com", "readable"),
        ("http://localhost@vault.example.com", "readable"),
        ("vault.example.com:8200", "not an https address"),
        ("unix:///run/vault", "not an https address"),
        ("https://", "not an https address"),
        ("https://vault.example.com:8200", ""),
        ("http://127.0.0.1:8200", ""),
        ("http://[::1]:8200", ""),
        ("http://localhost:8200", ""),
    ],
)
def test_a_token_is_sent_over_tls_or_to_this_machine_alone(address: str, why: str) -> None:
    said = why_not_asked(address)
    assert why in said
    assert bool(said) == bool(why)


def test_without_tls_no_proxy_is_handed_the_token(monkeypatch: pytest.MonkeyPatch) -> None:
    with vault({}) as proxy, vault({MOUNT: (403, {"errors": []})}) as served:
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
            monkeypatch.setenv(name, proxy.address)
        monkeypatch.delenv("no_proxy", raising=False)
        with pytest.raises(SecretUnavailableError):
            VaultSecrets({"VAULT_ADDR": served.address, "VAULT_TOKEN": TOKEN}).resolve(reference())
    assert proxy.asked == []
    assert served.asked


@pytest.mark.parametrize("text", ["secret/alpha#password", "kv/Exchange ops/a.b#pass word", "secret/a/..b#x"])
def test_a_path_and_a_field_are_a_reference(text: str) -> None:
    assert credential_reference(f"vault:{text}") == reference(text)


@pytest.mark.parametrize(
    "text",
    [
        "secret/alpha",
        "secret/alpha#",
        "#password",
        "/secret#p",
        "secret/#p",
        "secret//a#p",
        "secret/../sys/raw#p",
        "./a#p",
        "a/.#p",
        "a/%2e%2e/b#p",
        "a?x=1#p",
        "a\\b#p",
        "a/b#p#q",
        "a/b# p",
        "a/\x1bb#p",
    ],
)
def test_a_path_that_may_mean_another_is_no_reference(text: str) -> None:
    with pytest.raises(MistakeError):
        credential_reference(f"vault:{text}")


def test_no_other_reference_waits_for_the_library_of_vault() -> None:
    code = "import sys, runner.secrets.resolving; sys.exit('hvac' in sys.modules or 'requests' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
