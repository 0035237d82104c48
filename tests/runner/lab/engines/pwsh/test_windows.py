"""What scripts see of the simulated Windows: drives, registry, services and CIM, as Windows PowerShell shows them."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest

from runner.lab.engines.pwsh import PwshEngine
from runner.lab.state import DirectoryState, HostState
from tests.runner.lab.engines.client import Client, Said
from tests.runner.lab.engines.pwsh.conftest import BIN, PRODUCT, SERVER

pytestmark = pytest.mark.real_powershell

SETUP = f"{PRODUCT}\\Setup"
DENIED = "Requested registry access is not allowed."
PERMISSION = "PermissionDenied"


def caught(server: Client, script: str) -> Any:
    """What a strict script's `catch` sees: type, message, FullyQualifiedErrorId and category."""
    said = server.run(
        f"Set-StrictMode -Version 2.0; $ErrorActionPreference = 'Stop'; try {{ $null = {script}; 'no error' }}"
        " catch { $_.Exception.GetType().FullName, $_.Exception.Message, $_.FullyQualifiedErrorId,"
        " \"$($_.CategoryInfo.Category)\" } finally { $ErrorActionPreference = 'Continue'; Set-StrictMode -Off }"
    )
    return said.output if len(said.output) != 1 else said.output[0]


def messages(said: Said) -> list[str]:
    """The texts of the non-terminating errors."""
    return [str(error.Exception.Message) for error in said.errors]


@pytest.mark.parametrize(
    ("script", "output"),
    [
        (f"Test-Path -LiteralPath '{SETUP}'", [True]),
        (f"Test-Path -LiteralPath '{SETUP.lower()}'", [True]),
        ("Test-Path 'HKLM:\\SOFTWARE\\Microsoft\\Nothing'", [False]),
        ("Test-Path 'HKLM:\\SOFTWARE\\Microsoft'", [True]),
        ("Test-Path 'HKLM:\\SOFTWARE\\Closed\\Open'", [True]),
        (f"Test-Path 'Registry::HKEY_LOCAL_MACHINE{SETUP[5:]}'", [True]),
        (f"Test-Path 'HKLM:{SETUP[5:].replace(chr(92), '/')}'", [True]),
        (f"(Get-ItemProperty -LiteralPath '{SETUP}').MsiProductMajor", [15]),
        (f"(Get-ItemProperty '{SETUP}').Highest", [-1]),
        (f"(Get-ItemProperty '{SETUP}').Quad", [2**40]),
        (f"(Get-ItemProperty '{SETUP}').Several", ["one", "two"]),
        (f"(Get-ItemProperty '{SETUP}').'(default)'", ["unnamed"]),
        (
            f"@((Get-ItemProperty '{SETUP}' -Name Msi*).psobject.Properties.Name)[0..1]",
            ["MsiInstallPath", "MsiProductMajor"],
        ),
        (f"(Get-ItemProperty '{SETUP}').PSChildName", ["Setup"]),
        (
            f"(Get-ItemProperty '{SETUP}').PSPath",
            [f"Microsoft.PowerShell.Core\\Registry::HKEY_LOCAL_MACHINE{SETUP[5:]}"],
        ),
        (f"Get-ItemPropertyValue '{SETUP}' -Name MsiProductMajor", [15]),
        (f"$null -eq (Get-ItemProperty '{PRODUCT}\\MailboxRole')", [True]),
        (f"(Get-Item '{SETUP}').GetValue('msiproductmajor')", [15]),
        (f"(Get-Item '{SETUP}').GetValue('absent', 'instead')", ["instead"]),
        (
            f"(Get-Item '{SETUP}').GetValueKind('Several'), (Get-Item '{SETUP}').GetValueKind('')",
            ["MultiString", "String"],
        ),
        (f"(Get-Item '{PRODUCT}').SubKeyCount, (Get-Item '{PRODUCT}').OpenSubKey('setup').ValueCount", [2, 9]),
        (f"(Get-Item '{SETUP}').Property -contains '(default)'", [True]),
        (f"(Get-Item '{SETUP}').Name, (Get-Item '{SETUP}').PSChildName", [f"HKEY_LOCAL_MACHINE{SETUP[5:]}", "Setup"]),
        (f"(Get-ChildItem '{PRODUCT}').PSChildName", ["MailboxRole", "Setup"]),
        (f"(Get-ChildItem '{PRODUCT}' -Name)", ["MailboxRole", "Setup"]),
        (f"Get-ChildItem '{PRODUCT}' | Get-ItemProperty | ForEach-Object {{ $_.MsiProductMajor }}", [15]),
        ("(Get-ChildItem HKLM:\\SOFTWARE -Recurse -ErrorAction SilentlyContinue).Count", [6]),
        ("(Get-ItemProperty -LiteralPath 'HKLM:\\SOFTWARE\\We[i]rd * 100%').'a[1]'", ["b"]),
        ("(Get-ItemProperty -Path 'HKLM:\\SOFTWARE\\We`[i`]rd `* 100%').'a[1]'", ["b"]),
        ("(Get-ChildItem HKLM:\\SOFTWARE\\We*).PSChildName", ["We[i]rd * 100%"]),
        (f"Join-Path -Path '{PRODUCT}' -ChildPath 'Setup'", [SETUP]),
        (f"Split-Path '{SETUP}'; Split-Path '{SETUP}' -Leaf", [PRODUCT, "Setup"]),
        (f"(Resolve-Path '{PRODUCT}\\Set*').Path", [SETUP]),
        (f"Push-Location '{PRODUCT}'; (Get-Location).Path; Test-Path Setup; Pop-Location", [PRODUCT, True]),
    ],
)
def test_the_registry_reads_as_on_windows(server: Client, script: str, output: list[Any]) -> None:
    said = server.run(script)
    assert (said.output, messages(said)) == (output, [])


@pytest.mark.parametrize(
    ("script", "error"),
    [
        ("Test-Path -LiteralPath 'HKLM:\\SOFTWARE\\Closed'", ("SecurityException", DENIED, "TestPath", PERMISSION)),
        ("Get-ItemProperty 'HKLM:\\SOFTWARE\\Closed'", ("SecurityException", DENIED, "GetItemProperty", PERMISSION)),
        ("Get-ChildItem 'HKLM:\\SOFTWARE\\Closed'", ("SecurityException", DENIED, "GetChildItem", PERMISSION)),
        ("Get-ChildItem HKLM:\\SOFTWARE", ("SecurityException", DENIED, "GetChildItem", PERMISSION)),
        ("Get-Item 'HKLM:\\SOFTWARE\\Closed'", ("SecurityException", DENIED, "GetItem", PERMISSION)),
    ],
)
def test_a_closed_key_is_an_error_that_catch_sees(server: Client, script: str, error: tuple[str, ...]) -> None:
    kind, message, command, category = error
    identifier = f"System.Security.{kind},Microsoft.PowerShell.Commands.{command}Command"
    assert caught(server, script) == [f"System.Security.{kind}", message, identifier, category]


@pytest.mark.parametrize("name", ["Get-Item", "Get-ItemProperty"])
@pytest.mark.parametrize("parameter", ["Path", "LiteralPath"])
@pytest.mark.parametrize("path", ["HKLM:\\SOFTWARE\\No\\Key", "C:\\No\\file.txt"])
def test_what_is_not_there_is_named_as_it_was_asked_for(server: Client, name: str, parameter: str, path: str) -> None:
    assert caught(server, f"{name} -{parameter} '{path}'") == [
        "System.Management.Automation.ItemNotFoundException",
        f"Cannot find path '{path}' because it does not exist.",
        f"PathNotFound,Microsoft.PowerShell.Commands.{name.replace('-', '')}Command",
        "ObjectNotFound",
    ]


def test_a_closed_key_among_others_does_not_hide_them(server: Client) -> None:
    said = server.run("(Get-ChildItem HKLM:\\SOFTWARE).PSChildName")
    assert (said.output, messages(said)) == (["Microsoft", "We[i]rd * 100%"], [DENIED])


def test_a_value_that_is_not_there_is_an_error_of_its_own(server: Client) -> None:
    said = server.run(f"(Get-ItemProperty '{SETUP}' -Name MsiProductMajor, Absent).MsiProductMajor")
    assert said.output == [15]
    assert messages(said) == [f"Property Absent does not exist at path HKEY_LOCAL_MACHINE{SETUP[5:]}."]


@pytest.mark.parametrize(
    ("script", "output"),
    [
        (f"Test-Path -LiteralPath '{BIN}\\ExSetup.exe'", [True]),
        (f"Test-Path -LiteralPath '{BIN.upper()}\\EXSETUP.EXE'", [True]),
        (f"Test-Path -LiteralPath '{BIN}\\Other.exe'", [False]),
        ("Test-Path 'Z:\\'", [False]),
        (f"Test-Path '{BIN}' -PathType Container; Test-Path '{BIN}' -PathType Leaf", [True, False]),
        (f"(Get-Item -LiteralPath '{BIN}\\ExSetup.exe').VersionInfo.FileVersion", ["15.02.1544.036"]),
        (f"(Get-Item '{BIN}\\ExSetup.exe').VersionInfo.FileVersionRaw.ToString()", ["15.2.1544.36"]),
        (f"(Get-Item '{BIN}\\ExSetup.exe').Length", [4242]),
        (f"(Get-Item '{BIN.lower()}\\exsetup.exe').FullName", [f"{BIN}\\ExSetup.exe"]),
        (f"(Get-Item '{BIN}\\ExSetup.exe').Directory.Parent.Name", ["V15"]),
        (f"(Get-Item '{BIN}\\ExSetup.exe').DirectoryName", [BIN]),
        (f"(Get-ItemProperty '{BIN}\\ExSetup.exe').VersionInfo.FileVersion", ["15.02.1544.036"]),
        ("$null -eq (Get-Item 'C:\\inetpub\\wwwroot\\web `[1`].config').VersionInfo.FileVersion", [True]),
        (f"(Get-ChildItem -LiteralPath '{BIN}').Name", ["Closed.dll", "ExSetup.exe"]),
        ("(Get-ChildItem C:\\ -Directory).Name", ["inetpub", "Program Files", "Users", "Windows"]),
        ("(Get-ChildItem C:\\ -File -Recurse).Name", ["web [1].config", "Closed.dll", "ExSetup.exe"]),
        ("(Get-ChildItem C:\\ -Recurse -Filter *.EXE).FullName", [f"{BIN}\\ExSetup.exe"]),
        ("(Get-ChildItem C:\\ -Recurse -Include *.config).Name", ["web [1].config"]),
        ("(Get-ChildItem C:\\inetpub\\www*\\*.config).Name", ["web [1].config"]),
        ("(Get-ChildItem -LiteralPath 'C:\\inetpub\\wwwroot\\web [1].config').Length", [11]),
        ("(Get-ChildItem D:\\ -Recurse -File).FullName", ["D:\\Logs\\a.log"]),
        ("'C:\\inetpub' | Get-ChildItem -Name", ["wwwroot"]),
        ("Get-ChildItem C:\\inetpub\\wwwroot | Get-Item | ForEach-Object { $_.Name }", ["web [1].config"]),
        ("(Get-Content -LiteralPath 'C:\\inetpub\\wwwroot\\web [1].config' -Raw).Length", [11]),
        ("@(Get-Content -LiteralPath 'D:\\Logs\\a.log' -Encoding Byte)", [0, 0, 0]),
        ("(Get-Content -LiteralPath 'D:\\Logs\\a.log' -Encoding Byte -Raw).GetType().FullName", ["System.Byte[]"]),
        ("[byte[]]$b = Get-Content -LiteralPath 'D:\\Logs\\a.log' -Encoding Byte -Raw; $b.Length", [3]),
        ("[System.IO.File]::ReadAllBytes('D:\\Logs\\a.log').Length", [3]),
        (
            "Join-Path -Path 'C:\\Program Files\\' -ChildPath 'Bin' | Join-Path -ChildPath 'a.exe'",
            ["C:\\Program Files\\Bin\\a.exe"],
        ),
        ("Split-Path 'C:\\Windows\\x.log'; Split-Path 'C:\\Windows\\x.log' -Leaf", ["C:\\Windows", "x.log"]),
        ("(Resolve-Path C:\\WIN*).Path; Convert-Path C:\\Windows", ["C:\\Windows", "C:\\Windows"]),
        ("Push-Location C:\\inetpub; (Get-Location).Path; Test-Path .\\wwwroot; Pop-Location", ["C:\\inetpub", True]),
        ("(Get-Location).Path", ["C:\\Users\\Administrator\\Documents"]),
        (
            "$h = Get-ChildItem D:\\Logs | Get-FileHash; $h.Path, $h.Algorithm, $h.Hash",
            ["D:\\Logs\\a.log", "SHA256", hashlib.sha256(bytes(3)).hexdigest().upper()],
        ),
        ("(Get-PSDrive C).Root, (Get-PSDrive HKLM).Root", ["C:\\", "HKEY_LOCAL_MACHINE"]),
        ('"$env:COMPUTERNAME $env:SystemRoot $env:ProgramFiles"', ["EX01 C:\\Windows C:\\Program Files"]),
    ],
)
def test_the_drives_read_as_on_windows(server: Client, script: str, output: list[Any]) -> None:
    said = server.run(script)
    assert (said.output, messages(said)) == (output, [])


def test_a_file_that_may_not_be_looked_at_is_neither_there_nor_not(server: Client) -> None:
    assert caught(server, f"Test-Path -LiteralPath '{BIN}\\Closed.dll'") == [
        "System.UnauthorizedAccessException",
        "Access is denied",
        "ItemExistsUnauthorizedAccessError,Microsoft.PowerShell.Commands.TestPathCommand",
        PERMISSION,
    ]


def test_a_drive_that_is_not_there_cannot_be_joined_to(server: Client) -> None:
    assert caught(server, "Join-Path -Path 'Z:\\a' -ChildPath 'b'")[1:] == [
        "Cannot find drive. A drive with the name 'Z' does not exist.",
        "DriveNotFound,Microsoft.PowerShell.Commands.JoinPathCommand",
        "ObjectNotFound",
    ]


@pytest.mark.parametrize(
    "script",
    [
        "Remove-Item -LiteralPath 'C:\\Program Files\\Microsoft'",
        f"Remove-Item -LiteralPath '{BIN}\\Closed.dll'",
        f"Set-ItemProperty -LiteralPath '{SETUP}' -Name MsiProductMajor -Value 1",
        f"Remove-Item -LiteralPath '{SETUP}' -Recurse",
        f"New-Item -Path '{PRODUCT}\\New'",
        "New-Item -Path C:\\Windows\\new.txt -ItemType File",
        f"Rename-Item -LiteralPath '{BIN}\\ExSetup.exe' -NewName x.exe",
        f"Copy-Item -LiteralPath '{BIN}\\ExSetup.exe' -Destination C:\\Windows\\x.exe",
        f"Move-Item -LiteralPath '{BIN}\\Closed.dll' -Destination C:\\Windows\\x.exe",
        f"Move-Item -LiteralPath '{BIN}\\ExSetup.exe' -Destination '{BIN}\\Closed.dll'",
    ],
)
def test_what_the_state_says_cannot_be_changed_and_the_script_is_told(server: Client, script: str) -> None:
    before = server.run("(Get-ChildItem C:\\, HKLM:\\SOFTWARE -Recurse -ErrorAction SilentlyContinue).PSPath").output
    assert caught(server, script) != "no error"
    after = server.run("(Get-ChildItem C:\\, HKLM:\\SOFTWARE -Recurse -ErrorAction SilentlyContinue).PSPath").output
    assert after == before
    assert server.run(f"(Get-Item '{BIN}\\ExSetup.exe').Length; (Get-Item '{SETUP}').ValueCount").output == [4242, 9]


@pytest.mark.parametrize(
    ("script", "output"),
    [
        ("(Get-Service).Name", ["MSExchangeIS", "MSExchangePop3", "W3SVC"]),
        (
            'Get-Service w3svc | ForEach-Object { "$($_.Status) $($_.StartType) $($_.Name)" }',
            ["Stopped Disabled W3SVC"],
        ),
        ("(Get-Service MSExchange*).DisplayName", ["Microsoft Exchange Information Store", "MSExchangePop3"]),
        ("(Get-Service -DisplayName 'World*').ServiceName", ["W3SVC"]),
        ("(Get-Service -Name * -Exclude MS*).Name", ["W3SVC"]),
        ("'W3SVC' | Get-Service | Where-Object { $_.Status -eq 'Stopped' } | ForEach-Object Name", ["W3SVC"]),
        ("@(Get-Service nothing*).Count", [0]),
        ("(Get-CimInstance -ClassName Win32_Service).Name", ["MSExchangeIS", "MSExchangePop3", "W3SVC"]),
        (
            "(gcim Win32_Service -Filter \"Name LIKE 'm%' AND NOT (State='Paused' OR Started=FALSE)\").StartMode",
            ["Auto"],
        ),
        (
            "(Get-WmiObject -Query 'SELECT Name FROM Win32_Service WHERE StartMode <> \"Auto\"').Name",
            ["MSExchangePop3", "W3SVC"],
        ),
        (
            "(Get-CimInstance Win32_Service -Filter \"Name LIKE 'W[0-9]SV_'\").DisplayName",
            ["World Wide Web Publishing Service"],
        ),
        (
            '$os = Get-CimInstance Win32_OperatingSystem; "$($os.Caption) $($os.Version) $($os.BuildNumber)"',
            ["Microsoft Windows Server 2022 Standard 10.0.20348 20348"],
        ),
        ("(Get-CimInstance Win32_ComputerSystem).Name", ["EX01"]),
    ],
)
def test_services_and_cim_classes_read_as_on_windows(server: Client, script: str, output: list[Any]) -> None:
    said = server.run(script)
    assert (said.output, messages(said)) == (output, [])


def test_a_status_travels_as_a_number_as_an_enumeration_does(server: Client) -> None:
    (service,) = server.run("Get-Service W3SVC | Select-Object -Property Status, StartType").output
    assert (int(service.Status), int(service.StartType)) == (1, 4)


@pytest.mark.parametrize(
    ("script", "message"),
    [
        ("Get-Service Absent", "Cannot find any service with service name 'Absent'."),
        ("Get-Service -DisplayName Absent", "Cannot find any service with display name 'Absent'."),
        ("Get-CimInstance Win32_Nothing", "Invalid class "),
        ("Get-CimInstance Win32_Service -Filter 'Name ='", "Invalid query "),
        ("Get-CimInstance Win32_Service -Filter \"Nothing = 'x'\"", "Invalid query "),
        ("Get-CimInstance -Query 'SELECT'", "Invalid query "),
    ],
)
def test_a_service_or_class_that_is_not_there_is_an_error(server: Client, script: str, message: str) -> None:
    assert caught(server, script)[1] == message


SNAP_IN = "Microsoft.Exchange.Management.PowerShell.SnapIn"
UNKNOWN = (
    "The term 'Join-String' is not recognized as the name of a cmdlet, function, script file, or operable program."
    " Check the spelling of the name, or if a path was included, verify that the path is correct and try again."
)


def test_the_version_and_the_commands_are_those_of_windows_powershell(server: Client) -> None:
    said = server.run(
        "$t = $PSVersionTable; \"$($t.PSVersion) $($t.PSEdition) $($t.BuildVersion) $($t.ContainsKey('OS'))\";"
        " 'x' | Join-String -Separator ','; 'goes on'"
    )
    assert said.output == ["5.1.20348.1 Desktop 10.0.20348.1 False", "goes on"]
    assert messages(said) == [UNKNOWN]


def test_the_snap_in_brings_the_servers_own_entry_and_only_where_exchange_is(
    engine: PwshEngine, server: Client
) -> None:
    said = server.run("Add-PSSnapin Other.SnapIn; Get-PSSnapin")
    assert (said.output, messages(said)) == (
        [],
        ["The Windows PowerShell snap-in 'Other.SnapIn' is not installed on this computer."],
    )
    said = server.run(
        f"(Get-PSSnapin -Registered).Count; Add-PSSnapin {SNAP_IN};"
        " try { Get-ExchangeServer } catch { 'no directory' }"
    )
    assert said.output == [2, "no directory"]
    with Client(engine, SERVER.model_copy(update={"directory": DirectoryState(answers="answers")})) as known:
        said = known.run(
            f"Add-PSSnapin {SNAP_IN}; $s = Get-ExchangeServer -Identity $env:COMPUTERNAME;"
            " $s.Name, $s.ServerRole, $s.AdminDisplayVersion; (Get-PSSnapin).Name"
        )
    assert said.output == [
        *("EX01", "Mailbox", "Version 15.2 (Build 1544.4)"),
        "Microsoft.Exchange.Management.PowerShell.SnapIn",
    ]
    with Client(engine, HostState(name="plain")) as plain:
        said = plain.run(f"Add-PSSnapin {SNAP_IN}; Get-PSSnapin -Registered")
    assert said.output == []
    assert messages(said) == [
        f"The Windows PowerShell snap-in '{SNAP_IN}' is not installed on this computer.",
    ]
