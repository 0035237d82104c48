"""Virtual directories of Exchange as Active Directory has them."""

from __future__ import annotations

from runner.lab.state import DirectoryState, VirtualDirectory

_OAB = VirtualDirectory(
    kind="Oab",
    name="OAB (Default Web Site)",
    internal="https://ex01.contoso.com/OAB",
    external="https://mail.contoso.com/OAB",
)
_ECP = VirtualDirectory(kind="Ecp", name="ecp (Default Web Site)", external="https://mail.contoso.com/ecp")
# What every server with mailboxes has, where a session reaches the directory.
DIRECTORY = DirectoryState(answers="answers", virtual_directories=[_OAB, _ECP])
# Of every form; the marks of the attack, without its function.
ODD = DirectoryState(
    answers="answers",
    virtual_directories=[
        _OAB.model_copy(update={"external": "http://f/<script>/* Größe ☃ */</script>", "changed": None}),
        _OAB.model_copy(update={"name": "second", "internal": "https://" + "x" * 5000, "external": None}),
        _ECP.model_copy(update={"internal": "", "changed": "2021-03-03T04:05:06.7890123Z"}),
        VirtualDirectory(kind="Autodiscover", name="Autodiscover (Default Web Site)"),
        *(VirtualDirectory(kind="Mapi", name=f"mapi {at}") for at in range(102)),
    ],
)
