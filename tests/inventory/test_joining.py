"""Several files as one inventory: what they must not disagree about, and that the order of files decides nothing."""

from __future__ import annotations

import hashlib
from dataclasses import fields
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from inventory.errors import SourceError
from inventory.loading import load
from inventory.model import Host, Inventory

START = "exrun: inventory/1\nclients:\n"


def loaded(folder: Path, *texts: str) -> Inventory:
    paths = []
    for name, text in zip("abc", texts, strict=False):
        (folder / f"{name}.yml").write_text(START + text, encoding="utf-8")
        paths.append(folder / f"{name}.yml")
    return load(*paths)


def said(folder: Path, *texts: str) -> str:
    with pytest.raises(SourceError) as caught:
        loaded(folder, *texts)
    return str(caught.value).replace(f"{folder}/", "")


def test_files_of_different_clients_are_one_inventory_in_the_order_in_which_they_are_named(tmp_path: Path) -> None:
    inventory = loaded(tmp_path, "  beta: {hosts: {EX1: }}\n", "  alpha: {hosts: {EX1: }}\n")
    assert [host.key for host in inventory.hosts] == ["beta/EX1", "alpha/EX1"]
    assert [file.clients for file in inventory.files] == [{"beta"}, {"alpha"}]
    digests = [hashlib.sha256((tmp_path / name).read_bytes()).hexdigest() for name in ("a.yml", "b.yml")]
    assert [file.sha256 for file in inventory.files] == digests
    assert inventory.digest == hashlib.sha256(f"{digests[0]}\n{digests[1]}\n".encode()).hexdigest()
    assert inventory.source == f"{tmp_path}/a.yml, {tmp_path}/b.yml"


def test_a_client_in_two_files_is_one_client_whose_settings_hold_for_all_its_hosts(tmp_path: Path) -> None:
    [client] = loaded(
        tmp_path,
        "  a: {user: svc@a.example, credential: 'env:X', groups: {g: {port: 7}}, hosts: {EX1: {groups: [g]}}}\n",
        "  a: {user: svc@a.example, labels: {ring: 1}, groups: {g: {scheme: https}}, hosts: {EX2: {groups: [g]}}}\n",
    ).clients
    assert client.groups == {"g"}
    for host in client.hosts:
        assert (host.user, host.port, host.scheme, host.labels) == ("svc@a.example", 7, "https", {"ring": ("1",)})


def test_a_csv_file_and_a_native_one_join_in_the_client_that_both_speak_of(tmp_path: Path) -> None:
    (tmp_path / "alpha.csv").write_text("Name,Fqdn\nEX1,ex1.alpha.example\n")
    (tmp_path / "accounts.yml").write_text(START + "  alpha: {user: svc@alpha.example, credential: 'env:X'}\n")
    [host] = load(tmp_path / "accounts.yml", tmp_path / "alpha.csv").hosts
    assert (host.key, host.user, host.address) == ("alpha/EX1", "svc@alpha.example", "ex1.alpha.example")


def test_paths_are_looked_for_beside_the_file_that_names_them(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "ca.pem").write_text("")
        (tmp_path / name / "i.yml").write_text(START + f"  {name}: {{ca_file: ca.pem, hosts: {{EX1: }}}}\n")
    inventory = load(tmp_path / "one" / "i.yml", tmp_path / "two" / "i.yml")
    assert [host.ca_file for host in inventory.hosts] == [tmp_path / "one" / "ca.pem", tmp_path / "two" / "ca.pem"]


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        (
            "  a: {hosts: {EX1: }}\n",
            "  a: {hosts: {EX1: {address: x.example}}}\n",
            (
                "b.yml:3:15: clients.a.hosts.EX1: the host `EX1` of this client stands in line 3 of a.yml too; "
                "remove it from one of the files"
            ),
        ),
        (
            "  a: {hosts: {EX1: }}\n",
            "\n  a: {hosts: {ex1: {address: x.example}}}\n",
            (
                "b.yml:4:15: clients.a.hosts.ex1: the host `ex1` of this client stands in line 3 of a.yml too; "
                "remove it from one of the files"
            ),
        ),
        (
            "  a: {port: 1, hosts: {EX1: }}\n",
            "  a: {port: 2, hosts: {EX2: }}\n",
            (
                "b.yml:3:13: clients.a.port: the client `a` has another `port` in line 3 of a.yml; "
                "write the same in both files, or in one alone, or give the hosts their own"
            ),
        ),
        (
            "  a: {labels: {site: HQ}, hosts: {EX1: }}\n",
            "  a: {labels: {site: [HQ, Oslo]}, hosts: {EX2: }}\n",
            (
                "b.yml:3:22: clients.a.labels.site: the client `a` has another `labels.site` in line 3 of a.yml; "
                "write the same in both files, or in one alone, or give the hosts their own"
            ),
        ),
        (
            "  a: {groups: {g: {port: 1}}, hosts: {EX1: {groups: [g]}}}\n",
            "  a: {groups: {g: {port: 2}}, hosts: {EX2: {groups: [g]}}}\n",
            (
                "b.yml:3:26: clients.a.groups.g.port: the group `g` has another `port` in line 3 of a.yml; "
                "write the same in both files, or in one alone, or give the hosts their own"
            ),
        ),
        (
            "  a: {hosts: {EX1: {address: x.example}}}\n",
            "  a: {hosts: {EX2: {address: x.example}}}\n",
            (
                "b.yml:3:30: clients.a.hosts.EX2.address: has the address and port of `EX1` in line 3 of a.yml; "
                "remove one of them, or correct its address or port"
            ),
        ),
        (
            "  a: {hosts: {EX1: }}\n",
            "  A: {hosts: {EX1: }}\n",
            (
                "b.yml:3:3: clients.A: looks like the client `a` in line 3 of a.yml and differs only in case or "
                "Unicode form; write both the same way if they are the same, or rename one"
            ),
        ),
    ],
)
def test_what_two_files_say_differently_is_an_error_that_names_both_places(
    tmp_path: Path, first: str, second: str, expected: str
) -> None:
    assert said(tmp_path, first, second) == expected


def test_the_problems_of_all_files_are_told_at_once(tmp_path: Path) -> None:
    lines = said(tmp_path, "  a: {hosts: {EX1: {prot: 1}}}\n", "  a: {hosts: {EX2: {port: x}}}\n", "  : x\n")
    assert [line.split(":")[0] for line in lines.splitlines()] == ["a.yml", "b.yml", "c.yml"]


HOSTS = st.dictionaries(
    st.sampled_from(["EX1", "EX2", "EX3", "EX4"]),
    st.fixed_dictionaries(
        {},
        optional={
            "labels": st.sampled_from(["{ring: 1}", "{ring: [1, 2]}"]),
            "groups": st.sampled_from(["[g]", "[h]", "[h, g]"]),
            "port": st.sampled_from(["5986", "7"]),
        },
    ),
    min_size=1,
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(HOSTS, st.lists(st.booleans(), min_size=4, max_size=4), st.booleans())
def test_hosts_divided_between_two_files_load_as_from_one(
    tmp_path: Path, hosts: dict[str, dict[str, str]], second: list[bool], swapped: bool
) -> None:
    common = "groups: {g: {scheme: https}, h: {groups: [g], labels: {site: HQ}}}, port: 9"

    def client(of: list[str]) -> str:
        lines = ", ".join(f"{name}: {{{', '.join(f'{k}: {v}' for k, v in hosts[name].items())}}}" for name in of)
        return f"  a: {{{common}, hosts: {{{lines}}}}}\n"

    one = [name for name, away in zip(hosts, second, strict=False) if not away]
    two = [name for name in hosts if name not in one]
    texts = [client(one), client(two)]
    assert essence(loaded(tmp_path, *(reversed(texts) if swapped else texts))) == essence(
        loaded(tmp_path, client(list(hosts)))
    )


def essence(inventory: Inventory) -> dict[str, list[object]]:
    names = [each.name for each in fields(Host) if each.name != "origin"]
    return {host.key: [getattr(host, name) for name in names] for host in inventory.hosts}
