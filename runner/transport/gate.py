"""Which texts may leave for a host: those whose SHA-256 was approved before any connection was opened, and no others.

Between the scripts of one pipeline stand marker statements; what arrives after a marker belongs to the script that
the marker names. The first pipeline of a pool begins with the opening: modules are imported, then the session is
locked, and the marker that follows says in which language it is now. These statements are scripts like others: their
hashes are part of the gate.

A locked session is one in ConstrainedLanguage, from which there is no way back: no method runs but those of core types,
no property of a live object is set, no type of .NET is reached (about_Language_Modes). Module functions that were
imported before keep the language of their module. What is tried of it, and what it does not stop:
docs/explanation/dry-run.md.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from playbooks.model import MODULE
from runner.transport.failures import Cause, ScriptRefused, failure
from runner.transport.interface import Script
from runner.transport.statements import create_pipeline, texts_of

MARKER_KIND = "exrun.batch"
IMPORT_KIND = "exrun.import"
LOCKED_LANGUAGE = "ConstrainedLanguage"
# Every script uses their commands. Loaded after the lock, what is a function in them (Get-FileHash, in Windows
# PowerShell 5.1) would run in the constrained language and fail.
BASE_MODULES = ("Microsoft.PowerShell.Management", "Microsoft.PowerShell.Utility")

# An endpoint that is constrained already refuses to have the property set, and is as good.
_LANGUAGE = "$ExecutionContext.SessionState.LanguageMode"
LOCK = Script("lock", f"if (\"$({_LANGUAGE})\" -ne '{LOCKED_LANGUAGE}') {{ {_LANGUAGE} = '{LOCKED_LANGUAGE}' }}")

_SHA256 = re.compile(r"[0-9a-f]{64}")
_TOKEN = re.compile(r"[0-9a-f]{16,64}")
_MARKER = re.compile(
    rf"@\{{ Kind = '{re.escape(MARKER_KIND)}'; Script = '(?P<script>[0-9a-f]{{64}})'"
    rf"(?:; Token = '(?P<token>[0-9a-f]{{16,64}})')?; Language = \"\$\({re.escape(_LANGUAGE)}\)\" \}}"
)
_IMPORT = re.compile(
    rf"foreach \(\$name in (?P<names>'{MODULE}'(?:, '{MODULE}')*)\) \{{ "
    r"try \{ \$null = Import-Module -Name \$name -DisableNameChecking -ErrorAction Stop \} "
    rf"catch \{{ @\{{ Kind = '{re.escape(IMPORT_KIND)}'; Module = \$name; Why = \"\$\(\$_\.Exception\.Message\)\" \}} "
    r"\} \}"
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
    language = f'; Language = "$({_LANGUAGE})"'
    return Script("marker", f"@{{ Kind = '{MARKER_KIND}'; Script = '{script_sha256}'{proof}{language} }}")


def importing(modules: Sequence[str]) -> Script:
    """The statement that imports modules, each or none of it; for one that cannot be, it writes why.

    Raises:
        ValueError: a name is none, so it could not stand in a literal unseen; or there is none.
    """
    if not modules or not all(re.fullmatch(MODULE, name) for name in modules):
        raise ValueError("a module is named by letters and digits, with single dots, hyphens or underscores between")
    names = ", ".join(f"'{name}'" for name in modules)
    body = "try { $null = Import-Module -Name $name -DisableNameChecking -ErrorAction Stop }"
    record = f"@{{ Kind = '{IMPORT_KIND}'; Module = $name; Why = \"$($_.Exception.Message)\" }}"
    return Script("import", f"foreach ($name in {names}) {{ {body} catch {{ {record} }} }}")


def marked(text: str, language: str = LOCKED_LANGUAGE) -> Mapping[str, str] | None:
    """What a marker statement writes in a session of this language; None for any other text. For labs and ledgers."""
    found = _MARKER.fullmatch(text)
    if found is None:
        return None
    token = {"Token": found["token"]} if found["token"] else {}
    return {"Kind": MARKER_KIND, "Script": found["script"], **token, "Language": language}


def imported(text: str) -> tuple[str, ...] | None:
    """The modules that an import statement names; None for any other text. For labs and ledgers."""
    found = _IMPORT.fullmatch(text)
    return None if found is None else tuple(name.strip("'") for name in found["names"].split(", "))


def is_own(text: str) -> bool:
    """Whether a text is a statement of a gate and no script: a marker, an import, or the lock. For labs and ledgers."""
    return text == LOCK.text or imported(text) is not None or marked(text) is not None


_MAX_KEPT = 64  # of each; a run has a handful of batches, and the same for every host


@dataclass(slots=True)
class _Verified:
    """What was found to be allowed: a gate's texts do not change, nor do texts and bytes.

    Attributes:
        texts: whose hashes are in the set. No more than the set has.
        pipelines: messages that make a host run such texts alone.
        written: messages by the texts that they were written from; not verified by being here.
        markers: by the hash that they name.
        opening: as the gate says it; None before it was asked for.
    """

    texts: set[str] = field(default_factory=set)
    pipelines: set[bytes] = field(default_factory=set)
    written: dict[tuple[str, ...], bytes] = field(default_factory=dict)
    markers: dict[str, Script] = field(default_factory=dict)
    opening: tuple[Script, ...] | None = None


@dataclass(frozen=True, slots=True)
class Gate:
    """What a transport may send.

    Attributes:
        allowed: SHA-256 (lower-case hexadecimal, of UTF-8 text) of every text, the gate's own statements included.
        token: see `marker`.
        full: hashes of the scripts that run in a session of the full language.
        modules: those that are imported before a session is locked.
        once: its scripts change something: none is sent as one that only reads, which may be sent again.
    """

    allowed: frozenset[str]
    token: str = ""
    full: frozenset[str] = frozenset()
    modules: tuple[str, ...] = BASE_MODULES
    once: bool = False
    _verified: _Verified = field(default_factory=_Verified, init=False, repr=False, compare=False)

    @classmethod
    def of(cls, scripts: Iterable[Script], token: str = "", *, once: bool = False) -> Gate:
        """The gate that lets exactly these scripts pass, with their markers and what opens a locked session."""
        named = tuple(scripts)
        locked = [script for script in named if not script.full]
        hashes = {script.sha256 for script in named}
        modules = tuple(dict.fromkeys([*BASE_MODULES, *(name for script in locked for name in script.modules)]))
        own = {marker(each, token).sha256 for each in hashes}
        if locked:
            own |= {importing(modules).sha256, LOCK.sha256}
        full = hashes - {script.sha256 for script in locked}  # a text that stands for both is sent to the locked one
        return cls(frozenset(hashes | own), token, frozenset(full), modules, once)

    def marker(self, script: Script) -> Script:
        """The statement that stands before this script."""
        known = self._verified.markers.get(script.sha256)
        if known is None:
            known = marker(script.sha256, self.token)
            if len(self._verified.markers) < len(self.allowed):
                self._verified.markers[script.sha256] = known
        return known

    def message(self, statements: Iterable[Script]) -> bytes:
        """The CREATE_PIPELINE that runs these statements, written once for all hosts. It is not checked here."""
        texts = tuple(statement.text for statement in statements)
        written = self._verified.written.get(texts)
        if written is None:
            written = create_pipeline(texts)
            if len(self._verified.written) < _MAX_KEPT:
                self._verified.written[texts] = written
        return written

    def check_message(self, message: bytes) -> None:
        """Returns when all that these bytes of a CREATE_PIPELINE make a host run may be sent.

        Bytes that are equal to some that were read and found good before are not read again.

        Raises:
            ScriptRefused: one of the texts in it is not in the set.
        """
        if message in self._verified.pipelines:
            return
        for said in texts_of(message):
            self.check(Script("a statement", said))
        if len(self._verified.pipelines) < _MAX_KEPT:
            self._verified.pipelines.add(message)

    def is_full(self, script: Script) -> bool:
        """Whether this script runs in a session of the full language."""
        return script.sha256 in self.full

    @property
    def opening(self) -> tuple[Script, ...]:
        """The statements with which the first pipeline of a locked session begins; none where there is none."""
        if self._verified.opening is None:
            statements = (importing(self.modules), LOCK)
            self._verified.opening = tuple(each for each in statements if each.sha256 in self.allowed)
        return self._verified.opening

    def check_repeatable(self, script: Script) -> None:
        """Returns when the script only reads, as far as this gate says.

        Raises:
            ScriptRefused: it is one that may change something.
        """
        if self.once:
            said = f"script {script.name!r} changes something, and is not sent as one that only reads"
            raise ScriptRefused(failure(Cause.SCRIPT_REFUSED, said))

    def check(self, script: Script) -> None:
        """Returns when the script's text may be sent.

        Raises:
            ScriptRefused: the text, as it stands now, is not in the set. A text that is not valid Unicode is never.
        """
        if script.text in self._verified.texts:
            return
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
        self._verified.texts.add(script.text)
