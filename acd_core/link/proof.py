"""Both ends of a link between machines prove that they hold the same secret, before either says anything else.

TLS keeps others from reading, and tells the client that it speaks with the core; that the client may speak at all, the secret
tells. It is never sent: each side answers the other's fresh number with an HMAC over both numbers and over the TLS handshake that
they have in common (its `tls-unique` value, RFC 5929 3: the client's Finished message, which in TLS 1.3 covers all of the
handshake). An answer is therefore of no use on any other connection, neither later nor to somebody in between. The client answers
first, so that who has no secret learns nothing, not even an HMAC to guess at.

All lengths are fixed: what a stranger can make the core keep is `ANSWER_BYTES`.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets

from acd_core.link.session import LinkError

_PREAMBLE = b"santral link 1\n"
_NUMBER_BYTES = 32
_MAC_BYTES = hashlib.sha256().digest_size
_CLIENT, _SERVER = b"client", b"server"

CHALLENGE_BYTES = len(_PREAMBLE) + _NUMBER_BYTES
ANSWER_BYTES = _NUMBER_BYTES + _MAC_BYTES
VERDICT_BYTES = _MAC_BYTES
REFUSED = bytes(VERDICT_BYTES)


class UnprovenError(LinkError):
    """The other side doesn't hold the secret."""


def _proof(secret: bytes, who: bytes, binding: bytes, servers: bytes, clients: bytes) -> bytes:
    """`who` makes a server's proof none of a client's, so nobody can be made to answer their own question."""
    told = b"".join((_PREAMBLE, who, bytes([len(binding)]), binding, servers, clients))
    return hmac.digest(secret, told, "sha256")


class ServerProof:
    """The core's side of one connection: `challenge` goes out, `judge` takes the answer."""

    def __init__(self, secret: bytes, binding: bytes) -> None:
        """`binding`: what only this connection's two ends have in common."""
        self._secret, self._binding = secret, binding
        self._number = secrets.token_bytes(_NUMBER_BYTES)
        self.challenge = _PREAMBLE + self._number

    def judge(self, answer: bytes) -> bytes:
        """Our own proof, for a client that gave its own; raises `UnprovenError`, and then `REFUSED` is the answer."""
        clients, mac = answer[:_NUMBER_BYTES], answer[_NUMBER_BYTES:]
        wanted = _proof(self._secret, _CLIENT, self._binding, self._number, clients)
        if not hmac.compare_digest(mac, wanted):
            raise UnprovenError("does not have the key of this link")
        return _proof(self._secret, _SERVER, self._binding, self._number, clients)


class ClientProof:
    """The side of the other machine: `answer` takes the challenge, `judge` what the core said to it."""

    def __init__(self, secret: bytes, binding: bytes) -> None:
        """`binding`: what only this connection's two ends have in common."""
        self._secret, self._binding = secret, binding
        self._number = secrets.token_bytes(_NUMBER_BYTES)
        self._theirs = b""

    def answer(self, challenge: bytes) -> bytes:
        """Our proof; raises `LinkError` when no core asked for it."""
        if not challenge.startswith(_PREAMBLE):
            raise LinkError("what answers there is no core of this version")
        self._theirs = challenge[len(_PREAMBLE) :]
        return self._number + _proof(self._secret, _CLIENT, self._binding, self._theirs, self._number)

    def judge(self, verdict: bytes) -> None:
        """Raises `UnprovenError` when the core refused ours, or can't prove itself."""
        if verdict == REFUSED:
            raise UnprovenError("the core has another key; copy its data_dir/link/secret")
        wanted = _proof(self._secret, _SERVER, self._binding, self._theirs, self._number)
        if not hmac.compare_digest(verdict, wanted):
            raise UnprovenError("what answers there does not have the key of this link")
