"""Where the core is: behind a socket of this machine, or on another machine."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from acd_core.config import Config
from acd_core.machines import host_and_port


@dataclass(frozen=True, slots=True)
class Remote:
    """The core on another machine. Files are read at each connection, so a new key needs no restart."""

    config: Config
    host: str
    port: int

    @property
    def name(self) -> str:
        """As in the configuration."""
        return self.config.link.core


def core_place(config: Config) -> Path | Remote:
    """Where the core is: its socket on this machine, or another machine."""
    place = host_and_port(config.link.core)
    return config.socket("core") if place is None else Remote(config, *place)
