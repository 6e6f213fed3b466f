"""Connectivity checks: the test vectors of RFC 5769, another implementation as the peer, and rubbish."""

from __future__ import annotations

import aioice.stun
from hypothesis import given
from hypothesis import strategies as st

from gateways.webrtc.stun import is_answer, is_authentic, parse_check, question, role_conflict, success

# RFC 5769 section 2.1
REQUEST = bytes.fromhex(
    "000100582112a442b7e7a701bc34d686fa87dfae"
    "802200105354554e207465737420636c69656e74"
    "002400046e0001ff"
    "80290008932ff9b151263b36"
    "00060009" + b"evtj:h6vY".hex() + "202020"
    "000800149aeaa70cbfd8cb56781ef2b5b2d3f249c1b571a2"
    "80280004e57a3bcf"
)
PASSWORD = b"VOkJxbRl1RmTxUk/WvJxBt"


def _check(**attributes: object) -> bytes:
    message = aioice.stun.Message(
        message_method=aioice.stun.Method.BINDING, message_class=aioice.stun.Class.REQUEST
    )
    message.attributes["USERNAME"] = "ours:theirs"
    message.attributes["PRIORITY"] = 1
    message.attributes.update(attributes)
    message.add_message_integrity(PASSWORD)
    return bytes(message)


def test_the_request_of_the_rfc() -> None:
    check = parse_check(REQUEST)
    assert check is not None
    assert (check.local_ufrag, check.remote_ufrag) == ("evtj", "h6vY")
    assert check.controlled
    assert not check.nominates
    assert is_authentic(check, PASSWORD)
    assert not is_authentic(check, b"another")


def test_a_nomination() -> None:
    check = parse_check(_check(**{"USE-CANDIDATE": None, "ICE-CONTROLLING": 7}))
    assert check is not None
    assert check.nominates
    assert not check.controlled
    assert is_authentic(check, PASSWORD)


def test_answers_that_another_implementation_understands() -> None:
    check = parse_check(_check(**{"ICE-CONTROLLING": 7}))
    assert check is not None
    for host in ("192.0.2.1", "2001:db8:1234:5678:11:2233:4455:6677"):
        answer = aioice.stun.parse_message(success(check, PASSWORD, host, 32853))
        assert answer.message_class == aioice.stun.Class.RESPONSE
        assert answer.transaction_id == check.transaction
        assert answer.attributes["XOR-MAPPED-ADDRESS"] == (host, 32853)
        assert answer.check_message_integrity(PASSWORD)
        assert "FINGERPRINT" in answer.attributes
    answer = aioice.stun.parse_message(role_conflict(check, PASSWORD))
    assert answer.message_class == aioice.stun.Class.ERROR
    assert answer.attributes["ERROR-CODE"] == (487, "Role Conflict")
    assert answer.check_message_integrity(PASSWORD)


def test_the_address_of_the_rfc_is_masked_as_there() -> None:
    check = parse_check(REQUEST)
    assert check is not None
    # RFC 5769 section 2.2
    assert bytes.fromhex("002000080001a147e112a643") in success(check, PASSWORD, "192.0.2.1", 32853)
    # RFC 5769 section 2.3
    masked = "002000140002a1470113a9faa5d3f179bc25f4b5bed2b9d9"
    host = "2001:db8:1234:5678:11:2233:4455:6677"
    assert bytes.fromhex(masked) in success(check, PASSWORD, host, 32853)


def test_any_change_is_noticed() -> None:
    header_of_fingerprint = range(
        len(REQUEST) - 8, len(REQUEST) - 4
    )  # changed, it is an attribute nobody knows
    for index in set(range(len(REQUEST))) - set(header_of_fingerprint):
        changed = bytearray(REQUEST)
        changed[index] ^= 0x01
        check = parse_check(bytes(changed))
        assert check is None or not is_authentic(check, PASSWORD), index


def test_what_follows_the_integrity_does_not_count() -> None:
    plain = _check()
    cut = plain[:-8]  # without the fingerprint
    added = cut + bytes.fromhex("00250000")  # USE-CANDIDATE, unsigned
    added = added[:2] + (len(added) - 20).to_bytes(2, "big") + added[4:]
    check = parse_check(added)
    assert check is not None
    assert is_authentic(check, PASSWORD)
    assert not check.nominates


def test_cut_off_anywhere_it_is_no_check() -> None:
    assert all(parse_check(REQUEST[:length]) is None for length in range(len(REQUEST)))


def test_without_user_or_integrity_it_is_no_check() -> None:
    bare = aioice.stun.Message(
        message_method=aioice.stun.Method.BINDING, message_class=aioice.stun.Class.REQUEST
    )
    assert parse_check(bytes(bare)) is None
    bare.attributes["USERNAME"] = "ours:theirs"
    assert parse_check(bytes(bare)) is None
    bare.attributes["USERNAME"] = "nocolon"
    bare.add_message_integrity(PASSWORD)
    assert parse_check(bytes(bare)) is None


@given(st.binary(max_size=200), st.integers(0, 0xFFFF))
def test_rubbish_is_no_check(rubbish: bytes, length: int) -> None:
    for data in (rubbish, REQUEST[:20] + rubbish, REQUEST[:2] + length.to_bytes(2, "big") + rubbish):
        check = parse_check(data)
        assert check is None or not is_authentic(check, PASSWORD)


def test_a_question_that_another_implementation_understands_and_its_answer() -> None:
    transaction = bytes(range(12))
    data = question("theirs:ours", PASSWORD, transaction)
    asked = aioice.stun.parse_message(data)
    assert asked.check_message_integrity(PASSWORD)
    assert (asked.message_class, asked.transaction_id) == (aioice.stun.Class.REQUEST, transaction)
    assert asked.attributes["USERNAME"] == "theirs:ours"
    answer = aioice.stun.Message(
        message_method=aioice.stun.Method.BINDING,
        message_class=aioice.stun.Class.RESPONSE,
        transaction_id=transaction,
    )
    answer.attributes["XOR-MAPPED-ADDRESS"] = ("192.0.2.1", 9)
    unsigned = bytes(answer)
    answer.add_message_integrity(PASSWORD)
    assert is_answer(bytes(answer), transaction, PASSWORD)
    assert not is_answer(bytes(answer), transaction, b"another")
    assert not is_answer(bytes(answer), bytes(12), PASSWORD)
    assert not is_answer(unsigned, transaction, PASSWORD)
    assert not is_answer(data, transaction, PASSWORD), "a question is no answer"
    for length in range(len(bytes(answer))):
        assert not is_answer(bytes(answer)[:length], transaction, PASSWORD)
