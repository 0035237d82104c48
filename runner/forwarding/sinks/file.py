"""Events in a file that others read: appended, a line each, on the disk when they are called delivered."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from runner.disk import Disk
from runner.forwarding.entries import Entry
from runner.forwarding.sinks.interface import NotDeliveredError

SECONDS = 5.0  # that another run may take to write a batch
_LOOK_SECONDS = 0.02


class FileSink:
    """Opens the file anew each time, so that whoever turns it over may move it."""

    keeps = True

    def __init__(self, path: Path, render: Callable[[Entry], bytes], disk: Disk) -> None:
        self._path = path
        self._render = render
        self._disk = disk

    def deliver(self, entries: Sequence[Entry]) -> int:
        data = b"".join(self._render(entry) + b"\n" for entry in entries)
        try:
            descriptor = self._disk.open_to_append(self._path)
            try:
                # Another run may write to it: what is half written by one that lives is no torn line.
                until = time.monotonic() + SECONDS
                while not self._disk.lock(descriptor):
                    if time.monotonic() > until:
                        raise NotDeliveredError("the file is held by another process")
                    time.sleep(_LOOK_SECONDS)
                if self._is_torn():
                    data = b"\n" + data
                while data:
                    data = data[self._disk.write(descriptor, data) :]
                self._disk.fsync(descriptor)
            finally:
                self._disk.close(descriptor)
        except OSError as error:
            raise NotDeliveredError(f"the file cannot be written: {error.strerror or type(error).__name__}") from None
        return 0

    def _is_torn(self) -> bool:
        """Whether it ends within a line: a writer was killed there, and what follows is to be a line of its own."""
        with self._path.open("rb") as file:
            if file.seek(0, os.SEEK_END) == 0:
                return False
            file.seek(-1, os.SEEK_END)
            return file.read(1) != b"\n"
