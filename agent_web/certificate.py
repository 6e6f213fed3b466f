"""The certificate for HTTPS: given files, or one of our own made at first start and again when it is about to
end.

Browsers give no microphone and keep no secure cookie over plain HTTP off localhost, so HTTPS is part of the
product. A certificate of our own is not known to browsers; people see a warning once and can compare the
fingerprint, which is logged.
"""

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

from acd_core.config import Config, ConfigError

_log = logging.getLogger(__name__)

_VALID = dt.timedelta(days=800)  # browsers of Apple refuse more than 825 days
_RENEW_BEFORE = dt.timedelta(days=30)
_LOCALHOST = "localhost"


class CertificateFiles(msgspec.Struct, frozen=True):
    """Certificate and key, both PEM."""

    certificate: Path
    key: Path


def wants_tls(config: Config) -> bool:
    """Whether the pages are served over HTTPS."""
    loopback = ipaddress.ip_address(config.web.listen_host).is_loopback
    return config.web.tls == "on" or (config.web.tls == "auto" and not loopback)


def certificate_files(config: Config, now: dt.datetime) -> CertificateFiles:
    """The files to serve with; makes them when there are none that serve."""
    if config.web.certificate_file:
        given = CertificateFiles(
            config.resolve(config.web.certificate_file), config.resolve(config.web.key_file)
        )
        for path in (given.certificate, given.key):
            if not os.access(path, os.R_OK):
                raise ConfigError(f"web: {path} can't be read")
        _check(given)
        return given
    folder = config.data_path / "tls"
    own = CertificateFiles(folder / "certificate.pem", folder / "key.pem")
    names = served_names(config)
    if not _serves(own, names, now):
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        _make(own, names, now)
    return own


def served_names(config: Config) -> list[str]:
    """All names and addresses people may type: the advertised host, the machine's addresses, localhost."""
    host = config.web.listen_host
    addresses = machine_addresses() if ipaddress.ip_address(host).is_unspecified else [host]
    names = [config.web.advertised_host, *addresses, socket.gethostname(), _LOCALHOST, "127.0.0.1", "::1"]
    return list(dict.fromkeys(_as_served(name) for name in names if name))


def _as_served(name: str) -> str:
    """As browsers ask for it: "şehir.example" is "xn--ehir-45a.example" (RFC 3490)."""
    try:
        return name if name.isascii() else name.encode("idna").decode()
    except UnicodeError as error:
        raise ConfigError(f"web.advertised_host: {name!r} is no name of a machine") from error


def _check(files: CertificateFiles) -> None:
    try:
        # An empty password, so that nobody is asked for one at a terminal that is not there.
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(files.certificate, files.key, password="")
    except (ssl.SSLError, OSError) as error:
        raise ConfigError(
            f"web: {files.certificate} and {files.key} are no certificate and its key without a password, both PEM: {error}"
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


def _serves(files: CertificateFiles, names: list[str], now: dt.datetime) -> bool:
    """Whether our own certificate exists, is for all these names and goes on for a while."""
    try:
        certificate = x509.load_pem_x509_certificate(files.certificate.read_bytes())
        key = serialization.load_pem_private_key(files.key.read_bytes(), password=None)
    except (OSError, ValueError):
        return False
    alternatives = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    known = {str(name.value) for name in alternatives}
    return (
        key.public_key() == certificate.public_key()
        and known >= set(names)
        and certificate.not_valid_before_utc <= now < certificate.not_valid_after_utc - _RENEW_BEFORE
    )


def _make(files: CertificateFiles, names: list[str], now: dt.datetime) -> None:
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
        .not_valid_before(now - dt.timedelta(days=1))  # for browsers whose clock is behind
        .not_valid_after(now + _VALID)
        .add_extension(x509.SubjectAlternativeName([_general_name(name) for name in names]), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    _write(files.key, private)
    _write(files.certificate, certificate.public_bytes(serialization.Encoding.PEM))
    fingerprint = certificate.fingerprint(hashes.SHA256()).hex(":")
    _log.info("made a certificate for %s; its SHA-256 fingerprint is %s", ", ".join(names), fingerprint)


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _write(path: Path, data: bytes) -> None:
    """Whole or not at all, for this user alone."""
    draft = path.with_suffix(".draft")
    draft.unlink(missing_ok=True)
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with open(descriptor, "wb") as file:
        file.write(data)
    draft.replace(path)
