"""The message that runs scripts is the one that pypsrp writes, and what it runs can be read back from it."""

import xml.etree.ElementTree as ET

from hypothesis import example, given
from hypothesis import strategies as st
from pypsrp.complex_objects import ApartmentState, Command, HostInfo, Pipeline, RemoteStreamOptions
from pypsrp.messages import CreatePipeline
from pypsrp.serializer import Serializer

from runner.transport.clixml import unescaped
from runner.transport.statements import create_pipeline, escaped, texts_of

texts = st.text(max_size=30)


def by_pypsrp(scripts: list[str]) -> bytes:
    commands = [Command(text, is_script=True, use_local_scope=True) for text in scripts]
    for command in commands:
        command.end_of_statement = True
    message = CreatePipeline(
        True,
        ApartmentState(value=2),
        RemoteStreamOptions(value=0),
        False,
        HostInfo(host=None),
        Pipeline(is_nested=False, cmds=commands, history=None, redirect_err_to_out=False),
        False,
    )
    element = Serializer().serialize(message)
    assert element is not None
    return ET.tostring(element, encoding="utf-8")


def test_it_is_the_message_that_pypsrp_writes() -> None:
    for scripts in (["one"], ["one", "two"], ["a <'&\"> \r\n\t _x0041_ é 😀 \x01", "b", "c"]):
        ours, theirs = (ET.canonicalize(xml.decode()) for xml in (create_pipeline(scripts), by_pypsrp(scripts)))
        assert ours == theirs


@given(st.lists(st.text(st.characters(codec="utf-8"), max_size=30), min_size=1, max_size=4))
@example(["<S N='Cmd'>", "</S>]]>", "&amp;", "_x005F_x0041_", "_x0041", "_X0041_"])
def test_what_is_written_is_what_is_read(scripts: list[str]) -> None:
    read = texts_of(create_pipeline(scripts))
    assert read == ([*scripts, scripts[0]] if len(scripts) > 1 else scripts)


@given(st.text(st.characters(codec="utf-8")))
def test_an_escaped_text_is_undone(text: str) -> None:
    element = ET.XML(f"<S>{escaped(text)}</S>")
    assert unescaped(element.text or "") == text
