"""The message that makes a host run scripts, and back again: what a message that is about to leave makes it run.

pypsrp writes the same message (a test compares them) but copies its objects so often that this took 40 % of a host's
CPU time. The reading side is apart from the writing side on purpose: the gate checks what it finds in the bytes.
Facts: MS-PSRP 2.2.2.10 (CREATE_PIPELINE), 2.2.3.11 (pipeline), 2.2.3.12 (command); ExtraCmds is as Windows sends it.
"""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections.abc import Callable, Sequence
from html import escape
from itertools import count

from runner.transport.clixml import unescaped
from runner.transport.fragments import INIT_RUNSPACEPOOL, SESSION_CAPABILITY

# What PowerShell does not write as it is: control characters, what is outside the BMP, and what looks like an escape.
_ENCODED = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff\U00010000-\U0010ffff]|_(?=x[0-9A-Fa-f]{4}_)")
_LIST = (
    "System.Collections.Generic.List`1[[System.Management.Automation.PSObject, System.Management.Automation, "
    "Version=1.0.0.0, Culture=neutral, PublicKeyToken=31bf3856ad364e35]]"
)
_RUNSPACES = "System.Management.Automation.Runspaces"
_MERGES = ("MergeMyResult", "MergeToResult", "MergePreviousResults")
_LATER_MERGES = ("MergeError", "MergeWarning", "MergeVerbose", "MergeDebug", "MergeInformation")

_NO_HOST = (
    '<MS><B N="_isHostNull">true</B><B N="_isHostUINull">true</B><B N="_isHostRawUINull">true</B>'
    '<B N="_useRunspaceHost">true</B></MS>'
)


def create_pipeline(texts: Sequence[str]) -> bytes:
    """The CLIXML of CREATE_PIPELINE for scripts that run one after the other, each a statement in a scope of its own.

    There is no input, no host to talk to, and no invocation information on records.
    """
    writer = _Writer()
    extra = '<Nil N="ExtraCmds" />'
    if len(texts) > 1:
        opening = f'<Obj RefId="{next(writer.ids)}" N="ExtraCmds">{writer.list_types()}<LST>'
        each = (f'<Obj RefId="{next(writer.ids)}"><MS>{writer.commands(text)}</MS></Obj>' for text in texts)
        extra = f"{opening}{''.join(each)}</LST></Obj>"
    commands = writer.commands(texts[0])  # with ExtraCmds too: it repeats the first statement
    return (
        '<Obj RefId="0"><MS><B N="NoInput">true</B>'
        f'<Obj RefId="1" N="ApartmentState">{_enum_types(0, "ApartmentState")}<ToString>UNKNOWN</ToString>'
        "<I32>2</I32></Obj>"
        f'<Obj RefId="2" N="RemoteStreamOptions">{_enum_types(1, "RemoteStreamOptions")}<ToString />'
        "<I32>0</I32></Obj>"
        '<B N="AddToHistory">false</B><Obj RefId="3" N="HostInfo">'
        f"{_NO_HOST}</Obj>"
        f'<Obj RefId="4" N="PowerShell"><MS><B N="IsNested">false</B>{extra}{commands}'
        '<Nil N="History" /><B N="RedirectShellErrorOutputPipe">false</B></MS></Obj>'
        '<B N="IsNested">false</B></MS></Obj>'
    ).encode()


def texts_of(message: bytes) -> list[str]:
    """The texts that this CREATE_PIPELINE makes a host run, scripts and commands alike; the first may be there twice.

    Raises:
        xml.etree.ElementTree.ParseError: it is no XML.
    """
    commands = ET.XML(message).iterfind(".//S[@N='Cmd']")
    return [unescaped(command.text or "") for command in commands]


def escaped(text: str) -> str:
    """A text as the content of a CLIXML string; `clixml.unescaped` is the inverse."""
    return escape(_ENCODED.sub(_units, text), quote=False)


def _units(found: re.Match[str]) -> str:
    units = found[0].encode("utf-16-be", "surrogatepass").hex().upper()
    return "".join(f"_x{units[at : at + 4]}_" for at in range(0, len(units), 4))


def _types(reference: int, *names: str) -> str:
    return f'<TN RefId="{reference}">{"".join(f"<T>{name}</T>" for name in names)}<T>System.Object</T></TN>'


def _enum_types(reference: int, name: str) -> str:
    return _types(reference, f"{_RUNSPACES}.{name}", "System.Enum", "System.ValueType")


class _Writer:
    """Numbers the objects from 5 on, and names each list of types once."""

    def __init__(self) -> None:
        self.ids = count(5)
        self._named: dict[str, int] = {}

    def list_types(self) -> str:
        return self._once("list", lambda reference: _types(reference, _LIST))

    def commands(self, text: str) -> str:
        """A statement of one script."""
        return (
            f'<Obj RefId="{next(self.ids)}" N="Cmds">{self.list_types()}<LST><Obj RefId="{next(self.ids)}"><MS>'
            f'<S N="Cmd">{escaped(text)}</S><B N="IsScript">true</B><B N="UseLocalScope">true</B>'
            f"{''.join(map(self._merge, _MERGES))}"
            f'<Obj RefId="{next(self.ids)}" N="Args">{self.list_types()}<LST /></Obj>'
            f"{''.join(map(self._merge, _LATER_MERGES))}</MS></Obj></LST></Obj>"
        )

    def _merge(self, name: str) -> str:
        """No stream is merged into another."""
        head = f'<Obj RefId="{next(self.ids)}" N="{name}">'
        types = self._once("merge", lambda reference: _enum_types(reference, "PipelineResultTypes"))
        return f"{head}{types}<ToString>None</ToString><I32>0</I32></Obj>"

    def _once(self, key: str, types: Callable[[int], str]) -> str:
        if key in self._named:
            return f'<TNRef RefId="{self._named[key]}" />'
        self._named[key] = len(self._named) + 2
        return types(self._named[key])


OPENING = (
    (
        SESSION_CAPABILITY,
        (
            b'<Obj RefId="0"><MS><Version N="protocolversion">2.3</Version><Version N="PSVersion">2.0</Version>'
            b'<Version N="SerializationVersion">1.1.0.1</Version></MS></Obj>'
        ),
    ),
    (
        INIT_RUNSPACEPOOL,
        (
            '<Obj RefId="0"><MS><I32 N="MinRunspaces">1</I32><I32 N="MaxRunspaces">1</I32>'
            f'<Obj RefId="1" N="PSThreadOptions">{_enum_types(0, "PSThreadOptions")}<ToString>Default</ToString>'
            f'<I32>0</I32></Obj><Obj RefId="2" N="ApartmentState">{_enum_types(1, "ApartmentState")}'
            f'<ToString>UNKNOWN</ToString><I32>2</I32></Obj><Obj RefId="3" N="HostInfo">{_NO_HOST}</Obj>'
            '<Nil N="ApplicationArguments" /></MS></Obj>'
        ).encode(),
    ),
)
"""What opens a pool of one runspace without a host to talk to: messages by their types (2.2.2.1, 2.2.2.2)."""
