"""An older checkout of the project beside this one, and the environment in which both are measured."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


@contextmanager
def older(revision: str) -> Iterator[Path]:
    """The project as it was at a commit of this repository, in a folder that goes at the end."""
    with tempfile.TemporaryDirectory() as name:
        tree = Path(name) / "older"
        git = ["git", "-C", str(ROOT), "worktree"]
        subprocess.run([*git, "add", "--quiet", "--detach", str(tree), revision], check=True)
        try:
            yield tree
        finally:
            subprocess.run([*git, "remove", "--force", str(tree)], check=True)


def environment(**variables: str) -> dict[str, str]:
    """That of this process, in which Python keeps the bytecode it compiles, as it does for users.

    Without that each start would compile anew what it imports, and be measured for it.
    """
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return {**kept, **variables}
