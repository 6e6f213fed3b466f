"""What runs on a machine that is one of several, and what `santral doctor` says of the way to the core."""

from __future__ import annotations

import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from acd_core.config import Config
from acd_core.machines import Link, Part
from acd_core.telephony import Edges
from santral.checks import Status, checks_for, link
from santral.cli import main
from santral.up.banner import banner
from santral.up.line import stages_of
from tests.link.outside import GUARD_S, core_config, core_doors, other_machine
from tests.support.certificates import Authority
from tests.support.ports import free_port


@pytest.mark.parametrize(
    ("parts", "names"),
    [
        (("core",), ["store", "core"]),
        (("edge",), ["media", "webrtc", "speech", "edge5", "edge6"]),
        (("web",), ["web"]),
        (("core", "edge", "web"), ["store", "core", "media", "webrtc", "speech", "edge5", "edge6", "web"]),
    ],
)
def test_a_machine_starts_its_parts_alone(tmp_path: Path, parts: tuple[Part, ...], names: list[str]) -> None:
    config = Config(base_dir=str(tmp_path), parts=parts, edges=Edges(count=2, first=5))
    stages = stages_of(config, {}, None, None)
    assert [spec.name for stage in stages for spec in stage] == names
    (edge, *_) = [*(spec for stage in stages for spec in stage if spec.name == "edge5"), None]
    assert edge is None or list(edge.prepare().command[3:]) == ["edge", "--number", "5"]


def test_a_machine_is_checked_for_its_parts_and_says_what_it_has(tmp_path: Path) -> None:
    here = Config(base_dir=str(tmp_path))
    assert "link" not in {check.name for check in checks_for(here)}
    core = Config(base_dir=str(tmp_path), parts=("core",), link=Link(listen="127.0.0.1:7400"))
    assert {"link", "link files", "database"} <= {check.name for check in checks_for(core)}
    assert not {"SIP port", "web port", "speech"} & {check.name for check in checks_for(core)}
    assert f"127.0.0.1:7400 (they need secret and core.crt of {tmp_path}/var/link)" in banner(
        core, is_demo=False
    )
    edge = Config(base_dir=str(tmp_path), parts=("edge",), link=Link(core="127.0.0.1:7400"))
    assert not {"database", "web port", "page"} & {check.name for check in checks_for(edge)}
    (link_check,) = [check for check in checks_for(edge) if check.name == "link"]
    assert not link_check.blocks_start, "an edge may start before the core"
    said = banner(edge, is_demo=False)
    assert "core       127.0.0.1:7400" in said
    assert "pages" not in said


def test_the_port_for_other_machines_is_tried(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        config = Config(base_dir=str(tmp_path), link=Link(listen=f"127.0.0.1:{port}"))
        found = link.link(config, None)
        assert (found.status, link.link(config, 77).status) == (Status.FAIL, Status.OK)
        assert "set [link] listen" in found.remedy
    assert link.link(config, None).status is Status.OK


def test_the_doctor_says_whether_the_core_answers_and_how_far_the_clocks_are_apart(tmp_path: Path) -> None:
    config = core_config(tmp_path)
    assert link.link_files(config).text.endswith("(will be made)")
    with core_doors(config):
        there = other_machine(config)
        assert link.link_files(config).status is Status.OK
        assert link.link_files(there).status is Status.OK
        found = link.link(there, None)  # this core's clock says five seconds after 1970
        assert found.status is Status.WARN
        assert "ms ahead of the core's, give or take" in found.text
        shutil.copy2(there.link_secret_file, tmp_path / "kept")
        there.link_secret_file.write_text("0" * 64)
        found = link.link(there, None)
        assert found.status is Status.FAIL
        assert "the core has another key" in found.text
        there.link_secret_file.chmod(0o644)
        assert link.link_files(there).status is Status.FAIL
        assert "chmod 600" in link.link_files(there).text


def test_a_given_certificate_is_looked_at_for_its_end(tmp_path: Path) -> None:
    files = Authority(tmp_path).issue("core")  # until tomorrow
    config = core_config(tmp_path, certificate_file=str(files.certificate), key_file=str(files.key))
    found = link.link_files(config)
    assert found.status is Status.WARN
    assert "ends on 20" in found.text
    files.certificate.unlink()
    assert link.link_files(config).status is Status.FAIL


def test_the_doctor_says_when_no_core_answers(tmp_path: Path) -> None:
    config = core_config(tmp_path)
    with core_doors(config):
        there = other_machine(config)
    gone = Config(
        base_dir=there.base_dir,
        data_dir=there.data_dir,
        parts=("edge",),
        link=Link(core=f"127.0.0.1:{free_port()}"),
    )
    found = link.link(gone, None)
    assert found.status is Status.FAIL
    assert "can't be spoken with" in found.text
    assert "Connection refused" in found.text


@pytest.mark.parametrize("process", ["core", "store"])
def test_no_second_core_is_started_beside_an_edge(
    tmp_path: Path, process: str, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "santral.toml"
    file.write_text('parts = ["edge"]\n[link]\ncore = "192.0.2.1:7400"\n')
    assert main([process, "--config", str(file)]) == 2
    assert "the core runs on another machine (192.0.2.1:7400)" in capsys.readouterr().err


def test_the_pages_find_a_core_on_another_machine(tmp_path: Path) -> None:
    core = core_config(tmp_path)
    with core_doors(core) as doors:
        there = other_machine(core)
        file = tmp_path / "santral.toml"
        file.write_text(
            f'parts = ["web"]\ndata_dir = "{there.data_dir}"\n[link]\ncore = "{core.link.listen}"\n'
            f'[web]\nlisten_port = {free_port()}\n[database]\ndsn = "postgresql://nobody@127.0.0.1:1/nothing"\n'
        )
        pages = subprocess.Popen([sys.executable, "-m", "santral", "web", "--config", str(file)])
        try:
            deadline = time.monotonic() + GUARD_S
            while doors.ups != ["web1"]:
                assert pages.poll() is None
                assert time.monotonic() < deadline
                time.sleep(0.02)
        finally:
            pages.terminate()
            pages.wait(GUARD_S)
