"""The core as a process: a scripted edge and web at the outermost edge of the link, the core killed and started again."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import pytest

from acd_core.config import Config, load_config
from acd_core.domain import commands as cmd
from acd_core.domain import events as ev
from acd_core.journal.reader import read_journal
from acd_core.journal.records import EventRecord
from acd_core.link import signals
from acd_core.link.aio import LinkClient
from tests.core.documents_toml import write_documents

GUARD_S = 30.0
PICTURED: Any = (signals.Wallboard, signals.WallboardDelta)
C = TypeVar("C")


class Peer:
    """A scripted edge or web: keeps what the core says."""

    def __init__(self, config: Config, role: str, inventory: Callable[[], ev.Event], number: int = 1) -> None:
        self.heard: list[Any] = []
        self.ups: list[bool] = []
        self._changed = asyncio.Event()
        self._inventory = inventory
        self.link = LinkClient(
            config.socket("core"),
            role=role,
            name=f"{role}{number}",
            send_type=signals.ToCore,
            receive_type=signals.FromCore,
            on_message=self._on_message,
            on_up=self._on_up,
            on_down=lambda: None,
        )

    def _on_message(self, message: Any) -> None:
        self.heard.append(message)
        self._changed.set()

    def _on_up(self, fresh: bool) -> None:
        self.ups.append(fresh)
        self.link.send(self._inventory())
        self._changed.set()

    async def until(self, find: Callable[[], C | None]) -> C:
        async with asyncio.timeout(GUARD_S):
            while (found := find()) is None:
                self._changed.clear()
                await self._changed.wait()
        return found

    async def hear(self, kind: type[C], where: Callable[[C], bool] = lambda _: True) -> C:
        """The next message of this kind, consumed with all before it."""

        def find() -> C | None:
            for index, message in enumerate(self.heard):
                if isinstance(message, kind) and where(message):
                    del self.heard[: index + 1]
                    return message
            return None

        return await self.until(find)


class CoreProcess:
    """`santral core` as a child."""

    def __init__(self, config_file: Path, config: Config) -> None:
        self.config = config
        self._arguments = [sys.executable, "-m", "santral", "core", "--config", str(config_file)]
        self._limit: list[str] = []
        self._child: subprocess.Popen[bytes] | None = None

    def limit_files(self, size_bytes: int | None) -> None:
        """At the next start: no file grows beyond this, as on a disk that is full."""
        limit = f'ulimit -f {(size_bytes or 0) // 512}; exec "$@"'
        self._limit = [] if size_bytes is None else ["/bin/sh", "-c", limit, "sh"]

    def start(self) -> None:
        self._child = subprocess.Popen([*self._limit, *self._arguments], stderr=subprocess.PIPE)

    def wait(self) -> tuple[int, str]:
        assert self._child is not None
        _, errors = self._child.communicate(timeout=GUARD_S)
        return self._child.returncode, errors.decode()

    def kill(self, number: int = signal.SIGKILL) -> tuple[int, str]:
        assert self._child is not None
        os.kill(self._child.pid, number)
        _, errors = self._child.communicate(timeout=GUARD_S)
        return self._child.returncode, errors.decode()

    def end(self) -> None:
        if self._child is not None and self._child.poll() is None:
            self._child.kill()
            self._child.communicate()


@pytest.fixture
def core() -> Iterator[CoreProcess]:
    with tempfile.TemporaryDirectory(prefix="core") as name:
        folder = Path(name)
        plan, roster = write_documents(folder)
        file = folder / "santral.toml"
        file.write_text(f'plan_file = "{plan}"\nroster_file = "{roster}"\n')
        process = CoreProcess(file, load_config(file, {}))
        try:
            yield process
        finally:
            process.end()


async def _with_peers(config: Config, story: Callable[[Peer, Peer], Awaitable[None]]) -> None:
    held: list[ev.HeldCall] = []
    edge = Peer(
        config,
        "edge",
        lambda: ev.EdgeInventory(
            edge="edge1",
            instance=edge.link.stream,
            calls=tuple(held),
            browser_legs=(ev.BrowserLeg(agent="ada", leg="l"),) if held else (),
        ),
    )
    web = Peer(
        config,
        "web",
        lambda: ev.WebInventory(
            web="web1",
            instance=web.link.stream,
            sessions=(ev.OpenSession(agent="ada", session="s"),) if held else (),
        ),
    )
    tasks = [asyncio.create_task(edge.link.run()), asyncio.create_task(web.link.run())]
    try:
        await edge.until(lambda: edge.ups or None)
        await web.until(lambda: web.ups or None)
        web.link.send(ev.SessionOpened(agent="ada", session="s", web="web1"))
        edge.link.send(ev.CallArrived(call="c1", edge="edge1", caller="5", dialled="185", at_ms=1))
        await edge.hear(cmd.AnswerCaller)
        held.append(ev.HeldCall(call="c1", answered=True))
        play = await edge.hear(cmd.Play)
        edge.link.send(ev.PlaybackDone(call="c1", play=play.play))
        await edge.hear(cmd.PlayMusic)
        edge.link.send(ev.AudioConnected(agent="ada", session="s", edge="edge1", leg="l"))
        await web.hear(cmd.DeskView, lambda view: view.audio == "browser")
        web.link.send(ev.ReadyRequested(agent="ada", session="s"))
        await story(edge, web)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def test_a_killed_core_goes_on_where_it_stopped_and_its_deadlines_still_fire(core: CoreProcess) -> None:
    async def story(edge: Peer, web: Peer) -> None:
        offered = await web.hear(cmd.DeskView, lambda view: view.offer is not None)
        assert offered.offer is not None
        core.kill()
        core.start()
        await edge.until(lambda: len(edge.ups) == 2 or None)
        assert edge.ups == [True, False], "the new core on the same journal is no stranger"
        # Nobody accepts: the deadline that the killed core set is kept by the new one.
        gone = await web.hear(cmd.DeskView, lambda view: view.state == "not_ready")
        assert gone.reason == "no_answer"
        web.link.send(ev.ReadyRequested(agent="ada", session="s"))
        again = await web.hear(cmd.DeskView, lambda view: view.offer is not None)
        assert again.offer is not None
        assert again.offer.call == "c1"
        web.link.send(ev.OfferAccepted(agent="ada", session="s", call="c1", offer=again.offer.offer))
        await edge.hear(cmd.Join)
        edge.link.send(ev.CallerHungUp(call="c1"))
        await web.hear(cmd.DeskView, lambda view: view.state == "wrap_up")

    core.start()
    asyncio.run(_with_peers(core.config, story))
    code, errors = core.kill(signal.SIGTERM)
    assert code == 0, errors
    assert not core.config.ready_file("core").exists()
    kinds = [
        type(record.event).__name__
        for record in read_journal(core.config.journal_path)
        if isinstance(record, EventRecord)
    ]
    assert kinds.count("CoreStarted") == 2
    assert kinds.count("CallArrived") == 1
    assert kinds.count("PlanChanged") == 1, "an unchanged plan is not applied again"


def test_a_core_that_is_stopped_leaves_what_rings_ringing(core: CoreProcess) -> None:
    async def story(edge: Peer, web: Peer) -> None:
        offered = await web.hear(cmd.DeskView, lambda view: view.offer is not None)
        assert offered.offer is not None
        assert (await asyncio.to_thread(core.kill, signal.SIGTERM))[0] == 0
        core.start()
        view = await web.hear(cmd.DeskView)
        assert (view.state, view.offer and view.offer.offer) == ("ringing", offered.offer.offer)
        web.link.send(ev.OfferAccepted(agent="ada", session="s", call="c1", offer=offered.offer.offer))
        await edge.hear(cmd.Join)

    core.start()
    asyncio.run(_with_peers(core.config, story))
    files = [path for path in core.config.journal_path.iterdir() if path.stat().st_mode & 0o077]
    assert not files, "nobody else reads who called"


def test_a_broken_plan_does_not_keep_a_core_with_a_plan_away(core: CoreProcess) -> None:
    plan = Path(core.config.plan_file)

    async def story(edge: Peer, web: Peer) -> None:
        await web.hear(cmd.DeskView, lambda view: view.offer is not None)
        core.kill()
        await asyncio.to_thread(plan.write_text, "[[[")
        core.start()
        await edge.until(lambda: len(edge.ups) == 2 or None)
        await web.hear(cmd.DeskView, lambda view: view.offer is not None)

    core.start()
    asyncio.run(_with_peers(core.config, story))
    _, errors = core.kill(signal.SIGTERM)
    assert "what was in force stays in force" in errors


def test_a_full_disk_is_worth_another_start(core: CoreProcess) -> None:
    core.limit_files(24 * 1024)  # more than the documents and inventories, less than they and the calls

    async def story(edge: Peer, web: Peer) -> None:
        for number in range(300):
            edge.link.send(
                ev.CallArrived(call=f"x{number}", edge="edge1", caller="5" * 60, dialled="185", at_ms=1)
            )
        code, errors = await asyncio.to_thread(core.wait)
        assert code == 1, "with 2 the supervisor would give up on all processes, live calls included"
        assert "free space" in errors
        assert "Traceback" not in errors
        core.limit_files(None)
        core.start()
        await edge.until(lambda: len(edge.ups) == 2 or None)

    core.start()
    asyncio.run(_with_peers(core.config, story))
    _, errors = core.kill(signal.SIGTERM)
    arrived = [
        record.event.call
        for record in read_journal(core.config.journal_path)
        if isinstance(record, EventRecord) and isinstance(record.event, ev.CallArrived)
    ]
    assert arrived == ["c1", *(f"x{number}" for number in range(300))], errors


def test_signals_between_web_and_edge_are_passed_on_and_the_board_is_published(core: CoreProcess) -> None:
    async def story(edge: Peer, web: Peer) -> None:
        web.link.signal(signals.BrowserOffer(web="web1", purpose="agent", peer="s", sdp="v=0", agent="ada"))
        offer = await edge.hear(signals.BrowserOffer)
        assert (offer.web, offer.sdp) == ("web1", "v=0")
        edge.link.signal(signals.BrowserAnswer(web="web1", peer="s", sdp="v=1"))
        assert (await web.hear(signals.BrowserAnswer)).sdp == "v=1"
        edge.link.send(ev.CallerHungUp(call="c1"))
        board = await web.hear(
            PICTURED, lambda picture: picture.head.calls_live == 0 and bool(picture.queues)
        )
        assert [(row.queue, row.abandoned) for row in board.queues] == [("water", 1)]

    core.start()
    asyncio.run(_with_peers(core.config, story))


def test_the_audio_of_browsers_is_spread_over_the_edges_and_comes_back_to_its_conversation(
    core: CoreProcess,
) -> None:
    async def story(edge: Peer, web: Peer) -> None:
        def inventory() -> ev.Event:
            return ev.EdgeInventory(edge="edge2", instance=second.link.stream)

        second = Peer(core.config, "edge", inventory, number=2)
        linking = asyncio.create_task(second.link.run())
        try:
            offered = await web.hear(cmd.DeskView, lambda view: view.offer is not None)
            assert offered.offer is not None
            offer = offered.offer.offer
            web.link.send(ev.OfferAccepted(agent="ada", session="s", call="c1", offer=offer))
            await web.hear(cmd.DeskView, lambda view: view.state == "talking")
            await second.until(lambda: second.ups or None)
            # Ada has her audio at the first edge, so everybody new goes to the second, until it has more.
            for peer, at in (("p1", second), ("p2", edge), ("p3", second), ("ada's page", edge)):
                agent = "ada" if "ada" in peer else "nobody"
                web.link.signal(
                    signals.BrowserOffer(web="web1", purpose="agent", peer=peer, sdp="v=0", agent=agent)
                )
                assert (await at.hear(signals.BrowserOffer)).peer == peer
            for _ in range(2):
                second.link.signal(signals.BrowserAnswer(web="web1", peer="p", error="bad_offer"))
                await web.hear(signals.BrowserAnswer)
            for _ in range(3):
                web.link.signal(
                    signals.BrowserOffer(web="web1", purpose="citizen", peer="visitor", sdp="v=0")
                )
                await second.hear(signals.BrowserOffer)
            # Where an operator can have no audio, nobody is sent at present, though it has the fewest.
            offer = signals.BrowserOffer(web="web1", purpose="citizen", peer="visitor", sdp="v=0")
            for peer, at in (("visitor", second), ("s", edge)):
                for _ in range(3):
                    second.link.signal(signals.BrowserEnded(web="web1", peer=peer, cause="not_connected"))
                    await web.hear(signals.BrowserEnded)
                web.link.signal(offer)
                await at.hear(signals.BrowserOffer)
            second.link.signal(signals.BrowserAnswer(web="web1", peer="s", error="audio_unavailable"))
            await web.hear(signals.BrowserAnswer)
            web.link.signal(offer)
            await edge.hear(signals.BrowserOffer)
        finally:
            linking.cancel()
            await asyncio.gather(linking, return_exceptions=True)

    core.start()
    asyncio.run(_with_peers(core.config, story))


def test_what_pages_want_of_the_edges_is_passed_on_and_what_edges_tell_of_themselves(
    core: CoreProcess,
) -> None:
    async def story(edge: Peer, web: Peer) -> None:
        web.link.signal(signals.PictureWanted(web="somebody else", on=True))
        assert await edge.hear(signals.PictureWanted) == signals.PictureWanted(web="web1", on=True)
        web.link.signal(signals.TraceWanted(web="", peer="p", call="c1"))
        assert await edge.hear(signals.TraceWanted) == signals.TraceWanted(web="web1", peer="p", call="c1")
        web.link.signal(signals.BanLifted(source="192.0.2.1"))
        assert (await edge.hear(signals.BanLifted)).source == "192.0.2.1"
        edge.link.signal(signals.EdgePicture(edge="somebody else", at_ms=1, calls=2, step=0, counters={}))
        assert (await web.hear(signals.EdgePicture)).edge == "edge1"
        edge.link.signal(signals.TraceLines(web="web9", peer="p", lines=()))
        edge.link.signal(signals.TraceLines(web="web1", peer="q", lines=()))
        assert (await web.hear(signals.TraceLines)).peer == "q"

    core.start()
    asyncio.run(_with_peers(core.config, story))


def test_what_is_not_a_senders_business_is_refused_and_all_else_goes_on(core: CoreProcess) -> None:
    async def story(edge: Peer, web: Peer) -> None:
        web.link.send(ev.CallerHungUp(call="c1"))  # only edges may say so
        edge.link.send(ev.CallArrived(call="c2", edge="edge9", caller="5", dialled="185", at_ms=1))
        edge.link.send(msgspec.Raw(b"\x01"))  # no message at all
        view = await web.hear(cmd.DeskView, lambda view: view.offer is not None)
        assert view.offer is not None
        assert view.offer.call == "c1"

    core.start()
    asyncio.run(_with_peers(core.config, story))
    _, errors = core.kill(signal.SIGTERM)
    assert "refused" in errors
    arrived = [
        record.event.call
        for record in read_journal(core.config.journal_path)
        if isinstance(record, EventRecord) and isinstance(record.event, ev.CallArrived)
    ]
    assert arrived == ["c1"]


def test_garbage_on_the_socket_disturbs_nobody(core: CoreProcess) -> None:
    async def story(edge: Peer, web: Peer) -> None:
        for goodbye in (True, False):
            with socket.socket(socket.AF_UNIX) as stranger:
                stranger.settimeout(GUARD_S)
                stranger.connect(str(core.config.socket("core")))
                stranger.sendall(b"\xff" * 4096)
                if goodbye:
                    assert b"frame_size" in await asyncio.to_thread(stranger.recv, 4096)
        edge.link.send(ev.CallerHungUp(call="c1"))
        await web.hear(PICTURED, lambda picture: picture.head.calls_live == 0)
        assert edge.ups == [True]

    core.start()
    asyncio.run(_with_peers(core.config, story))
    code, errors = core.kill(signal.SIGTERM)
    assert code == 0, errors
    assert errors.count("a client was cut off") == 1, "twice for the same reason, within a minute"


def test_a_second_core_on_the_same_journal_is_refused(core: CoreProcess) -> None:
    async def story(edge: Peer, web: Peer) -> None:
        second = CoreProcess(Path(core.config.base_dir) / "santral.toml", core.config)
        second.start()
        assert second._child is not None
        _, errors = await asyncio.to_thread(second._child.communicate, timeout=GUARD_S)
        assert second._child.returncode == 2
        assert b"another core serves this journal" in errors
        edge.link.send(ev.CallerHungUp(call="c1"))
        await web.hear(PICTURED, lambda picture: picture.head.calls_live == 0)

    core.start()
    asyncio.run(_with_peers(core.config, story))


@pytest.mark.parametrize(
    ("broken", "says"),
    [("name = 1", "plan.toml"), ("", "plan.toml"), ("[[[", "plan.toml")],
)
def test_a_broken_plan_is_named_and_the_core_does_not_begin(
    core: CoreProcess, broken: str, says: str
) -> None:
    Path(core.config.plan_file).write_text(broken)
    core.start()
    assert core._child is not None
    _, errors = core._child.communicate(timeout=GUARD_S)
    assert core._child.returncode == 2
    assert says in errors.decode()
    assert "Traceback" not in errors.decode()
