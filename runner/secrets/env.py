"""Secrets in environment variables: `env:NAME`."""

from __future__ import annotations

from collections.abc import Mapping

from inventory.model import CredentialReference
from runner.secrets.interface import Secret, SecretUnavailableError


class EnvironmentSecrets:
    """Reads variables of `environment`, which is usually `os.environ`."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment

    def resolve(self, reference: CredentialReference) -> Secret:
        """The value of the variable, unchanged."""
        value = self._environment.get(reference.target)
        if value is None:
            raise SecretUnavailableError(
                reference,
                f"the environment variable {reference.target} is not set",
                f"Set {reference.target} to the password before starting exrun.",
            )
        if not value:
            raise SecretUnavailableError(
                reference,
                f"the environment variable {reference.target} is empty",
                f"Set {reference.target} to the password before starting exrun.",
            )
        return Secret(value)
