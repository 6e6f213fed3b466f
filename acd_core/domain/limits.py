"""Every limit of the core and how they relate: work is refused at the door, what was admitted always has room."""

from __future__ import annotations

CALLS_LIVE_MAX = 20_000  # a further call is refused with 503 and Retry-After
AGENTS_MAX = 100_000  # a roster with more is refused whole
EDGES_MAX = 64  # a further edge's link is refused
WEBS_MAX = 64  # a further web's link is refused
CONTROLS_MAX = 8  # command lines connected at once; a further one is refused
PROMPTS_A_PLAY_MAX = 16
STALE_NAMES_MAX = 1_000
# Ended calls whose recordings are still awaited; full: the oldest is forgotten, its recording will be stale.
ENDED_CALLS_MAX = 10_000
CONTACTS_MAX = 20_000  # callers remembered; full: the one who called longest ago is forgotten
CALLBACKS_MAX = 10_000  # callbacks asked for and not made; full: no more are offered
SEARCH_STEPS_MAX = 16  # of a queue
REJECTED_NAMED_MAX = 12  # agents a decision names; the rest is counted
CREW_NAMED_MAX = 64  # a queue with more agents names none
TRANSFERS_A_CALL_MAX = 8  # a caller is handed on so often, then no more
# What an operator asked so long ago (the core was away) is not done behind their back now. Less than the edge waits
# (`transfer_wait_s`), which has to hear of it before it tells them that it failed.
TRANSFER_LATE_MS = 25_000
# A playback that is not reported done by then counts as done: no caller hears silence for ever.
PLAYBACK_MAX_MS = 300_000

# Unacknowledged messages towards one peer; full: the oldest go, and the inventory reconciles.
LINK_OUTBOX_MAX = 100_000
LINK_FRAME_MAX_BYTES = 8 * 1024 * 1024
COMMANDS_AN_EVENT_MAX = 1 << 20  # a command's number is journal sequence x this + index
COMMANDS_AN_ENTITY_MAX = 8  # a call or agent that one event touches gives at most this many commands

RETRY_AFTER_S = 10

assert LINK_OUTBOX_MAX >= CALLS_LIVE_MAX * 2, "an edge must be able to hear of the end of every call"
assert COMMANDS_AN_EVENT_MAX >= (CALLS_LIVE_MAX + AGENTS_MAX) * COMMANDS_AN_ENTITY_MAX, (
    "one event must be able to touch every call and agent"
)
KEYS_AT_ONCE_MAX = 32  # that an operator presses for the other side
