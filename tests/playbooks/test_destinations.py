"""Where a command of Exchange writes a file to: what is a page is one, however it is spelt."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from playbooks.actions.exchange.destinations import Destination, destination_of, host_of, is_outside

NAMES = st.text(st.characters(codec="utf-8", exclude_characters='\\/:*?"<>|.@', exclude_categories=("C",)), min_size=1)
PAGES = st.sampled_from(["aspx", "ashx", "asmx", "ascx", "asax", "asp", "svc", "soap", "cshtml", "master", "config"])


@given(st.lists(NAMES, max_size=3), NAMES, PAGES, st.booleans(), st.integers(0, 3), st.sampled_from("\\/"))
def test_a_page_is_one_in_whatever_case_and_with_dots_behind(
    folders: list[str], name: str, extension: str, loud: bool, dots: int, slash: str
) -> None:
    path = slash.join(("", "", "server", "share", *folders, f"{name}.{extension}"))
    assert destination_of((path.upper() if loud else path) + "." * dots) is Destination.PAGE


@given(st.lists(NAMES, max_size=3), NAMES)
def test_a_mail_store_in_a_share_is_not_what_its_folders_do_not_say(folders: list[str], name: str) -> None:
    served = {"inetpub", "aspnet_client", "clientaccess", "client~1"}
    path = "\\".join(("", "", "server", "share", *(each for each in folders if each.casefold() not in served), name))
    assert destination_of(f"{path}.pst") is Destination.ELSEWHERE


@given(st.text())
def test_whatever_a_server_says_is_a_place_and_a_host(path: str) -> None:
    assert destination_of(path) in Destination
    assert isinstance(is_outside(host_of(path)), bool)


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "127.1", "localhost", "LOCALHOST", "2130706433", "0x7F000001", "::1", "0--1.ipv6-literal.net", "."],
)
def test_the_server_itself_is_its_own_disk_by_any_of_its_names(host: str) -> None:
    path = f"\\\\{host}\\C$\\a.pst"
    assert (destination_of(path), host_of(path)) == (Destination.OWN_DISK, "")
    assert destination_of(f"\\\\?\\UNC\\{host}\\C$\\a.pst") is Destination.OWN_DISK


@pytest.mark.parametrize(
    ("host", "outside"),
    [
        ("8.8.8.8", True),
        ("2001-4860-4860--8888.ipv6-literal.net", True),
        ("files@SSL", True),
        ("files@8080", True),
        ("10.1.0.9", False),
        ("fe80--1s4.ipv6-literal.net", False),
        ("files.contoso.com", False),
        ("", False),
    ],
)
def test_a_public_address_and_http_lead_outside(host: str, outside: bool) -> None:
    assert is_outside(host_of(f"\\\\{host}\\share\\a.pst")) is outside
