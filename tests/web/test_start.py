"""What a start makes: log-ins, categories, a certificate; and what it refuses with one clear line."""

from __future__ import annotations

import datetime as dt
import socket
import ssl
import stat
from pathlib import Path

import pytest
from cryptography import x509

from acd_core.config import Config, ConfigError, Web
from agent_web.certificate import certificate_files, served_names, wants_tls
from agent_web.demo import DEMO_OPERATORS_MAX
from agent_web.process import WebProcess
from tests.web.world import Browser, replace, run, world

EXAMPLES = Path(__file__).parents[2] / "examples" / "city-water"


def _logins(path: Path) -> dict[str, tuple[str, str, str]]:
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    lines = [line.split("\t") for line in path.read_text(encoding="utf-8").splitlines()]
    assert lines[0] == ["user", "password", "role", "name"]
    return {user: (password, role, name) for user, password, role, name in lines[1:]}


def test_the_demo_gives_the_first_agents_a_log_in_of_their_own(
    config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SANTRAL_DEMO", "1")
    demo = replace(
        config,
        roster_file=str(EXAMPLES / "roster.toml"),
        categories_file=str(EXAMPLES / "categories.toml"),
    )

    async def story() -> None:
        async with world(demo) as here:
            logins = _logins(demo.data_path / "demo-logins.txt")
            assert {role for _, role, _ in logins.values()} == {"operator", "supervisor"}, (
                "admin is there already"
            )
            operators = [user for user, (_, role, _) in logins.items() if role == "operator"]
            assert operators == [f"op{number:02}" for number in range(1, DEMO_OPERATORS_MAX + 1)]
            assert len({password for password, _, _ in logins.values()}) == len(logins)
            user = next(user for user, (_, role, _) in logins.items() if role == "operator")
            browser = here.browser()
            assert (await browser.log_in(user, logins[user][0])).status == 200
            me = (await browser.ask("GET", "/api/me")).json
            assert (me["agent"], me["roles"]) == (user, ["operator"])
            categories = (await browser.ask("GET", "/api/catalogue")).json["categories"]
            assert categories[0]["names"]["tr"]
        before = (demo.data_path / "demo-logins.txt").read_text(encoding="utf-8")
        async with world(demo):
            assert (demo.data_path / "demo-logins.txt").read_text(encoding="utf-8") == before

    run(story())


def test_an_ordinary_first_start_makes_one_administrator(empty_config: Config) -> None:
    async def story() -> None:
        async with world(empty_config) as here:
            logins = _logins(empty_config.data_path / "first-login.txt")
            assert list(logins) == ["admin"]
            browser = here.browser()
            assert (await browser.log_in("admin", logins["admin"][0])).json["roles"] == ["admin"]

    run(story())


def test_a_page_off_localhost_is_served_over_https(config: Config) -> None:
    secure = replace(config, web=Web(listen_port=0, tls="on", advertised_host="hat.example"))

    async def story() -> None:
        async with world(secure) as here:
            trusted = ssl.create_default_context(cafile=str(secure.data_path / "tls" / "certificate.pem"))
            trusted.check_hostname = False  # the name is checked below; the test connects by address
            browser = here.browser(tls=trusted)
            answer = await browser.log_in("ayse")
            assert answer.status == 200
            assert answer.headers["Set-Cookie"].startswith("__Host-santral=")
            assert "Secure" in answer.headers["Set-Cookie"]
            async with here.desk(browser):
                pass

    run(story())


def test_our_certificate_names_the_host_and_is_renewed_in_time(tmp_path: Path) -> None:
    config = Config(data_dir=str(tmp_path), web=Web(listen_host="0.0.0.0", advertised_host="hat.example"))
    assert wants_tls(config)
    assert not wants_tls(Config())
    now = dt.datetime(2026, 3, 1, tzinfo=dt.UTC)
    files = certificate_files(config, now)
    assert stat.S_IMODE(files.key.stat().st_mode) == 0o600
    first = x509.load_pem_x509_certificate(files.certificate.read_bytes())
    names = first.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert {"hat.example", "localhost"} <= set(names.get_values_for_type(x509.DNSName))
    assert {"hat.example", "localhost", "127.0.0.1"} <= set(served_names(config))
    assert first.not_valid_after_utc - first.not_valid_before_utc <= dt.timedelta(days=825)

    certificate_files(config, now + dt.timedelta(days=300))
    assert x509.load_pem_x509_certificate(files.certificate.read_bytes()) == first, "kept while it serves"
    certificate_files(config, now + dt.timedelta(days=790))
    assert x509.load_pem_x509_certificate(files.certificate.read_bytes()) != first, "renewed before its end"
    files.key.write_text("torn")
    certificate_files(config, now)
    assert b"PRIVATE KEY" in files.key.read_bytes(), "a broken pair is made anew"


def test_a_name_is_served_as_browsers_ask_for_it(tmp_path: Path) -> None:
    config = Config(data_dir=str(tmp_path), web=Web(listen_host="0.0.0.0", advertised_host="şehir.example"))
    assert served_names(config)[0] == "xn--ehir-45a.example"
    certificate_files(config, dt.datetime(2026, 3, 1, tzinfo=dt.UTC))


def test_given_files_that_are_no_certificate_are_named(tmp_path: Path) -> None:
    for name in ("c.pem", "k.pem"):
        (tmp_path / name).write_text("torn")
    web = Web(tls="on", certificate_file=str(tmp_path / "c.pem"), key_file=str(tmp_path / "k.pem"))
    with pytest.raises(ConfigError, match=r"c\.pem"):
        certificate_files(Config(web=web), dt.datetime(2026, 3, 1, tzinfo=dt.UTC))


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"categories_file": "/nowhere/categories.toml"}, "can't be read"),
        (
            {
                "web": Web(
                    listen_port=0, certificate_file="/nowhere/c.pem", key_file="/nowhere/k.pem", tls="on"
                )
            },
            "c.pem",
        ),
        ({"web": Web(listen_host="192.0.2.1", listen_port=0, tls="off")}, "no such address"),
    ],
)
def test_a_start_that_can_not_be_says_why(config: Config, fields: dict[str, object], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        WebProcess(replace(config, **fields))


def test_a_bad_category_is_named(config: Config, tmp_path: Path) -> None:
    bad = tmp_path / "bad.toml"
    for text, words in (
        ("[[categories]]\nid = 'A B'\nkind = 'fault'\nnames = {tr = 'x'}\n", "categories"),
        ("[[categories]]\nid = 'a'\nkind = 'fault'\nnames = {tr = 'x'}\n" * 2, "twice"),
        ("categories = 1", "categories"),
    ):
        bad.write_text(text, encoding="utf-8")
        with pytest.raises(ConfigError, match=words):
            WebProcess(replace(config, categories_file=str(bad)))


def test_a_busy_port_gets_one_line_and_a_remedy(config: Config) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(ConfigError, match=rf"port {port}: something else uses this port"):
            WebProcess(replace(config, web=Web(listen_port=port)))


def test_a_stop_tells_the_pages_and_takes_no_long_time(config: Config) -> None:
    async def story() -> None:
        async with world(config) as here:
            browser = await here.logged_in("zeynep")
            async with browser.socket("/ws/board") as board, browser.socket("/ws/orders") as register:
                assert board.connection.protocol.extensions == [], "compression costs 100 KB a page"
                here.web.stop()
                assert (await board.closed(), await register.closed()) == (1012, 1012)

    run(story())


def test_pages_answer_with_the_security_headers(config: Config) -> None:
    async def story() -> None:
        async with world(config) as here:
            browser: Browser = here.browser()
            for path in ("/", "/desk", "/api/me", "/api/nothing", "/assets/none.js", "/../../etc/passwd"):
                answer = await browser.ask("GET", path)
                assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"], path
                assert "unsafe" not in answer.headers["Content-Security-Policy"], path
                assert answer.headers["X-Content-Type-Options"] == "nosniff"
                assert answer.headers["Permissions-Policy"].startswith("microphone=(self)")
                assert "root:" not in answer.text
            assert (await browser.ask("GET", "/assets/none.js")).status == 404
            schema = (await browser.ask("GET", "/api/openapi.json")).json
            assert {"/api/login", "/api/orders", "/api/orders/{order_id}"} <= set(schema["paths"])

    run(story())
