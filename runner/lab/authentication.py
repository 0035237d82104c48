"""The accepting side of NTLM and Negotiate, by pyspnego: one `Acceptor` a connection.

pyspnego's NTLM acceptor finds accounts only in the file that NTLM_USER_FILE names, and reads it at each authentication.
`Accounts` writes that file with ready hashes, and sets the variable only while a context looks at it: the lab may run
in a thread of a process that uses NTLM as a client or has another lab.
"""

from __future__ import annotations

import os
import tempfile
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType

import spnego
from spnego import ContextProxy
from spnego._ntlm_raw.crypto import ntowfv1  # the one place that hashes a password; OpenSSL 3 has no MD4
from spnego.channel_bindings import GssChannelBindings
from spnego.exceptions import NegotiateOptions

from runner.lab.fleet import Account
from runner.lab.sealing import SealError, join, split

_VARIABLE = "NTLM_USER_FILE"
_NTLM = b"NTLMSSP\x00"  # MS-NLMP 2.2.1
_ENVIRONMENT = threading.RLock()  # the environment is the process's, so its guard is too


class RefusedError(Exception):
    """The client did not prove to be an account of the host."""


class Accounts:
    """Who may log on, as a file for pyspnego. A context manager: the file goes at its end."""

    def __init__(self, accounts: Iterable[Account]) -> None:
        accounts = tuple(accounts)
        self._users = {spelling.upper(): account.user for account in accounts for spelling in account.spellings}
        lines = [
            f"{spelling}:1000:{'0' * 32}:{ntowfv1(account.password).hex().upper()}:[U]:LCT-00000000\n"
            for account in accounts
            for spelling in account.spellings
        ]
        handle, name = tempfile.mkstemp(prefix="exrun-lab-accounts-")
        self.path = Path(name)
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.writelines(lines)

    def __enter__(self) -> Accounts:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.path.unlink(missing_ok=True)

    def user(self, principal: str) -> str:
        """The account's own spelling of a name under which it logged on."""
        return self._users.get(principal.upper(), principal)

    @contextmanager
    def in_sight(self) -> Iterator[None]:
        """pyspnego sees these accounts and no others."""
        with _ENVIRONMENT:
            before = os.environ.get(_VARIABLE)
            os.environ[_VARIABLE] = str(self.path)
            try:
                yield
            finally:
                if before is None:
                    del os.environ[_VARIABLE]
                else:
                    os.environ[_VARIABLE] = before


class Acceptor:
    """One security context. NTLM raw or in SPNEGO; over TLS it insists on the channel's binding.

    Attributes:
        complete: the client is authenticated.
        user: the account.
    """

    def __init__(self, accounts: Accounts, server_certificate_binding: bytes | None) -> None:
        self.complete = False
        self.user = ""
        self._accounts = accounts
        self._binding = server_certificate_binding
        self._context: ContextProxy | None = None

    def step(self, token: bytes) -> bytes | None:
        """Takes the client's token; returns the next, if there is one.

        Raises:
            RefusedError: the account or its proof is wrong, or the token makes no sense.
        """
        try:
            with self._accounts.in_sight():
                if self._context is None:
                    self._context = self._made(token)
                answer = self._context.step(token)
        except Exception as error:  # pyspnego's parsers let struct.error and others out on malformed tokens
            raise RefusedError(f"{type(error).__name__}: {error}") from error
        self.complete = self._context.complete
        if self.complete:
            self.user = self._accounts.user(self._context.client_principal or "")
        return answer

    def _made(self, token: bytes) -> ContextProxy:
        """The context for a first token. NTLM that comes without SPNEGO around it needs none: that is half the work.

        The options are for pyspnego's own code: Windows' would ask for accounts of Windows.
        """
        bare = token.startswith(_NTLM)
        return spnego.server(
            protocol="ntlm" if bare else "negotiate",
            options=NegotiateOptions.use_ntlm if bare else NegotiateOptions.use_negotiate,
            channel_bindings=None if self._binding is None else GssChannelBindings(application_data=self._binding),
        )

    def open(self, body: bytes) -> bytes:
        """The plaintext of a sealed body.

        Raises:
            SealError: it was not sealed by this context.
        """
        signature, sealed, length = split(body)
        if self._context is None:
            raise SealError("nobody is authenticated")
        try:
            message = self._context.unwrap_winrm(signature, sealed)
        except Exception as error:
            raise SealError(f"{type(error).__name__}: {error}") from error
        if len(message) != length:
            raise SealError("the message is not as long as it says")
        return message

    def seal(self, message: bytes) -> bytes:
        """The sealed body for a plaintext."""
        assert self._context is not None
        wrapped = self._context.wrap_winrm(message)
        return join(wrapped.header, wrapped.data, len(message) + wrapped.padding_length)
