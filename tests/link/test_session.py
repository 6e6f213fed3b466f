"""The sans-IO link: numbering, resumption over lost connections, refusals."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from acd_core.link.heartbeat import SILENT_BEATS_MAX, Heartbeat
from acd_core.link.session import (
    ITEM_MAX_BYTES,
    LINK_VERSION,
    Channel,
    Hello,
    LinkError,
    LinkSession,
    Pong,
)


class Note(msgspec.Struct, frozen=True, tag=True):
    """A message of the test's own."""

    text: str


def connect(client: Channel, server: Channel, received: int = -1) -> tuple[LinkSession, LinkSession]:
    """A fresh pair of sessions over two channels, hellos not yet exchanged."""
    one = LinkSession(
        role="edge", name="e1", receive_type=Note, resolve=_unused, wake=lambda: None, client_channel=client
    )
    two = LinkSession(
        role="core", name="c1", receive_type=Note, resolve=lambda hello: (server, received), wake=lambda: None
    )
    return one, two


def _unused(hello: Hello) -> tuple[Channel, int]:
    raise AssertionError(hello)


def exchange(one: LinkSession, two: LinkSession) -> tuple[list[str], list[str]]:
    """Carry bytes both ways until silence; what each side received."""
    at_one: list[str] = []
    at_two: list[str] = []
    while True:
        forth, back = one.data_to_send(), None
        at_two += [message.text for _, message in two.feed(forth)]
        back = two.data_to_send()
        at_one += [message.text for _, message in one.feed(back)]
        if not forth and not back:
            return at_one, at_two


def test_messages_arrive_in_order_both_ways_and_leave_the_outboxes() -> None:
    client, server = Channel("C"), Channel("S")
    one, two = connect(client, server)
    exchange(one, two)
    for text in "abc":
        client.send(Note(text))
        server.send(Note(text.upper()))
    assert client.signal(Note("signal"))
    assert exchange(one, two) == (["A", "B", "C"], ["a", "b", "c", "signal"])
    assert client.unacknowledged == server.unacknowledged == 0


def test_a_first_meeting_is_fresh_and_a_reconnect_is_not() -> None:
    client, server = Channel("C"), Channel("S")
    one, two = connect(client, server)
    exchange(one, two)
    assert one.fresh
    assert two.fresh
    one, two = connect(client, server)
    exchange(one, two)
    assert not one.fresh
    assert not two.fresh


def test_what_was_sent_while_apart_arrives_after_the_reconnect_once() -> None:
    client, server = Channel("C"), Channel("S")
    one, two = connect(client, server)
    exchange(one, two)
    client.send(Note("seen, but the acknowledgement is lost"))
    two.feed(one.data_to_send())
    client.detach(one)
    server.detach(two)
    client.send(Note("apart"))
    assert not client.signal(Note("forgotten"))
    assert exchange(*connect(client, server)) == ([], ["apart"])


def test_a_new_process_gets_nothing_of_what_concerned_the_one_before() -> None:
    client, server = Channel("C"), Channel("S")
    exchange(*connect(client, server))
    server.send(Note("for the old one"))
    reborn = Channel("C2")
    one, two = connect(reborn, server)
    assert exchange(one, two) == ([], [])
    assert one.fresh
    assert two.fresh
    assert server.unacknowledged == 0


def test_a_new_core_on_the_same_journal_resumes_by_number() -> None:
    client, server = Channel("C"), Channel("journal")
    one, two = connect(client, server)
    exchange(one, two)
    client.send(Note("journalled"))
    client.send(Note("not journalled"))
    server.send_numbered(1024, Note("done"))
    exchange(one, two)
    client.detach(one)
    # The new core rebuilt its outbox from the journal; it has the client's stream up to number 1 only.
    again = Channel("journal")
    again.send_numbered(1024, Note("done"))
    again.send_numbered(2048, Note("decided just before the end"))
    client._outbox.append(
        (2, msgspec.msgpack.encode((2, Note("not journalled"))))
    )  # the lost acknowledgement
    one, two = connect(client, again, received=1)
    assert exchange(one, two) == (["decided just before the end"], ["not journalled"])
    assert not one.fresh
    assert not two.fresh


def test_the_outbox_is_bounded_and_drops_the_oldest() -> None:
    channel = Channel("C", outbox_max=2)
    for text in "abc":
        channel.send(Note(text))
    assert (channel.unacknowledged, channel.dropped) == (2, 1)


def test_another_version_is_refused_on_both_sides() -> None:
    server = Channel("S")
    _, two = connect(Channel("C"), server)
    hello = Hello(version=LINK_VERSION + 1, role="edge", name="e1", stream="C")
    body = msgspec.msgpack.encode(hello)
    with pytest.raises(LinkError, match=f"speaks link version {LINK_VERSION + 1}, here is {LINK_VERSION}"):
        two.feed((len(body) + 1).to_bytes(4, "big") + b"\0" + body)
    one, _ = connect(Channel("C"), Channel("other"))
    with pytest.raises(LinkError, match="refused by the other side: version"):
        one.feed(two.data_to_send())


def test_a_message_of_unknown_kind_is_refused_and_the_others_of_its_batch_arrive() -> None:
    class Other(msgspec.Struct, frozen=True, tag=True):
        text: str

    client, server = Channel("C"), Channel("S")
    one, two = connect(client, server)
    exchange(one, two)
    client.send(Note("before"))
    client.send(Other("unknown to the receiver"))
    client.send(Note("after"))
    assert exchange(one, two) == ([], ["before", "after"])
    assert two.refused == 1
    client.send(Note("later"))
    assert exchange(one, two) == ([], ["later"])


def test_what_came_whole_before_the_fault_is_not_lost() -> None:
    client, server = Channel("C"), Channel("S")
    one, two = connect(client, server)
    exchange(one, two)
    client.send(Note("whole"))
    assert [message.text for _, message in two.feed(one.data_to_send() + b"\xff" * 9)] == ["whole"]
    assert two.failure is not None
    assert "frame_size" in str(two.failure)


@given(st.binary(max_size=200))
def test_garbage_is_a_link_error_and_nothing_else(data: bytes) -> None:
    _, two = connect(Channel("C"), Channel("S"))
    try:
        two.feed(data)
    except LinkError:
        return


@given(st.lists(st.sampled_from(["client", "server", "carry", "cut", "lose"]), max_size=60))
def test_every_numbered_message_is_done_once_in_order_whatever_breaks(steps: list[str]) -> None:
    client, server = Channel("C"), Channel("S")
    one, two = connect(client, server)
    at_one, at_two = exchange(one, two)
    sent: dict[str, list[str]] = {"client": [], "server": []}
    for count, step in enumerate(steps):
        if step in sent:
            sent[step].append(str(count))
            (client if step == "client" else server).send(Note(str(count)))
        elif step == "lose":  # bytes that left but never arrived
            one.data_to_send()
            two.data_to_send()
        if step in ("cut", "lose"):
            client.detach(one)
            server.detach(two)
            one, two = connect(client, server)
        if step in ("carry", "cut", "lose"):
            more_one, more_two = exchange(one, two)
            at_one += more_one
            at_two += more_two
    more_one, more_two = exchange(one, two)
    assert at_one + more_one == sent["server"]
    assert at_two + more_two == sent["client"]


def test_what_an_earlier_connection_still_held_does_not_count_for_the_later_one() -> None:
    server = Channel("S")
    old, one = Channel("C:old"), Channel("C:new")
    first, first_served = connect(old, server)
    exchange(first, first_served)
    for _ in range(5):
        old.send(Note("late"))
    late = first.data_to_send()  # in the socket of a process that dies here
    second, second_served = connect(one, server)
    exchange(second, second_served)
    assert first_served.feed(late) == []
    one.send(Note("inventory"))
    assert exchange(second, second_served)[1] == ["inventory"]


def test_a_peer_that_does_not_read_is_cut_off_before_memory_grows() -> None:
    server = Channel("S", outbox_max=10)
    one, two = connect(Channel("C"), server)
    exchange(one, two)
    for _ in range(20):
        server.send(Note("x"))
    assert not two.overrun
    server.send(Note("x"))
    assert two.overrun
    assert server.unacknowledged == 10


def test_a_message_that_no_frame_holds_is_left_out_and_the_connection_stays() -> None:
    client, server = Channel("C"), Channel("S")
    one, two = connect(client, server)
    exchange(one, two)
    whole, too_long = Note("x" * (ITEM_MAX_BYTES - 100)), Note("x" * ITEM_MAX_BYTES)
    server.send(Note("a" * 200_000))
    server.send(whole)
    server.send(too_long)
    assert not server.signal(too_long)
    server.send(Note("b"))
    assert [len(text) for text in exchange(one, two)[0]] == [200_000, ITEM_MAX_BYTES - 100, 1]
    assert server.oversize == 2


def test_a_ping_is_answered_with_the_time_and_never_overtakes_the_hello() -> None:
    client, server = Channel("C"), Channel("S")
    pongs: list[Pong] = []
    one = LinkSession(
        role="edge",
        name="e1",
        receive_type=Note,
        resolve=_unused,
        wake=lambda: None,
        client_channel=client,
        on_pong=pongs.append,
    )
    two = LinkSession(
        role="core",
        name="c1",
        receive_type=Note,
        resolve=lambda hello: (server, -1),
        wake=lambda: None,
        now_ms=lambda: 1_795_294_695_409,
    )
    one.ping(7)
    two.ping(1)
    assert two.data_to_send() == b"", "a server says nothing before it was greeted"
    assert exchange(one, two) == ([], [])
    assert pongs == [Pong(at_ms=7, now_ms=1_795_294_695_409)]
    assert one.fresh, "the hello came first"
    assert one.take_heard()
    assert not one.take_heard()


def test_of_pings_to_one_who_does_not_read_the_latest_is_kept() -> None:
    client, server = Channel("C"), Channel("S")
    one, two = connect(client, server)
    exchange(one, two)
    for at_ms in range(1_000):
        one.ping(at_ms)
    once = len(one.data_to_send())
    one.ping(1_000)
    assert len(one.data_to_send()) == once


def test_silence_is_counted_in_beats() -> None:
    client, server = Channel("C"), Channel("S")
    one, two = connect(client, server)
    exchange(one, two)
    heartbeat = Heartbeat(one)
    assert heartbeat.beat(0)
    for _ in range(SILENT_BEATS_MAX - 1):
        assert heartbeat.beat(0)
    exchange(one, two)
    for _ in range(SILENT_BEATS_MAX):
        assert heartbeat.beat(0), "any bytes are a sign of life"
    assert not heartbeat.beat(0)


def test_a_message_nested_without_end_is_refused_and_all_else_goes_on() -> None:
    client, server = Channel("C"), Channel("S")
    one, two = connect(client, server)
    exchange(one, two)
    nested = b"\x82\xa4type\xa4Note\xa1z" + b"\x91" * 200_000 + b"\xc0"
    client.send(msgspec.Raw(nested))
    with pytest.raises(LinkError, match="undecodable"):
        exchange(one, two)
