"""What a command loads: the lab is for `exrun lab` alone, and an audit says a line before it loads the rest."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import typer
from typer.core import TyperGroup

from runner.cli.main import COMMANDS, app

LOADED = """
import sys
from runner.cli.main import main
main(sys.argv[1:])
print("loaded:", *(name for name in sys.modules if name.startswith("runner.lab")))
"""


def loaded(*arguments: str) -> list[str]:
    """The modules of the lab that a fresh process has after a command."""
    done = subprocess.run([sys.executable, "-c", LOADED, *arguments], capture_output=True, text=True, check=True)
    return done.stdout.splitlines()[-1].split()[1:]


@pytest.mark.parametrize(
    "arguments",
    [("--help",), ("audit", "--help"), ("audit", "-i", "no-such-inventory.yml"), ("catalogue", "info")],
    ids=" ".join,
)
def test_the_lab_is_not_loaded_by_what_does_not_ask_for_it(arguments: tuple[str, ...]) -> None:
    assert loaded(*arguments) == []


def test_the_lab_is_loaded_by_its_own_commands() -> None:
    assert "runner.lab.server" in loaded("lab", "up", "--help")


def test_the_help_of_the_program_names_what_there_is_and_loads_none_of_it() -> None:
    script = (
        "import sys; from runner.cli.main import main, COMMANDS; main(['--help']); known = set(sys.modules);"
        "heavy = {'pydantic', 'lark', 'yaml', 'pypsrp', 'spnego', 'rich'};"
        "print('loaded:', *sorted(({module for module, _ in COMMANDS.values()} | heavy) & known))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    *help_text, last = done.stdout.splitlines()
    assert last.split() == ["loaded:"]
    for name, (_, summary) in COMMANDS.items():
        assert [line for line in help_text if line.split() == [name, *summary.split()]], name


def test_each_command_is_there_under_its_name_and_says_what_the_programs_help_says_of_it() -> None:
    group = typer.main.get_command(app)
    assert isinstance(group, TyperGroup)
    assert list(group.commands) == list(COMMANDS)
    for name, (_, summary) in COMMANDS.items():
        command = group.commands[name]
        assert command.name == name
        own = " ".join((command.help or "").split())
        assert set(summary.rstrip(".").lower().split()) & set(own.lower().split()), name


# pydantic is not among them: typer reads options with it.
HEAVY = ("yaml", "lark", "jinja2", "pypsrp", "spnego", "rich", "inventory", "playbooks")
FIRST_LINE = """
import sys, typer
real, then = typer.echo, []
def echo(text, **given):
    then.append((text, set(sys.modules)))
    real(text, **given)
typer.echo = echo
from runner.cli.main import main
main(sys.argv[1:])
print(then[0][0])
print("loaded:", *(name for name in {names!r} if name in then[0][1]))
"""


@pytest.mark.parametrize(
    "arguments",
    [
        ("audit",),
        ("plan", "exchange-services", "-o", "plan.json"),
        ("apply", "plan.json"),
        ("resume", "last"),
        ("rollback", "last"),
    ],
    ids=lambda arguments: arguments[0],
)
def test_what_reaches_servers_says_its_first_line_before_it_loads_what_takes_a_moment(
    arguments: tuple[str, ...],
) -> None:
    script = FIRST_LINE.format(names=HEAVY)
    command = [sys.executable, "-c", script, *arguments, "-i", "no-such-inventory.yml"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["exrun: reading no-such-inventory.yml", "loaded:"]
    assert done.stderr.splitlines()[0] == "exrun: reading no-such-inventory.yml"


def test_no_plugin_of_pydantic_is_looked_for() -> None:
    script = (
        "import sys; from runner.cli.main import main; main(sys.argv[1:]);"
        "from pydantic.plugin import _loader; print('plugins:', _loader._plugins)"
    )
    command = [sys.executable, "-c", script, "audit", "-i", "no-such-inventory.yml"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["plugins: None"]


def test_the_collector_of_garbage_works_again_when_an_audit_is_loaded() -> None:
    script = "import gc, sys; from runner.cli.main import main; main(sys.argv[1:]); print('enabled:', gc.isenabled())"
    command = [sys.executable, "-c", script, "audit", "-i", "no-such-inventory.yml"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["enabled: True"]


# Each costs tens of millions of instructions, and an audit of named accounts and a file of YAML needs none.
NOT_FOR_AN_AUDIT = (
    "lark",
    "requests",
    "ruamel",
    "keyring",
    "psrpcore",
    "pypsrp.powershell",
    "pypsrp.shell",
    "idna",
    "urllib.request",
    "inventory.sources.ansible",
    "inventory.sources.csv",
    "playbooks.lint.dialect",
    "runner.replay",
    "runner.reports.html",
    "runner.runs",
    "runner.signatures.keys",
    "runner.state",
    "yara_x",
)


def test_an_audit_does_not_load_what_it_does_not_need(tmp_path: Path) -> None:
    """A whole run of a server whose password cannot be had, so that nothing is sent."""
    inventory = tmp_path / "inventory.yml"
    inventory.write_text(
        "exrun: inventory/1\nclients:\n  alpha:\n    user: lab\\auditor\n    credential: env:EXRUN_NOT_SET_ANYWHERE\n"
        "    hosts:\n      EX1: {address: ex1.alpha.example}\n",
        encoding="utf-8",
    )
    script = (
        "import sys; from playbooks.catalogue import sets; read, real = [], sets.read_table;"
        "sets.read_table = lambda table, *given: (read.append(table.file), real(table, *given))[1];"
        "from runner.cli.main import main; print(main(sys.argv[1:])); assert 'builds.csv' in read, read;"
        f"unwanted = [name for name in {NOT_FOR_AN_AUDIT!r} if name in sys.modules];"
        "unwanted += [file for file in read if file in ('known-bad-sha256.csv', 'web-pages-known-good.csv')];"
        "print('loaded:', 'runner.opening' in sys.modules, *unwanted)"
    )
    command = [sys.executable, "-c", script, "audit", "-i", str(inventory), "--state", str(tmp_path / "state")]
    done = subprocess.run([*command, "--skip-unresolved"], capture_output=True, text=True, check=True)
    assert "EX1" in done.stdout
    assert done.stdout.splitlines()[-2:] == ["3", "loaded: True"]
