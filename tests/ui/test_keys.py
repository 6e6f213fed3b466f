"""Keys for the other side of a conversation: with the keyboard alone, by click, in both directions of calls."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
import pytest
from playwright.sync_api import expect

from acd_core.domain import events
from tests.ui.stage import Stage
from tests.ui.test_dialling import dialled, operator
from tests.ui.test_looks import check
from tests.ui.window import Window
from tests.web.world import desk_call

__all__ = ["operator"]


def test_keys_are_typed_and_shown(stage: Stage, operator: Window) -> None:
    talks = msgspec.structs.replace(dialled(stage, ""), answered_ms=stage.now_ms())
    stage.show(state="talking", call=talks)
    expect(operator.find("press-keys")).to_be_visible()
    operator.page.keyboard.press("Alt+k")
    expect(operator.find("pressed-keys")).to_be_focused()
    for key in "1#":
        operator.page.keyboard.type(key)
        asked = stage.heard(events.KeysRequested)
        assert (asked.call, asked.keys) == ("c-1-d7", key)
    operator.page.keyboard.down("7")
    operator.page.keyboard.down("7")  # as keyboards repeat what is held down
    operator.page.keyboard.up("7")
    assert stage.heard(events.KeysRequested).keys == "7"
    operator.page.keyboard.type("x")
    operator.find("key-5").click()
    assert stage.heard(events.KeysRequested).keys == "5", "x is no key"
    expect(operator.find("pressed-keys")).to_have_value("1#75")


def test_who_was_called_by_gets_them_too_and_each_call_begins_anew(stage: Stage, operator: Window) -> None:
    call = desk_call()
    stage.show(state="talking", call=call)
    operator.find("press-keys").locator("summary").click()
    operator.find("key-9").click()
    assert stage.heard(events.KeysRequested).call == call.call
    stage.show(state="talking", call=msgspec.structs.replace(call, call="c-99"))
    operator.page.keyboard.press("Alt+k")
    expect(operator.find("pressed-keys")).to_have_value("")


def test_there_is_no_pad_where_nobody_hears_keys(stage: Stage, operator: Window) -> None:
    stage.show(state="talking", call=dialled(stage, "rings"))
    expect(operator.find("call-title")).to_have_text("It rings there")
    expect(operator.find("press-keys")).to_have_count(0)
    stage.show(state="talking", call=dialled(stage, "heard"))
    expect(operator.find("press-keys")).to_be_visible()
    stage.show(state="talking", call=msgspec.structs.replace(desk_call(), on_air=False))
    expect(operator.find("call-title")).to_have_text("Conversation")
    expect(operator.find("press-keys")).to_have_count(0)


@pytest.mark.parametrize(("width", "language", "theme"), [(390, "pl", "dark"), (1280, "tr", "light")])
def test_it_fits_and_can_be_read(
    stage: Stage, staged_window: Callable[..., Window], width: int, language: str, theme: str
) -> None:
    one = staged_window(width=width, language=language)
    one.page.emulate_media(color_scheme="dark" if theme == "dark" else "light")
    one.log_in("ayse", "/desk")
    stage.operator_came()
    stage.show(state="talking", call=dialled(stage, "heard"))
    expect(one.find("press-keys")).to_be_visible()
    one.page.keyboard.press("Alt+k")
    expect(one.find("pressed-keys")).to_be_focused()
    check(one.page)
