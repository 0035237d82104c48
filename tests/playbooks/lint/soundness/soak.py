"""`make soak`: many generated scripts through the linter and the independent check. COUNT and SEED choose which."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[4]))

from tests.conftest import find_powershell
from tests.playbooks.lint.soundness.judging import judge, sources
from tests.playbooks.lint.soundness.mutations import mutations


def main() -> int:
    seed, count = int(os.environ.get("SEED") or time.time()), int(os.environ.get("COUNT") or 5000)
    powershell = find_powershell()
    if powershell is None:
        sys.stdout.write("NO REAL POWERSHELL: set EXRUN_PWSH or put pwsh on PATH\n")
        return 2
    scripts = list(mutations(*sources(), seed, count))
    began = time.process_time()
    verdicts = judge(powershell, scripts)
    share = f"{len(verdicts.accepted)} accepted ({100 * len(verdicts.accepted) / count:.0f} %)"
    spent = 1000 * (time.process_time() - began) / count
    sys.stdout.write(f"seed {seed}: {count} scripts, {share}, {spent:.1f} ms CPU a script\n")
    for script, why in verdicts.against:
        sys.stdout.write(f"--- {why}\n{script}\n\n")
    sys.stdout.write(
        f"{len(verdicts.against)} objections of the independent check; replay: make soak SEED={seed} COUNT={count}\n"
    )
    return 1 if verdicts.against else 0


if __name__ == "__main__":
    sys.exit(main())
