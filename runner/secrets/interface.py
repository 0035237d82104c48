"""What a secret store is: something that turns a reference into a secret, or says what to set."""

from __future__ import annotations

from typing import NoReturn, Protocol

from inventory.model import CredentialReference


class Secret:
    """A password that does not show itself: only `reveal` gives the text, and it cannot be pickled or copied out."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """The text itself, for the one place that authenticates with it."""
        return self._text

    def __repr__(self) -> str:
        return "Secret(***)"

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return repr(self)

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Secret is not written to anything")


class SecretUnavailableError(Exception):
    """Raised when a reference gives no secret.

    Attributes:
        reference: the reference, which is no secret.
        why: what is wrong, without any output of a store or command.
        next: what to do, one imperative sentence.
    """

    def __init__(self, reference: CredentialReference, why: str, next: str) -> None:  # noqa: A002
        super().__init__(f"{reference}: {why}. {next}")
        self.reference = reference
        self.why = why
        self.next = next


class SecretStore(Protocol):
    """Where secrets are kept."""

    def resolve(self, reference: CredentialReference) -> Secret:
        """The secret that a reference names; never empty.

        Raises:
            SecretUnavailableError: there is none, or the store cannot be asked.
        """
        ...
