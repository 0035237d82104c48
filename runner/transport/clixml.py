"""Values out of CLIXML that a hostile server may have written: capped while it is read, typed, and never live.

    PSCustomObject      mapping, properties in their order
    list, array         tuple
    dictionary          mapping, where all its keys are text; a text that says so where they are not
    text, URI, XML, version, GUID, duration, decimal, character    text
    integers of any width, booleans, null, bytes                   int, bool, None, bytes
    float, double       float; what is not finite as text: NaN, INF, -INF
    date with an offset aware datetime in UTC; without one, the text as it came
    enum                its name as text, or its number where the server sent no name
    anything else       its text as the server renders it, or `[Type.Name]` where it sent none

Facts: MS-PSRP 2.2.5 (serialisation), 2.2.3.15 (ErrorRecord), 2.2.3.16 (InformationalRecord).
"""

from __future__ import annotations

import base64
import binascii
import math
import re
import xml.etree.ElementTree as ET
from dataclasses import dataclass
from datetime import UTC, datetime
from types import MappingProxyType

from playbooks.values import Value
from runner.transport.interface import ErrorText, Limits

_ESCAPED = re.compile("_x([0-9A-Fa-f]{4})_")
INTEGER = re.compile(r"-?[0-9]{1,20}", re.ASCII)
_NUMBER = re.compile(r"[+-]?[0-9]{1,400}(?:\.[0-9]{1,400})?(?:[eE][+-]?[0-9]{1,4})?", re.ASCII)
_DATE = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,7}))?(Z|[+-]\d\d:\d\d)", re.ASCII)
TEXTS = frozenset({"S", "URI", "XD", "SBK", "Version", "TS", "G", "D"})
INTEGERS = frozenset({"By", "SB", "U16", "I16", "U32", "I32", "U64", "I64"})
_FLOATS = frozenset({"Sg", "Db"})
_SCALARS = TEXTS | INTEGERS | _FLOATS | {"C", "B", "DT", "BA", "Nil", "SS"}
_LISTS = frozenset({"LST", "IE", "QUE", "STK"})
_CUSTOM = frozenset(
    {"System.Management.Automation.PSCustomObject", "Deserialized.System.Management.Automation.PSCustomObject"}
)
_INNER = "[reference to an object that holds it]"
_NOT_NAMED = "[a table with keys that are not text]"
_MARKUP_PER_VALUE = 6  # an object has its types and properties in elements of their own, each with a start and an end
# System.Management.Automation.ErrorCategory
_CATEGORIES = (
    "NotSpecified",
    "OpenError",
    "CloseError",
    "DeviceError",
    "DeadlockDetected",
    "InvalidArgument",
    "InvalidData",
    "InvalidOperation",
    "InvalidResult",
    "InvalidType",
    "MetadataError",
    "NotImplemented",
    "NotInstalled",
    "ObjectNotFound",
    "OperationStopped",
    "OperationTimeout",
    "SyntaxError",
    "ParserError",
    "PermissionDenied",
    "ResourceBusy",
    "ResourceExists",
    "ResourceUnavailable",
    "ReadError",
    "WriteError",
    "FromStdErr",
    "SecurityError",
    "ProtocolError",
    "ConnectionError",
    "AuthenticationError",
    "LimitsExceeded",
    "QuotaExceeded",
    "NotEnabled",
)


class Malformed(Exception):  # noqa: N818  # named for what the text is
    """It is not CLIXML as a server writes it."""


class CapExceeded(Exception):  # noqa: N818
    """A cap of Limits was hit; `cap` is the name of its field."""

    def __init__(self, cap: str, limit: int) -> None:
        super().__init__(f"{cap} ({limit})")
        self.cap = cap
        self.limit = limit


@dataclass(slots=True)
class Spent:
    """What one script has used of its caps so far."""

    bytes: int = 0
    objects: int = 0
    values: int = 0


def cost_of_parsing(xml: bytes) -> int:
    """Bytes of memory that the tree of a message takes at most while it is made.

    Measured with tracemalloc, Python 3.11: 78 to 160 for each `<`, twice the text, four times what is not Latin-1.
    """
    return 4 * len(xml) + 160 * xml.count(b"<")


def parsed(xml: bytes, limits: Limits) -> ET.Element:
    """The element of one message.

    Raises:
        CapExceeded: max_xml_bytes or max_values, before the text is parsed.
        Malformed: no XML in UTF-8, or with declarations, comments or sections, which no serialiser of CLIXML writes.
    """
    if len(xml) > limits.max_xml_bytes:
        raise CapExceeded("max_xml_bytes", limits.max_xml_bytes)
    if xml.count(b"<") > limits.max_values * _MARKUP_PER_VALUE:
        raise CapExceeded("max_values", limits.max_values)
    if b"<!" in xml:
        raise Malformed("declarations and comments have no place in CLIXML")
    if b"\0" in xml:  # UTF-16, which the parser would take by its byte order mark, whatever it is told
        raise Malformed("it is not UTF-8")
    try:
        return ET.XML(xml, ET.XMLParser(encoding="utf-8"))  # noqa: S314  # no declarations, and capped
    except (ET.ParseError, ValueError, LookupError) as error:
        raise Malformed(f"not XML: {error}") from error


def value(element: ET.Element, limits: Limits, spent: Spent) -> Value:
    """The value that an element stands for; adds to `spent`.

    Raises:
        CapExceeded: max_objects, max_values, max_depth or max_text.
        Malformed: it is not CLIXML.
    """
    return _Reader(limits, spent).read(element, 0)[0]


def text(element: ET.Element, limits: Limits, *path: str) -> str:
    """The text of the property that `path` leads to through extended and adapted properties; empty without it."""
    found: ET.Element | None = element
    for name in path:
        found = None if found is None else _property(found, name)
    if found is None:
        return ""
    if found.tag == "Obj":
        found = found.find("ToString")
    return "" if found is None else _text(found.text, limits)


def number(element: ET.Element, limits: Limits, name: str) -> int | None:
    """The integer property `name`; None without it."""
    found = _property(element, name)
    if found is not None and found.tag == "Obj":  # an enum
        found = found.find("I32")
    return None if found is None else _integer(found.text or "")


def error_text(element: ET.Element, limits: Limits) -> ErrorText:
    """The text of an ErrorRecord."""
    message = (
        text(element, limits, "ErrorDetails_Message")
        or text(element, limits, "Exception", "Message")
        or text(element, limits)
        or text(element, limits, "ErrorCategory_Message")
    )
    category = number(element, limits, "ErrorCategory_Category")
    return ErrorText(
        message,
        text(element, limits, "FullyQualifiedErrorId"),
        _CATEGORIES[category] if category is not None and 0 <= category < len(_CATEGORIES) else "",
    )


def embedded(element: ET.Element, name: str) -> ET.Element | None:
    """The object that is the property `name` of an object."""
    found = _property(element, name)
    return found if found is not None and found.tag == "Obj" else None


def _property(element: ET.Element, name: str) -> ET.Element | None:
    for group in ("MS", "Props"):
        for found in element.iterfind(f"{group}/*"):
            if found.get("N") == name:
                return found
    return None


@dataclass(frozen=True, slots=True)
class _Known:
    value: Value
    values: int
    objects: int
    height: int


class _Reader:
    """Reads one message. References count as often as they are used, or a few bytes could stand for a terabyte."""

    def __init__(self, limits: Limits, spent: Spent) -> None:
        self._limits = limits
        self._spent = spent
        self._known: dict[str, _Known | None] = {}  # None while the object is being read
        self._types: dict[str, list[str]] = {}

    def read(self, element: ET.Element, depth: int) -> tuple[Value, int]:
        """The value, and how many levels are beneath it."""
        if depth > self._limits.max_depth:
            raise CapExceeded("max_depth", self._limits.max_depth)
        if element.tag == "Ref":
            return self._referred(element, depth)
        self._spend(1, 0)
        if element.tag in _SCALARS:
            return self._scalar(element), 0
        if element.tag != "Obj":
            raise Malformed(f"unknown element {element.tag[:40]!r}")
        reference = element.get("RefId")
        if reference is not None and reference in self._known:
            raise Malformed("two objects have one RefId")
        before = self._spent.values - 1, self._spent.objects
        self._spend(0, 1)
        if reference is not None:
            self._known[reference] = None
        found, height = self._object(element, depth)
        if reference is not None:
            values, objects = self._spent.values - before[0], self._spent.objects - before[1]
            self._known[reference] = _Known(found, values, objects, height)
        return found, height

    def _spend(self, values: int, objects: int) -> None:
        self._spent.values += values
        self._spent.objects += objects
        if self._spent.values > self._limits.max_values:
            raise CapExceeded("max_values", self._limits.max_values)
        if self._spent.objects > self._limits.max_objects:
            raise CapExceeded("max_objects", self._limits.max_objects)

    def _referred(self, element: ET.Element, depth: int) -> tuple[Value, int]:
        reference = element.get("RefId", "")
        if reference not in self._known:
            raise Malformed("a reference to an object that has not come")
        known = self._known[reference]
        if known is None:
            self._spend(1, 0)
            return _INNER, 0
        if depth + known.height > self._limits.max_depth:
            raise CapExceeded("max_depth", self._limits.max_depth)
        self._spend(known.values, known.objects)
        return known.value, known.height

    def _object(self, element: ET.Element, depth: int) -> tuple[Value, int]:
        types: list[str] = []
        rendered: str | None = None
        content: ET.Element | None = None
        groups: dict[str, ET.Element] = {}
        for child in element:
            match child.tag:
                case "TN":
                    types = [_text(name.text, self._limits) for name in child.iterfind("T")]
                    self._types[child.get("RefId", "")] = types
                case "TNRef":
                    types = self._types.get(child.get("RefId", ""), [])
                case "ToString":
                    rendered = _text(child.text, self._limits)
                case "MS" | "Props":
                    groups[child.tag] = child
                case _ if content is None:
                    content = child
                case _:
                    raise Malformed("an object has two contents")
        if content is not None:
            return self._content(content, types, rendered, depth)
        if _CUSTOM.intersection(types) or (not types and groups):
            return self._mapping(groups, depth)
        return (rendered if rendered is not None else f"[{types[0] if types else 'object'}]"), 0

    def _content(self, content: ET.Element, types: list[str], rendered: str | None, depth: int) -> tuple[Value, int]:
        if content.tag in _LISTS:
            read = [self.read(child, depth + 1) for child in content]
            return tuple(item for item, _ in read), 1 + max((height for _, height in read), default=0)
        if content.tag == "DCT":
            return self._dictionary(content, depth)
        if content.tag not in _SCALARS:
            raise Malformed(f"unknown element {content.tag[:40]!r}")
        if "System.Enum" in types and rendered:
            return rendered, 0
        return self._scalar(content), 0

    def _mapping(self, groups: dict[str, ET.Element], depth: int) -> tuple[Value, int]:
        found: dict[str, Value] = {}
        highest = 0
        for group in (groups.get("Props"), groups.get("MS")):  # an extended property hides an adapted one
            own: set[str] = set()
            for child in () if group is None else group:
                name = _text(child.get("N"), self._limits)
                if name in own:
                    raise Malformed("an object has two properties of one name")
                own.add(name)
                found[name], height = self.read(child, depth + 1)
                highest = max(highest, height)
        return MappingProxyType(found), 1 + highest

    def _dictionary(self, content: ET.Element, depth: int) -> tuple[Value, int]:
        found: dict[str, Value] = {}
        own: set[str] = set()
        highest, named = 0, True
        for entry in content:
            parts = {part.get("N"): part for part in entry}
            if entry.tag != "En" or len(entry) != 2 or set(parts) != {"Key", "Value"}:
                raise Malformed("an entry of a dictionary is not a key and a value")
            key, below = self.read(parts["Key"], depth + 1)
            entered, height = self.read(parts["Value"], depth + 1)
            highest = max(highest, height, below)
            if not isinstance(key, str):
                named = False
            elif key.lower() in own:  # which of the two a name means would be the reader's choice
                raise Malformed("a dictionary has two keys of one name")
            else:
                own.add(key.lower())
                found[key] = entered
        return (MappingProxyType(found) if named else _NOT_NAMED), 1 + highest

    def _scalar(self, element: ET.Element) -> Value:
        tag, said = element.tag, element.text or ""
        if len(element):
            raise Malformed(f"{tag} holds elements")
        if tag in TEXTS:
            return _text(said, self._limits)
        if tag in INTEGERS:
            return _integer(said)
        match tag:
            case "Nil":
                return None
            case "B" if said in ("true", "false"):
                return said == "true"
            case "C":
                code = _integer(said)
                return chr(code) if 0 <= code < 0xD800 or 0xE000 <= code < 0x10000 else "\ufffd"
            case "Sg" | "Db":
                return _float(said)
            case "DT":
                return date(said)
            case "BA":
                return _bytes(said, self._limits)
            case "SS":
                return "[System.Security.SecureString]"
            case _:
                raise Malformed(f"{tag} holds {said[:40]!r}")


def unescaped(raw: str) -> str:
    """The text of a string: `_xHHHH_` is a UTF-16 code unit; half a pair is no character and becomes U+FFFD."""
    if "_x" not in raw:
        return raw
    raw = _ESCAPED.sub(lambda found: chr(int(found[1], 16)), raw)
    return raw.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def _text(raw: str | None, limits: Limits) -> str:
    if raw is None:
        return ""
    raw = unescaped(raw)
    if len(raw) > limits.max_text:
        raise CapExceeded("max_text", limits.max_text)
    return raw


def _integer(said: str) -> int:
    if not INTEGER.fullmatch(said):
        raise Malformed(f"no integer: {said[:40]!r}")
    return int(said)


def _float(said: str) -> Value:
    if said in ("NaN", "INF", "-INF", "Infinity", "-Infinity"):
        return said.replace("Infinity", "INF")
    if not _NUMBER.fullmatch(said):
        raise Malformed(f"no number: {said[:40]!r}")
    found = float(said)
    return found if math.isfinite(found) else f"{'-' if found < 0 else ''}INF"


def date(said: str) -> Value:
    """The moment that a DT element tells, in UTC; its text where it tells none, or no offset."""
    found = _DATE.fullmatch(said)
    if found is None:
        return said[:100]
    try:
        moment = datetime.fromisoformat(f"{found[1]}.{(found[2] or '0')[:6]:0<6}{found[3].replace('Z', '+00:00')}")
        return moment.astimezone(UTC)
    except (ValueError, OverflowError):  # year 1 or 9999, moved out of the calendar by its offset
        return said


def _bytes(said: str, limits: Limits) -> bytes:
    try:
        found = base64.b64decode(said, validate=True)
    except (binascii.Error, ValueError) as error:
        raise Malformed("bytes are not Base64") from error
    if len(found) > limits.max_text:
        raise CapExceeded("max_text", limits.max_text)
    return found
