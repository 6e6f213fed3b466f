"""Many calls, each going its own way by chance: whatever crosses whatever, every call ends once and nothing stays behind."""

from __future__ import annotations

import asyncio
import contextlib
import random
from pathlib import Path
from typing import Any

from acd_core.domain import commands, events
from gateways.edge.phones import phones_path, set_phone_password
from gateways.sip.message import Request, Response
from tests.edge.test_calls import EDGE
from tests.edge.test_phones import register
from tests.edge.world import Phone, World, sdp, world_in

CALLS = 60


class Core:
    """Says something about every call, some of it twice or too late."""

    def __init__(self, world: World, chance: random.Random, wav: str) -> None:
        self.world, self.chance = world, chance
        self.ended: set[str] = set()  # by us
        self.prompt = commands.Prompt(id="p", wav=wav)
        self.offers = 0

    def react(self, message: Any) -> None:
        if isinstance(message, events.CallArrived):
            self.decide(message.call)
        elif isinstance(message, events.PhoneAnswered):
            join = commands.Join(edge=EDGE, call=message.call, agent="a", offer=message.offer, part=1)
            self.say(join, *([join] if self.chance.random() < 0.3 else []))
            if self.chance.random() < 0.5:
                self.say(commands.Part(edge=EDGE, call=message.call, agent="a", part=1))
            if self.chance.random() < 0.5:
                self.say(commands.EndPhone(edge=EDGE, call=message.call, agent="a", offer=message.offer))

    def say(self, *said: commands.EdgeCommand) -> None:
        for command in said:
            self.world.core.send(command)

    def decide(self, call: str) -> None:
        fate = self.chance.random()
        if fate < 0.1:
            self.ended.add(call)
            self.say(commands.RefuseCall(edge=EDGE, call=call, status=404, reason="no"))
            return
        early = self.chance.random() < 0.4
        self.say(
            commands.ProgressCaller(edge=EDGE, call=call, max_ms=self.chance.choice((200, 50_000)))
            if early
            else commands.RingCaller(edge=EDGE, call=call)
        )
        if fate < 0.2:
            self.end(call)
            return
        if fate < 0.3:
            return  # rings until the end
        if not early:
            self.say(commands.AnswerCaller(edge=EDGE, call=call))
        self.say(commands.Play(edge=EDGE, call=call, play=1, prompts=(self.prompt,)))
        self.say(commands.PlayMusic(edge=EDGE, call=call, music=self.prompt))
        if fate < 0.4:
            self.end(call)
            return
        if early:
            self.say(commands.AnswerCaller(edge=EDGE, call=call))
        self.offers += 1
        ring = commands.RingPhone(
            edge=EDGE, call=call, agent="a", offer=self.offers, user="101", caller="1", service="s"
        )
        self.say(ring)
        if self.chance.random() < 0.3:
            self.say(commands.EndPhone(edge=EDGE, call=call, agent="a", offer=self.offers))

    def end(self, call: str) -> None:
        self.ended.add(call)
        self.say(commands.EndCall(edge=EDGE, call=call, cause="x"))


async def operator(phone: Phone, chance: random.Random) -> None:
    """A phone of many calls that rings, answers, declines or says nothing at all."""
    while True:
        message = await phone.receive_ever()
        if not isinstance(message, Request):
            continue
        if message.method == "INVITE":
            fate = chance.random()
            if fate < 0.8:
                phone.reply(message, 180)
            if fate < 0.2:
                phone.reply(message, 486)
            elif fate < 0.7:
                phone.reply(message, 200, body=sdp(45_000))
        elif message.method in ("BYE", "CANCEL", "OPTIONS"):
            phone.reply(message, 200)


async def caller(phone: Phone, chance: random.Random, number: int) -> None:
    """One caller; gives up, hangs up, holds, presses keys, or lets everything happen."""
    call = f"call{number}"
    invite = await phone.call(call=call)
    patience = chance.random()
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(2):
            while True:
                message = await phone.receive_ever()
                if isinstance(message, Request):
                    phone.reply(message, 200)
                    if message.method == "BYE":
                        return
                elif message.cseq.method == "INVITE" and message.status == 180 and patience < 0.2:
                    branch = f"z9hG4bK{phone.name}x{invite}INVITE"
                    phone.request("CANCEL", cseq=invite, call=call, branch=branch)
                elif message.cseq.method != "INVITE" or message.status < 200:
                    continue
                elif await answered(phone, chance, message, call):
                    return


async def answered(phone: Phone, chance: random.Random, response: Response, call: str) -> bool:
    """The final response: acknowledge, mostly, and do something; True when the caller is through."""
    if response.status >= 300 or chance.random() < 0.85:
        phone.ack(response, call=call) if response.status < 300 else None
    if response.status >= 300:
        return True
    tag = response.to.tag or ""
    deed = chance.random()
    if deed < 0.4:
        phone.request("BYE", to_tag=tag, call=call)
        return chance.random() < 0.5
    if deed < 0.5:
        phone.request("INFO", to_tag=tag, call=call, body="5", content_type="application/dtmf")
    elif deed < 0.6 and next(phone.number) < 6:
        await phone.call(call=call, to_tag=tag, body=sdp(direction="sendonly"))
    return False


def test_every_call_ends_once_and_leaves_nothing_behind(tmp_path: Path, chance: random.Random) -> None:
    wav = tmp_path / "p.wav"
    wav.write_bytes(b"RIFF")

    async def story() -> None:
        async with world_in(tmp_path) as world:
            set_phone_password(phones_path(world.config.data_path), "santral", "101", "secret")
            desk = world.phone()
            assert (await register(world, desk)).status == 200
            core = Core(world, chance, str(wav))
            world.core.auto = core.react
            ringing = asyncio.create_task(operator(desk, chance))
            callers = [asyncio.create_task(caller(world.phone(), chance, n)) for n in range(CALLS)]
            await asyncio.wait(callers)
            arrived = [arrival.call for arrival in world.core.all(events.CallArrived)]
            for call in arrived:
                core.end(call)  # those that are over already, too
            await world.phone().call()
            last = await world.core.expect(events.CallArrived, lambda arrival: arrival.call not in arrived)
            core.end(last.call)
            for _ in range(5):
                world.jump(33_000)
                await world.heard_all()
            ringing.cancel()
            for task in [ringing, *callers]:
                with contextlib.suppress(asyncio.CancelledError):
                    await task
            assert len(arrived) == CALLS
            gone = [hung_up.call for hung_up in world.core.all(events.CallerHungUp)]
            assert len(gone) == len(set(gone)), "a call ended twice"
            statistics = world.edge.statistics()
            assert statistics.calls.live == 0
            assert statistics.dialogs == 0
            assert statistics.audio.legs == 0
            assert (statistics.sip.clients_live, statistics.sip.servers_live) == (0, 0)
            point = world.edge.point
            assert (point._users.servers, point._users.clients, list(point._output)) == ({}, {}, [])
            assert world.edge.audio._gains == {}
            assert world.edge.audio._recordings == {}

    asyncio.run(story())
