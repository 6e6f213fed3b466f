"""Work orders: saved once, every bad field named, nothing lost, live in every register, refused with a reason
while the database is away.
"""

from __future__ import annotations

import asyncio
import secrets
from typing import Any

import pytest

from acd_core.config import Config
from acd_core.domain import events
from tests.web.conftest import OwnServer
from tests.web.world import Browser, World, run, world


def form(**fields: Any) -> dict[str, Any]:
    known = {
        "key": secrets.token_hex(8),
        "category": "water_fault",
        "description": "Sokakta su borusu patladı",
        "caller_phone": "+905321234567",
        "citizen_name": "Işıl Öztürk",
        "address": "Gül Sokak 5",
        "district": "Şişli",
        "priority": "high",
    }
    return {**known, **fields}


def test_an_order_is_saved_and_is_in_the_register(config: Config) -> None:
    async def story() -> None:
        async with world(config) as here:
            browser = await here.logged_in("ayse")
            answer = await browser.ask("POST", "/api/orders", form(call="c-17"))
            assert answer.status == 201, answer.text
            order = answer.json
            assert order["tracking_number"].endswith("-000001")
            assert (order["status"], order["version"], order["call"]) == ("new", 1, "c-17")
            assert order["created_by"] == "Ayşe Yılmaz"
            assert order["deadline_ms"] - order["created_at_ms"] == 24 * 3600 * 1000
            assert [change["field"] for change in order["history"]] == ["created"]
            second = (await browser.ask("POST", "/api/orders", form(category="suggestion"))).json
            assert second["tracking_number"].endswith("-000002")
            assert second["deadline_ms"] == 0
            page = (await browser.ask("GET", "/api/orders")).json
            assert [row["id"] for row in page["orders"]] == [second["id"], order["id"]]
            assert page["next"] is None
            whole = (await browser.ask("GET", f"/api/orders/{order['id']}")).json
            assert whole == order

    run(story())


def test_every_bad_field_is_named_and_nothing_is_saved(config: Config) -> None:
    async def story() -> None:
        async with world(config) as here:
            browser = await here.logged_in("ayse")
            bad = form(
                key="?",
                category="dragons",
                description="  ",
                caller_phone="call me",
                citizen_name="x" * 121,
                address=7,
                district="a\u0000b",
                priority="yesterday",
                color="blue",
            )
            answer = await browser.ask("POST", "/api/orders", bad)
            assert answer.status == 422
            assert {(error["field"], error["reason"]) for error in answer.json["errors"]} == {
                ("key", "not_a_key"),
                ("category", "unknown"),
                ("description", "required"),
                ("caller_phone", "not_a_phone_number"),
                ("citizen_name", "too_long"),
                ("address", "not_text"),
                ("district", "bad_characters"),
                ("priority", "unknown"),
                ("color", "unknown"),
            }
            assert (await browser.ask("GET", "/api/orders")).json["orders"] == []
            for body in (b"{", b"[]", b'"\xff"'):
                assert (await browser.ask("POST", "/api/orders", body)).status == 400

    run(story())


def test_a_double_click_makes_one_order(config: Config) -> None:
    async def story() -> None:
        async with world(config) as here:
            browser = await here.logged_in("ayse")
            clicked = form()
            answers = await asyncio.gather(*(browser.ask("POST", "/api/orders", clicked) for _ in range(4)))
            assert sorted(answer.status for answer in answers) == [200, 200, 200, 201]
            assert len({answer.json["id"] for answer in answers}) == 1
            other = {**clicked, "description": "Something else was typed meanwhile"}
            answer = await browser.ask("POST", "/api/orders", other)
            assert (answer.status, answer.json["error"]) == (409, "key_reused")
            assert answer.json["order"]["description"] == clicked["description"]
            assert (
                (await browser.ask("POST", "/api/orders", form())).json["tracking_number"].endswith("-000002")
            )

    run(story())


def test_a_call_has_one_order(config: Config) -> None:
    async def story() -> None:
        async with world(config) as here:
            browser = await here.logged_in("ayse")
            first = (await browser.ask("POST", "/api/orders", form(call="c-17"))).json
            answer = await (await here.logged_in("mehmet")).ask("POST", "/api/orders", form(call="c-17"))
            assert (answer.status, answer.json["error"]) == (409, "call_has_order")
            assert answer.json["order"] == first

    run(story())


def test_changes_are_kept_with_their_history_and_stale_ones_refused(config: Config) -> None:
    async def story() -> None:
        async with world(config) as here:
            ayse, zeynep = await here.logged_in("ayse"), await here.logged_in("zeynep")
            path = f"/api/orders/{(await ayse.ask('POST', '/api/orders', form())).json['id']}"
            changed = await zeynep.ask(
                "PATCH", path, {"version": 1, "status": "in_progress", "description": "Ekip"}
            )
            assert changed.status == 200, changed.text
            assert (changed.json["status"], changed.json["version"]) == ("in_progress", 2)
            assert [(change["field"], change["by"]) for change in changed.json["history"]] == [
                ("created", "Ayşe Yılmaz"),
                ("description", "Zeynep Demir"),
                ("status", "Zeynep Demir"),
            ]
            stale = await ayse.ask("PATCH", path, {"version": 1, "description": "Mine"})
            assert (stale.status, stale.json["error"]) == (409, "version_conflict")
            assert stale.json["order"] == changed.json
            same = await ayse.ask("PATCH", path, {"version": 2, "status": "in_progress"})
            assert (same.status, same.json["version"]) == (200, 2)
            forbidden = await ayse.ask("PATCH", path, {"version": 2, "status": "new"})
            assert (forbidden.status, forbidden.json["error"]) == (409, "status_not_allowed")
            bad = await ayse.ask(
                "PATCH", path, {"version": "2", "status": "odd", "description": " ", "id": 1}
            )
            assert {(error["field"], error["reason"]) for error in bad.json["errors"]} == {
                ("version", "not_a_number"),
                ("description", "required"),
                ("id", "unknown"),
            }
            odd = await ayse.ask("PATCH", path, {"version": 2, "status": "odd"})
            assert odd.json["errors"] == [{"field": "status", "reason": "unknown"}]
            assert (await ayse.ask("PATCH", "/api/orders/99", {"version": 1})).status == 404
            assert (await ayse.ask("GET", f"/api/orders/{2**70}")).status == 404

    run(story())


def test_the_register_is_paged_and_filtered(config: Config) -> None:
    async def story() -> None:
        async with world(config) as here:
            browser = await here.logged_in("ayse")
            ids = [
                (await browser.ask("POST", "/api/orders", form(**fields))).json["id"]
                for fields in (
                    {"district": "Kadıköy", "citizen_name": "İbrahim"},
                    {"category": "suggestion", "district": "Beşiktaş"},
                    {"description": "Rögar kapağı yok"},
                )
            ]

            async def listed(query: str) -> list[int]:
                return [
                    row["id"] for row in (await browser.ask("GET", f"/api/orders?{query}")).json["orders"]
                ]

            first = (await browser.ask("GET", "/api/orders?limit=2")).json
            assert [row["id"] for row in first["orders"]] == [ids[2], ids[1]]
            assert await listed(f"limit=2&before={first['next']}") == [ids[0]]
            assert await listed("category=suggestion") == [ids[1]]
            assert await listed("status=done") == []
            assert await listed("text=kadikoy") == [ids[0]]
            assert await listed("text=IBRAHIM") == [ids[0]]
            assert await listed("text=besik%20gul") == [ids[1]]
            assert await listed("text=rogar") == [ids[2]]
            assert await listed("text=000003") == [ids[2]]
            assert await listed("text=%27%3A%26") == []
            bad = await browser.ask("GET", "/api/orders?before=x")
            assert (bad.status, bad.json["errors"]) == (422, [{"field": "before", "reason": "not_a_number"}])

    run(story())


def test_open_registers_hear_of_orders_whoever_made_them(config: Config) -> None:
    async def story() -> None:
        async with world(config) as here:
            ayse, zeynep = await here.logged_in("ayse"), await here.logged_in("zeynep")
            async with zeynep.socket("/ws/orders") as register:
                await _listening(here, ayse, register)
                made = (await ayse.ask("POST", "/api/orders", form())).json
                told = await register.expect("order_changed")
                assert (told["order"]["id"], told["order"]["version"]) == (made["id"], 1)
                await ayse.ask("PATCH", f"/api/orders/{made['id']}", {"version": 1, "status": "done"})
                told = await register.expect("order_changed")
                assert (told["order"]["status"], told["order"]["version"]) == ("done", 2)

    run(story())


async def _listening(here: World, browser: Browser, register: Any) -> None:
    """The server may begin to listen a moment after it serves: make an order until one is told."""
    while True:
        await browser.ask("POST", "/api/orders", form())
        try:
            async with asyncio.timeout(1):
                await register.expect("order_changed")
                return
        except TimeoutError:
            continue


def test_a_database_that_is_away_stops_forms_and_not_desks(own_server: OwnServer) -> None:
    async def story() -> None:
        async with world(own_server.config) as here:
            browser = await here.logged_in("ayse")
            async with here.desk(browser) as page, browser.socket("/ws/orders") as register:
                await _listening(here, browser, register)
                await asyncio.to_thread(own_server.stop)
                answer = await browser.ask("POST", "/api/orders", form())
                assert (answer.status, answer.json["error"]) == (503, "database_away")
                assert answer.headers["Retry-After"]
                assert (await browser.ask("GET", "/api/me")).status == 200, "known sessions go on"
                assert (await here.browser().log_in("mehmet")).status == 503
                await page.send(type="ready", request="1")
                while not isinstance(await here.core.heard.next(events.Event), events.ReadyRequested):
                    pass
                async with here.desk(browser, page="page-0002"):
                    pass  # the page can be loaded again, too
                await asyncio.to_thread(own_server.start)
                await register.expect("orders_missed")
                while (await browser.ask("POST", "/api/orders", form())).status != 201:
                    pass

    run(story())


def test_a_database_that_hangs_is_as_good_as_away(own_server: OwnServer) -> None:
    async def story() -> None:
        async with world(own_server.config) as here:
            browser = await here.logged_in("ayse")
            own_server.freeze()
            try:
                answer = await browser.ask("POST", "/api/orders", form())
                assert (answer.status, answer.json["error"]) == (503, "database_away")
            finally:
                own_server.thaw()
            while (await browser.ask("POST", "/api/orders", form())).status != 201:
                pass

    run(story())


def test_a_web_process_starts_without_its_database(away_config: Config) -> None:
    async def story() -> None:
        async with world(away_config) as here:
            assert (await here.browser().ask("GET", "/healthz")).json == {"core": "up", "database": "away"}
            assert (await here.browser().log_in("ayse")).status == 503

    run(story())


def test_letters_that_the_database_does_not_take_find_nothing(config: Config) -> None:
    async def story() -> None:
        async with world(config) as here:
            browser = await here.logged_in("ayse")
            for query in ("status=%00", "category=a%00", "text=%00", "text=" + "%E3%8D%BF" * 200):
                answer = await browser.ask("GET", f"/api/orders?{query}")
                assert (answer.status, answer.json["orders"]) == (200, []), query
            deep = b'{"key":' + b"[" * 60_000
            assert (await browser.ask("POST", "/api/orders", deep)).status == 400

    run(story())


@pytest.mark.parametrize("path", ["/api/nothing", "/ws/nothing", "/" + "a" * 300 + ".js", "/a%00.js"])
def test_an_unknown_address_of_the_api_is_an_error(config: Config, path: str) -> None:
    async def story() -> None:
        async with world(config) as here:
            answer = await here.browser().ask("GET", path)
            assert (answer.status, answer.json["error"]) == (404, "not_found")

    run(story())
