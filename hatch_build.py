"""What a wheel has besides the packages: the man page, made of the very help of the version that is packed.

The commands are loaded for it, so that building needs what running needs (require-runtime-dependencies).
"""

from __future__ import annotations

import os
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class ManPage(BuildHookInterface):  # type: ignore[type-arg]
    """Adds share/man/man1/exrun.1 to a wheel; an editable one has none."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        if version == "editable":
            return
        sys.path.insert(0, self.root)
        from typer.main import get_command

        from runner.cli.main import app
        from runner.cli.manual import manual

        stamp = os.environ.get("SOURCE_DATE_EPOCH")  # reproducible-builds.org
        day = (datetime.fromtimestamp(int(stamp), UTC) if stamp else datetime.now(UTC)).date()
        text = manual(get_command(app), self.metadata.version, day)  # type: ignore[arg-type]
        page = Path(tempfile.mkdtemp(prefix="exrun-man-")) / "exrun.1"
        page.write_text(text, encoding="utf-8")
        build_data["shared_data"][str(page)] = "share/man/man1/exrun.1"

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        for page in build_data["shared_data"]:
            if "exrun-man-" in page:
                Path(page).unlink(missing_ok=True)
                Path(page).parent.rmdir()
