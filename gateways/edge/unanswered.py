"""What a caller's network is told when a call ends that was never answered.

The status is for SIP, the Q.850 cause in the Reason header (RFC 3326) for the telephone networks behind it: RFC 3398
7.2.4.1 says which goes with which. No 5xx for who has heard all there was to hear: carriers would try the next way to us.
"""

from __future__ import annotations

from acd_core.domain.queueing import NO_OPERATORS, QUEUE_FULL, WAITED_TOO_LONG
from gateways.sip.reason import Reason

_Q850 = {
    17: "User busy",
    19: "No answer from user",
    20: "Subscriber absent",
    21: "Call rejected",
    25: "Exchange routing error",
    31: "Normal, unspecified",
    41: "Temporary failure",
}
_CAUSES = {
    "declined": (603, 21),
    "busy": (486, 17),
    "too_many_hops": (483, 25),
    QUEUE_FULL: (486, 17),
    WAITED_TOO_LONG: (480, 19),
    NO_OPERATORS: (480, 20),
    "audio_lost": (503, 41),
    "edge_stopped": (503, 41),
}
_OTHERWISE = (480, 31)  # out of hours, or all was said


def unanswered(cause: str) -> tuple[int, Reason]:
    """The final response, and why."""
    status, q850 = _CAUSES.get(cause, _OTHERWISE)
    return status, Reason("Q.850", q850, _Q850[q850])
