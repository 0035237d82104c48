"""Types by what a script may do with them: convert to them, compare with them, make collections of them."""

from __future__ import annotations

import re

ALLOWED = frozenset(
    {
        "string", "int", "int16", "int32", "int64", "long", "uint16", "uint32", "uint64", "byte", "char", "bool",
        "boolean", "double", "single", "float", "decimal", "datetime", "datetimeoffset", "timespan", "version", "guid",
        "array", "hashtable", "ordered", "pscustomobject", "psobject", "object", "regex", "switch", "switchparameter",
        "management.automation.switchparameter", "management.automation.pscustomobject", "void", "uri", "ipaddress",
        "net.ipaddress", "collections.hashtable", "collections.arraylist",
        "management.automation.psobject",
    }
)  # fmt: skip
# Only behind -is, where nothing is converted: [IO.FileInfo]'\\host\x' would reach out once a property is read.
COMPARED = frozenset({"io.fileinfo", "io.directoryinfo", "exception", "collections.ienumerable", "valuetype"})
COLLECTIONS = frozenset(
    {
        "collections.arraylist", "collections.hashtable", "collections.generic.list", "collections.generic.dictionary",
        "collections.generic.hashset", "collections.generic.queue", "collections.generic.stack",
        "collections.specialized.ordereddictionary", "collections.queue", "collections.stack", "text.stringbuilder",
    }
)  # fmt: skip
# What a change may make and describe by a text; a value until Set-Acl takes it. No collect script makes one.
ACCESS_LISTS = frozenset({"security.accesscontrol.filesecurity", "security.accesscontrol.directorysecurity"})
_GENERIC = re.compile(r"([a-z.]+)\[([a-z0-9.]+)(?:, ?([a-z0-9.]+))?\]")


def plain(name: str) -> str:
    """A type's name as the lists here have it."""
    return name.lower().removesuffix("[]").removeprefix("system.")


def is_allowed(name: str) -> bool:
    """Whether something may be converted to a type."""
    if plain(name) in ALLOWED:
        return True
    found = _GENERIC.fullmatch(name.lower().removeprefix("system."))
    return (
        found is not None
        and found[1] in COLLECTIONS
        and all(part is None or plain(part) in ALLOWED for part in found.groups()[1:])
    )


def is_known(name: str) -> bool:
    """Whether a type may at least be named."""
    return is_allowed(name) or plain(name) in COMPARED
