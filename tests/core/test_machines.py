"""What `santral.toml` says of several machines, and what of it can't be used."""

from __future__ import annotations

from pathlib import Path

import pytest

from acd_core.config import Config, ConfigError, load_config
from acd_core.link.places import Remote, core_place
from acd_core.machines import host_and_port


def loaded(folder: Path, text: str, **environ: str) -> Config:
    file = folder / "santral.toml"
    file.write_text(text)
    return load_config(file, environ)


def test_each_part_may_be_elsewhere(tmp_path: Path) -> None:
    config = loaded(
        tmp_path, 'parts = ["edge"]\n[link]\ncore = "core.example:7400"\n[edges]\nfirst = 3\ncount = 2\n'
    )
    place = core_place(config)
    assert isinstance(place, Remote)
    assert (place.host, place.port, place.name) == ("core.example", 7400, "core.example:7400")
    assert list(config.edges.numbers) == [3, 4]
    assert (config.sip_port_of(3), config.sip_port_of(4)) == (5060, 5062)
    here = loaded(tmp_path, "")
    assert core_place(here) == here.socket("core")
    assert here.parts == ("core", "edge", "web")
    given = loaded(tmp_path, "", SANTRAL_PARTS="core,web", SANTRAL_LINK_LISTEN="[::1]:7400")
    assert (given.parts, host_and_port(given.link.listen)) == (("core", "web"), ("::1", 7400))


def test_ports_of_edges_that_begin_elsewhere_may_be_named(tmp_path: Path) -> None:
    config = loaded(tmp_path, "[edges]\nfirst = 7\ncount = 2\nports = [5060, 5070]\n")
    assert (config.sip_port_of(7), config.sip_port_of(8)) == (5060, 5070)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("parts = []\n", "parts: name core, edge, web or some of them"),
        ('parts = ["core", "core"]\n', "parts: name core, edge, web or some of them, each once"),
        ('parts = ["store"]\n', "parts"),
        ('parts = ["edge"]\n', "link.core: say where the core is"),
        ('[link]\ncore = "10.0.0.1:7400"\n', "link.core: the core runs on this machine"),
        ('parts = ["edge"]\n[link]\ncore = "10.0.0.1"\n', "link.core: '10.0.0.1' is not a host and a port"),
        ('parts = ["edge"]\n[link]\ncore = "::1:7400"\n', "link.core: '::1:7400' is not a host and a port"),
        ('[link]\nlisten = "core.example:7400"\n', "link.listen: 'core.example' is not an IP address"),
        ('[link]\nlisten = "10.0.0.1:70000"\n', "link.listen: '10.0.0.1:70000' is not a host and a port"),
        (
            'parts = ["edge"]\n[link]\ncore = "10.0.0.1:1"\nlisten = "10.0.0.2:1"\n',
            "link: listen is for the core's machine and core for all others",
        ),
        ('parts = ["web"]\n[link]\ncore = "10.0.0.1:7400"\n', "database.dsn: say where the database is"),
        ('[link]\ncertificate_file = "core.pem"\n', "link: certificate_file and key_file go together"),
        ("[link]\nsilence_s = 0\n", "link.silence_s: 0 is not within 1 to 60"),
        ('[link]\nsecret = "x"\n', "unknown field `secret`"),
        ("[edges]\nfirst = 0\n", "edges.first: 0 is not within 1 to 9999"),
    ],
)
def test_what_cannot_be_used_is_named(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(ConfigError) as refused:
        loaded(tmp_path, text)
    assert says in str(refused.value)
