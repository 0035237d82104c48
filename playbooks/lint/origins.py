"""What a value may be, and what becomes of it: the algebra beneath the data flow.

An origin is a set of flags that says at least what a value may be: unknown is OTHER, never empty or text. A value is
shown to be something only where no other flag stands beside it.
"""

from __future__ import annotations

import re
from enum import IntFlag


class Origin(IntFlag):
    """What a value may be; no flag at all is what never comes to be. Null alone is HOLLOW."""

    NOTHING = 0
    LOCAL = 1  # text that names a place on this host
    ITEM = 2  # what a command returned for such a place
    WORDS = 4  # any other text, number, date or truth value: a value of a core type
    READ = 8  # what a command read from the host: any object of the server, may name another host
    OTHER = 16  # unknown: also what the script made, such as a table
    HOLLOW = 32  # may be null or empty
    LIST = 64  # may be several
    NEST = 128  # of which one may be several again


KINDS = Origin.LOCAL | Origin.ITEM | Origin.WORDS | Origin.READ | Origin.OTHER
PLACE = Origin.LOCAL | Origin.ITEM
CORE = Origin.LOCAL | Origin.WORDS
OPAQUE = Origin.READ | Origin.OTHER
MANY = Origin.LIST | Origin.NEST
ANY = MANY | Origin.HOLLOW
UNKNOWN = Origin.OTHER | ANY

_DRIVE = r"(?:[A-Za-z]|HKLM|HKCU|Env|Cert):(?!:)"
LOCAL_TEXT = re.compile(rf"(?:{_DRIVE}|(?:Microsoft\.PowerShell\.Core\\)?Registry::)", re.IGNORECASE)
# Properties of what a provider returns: places, items again, and values of core types.
_OF_ITEM = frozenset({"fullname", "pspath", "psparentpath", "directoryname", "path", "providerpath"})
_ITEM_OF_ITEM = frozenset({"directory", "parent", "root"})
_WORDS_OF_ITEM = frozenset(
    {"name", "basename", "extension", "length", "exists", "mode", "attributes", "isreadonly", "pschildname",
     "psiscontainer", "lastwritetime", "lastwritetimeutc", "creationtime", "creationtimeutc", "lastaccesstime",
     "lastaccesstimeutc", "property", "subkeycount", "valuecount", "thumbprint", "subject", "issuer", "notafter",
     "notbefore", "serialnumber", "friendlyname", "hasprivatekey", "key"}
)  # fmt: skip
# Properties of texts, numbers, dates, spans, versions, addresses and matches that are such values again.
_WORDS_OF_WORDS = frozenset(
    {"length", "count", "year", "month", "day", "hour", "minute", "second", "millisecond", "ticks", "date", "timeofday",
     "dayofweek", "dayofyear", "kind", "days", "hours", "minutes", "seconds", "milliseconds", "totaldays", "totalhours",
     "totalminutes", "totalseconds", "totalmilliseconds", "major", "minor", "build", "revision", "majorrevision",
     "minorrevision", "version", "platform", "groups", "captures", "value", "index", "success", "name", "host", "port",
     "scheme", "absolutepath", "absoluteuri", "localpath", "query", "segments", "addressfamily", "utcdatetime",
     "datetime", "offset", "ispresent"}
)  # fmt: skip
# What a list has itself, whatever stands in it: SyncRoot is the list again.
_NUMBERS_OF_LISTS = frozenset(
    {"count", "length", "longlength", "rank", "isreadonly", "isfixedsize", "issynchronized", "capacity"}
)
_SCALARS = frozenset(
    {
        "int", "int16", "int32", "int64", "long", "uint16", "uint32", "uint64", "byte", "char", "bool", "boolean",
        "double", "single", "float", "decimal", "datetime", "datetimeoffset", "timespan", "version", "guid",
        "ipaddress", "net.ipaddress", "switch", "switchparameter", "management.automation.switchparameter",
    }
)  # fmt: skip
# Casts that leave a value what it is.
SAME = frozenset(
    {"object", "psobject", "pscustomobject", "management.automation.psobject", "management.automation.pscustomobject"}
)
_ARRAYS = frozenset({"array", "object[]", "psobject[]", "collections.arraylist"})


def plain(name: str) -> str:
    """A type's name as the tables here have it."""
    return name.lower().replace(" ", "").removeprefix("system.")


def several(origin: Origin) -> bool:
    """Whether a value may be several: what is not known may."""
    return bool(origin & (MANY | OPAQUE))


def is_core(origin: Origin) -> bool:
    """Whether a value surely is of a core type, as each of its elements is."""
    return not origin & (Origin.ITEM | OPAQUE)


def is_place(origin: Origin) -> bool:
    """Whether a value surely names places on this host, or is what was read there."""
    return bool(origin & PLACE) and not origin & (KINDS & ~PLACE)


def text(value: str) -> Origin:
    """A text that stands in the script."""
    if LOCAL_TEXT.match(value):
        return Origin.LOCAL
    return Origin.WORDS | (Origin.NOTHING if value else Origin.HOLLOW)


def element(origin: Origin) -> Origin:
    """One element of a value."""
    return origin if origin & Origin.NEST else origin & ~Origin.LIST


def listed(origin: Origin) -> Origin:
    """A list of which a value is one element."""
    return origin | (MANY if several(origin) else Origin.LIST)


def cast(kind: str, origin: Origin) -> Origin:
    """What a conversion gives: only types that are listed give what they say."""
    kind = plain(kind)
    if kind == "string":
        return _as_text(origin)
    if kind in _SCALARS:
        return Origin.WORDS
    if kind in SAME:
        return origin
    if kind in _ARRAYS:
        return origin | Origin.LIST
    if kind == "void":
        return Origin.HOLLOW
    if kind.endswith("[]") and (kind[:-2] in _SCALARS or kind == "string[]"):
        return cast(kind[:-2], element(origin)) | Origin.LIST | (origin & Origin.HOLLOW)
    return UNKNOWN


def _as_text(origin: Origin) -> Origin:
    found = origin & Origin.HOLLOW
    if origin & PLACE:
        found |= Origin.LOCAL
    if origin & (Origin.WORDS | OPAQUE):
        found |= Origin.WORDS
    # Elements are joined by blanks: a first one that is empty, or a list itself, leaves another beginning.
    if origin & MANY and origin & (Origin.NEST | Origin.HOLLOW):
        found |= Origin.WORDS
    return found | (Origin.HOLLOW if origin & OPAQUE else Origin.NOTHING)


def property_of(origin: Origin, name: str) -> Origin:
    """A property of a value; one that is not known of it may be anything."""
    found = (origin & MANY) | Origin.HOLLOW
    if several(origin):
        if name in _NUMBERS_OF_LISTS:
            found |= Origin.WORDS
        elif name in ("syncroot", "keys", "values"):
            return UNKNOWN
    if origin & Origin.ITEM:
        if name in _OF_ITEM:
            found |= Origin.LOCAL
        elif name in _ITEM_OF_ITEM:
            found |= Origin.ITEM
        elif name in _WORDS_OF_ITEM:
            found |= Origin.WORDS | (Origin.LIST if name == "property" else Origin.NOTHING)
        else:
            found |= Origin.READ | MANY
    if origin & CORE:
        found |= Origin.WORDS if name in _WORDS_OF_WORDS else UNKNOWN
        found |= Origin.LIST if name in ("groups", "captures", "segments") else Origin.NOTHING
    if origin & Origin.READ:
        found |= Origin.READ | MANY
    if origin & Origin.OTHER:
        found |= UNKNOWN
    return found


def index_of(origin: Origin, *, is_list: bool, one: bool) -> Origin:
    """What stands in a value at an index: of a text it is a character. `one`: the index is a single number."""
    if is_list and one and not origin & Origin.NEST:
        return (origin & ~Origin.LIST) | Origin.HOLLOW
    found = origin | Origin.HOLLOW | (Origin.NOTHING if one else Origin.LIST)
    if origin & Origin.LOCAL and not is_list:
        found |= Origin.WORDS
    return found | (MANY if origin & OPAQUE else Origin.NOTHING)
