"""Who calls, as trunks and exchanges tell it: From, P-Asserted-Identity, Privacy, Diversion and History-Info.

From is what the caller's side likes to write. P-Asserted-Identity (RFC 3325) is what the network knows, and is worth
as much as the network that says it: it is read only from a peer that is trusted, and written only to one (RFC 3325
6, 7). A caller who asks for privacy (RFC 3323) is known to a trusted network all the same; `Identity.private` then says
that nobody else may see the number.

A call that comes by way of another number carries that in Diversion (RFC 5806) or History-Info (RFC 7044); both are read
into the same `Diversion`, the latest first, as RFC 5806 orders them.
"""

from __future__ import annotations

import msgspec

from gateways.sip.errors import SipParseError
from gateways.sip.headers import NameAddr
from gateways.sip.limits import DIVERSIONS_MAX, NUMBER_CHARS_MAX
from gateways.sip.message import Request
from gateways.sip.scan import parse_number, unquote
from gateways.sip.uri import Uri

ANONYMOUS = NameAddr(Uri.sip("anonymous", "anonymous.invalid"), "Anonymous")  # RFC 3323 4.1.1.3
_PRIVATE = frozenset(("id", "user", "header"))  # `session`, `critical` and `history` are not about who calls
_COUNT_MAX = 999

# SIP statuses as reasons of a diversion: RFC 4458 2, and RFC 7044 for a status in a Reason.
_DIVERTED_BY = {
    302: "unconditional",
    404: "unknown",
    408: "no-answer",
    480: "unavailable",
    486: "user-busy",
    487: "deflection",
    503: "unavailable",
    600: "user-busy",
    603: "deflection",
}


class Diversion(msgspec.Struct, frozen=True):
    """A number that a call was for before it was sent on."""

    number: str
    name: str = ""
    reason: str = "unknown"  # RFC 5806 4: user-busy, no-answer, unconditional, deflection, ...
    count: int = 1
    private: bool = False


class Identity(msgspec.Struct, frozen=True):
    """Who calls. `number` is empty when it is not known."""

    number: str
    name: str = ""
    asserted: bool = False  # by a network that is trusted
    private: bool = False  # not to be shown to anybody
    diversions: tuple[Diversion, ...] = ()


def plain(text: str) -> str:
    """Printable, single-spaced, bounded."""
    return " ".join("".join(char if char.isprintable() else " " for char in text).split())[:NUMBER_CHARS_MAX]


def number_of(uri: Uri) -> str:
    """The user part without parameters (RFC 3261 19.1.6 puts those of a tel URI there)."""
    return plain(uri.user_text.partition(";")[0])


def read_identity(request: Request, *, trusted: bool) -> Identity:
    """Who sent this request. `trusted`: it came from a trunk whose word counts."""
    sender = request.from_
    number, name = number_of(sender.uri), plain(sender.display_name)
    nameless = _is_anonymous(sender.uri, number, name)
    private = nameless or _wants_privacy(request)
    asserted = _asserted(request) if trusted else None
    if asserted is not None:
        number, name = number_of(asserted.uri), plain(asserted.display_name)
    elif nameless:
        number = name = ""
    return Identity(
        number=number,
        name="" if name == number else name,
        asserted=asserted is not None,
        private=private,
        diversions=_diversions(request),
    )


def from_address(number: str, name: str, *, host: str, private: bool) -> NameAddr:
    """From of a request of ours, without its tag: hidden when the caller wants it so (RFC 3323 4.1)."""
    return ANONYMOUS if private or not number else _address(number, name, host)


def assert_identity(
    number: str, name: str, *, host: str, private: bool, trusted: bool
) -> list[tuple[str, str]]:
    """Header fields that go with `from_address`; only a trusted peer hears who it is all the same (RFC 3325 5)."""
    headers: list[tuple[str, str]] = []
    if trusted and number:
        headers.append(("P-Asserted-Identity", str(_address(number, name, host))))
    if private:
        headers.append(("Privacy", "id"))
    return headers


def _address(number: str, name: str, host: str) -> NameAddr:
    """A number is marked as one (RFC 3261 19.1.1), anything else is a user of that host."""
    is_number = number.removeprefix("+").isdigit() and number.isascii()
    return NameAddr(Uri.sip(number, host, params={"user": "phone"} if is_number else None), name)


def _is_anonymous(uri: Uri, number: str, name: str) -> bool:
    """RFC 3323 4.1.1.3; some exchanges know neither that nor Privacy and write the word as the name alone."""
    return (
        not number or "anonymous" in (number.lower(), name.lower()) or uri.host.lower() == "anonymous.invalid"
    )


def _wants_privacy(request: Request) -> bool:
    """RFC 3323 4.2: values are divided by semicolons (some write commas); `none` alone asks for nothing."""
    asked = {
        value.strip().lower()
        for line in request.get_all("Privacy")
        for value in line.replace(",", ";").split(";")
    }
    return not asked.isdisjoint(_PRIVATE)


def _asserted(request: Request) -> NameAddr | None:
    """RFC 3325 9.1: one or two values, sip and tel; the first with a number."""
    for address in _addresses(request, "P-Asserted-Identity"):
        if address.uri.scheme in ("sip", "sips", "tel") and number_of(address.uri):
            return address
    return None


def _addresses(request: Request, name: str) -> list[NameAddr]:
    """What can be read of a header that is only told, never needed."""
    try:
        return [NameAddr.parse(value, name) for value in request.get_list(name)]
    except SipParseError:
        return []


def _diversions(request: Request) -> tuple[Diversion, ...]:
    diversions = [_diversion(address) for address in _addresses(request, "Diversion")]
    return tuple(diversions or _history(request))[:DIVERSIONS_MAX]


def _diversion(address: NameAddr) -> Diversion:
    privacy = _word(address, "privacy")
    try:
        count = parse_number(_word(address, "counter") or "1", _COUNT_MAX, "Diversion")
    except SipParseError:
        count = 1
    return Diversion(
        number=number_of(address.uri),
        name=plain(address.display_name),
        reason=_word(address, "reason") or "unknown",
        count=count,
        private=privacy not in ("", "off", "no"),
    )


def _word(address: NameAddr, name: str) -> str:
    value = address.params.get(name) or ""
    return plain(unquote(value) if value.startswith('"') else value).lower()


def _history(request: Request) -> list[Diversion]:
    """RFC 7044: entries in the order of time. One that has a Reason, or whose next was chosen instead, was left."""
    entries = _addresses(request, "History-Info")
    diversions: list[Diversion] = []
    for at, entry in enumerate(entries):
        then = entries[at + 1] if at + 1 < len(entries) else None
        cause = _cause_in_headers(entry.uri) or (_number(then.uri.params.get("cause")) if then else 0)
        if then is None or not (cause or "mp" in then.params):
            continue
        diversions.append(
            Diversion(
                number=number_of(entry.uri),
                name=plain(entry.display_name),
                reason=_DIVERTED_BY.get(cause, "unknown"),
                private="privacy=" in entry.uri.headers.lower(),
            )
        )
    return diversions[::-1]


def _cause_in_headers(uri: Uri) -> int:
    """`?Reason=SIP%3Bcause%3D302` (RFC 7044 10.1); 0 when there is none of SIP."""
    for header in uri.headers.lower().split("&"):
        name, _, value = header.partition("=")
        if name == "reason":
            text = value.replace("%3b", ";").replace("%3d", "=").replace("%20", "")
            protocol, _, rest = text.partition(";cause=")
            if protocol.strip() == "sip":
                return _number(rest.partition(";")[0])
    return 0


def _number(text: str | None) -> int:
    try:
        return parse_number(text or "", _COUNT_MAX, "History-Info")
    except SipParseError:
        return 0
