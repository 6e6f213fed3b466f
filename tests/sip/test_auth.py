"""Digest authentication (RFC 2617, 7616, 8760, RFC 3261 22), with the RFCs' own examples."""

from __future__ import annotations

import pytest

from gateways.sip.auth import (
    Challenger,
    DigestClient,
    DigestSecret,
    Granted,
    Refused,
    digest_response,
    parse_auth,
)
from gateways.sip.build import respond
from gateways.sip.errors import SipParseError
from gateways.sip.message import Request
from tests.sip.support import Tokens, request, wire_request

REALM = "santral"
SECRET = DigestSecret.from_password("ayse", REALM, "s3cret")


def lookup(username: str) -> DigestSecret | None:
    return SECRET if username == "ayse" else None


def challenger(**options: object) -> Challenger:
    return Challenger(REALM, b"key", Tokens("n"), **options)  # type: ignore[arg-type]


def client(username: str = "ayse", password: str = "s3cret") -> DigestClient:
    return DigestClient(username, password, Tokens("c"))


def challenged(
    server: Challenger, asked: Request, now_ms: int, *, stale: bool = False, who: DigestClient | None = None
) -> Request:
    """The request with credentials for a fresh challenge."""
    response = respond(asked, 401, headers=server.challenge(now_ms, stale=stale))
    answered = (who or client()).answer(asked, response)
    assert answered is not None
    return answered


def test_a_nonce_is_worth_something_only_to_the_host_it_went_to() -> None:
    server = challenger()
    asked = register()
    answered = client().answer(asked, respond(asked, 401, headers=server.challenge(0, peer="192.0.2.1")))
    assert answered is not None
    guess = client(password="guess").answer(
        asked, respond(asked, 401, headers=server.challenge(0, peer="192.0.2.9"))
    )
    assert guess is not None
    assert server.verify(guess, lookup, 10, peer="192.0.2.1") == Refused("stale", stale=True, username="ayse")
    assert server.verify(guess, lookup, 10, peer="192.0.2.9") == Refused("wrong-response", username="ayse")
    assert server.verify(answered, lookup, 10, peer="192.0.2.1") == Granted("ayse")


def register() -> Request:
    return wire_request("REGISTER")


def test_example_of_rfc_2617() -> None:
    """3.5"""
    secret = DigestSecret.from_password("Mufasa", "testrealm@host.com", "Circle Of Life")
    assert secret.md5 == "939e7578ed9e3c518a452acee763bce9"
    answer = digest_response(
        "MD5",
        secret.md5,
        "GET",
        "/dir/index.html",
        "dcd98b7102dd2f0e8b11d0f600bfb0c093",
        nc="00000001",
        cnonce="0a4f113b",
    )
    assert answer == "6629fae49393a05397450978507c4ef1"


@pytest.mark.parametrize(
    ("algorithm", "expected"),
    [
        ("MD5", "8ca523f5e9506fed4657c9700eebdbec"),
        ("SHA-256", "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"),
    ],
)
def test_example_of_rfc_7616(algorithm: str, expected: str) -> None:
    """3.9.1"""
    secret = DigestSecret.from_password("Mufasa", "http-auth@example.org", "Circle of Life")
    answer = digest_response(
        algorithm,
        secret.ha1(algorithm),
        "GET",
        "/dir/index.html",
        "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v",
        nc="00000001",
        cnonce="f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ",
    )
    assert answer == expected


def test_digest_without_qop() -> None:
    """RFC 2069, which a client of ours still meets; the example with its corrected result."""
    secret = DigestSecret.from_password("Mufasa", "testrealm@host.com", "CircleOfLife")
    answer = digest_response(
        "MD5",
        secret.md5,
        "GET",
        "/dir/index.html",
        "dcd98b7102dd2f0e8b11d0f600bfb0c093",
        nc="",
        cnonce="",
        qop="",
    )
    assert answer == "1949323746fe6a43ef61f9606e7febea"


def test_secret_is_not_shown() -> None:
    assert repr(SECRET) == "DigestSecret(...)"
    assert SECRET.md5 not in f"{SECRET}"


def test_challenge() -> None:
    """RFC 8760 2.4: one field for each algorithm, the best first"""
    fields = challenger().challenge(1000, stale=True)
    assert [name for name, _ in fields] == ["WWW-Authenticate", "WWW-Authenticate"]
    parsed = [parse_auth(value, "x")[1] for _, value in fields]
    assert [params["algorithm"] for params in parsed] == ["SHA-256", "MD5"]
    for params in parsed:
        assert (params["realm"], params["qop"], params["stale"]) == (REALM, "auth", "true")
    only = challenger().challenge(1000, algorithms=["MD5"])
    assert len(only) == 1
    assert "stale" not in only[0][1]


@pytest.mark.parametrize("algorithms", [("SHA-256", "MD5"), ("MD5",), ("SHA-256",)])
def test_right_password(algorithms: tuple[str, ...]) -> None:
    server = challenger(algorithms=algorithms)
    assert server.verify(register(), lookup, 0) == Refused("no-credentials")
    answered = challenged(server, register(), 1000)
    assert f"algorithm={algorithms[0]}" in (answered.get("Authorization") or "")
    assert server.verify(answered, lookup, 1100) == Granted("ayse")


def test_wrong_password_and_unknown_user() -> None:
    server = challenger()
    wrong = challenged(server, register(), 0, who=client(password="guess"))
    assert server.verify(wrong, lookup, 0) == Refused("wrong-response", username="ayse")
    unknown = challenged(server, register(), 0, who=client(username="nobody"))
    assert server.verify(unknown, lookup, 0) == Refused("unknown-user", username="nobody")


def test_secret_for_one_algorithm_only() -> None:
    server = challenger()
    answered = challenged(server, register(), 0)
    half = DigestSecret(md5=SECRET.md5)
    assert server.verify(answered, lambda _: half, 0) == Refused("unknown-user", username="ayse")


def test_nonce_expires() -> None:
    server = challenger(nonce_lifetime_ms=60_000)
    answered = challenged(server, register(), 1000)
    assert server.verify(answered, lookup, 60_999) == Granted("ayse")
    late = challenged(server, register(), 1000)
    assert server.verify(late, lookup, 61_000) == Refused("stale", stale=True, username="ayse")


def test_client_answers_a_stale_nonce_but_not_a_second_refusal() -> None:
    server = challenger()
    first = challenged(server, register(), 0)
    stale = respond(first, 401, headers=server.challenge(400_000, stale=True))
    second = client().answer(first, stale)
    assert second is not None
    assert len(second.get_all("Authorization")) == 1
    assert server.verify(second, lookup, 400_100) == Granted("ayse")
    again = respond(second, 401, headers=server.challenge(400_200))
    assert client().answer(second, again) is None


def test_nonce_of_somebody_else() -> None:
    other = Challenger(REALM, b"other key", Tokens("o"))
    answered = challenged(other, register(), 0)
    assert challenger().verify(answered, lookup, 10) == Refused("stale", stale=True, username="ayse")


def test_nonce_from_the_future() -> None:
    """After a restart the clock may begin anew with the same key."""
    server = challenger()
    answered = challenged(server, register(), 5000)
    assert server.verify(answered, lookup, 4000) == Refused("stale", stale=True, username="ayse")


def with_count(answered: Request, count: int, *, method: str | None = None) -> Request:
    """The same nonce used once more, as a client that keeps it would."""
    params = parse_auth(answered.get("Authorization") or "", "x")[1]
    nc = f"{count:08x}"
    value = digest_response(
        params["algorithm"],
        SECRET.ha1(params["algorithm"]),
        method or answered.method,
        params["uri"],
        params["nonce"],
        nc=nc,
        cnonce="again",
    )
    twin = answered.copy()
    twin.set(
        "Authorization",
        f'Digest username="ayse", realm="{REALM}", nonce="{params["nonce"]}", uri="{params["uri"]}", '
        f'response="{value}", algorithm={params["algorithm"]}, qop=auth, nc={nc}, cnonce="again"',
    )
    return twin


def test_nothing_is_accepted_twice() -> None:
    """RFC 7616 3.4.5: the count tells replays"""
    server = challenger()
    answered = challenged(server, register(), 0)
    assert server.verify(answered, lookup, 10) == Granted("ayse")
    assert server.verify(answered, lookup, 20) == Refused("stale", stale=True, username="ayse")
    assert server.verify(with_count(answered, 2), lookup, 30) == Granted("ayse")
    assert server.verify(with_count(answered, 2), lookup, 40) == Refused("stale", stale=True, username="ayse")


def test_requests_that_overtake_each_other_are_accepted_once() -> None:
    server = challenger()
    answered = challenged(server, register(), 0)
    accepted = [
        isinstance(server.verify(with_count(answered, count), lookup, 10), Granted)
        for count in (5, 3, 100, 99, 5, 3, 37, 36, 100, 4)
    ]
    assert accepted == [True, True, True, True, False, False, True, False, False, False]


def test_count_zero_is_malformed() -> None:
    server = challenger()
    answered = challenged(server, register(), 0)
    assert server.verify(with_count(answered, 0), lookup, 10) == Refused("malformed", username="ayse")


def test_full_table_of_nonces_makes_old_ones_stale_and_nothing_twice() -> None:
    server = challenger(nonces_max=3)
    answered = [challenged(server, register(), 1000 * number) for number in range(5)]
    for request_ in answered[:4]:
        assert server.verify(request_, lookup, 5000) == Granted("ayse")
    assert server.verify(answered[0], lookup, 5000) == Refused("stale", stale=True, username="ayse")
    assert server.verify(with_count(answered[0], 9), lookup, 5000) == Refused(
        "stale", stale=True, username="ayse"
    )
    assert server.verify(with_count(answered[2], 9), lookup, 5000) == Granted("ayse")
    assert server.verify(answered[4], lookup, 5000) == Granted("ayse")
    assert len(server._used) == 3


def test_expired_nonces_leave_the_table() -> None:
    server = challenger(nonce_lifetime_ms=1000)
    for number in range(20):
        now_ms = 2000 * number
        assert server.verify(challenged(server, register(), now_ms), lookup, now_ms) == Granted("ayse")
    assert len(server._used) == 1


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("qop=auth", "qop=auth-int"),
        ("qop=auth, ", ""),
        ("nc=00000001", "nc=1"),
        ("nc=00000001", "nc=0000000g"),
        ("nc=00000001, ", ""),
        ("algorithm=SHA-256", "algorithm=MD5-sess"),
        ('uri="sip:185@192.0.2.2"', 'uri="sip:186@192.0.2.2"'),
        ('uri="sip:185@192.0.2.2"', 'uri="185"'),
        ("username=", "user="),
        ("response=", "answer="),
        ('cnonce="', 'cnonce=""; x="'),
        ("Digest ", "Digest , "),
    ],
)
def test_malformed_credentials(old: str, new: str) -> None:
    server = challenger()
    answered = challenged(server, register(), 0)
    value = answered.get("Authorization") or ""
    assert old in value
    answered.set("Authorization", value.replace(old, new))
    outcome = server.verify(answered, lookup, 10)
    assert isinstance(outcome, Refused)
    assert outcome.reason == "malformed"
    assert not outcome.stale


def test_credentials_for_others_are_passed_over() -> None:
    server = challenger()
    answered = register()
    answered.add("Authorization", 'Digest realm="elsewhere", username="x"')
    answered.add("Authorization", "Basic YTpi")
    assert server.verify(answered, lookup, 0) == Refused("no-credentials")
    mine = challenged(server, register(), 0).get("Authorization") or ""
    answered.add("Authorization", mine)
    assert server.verify(answered, lookup, 0) == Granted("ayse")


def test_digest_is_for_one_method() -> None:
    server = challenger()
    stolen = with_count(challenged(server, register(), 0), 2, method="INVITE")
    assert server.verify(stolen, lookup, 10) == Refused("wrong-response", username="ayse")


def test_proxy_challenge_is_answered_in_its_own_header() -> None:
    invite = request()
    value = 'Digest realm="trunk", nonce="abc", algorithm=MD5, qop="auth,auth-int", opaque="o\\"p"'
    response = respond(wire_request(), 407, headers=[("Proxy-Authenticate", value)])
    answered = client().answer(invite, response)
    assert answered is not None
    scheme, params = parse_auth(answered.get("Proxy-Authorization") or "", "x")
    assert (scheme, params["realm"], params["opaque"], params["qop"]) == ("digest", "trunk", 'o"p', "auth")
    assert str(answered.cseq) == "2 INVITE", "RFC 3261 22.2"
    assert answered.get("Via") is None
    assert answered.call_id == invite.call_id
    assert params["response"] == digest_response(
        "MD5",
        DigestSecret.from_password("ayse", "trunk", "s3cret").md5,
        "INVITE",
        invite.uri,
        "abc",
        nc="00000001",
        cnonce=params["cnonce"],
    )


def test_credentials_for_another_realm_go_along() -> None:
    """RFC 3261 22.3: a request may pass several that challenge it"""
    first = Challenger("one", b"1", Tokens("a"))
    second = Challenger("two", b"2", Tokens("b"))
    asked = challenged(first, register(), 0)
    answered = client().answer(asked, respond(asked, 401, headers=second.challenge(0)))
    assert answered is not None
    realms = [parse_auth(value, "x")[1]["realm"] for value in answered.get_all("Authorization")]
    assert realms == ["one", "two"]


def test_client_takes_the_best_challenge_it_can_answer() -> None:
    """Not the first (RFC 8760 2.3 lets local policy say so): who is between could put the weaker one there"""
    values = [
        'Digest realm="t", nonce="1", algorithm=SHA-512-256, qop="auth"',
        'Basic realm="t"',
        'Digest realm="t", nonce="2", algorithm=SHA-256, qop="auth-int"',
        'Digest realm="t", nonce="3"',
        'Digest realm="t", nonce="4", algorithm=SHA-256, qop="auth"',
    ]
    headers = [("WWW-Authenticate", value) for value in values]
    answered = client().answer(request(), respond(wire_request(), 401, headers=headers))
    assert answered is not None
    params = parse_auth(answered.get("Authorization") or "", "x")[1]
    assert (params["nonce"], params["algorithm"]) == ("4", "SHA-256")
    without = respond(wire_request(), 401, headers=headers[:4])
    answered = client().answer(request(), without)
    assert answered is not None
    params = parse_auth(answered.get("Authorization") or "", "x")[1]
    assert params["nonce"] == "3"
    assert "qop" not in params
    assert "cnonce" not in params


@pytest.mark.parametrize(
    ("secret", "algorithm"),
    [
        (SECRET, "SHA-256"),
        (DigestSecret(md5=SECRET.md5), "MD5"),
        (DigestSecret(sha256=SECRET.sha256), "SHA-256"),
    ],
)
def test_client_answers_with_hashes_alone(secret: DigestSecret, algorithm: str) -> None:
    """RFC 7616: H(A1) is all it takes, for each algorithm its own"""
    server = challenger()
    who = DigestClient("ayse", secret, Tokens("c"), realm=REALM)
    answered = challenged(server, register(), 0, who=who)
    assert parse_auth(answered.get("Authorization") or "", "x")[1]["algorithm"] == algorithm
    assert server.verify(answered, lookup, 10) == Granted("ayse")


def test_hashes_are_worth_something_in_their_realm_only() -> None:
    asked = register()
    response = respond(asked, 401, headers=challenger().challenge(0))
    assert DigestClient("ayse", SECRET, Tokens("c"), realm="elsewhere").answer(asked, response) is None
    md5 = DigestClient("ayse", DigestSecret(md5=SECRET.md5), Tokens("c"), realm=REALM)
    only_sha = respond(asked, 401, headers=challenger(algorithms=["SHA-256"]).challenge(0))
    assert md5.answer(asked, only_sha) is None


@pytest.mark.parametrize(
    ("status", "headers"),
    [
        (403, []),
        (401, []),
        (401, [("Proxy-Authenticate", 'Digest realm="t", nonce="1"')]),
        (401, [("WWW-Authenticate", 'Digest realm="t')]),
        (401, [("WWW-Authenticate", 'Digest realm="t", nonce="1", algorithm=SHA-512-256')]),
    ],
)
def test_client_gives_up(status: int, headers: list[tuple[str, str]]) -> None:
    assert client().answer(request(), respond(wire_request(), status, headers=headers)) is None


@pytest.mark.parametrize("text", ["Digest", "Digest a", "Digest a=1, a=2", 'Digest a="1"x', 'Digest a="1'])
def test_bad_parameters(text: str) -> None:
    with pytest.raises(SipParseError):
        parse_auth(text, "Authorization")
