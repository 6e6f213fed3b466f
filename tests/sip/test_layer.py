"""What the layer decides by itself about requests (RFC 3261 8.2, 18.2, RFC 3581) and its limits."""

from __future__ import annotations

import pytest

from gateways.sip.admission import hops_onward
from gateways.sip.build import respond
from gateways.sip.errors import TransactionsFullError
from gateways.sip.events import AckReceived, Refused, RequestReceived, Send
from gateways.sip.headers import Via
from gateways.sip.layer import TransactionLayer
from gateways.sip.limits import LayerLimits
from gateways.sip.message import Response
from gateways.sip.parser import parse_message
from gateways.sip.tables import SharedTables
from tests.sip.support import CALLEE, CALLER, Agent, Tokens, of, request, sends, wire_request


def only_response(agent: Agent) -> Response:
    message = agent.messages()[-1]
    assert isinstance(message, Response)
    return message


def test_unknown_method() -> None:
    agent = Agent(CALLEE)
    agent.receive(wire_request("NEWMETHOD"), CALLER)
    assert agent.responses() == [405]
    assert "INVITE" in (only_response(agent).get("Allow") or "")
    assert agent.events(Refused) == [Refused(CALLER, 405, "Method Not Allowed")]


def test_method_is_case_sensitive() -> None:
    agent = Agent(CALLEE)
    agent.receive(wire_request("invite"), CALLER)
    assert agent.responses() == [405]


def test_unsupported_scheme() -> None:
    agent = Agent(CALLEE)
    message = wire_request("OPTIONS")
    message.uri = "fax-by-dove:185"
    agent.receive(message, CALLER)
    assert agent.responses() == [416]


@pytest.mark.parametrize(("transport", "statuses"), [("UDP", [480]), ("TCP", [480]), ("TLS", [])])
def test_a_secure_call_over_a_line_that_is_not(transport: str, statuses: list[int]) -> None:
    """26.2.2, RFC 5630 6.1: `sips` promises TLS all the way"""
    agent = Agent(CALLEE, transport=transport)
    message = wire_request("OPTIONS")
    message.uri = "sips:185@192.0.2.2"
    agent.receive(message, CALLER)
    assert agent.responses() == statuses
    assert bool(agent.events(RequestReceived)) is not bool(statuses)


def test_unsupported_extension() -> None:
    agent = Agent(CALLEE)
    agent.receive(wire_request(headers=[("Require", "unheard-of, 100rel")]), CALLER)
    assert agent.responses() == [420]
    assert only_response(agent).get("Unsupported") == "unheard-of"


def test_extensions_of_registrations() -> None:
    """RFC 5626 6, RFC 3327 5.3: they mean nothing elsewhere"""
    agent = Agent(CALLEE)
    agent.receive(wire_request("REGISTER", headers=[("Require", "Outbound, path")]), CALLER)
    assert len(agent.events(RequestReceived)) == 1
    agent.receive(wire_request("OPTIONS", branch="z9hG4bKo", headers=[("Require", "outbound")]), CALLER)
    assert agent.responses() == [420]
    agent.receive(wire_request("REGISTER", branch="z9hG4bKr", headers=[("Require", "timer")], cseq=2), CALLER)
    assert agent.responses() == [420, 420]


@pytest.mark.parametrize("method", ["INVITE", "REGISTER", "OPTIONS"])
def test_hops_used_up_end_here(method: str) -> None:
    """16.3 forbids to send such a request on, and 8.2 lets its destination take it"""
    agent = Agent(CALLEE)
    message = wire_request(method)
    message.set("Max-Forwards", "0")
    agent.receive(message, CALLER)
    assert len(agent.events(RequestReceived)) == 1


@pytest.mark.parametrize(("hops", "onward"), [(None, 69), (70, 69), (1, 0), (255, 69), (0, None)])
def test_hops_of_what_goes_on(hops: int | None, onward: int | None) -> None:
    """RFC 7332 3: each leg of ours has one less than the one it comes from, so that circles end"""
    message = wire_request()
    message.remove("Max-Forwards")
    if hops is not None:
        message.add("Max-Forwards", str(hops))
    assert hops_onward(message) == onward


def test_a_call_of_ours_that_comes_back() -> None:
    """16.3 step 4: known by our own branch among its Vias, whichever layer it comes back to"""
    tables = SharedTables()
    out = TransactionLayer(Tokens("o"), CALLER, tables=tables)
    key = out.send_request(request(), CALLEE, 0)
    (sent,) = of(out.take_output(), Send)
    back = parse_message(sent.data)
    back.push_via(Via.parse("SIP/2.0/TCP 192.0.2.99;branch=z9hG4bKproxy"))
    into = TransactionLayer(Tokens("i"), CALLEE, transport="TCP", tables=tables)
    into.receive(back.to_bytes(), CALLER, 0)
    assert [message.status for message in sends(into.take_output()) if isinstance(message, Response)] == [482]
    out.cancel(key, 0)
    out.poll_timers(32_000)
    back.set("Call-ID", "later")
    into.receive(back.to_bytes(), CALLER, 32_000)
    assert len(of(into.take_output(), RequestReceived)) == 1, "the branch is worth nothing any longer"


@pytest.mark.parametrize(
    ("contacts", "status"),
    [
        ([], 400),
        (["<sip:a@h>, <sip:b@h>"], 400),
        (["<sip:a@h>", "<sip:b@h>"], 400),
        (["<tel:+90185>"], 400),
        (["<sips:a@h>"], 0),
    ],
)
def test_a_dialog_needs_one_contact(contacts: list[str], status: int) -> None:
    """8.1.1.8"""
    agent = Agent(CALLEE)
    message = wire_request()
    message.remove("Contact")
    for contact in contacts:
        message.add("Contact", contact)
    agent.receive(message, CALLER)
    assert [answer for answer in agent.responses() if answer != 100] == [status] * (status != 0)


def test_within_a_dialog_contact_may_be_missing() -> None:
    agent = Agent(CALLEE)
    message = wire_request(to_tag="here")
    message.remove("Contact")
    agent.receive(message, CALLER)
    assert len(agent.events(RequestReceived)) == 1


@pytest.mark.parametrize(
    ("accept", "taken"),
    [
        ("application/sdp", True),
        ("text/plain, Application/SDP;q=0.5", True),
        ("application/*", True),
        ("*/*", True),
        ("text/plain", False),
        ("", False),
    ],
)
def test_who_reads_no_descriptions_gets_no_call(accept: str, taken: bool) -> None:
    """20.1"""
    agent = Agent(CALLEE)
    agent.receive(wire_request(headers=[("Accept", accept)]), CALLER)
    assert bool(agent.events(RequestReceived)) is taken
    assert (406 in agent.responses()) is not taken


def test_missing_max_forwards_is_common() -> None:
    agent = Agent(CALLEE)
    message = wire_request()
    message.remove("Max-Forwards")
    agent.receive(message, CALLER)
    assert len(agent.events(RequestReceived)) == 1


def test_request_over_two_paths() -> None:
    """8.2.2.2"""
    agent = Agent(CALLEE)
    agent.receive(wire_request(branch="z9hG4bKone"), CALLER)
    agent.receive(wire_request(branch="z9hG4bKtwo"), CALLER)
    assert agent.responses() == [100, 482]
    assert len(agent.events(RequestReceived)) == 1
    agent.receive(wire_request(branch="z9hG4bKthree", cseq=2), CALLER)
    assert len(agent.events(RequestReceived)) == 2, "the answer to a challenge is a new request"


def test_requests_of_a_dialog_are_not_merged() -> None:
    agent = Agent(CALLEE)
    agent.receive(wire_request("BYE", branch="z9hG4bKone", to_tag="t", cseq=2), CALLER)
    agent.receive(wire_request("OPTIONS", branch="z9hG4bKtwo", to_tag="t", cseq=2), CALLER)
    assert len(agent.events(RequestReceived)) == 2


def test_invite_without_contact() -> None:
    agent = Agent(CALLEE)
    message = wire_request()
    message.remove("Contact")
    agent.receive(message, CALLER)
    assert agent.responses() == [400]


def test_refusals_are_stateless_and_always_the_same() -> None:
    """8.2.7"""
    agent = Agent(CALLEE)
    for _ in range(3):
        agent.receive(wire_request("NEWMETHOD"), CALLER)
    agent.assert_empty()
    assert len({send.data for send in agent.sent}) == 1
    assert only_response(agent).to.tag
    agent.receive(wire_request("NEWMETHOD", branch="z9hG4bKtwo"), CALLER)
    assert only_response(agent).to.tag != parse_message(agent.sent[0].data).to.tag


# Malformed requests


@pytest.mark.parametrize(
    ("old", "new", "status"),
    [
        (b"CSeq: 1 INVITE", b"CSeq: 1 BYE", 400),
        (b"<sip:ayse@192.0.2.1>", b"<sip:ayse@>", 400),
        (b"<sip:185@192.0.2.2>", b"<sip:185@192.0.2.2", 400),
        (b"Content-Length: 0", b"Content-Length: 7", 400),
        (b"INVITE sip:185@192.0.2.2 SIP/2.0", b"INVITE sip:185@192.0.2.2 SIP/3.0", 505),
        (b"INVITE sip:185@192.0.2.2 SIP/2.0", b"INVITE sip:" + b"1" * 3000 + b"@b SIP/2.0", 414),
        (b"Max-Forwards: 70", b"Max-Forwards: many", 400),
        (b"Max-Forwards: 70", b"Require: ,", 400),
        (b"Max-Forwards: 70", b'Accept: ",', 400),
        (b"To: <sip:185@192.0.2.2>", b"To: <sip:185@192.0.2.2>;tag", 400),
        (b";tag=from", b";tag", 400),
        (b"Max-Forwards: 70", b"Route: <sip:never", 400),
    ],
)
def test_malformed_request_is_answered_with_the_reason(old: bytes, new: bytes, status: int) -> None:
    agent = Agent(CALLEE)
    data = wire_request().to_bytes()
    assert data.count(old) == 1
    agent.receive(data.replace(old, new), CALLER)
    assert agent.responses() == [status]
    assert ": " in only_response(agent).reason or " - " in only_response(agent).reason
    assert agent.events(RequestReceived) == []
    assert agent.layer.statistics().malformed_answered == 1
    assert agent.sent[0].destination == CALLER
    agent.assert_empty()


@pytest.mark.parametrize(
    "data",
    [
        b"hello",
        b"\xff" * 100,
        b"INVITE sip:a@b SIP/2.0\r\n\r\n",
        wire_request().to_bytes().replace(b"Call-ID: call-1\r\n", b""),
        wire_request().to_bytes().replace(b"Max-Forwards: 70", b"\r\n".join([b"Via: a"] * 70)),
        wire_request().to_bytes().replace(b"Via: SIP/2.0/UDP", b"Via: SIP/2.0"),
        wire_request("ACK", to_tag="x").to_bytes().replace(b"CSeq: 1 ACK", b"CSeq: 1 INVITE"),
        wire_request("ACK", to_tag="x").to_bytes().replace(b"Max-Forwards: 70", b"Max-Forwards: x"),
    ],
)
def test_what_cannot_be_answered_is_dropped(data: bytes) -> None:
    agent = Agent(CALLEE)
    agent.receive(data, CALLER)
    assert agent.sent == []
    assert agent.events(RequestReceived) == []
    assert agent.layer.statistics().malformed_dropped == 1
    assert [event.status for event in agent.events(Refused)] == [0]


@pytest.mark.parametrize("data", [b"", b"\r\n", b"\r\n\r\n", b"\0", b"\0\0\0\0", b" "])
def test_keepalives_are_no_messages(data: bytes) -> None:
    agent = Agent(CALLEE)
    assert agent.receive(data, CALLER) == []
    assert agent.layer.statistics().keepalives == 1


def test_malformed_message_disturbs_nothing_else() -> None:
    agent = Agent(CALLEE)
    agent.receive(wire_request("OPTIONS"), CALLER)
    agent.receive(b"INVITE rubbish\r\n\r\n", CALLER)
    agent.receive(wire_request("OPTIONS"), CALLER)
    key = agent.events(RequestReceived)[0].key
    assert agent.layer.send_response(key, respond(agent.events(RequestReceived)[0].request, 200), 0)


# Where answers go


@pytest.mark.parametrize(
    ("via", "source", "destination", "received", "rport"),
    [
        # 18.2.2: to the source address, at the port of the Via
        ("192.0.2.1:5070", ("192.0.2.1", 40_000), ("192.0.2.1", 5070), None, None),
        ("192.0.2.1", ("192.0.2.1", 40_000), ("192.0.2.1", 5060), None, None),
        ("10.0.0.1:5070", ("192.0.2.1", 40_000), ("192.0.2.1", 5070), "192.0.2.1", None),
        ("phone.example", ("192.0.2.1", 40_000), ("192.0.2.1", 5060), "192.0.2.1", None),
        ("[2001:db8::1]:5070", ("2001:db8::1", 40_000), ("2001:db8::1", 5070), None, None),
        # RFC 3581 4: rport asks for the source port, and then received is always added
        ("10.0.0.1:5070;rport", ("192.0.2.1", 40_000), ("192.0.2.1", 40_000), "192.0.2.1", "40000"),
        ("192.0.2.1;rport", ("192.0.2.1", 5060), ("192.0.2.1", 5060), "192.0.2.1", "5060"),
        # nobody is sent to a third party
        ("10.0.0.1;maddr=203.0.113.1", ("192.0.2.1", 5060), ("192.0.2.1", 5060), "192.0.2.1", None),
        ("10.0.0.1;received=203.0.113.1", ("192.0.2.1", 5060), ("192.0.2.1", 5060), "192.0.2.1", None),
        ("10.0.0.1;rport=9", ("192.0.2.1", 5060), ("192.0.2.1", 5060), "192.0.2.1", "5060"),
    ],
)
def test_answers_go_where_the_request_came_from(
    via: str,
    source: tuple[str, int],
    destination: tuple[str, int],
    received: str | None,
    rport: str | None,
) -> None:
    agent = Agent(CALLEE)
    message = wire_request(via=f"SIP/2.0/UDP {via};branch=z9hG4bKx")
    message.headers.insert(1, ("Via", "SIP/2.0/TCP first.example;branch=z9hG4bKy"))
    agent.receive(message, source)
    assert [send.destination for send in agent.sent] == [destination]
    vias = only_response(agent).vias
    assert vias[0].params.get("received") == received
    assert vias[0].params.get("rport") == rport
    assert [str(later) for later in vias[1:]] == ["SIP/2.0/TCP first.example;branch=z9hG4bKy"]


def test_via_list_in_one_field() -> None:
    agent = Agent(CALLEE)
    data = wire_request(via="SIP/2.0/UDP 10.0.0.1;branch=z9hG4bKx").to_bytes()
    agent.receive(data.replace(b"z9hG4bKx\r\n", b"z9hG4bKx, SIP/2.0/UDP far;branch=z9hG4bKz\r\n"), CALLER)
    assert [via.host for via in only_response(agent).vias] == ["10.0.0.1", "far"]
    assert only_response(agent).via.params["received"] == "192.0.2.1"


# Limits

FULL = LayerLimits(transactions_max=3, transactions_reserve=2, retry_after_s=7, others_share=1.0)


def fill(agent: Agent) -> None:
    for number in range(3):
        agent.receive(wire_request("OPTIONS", branch=f"z9hG4bK{number}", call_id=f"c{number}"), CALLER)
    assert len(agent.events(RequestReceived)) == 3


def test_full_table_refuses_new_work() -> None:
    agent = Agent(CALLEE, limits=FULL)
    fill(agent)
    agent.receive(wire_request(branch="z9hG4bKnew"), CALLER)
    assert agent.responses() == [503]
    assert only_response(agent).get("Retry-After") == "7"
    with pytest.raises(TransactionsFullError):
        agent.layer.send_request(request(), CALLER, 0)
    assert agent.layer.statistics().refused_full == 2


def test_full_table_still_hangs_up() -> None:
    agent = Agent(CALLEE, limits=LayerLimits(transactions_max=1, transactions_reserve=3))
    agent.receive(wire_request(), CALLER)
    invite = agent.events(RequestReceived)[0]
    agent.receive(wire_request("CANCEL"), CALLER, 1)
    assert agent.responses() == [100, 200]
    response = respond(invite.request, 200, to_tag="t", contact="<sip:x@192.0.2.2>")
    agent.layer.send_response(invite.key, response, 2)
    agent.receive(wire_request("ACK", branch="z9hG4bKack", to_tag="t"), CALLER, 3)
    assert len(agent.events(AckReceived)) == 1
    agent.receive(wire_request("BYE", branch="z9hG4bKbye", to_tag="t", cseq=2), CALLER, 4)
    assert [event.request.method for event in agent.events(RequestReceived)] == ["INVITE", "BYE"]
    agent.layer.send_request(request("BYE", to_tag="x"), CALLER, 5)
    with pytest.raises(TransactionsFullError):
        agent.layer.send_request(request("BYE", to_tag="x"), CALLER, 6)
    agent.receive(wire_request("BYE", branch="z9hG4bKbye2", to_tag="t", cseq=3), CALLER, 7)
    assert 503 in agent.responses(), "the reserve has an end too"
    agent.receive(wire_request("CANCEL", branch="z9hG4bKone2"), CALLER, 8)
    assert agent.responses()[-1] == 481


def test_reserve_for_cancel_has_an_end() -> None:
    agent = Agent(CALLEE, limits=LayerLimits(transactions_max=1, transactions_reserve=0))
    agent.receive(wire_request(), CALLER)
    agent.receive(wire_request("CANCEL"), CALLER)
    assert agent.responses() == [100, 503]


def test_large_messages_use_the_room_up_sooner() -> None:
    agent = Agent(CALLEE, limits=LayerLimits(received_bytes_max=50_000, others_share=1.0))
    for number in range(3):
        message = wire_request("OPTIONS", branch=f"z9hG4bK{number}", call_id=f"c{number}", body=b"x" * 30_000)
        agent.receive(message, CALLER)
    assert len(agent.events(RequestReceived)) == 2
    assert agent.responses() == [503]
    agent.receive(wire_request("BYE", branch="z9hG4bKbye", to_tag="t"), CALLER)
    assert len(agent.events(RequestReceived)) == 3
    agent.poll(32_000)
    agent.poll(64_000)
    agent.receive(wire_request("OPTIONS", branch="z9hG4bKlast"), CALLER, 64_000)
    assert len(agent.events(RequestReceived)) == 4


def test_what_we_say_about_a_fault_is_short() -> None:
    agent = Agent(CALLEE)
    name = b"n" * 4000
    data = wire_request().to_bytes().replace(b"tag=from", b"tag=from;" + name + b"=1;" + name + b"=2")
    agent.receive(data, CALLER)
    assert agent.responses() == [400]
    assert len(only_response(agent).reason) < 200
    assert all(len(event.reason) < 200 for event in agent.events(Refused))


def test_room_comes_back() -> None:
    agent = Agent(CALLEE, limits=FULL)
    fill(agent)
    for event in agent.events(RequestReceived):
        agent.layer.send_response(event.key, respond(event.request, 200), 0)
    agent.poll(32_000)
    agent.receive(wire_request(branch="z9hG4bKnew"), CALLER, 32_000)
    assert agent.responses()[-1] == 100


def test_timers_do_not_pile_up() -> None:
    """An INVITE that waits long for an answer leaves nothing behind when it is over."""
    agent = Agent(CALLEE)
    for number in range(50):
        now_ms = 1000 * number
        agent.receive(wire_request(branch=f"z9hG4bK{number}", call_id=f"c{number}"), CALLER, now_ms)
        event = agent.events(RequestReceived)[-1]
        agent.layer.send_response(event.key, respond(event.request, 486), now_ms + 10)
        agent.receive(
            wire_request("ACK", branch=f"z9hG4bK{number}", call_id=f"c{number}"), CALLER, now_ms + 20
        )
        agent.poll(now_ms + 999)
    assert agent.layer.statistics().servers_live <= 6
    assert agent.layer.statistics().timers <= 40
    agent.poll(200_000)
    assert agent.layer.statistics().timers == 0
    assert agent.layer.next_deadline_ms() is None


def test_output_is_in_order_and_taken_once() -> None:
    agent = Agent(CALLEE)
    outputs = agent.receive(wire_request(), CALLER)
    assert [type(output) for output in outputs] == [Send, RequestReceived]
    assert agent.layer.take_output() == []
    assert len(sends(outputs)) == len(of(outputs, Send)) == 1


def test_statistics_are_a_copy() -> None:
    agent = Agent(CALLEE)
    before = agent.layer.statistics()
    agent.receive(wire_request(), CALLER)
    after = agent.layer.statistics()
    assert (before.requests_received, after.requests_received) == (0, 1)
    assert (after.responses_sent, after.servers_live) == (1, 1)
