"""Server transactions (RFC 3261 17.2, 9.2, 13.3.1.4, RFC 6026), with times of the RFC to the millisecond."""

from __future__ import annotations

import pytest

from gateways.sip.build import respond
from gateways.sip.events import (
    AckReceived,
    AckTimedOut,
    Address,
    CancelReceived,
    Refused,
    RequestReceived,
    Send,
    ServerKey,
    TransactionTimedOut,
)
from gateways.sip.limits import LayerLimits
from gateways.sip.message import Request, Response
from tests.sip.support import CALLEE, CALLER, Agent, of, sends, wire_request


def start(
    method: str = "INVITE", *, transport: str = "UDP", limits: LayerLimits | None = None
) -> tuple[Agent, ServerKey, Request]:
    agent = Agent(CALLEE, transport=transport, limits=limits)
    agent.receive(wire_request(method), CALLER, 0)
    received = agent.events(RequestReceived)
    assert len(received) == 1
    assert received[0].source == CALLER
    return agent, received[0].key, received[0].request


def respond_with(agent: Agent, key: ServerKey, request: Request, status: int, now_ms: int) -> bool:
    accepted = agent.layer.send_response(
        key, respond(request, status, to_tag="callee", contact="<sip:callee@192.0.2.2>"), now_ms
    )
    agent.take()
    return accepted


def without_tag(request: Request) -> Request:
    request.set("From", str(request.from_).partition(";tag")[0])
    return request


def send_times(agent: Agent, until_ms: int) -> list[int]:
    times = []
    while (deadline := agent.layer.next_deadline_ms()) is not None and deadline <= until_ms:
        times += [deadline for _ in of(agent.poll(deadline), Send)]
    return times


def ack(*, branch: str, to_tag: str = "callee", cseq: int = 1) -> Request:
    return wire_request("ACK", branch=branch, to_tag=to_tag, cseq=cseq)


# INVITE: 17.2.1


def test_invite_is_answered_with_100_at_once() -> None:
    agent, _, invite = start()
    assert agent.responses() == [100]
    trying = agent.messages()[0]
    assert isinstance(trying, Response)
    assert trying.get_all("Via") == invite.get_all("Via")
    assert trying.to.tag is None
    assert agent.sent[0].destination == CALLER


def test_copies_of_an_invite_get_the_last_answer() -> None:
    agent, key, invite = start()
    assert agent.receive(wire_request(), CALLER, 500) == [agent.sent[0]]
    respond_with(agent, key, invite, 180, 600)
    agent.receive(wire_request(), CALLER, 700)
    assert agent.responses() == [100, 100, 180, 180]
    assert len(agent.events(RequestReceived)) == 1
    assert agent.layer.statistics().requests_repeated_by_peer == 2


def test_failure_is_repeated_until_its_ack() -> None:
    agent, key, invite = start()
    respond_with(agent, key, invite, 486, 1000)
    assert send_times(agent, 10_000) == [1500, 2500, 4500, 8500]
    assert agent.receive(wire_request(), CALLER, 10_000) == [agent.sent[-1]], "and for each copy"
    assert agent.receive(ack(branch="z9hG4bKone"), CALLER, 10_100) == [], "nobody hears of this ACK"
    assert send_times(agent, 15_099) == []
    assert agent.receive(wire_request(), CALLER, 11_000) == []
    assert agent.receive(ack(branch="z9hG4bKone"), CALLER, 11_000) == []
    assert agent.layer.statistics().servers_live == 1
    agent.poll(15_100)  # timer I
    agent.assert_empty()


def test_failure_that_nobody_acknowledges() -> None:
    agent, key, invite = start()
    respond_with(agent, key, invite, 486, 0)
    assert send_times(agent, 31_999) == [500, 1500, 3500, 7500, 11500, 15500, 19500, 23500, 27500, 31500]
    assert agent.poll(32_000) == []  # timer H
    agent.assert_empty()
    assert agent.layer.statistics().acks_missing == 1


def test_reliable_failure_is_not_repeated_and_ends_with_its_ack() -> None:
    agent, key, invite = start(transport="TCP")
    respond_with(agent, key, invite, 486, 0)
    assert send_times(agent, 31_999) == []
    agent.receive(ack(branch="z9hG4bKone"), CALLER, 31_999)
    agent.poll(31_999)
    agent.assert_empty()
    assert agent.layer.statistics().acks_missing == 0


@pytest.mark.parametrize("transport", ["UDP", "TCP"])
def test_success_is_repeated_until_its_ack(transport: str) -> None:
    """13.3.1.4: on any transport, because a proxy in between may use another."""
    agent, key, invite = start(transport=transport)
    respond_with(agent, key, invite, 200, 1000)
    assert send_times(agent, 13_000) == [1500, 2500, 4500, 8500, 12500]
    acknowledgement = ack(branch="z9hG4bKack")
    outputs = agent.receive(acknowledgement, CALLER, 13_000)
    assert [(event.key, event.source) for event in of(outputs, AckReceived)] == [(key, CALLER)]
    assert send_times(agent, 32_999) == []
    assert agent.receive(ack(branch="z9hG4bKack"), CALLER, 14_000) == [], "copies are absorbed"
    assert agent.receive(wire_request(), CALLER, 14_000) == []
    agent.poll(33_000)  # RFC 6026 timer L
    agent.assert_empty()
    agent.receive(ack(branch="z9hG4bKack"), CALLER, 33_100)
    assert agent.layer.statistics().stray_acks == 1


def test_success_that_nobody_acknowledges() -> None:
    agent, key, invite = start()
    respond_with(agent, key, invite, 200, 0)
    assert len(send_times(agent, 31_999)) == 10
    assert agent.poll(32_000) == [AckTimedOut(key)]
    agent.assert_empty()


@pytest.mark.parametrize(
    "wrong",
    [
        ack(branch="z9hG4bKa", to_tag="other"),
        ack(branch="z9hG4bKa", cseq=2),
        wire_request("ACK", branch="z9hG4bKa", to_tag="callee", call_id="other"),
        wire_request("ACK", branch="z9hG4bKa"),
        # Whoever forged the source of an INVITE knows all but our tag, which went to that source.
        ack(branch="z9hG4bKone", to_tag="other"),
        wire_request("ACK", branch="z9hG4bKone"),
    ],
)
def test_ack_of_another_dialog_is_a_stray(wrong: Request) -> None:
    agent, key, invite = start()
    respond_with(agent, key, invite, 200, 0)
    assert agent.receive(wrong, CALLER, 10) == []
    assert agent.layer.statistics().stray_acks == 1
    assert send_times(agent, 600) == [500]


def test_ack_with_the_branch_of_the_invite_is_taken_too() -> None:
    """Some phones reuse it for a 2xx."""
    agent, key, invite = start()
    respond_with(agent, key, invite, 200, 0)
    assert len(of(agent.receive(ack(branch="z9hG4bKone"), CALLER, 10), AckReceived)) == 1


def test_ack_carries_the_answer_of_a_late_offer() -> None:
    agent, key, invite = start()
    respond_with(agent, key, invite, 200, 0)
    message = wire_request("ACK", branch="z9hG4bKa", to_tag="callee", body=b"v=0\r\n")
    agent.receive(message, CALLER, 10)
    assert agent.events(AckReceived)[0].request.body == b"v=0\r\n"


def test_user_gets_no_second_word() -> None:
    agent, key, invite = start()
    assert respond_with(agent, key, invite, 180, 0)
    assert respond_with(agent, key, invite, 200, 10)
    assert not respond_with(agent, key, invite, 180, 20)
    assert not respond_with(agent, key, invite, 486, 30)
    assert agent.responses() == [100, 180, 200]
    assert agent.layer.statistics().responses_late == 2


def test_tag_is_added_and_stays_the_same() -> None:
    agent, key, invite = start()
    agent.layer.send_response(key, respond(invite, 180), 0)
    agent.layer.send_response(key, respond(invite, 486), 0)
    agent.take()
    tags = [message.to.tag for message in agent.messages()]
    assert tags[0] is None
    assert tags[1] == tags[2]
    assert tags[1]


def test_user_who_never_answers_an_invite() -> None:
    agent, key, invite = start(limits=LayerLimits(invite_pending_max_ms=60_000))
    respond_with(agent, key, invite, 180, 50_000)
    agent.poll(109_999)
    assert agent.responses() == [100, 180]
    outputs = agent.poll(110_000)
    assert of(outputs, TransactionTimedOut) == [TransactionTimedOut(key)]
    assert agent.responses() == [100, 180, 504]
    assert agent.messages()[-1].to.tag == "callee"
    agent.receive(ack(branch="z9hG4bKone"), CALLER, 110_100)
    agent.poll(115_100)
    agent.assert_empty()


# Other requests: 17.2.2


def test_request_is_absorbed_until_answered() -> None:
    agent, key, options = start("OPTIONS")
    assert agent.receive(wire_request("OPTIONS"), CALLER, 500) == []
    respond_with(agent, key, options, 100, 600)
    agent.receive(wire_request("OPTIONS"), CALLER, 1500)
    respond_with(agent, key, options, 200, 1600)
    agent.receive(wire_request("OPTIONS"), CALLER, 3500)
    assert agent.responses() == [100, 100, 200, 200]
    assert len(agent.events(RequestReceived)) == 1
    agent.poll(33_599)
    assert agent.layer.statistics().servers_live == 1
    agent.poll(33_600)  # timer J
    agent.assert_empty()


def test_reliable_request_ends_with_its_response() -> None:
    agent, key, options = start("OPTIONS", transport="TCP")
    respond_with(agent, key, options, 404, 10)
    agent.poll(10)
    agent.assert_empty()


def test_user_who_never_answers_a_request() -> None:
    agent, key, _ = start("OPTIONS")
    outputs = agent.poll(32_000)
    assert of(outputs, TransactionTimedOut) == [TransactionTimedOut(key)]
    assert agent.responses() == [504]
    assert agent.layer.statistics().server_timeouts == 1
    agent.poll(64_000)
    agent.assert_empty()


# Being taken back: RFC 3261 9.2


def test_cancel_is_answered_and_told_once() -> None:
    agent, key, invite = start()
    respond_with(agent, key, invite, 180, 100)
    outputs = agent.receive(wire_request("CANCEL"), CALLER, 200)
    assert [event.key for event in of(outputs, CancelReceived)] == [key]
    answer = sends(outputs)[0]
    assert isinstance(answer, Response)
    assert (answer.status, str(answer.cseq)) == (200, "1 CANCEL")
    assert answer.to.tag == "callee", "9.2: the tag of the INVITE's responses"
    outputs = agent.receive(wire_request("CANCEL"), CALLER, 700)
    assert of(outputs, CancelReceived) == []
    assert agent.responses()[-2:] == [200, 200]
    respond_with(agent, key, invite, 487, 800)
    agent.receive(ack(branch="z9hG4bKone"), CALLER, 900)
    agent.poll(32_200)
    agent.assert_empty()


def test_cancel_after_the_final_response_changes_nothing() -> None:
    agent, key, invite = start()
    respond_with(agent, key, invite, 200, 100)
    outputs = agent.receive(wire_request("CANCEL"), CALLER, 200)
    assert agent.responses() == [100, 200, 200]
    assert of(outputs, CancelReceived) == []


def test_cancel_of_nothing() -> None:
    agent = Agent(CALLEE)
    agent.receive(wire_request("CANCEL"), CALLER, 0)
    assert agent.responses() == [481]
    agent.assert_empty()


def test_cancel_has_to_come_from_the_same_via() -> None:
    agent, _, _ = start()
    stranger = wire_request("CANCEL", via="SIP/2.0/UDP 198.51.100.1;branch=z9hG4bKone")
    agent.receive(stranger, ("198.51.100.1", 5060), 10)
    assert agent.events(CancelReceived) == []
    assert agent.responses() == [100, 481]


@pytest.mark.parametrize(
    ("cancel", "source"),
    [
        (wire_request("CANCEL"), ("198.51.100.9", 5060)),
        (wire_request("CANCEL", call_id="another"), CALLER),
        (wire_request("CANCEL", cseq=2), CALLER),
        (without_tag(wire_request("CANCEL")), CALLER),
    ],
)
def test_a_cancel_that_only_knows_the_branch(cancel: Request, source: Address) -> None:
    """RFC 3261 9.1: it comes from where the INVITE came from, with its Call-ID, From and CSeq number"""
    agent, _, _ = start()
    agent.receive(cancel, source, 200)
    assert agent.responses() == [100, 481]
    assert agent.events(CancelReceived) == []
    assert agent.events(Refused) == [Refused(source, 481, "forged CANCEL")]
    assert agent.layer.statistics().forged_cancels == 1
    agent.receive(wire_request("CANCEL"), (CALLER[0], 40_000), 300)
    assert len(agent.events(CancelReceived)) == 1, "a router may have moved the port"


# Matching: 17.2.3


@pytest.mark.parametrize("via", ["SIP/2.0/UDP 192.0.2.1:5060", "SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK"])
def test_elements_of_rfc_2543_are_matched_by_what_their_messages_share(via: str) -> None:
    agent = Agent(CALLEE)
    agent.receive(wire_request(via=via), CALLER, 0)
    agent.receive(wire_request(via=via), CALLER, 500)
    agent.receive(wire_request("CANCEL", via=via), CALLER, 600)
    key = agent.events(RequestReceived)[0].key
    assert len(agent.events(RequestReceived)) == 1
    assert [event.key for event in agent.events(CancelReceived)] == [key]
    invite = agent.events(RequestReceived)[0].request
    respond_with(agent, key, invite, 487, 700)
    agent.receive(wire_request("ACK", via=via, to_tag="callee"), CALLER, 800)
    assert send_times(agent, 5_799) == []
    agent.poll(5_800)
    agent.poll(32_600)
    agent.assert_empty()


def test_same_branch_from_another_sender_is_another_transaction() -> None:
    agent = Agent(CALLEE)
    agent.receive(wire_request("OPTIONS"), CALLER, 0)
    other = wire_request("OPTIONS", via="SIP/2.0/UDP 192.0.2.1:5070;branch=z9hG4bKone", call_id="two")
    agent.receive(other, CALLER, 0)
    assert len(agent.events(RequestReceived)) == 2
