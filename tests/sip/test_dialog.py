"""Dialogs (RFC 3261 12 and 14)."""

from __future__ import annotations

import pytest

from gateways.sip.build import respond
from gateways.sip.dialog import Dialog, DialogId, dialog_id_of
from gateways.sip.message import Request, Response
from tests.sip.support import wire_request

ROUTED = [("Record-Route", "<sip:p3;lr>, <sip:p2;lr>"), ("Record-Route", "<sip:p1;lr>")]


def caller_dialog(*, status: int = 200, contact: str | None = "<sip:callee@192.0.2.2:5070>") -> Dialog:
    invite = wire_request(headers=ROUTED, cseq=10)
    return Dialog.as_caller(invite, respond(invite, status, to_tag="callee", contact=contact))


def callee_dialog(*, headers: list[tuple[str, str]] | None = None) -> tuple[Dialog, Request]:
    invite = wire_request(headers=ROUTED if headers is None else headers, cseq=10)
    return Dialog.as_callee(invite, "callee"), invite


def in_dialog(method: str, cseq: int) -> Request:
    return wire_request(method, to_tag="callee", cseq=cseq, branch=f"z9hG4bK{method}{cseq}")


def refused(dialog: Dialog, received: Request) -> int:
    refusal = dialog.receive_request(received)
    return refusal.status if refusal is not None else 0


def answer(dialog: Dialog, received: Request, status: int, contact: str | None = None) -> None:
    dialog.response_sent(received, respond(received, status, contact=contact))


def test_callee_side() -> None:
    """12.1.1"""
    dialog, invite = callee_dialog()
    assert dialog.id == DialogId("call-1", "callee", "from")
    assert dialog_id_of(in_dialog("BYE", 11)) == dialog.id
    assert [str(hop) for hop in dialog.route_set] == ["<sip:p3;lr>", "<sip:p2;lr>", "<sip:p1;lr>"], "in order"
    assert not dialog.confirmed
    answer(dialog, invite, 200)
    assert dialog.confirmed
    bye = dialog.request("BYE")
    assert (bye.uri, str(bye.cseq), bye.call_id) == ("sip:ayse@192.0.2.1:5060", "1 BYE", "call-1")
    assert (bye.from_.tag, bye.to.tag) == ("callee", "from")
    assert (str(bye.from_.uri), str(bye.to.uri)) == ("sip:185@192.0.2.2", "sip:ayse@192.0.2.1")
    assert [hop.uri.host for hop in bye.route] == ["p3", "p2", "p1"]
    assert dialog.next_hop().host == "p3"
    assert bye.max_forwards == 70


def test_caller_side() -> None:
    """12.1.2"""
    dialog = caller_dialog()
    assert dialog.id == DialogId("call-1", "from", "callee")
    assert [hop.uri.host for hop in dialog.route_set] == ["p1", "p2", "p3"], "reversed"
    assert dialog.confirmed
    bye = dialog.request("BYE", headers=[("Reason", "Q.850;cause=16")])
    assert (bye.uri, str(bye.cseq)) == ("sip:callee@192.0.2.2:5070", "11 BYE")
    assert (bye.from_.tag, bye.to.tag) == ("from", "callee")
    assert bye.get("Reason") == "Q.850;cause=16"
    ack = dialog.ack()
    assert (ack.method, str(ack.cseq), ack.uri) == ("ACK", "10 ACK", "sip:callee@192.0.2.2:5070")
    assert [hop.uri.host for hop in ack.route] == ["p1", "p2", "p3"]


def test_without_a_route_it_goes_to_the_contact() -> None:
    dialog, _ = callee_dialog(headers=[])
    assert dialog.request("BYE").get("Route") is None
    assert str(dialog.next_hop()) == "sip:ayse@192.0.2.1:5060"


def test_strict_router_takes_its_address_from_the_request_uri() -> None:
    """12.2.1.1, the example there"""
    dialog, _ = callee_dialog(headers=[("Record-Route", "<sip:p1>, <sip:p2;lr>, <sip:p3>")])
    bye = dialog.request("BYE")
    assert bye.uri == "sip:p1"
    assert [str(hop) for hop in bye.route] == ["<sip:p2;lr>", "<sip:p3>", "<sip:ayse@192.0.2.1:5060>"]
    assert dialog.next_hop().host == "p1"


def test_early_dialog_is_confirmed_by_its_2xx() -> None:
    """13.2.2.4: the route set is that of the 2xx."""
    invite = wire_request(cseq=10)
    ringing = respond(invite, 180, to_tag="callee", headers=[("Record-Route", "<sip:early;lr>")])
    dialog = Dialog.as_caller(invite, ringing)
    assert not dialog.confirmed
    assert dialog.invite_pending
    assert str(dialog.remote_target) == "sip:185@192.0.2.2", "no Contact yet"
    dialog.response_received(
        respond(
            invite,
            200,
            to_tag="callee",
            contact="<sip:real@192.0.2.2>",
            headers=[("Record-Route", "<sip:final;lr>")],
        )
    )
    assert dialog.confirmed
    assert not dialog.invite_pending
    assert str(dialog.remote_target) == "sip:real@192.0.2.2"
    assert dialog.next_hop().host == "final"


def test_request_outside_of_dialogs() -> None:
    assert dialog_id_of(wire_request()) is None


def test_peer_without_a_tag() -> None:
    """RFC 2543 had none: its absence is the empty tag (12.1.1)."""
    invite = wire_request()
    invite.set("From", "<sip:old@192.0.2.1>")
    dialog = Dialog.as_callee(invite, "callee")
    assert dialog.id.remote_tag == ""
    assert dialog.request("BYE").to.tag is None


def test_requests_out_of_order_are_refused() -> None:
    """12.2.2"""
    dialog, invite = callee_dialog()
    answer(dialog, invite, 200)
    assert refused(dialog, in_dialog("OPTIONS", 9)) == 500
    assert refused(dialog, in_dialog("OPTIONS", 10)) == 500
    assert refused(dialog, in_dialog("OPTIONS", 15)) == 0, "gaps are allowed"
    assert refused(dialog, in_dialog("BYE", 14)) == 500
    assert refused(dialog, in_dialog("BYE", 16)) == 0
    assert refused(dialog, in_dialog("ACK", 10)) == 0, "an ACK has the number of its INVITE"


def test_first_request_of_the_callee_may_have_any_number() -> None:
    dialog = caller_dialog()
    assert refused(dialog, in_dialog("BYE", 1)) == 0


def test_reinvite_changes_the_target() -> None:
    """12.2.2: only when it is accepted"""
    dialog, invite = callee_dialog()
    answer(dialog, invite, 200)
    again = in_dialog("INVITE", 11)
    again.set("Contact", "<sip:moved@192.0.2.50>")
    assert refused(dialog, again) == 0
    answer(dialog, again, 488)
    assert str(dialog.remote_target) == "sip:ayse@192.0.2.1:5060"
    again = in_dialog("INVITE", 12)
    again.set("Contact", "<sip:moved@192.0.2.50>")
    assert refused(dialog, again) == 0
    answer(dialog, again, 200)
    assert str(dialog.remote_target) == "sip:moved@192.0.2.50"


def test_our_reinvite_changes_the_target() -> None:
    dialog = caller_dialog()
    again = dialog.request(
        "INVITE", contact="<sip:ayse@192.0.2.1>", body=b"v=0", content_type="application/sdp"
    )
    assert (str(again.cseq), again.content_type) == ("11 INVITE", "application/sdp")
    accepted = Response(
        200,
        "OK",
        [*[field for field in again.headers if field[0] != "Contact"], ("Contact", "<sip:moved@192.0.2.60>")],
    )
    dialog.response_received(accepted)
    assert str(dialog.remote_target) == "sip:moved@192.0.2.60"
    assert str(dialog.ack().cseq) == "11 ACK"
    assert [hop.uri.host for hop in dialog.route_set] == ["p1", "p2", "p3"], "12.2: the route set stays"


def test_invite_during_an_invite_of_the_peer() -> None:
    """14.2: 500 with Retry-After of 0 to 10 s"""
    dialog, _ = callee_dialog()
    refusal = dialog.receive_request(in_dialog("INVITE", 11))
    assert refusal is not None
    assert refusal.status == 500
    assert 0 <= int(dict(refusal.headers)["Retry-After"]) <= 10


def test_glare() -> None:
    """14.2: 491 while our own INVITE is open, until its final response"""
    dialog = caller_dialog()
    again = dialog.request("INVITE")
    assert refused(dialog, in_dialog("INVITE", 5)) == 491
    dialog.response_received(respond(again, 180))
    assert refused(dialog, in_dialog("INVITE", 6)) == 491
    dialog.response_received(respond(again, 491))
    assert refused(dialog, in_dialog("INVITE", 7)) == 0


def test_no_second_invite_of_ours_while_one_is_open() -> None:
    """14.1"""
    dialog = caller_dialog()
    dialog.request("INVITE")
    assert dialog.invite_pending
    with pytest.raises(ValueError, match="pending"):
        dialog.request("INVITE")
    dialog.request("OPTIONS")
    other, invite = callee_dialog()
    with pytest.raises(ValueError, match="pending"):
        other.request("INVITE")
    answer(other, invite, 200)
    with pytest.raises(ValueError, match="pending"):
        other.request("INVITE")  # our 200 is not acknowledged
    other.ack_received(in_dialog("ACK", 9))
    assert other.invite_pending, "the ACK of another one"
    other.ack_received(in_dialog("ACK", 10))
    other.request("INVITE")


def test_a_200_that_nobody_acknowledges_is_over_too() -> None:
    dialog, invite = callee_dialog()
    answer(dialog, invite, 200)
    dialog.ack_missing()
    assert not dialog.invite_pending


def test_judging_changes_nothing() -> None:
    """A request is looked at before it is known to come from the peer: a forged number must not shut the peer out"""
    dialog, invite = callee_dialog()
    answer(dialog, invite, 200)
    assert dialog.judge(in_dialog("INFO", 2**31 - 2)) is None
    assert dialog.judge(in_dialog("BYE", 11)) is None
    dialog.accept(in_dialog("INVITE", 12))
    assert dialog.invite_pending
    refusal = dialog.judge(in_dialog("INVITE", 13))
    assert refusal is not None
    assert refusal.status == 500
    dialog.accept(in_dialog("ACK", 20))
    assert dialog.judge(in_dialog("BYE", 13)) is None


def test_update_in_an_early_dialog() -> None:
    """RFC 3311 5.1, 5.2: it moves the target, and answers no INVITE"""
    dialog, invite = callee_dialog()
    answer(dialog, invite, 183)
    update = in_dialog("UPDATE", 11)
    update.set("Contact", "<sip:moved@192.0.2.50>")
    assert refused(dialog, update) == 0
    answer(dialog, update, 200)
    assert str(dialog.remote_target) == "sip:moved@192.0.2.50"
    assert not dialog.confirmed
    assert dialog.invite_pending
    ours = dialog.request("UPDATE", contact="<sip:185@192.0.2.2>")
    dialog.response_received(respond(ours, 200, contact="<sip:again@192.0.2.51>"))
    assert str(dialog.remote_target) == "sip:again@192.0.2.51"
    assert not dialog.confirmed


def test_challenged_request_goes_out_again() -> None:
    dialog = caller_dialog()
    invite = dialog.request("INVITE")
    dialog.response_received(respond(invite, 401))
    invite.set("CSeq", "12 INVITE")
    dialog.sent_again(invite)
    assert dialog.invite_pending
    dialog.response_received(respond(invite, 200))
    assert not dialog.invite_pending
    assert str(dialog.ack().cseq) == "12 ACK"
    assert str(dialog.request("BYE").cseq) == "13 BYE"


def test_ack_has_the_credentials_of_its_invite() -> None:
    """13.2.2.4"""
    dialog = caller_dialog()
    assert dialog.ack().get("Authorization") is None
    invite = dialog.request("INVITE")
    invite.set("CSeq", "12 INVITE")
    invite.add("Proxy-Authorization", 'Digest username="a"')
    invite.add("Authorization", 'Digest username="b"')
    dialog.sent_again(invite)
    ack = dialog.ack()
    assert ack.get("Proxy-Authorization") == 'Digest username="a"'
    assert ack.get("Authorization") == 'Digest username="b"'
    assert dialog.ack(cseq_number=10).get("Authorization") is None
    asked = wire_request(headers=[("Authorization", "Digest x")])
    assert Dialog.as_caller(asked, respond(asked, 200, to_tag="t")).ack().get("Authorization") == "Digest x"


def test_ack_needs_an_invite() -> None:
    dialog, _ = callee_dialog()
    with pytest.raises(ValueError, match="no INVITE"):
        dialog.ack()
    assert str(dialog.ack(cseq_number=4).cseq) == "4 ACK"


def test_failure_leaves_an_early_dialog_early() -> None:
    dialog, invite = callee_dialog()
    answer(dialog, invite, 180)
    assert dialog.invite_pending
    answer(dialog, invite, 486)
    assert not dialog.confirmed
    assert not dialog.invite_pending
