"""Offer and answer over the life of one dialog (RFC 3264, RFC 6337): who has offered, what is in force.

A description in one direction is an offer until the other side has answered it or refused the request that
carried it. Meanwhile neither side may make another (RFC 3264 4), whatever message it would go in: INVITE, 200,
ACK, PRACK and UPDATE all carry both. So the state belongs to the dialog and not to a transaction, and every body
that is a session description goes through here:

* `idle`: nothing is open; either side may offer.
* `offer_out`: ours is open. One of the peer's crosses it: 491 (RFC 3311 5.2, RFC 6337 4).
* `offer_in`: the peer's is open. Another one: 500 with Retry-After (RFC 3311 5.2).

What is refused leaves the session as it was (RFC 3261 14.1). The version in `o=` grows by one whenever what we
say differs from what we said last, and only then (RFC 3264 8); that counts for refused offers too, so that one
version never means two descriptions. Who forks an INVITE has one negotiation for each early dialog: `forked`.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from gateways.sip.admission import Refusal
from gateways.sip.capabilities import SERVER_NAME
from gateways.sip.errors import NoCommonCodecError, SdpError
from gateways.sip.limits import REASON_CHARS_MAX
from gateways.sip.sdp import (
    Direction,
    LocalMedia,
    MediaAgreement,
    SessionDescription,
    accept_answer,
    answer_offer,
    make_offer,
    offer_again,
    parse_sdp,
)

_RETRY_S_MAX = 10  # RFC 3311 5.2: between 0 and 10 s, chosen by chance


def refuse_offer(error: SdpError | NoCommonCodecError) -> Refusal:
    """How to answer a request whose offer cannot be taken (RFC 3261 13.3.1.3, 20.43)."""
    if isinstance(error, SdpError):
        return Refusal(400, f"Bad SDP - {error}"[:REASON_CHARS_MAX])
    return Refusal(488, headers=(("Warning", f'305 {SERVER_NAME} "Incompatible media format"'),))


class Negotiation:
    """The session descriptions of one dialog."""

    __slots__ = (
        "_answer",
        "_heard",
        "_incoming",
        "_last_said",
        "_local",
        "_offered",
        "_said",
        "_wanted",
        "agreement",
        "state",
    )

    def __init__(self, local: LocalMedia) -> None:
        """`local.version` is the version of the first description."""
        self.state: Literal["idle", "offer_out", "offer_in"] = "idle"
        self.agreement: MediaAgreement | None = None  # in force
        self._local = local
        self._wanted = local.direction  # by the offer that is open
        self._said: SessionDescription | None = None  # ours that is in force
        self._heard: SessionDescription | None = None  # the peer's
        self._offered: SessionDescription | None = None  # ours that is open
        self._incoming: SessionDescription | None = None  # the peer's that is open
        self._answer: tuple[SessionDescription, MediaAgreement] | None = None  # what it will be answered with
        self._last_said = b""

    def forked(self) -> Negotiation:
        """Of another early dialog that the same INVITE made: the same offer of ours is open in it."""
        if self._offered is None:
            raise ValueError("no offer of ours is open")
        other = Negotiation(self._local)
        other.state, other._offered, other._last_said = "offer_out", self._offered, self._last_said
        other._wanted = self._wanted
        return other

    # Our offers

    def make_offer(self, direction: Direction | None = None, *, unchanged: bool = False) -> bytes:
        """Our offer: every stream of the session that there is. `direction`: from its answer on (hold, resume).

        `unchanged`: what is in force, word for word, which only refreshes the session (RFC 4028 7.4).
        """
        if self.state != "idle":
            raise ValueError(f"an offer is open: {self.state}")
        self._wanted = direction or self._local.direction
        local = msgspec.structs.replace(self._local, direction=self._wanted)
        if self._said is None or self._heard is None or self.agreement is None:
            offer = make_offer(local)
        elif unchanged:
            offer = self._said
        else:
            offer = offer_again(local, self._said, self._heard, self.agreement)
        self._offered = self._versioned(offer)
        self.state = "offer_out"
        return self._last_said

    def preview_answer(self, body: bytes) -> MediaAgreement:
        """What an unreliable 18x says about the answer that the 2xx will bring (RFC 3261 13.2.1).

        The offer stays open. Raises `SdpError` and `NoCommonCodecError`; the session is as before.
        """
        if self._offered is None:
            raise ValueError("no offer of ours is open")
        return accept_answer(self._offered, parse_sdp(body))

    def take_answer(self, body: bytes) -> MediaAgreement:
        """The answer to our offer, in force from now on.

        Raises `SdpError` and `NoCommonCodecError`: then nothing is open any longer and the session is as before,
        but the peer believes otherwise, so the call had better end (RFC 3261 13.2.2.4).
        """
        offered = self._offered
        if offered is None:
            raise ValueError("no offer of ours is open")
        self.rolled_back()
        answer = parse_sdp(body)
        self.agreement = accept_answer(offered, answer)
        self._said, self._heard = offered, answer
        self._local = msgspec.structs.replace(self._local, direction=self._wanted)
        return self.agreement

    # The peer's offers

    def take_offer(self, body: bytes) -> Refusal | None:
        """An offer of the peer; None: `make_answer` when the request is accepted, else `rolled_back`."""
        if self.state == "offer_out":
            return Refusal(491)
        if self.state == "offer_in":
            retry_after_s = sum(body) % (_RETRY_S_MAX + 1)
            return Refusal(500, headers=(("Retry-After", str(retry_after_s)),))
        try:
            offer = parse_sdp(body)
            self._answer = answer_offer(offer, self._local)
        except (SdpError, NoCommonCodecError) as error:
            return refuse_offer(error)
        self._incoming = offer
        self.state = "offer_in"
        return None

    def early_answer(self) -> tuple[bytes, MediaAgreement]:
        """What `make_answer` will say, for an 18x that may get lost (RFC 3261 13.2.1): the offer stays open until then."""
        if self._answer is None:
            raise ValueError("no offer of the peer is open")
        said, agreement = self._answer
        self._versioned(said)
        return self._last_said, agreement

    def make_answer(self) -> tuple[bytes, MediaAgreement]:
        """Our answer to the open offer, in force from now on."""
        offer, answer = self._incoming, self._answer
        if offer is None or answer is None:
            raise ValueError("no offer of the peer is open")
        self.rolled_back()
        self._said, self._heard, self.agreement = self._versioned(answer[0]), offer, answer[1]
        return self._last_said, self.agreement

    def rolled_back(self) -> None:
        """The open offer, of either side, was refused or came to nothing: the session is as before."""
        self.state = "idle"
        self._offered = self._incoming = self._answer = None

    def _versioned(self, said: SessionDescription) -> SessionDescription:
        said = said.with_version(self._local.version)
        body = said.to_bytes()
        if self._last_said and body != self._last_said:
            self._local = msgspec.structs.replace(self._local, version=self._local.version + 1)
            said = said.with_version(self._local.version)
            body = said.to_bytes()
        self._last_said = body
        return said
