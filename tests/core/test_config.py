"""`santral.toml` and the environment: what is wrong is named with its place, in one line."""

from __future__ import annotations

from pathlib import Path

import pytest

from acd_core.config import SOCKET_PATH_MAX_BYTES, ConfigError, load_config


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


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="can't be read"):
        load_config(tmp_path / "none.toml", {})
