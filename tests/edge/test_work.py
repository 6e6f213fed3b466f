"""What one message costs does not grow with how much else there is: with ten times the phones, calls, trunks and banned hosts
it takes as many steps of the interpreter. (Dial rules are looked through one by one: their order is what they mean.)

Steps are counted, not seconds, so a slow machine changes nothing. What C code walks through on its own is not seen.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

from acd_core.domain import commands, events
from acd_core.telephony import DialRule, Trunk
from gateways.edge.phones import phones_path, set_phone_password
from tests.edge.test_calls import answered
from tests.edge.test_phones import register
from tests.edge.test_trunks import CALL, NUMBER, dial_out
from tests.edge.world import EDGE, Phone, World, config_for, replace, sdp, world_in

FEW = 10
TIMES = 10
GROWTH_MAX = 1.2
PARTS = ("/gateways/", "/acd_core/")


class Steps:
    """How many bytecodes of ours this thread executes."""

    def __init__(self) -> None:
        self.done = 0
        self._ours: dict[CodeType, bool] = {}

    def _called(self, frame: FrameType, event: str, argument: Any) -> Any:
        code = frame.f_code
        ours = self._ours.get(code)
        if ours is None:
            ours = self._ours[code] = any(part in code.co_filename for part in PARTS)
        if not ours:
            return None
        frame.f_trace_lines, frame.f_trace_opcodes = False, True
        return self._step

    def _step(self, frame: FrameType, event: str, argument: Any) -> Any:
        self.done += event == "opcode"
        return self._step

    @contextlib.contextmanager
    def counted(self) -> Iterator[None]:
        before = sys.gettrace()
        sys.settrace(self._called)
        try:
            yield
        finally:
            sys.settrace(before)


async def steps_of(deed: Callable[[], Awaitable[None]]) -> int:
    """The least of five: what the clock did meanwhile is not in all of them."""
    found = []
    for _ in range(5):
        steps = Steps()
        with steps.counted():
            await deed()
        found.append(steps.done)
    return min(found)


@contextlib.asynccontextmanager
async def crowded(folder: Path, many: int) -> AsyncIterator[tuple[World, Phone, Phone]]:
    """An edge with so many of everything, one phone of many, and the carrier of the trunk that comes last."""
    users = [str(1_000 + number) for number in range(many)]
    for user in users:
        set_phone_password(phones_path(folder / "data"), "santral", user, "secret")
    carrier = Phone(0)
    trunks = {f"t{number}": Trunk(host=f"192.0.2.{number + 1}", health_s=0) for number in range(many)}
    trunks["last"] = Trunk(host="127.0.0.1", port=carrier.port, hosts=("127.0.0.2",), health_s=0)
    rule = DialRule(trunks=("last",), prefix="90", strip=2, add="0")
    config = replace(config_for(folder), trunks=trunks, dial=(rule,))
    try:
        async with world_in(folder, config=config) as world:
            carrier.edge = ("127.0.0.1", world.edge.point.port)
            for user in users:
                assert (await register(world, world.phone(), user=user)).status == 200
                await answered(world, world.phone())
            now_ms = world.edge.clock.monotonic_ms()
            for number in range(many):
                world.edge.guard.saw(f"198.51.100.{number + 1}", "scanner", now_ms, "x")
            await world.heard_all()
            yield world, world.phones[0], carrier
    finally:
        carrier.close()


async def measured(folder: Path, many: int) -> dict[str, int]:
    async with crowded(folder, many) as (world, phone, carrier):
        caller = world.phone()
        numbers = iter(range(100, 200))

        async def a_call() -> None:
            number = next(numbers)
            arrived = await world.arrive(caller, call=str(number))
            world.core.send(commands.AnswerCaller(edge=EDGE, call=arrived.call))
            ok = await caller.response(200, "INVITE")
            caller.ack(ok, call=str(number))
            caller.request("BYE", to_tag=ok.to.tag or "", call=str(number))
            await caller.response(200, "BYE")
            await world.core.expect(events.CallerHungUp)

        async def a_registration() -> None:
            assert (await register(world, phone, user="1000")).status == 200

        async def a_ring() -> None:
            number = next(numbers)
            call = world.core.all(events.CallArrived)[0].call
            ring = commands.RingPhone(edge=EDGE, call=call, agent="a", offer=number, user="1000", caller="1")
            world.core.send(ring)
            phone.reply(await phone.asked("INVITE"), 486)
            await world.core.expect(events.PhoneFailed)
            await phone.asked("ACK")

        async def a_call_out() -> None:
            call = f"{CALL}{next(numbers)}"
            world.core.send(dial_out(NUMBER, call=call))
            invite = await carrier.asked("INVITE")
            carrier.reply(invite, 200, body=sdp())
            await world.core.expect(events.DialAnswered)
            world.core.send(commands.EndCall(edge=EDGE, call=call, cause="agent_hung_up"))
            carrier.reply(await carrier.asked("BYE"), 200)

        async def a_stray() -> None:
            caller.request("BYE", to_tag="x", call="unknown")
            await caller.response(481)

        async def a_banned_host() -> None:
            point = world.edge.point
            point.message(point._doors["udp4"], b"OPTIONS sip:x SIP/2.0\r\n\r\n", ("198.51.100.1", 5060))

        deeds = (a_call, a_registration, a_ring, a_call_out, a_stray, a_banned_host)
        return {deed.__name__: await steps_of(deed) for deed in deeds}


async def test_a_message_costs_the_same_however_much_there_is(tmp_path: Path) -> None:
    few = await measured(tmp_path / "few", FEW)
    many = await measured(tmp_path / "many", FEW * TIMES)
    grown = {
        deed: f"{steps} -> {many[deed]}" for deed, steps in few.items() if many[deed] > GROWTH_MAX * steps
    }
    assert grown == {}
    assert min(few.values()) > 0
