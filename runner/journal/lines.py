"""What one line of a journal says, and the one way in which it is written as bytes.

A line is a JSON object with sorted keys, no spaces and ASCII only (so that no terminal escape and no look-alike
character of a server stands raw in the file), then a newline. Its member `sha256` is the SHA-256 of the same object
without that member; `previous` is the SHA-256 of the line before, newline left out. One record has exactly one line:
a line that reads back to a record but is spelt otherwise is not canonical and is refused.

A later version may add members and words, and raise `format`; it keeps the members that are named here. So a line of
its making is as whole to this version as its own, and reads and writes back to the same bytes.

What a line is, `Line.to_line` and `carefully` say. `Pen` writes and `from_line` reads the same lines without encoding
anything twice; that they agree with the careful ones is a property in the tests.
"""

from __future__ import annotations

import base64
import hashlib
import json
import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from functools import cache, lru_cache
from types import MappingProxyType
from typing import NoReturn

from runner.making import maker

Json = None | bool | int | float | str | Sequence["Json"] | Mapping[str, "Json"]

FORMAT = 1
MAX_DEPTH = 64  # nesting of `data`; the transport's own cap on a server's values is far lower
MAX_INTEGER_BITS = 1024  # wider integers are kept as hexadecimal text: Python refuses to print very wide ones
_NARROW_DIGITS = 308  # no integer of so many characters is wider than that
_SHA256 = re.compile(r"[0-9a-f]{64}")
_TIME = "%Y-%m-%dT%H:%M:%S.%fZ"
_MEMBERS = frozenset(
    {
        "actor", "client", "data", "event", "format", "host", "phase", "previous", "run", "script_hash", "sequence",
        "sha256", "step", "time",
    }
)  # fmt: skip


# What the journal says about itself; all other words belong to who writes it.
JOURNAL_PHASE = "journal"
TAIL_DROPPED = "tail-dropped"  # a crash had left half a line, which was cut off


class MalformedLineError(ValueError):
    """Raised for bytes that are not one canonical line; the message says what is wrong with them."""


class UnrecordableValueError(ValueError):
    """Raised for a value that has no canonical form; the message names its type, never its content."""


@dataclass(frozen=True, slots=True)
class Line:
    """One thing that happened.

    Attributes:
        sequence: counts from 1 within a journal, without gaps.
        time: UTC, to the microsecond.
        run, client: the same in every record of a journal.
        host, step: None where the record concerns the whole run or host.
        script_hash: lower-case SHA-256 of the script that the record is about.
        actor: who did it, `user@machine` of the controller.
        phase, event: words of who writes the journal, such as runner/events.py; any text is intact.
        data: what the event adds; already redacted.
        previous: SHA-256 of the line before, 64 zeros in the first.
        format: FORMAT, or higher in a line of a newer version.
        more: members that a newer version has added, as they stand in the line.
    """

    sequence: int
    time: datetime
    run: str
    client: str
    host: str | None
    step: str | None
    phase: str
    event: str
    script_hash: str | None
    actor: str
    data: Mapping[str, Json]
    previous: str
    format: int = FORMAT
    more: Mapping[str, Json] = field(default_factory=lambda: _NOTHING)

    def to_line(self) -> bytes:
        """The canonical line, newline included.

        Raises:
            UnrecordableValueError: something in `data` or `more` has no canonical form, or `more` has a member of ours.
        """
        members = self._members()
        members["sha256"] = hashlib.sha256(_encoded(members).encode()).hexdigest()
        return _encoded(members).encode() + b"\n"

    def _members(self) -> dict[str, Json]:
        more = canonical(self.more)
        assert isinstance(more, Mapping)
        if not _MEMBERS.isdisjoint(more):
            raise UnrecordableValueError("a further member has the name of one that every line has")
        return {
            **more,
            "actor": self.actor,
            "client": self.client,
            "data": canonical(self.data),
            "event": self.event,
            "format": self.format,
            "host": self.host,
            "phase": self.phase,
            "previous": self.previous,
            "run": self.run,
            "script_hash": self.script_hash,
            "sequence": self.sequence,
            "step": self.step,
            "time": time_text(self.time),
        }


_make_line = maker(Line)


@dataclass(frozen=True, slots=True)
class Pen:
    """Writes the lines of one journal; what is the same in all of them is encoded once."""

    run: str
    client: str
    actor: str
    _before_data: str = field(init=False, repr=False)
    _run: str = field(init=False, repr=False)

    def __post_init__(self) -> None:
        before = f'{{"actor":{_quoted(self.actor)},"client":{_quoted(self.client)},"data":'
        object.__setattr__(self, "_before_data", before)
        object.__setattr__(self, "_run", f'","run":{_quoted(self.run)},"script_hash":')

    def line(
        self,
        sequence: int,
        previous: str,
        time: datetime,
        phase: str,
        event: str,
        host: str | None,
        step: str | None,
        script_hash: str | None,
        data: Mapping[str, Json],
    ) -> tuple[bytes, str]:
        """The line that `Line.to_line` gives, and its `line_hash`.

        Args:
            data: canonical already; see `canonical`.
        """
        before = (
            f'{self._before_data}{_encoded(data)},"event":{_quoted(event)},"format":{FORMAT},"host":{_text(host)}'
            f',"phase":{_quoted(phase)},"previous":"{previous}{self._run}{_text(script_hash)},"sequence":{sequence}'
        ).encode()
        after = f',"step":{_text(step)},"time":"{time_text(time)}"}}'.encode()
        # Both hashes begin with the same bytes, which are read once.
        line = hashlib.sha256(before)
        own = line.copy()
        own.update(after)
        rest = b',"sha256":"%b"%b' % (own.hexdigest().encode(), after)
        line.update(rest)
        return b"%b%b\n" % (before, rest), line.hexdigest()


def from_line(line: bytes) -> Line:
    """The record that a canonical line says.

    Raises:
        MalformedLineError: the line is not JSON, lacks a member, is not canonical, or its `sha256` disagrees.
    """
    record = _quickly(line)
    return carefully(line) if record is None else record


def carefully(line: bytes) -> Line:
    """The same as `from_line`, by writing the record anew and comparing; says what is wrong.

    Raises:
        MalformedLineError: as `from_line`.
    """
    if not line.endswith(b"\n"):
        raise MalformedLineError("the line has no end")
    try:
        members = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise MalformedLineError("the line is not JSON") from error
    if not isinstance(members, dict):
        raise MalformedLineError("the line is not a JSON object")
    record = _from_members(members)
    try:
        same = record.to_line() == line
    except (UnrecordableValueError, RecursionError) as error:
        raise MalformedLineError(str(error)) from error
    if not same:
        raise MalformedLineError("the line differs from what its own sha256 was made of")
    return record


def _from_members(members: Mapping[str, Json]) -> Line:
    match members:
        case {
            "actor": str(actor),
            "client": str(client),
            "data": dict(data),
            "event": str(event),
            "format": int(version),
            "host": str() | None as host,
            "phase": str(phase),
            "previous": str(previous),
            "run": str(run),
            "script_hash": str() | None as script_hash,
            "sequence": int(sequence),
            "step": str() | None as step,
            "time": str(time),
            "sha256": str(),
        } if not isinstance(version, bool) and not isinstance(sequence, bool):
            pass
        case _:
            raise MalformedLineError("a member is missing or of the wrong type")
    if version < FORMAT:
        raise MalformedLineError(f"the line is of format {version}; there is none below {FORMAT}")
    try:
        when = datetime.strptime(time, _TIME).replace(tzinfo=UTC)
    except ValueError as error:
        raise MalformedLineError("the time is none that this version knows") from error
    return Line(
        sequence=sequence,
        time=when,
        run=run,
        client=client,
        host=host,
        step=step,
        phase=phase,
        event=event,
        script_hash=script_hash,
        actor=actor,
        data=data,
        previous=previous,
        format=version,
        more=_more(members),
    )


def _more(members: Mapping[str, Json]) -> Mapping[str, Json]:
    if len(members) == len(_MEMBERS):
        return _NOTHING
    return {name: member for name, member in members.items() if name not in _MEMBERS}


def _quickly(line: bytes) -> Line | None:
    """What `carefully` gives, or None where only that can tell: nothing but `data` is encoded anew.

    What stands around `data` in a line of our format has one spelling, but for escapes, which two patterns say.
    """
    try:
        text = line.decode("ascii")
        before, after = _around_data()
        front = before.match(text)
        if front is None:
            return None
        begin = front.end()
        end = text.rfind(_BEHIND_DATA, begin)
        back = after.match(text, end) if end > 0 else None
        if back is None:
            return None
        data = (_data if end - begin < _SHORT else _data.__wrapped__)(text[begin:end])
        texts = (*front.groups(), *back.groups())
        if text.find("\\", 0, begin) >= 0 or text.find("\\", end) >= 0:
            texts = tuple(map(_unescaped, texts))
        actor, client, event, host, phase, previous, run, script_hash, sequence, _, sha256, step, time = texts
        own = hashlib.sha256(line[: back.start(_SEAL)])
        own.update(line[back.end(_SEAL) : -1])
        if own.hexdigest() != sha256:
            return None
        return _make_line(
            int(sequence),
            datetime.fromisoformat(time),
            run,
            client,
            host,
            step,
            phase,
            event,
            script_hash,
            actor,
            data,
            previous,
        )
    except (ValueError, TypeError, RecursionError):
        return None


_BEHIND_DATA = ',"event":'
_SHORT = 600  # characters of `data` that are worth to be remembered
_SEAL = 8  # the group of the line's own hash, as a member


@cache
def _around_data() -> tuple[re.Pattern[str], re.Pattern[str]]:
    """What stands before and after `data`; made when a line is read first, which an audit never does."""
    plain = r"[ !#-\[\]-~]*"  # characters that are not escaped
    text = rf'"({plain}(?:\\.{plain})*)"'
    before = rf'\{{"actor":{text},"client":{text},"data":'
    after = (
        rf',"event":{text},"format":{FORMAT},"host":(?:null|{text}),"phase":{text},"previous":{text},"run":{text}'
        rf',"script_hash":(?:null|{text}),"sequence":(0|-?[1-9][0-9]{{0,17}})(,"sha256":"([0-9a-f]{{64}})")'
        rf',"step":(?:null|{text}),"time":"([0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}T(?:[01][0-9]|2[0-3])(?::[0-9]{{2}}){{2}}'
        r'\.[0-9]{6}Z)"\}\n\Z'
    )
    return re.compile(before), re.compile(after)


@lru_cache(1024)
def _data(text: str) -> dict[str, Json]:
    """What a canonical text of `data` says: for all who ask, so that nobody alters it.

    Intents and settlements, more than half of a run's lines, say the same of every host.

    Raises:
        ValueError, RecursionError: it is not canonical, or only `carefully` can tell.
    """
    data, end = _DECODER.raw_decode(text)
    # Fewer brackets than levels cannot nest too deep, wherever they stand.
    shallow = text.count("{") + text.count("[") <= MAX_DEPTH or _shallow(data)
    if type(data) is not dict or not shallow or end != len(text) or _encoded(data) != text:
        raise ValueError("data is not written as a journal writes it")
    return data


def _unescaped(text: str | None) -> str | None:
    if text is None or "\\" not in text:
        return text
    value: str = json.loads(f'"{text}"')
    if _quoted(value) != f'"{text}"':
        raise ValueError("a text is not spelt as it is written")
    return value


def _shallow(value: Json, depth: int = 0) -> bool:
    """Whether `canonical` would find it nested within MAX_DEPTH."""
    if isinstance(value, Mapping):
        return not value or (depth < MAX_DEPTH and all(_shallow(each, depth + 1) for each in _nested(value.values())))
    if isinstance(value, list):
        return not value or (depth < MAX_DEPTH and all(_shallow(each, depth + 1) for each in _nested(value)))
    return True


def _nested(members: Iterable[Json]) -> Iterator[Json]:
    return (each for each in members if type(each) is dict or type(each) is list)


def line_hash(line: bytes) -> str:
    """The SHA-256 by which the next line names this one; the newline is left out."""
    return hashlib.sha256(line.removesuffix(b"\n")).hexdigest()


def is_sha256(text: str) -> bool:
    """Whether a text is a SHA-256 in lower-case hexadecimal."""
    return _SHA256.fullmatch(text) is not None


def time_text(time: datetime) -> str:
    """ISO 8601 in UTC with microseconds and `Z`. A time without a zone raises UnrecordableValueError."""
    if time.tzinfo is None:
        raise UnrecordableValueError("a time without a zone cannot be recorded")
    # strftime does not pad years before 1000 on every platform, and strptime demands four digits.
    return time.astimezone(UTC).isoformat(timespec="microseconds").removesuffix("+00:00") + "Z"


def canonical(value: object, depth: int = 0) -> Json:
    """A value as plain JSON: times as text, bytes as `{"base64": ...}`, numbers that JSON lacks as text.

    Raises:
        UnrecordableValueError: a type that has no form here, a key that is no text, or nesting beyond MAX_DEPTH.
    """
    if depth > MAX_DEPTH:
        raise UnrecordableValueError(f"nested deeper than {MAX_DEPTH}")
    kind = type(value)
    if kind is str or value is None or kind is bool:
        return value  # type: ignore[return-value]
    if kind is int:
        return _integer(value)  # type: ignore[arg-type]
    if kind is dict or kind is list or kind is tuple:
        return _canonical_members(value, depth)  # type: ignore[arg-type]
    match value:
        case StrEnum():
            return value.value
        case str() | bool():
            return value
        case int():
            return _integer(int(value))
        case float():
            return value if math.isfinite(value) else str(value)
        case datetime():
            return time_text(value)
        case bytes():
            return {"base64": base64.b64encode(value).decode()}
        case Mapping() | list() | tuple():
            return _canonical_members(value, depth)
        case _:
            raise UnrecordableValueError(f"a value of type {type(value).__name__}")


def _canonical_members(value: Mapping[object, object] | list[object] | tuple[object, ...], depth: int) -> Json:
    deeper = depth + 1
    if value and deeper > MAX_DEPTH:
        raise UnrecordableValueError(f"nested deeper than {MAX_DEPTH}")
    if isinstance(value, list | tuple):
        return [member if type(member) is str else canonical(member, deeper) for member in value]
    plain: dict[str, Json] = {}
    for key, member in value.items():
        if not isinstance(key, str):
            raise UnrecordableValueError(f"a key of type {type(key).__name__}")
        plain[key] = member if type(member) is str else canonical(member, deeper)
    return plain


def _integer(value: int) -> int | str:
    return hex(value) if value.bit_length() > MAX_INTEGER_BITS else value


def _text(value: str | None) -> str:
    return "null" if value is None else _quoted(value)


def _narrow(digits: str) -> int:
    if len(digits) > _NARROW_DIGITS:
        raise ValueError("perhaps wider than an integer is written")
    return int(digits)


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no JSON")


_NOTHING: Mapping[str, Json] = MappingProxyType({})
_DECODER = json.JSONDecoder(parse_int=_narrow, parse_constant=_refuse)
# Values are no rings: what `canonical` has gone through has an end.
_encoded = json.JSONEncoder(
    ensure_ascii=True, allow_nan=False, check_circular=False, separators=(",", ":"), sort_keys=True
).encode
_quoted = json.encoder.encode_basestring_ascii  # what the encoder does with a text by itself
