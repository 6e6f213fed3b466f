"""One call: what the core wants of it, carried out on the legs of caller and operator.

What is heard is one thing at a time: each `Play`, `PlayMusic` (`sound.py`) and `Join` replaces what was there. When the caller
is gone everything of the call ends here and now, with or without a core.

Several phones may ring for one call, each for an offer of its own. Which of those that answer has the caller is the
core's decision: it joins one and ends the others, wherever they are by then. One that still rings is cancelled, one
that answers across the CANCEL or was answered before is hung up.

A call that begins with us is one whose caller is the number that an operator dialled (`dialling.py`).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Protocol

import msgspec

from acd_core.domain import commands, events
from gateways.edge.audio_leg import AudioLeg
from gateways.edge.borrowed import Borrowed, BorrowedBrowser, BorrowedPhone
from gateways.edge.dialling import DialledSide
from gateways.edge.notes import RecordedPart
from gateways.edge.outside_leg import OutsideLeg
from gateways.edge.parts import Parts
from gateways.edge.phone_leg import PhoneLeg
from gateways.edge.recordings import recording_path
from gateways.edge.sound import Sound
from gateways.edge.sources import RateLimiter
from gateways.edge.tones import ringback
from gateways.sip.reason import COMPLETED_ELSEWHERE, Reason

_log = logging.getLogger(__name__)


class CallerSide(Protocol):
    """The caller's leg, over SIP or from the page."""

    audio: AudioLeg
    answered: bool
    hops: int | None  # Max-Forwards of the INVITEs that are made for it; None: it has none left

    def ring(self) -> None:
        """Tell the caller that we are at it."""

    def progress(self, max_ms: int = 0) -> None:
        """Audio begins, without an answer, for so long."""

    def answer(self) -> None:
        """Audio begins."""

    def refuse(self, status: int, reason: str, retry_after_s: int = 0) -> None:
        """Not answered and never will be."""

    def end(self, cause: str) -> None:
        """Over."""


class OperatorPhone(Protocol):
    """An operator's phone, which was rung or which dialled."""

    agent: str
    offer: int

    @property
    def audio(self) -> AudioLeg:
        """What is joined."""

    @property
    def answered(self) -> bool:
        """It can be joined."""

    def end(self, reason: Reason | None = None) -> None:
        """Hang up, or ring no longer."""

    def transfer_answered(self, command: commands.TransferAnswered) -> None:
        """What becomes of a transfer that it asked for."""


class Joined(msgspec.Struct, frozen=True):
    """The operator the caller talks to."""

    agent: str
    offer: int
    part: int
    leg: str
    audio: AudioLeg  # compared by identity


class Call:
    """One call."""

    def __init__(
        self,
        parts: Parts,
        call_id: str,
        caller: CallerSide,
        over: Callable[[Call | OperatorPhone], None],
        arrival: events.CallArrived | None = None,
    ) -> None:
        """Made by `Calls`; `over` hears when it ended, or one of its phones. `arrival` is what the core shall decide about."""
        self._parts, self._over = parts, over
        self.id, self.arrival, self.caller = call_id, arrival, caller
        self.decided = arrival is None  # the core has said something about it
        self.dialled: DialledSide | None = None  # the caller's side, when it is one that we call
        self.ended = False
        self.joined: Joined | None = None
        self.phones: dict[int, OperatorPhone] = {}
        self._ringback: AudioLeg | None = None  # of the operator, who hears it ring
        self._browser: BorrowedBrowser | None = None  # the operator's, where it is at another edge
        self._sound = Sound(parts, call_id, caller)
        self.timer: asyncio.TimerHandle | None = None
        # Each key is an entry of the core's journal: nobody may write there as fast as they can send packets.
        self._keys = RateLimiter(parts.limits.keys_per_second, parts.limits.keys_burst, 1)

    def ringing(self) -> tuple[int, ...]:
        """Offers whose phones the caller is not joined to: they ring, or the core has not heard of their answer."""
        joined = self.joined.audio if self.joined is not None else None
        return tuple(offer for offer, phone in self.phones.items() if phone.audio is not joined)

    # --- from the legs ----------------------------------------------------------------------------

    def caller_gone(self, cause: str, reason: str = "") -> None:
        """The caller ended the call, or their leg failed; `reason` as the other network gave it (RFC 3326)."""
        if not self.ended:
            self._parts.tell(events.CallerHungUp(call=self.id, cause=cause, reason=reason))
            self._finish()

    def answered_early(self) -> None:
        """The caller's leg is answered without the core's word."""
        if not self.ended:
            self._parts.tell(events.CallerAnswered(call=self.id))

    def key_pressed(self, key: str) -> None:
        """The caller pressed a key."""
        if not self.ended and self._keys.allow(self.id, self._parts.clock.monotonic_ms()):
            self._parts.tell(events.KeyPressed(call=self.id, key=key))

    def played(self, play: int, failed: bool) -> None:
        """The engine is through with a playback."""
        self._sound.played(play, failed)

    @property
    def dialling(self) -> bool:
        """One of ours that nobody has answered yet."""
        return self.dialled is not None and not self.dialled.answered

    def let_hear(self, command: commands.DialOut) -> None:
        """The operator hears what comes before the answer, and is heard; nothing of it is recorded."""
        self._stop_ringback()
        operator = self._who_dials(command)
        if operator is not None and self.joined is None:
            self._parts.audio.join(self.caller.audio, operator)

    def let_hear_ringing(self, command: commands.DialOut) -> None:
        """It rings there, and nothing comes from there: the operator hears what their own network would have them hear."""
        operator = self._who_dials(command)
        if operator is not None and self.joined is None and self._ringback is None:
            self._ringback = operator
            operator.play_tone(ringback(self._parts.country))

    def _who_dials(self, command: commands.DialOut) -> AudioLeg | None:
        phone = self.phones.get(command.offer)
        return self._parts.operator_legs.get(command.leg) if phone is None else phone.audio

    def _stop_ringback(self) -> None:
        if self._ringback is not None:
            self._ringback.stop_playing()
            self._ringback = None

    def dial_progress(self, status: int) -> None:
        """It rings there (180), or is heard (183)."""
        self._parts.tell(events.DialProgress(call=self.id, status=status))

    def dial_answered(self, trunk: str) -> None:
        """Whom the operator called has picked up."""
        self._parts.tell(events.DialAnswered(call=self.id, trunk=trunk))

    def dial_failed(self, status: int, cause: str, trunk: str) -> None:
        """Nobody was reached."""
        if not self.ended:
            self._parts.tell(events.DialFailed(call=self.id, status=status, cause=cause, trunk=trunk))
            self._finish()

    def phone_answered(self, phone: OperatorPhone) -> None:
        """The operator's phone took the call, or is there to dial with."""
        if self.dialled is not None and self.dialling:
            self.dialled.operator_there()
            return
        self._parts.tell(events.PhoneAnswered(agent=phone.agent, call=self.id, offer=phone.offer))

    def phone_failed(self, phone: OperatorPhone, status: int, cause: str = "") -> None:
        """It could not be rung."""
        self._drop_phone(phone.offer)
        self._parts.tell(
            events.PhoneFailed(agent=phone.agent, call=self.id, offer=phone.offer, status=status, cause=cause)
        )

    def device_gone(self, device: Borrowed) -> None:
        """It was at another edge, which does not have it for us any more."""
        if device is self._browser:
            self._browser = None
            self._over(device)
        elif self.phones.get(device.offer) is device:
            self._drop_phone(device.offer)
        if self.joined is not None and self.joined.audio is device.audio:
            self.joined = None

    def phone_hung_up(self, phone: OperatorPhone, *, handing: bool = False) -> None:
        """The operator hung up; the phone's audio leg is gone, and with it the recording's right side.

        `handing`: the core has not said what becomes of the transfer that they asked for.
        """
        self._drop_phone(phone.offer)
        if self.joined is not None and self.joined.audio is phone.audio:
            self.joined = None
        self._parts.tell(events.PhoneHungUp(agent=phone.agent, call=self.id, handing=handing))
        if self.dialling and not self.ended:  # whoever picked up now would find nobody, core or no core
            self._finish()
            self.caller.end("agent_hung_up")

    # --- from the core ----------------------------------------------------------------------------

    def refuse(self, command: commands.RefuseCall) -> None:
        """Final error."""
        self._finish()
        self.caller.refuse(command.status, command.reason, command.retry_after_s)

    def ring_caller(self, command: commands.RingCaller) -> None:
        """180."""
        self.caller.ring()

    def progress_caller(self, command: commands.ProgressCaller) -> None:
        """183."""
        self.caller.progress(command.max_ms)

    def answer_caller(self, command: commands.AnswerCaller) -> None:
        """200."""
        self.caller.answer()

    def play(self, command: commands.Play) -> None:
        """Prompts, once."""
        self._sound.play(command)

    def play_music(self, command: commands.PlayMusic) -> None:
        """Announcements, then music without end."""
        self._sound.loop(command)

    def end(self, command: commands.EndCall) -> None:
        """The core ends the call."""
        self._finish()
        self.caller.end(command.cause)

    def ring_phone(self, command: commands.RingPhone) -> None:
        """Offer the call to an operator's phone."""
        phone = self.phones.get(command.offer)
        if phone is not None:
            if phone.answered:
                self.phone_answered(phone)  # a core that lost its memory asks once more
        elif len(self.phones) < self._parts.limits.phones_a_call_max:
            here = command.at in ("", self._parts.edge)
            kind = PhoneLeg if here else BorrowedPhone
            self.phones[command.offer] = kind(self._parts, self, command)
        else:
            _log.error("call %s: %d phones ring already, no further one is rung", self.id, len(self.phones))
            self._parts.tell(
                events.PhoneFailed(agent=command.agent, call=self.id, offer=command.offer, status=503)
            )

    def end_phone(self, command: commands.EndPhone) -> None:
        """No longer."""
        phone = self._drop_phone(command.offer)
        if phone is not None:
            reason: Reason | None = None
            if self.joined is not None and self.joined.audio is phone.audio:
                self._part_now()
            elif self.joined is not None:
                reason = COMPLETED_ELSEWHERE  # by another operator, so this phone shows no missed call
            phone.end(reason)

    def take_over(self, other: Call, offer: int) -> None:
        """The operator of another call comes over, with the phone if they have one; `join` follows."""
        phone = other.give_up(offer)
        if isinstance(phone, PhoneLeg):
            self.phones[offer] = phone
            phone.moved_to(self)

    def give_up(self, offer: int) -> OperatorPhone | None:
        """The operator leaves for another call."""
        self._part_now()
        return self.phones.pop(offer, None)

    def transfer_answered(self, command: commands.TransferAnswered) -> None:
        """Tell the phone that asked for it."""
        phone = self.phones.get(command.offer)
        if phone is not None:
            phone.transfer_answered(command)

    def dial_outside(self, command: commands.DialOutside) -> None:
        """Call the number that the caller is handed on to. Said again, it changes nothing."""
        if command.attempt not in self.phones:
            leg = OutsideLeg(self._parts, self, command)
            self.phones[command.attempt] = leg
            leg.begin()

    def outside_gone(self, leg: OutsideLeg) -> bool:
        """It is no part of the call any more; false when it was none."""
        if self.joined is not None and self.joined.audio is leg.audio:
            self.joined = None
        return self._drop_phone(leg.offer) is not None

    def join(self, command: commands.Join) -> None:
        """Caller and operator hear each other and are recorded. Said again, it changes nothing."""
        audio = self._operator_audio(command)
        if audio is None:
            return
        joined = Joined(command.agent, command.offer, command.part, command.leg, audio)
        if joined == self.joined:
            return
        if self._browser is not None and self._browser.audio is not audio:
            self._return_browser()
        self._sound.stop()
        self._stop_ringback()
        self._part_now()
        self.joined = joined
        self._parts.audio.join(self.caller.audio, audio)
        if command.unrecorded:
            return
        now_ms = self._parts.clock.now_ms()
        self._parts.audio.start_recording(
            f"{self.id}-{command.part}",
            self.caller.audio,
            audio,
            self._parts.recordings.folder / recording_path(self.id, command.part, now_ms),
            RecordedPart(self.id, command.part, command.agent, now_ms),
        )

    def send_keys(self, command: commands.SendKeys) -> None:
        """The operator presses keys for the other side."""
        self.caller.audio.press(command.keys)

    def part(self, command: commands.Part) -> None:
        """They no longer hear each other."""
        if self.joined is not None and (self.joined.agent, self.joined.part) == (command.agent, command.part):
            self._part_now()
        if self._browser is not None and self._browser.command.part == command.part:
            self._return_browser()

    # --- inside -----------------------------------------------------------------------------------

    def _operator_audio(self, command: commands.Join) -> AudioLeg | None:
        """The operator's leg; when it has gone meanwhile, the core hears that again."""
        if command.leg and command.at not in ("", self._parts.edge):
            return self._borrowed_audio(command)
        if command.leg:
            audio = self._parts.operator_legs.get(command.leg)
            if audio is None:
                self._parts.tell(events.AudioLost(agent=command.agent, leg=command.leg))
            return audio
        phone = self.phones.get(command.offer)
        if phone is not None and phone.answered:
            return phone.audio
        if command.agent:
            self._parts.tell(events.PhoneHungUp(agent=command.agent, call=self.id))
        else:
            self._parts.tell(events.OutsideHungUp(call=self.id, attempt=command.offer, cause="lost_at_edge"))
        return None

    def _borrowed_audio(self, command: commands.Join) -> AudioLeg | None:
        """Of a browser at another edge; until that has answered the caller hears what they heard."""
        browser = self._browser
        if browser is not None and (browser.command.leg, browser.edge) == (command.leg, command.at):
            browser.command = command
            return browser.audio if browser.answered else None
        self._return_browser()
        self._browser = BorrowedBrowser(self._parts, self, command)
        return None

    def _return_browser(self) -> None:
        if self._browser is not None:
            self._browser.end()
            self._over(self._browser)
            self._browser = None

    def _part_now(self) -> None:
        if self.joined is not None:
            self._parts.audio.part(self.caller.audio, self.joined.audio)
            self._parts.audio.stop_recording(f"{self.id}-{self.joined.part}")
            self.joined = None

    def _finish(self) -> None:
        """Everything of the call ends but the caller's leg; from here on nobody is told anything."""
        if self.ended:
            return
        self.ended = True
        if self.timer is not None:
            self.timer.cancel()
        self._sound.stop()
        self._stop_ringback()
        self._part_now()
        self._return_browser()
        for phone in self.phones.values():
            phone.end()
            self._over(phone)
        self.phones.clear()
        self._over(self)

    def _drop_phone(self, offer: int) -> OperatorPhone | None:
        """It is no phone of this call any more."""
        phone = self.phones.pop(offer, None)
        if phone is not None:
            self._over(phone)
        return phone
