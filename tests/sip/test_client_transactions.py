"""Client transactions (RFC 3261 17.1, RFC 6026), with times of the RFC to the millisecond."""

from __future__ import annotations

import pytest

from gateways.sip.build import respond
from gateways.sip.events import (
    ClientKey,
    InviteEnded,
    ResponseReceived,
    Send,
    TransactionTimedOut,
    TransportProblem,
)
from gateways.sip.headers import NameAddr
from gateways.sip.limits import LayerLimits
from gateways.sip.message import Request, Response
from gateways.sip.parser import parse_message
from tests.sip.support import CALLEE, CALLER, Agent, of, request, sends


def start(
    method: str = "INVITE", *, transport: str = "UDP", limits: LayerLimits | None = None
) -> tuple[Agent, ClientKey]:
    agent = Agent(CALLER, transport=transport, limits=limits)
    key = agent.layer.send_request(request(method), CALLEE, 0)
    agent.take()
    return agent, key


def sent_request(agent: Agent) -> Request:
    message = agent.messages()[0]
    assert isinstance(message, Request)
    return message


def answer(agent: Agent, status: int, now_ms: int, tag: str = "to", **changes: str) -> list[int]:
    """The callee answers the first request; returned are the statuses that our user heard."""
    response = respond(sent_request(agent), status, to_tag=tag, contact="<sip:callee@192.0.2.2>")
    for name, value in changes.items():
        response.set(name.replace("_", "-"), value)
    outputs = agent.receive(response, CALLEE, now_ms)
    return [heard.response.status for heard in of(outputs, ResponseReceived)]


def send_times(agent: Agent, until_ms: int) -> list[int]:
    """When something was sent, as the timers run."""
    times = []
    while (deadline := agent.layer.next_deadline_ms()) is not None and deadline <= until_ms:
        times += [deadline for _ in of(agent.poll(deadline), Send)]
    return times


# INVITE: 17.1.1


def test_request_gets_our_via() -> None:
    agent, _ = start()
    via = sent_request(agent).via
    assert via.branch.startswith("z9hG4bK")
    assert (via.transport, via.host, via.port) == ("UDP", "192.0.2.1", 5060)
    assert via.params["rport"] is None, "RFC 3581 3: asked for"


def test_invite_is_repeated_until_timer_b() -> None:
    agent, key = start()
    assert send_times(agent, 31_999) == [500, 1500, 3500, 7500, 15500, 31500]
    assert {message.to_bytes() for message in agent.messages()} == {agent.sent[0].data}, "word for word"
    agent.poll(32_000)
    assert agent.events(TransactionTimedOut) == [TransactionTimedOut(key)]
    agent.assert_empty()
    assert agent.layer.statistics().client_timeouts == 1


def test_invite_over_a_reliable_transport_is_not_repeated() -> None:
    agent, key = start(transport="TCP")
    assert send_times(agent, 31_999) == []
    agent.poll(32_000)
    assert agent.events(TransactionTimedOut) == [TransactionTimedOut(key)]


def test_late_clock_ends_rather_than_repeats() -> None:
    agent, key = start()
    outputs = agent.poll(100_000)
    assert outputs == [TransactionTimedOut(key), InviteEnded(key)]


def test_provisional_response_stops_the_repetition() -> None:
    agent, _ = start()
    assert answer(agent, 100, 200) == [100]
    assert answer(agent, 180, 300) == [180]
    assert answer(agent, 183, 301) == [183]
    assert send_times(agent, 500_000) == []


@pytest.mark.parametrize("ringing", [True, False])
def test_failure_is_acknowledged_by_the_layer(ringing: bool) -> None:
    """17.1.1.3: the ACK of a non-2xx repeats the INVITE's branch, target and Route."""
    agent = Agent(CALLER)
    invite = request(headers=[("Route", "<sip:proxy;lr>")], cseq=7)
    agent.layer.send_request(invite, CALLEE, 0)
    agent.take()
    if ringing:
        answer(agent, 180, 100)
    assert answer(agent, 486, 200) == [486]
    ack = agent.messages()[-1]
    assert isinstance(ack, Request)
    original = sent_request(agent)
    assert (ack.method, ack.uri, str(ack.cseq)) == ("ACK", original.uri, "7 ACK")
    assert ack.via == original.via
    assert len(ack.vias) == 1
    assert ack.get_all("Route") == ["<sip:proxy;lr>"]
    assert (ack.to.tag, ack.from_.tag, ack.call_id) == ("to", "from", "call-1")
    assert ack.body == b""


def test_copies_of_a_failure_are_acknowledged_again_until_timer_d() -> None:
    agent, _ = start()
    answer(agent, 486, 1000)
    assert answer(agent, 486, 1500) == [], "our user heard it once"
    assert len(agent.requests("ACK")) == 2
    assert answer(agent, 200, 1600) == []
    assert answer(agent, 180, 1600) == []
    agent.poll(32_999)
    assert agent.layer.statistics().clients_live == 1
    agent.poll(33_000)
    agent.assert_empty()
    answer(agent, 486, 33_001)
    assert agent.layer.statistics().stray_responses == 1
    assert len(agent.requests("ACK")) == 2


def test_success_is_acknowledged_by_the_user_and_its_copies_by_the_layer() -> None:
    agent, key = start()
    assert answer(agent, 200, 100) == [200]
    assert answer(agent, 200, 200) == [], "a copy before the user has acknowledged: nothing to repeat yet"
    assert agent.requests("ACK") == []
    ack = request("ACK", to_tag="to")
    agent.layer.send_ack(key, ack, CALLEE, 300)
    agent.take()
    assert len(agent.requests("ACK")) == 1
    assert ack.via.branch != sent_request(agent).via.branch, "17.1.1.3: a transaction of its own"
    assert answer(agent, 200, 700) == []
    first, second = agent.requests("ACK")
    assert first.to_bytes() == second.to_bytes()
    agent.poll(32_099)
    assert agent.layer.statistics().clients_live == 1
    agent.poll(32_100)  # RFC 6026 timer M
    agent.assert_empty()
    # too late for the layer, but a user may still send one
    agent.layer.send_ack(key, request("ACK", to_tag="to"), CALLEE, 40_000)
    assert len(of(agent.take(), Send)) == 1


def test_each_callee_of_a_forked_invite_is_heard() -> None:
    """RFC 3261 13.2.2.4: 2xx of several callees make several dialogs."""
    agent, key = start(limits=LayerLimits(forks_max=2))
    assert answer(agent, 200, 100, tag="one") == [200]
    assert answer(agent, 200, 110, tag="two") == [200]
    assert answer(agent, 200, 120, tag="three") == []
    assert agent.layer.statistics().forks_dropped == 1
    agent.layer.send_ack(key, request("ACK", to_tag="two"), CALLEE, 130)
    agent.take()
    answer(agent, 200, 140, tag="one")
    assert len(agent.requests("ACK")) == 1, "the one is not acknowledged yet"
    answer(agent, 200, 150, tag="two")
    assert [ack.to.tag for ack in agent.requests("ACK")] == ["two", "two"]


def test_invite_that_rings_for_ever_is_cancelled() -> None:
    agent, key = start(limits=LayerLimits(invite_pending_max_ms=180_000))
    answer(agent, 180, 1000)
    answer(agent, 180, 100_000)
    agent.poll(279_999)
    assert agent.requests("CANCEL") == []
    agent.poll(280_000)
    assert len(agent.requests("CANCEL")) == 1
    for now_ms in range(280_000, 312_000, 500):
        agent.poll(now_ms)
    assert agent.events(TransactionTimedOut) == []
    agent.poll(312_000)
    assert agent.events(TransactionTimedOut) == [TransactionTimedOut(key)]
    agent.assert_empty()


# Taking an INVITE back: RFC 3261 9.1


def test_cancel_waits_for_a_provisional_response() -> None:
    agent, key = start()
    assert agent.layer.cancel(key, 100)
    assert agent.take() == []
    answer(agent, 100, 200)
    cancel = agent.messages()[-1]
    assert isinstance(cancel, Request)
    invite = sent_request(agent)
    assert (cancel.method, str(cancel.cseq), cancel.uri) == ("CANCEL", "1 CANCEL", invite.uri)
    assert cancel.via == invite.via
    assert (cancel.to.tag, cancel.from_, cancel.call_id) == (None, invite.from_, invite.call_id)
    assert cancel.get("Contact") is None
    assert agent.layer.cancel(key, 300)
    assert agent.take() == [], "once"


def test_what_goes_with_a_cancel_waits_with_it() -> None:
    agent, key = start()
    agent.layer.cancel(key, 100, [("Reason", 'SIP;cause=200;text="Call completed elsewhere"')])
    agent.layer.cancel(key, 150, [("Reason", "SIP;cause=487")])
    answer(agent, 100, 200)
    (cancel,) = agent.requests("CANCEL")
    assert cancel.get_all("Reason") == ['SIP;cause=200;text="Call completed elsewhere"']


@pytest.mark.parametrize("status", [200, 486])
def test_the_end_of_an_invite_is_told_when_nothing_more_can_come(status: int) -> None:
    """Timers M (RFC 6026 7.2) and D: until then another callee's 2xx, or a copy, may arrive."""
    agent, key = start()
    answer(agent, status, 1_000)
    agent.poll(32_999)
    assert agent.events(InviteEnded) == []
    agent.poll(33_000)
    assert agent.events(InviteEnded) == [InviteEnded(key)]
    agent.assert_empty()


def test_the_end_of_other_requests_is_their_response() -> None:
    agent, _ = start("OPTIONS")
    answer(agent, 200, 1_000)
    agent.poll(100_000)
    agent.assert_empty()
    assert agent.events(InviteEnded) == []


def test_cancelled_invite_ends_with_487() -> None:
    agent, key = start()
    answer(agent, 180, 100)
    agent.layer.cancel(key, 1000)
    agent.take()
    cancel = agent.requests("CANCEL")[0]
    assert agent.receive(respond(cancel, 200, to_tag="x"), CALLEE, 1100) == [], "nobody hears of the CANCEL"
    assert answer(agent, 487, 1200) == [487]
    assert not agent.layer.cancel(key, 1300)
    for now_ms in range(1300, 40_000, 100):
        agent.poll(now_ms)
    agent.assert_empty()
    assert agent.events(TransactionTimedOut) == []


def test_cancel_is_repeated_and_gives_up() -> None:
    agent, key = start()
    answer(agent, 180, 100)
    agent.layer.cancel(key, 1000)
    agent.take()
    assert send_times(agent, 8_000) == [1500, 2500, 4500]
    assert answer(agent, 180, 8_100) == [180], "does not give the callee more time"
    for now_ms in range(8_500, 33_000, 500):
        agent.poll(now_ms)
    assert agent.events(TransactionTimedOut) == []
    agent.poll(33_000)
    assert agent.events(TransactionTimedOut) == [TransactionTimedOut(key)]
    agent.assert_empty()


def test_cancel_that_crosses_a_success() -> None:
    agent, key = start()
    answer(agent, 180, 100)
    agent.layer.cancel(key, 1000)
    assert answer(agent, 200, 1010) == [200], "our user must acknowledge it and hang up"


def test_success_without_provisional_response_after_cancel() -> None:
    agent, key = start()
    assert agent.layer.cancel(key, 100)
    assert answer(agent, 200, 200) == [200]
    assert not agent.layer.cancel(key, 300)
    assert agent.requests("CANCEL") == []


def test_other_requests_are_not_cancelled() -> None:
    agent, key = start("OPTIONS")
    assert not agent.layer.cancel(key, 100)


# Other requests: 17.1.2


def test_request_is_repeated_until_timer_f() -> None:
    agent, key = start("OPTIONS")
    times = send_times(agent, 31_999)
    assert times == [500, 1500, 3500, 7500, 11500, 15500, 19500, 23500, 27500, 31500]
    agent.poll(32_000)
    assert agent.events(TransactionTimedOut) == [TransactionTimedOut(key)]
    agent.assert_empty()


def test_provisional_response_slows_the_repetition_down() -> None:
    agent, _ = start("OPTIONS")
    answer(agent, 100, 600)
    assert send_times(agent, 13_000) == [4600, 8600, 12600]


def test_reliable_request_in_proceeding_is_not_repeated() -> None:
    agent, key = start("OPTIONS", transport="TCP")
    answer(agent, 100, 600)
    assert send_times(agent, 31_999) == []
    agent.poll(32_000)
    assert agent.events(TransactionTimedOut) == [TransactionTimedOut(key)]


@pytest.mark.parametrize("status", [200, 404])
def test_final_response_is_heard_once(status: int) -> None:
    agent, _ = start("BYE")
    assert answer(agent, status, 100) == [status]
    assert answer(agent, status, 600) == []
    assert agent.layer.statistics().responses_repeated_by_peer == 1
    agent.poll(5_099)
    assert agent.layer.statistics().clients_live == 1
    agent.poll(5_100)  # timer K
    agent.assert_empty()


def test_reliable_transaction_ends_with_its_response() -> None:
    agent, _ = start("BYE", transport="TCP")
    answer(agent, 200, 100)
    agent.poll(100)
    agent.assert_empty()


# Transport errors: 17.1.4


@pytest.mark.parametrize("method", ["INVITE", "BYE"])
def test_request_that_cannot_be_sent(method: str) -> None:
    agent, key = start(method)
    agent.layer.send_failed(agent.sent[0], 10)
    assert agent.take() == [TransportProblem(key), *([InviteEnded(key)] if method == "INVITE" else [])]
    agent.assert_empty()
    agent.layer.send_failed(agent.sent[0], 20)
    assert agent.take() == [], "a transaction that is gone"


def test_ack_that_cannot_be_sent_changes_nothing() -> None:
    agent, _ = start()
    answer(agent, 486, 100)
    agent.layer.send_failed(agent.sent[-1], 110)
    assert agent.events(TransportProblem) == []


# Matching: 17.1.3


def test_stray_responses_are_dropped_and_counted() -> None:
    agent, _ = start()
    invite = sent_request(agent)
    good = respond(invite, 180, to_tag="x")
    strays: list[Response] = []
    for via in (
        invite.via.with_params(branch="z9hG4bKother"),
        type(invite.via)("UDP", "198.51.100.1", 5060, invite.via.params),
        type(invite.via)("UDP", "192.0.2.1", 5061, invite.via.params),
    ):
        stray = parse_message(good.to_bytes())
        assert isinstance(stray, Response)
        stray.replace_top_via(via)
        strays.append(stray)
    other_method = parse_message(good.to_bytes())
    other_method.set("CSeq", "1 BYE")
    for stray in [*strays, other_method]:
        assert agent.receive(stray.to_bytes(), CALLEE, 10) == []
    assert agent.layer.statistics().stray_responses == 4


def test_response_meant_for_somebody_before_us_is_dropped() -> None:
    """8.1.3.3: a response with a second Via took a wrong way."""
    agent, _ = start()
    response = respond(sent_request(agent), 180, to_tag="x")
    response.headers.insert(1, ("Via", "SIP/2.0/UDP 198.51.100.1;branch=z9hG4bKx"))
    response.set("To", response.get("To") or "")
    agent.receive(response, CALLEE, 10)
    assert agent.events(ResponseReceived) == []
    assert agent.layer.statistics().malformed_dropped == 1


def test_malformed_response_is_dropped() -> None:
    agent, _ = start()
    response = respond(sent_request(agent), 180, to_tag="x")
    response.set("Contact", "<sip:never ends")
    agent.receive(response, CALLEE, 10)
    assert agent.events(ResponseReceived) == []
    assert sends(agent.take()) == []
    assert agent.layer.statistics().malformed_dropped == 1


def test_ack_is_no_request_of_its_own() -> None:
    agent = Agent(CALLER)
    with pytest.raises(ValueError, match="send_ack"):
        agent.layer.send_request(request("ACK", to_tag="x"), CALLEE, 0)


def test_name_addr_of_request_is_as_given() -> None:
    agent, _ = start()
    assert sent_request(agent).from_ == NameAddr.parse('"Ayşe" <sip:ayse@192.0.2.1>;tag=from')
