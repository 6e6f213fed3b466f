"""The four transactions as objects, and the actions that the tables in `machines.py` name.

A transaction holds what its state machine works on: the bytes to repeat, the interval, two timers (one that
repeats, one that ends a state) and where to send. An action is a plain function of the transaction, the
message that came (None for a timer) and the time; it never decides on a state: that is the table's.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum, auto

from gateways.sip.build import derived_request, respond
from gateways.sip.events import (
    AckReceived,
    AckTimedOut,
    Address,
    CancelReceived,
    ClientKey,
    Output,
    ResponseReceived,
    Send,
    ServerKey,
    Statistics,
    TransactionTimedOut,
    TransportProblem,
)
from gateways.sip.limits import LayerLimits
from gateways.sip.message import Request, Response
from gateways.sip.timers import NEVER_MS, T1_MS, T2_MS, T4_MS, TIMEOUT_MS, Timed, TimerQueue


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
        "queued_at_ms",
        "request",
        "resend_at_ms",
        "resend_timer",
        "source",
        "state",
        "wire",
    )

    def __init__(self, env: Environment, request: Request, destination: Address, state: State) -> None:
        self.env = env
        self.request: Request | None = request  # until it is no longer needed
        self.is_invite = request.method == "INVITE"
        self.destination = destination
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

    __slots__ = ("acks", "cancel_wanted", "internal", "key")

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
        # For each To tag of a 2xx to our INVITE: the ACK and where it goes; None until our user gives it.
        self.acks: dict[str, tuple[bytes, Address] | None] = {}


class ServerTransaction(Transaction):
    """A request that we received; `destination` is where its responses go."""

    __slots__ = ("ack_key", "key", "local_tag", "merge_key", "size_bytes")

    def __init__(self, env: Environment, key: ServerKey, request: Request, destination: Address) -> None:
        first = State.PROCEEDING if request.method == "INVITE" else State.TRYING
        super().__init__(env, request, destination, first)
        self.key = key
        self.local_tag = ""
        self.ack_key: tuple[str, str, str, int] | None = None
        self.merge_key: tuple[str, str, str] | None = None
        self.size_bytes = 0


Action = Callable[[Transaction, Request | Response | None, int], None]


# Actions of both


def resend(tx: Transaction, _message: Request | Response | None, _now_ms: int) -> None:
    """Put the last message on the wire again, if there is one."""
    if tx.wire:
        tx.env.counters.retransmissions_sent += 1
        tx.env.outputs.append(Send(tx.wire, tx.destination, _key(tx)))


def double_interval(tx: Transaction, _message: Request | Response | None, now_ms: int) -> None:
    """Repeat after twice the time (INVITE requests, timer A)."""
    tx.interval_ms *= 2
    tx.resend_at_ms = now_ms + tx.interval_ms


def double_interval_to_t2(tx: Transaction, _message: Request | Response | None, now_ms: int) -> None:
    """Repeat after twice the time, at most T2 (timers E, G and 2xx)."""
    tx.interval_ms = min(tx.interval_ms * 2, T2_MS)
    tx.resend_at_ms = now_ms + tx.interval_ms


def end(tx: Transaction, _message: Request | Response | None, _now_ms: int) -> None:
    """Let go of everything; the layer forgets the transaction."""
    tx.stop_timers()
    tx.request = None
    tx.wire = b""


def absorb(_tx: Transaction, _message: Request | Response | None, _now_ms: int) -> None:
    """Nothing is done: the message is a copy, or too late to matter."""


def _key(tx: Transaction) -> ClientKey | ServerKey:
    assert isinstance(tx, ClientTransaction | ServerTransaction)
    return tx.key


# Actions of clients


def start_calling(tx: Transaction, _message: Request | Response | None, now_ms: int) -> None:
    """Timers A and B."""
    if not tx.env.reliable:
        tx.repeat(Input.TIMER_A, now_ms)
    tx.expire(Input.TIMER_B, now_ms, TIMEOUT_MS)


def start_trying(tx: Transaction, _message: Request | Response | None, now_ms: int) -> None:
    """Timers E and F."""
    if not tx.env.reliable:
        tx.repeat(Input.TIMER_E, now_ms)
    tx.expire(Input.TIMER_F, now_ms, TIMEOUT_MS)


def repeat_every_t2(tx: Transaction, _message: Request | Response | None, now_ms: int) -> None:
    """RFC 3261 17.1.2.2: in Proceeding, timer E runs for T2."""
    if not tx.env.reliable:
        tx.repeat(Input.TIMER_E, now_ms, T2_MS)


def deliver(tx: Transaction, message: Request | Response | None, _now_ms: int) -> None:
    """Give the response to our user."""
    assert isinstance(tx, ClientTransaction)
    assert isinstance(message, Response)
    if not tx.internal:
        tx.env.outputs.append(ResponseReceived(tx.key, message, tx.source))


def stop_repeating(tx: Transaction, _message: Request | Response | None, _now_ms: int) -> None:
    """The peer has the message."""
    tx.resend_at_ms = NEVER_MS


def wait_for_answer(tx: Transaction, _message: Request | Response | None, now_ms: int) -> None:
    """An INVITE that rings: send a CANCEL that had to wait for this, else start timer C anew."""
    assert isinstance(tx, ClientTransaction)
    tx.resend_at_ms = NEVER_MS
    if tx.expire_timer is Input.TIMER_CANCELLED:
        return
    if tx.cancel_wanted:
        cancel(tx, None, now_ms)
    else:
        tx.expire(Input.TIMER_C, now_ms, tx.env.limits.invite_pending_max_ms)


def note_cancel(tx: Transaction, _message: Request | Response | None, _now_ms: int) -> None:
    """RFC 3261 9.1: no CANCEL before a provisional response has come."""
    assert isinstance(tx, ClientTransaction)
    tx.cancel_wanted = True


def cancel(tx: Transaction, _message: Request | Response | None, now_ms: int) -> None:
    """Send CANCEL, once, and give the final response 64 T1 (RFC 3261 9.1)."""
    assert isinstance(tx, ClientTransaction)
    if tx.expire_timer is not Input.TIMER_CANCELLED:
        tx.expire(Input.TIMER_CANCELLED, now_ms, TIMEOUT_MS)
        tx.env.send_cancel(tx, now_ms)


def acknowledge_failure(tx: Transaction, message: Request | Response | None, now_ms: int) -> None:
    """ACK for a non-2xx (RFC 3261 17.1.1.3), kept for copies of the response; timer D."""
    assert isinstance(message, Response)
    assert tx.request is not None
    ack = derived_request("ACK", tx.request)
    ack.set("To", message.get("To") or "")
    tx.wire = ack.to_bytes()
    tx.env.outputs.append(Send(tx.wire, tx.destination, _key(tx)))
    tx.stop_timers()
    tx.request = None
    tx.expire(Input.TIMER_D, now_ms, tx.lasting(TIMEOUT_MS))


def linger_for_forks(tx: Transaction, _message: Request | Response | None, now_ms: int) -> None:
    """RFC 6026 7.2: timer M; copies of the 2xx and those of other callees may come."""
    tx.stop_timers()
    tx.request = None
    tx.wire = b""
    tx.expire(Input.TIMER_M, now_ms, TIMEOUT_MS)


def deliver_success(tx: Transaction, message: Request | Response | None, now_ms: int) -> None:
    """A 2xx to our INVITE: a callee's first goes to the user, its copies are acknowledged again."""
    assert isinstance(tx, ClientTransaction)
    assert isinstance(message, Response)
    tag = message.to.tag or ""
    if tag not in tx.acks:
        if len(tx.acks) >= tx.env.limits.forks_max:
            tx.env.counters.forks_dropped += 1
            return
        tx.acks[tag] = None
        deliver(tx, message, now_ms)
        return
    tx.env.counters.responses_repeated_by_peer += 1
    ack = tx.acks[tag]
    if ack is not None:
        tx.env.counters.retransmissions_sent += 1
        tx.env.outputs.append(Send(ack[0], ack[1], tx.key))


def linger_after_response(tx: Transaction, _message: Request | Response | None, now_ms: int) -> None:
    """Timer K."""
    tx.stop_timers()
    tx.request = None
    tx.wire = b""
    tx.expire(Input.TIMER_K, now_ms, tx.lasting(T4_MS))


def count_repeated_response(tx: Transaction, _message: Request | Response | None, _now_ms: int) -> None:
    """A copy of the final response."""
    tx.env.counters.responses_repeated_by_peer += 1


def report_timeout(tx: Transaction, _message: Request | Response | None, _now_ms: int) -> None:
    """Timers B and F: no final response."""
    assert isinstance(tx, ClientTransaction)
    if not tx.internal:
        tx.env.counters.client_timeouts += 1
        tx.env.outputs.append(TransactionTimedOut(tx.key))


def report_transport(tx: Transaction, _message: Request | Response | None, _now_ms: int) -> None:
    """The request did not leave."""
    assert isinstance(tx, ClientTransaction)
    tx.env.counters.transport_problems += 1
    if not tx.internal:
        tx.env.outputs.append(TransportProblem(tx.key))


# Actions of servers


def await_user(tx: Transaction, _message: Request | Response | None, now_ms: int) -> None:
    """Our user has to answer within a limit, so that nothing stays for ever."""
    limits = tx.env.limits
    delay_ms = limits.invite_pending_max_ms if tx.is_invite else limits.request_pending_max_ms
    tx.expire(Input.TIMER_UNANSWERED, now_ms, delay_ms)


def send(tx: Transaction, message: Request | Response | None, _now_ms: int) -> None:
    """Send the user's response and keep it for copies of the request."""
    assert isinstance(message, Response)
    tx.wire = message.to_bytes()
    tx.env.counters.responses_sent += 1
    tx.env.outputs.append(Send(tx.wire, tx.destination, _key(tx)))


def await_ack(tx: Transaction, _message: Request | Response | None, now_ms: int) -> None:
    """A non-2xx to an INVITE is repeated (timer G) until its ACK or timer H."""
    tx.stop_timers()
    tx.request = None
    if not tx.env.reliable:
        tx.repeat(Input.TIMER_G, now_ms)
    tx.expire(Input.TIMER_H, now_ms, TIMEOUT_MS)


def await_ack_of_success(tx: Transaction, _message: Request | Response | None, now_ms: int) -> None:
    """A 2xx is repeated, also on a reliable transport (RFC 3261 13.3.1.4), until its ACK or timer L."""
    tx.stop_timers()
    tx.request = None
    tx.repeat(Input.TIMER_OK, now_ms)
    tx.expire(Input.TIMER_L, now_ms, TIMEOUT_MS)


def linger_after_ack(tx: Transaction, _message: Request | Response | None, now_ms: int) -> None:
    """Timer I."""
    tx.stop_timers()
    tx.wire = b""
    tx.expire(Input.TIMER_I, now_ms, tx.lasting(T4_MS))


def linger_for_copies(tx: Transaction, _message: Request | Response | None, now_ms: int) -> None:
    """Timer J."""
    tx.stop_timers()
    tx.request = None
    tx.expire(Input.TIMER_J, now_ms, tx.lasting(TIMEOUT_MS))


def deliver_ack(tx: Transaction, message: Request | Response | None, _now_ms: int) -> None:
    """The 2xx has arrived: no more repetition."""
    assert isinstance(tx, ServerTransaction)
    assert isinstance(message, Request)
    tx.resend_at_ms = NEVER_MS
    tx.wire = b""
    tx.env.outputs.append(AckReceived(tx.key, message, tx.source))


def deliver_cancel(tx: Transaction, message: Request | Response | None, _now_ms: int) -> None:
    """The peer no longer wants its INVITE."""
    assert isinstance(tx, ServerTransaction)
    assert isinstance(message, Request)
    tx.env.outputs.append(CancelReceived(tx.key, message))


def report_unacknowledged(tx: Transaction, _message: Request | Response | None, _now_ms: int) -> None:
    """RFC 3261 13.3.1.4: the 2xx was never acknowledged."""
    assert isinstance(tx, ServerTransaction)
    tx.env.counters.acks_missing += 1
    tx.env.outputs.append(AckTimedOut(tx.key))


def count_unacknowledged(tx: Transaction, _message: Request | Response | None, _now_ms: int) -> None:
    """Timer H: a refusal that nobody acknowledged. There is nothing to be done about it."""
    tx.env.counters.acks_missing += 1


def send_gateway_timeout(tx: Transaction, _message: Request | Response | None, now_ms: int) -> None:
    """Our own user left the request unanswered: 504 in its place."""
    assert isinstance(tx, ServerTransaction)
    assert tx.request is not None
    tx.env.counters.server_timeouts += 1
    send(tx, respond(tx.request, 504, to_tag=tx.local_tag), now_ms)
    tx.env.outputs.append(TransactionTimedOut(tx.key))
