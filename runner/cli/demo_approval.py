"""Who approves the plans of the demo: one policy with one approver, whose key is made for it."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

__all__ = ["KEY", "policy_of"]

KEY = "approver"


def policy_of(folder: Path, client: str, say: Callable[[str], None]) -> tuple[str, ...]:
    """The options that name the policy of a client; none where there is no ssh-keygen.

    Args:
        folder: where policy and key go.
        say: prints a line.
    """
    keygen = shutil.which("ssh-keygen")
    if keygen is None:
        say("There is no ssh-keygen here, so nobody is asked to approve.")
        return ()
    key = folder / KEY
    if not key.exists():
        made = [keygen, "-q", "-t", "ed25519", "-N", "", "-C", "board", "-f", str(key)]
        subprocess.run(made, check=True, stdin=subprocess.DEVNULL)  # noqa: S603
    public = " ".join(key.with_suffix(".pub").read_text(encoding="utf-8").split()[:2])
    document = {"client": client, "approvers": [{"key": f"board@{client}.example {public}"}]}
    policy = folder / f"policy.{client}.yml"
    policy.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    return "--policy", str(policy)
