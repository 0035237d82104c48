"""Clients and hosts as everything after loading sees them: frozen, inherited settings already resolved."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from types import MappingProxyType

from texts.places import Location


class Scheme(StrEnum):
    """How WinRM is reached."""

    HTTP = "http"  # 5985; messages are encrypted by the authentication
    HTTPS = "https"  # 5986; TLS with verification


class Authentication(StrEnum):
    """How the controller proves who it is."""

    NEGOTIATE = "negotiate"
    KERBEROS = "kerberos"
    NTLM = "ntlm"
    CERTIFICATE = "certificate"


class CredentialKind(StrEnum):
    """Where a secret is kept."""

    ENV = "env"
    KEYRING = "keyring"
    COMMAND = "command"
    VAULT = "vault"


@dataclass(frozen=True, slots=True)
class CredentialReference:
    """Where a password is found; never the password. Two hosts with equal references share a credential."""

    kind: CredentialKind
    target: str  # NAME of the variable, SERVICE/USER, the command line, or PATH#FIELD

    def __str__(self) -> str:
        return f"{self.kind}:{self.target}"


LabelValues = tuple[str, ...]


def label_values(text: str) -> LabelValues:
    """The values that stand in one text, divided by commas as Exchange writes `Mailbox, ClientAccess`.

    A text of nothing but commas is one value.
    """
    values = tuple(value for part in text.split(",") if (value := part.strip()))
    return values or (text,)


def label_text(values: LabelValues) -> str:
    """The values as one text: `Mailbox, ClientAccess`."""
    return ", ".join(values)


@dataclass(frozen=True, slots=True)
class Host:
    """One server of one client.

    Attributes:
        user: the account, `DOMAIN\\name` or UPN; None for certificate and for the current Kerberos ticket.
        credential: where the password of `user` is; None as above.
        certificate, certificate_key: PEM files for Authentication.CERTIFICATE.
        allow_public: networks, IP addresses and host names outside private ranges to which NTLM may be spoken.
        labels: own and inherited; the values of each, most often one.
        groups: names of all groups that hold the host, directly or through others.
    """

    client: str
    name: str
    address: str
    port: int
    scheme: Scheme
    authentication: Authentication
    origin: Location
    user: str | None = None
    credential: CredentialReference | None = None
    ca_file: Path | None = None
    certificate: Path | None = None
    certificate_key: Path | None = None
    allow_public: tuple[str, ...] = ()
    labels: Mapping[str, LabelValues] = field(default_factory=lambda: MappingProxyType({}))
    groups: frozenset[str] = frozenset()

    @property
    def key(self) -> str:
        """`client/name`: unique in an inventory."""
        return f"{self.client}/{self.name}"


@dataclass(frozen=True, slots=True)
class Client:
    """One tenant: nothing of it may be seen in another's journal, report or credentials."""

    name: str
    hosts: tuple[Host, ...]
    groups: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A file that was read: its path as it was named, the SHA-256 of its bytes, and the clients that it speaks of."""

    path: str
    sha256: str
    clients: frozenset[str]


@dataclass(frozen=True, slots=True)
class Inventory:
    """Everything that was loaded, from one file or several."""

    clients: tuple[Client, ...]
    files: tuple[SourceFile, ...]

    @property
    def source(self) -> str:
        """The paths of all files, in the order in which they were named."""
        return ", ".join(file.path for file in self.files)

    @property
    def digest(self) -> str:
        """Of one file the SHA-256 of its bytes; of several that of their SHA-256s in hexadecimal, each with a line
        feed, in the order in which they were named. For the journal."""
        if len(self.files) == 1:
            return self.files[0].sha256
        return hashlib.sha256("".join(f"{file.sha256}\n" for file in self.files).encode()).hexdigest()

    @property
    def hosts(self) -> tuple[Host, ...]:
        """All hosts, in the order of the file."""
        return tuple(host for client in self.clients for host in client.hosts)
