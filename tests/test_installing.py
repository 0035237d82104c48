"""The wheel, installed by pipx and by uv in fresh places with what it needs from the registry, and then used.

Slow, so few: one installation each, and all that is asked of it in one test.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

from runner.lab.engines.sim import SimEngine
from runner.lab.fleet import Account, Fleet, LabHost
from runner.lab.publishing import inventory_text, password_variables
from runner.lab.server import start
from tests.runner.lab.engines.states import STATES

ROOT = Path(__file__).resolve().parent.parent
PASSWORD = "Lab-passw0rd!"
SECONDS = 600  # for a registry that answers slowly


def run(command: list[str | Path], folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """A program that sees nothing of the checkout: neither the folder nor the environment leads there."""
    clean = {key: value for key, value in os.environ.items() if not key.startswith(("PYTHON", "EXRUN_", "VIRTUAL_"))}
    return subprocess.run(
        list(map(str, command)),
        cwd=folder,
        env={**clean, **environment},
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    (path,) = folder.glob("*.whl")
    return path


@pytest.fixture(scope="module")
def installers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the programs pipx and uv, of the registry; skips loudly where none answers."""
    folder = tmp_path_factory.mktemp("installers")
    subprocess.run([sys.executable, "-m", "venv", str(folder / "venv")], check=True)
    programs = folder / "venv" / ("Scripts" if os.name == "nt" else "bin")
    done = run([programs / "python", "-m", "pip", "install", "--quiet", "pipx", "uv"], folder)
    if done.returncode != 0:
        pytest.skip(f"NO REGISTRY: pipx and uv could not be installed: {done.stderr.strip()[-200:]}")
    return programs


@pytest.mark.installs
@pytest.mark.parametrize("installer", ["pipx", "uv"])
def test_the_wheel_is_installed_and_audits(installer: str, installers: Path, wheel: Path, tmp_path: Path) -> None:
    places = {
        "pipx": {"PIPX_HOME": "home", "PIPX_BIN_DIR": "bin", "PIPX_MAN_DIR": "man"},
        "uv": {"UV_TOOL_DIR": "home", "UV_TOOL_BIN_DIR": "bin"},
    }[installer]
    fresh = {name: str(tmp_path / folder) for name, folder in places.items()}
    words = {"pipx": ["install"], "uv": ["tool", "install"]}[installer]
    done = run([installers / installer, *words, "--python", sys.executable, wheel], tmp_path, **fresh)
    assert done.returncode == 0, done.stderr

    exrun = tmp_path / "bin" / ("exrun.exe" if os.name == "nt" else "exrun")
    said = run([exrun, "--version"], tmp_path)
    assert (said.returncode, said.stdout.split(",")[0]) == (0, f"exrun {version('exrun')}")
    assert [path.name for path in (tmp_path / "home").rglob("exrun.1")] == ["exrun.1"]
    if installer == "pipx" and os.name != "nt":
        assert (tmp_path / "man" / "man1" / "exrun.1").exists()

    state = STATES["Exchange 2019 with its update"].model_copy(update={"name": "EX1"})
    fleet = Fleet((LabHost("alpha", "EX1", state, Account("alpha\\auditor", PASSWORD)),))
    with start(fleet, {"sim": SimEngine()}) as lab:
        text = re.sub(r'"authentication": "\w+"', '"authentication": "ntlm"', inventory_text(lab, None, {}))
        (tmp_path / "inventory.yml").write_text(text, encoding="utf-8")
        password = {password_variables(fleet)["alpha"]: PASSWORD}
        audited = run([exrun, "audit", "--html", "audit.html"], tmp_path, **password)
    assert audited.returncode in (0, 1), audited.stderr
    assert "EX1" in audited.stdout
    assert "Exchange Server 2019" in (tmp_path / "audit.html").read_text(encoding="utf-8")
    assert run([exrun, "init", "project"], tmp_path).returncode == 0
    assert run([exrun, "completion", "show", "bash"], tmp_path).returncode == 0
