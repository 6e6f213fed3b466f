"""The neutral observer: what was on the loopback device, by the kernel's clock, and what that says about each call.

`tcpdump` writes the SIP datagrams of a run into a file, which is read when the run is over; neither side is asked for anything.
A datagram that was sent twice, byte by byte, is a retransmission, whoever sent it.
"""

from __future__ import annotations

import asyncio
import re
import struct
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

_CALL_NUMBER = re.compile(rb"\r\nFrom: [^\r]*<sip:(\d+)@", re.IGNORECASE)
_CALL_ID = re.compile(rb"\r\nCall-ID: ([^\r]*)", re.IGNORECASE)
_CSEQ = re.compile(rb"\r\nCSeq: [^\r]* ([A-Z]+)", re.IGNORECASE)
_TARGET = re.compile(rb"^INVITE sip:([^@; ]*)@")
_ETHERNET, _UDP = 14, 17
_BUFFER_KB = 32 * 1024
_HANDED_ON_S = 1.2  # the kernel hands over what it recorded once a second at the latest


class Datagram(NamedTuple):
    """One of SIP."""

    at: float
    source: str
    target: str
    data: bytes

    @property
    def first(self) -> bytes:
        """The start line."""
        return self.data.partition(b"\r\n")[0]


class Capture:
    """Records from `__init__` to `stop`."""

    def __init__(self, file: Path, port: int) -> None:
        """Everything to and from this port, which is the server's under test."""
        self._file = file
        command = [
            "tcpdump",
            "-i",
            "lo",
            "-n",
            "-s",
            "0",
            "-B",
            str(_BUFFER_KB),
            "-Z",
            "root",
            "-w",
            str(file),
        ]
        self._process = subprocess.Popen(
            [*command, f"udp port {port}"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        assert self._process.stderr is not None
        if b"listening" not in (said := self._process.stderr.readline()):
            raise RuntimeError(f"tcpdump does not listen: {said.decode(errors='replace')}")

    async def stop(self) -> list[Datagram]:
        """End, and give all that was recorded; an error when the kernel had to leave something out."""
        await asyncio.sleep(_HANDED_ON_S)
        said = self.close()
        dropped = re.search(rb"(\d+) packets dropped by kernel", said)
        if dropped is not None and int(dropped[1]):
            raise RuntimeError(f"the capture is not whole: {dropped[1].decode()} packets were dropped")
        return list(read_capture(self._file))

    def close(self) -> bytes:
        """End; what it said, once."""
        if self._process.poll() is not None:
            return b""
        self._process.terminate()
        return self._process.communicate(timeout=10)[1]


def read_capture(file: Path) -> Iterator[Datagram]:
    """The UDP datagrams over IPv4 of a capture of Ethernet frames, in order."""
    data = file.read_bytes()
    at = 24
    while at + 16 <= len(data):
        seconds, micros, length, _ = struct.unpack_from("<IIII", data, at)
        frame = data[at + 16 : at + 16 + length]
        at += 16 + length
        ip = frame[_ETHERNET:]
        if len(ip) < 28 or ip[0] >> 4 != 4 or ip[9] != _UDP:
            continue
        header = (ip[0] & 15) * 4
        source, target = (".".join(map(str, ip[start : start + 4])) for start in (12, 16))
        yield Datagram(seconds + micros / 1e6, source, target, ip[header + 8 :])


class Call(NamedTuple):
    """One caller's, as it was seen. Times are 0 where something never came."""

    number: str
    called: float
    rung: float  # the first INVITE to an agent
    answered: bool
    ended: bool  # by a BYE that was acknowledged, after an agent had rung


class Seen(NamedTuple):
    """What a run shows."""

    calls: list[Call]  # by the time they were called
    repeated: int
    freed_ms: list[float]  # agent's BYE → the next INVITE at the same agent


def read_calls(datagrams: list[Datagram], callers: str, agents: str) -> Seen:
    """From the addresses that callers and agents have."""
    called: dict[str, float] = {}
    numbers: dict[bytes, str] = {}  # Call-ID of the caller's side → number
    rung: dict[str, float] = {}
    answered: set[str] = set()
    hung_up: set[str] = set()
    bodies: set[tuple[str, bytes]] = set()
    repeated = 0
    agent_of: dict[bytes, bytes] = {}  # Call-ID of the agent's side → agent
    freed: dict[bytes, float] = {}
    freed_ms: list[float] = []
    for one in datagrams:
        first, is_again = one.first, False
        if not first.startswith((b"SIP/2.0 1", b"OPTIONS", b"REGISTER", b"SIP/2.0 4")):
            key = (one.target, one.data)
            is_again = key in bodies
            bodies.add(key)
            repeated += is_again
        call_id = _CALL_ID.search(one.data)
        if is_again or call_id is None:
            continue
        if one.source == callers and first.startswith(b"INVITE"):
            if (number := _CALL_NUMBER.search(one.data)) is not None:
                numbers[call_id[1]] = name = number[1].decode()
                called[name] = one.at
        elif one.target == agents and first.startswith(b"INVITE"):
            agent = _TARGET.search(first)
            if agent is not None:
                agent_of[call_id[1]] = agent[1]
                if (since := freed.pop(agent[1], 0.0)) > 0:
                    freed_ms.append((one.at - since) * 1000)
            if (number := _CALL_NUMBER.search(one.data)) is not None:
                rung.setdefault(number[1].decode(), one.at)
        elif one.source == agents and first.startswith(b"BYE"):
            if (agent_id := agent_of.get(call_id[1])) is not None:
                freed[agent_id] = one.at
        elif call_id[1] in numbers and first.startswith(b"SIP/2.0 200"):
            cseq = _CSEQ.search(one.data)
            if cseq is not None:
                (answered if cseq[1] == b"INVITE" else hung_up).add(numbers[call_id[1]])
    calls = [
        Call(number, at, rung.get(number, 0.0), number in answered, number in hung_up and number in rung)
        for number, at in called.items()
    ]
    return Seen(calls, repeated, freed_ms)


def overtaken(calls: list[Call], slack_s: float = 0.01) -> int:
    """Callers for whom somebody who came later was rung sooner, by more than the slack.

    Two that are rung at once may leave in either order.
    """
    count, soonest_later = 0, float("inf")
    for call in reversed(calls):
        if not call.rung:
            continue
        count += soonest_later < call.rung - slack_s
        soonest_later = min(soonest_later, call.rung)
    return count
