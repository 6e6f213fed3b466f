"""What the layers of one user agent share: late ACKs, forked requests, and room by what it is for."""

from __future__ import annotations

import pytest

from gateways.sip.build import respond
from gateways.sip.errors import TransactionsFullError
from gateways.sip.events import AckReceived, RequestReceived, ResponseReceived, Send, TransportProblem
from gateways.sip.limits import LayerLimits
from gateways.sip.message import Request, Response
from gateways.sip.parser import parse_message
from gateways.sip.tables import SharedTables
from tests.sip.support import CALLEE, CALLER, Agent, request, wire_request

TCP_VIA = "SIP/2.0/TCP 192.0.2.1:5060;branch=z9hG4bK{};rport"
CONNECTION = ("192.0.2.1", 40_001)


def datagrams_and_streams(limits: LayerLimits | None = None) -> tuple[Agent, Agent]:
    tables = SharedTables(limits)
    return (
        Agent(CALLEE, prefix="u", tables=tables, limits=limits),
        Agent(CALLEE, prefix="s", transport="TCP", tables=tables, limits=limits),
    )


def test_the_ack_may_come_by_another_transport() -> None:
    udp, tcp = datagrams_and_streams()
    udp.receive(wire_request(), CALLER)
    (invite,) = udp.events(RequestReceived)
    response = respond(invite.request, 200, to_tag="ours", contact="<sip:x@192.0.2.2>")
    udp.layer.send_response(invite.key, response, 0)
    tcp.receive(wire_request("ACK", via=TCP_VIA.format("ack"), to_tag="ours"), CONNECTION, 10)
    udp.take()
    (acknowledged,) = udp.events(AckReceived)
    assert acknowledged.key == invite.key
    assert acknowledged.source == CONNECTION
    assert tcp.layer.statistics().stray_acks == 0
    assert not udp.poll(500), "and is no longer repeated"


def test_a_request_that_forked_over_two_transports_is_merged() -> None:
    udp, tcp = datagrams_and_streams()
    udp.receive(wire_request(), CALLER)
    tcp.receive(wire_request(via=TCP_VIA.format("two")), CONNECTION)
    assert tcp.responses() == [482]
    assert tcp.events(RequestReceived) == []


def test_the_shared_tables_are_empty_in_the_end() -> None:
    udp, tcp = datagrams_and_streams()
    for agent, via in ((udp, None), (tcp, TCP_VIA.format("two"))):
        agent.receive(wire_request(via=via, call_id=agent.layer.via.transport), CALLER)
        (invite,) = agent.events(RequestReceived)
        response = respond(invite.request, 200, to_tag="ours", contact="<sip:x@192.0.2.2>")
        agent.layer.send_response(invite.key, response, 0)
        agent.poll(64_000)
    udp.assert_empty()
    tcp.assert_empty()


# Room


LIMITS = LayerLimits(transactions_max=8, transactions_reserve=1)


@pytest.mark.parametrize("method", ["OPTIONS", "REGISTER"])
def test_a_flood_of_what_anybody_may_ask_leaves_the_room_of_calls_alone(method: str) -> None:
    udp, tcp = datagrams_and_streams(LIMITS)
    for number in range(20):
        udp.receive(wire_request(method, branch=f"z9hG4bK{number}", call_id=f"c{number}"), CALLER)
    assert len(udp.events(RequestReceived)) == 2, "a quarter"
    assert udp.responses() == [503] * 18
    for number in range(7):
        tcp.receive(wire_request(via=TCP_VIA.format(number), call_id=f"i{number}"), CONNECTION)
    assert len(tcp.events(RequestReceived)) == 6, "and the calls have the rest, whichever way they come"
    assert tcp.responses()[-1] == 503


def test_room_for_large_requests_outside_calls_is_a_share_too() -> None:
    agent = Agent(CALLEE, limits=LayerLimits(received_bytes_max=100_000))
    for number in range(3):
        message = wire_request("OPTIONS", branch=f"z9hG4bK{number}", call_id=f"c{number}", body=b"x" * 24_900)
        agent.receive(message, CALLER)
    assert len(agent.events(RequestReceived)) == 1
    agent.receive(wire_request(body=b"x" * 30_000), CALLER)
    assert len(agent.events(RequestReceived)) == 2


def test_an_options_within_a_call_has_the_room_of_calls() -> None:
    agent = Agent(CALLEE, limits=LIMITS)
    for number in range(2):
        agent.receive(wire_request("OPTIONS", branch=f"z9hG4bK{number}", call_id=f"c{number}"), CALLER)
    with pytest.raises(TransactionsFullError):
        agent.layer.send_request(request("OPTIONS"), CALLER, 0)
    agent.layer.send_request(request("OPTIONS", to_tag="theirs"), CALLER, 0)


# Answers that leave nothing behind


def test_a_stateless_answer_is_given_again_to_a_copy_with_the_same_tag() -> None:
    agent = Agent(CALLEE)
    tags = []
    for _ in range(2):
        agent.receive(wire_request("OPTIONS"), CALLER)
        received = agent.events(RequestReceived)[-1]
        assert agent.layer.respond_statelessly(received.key, respond(received.request, 200), 0)
        agent.take()
        tags.append(parse_message(agent.sent[-1].data).to.tag)
        agent.assert_empty()
    assert agent.responses() == [200, 200]
    assert tags[0] == tags[1] != ""
    assert not agent.poll(64_000)


def test_stateless_answers_leave_no_timers() -> None:
    """A flood of requests by strangers is not remembered by the clock either"""
    agent = Agent(CALLEE)
    for number in range(100):
        agent.receive(wire_request("REGISTER", branch=f"z9hG4bK{number}", call_id=f"c{number}"), CALLER)
        received = agent.events(RequestReceived)[-1]
        agent.layer.respond_statelessly(received.key, respond(received.request, 401), 0)
        agent.take()
        assert agent.layer.next_deadline_ms() is None
    assert agent.layer.statistics().timers == 0
    agent.receive(wire_request("REGISTER"), CALLER, 7)
    assert agent.layer.next_deadline_ms() == 32_007, "who is not answered at once waits"


def test_a_stateless_answer_to_what_is_gone_is_not_sent() -> None:
    agent = Agent(CALLEE)
    agent.receive(wire_request("OPTIONS"), CALLER)
    (received,) = agent.events(RequestReceived)
    agent.layer.send_response(received.key, respond(received.request, 200), 0)
    assert not agent.layer.respond_statelessly(received.key, respond(received.request, 200), 0)


def test_an_invite_is_never_answered_statelessly() -> None:
    agent = Agent(CALLEE)
    agent.receive(wire_request(), CALLER)
    (received,) = agent.events(RequestReceived)
    with pytest.raises(ValueError, match="INVITE"):
        agent.layer.respond_statelessly(received.key, respond(received.request, 503), 0)


def test_what_is_ignored_gets_no_answer_and_is_forgotten() -> None:
    agent = Agent(CALLEE)
    for _ in range(2):
        agent.receive(wire_request("REGISTER"), CALLER)
        agent.layer.ignore(agent.events(RequestReceived)[-1].key, 0)
        agent.take()
        agent.assert_empty()
    assert agent.responses() == []
    assert agent.layer.next_deadline_ms() is None
    agent.receive(wire_request(), CALLER)
    with pytest.raises(ValueError, match="INVITE"):
        agent.layer.ignore(agent.events(RequestReceived)[-1].key, 0)


# Streams: where responses go


@pytest.mark.parametrize(
    ("via", "otherwise"),
    [
        ("SIP/2.0/TCP 192.0.2.1:5070;branch=z9hG4bKa;rport", ("192.0.2.1", 5070)),
        ("SIP/2.0/TCP 192.0.2.1;branch=z9hG4bKa", ("192.0.2.1", 5060)),
        ("SIP/2.0/TLS 192.0.2.1;branch=z9hG4bKa", ("192.0.2.1", 5061)),
        ("SIP/2.0/TCP 203.0.113.9:5070;branch=z9hG4bKa", ("192.0.2.1", 5070)),
    ],
)
def test_a_response_goes_by_the_connection_and_otherwise_to_the_sender(
    via: str, otherwise: tuple[str, int]
) -> None:
    agent = Agent(CALLEE, transport="TCP")
    agent.receive(wire_request(via=via), CONNECTION)
    assert [(send.destination, send.otherwise) for send in agent.sent] == [(CONNECTION, otherwise)]
    agent.receive(wire_request("INFO", via=via.replace("=z9hG4bKa", "=z9hG4bKb")), CONNECTION)
    agent.receive(wire_request("BROKEN", via=via.replace("=z9hG4bKa", "=z9hG4bKc")), CONNECTION)
    refusal = agent.sent[-1]
    assert isinstance(parse_message(refusal.data), Response)
    assert (refusal.destination, refusal.otherwise) == (CONNECTION, otherwise)


def test_a_datagram_has_one_way_back() -> None:
    agent = Agent(CALLEE)
    agent.receive(wire_request(), CALLER)
    assert [send.otherwise for send in agent.sent] == [None]


def test_a_final_response_on_a_stream_leaves_nothing_behind() -> None:
    agent = Agent(CALLEE, transport="TCP")
    agent.receive(wire_request("OPTIONS", via=TCP_VIA.format("a")), CONNECTION)
    (received,) = agent.events(RequestReceived)
    agent.layer.send_response(received.key, respond(received.request, 200), 5)
    (sent,) = [output for output in agent.take() if isinstance(output, Send)]
    assert sent.destination == CONNECTION
    agent.poll(5)
    agent.assert_empty()


# Streams: connections that break


def test_a_request_without_an_answer_goes_out_again_once_by_a_new_connection() -> None:
    agent = Agent(CALLEE, transport="TCP")
    keys = [agent.layer.send_request(request(method), CONNECTION, 0) for method in ("OPTIONS", "INVITE")]
    agent.take()
    first = [send.data for send in agent.sent]
    agent.layer.connection_lost(("192.0.2.1", 40_002), 10)
    assert not agent.take(), "that was another one"
    agent.layer.connection_lost(CONNECTION, 10)
    agent.take()
    assert sorted(send.data for send in agent.sent[2:]) == sorted(first)
    assert {send.destination for send in agent.sent} == {CONNECTION}
    agent.layer.connection_lost(CONNECTION, 20)
    agent.take()
    assert {problem.key for problem in agent.events(TransportProblem)} == set(keys)
    assert len(agent.sent) == 4
    agent.poll(64_000)
    agent.assert_empty()


def test_a_call_that_rings_outlives_its_connection() -> None:
    """Its final answer may come by another one (RFC 3261 18.2.2)."""
    agent = Agent(CALLEE, transport="TCP")
    key = agent.layer.send_request(request(), CONNECTION, 0)
    agent.take()
    invite = parse_message(agent.sent[0].data)
    assert isinstance(invite, Request)
    agent.receive(respond(invite, 180, to_tag="theirs"), CONNECTION)
    agent.layer.connection_lost(CONNECTION, 10)
    agent.take()
    assert len(agent.sent) == 1
    agent.receive(respond(invite, 486, to_tag="theirs"), ("192.0.2.1", 40_003), 20)
    assert [event.response.status for event in agent.events(ResponseReceived)] == [180, 486]
    assert {event.key for event in agent.events(ResponseReceived)} == {key}
