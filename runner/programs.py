"""Running a command that the user has named: without a shell, and not for longer than it may take."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import sys
import tempfile

MAX_BYTES = 64 * 1024  # of output that is read


class CommandFailedError(Exception):
    """Raised for a command that did not end well; `why` says nothing of what it printed."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


def run(command_line: str, timeout_seconds: float, given: bytes = b"") -> bytes:
    """What a command prints on its standard output; its standard error is shown to nobody.

    Args:
        given: what it finds on its standard input.

    Raises:
        CommandFailedError: it cannot be started, ended with another status than 0, or was killed at the timeout.
    """
    # Files, not pipes: a process that the command leaves behind would hold a pipe open beyond the timeout.
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as standard_input:
        standard_input.write(given)
        standard_input.seek(0)
        try:
            process = subprocess.Popen(  # noqa: S603
                _arguments(command_line),
                stdin=standard_input,
                stdout=output,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
        except ValueError:
            raise CommandFailedError("the command line is empty or its quotes do not match") from None
        except OSError as error:
            raise CommandFailedError(f"the command cannot be started: {error.strerror}") from None
        try:
            status = process.wait(timeout_seconds)
        except subprocess.TimeoutExpired:
            raise CommandFailedError(f"the command did not end within {timeout_seconds:g} s") from None
        finally:
            if process.poll() is None:
                _kill(process)
        if status != 0:
            raise CommandFailedError(f"the command ended with status {status}")
        output.seek(0)
        return output.read(MAX_BYTES)


def _arguments(command_line: str) -> list[str] | str:
    """On Windows the program itself splits its command line; elsewhere it is split by the shell's rules of quoting."""
    if not command_line.strip():
        raise ValueError("empty")
    return command_line if sys.platform == "win32" else shlex.split(command_line)


def _kill(process: subprocess.Popen[bytes]) -> None:
    if sys.platform == "win32":
        process.kill()
    else:
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
