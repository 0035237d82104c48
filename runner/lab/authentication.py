"""The accepting side of NTLM and Negotiate, by pyspnego: one `Acceptor` a connection.

pyspnego's NTLM acceptor finds accounts only in the file that NTLM_USER_FILE names, and reads it at each authentication.
`Accounts` writes that file with ready hashes, and sets the variable only while a context looks at it: the lab may run
in a thread of a process that uses NTLM as a client or has another lab.

pyspnego works through sets of flags for each message. Messages of a session with the flags that every client of today
asks for are opened and sealed here with its key and its cipher; a test compares the two. All others are pyspnego's.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import struct
import tempfile
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType

import spnego
from spnego import ContextProxy
from spnego._ntlm_raw.crypto import RC4Handle, ntowfv1  # the one place of RC4 and MD4, which OpenSSL 3 hides or lacks
from spnego.channel_bindings import GssChannelBindings
from spnego.exceptions import NegotiateOptions

from runner.lab.fleet import Account
from runner.lab.sealing import SealError, join, split

_VARIABLE = "NTLM_USER_FILE"
_NTLM = b"NTLMSSP\x00"  # MS-NLMP 2.2.1
_FLAGS_AT = 60  # of AUTHENTICATE_MESSAGE, MS-NLMP 2.2.1.3
# MS-NLMP 2.2.2.5: 128 bits, key exchange, extended session security, sealing, signing.
_USUAL = 0x20000000 | 0x40000000 | 0x00080000 | 0x00000020 | 0x00000010
TO_SERVER, TO_CLIENT = b"client-to-server", b"server-to-client"
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


class Sealing:
    """One direction of a session with the usual flags (MS-NLMP 3.4.3, 3.4.4.2, 3.4.5.2, 3.4.5.3)."""

    def __init__(self, session_key: bytes, direction: bytes) -> None:
        purpose = b"session key to %s %s key magic constant\x00"
        self._signing = hashlib.md5(session_key + purpose % (direction, b"signing")).digest()  # noqa: S324
        self._cipher = RC4Handle(hashlib.md5(session_key + purpose % (direction, b"sealing")).digest())  # noqa: S324
        self._number = 0

    def seal(self, message: bytes) -> tuple[bytes, bytes]:
        """The signature of the next message, and the message sealed."""
        sealed = self._cipher.update(message)
        return self._signature(message), sealed

    def open(self, signature: bytes, sealed: bytes) -> bytes:
        """The next message.

        Raises:
            SealError: the signature is not its own.
        """
        message = self._cipher.update(sealed)
        if not hmac.compare_digest(self._signature(message), signature):
            raise SealError("the signature is another message's")
        return message

    def _signature(self, message: bytes) -> bytes:
        number = struct.pack("<I", self._number)
        self._number += 1
        checksum = hmac.digest(self._signing, number + message, "md5")[:8]
        return b"\x01\x00\x00\x00" + self._cipher.update(checksum) + number


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
        self._directions: tuple[Sealing, Sealing] | None = None  # from the client, and to it

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
            if is_usual(token):
                key = self._context.session_key
                self._directions = Sealing(key, TO_SERVER), Sealing(key, TO_CLIENT)
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
        if self._directions is not None:
            message = self._directions[0].open(signature, sealed)
        elif self._context is None:
            raise SealError("nobody is authenticated")
        else:
            try:
                message = self._context.unwrap_winrm(signature, sealed)
            except Exception as error:
                raise SealError(f"{type(error).__name__}: {error}") from error
        if len(message) != length:
            raise SealError("the message is not as long as it says")
        return message

    def seal(self, message: bytes) -> bytes:
        """The sealed body for a plaintext."""
        if self._directions is not None:
            return join(*self._directions[1].seal(message), len(message))
        assert self._context is not None
        wrapped = self._context.wrap_winrm(message)
        return join(wrapped.header, wrapped.data, len(message) + wrapped.padding_length)


def is_usual(token: bytes) -> bool:
    """Whether an AUTHENTICATE_MESSAGE, without SPNEGO around it, asks for the usual flags."""
    if not token.startswith(_NTLM) or len(token) < _FLAGS_AT + 4:
        return False
    flags: int = struct.unpack_from("<I", token, _FLAGS_AT)[0]
    return flags & _USUAL == _USUAL
