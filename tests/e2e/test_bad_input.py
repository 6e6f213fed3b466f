"""Bad input at every door of the running system: refused clearly, and all else goes on."""

from __future__ import annotations

import socket
from collections.abc import Callable

import msgspec
import pytest
from playwright.sync_api import Browser, expect

from acd_core.link.session import LINK_VERSION, Hello
from tests.e2e.operator_page import Operator
from tests.e2e.phone import Baresip
from tests.e2e.stack import Stack
from tests.e2e.test_unhappy_calls import dial

GUARD_S = 20.0


def say_sip(stack: Stack, message: bytes) -> bytes:
    """The answer to one datagram, empty when there is none."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
        one.bind(("127.0.0.1", 0))
        one.settimeout(1.0)
        port = str(one.getsockname()[1]).encode()
        one.sendto(message.replace(b"PORT", port), ("127.0.0.1", stack.sip_port))
        try:
            return one.recv(65536)
        except TimeoutError:
            return b""


_HEAD = (
    b"Via: SIP/2.0/UDP 127.0.0.1:PORT;branch=z9hG4bKbad\r\nFrom: <sip:a@127.0.0.1>;tag=1\r\n"
    b"To: <sip:185@127.0.0.1>\r\nCall-ID: bad\r\n"
)


@pytest.mark.parametrize(
    ("message", "answer"),
    [
        (b"\x00\xff" * 300, b""),
        (b"INVITE\r\n\r\n", b""),
        (b"INVITE sip:185@127.0.0.1 SIP/2.0\r\n" + _HEAD + b"CSeq: x INVITE\r\n\r\n", b"SIP/2.0 400 "),
        (b"OPTIONS sip:185@127.0.0.1 SIP/7.0\r\n" + _HEAD + b"CSeq: 1 OPTIONS\r\n\r\n", b"SIP/2.0 505 "),
        (
            b"FLY sip:185@127.0.0.1 SIP/2.0\r\n" + _HEAD + b"CSeq: 1 FLY\r\nMax-Forwards: 9\r\n\r\n",
            b"SIP/2.0 405 ",
        ),
        (
            b"INVITE sip:185@127.0.0.1 SIP/2.0\r\n" + _HEAD + b"CSeq: 1 INVITE\r\nMax-Forwards: 9\r\n"
            b"Contact: <sip:a@127.0.0.1:PORT>\r\nContent-Type: application/sdp\r\nContent-Length: 5\r\n\r\nno sd",
            b"SIP/2.0 ",
        ),
        (
            b"BYE sip:185@127.0.0.1 SIP/2.0\r\n" + _HEAD + b"CSeq: 1 BYE\r\nMax-Forwards: 9\r\n\r\n",
            b"SIP/2.0 481 ",
        ),
    ],
)
def test_malformed_sip_is_answered_in_its_own_way_and_the_next_call_works(
    stack: Stack, phone: Callable[..., Baresip], message: bytes, answer: bytes
) -> None:
    said = say_sip(stack, message)
    assert said.startswith(answer)
    assert bool(said) == bool(answer)
    caller = phone()
    dial(stack, caller)
    caller.hang_up()


@pytest.mark.parametrize("name", ["core", "media", "webrtc", "speech"])
def test_another_version_on_the_link_is_told_so(
    stack: Stack, phone: Callable[..., Baresip], name: str
) -> None:
    pid = stack.pid(name)
    body = msgspec.msgpack.encode(Hello(version=99, role="edge", name="edge9", stream="edge9:x"))
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(GUARD_S)
        client.connect(str(stack.config.socket(name)))
        client.sendall((len(body) + 1).to_bytes(4, "big") + b"\0" + body)
        answer = b""
        while data := client.recv(4096):
            answer += data
    assert f"speaks link version 99, here is {LINK_VERSION}".encode() in answer
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(str(stack.config.socket(name)))
        client.sendall(b"\xff" * 4096)
    caller = phone()
    dial(stack, caller)
    caller.hang_up()
    assert stack.pid(name) == pid, "it was not disturbed"


def test_a_wrong_password_is_said_and_the_right_one_opens(stack: Stack, browser: Browser) -> None:
    logins = stack.logins()
    desk = Operator(browser, stack.url, "op06", logins["op06"])
    desk.page.goto("/login")
    desk.find("login-user").fill("op06")
    desk.find("login-password").fill("not the password")
    desk.find("login-submit").click()
    expect(desk.find("login-problem")).to_have_text("User or password is wrong.")
    desk.log_in()
    desk.log_out()
    desk.close()


def test_bad_fields_are_named_and_no_text_is_lost(
    stack: Stack, phone: Callable[..., Baresip], operator: Callable[[str], Operator]
) -> None:
    desk = operator("op01")
    caller = phone()
    call = dial(stack, caller)
    desk.accept()
    desk.find("order-description").fill("Su yok")
    desk.find("order-address").fill("x" * 5_000)
    desk.find("order-save").click()
    expect(desk.find("order-error-category")).to_be_visible()
    expect(desk.find("order-error-address")).to_be_visible()
    expect(desk.find("order-error-description")).to_have_count(0)
    caller.hang_up()
    desk.wait_state("wrap_up")
    expect(desk.find("order-description")).to_have_value("Su yok")
    desk.find("order-category").select_option("no_water")
    desk.find("order-address").fill("Moda")
    desk.find("order-save").click()
    expect(desk.find("order-saved-number")).to_be_visible()
    (order,) = stack.sql("select description, address from orders where call = $1", call)
    assert (order["description"], order["address"]) == ("Su yok", "Moda")
