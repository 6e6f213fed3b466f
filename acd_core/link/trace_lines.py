"""The lines of a SIP trace, as the edge keeps them in its files and shows them to a page that watches."""

from __future__ import annotations

import msgspec


class TraceMessage(msgspec.Struct, frozen=True, tag="message", omit_defaults=True):
    """One SIP message; `lost` counts those before it that the queue had no room for."""

    at_ms: int
    sent: bool
    host: str
    port: int
    text: str
    lost: int = 0
    transport: str = "UDP"


class TraceParty(msgspec.Struct, frozen=True, tag="party"):
    """From here on this SIP Call-ID is that party of that call."""

    at_ms: int
    call: str
    party: str
    sip_call_id: str


TraceLine = TraceMessage | TraceParty
