"""Renews playbooks/catalogue/catalogue.json, the manifest of the shipped tables, after one of these has changed.

make catalogue                        keeps the day
make catalogue AS_OF=2026-12-14       the tables know what happened until then
"""

from __future__ import annotations

import json
import sys
from datetime import date
from pathlib import Path

from playbooks.catalogue.manifest import MANIFEST, manifest_text
from playbooks.catalogue.sets import SHIPPED, packed_manifest, set_files
from playbooks.errors import CatalogueError

FOLDER = Path(__file__).resolve().parent.parent / "playbooks" / "catalogue"


def main(day: str) -> int:
    manifest = FOLDER / MANIFEST
    as_of = date.fromisoformat(day or json.loads(manifest.read_text(encoding="utf-8"))["as_of"])
    files = {name: (FOLDER / name).read_bytes() for name in set_files() if name != MANIFEST}
    try:
        text = manifest_text(packed_manifest(files, SHIPPED, as_of))
    except CatalogueError as error:
        print(error, file=sys.stderr)
        return 1
    manifest.write_text(text, encoding="utf-8", newline="\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1] if len(sys.argv) > 1 else ""))
