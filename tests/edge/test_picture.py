"""What pages are told of an edge: pictures while somebody looks, the messages of a call that is watched, bans that are lifted."""

from __future__ import annotations

import asyncio
from pathlib import Path

from acd_core.link.signals import BanLifted, EdgePicture, PictureWanted, TraceLines, TraceWanted
from acd_core.link.trace_lines import TraceMessage, TraceParty
from gateways.edge import picture
from gateways.edge.trace import trace_files
from tests.edge.test_calls import answered
from tests.edge.world import PATIENCE_S, World, world_in


def scan(world: World) -> None:
    world.phone().request("OPTIONS", headers=("User-Agent: sipcli/v1.8",))


def test_a_picture_shows_who_is_not_heard_and_the_ban_is_lifted_from_the_page(tmp_path: Path) -> None:
    async def story() -> None:
        async with world_in(tmp_path) as world:
            scan(world)
            world.core.signal(PictureWanted(web="web1", on=True))
            seen = await world.core.expect(EdgePicture, lambda one: one.counters["bans"] == 1)
            assert (seen.edge, seen.step, seen.calls) == ("edge1", 0, 0)
            (row,) = seen.sources
            assert (row.source, row.scanner) == ("127.0.0.1", "sipcli")
            assert 590_000 < row.banned_until_ms - seen.at_ms <= 600_000
            world.core.signal(BanLifted(source="127.0.0.1"))
            await world.core.expect(EdgePicture, lambda one: one.counters["banned_now"] == 0)
            phone = world.phone()
            await answered(world, phone)
            seen = await world.core.expect(EdgePicture, lambda one: one.calls == 1)
            assert seen.counters["dialogs"] == 1
            world.core.signal(PictureWanted(web="web1", on=False))
            await world.heard_all()
            world.core.read = len(world.core.heard)
            await asyncio.sleep(0)
            assert world.edge._pictures._webs == {}

    asyncio.run(story())


def test_a_web_process_that_fell_silent_is_told_no_more(tmp_path: Path) -> None:
    async def story() -> None:
        async with world_in(tmp_path) as world:
            world.core.signal(PictureWanted(web="web1", on=True))
            await world.core.expect(EdgePicture)
            world.jump(picture.WANTED_FOR_MS)
            async with asyncio.timeout(10):
                while world.edge._pictures._webs:  # noqa: ASYNC110 - nobody is told of an end
                    await asyncio.sleep(0.01)

    asyncio.run(story())


def test_a_watched_call_is_told_from_its_beginning_on(tmp_path: Path) -> None:
    async def story() -> None:
        async with world_in(tmp_path) as world:
            phone = world.phone()
            call, tag = await answered(world, phone)
            await answered(world, world.phone())
            world.core.signal(TraceWanted(web="web1", peer="page", call=call))
            seen: list[str] = []
            parties: set[str] = set()

            async def until(title: str) -> None:
                while not seen or not seen[-1].startswith(title):
                    told = await world.core.expect(TraceLines)
                    assert (told.web, told.peer) == ("web1", "page")
                    seen.extend(line.text[:12] for line in told.lines if isinstance(line, TraceMessage))
                    parties.update(line.party for line in told.lines if isinstance(line, TraceParty))

            await until("ACK")
            phone.request("BYE", to_tag=tag)
            await until("SIP/2.0 200")
            assert [title.split(" sip")[0] for title in dict.fromkeys(seen)] == [
                *("INVITE", "SIP/2.0 100 ", "SIP/2.0 200 ", "ACK", "BYE")
            ]
            assert parties == {"caller"}
            world.core.signal(TraceWanted(web="web1", peer="page", call=""))
            await world.heard_all()
            assert world.edge._trace_watches._watches == {}

    asyncio.run(story())


def test_files_that_go_or_cannot_be_read_end_nothing(tmp_path: Path) -> None:
    """The oldest goes while others are read; and a flood may take all descriptors."""

    async def story() -> None:
        async with world_in(tmp_path) as world:
            call, _ = await answered(world, world.phone())
            folder = world.config.traces_path / "edge1"
            async with asyncio.timeout(PATIENCE_S):
                while not trace_files(folder):  # noqa: ASYNC110 - the writer tells nobody
                    await asyncio.sleep(0.01)
            (folder / "sip-00000000000001.jsonl").symlink_to(folder / "gone")
            world.core.signal(TraceWanted(web="web1", peer="page", call=call))
            assert (await world.core.expect(TraceLines)).peer == "page"
            (folder / "sip-00000000000002.jsonl").mkdir()
            world.core.signal(TraceWanted(web="web1", peer="other", call=call))
            async with asyncio.timeout(PATIENCE_S):
                while world.edge._trace_watches._watches:  # noqa: ASYNC110 - as above
                    await asyncio.sleep(0.01)
            (folder / "sip-00000000000002.jsonl").rmdir()
            world.core.signal(TraceWanted(web="web1", peer="other", call=call))
            assert (await world.core.expect(TraceLines, lambda told: told.peer == "other")).lines

    asyncio.run(story())


def test_so_many_pages_may_watch(tmp_path: Path) -> None:
    async def story() -> None:
        async with world_in(tmp_path) as world:
            for number in range(picture.WATCHES_MAX + 3):
                world.core.signal(TraceWanted(web="web1", peer=f"p{number}", call="c-1"))
            await world.heard_all()
            assert len(world.edge._trace_watches._watches) == picture.WATCHES_MAX

    asyncio.run(story())
