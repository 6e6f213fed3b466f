"""What the tables in `machines.py` have done: each action is a plain function of a transaction.

It is given the message that came (None for a timer) and the time. It never decides on a state: that is the
table's.
"""

from __future__ import annotations

from collections.abc import Callable

from gateways.sip.build import derived_request, respond
from gateways.sip.events import (
    AckReceived,
    AckTimedOut,
    CancelReceived,
    ClientKey,
    ResponseReceived,
    Send,
    ServerKey,
    TransactionTimedOut,
    TransportProblem,
)
from gateways.sip.message import Request, Response
from gateways.sip.timers import NEVER_MS, T2_MS, T4_MS, TIMEOUT_MS
from gateways.sip.transaction import ClientTransaction, Input, ServerTransaction, Transaction
from gateways.sip.uri import same_host

Action = Callable[[Transaction, Request | Response | None, int], None]


# Actions of both


def resend(tx: Transaction, _message: Request | Response | None, _now_ms: int) -> None:
    """Put the last message on the wire again, if there is one."""
    if tx.wire:
        tx.env.counters.retransmissions_sent += 1
        tx.env.outputs.append(Send(tx.wire, tx.destination, _key(tx), tx.otherwise))


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


def _proves(tx: ClientTransaction | ServerTransaction) -> bool:
    """Whether what came is from where we had sent to: who received that may answer in anybody's name."""
    return same_host(tx.source[0], tx.destination[0])


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
        tx.env.outputs.append(ResponseReceived(tx.key, message, tx.source, _proves(tx)))


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
        tx.env.outputs.append(ack)


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
    tx.env.outputs.append(Send(tx.wire, tx.destination, _key(tx), tx.otherwise))


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
    tx.env.outputs.append(AckReceived(tx.key, message, tx.source, _proves(tx)))


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
