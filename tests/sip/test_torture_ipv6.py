"""Messages of the kinds of RFC 5118 (SIP over IPv6), of our own making: each with what becomes of it.

The section of RFC 5118 that has this kind stands beside each.
"""

from __future__ import annotations

import pytest

from gateways.sip.build import respond
from gateways.sip.errors import SipParseError
from gateways.sip.events import Flow, RequestReceived, ResponseReceived, Send
from gateways.sip.message import Request
from gateways.sip.parser import parse_message
from gateways.sip.registrar import Registrar
from gateways.sip.sdp import LocalMedia, accept_answer, answer_offer, make_offer, parse_sdp
from gateways.sip.uri import Uri
from tests.sip.support import Agent, of, request

HERE = ("2001:db8::10", 5060)
PHONE = ("2001:db8::9:1", 5060)
LOCAL = LocalMedia(HERE[0], 20_000, 7)


def message(method: str, uri: str, *more: str, via: str = "[2001:db8::9:1]", body: bytes = b"") -> bytes:
    lines = [
        f"{method} {uri} SIP/2.0",
        "To: <sip:185@water.example>",
        "From: <sip:ayse@water.example>;tag=81x2",
        f"Via: SIP/2.0/UDP {via};branch=z9hG4bKas3-111",
        "Call-ID: SSG9559905523997077@hlau_4100",
        "Max-Forwards: 70",
        'Contact: "Ayşe" <sip:ayse@[2001:db8::9:1]>',
        f"CSeq: 98176 {method}",
        *more,
        f"Content-Length: {len(body)}",
    ]
    return ("\r\n".join(lines) + "\r\n\r\n").encode() + body


def received(data: bytes, source: tuple[str, int] = PHONE) -> tuple[Agent, Request]:
    agent = Agent(HERE)
    agent.receive(data, source)
    (event,) = agent.events(RequestReceived)
    return agent, event.request


def test_valid_references() -> None:
    """4.1"""
    agent, register = received(message("REGISTER", "sip:[2001:db8::10]"))
    assert register.request_uri.host == "2001:db8::10"
    assert (register.via.host, register.via.port) == ("2001:db8::9:1", None)
    response, _ = Registrar().process(register, "ayse", Flow("UDP", *PHONE), 0)
    assert response.get_all("Contact") == ['"Ayşe" <sip:ayse@[2001:db8::9:1]>;expires=3600']
    (event,) = agent.events(RequestReceived)
    agent.layer.send_response(event.key, response, 0)
    (sent,) = of(agent.take(), Send)
    assert sent.destination == PHONE
    assert parse_message(sent.data).via.host == PHONE[0]


def test_reference_without_brackets() -> None:
    """4.2: nobody can tell the port from the address"""
    agent = Agent(HERE)
    agent.receive(message("REGISTER", "sip:2001:db8::10"), PHONE)
    assert agent.responses() == [400]
    assert agent.events(RequestReceived) == []


def test_what_looks_like_a_port_is_part_of_the_address() -> None:
    """4.3"""
    _, register = received(message("REGISTER", "sip:[2001:db8::10:5070]"))
    assert (register.request_uri.host, register.request_uri.port) == ("2001:db8::10:5070", None)


def test_port_behind_the_brackets() -> None:
    """4.4"""
    _, register = received(message("REGISTER", "sip:[2001:db8::10]:5070"))
    assert (register.request_uri.host, register.request_uri.port) == ("2001:db8::10", 5070)


@pytest.mark.parametrize("address", ["[2001:db8::9:255]", "2001:db8::9:255"])
def test_received_with_and_without_brackets(address: str) -> None:
    """4.5: the grammar has none, some write them; answers go by where a message came from"""
    via = f"[2001:db8::9:1];received={address}"
    agent, options = received(message("OPTIONS", "sip:[2001:db8::10]", via=via), ("2001:db8::9:255", 5060))
    assert options.via.params["received"] == "2001:db8::9:255", "what we saw ourselves"
    (event,) = agent.events(RequestReceived)
    agent.layer.send_response(event.key, respond(options, 200), 0)
    assert [sent.destination for sent in of(agent.take(), Send)] == [("2001:db8::9:255", 5060)]
    client = Agent(HERE)
    client.layer.send_request(request("OPTIONS"), PHONE, 0)
    client.take()
    ours = client.messages()[0]
    assert isinstance(ours, Request)
    answer = respond(ours, 200, to_tag="x")
    answer.replace_top_via(ours.via.with_params(received=address))
    client.receive(answer, PHONE)
    assert len(client.events(ResponseReceived)) == 1


OFFER = (
    b"v=0\r\no=assistant 971731711378798081 0 IN IP6 2001:db8::20\r\ns=Live video\r\nc=IN IP6 2001:db8::20\r\n"
    b"t=3338481189 3370017201\r\nm=audio 6000 RTP/AVP 2 0\r\na=rtpmap:2 G726-32/8000\r\n"
    b"m=video 6024 RTP/AVP 107\r\na=rtpmap:107 H263-1998/90000\r\n"
)


def test_description_with_ipv6() -> None:
    """4.6"""
    _, invite = received(
        message("INVITE", "sip:185@[2001:db8::10]", "Content-Type: application/sdp", body=OFFER)
    )
    answer, agreement = answer_offer(parse_sdp(invite.body), LOCAL)
    assert (agreement.remote_address, agreement.remote_port) == ("2001:db8::20", 6000)
    assert b"c=IN IP6 2001:db8::10\r\n" in answer.to_bytes()


def test_both_families_in_one_message() -> None:
    """4.7"""
    data = message(
        "BYE", "sip:user@water.example", "Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKjhja8781hjuaij65144"
    )
    _, bye = received(data.replace(b"To: <sip:185@water.example>", b"To: <sip:185@192.0.2.5>;tag=1"))
    assert [via.host for via in bye.vias] == ["2001:db8::9:1", "192.0.2.1"]
    assert bye.to.uri.host == "192.0.2.5"


def test_both_families_in_one_description() -> None:
    """4.8: each stream has its own address"""
    offer = (
        OFFER.replace(b"m=video 6024", b"c=IN IP4 192.0.2.1\r\nm=video 6024") + b"c=IN IP6 2001:db8::1\r\n"
    )
    description = parse_sdp(offer)
    assert [description.address_of(media) for media in description.media] == ["192.0.2.1", "2001:db8::1"]
    assert answer_offer(description, LOCAL)[1].remote_address == "192.0.2.1"
    again = accept_answer(make_offer(LOCAL), description)
    assert again.remote_address == "192.0.2.1"


def test_mapped_addresses() -> None:
    """4.9"""
    offer = OFFER.replace(b"2001:db8::20", b"::ffff:192.0.2.10")
    data = message(
        "INVITE",
        "sip:185@[2001:db8::10]",
        "Content-Type: application/sdp",
        via="[::ffff:192.0.2.10]:19823",
        body=offer,
    )
    _, invite = received(data, ("::ffff:192.0.2.10", 19823))
    assert (invite.via.host, invite.via.port) == ("::ffff:192.0.2.10", 19823)
    assert "received" not in invite.via.params
    assert answer_offer(parse_sdp(invite.body), LOCAL)[1].remote_address == "::ffff:192.0.2.10"


@pytest.mark.parametrize("host", ["2001:db8:::192.0.2.1", "2001:db8:::1", "::1::2"])
def test_three_colons_are_an_error_of_the_grammar(host: str) -> None:
    """4.10: RFC 3261 25.1 could make them, RFC 5954 mended it"""
    with pytest.raises(SipParseError, match="IPv6"):
        Uri.parse(f"sip:user@[{host}]")
    agent = Agent(HERE)
    agent.receive(message("OPTIONS", f"sip:user@[{host}]"), PHONE)
    assert agent.responses() == [400]


def test_mapped_address_at_the_end_of_another() -> None:
    """4.10: what the grammar meant"""
    assert Uri.parse("sip:user@[2001:db8::192.0.2.1]").host == "2001:db8::192.0.2.1"
