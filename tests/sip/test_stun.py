"""Binding requests on the SIP port (RFC 5626 4.4.2, RFC 5389)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateways.sip.events import Address, Refused, Send
from gateways.sip.stun import is_stun, stun_answer
from tests.sip.support import CALLEE, CALLER, Agent, of

# The transaction of the test vectors of RFC 5769; its responses tell 192.0.2.1:32853 and [2001:db8:1234:...]:32853.
TRANSACTION = bytes.fromhex("b7e7a701bc34d686fa87dfae")
ASKED = bytes.fromhex("000100002112a442") + TRANSACTION


@pytest.mark.parametrize(
    ("source", "attribute"),
    [
        (("192.0.2.1", 32_853), "002000080001a147e112a643"),
        (
            ("2001:db8:1234:5678:11:2233:4455:6677", 32_853),
            "002000140002a1470113a9faa5d3f179bc25f4b5bed2b9d9",
        ),
    ],
)
def test_the_address_as_rfc_5769_has_it(source: Address, attribute: str) -> None:
    """RFC 5769 2.2, 2.3"""
    value = bytes.fromhex(attribute)
    expected = b"\x01\x01" + len(value).to_bytes(2, "big") + bytes.fromhex("2112a442") + TRANSACTION + value
    assert stun_answer(ASKED, source) == expected


def with_attribute(kind: int, value: bytes) -> bytes:
    padded = value + b"\0" * (-len(value) % 4)
    attribute = kind.to_bytes(2, "big") + len(value).to_bytes(2, "big") + padded
    return b"\0\1" + len(attribute).to_bytes(2, "big") + ASKED[4:] + attribute


@pytest.mark.parametrize(
    ("data", "answered"),
    [
        (with_attribute(0x8022, b"phone"), True),
        (with_attribute(0x0006, b"user"), False),
        (with_attribute(0x8022, b"phone")[:-4], False),
        (with_attribute(0x8022, b"")[:2] + b"\0\5" + with_attribute(0x8022, b"x")[4:29], False),
        (b"\x01\x01" + ASKED[2:], False),
        (b"\x00\x11" + ASKED[2:], False),
    ],
)
def test_what_is_answered(data: bytes, answered: bool) -> None:
    assert is_stun(data)
    assert (stun_answer(data, CALLER) is not None) is answered


def test_the_layer_answers_over_udp() -> None:
    agent = Agent(CALLEE)
    (sent,) = of(agent.receive(ASKED, CALLER), Send)
    assert (sent.destination, sent.data[:2]) == (CALLER, b"\x01\x01")
    agent.receive(with_attribute(0x0006, b"user"), CALLER)
    assert agent.events(Refused) == [Refused(CALLER, 0, "STUN: not a request that can be answered")]
    statistics = agent.layer.statistics()
    assert (statistics.keepalives, statistics.malformed_dropped) == (1, 1)


def test_a_stream_has_its_own_way_to_ask() -> None:
    """RFC 5626 4.4.1"""
    agent = Agent(CALLEE, transport="TCP")
    assert of(agent.receive(ASKED, CALLER), Send) == []


@given(st.binary(max_size=60) | st.binary(max_size=40).map(lambda rest: ASKED + rest))
def test_anything_may_come(data: bytes) -> None:
    if is_stun(data):
        stun_answer(data, CALLER)
