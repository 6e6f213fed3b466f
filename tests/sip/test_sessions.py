"""Two user agents made of the stack's parts change their session's terms at will, over a wire that loses, doubles and reorders.

Whatever crosses (INVITE, late offers, UPDATE, from both sides at once), in the end both know the same session: each sends to
where the other listens, in the direction that the other expects. Or it is over for both.
"""

from __future__ import annotations

import random
from typing import Literal

import pytest

from gateways.sip.build import make_request, respond
from gateways.sip.dialog import Dialog
from gateways.sip.events import (
    AckReceived,
    AckTimedOut,
    ClientKey,
    Output,
    RequestReceived,
    ResponseReceived,
    ServerKey,
    TransactionTimedOut,
)
from gateways.sip.headers import NameAddr
from gateways.sip.message import Request, Response
from gateways.sip.negotiation import Negotiation
from gateways.sip.sdp import Direction, LocalMedia
from tests.sip import support
from tests.sip.support import CALLEE, CALLER, Agent, Network

Move = Literal["offer", "hold", "late", "update", "bye"]
MIRROR: dict[Direction, Direction] = {
    "sendrecv": "sendrecv",
    "sendonly": "recvonly",
    "recvonly": "sendonly",
    "inactive": "inactive",
}


class Party:
    """One side: what a session of the edge does, without audio."""

    def __init__(self, agent: Agent, network: Network, media: LocalMedia, contact: str) -> None:
        self.agent, self.network, self.contact = agent, network, contact
        self.peer = CALLEE if agent.address == CALLER else CALLER
        self.negotiation = Negotiation(media)
        self.dialog: Dialog | None = None
        self.over = False
        self.crossed = 0  # offers that were refused because another was open
        self._sent: dict[ClientKey, Request] = {}
        self._late: ServerKey | None = None  # our 200 with an offer that waits for its ACK

    # What it does

    def call(self) -> None:
        invite = make_request(
            "INVITE",
            "sip:185@192.0.2.2",
            from_=NameAddr.parse("<sip:ayse@192.0.2.1>;tag=from"),
            to=NameAddr.parse("<sip:185@192.0.2.2>"),
            call_id="session",
            cseq=1,
            contact=self.contact,
            body=self.negotiation.make_offer(),
        )
        self._sent[self.agent.layer.send_request(invite.copy(), self.peer, self.network.now_ms)] = invite

    def do(self, move: Move) -> None:
        """As far as the rules let it (RFC 3261 14.1, RFC 3311 5.1, RFC 3264 4)."""
        if self.dialog is None or self.over or not self.dialog.confirmed:
            return
        if move == "bye":
            self._end()
        elif move == "update":
            if self.negotiation.state == "idle" and not self._awaits_late_offer():
                self._request("UPDATE", self.negotiation.make_offer())
        elif not self.dialog.invite_pending and self.negotiation.state == "idle":
            body = (
                b""
                if move == "late"
                else self.negotiation.make_offer("sendonly" if move == "hold" else "sendrecv")
            )
            self._request("INVITE", body)

    def _awaits_late_offer(self) -> bool:
        """An offer will come in answer to our empty INVITE, and must find room."""
        return any(request.method == "INVITE" and not request.body for request in self._sent.values())

    def _request(self, method: str, body: bytes = b"") -> None:
        assert self.dialog is not None
        request = self.dialog.request(method, contact=self.contact, body=body)
        self._sent[self.agent.layer.send_request(request.copy(), self.peer, self.network.now_ms)] = request

    def _end(self) -> None:
        if not self.over:
            self.over = True
            self._request("BYE")

    # What comes

    def take(self, output: Output) -> None:
        match output:
            case RequestReceived(key=key, request=request):
                self._answer(key, request, self._judged(key, request))
            case AckReceived(key=key, request=request) if self.dialog is not None:
                self.dialog.ack_received(request)
                if key == self._late:
                    self._late = None
                    self.negotiation.take_answer(request.body)
            case AckTimedOut():
                self._end()
            case ResponseReceived(key=key, response=response) if response.is_final and key in self._sent:
                self._answered(key, self._sent.pop(key), response)
            case TransactionTimedOut(key=key) if (
                request := self._sent.pop(ClientKey(key), None)
            ) is not None:
                if request.method != "BYE":
                    self._end()  # RFC 3261 12.2.1.2: as after a 408

    def _judged(self, key: ServerKey, request: Request) -> Response:
        if self.dialog is None:
            self.dialog = Dialog.as_callee(request, "callee")
        elif self.over:
            return respond(request, 481)
        else:
            refusal = self.dialog.judge(request)
            self.dialog.accept(request)
            if refusal is not None:
                self.crossed += 1
                return respond(request, refusal.status, headers=refusal.headers)
        if request.method == "BYE":
            self.over = True
            return respond(request, 200)
        if not request.body:
            if self.negotiation.state != "idle":
                self.crossed += 1
                return respond(request, 491)
            self._late = key
            return self._ok(request, self.negotiation.make_offer())
        refusal = self.negotiation.take_offer(request.body)
        if refusal is not None:
            self.crossed += 1
            return respond(request, refusal.status, headers=refusal.headers)
        return self._ok(request, self.negotiation.make_answer()[0])

    def _ok(self, request: Request, body: bytes) -> Response:
        assert self.dialog is not None
        return respond(request, 200, to_tag=self.dialog.id.local_tag, contact=self.contact, body=body)

    def _answer(self, key: ServerKey, request: Request, response: Response) -> None:
        assert self.dialog is not None
        self.dialog.response_sent(request, response)
        self.agent.layer.send_response(key, response, self.network.now_ms)

    def _answered(self, key: ClientKey, request: Request, response: Response) -> None:
        if self.dialog is None:
            self.dialog = Dialog.as_caller(request, response)
        else:
            self.dialog.response_received(response)
        if request.method == "BYE":
            return
        body = b""
        if response.status >= 300:
            if request.body:
                self.negotiation.rolled_back()
            self.crossed += response.status == 491
        elif request.body:
            self.negotiation.take_answer(response.body)
        else:
            assert self.negotiation.take_offer(response.body) is None, "room was kept for it"
            body = self.negotiation.make_answer()[0]
        if request.method == "INVITE" and response.status < 300:
            ack = self.dialog.ack(cseq_number=request.cseq.number, body=body)
            self.agent.layer.send_ack(key, ack, self.peer, self.network.now_ms)
        elif response.status in (408, 481):
            self.over = True


def history(seed: int, loss: float) -> tuple[Party, Party]:
    rng = random.Random(seed)

    def fate() -> support.Fate:
        copies = rng.choices((0, 1, 2), (loss, 1 - loss, loss / 2))[0]
        return tuple(rng.randrange(400) for _ in range(copies))

    one, other = Agent(CALLER, prefix="a"), Agent(CALLEE, prefix="b")
    network = Network(one, other, fate)
    caller = Party(one, network, LocalMedia(CALLER[0], 4_000, 1), "<sip:ayse@192.0.2.1>")
    callee = Party(
        other, network, LocalMedia(CALLEE[0], 20_000, 2, codecs=("PCMU", "PCMA")), "<sip:185@192.0.2.2>"
    )
    network.on_event = lambda agent, output: (caller if agent is one else callee).take(output)
    network.at(0, caller.call)
    at_ms = 2_000
    for _ in range(rng.randrange(12)):
        at_ms += rng.choice((0, 50, 200, 3_000))
        party = rng.choice((caller, callee))
        move = rng.choice(("offer", "hold", "late", "update", "update", "offer"))
        network.at(at_ms, lambda party=party, move=move: party.do(move))
    if rng.random() < 0.3:
        network.at(at_ms + rng.randrange(4_000), lambda: rng.choice((caller, callee)).do("bye"))
    network.run(1_000_000)
    for agent in (one, other):
        agent.assert_empty()
    return caller, callee


@pytest.mark.parametrize("loss", [0.0, 0.2])
def test_both_know_the_same_session_in_the_end(loss: float) -> None:
    lived = crossed = held = 0
    for seed in range(300):
        caller, callee = history(seed, loss)
        crossed += caller.crossed + callee.crossed
        if caller.over or callee.over:
            continue
        lived += 1
        assert (caller.negotiation.state, callee.negotiation.state) == ("idle", "idle"), seed
        mine, theirs = caller.negotiation.agreement, callee.negotiation.agreement
        assert mine is not None, seed
        assert theirs is not None, seed
        assert (mine.remote_port, theirs.remote_port) == (20_000, 4_000), seed
        assert mine.codec == theirs.codec, seed
        assert mine.direction == MIRROR[theirs.direction], seed
        held += mine.direction != "sendrecv"
    assert lived > 150
    assert crossed > 100
    assert held > 10
