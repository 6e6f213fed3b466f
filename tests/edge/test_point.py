"""The listening point: who hears what of a request that was sent, and for how long."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
from collections.abc import AsyncIterator, Iterable
from pathlib import Path

from acd_core.config import Config
from gateways.edge.addresses import LocalAddresses
from gateways.edge.clock import Clock
from gateways.edge.guard.guard import Guard
from gateways.edge.listeners.place import Place
from gateways.edge.point import SipPoint
from gateways.edge.sources import OnceLog
from gateways.edge.trace import Trace
from gateways.sip.build import make_request, respond
from gateways.sip.dialog import Dialog
from gateways.sip.events import ClientKey, Flow, ServerKey
from gateways.sip.headers import NameAddr
from gateways.sip.message import Request, Response
from gateways.sip.parser import parse_message

PATIENCE_S = 5.0
TIMER_M_MS = 32_000


class Desk:
    """Sends an INVITE and notes what it hears of it."""

    def __init__(self) -> None:
        self.clock = Clock()
        addresses = LocalAddresses(Config())
        guard = Guard(OnceLog(logging.getLogger(__name__), "SIP", self.clock.monotonic_ms))
        places = [Place("UDP", "127.0.0.1", 0), Place("TCP", "127.0.0.1", 0)]
        self.point = SipPoint(places, addresses, self.clock, Trace(Path(), 0, self.clock), guard)
        self.heard: list[object] = []
        self.news = asyncio.Event()

    def request_received(self, key: ServerKey, request: Request, source: Flow) -> None:
        self._note((request.method, source))

    def response(self, key: ClientKey, response: Response, source: Flow) -> None:
        self._note((response.status, response.to.tag, source))

    def failed(self, key: ClientKey, status: int) -> None:
        self._note(("failed", status))

    def ended(self, key: ClientKey) -> None:
        self._note(("ended", key))

    def _note(self, what: object) -> None:
        self.heard.append(what)
        self.news.set()

    async def hear(self, count: int) -> None:
        async with asyncio.timeout(PATIENCE_S):
            while len(self.heard) < count:
                self.news.clear()
                await self.news.wait()

    def jump(self, milliseconds: int) -> None:
        self.clock._began_ns -= milliseconds * 1_000_000
        self.point._timer_due()


@contextlib.asynccontextmanager
async def desk_and_phone() -> AsyncIterator[tuple[Desk, socket.socket]]:
    desk = Desk()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as phone:
        phone.bind(("127.0.0.1", 0))
        phone.setblocking(False)
        desk.point.open(desk)
        try:
            yield desk, phone
        finally:
            desk.point.close()


async def invited(
    desk: Desk, phone: socket.socket, headers: Iterable[tuple[str, str]] = ()
) -> tuple[ClientKey, Request, Flow]:
    """An INVITE has come to the phone."""
    to = Flow("UDP", *phone.getsockname())
    uri = f"sip:101@127.0.0.1:{to.port}"
    request = make_request(
        "INVITE",
        uri,
        from_=NameAddr.parse("<sip:1@127.0.0.1>;tag=a"),
        to=NameAddr.parse(f"<{uri}>"),
        call_id="one",
        cseq=1,
        contact=desk.point.contact(to),
        headers=headers,
    )
    key = desk.point.request(request, to, desk)
    return key, await received(phone), to


async def received(phone: socket.socket) -> Request:
    """The next request."""
    message = parse_message(await asyncio.get_running_loop().sock_recv(phone, 65_536))
    assert isinstance(message, Request)
    return message


def say(desk: Desk, phone: socket.socket, request: Request, status: int, tag: str) -> None:
    response = respond(request, status, to_tag=tag, contact="<sip:101@127.0.0.1>")
    phone.sendto(response.to_bytes(), ("127.0.0.1", desk.point.port))


def test_every_callee_is_heard_until_the_invite_has_ended() -> None:
    async def story() -> None:
        async with desk_and_phone() as (desk, phone):
            key, invite, flow = await invited(desk, phone)
            say(desk, phone, invite, 200, "b")
            await desk.hear(1)
            say(desk, phone, invite, 200, "c")
            await desk.hear(2)
            assert desk.heard == [(200, "b", flow), (200, "c", flow)]
            desk.jump(TIMER_M_MS)
            assert desk.heard[2:] == [("ended", key)]
            assert desk.point._users.clients == {}

    asyncio.run(story())


def test_a_refusal_is_the_last_that_is_heard() -> None:
    async def story() -> None:
        async with desk_and_phone() as (desk, phone):
            _, invite, flow = await invited(desk, phone)
            say(desk, phone, invite, 486, "b")
            await desk.hear(1)
            desk.jump(TIMER_M_MS)
            assert desk.heard == [(486, "b", flow)]
            assert desk.point._users.clients == {}
            assert desk.point.statistics().clients_live == 0

    asyncio.run(story())


def test_who_forgot_the_invite_does_not_hear_of_its_end() -> None:
    async def story() -> None:
        async with desk_and_phone() as (desk, phone):
            key, invite, flow = await invited(desk, phone)
            say(desk, phone, invite, 200, "b")
            await desk.hear(1)
            desk.point.forget(key)
            desk.jump(TIMER_M_MS)
            assert desk.heard == [(200, "b", flow)]

    asyncio.run(story())


# Large requests that find nobody on TCP: whoever sent one knows it by one key all along

LARGE = (("X-Long", "x" * 1_300),)


def test_a_large_invite_that_went_by_udp_after_all_is_one_invite_to_its_sender() -> None:
    async def story() -> None:
        async with desk_and_phone() as (desk, phone):
            key, invite, flow = await invited(desk, phone, LARGE)
            assert (invite.via.transport, len(invite.vias)) == ("UDP", 1)
            assert desk.heard == [], "the attempt by TCP is nobody's business"
            say(desk, phone, invite, 200, "b")
            await desk.hear(1)
            desk.point.acknowledge(key, acknowledgement(invite, "b"), flow)
            ack = await received(phone)
            say(desk, phone, invite, 200, "b")
            assert (await received(phone)).to_bytes() == ack.to_bytes(), "its copy is acknowledged again"
            desk.jump(TIMER_M_MS)
            assert desk.heard == [(200, "b", flow), ("ended", key)]
            assert len(desk.point._users.large) == 0
            assert desk.point.statistics().clients_live == 0

    asyncio.run(story())


def test_a_large_invite_that_went_by_udp_is_cancelled_by_the_key_of_its_sender() -> None:
    async def story() -> None:
        async with desk_and_phone() as (desk, phone):
            key, invite, _ = await invited(desk, phone, LARGE)
            say(desk, phone, invite, 180, "b")
            await desk.hear(1)
            desk.point.cancel(key)
            cancel = await received(phone)
            assert (cancel.method, cancel.via.branch) == ("CANCEL", invite.via.branch)

    asyncio.run(story())


def test_nobody_hears_of_a_large_request_that_was_forgotten_before_it_failed() -> None:
    async def story() -> None:
        async with desk_and_phone() as (desk, phone):
            to = Flow("UDP", *phone.getsockname())
            _, invite, _ = await invited(desk, phone, LARGE)  # the host is known now to have no TCP
            desk.jump(10 * 60_000)
            desk.heard.clear()
            again = invite.copy()
            again.headers = [field for field in again.headers if field[0] != "Via"]
            desk.point.forget(desk.point.request(again, to, desk))
            async with asyncio.timeout(PATIENCE_S):
                while desk.point._users.large:  # noqa: ASYNC110 - nobody is told
                    await asyncio.sleep(0.001)
            assert desk.heard == []

    asyncio.run(story())


def acknowledgement(invite: Request, tag: str) -> Request:
    return make_request(
        "ACK",
        invite.uri,
        from_=invite.from_,
        to=invite.to.with_params(tag=tag),
        call_id=invite.call_id,
        cseq=invite.cseq.number,
    )


# Flows


def test_an_ack_takes_another_transport_than_its_invite_and_does_so_again() -> None:
    """Its way is that of the dialog, whose first route may name another transport."""

    async def story() -> None:
        async with desk_and_phone() as (desk, phone):
            acks: asyncio.Queue[bytes] = asyncio.Queue()

            async def take(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
                while data := await reader.read(65_536):
                    acks.put_nowait(data)

            key, invite, flow = await invited(desk, phone)
            async with await asyncio.start_server(take, "127.0.0.1", flow.port):
                say(desk, phone, invite, 200, "b")
                await desk.hear(1)
                desk.point.acknowledge(key, acknowledgement(invite, "b"), Flow("TCP", "127.0.0.1", flow.port))
                first = await asyncio.wait_for(acks.get(), PATIENCE_S)
                assert parse_message(first).via.transport == "TCP"
                assert parse_message(first).via.port == desk.point.port_of("TCP")
                say(desk, phone, invite, 200, "b")
                assert await asyncio.wait_for(acks.get(), PATIENCE_S) == first
                desk.point.close()

    asyncio.run(story())


def test_where_no_listener_of_ours_leads_cannot_be_sent_to() -> None:
    async def story() -> None:
        async with desk_and_phone() as (desk, _):
            for flow in (Flow("TLS", "127.0.0.1", 5061), Flow("UDP", "::1", 5060)):
                desk.heard.clear()
                request = make_request(
                    "OPTIONS",
                    "sip:x@127.0.0.1",
                    from_=NameAddr.parse("<sip:1@127.0.0.1>;tag=a"),
                    to=NameAddr.parse("<sip:x@127.0.0.1>"),
                    call_id="one",
                    cseq=1,
                )
                desk.point.request(request, flow, desk)
                assert desk.heard == [], "told later, when the sender has the key"
                await desk.hear(1)
                assert desk.heard == [("failed", 503)]
                assert not desk.point.is_connected(flow)

    asyncio.run(story())


def test_a_request_of_a_dialog_goes_by_the_transport_its_target_names() -> None:
    async def story() -> None:
        async with desk_and_phone() as (desk, phone):
            peer = Flow("UDP", *phone.getsockname())
            invite = make_request(
                "INVITE",
                "sip:185@127.0.0.1",
                from_=NameAddr.parse("<sip:1@127.0.0.1>;tag=a"),
                to=NameAddr.parse("<sip:185@127.0.0.1>"),
                call_id="one",
                cseq=1,
            )
            for contact, flow in {
                "sip:1@127.0.0.1:5070": Flow("UDP", "127.0.0.1", 5070),
                "sip:1@127.0.0.1": Flow("UDP", "127.0.0.1", 5060),
                "sip:1@127.0.0.1:5070;transport=TCP": Flow("TCP", "127.0.0.1", 5070),
                "sip:1@127.0.0.1;transport=tls": peer,  # not spoken here
                "sips:1@127.0.0.1": peer,
                "sip:1@[::1]": peer,
                "sip:1@host.example;transport=tcp": peer,
            }.items():
                invite.set("Contact", f"<{contact}>")
                assert desk.point.next_hop(Dialog.as_callee(invite, "b"), peer) == flow, contact

    asyncio.run(story())
