"""`exrun playbook`: what there is to run, what it would run, and what is wrong with it."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from playbooks.catalogue.catalogue import Catalogue
from playbooks.checking import Checked, checked
from playbooks.declared import in_words
from playbooks.documents import read_contract, read_playbook
from playbooks.errors import DocumentError, PlaybookError
from playbooks.loading import load_action, load_playbook
from playbooks.model import CONTRACT, Action, ParamSpec, ReadyPlaybook, SessionKind, Write
from playbooks.parameters import choices
from playbooks.shelf import Found, contents, shelf
from playbooks.values import Value
from runner.cli.commands import Commands
from runner.cli.options import (
    STATE,
    CatalogueOption,
    Format,
    FormatOption,
    ParamOption,
    SearchOption,
    StateOption,
    catalogue_of,
    given_params,
)
from runner.cli.output import problem_document
from runner.cli.playbook_new import playbook_new
from runner.cli.playbook_test import playbook_test
from runner.exit_status import ExitStatus
from runner.terminal import visible
from texts.counting import counted

group = Commands(help="What there is to run, what it would run, and what is wrong with it. Connects to nothing.")

_PLURALS = {
    "a playbook": "playbooks",
    "an action": "actions",
    "cases of actions": "files with cases of actions",
    "a script": "scripts",
}
ScriptsOption = Annotated[bool, typer.Option("--scripts", envvar="EXRUN_SCRIPTS", help="Show the scripts too.")]


@group.command("list")
def playbook_list(search: SearchOption = None, form: FormatOption = Format.TEXT) -> None:
    """List the playbooks and actions of this version and of the search folders.

    \b
    Exit status: 0; 2 where a search folder does not exist.

    \b
    Examples:
      exrun playbook list
      exrun playbook list --search ~/exrun-playbooks --format json
    """
    within = shelf(search or ())
    playbooks = [_listed(found, _title_of_playbook) for found in within.playbooks]
    actions = [_listed(found, _title_of_action) for found in within.actions]
    if form is Format.JSON:
        _json({"schema": "exrun.playbooks/1", "playbooks": playbooks, "actions": actions})
        return
    for heading, entries in (("Playbooks", playbooks), ("Actions", actions)):
        typer.echo(heading)
        for entry in entries:
            typer.echo(f"  {visible(entry['name']):<24} {visible(entry['title'] or 'cannot be read: lint it')}")
            typer.echo(f"  {'':<24} {visible(entry['source'])}")


@group.command("show")
def playbook_show(
    name: Annotated[str, typer.Argument(envvar="EXRUN_PLAYBOOK", help="A playbook's name or file, or an action's id.")],
    search: SearchOption = None,
    param: ParamOption = None,
    scripts: ScriptsOption = False,
    form: FormatOption = Format.TEXT,
    state: StateOption = STATE,
    catalogue: CatalogueOption = None,
) -> None:
    """Show what a playbook would run on a server, or what an action reads and says.

    \b
    With --scripts the very text that would be sent, as the journal will name it by its SHA-256.
    Exit status: 0; 2 where it is not there or is wrong.

    \b
    Examples:
      exrun playbook show exchange-audit
      exrun playbook show exchange-audit --param campaign=proxylogon --scripts
      exrun playbook show exchange.patch
      exrun playbook show ./audit.yml --format json
    """
    tables = catalogue_of(state, catalogue)
    found = shelf(search or ()).action(name)
    if found:
        if len(found) > 1:
            places = " and ".join(each.source for each in found)
            raise PlaybookError(f"stands in {places}", "rename or remove one of them", source=name)
        if param:
            raise PlaybookError("is an action", "--param is for playbooks", source=name)
        action = load_action(found[0], tables)
        document = action_document(action, tables, scripts=scripts)
        lines = action_text(document)
    else:
        ready = load_playbook(name, given_params(param), tables, search=search or ())
        document = playbook_document(ready, tables, scripts=scripts)
        lines = playbook_text(document)
    if form is Format.JSON:
        _json(document)
        return
    for line in lines:
        typer.echo(visible(line))


@group.command("lint")
def playbook_lint(
    paths: Annotated[
        list[Path],
        typer.Argument(
            envvar="EXRUN_LINT",
            help="Playbooks, actions' folders, scripts (.ps1), templates (.ps1.j2), or folders of these.",
        ),
    ],
    styled: Annotated[
        bool,
        typer.Option(
            "--style",
            envvar="EXRUN_STYLE",
            help="Hold scripts and actions to the built-in ones' dialect too: header, whole names, layout, records.",
        ),
    ] = False,
    search: SearchOption = None,
    form: FormatOption = Format.TEXT,
    state: StateOption = STATE,
    catalogue: CatalogueOption = None,
) -> None:
    """Say what is wrong with playbooks, actions and scripts: file:line:column: rule: why; what to write instead.

    \b
    A collect script passes only when it is proven to change nothing. Parameters get sample values. In a folder, files
    that are neither playbooks nor actions are named and passed over.
    Exit status: 0 nothing is wrong, 2 something is.

    \b
    Examples:
      exrun playbook lint audit.yml
      exrun playbook lint actions/mail/queues check.ps1
      exrun playbook lint actions --style
      exrun playbook lint . --format json
      exrun playbook lint audit.yml --catalogue our-rows
    """
    tables = catalogue_of(state, catalogue)
    found = checked(paths, tables, search=search or (), styled=styled)
    if form is Format.JSON:
        problems = [{**problem_document(each), "rule": each.rule} for each in found.problems]
        listed = {
            name: [{"path": str(path), "what": what} for path, what in of]
            for name, of in (("looked_at", found.looked_at), ("passed_over", found.passed_over))
        }
        _json({"schema": "exrun.lint/1", "problems": problems, **listed})
    else:
        for line in _lint_text(found):
            typer.echo(visible(line))
    raise typer.Exit(ExitStatus.USAGE if found.problems else ExitStatus.WELL)


def _lint_text(found: Checked) -> list[str]:
    """Each problem, what was passed over, and what was looked at last."""
    lines = [str(problem) for problem in found.problems]
    lines += [f"{path}: is {what}, and was not looked at" for path, what in found.passed_over]
    counts = Counter(what for _, what in found.looked_at)
    named = [f"{count} {_PLURALS[what]}" if count > 1 else what for what, count in counts.items()]
    looked_at = " and ".join([*([", ".join(named[:-1])] if named[:-1] else []), *named[-1:]])
    wrong = counted(len(found.problems), "problem") if found.problems else "nothing is wrong"
    lines.append(f"{wrong} {'in' if found.problems else 'with'} {looked_at}" if looked_at else wrong)
    return lines


group.command("test")(playbook_test)
group.command("new")(playbook_new)


def _json(document: Mapping[str, object]) -> None:
    typer.echo(json.dumps(document, indent=2))


def _listed(found: Found, title: Any) -> dict[str, Any]:
    try:
        said: str | None = title(found)
    except DocumentError:
        said = None
    return {"name": found.name, "title": said, "source": found.source, "built_in": found.built_in}


def _title_of_playbook(found: Found) -> str:
    return read_playbook(contents(found.place, found.source), found.source).model.title


def _title_of_action(found: Found) -> str:
    return read_contract(contents(found.place.joinpath(CONTRACT), found.source), found.source).model.title


def playbook_document(ready: ReadyPlaybook, catalogue: Catalogue, *, scripts: bool) -> dict[str, Any]:
    """The object of `playbook show --format json` for a playbook; docs/reference/command-line.md has its members."""
    return {
        "schema": "exrun.playbook/1",
        "name": ready.playbook.name,
        "title": ready.playbook.title,
        "source": ready.source,
        "sha256": ready.digest,
        "params": _params(ready.playbook.params, catalogue),
        "steps": [
            {
                "id": each.step.id,
                "action": each.action.id,
                "source": each.action.source,
                "title": each.action.contract.title,
                "params": {name: _plain(value) for name, value in each.params.items()},
                "when": each.step.when,
                "on_failure": each.step.on_failure.value,
                "collect_sha256": hashlib.sha256(each.collect.encode()).hexdigest(),
                **({"collect": each.collect} if scripts else {}),
            }
            for each in ready.steps
        ],
    }


def action_document(action: Action, catalogue: Catalogue, *, scripts: bool) -> dict[str, Any]:
    """The object of `playbook show --format json` for an action."""
    contract = action.contract
    written = contract.model_dump(mode="json", exclude={"params"})
    return {
        "schema": "exrun.action/1",
        "id": action.id,
        "source": action.source,
        **written,
        "params": _params(contract.params, catalogue),
        **({"templates": {phase: text for phase, text in asdict(action.templates).items() if text}} if scripts else {}),
    }


def _params(specs: Mapping[str, ParamSpec], catalogue: Catalogue) -> list[dict[str, Any]]:
    return [
        {
            "name": name,
            "type": spec.type,
            "description": spec.description,
            "required": spec.required,
            **({} if spec.required else {"default": spec.default}),
            "choices": list(known) if (known := choices(spec, catalogue)) is not None else None,
        }
        for name, spec in specs.items()
    ]


def _plain(value: Value) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    return list(value) if isinstance(value, tuple) else value


def playbook_text(document: Mapping[str, Any]) -> list[str]:
    """The same for people."""
    lines = [f"{document['name']}: {document['title']}", f"{document['source']}, SHA-256 {document['sha256']}"]
    lines += _params_text(document["params"])
    for number, step in enumerate(document["steps"], start=1):
        lines += ["", f"{number}. {step['id']}: {step['action']} ({step['title']})"]
        lines += [f"   {name} = {json.dumps(value, ensure_ascii=False)}" for name, value in step["params"].items()]
        lines += [f"   when {step['when']}"] if step["when"] else []
        lines += ["   the steps after it are not run where it fails"] if step["on_failure"] == "stop" else []
        lines += [f"   collect {step['collect_sha256']}"]
        lines += [f"   | {line}" for line in step.get("collect", "").splitlines()]
    return lines


def action_text(document: Mapping[str, Any]) -> list[str]:
    """The same for people."""
    lines = [f"{document['id']}: {document['title']}", document["source"], "", document["description"]]
    lines += _params_text(document["params"])
    for heading, entries in (
        ("Reads", document["reads"]),
        ("Writes", [str(Write.model_validate(each)) for each in document["writes"]] or ["nothing"]),
        ("Needs", [*document["needs"]["rights"], *(f"the module {name}" for name in document["needs"]["modules"])]),
        ("Facts", [f"{name}: {_fact_text(written)}" for name, written in document["facts"].items()] or ["none"]),
    ):
        lines += ["", heading, *(f"  {entry}" for entry in entries)]
    limits = [f"{phase} at most {seconds} s" for phase, seconds in document["timeouts"].items() if seconds]
    lines += ["", f"Interruption: {document['interruption']}; {', '.join(limits)}"]
    if document["session"] == SessionKind.FULL:
        lines += ["", "Asks for a session in the full language: read-only by the linter alone"]
    if document["compliant_when"]:
        lines += ["", f"Well where {document['compliant_when']}"]
    if document["changes"]:
        lines += ["", f"Else a change: {document['changes']['title']}"]
    for phase, template in document.get("templates", {}).items():
        lines += ["", phase, *(f"| {line}" for line in template.splitlines())]
    return lines


def _fact_text(written: str | Mapping[str, Any]) -> str:
    """A fact as its contract has it: a type, or a type with its values."""
    if isinstance(written, str):
        return in_words(written)
    of = [*map(json.dumps, written.get("values", ())), *([written["values_from"]] if "values_from" in written else [])]
    return f"{in_words(written['type'])}; one of {', '.join(of)}"


def _params_text(params: Sequence[Mapping[str, Any]]) -> list[str]:
    lines = ["", "Parameters"] if params else []
    for each in params:
        default = "must be given" if each["required"] else f"default {json.dumps(each['default'], ensure_ascii=False)}"
        lines.append(f"  {each['name']} ({in_words(each['type'])}; {default}): {each['description']}")
        if each["choices"] is not None:
            lines.append(f"    one of {', '.join(each['choices'])}")
    return lines
