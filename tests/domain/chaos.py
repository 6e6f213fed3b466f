"""Whatever may happen to a router, in any order: events that fit the moment, late ones, repeated ones, nonsense.

Chance is handed in, so the same chance gives the same history.
"""

from __future__ import annotations

import random
from collections.abc import Callable

import msgspec

from acd_core.domain import events as ev
from acd_core.domain.call import Call
from acd_core.domain.commands import AnyCommand
from acd_core.domain.phones import users_at
from acd_core.domain.roster import Agent as Entry
from acd_core.domain.router import Router
from acd_core.domain.state import State, deadlines, decode_state, encode_state
from tests.domain.chaos_documents import ANNS_FRIEND, ENGLISH, OLD_CUSTOMER, PLANS, ROSTERS
from tests.domain.world import START_MS

CALLS = tuple(f"c{number}" for number in range(60))
AGENTS = tuple(ROSTERS[0].agents)
STRANGER = "eve"
EDGES = ("edge1", "edge2", "edge3")
WEBS = ("web1", "web2")
LEGS = tuple(f"leg{number}" for number in range(6))
PAGES = ("page1", "page2")
PHONES = ("201", "202", "203", "299")
OUTSIDE = "+903124441111"
TARGETS = (*(OUTSIDE,) * 6, "185", "186", "186", "187", "190", "191", "999", *PHONES)
DIALLED = ("185", "185", "185", "1850", "186", "186", "187", "188", "189", "190", "190", "191", "999")
CALLERS = ("", "", OLD_CUSTOMER, ANNS_FRIEND, ENGLISH, *(f"+90533000000{number}" for number in range(5)))
LATER_MS = (0, 0, 0, 0, 1, 1, 10, 10, 400, 400, 2_500, 2_500, -7)  # a clock that goes back stands still
LIVE_MAX = 30  # more callers than this make histories slow, not richer


class Chaos:
    """A router and what it was told."""

    def __init__(self) -> None:
        self.router = Router()
        self.now_ms = START_MS
        self.history: list[tuple[ev.AnyEvent, int, bytes]] = []
        self.commands: tuple[AnyCommand, ...] = ()  # of the last event
        kinds: tuple[tuple[int, Callable[[random.Random], ev.AnyEvent]], ...] = (
            (400, self.as_it_should),
            (80, self.arrived),
            (15, self.hung_up),
            (20, self.played),
            (6, self.answered_by_the_edge),
            (25, self.key),
            (12, self.page_opened),
            (8, self.page_gone),
            (12, self.audio),
            (10, self.audio_lost),
            (4, self.audio_cut_off),
            (60, self.asked),
            (20, self.phone_registration),
            (20, self.phone_said),
            (20, self.transfer_asked),
            (130, self.deadline),
            (20, self.recorded),
            (4, self.edge_down),
            (6, self.edge_inventory),
            (3, self.web_down),
            (5, self.web_inventory),
            (2, self.core_started),
            (3, self.plan),
            (3, self.roster),
            (4, self.mode),
            (4, self.settled),
            (8, self.phone_dialled),
            (12, self.dialled),
            (2, self.trunk),
        )
        self.kinds = tuple(kind for _, kind in kinds)
        self._weights = tuple(weight for weight, _ in kinds)
        self.tell(ev.PlanChanged(version=1, plan=PLANS[0]))
        self.tell(ev.RosterChanged(version=1, roster=ROSTERS[0]))

    @property
    def state(self) -> State:
        return self.router.state

    def tell(self, event: ev.AnyEvent, later_ms: int = 0) -> None:
        self.now_ms += later_ms
        self.commands = self.router.apply(event, self.now_ms)
        self.history.append((event, self.now_ms, msgspec.msgpack.encode(self.commands)))

    def any_event(self, chance: random.Random) -> ev.AnyEvent:
        """Something, the frequent more often."""
        (kind,) = chance.choices(self.kinds, weights=self._weights)
        return kind(chance)

    def restore(self) -> None:
        """A new process goes on from a snapshot."""
        self.router = Router(decode_state(encode_state(self.state)))

    # --- what people and processes do when nothing goes wrong ---

    def as_it_should(self, chance: random.Random) -> ev.AnyEvent:
        """The next step of some call or agent on its ordinary way."""
        for edge in self.state.edges.values():
            if not edge.up and chance.random() < 0.15:
                return self._inventory(edge.id, "same")
        if self.state.calls and chance.random() < 0.4:
            return self._next_of_call(chance)
        return self._next_of_agent(chance)

    def _next_of_call(self, chance: random.Random) -> ev.AnyEvent:
        call = self.state.calls[chance.choice(tuple(self.state.calls))]
        if call.state == "menu" and chance.random() < 0.8:
            return ev.KeyPressed(call=call.id, key=chance.choice("1234567801"))
        if call.state in ("playing", "menu"):
            return ev.PlaybackDone(call=call.id, play=call.play)
        if call.state == "talking" and chance.random() < 0.5:
            return ev.CallerHungUp(call=call.id)
        if call.state == "dialling" or (call.outside is not None and chance.random() < 0.7):
            return self._next_of_dialled(chance, call)
        return self._next_of_agent(chance)

    def _next_of_dialled(self, chance: random.Random, call: Call) -> ev.AnyEvent:
        kind, attempt = chance.randrange(6), 0 if call.outside is None else call.outside.attempt
        if call.outside is not None and call.outside.answered:
            return ev.OutsideHungUp(call=call.id, attempt=attempt)
        if kind == 0:
            return ev.DialFailed(
                call=call.id,
                status=chance.choice((404, 486, 503)),
                cause="x",
                trunk="carrier",
                attempt=attempt,
            )
        if kind < 3:
            return ev.DialProgress(call=call.id, status=chance.choice((180, 183)), attempt=attempt)
        return ev.DialAnswered(call=call.id, trunk="carrier", attempt=attempt)

    def _next_of_agent(self, chance: random.Random) -> ev.AnyEvent:
        roster = self.state.roster
        id_ = chance.choice(AGENTS if roster is None else tuple(roster.agents))
        agent = self.state.agents.get(id_)
        if agent is None or not agent.online:
            session = agent.session if agent is not None and agent.session else PAGES[0]
            return ev.SessionOpened(agent=id_, session=session, web=WEBS[0])
        session, call, offer = agent.session, agent.call, agent.offer
        if agent.state == "ringing":
            if self.state.calls[call].ringing[id_].audio == "phone":
                if chance.random() < 0.3:
                    return ev.PhoneFailed(agent=id_, call=call, offer=offer, status=480)
                return ev.PhoneAnswered(agent=id_, call=call, offer=offer)
            if chance.random() < 0.15:
                return ev.OfferRejected(agent=id_, session=session, call=call, offer=offer)
            return ev.OfferAccepted(agent=id_, session=session, call=call, offer=offer)
        if not agent.leg and not agent.phone_chosen:
            return ev.AudioConnected(
                agent=id_, session=session, edge=self._edge(chance), leg=chance.choice(LEGS)
            )
        if agent.state == "not_ready" and not agent.phone_chosen and chance.random() < 0.2:
            return ev.PhoneChosen(agent=id_, session=session)
        if agent.state == "wrap_up":
            return ev.WrapUpFinished(agent=id_, session=session)
        return ev.ReadyRequested(agent=id_, session=session)

    # --- callers ---

    def arrived(self, chance: random.Random) -> ev.AnyEvent:
        if len(self.state.calls) >= LIVE_MAX:
            return self.hung_up(chance)
        at_ms = self.now_ms - chance.choice((0, 0, 5, 5_000, -5_000))
        skills = {"polish": 1, "gas": 5} if chance.random() < 0.02 else {}
        return ev.CallArrived(
            call=chance.choice(CALLS),
            edge=self._edge(chance),
            caller="05",
            dialled=chance.choice(DIALLED),
            at_ms=at_ms,
            number=chance.choice(CALLERS),
            priority=chance.choice((0, 0, 0, 0, 2, -2)),
            skills={**skills, "unknown": 2} if chance.random() < 0.02 else skills,
            language=chance.choice(("", "", "en")),
        )

    def hung_up(self, chance: random.Random) -> ev.AnyEvent:
        return ev.CallerHungUp(call=self._call(chance))

    def answered_by_the_edge(self, chance: random.Random) -> ev.AnyEvent:
        early = [call.id for call in self.state.calls.values() if call.early_max_ms]
        return ev.CallerAnswered(
            call=chance.choice(early) if early and chance.random() < 0.5 else self._call(chance)
        )

    def played(self, chance: random.Random) -> ev.AnyEvent:
        call = self.state.calls.get(self._call(chance))
        play = 1 if call is None else call.play - chance.choice((0, 0, 0, 1, -1))
        return ev.PlaybackDone(call="c0" if call is None else call.id, play=play)

    def key(self, chance: random.Random) -> ev.AnyEvent:
        offered = [call.id for call in self.state.calls.values() if call.callback_offered]
        call = chance.choice(offered) if offered and chance.random() < 0.5 else self._call(chance)
        return ev.KeyPressed(call=call, key=chance.choice(("1", "1", "1", "2", "9", "0", "#")))

    def recorded(self, chance: random.Random) -> ev.AnyEvent:
        return ev.RecordingFinished(
            call=self._call(chance),
            part=chance.choice((1, 1, 2)),
            agent="ann",
            path="p",
            started_at_ms=0,
            duration_ms=0,
            size_bytes=0,
            sha256="",
        )

    # --- operators ---

    def page_opened(self, chance: random.Random) -> ev.AnyEvent:
        agent = chance.choice((*AGENTS, STRANGER))
        return ev.SessionOpened(agent=agent, session=chance.choice(PAGES), web=chance.choice(WEBS))

    def page_gone(self, chance: random.Random) -> ev.AnyEvent:
        kind = chance.choice((ev.SessionLost, ev.SessionLost, ev.SessionClosed))
        agent = chance.choice(AGENTS)
        return kind(agent=agent, session=self._session(chance, agent))

    def audio(self, chance: random.Random) -> ev.AnyEvent:
        agent = chance.choice(AGENTS)
        session = self._session(chance, agent)
        return ev.AudioConnected(
            agent=agent, session=session, edge=self._edge(chance), leg=chance.choice(LEGS)
        )

    def audio_lost(self, chance: random.Random) -> ev.AnyEvent:
        agent = chance.choice(AGENTS)
        known = self.state.agents.get(agent)
        current = known is not None and known.leg and chance.random() < 0.8
        return ev.AudioLost(agent=agent, leg=known.leg if current and known else chance.choice(LEGS))

    def audio_cut_off(self, chance: random.Random) -> ev.AnyEvent:
        """An edge can't reach the device of somebody who talks, or says so of somebody who does not."""
        talking = [agent for agent in self.state.agents.values() if agent.state == "talking"]
        if not talking or chance.random() < 0.1:
            return ev.AudioCutOff(agent=chance.choice(AGENTS), call=self._call(chance), offer=1, cause="408")
        one = chance.choice(talking)
        part = chance.choice((0, self.state.calls[one.call].part, 1))
        return ev.AudioCutOff(agent=one.id, call=one.call, offer=one.offer, cause="408", part=part)

    def asked(self, chance: random.Random) -> ev.AnyEvent:
        agent = chance.choice(AGENTS)
        known = self.state.agents.get(agent)
        session = self._session(chance, agent)
        call, offer = ("c0", 1) if known is None or chance.random() < 0.1 else (known.call, known.offer)
        request = chance.choice(("r1", ""))
        kind = chance.randrange(17)
        if kind == 16:
            keys = chance.choice(("1", "12#", "", "x"))
            return ev.KeysRequested(agent=agent, session=session, request=request, call=call, keys=keys)
        if kind < 3:
            return ev.ReadyRequested(agent=agent, session=session, request=request)
        if kind < 7:
            return ev.OfferAccepted(agent=agent, session=session, request=request, call=call, offer=offer)
        if kind == 7:
            return ev.OfferRejected(agent=agent, session=session, request=request, call=call, offer=offer)
        if kind == 8:
            return ev.HangUpRequested(agent=agent, session=session, request=request, call=call)
        if kind == 9:
            return ev.WrapUpFinished(agent=agent, session=session, request=request)
        if kind == 10:
            return ev.PhoneChosen(agent=agent, session=session, request=request, use=chance.random() < 0.6)
        if kind < 13:
            return ev.WrapUpExtended(agent=agent, session=session, request=request)
        if kind < 15:
            barred = "barred_premium" if chance.random() < 0.1 else ""
            to = "" if barred else chance.choice(("+903121234567", OLD_CUSTOMER, "185"))
            return ev.DialRequested(
                agent=agent,
                session=session,
                request=request,
                number="0312 123 45 67",
                to=to,
                trunks=("carrier",),
                barred=barred,
            )
        reason = chance.choice(("lunch", "break", "training", "nap"))
        return ev.NotReadyRequested(agent=agent, session=session, request=request, reason=reason)

    def phone_registration(self, chance: random.Random) -> ev.AnyEvent:
        kind = chance.choice(
            (ev.PhoneRegistered, ev.PhoneRegistered, ev.PhoneRegistered, ev.PhoneUnregistered)
        )
        return kind(edge=self._edge(chance), user=chance.choice(PHONES))

    def phone_said(self, chance: random.Random) -> ev.AnyEvent:
        agent = chance.choice(AGENTS)
        known = self.state.agents.get(agent)
        call, offer = ("c0", 1) if known is None or chance.random() < 0.1 else (known.call, known.offer)
        kind = chance.randrange(4)
        if kind < 2:
            return ev.PhoneAnswered(agent=agent, call=call, offer=offer)
        if kind == 2:
            return ev.PhoneFailed(agent=agent, call=call, offer=offer, status=chance.choice((480, 486, 603)))
        return ev.PhoneHungUp(agent=agent, call=call, handing=chance.random() < 0.5)

    def transfer_asked(self, chance: random.Random) -> ev.AnyEvent:
        """At a phone that is in a conversation, where there is one."""
        at_phones = [call.agent for call in self.state.calls.values() if call.audio == "phone"]
        agent = chance.choice(at_phones) if at_phones and chance.random() < 0.9 else chance.choice(AGENTS)
        known = self.state.agents.get(agent)
        call, offer = ("c0", 1) if known is None or chance.random() < 0.1 else (known.call, known.offer)
        ready = [
            entry.phone for id_, entry in self._entries() if id_ in self.router.index.standing and entry.phone
        ]
        target = chance.choice(ready) if ready and chance.random() < 0.4 else chance.choice(TARGETS)
        outside = target == OUTSIDE and chance.random() < 0.9
        return ev.TransferAsked(
            agent=agent,
            call=call,
            offer=offer,
            transfer=chance.randrange(100),
            target=target,
            at_ms=self.now_ms - chance.choice((0, 0, 0, 0, 40_000)),
            to=OUTSIDE if outside else "",
            trunks=("carrier",) if outside else (),
            other=self._call(chance) if chance.random() < 0.3 else "",
            barred="" if outside else chance.choice(("no_dial_rule", "barred_premium")),
        )

    def _entries(self) -> list[tuple[str, Entry]]:
        return [] if self.state.roster is None else list(self.state.roster.agents.items())

    # --- time ---

    def deadline(self, chance: random.Random) -> ev.AnyEvent:
        """The next one in force, or by chance another, or one that is not in force any more."""
        pending = sorted(deadlines(self.state), key=lambda deadline: (deadline.at_ms, deadline.generation))
        if not pending:
            return ev.DeadlinePassed(entity="call", id="c0", key="flow", generation=1)
        soon = [deadline for deadline in pending if deadline.at_ms < self.now_ms + 60_000]
        if not soon and chance.random() < 0.8:
            return self.arrived(chance)  # nothing is near: rather than let an hour pass
        which = pending[0] if chance.random() < 0.98 else chance.choice(pending)
        if chance.random() < 0.1:
            generation = which.generation - 1
        else:
            generation = which.generation
            self.now_ms = max(self.now_ms, which.at_ms)
        return ev.DeadlinePassed(entity=which.entity, id=which.id, key=which.key, generation=generation)

    # --- processes ---

    def edge_down(self, chance: random.Random) -> ev.AnyEvent:
        return ev.EdgeDown(edge=self._edge(chance))

    def edge_inventory(self, chance: random.Random) -> ev.AnyEvent:
        """All that we think it holds, or some of it and other things too, or nothing of a new process."""
        edge, mood = self._edge(chance), chance.random()
        if mood < 0.2:
            return ev.EdgeInventory(edge=edge, instance=f"new{chance.randrange(3)}")
        event = self._inventory(edge, "same")
        if mood > 0.6:
            return event
        calls = [call for call in event.calls if chance.random() < 0.8]
        offers = chance.choice(((), (1,), (self.state.offers,), (1, self.state.offers)))
        agent = chance.choice(("", *AGENTS))
        answered, dials = chance.random() < 0.3, chance.random() < 0.2
        calls.append(
            ev.HeldCall(
                call=self._call(chance), agent=agent, ringing=offers, answered=answered, dialling=dials
            )
        )
        legs = [leg for leg in event.browser_legs if chance.random() < 0.8]
        legs.append(ev.BrowserLeg(agent=chance.choice(AGENTS), leg=chance.choice(LEGS)))
        phones = (*event.phones[1:], chance.choice(PHONES[:2]))
        return msgspec.structs.replace(event, calls=tuple(calls), browser_legs=tuple(legs), phones=phones)

    def _inventory(self, edge: str, instance: str) -> ev.EdgeInventory:
        calls = tuple(_held(call) for call in self.state.calls.values() if call.edge == edge)
        legs = tuple(
            ev.BrowserLeg(agent=agent.id, leg=agent.leg)
            for agent in self.state.agents.values()
            if agent.leg_edge == edge
        )
        phones = tuple(users_at(self.state, edge))
        return ev.EdgeInventory(edge=edge, instance=instance, calls=calls, browser_legs=legs, phones=phones)

    def web_down(self, chance: random.Random) -> ev.AnyEvent:
        return ev.WebDown(web=chance.choice(WEBS))

    def web_inventory(self, chance: random.Random) -> ev.AnyEvent:
        web = chance.choice(WEBS)
        pages = [
            ev.OpenSession(agent=agent.id, session=agent.session)
            for agent in self.state.agents.values()
            if agent.web == web and chance.random() < 0.8
        ]
        if chance.random() < 0.3:
            pages.append(ev.OpenSession(agent=chance.choice(AGENTS), session=chance.choice(PAGES)))
        chance.shuffle(pages)
        return ev.WebInventory(web=web, instance="w", sessions=tuple(pages))

    def core_started(self, chance: random.Random) -> ev.AnyEvent:
        self.restore()
        return ev.CoreStarted(code_version=chance.choice(("1", "2")))

    def plan(self, chance: random.Random) -> ev.AnyEvent:
        """The one in force once more, another, or one that comes too late; the richest most often."""
        version = self.state.plan_version + chance.choice((1, 1, 0))
        return ev.PlanChanged(version=version, plan=chance.choice((PLANS[0], *PLANS)))

    def roster(self, chance: random.Random) -> ev.AnyEvent:
        version = self.state.roster_version + chance.choice((1, 1, 0))
        return ev.RosterChanged(version=version, roster=chance.choice((ROSTERS[0], *ROSTERS)))

    def mode(self, chance: random.Random) -> ev.AnyEvent:
        return ev.ModeChanged(mode=chance.choice(("normal", "normal", "closed", "emergency")), by="eve")

    def settled(self, chance: random.Random) -> ev.AnyEvent:
        asked = tuple(self.state.callbacks)
        callback = chance.choice(asked) if asked and chance.random() < 0.8 else "c0"
        return ev.CallbackSettled(callback=callback, by="eve")

    def phone_dialled(self, chance: random.Random) -> ev.AnyEvent:
        return ev.PhoneDialled(
            edge=self._edge(chance),
            call=chance.choice(CALLS),
            user=chance.choice(PHONES),
            dialled="03121234567",
            at_ms=self.now_ms,
            number="+903121234567",
            to="" if chance.random() < 0.1 else "+903121234567",
            trunks=("carrier",),
        )

    def dialled(self, chance: random.Random) -> ev.AnyEvent:
        id_ = self._call(chance)
        call = self.state.calls.get(id_)
        current = call is not None and call.outside is not None and chance.random() < 0.7
        attempt = call.outside.attempt if current and call and call.outside else chance.choice((0, 0, 1))
        kind = chance.randrange(4)
        if kind == 0:
            return ev.DialProgress(call=id_, status=chance.choice((180, 183)), attempt=attempt)
        if kind == 1:
            return ev.DialAnswered(call=id_, trunk="carrier", attempt=attempt)
        if kind == 2:
            return ev.OutsideHungUp(call=id_, attempt=attempt)
        return ev.DialFailed(call=id_, status=486, cause="busy", trunk="carrier", attempt=attempt)

    def trunk(self, chance: random.Random) -> ev.AnyEvent:
        up = chance.random() < 0.5
        return ev.TrunkChanged(edge=self._edge(chance), trunk="carrier", up=up, reason="" if up else "408")

    def _call(self, chance: random.Random) -> str:
        live = tuple(self.state.calls)
        return chance.choice(live) if live and chance.random() < 0.8 else chance.choice(CALLS)

    def _edge(self, chance: random.Random) -> str:
        return EDGES[0] if chance.random() < 0.7 else chance.choice(EDGES[1:])

    def _session(self, chance: random.Random, agent: str) -> str:
        known = self.state.agents.get(agent)
        return known.session if known is not None and chance.random() < 0.9 else chance.choice(PAGES)


def _held(call: Call) -> ev.HeldCall:
    agent = call.agent if call.state == "talking" else ""
    phones = tuple(ring.offer for ring in call.ringing.values() if ring.audio == "phone")
    if call.outside is not None and not call.outside.answered:
        phones += (call.outside.attempt,)
    dials = call.state == "dialling"
    answered = not dials and not call.early_max_ms
    return ev.HeldCall(call=call.id, answered=answered, agent=agent, ringing=phones, dialling=dials)
