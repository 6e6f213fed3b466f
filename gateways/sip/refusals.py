"""Answers without a transaction, to what is refused (RFC 3261 8.2.7).

A copy of the request is refused again in the same words, with the same tag; nothing is remembered.
"""

from __future__ import annotations

import hashlib

from gateways.sip.admission import Refusal
from gateways.sip.build import respond
from gateways.sip.errors import SipParseError
from gateways.sip.events import Address, Refused, Send
from gateways.sip.matching import reply_addresses
from gateways.sip.message import Request
from gateways.sip.transaction import Environment

_TAG_BYTES = 8


class Refusals:
    """Those of one layer."""

    def __init__(self, env: Environment, secret: bytes) -> None:
        """`secret`: what nobody can guess, for the tags."""
        self._env, self._secret = env, secret

    def tag(self, request: Request) -> str:
        """RFC 3261 8.2.7: the same for every copy of the request, and not to be guessed."""
        seed = f"{request.get('Call-ID')}\n{request.get('CSeq')}\n{request.via.branch}".encode()
        return hashlib.blake2s(seed, key=self._secret, digest_size=_TAG_BYTES).hexdigest()

    def refuse(self, request: Request, refusal: Refusal, source: Address, *, told: str = "") -> None:
        """Answer without a transaction; `told`: to our own logs, in place of the reason."""
        response = respond(request, refusal.status, refusal.reason, headers=refusal.headers)
        try:
            if "tag" not in response.to.params:
                response.set("To", f"{response.get('To')};tag={self.tag(request)}")
        except SipParseError:
            pass  # a To that cannot be read is given back as it came
        self._env.counters.responses_sent += 1
        destination, otherwise = reply_addresses(request, source, reliable=self._env.reliable)
        self._env.outputs.append(Send(response.to_bytes(), destination, otherwise=otherwise))
        self._env.outputs.append(Refused(source, refusal.status, told or response.reason))

    def full(self, request: Request, source: Address) -> None:
        """There is no room for it."""
        self._env.counters.refused_full += 1
        retry_after = ("Retry-After", str(self._env.limits.retry_after_s))
        self.refuse(request, Refusal(503, headers=(retry_after,)), source)
