"""An operator presses "transfer" at a real phone: to a number of the plan, to one outside, to a colleague who was asked first."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.e2e.calls import channels, phone_heard, seconds_heard, wait_recordings, wait_steps
from tests.e2e.city import RING_ALL
from tests.e2e.conftest import CALLER_HZ, OPERATOR_HZ
from tests.e2e.operator_page import Operator
from tests.e2e.phone import Baresip
from tests.e2e.stack import TRUNK_HOST, Stack
from tests.e2e.test_sip_operator import PHONE_HZ, registered_phone
from tests.e2e.test_unhappy_calls import dial
from tests.peers.linphone import Linphone
from tests.support.ports import free_port, free_ports

TALK_S, HEARD_S = 2.0, 0.8
OUTSIDE, OUTSIDE_HZ = "03124441111", 1120


@pytest.fixture
def outside(stack: Stack, tmp_path: Path) -> Iterator[Baresip]:
    """Whom the carrier reaches under the number."""
    one = Baresip(
        tmp_path / "outside",
        name=OUTSIDE,
        tone_hz=OUTSIDE_HZ,
        ports=(stack.config.trunks["carrier"].port, free_port(), free_ports(10)),
        host=TRUNK_HOST,
    )
    yield one
    one.close()


@pytest.fixture
def desk_phone(stack: Stack, phone: Callable[..., Baresip]) -> Baresip:
    return registered_phone(stack, phone, "206")


@pytest.fixture
def softphone(stack: Stack, tmp_path: Path) -> Iterator[Linphone]:
    """The same operator's, when it is to hold one call and make another."""
    rows = (stack.config.data_path / "demo-phones.txt").read_text().splitlines()
    password = {row.split("\t")[0]: row.split("\t")[1] for row in rows}["206"]
    one = Linphone(tmp_path / "softphone", "206")
    one.register("127.0.0.1", stack.sip_port, password)
    yield one
    one.close()


@pytest.fixture
def desk(stack: Stack, browser: Browser, desk_phone: Baresip) -> Iterator[Operator]:
    """The operator of that phone, ready."""
    yield from at_work(stack, browser)


@pytest.fixture
def desk_of_softphone(stack: Stack, browser: Browser, softphone: Linphone) -> Iterator[Operator]:
    yield from at_work(stack, browser)


def at_work(stack: Stack, browser: Browser) -> Iterator[Operator]:
    page = Operator(browser, stack.url, "op06", stack.logins()["op06"])
    page.log_in()
    page.find("use-phone").click()
    page.wait_audio("phone")
    page.go_ready()
    yield page
    page.log_out()
    page.close()


def taken(stack: Stack, caller: Baresip, desk_phone: Baresip, desk: Operator) -> str:
    """A call that the operator has taken at the phone."""
    call = dial(stack, caller)
    desk_phone.wait_for("CALL_INCOMING")
    desk_phone.accept()
    desk.wait_state("talking")
    return call


def test_a_caller_is_handed_on_to_a_number_of_the_plan(
    stack: Stack,
    phone: Callable[..., Baresip],
    desk_phone: Baresip,
    desk: Operator,
    operator: Callable[[str], Operator],
) -> None:
    """Where another operator takes the call: nothing of it is lost, and each conversation is recorded."""
    caller = phone()
    call = taken(stack, caller, desk_phone, desk)
    other = operator("op01")
    time.sleep(TALK_S)
    desk_phone.transfer(f"sip:{RING_ALL}@127.0.0.1:{stack.sip_port}")
    other.wait_state("ringing")
    desk.wait_state("wrap_up")
    desk_phone.wait_for("CALL_CLOSED")
    expect(other.find("offer-caller")).to_have_text(caller.name)
    other.find("accept").click()
    other.wait_state("talking")
    time.sleep(TALK_S)
    assert abs(other.heard_hz() - CALLER_HZ) < 15
    caller.hang_up()
    other.wait_state("wrap_up")
    wait_steps(stack, call, "connected", "transferred", "queued", "connected", "ended")
    first, second = wait_recordings(stack, call, 2)
    assert (first["agent"], second["agent"]) == ("op06", "op01")
    for recording, hz in ((first, PHONE_HZ), (second, OPERATOR_HZ)):
        left, right = channels(stack, recording)
        assert seconds_heard(left, CALLER_HZ) > HEARD_S
        assert seconds_heard(right, hz) > HEARD_S


def test_a_caller_is_handed_on_to_a_number_outside(
    stack: Stack, phone: Callable[..., Baresip], desk_phone: Baresip, desk: Operator, outside: Baresip
) -> None:
    """They hear each other, the operator is free, and nothing of what they say is recorded."""
    caller = phone()
    call = taken(stack, caller, desk_phone, desk)
    desk_phone.transfer(f"sip:{OUTSIDE}@127.0.0.1:{stack.sip_port}")
    outside.wait_for("CALL_INCOMING")
    assert desk.state() == "talking", "until somebody answers"
    outside.accept()
    desk_phone.wait_for("CALL_CLOSED")
    desk.wait_state("wrap_up")
    time.sleep(TALK_S + 1.0)  # a phone that answers takes a while until its tone is there
    outside.hang_up()
    caller.wait_for("CALL_CLOSED")
    wait_steps(stack, call, "connected", "transferring", "transferred", "ended")
    assert len(wait_recordings(stack, call, 1)) == 1
    for one, hears in ((caller, OUTSIDE_HZ), (outside, CALLER_HZ)):
        one.close()
        assert seconds_heard(phone_heard(one), hears) > HEARD_S


def test_a_caller_is_put_through_to_whom_the_operator_has_asked(
    stack: Stack,
    phone: Callable[..., Baresip],
    softphone: Linphone,
    desk_of_softphone: Operator,
    operator: Callable[[str], Operator],
) -> None:
    """The colleague has the caller, with all that is known of them, and the question is over."""
    desk = desk_of_softphone
    caller = phone()
    call = dial(stack, caller)
    softphone.ringing()
    softphone.answer()
    softphone.became("CallStreamsRunning")
    desk.wait_state("talking")
    other = operator("op01")
    softphone.hold()
    softphone.became("CallPaused")
    softphone.call(f"sip:{RING_ALL}@127.0.0.1:{stack.sip_port}")
    other.wait_state("ringing")
    other.find("accept").click()
    other.wait_state("talking")
    softphone.became("CallStreamsRunning")
    expect(other.find("call-caller")).to_have_text("206")
    softphone.put_through(1, to=2)
    desk.wait_state("wrap_up")
    expect(other.find("call-caller")).to_have_text(caller.name)
    time.sleep(TALK_S)
    assert abs(other.heard_hz() - CALLER_HZ) < 15
    caller.hang_up()
    other.wait_state("wrap_up")
    wait_steps(stack, call, "connected", "transferred", "connected", "ended")
    first, second = wait_recordings(stack, call, 2)
    assert (first["agent"], second["agent"]) == ("op06", "op01")
    left, right = channels(stack, second)
    assert seconds_heard(left, CALLER_HZ) > HEARD_S
    assert seconds_heard(right, OPERATOR_HZ) > HEARD_S
