"""Web servers with every form of what IIS could run, for tests that run scripts on them. Nothing in them works."""

from __future__ import annotations

from runner.lab.state import FileState

HOST_CONFIG = "C:\\Windows\\System32\\inetsrv\\config\\applicationHost.config"
TEMPORARY = "C:\\Windows\\Microsoft.NET\\Framework64\\v4.0.30319\\Temporary ASP.NET Files"
WWWROOT = "C:\\inetpub\\wwwroot"

SITES = """<?xml version="1.0" encoding="UTF-8"?>
<configuration>
  <!-- <site name="x"><application path="/"><virtualDirectory path="/" physicalPath="C:\\no" /></application></site> -->
  <system.applicationHost>
    <applicationPools><add name="MSExchangeOWAAppPool" /><add name="DefaultAppPool" /></applicationPools>
    <sites>
      <site name="Default Web Site" id="1">
        <application path="/" applicationPool="MSExchangeOWAAppPool">
          <virtualDirectory path="/" physicalPath="%SystemDrive%\\inetpub\\wwwroot" />
          <virtualDirectory path="/aspnet_client" physicalPath="c:/inetpub/wwwroot/aspnet_client/" />
        </application>
        <application path="/owa" applicationPool="MSExchangeOWAAppPool">
          <virtualDirectory path="/" physicalPath="%ExchangeInstallPath%FrontEnd\\HttpProxy\\owa" />
          <virtualDirectory path="/a &amp; b" physicalPath='C:\\Sites\\a &amp; b' />
          <virtualDirectory path="/share" physicalPath="\\\\files\\web" />
          <virtualDirectory path="/gone" physicalPath="C:\\gone" />
          <virtualDirectory path="/link" physicalPath="C:\\linked" />
          <virtualDirectory path="/con" physicalPath="C:\\Sites\\CON" />
          <virtualDirectory path="/nul" physicalPath="C:\\Sites\\nul" />
          <virtualDirectory path="/aux" physicalPath="E:\\aux" />
        </application>
        <applicationDefaults applicationPool="DefaultAppPool" />
      </site>
      <site name='Exchange Back End' id="2">
        <application path="/owa">
          <virtualDirectory path="/" physicalPath="%ExchangeInstallPath%ClientAccess\\owa" />
        </application>
      </site>
    </sites>
  </system.applicationHost>
  <system.webServer><handlers>
    <add name="own" path="*.foo,*.Bar" verb="*" />
    <!-- <add name="off" path="*.off" verb="*" /> -->
    <add name="all" path="*" verb="*" />
  </handlers></system.webServer>
</configuration>
"""


def web_server(install: str) -> dict[str, FileState]:
    """Files of a server with IIS and Exchange, in every form that webshell.scan tells apart.

    Args:
        install: Exchange's folder, with a stroke at its end.
    """
    page = FileState(content="<%@ Page %>")
    proxy = f"{install}FrontEnd\\HttpProxy"
    compiled = (
        '<preserve resultType="3" virtualPath="/owa/auth/gone.aspx" hash="1" filehash="2" assembly="App_Web_a1" />'
    )
    return {
        HOST_CONFIG: FileState(content=SITES),
        "C:\\Windows\\System32\\inetsrv\\config\\redirection.config": FileState(content="<configuration />"),
        "C:\\Windows\\System32\\inetsrv\\config\\schema\\x.config": FileState(content="<configuration />"),
        f"{WWWROOT}\\iisstart.htm": FileState(content="<html></html>"),
        f"{WWWROOT}\\web.config": FileState(
            content='<configuration><system.web><httpHandlers><add verb="*" path="*.own" type="X" /></httpHandlers>'
            "</system.web></configuration>"
        ),
        f"{WWWROOT}\\a.own": page,
        f"{WWWROOT}\\a.off": page,
        f"{WWWROOT}\\A.BAR": page,
        f"{WWWROOT}\\empty.aspx": FileState(),
        f"{WWWROOT}\\large.aspx": FileState(size=262_145),
        f"{WWWROOT}\\largest.aspx": FileState(size=262_144),
        f"{WWWROOT}\\none": FileState(content="x"),
        f"{WWWROOT}\\[1] \u00e9.ashx": page,
        f"{WWWROOT}\\{'n' * 120}.asmx": page,
        f"{WWWROOT}\\hidden.aspx": FileState(
            content="x", attributes="Hidden, System, Archive", modified="2026-11-01T00:00:00.0000000Z"
        ),
        f"{WWWROOT}\\owned.aspx": FileState(content="x", sddl="O:SYG:SYD:AI(A;ID;FA;;;SY)"),
        f"{WWWROOT}\\closed.aspx": FileState(content="x", denied=True),
        f"{WWWROOT}\\linked.aspx": FileState(content="x", attributes="Archive, ReparsePoint"),
        f"{WWWROOT}\\a.{'e' * 30}": FileState(content="x"),
        **{f"{WWWROOT}\\many\\a.e{number:03}": FileState(size=number) for number in range(110)},
        f"{WWWROOT}\\folder.aspx": FileState(folder=True),
        f"{WWWROOT}\\closed": FileState(folder=True, denied=True),
        f"{WWWROOT}\\loop": FileState(folder=True, attributes="Directory, ReparsePoint"),
        f"{WWWROOT}\\aspnet_client\\x.js": FileState(content="x"),
        f"{WWWROOT}\\aspnet_client\\system_web\\4_0_30319\\x.aspx": page,
        "C:\\Sites\\a & b\\x.aspx": page,
        "C:\\Sites\\CON\\x.aspx": page,
        "C:\\Sites\\CON\\y.txt": FileState(),
        "C:\\Sites\\CON\\large.bin": FileState(size=262_145),
        "C:\\Sites\\CON\\Below\\z.dat": FileState(content="x"),
        "C:\\Sites\\a & b\\ends in a dot.\\x.aspx": page,
        "C:\\Sites\\a & b\\com1.d\\x.aspx": page,
        f"C:\\Sites\\a & b\\{'long' * 30}\\{'long' * 30}\\x.aspx": page,
        "E:\\aux\\x.aspx": page,
        "C:\\linked": FileState(folder=True, attributes="Directory, ReparsePoint"),
        f"{proxy}\\owa\\web.config": FileState(content="<configuration />"),
        f"{proxy}\\owa\\auth\\logon.aspx": page,
        f"{proxy}\\owa\\auth\\15.2.1544\\scripts\\flogon.js": FileState(content="x"),
        f"{proxy}\\owa\\auth\\15.2.1544\\themes\\a.png": FileState(size=5_000),
        f"{proxy}\\owa\\bin\\App_Web_x.dll": FileState(size=6_000),
        f"{proxy}\\owa\\bin\\x.aspx.1a2b3c4d.compiled": FileState(content=compiled),
        f"{proxy}\\owa\\PrecompiledApp.config": FileState(content='<precompiledApp version="2" updatable="false" />'),
        f"{proxy}\\oab\\x.dll": FileState(size=10),
        f"{proxy}\\ecp\\auth\\TimeoutLogout.aspx": page,
        f"{install}ClientAccess\\owa\\scripts\\x.js": FileState(size=100),
        f"{install}ClientAccess\\owa\\App_Code\\x.cs": FileState(content="x"),
        f"{TEMPORARY}\\owa\\1a2b3c4d\\5e6f7a8b\\gone.aspx.1a2b3c4d.compiled": FileState(content=compiled),
        f"{TEMPORARY}\\owa\\1a2b3c4d\\5e6f7a8b\\App_Web_a1.dll": FileState(size=7_000),
        f"{TEMPORARY}\\owa\\1a2b3c4d\\5e6f7a8b\\App_Web_a1.pdb": FileState(size=7_000),
    }
