"""`exrun inventory`: what is selected and from where, what is wrong, and an inventory made of a CSV file."""

from __future__ import annotations

import json
import os

import pytest

from inventory.loading import load
from tests.runner.cli.conftest import INVENTORY, CommandLine

CSV = '"Name","Fqdn","Site","ServerRole"\n"EX1","ex1.alpha.example","alpha.example/Configuration/Sites/HQ","Mailbox"\n'


def test_check_counts_what_is_in_order(exrun: CommandLine) -> None:
    status, out, err = exrun("inventory", "check", "-i", "inventory.yml")
    assert (status, out, err) == (0, "inventory.yml: 2 clients, 3 servers; nothing is wrong\n", "")


def test_check_says_every_problem_for_people_and_for_programs(exrun: CommandLine) -> None:
    (exrun.folder / "inventory.yml").write_text(
        "exrun: inventory/1\nclients:\n  alpha:\n    hosts:\n      EX1: {prot: 1}\n      EX2: {port: x}\n"
    )
    status, out, err = exrun("inventory", "check", "-i", "inventory.yml")
    assert (status, out) == (2, "")
    assert len([line for line in err.splitlines() if line.startswith("inventory.yml:")]) == 2
    status, out, err = exrun("inventory", "check", "-i", "inventory.yml", "--format", "json")
    read = json.loads(out)
    assert (status, err, read["valid"]) == (2, "", False)
    assert [(problem["line"], problem["path"]) for problem in read["problems"]] == [
        (5, "clients.alpha.hosts.EX1.prot"),
        (6, "clients.alpha.hosts.EX2.port"),
    ]


def test_list_says_what_a_selection_selects_and_where_it_is_written(exrun: CommandLine) -> None:
    status, out, _ = exrun("inventory", "list", "-i", "inventory.yml", "client:alpha")
    assert status == 0
    assert [line.split()[0] for line in out.splitlines()] == ["SERVER", "alpha/EX1", "alpha/EX2", "2"]
    assert "inventory.yml:5" in out
    _, out, _ = exrun("inventory", "list", "-i", "inventory.yml", "site=HQ", "--format", "json")
    [host] = json.loads(out)["hosts"]
    assert (host["client"], host["name"], host["labels"]) == ("alpha", "EX1", {"site": "HQ"})
    assert host["origin"] == {"file": "inventory.yml", "line": 5, "column": 7}


@pytest.mark.parametrize("name", ["EXCHANGE-MAILBOX-01", "E" * 63])
@pytest.mark.parametrize("columns", ["80", "120", "200"])
def test_list_breaks_no_name_and_loses_nothing(
    exrun: CommandLine, monkeypatch: pytest.MonkeyPatch, name: str, columns: str
) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    text = INVENTORY.replace("EX1:", f"{name}:").replace("site: HQ", "site: Wiesbaden-HQ, role: mailbox, ring: one")
    (exrun.folder / "i.yml").write_text(text, encoding="utf-8")
    status, out, _ = exrun("inventory", "list", "-i", "i.yml", "client:alpha")
    assert status == 0
    assert max(map(len, out.splitlines())) <= int(columns)
    words = out.replace(",", "").replace(";", "").split()
    assert {f"alpha/{name}", "site=Wiesbaden-HQ", "role=mailbox", "ring=one"} <= {*words}


def test_list_fails_when_the_count_differs(exrun: CommandLine) -> None:
    assert exrun("inventory", "list", "-i", "inventory.yml", "EX*", "--expect", "2")[0] == 0
    assert exrun("inventory", "list", "-i", "inventory.yml", "EX*", "--expect", "3")[0] == 2


def test_import_writes_an_inventory_that_loads_and_replaces_one_when_asked(exrun: CommandLine) -> None:
    (exrun.folder / "servers.csv").write_text(CSV)
    arguments = ["inventory", "import", "servers.csv", "--client", "gamma", "--user", "G\\ops"]
    arguments += ["--credential", "env:GAMMA_PW", "--scheme", "https", "--authentication", "ntlm"]
    status, out, err = exrun(*arguments)
    assert (status, err) == (0, "")
    assert exrun(*arguments, "-o", "gamma.yml") == (0, "", "exrun: wrote gamma.yml\n")
    assert (exrun.folder / "gamma.yml").read_text() == out
    [host] = load(exrun.folder / "gamma.yml").hosts
    assert (host.key, host.address, host.port, str(host.credential)) == (
        "gamma/EX1", "ex1.alpha.example", 5986, "env:GAMMA_PW",
    )  # fmt: skip
    assert host.labels == {"site": ("HQ",), "role": ("Mailbox",)}
    assert exrun(*arguments, "-o", "inventory.yml", "--force")[0] == 0
    assert (exrun.folder / "inventory.yml").read_text() == out


def test_import_merges_into_a_file_that_is_there_and_says_what_it_changed(exrun: CommandLine) -> None:
    (exrun.folder / "servers.csv").write_text(CSV + '"EX7","ex7.alpha.example","",""\n')
    path = exrun.folder / "inventory.yml"
    path.write_text("# ours\n" + path.read_text().replace("EX2: {", "EX2:   { "))
    path.chmod(0o640)
    before = path.read_text()
    status, out, err = exrun("inventory", "import", "servers.csv", "--client", "alpha", "-o", "inventory.yml")
    assert (status, err) == (0, "exrun: wrote inventory.yml\n")
    assert out.splitlines() == [
        "added       alpha/EX7",
        "changed     alpha/EX1: labels.role: nothing -> Mailbox",
        "left alone  alpha/EX2",
        "inventory.yml: 1 added, 1 changed, 0 unchanged, 1 left alone",
    ]
    after = path.read_text()
    assert [line for line in after.splitlines() if line not in before.splitlines()] == [
        "      EX1: {address: ex1.alpha.example, labels: {site: HQ, role: Mailbox}}",
        "      EX7:",
        "        address: ex7.alpha.example",
    ]
    assert path.stat().st_mode & 0o777 == 0o640
    status, out, err = exrun("inventory", "import", "servers.csv", "--client", "alpha", "-o", "inventory.yml")
    assert (status, err, path.read_text()) == (0, "exrun: inventory.yml is as it was\n", after)
    assert out.splitlines()[-1] == "inventory.yml: 0 added, 0 changed, 2 unchanged, 1 left alone"


@pytest.mark.parametrize(
    ("there", "said"),
    [
        ("exrun: inventory/1\nclients: {a: {prot: 1}}\n", "unknown key"),
        ("something else\n", "is a single text"),
        ("exrun: inventory/2\n", "is not a kind of file that this version reads"),
    ],
)
def test_import_leaves_a_file_that_is_no_inventory_as_it_is(exrun: CommandLine, there: str, said: str) -> None:
    (exrun.folder / "servers.csv").write_text(CSV)
    (exrun.folder / "there.yml").write_text(there)
    status, out, err = exrun("inventory", "import", "servers.csv", "--client", "a", "-o", "there.yml")
    assert (status, out) == (2, "")
    assert said in err
    assert (exrun.folder / "there.yml").read_text() == there


@pytest.mark.skipif(os.name == "nt", reason="links")
def test_import_writes_where_a_link_leads(exrun: CommandLine) -> None:
    (exrun.folder / "servers.csv").write_text(CSV)
    (exrun.folder / "link.yml").symlink_to("inventory.yml")
    assert exrun("inventory", "import", "servers.csv", "--client", "delta", "-o", "link.yml")[0] == 0
    assert (exrun.folder / "link.yml").is_symlink()
    assert [client.name for client in load(exrun.folder / "inventory.yml").clients] == ["alpha", "beta", "delta"]


def test_import_of_an_ansible_inventory_says_what_it_left_out_and_never_a_password(exrun: CommandLine) -> None:
    (exrun.folder / "hosts.ini").write_text(
        "[mail]\nex[01:02].alpha.example ansible_user='ALPHA\\svc' ansible_password=Winter2021! rack=7\n"
        "[mail:vars]\nansible_connection=psrp\n"
    )
    (exrun.folder / "group_vars").mkdir()
    status, out, err = exrun("inventory", "import", "hosts.ini", "--client", "alpha", "-o", "new.yml")
    assert (status, out) == (0, "")
    assert "Winter2021" not in err + (exrun.folder / "new.yml").read_text()
    assert "exrun: hosts.ini:2:1: `ansible_password` was left out: holds a password, which is never imported\n" in err
    assert "exrun: hosts.ini:2:1: `rack` was left out: it says nothing of the connection\n" in err
    assert "exrun: group_vars:1:1: was not read; connection variables in it are missing here\n" in err
    hosts = load(exrun.folder / "new.yml").hosts
    assert [(host.name, host.user, host.port, set(host.groups)) for host in hosts] == [
        (f"ex0{number}.alpha.example", "ALPHA\\svc", 5986, {"mail"}) for number in (1, 2)
    ]


def test_a_label_of_several_values_is_listed_as_text_and_as_values(exrun: CommandLine) -> None:
    (exrun.folder / "i.yml").write_text(
        "exrun: inventory/1\nclients: {a: {hosts: {EX1: {labels: {role: [Mailbox, ClientAccess]}}}}}\n"
    )
    _, out, _ = exrun("inventory", "list", "role=Mailbox", "-i", "i.yml", "--format", "json")
    [host] = json.loads(out)["hosts"]
    assert host["labels"] == {"role": "Mailbox, ClientAccess"}
    assert host["label_values"] == {"role": ["Mailbox", "ClientAccess"]}
    assert host["allow_public"] == []
    _, out, _ = exrun("inventory", "list", 'role="Mailbox, ClientAccess"', "-i", "i.yml")
    assert 'role="Mailbox, ClientAccess"' in out
