"""From a host of the inventory to a transport: the one place that knows which settings of a host mean what."""

from __future__ import annotations

import ssl
import threading
import time
from collections.abc import Callable
from pathlib import Path
from random import Random

from inventory.model import Authentication, Host, Scheme
from inventory.names import called
from runner.secrets.interface import Secret
from runner.transport.destinations import anywhere, ntlm_to
from runner.transport.gate import Gate
from runner.transport.http import HttpTransport, NewContext, always_permitted, client_tls, contexts
from runner.transport.interface import Deadlines, Limits, Notice, Transport
from runner.transport.retry import Account, LockoutGuard, RetryBudget, RetryPolicy
from runner.transport.winrm import WinRmTransport
from runner.transport.wire import Cancellation, dialler


class Connector:
    """Makes the transports of one run; they share its gate and its lock-out guard. May be used by many threads.

    Args:
        gate: the texts that may be sent, on every host.
        limits: on what one script may send back.
        deadlines: for every host; `per_script` by the script's name.
        retries: for every host.
        guard: counts refused authentications over all hosts of the run.
        allow_cleartext: over HTTP, authenticate but do not seal messages. For labs only; `is_cleartext` says for which
            hosts, for the warning and the journal.
        repeatable: scripts read only, so that after a lost connection those without an answer may run once more.
        clock: monotonic seconds.
        random: for the jitter between attempts.
    """

    def __init__(
        self,
        gate: Gate,
        *,
        limits: Limits | None = None,
        deadlines: Deadlines | None = None,
        retries: RetryPolicy | None = None,
        guard: LockoutGuard | None = None,
        allow_cleartext: bool = False,
        repeatable: bool = False,
        clock: Callable[[], float] = time.monotonic,
        random: Random | None = None,
    ) -> None:
        self.guard = guard or LockoutGuard()
        self._gate = gate
        self._limits = limits or Limits()
        self._deadlines = deadlines or Deadlines()
        self._retries = retries or RetryPolicy()
        self._allow_cleartext = allow_cleartext
        self._repeatable = repeatable
        self._clock = clock
        self._random = random or Random()  # noqa: S311  # jitter, not a secret
        self._tls: dict[tuple[Path | None, Path | None, Path | None], ssl.SSLContext] = {}
        self._tls_lock = threading.Lock()

    def is_cleartext(self, host: Host) -> bool:
        """Whether what is said to this host can be read on the network."""
        return self._allow_cleartext and host.scheme is Scheme.HTTP

    def transport(
        self, host: Host, secret: Secret | None, notify: Callable[[Notice], None] = lambda _: None
    ) -> Transport:
        """The transport of one host; nothing is sent before `open`.

        Args:
            secret: the password of `host.user`; None for a certificate or the current Kerberos ticket.
            notify: is told of what the journal should know: attempts and repetitions. Called on the thread that works.

        Raises:
            TransportError: Cause.TLS, when the host's CA or certificate files cannot be used.
        """
        tls = self._context(host) if host.scheme is Scheme.HTTPS else None
        cancellation = Cancellation()
        sealed = tls is None and not self._allow_cleartext
        permit = (
            always_permitted
            if host.credential is None
            else self.guard.permit(Account(host.user, host.credential), host.key, cancellation.is_set)
        )
        why_not = ntlm_to(host.address, host.allow_public) if _may_speak_ntlm(host) else anywhere
        http = HttpTransport(
            f"{host.scheme}://{_bracketed(called(host.address))}:{host.port}/wsman",
            dialler(
                host.address,
                host.port,
                tls,
                self._clock,
                cancellation.check,
                why_not=why_not,
                ntlm_alone=host.authentication is Authentication.NTLM,
            ),
            _new_context(host, secret, sealing=sealed),
            sealed=sealed,
            clock=self._clock,
            permit=permit,
            why_not_ntlm=why_not,
            kerberos=host.authentication is Authentication.KERBEROS,
            asks_kdc=secret is not None and host.authentication is not Authentication.NTLM,
            connect_seconds=self._deadlines.connect,
        )
        return WinRmTransport(
            http,
            self._gate,
            limits=self._limits,
            deadlines=self._deadlines,
            clock=self._clock,
            cancellation=cancellation,
            budget=RetryBudget(
                self._retries, clock=self._clock, sleep=cancellation.sleep, random=self._random, notify=notify
            ),
            repeatable=self._repeatable,
            notify=notify,
        )

    def _context(self, host: Host) -> ssl.SSLContext:
        """One TLS context for each set of files: to read the system's CAs costs more than a whole session."""
        files = (host.ca_file, host.certificate, host.certificate_key)
        with self._tls_lock:
            if files not in self._tls:
                self._tls[files] = client_tls(*files)
            return self._tls[files]


def _new_context(host: Host, secret: Secret | None, *, sealing: bool) -> NewContext | None:
    if host.authentication is Authentication.CERTIFICATE:
        return None
    return lambda bindings: contexts(
        str(host.authentication),
        host.user,
        None if secret is None else secret.reveal(),
        called(host.address),
        sealing=sealing,
    )(bindings)


def _may_speak_ntlm(host: Host) -> bool:
    return host.authentication in (Authentication.NTLM, Authentication.NEGOTIATE)


def _bracketed(address: str) -> str:
    return f"[{address}]" if ":" in address else address
