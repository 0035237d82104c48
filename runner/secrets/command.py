"""Secrets that a command prints: `command:pass show exchange/alpha`."""

from __future__ import annotations

from inventory.model import CredentialReference
from runner import programs
from runner.programs import CommandFailedError
from runner.secrets.interface import Secret, SecretUnavailableError


class CommandSecrets:
    """Runs the command without a shell and takes the first line of its standard output.

    Nothing that the command prints is ever shown, its standard error included: it may hold the secret.
    """

    def __init__(self, timeout_seconds: float = 30.0) -> None:
        self._timeout_seconds = timeout_seconds

    def resolve(self, reference: CredentialReference) -> Secret:
        """The first line, without its line end. The command's standard input is empty; it is killed at the timeout."""
        try:
            output = programs.run(reference.target, self._timeout_seconds)
        except CommandFailedError as error:
            raise self._failure(reference, error.why) from None
        first = output.split(b"\n", 1)[0].removesuffix(b"\r")
        if not first:
            raise self._failure(reference, "the first line of the command's output is empty")
        try:
            return Secret(first.decode("utf-8"))
        except UnicodeDecodeError:
            raise self._failure(reference, "the first line of the command's output is not UTF-8") from None

    def _failure(self, reference: CredentialReference, why: str) -> SecretUnavailableError:
        return SecretUnavailableError(
            reference, why, "Run the command yourself: it must print the password as its first line and end with 0."
        )
