"""Ports for servers that a test starts.

They lie below the range out of which the system gives ports to outgoing connections (32768 and up on Linux): a port asked for
with `bind(0)` and let go again may be such a connection's by the time its server binds it, and so may its neighbour, which some
phones bind too. No port is given out twice by one process, and each process begins elsewhere.
"""

from __future__ import annotations

import itertools
import os
import socket
from collections.abc import Iterator

_FIRST, _END = 10_000, 29_000
_begin = (os.getpid() * 61) % (_END - _FIRST)
_candidates: Iterator[int] = itertools.chain(range(_FIRST + _begin, _END), range(_FIRST, _FIRST + _begin))


def free_port() -> int:
    """A port that nobody has, neither for datagrams nor for streams."""
    return free_ports(1)


def free_ports(count: int) -> int:
    """The first of so many ports in a row, an even number; they are free for datagrams and for streams on every address."""
    first, found = 0, 0
    for port in _candidates:
        if found and port == first + found and _is_free(port):
            found += 1
        elif port % 2 == 0 and _is_free(port):
            first, found = port, 1
        else:
            found = 0
        if found == count:
            return first
    raise RuntimeError(f"no {count} free ports in a row between {_FIRST} and {_END}")


def _is_free(port: int) -> bool:
    for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM):
        with socket.socket(socket.AF_INET, kind) as probe:
            probe.setsockopt(
                socket.SOL_SOCKET, socket.SO_REUSEADDR, 1
            )  # what is closing already is as good as free
            try:
                probe.bind(("", port))
            except OSError:
                return False
    return True
