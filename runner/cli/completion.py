"""`exrun completion`: what a shell needs to complete command lines of exrun, shown or installed."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from importlib.resources import files
from pathlib import Path
from typing import Annotated

import typer

from runner.cli.commands import Commands
from runner.cli.output import UsageError, emit, write_file
from runner.exit_status import ExitStatus

group = Commands(help="Complete command lines of exrun in a shell: commands, options, servers, runs, playbooks.")

ASKING_SECONDS = 30  # for PowerShell to say where its profile is
BEGIN, END = "# >>> exrun-completion", "# <<< exrun-completion"


class Shell(StrEnum):
    """The shells that can be completed in."""

    BASH = "bash"
    ZSH = "zsh"
    FISH = "fish"
    POWERSHELL = "powershell"
    PWSH = "pwsh"


ShellArgument = Annotated[
    Shell | None,
    typer.Argument(envvar="EXRUN_SHELL", help="Which shell.", show_default="yours, by SHELL; on Windows powershell"),
]


@dataclass(frozen=True, slots=True)
class Places:
    """Where completion of a shell is put: the script, and the file that its start reads, if that has to name it."""

    script: Path
    start: Path | None


@group.command("install")
def completion_install(shell: ShellArgument = None) -> None:
    """Make a shell complete command lines of exrun, from its next start.

    Writes a script to a folder of yours, and where the shell needs it three lines to the file that its start reads
    (.bashrc, .zshrc, PowerShell's profile), which say whose they are. Running it again renews both. What is offered is
    read from the files at hand: the inventory of -i, runs, playbooks. Nothing is connected to.

    \b
    Exit status: 0; 2 where the shell is not known or a file cannot be written.

    \b
    Examples:
      exrun completion install
      exrun completion install zsh
    """
    wanted = shell or shell_of(os.environ)
    places = places_of(wanted, os.environ)
    places.script.parent.mkdir(parents=True, exist_ok=True)
    write_file(places.script, script_of(wanted))
    written = [places.script]
    if places.start is not None:
        places.start.parent.mkdir(parents=True, exist_ok=True)
        write_file(places.start, with_lines(_text_of(places.start), lines_of(wanted, places.script)))
        written.append(places.start)
    emit(f"Written: {', '.join(map(str, written))}\nNext: start a new {wanted}, type exrun and press Tab twice.\n")
    raise typer.Exit(ExitStatus.WELL)


@group.command("show")
def completion_show(shell: ShellArgument = None) -> None:
    """Print the script that completes command lines of exrun in a shell.

    \b
    Exit status: 0; 2 where the shell is not known.

    \b
    Examples:
      exrun completion show bash > /etc/bash_completion.d/exrun
      exrun completion show pwsh
    """
    emit(script_of(shell or shell_of(os.environ)))
    raise typer.Exit(ExitStatus.WELL)


def shell_of(environment: Mapping[str, str]) -> Shell:
    """The shell of whoever runs this.

    Raises:
        UsageError: it is none of ours.
    """
    named = Path(environment.get("SHELL", "")).name
    if not named and os.name == "nt":
        return Shell.POWERSHELL
    try:
        return Shell(named)
    except ValueError:
        known = ", ".join(Shell)
        raise UsageError(
            f"your shell is {named or 'not named in SHELL'}, which exrun does not complete in",
            f"Name one of {known}: exrun completion install bash.",
        ) from None


def script_of(shell: Shell) -> str:
    """The script of a shell."""
    name = "exrun.ps1" if shell in (Shell.POWERSHELL, Shell.PWSH) else f"exrun.{shell}"
    return files("runner.cli").joinpath("shells", name).read_text(encoding="utf-8")


def places_of(shell: Shell, environment: Mapping[str, str]) -> Places:
    """Where the files go, by the custom of the shell."""
    home = Path(environment.get("HOME") or Path.home())
    data = Path(environment.get("XDG_DATA_HOME") or home / ".local" / "share")
    config = Path(environment.get("XDG_CONFIG_HOME") or home / ".config")
    match shell:
        case Shell.BASH:
            return Places(data / "exrun" / "completion.bash", home / ".bashrc")
        case Shell.ZSH:
            return Places(data / "exrun" / "completion.zsh", Path(environment.get("ZDOTDIR") or home) / ".zshrc")
        case Shell.FISH:
            return Places(config / "fish" / "completions" / "exrun.fish", None)
        case Shell.POWERSHELL | Shell.PWSH:
            named = environment.get("EXRUN_PWSH") if shell is Shell.PWSH else None  # which the lab uses too
            profile = profile_of(named or str(shell))
            return Places(profile.parent / "exrun-completion.ps1", profile)


def profile_of(program: str) -> Path:
    """The file that PowerShell reads at its start: it alone knows where (Documents may be elsewhere).

    Raises:
        UsageError: it cannot be asked.
    """
    command = [program, "-NoProfile", "-NonInteractive", "-Command", "$PROFILE.CurrentUserAllHosts"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=ASKING_SECONDS, check=True)  # noqa: S603
        said = done.stdout.strip()
    except (OSError, subprocess.SubprocessError) as error:
        said, why = "", f": {type(error).__name__}"
    else:
        why = ""
    if not said:
        raise UsageError(
            f"{program} does not say where its profile is{why}",
            "Put what exrun completion show pwsh prints into your profile.",
        )
    return Path(said)


def lines_of(shell: Shell, script: Path) -> list[str]:
    """What the start of a shell reads to have the script; a path in quotes that no shell looks into."""
    if shell in (Shell.POWERSHELL, Shell.PWSH):
        quoted = "'" + str(script).replace("'", "''") + "'"
        return [BEGIN, f"if (Test-Path -LiteralPath {quoted}) {{ . {quoted} }}", END]
    quoted = "'" + str(script).replace("'", "'\\''") + "'"
    return [BEGIN, f"[ -r {quoted} ] && . {quoted}", END]


def with_lines(text: str, lines: list[str]) -> str:
    """The file with our lines: in place of those that stand there, else at its end."""
    before, begin, rest = text.partition(f"{BEGIN}\n")
    if begin:
        _, end, after = rest.partition(f"{END}\n")
        if end:
            return before + "\n".join(lines) + "\n" + after
    gap = "" if not text or text.endswith("\n") else "\n"
    return text + gap + "\n".join(lines) + "\n"


def _text_of(path: Path) -> str:
    try:
        return path.read_bytes().decode()
    except FileNotFoundError:
        return ""
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(
            f"{path}: cannot be read: {getattr(error, 'strerror', None) or 'it is not UTF-8'}",
            "Put what exrun completion show prints where your shell reads it.",
        ) from None
