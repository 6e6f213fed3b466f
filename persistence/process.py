"""The store process: waits for the database, migrates it, then ships the journal until told to stop.

The readiness file is written after the migration: from then on the others may use the database, journal or
not. What was shipped is reported to the core as a signal, which the next report makes up for when it is lost.

A journal with a gap, one that doesn't belong to what the database holds, or a batch that the database refuses is
an error that only a person can mend. It is logged again and again and shipping is tried again, but the process
stays: the telephones and the pages need neither, and stopping would take the whole line with it.
"""

from __future__ import annotations

import asyncio
import logging
import signal

import asyncpg
import uvloop

from acd_core.config import Config
from acd_core.journal.reader import journal_identity
from acd_core.journal.segments import JournalError
from acd_core.link.aio import LinkClient
from acd_core.link.signals import FromCore, StoreProgress
from acd_core.logs import set_up
from acd_core.ready import ReadyFile
from persistence.migrate import MigrationError, migrate, read_migrations
from persistence.pool import connection_when_there, database_dsn, is_away, open_pool
from persistence.postgres import PostgresStore
from persistence.shipper import POLL_INTERVAL_S, Shipper
from persistence.store import RETRY_MAX_S, StoreError

NAME = "store"
MISMATCH_PAUSE_S = 30.0
logger = logging.getLogger(__name__)


def main(config: Config) -> int:
    """Run until SIGTERM or SIGINT; 2 when the database doesn't fit this release."""
    set_up(config, NAME)
    database_dsn(config)
    with ReadyFile(config, NAME) as ready:
        try:
            uvloop.run(_serve(config, ready))
        except MigrationError as error:
            logger.error("%s", error)
            return 2
    return 0


async def _serve(config: Config, ready: ReadyFile) -> None:
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    progress = Progress(config)
    tasks = [
        asyncio.create_task(stopped.wait()),
        asyncio.create_task(progress.run()),
        asyncio.create_task(_ship(config, ready, progress)),
    ]
    done, others = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)
    for task in done:
        await task  # when it failed, this says why


async def _ship(config: Config, ready: ReadyFile, progress: Progress) -> None:
    await _migrate(config)
    async with await open_pool(config, NAME) as pool:
        ready.write()
        while True:
            journal = await _wait_for_journal(config)
            shipper = Shipper(config.journal_path, journal, PostgresStore(pool), progress.report)
            logger.info("shipping journal %s from %s", journal, config.journal_path)
            try:
                await shipper.run()
            except (JournalError, StoreError) as error:
                logger.error("the journal isn't shipped: %s", error)
            except Exception:
                logger.exception("the journal isn't shipped")
            await asyncio.sleep(MISMATCH_PAUSE_S)


async def _migrate(config: Config) -> None:
    """Begins again when the database goes away meanwhile; what was under way was undone."""
    while True:
        try:
            async with connection_when_there(config, NAME) as connection:
                await migrate(connection, read_migrations())
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
            if not is_away(error):
                raise
            logger.warning("the database went away during the migration: %s", error)
            await asyncio.sleep(RETRY_MAX_S)
        else:
            return


async def _wait_for_journal(config: Config) -> str:
    """The core makes it at its first start."""
    while True:
        journal = journal_identity(config.journal_path)
        if journal:
            return journal
        await asyncio.sleep(POLL_INTERVAL_S)


class Progress:
    """Tells the core how far its journal is stored, also whenever the link comes up."""

    def __init__(self, config: Config) -> None:
        self._shipped_seq = 0
        self._client = LinkClient(
            config.socket("core"),
            role=NAME,
            name=NAME,
            send_type=StoreProgress,
            receive_type=FromCore,
            on_message=lambda message: None,
            on_up=lambda fresh: self.report(self._shipped_seq),
            on_down=lambda: None,
        )

    def report(self, shipped_seq: int) -> None:
        self._shipped_seq = shipped_seq
        self._client.signal(StoreProgress(shipped_seq=shipped_seq))

    async def run(self) -> None:
        await self._client.run()
