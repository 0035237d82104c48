"""One small class per rule; RULES is the list that every script is held against."""

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

RULES: tuple[Rule, ...] = (
    Commands(),
    Functions(),
    Blocks(),
    Members(),
    Types(),
    Variables(),
    Assignments(),
    Paths(),
)

__all__ = ["RULES", "Reading", "Rule"]
