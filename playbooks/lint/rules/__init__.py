"""One small class per rule; READ_ONLY is the set that a script is held against to be proven read-only.

CHANGES is the same subset with the commands that a change may run besides: whatever READ_ONLY accepts it accepts.
What those write is held to a contract by Targets, which comes on top.
"""

from __future__ import annotations

from ..kinds import ACCESS_LISTS
from .assignments import Assignments
from .blocks import Blocks
from .commands import Commands
from .functions import Functions
from .interface import Reading, Rule
from .members import Members
from .paths import Paths
from .targets import Targets
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

CHANGES: tuple[Rule, ...] = (
    Commands(changing=True, objects=ACCESS_LISTS),
    Functions(),
    Blocks(),
    Members(described=ACCESS_LISTS),
    Types(),
    Variables(),
    Assignments(),
    Paths(),
)

__all__ = ["CHANGES", "READ_ONLY", "Reading", "Rule", "Targets"]
