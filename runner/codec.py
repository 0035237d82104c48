"""How the members of an event are written and read back: strict in what is known, patient with what is newer. Pure.

A `Form` is both directions of one kind of value. Which form a member has says also whether the redactor touches it:

    PLAIN, HASH, INTEGER, NUMBER, FLAG, DAY, TIME, word(...)   our words, names of hosts and steps, numbers: never
    FREE, FREE_VALUE                                           what a user wrote: titles, parameters, names of files
    TAINTED, TAINTED_VALUE, TAINTED_JSON                       what a server said, or what quotes it

So a password that is one of our words costs nothing but the places where a server or a user says it. What is read is
of exactly the declared type; a member that is missing or is not raises with its name. A member that nobody knows is of
a newer version: it is passed over, and named to `aside`. So is a word of a closed set that nobody knows, and what it
stands in cannot be read without it: it raises UnknownWordError.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from operator import attrgetter, itemgetter
from typing import Any, Generic, Protocol, TypeVar, cast

from playbooks.values import Value
from runner.journal.lines import Json, canonical, is_sha256
from runner.making import maker

Item = TypeVar("Item")
Word = TypeVar("Word", bound=StrEnum)
Class = TypeVar("Class")


class Redact(Protocol):
    """What keeps secrets out; see runner/redaction.py."""

    def redact(self, value: object) -> object:
        """A copy of a value of any nesting without them."""
        ...

    def redact_text(self, text: str) -> str:
        """A text without them."""
        ...


class IllFormedError(ValueError):
    """Raised for a member that is missing or is not of its type; `member` leads to it, such as `findings[2].title`."""

    def __init__(self, why: str, member: str = "") -> None:
        super().__init__(why)
        self.why = why
        self.member = member

    def within(self, outer: str) -> IllFormedError:
        """The same, seen from one level further out."""
        joint = "" if not self.member or self.member.startswith("[") else "."
        return type(self)(self.why, f"{outer}{joint}{self.member}")


class UnknownWordError(IllFormedError):
    """Raised for a word that is none of a closed set, as this version knows it: a later one may have added it."""


@dataclass(frozen=True, slots=True)
class Absent(Generic[Item]):
    """What a member stands for that is not there."""

    value: Item


@dataclass(frozen=True, slots=True)
class Form(Generic[Item]):
    """One kind of value.

    Attributes:
        write: the value as canonical JSON, redacted where it is tainted or free.
        read: the value that JSON says; names what it does not know to its second argument.
        exactly: where all of `read` is that JSON is of this type, and is the value: the type.
        known: where all of `read` is to find what a text stands for: by text.
        unless_null: where null stands for None: what reads anything else.
        absent: where the member may be left out: what it stands for then.
    """

    write: Callable[[Item, Redact], Json]
    read: Callable[[Json, list[str]], Item]
    exactly: type[Any] | None = None
    known: Mapping[str, Item] | None = None
    unless_null: Callable[[Json, list[str]], Item] | None = None
    absent: Absent[Item] | None = None


def _as_it_is(value: Any, _redact: Redact) -> Any:
    return value


def _text(data: Json, _aside: list[str]) -> str:
    if type(data) is not str:
        raise IllFormedError("is not a text")
    return data


def _integer(data: Json, _aside: list[str]) -> int:
    if type(data) is not int:
        raise IllFormedError("is not an integer")
    return data


def _number(data: Json, _aside: list[str]) -> float:
    if type(data) is not float and type(data) is not int:
        raise IllFormedError("is not a number")
    return data


def _count(data: Json, aside: list[str]) -> int:
    if (count := _integer(data, aside)) < 0:
        raise IllFormedError("is below zero")
    return count


def _seconds(data: Json, aside: list[str]) -> float:
    if (seconds := _number(data, aside)) < 0:
        raise IllFormedError("is below zero")
    return seconds


def _flag(data: Json, _aside: list[str]) -> bool:
    if type(data) is not bool:
        raise IllFormedError("is neither true nor false")
    return data


def _hash(data: Json, _aside: list[str]) -> str:
    if type(data) is not str or not is_sha256(data):
        raise IllFormedError("is not a SHA-256 in lower-case hexadecimal")
    return data


def _day(data: Json, aside: list[str]) -> date:
    try:
        return date.fromisoformat(_text(data, aside))
    except ValueError as error:
        raise IllFormedError("is not a day") from error


def _time(data: Json, aside: list[str]) -> datetime:
    try:
        return datetime.fromisoformat(_text(data, aside))
    except ValueError as error:
        raise IllFormedError("is not a time") from error


def _value(data: Json, aside: list[str]) -> Value:
    """JSON as values are within exrun: arrays are tuples."""
    kind = type(data)
    if kind is list:
        return tuple([_value(member, aside) for member in cast(list[Json], data)])
    if kind is dict:
        return {name: _value(member, aside) for name, member in cast(dict[str, Json], data).items()}
    return cast(Value, data)


def _redacted_text(value: str, redact: Redact) -> Json:
    return redact.redact_text(value)


def _redacted_value(value: object, redact: Redact) -> Json:
    return canonical(redact.redact(value))


PLAIN: Form[str] = Form(_as_it_is, _text, str)
HASH: Form[str] = Form(_as_it_is, _hash)
INTEGER: Form[int] = Form(_as_it_is, _integer, int)
NUMBER: Form[float] = Form(_as_it_is, _number)
COUNT: Form[int] = Form(_as_it_is, _count)
SECONDS: Form[float] = Form(_as_it_is, _seconds)
FLAG: Form[bool] = Form(_as_it_is, _flag, bool)
TIME: Form[datetime] = Form(lambda value, _redact: value.isoformat(), _time)
DAY: Form[date] = Form(lambda value, _redact: value.isoformat(), _day)
FREE: Form[str] = Form(_redacted_text, _text, str)
TAINTED: Form[str] = Form(_redacted_text, _text, str)
FREE_VALUE: Form[Value] = Form(_redacted_value, _value)
TAINTED_VALUE: Form[Value] = Form(_redacted_value, _value)
# Canonical already, and left as it is read: nothing but a report looks into it.
TAINTED_JSON: Form[Json] = Form(lambda value, redact: cast(Json, redact.redact(value)), lambda data, _aside: data)


def among(least: int, most: int) -> Form[int]:
    """A whole number from `least` to `most`."""

    def read(data: Json, _aside: list[str]) -> int:
        if type(data) is not int or not least <= data <= most:
            raise IllFormedError(f"is not a whole number from {least} to {most}")
        return data

    return Form(_as_it_is, read)


def spelt(pattern: str, what: str) -> Form[str]:
    """A text of ours that is spelt in one way; `what` says of which kind it is otherwise not."""
    matches = re.compile(pattern).fullmatch

    def read(data: Json, _aside: list[str]) -> str:
        if type(data) is not str or not matches(data):
            raise IllFormedError(f"is not {what}")
        return data

    return Form(_as_it_is, read)


def word(words: type[Word]) -> Form[Word]:
    """One of a closed set of our words."""
    known = {each.value: each for each in words}

    def read(data: Json, _aside: list[str]) -> Word:
        found = known.get(data) if type(data) is str else None
        if found is None:
            _text(data, _aside)
            raise UnknownWordError(f"is {data!r:.80}, which this version does not know")
        return found

    return Form(lambda value, _redact: str(value), read, known=known)


def maybe(form: Form[Item]) -> Form[Item | None]:
    """The same, or null."""
    write, read = form.write, form.read
    return Form(
        lambda value, redact: None if value is None else write(value, redact),
        lambda data, aside: None if data is None else read(data, aside),
        unless_null=read,
    )


def unless_absent(form: Form[Item], value: Item) -> Form[Item]:
    """A member of a record that is left out where it is `value`: lines that were written before it was known have none.

    Such members are the last of their record.
    """
    return Form(form.write, form.read, absent=Absent(value))


def many(form: Form[Item]) -> Form[tuple[Item, ...]]:
    """An array."""
    write, read = form.write, form.read

    def read_all(data: Json, aside: list[str]) -> tuple[Item, ...]:
        if type(data) is not list:
            raise IllFormedError("is not an array")
        if not data:
            return ()
        try:
            return tuple([read(member, aside) for member in data])
        except IllFormedError:
            for at, member in enumerate(data):
                try:
                    read(member, [])
                except IllFormedError as error:
                    raise error.within(f"[{at}]") from None
            raise

    return Form(lambda value, redact: [write(member, redact) for member in value], read_all)


def table(form: Form[Item]) -> Form[Mapping[str, Item]]:
    """An object whose names are ours."""
    write, read = form.write, form.read

    def read_all(data: Json, aside: list[str]) -> Mapping[str, Item]:
        if type(data) is not dict:
            raise IllFormedError("is not an object")
        found: dict[str, Item] = {}
        for name, member in data.items():
            try:
                found[name] = read(member, aside)
            except IllFormedError as error:
                raise error.within(name) from None
        return found

    return Form(lambda value, redact: {name: write(member, redact) for name, member in value.items()}, read_all)


def record(made: type[Class], beside: str = "", /, **members: Form[Any]) -> Form[Class]:
    """An object of the named members, in the order in which `made` takes them; what it adds to them has a default.

    Args:
        beside: a member that stands beside them, and is for another to read.

    Raises:
        TypeError: `made` has no such members; found when the module is loaded.
    """
    # A dataclass that is neither frozen nor ours would not be built from its members alone.
    known = tuple(each.name for each in dataclasses.fields(cast(Any, made)))[: len(members)]
    if known != tuple(members):
        raise TypeError(f"{made.__name__} begins with {', '.join(known)}, not {', '.join(members)}")
    values_of = attrgetter(*members) if len(members) > 1 else lambda value: [getattr(value, name) for name in members]
    # What is written as it is costs no call of its own.
    writes = tuple((name, form.write) for name, form in members.items() if form.write is not _as_it_is)
    reads = tuple((name, form.read) for name, form in members.items() if form.absent is None)
    added = tuple((name, form.read, form.absent.value) for name, form in members.items() if form.absent is not None)
    if [*members][len(reads) :] != [name for name, _, _ in added]:
        raise TypeError(f"members of {made.__name__} that may be left out are its last")
    # Nor does what is read as it is, or looked up, which is most of a plan and of a journal.
    exact, words, nullable, further = [], [], [], []
    for at, form in enumerate(members.values()):
        if form.absent is not None:
            continue
        if form.exactly is not None:
            exact.append((at, form.exactly))
        elif form.known is not None:
            words.append((at, form.known))
        elif form.unless_null is not None:
            nullable.append((at, form.unless_null))
        else:
            further.append((at, form.read))
    always = [name for name, _ in reads]
    members_of = itemgetter(*always) if len(always) > 1 else lambda data: [data[name] for name in always]
    count = len(always) + bool(beside)
    make: Callable[..., Class] = maker(made)

    def write(value: Class, redact: Redact) -> Json:
        data: dict[str, Any] = dict(zip(members, values_of(value), strict=True))
        for name, _, left_out in added:
            if data[name] == left_out:
                del data[name]
        for name, each in writes:
            if name in data:
                data[name] = each(data[name], redact)
        return data

    def read(data: Json, aside: list[str]) -> Class:
        if type(data) is not dict:
            raise IllFormedError("is not an object")
        try:
            values = list(members_of(data))
            for at, each in further:
                values[at] = each(values[at], aside)
            for at, each in nullable:
                if values[at] is not None:
                    values[at] = each(values[at], aside)
        except (KeyError, IllFormedError):
            raise _what_is_wrong(data, reads) from None
        for at, kind in exact:
            if type(values[at]) is not kind:
                raise _what_is_wrong(data, reads)
        for at, of in words:
            found = of.get(values[at]) if type(values[at]) is str else None
            if found is None:
                raise _what_is_wrong(data, reads)
            values[at] = found
        for name, each, left_out in added:
            try:
                values.append(each(data[name], aside) if name in data else left_out)
            except IllFormedError as error:
                raise error.within(name) from None
        value = make(*values)
        if len(data) > count:
            aside += [name for name in data if name not in members and name != beside]
        return value

    return Form(write, read)


def one_of(tag: str, forms: Mapping[str, tuple[type[Any], Form[Any]]]) -> Form[Any]:
    """One of several records, told apart by the member `tag`, which stands beside those of each."""
    tags = {made: name for name, (made, _) in forms.items()}
    by_class = {made: form.write for made, form in forms.values()}

    def write(value: Any, redact: Redact) -> Json:
        made = type(value)
        return {tag: tags[made], **cast(Mapping[str, Json], by_class[made](value, redact))}

    def read(data: Json, aside: list[str]) -> Any:
        if type(data) is not dict:
            raise IllFormedError("is not an object")
        if tag not in data:
            raise IllFormedError("is missing", tag)
        try:
            found = forms.get(_text(data[tag], aside))
        except IllFormedError as error:
            raise error.within(tag) from None
        if found is None:
            raise UnknownWordError(f"is {data[tag]!r:.80}, which this version does not know", tag)
        return found[1].read(data, aside)

    return Form(write, read)


def _what_is_wrong(
    data: Mapping[str, Json], reads: Sequence[tuple[str, Callable[[Json, list[str]], object]]]
) -> IllFormedError:
    for name, each in reads:
        if name not in data:
            return IllFormedError("is missing", name)
        try:
            each(data[name], [])
        except IllFormedError as error:
            return error.within(name)
    return IllFormedError("cannot be read")
