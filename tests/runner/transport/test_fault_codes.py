"""Every number with which a WinRM service says no, in each form it is written in, has one meaning and a next step."""

import re
from xml.sax.saxutils import quoteattr

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pypsrp.exceptions import WinRMTransportError, WSManFaultError
from pypsrp.wsman import WSMan

from runner.transport.classifying import classify
from runner.transport.failures import NEXT, Cause, Failure
from runner.transport.fault_codes import SUBCODES, TABLE, folded, meaning

PUBLIC = [  # as public reports have them
    (995, Cause.CONNECTION_LOST),
    (1115, Cause.CONNECTION_LOST),
    (14, Cause.QUOTA),
    (1816, Cause.QUOTA),
    (2, Cause.ENDPOINT_MISSING),
    (1018, Cause.ENDPOINT_MISSING),
    (2147942405, Cause.ACCESS_DENIED),
    (2147942414, Cause.QUOTA),  # 0x8007000E, E_OUTOFMEMORY
    (2147943515, Cause.CONNECTION_LOST),  # 0x8007045B, shutdown in progress
    (2147943645, Cause.PROTOCOL),  # 0x800704DD, not logged on: not known
    (2147944122, Cause.CONNECTION_LOST),  # 0x800706BA, the RPC server is unavailable
    (2148074254, Cause.AUTHENTICATION),  # 0x8009030E, no credentials
    (2148074278, Cause.TLS),  # 0x80090326, illegal message
    (2148074276, Cause.CLOCK_SKEW),  # 0x80090324
    (2148074274, Cause.AUTHENTICATION),  # 0x80090322, wrong principal
    (2147749891, Cause.ACCESS_DENIED),  # 0x80041003, WMI
    (3221225581, Cause.AUTHENTICATION),  # 0xC000006D, STATUS_LOGON_FAILURE
    (2150858752, Cause.ENDPOINT_MISSING),
    (2150858843, Cause.CONNECTION_LOST),
    (2150859082, Cause.CONNECTION_LOST),
    (2150859012, Cause.ACCESS_DENIED),
    (2150859194, Cause.TLS),
    (2150858974, Cause.NOT_ENCRYPTED),
    (2150859046, Cause.TIMEOUT),
    (2150859152, Cause.ENDPOINT_MISSING),
    (2150859174, Cause.QUOTA),
    (2150859262, Cause.PROTOCOL),  # of certificate mapping's own configuration: not known
]


def reply(code: str = "", *, subcode: str = "w:InternalError", message: str = "said") -> str:
    """A fault as a service sends it."""
    detail = (
        "<s:Detail><f:WSManFault xmlns:f='http://schemas.microsoft.com/wbem/wsman/1/wsmanfault' "
        f"Code={quoteattr(code)} Machine='ex1'><f:Message>{message}</f:Message></f:WSManFault></s:Detail>"
        if code
        else ""
    )
    return (
        "<s:Envelope xmlns:s='http://www.w3.org/2003/05/soap-envelope' "
        "xmlns:w='http://schemas.dmtf.org/wbem/wsman/1/wsman.xsd'><s:Body><s:Fault><s:Code><s:Value>s:Receiver</s:Value>"
        f"<s:Subcode><s:Value>{subcode}</s:Value></s:Subcode></s:Code>"
        f"<s:Reason><s:Text xml:lang='en-US'>reason</s:Text></s:Reason>{detail}</s:Fault></s:Body></s:Envelope>"
    )


def found(text: str) -> Failure:
    """What comes of a fault that pypsrp reads and raises."""
    try:
        try:
            raise WinRMTransportError("http", 500, text)
        except WinRMTransportError as error:
            raise WSMan._parse_wsman_fault(error.response_text)  # noqa: B904  # as pypsrp does
    except WSManFaultError as error:
        return classify(error)


@pytest.mark.parametrize(("code", "cause"), PUBLIC)
def test_a_code_of_a_public_report_has_its_cause(code: int, cause: Cause) -> None:
    assert found(reply(str(code))).cause is cause


@pytest.mark.parametrize(
    ("code", "says", "not_says"),
    [
        (995, "audit it again", "proxy"),
        (1115, "audit it again", "proxy"),
        (14, "MaxMemoryPerShellMB", "MaxShellsPerUser"),
        (1816, "MaxMemoryPerShellMB", "MaxShellsPerUser"),
        (2, "Enable-PSRemoting", "proxy"),
        (1018, "restart the service WinRM", "proxy"),
        (2150859180, "AllowRemoteShellAccess", "proxy"),
        (1330, "Change the account's password", "proxy"),
        (2150859173, "MaxShellsPerUser", "proxy"),
    ],
)
def test_a_code_has_its_own_next_step(code: int, says: str, not_says: str) -> None:
    then = found(reply(str(code))).next
    assert says in then
    assert not_says not in then


def forms(code: int) -> list[str]:
    """The ways in which one 32-bit number is written."""
    return [str(code), str(code - 2**32) if code >= 2**31 else str(code), f"0x{code:08X}", f"0x{code:x}"]


@given(code=st.sampled_from(sorted(TABLE)), form=st.integers(0, 3), as_hresult=st.booleans())
def test_every_form_of_a_code_means_the_same(code: int, form: int, as_hresult: bool) -> None:
    wire = code | 0x80070000 if as_hresult and code < 0x10000 else code
    assert meaning(forms(wire)[form]) is TABLE[code]
    assert found(reply(forms(wire)[form])).cause is TABLE[code].cause


@given(code=st.integers(-(2**31), 2**32 - 1))
def test_folding_is_done_once_for_all(code: int) -> None:
    once = folded(code)
    assert once is not None
    assert 0 <= once < 2**32
    assert folded(once) == once
    assert folded(str(code)) == once


@given(st.one_of(st.none(), st.booleans(), st.text(max_size=20), st.integers(2**32), st.floats(), st.binary()))
def test_what_is_no_code_is_none_and_raises_nothing(code: object) -> None:
    assert folded(code) is None or isinstance(code, str)
    meaning(code, ("error code " * 10,))


@given(st.text(alphabet="0xX9aAcd8= :-errcodHRESULT\"'", max_size=200))
def test_no_words_of_a_server_make_it_raise(words: str) -> None:
    meaning("w:InternalError", (words,))


def test_a_code_that_stands_only_in_the_words_is_read_there() -> None:
    for words in (
        "The WinRM service failed with error code 1816 .",
        "(Exception from HRESULT: 0x8007000E)",
        "Error number:  -2147024882 0x8007000E",
        "<f:ProviderFault><f:WSManFault Code='14' Machine='ex1'/></f:ProviderFault>",
    ):
        assert found(reply("2150858883", message=words)).cause is Cause.QUOTA
        assert found(reply("4711", message=words)).cause is Cause.QUOTA


def test_a_number_that_is_no_code_in_the_words_is_not_taken_for_one() -> None:
    assert found(reply("4711", message="This user has 5 shells, 14 operations and 995 handles")).cause is Cause.PROTOCOL


def test_a_known_code_outweighs_what_the_words_say() -> None:
    assert found(reply("5", message="HRESULT: 0x8007000E")).cause is Cause.ACCESS_DENIED


@pytest.mark.parametrize("subcode", sorted(SUBCODES))
def test_a_fault_without_a_number_is_known_by_its_subcode(subcode: str) -> None:
    assert found(reply(subcode=f"wsman:{subcode.upper()}")).cause is SUBCODES[subcode].cause


def test_every_meaning_leads_to_a_next_step_that_is_no_shrug() -> None:
    for code, known in TABLE.items():
        then = known.next or NEXT[known.cause]
        assert re.search(r"[\w)]\.$", then), code
        assert known.words
        assert not known.words.endswith(".")
