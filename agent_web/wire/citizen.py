"""`/ws/call`: a citizen's test call."""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

import msgspec

from agent_web.wire.base import Asked, PhoneNumber, SdpText
from agent_web.wire.desk import AudioAnswer, AudioEnded
from agent_web.wire.sockets import Core, Error, Ping, Pong


class CallOffer(Asked, tag="call_offer", frozen=True, kw_only=True):
    """A citizen's test call: the number they dial, their own number if they give one (unverified), the page's
    SDP offer.
    """

    dialled: PhoneNumber
    sdp: SdpText
    caller: Annotated[str, msgspec.Meta(pattern=r"^(\+?[0-9]{3,20})?$(?!\n)")] = ""


class CallKey(Asked, tag="key", frozen=True, kw_only=True):
    """A key of the dial pad."""

    key: Literal["0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "*", "#"]


class CallHangUp(Asked, tag="hang_up", frozen=True, kw_only=True):
    """The citizen hangs up."""


CallToServer: TypeAlias = CallOffer | CallKey | CallHangUp | Pong
CallToPage: TypeAlias = Core | AudioAnswer | AudioEnded | Error | Ping
