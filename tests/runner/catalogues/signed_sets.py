"""Signed sets for tests: the shipped tables with another day, signed by a key that the library made."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path

from playbooks.catalogue.manifest import MANIFEST, manifest_text
from playbooks.catalogue.sets import packed_manifest, shipped_files
from runner.catalogues.store import NAMESPACE, SIGNATURE
from runner.signatures.allowed_signers import AllowedSigners, read_allowed_signers
from tests.runner.signatures.keyring import Key

# A build of the day after the shipped tables', by which a newer set can be told from the shipped one.
NEWER_ROW = "SE,RTM,Dec26SU,15.2.2562.99,2026-12-08,KB5099999,public,,invented for tests\n"


def tables(more: str = "", hashes: str = "") -> dict[str, bytes]:
    files = {name: data for name, data in shipped_files().items() if name != MANIFEST}
    files["builds.csv"] += more.encode()
    files["known-bad-sha256.csv"] += hashes.encode()
    return files


def signed_set(
    folder: Path, key: Key, as_of: date, *, more: str = "", hashes: str = "", namespace: str = NAMESPACE
) -> Path:
    """A folder as `exrun catalogue pack --sign` makes it."""
    files = tables(more, hashes)
    manifest = manifest_text(packed_manifest(files, "tables", as_of)).encode()
    folder.mkdir()
    for name, data in {**files, MANIFEST: manifest, SIGNATURE: key.sign(manifest, namespace)}.items():
        (folder / name).write_bytes(data)
    return folder


def trusting(*lines: str) -> AllowedSigners:
    return read_allowed_signers("\n".join(lines), "allowed_signers", local=_utc)


def _utc(naive: datetime) -> datetime:
    raise AssertionError("the times of these lists are in UTC")
