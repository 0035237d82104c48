"""Keeping a checkpoint elsewhere, where who can write the journal cannot write: so that what was cut off or written
anew behind its back shows.

    vouched.notes                    a file to which it is appended
    command:logger -t exrun          a command that finds it on its standard input
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path

from runner import programs
from runner.advice import AdvisedError
from runner.disk import Disk
from runner.programs import CommandFailedError

Anchor = Callable[[str], None]  # takes a note; raises AnchorError

SECONDS = 30.0  # that a command may take
_COMMAND = "command:"


class AnchorError(AdvisedError):
    """Raised where a checkpoint could not be kept elsewhere. The journal has it all the same. `next` is what to do."""


def anchor(place: str, disk: Disk) -> Anchor:
    """What keeps checkpoints at a place: a file, or `command:` and a command.

    Raises:
        AnchorError: the file's folder is not there, or there is no command.
    """
    if place.startswith(_COMMAND):
        command = place.removeprefix(_COMMAND)
        if not command.strip():
            raise AnchorError("there is no command behind `command:`", "Write it as command:PROGRAM ARGUMENTS.")
        return lambda note: _hand_over(command, note)
    file = Path(place)
    if not disk.is_directory(file.parent) or not place:
        raise AnchorError(f"there is no folder {file.parent}", "Make it, or name another file.")
    return lambda note: _append(file, note, disk)


def _hand_over(command: str, note: str) -> None:
    try:
        programs.run(command, SECONDS, note.encode())
    except CommandFailedError as error:
        raise AnchorError(
            f"the checkpoint was not kept elsewhere: {error.why}",
            "Run it yourself with the file `checkpoint`, which lies beside the journal, as its standard input.",
        ) from None


def _append(file: Path, note: str, disk: Disk) -> None:
    try:
        descriptor = disk.open_to_append(file)
        try:
            # An empty line, so that half a note that a crash has left does not run into this one.
            data = ("\n" * (disk.size(descriptor) > 0) + note).encode()
            if disk.write(descriptor, data) != len(data):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            disk.fsync(descriptor)
        finally:
            disk.close(descriptor)
        disk.sync_directory(file.parent)
    except OSError as error:
        raise AnchorError(
            f"the checkpoint was not kept elsewhere: {file} cannot be written ({error.strerror})",
            "Append the file `checkpoint`, which lies beside the journal, yourself.",
        ) from error
