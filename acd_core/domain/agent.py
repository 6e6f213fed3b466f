"""The operator as the core sees them, and the moves they may make.

An agent outlives their page: `session` names the page they work at, or worked at last, and `online` says whether it is
connected. Audio is a browser leg, which belongs to a page, or the SIP phone, when chosen and registered. No state lasts for
ever: `offer` ends the ringing, `vanish` ends it sooner when the page is gone, `pause` ends being ready without being offered
anything, `planned` makes a break overdue and `not_ready` logs out, `wrap_up` ends the work after a call, `session` the wait for
the page, and `login` the shift.
"""

from __future__ import annotations

import msgspec

from acd_core.domain.commands import AgentState, DeskCall, OfferView
from acd_core.domain.deadline import Deadline

MOVES: dict[AgentState, frozenset[AgentState]] = {
    "logged_out": frozenset({"not_ready"}),
    "not_ready": frozenset({"ready", "not_ready", "talking", "logged_out"}),
    "ready": frozenset({"ringing", "not_ready", "talking", "logged_out"}),
    "ringing": frozenset({"ready", "not_ready", "talking", "logged_out"}),
    "talking": frozenset({"wrap_up", "ready", "not_ready", "logged_out"}),
    "wrap_up": frozenset({"ready", "not_ready", "talking", "logged_out"}),
}
# Deadlines that go with the state they were set in.
DEADLINES_OF: dict[AgentState, tuple[str, ...]] = {
    "logged_out": (),
    "not_ready": ("planned", "not_ready"),
    "ready": ("pause",),
    "ringing": ("offer", "vanish"),
    "talking": (),
    "wrap_up": ("wrap_up",),
}

# Reasons that the core gives for not ready, beside those of the plan; keys of the page's texts.
LOGGED_IN = "logged_in"
NO_AUDIO = "no_audio"
NO_ANSWER = "no_answer"
REJECTED = "rejected"
PHONE_UNREACHABLE = "phone_unreachable"
PAGE_LOST = "page_lost"
# And for a log-out that nobody asked for.
LOGIN_OVER = "login_over"
NOT_READY_TOO_LONG = "not_ready_too_long"


class Agent(msgspec.Struct, kw_only=True):
    """An agent who has logged in once. `call` and `offer` are set while ringing and talking, and that call names this agent."""

    id: str
    state: AgentState = "logged_out"
    since_ms: int = 0
    reason: str = ""
    next_reason: str = ""  # not ready asked for, in force after this call
    overdue: bool = False  # not ready for longer than planned
    leaving: bool = False  # to be logged out after this call
    idle_since_ms: int = 0  # kept through offers that failed through no fault of theirs
    # What strategies go by, since the log-in.
    calls: int = 0
    spent_ms: dict[AgentState, int] = {}
    unpaid_ms: int = 0
    rounds: dict[str, int] = {}  # the last offer of each queue that goes round
    occupied: float = 0.0  # share of time lately (occupancy.py), as of `occupied_ms`
    occupied_ms: int = 0
    occupied_rank: int = 0
    session: str = ""
    web: str = ""
    online: bool = False
    replaced_session: str = (
        ""  # the page that lost to this one, to be told so again when it asks for something
    )
    replaced_web: str = ""
    leg: str = ""
    leg_edge: str = ""
    audio_lost_ms: int = 0  # when audio last went away
    phone_chosen: bool = False
    call: str = ""
    offer: int = 0
    offered: OfferView | None = None
    desk: DeskCall | None = None  # the call they have, and in wrap-up the one they had
    dials_from: AgentState = "logged_out"  # what they were when they dialled last
    interrupted: DeskCall | None = None  # the wrap-up that goes on if nobody answers what they dial ...
    interrupted_ms: int = 0  # ... and how long it may still take
    deadlines: dict[str, Deadline] = {}
