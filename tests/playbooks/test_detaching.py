"""What runs as a task of a host: an action's scripts stand in ours as they were proven, and looking at it reads."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import pytest

from playbooks.changes import Change
from playbooks.changing import ready_changes
from playbooks.detaching import Work, detached, inner, work
from playbooks.errors import DocumentError
from playbooks.lint import lint, style, unlockable
from playbooks.loading import load_playbook
from tests.playbooks.test_guarding import ACCEPTED, CATALOGUE, ENDS, PLAN
from tests.playbooks.test_loading import changing

PARSER = r"""
using namespace System.Management.Automation.Language
$texts = ConvertFrom-Json -InputObject ([Console]::In.ReadToEnd())
$found = foreach ($text in $texts) {
    $errors = $null
    $tree = [Parser]::ParseInput($text, [ref] $null, [ref] $errors)
    $tries = @($tree.EndBlock.Statements | Where-Object { $_ -is [TryStatementAst] })
    $call = $tries[0].Body.Statements[0].PipelineElements[0].CommandElements[0]
    $inside = $tries[0].Body.Statements.Count
    @{ errors = @($errors).Count; tries = $tries.Count; inside = $inside; block = $call.Extent.Text }
}
ConvertTo-Json -InputObject @($found) -Compress
"""


def test_a_real_parser_finds_the_script_whole_in_a_block_of_its_own(powershell: Path) -> None:
    scripts = [*ACCEPTED, *ENDS]
    run = subprocess.run(
        [str(powershell), "-NoProfile", "-NonInteractive", "-Command", PARSER],
        input=json.dumps([work(Work("a"), script) for script in scripts]),
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    for script, found in zip(scripts, json.loads(run.stdout), strict=True):
        assert found == {"errors": 0, "tries": 1, "inside": 3, "block": f"{{\n{script}\n}}"}, script


def test_the_script_in_what_a_task_runs_is_found_and_in_nothing_else() -> None:
    for script in (*ACCEPTED, *ENDS):
        assert inner(Work("a"), work(Work("a"), script)) == script
        assert inner(Work("b"), work(Work("a"), script)) is None


def test_what_looks_after_it_only_reads_and_may_be_sent_to_a_locked_session() -> None:
    poll = detached(PLAN, "some.change", "apply", "undo", 300).poll
    assert not lint(poll, source="poll")
    assert not unlockable(poll, (), source="poll")


def test_what_stands_around_the_scripts_is_written_in_the_dialect() -> None:
    made = detached(PLAN, "start.w3svc", "Start-Service -Name W3SVC", "Stop-Service -Name W3SVC", 300)
    for text in (made.apply, str(made.rollback), made.poll, work(Work("a"), "Start-Service -Name W3SVC")):
        assert not [each for each in style(text, source="detached") if "120" not in each.why]


def test_a_name_comes_from_the_plan_and_the_change_alone_and_tells_two_apart() -> None:
    one, other = (detached(PLAN, "a" * 119, f"apply {number}", "undo", 300) for number in (1, 2))
    tasks = [re.findall(r"Start-ScheduledTask .* -TaskName '([^']+)'", text) for text in (one.apply, str(one.rollback))]
    assert tasks[0] != tasks[1]
    assert one.poll != other.poll
    assert all(len(str(value)) < 200 for value in Work(tasks[0][0]).told.values())
    assert one == detached(PLAN, "a" * 119, "apply 1", "undo", 300)


def test_a_step_that_asks_for_it_has_its_changes_run_detached(tmp_path: Path) -> None:
    path = changing(tmp_path)
    path.write_text(path.read_text(encoding="utf-8") + "    detached: {seconds: 90}\n", encoding="utf-8")
    action = load_playbook(str(path), {}, CATALOGUE).steps[1].action
    change = Change("one", "Set it", {"service": "W3SVC", "before": "Manual", "marked": False})
    [made] = ready_changes(action, {"name": "W3SVC", "start": "Disabled"}, [change], PLAN)
    assert made.detached_seconds == 90
    assert made.poll is not None
    assert "New-TimeSpan -Seconds 90" in made.apply


def test_detached_and_confirmed_together_are_refused_by_the_line(tmp_path: Path) -> None:
    path = changing(tmp_path)
    more = "    confirm: {seconds: 90}\n    detached: {seconds: 90}\n"
    path.write_text(path.read_text(encoding="utf-8") + more, encoding="utf-8")
    with pytest.raises(DocumentError, match="cannot be together with confirm"):
        load_playbook(str(path), {}, CATALOGUE)


def test_an_action_that_changes_nothing_is_refused_by_the_line_that_asks_for_it(tmp_path: Path) -> None:
    path = tmp_path / "p.yml"
    path.write_text(
        "name: p\ntitle: P\nsteps:\n  - id: one\n    action: exchange.version\n    detached: {seconds: 90}\n",
        encoding="utf-8",
    )
    with pytest.raises(DocumentError, match=r"6:5: .*exchange\.version changes nothing"):
        load_playbook(str(path), {}, CATALOGUE)
