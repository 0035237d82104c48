"""What an audit, a plan and an apply look like in a real terminal: captures of tmux, of runs over the lab.

    python scripts/screens.py [--servers 8 200 2000] [--sizes 80x24 120x40 200x50] [--to docs/explanation/screens]

Serves a lab of so many simulated servers on loopback, runs the commands in tmux on a socket of its own, and keeps what
stands in its pane: once while a run is between its first and its last server, as the progress lines themselves say,
and once after it, with everything that has scrolled away. Each size gets a lab that nobody has changed yet.
"""

from __future__ import annotations

import argparse
import os
import re
import resource
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from importlib import resources
from pathlib import Path

from runner.lab.demo.expectations import FLEET
from runner.lab.engines.sim.engine import SimEngine
from runner.lab.faults import Act, Fault, Step
from runner.lab.fleet import Fleet, LabHost
from runner.lab.fleet_file import load_fleet
from runner.lab.publishing import inventory_text, password_variables
from runner.lab.server import Lab, alone, start

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "docs" / "explanation" / "screens"
SERVERS = (8, 200, 2000)
SIZES = ("80x24", "120x40", "200x50")
COMMANDS = ("audit", "plan", "apply")
CLIENT = "contoso"
LOOK_SECONDS = 0.05  # between two looks at the pane
LONGEST_SECONDS = 1800.0  # of one command, however busy the machine is
SHARE = 0.3  # of the servers that have ended when a run is captured
FEW = 20  # servers, which end nearly at once: any moment at which one is in work will do
# Which of the demo's servers the one of this number is like: every `of`-th from `at` on. The others are well.
LIKE = (
    ("fabrikam/MBX4", 40, 7),  # nothing listens
    ("fabrikam/MBX2", 8, 5),  # services are disabled
    ("contoso/EX03", 20, 3),  # a fix is missing
    ("fabrikam/MBX3", 50, 12),  # what it is may not be read
    ("contoso/EX05", 100, 31),  # its CU gets no fixes
    ("contoso/EX02", 60, 23),  # a restart is pending
    ("contoso/EX04", 67, 4),  # an update broke off
    ("contoso/FS01", 90, 44),  # no Exchange
)
INTRODUCTION = """# Screens of real runs

What stood in a terminal (tmux) while `exrun` audited, planned and applied over simulated servers on this machine, and
after it with all that had scrolled away. `make screens` makes them anew and writes this page. They are text: on a
terminal the verdict or outcome that a line begins with is red where somebody has to act, yellow where somebody has to
look, green where nothing is to be done; progress and everything else have no colour. Rates and times are of a simulated
fleet on a busy machine of two cores, and say nothing of servers of yours. [What the lines mean](../what-you-see.md).
"""
_LIVE = re.compile(r"^(?:auditing|planning|applying) \[[#.]+\] (\d+)/(\d+) ", re.MULTILINE)
_IN_WORK = re.compile(r"^  \S+ +\d+:\d\d", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Size:
    """Of a terminal, in cells."""

    columns: int
    lines: int

    @classmethod
    def of(cls, text: str) -> Size:
        """From `80x24`."""
        columns, _, lines = text.partition("x")
        return cls(int(columns), int(lines))

    def __str__(self) -> str:
        return f"{self.columns}x{self.lines}"


def name_of(number: int) -> str:
    """What a server is called; some have long names."""
    return f"mbx-{number:04}.frankfurt.contoso.example" if number % 25 == 8 else f"EX{number:04}"


def fleet(count: int) -> Fleet:
    """So many servers of one client, in sites and DAGs; what ails them is what ails those of the demo."""
    with resources.as_file(resources.files("runner.lab.demo")) as data:
        demo = load_fleet(data / FLEET)
    known = {host.key: host for host in demo.hosts}
    account = known["contoso/EX01"].account
    wait = 250.0 if count < 50 else 60.0 if count < 1000 else 0.0

    def host(number: int) -> LabHost:
        like = known[next((key for key, of, at in LIKE if number % of == at), "contoso/EX01")]
        name = name_of(number)
        slow = (Fault(Act.LATENCY, Step.MESSAGE, milliseconds=wait),) if wait and not like.faults else ()
        return replace(
            like,
            client=CLIENT,
            name=name,
            account=account,
            faults=(*like.faults, *slow),
            scheme="http",
            state=like.state.model_copy(update={"name": name.partition(".")[0].upper()}),
            labels={"site": ("HQ", "north", "south")[number % 3], "dag": f"DAG{number % 12 + 1}", "role": "mailbox"},
        )

    return Fleet(tuple(map(host, range(1, count + 1))), demo.day)


class Terminal:
    """A tmux of its own, in which one command after the other runs."""

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        self._ran = 0
        self._folder = folder
        self._environment = environment

    def run(self, command: Sequence[str], size: Size, during: Callable[[str], bool]) -> tuple[str, str, int]:
        """What stood in the pane when it first was as `during` says, all that stood there in the end, and the status.

        Raises:
            RuntimeError: it ended, or took too long, and never was so.
        """
        self._ran += 1  # each on a socket of its own: the server of the one before may still be about to end
        ended = self._folder / "status"
        ended.unlink(missing_ok=True)
        shown = shlex.join(command)
        script = f"printf '$ %s\\n' {shlex.quote(shown)}; {shown}; echo $? > status.new; mv status.new status; read x"
        within = ("-x", str(size.columns), "-y", str(size.lines), "-c", str(self._folder))
        waiting = f"while [ ! -e go ]; do sleep 0.01; done; {script}"
        self._tmux("-f", "/dev/null", "new-session", "-d", "-s", "it", *within, "sh", "-c", waiting)
        try:
            self._tmux("set-option", "-g", "status", "off")
            self._tmux("resize-window", "-t", "it", "-x", str(size.columns), "-y", str(size.lines))
            (self._folder / "go").touch()
            seen, last = None, time.monotonic() + LONGEST_SECONDS
            while not ended.exists():
                pane = self._tmux("capture-pane", "-p", "-t", "it")
                if seen is None and during(pane):
                    seen = pane
                if time.monotonic() > last:
                    raise RuntimeError(f"{shown} goes on after {LONGEST_SECONDS:.0f} s:\n{pane}")
                time.sleep(LOOK_SECONDS)
            after = self._tmux("capture-pane", "-p", "-S", "-", "-t", "it")
        finally:
            (self._folder / "go").unlink(missing_ok=True)
            self._tmux("kill-session", "-t", "it")
        if seen is None:
            raise RuntimeError(f"{shown} was never seen at work:\n{after}")
        return _trimmed(seen), _trimmed(after), int(ended.read_text(encoding="utf-8"))

    def _tmux(self, *arguments: str) -> str:
        tmux = shutil.which("tmux")
        if tmux is None:
            raise RuntimeError("tmux is not on PATH. Install it: apt-get install tmux")
        command = [tmux, "-L", f"exrun-screens-{os.getpid()}-{self._ran}", *arguments]
        return subprocess.run(
            command, check=True, capture_output=True, encoding="utf-8", env=self._environment, timeout=60
        ).stdout


def _trimmed(pane: str) -> str:
    return "\n".join(line.rstrip() for line in pane.splitlines()).strip("\n") + "\n"


def at_work(pane: str) -> bool:
    """Whether a run is between its first and its last server, and one is in work."""
    found = _LIVE.findall(pane)
    if not found or not _IN_WORK.search(pane):
        return False
    ended, of = map(int, found[-1])
    return (int(SHARE * of) if of >= FEW else 0) <= ended < of


@contextmanager
def _served(count: int) -> Iterator[Lab]:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard if soft < hard else soft, hard))
    with start(fleet(count), {"sim": SimEngine()}) as lab:
        alone()
        yield lab


def captures(count: int, size: Size) -> Iterator[tuple[str, str]]:
    """Names and texts of the captures over so many servers, which nobody has changed yet."""
    with _served(count) as lab, tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "inventory.yml").write_text(inventory_text(lab, None, {}), encoding="utf-8")
        passwords = dict.fromkeys(password_variables(lab.fleet).values(), lab.fleet.hosts[0].account.password)
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        kept = {key: value for key, value in os.environ.items() if not key.startswith(("EXRUN_", "TMUX", "COLUMNS"))}
        environment = {**kept, **passwords, "PATH": path, "LANG": "C.UTF-8", "LC_ALL": "C.UTF-8"}
        terminal = Terminal(folder, environment)
        for did, command in {
            "audit": ["exrun", "audit", "--as-of", str(lab.fleet.day)],
            "plan": ["exrun", "plan", "exchange-services", "-o", "plan.json", "--force"],
            "apply": ["exrun", "apply", "plan.json"],
        }.items():
            during, after, status = terminal.run(command, size, at_work)
            print(f"{did} of {count} servers at {size}: exit status {status}", flush=True)
            yield f"{did}-{count}-{size}-during", during
            yield f"{did}-{count}-{size}-after", after


def main(arguments: Sequence[str] | None = None) -> int:
    """Writes the captures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--servers", type=int, nargs="+", default=SERVERS)
    parser.add_argument("--sizes", type=Size.of, nargs="+", default=[*map(Size.of, SIZES)], help="such as 80x24")
    parser.add_argument("--to", type=Path, default=FOLDER, metavar="FOLDER")
    given = parser.parse_args(arguments)
    given.to.mkdir(parents=True, exist_ok=True)
    for count in given.servers:
        for size in given.sizes:
            for name, text in captures(count, size):
                (given.to / f"{name}.txt").write_text(text, encoding="utf-8")
    (given.to / "README.md").write_text(index([path.stem for path in given.to.glob("*.txt")]), encoding="utf-8")
    return 0


def index(names: Sequence[str]) -> str:
    """The page that lists all captures: a row for each fleet and size."""
    rows: dict[tuple[int, int, int], dict[str, str]] = {}
    for name in names:
        did, count, size, when = name.split("-")
        at = Size.of(size)
        row = rows.setdefault((int(count), at.columns, at.lines), {})
        row[did] = ", ".join(sorted(filter(None, (row.get(did), f"[{when}]({name}.txt)"))))
    table = [
        f"| {count:,} | {columns}x{lines} | " + " | ".join(cells.get(did, "") for did in COMMANDS) + " |"
        for (count, columns, lines), cells in sorted(rows.items())
    ]
    head = ("| Servers | Terminal | Audit | Plan | Apply |", "|---|---|---|---|---|")
    return f"{INTRODUCTION}\n" + "\n".join((*head, *table)) + "\n"


if __name__ == "__main__":
    sys.exit(main())
