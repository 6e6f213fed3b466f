"""Answers of the DNS that are short enough to be taken apart at once.

The edge asks from the loop that its calls live on, and an answer of 64 KB keeps that for more than half a second. So a longer
one than carriers have is dropped before it is read: by UDP as if it had not come, since anybody may have sent it; by TCP the
connection ends.
"""

from __future__ import annotations

from typing import Any

from dns.asyncbackend import (  # type: ignore[attr-defined]  # documented there, and not marked so
    Backend,
    DatagramSocket,
    Socket,
    StreamSocket,
    get_backend,
)

ANSWER_BYTES_MAX = 4_096  # 32 servers with their addresses have half of it


class ShortAnswers(Backend):
    """What dnspython asks with, on asyncio."""

    def __init__(self) -> None:
        self._plain: Any = get_backend("asyncio")

    def name(self) -> str:
        """Of the library that it is for."""
        return str(self._plain.name())

    def datagram_connection_required(self) -> bool:
        """Whether a socket has to know where it sends."""
        return bool(self._plain.datagram_connection_required())

    async def sleep(self, interval: float) -> None:
        """Between two attempts."""
        await self._plain.sleep(interval)

    async def make_socket(self, *place: Any, **more: Any) -> Socket:
        """One whose answers are short."""
        made = await self._plain.make_socket(*place, **more)
        return _Datagrams(made) if isinstance(made, DatagramSocket) else _Stream(made)


class _Datagrams(DatagramSocket):
    def __init__(self, plain: Any) -> None:
        super().__init__(plain.family, plain.type)
        self._plain = plain

    async def close(self) -> None:
        await self._plain.close()

    async def sendto(self, what: bytes, destination: Any, within_s: float | None) -> Any:
        return await self._plain.sendto(what, destination, within_s)

    async def recvfrom(self, size: int, within_s: float | None) -> tuple[bytes, Any]:
        data, source = await self._plain.recvfrom(size, within_s)
        return (data if len(data) <= ANSWER_BYTES_MAX else b""), source


class _Stream(StreamSocket):
    def __init__(self, plain: Any) -> None:
        super().__init__(plain.family, plain.type)
        self._plain = plain

    async def close(self) -> None:
        await self._plain.close()

    async def sendall(self, what: bytes, within_s: float | None) -> Any:
        return await self._plain.sendall(what, within_s)

    async def recv(self, size: int, within_s: float | None) -> bytes:
        """`size` is what is still wanted: all of an answer, when its length has come."""
        if size > ANSWER_BYTES_MAX:
            raise EOFError(f"an answer of {size} bytes")
        return bytes(await self._plain.recv(size, within_s))
