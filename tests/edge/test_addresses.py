"""What peers are told about us, each in its own family."""

from __future__ import annotations

import pytest

from acd_core.config import Config, Rtp, Sip
from acd_core.machines import Link
from gateways.edge import addresses as module
from gateways.edge.addresses import LocalAddresses

V4, V6 = "127.0.0.1", "::1"


def addresses(rtp: Rtp | None = None, **sip: str) -> LocalAddresses:
    return LocalAddresses(Config(sip=Sip(**sip), rtp=rtp or Rtp()))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"listen_host": "192.0.2.7"}, ("192.0.2.7", V6)),
        ({"listen_host": "192.0.2.7", "listen_host6": "2001:db8::7"}, ("192.0.2.7", "2001:db8::7")),
        ({"listen_host": "2001:db8::7", "listen_host6": "192.0.2.7"}, ("192.0.2.7", "2001:db8::7")),
        ({"listen_host": "0.0.0.0", "listen_host6": "::"}, (V4, V6)),
        ({"listen_host": "0.0.0.0", "advertised_host": "203.0.113.7"}, ("203.0.113.7", V6)),
        (
            {"listen_host": "0.0.0.0", "listen_host6": "2001:db8::7", "advertised_host": "203.0.113.7"},
            ("203.0.113.7", "2001:db8::7"),
        ),
        ({"listen_host": "0.0.0.0", "advertised_host": "sip.example.org"}, ("sip.example.org",) * 2),
    ],
)
def test_each_family_hears_of_its_own_address(settings: dict[str, str], told: tuple[str, str]) -> None:
    found = addresses(**settings)
    assert (found.sip_host(V4), found.sip_host(V6)) == told


def test_via_names_the_address_of_its_listener() -> None:
    found = addresses(listen_host="192.0.2.7", listen_host6="2001:db8::7")
    assert (found.own_host(ipv6=False), found.own_host(ipv6=True)) == ("192.0.2.7", "2001:db8::7")


def test_audio_is_bound_and_told_in_the_family_of_the_peer() -> None:
    both = addresses(listen_host="192.0.2.7", listen_host6="2001:db8::7")
    assert (both.rtp_listen(V4), both.rtp_host(V4)) == ("192.0.2.7", "192.0.2.7")
    assert (both.rtp_listen(V6), both.rtp_host(V6)) == ("2001:db8::7", "2001:db8::7")


def test_audio_has_an_address_of_its_own_in_the_family_it_was_set_for() -> None:
    apart = addresses(Rtp(listen_host="192.0.2.8"), listen_host="192.0.2.7", listen_host6="2001:db8::7")
    assert (apart.rtp_listen(V4), apart.rtp_host(V4)) == ("192.0.2.8", "192.0.2.8")
    assert (apart.rtp_listen(V6), apart.rtp_host(V6)) == ("2001:db8::7", "2001:db8::7")


def test_a_peer_of_a_family_that_audio_does_not_have_is_told_the_one_it_has() -> None:
    only = addresses(listen_host="192.0.2.7")
    assert (only.rtp_listen(V6), only.rtp_host(V6)) == ("192.0.2.7", "192.0.2.7")
    only = addresses(listen_host="2001:db8::7")
    assert (only.rtp_listen(V4), only.rtp_host(V4)) == ("2001:db8::7", "2001:db8::7")


def test_other_edges_of_ours_are_told_where_we_listen_not_what_a_translator_makes_of_it() -> None:
    found = addresses(listen_host="192.0.2.7", listen_host6="::", advertised_host="203.0.113.7")
    assert found.sip_host("192.0.2.8") == found.rtp_host("192.0.2.8") == "203.0.113.7"
    found.near = frozenset({"192.0.2.8"})
    assert found.sip_host("192.0.2.8") == found.near_rtp_host("192.0.2.8") == "192.0.2.7"
    assert found.sip_host("192.0.2.9") == found.rtp_host("192.0.2.8") == "203.0.113.7"
    assert found.near_host(ipv6=False) == "192.0.2.7"
    anywhere = addresses(listen_host="0.0.0.0", advertised_host="203.0.113.7")
    assert anywhere.near_host(ipv6=False) == anywhere.towards("192.0.2.1")
    assert addresses(Rtp(listen_host="192.0.2.9"), listen_host="192.0.2.7").near_rtp_host(V4) == "192.0.2.9"


@pytest.mark.parametrize(
    ("link", "asked"),
    [
        (Link(core="10.0.0.1:7400"), ("10.0.0.1", "2001:db8::1")),
        (Link(listen="10.0.0.1:7400"), ("10.0.0.1", "2001:db8::1")),
        (Link(core="[fd00::1]:7400"), ("192.0.2.1", "fd00::1")),
        (Link(listen="0.0.0.0:7400"), ("192.0.2.1", "2001:db8::1")),
        (Link(core="127.0.0.1:7400"), ("192.0.2.1", "2001:db8::1")),  # through a tunnel
        (Link(core="core.example.org:7400"), ("192.0.2.1", "2001:db8::1")),
    ],
)
def test_other_edges_find_us_on_the_network_of_the_link(
    link: Link, asked: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A network of machines need have no way out of it, and then the routing table names the machine itself."""
    monkeypatch.setattr(module, "_source_address", lambda peer: f"as seen by {peer}")
    found = LocalAddresses(Config(link=link, sip=Sip(listen_host="0.0.0.0")))
    told = (found.near_host(ipv6=False), found.near_host(ipv6=True))
    assert told == tuple(f"as seen by {host}" for host in asked)


def test_what_was_told_before_there_was_a_network_is_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine that starts after a power failure may run us before it has its address."""
    assert module._source_address("fe80::1%nowhere") == ""
    found = addresses(listen_host="0.0.0.0")
    for answer, told in (("", ("127.0.0.1", "::1")), ("192.0.2.7", ("192.0.2.7",) * 2)):
        monkeypatch.setattr(module, "_source_address", lambda peer, answer=answer: answer)
        assert (found.towards("198.51.100.1"), found.towards("2001:db8::1")) == told
    monkeypatch.setattr(module, "_source_address", lambda peer: "192.0.2.8")
    assert found.towards("198.51.100.1") == "192.0.2.7", "one that was found is"
