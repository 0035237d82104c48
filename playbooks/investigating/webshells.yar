/*
Rules for what lies where IIS can run it. Own text; facts from the references.

Each rule is tried on the views of a file, `view`:
  raw     its bytes
  text    the page as text, whatever its encoding
  markup  the same with character references (&#65;) put in, where there are any
  page    the names of its directives, and behind them the code as in the next
  code    what of it runs on the server, as it is meant: without comments, escapes undone, texts put together, without
          blanks but between names; nested texts that were hidden in Base64 stand behind it
and says in its meta: id (stable), grade (malicious, suspicious or unknown), what (one sentence), reference, and
false_positives: what else could have it.
*/

import "dotnet"
import "pe"

rule oab_dump
{
    meta:
        id = "content.oab-dump"
        grade = "malicious"
        what = "an Exchange virtual directory was written out into it, with a script in a URL (CVE-2021-27065)"
        reference = "Microsoft 2021-03-02; signature-base apt_hafnium.yar, WEBSHELL_CVE_2021_27065_Webshells"
        false_positives = "none known: Exchange writes no such file where IIS serves from"
    strings:
        $url = /(ex|in)ternalurl\s{0,80}:/ nocase
        $methods = "internalauthenticationmethods" nocase
        $token = "extendedprotectiontokenchecking" nocase
        $poll = "pollinterval" nocase
        $script = /<script\b[^>]{0,200}runat/ nocase
        $block = "<%"
    condition:
        view == "text" and $url and ($methods or $token or $poll) and ($script or $block)
}

rule eval_unsafe
{
    meta:
        id = "content.eval-unsafe"
        grade = "malicious"
        what = "it has text taken for JScript without any limits (eval with unsafe), as China Chopper's pages do"
        reference = "Microsoft, Web shell attacks continue to rise (2021-02-11); signature-base apt_hafnium.yar"
        false_positives = "none known: the word is of no use in a page that evaluates its own text"
    strings:
        $a = /\beval\([^;]{0,300},"unsafe"\)/ nocase
        $b = /JScriptEvaluate\([^;]{0,300}"unsafe"/ nocase
    condition:
        view == "code" and any of them
}

rule tunnel
{
    meta:
        id = "content.tunnel"
        grade = "malicious"
        what = "it passes a visitor's connection on to other machines (a tunnel as reGeorg, Neo-reGeorg, Tunna or ABPTTS)"
        reference = "sensepost/reGeorg; L-codes/Neo-reGeorg; signature-base gen_webshells.yar, WEBSHELL_ASPX_Regeorg_CSHARP"
        false_positives = "a proxy page of an application's own that opens raw sockets by its request"
    strings:
        $socket = /\b(new )?(TcpClient|Socket|Sockets\.Socket|Net\.Sockets\.\w+)\(/
        $family = "AddressFamily.InterNetwork"
        $target = /"X-(CMD|TARGET|STATUS|PORT|ERROR)"/ nocase
        $georg = "Georg says" nocase
        $verbs = /"(CONNECT|DISCONNECT|FORWARD|READ)"/
        $request = /\bRequest[\.\[\(]/
    condition:
        view == "code" and (
            $georg
            or (($socket or $family) and $request and ($target or #verbs >= 2))
        )
}

rule loads_program_of_request
{
    meta:
        id = "content.loads-program"
        grade = "malicious"
        what = "it decrypts or decodes a program and loads it into the worker process (as Behinder and Godzilla do)"
        reference = "rebeyond/Behinder; BeichenDream/Godzilla; signature-base gen_webshells.yar"
        false_positives = "a plug-in loader of an application that keeps its libraries encrypted in a page: none known"
    strings:
        $load1 = /Assembly\.Load\([^";]{0,100}(TransformFinalBlock|FromBase64String|BinaryRead|CreateDecryptor|ToArray|data|buf|bytes|\bc\b|\bb\b)/ nocase
        $load2 = /typeof\((System\.Reflection\.)?Assembly\)[^;]{0,100}"Load"/
        $load3 = "\"System.Reflection.Assembly\"" nocase
        $crypt = /\b(RijndaelManaged|AesManaged|Aes\.Create|AesCryptoServiceProvider|CreateDecryptor|TransformFinalBlock|FromBase64String|DESCryptoServiceProvider|GZipStream|DeflateStream)\b/ nocase
        $make = /\.(CreateInstance|GetTypes?|EntryPoint|GetMethod|Invoke)\(/ nocase
        $entry = "EntryPoint"
    condition:
        view == "code" and ($load1 or (($load2 or $load3) and $crypt)) and $crypt and ($make or $entry)
}

rule memory_shell
{
    meta:
        id = "content.memory-shell"
        grade = "malicious"
        what = "it puts itself into the running application, to answer requests for pages that no file has"
        reference = "Microsoft 2022-07-26, malicious IIS extensions; pwntester/ysoserial.net GhostWebShell; A1kaid, IIS memory shells"
        false_positives = "an application's start-up code in global.asax that serves pages out of a database"
    strings:
        $provider = /RegisterVirtualPathProvider(Internal)?\b/
        $derived = /:\s?(System\.Web\.Hosting\.)?VirtualPathProvider\b/
        $listener = /\bHttpListener\(/
        $prefix = /Prefixes\.Add\(/
        $filters = /GlobalFilters\.Filters\.Add\(/
        $routes = /RouteTable\.Routes\.(Insert|Add)\(/
        $request = /\bRequest[\.\[\(]/ nocase
        $runs = /\b(Process\.Start|ProcessStartInfo|JScriptEvaluate|CompileAssemblyFromSource)\b|Assembly\.Load\(/
    condition:
        view == "code" and $runs and (
            ($provider and $derived) or ($listener and $prefix) or (($filters or $routes) and $request)
        )
}

rule machine_key_reader
{
    meta:
        id = "content.machine-key"
        grade = "malicious"
        what = "it gives out the machine key, with which whoever has it can have this server run what they sign"
        reference = "Microsoft 2025-07-22, CVE-2025-53770 (spinstall0.aspx); Microsoft 2025-02-06, ViewState code injection"
        false_positives = "none known"
    strings:
        $section = "MachineKeySection"
        $read = /GetApplicationConfig|GetSection\("system\.web\/machineKey"\)|GetMethod\(/ nocase
        $key = /(Validation|Decryption)Key\b/
        $raw = "GetRawXml"
        $named = "\"system.web/machineKey\"" nocase
        $generated = "s_autogenKeys"
        $out = /Response\.(Write|Output|BinaryWrite|Headers|AddHeader|AppendHeader)|<%=/
    condition:
        view == "code" and (($section and $read and $key and $out) or ($named and $raw and $out) or $generated)
}

rule credential_writer
{
    meta:
        id = "content.credential-writer"
        grade = "malicious"
        what = "it writes the passwords of those who log on into a file"
        reference = "Positive Technologies 2024-05-21, keylogger in the log-on page of Exchange"
        false_positives = "none known: no page writes a password into a file"
    strings:
        $kept = /\b(AppendAllText|WriteAllText|AppendAllLines|WriteLine)\(?[^;\n]{0,200}Request(\.Form|\.Params)?[\[\(]"\w{0,20}(passw(or)?d|pwd)/ nocase
    condition:
        view == "code" and $kept
}

rule native_calls
{
    meta:
        id = "content.native-code"
        grade = "suspicious"
        what = "it calls into Windows to run code of its own or to read other processes"
        reference = "MITRE ATT&CK T1055, T1003.001; signature-base gen_webshells.yar"
        false_positives = "none known in a page; libraries do such things, not pages"
    strings:
        $import = /DllImport\(|Declare (Auto |Ansi |Unicode )?(Function|Sub) /
        $memory = /\b(VirtualAlloc(Ex)?|VirtualProtect|CreateThread|CreateRemoteThread|NtCreateThreadEx|WriteProcessMemory|QueueUserAPC|HeapCreate|RtlMoveMemory)\b/
        $process = /\b(CreateProcess(A|W|AsUser\w?|WithLogonW|WithTokenW)?|WinExec|ShellExecute(A|W)?|OpenProcess|MiniDumpWriteDump)\b/
        $delegate = "GetDelegateForFunctionPointer"
        $runtime = /DllImport\("(msvcrt|ucrtbase|crtdll|msvcr\d+)(\.dll)?"/ nocase
        $system = /\b(_?w?system|_?w?popen|_?w?exec[lv]\w*|_?w?spawn[lv]\w*)\b/
    condition:
        view == "code" and (($import and ($memory or $process)) or $delegate or ($runtime and $system))
}

rule powershell_in_page
{
    meta:
        id = "content.powershell"
        grade = "suspicious"
        what = "it runs PowerShell inside the worker process"
        reference = "samratashok/nishang Antak; MITRE ATT&CK T1059.001"
        false_positives = "a page of an administrator's own that runs fixed scripts"
    strings:
        $space = "System.Management.Automation"
        $create = /\b(PowerShell\.Create|RunspaceFactory\.CreateRunspace|CreatePipeline)\(/
    condition:
        view == "code" and any of them
}

rule shell_object
{
    meta:
        id = "content.shell-object"
        grade = "suspicious"
        what = "it makes an object that starts programs (WScript.Shell, Shell.Application, WMI), by name or by class id"
        reference = "signature-base gen_webshells.yar, WEBSHELL_ASP_Generic; class ids from Windows' registry"
        false_positives = "old pages of administrators that start a fixed program"
    strings:
        $name = /(CreateObject|ActiveXObject|GetTypeFromProgID|GetObject|CreateInstance)\(\s?"(WScript\.Shell|Shell\.Application|MSScriptControl\.ScriptControl|ScriptControl|Schedule\.Service|MMC20\.Application|htmlfile_FullWindowEmbed|WbemScripting\.SWbemLocator)(\.\d)?"/ nocase
        $id1 = "72C24DD5-D70A-438B-8A42-98424B88AFB8" nocase
        $id2 = "F935DC22-1CF0-11D0-ADB9-00C04FD58A0B" nocase
        $id3 = "13709620-C279-11CE-A49E-444553540000" nocase
        $id4 = "093FF999-1EA0-4079-9525-9614C3504B74" nocase
        $id5 = "0E59F1D5-1FBE-11D0-8FF2-00A0D10038BC" nocase
        $id6 = "49B2791A-B1AE-4C90-9B8E-E860BA07F889" nocase
        $id7 = "9BA05972-F6A8-11CF-A442-00A0C90A8F39" nocase
        $id8 = "C08AFD90-F2A1-11D1-8455-00A0C91F3880" nocase
        $moniker = /GetObject\(\s?"script(let)?:/ nocase
        $wmi = /winmgmts:|Win32_Process(Startup)?\b/ nocase
        $create = /\bCreate\b/
    condition:
        view == "code" and ($name or any of ($id*) or $moniker or ($wmi and $create))
}

rule encoded_script
{
    meta:
        id = "content.encoded-script"
        grade = "suspicious"
        what = "its script is encoded (VBScript.Encode or JScript.Encode), so that people cannot read it; what it says was judged as well"
        reference = "Microsoft Script Encoder; signature-base gen_webshells.yar, WEBSHELL_ASP_Encoded"
        false_positives = "sold applications of before 2005 whose makers hid their code"
    strings:
        $mark = /#@~\^[A-Za-z0-9+\/]{6}==/
        $language = /language\s{0,5}=\s{0,5}["']?(vbscript|jscript)\.encode/ nocase
    condition:
        view == "text" and any of them
}

rule xslt_script
{
    meta:
        id = "content.xslt-script"
        grade = "suspicious"
        what = "it runs script that stands in a style sheet"
        reference = "Microsoft, msxsl:script; tennc/webshell aspx/xslt.aspx as a public form"
        false_positives = "a style sheet of an application's own, which would be a file of its own and no page"
    strings:
        $script = /<msxsl:script\b/ nocase
        $space = "urn:schemas-microsoft-com:xslt" nocase
        $settings = /XsltSettings(\.TrustedXslt|\(\s?true,\s?true\)|\(\w+,\s?true\))|EnableScript=true/ nocase
        $transform = /\b(XslCompiledTransform|XslTransform|transformNode)\b/ nocase
    condition:
        view == "code" and $transform and ($script or ($settings and $space) or $space)
}

rule iis_secrets
{
    meta:
        id = "content.iis-secrets"
        grade = "suspicious"
        what = "it reads the accounts and passwords of IIS's sites, or the accounts of this server"
        reference = "ASPXSpy as published; signature-base gen_webshells.yar, WEBSHELL_ASP_Generic_Registry_Reader"
        false_positives = "a control panel of a hosting provider"
    strings:
        $metabase = /"IIS:\/\/(localhost|"?)[^"]{0,40}W3SVC/ nocase
        $password = /AnonymousUserPass|WAMUserPass|UNCPassword/ nocase
        $accounts = /"WinNT:\/\/[^"]{0,60}"/ nocase
        $registry = /"(HKEY_LOCAL_MACHINE|HKLM)?\\{0,2}(SYSTEM|SOFTWARE|SAM)\\{1,2}(CurrentControlSet|RAdmin|RealVNC|Microsoft|ORL|SAM)/ nocase
        $listing = /\b(GetFiles|GetDirectories|GetFolder|SubFolders|GetProcesses|GetLogicalDrives)\b/ nocase
    condition:
        view == "code" and ($password and $metabase) or (view == "code" and $listing and ($accounts or $registry or $metabase))
}

rule named_tool
{
    meta:
        id = "content.named-tool"
        grade = "suspicious"
        what = "it bears the name of a published web shell, and has code"
        reference = "tennc/webshell; xl7dev/WebShell; fuzzdb-project/fuzzdb; sensepost/reGeorg (names as published)"
        false_positives = "an article about web shells in a page with code of its own"
    strings:
        $a = /\b(aspxspy2?|aspydrv|aspxshell|devilzshell|antak-webshell|websniff|sharpyshell|ntdaddy|elmaliseker|cyberspy5|zehir4?\.asp|reduh|regeorg|aspcmd|cmdasp|antsword|asp\.net web backdoor|aspx?[_ -]?backdoor|filesystembrowser)\b/ nocase
    condition:
        view == "code" and $a
}

rule compiled_shell
{
    meta:
        id = "content.compiled-shell"
        grade = "malicious"
        what = "a compiled page of a folder where Exchange has none, which takes a visitor's text for code or files"
        reference = "signature-base apt_hafnium.yar, WEBSHELL_Compiled_Webshell_Mar2021_1"
        false_positives = "none known"
    strings:
        $client = "~/aspnet_client/" wide nocase
        $auth = "~/auth/" wide nocase
        $eval = "JScriptEvaluate"
        $exec = "ProcessStartInfo"
        $request = "get_Request"
        $files = "get_Files"
    condition:
        view == "raw" and uint16(0) == 0x5A4D and filesize < 400KB and ($client or $auth)
        and ($eval or ($request and ($exec or $files)))
}

rule dumps_memory
{
    meta:
        id = "content.credential-dump"
        grade = "suspicious"
        what = "it names what secrets are dumped with (lsass, comsvcs, procdump, ntds.dit)"
        reference = "MITRE ATT&CK T1003; Microsoft 2021-03-02"
        false_positives = "a page that shows articles on security and has them in its code"
    strings:
        $a = /\b(comsvcs(\.dll)?|procdump(64)?(\.exe)?|ntds\.dit|sekurlsa|mimikatz|lsass\.(exe|dmp))\b/ nocase
    condition:
        view == "code" and $a
}

rule upload_beside_itself
{
    meta:
        id = "content.upload-beside"
        grade = "suspicious"
        what = "it writes what a visitor sends beside itself, where it is run"
        reference = "woanware fileupload.aspx as published in tennc/webshell; MITRE ATT&CK T1505.003"
        false_positives = "a page of an application that keeps uploads in its own folder"
    strings:
        $files = /\bRequest\.(Files|BinaryRead|InputStream)\b/ nocase
        $write = /\b(SaveAs|FileStream|WriteAllBytes|SaveToFile|CreateTextFile)\(?/ nocase
        $here = /\b(PhysicalPath|PATH_TRANSLATED)\b/ nocase
    condition:
        view == "code" and all of them
}

rule xaml_process
{
    meta:
        id = "content.xaml-process"
        grade = "suspicious"
        what = "it has objects made out of XAML that start a program"
        reference = "pwntester/ysoserial.net, ObjectDataProvider; Microsoft, XAML services"
        false_positives = "none known where IIS serves from"
    strings:
        $maker = /ObjectDataProvider|<x:Code\b|ActivitySurrogateSelector|TypeConfuseDelegate|VisualBasicValue|CSharpValue|<WorkflowService\b/
        $what = /System\.Diagnostics|\bProcess\b|\bcmd(\.exe)?\b|powershell/ nocase
    condition:
        view == "text" and all of them
}

rule registry_walker
{
    meta:
        id = "content.registry-walker"
        grade = "suspicious"
        what = "it walks through the registry, as web shells do to find places that they can write to"
        reference = "tennc/webshell net-friend wt.aspx as a public form; signature-base WEBSHELL_ASP_Generic_Registry_Reader"
        false_positives = "none known: a page that needs one value reads that one"
    strings:
        $hive = /\bRegistry\.(LocalMachine|ClassesRoot|Users|CurrentUser)\b/
        $walk = /\b(GetSubKeyNames|GetValueNames)\(/
    condition:
        view == "code" and #hive >= 2 and $walk
}


rule control_of_classes
{
    meta:
        id = "content.control-runs"
        grade = "suspicious"
        what = "a control of the page runs methods of Windows' or ASP.NET's own that start programs, load code or write files"
        reference = "Microsoft, ObjectDataSource.TypeName and SelectMethod; SqlDataSource.SelectCommand"
        false_positives = "none known: controls call the classes of their application"
    strings:
        $object = /<asp:ObjectDataSource\b[^>]{0,600}\bTypeName\s{0,5}=\s{0,5}["']\s{0,5}(System\.(Diagnostics|IO|Reflection|Activator|AppDomain|Management|Configuration\.Install|Xaml|CodeDom|Runtime|Windows|Web\.UI\.(Los|ObjectState)|Net\.WebClient)|Microsoft\.(VisualBasic|JScript|CSharp|Win32))/ nocase
        $sql = /<asp:SqlDataSource\b[^>]{0,1000}\b(xp_cmdshell|sp_OACreate|sp_execute_external_script)\b/ nocase
        $xslt = /<asp:(Xml|XmlDataSource)\b.{0,1500}(msxsl:script|urn:schemas-microsoft-com:xslt)/is
    condition:
        (view == "text" or view == "markup") and any of them
}

rule emits_code
{
    meta:
        id = "content.emits-code"
        grade = "suspicious"
        what = "it puts instructions together while it runs, of what is sent or decoded"
        reference = "Microsoft, System.Reflection.Emit; MITRE ATT&CK T1620"
        false_positives = "a library of proxies in source, which takes nothing of a request"
    strings:
        $emit = /\b(DynamicILInfo|GetDynamicILInfo|DefineDynamicAssembly|DynamicMethod)\b/
        $from = /\bRequest[\.\[\(]|FromBase64String/
    condition:
        view == "code" and all of them
}

rule page_stays_resident
{
    meta:
        id = "content.stays-resident"
        grade = "suspicious"
        what = "a page changes how the whole application answers, until it is restarted"
        reference = "Microsoft 2022-07-26, malicious IIS extensions; A1kaid, IIS memory shells"
        false_positives = "none known: applications do this when they start (global.asax), and not in a page"
    strings:
        $page = /<%\s{0,20}@\s{0,20}(Page|WebHandler|WebService|Control|Master|ServiceHost)\b/ nocase
        $provider = /RegisterVirtualPathProvider(Internal)?\b/
        $module = /\b(DynamicModuleUtility|HttpApplication)\.RegisterModule\(/
        $routes = /RouteTable\.Routes\.(Insert|Add|MapPageRoute)\(/
        $filters = /GlobalFilters\.Filters\.(Add|Insert)\(/
        $listener = /\bnew (System\.)?(Net\.)?HttpListener\(/
    condition:
        view == "page" and $page and any of ($provider, $module, $routes, $filters, $listener)
}

rule starts_by_itself
{
    meta:
        id = "content.persistence"
        grade = "suspicious"
        what = "it writes into the registry what Windows starts by itself"
        reference = "MITRE ATT&CK T1547.001, T1543.003"
        false_positives = "none known in a page: programs are set up by their own setup"
    strings:
        $place = /CurrentVersion\\{1,2}Run(Once)?\b|CurrentControlSet\\{1,2}Services\b|Image File Execution Options|Winlogon\b/ nocase
        $write = /\b(SetValue|CreateSubKey|RegWrite)\b/
    condition:
        view == "code" and all of them
}

rule makes_accounts
{
    meta:
        id = "content.makes-accounts"
        grade = "suspicious"
        what = "it makes local accounts, or administrators"
        reference = "MITRE ATT&CK T1136.001; Microsoft, ADSI WinNT provider"
        false_positives = "a control panel of a hosting provider"
    strings:
        $local = /"WinNT:\/\// nocase
        $administrators = /Administrators?,group/ nocase
        $add = /\.(Add|Invoke)\("?Add\b|\.Add\b/ nocase
        $user = /,"user"\)/ nocase
        $make = /\.Create\("user"/ nocase
    condition:
        view == "code" and $local and (($administrators and $add) or ($add and $user) or $make)
}

/* Libraries are never run to see what they do: they are told by the names that .NET needs in them and by their texts. */

rule library_evaluates
{
    meta:
        id = "content.library-evaluates"
        grade = "malicious"
        what = "a library has text taken for JScript without any limits, and reads requests"
        reference = "signature-base apt_hafnium.yar, WEBSHELL_Compiled_Webshell_Mar2021_1"
        false_positives = "none known"
    strings:
        $eval = "JScriptEvaluate" fullword
        $free = "unsafe" wide fullword
        $request = /\b(get_Request|HttpRequest|HttpContext|HttpListenerContext)\b/
    condition:
        view == "raw" and uint16(0) == 0x5A4D and filesize < 1MB and all of them
}

rule library_loads
{
    meta:
        id = "content.library-loads"
        grade = "suspicious"
        what = "a compiled page, module or handler decodes or decrypts a program and loads it (as Behinder and Godzilla do)"
        reference = "rebeyond/Behinder; BeichenDream/Godzilla; Microsoft 2022-07-26, malicious IIS extensions"
        false_positives = "a module that keeps libraries of its own encrypted within itself"
    strings:
        $load = "Load" fullword
        $assembly = "Assembly" fullword
        $crypt = /\b(TransformFinalBlock|CreateDecryptor|FromBase64String)\b/
        $sent = /\b(BinaryRead|get_InputStream|get_Headers|get_Form|get_Item|get_Cookies)\b/
        $request = /\b(get_Request|HttpRequest)\b/
        $make = /\b(CreateInstance|get_EntryPoint|GetMethod|GetTypes|InvokeMember)\b/
        $page = /FastObjectFactory_app_\w+|\b__?ASP\b|\bASP\x00|\bIHttp(Module|Handler)\b|\bHttpListener\b|_as[hcmp]x\b/ nocase
    condition:
        view == "raw" and uint16(0) == 0x5A4D and filesize < 128KB and all of them
}

rule library_commands
{
    meta:
        id = "content.library-commands"
        grade = "suspicious"
        what = "a library that reads requests starts a command line"
        reference = "MITRE ATT&CK T1505.003, T1505.004; Microsoft 2022-07-26, malicious IIS extensions"
        false_positives = "a control panel of a hosting provider"
    strings:
        $start = /\b(ProcessStartInfo|set_StartInfo|get_StartInfo)\b/
        $request = /\b(get_Request|HttpRequest|HttpListenerContext)\b/
        $shell = /\b(cmd(\.exe)?|powershell(\.exe)?|pwsh|wscript(\.exe)?|cscript(\.exe)?)\b/ wide nocase
        $switch = "/c" wide nocase
    condition:
        view == "raw" and uint16(0) == 0x5A4D and filesize < 128KB and $start and $request and ($shell or $switch)
}

rule library_keeps_passwords
{
    meta:
        id = "content.library-passwords"
        grade = "malicious"
        what = "a library reads the passwords of Exchange's log-on page and writes a file"
        reference = "Microsoft 2022-07-26, malicious IIS extensions (credentials of OWA); Kaspersky 2021-12-14, Owowa"
        false_positives = "none known: no library but Exchange's own takes these passwords, and none writes them"
    strings:
        $page = "auth.owa" wide nocase
        $password = "password" wide nocase
        $write = /\b(AppendAllText|AppendAllLines|WriteAllText|WriteAllBytes|StreamWriter|FileStream|AppendText)\b/
        $request = /\b(get_Request|HttpRequest|get_Form|get_InputStream)\b/
    condition:
        view == "raw" and uint16(0) == 0x5A4D and filesize < 128KB and all of them
}

rule library_in_library
{
    meta:
        id = "content.library-hidden"
        grade = "suspicious"
        what = "a library has a program in Base64 among its texts, and loads what is decoded"
        reference = "MITRE ATT&CK T1027.009, T1620"
        false_positives = "none known in libraries of this size"
    strings:
        $program = "TVqQAAMAAAAEAAAA" wide
        $decode = "FromBase64String" fullword
        $load = "Load" fullword
        $assembly = "Assembly" fullword
    condition:
        view == "raw" and uint16(0) == 0x5A4D and filesize < 1MB and all of them
}

rule native_module
{
    meta:
        id = "content.native-module"
        grade = "suspicious"
        what = "a native module of IIS, which lies where pages lie and not where IIS has its own"
        reference = "Microsoft, RegisterModule of IIS's native API; ESET 2021-08, Anatomy of native IIS malware"
        false_positives = "a module of a product that keeps it in its web folder"
    condition:
        view == "raw" and pe.is_pe and not dotnet.is_dotnet and pe.exports("RegisterModule")
}
