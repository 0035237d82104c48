"""Every credential of a run, asked for once and before anything is sent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from inventory.model import CredentialReference, Host
from runner.order import Order
from runner.redaction import Redactor
from runner.secrets.interface import Secret, SecretStore, SecretUnavailableError

Credentials = Mapping[CredentialReference, Secret | SecretUnavailableError]


def resolve_credentials(order: Order, secrets: SecretStore, redactors: Mapping[str, Redactor]) -> Credentials:
    """Each credential of the hosts, asked for once and before anything is sent.

    A secret goes to the redactor of every client that uses it. One that cannot be had is in the answer as its error:
    it costs the hosts that need it and no others.
    """
    said: dict[CredentialReference, Secret | SecretUnavailableError] = {}
    for host in order.hosts:
        if host.credential is None:
            continue
        if host.credential not in said:
            said[host.credential] = _resolved(host.credential, secrets)
        known = said[host.credential]
        if isinstance(known, Secret):
            redactors[host.client].register(known.reveal())
    return said


@dataclass(frozen=True, slots=True)
class Unresolved:
    """A credential reference that gives no password, and the servers that need it, in the order of the inventory."""

    error: SecretUnavailableError
    hosts: tuple[Host, ...]


def unresolved(order: Order, credentials: Credentials) -> tuple[Unresolved, ...]:
    """Every reference of an order that could not be resolved, in the order in which hosts first name them."""
    return tuple(
        Unresolved(said, tuple(host for host in order.hosts if host.credential == reference))
        for reference, said in credentials.items()
        if isinstance(said, SecretUnavailableError)
    )


def _resolved(reference: CredentialReference, secrets: SecretStore) -> Secret | SecretUnavailableError:
    try:
        return secrets.resolve(reference)
    except SecretUnavailableError as error:
        return error
