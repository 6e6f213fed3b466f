"""The files behind a link between machines: the secret and the core's certificate, and the TLS contexts made of them.

The core makes both at its first start with `[link] listen`; they are copied to the other machines, which never make any. A
certificate that is pinned itself counts for as long as it is pinned: neither its dates nor its names are looked at, so no wrong
clock and no other address cuts the link. One that an authority signed is checked in the usual way. TLS 1.3 alone is spoken.
"""

from __future__ import annotations

import datetime as dt
import os
import secrets
import ssl
from collections.abc import Mapping
from dataclasses import dataclass

from cryptography import x509

from acd_core.certificate import (
    CertificateFiles,
    certificate_of,
    given_certificate,
    machine_addresses,
    make_certificate,
    write_private,
)
from acd_core.config import Config, ConfigError
from acd_core.machines import host_and_port

SECRET_VARIABLE = "SANTRAL_LINK_SECRET"
SECRET_CHARS_MIN = 32
_VALID = dt.timedelta(days=3650)
_NO_CHECK_TIME = 0x200000  # X509_V_FLAG_NO_CHECK_TIME, which Python's ssl has no name for


@dataclass(frozen=True, slots=True)
class Secure:
    """What one side needs for its connections."""

    tls: ssl.SSLContext
    secret: bytes


def read_secret(config: Config, environ: Mapping[str, str] | None = None) -> bytes:
    """From the environment or the file; a `ConfigError` says what is wrong with it, and never what it is."""
    given = (os.environ if environ is None else environ).get(SECRET_VARIABLE, "")
    place = SECRET_VARIABLE
    if not given:
        file = config.link_secret_file
        place = str(file)
        try:
            mode = file.stat().st_mode
            given = file.read_text(encoding="ascii")
        except OSError as error:
            raise ConfigError(
                f"link: {place} can't be read ({error.strerror}); copy it from the core's machine"
            ) from error
        except UnicodeDecodeError as error:
            raise ConfigError(f"link: {place} is no key: it has other than ASCII") from error
        if mode & 0o077:
            raise ConfigError(f"link: {place} can be read by others; chmod 600 {place}")
    given = given.strip()
    if len(given) < SECRET_CHARS_MIN:
        raise ConfigError(f"link: the key in {place} is shorter than {SECRET_CHARS_MIN} characters")
    return given.encode()


def make_missing(config: Config, environ: Mapping[str, str] | None = None) -> None:
    """On the core's machine: the secret and a certificate, unless they are there or given."""
    folder = config.data_path / "link"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    secret = config.link_secret_file
    if not secret.exists() and SECRET_VARIABLE not in (os.environ if environ is None else environ):
        write_private(secret, (secrets.token_hex(32) + "\n").encode())
    own = _own(config)
    if not config.link.certificate_file and certificate_of(own) is None:
        place = host_and_port(config.link.listen)
        names = [*((place[0],) if place else ()), *machine_addresses()]
        make_certificate(own, list(dict.fromkeys(names)), dt.datetime.now(dt.UTC), _VALID)


def server_side(config: Config) -> Secure:
    """What the core serves with; raises `ConfigError`."""
    files = _own(config)
    if config.link.certificate_file:
        files = CertificateFiles(
            config.resolve(config.link.certificate_file), config.resolve(config.link.key_file)
        )
    given_certificate("link", files)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.minimum_version = ssl.TLSVersion.TLSv1_3
    tls.num_tickets = 0  # every connection has a handshake of its own
    tls.load_cert_chain(files.certificate, files.key, password="")
    return Secure(tls, read_secret(config))


def client_side(config: Config) -> Secure:
    """What another machine connects with; raises `ConfigError`."""
    trusted = config.link_trust_file
    try:
        certificates = x509.load_pem_x509_certificates(trusted.read_bytes())
    except OSError as error:
        raise ConfigError(
            f"link: {trusted} can't be read ({error.strerror}); copy it from the core's machine"
        ) from error
    except ValueError as error:
        raise ConfigError(f"link: {trusted} is no certificate in PEM") from error
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    tls.minimum_version = ssl.TLSVersion.TLSv1_3
    tls.load_verify_locations(trusted)
    if not any(_is_authority(certificate) for certificate in certificates):
        tls.check_hostname = False
        tls.verify_flags = ssl.VerifyFlags(tls.verify_flags | _NO_CHECK_TIME)
        tls.verify_flags |= ssl.VerifyFlags.VERIFY_X509_PARTIAL_CHAIN
    return Secure(tls, read_secret(config))


def _own(config: Config) -> CertificateFiles:
    folder = config.data_path / "link"
    return CertificateFiles(folder / "core.crt", folder / "core.key")


def _is_authority(certificate: x509.Certificate) -> bool:
    try:
        return bool(certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca)
    except x509.ExtensionNotFound:
        return False
