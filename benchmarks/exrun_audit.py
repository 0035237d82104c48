"""`exrun audit` as a client under test: the command that users run, with journals and judgement, in its own process."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from benchmarks.checkouts import ROOT
from benchmarks.lab_process import CLIENT, PASSWORD, USER
from benchmarks.measured import Measured, run

VARIABLE = "EXRUN_BENCH_PASSWORD"
ENVIRONMENT = {VARIABLE: PASSWORD}


def command(ports: Mapping[str, int], playbook: Path, folder: Path, parallel: int | None = None) -> list[str]:
    """What audits all hosts; it is to run in `ROOT` with `ENVIRONMENT`. `folder` gets inventory and journals."""
    inventory = folder / "inventory.yml"
    hosts = "".join(f"      {name}: {{port: {port}}}\n" for name, port in ports.items())
    inventory.write_text(
        f"exrun: inventory/1\nclients:\n  {CLIENT}:\n    user: {USER}\n    credential: env:{VARIABLE}\n"
        f"    address: 127.0.0.1\n    authentication: ntlm\n    hosts:\n{hosts}",
        encoding="utf-8",
    )
    words = [
        sys.executable,
        "-m",
        "runner.cli.main",
        "audit",
        "-i",
        str(inventory),
        "--playbook",
        str(playbook),
    ]
    words += ["--format", "json", "--state", str(folder / "state")]
    if parallel is not None:
        words += ["--parallel", str(parallel)]
    return words


def audit(
    ports: Mapping[str, int], playbook: Path, folder: Path, parallel: int | None = None, before: Sequence[str] = ()
) -> Measured:
    """Audits all hosts; `folder` gets inventory and journals. Without `parallel` as many at a time as users get.

    Args:
        before: a command that runs the one after it, such as one that counts its instructions.

    Raises:
        RuntimeError: a host was not judged by all steps.
    """
    measured = run([*before, *command(ports, playbook, folder, parallel)], ROOT, ENVIRONMENT)
    if measured.status != 0:
        raise RuntimeError(f"exrun audit ended with {measured.status}:\n{measured.errors[-2000:]}")
    summary = json.loads(measured.output)["summary"]
    if summary["outcomes"]["compliant"] != len(ports):
        raise RuntimeError(f"not every host was judged compliant: {summary}")
    return measured
