"""Certificates: given files, or one of our own that is made once and signed by nobody else."""

from __future__ import annotations

import datetime as dt
import ipaddress
import logging
import os
import socket
import ssl
from pathlib import Path

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from acd_core.config import ConfigError

_log = logging.getLogger(__name__)


class CertificateFiles(msgspec.Struct, frozen=True):
    """Certificate and key, both PEM."""

    certificate: Path
    key: Path


def given_certificate(section: str, files: CertificateFiles) -> CertificateFiles:
    """These, when they are a certificate and its key; else a `ConfigError` that names the section."""
    for path in (files.certificate, files.key):
        if not os.access(path, os.R_OK):
            raise ConfigError(f"{section}: {path} can't be read")
    _check(section, files)
    return files


def _check(section: str, files: CertificateFiles) -> None:
    try:
        # An empty password, so that nobody is asked for one at a terminal that is not there.
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(files.certificate, files.key, password="")
    except (ssl.SSLError, OSError) as error:
        raise ConfigError(
            f"{section}: {files.certificate} and {files.key} are no certificate and its key without a password, both PEM: {error}"
        ) from error


def machine_addresses() -> list[str]:
    """The addresses by which this machine reaches others. Connecting a UDP socket asks the routing table and
    sends nothing.
    """
    found: list[str] = []
    for family, target in ((socket.AF_INET, "192.0.2.1"), (socket.AF_INET6, "2001:db8::1")):
        try:
            with socket.socket(family, socket.SOCK_DGRAM) as probe:
                probe.connect((target, 9))
                found.append(probe.getsockname()[0])
        except OSError:
            continue  # no route of this family
    return found


def certificate_of(files: CertificateFiles) -> x509.Certificate | None:
    """Our own certificate, when it exists and the key beside it is its key."""
    try:
        certificate = x509.load_pem_x509_certificate(files.certificate.read_bytes())
        key = serialization.load_pem_private_key(files.key.read_bytes(), password=None)
    except (OSError, ValueError):
        return None
    return certificate if key.public_key() == certificate.public_key() else None


def serves(files: CertificateFiles, names: list[str], until: dt.datetime, now: dt.datetime) -> bool:
    """Whether our own certificate exists, is for all these names and holds from now until then."""
    certificate = certificate_of(files)
    if certificate is None:
        return False
    alternatives = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    known = {str(name.value) for name in alternatives}
    return (
        known >= set(names)
        and certificate.not_valid_before_utc <= now <= until < certificate.not_valid_after_utc
    )


def make_certificate(
    files: CertificateFiles, names: list[str], now: dt.datetime, valid: dt.timedelta
) -> None:
    """A new key and a certificate for these names; the fingerprint is logged."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0][:64])])
    usage = x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=False,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))  # for those whose clock is behind
        .not_valid_after(now + valid)
        .add_extension(x509.SubjectAlternativeName([_general_name(name) for name in names]), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    write_private(files.key, private)
    write_private(files.certificate, certificate.public_bytes(serialization.Encoding.PEM))
    fingerprint = certificate.fingerprint(hashes.SHA256()).hex(":")
    _log.info("made a certificate for %s; its SHA-256 fingerprint is %s", ", ".join(names), fingerprint)


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def write_private(path: Path, data: bytes) -> None:
    """Whole or not at all, for this user alone."""
    draft = path.with_suffix(".draft")
    draft.unlink(missing_ok=True)
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with open(descriptor, "wb") as file:
        file.write(data)
    draft.replace(path)
