"""The page docs/reference/actions.md: every action of this version, from its contract. A test holds the two equal."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from playbooks.catalogue.catalogue import Catalogue
from playbooks.declared import in_words
from playbooks.loading import load_action
from playbooks.model import Action, FactSpec, ParamSpec, PropertySpec, SessionKind
from playbooks.parameters import choices
from playbooks.shelf import shelf

HEAD = """\
# Actions

Every action of this version, from its action.yml. A playbook's step names one by its id; `when` of later steps uses its
facts. A fact that could not be established is unknown. How an update is proven:
[proving an update](../explanation/proving-an-update.md).
"""


def actions_page(catalogue: Catalogue) -> str:
    """The page as Markdown."""
    actions = [load_action(found, catalogue) for found in shelf([]).actions]
    return "\n".join([HEAD, *(_section(action, catalogue) for action in actions)])


def _section(action: Action, catalogue: Catalogue) -> str:
    contract = action.contract
    parts = [f"## {action.id}", f"{contract.title}. {contract.description}"]
    if contract.params:
        rows = [_param(name, spec, catalogue) for name, spec in contract.params.items()]
        parts.append(_table(("parameter", "type", "default", ""), rows))
    parts.append(_table(("fact", "type", "values"), [_fact(name, spec) for name, spec in contract.facts.items()]))
    parts.append("Reads:\n\n" + "\n".join(f"- {entry}" for entry in map(_escaped, contract.reads)))
    parts.append(_nature(action))
    if contract.campaigns or contract.cves:
        parts.append(f"Answers {', '.join((*contract.campaigns, *contract.cves))}.")
    parts.append(_table(("record", "properties"), [_record(*each) for each in contract.outputs.items()]))
    return "\n\n".join(parts) + "\n"


def _nature(action: Action) -> str:
    contract = action.contract
    changes = "Changes nothing" if not contract.writes else f"Writes {_escaped('; '.join(map(str, contract.writes)))}"
    modules = [f"the module {name}" for name in contract.needs.modules]
    full = " Asks for a session in the full language." if contract.session is SessionKind.FULL else ""
    needs = ", ".join([*contract.needs.rights, *modules])
    return (
        f"{changes}; interruption: {contract.interruption}. Needs: {needs}.{full} "
        f"Ends within {contract.timeouts.collect} s or is stopped."
    )


def _param(name: str, spec: ParamSpec, catalogue: Catalogue) -> tuple[str, ...]:
    known = choices(spec, catalogue)
    of = f" One of {', '.join(f'`{text}`' for text in known)}." if known is not None else ""
    default = "must be given" if spec.required else f"`{spec.default}`"
    return (f"`{name}`", in_words(spec.type), default, spec.description + of)


_LISTS = {
    "catalogue.campaigns": "the campaigns of the catalogue",
    "catalogue.products": "the products of the catalogue",
    "catalogue.cumulative_updates": "the cumulative updates of the catalogue",
    "catalogue.updates": "the updates of the catalogue",
}


def _fact(name: str, spec: FactSpec) -> tuple[str, ...]:
    listed = [f"`{value}`" if value != "" else "`''`" for value in spec.values or ()]
    return (
        f"`{name}`",
        in_words(spec.type),
        ", ".join((*listed, *([_LISTS[spec.values_from]] if spec.values_from else []))),
    )


def _property(name: str, spec: PropertySpec) -> str:
    values = f": {', '.join(f'`{value}`' for value in spec.values)}" if spec.values else ""
    return f"`{name}` ({in_words(spec.type)}{values})"


def _record(kind: str, properties: Mapping[str, PropertySpec]) -> tuple[str, str]:
    return f"`{kind}`", ", ".join(_property(name, spec) for name, spec in properties.items())


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("<", "&lt;").replace("*", "\\*")
