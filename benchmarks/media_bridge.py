"""Recorded two-party calls through the audio engine: how many one core carries.

The engine runs as it does in production, in a process of its own, commanded over its link. This process plays
both parties of every call, 50 packets a second each way, every leg with a socket of its own, and takes the
kernel's time of arrival of each packet that comes back. A packet is late when it arrives more than 20 ms
after the earliest schedule on which its stream ever ran.

    python benchmarks/media_bridge.py --calls 250 --seconds 20
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import select
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, NamedTuple

sys.path.insert(0, str(Path(__file__).parents[1]))

import msgspec
import numpy as np

from acd_core.config import Config
from acd_core.link.aio import LinkClient
from gateways.media import g711, rtp
from gateways.media import messages as m
from gateways.media.clock import percentile_ms

GUARD_S = 60.0
LATE_S = 0.020
SLICES = 4
WARM_UP_S = 3.0
_ENGINE = """
import json, signal, sys, msgspec
from acd_core.config import Config
from gateways.media import process
config = msgspec.json.decode(sys.argv[1], type=Config)
class Measured(process.MediaProcess):
    def close(self):
        super().close()
        schedule = self.schedule
        print(json.dumps({
            "begun": schedule.begun_late, "done": schedule.done_late,
            "skipped": schedule.skipped, "lost": self.recorder.blocks_lost,
        }))
process.MediaProcess = Measured
sys.exit(process.main(config))
"""
_SO_TIMESTAMPNS = 35


class Arrival(NamedTuple):
    at_s: float
    timestamp: int


class Leg:
    """One party: a socket, a row in the array of packets, what came back."""

    def __init__(self, port: int) -> None:
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.socket.setblocking(False)
        self.socket.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
        self.target = ("127.0.0.1", port)
        self.arrivals: list[Arrival] = []


class Figures(NamedTuple):
    calls: int
    seconds: float
    cpu_percent: float
    sent: int
    received: int
    late: int
    lateness_p99_ms: float
    engine: dict[str, Any]


async def build(
    client: LinkClient, heard: list[Any], news: asyncio.Event, calls: int, folder: Path
) -> list[int]:
    """Allocate, connect, bridge and record; returns the engine's ports."""

    async def until(kind: type, count: int) -> list[Any]:
        async with asyncio.timeout(GUARD_S):
            while len(found := [message for message in heard if isinstance(message, kind)]) < count:
                news.clear()
                await news.wait()
        return found

    for number in range(2 * calls):
        client.send(m.AllocateLeg(leg=str(number), local_host="127.0.0.1"))
    ports = {message.leg: message.port for message in await until(m.LegAllocated, 2 * calls)}
    for number in range(calls):
        left, right = str(2 * number), str(2 * number + 1)
        for leg in (left, right):
            # No address: the engine sends to where the first packet comes from.
            client.send(m.ConnectLeg(leg=leg, remote_host="", remote_port=0))
        client.send(m.SetGains(gains=(m.Gain(left, right, 1.0), m.Gain(right, left, 1.0))))
        path = str(folder / f"{number}.wav")
        client.send(m.StartRecording(recording=str(number), left=left, right=right, path=path))
    return [ports[str(number)] for number in range(2 * calls)]


def play_parties(legs: list[Leg], seconds: float, cpu_s: Any) -> tuple[int, float, float]:
    """Send and receive for `seconds`; returns packets sent, the CPU seconds of the engine and the time they took."""
    packets: Any = np.zeros(len(legs), rtp.PACKET)
    packets["version"] = rtp.VERSION_2
    packets["ssrc"] = np.arange(len(legs)) + 1
    tone = (8_000 * np.sin(2 * np.pi * 440 * np.arange(rtp.FRAME_SAMPLES) / 8_000)).astype(np.int16)
    packets["payload"] = g711.encode(tone, g711.PCMU)
    view = packets.view(np.uint8).data
    poll = select.epoll()
    by_descriptor = {leg.socket.fileno(): leg for leg in legs}
    for descriptor in by_descriptor:
        poll.register(descriptor, select.EPOLLIN)
    sent = 0
    began = time.monotonic()
    measured_from = began + WARM_UP_S
    cpu_before = 0.0
    measuring = False
    number = 0
    while (due := began + number * 0.02 / SLICES) < began + WARM_UP_S + seconds:
        time.sleep(max(0.0, due - time.monotonic()))
        if time.monotonic() > began + WARM_UP_S + seconds + 1.0:
            raise SystemExit("this machine is too busy to play so many parties")
        if not measuring and time.monotonic() >= measured_from:
            measuring = True
            measured_from = time.monotonic()
            cpu_before = cpu_s()
        part = number % SLICES
        for index in range(part, len(legs), SLICES):
            leg = legs[index]
            leg.socket.sendto(view[index * rtp.PACKET_BYTES : (index + 1) * rtp.PACKET_BYTES], leg.target)
            sent += measuring
        packets["sequence"][part::SLICES] += 1
        packets["timestamp"][part::SLICES] += rtp.FRAME_SAMPLES
        for descriptor, _ in poll.poll(0, len(legs)):
            take(by_descriptor[descriptor], measuring)
        number += 1
    return sent, cpu_s() - cpu_before, time.monotonic() - measured_from


def take(leg: Leg, measuring: bool) -> None:
    """All packets that wait at a leg, with the kernel's time of their arrival."""
    while True:
        try:
            data, ancillary, _, _ = leg.socket.recvmsg(256, 64)
        except BlockingIOError:
            return
        # The engine's reports go to the next port, which here may be another leg's.
        if measuring and len(data) == rtp.PACKET_BYTES:
            seconds, nanoseconds = struct.unpack("qq", ancillary[0][2][:16])
            leg.arrivals.append(Arrival(seconds + nanoseconds / 1e9, int.from_bytes(data[4:8], "big")))


def lateness(legs: list[Leg]) -> np.ndarray[Any, Any]:
    """Of every packet, in seconds after the earliest schedule of its stream."""
    parts = []
    for leg in legs:
        at = np.array([arrival.at_s for arrival in leg.arrivals])
        timestamps = np.array([arrival.timestamp for arrival in leg.arrivals], np.uint32)
        if len(at):
            transit = at - (timestamps - timestamps[0]).astype(np.uint32) / 8_000
            parts.append(transit - transit.min())
    return np.concatenate(parts)


def cpu_seconds(pid: int) -> float:
    """User and system time of a process and its threads."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def measure(calls: int, seconds: float, folder: Path) -> Figures:
    config = Config(base_dir=str(folder), run_dir=str(folder / "r"))
    text = msgspec.json.encode(config).decode()
    engine = subprocess.Popen([sys.executable, "-c", _ENGINE, text], stdout=subprocess.PIPE)
    try:
        until = time.monotonic() + GUARD_S
        while not config.ready_file("media").exists():
            if engine.poll() is not None or time.monotonic() > until:
                raise SystemExit("the engine did not start")
            time.sleep(0.05)
        heard: list[Any] = []
        news = asyncio.Event()

        async def start() -> list[int]:
            up = asyncio.Event()
            client = LinkClient(
                config.socket("media"),
                role="edge",
                name="bench",
                send_type=m.ToEngine,
                receive_type=m.FromEngine,
                on_message=lambda message: (heard.append(message), news.set()),
                on_up=lambda fresh: up.set(),
                on_down=lambda: None,
            )
            running = asyncio.create_task(client.run())
            await up.wait()
            ports = await build(client, heard, news, calls, config.recordings_path)
            await asyncio.sleep(1.0)  # the last commands leave; the legs outlive the link
            running.cancel()
            return ports

        legs = [Leg(port) for port in asyncio.run(start())]
        sent, cpu, took = play_parties(legs, seconds, lambda: cpu_seconds(engine.pid))
        engine.terminate()
        output, _ = engine.communicate(timeout=GUARD_S)
    finally:
        if engine.poll() is None:
            engine.kill()
            engine.wait()
    late = lateness(legs)
    return Figures(
        calls,
        took,
        100 * cpu / took,
        sent,
        len(late),
        int((late > LATE_S).sum()),
        1_000 * float(np.quantile(late, 0.99)),
        json.loads(output),
    )


def machine() -> str:
    model = next(
        (
            line.split(":")[1].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if "model name" in line
        ),
        platform.machine(),
    )
    return f"{model}, {os.cpu_count()} cores, Python {platform.python_version()}, numpy {np.__version__}"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--calls", type=int, nargs="+", default=[20])
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument(
        "--realtime", action="store_true", help="measure as on an idle machine (needs the right to)"
    )
    options = parser.parse_args()
    if options.realtime:
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(10))  # the engine inherits it
    print(f"machine: {machine()}; load {os.getloadavg()[0]:.1f} before{', real-time' * options.realtime}")
    print(
        "| recorded calls | CPU of a core | packets late | arrival p99 | tick begins p99 | tick done p99 | skipped | lost |"
    )
    print("|---|---|---|---|---|---|---|---|")
    for calls in options.calls:
        folder = Path(tempfile.mkdtemp(prefix="media-"))
        try:
            figures = measure(calls, options.seconds, folder)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        engine = figures.engine
        print(
            f"| {calls} | {figures.cpu_percent:.0f} % "
            f"| {100 * figures.late / max(figures.received, 1):.2f} % of {figures.received} "
            f"| {figures.lateness_p99_ms:.1f} ms "
            f"| {percentile_ms(engine['begun'], 0.99)} ms | {percentile_ms(engine['done'], 0.99)} ms "
            f"| {engine['skipped']} | {engine['lost']} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
