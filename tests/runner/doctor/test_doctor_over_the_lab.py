"""`exrun doctor` over real sockets on loopback: what can be wrong is told by its check, cause and next step."""

from __future__ import annotations

import hashlib
import json
import re
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from runner.cli.main import main
from runner.doctor.checks import Check, Standing
from runner.exit_status import ExitStatus
from runner.lab.engines.sim import SimEngine, responder
from runner.lab.faults import Act, Fault, Step
from runner.lab.fleet import Account, Fleet, LabHost, Limits
from runner.lab.server import Lab, start
from runner.lab.state import HostState, RegistryKey
from runner.reports.doctor import CheckMember, DoctorDocument, DoctorHostMember, schema_text
from runner.transport.failures import Cause
from runner.transport.gate import is_own

ACCOUNT = Account("alpha\\auditor", "Lab-passw0rd!")
Answering = Callable[[bytes], int]


DOCS = Path(__file__).resolve().parents[3] / "docs"
PAGE = (DOCS / "how-to" / "find-out-why-a-server-does-not-answer.md").read_text(encoding="utf-8")
# Of the table of causes: check, cause, and a part of what is said.
ROWS = re.findall(r"^\| `([a-z-]+)` \| `([a-z-]+)` \| ([^|]*?) ?\|", PAGE, re.MULTILINE)


def test_the_page_names_checks_in_their_order_and_causes_that_there_are() -> None:
    checks = re.findall(r"^\| `([a-z-]+)` \| [^`]", PAGE.partition("## What it can say")[0], re.MULTILINE)
    assert checks == list(Check)
    assert len(ROWS) > 30
    causes = {*Cause, "cleartext", "script-policy", "no-date"}
    assert [row for row in ROWS if row[0] not in set(Check) or row[1] not in causes] == []
    assert len(set(ROWS)) == len(ROWS)


def test_the_schema_that_is_published_is_current() -> None:
    published = (DOCS / "reference" / "schemas" / "doctor.json").read_text(encoding="utf-8")
    renew = "from runner.reports.doctor import schema_text; print(schema_text(), end='')"
    assert published == schema_text(), f'renew it: .venv/bin/python -c "{renew}" > docs/reference/schemas/doctor.json'


@dataclass(slots=True)
class Doctor:
    """The command in a folder of its own; it exits with `status`."""

    folder: Path
    capsys: pytest.CaptureFixture[str]
    status: int = -1
    errors: str = ""
    clients: dict[str, dict[str, dict[str, Any]]] = field(default_factory=dict)

    def host(self, name: str, port: int, client: str = "alpha", **settings: object) -> None:
        """A server of the inventory, which logs on by NTLM with a password of the environment."""
        usual = {"address": "127.0.0.1", "authentication": "ntlm", "user": f"{client}\\auditor"}
        settings = {**usual, "credential": f"env:{client.upper()}", "port": port, **settings}
        self.clients.setdefault(client, {})[name] = {key: value for key, value in settings.items() if value is not None}

    def lab(self, lab: Lab, **settings: object) -> None:
        """All servers of a lab."""
        (self.folder / "ca.pem").write_bytes(lab.ca_pem)
        for served in lab.hosts.values():
            secure = {"scheme": "https", "ca_file": str(self.folder / "ca.pem")} if served.tls is not None else {}
            self.host(served.host.name, served.port, served.host.client, **{**secure, **settings})

    def text(self, *options: str) -> str:
        """What it prints for people."""
        lines = ["exrun: inventory/1", "clients:"]
        for client, hosts in self.clients.items():
            lines += [f"  {client}:", "    hosts:"]
            lines += [f"      {name}: {json.dumps(settings)}" for name, settings in hosts.items()]
        (self.folder / "inventory.yml").write_text("\n".join(lines) + "\n", encoding="utf-8")
        at = ("-i", str(self.folder / "inventory.yml"), "--state", str(self.folder / "state"))
        self.status = main(["doctor", *at, *options])
        said = self.capsys.readouterr()
        self.errors = said.err
        return said.out

    def __call__(self, *options: str) -> dict[str, DoctorHostMember]:
        """What it prints for programs, by name of the server."""
        document = DoctorDocument.model_validate_json(self.text("--format", "json", *options))
        return {host.name: host for host in document.hosts}


def checks(host: DoctorHostMember) -> dict[Check, CheckMember]:
    assert [each.check for each in host.checks] == list(Check)
    return {each.check: each for each in host.checks}


def failing(host: DoctorHostMember) -> CheckMember:
    """The one check that failed; nothing else did, and nothing is left open."""
    assert not host.passes
    [failed] = [each for each in host.checks if each.standing in (Standing.FAIL, Standing.UNKNOWN)]
    assert failed.standing is Standing.FAIL
    assert failed.said
    assert failed.cause
    assert failed.next
    told = [says for check, cause, says in ROWS if (check, cause) == (failed.check, failed.cause)]
    assert [says for says in told if says in failed.said], "docs/how-to/find-out-why-a-server-does-not-answer.md"
    return failed


@pytest.fixture
def doctor(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Doctor:
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("ALPHA", ACCOUNT.password)
    monkeypatch.setenv("BETA", ACCOUNT.password)
    return Doctor(tmp_path, capsys)


@pytest.fixture
def serve() -> Iterator[Callable[..., Lab]]:
    with ExitStack() as stack:

        def begin(*hosts: LabHost) -> Lab:
            return stack.enter_context(start(Fleet(hosts), {"sim": SimEngine()}))

        yield begin


def lab_host(name: str, *faults: Fault, client: str = "alpha", **settings: Any) -> LabHost:
    state = settings.pop("state", HostState(name=name))
    return LabHost(client, name, state, replace(ACCOUNT, user=f"{client}\\auditor"), faults=faults, **settings)


@pytest.fixture
def answering() -> Iterator[Callable[..., int]]:
    """A port that answers the first bytes of every connection with `said` and closes; by TLS where it is given."""
    with ExitStack() as stack:

        def begin(said: bytes, tls: ssl.SSLContext | None = None) -> int:
            server = stack.enter_context(closing(socket.create_server(("127.0.0.1", 0))))
            stopped = threading.Event()

            def run() -> None:
                while True:
                    taken, _ = server.accept()
                    with taken:
                        if stopped.is_set():
                            return
                        try:
                            spoken = taken if tls is None else tls.wrap_socket(taken, server_side=True)
                            with spoken:
                                if spoken.recv(65536):
                                    spoken.sendall(said)
                        except OSError:
                            continue

            def stop() -> None:
                stopped.set()
                socket.create_connection(server.getsockname()).close()
                thread.join(30)

            thread = threading.Thread(target=run, daemon=True)
            thread.start()
            stack.callback(stop)
            return int(server.getsockname()[1])

        yield begin


def certificate(folder: Path, *, name: str = "EX1", days: int = 30, begun: int = 1) -> tuple[ssl.SSLContext, Path]:
    """A server with a certificate that it issued itself, for 127.0.0.1; and that certificate, as a PEM file."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=begun))
        .not_valid_after(now + timedelta(days=days))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("127.0.0.1.example"), _loopback()]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = folder / f"{name.encode().hex()[:20]}{days}.pem"
    private = serialization.PrivateFormat.PKCS8
    pem.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, private, serialization.NoEncryption())
        + made.public_bytes(serialization.Encoding.PEM)
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    return context, pem


def _loopback() -> x509.IPAddress:
    import ipaddress

    return x509.IPAddress(ipaddress.ip_address("127.0.0.1"))


def test_servers_that_answer_pass_every_check_with_one_log_on_each(doctor: Doctor, serve: Callable[..., Lab]) -> None:
    lab = serve(lab_host("EX1"), lab_host("EX2", scheme="https"))
    doctor.lab(lab)
    found = doctor()
    for name, tls in (("EX1", Standing.SKIPPED), ("EX2", Standing.PASS)):
        said = checks(found[name])
        assert said.pop(Check.TLS).standing is tls
        assert {each.standing for each in said.values()} == {Standing.PASS}
        assert "5.1.17763.1" in said[Check.POWERSHELL].said
        assert "MaxShellsPerUser 30" in said[Check.QUOTAS].said
        assert " ms " in said[Check.TIME].said
        assert lab.host(f"alpha/{name}").counts.steps[Step.CREATE] == 1
        assert lab.host(f"alpha/{name}").counts.steps[Step.AUTHENTICATE] == 3  # one without account, and NTLM's two
        assert lab.host(f"alpha/{name}").service.shells == 0
    assert doctor.status == ExitStatus.WELL
    assert ACCOUNT.password not in str(found)


def test_servers_that_pass_fold_into_a_count_and_the_next_command_stands_last(
    doctor: Doctor, serve: Callable[..., Lab]
) -> None:
    doctor.lab(serve(*(lab_host(f"EX{number}") for number in range(1, 6))))
    said = doctor.text().splitlines()
    assert said[0] == "5 servers: 5 ready"
    assert said[1:] == [
        "next:",
        f"    exrun audit -i {doctor.folder / 'inventory.yml'} --state {doctor.folder / 'state'}",
    ]


def test_the_audit_that_comes_next_is_of_the_servers_that_were_selected(
    doctor: Doctor, serve: Callable[..., Lab]
) -> None:
    doctor.lab(serve(*(lab_host(f"EX{number}") for number in range(1, 4))))
    said = doctor.text("EX1 or EX3").splitlines()
    assert said[0] == "2 servers: 2 ready"
    assert said[2].startswith('    exrun audit "EX1 or EX3" -i ')


def test_a_password_that_cannot_be_had_leaves_the_way_to_the_server_to_be_looked_at(
    doctor: Doctor, serve: Callable[..., Lab]
) -> None:
    lab = serve(lab_host("EX1"))
    doctor.lab(lab, credential="env:NOT_THERE")
    [host] = doctor().values()
    failed = failing(host)
    assert (failed.check, failed.cause) == (Check.SECRET, "credential")
    assert "NOT_THERE is not set" in failed.said
    assert checks(host)[Check.OFFER].standing is Standing.PASS
    assert checks(host)[Check.LOG_ON].standing is Standing.SKIPPED
    assert lab.host("alpha/EX1").counts.steps[Step.AUTHENTICATE] == 1
    assert doctor.status == ExitStatus.FINDINGS


def test_a_name_that_leads_nowhere_is_told(doctor: Doctor) -> None:
    doctor.host("EX1", 5985, address="no-such-host.invalid")
    [host] = doctor().values()
    failed = failing(host)
    assert (failed.check, failed.cause) == (Check.NAME, "name-resolution")
    assert {each.standing for each in host.checks[2:]} == {Standing.SKIPPED}
    assert "name failed" in checks(host)[Check.TIME].said


def test_a_public_address_is_not_spoken_to_in_ntlm(doctor: Doctor) -> None:
    doctor.host("EX1", 5985, address="192.0.2.1")  # TEST-NET-1, RFC 5737
    failed = failing(doctor()["EX1"])
    assert (failed.check, failed.cause) == (Check.NAME, "public-address")
    assert "192.0.2.1" in failed.said or "outside private networks" in failed.said
    assert "allow_public" in failed.next


def test_a_port_at_which_nothing_listens_is_told(doctor: Doctor) -> None:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))  # and never listens
        port = bound.getsockname()[1]
        doctor.host("EX1", port)
        failed = failing(doctor()["EX1"])
    assert (failed.check, failed.cause) == (Check.PORT, "refused")
    assert f"port {port} of 127.0.0.1 refuses connections" in failed.said
    assert "winrm enumerate winrm/config/listener" in failed.next


def test_a_port_that_never_answers_is_told(doctor: Doctor) -> None:
    with socket.socket() as full, ExitStack() as stack:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        for _ in range(4):  # what waits fills its queue, and from then on nothing is answered
            waits = stack.enter_context(socket.socket())
            waits.setblocking(False)
            waits.connect_ex(full.getsockname())
        doctor.host("EX1", full.getsockname()[1])
        failed = failing(doctor("--connect-timeout", "1")["EX1"])
    assert (failed.check, failed.cause) == (Check.PORT, "timeout")
    assert "filters it" in failed.said
    assert "firewall" in failed.next


HTML = b"Content-Type: text/html\r\nContent-Length: 2\r\n\r\nno"


@pytest.mark.parametrize(
    ("head", "cause", "said", "then"),
    [
        (b"404 Not Found\r\nServer: Microsoft-IIS/10.0\r\n", "endpoint-missing", "IIS answers", "5985"),
        (b"404 Not Found\r\nServer: Microsoft-HTTPAPI/2.0\r\n", "endpoint-missing", "no /wsman", "WinRM runs"),
        (b"405 Method Not Allowed\r\nServer: nginx\r\n", "endpoint-missing", "takes no POST", "5985"),
        (
            b"407 Proxy Authentication Required\r\nServer: squid\r\n",
            "protocol",
            "a proxy answers",
            "proxy out of the way",
        ),
        (b"502 Bad Gateway\r\nVia: 1.1 gate\r\n", "protocol", "a proxy stands between", "proxy out of the way"),
        (b"503 Service Unavailable\r\n", "connection-lost", "the service does not", "Get-Service WinRM"),
        (b"302 Found\r\nLocation: https://x/\r\n", "protocol", "sends one elsewhere", "5985"),
        (b"200 OK\r\n", "protocol", "without a log-on", "winrm enumerate"),
        (b"418 Teapot\r\n", "protocol", "HTTP 418", "winrm enumerate"),
        (b"401 Unauthorized\r\nWWW-Authenticate: Basic realm=x\r\n", "authentication", "offers Basic", "Negotiate"),
        (b"401 Unauthorized\r\nWWW-Authenticate: CredSSP\r\n", "authentication", "offers CredSSP", "Negotiate"),
    ],
)
def test_what_answers_and_is_no_winrm_is_told_before_any_log_on(
    doctor: Doctor, answering: Callable[..., int], head: bytes, cause: str, said: str, then: str
) -> None:
    date = b"Date: " + datetime.now(UTC).strftime("%a, %d %b %Y %H:%M:%S GMT").encode() + b"\r\n"
    doctor.host("EX1", answering(b"HTTP/1.1 " + head + date + HTML))
    failed = failing(doctor()["EX1"])
    assert (failed.check, failed.cause) == (Check.OFFER, cause)
    assert said in failed.said
    assert then in failed.next


def test_a_listener_that_is_no_http_at_all_is_told(doctor: Doctor, answering: Callable[..., int]) -> None:
    doctor.host("EX1", answering(b"220 mail.example ESMTP\x1b[2J\r\n"))
    failed = failing(doctor()["EX1"])
    assert (failed.check, failed.cause) == (Check.OFFER, "protocol")
    assert "is not HTTP" in failed.said
    assert "\x1b" not in failed.said


def test_a_port_that_speaks_tls_to_http_and_the_other_way_round_is_told(
    doctor: Doctor, serve: Callable[..., Lab]
) -> None:
    lab = serve(lab_host("plain"), lab_host("secure", scheme="https"))
    doctor.host("plain", lab.host("alpha/plain").port, scheme="https")
    doctor.host("secure", lab.host("alpha/secure").port, scheme="http")
    found = doctor()
    plain, secure = failing(found["plain"]), failing(found["secure"])
    assert (plain.check, plain.cause) == (Check.TLS, "tls")
    assert "scheme: http" in plain.next
    assert (secure.check, secure.cause) == (Check.OFFER, "tls")
    assert "scheme: https" in secure.next


def test_a_certificate_for_another_name_says_for_which(doctor: Doctor, serve: Callable[..., Lab]) -> None:
    lab = serve(lab_host("EX1", scheme="https"))
    doctor.lab(lab, address="localhost")
    failed = failing(doctor()["EX1"])
    assert (failed.check, failed.cause) == (Check.TLS, "tls")
    assert "is for EX1, 127.0.0.1, and not for localhost" in failed.said
    assert "`address`" in failed.next
    assert lab.host("alpha/EX1").counts.steps[Step.AUTHENTICATE] == 0


def test_a_certificate_of_an_unknown_issuer_says_whose(doctor: Doctor, serve: Callable[..., Lab]) -> None:
    doctor.lab(serve(lab_host("EX1", scheme="https")), ca_file=None)
    failed = failing(doctor()["EX1"])
    assert failed.check is Check.TLS
    assert "is issued by CN=exrun lab CA, not one that this machine trusts" in failed.said
    assert "`ca_file`" in failed.next


def test_a_certificate_that_expired_says_when(doctor: Doctor, answering: Callable[..., int]) -> None:
    tls, pem = certificate(doctor.folder, days=-2, begun=30)
    doctor.host("EX1", answering(b"", tls), scheme="https", ca_file=str(pem))
    failed = failing(doctor()["EX1"])
    assert failed.check is Check.TLS
    assert "expired on" in failed.said
    assert "UTC here" in failed.said
    assert "Renew" in failed.next


def test_a_certificate_that_is_not_valid_yet_asks_for_the_clock(doctor: Doctor, answering: Callable[..., int]) -> None:
    tls, pem = certificate(doctor.folder, days=30, begun=-2)
    doctor.host("EX1", answering(b"", tls), scheme="https", ca_file=str(pem))
    failed = failing(doctor()["EX1"])
    assert "holds from" in failed.said
    assert "clock" in failed.next


@pytest.mark.parametrize(("version", "called"), [(ssl.TLSVersion.TLSv1, "TLSv1"), (ssl.TLSVersion.TLSv1_1, "TLSv1.1")])
@pytest.mark.filterwarnings("ignore:ssl.TLSVersion.TLSv1:DeprecationWarning")
def test_a_server_that_speaks_no_tls_of_today_is_told_what_it_speaks(
    doctor: Doctor, answering: Callable[..., int], version: ssl.TLSVersion, called: str
) -> None:
    if not (ssl.HAS_TLSv1 and ssl.HAS_TLSv1_1):
        pytest.skip("NO OLD TLS: this machine's OpenSSL has none, so that no server can be made that speaks it")
    tls, pem = certificate(doctor.folder)
    tls.set_ciphers("ALL:@SECLEVEL=0")
    tls.minimum_version = tls.maximum_version = version
    doctor.host("EX1", answering(b"", tls), scheme="https", ca_file=str(pem))
    found = doctor()["EX1"]
    failed = failing(found)
    assert (failed.check, failed.cause) == (Check.TLS, "tls")
    assert failed.said == f"the server speaks {called} at most"
    assert failed.next == "Enable TLS 1.2 on the server (SCHANNEL); nothing older is spoken."
    after = [each for each in found.checks if each.check in (Check.OFFER, Check.LOG_ON)]
    assert all(each.standing is Standing.SKIPPED for each in after)  # nobody logs on over it


# As OpenSSL 3.0 has it: an alert (fatal, protocol_version), and the beginning of a ServerHello of TLS 1.0.
ALERT = bytes.fromhex("15 0301 0002 02 46")
HELLO = bytes.fromhex("16 0301 002a 02 000026 0301" + "5a" * 32 + "00 002f 00")


@pytest.mark.parametrize("said", [ALERT, HELLO])
def test_one_that_this_machine_cannot_even_ask_is_told_the_same_next_step(
    doctor: Doctor, answering: Callable[..., int], said: bytes
) -> None:
    doctor.host("EX1", answering(said), scheme="https")
    failed = failing(doctor()["EX1"])
    assert (failed.check, failed.cause) == (Check.TLS, "tls")
    assert "no TLS in common" in failed.said
    assert "TLS 1.2" in failed.next


def test_a_certificate_that_issued_itself_is_told_and_its_names_are_shown_safely(
    doctor: Doctor, answering: Callable[..., int]
) -> None:
    hostile = "EX1\x1b[31m\u202egnp.exe"
    tls, _ = certificate(doctor.folder, name=hostile)
    doctor.host("EX1", answering(b"", tls), scheme="https")
    failed = failing(doctor()["EX1"])
    assert "is issued by itself" in failed.said
    assert "ca_file" in failed.next
    shown = doctor.text()
    assert "\x1b" not in shown
    assert "\u202e" not in shown


def test_files_of_tls_that_cannot_be_used_are_a_failure_of_tls(doctor: Doctor, serve: Callable[..., Lab]) -> None:
    lab = serve(lab_host("EX1", scheme="https"))
    (doctor.folder / "no-ca.pem").write_text("no certificate")
    doctor.lab(lab, ca_file=str(doctor.folder / "no-ca.pem"))
    failed = failing(doctor()["EX1"])
    assert failed.check is Check.TLS
    assert "no-ca.pem" in failed.said


def test_a_password_that_is_refused_was_offered_exactly_once(
    doctor: Doctor, serve: Callable[..., Lab], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ALPHA", "not-the-password")
    lab = serve(lab_host("EX1"))
    doctor.lab(lab)
    failed = failing(doctor()["EX1"])
    assert (failed.check, failed.cause) == (Check.LOG_ON, "authentication")
    assert "locked out" in failed.next
    # without an account; NTLM's negotiate; its one proof
    assert lab.host("alpha/EX1").counts.steps[Step.AUTHENTICATE] == 3
    assert "not-the-password" not in doctor.errors


def test_an_account_that_three_servers_refused_is_offered_to_no_further_one(
    doctor: Doctor, serve: Callable[..., Lab], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ALPHA", "not-the-password")
    lab = serve(*(lab_host(f"EX{number}") for number in range(8)))
    doctor.lab(lab)
    causes = [failing(host).cause for host in doctor().values()]
    assert sorted(causes) == ["authentication"] * 3 + ["lockout-guard"] * 5


@pytest.mark.parametrize(
    ("faults", "limits", "check", "cause", "said"),
    [
        ((), Limits(max_shells_per_user=0), Check.QUOTAS, "quota", "MaxShellsPerUser is 0"),
        ((), Limits(max_shells_per_user=1), Check.QUOTAS, "quota", "too few shells: MaxShellsPerUser 1,"),
        ((), Limits(max_envelope_kb=100), Check.QUOTAS, "envelope-size", "MaxEnvelopeSizekb 100"),
        ((Fault(Act.FAULT, Step.QUERY, code=5),), Limits(), Check.RIGHTS, "access-denied", "no administrator"),
        ((Fault(Act.FAULT, Step.CREATE, code=5),), Limits(), Check.SESSION, "access-denied", ""),
        ((Fault(Act.FAULT, Step.CREATE, code=2150858752),), Limits(), Check.SESSION, "endpoint-missing", ""),
        ((Fault(Act.RESET, Step.CREATE),), Limits(), Check.SESSION, "connection-lost", ""),
        ((Fault(Act.RESET_AFTER, Step.RECEIVE),), Limits(), Check.SESSION, "connection-lost", ""),
        ((), Limits(clock_ahead_seconds=3600), Check.CLOCK, "clock-skew", "s ahead of this machine's"),
        ((), Limits(clock_ahead_seconds=-400), Check.CLOCK, "clock-skew", "s behind this machine's"),
    ],
)
def test_what_is_wrong_behind_the_log_on_is_told_by_its_own_check(
    doctor: Doctor,
    serve: Callable[..., Lab],
    faults: tuple[Fault, ...],
    limits: Limits,
    check: Check,
    cause: str,
    said: str,
) -> None:
    doctor.lab(serve(lab_host("EX1", *faults, limits=limits)))
    [host] = doctor().values()
    failed = failing(host)
    assert (failed.check, failed.cause) == (check, cause)
    assert said in failed.said
    assert checks(host)[Check.LOG_ON].standing is Standing.PASS


@pytest.mark.parametrize(
    ("faults", "limits", "row"),
    [
        ((), Limits(clock_ahead_seconds=3600), "1 attention"),
        ((Fault(Act.FAULT, Step.QUERY, code=5),), Limits(), "1 attention"),
        ((), Limits(max_shells_per_user=1), "1 attention"),
        ((), Limits(), "1 ok"),
    ],
)
def test_a_server_with_a_check_that_failed_is_no_ok_in_the_runs_nor_in_show(
    doctor: Doctor, serve: Callable[..., Lab], faults: tuple[Fault, ...], limits: Limits, row: str
) -> None:
    doctor.lab(serve(lab_host("EX1", *faults, limits=limits)))
    failed = [each for each in doctor()["EX1"].checks if each.standing is not Standing.PASS and each.cause]
    state = ("--state", str(doctor.folder / "state"))
    main(["runs", *state])
    assert row in " ".join(doctor.capsys.readouterr().out.split())
    assert main(["show", "last", *state]) == ExitStatus.WELL
    said = " ".join(doctor.capsys.readouterr().out.split())
    for each in failed:
        assert f"{each.check}: {each.said}"[:20] in said
        assert f"The check {each.check} failed" in said


def test_an_answer_without_a_date_leaves_the_clock_unknown_and_unknown_does_not_pass(
    doctor: Doctor, answering: Callable[..., int]
) -> None:
    doctor.host("EX1", answering(b"HTTP/1.1 401 No\r\nWWW-Authenticate: Basic\r\nContent-Length: 0\r\n\r\n"))
    clock = checks(doctor()["EX1"])[Check.CLOCK]
    assert (clock.standing, clock.cause) == (Standing.UNKNOWN, "no-date")


def test_a_server_that_does_not_hold_a_session_to_reading_is_told(
    doctor: Doctor, serve: Callable[..., Lab], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(responder, "LOCKED_LANGUAGE", "FullLanguage")  # the lock is taken, and nothing is locked
    doctor.lab(serve(lab_host("EX1")))
    [host] = doctor().values()
    failed = failing(host)
    assert (failed.check, failed.cause) == (Check.LANGUAGE, "not-locked")
    assert "compromised" in failed.next
    assert checks(host)[Check.LOG_ON].standing is Standing.PASS


@pytest.mark.parametrize(
    ("fault", "check", "cause"),
    [
        (Fault(Act.HANG, Step.AUTHENTICATE), Check.OFFER, "timeout"),
        (Fault(Act.RESET, Step.AUTHENTICATE), Check.OFFER, "connection-lost"),
        (Fault(Act.STATUS, Step.AUTHENTICATE, status=503), Check.OFFER, "connection-lost"),
        (Fault(Act.HTTP_GARBAGE, Step.CONNECT), Check.OFFER, "tls"),
        (Fault(Act.HANG, Step.AUTHENTICATE, first=2), Check.LOG_ON, "timeout"),
        (Fault(Act.REFUSE, Step.AUTHENTICATE, first=3), Check.LOG_ON, "authentication"),
    ],
)
def test_what_breaks_on_the_way_to_the_log_on_is_told_by_the_step_that_broke(
    doctor: Doctor, serve: Callable[..., Lab], fault: Fault, check: Check, cause: str
) -> None:
    doctor.lab(serve(lab_host("EX1", fault)))
    failed = failing(doctor("--connect-timeout", "2")["EX1"])
    assert (failed.check, failed.cause) == (check, cause)


def every_fault() -> Iterator[Fault]:
    for act in Act:
        for step in (Step.CONNECT, Step.AUTHENTICATE, Step.CREATE, Step.COMMAND, Step.RECEIVE, Step.QUERY):
            with suppress(ValueError):
                yield Fault(act, step, milliseconds=20.0)


def test_whatever_a_server_does_it_has_all_its_checks_and_no_password_is_tried_again(
    doctor: Doctor, serve: Callable[..., Lab], monkeypatch: pytest.MonkeyPatch
) -> None:
    faults = {f"{fault.act}-{fault.at}": fault for fault in every_fault()}
    lab = serve(*(lab_host(name, fault) for name, fault in faults.items()))
    doctor.lab(lab)
    for number, settings in enumerate(doctor.clients["alpha"].values()):  # so that none stops another
        monkeypatch.setenv(f"ALPHA_{number}", ACCOUNT.password)
        settings["credential"] = f"env:ALPHA_{number}"
    found = doctor("--connect-timeout", "2", "--timeout", "5", "--parallel", "128")
    assert set(found) == set(faults)
    for host in found.values():
        said = checks(host)
        assert "defect" not in {each.cause for each in said.values()}, host.name
        assert all(each.next for each in said.values() if each.standing is Standing.FAIL), host.name
        assert host.passes or any(each.standing is not Standing.SKIPPED for each in said.values())
        if said[Check.LOG_ON].standing is Standing.FAIL:
            # One that was accepted proves itself once more where it is asked to; one that was refused never does.
            most = 5 if faults[host.name].act is Act.CHALLENGE else 3
            assert lab.host(f"alpha/{host.name}").counts.steps[Step.AUTHENTICATE] <= most, host.name
    assert doctor.status == ExitStatus.FINDINGS


def test_a_journal_that_cannot_be_begun_ends_it_before_anything_is_sent(
    doctor: Doctor, serve: Callable[..., Lab]
) -> None:
    lab = serve(lab_host("EX1"))
    doctor.lab(lab)
    (doctor.folder / "state").write_text("a file where a folder should be")
    assert doctor.text() == ""
    assert doctor.status == ExitStatus.JOURNAL
    assert lab.ledger.requests == 0


def test_a_clock_within_what_kerberos_takes_passes(doctor: Doctor, serve: Callable[..., Lab]) -> None:
    doctor.lab(serve(lab_host("EX1", limits=Limits(clock_ahead_seconds=100))))
    clock = checks(doctor()["EX1"])[Check.CLOCK]
    assert clock.standing is Standing.PASS
    assert "ahead of" in clock.said


def test_a_policy_that_forbids_scripts_in_files_is_told(doctor: Doctor, serve: Callable[..., Lab]) -> None:
    key = "HKLM:\\SOFTWARE\\Policies\\Microsoft\\Windows\\PowerShell"
    values: dict[str, Any] = {"EnableScripts": 1, "ExecutionPolicy": "AllSigned"}
    state = HostState(name="EX1", registry={key: RegistryKey(values=values)})
    doctor.lab(serve(lab_host("EX1", state=state)))
    failed = failing(doctor()["EX1"])
    assert (failed.check, failed.cause) == (Check.POWERSHELL, "script-policy")
    assert "Turn on Script Execution" in failed.next


def test_cleartext_is_never_called_encrypted(doctor: Doctor, serve: Callable[..., Lab]) -> None:
    doctor.lab(serve(lab_host("EX1", limits=Limits(allow_unencrypted=True))))
    failed = failing(doctor("--allow-cleartext")["EX1"])
    assert (failed.check, failed.cause) == (Check.ENCRYPTION, "cleartext")


def test_many_servers_of_two_clients_are_told_by_cause_within_80_columns(
    doctor: Doctor, serve: Callable[..., Lab]
) -> None:
    down = Fault(Act.REFUSE, Step.CONNECT)
    doctor.lab(
        serve(
            *(lab_host(f"EX{number}", *([down] if number % 2 else [])) for number in range(8)),
            lab_host("EX1", down, client="beta"),
        )
    )
    said = doctor.text()
    assert doctor.status == ExitStatus.FINDINGS
    assert all(len(line) <= 80 for line in said.splitlines()[:-1])  # a command is never broken
    assert said.count("port, refused: ") == 1
    assert "alpha/EX1  port        refused: " in said
    assert "beta/EX1" in said
    assert "9 servers: 4 ready, 5 not" in said
    assert said.splitlines()[-2:] == [
        "next: do what is said above, then",
        f"    exrun doctor -i {doctor.folder / 'inventory.yml'} --state {doctor.folder / 'state'}",
    ]


def test_two_hundred_servers_that_are_down_are_one_cause_on_one_screen(doctor: Doctor) -> None:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))  # and never listens
        for number in range(200):
            doctor.host(f"EX{number:03}", bound.getsockname()[1], address=f"127.0.1.{number + 1}")
        said = doctor.text()
    lines = said.splitlines()
    assert len(lines) <= 24
    assert all(len(line) <= 80 for line in lines[:-1])
    assert "port, refused: 200 servers" in said
    assert "EX000" in said
    assert "EX042" in said
    assert "and 157 more" in " ".join(said.split())
    assert "200 servers: 0 ready, 200 not" in said


def test_only_the_script_of_the_run_is_sent_and_the_journal_names_it(doctor: Doctor, serve: Callable[..., Lab]) -> None:
    lab = serve(lab_host("EX1"))
    doctor.lab(lab)
    doctor()
    [journal] = doctor.folder.glob("state/alpha/runs/*/journal.jsonl")
    text = journal.read_text(encoding="utf-8")
    assert "windows.session" in text
    named = set(re.findall(r"[0-9a-f]{64}", text))
    ran = [each.text for each in lab.ledger.scripts("alpha/EX1") if not is_own(each.text)]
    assert [hashlib.sha256(each.encode()).hexdigest() in named for each in ran] == [True]
    assert ACCOUNT.password not in text
