"""What every mitigation of IIS is judged from: applicationHost.config.

None of what is judged here is a patch: a mitigation holds off one way of an attack for as long as it stands, on a
server that is as vulnerable as before. Whoever got in before it stays in.
"""

from __future__ import annotations

from collections.abc import Iterator

from playbooks.actions.iis.configuration.files import HOST, REDIRECTION, NotWholeError, whole_text
from playbooks.findings import Assessment, Verdict
from playbooks.investigating.document import Element, UnreadableXmlError, read
from playbooks.observation import Observation, Observed
from playbooks.unknowns import not_observed, unknown
from playbooks.values import Record, Value, text_of

__all__ = ["NO_PATCH", "UnreadFileError", "host_of", "none_of", "outside", "root_of"]

NO_PATCH = "it is no patch: the server is as vulnerable as before"


class UnreadFileError(ValueError):
    """A file of IIS's configuration was not read, or not to its end; the text says which and why."""


def none_of(facts: tuple[str, ...]) -> dict[str, Value]:
    """The facts of a server that an action does not concern: nothing is there."""
    return dict.fromkeys(facts, False)


def host_of(action: str, observation: Observation, facts: tuple[str, ...]) -> tuple[Observed, Element] | Assessment:
    """The answer and the root of applicationHost.config; the assessment where the server has none, or it is not known.

    Args:
        action: the action's id, for its findings.
        facts: names of the action's facts.
    """
    if not isinstance(observation, Observed):
        return not_observed(action, observation, facts)
    try:
        host = _configuration(observation)
    except UnreadFileError as error:
        return unknown(action, "how IIS is configured", str(error), facts)
    if host is None:
        summary = "IIS is not on this server: it has no applicationHost.config"
        return Assessment(Verdict.NOT_APPLICABLE, summary, facts=none_of(facts))
    return observation, host


def _configuration(observed: Observed) -> Element | None:
    """The root of applicationHost.config; None where there is none, and so no IIS.

    Raises:
        UnreadFileError: it was not read, or IIS reads another one.
    """
    host, redirection = _only(HOST, observed), _only(REDIRECTION, observed)
    for each in () if redirection is None else redirection.named("configurationRedirection"):
        if each.is_on("enabled", "false"):
            raise UnreadFileError(f"IIS reads its configuration in {each.get('path')}, and that was not read")
    return host


def _only(ending: str, observed: Observed) -> Element | None:
    """The root of the file whose place ends like this; None where there is none."""
    for unread in observed.unread:
        if unread.what.casefold().endswith(ending):
            raise UnreadFileError(f"{unread.what}: {unread.why}")
    for file in observed.of_kind("ConfigFile"):
        if text_of(file, "Place").casefold().endswith(ending):
            return root_of(file, observed) if file.get("Present") is True else None
    raise UnreadFileError(f"the answer does not say whether there is a {ending[1:]}")


def root_of(file: Record, observed: Observed) -> Element:
    """The root of a file of IIS's configuration.

    Raises:
        UnreadFileError: it did not come whole, or is no configuration.
    """
    where = text_of(file, "Place")
    try:
        root = read(whole_text(file, observed))
    except (NotWholeError, UnreadableXmlError) as error:
        raise UnreadFileError(f"{where}: {error}") from error
    if root.name != "configuration":
        raise UnreadFileError(f"{where}: it is no configuration: its root is {root.name}")
    return root


def outside(root: Element, *sections: str) -> Iterator[str]:
    """Why sections of these names are not what is read here: they stand in another file, or are encrypted."""
    for each in root.all():
        if each.name in sections:
            if source := each.get("configSource") or each.get("childSource"):
                yield f"line {each.line}: {each.name} stands in {source}, which was not read"
            if each.get("configProtectionProvider"):
                yield f"line {each.line}: {each.name} is encrypted"
