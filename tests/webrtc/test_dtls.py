"""The handshake against OpenSSL's own client, in memory."""

from __future__ import annotations

import datetime as dt

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from OpenSSL import SSL
from pylibsrtp import Policy, Session

from gateways.webrtc import dtls
from gateways.webrtc.dtls import Credentials, DtlsError, DtlsServer, State
from gateways.webrtc.srtp import PROFILES, Srtp

RTP = bytes.fromhex("80000001000000a0000000ff") + bytes(160)


class Page:
    """A browser's side."""

    def __init__(self, profile: bytes = b"SRTP_AEAD_AES_128_GCM") -> None:
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "page")])
        now = dt.datetime.now(dt.UTC)
        builder = x509.CertificateBuilder(name, name, key.public_key(), 77, now, now + dt.timedelta(days=1))
        certificate = builder.sign(key, hashes.SHA256())
        self.fingerprints = {
            "sha-256": certificate.fingerprint(hashes.SHA256()).hex(":").upper(),
            "sha-512": certificate.fingerprint(hashes.SHA512()).hex(":").upper(),
        }
        context = SSL.Context(SSL.DTLS_METHOD)
        context.set_verify(SSL.VERIFY_NONE)
        context.use_certificate(certificate)
        context.use_privatekey(key)
        context.set_tlsext_use_srtp(profile)
        self.ssl = SSL.Connection(context)
        self.ssl.set_connect_state()

    def handshake(self) -> bool:
        try:
            self.ssl.do_handshake()
        except SSL.WantReadError:
            return False
        return True

    def datagrams(self) -> list[bytes]:
        try:
            return [self.ssl.bio_read(65536)]
        except SSL.Error:
            return []

    def session(self, profile: bytes, *, outbound: bool) -> Session:
        found = next(one for one in PROFILES if one.name == profile)
        size = 2 * (found.key_bytes + found.salt_bytes)
        material = self.ssl.export_keying_material(b"EXTRACTOR-dtls_srtp", size)
        keys, salts = material[: 2 * found.key_bytes], material[2 * found.key_bytes :]
        half = slice(0, found.key_bytes) if outbound else slice(found.key_bytes, None)
        salt = slice(0, found.salt_bytes) if outbound else slice(found.salt_bytes, None)
        kind = Policy.SSRC_ANY_OUTBOUND if outbound else Policy.SSRC_ANY_INBOUND
        return Session(Policy(key=keys[half] + salts[salt], ssrc_type=kind, srtp_profile=found.number))


def _meet(page: Page, server: DtlsServer) -> Srtp | None:
    """Pass datagrams back and forth until both are done."""
    keys = None
    for _ in range(20):
        done = page.handshake()
        for datagram in page.datagrams():
            keys = server.receive(datagram) or keys
        for datagram in server.datagrams():
            assert len(datagram) <= 1200
            page.ssl.bio_write(datagram)
        if done and server.state is not State.HANDSHAKE:
            return keys
    return keys


@pytest.mark.parametrize("profile", [profile.name for profile in PROFILES])
def test_both_sides_have_the_same_keys(profile: bytes) -> None:
    page = Page(profile)
    server = DtlsServer(Credentials(), page.fingerprints)
    keys = _meet(page, server)
    assert keys is not None
    assert server.state is State.OPEN
    assert keys.unprotect(page.session(profile, outbound=True).protect(RTP)) == RTP
    assert page.session(profile, outbound=False).unprotect(keys.protect(RTP)) == RTP


def test_forged_and_repeated_packets_are_none() -> None:
    page = Page()
    keys = _meet(page, DtlsServer(Credentials(), page.fingerprints))
    assert keys is not None
    packet = page.session(PROFILES[0].name, outbound=True).protect(RTP)
    assert keys.unprotect(packet[:-1] + bytes([packet[-1] ^ 1])) is None
    assert keys.unprotect(b"\x80") is None
    assert keys.unprotect(bytes(2000)) is None
    assert keys.unprotect(packet) == RTP
    assert keys.unprotect(packet) is None
    assert keys.unprotect_rtcp(packet) is None


@pytest.mark.parametrize("name", ["sha-256", "sha-512"])
def test_another_certificate_than_the_offer_s_is_refused(name: str) -> None:
    page = Page()
    fingerprints = page.fingerprints | {name: ":".join(["00"] * (32 if name == "sha-256" else 64))}
    server = DtlsServer(Credentials(), fingerprints)
    if name == "sha-256":  # the stronger one is right, and counts
        assert _meet(page, server) is not None
        return
    with pytest.raises(DtlsError, match="certificate"):
        _meet(page, server)
    assert server.state is State.CLOSED


def test_a_page_without_a_profile_of_ours_is_refused() -> None:
    page = Page(b"SRTP_AES128_CM_SHA1_32")
    with pytest.raises(DtlsError, match="SRTP"):
        _meet(page, DtlsServer(Credentials(), page.fingerprints))


def test_a_page_without_a_certificate_is_refused() -> None:
    page = Page()
    context = SSL.Context(SSL.DTLS_METHOD)
    context.set_tlsext_use_srtp(b"SRTP_AEAD_AES_128_GCM")
    page.ssl = SSL.Connection(context)
    page.ssl.set_connect_state()
    with pytest.raises(DtlsError, match="handshake"):
        _meet(page, DtlsServer(Credentials(), page.fingerprints))


def test_goodbye_of_the_page() -> None:
    page = Page()
    server = DtlsServer(Credentials(), page.fingerprints)
    _meet(page, server)
    page.ssl.shutdown()
    for datagram in page.datagrams():
        server.receive(datagram)
    assert server.state is State.CLOSED


def test_what_nobody_reads_is_neither_kept_nor_hides_the_goodbye() -> None:
    page = Page()
    server = DtlsServer(Credentials(), page.fingerprints)
    _meet(page, server)
    page.ssl.send(bytes(1_000))
    page.ssl.send(bytes(1_000))
    for datagram in page.datagrams():
        server.receive(datagram)
    assert server._ssl.pending() == 0
    page.ssl.shutdown()
    for datagram in page.datagrams():
        server.receive(datagram)
    assert server.state is State.CLOSED


def test_a_page_has_a_bounded_number_of_sources() -> None:
    page = Page()
    keys = _meet(page, DtlsServer(Credentials(), page.fingerprints))
    assert keys is not None
    session = page.session(PROFILES[0].name, outbound=True)
    packets = [RTP[:8] + source.to_bytes(4, "big") + RTP[12:] for source in range(40)]
    heard = [packet for packet in packets if keys.unprotect(session.protect(packet)) is not None]
    assert heard == packets[:16]
    assert keys.unprotect_rtcp(session.protect_rtcp(b"\x80\xc9\x00\x01\xff\xff\xff\xff")) is None
    again = packets[0][:3] + b"\x02" + packets[0][4:]
    assert keys.unprotect(session.protect(again)) == again


def test_goodbye_to_the_page() -> None:
    page = Page()
    server = DtlsServer(Credentials(), page.fingerprints)
    _meet(page, server)
    server.close()
    for datagram in server.datagrams():
        page.ssl.bio_write(datagram)
    with pytest.raises(SSL.ZeroReturnError):
        page.ssl.recv(1)
    server.close()
    assert server.receive(b"\x14anything") is None


def test_rubbish_changes_nothing() -> None:
    page = Page()
    server = DtlsServer(Credentials(), page.fingerprints)
    rubbish = (
        b"\x16",
        b"\x16\xfe\xfd" + bytes(10),
        b"\x17\xfe\xfd" + bytes(8) + b"\xff\xff",
        b"\x15\xfe\xfd" + bytes(50),
    )
    for datagram in rubbish:
        assert server.receive(datagram) is None
    assert server.state is State.HANDSHAKE
    assert _meet(page, server) is not None
    for datagram in rubbish:
        assert server.receive(datagram) is None
    assert server.state is State.OPEN


def test_a_retransmission_before_its_time_is_none() -> None:
    page = Page()
    server = DtlsServer(Credentials(), page.fingerprints)
    page.handshake()
    for datagram in page.datagrams():
        server.receive(datagram)
    assert server.datagrams()
    timeout_s = server.timeout_s()
    assert timeout_s is not None
    assert 0 < timeout_s <= 2
    server.retransmit()
    assert server.datagrams() == []
    assert server.state is State.HANDSHAKE


def test_a_flight_larger_than_a_datagram_is_cut_between_records(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dtls, "_MTU", 300)
    page = Page()
    server = DtlsServer(Credentials(), page.fingerprints)
    page.handshake()
    for datagram in page.datagrams():
        server.receive(datagram)
    datagrams = server.datagrams()
    assert len(datagrams) > 1
    assert max(map(len, datagrams)) <= 300
    for datagram in datagrams:
        page.ssl.bio_write(datagram)
        page.handshake()
    assert _meet(page, server) is not None


def test_an_open_association_wants_no_timer() -> None:
    page = Page()
    server = DtlsServer(Credentials(), page.fingerprints)
    _meet(page, server)
    assert server.timeout_s() is None
