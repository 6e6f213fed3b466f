"""An operator's phone asks to hand its caller on: REFER in the dialog that it talks in (RFC 3515, 4488, 5589).

Nothing is called here, and nothing goes to an address that the REFER names: of where it points to only the user counts, a
number or the phone of a colleague, and who that is and whether it may be is the core's to decide. So the host has to be ours as
the phone knows us, and what else the URI says of the way there (maddr, a password, headers) is refused or left out.

Whoever its user has asked first, in another call of the phone, is named by Replaces (RFC 3891).

The phone hears 202 at once and then by NOTIFY how it goes: 100 when the core was asked, 180 while it rings there, 200 when the
caller is handed on, or why not, and then the conversation is as it was. A core that is away is not asked, and one that says
nothing in time has refused. After 200 the phone hangs up, as its user is out of it; should it not, we do, a little later. One
that hangs up before it has heard is said to have been handing on, so that its caller is not left without anybody.
"""

from __future__ import annotations

import logging
import re
from typing import Protocol

from acd_core.domain import commands, events
from gateways.edge.alarms import Alarm
from gateways.edge.parts import Parts
from gateways.edge.session import Session, refused
from gateways.sip.admission import Refusal
from gateways.sip.build import respond
from gateways.sip.dialog import DialogId
from gateways.sip.errors import SipParseError
from gateways.sip.events import ServerKey
from gateways.sip.message import Request
from gateways.sip.refer import SIPFRAG_TYPE, Refer, Replaces, notify_headers, parse_refer, sipfrag
from gateways.sip.uri import Uri, same_host

_log = logging.getLogger(__name__)

_ASKED_MAX = 32  # in one conversation; each is an entry of the core's journal
_TARGET = re.compile(r"[A-Za-z0-9+*#._-]{1,64}")
_NOT_YOURS = Refusal(403, "Forbidden - not a call of this phone")
_FOREIGN = Refusal(403, "Forbidden - not a number here")


class TalkingPhone(Protocol):
    """The phone whose dialog it is."""

    agent: str
    offer: int
    user: str  # as it is registered
    call_id: str

    @property
    def in_conversation(self) -> bool:
        """It is joined to a caller."""


class PhoneTransfers:
    """What the REFERs in one phone's dialog ask for, one at a time."""

    def __init__(self, parts: Parts, session: Session, phone: TalkingPhone) -> None:
        """`session` is the phone's, and confirmed."""
        self._parts, self._session, self._phone = parts, session, phone
        self._asked: Refer | None = None
        self._number = 0  # of that REFER
        self._count = 0
        self._patience: Alarm | None = None
        self.handed_on = False

    @property
    def under_way(self) -> bool:
        """The core has not said what becomes of it."""
        return self._asked is not None

    def end(self) -> None:
        """The phone is out of the call: what it asked for is decided, or nobody is there to hear of it."""
        self._asked = None
        self._stop_waiting()

    def refer_received(self, key: ServerKey, refer: Request) -> None:
        """202 and then NOTIFY, or refused."""
        point = self._parts.point
        judged = self._judge(refer)
        if isinstance(judged, Refusal):
            _log.warning("phone %s: REFER refused with %d", self._phone.user, judged.status)
            point.respond(key, refused(refer, judged))
            return
        asked, target, other = judged
        # RFC 4488: who wants no NOTIFY is told that there will be none.
        headers = [] if asked.wants_notify else [("Refer-Sub", "false")]
        point.respond(key, respond(refer, 202, contact=self._session.contact, headers=headers))
        self._asked, self._number = asked, refer.cseq.number
        self._count += 1
        self._notify(100)
        clock, phone = self._parts.clock, self._phone
        due_ms = clock.monotonic_ms() + int(self._parts.timing.transfer_wait_s * 1000)
        self._patience = self._parts.alarms.at(due_ms, self._not_decided)
        self._parts.tell(
            events.TransferAsked(
                agent=phone.agent,
                call=phone.call_id,
                offer=phone.offer,
                transfer=self._number,
                target=target,
                at_ms=clock.now_ms(),
                other=other,
            )
        )

    def answered(self, command: commands.TransferAnswered) -> None:
        """The core's word; one about a REFER that was given up here comes too late to be told."""
        if self._asked is None or command.transfer != self._number:
            return
        if command.status < 200:
            self._stop_waiting()  # it is decided, and has a deadline there
            if command.status > 100:  # which the phone has heard
                self._notify(command.status)
            return
        if command.status >= 300:
            _log.info("phone %s: not handed on: %s", self._phone.user, command.reason)
        self._notify(command.status)
        self.handed_on = command.status < 300
        self.end()

    # --- inside -----------------------------------------------------------------------------------

    def _judge(self, refer: Request) -> tuple[Refer, str, str] | Refusal:
        try:
            asked = parse_refer(refer)
        except SipParseError as error:
            return Refusal(error.status, f"Bad Request - {error}" if error.status == 400 else None)
        if self._asked is not None:
            return Refusal(491)
        if not self._phone.in_conversation or self.handed_on or self._count >= _ASKED_MAX:
            return Refusal(403)
        other = self._other(asked.replaces)
        if other is None:
            return _NOT_YOURS
        target = self._target(asked.target)
        if not target:
            return _FOREIGN
        if not self._parts.core_is_up():
            return Refusal(503, headers=(("Retry-After", str(self._parts.limits.retry_after_s)),))
        return asked, target, other

    def _other(self, replaces: Replaces | None) -> str | None:
        """The call of this phone in which its user has asked somebody; empty when none is named. None: it is not theirs.

        Theirs is what they might also hang up.
        """
        if replaces is None:
            return ""
        session = self._parts.dialogs.find(DialogId(replaces.call_id, replaces.to_tag, replaces.from_tag))
        if not isinstance(session, Session) or not session.is_of(self._session.line.peer):
            return None
        if replaces.early_only and session.confirmed:  # RFC 3891 3
            return None
        call, role = session.party
        return call if role == "caller" and call != self._phone.call_id else None

    def _target(self, uri: Uri) -> str:
        """The number or user that is meant here; empty for anything that leads elsewhere."""
        text = uri.user_text
        if _TARGET.fullmatch(text) is None or uri.password is not None or "maddr" in uri.params:
            return ""
        parts = self._parts
        ours = (self._session.local.uri.host, parts.sip.realm, parts.registrar.home(self._phone.user))
        if uri.scheme != "tel" and not any(same_host(uri.host, host) for host in ours if host):
            return ""
        return text

    def _notify(self, status: int) -> None:
        """RFC 3515 2.4.5; nothing follows from its answer, the call matters more than the news of it."""
        if self._asked is not None and self._asked.wants_notify and not self._session.closed:
            expires_s = int(self._parts.timing.ring_max_s)
            headers = notify_headers(final=status >= 200, refer_cseq=self._number, expires_s=expires_s)
            self._session.notify(headers, sipfrag(status), SIPFRAG_TYPE)

    def _not_decided(self) -> None:
        _log.error("phone %s: no word from the core about a transfer, given up", self._phone.user)
        self._notify(503)
        self.end()

    def _stop_waiting(self) -> None:
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None
