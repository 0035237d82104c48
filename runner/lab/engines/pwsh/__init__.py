"""The engine that runs whatever script arrives, byte for byte, in a real PowerShell."""

from runner.lab.engines.pwsh.engine import PwshEngine

__all__ = ["PwshEngine"]
