"""`make soak-kills`, `soak-losses`, `soak-power`, `soak-converge`, `soak-isolation`, `soak-faults`: many of what
`make test` has few of.

    python -m tests.runner.soaking kills --seed 1 --count 1000

Each case is of a seed of its own; what failed is said with the command that does that one again. WORKERS processes
share the work.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import random
import sys
import tempfile
import traceback
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path

import pytest

from runner.lab.engines.interface import Engine
from runner.lab.engines.pwsh import PwshEngine
from runner.lab.engines.sim import SimEngine
from tests.conftest import find_powershell
from tests.runner.accounted import Manner
from tests.runner.campaign import power_lost
from tests.runner.converging import converged
from tests.runner.cutting import cut
from tests.runner.dying import POINTS, drawn, killed
from tests.runner.losing import STEPS, drops, replies_lost
from tests.runner.mishaps import befall, befall_really, table

POINT = "killed "
Case = Callable[[int], "Counter[str]"]


def kills(seed: int) -> Counter[str]:
    """One run that is killed up to three times, every third while it undoes what it did. Every second loses answers.
    Changes are made in the session, as tasks of the servers, or have to be confirmed."""
    draws, undo = random.Random(seed), seed % 3 == 0
    percent = 20 if seed % 2 else 0
    services, quarantine = draws.choice(list(Manner)), draws.choice(list(Manner))
    with tempfile.TemporaryDirectory() as folder:
        struck = killed(
            Path(folder) / "run",
            SimEngine(),
            drawn(seed),
            parallel=draws.choice([1, 2]),
            services=services,
            quarantine=quarantine,
            undo=undo,
            faults=lambda: drops(draws, percent, 8),
        )
    count, made = len(struck), (("services", services), ("quarantine", quarantine))
    found = Counter({"kills": count, "kills while undoing": count * undo, f"runs killed {count} times": 1})
    found.update(f"kills of {name} {manner.name.lower()}" for name, manner in made for _ in struck)
    return found + Counter(f"{POINT}{kill.point}" for kill in struck if kill.point)


def losses(seed: int) -> Counter[str]:
    """Fifty steps on a host; 1, 5 or 20 % of the answers are dropped, by turns."""
    percent = (1, 5, 20)[seed % 3]
    lost = replies_lost(seed, percent)
    found = Counter({f"steps at {percent} %": lost.steps, "settled": lost.settled, "looks dropped": lost.looked})
    found.update({f"dropped at {percent} %, to {purpose}": times for purpose, times in lost.dropped.items()})
    return found


def power(seed: int) -> Counter[str]:
    """One run of three hosts and six steps that loses its power up to three times."""
    return Counter({"losses of power": power_lost(seed)})


def converge(seed: int) -> Counter[str]:
    """A random fleet is planned, applied, planned again, undone; every fourth in real PowerShell. Every third restarts,
    and is not undone."""
    powershell = find_powershell() if seed % 4 == 0 else None
    engine: Engine = SimEngine() if powershell is None else PwshEngine(powershell)
    try:
        with tempfile.TemporaryDirectory() as folder:
            hosts, restart = 4 if powershell is None else 2, seed % 3 == 0
            found = converged(random.Random(seed), Path(folder) / "run", engine, hosts, restart=restart)
    finally:
        engine.close()
    return found + Counter({f"fleets of {engine.name}": 1})


MISHAPS = table().mishaps
# Over a real PowerShell only the way to a server can be struck, and nobody waits there for what never comes.
OF_THE_WIRE = [each for each in MISHAPS if each.wire not in (None, "no answer comes")]


def faults(seed: int) -> Counter[str]:
    """One row of the table of faults, by turns; those of the wire once more over a real PowerShell."""
    number = (seed - 1) % (len(MISHAPS) + len(OF_THE_WIRE))
    powershell = find_powershell() if number >= len(MISHAPS) else None
    mishap = [*MISHAPS, *OF_THE_WIRE][number]
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        if powershell is None:
            befall(mishap, Path(folder), patch).check(mishap)
        else:
            befall_really(mishap, Path(folder), patch, powershell)
        patch.undo()
    return Counter({f"rows of {'sim' if powershell is None else 'pwsh'}: {mishap.on}": 1})


def isolation(seed: int) -> Counter[str]:
    """One server is isolated while the command is killed, answers are lost, it restarts, and its clock jumps."""
    with tempfile.TemporaryDirectory() as folder:
        return cut(Path(folder) / "run", seed) + Counter({"servers": 1})


@dataclass(frozen=True, slots=True)
class Soak:
    """One of them: what is counted, how many cases it has by itself, and until when they go on."""

    case: Case
    count: int
    what: str


SOAKS = {
    "kills": Soak(kills, 800, "runs"),  # about 1,000 kills
    "losses": Soak(losses, 3 * 5000 // STEPS, "hosts"),
    "power": Soak(power, 1000, "runs"),
    "converge": Soak(converge, 60, "fleets"),
    "isolation": Soak(isolation, 500, "servers"),
    "faults": Soak(faults, len(MISHAPS) + len(OF_THE_WIRE), "rows"),
}


def tried(name: str, seed: int) -> tuple[int, Counter[str], str]:
    """One case: its counts, and what went wrong."""
    try:
        return seed, SOAKS[name].case(seed), ""
    except BaseException:
        return seed, Counter(), traceback.format_exc(limit=-4)


def main() -> int:
    """Exit status 1 where a case failed."""
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("soak", choices=SOAKS)
    asked.add_argument("--seed", type=int, default=None)
    asked.add_argument("--count", type=int, default=None)
    given = asked.parse_args()
    soak = SOAKS[given.soak]
    count = given.count or soak.count
    seed = random.SystemRandom().randrange(2**31) if given.seed is None else given.seed
    counts: Counter[str] = Counter()
    wrong: list[tuple[int, str]] = []
    say = sys.stdout.write
    say(f"soak-{given.soak}: seeds {seed} to {seed + count - 1}\n")
    workers = int(os.environ.get("WORKERS") or 2)
    with ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn")) as pool:
        jobs = [pool.submit(tried, given.soak, each) for each in range(seed, seed + count)]
        for job in as_completed(jobs):
            at, found, why = job.result()
            counts += found
            if why:
                wrong.append((at, why))
                say(f"\nseed {at} failed:\n{why}once more: make soak-{given.soak} SEED={at} COUNT=1\n")
                sys.stdout.flush()
    say("".join(f"  {what}: {each}\n" for what, each in sorted(counts.items()) if not what.startswith(POINT)))
    if given.soak == "kills":
        never = [point for point in POINTS if not counts[f"{POINT}{point}"]]
        say(f"  points at which one was killed: {len(POINTS) - len(never)} of {len(POINTS)}; not {', '.join(never)}\n")
    say(f"soak-{given.soak}: {count} {soak.what}, {len(wrong)} failed\n")
    for at, _ in sorted(wrong):
        say(f"  once more: make soak-{given.soak} SEED={at} COUNT=1\n")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
