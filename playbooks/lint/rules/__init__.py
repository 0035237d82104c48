"""One small class per rule; READ_ONLY is the set that a script is held against to be proven read-only."""

from __future__ import annotations

from .assignments import Assignments
from .blocks import Blocks
from .commands import Commands
from .functions import Functions
from .interface import Reading, Rule
from .members import Members
from .paths import Paths
from .types import Types
from .variables import Variables

READ_ONLY: tuple[Rule, ...] = (
    Commands(),
    Functions(),
    Blocks(),
    Members(),
    Types(),
    Variables(),
    Assignments(),
    Paths(),
)

__all__ = ["READ_ONLY", "Reading", "Rule"]
