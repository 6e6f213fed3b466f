"""What a leg does that a well-behaved browser does not show: lost flights, strangers at the door, a page that moves."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any, cast

import aioice.stun
import pytest

from gateways.media import rtp
from gateways.webrtc import lite_leg
from gateways.webrtc.door import Door
from gateways.webrtc.interface import BadOfferError
from gateways.webrtc.lite_leg import LiteAudio, LiteLeg
from tests.webrtc.parts import FRAME, Browser, Engine, until
from tests.webrtc.test_dtls import Page
from tests.webrtc.test_sdp import CHROMIUM, SHA256


class Events:
    """Who is told about a leg."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def connected(self) -> None:
        self.said.append("connected")

    def closed(self, reason: str) -> None:
        self.said.append(reason)


class Recorder:
    """A door that keeps what leaves by it."""

    def __init__(self) -> None:
        self.sent: list[tuple[bytes, Any]] = []

    def send(self, data: bytes, address: Any) -> None:
        self.sent.append((data, address))


class Visitor(asyncio.DatagramProtocol):
    """A socket that knocks."""

    def __init__(self) -> None:
        self.heard: list[bytes] = []
        self.transport: Any = None

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def datagram_received(self, data: bytes, addr: Any) -> None:
        self.heard.append(data)


async def a_visitor() -> Visitor:
    _, visitor = await asyncio.get_running_loop().create_datagram_endpoint(
        Visitor, local_addr=("127.0.0.1", 0)
    )
    return visitor


def knock(leg: LiteLeg, *, user: str = "", password: bytes = b"", **attributes: object) -> bytes:
    message = aioice.stun.Message(
        message_method=aioice.stun.Method.BINDING, message_class=aioice.stun.Class.REQUEST
    )
    message.attributes["USERNAME"] = user or f"{leg.ufrag}:{leg.remote_ufrag}"
    message.attributes["PRIORITY"] = 1
    message.attributes.update(attributes)
    message.add_message_integrity(password or leg.password)
    return bytes(message)


def answer_to(question: bytes, leg: LiteLeg, password: bytes = b"") -> bytes:
    """What a page says when it is asked whether it is there."""
    asked = aioice.stun.parse_message(question)
    assert asked.check_message_integrity(leg._remote_password)
    assert asked.attributes["USERNAME"] == f"{leg.remote_ufrag}:{leg.ufrag}"
    answer = aioice.stun.Message(
        message_method=aioice.stun.Method.BINDING,
        message_class=aioice.stun.Class.RESPONSE,
        transaction_id=asked.transaction_id,
    )
    answer.attributes["XOR-MAPPED-ADDRESS"] = ("127.0.0.1", 1)
    answer.add_message_integrity(password or leg._remote_password)
    return bytes(answer)


def with_audio(test: Callable[[LiteAudio, Engine, Events], Awaitable[None]]) -> None:
    async def run() -> None:
        audio, engine = await LiteAudio.start(["127.0.0.1"]), await Engine.start()
        try:
            await test(audio, engine, Events())
        finally:
            for leg in list(audio.legs):
                await leg.close()
            await audio.stop()
            engine.close()

    asyncio.run(run())


def test_a_flight_that_got_lost_is_sent_again() -> None:
    async def test(audio: LiteAudio, engine: Engine, events: Events) -> None:
        page, door = Page(), Recorder()
        leg = await audio.open(CHROMIUM.replace(SHA256, page.fingerprints["sha-256"]), engine.address, events)
        leg.checked(cast(Door, door), ("192.0.2.1", 7), nominated=True)
        page.handshake()
        for datagram in page.datagrams():
            leg.receive(datagram)
        first = list(door.sent)
        assert first
        await until(lambda: len(door.sent) > len(first), "a retransmission")
        for datagram, address in door.sent[len(first) :]:
            assert address == ("192.0.2.1", 7)
            page.ssl.bio_write(datagram)
        for _ in range(3):
            page.handshake()
            for datagram in page.datagrams():
                leg.receive(datagram)
            for datagram, _ in door.sent[2 * len(first) :]:
                page.ssl.bio_write(datagram)
        assert events.said == ["connected"]

    with_audio(test)


def test_a_certificate_that_is_not_the_offer_s_ends_the_leg() -> None:
    async def test(audio: LiteAudio, engine: Engine, events: Events) -> None:
        page, door = Page(), Recorder()
        leg = await audio.open(CHROMIUM, engine.address, events)
        leg.checked(cast(Door, door), ("192.0.2.1", 7), nominated=True)
        done = 0
        for _ in range(4):
            page.handshake()
            for datagram in page.datagrams():
                leg.receive(datagram)
            for datagram, _ in door.sent[done:]:
                page.ssl.bio_write(datagram)
            done = len(door.sent)
        assert events.said == ["failed"]
        assert audio.legs == set()

    with_audio(test)


def test_the_door_is_silent_to_strangers() -> None:
    async def test(audio: LiteAudio, engine: Engine, events: Events) -> None:
        leg = await audio.open(CHROMIUM, engine.address, events)
        visitor = await a_visitor()
        (candidate,) = audio.doors.candidates
        strange = [
            b"",
            b"\x00",
            b"\x80" + bytes(40),
            b"\x16\xfe\xfd" + bytes(40),
            knock(leg, user=f"{leg.ufrag}:other"),
            knock(leg, user=f"nobody:{leg.remote_ufrag}"),
            knock(leg, password=b"guessed"),
        ]
        for data in strange:
            visitor.transport.sendto(data, candidate)
        visitor.transport.sendto(knock(leg), candidate)
        await until(lambda: bool(visitor.heard), "an answer to the one who knows the password")
        assert len(visitor.heard) == 1
        assert aioice.stun.parse_message(visitor.heard[0]).check_message_integrity(leg.password)
        assert audio.doors.strangers in (len(strange) - 1, len(strange))  # loops differ on empty datagrams
        visitor.transport.close()

    with_audio(test)


def test_who_believes_to_be_controlled_is_told_to_switch() -> None:
    async def test(audio: LiteAudio, engine: Engine, events: Events) -> None:
        leg = await audio.open(CHROMIUM, engine.address, events)
        visitor = await a_visitor()
        visitor.transport.sendto(knock(leg, **{"ICE-CONTROLLED": 1}), audio.doors.candidates[0])
        await until(lambda: bool(visitor.heard), "an answer")
        answer = aioice.stun.parse_message(visitor.heard[0])
        assert answer.attributes["ERROR-CODE"][0] == 487
        visitor.transport.close()

    with_audio(test)


def test_a_leg_that_is_closed_answers_nobody() -> None:
    async def test(audio: LiteAudio, engine: Engine, events: Events) -> None:
        leg = await audio.open(CHROMIUM, engine.address, events)
        visitor = await a_visitor()
        visitor.transport.sendto(knock(leg), audio.doors.candidates[0])
        await until(lambda: len(visitor.heard) == 1, "an answer")
        await leg.close()
        visitor.transport.sendto(knock(leg), audio.doors.candidates[0])
        visitor.transport.sendto(b"\x80" + bytes(40), audio.doors.candidates[0])
        await until(lambda: audio.doors.strangers == 2, "both were seen")
        assert len(visitor.heard) == 1
        assert events.said == [], "who closes it needs no telling"
        visitor.transport.close()

    with_audio(test)


def test_a_guest_of_many_addresses_has_a_bounded_memory() -> None:
    async def test(audio: LiteAudio, engine: Engine, events: Events) -> None:
        leg = await audio.open(CHROMIUM, engine.address, events)
        visitors = [await a_visitor() for _ in range(12)]
        for one in visitors:
            one.transport.sendto(knock(leg), audio.doors.candidates[0])
        await until(lambda: all(one.heard for one in visitors), "all are answered")
        (door,) = audio.doors._doors
        assert len(door._known) == 8
        for one in visitors:
            one.transport.close()

    with_audio(test)


def test_the_address_in_use_is_not_the_one_that_is_forgotten() -> None:
    async def test(audio: LiteAudio, engine: Engine, events: Events) -> None:
        leg = await audio.open(CHROMIUM, engine.address, events)
        (door,) = audio.doors._doors
        page = ("127.0.0.1", 40_000)
        door.datagram_received(knock(leg, **{"USE-CANDIDATE": None}), page)
        for port in range(40_001, 40_020):
            door.datagram_received(knock(leg), ("127.0.0.1", port))
        assert leg.page == page
        assert page in door._known

    with_audio(test)


def test_an_address_in_use_is_not_taken_by_another_leg() -> None:
    """The source address of a datagram is easily forged, also by somebody who has a leg."""

    async def test(audio: LiteAudio, engine: Engine, events: Events) -> None:
        browser = Browser()
        leg = await audio.open(await browser.offer(), engine.address, events)
        await browser.take(leg.answer)
        await until(lambda: events.said == ["connected"], "connected")
        other = await audio.open(CHROMIUM, engine.address, Events())
        (door,) = audio.doors._doors
        door.datagram_received(knock(other), leg.page)
        assert door._known[leg.page] is leg
        await leg.close()
        door.datagram_received(knock(other), leg.page)
        assert door._known[leg.page] is other
        await browser.close()

    with_audio(test)


def test_a_process_that_stood_still_blames_no_page(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lite_leg, "SILENT_TALKER_S", 0.5)
    monkeypatch.setattr(lite_leg, "SILENT_LISTENER_S", 0.5)
    monkeypatch.setattr(lite_leg, "_WATCH_EVERY_S", 0.05)

    async def test(audio: LiteAudio, engine: Engine, events: Events) -> None:
        browser = Browser()
        leg = await audio.open(await browser.offer(), engine.address, events)
        await browser.take(leg.answer)
        await until(lambda: len(engine.packets) > 5, "audio")
        heard_at = leg._heard_at
        monkeypatch.setattr(leg, "receive", lambda data: None)  # what waits in the socket is read later
        time.sleep(1.0)  # noqa: ASYNC251 - the process is stopped
        await asyncio.sleep(0.1)
        assert events.said == ["connected"]
        assert heard_at + 0.5 < leg._heard_at <= asyncio.get_running_loop().time()
        await until(lambda: events.said == ["connected", "lost"], "missed after all")
        await browser.close()

    with_audio(test)


def test_a_page_that_nominates_another_address_is_heard_there() -> None:
    """Its network changed: the conversation goes on."""

    async def test(audio: LiteAudio, engine: Engine, events: Events) -> None:
        browser = Browser()
        leg = await audio.open(await browser.offer(), engine.address, events)
        await browser.take(leg.answer)
        await until(lambda: events.said == ["connected"], "connected")
        before = leg.page
        elsewhere = await a_visitor()
        nomination = knock(leg, **{"USE-CANDIDATE": None})
        elsewhere.transport.sendto(nomination, audio.doors.candidates[0])
        await until(lambda: len(elsewhere.heard) == 2, "an answer and a question")
        elsewhere.transport.sendto(answer_to(elsewhere.heard[1], leg), audio.doors.candidates[0])
        engine.play(leg.relay, 1000.0)
        await until(lambda: any(data[0] >= 128 for data in elsewhere.heard), "audio at the new address")
        assert leg.page == elsewhere.transport.get_extra_info("sockname")
        # And back, where another implementation of ICE answers.
        (door,) = audio.doors._doors
        door.datagram_received(nomination, before)
        await until(lambda: leg.page == before, "the browser answers")
        elsewhere.transport.close()
        await browser.close()

    with_audio(test)


def test_a_page_can_point_its_audio_at_nobody_else() -> None:
    """It knows the password of its leg, and may write any source into a check; but it hears no question that goes there."""

    async def test(audio: LiteAudio, engine: Engine, events: Events) -> None:
        browser = Browser()
        leg = await audio.open(await browser.offer(), engine.address, events)
        await browser.take(leg.answer)
        await until(lambda: events.said == ["connected"], "connected")
        (door,) = audio.doors._doors
        before, victim = leg.page, await a_visitor()
        address = victim.transport.get_extra_info("sockname")
        engine.play(leg.relay, 1000.0)
        for _ in range(3):
            door.datagram_received(knock(leg, **{"USE-CANDIDATE": None}), address)
        await until(lambda: len(victim.heard) == 6, "answers and questions")
        # What the page can make without having heard the question is no answer to it.
        forged = aioice.stun.Message(
            message_method=aioice.stun.Method.BINDING, message_class=aioice.stun.Class.RESPONSE
        )
        forged.add_message_integrity(leg._remote_password)
        door.datagram_received(bytes(forged), address)
        wrong = answer_to(victim.heard[-1], leg, password=b"guess")
        door.datagram_received(wrong, address)
        await until(lambda: len(browser.heard) > 3 * FRAME, "the page is still heard by")
        assert leg.page == before
        assert all(data[0] <= 3 for data in victim.heard), "checks are answered, nothing else comes"
        # From another address than the one that was asked it is no answer either.
        other = await a_visitor()
        door.datagram_received(knock(leg), other.transport.get_extra_info("sockname"))
        door.datagram_received(answer_to(victim.heard[-1], leg), other.transport.get_extra_info("sockname"))
        assert leg.page == before
        for one in (victim, other):
            one.transport.close()
        await browser.close()

    with_audio(test)


def test_a_page_that_never_comes_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lite_leg, "CONNECT_TIMEOUT_S", 0.0)

    async def test(audio: LiteAudio, engine: Engine, events: Events) -> None:
        await audio.open(CHROMIUM, engine.address, events)
        await until(lambda: events.said == ["failed"], "given up")
        assert audio.legs == set()
        assert audio.doors.guests == {}

    with_audio(test)


def test_reports_go_both_ways() -> None:
    async def test(audio: LiteAudio, engine: Engine, events: Events) -> None:
        browser = Browser()
        leg = await audio.open(await browser.offer(), engine.address, events)
        await browser.take(leg.answer)
        engine.play(leg.relay, 1000.0)
        await until(lambda: len(engine.packets) > 5 and len(browser.heard) > 800, "audio both ways")
        leg._report(asyncio.get_running_loop().time(), goodbye=False)
        found: dict[str, Any] = {}
        while "remote-inbound-rtp" not in found or "remote-outbound-rtp" not in found:
            await asyncio.sleep(0.05)
            found = {one.type: one for one in (await browser.connection.getStats()).values()}
        assert found["remote-inbound-rtp"].packetsLost <= 0
        assert found["remote-outbound-rtp"].packetsSent > 0
        await until(lambda: leg._reports.round_trip_ms > 0, "the page's report")
        assert leg._reports.peer_lost == 0
        await browser.close()

    with_audio(test)


def test_header_extensions_stay_here() -> None:
    """Browsers add a level and their section's name to each packet; the engine gets plain packets (`Engine` checks)."""

    async def test(audio: LiteAudio, engine: Engine, events: Events) -> None:
        browser = Browser()
        leg = await audio.open(await browser.offer(), engine.address, events)
        await browser.take(leg.answer)
        await until(lambda: len(engine.packets) > 5, "audio")
        assert {packet.payload_type for packet in engine.packets} == {0}
        await browser.close()

    with_audio(test)


def test_what_the_engine_sends_too_early_is_dropped() -> None:
    async def test(audio: LiteAudio, engine: Engine, events: Events) -> None:
        leg = await audio.open(CHROMIUM, engine.address, events)
        leg.to_page((0, False, 1, 160, 9, bytes(160)))
        leg.receive(b"\x80" + bytes(40))
        leg.receive(b"\x40")
        assert events.said == []
        assert rtp.parse(b"\x40") is None

    with_audio(test)


def test_a_bad_offer_leaves_nothing() -> None:
    async def test(audio: LiteAudio, engine: Engine, events: Events) -> None:
        with pytest.raises(BadOfferError):
            await audio.open("v=0\n", engine.address, events)
        assert audio.legs == set()
        assert audio.doors.guests == {}

    with_audio(test)


def test_an_address_that_is_not_ours_is_said_at_once() -> None:
    async def run() -> None:
        with pytest.raises(OSError, match=r"192\.0\.2\.77"):
            await LiteAudio.start(["127.0.0.1", "192.0.2.77"])

    asyncio.run(run())


def test_behind_a_translator_the_advertised_address_is_offered() -> None:
    async def run() -> None:
        audio, engine = await LiteAudio.start(["127.0.0.1"], 0, "198.51.100.7"), await Engine.start()
        leg = await audio.open(CHROMIUM, engine.address, Events())
        port = audio.doors.candidates[0].port
        assert f"udp 2130706431 198.51.100.7 {port} typ host" in leg.answer
        assert "127.0.0.1" not in leg.answer
        await leg.close()
        await audio.stop()
        engine.close()

    asyncio.run(run())
