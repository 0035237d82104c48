"""What a server says to a request: built-in scripts, the host's scripted answers, and a refusal for all else.

What a script reads is a function of the state, and is kept; what a change makes of the state is made each time anew.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from functools import lru_cache, partial
from typing import cast

from playbooks.values import Value
from runner.lab.engines.sim.answers import Answer
from runner.lab.engines.sim.changes import Change
from runner.lab.engines.sim.clixml import number
from runner.lab.engines.sim.guarding import Run
from runner.lab.engines.sim.machine import Machine
from runner.lab.engines.sim.recognition import Template
from runner.lab.engines.sim.remembering import Answers
from runner.lab.engines.sim.request import Command, Request
from runner.lab.engines.sim.streams import (
    Exited,
    Failed,
    Item,
    Items,
    Output,
    Plain,
    Problem,
    Verbose,
    Waits,
    Warned,
    Wrote,
    error_thrown,
    error_written,
)
from runner.lab.state import LiveState, ScriptedAnswer
from runner.transport.gate import BASE_MODULES, IMPORT_KIND, LOCK, LOCKED_LANGUAGE, imported, marked

_REMEMBERED = 128  # texts: those of an audit, with a marker before each

# What Ansible's psrp connection adds to every command.
_EXIT = "\nexit $LASTEXITCODE"


_FIREWALL = "NetSecurity"
_IIS = "WebAdministration"


class Depends(Enum):
    """What the answer to a known statement depends on."""

    TEXT = auto()
    LANGUAGE = auto()
    SERVER = auto()
    NOTHING_KEPT = auto()  # it changes the server: every time anew


@dataclass(frozen=True, slots=True)
class Known:
    """A statement that the engine recognises by its text alone.

    Attributes:
        depends: what its answer depends on beside the text.
        answer: works it out, for a server and for the language that its session is in.
    """

    depends: Depends
    answer: Callable[[LiveState, Machine, str], Items]


class Library:
    """The built-in scripts, by their templates, and what was answered before; the same for all hosts.

    Args:
        templates: each with what answers its script.
        changes: templates of scripts that change a server, each with what makes the change.

    Attributes:
        answers: see there.
        around: finds what a script around one of an action makes of a server; see runner/lab/engines/sim/guarding.py.
    """

    def __init__(
        self, templates: Sequence[tuple[Template, Answer]], changes: Sequence[tuple[Template, Change]] = ()
    ) -> None:
        self.answers = Answers()
        self._templates = templates
        self._changes = changes
        self.find = lru_cache(_REMEMBERED)(self._find)
        self.around: Callable[[str], Run | None] = lambda _: None

    def _find(self, script: str) -> Known | None:
        """What answers this script, where it is one that every server knows: of the gate, or of a template."""
        if marked(script) is not None:
            return Known(Depends.LANGUAGE, lambda _, __, language: iter([Output(dict(marked(script, language) or {}))]))
        if (modules := imported(script)) is not None:
            depends = Depends.SERVER if {_FIREWALL, _IIS} & set(modules) else Depends.TEXT
            return Known(depends, lambda _, machine, __: iter(_missing(modules, machine)))
        for template, answer in self._templates:
            params = template.params(script)
            if params is not None:
                return Known(Depends.SERVER, partial(_for_params, answer, params))
        for template, change in self._changes:
            values = template.params(script)
            if values is not None:
                return Known(Depends.NOTHING_KEPT, partial(_for_values, change, values))
        if (run := self.around(script)) is not None:
            return Known(Depends.NOTHING_KEPT, lambda live, *_: run(live))
        return None

    def change(self, script: str) -> Run | None:
        """What an action's own script makes of a server; None for any other."""
        for template, change in self._changes:
            values = template.params(script)
            if values is not None:
                return lambda live: change(live, values)
        return None


class Responder:
    """One server's answers, in one session: it is locked once the gate's statement was sent, as a server's is."""

    def __init__(self, live: LiveState, library: Library) -> None:
        self._live = live
        self._machine = Machine(live.now)
        self._library = library
        self._language = "FullLanguage"

    def statement(self, commands: Sequence[Command]) -> Items:
        """What one statement of a request says."""
        first, *rest = commands
        if first.text == LOCK.text and first.is_script:
            self._language = LOCKED_LANGUAGE
            return iter([])
        if first.is_script and not rest:
            source, work_out = self._answer(first.text)
            return work_out() if source is None else self._library.answers.said(source, first.text, work_out)
        said = self._command(first)
        for command in rest:
            said = _piped(said, command)
        return said

    def _command(self, command: Command) -> Items:
        if command.is_script:
            return self._script(command.text)
        match command.text.casefold():
            case "invoke-expression" if isinstance(script := command.params.get("Command"), str):
                return self._script(str(script))
            case "new-item" if str(command.params.get("Path")).casefold() == "env:":
                # pypsrp's `environment`: the answers read no variable, so there is none to set.
                return iter([Output(str(command.params.get("Value")))])
            case _:
                return iter([_unknown(command.text)])

    def _script(self, script: str) -> Items:
        return self._answer(script)[1]()

    def _answer(self, script: str) -> tuple[object | None, Callable[[], Items]]:
        """Recognises a script: what its answer depends on beside its text, and how to work it out.

        Nothing that it depends on: it is not to be kept.
        """
        known = self._library.find(script)
        if known is not None:
            state = self._live.now
            if self._machine.state is not state:
                self._machine = Machine(state)
            machine, language = self._machine, self._language
            sources = {Depends.TEXT: self._library, Depends.LANGUAGE: language, Depends.SERVER: state}
            return sources.get(known.depends), lambda: known.answer(self._live, machine, language)
        for scripted in self._live.now.answers:
            if scripted.script == script:
                return scripted, partial(_scripted, scripted)
        if script.endswith(_EXIT):
            source, work_out = self._answer(script.removesuffix(_EXIT))
            return source, lambda: _then_exit(work_out())
        return self._library, lambda: iter([_unknown(script)])


def _for_params(
    answer: Answer, params: Mapping[str, Value], _live: LiveState, machine: Machine, _language: str
) -> Items:
    return answer(machine, params)


def _for_values(
    change: Change, values: Mapping[str, Value], live: LiveState, _machine: Machine, _language: str
) -> Items:
    return change(live, values)


def _missing(modules: Sequence[str], machine: Machine) -> list[Item]:
    """What the import statement writes: the basic modules are there, and those whose commands this engine knows."""
    there = set(BASE_MODULES)
    if machine.state.firewall.answers != "without-commands":
        there.add(_FIREWALL)
    if machine.has_iis():
        there.add(_IIS)
    return [_not_there(name) for name in modules if name not in there]


def _not_there(module: str) -> Item:
    """What the import statement writes where there is no such module."""
    why = f"The specified module '{module}' was not loaded because no valid module file was found."
    return Output({"Kind": IMPORT_KIND, "Module": module, "Why": why})


def _scripted(answer: ScriptedAnswer) -> Items:
    for value in answer.output:
        yield Output(cast(Plain, value))
    for message in answer.verbose:
        yield Verbose(message)
    for message in answer.warnings:
        yield Warned(message)
    for message in answer.errors:
        yield Wrote(error_written(message))
    if answer.seconds:
        yield Waits(answer.seconds)
    if answer.error is not None:
        yield Failed(error_thrown(answer.error))


def _then_exit(said: Items) -> Items:
    """No command of a simulated server is a program, so $LASTEXITCODE is null and `exit` takes it for 0."""
    for item in said:
        yield item
        if isinstance(item, Failed):
            return
    yield Exited(0)


def _unknown(text: str) -> Item:
    line = next((each.strip() for each in text.splitlines() if each.strip()), "")
    shown = line if len(line) <= 60 else f"{line[:59]}…"
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
    return Failed(
        Problem(
            f"The lab's sim engine does not know the script '{shown}' (SHA-256 {digest}). It knows exrun's own scripts "
            "and the answers of the host's file; the engine pwsh runs any script.",
            "CommandNotFoundException",
            "ObjectNotFound",
            "System.Management.Automation.CommandNotFoundException",
            target=shown,
        )
    )


def _piped(said: Items, command: Command) -> Items:
    """`| Out-String -Stream` and `| Out-Null`, which clients add; no other command."""
    match command.text.casefold():
        # A switch is sent without a value.
        case "out-string" if not command.is_script and command.params.get("Stream", False) is not False:
            return _as_text(said)
        case "out-null" if not command.is_script:
            return (item for item in said if not isinstance(item, Output))
        case _:
            return iter([_unknown(command.text)])


def _as_text(said: Items) -> Items:
    for item in said:
        if not isinstance(item, Output):
            yield item
            continue
        text = _formatted(item.value)
        if isinstance(text, Problem):
            yield Failed(text)
            return
        for line in text:
            yield Output(line)


def _formatted(value: Plain) -> list[str] | Problem:
    """What Out-String makes of a value; tables and lists of objects are PowerShell's own art."""
    match value:
        case None:
            return []
        case bool() | int():
            return [str(value)]
        case float():
            return [number(value)]
        case str():
            return [value]
        case tuple() | list():
            lines: list[str] = []
            for each in value:
                inner = _formatted(each)
                if isinstance(inner, Problem):
                    return inner
                lines.extend(inner)
            return lines
        case _:
            return Problem(
                "The lab's sim engine does not lay out objects as text (Out-String); take them as objects, or use the "
                "engine pwsh.",
                "NotSupported,Microsoft.PowerShell.Commands.OutStringCommand",
                "NotImplemented",
                activity="Out-String",
            )


def answers_to(request: Request, responder: Responder) -> Items:
    """What the whole request says, in order; a failure ends it, `exit` ends only its own statement."""
    for commands in request.statements:
        for item in responder.statement(commands):
            yield item
            match item:
                case Failed():
                    return
                case Exited():
                    break


def metadata_refused() -> Items:
    """What a client hears that asks which commands there are (Get-Command over the protocol)."""
    yield Failed(
        Problem(
            "The lab's sim engine has no commands to list; use the engine pwsh.",
            "CommandNotFoundException",
            "ObjectNotFound",
            "System.Management.Automation.CommandNotFoundException",
        )
    )
