"""Several edges on one machine: how they are started, and two of them serving one core."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from acd_core.config import Config, Edges, Sip, load_config
from acd_core.domain import commands as cmd
from acd_core.domain import events as ev
from acd_core.link import signals
from acd_core.link.aio import LinkClient
from gateways.edge.phones import phones_path, set_phone_password
from santral.checks import network
from santral.checks.finding import Status
from santral.cli import main
from santral.up.line import stages_of
from tests.edge.foreign import sipp_running
from tests.edge.test_phones import register
from tests.edge.world import Phone, sdp
from tests.support.ports import free_ports

GUARD_S = 30.0

PLAN = """\
name = "two edges"
edge_grace_ms = 500
[[numbers]]
dialled = "185"
service = "Water"
flow = "main"
[prompts.music]
text.tr = "la la la"
[flows.main]
start = "wait"
[flows.main.steps.wait]
type = "queue"
queue = "water"
[queues.water]
name = "Water"
offer_timeout_ms = 20000
wrap_up_ms = 60000
"""

ROSTER = """\
[agents.ada]
name = "Ada"
queues = ["water"]
phone = "101"
[agents.bora]
name = "Bora"
queues = ["water"]
phone = "102"
"""


# How they are started


def test_each_edge_has_a_process_a_readiness_file_and_its_number(tmp_path: Path) -> None:
    config = Config(base_dir=str(tmp_path), edges=Edges(count=3))
    specs = [spec for stage in stages_of(config, {}, None, None) for spec in stage]
    edges = [spec for spec in specs if spec.name.startswith("edge")]
    assert [spec.name for spec in edges] == ["edge", "edge2", "edge3"]
    assert [list(spec.prepare().command[3:]) for spec in edges] == [
        ["edge", "--number", "1"],
        ["edge", "--number", "2"],
        ["edge", "--number", "3"],
    ]
    config.run_path.mkdir(parents=True)
    config.ready_file("edge2").write_text("77\n")
    assert [spec.is_ready(77) for spec in edges] == [False, True, False]


def test_an_edge_that_is_not_configured_is_not_started(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "santral.toml"
    file.write_text("[edges]\ncount = 2\n")
    for number in ("0", "3"):
        assert main(["edge", "--number", number, "--config", str(file)]) == 2
        assert f"there is no edge {number} here: [edges] first is 1, count 2" in capsys.readouterr().err


def test_the_ports_of_all_edges_are_checked(tmp_path: Path) -> None:
    port = free_ports(4)
    sip = Sip(listen_port=port, tcp_port=port, listen_host6="::1")
    config = Config(base_dir=str(tmp_path), sip=sip, edges=Edges(count=2))
    found = network.sip_port(config, None)
    assert found.status is Status.OK
    assert f"TCP ::1 port {port + 2}" in found.text
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", port + 2))
        taken.listen()
        found = network.sip_port(config, None)
    assert found.status is Status.FAIL
    assert f"TCP 127.0.0.1 port {port + 2} is in use" in found.text
    assert "[sip] tcp_port" in found.remedy


# Two of them


class Web:
    """The pages of two operators, scripted."""

    def __init__(self, config: Config) -> None:
        self.heard: list[Any] = []
        self.news, self.up = asyncio.Event(), asyncio.Event()
        self.link = LinkClient(
            config.socket("core"),
            role="web",
            name="web1",
            send_type=signals.ToCore,
            receive_type=signals.FromCore,
            on_message=self._heard,
            on_up=self._up,
            on_down=lambda: None,
        )

    def _up(self, fresh: bool) -> None:
        self.link.send(ev.WebInventory(web="web1", instance=self.link.stream, sessions=()))
        self.up.set()

    def _heard(self, message: Any) -> None:
        self.heard.append(message)
        self.news.set()

    async def view(self, agent: str, check: Any) -> cmd.DeskView:
        """The next view of this agent that is as wished."""
        async with asyncio.timeout(GUARD_S):
            while True:
                for index, message in enumerate(self.heard):
                    if isinstance(message, cmd.DeskView) and message.agent == agent and check(message):
                        del self.heard[: index + 1]
                        return message
                self.news.clear()
                await self.news.wait()

    async def lines(self, wanted: dict[str, int]) -> None:
        """Until the edges have these parts of the trunk."""
        async with asyncio.timeout(GUARD_S):
            while True:
                self.link.signal(signals.PictureWanted(web="web1", on=True))  # also of who connected since
                pictures = [each for each in self.heard if isinstance(each, signals.EdgePicture)]
                if {each.edge: each.trunks[0].capacity for each in pictures} == wanted:
                    break
                self.news.clear()
                await self.news.wait()
        self.link.signal(signals.PictureWanted(web="web1", on=False))

    async def log_in(self, agent: str) -> None:
        """With their phone."""
        self.link.send(ev.SessionOpened(agent=agent, session=agent, web="web1"))
        await self.view(agent, lambda view: view.phone_registered)
        self.link.send(ev.PhoneChosen(agent=agent, session=agent, use=True))
        await self.view(agent, lambda view: view.audio == "phone")

    def ready(self, agent: str) -> None:
        self.link.send(ev.ReadyRequested(agent=agent, session=agent))


class Processes:
    """A core, an audio engine and two edges, as `santral up` starts them."""

    def __init__(self, folder: Path) -> None:
        self.port = free_ports(4)
        rtp = free_ports(40)
        (folder / "plan.toml").write_text(PLAN)
        (folder / "roster.toml").write_text(ROSTER)
        self._file = folder / "santral.toml"
        self._file.write_text(
            f'data_dir = "var"\nplan_file = "plan.toml"\nroster_file = "roster.toml"\n'
            f"[sip]\nlisten_port = {self.port}\n[edges]\ncount = 2\n"
            f"[rtp]\nport_min = {rtp}\nport_max = {rtp + 39}\n"
            "[trunks.carrier]\nhost = '127.0.0.9'\nhealth_s = 0\ncapacity = 3\n"
        )
        self.config = load_config(self._file, {})
        for user in ("101", "102"):
            set_phone_password(phones_path(self.config.data_path), "santral", user, "secret")
        self.running: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, name: str, *arguments: str) -> None:
        """Until it serves."""
        command = [sys.executable, "-m", "santral", *arguments, "--config", str(self._file)]
        self.config.ready_file(name).unlink(missing_ok=True)  # of one that was killed
        process = self.running[name] = subprocess.Popen(command)
        until = time.monotonic() + GUARD_S
        while not self.config.ready_file(name).exists():
            assert process.poll() is None, f"{name} ended"
            assert time.monotonic() < until, f"{name} does not serve"
            time.sleep(0.02)

    def end(self) -> None:
        for process in self.running.values():
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
        for process in self.running.values():
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


@contextlib.asynccontextmanager
async def two_edges(folder: Path) -> AsyncIterator[tuple[Processes, Web]]:
    processes = Processes(folder)
    try:
        processes.start("core", "core")
        await asyncio.gather(
            asyncio.to_thread(processes.start, "media", "media"),
            asyncio.to_thread(processes.start, "edge", "edge"),
            asyncio.to_thread(processes.start, "edge2", "edge", "--number", "2"),
        )
        web = Web(processes.config)
        linking = asyncio.create_task(web.link.run())
        try:
            async with asyncio.timeout(GUARD_S):
                await web.up.wait()
            yield processes, web
        finally:
            linking.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await linking
    finally:
        processes.end()


@pytest.fixture
def folder() -> Iterator[Path]:
    """Short enough for sockets."""
    with tempfile.TemporaryDirectory(prefix="edges") as name:
        yield Path(name)


async def call(port: int, number: str) -> Phone:
    """A caller who hears us."""
    caller = Phone(port)
    await caller.call(body=sdp(), caller=number)
    ok = await caller.response(200)
    caller.ack(ok)
    caller.to_tag = ok.to.tag or ""
    return caller


def test_two_edges_serve_each_others_operators(folder: Path) -> None:
    async def story() -> None:
        async with two_edges(folder) as (processes, web):
            await web.lines({"edge1": 2, "edge2": 1})  # of the three that the carrier allows
            first, second = processes.port, processes.port + 2
            phones = {"ada": Phone(first), "bora": Phone(second)}
            for user, (agent, phone) in zip(("101", "102"), phones.items(), strict=True):
                assert (await register(None, phone, user=user)).status == 200  # type: ignore[arg-type]
                await web.log_in(agent)
            web.ready("ada")
            await web.view("ada", lambda view: view.state == "ready")
            # A call of the second edge is for Ada, whose phone is at the first.
            caller = await call(second, "05320000002")
            invite = await phones["ada"].asked("INVITE")
            assert invite.from_.uri.user_text == "05320000002"
            phones["ada"].reply(invite, 200, body=sdp(42_000))
            await phones["ada"].asked("ACK")
            await web.view("ada", lambda view: view.state == "talking")
            # Her edge dies in the conversation: the caller waits again, and the next operator has the call.
            web.ready("bora")
            await web.view("bora", lambda view: view.state == "ready")
            os.kill(processes.running["edge"].pid, signal.SIGKILL)
            await web.view("ada", lambda view: view.reason == "no_audio")
            invite = await phones["bora"].asked("INVITE")
            assert invite.from_.uri.user_text == "05320000002"
            phones["bora"].reply(invite, 200, body=sdp(41_000))
            await phones["bora"].asked("ACK")
            await web.view("bora", lambda view: view.state == "talking")
            # It is back, and so is her phone. An offer that rings there when it dies again is withdrawn.
            await asyncio.to_thread(processes.start, "edge", "edge")
            assert (await register(None, phones["ada"], user="101")).status == 200  # type: ignore[arg-type]
            await web.view("ada", lambda view: view.phone_registered)
            web.ready("ada")
            await web.view("ada", lambda view: view.state == "ready")
            other = await call(second, "05320000003")
            await phones["ada"].asked("INVITE")
            await web.view("ada", lambda view: view.state == "ringing")
            os.kill(processes.running["edge"].pid, signal.SIGKILL)
            await web.view("ada", lambda view: view.state != "ringing")
            # The first caller hangs up; Bora finishes, and has the one who went on waiting.
            caller.request("BYE", to_tag=caller.to_tag)
            await caller.response(200, "BYE")
            await web.view("bora", lambda view: view.state == "wrap_up")
            web.ready("bora")
            while (invite := await phones["bora"].asked("INVITE")).from_.uri.user_text != "05320000003":
                pass
            # The edge of a call dies: the phone at the other one rings no more once its next process is known.
            await asyncio.to_thread(processes.start, "edge", "edge")
            os.kill(processes.running["edge2"].pid, signal.SIGKILL)
            await web.view("bora", lambda view: view.state != "ringing")
            for phone in (*phones.values(), caller, other):
                phone.close()

    asyncio.run(story())


def test_a_phone_stops_ringing_when_the_calls_edge_is_another_process(folder: Path) -> None:
    async def story() -> None:
        async with two_edges(folder) as (processes, web):
            phone = Phone(processes.port)
            assert (await register(None, phone, user="101")).status == 200  # type: ignore[arg-type]
            await web.log_in("ada")
            web.ready("ada")
            await web.view("ada", lambda view: view.state == "ready")
            caller = await call(processes.port + 2, "05320000002")
            invite = await phone.asked("INVITE")
            phone.reply(invite, 180)
            os.kill(processes.running["edge2"].pid, signal.SIGKILL)
            await asyncio.to_thread(processes.start, "edge2", "edge", "--number", "2")
            await phone.asked("CANCEL")
            await web.view("ada", lambda view: view.state == "ready")
            phone.close()
            caller.close()

    asyncio.run(story())


@pytest.mark.peers
async def test_sipp_calls_and_is_an_operators_phone_at_the_second_edge(folder: Path) -> None:
    async with two_edges(folder) as (processes, web):
        first, second, port = processes.port, processes.port + 2, free_ports(2)
        async with sipp_running("plain", folder, "-s", "185", remote=second) as caller:
            await caller.finish()
        me = ("-s", "102", "-ap", "secret")
        async with sipp_running("register", folder, *me, remote=second, port=port) as phone:
            await phone.finish()
        await web.log_in("bora")
        web.ready("bora")
        await web.view("bora", lambda view: view.state == "ready")
        async with sipp_running("phone_answers", folder, port=port) as phone:
            citizen = await call(first, "05320000001")
            await web.view("bora", lambda view: view.state == "talking")
            citizen.request("BYE", to_tag=citizen.to_tag)
            await citizen.response(200, "BYE")
            await web.view("bora", lambda view: view.state == "wrap_up")
            await phone.finish()
        citizen.close()
