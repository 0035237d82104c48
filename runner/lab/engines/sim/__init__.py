"""The lab's simulated PowerShell."""

from runner.lab.engines.sim.engine import SimEngine

__all__ = ["SimEngine"]
