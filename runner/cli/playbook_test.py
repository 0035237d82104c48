"""`exrun playbook test`: the cases beside actions, tried on recorded answers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from playbooks.cases import Case, CaseFile, case_files, cases_of, read_cases
from playbooks.catalogue.catalogue import Catalogue
from playbooks.errors import DocumentError, PlaybookError
from playbooks.loading import load_action
from playbooks.model import CONTRACT, Action
from playbooks.shelf import Found, shelf
from playbooks.surveying import survey
from runner.cli.options import (
    STATE,
    CatalogueOption,
    Format,
    FormatOption,
    SearchOption,
    StateOption,
    catalogue_of,
)
from runner.cli.output import UsageError, emit
from runner.exit_status import ExitStatus
from runner.reports.cases import lines, to_json
from runner.terminal import visible
from runner.trying import CaseResult, Result, Tried, on_recorded_answer
from texts.models import Document
from texts.problems import Problem
from texts.spelling import suggestion

_QUIET = 40  # cases of which those that passed are counted alone
Try = Callable[[Case, Action], CaseResult]


class EngineName(StrEnum):
    """Engines of the lab."""

    SIM = "sim"
    PWSH = "pwsh"


@dataclass
class _Wanted:
    """One action, and the files of cases that are to be run on it."""

    found: Found
    files: list[tuple[Path | None, Document[CaseFile]]] = field(default_factory=list)


def playbook_test(
    what: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="ACTION|FOLDER|FILE...",
            envvar="EXRUN_TEST",
            help="Actions' ids, folders with actions in them, or files of cases.",
            show_default="this folder",
        ),
    ] = None,
    engine: Annotated[
        EngineName | None,
        typer.Option(
            "--engine",
            envvar="EXRUN_TEST_ENGINE",
            help="Also run the scripts on cases that have a state: sim knows built-in ones, pwsh runs any.",
        ),
    ] = None,
    search: SearchOption = None,
    form: FormatOption = Format.TEXT,
    state: StateOption = STATE,
    catalogue: CatalogueOption = None,
) -> None:
    """Run the cases beside actions: what a server said, and whether judgement concludes what it must.

    \b
    Without PowerShell, on recorded answers; the scripts of changes are rendered and proven. With --engine the lab
    serves each case that has a state: it is collected, changed, looked at again, changed once more and undone.
    Exit status: 0 every case that was run passed, 1 one failed, 2 nothing could be run or a file is wrong.

    \b
    Examples:
      exrun playbook test
      exrun playbook test our.print_spooler --engine pwsh
      exrun playbook test actions/our/print_spooler exchange.patch
      exrun playbook test bug-report.yml --format json
    """
    tables = catalogue_of(state, catalogue)
    wanted = _wanted(what or ["."], search or ())
    day = datetime.now(UTC).date()
    tried: list[Tried] = []
    problems: list[Problem] = []
    with _attempts(engine, tables, day) as attempt:
        for each in wanted:
            try:
                tried.append(_tried(each, tables, attempt))
            except DocumentError as error:
                problems += error.problems
    if problems:
        raise DocumentError(problems)
    if form is Format.JSON:
        emit(to_json(tried, None if engine is None else engine.value))
    else:
        quiet = sum(len(each.cases) for each in tried) > _QUIET
        for line in lines(tried, engine, quiet=quiet):
            typer.echo(visible(line))
    raise typer.Exit(_status(tried))


def _status(tried: Sequence[Tried]) -> ExitStatus:
    results = {case.result for each in tried for case in each.cases}
    if Result.FAILED in results:
        return ExitStatus.FINDINGS
    return ExitStatus.WELL if Result.PASSED in results else ExitStatus.USAGE


@contextmanager
def _attempts(engine: EngineName | None, tables: Catalogue, day: date) -> Iterator[Try]:
    """What tries one case."""
    if engine is None:
        yield partial(_recorded, tables, day)
        return
    from runner.cli.playbook_engine import OnEngine  # the lab, and the way to servers: only where it is asked for
    from runner.lab.engines.choosing import engine_of
    from runner.lab.errors import LabError

    try:
        made = engine_of(engine)
        try:
            yield OnEngine(made, tables, day)
        finally:
            made.close()
    except (LabError, OSError) as error:
        raise UsageError(str(error), "Without --engine the recorded answers are tried.") from None


def _recorded(tables: Catalogue, day: date, case: Case, action: Action) -> CaseResult:
    return on_recorded_answer(case, action, tables, day)


def _tried(wanted: _Wanted, tables: Catalogue, attempt: Try) -> Tried:
    action = load_action(wanted.found, tables)
    cases = [case for _, document in wanted.files for case in cases_of(document, action, tables)]
    return Tried(action.id, action.source, tuple(attempt(case, action) for case in cases))


def _wanted(named: Sequence[str], search: Sequence[Path]) -> list[_Wanted]:
    """What is to be tried, each action once.

    Raises:
        DocumentError: a file of cases is wrong.
        PlaybookError: there is no such action, folder or file.
    """
    found: dict[str, _Wanted] = {}
    for name in named:
        for each, files in _named(name, search):
            wanted = found.setdefault(each.name, _Wanted(each))
            if str(wanted.found.place) != str(each.place):
                places = f"stands in {wanted.found.source} and {each.source}"
                raise PlaybookError(places, "rename or remove one of them", source=each.name)
            wanted.files += [one for one in files if one[0] is None or one[0] not in [path for path, _ in wanted.files]]
    return list(found.values())


def _named(name: str, search: Sequence[Path]) -> Iterator[tuple[Found, list[tuple[Path | None, Document[CaseFile]]]]]:
    path = Path(name)
    if path.is_dir():
        yield from ((each, _beside(each)) for each in _actions_in(path))
        for file in survey(path).cases if not (path / CONTRACT).is_file() else ():
            yield from _alone(file, search)
    elif path.is_file():
        yield from _alone(path, search)
    elif "/" in name or name.endswith((".yml", ".yaml")):
        raise UsageError(f"{name}: there is no such file or folder", "Correct the path.")
    else:
        each = _action(name, [*search], Path("."), name)
        yield each, _beside(each)


def _actions_in(folder: Path) -> Iterator[Found]:
    """The actions of a folder, or the one that it is."""
    places = [folder] if (folder / CONTRACT).is_file() else list(survey(folder).actions)
    if not places and not survey(folder).cases:
        raise UsageError(
            f"{folder} has no action in it",
            "Name one, such as exchange.patch, or a folder that has actions/area/name/.",
        )
    own = {str(each.place): each for each in shelf([]).actions}
    for place in places:
        whole = place.resolve()
        name = f"{whole.parent.name}.{whole.name}"
        built_in = own.get(str(whole))
        yield Found(name, str(place), place, built_in is not None)


def _beside(found: Found) -> list[tuple[Path | None, Document[CaseFile]]]:
    """The cases of an action's folder. Of a case that names another action nothing would be known: it is an error."""
    files: list[tuple[Path | None, Document[CaseFile]]] = []
    for place in case_files(found.place):
        source = str(place) if isinstance(place, Path) else f"{found.source}/cases/{place.name}"
        document = read_cases(place, source)
        for number, each in enumerate(document.model.cases):
            if each.action not in (None, found.name):
                what = f"is not the action in whose folder it lies, {found.name}"
                at = document.at("cases", number, "action")
                raise DocumentError([Problem(at, what, "remove it, or move the case")])
        files.append((place if isinstance(place, Path) else None, document))
    return files


def _alone(file: Path, search: Sequence[Path]) -> Iterator[tuple[Found, list[tuple[Path | None, Document[CaseFile]]]]]:
    """A file of cases: of the action in whose folder it lies, or of those that its cases name."""
    document = read_cases(file, str(file))
    folder = file.resolve().parent.parent
    if file.resolve().parent.name == "cases" and (folder / CONTRACT).is_file():
        [found] = _actions_in(file.parent.parent if file.parent.name == "cases" else folder)
        yield found, [(file, document)]
        return
    nameless = [number for number, each in enumerate(document.model.cases) if each.action is None]
    if nameless:
        at = document.at("cases", nameless[0])
        raise DocumentError([Problem(at, "does not say of which action it is", "add action: area.name")])
    for name in dict.fromkeys(str(each.action) for each in document.model.cases):
        yield _action(name, search, file.parent, str(file)), [(file, document)]


def _action(name: str, search: Sequence[Path], beside: Path, source: str) -> Found:
    within = shelf(search, beside)
    match within.action(name):
        case (one,):
            return one
        case ():
            known = sorted({each.name for each in within.actions})
            advice = suggestion(name, known, otherwise="see exrun playbook list, or name its folder with --search")
            raise PlaybookError(f"there is no action {name}", advice, source=source if source != name else "")
        case several:
            places = " and ".join(each.source for each in several)
            raise PlaybookError(f"{name} stands in {places}", "rename or remove one of them", source=source)
