"""The DTLS handshake that gives SRTP its keys (RFC 5764), as the server, without I/O: datagrams in, datagrams
out.

Browsers know each other by the fingerprints in the SDP and by nothing else (RFC 8122), so the certificate is
made when the process starts and lives in memory, and the page's certificate is held against the offer's
fingerprint once the handshake is done. No cookies: a handshake begins only with somebody whose connectivity
check proved that they have our answer.

OpenSSL writes into memory, where the borders between datagrams are lost; they are found again at the borders
of records, which is why the version is held at DTLS 1.2 (1.3 has other headers).
"""

from __future__ import annotations

import datetime as dt
import enum

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from OpenSSL import SSL

from gateways.webrtc.sdp import HASHES
from gateways.webrtc.srtp import PROFILES, Srtp

_DTLS_1_2 = 0xFEFD
_MTU = 1200  # below what any path carries, as libwebrtc assumes too
_READ_BYTES = 16_384  # the most that a record holds (RFC 6347 section 4.1)
_RECORD_HEADER_BYTES = 13  # RFC 6347 section 4.1
_DIGESTS = {"sha-256": hashes.SHA256(), "sha-384": hashes.SHA384(), "sha-512": hashes.SHA512()}
_CIPHERS = b"ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-ECDSA-AES256-GCM-SHA384"
_KEYS_LABEL = b"EXTRACTOR-dtls_srtp"


class DtlsError(Exception):
    """The handshake failed; the text says how."""


class Credentials:
    """Our certificate and everything about the handshake that legs share."""

    def __init__(self) -> None:
        """Make a key and sign it ourselves."""
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "santral")])
        now = dt.datetime.now(dt.UTC)
        certificate = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - dt.timedelta(days=1))
            .not_valid_after(now + dt.timedelta(days=3650))
            .sign(key, hashes.SHA256())
        )
        self.fingerprint = _fingerprint(certificate, "sha-256")
        self.context = SSL.Context(SSL.DTLS_SERVER_METHOD)
        self.context.set_min_proto_version(_DTLS_1_2)
        self.context.set_max_proto_version(_DTLS_1_2)
        self.context.set_options(SSL.OP_NO_TICKET | SSL.OP_NO_QUERY_MTU | SSL.OP_NO_RENEGOTIATION)
        self.context.set_session_cache_mode(SSL.SESS_CACHE_OFF)
        # Any certificate is let through here; whose it is, is checked by its fingerprint afterwards.
        self.context.set_verify(SSL.VERIFY_PEER | SSL.VERIFY_FAIL_IF_NO_PEER_CERT, lambda *_: True)
        self.context.use_certificate(certificate)
        self.context.use_privatekey(key)
        self.context.set_cipher_list(_CIPHERS)
        self.context.set_tlsext_use_srtp(b":".join(profile.name for profile in PROFILES))


class State(enum.Enum):
    """How far it is."""

    HANDSHAKE = "handshake"
    OPEN = "open"
    CLOSED = "closed"


class DtlsServer:
    """One page's DTLS association."""

    def __init__(self, credentials: Credentials, fingerprints: dict[str, str]) -> None:
        """`fingerprints` of the page's certificate by hash, from its offer; the strongest hash counts."""
        self.state = State.HANDSHAKE
        self._fingerprints = fingerprints
        self._deaf = False  # OpenSSL reads no more, so nothing more may be laid before it
        self._ssl = SSL.Connection(credentials.context)
        self._ssl.set_accept_state()
        self._ssl.set_ciphertext_mtu(_MTU)

    def receive(self, datagram: bytes) -> Srtp | None:
        """Take a datagram; returns the keys when it completed the handshake. Raises `DtlsError` when that
        failed.
        """
        if self.state is State.CLOSED or self._deaf:
            return None
        try:
            self._ssl.bio_write(datagram)
            while self.state is State.OPEN:
                # Nothing but alerts is expected here, and handshake messages once more. All is read, for what
                # stays unread is kept, and hides the goodbye behind it.
                self._ssl.recv(_READ_BYTES)
            self._ssl.do_handshake()
        except SSL.WantReadError:
            return None
        except SSL.ZeroReturnError:  # close_notify (RFC 5246 section 7.2.1)
            self.state = State.CLOSED
            return None
        except SSL.Error as error:
            if self.state is State.OPEN:
                self._deaf = True
                return None  # somebody's forgery can't end what is established
            self.state = State.CLOSED
            raise DtlsError(f"the handshake failed: {error}") from error
        self.state = State.OPEN
        try:
            return self._finish()
        except DtlsError:
            self.close()
            raise

    def datagrams(self) -> list[bytes]:
        """What is to be sent now: records, as many to a datagram as fit."""
        try:
            data = self._ssl.bio_read(65536)
        except SSL.Error:  # nothing there
            return []
        datagrams: list[bytes] = []
        start = begin = 0
        while start + _RECORD_HEADER_BYTES <= len(data):
            length = int.from_bytes(data[start + 11 : start + 13], "big")
            end = start + _RECORD_HEADER_BYTES + length
            if end - begin > _MTU and start > begin:
                datagrams.append(data[begin:start])
                begin = start
            start = end
        datagrams.append(data[begin:])
        return datagrams

    def timeout_s(self) -> float | None:
        """After how long `retransmit` is due; None: not at all."""
        if self.state is not State.HANDSHAKE:
            return None
        return self._ssl.DTLSv1_get_timeout()

    def retransmit(self) -> None:
        """The page did not answer in time: the last flight goes out again with `datagrams`."""
        try:
            self._ssl.DTLSv1_handle_timeout()
        except SSL.Error as error:
            self.state = State.CLOSED
            raise DtlsError("the page does not answer") from error

    def close(self) -> None:
        """Say goodbye, with the next `datagrams`."""
        if self.state is State.OPEN:
            try:
                self._ssl.shutdown()
            except SSL.Error:
                pass
        self.state = State.CLOSED

    def _finish(self) -> Srtp:
        certificate = self._ssl.get_peer_certificate(as_cryptography=True)
        name = next(name for name in HASHES if name in self._fingerprints)
        if certificate is None or _fingerprint(certificate, name) != self._fingerprints[name]:
            raise DtlsError("the page's certificate is not the one of its offer")
        chosen = self._ssl.get_selected_srtp_profile()
        for profile in PROFILES:
            if profile.name == chosen:
                size = 2 * (profile.key_bytes + profile.salt_bytes)
                return Srtp(profile, self._ssl.export_keying_material(_KEYS_LABEL, size))
        raise DtlsError("no SRTP profile in common")


def _fingerprint(certificate: x509.Certificate, name: str) -> str:
    """RFC 8122 section 5."""
    return certificate.fingerprint(_DIGESTS[name]).hex(":").upper()
