"""The state of one simulated server: one YAML file, the same for both engines."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class Strict(BaseModel):
    """Frozen, and a misspelt key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class FileState(Strict):
    """A file: its version resource (`FileVersion` as Windows prints it) and size in bytes."""

    version: str | None = None
    size: int = 0
    denied: bool = False


class ServiceState(Strict):
    """A Windows service as Win32_Service shows it."""

    display_name: str = ""
    state: Literal["Running", "Stopped", "Paused"] = "Running"
    start_mode: Literal["Auto", "Manual", "Disabled"] = "Auto"


class RegistryKey(Strict):
    """A registry key's values; `denied` makes every read of it fail with access denied."""

    values: dict[str, str | int | list[str]] = Field(default_factory=dict)
    denied: bool = False


class HostState(Strict):
    """Everything that the built-in actions can read of one server.

    Paths of registry keys look like `HKLM:\\SOFTWARE\\Microsoft\\ExchangeServer\\v15\\Setup`; a key exists when it, or
    a key below it, is listed.
    """

    name: str
    engine: Literal["sim", "pwsh"] = "sim"
    os_version: str = "10.0.17763"
    os_caption: str = "Microsoft Windows Server 2019 Standard"
    registry: dict[str, RegistryKey] = Field(default_factory=dict)
    files: dict[str, FileState] = Field(default_factory=dict)
    services: dict[str, ServiceState] = Field(default_factory=dict)
    services_denied: bool = False
