"""Ansible's inventories and lists of hosts as one client: what is taken over, what is left out and why."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from inventory.errors import SourceError
from inventory.importing import Imported, read_foreign
from inventory.loading import load
from inventory.model import Host
from inventory.sources.ansible.patterns import RangeError, expanded
from inventory.sources.document import Settings
from inventory.sources.native_writing import native_text
from inventory.sources.recognition import Form, form_of

INI = """\
lone.alpha.example   # before any section

[mailbox]
ex[01:03].alpha.example
ex9 ansible_host=ex9.alpha.example ansible_port=5985

[edge]
edge1.dmz.example:5986 ansible_user='EDGE1\\admin' ansible_password="Winter2021!"

[exchange:children]
mailbox
edge

[linux]
web1 ansible_connection=ssh

[exchange:vars]
ansible_connection=winrm
ansible_winrm_transport = kerberos,credssp
ansible_winrm_server_cert_validation=ignore
site=HQ

[all:vars]
ansible_user=ALPHA\\svc
ansible_winrm_password={{ vault_pw }}
"""
IMPORT = "exrun inventory import {} --client NAME -o inventory.yml`"
YML = """\
all:
  vars: &shared
    ansible_user: svc@alpha.example
    ansible_password: !vault |
      $ANSIBLE_VAULT;1.1;AES256
      6162
  children:
    exchange:
      children:
        dag1:
          hosts:
            ex[1:2].alpha.example:
          vars: {ansible_psrp_protocol: http, ansible_connection: psrp, ansible_psrp_auth: negotiate}
        dag2:
          hosts:
            ex7.alpha.example: {<<: *shared, ansible_port: 5999, ansible_psrp_auth: [kerberos, ntlm]}
"""


def imported(folder: Path, name: str, text: str | bytes, **given_settings: str) -> Imported:
    (folder / name).write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_foreign(folder / name, client="alpha", settings=Settings.model_validate(given_settings))


def loaded(folder: Path, result: Imported) -> dict[str, Host]:
    (folder / "made.yml").write_text(native_text(result.client, folder), encoding="utf-8")
    return {host.name: host for host in load(folder / "made.yml").hosts}


def left_out(result: Imported) -> list[str]:
    return [f"{problem.location.line}: {problem.what}" for problem in result.left_out]


def test_hosts_groups_and_connection_variables_of_the_ini_form_are_taken_over(tmp_path: Path) -> None:
    result = imported(tmp_path, "hosts.ini", INI)
    hosts = loaded(tmp_path, result)
    assert list(hosts) == [
        "lone.alpha.example", "ex01.alpha.example", "ex02.alpha.example", "ex03.alpha.example", "ex9",
        "edge1.dmz.example",
    ]  # fmt: skip
    assert hosts["ex01.alpha.example"].groups == {"mailbox", "exchange"}
    assert (hosts["ex9"].address, hosts["ex9"].port, hosts["ex9"].scheme) == ("ex9.alpha.example", 5985, "http")
    assert (hosts["ex01.alpha.example"].port, hosts["ex01.alpha.example"].scheme) == (5986, "https")
    assert hosts["ex01.alpha.example"].authentication == "kerberos"
    assert hosts["lone.alpha.example"].scheme == "http"
    edge = hosts["edge1.dmz.example"]
    assert (edge.user, str(edge.credential)) == ("EDGE1\\admin", "env:ALPHA_EDGE1_DMZ_EXAMPLE_PASSWORD")
    assert (hosts["ex9"].user, str(hosts["ex9"].credential)) == ("ALPHA\\svc", "env:ALPHA_PASSWORD")


def test_what_is_left_out_of_the_ini_form_is_said_with_its_place_and_no_password(tmp_path: Path) -> None:
    said = left_out(imported(tmp_path, "hosts.ini", INI))
    assert said == [
        "8: `ansible_password` was left out: holds a password, which is never imported",
        "8: the password of `edge1.dmz.example` is looked for in `env:ALPHA_EDGE1_DMZ_EXAMPLE_PASSWORD`",
        "15: the host `web1` was left out: its ansible_connection is ssh, and exrun reaches servers over WinRM",
        "19: `ansible_winrm_transport` was left out: exrun does not log on with credssp",
        "20: `ansible_winrm_server_cert_validation` was left out: certificates are always verified",
        "21: `site` was left out: it says nothing of the connection",
        "24: the password of all hosts is looked for in `env:ALPHA_PASSWORD`",
        "25: `ansible_winrm_password` was left out: holds a password, which is never imported",
    ]
    assert "Winter2021" not in "".join(said)


def test_the_yaml_form_is_taken_over_with_its_anchors_and_without_what_vault_encrypts(tmp_path: Path) -> None:
    result = imported(tmp_path, "hosts.yml", YML)
    hosts = loaded(tmp_path, result)
    first, _, last = hosts.values()
    assert list(hosts) == ["ex1.alpha.example", "ex2.alpha.example", "ex7.alpha.example"]
    assert (first.groups, first.scheme, first.port) == ({"dag1", "exchange"}, "http", 5985)
    assert (last.groups, last.port, last.authentication) == ({"dag2", "exchange"}, 5999, "negotiate")
    assert {str(host.credential) for host in hosts.values()} == {"env:ALPHA_PASSWORD"}
    assert left_out(result) == [
        "3: the password of all hosts is looked for in `env:ALPHA_PASSWORD`",
        "4: `ansible_password` was left out: holds a password, which is never imported",
    ]


def test_given_settings_hold_whatever_the_file_says(tmp_path: Path) -> None:
    result = imported(
        tmp_path, "hosts.ini", INI, user="svc@alpha.example", credential="keyring:exrun/svc", scheme="http"
    )
    hosts = loaded(tmp_path, result)
    assert {(host.user, str(host.credential), host.scheme) for host in hosts.values()} == {
        ("svc@alpha.example", "keyring:exrun/svc", "http")
    }


def test_where_groups_differ_a_host_has_what_ansible_would_give_it(tmp_path: Path) -> None:
    text = "[zeta]\na\n[beta]\na\n[inner]\nb\n[outer:children]\ninner\n"
    text += "[zeta:vars]\nansible_port=1\n[beta:vars]\nansible_port=2\n"
    text += "[inner:vars]\nansible_port=3\n[outer:vars]\nansible_port=4\n"
    hosts = loaded(tmp_path, imported(tmp_path, "hosts", text))
    assert (hosts["a"].port, hosts["b"].port) == (1, 3)  # of one depth the last by name; the inner


def test_a_bare_account_with_ntlm_negotiates_instead(tmp_path: Path) -> None:
    result = imported(tmp_path, "h.ini", "a ansible_user=Administrator ansible_winrm_transport=ntlm\n")
    assert loaded(tmp_path, result)["a"].authentication == "negotiate"
    assert "1: ntlm was left out: an account here names no domain; negotiate is used" in left_out(result)


@pytest.mark.parametrize(
    "written", ["ALPHA\\svc", "'ALPHA\\svc'", '"ALPHA\\svc"', "ALPHA\\\\svc", '"ALPHA\\\\svc"', "ALPHA/svc"]
)
def test_a_backslash_of_an_account_is_kept_however_it_is_quoted(tmp_path: Path, written: str) -> None:
    for text in (f"a ansible_user={written} ansible_port=5985\n", f"a\n[all:vars]\nansible_user={written}\n"):
        assert loaded(tmp_path, imported(tmp_path, "h.ini", text))["a"].user == "ALPHA\\svc"


@pytest.mark.parametrize(
    "text",
    [
        "ex1.alpha.example\nex2.alpha.example\n",
        "# servers\r\n\r\nex1.alpha.example  # one\r\nex2.alpha.example\r\n\x1a",
        b"\xff\xfe" + "ex1.alpha.example\r\nex2.alpha.example\r\n".encode("utf-16-le"),
        "ex[1:2].alpha.example",
        "; a comment\nex1.alpha.example\n\n   ex2.alpha.example   \n",
    ],
)
def test_a_list_of_hosts_is_read(tmp_path: Path, text: str | bytes) -> None:
    for name in ("servers.txt", "servers"):
        assert list(loaded(tmp_path, imported(tmp_path, name, text))) == ["ex1.alpha.example", "ex2.alpha.example"]


def test_addresses_in_a_list_are_hosts_too(tmp_path: Path) -> None:
    hosts = loaded(tmp_path, imported(tmp_path, "l.txt", "10.0.0.1\n2001:db8::1\n[2001:db8::2]:5999\nex1:5986\n"))
    assert [(host.address, host.port) for host in hosts.values()] == [
        ("10.0.0.1", 5985), ("2001:db8::1", 5985), ("2001:db8::2", 5999), ("ex1", 5986),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("pattern", "names"),
    [
        ("ex[01:04].x", "ex01.x ex02.x ex03.x ex04.x"),
        ("ex[8:11]", "ex8 ex9 ex10 ex11"),
        ("ex[098:101]", "ex098 ex099 ex100 ex101"),
        ("ex[a:c]", "exa exb exc"),
        ("ex[1:9:4]", "ex1 ex5 ex9"),
        ("ex[:2]", "ex0 ex1 ex2"),
        ("ex[1:2]-[a:b].x", "ex1-a.x ex1-b.x ex2-a.x ex2-b.x"),
        ("ex1", "ex1"),
    ],
)
def test_a_range_stands_for_its_names(pattern: str, names: str) -> None:
    assert list(expanded(pattern)) == names.split()


@pytest.mark.parametrize(
    "pattern", ["ex[1:", "ex[1]", "ex[4:1]", "ex[01:100]", "ex[a:9]", "ex[1:2:0]", "ex[1:]", "ex[0:99999999]"]
)
def test_what_is_no_range_is_refused(pattern: str) -> None:
    with pytest.raises(RangeError):
        list(expanded(pattern))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "[a]\nex1 port 22\n",
            "2:1: has more than a name and `name=value` (the text is not shown); write one host a line",
        ),
        ("[a]\nex[4:1]\n", "2:1: the first end of a range comes after the last; correct it"),
        ("[a:children]\nb\n[c]\nx\n", "2:1: there is no section `[b]`; add it, or remove this"),
        ("[a:vars]\nx=1\n[c]\nx\n", "1:1: there is no section `[a]`; add it, or remove this"),
        ("[a:vors]\nx=1\n[c:vars]\n", "1:1: a section is of hosts, of `:vars` or of `:children`; correct it"),
        ("[a]\nex1 ansible_user='x\n", "2:1: a quote is opened and never closed (the text is not shown); close it"),
        ("[a]\nex_1!x ansible_port=1\n", "2:1: cannot be the name of a host: a name has letters, digits"),
    ],
)
def test_what_is_wrong_with_an_ini_is_told_with_its_place(tmp_path: Path, text: str, expected: str) -> None:
    with pytest.raises(SourceError) as caught:
        imported(tmp_path, "h.ini", text)
    assert str(caught.value).replace(f"{tmp_path}/", "").startswith(f"h.ini:{expected}")


@pytest.mark.parametrize(
    ("name", "data", "form"),
    [
        ("hosts", INI.encode(), Form.ANSIBLE_INI),
        ("hosts", YML.encode(), Form.ANSIBLE_YAML),
        ("hosts.yml", YML.encode(), Form.ANSIBLE_YAML),
        ("hosts.yml", b"mail:\n  hosts:\n    ex1:\n", Form.ANSIBLE_YAML),
        ("hosts.yml", b"exrun: inventory/1\nclients: {}\n", Form.NATIVE),
        ("hosts.yml", b"clients:\n  a: {hosts: {EX1: }}\n", Form.NATIVE),
        ("hosts.yml", b"excrun: inventory/1\n", Form.NATIVE),
        ("site.yml", b"- hosts: all\n  tasks: []\n", Form.ANSIBLE_PLAYBOOK),
        ("secret.yml", b"$ANSIBLE_VAULT;1.1;AES256\n6162\n", Form.VAULT),
        ("a.json", b'{"exrun": "inventory/1", "clients": {}}', Form.NATIVE),
        ("a.json", b'[{"Name": "EX1"}]', Form.JSON),
        ("a.json", b'{"_meta": {"hostvars": {}}, "all": {"children": ["x"]}}', Form.ANSIBLE_JSON),
        ("a.csv", b"PK\x03\x04....xl/workbook.xml", Form.EXCEL),
        ("a.xls", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1...", Form.EXCEL),
        (
            "a.ods",
            b"PK\x03\x04" + bytes(26) + b"mimetypeapplication/vnd.oasis.opendocument.spreadsheet",
            Form.OPEN_DOCUMENT,
        ),
        ("a.xml", b'<Objs Version="1.1.0.1">', Form.CLIXML),
        ("a.csv", b"ex1.a.example\nex2.a.example\n", Form.HOST_LIST),
        ("a.csv", b"Name\nEX1\n", Form.CSV),
        ("a.txt", b"Name;Fqdn\nEX1;ex1\n", Form.CSV),
        ("a.txt", b"sep=;\r\nName;Fqdn\r\nEX1;ex1\r\n", Form.CSV),
    ],
)
def test_a_file_is_known_for_what_it_is(name: str, data: bytes, form: Form) -> None:
    assert form_of(data, name) is form


@pytest.mark.parametrize(
    ("name", "data", "expected"),
    [
        (
            "hosts.ini",
            INI.encode(),
            "is an Ansible inventory (INI); make an inventory of it with `" + IMPORT.format("{}"),
        ),
        (
            "hosts.yml",
            YML.encode(),
            "is an Ansible inventory (YAML); make an inventory of it with `" + IMPORT.format("{}"),
        ),
        (
            "l.txt",
            b"ex1.a.example\n",
            "is a list of hosts; make an inventory of it with `" + IMPORT.format("{}"),
        ),
        (
            "s.xlsx",
            b"PK\x03\x04xl/",
            "is an Excel workbook; save it as CSV (in Excel: Save As, CSV UTF-8; else "
            "`soffice --headless --convert-to csv {}`), then `" + IMPORT.format("s.csv"),
        ),
    ],
)
def test_a_file_that_is_not_loaded_is_named_with_the_command_that_imports_it(
    tmp_path: Path, name: str, data: bytes, expected: str
) -> None:
    (tmp_path / name).write_bytes(data)
    with pytest.raises(SourceError) as caught:
        load(tmp_path / name)
    assert str(caught.value) == f"{tmp_path / name}:1:1: {expected.format(tmp_path / name)}"


def test_what_is_nothing_known_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="is neither CSV with the columns Name and Fqdn, nor an Ansible inventory"):
        imported(tmp_path, "x.txt", "Dear colleague, here are the servers\n")
    with pytest.raises(SourceError, match="is an inventory of exrun; name it with `-i"):
        imported(tmp_path, "x.yml", "exrun: inventory/1\nclients: {a: {}}\n")


def test_anchors_that_would_grow_without_end_are_stopped(tmp_path: Path) -> None:
    levels = [
        f"g{n}: &a{n} {{children: {{{', '.join(f'c{n}x{each}: *a{n - 1}' for each in range(9))}}}}}"
        for n in range(1, 9)
    ]
    with pytest.raises(SourceError, match="there are more than 10000 groups"):
        imported(tmp_path, "b.yml", f"g0: &a0 {{hosts: {{x: }}}}\n{chr(10).join(levels)}\n")


PIECES = [
    "[a]",
    "[a:children]",
    "[a:vars]",
    "[b]",
    "a",
    "b",
    "ex[1:3]",
    "ex[a:",
    "=",
    " ",
    "\n",
    "ansible_user=",
    "x\\y",
    "'",
    '"',
    "#",
    ";",
    "all:",
    "  hosts:",
    "children:",
    "vars:",
    "&x ",
    "*x",
    "!vault ",
    "<<: ",
    "{",
    "}",
    "[",
    "]",
    ":",
    ",",
    "{{",
    "- ",
    "\t",
    "sep=;",
    "Name",
    "Fqdn",
    "#TYPE",
    "\x00",
    "é",
    "ansible_connection: ssh",
    "ansible_port=99999",
    "$ANSIBLE_VAULT",
    "PK\x03\x04",
    "2001:db8::1",
]


@settings(max_examples=500, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.binary(max_size=80) | st.lists(st.sampled_from(PIECES), max_size=30).map(lambda parts: "".join(parts).encode()),
    st.sampled_from(["x", "x.csv", "x.ini", "x.yml", "x.json", "x.xlsx"]),
)
@example(b"[a:children]\na\n[a]\nx\n", "x.ini")
@example(b"\xff\xfe\x00", "x")
@example(b"\x1f", "x")  # white space to str.split alone
def test_whatever_bytes_a_file_has_it_is_imported_or_refused_with_places(
    tmp_path: Path, data: bytes, name: str
) -> None:
    try:
        hosts = loaded(tmp_path, imported(tmp_path, name, data))
    except SourceError as error:
        places = [problem.location.line for problem in error.problems]
    else:
        places = [host.origin.line for host in hosts.values()]
    try:
        load(tmp_path / name)
    except SourceError as error:
        places += [problem.location.line for problem in error.problems] or [0]
    assert places
    assert min(places) > 0
