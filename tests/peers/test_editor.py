"""What `exrun init` lays out for VS Code, in the language servers that VS Code's extensions for YAML and TOML run.

They stand in .venv-peers/editor, where `make peers` installs them from tests/peers/editor/package-lock.json.
"""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from playbooks.catalogue.catalogue import Catalogue
from playbooks.loading import load_action
from playbooks.shelf import shelf
from runner.cli import init
from runner.cli.main import app
from tests.waiting import HANG_SECONDS

CATALOGUE = Catalogue.load()
MODULES = Path(__file__).resolve().parents[2] / ".venv-peers" / "editor" / "node_modules"
# What the extension has where a folder's settings say nothing: it would load a list of schemas from a network.
EXTENSION = {"yaml.validate": True, "yaml.completion": True, "yaml.schemaStore.enable": True}


class Editor:
    """As much of an editor as the server needs: it opens files, has its settings, and is told what to underline."""

    def __init__(self, server: subprocess.Popen[bytes], folder: Path, proxy: str, language: str = "yaml") -> None:
        self.folder = folder
        self.loaded: list[str] = []  # addresses that the server for TOML would have loaded
        self._language = language
        self._server = server
        self._settings: dict[str, Any] = EXTENSION | json.loads((folder / ".vscode" / "settings.json").read_text())
        self._settings["http.proxy"] = proxy
        self._asked = 0
        self._versions: dict[str, int] = {}
        root = folder.as_uri()
        capabilities = {
            "workspace": {"configuration": True, "workspaceFolders": True},
            "textDocument": {"completion": {"completionItem": {"documentationFormat": ["plaintext"]}}},
        }
        self._ask(
            "initialize",
            processId=None,
            rootUri=root,
            workspaceFolders=[{"uri": root, "name": "alpha"}],
            capabilities=capabilities,
        )
        self._tell("initialized")
        while self._message().get("method") != "workspace/configuration":
            pass  # a file that is opened before it has them would be looked at twice
        if language == "yaml":
            self._ask("textDocument/documentSymbol", textDocument={"uri": f"{root}/none.yml"})

    def underlined(self, name: str, text: str, *, waiting: bool = False) -> list[str]:
        """What is said about a file once it holds this text.

        Args:
            waiting: for something to be said: the server for TOML first says nothing, while it loads the schema.
        """
        uri, version = (self.folder / name).as_uri(), self._versions.get(name, 0) + 1
        self._versions[name] = version
        if version == 1:
            document = {"uri": uri, "languageId": self._language, "version": version, "text": text}
            self._tell("textDocument/didOpen", textDocument=document)
        else:
            changed = {"uri": uri, "version": version}
            self._tell("textDocument/didChange", textDocument=changed, contentChanges=[{"text": text}])
        while True:
            message = self._message()
            if message.get("method") != "textDocument/publishDiagnostics" or message["params"]["uri"] != uri:
                continue
            if message["params"]["diagnostics"] or not waiting:
                lines = text.splitlines()
                return [
                    f"{lines[each['range']['start']['line']].strip()} -> {each['message']}"
                    for each in message["params"]["diagnostics"]
                ]

    def completed(self, name: str, text: str) -> dict[str, str]:
        """What is offered at the mark `|`, with what is said of it."""
        before, after = text.split("|")
        self.underlined(name, before + after, waiting=self._language == "toml")
        answer = self._ask(
            "textDocument/completion",
            textDocument={"uri": (self.folder / name).as_uri()},
            position={"line": before.count("\n"), "character": len(before.rsplit("\n", 1)[-1])},
        )
        items = answer if isinstance(answer, list) else answer["items"]
        said = {item["label"]: item.get("documentation", "") for item in items}
        return {label: each["value"] if isinstance(each, dict) else each for label, each in said.items()}

    def hovered(self, name: str, text: str) -> str:
        """What is said of what stands at the mark `|`."""
        before, after = text.split("|")
        self.underlined(name, before + after)
        said = self._ask(
            "textDocument/hover",
            textDocument={"uri": (self.folder / name).as_uri()},
            position={"line": before.count("\n"), "character": len(before.rsplit("\n", 1)[-1])},
        )
        return str(said["contents"]["value"]) if said else ""

    def _ask(self, method: str, **parameters: object) -> Any:
        self._asked += 1
        self._send({"id": self._asked, "method": method, "params": parameters})
        while True:
            message = self._message()
            if message.get("id") == self._asked and "method" not in message:
                assert "error" not in message, message
                return message["result"]

    def _tell(self, method: str, **parameters: object) -> None:
        self._send({"method": method, "params": parameters})

    def _send(self, message: dict[str, Any]) -> None:
        body = json.dumps({"jsonrpc": "2.0", **message}).encode()
        assert self._server.stdin is not None
        self._server.stdin.write(b"Content-Length: %d\r\n\r\n%s" % (len(body), body))
        self._server.stdin.flush()

    def _message(self) -> dict[str, Any]:
        """The next message; what the server asks is answered on the way."""
        assert self._server.stdout is not None
        length = 0
        while (line := self._server.stdout.readline().strip()) or not length:
            assert line, "the language server ended"
            name, _, value = line.partition(b":")
            if name.lower() == b"content-length":
                length = int(value)
        message: dict[str, Any] = json.loads(self._server.stdout.read(length))
        if message.get("method") == "exrun/fetch":
            self.loaded.append(message["params"]["url"])
        if "id" in message and "method" in message:
            asked = message["params"].get("items", []) if message["method"] == "workspace/configuration" else None
            result = None if asked is None else [self._section(item["section"]) for item in asked]
            self._send({"id": message["id"], "result": result})
        return message

    def _section(self, section: str) -> dict[str, Any]:
        """A section of the settings as VS Code hands it over: dots are levels."""
        held: dict[str, Any] = {}
        for key, value in self._settings.items():
            first, *path, last = key.split(".")
            if first == section:
                below = held
                for each in path:
                    below = below.setdefault(each, {})
                below[last] = value
        return held


@pytest.fixture(scope="module")
def network() -> Iterator[socket.socket]:
    """Where the server would come by on its way to a network: its proxy."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.setblocking(False)
        yield listening


@contextmanager
def opened(folder: Path, package: str, program: list[str], proxy: str, language: str) -> Iterator[Editor]:
    """A folder of `exrun init`, opened with the server of a language."""
    node = shutil.which("node")
    if node is None or not (MODULES / package).is_dir():
        pytest.skip(f"NO {package}: it is not in .venv-peers; with node and npm `make peers` installs and runs it")
    made = CliRunner().invoke(app, ["init", str(folder), "--client", "alpha"])
    assert made.exit_code == 0, made.output
    server = subprocess.Popen([node, *program], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    hanging = threading.Timer(HANG_SECONDS, server.kill)
    hanging.start()
    try:
        yield Editor(server, folder, proxy, language)
    finally:
        hanging.cancel()
        server.kill()
        server.communicate()


@pytest.fixture(scope="module")
def editor(tmp_path_factory: pytest.TempPathFactory, network: socket.socket) -> Iterator[Editor]:
    """The YAML extension's."""
    program = [str(MODULES / "yaml-language-server" / "bin" / "yaml-language-server"), "--stdio"]
    proxy = f"http://127.0.0.1:{network.getsockname()[1]}"
    with opened(tmp_path_factory.mktemp("yaml") / "alpha", "yaml-language-server", program, proxy, "yaml") as found:
        yield found


@pytest.fixture(scope="module")
def toml(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Editor]:
    """Even Better TOML's."""
    program = [str(Path(__file__).parent / "editor" / "taplo.cjs"), str(MODULES)]
    with opened(tmp_path_factory.mktemp("toml") / "alpha", "@taplo/lsp", program, "", "toml") as found:
        yield found


@pytest.mark.parametrize("name", ["inventory.yml", "playbooks/monthly.yml", "policy.yml"])
def test_nothing_of_a_fresh_folder_is_underlined(editor: Editor, name: str) -> None:
    assert editor.underlined(name, (editor.folder / name).read_text(encoding="utf-8")) == []


def test_nothing_of_a_fresh_inventory_is_underlined_once_its_example_is_no_comment(editor: Editor) -> None:
    text = (editor.folder / "inventory.yml").read_text(encoding="utf-8")
    assert editor.underlined("inventory.yml", text.replace("      # E", "      E")) == []


INVENTORY = "exrun: inventory/1\nclients:\n  alpha:\n    hosts:\n      EX01:\n        address: 192.0.2.1\n"
BRAND = 'name: Contoso Ltd\ncolour: "#005a9c"\n'
CASES = "cases:\n  - case: It is off.\n    params: {path: x}\n    observed: []\n    expect: {verdict: ok}\n"
POLICY = "client: alpha\napprovers:\n  - key: board@alpha.example ssh-ed25519 AAAA\napprovals: 1\n"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("inventory.yml", INVENTORY),
        ("policy.yml", POLICY),
        ("brand.yml", BRAND),
        ("playbooks/actions/my/smb/cases/one.yml", CASES),
    ],
)
def test_nothing_that_is_right_is_underlined(editor: Editor, name: str, text: str) -> None:
    assert editor.underlined(name, text) == []


@pytest.mark.parametrize(
    ("name", "text", "line"),
    [
        (
            "inventory.yml",
            INVENTORY.replace("address", "adress"),
            "adress: 192.0.2.1",
        ),
        (
            "playbooks/monthly.yml",
            "name: monthly\ntitle: M\nsteps:\n  - id: one\n    action: exchange.version\n    wiht: {}\n",
            "wiht: {}",
        ),
        ("policy.yml", POLICY + "aprovals: 2\n", "aprovals: 2"),
        ("brand.yml", BRAND + "colr: x\n", "colr: x"),
        ("playbooks/actions/my/smb/cases/one.yml", CASES.replace("params", "parms"), "parms: {path: x}"),
        ("playbooks/actions/my/smb/action.yml", "title: Shares\ncolect: []\n", "colect: []"),
    ],
)
def test_a_wrong_key_is_underlined(editor: Editor, name: str, text: str, line: str) -> None:
    key = line.partition(":")[0]
    assert f"{line} -> Property {key} is not allowed." in editor.underlined(name, text)


def test_keys_and_choices_are_completed_with_what_each_is_for(editor: Editor) -> None:
    offered = editor.completed("inventory.yml", INVENTORY.replace("address: 192.0.2.1", "|"))
    assert {"address", "credential", "scheme"} <= set(offered)
    assert all(offered[key] for key in ("address", "credential", "scheme"))
    scheme = INVENTORY.replace("address: 192.0.2.1", "scheme: |")
    assert {"http", "https"} <= set(editor.completed("inventory.yml", scheme))
    begun = "name: monthly\ntitle: M\nsteps:\n  - id: one\n    |\n"
    offered = editor.completed("playbooks/monthly.yml", begun)
    assert {"action", "when", "with", "on_failure"} <= set(offered)
    assert "Runs the step only where this is true" in offered["when"]
    assert {"stop", "continue", "rollback"} <= set(
        editor.completed("playbooks/monthly.yml", begun.replace("|", "action: a.b\n    on_failure: |"))
    )
    assert {"approvals", "windows"} <= set(editor.completed("policy.yml", "client: alpha\n|\n"))
    assert {"ink", "logo"} <= set(editor.completed("brand.yml", BRAND + "|\n"))
    assert {"observed", "state", "today"} <= set(
        editor.completed("playbooks/actions/my/smb/cases/one.yml", CASES.replace("observed: []", "|"))
    )


STEP = "name: monthly\ntitle: M\nsteps:\n  - id: one\n    action: "
CONTRACTS = {found.name: load_action(found, CATALOGUE).contract for found in shelf([]).actions}


def test_every_action_of_this_version_is_offered_with_what_it_is(editor: Editor) -> None:
    for begun in ("|", "exchange|"):
        offered = editor.completed("playbooks/monthly.yml", STEP + begun + "\n")
        assert set(offered) == set(CONTRACTS)
        assert {name: f"{each.title}. {each.description}" for name, each in CONTRACTS.items()} == offered


@pytest.mark.parametrize("action", sorted(CONTRACTS))
def test_the_parameters_of_an_action_are_offered_with_what_each_is_for(editor: Editor, action: str) -> None:
    offered = editor.completed("playbooks/monthly.yml", f"{STEP}{action}\n    with:\n      |\n")
    params = CONTRACTS[action].params
    assert set(offered) - {f"Parameters of {action}"} == set(params)  # that is: all which must be given, at once
    assert all(offered[name].startswith(spec.description.removesuffix(".")) for name, spec in params.items())


def test_the_choices_of_a_parameter_are_offered(editor: Editor) -> None:
    begun = STEP + "exchange.patch\n    with:\n      campaign: |\n"
    assert {"all", *CATALOGUE.campaigns} <= set(editor.completed("playbooks/monthly.yml", begun))


def test_an_action_and_its_parameters_say_what_they_are_for(editor: Editor) -> None:
    said = editor.hovered("playbooks/monthly.yml", STEP + "windows.iso|late\n")
    assert "Isolation by Windows Firewall. Cuts a server off" in said
    assert "Restarts a server" not in said  # what others do
    begun = STEP + "windows.isolate\n    with:\n      str|ict: true\n"
    assert CONTRACTS["windows.isolate"].params["strict"].description in editor.hovered("playbooks/monthly.yml", begun)
    assert "An action of a playbook's own" in editor.hovered("playbooks/monthly.yml", STEP + "my.sm|b\n")


@pytest.mark.parametrize(
    ("step", "wrong"),
    [
        ("my.smb\n    with: {anything: 1}", []),
        ('exchange.patch\n    with: {campaign: "{{ params.campaign }}"}', []),
        ("exchange.patch\n    with: {campaign: of-our-own-catalogue}", []),
        (
            "exchange.patch\n    with: {campaing: all}",
            ["with: {campaing: all} -> Property campaing is not allowed."],
        ),
        ("file.quarantine\n    with: {path: x}", ['with: {path: x} -> Missing property "sha256".']),
    ],
)
def test_a_step_is_underlined_for_names_of_parameters_and_for_no_value(
    editor: Editor, step: str, wrong: list[str]
) -> None:
    assert editor.underlined("playbooks/monthly.yml", f"{STEP}{step}\n") == wrong


def test_nothing_is_loaded_from_a_network(editor: Editor, network: socket.socket) -> None:
    editor.underlined("playbooks/other.yml", "name: other\n")
    editor.underlined("unknown.yml", "any: thing\n")
    with pytest.raises(BlockingIOError):
        network.accept()


FRESH_TOML = Path(init.__file__).with_name("project") / "exrun.toml"
MISSPELT = "\n[doctor]\ntimeuot = 3\n"


def test_of_a_fresh_exrun_toml_only_what_is_misspelt_is_underlined(toml: Editor) -> None:
    text = FRESH_TOML.read_text(encoding="utf-8").replace("# timeout", "timeout").replace("# parallel", "parallel")
    [wrong] = toml.underlined("exrun.toml", text + MISSPELT, waiting=True)
    assert wrong == "[doctor] -> Additional properties are not allowed ('timeuot' was unexpected)"


def test_options_of_a_command_and_their_choices_are_completed_in_exrun_toml(toml: Editor) -> None:
    first = FRESH_TOML.read_text(encoding="utf-8").splitlines()[0] + "\n"
    offered = toml.completed("options.toml", first + "[audit]\np|\n")
    assert {"parallel", "playbook", "timeout"} <= set(offered)
    assert offered["parallel"] == "Servers at a time."
    assert "allow-cleartext" not in offered
    offered = toml.completed("choices.toml", first + "[audit]\nformat = |\n")
    assert {'"json"', '"sarif"'} <= set(offered)


def test_the_server_for_toml_asks_for_its_list_once_as_it_starts_and_never_again(toml: Editor) -> None:
    """Before it has heard of any setting, so that no folder can keep it from that."""
    toml.underlined("unknown.toml", "any = 'thing'\n=\n", waiting=True)
    assert toml.loaded == ["https://www.schemastore.org/api/json/catalog.json"]
