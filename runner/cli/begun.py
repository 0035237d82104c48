"""What a command was begun with that those after it take too."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from playbooks.model import ReadyPlaybook
from playbooks.shelf import BUILT_IN
from runner.cli.asked import AskedOfServers
from runner.cli.asked_to_change import AskedToChange
from runner.cli.options import STATE
from runner.reports.typed_next import Begun


def begun_by(asked: AskedOfServers, playbook: ReadyPlaybook) -> Begun:
    """All of it, for the screen of who typed it."""
    return Begun(
        inventory=tuple(path.as_posix() for path in asked.inventory),
        state=state_of(asked.state),
        catalogue="" if asked.catalogue is None else asked.catalogue.as_posix(),
        search=tuple(path.as_posix() for path in asked.search or ()),
        playbook=_file_of(playbook),
        policy=asked.policy.as_posix() if isinstance(asked, AskedToChange) and asked.policy else "",
        sign_with="" if asked.sign_with is None else asked.sign_with.as_posix(),
        anchor=tuple(each for each in asked.anchor or () if not each.startswith("command:")),
    )


def named_in(begun: Begun) -> Mapping[str, tuple[str, ...]]:
    """What of it a journal has; see RunStarted."""
    told = {
        "inventory": begun.inventory,
        "search": begun.search,
        **{name: (path,) for name, path in _alone(begun).items() if path},
    }
    return {name: tuple(paths) for name, paths in told.items() if paths}


def state_of(state: Path) -> str:
    """What `--state` is to name: nothing for the usual place, unless a variable names another one."""
    return "" if state == STATE and not os.environ.get("EXRUN_STATE") else state.as_posix()


def _alone(begun: Begun) -> Mapping[str, str]:
    return {"catalogue": begun.catalogue, "playbook": begun.playbook, "policy": begun.policy}


def _file_of(playbook: ReadyPlaybook) -> str:
    """The file of a playbook that is none of this version's, as `--playbook` takes it."""
    if playbook.source.startswith(BUILT_IN):
        return ""
    path = Path(playbook.source)
    return f"./{path.as_posix()}" if path.parent == Path() else path.as_posix()
