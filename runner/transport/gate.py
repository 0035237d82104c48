"""Which texts may leave for a host: those whose SHA-256 was approved before any connection was opened, and no others.

Between the scripts of one pipeline stand marker statements; what arrives after a marker belongs to the script that
the marker names. Markers are scripts like others: their hashes are part of the gate.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from runner.transport.failures import Cause, ScriptRefused, failure
from runner.transport.interface import Script

MARKER_KIND = "exrun.batch"
_SHA256 = re.compile(r"[0-9a-f]{64}")
_TOKEN = re.compile(r"[0-9a-f]{16,64}")
_MARKER = re.compile(
    rf"\[pscustomobject\]@\{{ Kind = '{re.escape(MARKER_KIND)}'; Script = '(?P<script>[0-9a-f]{{64}})'"
    r"(?:; Token = '(?P<token>[0-9a-f]{16,64})')? \}"
)


def marker(script_sha256: str, token: str = "") -> Script:
    """The statement that stands before the script of this hash in a pipeline.

    Args:
        script_sha256: 64 lower-case hexadecimal digits.
        token: 16 to 64 lower-case hexadecimal digits that no script knows, so that none can write a marker; or none.

    Raises:
        ValueError: an argument is anything else, so it could not stand in a literal unseen.
    """
    if not _SHA256.fullmatch(script_sha256):
        raise ValueError("a marker names a script by 64 lower-case hexadecimal digits")
    if token and not _TOKEN.fullmatch(token):
        raise ValueError("the token of a marker is 16 to 64 lower-case hexadecimal digits")
    proof = f"; Token = '{token}'" if token else ""
    return Script("marker", f"[pscustomobject]@{{ Kind = '{MARKER_KIND}'; Script = '{script_sha256}'{proof} }}")


def marked(text: str) -> Mapping[str, str] | None:
    """The properties of the object that a marker statement writes; None for any other text. For labs and ledgers."""
    found = _MARKER.fullmatch(text)
    if found is None:
        return None
    token = {"Token": found["token"]} if found["token"] else {}
    return {"Kind": MARKER_KIND, "Script": found["script"], **token}


@dataclass(frozen=True, slots=True)
class Gate:
    """The set of SHA-256 (lower-case hexadecimal, of UTF-8 text) that a transport may send; `token`: see `marker`."""

    allowed: frozenset[str]
    token: str = ""

    @classmethod
    def of(cls, scripts: Iterable[Script], token: str = "") -> Gate:
        """The gate that lets exactly these scripts and their markers pass."""
        hashes = {script.sha256 for script in scripts}
        return cls(frozenset(hashes | {marker(each, token).sha256 for each in hashes}), token)

    def marker(self, script: Script) -> Script:
        """The statement that stands before this script."""
        return marker(script.sha256, self.token)

    def check(self, script: Script) -> None:
        """Returns when the script's text may be sent.

        Raises:
            ScriptRefused: the text, as it stands now, is not in the set. A text that is not valid Unicode is never.
        """
        try:
            digest = hashlib.sha256(script.text.encode()).hexdigest()
        except UnicodeEncodeError:
            digest = "none, for it is not valid Unicode"
        if digest not in self.allowed:
            raise ScriptRefused(
                failure(
                    Cause.SCRIPT_REFUSED,
                    f"script {script.name!r} (SHA-256 {digest}) is not among the {len(self.allowed)} texts of this run",
                )
            )
