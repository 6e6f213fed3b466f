"""How much a host may send, and how much of what is not in order before it is not heard for a while."""

from __future__ import annotations

from typing import Literal

import msgspec

Kind = Literal[
    "malformed",  # can't be read
    "huge",  # beyond a limit on lengths or counts
    "bad_auth",  # a wrong password, with a nonce that went to this host
    "spoofed",  # in the name of a dialog or transaction that is another host's
    "scanner",  # a tool that looks for exchanges to misuse
    "sweep",  # a number or user that is not served
    "flood",  # faster than anybody needs to be; not read
    "stray",  # BYE, CANCEL and the like about nothing that exists
]

# A host is not heard for a while when its points reach `POINTS_MAX`; they fade away within a minute. A scanner has given itself
# away with one message; forty wrong passwords are more than five phones with an old one send, each of which is not heard after
# eight; a phone behind a router that mangles its messages sends one a minute.
POINTS: dict[Kind, float] = {
    "malformed": 2.0,
    "huge": 5.0,
    "bad_auth": 2.5,
    "spoofed": 10.0,
    "scanner": 100.0,
    "sweep": 8.0,
    "flood": 0.05,
    "stray": 1.0,
}
POINTS_MAX = 100.0
FADE_MS = 60_000

# A datagram's source is easily forged, so what anybody can do in another's name does not shut out a host that was seen to
# receive what we sent to it. A wrong password needs the nonce that we sent; such a host gets this many times the points,
# because many phones may stand behind one address.
UNFORGEABLE: frozenset[Kind] = frozenset(("bad_auth",))
PROVED_POINTS_TIMES = 10.0


class GuardLimits(msgspec.Struct, frozen=True, kw_only=True):
    """Messages a second and hosts remembered; of a full table the host that was quiet longest is forgotten."""

    stranger_per_second: float = 1_000.0  # a host that never proved to receive our messages
    stranger_burst: float = 3_000.0
    strangers_per_second: float = 5_000.0  # all of these together: forged sources are as many as one likes
    strangers_burst: float = 10_000.0
    proved_per_second: float = 10_000.0  # a carrier's proxy with 300 calls a second sends 3,000
    proved_burst: float = 20_000.0
    proved_for_s: float = 3_600.0
    proving_per_second: float = (
        10.0  # REGISTERs and connections of a host that is banned, maybe for what another sent
    )
    proving_burst: float = 50.0
    sources_max: int = 10_000
