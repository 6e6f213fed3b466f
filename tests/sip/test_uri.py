"""URIs (RFC 3261 19.1) and addresses (20.10)."""

from __future__ import annotations

import pytest

from gateways.sip.errors import SipParseError
from gateways.sip.headers import CSeq, NameAddr, Via
from gateways.sip.uri import Uri


@pytest.mark.parametrize(
    "text",
    [
        "sip:alice@atlanta.example.com",
        "sip:alice:secretword@atlanta.example.com;transport=tcp",
        "sips:alice@atlanta.example.com?subject=project%20x&priority=urgent",
        "sip:+1-212-555-1212:1234@gateway.example.com;user=phone",
        "sips:1212@gateway.example.com",
        "sip:atlanta.example.com;method=REGISTER?to=alice%40atlanta.example.com",
        "sip:alice;day=tuesday@atlanta.example.com",
        "sip:[2001:db8::9:1];transport=udp",
        "sip:a@[2001:db8::192.0.2.1]:7070;lr",
        "sip:*31#185@192.0.2.1:5060",
        "sip:a%00b@example.com",
        "tel:+902125551212;phone-context=example.com",
        "mailto:someone@example.com",
        "urn:service:sos",
    ],
)
def test_written_as_read(text: str) -> None:
    assert str(Uri.parse(text)) == text


def test_parts() -> None:
    uri = Uri.parse("SIP:alice;day=tue%20s:pw@Host.example:5070;Transport=TCP;lr?a=b")
    assert (uri.scheme, uri.user, uri.password) == ("sip", "alice;day=tue%20s", "pw")
    assert (uri.host, uri.port, uri.headers) == ("Host.example", 5070, "a=b")
    assert (uri.params["transport"], uri.loose_router) == ("TCP", True)
    assert uri.user_text == "alice;day=tue s"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "sip",
        "sip:",
        ":a@b",
        "1sip:a",
        "sip:@b",
        "sip::pw@b",
        "sip:a@",
        "sip:a@b@c",
        "sip:a@b:port",
        "sip:a@b:65536",
        "sip:a@b:",
        "sip:a@[::1",
        "sip:a@[nothex]",
        "sip:a@[2001:db8:::1]",
        "sip:a@[1:2:3:4:5:6:7:8:9]",
        "sip:a@[::1%eth0]",
        "sip:a@[:]",
        "sip:a@[192.0.2.1]",
        "sip:a@[::1]x",
        "sip:a@b c",
        "sip:a@b;",
        "sip:a@b;x=",
        "sip:a@b;x=1;X=2",
        "sip:a%zz@b",
        "sip:a%2@b",
        "sip:<a>@b",
        "sip:a\x07@b",
        "sip:a@b,c",
        "tel:",
        "tel:;x=y",
        "sip:" + "a" * 2050 + "@b",
    ],
)
def test_refused(text: str) -> None:
    with pytest.raises(SipParseError):
        Uri.parse(text)


def test_made_of_plain_text() -> None:
    assert str(Uri.sip("Ayşe @ev", "192.0.2.1", 5070)) == "sip:Ay%C5%9Fe%20%40ev@192.0.2.1:5070"
    assert str(Uri.sip(None, "2001:db8::1", params={"lr": None})) == "sip:[2001:db8::1];lr"
    assert Uri.parse(str(Uri.sip("Ayşe @ev", "h"))).user_text == "Ayşe @ev"


def test_no_control_character_gets_out() -> None:
    """A database takes no NUL, a log no line break."""
    assert Uri.parse("sip:a%00b%0d%0A%7f@h").user_text == "a\ufffdb\ufffd\ufffd\ufffd"
    assert Uri.parse("sip:a%ffb@h").user_text == "a\ufffdb"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        # RFC 3261 19.1.4, the pairs that are equivalent
        ("sip:%61lice@atlanta.com;transport=TCP", "sip:alice@AtlanTa.CoM;Transport=tcp"),
        ("sip:carol@chicago.com", "sip:carol@chicago.com;newparam=5"),
        ("sip:carol@chicago.com", "sip:carol@chicago.com;security=on"),
        (
            "sip:biloxi.com;transport=tcp;method=REGISTER?to=sip:bob%40biloxi.com",
            "sip:biloxi.com;method=REGISTER;transport=tcp?to=sip:bob%40biloxi.com",
        ),
        (
            "sip:alice@atlanta.com?subject=project%20x&priority=urgent",
            "sip:alice@atlanta.com?priority=urgent&subject=project%20x",
        ),
        # RFC 5954 4.2
        ("sip:bob@[2001:db8::9:1]", "sip:bob@[2001:0DB8:0:0:0:0:9:01]"),
        ("sip:bob@[::ffff:192.0.2.1]", "sip:bob@[::FFFF:C000:0201]"),
    ],
)
def test_equivalent(one: str, other: str) -> None:
    assert Uri.parse(one).is_equivalent(Uri.parse(other))
    assert Uri.parse(other).is_equivalent(Uri.parse(one))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        # RFC 3261 19.1.4, the pairs that are not
        ("SIP:ALICE@AtLanTa.CoM;Transport=udp", "sip:alice@AtLanTa.CoM;Transport=UDP"),
        ("sip:bob@biloxi.com", "sip:bob@biloxi.com:5060"),
        ("sip:bob@biloxi.com", "sip:bob@biloxi.com;transport=udp"),
        ("sip:bob@biloxi.com", "sip:bob@biloxi.com:6000;transport=tcp"),
        ("sip:carol@chicago.com", "sip:carol@chicago.com?Subject=next%20meeting"),
        ("sip:bob@phone21.boxesbybob.com", "sip:bob@192.0.2.4"),
        ("sip:bob@biloxi.com;security=on", "sip:bob@biloxi.com;security=off"),
        ("sip:bob@biloxi.com", "sips:bob@biloxi.com"),
        ("sip:bob@biloxi.com", "sip:biloxi.com"),
        ("sip:bob@[2001:db8::9:1]", "sip:bob@[2001:db8::9:2]"),
        ("sip:bob@[::ffff:192.0.2.1]", "sip:bob@192.0.2.1"),
    ],
)
def test_not_equivalent(one: str, other: str) -> None:
    assert not Uri.parse(one).is_equivalent(Uri.parse(other))


@pytest.mark.parametrize(
    ("text", "name", "uri", "params"),
    [
        ("<sip:a@b>", "", "sip:a@b", {}),
        ("sip:a@b;tag=1", "", "sip:a@b", {"tag": "1"}),
        ("<sip:a@b;lr>;tag=1", "", "sip:a@b;lr", {"tag": "1"}),
        ("Ali Veli <sip:a@b>", "Ali Veli", "sip:a@b", {}),
        ("Müşteri <sip:a@b> ; tag = x", "Müşteri", "sip:a@b", {"tag": "x"}),
        ('"a \\"b\\" \\\\, <sip:x>"<sip:a@b>', 'a "b" \\, <sip:x>', "sip:a@b", {}),
        ('"" <sip:a@b>', "", "sip:a@b", {}),
        ('<sip:a@b>;x="quoted; semi";y', "", "sip:a@b", {"x": '"quoted; semi"', "y": None}),
    ],
)
def test_name_addr(text: str, name: str, uri: str, params: dict[str, str | None]) -> None:
    value = NameAddr.parse(text)
    assert (value.display_name, str(value.uri), value.params) == (name, uri, params)
    assert NameAddr.parse(str(value)) == value


def test_name_addr_is_changed_by_copies() -> None:
    value = NameAddr.parse("Ali <sip:a@b>;tag=1;x=2")
    assert value.with_params(tag="3").params == {"tag": "3", "x": "2"}
    assert value.tag == "1"


@pytest.mark.parametrize("params", [";x" * 40, ';x="a"b', ";x=a b", ";=1", ";x=1;X=2", "x"])
def test_bad_parameters(params: str) -> None:
    with pytest.raises(SipParseError):
        NameAddr.parse(f"<sip:a@b>{params}")


def test_long_values_are_parsed_without_being_kept() -> None:
    long = "n" * 1000
    assert NameAddr.parse(f"{long} <sip:{long}@b>").display_name == long
    assert Via.parse(f"SIP/2.0/UDP h;branch={long}").branch == long


@pytest.mark.parametrize(
    ("text", "sent_by"),
    [
        ("SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKx", "192.0.2.1:5060"),
        ("SIP / 2.0 / TCP  Host.Example : 5070 ; branch = z9hG4bKx", "host.example:5070"),
        ("SIP/2.0/TLS [2001:DB8::1]:5061;branch=z9hG4bKx;received=2001:db8::9", "2001:db8::1:5061"),
        ("SIP/2.0/UNKNOWN t_under_score;branch=z9hG4bKx;rport", "t_under_score:5060"),
    ],
)
def test_via(text: str, sent_by: str) -> None:
    via = Via.parse(text)
    assert (via.sent_by, via.branch) == (sent_by, "z9hG4bKx")
    assert Via.parse(str(via)) == via


def test_cseq() -> None:
    assert str(CSeq.parse(" 0009 INVITE".strip())) == "9 INVITE"
    for text in (
        "",
        "1",
        "INVITE 1",
        "1 INV ITE",
        "1 IN@ITE",
        "9999999999999 INVITE",
        "+1 INVITE",
        "١ INVITE",
    ):
        with pytest.raises(SipParseError):
            CSeq.parse(text)
