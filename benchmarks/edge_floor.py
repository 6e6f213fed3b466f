"""The floor of an edge's cost: a process that sends every datagram back.

As many datagrams of the same size as the edge handles for a call, through the same kind of loop, in the same run.
"""

from __future__ import annotations

import asyncio
import time

import msgspec

from benchmarks.edge_rig import start, usage
from benchmarks.edge_text import Wire

DATAGRAMS_A_CALL = (
    13  # INVITE 100 180 200 ACK BYE 200 with the caller, INVITE 180 200 ACK BYE 200 with the phone
)
_ECHO = """
import asyncio, socket, uvloop
def serve():
    while True:
        try:
            data, source = served.recvfrom(65_536)
        except BlockingIOError:
            return
        served.sendto(data, source)
async def main():
    asyncio.get_running_loop().add_reader(served.fileno(), serve)
    await asyncio.Event().wait()
served = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
served.setblocking(False)
served.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 * 1024 * 1024)
served.bind(("127.0.0.1", 0))
print(served.getsockname()[1], flush=True)
uvloop.run(main())
"""


class Floor(msgspec.Struct, frozen=True):
    """What sending datagrams back costs, for as many as a call has; and how long one takes there and back."""

    processor_ms_a_call: float
    times_ms: list[float]


async def floor(calls: int, rate: float) -> Floor:
    """The same number of datagrams as so many calls, at the same pace."""
    process = start(_ECHO)
    assert process.stdout is not None
    times: list[float] = []
    sent: dict[int, float] = {}

    def heard(data: bytes, at_s: float) -> None:
        times.append((at_s - sent[int(data[:9])]) * 1000)

    try:
        port = int(process.stdout.readline())
        wire = Wire(heard)
        wire.peer = ("127.0.0.1", port)
        before = usage(process.pid)
        began, count = time.perf_counter(), 0
        # One comes and one goes each time: half as many as datagrams of a call.
        total = calls * DATAGRAMS_A_CALL // 2
        while count < total:
            due = min(total, int((time.perf_counter() - began) * rate * DATAGRAMS_A_CALL / 2) + 1)
            while count < due:
                sent[count] = time.perf_counter()
                wire.put(b"%09d" % count + b"x" * 600)
                count += 1
            await asyncio.sleep(0.001)
        await asyncio.sleep(0.2)
        used = usage(process.pid).processor_s - before.processor_s
        wire.close()
    finally:
        process.terminate()
        process.wait(10)
    return Floor(used / calls * 1000, sorted(times))
