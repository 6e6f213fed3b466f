"""The wallboard: operators, queues and calls as they come and go."""

from __future__ import annotations

import json
import re
from collections.abc import Callable

from playwright.sync_api import WebSocketRoute, expect

from tests.ui.test_looks import check
from tests.ui.window import GUARD_MS, Window


def test_operators_and_calls_appear_as_they_come(window: Callable[..., Window]) -> None:
    board, operator, citizen = window(), window(), window()
    board.log_in("supervisor", "/board")
    tile, queue = board.find("board-agent-op04"), board.find("board-queue-faults")
    expect(tile).to_have_attribute("data-state", "logged_out")
    expect(board.find("board-edges")).to_contain_text("SIP: edge")

    citizen.page.goto("/call")
    citizen.find("call-number").fill("186")
    citizen.find("call-own").fill("0532 765 43 21")
    citizen.find("call-dial").click()
    expect(citizen.find("call-state")).to_have_attribute("data-state", "connected", timeout=GUARD_MS)
    expect(queue.locator("[data-field=waiting]")).to_have_text("1", timeout=GUARD_MS)
    expect(queue.locator("[data-field=longest]")).to_have_text(re.compile(r"0:0[1-9]|0:[1-5]\d"))
    expect(queue.locator("[data-field=agents]")).to_have_attribute("data-level", "bad")
    expect(board.find("board-call")).to_contain_text("05327654321")

    operator.log_in("op04", "/desk")
    operator.connect_audio()
    expect(tile).to_have_attribute("data-state", "not_ready")
    operator.find("ready").click()
    expect(tile).to_have_attribute("data-state", "ringing", timeout=GUARD_MS)
    expect(tile).to_contain_text("audio in the browser")
    operator.find("accept").click()
    expect(tile).to_have_attribute("data-state", "talking", timeout=GUARD_MS)
    expect(queue.locator("[data-field=talking]")).to_have_text("1")
    expect(queue.locator("[data-field=waiting]")).to_have_text("0")
    citizen.find("call-hang-up").click()
    expect(tile).to_have_attribute("data-state", "wrap_up", timeout=GUARD_MS)
    expect(board.page.get_by_text("No calls.")).to_be_visible()
    expect(citizen.find("call-state")).to_have_attribute("data-state", "ended")
    operator.find("log-out").click()
    expect(tile).to_have_attribute("data-state", "logged_out", timeout=GUARD_MS)


def test_the_mode_that_one_supervisor_changes_is_the_mode_that_another_sees(
    window: Callable[..., Window],
) -> None:
    one, other = window(), window()
    for supervisor in (one, other):
        supervisor.log_in("supervisor", "/board")
    for mode, shown in (("emergency", "Mode: Emergency"), ("normal", "Mode: Normal")):
        one.find("mode-change").click()
        one.find(f"mode-{mode}").check()
        one.find("mode-apply").click()
        for supervisor in (one, other):
            expect(supervisor.find("board-mode")).to_have_text(shown, timeout=GUARD_MS)


def test_the_board_says_when_the_core_is_away(window: Callable[..., Window]) -> None:
    board = window()
    lines: list[WebSocketRoute] = []

    def between(line: WebSocketRoute) -> None:
        line.connect_to_server()
        lines.append(line)

    board.page.route_web_socket(re.compile("/ws/board"), between)
    board.log_in("supervisor", "/board")
    expect(board.find("board-queue-faults")).to_be_visible()
    expect(board.find("banner")).to_have_count(0)
    lines[0].send(json.dumps({"type": "core", "state": "away"}))
    expect(board.find("banner")).to_contain_text("Call control is restarting")
    expect(board.find("board-queue-faults")).to_be_visible()
    check(board.page)
    lines[0].send(json.dumps({"type": "core", "state": "up"}))
    expect(board.find("banner")).to_have_count(0)
