"""Builds the container image and runs it, where a builder is at hand; says so where none is."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
NAME = "exrun-check"
SECONDS = 1200


def builder() -> str | None:
    """podman or docker, whichever answers."""
    for name in ("podman", "docker"):
        if shutil.which(name) is None:
            continue
        if subprocess.run([name, "info"], capture_output=True, timeout=SECONDS, check=False).returncode == 0:
            return name
    return None


def main() -> int:
    program = builder()
    if program is None:
        print("THE CONTAINER IMAGE WAS NOT BUILT: neither podman nor docker answers here")
        return 0
    text = (ROOT / "Containerfile").read_text(encoding="utf-8")
    base = next(line.split()[1] for line in text.splitlines() if line.startswith("FROM "))
    if subprocess.run([program, "pull", base], timeout=SECONDS, check=False).returncode != 0:
        print(f"THE CONTAINER IMAGE WAS NOT BUILT: {base} cannot be had")
        return 0
    build = [program, "build", "--file", str(ROOT / "Containerfile"), "--tag", NAME, str(ROOT)]
    run = [program, "run", "--rm", "--network", "none", "--read-only", "--tmpfs", "/tmp", NAME]
    whoami = [*run[:-1], "--entrypoint", "id", NAME, "-u"]
    for command in (build, [*run, "--version"], [*run, "playbook", "list"]):
        if (done := subprocess.run(command, timeout=SECONDS, check=False)).returncode != 0:
            print(f"{' '.join(command)} ended with {done.returncode}")
            return 1
    if subprocess.run(whoami, capture_output=True, text=True, timeout=SECONDS, check=True).stdout.strip() == "0":
        print("the image runs as root")
        return 1
    print("the container image is whole")
    return 0


if __name__ == "__main__":
    sys.exit(main())
