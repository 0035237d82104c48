"""What a native inventory that is in order becomes."""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path
from typing import Any

import pytest

from inventory import loading
from inventory.errors import SourceError
from inventory.model import Authentication, CredentialKind, CredentialReference, Host, Inventory, Scheme
from inventory.sources.document import holds_a_secret
from inventory.sources.interface import Source
from inventory.sources.joining import joined
from inventory.sources.native import NativeSource, read_native
from inventory.sources.native_writing import native_text

FLEET = """\
exrun: inventory/1
clients:
  alpha:
    user: ALPHA\\svc
    credential: env:ALPHA_PASSWORD
    labels: {country: NO}
    groups:
      datacentre: {scheme: https, labels: {site: HQ, ring: 2}}
      dag1: {groups: [datacentre], labels: {dag: DAG1, ring: 1}}
    hosts:
      EX1: {address: 10.0.0.1, groups: [dag1]}
      EX2: {address: ex2.alpha.example, groups: [dag1, datacentre], port: 5999, labels: {ring: 010}}
      ex3.alpha.example:
  beta:
    hosts:
      EX1: {authentication: kerberos}
"""


def load(text: str, folder: Path = Path("/nonexistent")) -> Inventory:
    return read_native(text.encode(), file="inventory.yml", folder=folder)


def by_key(inventory: Inventory) -> dict[str, Host]:
    return {host.key: host for host in inventory.hosts}


def test_a_host_has_its_own_settings_over_those_of_inner_and_outer_groups_and_of_the_client() -> None:
    host = by_key(load(FLEET))["alpha/EX1"]
    assert (host.address, host.port, host.scheme) == ("10.0.0.1", 5986, Scheme.HTTPS)
    assert host.labels == {"country": ("NO",), "site": ("HQ",), "dag": ("DAG1",), "ring": ("1",)}
    assert (host.user, host.credential) == ("ALPHA\\svc", CredentialReference(CredentialKind.ENV, "ALPHA_PASSWORD"))
    assert by_key(load(FLEET))["alpha/EX2"].port == 5999


def test_an_inner_group_wins_over_its_outer_one_in_whichever_order_a_host_lists_them() -> None:
    other_way = FLEET.replace("[dag1, datacentre]", "[datacentre, dag1]").replace(", labels: {ring: 010}", "")
    assert by_key(load(other_way))["alpha/EX2"].labels["ring"] == ("1",)


def test_a_host_is_in_the_groups_that_its_groups_are_in() -> None:
    assert by_key(load(FLEET))["alpha/EX1"].groups == {"dag1", "datacentre"}
    assert load(FLEET).clients[0].groups == {"dag1", "datacentre"}


def test_a_label_stays_the_text_that_was_written() -> None:
    assert by_key(load(FLEET))["alpha/EX2"].labels["ring"] == ("010",)


@pytest.mark.parametrize(
    ("written", "values"),
    [
        ("Mailbox", ("Mailbox",)),
        ("'Mailbox, ClientAccess'", ("Mailbox", "ClientAccess")),
        ("Mailbox,ClientAccess", ("Mailbox", "ClientAccess")),
        ("[Mailbox, ClientAccess]", ("Mailbox", "ClientAccess")),
        ("['Oslo, Norway', 7]", ("Oslo, Norway", "7")),
        ("','", (",",)),
    ],
)
def test_a_label_has_one_value_or_several_in_a_text_or_a_list(written: str, values: tuple[str, ...]) -> None:
    start = "exrun: inventory/1\nclients:\n  a:\n    hosts:\n      EX1:\n"
    host = load(f"{start}        labels:\n          role: {written}\n").hosts[0]
    assert host.labels["role"] == values


def test_a_host_that_says_nothing_is_reached_by_its_name_over_http_with_negotiate() -> None:
    host = by_key(load("exrun: inventory/1\nclients: {a: {hosts: {ex3.alpha.example: }}}"))["a/ex3.alpha.example"]
    assert (host.address, host.port, host.scheme) == ("ex3.alpha.example", 5985, Scheme.HTTP)
    assert (host.authentication, host.user, host.credential) == (Authentication.NEGOTIATE, None, None)


def test_two_clients_may_each_have_a_host_of_one_name_at_one_address() -> None:
    inventory = load("exrun: inventory/1\nclients: {a: {hosts: {EX1: }}, b: {hosts: {EX1: }}}")
    assert [host.key for host in inventory.hosts] == ["a/EX1", "b/EX1"]


def test_two_hosts_may_share_an_address_on_different_ports() -> None:
    inventory = load(
        "exrun: inventory/1\nclients: {a: {address: 127.0.0.1, hosts: {EX1: {port: 1}, EX2: {port: '2'}}}}"
    )
    assert [(host.address, host.port) for host in inventory.hosts] == [("127.0.0.1", 1), ("127.0.0.1", 2)]


def test_a_host_decides_what_its_groups_disagree_about() -> None:
    groups = "groups: {x: {port: 1}, y: {port: 2}}"
    inventory = load(f"exrun: inventory/1\nclients: {{a: {{{groups}, hosts: {{EX1: {{groups: [x, y], port: 3}}}}}}}}")
    assert inventory.hosts[0].port == 3


def test_groups_that_say_the_same_do_not_disagree() -> None:
    groups = "groups: {x: {port: 7}, y: {port: 7}}"
    inventory = load(f"exrun: inventory/1\nclients: {{a: {{{groups}, hosts: {{EX1: {{groups: [x, y]}}}}}}}}")
    assert inventory.hosts[0].port == 7


def test_a_certificate_replaces_user_and_credential_and_its_files_stand_beside_the_inventory(tmp_path: Path) -> None:
    for name in ("ca.pem", "svc.pem", "svc.key"):
        (tmp_path / name).write_text("")
    host = load(
        "exrun: inventory/1\n"
        "clients:\n"
        "  a:\n"
        "    user: A\\svc\n"
        "    credential: keyring:exrun/svc\n"
        "    hosts:\n"
        "      EX1: {scheme: https, authentication: certificate, ca_file: ca.pem, certificate: svc.pem,"
        " certificate_key: svc.key}\n",
        tmp_path,
    ).hosts[0]
    assert (host.user, host.credential) == (None, None)
    assert (host.ca_file, host.certificate) == (tmp_path / "ca.pem", tmp_path / "svc.pem")
    assert host.certificate_key == tmp_path / "svc.key"


@pytest.mark.parametrize(
    ("text", "kind", "target"),
    [
        ("env:EXRUN_PW", CredentialKind.ENV, "EXRUN_PW"),
        ("keyring:exrun alpha/svc@alpha.example", CredentialKind.KEYRING, "exrun alpha/svc@alpha.example"),
        ("command:pass show alpha/exchange", CredentialKind.COMMAND, "pass show alpha/exchange"),
    ],
)
def test_each_kind_of_credential_reference_is_read(text: str, kind: CredentialKind, target: str) -> None:
    host = load(f"exrun: inventory/1\nclients: {{a: {{user: svc, credential: '{text}', hosts: {{EX1: }}}}}}").hosts[0]
    assert host.credential == CredentialReference(kind, target)


@pytest.mark.parametrize(
    "key", ["Password", "user-password", "PASSWD", "secret_key", "pwd", "token", "pasword", "api-key"]
)
def test_a_key_that_would_hold_a_password_is_known_in_any_spelling(key: str) -> None:
    assert holds_a_secret(key)


@pytest.mark.parametrize("key", ["port", "address", "ca_file", "certificate_key", "passive", "site", "user"])
def test_an_ordinary_key_is_not_taken_for_a_password(key: str) -> None:
    assert not holds_a_secret(key)


def test_an_inventory_knows_its_source_digest_and_where_each_host_stands(tmp_path: Path) -> None:
    path = tmp_path / "inventory.yml"
    path.write_text(FLEET, encoding="utf-8")
    source: Source = NativeSource()
    inventory = joined([source.read(path.read_bytes(), path)])
    assert inventory == loading.load(path)
    assert inventory.source == str(path)
    assert inventory.digest == hashlib.sha256(path.read_bytes()).hexdigest()
    origin = by_key(inventory)["alpha/ex3.alpha.example"].origin
    assert (origin.line, origin.column, origin.path) == (13, 7, 'clients.alpha.hosts."ex3.alpha.example"')


@pytest.mark.parametrize(
    ("mark", "codec"),
    [
        (b"\xef\xbb\xbf", "utf-8"),
        (b"\xff\xfe", "utf-16-le"),
        (b"\xfe\xff", "utf-16-be"),
        (b"", "utf-16-le"),
        (b"", "utf-16-be"),
        (b"\xff\xfe\0\0", "utf-32-le"),
        (b"", "utf-32-be"),
    ],
)
def test_an_inventory_in_an_encoding_of_yaml_loads_to_the_same_hosts(mark: bytes, codec: str) -> None:
    text = FLEET.replace("country: NO", "country: [Größe 7, 日本]")
    read = read_native(mark + text.encode(codec), file="inventory.yml", folder=Path("/nonexistent"))
    assert read.clients == load(text).clients
    assert read.hosts[0].labels["country"] == ("Größe 7", "日本")


def test_a_byte_order_mark_and_windows_line_ends_change_nothing() -> None:
    windows = read_native(
        b"\xef\xbb\xbf" + FLEET.replace("\n", "\r\n").encode(), file="inventory.yml", folder=Path("/nonexistent")
    )
    assert windows.clients == load(FLEET).clients


def test_groups_may_be_nested_to_the_limit_and_no_deeper() -> None:
    def nested(levels: int) -> str:
        groups = "".join(f"      g{n}: {{groups: [g{n - 1}]}}\n" for n in range(1, levels))
        host = f"    hosts: {{EX1: {{groups: [g{levels - 1}]}}}}\n"
        return f"exrun: inventory/1\nclients:\n  a:\n    groups:\n      g0: {{port: 9}}\n{groups}{host}"

    assert load(nested(32)).hosts[0].port == 9
    with pytest.raises(SourceError, match="groups are nested deeper than 32 levels"):
        load(nested(33))


def calls_to_load(hosts: int) -> int:
    """Python calls, which do not depend on the machine."""
    lines = "".join(
        f"      EX{number}:\n        address: 10.0.{number // 250}.{number % 250}\n        groups: [g]\n"
        f"        labels: {{site: s{number % 7}, zone: z{number}}}\n"
        for number in range(hosts)
    )
    text = f"exrun: inventory/1\nclients:\n  a:\n    groups: {{g: {{port: 5986}}}}\n    hosts:\n{lines}"
    count = 0

    def counting(_frame: Any, event: str, _argument: Any) -> None:
        nonlocal count
        count += event == "call"

    before = sys.getprofile()
    sys.setprofile(counting)
    try:
        assert len(load(text).hosts) == hosts
    finally:
        sys.setprofile(before)
    return count


def test_the_work_to_load_a_host_does_not_grow_with_the_number_of_hosts() -> None:
    assert calls_to_load(800) < 4.4 * calls_to_load(200)


def test_five_thousand_hosts_of_one_client_load() -> None:
    lines = "".join(f"      EX{number}: {{address: 10.0.{number // 250}.{number % 250}}}\n" for number in range(5000))
    inventory = load(f"exrun: inventory/1\nclients:\n  a:\n    hosts:\n{lines}")
    assert len({host.address for host in inventory.hosts}) == 5000


ALLOWED = """\
exrun: inventory/1
allow_public: [203.0.113.0/24]
clients:
  alpha:
    groups:
      dmz: {allow_public: ["2001:db8::/32", 198.51.100.7]}
    hosts:
      EX1:
      EX2: {groups: [dmz]}
      EX3: {groups: [dmz], allow_public: []}
      EX4: {allow_public: [ex4.alpha.example]}
  beta:
    allow_public: []
    hosts:
      EX5:
"""


def test_what_is_allowed_of_the_internet_comes_from_the_innermost_place_that_says_it() -> None:
    assert {name: host.allow_public for name, host in by_key(load(ALLOWED)).items()} == {
        "alpha/EX1": ("203.0.113.0/24",),
        "alpha/EX2": ("2001:db8::/32", "198.51.100.7"),
        "alpha/EX3": (),
        "alpha/EX4": ("ex4.alpha.example",),
        "beta/EX5": (),
    }


def test_nothing_of_the_internet_is_allowed_unasked() -> None:
    assert {host.allow_public for host in load(FLEET).hosts} == {()}


def test_what_is_allowed_of_the_internet_survives_being_written() -> None:
    folder = Path("/nonexistent")
    parts = NativeSource().read(ALLOWED.encode(), folder / "inventory.yml").clients
    again = {key: host for part in parts for key, host in by_key(load(native_text(part, folder))).items()}
    assert {key: host.allow_public for key, host in again.items()} == {
        key: host.allow_public for key, host in by_key(load(ALLOWED)).items()
    }
