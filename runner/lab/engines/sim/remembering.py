"""What a script said is kept as messages: it is worked out and written once for all pools that are alike in it."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator

from runner.lab.engines.sim.pipeline import messages_of
from runner.lab.engines.sim.streams import Exited, Failed, Item, Items, Ready, Verbose, Waits, Warned
from runner.lab.psrp import Message

LONGEST = 200  # items of an answer that is kept: longer ones are said in slices, between which others have their turn


class Answers:
    """Answers by what they depend on, a script and an object that does not change; all hosts of an engine share them.

    Args:
        size: so many are kept; the one that was asked for longest ago goes first.
    """

    def __init__(self, size: int = 1024) -> None:
        self._size = size
        # With the object itself, so that no other can get its id.
        self._known: OrderedDict[tuple[int, str], tuple[object, tuple[Item, ...]]] = OrderedDict()

    def said(self, source: object, script: str, work_out: Callable[[], Items]) -> Items:
        """What `work_out` gives.

        Args:
            source: what the answer depends on beside the script.
        """
        known = self._known.get((id(source), script))
        if known is None:
            return self._listened(source, script, work_out())
        self._known.move_to_end((id(source), script))
        return iter(known[1])

    def _listened(self, source: object, script: str, items: Items) -> Items:
        """The items as they come; kept once the last has come, unless they are many."""
        heard: list[Item] = []
        for item in items:
            if len(heard) <= LONGEST:
                heard.append(item)
            if isinstance(item, Failed | Exited):  # nobody asks for more
                self._keep(source, script, heard)
            yield item
        self._keep(source, script, heard)

    def _keep(self, source: object, script: str, heard: list[Item]) -> None:
        if len(heard) <= LONGEST:
            self._known[id(source), script] = (source, tuple(ready(heard)))
            if len(self._known) > self._size:
                self._known.popitem(last=False)


def ready(items: Iterable[Item]) -> Iterator[Item]:
    """The same items, with those that only speak as messages."""
    quiet: list[Message] = []
    shown: list[Message] = []
    for item in items:
        if not isinstance(item, Failed | Waits | Exited):
            messages = tuple(messages_of(item, False))
            quiet += messages
            shown += tuple(messages_of(item, True)) if isinstance(item, Verbose | Warned) else messages
            continue
        if shown:
            yield Ready(tuple(quiet), tuple(shown))
            quiet, shown = [], []
        yield item
    if shown:
        yield Ready(tuple(quiet), tuple(shown))
