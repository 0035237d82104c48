"""From a host of the inventory to a transport: the one place that knows which settings of a host mean what."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

from inventory.model import Authentication, CredentialReference, Host, Scheme
from inventory.names import called
from runner.secrets.interface import Secret
from runner.transport.destinations import WhyNot, anywhere, ntlm_to
from runner.transport.gate import Gate
from runner.transport.http import HttpTransport, NewContext, always_permitted, client_tls, contexts, nt_hash
from runner.transport.interface import Deadlines, Limits, LoggingOn, Notice, Transport
from runner.transport.memory import MemoryBudget
from runner.transport.retry import Account, LockoutGuard, RetryBudget, RetryPolicy
from runner.transport.winrm import WinRmTransport
from runner.transport.wire import Cancellation, Waiting, dialler

if TYPE_CHECKING:
    from runner.transport.probing import Probe


class Connector:
    """Makes the ways to the hosts of one run, which share its lock-out guard and its memory. For many threads.

    Args:
        limits: on what one script may send back.
        retries: for each connection.
        guard: counts refused authentications over all hosts of the run.
        memory: for what all hosts in work send.
        allow_cleartext: over HTTP, authenticate but do not seal messages. For labs only; `is_cleartext` says for which
            hosts, for the warning and the journal.
        waiting: what all connections wait with.
        random: for the jitter between attempts.
    """

    def __init__(
        self,
        *,
        limits: Limits | None = None,
        retries: RetryPolicy | None = None,
        guard: LockoutGuard | None = None,
        memory: MemoryBudget | None = None,
        allow_cleartext: bool = False,
        waiting: Waiting | None = None,
        random: Random | None = None,
    ) -> None:
        self.guard = guard or LockoutGuard()
        self.memory = memory or MemoryBudget()
        self.limits = limits or Limits()
        self.retries = retries or RetryPolicy()
        self.waiting = waiting or Waiting()
        self.clock = self.waiting.clock
        self.random = random or Random()  # noqa: S311  # jitter, not a secret
        self._allow_cleartext = allow_cleartext
        self._tls: dict[tuple[Path | None, Path | None, Path | None], ssl.SSLContext] = {}
        self._tls_lock = threading.Lock()
        self._nt_hashes: dict[CredentialReference, str | None] = {}

    def is_cleartext(self, host: Host) -> bool:
        """Whether what is said to this host can be read on the network."""
        return self._allow_cleartext and host.scheme is Scheme.HTTP

    def to(
        self, host: Host, secret: Secret | None, notify: Callable[[Notice], None] = lambda _: None
    ) -> HostConnections:
        """The way to one host; nothing is sent.

        Args:
            secret: the password of `host.user`; None for a certificate or the current Kerberos ticket.
            notify: is told of what the journal should know: attempts and repetitions. Called on the thread that works.
        """
        return HostConnections(self, host, secret, notify)

    def context(self, host: Host) -> ssl.SSLContext:
        """One TLS context for each set of files: to read the system's CAs costs more than a whole session.

        Raises:
            TransportError: Cause.TLS, when the host's CA or certificate files cannot be used.
        """
        files = (host.ca_file, host.certificate, host.certificate_key)
        with self._tls_lock:
            if files not in self._tls:
                self._tls[files] = client_tls(*files)
            return self._tls[files]

    def nt_hash(self, host: Host, secret: Secret) -> str | None:
        """What NTLM makes of a password, made once for each credential of a run. None where the system does NTLM."""
        reference = host.credential
        if reference is None or not _may_speak_ntlm(host):
            return None
        if reference not in self._nt_hashes:  # two threads may both make it: it is the same
            self._nt_hashes[reference] = nt_hash(secret.reveal())
        return self._nt_hashes[reference]


class HostConnections:
    """The way to one host: a Connect (interface.py). One thread works with it; `cancel` is for any.

    Its connections share the cancellation and the run's lock-out guard. Each has its own gate, deadlines and attempts.
    """

    def __init__(
        self, connector: Connector, host: Host, secret: Secret | None, notify: Callable[[Notice], None]
    ) -> None:
        self._connector = connector
        self._host = host
        self._secret = secret
        self._notify = notify
        self._cancellation = Cancellation(waiting=connector.waiting)
        self._made: list[HttpTransport] = []

    @property
    def requests(self) -> int:
        return sum(http.requests for http in self._made)

    @property
    def accepted(self) -> bool:
        """Whether the host has let the account in, at least once."""
        return any(http.accepted for http in self._made)

    def probe(self, seconds: float) -> Probe:
        """The steps of a connection by themselves, none of which logs on; each within so many seconds."""
        from runner.transport.probing import Probe  # no other command wants it

        connector, host = self._connector, self._host
        tls = partial(connector.context, host) if host.scheme is Scheme.HTTPS else None
        return Probe(
            host.address,
            host.port,
            self._endpoint,
            tls,
            seconds=seconds,
            waiting=connector.waiting,
            check=self._cancellation.check,
            share=connector.memory.share(connector.clock, self._cancellation.check),
            why_not=self._why_not,
            asked=self._made.append,
        )

    def cancel(self) -> None:
        self._cancellation.set()

    def wait(self, seconds: float) -> None:
        self._cancellation.sleep(seconds)

    def __call__(
        self, gate: Gate, deadlines: Deadlines, *, beside: Transport | None = None, ending: Sequence[str] = ()
    ) -> Transport:
        if beside is not None:
            if not isinstance(beside, WinRmTransport):
                raise TypeError("a transport can be beside one of WinRM only")
            return beside.another(gate, deadlines, ending)
        connector, host, secret = self._connector, self._host, self._secret
        tls = connector.context(host) if host.scheme is Scheme.HTTPS else None
        cancellation = self._cancellation.another()
        sealed = tls is None and not connector.is_cleartext(host)
        permit = (
            always_permitted
            if host.credential is None
            else connector.guard.permit(Account(host.user, host.credential), host.key, cancellation.is_set)
        )
        share = connector.memory.share(connector.clock, cancellation.check)
        why_not = self._why_not
        http = HttpTransport(
            self._endpoint,
            dialler(
                host.address,
                host.port,
                tls,
                connector.waiting,
                cancellation.check,
                why_not=why_not,
                ntlm_alone=host.authentication is Authentication.NTLM,
            ),
            self._new_context(sealing=sealed),
            sealed=sealed,
            clock=connector.clock,
            permit=permit,
            why_not_ntlm=why_not,
            kerberos=host.authentication is Authentication.KERBEROS,
            asks_kdc=secret is not None and host.authentication is not Authentication.NTLM,
            connect_seconds=deadlines.connect,
            share=share,
            logging_on=lambda: self._notify(LoggingOn()),
        )
        self._made.append(http)
        attempts = RetryBudget(
            connector.retries,
            clock=connector.clock,
            sleep=cancellation.sleep,
            random=connector.random,
            notify=self._notify,
        )
        return WinRmTransport(
            http,
            gate,
            limits=connector.limits,
            deadlines=deadlines,
            clock=connector.clock,
            cancellation=cancellation,
            budget=attempts,
            share=share,
            notify=self._notify,
            ending=ending,
        )

    @property
    def _endpoint(self) -> str:
        host = self._host
        return f"{host.scheme}://{_bracketed(called(host.address))}:{host.port}/wsman"

    @property
    def _why_not(self) -> WhyNot:
        host = self._host
        return ntlm_to(host.address, host.allow_public) if _may_speak_ntlm(host) else anywhere

    def _new_context(self, *, sealing: bool) -> NewContext | None:
        host, secret = self._host, self._secret
        if host.authentication is Authentication.CERTIFICATE:
            return None

        return lambda bindings: contexts(
            str(host.authentication),
            host.user,
            None if secret is None else secret.reveal(),
            called(host.address),
            sealing=sealing,
            hashed=None if secret is None else self._connector.nt_hash(host, secret),
        )(bindings)


def _may_speak_ntlm(host: Host) -> bool:
    return host.authentication in (Authentication.NTLM, Authentication.NEGOTIATE)


def _bracketed(address: str) -> str:
    return f"[{address}]" if ":" in address else address
