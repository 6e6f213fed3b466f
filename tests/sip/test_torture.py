"""Messages of the kinds of RFC 4475, of our own making: each with what becomes of it.

The section of RFC 4475 that has this kind stands beside each.
"""

from __future__ import annotations

import pytest

from gateways.sip.admission import Refusal
from gateways.sip.auth import Challenger, Refused
from gateways.sip.body import session_part
from gateways.sip.build import respond
from gateways.sip.capabilities import ACCEPT
from gateways.sip.events import Flow, RequestReceived, ResponseReceived
from gateways.sip.message import Request, Response
from gateways.sip.parser import parse_message
from gateways.sip.registrar import Registrar
from tests.sip.support import CALLEE, CALLER, Agent, Tokens, request

BASE = {
    "Via": "SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKtorture",
    "Max-Forwards": "70",
    "From": "<sip:ayse@example.com>;tag=54416",
    "To": "<sip:185@example.com>",
    "Call-ID": "torture.1@192.0.2.1",
    "CSeq": "9 OPTIONS",
    "Contact": "<sip:ayse@192.0.2.1>",
    "Content-Length": "0",
}


def message(start: str = "OPTIONS sip:185@example.com SIP/2.0", body: bytes = b"", **changes: str) -> bytes:
    fields = dict(BASE)
    for name, value in changes.items():
        fields[name.replace("_", "-")] = value
    lines = [start, *(f"{name}: {value}" for name, value in fields.items() if value != "(none)")]
    return ("\r\n".join(lines) + "\r\n\r\n").encode() + body


def outcome(data: bytes) -> tuple[Request | None, int]:
    """The request that our user got, and the status that the layer answered by itself (0: none)."""
    agent = Agent(CALLEE)
    agent.receive(data, CALLER)
    received = [event.request for event in agent.events(RequestReceived)]
    statuses = [status for status in agent.responses() if status != 100]
    assert len(received) + len(statuses) <= 1
    return (received[0] if received else None), (statuses[0] if statuses else 0)


def accepted(data: bytes) -> Request:
    received, status = outcome(data)
    assert received is not None, status
    return received


# 3.1.1: valid, however odd


def test_every_freedom_of_white_space_and_case() -> None:
    """3.1.1.1"""
    invite = accepted(
        b"INVITE sip:185@water.example;flag SIP/2.0\r\n"
        b"tO :\r\n sip:185@water.example ;  tag   = 42n\r\n"
        b'from  : "Ay\xc5\x9fe \\\\\\""     <sip:ayse@home.example>\r\n  ;\r\n\ttag = 98a\r\n'
        b"mAX-forwards:\t0068\r\n"
        b"I: spaces.everywhere@192.0.2.1\r\n"
        b"Content-Length   : 6\r\n"
        b"cseq: 0009\r\n  INVITE\r\n"
        b"Via : SIP  /  2.0\r\n /UDP\r\n   192.0.2.1;rport;branch=old\r\n"
        b"s :\r\n"
        b"A-New-Header:  one\r\n   two\r\n"
        b"Its-Value-Is-Odd: ;,,;;,\r\n"
        b"ROUTE:\r\n <sip:hop.example;lr;with=value;without>\r\n"
        b"v:  SIP  / 2.0 / TCP    second.example  ;\r\n  branch  =  z9hG4bKb  ,\r\n"
        b" SIP /  2.0   / UDP  third.example   ; branch=\r\n z9hG4bKc\r\n"
        b'M:"Quotes \\"\\"" <sip:ayse@192.0.2.1> ; new =\r\n   value ;\r\n  alone ; q = 0.33\r\n'
        b"\r\nv=0\r\n\n"
    )
    assert invite.to.tag == "42n"
    assert (invite.from_.display_name, invite.from_.tag) == ('Ayşe \\"', "98a")
    assert (invite.max_forwards, invite.cseq.number, invite.get("Subject")) == (68, 9, "")
    assert [via.host for via in invite.vias] == ["192.0.2.1", "second.example", "third.example"]
    assert invite.contacts[0].params == {"new": "value", "alone": None, "q": "0.33"}
    assert (invite.get("a-new-header"), invite.get("its-value-is-odd")) == ("one two", ";,,;;,")
    assert invite.route[0].uri.params == {"lr": None, "with": "value", "without": None}
    assert invite.body == b"v=0\r\n\n"


def test_every_character_that_is_allowed() -> None:
    """3.1.1.2"""
    user = "2_odd.Number~(so-it!is)&may'be+$/here?,/;;*:&a+b=1,c!*d$e~f_g.(not'h)"
    method = "!Some-Method0987654321_*+`.%thing'~"
    data = message(
        f"{method} sip:{user}@example.com SIP/2.0",
        CSeq=f"139122385 {method}",
        Call_ID="any.word%A-!.*_+'@other`~)(><:\\/\"][?}{",
        To=f'"BEL:\\\x07 X:\\x DEL:\\\x7f" <sip:{user}@example.com>',
        From="first~1` second2'+_ third*%!.- <sip:a@example.com>;aParam'~+*_!.-%=\"çağrı\";tag=_1",
    )
    received, status = outcome(data)
    assert (received, status) == (None, 405), "well-formed, only the method is unknown"


def test_escapes() -> None:
    """3.1.1.3 to 3.1.1.5"""
    odd = accepted(
        message(
            "OPTIONS sip:sips%3Auser%40example.com@example.net SIP/2.0",
            To="sip:%61yse@example.com",
            From='<sip:with%20spaces%20inside@example.net>;tag="a;b"',
            Contact="<sip:caller%40example.com@[2001:db8::1]?x=%20y>;p=%Z%45",
        )
    )
    assert odd.request_uri.user_text == "sips:user@example.com"
    assert odd.to.uri.user_text == "ayse"
    assert odd.from_.uri.user_text == "with spaces inside"
    assert accepted(message(To="<sip:a%00b@example.com>")).to.uri.user == "a%00b"
    received, status = outcome(message("RE%47ISTE%52 sip:a@b SIP/2.0", CSeq="9 RE%47ISTE%52"))
    assert (received, status) == (None, 405), "escapes mean nothing in a method"


def test_no_space_before_the_bracket() -> None:
    """3.1.1.6"""
    assert accepted(message(From='"caller"<sip:c@example.com>;tag=1')).from_.display_name == "caller"
    assert accepted(message(From="caller<sip:c@example.com>;tag=1")).from_.display_name == "caller"


def test_long_values() -> None:
    """3.1.1.7"""
    long = accepted(
        message(
            f"OPTIONS sip:user@example.com;long{'param' * 50}={'value' * 50} SIP/2.0",
            To=f'"{"a name that does not want to end " * 50}"<sip:user@example.com:6000;p={"v" * 500}>',
            From=f"sip:{'verylongcallername' * 8}@example.net;tag={'12' * 300}982424;{'q' * 300}",
            Call_ID=f"long.{'really' * 30}longcallid",
            Via=", ".join(f"SIP/2.0/TCP sip{i}.example.com;branch=z9hG4bK{i}" for i in range(34, 0, -1)),
        )
    )
    assert len(long.vias) == 34


def test_second_message_in_the_datagram() -> None:
    """3.1.1.8: what follows the length is not looked at"""
    first = message()
    agent = Agent(CALLEE)
    agent.receive(first + message("INVITE sip:joe@example.com SIP/2.0", CSeq="8 INVITE"), CALLER)
    assert [event.request.method for event in agent.events(RequestReceived)] == ["OPTIONS"]


def test_semicolon_in_the_user_part() -> None:
    """3.1.1.9"""
    uri = accepted(message("OPTIONS sip:user;par=u%40example.net@example.com SIP/2.0")).request_uri
    assert (uri.user, uri.host, uri.params) == ("user;par=u%40example.net", "example.com", {})


def test_transports_nobody_knows() -> None:
    """3.1.1.10"""
    vias = "SIP/2.0/UDP t1.example.com;branch=z9hG4bKa, SIP/2.0/SCTP t2;branch=z9hG4bKb, " * 2
    known = accepted(message(Via=vias + "SIP/2.0/UNKNOWN t4.example.com;branch=z9hG4bKc"))
    assert known.vias[-1].transport == "UNKNOWN"


def test_body_of_several_parts() -> None:
    """3.1.1.11: octets are octets"""
    body = b"--part\r\n\x00\xff\r\n\r\n--part--"
    data = message(Content_Type="multipart/mixed;boundary=part", Content_Length=str(len(body)), body=body)
    received = accepted(data)
    assert (received.body, received.content_type) == (body, "multipart/mixed")


@pytest.mark.parametrize("reason", ["= 10**2 × 2, evet tamam", ""])
def test_reason_phrases(reason: str) -> None:
    """3.1.1.12 and 3.1.1.13"""
    caller = Agent(CALLER)
    caller.layer.send_request(request(), CALLEE, 0)
    caller.take()
    invite = caller.messages()[0]
    assert isinstance(invite, Request)
    caller.receive(respond(invite, 200, reason, to_tag="x", contact="<sip:a@b>"), CALLEE)
    assert [event.response.reason for event in caller.events(ResponseReceived)] == [reason]


# 3.1.2: invalid


@pytest.mark.parametrize(
    ("data", "status"),
    [
        pytest.param(message(Contact="<sip:j@h>, ,,, ;", To="sip:a@b;;;,"), 400, id="3.1.2.1 separators"),
        pytest.param(message(Content_Length="9999"), 400, id="3.1.2.2 length beyond the datagram"),
        pytest.param(message(Content_Length="-999"), 400, id="3.1.2.3 negative length"),
        pytest.param(message(CSeq="99999999999999999999 OPTIONS"), 400, id="3.1.2.4 number beyond its range"),
        pytest.param(message(Max_Forwards="300"), 400, id="3.1.2.4 hops"),
        pytest.param(message(Expires="1" * 30), 400, id="3.1.2.4 time"),
        pytest.param(message(To='"Ali <sip:ali@example.com>'), 400, id="3.1.2.6 open quote"),
        pytest.param(message("OPTIONS <sip:user@example.com> SIP/2.0"), 400, id="3.1.2.7 brackets"),
        pytest.param(message("OPTIONS sip:user@example.com; lr SIP/2.0"), 400, id="3.1.2.8 space in the URI"),
        pytest.param(message("OPTIONS  sip:u@example.com  SIP/2.0"), 400, id="3.1.2.9 spaces between"),
        pytest.param(message("OPTIONS sip:u@example.com SIP/2.0  "), 400, id="3.1.2.10 spaces after"),
        pytest.param(message(Contact="sip:u@example.com?Route=%3Csip:x%3E"), 400, id="3.1.2.13 no brackets"),
        pytest.param(message(To='"Demir, Ali" < sip:ali@example.org >'), 400, id="3.1.2.14 spaces"),
        pytest.param(message(From="Demir, Ali <sip:ali@example.com>;tag=43"), 400, id="3.1.2.15 name"),
        pytest.param(message("OPTIONS sip:t@example.org SIP/7.0"), 505, id="3.1.2.16 version"),
        pytest.param(message(CSeq="8 INVITE"), 400, id="3.1.2.17 another method"),
        pytest.param(message("NEWMETHOD sip:a@b SIP/2.0"), 400, id="3.1.2.18 another method, unknown"),
        pytest.param(message(To="(none)"), 0, id="3.3.1 nobody to answer without To"),
        pytest.param(message(Call_ID="(none)"), 0, id="3.3.1 nor without Call-ID"),
        pytest.param(message("OPTIONS anotherScheme:x SIP/2.0"), 416, id="3.3.2 scheme"),
        pytest.param(message("OPTIONS name:Ali_Demir SIP/2.0"), 416, id="3.3.3 registered scheme"),
        pytest.param(message(Require="unheardOf"), 420, id="3.3.5 extension"),
        pytest.param(message(), 0, id="control: the message itself is taken"),
    ],
)
def test_refused_with(data: bytes, status: int) -> None:
    received, answered = outcome(data)
    assert answered == status
    assert (received is None) or status == 0


def test_escaped_headers_in_the_request_uri_are_read_and_not_obeyed() -> None:
    """3.1.2.11"""
    received = accepted(message("OPTIONS sip:user@example.com?Route=%3Csip:example.com%3E SIP/2.0"))
    assert received.route == []


def test_bad_date_is_nobodys_business() -> None:
    """3.1.2.12: a header that we do not use"""
    assert accepted(message(Date="Fri, 01 Jan 2010 16:00:00 EST")).get("Date")


def test_single_headers_given_twice() -> None:
    """3.3.8"""
    data = message().replace(b"CSeq:", b"CSeq: 5 OPTIONS\r\nCSeq:")
    assert outcome(data) == (None, 400)


def test_lengths_that_differ() -> None:
    """3.3.9"""
    data = message(body=b"five5").replace(b"Content-Length: 0", b"Content-Length: 2\r\nl: 5")
    assert outcome(data) == (None, 400)


@pytest.mark.parametrize("start", ["SIP/2.0 4294967301 far too high", "SIP/2.0 0 x", "SIP/2.0 ab x"])
def test_status_beyond_its_range(start: str) -> None:
    """3.1.2.19"""
    agent = Agent(CALLEE)
    agent.receive(message(start), CALLER)
    assert agent.sent == []
    assert agent.layer.statistics().malformed_dropped == 1


def test_overlarge_numbers_in_a_response() -> None:
    """3.1.2.5"""
    agent = Agent(CALLER)
    agent.layer.send_request(request("OPTIONS"), CALLEE, 0)
    agent.take()
    sent = agent.messages()[0]
    assert isinstance(sent, Request)
    data = respond(sent, 200, to_tag="x").to_bytes().replace(b"CSeq: 1", b"CSeq: 99999999999999999999")
    agent.receive(data, CALLEE)
    assert agent.events(ResponseReceived) == []


# 3.3: understood by the layer, refused or borne by those who work on it


def test_body_of_an_unknown_type() -> None:
    """3.3.6"""
    invite = accepted(
        message(
            "INVITE sip:185@example.com SIP/2.0",
            b"<audio>\r\n",
            CSeq="9 INVITE",
            Content_Type="application/unknownformat",
            Content_Length="9",
        )
    )
    refusal = session_part(invite)
    assert isinstance(refusal, Refusal)
    assert (refusal.status, dict(refusal.headers)) == (415, {"Accept": ACCEPT})


def test_authorization_of_an_unknown_scheme() -> None:
    """3.3.7: as if there were none"""
    register = accepted(
        message(
            "REGISTER sip:example.com SIP/2.0",
            CSeq="9 REGISTER",
            Authorization="NobodyKnowsThisScheme opaque-data=here",
        )
    )
    challenger = Challenger("santral", b"key", Tokens())
    assert challenger.verify(register, lambda _: None, 0) == Refused("no-credentials")


@pytest.mark.parametrize("method", ["OPTIONS", "INVITE", "REGISTER"])
def test_no_hops_left(method: str) -> None:
    """3.3.11: it has come to its end, and that is here"""
    start = f"{method} sip:185@example.com SIP/2.0"
    assert accepted(message(start, CSeq=f"9 {method}", Max_Forwards="0")).max_forwards == 0


@pytest.mark.parametrize(
    ("contact", "kept"),
    [
        pytest.param(
            "sip:+902125552222@gw1.example;unknownparam",
            "<sip:+902125552222@gw1.example>;unknownparam;expires=3600",
            id="3.3.12 parameter of the header",
        ),
        pytest.param(
            "<sip:+902125552222@gw1.example;unknownparam>",
            "<sip:+902125552222@gw1.example;unknownparam>;expires=3600",
            id="3.3.13 parameter of the URI",
        ),
        pytest.param(
            "<sip:user@example.com?Route=%3Csip:sip.example.com%3E>",
            "<sip:user@example.com?Route=%3Csip:sip.example.com%3E>;expires=3600",
            id="3.3.14 header in the URI",
        ),
    ],
)
def test_registered_as_written(contact: str, kept: str) -> None:
    register = accepted(message("REGISTER sip:example.com SIP/2.0", CSeq="9 REGISTER", Contact=contact))
    response, _ = Registrar().process(register, "ayse", Flow("UDP", *CALLER), 0)
    assert response.get_all("Contact") == [kept]


def test_answers_that_would_not_be_read() -> None:
    """3.3.15"""
    data = message("INVITE sip:185@example.com SIP/2.0", CSeq="9 INVITE", Accept="text/nobody-knows")
    assert outcome(data) == (None, 406)


# 3.2 and 3.4


def test_branch_that_is_only_the_cookie() -> None:
    """3.2.1: it says nothing, so the rest of the message tells copies apart"""
    agent = Agent(CALLEE)
    for call in ("one", "two", "one"):
        agent.receive(message(Via="SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK", Call_ID=call), CALLER)
    assert [event.request.call_id for event in agent.events(RequestReceived)] == ["one", "two"]


def test_elements_of_rfc_2543() -> None:
    """3.4.1"""
    old = accepted(
        b"INVITE sip:185@example.com SIP/2.0\r\n"
        b"Via: SIP/2.0/UDP old.example.com\r\n"
        b"From: <sip:+902125551212@old.example.com;user=phone>\r\n"
        b"Record-Route: <sip:185@example.com;maddr=proxy.example.com>\r\n"
        b"To: sip:185@example.com;user=phone\r\n"
        b"Call-ID: before-3261@old.example.com\r\n"
        b"CSeq: 56 INVITE\r\n"
        b"Contact: <sip:gw@old.example.com>\r\n\r\n"
    )
    assert old.from_.tag is None
    assert old.to.params == {"user": "phone"}, "20: outside of brackets it belongs to the header"


def test_unknown_schemes_elsewhere_are_no_matter() -> None:
    """3.3.4"""
    odd = accepted(
        message(To="isbn:1234567890", From="<http://example.com/>;tag=3", Contact="<name:Ali_Demir>")
    )
    assert (odd.to.uri.scheme, odd.from_.uri.scheme) == ("isbn", "http")


def test_broadcast_address_in_via_of_a_response_is_a_stray() -> None:
    """3.3.10: a response that was never for us"""
    agent = Agent(CALLER)
    data = message("SIP/2.0 200 OK", Via="SIP/2.0/UDP 255.255.255.255;branch=z9hG4bKx", CSeq="1 INVITE")
    assert isinstance(parse_message(data), Response)
    assert agent.receive(data, CALLEE) == []
    assert agent.layer.statistics().stray_responses == 1
