"""How many connections and files this process may have open."""

from __future__ import annotations

import contextlib
import sys

SPARE = 128  # for what Python, TLS and the reports open


def allow(files: int) -> None:
    """Raise the process's own limit, as far as the system lets it, so that so many files and sockets can be open.

    A server that cannot be connected to because this machine has run out of descriptors would be called unreachable.
    Windows has no such limit.
    """
    if sys.platform != "win32":
        import resource

        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        wanted = files + SPARE
        if hard != resource.RLIM_INFINITY:
            wanted = min(wanted, hard)
        if soft != resource.RLIM_INFINITY and soft < wanted:
            with contextlib.suppress(OSError, ValueError):  # macOS has further limits of its own
                resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
