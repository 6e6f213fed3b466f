"""Calls of one edge, and operators whose audio is at another."""

from __future__ import annotations

import msgspec

from acd_core.domain import events as ev
from acd_core.domain.commands import (
    CallStory,
    Decided,
    DialOutside,
    EndPhone,
    Join,
    Part,
    PlayMusic,
    RingPhone,
    TransferAnswered,
)
from tests.domain.world import EDGE, WEB, World

FAR = "edge2"


def two_edges() -> World:
    world = World()
    world.do(ev.EdgeInventory(edge=FAR, instance="f1"))
    return world


def ready_at_far(world: World, agent: str = "ann") -> None:
    """With browser audio."""
    world.log_in(agent)
    world.connect_audio(agent, leg=f"{agent}-far", edge=FAR)
    world.ask(ev.ReadyRequested, agent)


def phone_at_far(world: World, agent: str = "ann", user: str = "201") -> None:
    world.log_in(agent)
    world.do(ev.PhoneRegistered(edge=FAR, user=user))
    world.ask(ev.PhoneChosen, agent)
    world.ask(ev.ReadyRequested, agent)


def talks_at_far(world: World, call: str = "c1") -> None:
    """Ann, with the phone."""
    phone_at_far(world)
    world.arrive(call)
    world.do(ev.PhoneAnswered(agent="ann", call=call, offer=world.agent("ann").offer))
    assert world.call(call).state == "talking"


def test_a_call_is_offered_to_whoever_is_first_wherever_their_audio_is() -> None:
    world = two_edges()
    ready_at_far(world, "ann")
    world.make_ready("bob")
    world.arrive("c1")
    assert world.agent("ann").call == "c1"
    world.accept("ann")
    join = world.the(Join)
    assert (join.edge, join.leg, join.at) == (EDGE, "ann-far", FAR)
    world.arrive("c2", edge=FAR)
    assert world.agent("bob").call == "c2"
    world.accept("bob")
    join = world.the(Join)
    assert (join.edge, join.leg, join.at) == (FAR, "bob-leg", EDGE)


def test_a_phone_is_rung_by_the_edge_of_the_call_which_is_told_where_it_is() -> None:
    world = two_edges()
    phone_at_far(world)
    world.arrive("c1")
    ring = world.the(RingPhone)
    assert (ring.edge, ring.user, ring.at) == (EDGE, "201", FAR)
    world.do(ev.PhoneRegistered(edge=EDGE, user="201"))
    assert world.call("c1").ringing["ann"].edge == FAR, "it was rung there"
    world.do(ev.PhoneAnswered(agent="ann", call="c1", offer=ring.offer))
    assert (world.the(Join).edge, world.the(Join).leg, world.the(Join).at) == (EDGE, "", FAR)


def test_audio_that_moves_to_another_edge_is_joined_there() -> None:
    world = two_edges()
    world.make_ready("ann")
    world.arrive("c1")
    world.connect_audio("ann", leg="far", edge=FAR)
    assert world.who("ann") == "ringing"
    world.accept("ann")
    assert world.the(Join).at == FAR
    world.connect_audio("ann", leg="near")
    assert world.names()[:3] == ["DropAudio", "Part", "Join"]
    assert world.the(Join).at == EDGE
    world.lose_audio("ann")
    assert world.call("c1").state == "held"
    world.connect_audio("ann", leg="far again", edge=FAR)
    assert world.call("c1").state == "talking"
    assert world.the(Join).at == FAR


def test_an_offer_goes_with_the_audio_to_another_edge() -> None:
    world = two_edges()
    world.make_ready("ann")
    world.do(ev.EdgeInventory(edge="edge3", instance="t1"))
    world.connect_audio("ann", leg="far", edge=FAR)
    world.arrive("c1", edge="edge3")
    offer = world.agent("ann").offer
    world.connect_audio("ann", leg="near")
    world.do(ev.EdgeDown(edge=FAR))
    assert world.agent("ann").offer == offer, "their audio is there no more"
    world.do(ev.EdgeDown(edge=EDGE))
    assert world.call("c1").state == "waiting"


def test_calls_of_an_edge_that_is_away_keep_their_place_and_are_offered_to_nobody() -> None:
    world = two_edges()
    world.log_in("ann")
    world.connect_audio("ann", edge=FAR)
    world.arrive("c1")
    world.arrive("c2", edge=FAR)
    world.do(ev.EdgeDown(edge=EDGE))
    world.ask(ev.ReadyRequested, "ann")
    assert world.agent("ann").call == "c2", "c1 came first, but nobody can be joined to it"
    ready_at_far(world, "bob")
    assert world.who("bob") == "ready"
    world.arrive("c3")
    (waits,) = [one for one in world.said(Decided) if one.kind == "waits"]
    assert [(one.why, one.agents) for one in waits.rejected if one.why == "edge_away"] == [
        ("edge_away", ("bob",))
    ]
    assert waits.candidates == 0
    held = tuple(ev.HeldCall(call=id_, answered=True) for id_ in ("c1", "c3"))
    world.do(ev.EdgeInventory(edge=EDGE, instance="e1", calls=held))
    assert world.agent("bob").call == "c1"


def test_a_call_kept_for_somebody_is_not_offered_while_its_edge_is_away() -> None:
    world = two_edges()
    ready_at_far(world)
    world.do(ev.EdgeDown(edge=EDGE))
    world.arrive("c1")
    call = world.call("c1")
    world.router.index.remove_call(call)
    call.only, call.only_until_ms = "ann", world.now_ms + 60_000
    world.router.index.add_call(call)
    assert not world.router.index.first_agent(world.state, call)
    assert not world.router.index.first_call("ann", world.now_ms)


def test_an_offer_at_an_edge_that_goes_away_is_withdrawn_and_the_call_keeps_its_place() -> None:
    for phone in (False, True):
        world = two_edges()
        (phone_at_far if phone else ready_at_far)(world)
        world.arrive("c1")
        world.arrive("c2")
        world.do(ev.EdgeDown(edge=FAR))
        assert [command.offer for command in world.said(EndPhone)] == [1] * phone
        assert world.call("c1").state == "waiting"
        assert world.who("ann") == "ready"
        world.make_ready("bob")
        assert world.agent("bob").call == "c1"


def test_what_rings_at_an_edge_goes_on_ringing_over_a_restart_of_the_core() -> None:
    world = two_edges()
    phone_at_far(world)
    world.arrive("c1")
    world.do(ev.CoreStarted(code_version="1"))
    held = (ev.HeldCall(call="c1", answered=True, ringing=(1,)),)
    world.do(ev.EdgeInventory(edge=EDGE, instance="e1", calls=held))
    world.do(ev.EdgeInventory(edge=FAR, instance="f1", phones=("201",)))
    assert not world.said(EndPhone)
    assert world.who("ann") == "ringing"


def test_a_new_process_at_the_other_edge_rings_no_more() -> None:
    world = two_edges()
    phone_at_far(world)
    world.arrive("c1")
    world.do(ev.CoreStarted(code_version="1"))
    page = ev.OpenSession(agent="ann", session="ann-page")
    world.do(ev.WebInventory(web=WEB, instance="w1", sessions=(page,)))
    world.do(ev.EdgeInventory(edge=EDGE, instance="e1", calls=(ev.HeldCall(call="c1", answered=True),)))
    world.do(ev.EdgeInventory(edge=FAR, instance="f2", phones=("201",)))
    assert [command.offer for command in world.said(EndPhone)] == [1]
    assert world.agent("ann").offer == 2, "it is offered once more"
    assert world.the(RingPhone).at == FAR


def test_a_conversation_goes_on_while_only_the_link_of_the_other_edge_is_away() -> None:
    world = two_edges()
    talks_at_far(world)
    world.do(ev.EdgeDown(edge=FAR))
    world.do(ev.EdgeInventory(edge=FAR, instance="f1", phones=("201",)))
    assert world.call("c1").state == "talking"
    assert not world.said(Part)


def test_a_caller_whose_operators_phone_went_with_its_edge_waits_again_in_front() -> None:
    for back in (True, False):
        world = two_edges()
        talks_at_far(world)
        world.arrive("c2")
        world.do(ev.EdgeDown(edge=FAR))
        if back:
            world.do(ev.EdgeInventory(edge=FAR, instance="f2"))
        else:
            world.deadline("edge", FAR, "grace")
        assert world.the(Part).call == "c1"
        assert world.the(EndPhone).edge == EDGE
        assert world.said(PlayMusic)
        assert world.call("c1").state == "waiting"
        assert world.who("ann") == "not_ready no_audio"
        world.make_ready("bob")
        assert world.agent("bob").call == "c1"


def test_a_caller_whose_operators_page_lost_its_edge_hears_music_until_it_is_back() -> None:
    world = two_edges()
    ready_at_far(world)
    world.arrive("c1")
    world.accept("ann")
    world.do(ev.EdgeDown(edge=FAR))
    world.do(ev.EdgeInventory(edge=FAR, instance="f2"))
    assert world.call("c1").state == "held"
    world.connect_audio("ann", leg="new", edge=FAR)
    assert world.call("c1").state == "talking"
    assert (world.the(Join).leg, world.the(Join).at) == ("new", FAR)


def test_audio_that_can_not_be_reached_sends_the_caller_back_to_the_front() -> None:
    world = two_edges()
    ready_at_far(world)
    world.arrive("c1")
    world.accept("ann")
    world.arrive("c2")
    offer = world.agent("ann").offer
    world.do(ev.AudioCutOff(agent="ann", call="c1", offer=offer + 1, cause="503"))
    assert world.names() == ["StaleEvent"]
    world.do(ev.AudioCutOff(agent="ann", call="c1", offer=offer, cause="503"))
    assert [(story.step, story.detail) for story in world.said(CallStory)][:1] == [("held", "503")]
    assert world.call("c1").state == "waiting"
    assert world.who("ann") == "not_ready no_audio"
    world.make_ready("bob")
    assert world.agent("bob").call == "c1"


def test_what_a_phone_asks_for_is_answered_where_it_is() -> None:
    for target, to in (("185", ""), ("03124441111", "+903124441111")):
        world = two_edges()
        talks_at_far(world)
        offer = world.agent("ann").offer
        asked = ev.TransferAsked(
            agent="ann", call="c1", offer=offer, transfer=7, target=target, at_ms=world.now_ms, to=to
        )
        world.do(msgspec.structs.replace(asked, trunks=("carrier",) if to else ()))
        if to:
            assert world.the(DialOutside).edge == EDGE
            attempt = world.the(DialOutside).attempt
            world.do(ev.DialProgress(call="c1", status=180, attempt=attempt))
        answer = world.the(TransferAnswered)
        assert (answer.edge, answer.transfer) == (FAR, 7)


def test_a_dialled_call_whose_audio_is_cut_off_ends() -> None:
    world = two_edges()
    world.make_ready("ann")
    call = world.dial("ann")
    world.connect_audio("ann", leg="far", edge=FAR)
    world.do(ev.DialAnswered(call=call, trunk="carrier"))
    world.do(ev.AudioCutOff(agent="ann", call=call, offer=world.agent("ann").offer, cause="408"))
    assert call not in world.state.calls
    assert world.who("ann") == "wrap_up"


def test_audio_that_was_cut_off_before_other_audio_was_joined_is_stale() -> None:
    world = two_edges()
    ready_at_far(world)
    world.arrive("c1")
    world.accept("ann")
    offer, part = world.agent("ann").offer, world.the(Join).part
    world.connect_audio("ann", leg="near")
    lost = ev.AudioCutOff(agent="ann", call="c1", offer=offer, cause="media_timeout", part=part)
    world.do(lost)
    assert world.names() == ["StaleEvent"]
    assert world.call("c1").state == "talking"
    world.do(msgspec.structs.replace(lost, part=part + 1))
    assert world.call("c1").state == "waiting"


def test_audio_that_is_cut_off_while_it_is_away_is_stale() -> None:
    world = two_edges()
    ready_at_far(world)
    world.arrive("c1")
    world.accept("ann")
    world.lose_audio("ann")
    world.do(ev.AudioCutOff(agent="ann", call="c1", offer=world.agent("ann").offer, cause="408"))
    assert world.names() == ["StaleEvent"]


def ann_registered_at_both() -> World:
    """First here, then there, and ready with it."""
    world = two_edges()
    world.log_in("ann")
    world.do(ev.PhoneRegistered(edge=EDGE, user="201"))
    world.do(ev.PhoneRegistered(edge=FAR, user="201"))
    world.ask(ev.PhoneChosen, "ann")
    world.ask(ev.ReadyRequested, "ann")
    return world


def test_a_phone_of_two_edges_is_rung_at_the_other_when_one_is_lost() -> None:
    world = ann_registered_at_both()
    world.arrive("c1")
    assert world.the(RingPhone).at == FAR
    world.do(ev.EdgeDown(edge=FAR))
    assert world.the(RingPhone).at == EDGE, "at once: nobody waits for the grace"
    assert world.who("ann") == "ringing"
    world.do(ev.PhoneUnregistered(edge=EDGE, user="201"))
    assert world.state.phones == {"201": FAR}
    world.do(ev.EdgeInventory(edge=FAR, instance="f2"))
    assert not world.state.phones
    assert not world.state.spare_phones


def test_a_phone_that_unregisters_at_one_edge_is_still_at_the_other() -> None:
    world = ann_registered_at_both()
    world.do(ev.PhoneUnregistered(edge=FAR, user="201"))
    assert world.who("ann") == "ready"
    world.do(ev.PhoneUnregistered(edge=FAR, user="201"))
    assert world.names() == ["StaleEvent"]
    world.arrive("c1")
    assert world.the(RingPhone).at == EDGE
    world.do(ev.PhoneUnregistered(edge=EDGE, user="201"))
    assert not world.state.phones


def test_an_edge_whose_link_was_away_for_a_moment_takes_no_phone_that_went_to_another() -> None:
    world = ann_registered_at_both()
    world.do(ev.EdgeDown(edge=EDGE))
    world.do(ev.EdgeInventory(edge=EDGE, instance="e1", phones=("201",)))
    assert world.state.phones == {"201": FAR}
    world.do(ev.PhoneUnregistered(edge=EDGE, user="201"))
    assert world.state.phones == {"201": FAR}, "what it registered here before has merely run out"
    assert world.who("ann") == "ready"


def test_a_phone_is_rung_where_an_edge_is_back_first() -> None:
    world = ann_registered_at_both()
    for edge in (FAR, EDGE):
        world.do(ev.EdgeDown(edge=edge))
    world.do(ev.EdgeInventory(edge=FAR, instance="f1", phones=("201",)))
    assert world.state.phones == {"201": FAR}
    world.do(ev.EdgeInventory(edge=EDGE, instance="e1", phones=("201",)))
    assert (world.state.phones, world.state.spare_phones) == ({"201": FAR}, {"201": (EDGE,)})


def test_a_phone_goes_to_the_latest_of_several_others_that_is_up() -> None:
    world = two_edges()
    for edge in ("edge3", EDGE, "edge4", FAR):
        world.do(ev.EdgeInventory(edge=edge, instance=edge))
        world.do(ev.PhoneRegistered(edge=edge, user="201"))
    world.do(ev.EdgeDown(edge="edge4"))
    world.do(ev.PhoneUnregistered(edge=FAR, user="201"))
    assert (world.state.phones, world.state.spare_phones["201"]) == ({"201": EDGE}, ("edge3", "edge4"))
    for edge in (EDGE, "edge3"):
        world.do(ev.EdgeDown(edge=edge))
    world.do(ev.PhoneUnregistered(edge="edge3", user="201"))
    assert (world.state.phones, world.state.spare_phones["201"]) == ({"201": EDGE}, ("edge4",))
