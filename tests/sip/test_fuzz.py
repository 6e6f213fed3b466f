"""Whatever arrives: nothing but the typed errors, nothing left behind, and what is read is written again."""

from __future__ import annotations

import contextlib

from hypothesis import given
from hypothesis import strategies as st

from gateways.sip.auth import Challenger, DigestSecret
from gateways.sip.build import respond
from gateways.sip.errors import NoCommonCodecError, SdpError, SipParseError
from gateways.sip.events import Flow, RequestReceived, ResponseReceived
from gateways.sip.headers import NameAddr, Via
from gateways.sip.message import Message, Request, Response
from gateways.sip.parser import parse_message
from gateways.sip.registrar import Registrar
from gateways.sip.sdp import LocalMedia, accept_answer, answer_offer, make_offer, parse_sdp
from gateways.sip.uri import Uri
from tests.sip.fuzz import Report, run
from tests.sip.support import CALLEE, CALLER, Agent, Tokens, request, wire_request

SDP = make_offer(LocalMedia("192.0.2.1", 4000, 1)).to_bytes()
RICH = wire_request(
    headers=[
        ("Record-Route", "<sip:p1;lr>, <sip:p2;lr>"),
        ("Route", "<sip:p0;lr>"),
        ("Expires", "60"),
        ("Require", "a, b"),
        ("Content-Type", "application/sdp"),
        ("Authorization", 'Digest realm="santral", username="a", nonce="n", uri="sip:a@b", qop=auth'),
    ],
    body=SDP,
).to_bytes()
SEEDS = [
    RICH,
    wire_request("REGISTER", headers=[("Contact", "*"), ("Expires", "0")]).to_bytes(),
    wire_request("BYE", to_tag="x").to_bytes(),
    wire_request("CANCEL").to_bytes(),
    wire_request("ACK", to_tag="x").to_bytes(),
    respond(wire_request(), 200, to_tag="t", contact="<sip:a@b>", body=SDP).to_bytes(),
]
# Pieces that mean something to the parser make better noise than bytes do.
NOISE = [
    *(b"\r\n", b"\r", b"\n", b"\0", b" ", b"\t", b'"', b"\\", b"<", b">", b",", b";", b"=", b":", b"@", b"%"),
    *(
        b"SIP/2.0",
        b"sip:",
        b"[::1]",
        b"z9hG4bK",
        b"-1",
        b"99999999999999999999",
        b"\xff\xfe",
        b"\xc5\x9f",
        b"*",
    ),
    *(
        b"Content-Length: ",
        b"\r\nVia: ",
        b"\r\nv: ",
        b"\r\nCSeq: 1 INVITE",
        b"\r\n x",
        b"\r\n\r\n",
        b";lr",
        b"?",
    ),
]


@st.composite
def damaged(draw: st.DrawFn, seeds: list[bytes]) -> bytes:
    """A good message with cuts and insertions."""
    data = draw(st.sampled_from(seeds))
    for _ in range(draw(st.integers(0, 5))):
        start = draw(st.integers(0, len(data)))
        end = min(len(data), start + draw(st.sampled_from([0, 0, 1, 2, 5, 20, 100])))
        piece = draw(st.sampled_from(NOISE) | st.binary(max_size=8))
        data = data[:start] + piece * draw(st.sampled_from([1, 1, 1, 2, 200])) + data[end:]
    return data


def touch_everything(message: Message) -> None:
    """Every property, as a user of the stack would."""
    for name in dir(type(message)):
        if isinstance(getattr(type(message), name), property):
            getattr(message, name)


def parsed(data: bytes) -> Request | Response | None:
    """The message; None when it is refused as it should be."""
    try:
        return parse_message(data)
    except SipParseError as error:
        refusal = error
    assert refusal.status in (400, 414, 505, 513)
    assert refusal.message is None or refusal.message.to_bytes()
    return None


@given(st.binary(max_size=300) | damaged(SEEDS))
def test_parser_raises_nothing_else(data: bytes) -> None:
    message = parsed(data)
    if message is None:
        return
    again = parse_message(message.to_bytes())
    assert (again.headers, again.body) == (message.headers, message.body)
    with contextlib.suppress(SipParseError):
        message.check()
        touch_everything(message)
        again.check()
        for one, other in zip(message.contacts + message.route, again.contacts + again.route, strict=True):
            assert NameAddr.parse(str(one)) == other == one
        for via in message.vias:
            assert Via.parse(str(via)) == via


@given(st.lists(st.tuples(damaged(SEEDS), st.integers(0, 600)), max_size=12), st.integers(0, 3))
def test_layer_takes_anything_and_keeps_nothing(datagrams: list[tuple[bytes, int]], answers: int) -> None:
    """Also what it hands out raises nowhere: not in accessors, not in the parts that work on it."""
    agent = Agent(CALLEE)
    registrar = Registrar()
    challenger = Challenger("santral", b"key", Tokens())
    now_ms = 0
    for data, wait_ms in datagrams:
        now_ms += wait_ms
        agent.poll(now_ms)
        for output in agent.receive(data, CALLER, now_ms):
            if not isinstance(output, RequestReceived):
                continue
            message = output.request
            touch_everything(message)
            challenger.verify(message, lambda _: DigestSecret("x", "y"), now_ms)
            if message.method == "REGISTER":
                registrar.process(message, message.to.uri.user_text, Flow("UDP", *CALLER), now_ms)
            for status in (180, 200, 404)[:answers]:
                agent.layer.send_response(output.key, respond(message, status, to_tag="t"), now_ms)
            agent.take()
    for send in agent.sent:
        parse_message(send.data)
        assert send.destination[0] == CALLER[0], "nobody else is ever sent to"
    for _ in range(200):
        deadline_ms = agent.layer.next_deadline_ms()
        if deadline_ms is None:
            break
        agent.poll(deadline_ms)
    agent.assert_empty()


@given(
    st.lists(
        damaged([respond(wire_request(), status, to_tag="t").to_bytes() for status in (100, 180, 200, 486)])
    )
)
def test_client_takes_any_response(datagrams: list[bytes]) -> None:
    agent = Agent(CALLER)
    agent.layer.send_request(request(), CALLEE, 0)
    agent.take()
    branch = agent.messages()[0].via.branch.encode()
    for data in datagrams:
        agent.receive(data.replace(b"z9hG4bKone", branch), CALLEE, 10)
    for event in agent.events(ResponseReceived):
        touch_everything(event.response)
    for now_ms in range(0, 1_500_000, 16_000):
        agent.poll(now_ms)
    agent.assert_empty()


@given(st.binary(max_size=200) | damaged([SDP]))
def test_session_description_raises_nothing_else(data: bytes) -> None:
    local = LocalMedia("192.0.2.2", 5000, 2)
    try:
        description = parse_sdp(data)
    except SdpError:
        return
    assert parse_sdp(description.to_bytes()) == description
    with contextlib.suppress(NoCommonCodecError):
        answer, agreement = answer_offer(description, local)
        assert len(answer.media) == len(description.media)
        assert parse_sdp(answer.to_bytes()) == answer
        assert agreement.codec in ("PCMU", "PCMA")
    with contextlib.suppress(NoCommonCodecError):
        accept_answer(make_offer(local), description)


ANY_TEXT = st.text(st.characters(codec="utf-8"), max_size=30)
TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\r\n\0"), max_size=30)
TOKEN = st.text("abcXYZ019-.!%*_+`'~", min_size=1, max_size=12)


@given(ANY_TEXT, ANY_TEXT, TOKEN)
def test_any_text_survives_in_names_and_users(name: str, user: str, tag: str) -> None:
    if user:
        uri = Uri.parse(str(Uri.sip(user, "host.example", 5070, {"x": tag.replace("`", "_")})))
        kept = "".join(char if char >= " " and char != "\x7f" else "\ufffd" for char in user)
        assert uri.user_text == kept
    value = NameAddr(Uri.sip("u", "h"), name, {"tag": tag})
    shown = "".join(char if char >= " " and char != "\x7f" else " " for char in name)
    message = request()
    message.set("From", str(value))
    message.push_via(Via("UDP", "h", None, {"branch": "z9hG4bK" + tag}))
    assert parse_message(message.to_bytes()).from_ == NameAddr(value.uri, shown, value.params)


@given(
    TOKEN.filter(lambda method: method != "ACK"),
    st.lists(
        st.tuples(TOKEN.map(lambda name: f"X-{name}"), TEXT.map(lambda text: text.strip(" \t"))), max_size=8
    ),
    st.binary(max_size=50),
    st.none() | st.integers(100, 699),
)
def test_what_is_written_is_read_again(
    method: str, headers: list[tuple[str, str]], body: bytes, status: int | None
) -> None:
    made: Request | Response = wire_request(method, headers=headers, body=body)
    if status is not None:
        made = Response(status, "Some Reason", made.headers, body)
    read = parse_message(made.to_bytes())
    assert type(read) is type(made)
    assert (read.headers, read.body) == (made.headers, made.body)
    assert read.to_bytes() == made.to_bytes()


def test_a_run_of_anything_at_all() -> None:
    """The beginning of what `make fuzz` does for a million messages, which also gets past the front door"""
    rounds: list[int] = []
    report = run(3_000, seed=4, progress=lambda report: rounds.append(report.messages))
    assert (report.messages, rounds) == (3_000, [3_000])
    assert report.handed_out > 300
    assert report.malformed > 300
    assert report.refused > 50


def test_what_counts_as_a_leak() -> None:
    assert Report(memory=[1, 9, 9, 9, 9, 9, 9, 9]).grown_bytes == 0, "caches fill at first"
    assert Report(memory=[5, 5, 9, 5, 5, 9, 5, 5]).grown_bytes == 0, "noise"
    assert Report(memory=[1, 2, 3, 4, 5, 6, 7, 8]).grown_bytes == 2
    assert Report().grown_bytes == 0
