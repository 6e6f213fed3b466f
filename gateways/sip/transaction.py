"""The transactions of RFC 3261 17 as objects, their states, and what can happen to them.

A transaction holds what its state machine works on: the bytes to repeat, the interval, two timers (one that
repeats, one that ends a state) and where to send. `actions.py` has what is done to it, `machines.py` decides
what is done when.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum, auto

from gateways.sip.events import (
    Address,
    ClientKey,
    Output,
    Send,
    ServerKey,
    Statistics,
)
from gateways.sip.limits import LayerLimits
from gateways.sip.message import Request
from gateways.sip.tables import Purpose
from gateways.sip.timers import NEVER_MS, T1_MS, Timed, TimerQueue


class State(Enum):
    """States of RFC 3261 17 and RFC 6026; ACKNOWLEDGED is Accepted after the ACK for the 2xx has come."""

    CALLING = auto()
    TRYING = auto()
    PROCEEDING = auto()
    ACCEPTED = auto()
    ACKNOWLEDGED = auto()
    COMPLETED = auto()
    CONFIRMED = auto()
    TERMINATED = auto()


class Input(Enum):
    """What can happen to a transaction. Timers have the letters of RFC 3261 and 6026 where they have one."""

    REQUEST = auto()  # the request again
    ACK = auto()
    PROVISIONAL = auto()  # 1xx, received by a client or sent by our user
    SUCCESS = auto()  # 2xx
    FAILURE = auto()  # 300 to 699
    CANCEL = auto()  # our user cancels (client), the peer cancels (server)
    TRANSPORT_ERROR = auto()
    TIMER_A = auto()
    TIMER_B = auto()
    TIMER_C = auto()
    TIMER_D = auto()
    TIMER_E = auto()
    TIMER_F = auto()
    TIMER_G = auto()
    TIMER_H = auto()
    TIMER_I = auto()
    TIMER_J = auto()
    TIMER_K = auto()
    TIMER_L = auto()
    TIMER_M = auto()
    TIMER_OK = auto()  # repeats a 2xx to an INVITE: RFC 3261 13.3.1.4
    TIMER_CANCELLED = auto()  # waits for the final response to a cancelled INVITE: RFC 3261 9.1
    TIMER_UNANSWERED = auto()  # our own user never answered


def input_of_status(status: int) -> Input:
    """The input that a response of this status is."""
    if status < 200:
        return Input.PROVISIONAL
    return Input.SUCCESS if status < 300 else Input.FAILURE


class Environment:
    """What the transactions of one layer share."""

    __slots__ = ("counters", "limits", "outputs", "reliable", "send_cancel", "timers")

    def __init__(
        self,
        *,
        reliable: bool,
        limits: LayerLimits,
        fire: Callable[[Timed, int], None],
        send_cancel: Callable[[ClientTransaction, int], None],
    ) -> None:
        self.reliable = reliable
        self.limits = limits
        self.outputs: list[Output] = []
        self.counters = Statistics()
        self.timers = TimerQueue(fire)
        self.send_cancel = send_cancel


class Transaction:
    """What clients and servers share."""

    __slots__ = (
        "destination",
        "env",
        "expire_at_ms",
        "expire_timer",
        "interval_ms",
        "is_invite",
        "otherwise",
        "purpose",
        "queued_at_ms",
        "request",
        "resend_at_ms",
        "resend_timer",
        "size_bytes",
        "source",
        "state",
        "wire",
    )

    def __init__(self, env: Environment, request: Request, destination: Address, state: State) -> None:
        self.env = env
        self.request: Request | None = request  # until it is no longer needed
        self.is_invite = request.method == "INVITE"
        self.destination = destination
        self.otherwise: Address | None = None  # when `destination` is a connection that is gone
        self.purpose: Purpose = "other"
        self.size_bytes = 0  # of the request that came
        self.source = destination  # where the last message came from
        self.state = state
        self.wire = b""  # what is repeated
        self.interval_ms = T1_MS
        self.resend_timer: Input | None = None
        self.resend_at_ms = NEVER_MS
        self.expire_timer: Input | None = None
        self.expire_at_ms = NEVER_MS
        self.queued_at_ms = NEVER_MS

    def repeat(self, timer: Input, now_ms: int, interval_ms: int = T1_MS) -> None:
        """Start the timer that repeats."""
        self.resend_timer = timer
        self.interval_ms = interval_ms
        self.resend_at_ms = now_ms + interval_ms

    def expire(self, timer: Input, now_ms: int, delay_ms: int) -> None:
        """Start the timer that ends the state."""
        self.expire_timer = timer
        self.expire_at_ms = now_ms + delay_ms

    def stop_timers(self) -> None:
        """Neither timer runs any longer."""
        self.resend_at_ms = self.expire_at_ms = NEVER_MS

    def lasting(self, delay_ms: int) -> int:
        """How long copies of messages may still arrive: not at all on a reliable transport."""
        return 0 if self.env.reliable else delay_ms


class ClientTransaction(Transaction):
    """A request that we sent."""

    __slots__ = ("acks", "cancel_headers", "cancel_wanted", "internal", "key", "sent_again")

    def __init__(
        self,
        env: Environment,
        key: ClientKey,
        request: Request,
        destination: Address,
        *,
        internal: bool = False,
    ) -> None:
        first = State.CALLING if request.method == "INVITE" else State.TRYING
        super().__init__(env, request, destination, first)
        self.key = key
        self.internal = internal  # a CANCEL of the layer's own: nobody hears of its fate
        self.cancel_wanted = False
        self.sent_again = False  # by a new connection, after the first one broke
        self.cancel_headers: tuple[tuple[str, str], ...] = ()
        # For each To tag of a 2xx to our INVITE: the ACK as it was sent; None until our user gives it.
        self.acks: dict[str, Send | None] = {}


class ServerTransaction(Transaction):
    """A request that we received; `destination` is where its responses go."""

    __slots__ = ("ack_key", "believes", "call", "key", "local_tag", "merge_key", "origin")

    def __init__(self, env: Environment, key: ServerKey, request: Request, destination: Address) -> None:
        first = State.PROCEEDING if request.method == "INVITE" else State.TRYING
        super().__init__(env, request, destination, first)
        self.key = key
        self.local_tag = ""
        self.origin = destination  # where the request came from
        self.call = ("", "", 0)  # Call-ID, From tag and CSeq number
        self.ack_key: tuple[str, str, str, int] | None = None
        self.merge_key: tuple[str, str, str] | None = None
        self.believes: Callable[[str], bool] | None = None  # an ACK from this host; None: from any
