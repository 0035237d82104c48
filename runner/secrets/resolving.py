"""One store over all kinds of reference, which tells the redactor each secret before anybody gets it."""

from __future__ import annotations

import threading
from collections.abc import Mapping

from inventory.model import CredentialKind, CredentialReference
from runner.redaction import Redactor
from runner.secrets.command import CommandSecrets
from runner.secrets.env import EnvironmentSecrets
from runner.secrets.interface import Secret, SecretStore, SecretUnavailableError
from runner.secrets.keyring import KeyringSecrets
from runner.secrets.vault import VaultSecrets


class RedactedSecrets:
    """Asks the store of each reference's kind, once per reference, and registers what it says with the redactor."""

    def __init__(self, stores: Mapping[CredentialKind, SecretStore], redactor: Redactor) -> None:
        self._stores = stores
        self._redactor = redactor
        self._known: dict[CredentialReference, Secret] = {}
        self._lock = threading.Lock()

    def resolve(self, reference: CredentialReference) -> Secret:
        """The secret, which the redactor knows by now. Failures are not remembered: the next call asks again."""
        # Held while a store is asked, so that 400 hosts with one credential make one prompt of a password manager.
        with self._lock:
            known = self._known.get(reference)
            if known is not None:
                return known
            secret = self._store(reference).resolve(reference)
            self._redactor.register(secret.reveal())
            self._known[reference] = secret
            return secret

    def _store(self, reference: CredentialReference) -> SecretStore:
        store = self._stores.get(reference.kind)
        if store is None:
            kinds = ", ".join(sorted(kind.value for kind in self._stores))
            raise SecretUnavailableError(reference, "no store of this kind is set up", f"Use one of: {kinds}.")
        return store


def system_stores(environment: Mapping[str, str]) -> dict[CredentialKind, SecretStore]:
    """The stores of this machine, one for each kind."""
    return {
        CredentialKind.ENV: EnvironmentSecrets(environment),
        CredentialKind.KEYRING: KeyringSecrets(),
        CredentialKind.COMMAND: CommandSecrets(),
        CredentialKind.VAULT: VaultSecrets(environment),
    }
