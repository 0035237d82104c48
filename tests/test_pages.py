"""Each command that a page shows runs in the order of the page, in a fresh folder over the lab, and what it shows
behind is what comes out. What cannot run here stands in a table with its reason; a page that no table knows fails."""

from __future__ import annotations

import glob
import itertools
import json
import os
import re
import shlex
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from runner.cli import catalogue
from runner.cli.main import main
from runner.lab.certificates import Authority
from runner.lab.demo.planting import planted
from runner.lab.engines.sim import SimEngine
from runner.lab.fleet import Account, Fleet, LabHost
from runner.lab.fleet_file import load_fleet
from runner.lab.publishing import inventory_text, password_variables
from runner.lab.server import start
from runner.lab.state import HostState
from tests.runner.cli.test_lab_up import lab_up
from tests.runner.forwarding.test_sinks import Endpoint, listening
from tests.runner.lab.engines.isolations import PLAIN
from tests.runner.lab.engines.states import DISABLED, STATES
from tests.runner.secrets.test_vault import vault
from tests.waiting import HANG_SECONDS

ROOT = Path(__file__).resolve().parent.parent
PAGES = {
    path.relative_to(ROOT).as_posix(): path
    for path in sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), ROOT / "benchmarks" / "README.md"])
    if path.name != "CHANGELOG.md"  # which speaks of what was
}
PROGRAMS = (
    "exrun|export|cd|read|make|git|pip|pipx|uv|uvx|podman|docker|python|ssh-keygen|kinit|apt|apt-get"
    r"|(?:Get|Add|Set)-(?:Exchange|Server)\w+"
)
COMMAND = re.compile(rf"(?:{PROGRAMS}|\.) [^\s:=].*|(?:{PROGRAMS})")
COMMENT = re.compile(r"(?:\s{2,}|\s)#\s.*$")
PASSWORD = "Lab-passw0rd!"


@dataclass(frozen=True, slots=True)
class Shown:
    """A command as a page has it, and what the page shows as its output."""

    command: str
    output: str


def shown(text: str) -> list[Shown]:
    """The commands of a page: lines that stand indented behind an empty line, and begin with a program's name."""
    found: list[Shown] = []
    for block in re.findall(r"(?:(?<=\n\n)|\A)(?:^ {4,}.*\n|^\n(?= {4}))+", text, re.MULTILINE):
        command, output = "", list[str]()
        indent = len(block) - len(block.lstrip(" "))
        for line in [*block.splitlines(), None]:
            bare = line[indent:] if line is not None else ""
            if line is None or COMMAND.fullmatch(bare):
                if command:
                    found.append(Shown(command, "\n".join(output).strip("\n")))
                command, output = COMMENT.sub("", bare), []
            elif bare or output:
                output.append(bare)
    return found


# What cannot run here, by page and how the line begins, and why.
UNTRIED: Mapping[tuple[str, str], str] = {
    ("README.md", "make demo"): "tests/runner/lab/test_demo.py runs what it runs",
    ("README.md", "make test"): "is what runs this",
    ("README.md", "make setup"): "made what runs this",
    ("README.md", ". .venv"): "is for a shell",
    ("CONTRIBUTING.md", "make"): "is for developers; CI runs what it names",
    ("benchmarks/README.md", ""): "take minutes each; CI runs what has a limit",
    ("docs/how-to/audit-a-fleet.md", "Get-ExchangeServer"): "is for an Exchange server",
    ("docs/how-to/audit-a-fleet.md", "read -rs"): "reads from a keyboard",
    ("docs/how-to/mitigate.md", "Get-ServerHealth"): "is for an Exchange server",
    ("docs/how-to/mitigate.md", "Add-ServerMonitoringOverride"): "is for an Exchange server",
    ("docs/how-to/install.md", "git clone"): "names no repository; tests/test_installing.py installs from a checkout",
    ("docs/how-to/install.md", "cd exrun"): "goes with the clone",
    ("docs/how-to/install.md", "pipx install"): "tests/test_installing.py runs it",
    ("docs/how-to/install.md", "uv tool install"): "tests/test_installing.py runs it",
    ("docs/how-to/install.md", "podman"): "make container-check runs it where podman is",
    ("docs/how-to/install.md", "pip wheel"): "downloads every dependency; tests/test_installing.py builds the wheel",
    ("docs/how-to/install.md", "exrun lab demo"): "tests/runner/lab/test_demo.py runs it",
    (
        "docs/how-to/update-without-internet.md",
        "ssh-keygen",
    ): "KEY stands for yours; the line above it signs the same",
}
ELSEWHERE: Mapping[str, str] = {
    "docs/how-to/write-an-action.md": "tests/runner/cli/test_pages_for_authors.py",
    "docs/how-to/write-a-client-playbook.md": "tests/runner/cli/test_pages_for_authors.py",
    "docs/reference/command-line.md": "tests/test_documentation.py: examples, each by itself, which it parses",
}


@dataclass
class Reader:
    """Who follows a page in a fresh folder, with the servers that it speaks of."""

    folder: Path
    patched: pytest.MonkeyPatch
    capsys: pytest.CaptureFixture[str]
    with_it: ExitStack
    instead: dict[str, str] = field(default_factory=dict)  # of a page's text, what stands for it here

    def serve(self, **clients: Mapping[str, HostState]) -> None:
        """The servers of each client, an inventory.yml of them, and names NAME.CLIENT.example that lead to them."""
        each_its_own = itertools.count(1)  # address, as servers have it
        hosts = tuple(
            LabHost(
                client,
                name,
                state.model_copy(update={"name": name}),
                Account(f"{client.upper()}\\svc-audit", PASSWORD),
                address=f"127.0.7.{next(each_its_own)}",
                authentication="ntlm",
                labels={"role": "Mailbox"},
            )
            for client, states in clients.items()
            for name, state in states.items()
        )
        fleet = Fleet(hosts)
        lab = self.with_it.enter_context(start(fleet, {"sim": SimEngine()}))
        for client, variable in password_variables(fleet).items():
            self.patched.setenv(variable, PASSWORD)
            self.patched.setenv(f"{client.upper()}_PW", PASSWORD)
        self.write("inventory.yml", inventory_text(lab, None, {}))
        served = {f"{each.host.name}.{each.host.client}.example".lower(): each for each in lab.hosts.values()}
        known = socket.getaddrinfo

        def asked(host: Any, port: Any, *rest: Any, **options: Any) -> Any:
            if host in served and not options.get("flags"):
                return known(served[host].host.address, served[host].port, *rest, **options)
            return known(host, port, *rest, **options)

        self.patched.setattr(socket, "getaddrinfo", asked)

    def write(self, name: str, text: str) -> None:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")

    def written(self, page: str, beginning: str, name: str) -> None:
        """A file that a page shows, as it shows it."""
        blocks = re.findall(r"(?:^ {4}.*\n|^\n(?= {4}))+", PAGES[page].read_text(encoding="utf-8"), re.MULTILINE)
        [block] = [
            re.sub(r"^ {4}", "", one, flags=re.MULTILINE) for one in blocks if one.lstrip().startswith(beginning)
        ]
        self.write(name, block.strip("\n") + "\n")

    def key(self, name: str, path: Path) -> str:
        """A pair of keys; its public half, as OpenSSH's lists have it."""
        path.parent.mkdir(parents=True, exist_ok=True)
        if shutil.which("ssh-keygen") is None:
            pytest.skip("NO SSH-KEYGEN: install OpenSSH's client")
        made = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", str(path)]
        subprocess.run(made, check=True, timeout=HANG_SECONDS)
        return " ".join(Path(f"{path}.pub").read_text("utf-8").split()[:2])

    def policy(self) -> None:
        """Who approves: the reader by a key of their own, and the board."""
        ops = self.key("ops@alpha.example", Path.home() / ".ssh" / "id_ed25519")
        board = self.key("board@alpha.example", Path("board"))
        keys = f"  - key: ops@alpha.example {ops}\n  - key: board@alpha.example {board}\n"
        self.write("policy.yml", f"client: alpha\napprovers:\n{keys}planner_may_approve: true\n")
        self.write("allowed_signers", f"ops@alpha.example {ops}\nboard@alpha.example {board}\n")

    def run(self, one: Shown) -> tuple[int, str]:
        """Its exit status, and all that it said."""
        line = one.command
        for text, other in self.instead.items():
            line = line.replace(text, other)
        line, _, target = line.partition(" > ")
        line, _, source = line.partition(" < ")
        words = [each for word in shlex.split(line) for each in _expanded(word, line)]
        self.capsys.readouterr()
        match words:
            case ["export", assigned]:
                name, _, value = assigned.partition("=")
                self.patched.setenv(name, value)
                return 0, ""
            case ["cd", folder]:
                self.patched.chdir(folder)
                return 0, ""
            case ["exrun", "lab", "up", *rest]:
                return 0, "\n".join(self.with_it.enter_context(lab_up(*rest)))
            case ["exrun", *rest]:
                status = main(rest)
                said = self.capsys.readouterr()
                if target:
                    Path(target).write_text(said.out, encoding="utf-8")
                return status, said.err + said.out
            case [program, *rest]:
                program = sys.executable if program == "python" else program
                given = Path(source).read_bytes() if source else None
                command = [program, *rest]
                done = subprocess.run(command, input=given, capture_output=True, timeout=HANG_SECONDS, check=False)
                return done.returncode, (done.stderr + done.stdout).decode()
            case _:
                raise AssertionError(one)


def _expanded(word: str, line: str) -> list[str]:
    """As a shell does it: `~`, and `*` outside quotes."""
    if word.startswith("~/"):
        return [str(Path.home() / word[2:])]
    return sorted(glob.glob(word)) if "*" in word and f" {word}" in line else [word]


EXCHANGE = STATES["Exchange 2019 with its update"]
SERVICES = {**EXCHANGE.services, "MSExchangeTransport": DISABLED["MSExchangeTransport"]}
STOPPED = EXCHANGE.model_copy(update={"services": SERVICES})
REPAIR = "name: repair\ntitle: Services run\nsteps: [{id: services, action: exchange.services}]\n"
DEMO = Path("runner", "lab", "demo")


def demo(fleet: str) -> dict[str, HostState]:
    """The servers of a fleet of the demo."""
    return {host.name: host.state for host in planted(load_fleet(ROOT / DEMO / fleet, engine="sim")).hosts}


def exported(client: str, *names: str) -> str:
    """What `Get-ExchangeServer | Export-Csv` writes of servers."""
    rows = [f'"{name}","{name.lower()}.{client}.example","Mailbox","Standard"' for name in names]
    return "\n".join(['"Name","Fqdn","ServerRole","Edition"', *rows]) + "\n"


def two(reader: Reader) -> None:
    reader.serve(alpha={"EX1": STOPPED, "EX3": STOPPED})


def in_a_group(reader: Reader) -> None:
    two(reader)
    text = Path("inventory.yml").read_text(encoding="utf-8").replace("    hosts:", "    groups: {dag1: {}}\n    hosts:")
    reader.write("inventory.yml", text.replace('"labels"', '"groups": ["dag1"], "labels"'))


def of_a_plan(reader: Reader) -> None:
    two(reader)
    reader.policy()
    reader.write("repair.yml", REPAIR)


def planned(reader: Reader) -> None:
    """The page goes on from a plan that nobody had to approve."""
    of_a_plan(reader)
    assert main(["plan", "./repair.yml", "-i", "inventory.yml", "-o", "plan.json"]) == 1


def with_a_plan(reader: Reader) -> None:
    """The page goes on from a plan that is made and approved."""
    of_a_plan(reader)
    assert main(["plan", "./repair.yml", "-i", "inventory.yml", "-o", "plan.json", "--policy", "policy.yml"]) == 1
    assert main(["approve", "plan.json", "--key", str(Path.home() / ".ssh" / "id_ed25519")]) == 0


def of_an_export(reader: Reader) -> None:
    reader.serve(alpha=dict.fromkeys(("EX1", "EX3", "EX9"), STOPPED), beta={"MBX1": EXCHANGE})
    Path("inventory.yml").unlink()
    reader.write("servers.csv", exported("alpha", "EX1", "EX3", "EX9"))
    reader.write("beta.csv", exported("beta", "MBX1"))
    if os.name != "nt":  # `ssh vault.example exrun-checkpoint`: what it is given is kept elsewhere
        reader.write("bin/ssh", "#!/bin/sh\ncat >> checkpoints\necho >> checkpoints\n")
        Path("bin/ssh").chmod(0o700)
        reader.patched.setenv("PATH", f"{Path('bin').resolve()}{os.pathsep}{os.environ['PATH']}")


def of_march(reader: Reader) -> None:
    servers = demo("march/fleet.yml")
    reader.serve(alpha={name: servers[name] for name in ("MAIL1", "MAIL2")})


def of_a_suspect(reader: Reader) -> None:
    reader.serve(alpha={"EX1": demo("march/fleet.yml")["MAIL1"]})


def of_march_with_a_policy(reader: Reader) -> None:
    of_march(reader)
    reader.policy()


def isolated(reader: Reader) -> None:
    reader.serve(alpha={"EX1": PLAIN})
    reader.instead["management=10.0.5.7"] = "management=127.0.0.1"  # from where this run comes


def of_a_shell(reader: Reader) -> None:
    reader.serve(alpha={"EX05": demo("fleet.yml")["EX05"], "MAIL1": demo("march/fleet.yml")["MAIL1"]})
    reader.written("docs/how-to/quarantine-a-file.md", "name: quarantine", "quarantine.yml")


def checkout(reader: Reader) -> None:
    """A checkout, of which the lab's fleet is all that is needed."""
    shutil.copytree(ROOT / DEMO / "hosts", DEMO / "hosts")
    shutil.copy(ROOT / DEMO / "fleet.yml", DEMO)


def readme(reader: Reader) -> None:
    checkout(reader)
    of_an_export(reader)


def soc(reader: Reader) -> None:
    planned(reader)
    receivers(reader)
    authority = Authority(datetime.now(UTC))
    reader.write("soc-ca.pem", authority.pem.decode())
    context = authority.server_context(authority.server("soc", "127.0.0.1"))

    def read(connection: socket.socket) -> None:
        with context.wrap_socket(connection, server_side=True) as sealed:
            while sealed.recv(1000):
                pass
            sealed.unwrap()

    port = reader.with_it.enter_context(listening(read))
    reader.instead["syslog+tls://soc.example.com"] = f"syslog+tls://127.0.0.1:{port}"


def people(reader: Reader) -> None:
    of_a_plan(reader)
    receivers(reader)


def receivers(reader: Reader) -> None:
    """Who is told, and a store of secrets."""
    served = reader.with_it.enter_context(Endpoint())
    mount = {"data": {"path": "secret/", "type": "kv", "options": {"version": "2"}}}
    kept = {"soc": {"header": "Bearer not-a-real-token"}, "oncall": {"address": f"json://{served.address}/oncall"}}
    answers: dict[str, tuple[int, object]] = {}
    for name, fields in kept.items():
        answers[f"/v1/sys/internal/ui/mounts/secret/{name}"] = (200, mount)
        answers[f"/v1/secret/data/{name}"] = (200, {"data": {"data": fields, "metadata": {"version": 1}}})
    store = reader.with_it.enter_context(vault(answers))
    reader.patched.setenv("VAULT_ADDR", store.address)
    reader.patched.setenv("VAULT_TOKEN", "not-a-real-token")
    reader.patched.setenv("SOC_HEADER", "Bearer not-a-real-token")
    reader.patched.setenv("BOARD", f"json://{served.address}/board")
    reader.instead["https://soc.example.com"] = f"http://{served.address}"
    reader.instead["otlp+https://collector.example.com:4318"] = f"otlp+http://{served.address}"
    reader.instead["mailtos://exrun:PASSWORD@mail.example.com?to=oncall@example.com"] = f"json://{served.address}/on"


AUTHOR = "identity--7f1c5b0e-3c57-4a53-8e4f-4f5a3f2f3c13"


def tables(reader: Reader) -> None:
    """Rows of one's own, lists of others, and a set that somebody has signed."""
    reader.serve(alpha={"EX1": demo("march/fleet.yml")["MAIL6"]})
    reader.patched.setattr(catalogue, "_now", lambda: datetime(2026, 12, 15, tzinfo=UTC))
    signer = reader.key("ops@alpha.example", Path.home() / ".ssh" / "id_ed25519")
    reader.write("allowed_signers", f'ops@alpha.example namespaces="exrun-catalogue" {signer}\n')
    reader.write(
        "our-rows/known-bad-sha256.csv",
        f"sha256,source,what,licence,author,url\n{'9f' * 32},ticket 4711,a page,our own,,\n",
    )
    reader.write("hashes.txt", "8e" * 32 + "\n")
    indicator = {
        "type": "indicator", "id": "indicator--7f1c5b0e-3c57-4a53-8e4f-4f5a3f2f3c11", "spec_version": "2.1",
        "name": "a web shell", "created_by_ref": AUTHOR, "pattern_type": "stix",
        "object_marking_refs": ["marking-definition--34098fce-860f-48ae-8e50-ebd3cc5e41da"],
        "pattern": f"[file:hashes.'SHA-256' = '{'7d' * 32}']",
        "created": "2026-10-01T00:00:00Z", "modified": "2026-10-01T00:00:00Z", "valid_from": "2026-10-01T00:00:00Z",
    }  # fmt: skip
    author = {
        "type": "identity", "id": AUTHOR, "spec_version": "2.1", "name": "CERT", "identity_class": "organization",
        "created": "2026-10-01T00:00:00Z", "modified": "2026-10-01T00:00:00Z",
    }  # fmt: skip
    green = {
        "type": "marking-definition", "id": "marking-definition--34098fce-860f-48ae-8e50-ebd3cc5e41da",
        "definition_type": "tlp", "definition": {"tlp": "green"},
    }  # fmt: skip
    bundle = {
        "type": "bundle",
        "id": "bundle--7f1c5b0e-3c57-4a53-8e4f-4f5a3f2f3c12",
        "objects": [author, green, indicator],
    }
    reader.write("cert-bundle.json", json.dumps(bundle))
    reader.instead["/media/usb/"] = ""
    if reader.folder.name == "catalogue":  # whose page takes a set that somebody has made
        key = str(Path.home() / ".ssh" / "id_ed25519")
        assert main(["catalogue", "pack", "exrun-2026-12-14", "--as-of", "2026-12-14", "--sign", key]) == 0


def branded(reader: Reader) -> None:
    two(reader)
    assert main(["audit", "-i", "inventory.yml"]) in (0, 1)
    reader.written("docs/reference/brand.md", "name: Contoso", "contoso.yml")
    reader.write("contoso.png", "")
    Path("contoso.png").write_bytes(
        bytes.fromhex("89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c4890000000049454e44ae426082")
    )


def lab_file(reader: Reader) -> None:
    text = (ROOT / "docs" / "reference" / "lab.md").read_text(encoding="utf-8")
    reader.write("fleet.yml", re.sub(r"^ {4}", "", re.findall(r"(?:^ {4}.*\n)+", text, re.M)[1], flags=re.M))
    for name in ("ex1", "ex2"):
        reader.write(f"states/{name}.yml", "name: EX\n")


@dataclass(frozen=True)
class Followed:
    """How a page is followed: what is there before, and which statuses its commands have that do not end with 0."""

    ready: Callable[[Reader], None]
    statuses: Mapping[str, int] = field(default_factory=dict)


MITIGATE_BLOCK = "exrun plan exchange-mitigate client:alpha -i inventory.yml --param block"
USUAL = {"exrun audit": 1, "exrun plan": 1}  # there is something to do on the lab's servers
FOLLOWED: Mapping[str, Followed] = {
    "README.md": Followed(readme),
    "docs/tutorial/first-audit.md": Followed(checkout, {"exrun audit client:fabrikam": 3}),
    "docs/how-to/apply-a-plan.md": Followed(with_a_plan),
    "docs/how-to/audit-a-fleet.md": Followed(
        of_an_export, {"exrun audit -i inventory.yml --playbook exchange-investigate": 3, "exrun watch": 1}
    ),
    "docs/how-to/find-out-why-a-server-does-not-answer.md": Followed(in_a_group),
    "docs/how-to/install.md": Followed(lambda reader: None),
    "docs/how-to/investigate-a-server.md": Followed(of_march, {"exrun audit": 3}),
    "docs/how-to/isolate-a-server.md": Followed(isolated),
    "docs/how-to/let-an-editor-check.md": Followed(lambda reader: None),
    "docs/how-to/mitigate.md": Followed(of_march, {MITIGATE_BLOCK: 0}),
    "docs/how-to/plan-a-change.md": Followed(of_a_plan),
    "docs/how-to/quarantine-a-file.md": Followed(of_a_shell),
    "docs/how-to/remove-web-shells.md": Followed(of_a_shell),
    "docs/how-to/report-a-bug.md": Followed(of_a_suspect),
    "docs/how-to/respond-to-proxylogon.md": Followed(of_march_with_a_policy, {"exrun plan": 3}),
    "docs/how-to/tell-a-soc.md": Followed(soc),
    "docs/how-to/tell-people.md": Followed(people),
    "docs/how-to/update-without-internet.md": Followed(tables),
    "docs/reference/brand.md": Followed(branded),
    "docs/reference/catalogue.md": Followed(tables, {"exrun catalogue find": 1}),
    "docs/reference/lab.md": Followed(lab_file),
    "docs/reference/plans.md": Followed(two),
    "docs/reference/policies.md": Followed(with_a_plan),
}


def commands(page: str) -> list[Shown]:
    """Those of a page that are to run here."""
    untried = [beginning for of, beginning in UNTRIED if of == page]
    found = shown(PAGES[page].read_text(encoding="utf-8"))
    return [one for one in found if not any(one.command.startswith(beginning) for beginning in untried)]


def test_every_page_with_commands_is_followed_by_a_test_and_no_table_has_what_is_not_there() -> None:
    found = {name: shown(path.read_text(encoding="utf-8")) for name, path in PAGES.items()}
    unknown = {name for name in found if commands(name)} - {*FOLLOWED, *ELSEWHERE}
    assert unknown == set()
    assert {name for name in (*FOLLOWED, *ELSEWHERE) if not found.get(name)} == set()
    lines = [(name, one.command) for name, each in found.items() for one in each]
    dead = [key for key in UNTRIED if not any(name == key[0] and line.startswith(key[1]) for name, line in lines)]
    assert dead == []
    stated = [(name, line) for name, page in FOLLOWED.items() for line in page.statuses]
    assert [key for key in stated if not any(name == key[0] and line.startswith(key[1]) for name, line in lines)] == []
    for other in ELSEWHERE.values():
        assert (ROOT / other.partition(":")[0]).is_file()


@pytest.mark.skipif(sys.platform == "win32", reason="a shell's lines")
@pytest.mark.parametrize("page", FOLLOWED)
def test_each_command_of_a_page_runs_in_its_order(
    page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in [name for name in os.environ if name.startswith("EXRUN_")]:
        monkeypatch.delenv(name)
    folder, home = tmp_path / Path(page).stem, tmp_path / "home"
    folder.mkdir()
    home.mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("SHELL", "/bin/bash")
    monkeypatch.setenv("COLUMNS", "80")
    with ExitStack() as with_it:
        reader = Reader(folder, monkeypatch, capsys, with_it)
        FOLLOWED[page].ready(reader)
        stated = {**USUAL, **FOLLOWED[page].statuses}
        wrong = []
        for one in commands(page):
            status, said = reader.run(one)
            expected = [code for line, code in stated.items() if one.command.startswith(line)][-1:] or [0]
            if [status] != expected or "exrun has a defect" in said:
                wrong.append(f"{one.command}: {int(status)}\n{said[-1500:]}")
            if one.output and not pattern(one.output).search(words(said)):
                wrong.append(f"{one.command}: not as shown\n{said}")
    assert not wrong, "\n".join(wrong)


def words(text: str) -> str:
    """What is said, however it is folded."""
    return " ".join(text.split())


def pattern(output: str) -> re.Pattern[str]:
    """What a page shows as output: `...` is a gap, and each run has an id of its own."""
    parts = [re.escape(words(part)) for part in output.split("...")]
    run = re.compile(r"\d{4}\\-\d\d\\-\d\dt\d{6}z\\-[0-9a-f]{4}")
    return re.compile(".*?".join(run.sub(r"[0-9]{4}-[0-9]{2}-[0-9]{2}t[0-9]{6}z-[0-9a-f]{4}", part) for part in parts))


def test_a_page_is_read_as_a_reader_does() -> None:
    text = "Do:\n\n    exrun runs        # all\n    cd x\n\n    a row...\n      below\n\n- so:\n\n        exrun diff\n"
    assert shown(text) == [Shown("exrun runs", ""), Shown("cd x", "a row...\n  below"), Shown("exrun diff", "")]
    assert pattern("a 2026-11-28t012323z-df68 b...d").search("a 2026-11-29t012324z-0f68 b c d")
    assert not pattern("a b").search("a c b")


def test_what_pages_have_written_in_a_checkout_is_not_offered_to_git() -> None:
    first = PAGES["README.md"].read_text(encoding="utf-8").partition("## Your first verdict")[2].partition("\n## ")[0]
    pages = first + PAGES["docs/tutorial/first-audit.md"].read_text(encoding="utf-8")
    files = {"lab-ca.pem", *re.findall(r"(?:-out|--ledger|--html|-o) ([\w-]+\.\w+)", pages)}
    assert {"inventory.yml", "ledger.jsonl"} <= files
    ignored = subprocess.run(["git", "check-ignore", *sorted(files)], cwd=ROOT, capture_output=True, text=True)
    assert set(ignored.stdout.split()) == files
