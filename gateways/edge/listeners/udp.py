"""SIP over UDP: one socket, read and written directly.

Not through a transport of the loop, so that a failed send is known at once and a burst is taken in one turn, up to a bound. A
full send buffer loses the datagram: the layer repeats what matters (RFC 3261 17).
"""

from __future__ import annotations

import asyncio
import logging
import socket

import msgspec

from gateways.edge.listeners.place import Owner, Place, bind
from gateways.sip.events import Address, Send

_log = logging.getLogger(__name__)

_DATAGRAM_BYTES_MAX = 65_536
_READS_A_TURN_MAX = 64
_SOCKET_BUFFER_BYTES = 4 * 1024 * 1024


class UdpListener:
    """All datagrams of one address."""

    def __init__(self, place: Place, owner: Owner) -> None:
        """Nothing is bound before `open`."""
        self.place, self._owner = place, owner
        self.socket: socket.socket | None = None
        self.sends_lost = 0

    def open(self) -> None:
        """See `Listener`."""
        self.socket = bind(self.place)
        for option in (socket.SO_RCVBUF, socket.SO_SNDBUF):
            self.socket.setsockopt(socket.SOL_SOCKET, option, _SOCKET_BUFFER_BYTES)
        self.place = msgspec.structs.replace(self.place, port=int(self.socket.getsockname()[1]))
        asyncio.get_running_loop().add_reader(self.socket.fileno(), self._readable)

    def close(self) -> None:
        """See `Listener`."""
        if self.socket is not None:
            asyncio.get_running_loop().remove_reader(self.socket.fileno())
            self.socket.close()
            self.socket = None

    def is_connected(self, address: Address) -> bool:
        """Datagrams need no connection."""
        del address
        return True

    def send(self, send: Send) -> None:
        """See `Listener`."""
        if self.socket is None:
            return
        try:
            self.socket.sendto(send.data, send.destination)
        except (BlockingIOError, InterruptedError):
            self.sends_lost += 1
        except (OSError, UnicodeError, OverflowError) as error:
            self._owner.unsent(send, str(error))

    def _readable(self) -> None:
        for _ in range(_READS_A_TURN_MAX):
            if self.socket is None:  # closed by what came
                return
            try:
                data, address = self.socket.recvfrom(_DATAGRAM_BYTES_MAX)
            except (BlockingIOError, InterruptedError):
                return
            except OSError as error:
                # An ICMP error of an earlier send; the layer's timers deal with the silence.
                _log.debug("reading from the SIP socket: %s", error)
                continue
            self._owner.message(data, (str(address[0]), int(address[1])))
