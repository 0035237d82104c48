"""Secrets in HashiCorp Vault or OpenBao: `vault:PATH#FIELD`, from a KV engine of version 1 or 2.

Where the server is and who asks stands in the variables of Vault's own client
(https://developer.hashicorp.com/vault/docs/commands#environment-variables): VAULT_ADDR, VAULT_NAMESPACE, VAULT_CACERT,
VAULT_CAPATH, VAULT_CLIENT_CERT and VAULT_CLIENT_KEY, and VAULT_TOKEN, else VAULT_ROLE_ID with VAULT_SECRET_ID (an
AppRole at `auth/approle`), else the file ~/.vault-token. VAULT_SKIP_VERIFY is not heeded: TLS is always verified.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, NoReturn
from urllib.parse import urlsplit

from inventory.model import CredentialReference
from runner.loopback import is_this_machine
from runner.secrets.interface import Secret, SecretUnavailableError

if TYPE_CHECKING:
    import hvac

TIMEOUT_SECONDS = 30  # of one request: for a connection, and for each wait for bytes of an answer
_ASK = "Look at it yourself: vault kv get "


class VaultSecrets:
    """Logs on once, when the first secret is asked for; a refused log-on is not tried again (Vault counts them)."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment
        self._client: hvac.Client | None = None
        self._refused: tuple[str, str] | None = None

    def resolve(self, reference: CredentialReference) -> Secret:
        """The text of FIELD in the newest version at PATH, unchanged."""
        path, hash_sign, field = reference.target.rpartition("#")
        if not (path and hash_sign and field):
            raise SecretUnavailableError(
                reference, "this is not of the form vault:PATH#FIELD", "Correct the credential in the inventory."
            )
        fields = self._asked(reference, lambda: self._fields(reference, path))
        value = fields.get(field)
        if value is None:
            raise SecretUnavailableError(reference, "there is no such field at that path", f"{_ASK}{path}")
        if not isinstance(value, str) or not value:
            what = "empty" if value == "" else "no text"
            raise SecretUnavailableError(
                reference, f"the field is {what}", f"Store a password in it: vault kv patch {path} {field}=-"
            )
        return Secret(value)

    def _fields(self, reference: CredentialReference, path: str) -> Mapping[str, object]:
        client = self._logged_on(reference)
        # Which engine answers for a path, and of which version it is: what `vault kv get` asks first as well.
        engine = _data(_answered(reference, client.adapter.get(f"/v1/sys/internal/ui/mounts/{path}")))
        mount, options = engine.get("path"), engine.get("options")
        if not isinstance(mount, str) or not path.startswith(mount) or engine.get("type") not in ("kv", "generic"):
            raise SecretUnavailableError(
                reference, "no KV engine is mounted at that path", "Correct the path; see: vault secrets list"
            )
        within, mount = path[len(mount) :], mount.rstrip("/")
        if isinstance(options, Mapping) and options.get("version") == "2":
            read = client.secrets.kv.v2.read_secret_version(within, mount_point=mount, raise_on_deleted_version=True)
            return _data(_data(_answered(reference, read)))
        return _data(_answered(reference, client.secrets.kv.v1.read_secret(within, mount_point=mount)))

    def _logged_on(self, reference: CredentialReference) -> hvac.Client:
        if self._refused is not None:
            raise SecretUnavailableError(reference, *self._refused)
        if self._client is None:
            self._client = self._new_client(reference)
        return self._client

    def _new_client(self, reference: CredentialReference) -> hvac.Client:
        import hvac  # with requests half a second that no other kind of reference is to wait for
        import hvac.exceptions
        import requests

        known = self._environment.get
        address = known("VAULT_ADDR", "")
        if why := why_not_asked(address):
            raise SecretUnavailableError(
                reference, why, "Set VAULT_ADDR to the server, as https://vault.example.com:8200."
            )
        session = requests.Session()
        session.verify = known("VAULT_CACERT") or known("VAULT_CAPATH") or True
        # A token that is not encrypted stays on this machine: to a proxy it would be sent as it is.
        session.trust_env = address.startswith("https:")
        certificate, key = known("VAULT_CLIENT_CERT"), known("VAULT_CLIENT_KEY")
        if certificate:
            session.cert = (certificate, key) if key else certificate
        role, secret_id = known("VAULT_ROLE_ID"), known("VAULT_SECRET_ID")
        token = known("VAULT_TOKEN")
        client = hvac.Client(
            url=address,
            token=token or ("" if role else None),
            timeout=TIMEOUT_SECONDS,
            allow_redirects=False,  # requests would hand the token to whoever is named
            session=session,
            namespace=known("VAULT_NAMESPACE") or None,
        )
        if token or not role:
            if not client.token:
                raise SecretUnavailableError(
                    reference,
                    "there is nothing to log on to Vault with",
                    "Set VAULT_TOKEN, or VAULT_ROLE_ID and VAULT_SECRET_ID; or run `vault login`.",
                )
            return client
        try:
            client.auth.approle.login(role, secret_id=secret_id or None)
        except (hvac.exceptions.InvalidRequest, hvac.exceptions.Forbidden):
            self._refused = (
                "Vault refused to log on the AppRole of VAULT_ROLE_ID",
                "Set VAULT_SECRET_ID to a secret ID of it that is not expired and not used up.",
            )
            raise SecretUnavailableError(reference, *self._refused) from None
        return client

    def _asked(self, reference: CredentialReference, ask: Callable[[], Mapping[str, object]]) -> Mapping[str, object]:
        """What Vault answers, or why not in our words: its own may hold what is secret."""
        try:
            return ask()
        except SecretUnavailableError:
            raise
        except Exception as error:  # hvac's, those of requests, and of what does not answer as Vault does
            self._fail(reference, error)

    def _fail(self, reference: CredentialReference, error: Exception) -> NoReturn:
        import hvac.exceptions
        import requests

        path = reference.target.rpartition("#")[0]
        check = "Check VAULT_ADDR, and that the server can be reached: vault status"
        match error:
            case hvac.exceptions.Forbidden():
                why, then = self._denied(path)
            case hvac.exceptions.InvalidPath():
                why, then = "Vault has nothing at that path, or its newest version is deleted", f"{_ASK}{path}"
            case hvac.exceptions.VaultDown():
                why, then = "Vault is sealed or down for maintenance", "Have it unsealed; see: vault status"
            case hvac.exceptions.VaultNotInitialized():
                why, then = "Vault is not initialized", "See: vault status"
            case hvac.exceptions.RateLimitExceeded():
                why, then = "Vault limits how often it is asked", "Wait a minute and start again."
            case hvac.exceptions.InvalidRequest():
                why, then = "Vault refused the request", "Check VAULT_NAMESPACE and the path."
            case hvac.exceptions.VaultError():
                why, then = f"Vault could not answer ({type(error).__name__})", "See its log, and: vault status"
            case requests.exceptions.SSLError():
                why = "the certificate of VAULT_ADDR could not be verified"
                then = "Set VAULT_CACERT to the PEM file of the authority that signed it."
            case requests.exceptions.Timeout():
                why, then = f"Vault did not answer within {TIMEOUT_SECONDS} seconds", check
            case requests.exceptions.RequestException() | OSError():
                why, then = f"Vault could not be reached ({type(error).__name__})", check
            case _:
                why, then = "what answers at VAULT_ADDR does not speak as Vault does", check
        raise SecretUnavailableError(reference, why, then) from None

    def _denied(self, path: str) -> tuple[str, str]:
        """Vault says 403 of a token that is no longer one and of one that may not read: its owner is asked which."""
        client = self._client
        try:
            if client is not None:
                client.auth.token.lookup_self()
                return (
                    "Vault denies the token to read that path",
                    f"Have its policy allow `read` of it; see: vault token capabilities {path}",
                )
        except Exception:  # noqa: S110  whatever it is, the token does not answer for itself
            pass
        return "Vault takes the token for none: it is expired, revoked or wrong", "Log on anew, and set VAULT_TOKEN."


def why_not_asked(address: str) -> str:
    """Why no token is sent to an address, if so: over HTTP it is readable on the way, but for this machine's own."""
    parts = urlsplit(address)
    if not address:
        return "the environment variable VAULT_ADDR is not set"
    if parts.scheme == "http" and not is_this_machine(parts.hostname or ""):
        return "VAULT_ADDR is http, over which the token and the password would be readable"
    if parts.scheme not in ("http", "https") or not parts.hostname:
        return "VAULT_ADDR is not an https address"
    return ""


def _answered(reference: CredentialReference, answer: object) -> Mapping[str, object]:
    """hvac gives what is not JSON with status 200 as the response itself."""
    status = getattr(answer, "status_code", None)
    if status is not None and 300 <= status < 400:
        raise SecretUnavailableError(
            reference, "Vault sends to another server, which is not followed", "Set VAULT_ADDR to the active server."
        )
    if not isinstance(answer, Mapping):
        raise TypeError("not an answer of Vault")
    return answer


def _data(answer: Mapping[str, object]) -> Mapping[str, object]:
    data = answer["data"]
    if not isinstance(data, Mapping):
        raise TypeError("not an answer of Vault")
    return data
