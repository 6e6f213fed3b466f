"""The contacts of one phone, rung until one of them answers: a desk phone, a handset, a program on a screen.

Contacts that want calls equally (`q`) ring at once; those that want them less only when none of these could be reached or
all would not, or when they rang for a while in vain. That is a proxy's forking (RFC 3261 16.6, 16.7), with an INVITE of its
own for each contact instead of branches of one. Who answers first has the call; the others are told that it was answered
elsewhere (RFC 3326), so that they show no missed call. Who declines for everybody (6xx) ends the ringing.
"""

from __future__ import annotations

from collections import deque
from typing import Protocol

from gateways.edge.alarms import Alarm
from gateways.edge.audio_leg import AudioLeg
from gateways.edge.outgoing_leg import Failure, OutgoingLeg, Target
from gateways.edge.parts import Parts
from gateways.edge.session import Session
from gateways.sip.headers import NameAddr
from gateways.sip.reason import COMPLETED_ELSEWHERE, Reason
from gateways.sip.registrar import Binding
from gateways.sip.uri import Uri

_NOT_REGISTERED = 480
_NO_REPLY = 408


class RingingOwner(Protocol):
    """Whoever has the phone rung."""

    def picked_up(self) -> None:
        """One has answered: audio is agreed on."""

    def nobody_took_it(self, status: int) -> None:
        """None can be reached, or all decline; it is over."""

    def hung_up(self) -> None:
        """The one that answered is gone; it is over."""


class PhoneRinging:
    """One offer to all contacts of one user."""

    def __init__(
        self,
        parts: Parts,
        owner: RingingOwner,
        audio: AudioLeg,
        user: str,
        *,
        caller: str,
        name: str,
        party: tuple[str, str],
        hops: int,
    ) -> None:
        """`caller` and `name` are shown; `party` is for the trace; `hops` are what the call has left."""
        self._parts, self._owner, self._audio = parts, owner, audio
        self._user, self._caller, self._name, self._party = user, caller, name, party
        self._hops = hops
        self._groups: deque[tuple[Binding, ...]] = deque()
        self._legs: list[OutgoingLeg] = []  # that ring
        self._leg: OutgoingLeg | None = None  # that was answered
        self._failures: list[int] = []
        self._alarm: Alarm | None = None

    @property
    def answered(self) -> bool:
        """It can be joined."""
        return self._leg is not None and self._leg.answered

    @property
    def session(self) -> Session:
        """The dialog with the contact that answered."""
        assert self._leg is not None
        return self._leg.session

    def begin(self) -> None:
        """Ring those that want it most. Only what has the family of our audio can be rung."""
        addresses = self._parts.addresses
        family = addresses.rtp_listen(_host(self._parts, self._user))
        for group in self._parts.registrar.targets(self._user):
            if same := tuple(one for one in group if addresses.rtp_listen(one.flow.host) == family):
                self._groups.append(same)
        self._go_on()

    def end(self, reason: Reason | None = None) -> None:
        """CANCEL or BYE, to whom it concerns."""
        self._groups.clear()
        self._take_back(reason)
        if self._leg is not None:
            self._leg.end(reason)

    def heard(self) -> None:
        """The phone's audio arrives."""
        if self._leg is not None:
            self._leg.heard()

    def silent(self, silent_ms: int) -> None:
        """It has stopped."""
        if self._leg is not None:
            self._leg.silent(silent_ms)

    # --- inside -----------------------------------------------------------------------------------

    def _go_on(self) -> None:
        """The next group, if there is one."""
        self._stop_alarm()
        if not self._groups:
            self._owner.nobody_took_it(_best(self._failures))
            return
        self._legs = [self._leg_to(binding) for binding in self._groups.popleft()]
        if self._groups:
            clock, timing = self._parts.clock, self._parts.timing
            due_ms = clock.monotonic_ms() + int(timing.phone_group_s * 1000)
            self._alarm = self._parts.alarms.at(due_ms, self._rang_in_vain)
        for leg in tuple(self._legs):
            if leg in self._legs:  # unless one before it has ended it all
                leg.start()

    def _leg_to(self, binding: Binding) -> OutgoingLeg:
        flow = self._parts.registrar.way_to(binding)
        here = self._parts.addresses.sip_host(flow.host)
        return OutgoingLeg(
            self._parts,
            self,
            self._audio,
            Target(binding.contact.uri, flow, binding.path),
            from_=NameAddr(Uri.sip(self._caller, here), self._name),
            to=NameAddr(Uri.sip(self._user, here)),
            party=self._party,
            hops=self._hops,
        )

    def _rang_in_vain(self) -> None:
        self._alarm = None
        self._take_back(None)
        self._failures.append(_NO_REPLY)
        self._go_on()

    def _take_back(self, reason: Reason | None) -> None:
        self._stop_alarm()
        legs, self._legs = self._legs, []
        for leg in legs:
            leg.end(reason)

    def _stop_alarm(self) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None

    # --- OutgoingOwner ----------------------------------------------------------------------------

    def leg_progressed(self, leg: OutgoingLeg, status: int, heard: bool) -> None:
        """It rings; the core knows that it was told to."""

    def leg_answered(self, leg: OutgoingLeg) -> None:
        """This one has it."""
        self._legs.remove(leg)
        self._leg = leg
        self._groups.clear()
        self._take_back(COMPLETED_ELSEWHERE)
        self._owner.picked_up()

    def leg_failed(self, leg: OutgoingLeg, failure: Failure) -> None:
        """It could not be rung, or its user would not."""
        if leg not in self._legs:
            return
        self._legs.remove(leg)
        self._failures.append(failure.status)
        if failure.status >= 600:
            self._groups.clear()
            self._take_back(None)
        if not self._legs:
            self._go_on()

    def leg_hung_up(self, leg: OutgoingLeg, cause: str, reason: str) -> None:
        """It hung up, or is gone."""
        self._owner.hung_up()

    def leg_key(self, leg: OutgoingLeg, key: str) -> None:
        """Operators press no keys for us."""

    def leg_moved(self, leg: OutgoingLeg, uri: Uri) -> Target | None:
        """Nowhere: who takes an offer is the core's decision, not a phone's."""
        return None


def audio_host(parts: Parts, user: str) -> str:
    """Where audio towards this phone is bound; anywhere when it is not registered."""
    return parts.addresses.rtp_listen(_host(parts, user))


def _host(parts: Parts, user: str) -> str:
    binding = parts.registrar.binding(user)
    return binding.flow.host if binding is not None else ""


def _best(failures: list[int]) -> int:
    """What is told of several: 6xx, else of the lowest class, and rather what was said than that nothing was (16.7 (6))."""
    return min(
        failures,
        key=lambda status: (status < 600, status // 100, status == _NO_REPLY),
        default=_NOT_REGISTERED,
    )
