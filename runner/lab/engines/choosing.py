"""Which engines a fleet needs, made."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from runner.lab.engines.interface import Engine
from runner.lab.engines.pwsh import PwshEngine
from runner.lab.engines.sim import SimEngine
from runner.lab.errors import LabError
from runner.lab.fleet import Fleet


def engines_for(fleet: Fleet) -> dict[str, Engine]:
    """The engines that the fleet needs; close them after the lab.

    Raises:
        LabError: pwsh is needed and there is no PowerShell.
        OSError: it cannot be used here.
    """
    return {name: engine_of(name) for name in sorted({host.engine for host in fleet.hosts})}


def engine_of(name: str) -> Engine:
    """The engine of a name; close it after the lab.

    Raises:
        LabError: there is none of this name, or pwsh is wanted and there is no PowerShell.
        OSError: it cannot be used here.
    """
    match name:
        case "sim":
            return SimEngine()
        case "pwsh":
            return PwshEngine(_powershell())
        case _:
            raise LabError(f"no engine {name}; there are sim and pwsh")


def _powershell() -> Path:
    found = os.environ.get("EXRUN_PWSH") or shutil.which("pwsh")
    if found is None or not Path(found).is_file():
        raise LabError("the engine pwsh needs PowerShell 7.4 or later: put pwsh on PATH, or its path into EXRUN_PWSH")
    return Path(found)
