"""The telephony page: edges and trunks, whom the guard does not hear, a ban that is lifted, the messages of a call."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from acd_core.link.signals import (
    BanLifted,
    EdgePicture,
    PictureWanted,
    SourceRow,
    TraceLines,
    TraceWanted,
    TrunkRow,
)
from acd_core.link.trace_lines import TraceMessage, TraceParty
from tests.ui.stage import Stage
from tests.ui.test_looks import CASES, check
from tests.ui.window import Window
from tests.web.test_board import picture

INVITE = (
    "INVITE sip:185@192.0.2.1 SIP/2.0\r\nVia: SIP/2.0/TLS 198.51.100.44:5061;branch=z9hG4bKsomethingratherlongthatdoesnotbreak"
    "anywhereatall0123456789\r\nCall-ID: a84b4c76e66710@pc33.example.com\r\nCSeq: 1 INVITE\r\n\r\n"
)
KINDS = ("malformed", "huge", "bad_auth", "spoofed", "scanner", "sweep", "flood", "stray")


def edge(number: int, at_ms: int) -> EdgePicture:
    """The first is well, the second turns callers away and has lost its trunk."""
    banned = SourceRow(
        source="198.51.100.7" if number == 1 else "2001:db8:ffff:ffff::/64",
        kinds={"scanner": 1, "bad_auth": 12_345},
        banned_until_ms=at_ms + 540_500,
        last_ms=at_ms - 61_000,
        scanner="friendly-scanner",
    )
    heard = SourceRow(source="203.0.113.9", kinds={"stray": 3}, last_ms=at_ms - 2_000)
    return EdgePicture(
        edge=f"edge{number}",
        at_ms=at_ms,
        calls=1_234 * number,
        step=0 if number == 1 else 2,
        counters={
            **{kind: 1_000 + index for index, kind in enumerate(KINDS)},
            "bans": 3,
            "banned_now": 1,
            "unheard": 1_234_567,
            "overload_new_call": 17,
            "phones": 120,
        },
        trunks=(
            TrunkRow(
                trunk="carrier",
                up=number == 1,
                live=12,
                capacity=30,
                refused=2,
                reason="" if number == 1 else "no answer to OPTIONS",
                since_ms=at_ms - 3_600_000,
            ),
            TrunkRow(
                trunk="reserve",
                up=True,
                live=30,
                capacity=30,
                refused=1_234,
                reason="calls failed with 503",
                since_ms=at_ms,
            ),
        ),
        sources=(banned, heard),
    )


@pytest.fixture
def page(stage: Stage, staged_window: Callable[..., Window]) -> Window:
    """A supervisor before two edges."""
    return opened(stage, staged_window())


def opened(stage: Stage, one: Window) -> Window:
    one.log_in("zeynep", "/telephony")
    while not stage.heard(PictureWanted).on:
        pass  # the page of the test before went away
    for number in (1, 2):
        stage.tell(edge(number, stage.now_ms()))
    expect(one.find("edge-edge2")).to_be_visible()
    return one


def test_each_edge_shows_its_load_its_trunks_and_what_the_guard_saw(stage: Stage, page: Window) -> None:
    well, loaded = page.find("edge-edge1"), page.find("edge-edge2")
    expect(well.get_by_test_id("edge-step")).to_have_text("takes everything")
    expect(loaded.get_by_test_id("edge-step")).to_have_text("overloaded: refuses new calls")
    expect(loaded.get_by_test_id("edge-calls")).to_have_text("Calls: 2,468")
    expect(well.get_by_test_id("counter-unheard")).to_have_text(re.compile("not read.*1,234,567", re.DOTALL))
    expect(well.get_by_test_id("trunk-carrier")).to_contain_text("12 / 30")
    expect(loaded.get_by_test_id("trunk-carrier")).to_contain_text("does not answer our checks (OPTIONS)")
    expect(well.get_by_test_id("trunk-carrier").locator(".badge")).to_have_text("up")
    expect(well.get_by_test_id("trunk-reserve").locator(".badge")).to_have_text("full")
    rows = page.find("source")
    expect(rows).to_have_count(3)
    expect(rows.last).to_have_attribute("data-source", "203.0.113.9")
    expect(rows.last).to_contain_text("about no call 6×")


def test_a_ban_is_lifted(stage: Stage, page: Window) -> None:
    row = page.page.locator("[data-source='198.51.100.7']")
    expect(row).to_contain_text("friendly-scanner")
    expect(row).to_contain_text(re.compile("banned for (9:00|8:5\\d)"))
    row.get_by_role("button", name="Lift: 198.51.100.7").click()
    assert stage.heard(BanLifted) == BanLifted(source="198.51.100.7")
    expect(page.page.locator("[data-source='203.0.113.9']").get_by_test_id("lift")).to_have_count(0)
    page.page.route(
        re.compile("/api/telephony/lift"),
        lambda route: route.fulfill(status=429, json={"error": "too_fast", "text": "", "errors": []}),
    )
    row.get_by_test_id("lift").click()
    expect(page.find("lift-problem")).to_have_text("That was too fast; wait a moment and try again.")


def watched(stage: Stage, page: Window) -> None:
    page.find("watch-call").fill("c-mrabc-1")
    page.find("watch").click()
    while (wanted := stage.heard(TraceWanted)).call != "c-mrabc-1":
        pass  # as above
    at_ms = stage.now_ms()
    lines = (
        TraceParty(at_ms, "c-mrabc-1", "caller", ""),
        TraceMessage(at_ms, False, "198.51.100.44", 5061, INVITE, transport="TLS"),
        TraceParty(at_ms, "c-mrabc-1", "phone 101", ""),
        TraceMessage(at_ms + 12, True, "192.0.2.7", 5060, INVITE, lost=3),
    )
    stage.tell(TraceLines(web="web1", peer=wanted.peer, lines=lines))


def test_the_messages_of_a_call_are_shown_as_they_come(stage: Stage, page: Window) -> None:
    watched(stage, page)
    messages = page.find("messages").get_by_role("listitem")
    expect(messages).to_have_count(2)
    expect(messages.first).to_contain_text("caller")
    expect(messages.first).to_contain_text("INVITE 185")
    expect(messages.last).to_contain_text("3 before it are missing")
    messages.first.locator("summary").click()
    expect(messages.first.locator("pre")).to_contain_text("a84b4c76e66710@pc33.example.com")
    page.find("watch-stop").click()
    assert stage.heard(TraceWanted).call == ""
    expect(page.find("messages")).to_have_count(0)


def test_the_story_of_a_call_leads_to_its_messages(
    stage: Stage, staged_window: Callable[..., Window]
) -> None:
    one = staged_window()
    one.log_in("zeynep", "/board")
    stage.picture(picture(1))
    one.find("explain-open").first.click()
    one.find("explanation-messages").click()
    expect(one.page).to_have_url(re.compile(r"/telephony\?call=c-1$"))
    while stage.heard(TraceWanted).call != "c-1":
        pass  # pages of tests before may say something still
    stage.tell(edge(1, stage.now_ms()))
    expect(one.find("watch-call")).to_have_value("c-1")
    check(one.page)


def test_operators_have_no_such_page(staged_window: Callable[..., Window]) -> None:
    one = staged_window()
    one.log_in("ayse")
    one.page.goto("/telephony")
    expect(one.find("no-page")).to_be_visible()
    expect(one.page.get_by_role("link", name="Telephony")).to_have_count(0)


@pytest.mark.parametrize(("width", "language", "theme"), [case for case in CASES if case[0] in (390, 1280)])
def test_two_edges_fit_and_can_be_read(
    stage: Stage, staged_window: Callable[..., Window], width: int, language: str, theme: str
) -> None:
    one = staged_window(width=width, language=language)
    one.page.emulate_media(color_scheme="dark" if theme == "dark" else "light")
    opened(stage, one)
    watched(stage, one)
    one.find("messages").locator("summary").first.click()
    check(one.page)
