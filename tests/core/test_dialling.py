"""Numbers are judged by the core process before they are written down, whoever asks for them; who dials is connected."""

from __future__ import annotations

import asyncio
from pathlib import Path

from acd_core.config import load_config
from acd_core.domain import commands as cmd
from acd_core.domain import events as ev
from acd_core.journal.reader import read_journal
from acd_core.journal.records import EventRecord
from tests.core.test_process import CoreProcess, Peer, _with_peers, core

__all__ = ["core"]

RULES = """
[trunks.carrier]
host = "192.0.2.10"

[[dial]]
prefix = "90"
trunks = ["carrier"]
"""


def with_rules(core: CoreProcess) -> CoreProcess:
    file = Path(core.config.base_dir) / "santral.toml"
    file.write_text(file.read_text() + RULES)
    return CoreProcess(file, load_config(file, {}))


def test_a_number_is_dialled_or_barred_by_the_rules_of_the_core(core: CoreProcess) -> None:
    ruled = with_rules(core)
    asked = {"agent": "ada", "session": "s"}

    async def story(edge: Peer, web: Peer) -> None:
        offered = await web.hear(cmd.DeskView, lambda view: view.offer is not None)
        assert offered.offer is not None
        web.link.send(ev.OfferRejected(call="c1", offer=offered.offer.offer, **asked))
        await web.hear(cmd.DeskView, lambda view: view.state == "not_ready")
        # What a page says of the verdict is not believed.
        liar = {"to": "+909009009090", "trunks": ("other",)}
        web.link.send(ev.DialRequested(request="r1", number="0900 900 90 90", **asked, **liar))  # type: ignore[arg-type]
        refused = await web.hear(cmd.RequestRefused)
        assert (refused.request, refused.reason) == ("r1", "barred_premium")
        web.link.send(ev.DialRequested(number="0312 123 45 67", barred="barred_short", **asked))
        dial = await edge.hear(cmd.DialOut)
        assert (dial.number, dial.trunks, dial.leg) == ("+903121234567", ("carrier",), "l")
        edge.link.send(ev.DialAnswered(call=dial.call, trunk="carrier"))
        join = await edge.hear(cmd.Join)
        assert (join.call, join.part) == (dial.call, 1)
        edge.link.send(ev.CallerHungUp(call=dial.call))
        view = await web.hear(cmd.DeskView, lambda view: view.state == "wrap_up")
        assert view.call is not None
        assert view.call.outbound
        edge.link.send(
            ev.PhoneDialled(
                edge="edge1", call="d1", user="999", dialled="0312 123 45 67", at_ms=1, number="+903121234567"
            )
        )
        assert (await edge.hear(cmd.RefuseCall)).status == 403

    ruled.start()
    try:
        asyncio.run(_with_peers(ruled.config, story))
    finally:
        ruled.end()
    told = [
        record.event for record in read_journal(ruled.config.journal_path) if isinstance(record, EventRecord)
    ]
    dialled = [event for event in told if isinstance(event, ev.DialRequested | ev.PhoneDialled)]
    assert [(event.to, event.barred) for event in dialled] == [
        ("", "barred_premium"),
        ("+903121234567", ""),
        ("+903121234567", ""),
    ]


def test_without_rules_nothing_is_dialled(core: CoreProcess) -> None:
    async def story(edge: Peer, web: Peer) -> None:
        await web.hear(cmd.DeskView, lambda view: view.offer is not None)
        edge.link.send(ev.CallerHungUp(call="c1"))
        await web.hear(cmd.DeskView, lambda view: view.state == "ready")
        web.link.send(ev.DialRequested(agent="ada", session="s", number="0312 123 45 67"))
        assert (await web.hear(cmd.RequestRefused)).reason == "no_dial_rule"

    core.start()
    asyncio.run(_with_peers(core.config, story))
