"""What the objects of the edge share: its configuration, its clock and the ways to everybody else."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from acd_core.domain.events import EdgeEvent
from acd_core.link.signals import BrowserAnswer, BrowserEnded
from acd_core.telephony import DialRule, Sip
from gateways.edge.addresses import LocalAddresses
from gateways.edge.alarms import Alarms
from gateways.edge.audio import Audio
from gateways.edge.audio_leg import AudioLeg
from gateways.edge.clock import Clock
from gateways.edge.dialogs import Dialogs
from gateways.edge.guard.guard import Guard
from gateways.edge.limits import EdgeLimits, Timing
from gateways.edge.point import SipPoint
from gateways.edge.prompts import Prompts
from gateways.edge.recordings import Recordings
from gateways.edge.registrar import PhoneRegistrar
from gateways.edge.siblings import SiblingEdges
from gateways.edge.trace import Trace
from gateways.edge.trunks import Trunks


@dataclass(frozen=True, slots=True)
class Parts:
    """One set for each edge."""

    edge: str
    country: str  # whose numbers have no country code
    timing: Timing
    limits: EdgeLimits
    sip: Sip
    clock: Clock
    alarms: Alarms
    addresses: LocalAddresses
    guard: Guard  # is told what a host did that it should not
    point: SipPoint
    dialogs: Dialogs
    audio: Audio
    prompts: Prompts
    registrar: PhoneRegistrar
    trunks: Trunks
    siblings: SiblingEdges
    dial: tuple[DialRule, ...]  # which numbers go over which of them, if at all
    trace: Trace
    recordings: Recordings
    operator_legs: dict[str, AudioLeg]  # browser legs that can be joined, kept by `browser_leg`
    tell: Callable[[EdgeEvent], object]  # numbered: kept while the core is away
    signal: Callable[[BrowserAnswer | BrowserEnded], None]  # not kept
    core_is_up: Callable[[], bool]
