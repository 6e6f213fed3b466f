"""The engine with real sockets, files and threads, and a clock that the test turns: nothing here waits for time to pass."""

from __future__ import annotations

import queue
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from gateways.media import messages as m
from gateways.media.clips import ClipLoader, Loaded
from gateways.media.engine import Engine, Token
from gateways.media.ports import PortRange
from gateways.media.recorder import Done, Recorder
from tests.support.rtp_phone import RtpPhone

GUARD_S = 30.0
OWNER = "edge1"
Wanted = TypeVar("Wanted", bound=m.Message)


class Bench:
    """An engine, phones, and the ticks between them."""

    def __init__(self, legs_max: int, port_min: int, port_max: int) -> None:
        self.answers: queue.Queue[Loaded[Token] | Done] = queue.Queue()
        self.told: list[tuple[str, m.FromEngine]] = []
        self.loader: ClipLoader[Token] = ClipLoader(self.answers.put)
        self.recorder = Recorder(self.answers.put)
        self.engine = Engine(
            PortRange(port_min, port_max),
            self.recorder,
            self.loader,
            lambda owner, message: self.told.append((owner, message)),
            legs_max,
        )
        self.phones: dict[str, RtpPhone] = {}
        self.now = 1_000.0
        self.on_tick: Callable[[], None] = self.all_speak

    def do(self, *commands: m.ToEngine, owner: str = OWNER) -> None:
        for command in commands:
            self.engine.command(owner, command)

    def messages(self, kind: type[Wanted]) -> list[Wanted]:
        return [message for _, message in self.told if isinstance(message, kind)]

    def leg(self, name: str, phone: RtpPhone | None = None, **connect: Any) -> RtpPhone:
        """A leg that is allocated and connected to a phone."""
        phone = phone or RtpPhone(seed=len(self.phones) + 1)
        self.do(m.AllocateLeg(leg=name, local_host="127.0.0.1", loopback=True))
        [port] = [message.port for message in self.messages(m.LegAllocated) if message.leg == name][-1:]
        phone.target = ("127.0.0.1", port)
        connect = {
            "remote_host": "127.0.0.1",
            "remote_port": phone.port,
            "payload_type": phone.payload_type,
            "dtmf_payload_type": phone.dtmf_payload_type,
        } | connect
        self.do(m.ConnectLeg(leg=name, **connect))
        self.phones[name] = phone
        return phone

    def all_speak(self) -> None:
        for phone in self.phones.values():
            phone.send_frame()

    def tick(self, ticks: int = 1) -> None:
        """Turn the clock: the phones send, the engine reads, mixes and sends, the phones receive."""
        for _ in range(ticks):
            self.on_tick()
            self.now += 0.02
            self.engine.read(self.now)
            self.engine.tick(self.now)
            for phone in self.phones.values():
                phone.receive()

    def silent(self) -> None:
        """Nobody sends anything; for `on_tick`."""

    def wait_loaded(self) -> None:
        """Until the loader has answered one request."""
        answer = self.answers.get(timeout=GUARD_S)
        assert isinstance(answer, Loaded)
        self.engine.loaded(answer)

    def wait_recorded(self) -> m.RecordingDone:
        """Until one recording is on disk."""
        answer = self.answers.get(timeout=GUARD_S)
        assert isinstance(answer, Done)
        self.engine.recorded(answer)
        return self.messages(m.RecordingDone)[-1]

    def close(self) -> None:
        self.engine.close()
        assert self.recorder.close(GUARD_S)
        self.loader.close()
        for phone in self.phones.values():
            phone.close()


@contextmanager
def bench(legs_max: int = 16, port_min: int = 42_000, port_max: int = 42_001) -> Iterator[Bench]:
    made = Bench(legs_max, port_min, port_max)
    try:
        yield made
    finally:
        made.close()


def bridge(left: str, right: str, gain: float = 1.0) -> m.SetGains:
    return m.SetGains(gains=(m.Gain(left, right, gain), m.Gain(right, left, gain)))


def prompt_names(paths: list[Path]) -> tuple[str, ...]:
    return tuple(str(path) for path in paths)
