"""Requests and responses: their headers as text and as values, changed and written.

A structured value is parsed when it is first asked for and kept until the headers change. `Message.check` asks for all of
them, so that a message which passed it never raises from an accessor; the transaction layer hands out no message that did not.

Content-Length is no entry of `headers`: it is checked when read (`parser.py`) and computed when written.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from gateways.sip.errors import SipParseError
from gateways.sip.headers import CSeq, NameAddr, Via, canonical_name
from gateways.sip.limits import (
    EXPIRES_S_MAX,
    HEADER_CHARS_MAX,
    HEADERS_MAX,
    LIST_ELEMENTS_MAX,
    MAX_FORWARDS_MAX,
)
from gateways.sip.scan import Repeats, parse_number, split_list
from gateways.sip.uri import Uri

Headers = list[tuple[str, str]]

_OPTIONAL = (
    ("Max-Forwards", "max_forwards"),
    ("Contact", "contacts"),
    ("Record-Route", "record_route"),
    ("Route", "route"),
    ("Expires", "expires_s"),
)
_JUDGED_LISTS = ("Require", "Accept")  # which decide whether a request is taken
# RFC 3261 7.3.1: headers that are no lists must not be repeated.
_SINGLE = frozenset(
    (
        "From",
        "To",
        "Call-ID",
        "CSeq",
        "Max-Forwards",
        "Content-Type",
        "Content-Length",
        "Expires",
        "Min-Expires",
        "Date",
        "Retry-After",
        "Event",
        "Refer-To",
        "Replaces",
        "Session-Expires",
        "Min-SE",
    )
)


class Message:
    """What requests and responses share: ordered headers and a body."""

    __slots__ = ("_contacts", "_cseq", "_from", "_index", "_to", "_via", "body", "headers")
    _repeats: ClassVar[Repeats] = "never"  # of parameters and single headers
    _via_repeats: ClassVar[Repeats] = "never"

    def __init__(self, headers: Iterable[tuple[str, str]] = (), body: bytes = b"") -> None:
        self.headers: Headers = [(canonical_name(name), value) for name, value in headers]
        self.body = body
        self._forget()

    def _forget(self) -> None:
        """Drop everything parsed: the headers changed."""
        self._index: dict[str, str] | None = None
        self._via: Via | None = None
        self._from: NameAddr | None = None
        self._to: NameAddr | None = None
        self._cseq: CSeq | None = None
        self._contacts: list[NameAddr] | None = None

    def read_headers(self, lines: list[str]) -> tuple[list[str], SipParseError | None]:
        """Fill in the headers from lines; returned are the values of Content-Length and the first problem.

        Reading goes on after a problem: Via, From, To, Call-ID and CSeq are needed to answer with it.
        """
        headers = self.headers
        index: dict[str, str] = {}
        lengths: list[str] = []
        problem: SipParseError | None = None
        if len(lines) > HEADERS_MAX + 1:
            problem = SipParseError("too many headers", "message")
        for line in lines[1 : HEADERS_MAX + 1]:
            name, colon, value = line.partition(":")
            try:
                canonical = canonical_name(name)
            except SipParseError:
                colon = canonical = ""
            if not colon or len(line) > HEADER_CHARS_MAX:
                problem = problem or SipParseError(
                    "header too long" if colon else "bad header line", canonical
                )
                continue
            value = value.strip(" \t")
            if canonical == "Content-Length":
                lengths.append(value)
                continue
            if canonical in index:
                if canonical in _SINGLE:
                    if self._repeats == "alike" and index[canonical] == value:
                        continue
                    problem = problem or SipParseError("given twice", canonical)
                    continue
            else:
                index[canonical] = value
            headers.append((canonical, value))
        self._index = index
        return lengths, problem

    # Headers as text

    def get(self, name: str) -> str | None:
        """The first value of this header."""
        index = self._indexed()
        value = index.get(name)
        return index.get(canonical_name(name)) if value is None else value

    def _indexed(self) -> dict[str, str]:
        """The first value of each header, by canonical name."""
        index = self._index
        if index is None:
            index = self._index = {}
            for header, text in self.headers:
                index.setdefault(header, text)
        return index

    def get_all(self, name: str) -> list[str]:
        """The values of every header field of this name, in order, lists not taken apart."""
        name = canonical_name(name)
        return [value for header, value in self.headers if header == name]

    def get_list(self, name: str) -> list[str]:
        """The elements of a comma-separated header over all its fields, in order."""
        elements: list[str] = []
        for value in self.get_all(name):
            if value:
                elements += split_list(value, name)
        if len(elements) > LIST_ELEMENTS_MAX:
            raise SipParseError("too many elements", name)
        return elements

    def add(self, name: str, value: str) -> None:
        """Append a header field."""
        self.headers.append((canonical_name(name), value))
        self._forget()

    def set(self, name: str, value: str) -> None:
        """Replace every header field of this name by one, in the place of the first."""
        name = canonical_name(name)
        at = next((i for i, (header, _) in enumerate(self.headers) if header == name), len(self.headers))
        self.headers = [field for field in self.headers if field[0] != name]
        self.headers.insert(at, (name, value))
        self._forget()

    def remove(self, name: str) -> None:
        """Remove every header field of this name."""
        name = canonical_name(name)
        self.headers = [field for field in self.headers if field[0] != name]
        self._forget()

    # Headers as values

    @property
    def call_id(self) -> str:
        """Call-ID."""
        return self.needed("Call-ID")

    @property
    def cseq(self) -> CSeq:
        """CSeq."""
        if self._cseq is None:
            self._cseq = CSeq.parse(self.needed("CSeq"))
        return self._cseq

    @property
    def from_(self) -> NameAddr:
        """From."""
        if self._from is None:
            self._from = NameAddr.parse(self.needed("From"), "From", self._repeats)
        return self._from

    @property
    def to(self) -> NameAddr:
        """To."""
        if self._to is None:
            self._to = NameAddr.parse(self.needed("To"), "To", self._repeats)
        return self._to

    @property
    def via(self) -> Via:
        """The topmost Via."""
        if self._via is None:
            value = self.needed("Via")
            top = value if "," not in value else split_list(value, "Via")[0]
            self._via = Via.parse(top, self._via_repeats)
        return self._via

    @property
    def vias(self) -> list[Via]:
        """Every Via, topmost first."""
        if self.has_one_via:
            return [self.via]
        return [Via.parse(element, self._via_repeats) for element in self.get_list("Via")]

    @property
    def has_one_via(self) -> bool:
        """As nearly all that we get have; found without taking any apart."""
        fields = [value for name, value in self.headers if name == "Via"]
        return len(fields) == 1 and ("," not in fields[0] or len(self.get_list("Via")) == 1)

    def replace_top_via(self, via: Via) -> None:
        """Put `via` in the place of the topmost one."""
        for at, (header, value) in enumerate(self.headers):
            if header == "Via":
                others = split_list(value, "Via")[1:] if "," in value else []
                self.headers[at] = ("Via", ", ".join([str(via), *others]))
                self._index = None
                self._via = via
                return
        raise SipParseError("missing", "Via")

    def push_via(self, via: Via) -> None:
        """Add a Via on top."""
        self.headers.insert(0, ("Via", str(via)))
        self._index = None
        self._via = via

    @property
    def contacts(self) -> list[NameAddr]:
        """Contact addresses; empty for `Contact: *` too, which `is_contact_star` tells."""
        if self._contacts is None:
            if self._indexed().get("Contact") in (None, "*"):
                self._contacts = []
            else:
                self._contacts = self._addresses("Contact")
        return self._contacts

    @property
    def is_contact_star(self) -> bool:
        """RFC 3261 10.2.2: every binding is meant."""
        return self._indexed().get("Contact") == "*"

    @property
    def record_route(self) -> list[NameAddr]:
        """Record-Route, in the order written."""
        if "Record-Route" not in self._indexed():
            return []
        return self._addresses("Record-Route")

    @property
    def route(self) -> list[NameAddr]:
        """Route, in the order written."""
        if "Route" not in self._indexed():
            return []
        return self._addresses("Route")

    @property
    def content_type(self) -> str:
        """Media type and subtype in lower case, without parameters; empty when there is none."""
        return (self.get("Content-Type") or "").partition(";")[0].strip(" \t").lower()

    @property
    def expires_s(self) -> int | None:
        """Expires."""
        return self._number("Expires", EXPIRES_S_MAX)

    @property
    def max_forwards(self) -> int | None:
        """Max-Forwards."""
        return self._number("Max-Forwards", MAX_FORWARDS_MAX)

    def needed(self, name: str) -> str:
        """The first value of a header (by its canonical name) that has to be there."""
        value = self._indexed().get(name)
        if value is None:
            raise SipParseError("missing", name)
        return value

    def _addresses(self, name: str) -> list[NameAddr]:
        return [NameAddr.parse(element, name, self._repeats) for element in self.get_list(name)]

    def _number(self, name: str, highest: int) -> int | None:
        value = self._indexed().get(name)
        return None if value is None else parse_number(value, highest, name)

    def check(self) -> None:
        """Parse every structured header that is there; raise the first `SipParseError`."""
        if not self.call_id:
            raise SipParseError("empty", "Call-ID")
        for name, address in (("From", self.from_), ("To", self.to)):
            if "tag" in address.params and not address.tag:
                raise SipParseError("tag without a value", name)  # one of ours behind it would be its second
        self.cseq, self.via  # noqa: B018 - each access parses and raises
        present = self._indexed()
        for name, attribute in _OPTIONAL:
            if name in present:
                getattr(self, attribute)
        if not self.has_one_via:
            self.vias  # noqa: B018

    def _write(self, start_line: str) -> bytes:
        lines = [f"{name}: {value}\r\n" for name, value in self.headers]
        head = f"{start_line}\r\n{''.join(lines)}Content-Length: {len(self.body)}\r\n\r\n"
        # A line break in a value would let the text of one header become another header.
        if head.count("\n") != len(lines) + 3 or head.count("\r") != len(lines) + 3:
            raise ValueError("line break in a header")
        return head.encode() + self.body


class Request(Message):
    """A SIP request. `uri` is the text of the Request-URI."""

    __slots__ = ("method", "uri")

    def __init__(
        self, method: str, uri: str, headers: Iterable[tuple[str, str]] = (), body: bytes = b""
    ) -> None:
        super().__init__(headers, body)
        self.method = method
        self.uri = uri

    @property
    def request_uri(self) -> Uri:
        """The Request-URI, parsed."""
        return Uri.parse(self.uri, "Request-URI")

    def copy(self) -> Request:
        """An independent copy."""
        return Request(self.method, self.uri, self.headers, self.body)

    def check(self) -> None:
        """Parse everything structured; raise the first `SipParseError`."""
        super().check()
        self.request_uri  # noqa: B018
        for name in _JUDGED_LISTS:
            if name in self._indexed():
                self.get_list(name)
        if self.is_contact_star and self.method != "REGISTER":
            raise SipParseError("* is for REGISTER only", "Contact")

    def to_bytes(self) -> bytes:
        """The request as it goes on the wire."""
        return self._write(f"{self.method} {self.uri} SIP/2.0")

    def __repr__(self) -> str:
        """For logs and debuggers."""
        return f"<Request {self.method} {self.uri} call_id={self.get('Call-ID')} cseq={self.get('CSeq')}>"


class Response(Message):
    """A SIP response.

    Carriers do send some with a parameter or a header twice. To refuse a 2xx for that leaves the other side without its ACK and
    both sides with half a call, so what says the same twice counts once. Of our own Via, which they wrote `received` and `rport`
    into behind ours, nothing but the branch is of consequence, and the first counts. In a request nobody may leave us a choice.
    """

    __slots__ = ("reason", "status")
    _repeats: ClassVar[Repeats] = "alike"
    _via_repeats: ClassVar[Repeats] = "first"

    def __init__(
        self, status: int, reason: str, headers: Iterable[tuple[str, str]] = (), body: bytes = b""
    ) -> None:
        super().__init__(headers, body)
        self.status = status
        self.reason = reason

    @property
    def is_final(self) -> bool:
        """Not provisional."""
        return self.status >= 200

    def to_bytes(self) -> bytes:
        """The response as it goes on the wire."""
        return self._write(f"SIP/2.0 {self.status} {self.reason}")

    def __repr__(self) -> str:
        """For logs and debuggers."""
        return f"<Response {self.status} {self.reason} call_id={self.get('Call-ID')} cseq={self.get('CSeq')}>"
