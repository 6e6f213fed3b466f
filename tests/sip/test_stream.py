"""Messages out of a stream: the same however it was cut, and an end to what can't be framed."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateways.sip.parser import parse_message
from gateways.sip.stream import Ping, StreamError, StreamReader


def message(body: bytes = b"", length: str | None = None, name: str = "Content-Length") -> bytes:
    head = (
        "OPTIONS sip:185@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/TCP 127.0.0.1:5060;branch=z9hG4bK1\r\n"
        "From: <sip:1@127.0.0.1>;tag=a\r\nTo: <sip:185@127.0.0.1>\r\nCall-ID: one\r\nCSeq: 1 OPTIONS\r\n"
    )
    return head.encode() + f"{name}: {len(body) if length is None else length}\r\n\r\n".encode() + body


def read(pieces: list[bytes], bytes_max: int = 1_000) -> list[bytes | Ping]:
    reader = StreamReader(bytes_max)
    return [item for piece in pieces for item in reader.feed(piece)]


def cut(data: bytes, places: list[int]) -> list[bytes]:
    edges = [0, *sorted(place % (len(data) + 1) for place in places), len(data)]
    return [data[a:b] for a, b in itertools.pairwise(edges)]


bodies = st.one_of(st.binary(max_size=60), st.sampled_from([b"\r\n", b"\r\n\r\n", b"\r\n\r\nINVITE"]))
elements = st.lists(st.one_of(bodies.map(message), st.just(b"\r\n")), max_size=6)


@given(elements, st.lists(st.integers(0, 5_000), max_size=12))
def test_any_cutting_gives_the_same_messages_and_pings(sent: list[bytes], places: list[int]) -> None:
    stream = b"".join(sent)
    found = read(cut(stream, places))
    assert found == read([stream])
    assert [item for item in found if isinstance(item, bytes)] == [item for item in sent if item != b"\r\n"]


@given(elements)
def test_byte_by_byte_is_the_same_too(sent: list[bytes]) -> None:
    stream = b"".join(sent)
    assert read([bytes([byte]) for byte in stream]) == read([stream])


@given(st.lists(st.binary(max_size=40), max_size=20))
def test_nothing_but_a_stream_error_comes_of_noise(pieces: list[bytes]) -> None:
    try:
        found = read(pieces, bytes_max=64)
    except StreamError:
        return
    assert all(isinstance(item, Ping) or b"\r\n\r\n" in item for item in found)


def test_what_is_cut_out_is_what_the_parser_reads() -> None:
    (found,) = read([message(b"v=0\r\n")])
    assert isinstance(found, bytes)
    assert parse_message(found).body == b"v=0\r\n"


def test_two_line_ends_are_a_ping_one_is_nothing() -> None:
    assert read([b"\r\n\r\n"]) == [Ping()]
    assert read([b"\r\n"]) == []
    assert read([b"\r\n\r\n\r\n\r\n"]) == [Ping(), Ping()]
    # The one that ends nothing before a message and the one after it are no two in a row.
    assert read([b"\r\n", message(), b"\r\n"]) == [message()]
    assert read([b"\r\n\r\n", message(), b"\r\n\r\n"]) == [Ping(), message(), Ping()]


@pytest.mark.parametrize("name", ["Content-Length", "content-length ", "l", "L\t"])
def test_the_length_has_every_spelling_of_a_header(name: str) -> None:
    assert read([message(b"abc", name=name) + message()]) == [message(b"abc", name=name), message()]


def test_the_length_may_be_on_a_line_of_its_own() -> None:
    folded = message(b"abc").replace(b"Content-Length: ", b"Content-Length:\r\n ")
    assert read([folded, b"\r\n\r\n"]) == [folded, Ping()]


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (message().replace(b"Content-Length: 0\r\n", b""), "no Content-Length"),
        (message(length="-1"), "not a number"),
        (message(length="3x"), "not a number"),
        (message(length="99999999999999"), "not a number"),
        (message(length="5000"), "a body of more than 1000 bytes"),
        (message().replace(b"Content-Length", b"l: 7\r\nContent-Length"), "several"),
        (b"x" * 1_100, "headers of more than 1000 bytes"),
        (b"x" * 1_100 + b"\r\n\r\n", "headers of more than 1000 bytes"),
    ],
)
def test_what_cannot_be_framed_ends_the_stream(data: bytes, reason: str) -> None:
    with pytest.raises(StreamError, match=reason):
        read([data])


def test_what_came_before_the_fault_is_not_lost_with_it() -> None:
    reader = StreamReader()
    found = reader.feed(message(b"abc") + message(length="x"))
    assert next(found) == message(b"abc")
    with pytest.raises(StreamError):
        next(found)


def test_a_length_given_twice_alike_is_one_length() -> None:
    doubled = message(b"abc").replace(b"Content-Length", b"l: 3\r\nContent-Length")
    assert read([doubled, b"\r\n\r\n"]) == [doubled, Ping()]


def test_a_message_under_way_is_told_from_an_idle_stream() -> None:
    reader = StreamReader()
    assert not reader.is_within_message
    assert list(reader.feed(b"\r\n\r")) == []
    assert not reader.is_within_message
    assert list(reader.feed(b"\nOPT")) == [Ping()]
    assert reader.is_within_message
    reader = StreamReader()
    assert list(reader.feed(message(b"abc")[:-1])) == []
    assert reader.is_within_message
    assert list(reader.feed(b"c")) == [message(b"abc")]
    assert not reader.is_within_message
