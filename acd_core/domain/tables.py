"""Every (state, event) pair: what is done, what is refused to the operator's page, and what is stale.

Stale is an event that a race can bring too late; it is counted by name and changes nothing. A rule may still find an event
stale by its numbers (a playback, an offer, a page, a leg that is no longer the current one). A test walks the whole grid.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Literal, TypeAlias

import msgspec

from acd_core.domain import (
    answer,
    arrival,
    changes,
    devices,
    ending,
    flow,
    inventory,
    outbound,
    outside,
    queueing,
    requests,
    sessions,
    shift,
    transfer,
)
from acd_core.domain import events as ev
from acd_core.domain.agent import Agent
from acd_core.domain.call import Call, CallState
from acd_core.domain.commands import AgentState
from acd_core.domain.turn import Turn


class Refusal(msgspec.Struct, frozen=True):
    """The page is told that it can't be; the reason is a key of its texts."""

    reason: str


WorldRule: TypeAlias = Callable[[Turn, Any], None]
CallRule: TypeAlias = Callable[[Turn, Call, Any], None]
AgentRule: TypeAlias = Callable[[Turn, Agent, Any], None]
Stale: TypeAlias = Literal["stale"]
STALE: Stale = "stale"

IN_CALL = Refusal("in_call")
NOT_IN_CALL = Refusal(requests.NOT_IN_CALL)
NOT_IN_WRAP_UP = Refusal("not_in_wrap_up")
OFFER_GONE = Refusal(requests.OFFER_GONE)

# Events that are not about one call or agent that must be known already.
WORLD: Mapping[type[ev.Event], WorldRule] = {
    ev.CoreStarted: changes.core_started,
    ev.PlanChanged: changes.plan_changed,
    ev.RosterChanged: changes.roster_changed,
    ev.EdgeDown: inventory.edge_down,
    ev.EdgeInventory: inventory.edge_inventory,
    ev.WebDown: inventory.web_down,
    ev.WebInventory: inventory.web_inventory,
    ev.CallArrived: arrival.arrived,
    ev.PhoneDialled: outbound.phone_dialled,
    ev.TrunkChanged: outbound.trunk_changed,
    ev.RecordingFinished: arrival.recorded,
    ev.PhoneRegistered: devices.phone_registered,
    ev.PhoneUnregistered: devices.phone_unregistered,
    ev.SessionOpened: sessions.opened,
    ev.ModeChanged: changes.mode_changed,
    ev.CallbackSettled: queueing.callback_settled,
}

# Events about one call; one that is not live is stale.
CALLS: Mapping[type[ev.Event], Mapping[CallState, CallRule | Stale]] = {
    ev.CallerHungUp: {
        "playing": flow.hung_up,
        "menu": flow.hung_up,
        "waiting": flow.hung_up,
        "ringing": flow.hung_up,
        "dialling": flow.hung_up,
        "talking": flow.hung_up,
        "held": flow.hung_up,
        "away": flow.hung_up,
    },
    ev.CallerAnswered: {
        "playing": answer.caller_answered,
        "menu": answer.caller_answered,
        "waiting": answer.caller_answered,
        "ringing": answer.caller_answered,
        "dialling": STALE,
        "talking": STALE,
        "held": STALE,
        "away": STALE,
    },
    ev.PlaybackDone: {
        "playing": flow.playback_done,
        "menu": flow.playback_done,
        "waiting": STALE,
        "ringing": STALE,
        "dialling": STALE,
        "talking": STALE,
        "held": STALE,
        "away": STALE,
    },
    ev.KeyPressed: {
        "playing": flow.key_ahead,
        "menu": flow.key_pressed,
        "waiting": flow.key_while_waiting,
        "ringing": flow.key_while_waiting,
        "dialling": STALE,
        "talking": STALE,
        "held": STALE,
        "away": STALE,
    },
    ev.DialProgress: {
        "playing": STALE,
        "menu": STALE,
        "waiting": STALE,
        "ringing": STALE,
        "dialling": outbound.progress,
        "talking": outside.progress,
        "held": STALE,
        "away": outside.progress,
    },
    ev.DialAnswered: {
        "playing": STALE,
        "menu": STALE,
        "waiting": STALE,
        "ringing": STALE,
        "dialling": outbound.answered,
        "talking": outside.answered,
        "held": STALE,
        "away": outside.answered,
    },
    ev.DialFailed: {
        "playing": STALE,
        "menu": STALE,
        "waiting": STALE,
        "ringing": STALE,
        "dialling": outbound.failed,
        "talking": outside.failed,
        "held": STALE,
        "away": outside.failed,
    },
    ev.OutsideHungUp: {
        "playing": STALE,
        "menu": STALE,
        "waiting": STALE,
        "ringing": STALE,
        "dialling": STALE,
        "talking": STALE,
        "held": STALE,
        "away": outside.hung_up,
    },
}

# Events about one agent; one who has never logged in is stale, but for audio, which is dropped.
AGENTS: Mapping[type[ev.Event], Mapping[AgentState, AgentRule | Stale]] = {
    ev.SessionLost: {
        "logged_out": STALE,
        "not_ready": sessions.lost,
        "ready": sessions.lost,
        "ringing": sessions.lost,
        "talking": sessions.lost,
        "wrap_up": sessions.lost,
    },
    ev.SessionClosed: {
        "logged_out": STALE,
        "not_ready": sessions.closed,
        "ready": sessions.closed,
        "ringing": sessions.closed,
        "talking": sessions.closed,
        "wrap_up": sessions.closed,
    },
    ev.AudioConnected: {
        "logged_out": devices.stray_audio,
        "not_ready": devices.audio_connected,
        "ready": devices.audio_connected,
        "ringing": devices.audio_connected,
        "talking": devices.audio_connected,
        "wrap_up": devices.audio_connected,
    },
    ev.AudioLost: {
        "logged_out": STALE,
        "not_ready": devices.audio_lost,
        "ready": devices.audio_lost,
        "ringing": devices.audio_lost,
        "talking": devices.audio_lost,
        "wrap_up": devices.audio_lost,
    },
    ev.AudioCutOff: {
        "logged_out": STALE,
        "not_ready": STALE,
        "ready": STALE,
        "ringing": STALE,
        "talking": devices.audio_cut_off,
        "wrap_up": STALE,
    },
    ev.PhoneAnswered: {
        "logged_out": STALE,
        "not_ready": STALE,
        "ready": STALE,
        "ringing": devices.phone_answered,
        "talking": STALE,
        "wrap_up": STALE,
    },
    ev.PhoneFailed: {
        "logged_out": STALE,
        "not_ready": STALE,
        "ready": STALE,
        "ringing": devices.phone_failed,
        "talking": devices.phone_failed_dialling,
        "wrap_up": STALE,
    },
    ev.PhoneHungUp: {
        "logged_out": STALE,
        "not_ready": STALE,
        "ready": STALE,
        "ringing": STALE,
        "talking": devices.phone_hung_up,
        "wrap_up": STALE,
    },
    ev.TransferAsked: {
        "logged_out": STALE,
        "not_ready": STALE,
        "ready": STALE,
        "ringing": STALE,
        "talking": transfer.asked,
        "wrap_up": STALE,
    },
}

# What an operator asks for. Only the page they work at is listened to, and a logged-out agent has none.
REQUESTS: Mapping[type[ev.AgentRequest], Mapping[AgentState, AgentRule | Refusal | Stale]] = {
    ev.ReadyRequested: {
        "logged_out": STALE,
        "not_ready": requests.ready,
        "ready": requests.ready_after_all,
        "ringing": requests.ready_after_all,
        "talking": requests.ready_after_all,
        "wrap_up": requests.ready,
    },
    ev.NotReadyRequested: {
        "logged_out": STALE,
        "not_ready": requests.not_ready,
        "ready": requests.not_ready,
        "ringing": requests.not_ready,
        "talking": requests.not_ready_later,
        "wrap_up": requests.not_ready_later,
    },
    ev.OfferAccepted: {
        "logged_out": STALE,
        "not_ready": OFFER_GONE,
        "ready": OFFER_GONE,
        "ringing": requests.accept,
        "talking": OFFER_GONE,
        "wrap_up": OFFER_GONE,
    },
    ev.OfferRejected: {
        "logged_out": STALE,
        "not_ready": OFFER_GONE,
        "ready": OFFER_GONE,
        "ringing": requests.reject,
        "talking": OFFER_GONE,
        "wrap_up": OFFER_GONE,
    },
    ev.HangUpRequested: {
        "logged_out": STALE,
        "not_ready": NOT_IN_CALL,
        "ready": NOT_IN_CALL,
        "ringing": NOT_IN_CALL,
        "talking": requests.hang_up,
        "wrap_up": NOT_IN_CALL,
    },
    ev.WrapUpFinished: {
        "logged_out": STALE,
        "not_ready": NOT_IN_WRAP_UP,
        "ready": NOT_IN_WRAP_UP,
        "ringing": NOT_IN_WRAP_UP,
        "talking": NOT_IN_WRAP_UP,
        "wrap_up": requests.finish_wrap_up,
    },
    ev.WrapUpExtended: {
        "logged_out": STALE,
        "not_ready": NOT_IN_WRAP_UP,
        "ready": NOT_IN_WRAP_UP,
        "ringing": NOT_IN_WRAP_UP,
        "talking": NOT_IN_WRAP_UP,
        "wrap_up": requests.extend_wrap_up,
    },
    ev.PhoneChosen: {
        "logged_out": STALE,
        "not_ready": requests.choose_phone,
        "ready": requests.choose_phone,
        "ringing": IN_CALL,
        "talking": IN_CALL,
        "wrap_up": requests.choose_phone,
    },
    ev.KeysRequested: {
        "logged_out": STALE,
        "not_ready": NOT_IN_CALL,
        "ready": NOT_IN_CALL,
        "ringing": NOT_IN_CALL,
        "talking": requests.press_keys,
        "wrap_up": NOT_IN_CALL,
    },
    ev.DialRequested: {
        "logged_out": STALE,
        "not_ready": outbound.dial,
        "ready": outbound.dial,
        "ringing": IN_CALL,
        "talking": IN_CALL,
        "wrap_up": outbound.dial,
    },
}

# Deadlines by key, and the states in which they can be set: leaving the state clears them.
CALL_DEADLINES: Mapping[str, tuple[frozenset[CallState], Callable[[Turn, Call], None]]] = {
    "flow": (frozenset({"playing", "menu"}), flow.deadline),
    "wait": (frozenset({"waiting"}), queueing.look),
    "dial": (frozenset({"dialling"}), outbound.not_answered),
    "talk": (frozenset({"talking", "held"}), ending.talked_too_long),
    "outside": (frozenset({"talking", "away"}), outside.too_long),
    "held": (frozenset({"held"}), outbound.cut_off),
}
_LOGGED_IN: frozenset[AgentState] = frozenset({"not_ready", "ready", "ringing", "talking", "wrap_up"})
AGENT_DEADLINES: Mapping[str, tuple[frozenset[AgentState], Callable[[Turn, Agent], None]]] = {
    "offer": (frozenset({"ringing"}), requests.no_answer),
    "vanish": (frozenset({"ringing"}), sessions.vanished),
    "pause": (frozenset({"ready"}), shift.pause_over),
    "planned": (frozenset({"not_ready"}), shift.overdue),
    "not_ready": (frozenset({"not_ready"}), shift.not_ready_too_long),
    "login": (_LOGGED_IN, shift.login_over),
    "wrap_up": (frozenset({"wrap_up"}), shift.end_wrap_up),
    "session": (_LOGGED_IN, sessions.grace_over),
}
EDGE_DEADLINES: Mapping[str, Callable[[Turn, Any], None]] = {"grace": inventory.edge_grace_over}
