"""The story of a call, opened from its row on the wallboard."""

from __future__ import annotations

import json
import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, Route, expect

from tests.e2e.city import PATIENT, WIDENING
from tests.ui.test_looks import check
from tests.ui.window import GUARD_MS, Window


def call(citizen: Window, number: str, own: str) -> None:
    citizen.page.goto("/call")
    citizen.find("call-number").fill(number)
    citizen.find("call-own").fill(own)
    citizen.find("call-dial").click()
    expect(citizen.find("call-state")).to_have_attribute("data-state", "connected", timeout=GUARD_MS)


def row(board: Window, caller: str) -> str:
    """The call's id, once its row is there."""
    found = board.find("board-call").filter(has_text=caller)
    expect(found).to_have_count(1, timeout=GUARD_MS)
    return found.get_attribute("data-call") or ""


def test_a_waiting_call_says_why_and_goes_on_telling(window: Callable[..., Window]) -> None:
    board, citizen = window(language="tr"), window()
    board.log_in("supervisor", "/board")
    call(citizen, WIDENING, "05321112233")
    id_ = row(board, "05321112233")

    board.find("board-call").filter(has_text="05321112233").locator("td").nth(2).click()
    dialog, lines = board.find("explanation"), board.find("explanation-line")
    expect(dialog).to_contain_text(id_)
    expect(dialog).to_contain_text("Bu çağrı neden buraya gitti?")
    expect(board.find("explanation-now")).to_contain_text("Şu anda", timeout=GUARD_MS)
    expect(board.find("explanation-now")).to_contain_text(
        re.compile("kuyruğuna bakan kimse yok|Çağrıyı alabilecek kimse yok")
    )
    expect(lines.first).to_have_text(re.compile(rf"^\d\d:\d\d:\d\dÇağrı geldi, aranan numara {WIDENING}\.$"))
    board.page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)

    board.page.get_by_label("Dil").select_option("en")
    board.find("explain-open").filter(has_text="05321112233").focus()
    board.page.keyboard.press("Enter")
    expect(dialog).to_contain_text("Step 1: these teams may take it too: Second.", timeout=GUARD_MS)
    citizen.find("call-hang-up").click()
    expect(dialog).to_contain_text("The call ended: the caller hung up.", timeout=GUARD_MS)
    expect(board.find("explanation-now")).to_have_count(0)
    expect(board.find("explanation-close")).to_be_focused()
    board.find("explanation-close").click()
    expect(dialog).to_have_count(0)


def test_a_story_that_can_not_be_had_says_so_and_comes_back(window: Callable[..., Window]) -> None:
    board, citizen = window(), window()
    board.log_in("supervisor", "/board")
    call(citizen, PATIENT, "05321112244")
    row(board, "05321112244")
    away = {"error": "database_away", "text": "", "errors": []}

    def refuse(route: Route) -> None:
        route.fulfill(status=503, content_type="application/json", body=json.dumps(away))

    board.page.route(re.compile("/explanation"), refuse)
    board.find("explain-open").filter(has_text="05321112244").click()
    dialog = board.find("explanation")
    expect(dialog).to_contain_text("The story of this call is in the database", timeout=GUARD_MS)
    board.page.unroute(re.compile("/explanation"))
    expect(dialog).to_contain_text("The call arrived", timeout=GUARD_MS)
    expect(dialog.get_by_role("alert")).to_have_count(0)
    board.problems = [problem for problem in board.problems if "503" not in problem]
    citizen.find("call-hang-up").click()


STORY = {
    "call": "20261122-001122-abcdef0123456789",
    "live": True,
    "timezone": "Europe/Istanbul",
    "lines": [
        {"at_ms": 1, "clock": "14:02:10", "text": "Çağrı geldi, aranan numara 185."},
        {"at_ms": 0, "clock": "", "text": "Aradaki 12 adım daha gösterilmiyor."},
        {
            "at_ms": 2,
            "clock": "14:03:30",
            "text": "3 operatör boştaydı. Seçilen Ayşe Yılmaz: en uzun süredir boşta (4 dk 12 sn); sıradaki Mehmet Demir "
            "olurdu (3 dk 50 sn). Diğerleri: 1 kişi hazır değil (Zeynep Kaya); 5 kişi görüşmede. Çağrı 1 dk 20 sn "
            "beklemişti; önceliği 52,5.",
        },
        {
            "at_ms": 3,
            "clock": "14:03:31",
            "text": "Muvaffakiyetsizleştiricileştiriveremeyebileceklerimizdenmiş" * 3,
        },
    ]
    * 6,
    "now": ["“Arıza” kuyruğundaki bekleme süresi: 45 sn. Önünde 2 çağrı var.", "İstenen: Kanal 2."],
}


@pytest.mark.parametrize(("width", "theme"), [(390, "light"), (390, "dark"), (1280, "light"), (1280, "dark")])
def test_the_story_fits_and_can_be_read(
    window: Callable[..., Window], width: int, theme: str, request: pytest.FixtureRequest
) -> None:
    board, citizen = window(width=width, language="tr"), window()
    board.page.emulate_media(color_scheme="dark" if theme == "dark" else "light")
    board.page.route(
        re.compile("/explanation"),
        lambda route: route.fulfill(status=200, content_type="application/json", body=json.dumps(STORY)),
    )
    board.log_in("supervisor", "/board")
    call(citizen, PATIENT, f"0532111{width}")
    row(board, f"0532111{width}")
    board.find("explain-open").filter(has_text=f"0532111{width}").click()
    expect(board.find("explanation-now")).to_be_visible()
    expect(board.find("explanation-line")).to_have_count(len(STORY["lines"]))  # type: ignore[arg-type]
    check(board.page)
    _inside(board.page)
    citizen.find("call-hang-up").click()


def _inside(page: Page) -> None:
    """The dialog and its button are on the screen, however long the story is."""
    box = page.get_by_test_id("explanation").bounding_box()
    button = page.get_by_test_id("explanation-close").bounding_box()
    size = page.viewport_size
    assert box is not None
    assert button is not None
    assert size is not None
    assert box["x"] >= 0
    assert box["y"] >= 0
    assert box["y"] + box["height"] <= size["height"]
    assert button["y"] + button["height"] <= size["height"]
