"""What a scheduled task does and when it was made, from the bytes that the Task Scheduler itself goes by.

In HKLM\\SOFTWARE\\Microsoft\\Windows NT\\CurrentVersion\\Schedule\\TaskCache\\Tasks each task has the values Actions
and DynamicInfo. Their layout is not documented by Microsoft; it is that which G DATA (GDATAAdvancedAnalytics/
winreg-tasks, kaitai/actions.ksy and dynamic_info.ksy) and libyal (winreg-kb, Task Scheduler Keys) found.
"""

from __future__ import annotations

import re
import struct
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

_RUN, _HANDLER, _MAIL, _MESSAGE = 0x6666, 0x7777, 0x8888, 0x9999
_WITH_CONTEXT = 3  # the version since which a context stands before the actions, and flags behind a program
_READABLE = re.compile(r"[^\x00-\x1f\ud800-\udfff\ufffd]{4,}")
_ZERO = datetime(1601, 1, 1, tzinfo=UTC)  # of a FILETIME


@dataclass(frozen=True, slots=True)
class Run:
    """A program that a task starts."""

    command: str
    arguments: str

    @property
    def line(self) -> str:
        """As one would type it."""
        return f"{self.command} {self.arguments}".strip()


@dataclass(frozen=True, slots=True)
class Actions:
    """What a task does.

    Attributes:
        runs: programs; where the bytes are not as they should be, what can be read in them, as one command.
        handlers: class ids of COM objects, `{...}` in capitals.
        whole: the bytes were read to their end.
    """

    runs: tuple[Run, ...] = ()
    handlers: tuple[str, ...] = ()
    whole: bool = True


class _Bytes:
    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    @property
    def is_left(self) -> bool:
        return self._at < len(self._data)

    def take(self, count: int) -> bytes:
        if count < 0 or self._at + count > len(self._data):
            raise ValueError("shorter than it says")
        taken = self._data[self._at : self._at + count]
        self._at += count
        return taken

    def number(self, form: str) -> int:
        value: int = struct.unpack(form, self.take(struct.calcsize(form)))[0]
        return value

    def text(self) -> str:
        return self.take(self.number("<I")).decode("utf-16-le", "replace").rstrip("\0")


def actions(shown: str) -> Actions:
    """The actions of the value Actions, as numbers with blanks between them; none where there is no byte."""
    data = _data(shown)
    if data is None:
        return Actions((Run(shown, ""),), whole=False)
    if not data:
        return Actions()
    runs: list[Run] = []
    handlers: list[str] = []
    left = _Bytes(data)
    try:
        version = left.number("<H")
        if version == _WITH_CONTEXT:
            left.text()
        while left.is_left:
            kind = left.number("<H")
            left.text()
            match kind:
                case _ if kind == _RUN:
                    runs.append(Run(left.text(), left.text()))
                    left.text()
                    if version == _WITH_CONTEXT:
                        left.number("<H")
                case _ if kind == _HANDLER:
                    handlers.append(f"{{{str(uuid.UUID(bytes_le=left.take(16))).upper()}}}")
                    left.text()
                case _ if kind == _MESSAGE:
                    left.text()
                    left.text()
                case _:
                    # A mail is sent by Windows Server 2008 at most, and no other kind is known.
                    raise ValueError("a kind that no Exchange server has" if kind == _MAIL else "no known kind")
    except (ValueError, struct.error):
        return Actions((Run(" ".join(_READABLE.findall(data.decode("utf-16-le", "replace"))), ""),), whole=False)
    return Actions(tuple(runs), tuple(handlers))


def times(shown: str) -> tuple[str | None, str | None]:
    """When a task was made and when it last ran, of the value DynamicInfo, as `2026-11-28T03:00:00Z`; None if never."""
    data = _data(shown)
    if data is None or len(data) < 20:
        return None, None
    made, ran = struct.unpack("<QQ", data[4:20])
    return _time(made), _time(ran)


def _data(shown: str) -> bytes | None:
    try:
        return bytes(int(each) for each in shown.split())
    except ValueError:
        return None


def _time(ticks: int) -> str | None:
    if not ticks:
        return None
    try:
        return (_ZERO + timedelta(microseconds=ticks // 10)).strftime("%Y-%m-%dT%H:%M:%SZ")
    except OverflowError:
        return None
