"""What a locked session stops and what it does not, on PowerShell's own engine: past the linter, over the lab."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from playbooks.lint import lint
from runner.lab.engines.pwsh.engine import PwshEngine
from runner.lab.fleet import Fleet, LabHost
from runner.lab.server import Served, start
from runner.lab.state import FileState, HostState
from runner.secrets.interface import Secret
from runner.transport.connecting import Connector
from runner.transport.gate import LOCK, Gate
from runner.transport.interface import Completed, Deadlines, Script, ScriptResult, Terminated
from tests.runner.transport.test_lab import ACCOUNT, TOKEN, inventory_host

HERE = Path(__file__).resolve()
CASES: list[dict[str, Any]] = YAML(typ="safe").load(HERE.with_name("locked_session.yml"))
PAGE = HERE.parents[3] / "docs" / "explanation" / "dry-run.md"
HARMFUL = HERE.parents[4] / "shared" / "cases" / "lint" / "harmful"
OVER_THE_LAB = [case for case in CASES if "before" not in case]
# Those that change a file of the server, and those that reach another.
CHANGING = ("01", "02", "04", "05")
FILES = (r"C:\a\x.txt", r"C:\a\y.txt", r"C:\Windows\notepad.exe", r"C:\Windows\write.exe")
REFUSED = re.compile(r"language mode|InConstrainedLanguage|OnlyToCoreTypes")

pytestmark = [pytest.mark.xdist_group("locked-session")]


class Bench:
    """One server whose engine is real, and the files that it is made of."""

    def __init__(self, served: Served, engine: PwshEngine) -> None:
        self._served = served
        self._engine = engine

    def files(self) -> dict[str, int]:
        """What stands below the server's drives: the size of each file."""
        drives = next(self._engine.root.glob("host*/drives"))
        return {str(path.relative_to(drives)): path.stat().st_size for path in drives.rglob("*") if path.is_file()}

    def run(self, *texts: str, full: bool = False) -> list[ScriptResult]:
        """Each text in a pipeline of its own, all in one session."""
        scripts = [Script(f"s{number}", f"$ErrorActionPreference = 'Stop'\n{text}", full=full) for number, text in
                   enumerate(texts)]  # fmt: skip
        deadlines = Deadlines(host=240.0, script=60.0, connect=60.0)
        transport = Connector().to(inventory_host(self._served), Secret(ACCOUNT.password))(
            Gate.of(scripts, TOKEN), deadlines
        )
        transport.open()
        results = [result for script in scripts for result in transport.observe([script])]
        transport.close()
        return results


@pytest.fixture
def bench(powershell: Path) -> Iterator[Bench]:
    engine = PwshEngine(powershell)
    files = {name: FileState(size=10 * (number + 1)) for number, name in enumerate(FILES)}
    host = LabHost("alpha", "EX1", HostState(name="EX1", engine="pwsh", files=files), ACCOUNT, engine="pwsh")
    with start(Fleet((host,)), {"pwsh": engine}) as lab:
        yield Bench(lab.host("alpha/EX1"), engine)
    engine.close()


def reached(result: ScriptResult) -> bool:
    return isinstance(result, Completed | Terminated) and "reached" in result.streams.output


def said(result: ScriptResult) -> str:
    match result:
        case Terminated(error=error):
            return f"{error.message} {error.error_id}"
        case Completed(streams=streams):
            return " ".join(f"{error.message} {error.error_id}" for error in streams.errors)
        case _:
            return str(result)


@pytest.mark.real_powershell
def test_what_a_locked_session_stops_is_what_the_table_says(bench: Bench, tmp_path: Path) -> None:
    body = "[System.IO.Path]::GetTempFileName()"
    (tmp_path / "Mine.psm1").write_text(f"function Get-Mine {{ {body} }}", encoding="utf-8")
    (tmp_path / "Mine.ps1").write_text(body, encoding="utf-8")
    # The lab's sessions are made of functions that were there before the lock: this stands for a module's.
    stand_in = {"{folder}": str(tmp_path), "Get-Early": EARLY}
    scripts = [re.sub("|".join(stand_in), lambda found: stand_in[found[0]], case["script"]) for case in OVER_THE_LAB]
    free = bench.run(*scripts, full=True)
    assert [case["tried"] for case, result in zip(OVER_THE_LAB, free, strict=True) if not reached(result)] == []
    locked = bench.run(*scripts)
    passed = {case["tried"] for case, result in zip(OVER_THE_LAB, locked, strict=True) if reached(result)}
    assert passed == {case["tried"] for case in OVER_THE_LAB if "stops" in case}
    for case, result in zip(OVER_THE_LAB, locked, strict=True):
        if "stops" not in case:
            assert REFUSED.search(said(result)) or " -as " in case["script"] or "Select-Object" in case["script"], (
                case["tried"],
                said(result),
            )


@pytest.mark.real_powershell
@pytest.mark.parametrize("case", [case for case in CASES if "before" in case], ids=lambda case: case["tried"])
def test_what_a_locked_engine_does_not_stop_by_itself(case: dict[str, Any], tmp_path: Path, powershell: Path) -> None:
    early = """
        function Get-Live { Get-Item -LiteralPath '/etc/passwd' }
        function Get-Said { '[System.IO.Path]::GetFileName("/x/reached")' }
    """
    (tmp_path / "Early.psm1").write_text(early, encoding="utf-8")
    file = tmp_path / "tried.ps1"
    lines = (case["before"], LOCK.text, case["script"])
    text = "\n".join(lines).replace("{folder}", str(tmp_path)).replace("{program}", str(powershell))
    file.write_text(text, encoding="utf-8")
    command = [str(powershell), "-NoProfile", "-NonInteractive", "-File", str(file)]
    ran = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "reached" in ran.stdout
    assert "stops" in case


# A function of the lab that calls methods of .NET and is there before the lock.
EARLY = "Get-FileHash -LiteralPath 'C:\\a\\x.txt'"


@pytest.mark.parametrize("case", [case for case in CASES if "stops" in case], ids=lambda case: case["tried"])
def test_what_a_locked_session_does_not_stop_the_linter_does(case: dict[str, Any]) -> None:
    if case["stops"].startswith("the linter"):
        assert lint(case["script"], source="x.ps1") != ()


def test_the_page_has_the_table_of_what_is_not_stopped() -> None:
    rows = [f"| {case['tried']} | {case['stops']} |" for case in CASES if "stops" in case]
    section = PAGE.read_text(encoding="utf-8").partition("### What it does not stop\n")[2].partition("\n#")[0]
    assert [line for line in section.splitlines() if line.startswith("| ")][1:] == rows
    assert {case["tried"] for case in CASES if "stops" not in case} == set(
        re.findall(
            r"^- (.+)$", PAGE.read_text(encoding="utf-8").partition("### What it stops\n")[2].partition("\n#")[0], re.M
        )
    )


@pytest.mark.real_powershell
@pytest.mark.needs_shared
def test_scripts_that_deceived_the_linter_change_nothing_in_a_locked_session(bench: Bench) -> None:
    names = sorted(path.name for path in HARMFUL.glob("*.ps1"))
    assert len(names) >= 16
    texts = {name: (HARMFUL / name).read_text(encoding="utf-8") for name in names}
    bench.run("1")  # the server's files are made for its first session
    before = bench.files()
    assert before
    for name, result in zip(names, bench.run(*texts.values()), strict=True):
        if name.startswith(CHANGING):
            assert REFUSED.search(said(result)), (name, said(result))
    assert bench.files() == before
    # In a session of the full language the same scripts do change files, so the test above can fail.
    changing = [text for name, text in texts.items() if name.startswith(("01", "04"))]
    bench.run(*changing, full=True)
    assert bench.files() != before
