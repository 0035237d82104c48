"""One small class per rule; RULES is the list that every script is held against."""

from __future__ import annotations

from .blocks import Blocks
from .commands import Commands
from .functions import Functions
from .interface import Rule
from .members import Members
from .network import Network
from .types import Types
from .variables import Variables

RULES: tuple[Rule, ...] = (Commands(), Functions(), Blocks(), Members(), Types(), Variables(), Network())

__all__ = ["RULES", "Rule"]
