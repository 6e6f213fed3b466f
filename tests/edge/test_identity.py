"""Numbers, names, keys, addresses and limits: the edge's pure parts."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acd_core.config import Config, Rtp, Sip
from gateways.edge.addresses import LocalAddresses, is_reachable, takes_audio
from gateways.edge.identity import (
    ANONYMOUS,
    CallIds,
    arrived_ms_of,
    caller_of,
    clean,
    dialled_of,
    international,
)
from gateways.edge.keys import key_of_info
from gateways.edge.recordings import recording_path
from gateways.edge.sources import FailureGuard, RateLimiter
from gateways.sip.identity import read_identity
from gateways.sip.message import Request


def test_a_call_id_tells_when_it_arrived() -> None:
    call = CallIds().next(1_795_294_695_409)
    assert call.startswith("c-")
    assert len(call) == 16
    assert arrived_ms_of(call) == 1_795_294_695_409
    for stranger in ("", "c-", "c-zzzzzzzzzzzzzzz-abcd", "c--1-x", "x-1-2", "c-!-abcd"):
        assert arrived_ms_of(stranger) == 0


@given(st.lists(st.integers(-2, 2), min_size=1, max_size=200), st.booleans())
def test_ids_sort_by_arrival_whatever_the_clock_does(steps: list[int], burst: bool) -> None:
    ids, now_ms, made = CallIds(), 1_795_294_695_409, []
    for step in steps:
        now_ms += step
        made += [ids.next(now_ms) for _ in range(1_100 if burst and step == 2 and len(made) < 5_000 else 1)]
    assert made == sorted(made)
    assert len(set(made)) == len(made)


def test_an_id_tells_the_cores_time_when_our_own_was_an_hour_ahead() -> None:
    ids, now_ms = CallIds(), 1_795_294_695_409
    ids.next(now_ms + 3_600_000)
    assert arrived_ms_of(ids.next(now_ms)) == now_ms, "the trace of the call is looked for from there on"


def invite(sender: str, uri: str = "sip:185@host") -> Request:
    return Request("INVITE", uri, [("From", sender)])


@pytest.mark.parametrize(
    ("sender", "expected"),
    [
        ('"Ayşe Yılmaz" <sip:0532@host>', ("0532", "Ayşe Yılmaz")),
        ("sip:0532@host", ("0532", "")),
        ('"0532" <sip:0532@host>', ("0532", "")),
        ("<tel:+905321112233;phone-context=x>", ("+905321112233", "")),
        ("<sip:+90532;npdi@host;user=phone>", ("+90532", "")),
        ('"Anonymous" <sip:anonymous@anonymous.invalid>', ("anonymous", "")),
        ('"X" <sip:ANONYMOUS@host>', ("anonymous", "")),
        ('"Anonymous" <sip:05321112233@host>', ("anonymous", "")),
        ("<sip:host>", ("anonymous", "")),
        ('"A\t\u202e  B" <sip:%0a1%00@host>', ("\ufffd1\ufffd", "A B")),
    ],
)
def test_who_calls(sender: str, expected: tuple[str, str]) -> None:
    assert caller_of(read_identity(invite(sender), trusted=False)) == expected


@pytest.mark.parametrize(
    ("asked", "withheld"),
    [
        (("id",), True),
        (("none",), False),
        (("session; critical",), False),
        (("Header;ID",), True),
        (("user, id",), True),
        (("none", "user"), True),
        (("",), False),
    ],
)
def test_a_caller_who_asks_for_privacy_is_nobody(asked: tuple[str, ...], withheld: bool) -> None:
    request = invite('"Ayşe" <sip:05321112233@host>')
    for value in asked:
        request.add("Privacy", value)
    assert caller_of(read_identity(request, trusted=False)) == (
        ("anonymous", "") if withheld else ("05321112233", "Ayşe")
    )


def test_a_caller_is_remembered_by_one_form_of_their_number() -> None:
    assert international("0532 111 22 33", "TR") == international("+905321112233", "DE") == "+905321112233"
    for nobody in (ANONYMOUS, "201", "alice", ""):
        assert international(nobody, "TR") == ""


def test_what_is_dialled() -> None:
    assert dialled_of(invite("<sip:x@y>")) == "185"
    assert dialled_of(invite("<sip:x@y>", "sip:host")) == ""
    assert len(dialled_of(invite("<sip:x@y>", f"sip:{'1' * 500}@host"))) == 64


@given(st.text())
def test_cleaned_text_is_printable_and_bounded(text: str) -> None:
    cleaned = clean(text)
    assert len(cleaned) <= 64
    assert all(char.isprintable() for char in cleaned)
    assert clean(cleaned) == cleaned.strip()


@pytest.mark.parametrize(
    ("kind", "body", "key"),
    [
        ("application/dtmf-relay", b"Signal=1\r\nDuration=160", "1"),
        ("application/dtmf-relay", b"Duration = 1\nsignal= a \n", "A"),
        ("application/dtmf-relay", b"Signal=10", "*"),
        ("application/dtmf-relay", b"Signal=", None),
        ("application/dtmf-relay", b"Signal=12", None),
        ("application/dtmf-relay", b"\xff\xfe", None),
        ("application/dtmf", b"#", "#"),
        ("application/dtmf", b"", None),
        ("text/plain", b"1", None),
    ],
)
def test_keys_of_info(kind: str, body: bytes, key: str | None) -> None:
    assert key_of_info(kind, body) == key


@pytest.mark.parametrize(
    ("host", "peer", "reachable"),
    [
        ("203.0.113.9", "198.51.100.1", True),
        ("192.168.1.5", "8.8.8.8", False),
        ("192.168.1.5", "192.168.1.9", True),
        ("127.0.0.1", "8.8.8.8", False),
        ("127.0.0.1", "127.0.0.1", True),
        ("8.8.8.8", "127.0.0.1", True),
        ("pbx.example", "8.8.8.8", False),
        ("0.0.0.0", "127.0.0.1", False),
        ("::1", "127.0.0.1", False),
        ("224.0.0.1", "8.8.8.8", False),
    ],
)
def test_addresses_that_a_peer_names(host: str, peer: str, reachable: bool) -> None:
    assert is_reachable(host, peer) is reachable


@pytest.mark.parametrize(
    ("host", "peer", "takes"),
    [
        ("10.0.0.1", "192.0.2.1", True),
        ("0.0.0.0", "192.0.2.1", True),
        ("127.0.0.1", "127.0.0.1", True),
        ("127.0.0.1", "192.0.2.1", False),
        ("224.0.0.1", "192.0.2.1", False),
        ("2001:db8::1", "192.0.2.1", False),
        ("phone.example", "192.0.2.1", False),
        ("::ffff:127.0.0.1", "2001:db8::1", False),
        ("::ffff:192.0.2.1", "2001:db8::1", False),
        ("fe80::1%lo", "2001:db8::1", False),
    ],
)
def test_where_audio_can_go(host: str, peer: str, takes: bool) -> None:
    assert takes_audio(host, peer) == takes


def test_our_addresses_as_peers_see_them() -> None:
    here = LocalAddresses(Config(sip=Sip(listen_host="127.0.0.1")))
    assert (here.sip_host("8.8.8.8"), here.rtp_host("8.8.8.8")) == ("127.0.0.1", "127.0.0.1")
    everywhere = LocalAddresses(Config(sip=Sip(listen_host="0.0.0.0")))
    assert (everywhere.sip_host("127.0.0.1"), everywhere.rtp_listen_host) == ("127.0.0.1", "0.0.0.0")
    named = LocalAddresses(
        Config(
            sip=Sip(listen_host="0.0.0.0", advertised_host="203.0.113.1"),
            rtp=Rtp(listen_host="127.0.0.1", advertised_host="203.0.113.2"),
        )
    )
    assert (named.sip_host("x"), named.rtp_host("x")) == ("203.0.113.1", "203.0.113.2")
    assert named.rtp_listen_host == "127.0.0.1"


def test_recordings_lie_by_day() -> None:
    assert recording_path("c-1-a", 2, 1_795_294_695_409) == Path("2026/11/21/c-1-a-2.wav")


def test_a_source_may_ask_so_often_and_tables_stay_bounded() -> None:
    limiter = RateLimiter(per_second=10, burst=2, sources_max=2)
    assert [limiter.allow("a", 0) for _ in range(3)] == [True, True, False]
    assert limiter.allow("b", 0)
    assert not limiter.allow("a", 99)
    assert limiter.allow("a", 100)
    for number in range(100):
        limiter.allow(f"s{number}", 100)
    assert len(limiter._buckets) == 2
    assert limiter.refused == 2


def test_failures_within_the_window_are_refused_for_a_while() -> None:
    guard = FailureGuard(failures_max=2, window_s=1, refusal_s=5, sources_max=10)
    assert not guard.failed("a", 0)
    assert not guard.failed("a", 2_000), "the first was long ago"
    assert guard.failed("a", 2_200)
    assert guard.is_refused("a", 2_201)
    assert not guard.is_refused("b", 2_201)
    assert not guard.is_refused("a", 7_200)
