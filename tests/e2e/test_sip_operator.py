"""An operator who takes calls on a registered SIP phone instead of the browser's audio."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest
from playwright.sync_api import Browser, expect

from tests.e2e.calls import channels, phone_heard, seconds_heard, wait_recordings
from tests.e2e.conftest import CALLER_HZ
from tests.e2e.operator_page import Operator
from tests.e2e.phone import Baresip
from tests.e2e.stack import Stack
from tests.e2e.test_unhappy_calls import dial

PHONE_HZ = 760


def registered_phone(stack: Stack, phone: Callable[..., Baresip], user: str) -> Baresip:
    """The desk phone of an operator, known to the system."""
    rows = (stack.config.data_path / "demo-phones.txt").read_text().splitlines()
    password = {row.split("\t")[0]: row.split("\t")[1] for row in rows}[user]
    one = phone(
        tone_hz=PHONE_HZ,
        account=f"<sip:{user}@127.0.0.1:{stack.sip_port}>;auth_user={user};auth_pass={password};regint=60",
    )
    one.until(lambda: "[1 binding]" in one.log_tail())
    return one


@pytest.mark.parametrize("ends", ["caller", "operator"])
def test_a_call_on_the_operators_phone(
    stack: Stack, phone: Callable[..., Baresip], browser: Browser, ends: str
) -> None:
    desk_phone = registered_phone(stack, phone, "206")
    desk = Operator(browser, stack.url, "op06", stack.logins()["op06"])
    desk.log_in()
    desk.find("use-phone").click()
    desk.wait_audio("phone")
    desk.go_ready()
    caller = phone()
    call = dial(stack, caller)
    incoming = desk_phone.wait_for("CALL_INCOMING")
    assert caller.name in incoming["peeruri"], "the phone shows who calls"
    expect(desk.find("offer-caller")).to_have_text(caller.name)
    desk_phone.accept()
    desk.wait_state("talking")
    time.sleep(3.0)
    (caller if ends == "caller" else desk_phone).hang_up()
    (desk_phone if ends == "caller" else caller).wait_for("CALL_CLOSED")
    desk.wait_state("wrap_up")
    desk.log_out()
    desk.close()
    (recording,) = wait_recordings(stack, call, 1)
    left, right = channels(stack, recording)
    assert seconds_heard(left, CALLER_HZ) > 1.5
    assert seconds_heard(right, PHONE_HZ) > 1.5
    for one, hears in ((caller, PHONE_HZ), (desk_phone, CALLER_HZ)):
        one.close()
        assert seconds_heard(phone_heard(one), hears) > 1.5
