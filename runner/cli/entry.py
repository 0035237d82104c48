"""Where the program begins: nothing is imported here before Ctrl-C is provided for."""

from __future__ import annotations

INTERRUPTED = 130  # as Status.INTERRUPTED, which would have to be imported


def main() -> int:
    """`exrun`. Importing what it needs takes a moment, in which Ctrl-C must not end in a traceback."""
    try:
        from runner.cli.main import main as command

        return command()
    except KeyboardInterrupt:
        return INTERRUPTED
