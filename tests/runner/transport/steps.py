"""How much work something was, counted: the same on a busy machine as on a quiet one."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

RUNNER = str(Path(__file__).resolve().parents[3] / "runner")


@dataclass(slots=True)
class Steps:
    """Lines of `runner` that this thread has run. What is done in C, such as parsing XML, is bounded by its bytes."""

    count: int = 0


@contextmanager
def counted() -> Iterator[Steps]:
    """Counts while the block runs."""
    steps = Steps()

    def line(_frame: FrameType, event: str, _argument: object) -> Any:
        if event == "line":
            steps.count += 1
        return line

    def call(frame: FrameType, _event: str, _argument: object) -> Any:
        return line if frame.f_code.co_filename.startswith(RUNNER) else None

    before = sys.gettrace()
    sys.settrace(call)
    try:
        yield steps
    finally:
        sys.settrace(before)
