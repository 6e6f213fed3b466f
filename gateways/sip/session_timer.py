"""Session timers (RFC 4028): a session that nobody refreshes in time is over, however its BYE was lost.

A 2xx to an INVITE or UPDATE says how long the session lasts and who refreshes it, by another INVITE or UPDATE.
`SessionTimer` is one dialog's view of that, the same for caller and callee: it makes the header fields, judges what
is asked, takes what was agreed and says when something is due. Whoever refreshes does so at half the interval (7.2);
if by the end nothing was agreed anew, either side sends BYE, a third of the interval or at most 32 s early (10).

A peer that asks for no timer gets none: `Session-Expires` is answered, never added to its request. Towards one that
we call, it is offered, and an answer without it means that there is none.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from gateways.sip.admission import Refusal
from gateways.sip.errors import SipParseError
from gateways.sip.limits import EXPIRES_S_MAX
from gateways.sip.message import Message, Request, Response
from gateways.sip.reliable import lists_option
from gateways.sip.scan import parse_number, parse_params

OPTION = "timer"
METHODS = ("INVITE", "UPDATE")  # session refresh requests (RFC 4028 3)
SHORTEST_S = 90  # RFC 4028 4: nobody may ask for less
_EARLY_S_MAX = 32  # RFC 4028 10

Refresher = Literal["uac", "uas"]


class SessionExpires(msgspec.Struct, frozen=True):
    """RFC 4028 4."""

    seconds: int
    refresher: Refresher | None = None

    @classmethod
    def parse(cls, text: str) -> SessionExpires:
        """The value of a Session-Expires header field."""
        seconds, semicolon, rest = text.partition(";")
        refresher = parse_params(semicolon + rest, "Session-Expires").get("refresher")
        number = parse_number(seconds.strip(" \t"), EXPIRES_S_MAX, "Session-Expires")
        match (refresher or "").lower():
            case "":
                return cls(number)
            case "uac":
                return cls(number, "uac")
            case "uas":
                return cls(number, "uas")
        raise SipParseError("bad refresher", "Session-Expires")

    def __str__(self) -> str:
        """The value as it is written."""
        return f"{self.seconds};refresher={self.refresher}" if self.refresher else str(self.seconds)


def _session_expires(message: Message) -> SessionExpires | None:
    text = message.get("Session-Expires")
    return None if text is None else SessionExpires.parse(text)


def _min_se(message: Message) -> int:
    """RFC 4028 5: 90 when absent."""
    text = message.get("Min-SE")
    if text is None:
        return SHORTEST_S
    return max(SHORTEST_S, parse_number(text.partition(";")[0].strip(" \t"), EXPIRES_S_MAX, "Min-SE"))


class SessionTimer:
    """The timer of one dialog."""

    __slots__ = ("_ends_at_ms", "_expires_s", "_min_se_s", "_own_min_s", "_refresh_at_ms", "_we_refresh")

    def __init__(self, expires_s: int = 1_800, min_se_s: int = SHORTEST_S) -> None:
        """What we would like, and the least that we take."""
        self._own_min_s = max(SHORTEST_S, min_se_s)
        self._min_se_s = self._own_min_s  # grows with what the path tells
        self._expires_s = max(expires_s, self._own_min_s)
        self._we_refresh: bool | None = None  # None: no timer runs
        self._refresh_at_ms: int | None = None
        self._ends_at_ms: int | None = None

    # What we send

    def offer_headers(self) -> list[tuple[str, str]]:
        """For an INVITE or UPDATE of ours; `timer` stands in Supported besides (RFC 4028 7.1, 7.4)."""
        refresher: Refresher | None = None
        if self._we_refresh is not None:
            refresher = "uac" if self._we_refresh else "uas"  # 7.4: as it is, seen from this request
        offer = SessionExpires(self._expires_s, refresher)
        headers = [("Session-Expires", str(offer))]
        if self._min_se_s > SHORTEST_S:
            headers.append(("Min-SE", str(self._min_se_s)))
        return headers

    def answer_headers(self, request: Request) -> list[tuple[str, str]]:
        """For a 2xx of ours to this INVITE or UPDATE, which `judge` let pass (RFC 4028 9)."""
        asked = _session_expires(request)
        if asked is None:
            return []
        seconds = max(min(asked.seconds, self._expires_s), _min_se(request), self._own_min_s)
        if not lists_option(request, "Supported", OPTION):
            # 9, table 2: a proxy asked for it, and the caller knows nothing of timers.
            return [("Session-Expires", str(SessionExpires(seconds, "uas")))]
        answer = SessionExpires(seconds, asked.refresher or "uac")
        headers = [("Session-Expires", str(answer))]
        return [*headers, ("Require", OPTION)] if answer.refresher == "uac" else headers

    # What comes

    def judge(self, request: Request) -> Refusal | None:
        """Whether an INVITE or UPDATE asks for too short a session (RFC 4028 9), or cannot be understood."""
        try:
            asked = _session_expires(request)
            _min_se(request)
        except SipParseError as error:
            return Refusal(error.status, f"Bad Request - {error}")
        # A caller without timers could make nothing of a 422: its session is lengthened instead.
        if (
            asked is None
            or asked.seconds >= self._own_min_s
            or not lists_option(request, "Supported", OPTION)
        ):
            return None
        return Refusal(422, headers=(("Min-SE", str(self._own_min_s)),))

    def refused(self, response: Response) -> bool:
        """A 422 to a request of ours: whether it is worth sending again with new `offer_headers` (RFC 4028 7.3)."""
        try:
            wanted_s = _min_se(response)
        except SipParseError:
            return False
        if response.status != 422 or wanted_s <= self._min_se_s:
            return False
        self._min_se_s = wanted_s
        self._expires_s = max(self._expires_s, wanted_s)
        return True

    def agreed(self, response: Response, *, ours: bool, now_ms: int) -> None:
        """A 2xx to an INVITE or UPDATE was received, or sent. `ours`: the request was ours."""
        try:
            agreed = _session_expires(response)
        except SipParseError:
            agreed = None
        if agreed is None:
            self.stop()  # 7.2: a 2xx without it ends the timer
            return
        # 7.2: who answers a request of ours without a word on who refreshes leaves it to us.
        self._we_refresh = ((agreed.refresher or "uac") == "uac") is ours
        seconds = max(agreed.seconds, SHORTEST_S)
        self._refresh_at_ms = now_ms + seconds * 500 if self._we_refresh else None
        self._ends_at_ms = now_ms + (seconds - min(_EARLY_S_MAX, seconds // 3)) * 1_000

    def stop(self) -> None:
        """No timer runs."""
        self._we_refresh = self._refresh_at_ms = self._ends_at_ms = None

    # The clock

    @property
    def runs(self) -> bool:
        """The session has an end unless it is refreshed."""
        return self._ends_at_ms is not None

    def next_deadline_ms(self) -> int | None:
        """When to ask `due`."""
        return self._refresh_at_ms if self._refresh_at_ms is not None else self._ends_at_ms

    def due(self, now_ms: int) -> Literal["refresh", "end"] | None:
        """What is to be done now; each is said once, and `refresh` anew after the next agreement."""
        if self._ends_at_ms is not None and now_ms >= self._ends_at_ms:
            self.stop()
            return "end"
        if self._refresh_at_ms is not None and now_ms >= self._refresh_at_ms:
            self._refresh_at_ms = None
            return "refresh"
        return None
