r"""Placeholders for the names of a network: what leaves it tells how a server is, and not whose it is.

Two steps, both pure. `Names` collects names: those that are told, and those that texts show by their form (addresses,
URLs, SIDs, distinguished names, accounts, shares, profiles). `Names.pseudonyms` gives each a placeholder of its kind
and form, and the result replaces them everywhere, whatever their case. One name has one placeholder, and no two share
one. A dotted name is replaced label by label, so that EX1, EX1\user and ex1.corp.example.de stay one server. Told
apart by case are `SERVER1` and `server1` alone: as the name was written.

What is kept: names that every Windows or Exchange has, well-known SIDs, the last number of a SID, GUIDs of Microsoft's,
loopback, link-local and multicast addresses, which addresses share the first three numbers and are private, hashes,
versions.

Looked for are names as they are written and in the other ways in which a text reads (readings.py): with escapes, in
UTF-16, wrapped over lines, in Base64 and hexadecimal. Compressed text is not looked into.
"""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field
from enum import StrEnum
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from itertools import count
from typing import Any

from runner.name_search import Edge, NameSearch
from runner.readings import encoded, readings, undone

__all__ = ["Kind", "Names", "NamesMakeNamesError", "Pseudonyms", "TooManyNamesError"]


class Kind(StrEnum):
    """What a name is of. The value is what its placeholder begins with, but for those that have a form of their own."""

    SERVER = "server"
    DOMAIN = "domain"
    USER = "user"
    ORGANISATION = "organisation"
    NAME = "name"  # one that a person told, or that stands in a distinguished name
    SID = "SID"
    GUID = "GUID"
    ADDRESS = "IP address"


# Words of which no single one is a name: every Windows, Exchange or directory has them.
_USUAL_WORDS = """
    account accounts admin administrative administrator administrators agent agents all anonymous app apppool asp
    aspnet assembly auth authority autodiscover back backend batch bin build builtin c certificate client clientaccess
    clients cn com computer computers config configuration console content controllers controlset corporation current
    currentcontrolset custom database databases dc default defaultapppool defaultuser0 delegated desktop device
    devices directory discovery domain driver drivers ecp edge eas error everyone ews exchange exchsrv exchweb
    external file files first folder font framework front frontend global group groups guest hardware health
    healthmailbox hkcr hkcu hkey hklm hku host http httpproxy https iis inc inetpub inetsrv install internal internet
    ip krbtgt lib local localhost localservice logging logon logs machine mail mailbox mailflow management mapi
    microsoft migration monitoring mozilla mx name net network networkservice none nt null oab office old operator
    operators organisation organization outlook owa owin path policy powershell program programdata programs protocols
    proxy public python query receive recipients registry remote requests root rpc rpcproxy run sam scripts search
    security send server servers service services setup shared site smtp software sql ssl started status store support
    sync synchronisation system system32 systemmailbox systemprofile task tasks temp test transport trusted type
    unified unknown update updates user users v15 version virtual w3svc w3wp wdagutilityaccount web webmail website
    webshell window windows winrm work workgroup wwwroot www x
"""
_USUAL = frozenset(_USUAL_WORDS.split())
# What names stand in by accident: a name that is part of one of these is looked for as a whole word alone.
_PARTS = " ".join(sorted(_USUAL)) + (
    " collect observed microsoft.exchange servicehost mailboxassistants mailboxreplication submission throttling"
    " antispamupdate delivery notifications broker compliance edgesync heartbeat diagnostics dagmgmt imap4be pop3be"
    " unifiedmessaging topology repl managedavailability runtime controlpanel redirection startmode stopped running"
    " disabled automatic manual present pending reboot packages installer uninstall patches language resources"
    " provider providers extension handler handlers module modules request response header session cookie identity"
)
_PUBLIC_WORDS = """
    microsoft.com windows.com windowsupdate.com windows.net office.com office.net office365.com outlook.com live.com
    azure.com aka.ms w3.org xmlsoap.org digicert.com verisign.com symantec.com entrust.net openxmlformats.org
    localhost ipv6-literal.net mozilla.org github.com
"""
_PUBLIC = _PUBLIC_WORDS.split()
# Ends of bare dotted names that tell them from the names of files and types.
_ENDS_WORDS = """
    local lan intern internal corp home localdomain private example test invalid com net org info biz edu gov mil eu
    io de at ch li fr it es pt nl be lu dk se no fi ie uk us ca au nz jp cn in br mx za pl cz sk hu ro bg gr tr ru ua
"""
_ENDS = _ENDS_WORDS.split()
_FILES = re.compile(
    r"\.(exe|dll|ps1|psm1|aspx|ashx|asmx|config|xml|log|txt|cmd|bat|vbs|js|tmp|dat|msi|msp|sys|cs|edb)$", re.I
)
_AUTHORITIES = frozenset({"nt authority", "builtin", "nt service", "iis apppool", "window manager", "font driver host"})
_USUAL_OR_AUTHORITIES = _USUAL | _AUTHORITIES
_PEOPLE = frozenset({"account", "author", "mailbox", "assignee", "owner", "user", "username", "requester", "createdby"})
_OURS = re.compile(r"(?:server|domain|user|organisation|name)\d+", re.I)

_LABEL = r"[^\W_](?:[\w-]{0,61}[^\W_])?"
_DOTTED = re.compile(rf"(?<![\w.-])((?:{_LABEL}\.)+(?:{'|'.join(_ENDS)}))(?![\w-]|\.\w)", re.I)
_ANY_DOTTED = re.compile(rf"(?<![\w.-])(?:{_LABEL}\.)+{_LABEL}(?![\w-]|\.\w)")
_MAIL = re.compile(rf"(?<![\w.+'$-])([\w.+'$-]+)@((?:{_LABEL}\.)+{_LABEL})(?![\w-])")
_URL = re.compile(r"(?<![a-z0-9+.-])[a-z][a-z0-9+.-]*:/{2}(?:[^/\s@\\]*@)?([^/\s:\"'<>\\?#,;()\[\]{}]+)", re.I)
_SHARE = re.compile(r"(?<![\w:\\])\\\\(?:\?\\UNC\\)?([^\\/\s:\"'<>?*|@]+)(?:@[^\\/\s]*)?\\", re.I)
_ACCOUNT = re.compile(r"([^\W_][\w.-]{0,62})\\([^\W_][\w.$' -]{0,62})")
_PROFILE = re.compile(r"[\\/](?:Users|Documents and Settings)[\\/]+([^\\/:*?\"<>|\r\n]+)", re.I)
_PART_OF_DN = re.compile(r"(?:^|(?<=[,/;+\s\"'|]))(CN|OU|O|L|DC)=((?:\\.|[^,;/+\"'|\r\n\\])+)", re.I)
_IS_DN = re.compile(r"(?:^|[,/;\s\"'|])(?:CN|DC|OU)=|/o=", re.I)
_SID = re.compile(r"S-1-5-21-(\d{1,10}-\d{1,10}-\d{1,10})(?!\d)", re.I)
_OUR_SID = "1000-2000-"
_V4 = re.compile(r"(?<![\w.])(\d{1,3}(?:\.\d{1,3}){3})(?![\w]|\.\d)")
_V6 = re.compile(r"(?<![\w:.\]])([0-9a-f]{1,4}:[0-9a-f:]{0,45}:[0-9a-f:.]{0,45})(?![\w:])", re.I)
_V6_WORD = re.compile(r"(?<![\w-])([0-9a-f-]{2,39})(?=(?:s\w+)?\.ipv6-literal\.net)", re.I)
_IS_VERSION = re.compile(r"(?:version|build|ver|v)\W{0,3}$", re.I)
_EXCHANGE_BUILD = re.compile(r"(?:8|14|15)\.[0-3]\.|\d+\.\d+\.0\.0$")
_WHOLE = re.compile(r"(?<![0-9a-f])(?:[0-9a-f]{32,}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})(?![0-9a-f])", re.I)
_GUID = re.compile(r"(?<![0-9a-z-])[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}(?![0-9a-z-])", re.I)
_BARE_GUID = re.compile(r"(?<![0-9a-z])[0-9a-f]{32}(?![0-9a-z])", re.I)
_OUR_GUID = "00000000-0000-4000-8000-"
# Everybody's: Exchange's product codes, the COM classes and pages that rules and tables of this tool name, the policy
# group of Windows' firewall.
_PUBLIC_GUIDS_WORDS = """
    00000000-0000-0000-0000-000000000000 cd981244-e9b8-405a-9026-6aeb9dcef1f1 4934d1ea-be46-48b1-8847-f1af20e892c1
    f935dc22-1cf0-11d0-adb9-00c04fd58a0b c08afd90-f2a1-11d1-8455-00a0c91f3880 9ba05972-f6a8-11cf-a442-00a0c90a8f39
    72c24dd5-d70a-438b-8a42-98424b88afb8 49b2791a-b1ae-4c90-9b8e-e860ba07f889 13709620-c279-11ce-a49e-444553540000
    0e59f1d5-1fbe-11d0-8ff2-00a0d10038bc 093ff999-1ea0-4079-9525-9614c3504b74 a216ceed-7791-4635-a752-5a4ac0a5eb93
    bc13b9d0-5ba2-446a-956b-c583bdc94d5e f60b8ac7-c3e3-4e42-8dad-e4e1fea59ff7 d39dee0e-fdc3-4015-af8d-94d4d49294b3
    7a774f0c-7a6f-11e0-85ad-07fb4824019b 54a84acc-6fd9-4a5f-a5f7-883947d4120f 35378eac-683f-11d2-a89a-00c04fbbcfa2
"""
_PUBLIC_GUIDS = frozenset(_PUBLIC_GUIDS_WORDS.split())
_MOST = 100_000  # names that are found: what has more is no answer, and each takes up to a kilobyte
_LONGEST = 256  # characters: no account, server or folder of Windows is called longer
_MOST_PASSES = 50
_IN_BINARY = 5  # letters of a name that is no chance where it stands in bytes that are no text
_AT_BREAKS = 6  # and where a line ends within it
_NESTED = 3  # Base64 in Base64
_BENCHMARKS = ip_network("198.18.0.0/15")  # RFC 2544; private, and nobody's: what private addresses become
# Special and yet global by IANA's registry: what public addresses become, so that they are still outside.
_GLOBAL = ("192.88.99", "192.31.196", "192.52.193", "192.175.48")
_GLOBAL_NETWORKS = tuple(ip_network(f"{each}.0/24") for each in _GLOBAL)
_DOCUMENTS_V6 = ip_network("2001:db8::/32")
_UNIQUE_V6 = ip_network("fd00:db8::/32")  # ours, of those that are private


class TooManyNamesError(Exception):
    """A server says more names than any server knows."""

    def __init__(self) -> None:
        super().__init__(f"it says more than {_MOST:,} names")


class NamesMakeNamesError(Exception):
    """A text is written so that names taken out of it make others, without end."""

    def __init__(self) -> None:
        super().__init__("it says a text in which names that are replaced put others together, without end")


_Span = tuple[int, int, str, Kind | None]  # where, what stands there then, and what was replaced


@dataclass(frozen=True, slots=True)
class _Name:
    kind: Kind
    key: str  # in one spelling of its letters


def _folded(text: str) -> str:
    return text.casefold()


@dataclass
class Names:
    """Names that are to be replaced, in the order in which they were met."""

    _atoms: dict[str, _Name] = field(default_factory=dict)
    _dotted: dict[str, None] = field(default_factory=dict)
    _suffixes: dict[str, None] = field(default_factory=dict)
    _sids: dict[str, None] = field(default_factory=dict)
    _guids: dict[str, None] = field(default_factory=dict)
    _v4: dict[IPv4Address, None] = field(default_factory=dict)
    _v6: dict[IPv6Address, None] = field(default_factory=dict)
    _texts: dict[str, None] = field(default_factory=dict)  # what was looked at, folded; twice is once
    _told: int | None = None  # of the names, those that were known before anything was looked at
    usual: list[str] = field(default_factory=list)  # names that were told and are words of everybody's

    def tell(self, kind: Kind, name: str) -> None:
        r"""A name that is known beforehand: EX1, ex1.corp.example, CORP\jane, jane@corp.example, 10.0.0.1."""
        name = name.strip()
        if not name:
            return
        domain, slash, user = name.partition("\\")
        local, at, realm = name.partition("@")
        if slash and user:
            self.tell(Kind.DOMAIN, domain)
            self.tell(Kind.USER, user)
        elif at and realm:
            self.tell(Kind.USER, local)
            self.tell(Kind.DOMAIN, realm)
        elif _address(name) is not None or _SID.search(name) or _GUID.fullmatch(name):
            self._find_numbers(name, "")
        elif "." in name and kind in (Kind.SERVER, Kind.DOMAIN) and re.fullmatch(rf"(?:{_LABEL}\.)+{_LABEL}", name):
            self._add_dotted(name, kind, forced=True)
        elif _folded(name) in _USUAL or name.isdigit() or len(name) < 2:
            self.usual.append(name)
        else:
            self._add(kind, name)

    def replace(self, name: str) -> None:
        """A name that a person wants replaced, whatever it is: also a word of everybody's."""
        self._add(Kind.NAME, name)

    def look(self, value: object) -> None:
        """Looks for names in a value of any nesting, of which some count by what has been found already: look at
        everything once, and then again.

        Raises:
            TooManyNamesError: more than any server knows.
        """
        if self._told is None:
            self._told = self._number()
        self._look(value, "")

    def _number(self) -> int:
        found = (self._atoms, self._dotted, self._sids, self._guids, self._v4, self._v6)
        return sum(len(each) for each in found)

    def _one_more(self) -> None:
        if self._told is not None and self._number() > self._told + _MOST:
            raise TooManyNamesError

    def _look(self, value: object, of: str) -> None:
        match value:
            case str():
                self._find(value, of)
            case bytes():
                self._find(_text_of(value), of)
            case Mapping():
                for key, member in value.items():
                    self._look(key, "")
                    self._look(member, str(key))
            case list() | tuple():
                for member in value:
                    self._look(member, of)

    def _find(self, text: str, of: str, deep: int = 0) -> None:
        self._texts.setdefault(_folded(text))
        self._find_numbers(text, of)
        for found in _MAIL.finditer(text) if "@" in text else ():
            if not _is_public(found[2]):
                self._add_found(Kind.USER, found[1])
                self._add_dotted(found[2], Kind.DOMAIN)
        for pattern, needed in ((_URL, ":/"), (_SHARE, "\\\\")):
            for found in pattern.finditer(text) if needed in text else ():
                self._add_host(found[1])
        for found in _DOTTED.finditer(text) if "." in text else ():
            if not (text.endswith("\\", 0, found.start()) and found[1].count(".") == 1):
                self._add_dotted(found[1], Kind.SERVER)
        for found in _ANY_DOTTED.finditer(text) if "." in text and self._suffixes else ():
            if self._is_within(_folded(found[0])):
                self._add_dotted(found[0], Kind.SERVER)
        for found in _PROFILE.finditer(text) if "\\" in text or "/" in text else ():
            self._add_found(Kind.USER, found[1].partition(".")[0] if found[1].isupper() else found[1])
        if "=" in text and "&" not in text and _IS_DN.search(text):
            self._find_dn(text)
        self._find_accounts(text, of)
        for one in encoded(text, binary=False) if deep < _NESTED else ():
            self._find(one.text, "", deep + 1)

    def _is_within(self, dotted: str) -> bool:
        """Whether a dotted name ends in a domain that is known."""
        at = dotted.find(".", max(0, len(dotted) - _LONGEST))
        while at >= 0:
            if dotted[at + 1 :] in self._suffixes:
                return True
            at = dotted.find(".", at + 1)
        return False

    def _find_dn(self, text: str) -> None:
        labels: list[str] = []
        ours = any(_is_usual(found[2]) for found in _PART_OF_DN.finditer(text) if found[1].upper() == "O")
        for found in _PART_OF_DN.finditer(text):
            what, name = found[1].upper(), found[2].strip()
            if what == "DC":
                labels.append(name)
                continue
            if what != "L" or not ours:  # a city tells of who is named beside it
                self._add_found(Kind.ORGANISATION if what == "O" else Kind.NAME, name)
        if len(labels) > 1:
            self._add_dotted(".".join(labels), Kind.DOMAIN)
            for label in labels[:-1]:
                self._add_found(Kind.DOMAIN, label)

    def _find_accounts(self, text: str, of: str) -> None:
        found = _ACCOUNT.fullmatch(text)
        if found is not None and not _FILES.search(found[2]) and _folded(found[1]) not in _USUAL:
            self._add_found(Kind.DOMAIN, found[1])
            self._add_found(Kind.USER, found[2].rstrip("$"))
        elif _folded(of) in _PEOPLE and re.fullmatch(r"[^\W\d_][\w .'-]{0,63}", text) and not _FILES.search(text):
            self._add_found(Kind.USER, text)
        if "\\" in text:
            for each in _ACCOUNT.finditer(text):
                known = self._atoms.get(_folded(each[1]))
                if known is not None and known.kind in (Kind.DOMAIN, Kind.NAME) and not _FILES.search(each[2]):
                    self._add_found(Kind.USER, re.split(r"[\s\\]", each[2])[0].rstrip("$."))

    def _find_numbers(self, text: str, of: str) -> None:
        for sid in _SID.finditer(text) if "-1-5-21-" in text else ():
            if not sid[1].startswith(_OUR_SID):
                self._sids.setdefault(sid[1])
                self._one_more()
        for guid in _GUID.finditer(text) if text.count("-") > 3 else ():
            key = _folded(guid[0])
            if key not in _PUBLIC_GUIDS and not key.startswith(_OUR_GUID):
                self._guids.setdefault(key)
                self._one_more()
        for _, address in _addresses(text, of):
            if isinstance(address, IPv4Address):
                self._v4.setdefault(address)
            else:
                self._v6.setdefault(address)
            self._one_more()

    def _add_host(self, host: str) -> None:
        if _address(host.strip("[]")) is not None or _is_public(host) or host in (".", "?"):
            return
        if "." in host:
            self._add_dotted(host.strip("."), Kind.SERVER)
        else:
            self._add_found(Kind.SERVER, host)

    def _add_dotted(self, name: str, kind: Kind, *, forced: bool = False) -> None:
        """A name of labels; all but the first of a server's are of domains."""
        key = _folded(name)
        labels = key.split(".")
        usual = [label in _USUAL or (not forced and _OURS.fullmatch(label) is not None) for label in labels[:-1]]
        if len(key) > _LONGEST and not forced:
            return
        if key in self._dotted or "" in labels or _is_public(key) or labels[-1].isdigit():
            return
        if not forced and (all(usual) or labels[0] in ("system", "microsoft", "asp")):
            return
        self._dotted.setdefault(key)
        self._one_more()
        first = 1 if kind is Kind.SERVER and len(labels) > 2 else 0
        if len(labels) - first > 1:
            self._suffixes.setdefault(".".join(labels[first:]))
            self._dotted.setdefault(".".join(labels[first:]))
        for number, label in enumerate(name.split(".")[:-1]):
            if not usual[number] and len(label) > 1 and not label.isdigit():
                self._add(kind if number < first else Kind.DOMAIN, label)

    def _add_found(self, kind: Kind, name: str) -> None:
        """A name that its form gives away, unless everybody has it."""
        name = name.strip(" .'\"")
        words = re.findall(r"[^\W\d_]+", _folded(name))
        if (
            not 2 <= len(name) <= _LONGEST
            or not words
            or _folded(name) in _USUAL_OR_AUTHORITIES
            or _OURS.fullmatch(name)
        ):
            return
        if _is_usual(name):
            return
        if _folded(name).startswith(("hkey_", "healthmailbox", "systemmailbox")) or _WHOLE.search(name):
            return
        if "." in name and kind is not Kind.USER and _DOTTED.fullmatch(name):
            self._add_dotted(name, kind)
            return
        self._add(kind, name)

    def _add(self, kind: Kind, name: str) -> None:
        self._atoms.setdefault(_folded(name), _Name(kind, _folded(name)))
        self._one_more()

    def pseudonyms(self) -> Pseudonyms:
        """A placeholder for each name that was told or found."""
        there = "\n".join(self._texts)
        keys = {*self._atoms, *self._dotted}
        search = NameSearch({key: _edges(key) for key in self._atoms})
        given: dict[str, tuple[Kind, str]] = {}
        numbers: Counter[str] = Counter()
        prefixes = {kind: _prefix(kind.value, search) for kind in Kind}
        taken = {prefix: keys | _standing(prefix, there) for prefix in set(prefixes.values())}
        for key, name in self._atoms.items():
            prefix = prefixes[name.kind]
            given[key] = name.kind, _next(prefix, numbers, taken[prefix])
        ends: dict[str, str] = {}
        for key in self._dotted:
            *labels, last = key.split(".")
            if last not in ends:
                ends[last] = _end(len(ends))
            made = ".".join([*(given[each][1] if each in given else each for each in labels), ends[last]])
            kind = Kind.DOMAIN if key in self._suffixes else Kind.SERVER
            given[key] = kind, made
        standing = _standing(_OUR_SID, there)
        free = (made for number in count(3001) if (made := f"{_OUR_SID}{number}") not in standing)
        sids = dict(zip(self._sids, free, strict=False))
        others = frozenset(re.findall(rf"{_OUR_GUID}([0-9a-f]{{12}})", there))
        unlike = (f"{_OUR_GUID}{made}" for number in count(1) if (made := f"{number:012x}") not in others)
        guids = dict(zip(self._guids, unlike, strict=False))
        addresses = _addresses_for(tuple(self._v4), tuple(self._v6), there)
        return Pseudonyms(given, sids, guids, addresses, frozenset(ends.items()))


@dataclass
class Pseudonyms:
    """Replaces names by their placeholders, and counts what it replaced.

    Attributes:
        counts: by kind, how often something was replaced.
        met: by kind, how many names were.
    """

    _given: Mapping[str, tuple[Kind, str]]
    _sids: Mapping[str, str]
    _guids: Mapping[str, str]
    _numbers: Mapping[IPv4Address | IPv6Address, str]
    _ends: frozenset[tuple[str, str]]
    counts: Counter[Kind] = field(default_factory=Counter)
    _met: set[tuple[Kind, str]] = field(default_factory=set)

    def __post_init__(self) -> None:
        self._labels = dict(self._ends)
        self._bare = {key.replace("-", ""): made.replace("-", "") for key, made in self._guids.items()}
        self._keys: dict[str, str] = {}  # by how it is spelt, of each name the key
        for key in self._given:
            self._keys[key] = key
        for key in self._given:
            for spelt in _spelt(key):
                self._keys.setdefault(spelt, key)
        self.search = NameSearch({spelt: _edges(key, dotted=self._is_dotted(key)) for spelt, key in self._keys.items()})

    def _is_dotted(self, key: str) -> bool:
        return "." in key and self._given[key][0] in (Kind.SERVER, Kind.DOMAIN)

    @property
    def met(self) -> Counter[Kind]:
        """By kind, how many different placeholders stand for something."""
        return Counter(kind for kind, _ in self._met)

    def of(self, value: object, of: str = "") -> Any:
        """The value with placeholders for names, of any nesting; numbers and truth values as they are. `of` is the
        property that it is the value of."""
        match value:
            case str():
                return self.text(value, of)
            case bytes():
                return _bytes_of(self.text(_text_of(value), of), value)
            case Mapping():
                return {self.of(key, ""): self.of(member, str(key)) for key, member in value.items()}
            case list():
                return [self.of(member, of) for member in value]
            case tuple():
                return tuple(self.of(member, of) for member in value)
            case _:
                return value

    def text(self, text: str, of: str = "") -> str:
        """A text with placeholders for names. `of` is the property that it is the value of.

        Raises:
            NamesMakeNamesError: names are left, however often it is gone through.
        """
        return self._without(text, of, 0)

    def uncounted(self, value: object, of: str = "") -> Any:
        """As `of`, and nothing of it is counted."""
        before, met = self.counts.copy(), self._met.copy()
        try:
            return self.of(value, of)
        finally:
            self.counts, self._met = before, met

    def standing_in(self, texts: Iterable[str]) -> Iterator[str]:
        """Names that stand in texts, as they are written there."""
        for text in texts:
            for reading in readings(text):
                for start, end in self.search.found(reading.text):
                    begin, stop = reading.span(start, end)
                    yield text[begin:stop]

    def _without(self, text: str, of: str, deep: int) -> str:
        for _ in range(_MOST_PASSES):  # what is taken out may put another together
            spans = self._spans(text, of, deep)
            if not spans:
                return text
            kept, position = [], 0
            for start, end, made, kind in spans:
                if kind is not None:
                    self.counts[kind] += 1
                    self._met.add((kind, made.casefold()))
                kept += [text[position:start], made]
                position = end
            text = "".join([*kept, text[position:]])
        raise NamesMakeNamesError

    def _names(self, text: str) -> Iterator[_Span]:
        whole = [each.span() for each in _WHOLE.finditer(text)]
        for reading in readings(text):
            for first, last in self.search.found(reading.text):
                if reading.kind == "joined" and not (last - first >= _AT_BREAKS and reading.crosses(first, last)):
                    continue
                start, end = reading.span(first, last)
                begin, stop = whole[max(0, bisect_right(whole, (start, len(text))) - 1)] if whole else (0, 0)
                if begin <= start and end <= stop and stop - begin > end - start:
                    continue  # part of a hash
                kind, made = self._given[self._keys[reading.text[first:last]]]
                made = made.upper() if _is_upper(text[start:end]) else made
                yield start, end, "\0".join(made) if "\0" in text[start:end] else made, kind

    def _in_bytes(self, text: str) -> str:
        """Bytes that are no text, a character a byte: only names of a length that is no chance."""
        bare = text.replace("\0", "").casefold()
        if not any(last - first >= _IN_BINARY for first, last in self.search.found(bare)):
            return text
        spans = [each for each in self._names(text) if each[1] - each[0] >= _IN_BINARY]
        kept, position = [], 0
        for start, end, made, _ in _apart(spans, text):
            kept += [text[position:start], made]
            position = end
        return "".join([*kept, text[position:]])

    def _encoded(self, text: str, deep: int) -> Iterator[_Span]:
        for one in encoded(text, binary=True):
            made = self._without(one.text, "", deep + 1) if one.is_text else self._in_bytes(one.text)
            if made != one.text:
                yield one.start, one.end, one.anew(made), None

    def _spans(self, text: str, of: str, deep: int) -> list[_Span]:
        """What is to be replaced, leftmost and longest first, none overlapping another."""
        found = list(self._names(text))
        if deep < _NESTED:
            found += self._encoded(text, deep)
        for each in _GUID.finditer(text) if self._guids else ():
            if (key := each[0].casefold()) in self._guids:
                found.append((*each.span(), _as_written(self._guids[key], each[0]), Kind.GUID))
        for each in _BARE_GUID.finditer(text) if self._guids else ():
            if (key := each[0].casefold()) in self._bare:
                found.append((*each.span(), _as_written(self._bare[key], each[0]), Kind.GUID))
        for each in _SID.finditer(text) if "-1-5-21-" in text else ():
            if each[1] in self._sids:
                found.append((*each.span(1), self._sids[each[1]], Kind.SID))
        for span, address in _addresses(text, of):
            if address in self._numbers:
                made = self._numbers[address]
                spelt = made.replace(":", "-") if "-" in text[span[0] : span[1]] else made
                found.append((*span, spelt, Kind.ADDRESS))
        found += self._ends_of_dns(text)
        return _apart(found, text)

    def _ends_of_dns(self, text: str) -> Iterator[_Span]:
        """`DC=de` at the end of a distinguished name, as the end of the dotted name that it stands for."""
        for each in re.finditer(r"(?<=[,/])DC=([\w-]+)(?![\w-]|\s*[,/]\s*DC=)", text, re.I):
            end = each[1].casefold()
            if end in self._labels:
                made = self._labels[end]
                yield (*each.span(1), made.upper() if _is_upper(each[1]) else made, Kind.DOMAIN)


def _apart(found: Sequence[_Span], text: str) -> list[_Span]:
    """Leftmost first, and the longest of those that begin together; none overlaps another."""
    kept: list[_Span] = []
    for one in sorted(found, key=lambda each: (each[0], -each[1])):
        if (not kept or one[0] >= kept[-1][1]) and text[one[0] : one[1]] != one[2]:
            kept.append(one)
    return kept


def _as_written(made: str, before: str) -> str:
    return made.upper() if _is_upper(before) else made


def _edges(key: str, *, dotted: bool = False) -> tuple[Edge, Edge]:
    """Where a name stands: as a word, or within one where no other word has it by accident."""
    before = after = Edge.NOTHING
    letters, digits = any(each.isalpha() for each in key), any(each.isdigit() for each in key)
    if dotted or len(key) < 3 or not letters:
        before = after = Edge.LETTER | Edge.DIGIT
    elif (len(key) < 5 and not digits) or key in _PARTS:
        before = after = Edge.LETTER
    if letters and digits:
        before |= Edge.DIGIT if key[0].isdigit() else Edge.NOTHING
        after |= Edge.DIGIT if key[-1].isdigit() else Edge.NOTHING
    return before, after


def _spelt(key: str) -> Iterator[str]:
    """Other spellings of one name: letters with accents in one or two characters, in DNS, and as escapes read."""
    for spelt in (unicodedata.normalize("NFC", key), unicodedata.normalize("NFD", key), undone(key)):
        if spelt.strip():
            yield spelt.casefold()
    if not key.isascii():
        try:
            yield key.encode("idna").decode()
        except UnicodeError:  # no name of DNS
            return


def _prefix(usual: str, names: NameSearch) -> str:
    """What placeholders of a kind begin with: nothing in which a name stands."""
    for prefix in (usual, f"{usual}-no", "qz", "xw", "zq", "jx"):
        if not any(names.stands_in(f"{prefix}{number}".casefold()) for number in (1, 1234567890)):
            return prefix
    return "\N{LATIN SMALL LETTER O WITH DIAERESIS}"


def _standing(prefix: str, there: str) -> frozenset[str]:
    """What of a prefix and a number stands in the texts: also the beginnings of longer numbers."""
    found = set(re.findall(rf"{re.escape(prefix)}([0-9]{{1,10}})", there))
    return frozenset(f"{prefix}{each[:end]}" for each in found for end in range(1, len(each) + 1))


def _next(prefix: str, numbers: Counter[str], taken: Set[str]) -> str:
    while True:
        numbers[prefix] += 1
        made = f"{prefix}{numbers[prefix]}"
        if made not in taken:
            return made


def _end(number: int) -> str:
    reserved = ("example", "test", "invalid")  # RFC 2606
    return reserved[number] if number < len(reserved) else f"zone{number}"


def _addresses_for(
    v4: Sequence[IPv4Address], v6: Sequence[IPv6Address], there: str
) -> Mapping[IPv4Address | IPv6Address, str]:
    """For each address another: private ones of one network stay in one, public ones stay public."""
    made: dict[IPv4Address | IPv6Address, str] = {}
    networks: dict[str, str] = {}
    used = frozenset(re.findall(r"198\.1[89]\.\d{1,3}(?=\.)", there))
    standing = {begin for network in (*_GLOBAL, "240") for begin in _standing(f"{network}.", there)}
    standing |= frozenset(re.findall(r"240(?:\.\d{1,3}){3}", there))
    free = (each for number in range(512) if (each := f"198.{18 + number // 256}.{number % 256}") not in used)
    outside = (f"{network}.{number}" for network in _GLOBAL for number in range(1, 255))
    beyond = (f"240.{number >> 16}.{number >> 8 & 255}.{number & 255}" for number in range(1, 1 << 24))
    for address in v4:
        network, _, last = str(address).rpartition(".")
        if not address.is_global:
            if network not in networks:
                networks[network] = next(free, "")
            if networks[network]:
                made[address] = f"{networks[network]}.{last}"
                continue
        pools = (outside, beyond) if address.is_global else (beyond,)  # none of which is anybody's
        made[address] = next(each for pool in pools for each in pool if each not in standing)
    sixth = frozenset(re.findall(r"(?:fe80::|fd00:db8::|2002:db8::)[0-9a-f]{1,12}", there))
    ours = {each[:end] for each in sixth for end in range(len("fe80::"), len(each) + 1)}
    number = 0
    for one in v6:
        number += 1
        begin = "fe80::" if one.is_link_local else "fd00:db8::" if one.is_private else "2002:db8::"
        while f"{begin}{number:x}" in ours:
            number += 1
        made[one] = f"{begin}{number:x}"
    return made


def _addresses(text: str, of: str) -> Iterator[tuple[tuple[int, int], IPv4Address | IPv6Address]]:
    """The addresses of a text that tell of a network, with where they stand."""
    if text.count(".") >= 3 and not re.search(r"version|build", of, re.I):
        for found in _V4.finditer(text):
            address = _address(found[1])
            if not isinstance(address, IPv4Address) or _tells_nothing(address):
                continue
            if _EXCHANGE_BUILD.match(found[1]) or _IS_VERSION.search(text[max(0, found.start() - 12) : found.start()]):
                continue
            yield found.span(1), address
    if ":" in text:
        for found in _V6.finditer(text):
            address = _address(found[1].rstrip(":") if not found[1].endswith("::") else found[1])
            if isinstance(address, IPv6Address) and not _tells_nothing(address):
                yield (found.start(1), found.start(1) + len(found[1].rstrip(":"))), address
    if "ipv6-literal" in text.casefold():
        for found in _V6_WORD.finditer(text):
            address = _address(found[1].replace("-", ":"))
            if isinstance(address, IPv6Address) and not _tells_nothing(address):
                yield found.span(1), address


def _address(text: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(text)
    except ValueError:
        return None


def _tells_nothing(address: IPv4Address | IPv6Address) -> bool:
    if address.is_loopback or address.is_unspecified or address.is_multicast:
        return True
    if isinstance(address, IPv4Address):
        if address.is_link_local or int(address) >> 24 in (0, 255) or address in _BENCHMARKS:
            return True
        return any(address in each for each in _GLOBAL_NETWORKS)
    return address in _DOCUMENTS_V6 or address in _UNIQUE_V6 or address in ip_network("2002:db8::/32")


def _is_usual(name: str) -> bool:
    """Whether a name of several words has one that is everybody's."""
    return " " in name.strip() and any(word in _USUAL for word in re.findall(r"[^\W\d_]+", _folded(name)))


def _is_public(host: str) -> bool:
    folded = host.casefold().strip(".")
    return any(folded == each or folded.endswith(f".{each}") for each in _PUBLIC)


def _is_upper(text: str) -> bool:
    return text == text.upper() and text != text.lower()


def _text_of(data: bytes) -> str:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return data.decode("latin-1")


def _bytes_of(text: str, before: bytes) -> bytes:
    try:
        before.decode("utf-8")
    except UnicodeDecodeError:
        return text.encode("latin-1")  # placeholders are ASCII
    return text.encode()
