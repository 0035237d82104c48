"""Secrets in the operating system's store: `keyring:SERVICE/USER`."""

from __future__ import annotations

from collections.abc import Callable

from inventory.model import CredentialReference
from runner.secrets.interface import Secret, SecretUnavailableError


def _system(service: str, user: str) -> str | None:
    import keyring  # loads a backend's libraries, which no other kind of reference is to wait for

    return keyring.get_password(service, user)


class KeyringSecrets:
    """Asks `get_password(service, user)`: by default that of the keyring that the system offers."""

    def __init__(self, get_password: Callable[[str, str], str | None] = _system) -> None:
        self._get_password = get_password

    def resolve(self, reference: CredentialReference) -> Secret:
        """The password of USER for SERVICE; USER is what follows the last slash."""
        service, slash, user = reference.target.rpartition("/")
        if not (service and slash and user):
            raise SecretUnavailableError(
                reference, "this is not of the form keyring:SERVICE/USER", "Correct the credential in the inventory."
            )
        try:
            password = self._get_password(service, user)
        except Exception as error:
            # Backends raise what their platform raises, and its text may hold what the store answered.
            raise SecretUnavailableError(
                reference,
                f"the system's keyring could not be asked ({type(error).__name__})",
                "Unlock it, or see `keyring diagnose`; on a server without one use env: or command: instead.",
            ) from None
        if not password:
            raise SecretUnavailableError(
                reference,
                f"the system's keyring has no password of {user} for {service}",
                f"Store it with: keyring set '{service}' '{user}'",
            )
        return Secret(password)
