"""Logging of every process: one line a record to standard error, where `santral up` keeps it by process."""

from __future__ import annotations

import logging
import sys

from acd_core.config import Config


def set_up(config: Config, name: str) -> None:
    """Log records of this process, `name` in front, at the configured level."""
    logging.basicConfig(
        stream=sys.stderr,
        level=config.log_level.upper(),
        format=f"%(asctime)s {name} %(levelname)s %(name)s: %(message)s",
        force=True,
    )
    # Libraries tell their users' mistakes at info; ours are counted and logged once by the code that met them.
    for library in ("asyncio", "aioice", "aiortc", "hypercorn.access", "hypercorn.error"):
        logging.getLogger(library).setLevel(logging.WARNING)
