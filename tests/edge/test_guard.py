"""The guard without a socket: who is heard, who is not for a while, and what it remembers and writes of that."""

from __future__ import annotations

import logging
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateways.edge.admission import CALM_MS, LOOKS, STEP_MAX, Admission, Signs, Work
from gateways.edge.guard.bans import Bans
from gateways.edge.guard.guard import Guard, source_of
from gateways.edge.guard.limits import POINTS, GuardLimits, Kind
from gateways.edge.guard.scanners import scanner_of
from gateways.edge.sources import OnceLog

PLAIN = b"OPTIONS sip:a SIP/2.0\r\nUser-Agent: A phone\r\n\r\n"
SCAN = b'OPTIONS sip:100@a SIP/2.0\r\nFrom: "sipvicious"<sip:100@1.1.1.1>\r\nUser-Agent: Friendly-Scanner\r\n\r\n'
HOST = "198.51.100.7"


class Clock:
    now_ms = 1_000_000


@pytest.fixture
def clock() -> Clock:
    return Clock()


def guard(clock: Clock, *allow: str, ban_s: float = 600, **limits: float) -> Guard:
    log = OnceLog(logging.getLogger("guard"), "SIP", lambda: clock.now_ms)
    return Guard(log, allow=allow, ban_s=ban_s, limits=GuardLimits(**limits))  # type: ignore[arg-type]


def test_a_senders_text_does_not_command_the_terminal_that_shows_the_log(
    clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    guard(clock).saw(HOST, "bad_auth", clock.now_ms, "\x1b[2Jnobody\x9b1m")
    (record,) = caplog.records
    assert "nobody" in record.getMessage()
    assert record.getMessage().isprintable()


def heard(it: Guard, clock: Clock, host: str = HOST, data: bytes = PLAIN) -> bool:
    return it.admits(host, data, clock.now_ms)


@pytest.mark.parametrize("kind", [kind for kind in POINTS if kind != "flood"])
def test_each_kind_of_mischief_ends_in_a_ban_that_ends(kind: Kind, clock: Clock) -> None:
    it = guard(clock)
    done = 0
    while heard(it, clock):
        it.saw(HOST, kind, clock.now_ms)
        done += 1
        assert done <= 100
    assert done == -(-100 // POINTS[kind])
    assert heard(it, clock, "198.51.100.8")
    clock.now_ms += 599_999
    assert not heard(it, clock)
    clock.now_ms += 1
    assert heard(it, clock)


def test_what_happens_once_a_minute_bans_nobody(clock: Clock) -> None:
    it = guard(clock)
    for _ in range(500):
        it.saw(HOST, "bad_auth", clock.now_ms)
        clock.now_ms += 60_000
        assert heard(it, clock)


@pytest.mark.parametrize(
    ("status", "reason", "kind"),
    [
        (481, "forged CANCEL", "spoofed"),
        (481, "Call/Transaction Does Not Exist", "stray"),
        (400, "Bad Request - Via: header too long", "huge"),
        (0, "Via: cannot be read", "malformed"),
    ],
)
def test_what_the_layer_refuses_is_of_a_kind(status: int, reason: str, kind: str, clock: Clock) -> None:
    it = guard(clock)
    it.refused(HOST, status, reason, clock.now_ms)
    assert it.counters(clock.now_ms)[kind] == 1


def test_a_host_that_is_too_fast_is_cut_to_its_rate_then_banned(clock: Clock) -> None:
    it = guard(clock, stranger_per_second=10, stranger_burst=20)
    assert sum(heard(it, clock) for _ in range(100)) == 20
    clock.now_ms += 1_000
    assert sum(heard(it, clock) for _ in range(100)) == 10
    while not it.counters(clock.now_ms)["bans"]:
        heard(it, clock)
    clock.now_ms += 60_000
    assert not heard(it, clock)
    assert it.counters(clock.now_ms)["unheard"] == 1


def test_forged_sources_together_get_one_rate(clock: Clock) -> None:
    it = guard(clock, strangers_per_second=50, strangers_burst=100)
    it.proved("203.0.113.1", clock.now_ms)
    hosts = (f"198.51.{number // 250}.{number % 250}" for number in range(10_000))
    assert sum(heard(it, clock, host) for host in hosts) == 100
    assert heard(it, clock, "203.0.113.1"), "who proved is not strangled by strangers"


def test_a_scanner_is_recognised_at_its_first_word_and_answered_nothing(clock: Clock) -> None:
    it = guard(clock)
    assert not heard(it, clock, data=SCAN)
    assert not heard(it, clock)
    (row,) = it.rows(clock.now_ms, clock.now_ms + 5)
    assert (row.source, row.scanner, row.kinds, row.last_ms) == (
        HOST,
        "sipvicious",
        {"scanner": 1},
        clock.now_ms + 5,
    )
    assert row.banned_until_ms == clock.now_ms + 5 + 600_000


@pytest.mark.parametrize(
    ("data", "tool"),
    [
        (SCAN, "sipvicious"),
        (b"REGISTER sip:a SIP/2.0\r\nUSER-AGENT:sipcli/v1.8\r\n\r\n", "sipcli"),
        (b"INVITE sip:a SIP/2.0\r\nUser-Agent: VaxSIPUserAgent/3.1\r\n\r\n", "vaxsipuseragent"),
        (b"INVITE sip:sipcli@a SIP/2.0\r\nTo: <sip:sipvicious@a>\r\nSubject: friendly-scanner\r\n\r\n", ""),
        (b"INVITE sip:a SIP/2.0\r\nUser-Agent: Linphone/5\r\n\r\n", ""),
        (b"OPTIONS sip:a SIP/2.0\r\nUser-Agent: smap 0.6.0\r\n\r\n", "smap"),
        (b'OPTIONS sip:a SIP/2.0\r\nf: "sipvicious"<sip:1@a>\r\n\r\n', "sipvicious"),
        # People and phones that are called nearly so.
        (b'INVITE sip:a SIP/2.0\r\nFrom: "Iwarsson, Erik" <sip:1@a>\r\n\r\n', ""),
        (b"INVITE sip:a SIP/2.0\r\nFrom: Iwar Berg <sip:1@a>\r\n\r\n", ""),
        (b"REGISTER sip:a SIP/2.0\r\nUser-Agent: SIPClient/2.1\r\n\r\n", ""),
        (b"", ""),
    ],
)
def test_tools_are_known_by_what_they_call_themselves(data: bytes, tool: str) -> None:
    assert scanner_of(data) == tool


def test_nobody_is_shut_out_in_whose_name_another_speaks(clock: Clock) -> None:
    it = guard(clock)
    it.proved(HOST, clock.now_ms)
    for kind in POINTS:
        if kind != "bad_auth":
            for _ in range(1_000):
                it.saw(HOST, kind, clock.now_ms)
    assert heard(it, clock)
    for _ in range(400):
        assert heard(it, clock)
        it.saw(HOST, "bad_auth", clock.now_ms)
    assert not heard(it, clock), "a nonce that went there can't be forged"


def test_who_is_banned_for_what_can_be_forged_may_register_and_no_more(clock: Clock) -> None:
    it = guard(clock, proving_per_second=1, proving_burst=2)
    asks = b"REGISTER sip:a SIP/2.0\r\n\r\n"
    it.saw(HOST, "scanner", clock.now_ms)
    assert [heard(it, clock, data=data) for data in (PLAIN, asks, b"", asks)] == [False, True, True, False]
    it.proved(HOST, clock.now_ms)
    assert heard(it, clock)
    other = "198.51.100.8"
    for _ in range(40):
        it.saw(other, "bad_auth", clock.now_ms)
    assert not heard(it, clock, other, asks), "a wrong password can't be forged"
    it.proved(other, clock.now_ms)
    assert not heard(it, clock, other)


def test_proof_grows_old(clock: Clock) -> None:
    it = guard(clock, proved_for_s=10)
    it.proved(HOST, clock.now_ms)
    clock.now_ms += 10_000
    it.saw(HOST, "scanner", clock.now_ms)
    assert not heard(it, clock)


def test_allowed_networks_are_always_heard_and_still_counted(clock: Clock) -> None:
    it = guard(clock, "198.51.100.0/24", "2001:db8::/32", stranger_per_second=1, stranger_burst=1)
    for host in (HOST, "2001:db8::5"):
        for _ in range(200):
            it.saw(host, "scanner", clock.now_ms)
            assert heard(it, clock, host, SCAN)
    assert it.counters(clock.now_ms)["scanner"] == 400
    assert not heard(it, clock, "198.51.101.1", SCAN)


def test_a_customer_of_ipv6_is_one_source(clock: Clock) -> None:
    it = guard(clock)
    it.saw("2001:db8:0:1::1", "scanner", clock.now_ms)
    assert not heard(it, clock, "2001:db8:0:1:ffff::2")
    assert heard(it, clock, "2001:db8:0:2::1")
    assert source_of("2001:db8::1") == "2001:db8::/64"
    assert source_of("fe80::1%eth0") == "fe80::/64"
    assert source_of("nonsense:") == "nonsense:"


def test_a_lifted_ban_starts_from_nothing(clock: Clock) -> None:
    it = guard(clock)
    it.saw(HOST, "scanner", clock.now_ms)
    assert it.lift(HOST)
    assert not it.lift(HOST)
    assert not it.lift("192.0.2.1")
    assert heard(it, clock)
    assert it.rows(clock.now_ms, clock.now_ms)[0].banned_until_ms == 0


def test_without_a_ban_time_all_is_counted_and_nobody_banned(clock: Clock) -> None:
    it = guard(clock, ban_s=0)
    for _ in range(100):
        it.saw(HOST, "scanner", clock.now_ms)
    assert heard(it, clock)


@given(st.lists(st.tuples(st.integers(0, 30), st.sampled_from(sorted(POINTS)), st.integers(0, 30_000))))
def test_the_table_keeps_its_bound_and_the_worst_come_first(steps: list[tuple[int, Kind, int]]) -> None:
    bans, now_ms = Bans(10_000, 8), 0
    for number, kind, pause_ms in steps:
        now_ms += pause_ms
        bans.note(f"h{number}", kind, now_ms)
        assert len(bans) <= 8
    worst = bans.worst(5, now_ms)
    assert len(worst) == min(5, len(bans))
    banned = [now_ms < record.banned_until_ms for _, record in worst]
    assert banned == sorted(banned, reverse=True)
    assert bans.banned(now_ms) >= sum(banned)


def test_ten_thousand_forged_sources_are_a_few_lines_of_the_log(
    clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    it = guard(clock)
    chance = random.Random(1)
    for _ in range(10_000):
        host = ".".join(str(chance.randrange(1, 255)) for _ in range(4))
        it.saw(host, "malformed", clock.now_ms, "header does not end")
        clock.now_ms += 1
    assert len(caplog.records) == 1
    clock.now_ms += OnceLog.INTERVAL_MS
    it.saw(HOST, "malformed", clock.now_ms, "header does not end")
    first, count, again = (record.getMessage() for record in caplog.records)
    assert first.startswith("SIP: malformed from ")
    assert "malformed 9999 more times" in count
    assert "header does not end" in count
    assert again == f"SIP: malformed from {HOST}: header does not end"


def test_the_last_minute_of_a_burst_is_told_by_the_flush(
    clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    log = OnceLog(logging.getLogger("guard"), "SIP", lambda: clock.now_ms)
    for source in ("a", "b", "b", "c", "d", "d", "d"):
        log.note("stray", source, "BYE")
    log.flush()
    assert len(caplog.records) == 1
    clock.now_ms += OnceLog.INTERVAL_MS
    log.flush()
    log.flush()
    assert [record.getMessage() for record in caplog.records][1:] == [
        "SIP: stray 6 more times, from d (3), b (2), c (1); the last: BYE"
    ]
    assert log.total == 7


def test_what_a_sender_writes_orders_no_terminal_and_fills_no_log(
    clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    log = OnceLog(logging.getLogger("guard"), "SIP", lambda: clock.now_ms)
    for _ in range(2):
        log.note("too many wrong passwords", "192.0.2.1 \x1b[2J" + "x" * 8_000, "\x07" + "y" * 8_000)
    clock.now_ms += OnceLog.INTERVAL_MS
    log.flush()
    for record in caplog.records:
        assert record.getMessage().isprintable()
        assert len(record.getMessage()) < 2 * OnceLog.CHARS_MAX + 200
    assert len(caplog.records) == 2


def test_what_is_thrown_away_is_told_apart_from_work(clock: Clock) -> None:
    it = guard(clock)
    it.saw(HOST, "scanner", clock.now_ms)
    assert it.share_thrown_away() == 0
    heard(it, clock)
    heard(it, clock, "192.0.2.77")
    assert it.share_thrown_away() == 0.5
    assert it.share_thrown_away() == 0


ALL: tuple[Work, ...] = ("options", "new_call", "register", "in_dialog", "hang_up")


@pytest.mark.parametrize(
    ("signs", "passes"),
    [
        (Signs(), ALL),
        (Signs(late_ms=99, backlog=0.09, undecided=299), ALL),
        (Signs(late_ms=100), ALL[1:]),
        (Signs(backlog=0.3), ALL[2:]),
        (Signs(undecided=600), ALL[2:]),
        (Signs(late_ms=100, backlog=0.5), ALL[3:]),
        (Signs(late_ms=1_000), ALL[4:]),
        (Signs(backlog=1.0, thrown_away=0.49), ALL[4:]),
        (Signs(backlog=1.0, thrown_away=0.5), ALL),
        (Signs(late_ms=100, backlog=1.0, thrown_away=1.0), ALL[1:]),
        (Signs(late_ms=9_000, backlog=1.0, undecided=99_999), ALL[4:]),
    ],
)
def test_work_is_refused_in_order_and_hang_ups_never(signs: Signs, passes: tuple[Work, ...]) -> None:
    admission = taken(signs)
    assert tuple(work for work in ALL if admission.allows(work)) == passes
    assert sum(admission.refused.values()) == len(ALL) - len(passes)


def taken(signs: Signs) -> Admission:
    admission = Admission()
    for now_ms in range(LOOKS):
        admission.look(signs, now_ms)
    return admission


def test_one_long_turn_of_the_loop_refuses_nothing() -> None:
    admission = Admission()
    for now_ms in range(100):
        admission.look(Signs(late_ms=0 if now_ms % LOOKS else 5_000), now_ms)
        assert admission.step == 0


def test_a_step_is_given_back_one_by_one() -> None:
    admission = taken(Signs(late_ms=2_000))
    assert admission.step == STEP_MAX
    steps = []
    for now_ms in range(100, 5 * CALM_MS, 100):
        admission.look(Signs(), now_ms)
        steps.append(admission.step)
    assert sorted(steps, reverse=True) == steps
    assert set(steps) == {4, 3, 2, 1, 0}
    assert steps.count(3) == CALM_MS // 100
    assert taken(Signs(late_ms=150)).step == 1
