"""The command line's word with a running core: the real process, its real socket, and those who ask too much."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from acd_core.config import Config
from acd_core.domain import commands as cmd
from acd_core.domain import events as ev
from acd_core.journal.reader import read_journal
from acd_core.journal.records import EventRecord
from acd_core.journal.snapshot import load_snapshot
from acd_core.link import signals
from acd_core.link.aio import LinkClient
from tests.core.test_process import GUARD_S, CoreProcess, Peer, _with_peers, core

__all__ = ["core"]

NO_DATABASE = {"SANTRAL_DATABASE_DSN": "postgresql://nobody:nothing@127.0.0.1:1/none"}


class Control(Peer):
    """A control connection of this name."""

    def __init__(self, config: Config, name: str) -> None:
        super().__init__(config, "control", lambda: ev.CoreStarted(code_version=""))
        self.link = LinkClient(
            config.socket("core"),
            role="control",
            name=name,
            send_type=Any,
            receive_type=signals.Explained | signals.ModeTold,
            on_message=self._on_message,
            on_up=self._came_up,
            on_down=lambda: None,
        )

    def _came_up(self, fresh: bool) -> None:
        self.ups.append(fresh)
        self._changed.set()


@asynccontextmanager
async def control(config: Config, name: str = "control-1") -> Any:
    peer = Control(config, name)
    task = asyncio.create_task(peer.link.run())
    try:
        await peer.until(lambda: peer.ups or None)
        yield peer
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def santral(core: CoreProcess, *words: str, **environ: str) -> subprocess.CompletedProcess[str]:
    file = Path(core.config.base_dir) / "santral.toml"
    return subprocess.run(
        [sys.executable, "-m", "santral", *words, "--config", str(file)],
        capture_output=True,
        text=True,
        check=False,
        timeout=GUARD_S,
        env={**os.environ, **NO_DATABASE, **environ},
    )


async def asked(core: CoreProcess, *words: str, **environ: str) -> subprocess.CompletedProcess[str]:
    return await asyncio.to_thread(lambda: santral(core, *words, **environ))


@pytest.fixture
def running(core: CoreProcess) -> CoreProcess:
    core.start()
    return core


def test_a_live_call_is_explained_in_sentences_and_as_data(running: CoreProcess) -> None:
    async def story(edge: Peer, web: Peer) -> None:
        await web.hear(cmd.DeskView, lambda view: view.offer is not None)
        told = await asked(running, "explain", "c1", "--language", "en")
        assert told.returncode == 0, told.stderr
        assert "1 operator was free. Ada was chosen: idle longest" in told.stdout
        assert "The call arrived, dialling 185." in told.stdout
        turkish = await asked(running, "explain", "c1", LC_ALL="tr_TR.UTF-8")
        assert "1 operatör boştaydı. Seçilen Ada" in turkish.stdout
        data = json.loads((await asked(running, "explain", "c1", "--json")).stdout)
        assert next(one["step"] for one in data["told"]["reasons"] if one["type"] == "CallStory") == "arrived"
        assert any(one.get("kind") == "offered" and one["agent"] == "ada" for one in data["told"]["reasons"])
        assert data["lines"]

        web.link.send(ev.NotReadyRequested(agent="ada", session="s"))
        await web.hear(cmd.DeskView, lambda view: view.state == "not_ready")
        waits = await asked(running, "explain", "c1", "--language", "en")
        assert "Right now\n  It has waited in ‘Water’ for" in waits.stdout
        assert "Nobody can take it: 1 not ready (Ada)." in waits.stdout
        assert "at the latest it leaves the queue." in waits.stdout

        edge.link.send(ev.CallerHungUp(call="c1"))
        await web.hear(signals.Wallboard | signals.WallboardDelta, lambda board: board.head.calls_live == 0)  # type: ignore[arg-type]
        ended = await asked(running, "explain", "c1", "--language", "en")
        assert "The call ended: the caller hung up." in ended.stdout
        assert "Right now" not in ended.stdout

    asyncio.run(_with_peers(running.config, story))


def test_a_new_core_knows_what_the_killed_one_decided(running: CoreProcess) -> None:
    async def story(edge: Peer, web: Peer) -> None:
        await web.hear(cmd.DeskView, lambda view: view.offer is not None)
        before = json.loads((await asked(running, "explain", "c1", "--json")).stdout)
        running.kill()
        running.start()
        await edge.until(lambda: len(edge.ups) == 2 or None)
        after = json.loads((await asked(running, "explain", "c1", "--json")).stdout)
        assert after["told"]["reasons"][: len(before["told"]["reasons"])] == before["told"]["reasons"]

    asyncio.run(_with_peers(running.config, story))


def test_who_is_not_known_and_who_cannot_be_asked(core: CoreProcess) -> None:
    away = santral(core, "explain", "c1")
    assert away.returncode == 1
    assert "the core does not run here" in away.stderr
    assert "the database can't be read" in away.stderr
    mode = santral(core, "mode", "closed")
    assert mode.returncode == 1
    assert "the core does not run here" in mode.stderr
    core.start()

    async def story(edge: Peer, web: Peer) -> None:
        unknown = await asked(core, "explain", "c-unknown")
        assert unknown.returncode == 1
        assert "nothing is known of call c-unknown: the database can't be read" in unknown.stderr
        assert "Traceback" not in unknown.stderr

    asyncio.run(_with_peers(core.config, story))


def test_the_mode_is_changed_journalled_and_told(running: CoreProcess) -> None:
    async def story(edge: Peer, web: Peer) -> None:
        for mode, said in (("closed", "normal -> closed"), ("emergency", "closed -> emergency")):
            told = await asked(running, "mode", mode, LOGNAME="zeynep")
            assert (told.returncode, told.stdout) == (0, f"mode: {said}\n"), told.stderr

    asyncio.run(_with_peers(running.config, story))
    code, errors = running.kill(15)
    assert code == 0, errors
    records = [one for one in read_journal(running.config.journal_path) if isinstance(one, EventRecord)]
    changes = [one for one in records if isinstance(one.event, ev.ModeChanged)]
    assert [(one.event.mode, one.event.by) for one in changes] == [
        ("closed", "zeynep"),
        ("emergency", "zeynep"),
    ]
    assert {(one.stream, one.number) for one in changes} == {("", 0)}
    snapshot = load_snapshot(running.config.journal_path)
    assert snapshot is not None
    assert not [name for name in (*snapshot.received, *snapshot.undelivered) if name.startswith("control")]


def test_a_control_connection_may_say_two_things(running: CoreProcess) -> None:
    async def story(edge: Peer, web: Peer) -> None:
        async with control(running.config) as peer:
            peer.link.send(ev.CallerHungUp(call="c1"))
            peer.link.signal(signals.StoreProgress(shipped_seq=1))
            peer.link.send(ev.ModeChanged(mode="closed", by="b" * 5_000))
            assert await peer.hear(signals.ModeTold) == signals.ModeTold(before="normal", after="closed")
            peer.link.signal(ev.ModeChanged(mode="emergency"))  # an event without a number is none
            peer.link.signal(signals.ExplainAsked(call="c1"))
            told = (await peer.hear(signals.Explained)).told
            assert told is not None
            assert told.live, "the caller is still there"

    asyncio.run(_with_peers(running.config, story))
    _, errors = running.kill(15)
    assert "from control control-1 was refused" in errors
    [changed] = [
        one.event
        for one in read_journal(running.config.journal_path)
        if isinstance(one, EventRecord) and isinstance(one.event, ev.ModeChanged)
    ]
    assert (changed.mode, len(changed.by)) == ("closed", 64)


def test_eight_at_once_and_as_many_as_one_likes_one_after_the_other(running: CoreProcess) -> None:
    async def story(edge: Peer, web: Peer) -> None:
        for number in range(20):
            async with control(running.config, f"control-{number}"):
                pass
        peers = [Control(running.config, f"control-{number}") for number in range(9)]
        tasks = [asyncio.create_task(peer.link.run()) for peer in peers[:8]]
        for peer in peers[:8]:
            await peer.until(lambda peer=peer: peer.ups or None)  # type: ignore[misc]
        tasks.append(asyncio.create_task(peers[8].link.run()))
        edge.link.send(ev.CallerHungUp(call="c1"))
        await web.hear(signals.Wallboard | signals.WallboardDelta, lambda board: board.head.calls_live == 0)  # type: ignore[arg-type]
        assert not peers[8].ups
        tasks[0].cancel()
        await peers[8].until(lambda: peers[8].ups or None)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    asyncio.run(_with_peers(running.config, story))
    _, errors = running.kill(15)
    assert "8 processes of role control are known already" in errors


def test_nobody_else_takes_the_names_of_control_connections(running: CoreProcess) -> None:
    async def story(edge: Peer, web: Peer) -> None:
        stranger = Control(running.config, "web1")
        task = asyncio.create_task(stranger.link.run())
        web.link.send(ev.NotReadyRequested(agent="ada", session="s"))
        await web.hear(cmd.DeskView, lambda view: view.state == "not_ready")
        assert not stranger.ups
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    asyncio.run(_with_peers(running.config, story))
