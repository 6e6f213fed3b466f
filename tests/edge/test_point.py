"""The listening point: who hears what of a request that was sent, and for how long."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
from collections.abc import AsyncIterator
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
from gateways.sip.events import ClientKey, Flow, ServerKey
from gateways.sip.headers import NameAddr
from gateways.sip.message import Request, Response, parse_message

PATIENCE_S = 5.0
TIMER_M_MS = 32_000


class Desk:
    """Sends an INVITE and notes what it hears of it."""

    def __init__(self) -> None:
        self.clock = Clock()
        addresses = LocalAddresses(Config())
        guard = Guard(OnceLog(logging.getLogger(__name__), "SIP", self.clock.monotonic_ms))
        self.point = SipPoint(
            [Place("UDP", "127.0.0.1", 0)], addresses, self.clock, Trace(Path(), 0, self.clock), guard
        )
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


async def invited(desk: Desk, phone: socket.socket) -> tuple[ClientKey, Request, Flow]:
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
    )
    key = desk.point.request(request, to, desk)
    received = parse_message(await asyncio.get_running_loop().sock_recv(phone, 65_536))
    assert isinstance(received, Request)
    return key, received, to


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
            assert desk.point._clients == {}

    asyncio.run(story())


def test_a_refusal_is_the_last_that_is_heard() -> None:
    async def story() -> None:
        async with desk_and_phone() as (desk, phone):
            _, invite, flow = await invited(desk, phone)
            say(desk, phone, invite, 486, "b")
            await desk.hear(1)
            desk.jump(TIMER_M_MS)
            assert desk.heard == [(486, "b", flow)]
            assert desk.point._clients == {}
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
