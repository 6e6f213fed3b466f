"""Digest authentication (RFC 3261 22, RFC 7616, RFC 8760): MD5 and SHA-256 with qop=auth, both sides.

Server: nonces are not stored when issued. A nonce is its time of issue and some chance, signed with a key
of ours, so any number of challenges cost no memory. Only a nonce that was used successfully gets an entry,
for the counts (nc) seen with it; the table is bounded, and when it is full the oldest entry goes and every
nonce issued up to its time counts as stale. The peer then gets a new nonce and repeats, which costs a round
trip and refuses nobody.

Passwords are never kept: `DigestSecret` holds what RFC 7616 calls H(A1), one for each algorithm.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Sequence
from typing import Literal

import msgspec

from gateways.sip.errors import SipParseError
from gateways.sip.message import Request, Response
from gateways.sip.scan import quote, quoted_end, split_list, unquote
from gateways.sip.uri import Uri

Algorithm = Literal["SHA-256", "MD5"]
_HASHES = {"MD5": "md5", "SHA-256": "sha256"}
_PREFERENCE = ("SHA-256", "MD5")  # of a client, the best first
_WINDOW = 64  # requests over UDP overtake each other: so many counts below the highest are still good once


def _hash(algorithm: str, text: str) -> str:
    return hashlib.new(_HASHES[algorithm], text.encode(), usedforsecurity=False).hexdigest()


def digest_response(
    algorithm: str, ha1: str, method: str, uri: str, nonce: str, *, nc: str, cnonce: str, qop: str = "auth"
) -> str:
    """RFC 7616 3.4.1; with an empty `qop`, as RFC 2069 had it (only a client of ours meets that)."""
    ha2 = _hash(algorithm, f"{method}:{uri}")
    if not qop:
        return _hash(algorithm, f"{ha1}:{nonce}:{ha2}")
    return _hash(algorithm, f"{ha1}:{nonce}:{nc}:{cnonce}:{qop}:{ha2}")


class DigestSecret(msgspec.Struct, frozen=True):
    """What proves a user in one realm: H(username:realm:password) for each algorithm; empty: not known."""

    md5: str = ""
    sha256: str = ""

    @classmethod
    def from_password(cls, username: str, realm: str, password: str) -> DigestSecret:
        """Compute what is kept instead of the password."""
        text = f"{username}:{realm}:{password}"
        return cls(_hash("MD5", text), _hash("SHA-256", text))

    def ha1(self, algorithm: str) -> str:
        """The hash for this algorithm, or an empty string."""
        return self.sha256 if algorithm == "SHA-256" else self.md5

    def __repr__(self) -> str:
        """It is as good as a password: never shown."""
        return "DigestSecret(...)"


class Granted(msgspec.Struct, frozen=True):
    """The request proves this user."""

    username: str


class Refused(msgspec.Struct, frozen=True):
    """The request proves nobody. Answer 401 with a new challenge that says whether the old nonce was just `stale`."""

    reason: Literal["no-credentials", "malformed", "stale", "unknown-user", "wrong-response"]
    stale: bool = False
    username: str = ""  # as claimed


class _Uses:
    """Counts seen with one nonce."""

    __slots__ = ("highest", "issued_ms", "seen")

    def __init__(self, issued_ms: int) -> None:
        self.issued_ms = issued_ms
        self.highest = 0
        self.seen = 0  # bit i: count `highest - i` was seen

    def use(self, count: int) -> bool:
        """False: this count was seen, or is too old to know."""
        if count > self.highest:
            self.seen = ((self.seen << min(count - self.highest, _WINDOW)) | 1) & ((1 << _WINDOW) - 1)
            self.highest = count
            return True
        bit = 1 << (self.highest - count) if self.highest - count < _WINDOW else 0
        if not bit or self.seen & bit:
            return False
        self.seen |= bit
        return True


class Challenger:
    """The server side for one realm. `key` signs nonces; processes that share users share it."""

    def __init__(
        self,
        realm: str,
        key: bytes,
        token: Callable[[int], str],
        *,
        algorithms: Sequence[Algorithm] = ("SHA-256", "MD5"),
        nonce_lifetime_ms: int = 300_000,
        nonces_max: int = 50_000,
    ) -> None:
        self.realm = realm
        self._key = key
        self._token = token
        self._algorithms = tuple(algorithms)
        self._lifetime_ms = nonce_lifetime_ms
        self._nonces_max = nonces_max
        self._used: dict[str, _Uses] = {}  # by time of first use
        self._stale_until_ms = -1  # nonces issued up to then and not in the table are taken as used

    def challenge(
        self,
        now_ms: int,
        *,
        stale: bool = False,
        algorithms: Sequence[Algorithm] | None = None,
        peer: str = "",
    ) -> list[tuple[str, str]]:
        """Header fields for a 401: one for each algorithm, the best first (RFC 8760 2.4).

        `algorithms` narrows the choice for a user agent that stumbles over ones it does not know. The nonce is worth
        something only to `peer`, the host it goes to: one who forges that host as a source never sees it.
        """
        nonce = self._new_nonce(now_ms, peer)
        return [
            (
                "WWW-Authenticate",
                f'Digest realm={quote(self.realm)}, nonce="{nonce}", algorithm={algorithm}, qop="auth"'
                + (", stale=true" if stale else ""),
            )
            for algorithm in algorithms or self._algorithms
        ]

    def verify(
        self, request: Request, lookup: Callable[[str], DigestSecret | None], now_ms: int, *, peer: str = ""
    ) -> Granted | Refused:
        """Check the request's Authorization. `lookup` gives the secret of a user name, None when there is none.

        `unknown-user` and `wrong-response` are said only of a nonce that was issued to `peer`: those are guesses.
        """
        try:
            credentials = self._own_credentials(request)
            if credentials is None:
                return Refused("no-credentials")
            username = credentials["username"]
            algorithm = credentials.get("algorithm", "MD5").upper()
            nonce, nc, cnonce = credentials["nonce"], credentials["nc"], credentials["cnonce"]
            uri, given = credentials["uri"], credentials["response"]
            # RFC 3261 22.4 (8): who is offered qop must use it.
            usable = (
                credentials["qop"] == "auth" and algorithm in self._algorithms and len(nc) == 8 and cnonce
            )
            count = int(nc, 16)
        except (SipParseError, KeyError, ValueError):
            return Refused("malformed")
        if not usable or count < 1 or not _same_resource(request, uri):
            return Refused("malformed", username=username)
        issued_ms = self._issued_ms(nonce, peer)
        if issued_ms is None or not now_ms - self._lifetime_ms < issued_ms <= now_ms:
            return Refused("stale", stale=True, username=username)
        secret = lookup(username)
        ha1 = secret.ha1(algorithm) if secret is not None else ""
        # An unknown user costs the same time as a wrong password.
        expected = digest_response(algorithm, ha1, request.method, uri, nonce, nc=nc, cnonce=cnonce)
        matches = hmac.compare_digest(expected.encode(), given.lower().encode())
        if not ha1:
            return Refused("unknown-user", username=username)
        if not matches:
            return Refused("wrong-response", username=username)
        if not self._use(nonce, issued_ms, count, now_ms):
            return Refused("stale", stale=True, username=username)
        return Granted(username)

    def named(self, request: Request) -> str:
        """Whose credentials for our realm the request carries, right or wrong; empty when there are none to be read."""
        try:
            return (self._own_credentials(request) or {}).get("username", "")
        except SipParseError:
            return ""

    def _own_credentials(self, request: Request) -> dict[str, str] | None:
        """The Authorization for our realm; a request may carry several (RFC 3261 22.3)."""
        for value in request.get_all("Authorization"):
            scheme, params = parse_auth(value, "Authorization")
            if scheme == "digest" and params.get("realm") == self.realm:
                return params
        return None

    # Nonces

    def _new_nonce(self, now_ms: int, peer: str) -> str:
        body = f"{now_ms:x}-{self._token(12)}"
        return f"{body}-{self._sign(body, peer)}"

    def _sign(self, body: str, peer: str) -> str:
        return hmac.new(self._key, f"{self.realm}\n{peer}\n{body}".encode(), hashlib.sha256).hexdigest()[:32]

    def _issued_ms(self, nonce: str, peer: str) -> int | None:
        """When we issued this nonce to that peer; None: we did not."""
        body, _, signature = nonce.rpartition("-")
        if not hmac.compare_digest(self._sign(body, peer).encode(), signature.encode()):
            return None
        return int(body.partition("-")[0], 16)

    def _use(self, nonce: str, issued_ms: int, count: int, now_ms: int) -> bool:
        uses = self._used.get(nonce)
        if uses is None:
            if issued_ms <= self._stale_until_ms:
                return False
            self._make_room(now_ms)
            uses = self._used[nonce] = _Uses(issued_ms)
        return uses.use(count)

    def _make_room(self, now_ms: int) -> None:
        """Forget nonces that expired; and the oldest when the table is full."""
        while self._used:
            oldest, uses = next(iter(self._used.items()))
            expired = uses.issued_ms <= now_ms - self._lifetime_ms
            if not expired:
                if len(self._used) < self._nonces_max:
                    return
                self._stale_until_ms = max(self._stale_until_ms, uses.issued_ms)
            del self._used[oldest]


def _same_resource(request: Request, digest_uri: str) -> bool:
    """RFC 7616 3.4.6: the digest is for this request's resource; proxies and phones may differ in the parameters."""
    try:
        uri = Uri.parse(digest_uri)
    except SipParseError:
        return False
    mine = request.request_uri
    return uri.user_text == mine.user_text and uri.host.lower() == mine.host.lower()


def parse_auth(value: str, where: str) -> tuple[str, dict[str, str]]:
    """Scheme in lower case, and the parameters of a digest without their quotes."""
    scheme, _, rest = value.partition(" ")
    params: dict[str, str] = {}
    if scheme.lower() != "digest":
        return scheme.lower(), params  # another scheme has a grammar of its own
    for element in split_list(rest.strip(" \t"), where):
        name, equals, text = element.partition("=")
        name, text = name.strip(" \t").lower(), text.strip(" \t")
        if not equals or not name or name in params:
            raise SipParseError("bad parameter", where)
        if text.startswith('"'):
            if quoted_end(text, 0, where) != len(text):
                raise SipParseError("text after a quoted value", where)
            text = unquote(text)
        params[name] = text
    return scheme.lower(), params


class DigestClient:
    """The client side: answers challenges of trunks and exchanges with what proves one user.

    That is a `DigestSecret`, which is worth something in its `realm` only, or (for who has nothing else) a password.
    """

    def __init__(
        self, username: str, secret: DigestSecret | str, token: Callable[[int], str], *, realm: str = ""
    ) -> None:
        self.username = username
        self._secret = secret
        self._realm = realm
        self._token = token

    def _ha1(self, realm: str, algorithm: str) -> str:
        """What answers this realm by this algorithm, or an empty string."""
        if isinstance(self._secret, str):
            return DigestSecret.from_password(self.username, realm, self._secret).ha1(algorithm)
        return self._secret.ha1(algorithm) if realm == self._realm else ""

    def answer(self, request: Request, response: Response) -> Request | None:
        """The request again, with credentials and the next CSeq, for a 401 or 407; None: it is no use.

        A challenge that comes back for the same realm, not because of a stale nonce, means a wrong password.
        """
        if response.status == 401:
            challenge_name, answer_name = "WWW-Authenticate", "Authorization"
        elif response.status == 407:
            challenge_name, answer_name = "Proxy-Authenticate", "Proxy-Authorization"
        else:
            return None
        try:
            challenge = self._choose(response.get_all(challenge_name), challenge_name)
            if challenge is None:
                return None
            tried = [parse_auth(value, answer_name)[1].get("realm") for value in request.get_all(answer_name)]
        except SipParseError:
            return None
        if challenge["realm"] in tried and challenge.get("stale", "").lower() != "true":
            return None
        again = request.copy()
        again.remove("Via")
        _drop_credentials(again, answer_name, challenge["realm"])
        again.set("CSeq", f"{request.cseq.number + 1} {request.method}")
        again.add(answer_name, self._credentials(again, challenge))
        return again

    def _choose(self, challenges: list[str], where: str) -> dict[str, str] | None:
        """The one with the best algorithm that we can answer.

        RFC 8760 2.3 would take the topmost, unless local policy says otherwise: ours is that no server, and nobody
        between, talks us into the weaker one.
        """
        best: dict[str, str] | None = None
        for value in challenges:
            scheme, params = parse_auth(value, where)
            qops = [qop.strip().lower() for qop in params.get("qop", "auth").split(",")]
            if scheme != "digest" or "realm" not in params or "nonce" not in params or "auth" not in qops:
                continue
            algorithm = params.get("algorithm", "MD5").upper()
            if algorithm not in _PREFERENCE or not self._ha1(params["realm"], algorithm):
                continue
            if best is None or _PREFERENCE.index(algorithm) < _PREFERENCE.index(_algorithm(best)):
                best = params
        return best

    def _credentials(self, request: Request, challenge: dict[str, str]) -> str:
        algorithm = _algorithm(challenge)
        realm, nonce = challenge["realm"], challenge["nonce"]
        qop = "auth" if "qop" in challenge else ""
        cnonce, nc = self._token(16), "00000001"  # a challenge is answered once, so its nonce is used once
        answer = digest_response(
            algorithm,
            self._ha1(realm, algorithm),
            request.method,
            request.uri,
            nonce,
            nc=nc,
            cnonce=cnonce,
            qop=qop,
        )
        out = (
            f"Digest username={quote(self.username)}, realm={quote(realm)}, nonce={quote(nonce)}, "
            f'uri="{request.uri}", response="{answer}", algorithm={algorithm}'
        )
        if "opaque" in challenge:
            out += f", opaque={quote(challenge['opaque'])}"
        return f'{out}, qop=auth, nc={nc}, cnonce="{cnonce}"' if qop else out


def _algorithm(challenge: dict[str, str]) -> str:
    """RFC 7616 3.3: MD5 when it does not say."""
    return challenge.get("algorithm", "MD5").upper()


def _drop_credentials(request: Request, name: str, realm: str) -> None:
    """Remove the credentials for this realm that were no good; others stay."""
    kept = [value for value in request.get_all(name) if parse_auth(value, name)[1].get("realm") != realm]
    request.remove(name)
    for value in kept:
        request.add(name, value)
