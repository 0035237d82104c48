"""Who may sign: OpenSSH's allowed_signers (ssh-keygen(1), ALLOWED SIGNERS).

    ops@alpha.example namespaces="exrun-catalogue",valid-before="20280101" ssh-ed25519 AAAA... a comment

Certificates are not taken: a line with cert-authority allows nobody here.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from runner.signatures.errors import AllowedSignersError, NotTrustedError
from runner.signatures.keys import KEY_TYPES, PublicKey
from runner.signatures.sshsig import key_of
from runner.signatures.wire import string

__all__ = ["AllowedSigners", "Signer", "read_allowed_signers"]

_OPTION = re.compile(r'(cert-authority|[a-z-]+="(?:[^"\\]|\\.)*")(,|\s+)', re.IGNORECASE)
_TIMES = {8: "%Y%m%d", 12: "%Y%m%d%H%M", 14: "%Y%m%d%H%M%S"}
_FORM = 'write a line as: ops@alpha.example namespaces="exrun-catalogue" ssh-ed25519 AAAA...'


@dataclass(frozen=True, slots=True)
class Signer:
    """One line: a key, whose it is, and what for and when it may sign.

    Attributes:
        principals: a list of patterns, as it is written.
        namespaces: a list of patterns; None for every purpose.
        after, before: from when and until when; None without a limit.
        authority: it vouches for certificates, which are not taken.
    """

    principals: str
    key: PublicKey
    line: int
    namespaces: str | None = None
    after: datetime | None = None
    before: datetime | None = None
    authority: bool = False

    def why_not(self, namespace: str, principal: str | None, now: datetime) -> str:
        """Why this line does not allow a signature; empty where it does."""
        if self.authority:
            return "it is there as a certificate authority, and certificates are not taken"
        if principal is not None and not _matches(principal, self.principals):
            return f"it is the key of {self.principals}, not of {principal}"
        if self.namespaces is not None and not _matches(namespace, self.namespaces):
            return f"it may sign for {self.namespaces}, not for {namespace}"
        if self.after is not None and now < self.after:
            return f"it may sign only from {self.after:%Y-%m-%d %H:%M} UTC on"
        if self.before is not None and now > self.before:
            return f"it might sign only until {self.before:%Y-%m-%d %H:%M} UTC"
        return ""


@dataclass(frozen=True, slots=True)
class AllowedSigners:
    """The lines of a list. `file` is what it is called in messages."""

    file: str
    signers: tuple[Signer, ...]

    def signer_of(
        self, message: bytes, signature: bytes, namespace: str, *, now: datetime, principal: str | None = None
    ) -> Signer:
        """Who of this list signed a message.

        Args:
            signature: the signature file.
            namespace: what the signature must have been made for.
            now: when the key must be allowed to sign; a signature does not say when it was made.
            principal: whose key it must be; None for anybody of the list.

        Raises:
            NotASignatureError: this is no signature.
            NotTrustedError: it is not of this message, or of nobody who may sign it; the message says why.
        """
        key = key_of(message, signature, namespace)
        lines = [signer for signer in self.signers if signer.key == key]
        reasons = []
        for signer in lines:
            why = signer.why_not(namespace, principal, now)
            if not why:
                return signer
            reasons.append(f"{self.file}:{signer.line}: {why}")
        if not reasons:
            raise NotTrustedError(
                f"it was made with the key {key.fingerprint}, which {self.file} does not have",
                "Ask who made it for their public key, over another way, and add it if you trust them.",
            )
        raise NotTrustedError(
            f"it was made with the key {key.fingerprint}: {'; '.join(reasons)}",
            "Have it signed by somebody who may, or correct the list.",
        )


def read_allowed_signers(text: str, file: str, *, local: Callable[[datetime], datetime]) -> AllowedSigners:
    """Reads a list of allowed signers.

    Args:
        file: what it is called in messages.
        local: a time without a zone in UTC, as the machine's clock has its zone; times in the list may be local.

    Raises:
        AllowedSignersError: a line cannot be read, or there is none.
    """
    signers = []
    for number, raw in enumerate(text.removeprefix("\ufeff").split("\n"), start=1):
        line = raw.strip()
        if line and not line.startswith("#"):
            try:
                signers.append(_signer(line, number, local))
            except ValueError as error:
                raise AllowedSignersError(f"{file}:{number}: {error}", f"Correct the line: {_FORM}.") from None
    if not signers:
        raise AllowedSignersError(f"{file} allows nobody to sign", f"Add those whom you trust: {_FORM}.")
    return AllowedSigners(file, tuple(signers))


def _signer(line: str, number: int, local: Callable[[datetime], datetime]) -> Signer:
    principals, rest = _principals(line)
    options: dict[str, str] = {}
    while not rest.startswith(tuple(f"{kind} " for kind in KEY_TYPES)):
        option = _OPTION.match(rest)
        if option is None:
            raise ValueError("has neither an option nor a key of a kind that is taken here")
        name, _, value = option[1].partition("=")
        if name.lower() in options:
            raise ValueError(f"has the option {name} twice")
        options[name.lower()] = re.sub(r"\\(.)", r"\1", value[1:-1])
        rest = rest[option.end() :]
    unknown = options.keys() - {"cert-authority", "namespaces", "valid-after", "valid-before"}
    if unknown:
        raise ValueError(f"has an option that is not known: {', '.join(sorted(unknown))}")
    after, before = (
        _time(options[name], local) if name in options else None for name in ("valid-after", "valid-before")
    )
    if after is not None and before is not None and after >= before:
        raise ValueError("has a valid-before that is not after its valid-after")
    authority = "cert-authority" in options
    return Signer(principals, _key(rest), number, options.get("namespaces"), after, before, authority)


def _principals(line: str) -> tuple[str, str]:
    if line.startswith('"'):
        principals, quote, rest = line[1:].partition('"')
        if not quote:
            raise ValueError("opens a quote and does not close it")
    else:
        principals, *others = line.split(maxsplit=1)
        rest = "".join(others)
    if not principals or not rest.strip():
        raise ValueError("has no principal, or no key")
    return principals, rest.strip()


def _key(rest: str) -> PublicKey:
    kind, encoded, *_ = [*rest.split(maxsplit=2), ""]
    try:
        blob = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        raise ValueError("has a key that is not in base64") from None
    if not blob.startswith(string(kind.encode())):
        raise ValueError("has a key of another kind than it says")
    return PublicKey(blob)


def _time(text: str, local: Callable[[datetime], datetime]) -> datetime:
    digits = text.removesuffix("Z")
    try:
        read = datetime.strptime(digits, _TIMES[len(digits)])  # noqa: DTZ007 - the zone is given next
    except (KeyError, ValueError):
        raise ValueError(f"has a time that is none: {text[:40]!r}; write 20270101, or 202701012359Z for UTC") from None
    return read.replace(tzinfo=UTC) if text.endswith("Z") else local(read)


def _matches(text: str, patterns: str) -> bool:
    """As OpenSSH's match_pattern_list: `*`, `?`, `!` for what is taken out, `,` between."""
    found = False
    for each in patterns.split(","):
        pattern = each.strip()
        negated = pattern.startswith("!")
        form = re.escape(pattern.removeprefix("!")).replace(r"\*", ".*").replace(r"\?", ".")
        if pattern and re.fullmatch(form, text, re.DOTALL):
            if negated:
                return False
            found = True
    return found
