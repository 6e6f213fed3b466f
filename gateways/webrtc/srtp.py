"""SRTP with the keys of a DTLS handshake (RFC 3711, RFC 5764 section 4.2, RFC 7714), by libsrtp."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import pylibsrtp
from pylibsrtp import Policy, Session


class Profile(NamedTuple):
    """A protection profile."""

    name: bytes  # as OpenSSL calls it
    number: int  # as libsrtp calls it
    key_bytes: int
    salt_bytes: int


# In our order of preference. AES-GCM is in hardware and costs half of the other.
PROFILES = (
    Profile(b"SRTP_AEAD_AES_128_GCM", Policy.SRTP_PROFILE_AEAD_AES_128_GCM, 16, 12),
    Profile(b"SRTP_AES128_CM_SHA1_80", Policy.SRTP_PROFILE_AES128_CM_SHA1_80, 16, 14),
)

# Of one page; it has one. libsrtp keeps a state for each, for ever, and looks for it one after the other.
_SOURCES_MAX = 16


class Srtp:
    """Both directions of one association in which we were the DTLS server."""

    def __init__(self, profile: Profile, material: bytes) -> None:
        """`material`: client key, server key, client salt, server salt."""
        key, salt = profile.key_bytes, profile.salt_bytes
        salts = 2 * key
        client = material[:key] + material[salts : salts + salt]
        server = material[key:salts] + material[salts + salt :]
        self._inbound = Session(_policy(profile, client, Policy.SSRC_ANY_INBOUND))
        self._outbound = Session(_policy(profile, server, Policy.SSRC_ANY_OUTBOUND))
        self._sources: set[bytes] = set()

    def unprotect(self, packet: bytes) -> bytes | None:
        """The RTP packet in an SRTP packet; None when it is forged, a copy, too old, or of one
        source too many."""
        return self._take(self._inbound.unprotect, packet, packet[8:12])

    def unprotect_rtcp(self, packet: bytes) -> bytes | None:
        """The same for RTCP."""
        return self._take(self._inbound.unprotect_rtcp, packet, packet[4:8])

    def protect(self, packet: bytes) -> bytes:
        """The SRTP packet of an RTP packet."""
        return self._outbound.protect(packet)

    def protect_rtcp(self, packet: bytes) -> bytes:
        """The same for RTCP."""
        return self._outbound.protect_rtcp(packet)

    def _take(self, unprotect: Callable[[bytes], bytes], packet: bytes, source: bytes) -> bytes | None:
        known = source in self._sources
        if not known and len(self._sources) >= _SOURCES_MAX:
            return None
        try:
            plain = unprotect(packet)
        except (pylibsrtp.Error, ValueError):
            return None
        if not known:
            self._sources.add(source)
        return plain


def _policy(profile: Profile, key: bytes, direction: int) -> Policy:
    return Policy(key=key, ssrc_type=direction, srtp_profile=profile.number)
