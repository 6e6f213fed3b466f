"""Transfers: REFER and what belongs to it (RFC 3515, 3891, 3892, 4488).

`parse_refer` reads what a REFER asks for: to call somebody, maybe in place of another dialog (`Replaces` inside the
Refer-To URI, an attended transfer). Progress goes back in NOTIFY, as a status line (`sipfrag`), unless the peer said
`Refer-Sub: false`. Other header fields in a Refer-To URI are what RFC 3261 19.1.5 warns of, and are not carried over.
"""

from __future__ import annotations

from urllib.parse import unquote_to_bytes

import msgspec

from gateways.sip.build import reason_phrase
from gateways.sip.errors import SipParseError
from gateways.sip.headers import NameAddr
from gateways.sip.message import Request
from gateways.sip.scan import parse_params, split_list
from gateways.sip.uri import Uri

EVENT = "refer"
SIPFRAG_TYPE = "message/sipfrag;version=2.0"  # RFC 3515 2.4.5
_SCHEMES = ("sip", "sips", "tel")


class Replaces(msgspec.Struct, frozen=True):
    """The dialog that a new one takes the place of (RFC 3891 6.1); the tags as the one who reads it sees them."""

    call_id: str
    to_tag: str  # its own
    from_tag: str  # its peer's
    early_only: bool = False

    @classmethod
    def parse(cls, text: str) -> Replaces:
        """The value of a Replaces header field."""
        call_id, semicolon, rest = text.partition(";")
        call_id = call_id.strip(" \t")
        params = parse_params(semicolon + rest, "Replaces")
        to_tag, from_tag = params.get("to-tag"), params.get("from-tag")
        if not call_id or not to_tag or not from_tag or " " in call_id:
            raise SipParseError("no Call-ID and two tags", "Replaces")
        return cls(call_id, to_tag, from_tag, "early-only" in params)

    def __str__(self) -> str:
        """The value as it is written."""
        early = ";early-only" if self.early_only else ""
        return f"{self.call_id};to-tag={self.to_tag};from-tag={self.from_tag}{early}"


class Refer(msgspec.Struct, frozen=True):
    """What a REFER asks for."""

    target: Uri  # without header fields and method
    replaces: Replaces | None = None
    referred_by: NameAddr | None = None
    wants_notify: bool = True


def parse_refer(request: Request) -> Refer:
    """What is asked; a `SipParseError` has the status to answer with."""
    values = request.get_all("Refer-To")
    if len(values) != 1 or len(split_list(values[0], "Refer-To")) != 1:
        raise SipParseError("exactly one is needed", "Refer-To")  # RFC 3515 2.4.2
    asked = NameAddr.parse(values[0], "Refer-To").uri
    if asked.scheme not in _SCHEMES:
        raise SipParseError("not a telephone", "Refer-To", 416)
    if (asked.params.get("method") or "INVITE") != "INVITE":
        raise SipParseError("only calls are referred to", "Refer-To", 501)
    referred_by = request.get("Referred-By")
    return Refer(
        target=_bare(asked),
        replaces=_replaces_in(asked.headers),
        referred_by=None if referred_by is None else NameAddr.parse(referred_by, "Referred-By"),
        wants_notify=(request.get("Refer-Sub") or "").partition(";")[0].strip(" \t").lower() != "false",
    )


def replaces_of(invite: Request) -> Replaces | None:
    """The dialog that an INVITE would replace; raises `SipParseError` (RFC 3891 3: 400)."""
    value = invite.get("Replaces")
    if value is None:
        return None
    if invite.get("Join") is not None:
        raise SipParseError("not together with Join", "Replaces")
    return Replaces.parse(value)


def notify_headers(
    *, final: bool, refer_cseq: int | None = None, expires_s: int = 60
) -> list[tuple[str, str]]:
    """Of a NOTIFY about a REFER: `refer_cseq` for all but the first of a dialog (RFC 3515 2.4.4, 2.4.6)."""
    event = EVENT if refer_cseq is None else f"{EVENT};id={refer_cseq}"
    state = "terminated;reason=noresource" if final else f"active;expires={expires_s}"
    return [("Event", event), ("Subscription-State", state)]


def sipfrag(status: int, reason: str | None = None) -> bytes:
    """Body of a NOTIFY: how far the call that was asked for has come."""
    return f"SIP/2.0 {status} {reason if reason is not None else reason_phrase(status)}\r\n".encode()


def _bare(uri: Uri) -> Uri:
    params = {name: value for name, value in uri.params.items() if name != "method"}
    return msgspec.structs.replace(uri, headers="", params=params)


def _replaces_in(headers: str) -> Replaces | None:
    found: Replaces | None = None
    for header in headers.split("&") if headers else ():
        name, _, value = header.partition("=")
        if name.lower() == "replaces":
            if found is not None:
                raise SipParseError("Replaces given twice", "Refer-To")
            found = Replaces.parse(unquote_to_bytes(value).decode("utf-8", "replace"))
    return found
