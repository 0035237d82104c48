"""Completion: what is offered, that it is fast and silent, and that real shells take it as words and never as code."""

from __future__ import annotations

import os
import select
import shutil
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.main import get_command

from runner.cli import completion
from runner.cli.completing import Further, answer
from runner.cli.completion import Shell, lines_of, places_of, script_of, shell_of, with_lines
from runner.cli.main import app, main
from runner.cli.output import UsageError

INVENTORY = """\
exrun: inventory/1
clients:
  alpha:
    user: 'X\\svc'
    credential: env:EXRUN_NOT_SET_ANYWHERE
    groups: {dag1: {}, dag 2: {}}
    hosts:
      EX1: {address: ex1.alpha.example, groups: [dag1]}
      EX2: {address: ex2.alpha.example}
      KX1: {address: kx.alpha.example}
      KX 1: {address: kx1.alpha.example, groups: [dag 2]}
      KX 2: {address: kx2.alpha.example}
      MBX: {address: mbx.alpha.example}
  beta:
    user: 'X\\svc'
    credential: env:EXRUN_NOT_SET_ANYWHERE
    hosts:
      MBX: {address: mbx.beta.example}
  North West:
    user: 'X\\svc'
    credential: env:EXRUN_NOT_SET_ANYWHERE
    hosts:
      MBX: {address: mbx.north.example}
"""
OWN = """\
name: own
title: Own parameters
params:
  mode: {type: text, description: "How, $(touch owned)", choices: [slow, quick, very quick, "$(touch owned)", "a'b"]}
  sites: {type: "text[]", description: Which sites., default: [], choices: [north, south]}
  keep: {type: boolean, description: Whether it stays., default: true}
  title: {type: text, description: Any text., default: x}
steps: [{id: version, action: exchange.version}]
"""
ALL = (
    *("EX1", "EX2", "KX1", '"KX 1"', '"KX 2"', "alpha/MBX", "beta/MBX", '"North West/MBX"'),
    *("client:alpha", "client:beta", 'client:"North West"', 'group:"dag 2"', "group:dag1"),
)
HOSTILE = (
    "$(touch owned)",
    "`touch owned`",
    "a;touch owned",
    "'",
    '"',
    "--allow-cleartext",
    "a\nb",
    "a\tb",
    "a ",
    "\u202eabc",
)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with an inventory, two runs of a client, and folders called as an attacker would."""
    for name in [name for name in os.environ if name.startswith("EXRUN_") and name != "EXRUN_PWSH"]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "inventory.yml").write_text(INVENTORY, encoding="utf-8")
    (tmp_path / "own.yml").write_text(OWN, encoding="utf-8")
    for client, run in (("alpha", "2026-11-24t15-0001"), ("alpha", "2026-11-25t15-0002")):
        place = tmp_path / ".exrun" / client / "runs" / run
        place.mkdir(parents=True)
        (place / "journal.jsonl").write_text('{"step":"services"}\n{"step":null}\n{"step":"build"}\n', encoding="utf-8")
    (tmp_path / ".exrun" / "North West" / "runs").mkdir(parents=True)
    for name in HOSTILE:
        place = tmp_path / ".exrun" / name / "runs" / name
        place.mkdir(parents=True)
        (place / "journal.jsonl").touch()
    return tmp_path


def offered(*arguments: str, **environment: str) -> list[str]:
    """The words that are offered; the first is what the shell adds."""
    return [line.split("\t")[0] for line in answer(lambda: get_command(app), arguments, environment)]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["+aud"], ["none", "audit"]),
        (["journal", "+ver"], ["none", "verify"]),
        (["audit", "+"], ["none", *ALL]),
        (["audit", "+KX"], ["none", "KX1", '"KX 1"', '"KX 2"']),
        (["audit", '+"KX 1'], ["none", '"KX 1"']),
        (["audit", '"KX 1"', "+KX"], ["none", "KX1", '"KX 2"']),
        (["audit", "+client:North"], ["none", 'client:"North West"']),
        (["audit", "+North"], ["none", '"North West/MBX"']),
        (["show", "last", "--host", "+KX"], ["none", "KX1", "KX 1", "KX 2"]),
        (["audit", "EX1", "+EX"], ["none", "EX2"]),
        (["audit", "--limit", "+group:"], ["none", 'group:"dag 2"', "group:dag1"]),
        (["audit", "-lEX1", "+EX"], ["none", "EX1", "EX2"]),
        (["audit", "+--inv"], ["none", "--inventory"]),
        (["audit", "--timeout", "3", "+--timeout"], ["none"]),
        (["audit", "-i", "x", "+--inv"], ["none", "--inventory"]),
        (["audit", "-i", "+"], ["files"]),
        (["audit", "--state", "+"], ["folders"]),
        (["status", "--format", "+"], ["none", "text", "json"]),
        (["status", "+--format=j"], ["none", "--format=json"]),
        (["audit", "-i", "none.yml", "+"], ["none"]),
        (["audit", "--param", "+"], ["none", "campaign="]),
        (["audit", "--param", "+campaign=proxyl"], ["none", "campaign=proxylogon"]),
        (["audit", "+--param=campaign=al"], ["none", "--param=campaign=all"]),
        (["audit", "--param", "campaign=all", "--param", "+"], ["none"]),
        (["audit", "-p", "own.yml", "--param", "+"], ["none", "mode=", "sites=", "keep=", "title="]),
        (["plan", "./own.yml", "EX1", "--param", "mode=slow", "--param", "+"], ["none", "sites=", "keep=", "title="]),
        (["plan", "own", "--search", ".", "--param", "+mode="], ["none", "mode=slow", "mode=quick", "mode=very quick"]),
        (["plan", "own.yml", "--param", "+sites=north,"], ["none", "sites=north,south"]),
        (["plan", "own.yml", "--param", "+keep="], ["none", "keep=true", "keep=false"]),
        (["plan", "own.yml", "--param", "+title="], ["none"]),
        (["plan", "own.yml", "--param", "+nope="], ["none"]),
        (["plan", "nope.yml", "--param", "+"], ["none"]),
        (["plan", "--param", "+"], ["none"]),
        (["plan", "inventory.yml", "--param", "+"], ["none"]),
        (["lab", "capture", "EX1", "--param", "+cam"], ["none", "campaign="]),
        (["playbook", "show", "exchange-audit", "--param", "+"], ["none", "campaign="]),
        (["playbook", "show", "exchange.patch", "--param", "+"], ["none", "campaign="]),
        (["audit", "--", "+--inv"], ["none"]),
        (["plan", "+exchange-audit"], ["files", "exchange-audit"]),
        (["plan", "exchange-audit", "+EX1"], ["none", "EX1"]),
        (["plan", "--search", ".", "+own"], ["files", "own"]),
        (["playbook", "show", "+exchange.patch"], ["files", "exchange.patch"]),
        (["show", "+"], ["files", "last", "2026-11-25t15-0002", "2026-11-24t15-0001"]),
        (["show", "last", "--client", "+"], ["none", "North West", "alpha"]),
        (["show", "2026-11-24", "--step", "+"], ["none", "services", "build"]),
        (["show", "plan.json", "--step", "+"], ["none", "mend"]),
        (["apply", "+"], ["files"]),
        (["inventory", "import", "x", "--scheme", "+"], ["none", "http", "https"]),
        (["config", "+aud"], ["none", "audit"]),
        (["config", "journal", "+ver"], ["none", "verify"]),
        (["diff", "last", "+2026-11-24"], ["none", "2026-11-24t15-0001"]),
        (["nope", "+"], ["none"]),
        (["keys", "new", "a", "b", "+"], ["none"]),
        ([], ["none"]),
    ],
    ids=lambda each: " ".join(each),
)
def test_what_fits_is_offered(folder: Path, arguments: list[str], words: list[str]) -> None:
    (folder / "plan.json").write_text('{"hosts":[{"changes":[{"step":"mend"}]}]}', encoding="utf-8")
    found = offered(*arguments)
    assert found[0] == words[0]
    assert [word for word in found[1:] if not word.startswith("2026") or word in words] == words[1:]


def test_the_inventory_of_the_variable_is_at_hand(folder: Path) -> None:
    (folder / "inventory.yml").rename(folder / "other.yml")
    assert offered("audit", "+EX") == ["none"]
    assert offered("audit", "+EX", EXRUN_INVENTORY="other.yml") == ["none", "EX1", "EX2"]


def test_what_exrun_toml_has_is_at_hand_and_a_broken_one_no_error(folder: Path) -> None:
    (folder / "inventory.yml").rename(folder / "other.yml")
    (folder / "exrun.toml").write_text('[common]\ninventory = "other.yml"\n', encoding="utf-8")
    assert offered("audit", "+EX") == ["none", "EX1", "EX2"]
    (folder / "exrun.toml").write_text("[common\n", encoding="utf-8")
    assert offered("audit", "+EX") == ["none"]
    assert offered("audit", "+--lim") == ["none", "--limit"]


@given(st.lists(st.text(max_size=12), max_size=4), st.text(max_size=12))
def test_whatever_is_typed_the_answer_is_words_that_no_shell_reads_as_code(words: list[str], last: str) -> None:
    first, *lines = answer(lambda: get_command(app), [*words, f"+{last}"], {})
    assert first in set(Further)
    for line in lines:
        word, _, text = line.partition("\t")
        if word.endswith('"'):  # a selection's own quotes, which the scripts write as their shell has them
            word = word.replace('"', "")
        assert word == word.strip(" ")
        assert not set(word) & set("\t\n'\"`$;&|<>(){}[]*?!\\#~^%")
        assert text.isprintable()


def test_no_name_of_a_folder_becomes_an_option_or_code(folder: Path) -> None:
    found = offered("show", "last", "--client", "+") + offered("show", "+")
    assert not {word for word in found for name in HOSTILE if word == name}


SCRIPT = """
import sys
from runner.cli.main import main
main(sys.argv[1:])
print("loaded:", *(name for name in {names!r} if name in sys.modules))
"""
NETWORK = ("pypsrp", "spnego", "requests", "h11", "keyring", "yara_x", "runner.opening", "runner.lab")
NEVER = (*NETWORK, "lark", "jinja2")


@pytest.mark.parametrize(
    ("arguments", "never"),
    [
        (["+"], (*NEVER, "yaml", "inventory", "playbooks", "runner.cli.audit")),
        (["audit", "+--"], (*NEVER, "yaml", "inventory", "playbooks", "runner.runs")),
        (["audit", "+EX"], (*NEVER, "playbooks", "runner.runs")),
        (["audit", "--param", "+campaign="], (*NETWORK, "playbooks.loading", "runner.runs")),
        (["show", "+"], (*NEVER, "inventory")),
    ],
    ids=lambda each: " ".join(each[:2]),
)
def test_little_is_loaded_and_nothing_that_connects(folder: Path, arguments: list[str], never: tuple[str, ...]) -> None:
    command = [sys.executable, "-c", SCRIPT.format(names=never), "__complete", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stderr == ""
    assert done.stdout.splitlines()[-1] == "loaded:"


# --- installing


def test_installing_twice_leaves_one_mention_and_all_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("XDG_DATA_HOME", "XDG_CONFIG_HOME", "ZDOTDIR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("SHELL", "/usr/bin/bash")
    start = tmp_path / ".bashrc"
    start.write_bytes(b"alias ll='ls -l'\r\n# no end")
    assert main(["completion", "install"]) == 0
    once = start.read_bytes()
    assert main(["completion", "install", "bash"]) == 0
    assert start.read_bytes() == once
    assert once.startswith(b"alias ll='ls -l'\r\n# no end\n# >>> exrun-completion\n[ -r '")
    assert (tmp_path / ".local/share/exrun/completion.bash").read_text(encoding="utf-8") == script_of(Shell.BASH)
    assert "Next: start a new bash" in capsys.readouterr().out


@given(st.text(st.characters(exclude_characters="\r", exclude_categories=["Cs"])))
def test_our_lines_are_renewed_in_place(text: str) -> None:
    lines = lines_of(Shell.BASH, Path("/x/completion.bash"))
    once = with_lines(text, lines)
    assert with_lines(once, lines) == once
    assert once.replace("\n".join(lines) + "\n", "").rstrip("\n") == text.rstrip("\n")


def test_a_shell_that_is_none_of_ours_is_said_with_those_that_are() -> None:
    with pytest.raises(UsageError, match="your shell is tcsh") as caught:
        shell_of({"SHELL": "/bin/tcsh"})
    assert "bash, zsh, fish, powershell, pwsh" in caught.value.next


@pytest.mark.parametrize("shell", [Shell.BASH, Shell.ZSH, Shell.FISH])
def test_files_go_where_the_shell_looks(shell: Shell, tmp_path: Path) -> None:
    places = places_of(shell, {"HOME": str(tmp_path)})
    assert all(tmp_path in each.parents for each in (places.script, places.start) if each is not None)


def test_powershell_that_cannot_be_asked_is_said() -> None:
    for program in ("no-such-powershell", "true"):
        with pytest.raises(UsageError, match="does not say where its profile is"):
            completion.profile_of(program)


# --- real shells: a program `exrun` answers completions as exrun does, and tells the test what it is run with else


@pytest.fixture
def recorder(folder: Path) -> Path:
    """A folder for PATH whose `exrun` writes its arguments to the pipe `ran`."""
    if os.name == "nt":
        pytest.skip("NO SHELL: these shells are those of Unix")
    place = folder / "bin"
    place.mkdir()
    program = place / "exrun"
    program.write_text(
        f'#!/bin/sh\nif [ "$1" = __complete ]; then exec {sys.executable} -m runner.cli.main "$@"; fi\n'
        f"printf '%s\\n' \"$@\" END > {folder / 'ran'}\n",
        encoding="utf-8",
    )
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    os.mkfifo(folder / "ran")
    return place


@contextmanager
def typed(command: list[str], recorder: Path, keys: str) -> Iterator[list[str]]:
    """Types at an interactive shell, and gives the arguments with which it ran `exrun`."""
    import pty

    ran = os.open(recorder.parent / "ran", os.O_RDONLY | os.O_NONBLOCK)
    child, terminal = pty.fork()
    if child == 0:  # pragma: no cover
        root = str(Path(__file__).resolve().parents[3])
        environment = {"PATH": f"{recorder}:/usr/bin:/bin", "HOME": str(recorder.parent), "PYTHONPATH": root}
        os.execvpe(command[0], command, {**environment, "TERM": "xterm", "LC_ALL": "C.UTF-8"})
    try:
        os.write(terminal, keys.encode())
        text, screen = "", b""
        while not text.endswith("END\n"):
            ready, _, _ = select.select([ran, terminal], [], [], 60)
            assert ready, f"the shell did not run exrun: {screen!r}"
            if terminal in ready:
                screen += os.read(terminal, 65536)
            if ran in ready:
                text += os.read(ran, 65536).decode()
        yield text.split("\n")[:-2]
    finally:
        os.kill(child, 9)
        os.waitpid(child, 0)
        os.close(terminal)
        os.close(ran)


# What is typed, and with what it runs exrun. A shell puts a blank behind what it has completed.
TYPED = {
    "selections": (
        "exrun audit EX1 client:al\t'\"KX\t2\tclient:No\tNor\t--lim\tgroup:dag1\t\r",
        ["audit", "EX1", "client:alpha", '"KX 2"', 'client:"North West"', '"North West/MBX"', "--limit", "group:dag1"],
    ),
    "names": (
        "exrun show last --client No\t--host 'KX 1\t--host \"KX 2\t--form\tmark\t\r",
        ["show", "last", "--client", "North West", "--host", "KX 1", "--host", "KX 2", "--format", "markdown"],
    ),
    "hostile": (
        "exrun show last --client North\\ W\t--step '$(touch owned)`touch owned`'\t\r",
        ["show", "last", "--client", "North West", "--step", "$(touch owned)`touch owned`"],
    ),
    "parameters": (
        "exrun plan ./own.yml --param mo\tve\t--param=ke\tt\t--param si\tnorth,s\t\r",
        ["plan", "./own.yml", "--param", "mode=very quick", "--param=keep=true", "--param", "sites=north,south"],
    ),
    # Nobody is led past KX 1.
    "beside": ("exrun audit KX\t1\t--limit=KX\t1\t\r", ["audit", "KX1", "--limit=KX1"]),
    "double": ('exrun audit "KX 1\t\r', ["audit", '"KX 1"']),
}


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
@pytest.mark.parametrize(("keys", "ran"), TYPED.values(), ids=TYPED.keys())
def test_a_real_shell_completes_once_it_is_installed(
    shell: str, keys: str, ran: list[str], recorder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if (program := shutil.which(shell)) is None:
        pytest.skip(f"NO SHELL: there is no {shell} here")
    for name in ("XDG_DATA_HOME", "XDG_CONFIG_HOME", "ZDOTDIR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(recorder.parent))
    # fish fills this folder from all man pages, in a process that outlives it, where it finds none.
    (recorder.parent / ".local" / "share" / "fish" / "generated_completions").mkdir(parents=True)
    assert main(["completion", "install", shell]) == 0
    with typed([program, "-i"], recorder, keys) as arguments:
        assert arguments == ran
    assert not (recorder.parent / "owned").exists()


@pytest.mark.real_powershell
@pytest.mark.parametrize(
    ("typed_so_far", "completed"),
    [
        ("exrun audit EX1 client:al", ["client:alpha"]),
        ("exrun show last --client al", ["alpha"]),
        ("exrun show last --client No", ["'North West'"]),
        ('exrun show last --client "North W', ["'North West'"]),
        ("exrun audit KX", ["KX1", "'\"KX 1\"'", "'\"KX 2\"'"]),
        ("exrun audit client:No", ["'client:\"North West\"'"]),
        ("exrun audit --param cam", ["campaign="]),
        ("exrun audit --param campaign=al", ["campaign=all"]),
    ],
)
def test_a_real_powershell_completes_once_it_is_installed(
    typed_so_far: str, completed: list[str], recorder: Path, powershell: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The PowerShell of the tests has no profile: where it is, a program of ours says, as PowerShell would.
    profile = recorder.parent / "profile's" / "profile.ps1"
    asked = recorder / "pwsh"
    asked.write_text(f'#!/bin/sh\necho "{profile}"\n', encoding="utf-8")
    asked.chmod(0o755)
    monkeypatch.setenv("EXRUN_PWSH", str(asked))
    assert main(["completion", "install", "pwsh"]) == 0
    quoted = str(profile).replace("'", "''")
    written = typed_so_far.replace("'", "''")
    command = (
        f". '{quoted}'; (TabExpansion2 '{written}' {len(typed_so_far)}).CompletionMatches | "
        "ForEach-Object CompletionText"
    )
    done = subprocess.run(
        [powershell, "-NoProfile", "-NonInteractive", "-Command", command],
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
        cwd=recorder.parent,
        env={**os.environ, "PATH": f"{recorder}:{os.environ['PATH']}", "PYTHONPATH": str(Path(__file__).parents[3])},
    )
    assert done.stdout.splitlines() == completed
