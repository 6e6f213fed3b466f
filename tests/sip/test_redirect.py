"""Redirects (RFC 3261 8.1.3.4): followed in order, within limits, never in a circle."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateways.sip.build import respond
from gateways.sip.message import Response
from gateways.sip.redirect import DEPTH_MAX, redirect_targets
from gateways.sip.uri import Uri
from tests.sip.support import wire_request

FIRST = Uri.parse("sip:185@192.0.2.2")


def moved(contact: str, status: int = 302) -> Response:
    return respond(wire_request(), status, headers=[("Contact", contact)])


def followed(contact: str, *tried: str, status: int = 302, depth: int = 0) -> list[str]:
    uris = [FIRST, *(Uri.parse(text) for text in tried)]
    return [str(uri) for uri in redirect_targets(moved(contact, status), uris, depth=depth)]


def test_the_most_wanted_first() -> None:
    contact = "<sip:a@h>;q=0.2, <sip:b@h>;q=0.9, <sip:c@h>, <sip:d@h>;q=0.2"
    assert followed(contact) == ["sip:c@h", "sip:b@h", "sip:a@h", "sip:d@h"]


@pytest.mark.parametrize("status", [300, 301, 302])
def test_followed(status: int) -> None:
    assert followed("<sip:a@h>", status=status) == ["sip:a@h"]


@pytest.mark.parametrize("status", [200, 305, 380, 404])
def test_not_followed(status: int) -> None:
    assert followed("<sip:a@h>", status=status) == []


def test_nobody_is_tried_twice() -> None:
    assert followed("<sip:a@h>, <sip:A%61@h>, <sip:%61@H>, <sip:185@192.0.2.2>") == ["sip:a@h", "sip:A%61@h"]
    assert followed("<sip:a@h>", "sip:a@h") == []


def test_limits() -> None:
    many = ", ".join(f"<sip:{number}@h>" for number in range(9))
    assert len(followed(many)) == 5
    assert followed("<sip:a@h>", depth=DEPTH_MAX - 1) == ["sip:a@h"]
    assert followed("<sip:a@h>", depth=DEPTH_MAX) == []


def test_what_would_change_the_request_is_left_out() -> None:
    """RFC 3261 19.1.5"""
    assert followed("<sip:a@h;method=BYE;user=phone?Route=%3Csip:evil%3E>") == ["sip:a@h;user=phone"]


def test_schemes() -> None:
    assert followed("<http://h/>, <tel:+90185>, <sips:a@h>") == ["tel:+90185", "sips:a@h"]
    assert followed("<sip:a@h>, <sips:b@h>", "sips:c@h") == ["sips:b@h"], "never less secure than asked for"


@pytest.mark.parametrize("contact", ["*", "nonsense", "<sip:a@h>;q=2", "<sip:a@h>;q=x"])
def test_what_cannot_be_read_leads_nowhere(contact: str) -> None:
    assert followed(contact) == []


@given(st.lists(st.lists(st.sampled_from("abcdefgh"), max_size=8), max_size=8))
def test_every_chain_ends(answers: list[list[str]]) -> None:
    """Whoever is asked answers with more redirects: the number of calls is bounded, and none is repeated."""
    tried = [FIRST]
    waiting = [(FIRST, 0)]
    script = iter(answers * 200)
    while waiting:
        _, depth = waiting.pop()
        contact = ", ".join(f"<sip:{user}@h>" for user in next(script, []))
        response = moved(contact) if contact else respond(wire_request(), 302)
        for target in redirect_targets(response, tried, targets_max=3, depth=depth):
            tried.append(target)
            waiting.append((target, depth + 1))
    assert len(tried) <= 1 + 3 + 9 + 27
    assert len({str(uri) for uri in tried}) == len(tried)
