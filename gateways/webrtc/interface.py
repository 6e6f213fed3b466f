"""What a browser-audio gateway does, whoever does it: the process hands it a page's offer and hears when the
leg is up and when it is over.

A leg has two sides. Towards the page it is WebRTC (ICE, DTLS-SRTP), PCMU only. Towards the audio engine it is
plain RTP, PCMU of 20 ms, on loopback: audio for the page comes to `relay`, audio of the page goes to the
engine's address. A gateway sends the engine only what the page sent, so a page that vanished is heard as a
leg that fell silent.
"""

from __future__ import annotations

from typing import NamedTuple, Protocol

# Why a leg is over.
CLOSED = "closed"  # the page closed it
FAILED = "failed"  # it never came up, or broke
LOST = "lost"  # the page fell silent: its machine or network is gone
BAD_OFFER = "bad_offer"
TOO_MANY = "too_many"


class Address(NamedTuple):
    """Where UDP goes: an IP address and a port."""

    host: str
    port: int


class BadOfferError(Exception):
    """The page's offer can't be answered; the text says why, for the log."""


class LegEvents(Protocol):
    """Who is told about a leg, in the loop's thread. After `closed` nothing follows."""

    def connected(self) -> None:
        """ICE and DTLS are up."""

    def closed(self, reason: str) -> None:
        """The leg ended by itself and everything it held is free or being freed; not called after
        `BrowserLeg.close`.
        """


class BrowserLeg(Protocol):
    """One page's audio."""

    @property
    def answer(self) -> str:
        """The SDP answer for the page."""

    @property
    def relay(self) -> Address:
        """Where the engine sends this leg's audio."""

    def move(self, engine: Address) -> None:
        """The engine now sends from and listens at `engine`."""

    async def close(self) -> None:
        """Say goodbye to the page and free everything; harmless when the leg is over already."""


class BrowserAudio(Protocol):
    """A gateway that makes legs."""

    async def open(self, offer: str, engine: Address, events: LegEvents) -> BrowserLeg:
        """Answer a page's offer; raise `BadOfferError` when that is impossible, with nothing left behind."""

    async def stop(self) -> None:
        """Free what the legs share, when all of them are closed."""
