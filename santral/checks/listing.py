"""All checks, in the order of the table."""

from __future__ import annotations

from collections.abc import Iterator

from acd_core.config import Config
from santral.checks import database, documents, folders, link, machine, network, trunks
from santral.checks.finding import Check
from santral.places import PAGE


def checks_for(config: Config, running: int | None = None) -> Iterator[Check]:
    """Of the parts that run on this machine. `running` is the pid of the santral that uses the data folder now; its ports are
    rightly taken.
    """
    has_core, has_edge, has_web = (part in config.parts for part in ("core", "edge", "web"))
    yield Check("data folder", lambda: folders.data_folder(config))
    yield Check("run folder", lambda: folders.run_folder(config))
    yield Check("disk", lambda: folders.disk(config))
    if config.link.listen or config.link.core:
        yield Check("link files", lambda: link.link_files(config))
        yield Check("link", lambda: link.link(config, running), blocks_start=bool(config.link.listen))
    if has_edge:
        yield Check("SIP port", lambda: network.sip_port(config, running))
    if has_web:
        yield Check("web port", lambda: network.web_port(config, running))
    if has_edge:
        yield Check("RTP ports", lambda: network.rtp_ports(config, running))
        yield Check("browser port", lambda: network.browser_port(config, running))
    yield Check("addresses", lambda: network.addresses(config))
    if has_edge:
        yield Check("trunks", lambda: trunks.trunks(config), blocks_start=False)
    if has_core or has_web:
        yield Check("database", lambda: database.database(config))
    yield Check("plan", lambda: documents.plan(config))
    yield Check("roster", lambda: documents.roster(config))
    yield Check("country", lambda: documents.country(config), blocks_start=False)
    if has_web:
        yield Check("page", lambda: machine.page(PAGE), blocks_start=False)
    if has_edge:
        yield Check("speech", machine.speech, blocks_start=False)
        yield Check("browser audio", machine.browser_audio, blocks_start=False)
    yield Check("open files", machine.open_files)
    yield Check("clock", machine.clock)
