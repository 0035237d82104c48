"""`exrun diff`: two audits compared from their journals alone, a client at a time."""

from __future__ import annotations

from pathlib import Path

import pytest

from runner.reports.diff import DiffDocument, schema_text
from runner.transport.failures import Cause, failure
from tests.runner.cli.conftest import CommandLine, protocol
from tests.runner.fleets import ScriptedTransport

SCHEMAS = Path(__file__).resolve().parents[3] / "docs" / "reference" / "schemas"
HOSTILE = "\x1b[2J\u202e<b>\ud800"


def smb(on: bool, banner: str = "none") -> ScriptedTransport:
    return ScriptedTransport(otherwise=protocol(on, banner))


def silent() -> ScriptedTransport:
    return ScriptedTransport(unopenable=failure(Cause.REFUSED, "refused"))


def audited(exrun: CommandLine, *arguments: str, **servers: ScriptedTransport) -> str:
    """The id of an audit in which these servers answer so, and the others that all is well."""
    known = set(exrun.runs)
    exrun.transports.clear()
    for name, transport in servers.items():
        exrun.transports[f"{'beta' if name == 'MBX1' else 'alpha'}/{name}"] = transport
    exrun.audit(*arguments)
    [run] = set(exrun.runs) - known
    return run


def compared(exrun: CommandLine, *arguments: str) -> DiffDocument:
    _, out, _ = exrun("diff", *arguments, "--format", "json")
    assert out.isascii()
    return DiffDocument.model_validate_json(out)


def became(exrun: CommandLine, *arguments: str) -> dict[str, str]:
    return {each.name: each.became.value for part in compared(exrun, *arguments).comparisons for each in part.servers}


def test_what_became_of_each_server_is_said_with_the_runs_that_were_taken(exrun: CommandLine) -> None:
    first = audited(exrun, EX1=smb(True))
    second = audited(exrun, EX2=smb(True, HOSTILE))
    status, out, err = exrun("diff", "--client", "alpha")
    assert (status, err) == (1, "")
    assert f"client alpha: from {first} (" in out
    assert f" to {second} (" in out
    assert "worse (1)\n  EX2  ok -> attention\n" in out
    assert "    + " in out
    assert "better (1)\n  EX1  attention -> ok\n" in out
    assert "2 servers: 1 worse, 1 better\n" in out
    assert out.splitlines()[-1] == f"next: exrun show {second} --client alpha --host EX2"
    assert "take care" not in out
    assert [each for each in ("\x1b", "\u202e", "beta", "MBX1") if each in out] == []
    assert became(exrun) == {"EX1": "better", "EX2": "worse", "MBX1": "same"}


def test_equal_changes_stand_once_and_with_details_each_by_itself(exrun: CommandLine) -> None:
    audited(exrun)
    audited(exrun, EX1=smb(True), EX2=smb(True))
    status, out, _ = exrun("diff", "--client", "alpha")
    assert status == 1
    assert "worse (2)\n  2 servers  ok -> attention\n    EX1, EX2\n    now: " in out
    status, detailed, _ = exrun("diff", "--client", "alpha", "--details")
    assert status == 1
    assert "worse (2)\n  EX1  ok -> attention\n    now: " in detailed
    assert "\n  EX2  ok -> attention\n    now: " in detailed
    said = out.partition("    EX1, EX2\n")[2].partition("\n\n")[0]
    assert detailed.count(said) == 2
    assert (
        exrun("diff", "--client", "alpha", "--format", "json")[1]
        == exrun("diff", "--client", "alpha", "--format", "json", "--details")[1]
    )


def test_the_earlier_one_is_before_however_they_are_named(exrun: CommandLine) -> None:
    first, second = audited(exrun, EX1=smb(True)), audited(exrun)
    for one, other in ((first, second), (second, first)):
        assert exrun("diff", one, other, "--client", "alpha")[0] == 0
        assert became(exrun, one, other, "--client", "alpha") == {"EX1": "better", "EX2": "same"}


def test_an_audit_compared_with_itself_has_nothing_to_tell(exrun: CommandLine) -> None:
    audited(exrun, EX1=smb(True), EX2=silent())
    status, out, _ = exrun("diff", "last", "last", "--client", "alpha")
    assert status == 0
    assert "\n\n2 servers: 2 same\n" in out


def test_a_server_that_no_longer_answers_is_worse_and_what_it_said_is_not_gone(exrun: CommandLine) -> None:
    audited(exrun, EX1=smb(True))
    audited(exrun, EX1=silent(), EX2=silent())
    assert became(exrun, "--client", "alpha") == {"EX1": "worse", "EX2": "worse"}
    status, out, _ = exrun("diff", "--client", "alpha")
    assert status == 1
    assert "    no longer known: smb1\n    ? not known any more: " in out


def test_previous_is_the_newest_audit_of_the_same_client_and_playbook(exrun: CommandLine) -> None:
    first = audited(exrun)
    other = exrun.folder / "other.yml"
    other.write_text((exrun.folder / "smb.yml").read_text(encoding="utf-8").replace("name: smb", "name: other"))
    exrun("audit", "-i", "inventory.yml", "--playbook", "./other.yml")
    audited(exrun, "--limit", "client:beta")
    last = audited(exrun)
    found = {each.client: each for each in compared(exrun, last).comparisons}
    assert found["alpha"].before == first
    assert found["beta"].before not in (first, last)
    [alpha] = compared(exrun, "last", "--client", "ALPHA").comparisons
    assert (alpha.client, alpha.before, alpha.after) == ("alpha", first, last)


def test_a_client_without_an_earlier_audit_is_said_and_the_others_are_compared(exrun: CommandLine) -> None:
    only = audited(exrun, "--limit", "client:alpha")
    assert exrun("diff")[0] == 2
    assert f"there is no audit of it before {only} with the playbook smb" in exrun("diff")[2]
    last = audited(exrun)
    status, out, err = exrun("diff")
    assert status == 0
    assert "client alpha" in out
    assert "beta" not in out
    assert f"client beta is not compared: there is no audit of it before {last}" in err
    assert [each.client for each in compared(exrun).not_compared] == ["beta"]
    status, _, err = exrun("diff", last, only, "--client", "beta")
    assert (status, f"the run {only} has nothing of it" in err) == (2, True)


def test_what_may_not_be_compared_is_said(exrun: CommandLine) -> None:
    audited(exrun)
    playbook = exrun.folder / "smb.yml"
    playbook.write_text(playbook.read_text(encoding="utf-8").replace("id: smb1", "id: again"), encoding="utf-8")
    audited(exrun, "--limit", "EX1")
    status, out, _ = exrun("diff")
    assert "take care: the playbook smb was edited in between" in out
    assert "take care: other steps: smb1 in the earlier alone or otherwise, again in the later" in out
    assert "gone: the later audit did not have them (1)\n  EX2  was ok\n" in out
    assert status == 0
    assert became(exrun) == {"EX1": "same", "EX2": "gone"}


@pytest.mark.parametrize("which", ["first", "last"])
def test_a_journal_that_was_altered_is_not_compared(exrun: CommandLine, which: str) -> None:
    runs = {"first": audited(exrun, EX1=smb(True)), "last": audited(exrun)}
    journal = exrun.folder / ".exrun" / "alpha" / "runs" / runs[which] / "journal.jsonl"
    journal.write_bytes(journal.read_bytes().replace(b'"Banner":"none"', b'"Banner":"some"'))
    status, out, err = exrun("diff", "--client", "alpha")
    assert (status, out) == (6, "")
    assert f"{runs[which]}/journal.jsonl:" in err
    assert "nothing is compared" in err


def test_a_run_that_is_not_there_is_an_error_that_names_the_newest(exrun: CommandLine) -> None:
    run = audited(exrun)
    for arguments in (("2020",), ("last", "2020")):
        status, _, err = exrun("diff", *arguments)
        assert status == 2
        assert f"is called '2020'; the newest are: {run}" in err


def test_the_schema_is_the_published_one() -> None:
    assert (SCHEMAS / "diff.json").read_text(encoding="utf-8") == schema_text()
