"""The native format, `exrun: inventory/1`, as it stands in a file: the models behind validation and the JSON Schema.

Scalars arrive as the text that was written. Messages of these models never repeat a value.
"""

from __future__ import annotations

import ipaddress
import re
from difflib import get_close_matches
from enum import Enum
from functools import lru_cache
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainValidator,
    StringConstraints,
    WithJsonSchema,
)

from inventory.model import Authentication, CredentialKind, CredentialReference, LabelValues, Scheme, label_values
from inventory.names import is_address, why_not_an_address
from inventory.sources.accounts import mended_reference, misspelt_user, wrong_kind
from texts import schemas
from texts.problems import MistakeError

VERSION = "inventory/1"
LONGEST_TEXT = 1000

CREDENTIAL_ADVICE = (
    "write `env:NAME`, `keyring:SERVICE/USER`, `vault:PATH#FIELD` or `command:...`, which say where the password is"
)
_SECRET_KEYS = frozenset({"pass", "pwd", "pw", "token", "apikey", "api_key", "privatekey", "private_key"})
_SECRET_PARTS = ("password", "passwd", "passphrase", "passwort", "secret")
_CREDENTIAL_TARGETS = {
    CredentialKind.ENV: re.compile(r"[A-Za-z_][A-Za-z0-9_]*"),
    CredentialKind.KEYRING: re.compile(r"[^/\s][^/]*/\S.*"),
    CredentialKind.COMMAND: re.compile(r"\S.*"),
    # Written as in an address, where these mean something else; and no step of a path leads up or nowhere.
    CredentialKind.VAULT: re.compile(
        r"(?:(?!\.{1,2}[/#])[^\s\x00-\x1f/#?%\\][^\x00-\x1f/#?%\\]*(?:/(?!#)|(?=#)))+#[^\s\x00-\x1f#][^\x00-\x1f#]*"
    ),
}


@lru_cache(maxsize=1024)  # every host of a fleet has the same few labels
def holds_a_secret(key: str) -> bool:
    """Whether a key of this name would hold a password rather than say where one is."""
    bare = key.casefold().replace("-", "_")
    return (
        bare in _SECRET_KEYS
        or any(part in bare for part in _SECRET_PARTS)
        or bool(get_close_matches(bare, _SECRET_PARTS, n=1, cutoff=0.85))
    )


def credential_reference(text: str) -> CredentialReference:
    """Reads `env:NAME`, `keyring:SERVICE/USER`, `vault:PATH#FIELD` or `command:...`.

    Raises:
        MistakeError: anything else; the message does not repeat the text, which may be a password.
    """
    kind, colon, target = text.partition(":")
    if colon and kind in {kind.value for kind in CredentialKind}:
        known = CredentialKind(kind)
        if _CREDENTIAL_TARGETS[known].fullmatch(target):
            return CredentialReference(known, target)
    mended = mended_reference(text)
    if mended is not None:
        raise MistakeError("is not how a reference to a credential is written", f"write `{mended}`")
    if colon and kind in {kind.value for kind in CredentialKind}:
        raise MistakeError(
            f"`{kind}:` is not followed by what it needs", f"{CREDENTIAL_ADVICE} (the text is not shown)"
        )
    meant = wrong_kind(text)
    if meant:
        raise MistakeError(f"does not begin with `{meant}:`", "write it so, in small letters (the text is not shown)")
    if text.isidentifier():
        raise MistakeError(
            "is not a reference to a credential",
            f"if it is the name of a variable, put `env:` before it; else {CREDENTIAL_ADVICE} (the text is not shown)",
        )
    raise MistakeError("is not a reference to a credential", f"{CREDENTIAL_ADVICE} (the text is not shown)")


def _is_reference(text: str) -> str:
    credential_reference(text)
    return text


def _port(value: object) -> object:
    # pydantic would take `5_985`, ` 5985 ` and `5985.0` as well.
    if isinstance(value, str) and re.fullmatch(r"[1-9][0-9]{0,4}", value) and int(value) <= 65535:
        return int(value)
    raise MistakeError("is not a port", "write a number from 1 to 65535")


def _address(text: str) -> str:
    if why := why_not_an_address(text):
        raise MistakeError(*why)
    return text


def _public_place(text: str) -> str:
    if "/" not in text:
        if "%" not in text and is_address(text):
            return text
        raise MistakeError(
            "is not a network, an IP address or a host name", "write `203.0.113.0/24` or `ex1.example.com`"
        )
    try:
        whole = ipaddress.ip_network(text, strict=False)
    except ValueError:
        raise MistakeError("is not a network", "write it like `203.0.113.0/24` or `2001:db8::/32`") from None
    if ipaddress.ip_address(text.partition("/")[0]) != whole.network_address:
        raise MistakeError("is an address within a network", f"write the network, `{whole}`, or the address alone")
    return text


def _printable(text: str) -> str:
    if not text.isprintable() or not text.strip() or text != text.strip():
        raise MistakeError("has control characters, or spaces around it, or nothing in it", "write plain text")
    return text


# What is read as text, and what an editor takes an unquoted one for: a group may be called 2019. One may be called true
# as well; an editor that knew would offer true and false for each of them.
_TEXT: dict[str, Any] = {"type": ["string", "number"]}
_SCALAR: dict[str, Any] = {"type": ["string", "number", "boolean"]}
AsWritten = Annotated[str, WithJsonSchema(_TEXT)]
Text = Annotated[
    str,
    StringConstraints(max_length=LONGEST_TEXT),
    AfterValidator(_printable),
    WithJsonSchema({**_TEXT, "maxLength": LONGEST_TEXT}),
]


def _label(value: object) -> LabelValues:
    """`Mailbox, ClientAccess` and `[Mailbox, ClientAccess]` are two values each; a comma within a list's is its own."""
    written = value if isinstance(value, list | tuple) else [value]
    texts = [text for text in written if isinstance(text, str)]
    if len(texts) != len(written) or not texts:
        raise MistakeError("must be a text or a list of texts", "write `Mailbox` or `[Mailbox, ClientAccess]`")
    if any(len(text) > LONGEST_TEXT for text in texts):
        raise MistakeError(f"is longer than {LONGEST_TEXT} characters", "shorten it")
    values = tuple(map(_printable, texts))
    return values if isinstance(value, list | tuple) else label_values(values[0])


Label = Annotated[
    LabelValues,
    PlainValidator(_label),
    WithJsonSchema({"anyOf": [_SCALAR, {"type": "array", "items": _SCALAR, "minItems": 1}], "title": "Label"}),
]
Address = Annotated[AsWritten, AfterValidator(_address)]
PublicPlace = Annotated[
    str,
    StringConstraints(max_length=1000),
    AfterValidator(_public_place),
    WithJsonSchema({**_TEXT, "maxLength": 1000}),
]


def _user(text: str) -> str:
    wrong = misspelt_user(text)
    if wrong is not None:
        raise MistakeError(*wrong)
    return text


User = Annotated[Text, AfterValidator(_user)]
Credential = Annotated[
    str,
    AfterValidator(_is_reference),
    WithJsonSchema({"type": "string", "pattern": "^(env:[A-Za-z_]|keyring:[^/]+/.|vault:[^#]+#.|command:.)"}),
]
Port = Annotated[
    int,
    BeforeValidator(_port),
    WithJsonSchema({"type": ["integer", "string"], "minimum": 1, "maximum": 65535, "pattern": "^[1-9][0-9]{0,4}$"}),
]


ALLOW_PUBLIC = "Networks and host names outside private ranges to which NTLM may prove the password."


class _Written(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True, defer_build=True)


class Settings(_Written):
    """What a client, a group or a host may set; the innermost wins: host, then its groups, then the client."""

    address: Address = Field(default="", description="Host name or IP address; without one, the host's name.")
    port: Port = Field(default=0, description="WinRM's port; 5985 for http, 5986 for https.")
    scheme: Scheme = Field(default=Scheme.HTTP, description="http with message encryption, or https with verification.")
    authentication: Authentication = Field(default=Authentication.NEGOTIATE, description="How to log on.")
    user: User = Field(default="", description="DOMAIN\\name or name@domain.")
    credential: Credential = Field(
        default="",
        description="Where the password is: env:NAME, keyring:SERVICE/USER, vault:PATH#FIELD or command:... "
        "Never the password.",
    )
    ca_file: Text = Field(default="", description="PEM file of the authority that signed the servers' certificates.")
    certificate: Text = Field(default="", description="PEM file to log on with; for authentication: certificate.")
    certificate_key: Text = Field(default="", description="PEM file of the certificate's key.")
    allow_public: list[PublicPlace] = Field(default=[], description=ALLOW_PUBLIC)
    labels: dict[str, Label] = Field(
        default={}, description="site, dag, role, ring or anything; a text, or several in a list. Merged inwards."
    )


TOP_SETTINGS = ("allow_public",)  # what may stand above the clients, for all of them
FILES = ("ca_file", "certificate", "certificate_key")  # those that are paths
SETTINGS = tuple(name for name in Settings.model_fields if name != "labels")


def given_settings(settings: Settings) -> dict[str, object]:
    """What was set, by name, without defaults and labels; words of a closed set as their text."""
    return {
        name: value.value if isinstance(value, Enum) else value
        for name, value in settings
        if name in settings.model_fields_set and name in SETTINGS
    }


class GroupDocument(Settings):
    """A group. With `groups`, it lies inside those and inherits from them."""

    groups: list[AsWritten] = Field(default=[], description="The groups that this one is in.")


class HostDocument(Settings):
    """A server."""

    groups: list[AsWritten] = Field(default=[], description="The groups that the server is in.")


class ClientDocument(Settings):
    """A tenant; what is set here holds for all its hosts."""

    groups: dict[str, GroupDocument | None] = Field(default={}, description="Groups by name.")
    hosts: dict[str, HostDocument | None] = Field(default={}, description="Servers by name.")


class InventoryDocument(_Written):
    """An inventory file of exrun."""

    exrun: Literal["inventory/1"] = Field(description="The kind and version of this file.")
    allow_public: list[PublicPlace] = Field(default=[], description=ALLOW_PUBLIC)
    clients: dict[str, ClientDocument] = Field(description="Clients (tenants) by name.", min_length=1)


def json_schema() -> dict[str, Any]:
    """The JSON Schema (2020-12) of the native format, for editors. Looser than loading: it knows no references."""
    schema = schemas.of_model("inventory", InventoryDocument)
    for model in ("ClientDocument", "GroupDocument", "HostDocument"):
        for setting in schema["$defs"][model]["properties"].values():
            setting.pop("default", None)  # "" and 0 stand for "not set" and are not what applies
    schema["properties"]["allow_public"].pop("default", None)
    # Where no server is written yet, which loading says well, an editor has nothing to add.
    schema["$defs"]["ClientDocument"]["properties"]["hosts"]["type"] = ["object", "null"]
    return schema


def schema_text() -> str:
    """`json_schema` as the bytes that are published."""
    return schemas.text_of(json_schema())
