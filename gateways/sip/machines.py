"""The state machines of RFC 3261 17 and RFC 6026: every decision about a transaction's state is here.

A row reads: in this state, on this input, go to that state and do these things, in order. Every state lists
every input that can reach it; a copy that changes nothing is listed with `absorb`, so that nothing is
forgotten silently. An input that a state does not list cannot happen there, and `step` refuses it.

Beyond the figures of the RFC:

- Timer C ends an INVITE that rings for ever (RFC 3261 16.6 step 11 has it for proxies, who hold state as we
do): it is
  cancelled. TIMER_CANCELLED then gives up after 64 T1 (9.1).
- The 2xx to an INVITE is repeated here (TIMER_OK, 13.3.1.4) rather than by each user of the stack, and
ACKNOWLEDGED
  is the part of Accepted in which its ACK has come.
- TIMER_UNANSWERED answers for a user of the stack who does not.
"""

from __future__ import annotations

from gateways.sip import actions as do
from gateways.sip.actions import Action
from gateways.sip.message import Request, Response
from gateways.sip.transaction import Input, State, Transaction

Row = tuple[State, tuple[Action, ...]]
Machine = dict[State, dict[Input, Row]]

# RFC 3261 figure 5, RFC 6026 figure 1
INVITE_CLIENT: Machine = {
    State.CALLING: {
        Input.TIMER_A: (State.CALLING, (do.resend, do.double_interval)),
        Input.TIMER_B: (State.TERMINATED, (do.report_timeout, do.end)),
        Input.PROVISIONAL: (State.PROCEEDING, (do.wait_for_answer, do.deliver)),
        Input.SUCCESS: (State.ACCEPTED, (do.deliver_success, do.linger_for_forks)),
        Input.FAILURE: (State.COMPLETED, (do.acknowledge_failure, do.deliver)),
        Input.CANCEL: (State.CALLING, (do.note_cancel,)),
        Input.TRANSPORT_ERROR: (State.TERMINATED, (do.report_transport, do.end)),
    },
    State.PROCEEDING: {
        Input.PROVISIONAL: (State.PROCEEDING, (do.wait_for_answer, do.deliver)),
        Input.SUCCESS: (State.ACCEPTED, (do.deliver_success, do.linger_for_forks)),
        Input.FAILURE: (State.COMPLETED, (do.acknowledge_failure, do.deliver)),
        Input.CANCEL: (State.PROCEEDING, (do.cancel,)),
        Input.TIMER_C: (State.PROCEEDING, (do.cancel,)),
        Input.TIMER_CANCELLED: (State.TERMINATED, (do.report_timeout, do.end)),
        Input.TRANSPORT_ERROR: (State.PROCEEDING, (do.absorb,)),
    },
    State.COMPLETED: {
        Input.PROVISIONAL: (State.COMPLETED, (do.absorb,)),
        Input.SUCCESS: (State.COMPLETED, (do.absorb,)),
        Input.FAILURE: (State.COMPLETED, (do.count_repeated_response, do.resend)),
        Input.CANCEL: (State.COMPLETED, (do.absorb,)),
        Input.TIMER_D: (State.TERMINATED, (do.end,)),
        Input.TRANSPORT_ERROR: (State.COMPLETED, (do.absorb,)),
    },
    State.ACCEPTED: {
        Input.PROVISIONAL: (State.ACCEPTED, (do.absorb,)),
        Input.SUCCESS: (State.ACCEPTED, (do.deliver_success,)),
        Input.FAILURE: (State.ACCEPTED, (do.absorb,)),
        Input.CANCEL: (State.ACCEPTED, (do.absorb,)),
        Input.TIMER_M: (State.TERMINATED, (do.end,)),
        Input.TRANSPORT_ERROR: (State.ACCEPTED, (do.absorb,)),
    },
}

# RFC 3261 figure 6
REQUEST_CLIENT: Machine = {
    State.TRYING: {
        Input.TIMER_E: (State.TRYING, (do.resend, do.double_interval_to_t2)),
        Input.TIMER_F: (State.TERMINATED, (do.report_timeout, do.end)),
        Input.PROVISIONAL: (State.PROCEEDING, (do.deliver, do.repeat_every_t2)),
        Input.SUCCESS: (State.COMPLETED, (do.deliver, do.linger_after_response)),
        Input.FAILURE: (State.COMPLETED, (do.deliver, do.linger_after_response)),
        Input.CANCEL: (State.TRYING, (do.absorb,)),
        Input.TRANSPORT_ERROR: (State.TERMINATED, (do.report_transport, do.end)),
    },
    State.PROCEEDING: {
        Input.TIMER_E: (State.PROCEEDING, (do.resend, do.repeat_every_t2)),
        Input.TIMER_F: (State.TERMINATED, (do.report_timeout, do.end)),
        Input.PROVISIONAL: (State.PROCEEDING, (do.deliver,)),
        Input.SUCCESS: (State.COMPLETED, (do.deliver, do.linger_after_response)),
        Input.FAILURE: (State.COMPLETED, (do.deliver, do.linger_after_response)),
        Input.CANCEL: (State.PROCEEDING, (do.absorb,)),
        Input.TRANSPORT_ERROR: (State.TERMINATED, (do.report_transport, do.end)),
    },
    State.COMPLETED: {
        Input.PROVISIONAL: (State.COMPLETED, (do.absorb,)),
        Input.SUCCESS: (State.COMPLETED, (do.count_repeated_response,)),
        Input.FAILURE: (State.COMPLETED, (do.count_repeated_response,)),
        Input.CANCEL: (State.COMPLETED, (do.absorb,)),
        Input.TIMER_K: (State.TERMINATED, (do.end,)),
        Input.TRANSPORT_ERROR: (State.COMPLETED, (do.absorb,)),
    },
}

# RFC 3261 figure 7, RFC 6026 figure 2
INVITE_SERVER: Machine = {
    State.PROCEEDING: {
        Input.REQUEST: (State.PROCEEDING, (do.resend,)),
        Input.ACK: (State.PROCEEDING, (do.absorb,)),
        Input.CANCEL: (State.PROCEEDING, (do.deliver_cancel,)),
        Input.PROVISIONAL: (State.PROCEEDING, (do.send, do.await_user)),
        Input.SUCCESS: (State.ACCEPTED, (do.send, do.await_ack_of_success)),
        Input.FAILURE: (State.COMPLETED, (do.send, do.await_ack)),
        Input.TIMER_UNANSWERED: (State.COMPLETED, (do.send_gateway_timeout, do.await_ack)),
    },
    State.COMPLETED: {
        Input.REQUEST: (State.COMPLETED, (do.resend,)),
        Input.ACK: (State.CONFIRMED, (do.linger_after_ack,)),
        Input.CANCEL: (State.COMPLETED, (do.absorb,)),
        Input.TIMER_G: (State.COMPLETED, (do.resend, do.double_interval_to_t2)),
        Input.TIMER_H: (State.TERMINATED, (do.count_unacknowledged, do.end)),
    },
    State.CONFIRMED: {
        Input.REQUEST: (State.CONFIRMED, (do.absorb,)),
        Input.ACK: (State.CONFIRMED, (do.absorb,)),
        Input.CANCEL: (State.CONFIRMED, (do.absorb,)),
        Input.TIMER_I: (State.TERMINATED, (do.end,)),
    },
    State.ACCEPTED: {
        Input.REQUEST: (State.ACCEPTED, (do.absorb,)),
        Input.ACK: (State.ACKNOWLEDGED, (do.deliver_ack,)),
        Input.CANCEL: (State.ACCEPTED, (do.absorb,)),
        Input.TIMER_OK: (State.ACCEPTED, (do.resend, do.double_interval_to_t2)),
        Input.TIMER_L: (State.TERMINATED, (do.report_unacknowledged, do.end)),
    },
    State.ACKNOWLEDGED: {
        Input.REQUEST: (State.ACKNOWLEDGED, (do.absorb,)),
        Input.ACK: (State.ACKNOWLEDGED, (do.absorb,)),
        Input.CANCEL: (State.ACKNOWLEDGED, (do.absorb,)),
        Input.TIMER_L: (State.TERMINATED, (do.end,)),
    },
}

# RFC 3261 figure 8
REQUEST_SERVER: Machine = {
    State.TRYING: {
        Input.REQUEST: (State.TRYING, (do.absorb,)),
        Input.PROVISIONAL: (State.PROCEEDING, (do.send, do.await_user)),
        Input.SUCCESS: (State.COMPLETED, (do.send, do.linger_for_copies)),
        Input.FAILURE: (State.COMPLETED, (do.send, do.linger_for_copies)),
        Input.TIMER_UNANSWERED: (State.COMPLETED, (do.send_gateway_timeout, do.linger_for_copies)),
    },
    State.PROCEEDING: {
        Input.REQUEST: (State.PROCEEDING, (do.resend,)),
        Input.PROVISIONAL: (State.PROCEEDING, (do.send, do.await_user)),
        Input.SUCCESS: (State.COMPLETED, (do.send, do.linger_for_copies)),
        Input.FAILURE: (State.COMPLETED, (do.send, do.linger_for_copies)),
        Input.TIMER_UNANSWERED: (State.COMPLETED, (do.send_gateway_timeout, do.linger_for_copies)),
    },
    State.COMPLETED: {
        Input.REQUEST: (State.COMPLETED, (do.resend,)),
        Input.TIMER_J: (State.TERMINATED, (do.end,)),
    },
}


def step(
    machine: Machine, tx: Transaction, what: Input, message: Request | Response | None, now_ms: int
) -> None:
    """Take one step; an input that the state does not list is an error of the stack itself."""
    state, actions = machine[tx.state][what]
    tx.state = state
    for action in actions:
        action(tx, message, now_ms)
