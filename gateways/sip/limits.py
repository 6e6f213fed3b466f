"""What the stack accepts and keeps, and what happens at each limit.

Limits on one message refuse that message (400 or 414 where an answer is possible, else it is dropped and
counted). Limits on tables refuse new work with 503 and Retry-After; ACK, BYE and CANCEL of work once
admitted have room of their own beyond the table, so that a full process can still hang up.
"""

from __future__ import annotations

import msgspec

MESSAGE_BYTES_MAX = 65_536
HEADERS_MAX = 128
HEADER_CHARS_MAX = 8_192
URI_CHARS_MAX = 2_048
LIST_ELEMENTS_MAX = 64  # elements of one kind in a message: Via, Route, Record-Route, Contact
PARAMS_MAX = 32
CACHED_MAX = 4_096  # parsed values of one kind that are kept
CACHED_CHARS_MAX = 256  # longer URIs and addresses are parsed each time, so that caches stay small
SDP_LINES_MAX = 512
SDP_MEDIA_MAX = 32
SDP_FORMATS_MAX = 64
FORKS_MAX = 8  # different callees that may answer one INVITE; more are dropped and counted
RELIABLE_WAITING_MAX = 8  # provisional responses of ours that wait for the PRACK of the one before
BODY_PARTS_MAX = 16
BODY_DEPTH_MAX = 3  # multiparts within multiparts
NUMBER_CHARS_MAX = 64  # of a number or name that is told about a caller
DIVERSIONS_MAX = 10
REASON_CHARS_MAX = 160  # what we say about a fault, in a response or a log

CSEQ_MAX = 2**31 - 1  # RFC 3261 8.1.1.5
EXPIRES_S_MAX = 2**32 - 1  # RFC 3261 20.19
MAX_FORWARDS_MAX = 255  # RFC 3261 20.22


class LayerLimits(msgspec.Struct, frozen=True, kw_only=True):
    """Limits of one transaction layer.

    A transaction of an unreliable transport is remembered for 32 s after its end (RFC 3261 timers D, J, L,
    M), so 300 two-leg calls a second keep about 40,000 of them.
    """

    transactions_max: int = 200_000
    transactions_reserve: int = 20_000  # beyond the maximum, for BYE and CANCEL only
    others_share: float = 0.25  # of the maximum, for what is outside calls: OPTIONS, REGISTER
    received_bytes_max: int = (
        256 * 1024 * 1024
    )  # of the requests whose transactions live; the reserve is beyond it
    retry_after_s: int = 5  # told in the 503 of a full table
    invite_pending_max_ms: int = (
        600_000  # an INVITE without a final response; RFC 3261 16.6 timer C asks for > 180 s
    )
    request_pending_max_ms: int = 32_000  # any other request left without an answer by our own user
    forks_max: int = FORKS_MAX


class RegistrarLimits(msgspec.Struct, frozen=True, kw_only=True):
    """Limits of a registrar: 503 when the table is full, 403 when one user asks for too many contacts."""

    bindings_max: int = 100_000
    bindings_per_aor_max: int = 10
    expires_min_s: int = 60
    expires_max_s: int = 3_600
    expires_default_s: int = 3_600
    flow_timer_s: int = 90  # how often a phone on a stream shall say that it is there (RFC 5626 4.4)
    retry_after_s: int = 60
