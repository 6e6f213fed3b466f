"""Which addresses browsers are told."""

from __future__ import annotations

import ipaddress

import pytest

from acd_core.config import Config, Web, Webrtc
from gateways.webrtc.addresses import listen_hosts


def test_the_address_of_the_pages_by_default() -> None:
    assert listen_hosts(Config(web=Web(listen_host="192.0.2.9"))) == ["192.0.2.9"]


def test_configured_addresses_in_their_order_and_once() -> None:
    config = Config(webrtc=Webrtc(listen_hosts=("192.0.2.9", "127.0.0.1", "192.0.2.9")))
    assert listen_hosts(config) == ["192.0.2.9", "127.0.0.1"]


@pytest.mark.parametrize("host", ["0.0.0.0", "::"])
def test_the_unspecified_address_stands_for_all_of_its_family(host: str) -> None:
    found = [ipaddress.ip_address(one) for one in listen_hosts(Config(web=Web(listen_host=host)))]
    assert all(one.version == ipaddress.ip_address(host).version for one in found)
    assert not any(one.is_unspecified or one.is_link_local for one in found)
    if host == "0.0.0.0":
        assert found[-1].is_loopback
