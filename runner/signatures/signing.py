"""Signing with the user's own `ssh-keygen`: keys in files, in an agent and in FIDO tokens stay where they are."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from runner.signatures.errors import SigningError

__all__ = ["SUFFIX", "sign"]

SUFFIX = ".sig"
_SECONDS = 300  # somebody may have to type a passphrase and look for their token


def sign(file: Path, key: Path, namespace: str) -> bytes:
    """The signature of a file, which ssh-keygen leaves beside it as `FILE.sig`.

    A passphrase is asked for by ssh-keygen itself, on the terminal or through SSH_ASKPASS.

    Args:
        key: a private key, or a public one whose private half an agent has.

    Raises:
        SigningError: there is no ssh-keygen, or it did not sign.
    """
    program = shutil.which("ssh-keygen")
    by_hand = f"Or sign by hand where the key is: ssh-keygen -Y sign -n {namespace} -f KEY {file.name}."
    if program is None:
        raise SigningError("there is no ssh-keygen on this machine", f"Install OpenSSH's client. {by_hand}")
    command = [program, "-q", "-Y", "sign", "-n", namespace, "-f", str(key), str(file)]
    try:
        # What it says goes to the user: that a token wants to be touched must be seen at once.
        done = subprocess.run(command, timeout=_SECONDS, check=False, stdout=subprocess.DEVNULL)  # noqa: S603
    except subprocess.TimeoutExpired:
        raise SigningError(f"ssh-keygen did not sign within {_SECONDS} s", f"Run it again. {by_hand}") from None
    made = file.with_name(file.name + SUFFIX)
    if done.returncode or not made.is_file():
        raise SigningError(f"ssh-keygen did not sign with {key}", f"It says above why. {by_hand}")
    return made.read_bytes()
