"""What the features see of the core: two ways to tell it something, and whether it can be reached."""

from __future__ import annotations

from typing import Any, Protocol


class CorePort(Protocol):
    """Implemented by `agent_web.core_link.CoreLink`."""

    @property
    def connected(self) -> bool:
        """Whether the link stands."""

    def send(self, message: Any) -> None:
        """An event that must arrive, also when the link is away just now."""

    def signal(self, message: Any) -> bool:
        """A message that nobody repeats; False when the link is away."""
