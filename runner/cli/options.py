"""Options that several commands take, declared once so that they mean the same everywhere."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer


class Format(StrEnum):
    """For people, or for programs."""

    TEXT = "text"
    JSON = "json"


FormatOption = Annotated[
    Format, typer.Option("--format", envvar="EXRUN_FORMAT", help="For people, or one JSON object.")
]
