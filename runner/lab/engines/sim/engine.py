"""The engine that answers exrun's own scripts from a host's state: light enough for thousands of hosts."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import cache, lru_cache
from importlib import resources

from playbooks.parts import assembled
from runner.lab.engines.interface import ShellEvent
from runner.lab.engines.sim.answers import ANSWERS, EVIDENCE, Answer
from runner.lab.engines.sim.changes import CHANGES, Change
from runner.lab.engines.sim.detaching import Detaching
from runner.lab.engines.sim.guarding import Guarding
from runner.lab.engines.sim.pipeline import CallLater, Timer
from runner.lab.engines.sim.pool import Pool, opening
from runner.lab.engines.sim.recognition import Template, parse
from runner.lab.engines.sim.request import decode
from runner.lab.engines.sim.responder import Library, Responder
from runner.lab.engines.sim.shell import SimShell
from runner.lab.state import LiveState

# Openings and requests of different bytes: hosts of one audit are sent the same.
_REMEMBERED = 64


def built_in_templates() -> Mapping[str, str]:
    """The collect script's template of every action that the engine answers, by the action's id."""
    return {action: _template(action, "collect.ps1.j2") for action in ANSWERS}


def evidence_templates() -> Mapping[str, str]:
    """The evidence script's template of every action that has one and that the engine answers, by the action's id."""
    return {action: _template(action, "evidence.ps1.j2") for action in EVIDENCE}


def changing_templates() -> Mapping[tuple[str, str], str]:
    """The templates that change a host, of every action whose changes the engine makes: by id and name of the file."""
    return {(action, name): _template(action, name) for action, made in CHANGES.items() for name in made}


def _template(action: str, name: str) -> str:
    file = resources.files("playbooks.actions").joinpath(*action.split("."), name)
    return assembled(file.read_text(encoding="utf-8"))


@cache
def _answered() -> tuple[tuple[Template, Answer], ...]:
    """What each script that only reads is recognised by, and who answers it; the texts of a version do not change."""
    reading = [(ANSWERS[action], text, action) for action, text in built_in_templates().items()]
    evidence = [(EVIDENCE[action], text, f"{action}/evidence.ps1.j2") for action, text in evidence_templates().items()]
    return tuple((template, who) for who, text, name in (*reading, *evidence) for template in parse(text, name))


@cache
def _changed() -> tuple[tuple[Template, Change], ...]:
    """The same of the scripts that change a host."""
    return tuple(
        (template, CHANGES[action][name])
        for (action, name), text in changing_templates().items()
        for template in parse(text, f"{action}/{name}")
    )


def running_loop(seconds: float, call: Callable[[], None]) -> Timer:
    """`call_later` of the event loop on whose thread the engine is used."""
    return asyncio.get_running_loop().call_later(seconds, call)


class SimEngine:
    """Answers the built-in scripts and the scripted answers of a host, and makes the built-in changes; refuses every
    other script by name.

    Nothing here blocks and no thread is started: what takes time is a timer of the event loop.

    Args:
        call_later: makes a call after so many seconds, on the thread on which the engine is used.
        now: the servers' time, with its zone.
    """

    name = "sim"

    def __init__(
        self, call_later: CallLater = running_loop, now: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        self._library = Library(_answered(), _changed())
        self._guarding = Guarding(self._library.change, call_later, now)
        self._detaching = Detaching(self._library.change, call_later, now)
        self._library.around = lambda script: self._guarding.known(script) or self._detaching.known(script)
        self._decode = lru_cache(_REMEMBERED)(decode)
        self._opening = lru_cache(_REMEMBERED)(opening)
        self._call_later = call_later

    def shell(self, live: LiveState, shell_id: uuid.UUID, sink: Callable[[ShellEvent], None]) -> SimShell:
        """A new pool of this host. The pool's own identifier comes with the client's first message."""
        self._guarding.watch(live)
        self._detaching.watch(live)
        return SimShell(Responder(live, self._library), Pool(self._opening), self._decode, self._call_later, sink)

    def look_at_the_clock(self) -> None:
        """The servers' clocks were set, or some start that were off: tasks that are due by now run."""
        self._guarding.look_at_the_clock()

    def close(self) -> None:
        """There is nothing to end."""
