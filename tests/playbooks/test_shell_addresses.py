"""What a change asks is of this server alone, whatever names a server has; and folders are known, or not."""

from __future__ import annotations

import re
from urllib.parse import unquote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from playbooks.actions.iis.configuration.served import folders_of
from playbooks.actions.webshell.quarantine.addresses import health_pages, origins_of, page_addresses
from playbooks.actions.webshell.scan.listing import Root
from playbooks.investigating.document import read
from playbooks.investigating.places import Server
from playbooks.lint.rules.targets import _SELF

SERVER = Server({"systemdrive": "C:", "systemroot": "C:\\Windows"}, "")
NAMES = st.text(
    alphabet=st.characters(exclude_categories=("Cs", "Cc"), exclude_characters='<>:"/\\|?*'), min_size=1, max_size=12
).filter(lambda name: name.strip(" .") == name)
SITES = """<configuration><system.applicationHost><sites><site name="Default Web Site">
<application path="/"><virtualDirectory path="/" physicalPath="{}" /></application><bindings>{}</bindings>
</site></sites></system.applicationHost></configuration>"""


def root(path: str, address: str, site: str = "Default Web Site") -> Root:
    return Root(path, "vdir", site, address, "Pool", True)


@given(st.lists(NAMES, min_size=1, max_size=4), st.lists(NAMES, max_size=3), st.integers(1, 65535))
def test_every_page_has_an_address_of_this_server_that_leads_back_to_it(
    below: list[str], address: list[str], port: int
) -> None:
    folder = root("D:\\web", f"/{'/'.join(address)}")
    path = "\\".join(("D:\\web", *below))
    asked = page_addresses(path, (root("D:\\", "/"), folder), {"default web site": f"https://127.0.0.1:{port}"})
    assert asked is not None
    for each in asked:
        assert _SELF.fullmatch(each)
        parts = urlsplit(each)
        assert (parts.hostname, parts.port, parts.username, parts.query) == ("127.0.0.1", port, None, "")
    page, absent = (unquote(urlsplit(each).path) for each in asked)
    assert page == "/" + "/".join((*address, *below))
    assert absent.rpartition("/")[0] == page.rpartition("/")[0]
    assert absent != page


@pytest.mark.parametrize(
    ("binding", "port"),
    [
        ("*:80:", ":80"),
        (":8080:", ":8080"),
        ("127.0.0.1:81:", ":81"),
        ("*:80:mail.test", None),
        ("10.0.0.1:80:", None),
        ("[::1]:80:", None),
    ],
)
def test_a_site_is_asked_where_a_binding_takes_loopback_without_a_name(binding: str, port: str | None) -> None:
    host = read(SITES.format("C:\\x", f'<binding protocol="http" bindingInformation="{binding}" />'))
    usual = "" if port == ":80" else port
    assert origins_of(host) == ({} if port is None else {"default web site": f"http://127.0.0.1{usual}"})
    secure = read(SITES.format("C:\\x", f'<binding protocol="https" bindingInformation="{binding}" />'))
    assert origins_of(secure) == ({} if port is None else {"default web site": f"https://127.0.0.1{port}"})


def test_a_site_that_answers_over_both_is_asked_over_tls() -> None:
    """Over http it would refuse what is there as it refuses what is not."""
    for order in (("http", "80"), ("https", "443")), (("https", "443"), ("http", "80")):
        bindings = "".join(f'<binding protocol="{each}" bindingInformation="*:{port}:" />' for each, port in order)
        assert origins_of(read(SITES.format("C:\\x", bindings))) == {"default web site": "https://127.0.0.1"}


def test_health_pages_are_those_of_exchange_and_no_others() -> None:
    roots = (
        root("C:\\a", "/"),
        root("C:\\b", "/OWA"),
        root("C:\\b", "/owa/"),
        root("C:\\c", "/owa/x"),
        root("C:\\d", "/rpc", "y"),
    )
    assert health_pages(roots, {"default web site": "http://127.0.0.1:81"}) == (
        "http://127.0.0.1:81/OWA/healthcheck.htm",
        "http://127.0.0.1:81/owa/healthcheck.htm",
    )


def test_a_page_outside_every_site_that_can_be_asked_has_no_address() -> None:
    assert (
        page_addresses(
            "C:\\web\\x.aspx",
            (root("C:\\webs", "/"), root("C:\\web", "/", "other")),
            {"default web site": "http://127.0.0.1"},
        )
        is None
    )


@given(st.text(alphabet="cC:\\/.~ %?1exrun-quatie") | st.text(max_size=20))
def test_a_folder_is_known_to_lie_elsewhere_or_it_may_hold_a_quarantine(path: str) -> None:
    text = "".join(
        f"&#{ord(each)};" for each in path if each >= " " and not 0xD7FF < ord(each) < 0xE000 and ord(each) < 0xFFFE
    )
    host = read(SITES.format(text, ""))
    [folder] = folders_of(host, None, SERVER)
    if not folder.may_reach("C:\\exrun-quarantine-"):
        assert re.match(r"[a-z]:\\[^\\]", folder.path) or folder.path[:2] != "c:"
        assert not folder.path.startswith("c:\\exrun-quarantine-")
        assert "%" not in folder.path
