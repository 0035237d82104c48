"""Making a set that others take with `exrun catalogue update`: the tables, their manifest, and a signature over it."""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Mapping
from datetime import date
from pathlib import Path

from playbooks.catalogue.manifest import MANIFEST, Manifest, manifest_text
from playbooks.catalogue.sets import packed_manifest
from runner.catalogues.store import NAMESPACE, RefusedError
from runner.signatures.keys import PublicKey
from runner.signatures.signing import sign
from runner.signatures.sshsig import key_of

__all__ = ["pack"]


def pack(
    tables: Mapping[str, bytes], where: str, out: Path, *, as_of: date, today: date, key: Path | None = None
) -> tuple[Manifest, PublicKey | None]:
    """Writes a set, whole or not at all; its manifest, and the key that signed it.

    Args:
        tables: the files' bytes by name.
        where: what their folder is called in messages.
        out: the folder to make.
        as_of: up to which day the tables know what happened.
        key: for ssh-keygen to sign with; None leaves the set unsigned.

    Raises:
        CatalogueError: a table is not sound, or knows of what came after `as_of`.
        RefusedError: the day has not come, or `out` is there already or cannot be made.
        SigningError: it could not be signed.
    """
    if as_of > today:
        raise RefusedError(f"--as-of {as_of} has not come yet", "Give the day up to which the tables were kept.")
    manifest = packed_manifest(tables, where, as_of)
    if out.exists():
        raise RefusedError(f"{out} is there already", "Remove it, or name another folder.")
    staging = out.with_name(f".{out.name}.{secrets.token_hex(4)}.new")  # one that was cut off is in nobody's way
    try:
        staging.mkdir()
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise RefusedError(f"{out} cannot be made: {reason}", "Name a folder in one that is there.") from None
    try:
        written = manifest_text(manifest).encode()
        for name, data in ((MANIFEST, written), *((name, data) for name, data in tables.items() if name != MANIFEST)):
            (staging / name).write_bytes(data)
        signer = None
        if key is not None:
            signer = key_of(written, sign(staging / MANIFEST, key, NAMESPACE), NAMESPACE)
        staging.rename(out)
    except BaseException:
        shutil.rmtree(staging, ignore_errors=True)
        raise
    return manifest, signer
