"""Secrets that a command prints: `command:pass show exchange/alpha`."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import sys
import tempfile

from inventory.model import CredentialReference
from runner.secrets.interface import Secret, SecretUnavailableError

MAX_BYTES = 64 * 1024  # of output that is read; a password manager prints one line


class CommandSecrets:
    """Runs the command without a shell and takes the first line of its standard output.

    Nothing that the command prints is ever shown, its standard error included: it may hold the secret.
    """

    def __init__(self, timeout_seconds: float = 30.0) -> None:
        self._timeout_seconds = timeout_seconds

    def resolve(self, reference: CredentialReference) -> Secret:
        """The first line, without its line end. The command gets no standard input and is killed at the timeout."""
        output = self._run(reference)
        first = output.split(b"\n", 1)[0].removesuffix(b"\r")
        if not first:
            raise self._failure(reference, "the first line of the command's output is empty")
        try:
            return Secret(first.decode("utf-8"))
        except UnicodeDecodeError:
            raise self._failure(reference, "the first line of the command's output is not UTF-8") from None

    def _run(self, reference: CredentialReference) -> bytes:
        # A file, not a pipe: a process that the command leaves behind would hold a pipe open beyond the timeout.
        with tempfile.TemporaryFile() as output:
            try:
                process = subprocess.Popen(  # noqa: S603
                    _arguments(reference.target),
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.DEVNULL,
                    start_new_session=True,
                )
            except ValueError:
                raise self._failure(reference, "the command line is empty or its quotes do not match") from None
            except OSError as error:
                raise self._failure(reference, f"the command cannot be started: {error.strerror}") from None
            try:
                status = process.wait(self._timeout_seconds)
            except subprocess.TimeoutExpired:
                why = f"the command did not end within {self._timeout_seconds:g} s"
                raise self._failure(reference, why) from None
            finally:
                if process.poll() is None:
                    _kill(process)
            if status != 0:
                raise self._failure(reference, f"the command ended with status {status}")
            output.seek(0)
            return output.read(MAX_BYTES)

    def _failure(self, reference: CredentialReference, why: str) -> SecretUnavailableError:
        return SecretUnavailableError(
            reference, why, "Run the command yourself: it must print the password as its first line and end with 0."
        )


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
