"""The registrar (RFC 3261 10.3)."""

from __future__ import annotations

import pytest

from gateways.sip.events import Flow
from gateways.sip.headers import Via
from gateways.sip.limits import RegistrarLimits
from gateways.sip.message import Request, Response
from gateways.sip.registrar import (
    BindingAdded,
    BindingChange,
    BindingRefreshed,
    BindingRemoved,
    Registrar,
)
from tests.sip.support import CALLER, wire_request

AOR = "ayse@santral"
FLOW = Flow("UDP", *CALLER)


def register(
    *contacts: str, cseq: int = 1, call_id: str = "reg-1", expires: int | None = None, user_agent: str = ""
) -> Request:
    made = wire_request("REGISTER", cseq=cseq, call_id=call_id)
    made.remove("Contact")
    for contact in contacts:
        made.add("Contact", contact)
    if expires is not None:
        made.set("Expires", str(expires))
    if user_agent:
        made.set("User-Agent", user_agent)
    return made


def process(
    registrar: Registrar, request: Request, now_ms: int = 0, aor: str = AOR, flow: Flow = FLOW
) -> tuple[Response, list[BindingChange]]:
    return registrar.process(request, aor, flow, now_ms)


def contacts(registrar: Registrar, now_ms: int = 0, aor: str = AOR) -> list[str]:
    return [str(binding.contact.uri) for binding in registrar.bindings(aor, now_ms)]


def kinds(changes: list[BindingChange]) -> list[type]:
    return [type(change) for change in changes]


def test_binding_is_added_refreshed_and_removed() -> None:
    registrar = Registrar()
    response, changes = process(registrar, register("<sip:a@192.0.2.1>", expires=120, user_agent="phone/1"))
    assert (response.status, response.get_all("Contact")) == (200, ["<sip:a@192.0.2.1>;expires=120"])
    assert kinds(changes) == [BindingAdded]
    binding = changes[0].binding
    assert (binding.aor, binding.flow, binding.expires_at_ms) == (AOR, FLOW, 120_000)
    assert binding.user_agent == "phone/1"
    response, changes = process(registrar, register("<sip:a@192.0.2.1>", cseq=2), 60_000)
    assert response.get_all("Contact") == ["<sip:a@192.0.2.1>;expires=3600"], "the default"
    assert kinds(changes) == [BindingRefreshed]
    response, changes = process(registrar, register("<sip:a@192.0.2.1>;expires=0", cseq=3), 61_000)
    assert (response.status, response.get_all("Contact")) == (200, [])
    assert [change.reason for change in changes if isinstance(change, BindingRemoved)] == ["removed"]
    assert len(registrar) == 0


def test_query() -> None:
    """10.3 step 8: without Contact nothing changes, and all bindings are listed"""
    registrar = Registrar()
    process(registrar, register("<sip:a@192.0.2.1>;x=y", "<sip:b@192.0.2.2>;q=0.5", expires=100))
    response, changes = process(registrar, register(cseq=9), 10_500)
    assert changes == []
    assert response.get_all("Contact") == [
        "<sip:a@192.0.2.1>;x=y;expires=90",
        "<sip:b@192.0.2.2>;q=0.5;expires=90",
    ]


def test_several_contacts_are_ordered() -> None:
    registrar = Registrar()
    process(registrar, register("<sip:low@h>;q=0.1", "<sip:high@h>;q=0.9", "<sip:none@h>"))
    process(registrar, register("<sip:newest@h>", call_id="other"), 10)
    assert contacts(registrar) == ["sip:newest@h", "sip:none@h", "sip:high@h", "sip:low@h"]


def test_expiry() -> None:
    registrar = Registrar()
    process(registrar, register("<sip:a@h>;expires=60", "<sip:b@h>;expires=90"))
    assert registrar.next_deadline_ms() == 60_000
    assert registrar.sweep(59_999) == []
    assert contacts(registrar, 60_000) == ["sip:b@h"], "not used any more even before the sweep"
    removed = registrar.sweep(60_000)
    assert [(str(gone.binding.contact.uri), gone.reason) for gone in removed] == [("sip:a@h", "expired")]
    process(registrar, register("<sip:b@h>;expires=90", cseq=2), 80_000)
    assert registrar.sweep(169_999) == []
    assert len(registrar.sweep(170_000)) == 1
    assert registrar.next_deadline_ms() is None
    assert len(registrar) == 0


def test_expired_bindings_are_told_of_by_the_next_request_too() -> None:
    registrar = Registrar()
    process(registrar, register("<sip:a@h>;expires=60"))
    _, changes = process(registrar, register("<sip:b@h>;expires=60", cseq=2), 100_000)
    assert kinds(changes) == [BindingRemoved, BindingAdded]


@pytest.mark.parametrize(
    ("asked", "granted"), [("60", 60), ("3600", 3600), ("7200", 3600), ("4294967295", 3600), (None, 3600)]
)
def test_time_that_is_granted(asked: str | None, granted: int) -> None:
    registrar = Registrar()
    param = "" if asked is None else f";expires={asked}"
    response, _ = process(registrar, register(f"<sip:a@h>{param}"))
    assert response.get_all("Contact") == [f"<sip:a@h>;expires={granted}"]


def test_too_brief() -> None:
    """10.3 step 7"""
    registrar = Registrar()
    response, changes = process(registrar, register("<sip:good@h>", "<sip:a@h>;expires=59"))
    assert (response.status, response.get("Min-Expires"), changes) == (423, "60", [])
    assert len(registrar) == 0, "wholly or not at all"


def test_star_removes_everything() -> None:
    """10.2.2, 10.3 step 6"""
    registrar = Registrar()
    process(registrar, register("<sip:a@h>", "<sip:b@h>"))
    process(registrar, register("<sip:other@h>"), aor="other@santral")
    response, changes = process(registrar, register("*", cseq=2, expires=0))
    assert response.status == 200
    assert kinds(changes) == [BindingRemoved, BindingRemoved]
    assert contacts(registrar) == []
    assert contacts(registrar, aor="other@santral") == ["sip:other@h"]


@pytest.mark.parametrize("expires", [None, 10])
def test_star_needs_expires_zero(expires: int | None) -> None:
    registrar = Registrar()
    process(registrar, register("<sip:a@h>"))
    response, _ = process(registrar, register("*", cseq=2, expires=expires))
    assert response.status == 400
    assert len(registrar) == 1


def test_star_beside_another_contact() -> None:
    registrar = Registrar()
    response, _ = process(registrar, register("*", "<sip:a@h>", expires=0))
    assert response.status == 200
    request = register("<sip:a@h>", "*", expires=0, cseq=2)
    response, _ = process(registrar, request)
    assert response.status == 400


@pytest.mark.parametrize("cseq", [4, 5])
@pytest.mark.parametrize("contact", ["<sip:a@h>", "<sip:a@h>;expires=0", "*"])
def test_late_copy_of_an_older_register(cseq: int, contact: str) -> None:
    """10.3 steps 6 and 7"""
    registrar = Registrar()
    process(registrar, register("<sip:a@h>", cseq=5))
    response, changes = process(
        registrar, register(contact, cseq=cseq, expires=0 if contact == "*" else None)
    )
    assert (response.status, changes) == (500, [])
    assert len(registrar) == 1


def test_phone_that_started_again() -> None:
    """10.3 step 7: another Call-ID replaces whatever the CSeq"""
    registrar = Registrar()
    process(registrar, register("<sip:a@h>", cseq=500))
    _, changes = process(registrar, register("<sip:a@h>", cseq=1, call_id="reg-2"))
    assert kinds(changes) == [BindingRefreshed]


def test_same_contact_in_other_words() -> None:
    registrar = Registrar()
    process(registrar, register("<sip:%61@HOST;transport=UDP>"))
    _, changes = process(registrar, register("<sip:a@host;Transport=udp>", cseq=2))
    assert kinds(changes) == [BindingRefreshed]
    _, changes = process(registrar, register("<sip:a@host:5060;transport=udp>", cseq=3))
    assert kinds(changes) == [BindingAdded]


def test_device_that_moved() -> None:
    """RFC 5626 6: the instance is the device, wherever it is"""
    registrar = Registrar()
    device = ';+sip.instance="<urn:uuid:1>";reg-id=1'
    process(registrar, outbound(f"<sip:a@192.0.2.1>{device}"))
    _, changes = process(registrar, outbound(f"<sip:a@192.0.2.77>{device}", cseq=2))
    assert kinds(changes) == [BindingRefreshed]
    assert contacts(registrar) == ["sip:a@192.0.2.77"]
    assert registrar.bindings(AOR, 0)[0].instance == "<urn:uuid:1>"
    other = device.replace("reg-id=1", "reg-id=2")
    _, changes = process(registrar, outbound(f"<sip:a@192.0.2.77>{other}", cseq=3))
    assert kinds(changes) == [BindingAdded]


def test_limits() -> None:
    registrar = Registrar(RegistrarLimits(bindings_max=3, bindings_per_aor_max=2))
    process(registrar, register("<sip:a@h>", "<sip:b@h>"))
    response, _ = process(registrar, register("<sip:c@h>", cseq=2))
    assert response.status == 403
    process(registrar, register("<sip:x@h>"), aor="x@santral")
    response, _ = process(registrar, register("<sip:y@h>"), aor="y@santral")
    assert (response.status, response.get("Retry-After")) == (503, "60")
    response, changes = process(registrar, register("<sip:a@h>", cseq=3))
    assert (response.status, kinds(changes)) == (200, [BindingRefreshed]), "who is in stays in"
    response, _ = process(registrar, register("<sip:a@h>;expires=0", cseq=4))
    assert response.status == 200
    response, _ = process(registrar, register("<sip:y@h>"), aor="y@santral")
    assert response.status == 200


@pytest.mark.parametrize(
    ("contact", "status"),
    [
        ("<mailto:a@h>", 416),
        ("<sip:a@h>;expires", 200),
        ("<sip:a@h>;q=2", 400),
        ("<sip:a@h>;q=nan", 400),
        ("<sip:a@h>;q=x", 400),
        ("<sip:a@h", 400),
    ],
)
def test_bad_contacts(contact: str, status: int) -> None:
    response, changes = process(Registrar(), register(contact))
    assert (response.status, bool(changes)) == (status, status == 200)


@pytest.mark.parametrize(
    ("text", "expires_s"), [("soon", 3_600), ("-1", 3_600), ("4294967296", 7_200), ("1" * 30, 7_200)]
)
def test_an_expiry_that_is_no_number(text: str, expires_s: int) -> None:
    """RFC 3261 20.10: in a Contact, a malformed one counts as 3600 and one too large as the largest"""
    registrar = Registrar(RegistrarLimits(expires_max_s=7_200))
    response, _ = process(registrar, register(f"<sip:a@h>;expires={text}"))
    assert response.get_all("Contact") == [f"<sip:a@h>;expires={expires_s}"]


def outbound(*contacts: str, cseq: int = 1, path: str = "", supported: str = "outbound, path") -> Request:
    made = register(*contacts, cseq=cseq)
    made.set("Supported", supported)
    if path:
        made.set("Path", path)
    return made


PHONE = '<sip:a@192.0.2.1>;+sip.instance="<urn:uuid:1>";reg-id='
STREAM = Flow("TCP", *CALLER)


def test_flows_of_a_device() -> None:
    """RFC 5626 6: the second flow stands beside the first; the first anew, from elsewhere, takes the first's place"""
    registrar = Registrar()
    response, _ = process(registrar, outbound(PHONE + "1"), flow=STREAM)
    assert (response.get("Require"), response.get("Flow-Timer")) == ("outbound", "90")
    assert response.get("Supported") == "outbound, path"
    response, _ = process(registrar, outbound(PHONE + "2"))
    assert (response.get("Require"), response.get("Flow-Timer")) == ("outbound", None)
    assert [binding.flow for binding in registrar.bindings(AOR, 0)] == [FLOW, STREAM]
    again = Flow("TCP", "192.0.2.1", 40_000)
    _, changes = process(
        registrar, outbound(PHONE.replace("192.0.2.1", "192.0.2.9") + "1", cseq=2), flow=again
    )
    assert kinds(changes) == [BindingRefreshed]
    assert registrar.flow_lost(STREAM) == []
    lost = registrar.flow_lost(again)
    assert [(removed.binding.reg_id, removed.reason) for removed in lost] == [("1", "lost")]
    assert [binding.reg_id for binding in registrar.bindings(AOR, 0)] == ["2"]
    assert kinds(process(registrar, register(), 10_000_000)[1]) == [BindingRemoved]
    assert (len(registrar), registrar._by_flow) == (0, {})


def test_a_flow_to_a_proxy_is_not_the_phones() -> None:
    """The proxy that left a Path takes another connection"""
    registrar = Registrar()
    process(registrar, register("<sip:a@192.0.2.1>"), flow=STREAM)
    made = register("<sip:b@192.0.2.1>", call_id="reg-2")
    made.add("Path", "<sip:p1.example;lr>")
    process(registrar, made, aor="b", flow=STREAM)
    assert [binding.aor for binding in registrar.directly_at(STREAM)] == [AOR]
    assert [removed.binding.aor for removed in registrar.flow_lost(STREAM)] == [AOR]
    assert (contacts(registrar), contacts(registrar, aor="b")) == ([], ["sip:b@192.0.2.1"])


def test_one_that_does_not_answer_is_removed() -> None:
    registrar = Registrar()
    process(registrar, register("<sip:a@192.0.2.1>", "<sip:a@192.0.2.3>"))
    removed = registrar.remove(registrar.bindings(AOR, 0)[0])
    assert (str(removed.binding.contact.uri), removed.reason) == ("sip:a@192.0.2.3", "lost")
    assert contacts(registrar) == ["sip:a@192.0.2.1"]
    assert registrar.sweep(10_000_000) != []
    assert registrar.next_deadline_ms() is None


@pytest.mark.parametrize(
    ("contacts_", "supported", "path", "status", "bound"),
    [
        ([PHONE + "1"], "path", "", 200, False),
        (["<sip:a@h>;reg-id=1"], "outbound", "", 200, False),
        (["<sip:a@h>"], "outbound", "", 200, False),
        ([PHONE + "1"], "outbound", "<sip:p1;lr>, <sip:p2;lr;ob>", 200, True),
        ([PHONE + "1"], "outbound", "<sip:p1;lr;ob>, <sip:p2;lr>", 439, False),
        ([PHONE + "1", PHONE + "2"], "outbound", "", 400, False),
        ([PHONE + "0"], "outbound", "", 400, False),
        ([PHONE + "x"], "outbound", "", 400, False),
        ([PHONE + "2147483648"], "outbound", "", 400, False),
    ],
)
def test_who_is_bound_to_a_flow(
    contacts_: list[str], supported: str, path: str, status: int, bound: bool
) -> None:
    """RFC 5626 6: who asks for it and whose first hop, the last of the Path, can"""
    registrar = Registrar()
    response, changes = process(registrar, outbound(*contacts_, path=path, supported=supported))
    assert (response.status, response.get("Require")) == (status, "outbound" if bound else None)
    assert len(changes) == (status == 200)


def test_a_hop_without_path_keeps_no_flows() -> None:
    made = outbound(PHONE + "1")
    made.push_via(Via.parse("SIP/2.0/UDP 192.0.2.50;branch=z9hG4bKproxy"))
    assert process(Registrar(), made)[0].status == 439


def test_the_way_back() -> None:
    """RFC 3327 5.3: kept with the binding, and told"""
    registrar = Registrar()
    made = register("<sip:a@192.0.2.1>")
    made.add("Path", "<sip:p1.example;lr>, <sip:p2.example;lr>")
    made.add("Path", "<sip:p3.example;lr>")
    response, _ = process(registrar, made)
    told = ["<sip:p1.example;lr>", "<sip:p2.example;lr>", "<sip:p3.example;lr>"]
    assert response.get_all("Path") == told
    assert [str(hop) for hop in registrar.bindings(AOR, 0)[0].path] == told
    made = register("<sip:a@192.0.2.1>", cseq=2)
    made.add("Path", "<sip:")
    assert process(registrar, made)[0].status == 400


def test_deadlines_do_not_pile_up() -> None:
    registrar = Registrar()
    for number in range(10_000):
        process(registrar, register("<sip:a@h>", cseq=number + 1), number)
    assert len(registrar._deadlines) < 200
    assert len(registrar.sweep(10_000_000)) == 1
