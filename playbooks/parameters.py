"""Parameters: values as playbooks and command lines give them, against the types that were declared.

A playbook's own parameters are passed on by a `with` whose whole text is `{{ params.name }}`:

    with:
      campaign: "{{ params.campaign }}"

Nothing else is put together from parts: a value has one origin, and its type is checked before anything runs.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import assert_never

from playbooks.catalogue.catalogue import Catalogue
from playbooks.declared import Domain, fits, in_words
from playbooks.errors import ParameterError
from playbooks.model import FactSpec, FromCatalogue, Given, ParamSpec
from playbooks.values import Value
from texts.spelling import suggestion

__all__ = ["bind", "choices", "domains", "passed_on", "sample_of", "samples", "value_of", "why_not"]

_PASSED_ON = re.compile(r"\s*\{\{\s*params\.([A-Za-z_][A-Za-z0-9_]*)\s*\}\}\s*", re.ASCII)


def value_of(written: Given) -> Value:
    """The value that was written in YAML."""
    return tuple(written) if isinstance(written, list) else written


def passed_on(written: Given) -> str | None:
    """The playbook's parameter that a `with` passes on; None where it is a value of its own."""
    match = _PASSED_ON.fullmatch(written) if isinstance(written, str) else None
    return match[1] if match else None


def choices(spec: ParamSpec, catalogue: Catalogue) -> tuple[str, ...] | None:
    """The texts that a parameter may be, None where it may be any."""
    if spec.choices is None and spec.choices_from is None:
        return None
    return (*(spec.choices or ()), *_listed(spec.choices_from, catalogue))


def domains(specs: Mapping[str, ParamSpec] | Mapping[str, FactSpec], catalogue: Catalogue) -> dict[str, Domain]:
    """What each parameter or fact can be."""
    return {name: _domain(spec, catalogue) for name, spec in specs.items()}


def _domain(spec: ParamSpec | FactSpec, catalogue: Catalogue) -> Domain:
    if isinstance(spec, ParamSpec):
        return Domain(spec.type, choices(spec, catalogue))
    if spec.values_from is None:
        return spec.domain
    return Domain(spec.type, (*(spec.values or ()), *_listed(spec.values_from, catalogue)))


def _listed(table: FromCatalogue | None, catalogue: Catalogue) -> tuple[str, ...]:
    """The texts that the catalogue lists, each once, in its order."""
    match table:
        case None:
            return ()
        case "catalogue.campaigns":
            return catalogue.campaigns
        case "catalogue.products":
            found = [row.product for row in catalogue.releases]
        case "catalogue.cumulative_updates":
            found = [row.cu for row in catalogue.releases]
        case "catalogue.updates":
            found = [row.update for row in catalogue.releases if row.update]
        case _:
            assert_never(table)
    return tuple(dict.fromkeys(found))


def why_not(value: Value, spec: ParamSpec, catalogue: Catalogue) -> tuple[str, str] | None:
    """What is wrong with a value and what to do; None where nothing is. Never echoes the value."""
    if not fits(value, spec.type):
        return f"must be {in_words(spec.type)}", "correct the value"
    known = choices(spec, catalogue)
    if known is None:
        return None
    for text in value if isinstance(value, tuple) else (value,):
        if isinstance(text, str) and text not in known:
            there = f"there are: {', '.join(known)}"
            return "is not one of its choices", suggestion(text, known, otherwise=there)
    return None


def bind(specs: Mapping[str, ParamSpec], given: Mapping[str, str], catalogue: Catalogue) -> dict[str, Value]:
    """The values of a playbook's parameters: those given on the command line as text, and the defaults of the others.

    A list is given with commas between its members. Defaults are taken as they are; loading has checked them.

    Raises:
        ParameterError: unknown, missing, not of the declared type or not one of the choices.
    """
    for name in given:
        if name not in specs:
            there = f"there are: {', '.join(sorted(specs))}" if specs else "this playbook has none"
            advice = suggestion(name, specs, otherwise=there)
            raise ParameterError("there is no such parameter", advice, source=f"--param {name}")
    values: dict[str, Value] = {}
    for name, spec in specs.items():
        source = f"--param {name}"
        if name not in given:
            if spec.required:
                raise ParameterError(f"must be given: {spec.description}", source=source)
            values[name] = value_of(spec.default)
            continue
        value = _from_text(given[name], spec.type, source)
        if wrong := why_not(value, spec, catalogue):
            raise ParameterError(*wrong, source=source)
        values[name] = value
    return values


def samples(specs: Mapping[str, ParamSpec], catalogue: Catalogue) -> dict[str, Value]:
    """A value for each parameter: its default, its first choice, or one of its type. To check what nobody runs yet."""
    return {name: _sample(spec, catalogue) if spec.required else value_of(spec.default) for name, spec in specs.items()}


def _sample(spec: ParamSpec, catalogue: Catalogue) -> Value:
    return sample_of(Domain(spec.type, choices(spec, catalogue)))


def sample_of(domain: Domain) -> Value:
    """A value that something can be."""
    bare, known = domain.type.removesuffix("?"), domain.values
    single: Value = known[0] if known else _SAMPLES[bare.removesuffix("[]")]
    return (single,) if bare.endswith("[]") else single


_SAMPLES: Mapping[str, Value] = {"text": "sample", "integer": 1, "number": 1.5, "boolean": True}


def _from_text(text: str, declared: str, source: str) -> Value:
    bare = declared.removesuffix("?")
    if bare != declared and text == "null":
        return None
    if bare.endswith("[]"):
        members = text.split(",") if text else []
        return tuple(_single(member.strip(), bare.removesuffix("[]"), declared, source) for member in members)
    return _single(text, bare, declared, source)


def _single(text: str, bare: str, declared: str, source: str) -> str | int | float | bool:
    if bare == "text":
        return text
    if bare == "boolean" and text in ("true", "false"):
        return text == "true"
    if bare in ("integer", "number") and re.fullmatch(r"-?[0-9]{1,18}", text, re.ASCII):
        return int(text)
    if bare == "number" and re.fullmatch(r"-?[0-9]{1,18}\.[0-9]{1,18}", text, re.ASCII):
        return float(text)
    raise ParameterError(f"must be {in_words(declared)}", "correct the value", source=source)
