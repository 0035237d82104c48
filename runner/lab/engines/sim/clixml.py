"""Values and records as CLIXML, in the form in which PowerShell itself writes them (MS-PSRP 2.2.5).

Written by hand rather than by psrpcore's serialiser, which takes about 0.14 ms an object: that would be most of what
an audited host costs the lab.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from xml.sax.saxutils import escape

from psrpcore.types import ErrorCategory

from runner.lab.engines.sim.streams import Plain, Problem

INT32 = range(-(2**31), 2**31)

# PowerShell writes what XML cannot hold, and an underscore that would look like that, as _xHHHH_ of UTF-16 units.
_ENCODED = re.compile("_(?=[xX])|[\x00-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff\U00010000-\U0010ffff]")
_PLAIN = re.compile(r"[A-Za-z0-9 .,:;()\\/-]*")

_TABLE = ("System.Collections.Hashtable", "System.Object")
_VALUE = ' N="Value"'
_OBJECTS = ("System.Object[]", "System.Array", "System.Object")
_STRINGS = ("System.String[]", "System.Array", "System.Object")

_EXCEPTIONS = {
    "System.Management.Automation.RuntimeException": (),
    "System.Management.Automation.CommandNotFoundException": ("System.Management.Automation.RuntimeException",),
    "System.Management.Automation.PipelineStoppedException": ("System.Management.Automation.RuntimeException",),
}


def text(value: str) -> str:
    """A text's XML, everything encoded that XML or PowerShell would not give back."""
    return value if _PLAIN.fullmatch(value) else escape(_ENCODED.sub(_units, value))


def _units(found: re.Match[str]) -> str:
    units = found[0].encode("utf-16-be", "surrogatepass").hex().upper()
    return "".join(f"_x{units[at : at + 4]}_" for at in range(0, len(units), 4))


def value(plain: Plain) -> bytes:
    """One object of the output stream."""
    return _Writer().element(plain, "").encode()


class _Writer:
    """Numbers the objects and lists of type names of one message."""

    def __init__(self) -> None:
        self._objects = 0
        self._types: dict[tuple[str, ...], int] = {}

    def element(self, plain: Plain, name: str) -> str:
        """An element, with the attribute N where it is a property."""
        match plain:
            case None:
                return f"<Nil{name} />"
            case bool():
                return f"<B{name}>{'true' if plain else 'false'}</B>"
            case int():
                return f"<I32{name}>{plain}</I32>" if plain in INT32 else f"<I64{name}>{plain}</I64>"
            case float():
                return f"<Db{name}>{number(plain)}</Db>"
            case str():
                return f"<S{name}>{text(plain)}</S>"
            case bytes():
                return f"<BA{name}>{base64.b64encode(plain).decode()}</BA>"
            case tuple():
                return self._array(plain, name, _STRINGS)
            case list():
                return self._array(plain, name, _OBJECTS)
            case Mapping():
                head = self._head(name, _TABLE)
                inner = "".join(
                    f'<En><S N="Key">{text(key)}</S>{self.element(each, _VALUE)}</En>' for key, each in plain.items()
                )
                return f"{head}<DCT>{inner}</DCT></Obj>" if inner else f"{head}<DCT /></Obj>"

    def _array(self, items: tuple[str, ...] | list[Plain], name: str, types: tuple[str, ...]) -> str:
        head = self._head(name, types)
        inner = "".join(self.element(item, "") for item in items)
        return f"{head}<LST>{inner}</LST></Obj>" if inner else f"{head}<LST /></Obj>"

    def _head(self, name: str, types: tuple[str, ...]) -> str:
        reference = self._objects
        self._objects += 1
        known = self._types.get(types)
        if known is not None:
            return f'<Obj{name} RefId="{reference}"><TNRef RefId="{known}" />'
        self._types[types] = len(self._types)
        return f'<Obj{name} RefId="{reference}">{_type_names(self._types[types], types)}'


def number(value: float) -> str:
    """A double as .NET's round-trip form in the invariant culture."""
    return repr(value).upper().removesuffix(".0")


def _type_names(reference: int, types: tuple[str, ...]) -> str:
    names = "".join(f"<T>{name}</T>" for name in types)
    return f'<TN RefId="{reference}">{names}</TN>'


def informational(kind: str, message: str) -> bytes:
    """A verbose or warning record; `kind` is the class's name, such as WarningRecord."""
    names = _type_names(
        0,
        (
            f"System.Management.Automation.{kind}",
            "System.Management.Automation.InformationalRecord",
            "System.Object",
        ),
    )
    return (
        f'<Obj RefId="0">{names}<ToString>{text(message)}</ToString><MS>'
        f'<S N="InformationalRecord_Message">{text(message)}</S>'
        '<B N="InformationalRecord_SerializeInvocationInfo">false</B></MS></Obj>'
    ).encode()


def error(problem: Problem) -> bytes:
    """A record on the error stream."""
    return _error(problem, 'RefId="0"').encode()


def _error(problem: Problem, attributes: str) -> str:
    """An ErrorRecord (MS-PSRP 2.2.3.15). References from 90 on: another object of the message may stand around it."""
    message = text(problem.message)
    reason = problem.exception.rpartition(".")[2]
    exceptions = (
        problem.exception,
        *_EXCEPTIONS.get(problem.exception, ()),
        "System.SystemException",
        "System.Exception",
        "System.Object",
    )
    names = _type_names(90, ("System.Management.Automation.ErrorRecord", "System.Object"))
    target = text(problem.target)
    target_type = "String" if problem.target else ""
    shown = f"{problem.category}: ({target}:{target_type}) [{text(problem.activity)}], {reason}"
    return (
        f"<Obj {attributes}>{names}<ToString>{message}</ToString><MS>"
        f'<Obj N="Exception" RefId="91">{_type_names(91, exceptions)}'
        f"<ToString>{problem.exception}: {message}</ToString><Props>"
        f'<S N="Message">{message}</S><Nil N="InnerException" /><Nil N="HelpLink" /><Nil N="Source" />'
        '<I32 N="HResult">-2146233087</I32><Nil N="StackTrace" /></Props></Obj>'
        + (f'<S N="TargetObject">{target}</S>' if target else '<Nil N="TargetObject" />')
        + f'<S N="FullyQualifiedErrorId">{text(problem.error_id)}</S><Nil N="InvocationInfo" />'
        f'<I32 N="ErrorCategory_Category">{ErrorCategory[problem.category].value}</I32>'
        f'<S N="ErrorCategory_Activity">{text(problem.activity)}</S>'
        f'<S N="ErrorCategory_Reason">{reason}</S>'
        f'<S N="ErrorCategory_TargetName">{target}</S>'
        f'<S N="ErrorCategory_TargetType">{target_type}</S>'
        f'<S N="ErrorCategory_Message">{shown}</S>'
        '<B N="SerializeExtendedInfo">false</B></MS></Obj>'
    )


def pipeline_state(state: int, problem: Problem | None = None) -> bytes:
    """A pipeline's state (MS-PSRP 2.2.3.21), with what ended it where something did."""
    ended = "" if problem is None else _error(problem, 'N="ExceptionAsErrorRecord" RefId="1"')
    return f'<Obj RefId="0"><MS><I32 N="PipelineState">{state}</I32>{ended}</MS></Obj>'.encode()


def host_call(method: str, number: int, argument: Plain) -> bytes:
    """A call of the client's host that wants no answer (MS-PSRP 2.2.3.17), with one argument."""
    enum = _type_names(
        0,
        (
            "System.Management.Automation.Remoting.RemoteHostMethodId",
            "System.Enum",
            "System.ValueType",
            "System.Object",
        ),
    )
    return (
        '<Obj RefId="0"><MS><I64 N="ci">-100</I64>'
        f'<Obj N="mi" RefId="1">{enum}<ToString>{method}</ToString><I32>{number}</I32></Obj>'
        f'<Obj N="mp" RefId="2">{_type_names(1, ("System.Collections.ArrayList", "System.Object"))}'
        f"<LST>{_Writer().element(argument, '')}</LST></Obj></MS></Obj>"
    ).encode()
