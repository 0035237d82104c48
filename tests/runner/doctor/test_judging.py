"""What each step comes to: values in, a check out; whatever a server says."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner.doctor import judging
from runner.doctor.checks import Check, Checked, Diagnosis, Standing, complete
from runner.transport.failures import Cause, failure

NOW = datetime(2026, 11, 29, 12, 0, 0, 400_000, UTC)


@given(st.integers(-100_000, 100_000))
def test_a_clock_passes_exactly_where_kerberos_would_take_it(seconds: int) -> None:
    said = judging.clock_of(format_datetime(NOW + timedelta(seconds=seconds), usegmt=True), NOW)
    assert (said.standing is Standing.PASS) is (abs(seconds) < 300)
    assert said.standing is not Standing.UNKNOWN


@given(st.text())
def test_no_date_is_taken_for_a_clock_that_is_right(written: str) -> None:
    said = judging.clock_of(written, NOW)
    assert said.check is Check.CLOCK
    assert said.said.isprintable()
    if said.standing is Standing.UNKNOWN:
        assert said.next


@given(
    st.dictionaries(st.sampled_from(["Winrs/MaxShellsPerUser", "MaxEnvelopeSizekb", "Winrs/IdleTimeout"]), st.text())
)
def test_quotas_that_are_not_told_do_not_pass(settings: dict[str, str]) -> None:
    said = judging.quotas_of(settings)
    whole = all(settings.get(name, "").isdecimal() for name in ("Winrs/MaxShellsPerUser", "MaxEnvelopeSizekb"))
    assert whole or said.standing is Standing.UNKNOWN


@pytest.mark.parametrize(
    ("names", "wanted", "fits"),
    [
        (("EX1.example",), "ex1.EXAMPLE", True),
        (("*.example",), "ex1.example", True),
        (("*.example",), "a.ex1.example", False),
        (("*.example",), "example", False),
        (("*",), "ex1", False),
        (("10.0.0.1",), "10.0.0.1", True),
        ((), "ex1", False),
    ],
)
def test_a_wildcard_stands_for_one_label(names: tuple[str, ...], wanted: str, fits: bool) -> None:
    assert judging.is_for(names, wanted) is fits


@given(st.sampled_from(Cause), st.booleans())
def test_a_refused_account_is_always_the_log_on_and_never_the_session(cause: Cause, accepted: bool) -> None:
    check = judging.failing(failure(cause, "no"), accepted=accepted)
    if cause in (Cause.AUTHENTICATION, Cause.CREDENTIAL, Cause.LOCKOUT_GUARD):
        assert check is Check.LOG_ON
    assert check is not Check.SESSION or accepted


@given(st.dictionaries(st.sampled_from(Check), st.sampled_from(Standing)))
def test_every_check_is_told_and_none_passes_that_was_not_made(made: dict[Check, Standing]) -> None:
    found = {check: Checked(check, standing, "it was made", "cause", "do") for check, standing in made.items()}
    told = complete(found, "it was cut short", "again")
    assert [each.check for each in told] == list(Check)
    for each in told:
        if each.check in made:
            assert each is found[each.check]
        else:
            assert each.standing in (Standing.SKIPPED, Standing.UNKNOWN)
    skipped = {each.check for each in told if each.check not in made and each.standing is Standing.SKIPPED}
    assert not skipped or Standing.FAIL in made.values()
    whole = Diagnosis("EX1", "alpha", "ex1", told, 0, 0.0)
    assert whole.passes is all(
        standing in (Standing.PASS, Standing.SKIPPED) for standing in (each.standing for each in told)
    )
