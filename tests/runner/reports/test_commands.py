"""The command that a page hands out for a server: the next step, only where there is one, safe in any shell."""

from __future__ import annotations

import shlex
from importlib import resources

import pytest

from inventory.selection import parse
from playbooks.findings import Assessment, Finding, Severity, Verdict
from runner.reports.commands import ISOLATE, MENDED_BY, Commands, commands
from runner.reports.typed_next import Begun
from runner.results import HostResult, NotReached, StepResult, judged
from runner.transport.failures import Cause, failure
from tests.runner.cli.parsing import parsed

SHOW = "exrun show r1 --client alpha --host EX1"
REFUSED = failure(Cause.REFUSED, "refused")


def server(verdict: Verdict, finding: str = "", name: str = "EX1", client: str = "alpha") -> HostResult:
    found = (Finding(finding, Severity.HIGH, "so", (), "do"),) if finding else ()
    return judged(name, client, [StepResult("s", "a.b", Assessment(verdict, "so", found))], 1, 1.0)


def unreached(cause: Cause) -> HostResult:
    return NotReached("EX1", "alpha", failure(cause, "no"), 2, 1, 1.0)


@pytest.mark.parametrize(
    ("host", "then"),
    [
        (server(Verdict.OK), ""),
        (server(Verdict.VULNERABLE, "exchange.patch.vulnerable"), ""),  # what mitigates is no update
        (server(Verdict.ATTENTION, "exchange.services.missing"), ""),
        (
            server(Verdict.ATTENTION, "exchange.services.disabled"),
            "exrun plan exchange-services alpha/EX1 -o mend.json",
        ),
        (
            server(Verdict.COMPROMISED, "webshell.scan.malicious"),
            "exrun plan exchange-isolate alpha/EX1 -o isolate.json",
        ),
        (unreached(Cause.REFUSED), "exrun doctor alpha/EX1"),
        (unreached(Cause.CREDENTIAL), "exrun doctor alpha/EX1"),
        (unreached(Cause.AUTHENTICATION), ""),  # one more log-on may be the one that locks the account
        (unreached(Cause.LOCKOUT_GUARD), ""),
        (unreached(Cause.INTERRUPTED), ""),
    ],
)
def test_what_comes_next_is_a_command_only_where_one_of_ours_does_it(host: HostResult, then: str) -> None:
    found = commands("r1", host)
    assert found is not None
    assert (found.show, found.then, bool(found.what)) == (SHOW, then, bool(then))


def test_every_playbook_that_is_named_is_shipped_and_mends_what_the_finding_is_of() -> None:
    library = resources.files("playbooks.library")
    for finding, playbook in MENDED_BY.items():
        action = finding.rpartition(".")[0]
        assert f"action: {action}\n" in library.joinpath(f"{playbook}.yml").read_text(encoding="utf-8")
        folder = resources.files("playbooks.actions").joinpath(*action.split("."))
        assert folder.joinpath("apply.ps1.j2").is_file()
        assert f'"{finding.rpartition(".")[2]}",' in folder.joinpath("assess.py").read_text(encoding="utf-8")
    assert library.joinpath(f"{ISOLATE}.yml").is_file()


@pytest.mark.parametrize("name", ["$(id) & calc", "EX1\n", "a'b$(id)", "a\u2019;calc;\u2019\\", ""])
def test_a_name_that_a_shell_would_take_apart_has_no_command(name: str) -> None:
    assert commands("r1", NotReached(name, "alpha", REFUSED, 2, 1, 1.0)) is None
    assert commands("r1", NotReached("EX1", name, REFUSED, 2, 1, 1.0)) is None


@pytest.mark.parametrize("name", ["EX1 & calc", "$(id)", "`id`", "-o", "EX1;x", "É", "a'b", 'a"b', "%PATH%"])
def test_a_name_that_only_a_selection_would_take_apart_is_shown_and_nothing_is_begun_by_it(name: str) -> None:
    for host, client in ((name, "alpha"), ("EX1", name)):
        found = commands("r1", NotReached(host, client, REFUSED, 2, 1, 1.0))
        assert found is not None
        assert parsed(found.show) == ("show", {"run": "r1", "client": client, "host": [host]})
        assert (found.what, found.then) == ("", "")


def test_a_command_takes_what_the_audit_was_begun_with() -> None:
    found = commands("r1", NotReached("EX1", "alpha", REFUSED, 2, 1, 1.0), Begun(("../a b.yml",), "/srv/x", "rows"))
    assert found == Commands(
        "exrun show r1 --client alpha --host EX1 --state /srv/x",
        "Which step of the way there fails",
        'exrun doctor alpha/EX1 -i "../a b.yml" --state /srv/x',
    )


@pytest.mark.parametrize("name", ["EX1", "and", "not", "ex-1.alpha.example", "1"])
def test_a_command_is_about_this_server_and_no_other(name: str) -> None:
    found = commands("r1", NotReached(name, "alpha", REFUSED, 2, 1, 1.0))
    assert isinstance(found, Commands)
    [program, command, selection] = shlex.split(found.then)
    assert (program, command) == ("exrun", "doctor")
    assert str(parse(selection)) == f"alpha/{name}"
