"""Two user agents on a wire that loses, copies, delays and reorders: every call ends the same on both sides.

The users are as small as users can be: the caller calls, acknowledges, may change its mind and hangs up; the callee rings,
answers and may refuse. What chance decides is the fate of each datagram, and when the users act.
"""

from __future__ import annotations

from collections.abc import Callable

from hypothesis import example, given
from hypothesis import strategies as st

from gateways.sip.build import respond
from gateways.sip.dialog import Dialog
from gateways.sip.events import (
    AckReceived,
    AckTimedOut,
    CancelReceived,
    ClientKey,
    InviteEnded,
    Output,
    RequestReceived,
    ResponseReceived,
    ServerKey,
    TransactionTimedOut,
)
from gateways.sip.message import Request
from tests.sip.support import CALLEE, CALLER, Agent, Fate, Network, request

AGES_MS = 3_000_000


class Caller:
    """Calls once. `outcome` is the status of the INVITE; 408 when it timed out."""

    def __init__(self, network: Network, *, cancel_at_ms: int | None, talk_ms: int) -> None:
        self.network = network
        self.agent = network.agents[0]
        self.talk_ms = talk_ms
        self.outcome = 0
        self.bye_outcome = 0
        self.bye_received = False
        self.invite = request()
        self.key = self.agent.layer.send_request(self.invite, CALLEE, 0)
        self.bye_key: ClientKey | None = None
        self.ended = False
        if cancel_at_ms is not None:
            network.at(cancel_at_ms, lambda: self.agent.layer.cancel(self.key, network.now_ms) and None)

    def hear(self, output: Output) -> None:
        match output:
            case ResponseReceived(key=key, response=response):
                if response.is_final and key == self.key:
                    assert self.outcome == 0, "told twice"
                    self.outcome = response.status
                    if response.status < 300:
                        self._acknowledge(Dialog.as_caller(self.invite, response))
                elif response.is_final:
                    assert self.bye_outcome == 0, "told twice"
                    self.bye_outcome = response.status
            case TransactionTimedOut(key=key):
                if key == self.key:
                    assert self.outcome == 0
                    self.outcome = 408
                else:
                    self.bye_outcome = 408
            case InviteEnded(key=key):
                assert key == self.key
                assert self.outcome, "ended without an outcome"
                assert not self.ended, "told twice"
                self.ended = True
            case RequestReceived(key=key, request=received):
                assert received.method == "BYE"
                self.bye_received = True
                self.agent.layer.send_response(key, respond(received, 200), self.network.now_ms)
            case _:
                raise AssertionError(output)

    def _acknowledge(self, dialog: Dialog) -> None:
        now_ms = self.network.now_ms
        self.agent.layer.send_ack(self.key, dialog.ack(), CALLEE, now_ms)

        def hang_up() -> None:
            if not self.bye_received:
                bye = dialog.request("BYE")
                self.bye_key = self.agent.layer.send_request(bye, CALLEE, self.network.now_ms)

        self.network.at(now_ms + self.talk_ms, hang_up)


class Callee:
    """Answers once. `outcome` is the status it gave the INVITE."""

    def __init__(self, network: Network, *, ring_ms: int, answer_ms: int, status: int) -> None:
        self.network = network
        self.agent = network.agents[1]
        self.ring_ms, self.answer_ms, self.status = ring_ms, answer_ms, status
        self.outcome = 0
        self.acknowledged = False
        self.unacknowledged = False
        self.over = False
        self.invite: Request | None = None

    def hear(self, output: Output) -> None:
        match output:
            case RequestReceived(key=key, request=received) if received.method == "INVITE":
                assert self.invite is None, "a copy is no new call"
                self.invite = received
                now_ms = self.network.now_ms
                self.network.at(now_ms + self.ring_ms, lambda: self._say(key, 180))
                self.network.at(now_ms + self.ring_ms + self.answer_ms, lambda: self._say(key, self.status))
            case RequestReceived(key=key, request=received):
                assert received.method == "BYE"
                assert not self.over, "a copy is no new BYE"
                self.over = True
                self.agent.layer.send_response(key, respond(received, 200), self.network.now_ms)
            case CancelReceived(key=key):
                self._say(key, 487)
            case AckReceived():
                assert not self.acknowledged, "told twice"
                self.acknowledged = True
            case AckTimedOut():
                self.unacknowledged = True
                self._hang_up()
            case ResponseReceived() | TransactionTimedOut():
                pass
            case _:
                raise AssertionError(output)

    def _say(self, key: ServerKey, status: int) -> None:
        assert self.invite is not None
        if self.outcome:
            return
        response = respond(self.invite, status, to_tag="callee", contact="<sip:185@192.0.2.2:5060>")
        assert self.agent.layer.send_response(key, response, self.network.now_ms)
        if status >= 200:
            self.outcome = status

    def _hang_up(self) -> None:
        assert self.invite is not None
        dialog = Dialog.as_callee(self.invite, "callee")
        self.agent.layer.send_request(dialog.request("BYE"), CALLER, self.network.now_ms)


def play(
    fate: Callable[[], Fate],
    *,
    cancel_at_ms: int | None,
    talk_ms: int,
    ring_ms: int,
    answer_ms: int,
    status: int,
) -> tuple[Caller, Callee]:
    network = Network(Agent(CALLER, prefix="a"), Agent(CALLEE, prefix="b"), fate)
    caller = Caller(network, cancel_at_ms=cancel_at_ms, talk_ms=talk_ms)
    callee = Callee(network, ring_ms=ring_ms, answer_ms=answer_ms, status=status)
    network.on_event = lambda agent, output: (caller if agent is caller.agent else callee).hear(output)
    network.run(AGES_MS)
    for agent in network.agents:
        agent.assert_empty()
        assert agent.layer.statistics().timers == 0
        assert agent.layer.next_deadline_ms() is None
    assert network.now_ms < AGES_MS
    assert caller.ended
    return caller, callee


delays = st.integers(0, 3_000)
times = st.fixed_dictionaries(
    {
        "cancel_at_ms": st.none() | st.integers(0, 8_000),
        "talk_ms": st.integers(0, 60_000),
        "ring_ms": st.integers(0, 1_000),
        "answer_ms": st.integers(0, 6_000),
        "status": st.sampled_from([200, 486]),
    }
)


@given(st.lists(st.lists(delays, max_size=3).map(tuple), max_size=60), st.booleans(), times)
def test_whatever_happens_both_sides_come_to_an_end(
    fates: list[Fate], silent_at_last: bool, users: dict[str, int]
) -> None:
    """Lost, doubled and delayed at will; after the last decision the wire is perfect, or dead for ever."""
    decisions = iter(fates)
    caller, callee = play(lambda: next(decisions, () if silent_at_last else (0,)), **users)
    assert caller.outcome != 0
    assert callee.invite is None or callee.outcome != 0
    if caller.outcome in (200, 486, 487):
        assert callee.outcome == caller.outcome
    if callee.outcome == 200:
        assert callee.acknowledged or callee.unacknowledged
        assert not (callee.acknowledged and caller.outcome != 200)


@st.composite
def mildly_lossy(draw: st.DrawFn) -> list[Fate]:
    """At most four datagrams lost, others copied or delayed by less than it takes to give up."""
    lost = draw(st.sets(st.integers(0, 30), max_size=4))
    copies = draw(st.dictionaries(st.integers(0, 30), st.lists(delays, min_size=1, max_size=3).map(tuple)))
    return [() if number in lost else copies.get(number, (20,)) for number in range(31)]


@given(mildly_lossy(), times)
@example([(), (), (), ()], {"cancel_at_ms": None, "talk_ms": 10, "ring_ms": 0, "answer_ms": 0, "status": 200})
@example(
    [(0,), (0,), (0,), (), (), (), ()],
    {"cancel_at_ms": 0, "talk_ms": 0, "ring_ms": 0, "answer_ms": 9, "status": 200},
)
def test_few_losses_are_not_noticed(fates: list[Fate], users: dict[str, int]) -> None:
    decisions = iter(fates)
    caller, callee = play(lambda: next(decisions, (20,)), **users)
    assert caller.outcome == callee.outcome
    assert caller.outcome in ((200, 487) if users["status"] == 200 else (486, 487))
    if users["cancel_at_ms"] is None:
        assert caller.outcome == users["status"]
    assert not callee.unacknowledged
    if caller.outcome == 200:
        assert callee.acknowledged
        assert callee.over
        assert caller.bye_outcome == 200


def test_perfect_wire_needs_no_repetition() -> None:
    caller, callee = play(
        lambda: (1,), cancel_at_ms=None, talk_ms=5_000, ring_ms=10, answer_ms=100, status=200
    )
    assert (caller.outcome, caller.bye_outcome) == (200, 200)
    for agent in (caller.agent, callee.agent):
        statistics = agent.layer.statistics()
        assert statistics.retransmissions_sent == 0
        assert statistics.stray_acks == statistics.stray_responses == 0
