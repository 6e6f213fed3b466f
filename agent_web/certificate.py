"""The certificate for HTTPS: given files, or one of our own made at first start and again when it is about to
end.

Browsers give no microphone and keep no secure cookie over plain HTTP off localhost, so HTTPS is part of the
product. A certificate of our own is not known to browsers; people see a warning once and can compare the
fingerprint, which is logged.
"""

from __future__ import annotations

import datetime as dt
import ipaddress
import socket

from acd_core.certificate import (
    CertificateFiles,
    given_certificate,
    machine_addresses,
    make_certificate,
    serves,
)
from acd_core.config import Config, ConfigError

_VALID = dt.timedelta(days=800)  # browsers of Apple refuse more than 825 days
_RENEW_BEFORE = dt.timedelta(days=30)
_LOCALHOST = "localhost"


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
        return given_certificate("web", given)
    folder = config.data_path / "tls"
    own = CertificateFiles(folder / "certificate.pem", folder / "key.pem")
    names = served_names(config)
    if not serves(own, names, now + _RENEW_BEFORE, now):
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        make_certificate(own, names, now, _VALID)
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
