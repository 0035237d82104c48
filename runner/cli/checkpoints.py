"""What `--sign-with` and `--anchor` ask for: who vouches for the journals of a run, and where that is kept."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from runner.anchoring import Anchor, AnchorError, anchor
from runner.cli.output import UsageError, tell
from runner.disk import Disk
from runner.journal.checkpoints import Sign


@dataclass(frozen=True, slots=True)
class Vouching:
    """`sign` is None where no key was named; then there are no anchors either."""

    sign: Sign | None
    anchors: tuple[Anchor, ...]

    def keep(self, checkpoints: Iterable[str]) -> bool:
        """Hands each checkpoint to each anchor; False, having said why, where one was not kept."""
        kept = True
        for note in checkpoints:
            for keep in self.anchors:
                try:
                    keep(note)
                except AnchorError as error:
                    tell(f"{error.what}. {error.next}")
                    kept = False
        return kept


def vouching(sign_with: Path | None, places: Sequence[str] | None, disk: Disk) -> Vouching:
    """Reads the key and looks at the places, before anything is sent.

    Raises:
        KeyFileError, UsageError: the key cannot sign, or a place cannot keep.
    """
    if sign_with is None:
        if places:
            raise UsageError(
                "--anchor without --sign-with: there are no checkpoints to keep", "Name a key with --sign-with."
            )
        return Vouching(None, ())
    from runner.vouching import signing  # with what signs and verifies, which few runs need

    sign = signing(sign_with, disk)
    try:
        return Vouching(sign, tuple(anchor(place, disk) for place in places or ()))
    except AnchorError as error:
        raise UsageError(f"--anchor: {error.what}", error.next) from None
