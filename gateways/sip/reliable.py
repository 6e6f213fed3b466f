"""Provisional responses that arrive (RFC 3262): what is repeated until its PRACK, and what a PRACK is owed for.

A 180 or 183 that carries `Require: 100rel` and an RSeq is repeated by us until the peer's PRACK names that
number. `ReliableUas` holds those of one INVITE, one at a time: the RFC forbids a second before the first is
acknowledged (3), and nothing we say is so urgent that a later one could not wait too. `ReliableUac` is the other
side: which of the responses to an INVITE of ours is new and gets a PRACK. Neither sends anything by itself.
"""

from __future__ import annotations

from collections import deque
from typing import Literal

import msgspec

from gateways.sip.admission import Refusal
from gateways.sip.errors import SipParseError
from gateways.sip.limits import CSEQ_MAX, FORKS_MAX, RELIABLE_WAITING_MAX
from gateways.sip.message import Message, Request, Response
from gateways.sip.scan import parse_number
from gateways.sip.timers import T1_MS, TIMEOUT_MS

OPTION = "100rel"
_RSEQ_MAX = 2**32 - 1  # RFC 3262 7.1
_FIRST_RSEQ_MAX = 2**31 - 1  # RFC 3262 3


class RAck(msgspec.Struct, frozen=True):
    """Which response a PRACK acknowledges (RFC 3262 7.2)."""

    rseq: int
    cseq: int
    method: str

    @classmethod
    def parse(cls, text: str) -> RAck:
        """The value of a RAck header field."""
        parts = text.split()
        if len(parts) != 3:
            raise SipParseError("not two numbers and a method", "RAck")
        return cls(
            parse_number(parts[0], _RSEQ_MAX, "RAck"), parse_number(parts[1], CSEQ_MAX, "RAck"), parts[2]
        )

    def __str__(self) -> str:
        """The value as it is written."""
        return f"{self.rseq} {self.cseq} {self.method}"


class TimedOut(msgspec.Struct, frozen=True):
    """No PRACK came for 64 T1: refuse the INVITE with a 5xx (RFC 3262 3)."""


def lists_option(message: Message, name: Literal["Require", "Supported", "Allow"], option: str) -> bool:
    """Whether an option tag or a method stands in this header; one that cannot be read names none."""
    if message.get(name) is None:
        return False
    try:
        return option.lower() in (value.lower() for value in message.get_list(name))
    except SipParseError:
        return False


def reliable_for(invite: Request, policy: Literal["never", "supported", "required"]) -> bool | Refusal:
    """Whether 18x to this INVITE go reliably (RFC 3262 3), by what the peer can and what we want."""
    if lists_option(invite, "Require", OPTION):
        return True if policy != "never" else Refusal(420, headers=(("Unsupported", OPTION),))
    if lists_option(invite, "Supported", OPTION):
        return policy != "never"
    return Refusal(421, headers=(("Require", OPTION),)) if policy == "required" else False


class ReliableUas:
    """The reliable 18x of one INVITE that we received."""

    __slots__ = ("_given_up_at_ms", "_interval_ms", "_outstanding", "_resend_at_ms", "_rseq", "_waiting")

    def __init__(self, first_rseq: int) -> None:
        """`first_rseq` is drawn by chance, from 1 to 2^31 - 1: one that is guessed can be acknowledged by anybody."""
        if not 1 <= first_rseq <= _FIRST_RSEQ_MAX:
            raise ValueError("RSeq out of range")
        self._rseq = first_rseq - 1
        self._outstanding: Response | None = None
        self._waiting: deque[Response] = deque()
        self._interval_ms = T1_MS
        self._resend_at_ms: int | None = None
        self._given_up_at_ms: int | None = None

    @property
    def blocks_success(self) -> bool:
        """RFC 3262 3: no 2xx while a session description in an 18x is not acknowledged."""
        pending = [self._outstanding] if self._outstanding is not None else []
        return any(response.body for response in (*pending, *self._waiting))

    def number(self, response: Response, now_ms: int) -> Response | None:
        """An 18x made reliable, to be sent now; None: it comes out of `poll` once the one before is acknowledged."""
        if self._outstanding is None:
            return self._begin(response, now_ms)
        if len(self._waiting) >= RELIABLE_WAITING_MAX:
            raise ValueError("too many provisional responses wait")
        self._waiting.append(response)
        return None

    def acknowledged(self, prack: Request) -> Refusal | None:
        """A PRACK within the dialog; None: answer 200 and call `poll`. It may come late, after the final response."""
        try:
            rack = RAck.parse(prack.get("RAck") or "")
        except SipParseError as error:
            return Refusal(400, f"Bad Request - {error}")
        outstanding = self._outstanding
        if outstanding is None or rack != _rack_of(outstanding):
            return Refusal(481)
        self._outstanding = self._resend_at_ms = self._given_up_at_ms = None
        return None

    def stop(self) -> None:
        """The INVITE is finally answered: nothing is repeated any longer (RFC 3262 3)."""
        self._waiting.clear()
        self._resend_at_ms = self._given_up_at_ms = None

    def next_deadline_ms(self) -> int | None:
        """When to call `poll`."""
        if self._resend_at_ms is None or self._given_up_at_ms is None:
            return None
        return min(self._resend_at_ms, self._given_up_at_ms)

    def poll(self, now_ms: int) -> Response | TimedOut | None:
        """What is to be sent now: a copy, or the next one. After `TimedOut` nothing comes any more."""
        if self._outstanding is None:
            return self._begin(self._waiting.popleft(), now_ms) if self._waiting else None
        if self._resend_at_ms is None or self._given_up_at_ms is None:
            return None
        if now_ms >= self._given_up_at_ms:
            self.stop()
            return TimedOut()
        if now_ms < self._resend_at_ms:
            return None
        self._interval_ms *= 2  # RFC 3262 3: without the ceiling of T2
        self._resend_at_ms = now_ms + self._interval_ms
        return self._outstanding

    def _begin(self, response: Response, now_ms: int) -> Response:
        self._rseq += 1
        response.set("RSeq", str(self._rseq))
        response.add("Require", OPTION)
        self._outstanding = response
        self._interval_ms = T1_MS
        self._resend_at_ms, self._given_up_at_ms = now_ms + T1_MS, now_ms + TIMEOUT_MS
        return response


class ReliableUac:
    """The reliable 18x to one INVITE that we sent, of all its branches."""

    __slots__ = ("_highest",)

    def __init__(self) -> None:
        """Nothing has come yet."""
        self._highest: dict[str, int] = {}  # by To tag: each branch counts by itself

    def prack_for(self, response: Response) -> str | None:
        """The RAck of the PRACK that this response asks for.

        None: it asks for none, or is a copy or out of order and must not be used further (RFC 3262 4); which of
        them, `asks_for_prack` tells.
        """
        rseq = _rseq_of(response)
        if rseq is None:
            return None
        tag = response.to.tag or ""
        highest = self._highest.get(tag)
        if highest is None:
            if len(self._highest) >= FORKS_MAX:
                return None
        elif rseq != highest + 1:
            return None
        self._highest[tag] = rseq
        return str(_rack_of(response))


def asks_for_prack(response: Response) -> bool:
    """A reliable provisional response (RFC 3262 4)."""
    return _rseq_of(response) is not None


def _rseq_of(response: Response) -> int | None:
    if not 100 < response.status < 200 or not lists_option(response, "Require", OPTION):
        return None
    try:
        return parse_number(response.get("RSeq") or "", _RSEQ_MAX, "RSeq") or None
    except SipParseError:
        return None


def _rack_of(response: Response) -> RAck:
    cseq = response.cseq
    return RAck(int(response.get("RSeq") or "0"), cseq.number, cseq.method)
