"""All checks, in the order of the table."""

from __future__ import annotations

from collections.abc import Iterator

from acd_core.config import Config
from santral.checks import database, documents, folders, machine, network, trunks
from santral.checks.finding import Check
from santral.places import PAGE


def checks_for(config: Config, running: int | None = None) -> Iterator[Check]:
    """`running` is the pid of the santral that uses the data folder now; its ports are rightly taken."""
    yield Check("data folder", lambda: folders.data_folder(config))
    yield Check("run folder", lambda: folders.run_folder(config))
    yield Check("disk", lambda: folders.disk(config))
    yield Check("SIP port", lambda: network.sip_port(config, running))
    yield Check("web port", lambda: network.web_port(config, running))
    yield Check("RTP ports", lambda: network.rtp_ports(config, running))
    yield Check("browser port", lambda: network.browser_port(config, running))
    yield Check("addresses", lambda: network.addresses(config))
    yield Check("trunks", lambda: trunks.trunks(config), blocks_start=False)
    yield Check("database", lambda: database.database(config))
    yield Check("plan", lambda: documents.plan(config))
    yield Check("roster", lambda: documents.roster(config))
    yield Check("country", lambda: documents.country(config), blocks_start=False)
    yield Check("page", lambda: machine.page(PAGE), blocks_start=False)
    yield Check("speech", machine.speech, blocks_start=False)
    yield Check("browser audio", machine.browser_audio, blocks_start=False)
    yield Check("open files", machine.open_files)
    yield Check("clock", machine.clock)
