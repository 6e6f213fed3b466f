"""Every page in every language, light and dark, wide and narrow: nothing cut off, all texts readable."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.ui.window import Window

# Elements that stand out beyond the right edge, whether the page can be pushed sideways or cuts them off. The heads of tables
# are out of sight on a phone, and as wide as the cells below them elsewhere.
_TOO_WIDE = """
() => [...document.querySelectorAll('body *:not(thead, thead *)')]
  .filter((one) => one.getBoundingClientRect().right > innerWidth + 1 || document.documentElement.scrollWidth > innerWidth)
  .map((one) => `${one.tagName}.${one.className} ${one.textContent.slice(0, 40)}`)
"""

# Texts whose contrast to what is behind them is below WCAG 2.2 AA (1.4.3): 4.5, or 3 for large ones.
_TOO_FAINT = """
() => {
  const part = (value) => (value <= 0.03928 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4);
  const rgb = (text) => {
    const [r, g, b, a = 1] = text.match(/[\\d.]+/g).map(Number);
    return text.startsWith('color(') ? [r * 255, g * 255, b * 255, a] : [r, g, b, a];
  };
  const light = ([r, g, b]) => 0.2126 * part(r / 255) + 0.7152 * part(g / 255) + 0.0722 * part(b / 255);
  const behind = (one) => {
    for (let at = one; at; at = at.parentElement) {
      const colour = rgb(getComputedStyle(at).backgroundColor);
      if (colour[3] === 1) return colour;
    }
    return [255, 255, 255];
  };
  const faint = [];
  for (const one of document.querySelectorAll('body *')) {
    const own = [...one.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim());
    if (!own || !one.checkVisibility({ checkOpacity: true, checkVisibilityCSS: true }) || one.matches(':disabled')) continue;
    const style = getComputedStyle(one);
    const ground = behind(one);
    const ink = rgb(style.color);
    let solid = ink[3];
    for (let at = one; at; at = at.parentElement) solid *= Number(getComputedStyle(at).opacity);
    const seen = ground.map((value, part) => value * (1 - solid) + ink[part] * solid);
    const [first, second] = [light(seen), light(ground)].toSorted((x, y) => y - x);
    const ratio = (first + 0.05) / (second + 0.05);
    const size = parseFloat(style.fontSize);
    const large = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700);
    const name = `${one.tagName}.${one.className} ${one.textContent.slice(0, 40)}`;
    if (ratio < (large ? 3 : 4.5)) faint.push(`${ratio.toFixed(2)} ${name}`);
  }
  return faint;
}
"""

# What moves has come to rest; some things pulse for ever.
_AT_REST = """
() => {
  const ending = document.getAnimations().filter((one) => one.effect.getTiming().iterations !== Infinity);
  return Promise.allSettled(ending.map((one) => one.finished)).then(() => null);
}
"""

# Controls that a screen reader has no name for, and pages without their one heading, main part and title of their own.
_UNNAMED = """
() => {
  const named = (one) => one.getAttribute('aria-label') || one.labels?.[0]?.textContent.trim() || one.textContent.trim();
  const controls = [...document.querySelectorAll('a[href], button, input, select, textarea, summary, dialog, table thead th')];
  const found = controls.filter((one) => !(named(one) || document.getElementById(one.getAttribute('aria-labelledby'))));
  const names = found.map((one) => one.outerHTML.slice(0, 80));
  for (const one of ['h1', 'main']) {
    const there = document.querySelectorAll(one).length;
    if (there !== 1) names.push(`${there} of ${one}`);
  }
  if (document.title === 'Santral') names.push('the title says no page');
  return names;
}
"""

LONG = "Muvaffakiyetsizleştiricileştiriveremeyebileceklerimizdenmişsinizcesine"


def check(page: Page) -> None:
    """Nothing is cut off, nothing is too faint, everything has a name."""
    page.evaluate(_AT_REST)
    assert page.evaluate(_TOO_WIDE) == [], page.url
    assert page.evaluate(_TOO_FAINT) == [], page.url
    assert page.evaluate(_UNNAMED) == [], page.url


# Texts are as wide in the light as in the dark, and as readable in one language as in another: half of all cases will do.
CASES = [
    (width, language, "light" if (row + column) % 2 else "dark")
    for row, width in enumerate((390, 768, 940, 1280))
    for column, language in enumerate(("tr", "en", "pl", "zh"))
]


@pytest.mark.parametrize(("width", "language", "theme"), CASES)
def test_pages_fit_and_can_be_read(
    window: Callable[..., Window], width: int, language: str, theme: str
) -> None:
    visitor, operator, supervisor = (window(width=width, language=language) for _ in range(3))
    for one in (visitor, operator, supervisor):
        one.page.emulate_media(color_scheme="dark" if theme == "dark" else "light")
    for path in ("/login", "/call"):
        visitor.page.goto(path)
        expect(visitor.page.locator("h1")).to_be_visible()
        expect(visitor.page.locator("html")).to_have_attribute("lang", language)
        check(visitor.page)

    operator.log_in("op02", "/desk")
    expect(operator.find("audio-connect")).to_be_visible()
    check(operator.page)

    supervisor.log_in("supervisor")
    order = supervisor.order(
        "looks-0001",
        citizen_name=LONG,
        address=LONG,
        district=LONG,
        caller_phone="+905321234567",
        description=LONG,
        priority="urgent",
    )
    supervisor.page.goto("/orders")
    expect(supervisor.find("orders-row").first).to_be_visible()
    check(supervisor.page)
    supervisor.page.goto(f"/orders/{order['id']}")
    supervisor.find("order-edit").click()
    check(supervisor.page)
    supervisor.page.goto("/board")
    expect(supervisor.find("board-agent-op01")).to_be_visible()
    check(supervisor.page)
    supervisor.page.goto("/orders/999999999")
    expect(supervisor.find("order-missing")).to_be_visible()
    check(supervisor.page)


def test_where_no_page_is_the_way_back_is_said(window: Callable[..., Window]) -> None:
    supervisor, operator = window(), window(language="tr")
    supervisor.log_in("supervisor", "/desk")
    expect(supervisor.find("no-page")).to_contain_text("Your log-in may not see this page.")
    assert supervisor.page.evaluate(_UNNAMED) == []
    supervisor.page.goto("/nowhere")
    expect(supervisor.find("no-page")).to_contain_text("There is no such page.")
    supervisor.find("no-page").get_by_role("link").click()
    expect(supervisor.page).to_have_url(re.compile("/board$"))
    expect(supervisor.page).to_have_title("Wallboard · Santral")
    operator.log_in("op02", "/board")
    operator.find("no-page").get_by_role("link", name="İlk sayfaya dön").click()
    expect(operator.page).to_have_url(re.compile("/desk$"))
    expect(operator.page).to_have_title("Masa · Santral")


def test_colours_follow_the_system_until_the_person_chooses(window: Callable[..., Window]) -> None:
    one = window()
    one.page.goto("/login")

    def background() -> str:
        return str(one.page.evaluate("getComputedStyle(document.documentElement).backgroundColor"))

    one.page.emulate_media(color_scheme="light")
    light = background()
    one.page.emulate_media(color_scheme="dark")
    dark = background()
    assert light != dark
    one.page.get_by_role("button", name="Colours: as the system").click()
    expect(one.page.get_by_role("button", name="Colours: light")).to_be_visible()
    assert background() == light
    one.page.reload()
    one.page.get_by_role("button", name="Colours: light").click()
    one.page.emulate_media(color_scheme="light")
    expect(one.page.get_by_role("button", name="Colours: dark")).to_be_visible()
    assert background() == dark


def test_the_language_is_chosen_once(window: Callable[..., Window]) -> None:
    one = window(language="zh")
    one.page.goto("/login")
    expect(one.page.locator("h1")).to_have_text("登录")
    one.page.get_by_label("语言").select_option("pl")
    expect(one.page.locator("h1")).to_have_text("Logowanie")
    one.page.reload()
    expect(one.page.locator("h1")).to_have_text("Logowanie")
    expect(one.page.locator("html")).to_have_attribute("lang", "pl")
