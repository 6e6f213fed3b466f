"""Every limit of the web process, and what happens when it is reached."""

from __future__ import annotations

# --- HTTP --------------------------------------------------------------------------------------------------
BODY_MAX_BYTES = 128 * 1024  # a longer request is refused with 413
READ_TIMEOUT_S = 30  # a connection that says nothing for so long is closed; pages answer pings far more often
TLS_HANDSHAKE_TIMEOUT_S = 10
UNACKNOWLEDGED_MAX_MS = 10_000  # the kernel ends a connection whose data nobody has acknowledged for so long
STOP_TIMEOUT_S = 2.0  # what is still open then is cut
RETRY_AFTER_S = 2  # what an answer of 503 suggests

# --- log-in ------------------------------------------------------------------------------------------------
SESSION_IDLE_MS = 2 * 3600 * 1000  # without a request or an open socket
SESSION_ABSOLUTE_MS = 16 * 3600 * 1000
SESSIONS_REMEMBERED_MAX = (
    10_000  # log-ins known while the database is away; full: the least used is forgotten
)
HASHES_WAITING_MAX = 32  # password checks in line; full: 429
THROTTLE_KEYS_MAX = 10_000  # accounts and sources with failures; full: the one longest unused is forgotten
ACCOUNT_FAILURES_FREE = 5  # further failures cost 1, 2, 4 … seconds
SOURCE_FAILURES_FREE = 20  # one address may be a whole office
THROTTLE_MAX_S = 60  # so that nobody can lock an operator out for long
THROTTLE_FORGET_S = 15 * 60
HOME_DAYS = 30  # a source from which an account logged in that lately is not shut to it by others' failures
AUDIT_KEPT_DAYS = 400

# --- sockets -----------------------------------------------------------------------------------------------
MESSAGE_MAX_BYTES = 96 * 1024  # of a page; longer: closed with 1009
MESSAGE_BUFFER_MAX_BYTES = (
    4 * MESSAGE_MAX_BYTES
)  # while it is received; longer: closed by the server, likewise
OUTBOX_MAX = (
    256  # messages one page has not taken yet; full: closed, the page returns and gets everything anew
)
MESSAGE_BURST = 60  # a page may say so many at once …
MESSAGES_A_SECOND = 20  # … and so many in the long run; more: closed with 4008
USER_SOCKETS_MAX = 100  # of one user, whatever they show; a further page is refused with 4013
DESK_PAGES_MAX = 5_000
BOARD_PAGES_MAX = 500
ORDER_PAGES_MAX = 5_000
TELEPHONY_PAGES_MAX = 100
CALL_PAGES_MAX = 64  # test calls at once, in all; a further page is refused with 4013
CALL_PAGES_A_SOURCE_MAX = 8
CALLS_A_SOURCE_A_MINUTE = 12  # a further test call is answered by too_fast
CALL_SOURCES_MAX = 10_000
PINGS_INTERVAL_S = 2.4
PINGS_UNANSWERED_MAX = 3  # a page that is silent for one interval more is gone
FLUSH_TIMEOUT_S = 1.0  # for the last words before a socket is closed
AUDIO_ANSWER_TIMEOUT_S = 10.0
BROADCAST_CHUNK = 20  # pages served before the loop may do something else
BROADCAST_PAUSE_S = 0.001
BOARD_INTERVAL_S = 0.1  # between two pictures of the wallboard …
BOARD_BYTES_A_SECOND = 1_000_000  # … and longer when they are large: so much for each page

# --- work orders -------------------------------------------------------------------------------------------
ORDERS_A_PAGE = 50
ORDERS_A_PAGE_MAX = 200
ORDERS_CHANGED_MAX = 1_000  # changes not yet told to the registers; more: they load again
CALLS_A_PAGE_MAX = 200
EXPLANATIONS_ASKED_MAX = 200  # of the core at once; more: told from the database alone
EXPLAIN_TIMEOUT_S = 3.0
CALL_ID_MAX_CHARS = 128
SEARCH_WORDS_MAX = 8

# --- the centre as a whole -----------------------------------------------------------------------------------
CENTRE_CHANGES_A_MINUTE = 60  # of one user; a further change of mode or callback is refused with 429
CENTRE_USERS_MAX = 10_000

# --- edges ---------------------------------------------------------------------------------------------------
WANTED_AGAIN_S = 10.0  # what pages want of the edges is said so often; they forget it after 30 s
EDGE_SILENT_MS = 5_000  # an edge tells itself every second; one that does not is not shown

# --- database ----------------------------------------------------------------------------------------------
DATABASE_TIMEOUT_S = 5.0  # a statement, or waiting for a connection; longer counts as away
DATABASE_CHECK_INTERVAL_S = 2.0

_SILENCE_MAX_S = PINGS_INTERVAL_S * (PINGS_UNANSWERED_MAX + 1)
assert _SILENCE_MAX_S <= 10, "a dead page is noticed within ten seconds"
assert _SILENCE_MAX_S < READ_TIMEOUT_S, "the page's silence is noticed before the connection's"
