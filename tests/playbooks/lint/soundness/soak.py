"""`make soak`: many generated scripts through the linter, the independent check and, where they carry a path or an
object, the engine itself. COUNT and SEED choose which, WORKERS how many processes share the work (2)."""

from __future__ import annotations

import os
import sys
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[4]))

from tests.conftest import find_powershell
from tests.playbooks.lint.soundness.engine import deeds
from tests.playbooks.lint.soundness.judging import check, judge, sources
from tests.playbooks.lint.soundness.mutations import mutations
from tests.playbooks.lint.soundness.ways import Made, classes, ways

_BATCH = 1000


@dataclass(frozen=True, slots=True)
class Part:
    """What came of a batch: scripts, those accepted, objections to these, and deeds that the check does not see."""

    scripts: int
    accepted: int
    against: tuple[tuple[str, str], ...]
    reached: Counter[str]
    harmful: Counter[str]
    unseen: tuple[tuple[str, str], ...]


def judge_changed(powershell: Path, scripts: Sequence[str]) -> Part:
    """A batch of scripts made from those of the tests."""
    verdicts = judge(powershell, scripts)
    return Part(len(scripts), len(verdicts.accepted), verdicts.against, Counter(), Counter(), ())


def judge_ways(powershell: Path, made: Sequence[Made]) -> Part:
    """A batch that carries values: all of it runs on the engine, and what does harm there must be seen by the check as
    well, whatever the linter says of it."""
    verdicts = judge(powershell, [one.text for one in made])
    passed = set(verdicts.accepted)
    done, _ = deeds(powershell, [one.text for one in made])
    against = [*verdicts.against, *((script, deed) for script, deed in done if script in passed)]
    unseen = [
        pair
        for pair, found in zip(done, check(powershell, [script for script, _ in done]), strict=True)
        if not found.against
    ]
    did = {script for script, _ in done}
    reached = Counter(name for one in made if one.text in passed for name in one.classes)
    harmful = Counter(name for one in made if one.text in did for name in one.classes)
    return Part(len(made), len(verdicts.accepted), tuple(against), reached, harmful, tuple(unseen))


def main() -> int:
    seed, count = int(os.environ.get("SEED") or time.time()), int(os.environ.get("COUNT") or 20000)
    powershell = find_powershell()
    if powershell is None:
        sys.stdout.write("NO REAL POWERSHELL: set EXRUN_PWSH or put pwsh on PATH\n")
        return 2
    half = count // 2
    with ProcessPoolExecutor(int(os.environ.get("WORKERS") or 2)) as workers:
        changed, made = list(mutations(*sources(), seed, count - half)), list(ways(seed, half))
        jobs = [
            workers.submit(judge_changed, powershell, changed[at : at + _BATCH])
            for at in range(0, len(changed), _BATCH)
        ]
        jobs += [workers.submit(judge_ways, powershell, made[at : at + _BATCH]) for at in range(0, len(made), _BATCH)]
        parts = [job.result() for job in jobs]
    return report(seed, count, parts)


def report(seed: int, count: int, parts: Sequence[Part]) -> int:
    """Says what was reached and what stands against it; 0 when nothing does and each class was reached."""
    accepted = sum(part.accepted for part in parts)
    scripts = sum(part.scripts for part in parts)
    reached = sum((part.reached for part in parts), Counter[str]())
    harmful = sum((part.harmful for part in parts), Counter[str]())
    sys.stdout.write(f"seed {seed}: {scripts} scripts, {accepted} accepted ({100 * accepted / scripts:.0f} %)\n")
    sys.stdout.write("class: accepted by the linter and judged, seen to do harm on the engine\n")
    for name in sorted(classes()):
        sys.stdout.write(f"  {name}: {reached[name]}, {harmful[name]}\n")
    against = list(chain.from_iterable(part.against for part in parts))
    unseen = list(chain.from_iterable(part.unseen for part in parts))
    for script, why in against:
        sys.stdout.write(f"--- {why}\n{script}\n\n")
    for script, why in unseen:
        sys.stdout.write(f"--- the check has nothing against this, but {why}\n{script}\n\n")
    missed = unreached(reached, harmful)
    if missed:
        sys.stdout.write(f"never reached, so nothing is known of them: {', '.join(missed)}\n")
    objected = len({script for script, _ in against})
    sys.stdout.write(f"{objected} accepted scripts objected to; {len(unseen)} deeds that the check does not see; ")
    sys.stdout.write(f"replay: make soak SEED={seed} COUNT={count}\n")
    return 1 if against or unseen or missed else 0


def unreached(reached: Counter[str], harmful: Counter[str]) -> list[str]:
    """Classes of which no script was accepted, or none did harm: a run that never came there says nothing of them."""
    return sorted(name for name in classes() if not reached[name] or (not harmful[name] and name != "static"))


if __name__ == "__main__":
    sys.exit(main())
