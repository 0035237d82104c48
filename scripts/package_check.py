"""Installs the newest wheel of dist/ into a fresh environment in another folder, and runs the demo from there."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def main() -> int:
    wheel = max((ROOT / "dist").glob("*.whl"), key=lambda path: path.stat().st_mtime)
    with tempfile.TemporaryDirectory() as name:
        elsewhere = Path(name)
        subprocess.run([sys.executable, "-m", "venv", str(elsewhere / "venv")], check=True)
        programs = elsewhere / "venv" / ("Scripts" if os.name == "nt" else "bin")
        pip = [str(programs / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*pip, str(wheel)], check=True)
        # Not the checkout's files: neither the folder nor the environment leads to them.
        clean = {key: value for key, value in os.environ.items() if not key.startswith(("PYTHON", "EXRUN_"))}
        for arguments in (["--help"], ["lab", "demo", "--folder", str(elsewhere / "demo")]):
            done = subprocess.run([str(programs / "exrun"), *arguments], cwd=elsewhere, env=clean, check=False)
            if done.returncode != 0:
                print(f"exrun {' '.join(arguments)} ended with {done.returncode}")
                return 1
    print(f"{wheel.name} is whole")
    return 0


if __name__ == "__main__":
    sys.exit(main())
