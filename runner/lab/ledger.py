"""What clients did: HTTP requests counted, and every command recorded that was handed to an engine.

The text of a script is what PowerShell would run: the fragments of Command and Send are put together as they arrive and
CLIXML's escapes undone. What cannot be read is recorded as such, never left out.
"""

from __future__ import annotations

import hashlib
import json
import re
import threading
import uuid
import xml.etree.ElementTree as ET
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import lru_cache
from typing import TextIO

from psrpcore.types import PSRPMessageType

from runner.lab.faults import Step
from runner.lab.psrp import Assembler, FragmentError, Message
from runner.transport.gate import LOCK, is_own


@dataclass(frozen=True, slots=True)
class Statement:
    """One command of a pipeline.

    Attributes:
        statement: number of the statement that it is in, from 0.
        text: the script, or the command's name.
        script: whether `text` is a script.
        arguments: of a command or script: the CLIXML of each, empty for ordinary audits.
    """

    statement: int
    text: str
    script: bool
    arguments: tuple[str, ...] = ()

    @property
    def sha256(self) -> str:
        """Lower-case hexadecimal SHA-256 of the text as UTF-8."""
        return hashlib.sha256(self.text.encode("utf-8", "surrogatepass")).hexdigest()


@dataclass(frozen=True, slots=True)
class Executed:
    """One pipeline that an engine was given.

    Attributes:
        unreadable: why there are no statements, where that is so.
        locked: whether the pool was locked before it.
    """

    host: str
    time: datetime
    shell: uuid.UUID
    pipeline: uuid.UUID
    statements: tuple[Statement, ...]
    unreadable: str = ""
    locked: bool = False

    @property
    def collects(self) -> tuple[Statement, ...]:
        """What ran in the locked session, the gate's own statements left out."""
        return tuple(each for each, locked in self._languages() if locked and not is_own(each.text))

    @property
    def changes(self) -> tuple[Statement, ...]:
        """What ran in the full language, likewise: it could change the server, whatever it is called.

        exrun sends nothing else there but collects of actions that ask for the full language and were allowed it.
        """
        return tuple(each for each, locked in self._languages() if not locked and not is_own(each.text))

    def _languages(self) -> Iterator[tuple[Statement, bool]]:
        locked = self.locked
        for statement in self.statements:
            locked = locked or _locks(statement)
            yield statement, locked

    def documents(self) -> Iterator[dict[str, object]]:
        """A JSON object for each statement."""
        about: dict[str, object] = {
            "host": self.host,
            "time": self.time.isoformat(),
            "shell": str(self.shell),
            "pipeline": str(self.pipeline),
        }
        if self.unreadable:
            yield about | {"unreadable": self.unreadable}
        for statement, locked in self._languages():
            yield about | {
                "statement": statement.statement,
                "kind": "script" if statement.script else "command",
                "sha256": statement.sha256,
                "text": statement.text,
                "arguments": list(statement.arguments),
                "locked": locked,
            }


@dataclass(frozen=True, slots=True)
class TaskRan:
    """A scheduled task that ran on a server by itself: nobody sent it then."""

    host: str
    time: datetime
    task: str
    text: str

    @property
    def sha256(self) -> str:
        """Lower-case hexadecimal SHA-256 of the text as UTF-8."""
        return hashlib.sha256(self.text.encode("utf-8", "surrogatepass")).hexdigest()

    def document(self) -> dict[str, object]:
        """A JSON object."""
        return {
            "host": self.host,
            "time": self.time.isoformat(),
            "kind": "task",
            "task": self.task,
            "sha256": self.sha256,
            "text": self.text,
        }


@dataclass(slots=True)
class HostLedger:
    """One host's counts; written by the lab's thread alone.

    Attributes:
        requests: HTTP requests, those of authentication and those that a fault struck included.
        connections: TCP connections accepted.
        steps: how often each step of the protocol was asked for.
        restarts: how often it restarted because a script asked for it.
    """

    host: str
    requests: int = 0
    connections: int = 0
    steps: Counter[Step] = field(default_factory=Counter)
    restarts: int = 0


class Ledger:
    """All hosts' accounts of themselves. Reading is safe from any thread.

    Args:
        now: the time of day, with its zone; the servers' own where they restart.
        file: gets a JSON line for each statement, as it comes.
    """

    def __init__(self, now: Callable[[], datetime], file: TextIO | None = None) -> None:
        self.now = now
        self._file = file
        self._lock = threading.Lock()
        self._hosts: dict[str, HostLedger] = {}
        self._executed: list[Executed] = []
        self._tasks: list[TaskRan] = []
        self._texts: dict[str, str] = {}  # 2,000 hosts that run one script hold it once
        self._read = lru_cache(_REMEMBERED)(self._statements)  # and those that are sent the same bytes, its statements

    def host(self, key: str) -> HostLedger:
        """One host's counts, made when first asked for."""
        with self._lock:
            return self._hosts.setdefault(key, HostLedger(key))

    @property
    def hosts(self) -> dict[str, HostLedger]:
        """All hosts' counts by `client/name`."""
        with self._lock:
            return dict(self._hosts)

    @property
    def requests(self) -> int:
        """HTTP requests to all hosts."""
        return sum(host.requests for host in self.hosts.values())

    def executed(self, host: str | None = None) -> tuple[Executed, ...]:
        """What was executed, on one host or all, in the order in which it came."""
        with self._lock:
            return tuple(entry for entry in self._executed if host is None or entry.host == host)

    def scripts(self, host: str | None = None) -> tuple[Statement, ...]:
        """The same, statement by statement."""
        return tuple(statement for entry in self.executed(host) for statement in entry.statements)

    def tasks(self, host: str | None = None) -> tuple[TaskRan, ...]:
        """The scheduled tasks that ran, on one host or all, in the order in which they did."""
        with self._lock:
            return tuple(entry for entry in self._tasks if host is None or entry.host == host)

    def ran_task(self, host: str, task: str, text: str) -> None:
        """Take in that a task ran."""
        with self._lock:
            entry = TaskRan(host, self.now(), task, text)
            self._tasks.append(entry)
            if self._file is not None:
                self._file.write(json.dumps(entry.document()) + "\n")
                self._file.flush()

    def record(
        self,
        host: str,
        shell: uuid.UUID,
        pipeline: uuid.UUID,
        message: Message | None,
        why: str = "",
        *,
        locked: bool = False,
    ) -> bool:
        """Take in a message that makes an engine execute something, or why it cannot be read.

        Args:
            locked: the pool was locked before it.

        Returns:
            Whether it is afterwards.
        """
        statements: tuple[Statement, ...] = ()
        if message is not None:
            try:
                statements = self._read(message.kind, message.data)
            except (ET.ParseError, ValueError) as error:
                why = f"{type(error).__name__}: {error}"
            else:
                why = "" if statements else "no command in it"
        with self._lock:
            entry = Executed(host, self.now(), shell, pipeline, statements, why, locked)
            self._executed.append(entry)
            if self._file is not None:
                for document in entry.documents():
                    self._file.write(json.dumps(document) + "\n")
                self._file.flush()
        return locked or any(_locks(statement) for statement in statements)

    def _statements(self, kind: int, data: bytes) -> tuple[Statement, ...]:
        return tuple(
            replace(found, text=self._texts.setdefault(found.text, found.text)) for found in _statements(kind, data)
        )


class ShellLedger:
    """Listens to one shell: put each Command and Send in, and what they execute is recorded.

    Attributes:
        locked: whether the pool is locked by what was put in.
    """

    def __init__(self, ledger: Ledger, host: str, shell: uuid.UUID) -> None:
        self._ledger = ledger
        self._host = host
        self._shell = shell
        self.locked = False
        self._assemblers: dict[uuid.UUID, Assembler] = {}

    def command(self, pipeline: uuid.UUID, fragments: bytes) -> None:
        """The fragments of a Command."""
        self._assemblers[pipeline] = Assembler()
        self.send(pipeline, fragments)

    def send(self, pipeline: uuid.UUID | None, fragments: bytes) -> None:
        """The fragments of a Send; those for the pool execute nothing."""
        assembler = None if pipeline is None else self._assemblers.get(pipeline)
        if pipeline is None or assembler is None:
            return
        try:
            for message in assembler.feed(fragments):
                if message.kind in (PSRPMessageType.CreatePipeline, PSRPMessageType.GetCommandMetadata):
                    self._record(pipeline, message)
        except FragmentError as error:
            self._record(pipeline, None, str(error))

    def _record(self, pipeline: uuid.UUID, message: Message | None, why: str = "") -> None:
        self.locked = self._ledger.record(self._host, self._shell, pipeline, message, why, locked=self.locked)

    def forget(self, pipeline: uuid.UUID) -> None:
        """The pipeline is over."""
        self._assemblers.pop(pipeline, None)


def _locks(statement: Statement) -> bool:
    return statement.script and statement.text == LOCK.text


_REMEMBERED = 16  # pipelines of different bytes: an audit sends all its hosts the same

_ESCAPE = re.compile(r"_x([0-9A-Fa-f]{4})_")


def _text(element: ET.Element | None) -> str:
    """CLIXML text: UTF-16 code units that XML cannot hold are `_xHHHH_` (MS-PSRP 2.2.5.3.2)."""
    raw = (element.text if element is not None else None) or ""
    if "_x" not in raw:
        return raw
    undone = _ESCAPE.sub(lambda found: chr(int(found[1], 16)), raw)
    # Two escaped halves of a surrogate pair are one character.
    return undone.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "surrogatepass")


def _statements(kind: int, data: bytes) -> tuple[Statement, ...]:
    if kind == PSRPMessageType.GetCommandMetadata:
        return (Statement(0, "Get-Command", False, (data.decode("utf-8", "replace"),)),)
    if b"<!DOCTYPE" in data or b"<!ENTITY" in data:
        raise ValueError("a document type declaration")
    root = ET.fromstring(data)  # noqa: S314  # no declarations, so no entities
    powershell = root.find("./MS/Obj[@N='PowerShell']/MS")
    if powershell is None:
        raise ValueError("a CreatePipeline without PowerShell")
    groups = powershell.findall("Obj[@N='ExtraCmds']/LST/Obj/MS/Obj[@N='Cmds']/LST")
    if not groups:  # with ExtraCmds, Cmds repeats the first statement
        groups = powershell.findall("Obj[@N='Cmds']/LST")
    found = []
    for number, group in enumerate(groups):
        for command in group.findall("Obj/MS"):
            name = command.find("S[@N='Cmd']")
            if name is None:
                raise ValueError("a command without text")
            is_script = (command.findtext("B[@N='IsScript']") or "").strip().lower() == "true"
            arguments = tuple(
                ET.tostring(argument, encoding="unicode") for argument in command.findall("Obj[@N='Args']/LST/Obj/MS")
            )
            found.append(Statement(number, _text(name), is_script, arguments))
    return tuple(found)
