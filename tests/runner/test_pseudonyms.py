"""Names of a network become placeholders: each always the same, none of them left, no two alike."""

from __future__ import annotations

import base64
import re
from collections.abc import Sequence
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner import pseudonyms as module
from runner.pseudonyms import Kind, Names, NamesMakeNamesError, Pseudonyms, TooManyNamesError

WORDS = ("KLAGENFURT7", "villach-dc", "Seebacher", "Zwettl", "j.kubelka", "QX9", "brenner_svc")
PLANTED = st.lists(st.sampled_from(WORDS), min_size=1, unique=True)
NOISE = st.text(alphabet="zy -.:/\\=&%<>\"'\n\0\u00e9\u20ac;,@$", max_size=12)


def escaped(name: str) -> str:
    return "".join(f"\\u{ord(each):04x}" for each in name)


SPELT = (
    str,
    str.upper,
    str.lower,
    escaped,
    lambda name: "".join(f"%{ord(each):02X}" for each in name),
    lambda name: "".join(f"_x{ord(each):04x}_" for each in name),
    lambda name: "".join(f"&#{ord(each)};" for each in name),
    lambda name: "\0".join(name),
)


def of(told: Sequence[str], *values: Any, found: bool = True) -> Pseudonyms:
    names = Names()
    for name in told:
        names.tell(Kind.USER if name == "j.kubelka" else Kind.SERVER, name)
    for _ in range(2 if found else 0):
        for value in values:
            names.look(value)
    return names.pseudonyms()


def survives(name: str, text: str) -> bool:
    return any(spelling(name).casefold() in text.casefold() for spelling in SPELT)


@st.composite
def texts(draw: st.DrawFn, names: Sequence[str]) -> str:
    parts = [draw(NOISE)]
    for name in draw(st.lists(st.sampled_from(list(names)), max_size=4)):
        parts += [draw(st.sampled_from(SPELT))(name), draw(NOISE.filter(lambda text: text == "" or not text.isalnum()))]
        parts.append(draw(st.sampled_from((" ", "/", "\n", ";"))))
    return "".join(parts)


@given(st.data(), PLANTED)
def test_no_name_that_was_told_is_left_wherever_it_was_planted(data: st.DataObject, names: list[str]) -> None:
    one = texts(names)
    value = data.draw(
        st.recursive(one, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(one, inner, max_size=3))
    )
    pseudonyms = of(names, value)
    made = pseudonyms.of(value)
    said = repr(made) + "".join(flat(made))
    for name in names:
        assert not survives(name, said), (name, made)
    assert pseudonyms.of(made) == made


def flat(value: Any) -> list[str]:
    match value:
        case str():
            return [value]
        case dict():
            return [each for item in value.items() for one in item for each in flat(one)]
        case list():
            return [each for one in value for each in flat(one)]
        case _:
            return []


@given(st.lists(st.from_regex(r"[a-z]{3,8}[0-9]{0,2}(-[a-z]{2,4})?", fullmatch=True), min_size=2, unique=True))
def test_one_name_has_one_placeholder_and_no_two_share_one(names: list[str]) -> None:
    pseudonyms = of(names)
    usual = Names()
    for name in names:
        usual.tell(Kind.SERVER, name)
    asked = [name for name in names if name not in usual.usual]
    made = {name: pseudonyms.text(name) for name in asked}
    assert len(set(made.values())) == len(asked)
    for name in asked:
        assert pseudonyms.text(name.upper()).casefold() == made[name].casefold()
        assert pseudonyms.text(f"x {name}; {name.upper()}").casefold() == f"x {made[name]}; {made[name]}".casefold()


@given(st.lists(st.ip_addresses(v=4).filter(lambda one: one.is_private or one.is_global), min_size=1, unique=True))
def test_no_two_addresses_become_one_and_what_is_private_stays_so(addresses: list[Any]) -> None:
    from ipaddress import ip_address

    written = [str(each) for each in addresses]
    pseudonyms = of([], written)
    made = [pseudonyms.text(each) for each in written]
    assert len(set(made)) == len(set(written))
    assert [ip_address(each).is_global for each in made] == [each.is_global for each in addresses]
    assert [pseudonyms.text(each) for each in made] == made


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("\\\\klagenfurt7\\c$\\x.pst", "klagenfurt7"),
        ("https://mail.seebacher.at/owa/", "seebacher"),
        ("jane.doe@seebacher.at", "jane.doe"),
        ("C:\\Users\\hnovak\\AppData\\x.exe", "hnovak"),
        ("SEEBACHER\\hnovak", "hnovak"),
        ("SEEBACHER\\hnovak", "seebacher"),
        ("CN=KLAGENFURT7,OU=Zwettl,DC=seebacher,DC=at", "zwettl"),
        ("CN=KLAGENFURT7,OU=Zwettl,DC=seebacher,DC=at", "dc=at"),
        ("/o=Seebacher GmbH/ou=Exchange Administrative Group (FYDIBOHF23SPDLT)/cn=Recipients/cn=hnovak", "seebacher"),
        ("S-1-5-21-3623811015-3361044348-30300820-500", "3623811015"),
        ("at 10.11.12.13:443", "10.11.12"),
        ("from 85.13.1.2,", "85.13.1.2"),
        ("fe80::1234:56ff:fe78:9abc%4", "1234:56ff"),
        ("2003:c0:1::5", "2003:c0"),
        ("ex1.seebacher.local", "seebacher"),
    ],
)
def test_a_name_is_told_by_its_form(text: str, left: str) -> None:
    pseudonyms = of([], text)
    assert left not in pseudonyms.text(text).casefold()
    assert pseudonyms.met


def test_what_is_everybodys_stays() -> None:
    for text in (
        "C:\\Program Files\\Microsoft\\Exchange Server\\V15\\FrontEnd\\HttpProxy\\owa\\auth\\logon.aspx",
        "C:\\Users\\Public\\x",
        "NT AUTHORITY\\SYSTEM",
        "BUILTIN\\Administrators",
        "S-1-5-18",
        "S-1-5-32-544",
        "127.0.0.1",
        "::1",
        "15.1.225.42",
        "Version=15.0.0.0",
        "KB5000871",
        "https://schemas.microsoft.com/x",
        "\\\\127.0.0.1\\c$\\x",
        "\\\\localhost\\c$\\x",
        "HKLM\\Software",
        "[System.IO.File]::ReadAllText",
        "System.Net.Mail",
        "Exchange/owa 12:34:56",
        "Microsoft.Exchange.Data.dll",
        "E1C9A0B0DEADBEEF00112233445566778899AABBCCDDEEFF0011223344556677",
        "CN=Microsoft Corporation, O=Microsoft Corporation, L=Redmond, S=Washington, C=US",
    ):
        assert of([], text).text(text) == text


def test_what_parses_as_something_still_does() -> None:
    text = "CN=KLAGENFURT7,OU=Zwettl,DC=seebacher,DC=at KLAGENFURT7.seebacher.at SEEBACHER\\hnovak 10.1.2.3 10.1.2.4"
    told = of(["KLAGENFURT7.seebacher.at"], text, "hnovak@seebacher.at")
    made = told.text(text)
    assert re.fullmatch(
        r"CN=SERVER1,OU=name\d,DC=domain1,DC=example SERVER1\.domain1\.example DOMAIN1\\user1 "
        r"198\.18\.0\.3 198\.18\.0\.4",
        made.replace("domain1.domain2", "domain1").replace("server1.domain1.example", "SERVER1.domain1.example"),
    ), made


def test_a_server_that_is_called_as_a_word_of_everybodys_is_said_and_replaced_where_a_person_wants_it() -> None:
    names = Names()
    names.tell(Kind.SERVER, "Exchange")
    assert names.usual == ["Exchange"]
    names = Names()
    names.replace("Exchange")
    assert names.pseudonyms().text("the exchange here, MSExchangeIS") == "the name1 here, MSExchangeIS"


def test_a_name_that_is_in_a_placeholder_is_in_none() -> None:
    pseudonyms = of(["server1", "domain1.example", "SERVER2", "qz"], "user1 server3")
    made = pseudonyms.text("SERVER1 server2 server3 domain1.example")
    assert not re.search(r"server[12]\b|domain1|qz", made, re.I), made


def test_a_name_within_a_hash_is_chance() -> None:
    digest = "00FACE12" * 8
    assert of(["FACE12"], digest).text(f"{digest} FACE12").startswith(digest)


def test_a_long_text_of_a_hostile_server_is_looked_through_once() -> None:
    for text in ("a" * 1_000_000, "1" + ":" * 1_000_000 + "z", "a+" * 500_000):
        assert of([], text).text(text) == text


def test_a_sid_that_looks_like_a_placeholder_is_never_shared_with_another() -> None:
    text = "S-1-5-21-1000-2000-3001-500 S-1-5-21-7-8-9-500"
    planted, other = of((), text).text(text).split()
    assert planted == "S-1-5-21-1000-2000-3001-500"
    assert other not in (planted, "S-1-5-21-7-8-9-500")


def test_a_text_that_is_planted_to_be_slow_is_gone_through_once() -> None:
    """With a step for each two of its characters it does not end."""
    planted = "$" * 400_000
    made = of(("KLAGENFURT7",), planted).text(f"{planted} KLAGENFURT7")
    assert made[-8:] == " SERVER1"


@pytest.mark.parametrize(
    "text",
    [
        " ".join(f"h{number}.d{number}.local" for number in range(3_000)),
        " ".join(f"jane{number}@contoso.example" for number in range(3_000)),
        " ".join(f"10.{number >> 8}.{number & 255}.1" for number in range(3_000)),
        " ".join(f"S-1-5-21-1-2-{number}-500" for number in range(3_000)),
    ],
    ids=["servers", "mail", "addresses", "SIDs"],
)
def test_a_server_that_says_names_without_end_ends_the_looking(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_MOST", 1000)
    names = Names()
    names.tell(Kind.SERVER, "EX1")
    with pytest.raises(TooManyNamesError, match="more than 1,000 names"):
        names.look({"output": text})


def test_names_that_were_told_are_not_counted_as_found() -> None:
    names = Names()
    for number in range(5_000):
        names.tell(Kind.SERVER, f"EX{number:05}.corp.example")
    names.look("EX00001 and EX00002.corp.example and mbx7.corp.example")
    assert "mbx7" not in names.pseudonyms().text("mbx7.corp.example")


def naive(pseudonyms: Pseudonyms, text: str) -> str:
    """As `Pseudonyms.text` of a text without escapes, by a pattern for each name."""
    for _ in range(50):
        spans: list[tuple[int, int, str]] = []
        for key, (_, made) in pseudonyms._given.items():
            for found in re.finditer(f"(?=({pattern(key)}))", text, re.IGNORECASE):
                upper = found[1] == found[1].upper() and found[1] != found[1].lower()
                spans.append((*found.span(1), made.upper() if upper else made))
        kept, position = [], 0
        for start, end, made in sorted(spans, key=lambda each: (each[0], -each[1])):
            if start >= position:
                kept += [text[position:start], made]
                position = end
        if not kept:
            return text
        text = "".join([*kept, text[position:]])
    raise AssertionError


def pattern(key: str) -> str:
    before = after = ""
    letters, digits = any(each.isalpha() for each in key), any(each.isdigit() for each in key)
    if len(key) < 3 or not letters:
        before, after = r"(?<![^\W_])", r"(?![^\W_])"
    elif (len(key) < 5 and not digits) or key in module._PARTS:
        before, after = r"(?<![^\W\d_])", r"(?![^\W\d_])"
    if letters and digits:
        before += r"(?<!\d)" if key[0].isdigit() else ""
        after += r"(?!\d)" if key[-1].isdigit() else ""
    return before + re.escape(key) + after


@given(
    st.lists(st.from_regex(r"[a-c]{1,3}[12]{0,2}(-[ab]{1,2})?", fullmatch=True), min_size=1, max_size=12, unique=True),
    st.text("abcABC12- ,ser", max_size=80),
)
def test_all_names_at_once_are_replaced_as_one_after_the_other(told: list[str], text: str) -> None:
    names = Names()
    for name in told:
        names.replace(name)
    names.look(text)
    pseudonyms = names.pseudonyms()
    assert pseudonyms.text(text) == naive(pseudonyms, text)


@pytest.mark.parametrize(
    ("told", "text", "made"),
    [
        (["EX1", "EX10", "EX1-DR"], "EX1 EX10 EX1-DR ex1-drx", "SERVER1 SERVER2 SERVER3 server3x"),
        (["GRO\u00df1"], "gross1 GROSS1 gro\u00df1 GRO\u00df1", "server1 SERVER1 server1 server1"),
        (["m\u00fcller-srv"], "M\u00dcLLER-SRV mu\u0308ller-srv", "SERVER1 server1"),
        (["m\u00fcller"], "xn--mller-kva M\u00dcLLER", "server1 SERVER1"),
        (["klagenfurt7"], "KLAGEN\r\n  FURT7", "SERVER1"),
        (["klagenfurt7"], "%254blagenfurt7 &amp;#75;lagenfurt7", "server1 server1"),
        (["klagenfurt7"], "K\0L\0A\0G\0E\0N\0F\0U\0R\0T\x007\0", "S\0E\0R\0V\0E\0R\x001\0"),
        (["ok"], "ok token OK", "server1 token SERVER1"),
    ],
)
def test_a_name_however_it_is_written(told: list[str], text: str, made: str) -> None:
    assert of(told, text).text(text) == made


def test_a_name_in_base64_or_hexadecimal_is_replaced_within_it() -> None:
    said = "net use \\\\klagenfurt7\\c$ /user:Seebacher\\hnovak"
    for codec in ("utf-8", "utf-16-le"):
        raw = said.encode(codec)
        for written in (base64.b64encode(raw).decode(), raw.hex(), base64.b64encode(base64.b64encode(raw)).decode()):
            pseudonyms = of(["KLAGENFURT7"], f"powershell -enc {written}", "SEEBACHER\\hnovak")
            made = pseudonyms.text(f"powershell -enc {written}")
            word = made.split()[-1]
            inner = bytes.fromhex(word) if re.fullmatch("[0-9a-f]+", word) else base64.b64decode(word)
            if re.fullmatch(rb"[A-Za-z0-9+/=]+", inner):
                inner = base64.b64decode(inner)
            assert inner.decode(codec) == "net use \\\\server1\\c$ /user:domain1\\user1"


def test_a_name_in_bytes_that_are_no_text_is_replaced_in_base64() -> None:
    written = base64.b64encode(bytes(range(128, 256)) + b"CN=klagenfurt7" + bytes(range(30))).decode()
    made = of(["KLAGENFURT7"]).text(written)
    assert b"CN=server1" in base64.b64decode(made)
    short = base64.b64encode(bytes(range(128, 256)) + b"qx9" + bytes(range(30))).decode()
    assert of(["QX9"]).text(short) == short  # three letters are there by chance


def test_a_guid_is_another_of_the_same_form_and_those_of_everybody_stay() -> None:
    mailbox = "3f2504e0-4f89-11d3-9a0c-0305e82c3301"
    text = f"{{{mailbox}}} {mailbox.upper()} {mailbox.replace('-', '')} {{CD981244-E9B8-405A-9026-6AEB9DCEF1F1}}"
    made = "00000000-0000-4000-8000-000000000001"
    assert of([], text).text(text) == (
        f"{{{made}}} {made} {made.replace('-', '')} {{CD981244-E9B8-405A-9026-6AEB9DCEF1F1}}"
    )
    standing = f"{made} {mailbox}"
    assert of([], standing).text(standing) == f"{made} 00000000-0000-4000-8000-000000000002"


def test_guids_that_rules_and_tables_name_are_kept() -> None:
    root = Path(module.__file__).parent.parent / "playbooks"
    rules = [*root.rglob("*.yar"), *root.rglob("*.csv"), *root.rglob("action.yml"), *root.rglob("*.j2")]
    text = "\n".join(each.read_text(encoding="utf-8") for each in rules)
    assert module._GUID.search(text)
    assert {each.casefold() for each in module._GUID.findall(text)} <= module._PUBLIC_GUIDS


def test_names_that_make_names_are_refused_and_not_left() -> None:
    pseudonyms = of(["server2x", "server1x"])
    with pytest.raises(NamesMakeNamesError):
        pseudonyms.text("server2x" + "x" * 200)


def test_a_name_that_is_longer_than_any_is_none() -> None:
    text = "j" * 300 + "@contoso.example " + "\\\\" + "s" * 300 + "\\x"
    assert "contoso" not in of([], text).text(text)


def test_private_addresses_without_end_stay_private() -> None:
    text = " ".join(f"10.{number >> 8}.{number & 255}.1" for number in range(600))
    made = of([], text).text(text).split()
    assert len(set(made)) == 600
    assert all(ip_address(each).is_private for each in made)
