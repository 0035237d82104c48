"""Where the program begins: nothing that takes a moment is imported before Ctrl-C is provided for."""

from __future__ import annotations

from runner.exit_status import ExitStatus


def main() -> int:
    """`exrun`. Importing what it needs takes a moment, in which Ctrl-C must not end in a traceback."""
    try:
        from runner.cli.main import main as command

        return command()
    except KeyboardInterrupt:
        return ExitStatus.INTERRUPTED
