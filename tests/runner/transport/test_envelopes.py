"""Envelopes that cost more than a service's are refused before a tree is made of them, and a service's never are."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner.transport.envelopes import EnvelopeCaps, check_envelope
from runner.transport.failures import Cause, TransportError
from runner.transport.interface import NotRun
from runner.transport.retry import RetryPolicy
from tests.runner.transport.sessions import session
from tests.runner.transport.steps import counted
from tests.runner.transport.test_winrm import says

Account = tuple[str, str]
CAPS = EnvelopeCaps(elements=50, depth=8, attributes=4, namespaces=6, name=20, text=100)


def wrapped(inner: str) -> bytes:
    return f"<e>{inner}</e>".encode()


AT_THE_CAP = {
    "elements": wrapped("<a/>" * 49),
    "depth": wrapped("<a>" * 7 + "</a>" * 7),
    "attributes": wrapped('<a b="" c="" d="" f=""/>'),
    "namespaces": wrapped('<a xmlns:p="u" xmlns:q="u" xmlns:r="u"/>' * 2),
    "name": wrapped(f'<{"a" * 20} {"b" * 20}="{"c" * 20}"/>'),
    "text": wrapped("é" * 100 + "<a/>" + "x" * 100),
}
OVER = {
    "elements": [wrapped("<a/>" * 50), wrapped("<a></a>" * 50), wrapped("<a/>" * 300_000)],
    "depth": [wrapped("<a>" * 8 + "</a>" * 8), b"<a>" * 30],
    "attributes": [wrapped('<a b="" c="" d="" f="" g=""/>')],
    "namespaces": [wrapped('<a xmlns:p="u" xmlns:q="u" xmlns="u"/>' * 2 + '<a xmlns:p="u"/>')],
    "name": [wrapped(f"<{'a' * 21}/>"), wrapped(f'<a {"b" * 21}=""/>'), wrapped(f'<a b="{"c" * 21}"/>')],
    "text": [wrapped("x" * 101), wrapped("<a/>" + "&amp;" * 101), wrapped("x" * 60 + "<![CDATA[" + "y" * 41 + "]]>")],
}
WORDS = {
    "elements": "50 elements",
    "depth": "8 levels",
    "attributes": "4 attributes",
    "namespaces": "6 declarations",
    "name": "20 characters in one name",
    "text": "100 characters of text",
}


@pytest.mark.parametrize("cap", AT_THE_CAP)
def test_what_comes_to_a_cap_passes_and_what_goes_beyond_is_named(cap: str) -> None:
    assert check_envelope(AT_THE_CAP[cap], CAPS) == len(list(ET.fromstring(AT_THE_CAP[cap]).iter()))
    for body in OVER[cap]:
        with pytest.raises(TransportError, match=f"more than {WORDS[cap]}") as raised:
            check_envelope(body, CAPS)
        assert raised.value.failure.cause is Cause.PROTOCOL


@pytest.mark.parametrize("body", [b"", b"<a", b"<a></b>", b"\xff", b"<a/><b/>", b"not found", b"<a>&b;</a>"])
def test_what_is_no_xml_is_left_to_who_reads_it(body: bytes) -> None:
    check_envelope(body, CAPS)


trees = st.recursive(
    st.sampled_from(["", "x", "&lt;"]),
    lambda inner: st.lists(
        st.tuples(
            st.sampled_from(["a", "p:b", "c"]),
            st.dictionaries(st.sampled_from("uvwxyz"), st.text("mn", max_size=20)),
            inner,
        ),
        max_size=4,
    ).map(
        lambda parts: "".join(
            f"<{tag}{''.join(f' {key}={value!r}' for key, value in attributes.items())}>{content}</{tag}>"
            for tag, attributes, content in parts
        )
    ),
    max_leaves=40,
)


@given(trees)
def test_it_passes_exactly_what_its_tree_shows_to_be_within_the_caps(inner: str) -> None:
    body = f"<e xmlns:p='urn:p'>{inner}</e>".encode()
    root = ET.fromstring(body)

    def depth(element: ET.Element) -> int:
        return 1 + max(map(depth, element), default=0)

    within = (
        len(list(root.iter())) <= CAPS.elements
        and depth(root) <= CAPS.depth
        and all(len(each.attrib) <= CAPS.attributes for each in root.iter())
    )
    try:
        check_envelope(body, CAPS)
        passed = True
    except TransportError:
        passed = False
    assert passed is within


@pytest.mark.parametrize(
    "costly",
    [
        lambda reply: reply.replace(b"</s:Body>", b"<a>" * 300_000 + b"</a>" * 300_000 + b"</s:Body>"),
        lambda reply: reply.replace(b"</s:Body>", b"<a/>" * 300_000 + b"</s:Body>"),
        lambda reply: reply.replace(b"</s:Body>", b'<a b="c" d="e"/>' * 3_900 + b"</s:Body>"),
        lambda reply: reply.replace(b"</s:Body>", b"<a>" * 3_000 + b"</a>" * 3_000 + b"</s:Body>"),
        lambda reply: reply + b" " * 8_000_000,
    ],
    ids=["300,000 nested", "300,000 side by side", "just within", "deep", "8 MB"],
)
@pytest.mark.parametrize("at_request", [1, 2, 3, 4], ids=["create", "open", "command", "receive"])
def test_a_costly_reply_costs_neither_a_tree_of_more_elements_than_the_cap_nor_bytes_beyond_it(
    ntlm_account: Account,
    monkeypatch: pytest.MonkeyPatch,
    costly: Callable[[bytes], bytes],
    at_request: int,
) -> None:
    """Answers that cost too much: 2 MB with 300,000 nested elements, and replies of 8 MB."""
    at = session(ntlm_account, {"a": says(1)}, policy=RetryPolicy(attempts=1))
    count, elements, largest = 0, 0, 0
    real = ET.fromstring

    def measured(text: bytes | str, *arguments: object) -> ET.Element:
        nonlocal elements, largest
        tree = real(text, *arguments)  # type: ignore[arg-type]
        elements = max(elements, len(list(tree.iter())))
        largest = max(largest, len(text))
        return tree

    def answer(plain: bytes) -> tuple[int, bytes]:
        nonlocal count
        count += 1
        status, text = at.host.answer(plain)
        return status, costly(text) if count == at_request else text

    at.peer.answer = answer
    monkeypatch.setattr("pypsrp.wsman.ET.fromstring", measured)
    causes: set[Cause] = set()
    with counted() as steps:
        try:
            at.transport.open()
            causes = {each.failure.cause for each in at.run("a") if isinstance(each, NotRun)}
        except TransportError as error:
            causes = {error.failure.cause}
    assert causes <= {Cause.PROTOCOL}
    assert 0 < elements <= EnvelopeCaps().elements
    assert largest <= 2 * 1024 * 1024
    assert steps.count <= 5_000 + 20 * EnvelopeCaps().elements
