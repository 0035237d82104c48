"""Both readers under atheris (libFuzzer): coverage leads, from valid streams. `make soak` runs it; see mutating.py.

    python fuzzing.py clixml|fragments RUNS SEED

Half of the inputs are mutated by libFuzzer, half by mutating.py. It ends after RUNS inputs, prints what they came to,
and fails when the code behind the first refusal was not reached often enough. An input that lets another error out of a
reader is written to a file `crash-...` in the working folder.
"""

from __future__ import annotations

import os
import random
import shutil
import sys
import tempfile
from collections import Counter
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["runner.transport"]):
    from runner.transport import clixml, fragments  # noqa: F401

from tests.runner.transport.mutating import (
    CAPS,
    DOCUMENTS,
    GARBAGE,
    KINDS,
    framed,
    spoilt_bytes,
    spoilt_document,
    spoilt_fragments,
    try_document,
    try_stream,
)

TARGET, RUNS, SEED = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
CORPUS = Path(tempfile.mkdtemp(prefix="exrun-fuzz-"))
SEEN: Counter[str] = Counter()
DONE = 0


def valid(chance: random.Random) -> bytes:
    if TARGET == "clixml":
        return chance.choice(DOCUMENTS)
    return b"".join(framed(chance.choices(DOCUMENTS, k=chance.randint(1, 4)), chance))


def mutated(data: bytes, max_size: int, seed: int) -> bytes:
    chance = random.Random(seed)
    if chance.random() < 0.5:
        return bytes(atheris.Mutate(data, max_size))
    if TARGET == "clixml":
        return spoilt_document(data if chance.random() < 0.7 else valid(chance), chance)[:max_size]
    if chance.random() < 0.5:
        return spoilt_bytes(data, chance)[:max_size]
    parts = framed(chance.choices(DOCUMENTS, k=chance.randint(1, 4)), chance)
    return spoilt_fragments(parts, chance)[0][:max_size]


def one(data: bytes) -> None:
    global DONE
    if TARGET == "clixml":
        try_document(data, SEEN)
    else:
        chance = random.Random(len(data))
        try_stream(data, [chance.randrange(len(data) + 1) for _ in range(4)], SEEN)
    DONE += 1
    if DONE >= RUNS:
        finish()


def finish() -> None:
    wanted = {"value", *KINDS, *CAPS} if TARGET == "clixml" else {"whole", "messages", "oversize", *GARBAGE}
    said = [f"{TARGET}: {DONE} inputs, seed {SEED}"]
    said += [f"  {times:>8}  {kind}" for kind, times in SEEN.most_common()]
    few = sorted(kind for kind in wanted if SEEN[kind] < RUNS // 10_000 + 1)
    deep = SEEN["value"] if TARGET == "clixml" else SEEN["messages"]
    if few or deep < RUNS // 50:
        said.append(f"{TARGET}: too little was reached: {few}, {deep} behind the last refusal")
    sys.stdout.write("\n".join([*said, ""]))
    sys.stdout.flush()
    shutil.rmtree(CORPUS)
    os._exit(1 if few or deep < RUNS // 50 else 0)  # libFuzzer would go on


for number in range(40):
    (CORPUS / str(number)).write_bytes(valid(random.Random(number)))
OPTIONS = [f"-seed={SEED % 2**32}", "-max_len=6000", "-verbosity=0", "-timeout=60"]
atheris.Setup([sys.argv[0], *OPTIONS, str(CORPUS)], one, custom_mutator=mutated)
atheris.Fuzz()
