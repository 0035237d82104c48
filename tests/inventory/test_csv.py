"""CSV as Export-Csv writes it."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inventory.errors import SourceError
from inventory.model import CredentialKind, CredentialReference, Inventory, Scheme, label_values
from inventory.selection import parse, select
from inventory.sources.csv import ExchangeCsvSource
from inventory.sources.document import Settings
from inventory.sources.interface import Source
from inventory.sources.joining import joined

HEADER = '"Name","Fqdn","Site","ServerRole","Edition","AdminDisplayVersion"\n'
EXPORT = (
    "#TYPE Microsoft.Exchange.Data.Directory.Management.ExchangeServer\n"
    + HEADER
    + '"EX1","ex1.alpha.example","alpha.example/Configuration/Sites/HQ","Mailbox","Enterprise",'
    + '"Version 15.2 (Build 1118.7)"\n'
    + '"EX2","ex2.alpha.example","alpha.example/Configuration/Sites/Oslo","Mailbox, ClientAccess","Standard",'
    + '"Version 15.0 (Build 1497.2)"\n'
    + '"EDGE1","edge1.alpha.example","","Edge","Standard","Version 15.2 (Build 1118.7)"\n'
)

SAME_ADDRESS = (
    "3:5: Fqdn: has the address and port of `EX1` in line 2; remove one of them, or correct its address or port"
)
BAD_NAME = (
    "2:1: Name: cannot be the name of a host: a name has letters, digits, `.`, `_`, `-` and spaces, not U+002F; "
    "rename it"
)


def load(text: str | bytes, settings: Settings | None = None) -> Inventory:
    data = text if isinstance(text, bytes) else text.encode()
    source: Source = ExchangeCsvSource("alpha", settings or Settings())
    return joined([source.read(data, Path("servers.csv"))])


def test_each_row_becomes_a_host_of_the_client_with_its_columns_as_labels() -> None:
    first, second, edge = load(EXPORT).hosts
    assert (first.key, first.address, first.port) == ("alpha/EX1", "ex1.alpha.example", 5985)
    assert first.labels == {
        "site": ("HQ",),
        "role": ("Mailbox",),
        "edition": ("Enterprise",),
        "admin_display_version": ("Version 15.2 (Build 1118.7)",),
    }
    assert second.labels["role"] == ("Mailbox", "ClientAccess")
    assert "site" not in edge.labels
    assert (second.origin.line, second.origin.column) == (4, 1)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le-bom", "utf-16-be-bom"])
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_every_encoding_that_export_csv_writes_gives_the_same_hosts(encoding: str, newline: str) -> None:
    text = EXPORT.replace("\n", newline)
    marks = {"utf-16-le-bom": (b"\xff\xfe", "utf-16-le"), "utf-16-be-bom": (b"\xfe\xff", "utf-16-be")}
    mark, codec = marks.get(encoding, (b"", encoding))
    assert load(mark + text.encode(codec)).clients == load(EXPORT).clients


def test_the_delimiter_of_a_european_culture_and_a_missing_type_line_are_read() -> None:
    culture = EXPORT.split("\n", 1)[1].replace('","', '";"')
    assert [host.address for host in load(culture).hosts] == [host.address for host in load(EXPORT).hosts]


def test_columns_may_be_in_any_order_and_case_among_others() -> None:
    hosts = load('"IsMailboxServer","FQDN","name"\n"True","ex1.alpha.example","EX1"\n').hosts
    assert [(host.name, host.address) for host in hosts] == [("EX1", "ex1.alpha.example")]


def test_how_to_log_on_comes_from_the_settings_of_the_source() -> None:
    given_settings = Settings.model_validate(
        {"scheme": "https", "user": "ALPHA\\svc", "credential": "env:ALPHA_PASSWORD", "labels": {"ring": "1"}}
    )
    inventory = load(EXPORT, given_settings)
    host = inventory.hosts[0]
    assert (host.scheme, host.port, host.user) == (Scheme.HTTPS, 5986, "ALPHA\\svc")
    assert host.credential == CredentialReference(CredentialKind.ENV, "ALPHA_PASSWORD")
    assert (host.labels["ring"], host.labels["site"]) == (("1",), ("HQ",))
    assert inventory.source == "servers.csv"


@pytest.mark.parametrize(
    "text",
    [
        b"Name;Fqdn;Site\r\n;;\r\nEX1;ex1.alpha.example;M\xfcnchen\r\n;;\r\n",  # German Excel
        b"sep=;\r\nName;Fqdn;Site\r\nEX1;ex1.alpha.example;M\xfcnchen\r\n",
        b"SEP=,\nName,Fqdn,Site\n,,\n,,,,\n  , ,\nEX1,ex1.alpha.example,M\xc3\xbcnchen\n,,",
        "sep=\t\nName\tFqdn\tSite\n\t\t\nEX1\tex1.alpha.example\tMünchen".encode("utf-16"),
        "Name\tFqdn\tSite\nEX1\tex1.alpha.example\tMünchen".encode("utf-16-le"),
        '"sep=;"\n"Name";"Fqdn";"Site"\n"";"";""\nEX1;ex1.alpha.example;"München";;\n'.encode("utf-8-sig"),
        '#TYPE Selected.X\nsep=;\nName;Fqdn;Site;"a,b,c,d"\nEX1;ex1.alpha.example;München;"x\ny"\n'.encode(),
        "#TYPE X\r\n\r\n;;;\r\nName;Fqdn;Site;\r\nEX1;ex1.alpha.example;München;\r\n".encode(),
        "sep=|\nName|Fqdn|Site\n||\nEX1|ex1.alpha.example|München\n".encode(),
    ],
)
def test_what_excel_makes_of_an_export_is_read(text: bytes) -> None:
    [host] = load(text).hosts
    assert (host.name, host.address, host.labels["site"]) == ("EX1", "ex1.alpha.example", ("München",))


@pytest.mark.parametrize(
    "text", ["Name;Fqdn\r\n;\r\nEX1;ex1.alpha.example\r\n;\r\n", "sep=;\r\nName;Fqdn\r\nEX1;ex1.alpha.example\r\n"]
)
def test_rows_of_nothing_and_the_line_that_names_the_delimiter_are_no_servers(text: str) -> None:
    assert [(host.name, host.address) for host in load(text).hosts] == [("EX1", "ex1.alpha.example")]


def test_a_role_among_several_selects() -> None:
    rows = 'EX1,ex1.alpha.example,Mailbox\r\nEX2,ex2.alpha.example,"Mailbox, ClientAccess"\r\n'
    inventory = load(f"Name,Fqdn,ServerRole\r\n{rows}")
    assert [host.name for host in select(inventory, parse("role=Mailbox"))] == ["EX1", "EX2"]


def test_what_was_read_can_be_selected_by_its_labels() -> None:
    inventory = load(EXPORT)
    assert [host.name for host in select(inventory, parse("role=Mailbox* and not site=HQ"))] == ["EX2"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "1:1: is empty; write it with `Get-ExchangeServer | Export-Csv`"),
        ("#TYPE x\n", "1:1: is empty; write it with `Get-ExchangeServer | Export-Csv`"),
        (HEADER, "1:1: has no servers; write it with `Get-ExchangeServer | Export-Csv`"),
        ("Name,FQND\nEX1,ex1\n", "1:1: there is no column `Fqdn`; did you mean `FQND`?"),
        ("Name,Fqdn,Name\nEX1,ex1,EX1\n", "1:11: Name: this column stands here twice; remove one"),
        ("Name,Fqdn\nEX1\n", "2:1: has 1 cells, and the header has 2; is a quote or a comma missing?"),
        ("Name,Fqdn\nEX1,ex1,x\n", "2:1: has 3 cells, and the header has 2; is a quote or a comma missing?"),
        (";;\n;;\n", "1:1: is empty; write it with `Get-ExchangeServer | Export-Csv`"),
        ("sep=;\nName;Fqdn\n;\nEX1;\n", "4:5: Fqdn: is not a host name or an IP address; write the server's full name"),
        ('Name,Fqdn\n"EX1,ex1\n', '2:1: a quote is opened and never closed; close it with `"`'),
        (
            'Name,Fqdn\n"EX1"x,ex1\n',
            '2:6: text follows a closing quote; double a quote that is part of the text (`""`)',
        ),
        ("Name,Fqdn\nEX1,\n", "2:5: Fqdn: is not a host name or an IP address; write the server's full name"),
        ("Name,Fqdn\nEX1,a\nex1,b\n", "3:1: Name: `ex1` stands here a second time, first in line 2; remove one"),
        (
            "Name,Fqdn\nEX1,a\nEX2,A.\n",
            SAME_ADDRESS,
        ),
        (
            'Name,Fqdn\n"E/1",a\n',
            BAD_NAME,
        ),
        (
            'Name,Fqdn,Edition\nEX1,a,"Stand\x1b[2Jard"\n',
            "2:7: Edition: has control characters; remove them",
        ),
        ("Name,Fqdn\nEX1,a\0\n", "2:1: has a NUL character; export again with `-Encoding UTF8`"),
        (b"Name,Fqdn\nM\xc3\xbcnchen,a\nOsn\xfc\n", "3:4: is not UTF-8; export again with `-Encoding UTF8`"),
        (b"\xff\xfeN", "1:1: is not UTF-16 although it begins like it; export again with `-Encoding UTF8`"),
    ],
)
def test_a_broken_export_is_refused_with_exactly_its_error(text: str | bytes, expected: str) -> None:
    with pytest.raises(SourceError) as caught:
        load(text)
    assert str(caught.value) == f"servers.csv:{expected}"


def test_a_line_break_inside_quotes_keeps_the_lines_of_later_errors_right() -> None:
    with pytest.raises(SourceError, match=r"servers\.csv:4:3: Fqdn: is not a host name"):
        load('Name,Fqdn,Note\nEX1,ex1,"one\ntwo"\nE,http://x,\n')


def test_all_problems_of_an_export_are_told_at_once() -> None:
    with pytest.raises(SourceError) as caught:
        load("Name,Fqdn\nEX1,http://a\nEX2\nEX1,b\n")
    assert [problem.location.line for problem in caught.value.problems] == [2, 3, 4]


CELLS = st.text(alphabet=st.sampled_from('ab,;"\n é\t'), max_size=8)


@settings(max_examples=200, deadline=None)
@given(st.lists(CELLS, min_size=1, max_size=6))
def test_cells_are_read_as_the_standard_library_writes_them(notes: list[str]) -> None:
    written = io.StringIO()
    writer = csv.writer(written, quoting=csv.QUOTE_ALL)
    writer.writerow(["Name", "Fqdn", "Edition"])
    for number, note in enumerate(notes):
        writer.writerow([f"EX{number}", f"ex{number}", note])
    expected = [note.strip() for note in notes]
    if any(not text.isprintable() for text in expected):
        with pytest.raises(SourceError, match="has control characters"):
            load(written.getvalue())
    else:
        values = [label_values(text) if text else () for text in expected]
        assert [host.labels.get("edition", ()) for host in load(written.getvalue()).hosts] == values


@settings(max_examples=200, deadline=None)
@given(st.text(alphabet='Name,Fqdn;"\n\t\r#TYPE x1', max_size=60))
def test_whatever_stands_in_an_export_loads_or_gives_problems(text: str) -> None:
    try:
        hosts = len(load(f"Name,Fqdn\n{text}").hosts)
    except SourceError as error:
        hosts = len(error.problems)
    assert hosts > 0
