"""Two machines as docs/operations.md has them, joined by TCP alone: calls at one, decided at the other."""

from __future__ import annotations

import asyncio
import re
import shutil
import signal
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from acd_core.domain import commands as cmd
from acd_core.domain import events as ev
from acd_core.journal.reader import read_journal
from acd_core.journal.records import EventRecord
from acd_core.link import signals
from acd_core.link.aio import LinkClient
from gateways.edge.phones import phones_path, set_phone_password
from tests.edge.test_phones import register
from tests.edge.world import Phone
from tests.peers.sipp import Sipp
from tests.support.ports import free_port, free_ports
from tests.support.rtp_phone import RtpPhone
from tests.support.tones import heard, tone
from tests.up.machines import GUARD_S, ROOT, Machine, Network, network

_SECTION = (ROOT / "docs/operations.md").read_text().split("## Several machines\n")[1].split("\n## ")[0]
CONFIGURATIONS = re.findall(r"```toml\n(.*?)```", _SECTION, re.DOTALL)
COMMANDS = [
    line for block in re.findall(r"```sh\n(.*?)```", _SECTION, re.DOTALL) for line in block.splitlines()
]
PLAN = """\
name = "two machines"
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
"""
ROSTER = """\
[agents.ada]
name = "Ada"
queues = ["water"]
phone = "101"
"""
FAR, NEAR, PORT = "198.51.100.1", "198.51.100.2", "7400"


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="machines") as name:
        Path(name).chmod(0o711)
        yield Path(name)


@pytest.fixture(scope="module")
def joined() -> Iterator[Network]:
    with network() as one:
        yield one


@pytest.fixture(scope="module")
def core(folder: Path, joined: Network, port: str) -> Iterator[Machine]:
    documents = folder / "documents"
    documents.mkdir()
    plan, roster = documents / "plan.toml", documents / "roster.toml"
    plan.write_text(PLAN)
    roster.write_text(ROSTER)
    rtp = free_ports(40)
    machine = Machine(
        folder / "core",
        adapted(CONFIGURATIONS[0], joined, port, folder / "core/srv"),
        joined.prefix,
        SANTRAL_PLAN_FILE=str(plan),
        SANTRAL_ROSTER_FILE=str(roster),
        SANTRAL_SIP_LISTEN_HOST=joined.far,
        SANTRAL_RTP_PORT_MIN=str(rtp),
        SANTRAL_RTP_PORT_MAX=str(rtp + 39),
    )
    machine.start()
    yield machine
    machine.stop()


@pytest.fixture(scope="module")
def edge(folder: Path, joined: Network, port: str, core: Machine) -> Iterator[Machine]:
    rtp = free_ports(40)
    machine = Machine(
        folder / "edge",
        adapted(CONFIGURATIONS[1], joined, port, folder / "edge/srv"),
        (),
        SANTRAL_RTP_PORT_MIN=str(rtp),
        SANTRAL_RTP_PORT_MAX=str(rtp + 39),
    )
    early = machine.run("up")
    assert early.returncode == 1
    assert "copy it from the core's machine" in early.stderr
    core.until(lambda: core.pid("core"), "the core serves, and has made the key")
    source, target = core.config.data_path / "link", machine.config.data_path / "link"
    for command in COMMANDS[:3]:
        follow(command, source, target)
    set_phone_password(phones_path(machine.config.data_path), "santral", "101", "secret")
    machine.start()
    machine.until(lambda: machine.pid("edge2"), "the edge serves")
    core.until(lambda: core.pid("web"), "the pages are served")
    yield machine
    machine.stop()


@pytest.fixture(scope="module")
def port(joined: Network) -> str:
    return PORT if joined.prefix else str(free_port())


def adapted(text: str, joined: Network, port: str, data: Path) -> str:
    """As it stands in the documentation, with our folders, and our addresses where there are no namespaces."""
    text = text.replace("/srv/santral", str(data)).replace(PORT, port)
    return text.replace(FAR, joined.far).replace(NEAR, joined.near)


def follow(command: str, source: Path, target: Path) -> None:
    """One of the commands that bring the key to the second machine; `scp` is played by `cp`, as no other machine is there."""
    words = command.split()
    if words[:4] == ["mkdir", "-m", "700", "-p"]:
        target.parent.mkdir(exist_ok=True)
        target.mkdir(0o700)
    elif words[0] == "scp":
        assert words[-1] == "/srv/santral/link/"
        for name in words[1:-1]:
            assert name.startswith(f"{FAR}:/srv/santral/link/"), name
            shutil.copy(source / Path(name).name, target)
    else:
        assert words == ["chmod", "600", "/srv/santral/link/secret"]
        (target / "secret").chmod(0o600)


def journal(core: Machine) -> list[ev.Event]:
    records = read_journal(core.config.journal_path)
    return [record.event for record in records if isinstance(record, EventRecord)]


def test_the_documentation_is_what_is_tested() -> None:
    assert len(CONFIGURATIONS) == 2
    assert COMMANDS[3:] == ["santral doctor", "santral up"]


def test_a_call_at_the_one_machine_is_answered_by_the_core_at_the_other(
    core: Machine, edge: Machine, joined: Network, tmp_path: Path
) -> None:
    doctor = edge.run("doctor")
    assert re.search(
        r"ok +link +the core at \S+ answers within \d+ ms; the clock here is \d+ ms", doctor.stdout
    ), doctor.stdout
    assert re.search(r"ok +link files", doctor.stdout)
    assert "database" not in doctor.stdout
    core.until(lambda: "edge edge2 connected, new" in core.log("core"), "the edge is known")
    assert "link: listening for other machines" in core.log("core")
    caller = Sipp(tmp_path, "short_call", edge.config.sip.listen_port, host=joined.near)
    try:
        caller.finish()
    finally:
        caller.close()
    core.until(lambda: any(isinstance(one, ev.CallerHungUp) for one in journal(core)), "the end is known")
    (arrived,) = [one for one in journal(core) if isinstance(one, ev.CallArrived)]
    assert arrived.edge == "edge2"
    for name in ("journal", "postgres"):
        assert not any((edge.config.data_path / name).glob("*")), "these are the core's"
    traced = edge.run("trace", arrived.call)
    assert traced.returncode == 0
    assert "INVITE" in traced.stdout
    assert "What the journal says of it is on the core's machine." in traced.stdout
    assert (
        "Its SIP messages are on the machine of edge2: run this there."
        in core.run("trace", arrived.call).stdout
    )
    asked = edge.run("mode", "closed")
    assert "the core runs on another machine" in asked.stderr


def test_a_call_outlives_an_edge_that_hangs_a_cable_that_is_pulled_and_a_core_that_dies(
    core: Machine, edge: Machine, joined: Network
) -> None:
    async def until(condition: object, what: str) -> None:
        await asyncio.to_thread(core.until, condition, what)

    async def away_and_back(times: int, began_s: float) -> None:
        await until(lambda: core.log("core").count("edge edge2 is away") == times, "the silence is noticed")
        assert time.monotonic() - began_s < 20, "silence_s is 2, and the machine may be busy"

    async def story() -> None:
        phone = Phone(edge.config.sip.listen_port, joined.near)
        await phone.call()
        answer = await phone.response(200)
        phone.ack(answer)
        connected = core.log("core").count("edge edge2 connected")
        edge.signal("edge2", signal.SIGSTOP)
        try:
            await away_and_back(1, time.monotonic())
        finally:
            edge.signal("edge2", signal.SIGCONT)
        await until(lambda: core.log("core").count("edge edge2 connected") > connected, "the edge is back")
        if joined.prefix:
            joined.cut()
            downs = edge.log("edge2").count("link to the core is down")
            await away_and_back(2, time.monotonic())
            await until(
                lambda: edge.log("edge2").count("link to the core is down") > downs, "the edge noticed"
            )
            joined.mend()
            await until(lambda: edge.log("edge2").count("link to the core is up") >= 3, "they meet again")
        ups = edge.log("edge2").count("link to the core is up")
        dead = core.signal("core", signal.SIGKILL)
        await until(lambda: core.pid("core") not in (0, dead), "another core serves")
        await until(lambda: edge.log("edge2").count("link to the core is up") > ups, "the edge has met it")
        assert (
            "it is a new one" not in edge.log("edge2").rpartition("link to the core is up")[2].splitlines()[0]
        )
        phone.request(
            "INFO", body="Signal=7", content_type="application/dtmf-relay", to_tag=answer.to.tag or ""
        )
        await phone.response(200, "INFO")
        phone.request("BYE", to_tag=answer.to.tag or "")
        await phone.response(200, "BYE")
        phone.close()
        call = [one for one in journal(core) if isinstance(one, ev.CallArrived)][-1].call
        await until(
            lambda: [one.call for one in journal(core) if isinstance(one, ev.CallerHungUp)][-1:] == [call],
            "its end is known",
        )

    asyncio.run(story())
    arrived = Counter(one.call for one in journal(core) if isinstance(one, ev.CallArrived))
    ended = Counter(one.call for one in journal(core) if isinstance(one, ev.CallerHungUp))
    assert arrived == ended, "each once"


def test_an_edge_that_dies_is_started_again_and_serves(
    core: Machine, edge: Machine, joined: Network, tmp_path: Path
) -> None:
    new = core.log("core").count("edge edge2 connected, new")
    dead = edge.signal("edge2", signal.SIGKILL)
    edge.until(lambda: edge.pid("edge2") not in (0, dead), "another edge serves")
    core.until(lambda: core.log("core").count("edge edge2 connected, new") > new, "the core has met it")
    caller = Sipp(tmp_path, "short_call", edge.config.sip.listen_port, host=joined.near)
    try:
        caller.finish()
    finally:
        caller.close()


class Desk:
    """Ada's page, beside the pages that are really served: she works with her phone."""

    def __init__(self, core: Machine) -> None:
        self.views: list[cmd.DeskView] = []
        self.link = LinkClient(
            core.config.socket("core"),
            role="web",
            name="web9",
            send_type=signals.ToCore,
            receive_type=signals.FromCore,
            on_message=lambda message: (
                self.views.append(message) if isinstance(message, cmd.DeskView) else None
            ),
            on_up=lambda fresh: self._log_in(),
            on_down=lambda: None,
        )

    def _log_in(self) -> None:
        self.link.send(ev.WebInventory(web="web9", instance=self.link.stream, sessions=()))
        self.link.send(ev.SessionOpened(agent="ada", session="s", web="web9"))
        self.link.send(ev.PhoneChosen(agent="ada", session="s", use=True))
        self.link.send(ev.ReadyRequested(agent="ada", session="s"))

    async def until(self, state: str) -> None:
        async with asyncio.timeout(GUARD_S):
            while not (self.views and self.views[-1].state == state):  # noqa: ASYNC110 - it is a list
                await asyncio.sleep(0.01)


def session(rtp: RtpPhone, host: str) -> str:
    """An offer or an answer: G.711 at this address."""
    return (
        f"v=0\r\no=- 1 1 IN IP4 {host}\r\ns=-\r\nc=IN IP4 {host}\r\nt=0 0\r\n"
        f"m=audio {rtp.port} RTP/AVP 0\r\na=sendrecv\r\n"
    )


def test_a_caller_at_one_machine_speaks_with_an_operators_phone_at_the_other(
    core: Machine, edge: Machine, joined: Network
) -> None:
    core.start_also("media", "media")
    core.start_also("edge", "edge", "--number", "1")

    async def story() -> None:
        ada, caller = Phone(edge.config.sip.listen_port, joined.near), Phone(0, joined.near)
        caller.edge = (joined.far, core.config.sip.listen_port)
        hers, theirs = RtpPhone(host=joined.near), RtpPhone(host=joined.near)
        assert (await register(None, ada, user="101")).status == 200  # type: ignore[arg-type]
        desk = Desk(core)
        linked = asyncio.create_task(desk.link.run())
        await desk.until("ready")
        await caller.call(body=session(theirs, joined.near))
        invite = await ada.asked("INVITE")
        ada.reply(invite, 200, body=session(hers, joined.near))
        answer = await caller.response(200)
        caller.ack(answer)
        await ada.asked("ACK")
        await desk.until("talking")
        theirs.target = (joined.far, sdp_port(answer.body))
        theirs.say(tone(440, 20.0))
        async with asyncio.timeout(GUARD_S):
            while len(hers.packets) < 25 or not heard(hers.heard()[-4_000:], 440):
                theirs.send_frame()
                hers.receive()
                await asyncio.sleep(0.02)
        caller.request("BYE", to_tag=answer.to.tag or "")
        await caller.response(200, "BYE")
        ada.reply(await ada.asked("BYE"), 200)
        linked.cancel()
        for end in (ada, caller, hers, theirs):
            end.close()

    asyncio.run(story())


def sdp_port(body: bytes) -> int:
    (found,) = re.findall(rb"m=audio (\d+) ", body)
    return int(found)
