"""An operator calls a number: over the trunk to a telephone that answers, or does not; recorded, counted, with a work order."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from acd_core.domain.events import DialRequested
from tests.e2e.calls import channels, phone_heard, seconds_heard, wait_recordings, wait_steps
from tests.e2e.conftest import CALLER_HZ, OPERATOR_HZ
from tests.e2e.operator_page import GUARD_MS, Operator
from tests.e2e.phone import Baresip
from tests.e2e.stack import TRUNK_HOST, Stack
from tests.e2e.test_sip_operator import PHONE_HZ, registered_phone
from tests.peers.sipp import Sipp
from tests.support.ports import free_port, free_ports

TALK_S = 3.0
RINGING_HZ = 450  # in Turkey
TYPED, NUMBER, SENT = "0312 123 45 67", "+903121234567", "03121234567"
_made = itertools.count()


@pytest.fixture
def subscriber(stack: Stack, tmp_path: Path) -> Iterator[Baresip]:
    """Whom the carrier reaches under the number."""
    one = Baresip(
        tmp_path / f"subscriber-{next(_made)}",
        name=SENT,
        tone_hz=CALLER_HZ,
        ports=(stack.config.trunks["carrier"].port, free_port(), free_ports(10)),
        host=TRUNK_HOST,
    )
    yield one
    one.close()


def dialled(stack: Stack) -> str:
    """The id of the call that was dialled last."""
    (*_, last) = (story.call for story in stack.stories() if getattr(story, "step", "") == "dialled")
    return str(last)


def test_a_number_is_called_from_the_page_and_both_hear_each_other(
    stack: Stack, subscriber: Baresip, operator: Callable[[str], Operator]
) -> None:
    desk = operator("op03")
    desk.find("dial-number").fill(TYPED)
    desk.find("dial").click()
    incoming = subscriber.wait_for("CALL_INCOMING")
    assert "185" in incoming["peeruri"], "the number of the plan is shown"
    expect(desk.find("call-title")).to_have_text("It rings there", timeout=GUARD_MS)
    stack.until(lambda: abs(desk.heard_hz() - RINGING_HZ) < 15, "the operator hears it ring")
    subscriber.accept()
    expect(desk.find("call-title")).to_have_text("Conversation", timeout=GUARD_MS)
    expect(desk.find("call-caller")).to_have_text(NUMBER, timeout=GUARD_MS)
    time.sleep(TALK_S)
    assert abs(desk.heard_hz() - CALLER_HZ) < 15, "the operator hears who was called"
    desk.page.keyboard.press("Alt+k")
    for key in "5#":
        desk.page.keyboard.press(key)
        assert subscriber.wait_for("CALL_DTMF_START")["param"] == key
    subscriber.hang_up()
    desk.wait_state("wrap_up")
    desk.find("order-category").select_option("water_fault")
    desk.find("order-description").fill("Geri arandı, su geldi")
    desk.find("order-save").click()
    expect(desk.find("order-saved-number")).to_be_visible(timeout=GUARD_MS)

    call = dialled(stack)
    steps = wait_steps(stack, call, "dialled", "rings", "connected", "ended", "recorded")
    (recording,) = wait_recordings(stack, call, 1)
    left, right = channels(stack, recording)
    assert seconds_heard(left, CALLER_HZ) > TALK_S - 1.5
    assert seconds_heard(right, OPERATOR_HZ) > TALK_S - 1.5
    subscriber.close()
    assert seconds_heard(phone_heard(subscriber), OPERATOR_HZ) > TALK_S - 1.5
    stack.until(
        lambda: len(stack.sql("select 1 from call_steps where call = $1", call)) == len(steps),
        "the store has shipped the story",
    )
    (row,) = stack.sql("select * from calls where call = $1", call)
    assert (row["caller"], row["via"], row["agent"], row["outcome"]) == (
        NUMBER,
        "dialled",
        "op03",
        "answered",
    )
    (order,) = stack.sql("select caller_phone from orders where call = $1", call)
    assert order["caller_phone"] == NUMBER


def test_a_carrier_that_says_back_what_it_hears(
    stack: Stack, tmp_path: Path, operator: Callable[[str], Operator]
) -> None:
    port = stack.config.trunks["carrier"].port
    carrier = Sipp(
        tmp_path, "dialled", stack.sip_port, "-i", TRUNK_HOST, "-mi", TRUNK_HOST, "-rtp_echo", port=port
    )
    try:
        desk = operator("op03")
        desk.find("dial-number").fill(TYPED)
        desk.find("dial").click()
        expect(desk.find("call-title")).to_have_text("Conversation", timeout=GUARD_MS)
        time.sleep(TALK_S)
        assert abs(desk.heard_hz() - OPERATOR_HZ) < 15, "the operator hears themselves, by way of the carrier"
        desk.page.keyboard.press("Alt+h")
        desk.wait_state("wrap_up")
        carrier.finish()
    finally:
        carrier.close()
    (recording,) = wait_recordings(stack, dialled(stack), 1)
    for channel in channels(stack, recording):
        assert seconds_heard(channel, OPERATOR_HZ) > TALK_S - 1.5


def test_dialling_is_taken_back_and_the_telephone_stops_ringing(
    stack: Stack, subscriber: Baresip, operator: Callable[[str], Operator]
) -> None:
    desk = operator("op03")
    desk.find("dial-number").fill(TYPED)
    desk.page.keyboard.press("Enter")
    subscriber.wait_for("CALL_INCOMING")
    desk.find("hang-up").click()
    subscriber.wait_for("CALL_CLOSED")
    desk.wait_state("ready")
    wait_steps(stack, dialled(stack), "dialled", "ended")


def test_who_declines_and_what_is_barred_is_told_at_the_page(
    stack: Stack, subscriber: Baresip, operator: Callable[[str], Operator]
) -> None:
    desk = operator("op03")
    desk.find("dial-number").fill(TYPED)
    desk.find("dial").click()
    subscriber.wait_for("CALL_INCOMING")
    subscriber.hang_up()
    expect(desk.find("dial-problem")).to_contain_text("busy", timeout=GUARD_MS)
    desk.wait_state("ready")
    for number, said in (
        ("0900 900 90 90", "Premium"),
        ("112", "No rule says"),
        ("+44 20 7946 0000", "No rule says"),
        ("12345678901234567890", "not a telephone number"),
    ):
        desk.find("dial-number").fill(number)
        desk.find("dial").click()
        expect(desk.find("dial-problem")).to_contain_text(said, timeout=GUARD_MS)
    asked = [record.event for record in stack.events() if isinstance(record.event, DialRequested)]
    assert [event.to for event in asked[-4:]] == [""] * 4


def test_an_edge_killed_while_it_rings_ends_the_call_and_the_desk_dials_again(
    stack: Stack, subscriber: Baresip, operator: Callable[[str], Operator]
) -> None:
    desk = operator("op03")
    desk.find("dial-number").fill(TYPED)
    desk.find("dial").click()
    subscriber.wait_for("CALL_INCOMING")
    call = dialled(stack)
    stack.kill("edge")
    wait_steps(stack, call, "dialled", "ended")
    desk.wait_audio("connected")
    desk.wait_state("ready", "not_ready")
    subscriber.hang_up()  # nobody takes back what a dead process began
    subscriber.wait_for("CALL_CLOSED")
    desk.find("dial-number").fill(TYPED)
    desk.find("dial").click()
    subscriber.wait_for("CALL_INCOMING")
    subscriber.accept()
    expect(desk.find("call-title")).to_have_text("Conversation", timeout=GUARD_MS)
    desk.find("hang-up").click()
    subscriber.wait_for("CALL_CLOSED")
    desk.wait_state("wrap_up")


def test_an_operator_with_a_phone_dials_at_the_page_and_their_phone_rings_first(
    stack: Stack, subscriber: Baresip, phone: Callable[..., Baresip], browser: Browser
) -> None:
    desk_phone = registered_phone(stack, phone, "206")
    desk = Operator(browser, stack.url, "op06", stack.logins()["op06"])
    desk.log_in()
    desk.find("use-phone").click()
    desk.wait_audio("phone")
    desk.find("dial-number").fill(TYPED)
    desk.find("dial").click()
    desk_phone.wait_for("CALL_INCOMING")
    desk_phone.accept()
    subscriber.wait_for("CALL_INCOMING")
    subscriber.accept()
    expect(desk.find("call-title")).to_have_text("Conversation", timeout=GUARD_MS)
    time.sleep(TALK_S)
    desk_phone.hang_up()
    subscriber.wait_for("CALL_CLOSED")
    desk.wait_state("wrap_up")
    desk.log_out()
    desk.close()
    for one, hears in ((subscriber, PHONE_HZ), (desk_phone, CALLER_HZ)):
        one.close()
        assert seconds_heard(phone_heard(one), hears) > TALK_S - 1.5


def test_an_operator_dials_at_their_phone_once_they_work_with_it(
    stack: Stack, subscriber: Baresip, phone: Callable[..., Baresip], browser: Browser
) -> None:
    desk_phone = registered_phone(stack, phone, "206")
    desk_phone.dial(SENT, "127.0.0.1", stack.sip_port)
    assert "403" in desk_phone.wait_for("CALL_CLOSED")["param"], "nobody is logged in who works with it"

    desk = Operator(browser, stack.url, "op06", stack.logins()["op06"])
    desk.log_in()
    desk.find("use-phone").click()
    desk.wait_audio("phone")
    desk_phone.dial("09009009090", "127.0.0.1", stack.sip_port)
    assert "403" in desk_phone.wait_for("CALL_CLOSED")["param"]
    expect(desk.find("refused")).to_contain_text("Premium", timeout=GUARD_MS)

    desk_phone.dial(SENT, "127.0.0.1", stack.sip_port)
    subscriber.wait_for("CALL_INCOMING")
    desk.wait_state("talking")
    subscriber.accept()
    expect(desk.find("call-title")).to_have_text("Conversation", timeout=GUARD_MS)
    expect(desk.find("call-caller")).to_have_text(NUMBER, timeout=GUARD_MS)
    time.sleep(TALK_S)
    subscriber.hang_up()
    desk_phone.wait_for("CALL_CLOSED")
    desk.wait_state("wrap_up")
    desk.log_out()
    desk.close()
    call = dialled(stack)
    (recording,) = wait_recordings(stack, call, 1)
    left, right = channels(stack, recording)
    assert seconds_heard(left, CALLER_HZ) > TALK_S - 1.5
    assert seconds_heard(right, PHONE_HZ) > TALK_S - 1.5


def test_a_stranger_reaches_nobody_through_us(
    stack: Stack, subscriber: Baresip, phone: Callable[..., Baresip]
) -> None:
    stranger = phone()
    for number in (SENT, NUMBER, "09009009090", "112"):
        stranger.dial(number, "127.0.0.1", stack.sip_port)
        assert "404" in stranger.wait_for("CALL_CLOSED")["param"]
    assert not [event for event in subscriber.events if event.get("type") == "CALL_INCOMING"]
