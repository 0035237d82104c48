"""webshell.scan: what IIS could run, and what configures it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from playbooks.values import Value
from runner.lab.engines.sim import file_system
from runner.lab.engines.sim.answers.records import (
    SETUP_KEY,
    UNINSTALL_KEY,
    UPDATED_PRODUCTS,
    UPDATES_KEY,
    folder,
    on_a_drive,
    record,
    text,
    unread,
)
from runner.lab.engines.sim.machine import Machine, UnreadableError, folded
from runner.lab.engines.sim.streams import Items, Output
from runner.lab.state import FileState

_LIBRARY = 65_536
_PROGRAMS, _INSTALLED = 2_000, 300
# Where days of installs stand: the values with a name for people, a publisher, and the day.
_PLACES = {
    UNINSTALL_KEY: ("DisplayName", "Publisher", "InstallDate"),
    **{f"{UPDATES_KEY}\\{product}": ("PackageName", "", "InstalledDate") for product in UPDATED_PRODUCTS},
}
_COMPILED = re.compile(r"\\App_[^\\]*$", re.IGNORECASE)
_OF_EXCHANGE = re.compile(r"\\(?:FrontEnd|ClientAccess|dl3)\\", re.IGNORECASE)
_ONE, _CHARACTERS, _CONFIGURED, _READ, _ENDINGS = 262_144, 12_000_000, 1_000_000, 2_097_152, 100
_KNOWN = frozenset(
    {
        ".aspx", ".ashx", ".asmx", ".ascx", ".asp", ".asax", ".svc", ".soap", ".cshtml", ".vbhtml", ".config",
        ".master", ".compiled", ".asa", ".cer", ".cdx", ".shtml", ".stm", ".xamlx", ".cs", ".vb", ".browser", ".skin",
        ".inc",
    }
)  # fmt: skip
_NAMES = {
    "SystemDrive": "C:",
    "SystemRoot": "C:\\Windows",
    "windir": "C:\\Windows",
    "ProgramFiles": "C:\\Program Files",
    "ProgramData": "C:\\ProgramData",
    "ALLUSERSPROFILE": "C:\\ProgramData",
    "PUBLIC": "C:\\Users\\Public",
}
_CONFIGURATION = "C:\\Windows\\System32\\inetsrv\\config"
_LINK = UnreadableError("it is a link, which was not followed")
_UNUSUAL = re.compile(
    r"\\(?:(?:con|prn|aux|nul|(?:com|lpt)[0-9\u00b9\u00b2\u00b3]) *(?:\.[^\\]*)?|[^\\]*[. ])(?:\\|$)", re.IGNORECASE
)
_HIDDEN, _LONGEST, _LONGEST_OF_A_FILE, _DEEPEST = 200, 248, 260, 14
_COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)
_TAG = re.compile(
    r"""<(?:site|application|virtualDirectory)(?:\s+[A-Za-z:.]+\s*=\s*(?:"[^"]*"|'[^']*'))*\s*/?>""",
)
_ADD = re.compile(r"""<add\s[^>]*\bpath\s*=\s*(?:"[^"]*"|'[^']*')""")
_MAPPED = re.compile(r"""\*(\.[A-Za-z0-9_-]{1,20})(?=[,"'\s])""")
_SCRIPTED = re.compile(r"\\(?:owa\\auth|ecp\\auth|aspnet_client)\\", re.IGNORECASE)


def is_apart(path: str) -> bool:
    """Whether a file opens through `\\\\?\\` alone."""
    return _UNUSUAL.search(path) is not None or len(path) >= _LONGEST_OF_A_FILE


@dataclass(frozen=True, slots=True)
class _Root:
    path: str
    kind: str
    site: str | None = None
    app: str | None = None
    pool: str | None = None


@dataclass(slots=True)
class _Tree:
    """The state's files by folder, so that one is found without looking at all."""

    files: Mapping[str, FileState]
    below: dict[str, dict[str, tuple[str, FileState]]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for path, file in self.files.items():
            self._put(path, file)

    def _put(self, path: str, file: FileState | None) -> None:
        above, _, name = path.rpartition("\\")
        if not above:
            return
        known = self.below.setdefault(folded(above), {})
        if file is not None or folded(name) not in known:
            known[folded(name)] = (name, file or FileState(folder=True))
            self._put(above, None)

    def at(self, path: str) -> FileState | None:
        """What stands there.

        Raises:
            UnreadableError: nobody may look at it.
        """
        above, _, name = path.rpartition("\\")
        found = self.below.get(folded(above), {}).get(folded(name))
        if found is not None and found[1].denied:
            raise UnreadableError("Access is denied")
        return None if found is None else found[1]

    def within(self, path: str) -> list[tuple[str, FileState]]:
        """Folders first, then files, each by name."""
        found = self.below.get(folded(path.rstrip("\\")), {}).values()
        return sorted(found, key=lambda each: (not each[1].folder, folded(each[0])))


@dataclass(slots=True)
class _Scan:
    """How much has been told of so far."""

    most_files: int
    most_entries: int
    most_bytes: int
    most_content: int
    endings: set[str]
    roots: set[str]
    told: int = 0
    entries: int = 0
    hashed: int = 0
    sent: int = 0
    libraries: int = 0
    characters: int = 0
    left_out: int = 0
    cut: int = 0
    unhashed: int = 0
    files: int = 0
    bytes: int = 0
    there: bool = False

    def items(self, tree: _Tree, start: str) -> Iterator[Output]:
        """What is told of a folder and those below it."""
        self.files = self.bytes = 0
        self.there = False
        others: dict[str, list[int]] = {}
        if _UNUSUAL.search(start) is None:
            found = tree.at(start)
            if found is None or not found.folder:
                return
            self.there = True
            if "reparsepoint" in file_system.attributes(found).lower():
                yield unread(start, _LINK)
                return
        level = [start]
        while level:
            following: list[str] = []
            for place in level:
                apart: list[tuple[str, FileState]] = []
                if _UNUSUAL.search(place) is not None or len(place) >= _LONGEST:
                    yield from self._hidden(tree, place, following, apart)
                    yield from self._apart(apart, start)
                    continue
                if self.entries > self.most_entries:
                    continue
                try:
                    tree.at(place)
                except UnreadableError as error:
                    yield unread(place, error)
                    continue
                here = tree.within(place)[: self.most_entries - self.entries + 1]
                self.entries += len(here)
                for name, file in here:
                    path = f"{place.rstrip(chr(92))}\\{name}"
                    if not file.folder and is_apart(path):
                        apart.append((path, file))
                    elif not file.folder:
                        yield from self._file(path, file, start, others)
                    elif "reparsepoint" in file_system.attributes(file).lower():
                        yield unread(path, _LINK)
                    elif folded(path) not in self.roots and start != _CONFIGURATION:
                        following.append(path)
                yield from self._apart(apart, start)
            level = following
        for ending in sorted(others):
            count, size = others[ending]
            yield record("Other", Root=start, Extension=ending, Files=count, Bytes=size)

    def _hidden(
        self, tree: _Tree, place: str, following: list[str], apart: list[tuple[str, FileState]]
    ) -> Iterator[Output]:
        """A folder that opens through `\\\\?\\` alone."""
        try:
            if not folded(place).startswith(folded("C:\\")) or len(place.split("\\")) > _DEEPEST:
                raise UnreadableError("it opens through \\\\?\\ alone, and lies too deep or not on C:")
            found = tree.at(place)
            if found is None or not found.folder:
                raise UnreadableError("it opens through \\\\?\\ alone, and no folder was found there")
        except UnreadableError as error:
            yield unread(place, error)
            return
        self.there = True
        inside = tree.within(place)[: _HIDDEN + 1]
        self.entries += len(inside)
        if len(inside) > _HIDDEN:
            yield record("Capped", What=place, Limit=_HIDDEN, Seen=len(inside))
        for name, file in inside[:_HIDDEN]:
            path = f"{place}\\{name}"
            if file.folder:
                following.append(path)
            else:
                apart.append((path, file))

    def _apart(self, apart: list[tuple[str, FileState]], start: str) -> Iterator[Output]:
        """Files that open through `\\\\?\\` alone."""
        for path, file in apart:
            self.files += 1
            cost = 1000 + 14 * (len(path) + len(start))
            if (
                self.told >= self.most_files
                or self.sent + _ONE > self.most_content
                or self.characters + cost > _CHARACTERS - self.most_content
            ):
                self.left_out += 1
                continue
            try:
                if not folded(path).startswith(folded("C:\\")):
                    raise UnreadableError("it opens through \\\\?\\ alone, and does not lie on C:")
                created: str | None = file.created
                modified: str | None = file.modified
                attributes = file_system.attributes(file)
                if file.denied:
                    created, modified, attributes = None, None, ""
                    yield unread(path, UnreadableError("its attributes and times: Access is denied"))
                if "reparsepoint" in attributes.lower():
                    raise _LINK
                if file.denied:
                    raise UnreadableError("Access is denied")
            except UnreadableError as error:
                yield unread(path, error)
                continue
            size = min(file.length, _ONE + 1)
            cut = size > _ONE
            self.cut += cut
            self.sent += 0 if cut else size
            self.told += 1
            self.bytes += size
            self.characters += cost
            yield record(
                "File",
                Path=path,
                Root=start,
                Size=size,
                Created=created,
                Modified=modified,
                Sha256=file_system.sha256(file) if cut else None,
                Owner=file_system.owner(file),
                Attributes=attributes,
                Content=None if cut else file.data,
                Cut=cut,
            )

    def _file(self, path: str, file: FileState, start: str, others: dict[str, list[int]]) -> Iterator[Output]:
        self.files += 1
        self.bytes += file.length
        ending = _ending(path)
        if not self._is_wanted(path, ending.casefold(), start):
            known = next((each for each in others if each.casefold() == ending.casefold()), ending)
            if len(ending) > 20 or (known not in others and len(others) >= _ENDINGS):
                known = "*"
            counted = others.setdefault(known, [0, 0])
            counted[0] += 1
            counted[1] += file.length
            return
        plain = re.search(r"[^ -~]", path) is None
        cost = 1000 + (2 if plain else 14) * (len(path) + len(start))
        if self.told >= self.most_files or self.characters + cost > _CHARACTERS - self.most_content:
            self.left_out += 1
            return
        self.told += 1
        self.characters += cost
        yield from self._told(path, file, start, ending.casefold())

    def _told(self, path: str, file: FileState, start: str, ending: str) -> Iterator[Output]:
        digest: str | None = None
        owner: str | None = None
        content: bytes | None = None
        cut = False
        if "reparsepoint" in file_system.attributes(file).lower():
            yield unread(path, _LINK)
        else:
            try:
                most = _CONFIGURED if ending == ".config" else _ONE
                sends = ending not in (".dll", ".exe")
                if ending == ".dll" and file.length <= _LIBRARY:
                    sends = _COMPILED.search(path) is not None or _OF_EXCHANGE.search(path) is None
                    if sends:
                        self.libraries += file.length
                        # PowerShell rounds halves to the even number.
                        most = round(self.most_content / 4) - self.libraries + file.length
                if sends and (file.length > most or self.sent + file.length > self.most_content):
                    sends, cut = False, True
                    self.cut += 1
                if sends:
                    if file.denied and file.length:
                        raise UnreadableError("Access is denied")
                    content = file.data
                    self.sent += file.length
                elif self.hashed + file.length <= self.most_bytes:
                    if file.denied:
                        raise UnreadableError("Access is denied")
                    digest = file_system.sha256(file)
                    self.hashed += file.length
                else:
                    self.unhashed += 1
                if file.denied:
                    raise UnreadableError("Access is denied")
                owner = file_system.owner(file)
            except UnreadableError as error:
                yield unread(path, error)
        yield record(
            "File",
            Path=path,
            Root=start,
            Size=file.length,
            Created=file.created,
            Modified=file.modified,
            Sha256=digest,
            Owner=owner,
            Attributes=file_system.attributes(file),
            Content=content,
            Cut=cut,
        )

    def _is_wanted(self, path: str, ending: str, start: str) -> bool:
        if ending in self.endings:
            return True
        if ending == ".dll":
            return start.endswith("\\Temporary ASP.NET Files") or "\\bin\\" in path.casefold()
        return ending in (".js", ".htm", ".html") and _SCRIPTED.search(path) is not None


def answer(machine: Machine, params: Mapping[str, Value]) -> Items:
    """The script's objects."""
    tree = _Tree(machine.state.files)
    installed = ""
    try:
        present = machine.key_exists(SETUP_KEY)
        install_path = machine.values(SETUP_KEY)["MsiInstallPath"]
        yield record("ExchangeSetup", Present=present, InstallPath=text(install_path))
        installed = folder(install_path)
    except UnreadableError as error:
        yield unread(SETUP_KEY, error)
    program = f"{installed}\\Bin\\ExSetup.exe"
    if on_a_drive(program):
        try:
            found = tree.at(program)
            if found is not None and not found.folder:
                yield record("Build", Version=found.version or "")
                yield record("Installed", Key=program, Name=None, Publisher=None, On=found.created)
        except UnreadableError as error:
            yield unread(program, error)
    if installed:
        yield from _installed(machine)

    config, iis = "", None
    host = f"{_CONFIGURATION}\\applicationHost.config"
    try:
        found = tree.at(host)
        iis = found is not None and not found.folder
        if found is not None and iis:
            if found.length > _READ:
                raise UnreadableError("it is larger than 2 MB, and was not read")
            config = found.data.decode("utf-8-sig")
    except UnreadableError as error:
        yield unread(host, error)
    yield record(
        "Server",
        SystemRoot="C:\\Windows",
        SystemDrive="C:",
        ProgramFiles="C:\\Program Files",
        ProgramData="C:\\ProgramData",
        Public="C:\\Users\\Public",
        Iis=iis,
    )

    roots = list(_roots(config, installed))
    endings = {*_KNOWN, *_mapped(config)}
    order = [_CONFIGURATION] if iis else []
    known: set[str] = set()
    for root in roots:
        if folded(root.path) in known:
            continue
        known.add(folded(root.path))
        order.append(root.path)
        web_config = f"{root.path}\\web.config"
        if on_a_drive(web_config):
            try:
                found = tree.at(web_config)
                if found is not None and not found.folder and found.length <= _CONFIGURED:
                    endings.update(_mapped(found.data.decode("utf-8-sig")))
            except UnreadableError as error:
                yield unread(web_config, error)

    files_, entries, size, content = (int(str(params[name])) for name in ("files", "entries", "bytes", "content"))
    scan = _Scan(files_, entries, size, content, endings, known)
    counted: dict[str, tuple[bool, int, int]] = {}
    for start in order:
        scan.there = False
        scan.files = scan.bytes = 0
        if on_a_drive(start) or _UNUSUAL.search(start) is not None:
            try:
                yield from scan.items(tree, start)
            except UnreadableError as error:
                yield unread(start, error)
        else:
            yield record("Unread", What=start, Why="not on a drive of this server")
        counted[folded(start)] = (scan.there, scan.files, scan.bytes)
    for root in roots:
        exists, count, size = counted[folded(root.path)]
        yield record(
            "Root",
            Path=root.path,
            From=root.kind,
            Site=root.site,
            App=root.app,
            Pool=root.pool,
            Exists=exists,
            Files=count,
            Bytes=size,
        )
    yield from _capped(scan)


def _installed(machine: Machine) -> Iterator[Output]:
    """On which days the registry says that Exchange and its updates were installed."""
    told = 0
    for above, (name, publisher, on) in _PLACES.items():
        try:
            names = machine.names_below(above)
        except UnreadableError as error:
            yield unread(above, error)
            continue
        if len(names) > _PROGRAMS:
            yield record("Capped", What=above, Limit=_PROGRAMS, Seen=len(names))
        for each in names[:_PROGRAMS]:
            key = f"{above}\\{each}"
            try:
                values = machine.values(key)
            except UnreadableError as error:
                yield unread(key, error)
                continue
            shown = text(values[name])
            if above == UNINSTALL_KEY and "exchange" not in f"{each}\0{shown or ''}".casefold():
                continue
            told += 1
            if told <= _INSTALLED:
                yield record(
                    "Installed",
                    Key=key,
                    Name=_short(shown),
                    Publisher=_short(text(values[publisher])) if publisher else None,
                    On=_short(text(values[on])),
                )
    if told > _INSTALLED:
        yield record("Capped", What="days of installs", Limit=_INSTALLED, Seen=told)


def _short(value: str | None) -> str | None:
    return None if value is None else value[:100]


def _capped(scan: _Scan) -> Iterator[Output]:
    if scan.entries > scan.most_entries:
        yield record("Capped", What="files and folders", Limit=scan.most_entries, Seen=scan.entries)
    if scan.left_out:
        yield record("Capped", What="files told of", Limit=scan.told, Seen=scan.told + scan.left_out)
    if scan.cut:
        yield record("Capped", What="files sent whole", Limit=scan.told - scan.cut, Seen=scan.told)
    if scan.unhashed:
        yield record("Capped", What="files hashed", Limit=scan.told - scan.unhashed, Seen=scan.told)


def _roots(config: str, installed: str) -> Iterator[_Root]:
    yield _Root("C:\\inetpub\\wwwroot", "wwwroot")
    site: str | None = None
    app, pool = "", None
    for found in _TAG.finditer(_COMMENT.sub(" ", config)):
        tag = found[0]
        if tag.startswith("<site"):
            site = _attribute(tag, "name")
        elif tag.startswith("<application"):
            app, pool = _attribute(tag, "path") or "", _attribute(tag, "applicationPool")
        else:
            below = _attribute(tag, "path") or ""
            kind = "vdir" if below.strip("/") else "application" if app.strip("/") else "site"
            place = _attribute(tag, "physicalPath") or ""
            for name, value in {**_NAMES, "ExchangeInstallPath": f"{installed}\\"}.items():
                place = re.sub(f"%{name}%", lambda _, value=value: value, place, flags=re.IGNORECASE)  # type: ignore[misc]
            parts = [part for part in (app.strip("/"), below.strip("/")) if part]
            yield _Root(_plain(place), kind, site, f"/{'/'.join(parts)}", pool)
    if installed:
        yield _Root(f"{installed}\\FrontEnd\\HttpProxy", "exchange")
        yield _Root(f"{installed}\\ClientAccess", "exchange")
    for framework in ("Framework64", "Framework"):
        for version in ("v4.0.30319", "v2.0.50727"):
            above = f"C:\\Windows\\Microsoft.NET\\{framework}\\{version}"
            yield _Root(f"{above}\\Temporary ASP.NET Files", "temporary")


def _attribute(tag: str, name: str) -> str | None:
    found = re.search(rf"""\s{name}\s*=\s*(?:"([^"]*)"|'([^']*)')""", tag, re.IGNORECASE)
    if found is None:
        return None
    value = found[1] if found[1] is not None else found[2]
    for written, meant in (("&lt;", "<"), ("&gt;", ">"), ("&quot;", '"'), ("&apos;", "'"), ("&amp;", "&")):
        value = value.replace(written, meant)
    return value


def _plain(path: str) -> str:
    plain = path.strip().replace("/", "\\").rstrip("\\")
    return f"{plain}\\" if re.fullmatch(r"[A-Za-z]:", plain) else plain


def _mapped(config: str) -> set[str]:
    return {
        ending[1].casefold() for tag in _ADD.finditer(_COMMENT.sub(" ", config)) for ending in _MAPPED.finditer(tag[0])
    }


def _ending(path: str) -> str:
    """`$item.Extension`, without blanks and dots at its end."""
    name = path.rpartition("\\")[2]
    at = name.rfind(".")
    return "" if at < 0 else name[at:].rstrip(" .")
