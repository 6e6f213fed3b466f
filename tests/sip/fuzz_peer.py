"""What the fuzz run sends: conversations that make sense, and damage done to their messages.

Noise alone never gets past the first line. So the peer keeps conversations, remembers what it was answered (tags, RSeq,
challenges) and takes the next step of one of them, or any step out of turn; then, half of the time, the bytes are cut,
repeated or exchanged with pieces that mean something to a parser.
"""

from __future__ import annotations

import random
from collections.abc import Callable

from gateways.sip.auth import DigestClient
from gateways.sip.build import make_request, respond
from gateways.sip.errors import SipParseError
from gateways.sip.events import Address, Transport
from gateways.sip.headers import NameAddr, Via
from gateways.sip.message import Request, Response
from gateways.sip.parser import parse_message
from gateways.sip.sdp import LocalMedia, make_offer
from gateways.sip.uri import Uri

SOURCES: tuple[Address, ...] = (
    ("192.0.2.1", 5060),
    ("192.0.2.1", 40_001),
    ("198.51.100.7", 5060),
    ("2001:db8::9:1", 5062),
)
TRANSPORTS: tuple[Transport, ...] = ("UDP", "TCP")
USERS = ("ayse", "ali", "nobody")
PASSWORD = "s3cret"
CONVERSATIONS_MAX = 40
PENDING_MAX = 200

SDP = make_offer(LocalMedia("192.0.2.1", 4_000, 1)).to_bytes()
BODIES: tuple[tuple[str, bytes], ...] = (
    ("application/sdp", SDP),
    ("application/sdp", SDP + b"m=video 6000 RTP/AVP 31\r\nm=audio 6002 RTP/AVP 0\r\n"),
    ("application/sdp", SDP.replace(b"sendrecv", b"sendonly")),
    (
        "multipart/mixed;boundary=cut",
        b"--cut\r\nContent-Type: application/sdp\r\n\r\n" + SDP + b"\r\n--cut--",
    ),
    ("application/dtmf-relay", b"Signal=5\r\nDuration=160"),
    ("message/sipfrag", b"SIP/2.0 200 OK\r\n"),
    ("text/plain", b"hello"),
    ("", b""),
)
FIELDS: tuple[tuple[str, str], ...] = (
    ("Supported", "timer, 100rel, outbound, path, replaces"),
    ("Require", "100rel"),
    ("Require", "nobody-knows"),
    ("Session-Expires", "90;refresher=uac"),
    ("Session-Expires", "10"),
    ("Min-SE", "120"),
    ("Record-Route", "<sip:p1.example;lr>, <sip:p2.example>"),
    ("Route", "<sip:192.0.2.2;lr>"),
    ("Path", "<sip:p1.example;lr;ob>"),
    ("P-Asserted-Identity", '"A" <sip:+902125550185@h>, <tel:+902125550186>'),
    ("Privacy", "id;header"),
    ("Diversion", "<sip:1@h>;reason=user-busy;counter=3"),
    ("History-Info", "<sip:1@h?Reason=SIP%3Bcause%3D302>;index=1, <sip:2@h>;index=1.1;mp=1"),
    ("Reason", 'Q.850;cause=16;text="over"'),
    ("Refer-To", "<sip:185@192.0.2.2?Replaces=x%3Bto-tag%3D1%3Bfrom-tag%3D2>"),
    ("Replaces", "x;to-tag=1;from-tag=2"),
    ("Event", "refer"),
    ("Subscription-State", "active;expires=60"),
    ("Expires", "60"),
    ("Expires", "0"),
    ("Max-Forwards", "0"),
    ("Accept", "application/sdp, text/plain"),
    ("Content-Encoding", "gzip"),
    ("Content-Disposition", "session;handling=optional"),
    ("Timestamp", "54.1"),
)
PIECES: tuple[bytes, ...] = (
    *(
        b"\r\n",
        b"\r",
        b"\n",
        b"\0",
        b" ",
        b"\t",
        b'"',
        b"\\",
        b"<",
        b">",
        b",",
        b";",
        b"=",
        b":",
        b"@",
        b"%",
        b"*",
    ),
    *(
        b"\r\n ",
        b"\r\n\r\n",
        b"--cut",
        b"SIP/2.0",
        b"sip:",
        b"sips:",
        b"tel:+90",
        b"[::1]",
        b"[2001:db8:::1]",
    ),
    *(
        b"z9hG4bK",
        b"-1",
        b"0",
        b"4294967296",
        b"99999999999999999999",
        b"\xff\xfe",
        b"\xc5\x9f",
        b";lr",
        b";ob",
        b"?",
    ),
    *(
        b"Content-Length: ",
        b"\r\nVia: ",
        b"\r\nv: ",
        b"\r\nCSeq: 1 INVITE",
        b"\r\nContact: *",
        b";tag=",
        b";expires=x",
    ),
    *(b"INVITE", b"REGISTER", b"m=audio 0 RTP/AVP 0\r\n", b"a=inactive\r\n", b"c=IN IP6 ::\r\n"),
)
_METHODS = (
    "OPTIONS",
    "REGISTER",
    "INFO",
    "UPDATE",
    "REFER",
    "NOTIFY",
    "SUBSCRIBE",
    "MESSAGE",
    "PUBLISH",
    "FOO",
)


class Conversation:
    """One Call-ID, as the peer knows it."""

    def __init__(self, number: int, source: Address, transport: Transport) -> None:
        self.call_id = f"fuzz-{number}"
        self.source, self.transport = source, transport
        self.user = USERS[number % len(USERS)]
        self.from_tag = f"f{number}"
        self.to_tag: str | None = None
        self.cseq = 1
        self.branch = f"z9hG4bK{number}.1"
        self.rseq: str | None = None
        self.invite_cseq = 1
        self.challenge: tuple[Request, Response] | None = None
        self.last = b""


class Peer:
    """Everybody who sends to us."""

    def __init__(self, rng: random.Random, sources: tuple[Address, ...] = SOURCES, host: str = "") -> None:
        """`host`: what the messages themselves say, in place of the address they come from."""
        self._rng, self._sources, self._host = rng, sources, host
        self._made = 0
        self._by_call: dict[str, Conversation] = {}
        self._pending: dict[str, Request] = {}  # requests of ours that a peer may answer, by branch
        self._client = {
            user: DigestClient(user, PASSWORD, lambda n: f"{rng.getrandbits(4 * n):0{n}x}") for user in USERS
        }

    # What it hears

    def heard(self, data: bytes) -> None:
        """Something was sent; it can be read, whatever it answers."""
        message = parse_message(data)
        if isinstance(message, Request):
            if message.method != "ACK":
                self._pending[message.via.branch] = message
                if len(self._pending) > PENDING_MAX:
                    del self._pending[next(iter(self._pending))]
            return
        conversation = self._by_call.get(message.call_id)
        if conversation is None:
            return
        try:
            conversation.to_tag = message.to.tag or conversation.to_tag
        except SipParseError:
            return  # given back as it came
        conversation.rseq = message.get("RSeq") or conversation.rseq
        if message.status == 401 and conversation.challenge is not None:
            conversation.challenge = (conversation.challenge[0], message)

    # What it says

    def next(self) -> tuple[bytes, Address, Transport]:
        """The next message, where it comes from and by what transport."""
        rng = self._rng
        chance = rng.random()
        if chance < 0.02:
            return rng.randbytes(rng.randrange(200)), rng.choice(self._sources), rng.choice(TRANSPORTS)
        if self._pending and chance < 0.3:
            asked = self._pending[rng.choice(list(self._pending))]
            transport: Transport = "TCP" if asked.via.transport == "TCP" else "UDP"
            data, source = self._answer(asked), rng.choice(self._sources)
        else:
            data, source, transport = self._say()
        if rng.random() < 0.5:
            data = self._damaged(data)
        return data, source, transport

    def _say(self) -> tuple[bytes, Address, Transport]:
        rng = self._rng
        if not self._by_call or rng.random() < 0.2:
            conversation = self._begin()
            step: Callable[[Conversation], Request] = self._invite
        else:
            conversation = self._by_call[rng.choice(list(self._by_call))]
            step = rng.choice(
                (
                    self._ack,
                    self._ack,
                    self._bye,
                    self._cancel,
                    self._prack,
                    self._again,
                    self._proof,
                    self._any,
                    self._any,
                )
            )
        if conversation.last and rng.random() < 0.1:
            return conversation.last, conversation.source, conversation.transport  # a copy
        conversation.last = self._written(step(conversation), conversation)
        source = conversation.source if rng.random() < 0.95 else rng.choice(self._sources)
        transport = conversation.transport if rng.random() < 0.95 else rng.choice(TRANSPORTS)
        return conversation.last, source, transport

    def _begin(self) -> Conversation:
        self._made += 1
        conversation = Conversation(self._made, self._rng.choice(self._sources), self._rng.choice(TRANSPORTS))
        self._by_call[conversation.call_id] = conversation
        if len(self._by_call) > CONVERSATIONS_MAX:
            del self._by_call[next(iter(self._by_call))]
        return conversation

    def _invite(self, conversation: Conversation) -> Request:
        conversation.invite_cseq = conversation.cseq
        return self._request("INVITE", conversation, body=self._rng.random() < 0.8)

    def _again(self, conversation: Conversation) -> Request:
        self._advance(conversation)
        return self._invite(conversation)

    def _ack(self, conversation: Conversation) -> Request:
        if self._rng.random() < 0.5:
            conversation.branch = f"{conversation.branch}a"  # of a 2xx: a transaction of its own
        return self._request("ACK", conversation, cseq=conversation.invite_cseq)

    def _cancel(self, conversation: Conversation) -> Request:
        return self._request("CANCEL", conversation, cseq=conversation.invite_cseq)

    def _bye(self, conversation: Conversation) -> Request:
        self._advance(conversation)
        return self._request("BYE", conversation)

    def _prack(self, conversation: Conversation) -> Request:
        self._advance(conversation)
        request = self._request("PRACK", conversation)
        request.set("RAck", f"{conversation.rseq or '1'} {conversation.invite_cseq} INVITE")
        return request

    def _proof(self, conversation: Conversation) -> Request:
        """REGISTER, and again with what answers the challenge."""
        self._advance(conversation)
        if conversation.challenge is not None and conversation.challenge[1].status == 401:
            asked, response = conversation.challenge
            conversation.challenge = None
            again = self._client[conversation.user].answer(asked, response)
            if again is not None:
                again.set("CSeq", f"{conversation.cseq} {again.method}")
                return again
        request = self._request("REGISTER", conversation)
        conversation.challenge = (request, Response(0, ""))
        return request

    def _any(self, conversation: Conversation) -> Request:
        self._advance(conversation)
        return self._request(self._rng.choice(_METHODS), conversation, body=self._rng.random() < 0.5)

    def _advance(self, conversation: Conversation) -> None:
        conversation.cseq += 1
        conversation.branch = f"z9hG4bK{conversation.from_tag}.{conversation.cseq}"

    def _request(
        self, method: str, conversation: Conversation, *, cseq: int | None = None, body: bool = False
    ) -> Request:
        rng = self._rng
        host = self._host or conversation.source[0]
        to = NameAddr(Uri.sip(conversation.user, "santral"))
        in_dialog = conversation.to_tag is not None and method != "REGISTER" and rng.random() < 0.9
        content_type, content = rng.choice(BODIES) if body else ("", b"")
        fields = rng.sample(FIELDS, rng.choice((0, 0, 1, 2, 5)))
        contact = f"<sip:{conversation.user}@{f'[{host}]' if ':' in host else host}:{conversation.source[1]}>"
        if rng.random() < 0.2:
            contact += ';+sip.instance="<urn:uuid:1>";reg-id=1'
        request = make_request(
            method,
            Uri.sip("185", "192.0.2.2"),
            from_=NameAddr(Uri.sip(conversation.user, "santral"), "A", {"tag": conversation.from_tag}),
            to=to.with_params(tag=conversation.to_tag) if in_dialog else to,
            call_id=conversation.call_id,
            cseq=conversation.cseq if cseq is None else cseq,
            contact=contact if method in ("INVITE", "REGISTER", "UPDATE", "REFER") else None,
            body=content,
            content_type=content_type,
        )
        for name, value in fields:
            request.set(name, value)
        return request

    def _written(self, request: Request, conversation: Conversation) -> bytes:
        host, port = conversation.source
        via = Via(conversation.transport, self._host or host, port, {"branch": conversation.branch})
        if self._rng.random() < 0.8:
            via = via.with_params(rport=None)
        request.remove("Via")
        request.push_via(via)
        return request.to_bytes()

    def _answer(self, asked: Request) -> bytes:
        """A response to a request of ours, first, again or of another branch."""
        rng = self._rng
        status = rng.choice((100, 180, 183, 183, 200, 200, 200, 302, 401, 407, 422, 481, 486, 491, 503, 603))
        content_type, content = rng.choice(BODIES)
        fields = list(rng.sample(FIELDS, rng.choice((0, 0, 1, 3))))
        if rng.random() < 0.3:
            fields += [("Require", "100rel"), ("RSeq", str(rng.randrange(4)))]
        if status in (401, 407):
            name = "WWW-Authenticate" if status == 401 else "Proxy-Authenticate"
            fields.append((name, 'Digest realm="trunk", nonce="n", qop="auth", algorithm=SHA-256'))
        return respond(
            asked,
            status,
            to_tag=rng.choice(("one", "two", "three")),
            contact=f"<sip:callee@{self._host or '192.0.2.1'}>" if status < 400 else None,
            headers=fields,
            body=content,
            content_type=content_type,
        ).to_bytes()

    def _damaged(self, data: bytes) -> bytes:
        rng = self._rng
        for _ in range(rng.choice((1, 1, 1, 2, 4))):
            start = rng.randrange(len(data) + 1)
            kind = rng.random()
            if kind < 0.15:  # a line twice, or one line less
                lines = data.split(b"\r\n")
                at = rng.randrange(len(lines))
                lines[at : at + 1] = [lines[at]] * rng.choice((0, 0, 2, 2, 150))
                data = b"\r\n".join(lines)
            elif kind < 0.3 and data:  # a bit
                at = rng.randrange(len(data))
                data = data[:at] + bytes([data[at] ^ 1 << rng.randrange(8)]) + data[at + 1 :]
            else:
                end = min(len(data), start + rng.choice((0, 0, 0, 1, 2, 5, 20, 100)))
                piece = rng.choice(PIECES) if rng.random() < 0.8 else rng.randbytes(rng.randrange(8))
                data = data[:start] + piece * rng.choice((1, 1, 1, 1, 2, 200)) + data[end:]
        return data
