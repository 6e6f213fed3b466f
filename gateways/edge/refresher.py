"""Keeps a session within its time (RFC 4028): says what it may last, refreshes it, and ends it when nobody did.

Our refresh is an UPDATE without a session description where the other end takes that (7.4), else a re-INVITE that offers
what is in force already. It may find another request under way, of theirs or ours; then it is tried again a little
later, as RFC 3261 14.1 wants it. One that nobody answers, or that meets a peer who knows nothing of the dialog, ends
the session at once; any other refusal leaves it to its time.
"""

from __future__ import annotations

import logging
import random
from collections.abc import Callable

from gateways.edge.alarms import Alarm, Alarms
from gateways.edge.audio_leg import AudioLeg
from gateways.edge.clock import Clock
from gateways.edge.line import Line
from gateways.edge.terms import connect
from gateways.sip.admission import Refusal
from gateways.sip.errors import NoCommonCodecError, SdpError
from gateways.sip.events import ClientKey
from gateways.sip.message import Request, Response
from gateways.sip.negotiation import Negotiation
from gateways.sip.reliable import lists_option
from gateways.sip.session_timer import SessionTimer

_log = logging.getLogger(__name__)

# RFC 3261 14.1: the end that chose the Call-ID waits longer, so that not both try again at once.
_AGAIN_MS = {True: (2_100, 4_000), False: (0, 2_000)}
_REFUSED_MAX = 3  # 422 in a row


class Refresher:
    """The session timer of one dialog at work."""

    def __init__(
        self,
        line: Line,
        negotiation: Negotiation,
        audio: AudioLeg,
        timer: SessionTimer,
        alarms: Alarms,
        clock: Clock,
        over: Callable[[], None],
        *,
        called: bool,
    ) -> None:
        """`over`: nobody refreshed, or nobody is there. `called`: the dialog began with an INVITE of ours."""
        self._line, self._negotiation, self._audio = line, negotiation, audio
        self._timer, self._alarms, self._clock = timer, alarms, clock
        self._over, self._called = over, called
        self._alarm: Alarm | None = None
        self._refused = 0
        self._again_due = self._stopped = False
        self._updates = False  # the other end takes UPDATE
        self._set()

    def peer_said(self, message: Request | Response) -> None:
        """What the other end can do stands in its Allow."""
        if message.get("Allow") is not None:
            self._updates = lists_option(message, "Allow", "UPDATE")

    def judge(self, request: Request) -> Refusal | None:
        """Whether an INVITE or UPDATE asks for too short a session."""
        return self._timer.judge(request)

    def answer_headers(self, request: Request) -> list[tuple[str, str]]:
        """For a 2xx of ours to it."""
        return self._timer.answer_headers(request)

    def agreed(self, response: Response, *, ours: bool) -> None:
        """A 2xx to an INVITE or UPDATE, sent or received."""
        self._timer.agreed(response, ours=ours, now_ms=self._clock.monotonic_ms())
        self._set()

    def stop(self) -> None:
        """The session is over, or another dialog's."""
        self._stopped = True
        self._timer.stop()
        self._set()

    def _set(self, at_ms: int | None = None) -> None:
        """Wake up when the timer says, or before."""
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None
        due_ms = self._timer.next_deadline_ms()
        if due_ms is not None:
            self._alarm = self._alarms.at(due_ms if at_ms is None else min(at_ms, due_ms), self._due)

    def _due(self) -> None:
        self._alarm = None
        what = self._timer.due(self._clock.monotonic_ms())
        if what == "end":
            self._over()
            return
        refresh, self._again_due = self._again_due or what == "refresh", False
        self._set()  # for the end, unless the refresh is answered before
        if refresh:
            self._refresh()

    def _refresh(self) -> None:
        headers = self._timer.offer_headers()
        if self._updates:
            sent = self._line.request("UPDATE", self._updated, headers=headers)
        elif self._line.dialog.invite_pending or self._negotiation.state != "idle":
            sent = False
        else:
            body = self._negotiation.make_offer(unchanged=True)
            sent = self._line.request("INVITE", self._reinvited, headers=headers, body=body)
            if not sent:
                self._negotiation.rolled_back()
        if not sent:
            self._again()

    def _again(self) -> None:
        self._again_due = True
        self._set(self._clock.monotonic_ms() + random.randint(*_AGAIN_MS[self._called]))

    def _updated(self, key: ClientKey, status: int, response: Response | None) -> None:
        if status in (405, 501):  # its Allow said otherwise
            self._updates = False
            self._again()
            return
        self._answered(status, response)

    def _reinvited(self, key: ClientKey, status: int, response: Response | None) -> None:
        if response is None or status >= 300:
            self._negotiation.rolled_back()
            self._answered(status, response)
            return
        self._line.acknowledge(key, response.cseq.number)
        if self._stopped:
            return
        try:
            connect(self._audio, self._negotiation.take_answer(response.body), self._line.peer.host)
        except (SdpError, NoCommonCodecError) as error:
            _log.warning("%s refreshed with unusable audio: %s", self._line.peer.host, error)
            self._over()
            return
        self._answered(status, response)

    def _answered(self, status: int, response: Response | None) -> None:
        if self._stopped:
            return
        if response is None or status in (408, 481):
            self._over()  # RFC 3261 12.2.1.2, RFC 4028 10
        elif status < 300:
            self._refused = 0
            self.peer_said(response)
            self.agreed(response, ours=True)
        elif status == 422 and self._timer.refused(response) and self._refused < _REFUSED_MAX:
            self._refused += 1
            self._refresh()
        elif status == 491:
            self._again()
        else:
            _log.warning("%s refuses to refresh the session: %d", self._line.peer.host, status)
