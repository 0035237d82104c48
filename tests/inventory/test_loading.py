"""Which source reads a file, and that what is imported loads to the same hosts."""

from __future__ import annotations

import tempfile
from dataclasses import fields
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inventory.errors import SourceError
from inventory.loading import load, source_of
from inventory.model import Host, Inventory
from inventory.sources.csv import ExchangeCsvSource
from inventory.sources.document import Settings
from inventory.sources.joining import joined
from inventory.sources.native import NativeSource
from inventory.sources.native_writing import native_text

CSV = b'"Name","Fqdn","Site"\n"EX1","ex1.alpha.example","alpha.example/Configuration/Sites/HQ"\n'
NATIVE = b"exrun: inventory/1\nclients:\n  alpha:\n    hosts:\n      EX1:\n"


@pytest.mark.parametrize(
    ("name", "content", "source"),
    [
        ("inventory.yml", NATIVE, NativeSource),
        ("inventory.YAML", NATIVE, NativeSource),
        ("servers.csv", CSV, ExchangeCsvSource),
        ("servers.yml", CSV, NativeSource),  # what the suffix says, an error must be about
        ("inventory", NATIVE, NativeSource),
        ("servers.txt", CSV, ExchangeCsvSource),
        ("servers", b"#TYPE Microsoft.Exchange\r\nName;Fqdn\r\n", ExchangeCsvSource),
        ("servers", b"\xef\xbb\xbfFqdn,Edition,name\n", ExchangeCsvSource),
        ("servers", CSV.decode().encode("utf-16"), ExchangeCsvSource),
        ("nothing", b"", NativeSource),
    ],
)
def test_a_file_is_read_by_the_source_of_its_suffix_or_its_beginning(
    tmp_path: Path, name: str, content: bytes, source: type[object]
) -> None:
    assert isinstance(source_of(tmp_path / name, content), source)


def test_the_servers_of_a_csv_file_belong_to_a_client_called_like_it(tmp_path: Path) -> None:
    for name, client in (("alpha.csv", "alpha"), ("#1.csv", "servers")):
        (tmp_path / name).write_bytes(CSV)
        assert [each.key for each in load(tmp_path / name).hosts] == [f"{client}/EX1"]


def test_a_file_that_is_missing_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="cannot be read"):
        load(tmp_path / "nowhere")


words = st.text(st.characters(categories=["L", "N", "P", "S"], exclude_characters='"'), min_size=1, max_size=12)
texts = st.lists(words, min_size=1, max_size=3).map(" ".join) | st.sampled_from(
    ["on", "No", "null", "1.5", "007", "2019", "- x", "a: b", "#", "{x}", "'", "\\", "!tag", "*x", "&x", "%x"]
)
given_settings = st.fixed_dictionaries(
    {},
    optional={
        "port": st.sampled_from(["5985", "5986", "443"]),
        "scheme": st.sampled_from(["http", "https"]),
        "labels": st.dictionaries(st.sampled_from(["ring", "dag", "No"]), texts, max_size=3),
    },
)


def essence(inventory: Inventory) -> list[dict[str, object]]:
    """All of every host but where it was written."""
    names = [each.name for each in fields(Host) if each.name not in ("origin", "labels")]
    return [{**{name: getattr(host, name) for name in names}, "labels": dict(host.labels)} for host in inventory.hosts]


@settings(max_examples=80)
@given(
    st.dictionaries(st.sampled_from(["EX1", "MBX 02", "no", "1e3"]), texts, min_size=1),
    given_settings,
    st.sampled_from(["alpha", "on", "Größe 7", "2026"]),
)
def test_what_is_imported_loads_to_the_same_hosts(
    rows: dict[str, str], written: dict[str, object], client: str
) -> None:
    body = "".join(f'"{name}","ex{number}.example","{site}"\n' for number, (name, site) in enumerate(rows.items()))
    data = ('"Name","Fqdn","Edition"\n' + body).encode()
    account = {"user": "ALPHA\\ops", "credential": "command:pass show 'exchange: alpha'"}
    source = ExchangeCsvSource(client, Settings.model_validate({**account, **written}))
    reading = source.read(data, Path("servers.csv"))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "inventory.yml"
        path.write_text(native_text(reading.clients[0], Path(".")), encoding="utf-8")
        assert essence(load(path)) == essence(joined([reading]))
