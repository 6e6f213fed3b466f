"""`santral.toml` and the environment: what is wrong is named with its place, in one line."""

from __future__ import annotations

from pathlib import Path

import pytest

from acd_core.config import SOCKET_PATH_MAX_BYTES, ConfigError, load_config
from acd_core.telephony import proxy_address


def written(folder: Path, text: str) -> Path:
    path = folder / "santral.toml"
    path.write_text(text)
    return path


def test_every_key_has_a_default() -> None:
    config = load_config(None, {})
    assert config.sip.listen_port == 5060
    assert config.web.listen_host == "127.0.0.1"


def test_the_environment_goes_over_the_file(tmp_path: Path) -> None:
    path = written(tmp_path, "[web]\nlisten_port = 1111\n[sip]\nlisten_port = 2222\n")
    config = load_config(
        path, {"SANTRAL_WEB_LISTEN_PORT": "3333", "SANTRAL_WEBRTC_LISTEN_HOSTS": "127.0.0.1, ::1"}
    )
    assert (config.web.listen_port, config.sip.listen_port) == (3333, 2222)
    assert config.webrtc.listen_hosts == ("127.0.0.1", "::1")


def test_relative_paths_start_at_the_file(tmp_path: Path) -> None:
    config = load_config(written(tmp_path, 'data_dir = "data"\n'), {})
    assert config.data_path == tmp_path / "data"
    assert config.resolve("plan.toml") == tmp_path / "plan.toml"


def test_a_socket_address_fits_however_long_the_path_is(tmp_path: Path) -> None:
    for folder in ("short", "long" * 50, "a folder with spaces and ğüşiöç"):
        config = load_config(None, {"SANTRAL_DATA_DIR": str(tmp_path / folder)})
        assert len(str(config.socket("core")).encode()) <= SOCKET_PATH_MAX_BYTES
    one = load_config(None, {"SANTRAL_DATA_DIR": str(tmp_path / ("x" * 200))})
    other = load_config(None, {"SANTRAL_DATA_DIR": str(tmp_path / ("y" * 200))})
    assert one.run_path != other.run_path


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[sip]\nport = 1\n", "unknown field `port`"),
        ("colour = 1\n", "unknown field `colour`"),
        ('[sip]\nlisten_port = "x"\n', "$.sip.listen_port"),
        ("[sip]\nlisten_port = 0\n", "sip.listen_port: 0 is not a port"),
        ('[sip]\nlisten_host = "localhost"\n', "sip.listen_host: 'localhost' is not an IP address"),
        ("[rtp]\nport_min = 30000\nport_max = 30000\n", "ports 30000 to 30000 are no range"),
        ("[rtp]\nport_min = 80\n", "no range within 1024 to 65535"),
        ('[web]\nkey_file = "k"\n', "certificate_file and key_file go together"),
        ('[web]\ntls = "maybe"\n', "$.web.tls"),
        ("[core]\njournal_sync_interval_ms = 0\n", "journal_sync_interval_ms is at least 1"),
        ('country = "Turkey"\n', "country: 'Turkey' is not a country code of ISO 3166"),
        ("[sip\n", "not valid TOML"),
        ("[sip]\ntcp_port = 70000\n", "sip.tcp_port: 70000 is not a port (0: not spoken)"),
        ("[sip]\ntcp_port = 5061\ntls_port = 5061\n", "sip.tls_port: 5061 is tcp_port already"),
        ('[sip]\ntls_key_file = "k"\n', "tls_certificate_file and tls_key_file go together"),
        ('[sip]\nlisten_host6 = "127.0.0.2"\n', "is not an IP address of the other family"),
        ("[sip]\ndigest = []\n", "sip.digest: name MD5, SHA-256 or both"),
        ('[sip]\ndigest = ["MD5", "MD5"]\n', "sip.digest: name MD5, SHA-256 or both, each once"),
        ("[sip]\nmin_se_s = 89\n", "min_se_s is at least 90"),
        ("[sip]\nsession_expires_s = 89\n", "session_expires_s at least that (0: no session timer)"),
        ('[sip]\nguard_allow = ["10.0.0.1/8"]\n', "'10.0.0.1/8' is not a network"),
        ("[sip]\ninvites_per_second = 0\n", "invites_per_second at least 1"),
        ("[edges]\ncount = 65\n", "edges.count: 65 is not within 1 to 64"),
        ("[edges]\ncount = 2\nports = [5060]\n", "edges.ports: 1 ports for 2 edges"),
        ("[edges]\ncount = 2\nports = [5060, 5060]\n", "port 5060 is taken by two"),
        ("[edges]\ncount = 2\n[sip]\nlisten_port = 65534\n", "port 65536 is not a port"),
        (
            "[edges]\ncount = 2\n[sip]\ntcp_port = 1\ntls_port = 3\ntls_certificate_file = 'c'\ntls_key_file = 'k'\n",
            "port 3 is taken by two",
        ),
        ("[sip]\ntls_port = 5061\n", "sip.tls_port: needs tls_certificate_file and tls_key_file"),
        ("[trunks.a]\nhost = '192.0.2.1'\ntransport = 'TCP'\n", "transport TCP needs sip.tcp_port"),
        ("[trunks.a]\nhost = '192.0.2.1'\ntransport = 'TLS'\n", "transport TLS needs sip.tls_port"),
        ("[trunks.Carrier]\nhost = '192.0.2.1'\n", "trunks.Carrier: a name has small letters"),
        ("[trunks.carrier]\n", "missing required field `host`"),
        ("[trunks.carrier]\nhost = '192.0.2.256'\n", "host: '192.0.2.256' is neither an IP address nor"),
        ("[trunks.carrier]\nhost = 'a b'\n", "host: 'a b' is neither an IP address nor a host name"),
        ("[trunks.carrier]\nhost = '192.0.2.1'\nhosts = ['x']\n", "hosts: 'x' is not an IP address"),
        ("[trunks.carrier]\nhost = '192.0.2.1'\nproxy = 'a:b'\n", "proxy: 'a:b' is not a host"),
        ("[trunks.carrier]\nhost = '192.0.2.1'\nport = 65536\n", "port: 65536 is not a port"),
        ("[trunks.carrier]\nhost = '192.0.2.1'\ntransport = 'SCTP'\n", "$.trunks[...].transport"),
        ("[trunks.carrier]\nhost = '192.0.2.1'\nregister = true\n", "register: needs a user"),
        ("[trunks.carrier]\nhost = '192.0.2.1'\nincoming = 'digest'\n", "incoming: digest needs a user"),
        ("[trunks.carrier]\nhost = '192.0.2.1'\nincoming = 'tls'\n", "tls needs sip.tls_port and"),
        ("[sip]\nresolver = 'dns.example'\n", "sip.resolver: 'dns.example' is not the address"),
        ("[trunks.carrier]\nhost = '192.0.2.1'\ncapacity = 0\n", "capacity: 0 is not within 1 to"),
        ("[trunks.carrier]\nhost = '192.0.2.1'\nweight = 0\n", "weight at least 1"),
        ("[trunks.carrier]\nhost = '192.0.2.1'\nhealth_s = 1\n", "health_s: 1 is not within 5 to 3600"),
        ("[[dial]]\ntrunks = ['carrier']\n", "dial: rule 1: trunks: there is no [trunks.carrier]"),
        ("[[dial]]\ntrunks = []\n", "dial: rule 1: trunks: name at least one"),
        ("[[dial]]\ntrunks = []\nprefix = '+90'\n", "prefix: '+90' has other than 15 digits"),
        ("[[dial]]\ntrunks = []\nadd = '0,'\n", "add: '0,' has other than digits"),
        ("[[dial]]\ntrunks = []\nstrip = 16\n", "strip: 16 is not within 0 to 15"),
        ("[[dial]]\ntrunks = []\nallow = ['satellite']\n", "$.dial[0].allow[0]"),
    ],
)
def test_what_is_wrong_is_named_with_file_and_reason(tmp_path: Path, text: str, says: str) -> None:
    path = written(tmp_path, text)
    with pytest.raises(ConfigError) as caught:
        load_config(path, {})
    assert says in str(caught.value)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_bad_variable_is_named() -> None:
    with pytest.raises(ConfigError, match="SANTRAL_SIP_LISTEN_PORT: expected a whole number, got 'x'"):
        load_config(None, {"SANTRAL_SIP_LISTEN_PORT": "x"})


def test_trunks_and_dial_rules_are_read(tmp_path: Path) -> None:
    config = load_config(
        written(
            tmp_path,
            """
            [sip]
            tcp_port = 5060
            [trunks.carrier]
            host = "sip.carrier.example"
            transport = "TCP"
            user = "santral"
            register = true
            [trunks.local]
            host = "2001:db8::1"
            secret_file = "keys/local"
            [[dial]]
            prefix = "90"
            trunks = ["carrier", "local"]
            strip = 2
            add = "0"
            allow = ["national", "emergency"]
            """,
        ),
        {},
    )
    assert config.trunks["carrier"].transport == "TCP"
    assert config.trunks["local"].capacity == 30
    assert config.dial[0].trunks == ("carrier", "local")
    assert config.trunk_secret_file("carrier") == tmp_path / "var/trunks/carrier"
    assert config.trunk_secret_file("local") == tmp_path / "var/keys/local"


@pytest.mark.parametrize("name", ["SANTRAL_TRUNKS", "SANTRAL_TRUNKS_CARRIER_HOST", "SANTRAL_DIAL"])
def test_tables_are_not_read_from_the_environment(name: str) -> None:
    with pytest.raises(ConfigError, match=f"{name}: .* is not read from the environment, only from"):
        load_config(None, {name: "x"})


def test_every_edge_has_its_ports() -> None:
    config = load_config(None, {"SANTRAL_EDGES_COUNT": "3", "SANTRAL_SIP_TCP_PORT": "5060"})
    assert [config.sip_port_of(edge) for edge in (1, 2, 3)] == [5060, 5062, 5064]
    assert [config.tcp_port_of(edge) for edge in (1, 2, 3)] == [5060, 5062, 5064]
    assert config.tls_port_of(2) == 0
    config = load_config(
        None,
        {
            "SANTRAL_EDGES_COUNT": "2",
            "SANTRAL_EDGES_PORTS": "5070, 5080",
            "SANTRAL_SIP_TLS_PORT": "5061",
            "SANTRAL_SIP_TLS_CERTIFICATE_FILE": "c",
            "SANTRAL_SIP_TLS_KEY_FILE": "k",
        },
    )
    assert [config.sip_port_of(edge) for edge in (1, 2)] == [5070, 5080]
    assert [config.tls_port_of(edge) for edge in (1, 2)] == [5071, 5081]


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("192.0.2.1", ("192.0.2.1", 0)),
        ("192.0.2.1:5080", ("192.0.2.1", 5080)),
        ("2001:db8::1", ("2001:db8::1", 0)),
        ("proxy.example", ("proxy.example", 0)),
        ("[2001:db8::1]:5080", ("2001:db8::1", 5080)),
        ("proxy.example:5080", ("proxy.example", 5080)),
        ("proxy.example:", None),
        ("proxy.example:0", None),
        ("", None),
    ],
)
def test_a_proxy_is_a_host_and_perhaps_a_port(text: str, address: tuple[str, int] | None) -> None:
    assert proxy_address(text) == address


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="can't be read"):
        load_config(tmp_path / "none.toml", {})
