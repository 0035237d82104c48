"""Builds the container image and runs it, where a builder is at hand; says so where none is."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
NAME = "exrun-check"
SECONDS = 1200
_INCLUDED = "python3,python3-venv,python-is-python3,ca-certificates"


def builder() -> str | None:
    """podman or docker, whichever answers."""
    for name in ("podman", "docker"):
        if shutil.which(name) is None:
            continue
        if subprocess.run([name, "info"], capture_output=True, timeout=SECONDS, check=False).returncode == 0:
            return name
    return None


def on_debian() -> int:
    """Builds it by buildah in a chroot, on a Debian with Python made here instead of the base that a registry has."""
    with tempfile.TemporaryDirectory(prefix="exrun-container-") as name:
        folder = Path(name)
        tar, empty = folder / "base.tar", folder / "empty"
        empty.mkdir()
        made = ["mmdebstrap", "--quiet", "--variant=minbase", f"--include={_INCLUDED}", "bookworm", str(tar)]
        if subprocess.run(made, timeout=SECONDS, check=False).returncode != 0:
            print("THE CONTAINER IMAGE WAS NOT BUILT: no Debian to build it on can be had")
            return 0
        store = ["--root", f"{name}/store", "--runroot", f"{name}/run", "--storage-driver", "vfs"]
        (folder / "Base").write_text(f"FROM scratch\nADD {tar.name} /\n", encoding="utf-8")
        build = ["buildah", *store, "bud", "--isolation", "chroot", "--layers=false"]
        # The authorities of this machine: what stands between it and the registries may have one of its own.
        trusting = ["--volume", "/etc/ssl/certs:/etc/ssl/certs:ro"]
        named = ["--build-arg", "BASE=localhost/base", "--tag", NAME, "--file", str(ROOT / "Containerfile"), str(ROOT)]
        try:
            for command in (
                [*build, "--tag", "localhost/base", "--file", str(folder / "Base"), name],
                [*build, *trusting, *named],
                ["buildah", *store, "from", "--name", NAME, f"localhost/{NAME}"],
                ["buildah", *store, "run", "--isolation", "chroot", NAME, "--", "exrun", "--version"],
                ["buildah", *store, "run", "--isolation", "chroot", NAME, "--", "exrun", "playbook", "list"],
            ):
                if (done := subprocess.run(command, timeout=SECONDS, check=False)).returncode != 0:
                    print(f"{' '.join(command)} ended with {done.returncode}")
                    return 1
            whoami = ["buildah", *store, "run", "--isolation", "chroot", NAME, "--", "id", "-u"]
            if (
                subprocess.run(whoami, capture_output=True, text=True, timeout=SECONDS, check=True).stdout.strip()
                == "0"
            ):
                print("the image runs as root")
                return 1
        finally:
            subprocess.run(["buildah", *store, "rm", "--all"], capture_output=True, timeout=SECONDS, check=False)
    print("the container image is whole: built on a Debian that was made here")
    return 0


def main() -> int:
    program = builder()
    if program is None:
        if all(map(shutil.which, ("buildah", "mmdebstrap"))):
            return on_debian()
        print("THE CONTAINER IMAGE WAS NOT BUILT: there is neither podman nor docker that answers, nor buildah here")
        return 0
    text = (ROOT / "Containerfile").read_text(encoding="utf-8")
    base = next(line.partition("=")[2] for line in text.splitlines() if line.startswith("ARG BASE="))
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
