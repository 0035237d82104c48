from __future__ import annotations

from collections.abc import Iterator

import pytest
import spnego
from hypothesis import given
from hypothesis import strategies as st
from spnego.exceptions import NegotiateOptions

from runner.lab.authentication import Acceptor, Accounts
from runner.lab.fleet import Account
from runner.lab.sealing import SealError, join, split

_ACCOUNT = Account("LAB\\svc-exrun", "Lab-only-71c0")


@pytest.fixture(scope="module", name="accounts")
def _accounts() -> Iterator[Accounts]:
    with Accounts([_ACCOUNT]) as accounts:
        yield accounts


def session(accounts: Accounts, protocol: str) -> tuple[spnego.ContextProxy, Acceptor]:
    """pyspnego's client and the lab, authenticated; without SPNEGO where the protocol is `ntlm`."""
    options = NegotiateOptions.use_ntlm if protocol == "ntlm" else NegotiateOptions.use_negotiate
    client = spnego.client(_ACCOUNT.user, _ACCOUNT.password, protocol=protocol, options=options)
    acceptor = Acceptor(accounts, None)
    token = client.step()
    while token is not None:
        answer = acceptor.step(token)
        token = None if acceptor.complete and not answer else client.step(answer)
    assert acceptor.complete
    return client, acceptor


@pytest.mark.parametrize("protocol", ["ntlm", "negotiate"])
@given(st.lists(st.tuples(st.booleans(), st.binary(min_size=1, max_size=300)), max_size=8))
def test_what_pyspnego_seals_the_lab_opens_and_the_other_way_round(
    accounts: Accounts, protocol: str, said: list[tuple[bool, bytes]]
) -> None:
    client, acceptor = session(accounts, protocol)
    for from_client, message in said:
        if from_client:
            wrapped = client.wrap_winrm(message)
            assert acceptor.open(join(wrapped.header, wrapped.data, len(message))) == message
        else:
            signature, sealed, length = split(acceptor.seal(message))
            assert client.unwrap_winrm(signature, sealed) == message
            assert length == len(message)


@given(st.binary(min_size=1, max_size=100), st.integers(min_value=0), st.integers(min_value=1, max_value=255))
def test_a_message_of_which_a_byte_is_another_is_not_opened(
    accounts: Accounts, message: bytes, at: int, change: int
) -> None:
    client, acceptor = session(accounts, "ntlm")
    wrapped = client.wrap_winrm(message)
    spoilt = bytearray(wrapped.header + wrapped.data)
    spoilt[at % len(spoilt)] ^= change
    with pytest.raises(SealError):
        acceptor.open(join(bytes(spoilt[:16]), bytes(spoilt[16:]), len(message)))


def test_a_message_that_comes_again_is_not_opened(accounts: Accounts) -> None:
    client, acceptor = session(accounts, "ntlm")
    wrapped = client.wrap_winrm(b"once")
    body = join(wrapped.header, wrapped.data, 4)
    assert acceptor.open(body) == b"once"
    with pytest.raises(SealError):
        acceptor.open(body)
