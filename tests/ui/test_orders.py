"""The register and the single order, with several people at them."""

from __future__ import annotations

import re
from collections.abc import Callable

from playwright.sync_api import Locator, Page, expect

from tests.ui.window import Window


def row_of(page: Page, number: str) -> Locator:
    """The register's row of one order."""
    return page.locator(f"[data-testid=orders-row][data-tracking='{number}']")


def test_what_one_person_does_is_seen_live_by_the_other(window: Callable[..., Window]) -> None:
    one, other = window(), window()
    page = one.log_in("op01")
    expect(page.get_by_text("live")).to_be_visible()
    other.log_in("supervisor")
    order = other.order("live-0001", address="Bağdat Cd. 4", district="Kadıköy", caller_phone="05321234567")
    row = row_of(page, order["tracking_number"])
    expect(row).to_contain_text("Water fault")
    expect(row).to_contain_text("Bağdat Cd. 4, Kadıköy")
    expect(row).to_have_attribute("data-order-status", "new")

    row_of(other.page, order["tracking_number"]).get_by_role("link").click()
    other.find("order-to-in_progress").click()
    expect(row).to_have_attribute("data-order-status", "in_progress")
    expect(other.find("order-history").first).to_contain_text("status: new → in progress")
    other.find("order-edit").click()
    other.find("order-edit-text").fill("Pipe under the bridge")
    other.find("order-edit-save").click()
    expect(other.find("order-text")).to_have_text("Pipe under the bridge")
    other.page.go_back()
    expect(row_of(other.page, order["tracking_number"])).to_be_visible()


def test_the_register_filters_searches_and_pages(window: Callable[..., Window]) -> None:
    one = window()
    one.log_in("supervisor")
    numbers = [one.order(f"page-{index:04}")["tracking_number"] for index in range(55)]
    sewer = one.order("page-sewer", category="sewer_fault", citizen_name="Şule Ilgın")
    one.page.goto("/orders")
    expect(row_of(one.page, numbers[-1])).to_be_visible()
    expect(one.find("orders-row")).to_have_count(50)
    one.find("orders-more").click()
    expect(row_of(one.page, numbers[0])).to_be_visible()

    one.find("orders-category").select_option("sewer_fault")
    expect(one.find("orders-row")).to_have_count(1)
    expect(one.page).to_have_url(re.compile("category=sewer_fault"))
    one.page.reload()
    expect(row_of(one.page, sewer["tracking_number"])).to_be_visible()
    expect(one.find("orders-row")).to_have_count(1)
    one.find("orders-status").select_option("done")
    expect(one.page.get_by_text("No work orders match.")).to_be_visible()

    one.page.get_by_role("navigation").get_by_role("link", name="Work orders").click()
    expect(one.find("orders-status")).to_have_value("")
    one.find("orders-text").press_sequentially("sule ilg")
    expect(one.find("orders-row")).to_have_count(1)
    expect(row_of(one.page, sewer["tracking_number"])).to_be_visible()


def test_a_conflict_shows_the_present_order_and_keeps_the_text(window: Callable[..., Window]) -> None:
    slow, quick = window(), window()
    # The slow page hears nothing of the other's change, as on a bad line.
    slow.page.route_web_socket(re.compile("/ws/orders"), lambda socket: None)
    slow.log_in("op01")
    quick.log_in("supervisor")
    order = quick.order("conflict-01")
    slow.page.goto(f"/orders/{order['id']}")
    slow.find("order-edit").click()
    slow.find("order-edit-text").fill("What I wrote")
    quick.api(
        "PATCH",
        f"/api/orders/{order['id']}",
        {"version": 1, "status": "waiting", "description": "What they wrote"},
    )
    slow.find("order-edit-save").click()
    expect(slow.find("banner")).to_contain_text("Somebody else changed this order")
    expect(slow.page.get_by_text("What they wrote")).to_have_count(2)  # beside the text, and in the history
    expect(slow.find("order-edit-text")).to_have_value("What I wrote")
    slow.find("order-edit-save").click()
    expect(slow.find("order-text")).to_have_text("What I wrote")
    expect(slow.find("order")).to_have_attribute("data-version", "3")


def test_an_order_that_changes_elsewhere_changes_on_the_page(window: Callable[..., Window]) -> None:
    one = window()
    one.log_in("op01")
    order = one.order("elsewhere-01")
    one.page.goto(f"/orders/{order['id']}")
    expect(one.find("order")).to_have_attribute("data-version", "1")
    one.api("PATCH", f"/api/orders/{order['id']}", {"version": 1, "status": "done"})
    expect(one.find("order")).to_have_attribute("data-version", "2")
    expect(one.find("banner")).to_contain_text("Somebody else changed this order")


def test_an_order_that_is_not_there(window: Callable[..., Window]) -> None:
    one = window()
    one.log_in("op01", "/orders/999999")
    expect(one.find("order-missing")).to_contain_text("There is no such work order.")


def test_a_register_without_orders_says_where_they_come_from(window: Callable[..., Window]) -> None:
    one = window()
    one.log_in("op01", "/orders?text=nobody-wrote-this")
    expect(one.page.get_by_text("No work orders match.")).to_be_visible()
    one.page.route(
        re.compile(r"/api/orders\?"), lambda route: route.fulfill(json={"orders": [], "next": None})
    )
    one.page.goto("/orders")
    expect(one.page.get_by_text("There are no work orders yet.")).to_be_visible()
