"""Tools that look for exchanges to make calls at their owners' cost, by the names they give themselves.

Whoever means it changes the name; most don't. The list is of tools that have no other use at a stranger's door.
"""

from __future__ import annotations

import re

# SIPVicious and what grew out of it (friendly-scanner, sundayddr, sipvicious in From), sipcli, the VaxSIP toolkit of dialling
# scripts, pplsip, and the others that lists for firewalls of SIP servers name.
_NAMES = (
    b"friendly-scanner",
    b"sipvicious",
    b"sundayddr",
    b"sipcli",
    b"sip-scan",
    b"vaxsipuseragent",
    b"pplsip",
    b"siparmyknife",
    b"sipscan",
    b"smap",
    b"iwar",
)
# Whole words alone, and of names in From that one alone which nobody bears: people are called Iwarsson, phones SIPClient.
_SIGN = re.compile(
    rb"\n(?:user-agent[ \t]*:[ \t]*("
    + b"|".join(map(re.escape, _NAMES))
    + rb')|(?:from|f)[ \t]*:[ \t]*"?(sipvicious))(?![a-z0-9])',
    re.IGNORECASE,
)
_LOOKED_AT_BYTES = 4_096


def scanner_of(data: bytes) -> str:
    """The tool that this message names as its sender, or ""."""
    match = _SIGN.search(data, 0, _LOOKED_AT_BYTES)
    return (match[1] or match[2]).decode("ascii").lower() if match else ""
